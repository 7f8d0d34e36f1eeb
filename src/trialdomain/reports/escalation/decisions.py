"""The reports of audited decisions about the dose."""

from collections.abc import Iterator, Sequence
from datetime import tzinfo

from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.entries import VOIDS
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import DoseRecommended, MtdDeclared
from trialdomain.projections.decisions import BasisDifference, DecisionAudit, DoseDecision, LaterEntry, StandsOtherwise
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.smallest_change import Smallest
from trialdomain.reports.escalation.decision import (
    Doses,
    decision_json,
    dose_json,
    doses_of,
    level_words,
    mtd_words,
    next_words,
)
from trialdomain.reports.escalation.state import member_json, tally_json
from trialdomain.reports.facts import fact_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.clinical.decision import Decision, FinalClosing, MtdStatus
from trialdomain.values.clinical.evaluation import EvaluationReason
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many, singular_or

_MOST_SHOWN = 5
"""The number of sets in the text for people; the JSON has all of them."""


def decisions_report(audits: Sequence[DecisionAudit], zone: tzinfo) -> Report:
    """Report every decision about the dose, and how many of the decisions in force follow from the known data.

    Args:
        audits: the decisions, in the order of recording.
        zone: the time zone of the site, for the times in the text.
    """

    def blocks() -> Iterator[Block]:
        for audit in audits:
            yield from decision_audit_report(audit, zone).blocks
        yield Lines([_result(audits)])

    def json() -> dict[str, Json]:
        return {"decisions": [decision_audit_report(audit, zone).json for audit in audits]}

    return Report(title=f"Decisions about the dose: {len(audits)}", blocks=blocks, json=json)


def decision_audit_report(audit: DecisionAudit, zone: tzinfo) -> Report:
    """Report one decision: the state as known then, whether it follows from it, and the answer of today."""

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(audit, zone))
        if audit.changing:
            yield _changing_table(audit, zone)

    return Report(title=f"Decision at position {audit.entry.position}", blocks=blocks, json=lambda: _json(audit, zone))


def _result(audits: Sequence[DecisionAudit]) -> str:
    standing = [audit for audit in audits if audit.superseded_by is None]
    if not standing:
        return "Nothing was decided."
    unfounded = sum(not audit.follows for audit in standing)
    differing = sum(bool(audit.differences) for audit in standing)
    outdated = sum(not audit.same_answer for audit in standing)
    counts = (
        how_many(unfounded, "does not follow from what was known", "do not follow from what was known"),
        how_many(differing, "has a basis that differs from the log", "have a basis that differs from the log"),
        how_many(outdated, "rests on an answer that is different today", "rest on an answer that is different today"),
    )
    return f"Of {how_many(len(standing), 'decision in force', 'decisions in force')}, {', '.join(counts)}."


def _json(audit: DecisionAudit, zone: tzinfo) -> dict[str, Json]:
    entry, fact = audit.entry, audit.entry.fact
    return {
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "entry": NAMES[type(fact)],
        "user": entry.meta.user,
        "recorded_at": entry.meta.recorded_at.isoformat(),
        "recorded_at_site": entry.meta.recorded_at.astimezone(zone).isoformat(),
        "superseded_by": audit.superseded_by,
        "ok": audit.ok,
        "decided": taken_json(fact),
        "recommended": decision_json(fact.recommended, doses_of(fact.basis.tallies))
        if isinstance(fact, EscalationDecided)
        else None,
        "rationale": _plain(fact),
        "basis": {
            "design": fact.basis.design,
            "protocol_version": fact.basis.protocol_version,
            "position": fact.basis.position,
            "on": fact.basis.on.isoformat(),
            "last_level": fact.basis.last_level,
            "unassigned": list(fact.basis.unassigned),
            "final_closings": _value(fact.basis.final_closings),
            "slots": _value(fact.basis.slots),
            "tallies": [tally_json(tally) for tally in fact.basis.tallies],
        },
        "then": state_json(audit.then),
        "differences": [
            {
                "field": difference.field,
                "recorded": _value(difference.recorded),
                "recomputed": _value(difference.recomputed),
            }
            for difference in audit.differences
        ],
        "follows": audit.follows,
        "breaches": [str(breach) for breach in audit.breaches],
        "today": state_json(audit.today),
        "same_answer": audit.same_answer,
        "allowed_today": not audit.breaches_today,
        "breaches_today": [str(breach) for breach in audit.breaches_today],
        "participants": [_participant_json(member) for member in audit.members],
        "changing": [_later_json(later) for later in audit.changing],
        "smallest": _sets_json(audit.smallest),
        "sufficient": _sets_json(audit.sufficient),
    }


