"""The families of endpoints: what can be derived, and by which parameters.

A protocol has as many endpoints of a family as it likes: recovery of platelets at 20 beside the one at 50.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal, TypeAlias

import attrs
from typing_extensions import TypeIs, override

from trialdomain.protocol.endpoints.endpoint import Described, Endpoint, Kind, is_texts
from trialdomain.protocol.endpoints.parts import (
    Anchor,
    FebrileNeutropenia,
    IntentCounted,
    RecoveryAnchor,
    atc_faults,
)
from trialdomain.protocol.faults import unless
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.toxicity import GRADES
from trialdomain.values.clinical.treatment import BloodProduct
from trialdomain.values.word import Word


@attrs.frozen(kw_only=True)
class Windowed(Described):
    """An endpoint of the observation that begins with chemotherapy, or with the infusion."""

    anchor: Anchor | None = None
    """What day 0 is."""
    window_days: int | None = None
    """Elapsed days from day 0."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {"anchor": "anchor", "window_days": "window_days"}


class EventGroup(Word):
    """A group of CTCAE terms."""

    INFECTION = "infection"
    """The class "Infections and infestations" (88 terms)."""
    BLEEDING = "bleeding"
    """The 46 terms that name a bleeding (**choice**)."""


@attrs.frozen(kw_only=True)
class _OfEvents(Windowed):
    group: EventGroup | None = None
    """A group of terms; else ``terms``."""
    terms: tuple[str, ...] = ()
    """CTCAE terms, whatever their capitals."""
    min_grade: int | None = None
    """The grade that an event must have reached; None: that of the protocol for the group, else 1."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {**super().places, **({} if self.group is None else {"min_grade": f"{self.group.value}_min_grade"})}

    @override
    def faults(self) -> Iterator[str | None]:
        yield from super().faults()
        group: object = self.group
        yield unless(group is None or isinstance(group, EventGroup), f"endpoint {self.id}: group must be an EventGroup")
        yield unless((group is None) == bool(self.terms), f"endpoint {self.id} must name a group, or terms")
        yield unless(
            self.min_grade is None or self.min_grade in GRADES, f"endpoint {self.id}: min_grade is from 1 to 5"
        )
        yield unless(is_texts(self.terms), f"endpoint {self.id}: terms must be a tuple of texts, none of them blank")


@attrs.frozen(kw_only=True)
class EventIncidence(_OfEvents):
    """Whether an adverse event of some terms began in the observation."""

    kind = Kind.INCIDENCE
    family: Literal["event-incidence"] = "event-incidence"


@attrs.frozen(kw_only=True)
class EventDuration(_OfEvents):
    """Days on which an adverse event of some terms, with an onset in the observation, was under way."""

    kind = Kind.DURATION
    family: Literal["event-duration"] = "event-duration"


@attrs.frozen(kw_only=True)
class _Febrile(Windowed):
    rule: FebrileNeutropenia | None = None
    """When a day is one of febrile neutropenia."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {**super().places, "rule": "febrile_neutropenia"}


@attrs.frozen(kw_only=True)
class FebrileNeutropeniaIncidence(_Febrile):
    """Whether febrile neutropenia began in the observation: derived, reported, or either."""

    kind = Kind.INCIDENCE
    family: Literal["febrile-neutropenia-incidence"] = "febrile-neutropenia-incidence"


@attrs.frozen(kw_only=True)
class FebrileNeutropeniaDuration(_Febrile):
    """Days of febrile neutropenia."""

    kind = Kind.DURATION
    family: Literal["febrile-neutropenia-duration"] = "febrile-neutropenia-duration"


