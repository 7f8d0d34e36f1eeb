"""The reports of the escalation state and of the DLT counts."""

from collections.abc import Iterator

from trialdomain.projections.dlt_counts import Dlt, DltCounts, Member
from trialdomain.projections.escalation import Escalation
from trialdomain.reports.escalation.decision import decision_json, decision_lines, dose_json, doses_of, tallies_table
from trialdomain.reports.escalation.recommended import recommended_json, recommended_lines
from trialdomain.reports.grades import grade_text, scale_json
from trialdomain.reports.halts import halts_json, halts_lines
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.clinical.tally import Tally


def escalation_report(state: Escalation | None) -> Report:
    """Report the next step and its evidence; the JSON is None if the protocol has no escalation design."""

    def blocks() -> Iterator[Block]:
        if state is None:
            yield Lines(["no escalation in this protocol"])
            return
        yield tallies_table(state.counts.tallies, state.decision)
        yield _members_table(state.counts)
        doses = doses_of(state.counts.tallies)
        yield Lines(
            [
                *halts_lines(state.halts),
                *decision_lines(state.decision, doses, forecasts=state.design.forecasts),
                *recommended_lines(state.recommended_doses, closed=state.decision.closed_levels),
            ]
        )

    return Report(title="Dose escalation", blocks=blocks, json=lambda: None if state is None else _json(state))


def _json(state: Escalation) -> dict[str, Json]:
    return decision_json(state.decision, doses_of(state.counts.tallies)) | {
        "evidence": list(state.evidence),
        "recommended_doses": recommended_json(state.recommended_doses),
        "halts": halts_json(state.halts),
    }


def dlt_report(counts: DltCounts) -> Report:
    """Report the DLT counts of each level and the evaluation of each participant."""

    def blocks() -> Iterator[Block]:
        if counts.tallies:
            yield _members_table(counts)
        else:
            yield Lines(["no DLT rule in this protocol"])

    return Report(title="Dose-limiting toxicity", blocks=blocks, json=lambda: _dlt_json(counts))


def _dlt_json(counts: DltCounts) -> dict[str, Json]:
    return {
        "levels": [
            tally_json(tally)
            | {"participants": {m.subject: member_json(m) for m in counts.members if m.level == tally.level}}
            for tally in counts.tallies
        ],
        "unassigned": {member.subject: member_json(member) for member in counts.unassigned},
    }


def tally_json(tally: Tally) -> dict[str, Json]:
    """Return the counts of one level as JSON, with its dose where it is known."""
    return {
        "level": tally.level,
        "enrolled": tally.enrolled,
        "treated": tally.treated,
        "evaluable": tally.evaluable,
        "pending": tally.pending,
        "not_evaluable": tally.not_evaluable,
        "dlts": tally.dlts,
        **dose_json("dose", tally.level, doses_of([tally])),
    }


def member_json(member: Member) -> dict[str, Json]:
    """Return the evaluation of a participant and its evidence as JSON."""
    dlt = member.dlt
    return {
        "evaluation": member.standing.evaluation.value,
        "reason": member.standing.reason.value,
        "infused_on": None if member.infused_on is None else member.infused_on.text,
        "window_last": None if member.window_last is None else member.window_last.isoformat(),
        "dlt": None
        if dlt is None
        else {"event": dlt.event, "term": dlt.term, "grade": dlt.grade}
        | scale_json(dlt.scale)
        | {"onset": dlt.onset.text}
        | row_json(dlt),
        "flags": [flag.value for flag in member.flags],
        "evidence": list(member.evidence),
    }


def row_json(dlt: Dlt) -> dict[str, Json]:
    """Return the row of the DLT rule that decides as JSON; empty for a rule without rows."""
    return {} if dlt.because is None else {"row": dlt.row, "because": dlt.because}


def dlt_words(dlt: Dlt) -> str:
    """Describe a dose-limiting toxicity: its term, grade, onset, and the row of the rule."""
    grade = "" if dlt.grade is None else f", grade {grade_text(dlt.grade, dlt.scale)}"
    row = "" if dlt.row is None else f" (row {dlt.row})"
    return f"{dlt.term}{grade}, {dlt.onset}{row}"


def _standing_text(member: Member) -> str:
    flags = "".join(f" [{flag.value.replace('-', ' ')}]" for flag in member.flags)
    return f"{member.standing.evaluation.value}: {member.why}{flags}"


def _members_table(counts: DltCounts) -> Table:
    return Table(
        title="Participants",
        columns=(
            *("subject", "level", "infused", "window to", Column("evaluation", least=18), Column("DLT", least=10)),
            Column("entries", least=8, keep=-1),
        ),
        rows=tuple(
            (
                member.subject,
                "none" if member.level is None else str(member.level),
                "" if member.infused_on is None else member.infused_on.date_text,
                "" if member.window_last is None else member.window_last.isoformat(),
                _standing_text(member),
                "" if member.dlt is None else dlt_words(member.dlt),
                ", ".join(map(str, member.evidence)),
            )
            for member in (*counts.members, *counts.unassigned)
        ),
    )