def _sets_json(smallest: Smallest) -> Json:
    return {"sets": [list[Json](sorted(positions)) for positions in smallest.sets], "proven": smallest.proven}


def taken_json(fact: DoseDecision) -> Json:
    """Return what was decided as JSON."""
    doses = doses_of(fact.basis.tallies)
    match fact:
        case EscalationDecided():
            return decision_json(fact.decided, doses)
        case MtdDeclared():
            dose = dose_json("mtd_dose", fact.level, doses)
            return {"mtd": fact.level, "bounded_above": fact.bounded_above, **dose}
        case DoseRecommended():
            return {"recommended": fact.level, "purpose": fact.purpose, **dose_json("dose", fact.level, doses)}
        case _:
            return {"mtd": None, "why": fact.why.value, "candidate": fact.candidate}


def _plain(fact: DoseDecision) -> str | None:
    reasoned = isinstance(fact, EscalationDecided | DoseRecommended)
    text = getattr(fact, "rationale" if reasoned else "note", None)
    return None if text is None else str(text.plain)


def state_json(state: Escalation | None) -> Json:
    """Return the recommendation in a state, and the counts behind it, as JSON."""
    if state is None:
        return None
    tallies: list[Json] = [tally_json(tally) for tally in state.counts.tallies]
    doses = doses_of(state.counts.tallies)
    return {**decision_json(state.decision, doses), "last_level": state.situation.last_level, "tallies": tallies}


def _participant_json(changed: StandsOtherwise) -> Json:
    return {
        "subject": changed.subject,
        "then": placed_member_json(changed.then),
        "today": placed_member_json(changed.today),
    }


def placed_member_json(member: Member | None) -> Json:
    """Return the evaluation of a participant with the level as JSON; null for one at no level."""
    if member is None:
        return None
    return {"level": member.level, **member_json(member)}


def _later_json(later: LaterEntry) -> Json:
    entry = later.entry
    return {
        "position": entry.position,
        "stream": entry.stream,
        "version": entry.version,
        "entry": NAMES[type(entry.fact)],
        "says": _later_text(later),
        "recorded_at": entry.meta.recorded_at.isoformat(),
        "user": entry.meta.user,
        "reason": entry.meta.reason,
        "alone": later.alone,
        "needed": later.needed,
        "in_a_set": later.in_a_set,
        "target": None if later.target is None else later.target.position,
    }


def _value(value: object) -> Json:
    match value:
        case Decision():
            return decision_json(value)
        case Tally():
            return tally_json(value)
        case FinalClosing():
            return {"level": value.level, "cause": value.cause}
        case tuple():
            return [_value(item) for item in value]
        case int() | None:
            return value
        case _:
            return str(value)


def _lines(audit: DecisionAudit, zone: tzinfo) -> Iterator[str]:
    entry, basis = audit.entry, audit.entry.fact.basis
    when = entry.meta.recorded_at.astimezone(zone).isoformat(sep=" ", timespec="minutes")
    yield (
        f"Position {entry.position}, {when}, {entry.meta.user}: {taken_words(entry.fact)}"
        + ("" if audit.superseded_by is None else f" (corrected or voided since, at position {audit.superseded_by})")
    )
    yield f"  As known then, at position {basis.position} for {basis.on}: {state_words(audit.then)}"
    yield from (f"  The basis differs: {_difference_text(difference)}" for difference in audit.differences)
    if audit.follows:
        rationale = _plain(entry.fact)
        cautious = isinstance(entry.fact, EscalationDecided) and entry.fact.decided.bare != _bare(audit.then)
        yield "  It follows" + (f", more cautious than the rule: {rationale}" if cautious else "")
    yield from (f"  It does not follow: {breach}" for breach in audit.breaches)
    if audit.same_answer:
        yield "  With the data of that day as known today, the answer is the same"
    else:
        yield f"  With the data of that day as known today: {state_words(audit.today)}"
        allowed = "is still allowed" if not audit.breaches_today else "would not be taken"
        yield f"  What was decided {allowed}" + "".join(f": {breach}" for breach in audit.breaches_today[:1])
    yield from (
        f"  {changed.subject} was {member_words(changed.then)}, and is {member_words(changed.today)}"
        for changed in audit.members
    )
    if audit.smallest.sets:
        yield f"  Smallest change of the answer: {_sets_text(audit.smallest)}"
        if set(audit.sufficient.sets) != set(audit.smallest.sets):
            yield f"  Smallest change to the answer of today: {_sets_text(audit.sufficient)}"


