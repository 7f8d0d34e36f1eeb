"""One row of a study, and the result of reading it."""

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
    """No fact can represent a row or a cell; the text of the exception is the reason."""

    malformed = False
    """Whether the row breaks the standard, so that a strict import refuses it."""

    def __init__(self, reason: str, *, word: tuple[str, str] | None = None) -> None:
        super().__init__(reason)
        self.word = word
        """The column and the word, if the reason is an unknown word."""


class Malformed(NotRecorded):
    """A row that breaks the standard."""

    malformed = True


@attrs.frozen(kw_only=True)
class Row:
    """One row of one file."""

    domain: Domain
    file: str
    """The name of the file."""
    line: int
    """The line in the file, from 1."""
    subject: str
    """The id of the subject, escaped if necessary; empty if there is none."""
    sequence: str
    """The number among the rows of this subject; empty for the subject's row of dm."""
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell without white space around it; empty if the file has no such column."""
        return self.cells.get(column, "").strip()

    @property
    def record(self) -> str:
        """The name of the row: the domain, the subject and the number."""
        return "/".join(part for part in (self.domain.code, self.subject, self.sequence) if part)

    def malformed(self, why: str) -> RowMalformed:
        """Refuse it."""
        return RowMalformed(file=self.file, line=self.line, why=why)


@attrs.frozen(kw_only=True)
class Found:
    """A contradiction within the study, or an assumption. It is recorded with the entry, and an audit reports it."""

    sentence: str
    of: type[ParticipantFact] | None
    """The kind of the row's fact that it is about; None for the first fact."""


@attrs.define(kw_only=True)
class RowRead:
    """One row with its result: facts, or the reason why there is none.

    A row without a fact and without a reason is covered by the facts of another row, which a remark names.
    """

    row: Row
    facts: tuple[ParticipantFact, ...] = ()
    reason: str = ""
    """The reason why the row is listed as not recorded. A listed row may still report a death."""
    malformed: bool = False
    """Whether it is listed because it breaks the standard."""
    word: tuple[str, str] | None = None
    """The column and the word, if it is listed because of an unknown word."""
    remarks: list[str] = attrs.Factory(list)
    """The parts of the row that were left out, converted or assumed."""
    findings: list[Found] = attrs.Factory(list)
    """Contradictions within the study, and assumptions."""

    def find(self, sentence: str, *, of: type[ParticipantFact] | None = None) -> None:
        """Add a finding about the row, or about one of its facts."""
        self.findings.append(Found(sentence=sentence, of=of))

    def leave_out(self, why: NotRecorded) -> None:
        """List the row as not recorded."""
        self.reason, self.malformed, self.word = str(why), why.malformed, why.word


def escaped(subject: str) -> str:
    """Convert a subject's name into an id: a character that an id cannot have becomes ``0x``, its hex code and ``_``.

    Raises:
        Malformed: the name is blank or too long.

    >>> escaped("01/701 15"), unescaped(escaped("01/701 15"))
    ('010x2F_7010x20_15', '01/701 15')
    """
    if not subject:
        raise Malformed("USUBJID is blank: the row has no subject")
    made = _UNFIT.sub(lambda found: f"0x{ord(found[0]):02X}_", subject)
    try:
        return check_id("subject", made)
    except CodeInvalid:
        raise Malformed(f"USUBJID {subject[:70]!r} is too long for an id") from None


def unescaped(subject: str) -> str:
    """Return the name from which an id was made (the inverse of ``escaped``)."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), subject)
