"""The envelope: what is recorded with every fact, and by the system alone."""

from datetime import datetime
from typing import Generic, Protocol, TypeAlias, TypeVar

import attrs

from trialdomain.events.access import AccessFact
from trialdomain.events.cohort import CohortFact
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.trial import TrialFact
from trialdomain.values.given.in_short import in_short

Fact: TypeAlias = TrialFact | CohortFact | ParticipantFact | AccessFact
F_co = TypeVar("F_co", covariant=True)


@attrs.frozen
class EntryRef:
    """Another entry of the same trial."""

    stream: str
    version: int


@attrs.frozen(kw_only=True)
class Source:
    """Where an entry came from, when no person made it here: another system, and its own name for the record."""

    system: str
    record: str


@attrs.frozen(kw_only=True)
class Meta:
    """Who recorded a fact, when, in which command, and why; what is absent is not stored."""

    recorded_at: datetime
    """UTC, from the system's clock, one for each command: never from the caller."""
    user: str
    command: str
    part: int
    """Which entry of its command this is, from 1."""
    parts: int
    caused_by: EntryRef | None = None
    """The entry that this one follows from."""
    corrects: int | None = None
    """The version, in the same stream, that this entry restates."""
    reason: str | None = None
    deviation: str | None = None
    """Why a rule of conduct was broken, where one was."""
    source: Source | None = None


class Envelope(Protocol):
    """What a :class:`Meta` says, in whatever form it was read; each field as there."""

    @property
    def recorded_at(self) -> datetime: ...  # noqa: D102 - as in Meta, and so on
    @property
    def user(self) -> str: ...  # noqa: D102
    @property
    def command(self) -> str: ...  # noqa: D102
    @property
    def part(self) -> int: ...  # noqa: D102
    @property
    def parts(self) -> int: ...  # noqa: D102
    @property
    def caused_by(self) -> EntryRef | None: ...  # noqa: D102
    @property
    def corrects(self) -> int | None: ...  # noqa: D102
    @property
    def reason(self) -> str | None: ...  # noqa: D102
    @property
    def deviation(self) -> str | None: ...  # noqa: D102
    @property
    def source(self) -> Source | None: ...  # noqa: D102


def opened(envelope: Envelope) -> Meta:
    """Give an envelope in the one form that people and tests see."""
    if isinstance(envelope, Meta):
        return envelope
    return Meta(
        recorded_at=envelope.recorded_at,
        user=envelope.user,
        command=envelope.command,
        part=envelope.part,
        parts=envelope.parts,
        caused_by=envelope.caused_by,
        corrects=envelope.corrects,
        reason=envelope.reason,
        deviation=envelope.deviation,
        source=envelope.source,
    )


@attrs.frozen(kw_only=True)
class Draft(Generic[F_co]):
    """A fact about to be appended to a stream, and what its envelope will say besides the system's part."""

    stream: str
    fact: F_co
    caused_by: EntryRef | None = None
    corrects: int | None = None
    reason: str | None = None
    deviation: str | None = None
    source: Source | None = None


@attrs.frozen(kw_only=True)
class Recorded(Generic[F_co]):
    """A fact as it stands in the log.

    It is an event to the ``eventsourcing`` library as well, whose names for its place it has.
    """

    __repr__ = in_short

    trial: str
    position: int
    """Its place in the trial's log, from 1, without gaps; one more than its leaf's index in the tree."""
    stream: str
    version: int
    """Its place in its stream, from 1, without gaps."""
    envelope: Envelope = attrs.field(alias="meta", eq=opened, repr=lambda one: repr(opened(one)))
    """As it was read, which costs less than ``meta`` and says the same."""
    fact: F_co

    @property
    def meta(self) -> Meta:
        """Who recorded it, when, in which command, and why."""
        return opened(self.envelope)

    @property
    def originator_id(self) -> str:
        """The stream, in the words of the ``eventsourcing`` library."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, in the words of the ``eventsourcing`` library."""
        return self.version

    @property
    def ref(self) -> EntryRef:
        """How another entry names this one."""
        return EntryRef(self.stream, self.version)


Entry: TypeAlias = Recorded[Fact]
