"""Eligibility: judge every criterion, and report all reasons at once.

A criterion without an answer is never met. The protocol has the criteria. Windows are elapsed days, or calendar months,
before the day of judgment; the boundary day passes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta

import attrs

from trialdomain.protocol.criteria import Answer, Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.calendar import months_before
from trialdomain.values.clinical.analyte import finding_name
from trialdomain.values.clinical.screening import Attestation, CriterionAssessment, CriterionStatus, Finding, Gate
from trialdomain.values.clinical.unit import convert
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import folded

_GATES = list(Gate)


@attrs.frozen(kw_only=True)
class Known:
    """The findings and attestations of a person on the day when criteria are judged."""

    findings: Mapping[str, Finding]
    """The latest finding of each name, by the name that criteria compare."""
    attestations: Mapping[str, Attestation]
    """The latest attestation of each criterion, by the criterion's id."""
    on: date
    """The day of judgment, at the site."""

    @classmethod
    def of(cls, findings: Sequence[Finding], attestations: Sequence[Attestation], *, on: date) -> "Known":
        """Index findings and attestations, which come in the order of recording; of two answers the later counts."""
        return cls(
            findings={finding_name(finding.name): finding for finding in findings},
            attestations={attestation.criterion: attestation for attestation in attestations},
            on=on,
        )


def assess(known: Known, protocol: TrialProtocol, *, gate: Gate) -> tuple[CriterionAssessment, ...]:
    """Judge every criterion of the protocol at a gate; criteria of later gates are not due."""
    return tuple(
        _not_due(criterion)
        if _GATES.index(criterion.gate) > _GATES.index(gate)
        else _assessed(criterion, known, protocol.screening_validity_days)
        for criterion in protocol.criteria
    )


def unmet(assessment: Sequence[CriterionAssessment]) -> list[CriterionAssessment]:
    """Return all criteria that are not met or not answered, so that a site gets all reasons at once."""
    return [one for one in assessment if one.status in {CriterionStatus.UNMET, CriterionStatus.NOT_ANSWERED}]


def contradictions(assessment: Sequence[CriterionAssessment], protocol: TrialProtocol) -> list[tuple[str, str]]:
    """Find contradicting pairs: an inclusion criterion that is met, and an exclusion criterion that applies."""
    status = {one.criterion: one.status for one in assessment}
    return [
        (criterion.contradicts, criterion.id)
        for criterion in protocol.criteria
        if criterion.contradicts
        and status[criterion.id] is CriterionStatus.UNMET
        and status.get(criterion.contradicts) is CriterionStatus.MET
    ]


def _not_due(criterion: Criterion) -> CriterionAssessment:
    return CriterionAssessment(
        criterion=criterion.id, status=CriterionStatus.NOT_DUE, why=f"judged at {criterion.gate.value}"
    )


def _assessed(criterion: Criterion, known: Known, validity: int) -> CriterionAssessment:
    sex = known.findings.get("sex")
    other = {"F": "m", "M": "f"}.get(criterion.applies_to or "")
    if other and sex and sex.words and folded(sex.words) == other:
        return CriterionAssessment(
            criterion=criterion.id, status=CriterionStatus.MET, why=f"it applies to sex {criterion.applies_to} alone"
        )
    by_facts = None if criterion.answer is Answer.ATTESTATION else _by_facts(criterion, known, validity)
    if by_facts is not None and by_facts.status is not CriterionStatus.NOT_ANSWERED:
        return by_facts
    attested = None if criterion.answer is Answer.FACTS else known.attestations.get(criterion.id)
    if attested is not None:
        return _by_word(criterion, attested)
    return by_facts or CriterionAssessment(
        criterion=criterion.id, status=CriterionStatus.NOT_ANSWERED, why="nobody has attested to it"
    )


def _by_word(criterion: Criterion, attested: Attestation) -> CriterionAssessment:
    if criterion.comment_required and attested.answer and attested.comment is None:
        return CriterionAssessment(
            criterion=criterion.id, status=CriterionStatus.NOT_ANSWERED, why="it excludes, and nothing says why"
        )
    met = attested.answer is (criterion.kind is CriterionKind.INCLUSION)
    return CriterionAssessment(
        criterion=criterion.id,
        status=CriterionStatus.MET if met else CriterionStatus.UNMET,
        why=f"attested: {'yes' if attested.answer else 'no'}",
    )


