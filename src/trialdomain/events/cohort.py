"""Facts about one dose level: its slots, its DLTs, and the decisions about it."""

from typing import TypeAlias

import attrs

from trialdomain.events.basis import Basis
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.evaluation import Standing
from trialdomain.values.clinical.level import Label, as_label, level_label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import FreeText, optional_text, plain_text
from trialdomain.values.number import whole_number
from trialdomain.values.reason import REASON
from trialdomain.values.word import Word


class Release(Word):
    """The reason why a slot was released."""

    NOT_EVALUABLE = "not-evaluable"
    """Another participant has to take the slot at the same level."""
    WITHDRAWN = "withdrawn-before-infusion"
    REASSIGNED = "reassigned"
    LEVEL_CLOSED = "level-closed"


class Stop(Word):
    """The cause that stopped enrollment at a level."""

    CLOSED_BY_DESIGN = "closed-by-design"
    """Outcomes closed this level, or a lower one, by the rule of the design."""
    DECISION = "decision"
    SUSPENSION = "suspension"


@attrs.frozen(kw_only=True)
class CohortOpened:
    """A dose level was opened with this number of slots."""

    level: Label = attrs.field(converter=as_label, validator=level_label)
    dose: Dose | None
    slots: int = attrs.field(validator=whole_number(least=1))


@attrs.frozen(kw_only=True)
class CohortExpanded:
    """The level got more slots; the number is the new total."""

    slots: int = attrs.field(validator=whole_number(least=1))
    why: FreeText = attrs.field(metadata={REASON: "the safety committee asked for it on 2026-05-04"})


@attrs.frozen(kw_only=True)
class SlotFilled:
    """A participant took a slot of this level."""

    subject: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class SlotReleased:
    """The slot of a participant was released."""

    subject: str = attrs.field(validator=plain_text)
    why: Release


@attrs.frozen(kw_only=True)
class MemberInfused:
    """A participant was infused at this level."""

    subject: str = attrs.field(validator=plain_text)
    on: ClinicalTime
    standing: Standing


@attrs.frozen(kw_only=True)
class DltAttributed:
    """A participant counts as one with DLT at this level, for an adverse event or for laboratory entries."""

    subject: str = attrs.field(validator=plain_text)
    event: str | None = attrs.field(default=None, validator=optional_text)
    laboratory: tuple[int, ...] = ()
    """The versions, in the participant's stream, of the results that make a cytopenia dose-limiting."""
    onset: ClinicalTime

    def __attrs_post_init__(self) -> None:
        """Refuse a DLT without a source, or with both an adverse event and laboratory entries."""
        if (self.event is None) == (not self.laboratory):
            raise ValueError("a DLT rests on an adverse event or on laboratory entries")


@attrs.frozen(kw_only=True)
class DltRevoked:
    """A participant no longer counts as one with DLT at this level."""

    subject: str = attrs.field(validator=plain_text)
    why: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class MemberAssessed:
    """A participant's evaluation changed."""

    subject: str = attrs.field(validator=plain_text)
    standing: Standing


@attrs.frozen(kw_only=True)
class EnrollmentStopped:
    """Enrollment stopped at this level and at every level above it."""

    cause: Stop


@attrs.frozen(kw_only=True)
class EnrollmentResumed:
    """Enrollment resumed at this level, because the cause of the stop no longer holds."""

    cause: Stop


@attrs.frozen(kw_only=True)
class EscalationDecided:
    """People took an escalation decision; the fact is in the stream of the level in turn, or of the last one."""

    __repr__ = in_short

    recommended: Decision
    decided: Decision
    basis: Basis
    by: str = attrs.field(validator=plain_text)
    rationale: FreeText | None = attrs.field(default=None, metadata={REASON: "three more are asked for at level 1"})
    """The reason, where the decision differs from the recommendation."""


@attrs.frozen(kw_only=True)
class CohortEntryVoided:
    """An earlier entry of this stream was recorded in error and does not count."""

    version: int = attrs.field(validator=whole_number(least=1))


CohortFact: TypeAlias = (
    CohortOpened
    | CohortExpanded
    | SlotFilled
    | SlotReleased
    | MemberInfused
    | DltAttributed
    | DltRevoked
    | MemberAssessed
    | EnrollmentStopped
    | EnrollmentResumed
    | EscalationDecided
    | CohortEntryVoided
)
