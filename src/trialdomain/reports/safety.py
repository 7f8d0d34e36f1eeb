"""The report of the safety summary."""

from collections import Counter
from collections.abc import Iterable, Iterator

from trialdomain.projections.safety import Count, Incidence, Listed, Period, Safety, TermCount
from trialdomain.reports.grades import highest_json, highest_text, scale_json
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table, together
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale
from trialdomain.values.clinical.toxicity import GRADES, Relatedness
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.values.given.text import folded

_MOST_TERMS = 10
"""The number of terms in the table; the JSON has all of them."""


def safety_report(safety: Safety) -> Report:
    """Report participants with adverse events, and numbers of events, by period and dose level."""

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(safety))
        yield from incidence_tables(safety)

    return Report(title="Safety summary", blocks=blocks, json=lambda: _json(safety))


def _json(safety: Safety) -> dict[str, Json]:
    return {
        "reported": _count_json(safety.reported) | {"distinct_events": safety.distinct_events},
        "before_infusion": _count_json(safety.before_infusion),
        "not_infused": _count_json(safety.not_infused),
        "periods": [_period_json(period) for period in safety.periods],
        "events": [_listed_json(event) for event in safety.events],
    }


def _listed_json(event: Listed) -> Json:
    return {
        "subject": event.subject,
        "level": event.level,
        "event": event.event,
        "term": event.term,
        **scale_json(event.scale),
        "since": None if event.since is None else event.since.isoformat(),
        "day": event.day,
        "highest_grade": event.highest_grade,
        "serious": event.serious,
        "fatal": event.fatal,
        "relatedness": event.relatedness.value,
        "evidence": list(event.evidence),
    }


def _period_json(period: Period) -> Json:
    return {
        "days": period.days,
        "levels": [_incidence_json(level) for level in period.levels],
        "unassigned": None if period.unassigned is None else _incidence_json(period.unassigned),
        "overall": _incidence_json(period.overall),
    }


def _incidence_json(found: Incidence) -> dict[str, Json]:
    return {
        "level": found.level,
        "infused": found.infused,
        "completed": found.completed,
        "any": _count_json(found.any_event),
        "distinct_events": found.distinct_events,
        "serious": _count_json(found.serious),
        "related": _count_json(found.related),
        "fatal": _count_json(found.fatal),
        "grades": _grades_json(found.grades),
        **_by_scale_json(found),
        "relatedness": {relatedness.value: _count_json(count) for relatedness, count in found.relatedness},
        "terms": [_term_json(counted) for counted in found.terms],
        "imputed": found.imputed,
    }


def _grades_json(grades: Iterable[tuple[int, Count]]) -> Json:
    return {str(grade): _count_json(count) for grade, count in grades}


def _by_scale_json(found: Incidence) -> dict[str, Json]:
    """Return the member ``grades_by_scale``, where a grade is by a scale that is not the protocol's."""
    if not found.grades_by_scale:
        return {}
    return {"grades_by_scale": {scale.text: _grades_json(grades) for scale, grades in found.grades_by_scale}}


def _term_json(counted: TermCount) -> Json:
    term: dict[str, Json] = {"term": counted.term, "highest_grade": counted.highest_grade}
    return term | highest_json(counted.highest_by_scale) | _count_json(counted.count)


def _count_json(count: Count) -> dict[str, Json]:
    return {"participants": count.participants, "events": count.events}


def _lines(safety: Safety) -> Iterator[str]:
    yield (
        f"Adverse events: {_count_text(safety.reported, 'reported')}, {safety.distinct_events} of them distinct; "
        f"{_count_text(safety.before_infusion, 'before the infusion and not worse after it')}; "
        f"{_count_text(safety.not_infused, 'in people not infused')}"
    )
    for period in safety.periods:
        if period.overall.imputed:
            where = "at any time" if period.days is None else f"within {how_many(period.days, 'day')}"
            number = period.overall.imputed
            count = singular_or(number, "counts", "count")
            yield f"Of the events {where}, {number} {count} by the earliest day that a partial date allows"
    others = Counter(event.scale for event in safety.events if event.scale is not None)
    if others:
        by = ", ".join(f"{how_many(number, 'event')} by {scale}" for scale, number in others.items())
        yield (
            f"The protocol grades by {safety.grading}; {by}: a table counts each grade as it is on the scale of its "
            f"event, and converts none"
        )


