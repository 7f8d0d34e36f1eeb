"""Detect databases that a test leaves open, by SQLite's own report, on every Python and in the test at fault.

Python 3.13 warns about a connection that was never closed, but only when its memory is freed: in a later test, or
never. An audit hook sees every connection when it is made, by the library as well as by a test.
"""

import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

TESTS = str(Path(__file__).parents[1])
SELF = __file__


class OpenDatabases:
    """The connections that were made in this process, each with the line of a test that it comes from."""

    def __init__(self) -> None:
        self._made: list[tuple[sqlite3.Connection, str]] = []
        sys.addaudithook(self._note)

    def __len__(self) -> int:
        return len(self._made)

    def left(self, since: int = 0) -> list[str]:
        """Forget the connections from that one on; close what is still open, and give where each such one came from."""
        made, self._made[since:] = self._made[since:], []
        left = [(connection, where) for connection, where in made if _is_open(connection)]
        for connection, _ in left:
            with suppress(sqlite3.ProgrammingError):  # it belongs to another thread
                connection.close()  # or Python would warn of it in a test that did nothing
        return [where for _, where in left]

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "sqlite3.connect/handle" and isinstance(arguments[0], sqlite3.Connection):
            self._made.append((arguments[0], _line_of_a_test()))


def _is_open(connection: sqlite3.Connection) -> bool:
    with suppress(sqlite3.ProgrammingError):  # what a closed one answers, in every thread
        return connection.total_changes >= 0
    return False


def _line_of_a_test() -> str:
    frame = sys._getframe(1)  # noqa: SLF001 - as traceback and warnings walk the callers
    while frame.f_back is not None:
        if (name := frame.f_code.co_filename) != SELF and name.startswith(TESTS):
            return f"{name.removeprefix(TESTS)[1:]}:{frame.f_lineno}"
        frame = frame.f_back
    return "no line of a test"


DATABASES = OpenDatabases()
