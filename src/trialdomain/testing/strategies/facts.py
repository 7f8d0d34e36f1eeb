"""Strategies for facts: every kind of the catalogue, each fact valid by itself."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import attrs
from hypothesis import strategies as st

from trialdomain.events.cohort import DltAttributed
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyGiven,
    ConcomitantMedicationGiven,
    DltWindowAssessed,
    Infused,
    LabRecorded,
    LostToFollowUp,
    VitalSign,
    VitalSignRecorded,
    WindowResult,
)
from trialdomain.events.recorded import Fact
from trialdomain.events.registry import NAMES
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.strategies.protocols import protocols
from trialdomain.values.clinical.ctcae import all_terms
from trialdomain.values.clinical.decision import Forecast
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.ranges import VITAL_SIGNS
from trialdomain.values.clinical.screening import Finding
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.clinical.toxicity import GRADES, Seriousness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.word import Word

FIRST = date(2026, 3, 2)
"""The day to which days shrink: the first one of a made-up trial."""
_DAYS = st.integers(-60, 400).map(lambda number: FIRST + timedelta(days=number))
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
_CODES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,11}", fullmatch=True)
_LABELS: st.SearchStrategy[Label] = st.integers(1, 5) | st.sampled_from([-1, "1a", "DL-2"])
_RESULTS = (("ANC", "10*9/L"), ("PLT", "10*9/L"), ("HGB", "g/L"), ("ALT", "U/L"), ("Bilirubin", "umol/L"))
_FEW = 3
"""The most items of a list in a fact."""


def facts(kinds: type[Fact] | Iterable[type[Fact]] | None = None) -> st.SearchStrategy[Any]:
    """Generate facts that are valid by themselves, whatever came before them.

    Args:
        kinds: the kind, or the kinds; by default every kind of the catalogue.
    """
    if isinstance(kinds, type):
        return _of_class(kinds)
    return st.one_of(*(_of_class(kind) for kind in (NAMES if kinds is None else kinds)))


def clinical_times(*, days_only: bool = False) -> st.SearchStrategy[ClinicalTime]:
    """Generate clinical times near 2 March 2026: days, times with an offset, months and years.

    Args:
        days_only: whether all of them are days.
    """
    if days_only:
        return _DAYS.map(ClinicalTime.of)
    texts = st.tuples(_DAYS, st.times(), st.sampled_from(["", "T", "month", "year"]), st.sampled_from(["Z", "+08:00"]))
    return texts.map(lambda drawn: ClinicalTime(_time_text(*drawn)))


def _time_text(day: date, clock: Any, precision: str, offset: str) -> str:  # noqa: ANN401 - a time of the standard library
    text = day.isoformat()
    whole = f"{text}T{clock.replace(microsecond=0).isoformat()}{offset}"
    return {"": text, "T": whole, "month": text[:7], "year": text[:4]}[precision]


def _of_class(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Generate the instances of a class: by its own strategy, or its fields by their names and types."""
    if kind in _OWN:
        return _OWN[kind]()
    return st.builds(kind, **_fields_of(kind))


def _fields_of(kind: type[Any], *, but: Iterable[str] = ()) -> dict[str, st.SearchStrategy[Any]]:
    attrs.resolve_types(kind)
    left_out = set(but)
    return {one.name: _of_field(one.name, one.type) for one in attrs.fields(kind) if one.name not in left_out}