def _count_text(count: Count, what: str) -> str:
    return f"{count.events} {what} ({how_many(count.participants, 'participant')})"


def incidence_tables(safety: Safety) -> Iterator[Table]:
    """Make tables of incidence by period and level, of relatedness, and of the most frequent terms."""
    for period in safety.periods:
        when = "At any time after" if period.days is None else f"Within {how_many(period.days, 'day')} of"
        scales = _scales(period, safety.grading)
        yield Table(
            title=f"{when} the infusion: participants (%) with adverse events [events]{scales}",
            columns=(
                *("level", "infused", "observed to the end", "any", "serious", "related", "fatal"),
                *(f"grade {grade}" for grade in GRADES),
            ),
            rows=tuple(_row(name, found) for name, found in _named(period)),
            turns=True,
        )
    if safety.periods[0].overall.grades_by_scale:
        yield _grades(safety.periods[0])
    yield _relatedness(safety.periods[0])
    yield _terms(safety.periods[0])


def _scales(period: Period, grading: Scale) -> str:
    """Name the scales of the grades of a table; nothing where all of them are by CTCAE 5.0, as the protocol has it."""
    scales = [scale for scale, _ in period.overall.grades_by_scale] or [grading]
    return "" if scales == [CTCAE_5_0] else "; grades by " + ", ".join(map(str, scales))


def _grades(period: Period) -> Table:
    return Table(
        title="By the highest grade on each scale, at any time: participants (%) [events]",
        columns=("level", "scale", *(f"grade {grade}" for grade in GRADES)),
        rows=tuple(
            (name, str(scale), *(_cell(dict(grades).get(grade), found) for grade in GRADES))
            for name, found in _named(period)
            for scale, grades in found.grades_by_scale
        ),
        turns=True,
    )


def _named(period: Period) -> list[tuple[str, Incidence]]:
    unassigned = [] if period.unassigned is None else [("no level", period.unassigned)]
    return [*((str(level.level), level) for level in period.levels), *unassigned, ("all", period.overall)]


def _row(name: str, found: Incidence) -> tuple[str, ...]:
    grades = dict(found.grades)
    return (
        name,
        str(found.infused),
        "" if found.completed is None else str(found.completed),
        *(_cell(count, found) for count in (found.any_event, found.serious, found.related, found.fatal)),
        *(_cell(grades.get(grade), found) for grade in GRADES),
    )


def _cell(count: Count | None, found: Incidence) -> str:
    if count is None or not count.events:
        return "0"
    people = together(f"{count.participants} ({100 * count.participants / found.infused:.1f})")
    return f"{people} [{count.events}]"


def _relatedness(period: Period) -> Table:
    return Table(
        title="By the most related event, at any time: participants (%) [events]",
        columns=("level", *(relatedness.value for relatedness in Relatedness)),
        rows=tuple(
            (
                name,
                *(_cell(dict(found.relatedness).get(relatedness), found) for relatedness in Relatedness),
            )
            for name, found in _named(period)
        ),
        turns=True,
    )


def _terms(period: Period) -> Table:
    frequent = period.overall.terms[:_MOST_TERMS]
    by_level = [{folded(counted.term): counted.count for counted in level.terms} for level in period.levels]
    left_out = len(period.overall.terms) - len(frequent)
    return Table(
        title="Terms, at any time"
        + (f", the {len(frequent)} most frequent of {len(frequent) + left_out}" if left_out else ""),
        columns=("term", "highest grade", *(f"level {level.level}" for level in period.levels), "all"),
        rows=tuple(
            (
                counted.term,
                highest_text(counted.highest_grade, counted.highest_by_scale),
                *(
                    _cell(counts.get(folded(counted.term)), level)
                    for counts, level in zip(by_level, period.levels, strict=True)
                ),
                _cell(counted.count, period.overall),
            )
            for counted in frequent
        ),
    )
