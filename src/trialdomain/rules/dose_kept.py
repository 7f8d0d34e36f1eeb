"""The rule that a dose level keeps its dose once a participant was infused at it: its counts are counts of one dose.

Source: this library's choice (docs/explanation/conduct.md). A 3+3 counts participants by level. So a level that was
first 10 mg and then 20 mg would add up participants of two doses.
"""

from collections.abc import Collection, Iterable

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_received
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label


def keeps(before: Dose | None, after: Dose | None) -> bool:
    """Say whether a level keeps its dose: a missing amount may be supplied, but a known one must not change.

    Amounts are compared as numbers, units as texts.
    """
    return before is None or before == after


def levels_of(infusion: Infused, in_force: TrialProtocol) -> frozenset[Label]:
    """Return the levels that an infusion uses: the named level, and the level that the amount belongs to."""
    received = level_received(infusion, in_force)
    return frozenset({infusion.level} if received is None else {infusion.level, received})


def dose_in(protocol: TrialProtocol, level: Label) -> Dose | None:
    """Return the dose of a level; None where it has no amount, or does not exist."""
    return protocol.level(level).dose if protocol.has_level(level) else None


def against_redefining(old: TrialProtocol, new: TrialProtocol, infused: Collection[Label]) -> str | None:
    """Return the reason against a new version that changes a level in use: its dose, or its place among them.

    Levels without an infusion may change, and new ones may be put anywhere.

    Args:
        old: the version in force.
        new: the version that would follow it.
        infused: the levels at which a participant was infused.
    """
    used = sorted(infused, key=old.in_order)
    for level in used:
        before, after = dose_in(old, level), dose_in(new, level)
        if not keeps(before, after):
            return (
                f"level {level} would be {dose_words(after)}, but a participant was infused at it while it was "
                f"{dose_words(before)}: leave its dose as it is, and give another dose a level with a label of its own"
            )
    if sorted(used, key=new.in_order) != used:
        as_it_was = ", ".join(map(str, used))
        return f"participants were infused at levels {as_it_was}, in this order of doses: keep their order"
    return None


def first_given(doses: Iterable[Dose | None]) -> Dose | None:
    """Return the first known dose among the doses of a level, in their order: the level has to keep it."""
    return next((dose for dose in doses if dose is not None), None)


def dose_words(dose: Dose | None) -> str:
    """Phrase a dose, or its absence."""
    return "without an amount" if dose is None else str(dose)
