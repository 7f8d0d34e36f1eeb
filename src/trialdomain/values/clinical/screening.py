"""The findings and assessments of a screening, or of a later gate."""

from decimal import Decimal

import attrs
from attrs.converters import optional

from trialdomain.values.clinical.ranges import check_answer
from trialdomain.values.clinical.unit import optional_unit
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText, optional_text, plain_text, short
from trialdomain.values.number import as_decimal, optional_number
from trialdomain.values.word import Word


class Gate(Word):
    """The point in the trial at which a criterion is judged."""

    SCREENING = "screening"
    CHEMOTHERAPY = "chemotherapy"
    INFUSION = "infusion"


class CriterionStatus(Word):
    """The result of judging one criterion."""

    MET = "met"
    UNMET = "unmet"
    NOT_ANSWERED = "not-answered"
    NOT_DUE = "not-due"


@attrs.frozen(kw_only=True)
class Finding:
    """A recorded finding that a criterion compares: exactly one of a yes or no, words, a number, or a date."""

    name: str = attrs.field(validator=plain_text)
    """The name of the finding in the protocol: ``spo2``, ``diagnosis``, ``last_anticancer_therapy``."""
    yes: bool | None = None
    words: str | None = attrs.field(default=None, validator=optional_text)
    number: Decimal | None = attrs.field(
        default=None, converter=optional(as_decimal), validator=optional_number(least=0)
    )
    unit: str | None = attrs.field(default=None, validator=optional_unit)
    upper_limit: Decimal | None = attrs.field(
        default=None, converter=optional(as_decimal), validator=optional_number(least=0)
    )
    """The laboratory's upper limit of normal, if the criterion compares with it."""
    date: ClinicalTime | None = None
    """The date that is the finding itself, such as that of the last therapy."""
    on: ClinicalTime | None = None
    """The date of the observation."""

    def __attrs_post_init__(self) -> None:
        """Refuse a finding without a value or with several values, and an impossible number."""
        if sum(value is not None for value in (self.yes, self.words, self.number, self.date)) != 1:
            raise ValueError(f"finding {short(self.name)} must have exactly one of yes, words, number and date")
        if self.number is not None:
            check_answer(self.name, self.number, self.unit)


@attrs.frozen(kw_only=True)
class Attestation:
    """A user's answer to a criterion: whether its statement is true."""

    criterion: str = attrs.field(validator=plain_text)
    answer: bool
    comment: FreeText | None = None


@attrs.frozen(kw_only=True)
class CriterionAssessment:
    """The result of judging one criterion, with the reason."""

    criterion: str = attrs.field(validator=plain_text)
    status: CriterionStatus
    why: str = attrs.field(validator=plain_text)
