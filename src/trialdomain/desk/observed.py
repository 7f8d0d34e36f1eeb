"""Functions that make laboratory results and vital signs, which a desk records many at a time."""

from decimal import Decimal

from trialdomain.commands.coercion import make
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
    specimen: str | None = None,
) -> LabRecorded:
    """Make a laboratory result; the unit is in UCUM or a common spelling of it.

    Args:
        analyte: a usual name, a short code, SDTM's LBTESTCD or a LOINC code of the test.
        value: the result; for one such as "< 5", the 5.
        unit: None where the laboratory gave none; no rule then counts the result.
        collected_at: when the specimen was taken.
        comparator: how the result bounds the value.
        lower_limit: the lower limit of the reference range.
        upper_limit: the upper limit of the reference range.
        laboratory: the name of the laboratory.
        specimen: None for blood, serum or plasma; else in the words of SDTM's LBSPEC, such as ``URINE``.

    Raises:
        FactMalformed: the unit is unknown, the value is not a number, or the value is impossible.

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
        specimen=specimen,
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
    """Make a vital sign; the unit is in UCUM or a common spelling of it.

    Raises:
        FactMalformed: the unit is unknown, the value is not a number, or the value is impossible.
    """
    return make(
        VitalSignRecorded, sign=sign, value=value, unit=unit, measured_at=measured_at, site=site, room_air=room_air
    )
