"""Whether a participant counts for the decision: evaluable, pending, or not evaluable.

The registry says "evaluable" and leaves it undefined; the definition is a choice, and a parameter of the protocol.
"""

from collections.abc import Sequence
from datetime import date

from trialdomain.events.participant import DltWindowAssessed, Infused
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dlt import Qualifying, Window
from trialdomain.values.evaluation import Evaluation, EvaluationReason, Standing

_NOT_INFUSED = Standing(evaluation=Evaluation.NOT_INFUSED, reason=EvaluationReason.NOT_INFUSED)


def standing(
    *,
    infusion: Infused | None,
    events: Sequence[Qualifying],
    assessments: Sequence[DltWindowAssessed],
    protocol: TrialProtocol,
    on: date,
) -> Standing:
    """Say where a participant stands on a day.

    Args:
        infusion: the first infusion, if there was one.
        events: the adverse events that qualify, or would once their relatedness is assessed.
        assessments: the assessments of the window.
        protocol: the version in force at infusion.
        on: the calendar day at the site for which the window is judged.
    """
    if infusion is None or protocol.dlt is None:
        return _NOT_INFUSED
    if any(event.assessed for event in events):
        return Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.DLT)
    if infusion.fraction < protocol.evaluable.min_fraction:
        return Standing(evaluation=Evaluation.NOT_EVALUABLE, reason=EvaluationReason.INCOMPLETE_INFUSION)
    if events:
        return _pending(EvaluationReason.RELATEDNESS_NOT_ASSESSED)
    last = Window.of(infusion, protocol.dlt).last
    if any(assessment.on.first >= last for assessment in assessments):
        return Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.WINDOW_ASSESSED)
    if on <= last:
        return _pending(EvaluationReason.WINDOW_OPEN)
    if protocol.evaluable.requires_assessment:
        return _pending(EvaluationReason.NOT_ASSESSED)
    return Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.WINDOW_OVER)


def _pending(reason: EvaluationReason) -> Standing:
    return Standing(evaluation=Evaluation.PENDING, reason=reason)
