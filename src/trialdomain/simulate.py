"""A made-up trial, recorded through the public API as a site would."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta

from trialdomain.application.conduct import User
from trialdomain.application.desk import Desk
from trialdomain.application.trials import TrialHandle, Trials
from trialdomain.protocol.made_up import eligible
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.values.role import Role
from trialdomain.values.screening import Gate
from trialdomain.values.toxicity import Agent, Assessor, Attribution, Relatedness

SPONSOR = User(id="sponsor", name="Simulated sponsor", role=Role.SPONSOR, organization="Simulated")
INVESTIGATOR = User(id="investigator", name="Simulated investigator", role=Role.INVESTIGATOR, organization="Simulated")


class SimulatedClock:
    """A clock that stands still until it is told the next day, save for a second at each look."""

    def __init__(self, first: date) -> None:
        self._now = datetime.combine(first, time(1), tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time, UTC."""
        self._now += timedelta(seconds=1)
        return self._now

    def advance_to(self, day: date) -> None:
        """Go on to the morning of a day; never back."""
        self._now = max(self._now, datetime.combine(day, time(1), tzinfo=UTC))


@contextmanager
def simulated_trial(address: str, *, first: date) -> Iterator[tuple[TrialHandle, date]]:
    """Record the first cohort of NCT06245746, with one DLT in it, and the decision on it; give the day it ends."""
    clock = SimulatedClock(first)
    with Trials.open(address, clock=clock) as trials:
        trial = trials.register(nct06245746(), by=SPONSOR)
        desk = trial.acting(INVESTIGATOR)
        for number in range(3):
            day = first + timedelta(days=number)
            clock.advance_to(day)
            _treat(desk, f"S{number + 1:03}", day)
        onset = first + timedelta(days=4)
        clock.advance_to(onset)
        judged = Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.POSSIBLY)
        desk.report_adverse_event("S002", event="AE1", term="Fever", grade=2, onset=onset, attributions=[judged])
        last = first + timedelta(days=17)
        clock.advance_to(last)
        for subject in ("S001", "S003"):
            desk.assess_dlt_window(subject, on=last)
        desk.decide_escalation(on=last)
        yield trial, last


def _treat(desk: Desk, subject: str, day: date) -> None:
    desk.consent(subject, signed_on=day, form_version="1.0", age=42)
    findings, attestations = eligible(nct06245746(), on=day)
    desk.screen(subject, on=day, findings=findings, attestations=attestations)
    desk.enroll(subject, on=day)
    desk.start_chemotherapy(subject, on=day, regimen="high-dose cytarabine", ecog=1)
    desk.answer_criteria(subject, gate=Gate.INFUSION, on=day, attestations=attestations)
    desk.infuse(subject, level=1, started_at=day)
