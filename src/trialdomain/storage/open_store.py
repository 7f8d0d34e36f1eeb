"""Opening a store by its address: the only module that knows the forms of an address."""

import re
from pathlib import Path

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.storage.heads import HeadSigner
from trialdomain.storage.postgres.address import PostgresAddress, postgres_address
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Store
from trialdomain.values.given.filename import as_path
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

IN_MEMORY = "memory:"
"""The address of a log in memory: no other program can open it, and it is gone when it is closed."""
_ADDRESS = re.compile(r"[A-Z][A-Z0-9+.-]*://|(sqlite|file|memory|postgres|postgresql):", re.IGNORECASE)
"""The beginning of an address: any scheme with two slashes, or the scheme of a database."""
NO_PSYCOPG = "a log in PostgreSQL needs psycopg, which is not installed: install trialdomain[postgres]"
_FILE = "sqlite:///"
_NAMES_OF_MEMORY = {IN_MEMORY, MEMORY}


class AddressUnknown(InputInvalid):
    """The address of a log has a form that this version does not know."""

    code = "address-unknown"


def open_store(
    address: str | Path | PostgresAddress, *, readonly: bool = False, signer: HeadSigner | None = None
) -> Store:
    """Open a log, or create a new one.

    Args:
        address: a path or ``sqlite:///FILE``; ``memory:`` or ``:memory:`` for a log that is kept in memory only;
            ``postgresql://USER@HOST/DATABASE``. A text is a path unless it begins like the address of a database.
        readonly: open an existing log, and never write to it.
        signer: signs the head of a trial's tree in the transaction of every append.

    Raises:
        AddressUnknown: this version knows no store with such an address.
        LogUnusable: the file is not a log, or a newer version wrote it; it is left unchanged.
    """
    server = _server(address)
    if server is not None:
        try:
            from trialdomain.storage.postgres.store import PostgresStore  # noqa: PLC0415 - it needs the extra
        except ModuleNotFoundError:
            raise LogUnusable(NO_PSYCOPG) from None
        return PostgresStore(server, readonly=readonly, signer=signer)
    return SQLiteStore(_place(address), readonly=readonly, signer=signer)


def _server(address: object) -> PostgresAddress | None:
    given: object = plain(address)
    if is_a(given, PostgresAddress):
        return given
    return postgres_address(given) if is_a(given, str) else None


def _place(address: object) -> str | Path:
    if is_a(address, Path):
        return as_path("the address of a log", address)
    given: object = plain(address)
    named = given if is_a(given, str) else ""
    if named in _NAMES_OF_MEMORY:
        return MEMORY
    path = named.removeprefix(_FILE)
    if not path.strip() or path.lower() in _NAMES_OF_MEMORY or (path == named and _ADDRESS.match(path)):
        raise AddressUnknown(
            f"{short(_without_secrets(given))!r} is not an address of a log: write a path, sqlite:///FILE, "
            f"memory: or postgresql://USER@HOST/DATABASE"
        )
    return as_path("the address of a log", path)


def _without_secrets(given: object) -> object:
    """Cut an address after its scheme: the rest may have a password, and error messages go into log files."""
    scheme, slashes, rest = given.partition("://") if is_a(given, str) else ("", "", "")
    return f"{scheme}{slashes}..." if rest else given
