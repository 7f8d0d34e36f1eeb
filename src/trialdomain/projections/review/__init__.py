"""The safety review: what a safety committee reads first, person by person, and what waits for somebody.

Source: docs/explanation/safety-review.md. Nothing is counted here: counts are those of the DLT evaluation and of the
safety summary.
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
