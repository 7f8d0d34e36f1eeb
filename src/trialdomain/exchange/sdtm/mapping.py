"""What becomes of one row of dm, lb and vs, and of one administration.

A row that the standard allows and that no fact can hold is not recorded, with its reason (``NotRecorded``). One that
the standard does not allow is not recorded either (``Malformed``), and a strict import refuses it: guessing what it
means would invent something.
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
"""What SDTM has no field for, where a fact asks for it."""
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
    """Return the consent, where its day is stated; who signed and what is not, and stands as the participant's."""
    signed_on = cells.date_if_any("RFICDTC")
    if signed_on is None:
        return None
    return Consented(
        signed_on=signed_on, signer=Signer.PARTICIPANT, form_version=NOT_STATED, protocol_version=NOT_STATED
    )


def screening(cells: Cells, became: ImportedScreening | None) -> Screened:
    """Return the screening.

    Raises:
        NotRecorded: there is no day of it.
    """
    on = cells.dated("DMDTC")
    age = cells.age()
    found = () if age is None else (Finding(name="age", number=Decimal(age), on=on),)
    return Screened(on=on, findings=found, imported=became)


def dose(cells: Cells) -> Dose | None:
    """Read the amount of an administration; a blank one is not known.

    Raises:
        NotRecorded: it is no amount with a unit.
    """
    if not cells["EXDOSE"]:
        return None
    return Dose(amount=cells.amount("EXDOSE"), unit=cells["EXDOSU"])


def laboratory(cells: Cells) -> LabRecorded:
    """Return a laboratory result as it was written.

    Raises:
        NotRecorded: it is no number, or its unit or its date is none.
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
        NotRecorded: it is no sign that a fact holds, or its number, its unit, its site or its date is none.
    """
    sign = _SIGNS.get(key_of(cells["VSTESTCD"]))
    if sign is None:
        raise NotRecorded(f"there is no fact for the vital sign {cells['VSTESTCD'][:40]!r}")
    comparator, value = cells.result("VSORRES")
    if comparator:
        raise NotRecorded(f"the result {cells['VSORRES'][:40]!r} is no number")
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
