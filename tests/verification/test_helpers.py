"""A log that several processes verify: the same answer as of one process, whatever was done to the log or a helper."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.connection import wait
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from repeating import times
from tampering import loosened, refit, tampered
from typing_extensions import override

from trialdomain import SigningKey, TrialTree, verify
from trialdomain.errors import InputInvalid
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.merkle import Frontier, root, subtrees
from trialdomain.tree.note import Note
from trialdomain.verification import helpers
from trialdomain.verification.defect import Defects, What
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.helpers import Helper, HelperLost, cleaned
from trialdomain.verification.portions import Clean, Portion, PortionsCheck, clean_of, portion_of, portions_of
from trialdomain.verification.readable import MOST_READ
from trialdomain.verification.source import PAGE
from trialdomain.verification.sqlite.source import sqlite_source
from trialdomain.verification.verify import Verified

pytestmark = pytest.mark.processes
TRIAL, OTHER = "SIM-0001", "SIM-0002"
KEY = SigningKey.generate("site.example/signer")
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
KEPT = (1, 511, 512, 513, 700, 701, 1_023, 1_024, 1_025)
"""Sizes of checkpoints: at the edges of portions and of blocks of the tree, and inside them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of two trials with about 1,700 entries each; of the first one it keeps checkpoints."""
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    for seed, trial in enumerate((TRIAL, OTHER)):
        recorder = SQLiteStore(path)
        simulate_in_bulk(recorder, seed=seed, trial=trial, participants=15)
        if trial == TRIAL:
            tree = TrialTree(recorder, TRIAL)
            for size in KEPT:
                text = tree.head(size).text
                tree.keep(Note(text, (KEY.sign(text, at=NEVER),)), [KEY.verifier])
        recorder.close()
    return path


@pytest.fixture
def log(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path / "log.db"))


class Started:
    """The helpers that were started, and how many portions each has answered."""

    def __init__(self) -> None:
        self.helpers: list[Helper] = []
        self.answered = 0

    @property
    def all_ended(self) -> bool:
        return bool(self.helpers) and all(one.process.returncode is not None for one in self.helpers)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Watch the helpers; and let this process check no portion before they are ready, or they would get none."""
    seen = Started()
    init, answers = Helper.__init__, Helper.answers

    def start(self: Helper, log: dict[str, object]) -> None:
        init(self, log)
        seen.helpers.append(self)
        wait([self.fileno()], 30)

    def look(self: Helper) -> Iterator[tuple[Portion, Clean | None]]:
        for answer in answers(self):
            seen.answered += 1
            yield answer

    monkeypatch.setattr(Helper, "__init__", start)
    monkeypatch.setattr(Helper, "answers", look)
    return seen


def ended(helper: Helper) -> None:
    helper.end()
    helper.wait(monotonic() + 30)


def alone(path: Path) -> Verified:
    return verify(path, keys=[KEY.verifier], processes=1)


def helped(path: Path, *, processes: int = 2) -> Verified:
    return verify(path, keys=[KEY.verifier], processes=processes)


