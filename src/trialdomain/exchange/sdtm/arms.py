"""The planned arms of a study as dose levels.

An arm's dose is the highest amount that any subject of the arm received on one day. Arms are sorted by dose. Arms with
equal doses, and arms in which no subject was dosed yet, are sorted by code.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import attrs

from trialdomain.exchange.sdtm.cells import as_amount, as_dose_unit, as_number
from trialdomain.exchange.sdtm.columns import DM, EX
from trialdomain.exchange.sdtm.rows import Row
from trialdomain.exchange.sdtm.staging import Staging, StudyUnusable
from trialdomain.exchange.sdtm.terms import Terms, key_of
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.dose import Dose

SCREEN_FAILED = {"SCREEN FAILURE", "SCRNFAIL"}
"""The words used instead of an arm for subjects who failed the screening."""
_NO_ARM = {*SCREEN_FAILED, "NOT ASSIGNED", "NOTASSGN", "NOT TREATED", "NOTTRT", "UNPLANNED TREATMENT", "UNPLAN"}
"""The words used instead of an arm for subjects without an arm (CDISC SDTMIG 5.2)."""


@attrs.frozen(kw_only=True)
class Arm:
    """A planned arm."""

    name: str
    """The name in capitals, for comparison."""
    shown: str
    """The name as it is written."""
    code: str
    dose: Dose | None
    """None if no subject of the arm was dosed, or if the amounts cannot be compared."""


def arm_of(row: Row) -> str:
    """Return the planned arm of a subject, or else the actual one, in capitals; empty if there is none.

    Args:
        row: the subject's row of dm.
    """
    named = _named_in(row)
    return key_of(row[named]) if named else ""


def _named_in(row: Row) -> str:
    """Return the column that names the arm. If it says that there is no arm, the arm's code is ignored too."""
    for name, code in (("ARM", "ARMCD"), ("ACTARM", "ACTARMCD")):
        column = name if row[name] else code
        if row[column] and key_of(row[column]) not in _NO_ARM:
            return column
    return ""


def planned_arms(staging: Staging) -> tuple[Arm, ...]:
    """List the planned arms sorted by dose, then by code; arms without a dose come last."""
    of_subject: dict[str, str] = {}
    shown: dict[str, tuple[str, str]] = {}
    for row in staging.of_kind(DM):
        arm = arm_of(row)
        if arm:
            of_subject[row.subject] = arm
            named = _named_in(row)
            code = row["ACTARMCD" if named.startswith("ACT") else "ARMCD"]
            shown.setdefault(arm, (row[named], code or row[named]))
    doses = _highest(staging.of_kind(EX), of_subject)
    arms = [
        Arm(name=name, shown=written, code=code, dose=_in_unit(doses.get(name), doses))
        for name, (written, code) in shown.items()
    ]
    return tuple(sorted(arms, key=_place))


def _place(arm: Arm) -> tuple[bool, Decimal, str]:
    return arm.dose is None, Decimal(0) if arm.dose is None else arm.dose.amount, key_of(arm.code)


def _highest(rows: Iterable[Row], of_subject: Mapping[str, str]) -> dict[str, Dose]:
    """Return, for each arm, the highest amount that a subject received on one day."""
    doses: dict[str, Dose] = {}
    of_day: dict[str, Dose | None] = {}
    subject = ""
    for row in rows:
        if row.subject != subject:
            subject, of_day = row.subject, {}
        given, arm = _given(row), of_subject.get(row.subject)
        if given is None or arm is None:
            continue
        day = row["EXSTDTC"][:10]
        given = added(of_day.get(day), given) if day in of_day else given
        of_day[day] = given
        known = doses.get(arm)
        if given is not None and (known is None or _exceeds(given, known)):
            doses[arm] = given
    return doses


def _given(row: Row) -> Dose | None:
    amount, unit = as_amount(row["EXDOSE"]), as_dose_unit(row["EXDOSU"])
    try:
        return None if amount is None or unit is None else Dose(amount=amount, unit=unit[0])
    except ValueError:
        return None


