"""Rules about an infusion that no single aggregate can check: its amount, days between infusions, their number."""

from collections.abc import Iterator, Sequence
from datetime import date

from trialdomain.aggregates.trial import RecruitmentIsFull
from trialdomain.errors import CommandRefused
from trialdomain.events.participant import Infused
from trialdomain.limits.stagger import held_until
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_of_amount
from trialdomain.values.clinical.level import Label


class StaggerNotKept(CommandRefused):
    """A participant would be infused sooner after the previous one than the protocol allows."""

    code = "stagger-not-kept"

    def __init__(self, *, level: Label, until: date) -> None:
        super().__init__(f"the next infusion at level {level} is not before {until}: wait until then")
        self.level, self.until = level, until


class DoseNotOfLevel(CommandRefused):
    """The amount of an infusion belongs to another level than the named one, or to none."""

    code = "dose-not-of-level"

    def __init__(self, *, level: Label, received: Label | None) -> None:
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
