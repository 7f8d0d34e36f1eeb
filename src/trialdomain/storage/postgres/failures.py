"""The translation of the errors of PostgreSQL and its driver."""

from typing import Any

import psycopg
from psycopg import errors as server

from trialdomain.errors import LogCorrupt, LogUnusable, TrialError
from trialdomain.storage.bounds import TooMuchToRecord
from trialdomain.storage.errors import AppendRefused, EntriesNotKept, StoreFailed

_TOO_MUCH, _NOT_KEPT, _ORDER, _ISOLATION = "TD001", "TD002", "TD003", "TD004"
"""The error codes that the functions of a log raise."""
_NEXT = {
    "53100": "free space on the server's disk, and try again",
    "53200": "free memory on the server, and try again",
    "53300": "the server has no free connection: raise max_connections, or close some, and try again",
    "55P03": "another program holds the log: wait, and try again",
    "57014": "it was cancelled: try again",
    "25006": "the server or the database allows reading only: use the primary server, or open the log read-only",
    "42501": "ask the owner of the log for SELECT on its tables and, to record, for EXECUTE on its functions",
    "40P01": "try again",
    "40001": "try again",
}
"""By SQLSTATE, of errors that can pass: what to do next."""
_PASSING_CLASSES = {"08", "53", "55", "57"}
"""Classes of SQLSTATE of a server that cannot answer at the moment: connection, resources, state, intervention."""


def first_line(error: Exception) -> str:
    """Return the first line of an error of the driver, which may have several."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].removeprefix("ERROR:").strip()


def is_lost(error: Exception, connection: psycopg.Connection[Any] | None) -> bool:
    """Say whether an error means that the connection is gone, so that nobody knows what the server has done."""
    if isinstance(error, server.AdminShutdown | server.CrashShutdown | server.CannotConnectNow):
        return True
    if connection is not None and (connection.closed or connection.broken):
        return isinstance(error, psycopg.Error)
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def translated(error: psycopg.Error, place: str, trial: str | None = None) -> TrialError:
    """Translate an error of the server into an error of this library, with what to do next."""
    code, why = error.sqlstate or "", first_line(error)
    named = trial or "the log"
    if code == _TOO_MUCH:
        return TooMuchToRecord(trial=named)
    if code == _NOT_KEPT:
        return EntriesNotKept(trial=named, what=why)
    if isinstance(error, psycopg.IntegrityError) or code in {_ORDER, _ISOLATION}:
        return AppendRefused(f"{place}: the entries were not appended: {why}; read the streams again, and decide again")
    if code in _NEXT or code[:2] in _PASSING_CLASSES or isinstance(error, psycopg.OperationalError):
        next_step = _NEXT.get(code, "check the server, and try again")
        return StoreFailed(f"{place}: {why}: nothing was recorded; {next_step}")
    if isinstance(error, psycopg.DataError):
        return LogCorrupt(f"{place}: {why}: a value is stored, or was given, that no log has: verify the log")
    if code in {"42P01", "42883", "42703", "42809", "3F000"}:
        return LogUnusable(
            f"{place}: {why}: a table or a function of the log is missing or was replaced; verify the log"
        )
    return LogUnusable(f"{place}: {why}: nothing was recorded; verify the log")
