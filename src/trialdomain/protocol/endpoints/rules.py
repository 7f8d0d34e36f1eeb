"""The endpoints that a protocol derives, and the parameters that they share.

Each default names its source: CTCAE v5.0; the CIBMTR forms manual; Ciftciler 2020; IDSA 2002; or **choice**, a decision
of this library with no published default.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs

from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import FAMILIES, EventDuration, EventGroup, EventIncidence, is_known
from trialdomain.protocol.endpoints.parts import (
    Anchor,
    DeathAs,
    FebrileNeutropenia,
    IntentCounted,
    Recovery,
    atc_faults,
    below_zero,
    grade_fault,
)
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS
from trialdomain.protocol.faults import ProtocolInvalid, at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.treatment import BloodProduct
from trialdomain.values.given.in_short import in_short
from trialdomain.values.number import is_bounded

_FEBRILE_NEUTROPENIA = FebrileNeutropenia()
_NEUTROPHILS = Recovery(threshold=Decimal("0.5"))
_PLATELETS = Recovery(threshold=Decimal(50), transfusion_free_days=7)
_HEMOGLOBIN = Recovery(threshold=Decimal(80), transfusion_free_days=7)


@attrs.frozen(kw_only=True)
class EndpointRules:
    """The endpoints that a protocol derives, and the parameters that they share.

    An endpoint may override a shared parameter with its own value.
    """

    __repr__ = in_short

    derived: tuple[Endpoint, ...] = STANDARD_ENDPOINTS
    """The endpoints, in the order of tables."""

    anchor: Anchor = Anchor.CHEMOTHERAPY
    window_days: int = 42
    """Elapsed days from the start of chemotherapy (registry)."""
    safety_days: tuple[int, ...] = (28, 365)
    """Elapsed days from the infusion (registry: 28 days and 1 year; 365 days is a **choice**)."""
    max_gap_days: int = 7
    """The maximum days between consecutive values (**choice**)."""
    baseline_days: int = 7
    """The maximum days before the start at which a value may be the baseline (**choice**)."""
    include_prevalent: bool = False
    death: DeathAs = DeathAs.COMPETING
    confirm_after_window: bool = True
    febrile_neutropenia: FebrileNeutropenia = _FEBRILE_NEUTROPENIA
    infection_min_grade: int = 1
    bleeding_min_grade: int = 1
    neutrophils: Recovery = _NEUTROPHILS
    """In 10*9/L (CIBMTR; Ciftciler 2020)."""
    platelets: Recovery = _PLATELETS
    """In 10*9/L (CTCAE v5.0 grade 3; CIBMTR)."""
    hemoglobin: Recovery = _HEMOGLOBIN
    """In g/L (CTCAE v5.0 grade 3; the rest by analogy: **choice**)."""
    hemoglobin_mmol: Decimal | None = Decimal("4.9")
    """The same threshold in mmol/L as in CTCAE v5.0, not converted; None: results in mmol/L are not used."""
    anti_infective_classes: tuple[str, ...] = ("J01", "J02", "J04", "J05", "P01")
    """ATC groups (**choice**)."""
    local_routes: tuple[str, ...] = (
        *("topical", "cutaneous", "ophthalmic", "otic", "auricular (otic)", "nasal", "inhalation"),
        *("respiratory (inhalation)", "vaginal", "dental", "oropharyngeal", "mouthwash"),
    )
    """The local routes; by every other route, an agent is systemic (**choice**)."""
    anti_infective_intent: IntentCounted = IntentCounted.ANY

    def __attrs_post_init__(self) -> None:
        """Refuse invalid windows and grades."""
        refuse(faults_of(self.checks()))
        refuse(_endpoint_faults(self))

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the windows, the grades and the classes; those of the endpoints come after them."""
        return (
            lambda: at_least("window_days", self.window_days, 1),
            lambda: _days_faults(self.safety_days),
            lambda: at_least("max_gap_days", self.max_gap_days, 1),
            lambda: at_least("baseline_days", self.baseline_days, 0),
            lambda: grade_fault("infection_min_grade", self.infection_min_grade),
            lambda: grade_fault("bleeding_min_grade", self.bleeding_min_grade),
            lambda: atc_faults("anti_infective_classes", self.anti_infective_classes),
            lambda: _mmol_fault(self.hemoglobin, self.hemoglobin_mmol),
        )

    def recovery(self, count: Count) -> Recovery:
        """Return the rule of a count.

        Raises:
            KeyError: leukocytes have no rule.
        """
        return {
            Count.NEUTROPHILS: self.neutrophils,
            Count.PLATELETS: self.platelets,
            Count.HEMOGLOBIN: self.hemoglobin,
        }[count]

    def min_grade(self, endpoint: EventIncidence | EventDuration) -> int:
        """Return the grade that an event must have reached: that of the endpoint, or of its group, or 1.

        Call it on the rules of the endpoint (:meth:`of`).
        """
        match endpoint.group:
            case None:
                return endpoint.min_grade or 1
            case EventGroup.INFECTION:
                return self.infection_min_grade
            case EventGroup.BLEEDING:
                return self.bleeding_min_grade

    def endpoint(self, name: str) -> Endpoint | None:
        """Return the endpoint with a code, ignoring case; None if the protocol does not have it."""
        wanted = name.strip().casefold()
        return next((one for one in self.derived if one.id.casefold() == wanted), None)

    def of(self, endpoint: Endpoint) -> "EndpointRules":
        """Return the parameters of one endpoint: the shared ones, overridden by its own.

        Without own parameters, this returns ``self``.

        Raises:
            ProtocolInvalid: its own parameters contradict the shared ones.
        """
        own = endpoint.own
        return with_values(attrs.evolve(self, derived=()), own) if own else self


