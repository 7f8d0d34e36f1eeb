"""Opening a log in PostgreSQL for verification: one read-only transaction, with any schema."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import psycopg
from psycopg.types.string import ByteaBinaryLoader

from trialdomain.errors import LogUnusable
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.postgres.failures import first_line, is_lost
from trialdomain.storage.postgres.schema import OLDEST_SERVER
from trialdomain.storage.postgres.server import connect
from trialdomain.verification.source import SourceBroken

Connection: TypeAlias = psycopg.Connection[Any]
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SETTINGS = {
    "search_path": "",  # no function or operator of another schema is found by a name
    "client_encoding": "UTF8",
    "quote_all_identifiers": "off",
    "row_security": "off",  # a policy would hide rows, and run code: it becomes an error
    "constraint_exclusion": "off",  # or the planner would evaluate constraints, which may call a function
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "30s",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_PASSING = {"08", "40", "53", "55", "57"}
"""Classes of SQLSTATE that say nothing about the log: connection, conflict, resources, locks, intervention."""
_NOT_ALLOWED = "42501"


@contextmanager
def opened(address: PostgresAddress) -> Iterator[tuple[Connection, str]]:
    """Open a log for reading, in one transaction, so that other programs may append meanwhile.

    Yields:
        The connection, and the name of the log's schema. In binary results, texts are bytes.

    Raises:
        LogUnusable: the address is wrong; the server does not answer, or stops meanwhile; or the role may not read.
        SourceBroken: the server cannot read the log, or the rest of it.
    """
    place, connection = address.shown, connect(address.conninfo, address.shown)
    try:
        yield connection, _begun(connection, place)
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state == _NOT_ALLOWED:
            raise LogUnusable(
                f"{place} cannot be read: {first_line(error)}; ask the owner of the log for USAGE on its schema and "
                f"SELECT on its tables"
            ) from None
        if state[:2] in _PASSING or is_lost(error, connection):
            raise LogUnusable(
                f"{place} could not be read to its end: {first_line(error)}; check the server, and verify again"
            ) from None
        raise SourceBroken(first_line(error)) from error
    finally:
        connection.close()


def _begun(connection: Connection, place: str) -> str:
    """Begin the transaction, and return the name of the schema."""
    connection.adapters.register_loader("text", ByteaBinaryLoader)  # a stored text may be no Unicode
    connection.adapters.register_loader("varchar", ByteaBinaryLoader)
    connection.execute(_BEGIN)
    query = "SELECT pg_catalog.current_schema(), pg_catalog.current_setting('server_version_num')::pg_catalog.int4"
    ((schema, version),) = connection.execute(query)
    if version < OLDEST_SERVER:
        raise LogUnusable(f"{place}: a log needs PostgreSQL 14 or later, and the server has number {version}")
    if schema is None:
        raise LogUnusable(
            f"{place}: no schema of the session's search_path exists, or the role may not use it: correct the "
            f"search_path, or ask the owner of the log for USAGE on its schema"
        )
    for name, value in _SETTINGS.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))
    return str(schema)
