"""Rules about an infusion that no single aggregate can check: its amount, days between infusions, their number."""

from collections.abc import Iterator, Sequence
from datetime import date

from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import Infused
from trialdomain.limits.sentinel import Hold, observed_until, observed_words
from trialdomain.limits.stagger import held_until
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_kept import dose_in
from trialdomain.rules.dose_received import level_of_amount, missing_size
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.clinical.level import Label


class StaggerNotKept(CommandRefused):
    """A participant would be infused sooner after the previous one than the protocol allows."""

    code = "stagger-not-kept"

    def __init__(self, *, level: Label, until: date) -> None:
        super().__init__(f"the next infusion at level {level} is not before {until}: wait until then")
        self.level, self.until = level, until


class SentinelNotCleared(CommandRefused):
    """A participant would be infused at a level whose sentinel is still observed, or awaits a decision of people."""

    code = "sentinel-not-cleared"

    def __init__(self, *, level: Label, sentinel: str, until: date, why: str) -> None:
        super().__init__(why)
        self.level, self.sentinel, self.until, self.why = level, sentinel, until, why


class DoseNotOfLevel(CommandRefused):
    """The amount of an infusion belongs to another level than the named one, or to none.

    Args:
        level: the named level.
        received: the level of the amount; None where there is none.
        per: the measure of the body that the amount was divided by.
        units: the units of the amount and of the level, where they are of different kinds.
    """

    code = "dose-not-of-level"

    def __init__(
        self,
        *,
        level: Label,
        received: Label | None,
        per: DosePer | None = None,
        units: tuple[str, str] | None = None,
    ) -> None:
        belongs = "no dose level" if received is None else f"level {received}"
        amount, correct = "the amount", "one of them"
        if per is not None:
            amount, correct = f"the amount per {per}", f"the amount, the {_BODY[per]} or the level"
        because = ""
        if units is not None:
            because = f" (its unit is {units[0]}, and the dose of level {level} is in {units[1]}, another kind of unit)"
        super().__init__(f"{amount} belongs to {belongs}{because}, but level {level} is meant: correct {correct}")
        self.level, self.received, self.per, self.units = level, received, per, units


class BodySizeMissing(CommandRefused):
    """The dose of a level is by weight or body surface, and the infusion does not have it."""

    code = "body-size-missing"

    def __init__(self, *, level: Label, per: DosePer) -> None:
        super().__init__(
            f"the dose of level {level} is per {per}, and the {_BODY[per]} is not recorded: give it with the infusion "
            f"({_FIELDS[per]})"
        )
        self.level, self.per = level, per


_BODY = {DosePer.KG: "body weight", DosePer.M2: "body surface"}
_FIELDS = {DosePer.KG: "body_weight_kg", DosePer.M2: "bsa_m2"}


def against_number(taken: int, protocol: TrialProtocol) -> Iterator[CommandRefused]:
    """Yield a refusal when the protocol allows no more than the ``taken`` infused or enrolled participants."""
    if protocol.max_infused is not None and taken >= protocol.max_infused:
        yield RecruitmentIsFull(infused=taken, most=protocol.max_infused)


def against_amount(fact: Infused, protocol: TrialProtocol) -> Iterator[CommandRefused]:
    """Yield a refusal of an amount that does not belong to the named level, or cannot be divided by the body size."""
    received, meant = level_of_amount(fact, protocol), dose_in(protocol, fact.level)
    if received != fact.level:
        yield _not_of_level(fact, meant, received)
    if (per := missing_size(fact, meant)) is not None:
        yield BodySizeMissing(level=fact.level, per=per)


def _not_of_level(fact: Infused, meant: Dose | None, received: Label | None) -> DoseNotOfLevel:
    given = fact.dose
    if given is None or meant is None:
        return DoseNotOfLevel(level=fact.level, received=received)
    units = None if given.is_like(meant) else (given.unit, meant.unit)
    return DoseNotOfLevel(level=fact.level, received=received, per=None if units else meant.per, units=units)


def against_stagger(fact: Infused, before: Sequence[date], protocol: TrialProtocol) -> Iterator[CommandRefused]:
    """Yield a refusal of an infusion too soon after an earlier one at its level, or too soon before a later one.

    ``before`` holds the days of the recorded infusions at the level; some may lie later than this one.
    """
    day = fact.started_at.first
    earlier, later = [one for one in before if one <= day], [one for one in before if one > day]
    until, then = held_until(earlier, protocol.stagger), held_until([*earlier, day], protocol.stagger)
    if until is not None and day < until:
        yield StaggerNotKept(level=fact.level, until=until)
    elif later and then is not None and min(later) < then:
        yield StaggerNotKept(level=fact.level, until=then)


def against_hold(hold: Hold | None) -> Iterator[CommandRefused]:
    """Yield a refusal of an infusion that must wait for the sentinel of its level."""
    if hold is not None:
        yield SentinelNotCleared(level=hold.level, sentinel=hold.sentinel, until=hold.until, why=hold.why)


def against_sentinel_days(
    fact: Infused, subject: str, others: Sequence[tuple[date, str]], protocol: TrialProtocol
) -> Iterator[CommandRefused]:
    """Yield a refusal of an infusion within the observation of a sentinel, by the days alone.

    A participant who was infused earlier, and is recorded later, becomes the sentinel of those who follow.

    Args:
        fact: the infusion.
        subject: the participant.
        others: the days of the recorded infusions of others at the level, each with the participant; some may lie
            later than this one.
        protocol: the protocol.
    """
    rule, day = protocol.stagger.sentinel, fact.started_at.first
    if rule is None or not others:
        return
    first, sentinel = min(others, key=lambda one: one[0])
    if first > day:
        second, first, sentinel = first, day, subject
    else:
        second = day
    until = observed_until(first, rule)
    if second < until:
        why = observed_words(sentinel, fact.level, rule, until=until)
        yield SentinelNotCleared(level=fact.level, sentinel=sentinel, until=until, why=why)
