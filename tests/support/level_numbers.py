"""Levels whose label is their place, as in every protocol without labels of its own."""

from trialdomain.values.clinical.level import Label


def number(level: Label | None) -> int:
    """Give the number of such a level; 0 for none."""
    assert not isinstance(level, str)
    return level or 0