def _changing_table(audit: DecisionAudit, zone: tzinfo) -> Table:
    return Table(
        title=f"Recorded after position {audit.entry.fact.basis.position}, and changing the answer",
        columns=(
            *("position", "recorded at the site", "by", Column("stream", keep=-1), Column("what", least=20, keep=1)),
            *(Column("why", least=16), "alone", "needed"),
        ),
        rows=tuple(
            (
                str(later.entry.position),
                later.entry.meta.recorded_at.astimezone(zone).isoformat(sep=" ", timespec="minutes"),
                later.entry.meta.user,
                later.entry.stream,
                _later_text(later),
                later.entry.meta.reason or "",
                "yes" if later.alone else "no",
                "yes" if later.needed else "no",
            )
            for later in audit.changing
        ),
    )


def _later_text(later: LaterEntry) -> str:
    entry, target = later.entry, later.target
    if target is None:
        return fact_words(entry.fact)
    if isinstance(entry.fact, VOIDS):
        return f"withdraws position {target.position}: {fact_words(target.fact)}"
    return f"{fact_words(entry.fact)}; corrects position {target.position}"


def taken_words(fact: DoseDecision) -> str:
    """Describe what was decided."""
    match fact:
        case EscalationDecided():
            return _decision_text(fact.decided, doses_of(fact.basis.tallies))
        case MtdDeclared():
            above = "below a closed level" if fact.bounded_above else "with no closed level above"
            return f"the MTD is {level_words(fact.level, doses_of(fact.basis.tallies))}, {above}"
        case DoseRecommended():
            level = level_words(fact.level, doses_of(fact.basis.tallies))
            return f"{level} is recommended for {fact.purpose}: {_plain(fact)}"
        case _:
            candidate = "" if fact.candidate is None else f", level {fact.candidate} a candidate"
            return f"no MTD: {fact.why.value}{candidate}"


def _decision_text(decision: Decision, doses: Doses) -> str:
    has_mtd = decision.mtd.status is not MtdStatus.OPEN
    return next_words(decision, doses) + (f" (MTD: {mtd_words(decision.mtd, doses)})" if has_mtd else "")


def state_words(state: Escalation | None) -> str:
    """Describe the recommendation in a state, and the counts behind it."""
    if state is None:
        return "no design was in force"
    tallies = ", ".join(
        f"level {tally.level}: {tally.dlts}/{tally.evaluable}" + (f" and {tally.pending} pending" * bool(tally.pending))
        for tally in state.counts.tallies
        if tally.treated
    )
    return f"{_decision_text(state.decision, doses_of(state.counts.tallies))} ({tallies or 'no participants treated'})"


def _difference_text(difference: BasisDifference) -> str:
    recorded, recomputed = _short(difference.recorded), _short(difference.recomputed)
    return f"{difference.field} is recorded as {recorded}, but the log gives {recomputed}"


def _short(value: object) -> str:
    match value:
        case Decision():
            closed = ", ".join(map(str, value.closed_levels))
            return _decision_text(value, {}) + (f", levels {closed} closed" if closed else "")
        case tuple():
            return ", ".join(map(_short, value)) or "none"
        case Tally():
            counts = f"{value.enrolled} enrolled, {value.pending} pending, {value.not_evaluable} not evaluable"
            held = f"{how_many(value.most_held, 'slot')} held at most"
            return f"level {value.level} {value.dlts}/{value.evaluable} ({counts}, {held})"
        case FinalClosing():
            return f"level {value.level} ({value.cause})"
        case _:
            return str(value)


def member_words(member: Member | None) -> str:
    """Describe the evaluation of a participant."""
    if member is None:
        return "at no level"
    level = "no level" if member.level is None else f"level {member.level}"
    dlt = ", with DLT" if member.dlt is not None and member.standing.reason is not EvaluationReason.DLT else ""
    evaluation = member.standing.evaluation.value.replace("-", " ")
    return f"{evaluation} at {level} ({member.why}){dlt}"


def _bare(state: Escalation | None) -> Decision | None:
    return None if state is None else state.to_decide.bare


def _sets_text(smallest: Smallest) -> str:
    shown = [
        f"{singular_or(len(positions), 'position')} " + ", ".join(map(str, sorted(positions)))
        for positions in smallest.sets[:_MOST_SHOWN]
    ]
    more = (
        ""
        if len(smallest.sets) <= _MOST_SHOWN
        else f", or one of {how_many(len(smallest.sets) - _MOST_SHOWN, 'other')}"
    )
    caveat = "" if smallest.proven else " (each entry of a set is necessary; other or smaller sets may exist)"
    return " or ".join(shown) + more + caveat
