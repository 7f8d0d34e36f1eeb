"""The store that keeps a log in PostgreSQL.

An append is one call of a function in the database, and one transaction. It locks the row of its trial in the table of
heads, so that the order of positions is the order of commits, and appends to several trials run side by side. Under
that lock it looks the command up and checks the read set. The commit is on disk before the append returns.

The recording time is told before the call, and is refused if it is not recent when the lock is taken, or is before the
last entry's. So times never decrease along a trial.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from threading import Event
from typing import Any, TypeVar

import attrs
from eventsourcing.persistence import StoredEvent
from typing_extensions import override

from trialdomain.errors import LogCorrupt, TrialError
from trialdomain.storage.append_checks import Reached, check_command, check_places, events_of, first_result
from trialdomain.storage.errors import StoreFailed, StreamMoved
from trialdomain.storage.heads import (
    BEGUN,
    BEGUN_REQUEST,
    HeadKeyMissing,
    HeadSigner,
    KeptHead,
    SignedHead,
    SignedHeads,
)
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.postgres.connections import Connection, Connections
from trialdomain.storage.postgres.reader import PostgresReader
from trialdomain.storage.recorder import LogSubscription, StoreRecorder
from trialdomain.storage.rows import counted, name_in
from trialdomain.storage.store import NOTHING_READ, Appended, Command, ReadSet, Sealed, StoredRow
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.ids import trial_of

__all__ = ["PostgresStore"]

T = TypeVar("T")
_ATTEMPTS = 5
"""The number of calls without the log's lock, before the one that holds it."""
_APPEND = (
    "SELECT * FROM @.append(%s, %s::text[], %s::bigint[], %s::text[], %b::bytea[], %b::bytea[],"
    " %s::text[], %b::bytea[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s, %s::text[],"
    " %s, to_timestamp(%s), %s, %s, %s, %b)"
)
_APPEND_FEW = _APPEND.replace("%b::bytea[]", "%s::bytea[]")
"""The same for few entries, whose arrays are sent as texts: the driver takes longer to look into a list."""
_FEW = 8


@attrs.frozen
class _Told:
    """The answer of the function of an append, in the order of its columns."""

    outcome: str
    head: int
    now: Any
    stream: str
    version: int
    request: object
    first: object
    last: object


