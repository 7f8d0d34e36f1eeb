"""Facts about one participant, from consent to the end of observation."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import attrs
from attrs.validators import optional

from trialdomain.events.happened import HAPPENED, UNDATED
from trialdomain.values.clinical.ctcae import term_on
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label, as_label, level_label
from trialdomain.values.clinical.ranges import BOUNDED_ABOVE, check_body_surface, check_result, check_vital_sign
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale
from trialdomain.values.clinical.screening import Attestation, CriterionAssessment, Finding, Gate
from trialdomain.values.clinical.toxicity import GRADES, Attribution, Outcome, Seriousness
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass
from trialdomain.values.clinical.unit import UCUM, is_known, known_unit, optional_unit
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import FreeText, is_plain, optional_text, plain_text
from trialdomain.values.number import decimal_number, is_ordinary, optional_number, whole_number
from trialdomain.values.reason import REASON
from trialdomain.values.word import Word

_GRADE = whole_number(least=GRADES[0], most=GRADES[-1])


class Signer(Word):
    """The person who signed a consent."""

    PARTICIPANT = "participant"
    GUARDIAN = "legal-guardian"


class WindowResult(Word):
    """The result of the assessment of an observation window."""

    NO_DLT = "no-dlt"
    DLT = "dlt"
    NOT_EVALUABLE = "not-evaluable"
    """It can no longer be known whether the window was observed to its end."""


class ImportedScreening(Word):
    """The result of a screening by another system that gives no answers to the criteria."""

    ENROLLED = "enrolled"
    SCREEN_FAILURE = "screen-failure"


class Comparator(Word):
    """The bound in a laboratory result such as "< 5"."""

    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


class VitalSign(Word):
    """The vital sign that was measured."""

    TEMPERATURE = "temperature"
    OXYGEN_SATURATION = "oxygen-saturation"
    HEART_RATE = "heart-rate"
    RESPIRATORY_RATE = "respiratory-rate"
    SYSTOLIC_PRESSURE = "systolic-pressure"
    DIASTOLIC_PRESSURE = "diastolic-pressure"
    BODY_WEIGHT = "body-weight"
    BODY_HEIGHT = "body-height"


class BodySite(Word):
    """The site on the body where a temperature was measured."""

    ORAL = "oral"
    AXILLARY = "axillary"
    TYMPANIC = "tympanic"
    RECTAL = "rectal"
    FOREHEAD = "forehead"


class WithdrawalScope(Word):
    """The scope of a withdrawal; only the last two end observation."""

    TREATMENT = "treatment"
    FOLLOW_UP = "follow-up"
    USE_OF_DATA = "use-of-data"


def _not_before(start: str) -> "Callable[[object, attrs.Attribute[ClinicalTime | None], ClinicalTime | None], None]":
    """Make a validator that refuses an end which certainly lies before its start."""

    def check(fact: object, attribute: "attrs.Attribute[ClinicalTime | None]", end: ClinicalTime | None) -> None:
        started = getattr(fact, start)
        if end is not None and started is not None and end.precedes(started):
            raise ValueError(f"{attribute.name} {end} lies before {start} {started}")

    return check


_OLDEST = 150
"""The highest age in years. No person has been older, so a higher age is a typing error."""


@attrs.frozen(kw_only=True)
class Consented:
    """Informed consent was signed."""

    signed_on: ClinicalTime = attrs.field(metadata=HAPPENED)
    signer: Signer
    form_version: str = attrs.field(validator=plain_text)
    protocol_version: str = attrs.field(validator=plain_text)
    age: int | None = attrs.field(default=None, validator=optional(whole_number(least=0, most=_OLDEST)))
    """In completed years at consent, up to 150; a date of birth does not enter a log."""
    site: str | None = attrs.field(default=None, validator=optional_text)
    """The code of the site, where the protocol has several: the participant's dates and times are those of its zone."""


