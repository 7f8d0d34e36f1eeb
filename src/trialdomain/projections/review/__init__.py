"""The safety review for a safety committee: one line for each participant, and the judgements that are still missing.

Source: docs/explanation/safety-review.md. Nothing is counted here: the counts come from the DLT evaluation and from
the safety summary.
"""

from trialdomain.projections.review.answer import (
    Delayed,
    Narrative,
    NotAssessed,
    Open,
    Reaction,
    Review,
    Reviewed,
)
from trialdomain.projections.review.reading import review_of

__all__ = ["Delayed", "Narrative", "NotAssessed", "Open", "Reaction", "Review", "Reviewed", "review_of"]