class PostgresStore(PostgresReader, StoreRecorder):
    """Keeps a log in a schema of a PostgreSQL database.

    Args:
        address: the address of the database; the log is in the first schema of its ``search_path`` that exists.
        readonly: open an existing log, and never write to it.
        signer: signs the head of a trial's tree in the transaction of every append.
        make: whether to make the tables of a new log at once; otherwise :meth:`alone` makes them, in its transaction.

    Raises:
        LogUnusable: the server cannot be reached or is not safe for a log, or the schema is not a log.
        TablesChanged: a table, a function or a trigger of the log is not as it was made.
    """

    def __init__(
        self,
        address: PostgresAddress,
        *,
        readonly: bool = False,
        signer: HeadSigner | None = None,
        make: bool = True,
    ) -> None:
        super().__init__(Connections(address, readonly=readonly, make=make))
        self._heads = SignedHeads(signer)
        self._signs = signer is not None
        self._listeners: set[Event] = set()
        self._recorded = Reached(address.shown)

    def append(
        self, trial: str, commands: Sequence[Sealed], *, read: ReadSet = NOTHING_READ, within: bool = False
    ) -> Appended:
        """Append the entries of commands, all or none, unless their read set has moved.

        See :meth:`trialdomain.storage.store.Store.append`.
        """
        self._connections.check_writable()
        if within and self._connections.in_transaction:
            return self._append_within(trial, commands, read)
        if self._connections.in_transaction:
            with self._connections.interrupted():
                return self.append(trial, commands, read=read)
        appended = self._appended(trial, commands, read)
        self._notify()
        return appended

    def _appended(self, trial: str, commands: Sequence[Sealed], read: ReadSet) -> Appended:
        asked = commands[0].command if len(commands) == 1 else None
        if asked is not None and callable(commands[0].events) and not commands[0].is_new:
            done = self.recorded_before(trial, asked)  # before the time is told, which may ask a clock of the caller
            if done is not None:
                return done
        for _ in range(_ATTEMPTS):
            call = self._call(trial, commands, read)
            run = self._connections.once if asked is None else self._connections.repeatable
            told = run(partial(self._ask, call), trial=trial)
            appended = self._result(trial, asked, call, told)
            if appended is not None:
                return appended
        return self.alone(lambda: self._append_within(trial, commands, read))

    def _append_within(self, trial: str, commands: Sequence[Sealed], read: ReadSet) -> Appended:
        """Append in this thread's transaction, which holds the log's lock."""
        asked = commands[0].command if len(commands) == 1 else None
        call = self._call(trial, commands, read, locked=True)
        with self._connections.part() as connection:
            appended = self._result(trial, asked, call, self._ask(call, connection), within=True)
        if appended is None:
            raise StoreFailed(f"{self._connections.place}: the lock was lost: nothing was recorded; try again")
        return appended

    def _call(self, trial: str, commands: Sequence[Sealed], read: ReadSet, *, locked: bool = False) -> "_Call":
        """Seal the commands, and make the arguments of the function."""
        timed = any(callable(one.events) for one in commands)
        # Ask the server's clock before the caller's: what lies between counts as delay, and not as advance.
        until = self._connections.told_until() if timed and not locked else None
        sealed = [(one, events_of(one)) for one in commands]
        events = [event for _, some in sealed for event in some]
        position = self.head(trial) if any(one.earlier for one in commands) else 0
        for one, some in sealed:
            check_places(some, trial, from_one=one.command is not None)
            check_command(one, position)
            position += len(some)
        head: SignedHead | None = None
        row = _HeadRow(0, None, begun=False, log=self)
        leaves = [
            leaf_hash(stream=str(e.originator_id), version=e.originator_version, topic=e.topic, state=e.state)
            for e in events
        ]
        if self._signs and events:
            row = self._head_row(trial)
            head = self._heads.after(row, trial, leaves, before=row.size, begun=row.begun)
        return _Call(
            trial=trial,
            sealed=sealed,
            leaves=leaves,
            read=read,
            at_least=self._recorded.last(trial),
            until=until,
            size=row.size,
            before=row.note,
            head=head,
        )

    def _head_row(self, trial: str) -> "_HeadRow":
        """Read all that signing needs of a trial by one query: other programs append meanwhile."""
        rows = self._all(
            "SELECT size, note, EXISTS (SELECT FROM @.commands WHERE commands.trial = heads.trial AND command = %s)"
            " FROM @.heads WHERE trial = %s",
            BEGUN,
            trial,
        )
        size, note, begun = rows[0] if rows else (0, None, False)
        return _HeadRow(size, note, begun=begun, log=self)

    def _ask(self, call: "_Call", connection: Connection) -> _Told:
        few = len(call.leaves) <= _FEW
        statement = self.written(_APPEND_FEW if few else _APPEND)
        (found,) = connection.execute(statement, call.arguments(as_texts=few), binary=True, prepare=True)
        told = _Told(*found)
        self._connections.heard(told.now.timestamp())
        return told

    def _result(
        self, trial: str, asked: Command | None, call: "_Call", told: _Told, *, within: bool = False
    ) -> Appended | None:
        """Read the answer of the function; None where the append has to be sealed and sent again.

        Raises:
            TrialError: the append was refused.
        """
        match told.outcome:
            case "appended":
                if call.head is not None:
                    self._heads.kept(call.head)
                appended = call.appended(after=told.head)
                if appended.positions and not within:
                    self._recorded.note(trial, appended.positions[-1])
                return appended
            case "recorded" if asked is not None:
                row = (told.request, told.first, told.last)
                return first_result(trial, asked, row, head=told.head)
            case "late" | "early" | "signed-before":
                return None
            case "moved":
                read_at = call.read.versions.get(told.stream, told.version - 1)
                raise StreamMoved(stream=told.stream, read=read_at, found=told.version)
            case "ahead":
                raise StreamMoved(stream=trial, read=call.read.position or 0, found=told.head)
            case "unsigned":
                raise HeadKeyMissing(trial=trial)
            case "older":
                self._recorded.refuse_older(trial, told.head)
            case _:  # "unfit"
                pass
        raise LogCorrupt(
            f"the row of trial {trial} in the table of heads says {told.head} entries, and its entries end elsewhere: "
            f"verify the log"
        )

    @override
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append events of one or several trials, all or none: the recorder interface of ``eventsourcing``."""
        self._connections.check_writable()
        by_trial = groupby(
            sorted(stored_events, key=lambda event: trial_of(str(event.originator_id))),  # one order: no deadlock
            key=lambda event: trial_of(str(event.originator_id)),
        )
        parts = [(trial, [Sealed(None, list(events))]) for trial, events in by_trial]
        places: dict[tuple[str, int], tuple[str, int]] = {}

        def work(connection: Connection) -> None:
            with connection.transaction():
                for trial, sealed in parts:
                    call = self._call(trial, sealed, NOTHING_READ)
                    appended = self._result(trial, None, call, self._ask(call, connection), within=True)
                    if appended is None:
                        raise StoreFailed(f"{self._connections.place}: another program appended meanwhile: try again")
                    for _, position, stream, version, *_ in appended.rows:
                        places[stream, version] = trial, position

        self._connections.once(work)
        self._notify()
        ids = self._ids(set(places.values()))
        return [ids[places[str(event.originator_id), event.originator_version]] for event in stored_events]

    def _ids(self, places: set[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Return the notification ids of entries that are committed, by trial and position."""
        if not places:
            return {}
        self.last_id()
        trials, positions = zip(*places, strict=True)
        rows = self._all(
            "SELECT trial, position, id FROM @.numbered"
            " JOIN unnest(%s::text[], %s::bigint[]) AS asked (trial, position) USING (trial, position)",
            list(trials),
            list(positions),
        )
        return {(trial, position): number for trial, position, number in rows}

    @property
    def compares_times(self) -> bool:
        """Whether an append calls for its entries before it holds the lock, and again if their time is too early."""
        return True

    @property
    def in_transaction(self) -> bool:
        """Whether this thread has an open transaction, so that what it reads may yet be rolled back."""
        return self._connections.in_transaction

    def alone(self, work: Callable[[], T]) -> T:
        """Run work under the log's lock: what it reads stays so until its appends are recorded.

        Each append in it is all or nothing. Completed appends are on disk when this returns, or raises a TrialError.
        Where the connection is lost, the work is run again.
        """

        def until_error() -> T | TrialError:
            try:
                return work()
            except TrialError as error:
                return error

        done = self._connections.alone(until_error)
        self._notify()
        if isinstance(done, TrialError):
            raise done
        return done

    def recorded_before(self, trial: str, command: Command) -> Appended | None:
        """Return the result of a command that was recorded before; None when it was not."""
        rows = self._all(
            "SELECT request, first, last, (SELECT max(position) FROM @.entries WHERE entries.trial = commands.trial)"
            " FROM @.commands WHERE trial = %s AND command = %s",
            trial,
            command.id,
        )
        if not rows:
            return None
        request, first, last, head = rows[0]
        return first_result(trial, command, (request, first, last), head=head or 0)

    def keep_note(self, trial: str, size: int, note: str, *, within: bool = False) -> None:
        """Store a checkpoint beside the entries; a verifier has its own copy elsewhere."""
        self._connections.check_writable()
        if self._connections.in_transaction and not within:
            with self._connections.interrupted():
                self.keep_note(trial, size, note)
            return
        query = self.written("SELECT @.keep_checkpoint(%s, %s, %s)")
        self._connections.repeatable(lambda connection: connection.execute(query, (trial, size, note)), trial=trial)

    def cursors(self, follower: str) -> dict[str, int]:
        """Return, by trial, the last position that a follower has dealt with, as the log keeps it."""
        rows = self._all("SELECT trial, position FROM @.cursors WHERE follower = %s", follower)
        return {name_in(trial): counted(position) for trial, position in rows}

    def move_cursor(self, follower: str, trial: str, position: int, *, before: int) -> bool:
        """Move a follower's cursor of a trial; say whether it was at ``before``, or else leave it where it is."""
        self._connections.check_writable()
        rows = self._all("SELECT @.move_cursor(%s, %s, %s, %s)", follower, trial, position, before)
        return bool(rows[0][0])

    def begin_signing(self, trial: str) -> str:
        """Sign the current head of a trial's tree, and every head from then on; return the note.

        Raises:
            HeadKeyMissing: the log was opened without a signer.
        """
        self._connections.check_writable()

        def work() -> str:
            row = self._head_row(trial)
            head = self._heads.begin(row, trial, size=row.size)
            call = _Call(
                trial=trial,
                sealed=(),
                leaves=(),
                read=NOTHING_READ,
                at_least=self._recorded.last(trial),
                until=None,
                size=row.size,
                before=row.note,
                head=head,
            )
            with self._connections.part() as connection:
                self._result(trial, None, call, self._ask(call, connection), within=True)
            return head.note

        return self.alone(work)

    @override
    def follow(self, *, after: int | None = None, names: Sequence[str] = ()) -> LogSubscription:
        """Follow the log from a notification id on: what this and other processes record."""
        return LogSubscription(self, gt=after, topics=names)

    @override
    def listen(self, event: Event) -> None:
        self._listeners.add(event)

    @override
    def unlisten(self, event: Event) -> None:
        self._listeners.discard(event)

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener.set()


