"""Appending to a log in a file: what an append records, and what it refuses."""

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

import pytest
from eventsourcing.persistence import StoredEvent

from trialdomain.errors import TrialError
from trialdomain.storage.errors import AppendRefused, LogMoved
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Command, ReadSet, Sealed

Start: TypeAlias = Callable[[str], Callable[[Path], str]]


def events(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", b'{"n":%d}' % version) for version in versions]


def command(name: str, request: str = "the request") -> Command:
    return Command(id=name, request=sha256(request.encode()).digest())


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as plain:
        return plain.execute(query).fetchall()


class TestPositions:
    def test_each_trial_counts_its_own_from_1_without_gaps(self, log: SQLiteStore, path: Path) -> None:
        for version in range(1, 6):
            log.insert_events(events("T1/participant/S1", version))
            log.insert_events(events("T2", 2 * version - 1, 2 * version))
            log.insert_events(events("T10/participant/S1", version))
        found = rows(path, "SELECT trial, group_concat(position) FROM entries GROUP BY trial ORDER BY trial")
        assert found == [("T1", "1,2,3,4,5"), ("T10", "1,2,3,4,5"), ("T2", "1,2,3,4,5,6,7,8,9,10")]
        assert [log.head(trial) for trial in ("T1", "T2", "T10", "T")] == [5, 10, 5, 0]
        assert log.trials() == ["T1", "T10", "T2"]

    def test_entries_of_several_trials_in_one_insert_keep_their_order(self, log: SQLiteStore) -> None:
        mixed = [*events("T1", 1), *events("T2", 1), *events("T1", 2), *events("T2", 2)]
        ids = log.insert_events(mixed)
        noted = {note.id: note for note in log.select_notifications(start=None, limit=10)}
        assert [(noted[i].originator_id, noted[i].originator_version) for i in ids or ()] == [
            ("T1", 1),
            ("T2", 1),
            ("T1", 2),
            ("T2", 2),
        ]

    def test_a_limit_that_an_interrupted_reading_has_left_keeps_no_entry_out(self, log: SQLiteStore) -> None:
        writer = log._connections._writer  # noqa: SLF001 - what an exception at one line of a reading leaves behind
        writer.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000)
        event = StoredEvent("T1", 1, "fact.v1", b"x" * 8_000)
        assert log.append("T1", [Sealed(command("c1"), [event])], read=ReadSet(versions={"T1": 0})).positions == range(
            1, 2
        )

    def test_an_append_says_which_positions_it_got(self, log: SQLiteStore) -> None:
        log.insert_events(events("T2", 1, 2, 3))
        log.insert_events(events("T1", 1))
        done = log.append("T1", [Sealed(command("c1"), events("T1", 2, 3))], read=ReadSet(versions={"T1": 1}))
        assert (list(done.positions), list(done.notifications), done.repeated) == ([2, 3], [5, 6], False)

    def test_every_entry_in_log_order_is_in_stream_order_too(self, log: SQLiteStore) -> None:
        log.insert_events(events("T1", 0, 1))
        for stream in ("T1/é", "T1/\U0001f600/1", "T1/~", "T1/"):
            log.insert_events(events(stream, 1, 2))
        in_log_order = [(entry.originator_id, entry.originator_version) for entry in log.in_log_order("T1")]
        in_stream_order = [(stream, row[1]) for stream, rows in log.streams("T1", until=100) for row in rows]
        assert len(in_log_order) == 10
        assert sorted(in_stream_order) == sorted(in_log_order)

    def test_what_is_longer_than_a_page_is_read_whole(self, log: SQLiteStore) -> None:
        log.insert_events(events("T1", *range(1, 4_502)))
        log.insert_events(events("T1/cohort/1", *range(1, 2_001)))
        assert [entry.position for entry in log.in_log_order("T1")] == list(range(1, 6_502))
        assert sum(len(rows) for _, rows in log.streams("T1", until=6_501)) == 6_501
        assert sum(1 for _ in log.leaves("T1", until=6_501)) == 6_501
        assert [entry.position for entry in log.in_log_order("T1", after=10, until=12)] == [11, 12]


