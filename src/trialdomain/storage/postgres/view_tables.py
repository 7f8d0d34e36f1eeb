"""The views of a log in PostgreSQL: in a schema of their own, so that who reads them needs no right on the log.

A reader of a view holds a lock on it until its transaction ends. A swap that waits for that lock would make every later
reader wait as well; so it gives up after a tenth of a second, and is tried again.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import psycopg
from psycopg import errors as server

from trialdomain.storage.errors import LogOfAnotherProcess, StoreFailed
from trialdomain.storage.postgres.failures import first_line, is_lost
from trialdomain.storage.postgres.schema import LOCK_SPACE
from trialdomain.storage.postgres.server import connect
from trialdomain.storage.view_tables import (
    Cells,
    Generation,
    Kind,
    Moved,
    RebuildOvertaken,
    Replaced,
    Table,
    Tracked,
    ViewsUnusable,
    plain_number,
    shown_columns,
    table_columns,
    table_name,
)

_MAKING = LOCK_SPACE + 2
"""The first key of the advisory lock under which the schema of views is made."""
_SWAP_MILLISECONDS = 100
"""How long a swap waits for readers, and so makes later readers wait."""
_WAIT_SECONDS = 30
_LONGEST_NAME = 63
_COPIED_AT_ONCE = 1_000
_SCHEMA = """
CREATE TABLE @.view_generation (
    view text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    definition text NOT NULL,
    beat_at timestamptz NOT NULL,
    PRIMARY KEY (view, generation)
);
CREATE TABLE @.view_progress (
    view text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    trial text COLLATE "C" NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    leaf bytea NOT NULL,
    failed_at bigint,
    why text,
    PRIMARY KEY (view, generation, trial)
) WITH (fillfactor = 50);
CREATE TABLE @.view_look (
    trial text COLLATE "C" PRIMARY KEY,
    looked_at timestamptz NOT NULL
) WITH (fillfactor = 50);
"""
_ABOUT = """
CREATE VIEW @.about AS
    SELECT heads.trial, view, position, heads.size AS head, greatest(0, heads.size - position) AS lag,
        failed_at, why, looked_at
    FROM @.view_progress JOIN @.view_generation USING (view, generation)
    JOIN %LOG%.heads ON heads.trial = view_progress.trial
    LEFT JOIN @.view_look ON view_look.trial = heads.trial WHERE state = 'live';
