"""The contract of a store, tested through its interface only, so that it holds for every store."""

from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest
from eventsourcing.persistence import StoredEvent
from postgres_server import Server

from trialdomain.errors import LogUnusable, TrialError
from trialdomain.storage.errors import AppendRefused, CommandReused, StoreClosed, StreamMoved
from trialdomain.storage.heads import HeadKeyMissing
from trialdomain.storage.open_store import IN_MEMORY, AddressUnknown, open_store
from trialdomain.storage.store import Command, LogReader, ReadSet, Sealed, Store
from trialdomain.tree.leaf import leaf_hash

KEPT = ("file", "postgres")
"""The stores whose log is there again when it is opened a second time."""


@pytest.fixture(params=(*KEPT, "memory"))
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match request.param:
        case "file":
            return f"sqlite:///{tmp_path / 'log.db'}"
        case "postgres":
            server: Server = request.getfixturevalue("server")
            return server.new_log()
        case _:
            return IN_MEMORY


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    opened = open_store(address)
    yield opened
    opened.close()


def events(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", b'{"n":%d}' % version) for version in versions]


def command(name: str, request: str = "the request") -> Command:
    return Command(id=name, request=sha256(request.encode()).digest())


def record(store: Store, stream: str, *versions: int) -> range:
    """Append some versions, as entries that no command brought about."""
    return store.append(stream.partition("/")[0], [Sealed(None, events(stream, *versions))]).positions


def test_it_has_the_interface(store: Store) -> None:
    assert isinstance(store, Store)
    assert LogReader in Store.__mro__


class TestAppending:
    def test_positions_are_counted_by_trial_from_1_without_gaps(self, store: Store) -> None:
        assert list(record(store, "T1", 1, 2)) == [1, 2]
        assert list(record(store, "T2", 1)) == [1]
        assert list(record(store, "T1/cohort/1", 1)) == [3]
        assert [store.head(trial) for trial in ("T1", "T2", "T")] == [3, 1, 0]
        assert store.trials() == ["T1", "T2"]
        assert [store.version(stream) for stream in ("T1", "T1/cohort/1", "T1/cohort/2")] == [2, 1, 0]

    def test_it_says_what_it_recorded(self, store: Store) -> None:
        done = store.append("T1", [Sealed(command("c1"), events("T1", 1, 2))])
        assert (list(done.positions), done.repeated) == ([1, 2], False)
        assert [(one.position, one.originator_id, one.originator_version, one.state) for one in done.entries] == [
            (1, "T1", 1, b'{"n":1}'),
            (2, "T1", 2, b'{"n":2}'),
        ]

    def test_several_commands_are_all_there_or_none(self, store: Store) -> None:
        some = [Sealed(command("c1"), events("T1", 1)), Sealed(command("c2"), events("T1", 2, 3))]
        assert list(store.append("T1", some).positions) == [1, 2, 3]
        second = store.recorded_before("T1", command("c2"))
        assert second is not None
        assert list(second.positions) == [2, 3]
        with pytest.raises(TrialError):
            store.append("T1", [Sealed(command("c3"), events("T1", 4)), Sealed(command("c1"), events("T1", 5))])
        assert (store.head("T1"), store.recorded_before("T1", command("c3"))) == (3, None)

    def test_a_command_whose_entries_came_before_is_remembered_with_them(self, store: Store) -> None:
        record(store, "T1", 1, 2)
        store.append("T1", [Sealed(command("c1"), events("T1", 3), earlier=2)])
        found = store.recorded_before("T1", command("c1"))
        assert found is not None
        assert list(found.positions) == [1, 2, 3]

    def test_what_is_sealed_late_is_sealed_once(self, store: Store) -> None:
        asked: list[int] = []

        def seal(number: int) -> list[StoredEvent]:
            asked.append(number)
            return events(f"T{number}", 1)

        counts = []
        for number in (1, 2, 3):
            asked.clear()
            store.append(f"T{number}", [Sealed(command("c1"), partial(seal, number))])
            counts.append(len(asked))
            store.append(f"T{number}", [Sealed(command("c1"), partial(seal, number))])
            assert (len(asked), store.head(f"T{number}")) == (counts[-1], 1)
        # A store that compares the times asks again where an append came late, but hardly each time.
        assert counts == [1, 1, 1] or (store.compares_times and min(counts) == 1)

    @pytest.mark.parametrize("versions", [(2,), (1, 3), (1, 1), (1, 2, 2)])
    def test_a_gap_or_a_repetition_in_a_stream_records_nothing(self, store: Store, versions: tuple[int, ...]) -> None:
        with pytest.raises(AppendRefused):
            store.append("T1", [Sealed(command("c1"), events("T1", *versions))])
        assert (store.head("T1"), store.recorded_before("T1", command("c1"))) == (0, None)
        assert list(record(store, "T1", 1)) == [1]

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [(events("T2", 1), "stream T2 is not of trial T1"), (events("T1", 0), "stream T1 cannot have a version 0")],
    )
    def test_an_entry_of_another_trial_or_of_version_0_records_nothing(
        self, store: Store, wrong: list[StoredEvent], why: str
    ) -> None:
        with pytest.raises(AppendRefused, match=why):
            store.append("T1", [Sealed(command("c1"), [*events("T1/cohort/1", 1), *wrong])])
        assert store.trials() == []


