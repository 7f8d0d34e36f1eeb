"""The files of a study, checked row by row and put in the order of their subjects.

Files come in any order of subjects, and are larger than memory should be. Their rows are staged in a temporary
database of SQLite's own, so that reading them subject by subject needs the memory of one subject.
"""

import csv
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from stat import S_ISREG
from typing import Self, TextIO

import attrs

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.exchange.sdtm.columns import DOMAINS, Domain
from trialdomain.storage.plain_files import open_plain
from trialdomain.values.filename import why_unusable
from trialdomain.values.progress import Progress

_NO_TEXT = re.compile(r"[\ud800-\udfff]")
"""What bytes that are no UTF-8 are read as."""
_LONGEST_LINE = 1024 * 1024
_BATCH = 5_000
_BATCH_CHARACTERS = 4 * 1024 * 1024


class RowMalformed(InputInvalid):
    """A row of a study cannot be: it breaks the standard, or contradicts another row."""

    code = "row-malformed"

    def __init__(self, *, file: str, line: int, why: str) -> None:
        super().__init__(f"{file}, line {line}: {why}: nothing was imported; correct the file, and import again")
        self.file, self.line, self.why = file, line, why


class StudyUnusable(InputInvalid):
    """A folder does not hold a study: a file or a column is missing."""

    code = "study-unusable"


