"""The rows of a DLT rule: which toxicity is dose-limiting, from which grade, and for how long.

Protocols define a DLT by a table of rows (``[[dlt.criteria]]``). The first row that fits the term and the grade of an
event decides about it. How durations and companions are counted is a **choice** (docs/explanation/dlt-rows.md).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache, lru_cache
from itertools import pairwise

import attrs

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having
from trialdomain.values.clinical.analyte import UNITS, Count
from trialdomain.values.clinical.ctcae import all_terms, term_of
from trialdomain.values.clinical.toxicity import GRADES
from trialdomain.values.given.plural import how_many
from trialdomain.values.given.text import either, folded, has_visible
from trialdomain.values.number import is_bounded


@attrs.frozen(kw_only=True)
class DltCompanion:
    """An event that must come together with another one, such as bilirubin of grade 2 with ALT of grade 3 (Hy's law).

    Both must be in force on one common day of the window. The relatedness of the companion is not asked (**choice**).
    """

    terms: tuple[str, ...] = ()
    """CTCAE terms, of which one is enough; case and white space are ignored."""
    category: str | None = None
    """A system organ class of CTCAE, instead of terms."""
    min_grade: int = 1

    def __attrs_post_init__(self) -> None:
        """Refuse a companion that names no event."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the companion."""
        return (
            *_of_selection(self),
            lambda: unless(
                bool(self.terms) or self.category is not None,
                "a companion names no event: give its terms or its category",
            ),
        )

    @property
    def words(self) -> str:
        """The companion in words."""
        return f"{_selected(self, 'any event')} {_from_grade(self.min_grade)}"

    def fits(self, term: str, grade: int, *, code: str | None = None) -> bool:
        """Say whether an event of a term and a grade is such a companion."""
        return grade >= self.min_grade and _selects(self.terms, self.category, term, code)


@attrs.frozen(kw_only=True)
class DltCriterion:
    """One row of a DLT rule: the events, or the blood counts, that it fits, and when they are dose-limiting.

    A row with terms fits events of these terms; a row with a category fits events whose term belongs to that class in
    this library's CTCAE table; a row with neither fits every event. A row with a threshold fits no event: it counts a
    blood count that stays below the threshold.
    """

    terms: tuple[str, ...] = ()
    """CTCAE terms; case and white space are ignored."""
    category: str | None = None
    """A system organ class of CTCAE, instead of terms."""
    min_grade: int = 1
    """The lowest grade that the row fits."""
    longer_than_days: int | None = None
    """Elapsed days from the first day at the grade, or a higher one, to the first day below it; they must be more."""
    together_with: DltCompanion | None = None
    """Another event that must be in force on a common day of the window."""
    never: bool = False
    """Whether what the row fits never counts, such as an expected toxicity."""
    anc_below: Decimal | None = None
    """Neutrophils, in 10*9/L: the row counts results below it for longer than ``longer_than_days``."""
    platelets_below: Decimal | None = None
    """Platelets, in 10*9/L, in the same way."""

    def __attrs_post_init__(self) -> None:
        """Refuse a row that cannot decide."""
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the row."""
        return (*_of_selection(self), *_of_row(self))

    @property
    def of_counts(self) -> bool:
        """Whether the row is about blood counts."""
        return bool(self.thresholds)

    @property
    def thresholds(self) -> dict[Count, Decimal]:
        """The thresholds of blood counts, in 10*9/L."""
        given = {Count.NEUTROPHILS: self.anc_below, Count.PLATELETS: self.platelets_below}
        return {count: value for count, value in given.items() if value is not None}

    @property
    def of_any_event(self) -> bool:
        """Whether the row fits every event of its grades."""
        return not self.terms and self.category is None and not self.of_counts

    @property
    def at_once(self) -> bool:
        """Whether the grade alone counts: no duration and no companion is asked for."""
        return not self.never and self.longer_than_days is None and self.together_with is None

    @property
    def words(self) -> str:
        """The row in words, such as "Nausea or Vomiting of grade 3 or more for longer than 3 days"."""
        days = self.longer_than_days
        lasting = "" if days is None else f" for longer than {how_many(days, 'day')}"
        if self.of_counts:
            return f"{' or '.join(f'{c.value} below {v} {UNITS[c]}' for c, v in self.thresholds.items())}{lasting}"
        together = "" if self.together_with is None else f" together with {self.together_with.words}"
        never = " never counts" if self.never else ""
        return f"{_selected(self, 'any other event')} {_from_grade(self.min_grade)}{lasting}{together}{never}"

    def fits(self, term: str, grade: int, *, code: str | None = None) -> bool:
        """Say whether the row decides about an event of a term and a grade, where no earlier row does.

        Args:
            term: the CTCAE term of the event.
            grade: its grade.
            code: its MedDRA code, by which the category of a translated term is found.
        """
        if grade < self.min_grade or self.of_counts:
            return False
        return self.of_any_event or _selects(self.terms, self.category, term, code)


def _selects(terms: tuple[str, ...], category: str | None, term: str, code: str | None) -> bool:
    if terms:
        return folded(term) in _folded(terms)
    return category is not None and _class_of(term, code) == folded(category)


@cache
def _folded(terms: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(folded, terms))


@lru_cache(maxsize=1_024)
def _class_of(term: str, code: str | None = None) -> str | None:
    """Return the system organ class of a term; None if this library's CTCAE table lacks the term."""
    found = term_of(term, code=code)
    return None if found is None else folded(found.organ_class)


@cache
def _classes() -> dict[str, str]:
    """Return the system organ classes of which the table has terms, by their folded names."""
    return {folded(one.organ_class): one.organ_class for one in sorted(all_terms(), key=lambda one: one.organ_class)}


def _selected(row: DltCriterion | DltCompanion, otherwise: str) -> str:
    if row.terms:
        return either(row.terms)
    return otherwise if row.category is None else f"any event of the class {row.category}"


def _from_grade(grade: int) -> str:
    return (
        "of any grade" if grade == 1 else f"of grade {grade}" if grade == max(GRADES) else f"of grade {grade} or more"
    )


def _of_selection(row: DltCriterion | DltCompanion) -> tuple[Check, ...]:
    """Return the checks of the terms, the category and the grade of a row."""
    return (
        lambda: unless(all(map(has_visible, row.terms)), "terms has a blank term"),
        lambda: unless(row.min_grade in GRADES, f"min_grade must be from 1 to 5, got {row.min_grade!r}"),
        lambda: unless(row.category is None or not row.terms, "terms and category are both given: choose one"),
        lambda: _category_fault(row.category),
    )


def _category_fault(category: str | None) -> str | None:
    return unless(
        category is None or folded(category) in _classes(),
        f"category {category!r} is no system organ class of which this library's CTCAE table has terms: name "
        f"its terms, or one of {'; '.join(_classes().values())}",
    )


def _of_row(row: DltCriterion) -> tuple[Check, ...]:
    """Return the checks of a row as a whole."""
    return (
        lambda: None if row.longer_than_days is None else at_least("longer_than_days", row.longer_than_days, 1),
        lambda: unless(
            not row.never or (row.longer_than_days is None and row.together_with is None),
            "never says that nothing of the row counts: leave out longer_than_days and together_with",
        ),
        lambda: unless(
            all(
                is_bounded(value) and value > 0
                for name in ("anc_below", "platelets_below")
                for one in having([row], name)
                if (value := getattr(one, name)) is not None
            ),
            "a threshold of blood counts must be above 0 with at most 15 digits",
        ),
        lambda: unless(
            not row.of_counts or row.longer_than_days is not None, "a row of blood counts needs longer_than_days"
        ),
        lambda: unless(
            not row.of_counts
            or (
                not (bool(row.terms) or row.category is not None or row.min_grade != 1)
                and row.together_with is None
                and not row.never
            ),
            "a row of blood counts has no terms, category, min_grade, together_with or never: write two rows",
        ),
    )


LAST_ROW = "dlt.min_grade"
"""The place of the last row, which has no number."""


@attrs.frozen
class Placed:
    """A row with its place in the protocol file, for the faults."""

    place: str
    row: DltCriterion


def contradictions(rows: Sequence[Placed], *, never: Sequence[tuple[str, int]] = ()) -> Iterator[str]:
    """Yield a fault for each row that contradicts an earlier one, or that is never reached because of one.

    Args:
        rows: the rows, in their order, the last row of ``dlt.min_grade`` included.
        never: the terms that never count up to a grade (``dlt.expected_with_chemotherapy``).
    """
    yield from _rows_that_expect(rows, never)
    for number, later in enumerate(rows):
        if later.row.of_counts:
            yield from _counted_already(number, rows)
            continue
        for term in later.row.terms or (None,):
            earlier = next((one for one in rows[:number] if _covers(one.row, later.row, term)), None)
            if earlier is not None:
                yield _unreached(earlier, later, term)
    events = [one for one in rows if one.row.of_any_event]
    for before, after in pairwise(events):
        if before.row.at_once and after.row.at_once and after.row.min_grade < before.row.min_grade:
            yield (
                f"{before.place} and {after.place} both count every event, from grade {before.row.min_grade} and from "
                f"grade {after.row.min_grade}: give one of them (min_grade none leaves the last row out)"
            )


def _rows_that_expect(rows: Sequence[Placed], never: Sequence[tuple[str, int]]) -> Iterator[str]:
    whole = {folded(term) for term, grade in never if grade == max(GRADES)}
    for one in rows:
        for term in one.row.terms:
            if folded(term) in whole and not one.row.never:
                yield (
                    f"dlt.expected_with_chemotherapy never counts {term!r} of any grade, and {one.place} counts it: "
                    "leave one of them out"
                )


def _covers(earlier: DltCriterion, later: DltCriterion, term: str | None) -> bool:
    """Say whether an earlier row fits everything that a later one fits, for one of its terms."""
    if earlier.of_counts or earlier.min_grade > later.min_grade:
        return False
    if earlier.of_any_event:
        return True
    if term is not None:
        return _selects(earlier.terms, earlier.category, term, None)
    same = earlier.category is not None and later.category is not None
    return same and folded(str(earlier.category)) == folded(str(later.category))


def _unreached(earlier: Placed, later: Placed, term: str | None) -> str:
    what = f"{term!r}" if term is not None else _selected(later.row, "any event")
    if earlier.row.never != later.row.never:
        says = {True: "never counts", False: "counts"}
        return (
            f"{earlier.place} {says[earlier.row.never]} {what} {_from_grade(later.row.min_grade)}, and {later.place} "
            f"{says[later.row.never]} it: leave one of them out, or give them different grades"
        )
    before = "" if later.place == LAST_ROW else f", or put {later.place} before it"
    return (
        f"{later.place} is never reached for {what}: {earlier.place} decides first, on {earlier.row.words}: leave one "
        f"of them out{before}"
    )


def _counted_already(number: int, rows: Sequence[Placed]) -> Iterator[str]:
    """Yield a fault for a count of which another row counts everything that this row counts."""
    later = rows[number]
    for count, threshold in later.row.thresholds.items():
        limit = later.row.longer_than_days or 0
        for place, one in enumerate(rows):
            wider, days = one.row.thresholds.get(count), one.row.longer_than_days or 0
            if place == number or wider is None or wider < threshold or days > limit:
                continue
            if (wider, days) == (threshold, limit) and place > number:
                continue  # of two equal rows, the second one is named
            yield (
                f"{later.place} counts no low {count.value} that {one.place} does not count, {one.row.words}: leave it "
                "out"
            )
