"""The command runner: decide on a snapshot, and append if no stream of the read set has changed since.

Commands are serializable: each is recorded as if it had been the only one at its position (docs/adr/0015). This is
optimistic concurrency control. A decision is first taken without the write lock, so that it blocks no other writer.
Under the lock, the store compares the read set, which is every stream that the decision read. If one has changed, the
decision is taken again. The last attempt holds the lock, so that no command starves.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from itertools import chain, repeat
from random import uniform
from time import sleep
from typing import Any, Protocol

import attrs

from trialdomain.commands.access import AccessRequest, NotPermitted, Permit, reason_to_refuse
from trialdomain.commands.clock import Clock, read_clock
from trialdomain.commands.coercion import FactMalformed, make, unreadable
from trialdomain.commands.memory import Memory
from trialdomain.commands.sealing import sealed, stored
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.errors import CommandRefused, Conflict, InputInvalid, TrialError
from trialdomain.events.access import AccessRefused
from trialdomain.events.recorded import Draft, Entry, EntryRef
from trialdomain.events.trial import TrialRegistered, UserRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.errors import StreamMoved
from trialdomain.storage.mapper import StoredEvent, entry_of
from trialdomain.storage.request import fingerprint
from trialdomain.storage.store import Appended, Command, Sealed, Store
from trialdomain.values.calendar import site_day
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.chosen import word_of
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.values.ids import access_stream, check_id, trial_stream
from trialdomain.values.role import Role
from trialdomain.values.use_case import UseCase
from trialdomain.version import __version__

_ATTEMPTS = 4
"""The number of attempts without the write lock, before the one that holds it."""
_PAUSE_SECONDS = 0.01
"""The longest pause before the second attempt. Pauses are random, so that commands that collided do not again."""


class DayTurned(Conflict):
    """The day ended at the site between decision and append; nothing was recorded, and the caller may try again."""

    code = "day-turned"

    def __init__(self, *, decided: date, recorded: date) -> None:
        super().__init__(f"the decision was taken on {decided}, and it is {recorded} at the site by now: decide again")
        self.decided, self.recorded = decided, recorded


class InTheFuture(CommandRefused):
    """A fact has a date or a time in the future."""

    code = "in-the-future"

    def __init__(self, *, when: ClinicalTime, today: date, moment: datetime | None = None) -> None:
        now, what = (today, "date") if moment is None else (f"{moment:%Y-%m-%dT%H:%M%z}", "time")
        super().__init__(f"{when} lies in the future: it is {now} at the site; correct the {what}")
        self.when, self.today, self.moment = when, today, moment


def _role(given: Role | str) -> Role:
    return word_of("role", Role, given)


@attrs.frozen(kw_only=True)
class User:
    """A user who acts in a trial; the role may be passed as its text.

    Raises:
        WordUnknown: the text names no role.
    """

    id: str
    name: str
    role: Role = attrs.field(converter=_role)
    organization: str

    def introduced(self) -> UserRegistered:
        """Make the fact that introduces this user.

        Raises:
            FactMalformed: the id is no code, a name is blank, or the role is unknown.
        """
        return make(UserRegistered, user=self.id, name=self.name, role=self.role, organization=self.organization)


def _plain_user(user: User) -> User:
    """Copy a user into a plain ``User``, so that the request and the entry name the same person.

    An object of a subclass could return another id at each reading.

    Raises:
        InputInvalid: the argument is not a user.
        FactMalformed: the user's id is no code, a name is blank, or the role is unknown.
    """
    if not is_a(user, User):
        raise InputInvalid(f"{short(user)!r} is not a user: pass a User with id, name, role and organization")
    fact = User.introduced(user)
    return User(id=fact.user, name=fact.name, role=fact.role, organization=fact.organization)


@attrs.frozen
class _Denied:
    """A request that the protocol or the service refused, with the reason."""

    request: AccessRequest
    why: str
    registered: bool
    """Whether the trial exists, so that the refusal can be recorded in it."""


class _Attempt(Protocol):
    """One attempt at a use case; ``locked`` says whether it holds the write lock."""

    def __call__(self, snapshot: Snapshot, *, locked: bool) -> Appended | _Denied:
        """Return the result of the append, or the refusal."""


@attrs.frozen
class CommandRunner:
    """The context of a desk: its user, trial, store, clock and access hook."""

    trial: str
    user: User = attrs.field(converter=_plain_user)
    store: Store
    clock: Clock
    new_id: Callable[[], str]
    permit: Permit | None = None
    """The access hook of the embedding service; None where the protocol's table alone decides."""
    memory: Memory = attrs.Factory(Memory)
    """What this process has read of the log; the desks of one log share it."""

    def run(
        self,
        use_case: UseCase,
        request: object,
        decide: Callable[[Snapshot], Drafts],
        command_id: str | None,
        *,
        about: str | None = None,
        also: Callable[[Snapshot], Sequence[UseCase]] = lambda _: (),
        registering: TrialProtocol | None = None,
    ) -> Sequence[Entry]:
        """Check access, decide on a snapshot, and append; repeat this when the read set has changed.

        Args:
            use_case: the use case.
            request: all arguments of the caller; their hash tells a repeated request from another one with the same id.
            decide: returns the drafts to record.
            command_id: the caller's id of the command, by which a repeated request is recognized.
            about: the participant, where the use case concerns one.
            also: returns further use cases that the user needs.
            registering: the protocol, where this command registers the trial.

        Raises:
            NotPermitted: the user may not use the use case; the refusal is recorded.
        """
        repeatable = command_id is not None
        command = Command(
            id=check_id("command", self.new_id() if command_id is None else command_id),
            request=_request_hash(use_case.value, self.user.id, request),
        )

        def attempt(snapshot: Snapshot, *, locked: bool) -> Appended | _Denied:
            for needed in (use_case, *also(snapshot)):
                denied = self._denied(snapshot, snapshot.trial.protocol or registering, needed, about)
                if denied is not None:
                    return denied
            if locked and self.store.head(self.trial) != snapshot.position:
                snapshot = self._snapshot_now()  # the access hook has recorded an entry
            # An id that was made just now needs no look: the append refuses one that is taken.
            done = self.store.recorded_before(self.trial, command) if repeatable else None
            if done is not None:
                return done
            drafts = decide(snapshot)
            if not drafts and not repeatable:
                return Appended(positions=range(0))
            return self._append(snapshot, drafts, command, locked=locked)

        outcome = self._attempted(attempt)
        if isinstance(outcome, _Denied):
            if outcome.registered:
                self._record_refusal(outcome)
            raise NotPermitted(request=outcome.request, why=outcome.why)
        return self._entries(outcome)

    def _attempted(self, attempt: _Attempt) -> Appended | _Denied:
        """Repeat an attempt while its read set has changed; hold the write lock in the last one."""
        try:
            for number in range(_ATTEMPTS):
                if number:
                    sleep(uniform(0, _PAUSE_SECONDS * number))  # noqa: S311 - a pause, no secret
                try:
                    return attempt(self._snapshot(), locked=False)
                except (StreamMoved, DayTurned):
                    continue
            return self.store.alone(lambda: attempt(self._snapshot_now(), locked=True))
        except (CommandRefused, InputInvalid, Conflict):
            raise
        except BaseException:  # the log failed, or nobody can say where the command was interrupted
            self.memory.forget(self.trial)
            raise

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.trial, self.store, self.memory, committed=not self.store.in_transaction)

    def _snapshot_now(self) -> Snapshot:
        """Make a snapshot under the write lock, with a time that was read under it."""
        # The clock is read before the snapshot, which then contains entries that the clock itself recorded.
        moment = read_clock(self.clock)
        snapshot = self._snapshot()
        snapshot.moment = max(moment, snapshot.last_recorded() or moment)
        return snapshot

    def _denied(
        self, snapshot: Snapshot, protocol: TrialProtocol | None, use_case: UseCase, about: str | None
    ) -> _Denied | None:
        """Return the refusal by the protocol or by the service; None where both allow the use case."""
        if protocol is None:
            return None  # the trial does not exist: the decision itself raises TrialUnknown
        request = AccessRequest.of(self.trial, self.user.introduced(), use_case, about)
        why = reason_to_refuse(request, protocol, self.permit)
        return None if why is None else _Denied(request, why, registered=snapshot.trial.protocol is not None)

    def _record_refusal(self, denied: _Denied) -> None:
        """Record a refusal in the access stream, which no decision reads.

        The user is not introduced in the trial's stream, which decisions read; the entry itself names the user.
        """
        request, stream = denied.request, access_stream(self.trial)
        why = f"{request}: {denied.why}"
        fact = make(AccessRefused, use_case=request.use_case.value, role=request.role, why=why)
        command = Command(id=check_id("command", self.new_id()), request=fingerprint("refuse", self.user.id, fact))

        def record() -> None:
            snapshot = self._snapshot_now()
            snapshot.entries(stream)
            self._append(snapshot, drafts_in(stream, [fact]), command, locked=True, introduced=False)

        self.store.alone(record)

    def _append(
        self, snapshot: Snapshot, drafts: Drafts, command: Command, *, locked: bool, introduced: bool = True
    ) -> Appended:
        """Seal and append the drafts of a decision.

        The time is read under the write lock, and is never before the last entry's. So times never decrease along a
        log, and the state known at a past moment never changes.

        Args:
            snapshot: the snapshot that the decision read.
            drafts: the drafts of the decision.
            command: the command.
            locked: whether this thread holds the write lock, and read the time under it.
            introduced: whether to record the user and the version of the software first, where they are new.

        Raises:
            StreamMoved: a stream of the read set has changed.
            DayTurned: the day of the decision has ended at the site.
        """
        whole = self._with_introduction(snapshot, drafts) if introduced and drafts else drafts
        decided_at = self._moment(snapshot)
        early = self._sealed(
            snapshot, whole, command, decided_at
        )  # refuses an unstorable fact before the lock is taken

        # A store that compares the times itself calls again, where the last entry is newer than that of the snapshot.
        looks: Iterator[Callable[[], datetime | None]] = repeat(snapshot.last_recorded_now)
        if self.store.compares_times:
            looks = chain([snapshot.last_recorded], looks)

        def seal() -> list[StoredEvent]:
            if locked or not whole:
                return early
            recorded_at = max(read_clock(self.clock), next(looks)() or decided_at, decided_at)
            _refuse_another_day(snapshot, decided_at, recorded_at)
            if recorded_at == decided_at:
                return early
            return self._sealed(snapshot, whole, command, recorded_at, checked=True)

        new = Sealed(command, seal, is_new=True)
        return self.store.append(self.trial, [new], read=snapshot.read_set, within=locked)

    def _with_introduction(self, snapshot: Snapshot, drafts: Drafts) -> Drafts:
        """Put the facts for a new user or a new software version before the drafts, but after a registration."""
        introduced = drafts_in(
            trial_stream(self.trial), snapshot.trial.introduce(self.user.introduced(), software=__version__)
        )
        first = [draft for draft in drafts if isinstance(draft.fact, TrialRegistered)]
        if not first and introduced:
            drafts = [_after_introduction(snapshot, draft, len(introduced)) for draft in drafts]
        return [*first, *introduced, *(draft for draft in drafts if draft not in first)]

    def _sealed(
        self, snapshot: Snapshot, drafts: Drafts, command: Command, recorded_at: datetime, *, checked: bool = False
    ) -> list[StoredEvent]:
        """Seal drafts; skip the check that they can be read back where it was made before."""
        entries = sealed(
            drafts,
            trial=self.trial,
            user=self.user.id,
            command=command.id,
            recorded_at=recorded_at,
            versions=snapshot.read,
            after=snapshot.position,
        )
        return stored(entries, made_here=checked)

    def _entries(self, appended: Appended) -> Sequence[Entry]:
        """Return the entries of a command; read them from the store where the command was recorded before."""
        if not appended.positions or not appended.repeated:
            return [entry_of(one) for one in appended.entries]
        first, last = appended.positions[0], appended.positions[-1]
        return [entry_of(one) for one in self.store.in_log_order(self.trial, after=first - 1, until=last)]

    def today(self, snapshot: Snapshot) -> date:
        """Return the calendar day of the decision at the site.

        With several sites it is the latest of their days, so that whatever was recorded at one of them counts at once
        (**choice**).
        """
        protocol, moment = snapshot.protocol, self._moment(snapshot)
        zones = [protocol.site_zone, *(protocol.zone_at(site.id) for site in protocol.sites)]
        return max(site_day(moment, zone) for zone in zones)

    def refuse_future(self, snapshot: Snapshot, fact: object, site: str | None = None) -> None:
        """Refuse a fact with a date or a time in the future, at a site; None is the trial itself.

        Raises:
            InTheFuture: a date lies after the site's day, or a time more than an hour ahead of the clock.
        """
        moment, zone = self._moment(snapshot), snapshot.protocol.zone_at(site)
        _refuse_future(fact, moment.astimezone(zone), site_day(moment, zone))

    def _moment(self, snapshot: Snapshot) -> datetime:
        """Return the time of a decision: the same for all of it, and never before the last entry's.

        So a clock that went back hides no entry from the decision.
        """
        if snapshot.moment is None:
            moments = (read_clock(self.clock), snapshot.last_recorded())
            snapshot.moment = max(moment for moment in moments if moment is not None)
        return snapshot.moment


