"""The families of endpoints that can be derived, with their parameters.

A protocol may have any number of endpoints of one family: recovery of platelets at 20 and at 50, for example.
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
    """The event on day 0."""
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
    """A group of terms; None if ``terms`` lists them."""
    terms: tuple[str, ...] = ()
    """CTCAE terms; case is ignored."""
    min_grade: int | None = None
    """The grade that an event must have reached; None for the protocol's grade of the group, or else 1."""

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
    """The rule for a day of febrile neutropenia."""

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
    """A count below it is severe; in 10*9/L, for hemoglobin in g/L."""
    threshold_mmol: Decimal | None = None
    """For hemoglobin: the same threshold in mmol/L. If only ``threshold`` is set, results in mmol/L are not used."""

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
        if self.threshold is not None:  # recovered_from of the protocol belongs to its own threshold
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
    """A value at or above it counts towards recovery; None for ``threshold`` if set, or else the protocol's value."""
    consecutive: int | None = None
    """The number of consecutive values, measured on different days."""
    recovery_anchor: RecoveryAnchor | None = None
    """The severe value after which the recovery is searched."""
    transfusion_free_days: int | None = None
    """The minimum elapsed days from the last transfusion of the count's product to each value."""

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
    """Return whether a value is a tuple of different products."""
    if not isinstance(given, tuple) or not given:
        return False
    return all(isinstance(one, BloodProduct) for one in given) and len(set(given)) == len(given)


@attrs.frozen(kw_only=True)
class TransfusionRate(Windowed):
    """Whether a blood product was transfused in the observation."""

    kind = Kind.INCIDENCE
    family: Literal["transfusion"] = "transfusion"
    products: tuple[BloodProduct, ...] = (BloodProduct.RED_CELLS, BloodProduct.PLATELETS)
    """The products that count."""

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
    """The intents of treatment that count."""

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
    """Elapsed days from the infusion, in increasing order."""

    @property
    @override
    def places(self) -> Mapping[str, str]:
        return {"days": "safety_days"}


@attrs.frozen(kw_only=True)
class DltIncidence(Described):
    """Whether an evaluable participant had a dose-limiting toxicity, by the protocol's DLT rule."""

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
"""All families. The type checker reports a family that is added here but derived nowhere."""
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
