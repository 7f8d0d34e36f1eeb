"""Convert one row of dm, lb or vs, or one administration, into a fact.

A row that the standard allows but that no fact can represent is not recorded, with a reason (``NotRecorded``). A row
that breaks the standard is not recorded either (``Malformed``), and a strict import refuses it: a guess of its meaning
would invent data.
"""

from decimal import Decimal

from trialdomain.events.participant import (
    BodySite,
    Comparator,
    Consented,
    ImportedScreening,
    LabRecorded,
    Screened,
    Signer,
    VitalSign,
    VitalSignRecorded,
)
from trialdomain.exchange.sdtm.cells import Cells
from trialdomain.exchange.sdtm.rows import NotRecorded
from trialdomain.exchange.sdtm.terms import key_of
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.screening import Finding
from trialdomain.values.clinical.unit import ucum

NOT_STATED = "not stated"
"""The placeholder for a required value for which SDTM has no field."""
_SIGNS = {
    "TEMP": VitalSign.TEMPERATURE,
    "OXYSAT": VitalSign.OXYGEN_SATURATION,
    "HR": VitalSign.HEART_RATE,
    "PULSE": VitalSign.HEART_RATE,
    "RESP": VitalSign.RESPIRATORY_RATE,
    "SYSBP": VitalSign.SYSTOLIC_PRESSURE,
    "DIABP": VitalSign.DIASTOLIC_PRESSURE,
    "WEIGHT": VitalSign.BODY_WEIGHT,
    "HEIGHT": VitalSign.BODY_HEIGHT,
}
_SITES = {
    "ORAL CAVITY": BodySite.ORAL,
    "AXILLA": BodySite.AXILLARY,
    "EAR": BodySite.TYMPANIC,
    "RECTUM": BodySite.RECTAL,
    "FOREHEAD": BodySite.FOREHEAD,
    "": None,
}
_ACIDITY = "PH"


def consent(cells: Cells) -> Consented | None:
    """Return the consent if its day is stated.

    SDTM has neither the signer nor the versions: the participant is assumed to sign, and versions are not stated.
    """
    signed_on = cells.date_if_any("RFICDTC")
    if signed_on is None:
        return None
    return Consented(
        signed_on=signed_on,
        signer=Signer.PARTICIPANT,
        form_version=NOT_STATED,
        protocol_version=NOT_STATED,
        site=cells.setting.site,
    )


def screening(cells: Cells, result: ImportedScreening | None) -> Screened:
    """Return the screening.

    Raises:
        NotRecorded: its day is missing.
    """
    on = cells.dated("DMDTC")
    age = cells.age()
    found = () if age is None else (Finding(name="age", number=Decimal(age), on=on),)
    return Screened(on=on, findings=found, imported=result)


def dose(cells: Cells) -> Dose | None:
    """Read the amount of an administration; None if it is blank.

    Raises:
        NotRecorded: it is not an amount with a unit that is known.
    """
    if not cells["EXDOSE"]:
        return None
    return Dose(amount=cells.amount("EXDOSE"), unit=cells.dose_unit("EXDOSU"))


def laboratory(cells: Cells) -> LabRecorded:
    """Return a laboratory result as it was written.

    Raises:
        NotRecorded: it is not a number, or its unit or its date is invalid.
    """
    comparator, value = cells.result("LBORRES")
    analyte = cells["LBTESTCD"].upper()
    acid = analyte == _ACIDITY and key_of(cells["LBORRESU"]) in {"", "NO UNITS"}
    return LabRecorded(
        analyte=analyte,
        value=value,
        comparator=Comparator(comparator) if comparator else None,
        unit=ucum("pH") if acid else cells.unit("LBORRESU"),
        collected_at=cells.dated("LBDTC"),
        lower_limit=cells.limit("LBORNRLO"),
        upper_limit=cells.limit("LBORNRHI"),
        laboratory=cells["LBNAM"] or None,
        specimen=cells["LBSPEC"] or None,
    )


def vital_sign(cells: Cells) -> VitalSignRecorded:
    """Return a vital sign as it was measured.

    Raises:
        NotRecorded: no fact has this vital sign, or its number, unit, body site or date is invalid.
    """
    sign = _SIGNS.get(key_of(cells["VSTESTCD"]))
    if sign is None:
        raise NotRecorded(f"there is not a fact for the vital sign {cells['VSTESTCD'][:40]!r}")
    comparator, value = cells.result("VSORRES")
    if comparator:
        raise NotRecorded(f"the result {cells['VSORRES'][:40]!r} is not a number")
    temperature = sign is VitalSign.TEMPERATURE
    if temperature and key_of(cells["VSLOC"]) not in _SITES:
        raise NotRecorded(f"the site of the body {cells['VSLOC'][:40]!r} is not known")
    unit = cells.unit("VSORRESU")
    if unit is None:
        raise NotRecorded("the result has no unit")
    return VitalSignRecorded(
        sign=sign,
        value=value,
        unit=unit,
        measured_at=cells.dated("VSDTC"),
        site=_SITES[key_of(cells["VSLOC"])] if temperature else None,
    )
