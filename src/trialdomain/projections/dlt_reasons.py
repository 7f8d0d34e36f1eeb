"""Say in words why each adverse event of a participant is a DLT, or is none: the judgement of ``rules.dlt``, explained.

For a reader who expected another count. Nothing is decided here: every answer is that of the DLT rule.
"""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.events.participant import Infused
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.dlt_criteria import DltCriterion
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.rules.adverse_event import AdverseEvent, Graded
from trialdomain.rules.dlt import Window, delayed, judge
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Agent, Relatedness


@attrs.frozen(kw_only=True)
class JudgedEvent:
    """An adverse event of a participant, and why it is a DLT or none."""

    event: str
    """The id of the event."""
    position: int
    """The position of its report."""
    counts: bool
    """Whether it is a DLT by itself. The first such event of a participant is theirs."""
    why: str
    """The reason in words, such as ``E1 "Fever" grade 2 is no DLT: only grade 3 or more counts``."""


def judged_events(case: Case, book: Casebook) -> tuple[JudgedEvent, ...]:
    """Judge each adverse event of a participant by the DLT rule, in the order of the reports, and say why.

    Args:
        case: the participant.
        book: the casebook, whose protocol on the day of the infusion decides.

    Returns:
        Nothing for a participant without an infusion, and under a protocol without a DLT rule.
    """
    first = case.first_infusion
    rule = None if first is None else book.in_force_on(first.fact.started_at.first).dlt
    if first is None or rule is None:
        return ()
    return tuple(_judged(event, case, first.fact, rule) for event in case.joined_events)


def _judged(event: AdverseEvent, case: Case, infusion: Infused, rule: DltRule) -> JudgedEvent:
    others, deaths = case.joined_events, case.deaths
    found = judge(event, infusion=infusion, rule=rule, deaths=deaths, others=others)
    window = Window.of(infusion, rule)
    name = f'{event.event} "{event.term}"'
    counted = found.counted
    counts = counted is not None and counted.assessed
    if counted is not None and counts:
        by_row = "" if counted.because is None else f", by row {counted.row}: {counted.because}"
        of_window = f"in the window from {window.first} to {window.last}"
        why = f"{name} is a DLT: grade {counted.graded.grade} on {counted.onset}, {of_window}{by_row}"
    elif counted is not None:
        why = f"{name} is a DLT once it is judged related to the infusion, which nobody has judged"
    elif found.may_last is not None:
        rows = _rows(event, rule, window)
        why = f"{name} is no DLT yet: it may last after {found.may_last.until} ({_words(rows)})"
    else:
        late = delayed(event, infusion=infusion, rule=rule, deaths=deaths, others=others)
        why = f"{name} is no DLT: {_why_none(event, rule, window, late, short=bool(found.short))}"
    return JudgedEvent(
        event=event.event,
        position=event.report.position,
        counts=counts,
        why=why,
    )


def _why_none(event: AdverseEvent, rule: DltRule, window: Window, late: Graded | None, *, short: bool) -> str:
    judged = event.judged(Agent.INFUSION, related=rule.related).relatedness
    if judged not in (*rule.related, Relatedness.NOT_ASSESSED):
        return f"its relatedness to the infusion is {judged.value}"
    if late is not None:
        return f"grade {late.grade} was reached on {late.on}, after the window, which ended on {window.last}"
    since = list(event.worse_since(window.opened_at))
    before = event.began_before(window.opened_at)
    if before and (not since or not rule.worsening):
        became = "became no worse since" if rule.worsening else "the protocol counts no worsening of such an event"
        return f"it began on {event.onset}, before the infusion on {window.first}, and {became}"
    rows = _rows(event, rule, window)
    if not rows:
        return _why_no_grade(event, rule, max((graded.grade for graded in since), default=0))
    if short:
        return f"it did not last long enough ({_words(rows)})"
    if any(row.together_with is not None for row in rows):
        return f"what has to be beside it was not, on any day of the window ({_words(rows)})"
    return f"no grade that counts was reached in the window from {window.first} to {window.last}"


def _why_no_grade(event: AdverseEvent, rule: DltRule, highest: int) -> str:
    """Say why no row counts the highest grade that an event reached since the infusion."""
    reached = f"grade {highest} was the highest since the infusion"
    if rule.expected_with_chemotherapy and highest <= (expected := rule.expected_up_to(event.term)):
        return f"{reached}, and up to grade {expected} it is expected with the chemotherapy"
    code = event.report.fact.ctcae_code
    never = next((row for row in rule.criteria if row.fits(event.term, highest, code=code)), None)
    if never is not None:
        return f"{reached}: {never.words}"
    lowest = next(_counting(event, rule), None)
    return f"{reached}, and {'no grade' if lowest is None else f'only grade {lowest} or more'} counts"


def _counting(event: AdverseEvent, rule: DltRule) -> Iterator[int]:
    """Yield the grades of an event that some row counts, from the lowest."""
    code = event.report.fact.ctcae_code
    return (grade for grade in range(1, FATAL_GRADE + 1) if rule.row_of(event.term, grade, code=code) is not None)


def _rows(event: AdverseEvent, rule: DltRule, window: Window) -> Sequence[DltCriterion]:
    """Return the rows that fit the grades of an event since the infusion."""
    code = event.report.fact.ctcae_code
    found = (rule.row_of(event.term, graded.grade, code=code) for graded in event.worse_since(window.opened_at))
    return list(dict.fromkeys(row for _, row in filter(None, found)))


def _words(rows: Sequence[DltCriterion]) -> str:
    return "; ".join(row.words for row in rows)
