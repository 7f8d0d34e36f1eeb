"""The dose level that an infusion belongs to."""

from decimal import Decimal
from fractions import Fraction

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.unit import convert


def level_received(infusion: Infused, protocol: TrialProtocol) -> Label | None:
    """Find the level at which an infusion counts: the level of its amount, or the named level (``tally_by``)."""
    if protocol.tally_by is TallyBy.ASSIGNED and protocol.has_level(infusion.level):
        return infusion.level
    return level_of_amount(infusion, protocol)


def level_of_amount(infusion: Infused, protocol: TrialProtocol) -> Label | None:
    """Find the level whose dose is within ``dose_tolerance`` of the amount; None where there is none.

    The named level counts where the amount, or a dose of a level, is not known. A level that the protocol does not have
    gives None.
    """
    if not protocol.has_level(infusion.level):
        return None
    given = infusion.dose
    doses = [(level.label, level.dose) for level in protocol.levels]
    if given is None or any(dose is None for _, dose in doses):
        return infusion.level
    near = [level for level, dose in doses if dose is not None and _near(given, dose, protocol.dose_tolerance)]
    return infusion.level if infusion.level in near else next(iter(near), None)


def _near(given: Dose, dose: Dose, tolerance: Decimal) -> bool:
    """Compare two amounts exactly, in the unit of the level; units that cannot be converted must be equal texts."""
    meant = Fraction(dose.amount)
    if given.unit == dose.unit:
        amount = Fraction(given.amount)
    else:
        try:
            amount = convert(given.amount, given.unit, to=dose.unit)
        except ValueError:
            return False
    return abs(amount - meant) <= Fraction(tolerance) * meant
