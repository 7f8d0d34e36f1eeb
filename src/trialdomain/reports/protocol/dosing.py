"""How a protocol doses, in clauses."""

import re
from collections.abc import Iterator
from decimal import Decimal

from trialdomain.designs.registry import design_of
from trialdomain.protocol.conduct_rules import Sentinel, SentinelRequirement, Stagger
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.given.plural import how_many

_DIVIDED = {DosePer.KG: "body weight in kg", DosePer.M2: "body surface in m2"}


def dosing(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about the levels, their doses, the order of infusions and the numbers of participants."""
    yield from _levels(protocol)
    yield _administrations(protocol.administrations)
    yield from _stagger(protocol.stagger)
    if protocol.stagger.sentinel is not None:
        yield from _sentinel(protocol.stagger.sentinel)
    if protocol.target_recruitment is not None:
        yield f"the target is {how_many(protocol.target_recruitment, 'infused participant')}; more give a warning"
    if protocol.max_infused is not None:
        target = protocol.target_recruitment or 0
        short = f", so the target of {target} cannot be reached" if protocol.max_infused < target else ""
        yield f"at most {how_many(protocol.max_infused, 'participant is', 'participants are')} infused{short}"
    yield from _days(protocol)


def dose_in_words(dose: Dose) -> str:
    """Read a dose and its UCUM unit out: ``3 x 10^6 cells per kg``."""
    unit = _POWER.sub(r"x 10^\1 ", dose.unit).replace("[iU]", "IU").replace("[arb'U]", "arbitrary units")
    unit = _OF.sub(r"\1 of {", unit).translate(_NO_BRACES)
    return f"{dose.amount:f} {unit}".strip() + ("" if dose.per is None else f" per {dose.per}")


_POWER = re.compile(r"10\*(-?\d+)\.?")
_OF = re.compile(r"([A-Za-z\]])\{")
_NO_BRACES = {ord("{"): None, ord("}"): None, ord("_"): " "}


def percent(share: Decimal) -> str:
    """Format a share as a percentage without trailing zeros: ``10 %``."""
    return f"{(share * 100).normalize():f} %"


def _levels(protocol: TrialProtocol) -> Iterator[str]:
    levels = protocol.levels
    doses = [level.dose for level in levels if level.dose is not None]
    named = ", ".join(
        str(level.label) if level.dose is None else f"{level.label} ({dose_in_words(level.dose)})" for level in levels
    )
    yield f"{how_many(len(levels), 'dose level')}, from the lowest: {named}"
    per = next((dose.per for dose in doses if dose.per is not None), None)
    if per is not None:
        yield f"the amount of an infusion is divided by the {_DIVIDED[per]} that is recorded with it"
    if doses:
        yield (
            f"an infusion belongs to a level if its amount differs from the level's dose by at most "
            f"{percent(protocol.dose_tolerance)}"
        )
        yield "an amount that fits two levels belongs to the one that is meant, or else to the lower one"
        yield "an infusion that belongs to another level than the one meant is refused, unless as a deviation"
    if protocol.design is not None:
        place = design_of(protocol.design).start_level()
        where = "the lowest" if place == 1 else f"number {place} from the lowest"
        yield f"the first participant is treated at level {levels[place - 1].label}, {where}"
        yield "one level is treated at a time"
    counted = "whose dose was received" if protocol.tally_by is TallyBy.RECEIVED else "that was assigned"
    yield f"a participant is counted at the level {counted}"


def _administrations(number: int | None) -> str:
    if number is None:
        return "the number of infusions of a participant is not stated"
    return f"a participant has {how_many(number, 'infusion')}"


def _stagger(stagger: Stagger) -> Iterator[str]:
    first, between = max(stagger.first_to_second_days, stagger.between_days), stagger.between_days
    if first == between:
        if between:
            yield f"at a level, an infusion comes at least {how_many(between, 'day')} after the one before"
        return
    yield f"at a level, the second infusion comes at least {how_many(first, 'day')} after the first"
    if between:
        yield f"each later infusion at a level comes at least {how_many(between, 'day')} after the one before"


def _sentinel(rule: Sentinel) -> Iterator[str]:
    yield (
        f"the first participant infused at a level is its sentinel: nobody else is infused there before "
        f"{how_many(rule.observation_days, 'day')} later"
    )
    if SentinelRequirement.OBSERVED in rule.requires:
        yield (
            "the next infusion there waits until the sentinel is seen on the last of these days or later; if the "
            "sentinel left, died or completed the follow-up before it, until people decide to treat at the level"
        )
    if SentinelRequirement.NO_DLT in rule.requires:
        yield (
            "if the sentinel has a DLT, on any day, the next infusion there waits until people decide to treat at the "
            "level"
        )


def _days(protocol: TrialProtocol) -> Iterator[str]:
    if protocol.sites:
        sites = ", ".join(f"{site.id} ({site.zone})" for site in protocol.sites)
        yield f"the days of a participant are those of their site: {sites}"
    zone = protocol.zone_name(None)
    if zone is not None:
        yield f"the days of the trial are those of {zone}"
