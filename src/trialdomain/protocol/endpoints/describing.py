"""What an endpoint means in a protocol: a sentence with its numbers, the numbers, and what was chosen."""

from collections.abc import Iterator, Mapping, Sequence
from typing import assert_never

import attrs

from trialdomain.protocol.endpoints import meanings
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    CountRecovery,
    DltIncidence,
    EventDuration,
    EventGroup,
    EventIncidence,
    FebrileNeutropeniaDuration,
    FebrileNeutropeniaIncidence,
    KnownEndpoint,
    LowCount,
    MaximumToleratedDose,
    SafetyIncidence,
    TransfusionRate,
    is_known,
)
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.analyte import Count
from trialdomain.values.in_short import in_short

_OBSERVED = (
    "the analysis set: chemotherapy started and infused; whoever had no chemotherapy is outside it, and listed",
    (
        "what ends the observation: death, withdrawal from follow-up, the last contact when lost, the end of "
        "follow-up, the data cut-off, and the day before the next cycle, a relapse or a new anti-leukemic therapy"
    ),
)
_COUNTED = (
    "the daily value is the lowest of the day; nothing is imputed; consecutive means measured values on different days",
    'a result such as "< 5" decides where its bound does; a result without a unit is not used, and listed',
    "blood, serum and plasma count; a result of another specimen counts for nothing",
)
_REPORTED = (
    "an event that ended and came back has an episode for each time, and began anew when it came back",
    "episodes are whole days, both ends inclusive, clipped to the observation, and united where they overlap",
    "an episode that is recovered and has no end date has no duration: it is counted beside",
    "an episode under way at the start is prevalent: it counts for nothing; whoever has only such ones is out of n/N",
)
_PAIRING = (
    (
        "the count paired with a temperature: the nearest one, of two equally near the lower; where one has no time, "
        "whole days count"
    ),
    "a temperature taken under the arm counts as it is; the site is kept",
    "derived days and reported events that share a day are one episode",
)
_FEVER_ENDS = (
    "when an episode is over: a count is taken by its time, and one without a time is the end of its day",
    "48 hours without any temperature end an episode, flagged",
    "an episode that is recovered and has no end date has no duration: it is counted beside",
)
_RECOVERED = (
    "the first value of the run lies in the window; the others may follow it, up to the longest gap after the window",
    "whoever was severe before the start alone is at risk, and recovers from then",
    "a run that is under way at the end is no recovery: the time is censored on the last date before it",
    "never below: not at risk, if the count was measured from start to end without a gap longer than allowed",
    "never below, and with a longer gap: not observed",
    "once below: at risk, whatever gap follows; without a recovery the time is censored when the observation ends",
    "where the last result is longer before that end than allowed, the answer names its day",
)
_SAFETY = (
    "whoever had no serious event, and one of which nobody said whether it was, is in no share of those",
    "an event from before the infusion counts once it is worse than its lowest grade since then",
    "a resolved event is at grade 0 from the day after its end",
    "a partial date counts as the earliest day that it allows, not before the infusion",
)
_DLT = (
    "evaluable is whoever had a DLT, or the whole infusion and the whole window, assessed",
    "whoever left in the window without a DLT, or had an amount of no dose level, is not evaluable",
)
_AGENTS = (
    "any intent counts, prophylaxis too, where the protocol says no less",
    "which classes are anti-infective, and which routes are local",
    "an agent without an ATC code is not counted, and listed",
)
_YEAR = 365
_FRAME = ("anchor", "window_days")
_MEASURED = ("max_gap_days", "baseline_days")
_FEVER = tuple(
    f"febrile_neutropenia.{name}"
    for name in (
        *("source", "anc_below", "temperature_above", "sustained_from", "sustained_over_minutes", "inclusive"),
        *("sustained_gap_hours", "pairing_hours", "pairing_before_hours", "axillary_offset", "reported_min_grade"),
    )
)
_THRESHOLDS: Mapping[Count, tuple[str, ...]] = {
    Count.NEUTROPHILS: ("anc_recovery",),
    Count.PLATELETS: ("platelets",),
    Count.HEMOGLOBIN: (),
}
"""By count: the named variants of its threshold."""
_ANCHORS = {
    Count.NEUTROPHILS: "anc_anchor",
    Count.PLATELETS: "platelet_anchor",
    Count.HEMOGLOBIN: "hemoglobin_anchor",
}
_DLT_RULE = ("dlt.min_grade", "dlt.window_days", "dlt.related", "dlt.worsening", "evaluable.min_fraction")


@attrs.frozen(kw_only=True)
class Description:
    """What an endpoint is in one protocol."""

    __repr__ = in_short

    endpoint: Endpoint
    meaning: str
    """The definition, in a sentence, with the numbers of the protocol."""
    parameters: Mapping[str, object]
    """The numbers that it depends on, by their names in a protocol file."""
    variants: Sequence[str]
    """The names by which published variants are chosen (``--with``)."""
    choices: Sequence[str]
    """What this library decides without a published default."""


@attrs.frozen
class _Told:
    """What one family says of an endpoint."""

    meaning: str
    names: Sequence[str]
    """Of ``EndpointRules``: the parameters that it depends on."""
    choices: Sequence[str]
    variants: Sequence[str] = ()
    of_protocol: Sequence[str] = ()
    """Of the protocol beside them."""


def describe(endpoint: Endpoint, protocol: TrialProtocol) -> Description:
    """Say what an endpoint means in a protocol."""
    one, rules = _known(endpoint), protocol.endpoints.of(endpoint)
    told = _told(one, rules, protocol)
    own = {f"endpoints.derived.{one.id}.{name}": getattr(one, name) for name in _own_names(one)}
    shared = {_place(one, name): _value(rules, name) for name in told.names}
    return Description(
        endpoint=endpoint,
        meaning=told.meaning,
        parameters={**own, **shared, **{name: _value(protocol, name) for name in told.of_protocol}},
        variants=told.variants,
        choices=told.choices,
    )


