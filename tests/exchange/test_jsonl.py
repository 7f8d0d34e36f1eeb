"""A log as JSON lines: writing, reading back completely, and refusing every damage with its line number."""

import gzip
import json
import os
import re
import sqlite3
import tracemalloc
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import pytest
from eventsourcing.persistence import StoredEvent
from made_once import SimulatedLog

from trialdomain import read_log, restore, verify
from trialdomain.errors import InputInvalid, LogCorrupt, LogUnusable, TrialError
from trialdomain.exchange.jsonl import LineCorrupt, read_jsonl, write_jsonl
from trialdomain.storage.leaves import LeafDiffers
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.verification.defect import What

Damage: TypeAlias = Callable[[list[bytes]], list[bytes]]

META = '"meta":{"command":"c1","part":1,"parts":1,"recorded_at":"2026-03-02T01:00:01Z","user":"sponsor"}'
SOFTWARE = ("trial.software-changed.v1", '{"fact":{"version":"%s"},' + META + "}")
SLOT = ("cohort.slot-filled.v1", '{"fact":{"subject":"%s"},' + META + "}")
ENROLLED = ("participant.enrolled.v1", '{"fact":{"level":1,"on":"%s"},' + META + "}")

REFUSED = ("access.refused.v1", '{"fact":{"role":"monitor","use_case":"enroll","why":"%s"},' + META + "}")

T1 = [
    ("T1", 1, SOFTWARE[0], SOFTWARE[1] % "0.1.0"),
    ("T1/cohort/1", 1, SLOT[0], SLOT[1] % "S001"),
    ("T1/participant/S001", 1, ENROLLED[0], ENROLLED[1] % "2026-03-02"),
    ("T1", 2, SOFTWARE[0], SOFTWARE[1] % 'zweite Fassung, \U0001f600 \\\\ \\" \\n'),
    ("T1/cohort/1", 2, SLOT[0], SLOT[1] % "S002"),
]
"""Stream, version, stored name and state of five entries."""
T2 = [("T2", 1, SOFTWARE[0], SOFTWARE[1] % "0.1.0"), ("T2/cohort/1", 1, SLOT[0], SLOT[1] % "S001")]


# The format written a second time, after its description, with the standard library alone.


