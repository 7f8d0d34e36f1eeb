"""How every use case runs: decide on what is known now, and append it if nothing that the decision read has moved.

Commands are serializable: each is recorded as if it had been the only one at its position (docs/adr/0015). A decision
is first taken without the write lock, which holds nobody up. Its read set, every stream that it read, is compared under
that lock; when one has moved, the decision is taken again, and the last time under the lock itself, so that no command
starves.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from random import uniform
from time import sleep
from typing import Protocol

import attrs

from trialdomain.commands.access import AccessRequest, NotPermitted, Permit, against
from trialdomain.commands.clock import Clock, told
from trialdomain.commands.coercion import FactMalformed, make, unreadable
from trialdomain.commands.sealing import sealed, stored
from trialdomain.commands.snapshot import Drafts, View, drafts_in
from trialdomain.errors import CommandRefused, Conflict, InputInvalid, TrialError
from trialdomain.events.access import AccessRefused
from trialdomain.events.recorded import Entry
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
"""How often a decision is taken without the write lock, before it is taken under it."""
_PAUSE_SECONDS = 0.01
"""The longest pause before a decision is taken again, by chance, so that those who met do not meet again."""


class DayTurned(Conflict):
    """The site's day ended while something was decided; nothing was recorded, and the decision may be taken again."""

    code = "day-turned"

    def __init__(self, *, decided: date, recorded: date) -> None:
        super().__init__(f"it was decided on {decided}, and it is {recorded} at the site by now: decide again")
        self.decided, self.recorded = decided, recorded


class InTheFuture(CommandRefused):
    """Something is recorded of a day that has not come yet."""

    code = "in-the-future"

    def __init__(self, *, when: ClinicalTime, today: date, moment: datetime | None = None) -> None:
        now, what = (today, "date") if moment is None else (f"{moment:%Y-%m-%dT%H:%M%z}", "time")
        super().__init__(f"{when} lies in the future: it is {now} at the site; correct the {what}")
        self.when, self.today, self.moment = when, today, moment


def _role(given: Role | str) -> Role:
    return word_of("role", Role, given)


@attrs.frozen(kw_only=True)
class User:
    """Somebody who acts in a trial; the role may be given as its text.

    Raises:
        WordUnknown: the role is none.
    """

    id: str
    name: str
    role: Role = attrs.field(converter=_role)
    organization: str

    def introduced(self) -> UserRegistered:
        """Give the fact that says who this is.

        Raises:
            FactMalformed: the id is no code, a name is blank, or the role is none.
        """
        return make(UserRegistered, user=self.id, name=self.name, role=self.role, organization=self.organization)


def _plainly(user: User) -> User:
    """Ask a user once who that is, so that what is asked for and what is recorded are of the same person.

    Raises:
        InputInvalid: it is no user.
        FactMalformed: the user's id is no code, a name is blank, or the role is none.
    """
    if not is_a(user, User):
        raise InputInvalid(f"{short(user)!r} is no user: give a User with id, name, role and organization")
    fact = User.introduced(user)
    return User(id=fact.user, name=fact.name, role=fact.role, organization=fact.organization)


@attrs.frozen
class _Denied:
    """A request that the protocol or the service does not allow, and why."""

    request: AccessRequest
    why: str
    registered: bool
    """Whether there is a trial to record it in."""


class _Attempt(Protocol):
    """One attempt of a use case; ``locked`` says whether it is made under the write lock."""

    def __call__(self, view: View, *, locked: bool) -> Appended | _Denied:
        """Give what was recorded, or why it is not allowed."""


