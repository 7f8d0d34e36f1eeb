"""One row of a study, and what becomes of it."""

import re
from collections.abc import Mapping

import attrs

from trialdomain.events.participant import ParticipantFact
from trialdomain.exchange.sdtm.columns import Domain
from trialdomain.exchange.sdtm.tables import RowMalformed
from trialdomain.values.ids import CodeInvalid, check_id

_ESCAPED = re.compile(r"0x([0-9A-F]{2,6})_")
_UNFIT = re.compile(r"0(?=x[0-9A-F]{2,6}_)|[^A-Za-z0-9_.-]|^[_.-]")


class NotRecorded(Exception):
    """A row, or a cell, for which there is no fact; its text is the reason."""

    malformed = False
    """Whether the row breaks the standard, so that a strict import refuses it."""

    def __init__(self, reason: str, *, word: tuple[str, str] | None = None) -> None:
        super().__init__(reason)
        self.word = word
        """The column and the word, where it is a word that is not known."""


class Malformed(NotRecorded):
    """A row that breaks the standard."""

    malformed = True


@attrs.frozen(kw_only=True)
class Row:
    """One row of one file."""

    domain: Domain
    file: str
    """As it is named."""
    line: int
    """Where it stands in the file, from 1."""
    subject: str
    """The id of the subject, escaped where it has to be; empty where there is none."""
    sequence: str
    """Its number among the rows of this subject; empty for the row of the subject itself."""
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell without the blanks around it; empty where the file has no such column."""
        return self.cells.get(column, "").strip()

    @property
    def record(self) -> str:
        """Its name: the domain, the subject and the number."""
        return "/".join(part for part in (self.domain.code, self.subject, self.sequence) if part)

    def malformed(self, why: str) -> RowMalformed:
        """Refuse it."""
        return RowMalformed(file=self.file, line=self.line, why=why)


@attrs.frozen(kw_only=True)
class Found:
    """What contradicts a fact in the study itself, or had to be assumed: its entry says so, and an audit finds it."""

    sentence: str
    of: type[ParticipantFact] | None
    """Which of the row's facts it is about; None for the first."""


@attrs.define(kw_only=True)
class RowRead:
    """One row and what becomes of it: facts, or the reason why there is none.

    A row without a fact and without a reason is told by the facts of another row, which a remark names.
    """

    row: Row
    facts: tuple[ParticipantFact, ...] = ()
    reason: str = ""
    """Why the row is listed. One that is listed may tell of a death all the same."""
    malformed: bool = False
    """Whether it is listed because it breaks the standard."""
    word: tuple[str, str] | None = None
    """The column and the word for which it is listed, where that is a word that is not known."""
    remarks: list[str] = attrs.Factory(list)
    """What of it was left out, converted or assumed."""
    findings: list[Found] = attrs.Factory(list)
    """What contradicts it in the study itself, or had to be assumed."""

    def find(self, sentence: str, *, of: type[ParticipantFact] | None = None) -> None:
        """Return what contradicts the row, or one of its facts."""
        self.findings.append(Found(sentence=sentence, of=of))

    def leave_out(self, why: NotRecorded) -> None:
        """List the row."""
        self.reason, self.malformed, self.word = str(why), why.malformed, why.word


def escaped(subject: str) -> str:
    """Make an id of a subject's name: what no id can have becomes ``0x`` with its hexadecimal number and ``_``.

    Raises:
        Malformed: nothing stands there, or it is too long.

    >>> escaped("01/701 15"), unescaped(escaped("01/701 15"))
    ('010x2F_7010x20_15', '01/701 15')
    """
    if not subject:
        raise Malformed("USUBJID is blank: nobody knows whose row it is")
    made = _UNFIT.sub(lambda found: f"0x{ord(found[0]):02X}_", subject)
    try:
        return check_id("subject", made)
    except CodeInvalid:
        raise Malformed(f"USUBJID {subject[:70]!r} is too long for an id") from None


def unescaped(subject: str) -> str:
    """Return back the name of which an id was made."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), subject)
