"""The views of a log in SQLite: a file beside the log, so that views and the log never wait for each other."""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from time import time
from typing import Any, TypeAlias

from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.sqlite.file import code_of, file_uri, has_wal
from trialdomain.storage.sqlite.place import identity
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

APPLICATION_ID = 0x74726476
"""``trdv`` in ASCII, in the header of every file of views."""
_VERSION = 1
_BUSY_SECONDS = 30.0
_AT_ONCE = 1_000
_SCHEMA = """
CREATE TABLE view_generation (
    view TEXT NOT NULL,
    generation INTEGER NOT NULL,
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    definition TEXT NOT NULL,
    beat_at REAL NOT NULL,
    PRIMARY KEY (view, generation)
) STRICT, WITHOUT ROWID;
CREATE TABLE view_progress (
    view TEXT NOT NULL,
    generation INTEGER NOT NULL,
    trial TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    leaf BLOB NOT NULL,
    failed_at INTEGER,
    why TEXT,
    PRIMARY KEY (view, generation, trial)
) STRICT, WITHOUT ROWID;
CREATE TABLE view_look (
    trial TEXT PRIMARY KEY,
    head INTEGER NOT NULL,
    looked_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ABOUT = """
CREATE VIEW IF NOT EXISTS about AS
    SELECT view_progress.trial, view, position, head, max(0, head - position) AS lag, failed_at, why, looked_at
    FROM view_progress JOIN view_generation USING (view, generation) LEFT JOIN view_look USING (trial)
    WHERE live
