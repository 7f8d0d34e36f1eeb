"""The outcomes, as sentences and tables for people."""

from collections.abc import Iterator, Sequence
from datetime import date

from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.protocol.endpoint_rules import Anchor
from trialdomain.protocol.outcomes import OUTCOMES, Kind, OutcomeId
from trialdomain.reports.decision import mtd_words
from trialdomain.reports.statistics import Spread
from trialdomain.reports.summaries import (
    DoseSummary,
    DurationSummary,
    IncidenceSummary,
    Outcomes,
    OutcomeSummary,
    Share,
    Summary,
    TimeSummary,
)
from trialdomain.reports.table import Column, Table, together
from trialdomain.values.plural import how_many


def outcomes_lines(outcomes: Outcomes) -> Iterator[str]:
    """Say what the tables rest on."""
    rules = outcomes.endpoints.protocol.endpoints
    yield (
        f"Outcomes; the secondary ones from day 0 ({rules.anchor.value}) to day {rules.window_days}, among those who "
        + ("had the infusion" if rules.anchor is Anchor.INFUSION else "had chemotherapy and the infusion")
    )
    if outcomes.note:
        yield outcomes.note
    outside = outcomes.summaries[OutcomeId.S4].overall
    if isinstance(outside, IncidenceSummary):
        statuses = outside.counted.statuses
        missing = statuses.get(Status.OUTSIDE, 0) + statuses.get(Status.NOT_OBSERVED, 0)
        yield f"In the analysis set: {sum(statuses.values()) - missing}; outside it, or nothing begun yet: {missing}"
    unheard = [one.value for one in _RECORDED if not any(value.examined for value in outcomes.endpoints.values[one])]
    if unheard:
        yield f"No entry of anybody speaks of {', '.join(unheard)}: a 0 there says that nothing was recorded"


_RECORDED = (OutcomeId.S4, OutcomeId.S5, OutcomeId.S6, OutcomeId.S12)
"""What is so because somebody recorded it, and not measured."""


def outcomes_tables(outcomes: Outcomes) -> Iterator[Table]:
    """Show the outcomes by dose level and for everybody, one table for each kind."""
    found = outcomes.summaries
    titles = {
        Kind.INCIDENCE: "How many had it: n/N, % [exact 95 % interval]",
        Kind.DURATION: "How long it lasted: median (range) days of n with an episode; mean over all",
        Kind.TIME: "Days to recovery: how many of those at risk, median (range); est.: the median estimated for all",
    }
    for kind, title in titles.items():
        named = [summary for outcome, summary in found.items() if OUTCOMES[outcome].kind is kind]
        groups = _groups(named[0])
        yield Table(
            title=title,
            columns=("outcome", "", *(name for name, _ in groups)),
            rows=tuple(row for summary in named for row in _rows(summary)),
        )
    mtd = found[OutcomeId.P3].overall
    if isinstance(mtd, DoseSummary) and mtd.mtd is not None:
        yield Table(
            title="Maximum tolerated dose", columns=("outcome", "", "all"), rows=(("P3", "MTD", mtd_words(mtd.mtd)),)
        )


def _groups(summary: OutcomeSummary) -> list[tuple[str, Summary]]:
    elsewhere = [] if summary.unassigned is None else [("no level", summary.unassigned)]
    return [*((f"level {level}", one) for level, one in summary.levels.items()), *elsewhere, ("all", summary.overall)]


def _rows(summary: OutcomeSummary) -> Iterator[tuple[str, ...]]:
    title = OUTCOMES[summary.outcome].title
    cells = [_cell(one) for _, one in _groups(summary)]
    yield (summary.outcome.value, title, *cells)
    overall = summary.overall
    if isinstance(overall, IncidenceSummary):
        for name in overall.parts:
            if name == "any":  # the headline, unless the protocol counts treatment alone; the files have both
                continue
            yield ("", f"  {name.replace('_', ' ')}", *(_part_cell(one, name) for _, one in _groups(summary)))
        for name in () if summary.outcome is OutcomeId.P1 else overall.totals:  # the safety summary has them
            yield ("", f"  {name.replace('_', ' ')}", *(_total_cell(one, name) for _, one in _groups(summary)))
    unjudged = [_flag_count(one, Flag.NOT_DERIVED) for _, one in _groups(summary)]
    if any(unjudged):
        yield ("", "  by reports alone", *map(str, unjudged))
    for status, words in (_WHY_NO_DLT if summary.outcome is OutcomeId.P2 else _WHY).items():
        numbers = [_status_count(one, status) for _, one in _groups(summary)]
        if any(numbers):
            yield ("", f"  {words}", *map(str, numbers))


