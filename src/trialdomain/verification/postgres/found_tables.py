"""Finding the tables of a log that are safe to read, whatever was done to them."""

from typing import Any

from trialdomain.errors import LogUnusable
from trialdomain.storage.postgres.schema import TABLES
from trialdomain.storage.postgres.shape import Shape, made
from trialdomain.verification.postgres.opening import Connection

_FOUND = """
SELECT c.relname::text,
    c.relkind = 'r' AND NOT row_security_active(c.oid)
        AND EXISTS (SELECT FROM pg_catalog.pg_am AS a WHERE a.oid = c.relam AND a.amname = 'heap')
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_index WHERE indrelid = c.oid AND (indexprs IS NOT NULL OR indpred IS NOT NULL)
        )
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic_ext WHERE stxrelid = c.oid AND stxexprs IS NOT NULL),
    has_table_privilege(c.oid, 'SELECT'),
    ARRAY(
        SELECT a.attname || ' ' || t.typname
        FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attgenerated = ''
            AND t.typnamespace = 'pg_catalog'::regnamespace
    )::text[]
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = ANY (%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
"""The planner evaluates expressions of indexes and statistics, which may call a function: such a table is not read."""
_ALIKE = {
    "bigint": {"int8", "int4", "int2"},
    "integer": {"int8", "int4", "int2"},
    "text": {"text", "varchar"},
    "bytea": {"bytea"},
}
"""By the first word of a column's definition: the types that are read in the same way."""
_ENOUGH = 3


def readable_tables(connection: Connection, schema: str, place: str) -> frozenset[str]:
    """Name the tables of a log that store rows, have every column of a log, and compute nothing when they are read.

    A view is none of them, because reading it can run forever. A schema with fewer than three of the tables of a log is
    no log (**choice**).

    Raises:
        LogUnusable: the schema is no log, or the role may not read one of its tables.
    """
    found: list[Any] = connection.execute(_FOUND, (schema, list(TABLES))).fetchall()
    if len(found) < _ENOUGH:
        raise LogUnusable(f"{place}: there is no log in the schema {schema}: check the address")
    expected = _columns(made())
    tables = {name: frozenset(columns) for name, stores, _, columns in found if stores}
    readable = frozenset(name for name, columns in tables.items() if _has(columns, expected[name]))
    for name, _, allowed, _ in found:
        if name in readable and not allowed:
            raise LogUnusable(
                f"{place}: the role may not read the table {name} of the log: ask its owner for USAGE on the schema "
                f"and SELECT on its tables"
            )
    return readable


def _has(columns: frozenset[str], expected: dict[str, str]) -> bool:
    return all(any(f"{name} {alike}" in columns for alike in _ALIKE[kind]) for name, kind in expected.items())


def _columns(shape: Shape) -> dict[str, dict[str, str]]:
    """Return by table the name and the type of each column."""
    columns: dict[str, dict[str, str]] = {table: {} for table in TABLES}
    for name, (table, definition) in shape.items():
        if name.startswith("column "):
            columns[table][name.rpartition(".")[2]] = definition.partition(" ")[0]
    return columns
