"""A view: an answer computed in two steps, a part for each participant and a whole from all parts (map and reduce).

All views have this shape. So the trial can be read once for several views, and a single view reads only the kinds of
facts that it needs.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from typing import Any, Protocol, TypeVar, get_args

from trialdomain.events.participant import ParticipantEntryVoided, ParticipantFact
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.trial_protocol import TrialProtocol

Part = TypeVar("Part")
Whole_co = TypeVar("Whole_co", covariant=True)
EVERY_KIND: frozenset[type[Any]] = frozenset(get_args(ParticipantFact))
"""The kinds for a view that needs the last contact of a participant, or all participants with any entry."""


class View(Protocol[Part, Whole_co]):
    """An answer about a trial, as of a day."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
        """Return the kinds of participant facts that can change the answer under any of the protocol versions."""
        ...

    def part(self, case: Case, book: Casebook, on: date) -> Part:
        """Compute the part of one participant."""
        ...

    def whole(self, parts: Sequence[Part], book: Casebook, on: date) -> Whole_co:
        """Combine the parts of all participants, in the order of their codes."""
        ...


def answer(
    view: View[Part, Whole_co], book: Casebook, on: date, progress: Callable[[int], object] = lambda _: None
) -> Whole_co:
    """Compute one view: the part of every participant, then the whole.

    Args:
        view: the view to compute.
        book: the casebook, read for the view.
        on: the day for which windows are judged.
        progress: called with the number of entries of each participant.
    """
    parts = []
    for case in book.cases:
        parts.append(view.part(case, book, on))
        progress(len(case.entries))
        del case  # or one participant stays in memory while the next is read
    return view.whole(parts, book, on)


def left_out(reads: Collection[type[Any]]) -> frozenset[type[Any]]:
    """Return the kinds that need not be read; voids are always read, because a void may withdraw any kind."""
    return EVERY_KIND - {*reads, ParticipantEntryVoided}
