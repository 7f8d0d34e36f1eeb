"""What becomes of one row: a fact, or the reason why there is none.

A row that the standard allows and that no fact can hold is not recorded, with its reason. One that the standard does
not allow is an error (``ValueError``): guessing what it means would invent something.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

import attrs

from trialdomain.events.participant import (
    AdverseEventReported,
    BodySite,
    Comparator,
    CompletedFollowUp,
    Died,
    Enrolled,
    ImportedScreening,
    Infused,
    LabRecorded,
    LostToFollowUp,
    ParticipantFact,
    Screened,
    ScreenFailed,
    VitalSign,
    VitalSignRecorded,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.exchange.sdtm.columns import AE, DM, DS, EX, LB, VS
from trialdomain.exchange.sdtm.staging import Row
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ctcae import known_term
from trialdomain.values.dose import Dose
from trialdomain.values.screening import Finding
from trialdomain.values.text import FreeText
from trialdomain.values.toxicity import FATAL_GRADE, Agent, Assessor, Attribution, Outcome, Relatedness, Seriousness
from trialdomain.values.unit import ucum

T = TypeVar("T")


class NotRecorded(Exception):
    """A row for which there is no fact; its text is the reason."""


@attrs.frozen(kw_only=True)
class Person:
    """What the rows of one subject are read with."""

    level: int | None
    """The dose level of the planned arm; None for somebody who was not randomized."""
    became: ImportedScreening | None = None
    """What the study says became of the screening; None while it says nothing."""
    last_contact: str = ""
    """When participation ended, as the subject's own row has it (RFPENDTC)."""
    zone: ZoneInfo | None = None
    """The site's, by which a time without an offset gets one."""


_OTHER_DATES = re.compile(r"[0-9T:Z+-]+/[0-9T:Z+-]+|[0-9-]*--[0-9T:-]*|[0-9-]+T(?:[0-9]{2}|-:[0-9:-]+)")
"""Dates that SDTM allows and a clinical time cannot hold: intervals, parts left out in between, an hour alone."""
_NUMBER = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_MOST_CHARACTERS = 16
"""Of a number: 15 digits and a point."""
_RESULT = re.compile(rf"(?P<comparator>[<>]=?)?\s*(?P<number>{_NUMBER.pattern})")

_SEVERITY = {"MILD": 1, "MODERATE": 2, "SEVERE": 3}
_RELATEDNESS = {
    "PROBABLE": Relatedness.LIKELY,
    "POSSIBLE": Relatedness.POSSIBLY,
    "REMOTE": Relatedness.UNLIKELY,
    "NONE": Relatedness.UNRELATED,
    "": None,
}
"""SDTM leaves these words to the sponsor: these are CDISCPILOT01's."""
_OUTCOME = {
    "RECOVERED/RESOLVED": Outcome.RECOVERED,
    "RECOVERING/RESOLVING": Outcome.RECOVERING,
    "RECOVERED/RESOLVED WITH SEQUELAE": Outcome.RECOVERED_WITH_SEQUELAE,
    "NOT RECOVERED/NOT RESOLVED": Outcome.NOT_RECOVERED,
    "FATAL": Outcome.FATAL,
    "UNKNOWN": Outcome.UNKNOWN,
    "": None,
}
_FLAG = {"Y": True, "N": False, "U": False, "NA": False, "": False}
_SERIOUSNESS = {
    "AESDTH": Seriousness.DEATH,
    "AESLIFE": Seriousness.LIFE_THREATENING,
    "AESHOSP": Seriousness.HOSPITALIZATION,
    "AESDISAB": Seriousness.DISABILITY,
    "AESCONG": Seriousness.CONGENITAL_ANOMALY,
    "AESCAN": Seriousness.OTHER,
    "AESOD": Seriousness.OTHER,
    "AESMIE": Seriousness.OTHER,
}
_WITHDRAWALS = {
    "ADVERSE EVENT",
    "LACK OF EFFICACY",
    "PHYSICIAN DECISION",
    "PROTOCOL VIOLATION",
    "STUDY TERMINATED BY SPONSOR",
    "WITHDRAWAL BY SUBJECT",
}
_CATEGORIES = {"PROTOCOL MILESTONE", "DISPOSITION EVENT", ""}
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


def fact_of(row: Row, person: Person) -> ParticipantFact:
    """Give the fact of a row.

    Raises:
        NotRecorded: there is none; the text says why.
        ValueError: the row breaks the standard.
    """
    return _MAPPERS[row.domain.code](row, person)


