"""The address of a log in PostgreSQL: ``postgresql://USER@HOST/DATABASE``, as ``libpq`` documents it."""

import re
from urllib.parse import parse_qsl, quote

import attrs
from typing_extensions import override

_SCHEME = re.compile(r"postgres(ql)?://", re.IGNORECASE)
_HOST = r"(?:\[[0-9a-fA-F:.]*\]|[^\[\]:/,?@]*)(?::[0-9]*)?"
_PARTS = re.compile(
    rf"postgresql://(?:[^/?@]*@)?(?P<place>{_HOST}(?:,{_HOST})*(?:/[^?@]*)?)(?:\?(?P<parameters>[^@]*))?"
)
"""The parts of an address in which nobody can mistake a piece of a password for a host, a database or a parameter."""
_SEARCH_PATH = re.compile(r"-c ?search_path=[\w,$]+")
_SHOWN = {"host", "hostaddr", "port", "dbname", "service"}
"""The parameters that say where a log is."""


def _without_password(address: str) -> str:
    """Name the server, the database and the schema of an address, without its user, password and other parameters."""
    found = _PARTS.fullmatch(address)
    if found is None:
        return "postgresql://..."
    given = parse_qsl(found["parameters"] or "", keep_blank_values=True)
    told = [f"{name}={quote(value, safe='/,$')}" for name, value in given if _tells_where(name, value)]
    return f"postgresql://{found['place']}{'?' if told else ''}{'&'.join(told)}"


def _tells_where(name: str, value: str) -> bool:
    if name == "options":
        return _SEARCH_PATH.fullmatch(value) is not None
    return name in _SHOWN and "=" not in value  # else it is an address in an address, which may have a password


@attrs.frozen
class PostgresAddress:
    """The address of a log in PostgreSQL; printing it never shows a password."""

    conninfo: str = attrs.field(repr=False)
    """The whole address, for the driver."""
    shown: str = attrs.field(init=False, default=attrs.Factory(lambda self: _without_password(self.conninfo), True))  # noqa: FBT003 - attrs: takes_self

    @property
    def is_clear(self) -> bool:
        """Whether the user and the password end where they seem to: at the only ``@``, before any ``/`` or ``?``.

        Otherwise, a piece of a password would be read as a host, a port or a parameter, and be named in an error.
        """
        return _PARTS.fullmatch(self.conninfo) is not None

    @override
    def __str__(self) -> str:
        """Return the address without a password."""
        return self.shown


def postgres_address(text: str) -> PostgresAddress | None:
    """Recognize the address of a log in PostgreSQL; None for any other text."""
    found = _SCHEME.match(text)
    return None if found is None else PostgresAddress(f"postgresql://{text[found.end() :]}")