@attrs.frozen(kw_only=True)
class Row:
    """One row of one file."""

    domain: Domain
    line: int
    """Its first line in the file, from 1."""
    subject: str
    sequence: str
    """Its number among the rows of this subject; empty for the row of the subject itself."""
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Give a cell; empty where the file has no such column."""
        return self.cells.get(column, "")

    @property
    def record(self) -> str:
        """Its name: the domain, the subject and the number."""
        return "/".join(part for part in (self.domain.code, self.subject, self.sequence) if part)

    def malformed(self, why: str) -> RowMalformed:
        """Refuse it."""
        return RowMalformed(file=self.domain.file, line=self.line, why=why)


class Staging:
    """The rows of a study; close it, or use it in a ``with`` statement.

    Args:
        folder: holds the files.
        progress: told how many bytes have been read.

    Raises:
        StudyUnusable: a file or a column is missing.
        RowMalformed: a row has too few or too many cells, no subject, no number, or those of another row.
    """

    def __init__(self, folder: Path, *, progress: Progress) -> None:
        self.study = ""
        self.columns: dict[str, tuple[str, ...]] = {}
        """By file: the columns that it has."""
        self.counts: Counter[str] = Counter()
        """By file: the rows that it has."""
        self._rows = sqlite3.connect("", isolation_level=None)  # a file that SQLite makes, and removes in the end
        try:
            self._rows.execute(
                "CREATE TABLE rows (domain INTEGER, line INTEGER, subject TEXT, sequence TEXT, cells TEXT)"
            )
            self._read(folder, progress)
            self._check()
        except sqlite3.Error as error:
            self._rows.close()
            raise LogUnusable(f"{folder} cannot be read in: {error}; free space on the disk, and try again") from None
        except BaseException:
            self._rows.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def subjects(self) -> Iterator[str]:
        """Yield the subjects in the order of their own rows."""
        with closing(self._rows.execute("SELECT subject FROM rows WHERE domain = 0 ORDER BY line")) as found:
            for (subject,) in found:
                yield subject

    def rows(self, subject: str) -> list[Row]:
        """Give the rows of a subject, file by file."""
        found = self._rows.execute(
            "SELECT domain, line, subject, sequence, cells FROM rows WHERE subject = ?"
            " ORDER BY domain, CAST(sequence AS INTEGER)",  # whatever the order of the file
            [subject],
        )
        return [self._row(*values) for values in found.fetchall()]

    def of_kind(self, domain: Domain) -> Iterator[Row]:
        """Yield the rows of one file, subject by subject."""
        query = "SELECT domain, line, subject, sequence, cells FROM rows WHERE domain = ? ORDER BY subject, line"
        with closing(self._rows.execute(query, [DOMAINS.index(domain)])) as found:
            for values in found:
                yield self._row(*values)

    def _row(self, domain: int, line: int, subject: str, sequence: str, cells: str) -> Row:
        kind = DOMAINS[domain]
        named = dict(zip(self.columns[kind.file], json.loads(cells), strict=True))
        return Row(domain=kind, line=line, subject=subject, sequence=sequence, cells=named)

    def _read(self, folder: Path, progress: Progress) -> None:
        total = sum(_size(folder / domain.file) for domain in DOMAINS)
        done = 0
        self._rows.execute("BEGIN")
        for number, domain in enumerate(DOMAINS):
            path = folder / domain.file
            try:
                with TextIOWrapper(
                    open_plain(path), encoding="utf-8-sig", errors="surrogateescape", newline=""
                ) as file:
                    batch: list[tuple[object, ...]] = []
                    characters = 0
                    for row in self._checked(domain, file):
                        cells = _kept(row)
                        characters += len(cells)
                        batch.append((number, row.line, row.subject, row.sequence, cells))
                        if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
                            self._stage(batch)
                            progress("reading", done + file.tell(), total)
                            batch, characters = [], 0
                    self._stage(batch)
            except OSError as error:
                raise LogUnusable(f"{path} cannot be read: {error.strerror}; check the disk") from None
            done += _size(path)
            progress("reading", done, total)
        self._rows.execute("COMMIT")

    def _stage(self, batch: list[tuple[object, ...]]) -> None:
        self._rows.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", batch)

    def _checked(self, domain: Domain, file: TextIO) -> Iterator[Row]:
        records = _records(domain, file)
        _, header = next(records, (1, []))
        self.columns[domain.file] = columns = tuple(header)
        missing = [name for name in domain.required if name not in columns]
        if missing:
            raise StudyUnusable(f"{domain.file} has no column {', '.join(missing)}: export it with all columns")
        for name, count in Counter(columns).items():
            if count > 1:
                raise RowMalformed(file=domain.file, line=1, why=f"column {name!r} stands {count} times")
        for line, cells in records:
            if len(cells) != len(columns):
                why = f"it has {len(cells)} cells under {len(columns)} columns"
                raise RowMalformed(file=domain.file, line=line, why=why)
            named = dict(zip(columns, cells, strict=True))
            row = Row(domain=domain, line=line, subject=named["USUBJID"], sequence="", cells=named)
            self.study = self.study or row["STUDYID"]
            if not self.study:
                raise row.malformed("STUDYID is blank: it names the study")
            for column, expected in (("STUDYID", self.study), ("DOMAIN", domain.code)):
                if row[column] != expected:
                    raise row.malformed(f"{column} is {row[column][:40]!r}, but {expected[:40]!r} was expected")
            self.counts[domain.file] += 1
            yield attrs.evolve(row, sequence=_sequence(row))

    def _check(self) -> None:
        """Refuse a record that stands twice, and a subject that no row introduces."""
        if not self.counts[DOMAINS[0].file]:
            raise StudyUnusable(f"{DOMAINS[0].file} has no row: there is nobody to import")
        self._rows.execute("CREATE INDEX by_record ON rows (subject, domain, sequence)")
        twice = self._rows.execute(
            "SELECT domain, max(line), subject, sequence, cells FROM rows"
            " GROUP BY subject, domain, sequence HAVING count(*) > 1 ORDER BY domain, line LIMIT 1"
        ).fetchone()
        if twice is not None:
            row = self._row(*twice)
            raise row.malformed(f"record {row.record} stands in an earlier line as well")
        strange = self._rows.execute(
            "SELECT domain, line, subject, sequence, cells FROM rows WHERE subject NOT IN"
            " (SELECT subject FROM rows WHERE domain = 0) ORDER BY domain, line LIMIT 1"
        ).fetchone()
        if strange is not None:
            row = self._row(*strange)
            raise row.malformed(f"subject {row.subject[:70]!r} has no row in {DOMAINS[0].file}")


def _kept(row: Row) -> str:
    return json.dumps(list(row.cells.values()), ensure_ascii=False)


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise StudyUnusable(f"there is no {path}: a study has the files {', '.join(d.file for d in DOMAINS)}") from None
    except (OSError, ValueError) as error:
        raise StudyUnusable(f"{str(path)!r} cannot be read: {why_unusable(error)}") from None
    if not S_ISREG(status.st_mode):
        raise StudyUnusable(f"{path} is a folder or a device: a study has files")
    return status.st_size


def _sequence(row: Row) -> str:
    """Read the number of a row, as a whole number however it was written."""
    column = row.domain.sequence
    if column is None:
        return ""
    whole, _, fraction = row[column].partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= 9) or fraction.strip("0"):  # noqa: PLR2004 - SDTM's are shorter
        raise row.malformed(f"{column} is {row[column][:40]!r}, which is no whole number")
    return str(int(whole))


def _records(domain: Domain, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield every record with its first line; a cell in quotes may go over several lines."""
    reader = csv.reader(_lines(domain, file), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise RowMalformed(file=domain.file, line=line, why=f"it is no CSV: {error}") from None


def _lines(domain: Domain, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(_LONGEST_LINE + 1):
        number += 1
        if len(line) > _LONGEST_LINE:
            raise RowMalformed(file=domain.file, line=number, why=f"it is longer than {_LONGEST_LINE} characters")
        if _NO_TEXT.search(line):
            raise RowMalformed(file=domain.file, line=number, why="it is no text in UTF-8")
        yield line
