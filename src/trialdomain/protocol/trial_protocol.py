"""The parameters of a trial protocol, with the source of each default.

If the registry entry (NCT06245746) is silent, the default is a choice of this library, marked as **choice**.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import attrs

from trialdomain.protocol.conduct_rules import (
    DEFAULT_EVALUABLE,
    DEFAULT_STOPPING,
    NO_STAGGER,
    EvaluableRule,
    Grant,
    Stagger,
    Stopping,
)
from trialdomain.protocol.criteria import Criterion, unknown_findings
from trialdomain.protocol.criteria import contradictions as contradictory_criteria
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS, DesignSpec, is_known
from trialdomain.protocol.designs.spec import optional_number_fault
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import DEFAULT_DLT, DltRule
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having, is_sound, is_whole
from trialdomain.protocol.sites import Site, is_known_zone, site_faults
from trialdomain.values.clinical.level import Label, is_label
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale, scale_of
from trialdomain.values.clinical.toxicity import GRADES
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import has_visible
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.number import is_bounded
from trialdomain.values.word import Word


class TallyBy(Word):
    """The dose level at which an infused participant is counted."""

    RECEIVED = "received"
    ASSIGNED = "assigned"


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
    dlt: DltRule | None = DEFAULT_DLT
    evaluable: EvaluableRule = DEFAULT_EVALUABLE
    stagger: Stagger = NO_STAGGER
    stopping: Stopping = DEFAULT_STOPPING
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
        refuse(faults_of(self.checks()))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the protocol."""
        return _checks(self)

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
    def counts_cytopenias(self) -> bool:
        """Whether laboratory results can make a DLT."""
        return self.dlt is not None and (self.dlt.cytopenia is not None or bool(self.dlt.count_rows))

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels of the levels, in the order of escalation."""
        return tuple(level.label for level in self.levels)

    @property
    def start_label(self) -> Label | None:
        """The label of the level at which the design begins; None without a design."""
        design = self.design
        return self.labels[design.start_level - 1] if design is not None and is_known(design) else None

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


def _checks(protocol: TrialProtocol) -> tuple[Check, ...]:
    return (
        lambda: _code_fault(protocol.trial),
        lambda: unless(has_visible(protocol.title), "title has no visible character"),
        lambda: unless(has_visible(protocol.version), "version has no visible character"),
        lambda: _source_fault(protocol.source),
        lambda: _number_fault([level.level for level in protocol.levels]),
        lambda: _label_faults([level.label for level in having(protocol.levels, "label")]),
        lambda: _dose_faults(protocol.levels),
        lambda: _tolerance_faults(protocol.levels, protocol.dose_tolerance),
        lambda: site_faults(protocol.sites),
        lambda: unless(is_known_zone(protocol.zone), f"zone {protocol.zone!r} is not in the IANA time zone database"),
        lambda: optional_number_fault("target_recruitment", protocol.target_recruitment),
        lambda: optional_number_fault("max_infused", protocol.max_infused),
        lambda: _administrations_fault(protocol),
        lambda: unless(
            protocol.open_levels_max == 1, "open_levels_max must be 1: a design treats at one level at a time"
        ),
        lambda: at_least("screening_validity_days", protocol.screening_validity_days, 0),
        lambda: unless(
            _is_tolerance(protocol.dose_tolerance),
            f"dose_tolerance must be at least 0 and below 1, got {protocol.dose_tolerance}",
        ),
        lambda: _design_fault(protocol.design, len(protocol.levels)),
        lambda: unless(
            protocol.design is None or is_known(protocol.design),
            "design must be one of the known ones, under its own name",
        ),
        lambda: unless(protocol.design is None or protocol.dlt is not None, "a design needs a dlt rule to count by"),
        lambda: unless(
            protocol.design is not None or protocol.stagger.sentinel is None,
            "stagger.sentinel needs a design: after a DLT of the sentinel, people decide by it",
        ),
        lambda: _grading_faults(protocol),
        lambda: _window_fault(protocol),
        lambda: unknown_findings(protocol.criteria, named=protocol.findings),
        lambda: _unknown_criteria(protocol.criteria),
        lambda: contradictory_criteria(protocol.criteria),
        lambda: _criteria_twice(protocol.criteria),
    )


def _code_fault(trial: str) -> str | None:
    try:
        check_id("trial", trial)
    except CodeInvalid as error:
        return f"trial: {error}"
    return None


def _source_fault(source: object) -> str | None:
    return unless(source is None or has_visible(source), "source must be a text with a visible character, or None")


def _number_fault(numbers: Sequence[int]) -> str | None:
    return unless(
        list(numbers) == list(range(1, len(numbers) + 1)) and 0 < len(numbers) <= MOST_LEVELS,
        f"levels must be numbered from 1 to at most {MOST_LEVELS} without a gap, got {numbers[: MOST_LEVELS + 1]}",
    )


def _design_fault(design: DesignSpec | None, levels: int) -> str | None:
    """Return why a design does not fit the levels; None without any level, which is a fault of its own."""
    return None if design is None or not levels else design.unfit(levels)


def _unknown_criteria(criteria: Sequence[Criterion]) -> Iterator[str | None]:
    known = {criterion.id for criterion in criteria}
    for one in having(criteria, "contradicts"):
        yield unless(
            one.contradicts is None or one.contradicts in known, f"criterion {one.id} contradicts an unknown one"
        )


def _criteria_twice(criteria: Sequence[Criterion]) -> Iterator[str | None]:
    for criterion, count in Counter(one.id for one in having(criteria, "id")).items():
        yield unless(count == 1, f"criterion {criterion} is listed {count} times")


def _label_faults(labels: Sequence[Label]) -> Iterator[str | None]:
    """Yield a fault for each label that two levels have, that differs from another in case alone, or that misleads."""
    found = Counter(label for label in labels if is_label(label))
    for label, count in found.items():
        yield unless(count == 1, f"the label {label} is that of {count} levels: give each level its own")
    alike: dict[str, list[str]] = {}
    for one in map(str, found):
        alike.setdefault(one.casefold(), []).append(one)
    for written in alike.values():
        yield unless(
            len(written) == 1,
            f"the labels {' and '.join(written)} differ only in case: give each level a label that nobody takes for "
            "another's",
        )
    for below, above in pairwise(label for label in found if isinstance(label, int)):
        yield unless(
            below <= above,
            f"level {above} is above level {below} in the order of escalation, and a reader takes {below} for the "
            f"higher dose: give the levels numbers that rise, or names such as {below}a",
        )


def _window_fault(protocol: TrialProtocol) -> str | None:
    """Return a fault for a DLT window that is longer than the protocol observes its participants.

    They are observed for the endpoints: to the end of the window, or of the longest period of the safety summary.
    """
    if protocol.dlt is None or at_least("", protocol.dlt.window_days, 0) or not is_sound(protocol.endpoints):
        return None
    observed = max(protocol.endpoints.window_days, *protocol.endpoints.safety_days)
    return unless(
        protocol.dlt.window_days <= observed,
        f"dlt.window_days is {protocol.dlt.window_days}, and participants are observed for {observed} days "
        f"(endpoints.safety_days, endpoints.window_days): shorten the one, or lengthen the other",
    )


def _grading_faults(protocol: TrialProtocol) -> Iterator[str | None]:
    """Yield a fault for each lowest grade of the DLT rule that is above every grade of the protocol's scale."""
    if protocol.dlt is None:
        return
    scale = protocol.grading
    for place, grade in _lowest_grades(protocol.dlt):
        yield unless(
            grade <= scale.grades[-1],
            f"{place}.min_grade is {grade}, but grading {scale} has {scale.grades_text}: lower it",
        )


