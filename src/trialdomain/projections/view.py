"""A view: an answer that is made of a part for each participant, and of a whole from the parts.

Views have one shape, so that a trial can be read once for several of them, and for one of them no more of it is read
than it needs.
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
"""What a view reads that asks for the last day of which anything is known, or for everybody of whom anything is."""


class View(Protocol[Part, Whole_co]):
    """An answer about a trial, as of a day."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
        """Name the kinds of facts about participants that can change the answer, by any of some protocol versions."""
        ...

    def part(self, case: Case, book: Casebook, on: date) -> Part:
        """Read one participant."""
        ...

    def whole(self, parts: Sequence[Part], book: Casebook, on: date) -> Whole_co:
        """Put together what was read of every participant, in the order of their codes."""
        ...


def answer(
    view: View[Part, Whole_co], book: Casebook, on: date, progress: Callable[[int], object] = lambda _: None
) -> Whole_co:
    """Read every participant for one view, and give the whole.

    Args:
        view: the view that is asked.
        book: the casebook, read for it.
        on: the day for which windows are judged.
        progress: told the number of entries of each participant that was read.
    """
    parts = []
    for case in book.cases:
        parts.append(view.part(case, book, on))
        progress(len(case.entries))
        del case  # or one participant stays in memory while the next is read
    return view.whole(parts, book, on)


def left_out(reads: Collection[type[Any]]) -> frozenset[type[Any]]:
    """Name the kinds that need not be read: what is voided is always asked, whatever it was."""
    return EVERY_KIND - {*reads, ParticipantEntryVoided}
