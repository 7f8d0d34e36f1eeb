"""The reports of the endpoints: all endpoints by dose level, and one endpoint by participant."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial

from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.protocol.endpoints.endpoint import Endpoint, Kind
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    DltIncidence,
    EventIncidence,
    SafetyIncidence,
    TransfusionRate,
    is_windowed,
)
from trialdomain.protocol.endpoints.parts import Anchor
from trialdomain.reports.endpoints.as_json import endpoints_json
from trialdomain.reports.endpoints.statistics import Spread
from trialdomain.reports.endpoints.summaries import (
    DoseSummary,
    DurationSummary,
    Endpoints,
    EndpointSummary,
    IncidenceSummary,
    Share,
    Summary,
    TimeSummary,
)
from trialdomain.reports.escalation.decision import doses_of, mtd_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table, together
from trialdomain.values.given.plural import how_many


def endpoints_report(endpoints: Endpoints) -> Report:
    """Report every endpoint that was derived, by dose level and for the whole trial."""

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(endpoints))
        yield from _tables(endpoints)

    return Report(title="Endpoints", blocks=blocks, json=lambda: _json(endpoints, endpoints.summaries))


def endpoint_report(endpoints: Endpoints, endpoint: Endpoint) -> Report:
    """Report the summaries of one endpoint, and then its value for each participant."""

    def blocks() -> Iterator[Block]:
        yield Lines((*_lines(endpoints), *summary_lines(endpoints.summary(endpoint.id))))
        if values := endpoints.values(endpoint.id):
            yield participants_table(endpoint, values)

    return Report(title=f"{endpoint.id} {endpoint.title}", blocks=blocks, json=lambda: _json(endpoints, [endpoint.id]))


def _json(endpoints: Endpoints, codes: Iterable[str]) -> dict[str, Json]:
    return {"endpoints": endpoints_json(endpoints, codes), "note": endpoints.note}


def _lines(endpoints: Endpoints) -> Iterator[str]:
    """Yield sentences about the windows and the analysis sets behind the tables."""
    rules, codes = endpoints.protocol.endpoints, list(endpoints.summaries)
    windowed = [one for one in rules.derived if one.id in endpoints.summaries and is_windowed(one)]
    if windowed:
        others = [code for code in codes if code not in {one.id for one in windowed}]
        which = f"all but {', '.join(others)}" if others else "all"
        yield (
            f"Endpoints; {which} from day 0 ({rules.anchor.value}) to day {rules.window_days}, among those who "
            + ("had the infusion" if rules.anchor is Anchor.INFUSION else "had chemotherapy and the infusion")
        )
        own = [
            f"{one.id} from {mine.anchor.value} to day {mine.window_days}"
            for one in windowed
            if ((mine := rules.of(one)).anchor, mine.window_days) != (rules.anchor, rules.window_days)
        ]
        if own:
            yield f"With a window of its own: {'; '.join(own)}"
    if endpoints.note:
        yield endpoints.note
    if not codes:
        yield "The protocol derives no endpoint"
    for anchor in dict.fromkeys(rules.of(one).anchor for one in windowed):
        first = next(one for one in windowed if rules.of(one).anchor is anchor)
        values = endpoints.values(first.id)
        missing = sum(_is_outside(value) for value in values)
        which = "" if anchor is rules.anchor else f" from {anchor.value}"
        yield f"In the analysis set{which}: {len(values) - missing}; outside it, or not begun yet: {missing}"
    unreported = [
        one.id
        for one in windowed
        if isinstance(one, _RECORDED) and not any(v.examined for v in endpoints.values(one.id))
    ]
    if unreported:
        yield f"No participant has an entry for {', '.join(unreported)}: a 0 there means that nothing was recorded"


def _is_outside(value: Value) -> bool:
    """Return whether a participant has no day of observation: outside the analysis set, or not begun yet."""
    return value.first is None or value.last is None or value.last < value.first


_RECORDED = (EventIncidence, TransfusionRate, AntiInfectiveRate)
"""Families of endpoints that rest on reports of events, and not on measurements."""
_TITLES = {
    Kind.INCIDENCE: "How many had it: n/N, % [exact 95 % interval]",
    Kind.DURATION: "How long it lasted: median (range) days of n with an episode; mean over all",
    Kind.TIME: "Days to recovery: how many of those at risk, median (range); est.: the median estimated for all",
}


def _tables(endpoints: Endpoints) -> Iterator[Table]:
    """Make one table for each kind of endpoint, by dose level and overall."""
    for kind, title in _TITLES.items():
        of_kind = [summary for summary in endpoints.summaries.values() if summary.endpoint.kind is kind]
        if not of_kind:
            continue
        names = [name for name, _ in _groups(of_kind[0]) if name not in {_NO_LEVEL, _ALL}]
        unassigned = [_NO_LEVEL] if any(summary.unassigned for summary in of_kind) else []
        groups = [*names, *unassigned, _ALL]
        yield Table(
            title=title,
            columns=("endpoint", "", *groups),
            rows=tuple(row for summary in of_kind for row in _rows(summary, groups)),
        )
    doses = [
        (code, "MTD", mtd_words(summary.overall.mtd, doses_of(summary.overall.tallies)))
        for code, summary in endpoints.summaries.items()
        if isinstance(summary.overall, DoseSummary) and summary.overall.mtd is not None
    ]
    if doses:
        yield Table(title="Maximum tolerated dose", columns=("endpoint", "", "all"), rows=tuple(doses))


_NO_LEVEL, _ALL = "no level", "all"


def _groups(summary: EndpointSummary) -> Iterator[tuple[str, Summary]]:
    """Yield the summaries by the heading of their column."""
    for group, level, one in summary.groups():
        yield _NO_LEVEL if group == "unassigned" else _ALL if level is None else f"level {level}", one


def _rows(summary: EndpointSummary, groups: Sequence[str]) -> Iterator[tuple[str, ...]]:
    endpoint, overall, found = summary.endpoint, summary.overall, dict(_groups(summary))

    def cells(cell: Callable[[Summary], str]) -> list[str]:
        return [cell(found[name]) if name in found else "" for name in groups]

    yield (endpoint.id, endpoint.title, *cells(summary_words))
    if isinstance(overall, IncidenceSummary):
        for name in overall.parts:
            if name == "any":  # the headline, unless the protocol counts treatment alone; the files have both
                continue
            yield ("", f"  {name.replace('_', ' ')}", *cells(partial(_part_cell, name=name)))
        in_safety = isinstance(endpoint, SafetyIncidence) and endpoint.days is None  # the safety summary has them
        for name in () if in_safety else overall.totals:
            yield ("", f"  {name.replace('_', ' ')}", *cells(partial(_total_cell, name=name)))
    if _flag_count(overall, Flag.NOT_DERIVED):
        yield ("", "  by reports alone", *cells(lambda one: str(_flag_count(one, Flag.NOT_DERIVED))))
    for status, label in (_WHY_NO_DLT if isinstance(endpoint, DltIncidence) else _WHY).items():
        if _status_count(overall, status):
            yield ("", f"  {label}", *cells(partial(_status_cell, status=status)))


def _status_cell(summary: Summary, status: Status) -> str:
    return str(_status_count(summary, status))


_WHY = {
    Status.NOT_AT_RISK: "never below, not at risk",
    Status.END_UNKNOWN: "end unknown",
    Status.PREVALENT: "present before the start",
    Status.NOT_OBSERVED: "not observed",
}


_WHY_NO_DLT = {Status.NOT_OBSERVED: "pending", Status.OUTSIDE: "not evaluable, or not infused"}


def _flag_count(summary: Summary, flag: Flag) -> int:
    return 0 if isinstance(summary, DoseSummary) else summary.counted.flags.get(flag, 0)


def _status_count(summary: Summary, status: Status) -> int:
    return 0 if isinstance(summary, DoseSummary) else summary.counted.statuses.get(status, 0)


def _part_cell(summary: Summary, name: str) -> str:
    return _share_text(summary.parts[name]) if isinstance(summary, IncidenceSummary) else ""


def _total_cell(summary: Summary, name: str) -> str:
    return str(summary.totals[name]) if isinstance(summary, IncidenceSummary) else ""


def summary_words(summary: Summary) -> str:
    """Describe a summary in one cell of a table: n/N with its interval, days, or the MTD."""
    match summary:
        case IncidenceSummary():
            return _share_text(summary.share)
        case DurationSummary():
            return _duration_text(summary)
        case TimeSummary():
            return _time_text(summary)
        case DoseSummary():
            return "" if summary.mtd is None else mtd_words(summary.mtd, doses_of(summary.tallies))


def _share_text(share: Share) -> str:
    """Format n/N and its percentage with the interval."""
    if share.fraction is None:
        return "0/0"
    interval = share.interval
    between = "" if interval is None else together(f"[{100 * interval.lower:.0f}, {100 * interval.upper:.0f}]")
    return f"{share.n}/{share.of}, {together(f'{100 * share.fraction:.0f} %')} {between}".rstrip(" ")


def _duration_text(summary: DurationSummary) -> str:
    if not summary.of:
        return "no participants"
    if not summary.spread.number:
        return f"none in {summary.of}"
    ongoing = f", {summary.ongoing} ongoing" if summary.ongoing else ""
    spread, mean = summary.spread, summary.mean_over_all
    return f"{_spread_text(spread)} of {spread.number}{ongoing}; mean {mean:.1f} of {summary.of}"


def _time_text(summary: TimeSummary) -> str:
    if not summary.at_risk:
        return "nobody at risk"
    median = summary.curve.median
    reached = "not reached" if median is None else str(median)
    recovered = f"{summary.recovered}/{summary.at_risk}"
    times = f", {_spread_text(summary.spread)}" if summary.recovered else ""
    died = f", {summary.died} died" if summary.died else ""
    return f"{recovered}{times}{died}; est. {reached}"


def _spread_text(spread: Spread) -> str:
    return f"{spread.median:g} ({spread.least} to {spread.most})"


def summary_lines(summary: EndpointSummary) -> Iterator[str]:
    """Describe one endpoint by dose level and overall, one line each."""
    for name, one in _groups(summary):
        if isinstance(one, DoseSummary):
            if one.mtd is not None:
                yield f"MTD: {mtd_words(one.mtd, doses_of(one.tallies))}"
            elif name == _ALL:
                yield "The protocol has no escalation design, which would give the MTD"
            yield from (
                f"level {t.level}: {t.dlts} with DLT of {t.evaluable} evaluable" for t in one.tallies if name != "all"
            )
            continue
        counted = ", ".join(
            f"{number} {status.value.replace('-', ' ')}" for status, number in one.counted.statuses.items()
        )
        yield f"{name}: {summary_words(one)}" + (f" ({counted})" if counted else "")


def participants_table(endpoint: Endpoint, values: Sequence[Value]) -> Table:
    """Make a table of one endpoint by participant."""
    return Table(
        title=f"{endpoint.id} {endpoint.title}",
        columns=(
            *("participant", "level", Column("value", least=_LEAST), "on"),
            *(Column("observed to", keep=-1), Column("ended by", keep=-1), Column("notes", least=_LEAST, keep=-1)),
            Column("entries", least=_LEAST, keep=-2),
        ),
        rows=tuple(
            (
                value.subject,
                "" if value.level is None else str(value.level),
                value_words(value),
                _day_text(value.on),
                _day_text(value.last),
                value.ended_by or "",
                ", ".join(_FLAGS.get(flag, flag.value.replace("-", " ")) for flag in value.flags),
                " ".join(map(str, value.evidence)),
            )
            for value in values
        ),
    )


_LEAST = 14
"""The minimum width of the columns for values, notes and entries."""
_FLAGS = {
    Flag.G_CSF: "G-CSF given",
    Flag.TPO_RECEPTOR_AGONIST: "TPO receptor agonist given",
    Flag.IMPUTED_DATE: "a partial date was completed",
    Flag.FELL_AGAIN: "fell below again",
    Flag.FROM_LEUKOCYTES: "from leukocytes",
}


_ABSENT = {
    Status.NO_EPISODE: "no episode",
    Status.NOT_AT_RISK: "not at risk: never below",
    Status.END_UNKNOWN: "recovered, end unknown",
    Status.PREVALENT: "present before the start",
}


def value_words(value: Value) -> str:
    """Describe a value, or why there is none."""
    because = "" if value.because is None else f" ({value.because.replace('-', ' ')})"
    match value.status:
        case Status.OBSERVED:
            if isinstance(value.value, bool):
                return "yes" if value.value else "no"
            return how_many(int(value.value or 0), "day")
        case Status.CENSORED:
            seen = "" if value.unmeasured_since is None else f"; last result on {value.unmeasured_since}"
            return f"not by day {value.days}{because}{seen}"
        case Status.DIED:
            return f"died on day {value.days}"
        case Status.NOT_OBSERVED:
            return f"not observed{because}"
        case Status.OUTSIDE:
            return f"outside the analysis set{because}"
        case _:
            return _ABSENT[value.status]


def _day_text(day: date | None) -> str:
    return "" if day is None else day.isoformat()
