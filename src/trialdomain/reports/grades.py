"""Grades in reports, with the scale where it is not the protocol's."""

from collections.abc import Sequence

from trialdomain.reports.json import Json
from trialdomain.values.clinical.scale import Scale


def grade_text(grade: int | None, scale: Scale | None) -> str:
    """Write a grade, and its scale if there is one to name: ``3``, ``3 (ASTCT 2019)``; nothing for no grade."""
    if grade is None:
        return ""
    return str(grade) if scale is None else f"{grade} ({scale})"


def highest_text(highest: int | None, by_scale: Sequence[tuple[Scale, int]]) -> str:
    """Write the highest grade; on several scales, or on one that is not the protocol's, that of each scale."""
    if not by_scale:
        return grade_text(highest, None)
    return ", ".join(grade_text(grade, scale) for scale, grade in by_scale)


def scale_json(scale: Scale | None) -> dict[str, Json]:
    """Return the member ``scale``, where there is one to name."""
    return {} if scale is None else {"scale": scale.text}


def highest_json(by_scale: Sequence[tuple[Scale, int]]) -> dict[str, Json]:
    """Return the member ``highest_by_scale``, where there are scales to name."""
    return {"highest_by_scale": {scale.text: grade for scale, grade in by_scale}} if by_scale else {}
