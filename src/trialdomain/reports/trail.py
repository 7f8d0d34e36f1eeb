"""The report of the audit trail, and the trail as CSV: a row for each field that was set, changed or withdrawn."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import tzinfo
from itertools import chain
from typing import IO

from trialdomain.events.registry import NAMES
from trialdomain.projections.trail import Act, FieldChange, TrailEntry
from trialdomain.reports.facts import fact_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Listing, Report
from trialdomain.reports.table import Column
from trialdomain.values.given.cell import cell
from trialdomain.values.given.plural import n_entries
from trialdomain.values.ids import subject_of

COLUMNS = {
    "trial": "the trial's code",
    "position": "the entry's place in the trial's log, from 1",
    "stream": "what the entry is about",
    "version": "the entry's place in its stream, from 1",
    "subject": "the participant's code; empty for the trial and its dose levels",
    "act": "recorded, corrected or voided",
    "entry": "the kind of the fact",
    "field": "the field, by the path to it",
    "old": "its value before; empty where nothing was known",
    "new": "its value since; empty where nothing is known any more",
    "of": "the position of the entry whose field it is: for a void, of what was withdrawn",
    "reason": "why it was corrected or voided",
    "deviation": "why a rule of conduct was broken",
    "user": "the id of whoever recorded it",
    "name": "their name then",
    "role": "their role then",
    "organization": "their organization then",
    "recorded_at": "when, in UTC",
    "recorded_at_site": "when, in the zone of the site",
    "target": "the position of what it corrects or voids",
    "superseded_by": "the position of what corrected or voided it since",
    "command": "the command that recorded it",
    "part": "which entry of its command it is",
    "parts": "how many there are",
    "caused_by": "the entry that it follows from, as stream and version",
    "system": "of an import: where it came from",
    "record": "of an import: the name of the record there",
    "protocol": "the version of the protocol that had been recorded last",
    "software": "the version of trialdomain that recorded it",
}
"""What each column of the CSV holds."""


def trail_report(trail: Iterable[TrailEntry], zone: tzinfo) -> Report:
    """Report a trail, field by field, each entry as soon as it is read.

    Args:
        trail: the entries; may be an iterator, and then either the blocks or the JSON can be asked for, once.
        zone: the site's, for the times that people read.
    """

    def blocks() -> Iterator[Block]:
        coming = iter(trail)
        first = next(coming, None)
        if first is None:
            yield Lines(["No entries match what you asked for."])
            return
        number = 0

        def counted() -> Iterator[TrailEntry]:
            nonlocal number
            for told in chain([first], coming):
                number += 1
                yield told

        yield Listing(title="Entries", columns=_COLUMNS_SHOWN, rows=_rows(counted(), zone))
        yield Lines([n_entries(number)])

    return Report(
        title="Audit trail", blocks=blocks, json=lambda: {"entries": [trail_json(told, zone) for told in trail]}
    )


def entries_listing(trail: Sequence[TrailEntry], zone: tzinfo, *, title: str, fields: bool = False) -> Listing:
    """List entries, a line for each; with ``fields``, a line for each field."""
    columns, rows = (_COLUMNS_SHOWN, _rows) if fields else (_COLUMNS_IN_SHORT, _short_rows)
    return Listing(title=title, columns=columns, rows=rows(trail, zone))


def trail_json(told: TrailEntry, zone: tzinfo) -> dict[str, Json]:
    """Give an entry with all that it did."""
    found = _entry(told, zone)
    changes: list[Json] = [{"field": one.field, "old": one.old, "new": one.new, "of": one.of} for one in told.changes]
    return {**found, "changes": changes}


def write_trail(
    trail: Iterable[TrailEntry], file: IO[str], zone: tzinfo, *, leaf: Callable[[int], str] | None = None
) -> int:
    """Write a trail as CSV, for people: a spreadsheet runs nothing of it. Give the number of rows.

    With ``leaf``, which gives the leaf of an entry by its position, there is a column for it.
    """
    columns = [*COLUMNS, *([] if leaf is None else ["leaf"])]
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    rows = 0
    for told in trail:
        entry = _entry(told, zone)
        if leaf is not None:
            entry["leaf"] = leaf(told.entry.position)
        for change in told.changes or (None,):
            writer.writerow({name: cell(value) for name, value in (entry | _change(change)).items()})
            rows += 1
    return rows


_COLUMNS_SHOWN = (
    *(Column("position"), Column("recorded at the site", keep=2), Column("by", least=16), Column("entry", least=16)),
    *(Column("field", keep=3), Column("old", keep=1), Column("new", keep=3), Column("why", least=16, keep=-1)),
)
"""Those of :func:`_rows`."""
_COLUMNS_IN_SHORT = (
    *(Column("position"), Column("at the site", keep=1), Column("by", least=12, keep=-2)),
    *(Column("about", keep=1), Column("what", least=24, keep=2), Column("why", least=12, keep=-1)),
)
"""Those of :func:`_short_rows`."""


def _short_rows(trail: Iterable[TrailEntry], zone: tzinfo) -> Iterator[tuple[str, ...]]:
    """Show a trail with a line for each entry: of a correction, the fields that it changed."""
    for told in trail:
        meta = told.entry.meta
        when = meta.recorded_at.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")
        about = subject_of(told.entry.stream) or told.entry.stream.partition("/")[2] or "trial"
        why = meta.reason or meta.deviation or ""
        yield str(told.entry.position), when, meta.user, about, cell(_what(told)), cell(why)


def _what(told: TrailEntry) -> str:
    if told.act is Act.RECORDED:
        return fact_words(told.entry.fact)
    changed = ", ".join(f"{one.field} {one.old} to {one.new}" for one in told.changes if told.act is Act.CORRECTED)
    verb = "corrects" if told.act is Act.CORRECTED else "voids"
    return f"{verb} position {told.target}" + (f": {changed}" if changed else "")


def _rows(trail: Iterable[TrailEntry], zone: tzinfo) -> Iterator[tuple[str, ...]]:
    """Show a trail, an entry after the other as they come; an asterisk marks a field that was changed or withdrawn."""
    return (row for told in trail for row in _rows_of(told, zone))


def _rows_of(told: TrailEntry, zone: tzinfo) -> Iterator[tuple[str, ...]]:
    meta = told.entry.meta
    since = "" if told.superseded_by is None else f" (no longer: position {told.superseded_by})"
    what = f"{_kind(told)} {told.act.value}{since}"
    known = "" if told.who is None else f": {told.who.name}, {told.who.role.value}, {told.who.organization}"
    who = f"{meta.user}{known}"
    when = meta.recorded_at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    why = meta.reason or meta.deviation or ""
    before = (str(told.entry.position), when, who, what)
    for change in told.changes or (None,):
        mark = "*" if told.act is not Act.RECORDED else ""
        field, old, new = ("", "", "") if change is None else (f"{change.field}{mark}", change.old, change.new)
        yield (*before, field, cell(old), cell(new), cell(why))
        before, why = ("", "", "", ""), ""


def _entry(told: TrailEntry, zone: tzinfo) -> dict[str, Json]:
    entry, meta = told.entry, told.entry.meta
    return {
        "trial": entry.trial,
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "subject": subject_of(entry.stream),
        "act": told.act.value,
        "entry": _kind(told),
        "reason": meta.reason,
        "deviation": meta.deviation,
        "user": meta.user,
        "name": None if told.who is None else told.who.name,
        "role": None if told.who is None else told.who.role.value,
        "organization": None if told.who is None else told.who.organization,
        "recorded_at": meta.recorded_at.isoformat(),
        "recorded_at_site": meta.recorded_at.astimezone(zone).isoformat(),
        "target": told.target,
        "superseded_by": told.superseded_by,
        "command": meta.command,
        "part": meta.part,
        "parts": meta.parts,
        "caused_by": None if meta.caused_by is None else f"{meta.caused_by.stream} {meta.caused_by.version}",
        "system": None if meta.source is None else meta.source.system,
        "record": None if meta.source is None else meta.source.record,
        "protocol": told.protocol,
        "software": told.software,
    }


def _change(change: FieldChange | None) -> dict[str, Json]:
    if change is None:
        return {"field": None, "old": None, "new": None, "of": None}
    return {"field": change.field, "old": change.old, "new": change.new, "of": change.of}


def _kind(told: TrailEntry) -> str:
    return NAMES[type(told.entry.fact)]
