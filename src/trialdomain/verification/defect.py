"""Defects: what ``verify`` finds wrong with a log, and where."""

from collections import Counter

import attrs

from trialdomain.values.ids import LONGEST_STREAM
from trialdomain.values.word import Word

MOST_SHOWN = LONGEST_STREAM
"""The most characters of a name from a log in a defect."""
_MOST_LISTED = 1_000
"""The most listed defects of one kind in one trial; further ones are only counted."""
_MOST_IN_ALL = 20_000
"""The most listed defects in all: a forged log can have any number of trials."""


def shortened(value: object) -> str:
    """Convert any stored value to text, cut to the length of the longest name."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


class What(Word):
    """The kind of a defect."""

    ALTERED = "altered"
    """An entry does not fit its leaf, or a tree that has it: its state, kind, stream or version was changed."""
    NO_LEAF = "no-leaf"
    """An entry has no leaf, or another value as its leaf: it was not recorded by this software."""
    MISSING = "missing"
    """Entries are gone from the middle."""
    REORDERED = "reordered"
    """An entry is out of its order: a version or a position comes twice, or too early."""
    MISPLACED = "misplaced"
    """An entry is among those of another trial, in a stream that no trial has, or in one that does not take it."""
    UNREADABLE = "unreadable"
    """An entry fits its leaf, but this software cannot read it; or no entry registers the trial."""
    TRUNCATED = "truncated"
    """A checkpoint, or another record, has more entries than the log: the newest are gone, or the record was forged."""
    REWRITTEN = "rewritten"
    """Each entry fits its leaf, but together they do not have the root of a checkpoint, or of the end of an export.

    Used for a checkpoint that a trusted key has signed, or that was kept elsewhere; any other is ``bad-checkpoint``.
    """
    UNSIGNED = "unsigned"
    """No head covers some entries of a log of signed heads; or such a log has no head, or no trusted one."""
    BAD_SIGNATURE = "bad-signature"
    """A note is not signed by a trusted key, or was changed after it was signed."""
    BAD_CHECKPOINT = "bad-checkpoint"
    """A note is not a checkpoint or head of this log; or it does not fit the log, and no trusted key has signed it."""
    COMMAND = "command"
    """The table of commands does not fit the entries."""
    SCHEMA = "schema"
    """A table, an index, a trigger or a function of the database differs from the one that this software makes."""
    STRUCTURE = "structure"
    """The database contradicts itself: an index does not fit its table, a value does not fit its column, or a number of
    entries or rows is wrong."""
    DAMAGED = "damaged"
    """The rest of the file, or of the database, cannot be read."""
    REFORMATTED = "reformatted"
    """A line, or a hash, was written in another form; its content is unchanged."""
    BUNDLE = "bundle"
    """A bundle's manifest, a proof, or one of its files is wrong; the entries themselves are not in doubt."""
    MALFORMED = "malformed"
    """A line is not an exported entry."""


@attrs.frozen(kw_only=True)
class Defect:
    """One fault, and its place; a part of the place that is unknown, or does not apply, is None."""

    what: What
    why: str
    """The description, one sentence."""
    trial: str | None = None
    position: int | None = None
    stream: str | None = None
    version: int | None = None
    line: int | None = None
    """The number of the line in an exported file."""


def of_row(what: What, why: str, place: tuple[object, object, object], *, trial: str | None = None) -> Defect:
    """Make a defect of a row from its position, stream and version, which may have any values."""
    position, stream, version = place
    return Defect(
        what=what,
        why=why,
        trial=trial,
        position=position if isinstance(position, int) else None,
        stream=None if stream is None else shortened(stream),
        version=version if isinstance(version, int) else None,
    )


class Defects:
    """The defects so far; it keeps a limited number of each kind, so that memory does not grow with them."""

    def __init__(self) -> None:
        self.listed: list[Defect] = []
        self.total = 0
        """The number of defects, listed or not."""
        self._altered: set[tuple[str | None, int | None]] = set()
        self._counts: Counter[tuple[What, str | None]] = Counter()

    def add(self, defect: Defect) -> None:
        """Add a defect."""
        self.total += 1
        if len(self.listed) >= _MOST_IN_ALL:
            return
        self._counts[defect.what, defect.trial] += 1
        if self._counts[defect.what, defect.trial] <= _MOST_LISTED:
            self.listed.append(defect)
            if defect.what in {What.ALTERED, What.NO_LEAF}:
                self._altered.add((defect.trial, defect.position))

    def add_unnamed(self, number: int) -> None:
        """Count defects that are not listed one by one."""
        self.total += number

    def knows(self, defect: Defect) -> bool:
        """Say whether the entry of a defect is listed as altered already; then the defect adds nothing."""
        return defect.position is not None and (defect.trial, defect.position) in self._altered