class TestCommands:
    def test_the_same_request_gets_the_first_result_and_appends_nothing(self, store: Store) -> None:
        first = store.append("T1", [Sealed(command("c1"), events("T1", 1, 2))])
        again = store.append("T1", [Sealed(command("c1"), events("T1", 3))])
        assert (again.positions, again.repeated) == (first.positions, True)
        assert store.head("T1") == 2
        assert store.recorded_before("T1", command("c1")) == again

    def test_so_does_a_command_that_recorded_nothing(self, store: Store) -> None:
        first = store.append("T1", [Sealed(command("c1"), [])])
        again = store.append("T1", [Sealed(command("c1"), events("T1", 1))])
        assert (list(first.positions), list(again.positions)) == ([], [])
        assert (first.repeated, again.repeated, store.head("T1")) == (False, True, 0)

    def test_another_request_under_the_same_id_is_refused(self, store: Store) -> None:
        store.append("T1", [Sealed(command("c1"), events("T1", 1))])
        with pytest.raises(CommandReused, match="command c1 was recorded before with another request"):
            store.append("T1", [Sealed(command("c1", "another request"), events("T1", 2))])
        with pytest.raises(CommandReused):
            store.recorded_before("T1", command("c1", "another request"))
        assert store.head("T1") == 1

    def test_two_trials_may_use_the_same_id(self, store: Store) -> None:
        store.append("T1", [Sealed(command("c1"), events("T1", 1))])
        assert not store.append("T2", [Sealed(command("c1", "another request"), events("T2", 1))]).repeated

    def test_a_command_that_was_recorded_is_repeated_even_if_a_stream_moved_since(self, store: Store) -> None:
        read = ReadSet(versions={"T1": 0})
        store.append("T1", [Sealed(command("c1"), events("T1", 1))], read=read)
        record(store, "T1", 2)
        assert store.append("T1", [Sealed(command("c1"), events("T1", 1))], read=read).repeated

    @pytest.mark.parametrize("earlier", [-1, 2])
    def test_a_command_has_no_more_entries_than_the_log(self, store: Store, earlier: int) -> None:
        record(store, "T1", 1)
        with pytest.raises(AppendRefused, match="command c1 cannot have"):
            store.append("T1", [Sealed(command("c1"), events("T1", 2), earlier=earlier)])
        assert (store.head("T1"), store.recorded_before("T1", command("c1"))) == (1, None)

    def test_a_command_has_an_id(self, store: Store) -> None:
        with pytest.raises(AppendRefused, match="a command needs an id"):
            store.append("T1", [Sealed(command(""), events("T1", 1))])
        assert store.head("T1") == 0