"""
_RELATIONS = """
SELECT c.relname::text FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm', 'p', 'f')
"""
_GRANTS = """
SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, aclexplode(c.relacl) AS a
WHERE n.nspname = %s AND c.relname = %s AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner
"""
_TYPES: Mapping[Kind, str] = {
    Kind.TEXT: 'text COLLATE "C"',
    Kind.INTEGER: "bigint",
    Kind.NUMBER: "numeric",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "date",
    Kind.TIME: "timestamptz",
    Kind.POSITIONS: "integer[]",
}


class PostgresViewTables:
    """The views of a log in PostgreSQL, in the schema with the name of the log's and ``_views``.

    Args:
        conninfo: the address of the log.
        place: the name of the log in an error.
        make: whether to make the schema, if it does not exist.

    Raises:
        ViewsUnusable: the schema is not one of views, may not be used, or does not exist and is not to be made.
        LogUnusable: the server cannot be reached.
    """

    def __init__(self, conninfo: str, place: str, *, make: bool) -> None:
        self._process, self._log = os.getpid(), place
        self.place = place
        self._connection = connect(conninfo, place)
        try:
            with self._translated():
                self._set_up(make=make)
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self, *, make: bool) -> None:
        self._connection.execute("SET client_encoding = 'UTF8'")
        self._connection.execute("SET quote_all_identifiers = off")
        self._connection.execute(f"SET lock_timeout = '{_WAIT_SECONDS}s'".encode())
        query = (
            "SELECT current_schema() || '_views', quote_ident(current_schema() || '_views'),"
            " quote_ident(current_schema())"
        )
        ((self._schema, self._quoted, log),) = self._connection.execute(query)
        self.place = f"the schema {self._schema} of {self._log}"
        if len(self._schema.encode()) > _LONGEST_NAME:
            raise ViewsUnusable(
                f"{self.place}: the name is longer than {_LONGEST_NAME} bytes: give the log a shorter one"
            )
        self._blank = False
        with self._connection.transaction():
            self._connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_MAKING, self._schema))
            exists = self._connection.execute("SELECT to_regnamespace(%s)", (self._quoted,)).fetchone() != (None,)
            if not exists and not make:
                raise ViewsUnusable(f"{self.place} does not exist: the log has no views yet; rebuild them")
            if not exists:
                self._make_schema()
            found = {name for (name,) in self._connection.execute(_RELATIONS, (self._schema,))}
            if "view_generation" not in found:
                if found:
                    raise ViewsUnusable(f"{self.place} has other tables, and no views: it was left as it is; empty it")
                self._blank = not make  # another program has just made the schema
                if make:
                    self._run(_SCHEMA)
            if make and "about" not in found:  # also where it was dropped with the log's own tables
                self._run(_ABOUT.replace("%LOG%", log))

    def _make_schema(self) -> None:
        try:
            self._run("CREATE SCHEMA @")
        except server.InsufficientPrivilege:
            raise ViewsUnusable(
                f"{self.place} does not exist, and the role may not make it: ask the owner of the database for CREATE "
                f"SCHEMA {self._quoted} AUTHORIZATION the role"
            ) from None

    def generations(self) -> list[Generation]:
        """Return every generation; see :class:`trialdomain.storage.view_tables.ViewTables`, here and below."""
        query = (
            "SELECT view, generation, state = 'live', definition,"
            " extract(epoch FROM clock_timestamp() - beat_at)::float8 FROM @.view_generation WHERE state <> 'retired'"
            " ORDER BY view, generation"
        )
        with self._translated():
            return [] if self._blank else [Generation(*row) for row in self._run(query)]

    def tracked(self) -> list[Tracked]:
        """Return how far every generation has come, by trial."""
        query = (
            "SELECT view, generation, trial, position, leaf, failed_at, why"
            " FROM @.view_progress ORDER BY view, generation, trial"
        )
        if self._blank:
            return []
        with self._translated():
            return [Tracked(*row) for row in self._run(query)]

    def begin(self, table: Table) -> int:
        """Make the table of a new generation, and return its number; retire those that nobody has swapped in."""
        with self._translated():
            with self._connection.transaction():
                self._run("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", _MAKING, self._schema)
                self._run(
                    "UPDATE @.view_generation SET state = 'retired' WHERE view = %s AND state = 'building'", table.name
                )
                ((number,),) = self._run(
                    "SELECT coalesce(max(generation), 0) + 1 FROM @.view_generation WHERE view = %s", table.name
                )
                self._run(f"CREATE TABLE @.{table_name(table.name, number)} ({table_columns(table, _TYPES)})")
                self._run(
                    "INSERT INTO @.view_generation VALUES (%s, %s, 'building', %s, clock_timestamp())",
                    *(table.name, number, table.definition),
                )
            self._drop_retired(table.name)
        return int(number)

    def add(self, table: Table, generation: int, trial: str, rows: Iterable[tuple[str, Cells]]) -> None:
        """Add rows to a generation that is being built."""
        with self._translated(), self._connection.transaction():
            self._refuse_overtaken(table.name, generation)
            self._copy(table, generation, trial, rows)

    def beat(self, generations: Mapping[str, int]) -> None:
        """Let others know that generations, by view, are still being built."""
        query = (
            "UPDATE @.view_generation AS g SET beat_at = clock_timestamp()"
            " FROM unnest(%s::text[], %s::int[]) AS given (view, generation)"
            " WHERE g.view = given.view AND g.generation = given.generation"
        )
        with self._translated():
            self._run(query, list(generations), list(generations.values()))

    def move(self, moved: Moved) -> list[str]:
        """Replace rows and move positions, in one transaction; return the views that were moved."""
        with self._translated(), self._connection.transaction():
            in_order = sorted(moved.changes, key=lambda one: one.table.name)  # one order of locks: no deadlock
            return [one.table.name for one in in_order if self._moved(moved, one)]

    def swap(self, table: Table, generation: int, *, anyway: bool = False) -> bool:
        """Show readers a new generation instead of the live one, and drop the old one."""
        with self._translated(), self._connection.transaction():
            if self._is_known(table.name, generation):  # rows are inserted faster while there is no index
                name = f"{table_name(table.name, generation)}_by_unit"
                self._run(
                    f"CREATE INDEX IF NOT EXISTS {name} ON @.{table_name(table.name, generation)} (trial, view_unit)"
                )
        with self._translated():
            try:
                if not self._swapped(table, generation, anyway=anyway):
                    return False
            except server.LockNotAvailable:
                return False
            self._drop_retired(table.name)
        return True

    def _swapped(self, table: Table, generation: int, *, anyway: bool) -> bool:
        """Let a generation take the place of the live one; False where it is behind."""
        with self._connection.transaction():
            self._run(f"SET LOCAL lock_timeout = '{_SWAP_MILLISECONDS}ms'")
            # These locks keep workers from moving the old generation while the new one takes its place.
            self._run("SELECT 1 FROM @.view_generation WHERE view = %s FOR UPDATE", table.name)
            self._refuse_overtaken(table.name, generation)
            if not anyway and self._is_behind(table.name, generation):
                return False
            self._show(table, generation)
            self._run("UPDATE @.view_generation SET state = 'retired' WHERE view = %s AND state = 'live'", table.name)
            self._run(
                "UPDATE @.view_generation SET state = 'live' WHERE view = %s AND generation = %s",
                *(table.name, generation),
            )
        return True

    def clear(self, views: Iterable[str], trial: str | None) -> int:
        """Take live views that were set aside up again."""
        query = (
            "UPDATE @.view_progress AS p SET failed_at = NULL, why = NULL FROM @.view_generation AS g"
            " WHERE g.view = p.view AND g.generation = p.generation AND g.state = 'live' AND p.failed_at IS NOT NULL"
            " AND p.view = ANY (%s) AND p.trial = coalesce(%s::text, p.trial)"
        )
        with self._translated():
            return self._run(query, list(views), trial).rowcount

    def looked(self, at: datetime, heads: Mapping[str, int]) -> None:
        """Store when the log was looked at last, and where its trials ended."""
        query = (
            "INSERT INTO @.view_look SELECT trial, %s FROM unnest(%s::text[]) AS given (trial)"
            " ON CONFLICT (trial) DO UPDATE SET looked_at = excluded.looked_at"
        )
        with self._translated():
            self._run(query, at, sorted(heads))  # one order of locks: no deadlock

    def close(self) -> None:
        """Close the connection, unless it is that of the parent of this process."""
        if self._process == os.getpid():
            self._connection.close()

    def _moved(self, moved: Moved, change: Replaced) -> bool:
        view, generation = change.table.name, change.generation
        if not self._is_known(view, generation):
            return False
        if moved.before == 0:
            self._run(
                "INSERT INTO @.view_progress VALUES (%s, %s, %s, 0, '', NULL, NULL) ON CONFLICT DO NOTHING",
                *(view, generation, moved.trial),
            )
        found = self._run(  # this locks the row of the view, the generation and the trial until the rows are written
            "UPDATE @.view_progress SET position = %s, leaf = %s, failed_at = %s, why = %s"
            " WHERE view = %s AND generation = %s AND trial = %s AND position = %s AND failed_at IS NULL",
            *(moved.after, moved.leaf, moved.failed_at, moved.why, view, generation, moved.trial, moved.before),
        )
        if found.rowcount != 1:
            return False
        delete = f"DELETE FROM @.{table_name(view, generation)} WHERE trial = %s"  # noqa: S608 - a checked name
        if change.units is None:
            self._run(delete, moved.trial)
        elif change.units:
            self._run(f"{delete} AND view_unit = ANY (%s)", moved.trial, list(change.units))
        self._copy(change.table, generation, moved.trial, change.rows)
        return True

    def _copy(self, table: Table, generation: int, trial: str, rows: Iterable[tuple[str, Cells]]) -> None:
        texts = [_TEXTS[one.kind] for one in table.columns]
        lines: list[str] = []
        statement = self._in_schema(f"COPY @.{table_name(table.name, generation)} FROM STDIN")
        begun = _escaped(trial)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for unit, cells in rows:
                written = ["\\N" if value is None else text(value) for text, value in zip(texts, cells, strict=True)]
                lines.append("\t".join((begun, _escaped(unit), *written)))
                if len(lines) == _COPIED_AT_ONCE:
                    copy.write("\n".join(lines) + "\n")
                    lines.clear()
            if lines:
                copy.write("\n".join(lines) + "\n")

    def _show(self, table: Table, generation: int) -> None:
        """Make the public view of a generation, or let it show another one; its readers keep their rights."""
        columns = shown_columns(table)
        shown = f'@."{table.name}"'
        body = f"{shown} AS SELECT {columns} FROM @.{table_name(table.name, generation)}"  # noqa: S608 - checked names
        try:
            with self._connection.transaction():
                self._run(f"CREATE OR REPLACE VIEW {body}")
        except server.InvalidTableDefinition:  # the columns have changed
            grants = [role for (role,) in self._run(_GRANTS, self._schema, table.name)]
            self._run(f"DROP VIEW {shown}")
            self._run(f"CREATE VIEW {body}")
            for role in grants:
                self._run(f"GRANT SELECT ON {shown} TO {role}")
        self._run(f"COMMENT ON VIEW {shown} IS {_literal(table.comment)}")
        self._run(f"COMMENT ON COLUMN {shown}.trial IS 'The code of the trial.'")
        for one in table.columns:
            self._run(f'COMMENT ON COLUMN {shown}."{one.name}" IS {_literal(one.comment)}')

    def _refuse_overtaken(self, view: str, generation: int) -> None:
        if not self._is_known(view, generation):
            raise RebuildOvertaken(place=self.place, view=view)

    def _is_known(self, view: str, generation: int) -> bool:
        query = (
            "SELECT 1 FROM @.view_generation WHERE view = %s AND generation = %s AND state <> 'retired' FOR KEY SHARE"
        )
        return self._run(query, view, generation).fetchone() is not None

    def _is_behind(self, view: str, generation: int) -> bool:
        """Say whether the live generation has come further than a new one in any trial."""
        query = (
            "SELECT old.position, new.position FROM @.view_progress AS old"
            " JOIN @.view_generation AS g ON g.view = old.view AND g.generation = old.generation AND g.state = 'live'"
            " LEFT JOIN @.view_progress AS new ON new.view = old.view AND new.trial = old.trial AND new.generation = %s"
            " WHERE old.view = %s FOR UPDATE OF old"
        )
        return any((position or 0) < before for before, position in self._run(query, generation, view))

    def _drop_retired(self, view: str) -> None:
        """Drop the tables that nobody is shown any more; one that is still being read is left for the next time."""
        query = "SELECT generation FROM @.view_generation WHERE view = %s AND state = 'retired'"
        for (generation,) in self._run(query, view).fetchall():
            try:
                with self._connection.transaction():
                    self._run(f"SET LOCAL lock_timeout = '{_SWAP_MILLISECONDS}ms'")
                    self._run(f"DROP TABLE IF EXISTS @.{table_name(view, generation)}")
                    for table in ("view_progress", "view_generation"):
                        self._run(
                            f"DELETE FROM @.{table} WHERE view = %s AND generation = %s",  # noqa: S608 - one of ours
                            *(view, generation),
                        )
            except server.LockNotAvailable:
                continue

    def _run(self, statement: str, *given: object) -> psycopg.Cursor[Any]:
        return self._connection.execute(self._in_schema(statement), given or None)

    def _in_schema(self, statement: str) -> bytes:
        return statement.replace("@.", f"{self._quoted}.").replace("SCHEMA @", f"SCHEMA {self._quoted}").encode()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._process != os.getpid():
            raise LogOfAnotherProcess(path=self.place)
        try:
            yield
        except psycopg.Error as error:
            why = first_line(error)
            if is_lost(error, self._connection):
                raise StoreFailed(f"{self.place}: the connection was lost: {why}: try again") from error
            if isinstance(error, server.LockNotAvailable):
                raise ViewsUnusable(f"{self.place}: another program holds a lock on the views: try again") from error
            if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
                raise ViewsUnusable(f"{self.place}: a row does not fit the columns of its view: {why}") from error
            if isinstance(error, server.DependentObjectsStillExist):
                raise ViewsUnusable(
                    f"{self.place}: {why}: its columns have changed, and views of others use it; drop those, "
                    f"rebuild, and make them again"
                ) from error
            if isinstance(error, server.InsufficientPrivilege):
                raise ViewsUnusable(f"{self.place}: {why}: use the role that made the views") from error
            raise ViewsUnusable(f"{self.place}: {why}: the views were not changed; try again") from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f", "\v": "\\v"})


def _escaped(text: str) -> str:
    return text.translate(_SPECIAL)


def _boolean(value: object) -> str:
    return "t" if value else "f"


def _positions(value: Sequence[int]) -> str:
    return f"{{{','.join(map(str, value))}}}"


_TEXTS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: _escaped,
    Kind.INTEGER: str,
    Kind.NUMBER: plain_number,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: date.isoformat,
    Kind.TIME: datetime.isoformat,
    Kind.POSITIONS: _positions,
}
"""By the kind of a column: the form of a value in the text format of COPY."""
