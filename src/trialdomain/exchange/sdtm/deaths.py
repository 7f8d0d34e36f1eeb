"""The death of a subject, collected from all domains and recorded once, with the earliest complete date.

Source: CDISC SDTMIG: DTHFL and DTHDTC of dm; AEOUT, AESDTH and the end of a fatal event; the disposition of ds.
"""

from collections.abc import Sequence

import attrs

from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, CompletedFollowUp, Died
from trialdomain.exchange.sdtm.adverse_events import last_fatal
from trialdomain.exchange.sdtm.cells import Cells
from trialdomain.exchange.sdtm.columns import AE, DM, DS
from trialdomain.exchange.sdtm.disposition import meaning_of
from trialdomain.exchange.sdtm.rows import NotRecorded
from trialdomain.exchange.sdtm.terms import Disposition, key_of
from trialdomain.values.clinical_time import ClinicalTime

_ORDER = (DS, DM, AE)
"""The order of preference of the domains for the row with which the death is recorded."""


@attrs.frozen(kw_only=True)
class _DeathReport:
    """A row that reports the death."""

    cells: Cells
    on: ClinicalTime

    @property
    def shown(self) -> str:
        return f"{self.on} ({self.cells.row.record})"


def record_death(rows: Sequence[Cells]) -> None:
    """Record the death of one subject, if there was one, and add findings about contradictions.

    Args:
        rows: all rows of the subject that can report a death or a completion; the fact is added to one of them.
    """
    own = next(cells for cells in rows if cells.row.domain is DM)
    fatal = last_fatal([cells for cells in rows if cells.row.domain is AE])
    disposed = [cells for cells in rows if _is_death(cells)]
    reports = _death_reports(own, fatal, disposed)
    if not reports:
        if disposed or key_of(own["DTHFL"]) == "Y":
            (disposed or [own])[0].read.find("a death is reported, but no row has its date")
        return
    reports.sort(key=lambda one: (_ORDER.index(one.cells.row.domain), int(one.cells.row.sequence or 0)))
    on = min((one.on for one in reports), key=lambda on: (on.day is None, on.first))
    with_it = reports[0]
    read = with_it.cells.read
    read.facts = (*read.facts, Died(on=on, event=_event(with_it.cells)))
    if any(one.on.precedes(other.on) for one in reports for other in reports):
        dates = ", ".join(one.shown for one in reports)
        read.find(f"the dates of the death differ: {dates}; {on} is recorded", of=Died)
    if "DTHFL" in own.row.cells and key_of(own["DTHFL"]) != "Y":
        read.find(f"DTHFL is {own['DTHFL'][:20]!r}, and {with_it.cells.row.record} tells of a death", of=Died)
    for one in disposed:
        if one is not with_it.cells and not one.read.reason:
            one.remark(f"the death is recorded with {with_it.cells.row.record}")
    for cells in rows:
        for fact in cells.read.facts:
            if isinstance(fact, CompletedFollowUp) and (fatal or on.precedes(fact.on)):
                cells.read.find(f"completed on {fact.on}, and died on {on}", of=CompletedFollowUp)


def _death_reports(own: Cells, fatal: Sequence[Cells], disposed: Sequence[Cells]) -> list[_DeathReport]:
    """List the rows with a date of the death; without any, use the start of a fatal event as the date."""
    ended = [cells for cells in fatal if not _ends_before_it_begins(cells)]
    dated = [(cells, "DSSTDTC") for cells in disposed] + [(own, "DTHDTC")] + [(cells, "AEENDTC") for cells in ended]
    reports = [_DeathReport(cells=cells, on=on) for cells, column in dated if (on := _date(cells, column)) is not None]
    if reports:
        return reports
    begun = [_DeathReport(cells=cells, on=on) for cells in fatal if (on := _date(cells, "AESTDTC")) is not None][:1]
    for one in begun:
        one.cells.read.find("the event is fatal, and no row has a date of the death: its start is taken", of=Died)
    return begun


def _ends_before_it_begins(cells: Cells) -> bool:
    """Return whether an event's end is before its start, so that the end cannot be the date of a death."""
    begun, ended = _date(cells, "AESTDTC"), _date(cells, "AEENDTC")
    return begun is not None and ended is not None and ended.precedes(begun)


def _date(cells: Cells, column: str) -> ClinicalTime | None:
    try:
        return cells.date(column)
    except NotRecorded as reason:
        if cells.row.domain is DM:
            cells.remark(f"{column} is left out: {reason}")
        return None


def _is_death(cells: Cells) -> bool:
    return cells.row.domain is DS and meaning_of(cells.row, cells.setting.terms) is Disposition.DIED


def _event(cells: Cells) -> str | None:
    """Return the id of the event that caused a death, if its own line reports the death."""
    kinds = AdverseEventReported | AdverseEventFollowedUp
    return next((fact.event for fact in cells.read.facts if isinstance(fact, kinds)), None)
