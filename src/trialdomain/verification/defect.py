"""What ``verify`` finds wrong with a log, and where."""

from collections import Counter

import attrs

from trialdomain.values.ids import LONGEST_STREAM
from trialdomain.values.word import Word

MOST_SHOWN = LONGEST_STREAM
"""Characters of a name that stands in a log."""
_MOST_LISTED = 1_000
"""Of one kind in one trial: whoever changed more is told how many more there are."""
_MOST_IN_ALL = 20_000
"""Of all kinds in all trials: anybody can name as many trials as they like."""


def shown(value: object) -> str:
    """Give what stands in a log as text: whatever it is, and no more of it than a name of ours can have."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


class What(Word):
    """What is wrong."""

    ALTERED = "altered"
    """An entry does not fit its leaf, or a tree that has it: its state, kind, stream or version was changed."""
    NO_LEAF = "no-leaf"
    """An entry has no leaf, or something else in its place: it was not recorded by this software."""
    MISSING = "missing"
    """Entries are gone from the middle."""
    REORDERED = "reordered"
    """An entry stands out of its place: a version or a position comes twice, or too early."""
    MISPLACED = "misplaced"
    """An entry stands among those of another trial, in a stream that no trial has, or in one that does not take it."""
    UNREADABLE = "unreadable"
    """An entry fits its leaf, and is none that this software reads; or none registers the trial."""
    TRUNCATED = "truncated"
    """A checkpoint, or what else is kept, knows of more entries: the newest are gone, or it was put there."""
    REWRITTEN = "rewritten"
    """The entries are not those of which a checkpoint, or the end of an export, has the root; each fits its leaf.

    Said of a checkpoint that a trusted key has signed, or that was kept elsewhere; of any other, the note is named.
    """
    UNSIGNED = "unsigned"
    """Entries stand in a log of signed heads that none covers; or no head is kept, or believed, where one should be."""
    BAD_SIGNATURE = "bad-signature"
    """A note is not signed by a key that is trusted, or is not what was signed."""
    BAD_CHECKPOINT = "bad-checkpoint"
    """A note is no checkpoint or head of this log; or it does not fit the log, and nobody who is trusted signed it."""
    COMMAND = "command"
    """What is remembered of commands does not fit the entries."""
    SCHEMA = "schema"
    """A table, an index or a trigger of the database is not what this software made."""
    STRUCTURE = "structure"
    """SQLite's own check finds something: an index that leads elsewhere, a value of another type than its column's."""
    DAMAGED = "damaged"
    """The file cannot be read on."""
    REFORMATTED = "reformatted"
    """A line, or a hash, was written in another form; what it says is unchanged."""
    BUNDLE = "bundle"
    """A bundle's manifest, a proof, or a file as such is not what it should be: the entries are not accused."""
    MALFORMED = "malformed"
    """A line is no exported entry."""


@attrs.frozen(kw_only=True)
class Defect:
    """One thing that is wrong, and where; what is not known, or does not apply, is None."""

    what: What
    why: str
    """A sentence."""
    trial: str | None = None
    position: int | None = None
    stream: str | None = None
    version: int | None = None
    line: int | None = None
    """Of an exported file."""


def of_row(what: What, why: str, place: tuple[object, object, object], *, trial: str | None = None) -> Defect:
    """Name a row by its position, stream and version, whatever stands there."""
    position, stream, version = place
    return Defect(
        what=what,
        why=why,
        trial=trial,
        position=position if isinstance(position, int) else None,
        stream=None if stream is None else shown(stream),
        version=version if isinstance(version, int) else None,
    )


class Defects:
    """What was found so far; of each kind, only so many are kept that memory does not follow them."""

    def __init__(self) -> None:
        self.listed: list[Defect] = []
        self.total = 0
        """How many there are, listed or not."""
        self._altered: set[tuple[str | None, int | None]] = set()
        self._counts: Counter[tuple[What, str | None]] = Counter()

    def add(self, defect: Defect) -> None:
        """Take a defect."""
        self.total += 1
        if len(self.listed) >= _MOST_IN_ALL:
            return
        self._counts[defect.what, defect.trial] += 1
        if self._counts[defect.what, defect.trial] <= _MOST_LISTED:
            self.listed.append(defect)
            if defect.what in {What.ALTERED, What.NO_LEAF}:
                self._altered.add((defect.trial, defect.position))

    def add_unnamed(self, number: int) -> None:
        """Count what is not named one by one."""
        self.total += number

    def knows(self, defect: Defect) -> bool:
        """Say whether the entry that a defect is about was named as altered before: then it is no news."""
        return defect.position is not None and (defect.trial, defect.position) in self._altered
