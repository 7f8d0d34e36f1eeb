"""The checks of a server and a database before a log is used, and the making of a new log."""

from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any

import psycopg

from trialdomain.errors import LogUnusable
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.postgres.failures import first_line, translated
from trialdomain.storage.postgres.schema import LOCK_SPACE, OLDEST_SERVER, SCHEMA_VERSION, TABLES, schema_in
from trialdomain.storage.postgres.shape import refuse_changed

OPTIONS: Mapping[str, object] = {
    "autocommit": True,
    "prepare_threshold": None,
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "trialdomain",
}
"""The options of every connection. Behind a pooler nothing is prepared, and else what a caller wants prepared."""
_ONLY_ON_REQUEST = 2**31
"""So often a statement is run before the driver prepares it unasked: never."""
_WRITE = (
    "write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and in a user or a password @ as %40, / as %2F, ? as %3F, "
    ": as %3A and % as %25"
)
_STARTING = "the database system is "
"""What a server says that is being started or stopped, or recovers; the client's library hides its error code."""
_STARTING_SECONDS, _PAUSE_SECONDS = 10.0, 0.1
_UNUSABLE = frozenset("'\"%@$")
"""Characters that the name of the schema of a log must not have, since it is written into functions."""
_MAKING = LOCK_SPACE + 1
"""The first key of the advisory lock under which a log is made, so that two programs do not make it at once. The second
key is the number of its schema."""
_SETTINGS = """
SELECT set_config('quote_all_identifiers', 'off', true),
    current_schema(), quote_ident(current_schema()), current_setting('search_path'),
    has_schema_privilege(current_schema(), 'CREATE'),
    extract(epoch FROM clock_timestamp())::float8,
    current_setting('server_version_num')::int, current_setting('server_encoding'),
    current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
    current_setting('default_transaction_isolation'), pg_is_in_recovery(), current_setting('transaction_read_only')
"""
_RELATIONS = """
SELECT relname::text, relkind = 'r' FROM pg_catalog.pg_class
WHERE relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s)
    AND relkind IN ('r', 'v', 'm', 'p', 'f')
"""


def connect(conninfo: str, place: str) -> psycopg.Connection[Any]:
    """Connect to a server, in autocommit mode.

    Raises:
        LogUnusable: the address is malformed, or the server does not answer, or refuses the user.
    """
    if not PostgresAddress(conninfo).is_clear:
        raise LogUnusable(f"{place} is an address of which nobody can say where the password ends: {_WRITE}")
    try:
        given = psycopg.conninfo.conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError as error:
        why = first_line(error).partition('"')[0].strip(" :")  # what is quoted there may be a part of a password
        raise LogUnusable(f"{place} is not an address that PostgreSQL's client understands: {why}; {_WRITE}") from None
    options = {name: value for name, value in OPTIONS.items() if name not in given}
    until = monotonic() + _STARTING_SECONDS
    while True:
        try:
            return _connected(conninfo, options)
        except psycopg.Error as error:
            if not (_STARTING in str(error) and monotonic() < until):
                raise LogUnusable(f"{place} cannot be opened: {_why(error)}") from None
        sleep(_PAUSE_SECONDS)


def _connected(conninfo: str, options: Mapping[str, object]) -> psycopg.Connection[Any]:
    """Connect, and let a caller prepare a statement unless a pooler may hand each transaction to another session.

    PgBouncer tells its clients a process number of its own. Without a pooler, it is that of the session.
    """
    connection = psycopg.connect(conninfo, **options)  # type: ignore[arg-type]  # each has the type of its parameter
    try:
        if connection.execute("SELECT pg_backend_pid()").fetchone() == (connection.info.backend_pid,):
            connection.prepare_threshold = _ONLY_ON_REQUEST
    except BaseException:
        connection.close()
        raise
    return connection


def _why(error: psycopg.Error) -> str:
    """Return the reason of the first server that was tried, and what to do next."""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    reasons = [line.rpartition("failed: ")[2] for line in lines if "failed: " in line]
    told = (reasons or lines or [type(error).__name__])[0]
    why = told.removeprefix("FATAL:").strip()
    if _STARTING in why:
        return f"{why}; wait, and try again"
    if "too many clients" in why or "remaining connection slots" in why:
        return f"{why}; raise max_connections of the server, or close some connections, and try again"
    if "password" in why:
        return f"{why}; give the right one in the address, in PGPASSWORD, or in the password file of PostgreSQL"
    if why != told or isinstance(error, psycopg.ProgrammingError):  # the server, or the driver, refused something
        return f"{why}; correct the address"
    return f"no server answers there ({why}); check the host and the port, and that the server runs"