RAISED_BY: Mapping[Count, BloodProduct] = {
    Count.PLATELETS: BloodProduct.PLATELETS,
    Count.HEMOGLOBIN: BloodProduct.RED_CELLS,
}
"""By count: the product whose transfusion raises it."""


def with_values(rules: EndpointRules, values: Mapping[str, object]) -> EndpointRules:
    """Change several parameters at once, by names such as ``platelets.threshold``."""
    changed: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for part in dict.fromkeys(name.partition(".")[0] for name in values if "." in name):
        inner: dict[str, Any] = {
            name.partition(".")[2]: value for name, value in values.items() if name.startswith(f"{part}.")
        }
        changed[part] = attrs.evolve(changed.get(part, getattr(rules, part)), **inner)
    return attrs.evolve(rules, **changed)


def _days_faults(days: object) -> Iterator[str | None]:
    if not isinstance(days, tuple):
        yield f"safety_days must be a tuple of days, got {type(days).__name__}"
        return
    faults = [at_least("safety_days", number, 1) for number in days]
    yield from faults
    if not any(faults):
        rising = bool(days) and list(days) == sorted(set(days))
        yield unless(rising, "safety_days must name some days, each larger than the one before")


def _endpoint_faults(rules: EndpointRules) -> Iterator[str | None]:
    given: object = rules.derived
    if not isinstance(given, tuple):
        yield f"derived must be a tuple of endpoints, got {type(given).__name__}"
        return
    for one in rules.derived:
        if not is_known(one) or FAMILIES.get(one.family) is not type(one):
            yield f"derived must name endpoints of the known families, got {type(one).__name__}"
            return
        faults = [fault for fault in one.faults() if fault is not None]
        yield from faults
        if faults:
            continue
        try:
            rules.of(one)
        except ProtocolInvalid as error:
            yield from (f"endpoint {one.id}: {fault}" for fault in error.faults)
        except (TypeError, ArithmeticError, AttributeError) as error:
            yield f"endpoint {one.id} has a number of a wrong kind: {error}"
    for code, count in Counter(str(one.id).casefold() for one in rules.derived).items():
        named = [str(one.id) for one in rules.derived if str(one.id).casefold() == code]
        yield unless(count == 1, f"endpoint {named[-1]} is listed {count} times: codes must differ in more than case")


_GRAMS_PER_MMOL = Decimal("16.114")
"""Grams per mmol of the hemoglobin monomer."""
_MMOL_TOLERANCE = Decimal("0.03")
"""The tolerance of the conversion; CTCAE's own pair, 80 g/L and 4.9 mmol/L, differs by 1.3 %."""


def _mmol_fault(hemoglobin: Recovery, mmol: Decimal | None) -> str | None:
    """Return a fault if the thresholds in mmol/L and in g/L differ: results would be judged by two standards."""
    if mmol is None:
        return None
    fault = below_zero("hemoglobin_mmol", mmol)
    if fault is not None:
        return fault
    if not is_bounded(hemoglobin.threshold):
        return None
    grams = mmol * _GRAMS_PER_MMOL
    return unless(
        abs(grams - hemoglobin.threshold) <= _MMOL_TOLERANCE * hemoglobin.threshold,
        f"hemoglobin_mmol {mmol} is not the threshold of {hemoglobin.threshold} g/L: give the one in mmol/L, or none",
    )
