"""A simulated site that conducts a trial day by day through the public API."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TypeAlias

import attrs

from trialdomain.aggregates.cohort import LevelNotOpen, NoFreeSlot
from trialdomain.aggregates.infusions import SentinelNotCleared, StaggerNotKept
from trialdomain.aggregates.trial import TrialIsClosed
from trialdomain.commands.guards import LevelNotInTurn, NobodyInTurn, SlotNotHeld
from trialdomain.commands.runner import User
from trialdomain.desk import Desk
from trialdomain.desk.observed import vital_sign
from trialdomain.desk.trials import TrialHandle
from trialdomain.errors import InputInvalid
from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    LabRecorded,
    ParticipantFact,
    Screened,
    Transfused,
    VitalSign,
    VitalSignRecorded,
    WithdrawalScope,
)
from trialdomain.events.recorded import Entry
from trialdomain.events.trial import NotEstablished
from trialdomain.projections.escalation import Escalation, LimitCode
from trialdomain.protocol.made_up import administered, eligible
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.eligibility import unmet
from trialdomain.simulate.course import DLT, INFUSED_AT, Chances, Course, as_limiting, at_site, draw_course
from trialdomain.values.clinical.decision import Action, MtdStatus
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import Attestation, Finding, Gate
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.role import Role

SPONSOR = User(id="sponsor", name="Simulated sponsor", role=Role.SPONSOR, organization="Simulated")
INVESTIGATOR = User(id="investigator", name="Simulated investigator", role=Role.INVESTIGATOR, organization="Simulated")
FIRST_DAY = date(2026, 3, 2)
_EVENING = time(10)
"""The time at which the site records its day, in UTC: 18:00 in Wuhan."""
_LONGEST = 3_650
"""The maximum number of days; a longer simulation has an error."""
_WORTH_A_DECISION = {Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE, Action.STOP}
_Act: TypeAlias = Callable[[], object]


def simulated_protocol(trial: str | None = None) -> TrialProtocol:
    """Return the protocol of NCT06245746, optionally with another code; the title says that the trial is simulated."""
    real = nct06245746()
    return simulated_under(real)(trial or real.trial)


def simulated_under(protocol: TrialProtocol) -> Callable[[str], TrialProtocol]:
    """Return a function from a trial code to this protocol with that code; the title says that it is simulated."""
    return lambda trial: attrs.evolve(protocol, trial=trial, title=f"Simulated: {protocol.title}")


def _awaits_people(state: Escalation) -> bool:
    """Say whether the next infusion waits for a decision about a sentinel."""
    because = state.decision.because
    return because is not None and because.code == LimitCode.SENTINEL_UNDECIDED


class SimulationEndless(InputInvalid):
    """A simulated trial would not end: by the parameters of its design, or because outcomes stay pending."""

    code = "simulation-endless"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"a simulated trial might not end: {why}")
        self.why = why


class SimulatedClock:
    """A clock that is advanced day by day, and by one second at each reading."""

    def __init__(self, first: date) -> None:
        self._now = datetime.combine(first, _EVENING, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time in UTC."""
        self._now += timedelta(seconds=1)
        return self._now

    def advance_to(self, day: date) -> None:
        """Advance to the evening of a day; never go back."""
        self._now = max(self._now, datetime.combine(day, _EVENING, tzinfo=UTC))


