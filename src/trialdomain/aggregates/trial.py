"""The trial aggregate: the protocol in force, its users, halts of recruitment, and the conclusion."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import assert_never

import attrs

from trialdomain.aggregates.deviation import allow
from trialdomain.designs.design import Design
from trialdomain.errors import CommandRefused
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    RecruitmentResumed,
    RecruitmentSuspended,
    SoftwareChanged,
    TrialClosed,
    TrialEntryVoided,
    TrialExported,
    TrialFact,
    TrialRegistered,
    UserRegistered,
)
from trialdomain.limits.conclusion import against_conclusion
from trialdomain.limits.recommendation import against_recommending
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_kept import against_redefining
from trialdomain.values.clinical.decision import Decision, Mtd
from trialdomain.values.clinical.level import Label, listed_levels
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plural import singular_or
from trialdomain.values.given.text import short

_MOST_OF_A_REASON = 200
"""The longest quotation of a reason, in characters, in a sentence."""


class TrialUnknown(CommandRefused):
    """The log does not hold the trial."""

    code = "trial-unknown"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"trial {trial} is not in this log: register it first, or correct its code")
        self.trial = trial


class RecruitmentIsSuspended(CommandRefused):
    """A participant would be enrolled, or infused, while that is suspended."""

    code = "recruitment-is-suspended"

    def __init__(self, *, suspension: RecruitmentSuspended, act: str) -> None:
        why = short(suspension.why.plain, _MOST_OF_A_REASON)
        super().__init__(f"{act} is suspended since {suspension.on} ({why}): resume it once people have decided")
        self.suspension, self.act = suspension, act


class TrialIsClosed(CommandRefused):
    """A participant would be enrolled after recruitment was closed."""

    code = "trial-is-closed"

    def __init__(self, *, closing: TrialClosed) -> None:
        why = short(closing.why.plain, _MOST_OF_A_REASON)
        super().__init__(f"recruitment was closed on {closing.on} ({why}): no participant can be enrolled any more")
        self.closing = closing


class NotSuspended(CommandRefused):
    """Recruitment would be resumed that is not suspended, or on a day before its suspension."""

    code = "not-suspended"

    def __init__(self, *, trial: str, before: ClinicalTime | None = None) -> None:
        super().__init__(
            f"recruitment in {trial} is not suspended: there is nothing to resume"
            if before is None
            else f"recruitment in {trial} was suspended on {before}: it cannot be resumed before that"
        )
        self.trial, self.before = trial, before


class RecruitmentIsFull(CommandRefused):
    """More participants would be infused than the protocol allows."""

    code = "recruitment-is-full"

    def __init__(self, *, infused: int, most: int) -> None:
        super().__init__(
            f"{infused} {singular_or(infused, 'is', 'are')} infused or enrolled, and the protocol allows {most}: "
            f"amend it first"
        )
        self.infused, self.most = infused, most


class AmendmentUnusable(CommandRefused):
    """A protocol cannot follow the one in force."""

    code = "amendment-unusable"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"the amendment cannot follow the protocol in force: {why}")
        self.why = why


class AlreadyConcluded(CommandRefused):
    """A second conclusion about the MTD would be recorded."""

    code = "already-concluded"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"{trial} has its conclusion about the MTD: correct or void that entry")
        self.trial = trial


class TrialAlreadyRegistered(CommandRefused):
    """A trial would be registered a second time."""

    code = "trial-already-registered"

    def __init__(self, *, trial: str) -> None:
        super().__init__(f"trial {trial} is registered already: open it, or amend its protocol")
        self.trial = trial


@attrs.define
class Trial:
    """The state of a trial that decisions need."""

    __repr__ = in_short

    protocol: TrialProtocol | None = None
    versions: dict[str, TrialProtocol] = attrs.Factory(dict)
    """Every version of the protocol that was ever in force, by its name."""
    effective_on: date = date.min
    """The day from which the last amendment was in force."""
    software: str | None = None
    suspension: RecruitmentSuspended | None = None
    closing: TrialClosed | None = None
    conclusion: MtdDeclared | MtdNotEstablished | None = None
    recommended: dict[str, DoseRecommended] = attrs.Factory(dict)
    """By the key of its purpose: the recommended dose that stands."""
    users: dict[str, UserRegistered] = attrs.Factory(dict)

    def apply(self, entry: Recorded[TrialFact]) -> None:
        """Apply one current entry. No rule is checked, since the fact has happened."""
        match entry.fact:
            case TrialRegistered() | ProtocolAmended():
                self._bring_into_force(entry.fact)
            case UserRegistered():
                self.users[entry.fact.user] = entry.fact
            case SoftwareChanged(version=version):
                self.software = version
            case RecruitmentSuspended():
                self.suspension = entry.fact
            case RecruitmentResumed():
                self.suspension = None
            case TrialClosed():
                self.closing = entry.fact
            case MtdDeclared() | MtdNotEstablished():
                self.conclusion = entry.fact
            case DoseRecommended():
                self.recommended[entry.fact.purpose_key] = entry.fact
            case TrialExported() | TrialEntryVoided():
                pass  # an export changes nothing here; a void is never current
            case _:
                assert_never(entry.fact)

    def _bring_into_force(self, fact: TrialRegistered | ProtocolAmended) -> None:
        self.protocol = fact.protocol
        self.versions[fact.protocol.version] = fact.protocol
        if isinstance(fact, ProtocolAmended):
            self.effective_on = fact.effective_on

    def register(self, protocol: TrialProtocol) -> Sequence[TrialFact]:
        """Register the trial."""
        if self.protocol is not None:
            raise TrialAlreadyRegistered(trial=protocol.trial)
        return [TrialRegistered(protocol=protocol)]

    def introduce(self, user: UserRegistered, *, software: str) -> Sequence[TrialFact]:
        """Record the user and the version of the software, where they are new."""
        facts: list[TrialFact] = []
        if self.users.get(user.user) != user:
            facts.append(user)
        if self.software != software:
            facts.append(SoftwareChanged(version=software))
        return facts

    def against_enrollment(self) -> Iterator[CommandRefused]:
        """Yield each rule of the trial that an enrollment would break."""
        if self.closing is not None:
            yield TrialIsClosed(closing=self.closing)
        if self.suspension is not None:
            yield RecruitmentIsSuspended(suspension=self.suspension, act="enrollment")

    def against_infusion(self) -> Iterator[CommandRefused]:
        """Yield each rule of the trial that an infusion would break."""
        if self.suspension is not None and self.suspension.infusion:
            yield RecruitmentIsSuspended(suspension=self.suspension, act="infusion")

    def suspend(self, fact: RecruitmentSuspended) -> Sequence[TrialFact]:
        """Suspend recruitment, or infusion as well; return no fact where it is suspended already."""
        suspended = self.suspension is not None and (self.suspension.infusion or not fact.infusion)
        return [] if suspended else [fact]

    def resume(self, fact: RecruitmentResumed, *, trial: str) -> Sequence[TrialFact]:
        """Resume recruitment and infusion."""
        if self.suspension is None:
            raise NotSuspended(trial=trial)
        if fact.on.precedes(self.suspension.on):
            raise NotSuspended(trial=trial, before=self.suspension.on)
        return [fact]

    def close(self, fact: TrialClosed) -> Sequence[TrialFact]:
        """End recruitment."""
        if self.closing is not None:
            raise TrialIsClosed(closing=self.closing)
        return [fact]

    def amend(self, fact: ProtocolAmended, *, infused: Collection[Label], enrolling: bool) -> Sequence[TrialFact]:
        """Bring a new version of the protocol into force.

        Args:
            fact: the amendment.
            infused: the levels at which a participant was infused; they keep their dose.
            enrolling: whether a participant was enrolled or infused; then the first level of treatment stays.
        """
        old, new = self.protocol, fact.protocol
        if old is None:
            raise TrialUnknown(trial=new.trial)
        if why := against_taking_the_place(old, new):
            raise AmendmentUnusable(why=why)
        if why := against_redefining(old, new, infused):
            raise AmendmentUnusable(why=why)
        if enrolling and (why := against_another_start(old, new)):
            raise AmendmentUnusable(why=why)
        if new.version in self.versions:
            raise AmendmentUnusable(why=f"version {short(new.version)} was in force before; give it a new version")
        if fact.effective_on < self.effective_on:
            raise AmendmentUnusable(why=f"it takes effect on {fact.effective_on}, the last one on {self.effective_on}")
        if any(not new.has_level(level) for level in fact.reopens):
            named = short(list(fact.reopens), 80)
            raise AmendmentUnusable(why=f"it reopens levels {named}, and has {listed_levels(new.labels)}")
        return [fact]

    def conclude(
        self, fact: MtdDeclared | MtdNotEstablished, *, mtd: Mtd, design: Design, trial: str
    ) -> Sequence[TrialFact]:
        """Declare the MTD that the design gives, or that there is none; refuse any other MTD."""
        if self.conclusion is not None:
            raise AlreadyConcluded(trial=trial)
        allow(against_conclusion(fact, mtd, design=design, recruitment_ended=self.closing is not None), None)
        return [fact]

    def recommend(
        self, fact: DoseRecommended, *, decision: Decision, tallies: Sequence[Tally], design: Design
    ) -> Sequence[TrialFact]:
        """Recommend a dose level; refuse one above what the rule tolerates, or above the declared MTD."""
        allow(against_recommending(fact.level, decision, tallies, design=design, conclusion=self.conclusion), None)
        return [fact]


def against_taking_the_place(old: TrialProtocol, new: TrialProtocol) -> str | None:
    """Return why a protocol cannot replace another one, by an amendment or a correction; None when it can."""
    if new.trial != old.trial:
        return f"it is the protocol of {new.trial}"
    gone = [label for label in old.labels if not new.has_level(label)]
    if gone:
        return f"it does not have {listed_levels(gone)}: keep every level, also one that is not used any more"
    return None


def against_another_start(old: TrialProtocol, new: TrialProtocol) -> str | None:
    """Return why a protocol would begin at another level than the one in force; None when it would not.

    ``start_level`` is a place. A level that is put below the first one takes its place, and the design would go down to
    a level below every level that was treated.
    """
    first, would_be = old.start_label, new.start_label
    if first is None or would_be is None or would_be == first or not new.has_level(first):
        return None
    return (
        f"its start_level, {new.place(would_be)}, would be level {would_be}, and participants were enrolled while it "
        f"was level {first}: write start_level = {new.place(first)}, which is the place of level {first} now"
    )
