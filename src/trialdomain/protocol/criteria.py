"""Eligibility criteria as data: the question, the gate at which it is judged, and the findings that answer it."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations

import attrs

from trialdomain.protocol.faults import LONGEST_DAYS, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having, is_complete, is_sound
from trialdomain.values.clinical.finding_names import is_finding, nearest_finding
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.clinical.unit import ucum
from trialdomain.values.given.text import has_visible, short
from trialdomain.values.number import is_bounded
from trialdomain.values.word import Word


class CriterionKind(Word):
    """Whether a criterion includes or excludes."""

    INCLUSION = "inclusion"
    """An inclusion criterion: its statement must be true."""
    EXCLUSION = "exclusion"
    """An exclusion criterion: its statement must be false."""


class Answer(Word):
    """The allowed kinds of answers to a criterion."""

    FACTS = "facts"
    """Only recorded findings."""
    ATTESTATION = "attestation"
    """Only an attestation of a user."""
    EITHER = "either"
    """The findings if they are recorded, otherwise an attestation of a user."""


class Comparison(Word):
    """The comparison of a recorded finding; every bound is inclusive."""

    AT_LEAST = "at-least"
    AT_MOST = "at-most"
    AT_MOST_TIMES_UPPER_LIMIT = "at-most-times-upper-limit"
    IS = "is"
    """The words are among the listed ones, ignoring case."""
    IS_SO = "is-so"
    IS_NOT_SO = "is-not-so"
    WITHIN_DAYS = "within-days"
    """A date lies fewer than a number of days before; exactly that number of days is outside."""
    NOT_WITHIN_DAYS = "not-within-days"
    WITHIN_MONTHS = "within-months"
    """A date lies after the same day a number of calendar months before; that day itself is outside."""


_LARGEST_NUMBER = 1_000_000
_FURTHEST_BACK = {
    Comparison.WITHIN_DAYS: LONGEST_DAYS,
    Comparison.NOT_WITHIN_DAYS: LONGEST_DAYS,
    Comparison.WITHIN_MONTHS: 1_200,
}
"""The most days or months of a test: a hundred years."""
_COMPARES_NUMBER = {Comparison.AT_LEAST, Comparison.AT_MOST, Comparison.AT_MOST_TIMES_UPPER_LIMIT}


@attrs.frozen(kw_only=True)
class FactTest:
    """One comparison of a recorded finding."""

    finding: str
    comparison: Comparison
    number: Decimal | None = None
    unit: str | None = None
    """The unit of ``number``; a finding in another unit is converted exactly."""
    words: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        """Refuse a comparison without a value to compare with."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the test."""
        return (
            lambda: unless(has_visible(self.finding), "a test names no finding"),
            lambda: unless(
                (self.number is not None) == self._is_numeric,
                f"{self._named} {'needs a' if self._is_numeric else 'takes no'} number",
            ),
            lambda: unless(_usable(self.number, self.comparison), f"{self._named} has a number that no criterion has"),
            lambda: unless(
                self.unit is None or _known(self.unit), f"{self._named} names an unknown unit, {self.unit!r}"
            ),
            lambda: unless(
                bool(self.words) == (self.comparison is Comparison.IS),
                f"{self._named} {'needs' if self.comparison is Comparison.IS else 'takes no'} words",
            ),
        )

    @property
    def _is_numeric(self) -> bool:
        return self.comparison in _COMPARES_NUMBER | _FURTHEST_BACK.keys()

    @property
    def _named(self) -> str:
        of = f" of {self.finding!r}" if having([self], "finding") else ""
        return f"the test{of} by {self.comparison.value}" if having([self], "comparison") else f"the test{of}"

    @property
    def in_words(self) -> str:
        """The comparison in words, without the name of the finding: "at most 2.5 times the upper limit"."""
        number = "" if self.number is None else f" {self.number}"
        unit = "" if self.unit is None else f" {self.unit}"
        match self.comparison:
            case Comparison.IS:
                return f"is {' or '.join(self.words)}"
            case Comparison.AT_MOST_TIMES_UPPER_LIMIT:
                return f"at most{number} times the upper limit"
            case Comparison.WITHIN_DAYS | Comparison.NOT_WITHIN_DAYS:
                return f"{self.comparison.value.replace('-', ' ').removesuffix(' days')}{number} days"
            case Comparison.WITHIN_MONTHS:
                return f"within{number} months"
            case _:
                return f"{self.comparison.value.replace('-', ' ')}{number}{unit}"


def _usable(number: Decimal | None, comparison: Comparison) -> bool:
    if number is None or not is_bounded(number):
        return number is None
    furthest = _FURTHEST_BACK.get(comparison)
    return abs(number) <= _LARGEST_NUMBER if furthest is None else 0 <= number <= furthest


def _known(unit: str) -> bool:
    try:
        return bool(ucum(unit))
    except ValueError:
        return False