class TestTheSameAnswer:
    @pytest.mark.parametrize("processes", [2, 3])
    def test_of_a_log_without_a_fault(self, recorded: Path, started: Started, processes: int) -> None:
        expected, counted = alone(recorded), list[tuple[int, int]]()
        verified = verify(
            recorded,
            keys=[KEY.verifier],
            processes=processes,
            progress=lambda _, done, total: counted.append((done, total)),
        )
        assert verified == expected
        assert (len(started.helpers), started.all_ended) == (processes - 1, True)
        assert started.answered >= 2 * len(started.helpers)
        first = next(one for one in verified.trials if one.trial == TRIAL)
        assert sorted(one.size for one in first.compared if one.fits) == list(KEPT)
        assert counted[-1] == (_entries(recorded), _entries(recorded))
        assert [done for done, _ in counted] == sorted(done for done, _ in counted)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE entries SET state = CAST(state || ' ' AS BLOB) WHERE {at}",
            "UPDATE entries SET leaf = zeroblob(32) WHERE {at}",
            "UPDATE entries SET version = version + 100 WHERE {at}",
            "UPDATE entries SET stream = 'SIM-0002/x' WHERE {at}",
            "UPDATE entries SET name = 'x.v1' WHERE {at}",
            "DELETE FROM entries WHERE {at}",
            "DELETE FROM commands WHERE trial = 'SIM-0001' AND {position} BETWEEN first AND last",
            "UPDATE commands SET last = last + 1 WHERE trial = 'SIM-0001' AND {position} BETWEEN first AND last",
            "UPDATE commands SET first = 'x' WHERE trial = 'SIM-0001' AND {position} BETWEEN first AND last",
            "UPDATE entries SET position = -position WHERE {at}",
            "UPDATE entries SET position = position - 0.5 WHERE {at}",
            "UPDATE entries SET position = 'x' WHERE {at}",
            "UPDATE entries SET position = NULL WHERE {at}",
            "UPDATE entries SET position = position + 9000000000000000000 WHERE {at}",
            "UPDATE entries SET state = zeroblob(70000) WHERE {at}",
            "UPDATE entries SET state = NULL WHERE {at}",
            "UPDATE entries SET trial = 'SIM-0003' WHERE {at}",
            "UPDATE entries SET trial = CAST(x'53ff' AS TEXT) WHERE trial = 'SIM-0001'",
        ],
    )
    def test_of_a_log_that_was_changed(self, log: Path, started: Started, change: str) -> None:
        position = 700
        at = f"trial = '{TRIAL}' AND position = {position}"
        with tampered(log) as connection:
            loosened(connection)
            connection.execute(change.format(at=at, position=position))
        expected = alone(log)
        assert not expected.ok
        assert helped(log) == expected
        assert started.all_ended
        assert sorted(path.name for path in log.parent.iterdir()) == ["log.db"]

    def test_of_entries_that_cannot_be_read(self, tmp_path: Path, started: Started) -> None:
        """Only the newest 10,000 are decoded, by whole pages: the pages are the same ones in every process."""
        path = tmp_path / "log.db"
        recorder = SQLiteStore(path)
        size = simulate_in_bulk(recorder, seed=4, trial=TRIAL, participants=90)
        recorder.close()
        assert size > MOST_READ + 2 * PAGE
        first = (size - MOST_READ - 1) // PAGE * PAGE + 1  # of the first page that is decoded
        spoiled, position = path, 0
        for position in (first - 1, first, size - MOST_READ, size - 5_000):
            spoiled = Path(shutil.copy(path, tmp_path / f"{position}.db"))
            with tampered(spoiled) as connection:
                connection.execute("UPDATE entries SET state = CAST('{}' AS BLOB) WHERE position = ?", [position])
                refit(connection)
            expected = alone(spoiled)
            named = {one.position for one in expected.defects if one.what is What.UNREADABLE}
            assert named == ({position} if position >= first else set())
            assert helped(spoiled) == expected
        assert started.answered > 4
        assert started.all_ended
        with sqlite_source(spoiled) as source:
            assert source.elsewhere is not None
            helper = Helper(source.elsewhere)
            code, after = TRIAL.encode(), (position - 1) // PAGE * PAGE
            helper.give(Portion(code, after, after + PAGE, position, ()))
            found: list[Clean | None] = []
            while not found:
                wait([helper.fileno()], 30)
                found += (clean for _, clean in helper.answers())
            assert found == [None]
            ended(helper)

    def test_of_a_file_that_is_damaged(self, log: Path, started: Started) -> None:
        with tampered(log) as connection:
            connection.execute(f"UPDATE entries SET name = 'x.v1' WHERE trial = '{TRIAL}' AND position = 70")
            query = f"SELECT leaf FROM entries WHERE trial = '{TRIAL}' AND position = 900"
            [(leaf,)] = connection.execute(query)
        content = log.read_bytes()
        page = content.index(leaf) // 4_096 * 4_096
        log.write_bytes(content[:page] + bytes(4_096) + content[page + 4_096 :])
        expected = alone(log)
        assert {What.DAMAGED, What.ALTERED} <= {one.what for one in expected.defects}
        assert helped(log) == expected
        assert started.all_ended

    @pytest.mark.soak
    def test_of_a_log_that_was_changed_at_random(self, recorded: Path, tmp_path: Path, started: Started) -> None:
        random = Random(25)  # noqa: S311 - no secret
        for number in range(times(60)):
            path = Path(shutil.copy(recorded, tmp_path / f"{number}.db"))
            with tampered(path) as connection:
                for _ in range(random.randint(1, 3)):
                    _changed(connection, random)
            assert helped(path, processes=random.choice((2, 3))) == alone(path), number
            path.unlink()
        assert started.all_ended

    def test_of_a_log_with_long_states(self, log: Path, started: Started) -> None:
        padded = "'{' || printf('%.20000c', ' ') || '\"fact\":'"
        with tampered(log) as connection:
            connection.execute(
                f"UPDATE entries SET state = CAST(replace(state, '{{\"fact\":', {padded}) AS BLOB)"
                f" WHERE trial = '{TRIAL}' AND position > 1"
            )
            refit(connection)
        expected = alone(log)
        assert helped(log) == expected
        [unreadable] = [one for one in expected.defects if one.trial == TRIAL and one.what is What.UNREADABLE]
        assert unreadable.why == (
            "the entries of more than 4 kB each have 36 MB together, and this software reads at most 32 MB: large "
            "entries were added"
        )
        assert started.answered > 2


