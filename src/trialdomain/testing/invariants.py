"""Invariants of a whole trial, which hold under every protocol: nobody infused without eligibility, and others.

Each is a function of a history that raises :class:`InvariantBroken` with a sentence that names the entries. They judge
what the desk accepted, as it was known when it was recorded: what was recorded with a deviation, corrected, voided or
imported may break a rule of conduct, and is a finding of the audit instead (``trialdomain.findings``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import attrs
from typing_extensions import override

from trialdomain.designs.situation import Situation
from trialdomain.events.cohort import (
    CohortOpened,
    EnrollmentResumed,
    EnrollmentStopped,
    EscalationDecided,
    SlotFilled,
)
from trialdomain.events.entries import current
from trialdomain.events.membership import Membership, apply_to_members
from trialdomain.events.participant import (
    ChemotherapyGiven,
    ChemotherapyStarted,
    Consented,
    Died,
    Enrolled,
    Infused,
    LostToFollowUp,
    Screened,
    Withdrew,
)
from trialdomain.events.recorded import Entry
from trialdomain.events.trial import ProtocolAmended
from trialdomain.history import History
from trialdomain.projections.escalation import Escalation
from trialdomain.protocol.designs import DesignSpec
from trialdomain.rules.eligibility import assess, unmet
from trialdomain.rules.known_facts import known_of
from trialdomain.testing.answered import Answered, words_of
from trialdomain.testing.replay import Replay
from trialdomain.testing.table_views import TablesDiffer, equal_in
from trialdomain.testing.whole_trial import WholeTrial
from trialdomain.values.calendar import site_day
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import cohort_stream, level_of, subject_of, trial_stream
from trialdomain.views.standard import STANDARD_VIEWS

_STEPS = 3
"""The steps in which the tables of a trial are made."""
_NAMED = 3
"""The most things that a sentence names; the rest are counted."""


class InvariantBroken(AssertionError):
    """A trial breaks an invariant."""

    def __init__(self, invariant: str, why: str, positions: Sequence[int] = ()) -> None:
        super().__init__(invariant, why, tuple(positions))
        self.invariant, self.why, self.positions = invariant, why, tuple(positions)

    @override
    def __str__(self) -> str:
        """Say which invariant, and why, with the positions of the entries."""
        at = f" (position {', '.join(map(str, self.positions))})" if self.positions else ""
        return f"{self.invariant}: {self.why}{at}"


def nobody_infused_without_eligibility(history: History) -> None:
    """Assert that everybody was eligible when they were enrolled, and when they were infused.

    Before an enrollment: a consent, a screening, and every criterion of the screening met. Before an infusion: an
    enrollment, no withdrawal, loss or death by that day, and every criterion of the infusion day, and of chemotherapy
    once it began, met (ICH E6(R3) 2.7: the inclusion criteria of the protocol).

    Raises:
        InvariantBroken: somebody was not.
    """
    _eligibility(Replay.of(history))


def _eligibility(replay: Replay, since: int = 0) -> None:
    for command in replay.commands(since=since):
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, Enrolled | Infused):
                missing = list(_missing(replay, entry))
                if missing:
                    act = "enrolled" if isinstance(entry.fact, Enrolled) else "infused"
                    more = f", and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
                    why = f"{subject_of(entry.stream)} was {act} {', '.join(missing[:_NAMED])}{more}"
                    raise InvariantBroken("nobody infused without eligibility", why, [entry.position])


def _missing(replay: Replay, entry: Entry) -> Iterator[str]:
    """Yield what was missing when a participant was enrolled or infused."""
    protocol = replay.protocol(before=entry.position)
    facts = [one.fact for one in replay.current(entry.stream, before=entry.position)]
    if protocol is None:
        return
    kinds = {type(fact) for fact in facts}
    if Consented not in kinds:
        yield "without a consent"
    if isinstance(entry.fact, Enrolled):
        if Screened not in kinds:
            yield "without a screening"
        gates, on = [Gate.SCREENING], entry.fact.on.last
    elif isinstance(entry.fact, Infused):
        if Enrolled not in kinds:
            yield "without an enrollment"
        treated = kinds & {ChemotherapyStarted, ChemotherapyGiven}
        gates, on = [*([Gate.CHEMOTHERAPY] if treated else []), Gate.INFUSION], entry.fact.started_at.last
    else:
        return
    yield from (f"after {word}" for kind, word in _ENDS.items() for fact in facts if _ended(fact, kind, on))
    for gate in gates:
        known = known_of(facts, protocol, gate=gate, on=on)
        due = {criterion.id for criterion in protocol.criteria if criterion.gate is gate}
        for one in unmet(assess(known, protocol, gate=gate)):
            if one.criterion in due:
                yield f"with criterion {one.criterion} {one.status.value}"


_ENDS: Mapping[type, str] = {Withdrew: "a withdrawal", LostToFollowUp: "being lost", Died: "the death"}


def _ended(fact: Any, kind: type, on: date) -> bool:  # noqa: ANN401 - a fact of any kind
    return isinstance(fact, kind) and bool(fact.on.last < on)  # type: ignore[attr-defined]  # of these kinds, each has it


def no_slot_twice(history: History) -> None:
    """Assert that no participant holds two slots, and that no level has more people in its slots than slots.

    Raises:
        InvariantBroken: a slot was taken twice.
    """
    _slots(Replay.of(history))


def _slots(replay: Replay, since: int = 0) -> None:
    for command in replay.commands(since=since):
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, SlotFilled):
                _against_filling(replay, entry, entry.fact.subject, after=command.last)


def _against_filling(replay: Replay, entry: Entry, subject: str, *, after: int) -> None:
    """Refuse a slot that was taken twice, by what the cohorts had recorded after a position."""
    name, here = "no slot twice", level_of(entry.stream)
    for level in replay.levels:
        members, slots = _cohort(replay, level, after=after)
        member = members.get(subject, Membership())
        if level != here and member.holds:
            why = f"{subject} took a slot at level {here}, and holds one at level {level}"
            raise InvariantBroken(name, why, [entry.position])
        taken = sum(one.occupies for one in members.values())
        if level == here and taken > slots and slots:  # without a design, nobody opens slots
            there = how_many(slots, "slot")
            why = f"{subject} took a slot at level {level}, where {taken} people then used {there}"
            raise InvariantBroken(name, why, [entry.position])


def _cohort(replay: Replay, level: Label, *, after: int) -> tuple[dict[str, Membership], int]:
    """Return the members of a level, and its slots, as they were recorded after a position."""
    members: dict[str, Membership] = {}
    slots = 0
    for entry in replay.current(cohort_stream(replay.history.trial, level), before=after + 1):
        apply_to_members(members, entry.fact)
        slots = max(slots, getattr(entry.fact, "slots", 0))
    return members, slots


def no_dose_above_an_open_level(history: History) -> None:
    """Assert that nobody was infused at a level that was not opened, or was closed, or above the one in turn.

    The level in turn is that of the design, as it was known before the infusion was recorded, or the lower one to which
    people limited it.

    Raises:
        InvariantBroken: somebody was.
    """
    _doses(Replay.of(history))


def _doses(replay: Replay, since: int = 0) -> None:
    for command in replay.commands(since=since):
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, Infused):
                why = _why_not_open(replay, entry, entry.fact.level, before=command.first)
                if why is not None:
                    told = f"{subject_of(entry.stream)} was infused at level {entry.fact.level}, {why}"
                    raise InvariantBroken("no dose above an open level", told, [entry.position])


def _why_not_open(replay: Replay, entry: Entry, level: Label, *, before: int) -> str | None:
    """Return why a level could not be given when an infusion was recorded; None where it could."""
    protocol = replay.protocol(before=before)
    if protocol is None or protocol.design is None:
        return None
    facts = {
        label: [one.fact for one in replay.current(cohort_stream(replay.history.trial, label), before=before)]
        for label in protocol.labels
    }
    if not any(isinstance(fact, CohortOpened) for fact in facts.get(level, ())):
        return "which no decision had opened"
    for label in protocol.labels[: protocol.place(level)]:
        halts = [fact for fact in facts[label] if isinstance(fact, EnrollmentStopped | EnrollmentResumed)]
        if halts and isinstance(halts[-1], EnrollmentStopped):
            return f"and level {label} was closed"
    day = site_day(entry.meta.recorded_at, replay.history.zone)
    state = replay.at(before - 1).escalation(on=day)
    in_turn = None if state is None else state.level_in_turn
    if in_turn is None:
        return "and no level was in turn"
    return None if protocol.place(level) <= protocol.place(in_turn) else f"and level {in_turn} was in turn"


def a_final_closing_stays(history: History, *, on: date | None = None) -> None:
    """Assert that every level that a recorded decision closed is closed in each later answer.

    The answers are those that later decisions recorded as the recommendation, and that of now. A closing ends when an
    amendment reopens its level, or when its decision is corrected or voided.

    Args:
        history: the trial.
        on: the day of the answer of now; by default that of the last entry.

    Raises:
        InvariantBroken: a level is open again.
    """
    replay = Replay.of(history)
    _closings_stay(replay)
    state = history.escalation(on=history.last_day() if on is None else on)
    if state is not None:
        _against_reopening(replay, state.decision, before=history.position + 1, at=None)


def _closings_stay(replay: Replay, since: int = 0) -> None:
    for entry in replay.entries:
        decides = isinstance(entry.fact, EscalationDecided) and not entry.envelope.corrects
        if decides and entry.position > since:
            _against_reopening(replay, entry.fact.recommended, before=entry.position, at=entry.position)  # type: ignore[union-attr]  # decides says so


def _against_reopening(replay: Replay, answer: Decision, *, before: int, at: int | None) -> None:
    """Refuse an answer without a level that a decision before it closed."""
    for level, closed_at in _closings(replay, before=before):
        if level not in answer.closed_levels:
            by = "the answer of now" if at is None else f"the decision at position {at}"
            why = f"level {level} was closed by a decision, and {by} leaves it open: {words_of(answer)}"
            raise InvariantBroken("a final closing stays", why, [closed_at, *([] if at is None else [at])])


def _closings(replay: Replay, *, before: int) -> Iterator[tuple[Label, int]]:
    """Yield each level that a current decision closed, and no later amendment reopened, with the position."""
    of_trial = current(replay.stream(trial_stream(replay.history.trial), before=before))
    reopened = {
        level: of_trial.since(entry)
        for entry in of_trial.entries
        if isinstance(entry.fact, ProtocolAmended)
        for level in entry.fact.reopens
    }
    for label in replay.levels:
        of_level = current(replay.stream(cohort_stream(replay.history.trial, label), before=before))
        for entry in of_level.entries:
            if isinstance(entry.fact, EscalationDecided):
                for level in entry.fact.recommended.closed_levels:
                    if reopened.get(level, 0) < of_level.since(entry):
                        yield level, of_level.since(entry)


def a_dlt_more_is_never_bolder(history: History, *, on: date | None = None) -> None:
    """Assert that the answer would not be bolder if one participant without a DLT had one.

    The rule, with everybody else unchanged: no closed level opens. Of two answers that treat, the second treats at no
    higher level; of two answers that end the trial, the second has no higher MTD (none is the lowest). Where a design
    closes a level by its number of DLTs, this holds of two answers of different kinds as well. Other designs read a
    table at whole cohorts: with a DLT more, a level can be eliminated whose outcomes were awaited, and the wait ends;
    or a trial that would have ended early goes on. Of them, only answers of one kind are compared (**choice**).

    Sources: the published rules answer by the number of DLTs, and more of them never give a higher level (Storer 1989,
    Biometrics 45:925; Skolnik et al. 2008, J Clin Oncol 26:190; Liu and Yuan 2015, J R Stat Soc C 64:507).

    Args:
        history: the trial.
        on: the day for which windows are judged; by default that of the last entry.

    Raises:
        InvariantBroken: an answer would be bolder.
    """
    state = history.escalation(on=history.last_day() if on is None else on)
    if state is not None:
        _boldness(state)


def _boldness(state: Escalation) -> None:
    before = state.design.decide(state.situation)
    for level, worse in _worse(state.situation):
        after = state.design.decide(worse)
        why = _bolder(before, after, state.situation, by_cohorts=_by_cohorts(state.spec))
        if why is not None:
            told = f"with a DLT more at level {level}, {words_of(before)} becomes {words_of(after)}: {why}"
            raise InvariantBroken("a DLT more is never bolder", told)


def _by_cohorts(spec: DesignSpec) -> bool:
    """Say whether a design reads its table at whole cohorts."""
    return hasattr(spec, "cohort_size")


def _worse(now: Situation) -> Iterator[tuple[Label, Situation]]:
    """Yield the situations in which one evaluable participant had a DLT and has none now, each with the level."""
    for at, (level, had) in enumerate(now.in_order):
        if had is False:
            tallies = tuple(attrs.evolve(t, dlts=t.dlts + 1) if t.level == level else t for t in now.tallies)
            in_order = (*now.in_order[:at], (level, True), *now.in_order[at + 1 :])
            yield level, attrs.evolve(now, tallies=tallies, in_order=in_order)


_TREATS = {Action.ENROLL, Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE}


def _bolder(before: Decision, after: Decision, situation: Situation, *, by_cohorts: bool) -> str | None:
    """Return in what an answer is bolder than another one; None where it is not."""
    opened = [level for level in before.closed_levels if level not in after.closed_levels]
    if opened:
        return f"level {opened[0]} is open again"
    ending = {before.action, after.action} == {Action.STOP}
    one_kind = ending or {before.action, after.action} <= _TREATS
    places = {tally.level: tally.place for tally in situation.tallies}
    high, low = (0 if one is None else places[one] for one in (_reached(after), _reached(before)))
    if (one_kind or not by_cohorts) and high > low:
        return f"level {_reached(after)} is higher"
    return None


def _reached(decision: Decision) -> Label | None:
    """Return the level to treat, now or after a wait, or that is the MTD; None where there is none."""
    return decision.mtd.level if decision.level is None else decision.level


def views_equal_replay(history: History, *, on: date | None = None) -> None:
    """Assert that what was computed step by step is what a replay of the whole log gives.

    The cohorts' facts, which the desk settled with each act, fit the casebook; every recorded recommendation is the
    answer as it was known then; and each view, which reads only the kinds of facts that it needs, is equal to the same
    view of a log that is read as a whole.

    Args:
        history: the trial.
        on: the day for which windows are judged, at least that of the last entry; by default that.

    Raises:
        InvariantBroken: two answers differ.
    """
    name, day = "views equal replay", history.last_day() if on is None else on
    for one in history.reconciliation(on=day):
        said = f"{one.aspect.value} of {one.subject} is {one.cohort}"
        why = f"at level {one.level} the {said} by the cohort, and {one.casebook} by the casebook"
        raise InvariantBroken(name, why)
    replay = Replay.of(history)
    for command in replay.commands():
        for entry in command.entries if command.intended else ():
            if isinstance(entry.fact, EscalationDecided):
                state = replay.at(command.first - 1).escalation(on=entry.fact.basis.on)
                then = None if state is None else state.to_decide
                if then is None or not _same(then, entry.fact.recommended):
                    why = f"a decision recorded {words_of(entry.fact.recommended)}, and replay gives {words_of(then)}"
                    raise InvariantBroken(name, why, [entry.position])
    whole = replay.at(history.position).answers(on=day)
    for view in ("escalation", "dlt_counts", "flow", "safety", "endpoints"):
        if getattr(history, view)(on=day) != getattr(whole, view):
            raise InvariantBroken(name, f"{view} alone is not what all answers together say")


def _same(one: Decision, other: Decision) -> bool:
    return (one.bare, one.slots, one.closed_levels) == (other.bare, other.slots, other.closed_levels)


def known_at_replay_equals_what_was_answered(
    history: History, answered: Sequence[Answered], *, known_at: Callable[[int], History] | None = None
) -> None:
    """Assert that a replay, as known at each earlier moment, gives what was answered then.

    Args:
        history: the trial as it is known now.
        answered: what was answered, each at its moment.
        known_at: returns the trial as known at a position; by default this history, read again up to it.

    Raises:
        InvariantBroken: an answer differs.
    """
    replay = Replay.of(history)
    for then in answered:
        known = replay.at(then.position) if known_at is None else known_at(then.position)
        if then.on > known.last_day():
            known = replay.at(then.position)  # a log is asked no later than the day of the moment
        now = Answered.of(known, on=then.on, endpoints=then.endpoints is not None)
        for difference in then.differences(now):
            why = f"as known at position {then.position}, for {then.on}: {difference}"
            raise InvariantBroken("known-at replay equals what was answered then", why, [then.position])


def check_recorded(history: History, *, since: int, on: date) -> None:
    """Assert of what was recorded after a position every invariant that judges single acts, and the answer of now.

    Raises:
        InvariantBroken: an act, or the answer, breaks one.
    """
    replay = Replay.of(history)
    for judge in (_eligibility, _slots, _doses, _closings_stay):
        judge(replay, since)
    state = replay.at(history.position).escalation(on=on)
    if state is not None:
        _against_reopening(replay, state.decision, before=history.position + 1, at=None)
        _boldness(state)


INVARIANTS: Mapping[str, Callable[[History], None]] = {
    "nobody infused without eligibility": nobody_infused_without_eligibility,
    "no slot twice": no_slot_twice,
    "no dose above an open level": no_dose_above_an_open_level,
    "a final closing stays": a_final_closing_stays,
    "a DLT more is never bolder": a_dlt_more_is_never_bolder,
    "views equal replay": views_equal_replay,
}
"""By name: every invariant of a history alone."""


def check_invariants(trial: History | WholeTrial) -> None:
    """Assert every invariant of a trial; of a :class:`WholeTrial` also that replay gives what it answered.

    Of a :class:`WholeTrial`, the tables of the views are made in steps as well, and compared with those made at once.

    Raises:
        InvariantBroken: the trial breaks one.
    """
    history = trial.history if isinstance(trial, WholeTrial) else trial
    for invariant in INVARIANTS.values():
        invariant(history)
    if isinstance(trial, WholeTrial):
        handle = trial.site.trial
        known_at_replay_equals_what_was_answered(
            history, trial.answered, known_at=lambda position: handle.history(known_at=position)
        )
        try:
            equal_in(handle.reader, handle.trial, STANDARD_VIEWS, _STEPS)
        except TablesDiffer as error:
            raise InvariantBroken("tables equal replay", str(error)) from None
