"""Facts about the trial as a whole."""

from datetime import date
from typing import TypeAlias

import attrs
from attrs.validators import matches_re, optional

from trialdomain.events.basis import Basis
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.calendar import day_of_a_trial
from trialdomain.values.clinical.level import Label, as_label, as_labels, level_label, level_labels
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import FreeText, folded, plain_text
from trialdomain.values.ids import check_id
from trialdomain.values.number import whole_number
from trialdomain.values.reason import HANDED_OUT, REASON
from trialdomain.values.role import Role
from trialdomain.values.word import Word


def _user_code(_: object, __: object, user: str) -> None:
    check_id("user", user)


@attrs.frozen(kw_only=True)
class TrialRegistered:
    """The record of the trial began, under this protocol."""

    __repr__ = in_short

    protocol: TrialProtocol


@attrs.frozen(kw_only=True)
class UserRegistered:
    """A user acted for the first time, or their details changed; other entries have only the id."""

    user: str = attrs.field(validator=_user_code)
    name: str = attrs.field(validator=plain_text)
    role: Role
    organization: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class SoftwareChanged:
    """The following entries were recorded by this version of the library."""

    version: str = attrs.field(validator=plain_text)


@attrs.frozen(kw_only=True)
class ProtocolAmended:
    """A new version of the protocol came into force."""

    __repr__ = in_short

    protocol: TrialProtocol
    effective_on: date = attrs.field(validator=day_of_a_trial)
    summary: FreeText = attrs.field(metadata={REASON: "version 2.0: a longer window of 28 days"})
    reopens: tuple[Label, ...] = attrs.field(default=(), converter=as_labels, validator=level_labels)
    """The levels that it reopens, including finally closed ones."""


@attrs.frozen(kw_only=True)
class RecruitmentSuspended:
    """Enrollment is suspended until people resume it; with ``infusion``, infusions are suspended too."""

    on: ClinicalTime
    why: FreeText = attrs.field(metadata={REASON: "two deaths are under review"})
    infusion: bool = False


@attrs.frozen(kw_only=True)
class RecruitmentResumed:
    """Enrollment and infusions were resumed."""

    on: ClinicalTime
    why: FreeText = attrs.field(metadata={REASON: "the review of 2026-05-04 found no relation"})


@attrs.frozen(kw_only=True)
class TrialClosed:
    """Recruitment was closed; observation continues."""

    on: ClinicalTime
    why: FreeText = attrs.field(metadata={REASON: "the MTD was declared, and follow-up is complete"})


@attrs.frozen(kw_only=True)
class MtdDeclared:
    """People declared the maximum tolerated dose that the design gives."""

    level: Label = attrs.field(converter=as_label, validator=level_label)
    bounded_above: bool
    """Whether a closed level lies above it."""
    basis: Basis


class NotEstablished(Word):
    """The reason why there is no maximum tolerated dose."""

    NONE_TOLERATED = "none-tolerated"
    RECRUITMENT_ENDED = "recruitment-ended"
    STOPPED = "stopped"


@attrs.frozen(kw_only=True)
class MtdNotEstablished:
    """People declared that there is no maximum tolerated dose."""

    why: NotEstablished
    basis: Basis
    candidate: Label | None = attrs.field(default=None, converter=as_label, validator=optional(level_label))
    """A level that the registry's words would allow, such as one with 1/6 when recruitment ends with 0/3 above it."""
    note: FreeText | None = None


@attrs.frozen(kw_only=True)
class DoseRecommended:
    """People recommended a dose level for a purpose, with or without an MTD.

    A later recommendation supersedes an earlier one of the same purpose (letter case and spaces make no difference).
    """

    level: Label = attrs.field(converter=as_label, validator=level_label)
    purpose: str = attrs.field(validator=plain_text)
    """What the dose is recommended for, such as phase II, or an expansion cohort."""
    rationale: FreeText = attrs.field(metadata={REASON: "the highest dose of this trial, without a DLT in three"})
    basis: Basis

    @property
    def purpose_key(self) -> str:
        """The purpose for comparison: without letter case, and with single spaces."""
        return folded(self.purpose)


@attrs.frozen(kw_only=True)
class TrialExported:
    """The log, or a part of it, was exported for a recipient."""

    what: str = attrs.field(validator=plain_text)
    why: FreeText = attrs.field(metadata={REASON: HANDED_OUT})
    root: str = attrs.field(validator=matches_re(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=|[0-9a-f]{64}"))
    """The root of the exported tree over entries before this one: base64, or hexadecimal in older entries."""


@attrs.frozen(kw_only=True)
class TrialEntryVoided:
    """An earlier entry of this stream was recorded in error and does not count."""

    version: int = attrs.field(validator=whole_number(least=1))


TrialFact: TypeAlias = (
    TrialRegistered
    | UserRegistered
    | SoftwareChanged
    | ProtocolAmended
    | RecruitmentSuspended
    | RecruitmentResumed
    | TrialClosed
    | MtdDeclared
    | MtdNotEstablished
    | DoseRecommended
    | TrialExported
    | TrialEntryVoided
)
