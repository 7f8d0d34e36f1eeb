"""Facts about one participant, from consent to the end of observation."""

from decimal import Decimal
from enum import Enum
from typing import TypeAlias

import attrs
from attrs.validators import ge, in_, instance_of, optional

from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.dose import Dose
from trialdomain.values.number import decimal_number
from trialdomain.values.text import FreeText, plain_text
from trialdomain.values.toxicity import Attribution, Outcome, Seriousness

_GRADE = [instance_of(int), in_(range(1, 6))]


class Signer(Enum):
    """Who signed a consent."""

    PARTICIPANT = "participant"
    GUARDIAN = "legal-guardian"


class WindowResult(Enum):
    """What the assessment of an observation window found."""

    NO_DLT = "no-dlt"
    DLT = "dlt"


def _ends_after_it_starts(fact: "Infused | AdverseEventReported", _: object, ended: ClinicalTime | None) -> None:
    start = fact.started_at if isinstance(fact, Infused) else fact.onset
    if ended is None:
        return
    if ended.at and start.at and (ended.at.tzinfo is None) == (start.at.tzinfo is None):
        backwards = ended.at < start.at
    else:
        backwards = ended.last < start.first
    if backwards:
        raise ValueError(f"it ended at {ended}, before it started at {start}")


@attrs.frozen(kw_only=True)
class Consented:
    """Informed consent was signed."""

    signed_on: ClinicalTime
    signer: Signer
    form_version: str = attrs.field(validator=plain_text)
    protocol_version: str = attrs.field(validator=plain_text)
    age: int | None = attrs.field(default=None, validator=optional(ge(0)))
    """In completed years at consent; a date of birth does not enter a log."""


@attrs.frozen(kw_only=True)
class Screened:
    """The participant was screened."""

    on: ClinicalTime


@attrs.frozen(kw_only=True)
class Enrolled:
    """The participant entered the trial, at this dose level."""

    on: ClinicalTime
    level: int = attrs.field(validator=ge(1))


@attrs.frozen(kw_only=True)
class ChemotherapyStarted:
    """A cycle of chemotherapy began."""

    on: ClinicalTime
    regimen: str = attrs.field(validator=plain_text)
    cycle: int = attrs.field(default=1, validator=ge(1))
    ecog: int | None = attrs.field(default=None, validator=optional(in_(range(6))))
    """ECOG performance status on that day."""


@attrs.frozen(kw_only=True)
class Infused:
    """The participant received one administration of the study drug."""

    level: int = attrs.field(validator=ge(1))
    """The dose level that was meant."""
    dose: Dose | None = None
    """The amount that was given, when it is known."""
    body_weight_kg: Decimal | None = attrs.field(default=None, validator=optional(decimal_number(least=0)))
    started_at: ClinicalTime
    ended_at: ClinicalTime | None = attrs.field(default=None, validator=_ends_after_it_starts)
    fraction: Decimal = attrs.field(default=Decimal(1), validator=decimal_number(least=0))
    """How much of it was given: 1 is the whole infusion."""
    route: str = attrs.field(default="intravenous", validator=plain_text)
    lot: str | None = attrs.field(default=None, validator=optional(plain_text))


@attrs.frozen(kw_only=True)
class AdverseEventReported:
    """An adverse event was reported for the first time."""

    event: str = attrs.field(validator=plain_text)
    """Its id, which follow-ups name."""
    term: str = attrs.field(validator=plain_text)
    ctcae_version: str = attrs.field(default="5.0", validator=plain_text)
    ctcae_code: str | None = attrs.field(default=None, validator=optional(plain_text))
    grade: int = attrs.field(validator=_GRADE)
    attributions: tuple[Attribution, ...] = ()
    serious: bool = False
    seriousness: tuple[Seriousness, ...] = ()
    """The criteria that make it serious."""
    expected: bool | None = None
    onset: ClinicalTime
    ended: ClinicalTime | None = attrs.field(default=None, validator=_ends_after_it_starts)
    outcome: Outcome | None = None
    aware_on: ClinicalTime | None = None
    """When the sponsor became aware."""

    def __attrs_post_init__(self) -> None:
        """Refuse a serious event without a criterion."""
        if self.serious and not self.seriousness:
            raise ValueError(f"adverse event {self.event} is serious, but no criterion says why")


@attrs.frozen(kw_only=True)
class DltWindowAssessed:
    """The observation window was assessed, up to and on a day."""

    on: ClinicalTime
    by: str = attrs.field(validator=plain_text)
    result: WindowResult
    missed: FreeText | None = None
    """Visits that were missed."""


ParticipantFact: TypeAlias = (
    Consented | Screened | Enrolled | ChemotherapyStarted | Infused | AdverseEventReported | DltWindowAssessed
)
