"""Conduct a whole trial by the courses of its participants: one after another, each with an outcome and its delays."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from heapq import heappop, heappush
from typing import TypeAlias

import attrs
from attrs.converters import optional

from trialdomain.aggregates.infusions import SentinelNotCleared, StaggerNotKept
from trialdomain.aggregates.trial import RecruitmentIsSuspended
from trialdomain.designs.notation import Outcome, Treated
from trialdomain.desk.observed import vital_sign
from trialdomain.errors import TrialError
from trialdomain.events.entries import current_entries
from trialdomain.events.participant import Enrolled, Infused, ParticipantFact, VitalSign, WithdrawalScope
from trialdomain.events.recorded import Entry
from trialdomain.projections.escalation import Escalation, LimitCode
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.acts import record
from trialdomain.testing.given_trial import NEEDS_A_DECISION, fields_of
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.testing.outcomes import facts_of_outcome
from trialdomain.testing.restated import REASON, VOIDED, in_words, restatements
from trialdomain.testing.whole_trial import Act, WholeTrial, entry_of
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.level import Label
from trialdomain.values.word import Word

_LONGEST_WAIT = 400
"""The most days for which a participant waits for an infusion; then the trial goes on without it."""
_MOST_TRIES = 60
"""The most times that a participant's enrollment or infusion is tried: each time after something new is known."""


class Leaving(Word):
    """How a participant leaves."""

    BEFORE_INFUSION = "before-infusion"
    """Withdraws from treatment after the enrollment, and is not infused."""
    TREATMENT = "treatment"
    """Withdraws from treatment after the infusion; observation goes on."""
    FOLLOW_UP = "follow-up"
    USE_OF_DATA = "use-of-data"
    LOST = "lost"
    DIED = "died"


@attrs.frozen(kw_only=True)
class Course:
    """What happens to one participant of a trial; the defaults are the plainest course."""

    outcome: Outcome = attrs.field(default=Outcome.NO_DLT, converter=Outcome)
    """The outcome, also as its letter in notation, such as ``"T"``."""
    after: int = 0
    """Days since the previous participant was infused."""
    late: int = 0
    """Days by which outcomes are recorded later than they happened."""
    leaves: Leaving | None = attrs.field(default=None, converter=optional(Leaving))
    leaves_after: int = 0
    """Elapsed days from the infusion to the day of leaving."""
    corrected: int | None = None
    """Which of the possible corrections is recorded after the outcome, counted round; None for none."""
    voided: int | None = None
    """Which of the participant's entries is voided after the outcome, counted round; None for none."""


def conduct(protocol: TrialProtocol, courses: Sequence[Course]) -> WholeTrial:
    """Conduct a trial through the desk, in memory, from 2 March 2026 on.

    Participants are ``S001``, ``S002``, ... in the order of the courses. Each is screened and enrolled at the level in
    turn, and infused on the first day that the rules allow; the decision that the design recommends is recorded
    wherever a slot is needed. The trial ends when the courses, or the slots, come to an end; every outcome is recorded
    then. What a course says and the desk refuses, such as an assessment after a death, is left out.

    Args:
        protocol: the protocol to register.
        courses: one for each participant, in the order of treatment.

    Raises:
        OutcomesUnreachable: the protocol has no DLT rule, or no event that limits the dose.

    >>> from trialdomain import nct06245746
    >>> trial = conduct(nct06245746(), [Course(), Course(outcome=Outcome.DLT)])
    >>> trial.history.dlt_counts(on=trial.today).tallies[0].dlts
    1
    """
    conducted = _Conduct(WholeTrial(protocol))
    for number, course in enumerate(courses, start=1):
        conducted.pass_to(conducted.trial.today + timedelta(days=course.after))
        if not conducted.treat(f"S{number:03}", course):
            break
    while conducted.pass_on():
        pass
    conducted.decide()
    conducted.trial.remember(endpoints=False)
    return conducted.trial


