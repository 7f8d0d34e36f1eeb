"""The report of the audit trail and its CSV, with one row for each field that was set, changed or withdrawn."""

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
    "stream": "the stream of the entry: the trial, a dose level or a participant",
    "version": "the entry's place in its stream, from 1",
    "subject": "the participant's code; empty for the trial and its dose levels",
    "act": "recorded, corrected or voided",
    "entry": "the kind of the fact",
    "field": "the field, by the path to it",
    "old": "its value before; empty if it was unknown",
    "new": "its new value; empty if it was withdrawn",
    "of": "the position of the entry that has the field; for a void, of the withdrawn entry",
    "reason": "why it was corrected or voided",
    "deviation": "why a rule of conduct was broken",
    "user": "the id of the user who recorded it",
    "name": "the name of the user at that time",
    "role": "the role of the user at that time",
    "organization": "the organization of the user at that time",
    "recorded_at": "the time of recording, in UTC",
    "recorded_at_site": "the time of recording, in the zone of the site",
    "target": "the position of the entry that it corrects or voids",
    "superseded_by": "the position of the entry that corrected or voided it later",
    "command": "the command that recorded it",
    "part": "the number of the entry within its command, from 1",
    "parts": "the number of entries of the command",
    "caused_by": "the entry that caused it, as stream and version",
    "system": "for an import: the source system",
    "record": "for an import: the name of the record in the source system",
    "protocol": "the last recorded version of the protocol at that position",
    "software": "the version of trialdomain that recorded it",
}
"""The columns of the CSV and their meanings."""


def trail_report(trail: Iterable[TrailEntry], zone: tzinfo) -> Report:
    """Report an audit trail field by field, and show each entry as soon as it is read.

    Args:
        trail: the entries. If this is an iterator, the caller can read either the blocks or the JSON, once.
        zone: the time zone of the site, for the times in the text.
    """

    def blocks() -> Iterator[Block]:
        remaining = iter(trail)
        first = next(remaining, None)
        if first is None:
            yield Lines(["No entries match what you asked for."])
            return
        number = 0

        def counted() -> Iterator[TrailEntry]:
            nonlocal number
            for item in chain([first], remaining):
                number += 1
                yield item

        yield Listing(title="Entries", columns=_COLUMNS_SHOWN, rows=_rows(counted(), zone))
        yield Lines([n_entries(number)])

    return Report(
        title="Audit trail", blocks=blocks, json=lambda: {"entries": [trail_json(item, zone) for item in trail]}
    )


def entries_listing(trail: Sequence[TrailEntry], zone: tzinfo, *, title: str, fields: bool = False) -> Listing:
    """List entries with one row each; with ``fields``, with one row per field."""
    columns, rows = (_COLUMNS_SHOWN, _rows) if fields else (_COLUMNS_IN_SHORT, _short_rows)
    return Listing(title=title, columns=columns, rows=rows(trail, zone))


def trail_json(item: TrailEntry, zone: tzinfo) -> dict[str, Json]:
    """Return the JSON of an entry and its field changes."""
    changes: list[Json] = [_change(change) for change in item.changes]
    return {**_entry(item, zone), "changes": changes}


def write_trail(
    trail: Iterable[TrailEntry], file: IO[str], zone: tzinfo, *, leaf: Callable[[int], str] | None = None
) -> int:
    """Write a trail as CSV and return the number of rows; cells are escaped so that a spreadsheet runs no formula.

    Args:
        trail: the entries.
        file: the file to write.
        zone: the time zone of the site.
        leaf: returns the leaf hash of an entry by its position; if set, the CSV has a column for it.
    """
    columns = [*COLUMNS, *([] if leaf is None else ["leaf"])]
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    rows = 0
    for item in trail:
        entry = _entry(item, zone)
        if leaf is not None:
            entry["leaf"] = leaf(item.entry.position)
        for change in item.changes or (None,):
            writer.writerow({name: cell(value) for name, value in (entry | _change(change)).items()})
            rows += 1
    return rows


