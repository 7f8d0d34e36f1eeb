"""Rules about an infusion that no single aggregate can check: its amount, days between infusions, their number."""

from collections.abc import Iterator, Sequence
from datetime import date

from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import Infused
from trialdomain.limits.sentinel import Hold, observed_until
from trialdomain.limits.stagger import held_until
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_of_amount


class StaggerNotKept(CommandRefused):
    """A participant would be infused sooner after the previous one than the protocol allows."""

    code = "stagger-not-kept"

    def __init__(self, *, level: int, until: date) -> None:
        super().__init__(f"the next infusion at level {level} is not before {until}: wait until then")
        self.level, self.until = level, until


class SentinelNotCleared(CommandRefused):
    """A participant would be infused at a level whose sentinel is still observed, or awaits a decision of people."""

    code = "sentinel-not-cleared"

    def __init__(self, *, level: int, sentinel: str, until: date, why: str) -> None:
        super().__init__(why)
        self.level, self.sentinel, self.until, self.why = level, sentinel, until, why


class DoseNotOfLevel(CommandRefused):
    """The amount of an infusion belongs to another level than the named one, or to none."""

    code = "dose-not-of-level"

    def __init__(self, *, level: int, received: int | None) -> None:
        belongs = "no dose level" if received is None else f"level {received}"
        super().__init__(f"the amount belongs to {belongs}, but level {level} is meant: correct one of them")
        self.level, self.received = level, received


def against_number(taken: int, protocol: TrialProtocol) -> Iterator[CommandRefused]:
    """Yield a refusal when the protocol allows no more than the ``taken`` infused or enrolled participants."""
    if protocol.max_infused is not None and taken >= protocol.max_infused:
        yield RecruitmentIsFull(infused=taken, most=protocol.max_infused)


def against_amount(fact: Infused, protocol: TrialProtocol) -> Iterator[CommandRefused]:
    """Yield a refusal of an amount that does not belong to the named level."""
    received = level_of_amount(fact, protocol)
    if received != fact.level:
        yield DoseNotOfLevel(level=fact.level, received=received)


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
        why = (
            f"{sentinel}, the sentinel of level {fact.level}, is observed for {rule.observation_days} days: the next "
            f"infusion there is not before {until}"
        )
        yield SentinelNotCleared(level=fact.level, sentinel=sentinel, until=until, why=why)
