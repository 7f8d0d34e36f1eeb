"""The rows of views as a reader sees them, and the same rows as a replay gives them."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

from postgres_server import connected

from trialdomain import History
from trialdomain.events.participant import LabRecorded
from trialdomain.events.registry import NAMES
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.endpoints.value import Status, Value
from trialdomain.projections.trail import Asked
from trialdomain.storage.open_store import open_store
from trialdomain.views.making import Failure, Maker
from trialdomain.views.standard import STANDARD_VIEWS
from trialdomain.views.table_view import BoundView

Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = list[Row]
NAMES_OF_VIEWS = (
    "participant",
    "cohort",
    "level_standing",
    "dlt_assessment",
    "adverse_event",
    "laboratory_value",
    "endpoint_value",
    "escalation_decision",
    "deviation",
    "correction",
)
FAR = date(2199, 12, 31)


def rows_in(log: str | Path, view: str, *, user: str | None = None) -> Rows:
    """Read a view as people do, in the order of all its columns: from the file beside a log, or from its schema."""
    if str(log).startswith("postgresql:"):
        with connected(str(log) if user is None else str(log).replace("owner@", f"{user}@")) as connection:
            ((schema,),) = connection.execute("SELECT current_schema()")
            cursor = connection.execute(f'SELECT * FROM "{schema}_views".{view}'.encode())
            names = [one.name for one in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
    else:
        path = Path(log)
        with closing(sqlite3.connect(path.with_name(f"{path.stem}-views{path.suffix}"))) as file:
            file.row_factory = sqlite3.Row
            rows = [dict(row) for row in file.execute(f"SELECT * FROM {view}")]
    return in_order(rows)


def in_order(rows: Iterable[Row]) -> Rows:
    """Put rows in an order of their own, each in one form."""
    return sorted(map(_normal, rows), key=repr)


def _normal(row: Mapping[str, Any]) -> Row:
    """Give a row one form: dates, times and decimals as text, positions as a list, Booleans as numbers."""
    return {name: _plain(name, value) for name, value in row.items()}


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever a column holds
    match value:
        case bool():
            return int(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.astimezone().isoformat()
        case date():
            return value.isoformat()
        case tuple() | list():
            return list(value)
        case str() if name == "evidence":
            return json.loads(value)
        case str() if name.endswith("_at") and name != "infused_at":
            return datetime.fromisoformat(value).astimezone().isoformat()
        case str():
            return str(value)
        case _:
            return value


def all_rows(log: str | Path) -> dict[str, Rows]:
    return {view: rows_in(log, view) for view in NAMES_OF_VIEWS}


def made_anew(log: str, trial: str) -> dict[str, Rows]:
    """Make every row from the whole log, without what a follower remembers."""
    store = open_store(log, readonly=True)
    try:
        views = {view.name: BoundView(view) for view in STANDARD_VIEWS}
        made = Maker(store).all_rows(views, trial, store.head(trial))
        found = {}
        for name, view in views.items():
            rows = made[name]
            assert not isinstance(rows, Failure), rows
            names = ["trial", *(one.name for one in view.table.columns)]
            found[name] = in_order(dict(zip(names, (trial, *cells), strict=True)) for _, cells in rows)
        return found
    finally:
        store.close()


def on_day(rows: Iterable[Row], day: date) -> Rows:
    """Keep the rows that hold for a day, without the days."""
    told = day.isoformat()
    held = [row for row in rows if row["from_day"] <= told <= row["to_day"]]
    return [{name: value for name, value in row.items() if name not in {"from_day", "to_day"}} for row in held]


def refuse_differences(history: History, rows: Mapping[str, Rows], days: Sequence[date]) -> None:
    """Compare the rows of a trial with what its replay says, field by field."""
    of_trial = {view: [row for row in some if row["trial"] == history.trial] for view, some in rows.items()}
    for view, told in _TOLD.items():
        _same(view, of_trial[view], told(history))
    for day in days:
        for view, told_on in _TOLD_ON.items():
            _same(f"{view} on {day}", on_day(of_trial[view], day), told_on(history, day))


def _same(view: str, found: Rows, told: Iterable[Row]) -> None:
    expected = sorted((_normal(row) for row in told), key=repr)
    names = expected[0].keys() if expected else ()
    shown = sorted(({name: row[name] for name in names} for row in found), key=repr)
    assert len(found) == len(expected), f"{view}: {found} for {expected}"
    assert shown == expected, view


def _participants(history: History) -> Rows:
    return [
        {
            "participant": one.subject,
            "level": _label(one.level),
            "status": one.status.value,
            "consented": one.consented,
            "screenings": one.screenings,
            "failed_screenings": one.failed_screenings,
            "enrolled": one.enrolled,
            "administrations": one.administrations,
            "withdrew_from_treatment": one.withdrew_from_treatment,
        }
        for one in history.flow(on=FAR).dispositions
    ]


def _events(history: History) -> Rows:
    return [
        {
            "participant": one.subject,
            "event": one.event,
            "level": _label(one.level),
            "term": one.term,
            "grade": one.highest_grade,
            "serious": one.serious,
            "fatal": one.fatal,
            "relatedness": one.relatedness.value,
            "counts_from": one.since,
            "day": one.day,
        }
        for one in history.safety(on=FAR).events
    ]


def _results(history: History) -> Rows:
    return [
        {
            "participant": case.subject,
            "analyte": entry.fact.analyte,
            "value": entry.fact.value,
            "unit": entry.fact.unit,
            "collected": entry.fact.collected_at.text,
            "evidence": [entry.position],
        }
        for case in history.casebook(on=FAR).cases
        for entry in case.of(LabRecorded)
    ]


def _cohorts(history: History) -> Rows:
    book = history.casebook(on=FAR)
    return [
        {"cohort": str(level), "level": str(level), "slots": record.opened[-1].fact.slots}
        for level, record in book.records.items()
        if record.opened
    ]


def _decisions(history: History) -> Rows:
    return [
        {
            "level": _label(entry.fact.decided.level),
            "decided_on": entry.fact.basis.on,
            "recommended_action": entry.fact.recommended.action.value,
            "action": entry.fact.decided.action.value,
            "basis_position": entry.fact.basis.position,
            "evidence": [entry.position],
        }
        for entry in history.casebook(on=FAR).decisions
    ]


def _deviations(history: History) -> Rows:
    book = history.casebook(on=FAR)
    found = [(entry, case.deviation_of(entry)) for case in book.cases for entry in case.entries]
    found += [(entry, entry.meta.deviation) for entries in book.cohorts.values() for entry in entries]
    return [
        {"stream": entry.stream, "fact": NAMES[type(entry.fact)], "explanation": why, "evidence": [entry.position]}
        for entry, why in found
        if why is not None
    ]


def _corrections(history: History) -> Rows:
    found: Rows = []
    for item in history.trail(asked=Asked(changed=True)):
        row = {
            "position": item.entry.position,
            "act": item.act.value,
            "target": item.target,
            "reason": item.entry.meta.reason,
        }
        changes: list[tuple[str | None, ...]]
        changes = [(one.field, _shown(one.old), _shown(one.new)) for one in item.changes] or [(None, None, None)]
        found += [{**row, "field": field, "old_value": old, "new_value": new} for field, old, new in changes]
    return found


def _members(history: History, on: date) -> Rows:
    counts = history.dlt_counts(on=on)
    return [_member(one) for one in (*counts.members, *counts.unassigned)]


def _member(one: Member) -> Row:
    return {
        "participant": one.subject,
        "level": _label(one.level),
        "evaluation": one.standing.evaluation.value,
        "reason": one.standing.reason.value,
        "dlt": one.dlt is not None,
        "event": one.dlt and one.dlt.event,
        "onset": one.dlt and one.dlt.onset.text,
        "window_last_day": one.window_last,
        "evidence": sorted(one.evidence),
    }


def _levels(history: History, on: date) -> Rows:
    state = history.escalation(on=on)
    closed = () if state is None else state.decision.closed_levels
    return [
        {
            "level": str(one.level),
            "place": one.place,
            "enrolled": one.enrolled,
            "evaluable": one.evaluable,
            "dlts": one.dlts,
            "pending": one.pending,
            "not_evaluable": one.not_evaluable,
            "most_held": one.most_held,
            "closed": one.level in closed,
        }
        for one in history.dlt_counts(on=on).tallies
    ]


def _values(history: History, on: date) -> Rows:
    found = history.endpoints(on=on).found.values
    return [_value(one, on) for values in found.values() for one in values]


def _value(one: Value, on: date) -> Row:
    """Give a value as the table shows it: where the cut-off ends the observation, it is no part of the row."""
    cut_off = one.ended_by == "cut-off"
    censored = cut_off and one.status is Status.CENSORED and one.on == on
    return {
        "participant": one.subject,
        "endpoint": one.endpoint,
        "level": _label(one.level),
        "status": one.status.value,
        "happened": one.value if isinstance(one.value, bool) else None,
        "number": None if isinstance(one.value, bool) else one.value,
        "because": one.because,
        "days": None if censored else one.days,
        "on_day": None if censored else one.on,
        "first_day": one.first,
        "last_day": None if cut_off else one.last,
        "ended_by": one.ended_by,
        "flags": " ".join(one.flags) or None,
        "evidence": sorted(one.evidence),
    }


def _label(level: object) -> str | None:
    return None if level is None else str(level)


def _shown(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


_TOLD: Mapping[str, Callable[[History], Rows]] = {
    "participant": _participants,
    "cohort": _cohorts,
    "adverse_event": _events,
    "laboratory_value": _results,
    "escalation_decision": _decisions,
    "deviation": _deviations,
    "correction": _corrections,
}
_TOLD_ON: Mapping[str, Callable[[History, date], Rows]] = {
    "level_standing": _levels,
    "dlt_assessment": _members,
    "endpoint_value": _values,
}
