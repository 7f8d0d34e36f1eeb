"""The source of a verification for a log in PostgreSQL: raw rows, read with plain ``psycopg``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any

from trialdomain.errors import LogUnusable
from trialdomain.storage.codec import LARGEST_STATE
from trialdomain.storage.heads import BEGUN
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.postgres.schema import SCHEMA_VERSION
from trialdomain.storage.postgres.shape import differences, shape_of
from trialdomain.tree.checkpoint import parse_head
from trialdomain.tree.note import MOST_BYTES, NoteMalformed, parse_note
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.verification.defect import Defect, What, of_row, shortened
from trialdomain.verification.entries_check import Row
from trialdomain.verification.heads_check import KeptHead
from trialdomain.verification.postgres.found_tables import readable_tables
from trialdomain.verification.postgres.integrity import Integrity
from trialdomain.verification.postgres.opening import Connection, opened
from trialdomain.verification.readable import OF_REGISTRATION
from trialdomain.verification.source import MOST_NOTES, Columns, CommandRow, KeptNote, Page

_PAGE = 2_000
_GUARDED_PAGE = 500
_FEW = 8
_MOST_NAMED = 1_000

# "@" stands for the schema, quoted. ONLY: a table that inherits from one of the log's may be on another server. A value
# that is longer than the limit is not sent: the server tells the length of a stored value without reading it.
_PLAIN = """
SELECT position, CASE WHEN octet_length(state) <= 16384 THEN state END,
    CASE WHEN octet_length(leaf) <= 32 THEN leaf END, CASE WHEN octet_length(stream) <= 600 THEN stream END,
    CASE WHEN octet_length(name) <= 100 THEN name END, version
FROM ONLY @.entries WHERE trial = %s {some} ORDER BY position
"""
_GUARDED = """
SELECT ctid::text, position, CASE WHEN octet_length(state) <= 65536 THEN state END,
    CASE WHEN octet_length(leaf) <= 32 THEN leaf END, CASE WHEN octet_length(stream) <= 600 THEN stream END,
    CASE WHEN octet_length(name) <= 100 THEN name END, version
FROM ONLY @.entries WHERE trial = %s ORDER BY position OFFSET %s
"""
"""The guarded query: it leaves out states above 64 KiB, which are read one by one."""
_ROW = """
SELECT position, CASE WHEN octet_length(stream) <= 4096 THEN stream END, version,
    CASE WHEN octet_length(name) <= 4096 THEN name END, CASE WHEN octet_length(state) <= %s THEN state END,
    CASE WHEN octet_length(leaf) <= 64 THEN leaf END
