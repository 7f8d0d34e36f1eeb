"""Describe an endpoint of a protocol: its definition with numbers, its parameters, and the choices of this library."""

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
from trialdomain.protocol.endpoints.parts import Anchor
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.presets.endpoints import PRESETS
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plural import how_many

_SETS = {
    Anchor.CHEMOTHERAPY: "the analysis set: participants with a start of chemotherapy and an infusion; participants "
    "without chemotherapy are outside it, and listed",
    Anchor.INFUSION: "the analysis set: the infused participants",
}
_ENDS = (
    "the observation ends at: death, withdrawal from follow-up, the last contact when lost, the end of follow-up, "
    "the data cut-off, and the day before the next cycle, a relapse or a new anti-leukemic therapy"
)
_COUNTED = (
    "the daily value is the lowest of the day; nothing is imputed; consecutive means measured values on different days",
    'a result such as "< 5" is used if its bound decides; a result without a unit is not used, and listed',
    "results in blood, serum and plasma are used; results of other specimens are not",
)
_REPORTED = (
    "an event that ended and came back has a separate episode, with a new onset, for each time",
    "episodes are whole days, both ends inclusive, clipped to the observation, and merged if they overlap",
    "an episode that is recovered and has no end date has no duration: it is counted separately",
)
_PREVALENT = {
    False: "an episode under way at the start is prevalent and not counted; participants with only such episodes are "
    "not in n/N",
    True: "an episode under way at the start is prevalent, and counts from the first day on",
}
_PAIRING = (
    (
        "the count paired with a temperature: the nearest one, and the lower one of two equally near; if one has no "
        "time, whole days are compared"
    ),
    "derived days and reported events that share a day are one episode",
)
_FEVER_ENDS = (
    "the end of an episode: a count is placed at its time, and a count without a time at the end of its day",
    "an episode that is recovered and has no end date has no duration: it is counted separately",
)
_RECOVERED = (
    "the first value of the run lies in the window; the others may follow it, up to the longest gap after the window",
    "participants with a severe count only before the start are at risk, and recover from then",
    "a run that is under way at the end is not a recovery: the time is censored on the last date before it",
    "never below: not at risk, if the count was measured from start to end without a gap longer than allowed",
    "never below, and with a longer gap: not observed",
    "once below: at risk, even if a gap follows; without a recovery the time is censored when the observation ends",
    "if the gap from the last result to that end is longer than allowed, the answer has the day of the result",
)
_SAFETY = (
    "participants with an event of unknown seriousness, and without a serious one, are not in the serious share",
    "an event from before the infusion counts once it is worse than its lowest grade since then",
    "a resolved event is at grade 0 from the day after its end",
    "a partial date counts as the earliest day that it allows, not before the infusion",
)
_DLT = (
    "participants are evaluable with a DLT, or with the complete infusion and the complete window, assessed",
    "participants who left in the window without a DLT, or had an amount of no dose level, are not evaluable",
)
_ROWS = (
    "a duration is counted from the first day at the grade, or a higher one, to the first day below it; longer is more",
    "an event that no entry ends counts once an entry shows it at the grade for longer; until then it is pending",
    "an event and its companion are in force on one common day of the window; the companion's relatedness is not asked",
    "a death that an event explains counts without a duration and without a companion, unless its row says never",
    "a spell of blood counts begins on the date of the first low one and ends on the date of the first one that is not",
)
_AGENTS = (
    "any intent counts, prophylaxis too, unless the protocol restricts it",
    "the classes that are anti-infective, and the routes that are local",
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
    """The description of an endpoint in one protocol."""

    __repr__ = in_short

    endpoint: Endpoint
    meaning: str
    """The definition, in a sentence, with the numbers of the protocol."""
    parameters: Mapping[str, object]
    """The parameters that it depends on, by their names in a protocol file."""
    variants: Sequence[str]
    """The names of the published variants that can be selected (``--with``)."""
    choices: Sequence[str]
    """The decisions of this library without a published default."""


@attrs.frozen
class _Wording:
    """The description of an endpoint by its family."""

    meaning: str
    names: Sequence[str]
    """The parameters of ``EndpointRules`` that the endpoint depends on."""
    choices: Sequence[str]
    variants: Sequence[str] = ()
    of_protocol: Sequence[str] = ()
    """Further parameters of the protocol that it depends on."""


def describe(endpoint: Endpoint, protocol: TrialProtocol) -> Description:
    """Describe an endpoint of a protocol."""
    one, rules = _known(endpoint), protocol.endpoints.of(endpoint)
    wording = _wording(one, rules, protocol)
    own = {f"endpoints.derived.{one.id}.{name}": getattr(one, name) for name in _own_names(one)}
    shared = {_place(one, name): _value(rules, name) for name in wording.names}
    return Description(
        endpoint=endpoint,
        meaning=wording.meaning,
        parameters={**own, **shared, **{name: _value(protocol, name) for name in wording.of_protocol}},
        variants=tuple(
            _offered(one, ("anchor", *wording.variants) if wording.names[:1] == ("anchor",) else wording.variants)
        ),
        choices=wording.choices,
    )


def meaning_of(endpoint: Endpoint, protocol: TrialProtocol) -> str:
    """Define an endpoint in a sentence, with the numbers of a protocol."""
    return _wording(_known(endpoint), protocol.endpoints.of(endpoint), protocol).meaning


def _observed(rules: EndpointRules) -> tuple[str, ...]:
    return _SETS[rules.anchor], _ENDS


def _wording(one: KnownEndpoint, rules: EndpointRules, protocol: TrialProtocol) -> _Wording:  # noqa: C901 - a case a family
    match one:
        case EventIncidence():
            return _of_events(one, rules, meanings.event_incidence(one, rules))
        case EventDuration():
            return _of_events(one, rules, meanings.event_duration(one, rules))
        case FebrileNeutropeniaIncidence():
            return _of_fever(rules, meanings.febrile_neutropenia(rules))
        case FebrileNeutropeniaDuration():
            return _of_fever_days(rules, meanings.fever_days(rules))
        case LowCount():
            return _of_low_count(one, rules, meanings.low_count(one, rules))
        case CountRecovery():
            return _of_recovery(one, rules, meanings.count_recovery(one, rules))
        case TransfusionRate():
            products = ", ".join(product.value.replace("-", " ") for product in one.products)
            return _Wording(
                meanings.transfusion(one, rules), _FRAME, (*_observed(rules), f"no product but {products} counts")
            )
        case AntiInfectiveRate():
            given = (*_FRAME, "anti_infective_classes", "local_routes", "anti_infective_intent")
            return _Wording(meanings.anti_infective(rules), given, (*_observed(rules), *_AGENTS), ("intent",))
        case SafetyIncidence():
            year: tuple[str, ...] = ("1 year is 365 days",) if _YEAR in rules.safety_days else ()
            return _Wording(meanings.adverse_events(rules), ("safety_days",), (*year, *_SAFETY))
        case DltIncidence():
            return _of_dlt(protocol)
        case MaximumToleratedDose():
            chosen = () if protocol.design is None else protocol.design.choices
            return _Wording(meanings.mtd(protocol), (), chosen, of_protocol=("design",))
        case _:
            assert_never(one)


def _of_dlt(protocol: TrialProtocol) -> _Wording:
    by_rows = protocol.dlt is not None and bool(protocol.dlt.criteria)
    choices = (*_DLT, *_ROWS) if by_rows else _DLT
    return _Wording(meanings.dlt(protocol), (), choices, of_protocol=_DLT_RULE)


def _of_events(one: EventIncidence | EventDuration, rules: EndpointRules, meaning: str) -> _Wording:
    further = {
        EventGroup.INFECTION: ("febrile neutropenia itself is not an infection",),
        EventGroup.BLEEDING: ("the terms that name a bleeding",),
        None: ("a term is recognized by its name, and by its CTCAE code if this library has the term",),
    }[one.group]
    grade = () if one.group is None else (f"{one.group.value}_min_grade",)
    variants = ("bleeding", "prevalent") if one.group is EventGroup.BLEEDING else ("prevalent",)
    choices = (*_observed(rules), *_REPORTED, _PREVALENT[rules.include_prevalent], *further)
    return _Wording(meaning, (*_FRAME, "include_prevalent", *grade), choices, variants)


def _of_fever(rules: EndpointRules, meaning: str, names: Sequence[str] = (), choices: Sequence[str] = ()) -> _Wording:
    offset = rules.febrile_neutropenia.axillary_offset
    under_arm = (
        f"{offset} Cel are added to a temperature taken under the arm; the site is kept"
        if offset
        else "a temperature taken under the arm counts as it is; the site is kept"
    )
    said = (*_observed(rules), _PAIRING[0], under_arm, *_PAIRING[1:], _PREVALENT[rules.include_prevalent], *choices)
    own = (*_FRAME, "max_gap_days", "include_prevalent", *_FEVER, *names)
    return _Wording(meaning, own, said, ("fn", "fn_source", "prevalent"))


def _of_fever_days(rules: EndpointRules, meaning: str) -> _Wording:
    hours = how_many(rules.febrile_neutropenia.afebrile_hours, "hour")
    first, *others = _FEVER_ENDS
    choices = (first, f"{hours} without any temperature end an episode, flagged", *others)
    return _of_fever(rules, meaning, ("febrile_neutropenia.afebrile_hours",), choices)


def _of_low_count(one: LowCount, rules: EndpointRules, meaning: str) -> _Wording:
    names = (*_FRAME, *_MEASURED, f"{one.count.value}.threshold", *_molar(one.count), "include_prevalent")
    before = "and counted" if rules.include_prevalent else "and not in n/N"
    choices = (
        *_observed(rules),
        *_COUNTED,
        f"participants with a severe count before the start are prevalent, {before}",
    )
    return _Wording(meaning, names, choices, (*_THRESHOLDS[one.count], "prevalent"))


def _of_recovery(one: CountRecovery, rules: EndpointRules, meaning: str) -> _Wording:
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
    return _Wording(meaning, names, (*_observed(rules), *_COUNTED, *_RECOVERED, *further), variants)


def _molar(count: Count) -> tuple[str, ...]:
    return ("hemoglobin_mmol",) if count is Count.HEMOGLOBIN else ()


def _offered(one: KnownEndpoint, variants: Sequence[str]) -> Iterator[str]:
    """Yield the variants that can change this endpoint, except those of parameters that it overrides."""
    for name in variants:
        sets = {place for preset in PRESETS[name].values() for place in preset.sets}
        own = tuple(one.own)
        if not all(place.startswith(own) for place in sets) or not own:
            yield name


def _known(endpoint: Endpoint) -> KnownEndpoint:
    if not is_known(endpoint):
        raise TypeError(f"{type(endpoint).__name__} is not a family of endpoints: no protocol can have it")
    return endpoint


def _place(one: KnownEndpoint, name: str) -> str:
    """Return the path of a parameter in a protocol file: in the endpoint's table, or in the shared one."""
    for own, place in one.places.items():
        if place in one.own and (name == place or name.startswith(f"{place}.")):
            return f"endpoints.derived.{one.id}.{own}{name.removeprefix(place)}"
    return f"endpoints.{name}"


def _value(of: object, name: str) -> object:
    for part in name.split("."):
        of = getattr(of, part, None)
    return of


def _own_names(one: KnownEndpoint) -> Iterator[str]:
    """Yield the parameters without a shared default, such as the terms of events or the products."""
    match one:
        case EventIncidence() | EventDuration() if one.group is None:
            yield from ("terms", "min_grade")
        case TransfusionRate() if one.products != TransfusionRate(id=one.id, title=one.title).products:
            yield "products"
        case _:
            return
