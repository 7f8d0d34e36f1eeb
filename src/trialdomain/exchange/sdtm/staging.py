"""The files of a study, checked row by row and sorted by subject.

Files come in any order of subjects, and may be larger than memory. Their rows are staged in a temporary SQLite
database, so that reading them subject by subject needs the memory of one subject. A row that cannot be staged is kept
in a second table with the reason; a strict import refuses it.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from stat import S_ISREG
from typing import Self

import attrs

from trialdomain.errors import LogUnusable
from trialdomain.exchange.sdtm.columns import DM, DOMAINS, SUBJECT, Domain
from trialdomain.exchange.sdtm.rows import Malformed, NotRecorded, Row, escaped
from trialdomain.exchange.sdtm.tables import FORMATS, Line, RowMalformed, StudyUnusable, Table, open_table
from trialdomain.values.given.filename import why_unusable
from trialdomain.values.progress import Progress

__all__ = ["RowMalformed", "Staging", "StudyUnusable"]

_BATCH = 5_000
_BATCH_CHARACTERS = 4 * 1024 * 1024
_LONGEST_SEQUENCE = 9
"""The most digits of a sequence number; those of SDTM are shorter."""
_SELECT = "SELECT domain, line, subject, sequence, cells FROM rows"
_TWICE = (
    "SELECT rowid, domain, line, subject, sequence, cells FROM rows"
    " WHERE rowid NOT IN (SELECT min(rowid) FROM rows GROUP BY subject, domain, sequence) ORDER BY domain, line"
)
_STRANGE = (
    "SELECT rowid, domain, line, subject, sequence, cells FROM rows"
    " WHERE subject NOT IN (SELECT subject FROM rows WHERE domain = 0) ORDER BY domain, line"
)


@attrs.frozen(kw_only=True)
class _File:
    """One file of the study."""

    domain: Domain
    path: Path
    size: int


class Staging:
    """The rows of a study; close it, or use it in a ``with`` statement.

    Args:
        folder: the folder with the files.
        strict: whether to refuse the first row that breaks the standard, and a study that lacks a file or a column.
        progress: called with the number of bytes read so far.

    Raises:
        StudyUnusable: the study as a whole cannot be read.
        RowMalformed: a row breaks the standard, and the import is strict.
    """

    def __init__(self, folder: Path, *, strict: bool, progress: Progress) -> None:
        self.study = ""
        self.strict = strict
        self.files = _files(folder, strict=strict)
        """By domain: its file."""
        self.columns: dict[str, tuple[str, ...]] = {}
        """By domain: the columns that its file has, in capitals."""
        self.counts: Counter[str] = Counter()
        """By domain: the number of rows of its file."""
        self._rows = sqlite3.connect("", isolation_level=None)  # a temporary file, which SQLite removes at the end
        try:
            self._rows.execute(
                "CREATE TABLE rows (domain INTEGER, line INTEGER, subject TEXT, sequence TEXT, cells TEXT)"
            )
            self._rows.execute(
                "CREATE TABLE unfit (domain INTEGER, line INTEGER, subject TEXT, sequence TEXT, cells TEXT, why TEXT)"
            )
            self._rows.execute("CREATE TABLE set_apart (number INTEGER PRIMARY KEY)")
            self._read(progress)
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
        """Yield the subjects in the order of their rows in dm."""
        with closing(self._rows.execute("SELECT subject FROM rows WHERE domain = 0 ORDER BY line")) as found:
            for (subject,) in found:
                yield subject

    def rows(self, subject: str) -> list[Row]:
        """Return the rows of a subject, file by file."""
        found = self._rows.execute(
            f"{_SELECT} WHERE subject = ? ORDER BY domain, CAST(sequence AS INTEGER)",  # not in file order
            [subject],
        )
        return [self._row(*values) for values in found.fetchall()]

    def of_kind(self, domain: Domain) -> Iterator[Row]:
        """Yield the rows of one file, subject by subject."""
        query = f"{_SELECT} WHERE domain = ? ORDER BY subject, line"
        with closing(self._rows.execute(query, [DOMAINS.index(domain)])) as found:
            for values in found:
                yield self._row(*values)

    def unfit(self) -> Iterator[tuple[Row, str]]:
        """Yield the rows that were not staged, each with the reason."""
        query = "SELECT domain, line, subject, sequence, cells, why FROM unfit ORDER BY domain, line"
        with closing(self._rows.execute(query)) as found:
            for *values, why in found:
                yield self._row(*values), why

    def _row(self, domain: int, line: int, subject: str, sequence: str, cells: str) -> Row:
        kind = DOMAINS[domain]
        named = _named(self.columns[kind.code], json.loads(cells))
        return Row(
            domain=kind,
            file=self.files[kind.code].path.name,
            line=line,
            subject=subject,
            sequence=sequence,
            cells=named,
        )

    def _read(self, progress: Progress) -> None:
        total = sum(file.size for file in self.files.values())
        done = 0
        self._rows.execute("BEGIN")
        for file in self.files.values():
            with open_table(file.path) as (table, opened):
                self.columns[file.domain.code] = _columns(file, table, strict=self.strict)
                batch: list[tuple[object, ...]] = []
                characters = 0
                for line in table.lines():
                    staged = self._staged(file, line)
                    characters += len(staged[-2])
                    batch.append(staged)
                    if len(batch) == _BATCH or characters > _BATCH_CHARACTERS:
                        self._stage(batch)
                        progress("reading", done + min(opened.tell(), file.size), total)
                        batch, characters = [], 0
                self._stage(batch)
            done += file.size
            progress("reading", done, total)
        self._rows.execute("COMMIT")

    def _stage(self, batch: Sequence[tuple[object, ...]]) -> None:
        self._rows.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", [one[:-1] for one in batch if not one[-1]])
        self._rows.executemany("INSERT INTO unfit VALUES (?, ?, ?, ?, ?, ?)", [one for one in batch if one[-1]])

    def _staged(self, file: _File, line: Line) -> tuple[int, int, str, str, str, str]:
        """Return a row in the form of the staging table, and the reason why it is unfit; empty if it is fit."""
        domain = file.domain
        self.counts[domain.code] += 1
        row = Row(
            domain=domain,
            file=file.path.name,
            line=line.number,
            subject="",
            sequence="",
            cells=_named(self.columns[domain.code], line.cells),
        )
        why = ""
        try:
            if line.why:
                raise Malformed(line.why)
            self._check_keys(row)
            row = attrs.evolve(row, subject=escaped(row[SUBJECT]))
            row = attrs.evolve(row, sequence=_sequence(row, self.columns[domain.code]))
        except NotRecorded as reason:
            why = str(reason)
            if self.strict:
                raise row.malformed(why) from None
        cells = json.dumps(list(line.cells), ensure_ascii=False)
        return DOMAINS.index(domain), line.number, row.subject, row.sequence, cells, why

    def _check_keys(self, row: Row) -> None:
        """Refuse a row of another study or of another domain.

        Raises:
            RowMalformed: the row is of another study.
            Malformed: the row names no study, or another domain.
        """
        columns = self.columns[row.domain.code]
        if "STUDYID" in columns:
            study = row["STUDYID"]
            if not study:
                raise Malformed("STUDYID is blank: it names the study")
            self.study = self.study or study
            if study != self.study:
                raise row.malformed(f"STUDYID is {study[:40]!r}, but {self.study[:40]!r} was expected")
        if "DOMAIN" in columns and row["DOMAIN"].upper() != row.domain.code:
            raise Malformed(f"DOMAIN is {row['DOMAIN'][:40]!r}, but {row.domain.code!r} was expected")

    def _check(self) -> None:
        """Move duplicate records, and rows of subjects without a row in dm, to the unfit rows."""
        if not self.counts[DM.code]:
            raise StudyUnusable(f"{self.files[DM.code].path.name} has no row: there are no subjects to import")
        self._rows.execute("CREATE INDEX by_record ON rows (subject, domain, sequence)")
        self._set_apart(
            _TWICE,
            lambda row: f"record {row.record} is also in an earlier line",
        )
        self._set_apart(
            _STRANGE,
            lambda row: f"subject {row[SUBJECT][:70]!r} has no row in {self.files[DM.code].path.name}",
        )
        if self._rows.execute("SELECT 1 FROM rows WHERE domain = 0 LIMIT 1").fetchone() is None:
            row, why = next(self.unfit())
            raise StudyUnusable(f"{row.file} has no row that can be read: line {row.line}: {why}")

    def _set_apart(self, query: str, why: Callable[[Row], str]) -> None:
        with closing(self._rows.execute(query)) as found:
            for number, *values in found:
                row = self._row(*values)
                if self.strict:
                    raise row.malformed(why(row))
                self._rows.execute("INSERT INTO unfit VALUES (?, ?, ?, ?, ?, ?)", [*values, why(row)])
                self._rows.execute("INSERT INTO set_apart VALUES (?)", [number])
        self._rows.execute("DELETE FROM rows WHERE rowid IN (SELECT number FROM set_apart)")
        self._rows.execute("DELETE FROM set_apart")


def _named(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    """Map column names to cells; if there are too many or too few cells, use numbers as names."""
    if len(cells) == len(columns):
        return dict(zip(columns, cells, strict=True))
    return {str(number): cell for number, cell in enumerate(cells, start=1)}


def _columns(file: _File, table: Table, *, strict: bool) -> tuple[str, ...]:
    """Return the columns of a file in capitals.

    Raises:
        StudyUnusable: the column of the subject is missing.
        RowMalformed: a column that is read occurs twice.
    """
    columns = tuple(name.strip().upper() for name in table.columns)
    needed = file.domain.strict if strict else (SUBJECT,)
    missing = [name for name in needed if name not in columns]
    if missing:
        raise StudyUnusable(f"{file.path.name} has no column {', '.join(missing)}: export it with all columns")
    for name, count in Counter(columns).items():
        if count > 1 and (strict or file.domain.reads(name)):
            raise RowMalformed(file=file.path.name, line=1, why=f"column {name!r} is there {count} times")
    return columns


def _files(folder: Path, *, strict: bool) -> dict[str, _File]:
    """Find the file of each domain, ignoring the case of its name.

    Raises:
        StudyUnusable: there is no file for dm, there are two for one domain, or one is not a regular file.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise StudyUnusable(f"{str(folder)!r} cannot be read: {why_unusable(error)}") from None
    files = {}
    for domain in DOMAINS:
        paths = [path for path in found if path.stem.lower() == domain.name and path.suffix.lower() in FORMATS]
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            raise StudyUnusable(f"{folder} has {domain.name} more than once: {names}; leave one of them")
        if paths:
            files[domain.code] = _File(domain=domain, path=paths[0], size=_size(paths[0]))
        elif strict or domain is DM:
            ends = ", ".join(FORMATS)
            raise StudyUnusable(f"there is no {folder / domain.name}.csv: a study has dm, as one of {ends}")
    return files


def _size(path: Path) -> int:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise StudyUnusable(f"{str(path)!r} cannot be read: {why_unusable(error)}") from None
    if not S_ISREG(status.st_mode):
        raise StudyUnusable(f"{path} is a folder or a device: a study has files")
    return status.st_size


def _sequence(row: Row, columns: Sequence[str]) -> str:
    """Return the number of a row, normalized to a whole number; without such a column, the line of the row.

    Raises:
        Malformed: it is not a whole number.
    """
    column = row.domain.sequence
    if column is None:
        return ""
    if column not in columns:
        return str(row.line)
    whole, _, fraction = row[column].partition(".")
    if not (whole.isascii() and whole.isdigit() and len(whole) <= _LONGEST_SEQUENCE) or fraction.strip("0"):
        raise Malformed(f"{column} is {row[column][:40]!r}, which is not a whole number")
    return str(int(whole))