class Checked:
    """A server that was checked, and the schema of the log in it.

    Args:
        connection: a connection in autocommit mode.
        place: the name of the log in an error.
        readonly: whether the log is only read, so that it must exist.
        make: whether to make a new log where the schema is empty.

    Raises:
        LogUnusable: the server is not safe for a log; or the schema is not a log, and nothing was made.
        TablesChanged: a table, a function or a trigger of the log is not as it was made.
    """

    def __init__(self, connection: psycopg.Connection[Any], place: str, *, readonly: bool, make: bool = True) -> None:
        self._place = place
        try:
            found: list[Any] = connection.execute(_SETTINGS).fetchall()
            _, schema, quoted, path, creates, self.server_clock, *settings = found[0]
            if schema is None:
                raise LogUnusable(
                    f"{place}: no schema of the search_path ({path}) exists, or the role may not use it: create it, "
                    f"ask its owner for USAGE, or name another as in options=-csearch_path%3DNAME"
                )
            self.schema, self.quoted = str(schema), str(quoted)
            if set(self.schema) & _UNUSABLE or not self.schema.isprintable():
                raise LogUnusable(
                    f"{place}: the schema {self.schema!r} has a quote, %, @, $ or a control character in its name: "
                    f"choose another"
                )
            _check_settings(place, *settings, readonly=readonly)
            self.has_log = self._has_log(connection)
            """Whether the schema was a log when it was checked; else it was empty."""
            if not self.has_log:
                if readonly:
                    raise LogUnusable(
                        f"{place}: the schema {schema} is empty, and has no log: name that of a log, as in "
                        f"options=-csearch_path%3DNAME"
                    )
                if not creates:
                    raise LogUnusable(
                        f"{place}: the role may not make a log in the schema {schema}: ask its owner for CREATE on it, "
                        f"or name another schema"
                    )
                if make:
                    self.make(connection)
            if not readonly and (make or self.has_log):
                refuse_changed(connection, self.schema, self.quoted, place)
        except psycopg.Error as error:
            raise translated(error, place) from error

    def _has_log(self, connection: psycopg.Connection[Any]) -> bool:
        """Say whether the schema is a log of this version; False where it is empty.

        Raises:
            LogUnusable: it is another application's, or a log of another version.
        """
        place = self._place
        relations = dict(connection.execute(_RELATIONS, (self.schema,)))
        if not relations:
            return False
        if "trialdomain_log" not in relations:
            raise LogUnusable(
                f"{place}: the schema {self.schema} is not a log of trialdomain: it was left as it is; name a log, or "
                f"an empty schema"
            )
        for table in TABLES:
            if not relations.get(table):
                raise LogUnusable(
                    f"{place}: the table {table} of the log is missing, or was replaced by a view: verify the log"
                )
        query = f"SELECT schema_version FROM {self.quoted}.trialdomain_log"  # noqa: S608 - the server has quoted the name
        versions = [version for (version,) in connection.execute(query.encode())]
        if versions != [SCHEMA_VERSION]:
            told = ", ".join(map(str, versions)) or "none"
            raise LogUnusable(
                f"{place} has schema version {told}, but this trialdomain knows {SCHEMA_VERSION}: use the trialdomain "
                f"that wrote it, or a newer one"
            )
        return True

    def make(self, connection: psycopg.Connection[Any]) -> None:
        """Make the tables of a new log, all or none; in an open transaction, they are there when it is committed."""
        with connection.transaction():
            connection.execute(
                "SELECT pg_advisory_xact_lock(%s, oid::int) FROM pg_catalog.pg_namespace WHERE nspname = %s",
                (_MAKING, self.schema),
            )
            if not self._has_log(connection):  # no other program was faster
                connection.execute(schema_in(self.quoted).encode())


def _check_settings(  # noqa: PLR0917 - the columns of one row
    place: str,
    version: object,
    encoding: object,
    fsync: object,
    full_pages: object,
    commit: object,
    isolation: object,
    recovers: object,
    only_reads: object,
    *,
    readonly: bool,
) -> None:
    """Refuse a server that could lose an acknowledged commit, or that reads or writes otherwise than a log needs."""
    if not isinstance(version, int) or version < OLDEST_SERVER:
        raise LogUnusable(f"{place}: a log needs PostgreSQL 14 or later, and the server has number {version}")
    if encoding != "UTF8":
        raise LogUnusable(f"{place}: the database has the encoding {encoding}, and a log needs UTF8: make another one")
    if readonly:
        return
    if recovers or only_reads == "on":
        raise LogUnusable(
            f"{place}: the server or the database allows reading only: use the primary server, or open the log "
            f"read-only"
        )
    for name, found in (("fsync", fsync), ("full_page_writes", full_pages)):
        if found != "on":
            raise LogUnusable(
                f"{place}: the server has {name} = {found}, and could lose what was recorded: set it to on"
            )
    if commit == "off":
        raise LogUnusable(
            f"{place}: synchronous_commit is off, and what was recorded could be lost: set it to on, or to local"
        )
    if isolation != "read committed":
        raise LogUnusable(
            f"{place}: default_transaction_isolation is {isolation}, and a log needs read committed: set it for the "
            f"role"
        )
