"""A dose level keeps its dose once anybody was infused at it: counts of a level are counts of one dose.

Source: this library's choice (docs/explanation/conduct.md). A 3+3 counts people by level, so a level that stood for
10 mg and then for 20 mg would add up people of two doses.
"""

from collections.abc import Collection, Iterable

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_received import level_received
from trialdomain.values.clinical.dose import Dose


def keeps(before: Dose | None, after: Dose | None) -> bool:
    """Say whether a level has the dose that it had: an amount that was absent may be supplied, none may be changed.

    Amounts are compared as numbers, units as they are written.
    """
    return before is None or before == after


def levels_of(infusion: Infused, in_force: TrialProtocol) -> frozenset[int]:
    """Give the levels that an infusion puts in use: the one that was meant, and the one that the amount belongs to."""
    received = level_received(infusion, in_force)
    return frozenset({infusion.level} if received is None else {infusion.level, received})


def dose_in(protocol: TrialProtocol, level: int) -> Dose | None:
    """Give the dose of a level; None where it has no amount, or where there is no such level."""
    return protocol.level(level).dose if level <= len(protocol.levels) else None


def against_redefining(old: TrialProtocol, new: TrialProtocol, infused: Collection[int]) -> str | None:
    """Say which level a new version would give another dose, though somebody was infused at it; None for none.

    Args:
        old: the version in force.
        new: the version that would follow it.
        infused: the levels at which anybody was infused.
    """
    for level in sorted(infused):
        before, after = dose_in(old, level), dose_in(new, level)
        if not keeps(before, after):
            return (
                f"level {level} would be {dose_words(after)}, and somebody was infused at it while it was "
                f"{dose_words(before)}: leave the dose and the place of level {level} as they are"
            )
    return None


def first_given(doses: Iterable[Dose | None]) -> Dose | None:
    """Give the first amount among the doses that a level had, in their order: what it has to keep."""
    return next((dose for dose in doses if dose is not None), None)


def dose_words(dose: Dose | None) -> str:
    """Say a dose, or that there is none."""
    return "without an amount" if dose is None else str(dose)