class TestNotificationIds:
    def test_an_id_is_not_given_out_again_after_the_last_entry_was_erased(self, log: SQLiteStore, path: Path) -> None:
        assert log.insert_events(events("T1", 1, 2)) == [1, 2]
        with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
            attacker.execute("DROP TRIGGER entries_no_delete")
            attacker.execute("DELETE FROM entries WHERE rowid = 2")
        with pytest.raises(LogMoved, match="ends at 1, but position 2 was recorded"):
            log.insert_events(events("T1", 2))
        with closing(SQLiteStore(path)) as other:
            assert other.insert_events(events("T1", 2)) == [3]

    def test_an_append_that_was_refused_uses_none_up(self, log: SQLiteStore) -> None:
        with pytest.raises(AppendRefused):
            log.insert_events([*events("T1", 1), *events("T1", 3)])
        assert log.insert_events(events("T1", 1)) == [1]


class TestLeaves:
    @pytest.mark.parametrize("stream", ["T1", "T1/participant/S1", 'T"1\\/\n', "Größe/\U0001f600"])
    def test_a_row_has_the_leaf_that_anyone_can_compute(self, log: SQLiteStore, path: Path, stream: str) -> None:
        log.insert_events([StoredEvent(stream, 1, "participant.infused.v1", b'{"fact":{},"meta":{}}')])
        [(name, version, topic, state, leaf)] = rows(path, "SELECT stream, version, name, state, leaf FROM entries")
        assert isinstance(state, bytes)
        five = {
            "format": "trialdomain-leaf/1",
            "state_sha256": sha256(state).hexdigest(),
            "stream": name,
            "topic": topic,
            "version": version,
        }
        canonical = json.dumps(five, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert leaf == sha256(b"\x00" + canonical.encode()).digest()
        assert name == stream
        assert state == b'{"fact":{},"meta":{}}'
        assert list(log.leaves(stream.partition("/")[0], until=1)) == [leaf]


class TestRefusing:
    @pytest.mark.parametrize("versions", [(2,), (1, 3), (1, 1), (1, 2, 2), (-1,), (1, 0)])
    def test_a_gap_or_a_repetition_in_a_stream_records_nothing(
        self, log: SQLiteStore, versions: tuple[int, ...]
    ) -> None:
        with pytest.raises(AppendRefused, match="the entries were not appended"):
            log.insert_events(events("T1", *versions))
        assert log.head("T1") == 0

    def test_a_refused_append_leaves_neither_entries_nor_command(self, log: SQLiteStore, path: Path) -> None:
        with pytest.raises(AppendRefused):
            log.append("T1", [Sealed(command("c1"), [*events("T1", 1), *events("T1/cohort/1", 2)])])
        assert rows(path, "SELECT * FROM entries") == rows(path, "SELECT * FROM commands") == []
        assert log.recorded_before("T1", command("c1")) is None
        assert list(log.append("T1", [Sealed(command("c1"), events("T1", 1))]).positions) == [1]


class TestContention:
    def test_four_processes_that_decide_on_what_they_read_lose_nothing(self, path: Path, start: Start) -> None:
        processes = [start("contend") for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(lambda ask: ask(path), processes))
        streams = {line.split()[0] for line in said}
        assert len(streams) == 4
        log = SQLiteStore(path, readonly=True)
        entries = list(log.in_log_order("T1"))
        assert [entry.position for entry in entries] == list(range(1, 401))
        assert [e.originator_version for e in entries if e.originator_id == "T1/cohort/1"] == list(range(1, 201))
        for stream in streams:
            assert [e.originator_version for e in entries if e.originator_id == stream] == list(range(1, 51))
        assert rows(path, "SELECT count(*), sum(last - first) FROM commands") == [(200, 200)]
        log.close()


def test_every_refusal_is_one_sentence_of_this_library() -> None:
    log = SQLiteStore(MEMORY)
    log.append("T1", [Sealed(command("c1"), events("T1", 1))])
    refused: list[Callable[[], object]] = [
        lambda: log.insert_events(events("T1", 3)),
        lambda: log.append("T1", [Sealed(command("c2"), [])], read=ReadSet(versions={"T1": 0})),
        lambda: log.append("T1", [Sealed(command("c1", "another request"), [])]),
    ]
    for act in refused:
        with pytest.raises(TrialError) as caught:
            act()
        assert "\n" not in str(caught.value)
    log.close()
