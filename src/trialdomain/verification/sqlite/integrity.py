"""SQLite's own check of a log's file: indexes, types and constraints.

It runs while the entries are read, on its own connection and thread. The interpreter's lock does not stop it. It checks
types and constraints, and that every index has the rows of its table, in the right order.
"""

import sqlite3
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread, get_ident

from trialdomain.verification.defect import Defect, What, of_row, shortened
from trialdomain.verification.sqlite.opening import opened

_FOREIGN = """
SELECT trial, position, stream, version FROM entries NOT INDEXED
WHERE trial != substr(stream, 1, instr(stream || '/', '/') - 1) LIMIT 1000
"""
_OF_ANOTHER_TYPE = """
SELECT trial, position, stream, version FROM entries NOT INDEXED
WHERE typeof(state) != 'blob' OR typeof(leaf) != 'blob' OR typeof(version) != 'integer' OR typeof(stream) != 'text'
    OR typeof(name) != 'text' OR typeof(position) != 'integer' OR typeof(trial) != 'text' LIMIT 1000
"""
_NAMING = (
    (_FOREIGN, What.MISPLACED, "the entry is stored under trial {}, but its stream is of another trial"),
    (_OF_ANOTHER_TYPE, What.ALTERED, "the entry has a value of another type than its column"),
)
"""The queries that find the entries behind a fault; run only where SQLite reports one."""
_SEQUENCE = "SELECT name, seq FROM sqlite_sequence LIMIT 2"
_HIGHEST = "SELECT 'entries', max(rowid) FROM entries"


@contextmanager
def checked_meanwhile(path: Path, *, tables: Collection[str] | None) -> Iterator["Future[list[Defect]]"]:
    """Check the structure of a database while its entries are read.

    Args:
        path: the file.
        tables: the unchanged tables; None where the whole schema is unchanged. A foreign index or trigger never runs.
    """
    structure: Future[list[Defect]] = Future()
    # A thread, and not a pool: a fork waits for this thread, and from its beginning on a pool takes no new work.
    thread = Thread(target=_checked, args=(structure, path, tables, get_ident()))
    thread.start()
    try:
        yield structure
    finally:
        thread.join()


def _checked(structure: "Future[list[Defect]]", path: Path, tables: Collection[str] | None, helped: int) -> None:
    try:
        structure.set_result(_check(path, tables, helped))
    except BaseException as error:  # noqa: BLE001 - the future hands it to the caller
        structure.set_exception(error)


def _check(path: Path, tables: Collection[str] | None, helped: int) -> list[Defect]:
    found: list[Defect] = []
    with opened(path, helps=helped) as connection:
        for asked in ("1000",) if tables is None else sorted(tables):
            try:
                for (said,) in connection.execute(f"PRAGMA integrity_check({asked})"):
                    if said != b"ok":
                        why = f"SQLite finds that the file contradicts itself: {shortened(said)}"
                        found.append(Defect(what=What.STRUCTURE, why=why))
            except sqlite3.DataError:
                why = "a row is longer than any entry's: types and indexes were not checked after it"
                found.append(Defect(what=What.STRUCTURE, why=why))
        if tables is not None and not {"entries", "sqlite_sequence"} <= set(tables):
            return found
        with suppress(sqlite3.DataError):  # the check of the entries names that row
            for query, what, why in _NAMING if found else ():
                found += [
                    of_row(what, why.format(shortened(trial)), (position, stream, version), trial=shortened(trial))
                    for trial, position, stream, version in connection.execute(query)
                ]
        found += (Defect(what=What.STRUCTURE, why=why) for why in _numbers(connection))
    return found


def _numbers(connection: sqlite3.Connection) -> Iterator[str]:
    """Check the counter of row numbers: SQLite gives out each number once, from 1, and no row is ever removed."""
    counted, highest = connection.execute(_SEQUENCE).fetchall(), connection.execute(_HIGHEST).fetchall()
    right = counted == highest and all(isinstance(number, int) for _, number in counted)
    if not right and (counted or highest[0][1] is not None):
        yield "SQLite's counter is not the number of the last row: rows were removed, or the counter was changed"