def _by_facts(criterion: Criterion, known: Known, validity: int) -> CriterionAssessment:
    """Judge by recorded facts: all tests of an inclusion must hold; one test of an exclusion is enough to exclude."""
    inclusion = criterion.kind is CriterionKind.INCLUSION
    results = [_tested(test, criterion, known, validity) for test in criterion.tests]
    deciding = [result for result in results if result.holds is (not inclusion)]
    missing = [result for result in results if result.holds is None]
    status = CriterionStatus.UNMET if deciding else CriterionStatus.NOT_ANSWERED if missing else CriterionStatus.MET
    why = "; ".join(result.why for result in (deciding or missing or results))
    return CriterionAssessment(criterion=criterion.id, status=status, why=why)


@attrs.frozen
class _Result:
    holds: bool | None
    """None where the fact is missing, or no longer valid."""
    why: str


def _tested(test: FactTest, criterion: Criterion, known: Known, validity: int) -> _Result:
    finding = known.findings.get(finding_name(test.finding))
    if finding is None:
        return _Result(None, f"{test.finding} is not recorded")
    if criterion.expires and (finding.on is None or (known.on - finding.on.first).days > validity):
        return _Result(None, f"{test.finding} is older than {how_many(validity, 'day')}, or has no date")
    holds = _COMPARISONS[test.comparison](test, finding, known.on)
    if holds is None:
        return _Result(None, f"{test.finding} is recorded in a form that {test.comparison.value} cannot compare")
    return _Result(holds, f"{test.finding} {_shown(finding)}: {test.comparison.value} {_bound(test)}".rstrip())


def _shown(finding: Finding) -> str:
    if finding.number is not None:
        return f"is {finding.number} {finding.unit or ''}".rstrip()
    if finding.yes is not None:
        return "is so" if finding.yes else "is not so"
    return f"is {finding.words or finding.date}"


def _bound(test: FactTest) -> str:
    return (
        ", ".join(test.words) if test.words else f"{test.number if test.number is not None else ''} {test.unit or ''}"
    )


def _at_least(test: FactTest, finding: Finding, _: date) -> bool | None:
    difference = _difference(test, finding)
    return None if difference is None else difference >= 0


def _at_most(test: FactTest, finding: Finding, _: date) -> bool | None:
    difference = _difference(test, finding)
    return None if difference is None else difference <= 0


def _difference(test: FactTest, finding: Finding) -> int | None:
    """Compare a number with the bound, exactly: -1 below, 0 equal, 1 above."""
    if finding.number is None or test.number is None or (test.unit is None) != (finding.unit is None):
        return None
    value, bound = finding.number, test.number
    if test.unit is None or finding.unit is None:
        return (value > bound) - (value < bound)
    try:
        exact = convert(value, finding.unit, to=test.unit)
    except ValueError:
        return None
    limit = convert(bound, test.unit, to=test.unit)
    return (exact > limit) - (exact < limit)


def _at_most_times_upper_limit(test: FactTest, finding: Finding, _: date) -> bool | None:
    if finding.number is None or finding.upper_limit is None or test.number is None:
        return None
    return finding.number <= test.number * finding.upper_limit


def _is(test: FactTest, finding: Finding, _: date) -> bool | None:
    if finding.words is None:
        return None
    return folded(finding.words) in set(map(folded, test.words))


def _is_so(_: FactTest, finding: Finding, __: date) -> bool | None:
    return finding.yes


def _is_not_so(_: FactTest, finding: Finding, __: date) -> bool | None:
    return None if finding.yes is None else not finding.yes


def _within_days(test: FactTest, finding: Finding, on: date) -> bool | None:
    """Say whether any possible day of the date lies in the window; so a partial date excludes rather than includes."""
    if finding.date is None or test.number is None:
        return None
    return finding.date.last > on - timedelta(days=int(test.number))


def _not_within_days(test: FactTest, finding: Finding, on: date) -> bool | None:
    within = _within_days(test, finding, on)
    return None if within is None else not within


def _within_months(test: FactTest, finding: Finding, on: date) -> bool | None:
    if finding.date is None or test.number is None:
        return None
    return finding.date.last > months_before(on, int(test.number))


_COMPARISONS: dict[Comparison, Callable[[FactTest, Finding, date], bool | None]] = {
    Comparison.AT_LEAST: _at_least,
    Comparison.AT_MOST: _at_most,
    Comparison.AT_MOST_TIMES_UPPER_LIMIT: _at_most_times_upper_limit,
    Comparison.IS: _is,
    Comparison.IS_SO: _is_so,
    Comparison.IS_NOT_SO: _is_not_so,
    Comparison.WITHIN_DAYS: _within_days,
    Comparison.NOT_WITHIN_DAYS: _not_within_days,
    Comparison.WITHIN_MONTHS: _within_months,
}