def added(one: Dose | None, other: Dose | None) -> Dose | None:
    """Add two amounts, in the unit of the first; None if one is unknown, or the units cannot be converted."""
    if one is None or other is None:
        return None
    amount = _amount_in(other, one)
    return None if amount is None else Dose(amount=one.amount + amount, unit=one.unit, per=one.per)


def _exceeds(one: Dose, other: Dose) -> bool:
    amount = _amount_in(one, other)
    return amount is not None and amount > other.amount


def _amount_in(dose: Dose, other: Dose) -> Decimal | None:
    """Convert an amount to the unit of another dose; None if it cannot be converted exactly enough to be stored."""
    if dose.unit == other.unit and dose.per is other.per:
        return dose.amount
    exact = dose.amount_in(other) if dose.per is other.per else None
    if exact is None:
        return None
    amount = Decimal(exact.numerator) / Decimal(exact.denominator)
    return as_number(format(amount, "f"))


def _in_unit(dose: Dose | None, doses: Mapping[str, Dose]) -> Dose | None:
    """Convert a dose to the unit of the first arm; None if that is not possible."""
    if dose is None:
        return None
    first = next(iter(doses.values()))
    amount = _amount_in(dose, first)
    return None if amount is None else attrs.evolve(first, amount=amount)


def levels_of(arms: Sequence[Arm], terms: Terms, protocol: TrialProtocol | None) -> dict[str, int]:
    """Map each arm to its dose level: by the terms, or else by the protocol's doses, or else by the order of the arms.

    Raises:
        StudyUnusable: the terms name only some of the arms.
    """
    if terms.arms:
        unnamed = [arm.shown for arm in arms if arm.name not in terms.arms]
        if unnamed:
            raise StudyUnusable(f"the terms give arm {unnamed[0][:40]!r} no dose level: name every arm under [arms]")
        return {arm.name: terms.arms[arm.name] for arm in arms}
    if protocol is not None:
        by_dose = {arm.name: level for arm in arms if (level := _level(arm, protocol)) is not None}
        if by_dose:
            return _filled(by_dose, arms, protocol)
    return {arm.name: level for level, arm in enumerate(arms, start=1)}


def _filled(by_dose: Mapping[str, int], arms: Sequence[Arm], protocol: TrialProtocol) -> dict[str, int]:
    """Map arms whose dose no level has to the lowest free levels, above those of arms with lower doses.

    If no level is free, the arm gets one level more than the protocol has, so that the protocol does not match.
    """
    free = [level.level for level in protocol.levels if level.level not in by_dose.values()]
    levels: dict[str, int] = {}
    above = 0
    for arm in arms:
        if arm.dose is None:
            above = 0  # any level is possible: no subject of the arm was dosed yet
        level = by_dose.get(arm.name)
        if level is None:
            level = next((one for one in free if one > above), len(protocol.levels) + 1)
            free = [one for one in free if one != level]
        levels[arm.name] = above = level
    return levels


def _level(arm: Arm, protocol: TrialProtocol) -> int | None:
    """Return the level of a protocol that has the dose of an arm."""
    for level in protocol.levels:
        if arm.dose is not None and level.dose is not None:
            amount = _amount_in(arm.dose, level.dose)
            if amount == level.dose.amount:
                return level.level
    return None


def dose_levels(arms: Sequence[Arm], levels: Mapping[str, int]) -> tuple[DoseLevel, ...]:
    """Return the dose levels of the arms. They have amounts only if every level has one and the amounts increase.

    Raises:
        StudyUnusable: the levels have a gap.
    """
    numbers = sorted({*levels.values()}) or [1]
    if numbers != list(range(1, len(numbers) + 1)):
        raise StudyUnusable(f"the terms name the levels {numbers}: number them from 1 without a gap under [arms]")
    doses = [
        max(
            (arm.dose for arm in arms if levels[arm.name] == number and arm.dose is not None), key=_amount, default=None
        )
        for number in numbers
    ]
    amounts = [dose.amount for dose in doses if dose is not None]
    known = len(amounts) == len(numbers) and amounts == sorted(set(amounts))
    return tuple(
        DoseLevel(level=number, dose=dose if known else None) for number, dose in zip(numbers, doses, strict=True)
    )


def _amount(dose: Dose) -> Decimal:
    return dose.amount