"""
_GENERATIONS = "SELECT view, generation, live, definition, beat_at FROM view_generation ORDER BY view, generation"
_TRACKED = (
    "SELECT view, generation, trial, position, leaf, failed_at, why FROM view_progress ORDER BY view, generation, trial"
)
_TYPES: Mapping[Kind, str] = {**dict.fromkeys(Kind, "TEXT"), Kind.INTEGER: "INTEGER", Kind.BOOLEAN: "INTEGER"}
_Values: TypeAlias = tuple[object, ...]


def views_file(log: Path) -> Path:
    """Return the file with the views of a log: ``trial-views.db`` beside ``trial.db``, whatever links lead there."""
    real = Path(os.path.realpath(log))
    return real.with_name(f"{real.stem}-views{real.suffix}")


class SQLiteViewTables:
    """The views of a log in a SQLite file, in a file beside it.

    Args:
        log: the file of the log.
        make: whether to make the file, if it does not exist.

    Raises:
        ViewsUnusable: the file is not one of views, cannot be opened, or does not exist and is not to be made.
    """

    def __init__(self, log: Path, *, make: bool) -> None:
        self._file = file = views_file(log)
        self.place, self._makes = str(file), make
        if not make and not file.exists():
            raise ViewsUnusable(f"{self.place} does not exist: the log has no views yet; rebuild them")
        # Whoever may only read cannot remove SQLite's files beside it at the end. In a folder that cannot be written,
        # SQLite can only read a file that nobody has open.
        asking = {"mode": "rw"}, {"mode": "ro", "immutable": "1"}
        for way in ({"mode": "rwc"},) if make else asking:
            with self._translated():
                uri = file_uri(Path(os.path.realpath(file)), **way)
                self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_BUSY_SECONDS)
            try:
                with self._translated():
                    self._set_up()
                self._opened = identity(str(file))
            except BaseException as error:
                self.close()
                if way is asking[0] and code_of(error.__cause__) == sqlite3.SQLITE_CANTOPEN and not has_wal(file):
                    continue
                raise
            return

    def _set_up(self) -> None:
        self._connection.execute("PRAGMA trusted_schema = OFF")
        self._refuse_other()  # before anything is written
        if not self._makes:
            self._connection.execute("PRAGMA query_only = ON")
            return
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")  # what is lost with the power is made again
        with self._transaction():
            if self._is_empty():
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._connection.execute(f"PRAGMA user_version = {_VERSION}")
                for statement in _SCHEMA.split(";"):
                    self._connection.execute(statement)
            self._refuse_other()
            self._connection.execute(_ABOUT)  # also where somebody has dropped it

    def _is_blank(self) -> bool:
        """Say whether another program has just made the file, and nothing is in it yet."""
        return not self._makes and self._is_empty()

    def _is_empty(self) -> bool:
        return self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None

    def _refuse_other(self) -> None:
        """Refuse a file that has something else."""
        # Asked first: the numbers come with the first table, perhaps from another process just now.
        if self._is_empty():
            return
        (found,) = self._connection.execute("PRAGMA application_id").fetchone()
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if (found, version) != (APPLICATION_ID, _VERSION):
            raise ViewsUnusable(f"{self.place} is not a file of views of this version: move it away, and rebuild them")

    def generations(self) -> list[Generation]:
        """Return every generation; see :class:`trialdomain.storage.view_tables.ViewTables`, here and below.

        Raises:
            StoreFailed: the file was moved or removed since it was opened; a follower opens it again.
        """
        if identity(str(self._file)) != self._opened:
            raise StoreFailed(f"{self.place} was moved or removed: the views were not changed; try again")
        with self._translated():
            rows = [] if self._is_blank() else self._connection.execute(_GENERATIONS).fetchall()
        now = time()
        return [
            Generation(view, number, bool(live), definition, now - beat_at)
            for view, number, live, definition, beat_at in rows
        ]

    def tracked(self) -> list[Tracked]:
        """Return how far every generation has come, by trial."""
        with self._translated():
            rows = [] if self._is_blank() else self._connection.execute(_TRACKED).fetchall()
        return [Tracked(*row) for row in rows]

    def begin(self, table: Table) -> int:
        """Make the table of a new generation, and return its number; drop those that nobody has swapped in."""
        with self._translated(), self._transaction():
            found = [one for one in self.generations() if one.view == table.name]
            for one in found:
                if not one.live:
                    self._drop(one.view, one.number)
            number = max((one.number for one in found), default=0) + 1
            self._connection.execute(
                f"CREATE TABLE {table_name(table.name, number)} ({table_columns(table, _TYPES)}) STRICT"
            )
            self._connection.execute(
                "INSERT INTO view_generation VALUES (?, ?, 0, ?, ?)", (table.name, number, table.definition, time())
            )
            return number

    def add(self, table: Table, generation: int, trial: str, rows: Iterable[tuple[str, Cells]]) -> None:
        """Add rows to a generation that is being built."""
        with self._translated(), self._transaction():
            self._refuse_overtaken(table.name, generation)
            self._insert(table, generation, trial, rows)

    def beat(self, generations: Mapping[str, int]) -> None:
        """Let others know that generations, by view, are still being built."""
        with self._translated(), self._transaction():
            self._connection.executemany(
                "UPDATE view_generation SET beat_at = ? WHERE view = ? AND generation = ?",
                [(time(), view, number) for view, number in generations.items()],
            )

    def move(self, moved: Moved) -> list[str]:
        """Replace rows and move positions, in one transaction; return the views that were moved."""
        with self._translated(), self._transaction():
            return [one.table.name for one in moved.changes if self._moved(moved, one)]

    def swap(self, table: Table, generation: int, *, anyway: bool = False) -> bool:
        """Show readers a new generation instead of the live one, and drop the old one."""
        columns = shown_columns(table)
        with self._translated(), self._transaction():
            if self._is_known(table.name, generation):  # rows are inserted faster while there is no index
                self._connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {table_name(table.name, generation)}_by_unit"
                    f" ON {table_name(table.name, generation)} (trial, view_unit)"
                )
        with self._translated(), self._transaction():
            self._refuse_overtaken(table.name, generation)
            if not anyway and self._is_behind(table.name, generation):
                return False
            live = [one for one in self.generations() if one.view == table.name and one.number != generation]
            self._connection.execute(f'DROP VIEW IF EXISTS "{table.name}"')
            for one in live:
                self._drop(one.view, one.number)
            self._connection.execute(
                f'CREATE VIEW "{table.name}" AS SELECT {columns} FROM {table_name(table.name, generation)}'  # noqa: S608 - checked names
            )
            self._connection.execute(
                "UPDATE view_generation SET live = 1 WHERE view = ? AND generation = ?", (table.name, generation)
            )
        return True

    def clear(self, views: Iterable[str], trial: str | None) -> int:
        """Take live views that were set aside up again."""
        with self._translated(), self._transaction():
            return sum(
                self._connection.execute(
                    "UPDATE view_progress SET failed_at = NULL, why = NULL"
                    " WHERE view = ? AND failed_at IS NOT NULL AND trial = coalesce(?, trial)"
                    " AND generation IN (SELECT generation FROM view_generation AS g WHERE g.view = ? AND g.live)",
                    (view, trial, view),
                ).rowcount
                for view in views
            )

    def looked(self, at: datetime, heads: Mapping[str, int]) -> None:
        """Store when the log was looked at last, and where its trials ended."""
        with self._translated(), self._transaction():
            self._connection.executemany(
                "INSERT INTO view_look VALUES (?, ?, ?)"
                " ON CONFLICT (trial) DO UPDATE SET head = excluded.head, looked_at = excluded.looked_at",
                [(trial, head, at.isoformat()) for trial, head in heads.items()],
            )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _moved(self, moved: Moved, change: Replaced) -> bool:
        view, generation = change.table.name, change.generation
        if not self._is_known(view, generation):
            return False
        if moved.before == 0:
            self._connection.execute(
                "INSERT OR IGNORE INTO view_progress VALUES (?, ?, ?, 0, x'', NULL, NULL)",
                (view, generation, moved.trial),
            )
        found = self._connection.execute(
            "UPDATE view_progress SET position = ?, leaf = ?, failed_at = ?, why = ?"
            " WHERE view = ? AND generation = ? AND trial = ? AND position = ? AND failed_at IS NULL",
            (moved.after, moved.leaf, moved.failed_at, moved.why, view, generation, moved.trial, moved.before),
        )
        if found.rowcount != 1:
            return False
        delete = f"DELETE FROM {table_name(view, generation)} WHERE trial = ?"  # noqa: S608 - a checked name
        if change.units is None:
            self._connection.execute(delete, (moved.trial,))
        else:
            self._connection.executemany(f"{delete} AND view_unit = ?", [(moved.trial, unit) for unit in change.units])
        self._insert(change.table, generation, moved.trial, change.rows)
        return True

    def _insert(self, table: Table, generation: int, trial: str, rows: Iterable[tuple[str, Cells]]) -> None:
        marks = ", ".join("?" * (len(table.columns) + 2))
        statement = f"INSERT INTO {table_name(table.name, generation)} VALUES ({marks})"  # noqa: S608 - a checked name
        kinds = enumerate((one.kind for one in table.columns), start=2)
        converters = [(at, _CONVERTERS[kind]) for at, kind in kinds if kind in _CONVERTERS]
        converted = _converted(trial, rows, converters)
        while some := list(islice(converted, _AT_ONCE)):
            self._connection.executemany(statement, some)

    def _refuse_overtaken(self, view: str, generation: int) -> None:
        if not self._is_known(view, generation):
            raise RebuildOvertaken(place=self.place, view=view)

    def _is_known(self, view: str, generation: int) -> bool:
        query = "SELECT 1 FROM view_generation WHERE view = ? AND generation = ?"
        return self._connection.execute(query, (view, generation)).fetchone() is not None

    def _is_behind(self, view: str, generation: int) -> bool:
        """Say whether the live generation has come further than a new one in any trial."""
        query = (
            "SELECT 1 FROM view_progress AS old JOIN view_generation AS g USING (view, generation)"
            " LEFT JOIN view_progress AS new ON new.view = old.view AND new.trial = old.trial AND new.generation = ?"
            " WHERE old.view = ? AND g.live AND coalesce(new.position, 0) < old.position"
        )
        return self._connection.execute(query, (generation, view)).fetchone() is not None

    def _drop(self, view: str, generation: int) -> None:
        self._connection.execute(f"DROP TABLE IF EXISTS {table_name(view, generation)}")
        for table in ("view_progress", "view_generation"):
            self._connection.execute(f"DELETE FROM {table} WHERE view = ? AND generation = ?", (view, generation))  # noqa: S608 - one of ours

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.IntegrityError as error:
            raise ViewsUnusable(f"{self.place}: a row does not fit the columns of its view: {error}") from error
        except sqlite3.Error as error:
            raise ViewsUnusable(
                f"{self.place}: {error}: the views were not changed; check the file, and try again"
            ) from error


def _converted(
    trial: str, rows: Iterable[tuple[str, Cells]], converters: Sequence[tuple[int, Callable[[Any], object]]]
) -> Iterator[_Values]:
    """Yield each row with its trial and its unit, in the forms of SQLite."""
    for unit, cells in rows:
        row = [trial, unit, *cells]
        for at, convert in converters:
            if row[at] is not None:
                row[at] = convert(row[at])
        yield tuple(row)


def _positions(value: Sequence[int]) -> str:
    """Write positions as JSON, for ``json_each``."""
    return f"[{value[0]}]" if len(value) == 1 else f"[{', '.join(map(str, value))}]"


_CONVERTERS: Mapping[Kind, Callable[[Any], object]] = {
    Kind.NUMBER: plain_number,
    Kind.DATE: date.isoformat,
    Kind.TIME: datetime.isoformat,
    Kind.POSITIONS: _positions,
}
"""By the kind of a column: the form of a value in SQLite, which has neither decimals, dates nor arrays."""
