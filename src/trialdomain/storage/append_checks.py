"""The checks of an append that do not depend on the store."""

from collections.abc import Sequence

from eventsourcing.persistence import StoredEvent

from trialdomain.errors import LogCorrupt
from trialdomain.storage.errors import AppendRefused, CommandRestored, CommandReused, LogMoved
from trialdomain.storage.rows import is_number
from trialdomain.storage.store import UNKNOWN_REQUEST, Appended, Command, Sealed
from trialdomain.values.given.text import short
from trialdomain.values.ids import trial_of


def first_result(trial: str, command: Command, row: tuple[object, object, object], *, head: int) -> Appended:
    """Return the result of a command that was recorded before.

    Args:
        trial: its trial.
        command: the command, as it is sent now.
        row: its stored request, and its first and last position, unchecked.
        head: the last position of the trial.

    Raises:
        CommandReused: its id was used for another request.
        LogCorrupt: no command of this log can have such a row.
    """
    request, first, last = row
    positions = range(0)
    if is_number(first) and is_number(last) and 1 <= first <= last <= head:
        positions = range(first, last + 1)
    nothing = first is None and last is None
    if not isinstance(request, bytes) or not (positions or (nothing and request != UNKNOWN_REQUEST)):
        raise LogCorrupt(
            f"the row of command {command.id} of trial {trial} names positions {short(first)} to {short(last)}, "
            f"which no command of this log has recorded: verify the log"
        )
    if request == UNKNOWN_REQUEST:
        raise CommandRestored(command=command.id, first=positions[0], last=positions[-1])
    if request != command.request:
        raise CommandReused(command=command.id)
    return Appended(positions=positions, repeated=True)


def events_of(sealed: Sealed) -> Sequence[StoredEvent]:
    """Return the entries of a command; seal them now, where that was left for the lock."""
    return sealed.events() if callable(sealed.events) else sealed.events


def check_places(events: Sequence[StoredEvent], trial: str, *, from_one: bool) -> None:
    """Refuse events of another trial, and, where they come from a command, a version below 1."""
    for event in events:
        stream, version = str(event.originator_id), event.originator_version
        if trial_of(stream) != trial:
            raise AppendRefused(f"stream {stream} is not of trial {trial}: append to each trial separately")
        if from_one and version < 1:
            raise AppendRefused(f"stream {stream} cannot have a version {version}: count its entries from 1")


def check_command(sealed: Sealed, before: int) -> None:
    """Refuse a command without an id, or one with more earlier entries than there are before its own."""
    command = sealed.command
    if command is None:
        return
    if not command.id:
        raise AppendRefused("a command needs an id: nothing was recorded")
    if not 0 <= sealed.earlier <= before:
        raise AppendRefused(
            f"command {command.id} cannot have {sealed.earlier} earlier entries: there are {before} before its own"
        )


class Reached:
    """Remembers how far this object has recorded each trial, to refuse a log that ends before that.

    Args:
        place: the name of the log in an error.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._positions: dict[str, set[int]] = {}
        """By trial: the last recorded position, and perhaps earlier ones."""

    def note(self, trial: str, position: int) -> None:
        """Remember a recorded position."""
        reached = self._positions.setdefault(trial, set())
        reached.add(position)
        for one in tuple(reached):  # not under a lock: a signal handler may append while its thread is here
            if one < position:
                reached.discard(one)

    def last(self, trial: str) -> int:
        """Return the last position that this object has recorded; 0 when it has recorded none."""
        return max(tuple(self._positions.get(trial, ())), default=0)

    def refuse_older(self, trial: str, head: int) -> None:
        """Refuse a log that ends before the last position of this object: an older copy was written over it.

        Raises:
            LogMoved: the log ends before that position.
        """
        recorded = self.last(trial)
        if head < recorded:
            why = (
                f"trial {trial} ends at {head}, but position {recorded} was recorded: an older copy was written over it"
            )
            raise LogMoved(path=self._place, why=why)