FROM ONLY @.entries WHERE ctid = %s::tid
"""
_STREAMS = """
SELECT stream FROM ONLY @.entries
WHERE stream COLLATE "C" >= %s AND stream COLLATE "C" <= %s AND octet_length(stream) <= 4096
GROUP BY stream
HAVING min(version) IS DISTINCT FROM 1 OR max(version) <> count(*) OR count(DISTINCT version) <> count(*)
"""
"""The streams whose versions have a gap or a repetition, or do not begin at 1; a stream that no trial has is another
defect."""
_VERSIONS = "SELECT version, position FROM ONLY @.entries WHERE stream = %s ORDER BY version"
_NEWEST = """
SELECT position, CASE WHEN octet_length(stream) <= 4096 THEN stream END, version FROM ONLY @.entries
WHERE trial = %s AND position > %s ORDER BY position LIMIT %s
"""
_CHECKPOINTS = """
SELECT size, CASE WHEN octet_length(note) <= %s THEN note END FROM ONLY @.checkpoints
WHERE trial = %s ORDER BY size DESC LIMIT %s
"""
_HEADS = """
SELECT size, CASE WHEN octet_length(note) <= %s THEN note END FROM ONLY @.heads
WHERE trial = %s AND note IS NOT NULL LIMIT %s
"""
_KEPT = {
    "checkpoints": (_CHECKPOINTS, "the checkpoint of {} entries kept with the log"),
    "heads": (_HEADS, "the signed head of {} entries"),
}
_HEAD = "SELECT 1 FROM ONLY @.heads WHERE trial = %s AND note IS NOT NULL LIMIT 1"
_EXTENT = """
SELECT min(position), max(position), EXISTS (SELECT FROM ONLY @.entries WHERE trial = %s AND position IS NULL)
FROM ONLY @.entries WHERE trial = %s
"""
_OF_REGISTRATION = """
SELECT position, version, name, state FROM ONLY @.entries
WHERE stream = %s AND name = ANY (%s) AND octet_length(state) <= %s ORDER BY version LIMIT %s
"""
_OUT_OF_ORDER = """
SELECT EXISTS (
    SELECT FROM (
        SELECT id, lag(id) OVER (ORDER BY position) AS earlier FROM ONLY @.entries WHERE trial = %s
    ) AS by_position WHERE id <= earlier
)
"""
_TRIALS = {
    "entries": 'SELECT DISTINCT trial COLLATE "C" FROM ONLY @.entries WHERE octet_length(trial) <= 200',
    "commands": 'SELECT DISTINCT trial COLLATE "C" FROM ONLY @.commands WHERE octet_length(trial) <= 200',
    "checkpoints": 'SELECT DISTINCT trial COLLATE "C" FROM ONLY @.checkpoints WHERE octet_length(trial) <= 200',
    "heads": (
        'SELECT DISTINCT trial COLLATE "C" FROM ONLY @.heads'
        " WHERE octet_length(trial) <= 200 AND (size <> 0 OR note IS NOT NULL)"
    ),
}
"""By table. The store leaves an empty row of heads of a trial whose first append was refused: that is no trial yet."""
_MISFILED = """
SELECT position, CASE WHEN octet_length(stream) <= 4096 THEN stream END, version FROM ONLY @.entries
WHERE trial IS NULL OR octet_length(trial) > 200 LIMIT %s
"""
_MISFILED_BESIDE = "SELECT count(*) FROM ONLY @.{} WHERE trial IS NULL OR octet_length(trial) > 200"
_BESIDE = {"checkpoints": What.BAD_CHECKPOINT, "commands": What.COMMAND, "heads": What.BAD_CHECKPOINT}
_COMMANDS = """
SELECT CASE WHEN octet_length(command) <= 200 THEN '"command":"' || command || '"' END, first, last
FROM ONLY @.commands
WHERE trial = %s AND (first IS NOT NULL OR last IS NOT NULL) AND command IS DISTINCT FROM %s
ORDER BY first NULLS FIRST
"""
_ONE_COMMAND = "SELECT first, last FROM ONLY @.commands WHERE trial = %s AND command = %s"
_ENCODING = "UTF8"


class PostgresSource:
    """The raw tables of a log.

    Args:
        connection: a connection in a transaction.
        schema: the name of the log's schema.
        place: the address of the log, without a password.

    Raises:
        LogUnusable: the schema is no log, or a newer version made it; or the role may not read it.
    """

    def __init__(self, connection: Connection, schema: str, place: str) -> None:
        self._connection, self._names = connection, count(1)
        self._tables = readable_tables(connection, schema, place)
        ((quoted, encoding),) = connection.execute(
            "SELECT quote_ident(%s), current_setting('server_encoding')", (schema,)
        )
        self._quoted, self._encoding = str(quoted), str(encoding)
        self._versions = self._schema_versions(place)
        self._changed = list(differences(shape_of(connection, schema), self._quoted))
        self._integrity = Integrity(self._all, self._tables, schema)

    @property
    def readable(self) -> bool:
        """Whether entries can be read at all."""
        return "entries" in self._tables and self._encoding == _ENCODING

    @property
    def ordered(self) -> bool:
        """Whether entries can be read in the order of positions: always, because the server sorts without an index."""
        return True

    @property
    def elsewhere(self) -> None:
        """No helper opens a log on a server: the server reads it in a process of its own already."""
        return

    def schema(self) -> Iterator[Defect]:
        """Yield a defect for each missing, changed or foreign object in the schema, and for a wrong encoding."""
        for why in self._changed:
            yield Defect(what=What.SCHEMA, why=why)
        if self._versions not in (None, [SCHEMA_VERSION]):
            told = ", ".join(map(str, self._versions)) or "none"
            why = f"the table trialdomain_log says schema version {told}, and a log of this kind has {SCHEMA_VERSION}"
            yield Defect(what=What.SCHEMA, why=why)
        if self._encoding != _ENCODING:
            why = (
                f"the text of the database is {self._encoding}, but that of a log is {_ENCODING}: another program "
                f"made the log there, and it was not read"
            )
            yield Defect(what=What.STRUCTURE, why=why)

    @contextmanager
    def structure_meanwhile(self) -> Iterator[Callable[[], Iterator[Defect]]]:
        """Yield the check of constraints, indexes, heads and counters; it runs when it is called."""
        yield self._integrity.defects

    def trials(self) -> list[bytes]:
        """Name every trial with an entry, a command or a note."""
        found: set[bytes] = set()
        for table in sorted(self._tables & _TRIALS.keys()):
            found.update(trial for (trial,) in self._each(_TRIALS[table], _PAGE))
        return sorted(found)

    def misfiled(self, *, entries: bool) -> Iterator[Defect]:
        """Yield defects for rows under a name that no trial has; ``entries`` includes the entries, and reads all."""
        for table in sorted(_BESIDE.keys() & self._tables):
            if many := self._all(_MISFILED_BESIDE.format(table))[0][0]:
                rows, are = how_many(many, "row"), singular_or(many, "is", "are")
                why = f"{rows} of {table} {are} stored under a name that no trial has"
                yield Defect(what=_BESIDE[table], why=why)
        for row in self._all(_MISFILED, _MOST_NAMED) if entries else ():
            yield of_row(What.MISPLACED, "the entry is stored under a name that no trial has", row)

    def number(self) -> int:
        """Return the number of entries."""
        return self._integrity.number()

    def extent(self, trial: bytes) -> tuple[int, int] | None:
        """Return the first and the last position of a trial; None where one of its positions has another type."""
        ((first, last, nothing),) = self._all(_EXTENT, trial.decode(), trial.decode())
        return (first, last) if isinstance(first, int) and isinstance(last, int) and not nothing else None

    def notes(self, trial: bytes) -> Iterator[KeptNote]:
        """Yield the notes that the log keeps of a trial, one at a time: first its checkpoints, the newest first."""
        for table in sorted(self._tables & _KEPT.keys()):
            query, words = _KEPT[table]
            for size, note in self._each(query, _FEW, MOST_BYTES, trial.decode(), MOST_NOTES):
                text, head = note or b"", table == "heads"
                named = _size_of_head(text, size) if head else size
                yield KeptNote(words.format(named), named, text, head)

    def head(self, trial: bytes) -> KeptHead:
        """Return what the database has of signed heads."""
        code, tables = trial.decode(), self._tables
        return KeptHead(
            there="heads" in tables and bool(self._all(_HEAD, code)),
            begun=bool(self._all(_ONE_COMMAND, code, BEGUN)) if "commands" in tables else None,
            newest=partial(self.newest, trial),
        )

    def registration(self, trial: bytes) -> Iterator[tuple[Any, Any, Any, Any]]:
        """Yield the entries that can register a trial."""
        values = (trial.decode(), list(OF_REGISTRATION), LARGEST_STATE, MOST_NOTES)
        yield from self._each(_OF_REGISTRATION, 1, *values)  # each may have 4 MB

    def pages(self, trial: bytes, *, after: int = 0, upto: int | None = None) -> Iterator[Columns | None]:
        """Yield the entries of a trial by position, in pages; at a page with a long value, yield None and stop."""
        bounds = {"AND position > %s": after or None, "AND position <= %s": upto}
        given = {condition: bound for condition, bound in bounds.items() if bound is not None}
        for page in self._paged(_PLAIN.format(some=" ".join(given)), _PAGE, trial.decode(), *given.values()):
            columns = _columns(page)
            if any(None in column for column in columns):
                yield None
                return
            yield columns

    def guarded(self, trial: bytes, *, after: int) -> Iterator[Page]:
        """Yield the entries of a trial after the first ``after``; they may have any values."""
        for page in self._paged(_GUARDED, _GUARDED_PAGE, trial.decode(), after):
            yield Page(_columns([row[1:] for row in page]), partial(self._rows, [row[0].decode() for row in page]))

    def _rows(self, places: Sequence[str]) -> Iterator[Row]:
        """Yield rows one by one, without values that are longer than any entry's."""
        for place in places:
            yield from self._all(_ROW, LARGEST_STATE, place)

    def out_of_order(self, trial: bytes) -> bool:
        """Say whether the row numbers are not in the order of positions: each append numbers its rows in that order."""
        return bool(self._all(_OUT_OF_ORDER, trial.decode())[0][0])

    def numbering(self) -> str | None:
        """Check the notification ids; None where nothing is wrong."""
        return self._integrity.numbering()

    def newest(self, trial: bytes, *, after: int) -> Iterator[tuple[int, str, int]]:
        """Yield position, stream and version of the entries after a position, up to the number of listed defects."""
        for position, stream, version in self._all(_NEWEST, trial.decode(), after, _MOST_NAMED):
            yield position, shortened(stream), version

    def uneven(self, trial: bytes) -> Iterator[tuple[bytes, Iterator[tuple[object, object]]]]:
        """Yield each stream whose versions have a gap or do not begin at 1."""
        code = trial.decode()
        for first, last in ((code, code), (f"{code}/", f"{code}0")):  # in ASCII, "0" is the character after "/"
            for (stream,) in self._each(_STREAMS, _GUARDED_PAGE, first, last):
                yield stream, self._each(_VERSIONS, _PAGE, stream.decode())

    def commands(self, trial: bytes) -> Iterator[list[CommandRow]] | None:
        """Yield the commands that recorded entries, in the order of positions; None where they cannot be read."""
        return self._paged(_COMMANDS, _PAGE, trial.decode(), BEGUN) if "commands" in self._tables else None

    def command(self, trial: bytes, command: bytes) -> tuple[Any, Any] | None:
        """Return the first and last position in the row of one command; None where it has no row."""
        found = self._all(_ONE_COMMAND, trial.decode(), command.decode())
        return found[0] if found else None

    def _schema_versions(self, place: str) -> list[Any] | None:
        """Return the schema versions that the log says it has; None where it cannot say.

        Raises:
            LogUnusable: a newer version made it.
        """
        if "trialdomain_log" not in self._tables:
            return None
        found = self._all("SELECT schema_version FROM ONLY @.trialdomain_log LIMIT 3")
        versions = [version for (version,) in found]
        if len(versions) == 1 and isinstance(versions[0], int) and versions[0] > SCHEMA_VERSION:
            raise LogUnusable(
                f"{place} has schema version {versions[0]}, but this trialdomain knows {SCHEMA_VERSION}: verify it "
                f"with the trialdomain that wrote it, or a newer one"
            )
        return versions

    def _all(self, query: str, *values: object) -> list[Any]:
        """Read all rows of a query that has few."""
        return self._connection.execute(self._written(query), values, binary=True).fetchall()

    def _each(self, query: str, size: int, *values: object) -> Iterator[Any]:
        for page in self._paged(query, size, *values):
            yield from page

    def _paged(self, query: str, size: int, *values: object) -> Iterator[list[Any]]:
        """Yield the rows of a query in pages, from a cursor on the server."""
        with self._connection.cursor(name=f"rows_{next(self._names)}") as cursor:
            cursor.execute(self._written(query), values, binary=True)
            while page := cursor.fetchmany(size):
                yield page

    def _written(self, query: str) -> bytes:
        return query.replace("@", self._quoted.replace("%", "%%")).encode()


def _size_of_head(note: bytes, size: object) -> object:
    """Return the number of entries that a head says itself; else that of its row, which is the size of the log.

    The row of a trial has the number of its entries, and beside it a head, which may be an older one that was put back.
    """
    try:
        return parse_head(parse_note(note).text).size
    except NoteMalformed:
        return size


def _columns(page: Sequence[Sequence[Any]]) -> Columns:
    positions, states, leaves, streams, names, versions = zip(*page, strict=True)
    return positions, states, leaves, streams, names, versions


@contextmanager
def postgres_source(address: PostgresAddress) -> Iterator[PostgresSource]:
    """Open a log in PostgreSQL as a source, in one transaction, so that other programs may append meanwhile.

    Raises:
        LogUnusable: the address names no log, the server does not answer, or the role may not read the log.
        SourceBroken: the server cannot read the log, or the rest of it.
    """
    with opened(address) as (connection, schema):
        yield PostgresSource(connection, schema, address.shown)
