"""The report of a decision: the dose levels, the next step and its reason, and the forecast."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.clinical.decision import Action, Awaited, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many

Doses: TypeAlias = Mapping[Label, Dose]
"""The doses of the levels, where they are known."""
_UNKNOWN: Doses = {}
_NEXT = {
    Action.ENROLL: "enroll at {level}",
    Action.EXPAND: "expand {level}{slots}, and enroll there",
    Action.ESCALATE: "escalate to {level}",
    Action.DE_ESCALATE: "de-escalate to {level}",
    Action.WAIT: "wait; {level} is in turn",
    Action.STOP: "stop",
}
_MTD = {
    MtdStatus.OPEN: "open",
    MtdStatus.NONE_TOLERATED: "none tolerated",
    MtdStatus.NOT_ESTABLISHED: "not established",
}


def decision_report(tallies: Sequence[Tally], decision: Decision, *, forecasts: bool = True) -> Report:
    """Report the counts of each level, and then the decision.

    Args:
        tallies: the counts that the decision is based on, by level.
        decision: the decision.
        forecasts: whether its design makes forecasts; if so, the report also says when the forecast is missing.
    """

    def blocks() -> Iterator[Block]:
        yield tallies_table(tallies, decision)
        yield Lines(decision_lines(decision, doses, forecasts=forecasts))

    doses = doses_of(tallies)
    title = f"Next: {next_words(decision, doses)}"
    return Report(title=title, blocks=blocks, json=lambda: decision_json(decision, doses))


def doses_of(tallies: Iterable[Tally]) -> Doses:
    """Return the doses of the levels, by label, where the tallies have them."""
    return {tally.level: tally.dose for tally in tallies if tally.dose is not None}


def level_words(level: Label, doses: Doses = _UNKNOWN) -> str:
    """Name a level with its dose, where it is known: ``level 1a (15 mg)``."""
    return f"level {level} ({doses[level]})" if level in doses else f"level {level}"


def dose_json(name: str, level: Label | None, doses: Doses) -> dict[str, Json]:
    """Return a member with the dose of a level; no member where it is not known."""
    return {name: str(doses[level])} if level is not None and level in doses else {}


def decision_json(decision: Decision, doses: Doses = _UNKNOWN) -> dict[str, Json]:
    """Return the JSON of a decision; unknown values are null, and a dose that is not known is left out."""
    because, forecast = decision.because, decision.forecast
    return {
        "action": decision.action.value,
        "level": decision.level,
        "slots": decision.slots,
        "mtd": decision.mtd.level,
        "mtd_status": decision.mtd.status.value,
        "bounded_above": decision.mtd.bounded_above,
        "closed_levels": list(decision.closed_levels),
        "waiting_for": [_awaited_json(awaited) for awaited in decision.waiting_for],
        "because": None if because is None else {"code": because.code, "text": because.text},
        "forecast": None if forecast is None else _forecast_json(forecast),
        **dose_json("dose", decision.level, doses),
        **dose_json("mtd_dose", decision.mtd.level, doses),
    }


def _awaited_json(awaited: Awaited) -> Json:
    member: dict[str, Json] = {"level": awaited.level, "subject": awaited.subject}
    return member if awaited.until is None else member | {"until": awaited.until.isoformat()}


def _forecast_json(forecast: Forecast) -> Json:
    return {
        "least": dict(forecast.least),
        "most": forecast.most,
        "exceeds_target": None if forecast.exceeds_target is None else list(forecast.exceeds_target),
    }


def tallies_table(tallies: Sequence[Tally], decision: Decision) -> Table:
    """Make a table of the dose levels with their counts of participants, and their doses where any is known."""
    doses = doses_of(tallies)
    known = bool(doses)
    return Table(
        title="Dose levels",
        columns=(
            *(("level", "dose") if known else ("level",)),
            *("treated", "evaluable", "with DLT", "pending", "not evaluable", "status"),
        ),
        rows=tuple(
            (
                str(tally.level),
                *([str(doses.get(tally.level, ""))] if known else []),
                *map(str, (tally.treated, tally.evaluable, tally.dlts, tally.pending)),
                str(tally.not_evaluable),
                _status(tally, decision),
            )
            for tally in tallies
        ),
        turns=True,
    )


def _status(tally: Tally, decision: Decision) -> str:
    """Return whether a level is closed, open or not reached.

    A level is not reached if no participant was ever assigned to it and the decision does not name it.
    """
    if tally.level in decision.closed_levels:
        return "closed"
    in_turn = decision.level == tally.level and decision.action is not Action.ESCALATE
    return "open" if tally.treated or tally.enrolled or tally.most_held or in_turn else "not reached"


def next_words(decision: Decision, doses: Doses = _UNKNOWN) -> str:
    """Describe the next step of a decision."""
    slots = "" if decision.slots is None else f" to {how_many(decision.slots, 'slot')}"
    level = "no level" if decision.level is None else level_words(decision.level, doses)
    return _NEXT[decision.action].format(level=level, slots=slots)


def decision_lines(decision: Decision, doses: Doses = _UNKNOWN, *, forecasts: bool = True) -> Iterator[str]:
    """Describe a decision in sentences, one per line.

    Args:
        decision: the decision.
        doses: the doses of the levels.
        forecasts: whether its design makes forecasts; if so, a sentence also says when the forecast is missing.
    """
    yield f"Next: {next_words(decision, doses)}"
    if decision.because:
        yield f"Because: {decision.because.text}"
    if decision.waiting_for:
        yield "Waiting for: " + ", ".join(_awaited_text(awaited) for awaited in decision.waiting_for)
    yield f"MTD: {mtd_words(decision.mtd, doses)}"
    if decision.forecast is not None:
        yield from _forecast_lines(decision.forecast)
    elif forecasts:
        yield "Still needed: unknown, because too many outcomes are pending"


def _awaited_text(awaited: Awaited) -> str:
    who = f"subject {awaited.subject}" if isinstance(awaited.subject, int) else awaited.subject
    until = "" if awaited.until is None else f" until {awaited.until}"
    return f"{who} of level {awaited.level}{until}"


def mtd_words(mtd: Mtd, doses: Doses = _UNKNOWN) -> str:
    """Describe the MTD, or say that there is none."""
    if mtd.status is MtdStatus.ESTABLISHED and mtd.level is not None:
        above = "a level above it is closed" if mtd.bounded_above else "no level above it is closed"
        return f"{level_words(mtd.level, doses)}; {above}"
    return _MTD[mtd.status]


def _forecast_lines(forecast: Forecast) -> Iterator[str]:
    if not forecast.most:
        return
    possible = {outcome: need for outcome, need in forecast.least.items() if need is not None}
    needs = ", ".join(f"{need} for {_outcome_text(outcome)}" for outcome, need in possible.items())
    yield f"Evaluable participants still needed: at least {needs}; at most {forecast.most}"
    impossible = [_outcome_text(outcome) for outcome in forecast.least if outcome not in possible]
    if impossible:
        yield f"Can no longer happen: {', '.join(impossible)}"
    if forecast.exceeds_target:
        exceeding = ", ".join(_outcome_text(outcome) for outcome in forecast.exceeds_target)
        yield f"Warning: the remaining target recruitment is too small for: {exceeding}"


def _outcome_text(outcome: str) -> str:
    return "none tolerated" if outcome == "none" else f"MTD at level {outcome}"