def _screened(row: Row, person: Person) -> ParticipantFact:
    on = _dated(row, "DMDTC", person)
    if row["AGE"] and row["AGEU"] not in {"YEARS", ""}:
        raise ValueError(f"AGEU is {row['AGEU'][:40]!r}: an age is taken in YEARS")
    age = [Finding(name="age", number=Decimal(_whole(row, "AGE")), on=on)] if row["AGE"] else []
    if person.last_contact:
        _time("RFPENDTC", person.last_contact, person)  # here, where it stands, and not where it is used
    return Screened(on=on, findings=tuple(age), imported=person.became)


def _disposed(row: Row, person: Person) -> ParticipantFact:
    on = _dated(row, "DSSTDTC", person)
    what, term = row["DSDECOD"], row["DSTERM"]
    why = FreeText.of(what if term in {"", what} else f"{what}: {term}")
    if row["DSCAT"] not in _CATEGORIES or (what == "COMPLETED" and row["EPOCH"] == "SCREENING"):
        raise NotRecorded(f"there is no fact for {what[:40]!r} in {row['DSCAT'][:40] or row['EPOCH'][:40]!r}")
    match what:
        case "RANDOMIZED":
            return Enrolled(on=on, level=_level(person))
        case "INFORMED CONSENT OBTAINED":
            raise NotRecorded("a consent needs the versions of its form and of the protocol, and SDTM has neither")
        case "SCREEN FAILURE":
            return ScreenFailed(on=on, why=why)
        case "COMPLETED":
            return CompletedFollowUp(on=on)
        case "DEATH":
            return Died(on=on)
        case "LOST TO FOLLOW-UP":
            return LostToFollowUp(on=on, last_contact=_last_contact(on, person))
        case _ if what in _WITHDRAWALS:
            return Withdrew(on=on, scope=WithdrawalScope.TREATMENT, why=why)
        case _:
            raise NotRecorded(f"there is no fact for the disposition {what[:40]!r}")


def _last_contact(on: ClinicalTime, person: Person) -> ClinicalTime:
    """Take the end of participation, which SDTM defines as the last known contact; else the day of the loss."""
    if not person.last_contact:
        return on
    last = _time("RFPENDTC", person.last_contact, person)
    return on if on.precedes(last) else last


def _infused(row: Row, person: Person) -> ParticipantFact:
    return Infused(
        level=_level(person),
        dose=dose_of(row),
        started_at=_day(row, "EXSTDTC", person),
        ended_at=_dated_or_none(row, "EXENDTC", person),
        route=row["EXROUTE"] or "not stated",
    )


def dose_of(row: Row) -> Dose | None:
    """Read the amount of an administration; a blank one is not known.

    Raises:
        ValueError: it is no amount with a unit.
    """
    if not row["EXDOSE"]:
        return None
    return Dose(amount=_decimal(row, "EXDOSE"), unit=row["EXDOSU"])


def _adverse_event(row: Row, person: Person) -> ParticipantFact:
    if not row["AESEV"]:
        raise NotRecorded("it has no severity (AESEV), so it has no grade")
    if row["AEREL"] not in _RELATEDNESS:
        raise NotRecorded(f"the relatedness {row['AEREL'][:40]!r} (AEREL) is not known")
    severity = _one_of(row, "AESEV", _SEVERITY)
    outcome = _one_of(row, "AEOUT", _OUTCOME)
    related = _RELATEDNESS[row["AEREL"]]
    criteria = {_SERIOUSNESS[column]: None for column in _SERIOUSNESS if _one_of(row, column, _FLAG)}
    fatal = Seriousness.DEATH in criteria or outcome is Outcome.FATAL
    return AdverseEventReported(
        event=row.sequence,
        term=row["AEDECOD"],
        unchecked=known_term(row["AEDECOD"]) is None,
        grade=FATAL_GRADE if fatal else severity,
        grade_mapped=True,
        attributions=()
        if related is None
        else (Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=related),),
        serious=_one_of(row, "AESER", _FLAG),
        seriousness=tuple(criteria),
        onset=_dated(row, "AESTDTC", person),
        ended=_dated_or_none(row, "AEENDTC", person),
        outcome=outcome,
        linked_to=row["AESPID"] or None,
    )


