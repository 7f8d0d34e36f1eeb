"""The envelope of every recorded fact; the system alone fills it."""

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
    """A reference to another entry of the same trial."""

    stream: str
    version: int


@attrs.frozen(kw_only=True)
class Source:
    """The origin of an imported entry: another system, and that system's name for the record."""

    system: str
    record: str


@attrs.frozen(kw_only=True)
class Meta:
    """The metadata of an entry: who recorded it, when, in which command, and why; absent fields are not stored."""

    recorded_at: datetime
    """In UTC, from the system's clock, the same for a whole command; never from the caller."""
    user: str
    command: str
    part: int
    """The number of the entry within its command, from 1."""
    parts: int
    caused_by: EntryRef | None = None
    """The entry that caused this one."""
    corrects: int | None = None
    """The version, in the same stream, of the entry that this one corrects."""
    reason: str | None = None
    deviation: str | None = None
    """The explanation of a broken rule of conduct, if any."""
    source: Source | None = None


class Envelope(Protocol):
    """The fields of a :class:`Meta`, in any form in which they were read."""

    @property
    def recorded_at(self) -> datetime: ...  # noqa: D102 - as in Meta, here and below
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
    """Convert an envelope to ``Meta``, the form for users and tests."""
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
    """A fact to append to a stream, with the fields of its envelope that the system does not fill."""

    stream: str
    fact: F_co
    caused_by: EntryRef | None = None
    corrects: int | None = None
    reason: str | None = None
    deviation: str | None = None
    source: Source | None = None


@attrs.frozen(kw_only=True)
class Recorded(Generic[F_co]):
    """A fact as recorded in the log, with its position and envelope.

    It is also an event of the ``eventsourcing`` library, and has that library's names for its stream and version.
    """

    __repr__ = in_short

    trial: str
    position: int
    """The position in the trial's log, from 1, without gaps; one more than the index of its leaf in the tree."""
    stream: str
    version: int
    """The position in its stream, from 1, without gaps."""
    envelope: Envelope = attrs.field(alias="meta", eq=opened, repr=lambda one: repr(opened(one)))
    """The envelope as it was read; it has the fields of ``meta`` and is cheaper."""
    fact: F_co

    @property
    def meta(self) -> Meta:
        """The metadata: who recorded it, when, in which command, and why."""
        return opened(self.envelope)

    @property
    def originator_id(self) -> str:
        """The stream, by its name in the ``eventsourcing`` library."""
        return self.stream

    @property
    def originator_version(self) -> int:
        """The version, by its name in the ``eventsourcing`` library."""
        return self.version

    @property
    def ref(self) -> EntryRef:
        """The reference by which another entry names this one."""
        return EntryRef(self.stream, self.version)


Entry: TypeAlias = Recorded[Fact]
