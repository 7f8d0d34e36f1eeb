"""The sessions of cosmic-ray: an SQLite file for each module, which keeps what is done, so that a run can go on."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import attrs
from mutants.operators import Mutation, Source, excluded


@attrs.frozen
class Survivor:
    """A mutant that no test has killed."""

    module: str
    line: int
    operator: str
    before: str
    after: str


@attrs.frozen
class Figures:
    """What became of the mutants of a module."""

    module: str
    killed: int
    survived: int
    timed_out: int
    pending: int

    @property
    def tried(self) -> int:
        """Count the mutants that met tests."""
        return self.killed + self.survived + self.timed_out

    @property
    def percent(self) -> float:
        """Give the percentage of tried mutants that were killed; one that never ends is killed."""
        return 100 * (self.killed + self.timed_out) / self.tried if self.tried else 100.0


def leave_out(session: Path, source: str) -> None:
    """Mark the mutants that are not tried as skipped, with the reason."""
    places = Source(source)
    with closing(sqlite3.connect(session)) as database, database:
        specs = "SELECT job_id, operator_name, start_pos_row, start_pos_col FROM mutation_specs"
        for job, operator, row, column in database.execute(specs).fetchall():
            if (reason := excluded(Mutation(operator, (row, column)), places)) is not None:
                values = (job, "SKIPPED", reason)
                database.execute("INSERT INTO work_results (job_id, worker_outcome, output) VALUES (?, ?, ?)", values)


def sample(session: Path, every: int) -> None:
    """Leave only every so many mutants to try, in the order of their places; 1 for all."""
    with closing(sqlite3.connect(session)) as database, database:
        database.execute("DELETE FROM work_results WHERE output = 'sample'")
        tried = database.execute(
            "SELECT s.job_id, r.job_id FROM mutation_specs AS s LEFT JOIN work_results AS r ON r.job_id = s.job_id"
            " WHERE coalesce(r.worker_outcome, '') != 'SKIPPED'"
            " ORDER BY s.start_pos_row, s.start_pos_col, s.operator_name, s.occurrence"
        ).fetchall()
        left = [(job,) for number, (job, done) in enumerate(tried) if number % every and done is None]
        skip = "INSERT INTO work_results (job_id, worker_outcome, output) VALUES (?, 'SKIPPED', 'sample')"
        database.executemany(skip, left)


def forget_survivors(session: Path) -> None:
    """Let the mutants that survived meet the tests once more, since the tests have changed."""
    with closing(sqlite3.connect(session)) as database, database:
        database.execute("DELETE FROM work_results WHERE test_outcome = 'SURVIVED' OR worker_outcome = 'EXCEPTION'")


def left_out(session: Path) -> Counter[str]:
    """Count the mutants that are not tried, by their reason."""
    with closing(sqlite3.connect(session)) as database:
        counted = "SELECT output, count(*) FROM work_results WHERE worker_outcome = 'SKIPPED' GROUP BY output"
        return Counter(dict(database.execute(counted).fetchall()))


def figures(module: str, session: Path) -> Figures:
    """Count what became of the mutants of a module."""
    with closing(sqlite3.connect(session)) as database:
        rows = database.execute(
            "SELECT r.worker_outcome, r.test_outcome, substr(r.output, 1, 7)"
            " FROM work_items AS i LEFT JOIN work_results AS r ON r.job_id = i.job_id"
        )
        counted = Counter(_fate(*row) for row in rows)
    if counted["unclear"]:
        raise RuntimeError(f"{counted['unclear']} mutants of {module} met no test: see the output in {session}")
    return Figures(module, counted["killed"], counted["survived"], counted["timeout"], counted["pending"])


def _fate(worker: str | None, outcome: str | None, said: str | None) -> str:
    match worker, outcome, said:
        case None, _, _:
            return "pending"
        case "SKIPPED", _, _:
            return "skipped"
        case "NORMAL", "KILLED", "timeout":
            return "timeout"
        case "NORMAL", "KILLED", "killed ":
            return "killed"
        case "NORMAL", "SURVIVED", _:
            return "survived"
        case _:
            return "unclear"


def total(name: str, of: Sequence[Figures]) -> Figures:
    """Add up the figures of some modules."""
    return Figures(
        name,
        killed=sum(one.killed for one in of),
        survived=sum(one.survived for one in of),
        timed_out=sum(one.timed_out for one in of),
        pending=sum(one.pending for one in of),
    )


def seconds(session: Path) -> float:
    """Add up what the tests of all tried mutants took."""
    with closing(sqlite3.connect(session)) as database:
        outputs = database.execute("SELECT output FROM work_results WHERE worker_outcome = 'NORMAL'").fetchall()
    told = (re.match(r".* (\d+\.\d) s$", output, re.MULTILINE) for (output,) in outputs)
    return sum(float(found[1]) for found in told if found is not None)


def survivors(module: str, session: Path) -> Iterator[Survivor]:
    """Give the mutants that no test has killed, by line."""
    with closing(sqlite3.connect(session)) as database:
        rows = database.execute(
            "SELECT s.start_pos_row, s.operator_name, r.diff FROM mutation_specs AS s"
            " JOIN work_results AS r ON r.job_id = s.job_id WHERE r.test_outcome = 'SURVIVED'"
            " ORDER BY s.start_pos_row, s.start_pos_col, s.operator_name, s.occurrence"
        ).fetchall()
    for line, operator, diff in rows:
        lines = [one for one in diff.splitlines() if not one.startswith(("---", "+++"))]
        before = " ".join(one[1:].strip() for one in lines if one.startswith("-"))
        after = " ".join(one[1:].strip() for one in lines if one.startswith("+"))
        yield Survivor(module, line, operator.removeprefix("core/"), before, after)
