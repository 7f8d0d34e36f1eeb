"""How every use case runs: decide on what is known now, seal, append, and decide again when something moved."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias

import attrs

from trialdomain.application.access import AccessRequest, NotPermitted, Permit, against
from trialdomain.application.coercion import make
from trialdomain.application.view import Drafts, View, drafts_in
from trialdomain.errors import CommandRefused
from trialdomain.events.access import AccessRefused
from trialdomain.events.recorded import Entry, Meta
from trialdomain.events.trial import TrialRegistered, UserRegistered
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.codec import fingerprint, utc
from trialdomain.storage.mapper import StoredEvent, entry_of, stored_of
from trialdomain.storage.sqlite import Command, SQLiteRecorder, StreamMoved
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import access_stream, check_id, trial_stream
from trialdomain.values.role import Role
from trialdomain.values.use_case import UseCase
from trialdomain.version import __version__

Clock: TypeAlias = Callable[[], datetime]
_REFUSALS = 1_000
"""How often a refusal is tried to be recorded while others are: it reads nothing but its own place."""
_ATTEMPTS = 8
"""How often a decision is taken again after something it read has moved."""


def utc_now() -> datetime:
    """Tell the time of the machine."""
    return datetime.now(UTC)


class InTheFuture(CommandRefused):
    """Something is recorded of a day that has not come yet."""

    code = "in-the-future"

    def __init__(self, *, when: ClinicalTime, today: date) -> None:
        super().__init__(f"{when} lies in the future: it is {today} at the site; correct the date")
        self.when, self.today = when, today


@attrs.frozen(kw_only=True)
class User:
    """Somebody who acts in a trial."""

    id: str
    name: str
    role: Role
    organization: str

    def introduced(self) -> UserRegistered:
        """Give the fact that says who this is.

        Raises:
            FactMalformed: the id is no code, a name is blank, or the role is none.
        """
        return make(UserRegistered, user=self.id, name=self.name, role=self.role, organization=self.organization)


@attrs.frozen
class Conduct:
    """Who acts in which trial of which log, by which clock."""

    trial: str
    user: User
    recorder: SQLiteRecorder
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
        name = use_case.value
        command = Command(
            id=check_id("command", command_id or self.new_id()), request=fingerprint(name, self.user.id, request)
        )
        for attempt in range(1, _ATTEMPTS + 1):
            view = View(self.trial, self.recorder)
            for needed in (use_case, *also(view)):
                self._ask(view, view.trial.protocol or registering, needed, about)
            done = self.recorder.recorded_before(self.trial, command)
            if done is not None:
                return self._entries(done.positions)
            drafts = decide(view)
            if not drafts and command_id is None:
                return []
            stored = self._sealed(view, drafts, command)
            try:
                appended = self.recorder.append(self.trial, stored, read=view.read, command=command)
            except StreamMoved:
                if attempt == _ATTEMPTS:
                    raise
            else:
                return self._entries(appended.positions)
        raise AssertionError("unreachable")

    def _ask(self, view: View, protocol: TrialProtocol | None, use_case: UseCase, about: str | None) -> None:
        """Refuse, and record the refusal, where the protocol or the service does not let the user do something."""
        if protocol is None:
            return  # of a trial that is not there nothing can be done: whoever decides says so
        request = AccessRequest.of(self.trial, self.user.introduced(), use_case, about)
        why = against(request, protocol, self.permit)
        if why is not None:
            if view.trial.protocol is not None:  # nothing is recorded of a trial before its registration
                self._record_refusal(view, request, why)
            raise NotPermitted(request=request, why=why)

    def _record_refusal(self, view: View, request: AccessRequest, why: str) -> None:
        """Record in a stream of its own that somebody was refused: no decision reads it.

        The user is not introduced in the trial's stream, which decisions read; the entry says who it was.
        """
        stream = access_stream(self.trial)
        fact = make(AccessRefused, use_case=request.use_case.value, role=request.role, why=f"{request}: {why}")
        for attempt in range(1, _REFUSALS + 1):
            version, command = self.recorder.version(stream), self.new_id()
            meta = Meta(recorded_at=self._now(view), user=self.user.id, command=command, part=1, parts=1)
            try:
                self.recorder.append(
                    self.trial,
                    [stored_of(stream, version + 1, fact, meta)],
                    read={stream: version},
                    command=Command(id=command, request=fingerprint("refuse", self.user.id, fact)),
                )
            except StreamMoved:
                if attempt == _REFUSALS:
                    raise
            else:
                return

    def _sealed(self, view: View, drafts: Drafts, command: Command) -> list[StoredEvent]:
        """Put drafts into their envelopes, after who acts with which software where that is new."""
        user = self.user.introduced()
        introduced = drafts_in(
            trial_stream(self.trial), view.trial.introduce(user, software=__version__) if drafts else []
        )
        first = [draft for draft in drafts if isinstance(draft.fact, TrialRegistered)]
        whole = [*first, *introduced, *(draft for draft in drafts if draft not in first)]
        recorded_at = self._now(view)
        versions = dict(view.read)
        sealed = []
        for part, draft in enumerate(whole, start=1):
            versions[draft.stream] = version = versions.get(draft.stream, 0) + 1
            meta = Meta(
                recorded_at=recorded_at,
                user=self.user.id,
                command=command.id,
                part=part,
                parts=len(whole),
                caused_by=draft.caused_by,
                corrects=draft.corrects,
                reason=draft.reason,
                deviation=draft.deviation,
                source=draft.source,
            )
            sealed.append(stored_of(draft.stream, version, draft.fact, meta))
        return sealed

    def _entries(self, positions: range) -> Sequence[Entry]:
        if not positions:
            return []
        first, last = positions[0], positions[-1]
        return [entry_of(stored) for stored in self.recorder.in_log_order(self.trial, after=first - 1, until=last)]

    def today(self, view: View) -> date:
        """Give the calendar day at the site."""
        return self._now(view).astimezone(view.protocol.site_zone).date()

    def _now(self, view: View) -> datetime:
        """Give the time, UTC, never before the last entry: a clock that went back makes nothing known unknown."""
        moments = (self.clock(), view.last_recorded())
        return max(utc(moment) for moment in moments if moment is not None)


def refuse_future_day(when: date | ClinicalTime, today: date) -> None:
    """Refuse a day that has not come yet.

    Raises:
        InTheFuture: it lies after the site's day.
    """
    told = ClinicalTime.of(when)
    if told.first > today:
        raise InTheFuture(when=told, today=today)


def refuse_future(fact: object, today: date) -> None:
    """Refuse a fact with a date, of its own or of a part of it, that has not come yet."""
    for field in attrs.fields(type(fact)):  # type: ignore[arg-type]  # every fact, and every part, is an attrs class
        value = getattr(fact, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, ClinicalTime):
                refuse_future_day(part, today)
            elif attrs.has(type(part)):
                refuse_future(part, today)