class _Conduct:
    """A trial in progress, with the acts that wait for their day."""

    def __init__(self, trial: WholeTrial) -> None:
        self.trial = trial
        self._waiting: list[tuple[date, int, _Planned]] = []
        self._number = 0

    def plan(self, on: date, planned: "_Planned") -> None:
        """Keep an act for its day."""
        self._number += 1
        heappush(self._waiting, (on, self._number, planned))

    def pass_to(self, day: date) -> None:
        """Do every act that waits up to a day, and move the clock there."""
        while self._waiting and self._waiting[0][0] <= day:
            on, _, planned = heappop(self._waiting)
            self.trial.site.move_to_day(max(on, self.trial.today))
            act = planned(self.trial.site)
            if act is not None:
                self.trial.act(act)
        self.trial.site.move_to_day(max(day, self.trial.today))

    def pass_on(self) -> bool:
        """Do the acts of the next day that has any; say whether there was one."""
        if not self._waiting:
            return False
        self.pass_to(self._waiting[0][0])
        return True

    def decide(self) -> bool:
        """Record the decision that the design recommends, if it gives slots or ends the trial; say whether it did."""
        on = self.trial.today
        state = self.trial.history.escalation(on=on)
        if state is None or not _worth_deciding(state):
            return False
        answer = state.to_decide
        told = f"decided: {answer.action.value}{_at(answer.level)}"
        refused = self.trial.act(
            Act(on=on, told=told, do=lambda site: site.desk().decide_escalation(on=on), observes=False)
        )
        if refused is None:
            self.trial.remember(endpoints=False)
        return refused is None

    def treat(self, subject: str, course: Course) -> bool:
        """Screen, enroll and infuse a participant, and plan the rest; False when nobody can be enrolled any more."""
        self.trial.act(
            Act(
                on=self.trial.today,
                subject=subject,
                do=lambda site: site.prepare(subject, Enrolled, desk=site.desk()),
                observes=False,
            )
        )
        if not self._tried(lambda: self._enrollment(subject)):
            return False
        if course.leaves is Leaving.BEFORE_INFUSION:
            self.trial.act(leaving(subject, Leaving.BEFORE_INFUSION, self.trial.today))
        elif self._tried(lambda: self._infusion(subject)):
            self._observe(subject, course)
        return True

    def _tried(self, made: Callable[[], Act]) -> bool:
        """Do an act, again after whatever it waits for; say whether it was done."""
        last = self.trial.today + timedelta(days=_LONGEST_WAIT)
        for _ in range(_MOST_TRIES):
            refused = self.trial.act(made())
            if refused is None:
                return True
            if self.trial.today > last or not self._waited_for(refused):
                return False
        return False

    def _waited_for(self, refused: TrialError) -> bool:
        """Let that happen for which an act waits; False if it waits for nothing that will."""
        if isinstance(refused, StaggerNotKept):
            self.pass_to(refused.until)
            return True
        if isinstance(refused, SentinelNotCleared) and refused.until > self.trial.today:
            self.pass_to(refused.until)
            self.trial.act(_seen(refused.sentinel, self.trial.today))
            return True
        if isinstance(refused, RecruitmentIsSuspended):
            return self.trial.act(_resumption(self.trial.today)) is None
        return isinstance(refused, NEEDS_A_DECISION) and (self.decide() or self._known_more())

    def _known_more(self) -> bool:
        """Do what waits, day by day, until the answer is no longer to wait; say whether it came to that."""
        while self.pass_on():
            state = self.trial.history.escalation(on=self.trial.today)
            if state is not None and (state.decision.action is not Action.WAIT or _worth_deciding(state)):
                return True
        return False

    def _enrollment(self, subject: str) -> Act:
        on, protocol = self.trial.today, self.trial.site.protocol
        level = protocol.labels[0] if protocol.design is None else None  # by default, the level in turn

        def do(site: MadeUpSite) -> object:
            return site.desk().enroll(subject, on=on, level=level)

        return Act(on=on, subject=subject, told=f"{subject} enrolled", do=do, observes=False)

    def _infusion(self, subject: str) -> Act:
        on, label = self.trial.today, self.trial.site.participant(subject).assigned_level

        def do(site: MadeUpSite) -> object:
            site.prepare(subject, Infused, desk=site.desk())
            return infuse(site, subject, label)

        return Act(on=on, subject=subject, told=f"{subject} infused{_at(label)}", do=do, observes=False)

    def _observe(self, subject: str, course: Course) -> None:
        """Plan what is recorded after an infusion."""
        rule, day = self.trial.site.protocol.dlt, self.trial.today
        window = 0 if rule is None else rule.window_days
        if rule is not None:
            for when, fact in facts_of_outcome(Treated(1, course.outcome), day, self.trial.site.protocol):
                self.plan(when + timedelta(days=course.late), _always(recorded(subject, fact, when)))
        if course.leaves is not None:
            left = day + timedelta(days=course.leaves_after)
            self.plan(left + timedelta(days=course.late), _always(leaving(subject, course.leaves, left)))
        after = day + timedelta(days=course.late + window + 1)
        if course.corrected is not None:
            self.plan(after, partial(correction, subject=subject, number=course.corrected))
        if course.voided is not None:
            self.plan(after, partial(void, subject=subject, number=course.voided))


