"""Compute a safety review from the cases, one participant after another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, tzinfo
from typing import Any

from trialdomain.events.participant import ChemotherapyGiven, ChemotherapyStarted, DltWindowAssessed
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.dlt_counts import Dlt, DltCounts, Member
from trialdomain.projections.review.answer import (
    Delayed,
    Deviation,
    Judgement,
    Narrative,
    NotAssessed,
    Open,
    Reaction,
    Review,
    Reviewed,
    SeriousEvent,
)
from trialdomain.projections.safety import Safety
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.rules.dlt import delayed
from trialdomain.rules.expedited import FIRST_REPORT, REPORT, Suspected, is_serious, suspected
from trialdomain.rules.observation import starts_of
from trialdomain.values.calendar import site_day
from trialdomain.values.clinical.ctcae import lacks, term_of
from trialdomain.values.clinical.evaluation import NOT_INFUSED, Evaluation, EvaluationReason
from trialdomain.values.clinical.scale import Scale, beside, highest_by_scale
from trialdomain.values.clinical.toxicity import RELATED, Agent, Relatedness, Seriousness

_OPEN_REASONS = {
    EvaluationReason.NOT_ASSESSED: Open.WINDOW,
    EvaluationReason.DEATH_NOT_EXPLAINED: Open.DEATH,
    EvaluationReason.DLT_NOT_EXPLAINED: Open.DLT,
    EvaluationReason.ENDING_UNCERTAIN: Open.ENDING,
    EvaluationReason.CYTOPENIA_NOT_SHOWN: Open.CYTOPENIA,
    EvaluationReason.DURATION_NOT_SHOWN: Open.DURATION,
}


def review_of(
    members: Iterable[Member], counts: DltCounts, safety: Safety, book: Casebook, *, on: date, zone: tzinfo
) -> Review:
    """Review all participants who hold a slot or were infused.

    Args:
        members: these participants.
        counts: the DLT counts; empty if the protocol has no DLT rule.
        safety: the summary of adverse events.
        book: the casebook of the trial.
        on: the data cut-off.
        zone: the time zone of the site.
    """
    by_subject = {member.subject: member for member in members}

    def recorded_on(case: Case) -> Callable[[Recorded[Any]], date]:
        return lambda entry: site_day(case.first_of(entry).meta.recorded_at, zone)

    reviewed: list[Reviewed] = []
    narratives: list[Narrative] = []
    reactions: list[Reaction] = []
    late: list[Delayed] = []
    missing: list[NotAssessed] = []
    for case in book.cases:
        member = by_subject.get(case.subject) or _left_before(case)
        if member is None:
            continue
        found = [one for event in case.adverse_events if (one := suspected(event, recorded_on=recorded_on(case)))]
        reviewed.append(_reviewed(case, member, book.protocol.grading, on=on))
        narratives += _narrative(case, member)
        reactions += (_reaction(one, member, book.protocol.grading) for one in found)
        late += _late(case, member, book)
        missing += _missing(case, member, found)
    return Review(
        on=on,
        participants=tuple(reviewed),
        narratives=tuple(narratives),
        reactions=tuple(sorted(reactions, key=lambda one: (one.due_in_7_days or one.due_in_15_days, one.subject))),
        delayed=tuple(late),
        not_assessed=tuple(missing),
        halts=tuple(book.halts),
        recommended_doses=tuple(book.recommended_doses),
        counts=counts,
        safety=safety,
    )


def _left_before(case: Case) -> Member | None:
    """Return an enrolled participant who left or died before the infusion: a committee asks about them too."""
    if case.assignment is None or case.first_infusion is not None:
        return None
    return Member(
        subject=case.subject,
        level=case.assignment.level,
        standing=NOT_INFUSED,
        dlt=None,
        infused_on=None,
        window_last=None,
        held_from=case.assignment.since,
        infused_by=None,
        evidence=(case.assignment.position,),
    )


def _events(case: Case) -> list[AdverseEvent]:
    """Return the events that began, or became worse, since the infusion."""
    return [event for event in case.adverse_events if case.worse_since_infusion[event.event]]


def _grade_since(event: AdverseEvent, case: Case) -> int:
    """Return the highest grade since the infusion."""
    worse = case.worse_since_infusion[event.event]
    return max((graded.grade for graded in worse), default=event.highest_grade)


def _reviewed(case: Case, member: Member, grading: Scale, *, on: date) -> Reviewed:
    infusion = case.first_infusion
    events = _events(case)
    last = member.window_last
    return Reviewed(
        subject=case.subject,
        level=member.level,
        dose=None if infusion is None else infusion.fact.dose,
        lot=None if infusion is None else infusion.fact.lot,
        chemotherapy=tuple(start.on for start in starts_of(case.of(ChemotherapyStarted), case.of(ChemotherapyGiven))),
        infusions=tuple(entry.fact.started_at for entry in case.infusions),
        standing=member.standing,
        aside=member.aside,
        dlt=member.dlt,
        assessed_by=_assessed_by(case, member),
        window_last=last,
        days_left=None if last is None else max((last - on).days, 0),
        last_contact=min(case.last_day, on),
        highest_grade=max((_grade_since(event, case) for event in events), default=None),
        highest_by_scale=highest_by_scale(((event.scale, _grade_since(event, case)) for event in events), grading),
        serious=tuple(
            SeriousEvent(
                event=event.event,
                term=event.term,
                highest_grade=event.highest_grade,
                scale=beside(event.scale, grading),
                onset=event.onset,
                criteria=event.seriousness,
                position=event.seriousness_by(date.max)[1],
            )
            for event in case.adverse_events
            if is_serious(event)
        ),
        death=None if case.death is None else case.death.fact.on,
        deviations=tuple(
            Deviation(position=entry.position, why=why)
            for entry in case.entries
            if (why := case.deviation_of(entry)) is not None
        ),
    )


def _assessed_by(case: Case, member: Member) -> tuple[str, ...]:
    if member.dlt is not None:
        event = _event(case, member.dlt)
        latest = {} if event is None else event.latest(Agent.INFUSION)
        return tuple(assessor.value for assessor, (relatedness, _) in latest.items() if relatedness in RELATED)
    return tuple(dict.fromkeys(entry.fact.by for entry in case.of(DltWindowAssessed)))


def _event(case: Case, dlt: Dlt) -> AdverseEvent | None:
    return next((event for event in case.joined_events if event.event == dlt.event), None)


def _judgements(event: AdverseEvent | None) -> Iterator[Judgement]:
    """Yield the judgements of relatedness to the infusion, in the order of their dates."""
    if event is None:
        return
    said = [(event.onset, event.report.position, event.report.fact.attributions)]
    said += [(entry.fact.on, entry.position, entry.fact.attributions) for entry in event.follow_ups]
    for on, position, attributions in said:
        for one in attributions:
            if one.agent is Agent.INFUSION:
                yield Judgement(assessor=one.assessor, relatedness=one.relatedness, on=on, position=position)


def _narrative(case: Case, member: Member) -> Iterator[Narrative]:
    infusion = case.first_infusion
    if member.dlt is None or infusion is None:
        return
    event = _event(case, member.dlt)
    onset = max(member.dlt.onset.first, infusion.fact.started_at.first)
    yield Narrative(
        subject=case.subject,
        level=member.level,
        dose=infusion.fact.dose,
        infused_at=infusion.fact.started_at,
        dlt=member.dlt,
        day=(onset - infusion.fact.started_at.first).days,
        grades=() if event is None else tuple(event.grades()),
        judgements=tuple(_judgements(event)),
        criteria=event.seriousness if event is not None and event.serious else (),
        outcome=None if event is None else event.outcome,
        ended=None if event is None else event.ended,
        evidence=member.evidence,
    )


def _reaction(one: Suspected, member: Member, grading: Scale) -> Reaction:
    aware, danger = one.aware, one.aware_of_danger
    said = one.event.seriousness if one.event.serious else ()
    fatal = (Seriousness.DEATH,) if one.event.fatal and Seriousness.DEATH not in said else ()
    return Reaction(
        subject=member.subject,
        level=member.level,
        event=one.event.event,
        term=one.event.term,
        highest_grade=one.event.highest_grade,
        scale=beside(one.event.scale, grading),
        relatedness=one.relatedness,
        expected=one.expected,
        criteria=(*said, *fatal),
        aware_on=aware.on,
        awareness_recorded=aware.recorded,
        dangerous_since=None if danger is None else danger.on,
        danger_recorded=danger is None or danger.recorded,
        due_in_7_days=None if danger is None else danger.on + FIRST_REPORT,
        complete_by=None if danger is None else danger.on + REPORT,
        due_in_15_days=aware.on + REPORT,
        positions=tuple(
            sorted({one.event.report.position, aware.position, *([] if danger is None else [danger.position])})
        ),
    )


def _late(case: Case, member: Member, book: Casebook) -> Iterator[Delayed]:
    infusion = case.first_infusion
    if infusion is None:
        return
    rule = book.in_force_on(infusion.fact.started_at.first).dlt
    events = case.joined_events
    for event in events if rule is not None else ():
        graded = (
            None
            if rule is None
            else delayed(event, infusion=infusion.fact, rule=rule, deaths=case.deaths, others=events)
        )
        if graded is not None:
            yield Delayed(
                subject=case.subject,
                level=member.level,
                event=event.event,
                term=event.term,
                grade=graded.grade,
                scale=beside(event.scale, book.protocol.grading),
                on=graded.on,
                day=(graded.first - infusion.fact.started_at.first).days,
                relatedness=event.judged(Agent.INFUSION).relatedness,
                positions=tuple(sorted({event.report.position, graded.position})),
            )


def _missing(case: Case, member: Member, reactions: Sequence[Suspected]) -> Iterator[NotAssessed]:
    """Yield the missing judgements about one participant."""
    by_event = {one.event.event: one for one in reactions}

    def about(what: Open, event: AdverseEvent | None = None, position: int | None = None) -> NotAssessed:
        named = None if event is None else event.event
        return NotAssessed(subject=case.subject, what=what, event=named, position=position)

    for event in _events(case):
        where = event.report.position
        unjudged = event.judged(Agent.INFUSION).relatedness is Relatedness.NOT_ASSESSED
        if unjudged:
            yield about(Open.RELATEDNESS, event, where)
        code = event.report.fact.ctcae_code
        if lacks(event.scale, event.term) and term_of(event.term, code=code) is None:
            yield about(Open.TERM, event, where)
        if event.serious is None:
            yield about(Open.SERIOUSNESS, event, where)
        reaction = by_event.get(event.event)
        if is_serious(event) and (unjudged or reaction is not None) and event.report.fact.expected is None:
            yield about(Open.EXPECTEDNESS, event, where)
        for aware in () if reaction is None else {reaction.aware, reaction.aware_of_danger or reaction.aware}:
            if not aware.recorded:
                yield about(Open.AWARENESS, event, aware.position)
    reason = _OPEN_REASONS.get(member.standing.reason)
    if reason is not None and member.standing.evaluation is Evaluation.PENDING:
        yield about(reason, position=member.infused_by)