@attrs.frozen
class _HeadRow:
    """The row of a trial in the table of heads, as one query has read it."""

    size: int
    note: str | None
    begun: bool = attrs.field(kw_only=True)
    log: PostgresReader = attrs.field(kw_only=True)

    def kept_head(self, _: str) -> KeptHead | None:
        """Return the signed head; None when there is none."""
        return None if self.note is None else (self.size, self.note)

    def heads_begun(self, _: str) -> bool:
        """Say whether the heads of the trial are signed."""
        return self.begun

    def leaves(self, trial: str, *, until: int) -> Iterator[bytes]:
        """Yield the leaf hashes of the trial by position."""
        return self.log.leaves(trial, until=until)


@attrs.frozen(kw_only=True)
class _Call:
    """The arguments of the function of an append."""

    trial: str
    sealed: Sequence[tuple[Sealed, Sequence[StoredEvent]]]
    leaves: Sequence[bytes]
    read: ReadSet
    at_least: int
    """The last position that this object has recorded: the log must not end before it."""
    until: float | None
    """The time on the server's clock until which the recording time of the entries is recent; None of other entries."""
    size: int
    """The size of the tree that was signed before."""
    before: object
    """The note that was read as the trial's head."""
    head: SignedHead | None

    def arguments(self, *, as_texts: bool) -> tuple[object, ...]:
        """Return the arguments in the order of the function; its arrays as texts, or as lists for the driver."""
        events = [event for _, some in self.sealed for event in some]
        ids, requests, firsts, lasts = [], [], [], list[int | None]()
        position = 0
        for one, some in self.sealed:
            if one.command is not None:
                first, last = position + 1 - one.earlier, position + len(some)
                ids.append(one.command.id)
                requests.append(one.command.request)
                firsts.append(first if first <= last else None)
                lasts.append(last if first <= last else None)
            position += len(some)
        read, head = self.read, self.head
        texts, numbers, blobs = (_texts, _numbers, _blobs) if as_texts else (list, list, list)
        return (
            self.trial,
            texts([str(event.originator_id) for event in events]),
            numbers([event.originator_version for event in events]),
            texts([event.topic for event in events]),
            blobs([bytes(event.state) for event in events]),
            blobs(self.leaves),
            texts(ids),
            blobs(requests),
            numbers(firsts),
            numbers(lasts),
            texts(read.versions),
            numbers(read.versions.values()),
            read.position,
            texts(read.passed_over),
            self.at_least,
            self.until,
            self.size,
            self.before,
            None if head is None else head.note,
            BEGUN_REQUEST,
        )

    def appended(self, *, after: int) -> Appended:
        """Return what was appended after a position."""
        rows: list[StoredRow] = []
        events = [event for _, some in self.sealed for event in some]
        for position, (event, leaf) in enumerate(zip(events, self.leaves, strict=True), start=after + 1):
            stream, version = str(event.originator_id), event.originator_version
            rows.append((self.trial, position, stream, version, event.topic, bytes(event.state), leaf))
        return Appended(positions=range(after + 1, after + 1 + len(rows)), rows=rows)


def _texts(values: Iterable[str]) -> str:
    """Write an array of texts."""
    return "{" + ",".join(['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values]) + "}"


def _numbers(values: Iterable[int | None]) -> str:
    """Write an array of numbers."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def _blobs(values: Iterable[bytes]) -> str:
    """Write an array of bytes."""
    return "{" + ",".join(['"\\\\x' + value.hex() + '"' for value in values]) + "}"
