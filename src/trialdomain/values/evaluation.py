"""Where one participant stands in the DLT evaluation, and why."""

from enum import Enum

import attrs


class Evaluation(Enum):
    """Whether a participant counts for the decision."""

    NOT_INFUSED = "not-infused"
    PENDING = "pending"
    EVALUABLE = "evaluable"
    NOT_EVALUABLE = "not-evaluable"


class EvaluationReason(Enum):
    """Why a participant is evaluable, pending or not evaluable."""

    NOT_INFUSED = "not infused yet"
    DLT = "had a dose-limiting toxicity"
    WINDOW_ASSESSED = "whole infusion, and the window assessed"
    WINDOW_OVER = "whole infusion, and the window over"
    WINDOW_OPEN = "the window is not over"
    NOT_ASSESSED = "the window is over and not assessed"
    RELATEDNESS_NOT_ASSESSED = "an event in the window has no relatedness yet"
    DEATH_NOT_EXPLAINED = "died in the window of something no adverse event explains"
    LEFT = "left, was last seen, or died unrelated in the window"
    INCOMPLETE_INFUSION = "an incomplete infusion"
    NO_LEVEL = "an amount that belongs to no dose level"


@attrs.frozen(kw_only=True)
class Standing:
    """The evaluation of one participant, with its reason."""

    evaluation: Evaluation
    reason: EvaluationReason
