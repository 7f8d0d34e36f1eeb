"""Two processes on one file: what one decided on, the other cannot have changed unseen."""

from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from site_desk import INVESTIGATOR, OPEN, RELATED, Site, day

from trialdomain import Decision, TrialError, Trials
from trialdomain.aggregates.cohort import LessCautious, NoFreeSlot
from trialdomain.aggregates.trial import RecruitmentIsSuspended
from trialdomain.application.desk import Desk

ROUNDS = 3
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


def act_when_told(path: str, act: Callable[[Desk], None], pipe: Connection) -> None:
    """Open the log, say so, act when told, and say what came of it."""
    with Trials.open(f"sqlite:///{path}", clock=lambda: NOW) as trials:
        desk = trials.trial(OPEN.trial).acting(INVESTIGATOR)
        pipe.send("ready")
        pipe.recv()
        try:
            act(desk)
        except TrialError as error:
            pipe.send(type(error).__name__)
        else:
            pipe.send("done")


def race(path: Path, *acts: Callable[[Desk], None]) -> list[str]:
    context = get_context("spawn")
    pipes = [context.Pipe() for _ in acts]
    workers = [
        context.Process(target=act_when_told, args=(str(path), act, theirs))
        for act, (_, theirs) in zip(acts, pipes, strict=True)
    ]
    for worker in workers:
        worker.start()
    for ours, _ in pipes:
        assert ours.recv() == "ready"
    for ours, _ in pipes:
        ours.send("go")
    results = [str(ours.recv()) for ours, _ in pipes]
    for worker in workers:
        worker.join()
    return results


def a_site(path: Path, *, treated: int) -> Site:
    site = Site(address=f"sqlite:///{path}")
    site.treat(*(f"S{number:03}" for number in range(1, treated + 1)))
    site.on(14)
    for subject in ("S004", "S005"):
        site.screened(subject)
    return site


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_the_last_slot_has_one_taker(tmp_path: Path, round_: int) -> None:
    site = a_site(tmp_path / "trial.db", treated=2)
    acts = (enroll_4, enroll_5) if round_ % 2 else (enroll_5, enroll_4)
    assert sorted(race(tmp_path / "trial.db", *acts)) == sorted(["done", NoFreeSlot.__name__])
    assert site.state().counts.tallies[0].occupied == 3
    site.check()
    site.trials.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_nobody_is_enrolled_after_a_suspension(tmp_path: Path, round_: int) -> None:
    site = a_site(tmp_path / "trial.db", treated=2)
    acts = (enroll_4, suspend) if round_ % 2 else (suspend, enroll_4)
    results = dict(zip([act.__name__ for act in acts], race(tmp_path / "trial.db", *acts), strict=True))
    entries = sorted(site.trial.history().entries(), key=lambda entry: entry.position)
    order = [type(e.fact).__name__ for e in entries if type(e.fact).__name__ in {"RecruitmentSuspended", "SlotFilled"}]
    assert results["suspend"] == "done"
    if results["enroll_4"] == "done":
        assert order[-1] == "RecruitmentSuspended"  # it came after the enrollment
    else:
        assert results["enroll_4"] == RecruitmentIsSuspended.__name__
    site.trials.close()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_no_escalation_is_decided_on_counts_that_a_dlt_has_changed(tmp_path: Path, round_: int) -> None:
    site = a_site(tmp_path / "trial.db", treated=3)
    site.assess("S001", "S002", "S003")
    acts = (report, escalate) if round_ % 2 else (escalate, report)
    results = dict(zip([act.__name__ for act in acts], race(tmp_path / "trial.db", *acts), strict=True))
    assert results["report"] == "done"
    decided = site.state().decided
    if results["escalate"] == "done":
        assert [tally.dlts for tally in decided[0].fact.basis.tallies] == [0, 0, 0]
    else:
        assert (results["escalate"], decided) == (LessCautious.__name__, ())
    site.check()
    site.trials.close()