def _entries(path: Path) -> int:
    with closing(sqlite3.connect(path)) as plain:
        return int(plain.execute("SELECT count(*) FROM entries").fetchone()[0])


def _changed(connection: sqlite3.Connection, random: Random) -> None:
    """Change, move or remove an entry, or a row of the commands; the leaf may fit afterwards."""
    [(rowid, position)] = connection.execute("SELECT rowid, position FROM entries ORDER BY random() LIMIT 1")
    column, value = random.choice(
        [
            ("state", b'{"fact":{}}'),
            ("leaf", random.randbytes(32)),
            ("name", "participant.lab-recorded.v1"),
            ("version", random.randint(1, 200)),
            ("position", random.randint(-1, 4_000)),
            ("", None),
        ]
    )
    try:
        if column:
            connection.execute(f"UPDATE entries SET {column} = ? WHERE rowid = ?", (value, rowid))
        elif random.random() < 0.5:
            connection.execute("DELETE FROM entries WHERE rowid = ?", [rowid])
        else:
            connection.execute("UPDATE commands SET first = first + 1 WHERE ? BETWEEN first AND last", [position])
    except sqlite3.IntegrityError:  # two entries would have the same place
        return
    if random.random() < 0.5:
        refit(connection)


_SCRIPT = """
import signal, sys
from trialdomain import verify
from trialdomain.verification.helpers import Helper, wait

started, given = [], []
init, give = Helper.__init__, Helper.give

def start(self, log):
    init(self, log)
    started.append(wait([self.fileno()], 30))

def give_and_kill(self, portion):
    given.append(portion)
    self.process.kill()
    self.process.wait()
    give(self, portion)

if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.path.insert(0, "study:")
    Helper.__init__, Helper.give = start, give_and_kill
    same = verify(sys.argv[1], processes=2) == verify(sys.argv[1])
    print(f"ready {len(started)}, given {len(given)}, right {same}")
"""


