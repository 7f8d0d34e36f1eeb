"""Where a log is: the one place that knows how an address names a store."""

import re
from pathlib import Path

from trialdomain.errors import InputInvalid
from trialdomain.storage.heads import HeadSigner
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Store
from trialdomain.values.given.filename import as_path
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

IN_MEMORY = "memory:"
"""The address of a log that nothing else can open, and that is gone when it is closed."""
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|(sqlite|file|memory|postgres|postgresql):")
"""How an address begins: with two slashes after its scheme, or with a scheme that databases have."""
_FILE = "sqlite:///"


class AddressUnknown(InputInvalid):
    """A log was named in a way that this version does not know."""

    code = "address-unknown"


def open_store(address: str | Path, *, readonly: bool = False, signer: HeadSigner | None = None) -> Store:
    """Open a log, or make a new one.

    Args:
        address: a path or ``sqlite:///FILE``; ``memory:``, also as ``:memory:``, for one that is kept nowhere. A text
            is a path unless it begins as the address of a database does.
        readonly: open an existing log without ever writing to it.
        signer: signs the head of a trial's tree in the transaction of every append.

    Raises:
        AddressUnknown: the address is of no store that this version knows.
        LogUnusable: what is there is no log, or of a newer version; it is not touched.
    """
    return SQLiteStore(_place(address), readonly=readonly, signer=signer)


def _place(address: str | Path) -> str | Path:
    if is_a(address, Path):
        return as_path("the address of a log", address)
    given: object = plain(address)
    named = given if is_a(given, str) else ""
    if named in {IN_MEMORY, MEMORY}:
        return MEMORY
    path = named.removeprefix(_FILE)
    if path in {"", MEMORY} or (path == named and _ADDRESS.match(path)):
        raise AddressUnknown(f"{short(given)!r} is no address of a log: write a path, sqlite:///FILE or memory:")
    return as_path("the address of a log", path)
