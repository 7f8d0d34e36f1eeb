"""Making the rows of views: of a whole trial, or of what some entries change."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from trialdomain.commands.memory import Known, Memory, Part, uncounted
from trialdomain.errors import LogCorrupt, TrialError
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import target_version
from trialdomain.events.recorded import Entry
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import ProtocolAmended, TrialRegistered
from trialdomain.storage.errors import LogMoved, LogOfAnotherProcess, StoreClosed, StoreFailed
from trialdomain.storage.mapper import EntryMalformed, entries_of, entry_of
from trialdomain.storage.store import LogReader, Row, StoredEntry
from trialdomain.storage.view_tables import Cells
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.collector import garbage_collector_paused
from trialdomain.values.ids import access_stream, participant_stream, subject_of
from trialdomain.views.known import KnownParticipant, KnownTrial
from trialdomain.views.table_view import BoundView

Rows: TypeAlias = list[tuple[str, Cells]]
"""Rows, each with its unit: a participant's code, or an empty text for the trial."""
Bound: TypeAlias = Mapping[str, BoundView]
"""Views by name, with their tables."""
OF_TRIAL = ""
_ENTRIES_AT_ONCE = 100_000
"""The entries whose rows are added in one transaction to a generation that nobody reads yet."""
_LONGEST_WHY = 500
STORE_ERRORS = (StoreFailed, StoreClosed, LogMoved, LogOfAnotherProcess)
"""The errors of a log that cannot be read at the moment: no view is to blame."""


@attrs.frozen
class Failure:
    """The entry that a view could not take."""

    position: int
    why: str


@attrs.frozen
class _Touched:
    """What some entries change."""

    subjects: frozenset[str]
    of_trial: bool
    """Whether the rows of the trial may have changed."""
    everything: bool
    """Whether the rows of every participant may have changed."""


