"""What holds a SQLite log together besides its entries: indexes, types and constraints.

SQLite checks itself beside the reading of the entries, on a connection and a thread of its own, which the interpreter's
lock does not hold up: types, constraints, and whether every index leads to what the table has, in its order.
"""

import sqlite3
from collections.abc import Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread, get_ident

from trialdomain.verification.defect import Defect, What, of_row, shown
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
    (_FOREIGN, What.MISPLACED, "the entry is filed under trial {}, and its stream is of another"),
    (_OF_ANOTHER_TYPE, What.ALTERED, "the entry has a value of another type than its column"),
)
"""Asked only where SQLite finds something: which entries it is."""
_SEQUENCE = "SELECT name, seq FROM sqlite_sequence LIMIT 2"
_HIGHEST = "SELECT 'entries', max(rowid) FROM entries"


@contextmanager
def checked_meanwhile(path: Path, *, tables: Collection[str] | None) -> Iterator["Future[list[Defect]]"]:
    """Check the structure of a database while its entries are read.

    Args:
        path: the file.
        tables: those that are ours; None where all of the schema is. Nothing that others made is run.
    """
    structure: Future[list[Defect]] = Future()
    # A thread of its own, and no pool: a fork waits for us, and from its first moment on nobody can submit to a pool.
    thread = Thread(target=_checked, args=(structure, path, tables, get_ident()))
    thread.start()
    try:
        yield structure
    finally:
        thread.join()


def _checked(structure: "Future[list[Defect]]", path: Path, tables: Collection[str] | None, helped: int) -> None:
    try:
        structure.set_result(_check(path, tables, helped))
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
        structure.set_exception(error)


def _check(path: Path, tables: Collection[str] | None, helped: int) -> list[Defect]:
    found: list[Defect] = []
    with opened(path, helps=helped) as connection:
        for asked in ("1000",) if tables is None else sorted(tables):
            try:
                for (said,) in connection.execute(f"PRAGMA integrity_check({asked})"):
                    if said != b"ok":
                        why = f"SQLite finds the file at odds with itself: {shown(said)}"
                        found.append(Defect(what=What.STRUCTURE, why=why))
            except sqlite3.DataError:
                why = "a row is longer than any entry's: types and indexes were not checked from there on"
                found.append(Defect(what=What.STRUCTURE, why=why))
        if tables is not None and not {"entries", "sqlite_sequence"} <= set(tables):
            return found
        with suppress(sqlite3.DataError):  # which row that is, the reading of the entries says
            for query, what, why in _NAMING if found else ():
                found += [
                    of_row(what, why.format(shown(trial)), (position, stream, version), trial=shown(trial))
                    for trial, position, stream, version in connection.execute(query)
                ]
        found += (Defect(what=What.STRUCTURE, why=why) for why in _numbers(connection))
    return found


def _numbers(connection: sqlite3.Connection) -> Iterator[str]:
    """Say what is wrong with the row numbers: SQLite gives them out once, from 1, and no row is ever removed."""
    counted, highest = connection.execute(_SEQUENCE).fetchall(), connection.execute(_HIGHEST).fetchall()
    right = counted == highest and all(isinstance(number, int) for _, number in counted)
    if not right and (counted or highest[0][1] is not None):
        yield "SQLite has counted to another row number than the last: rows were removed, or the counter was changed"
