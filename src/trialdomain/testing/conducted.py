"""Compare the pure rule with the engine: trials that are rebuilt from facts, or recorded through the desk in memory."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

import attrs

from trialdomain.commands.runner import User
from trialdomain.designs.notation import Outcome, Treated
from trialdomain.desk import Desk
from trialdomain.desk.trials import TrialHandle, Trials
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import WithdrawalScope
from trialdomain.operating.compared import AskedTrial, Compared, Difference, same_answer
from trialdomain.projections.escalation import Escalation
from trialdomain.protocol.made_up import administered
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.outcomes import history_of
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.toxicity import Agent, Assessor, Attribution, Relatedness
from trialdomain.values.role import Role

_FIRST_DAY = date(2026, 3, 2)
_MORNING = time(6)
_OPENS = {Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE}
"""The answers that give no slot until they are recorded as a decision."""
_BY = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Test")
_RELATED = (Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.POSSIBLY),)
_INTERRUPTED = "the paths of a design have whole cohorts, also where the rule interrupts one"
_ONSET, _LEAVES = 2, 3
"""The days of a DLT and of a withdrawal, in elapsed days from the infusion."""


def protocol_with(protocol: TrialProtocol) -> TrialProtocol:
    """Return the protocol of NCT06245746 without criteria, with the design and the levels of another protocol."""
    return attrs.evolve(nct06245746(), criteria=(), design=protocol.design, levels=protocol.levels)


def compare_by_replay(
    asked: Iterable[AskedTrial], *, protocol: TrialProtocol, progress: Callable[[int], None] = lambda _: None
) -> Compared:
    """Compare the answers of the rule with those that ``History`` rebuilds from facts (``history_of``).

    Args:
        asked: the trials with the answers of the rule.
        protocol: the protocol, with the same design and levels.
        progress: called with 1 after each trial.

    Raises:
        OutcomesUnreachable: the facts cannot give these outcomes under the protocol.
    """
    return _compared("replay", asked, lambda one: _by_replay(one, protocol), progress)


def compare_at_desk(
    asked: Iterable[AskedTrial], *, protocol: TrialProtocol, progress: Callable[[int], None] = lambda _: None
) -> Compared:
    """Compare the answers of the rule with those of trials that are recorded through the desk, in memory.

    Each group is enrolled and infused on one day, then observed; every answer that gives slots is recorded as a
    decision. A rule may interrupt a cohort, because outcomes that are pending could eliminate its level: then those
    infused are observed first, and if the level is eliminated, the rest are treated as a deviation (**choice**), since
    paths have whole cohorts.

    Args:
        asked: the trials with the answers of the rule.
        protocol: the protocol of the desk, with the same design and levels.
        progress: called with 1 after each trial.

    Raises:
        CommandRefused: a rule of the protocol does not allow such a trial.
    """
    return _compared("desk", asked, lambda one: _at_desk(one, protocol), progress)


def _compared(
    through: str, asked: Iterable[AskedTrial], answer: Callable[[AskedTrial], Decision], progress: Callable[[int], None]
) -> Compared:
    differing, trials = [], 0
    for one in asked:
        found = answer(one)
        if not same_answer(found, one.decision):
            differing.append(Difference(one.outcomes, one.decision, found))
        trials += 1
        progress(1)
    return Compared(through=through, trials=trials, differing=tuple(differing))


def _by_replay(one: AskedTrial, protocol: TrialProtocol) -> Decision:
    history, on = history_of(one.outcomes, protocol=protocol)
    return _state(history.escalation(on=on)).unheld


def _at_desk(one: AskedTrial, protocol: TrialProtocol) -> Decision:
    clock = _Clock()
    with Trials.open("memory:", clock=clock) as trials:
        site = _Site(trials.register(protocol, by=_BY), clock, protocol)
        for group in one.groups:
            site.treat(group)
        return site.state().decision


def _state(state: Escalation | None) -> Escalation:
    if state is None:
        raise AssertionError("a protocol with a design has an escalation state")
    return state


class _Clock:
    """A clock that is advanced by days, and by one second at each reading."""

    def __init__(self) -> None:
        self.now = datetime.combine(_FIRST_DAY, _MORNING, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def on(self, day: date) -> date:
        """Advance to the morning of a day."""
        self.now = max(self.now, datetime.combine(day, _MORNING, tzinfo=UTC))
        return day


class _Site:
    """A site that treats one group after another, and knows all outcomes of a group before the next."""

    def __init__(self, trial: TrialHandle, clock: _Clock, protocol: TrialProtocol) -> None:
        self._trial, self._clock, self._protocol = trial, clock, protocol
        self._desk: Desk = trial.acting(_BY)
        self._today, self._number = _FIRST_DAY, 0
        self._unobserved: list[tuple[str, Outcome]] = []

    def state(self) -> Escalation:
        """Return the answer of today."""
        return _state(self._trial.history().escalation(on=self._today))

    def treat(self, group: Sequence[Treated]) -> None:
        """Decide if slots are to be opened, treat a group, and observe it to the end of its window."""
        if self.state().decision.action in _OPENS:
            self._desk.decide_escalation(on=self._today)
        for one in group:
            self._treat(one)
        self._observe()

    def _treat(self, one: Treated) -> None:
        """Treat one participant of a group; see ``compare_at_desk`` for a group that the rule interrupts."""
        self._number += 1
        subject = f"S{self._number:03}"
        self._desk.consent(subject, signed_on=self._today, form_version="1")
        self._desk.screen(subject, on=self._today)
        try:
            self._infuse(subject, one)
        except CommandRefused:
            self._observe()
            try:
                self._infuse(subject, one)
            except CommandRefused:
                self._infuse(subject, one, deviation=_INTERRUPTED)
        self._unobserved.append((subject, one.outcome))

    def _infuse(self, subject: str, one: Treated, *, deviation: str | None = None) -> None:
        level = self._protocol.levels[one.level - 1]
        given = administered(level.dose)
        to = None if deviation is None else level.label
        self._desk.enroll(subject, on=self._today, level=to, deviation=deviation)
        self._desk.infuse(
            subject,
            level=level.label,
            dose=given.dose,
            body_weight_kg=given.body_weight_kg,
            bsa_m2=given.bsa_m2,
            started_at=self._today,
            deviation=deviation,
        )

    def _observe(self) -> None:
        """Record the outcomes of those infused since the last observation, and go on to the day after their window."""
        day, window = self._today, 0 if self._protocol.dlt is None else self._protocol.dlt.window_days
        for subject in self._those(Outcome.DLT):
            on = self._clock.on(day + timedelta(days=_ONSET))
            self._desk.report_adverse_event(
                subject, event="AE1", term="Fever", grade=3, onset=on, attributions=_RELATED
            )
        for subject in self._those(Outcome.NOT_EVALUABLE):
            on = self._clock.on(day + timedelta(days=_LEAVES))
            self._desk.withdraw(subject, on=on, scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        on = self._clock.on(day + timedelta(days=window))
        for subject in self._those(Outcome.NO_DLT):
            self._desk.assess_dlt_window(subject, on=on)
        self._today = self._clock.on(on + timedelta(days=1))
        self._unobserved.clear()

    def _those(self, outcome: Outcome) -> list[str]:
        return [subject for subject, found in self._unobserved if found is outcome]