class TestReadSet:
    @pytest.mark.parametrize("read", [0, 2, 5])
    def test_a_stream_that_is_not_where_it_was_read_is_a_conflict(self, store: Store, read: int) -> None:
        record(store, "T1/cohort/1", 1)
        with pytest.raises(StreamMoved) as caught:
            store.append(
                "T1", [Sealed(command("c1"), events("T1", 1))], read=ReadSet(versions={"T1": 0, "T1/cohort/1": read})
            )
        assert (caught.value.stream, caught.value.read, caught.value.found) == ("T1/cohort/1", read, 1)
        assert (store.head("T1"), store.recorded_before("T1", command("c1"))) == (1, None)

    def test_more_streams_than_are_asked_for_at_once(self, store: Store) -> None:
        streams = {f"T1/participant/S{number}": 0 for number in range(70)}
        assert store.append("T1", [Sealed(command("c1"), events("T1", 1))], read=ReadSet(versions=streams)).positions
        record(store, "T1/participant/S69", 1)
        with pytest.raises(StreamMoved):
            store.append("T1", [Sealed(command("c2"), events("T1", 2))], read=ReadSet(versions=streams))

    def test_one_more_entry_anywhere_is_a_conflict_where_the_whole_trial_was_read(self, store: Store) -> None:
        record(store, "T1", 1)
        record(store, "T1/participant/new", 1)
        with pytest.raises(StreamMoved):
            store.append("T1", [Sealed(command("c1"), events("T1", 2))], read=ReadSet(position=1))
        assert store.append("T1", [Sealed(command("c1"), events("T1", 2))], read=ReadSet(position=2)).positions

    def test_a_decision_that_read_more_than_the_log_has_read_another_log(self, store: Store) -> None:
        record(store, "T1", 1)
        with pytest.raises(StreamMoved) as caught:
            store.append("T1", [Sealed(command("c1"), events("T1", 2))], read=ReadSet(position=2))
        assert (caught.value.stream, caught.value.read, caught.value.found) == ("T1", 2, 1)
        assert store.head("T1") == 1

    def test_but_not_one_of_a_kind_that_was_passed_over(self, store: Store) -> None:
        record(store, "T1", 1)
        record(store, "T1/participant/new", 1)
        read = ReadSet(position=1, passed_over=frozenset({"fact.v1", "other.v1"}))
        assert list(store.append("T1", [Sealed(command("c1"), events("T1", 2))], read=read).positions) == [3]

    def test_entries_of_another_trial_are_none_of_it(self, store: Store) -> None:
        record(store, "T1", 1)
        record(store, "T2", 1)
        assert store.append("T1", [Sealed(command("c1"), events("T1", 2))], read=ReadSet(position=1)).positions


class TestReading:
    @pytest.fixture
    def filled(self, store: Store) -> Store:
        for stream in ("T1", "T1/participant/S1", "T1/cohort/1", "T10", "T1.a/cohort/1", "T1-b", "T1_c/participant/S1"):
            record(store, stream, 1, 2)
        return store

    def test_streams_begin_with_the_trials_own_and_keep_to_it(self, filled: Store) -> None:
        found = [(stream, [row[1] for row in rows]) for stream, rows in filled.streams("T1", until=100)]
        assert found == [("T1", [1, 2]), ("T1/cohort/1", [1, 2]), ("T1/participant/S1", [1, 2])]
        assert [stream for stream, _ in filled.streams("T1", until=100, leave_out={"T1/cohort/1"})] == [
            "T1",
            "T1/participant/S1",
        ]

    def test_up_to_a_position(self, filled: Store) -> None:
        assert [(stream, len(rows)) for stream, rows in filled.streams("T1", until=3)] == [
            ("T1", 2),
            ("T1/participant/S1", 1),
        ]
        assert [row[0] for row in filled.stream("T1/participant/S1", until=3)] == [3]
        assert filled.stream("T1/participant/none", until=100) == []

    def test_by_position_and_from_the_last_back(self, filled: Store) -> None:
        assert [entry.position for entry in filled.in_log_order("T1")] == [1, 2, 3, 4, 5, 6]
        assert [entry.position for entry in filled.in_log_order("T1", after=2, until=4)] == [3, 4]
        assert [entry.position for entry in filled.latest_first("T1", until=4)] == [4, 3, 2, 1]

    def test_what_is_appended_meanwhile_is_left_out(self, filled: Store) -> None:
        entries = filled.in_log_order("T1")
        first = next(entries)
        record(filled, "T1", 3)
        assert [first.position, *(entry.position for entry in entries)] == [1, 2, 3, 4, 5, 6]

    def test_more_than_a_page(self, store: Store) -> None:
        record(store, "T1", *range(1, 4_502))
        assert [entry.position for entry in store.in_log_order("T1")] == list(range(1, 4_502))
        assert [entry.position for entry in store.latest_first("T1", until=4_501)] == list(range(4_501, 0, -1))
        assert len(list(store.leaves("T1", until=4_501))) == len(store.stream("T1", until=4_501)) == 4_501

    def test_leaves_are_what_anyone_can_compute(self, filled: Store) -> None:
        entries = filled.in_log_order("T1")
        computed = [
            leaf_hash(stream=str(e.originator_id), version=e.originator_version, topic=e.topic, state=e.state)
            for e in entries
        ]
        assert list(filled.leaves("T1", until=6)) == computed
        assert list(filled.leaves("T1", until=2)) == computed[:2]

    def test_notes_are_kept_once_the_newest_last(self, filled: Store) -> None:
        for size, note in ((4, "four"), (2, "two"), (4, "four")):
            filled.keep_note("T1", size, note)
        assert filled.notes("T1") == [(2, "two"), (4, "four")]
        assert filled.notes("T10") == []

    def test_a_reader_may_append_between_two_rows(self, filled: Store) -> None:
        for number, _ in enumerate(filled.streams("T1", until=6), start=3):
            record(filled, "T1", number)
        assert filled.version("T1") == 5


