"""Parse the argument that names a log: a file, or an address in PostgreSQL."""

from pathlib import Path

from trialdomain.storage.postgres.address import PostgresAddress, postgres_address
from trialdomain.values.given.filename import named


def log_named(text: str) -> Path | PostgresAddress:
    """Parse the name of a log: the address of a log in PostgreSQL, or a path.

    Raises:
        AddressUnknown: it is the address of another kind of server.
        NameUnusable: no file can have such a name.
    """
    from trialdomain.storage.open_store import refuse_other_address  # noqa: PLC0415 - commands without a log need no store

    server = postgres_address(text)
    if server is not None:
        return server
    refuse_other_address(text)
    return named(text)