def _request_hash(*request: object) -> bytes:
    """Hash a request.

    Raises:
        RequestUnreadable: a value has no content that would be the same in a repeated request.
        FactMalformed: a value cannot be read.
    """
    try:
        return fingerprint(*request)
    except TrialError:
        raise
    except Exception as error:
        raise FactMalformed(kind="a request", why=unreadable(error)) from error


def _after_introduction(snapshot: Snapshot, draft: Draft[Any], introduced: int) -> Draft[Any]:
    """Count the cause of a draft anew, where the introduction moves the cause on in the trial's stream."""
    cause, stream = draft.caused_by, trial_stream(snapshot.id)
    if cause is None or cause.stream != stream or cause.version <= snapshot.read.get(stream, 0):
        return draft
    return attrs.evolve(draft, caused_by=EntryRef(stream, cause.version + introduced))


def _refuse_another_day(snapshot: Snapshot, decided_at: datetime, recorded_at: datetime) -> None:
    """Refuse to record a decision on another day, at the site, than it was taken on.

    Raises:
        DayTurned: the day of the decision has ended at the site.
    """
    if snapshot.trial.protocol is None:
        return
    zone = snapshot.trial.protocol.site_zone
    decided, recorded = site_day(decided_at, zone), site_day(recorded_at, zone)
    if decided != recorded:
        raise DayTurned(decided=decided, recorded=recorded)


def refuse_future_day(when: date | ClinicalTime, today: date) -> None:
    """Refuse a day in the future.

    Raises:
        InTheFuture: the day lies after the site's day.
    """
    day = ClinicalTime.of(when)
    if day.first > today:
        raise InTheFuture(when=day, today=today)


def _refuse_future(fact: object, moment: datetime, today: date) -> None:
    """Refuse a fact if one of its dates or times, or one in its parts, lies in the future.

    Args:
        fact: the fact to record.
        moment: the time at the site, in its zone; a time may be an hour ahead of it, since clocks differ.
        today: the day at the site.

    Raises:
        InTheFuture: a date or a time lies in the future.
    """
    for field in attrs.fields(type(fact)):  # type: ignore[arg-type]  # every fact, and every part, is an attrs class
        value = getattr(fact, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, ClinicalTime):
                refuse_future_day(part, today)
                if part.lies_ahead(moment):
                    raise InTheFuture(when=part, today=today, moment=moment)
            elif attrs.has(type(part)):
                _refuse_future(part, moment, today)