class Maker:
    """Makes the rows of views of one log.

    Args:
        log: the log, which is only read.
    """

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._memory = Memory()

    def leaf(self, trial: str, position: int) -> bytes:
        """Return the leaf hash of an entry; empty for position 0."""
        stored = self._stored(trial, position)
        if stored is None:
            return b""
        return leaf_hash(
            stream=str(stored.originator_id),
            version=stored.originator_version,
            topic=stored.topic,
            state=bytes(stored.state),
        )

    def has(self, trial: str, position: int, leaf: bytes, *, head: int) -> bool:
        """Say whether the trial, which ends at a head, has the entry that rows were made up to."""
        return position <= head and (position == 0 or self.leaf(trial, position) == leaf)

    def whole_command(self, trial: str, position: int, head: int) -> int:
        """Return the position of the last entry of the command that has a position, at most the head."""
        stored = self._stored(trial, position)
        if stored is None or position == head:
            return head
        try:
            meta = entry_of(stored).meta
        except LogCorrupt:
            return position
        return min(head, position - meta.part + meta.parts)

    def whole_before(self, trial: str, position: int) -> int:
        """Return the last position before another at which a command ends."""
        at = position - 1
        while at > 0:
            stored = self._stored(trial, at)
            if stored is None:
                return at
            try:
                meta = entry_of(stored).meta
            except LogCorrupt:
                at -= 1
                continue
            if meta.part == meta.parts:
                return at
            at -= meta.part
        return max(0, at)

    def all_rows(
        self,
        views: Bound,
        trial: str,
        until: int,
        *,
        add: Callable[[Mapping[str, Rows]], None] | None = None,
        count: Callable[[int], None] = lambda _: None,
        low: int = 0,
    ) -> dict[str, Rows | Failure]:
        """Make every row of a trial.

        Args:
            views: the views, with their tables.
            trial: the trial.
            until: the last position.
            add: called with rows from time to time, which are then not returned; None to return all rows.
            count: called with the number of entries of each stream.
            low: the last position that the views could take before, if an entry is to be blamed.
        """
        made: dict[str, Rows | Failure] = {name: [] for name in views}
        with garbage_collector_paused():
            self._make_all(views, made, trial, until, add, count, low)
        return made

    def _make_all(  # noqa: PLR0917 - the parts of all_rows
        self,
        views: Bound,
        made: dict[str, Rows | Failure],
        trial: str,
        until: int,
        add: Callable[[Mapping[str, Rows]], None] | None,
        count: Callable[[int], None],
        low: int,
    ) -> None:
        known = self._known(made, trial, until, low=low)
        if known is None:
            return
        pending, parts, whole = 0, dict[str, Part](), True
        for stream, rows in self._log.streams(trial, until=until):
            subject = subject_of(stream)
            if subject is not None:
                read = partial(_entries, stream, rows)
                participant = self._participant(views, made, known, subject, read, low=low)
                part = None if participant is None else _part(participant)
                if part is None:
                    whole = False
                else:
                    parts[stream] = part
            count(len(rows))
            pending += len(rows)
            if add is not None and pending >= _ENTRIES_AT_ONCE:
                add({name: some for name, some in made.items() if not isinstance(some, Failure)})
                made.update({name: [] for name, some in made.items() if not isinstance(some, Failure)})
                pending = 0
        if whole:
            known.keep_parts(parts)
        self._of_trial(views, made, known, low=low)

    def changed_rows(
        self, views: Bound, trial: str, after: int, until: int
    ) -> tuple[dict[str, Rows | Failure], Sequence[str] | None]:
        """Make the rows that the entries after a position may have changed.

        Returns:
            The rows by view, and the units whose rows they replace; None for all.
        """
        made: dict[str, Rows | Failure] = {name: [] for name in views}
        known = self._known(made, trial, until, low=after)
        if known is None:
            return made, ()
        touched = self._touched(known, trial, after, until)
        if touched.everything:
            return self.all_rows(views, trial, until, low=after), None
        for subject in sorted(touched.subjects):
            read = partial(self._read, participant_stream(trial, subject), until)
            self._participant(views, made, known, subject, read, low=after)
        units = sorted(touched.subjects)
        if touched.of_trial:
            self._of_trial(views, made, known, low=after)
            units.append(OF_TRIAL)
        return made, units

    def _known(self, made: dict[str, Rows | Failure], trial: str, until: int, *, low: int) -> KnownTrial | None:
        """Read the trial and its cohorts; where an entry cannot be read, no view can be made."""
        try:
            return KnownTrial(self._log, self._memory.at(self._log, trial, until, committed=True))
        except STORE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an entry, the views say so
            self._memory.forget(trial)
            failure = Failure(_position(error) or low + 1, _why(error))
            made.update(dict.fromkeys(made, failure))
            return None

    def _touched(self, known: KnownTrial, trial: str, after: int, until: int) -> _Touched:
        skipped = {NAMES[kind] for kind in (*uncounted(known.versions), AccessRefused)}
        subjects, of_trial, everything = set[str](), False, False
        for row in self._log.in_log_order(trial, after=after, until=until):
            stream = str(row.originator_id)
            subject = subject_of(stream)
            of_trial = of_trial or row.topic not in skipped
            if subject is not None:
                subjects.add(subject)
            elif stream != access_stream(trial):
                entry = entry_of(row)
                fact: object = entry.fact
                everything = everything or isinstance(fact, TrialRegistered | ProtocolAmended)
                everything = everything or target_version(entry) is not None
                cause = entry.envelope.caused_by
                named = getattr(fact, "subject", None), None if cause is None else subject_of(cause.stream)
                subjects |= {one for one in named if one is not None}
        for subject in tuple(subjects):
            subjects |= set(known.released_by(participant_stream(trial, subject)))
        return _Touched(frozenset(subjects), of_trial, everything)

    def _participant(
        self,
        views: Bound,
        made: dict[str, Rows | Failure],
        known: KnownTrial,
        subject: str,
        read: Callable[[], list[Entry]],
        *,
        low: int,
    ) -> KnownParticipant | None:
        """Make the rows of one participant for each view; return the participant, if there is one."""
        try:
            entries = read()
        except STORE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            for name in views:
                _fail(made, name, _position(error) or low + 1, error)
            return None
        if not entries:
            return None
        participant = KnownParticipant(known, subject, entries)
        for name, view in views.items():
            found = made[name]
            if isinstance(found, Failure):
                continue  # an earlier failure is found when the rows before this one are made
            try:
                found += [(subject, cells) for cells in view.of_participant(participant)]
            except STORE_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001 - a view may be of anyone's making
                position = _position(error) or self._to_blame(view, known, subject, low)
                _fail(made, name, position, error)
        return participant

    def _of_trial(self, views: Bound, made: dict[str, Rows | Failure], known: KnownTrial, *, low: int) -> None:
        """Make the rows of the trial for each view that has not failed before."""
        for name, view in views.items():
            found = made[name]
            if isinstance(found, Failure):
                continue
            try:
                found += [(OF_TRIAL, cells) for cells in view.of_trial(known)]
            except STORE_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001 - as above
                _fail(made, name, _position(error) or self._trial_to_blame(view, known, low), error)

    def _to_blame(self, view: BoundView, known: KnownTrial, subject: str, low: int) -> int:
        """Find the first entry with which a view fails for a participant, of the participant or of the trial."""

        def make(tail: StoredEntry) -> None:
            entries = self._read(participant_stream(known.trial, subject), tail.position)
            if entries:
                earlier = KnownTrial(self._log, Known.read(self._log, tail))
                view.of_participant(KnownParticipant(earlier, subject, entries))

        return self._first_failing(make, known, low)

    def _trial_to_blame(self, view: BoundView, known: KnownTrial, low: int) -> int:
        """Find the first entry with which a view of the trial fails."""

        def make(tail: StoredEntry) -> None:
            view.of_trial(KnownTrial(self._log, Known.read(self._log, tail)))

        return self._first_failing(make, known, low)

    def _first_failing(self, make: Callable[[StoredEntry], object], known: KnownTrial, low: int) -> int:
        """Find, by halves, the first position after another at which rows cannot be made."""
        good, bad = low, known.position
        while bad - good > 1:
            middle = (good + bad) // 2
            tail = self._stored(known.trial, middle)
            try:
                if tail is not None:
                    make(tail)
            except STORE_ERRORS:
                raise
            except Exception:  # noqa: BLE001 - whatever it raises
                bad = middle
            else:
                good = middle
        return bad

    def _read(self, stream: str, until: int) -> list[Entry]:
        return _entries(stream, self._log.stream(stream, until=until))

    def _stored(self, trial: str, position: int) -> StoredEntry | None:
        if position < 1:
            return None
        return next(iter(self._log.in_log_order(trial, after=position - 1, until=position)), None)


def _entries(stream: str, rows: Sequence[Row]) -> list[Entry]:
    return list(entries_of(stream, rows))


def _part(participant: KnownParticipant) -> Part | None:
    """Return what a participant contributes to the counts; None where that cannot be said: the counts will fail."""
    try:
        return participant.part
    except STORE_ERRORS:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with an entry, the views that count say so
        return None


def _position(error: Exception) -> int | None:
    """Return the position of the entry that cannot be read, where an error says it."""
    return error.position if isinstance(error, EntryMalformed) else None


def _fail(made: dict[str, Rows | Failure], name: str, position: int, error: Exception) -> None:
    """Remember the earliest entry that a view could not take."""
    before = made[name]
    if not isinstance(before, Failure) or position < before.position:
        made[name] = Failure(position, _why(error))


def _why(error: Exception) -> str:
    try:
        told = str(error) if isinstance(error, TrialError) else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - the words of an error may be of anyone's making
        told = type(error).__name__
    if isinstance(error, LogCorrupt) and "verify the log" not in told:
        told = f"{told}; verify the log"
    return told.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:_LONGEST_WHY]