@attrs.frozen
class Conduct:
    """Who acts in which trial of which log, by which clock."""

    trial: str
    user: User = attrs.field(converter=_plainly)
    store: Store
    clock: Clock
    new_id: Callable[[], str]
    permit: Permit | None = None
    """How the embedding service decides who may do what; None where the protocol's table alone does."""

    def run(
        self,
        use_case: UseCase,
        request: object,
        decide: Callable[[View], Drafts],
        command_id: str | None,
        *,
        about: str | None = None,
        also: Callable[[View], Sequence[UseCase]] = lambda _: (),
        registering: TrialProtocol | None = None,
    ) -> Sequence[Entry]:
        """Ask whether the user may, decide on what is known now, and append; when something has moved, once more.

        Args:
            use_case: what is asked for.
            request: all that was given, by which a repeated request is recognised.
            decide: gives what is to be recorded.
            command_id: an id by which a repeated request is recognised.
            about: the participant, where it is about one.
            also: names the use cases that the user must have besides.
            registering: the protocol, where the trial is only about to be recorded.

        Raises:
            NotPermitted: the user may not; that is recorded.
        """
        repeatable = command_id is not None
        command = Command(
            id=check_id("command", self.new_id() if command_id is None else command_id),
            request=_known_by(use_case.value, self.user.id, request),
        )

        def attempt(view: View, *, locked: bool) -> Appended | _Denied:
            for needed in (use_case, *also(view)):
                denied = self._denied(view, view.trial.protocol or registering, needed, about)
                if denied is not None:
                    return denied
            if locked and self.store.head(self.trial) != view.position:
                view = self._view_now()  # whoever was asked has recorded something
            done = self.store.recorded_before(self.trial, command)
            if done is not None:
                return done
            drafts = decide(view)
            if not drafts and not repeatable:
                return Appended(positions=range(0))
            return self._append(view, drafts, command, locked=locked)

        outcome = self._attempted(attempt)
        if isinstance(outcome, _Denied):
            if outcome.registered:
                self._record_refusal(outcome)
            raise NotPermitted(request=outcome.request, why=outcome.why)
        return self._entries(outcome)

    def _attempted(self, attempt: _Attempt) -> Appended | _Denied:
        """Attempt something on what is known now, again where that has moved, and in the end under the write lock."""
        for number in range(_ATTEMPTS):
            if number:
                sleep(uniform(0, _PAUSE_SECONDS * number))  # noqa: S311 - a pause, no secret
            try:
                return attempt(View(self.trial, self.store), locked=False)
            except (StreamMoved, DayTurned):
                continue
        return self.store.alone(lambda: attempt(self._view_now(), locked=True))

    def _view_now(self) -> View:
        """Read what is known under the write lock, at a time that was told under it."""
        moment = told(self.clock)  # first: whatever else a clock does, the view sees it
        view = View(self.trial, self.store)
        view.moment = max(moment, view.last_recorded() or moment)
        return view

    def _denied(
        self, view: View, protocol: TrialProtocol | None, use_case: UseCase, about: str | None
    ) -> _Denied | None:
        """Say why the protocol, or the service, does not let the user do something; None where they may."""
        if protocol is None:
            return None  # of a trial that is not there nothing can be done: whoever decides says so
        request = AccessRequest.of(self.trial, self.user.introduced(), use_case, about)
        why = against(request, protocol, self.permit)
        return None if why is None else _Denied(request, why, registered=view.trial.protocol is not None)

    def _record_refusal(self, denied: _Denied) -> None:
        """Record in a stream of its own that somebody was refused: no decision reads it.

        The user is not introduced in the trial's stream, which decisions read; the entry says who it was.
        """
        request, stream = denied.request, access_stream(self.trial)
        why = f"{request}: {denied.why}"
        fact = make(AccessRefused, use_case=request.use_case.value, role=request.role, why=why)
        command = Command(id=check_id("command", self.new_id()), request=fingerprint("refuse", self.user.id, fact))

        def record() -> None:
            view = self._view_now()
            view.entries(stream)
            self._append(view, drafts_in(stream, [fact]), command, locked=True, introduced=False)

        self.store.alone(record)

    def _append(
        self, view: View, drafts: Drafts, command: Command, *, locked: bool, introduced: bool = True
    ) -> Appended:
        """Seal and append what was decided on a view.

        The time is told under the write lock, and never before the last entry's: so times never fall along a log, and
        what was known at a past moment never changes.

        Args:
            view: what was known.
            drafts: what was decided.
            command: the command.
            locked: whether this thread holds the write lock, and told the time under it.
            introduced: whether to record first who acts with which software, where that is new.

        Raises:
            StreamMoved: something that the decision read has moved.
            DayTurned: the day on which it was decided has ended.
        """
        whole = self._with_introduction(view, drafts) if introduced and drafts else drafts
        decided_at = self._moment(view)
        early = self._sealed(view, whole, command, decided_at)  # what cannot be stored is refused before the lock

        def seal() -> list[StoredEvent]:
            if locked or not whole:
                return early
            recorded_at = max(told(self.clock), view.last_recorded_now() or decided_at, decided_at)
            _refuse_another_day(view, decided_at, recorded_at)
            if recorded_at == decided_at:
                return early
            return self._sealed(view, whole, command, recorded_at, checked=True)

        return self.store.append(self.trial, [Sealed(command, seal)], read=view.read_set, within=locked)

    def _with_introduction(self, view: View, drafts: Drafts) -> Drafts:
        """Put before drafts who acts, with which software, where that is new; but the registration comes first."""
        introduced = drafts_in(
            trial_stream(self.trial), view.trial.introduce(self.user.introduced(), software=__version__)
        )
        first = [draft for draft in drafts if isinstance(draft.fact, TrialRegistered)]
        return [*first, *introduced, *(draft for draft in drafts if draft not in first)]

    def _sealed(
        self, view: View, drafts: Drafts, command: Command, recorded_at: datetime, *, checked: bool = False
    ) -> list[StoredEvent]:
        """Put drafts into their envelopes; what was checked before is not read back again."""
        entries = sealed(
            drafts,
            trial=self.trial,
            user=self.user.id,
            command=command.id,
            recorded_at=recorded_at,
            versions=view.read,
            after=view.position,
        )
        return stored(entries, made_here=checked)

    def _entries(self, appended: Appended) -> Sequence[Entry]:
        """Give the entries of a command; those of one that was recorded before are read."""
        if not appended.positions or not appended.repeated:
            return [entry_of(one) for one in appended.entries]
        first, last = appended.positions[0], appended.positions[-1]
        return [entry_of(one) for one in self.store.in_log_order(self.trial, after=first - 1, until=last)]

    def today(self, view: View) -> date:
        """Give the calendar day at the site, on which the decision is taken."""
        return site_day(self._moment(view), view.protocol.site_zone)

    def refuse_future(self, view: View, fact: object) -> None:
        """Refuse a fact with a date or a time that has not come yet.

        Raises:
            InTheFuture: it lies after the site's day, or more than an hour ahead of the clock.
        """
        _refuse_future(fact, self._moment(view).astimezone(view.protocol.site_zone), self.today(view))

    def _moment(self, view: View) -> datetime:
        """Give the time at which a decision is taken: one for all of it, and never before the last entry.

        A clock that went back makes nothing known unknown.
        """
        if view.moment is None:
            moments = (told(self.clock), view.last_recorded())
            view.moment = max(moment for moment in moments if moment is not None)
        return view.moment


