"""Who takes part by a protocol, what a DLT is, and who is evaluable, in clauses."""

from collections.abc import Iterator

from trialdomain.protocol.criteria import Answer, Criterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.protocol.dosing import percent
from trialdomain.values.clinical.analyte import UNITS, Count
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import either

_GATES = {
    Gate.SCREENING: "",
    Gate.CHEMOTHERAPY: ", judged when chemotherapy starts",
    Gate.INFUSION: ", judged on the day of the infusion",
}
_ANSWERS = {
    Answer.FACTS: "",
    Answer.ATTESTATION: ", as somebody attests",
    Answer.EITHER: ", or as somebody attests where that is not recorded",
}


def participation(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about the criteria of eligibility."""
    if not protocol.criteria:
        yield "everybody who consents and is screened may be enrolled: there is no criterion"
        return
    yield (
        f"a participant must meet {how_many(len(protocol.criteria), 'criterion', 'criteria')}; a criterion without an "
        f"answer is not met"
    )
    if any(one.expires for one in protocol.criteria):
        yield f"a laboratory value counts for {how_many(protocol.screening_validity_days, 'day')}"
    yield from map(_criterion, protocol.criteria)


def _criterion(one: Criterion) -> str:
    sex = "" if one.applies_to is None else f" (only sex {one.applies_to})"
    tests = "; ".join(f"{test.finding} {test.in_words}" for test in one.tests)
    compared = f" [{tests}{_ANSWERS[one.answer]}]" if tests else _ANSWERS[one.answer]
    contradicts = "" if one.contradicts is None else f"; it contradicts {one.contradicts}"
    return f"{one.kind.value} {one.id}{sex}: {one.meaning}{compared}{_GATES[one.gate]}{contradicts}"


def toxicity(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about the DLT rule."""
    rule = protocol.dlt
    if rule is None:
        yield "there is no rule for a DLT: none is counted"
        return
    days = how_many(rule.window_days, "day")
    yield (
        f"the window is the day of the first infusion and the {days} after it"
        if rule.window_days
        else "the window is the day of the first infusion"
    )
    yield f"an adverse event counts only if it is {either(one.value for one in rule.related)} related to the infusion"
    yield "of two assessors, the judgement that is more related counts; while nobody has judged, the outcome is pending"
    yield f"grades are those of {protocol.grading}, unless the report of an event names another scale"
    yield from _rows(rule)
    yield (
        "an event that began before the infusion counts from the day on which it became worse, or came back"
        if rule.worsening
        else "an event that began before the infusion never counts, also if it becomes worse"
    )
    if rule.cytopenia is not None:
        yield _beyond(rule.cytopenia)


def _rows(rule: DltRule) -> Iterator[str]:
    for one in rule.expected_with_chemotherapy:
        yield f"{one.term} never counts up to grade {one.up_to_grade}"
    rows = rule.rows
    if len(rows) == 1:
        yield f"a DLT is {rows[0].words.replace('any other event', 'any event')}, with its onset in the window"
    else:
        yield "an event is judged by the first of these rows that fits its term and grade, with its onset in the window"
        yield from (f"row {number}: {row.words}" for number, row in enumerate(rows, start=1))
    if not any(row.of_any_event and row.min_grade == 1 for row in rows):
        yield "an event that no row fits is no DLT" if len(rows) > 1 else "any other event is no DLT"
    if rule.asks_for_more:
        yield "a death in the window that such an event explains counts without a duration and without a companion"


def _beyond(rule: CytopeniaRule) -> str:
    given = {Count.NEUTROPHILS: rule.anc_below, Count.PLATELETS: rule.platelets_below}
    low = either(f"{count.value} below {below} {UNITS[count]}" for count, below in given.items() if below is not None)
    return f"{low} that last beyond day {rule.beyond_day} after the infusion are a DLT"


def evaluability(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about who counts for a decision."""
    rule, asked = protocol.dlt, protocol.evaluable
    if rule is None:
        yield "nobody is evaluable: there is no rule for a DLT"
        return
    last = rule.window_days
    yield "a participant with a DLT is evaluable, whatever else happened"
    assessed = f"once an assessment of day {last} or later finds none"
    over = "" if asked.requires_assessment else f", or once day {last} is over"
    yield f"a participant without a DLT is evaluable {assessed}{over}"
    if asked.min_fraction:
        yield (
            f"without a DLT, a participant who had less than {percent(asked.min_fraction)} of the infusion is not "
            f"evaluable"
        )
    yield f"without a DLT, a participant who left before day {last}, or died up to it, is not evaluable"
    yield f"a death up to day {last} that no event explains leaves the outcome pending"
    if protocol.counts_cytopenias:
        yield (
            "without a DLT, a participant is evaluable only if blood counts show that no cytopenia lasted longer than "
            "the rule allows"
        )
    if rule.asks_for_more:
        yield (
            "while an event may still last longer than its row allows, the outcome is pending, also after the window; "
            "a participant for whom nobody can know it any more is not evaluable"
        )
