"""A story that was read: its protocol, its users, and its lines."""

from collections.abc import Hashable, Mapping
from datetime import date, time
from typing import Any, TypeAlias

import attrs

from trialdomain.commands.runner import User
from trialdomain.events.recorded import Fact
from trialdomain.stories.vocabulary import Verb
from trialdomain.values.clinical.decision import Action, MtdStatus
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.clinical.toxicity import Attribution
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Answers:
    """The answers to criteria that a screening says."""

    eligible: bool = False
    """Whether made-up answers meet every criterion, but for the others."""
    attested: bool = False
    """Whether made-up attestations alone do so."""
    findings: tuple[Finding, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    without: tuple[str, ...] = ()
    """The names of made-up findings, and the ids of criteria, that are left unanswered."""

    @property
    def said(self) -> bool:
        """Whether the story says anything about them."""
        return self != Answers()


@attrs.frozen(kw_only=True)
class Phrase:
    """One verb with its values."""

    verb: Verb
    fields: Mapping[str, Any] = attrs.Factory(dict)
    on: ClinicalTime | None = None
    """When it happened; None for the day of the line."""
    at: str | None = None
    """The time of day at which it happened, on the day of the line."""
    attributions: tuple[Attribution, ...] = ()
    answers: Answers = Answers()
    deviation: str | None = None
    column: int


@attrs.frozen(kw_only=True)
class Deciding:
    """What people decide: by default what the rule recommends."""

    action: Action | None = None
    level: Label | None = None
    slots: int | None = None


@attrs.frozen(kw_only=True)
class Amending:
    """Where the next version of the protocol stands: in a file, or in the lines below."""

    file: str | None = None
    text: str = ""


@attrs.frozen(kw_only=True)
class Acts:
    """Acts of one line: each phrase for each subject."""

    subjects: tuple[str, ...] = ()
    phrases: tuple[Phrase, ...]
    deciding: Deciding | None = None
    amending: Amending | None = None


@attrs.frozen(kw_only=True)
class Reference:
    """An entry by its kind and number, or an adverse event by its id."""

    noun: str
    number: int | None = None
    """The number among the subject's entries of this kind, from 1; None for the only one."""
    event: str | None = None
    subject: str | None = None
    column: int


@attrs.frozen
class Stored:
    """The value of a field that has no word, as a log stores it, in JSON."""

    text: str


@attrs.frozen(kw_only=True)
class Edit:
    """A change of a list: one member of it, or all of them."""

    field: str
    key: Hashable | None = None
    """What tells the member apart; None for all of them."""
    value: Any = None
    """The member; None if it is left out."""


@attrs.frozen(kw_only=True)
class Correction:
    """A correction of an entry: the fields with their new values."""

    entry: Reference
    kind: type[Fact]
    changes: Mapping[str, Any]
    edits: tuple[Edit, ...] = ()
    """Changes of lists, in the order in which they are made."""
    amending: Amending | None = None
    """Where a corrected protocol stands; None if it is not corrected."""
    because: str


@attrs.frozen(kw_only=True)
class Voiding:
    """The withdrawal of an entry."""

    entry: Reference
    because: str


@attrs.frozen(kw_only=True)
class TallyExpected:
    """Expected counts of a level; None where nothing is said."""

    level: Label
    treated: int | None = None
    evaluable: int | None = None
    dlts: int | None = None
    pending: int | None = None
    not_evaluable: int | None = None


@attrs.frozen(kw_only=True)
class NextExpected:
    """The expected next action."""

    action: Action
    level: Label | None = None
    slots: int | None = None
    because: str | None = None


@attrs.frozen(kw_only=True)
class MtdExpected:
    """The expected state of the search for the MTD."""

    status: MtdStatus
    level: Label | None = None


@attrs.frozen(kw_only=True)
class EndpointExpected:
    """The expected value of an endpoint, of one participant or of the trial."""

    endpoint: str
    subject: str | None = None
    """None for the whole trial."""
    parts: tuple[str, ...]
    """The parts of the value that are said, such as ``2 of 3`` and ``1 not observed``."""
    column: int


@attrs.frozen(kw_only=True)
class FindingsExpected:
    """The expected findings of an audit, beside notes."""

    ids: tuple[str, ...] = ()


@attrs.frozen
class NothingExpected:
    """The last act is expected to have recorded nothing."""


@attrs.frozen(kw_only=True)
class FollowsExpected:
    """A fact that is expected to have followed from the last act."""

    name: str
    subject: str | None = None
    level: Label | None = None


Expected: TypeAlias = (
    TallyExpected | NextExpected | MtdExpected | EndpointExpected | FindingsExpected | NothingExpected | FollowsExpected
)
Item: TypeAlias = Acts | Correction | Voiding | Expected


@attrs.frozen(kw_only=True)
class Moment:
    """When a line was recorded: a day, or some days or hours after the line before."""

    day: date | None = None
    clock: time | None = None
    days: int = 0
    hours: int = 0


@attrs.frozen(kw_only=True)
class Line:
    """One line of a story."""

    number: int
    text: str
    moment: Moment | None = None
    """None for a line on the day of the line before."""
    item: Item
    by: str | None = None
    """The user who acts; None for the first user."""
    by_column: int = 1
    refused: str | None = None
    """The code of the refusal that is expected."""
    known: date | None = None
    """For an expectation: the day until which the log is read; None for now."""
    record: str | None = None
    """For what was imported: the name of the record in the system that it comes from."""
    column: int = 1


@attrs.frozen(kw_only=True)
class Told:
    """The protocol of a story: a preset or a file, with changes in TOML."""

    name: str | None = None
    """The name of the preset, or of a file beside the story; None if the lines below are the whole protocol."""
    by: str | None = None
    """The user who registers the trial; None for the first user."""
    text: str = ""
    line: int = 1
    column: int = 1
    """The place of the name."""


@attrs.frozen(kw_only=True)
class Story:
    """A story that was read."""

    __repr__ = in_short

    file: str
    protocol: Told
    strict: bool = False
    """Whether nothing is made up: no default, and no act that had to come before."""
    imported: str | None = None
    """The system from which the records come, if the trial begins with an import."""
    users: tuple[User, ...] = ()
    lines: tuple[Line, ...] = ()
