"""Two processes on one file: neither can change the read set of the other's decision unnoticed.

Each round is a trial of its own in the same file. Both processes have it open and act at the same moment. The machine
decides which one wins; the other one gets an error of the domain.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic

import attrs
import pytest
from repeating import times
from site_desk import INVESTIGATOR, OPEN, RELATED, Site, day

from trialdomain import Decision, TrialError, Trials
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.aggregates.trial import RecruitmentIsSuspended
from trialdomain.desk import Desk
from trialdomain.limits.caution import LessCautious

pytestmark = [pytest.mark.soak, pytest.mark.processes]
ROUNDS = times(200)
_HEAD_START = 0.005
"""Seconds in which both processes hear when to begin."""
NOW = datetime(2026, 3, 16, 6, tzinfo=UTC)  # day 14


def enroll_4(desk: Desk) -> None:
    desk.enroll("S004", on=day(14))


def enroll_5(desk: Desk) -> None:
    desk.enroll("S005", on=day(14))


def suspend(desk: Desk) -> None:
    desk.suspend_recruitment(on=day(14), why="a death elsewhere")


def report(desk: Desk) -> None:
    desk.report_adverse_event("S001", event="AE1", term="Fever", grade=3, onset=day(2), attributions=RELATED)


def escalate(desk: Desk) -> None:
    desk.decide_escalation(on=day(14), decided=Decision.escalate(to=2))


ACTS = {act.__name__: act for act in (enroll_4, enroll_5, suspend, report, escalate)}


def act_when_told(path: str, pipe: Connection) -> None:
    """Take up one trial after another, act when told, and say what came of it."""
    with Trials.open(f"sqlite:///{path}", clock=lambda: NOW) as trials:
        while told := pipe.recv():
            trial, act = told
            desk = trials.trial(trial).acting(INVESTIGATOR)
            pipe.send("ready")
            start = pipe.recv()
            while monotonic() < start:
                pass  # both are awake when it comes
            try:
                ACTS[act](desk)
            except TrialError as error:
                pipe.send(type(error).__name__)
            else:
                pipe.send("done")


class Racers:
    """Two processes that act at once."""

    def __init__(self, path: Path) -> None:
        context = get_context("spawn")
        pairs = [context.Pipe() for _ in range(2)]
        self.pipes = [ours for ours, _ in pairs]
        self.workers: list[BaseProcess] = [
            context.Process(target=act_when_told, args=(str(path), theirs)) for _, theirs in pairs
        ]
        for worker in self.workers:
            worker.start()

    def race(self, trial: str, *acts: Callable[[Desk], None]) -> dict[str, str]:
        for pipe, act in zip(self.pipes, acts, strict=True):
            pipe.send((trial, act.__name__))
        assert [pipe.recv() for pipe in self.pipes] == ["ready", "ready"]
        start = monotonic() + _HEAD_START
        for pipe in self.pipes:
            pipe.send(start)
        return {act.__name__: str(pipe.recv()) for act, pipe in zip(acts, self.pipes, strict=True)}

    def stop(self) -> None:
        for pipe in self.pipes:
            pipe.send(None)
        for worker in self.workers:
            worker.join()


@contextmanager
def rounds(path: Path, *acts: Callable[[Desk], None], treated: int) -> Iterator[Iterator[tuple[Site, dict[str, str]]]]:
    """Run every round, with the acts in turn in the one process and in the other."""
    racers = Racers(path)

    def each() -> Iterator[tuple[Site, dict[str, str]]]:
        for number in range(ROUNDS):
            site = Site(attrs.evolve(OPEN, trial=f"T{number:03}"), address=f"sqlite:///{path}")
            site.treat(*(f"S{one:03}" for one in range(1, treated + 1)))
            site.on(14)
            for subject in ("S004", "S005"):
                site.screened(subject)
            if treated == 3:
                site.assess("S001", "S002", "S003")
            yield site, racers.race(site.trial.trial, *(acts if number % 2 else reversed(acts)))
            site.check()
            site.trials.close()

    try:
        yield each()
    finally:
        racers.stop()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "trials.db"


def test_the_last_slot_has_one_taker(log: Path) -> None:
    takers: Counter[str] = Counter()
    with rounds(log, enroll_4, enroll_5, treated=2) as each:
        for site, results in each:
            assert sorted(results.values()) == sorted(["done", NoFreeSlot.__name__])
            assert site.state().counts.tallies[0].occupied == 3
            takers.update(act for act, result in results.items() if result == "done")
    assert takers.total() == ROUNDS


def test_nobody_is_enrolled_after_a_suspension(log: Path) -> None:
    with rounds(log, enroll_4, suspend, treated=2) as each:
        for site, results in each:
            entries = sorted(site.trial.history().entries(), key=lambda entry: entry.position)
            kinds = [type(e.fact).__name__ for e in entries]
            order = [kind for kind in kinds if kind in {"RecruitmentSuspended", "SlotFilled"}]
            assert results["suspend"] == "done"
            assert order.count("RecruitmentSuspended") == 1
            if results["enroll_4"] == "done":
                assert order[-1] == "RecruitmentSuspended"  # it came after the enrollment
            else:
                assert results["enroll_4"] == RecruitmentIsSuspended.__name__


def test_no_escalation_is_decided_on_counts_that_a_dlt_has_changed(log: Path) -> None:
    with rounds(log, report, escalate, treated=3) as each:
        for site, results in each:
            decided = site.state().decided
            assert results["report"] == "done"
            if results["escalate"] == "done":
                assert [tally.dlts for tally in decided[0].fact.basis.tallies] == [0, 0, 0]
            else:
                assert (results["escalate"], decided) == (LessCautious.__name__, ())