def _laboratory(row: Row, person: Person) -> ParticipantFact:
    found = _RESULT.fullmatch(row["LBORRES"].strip())
    if found is None or len(found["number"]) > _MOST_CHARACTERS:
        raise NotRecorded(f"the result {row['LBORRES'][:40]!r} is no number")
    analyte, unit = row["LBTESTCD"], row["LBORRESU"]
    return LabRecorded(
        analyte=analyte,
        value=Decimal(found["number"]),
        comparator=Comparator(found["comparator"]) if found["comparator"] else None,
        unit=ucum("pH") if analyte == _ACIDITY and unit in {"", "NO UNITS"} else _unit(unit),
        collected_at=_dated(row, "LBDTC", person),
        lower_limit=_limit(row, "LBORNRLO"),
        upper_limit=_limit(row, "LBORNRHI"),
        laboratory=row["LBNAM"] or None,
    )


def _vital_sign(row: Row, person: Person) -> ParticipantFact:
    sign = _SIGNS.get(row["VSTESTCD"])
    if sign is None:
        raise NotRecorded(f"there is no fact for the vital sign {row['VSTESTCD'][:40]!r}")
    if _NUMBER.fullmatch(row["VSORRES"].strip()) is None:
        raise NotRecorded(f"the result {row['VSORRES'][:40]!r} is no number")
    if sign is VitalSign.TEMPERATURE and row["VSLOC"] not in _SITES:
        raise NotRecorded(f"the site of the body {row['VSLOC'][:40]!r} is not known")
    unit = _unit(row["VSORRESU"])
    if unit is None:
        raise NotRecorded("the result has no unit")
    return VitalSignRecorded(
        sign=sign,
        value=Decimal(row["VSORRES"].strip()),
        unit=unit,
        measured_at=_dated(row, "VSDTC", person),
        site=_SITES.get(row["VSLOC"]) if sign is VitalSign.TEMPERATURE else None,
    )


_MAPPERS: Mapping[str, Callable[[Row, Person], ParticipantFact]] = {
    DM.code: _screened,
    DS.code: _disposed,
    EX.code: _infused,
    AE.code: _adverse_event,
    LB.code: _laboratory,
    VS.code: _vital_sign,
}


def _level(person: Person) -> int:
    if person.level is None:
        raise ValueError("the subject was not randomized to an arm, so there is no dose level")
    return person.level


def _one_of(row: Row, column: str, known: Mapping[str, T]) -> T:
    try:
        return known[row[column]]
    except KeyError:
        words = ", ".join(word or "blank" for word in known)
        raise ValueError(f"{column} is {row[column][:40]!r}, but only {words} are known") from None


def _dated(row: Row, column: str, person: Person) -> ClinicalTime:
    if not row[column]:
        raise NotRecorded(f"it has no date ({column})")
    return _time(column, row[column], person)


def _dated_or_none(row: Row, column: str, person: Person) -> ClinicalTime | None:
    return _time(column, row[column], person) if row[column] else None


def _day(row: Row, column: str, person: Person) -> ClinicalTime:
    when = _dated(row, column, person)
    if when.day is None:
        raise NotRecorded(f"its date {when} ({column}) names no day")
    return when


def _time(column: str, text: str, person: Person) -> ClinicalTime:
    """Read a date as it stands; where the site's zone is known, a time is put into it, or gets its offset."""
    if _OTHER_DATES.fullmatch(text):
        raise NotRecorded(f"its date {text[:40]!r} ({column}) leaves out what lies between, or is an interval")
    try:
        when = ClinicalTime(text)
        if person.zone is None:
            return when
        return when.at_site(person.zone).in_zone(person.zone)
    except ValueError as error:
        raise ValueError(f"{column}: {error}") from None


def _decimal(row: Row, column: str) -> Decimal:
    if _NUMBER.fullmatch(row[column]) is None:
        raise ValueError(f"{column} is {row[column][:40]!r}, which is no number")
    return Decimal(row[column])


def _whole(row: Row, column: str) -> int:
    number = _decimal(row, column)
    if number != number.to_integral_value():
        raise ValueError(f"{column} is {row[column][:40]!r}, which is no whole number")
    return int(number)


def _limit(row: Row, column: str) -> Decimal | None:
    if not row[column]:
        return None
    if _NUMBER.fullmatch(row[column].strip()) is None:
        raise NotRecorded(f"the reference limit {row[column][:40]!r} ({column}) is no number")
    return Decimal(row[column].strip())


def _unit(spelling: str) -> str | None:
    if not spelling:
        return None
    try:
        return ucum(spelling)
    except ValueError:
        raise NotRecorded(f"the unit {spelling[:40]!r} is not known") from None
