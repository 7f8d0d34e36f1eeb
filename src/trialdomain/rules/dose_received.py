"""Which dose level an infusion belongs to."""

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol


def level_received(infusion: Infused, protocol: TrialProtocol) -> int | None:
    """Find the level whose dose is within ``dose_tolerance`` of the amount; None when no level is.

    The level that was meant counts where an amount, or the doses of the levels, are not known.
    """
    if protocol.tally_by is TallyBy.ASSIGNED:
        return infusion.level
    given = infusion.dose
    doses = [(level.level, level.dose) for level in protocol.levels]
    if given is None or any(dose is None for _, dose in doses):
        return infusion.level
    near = [
        level
        for level, dose in doses
        if dose is not None
        and dose.unit == given.unit
        and abs(given.amount - dose.amount) <= protocol.dose_tolerance * dose.amount
    ]
    return infusion.level if infusion.level in near else next(iter(near), None)
