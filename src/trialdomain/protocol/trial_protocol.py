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
    SentinelRequirement,
    Stagger,
    Stopping,
)
from trialdomain.protocol.criteria import Criterion, unknown_findings
from trialdomain.protocol.criteria import contradictions as contradictory_criteria
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS, DesignSpec, is_known
from trialdomain.protocol.dlt_rule import DEFAULT_DLT, DltRule
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.protocol.sites import Site, is_known_zone, site_faults
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale, scale_of
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
    yield from _label_faults(protocol.labels)
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
    yield unless(_is_tolerance(share), f"dose_tolerance must be at least 0 and below 1, got {share}")
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


def _label_faults(labels: Sequence[Label]) -> Iterator[str | None]:
    """Yield a fault for each label that two levels have, that differs from another in case alone, or that misleads."""
    found = Counter(labels)
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
    for below, above in pairwise(label for label in labels if isinstance(label, int)):
        yield unless(
            below <= above,
            f"level {above} is above level {below} in the order of escalation, and a reader takes {below} for the "
            f"higher dose: give the levels numbers that rise, or names such as {below}a",
        )


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
    for number, row in enumerate(rule.criteria, start=1):
        yield f"dlt.criteria[{number}]", row.min_grade
        if row.together_with is not None:
            yield f"dlt.criteria[{number}].together_with", row.together_with.min_grade
    if rule.min_grade is not None:
        yield "dlt", rule.min_grade


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
    if len(doses) == len(protocol.levels) and len(per) == 1 and alike and rise:
        yield from _tolerance_faults(protocol, amounts)


def _tolerance_faults(protocol: TrialProtocol, amounts: Sequence[Fraction]) -> Iterator[str | None]:
    """Yield a fault for each level whose amounts, with the tolerance, reach those of the level above it.

    Both ends of the range of a level belong to it, so two levels with doses a and b meet at (b - a) / (b + a).
    """
    if not _is_tolerance(protocol.dose_tolerance):
        return
    for (one, other), (low, high) in zip(pairwise(protocol.levels), pairwise(amounts), strict=True):
        limit = (high - low) / (high + low)
        yield unless(
            Fraction(protocol.dose_tolerance) < limit,
            f"dose_tolerance is {protocol.dose_tolerance}, so that an amount could belong to both of level {one.label} "
            f"({one.dose}) and level {other.label} ({other.dose}): it must be below {limit}",
        )


def _is_tolerance(share: Decimal) -> bool:
    return is_bounded(share) and 0 <= share < 1