class TestAlone:
    def test_what_it_reads_stays_so_until_what_it_appends_is_recorded(self, store: Store) -> None:
        def work() -> int:
            seen = store.head("T1")
            store.append("T1", [Sealed(command("c1"), events("T1", 1))], within=True)
            return store.head("T1") - seen

        assert store.alone(work) == 1
        assert store.head("T1") == 1

    def test_an_error_of_ours_keeps_what_was_appended_before_it(self, store: Store) -> None:
        def work() -> None:
            store.append("T1", [Sealed(command("c1"), events("T1", 1))], within=True)
            store.append("T1", [Sealed(command("c2"), events("T1", 3))], within=True)

        with pytest.raises(AppendRefused):
            store.alone(work)
        assert (store.head("T1"), store.recorded_before("T1", command("c2"))) == (1, None)

    def test_any_other_exception_keeps_nothing(self, store: Store) -> None:
        def work() -> None:
            store.append("T1", [Sealed(command("c1"), events("T1", 1))], within=True)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.alone(work)
        assert store.head("T1") == 0

    def test_other_threads_come_after_it(self, store: Store) -> None:
        other = Thread(target=lambda: record(store, "T1", 2))

        def work() -> None:
            other.start()
            store.append("T1", [Sealed(command("c1"), events("T1", 1))], within=True)

        store.alone(work)
        other.join(10)
        assert [entry.originator_version for entry in store.in_log_order("T1")] == [1, 2]


class TestFollowing:
    def test_from_the_beginning_and_on(self, store: Store) -> None:
        record(store, "T1", 1)
        with store.follow() as following:
            first = next(following)
            record(store, "T2", 1)
            second = next(following)
        assert [(one.originator_id, one.originator_version) for one in (first, second)] == [("T1", 1), ("T2", 1)]
        assert second.id > first.id

    def test_after_one_and_of_some_names(self, store: Store) -> None:
        record(store, "T1", 1, 2)
        store.append("T1", [Sealed(None, [StoredEvent("T1", 3, "other.v1", b"{}")])])
        with store.follow(names=["other.v1"]) as following:
            found = next(following)
        with store.follow(after=found.id - 1) as following:
            assert next(following).id == found.id


class TestOpening:
    def test_a_closed_store_says_so(self, store: Store) -> None:
        store.close()
        store.close()
        for act in (lambda: store.head("T1"), lambda: record(store, "T1", 1)):
            with pytest.raises(StoreClosed):
                act()

    def test_without_a_signer_nothing_is_signed(self, store: Store) -> None:
        record(store, "T1", 1)
        with pytest.raises(HeadKeyMissing):
            store.begin_signing("T1")

    @pytest.mark.parametrize("address", KEPT, indirect=True)
    def test_a_log_that_is_kept_is_there_again_and_may_be_read_alone(self, address: str) -> None:
        first = open_store(address)
        record(first, "T1", 1)
        first.close()
        again = open_store(address, readonly=True)
        assert again.head("T1") == 1
        with pytest.raises(LogUnusable, match="was opened read-only"):
            record(again, "T1", 2)
        again.wait_for_writers()
        again.close()

    @pytest.mark.parametrize(
        "named",
        [
            *(
                "",
                "  ",
                "sqlite:///",
                "sqlite:///  ",
                "postgresql:db",
                "mysql://x",
                "file:log.db",
                "FILE:log.db",
                7,
            ),
            *(
                "FILE:log.db",
                "MEMORY:",
                "Memory:",
                "sqlite:///memory:",
                "sqlite:///MEMORY:",
                "memory:x",
                "Postgresql:db",
            ),
        ],
    )
    def test_an_address_of_no_store_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(
            AddressUnknown, match="is not an address of a log: write a path, sqlite:///FILE, memory: or "
        ):
            open_store(named)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "named",
        [
            *(" postgresql://u:secret@h/db", "'postgresql://u:secret@h/db'", "psql postgresql://u:secret@h/db"),
            *("postgresql:u:secret@h/db", "jdbc:postgresql://h/db?password=secret", "host=h password=secret dbname=x"),
        ],
    )
    def test_nor_is_one_in_what_only_resembles_an_address(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(AddressUnknown) as caught:
            open_store(named)
        assert "secret" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql"])
    def test_a_password_in_an_address_is_not_repeated(self, scheme: str) -> None:
        with pytest.raises(AddressUnknown) as caught:
            open_store(f"{scheme}://user:secret@host/db")
        assert scheme in str(caught.value)
        assert "secret" not in str(caught.value)