_Planned: TypeAlias = Callable[[MadeUpSite], Act | None]
"""What will be done: an act, or what it is by then; None where there is nothing to do."""


def _always(act: Act) -> _Planned:
    return lambda site: attrs.evolve(act, on=site.today)


def _worth_deciding(state: Escalation) -> bool:
    """Say whether a decision would give slots, end the trial, or let a level go on after its sentinel."""
    because = state.decision.because
    for_people = because is not None and because.code == LimitCode.SENTINEL_UNDECIDED
    if state.to_decide.action is Action.WAIT or (state.to_decide.action is Action.ENROLL and not for_people):
        return False
    last = state.decided[-1].fact if state.decided else None
    return last is None or (last.decided.bare, last.basis.tallies) != (state.to_decide.bare, state.counts.tallies)


def _at(label: Label | None) -> str:
    return "" if label is None else f" at level {label}"


def infuse(site: MadeUpSite, subject: str, label: Label | None) -> Sequence[Entry]:
    """Infuse a participant today, with exactly the dose of a level."""
    named = site.protocol.labels[0] if label is None else label
    given = site.dose_of(named)
    return site.desk().infuse(
        subject,
        level=named,
        dose=given.dose,
        body_weight_kg=given.body_weight_kg,
        bsa_m2=given.bsa_m2,
        started_at=site.today,
    )


def recorded(subject: str, fact: ParticipantFact, on: date) -> Act:
    """Make the act that records a fact of a participant, which happened on a day."""

    def do(site: MadeUpSite) -> object:
        return record(site.desk(), subject, type(fact), [fields_of(fact, site.desk())])

    return Act(on=on, subject=subject, told=f"{subject} {in_words(fact)}", do=do)


def leaving(subject: str, how: Leaving, on: date) -> Act:
    """Make the act by which a participant leaves on a day."""

    def do(site: MadeUpSite) -> object:
        desk = site.desk()
        match how:
            case Leaving.DIED:
                return desk.record_death(subject, on=on)
            case Leaving.LOST:
                return desk.lose_to_follow_up(subject, on=on, last_contact=on)
            case _:
                return desk.withdraw(subject, on=on, scope=_SCOPES[how])

    told = f"{subject} left ({how.value}) on {on}"
    return Act(on=on, subject=subject, told=told, do=do, observes=how is not Leaving.BEFORE_INFUSION)


_SCOPES = {
    Leaving.BEFORE_INFUSION: WithdrawalScope.TREATMENT,
    Leaving.TREATMENT: WithdrawalScope.TREATMENT,
    Leaving.FOLLOW_UP: WithdrawalScope.FOLLOW_UP,
    Leaving.USE_OF_DATA: WithdrawalScope.USE_OF_DATA,
}


def correction(site: MadeUpSite, *, subject: str, number: int) -> Act | None:
    """Make a correction of an entry of a participant: one of those that are possible today, counted round."""
    possible = restatements(site.entries_of(subject))
    if not possible:
        return None
    chosen = possible[number % len(possible)]

    def do(other: MadeUpSite) -> object:
        entry = entry_of(other, subject, chosen.version)
        return other.desk().correct(entry, reason=REASON, **chosen.changes)

    return Act(on=site.today, subject=subject, told=f"{subject}: {chosen.told}", do=do)


def void(site: MadeUpSite, *, subject: str, number: int) -> Act | None:
    """Make a void of an entry of a participant: one of those that are possible today, counted round."""
    possible = [entry for entry in current_entries(site.entries_of(subject)) if type(entry.fact) in VOIDED]
    if not possible:
        return None
    chosen = possible[number % len(possible)]

    def do(other: MadeUpSite) -> object:
        return other.desk().void(entry_of(other, subject, chosen.version), reason=REASON)

    return Act(on=site.today, subject=subject, told=f"{subject}: {in_words(chosen.fact)}, voided", do=do)


def _seen(subject: str, on: date) -> Act:
    """Make the act that shows that a sentinel was seen."""

    def do(site: MadeUpSite) -> object:
        temperature = vital_sign(VitalSign.TEMPERATURE, "36.8", "Cel", measured_at=on)
        return site.desk().record_vital_signs(subject, [temperature])

    return Act(on=on, subject=subject, told=f"{subject} seen", do=do, observes=False)


def _resumption(on: date) -> Act:
    """Make the act by which people resume recruitment."""

    def do(site: MadeUpSite) -> object:
        return site.desk().resume_recruitment(on=on, why="the death was reviewed")

    return Act(on=on, told="recruitment resumed", do=do, observes=False)