@attrs.frozen(kw_only=True)
class _OfCount(Windowed):
    count: Count
    """Neutrophils, platelets or hemoglobin."""
    threshold: Decimal | None = None
    """Below it the count is severe; in 10*9/L, of hemoglobin in g/L."""
    threshold_mmol: Decimal | None = None
    """Of hemoglobin: the same threshold in mmol/L; results in mmol/L are not used where only ``threshold`` is given."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        of_count = {"threshold": f"{self.count.value}.threshold"}
        if self.count is Count.HEMOGLOBIN and self.threshold is not None:
            of_count["threshold_mmol"] = "hemoglobin_mmol"
        return {**super().places, **of_count}

    @property
    @override
    def own(self) -> Mapping[str, object]:
        given = dict(super().own)
        if self.threshold is not None:  # what is derived from the protocol's own threshold does not go with another one
            given = {f"{self.count.value}.recovered_from": None} | given
            if self.count is Count.HEMOGLOBIN:
                given["hemoglobin_mmol"] = self.threshold_mmol
        return given

    @override
    def faults(self) -> Iterator[str | None]:
        yield from super().faults()
        count: object = self.count
        yield unless(
            isinstance(count, Count) and count is not Count.LEUKOCYTES,
            f"endpoint {self.id}: count must be neutrophils, platelets or hemoglobin",
        )
        yield unless(
            self.threshold_mmol is None or (self.count is Count.HEMOGLOBIN and self.threshold is not None),
            f"endpoint {self.id}: threshold_mmol goes with a threshold of hemoglobin",
        )


@attrs.frozen(kw_only=True)
class LowCount(_OfCount):
    """Whether a count was severe in the observation."""

    kind = Kind.INCIDENCE
    family: Literal["low-count"] = "low-count"


@attrs.frozen(kw_only=True)
class CountRecovery(_OfCount):
    """Days to the recovery of a count: the first of some consecutive values at or above a threshold."""

    kind = Kind.TIME
    family: Literal["count-recovery"] = "count-recovery"
    recovered_from: Decimal | None = None
    """At or above it a value counts towards recovery; None: the threshold where that is given, else the protocol's."""
    consecutive: int | None = None
    """Values on different days that were measured one after another."""
    recovery_anchor: RecoveryAnchor | None = None
    """After which severe value recovery is looked for."""
    transfusion_free_days: int | None = None
    """Elapsed days that each value must lie after the last transfusion of its product."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        own = {
            "recovered_from": "recovered_from",
            "consecutive": "consecutive",
            "recovery_anchor": "anchor",
            "transfusion_free_days": "transfusion_free_days",
        }
        return {**super().places, **{name: f"{self.count.value}.{of_rules}" for name, of_rules in own.items()}}

    @override
    def faults(self) -> Iterator[str | None]:
        yield from super().faults()
        yield unless(
            self.count is not Count.NEUTROPHILS or not self.transfusion_free_days,
            f"endpoint {self.id}: no transfusion raises neutrophils: leave transfusion_free_days out",
        )


def are_products(given: object) -> bool:
    """Return whether something is a tuple of different products."""
    if not isinstance(given, tuple) or not given:
        return False
    return all(isinstance(one, BloodProduct) for one in given) and len(set(given)) == len(given)


@attrs.frozen(kw_only=True)
class TransfusionRate(Windowed):
    """Whether a blood product was transfused in the observation."""

    kind = Kind.INCIDENCE
    family: Literal["transfusion"] = "transfusion"
    products: tuple[BloodProduct, ...] = (BloodProduct.RED_CELLS, BloodProduct.PLATELETS)
    """Those that count."""

    @override
    def faults(self) -> Iterator[str | None]:
        yield from super().faults()
        yield unless(are_products(self.products), f"endpoint {self.id} must name some products, each once, as a tuple")


@attrs.frozen(kw_only=True)
class AntiInfectiveRate(Windowed):
    """Whether a systemic anti-infective agent was given on any day of the observation."""

    kind = Kind.INCIDENCE
    family: Literal["anti-infective"] = "anti-infective"
    classes: tuple[str, ...] | None = None
    """ATC groups, such as ``J02``."""
    intent: IntentCounted | None = None
    """Which agents count."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {**super().places, "classes": "anti_infective_classes", "intent": "anti_infective_intent"}

    @override
    def faults(self) -> Iterator[str | None]:
        yield from super().faults()
        classes = self.classes
        yield unless(classes is None or bool(classes), f"endpoint {self.id} must name some ATC groups, such as J01")
        yield from (f"endpoint {self.id}: {fault}" for fault in atc_faults("classes", classes or ()))


@attrs.frozen(kw_only=True)
class SafetyIncidence(Described):
    """Whether there was an adverse event, and a serious one, from the infusion to some days after it."""

    kind = Kind.INCIDENCE
    family: Literal["safety-incidence"] = "safety-incidence"
    days: tuple[int, ...] | None = None
    """Elapsed days from the infusion, rising."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {"days": "safety_days"}


@attrs.frozen(kw_only=True)
class DltIncidence(Described):
    """Whether there was a dose-limiting toxicity, of those evaluable: by the protocol's DLT rule."""

    kind = Kind.INCIDENCE
    family: Literal["dlt"] = "dlt"


@attrs.frozen(kw_only=True)
class MaximumToleratedDose(Described):
    """The maximum tolerated dose: by the protocol's design."""

    kind = Kind.DOSE
    family: Literal["mtd"] = "mtd"


WindowedEndpoint: TypeAlias = (
    EventIncidence
    | EventDuration
    | FebrileNeutropeniaIncidence
    | FebrileNeutropeniaDuration
    | LowCount
    | CountRecovery
    | TransfusionRate
    | AntiInfectiveRate
)
KnownEndpoint: TypeAlias = WindowedEndpoint | SafetyIncidence | DltIncidence | MaximumToleratedDose
"""Every family that there is: one that is added here and derived nowhere is an error of the type checker."""
FAMILIES: Mapping[str, type[KnownEndpoint]] = {
    str(attrs.fields_dict(kind)["family"].default): kind
    for kind in (
        *(EventIncidence, EventDuration, FebrileNeutropeniaIncidence, FebrileNeutropeniaDuration, LowCount),
        *(CountRecovery, TransfusionRate, AntiInfectiveRate, SafetyIncidence, DltIncidence, MaximumToleratedDose),
    )
}
"""By name: the class of its parameters."""


def is_windowed(endpoint: Endpoint) -> TypeIs[WindowedEndpoint]:
    """Return whether an endpoint is observed in a window of its own."""
    return is_known(endpoint) and isinstance(endpoint, Windowed)


def is_known(endpoint: Endpoint) -> TypeIs[KnownEndpoint]:
    """Return whether an endpoint is of a family of this library."""
    return type(endpoint) in FAMILIES.values()
