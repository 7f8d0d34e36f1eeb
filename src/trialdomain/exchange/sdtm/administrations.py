"""The administrations of one subject: all rows of ex of one day form one administration."""

from collections.abc import Sequence
from datetime import date

from trialdomain.events.participant import Enrolled, Infused
from trialdomain.exchange.sdtm.arms import added
from trialdomain.exchange.sdtm.cells import Cells
from trialdomain.exchange.sdtm.mapping import NOT_STATED, dose
from trialdomain.exchange.sdtm.rows import Malformed, NotRecorded
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime

_ASSUMED = "no row says when the subject was enrolled: the day of the first dose is assumed"


def record_administrations(rows: Sequence[Cells], level: Label | None) -> list[Cells]:
    """Attach facts to the rows: the first row of a day gets the administration. List rows that no fact can represent.

    Args:
        rows: the rows of ex of one subject, in the order of their numbers.
        level: the dose level of the arm; None if there is no arm.

    Returns:
        The rows with an administration, in the order of the days.
    """
    of_day: dict[date, Infused] = {}
    first: dict[date, Cells] = {}
    for cells in rows:
        try:
            given = _administration(cells, level)
            day = given.started_at.first
            of_day[day] = _joined(of_day[day], given) if day in of_day else given
        except NotRecorded as reason:
            cells.read.leave_out(reason)
            continue
        except ValueError as error:
            cells.read.leave_out(Malformed(str(error)))
            continue
        if first.setdefault(day, cells) is not cells:
            cells.remark(f"the rows of one day are one administration, recorded with {first[day].row.record}")
            if of_day[day].dose is None:
                cells.remark("the amounts of one day cannot be added, and are left out (EXDOSE, EXDOSU)")
    for day, cells in first.items():
        cells.read.facts = (of_day[day],)
    return [first[day] for day in sorted(first)]


def _administration(cells: Cells, level: Label | None) -> Infused:
    if level is None:
        raise Malformed("the subject was not randomized to an arm, so there is no dose level")
    started_at = cells.dated("EXSTDTC")
    if started_at.day is None:
        raise NotRecorded(f"its date {started_at} (EXSTDTC) names no day")
    return Infused(
        level=level,
        dose=dose(cells),
        started_at=started_at,
        ended_at=cells.date("EXENDTC"),
        route=cells["EXROUTE"] or NOT_STATED,
    )


def _joined(one: Infused, other: Infused) -> Infused:
    """Join two rows of one day: the earlier start, the later end, the sum of the amounts."""
    start = other.started_at if other.started_at.precedes(one.started_at) else one.started_at
    return Infused(
        level=one.level,
        dose=added(one.dose, other.dose),
        started_at=start,
        ended_at=_later(one.ended_at, other.ended_at),
        route=one.route,
    )


def _later(one: ClinicalTime | None, other: ClinicalTime | None) -> ClinicalTime | None:
    if one is None or other is None:
        return None
    return other if one.precedes(other) else one


def assume_enrollment(first: Cells) -> None:
    """Add an enrollment before the first dose, on its day and at its level: an enrollment must have happened."""
    for fact in first.read.facts:
        if isinstance(fact, Infused):
            on = ClinicalTime(fact.started_at.first.isoformat())
            first.read.facts = (Enrolled(on=on, level=fact.level), *first.read.facts)
    first.read.find(_ASSUMED)
