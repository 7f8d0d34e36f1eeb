"""The dose level that an infusion belongs to.

A dose by weight or body surface is compared per kg or per m2: the amount in all, divided by the weight or the surface,
in exact fractions, without rounding.
"""

from fractions import Fraction
from typing import assert_never

from trialdomain.events.participant import Infused
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.clinical.level import Label


def level_received(infusion: Infused, protocol: TrialProtocol) -> Label | None:
    """Find the level at which an infusion counts: the level of its amount, or the named level (``tally_by``)."""
    if protocol.tally_by is TallyBy.ASSIGNED and protocol.has_level(infusion.level):
        return infusion.level
    return level_of_amount(infusion, protocol)


def level_of_amount(infusion: Infused, protocol: TrialProtocol) -> Label | None:
    """Find the level whose dose is within ``dose_tolerance`` of the amount, both ends included; None if there is none.

    The named level counts where the amount, a dose of a level, or the weight or body surface that it takes to compare
    them, is not known. An amount in a unit of another kind gives None, and so does a level that the protocol does not
    have.
    """
    if not protocol.has_level(infusion.level):
        return None
    given = infusion.dose
    doses = {level.label: level.dose for level in protocol.levels}
    if given is None or any(dose is None for dose in doses.values()):
        return infusion.level
    near = {level: _is_near(infusion, given, dose, protocol) for level, dose in doses.items() if dose is not None}
    if near[infusion.level] is None:
        return infusion.level
    found = [level for level, is_near in near.items() if is_near]
    return infusion.level if infusion.level in found else next(iter(found), None)


def missing_size(infusion: Infused, dose: Dose | None) -> DosePer | None:
    """Return the measure of the body that a dose is divided by, if the infusion lacks it; None if nothing is missing.

    An amount that was recorded as divided in the same way needs none.
    """
    if dose is None or dose.per is None or (infusion.dose is not None and infusion.dose.per is dose.per):
        return None
    return dose.per if _size(infusion, dose.per) is None else None


def _is_near(infusion: Infused, given: Dose, dose: Dose, protocol: TrialProtocol) -> bool | None:
    """Compare an amount with the dose of a level, exactly; None if the weight or body surface for it is not known."""
    amount = given.amount_in(dose)
    if amount is None:
        return False
    if given.per is not dose.per:
        multiplied, divided = _size(infusion, given.per), _size(infusion, dose.per)
        if multiplied is None or divided is None:
            return None
        amount = amount * multiplied / divided
    meant = Fraction(dose.amount)
    return abs(amount - meant) <= Fraction(protocol.dose_tolerance) * meant


def _size(infusion: Infused, per: DosePer | None) -> Fraction | None:
    """Return the weight in kg or the body surface in m2; 1 for an amount in all, and None if it is not recorded."""
    match per:
        case None:
            return Fraction(1)
        case DosePer.KG:
            size = infusion.body_weight_kg
        case DosePer.M2:
            size = infusion.bsa_m2
        case _:
            assert_never(per)
    return None if size is None else Fraction(size)