@attrs.frozen(kw_only=True)
class Screened:
    """The participant was screened: the findings, the attestations, and the resulting answer to each criterion."""

    __repr__ = in_short

    on: ClinicalTime
    findings: tuple[Finding, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    assessment: tuple[CriterionAssessment, ...] = ()
    imported: ImportedScreening | None = None
    """The result by another system, where it gives no answers to the criteria."""


@attrs.frozen(kw_only=True)
class ScreenFailed:
    """The participant was found not eligible."""

    on: ClinicalTime
    why: FreeText = attrs.field(metadata={REASON: "ejection fraction 40 %"})


@attrs.frozen(kw_only=True)
class CriteriaAnswered:
    """The criteria of a later gate were answered, before chemotherapy or the infusion."""

    __repr__ = in_short

    gate: Gate
    on: ClinicalTime
    findings: tuple[Finding, ...] = ()
    attestations: tuple[Attestation, ...] = ()


@attrs.frozen(kw_only=True)
class Enrolled:
    """The participant entered the trial, at this dose level."""

    on: ClinicalTime
    level: Label = attrs.field(converter=as_label, validator=level_label)


@attrs.frozen(kw_only=True)
class LevelReassigned:
    """The participant was moved to another dose level before the infusion."""

    on: ClinicalTime
    from_level: Label = attrs.field(converter=as_label, validator=level_label)
    to_level: Label = attrs.field(converter=as_label, validator=level_label)
    why: FreeText = attrs.field(metadata={REASON: "level 2 was closed before the infusion"})


@attrs.frozen(kw_only=True)
class ChemotherapyStarted:
    """A cycle of chemotherapy began."""

    on: ClinicalTime
    regimen: str = attrs.field(validator=plain_text)
    cycle: int = attrs.field(default=1, validator=whole_number(least=1))
    ecog: int | None = attrs.field(default=None, validator=optional(whole_number(least=0, most=5)))
    """ECOG performance status on that day."""


@attrs.frozen(kw_only=True)
class ChemotherapyGiven:
    """A cycle of chemotherapy was given."""

    regimen: str = attrs.field(validator=plain_text)
    cycle: int = attrs.field(default=1, validator=whole_number(least=1))
    agents: tuple[str, ...]
    started_on: ClinicalTime = attrs.field(metadata=HAPPENED)
    ended_on: ClinicalTime | None = attrs.field(default=None, validator=_not_before("started_on"))


@attrs.frozen(kw_only=True)
class Infused:
    """The participant received one administration of the study drug."""

    level: Label = attrs.field(converter=as_label, validator=level_label)
    """The intended dose level."""
    dose: Dose | None = None
    """The amount that was given in all, when it is known. An import may have it per kg or per m2, as it was written."""
    body_weight_kg: Decimal | None = attrs.field(default=None, validator=optional_number(least=0))
    """The body weight in kg, by which the dose was computed."""
    bsa_m2: Decimal | None = attrs.field(default=None, validator=optional_number(least=0))
    """The body surface area in m2, by which the dose was computed."""
    started_at: ClinicalTime = attrs.field(metadata=HAPPENED)
    ended_at: ClinicalTime | None = attrs.field(default=None, validator=_not_before("started_at"))
    fraction: Decimal = attrs.field(default=Decimal(1), validator=decimal_number(least=0, most=1))
    """The fraction of the infusion that was given; 1 is all of it."""
    route: str = attrs.field(default="intravenous", validator=plain_text)
    lot: str | None = attrs.field(default=None, validator=optional_text)

    def __attrs_post_init__(self) -> None:
        """Refuse an impossible body weight or surface, and a start without a day, since the window starts on it."""
        if self.started_at.day is None:
            raise ValueError(f"started_at {self.started_at} has no day, but the window starts on a day")
        if self.body_weight_kg is not None:
            check_vital_sign(VitalSign.BODY_WEIGHT.value, self.body_weight_kg, "kg")
        if self.bsa_m2 is not None:
            check_body_surface(self.bsa_m2)


@attrs.frozen(kw_only=True)
class LabRecorded:
    """A laboratory result was recorded, as the laboratory reported it."""

    analyte: str
    """A usual name, a short code, SDTM's LBTESTCD or a LOINC code: ``Neutrophils``, ``ANC``, ``NEUT``, ``751-8``."""
    value: Decimal
    comparator: Comparator | None = None
    unit: str | None = attrs.field(default=None, metadata={UCUM: True})
    """UCUM; None where the laboratory gave none, and then no rule counts the value."""
    collected_at: ClinicalTime = attrs.field(metadata=HAPPENED)
    lower_limit: Decimal | None = None
    upper_limit: Decimal | None = None
    laboratory: str | None = None
    specimen: str | None = None
    """In the words of SDTM's LBSPEC; None stands for blood, serum or plasma. Endpoints read no other specimen."""

    def __attrs_post_init__(self) -> None:
        """Refuse an impossible result.

        Most entries of a log are results, so a fast check comes first. Only where it fails is each field checked.

        Raises:
            ValueImpossible: the result is outside its possible range; see :mod:`trialdomain.values.clinical.ranges`.
        """
        lower, upper, laboratory = self.lower_limit, self.upper_limit, self.laboratory
        if not (
            is_plain(self.analyte)
            and is_ordinary(self.value)
            and (lower is None or is_ordinary(lower))
            and (upper is None or is_ordinary(upper))
            and is_known(self.unit)
            and (laboratory is None or is_plain(laboratory))
            and (self.specimen is None or is_plain(self.specimen))
        ):
            for field in attrs.fields(LabRecorded):
                check = _LAB_CHECKS.get(field.name)
                if check is not None:
                    check(self, field, getattr(self, field.name))
        if not (
            self.value > 0
            and self.unit not in BOUNDED_ABOVE
            and (lower is None or lower >= 0)
            and (upper is None or upper >= 0)
        ):
            bound = None if self.comparator is None else self.comparator.value
            check_result(self.analyte, self.unit, self.value, comparator=bound, limits=(lower, upper))


_LAB_CHECKS: Mapping[str, Callable[[object, "attrs.Attribute[Any]", Any], None]] = {
    "analyte": plain_text,
    "value": decimal_number(),
    "unit": optional_unit,
    "lower_limit": optional_number(),
    "upper_limit": optional_number(),
    "laboratory": optional_text,
    "specimen": optional_text,
}


@attrs.frozen(kw_only=True)
class VitalSignRecorded:
    """A vital sign was measured."""

    sign: VitalSign
    value: Decimal = attrs.field(validator=decimal_number())
    unit: str = attrs.field(validator=known_unit, metadata={UCUM: True})
    measured_at: ClinicalTime = attrs.field(metadata=HAPPENED)
    site: BodySite | None = None
    """The site on the body, for a temperature."""
    room_air: bool | None = None
    """For an oxygen saturation: whether it was measured without additional oxygen."""

    def __attrs_post_init__(self) -> None:
        """Refuse a unit of another quantity, and an impossible value."""
        check_vital_sign(self.sign.value, self.value, self.unit)


@attrs.frozen(kw_only=True)
class AdverseEventReported:
    """An adverse event was reported for the first time."""

    event: str = attrs.field(validator=plain_text)
    """The id of the event, which follow-ups name."""
    term: str = attrs.field(validator=plain_text)
    scale: Scale = CTCAE_5_0
    """The scale of the grade, also of the grades of its follow-ups."""
    ctcae_code: str | None = attrs.field(default=None, validator=optional_text)
    """The code of the term in CTCAE 5.0; None on another scale."""
    unchecked: bool = False
    """Whether the term is outside the table of this library, so that its grade could not be checked. It is false on a
    scale other than CTCAE 5.0 and SDTM severity: of those terms the table says nothing."""
    grade: int = attrs.field(validator=_GRADE)
    """A grade of the scale."""
    grade_mapped: bool = False
    """Whether the grade was mapped from severity in words; it is then exempt from the grades that a term has."""
    attributions: tuple[Attribution, ...] = ()
    serious: bool | None = False
    """None where another system does not say; that never means "not serious"."""
    seriousness: tuple[Seriousness, ...] = ()
    """The criteria that make the event serious; another system may name none."""
    expected: bool | None = None
    onset: ClinicalTime = attrs.field(metadata=HAPPENED)
    ended: ClinicalTime | None = attrs.field(default=None, validator=_not_before("onset"))
    outcome: Outcome | None = None
    aware_on: ClinicalTime | None = None
    """The time at which the sponsor became aware."""
    linked_to: str | None = attrs.field(default=None, validator=optional_text)
    """The id by which another system joins several rows to one event."""

    def __attrs_post_init__(self) -> None:
        """Refuse a grade that the scale, or on CTCAE 5.0 the term, does not have."""
        check_grade(self.term, self.grade, scale=self.scale, mapped=self.grade_mapped)


@attrs.frozen(kw_only=True)
class AdverseEventFollowedUp:
    """An adverse event changed after its report; a field that is None has not changed. This is not a correction."""

    event: str = attrs.field(validator=plain_text)
    on: ClinicalTime
    """The date from which the change applies."""
    grade: int | None = attrs.field(default=None, validator=optional(_GRADE))
    attributions: tuple[Attribution, ...] = ()
    serious: bool | None = None
    seriousness: tuple[Seriousness, ...] = ()
    ended: ClinicalTime | None = None
    outcome: Outcome | None = None
    aware_on: ClinicalTime | None = None


@attrs.frozen(kw_only=True)
class DltWindowAssessed:
    """The observation window was assessed, up to and on a day."""

    on: ClinicalTime
    by: str = attrs.field(validator=plain_text)
    result: WindowResult
    missed: FreeText | None = None
    """Visits that were missed."""
    why: FreeText | None = None
    """The reason, which the result not evaluable needs."""

    def __attrs_post_init__(self) -> None:
        """Refuse the result not evaluable without a reason."""
        if self.result is WindowResult.NOT_EVALUABLE and self.why is None:
            raise ValueError("the result not-evaluable needs a reason: give why")


@attrs.frozen(kw_only=True)
class Transfused:
    """A blood product was given."""

    on: ClinicalTime
    product: BloodProduct
    units: Decimal = attrs.field(validator=decimal_number(least=0))


@attrs.frozen(kw_only=True)
class AntiInfectiveGiven:
    """An anti-infective agent was given."""

    agent: str = attrs.field(validator=plain_text)
    atc_code: str | None = attrs.field(default=None, validator=optional_text)
    route: str = attrs.field(validator=plain_text)
    intent: Intent = Intent.UNKNOWN
    started_on: ClinicalTime = attrs.field(metadata=HAPPENED)
    ended_on: ClinicalTime | None = attrs.field(default=None, validator=_not_before("started_on"))
    """None while it is ongoing."""


@attrs.frozen(kw_only=True)
class ConcomitantMedicationGiven:
    """Another medication was given."""

    agent: str = attrs.field(validator=plain_text)
    medication_class: MedicationClass = MedicationClass.OTHER
    route: str = attrs.field(validator=plain_text)
    started_on: ClinicalTime = attrs.field(metadata=HAPPENED)
    ended_on: ClinicalTime | None = attrs.field(default=None, validator=_not_before("started_on"))
    """None while it is ongoing."""


@attrs.frozen(kw_only=True)
class Relapsed:
    """The leukemia came back."""

    on: ClinicalTime


@attrs.frozen(kw_only=True)
class NewTherapyStarted:
    """A new anti-leukemic therapy began."""

    on: ClinicalTime
    kind: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class Withdrew:
    """The participant withdrew, from treatment, from follow-up, or from the use of their data."""

    on: ClinicalTime
    scope: WithdrawalScope
    last_contact: ClinicalTime | None = None
    why: FreeText | None = attrs.field(default=None, metadata={REASON: "moved away, on a day that is not known"})


@attrs.frozen(kw_only=True)
class LostToFollowUp:
    """The site cannot reach the participant any more."""

    on: ClinicalTime
    last_contact: ClinicalTime

    def __attrs_post_init__(self) -> None:
        """Refuse a last contact after the day from which the participant counts as lost."""
        if self.on.precedes(self.last_contact):
            raise ValueError(f"last_contact {self.last_contact} lies after {self.on}, the day of the loss")


@attrs.frozen(kw_only=True)
class Died:
    """The participant died."""

    on: ClinicalTime
    event: str | None = attrs.field(default=None, validator=optional_text)
    """The adverse event that caused the death, if any."""


@attrs.frozen(kw_only=True)
class CompletedFollowUp:
    """The participant was observed to the planned end."""

    on: ClinicalTime


@attrs.frozen(kw_only=True)
class ParticipantEntryVoided:
    """An earlier entry of this stream was recorded in error and does not count."""

    version: int = attrs.field(validator=whole_number(least=1), metadata=UNDATED)


def check_grade(term: str, grade: int, *, scale: Scale, mapped: bool = False) -> None:
    """Refuse a grade that a scale does not have, and one that CTCAE 5.0 does not give to a term.

    A term that the table of CTCAE 5.0 lacks, a term on another scale, and a mapped grade may have any grade of the
    scale.

    Raises:
        ValueError: the scale, or the term, has no such grade.
    """
    if grade not in scale.grades:
        raise ValueError(f"{scale} has no grade {grade}: it has {scale.grades_text}")
    known = term_on(scale, term)
    if known is not None and grade not in known.grades and not mapped:
        grades = ", ".join(map(str, sorted(known.grades)))
        raise ValueError(f"{known.term} has no grade {grade} in {scale}: it has {grades}")


ParticipantFact: TypeAlias = (
    Consented
    | Screened
    | ScreenFailed
    | CriteriaAnswered
    | Enrolled
    | LevelReassigned
    | ChemotherapyStarted
    | ChemotherapyGiven
    | Infused
    | LabRecorded
    | VitalSignRecorded
    | AdverseEventReported
    | AdverseEventFollowedUp
    | DltWindowAssessed
    | Transfused
    | AntiInfectiveGiven
    | ConcomitantMedicationGiven
    | Relapsed
    | NewTherapyStarted
    | Withdrew
    | LostToFollowUp
    | Died
    | CompletedFollowUp
    | ParticipantEntryVoided
)
