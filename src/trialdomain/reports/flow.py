"""The report of the participant flow."""

from collections.abc import Iterator

from trialdomain.projections.flow import Disposition, Flow, LevelFlow, Status
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.given.plural import how_many

_HEADINGS = {
    Status.ENROLLED: "not infused yet",
    Status.ON_STUDY: "on study",
    Status.COMPLETED: "completed",
    Status.WITHDREW: "withdrew from follow-up",
    Status.LOST: "lost",
    Status.DIED: "died",
}


def flow_report(flow: Flow) -> Report:
    """Report how many people were screened, enrolled and infused by level, and the status of each participant."""

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(flow))
        yield from _tables(flow)

    return Report(title="Participant flow", blocks=blocks, json=lambda: _json(flow))


def _json(flow: Flow) -> dict[str, Json]:
    return {
        "people": flow.people,
        "consented": flow.consented,
        "screened": flow.screened,
        "screenings": flow.screenings,
        "failed_screenings": flow.failed_screenings,
        "screen_failures": flow.screen_failures,
        "waiting": list(flow.waiting),
        "levels": [_level_json(level) for level in flow.levels],
        "unassigned": None if flow.unassigned is None else _level_json(flow.unassigned),
        "overall": _level_json(flow.overall),
        "participants": {disposition.subject: _disposition_json(disposition) for disposition in flow.dispositions},
    }


def _level_json(level: LevelFlow) -> dict[str, Json]:
    return {
        "level": level.level,
        "enrolled": level.enrolled,
        "infused": level.infused,
        "administrations": level.administrations,
        "withdrew_from_treatment": level.withdrew_from_treatment,
        "reasons": dict(level.reasons),
        "ended": {status.value: number for status, number in level.ended},
    }


def _disposition_json(disposition: Disposition) -> Json:
    return {
        "level": disposition.level,
        "status": disposition.status.value,
        "consented": disposition.consented,
        "screenings": disposition.screenings,
        "failed_screenings": disposition.failed_screenings,
        "screen_failure": disposition.screen_failure,
        "enrolled": disposition.enrolled,
        "administrations": disposition.administrations,
        "withdrew_from_treatment": disposition.withdrew_from_treatment,
        "evidence": list(disposition.evidence),
    }


def _lines(flow: Flow) -> Iterator[str]:
    again = "" if flow.screenings == flow.screened else f" in {how_many(flow.screenings, 'screening')}"
    yield (
        f"Participant flow: {how_many(flow.people, 'person', 'people')}, {flow.consented} with a recorded consent, "
        f"{flow.screened} screened{again}, {how_many(flow.screen_failures, 'screen failure')}, "
        f"{flow.overall.enrolled} enrolled, {flow.overall.infused} infused"
    )
    if flow.waiting:
        yield f"Eligible, and waiting for a slot, in the order of their screening: {', '.join(flow.waiting)}"


def _tables(flow: Flow) -> Iterator[Table]:
    groups = [(str(level.level), level) for level in flow.levels]
    groups += [("no level", flow.unassigned)] if flow.unassigned else []
    groups += [("all", flow.overall)]
    levels = [level for _, level in groups]
    yield Table(
        title="Participants enrolled",
        columns=("level", "enrolled", "infused", "administrations", *_HEADINGS.values()),
        rows=tuple(_row(name, level) for name, level in groups),
        turns=True,
    )
    if flow.overall.withdrew_from_treatment:
        yield Table(
            title="Withdrew from treatment",
            columns=("reason", *(f"level {name}" if name.isdecimal() else name for name, _ in groups)),
            rows=(
                *(
                    (reason or "no reason given", *(str(dict(level.reasons).get(reason, 0)) for level in levels))
                    for reason, _ in flow.overall.reasons
                ),
                ("any", *(str(level.withdrew_from_treatment) for level in levels)),
            ),
        )


def _row(name: str, level: LevelFlow) -> tuple[str, ...]:
    ended = dict(level.ended)
    return (
        name,
        *map(str, (level.enrolled, level.infused, level.administrations)),
        *(str(ended[status]) for status in _HEADINGS),
    )