def _of_field(name: str, kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type as an annotation has it
    if get_origin(kind) in {Union, UnionType}:
        others = [one for one in get_args(kind) if one is not NoneType]
        found = _LABELS if set(others) == {int, str} else _of_field(name, others[0])
        return st.none() | found if NoneType in get_args(kind) else found
    if get_origin(kind) is tuple:
        return st.lists(_of_field(name, get_args(kind)[0]), max_size=_FEW).map(tuple)
    if (name, kind) in _BY_NAME:
        return _BY_NAME[name, kind]
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    return st.sampled_from(kind) if issubclass(kind, Word) else st.deferred(lambda: _of_class(kind))


_BY_NAME: Mapping[tuple[str, type], st.SearchStrategy[Any]] = {
    ("age", int): st.integers(0, 150),
    ("ecog", int): st.integers(0, 5),
    ("cycle", int): st.integers(1, 12),
    ("slots", int): st.integers(1, 12),
    ("version", int): st.integers(1, 99),
    ("position", int): st.integers(1, 999),
    ("fraction", Decimal): st.integers(0, 100).map(lambda number: Decimal(number) / 100),
    ("units", Decimal): st.integers(0, 40).map(lambda number: Decimal(number) / 4),
    ("body_weight_kg", Decimal): st.integers(40, 120).map(Decimal),
    ("bsa_m2", Decimal): st.integers(10, 30).map(lambda number: Decimal(number) / 10),
    ("subject", str): _CODES,
    ("user", str): _CODES,
    ("root", str): st.binary(min_size=32, max_size=32).map(bytes.hex),
}
"""By the name of a field and its type: its values, where the type alone does not say them."""
_BY_TYPE: Mapping[Any, st.SearchStrategy[Any]] = {
    str: _TEXTS,
    int: st.integers(0, 99),
    bool: st.booleans(),
    Decimal: st.integers(0, 9_999).map(lambda number: Decimal(number) / 100),
    date: _DAYS,
    ClinicalTime: clinical_times(),
    FreeText: _TEXTS.map(FreeText.of),
}


@st.composite
def _with_end(draw: st.DrawFn, kind: type[Any], start: str, end: str) -> Any:  # noqa: ANN401 - an instance of the class
    """Generate facts whose end is not before their start."""
    began = draw(_DAYS)
    lasted = draw(st.none() | st.integers(0, 60))
    others = draw(st.fixed_dictionaries(_fields_of(kind, but=(start, end))))
    ended = None if lasted is None else ClinicalTime.of(began + timedelta(days=lasted))
    return kind(**others, **{start: ClinicalTime.of(began), end: ended})


@st.composite
def _results(draw: st.DrawFn) -> LabRecorded:
    analyte, unit = draw(st.sampled_from(_RESULTS))
    others = draw(st.fixed_dictionaries(_fields_of(LabRecorded, but=("analyte", "unit", "value"))))
    return LabRecorded(analyte=analyte, unit=unit, value=Decimal(draw(st.integers(1, 9_999))) / 100, **others)


@st.composite
def _signs(draw: st.DrawFn) -> VitalSignRecorded:
    sign = draw(st.sampled_from(VitalSign))
    usual = VITAL_SIGNS[sign.value].usual
    value = draw(st.integers(int(usual.least), int(usual.most or usual.least)))
    others = draw(st.fixed_dictionaries(_fields_of(VitalSignRecorded, but=("sign", "unit", "value"))))
    return VitalSignRecorded(sign=sign, unit=str(usual.unit), value=Decimal(value), **others)


_TERMS = sorted(all_terms(), key=lambda one: one.term)


@st.composite
def _events(draw: st.DrawFn) -> AdverseEventReported:
    """Generate reports on CTCAE 5.0, of a term and a grade that it has."""
    known = draw(st.sampled_from(_TERMS))
    criteria = draw(st.lists(st.sampled_from(Seriousness), max_size=_FEW, unique=True))
    began, lasted = draw(_DAYS), draw(st.none() | st.integers(0, 60))
    drawn = ("event", "attributions", "expected", "outcome", "aware_on", "linked_to")
    attrs.resolve_types(AdverseEventReported)
    types = {one.name: one.type for one in attrs.fields(AdverseEventReported)}
    return AdverseEventReported(
        term=known.term,
        ctcae_code=known.code,
        grade=draw(st.sampled_from(sorted(known.grades))),
        serious=bool(criteria),
        seriousness=tuple(criteria),
        onset=ClinicalTime.of(began),
        ended=None if lasted is None else ClinicalTime.of(began + timedelta(days=lasted)),
        **{name: draw(_of_field(name, types[name])) for name in drawn},
    )


@st.composite
def _follow_ups(draw: st.DrawFn) -> AdverseEventFollowedUp:
    others = draw(st.fixed_dictionaries(_fields_of(AdverseEventFollowedUp, but=("grade",))))
    return AdverseEventFollowedUp(grade=draw(st.none() | st.sampled_from(GRADES)), **others)


@st.composite
def _losses(draw: st.DrawFn) -> LostToFollowUp:
    seen, after = draw(_DAYS), draw(st.integers(0, 60))
    return LostToFollowUp(on=ClinicalTime.of(seen + timedelta(days=after)), last_contact=ClinicalTime.of(seen))


@st.composite
def _assessments(draw: st.DrawFn) -> DltWindowAssessed:
    others = draw(st.fixed_dictionaries(_fields_of(DltWindowAssessed, but=("result", "why"))))
    result, why = draw(st.sampled_from(WindowResult)), FreeText.of(draw(_TEXTS))
    return DltWindowAssessed(result=result, why=why if result is WindowResult.NOT_EVALUABLE else None, **others)


@st.composite
def _dlts(draw: st.DrawFn) -> DltAttributed:
    of_event = draw(st.booleans())
    entries = draw(st.lists(st.integers(1, 99), min_size=1, max_size=_FEW, unique=True))
    return DltAttributed(
        subject=draw(_CODES),
        event=draw(_CODES) if of_event else None,
        laboratory=() if of_event else tuple(entries),
        onset=draw(clinical_times()),
    )


@st.composite
def _findings(draw: st.DrawFn) -> Finding:
    """Generate findings with exactly one of a yes or no, words, a number and a date."""
    values: list[tuple[str, st.SearchStrategy[Any]]] = [
        ("yes", st.booleans()),
        ("words", _TEXTS),
        ("number", st.integers(0, 100).map(Decimal)),
        ("date", clinical_times()),
    ]
    name, value = draw(st.sampled_from(values))
    return Finding(name=draw(_TEXTS), on=draw(st.none() | clinical_times()), **{name: draw(value)})


@st.composite
def _tallies(draw: st.DrawFn) -> Tally:
    evaluable = draw(st.integers(0, 9))
    return Tally(
        level=draw(_LABELS),
        place=draw(st.integers(1, 5)),
        enrolled=draw(st.integers(0, 9)),
        evaluable=evaluable,
        dlts=draw(st.integers(0, evaluable)),
        pending=draw(st.integers(0, 9)),
        not_evaluable=draw(st.integers(0, 9)),
        most_held=draw(st.integers(0, 9)),
    )


def _forecasts() -> st.SearchStrategy[Forecast]:
    counts = st.none() | st.integers(0, 30)
    least = st.dictionaries(st.sampled_from(["none", "1", "2", "3"]), counts, max_size=4)
    return st.builds(Forecast, least=least, most=st.integers(0, 60))


def _doses() -> st.SearchStrategy[Dose]:
    return st.builds(
        Dose, amount=st.integers(1, 500).map(Decimal), unit=st.sampled_from(["mg", "mg/m2", "10*6{cells}/kg", "MBq"])
    )


_OWN: Mapping[type, Callable[[], st.SearchStrategy[Any]]] = {
    AdverseEventReported: _events,
    AdverseEventFollowedUp: _follow_ups,
    AntiInfectiveGiven: lambda: _with_end(AntiInfectiveGiven, "started_on", "ended_on"),
    ChemotherapyGiven: lambda: _with_end(ChemotherapyGiven, "started_on", "ended_on"),
    ConcomitantMedicationGiven: lambda: _with_end(ConcomitantMedicationGiven, "started_on", "ended_on"),
    DltAttributed: _dlts,
    DltWindowAssessed: _assessments,
    Dose: _doses,
    Finding: _findings,
    Forecast: _forecasts,
    Infused: lambda: _with_end(Infused, "started_at", "ended_at"),
    LabRecorded: _results,
    LostToFollowUp: _losses,
    Tally: _tallies,
    TrialProtocol: protocols,
    VitalSignRecorded: _signs,
}
"""By class: its strategy, where its fields depend on one another."""