@attrs.define
class Site:
    """Screens, treats and observes participants until the design stops and the observation of all has ended.

    Args:
        trial: the registered trial, in a log that uses ``clock``.
        clock: the clock that the site advances.
        protocol: the protocol of the trial.
        chance: the random generator.
        chances: the probabilities of events.
        most: the maximum number of enrolled participants.
    """

    trial: TrialHandle
    clock: SimulatedClock
    protocol: TrialProtocol
    chance: Random
    chances: Chances
    most: int
    desk: Desk = attrs.field(init=False)
    today: date = FIRST_DAY
    _agenda: list[tuple[date, int, _Act]] = attrs.Factory(list)
    _numbers: "count[int]" = attrs.Factory(count)
    _screened: int = 0
    _enrolled: int = 0
    _left: set[str] = attrs.Factory(set)
    _next_arrival: date = FIRST_DAY
    _to_correct: Entry | None = None
    _stopped: bool = False

    def __attrs_post_init__(self) -> None:
        """Open the desk of the trial."""
        self.desk = self.trial.acting(INVESTIGATOR)

    def run(self, progress: Callable[[int], None] = lambda _: None) -> date:
        """Run day by day until no action is left, and return the last day.

        Args:
            progress: called with the number of people enrolled so far.
        """
        for _ in range(_LONGEST):
            self.clock.advance_to(self.today)
            if not self._stopped:
                self._conduct()
                progress(self._enrolled)
            while self._agenda and self._agenda[0][0] <= self.today:
                heappop(self._agenda)[2]()
            if self._stopped and not self._agenda:
                return self.today
            self.today += timedelta(days=1)
        raise SimulationEndless(why=self._why_endless())

    def _why_endless(self) -> str:
        pending = ", ".join(self._pending()[:5]) or "nobody"
        return (
            f"after {_LONGEST} days the outcomes of {pending} are still pending under this protocol, such as for want "
            f"of blood counts: simulate without that rule"
        )

    def _pending(self) -> list[str]:
        """Return the participants whose outcome is not known."""
        counts = self.trial.history().dlt_counts(on=self.today)
        return [one.subject for one in counts.members if one.standing.evaluation is Evaluation.PENDING]

    def _later(self, days: int, act: _Act) -> None:
        heappush(self._agenda, (self.today + timedelta(days=days), next(self._numbers), act))

    def _conduct(self) -> None:
        """Record a decision if one is due, and admit the next candidate."""
        state = self._state()
        if _awaits_people(state) or (state.decision.action in _WORTH_A_DECISION and self._is_new(state)):
            self.desk.decide_escalation(on=self.today)
            state = self._state()
        if state.decision.action is Action.STOP:
            self._conclude(state)
        elif self._enrolled >= self.most:
            if not any(tally.pending or tally.enrolled for tally in state.counts.tallies):
                self._give_up()
        elif (
            state.level_in_turn is not None
            and state.decision.action is not Action.WAIT
            and self.today >= self._next_arrival
        ):
            self._admit(state.level_in_turn)
            self._next_arrival = self.today + timedelta(days=self.chance.randint(1, 4))

    def _state(self) -> Escalation:
        state = self.trial.history().escalation(on=self.today)
        if state is None:
            raise AssertionError("a simulated trial has a design")
        return state

    def _is_new(self, state: Escalation) -> bool:
        """Return whether this recommendation was not decided yet, or the counts have changed since."""
        if not state.decided:
            return True
        last = state.decided[-1].fact
        return (last.decided.bare, last.decided.slots) != (state.decision.bare, state.decision.slots)

    def _conclude(self, state: Escalation) -> None:
        mtd = state.decision.mtd
        self.desk.close(on=self.today, why="the design has its answer")
        if mtd.status is MtdStatus.ESTABLISHED and mtd.level is not None:
            self.desk.declare_mtd(level=mtd.level, on=self.today)
        else:
            none = mtd.status is MtdStatus.NONE_TOLERATED
            why = NotEstablished.NONE_TOLERATED if none else NotEstablished.RECRUITMENT_ENDED
            self.desk.declare_no_mtd(why=why, on=self.today)
        self._stopped = True

    def _give_up(self) -> None:
        self.desk.close(on=self.today, why="recruitment has ended")
        self.desk.declare_no_mtd(why=NotEstablished.RECRUITMENT_ENDED, on=self.today)
        self._stopped = True

    def _admit(self, level: Label) -> None:
        """Screen the next candidate; if eligible and a slot is free, enroll them at the level in turn."""
        self._screened += 1
        subject = f"S{self._screened:03}"
        age = self.chance.randint(18, 60)
        self.desk.consent(subject, signed_on=self.today, form_version="1.0", age=age, site=self._site())
        findings, attestations = self._answers()
        screened = self.desk.screen(subject, on=self.today, findings=findings, attestations=attestations)
        if any(unmet(entry.fact.assessment) for entry in screened if isinstance(entry.fact, Screened)):
            self.desk.fail_screening(subject, on=self.today, why="left ventricular ejection fraction too low")
            return
        try:
            self.desk.enroll(subject, level=level, on=self.today)
        except (LevelNotOpen, NoFreeSlot, NobodyInTurn):
            return  # eligible, but no slot is free
        self._enrolled += 1
        course = draw_course(self.chance, start=self.today, place=self.protocol.place(level), chances=self.chances)
        self.desk.start_chemotherapy(subject, on=self.today, regimen="high-dose cytarabine", ecog=1)
        planned = self.today + timedelta(days=course.infusion_day)
        self._later(course.infusion_day, lambda: self._infuse(subject, level, course, attestations, planned))
        for day, facts in course.observed:
            self._later(day, lambda facts=facts: self._observe(subject, facts))  # type: ignore[misc]  # bound now

    def _site(self) -> str | None:
        """Return the site of the next candidate: each site in turn."""
        sites = self.protocol.sites
        return sites[self._screened % len(sites)].id if sites else None

    def _answers(self) -> tuple[Sequence[Finding], Sequence[Attestation]]:
        """Return answers to the criteria: eligible, or not eligible because of a low ejection fraction."""
        findings, attestations = eligible(self.protocol, on=self.today)
        if self.chance.random() >= self.chances.screen_failure:
            return findings, attestations
        low = Decimal(self.chance.randint(25, 39))
        return [attrs.evolve(f, number=low) if f.name == "lvef" else f for f in findings], attestations

    def _infuse(
        self, subject: str, level: Label, course: Course, attestations: Sequence[Attestation], planned: date
    ) -> None:
        self.desk.answer_criteria(subject, gate=Gate.INFUSION, on=self.today, attestations=attestations)
        given, started = administered(self.protocol.level(level).dose), at_site(self.today, INFUSED_AT)
        try:
            self.desk.infuse(
                subject,
                level=level,
                dose=given.dose,
                body_weight_kg=given.body_weight_kg,
                bsa_m2=given.bsa_m2,
                started_at=started,
                lot="simulated",
            )
        except (NobodyInTurn, SentinelNotCleared, StaggerNotKept):
            self._later(1, lambda: self._infuse(subject, level, course, attestations, planned))
            return
        except (LevelNotInTurn, SlotNotHeld):
            self._send_elsewhere(subject, course, attestations, planned)
            return
        self._see_sentinel(subject)
        if course.leaves_day is not None:
            self._later(course.leaves_day, lambda: self._leave(subject))
            return
        # A postponed infusion may come after the event that would have been dose-limiting.
        limited = course.dlt_day is not None and planned + timedelta(days=course.dlt_day) >= self.today
        if self.protocol.dlt is not None:
            self._later(self.protocol.dlt.window_days, lambda: self._assess(subject, limited=limited))

    def _assess(self, subject: str, *, limited: bool) -> None:
        """Assess the window; of a participant with an event that may limit the dose, only where it does not."""
        if limited and subject not in self._pending():
            return
        self.desk.assess_dlt_window(subject, on=self.today)

    def _see_sentinel(self, subject: str) -> None:
        """Schedule a visit at the end of the observation of a sentinel, where the protocol observes them."""
        sentinel = self.protocol.stagger.sentinel
        if sentinel is not None:
            self._later(sentinel.observation_days, lambda: self._see(subject))

    def _see(self, subject: str) -> None:
        if subject not in self._left:
            sign = vital_sign(VitalSign.TEMPERATURE, "36.8", "Cel", measured_at=self.today)
            self.desk.record_vital_signs(subject, [sign])

    def _send_elsewhere(self, subject: str, course: Course, attestations: Sequence[Attestation], planned: date) -> None:
        """Reassign a participant whose level has closed, or stop their treatment if no slot is free."""
        in_turn = self._state().level_in_turn
        try:
            if in_turn is not None:
                self.desk.reassign(subject, to_level=in_turn, on=self.today, why="the dose level closed")
                self._later(1, lambda: self._infuse(subject, in_turn, course, attestations, planned))
                return
        except (LevelNotOpen, NoFreeSlot, NobodyInTurn, TrialIsClosed):
            pass  # no level has a free slot
        why = "no slot: the dose level closed"
        self.desk.withdraw(subject, on=self.today, scope=WithdrawalScope.TREATMENT, why=why)

    def _leave(self, subject: str) -> None:
        self.desk.withdraw(subject, on=self.today, scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        self._left.add(subject)

    def _observe(self, subject: str, facts: Sequence[ParticipantFact]) -> None:
        """Record the observations of today; the results of a day go into one commit."""
        labs = [fact for fact in facts if isinstance(fact, LabRecorded)]
        signs = [fact for fact in facts if isinstance(fact, VitalSignRecorded)]
        recorded = self.desk.record_labs(subject, labs) if labs else []
        if signs:
            self.desk.record_vital_signs(subject, signs)
        for fact in facts:
            match fact:
                case Transfused():
                    self.desk.transfuse(subject, on=fact.on, product=fact.product, units=fact.units)
                case AntiInfectiveGiven():
                    self._give(subject, fact)
                case AdverseEventReported():
                    self._report(subject, fact)
                case _:
                    pass
        if recorded and self._to_correct is None:
            self._to_correct = recorded[0]
            self._later(3, self._correct)

    def _give(self, subject: str, fact: AntiInfectiveGiven) -> None:
        self.desk.give_anti_infective(
            subject,
            agent=fact.agent,
            atc_code=fact.atc_code,
            route=fact.route,
            intent=fact.intent,
            started_on=fact.started_on,
        )

    def _report(self, subject: str, fact: AdverseEventReported) -> None:
        """Report an event on the day of its onset, and schedule a follow-up for its end."""
        fact = as_limiting(fact, self.protocol) if fact.event == DLT else fact
        self.desk.report_adverse_event(
            subject,
            event=fact.event,
            term=fact.term,
            grade=fact.grade,
            onset=fact.onset,
            attributions=fact.attributions,
        )
        if fact.ended is not None:
            ended = fact.ended
            days = (ended.first - self.today).days
            self._later(days, lambda: self._end(subject, fact.event))

    def _end(self, subject: str, event: str) -> None:
        if subject in self._left:
            return
        over = self.today
        self.desk.follow_up_adverse_event(subject, event=event, on=over, ended=over, outcome=Outcome.RECOVERED)

    def _correct(self) -> None:
        """Correct the first result of the trial, as if it had been transcribed wrongly."""
        entry = self._to_correct
        if entry is not None and isinstance(entry.fact, LabRecorded):
            right = entry.fact.value + 1
            self.desk.correct(entry, value=right, reason="transcription: the laboratory's slip says otherwise")
