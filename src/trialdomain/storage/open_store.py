"""Opening a store by its address: the only module that knows the forms of an address."""

import re
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.storage.copying import Target
from trialdomain.storage.heads import HeadSigner
from trialdomain.storage.postgres.address import PostgresAddress, postgres_address
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Store
from trialdomain.values.given.filename import as_path
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

if TYPE_CHECKING:
    from trialdomain.storage.postgres.store import PostgresStore

IN_MEMORY = "memory:"
"""The address of a log in memory: no other program can open it, and it is gone when it is closed."""
_ADDRESS = re.compile(r"[A-Z][A-Z0-9+.-]*://|(sqlite|file|memory|postgres|postgresql):", re.IGNORECASE)
"""The beginning of an address: any scheme with two slashes, or the scheme of a database."""
_WITH_USER = re.compile(r"(?!sqlite:|file:)([A-Z][A-Z0-9+.-]+:)/.*@", re.IGNORECASE | re.DOTALL)
"""The beginning of an address with a user, and perhaps a password, also where a slash is missing."""
_OF_POSTGRES = re.compile(r"postgres\w*:/*[^/\s]|(^|\s)(host|hostaddr|dbname|password)\s*=", re.IGNORECASE)
"""A piece of an address or of the parameters of PostgreSQL, anywhere in a text that is no address of a log."""
NO_PSYCOPG = "a log in PostgreSQL needs psycopg, which is not installed: install trialdomain[postgres]"
NO_LIBPQ = (
    "a log in PostgreSQL needs libpq, the client library of PostgreSQL, which psycopg does not find: install it, or "
    "psycopg[binary]"
)
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
    server = postgres_in(address)
    if server is not None:
        return _postgres_store()(server, readonly=readonly, signer=signer)
    return SQLiteStore(_place(address), readonly=readonly, signer=signer)


def open_target(server: PostgresAddress) -> Target:
    """Open a log in PostgreSQL to copy another one into it; the transaction of the copy makes the tables.

    Raises:
        LogUnusable: the server cannot be reached or is not safe for a log, or the schema is not a log.
    """
    return _postgres_store()(server, make=False)


def may_append(server: PostgresAddress) -> bool:
    """Say whether entries can be recorded in a log in PostgreSQL by the role of its address.

    Raises:
        LogUnusable: the server cannot be reached, or the schema is not a log.
    """
    store = _postgres_store()(server, readonly=True)
    try:
        return store.may_append()
    finally:
        store.close()


def _postgres_store() -> "type[PostgresStore]":
    """Import the store for PostgreSQL, which needs the extra.

    Raises:
        LogUnusable: psycopg, or the library that it needs, is not installed.
    """
    try:
        from trialdomain.storage.postgres.store import PostgresStore  # noqa: PLC0415 - it needs the extra
    except ModuleNotFoundError:
        raise LogUnusable(NO_PSYCOPG) from None
    except ImportError:
        raise LogUnusable(NO_LIBPQ) from None
    return PostgresStore


def postgres_in(address: object) -> PostgresAddress | None:
    """Recognize the address of a log in PostgreSQL, as a text or parsed; None for anything else."""
    given: object = plain(address)
    if is_a(given, PostgresAddress):
        return given
    return postgres_address(given) if is_a(given, str) else None


def refuse_other_address(given: object) -> None:
    """Refuse the address of a server of an unknown kind, or a misspelled one, which would be taken for a file name.

    Raises:
        AddressUnknown: it is one; its password is not repeated.
    """
    text = PurePath.__str__(given) if is_a(given, PurePath) else plain(given)
    if is_a(text, str) and (_WITH_USER.match(text) or _OF_POSTGRES.search(text)):
        raise _unknown(text)


def _unknown(given: object) -> AddressUnknown:
    return AddressUnknown(
        f"{short(_without_secrets(given))!r} is not an address of a log: write a path, sqlite:///FILE, "
        f"memory: or postgresql://USER@HOST/DATABASE"
    )


def _place(address: object) -> str | Path:
    refuse_other_address(address)
    if is_a(address, Path):
        return as_path("the address of a log", address)
    given: object = plain(address)
    named = given if is_a(given, str) else ""
    if named in _NAMES_OF_MEMORY:
        return MEMORY
    path = named.removeprefix(_FILE)
    if not path.strip() or path.lower() in _NAMES_OF_MEMORY or (path == named and _ADDRESS.match(path)):
        raise _unknown(given)
    return as_path("the address of a log", path)


def _without_secrets(given: object) -> object:
    """Cut an address after its scheme: the rest may have a password, and error messages go into log files."""
    if is_a(given, str) and _OF_POSTGRES.search(given):
        return "..."
    if is_a(given, str) and (found := _WITH_USER.match(given)):
        return f"{found[1]}//..."
    scheme, slashes, rest = given.partition("://") if is_a(given, str) else ("", "", "")
    return f"{scheme}{slashes}..." if rest else given
