"""A site in a test: one trial in memory, one user at the desk, and a clock that advances day by day."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import attrs
import pytest

from trialdomain import (
    Agent,
    Assessor,
    Attribution,
    Entry,
    Relatedness,
    Role,
    TrialError,
    TrialProtocol,
    Trials,
    User,
    nct06245746,
)
from trialdomain.commands.access import Permit
from trialdomain.desk.observed import vital_sign
from trialdomain.events.participant import Infused, VitalSign, VitalSignRecorded
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.escalation import Escalation
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.clinical_time import When
from trialdomain.values.ids import participant_stream

DAY0 = date(2026, 3, 2)
REASON = "transcription: source document 12"
OPEN = attrs.evolve(nct06245746(), criteria=())
"""Most tests are about something else than eligibility: their protocol asks for nothing."""
INVESTIGATOR = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")


def day(number: int) -> date:
    """Give the day that many elapsed days after day 0."""
    return DAY0 + timedelta(days=number)


def judged(
    relatedness: Relatedness, *, agent: Agent = Agent.INFUSION, assessor: Assessor = Assessor.INVESTIGATOR
) -> tuple[Attribution, ...]:
    return (Attribution(agent=agent, assessor=assessor, relatedness=relatedness),)


RELATED = judged(Relatedness.POSSIBLY)


SITES: list["Site"] = []
"""Every site that was begun, and not closed yet: whatever a test begins is closed when it is over (``conftest.py``)."""


class Site:
    """What tests say of a trial, in few words."""

    def __init__(
        self, protocol: TrialProtocol | None = None, *, address: str = "memory:", permit: Permit | None = None
    ) -> None:
        self.now = datetime.combine(DAY0, time(6), tzinfo=UTC)
        self.trials = Trials.open(address, clock=self.clock, permit=permit)
        SITES.append(self)
        self.trial = self.trials.register(protocol or OPEN, by=INVESTIGATOR)
        self.desk = self.trial.acting(INVESTIGATOR)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def on(self, number: int) -> "Site":
        """Go on to that day."""
        self.now = max(self.now, datetime.combine(day(number), time(6), tzinfo=UTC))
        return self

    @property
    def today(self) -> date:
        return self.now.date()

    def admit(self, subject: str) -> None:
        """Consent, screen and enroll somebody today."""
        self.screened(subject)
        self.desk.enroll(subject, on=self.today)

    def screened(self, subject: str) -> None:
        """Consent and screen somebody today."""
        self.desk.consent(subject, signed_on=self.today, form_version="1")
        self.desk.screen(subject, on=self.today)

    def temperature(self, value: str, on: When) -> VitalSignRecorded:
        return vital_sign(VitalSign.TEMPERATURE, value, "Cel", measured_at=on)

    def treat(self, *subjects: str, level: Label = 1) -> Entry:
        """Admit and infuse people today; give the last infusion."""
        for subject in subjects:
            self.admit(subject)
            self.desk.infuse(subject, level=level, started_at=self.today)
        return self.infusion(subjects[-1])

    def infusion(self, subject: str) -> Entry:
        """Give the first infusion that was recorded of somebody."""
        stream = participant_stream(self.trial.trial, subject)
        entries = self.trial.history().entries()
        return next(e for e in entries if e.stream == stream and isinstance(e.fact, Infused))

    def toxicity(
        self,
        subject: str,
        event: str = "AE1",
        *,
        onset: When | None = None,
        grade: int = 3,
        attributions: Sequence[Attribution] = RELATED,
        outcome: Outcome | None = None,
    ) -> Entry:
        """Report an event today, related to the infusion unless it is said otherwise."""
        return self.desk.report_adverse_event(
            subject,
            event=event,
            term="Fever",
            grade=grade,
            onset=onset or self.today,
            attributions=attributions,
            outcome=outcome,
        )[0]

    def assess(self, *subjects: str) -> None:
        """Assess windows today."""
        for subject in subjects:
            self.desk.assess_dlt_window(subject, on=self.today)

    def decide(self) -> Sequence[Entry]:
        """Decide today what the rule recommends."""
        return self.desk.decide_escalation(on=self.today)

    def state(self) -> Escalation:
        found = self.trial.history().escalation(on=self.today)
        assert found is not None
        return found

    def member(self, subject: str) -> Member:
        counts = self.trial.history().dlt_counts(on=self.today)
        return next(one for one in (*counts.members, *counts.unassigned) if one.subject == subject)

    def evaluation(self, subject: str) -> Evaluation:
        return self.member(subject).standing.evaluation

    def dlts(self, level: int = 1) -> int:
        return self.trial.history().dlt_counts(on=self.today).tallies[level - 1].dlts

    def check(self) -> None:
        """Both sides of the reconciliation agree."""
        assert self.trial.history().reconciliation(on=self.today) == ()


def kinds(entries: Sequence[Entry]) -> list[str]:
    return [type(entry.fact).__name__ for entry in entries]


def refused(site: Site, kind: type[TrialError], act: Callable[[], object], words: str) -> None:
    """Hold that an act is refused with a sentence, and that nothing was recorded."""
    before = site.trial.history().position
    with pytest.raises(kind, match=words):
        act()
    assert site.trial.history().position == before
