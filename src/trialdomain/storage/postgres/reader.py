"""Reading a log in PostgreSQL; every row is checked before it is handed to the caller."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from trialdomain.errors import LogCorrupt
from trialdomain.storage.bounds import LONGEST_VALUE, SHORT_VALUE, Budget, FoundRow
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.heads import BEGUN, KeptHead
from trialdomain.storage.postgres.connections import TOLD_SECONDS, Connection, Connections
from trialdomain.storage.postgres.schema import LOCK_SPACE
from trialdomain.storage.postgres.view_tables import PostgresViewTables
from trialdomain.storage.rows import command_in, counted, entry_in, is_number, name_in
from trialdomain.storage.store import CommandRow, PlacedNotification, Row, StoredEntry, StoreFacts
from trialdomain.values.given.text import short

_PAGE = 2_000
_FEW = 20
_COMMANDS_AT_ONCE = 20_000
"""The number of commands in a page: no index has their positions, so that each page is a search of all."""
_LAST = 2**62
"""A position after every other, for the commands that recorded nothing."""
_LONGEST_NAME = 700
"""Characters of a text that are read: more than any stream or stored name has, so that a longer one is refused."""


class PostgresReader:
    """Reads a log in PostgreSQL.

    A thread that has a transaction reads what it has written in it.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def trials(self) -> list[str]:
        """Name the trials in this log.

        Raises:
            LogCorrupt: a value in the column of trials is not a name.
        """
        found = self._all(
            "WITH RECURSIVE named AS ("
            " (SELECT trial FROM @.entries ORDER BY trial LIMIT 1) UNION ALL"
            " SELECT (SELECT trial FROM @.entries WHERE trial > named.trial ORDER BY trial LIMIT 1)"
            " FROM named WHERE named.trial IS NOT NULL"
            ") SELECT trial FROM named WHERE trial IS NOT NULL",
        )
        return [name_in(trial) for (trial,) in found]

    def head(self, trial: str) -> int:
        """Return the last position of a trial; 0 when it has none."""
        return self._number("SELECT coalesce(max(position), 0) FROM @.entries WHERE trial = %s", trial)

    def heads(self) -> dict[str, int]:
        """Return the last position of every trial."""
        rows = self._all("SELECT trial, size FROM @.heads WHERE size > 0")
        return {name_in(trial): counted(size) for trial, size in rows}

    def version(self, stream: str) -> int:
        """Return the last version of a stream; 0 when it has no entry."""
        return self._number("SELECT coalesce(max(version), 0) FROM @.entries WHERE stream = %s", stream)

    def in_log_order(self, trial: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredEntry]:
        """Yield the entries of a trial by position, without those that are appended while it runs."""
        until = self.head(trial) if until is None else until
        while after < until:
            rows = self._entries(
                "trial = %s AND position > %s AND position <= %s ORDER BY position LIMIT %s",
                [trial, after, until, _PAGE],
            )
            for row in rows:
                yield entry_in(row)
            if len(rows) < _PAGE:
                return
            after = rows[-1][1]

    def latest_first(self, trial: str, *, until: int) -> Iterator[StoredEntry]:
        """Yield the entries of a trial from a position back to the first."""
        while rows := self._entries(
            "trial = %s AND position <= %s ORDER BY position DESC LIMIT %s", [trial, until, _FEW]
        ):
            yield from map(entry_in, rows)
            until = rows[-1][1] - 1

    def stream(self, stream: str, *, until: int) -> list[Row]:
        """Read one stream up to a position of its trial.

        Raises:
            LogCorrupt: it has more bytes in long values than any trial.
        """
        return [row for _, row in self._by_stream(stream, f"{stream}\x01", until, Budget.of_entries(stream))]

    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        """Yield the trial's own stream, then every stream under it, each with its rows up to a position.

        The streams in ``leave_out`` are not read at all.

        Raises:
            LogCorrupt: they have more bytes in long values than any trial.
        """
        budget = Budget.of_entries(trial)
        # In ASCII, "0" is the character after "/".
        for first, beyond in ((trial, f"{trial}\x01"), (f"{trial}/", f"{trial}0")):
            last: str | None = None
            rows: list[Row] = []
            for stream, row in self._by_stream(first, beyond, until, budget, leave_out):
                if stream != last:
                    if last is not None:
                        yield last, rows
                    last, rows = stream, []
                rows.append(row)
            if last is not None:
                yield last, rows

    def _by_stream(
        self, first: str, beyond: str, until: int, budget: Budget, leave_out: Collection[str] = ()
    ) -> Iterator[tuple[str, Row]]:
        """Yield the rows of the streams from ``first`` to before ``beyond``, by stream and version."""
        after: tuple[str, int] = (first, -1)
        while True:
            rows = self._entries(
                "(stream, version) > (%s, %s) AND stream < %s AND position <= %s AND stream <> ALL (%s)"
                " ORDER BY stream, version LIMIT %s",
                [*after, beyond, until, list(leave_out), _PAGE],
                budget,
            )
            for _, position, stream, version, name, state in rows:
                yield name_in(stream), (position, version, name, state)
            if len(rows) < _PAGE:
                return
            after = rows[-1][2], rows[-1][3]

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of a trial by position."""
        after = 0
        while rows := self._all(
            "SELECT position, substr(leaf, 1, 64) FROM @.entries"
            " WHERE trial = %s AND position > %s AND position <= %s ORDER BY position LIMIT %s",
            trial,
            after,
            until,
            _PAGE,
        ):
            yield from (leaf for _, leaf in rows)
            after = rows[-1][0]

    def has_views(self) -> bool:
        """Say whether views of the log were ever made."""
        ((found,),) = self._all("SELECT to_regnamespace(quote_ident(current_schema() || '_views')) IS NOT NULL")
        return bool(found)

    def view_tables(self, *, make: bool) -> PostgresViewTables:
        """Open the tables of the views of the log, in a schema beside it.

        Raises:
            ViewsUnusable: the place of the schema is taken, or it may not be made, or does not exist.
        """
        return PostgresViewTables(self._connections.conninfo, self._connections.place, make=make)

    def notes(self, trial: str) -> list[tuple[int, str]]:
        """Return the checkpoints that the log keeps of a trial, each with its size, the newest last.

        Raises:
            LogCorrupt: a row is not a size and a text, or they have more bytes than those of any trial.
        """
        budget = Budget(f"the checkpoints of {trial}", counts_short=True)
        sizes = self._all(
            "SELECT ctid::text, size, octet_length(note) FROM @.checkpoints"
            ' WHERE trial = %s ORDER BY size, note COLLATE "C"',
            trial,
        )
        found = []
        for place, size, length in sizes:
            budget.take((b"\0" * min(int(length), LONGEST_VALUE),))
            (note,) = self._all("SELECT note FROM @.checkpoints WHERE ctid = %s::tid", place)[0]
            if not (is_number(size) and isinstance(note, str)):
                raise LogCorrupt(f"a stored checkpoint of trial {trial} has no size, or no text: verify the log")
            found.append((size, note))
        return found

    def is_empty(self) -> bool:
        """Say whether the log has no entry and no command, or is yet to be made."""
        if self._connections.unmade:
            return True
        found = self._all("SELECT EXISTS (SELECT FROM @.entries) OR EXISTS (SELECT FROM @.commands)")
        return not found[0][0]

    def may_append(self) -> bool:
        """Say whether the role of this connection may append, and the server and the database allow writing."""
        found = self._all(
            "SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AND EXISTS ("
            "SELECT FROM pg_catalog.pg_proc WHERE pronamespace = '@'::regnamespace AND proname = 'append'"
            " AND has_function_privilege(oid, 'EXECUTE'))"
        )
        return bool(found[0][0])

    def prepare_reading(self) -> None:
        """Have the server count the rows: without that, it reads many new ones without their index."""
        self._connections.read(lambda connection: connection.execute(self.written("ANALYZE @.entries")))

    def commands(self, trial: str) -> Iterator[CommandRow]:
        """Yield the commands of a trial by position, then those that recorded nothing.

        Raises:
            LogCorrupt: a row has a value that no command has.
        """
        after: tuple[int, str] = (0, "")
        query = (
            "SELECT command, request, first, last FROM @.commands WHERE trial = %s AND command <> %s"
            " AND (coalesce(first, %s), command) > (%s, %s) ORDER BY coalesce(first, %s), command LIMIT %s"
        )
        while rows := self._all(query, trial, BEGUN, _LAST, *after, _LAST, _COMMANDS_AT_ONCE):
            yield from (command_in(trial, row) for row in rows)
            after = _LAST if rows[-1][2] is None else rows[-1][2], rows[-1][0]

    def facts(self) -> StoreFacts:
        """Return what the store knows of the log besides its entries."""
        ((size,),) = self._all(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_catalog.pg_class AS c"
            " WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'",
            self._connections.quoted,
        )
        ((version,),) = self._all("SELECT schema_version FROM @.trialdomain_log")
        cursors: dict[str, dict[str, int]] = {}
        for follower, trial, position in self._all(
            "SELECT follower, trial, position FROM @.cursors ORDER BY follower, trial LIMIT 10000"
        ):
            cursors.setdefault(name_in(follower), {})[name_in(trial)] = counted(position)
        return StoreFacts(kind="PostgreSQL", schema_version=version, size=size, cursors=cursors)

    def kept_head(self, trial: str) -> KeptHead | None:
        """Return the row of a trial's signed head, unchecked; None when there is none."""
        found = self._all("SELECT size, note FROM @.heads WHERE trial = %s AND note IS NOT NULL", trial)
        return (found[0][0], found[0][1]) if found else None

    def heads_begun(self, trial: str) -> bool:
        """Say whether the heads of a trial are signed: whether the command that began it is recorded."""
        return bool(self._all("SELECT 1 FROM @.commands WHERE trial = %s AND command = %s", trial, BEGUN))

    def of_stream(
        self, stream: str, *, after: int | None, until: int | None, limit: int | None, descending: bool
    ) -> list[StoredEntry]:
        """Read some versions of one stream.

        Raises:
            LogCorrupt: they have more bytes in long values than any trial.
        """
        query, values = "stream = %s", list[object]([stream])
        for condition, value in (("version > %s", after), ("version <= %s", until)):
            if value is not None:
                query += f" AND {condition}"
                values.append(value)
        query += f" ORDER BY version {'DESC' if descending else 'ASC'}"
        if limit is not None:
            query += " LIMIT %s"
            values.append(limit)
        return [entry_in(row) for row in self._entries(query, values, Budget.of_entries(stream))]

    def recorded_from(
        self, first: int, *, until: int | None, limit: int, names: Sequence[str]
    ) -> list[PlacedNotification]:
        """Read across all streams by notification id, which is no position.

        Entries get their ids after their commit. A reader that may not write sees those that have one.

        Raises:
            LogCorrupt: a state is longer than that of any entry: to pass it over would be to miss an entry.
        """
        self.last_id()
        query, values = "numbered.id >= %s", list[object]([first])
        if until is not None:
            query += " AND numbered.id <= %s"
            values.append(until)
        if names:
            query += " AND entries.name = ANY (%s)"
            values.append(list(names))
        rows = self._all(
            "SELECT entries.stream, entries.version, entries.name,"
            f" CASE WHEN octet_length(entries.state) <= {LONGEST_VALUE} THEN entries.state END,"
            " numbered.id, entries.trial, entries.position"
            " FROM @.numbered JOIN @.entries USING (trial, position)"
            f" WHERE {query} ORDER BY numbered.id LIMIT %s",
            *values,
            limit,
        )
        for *_, state, _, trial, position in rows:
            if state is None:
                raise _too_long(trial, position)
        return [PlacedNotification(*row) for row in rows]

    def last_id(self) -> int | None:
        """Give the entries that have none a notification id, and return the last; None when there is none."""
        if self._connections.readonly:
            found = self._all("SELECT max(id) FROM @.numbered")
        else:
            found = self._all("SELECT @.give_numbers()")
        highest: int | None = found[0][0]
        return highest

    def wait_for_writers(self) -> None:
        """Wait until every append that has told its recording time is recorded or refused.

        Raises:
            StoreFailed: the server follows another one; or somebody holds the lock for 30 seconds.
        """
        if self._connections.in_transaction:
            return  # this thread holds the lock: there is no other

        def wait(connection: Connection) -> None:
            ((follows,),) = connection.execute("SELECT pg_is_in_recovery()")
            if follows:
                raise StoreFailed(
                    f"{self._connections.place} follows another server, and cannot say what is recorded there at this "
                    f"moment: ask the primary server, or ask for an earlier moment or a position"
                )
            connection.execute("SELECT pg_sleep(%s)", (TOLD_SECONDS,))
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', '30s', true)")
                connection.execute(
                    "SELECT pg_advisory_xact_lock(%s, %s::regclass::oid::int)", (LOCK_SPACE, self._connections.entries)
                )

        self._connections.read(wait)

    def close(self) -> None:
        """Close the connections of this process; a second call does nothing."""
        self._connections.close()

    def _number(self, query: str, value: str) -> int:
        return counted(self._all(query, value)[0][0])

    def _all(self, query: str, *values: object) -> list[FoundRow]:
        """Read all rows of a query; ``@`` in it stands for the schema."""
        asked = self.written(query)
        return self._connections.read(lambda connection: connection.execute(asked, values, binary=True).fetchall())

    def written(self, query: str) -> bytes:
        """Write the name of the schema into a query."""
        return query.replace("@", self._connections.quoted).encode()

    def _entries(self, condition: str, values: Sequence[object], budget: Budget | None = None) -> list[FoundRow]:
        """Read entries in bounded memory: long states one by one, and within the budget where there is one.

        Raises:
            LogCorrupt: a state is longer than that of any entry.
            TooMuchToRead: the long ones exceed the budget.
        """
        rows = self._all(
            f"SELECT left(trial, {_LONGEST_NAME}), position, left(stream, {_LONGEST_NAME}), version,"
            f" left(name, {_LONGEST_NAME}), CASE WHEN octet_length(state) <= {SHORT_VALUE} THEN state END"
            f" FROM @.entries WHERE {condition}",
            *values,
        )
        return [row if row[5] is not None else self._long(row, budget) for row in rows]

    def _long(self, row: FoundRow, budget: Budget | None) -> FoundRow:
        trial, position = row[:2]
        found: list[Any] = self._all(
            f"SELECT CASE WHEN octet_length(state) <= {LONGEST_VALUE} THEN state END FROM @.entries"
            " WHERE trial = %s AND position = %s",
            trial,
            position,
        )
        if not found or found[0][0] is None:
            raise _too_long(trial, position)
        whole = (*row[:5], found[0][0])
        if budget is not None:
            budget.take(whole)
        return whole


def _too_long(trial: object, position: object) -> LogCorrupt:
    return LogCorrupt(
        f"position {short(position)} of trial {short(trial, 70)} has a state that is longer than that of any entry: "
        f"verify the log"
    )
