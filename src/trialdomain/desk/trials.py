"""An open log of trials, and one trial of it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self
from uuid import uuid4

import attrs

from trialdomain.aggregates.trial import TrialUnknown
from trialdomain.commands.access import Permit
from trialdomain.commands.clock import Clock, utc_now
from trialdomain.commands.coercion import check_callable, checked
from trialdomain.commands.memory import Memory
from trialdomain.commands.runner import CommandRunner, User
from trialdomain.desk import Desk
from trialdomain.desk.outbox import Outbox
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Entry
from trialdomain.history import History, KnownAt, history_of
from trialdomain.history.following import follow
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.signing.signer import HeadKey
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.application import LogApplication
from trialdomain.storage.open_store import open_store
from trialdomain.storage.recorder import StoreRecorder
from trialdomain.storage.store import LogReader, Store
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.values.ids import check_id
from trialdomain.views.table_view import TableView
from trialdomain.views.views import Views


def _new_id() -> str:
    return str(uuid4())


def _check_parts(clock: Clock, new_id: Callable[[], str], permit: Permit | None) -> None:
    """Refuse arguments that are not callable, before a file is opened."""
    check_callable(clock=clock, new_id=new_id)
    if permit is not None:
        check_callable(permit=permit)


class Trials:
    """An open log of trials."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock = utc_now,
        new_id: Callable[[], str] = _new_id,
        permit: Permit | None = None,
    ) -> None:
        _check_parts(clock, new_id, permit)
        if not isinstance(store, Store):
            raise InputInvalid(f"{short(store)!r} is not a store of a log: use Trials.open")
        self._store, self._clock, self._new_id, self._permit = store, clock, new_id, permit
        self._memory = Memory()

    @classmethod
    def open(
        cls,
        address: str | Path,
        *,
        clock: Clock = utc_now,
        new_id: Callable[[], str] = _new_id,
        heads: HeadKey | None = None,
        permit: Permit | None = None,
    ) -> "Trials":
        """Open a path or ``sqlite:///FILE``, which is made if it does not exist; or ``memory:``, also as ``:memory:``.

        Args:
            address: the address of the log; also ``postgresql://USER@HOST/DATABASE`` (extra ``postgres``), where the
                log is made in an empty schema.
            clock: returns the recording time of entries, with an offset.
            new_id: returns an id for a command that the caller gave none.
            heads: signs the head of a trial's tree in the transaction of every append, so that verification finds
                entries that another program appended. A log that was begun with a key needs one for every later append.
            permit: the access hook, called before every use case, once the protocol's table of roles has allowed it.
                None allows the use case; a text refuses it and gives the reason.

        Raises:
            LogUnusable: the file, or the schema, is no log, or is from a newer version, and was not touched; or the
                database cannot be reached.
        """
        _check_parts(clock, new_id, permit)
        if heads is not None and not is_a(heads, HeadKey):
            raise InputInvalid(f"heads is {short(heads)!r}, which signs no head: pass a HeadKey")
        return cls(open_store(address, signer=heads), clock=clock, new_id=new_id, permit=permit)

    def register(self, protocol: TrialProtocol, *, by: User, command_id: str | None = None) -> "TrialHandle":
        """Register a trial; where it has a design, level 1 opens with the slots of one cohort.

        Raises:
            TrialAlreadyRegistered: the log has the trial already.
        """
        protocol = checked("a registration", protocol, TrialProtocol)
        handle = TrialHandle(protocol.trial, self._store, self._clock, self._new_id, self._permit, self._memory)
        handle.acting(by).register(protocol, command_id=command_id)
        return handle

    def trial(self, trial: str) -> "TrialHandle":
        """Open a trial that the log has.

        Raises:
            TrialUnknown: the log has no such trial.
        """
        trial = check_id("trial", trial)
        if self._store.head(trial) == 0:
            raise TrialUnknown(trial=trial)
        return TrialHandle(trial, self._store, self._clock, self._new_id, self._permit, self._memory)

    def follow(
        self, *, after: Mapping[str, int] | None = None, trial: str | None = None, wait: bool = True
    ) -> Iterator[Entry]:
        """Yield every entry of the log once, in the order of its trial, as this and other processes record them.

        Entries of one command follow one another, unless entries of other trials come between. Keep the last
        ``entry.trial`` and ``entry.position`` that you have dealt with, and pass them as ``after`` to go on.

        Args:
            after: by trial, the last position that was seen; a trial that is not named is read from its beginning.
            trial: follow only this trial, which may be registered later.
            wait: look for new entries again and again, five times a second; False to stop at the end of the log.

        Raises:
            LogMoved: the log ends before a position that was seen.
            EntryMalformed: an entry cannot be read; go on after its position to pass it over.
            StoreClosed: the log was closed meanwhile.
        """
        return follow(self._store, after=after, trial=trial, wait=wait)

    def outbox(self, name: str) -> Outbox:
        """Open an outbox: it delivers every entry at least once, and the log keeps how far it has come.

        Args:
            name: a code for the receiver, such as ``billing``; each has its own positions.
        """
        return Outbox(check_id("outbox", name), self._store)

    def views(self, *own: TableView) -> Views:
        """Open the views of the log as tables, which are made in its place: in a file, or a schema, beside it.

        Args:
            own: further views, of your own classes.
        """
        return Views(self._store, own)

    @property
    def application(self) -> LogApplication:
        """The log for ``ApplicationSubscription`` of ``eventsourcing``, with a name, a recorder and a mapper.

        Raises:
            InputInvalid: the store of this log is of your own, and no recorder of ``eventsourcing``.
        """
        if not isinstance(self._store, StoreRecorder):
            raise InputInvalid(f"{short(self._store)!r} is no recorder of eventsourcing: open the log with Trials.open")
        return LogApplication(self._store)

    def close(self) -> None:
        """Wait for threads that use the log, and close it."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@attrs.frozen
class TrialHandle:
    """One trial of an open log."""

    trial: str
    _store: Store
    _clock: Clock
    _new_id: Callable[[], str]
    _permit: Permit | None
    _memory: Memory

    def acting(self, user: User) -> "Desk":
        """Open the desk of a user; each entry names that user.

        Raises:
            FactMalformed: the user's id is no code, a name is blank, or the role is unknown.
        """
        runner = CommandRunner(self.trial, user, self._store, self._clock, self._new_id, self._permit, self._memory)
        return Desk(runner)

    @property
    def tree(self) -> TrialTree:
        """The Merkle tree over the trial's entries: its head, proofs, and checkpoints."""
        return TrialTree(self._store, self.trial)

    def begin_signed_heads(self) -> str:
        """Sign the head of a log that was recorded without signed heads, and return the note.

        The entries below the head are not checked: verify the log first.

        Raises:
            HeadKeyMissing: the log was opened without ``heads``.
        """
        return self._store.begin_signing(self.trial)

    @property
    def reader(self) -> LogReader:
        """The store with the entries, for tools that read rows."""
        return self._store

    def history(self, *, known_at: KnownAt | None = None) -> History:
        """Return the trial's history as known at a position, a time or a day; by default, as it is known now."""
        return history_of(self._store, self.trial, known_at=known_at)