_WHY = {
    Status.NOT_AT_RISK: "never below, not at risk",
    Status.END_UNKNOWN: "end unknown",
    Status.PREVALENT: "so before the start",
    Status.NOT_OBSERVED: "not observed",
}


_WHY_NO_DLT = {Status.NOT_OBSERVED: "pending", Status.OUTSIDE: "not evaluable, or not infused"}


def _flag_count(summary: Summary, flag: Flag) -> int:
    return 0 if isinstance(summary, DoseSummary) else summary.counted.flags.get(flag, 0)


def _status_count(summary: Summary, status: Status) -> int:
    return 0 if isinstance(summary, DoseSummary) else summary.counted.statuses.get(status, 0)


def _part_cell(summary: Summary, name: str) -> str:
    return share_words(summary.parts[name]) if isinstance(summary, IncidenceSummary) else ""


def _total_cell(summary: Summary, name: str) -> str:
    return str(summary.totals[name]) if isinstance(summary, IncidenceSummary) else ""


def _cell(summary: Summary) -> str:
    match summary:
        case IncidenceSummary():
            return share_words(summary.share)
        case DurationSummary():
            return _duration_words(summary)
        case TimeSummary():
            return _time_words(summary)
        case DoseSummary():
            return ""


def share_words(share: Share) -> str:
    """Say n/N, in percent, with its interval."""
    if share.fraction is None:
        return "0/0"
    interval = share.interval
    between = "" if interval is None else together(f"[{100 * interval.lower:.0f}, {100 * interval.upper:.0f}]")
    return f"{share.n}/{share.of}, {together(f'{100 * share.fraction:.0f} %')} {between}".rstrip(" ")


def _duration_words(summary: DurationSummary) -> str:
    if not summary.of:
        return "nobody"
    if not summary.spread.number:
        return f"none in {summary.of}"
    ongoing = f", {summary.ongoing} ongoing" if summary.ongoing else ""
    spread, mean = summary.spread, summary.mean_over_all
    return f"{_spread_words(spread)} of {spread.number}{ongoing}; mean {mean:.1f} of {summary.of}"


def _time_words(summary: TimeSummary) -> str:
    if not summary.at_risk:
        return "nobody at risk"
    median = summary.curve.median
    reached = "not reached" if median is None else str(median)
    recovered = f"{summary.recovered}/{summary.at_risk}"
    times = f", {_spread_words(summary.spread)}" if summary.recovered else ""
    died = f", {summary.died} died" if summary.died else ""
    return f"{recovered}{times}{died}; est. {reached}"


def _spread_words(spread: Spread) -> str:
    return f"{spread.median:g} ({spread.least} to {spread.most})"


def summary_lines(summary: OutcomeSummary) -> Iterator[str]:
    """Say one outcome by dose level and for everybody, one a line."""
    for name, one in _groups(summary):
        if isinstance(one, DoseSummary):
            if one.mtd is not None:
                yield f"MTD: {mtd_words(one.mtd)}"
            yield from (
                f"level {t.level}: {t.dlts} with DLT of {t.evaluable} evaluable" for t in one.tallies if name != "all"
            )
            continue
        counted = ", ".join(
            f"{number} {status.value.replace('-', ' ')}" for status, number in one.counted.statuses.items()
        )
        yield f"{name}: {_cell(one)}" + (f" ({counted})" if counted else "")


def participants_table(outcome: OutcomeId, values: Sequence[Value]) -> Table:
    """Show one outcome of everybody."""
    return Table(
        title=f"{outcome.value} {OUTCOMES[outcome].title}",
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
                _shown(value.on),
                _shown(value.last),
                value.ended_by or "",
                ", ".join(_FLAGS.get(flag, flag.value.replace("-", " ")) for flag in value.flags),
                " ".join(map(str, value.evidence)),
            )
            for value in values
        ),
    )


_LEAST = 14
"""Characters for a value, for notes and for a list of entries."""
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
    Status.PREVALENT: "so before the start",
}


def value_words(value: Value) -> str:
    """Say a value, or why there is none."""
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


def _shown(day: date | None) -> str:
    return "" if day is None else day.isoformat()
