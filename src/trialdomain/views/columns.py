"""The columns that several tables share, and the forms of values in them."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from trialdomain.storage.view_tables import Column, Kind
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.word import Word

PARTICIPANT = Column("participant", Kind.TEXT, "The code of the participant.", required=True)
LEVEL = Column("level", Kind.TEXT, "The label of the dose level in the protocol.", required=True)
COHORT = Column(
    "cohort",
    Kind.TEXT,
    "The code of the cohort: the label of its dose level, as in the name of its stream.",
    required=True,
)
EVIDENCE = Column("evidence", Kind.POSITIONS, "The positions of the log entries that the row rests on.", required=True)
KNOWN_AT = Column("known_at_position", Kind.INTEGER, "The last of these positions.", required=True)
DAYS = (
    Column("from_day", Kind.DATE, "The first day for which the row holds.", required=True),
    Column(
        "to_day",
        Kind.DATE,
        "The last day for which it holds; 2199-12-31, the last day of any trial, if no day ends it.",
        required=True,
    ),
)
RESTS_ON = (EVIDENCE, KNOWN_AT)


def words(kind: type[Word]) -> tuple[str, ...]:
    """Return the words of an enumeration."""
    return tuple(one.value for one in kind)


def label(level: Label | None) -> str | None:
    """Return the label of a level as a text."""
    return None if level is None else str(level)


def written(when: ClinicalTime | None) -> str | None:
    """Return a date or time as it was recorded, which may be partial."""
    return None if when is None else when.text


def first_day(when: ClinicalTime | None) -> date | None:
    """Return the earliest day that a date or time allows."""
    return None if when is None else when.first


def amount(dose: Dose | None) -> Decimal | None:
    """Return the amount of a dose."""
    return None if dose is None else dose.amount


def unit(dose: Dose | None) -> str | None:
    """Return the unit of a dose, with what it is divided by."""
    return None if dose is None else dose.unit if dose.per is None else f"{dose.unit}/{dose.per}"


def rests_on(positions: Iterable[int]) -> dict[str, object]:
    """Return the columns of the evidence."""
    evidence = sorted(set(positions))
    return {"evidence": evidence, "known_at_position": evidence[-1] if evidence else 0}