@attrs.frozen(kw_only=True)
class Criterion:
    """One atomic criterion of eligibility."""

    id: str
    kind: CriterionKind
    meaning: str
    """The statement of the criterion in words."""
    answer: Answer
    gate: Gate = Gate.SCREENING
    tests: tuple[FactTest, ...] = ()
    """For an inclusion, all tests must hold; for an exclusion, none may hold."""
    applies_to: str | None = None
    """The sex to which it applies, ``F`` or ``M``; None for both."""
    expires: bool = False
    """Whether the findings are laboratory values, which are valid only for ``screening_validity_days``."""
    comment_required: bool = False
    """Whether an attestation that excludes must have a comment."""
    contradicts: str | None = None
    """The criterion whose statement cannot be true together with this one."""

    def __attrs_post_init__(self) -> None:
        """Refuse a criterion that cannot be answered."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the criterion."""
        named = f"criterion {self.id}" if having([self], "id") else "the criterion"
        return (
            lambda: unless(has_visible(self.id), "a criterion has no id"),
            lambda: unless(has_visible(self.meaning), f"{named} has no meaning"),
            lambda: unless(
                bool(self.tests) == (self.answer is not Answer.ATTESTATION),
                f"{named} is answered by {self.answer.value}, and has {len(self.tests)} tests",
            ),
            lambda: unless(self.applies_to in {None, "F", "M"}, f"{named} applies to sex {self.applies_to!r}"),
        )


def unknown_findings(criteria: Sequence[Criterion], *, named: tuple[str, ...]) -> Iterator[str]:
    """Yield a fault for each finding that a criterion tests, and that does not exist.

    Args:
        criteria: the criteria of a protocol.
        named: the further findings that the protocol names.
    """
    if not all(map(has_visible, named)):
        yield "findings names a blank finding"
        return  # a finding may be the one that is blank
    if not is_complete(named):
        return  # the finding may be the name that could not be read
    told = {
        (f"criterion {one.id}" if having([one], "id") else f"criteria[{number}]", test.finding): None
        for number, one in enumerate(criteria, start=1)
        for test in (having(one.tests, "finding") if having([one], "tests") else ())
        if has_visible(test.finding)
    }
    for criterion, finding in told:
        if not is_finding(finding, named=named):
            near = nearest_finding(finding, named=named)
            meant = "" if near is None else f" (did you mean {near}?)"
            yield (
                f"{criterion} tests {short(finding)!r}, which is no finding that this library knows{meant}: "
                f"correct the name, or list it in findings"
            )


def contradictions(criteria: Sequence[Criterion]) -> Iterator[str]:
    """Yield a fault for each pair of criteria that no participant can meet together.

    Bounds of one finding in one unit, and yes and no, are compared; a criterion of one sex is left out.
    """
    demands = [
        demand
        for one in having(criteria, "id", "kind", "gate", "applies_to", "tests")
        if one.applies_to is None
        for test in one.tests
        if is_sound(test) and (demand := _demand(one, test)) is not None
    ]
    told: set[tuple[str, str]] = set()
    for first, second in combinations(demands, 2):
        pair = (first.criterion, second.criterion)
        if first.of == second.of and pair not in told and not first.meets(second):
            told.add(pair)
            both = f"{first.words} and {second.words} cannot both be"
            if first.criterion == second.criterion:
                yield f"criterion {first.criterion} contradicts itself: {both}"
            else:
                yield f"criteria {first.criterion} and {second.criterion} contradict each other: {both}"


@attrs.frozen(kw_only=True)
class _Demand:
    """What one test demands of a finding: a value from, or up to, a number; or yes, or no."""

    criterion: str
    of: tuple[str, str | None, Gate]
    """The finding, its unit, and the gate at which it is judged."""
    from_: Decimal | None = None
    to: Decimal | None = None
    strict: bool = False
    """Whether the number itself is outside."""
    so: bool | None = None
    words: str

    def meets(self, other: "_Demand") -> bool:
        """Say whether some value fulfils both demands."""
        if self.so is not None and other.so is not None:
            return self.so == other.so
        low, high = (self, other) if self.from_ is not None else (other, self)
        if low.from_ is None or high.to is None:
            return True
        return low.from_ < high.to or (low.from_ == high.to and not (low.strict or high.strict))


def _demand(criterion: Criterion, test: FactTest) -> _Demand | None:
    """Return what a test demands of those who may take part; None for a comparison that is not compared."""
    excludes = criterion.kind is CriterionKind.EXCLUSION
    of = (test.finding, test.unit, criterion.gate)
    unit = "" if test.unit is None else f" {test.unit}"
    bounds = {Comparison.AT_LEAST: not excludes, Comparison.AT_MOST: excludes}
    if test.comparison in bounds and test.number is not None:
        is_lower = bounds[test.comparison]
        sign = (">" if excludes else ">=") if is_lower else ("<" if excludes else "<=")
        return _Demand(
            criterion=criterion.id,
            of=of,
            from_=test.number if is_lower else None,
            to=None if is_lower else test.number,
            strict=excludes,
            words=f"{test.finding} {sign} {test.number}{unit}",
        )
    if test.comparison in {Comparison.IS_SO, Comparison.IS_NOT_SO}:
        so = (test.comparison is Comparison.IS_SO) is not excludes
        return _Demand(criterion=criterion.id, of=of, so=so, words=f"{test.finding} {'yes' if so else 'no'}")
    return None