def meaning_of(endpoint: Endpoint, protocol: TrialProtocol) -> str:
    """Define an endpoint in a sentence, with the numbers of a protocol."""
    return _told(_known(endpoint), protocol.endpoints.of(endpoint), protocol).meaning


def _told(one: KnownEndpoint, rules: EndpointRules, protocol: TrialProtocol) -> _Told:  # noqa: C901 - a case a family
    match one:
        case EventIncidence():
            return _of_events(one, meanings.event_incidence(one, rules))
        case EventDuration():
            return _of_events(one, meanings.event_duration(one, rules))
        case FebrileNeutropeniaIncidence():
            return _of_fever(meanings.febrile_neutropenia(rules))
        case FebrileNeutropeniaDuration():
            return _of_fever(meanings.fever_days(rules), ("febrile_neutropenia.afebrile_hours",), _FEVER_ENDS)
        case LowCount():
            return _of_low_count(one, meanings.low_count(one, rules))
        case CountRecovery():
            return _of_recovery(one, meanings.count_recovery(one, rules))
        case TransfusionRate():
            products = ", ".join(product.value.replace("-", " ") for product in one.products)
            return _Told(meanings.transfusion(one, rules), _FRAME, (*_OBSERVED, f"no product but {products} counts"))
        case AntiInfectiveRate():
            names = (*_FRAME, "anti_infective_classes", "local_routes", "anti_infective_intent")
            return _Told(meanings.anti_infective(rules), names, (*_OBSERVED, *_AGENTS), ("intent",))
        case SafetyIncidence():
            year = ("1 year is 365 days",) if _YEAR in rules.safety_days else ()
            return _Told(meanings.adverse_events(rules), ("safety_days",), (*year, *_SAFETY))
        case DltIncidence():
            return _Told(meanings.dlt(protocol), (), _DLT, of_protocol=_DLT_RULE)
        case MaximumToleratedDose():
            chosen = () if protocol.design is None else protocol.design.choices
            return _Told(meanings.mtd(protocol), (), chosen, of_protocol=("design",))
        case _:
            assert_never(one)


def _of_events(one: EventIncidence | EventDuration, meaning: str) -> _Told:
    further = {
        EventGroup.INFECTION: ("febrile neutropenia itself is no infection",),
        EventGroup.BLEEDING: ("which terms name a bleeding",),
        None: ("a term is known by its CTCAE code, or by its name",),
    }[one.group]
    names = _FRAME if one.group is None else (*_FRAME, f"{one.group.value}_min_grade")
    variants = ("bleeding",) if one.group is EventGroup.BLEEDING else ()
    return _Told(meaning, names, (*_OBSERVED, *_REPORTED, *further), variants)


def _of_fever(meaning: str, names: Sequence[str] = (), choices: Sequence[str] = ()) -> _Told:
    own = (*_FRAME, *_FEVER, *names)
    return _Told(meaning, own, (*_OBSERVED, *_PAIRING, *choices), ("fn", "fn_source"))


def _of_low_count(one: LowCount, meaning: str) -> _Told:
    names = (*_FRAME, *_MEASURED, f"{one.count.value}.threshold", *_molar(one.count), "include_prevalent")
    choices = (*_OBSERVED, *_COUNTED, "whoever was severe before the start is prevalent, and out of n/N")
    return _Told(meaning, names, choices, (*_THRESHOLDS[one.count], "prevalent"))


def _of_recovery(one: CountRecovery, meaning: str) -> _Told:
    of_rule = ("threshold", "recovered_from", "consecutive", "anchor", "transfusion_free_days")
    names = (
        *(*_FRAME, *_MEASURED, "confirm_after_window", "death"),
        *(f"{one.count.value}.{name}" for name in of_rule),
        *_molar(one.count),
    )
    further = {
        Count.NEUTROPHILS: ("leukocytes below the threshold stand in for neutrophils on a day without",),
        Count.HEMOGLOBIN: ("the rule of platelets, by analogy",),
    }.get(one.count, ())
    variants = (*_THRESHOLDS[one.count], _ANCHORS[one.count], "death")
    return _Told(meaning, names, (*_OBSERVED, *_COUNTED, *_RECOVERED, *further), variants)


def _molar(count: Count) -> tuple[str, ...]:
    return ("hemoglobin_mmol",) if count is Count.HEMOGLOBIN else ()


def _known(endpoint: Endpoint) -> KnownEndpoint:
    if not is_known(endpoint):
        raise TypeError(f"{type(endpoint).__name__} is no family of endpoints: a protocol refuses it")
    return endpoint


def _place(one: KnownEndpoint, name: str) -> str:
    """Say where in a protocol file a number stands: with the endpoint, or with those that all endpoints share."""
    for own, place in one.places.items():
        if place in one.own and (name == place or name.startswith(f"{place}.")):
            return f"endpoints.derived.{one.id}.{own}{name.removeprefix(place)}"
    return f"endpoints.{name}"


def _value(of: object, name: str) -> object:
    for part in name.split("."):
        of = getattr(of, part, None)
    return of


def _own_names(one: KnownEndpoint) -> Iterator[str]:
    """Name the parameters that have no shared number: what sort of events, which products."""
    match one:
        case EventIncidence() | EventDuration() if one.group is None:
            yield from ("terms", "min_grade")
        case TransfusionRate() if one.products != TransfusionRate(id=one.id, title=one.title).products:
            yield "products"
        case _:
            return
