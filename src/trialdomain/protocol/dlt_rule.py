"""The definition of a dose-limiting toxicity.

If the registry entry (NCT06245746) is silent, the default is a choice of this library, marked as **choice**.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache

import attrs

from trialdomain.protocol.dlt_criteria import LAST_ROW, DltCriterion, Placed, contradictions
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having, is_complete, is_sound
from trialdomain.values.clinical.toxicity import GRADES, RELATED, Relatedness
from trialdomain.values.given.plural import singular_or
from trialdomain.values.given.text import folded, has_visible
from trialdomain.values.number import is_bounded


@attrs.frozen(kw_only=True)
class ExpectedToxicity:
    """A term that never counts as a DLT up to a grade, because chemotherapy causes it."""

    term: str
    up_to_grade: int

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid grade."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the expected toxicity."""
        named = f"{self.term}: " if having([self], "term") else ""
        return (
            lambda: unless(has_visible(self.term), "an expected toxicity names no term"),
            lambda: unless(self.up_to_grade in GRADES, f"{named}up_to_grade must be from 1 to 5"),
        )


@attrs.frozen(kw_only=True)
class CytopeniaRule:
    """A cytopenia that lasts beyond a day counts as a DLT; participants are evaluable only after that day."""

    anc_below: Decimal | None = None
    """In 10*9/L."""
    platelets_below: Decimal | None = None
    """In 10*9/L."""
    beyond_day: int = 42
    """Elapsed days from the infusion."""

    def __attrs_post_init__(self) -> None:
        """Refuse a rule without a valid threshold."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the cytopenia."""
        return (
            lambda: unless(
                self.anc_below is not None or self.platelets_below is not None, "cytopenia names no threshold"
            ),
            lambda: unless(
                all(
                    is_bounded(value) and value > 0
                    for name in ("anc_below", "platelets_below")
                    for one in having([self], name)
                    if (value := getattr(one, name)) is not None
                ),
                "a cytopenia threshold must be above 0 with at most 15 digits",
            ),
            lambda: at_least("cytopenia.beyond_day", self.beyond_day, 0),
        )


