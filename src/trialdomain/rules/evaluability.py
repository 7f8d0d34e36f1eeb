"""Whether a participant counts for the decision: evaluable, pending, or not evaluable.

The registry says "evaluable" and leaves it undefined; the definition is a choice, and a parameter of the protocol.
"""

from collections.abc import Sequence
from datetime import date

import attrs

from trialdomain.events.participant import Died, DltWindowAssessed, Infused, WindowResult
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.cytopenia import Cytopenia, last_day
from trialdomain.rules.dlt import Qualifying, Window
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.evaluation import Evaluation, EvaluationReason, Standing
from trialdomain.values.in_short import in_short


@attrs.frozen
class Judgement:
    """A standing, and the positions of the entries without which it would differ."""

    standing: Standing
    evidence: tuple[int, ...] = ()


@attrs.frozen
class LastSeen:
    """The day after which a participant was no longer observed, and the entry that says so."""

    on: ClinicalTime
    position: int


@attrs.frozen(kw_only=True)
class Course:
    """What decides whether one participant is evaluable."""

    __repr__ = in_short

    infusion: Recorded[Infused]
    """The first one, which opens the window."""
    events: Sequence[Qualifying]
    """The adverse events that qualify, or would once their relatedness is assessed."""
    cytopenias: Sequence[Cytopenia] = ()
    """Those that lasted beyond their day."""
    assessments: Sequence[Recorded[DltWindowAssessed]] = ()
    death: Recorded[Died] | None = None
    unrelated_cause: tuple[int, ...] = ()
    """The positions of the adverse event behind the death, where it was judged unrelated."""
    unrelated: tuple[int, ...] = ()
    """The positions of the judgements without which an event would be a DLT."""
    left: LastSeen | None = None
    """When they withdrew from follow-up, or were last seen."""


def judge_course(course: Course, protocol: TrialProtocol, *, on: date) -> Judgement:
    """Say where an infused participant stands on a calendar day at the site; the first line that fits is the answer."""
    rule, infusion, death, left = protocol.dlt, course.infusion, course.death, course.left
    if rule is None:
        return Judgement(_standing(Evaluation.PENDING, EvaluationReason.WINDOW_OPEN), (infusion.position,))
    last = Window.of(infusion.fact, rule).last
    dlts = sorted((event for event in course.events if event.assessed), key=lambda event: event.onset.first)
    latest = sorted(course.assessments, key=lambda entry: entry.fact.on.first)[-1:]
    found = [entry.position for entry in latest if entry.fact.result is WindowResult.DLT]
    covering = [
        entry.position
        for entry in course.assessments
        if entry.fact.on.first >= last and entry.fact.result is WindowResult.NO_DLT
    ]
    died = [death.position] if death and death.fact.on.last <= last else []
    explained = course.unrelated_cause
    gone = [left.position] if left and left.on.last <= last else []
    whole = infusion.fact.fraction >= protocol.evaluable.min_fraction
    unassessed = [position for event in course.events for position in event.evidence]
    lasting = [entry.position for one in course.cytopenias[:1] for entry in one.entries]
    counts_open = rule.cytopenia is not None and on <= last_day(infusion.fact, rule.cytopenia)
    over = on > last
    lines = (
        (dlts, Evaluation.EVALUABLE, EvaluationReason.DLT, dlts[0].evidence if dlts else ()),
        (lasting, Evaluation.EVALUABLE, EvaluationReason.DLT, lasting),
        (unassessed, Evaluation.PENDING, EvaluationReason.RELATEDNESS_NOT_ASSESSED, unassessed),
        (died and not explained, Evaluation.PENDING, EvaluationReason.DEATH_NOT_EXPLAINED, died),
        (not whole, Evaluation.NOT_EVALUABLE, EvaluationReason.INCOMPLETE_INFUSION, ()),
        (died, Evaluation.NOT_EVALUABLE, EvaluationReason.LEFT, (*died, *explained)),
        (gone, Evaluation.NOT_EVALUABLE, EvaluationReason.LEFT, gone),
        (counts_open, Evaluation.PENDING, EvaluationReason.CYTOPENIA_OPEN, ()),
        (found, Evaluation.PENDING, EvaluationReason.DLT_NOT_EXPLAINED, found),
        (covering, Evaluation.EVALUABLE, EvaluationReason.WINDOW_ASSESSED, covering[:1]),
        (not over, Evaluation.PENDING, EvaluationReason.WINDOW_OPEN, ()),
        (protocol.evaluable.requires_assessment, Evaluation.PENDING, EvaluationReason.NOT_ASSESSED, ()),
        (True, Evaluation.EVALUABLE, EvaluationReason.WINDOW_OVER, ()),
    )
    evaluation, reason, rests_on = next(line[1:] for line in lines if line[0])
    judged = () if reason is EvaluationReason.DLT else course.unrelated
    return Judgement(_standing(evaluation, reason), tuple(sorted({infusion.position, *rests_on, *judged})))


def _standing(evaluation: Evaluation, reason: EvaluationReason) -> Standing:
    return Standing(evaluation=evaluation, reason=reason)