class TestALostHelper:
    """Whatever happens to a helper, the verification gives its answer, from this process alone."""

    @pytest.mark.parametrize("after", [0, 1, 3])
    def test_that_is_killed(
        self, recorded: Path, started: Started, monkeypatch: pytest.MonkeyPatch, after: int
    ) -> None:
        give, given = Helper.give, list[Portion]()

        def give_and_kill(self: Helper, portion: Portion) -> None:
            give(self, portion)
            given.append(portion)
            if len(given) > after:
                self.process.kill()

        monkeypatch.setattr(Helper, "give", give_and_kill)
        assert helped(recorded) == alone(recorded)
        assert len(given) > after
        assert started.all_ended

    def test_that_gives_no_answer(self, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(helpers, "_PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr(Helper, "_write", lambda _helper, _given: None)
        monkeypatch.setattr(Helper, "takes_more", property(lambda self: len(self.pending) < 2))
        assert helped(recorded) == alone(recorded)

    @pytest.mark.parametrize(
        "program",
        [
            "exit 1",
            "echo no JSON; cat > /dev/null",
            "echo '\"ready\"'; while read a; do echo '[1]'; done",
            "exec sleep 60",
        ],
    )
    def test_that_is_another_program(
        self, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
    ) -> None:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{program}\n")
        python.chmod(0o755)
        monkeypatch.setattr(helpers, "_PATIENCE_SECONDS", 0.5)
        expected = alone(recorded)
        monkeypatch.setattr(sys, "executable", str(python))
        assert helped(recorded) == expected

    @pytest.mark.parametrize("executable", ["", "/nowhere/python", "/bin/false"])
    def test_that_cannot_be_started(self, recorded: Path, monkeypatch: pytest.MonkeyPatch, executable: str) -> None:
        expected = alone(recorded)
        monkeypatch.setattr(sys, "executable", executable)
        assert helped(recorded) == expected

    def test_that_is_killed_where_a_broken_pipe_ends_the_process(self, recorded: Path, tmp_path: Path) -> None:
        """And nothing of the current folder runs in a helper, nor of one whose name has the separator of paths."""
        folder = tmp_path / "study:"
        ours = folder / "trialdomain"
        ours.mkdir(parents=True)
        planted = "open('planted', 'w').close()"
        for module in (ours / "__init__.py", folder / "json.py"):
            module.write_text(planted)
        script = tmp_path / "script.py"
        script.write_text(_SCRIPT)
        done = subprocess.run(
            [sys.executable, script, recorded], cwd=folder, check=True, stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert done.stdout == "ready 1, given 1, right True\n"
        assert not (folder / "planted").exists()

    @pytest.mark.parametrize("odd", [Path("lib"), "a\0b"])
    def test_that_is_started_by_a_process_with_an_odd_path(
        self, recorded: Path, monkeypatch: pytest.MonkeyPatch, odd: object
    ) -> None:
        monkeypatch.setattr(sys, "path", [*sys.path, odd])
        assert helped(recorded) == alone(recorded)

    def test_that_finds_another_file_at_the_path(self, recorded: Path) -> None:
        with sqlite_source(recorded) as source:
            assert source.elsewhere is not None
            right, wrong = source.elsewhere, {**source.elsewhere, "file": (0, 0)}
        for log, lost in ((right, False), (wrong, True)):
            helper = Helper(log)
            wait([helper.fileno()], 30)
            if lost:
                with pytest.raises(HelperLost):
                    list(helper.answers())
            else:
                assert list(helper.answers()) == []
                assert helper.takes_more
            ended(helper)

    def test_nothing_is_left_of_it_where_the_verification_breaks_off(self, log: Path, started: Started) -> None:
        def interrupted(_what: str, _done: int, _total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            verify(log, processes=2, progress=interrupted)
        assert started.helpers
        assert started.all_ended
        assert [path.name for path in log.parent.iterdir()] == ["log.db"]


class TestPortions:
    def test_what_a_helper_answers_is_what_this_process_finds(self, recorded: Path) -> None:
        check = EntriesCheck(TRIAL, KEPT, Defects())
        with sqlite_source(recorded) as source:
            extent = source.extent(TRIAL.encode())
            assert extent is not None
            given = portions_of(TRIAL.encode(), check, last=extent[1], read_from=0, processes=2)
            assert [one.after for one in given[1:]] == [one.upto for one in given[:-1]]
            assert (given[0].after, given[-1].upto) == (0, extent[1])
            own = PortionsCheck(source, TRIAL.encode(), 0)
            expected = [own.clean(one) for one in given]
            assert source.elsewhere is not None
            helper = Helper(source.elsewhere)
            found: list[Clean | None] = []
            for portion in given:
                helper.give(portion)
            while len(found) < len(given):
                wait([helper.fileno()], 30)
                found += (clean for _, clean in helper.answers())
            ended(helper)
        assert found == expected
        assert None not in expected
        for clean in filter(None, expected):
            check.join(clean.subtrees, long=clean.long)
        assert set(check.roots) == set(KEPT)
        assert check.root() == _root_of(recorded)

    def test_a_helper_finds_a_portion_of_another_size_unclean(self, recorded: Path) -> None:
        with sqlite_source(recorded) as source:
            beyond = Portion(TRIAL.encode(), 1_536, 100_000, 0, ())
            assert PortionsCheck(source, TRIAL.encode(), 0).clean(beyond) is None

    def test_they_survive_json(self) -> None:
        portion, clean = Portion(b"T1", 3, 9, 0, (4, 9)), Clean([(bytes(32), 2), (bytes(range(32)), 0)], 7)
        assert portion_of(portion.written()) == portion
        assert clean_of(clean.written()) == clean

    def test_none_is_given_or_checked_after_one_that_is_not_clean(self, recorded: Path) -> None:
        checked: list[Portion] = []

        class Own(PortionsCheck):
            @override
            def clean(self, portion: Portion) -> Clean | None:
                checked.append(portion)
                return None if len(checked) == 3 else super().clean(portion)

        with sqlite_source(recorded) as source:
            given = portions_of(
                TRIAL.encode(), EntriesCheck(TRIAL, (), Defects()), last=2_560, read_from=0, processes=1
            )
            taken = list(cleaned(given, Own(source, TRIAL.encode(), 0), ()))
        assert [portion for portion, _ in taken] == given[:2]
        assert checked == given[:3]


def _root_of(path: Path) -> bytes:
    with closing(sqlite3.connect(path)) as plain:
        query = "SELECT leaf FROM entries WHERE trial = ? ORDER BY position"
        return root(leaf for (leaf,) in plain.execute(query, [TRIAL]))


class TestSubtrees:
    """RFC 6962 section 2.1 defines the root; ``root`` over all leaves is the oracle."""

    @pytest.mark.parametrize("cuts", [[], [1], [5, 6, 7], [1_023], [1_024], [1_025, 3_000], list(range(0, 4_000, 37))])
    def test_a_frontier_joins_those_of_parts_of_the_tree(self, cuts: Sequence[int]) -> None:
        leaves = [number.to_bytes(32, "big") for number in range(4_100)]
        frontier = Frontier()
        for first, end in zip([0, *cuts], [*cuts, len(leaves)], strict=True):
            for subtree in subtrees(leaves[first:end], after=first):
                frontier.join(subtree)
            assert (frontier.size, frontier.root()) == (end, root(leaves[:end]))


class TestWhoIsHelped:
    @pytest.mark.parametrize("processes", [0, -1, 2.0, "2", [2]])
    def test_a_number_of_processes_is_one(self, recorded: Path, processes: object) -> None:
        with pytest.raises(InputInvalid, match="is no number of processes"):
            verify(recorded, processes=processes)  # type: ignore[arg-type]  # as a caller may

    def test_no_more_than_three(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(helpers, "Helper", _Silent)
        with helpers.helpers_for({"path": "log.db"}, 1_000, 1_000) as found:
            assert len(found) == 3

    def test_none_where_descriptors_are_few(self, recorded: Path) -> None:
        script = (
            "import resource, sys; from trialdomain import verify;"
            "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]), 4096));"
            "print(verify(sys.argv[1], processes=3).total)"
        )
        expected = str(verify(recorded).total)
        for most in ("14", "15", "20"):
            done = subprocess.run(
                [sys.executable, "-c", script, recorded, str(most)],
                check=True,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            assert done.stdout.strip() == expected, most

    @pytest.mark.parametrize(
        ("entries", "cores", "expected"), [(99_999, 8, 0), (100_000, 1, 0), (100_000, 2, 1), (5_000_000, 64, 3)]
    )
    def test_a_large_log_has_a_helper_for_each_further_core(
        self, monkeypatch: pytest.MonkeyPatch, entries: int, cores: int, expected: int
    ) -> None:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
        monkeypatch.setattr(helpers, "Helper", _Silent)
        with helpers.helpers_for({"path": "log.db"}, entries, None) as found:
            assert len(found) == expected

    def test_a_log_that_no_other_process_can_open_has_none(self) -> None:
        with helpers.helpers_for(None, 1_000_000, 4) as found:
            assert list(found) == []


class _Silent:
    def __init__(self, log: object) -> None:
        pass

    def end(self) -> None:
        pass

    def wait(self, until: float) -> None:
        pass
