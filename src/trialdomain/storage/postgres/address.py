"""The address of a log in PostgreSQL: ``postgresql://USER@HOST/DATABASE``, as ``libpq`` documents it."""

import re
from urllib.parse import urlsplit

import attrs
from typing_extensions import override

_SCHEME = re.compile(r"postgres(ql)?://", re.IGNORECASE)


def _without_password(address: str) -> str:
    """Name the server and the database of an address, without its user, password and parameters."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "postgresql://..."
    return f"postgresql://{host}{parts.path}"


@attrs.frozen
class PostgresAddress:
    """The address of a log in PostgreSQL; printing it never shows a password."""

    conninfo: str = attrs.field(repr=False)
    """The whole address, for the driver."""
    shown: str = attrs.field(init=False, default=attrs.Factory(lambda self: _without_password(self.conninfo), True))  # noqa: FBT003 - attrs: takes_self

    @override
    def __str__(self) -> str:
        """Return the address without a password."""
        return self.shown


def postgres_address(text: str) -> PostgresAddress | None:
    """Recognize the address of a log in PostgreSQL; None for any other text."""
    found = _SCHEME.match(text)
    return None if found is None else PostgresAddress(f"postgresql://{text[found.end() :]}")