_COLUMNS_SHOWN = (
    *(Column("position"), Column("recorded at the site", keep=2), Column("by", least=16), Column("entry", least=16)),
    *(Column("field", keep=3), Column("old", keep=1), Column("new", keep=3), Column("why", least=16, keep=-1)),
)
"""The columns of :func:`_rows`."""
_COLUMNS_IN_SHORT = (
    *(Column("position"), Column("at the site", keep=1), Column("by", least=12, keep=-2)),
    *(Column("about", keep=1), Column("what", least=24, keep=2), Column("why", least=12, keep=-1)),
)
"""The columns of :func:`_short_rows`."""


def _short_rows(trail: Iterable[TrailEntry], zone: tzinfo) -> Iterator[tuple[str, ...]]:
    """Yield one row per entry; for a correction, the row lists the changed fields."""
    for item in trail:
        meta = item.entry.meta
        when = meta.recorded_at.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")
        about = subject_of(item.entry.stream) or item.entry.stream.partition("/")[2] or "trial"
        why = meta.reason or meta.deviation or ""
        yield str(item.entry.position), when, meta.user, about, cell(_what(item)), cell(why)


def _what(item: TrailEntry) -> str:
    if item.act is Act.RECORDED:
        return fact_words(item.entry.fact)
    changed = ", ".join(
        f"{change.field} {change.old} to {change.new}" for change in item.changes if item.act is Act.CORRECTED
    )
    verb = "corrects" if item.act is Act.CORRECTED else "voids"
    return f"{verb} position {item.target}" + (f": {changed}" if changed else "")


def _rows(trail: Iterable[TrailEntry], zone: tzinfo) -> Iterator[tuple[str, ...]]:
    """Yield one row per field, entry by entry; an asterisk marks a field that was changed or withdrawn."""
    return (row for item in trail for row in _rows_of(item, zone))


def _rows_of(item: TrailEntry, zone: tzinfo) -> Iterator[tuple[str, ...]]:
    meta = item.entry.meta
    since = "" if item.superseded_by is None else f" (superseded at position {item.superseded_by})"
    what = f"{_kind(item)} {item.act.value}{since}"
    identity = "" if item.who is None else f": {item.who.name}, {item.who.role.value}, {item.who.organization}"
    who = f"{meta.user}{identity}"
    when = meta.recorded_at.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    why = meta.reason or meta.deviation or ""
    entry_cells = (str(item.entry.position), when, who, what)
    for change in item.changes or (None,):
        mark = "*" if item.act is not Act.RECORDED else ""
        field, old, new = ("", "", "") if change is None else (f"{change.field}{mark}", change.old, change.new)
        yield (*entry_cells, field, cell(old), cell(new), cell(why))
        entry_cells, why = ("", "", "", ""), ""


def _entry(item: TrailEntry, zone: tzinfo) -> dict[str, Json]:
    entry, meta = item.entry, item.entry.meta
    return {
        "trial": entry.trial,
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "subject": subject_of(entry.stream),
        "act": item.act.value,
        "entry": _kind(item),
        "reason": meta.reason,
        "deviation": meta.deviation,
        "user": meta.user,
        "name": None if item.who is None else item.who.name,
        "role": None if item.who is None else item.who.role.value,
        "organization": None if item.who is None else item.who.organization,
        "recorded_at": meta.recorded_at.isoformat(),
        "recorded_at_site": meta.recorded_at.astimezone(zone).isoformat(),
        "target": item.target,
        "superseded_by": item.superseded_by,
        "command": meta.command,
        "part": meta.part,
        "parts": meta.parts,
        "caused_by": None if meta.caused_by is None else f"{meta.caused_by.stream} {meta.caused_by.version}",
        "system": None if meta.source is None else meta.source.system,
        "record": None if meta.source is None else meta.source.record,
        "protocol": item.protocol,
        "software": item.software,
    }


def _change(change: FieldChange | None) -> dict[str, Json]:
    if change is None:
        return {"field": None, "old": None, "new": None, "of": None}
    return {"field": change.field, "old": change.old, "new": change.new, "of": change.of}


def _kind(item: TrailEntry) -> str:
    return NAMES[type(item.entry.fact)]