@attrs.frozen(kw_only=True)
class DltRule:
    """The definition of a dose-limiting toxicity.

    The registry: an adverse event possibly, likely or definitely related to the infusion, within 14 days. It has no
    grade threshold, so the default has none: any related grade counts, grade 1 included.

    Where a protocol has ``criteria``, the first row that fits the term and the grade of an event decides about it, and
    an event that no row fits is no DLT. ``min_grade`` alone is one row for every event; with criteria, it is the last
    row.
    """

    min_grade: int | None = None
    """The grade from which any event counts, or any other one, on the event's own scale (**choice**); 1 where nothing
    is given. With criteria, None leaves it out: then nothing counts that no row fits."""
    criteria: tuple[DltCriterion, ...] = ()
    """The rows, in the order in which they decide."""
    window_days: int = 14
    """Elapsed days from the day of the infusion, which is day 0; both ends belong to the window."""
    related: tuple[Relatedness, ...] = RELATED
    """The judgements that count; with each one, every stronger one (unlikely, possibly, likely, definitely)."""
    worsening: bool = True
    """Whether an event that began before the infusion counts from the day on which it worsened, or came back
    (**choice**)."""
    expected_with_chemotherapy: tuple[ExpectedToxicity, ...] = ()
    """Terms that never count up to a grade: they come before every row. A term that never counts at any grade is a row
    with ``never``."""
    cytopenia: CytopeniaRule | None = None
    """A cytopenia that lasts beyond a fixed day. One that lasts longer than some days is a row of the criteria."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid grades and windows, and rows that contradict each other."""
        self.settle()
        refuse(faults_of(self.checks()))

    def settle(self) -> None:
        """Make grade 1 the lowest one where nothing else is given."""
        if self.min_grade is None and not self.criteria:
            object.__setattr__(self, "min_grade", 1)

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the rule."""
        return (
            lambda: unless(_is_lowest(self.min_grade), f"dlt.min_grade must be from 1 to 5, got {self.min_grade!r}"),
            lambda: at_least("dlt.window_days", self.window_days, 0),
            lambda: unless(bool(self.related), "dlt.related names no relatedness"),
            lambda: unless(Relatedness.NOT_ASSESSED not in self.related, "dlt.related cannot name not-assessed"),
            lambda: unless(
                Relatedness.UNRELATED not in self.related,
                "dlt.related cannot name unrelated: an event that the infusion did not cause is no toxicity of it; "
                "name those that count, such as possibly, likely and definitely",
            ),
            lambda: _left_out_fault(self.related),
            lambda: _contradictory(self.expected_with_chemotherapy),
            lambda: _row_faults(self),
            lambda: _never_fault(self),
        )

    @property
    def rows(self) -> tuple[DltCriterion, ...]:
        """The criteria, with the row of ``min_grade`` as the last one."""
        return self.criteria if self.min_grade is None else (*self.criteria, _last_row(self.min_grade))

    @property
    def count_rows(self) -> tuple[tuple[int, DltCriterion], ...]:
        """The rows that are about blood counts, each with its number from 1."""
        return tuple((number, row) for number, row in enumerate(self.criteria, start=1) if row.of_counts)

    @property
    def asks_for_more(self) -> bool:
        """Whether a row about events asks for more than a grade: for a duration, or for another event."""
        return any(not row.of_counts and not row.at_once and not row.never for row in self.criteria)

    def row_of(self, term: str, grade: int, *, code: str | None = None) -> tuple[int, DltCriterion] | None:
        """Return the row that decides about an event of a term and a grade, with its number from 1.

        None where it never counts: by an expected toxicity, by a row with ``never``, or because no row fits.

        Args:
            term: the CTCAE term of the event.
            grade: its grade.
            code: its MedDRA code, by which the category of a translated term is found.
        """
        if self.expected_with_chemotherapy and grade <= self.expected_up_to(term):
            return None
        for number, row in enumerate(self.criteria, start=1):
            if row.fits(term, grade, code=code):
                return None if row.never else (number, row)
        if self.min_grade is None or grade < self.min_grade:
            return None
        return len(self.criteria) + 1, _last_row(self.min_grade)

    def expected_up_to(self, term: str) -> int:
        """Return the grade up to which a term never counts (0 for none), ignoring case and white space of the term."""
        named = folded(term)
        return next((one.up_to_grade for one in self.expected_with_chemotherapy if folded(one.term) == named), 0)


@lru_cache(maxsize=8)
def _last_row(min_grade: int) -> DltCriterion:
    return DltCriterion(min_grade=min_grade)


def _is_lowest(grade: int | None) -> bool:
    return grade is None or grade in GRADES


def _row_faults(rule: DltRule) -> Iterator[str]:
    """Yield the faults of the rows together; a row with a fault of its own is compared with no other."""
    placed = [
        Placed(f"dlt.criteria[{number}]", row) for number, row in enumerate(rule.criteria, start=1) if is_sound(row)
    ]
    lowest = [one.min_grade for one in having([rule], "min_grade") if rule.criteria]
    placed += [Placed(LAST_ROW, _last_row(one)) for one in lowest if one is not None and _is_lowest(one)]
    expected = [
        (one.term, one.up_to_grade)
        for whole in having([rule], "expected_with_chemotherapy")
        for one in whole.expected_with_chemotherapy
        if is_sound(one)
    ]
    yield from contradictions(placed, never=expected)


def _never_fault(rule: DltRule) -> str | None:
    """Return a fault for rows of which none counts."""
    of_rows = bool(rule.criteria) and rule.min_grade is None and rule.cytopenia is None
    return unless(
        not of_rows or not is_sound(rule.criteria) or not all(row.never for row in rule.criteria),
        "dlt.criteria has only rows that never count: add the row that counts, such as one with min_grade alone",
    )


_FROM_LEAST = (Relatedness.UNLIKELY, Relatedness.POSSIBLY, Relatedness.LIKELY, Relatedness.DEFINITELY)
"""The judgements that may count, from the least to the most related."""


def _left_out_fault(related: tuple[Relatedness, ...]) -> str | None:
    """Return a fault where a judgement counts and a stronger one does not."""
    counted = [one for one in _FROM_LEAST if one in related]
    if not counted or not is_complete(related):
        return None
    left_out = [one for one in _FROM_LEAST[_FROM_LEAST.index(counted[0]) :] if one not in related]
    if not left_out:
        return None
    weaker = [one for one in counted if _FROM_LEAST.index(one) < _FROM_LEAST.index(left_out[-1])]
    return (
        f"dlt.related names {_listed(weaker)} and leaves out {_listed(left_out)}, "
        f"which {singular_or(len(left_out), 'is', 'are')} stronger: an event would count, and one that is more surely "
        f"related would not; name the stronger ones too"
    )


def _listed(judgements: Sequence[Relatedness]) -> str:
    return " and ".join(one.value for one in judgements)


def _contradictory(expected: Sequence[ExpectedToxicity]) -> Iterator[str]:
    """Yield a fault for each term that is listed twice with different grades."""
    grades: dict[str, set[int]] = {}
    for one in filter(is_sound, expected):
        grades.setdefault(folded(one.term), set()).add(one.up_to_grade)
    for term, found in grades.items():
        if len(found) > 1:
            said = " and ".join(map(str, sorted(found)))
            yield f"dlt.expected_with_chemotherapy names {term!r} up to grade {said}: name it once"


DEFAULT_DLT = DltRule()