def leaf(stream: str, version: int, name: str, state: str) -> bytes:
    five = {
        "format": "trialdomain-leaf/1",
        "state_sha256": sha256(state.encode()).hexdigest(),
        "stream": stream,
        "topic": name,
        "version": version,
    }
    canonical = json.dumps(five, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(b"\x00" + canonical.encode()).digest()


def tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def exported(entries: Sequence[tuple[str, int, str, str]]) -> list[bytes]:
    """Write the lines of one trial, with leaves and a root that fit, whatever the entries are."""
    lines, leaves = [], []
    for position, (stream, version, name, state) in enumerate(entries, start=1):
        leaves.append(leaf(stream, version, name, state))
        head = {"position": position, "stream": stream, "version": version, "name": name, "leaf": leaves[-1].hex()}
        lines.append(f'{json.dumps(head, separators=(",", ":"))[:-1]},"state":{state}}}\n'.encode())
    trial = entries[0][0].partition("/")[0]
    last = {"trial": trial, "size": len(leaves), "root": b64encode(tree(leaves)).decode()}
    return [*lines, json.dumps(last, separators=(",", ":")).encode() + b"\n"]


def fill(recorder: SQLiteStore, entries: Sequence[tuple[str, int, str, str]]) -> None:
    recorder.insert_events(
        [StoredEvent(stream, version, name, state.encode()) for stream, version, name, state in entries]
    )


def written(recorder: SQLiteStore, trial: str) -> bytes:
    file = BytesIO()
    write_jsonl(recorder, trial, file)
    return file.getvalue()


@pytest.fixture
def recorder() -> Iterator[SQLiteStore]:
    recorder = SQLiteStore(MEMORY)
    yield recorder
    recorder.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trial.jsonl"


class TestWriting:
    def test_the_lines_are_as_they_are_described(self, recorder: SQLiteStore) -> None:
        fill(recorder, T1)
        assert written(recorder, "T1") == b"".join(exported(T1))

    def test_the_number_of_entries_is_given(self, recorder: SQLiteStore) -> None:
        fill(recorder, [*T2, *T1])
        assert (write_jsonl(recorder, "T1", BytesIO()), write_jsonl(recorder, "T2", BytesIO())) == (5, 2)

    def test_a_trial_that_the_log_does_not_have_is_not_written(self, recorder: SQLiteStore) -> None:
        fill(recorder, T1)
        nothing = BytesIO()
        with pytest.raises(InputInvalid, match="the log has nothing of trial 'T9' to export"):
            write_jsonl(recorder, "T9", nothing)
        assert nothing.getvalue() == b""

    @pytest.mark.parametrize(
        "alteration",
        [
            "UPDATE entries SET state = CAST(replace(CAST(state AS TEXT), 'S001', 'S009') AS BLOB) WHERE rowid = 2",
            "UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE rowid = 2",
            "UPDATE entries SET name = 'cohort.dlt-revoked.v1' WHERE rowid = 2",
            "UPDATE entries SET leaf = zeroblob(32) WHERE rowid = 2",
            "UPDATE entries SET version = 7 WHERE rowid = 2",
        ],
    )
    def test_an_altered_log_does_not_get_new_leaves_by_an_export(self, tmp_path: Path, alteration: str) -> None:
        recorder = SQLiteStore(tmp_path / "log.db")
        fill(recorder, T1)
        with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as attacker:
            attacker.execute("DROP TRIGGER entries_no_update")
            attacker.execute(alteration)
        with pytest.raises(
            LeafDiffers, match=r"position 2 of trial T1 \(stream T1/cohort/1, version \d\) does not fit"
        ):
            written(recorder, "T1")
        recorder.close()

    @pytest.mark.parametrize("rowid", [1, 3])
    def test_a_log_with_an_entry_taken_out_is_not_exported(self, tmp_path: Path, rowid: int) -> None:
        recorder = SQLiteStore(tmp_path / "log.db")
        fill(recorder, T1)
        with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as attacker:
            attacker.execute("DROP TRIGGER entries_no_delete")
            attacker.execute("DELETE FROM entries WHERE rowid = ?", [rowid])
        with pytest.raises(LogCorrupt, match="trial T1 has 4 entries up to position 5"):
            written(recorder, "T1")
        recorder.close()


class TestReading:
    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
    def test_what_was_exported_is_exported_again_byte_by_byte(
        self, file: Path, recorder: SQLiteStore, pack: Callable[[bytes], bytes]
    ) -> None:
        lines = b"".join(exported(T1))
        file.write_bytes(pack(lines))
        read_jsonl(file, recorder)
        assert written(recorder, "T1") == lines

    def test_two_trials_in_one_file_are_two_trials(self, file: Path, recorder: SQLiteStore) -> None:
        file.write_bytes(b"".join([*exported(T2), *exported(T1)]))
        read_jsonl(file, recorder)
        assert recorder.trials() == ["T1", "T2"]
        assert written(recorder, "T1") + written(recorder, "T2") == b"".join([*exported(T1), *exported(T2)])

    def test_a_refusal_stands_in_a_stream_of_its_own(self, file: Path, recorder: SQLiteStore) -> None:
        lines = exported([*T1, ("T1/access", 1, REFUSED[0], REFUSED[1] % "it is no role of the trial")])
        file.write_bytes(b"".join(lines))
        read_jsonl(file, recorder)
        assert written(recorder, "T1") == b"".join(lines)

    def test_files_that_were_packed_one_by_one_may_be_joined(self, file: Path, recorder: SQLiteStore) -> None:
        file.write_bytes(gzip.compress(b"".join(exported(T1))) + gzip.compress(b"".join(exported(T2))))
        read_jsonl(file, recorder)
        assert (recorder.head("T1"), recorder.head("T2")) == (5, 2)

    def test_a_log_of_thousands_is_read_whole(self, file: Path, recorder: SQLiteStore) -> None:
        many = [("T1", version, SOFTWARE[0], SOFTWARE[1] % version) for version in range(1, 3_002)]
        file.write_bytes(b"".join(exported(many)))
        read_jsonl(file, recorder)
        assert recorder.head("T1") == 3_001
        assert written(recorder, "T1") == file.read_bytes()

    def test_it_is_said_how_far_it_has_come(self, file: Path, recorder: SQLiteStore) -> None:
        many = [("T1", version, SOFTWARE[0], SOFTWARE[1] % version) for version in range(1, 3_002)]
        file.write_bytes(b"".join(exported(many)))
        read: list[tuple[str, int, int]] = []
        read_jsonl(file, recorder, progress=lambda *what: read.append(what))
        assert [what for what, _, _ in read] == ["reading"] * 3
        assert {total for _, _, total in read} == {len(file.read_bytes())}
        assert 0 < read[0][1] <= read[1][1] <= read[2][1] <= read[2][2]
        wrote: list[tuple[str, int, int]] = []
        with file.with_name("again.jsonl").open("wb") as opened:
            write_jsonl(recorder, "T1", opened, progress=lambda *what: wrote.append(what))
        assert wrote == [("exporting", done, 3_001) for done in (1_000, 2_000, 3_000)]

    def test_a_simulated_trial_is_the_same_after_export_reading_and_export(
        self, tmp_path: Path, simulated: Callable[[int], SimulatedLog]
    ) -> None:
        log = simulated(25)
        name = log.trial
        recorder, copy = SQLiteStore(log.path, readonly=True), SQLiteStore(tmp_path / "copy.db")
        (tmp_path / "trial.jsonl").write_bytes(written(recorder, name))
        read_jsonl(tmp_path / "trial.jsonl", copy)
        assert written(copy, name) == written(recorder, name)
        assert list(copy.streams(name, until=1_000)) == list(recorder.streams(name, until=1_000))
        for opened in (recorder, copy):
            opened.close()

    @pytest.mark.parametrize(
        "form",
        [
            lambda line: json.dumps(json.loads(line), indent=None, sort_keys=True, ensure_ascii=False).encode() + b"\n",
            lambda line: line.replace(b'","', b'" ,\t"', 4),
            lambda line: line.replace(b"\n", b"\r\n"),
            lambda line: line.replace(b"\n", b""),
        ],
    )
    def test_what_stands_outside_the_state_may_be_spaced_and_ordered_otherwise(
        self, file: Path, recorder: SQLiteStore, form: Callable[[bytes], bytes]
    ) -> None:
        *lines, last = exported(T1)
        file.write_bytes(b"".join([*lines, form(last)]))
        read_jsonl(file, recorder)
        assert recorder.head("T1") == 5

    def test_keys_of_an_entry_may_stand_in_another_order(self, file: Path, recorder: SQLiteStore) -> None:
        first, *lines = exported(T1)
        ordered = json.dumps(json.loads(first), sort_keys=True, separators=(",", ":")).encode()
        file.write_bytes(b"".join([ordered, b"\n", *lines]))
        read_jsonl(file, recorder)
        assert written(recorder, "T1") == b"".join(exported(T1))


def changed(line: int, **keys: object) -> Damage:
    """Change keys outside the state of one line, counted from 1."""

    def change(lines: list[bytes]) -> list[bytes]:
        read = json.loads(lines[line - 1])
        read.update(keys)
        lines[line - 1] = json.dumps(read, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        return lines

    return change


def replaced(line: int, old: bytes, new: bytes) -> Damage:
    """Replace bytes in one line, counted from 1."""

    def replace(lines: list[bytes]) -> list[bytes]:
        assert old in lines[line - 1]
        lines[line - 1] = lines[line - 1].replace(old, new, 1)
        return lines

    return replace


def with_state(line: int, state: str) -> Damage:
    """Give an entry another state, and leaves and a root that fit it."""

    def forge(_: list[bytes]) -> list[bytes]:
        entries = list(T1)
        entries[line - 1] = (*entries[line - 1][:3], state)
        return exported(entries)

    return forge


def with_entry(line: int, stream: str, version: int, name: str) -> Damage:
    """Put an entry elsewhere, or name it otherwise, with leaves and a root that fit."""

    def forge(_: list[bytes]) -> list[bytes]:
        entries = list(T1)
        entries[line - 1] = (stream, version, name, entries[line - 1][3])
        return exported(entries)

    return forge


SECOND_STATE = T1[1][3]
DEEP = "[" * 200_000 + "]" * 200_000
DAMAGES: dict[str, tuple[Damage, int, str]] = {
    # What somebody does who edits the file.
    "a byte of a state": (replaced(2, b"S001", b"S009"), 2, "position 2 does not fit its leaf: it was altered"),
    "a byte of a recording time": (replaced(2, b"01:00:01Z", b"01:00:02Z"), 2, "does not fit its leaf"),
    "a leaf": (replaced(2, b'"leaf":"', b'"leaf":"0'), 2, "does not fit its leaf"),
    "a leaf of another entry": (lambda lines: changed(2, leaf=json.loads(lines[0])["leaf"])(lines), 2, "its leaf"),
    "no leaf": (changed(2, leaf=""), 2, "does not fit its leaf"),
    "a stream": (changed(2, stream="T1/cohort/2"), 2, "does not fit its leaf"),
    "a version": (changed(5, version=3), 5, "does not fit its leaf"),
    "a name": (changed(2, name="cohort.expanded.v1"), 2, "does not fit its leaf"),
    "a position": (changed(2, position=3), 2, "expected position 2, found 3: entries are missing or out of order"),
    "two lines swapped": (lambda lines: [lines[1], lines[0], *lines[2:]], 1, "expected position 1, found 2"),
    "a line twice": (lambda lines: [*lines[:2], *lines[1:]], 3, "expected position 3, found 2"),
    "a line missing": (lambda lines: [*lines[:1], *lines[2:]], 2, "expected position 2, found 3"),
    "the first line missing": (lambda lines: lines[1:], 1, "expected position 1, found 2"),
    "the last entry missing": (lambda lines: [*lines[:4], lines[5]], 5, "with 5 entries, after 4 of trial T1"),
    "the last line missing": (lambda lines: lines[:-1], 5, "the file ends before the trial's size and root"),
    "the last line alone": (lambda lines: lines[-1:], 1, "it ends trial 'T1', but no entry of it comes before"),
    "the last line twice": (lambda lines: [*lines, lines[-1]], 7, "but no entry of it comes before"),
    "the whole twice": (lambda lines: lines + lines, 7, "trial T1 begins a second time"),
    "more of a trial that has ended": (
        lambda lines: [*lines, *exported([("T1/cohort/2", 1, *T1[1][2:])])],
        7,
        "trial T1 begins a second time",
    ),
    "a line cut off": (lambda lines: [*lines[:2], lines[2][:100]], 3, "truncated"),
    "an entry of a second trial": (
        lambda lines: [*lines[:1], exported([*T2, *T2])[1], *lines[2:]],
        2,
        "an entry of trial T2 is among those of trial T1",
    ),
    "the end of a second trial": (lambda lines: [*lines[:5], exported(T2)[-1]], 6, "it ends trial 'T2' with 2 entries"),
    "a size": (changed(6, size=6), 6, "with 6 entries, after 5 of trial T1"),
    "a root": (changed(6, root="00" * 32), 6, "the root does not fit the entries"),
    "a root of the first entries": (changed(6, root=json.loads(exported(T1[:4])[-1])["root"]), 6, "root does not fit"),
    "a blank line": (lambda lines: [*lines[:1], b"\n", *lines[1:]], 2, "truncated"),
    "a blank line at the end": (lambda lines: [*lines, b"\n"], 7, "truncated"),
    # What is no line at all.
    "an empty file": (lambda _: [], 1, "the file is empty"),
    "binary garbage": (lambda _: [bytes(range(256)) * 4], 1, "malformed"),
    "binary garbage after a line": (lambda lines: [lines[0], b"\x00\xff\xfe\n", *lines[1:]], 2, "malformed"),
    "text that is no UTF-8": (replaced(4, b"zweite", b"zwe\xffte"), 4, "does not fit its leaf"),
    "a byte order mark": (lambda lines: [b"\xef\xbb\xbf" + lines[0], *lines[1:]], 1, "malformed"),
    "a list": (lambda lines: [b"[]\n", *lines], 1, "Expected `object`"),
    "an object without keys": (lambda lines: [b"{}\n", *lines], 1, "missing required field"),
    "an entry and an end in one": (changed(1, trial="T1", size=0, root=""), 1, "unknown field"),
    "a key that nobody knows": (changed(1, comment="looks fine"), 1, "unknown field `comment`"),
    "a key less": (replaced(1, b'"version":1,', b""), 1, "missing required field `version`"),
    "a second line on the same line": (replaced(1, b"\n", b"{}\n"), 1, "malformed"),
    "a key twice in a line": (
        replaced(1, b'{"position":1', b'{"position":9,"position":1'),
        1,
        "it has a duplicate key",
    ),
    "a state twice in a line": (
        replaced(1, b',"state":', b',"state":{"fact":{}},"state":'),
        1,
        "it has a duplicate key",
    ),
    "a key twice in the last line": (replaced(6, b'{"trial"', b'{"size":9,"trial"'), 6, "it has a duplicate key"),
    # Numbers.
    "a position that is a fraction": (replaced(1, b'"position":1', b'"position":1.5'), 1, "position"),
    "a position that is not a number": (replaced(1, b'"position":1', b'"position":NaN'), 1, "malformed"),
    "a position of 5,000 digits": (replaced(1, b'"position":1', b'"position":' + b"9" * 5_000), 1, "out of range"),
    "a version of 30 digits": (
        with_entry(1, "T1", 10**29, SOFTWARE[0]),
        1,
        "expected version of stream T1 1, found 1000",
    ),
    "a size of 5,000 digits": (replaced(6, b'"size":5', b'"size":' + b"5" * 5_000), 6, "out of range"),
    # What somebody does who also computes leaves and root.
    "a state with a key twice": (
        with_state(2, SECOND_STATE.replace('"subject"', '"subject":"S009","subject"')),
        2,
        "not in canonical form",
    ),
    "a state with a key more": (with_state(2, SECOND_STATE.replace('"fact":{', '"fact":{"a":1,')), 2, "cohort.slot"),
    "a state with a space": (with_state(2, SECOND_STATE.replace(",", ", ", 1)), 2, "not in canonical form"),
    "a state with NaN": (with_state(3, T1[2][3].replace('"level":1', '"level":NaN')), 3, "malformed"),
    "a state with a number of 5,000 digits": (
        with_state(3, T1[2][3].replace('"level":1', '"level":' + "9" * 5_000)),
        3,
        "participant.enrolled.v1",
    ),
    "a state nested 200,000 deep": (with_state(3, T1[2][3].replace('"level":1', f'"level":{DEEP}')), 3, "recursion"),
    "a line nested 200,000 deep": (lambda lines: [DEEP.encode() + b"\n", *lines], 1, "Expected `object`"),
    "a state that is a list": (with_state(2, "[]"), 2, "Expected `object`"),
    "a state that breaks a rule of its fact": (with_state(3, T1[2][3].replace('"level":1', '"level":"1"')), 3, "level"),
    "a name that nobody knows": (with_entry(2, "T1/cohort/1", 1, "cohort.invented.v1"), 2, "knows no such name"),
    "a name that points at a module": (with_entry(2, "T1/cohort/1", 1, "os:system"), 2, "knows no such name"),
    "a name of another kind of stream": (
        with_entry(2, "T1/participant/S001", 1, SLOT[0]),
        2,
        "stream T1/participant/S001 takes no cohort.slot-filled.v1",
    ),
    "a refusal among facts that decisions read": (
        lambda _: exported([*T1, ("T1", 3, REFUSED[0], REFUSED[1] % "it is no role of the trial")]),
        6,
        "stream T1 takes no access.refused.v1",
    ),
    "a gap in a stream": (
        with_entry(5, "T1/cohort/1", 3, SLOT[0]),
        5,
        "expected version of stream T1/cohort/1 2, found 3",
    ),
    "a version twice": (
        with_entry(5, "T1/cohort/1", 1, SLOT[0]),
        5,
        "expected version of stream T1/cohort/1 2, found 1",
    ),
    "a version 0": (with_entry(1, "T1", 0, SOFTWARE[0]), 1, "expected version of stream T1 1, found 0"),
    "a version below 0": (with_entry(1, "T1", -1, SOFTWARE[0]), 1, "expected version of stream T1 1, found -1"),
}


def reordered(value: object) -> object:
    """The same JSON with the keys of every object in the opposite order."""
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in sorted(value, reverse=True)}
    return value


def dumped(read: object, *, ascii_only: bool = False) -> str:
    return json.dumps(read, separators=(",", ":"), ensure_ascii=ascii_only)


def with_state_as(form: Callable[[str], str]) -> Damage:
    """Write the state of the fourth entry in another form, and leave its leaf as it is."""
    before, after = T1[3][3], form(T1[3][3])
    assert after != before
    assert json.loads(after) == json.loads(before)
    return replaced(4, before.encode(), after.encode())


def with_leaf_as(form: Callable[[str], str]) -> Damage:
    return lambda lines: changed(2, leaf=form(json.loads(lines[1])["leaf"]))(lines)


STATE, LEAF = "its state is written in another form", "its leaf is written in another form"
OTHER_FORMS: dict[str, tuple[Damage, int, str]] = {
    "spaces in a state": (with_state_as(lambda state: state.replace('":', '" : ')), 4, STATE),
    "keys of a state in another order": (with_state_as(lambda s: dumped(reordered(json.loads(s)))), 4, STATE),
    "escapes in a state": (with_state_as(lambda state: dumped(json.loads(state), ascii_only=True)), 4, STATE),
    "a slash that was escaped": (with_state_as(lambda state: state.replace("zweite", "\\u007aweite")), 4, STATE),
    "a leaf in capitals": (with_leaf_as(str.upper), 2, LEAF),
    "a leaf with one capital": (
        with_leaf_as(lambda leaf: re.sub("[a-f]", lambda m: m[0].upper(), leaf, count=1)),
        2,
        LEAF,
    ),
    "a leaf between spaces": (with_leaf_as(lambda leaf: f" {leaf} "), 2, LEAF),
    "a state and its leaf": (
        lambda lines: replaced(2, b'"meta":', b'"meta" :')(with_leaf_as(str.upper)(lines)),
        2,
        STATE,
    ),
    "the root between spaces": (
        lambda lines: changed(6, root=f" {json.loads(lines[5])['root']} ")(lines),
        6,
        "its root is written in another form",
    ),
    "the root in hex, in capitals": (
        lambda lines: changed(6, root=b64decode(json.loads(lines[5])["root"]).hex().upper())(lines),
        6,
        "its root is written in another form",
    ),
}
"""What a program does that reads a file and writes it again: how, in which line, and what is said of it."""


STREAMS = [
    "",
    "/cohort/1",
    "T1/",
    "T1/cohort",
    "T1/cohort/",
    "T1/cohort/00",
    "T1/cohort/01",
    "T1/cohort/-01",
    "T1/cohort/10000",
    "T1/cohort/-",
    "T1/cohort/1 a",
    "T1/cohort/\u0661",
    "T1/cohort/1/2",
    "T1/participant/",
    "T1/participant/S 001",
    "T1/participant/é",
    "T1/site/1",
    "T1\n",
    "T\x001",
]


def refusal(file: Path, content: bytes) -> LineCorrupt:
    """Say why a file is refused; reading it into a recorder leaves nothing open."""
    file.write_bytes(content)
    with closing(SQLiteStore(MEMORY)) as recorder, pytest.raises(LineCorrupt) as caught:
        read_jsonl(file, recorder)
    assert isinstance(caught.value, TrialError)
    assert str(caught.value).startswith(f"{file}, line {caught.value.line}: ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1_000
    return caught.value


class TestDamage:
    @pytest.mark.shows("K-21", "K-22")
    @pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
    @pytest.mark.parametrize(("damage", "line", "why"), DAMAGES.values(), ids=DAMAGES.keys())
    def test_it_is_refused_by_its_line(self, file: Path, damage: Damage, line: int, why: str, *, packed: bool) -> None:
        content = b"".join(damage(exported(T1)))
        error = refusal(file, gzip.compress(content) if packed else content)
        assert (error.line, why in error.why) == (line, True), error

    @pytest.mark.parametrize(("form", "line", "why"), OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
    def test_what_was_reformatted_is_refused_as_that_and_by_nobody_called_altered(
        self, file: Path, tmp_path: Path, form: Damage, line: int, why: str
    ) -> None:
        error = refusal(file, b"".join(form(exported(T1))))
        assert (error.line, why in error.why, "reformatted" in error.why) == (line, True, True), error
        assert "with the same content" in error.why
        for read in (read_log, lambda path: restore(path, tmp_path / "log.db")):
            with pytest.raises(LineCorrupt) as caught:
                read(file)
            assert caught.value.why == error.why
        checked = verify(file)
        assert {(one.what, one.line or one.position) for one in checked.defects} == {(What.REFORMATTED, line)}
        assert not any("altered" in one.why or "inserted" in one.why for one in checked.defects)

    @pytest.mark.parametrize(
        "form",
        [
            with_leaf_as(lambda leaf: leaf.upper().replace("A", "B").replace("0", "1")),
            lambda lines: with_leaf_as(str.upper)(replaced(2, b"S001", b"S009")(lines)),
            replaced(2, b'"S001"', b'"S009" '),
        ],
    )
    def test_what_was_altered_and_reformatted_is_altered(self, file: Path, form: Damage) -> None:
        assert refusal(file, b"".join(form(exported(T1)))).why == "position 2 does not fit its leaf: it was altered"
        assert {(one.what, one.position) for one in verify(file).defects} == {(What.ALTERED, 2)}

    @pytest.mark.parametrize("stream", STREAMS)
    def test_a_stream_that_no_trial_has_is_refused(self, file: Path, stream: str) -> None:
        name, state = (SLOT[0], SLOT[1] % "S001") if "cohort" in stream else (SOFTWARE[0], SOFTWARE[1] % "0.1.0")
        assert refusal(file, b"".join(exported([(stream, 1, name, state)]))).line == 1

    def test_every_byte_of_an_entry_counts(self, file: Path) -> None:
        lines = exported(T1)
        for at in range(len(lines[1])):
            changed = bytearray(lines[1])
            changed[at] ^= 0x01
            assert refusal(file, b"".join([lines[0], bytes(changed), *lines[2:]])).line == 2


@pytest.fixture(scope="module")
def bomb_of_entries() -> bytes:
    """50 entries of 1 MB each, every one of which is as it should be, in few bytes."""
    comment = '{"answer":true,"comment":{"plain":"%s","sealed":null},"criterion":"E1"}' % ("a" * 10_000)
    answered = f'"attestations":[{",".join([comment] * 100)}],"findings":[],"gate":"infusion","on":"2026-03-02"'
    state, name = f'{{"fact":{{{answered}}},{META}}}', "participant.criteria-answered.v1"
    entries = [("T1/participant/S001", version, name, state) for version in range(1, 51)]
    return gzip.compress(b"".join(exported(entries)))


class TestPacked:
    def test_one_that_was_cut_off_is_refused_by_the_line_that_is_missing(self, file: Path) -> None:
        packed = gzip.compress(b"".join(exported(T1)))
        for kept in range(len(packed) - 1, 2, -7):
            assert "the compressed file ends or breaks here" in refusal(file, packed[:kept]).why

    def test_one_with_a_flipped_bit_is_refused(self, file: Path) -> None:
        packed = bytearray(gzip.compress(b"".join(exported(T1))))
        for at in range(10, len(packed)):
            flipped = 0x01 if at == len(packed) - 9 else 0x10  # before checksum and size, high bits may be left over
            broken = bytes(packed[:at]) + bytes([packed[at] ^ flipped]) + bytes(packed[at + 1 :])
            assert refusal(file, broken).line <= 7

    def test_garbage_behind_it_is_refused(self, file: Path) -> None:
        error = refusal(file, gzip.compress(b"".join(exported(T1))) + b"garbage")
        assert (error.line, "the compressed file ends or breaks here" in error.why) == (7, True)

    @pytest.mark.parametrize("lines_before", [0, 2])
    def test_a_bomb_is_refused_in_bounded_memory(self, file: Path, lines_before: int) -> None:
        before = gzip.compress(b"".join(exported(T1)[:lines_before]))
        bomb = before + gzip.compress(b" " * 16 * 1024**2) * 64  # 1 GiB without the end of a line
        tracemalloc.start()
        error = refusal(file, bomb)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (error.line, error.why) == (lines_before + 1, "it is longer than 8388608 bytes")
        assert peak < 64 * 1024**2

    @pytest.mark.shows("K-22")
    def test_a_bomb_of_entries_is_read_in_bounded_memory(
        self, file: Path, tmp_path: Path, bomb_of_entries: bytes
    ) -> None:
        file.write_bytes(bomb_of_entries)
        assert file.stat().st_size < 1024**2
        with closing(SQLiteStore(tmp_path / "log.db")) as recorder:
            tracemalloc.start()
            read_jsonl(file, recorder)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert recorder.head("T1") == 50
        assert peak < 32 * 1024**2

    @pytest.mark.shows("K-22")
    def test_a_log_that_is_opened_from_it_is_kept_in_a_file_until_it_is_closed(
        self, file: Path, bomb_of_entries: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file.write_bytes(bomb_of_entries)
        spooled = tmp_path / "spooled"
        spooled.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(spooled))
        with read_log(file) as log:
            assert list(log) == ["T1"]
            assert sum(path.stat().st_size for path in spooled.rglob("*")) > 50 * 10**6
        assert list(spooled.iterdir()) == []

    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
    def test_of_millions_of_blank_lines_the_first_is_refused(self, file: Path, pack: Callable[[bytes], bytes]) -> None:
        content = pack(b"".join(exported(T1)[:2]) + b"\n" * 5_000_000)
        assert refusal(file, content).line == 3
        checked = verify(file)
        *_, malformed, unread, truncated = checked.defects
        assert (malformed.what, unread.what, truncated.what) == (What.MALFORMED, What.DAMAGED, What.TRUNCATED)
        assert unread.why == "more than 10000 lines are not exported entries: the rest of the file was not read"
        assert checked.total == 10_001 + 2


class TestFiles:
    def test_one_that_is_not_there_cannot_be_read(self, file: Path, recorder: SQLiteStore) -> None:
        with pytest.raises(LogUnusable, match="cannot be read: No such file or directory; check the name"):
            read_jsonl(file, recorder)

    @pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
    def test_a_pipe_is_read_as_a_file_is(
        self, file: Path, recorder: SQLiteStore, pack: Callable[[bytes], bytes]
    ) -> None:
        os.mkfifo(file)
        with ThreadPoolExecutor() as pool:
            pool.submit(file.write_bytes, pack(b"".join(exported(T1))))
            read_jsonl(file, recorder)
        assert recorder.head("T1") == 5

    def test_nor_can_a_folder(self, tmp_path: Path, recorder: SQLiteStore) -> None:
        with pytest.raises(LogUnusable, match="cannot be read: Is a directory"):
            read_jsonl(tmp_path, recorder)

    def test_a_recorder_that_has_the_trial_already_is_refused(self, file: Path, recorder: SQLiteStore) -> None:
        fill(recorder, T1)
        file.write_bytes(b"".join(exported(T1)))
        with pytest.raises(LineCorrupt, match="line 1: trial T1 begins a second time"):
            read_jsonl(file, recorder)
        assert recorder.head("T1") == 5


def test_an_export_of_an_earlier_version_which_wrote_its_root_in_hex_is_read(tmp_path: Path) -> None:
    *entries, last = exported(T1)
    said = json.loads(last)
    in_hex = json.dumps({**said, "root": b64decode(said["root"]).hex()}, separators=(",", ":")).encode() + b"\n"
    path = tmp_path / "earlier.jsonl"
    path.write_bytes(b"".join([*entries, in_hex]))
    with read_log(path) as log:
        assert list(log) == ["T1"]
    [restored] = restore(path, tmp_path / "log.db")
    assert b64encode(restored.root).decode() == said["root"]
    assert not any("root" in one.why for one in verify(path).defects)
