"""Who takes part by a protocol, what a DLT is, and who is evaluable, in clauses."""

from collections.abc import Iterator

from trialdomain.protocol.criteria import Answer, Criterion, CriterionKind
from trialdomain.protocol.dlt_criteria import DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.protocol.dosing import percent
from trialdomain.values.clinical.analyte import UNITS, Count
from trialdomain.values.clinical.ctcae import all_terms
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import either, folded

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
    inclusions = sum(one.kind is CriterionKind.INCLUSION for one in protocol.criteria)
    exclusions = len(protocol.criteria) - inclusions
    yield (
        f"a participant must meet every inclusion criterion ({inclusions}) and no exclusion criterion ({exclusions}); "
        f"a criterion without an answer keeps them out"
    )
    if any(one.expires for one in protocol.criteria):
        yield f"a laboratory value counts for {how_many(protocol.screening_validity_days, 'day')}"
    yield from map(_criterion, protocol.criteria)


def _criterion(one: Criterion) -> str:
    sex = "" if one.applies_to is None else f" (only sex {one.applies_to})"
    joined = " and " if one.kind is CriterionKind.INCLUSION else " or "
    tests = joined.join(f"{test.finding} {test.in_words}" for test in one.tests)
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
        else "an event that began before the infusion does not count, also if it becomes worse"
    )
    yield from _death(rule)
    if rule.cytopenia is not None:
        yield _beyond(rule.cytopenia)
    if protocol.counts_cytopenias:
        yield "blood counts below a threshold make a DLT whatever caused them: nobody judges whether they are related"


def _rows(rule: DltRule) -> Iterator[str]:
    for one in rule.expected_with_chemotherapy:
        yield f"{one.term} never counts up to grade {one.up_to_grade}"
    rows = rule.rows
    if all(row.never for row in rows):
        yield "no adverse event is a DLT"
        return
    if len(rows) == 1:
        yield f"a DLT is {_row(rows[0], last=False, alone=True)}, with its onset in the window"
    else:
        yield "an event is judged by the first of these rows that fits its term and grade, with its onset in the window"
        numbered = enumerate(rows, start=1)
        yield from (f"row {number}: {_row(row, last=number == len(rows))}" for number, row in numbered)
    if not any(row.of_any_event and row.min_grade == 1 for row in rows):
        yield "an event that no row fits is no DLT" if len(rows) > 1 else "any other event is no DLT"


def _row(row: DltCriterion, *, last: bool, alone: bool = False) -> str:
    """Write a row; one for every event, with rows after it, fits the terms of those as well."""
    words = row.words
    if row.of_any_event and not last:
        every = "any event" if alone else "any event, also of the rows below,"
        words = words.replace("any other event", every, 1)
    for category in {row.category, None if row.together_with is None else row.together_with.category} - {None}:
        named = f"the class {category}"
        known = how_many(sum(folded(one.organ_class) == folded(str(category)) for one in all_terms()), "term")
        words = words.replace(named, f"{named} (by the {known} of it that this library knows)", 1)
    if row.together_with is not None:
        words += " (whatever caused the latter, and also if it began before the infusion)"
    return words


def _death(rule: DltRule) -> Iterator[str]:
    if not all(row.never or row.of_counts for row in rule.rows):
        without = ", without a duration and without a companion" if rule.asks_for_more else ""
        yield f"a death in the window that such an event explains is a DLT, whenever the event began{without}"


def _beyond(rule: CytopeniaRule) -> str:
    given = {Count.NEUTROPHILS: rule.anc_below, Count.PLATELETS: rule.platelets_below}
    low = either(f"{count.value} below {below} {UNITS[count]}" for count, below in given.items() if below is not None)
    day = rule.beyond_day
    return f"{low} are a DLT if the first count after day {day} is low, and the last one up to it was low or is missing"


def evaluability(protocol: TrialProtocol) -> Iterator[str]:
    """Yield clauses about who counts for a decision."""
    rule, asked = protocol.dlt, protocol.evaluable
    if rule is None:
        yield "nobody is evaluable: there is no rule for a DLT"
        return
    last = rule.window_days
    yield "a participant with a DLT is evaluable, whatever else happened"
    if any(level.dose is not None for level in protocol.levels):
        yield (
            "a participant whose amount belongs to no level is counted at none; with a DLT, escalation waits until a "
            "decision of people"
        )
    assessed = f"once an assessment of day {last} or later finds none"
    over = "" if asked.requires_assessment else f", or once day {last} is over"
    beyond = 0 if rule.cytopenia is None else rule.cytopenia.beyond_day
    later = f", and not before day {beyond} is over" if beyond > last else ""
    yield f"a participant without a DLT is evaluable {assessed}{over}{later}"
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