def _known_by(*request: object) -> bytes:
    """Hash what was asked.

    Raises:
        RequestUnreadable: a value has no content that would be the same the next time.
        FactMalformed: a value cannot be read.
    """
    try:
        return fingerprint(*request)
    except TrialError:
        raise
    except Exception as error:
        raise FactMalformed(kind="a request", why=unreadable(error)) from error


def _refuse_another_day(view: View, decided_at: datetime, recorded_at: datetime) -> None:
    """Refuse to record on one day what was decided on another.

    Raises:
        DayTurned: the site's day has ended meanwhile.
    """
    if view.trial.protocol is None:
        return
    zone = view.trial.protocol.site_zone
    decided, recorded = site_day(decided_at, zone), site_day(recorded_at, zone)
    if decided != recorded:
        raise DayTurned(decided=decided, recorded=recorded)


def refuse_future_day(when: date | ClinicalTime, today: date) -> None:
    """Refuse a day that has not come yet.

    Raises:
        InTheFuture: it lies after the site's day.
    """
    told = ClinicalTime.of(when)
    if told.first > today:
        raise InTheFuture(when=told, today=today)


def _refuse_future(fact: object, moment: datetime, today: date) -> None:
    """Refuse a fact with a date or a time, of its own or of a part of it, that has not come yet.

    Args:
        fact: what is to be recorded.
        moment: the time at the site, in its zone; a time may be an hour ahead of it, for clocks differ.
        today: the day there.

    Raises:
        InTheFuture: there is one.
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