def _lowest_grades(rule: DltRule) -> Iterator[tuple[str, int]]:
    """Yield the lowest grade of each row and of each companion, with its place."""
    placed: list[tuple[str, DltRule | DltCriterion | DltCompanion]] = []
    for number, row in enumerate(rule.criteria if having([rule], "criteria") else (), start=1):
        placed.append((f"dlt.criteria[{number}]", row))
        if having([row], "together_with") and row.together_with is not None:
            placed.append((f"dlt.criteria[{number}].together_with", row.together_with))
    placed.append(("dlt", rule))
    for place, one in placed:
        grade = one.min_grade if having([one], "min_grade") else None
        if grade is not None and grade in GRADES:
            yield place, grade


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


def _dose_faults(levels: Sequence[DoseLevel]) -> Iterator[str | None]:
    given = [level.dose for level in having(levels, "dose")]
    some = [dose for dose in given if dose is not None]
    yield unless(len(some) in {0, len(given)}, "some levels have a dose, and others none")
    doses = [dose for dose in some if is_whole(dose)]
    per = {dose.per for dose in doses}
    yield unless(len(per) <= 1, "the doses of the levels must all be in all, or all per kg, or all per m2")
    amounts = [amount for dose in doses if (amount := dose.amount_in(doses[0])) is not None]
    alike = len(amounts) == len(doses)
    yield unless(alike, "the doses of the levels have units of different kinds, which cannot be compared")
    rise = amounts == sorted(set(amounts))
    yield unless(rise or not alike or len(per) > 1, "the doses must rise from level to level")


def _tolerance_faults(levels: Sequence[DoseLevel], tolerance: Decimal) -> Iterator[str | None]:
    """Yield a fault for each level whose own dose could belong to the level above or below it.

    Amounts between two close doses may belong to both: then the level that is meant counts, or else the lowest. But the
    dose of a level is no dose of another: with doses a < b the tolerance is below (b - a) / b.
    """
    if not _is_tolerance(tolerance):
        return
    for one, other in pairwise(levels):
        if not is_whole(one) or not is_whole(other) or one.dose is None or other.dose is None:
            continue
        low, high = Fraction(one.dose.amount), other.dose.amount_in(one.dose)
        if high is None or high <= low or one.dose.per is not other.dose.per:
            continue  # a fault of its own
        limit = (high - low) / high
        yield unless(
            Fraction(tolerance) < limit,
            f"dose_tolerance is {tolerance}, so that the dose of level {one.label} ({one.dose}) could belong to level "
            f"{other.label} ({other.dose}): it must be below {limit}",
        )


def _is_tolerance(share: Decimal) -> bool:
    return is_bounded(share) and 0 <= share < 1
