"""Build histories from outcomes notation: ``1NNN 2NTP`` as the facts of a trial with these outcomes."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import attrs

from trialdomain.designs.notation import Outcome, Treated, parse_outcomes
from trialdomain.designs.registry import design_of
from trialdomain.errors import InputInvalid
from trialdomain.events.participant import (
    AdverseEventReported,
    Consented,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LabRecorded,
    ParticipantFact,
    Screened,
    Signer,
    WindowResult,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Draft
from trialdomain.events.trial import TrialRegistered
from trialdomain.history import History
from trialdomain.projections.dlt_counts import Member
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.made_up import administered
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.ctcae import all_terms, known_term
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.scale import Scale
from trialdomain.values.clinical.toxicity import (
    FATAL_GRADE,
    Agent,
    Assessor,
    Attribution,
    Relatedness,
    Seriousness,
)
from trialdomain.values.clinical.toxicity import Outcome as EventOutcome
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import participant_stream, trial_stream

FIRST_DAY = date(2026, 3, 2)
_TERM = "Fever"
_ONSET = 2
"""The day of a dose-limiting event, in elapsed days from the infusion."""
_GRADES = (3, 4, 2, 1, FATAL_GRADE)
"""In the order of preference: grade 5 is a death, and comes last."""
_LETTERS = {
    Evaluation.EVALUABLE: Outcome.NO_DLT,
    Evaluation.PENDING: Outcome.PENDING,
    Evaluation.NOT_EVALUABLE: Outcome.NOT_EVALUABLE,
}


class OutcomesUnreachable(InputInvalid):
    """The facts of a fixture cannot give the outcome of the notation under this protocol."""

    code = "outcomes-unreachable"

    def __init__(self, *, letter: str, why: str) -> None:
        super().__init__(
            f"no history is built with the outcome {letter}: {why}; record the facts of such a trial by hand"
        )
        self.letter, self.why = letter, why


def history_of(outcomes: str, *, protocol: TrialProtocol | None = None) -> tuple[History, date]:
    """Build the history of a trial with given outcomes, and the day on which all of them are known.

    One subject is infused each day, in the order of the notation, from 2 March 2026 on. By the protocol's own rules:

    - ``N`` is assessed at the end of the window. If cytopenias count as DLTs, blood counts are recorded that are not
      low.
    - ``T`` has an event with a dose-limiting term and grade and the relatedness that the rule requires, on day 2 or the
      last day of the window.
    - ``X`` withdraws from follow-up on day 3 or the last day.
    - ``P`` has no further entries. If the protocol requires no assessment, ``P`` has an event without an assessed
      relatedness.

    The notation is that of ``decide``. A level above the protocol's levels, or above a level without participants, is
    refused; by a design that starts above level 1, a first group at another level, and a level more than one above the
    highest before it. Everything else is built, even a trial that the rule would not allow (``1NTT 2NNN``, or seven at
    a level).

    The history has facts without the conduct of a trial: no answers to criteria, no slots, no days between infusions.
    So an audit of the history has findings. It has no decisions either: by a protocol with a sentinel, its answer waits
    for people if the first subject of a level has ``T``.

    Args:
        outcomes: the outcomes, in notation.
        protocol: the protocol; by default that of NCT06245746.

    Returns:
        The history, and the first day on which every window, every count and every wait between infusions is over.

    Raises:
        OutcomesMalformed: the text is not a sequence of outcomes of this protocol.
        OutcomesUnreachable: the protocol has no DLT rule or no dose-limiting event, or its evaluation of a subject
            differs from the notation.

    >>> history, on = history_of("1NTX")
    >>> history.dlt_counts(on=on).tallies[0].dlts
    1
    """
    used = protocol or nct06245746()
    treated = parse_outcomes(outcomes, levels=len(used.levels), start_level=_start_above_one(used))
    drafts = [Draft(stream=trial_stream(used.trial), fact=TrialRegistered(protocol=used))]
    history = History.of([*drafts, *outcomes_of(treated, protocol=used)])
    on = FIRST_DAY + timedelta(days=len(treated) + _days_until_known(used) + 1)
    check_outcomes(history, treated, on=on)
    return history, on


def outcomes_of(treated: tuple[Treated, ...], *, protocol: TrialProtocol) -> Iterator[Draft[Any]]:
    """Yield the facts of each subject, from 2 March 2026 on; ``history_of`` also verifies the evaluations.

    Raises:
        OutcomesUnreachable: the protocol has no DLT rule, or no dose-limiting event although the outcomes need one.
    """
    for number, one in enumerate(treated):
        day = FIRST_DAY + timedelta(days=number)
        for fact in _facts(one, day, protocol):
            yield Draft(stream=participant_stream(protocol.trial, _subject(number)), fact=fact)


def _start_above_one(protocol: TrialProtocol) -> int | None:
    """Return the place at which the design of the protocol starts, if that is above level 1."""
    start = 1 if protocol.design is None else design_of(protocol.design).start_level()
    return None if start == 1 else start


def _subject(number: int) -> str:
    return f"S{number + 1:03}"


def _days_until_known(protocol: TrialProtocol) -> int:
    """Return the days from an infusion after which its outcome is known and no other infusion has to wait for it."""
    rule, stagger = protocol.dlt, protocol.stagger
    if rule is None:
        return 0
    counted = 0 if rule.cytopenia is None else rule.cytopenia.beyond_day + 1
    lasts = [_ONSET + row.longer_than_days + 1 for row in rule.criteria if row.longer_than_days is not None]
    observed = 0 if stagger.sentinel is None else stagger.sentinel.observation_days
    return max(rule.window_days, counted, *lasts, stagger.first_to_second_days, stagger.between_days, observed)


def check_outcomes(history: History, treated: Sequence[Treated], *, on: date) -> None:
    """Refuse a history whose evaluations differ from the notation: a test with it would prove nothing."""
    if not treated:
        return
    members = {member.subject: member for member in history.dlt_counts(on=on).members}
    for number, one in enumerate(treated):
        subject = _subject(number)
        member = members.get(subject)
        level, letter = (None, None) if member is None else (member.level, _letter(member))
        meant = history.casebook(on=on).protocol.labels[one.level - 1]
        if (level, letter) != (meant, one.outcome):
            found = "no member" if member is None else f"{letter} at level {level} ({member.why})"
            raise OutcomesUnreachable(
                letter=one.outcome,
                why=f"the protocol counts {subject}, meant as {one.outcome} at level {meant}, as {found}",
            )


def _letter(member: Member) -> Outcome | None:
    if member.dlt is not None:
        return Outcome.DLT
    return _LETTERS.get(member.standing.evaluation)


def _facts(one: Treated, day: date, protocol: TrialProtocol) -> Iterator[ParticipantFact]:
    rule, infused = protocol.dlt, ClinicalTime.of(day)
    if rule is None:
        raise OutcomesUnreachable(letter=one.outcome, why="the protocol has no dlt rule, so it counts no DLTs")
    yield Consented(signed_on=infused, signer=Signer.PARTICIPANT, form_version="1", protocol_version=protocol.version)
    yield Screened(on=infused)
    level = protocol.levels[one.level - 1]
    yield Enrolled(on=infused, level=level.label)
    # In a window of one day, a participant cannot leave before the last day: there, X has an infusion of amount 0.
    fraction = Decimal(one.outcome is not Outcome.NOT_EVALUABLE or rule.window_days > 0)
    given = administered(level.dose)
    yield Infused(
        level=level.label,
        dose=given.dose,
        body_weight_kg=given.body_weight_kg,
        bsa_m2=given.bsa_m2,
        started_at=infused,
        fraction=fraction,
    )
    yield from _observed(one, day, rule, protocol)


def facts_of_outcome(one: Treated, day: date, protocol: TrialProtocol) -> Iterator[tuple[date, ParticipantFact]]:
    """Yield the facts after an infusion that give a participant an outcome, each with the day on which it is known.

    Args:
        one: the level and the outcome.
        day: the day of the infusion.
        protocol: the protocol, by whose rule the outcome counts.

    Raises:
        OutcomesUnreachable: the protocol has no DLT rule, or no event that limits the dose.
    """
    if protocol.dlt is None:
        raise OutcomesUnreachable(letter=one.outcome, why="the protocol has no dlt rule, so it counts no DLTs")
    for fact in _observed(one, day, protocol.dlt, protocol):
        times = [value for value in attrs.asdict(fact, recurse=False).values() if isinstance(value, ClinicalTime)]
        yield max(time.last for time in times), fact


def _observed(one: Treated, day: date, rule: DltRule, protocol: TrialProtocol) -> Iterator[ParticipantFact]:
    match one.outcome:
        case Outcome.NO_DLT:
            yield DltWindowAssessed(on=_after(day, rule.window_days), by="test", result=WindowResult.NO_DLT)
            yield from _counts_not_low(day, rule)
        case Outcome.DLT:
            yield from _limiting(day, rule, protocol.grading, letter=Outcome.DLT, relatedness=_related(rule))
        case Outcome.NOT_EVALUABLE:
            if rule.window_days > 0:
                last = _after(day, min(3, rule.window_days - 1))  # before the last day of the window
                yield Withdrew(on=last, scope=WithdrawalScope.FOLLOW_UP)
        case Outcome.PENDING:
            if not protocol.evaluable.requires_assessment:  # otherwise the end of the window makes them evaluable
                unjudged = Relatedness.NOT_ASSESSED
                yield from _limiting(day, rule, protocol.grading, letter=Outcome.PENDING, relatedness=unjudged)


def _limiting(
    day: date, rule: DltRule, scale: Scale, *, letter: Outcome, relatedness: Relatedness
) -> Iterator[ParticipantFact]:
    """Yield an event with a dose-limiting term and grade and the passed relatedness; at grade 5 also the death.

    The event lasts long enough, and comes with its companion, where its row asks for that.
    """
    found = _limiting_grade(rule, scale)
    if found is None:
        raise OutcomesUnreachable(
            letter=letter, why="no term of CTCAE has a grade that is dose-limiting by the dlt rule"
        )
    term, grade, row = found
    number, fatal = min(_ONSET, rule.window_days), grade == FATAL_GRADE
    onset = _after(day, number)
    judged = Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=relatedness)
    event = AdverseEventReported(event="AE1", term=term, grade=grade, scale=scale, onset=onset, attributions=(judged,))
    if row.longer_than_days is not None and not fatal:
        event = attrs.evolve(event, ended=_after(day, number + row.longer_than_days))
    if row.together_with is not None and not fatal:
        beside, least = _beside(row.together_with)
        yield AdverseEventReported(event="AE2", term=beside, grade=least, scale=scale, onset=onset)
    if fatal:
        event = attrs.evolve(event, serious=True, seriousness=(Seriousness.DEATH,), outcome=EventOutcome.FATAL)
    yield event
    if fatal:
        yield Died(on=onset, event=event.event)


def _limiting_grade(rule: DltRule, scale: Scale) -> tuple[str, int, DltCriterion] | None:
    """Return a dose-limiting term and grade, and its row: preferably a fever of a grade that counts at once.

    A death is chosen only if no other grade is dose-limiting, and a term outside the table only if none of it is.
    """
    named = [(term, frozenset(scale.grades)) for row in rule.criteria for term in row.terms if known_term(term) is None]
    terms = [(one.term, one.grades) for one in sorted(all_terms(), key=lambda one: one.term != _TERM)]
    decided = [
        (grade == FATAL_GRADE, not found[1].at_once, _GRADES.index(grade), place, (term, grade, found[1]))
        for place, (term, grades) in enumerate([*terms, *named])
        for grade in _GRADES
        if grade in scale.grades and grade in grades and (found := rule.row_of(term, grade)) is not None
    ]
    chosen = min(decided, key=lambda one: (one[0], one[1], one[3], one[2]), default=None)
    return None if chosen is None else chosen[-1]


def _beside(companion: DltCompanion) -> tuple[str, int]:
    """Return a term and a grade of a companion."""
    fitting = [one for one in all_terms() if companion.fits(one.term, FATAL_GRADE)]
    for one in fitting:
        high = [grade for grade in sorted(one.grades) if grade >= companion.min_grade]
        if high:
            return one.term, high[0]
    if not companion.terms:
        raise OutcomesUnreachable(letter=Outcome.DLT, why=f"no term of CTCAE is {companion.words}")
    return companion.terms[0], companion.min_grade


def _related(rule: DltRule) -> Relatedness:
    return Relatedness.LIKELY if Relatedness.LIKELY in rule.related else rule.related[0]


def _counts_not_low(day: date, rule: DltRule) -> Iterator[LabRecorded]:
    """Yield counts that are not low: equal to the highest threshold, on the days on which the rule looks at them.

    These are the last day that may be low and the day after it, and for rows the last day of the window.
    """
    fixed, rows = rule.cytopenia, [row for _, row in rule.count_rows]
    looked = {rule.window_days} if rows else set()
    looked |= set() if fixed is None else {fixed.beyond_day, fixed.beyond_day + 1}
    for analyte, thresholds in (
        ("ANC", [None if fixed is None else fixed.anc_below, *(row.anc_below for row in rows)]),
        ("PLT", [None if fixed is None else fixed.platelets_below, *(row.platelets_below for row in rows)]),
    ):
        known = [threshold for threshold in thresholds if threshold is not None]
        for days in sorted(looked) if known else ():
            yield LabRecorded(analyte=analyte, value=max(known), unit="10*9/L", collected_at=_after(day, days))


def _after(day: date, days: int) -> ClinicalTime:
    return ClinicalTime.of(day + timedelta(days=days))
