"""The parameters of a trial protocol, with the source of each default.

If the registry entry (NCT06245746) is silent, the default is a choice of this library, marked as **choice**.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

import attrs

from trialdomain.protocol.criteria import Criterion, unknown_findings
from trialdomain.protocol.criteria import contradictions as contradictory_criteria
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS, DesignSpec, is_known
from trialdomain.protocol.dlt_criteria import LAST_ROW, DltCriterion, Placed, contradictions
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.sites import Site, is_known_zone, site_faults
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale, scale_of
from trialdomain.values.clinical.toxicity import GRADES, RELATED, Relatedness
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import folded, has_visible
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.number import is_bounded
from trialdomain.values.role import Role
from trialdomain.values.word import Word


class TallyBy(Word):
    """The dose level at which an infused participant is counted."""

    RECEIVED = "received"
    ASSIGNED = "assigned"


@attrs.frozen(kw_only=True)
class ExpectedToxicity:
    """A term that never counts as a DLT up to a grade, because chemotherapy causes it."""

    term: str
    up_to_grade: int

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid grade."""
        refuse(
            (
                unless(has_visible(self.term), "an expected toxicity names no term"),
                unless(self.up_to_grade in GRADES, f"{self.term}: up_to_grade must be from 1 to 5"),
            )
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
        thresholds = [value for value in (self.anc_below, self.platelets_below) if value is not None]
        refuse(
            (
                unless(bool(thresholds), "cytopenia names no threshold"),
                unless(
                    all(is_bounded(v) and v > 0 for v in thresholds),
                    "a cytopenia threshold must be above 0 with at most 15 digits",
                ),
                at_least("cytopenia.beyond_day", self.beyond_day, 0),
            )
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
        if self.min_grade is None and not self.criteria:
            object.__setattr__(self, "min_grade", 1)
        known = self.min_grade is None or self.min_grade in GRADES
        refuse(
            (
                unless(known, f"dlt.min_grade must be from 1 to 5, got {self.min_grade!r}"),
                at_least("dlt.window_days", self.window_days, 0),
                unless(bool(self.related), "dlt.related names no relatedness"),
                unless(Relatedness.NOT_ASSESSED not in self.related, "dlt.related cannot name not-assessed"),
                unless(
                    Relatedness.UNRELATED not in self.related,
                    "dlt.related cannot name unrelated: an event that the infusion did not cause is no toxicity of it; "
                    "name those that count, such as possibly, likely and definitely",
                ),
                *_contradictory(self.expected_with_chemotherapy),
                *(_row_faults(self) if known else ()),
            )
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


def _row_faults(rule: DltRule) -> Iterator[str]:
    """Yield the faults of the rows together."""
    placed = [Placed(f"dlt.criteria[{number}]", row) for number, row in enumerate(rule.criteria, start=1)]
    if rule.criteria and rule.min_grade is not None:
        placed.append(Placed(LAST_ROW, _last_row(rule.min_grade)))
    expected = [(one.term, one.up_to_grade) for one in rule.expected_with_chemotherapy]
    yield from contradictions(placed, never=expected)
    if placed and all(one.row.never for one in placed) and rule.cytopenia is None:
        yield "dlt.criteria has only rows that never count: add the row that counts, such as one with min_grade alone"


def _contradictory(expected: Sequence[ExpectedToxicity]) -> Iterator[str]:
    """Yield a fault for each term that is listed twice with different grades."""
    grades: dict[str, set[int]] = {}
    for one in expected:
        grades.setdefault(folded(one.term), set()).add(one.up_to_grade)
    for term, found in grades.items():
        if len(found) > 1:
            said = " and ".join(map(str, sorted(found)))
            yield f"dlt.expected_with_chemotherapy names {term!r} up to grade {said}: name it once"


@attrs.frozen(kw_only=True)
class EvaluableRule:
    """The participants who count for a decision (**choice**: the registry says "evaluable" without a definition)."""

    min_fraction: Decimal = Decimal("1.0")
    """The fraction of the infusion that must have been given."""
    requires_assessment: bool = True
    """Whether the window must be assessed; if not, the end of the window is enough."""

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid fraction."""
        share = self.min_fraction
        refuse(
            (unless(is_bounded(share) and 0 <= share <= 1, f"evaluable.min_fraction must be from 0 to 1, got {share}"),)
        )


class SentinelRequirement(Word):
    """A requirement on the sentinel of a level before the next participant is infused there."""

    OBSERVED = "observed"
    """The sentinel was seen on the last day of the observation or later, and did not leave or die before it."""
    NO_DLT = "no-dlt"
    """The sentinel had no DLT."""


@attrs.frozen(kw_only=True)
class Sentinel:
    """The observation of the first participant infused at a level, before any other is infused there.

    If the sentinel has a DLT, or leaves or dies before the observation is over, the next infusion at the level waits
    until people decide to treat at the level.
    """

    observation_days: int
    """Elapsed days from the sentinel's infusion: with 7, another participant is infused on day 7 at the earliest."""
    requires: tuple[SentinelRequirement, ...] = (SentinelRequirement.OBSERVED, SentinelRequirement.NO_DLT)

    def __attrs_post_init__(self) -> None:
        """Refuse an observation of no day, or without a requirement."""
        refuse(
            (
                at_least("stagger.sentinel.observation_days", self.observation_days, 1),
                unless(
                    bool(self.requires),
                    "stagger.sentinel.requires names nothing: for days alone, set stagger.first_to_second_days",
                ),
            )
        )


@attrs.frozen(kw_only=True)
class Stagger:
    """The minimum days between infusions at one level (0: the registry is silent), and the sentinel of a level."""

    first_to_second_days: int = 0
    between_days: int = 0
    sentinel: Sentinel | None = None
    """The observation of the first participant of a level; None for none (the registry is silent)."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid numbers of days."""
        refuse(
            (
                at_least("stagger.first_to_second_days", self.first_to_second_days, 0),
                at_least("stagger.between_days", self.between_days, 0),
            )
        )


@attrs.frozen(kw_only=True)
class Stopping:
    """The events that suspend the trial until people decide."""

    related_grade_5: bool = True
    """Whether a death related to the infusion, at any time, suspends recruitment and infusions."""


@attrs.frozen(kw_only=True)
class Grant:
    """The use cases that a role may use."""

    role: Role
    use_cases: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        """Refuse a blank use case."""
        refuse((unless(all(map(has_visible, self.use_cases)), f"role {self.role.value} names a blank use case"),))


@attrs.frozen(kw_only=True)
class TrialProtocol:
    """A version of the protocol. It is stored in the log, so that a replay needs nothing else.

    Raises:
        ProtocolInvalid: the protocol is invalid; the error lists all faults.
    """

    __repr__ = in_short

    trial: str
    title: str
    version: str
    source: str | None = None
    """The document of the protocol, such as a registry entry; findings name it as the source of a requirement."""
    levels: tuple[DoseLevel, ...]
    zone: str | None = None
    """The site's IANA time zone; None if it is unknown: dates are then used as they are written. With ``sites``, it is
    the zone in which the days of the trial itself are counted, by default that of the first site."""
    sites: tuple[Site, ...] = ()
    """The sites, if there are several: the consent names the participant's, and their days are those of its zone."""
    design: DesignSpec | None = DEFAULT_DESIGN
    target_recruitment: int | None = None
    """The target number of infused participants; exceeding it gives a warning, never a refusal."""
    max_infused: int | None = None
    """The maximum number of infused participants; beyond it, enrollment is refused."""
    open_levels_max: int = 1
    administrations: int | None = 1
    """The number of infusions of one participant; None if the protocol does not state it. With a design it is 1."""
    dose_tolerance: Decimal = Decimal("0.10")
    """The relative deviation from a level's dose up to which an amount belongs to the level (**choice**)."""
    tally_by: TallyBy = TallyBy.RECEIVED
    grading: Scale = attrs.field(default=CTCAE_5_0, converter=scale_of)
    """The scale of an adverse event whose report names none; a text such as "CTCAE 4.03" is converted."""
    dlt: DltRule | None = DltRule()
    evaluable: EvaluableRule = EvaluableRule()
    stagger: Stagger = Stagger()
    stopping: Stopping = Stopping()
    criteria: tuple[Criterion, ...] = ()
    findings: tuple[str, ...] = ()
    """The names of further findings that the criteria test; a name that neither this list nor this library has is
    refused."""
    concurrent_agents_excluded: tuple[str, ...] = ("cytarabine",)
    """Agents of the planned consolidation; they do not count as concurrent agents that inhibit cell division."""
    screening_validity_days: int = 28
    """The maximum age in days of a laboratory value on the day of enrollment (**choice**)."""
    endpoints: EndpointRules = attrs.Factory(EndpointRules)
    roles: tuple[Grant, ...] = ()
    """The use cases of each role; empty if the embedding service controls access."""

    def __attrs_post_init__(self) -> None:
        """Refuse an invalid protocol."""
        refuse(_faults(self))

    @property
    def site_zone(self) -> tzinfo:
        """The zone in which the days of the trial are counted; UTC if it is unknown."""
        return self.zone_at(None)

    def zone_at(self, site: str | None) -> tzinfo:
        """Return the zone in which the days of a site's participants are counted; UTC if it is unknown.

        Args:
            site: the code of the site; None, or a code that this version does not have, for the trial itself.
        """
        named = self.zone_name(site)
        return ZoneInfo(named) if named else UTC

    def zone_name(self, site: str | None) -> str | None:
        """Return the name of that zone; None if it is unknown."""
        found = next((one.zone for one in self.sites if one.id == site), None)
        return found or self.zone or next((one.zone for one in self.sites), None)

    @property
    def watches_contacts(self) -> bool:
        """Whether a rule asks for the last contact with a participant."""
        sentinel = self.stagger.sentinel
        return sentinel is not None and SentinelRequirement.OBSERVED in sentinel.requires

    @property
    def counts_cytopenias(self) -> bool:
        """Whether laboratory results can make a DLT."""
        return self.dlt is not None and (self.dlt.cytopenia is not None or bool(self.dlt.count_rows))

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels of the levels, in the order of escalation."""
        return tuple(level.label for level in self.levels)

    def has_level(self, label: Label) -> bool:
        """Return whether a level has this label."""
        return label in self.labels

    def level(self, label: Label) -> DoseLevel:
        """Return the dose level with a label.

        Raises:
            KeyError: no level has it.
        """
        for level in self.levels:
            if level.label == label:
                return level
        raise KeyError(label)

    def in_order(self, label: Label) -> tuple[int, str]:
        """Return a sort key: the place of a level; levels that this version does not have come last."""
        return (self.place(label) if self.has_level(label) else len(self.levels) + 1, str(label))

    def place(self, label: Label) -> int:
        """Return the place of a level in the order of escalation, from 1.

        Raises:
            KeyError: no level has this label.
        """
        return self.level(label).level


def _faults(protocol: TrialProtocol) -> Iterator[str | None]:
    try:
        check_id("trial", protocol.trial)
    except CodeInvalid as error:
        yield str(error)
    yield unless(has_visible(protocol.title), "title has no visible character")
    yield unless(has_visible(protocol.version), "version has no visible character")
    source: object = protocol.source
    yield unless(source is None or has_visible(source), "source must be a text with a visible character, or None")
    numbers = [level.level for level in protocol.levels]
    yield unless(
        numbers == list(range(1, len(numbers) + 1)) and 0 < len(numbers) <= MOST_LEVELS,
        f"levels must be numbered from 1 to at most {MOST_LEVELS} without a gap, got {numbers[: MOST_LEVELS + 1]}",
    )
    for label, count in Counter(protocol.labels).items():
        yield unless(count == 1, f"the label {label} is that of {count} levels: give each level its own")
    yield from _dose_faults(protocol)
    yield from site_faults(protocol.sites)
    yield unless(is_known_zone(protocol.zone), f"zone {protocol.zone!r} is not in the IANA time zone database")
    for name, least in (("target_recruitment", 1), ("max_infused", 1)):
        value = getattr(protocol, name)
        yield None if value is None else at_least(name, value, least)
    yield _administrations_fault(protocol)
    yield unless(protocol.open_levels_max == 1, "open_levels_max must be 1: a design treats at one level at a time")
    yield at_least("screening_validity_days", protocol.screening_validity_days, 0)
    share = protocol.dose_tolerance
    yield unless(is_bounded(share) and 0 <= share < 1, f"dose_tolerance must be at least 0 and below 1, got {share}")
    yield None if protocol.design is None else protocol.design.unfit(len(protocol.levels))
    yield unless(
        protocol.design is None or is_known(protocol.design), "design must be one of the known ones, under its own name"
    )
    yield unless(protocol.design is None or protocol.dlt is not None, "a design needs a dlt rule to count by")
    yield unless(
        protocol.design is not None or protocol.stagger.sentinel is None,
        "stagger.sentinel needs a design: after a DLT of the sentinel, people decide by it",
    )
    yield from _grading_faults(protocol)
    yield _window_fault(protocol)
    yield from unknown_findings(protocol.criteria, named=protocol.findings)
    known = {criterion.id for criterion in protocol.criteria}
    for one in protocol.criteria:
        yield unless(
            one.contradicts is None or one.contradicts in known, f"criterion {one.id} contradicts an unknown one"
        )
    yield from contradictory_criteria(protocol.criteria)
    for criterion, count in Counter(criterion.id for criterion in protocol.criteria).items():
        yield unless(count == 1, f"criterion {criterion} is listed {count} times")


def _window_fault(protocol: TrialProtocol) -> str | None:
    """Return a fault for a DLT window that is longer than the protocol observes its participants.

    They are observed for the endpoints: to the end of the window, or of the longest period of the safety summary.
    """
    if protocol.dlt is None:
        return None
    observed = max(protocol.endpoints.window_days, *protocol.endpoints.safety_days)
    return unless(
        protocol.dlt.window_days <= observed,
        f"dlt.window_days is {protocol.dlt.window_days}, and participants are observed for {observed} days "
        f"(endpoints.safety_days, endpoints.window_days): shorten the one, or lengthen the other",
    )


def _grading_faults(protocol: TrialProtocol) -> Iterator[str | None]:
    """Yield a fault for each row of the DLT rule whose lowest grade is above every grade of the protocol's scale."""
    if protocol.dlt is None:
        return
    scale = protocol.grading
    for number, row in enumerate(protocol.dlt.rows, start=1):
        place = f"dlt.criteria[{number}].min_grade" if number <= len(protocol.dlt.criteria) else "dlt.min_grade"
        yield unless(
            row.min_grade <= scale.grades[-1],
            f"{place} is {row.min_grade}, but grading {scale} has {scale.grades_text}: lower it",
        )


def _administrations_fault(protocol: TrialProtocol) -> str | None:
    """Return a fault for an invalid number of administrations, or for more than one with a design.

    The rules of a design are for a first infusion. With more, stagger, level in turn, slot and window would apply to
    each of them.
    """
    number = protocol.administrations
    if number is not None and (fault := at_least("administrations", number, 1)):
        return fault
    return unless(
        protocol.design is None or number == 1,
        f"administrations must be 1 where there is a design, got {'none' if number is None else number}: its rules for "
        f"a first infusion (stagger, level in turn, slot, window) would be applied to each one; leave out the design, "
        f"or infuse once",
    )


def _dose_faults(protocol: TrialProtocol) -> Iterator[str | None]:
    doses = [level.dose for level in protocol.levels if level.dose is not None]
    yield unless(len(doses) in {0, len(protocol.levels)}, "some levels have a dose, and others none")
    per = {dose.per for dose in doses}
    yield unless(len(per) <= 1, "the doses of the levels must all be in all, or all per kg, or all per m2")
    amounts = [amount for dose in doses if (amount := dose.amount_in(doses[0])) is not None]
    alike = len(amounts) == len(doses)
    yield unless(alike, "the doses of the levels have units of different kinds, which cannot be compared")
    rise = amounts == sorted(set(amounts))
    yield unless(rise or not alike or len(per) > 1, "the doses must rise from level to level")
