"""The DLT evaluation of one participant, with its reason."""

import attrs

from trialdomain.values.word import Word


class Evaluation(Word):
    """Whether a participant counts for the decision."""

    NOT_INFUSED = "not-infused"
    PENDING = "pending"
    EVALUABLE = "evaluable"
    NOT_EVALUABLE = "not-evaluable"

    def occupies(self, *, holds: bool) -> bool:
        """Return whether the participant uses a slot: by holding one before the infusion, or by an outcome.

        Args:
            holds: whether the participant holds a slot that they have not given back.
        """
        match self:
            case Evaluation.NOT_INFUSED:
                return holds
            case Evaluation.NOT_EVALUABLE:
                return False
            case _:
                return True


class EvaluationReason(Word):
    """The reason why a participant is evaluable, pending or not evaluable; ``words`` is the text for people."""

    NOT_INFUSED = "not-infused"
    DLT = "dlt"
    WINDOW_ASSESSED = "window-assessed"
    WINDOW_OVER = "window-over"
    CYTOPENIA_OPEN = "cytopenia-open"
    CYTOPENIA_NOT_SHOWN = "cytopenia-not-shown"
    DURATION_OPEN = "duration-open"
    DURATION_NOT_SHOWN = "duration-not-shown"
    WINDOW_OPEN = "window-open"
    NOT_ASSESSED = "not-assessed"
    RELATEDNESS_NOT_ASSESSED = "relatedness-not-assessed"
    DEATH_NOT_EXPLAINED = "death-not-explained"
    DLT_NOT_EXPLAINED = "dlt-not-explained"
    LEFT = "left"
    ENDING_UNCERTAIN = "ending-uncertain"
    ASSESSED_NOT_EVALUABLE = "assessed-not-evaluable"
    INCOMPLETE_INFUSION = "incomplete-infusion"
    NO_LEVEL = "no-level"
    NO_RULE = "no-rule"

    @property
    def words(self) -> str:
        """The reason in words. The words may change; the stored value never does."""
        return _WORDS[self]


_WORDS = {
    EvaluationReason.NOT_INFUSED: "not infused yet",
    EvaluationReason.DLT: "had a dose-limiting toxicity",
    EvaluationReason.WINDOW_ASSESSED: "whole infusion, and the window assessed",
    EvaluationReason.WINDOW_OVER: "whole infusion, and the window over",
    EvaluationReason.CYTOPENIA_OPEN: "a cytopenia may still last beyond its day, or longer than its days",
    EvaluationReason.CYTOPENIA_NOT_SHOWN: "no count shows whether a cytopenia lasted beyond its day, or longer "
    "than its days",
    EvaluationReason.DURATION_OPEN: "an event may still last longer than a row of the DLT rule allows",
    EvaluationReason.DURATION_NOT_SHOWN: "no entry shows whether an event lasted longer than a row of the DLT rule "
    "allows",
    EvaluationReason.WINDOW_OPEN: "the window is not over",
    EvaluationReason.NOT_ASSESSED: "the window is over and not assessed",
    EvaluationReason.RELATEDNESS_NOT_ASSESSED: "an event in the window has no relatedness yet",
    EvaluationReason.DEATH_NOT_EXPLAINED: "died in the window of something no adverse event explains",
    EvaluationReason.DLT_NOT_EXPLAINED: "an assessment found a DLT that no adverse event explains",
    EvaluationReason.LEFT: "left or was last seen before the last day of the window, or died unrelated in it",
    EvaluationReason.ENDING_UNCERTAIN: "a partial date leaves open whether the last day of the window was seen",
    EvaluationReason.ASSESSED_NOT_EVALUABLE: "assessed as not evaluable, for nobody knows the day on which they left",
    EvaluationReason.INCOMPLETE_INFUSION: "an incomplete infusion",
    EvaluationReason.NO_LEVEL: "an amount that belongs to no dose level",
    EvaluationReason.NO_RULE: "the protocol had no DLT rule at the infusion",
}


class EvaluationFlag(Word):
    """A note for the reader of an evaluation; reports print its value."""

    PARTIAL_ONSET = "partial-onset"
    """A DLT counts by a partial date until the date is completed."""
    PARTIAL_DURATION = "partial-duration"
    """A DLT counts by the longest duration that partial dates allow until the dates are completed."""
    PARTIAL_ENDING = "partial-ending"
    """The partial date of leaving or death leaves open whether the last day of the window was observed."""
    LATE_COUNT = "late-count"
    """The first count that shows that a cytopenia did not last came more than ``max_gap_days`` after its day."""
    TRANSFUSED = "transfused"
    """Platelets were given shortly before the count that shows that a thrombocytopenia did not last."""


@attrs.frozen(kw_only=True)
class Standing:
    """The evaluation of one participant, with its reason."""

    evaluation: Evaluation
    reason: EvaluationReason


NOT_INFUSED = Standing(evaluation=Evaluation.NOT_INFUSED, reason=EvaluationReason.NOT_INFUSED)
"""The initial evaluation of every participant."""
