"""A site in memory, with a clock that a test moves, which makes up what a test leaves unsaid."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Self, cast
from weakref import finalize

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.runner import User
from trialdomain.desk import Desk
from trialdomain.desk.trials import TrialHandle, Trials
from trialdomain.events.entries import current_entries
from trialdomain.events.participant import (
    ChemotherapyStarted,
    Consented,
    CriteriaAnswered,
    Enrolled,
    Infused,
    ParticipantFact,
    Screened,
)
from trialdomain.events.recorded import Recorded
from trialdomain.history import History
from trialdomain.protocol.criteria import Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.made_up import Administered, administered, eligible
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import Attestation, Finding, Gate
from trialdomain.values.ids import participant_stream
from trialdomain.values.role import Role

INVESTIGATOR = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
"""The user who acts where a test names none."""
FIRST_DAY = date(2026, 3, 2)
EVENING = time(20)
"""The time of day at which an act is recorded, unless a test says another: what happened on the day is over."""
_SECOND = timedelta(seconds=1)


class _Clock:
    """A clock that a test moves; it is apart from the site, so that a site that nobody uses is closed."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time in UTC; every reading is a second later, so that no two commands have one time."""
        self.now += _SECOND
        return self.now.astimezone(UTC)


class MadeUpSite:
    """One trial in memory. It answers criteria, doses and gates as the protocol asks, where a test says nothing.

    Args:
        protocol: the protocol to register.
        by: the user who registers the trial.
        moment: when it is registered, with an offset; by default on the evening of 2 March 2026.
    """

    def __init__(self, protocol: TrialProtocol, *, by: User = INVESTIGATOR, moment: datetime | None = None) -> None:
        self.protocol = protocol
        """The protocol that is in force; whoever amends it sets it."""
        self._clock = _Clock(moment or datetime.combine(FIRST_DAY, EVENING, protocol.site_zone))
        self.trial: TrialHandle
        self._trials, self.trial = self._begun(by)
        self.user = by
        finalize(self, self._trials.close)  # a test need not close it

    def _begun(self, by: User) -> tuple[Trials, TrialHandle]:
        """Open a log in memory, and register the trial."""
        trials = Trials.open("memory:", clock=self._clock)
        try:
            return trials, trials.register(self.protocol, by=by)
        except BaseException:
            trials.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log in memory."""
        self._trials.close()

    @property
    def now(self) -> datetime:
        """The time at the site."""
        return self._clock.now

    @property
    def today(self) -> date:
        """The day at the site."""
        return self._clock.now.astimezone(self.protocol.site_zone).date()

    def move_to(self, moment: datetime) -> None:
        """Move the clock on; never back.

        Raises:
            ValueError: the moment is before the last one.
        """
        if moment.date() < self._clock.now.date():
            raise ValueError(
                f"{moment:%Y-%m-%d %H:%M} is before {self._clock.now:%Y-%m-%d %H:%M}, when the last line was told"
            )
        self._clock.now = max(self._clock.now, moment)

    def move_to_day(self, day: date) -> None:
        """Move the clock to the evening of a day."""
        self.move_to(datetime.combine(day, EVENING, self.protocol.site_zone))

    @property
    def history(self) -> History:
        """The trial as it is known now."""
        return self.trial.history()

    def desk(self, user: User | None = None) -> Desk:
        """Open the desk of a user."""
        return self.trial.acting(user or self.user)

    def participant(self, subject: str) -> Participant:
        """Return a participant as the log knows them."""
        found = Participant(subject)
        for entry in current_entries(self.entries_of(subject)):
            found.apply(entry)
        return found

    def entries_of(self, subject: str) -> Sequence[Recorded[ParticipantFact]]:
        """Return the entries of a participant."""
        found = self.history.entries_of(participant_stream(self.trial.trial, subject))
        return cast("Sequence[Recorded[ParticipantFact]]", list(found))

    def has(self, subject: str, kind: type) -> bool:
        """Return whether a current entry of a participant is of a kind."""
        return any(isinstance(entry.fact, kind) for entry in current_entries(self.entries_of(subject)))

    def answers(self) -> tuple[Sequence[Finding], Sequence[Attestation]]:
        """Make up answers that meet every criterion, seen today."""
        return eligible(self.protocol, on=self.today)

    def dose_of(self, level: Label) -> Administered:
        """Make up an infusion of exactly the dose of a level."""
        return administered(self.protocol.level(level).dose)

    def prepare(self, subject: str, kind: type, *, desk: Desk) -> None:
        """Record the acts that have to come before a fact of a kind, where they are missing.

        A screening needs a consent; an enrollment a screening that meets every criterion; an infusion the enrollment,
        and the answers and the chemotherapy that the criteria of later gates read.
        """
        if kind in {Screened, Enrolled, Infused, ChemotherapyStarted, CriteriaAnswered} and not self.has(
            subject, Consented
        ):
            site = next((site.id for site in self.protocol.sites), None)
            desk.consent(subject, signed_on=self.today, form_version="1", age=self.age(), site=site)
        if kind in {Enrolled, Infused} and not self.has(subject, Screened):
            findings, attestations = self.answers()
            desk.screen(subject, on=self.today, findings=findings, attestations=attestations)
        if kind is not Infused:
            return
        if not self.has(subject, Enrolled):
            desk.enroll(subject, on=self.today)
        gates = {criterion.gate for criterion in self.protocol.criteria}
        if Gate.CHEMOTHERAPY in gates and not self.has(subject, ChemotherapyStarted):
            desk.start_chemotherapy(subject, on=self.today, regimen="made up", ecog=0)
        if Gate.INFUSION in gates and not self._answered(subject, Gate.INFUSION):
            findings, attestations = self.answers()
            desk.answer_criteria(
                subject, gate=Gate.INFUSION, on=self.today, findings=findings, attestations=attestations
            )

    def _answered(self, subject: str, gate: Gate) -> bool:
        """Return whether the criteria of a gate were answered today: answers of an earlier day may not hold."""
        facts = [entry.fact for entry in current_entries(self.entries_of(subject))]
        answered = [fact for fact in facts if isinstance(fact, CriteriaAnswered) and fact.gate is gate]
        return any(fact.on.last == self.today for fact in answered)

    def age(self) -> int | None:
        """Make up the lowest age that every criterion allows; None if none asks for it."""
        asked = [(one, test) for one in self.protocol.criteria for test in one.tests if test.finding == "age"]
        bounds = [int(test.number) for _, test in asked if test.number is not None]
        near = sorted({number + step for number in bounds for step in (-1, 0, 1)})
        return next((age for age in near if age >= 0 and all(_allows(one, test, age) for one, test in asked)), None)


def _allows(criterion: Criterion, test: FactTest, age: int) -> bool:
    """Say whether a criterion about the age allows it."""
    if test.number is None:
        return True
    holds = age >= test.number if test.comparison is Comparison.AT_LEAST else age <= test.number
    return holds is (criterion.kind is CriterionKind.INCLUSION)
