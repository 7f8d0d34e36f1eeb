"""Makers of the results that are recorded many at a time."""

from decimal import Decimal

from trialdomain.application.coercion import make
from trialdomain.events.participant import BodySite, Comparator, LabRecorded, VitalSign, VitalSignRecorded
from trialdomain.values.clinical_time import When


def lab(
    analyte: str,
    value: Decimal | int | str,
    unit: str | None,
    *,
    collected_at: When,
    comparator: Comparator | None = None,
    lower_limit: Decimal | int | str | None = None,
    upper_limit: Decimal | int | str | None = None,
    laboratory: str | None = None,
) -> LabRecorded:
    """Make a laboratory result; the unit in UCUM or a common spelling of it.

    Raises:
        FactMalformed: an unknown unit, or a value that is no number.

    >>> lab("ANC", "0.4", "10^9/L", collected_at="2026-03-10").unit
    '10*9/L'
    """
    return make(
        LabRecorded,
        analyte=analyte,
        value=value,
        unit=unit,
        collected_at=collected_at,
        comparator=comparator,
        lower_limit=lower_limit,
        upper_limit=upper_limit,
        laboratory=laboratory,
    )


def vital_sign(
    sign: VitalSign,
    value: Decimal | int | str,
    unit: str,
    *,
    measured_at: When,
    site: BodySite | None = None,
    room_air: bool | None = None,
) -> VitalSignRecorded:
    """Make a vital sign; the unit in UCUM or a common spelling of it.

    Raises:
        FactMalformed: an unknown unit, or a value that is no number.
    """
    return make(
        VitalSignRecorded, sign=sign, value=value, unit=unit, measured_at=measured_at, site=site, room_air=room_air
    )
