"""Which entries of a stream are current: those that no later entry corrects or voids.

This is the one place that knows. Aggregates and the casebook fold over what it yields, so that neither ever sees an
entry that was withdrawn, and nothing has to be undone.
"""

from collections.abc import Iterable
from typing import TypeVar

from trialdomain.events.recorded import Recorded

F = TypeVar("F")


def current_entries(entries: Iterable[Recorded[F]]) -> list[Recorded[F]]:
    """Keep the current entries of one stream; a correction stands in the place of what it restates."""
    places: dict[int, int] = {}
    kept: list[Recorded[F]] = []
    for entry in entries:
        corrected = entry.meta.corrects
        if corrected is None:
            places[entry.version] = len(kept)
            kept.append(entry)
        else:
            place = places[entry.version] = places.pop(corrected)
            kept[place] = entry
    return kept
