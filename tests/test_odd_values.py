"""Whatever is given to a public call, it is taken, or refused by an error of this library with one short sentence."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import attrs
import pytest
from attrs import evolve
from odd_values import HOOKS, ITERATED, ODD, PATHS, OddError
from repeating import some
from site_desk import INVESTIGATOR, OPEN, REASON, Site, day

import trialdomain
from trialdomain import (
    Attribution,
    Decision,
    Dose,
    EndpointRules,
    Finding,
    TrialError,
    Trials,
    lab,
    nct06245746,
    read_log,
    vital_sign,
)
from trialdomain.desk import Desk
from trialdomain.events.participant import VitalSign
from trialdomain.history import History
from trialdomain.projections.trail import Asked
from trialdomain.values.clinical.toxicity import Agent, Assessor, Relatedness

T = TypeVar("T")
pytestmark = pytest.mark.soak
LONGEST = 700
"""Characters of a sentence: a validation may list what there is."""
SECONDS = 10
"""For one call, on a machine that is busy."""
LAYERS = ("commands", "desk", "history", "intake", "values")
"""Whose public names are tried: of what is above and below them, others say what is taken."""


def parameters(of: Callable[..., object]) -> dict[str, inspect.Parameter]:
    return {name: one for name, one in inspect.signature(of).parameters.items() if name != "self"}


def needed(of: Callable[..., object], known: Mapping[str, object]) -> dict[str, object]:
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {
        name: known[name] for name, one in parameters(of).items() if one.default is one.empty and one.kind not in kinds
    }


def tried(act: Callable[[], object], argument: str, name: str, *, allowed: type[Exception] = TrialError) -> bool:
    """Do something; say whether it was refused, and hold that it was refused as it has to be."""
    began = monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of stand-ins that are awaited by nobody
            found = act()
            if isinstance(found, Iterator):
                list(found)
    except OddError:
        assert name in ITERATED or argument in HOOKS, f"{argument}={name}: what it raises is of nobody's business"
        refused = True
    except (TrialError, allowed) as error:
        sentence = str(error)
        assert len(sentence) <= LONGEST, f"{argument}={name}: {len(sentence)} characters"
        assert sentence.isprintable() or argument in PATHS, f"{argument}={name}: {sentence!a}"
        refused = True
    else:
        refused = False
    assert monotonic() - began < SECONDS, f"{argument}={name} took too long"
    return refused


def odd_for(argument: str, *, to: str = "") -> Iterator[tuple[str, object]]:
    """Give what is tried for an argument, in part, and other values for each call."""
    for name, make in some(tuple(ODD.items()), of=f"{to} {argument}", least=8):
        value = make()
        if argument not in HOOKS or not callable(value):  # what a hook raises itself is what its caller has to know
            yield name, value


def sensible(site: Site) -> dict[str, object]:
    """Give an argument for each name that a use case needs."""
    today = site.today
    (entry, *_) = site.desk.report_adverse_event("S001", event="AE1", term="Fever", grade=1, onset=today)
    names = dict.fromkeys(
        ("why", "form_version", "regimen", "agent", "route", "kind", "summary", "purpose", "rationale"), "words"
    )
    days = dict.fromkeys(("on", "signed_on", "started_on", "started_at", "onset", "last_contact"), today)
    return {
        **names,
        **days,
        "subject": "S001",
        "level": 1,
        "to_level": 1,
        "gate": "infusion",
        "agents": ["cytarabine"],
        "results": [lab("ANC", "1", "10^9/L", collected_at=today)],
        "signs": [],
        "product": "platelets",
        "event": "AE9",
        "term": "Fever",
        "grade": 1,
        "scope": "treatment",
        "protocol": nct06245746(),
        "effective_on": today,
        "reason": REASON,
        "entry": entry,
        "place": "/nowhere/at/all",
    }


COMMANDS = [name for name, _ in inspect.getmembers(Desk, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_it_or_records_nothing(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # for bundles whose place is a name alone
    site: Site | None = None
    known: dict[str, object] = {}
    for argument, parameter in parameters(getattr(Desk, command)).items():
        named = "grade" if parameter.kind is parameter.VAR_KEYWORD else argument
        for name, value in odd_for(argument, to=command):
            if site is None:
                site = Site()
                site.treat("S001")
                known = needed(getattr(Desk, command), sensible(site) | {"place": tmp_path / "bundle"})
            before = site.trial.history().position
            act = partial(getattr(site.desk, command), **(known | {named: value}))
            refused = tried(act, argument, name)
            after = site.trial.history().position
            assert after == before or not refused or argument in HOOKS, f"{argument}={name} was refused and recorded"
            if after != before:
                site.trials.close()
                site = None  # what was recorded may refuse what comes next, before it is looked at


FACTS: Mapping[str, Callable[..., object]] = {
    "record_labs": partial(evolve, lab("ANC", "1", "10^9/L", collected_at=day(0))),
    "record_vital_signs": partial(evolve, vital_sign(VitalSign.TEMPERATURE, "37", "Cel", measured_at=day(0))),
    "screen": partial(evolve, Finding(name="WBC", yes=True)),
    "report_adverse_event": partial(
        evolve,
        Attribution(agent=Agent.INFUSION, assessor=Assessor.SPONSOR, relatedness=Relatedness.LIKELY),
    ),
}
"""By command: what makes one of the values that it takes several of."""


@pytest.mark.parametrize("command", FACTS)
def test_so_does_one_that_takes_values_which_a_caller_has_made(command: str) -> None:
    make: Any = FACTS[command]
    site = Site()
    site.treat("S001")
    for field in [one.name for one in type(make.args[0]).__attrs_attrs__]:
        for number, (name, value) in enumerate(odd_for(field)):
            try:
                made = make(**{field: value})
            except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError, OddError):
                continue  # nobody has such a value
            ways: dict[str, Callable[[], object]] = {
                "record_labs": partial(site.desk.record_labs, "S001", [made]),
                "record_vital_signs": partial(site.desk.record_vital_signs, "S001", [made]),
                "screen": partial(site.desk.screen, f"{field}-{number}".replace("_", "-"), on=day(0), findings=[made]),
                "report_adverse_event": partial(
                    site.desk.report_adverse_event,
                    "S001",
                    event=f"{field} {number}",
                    term="Fever",
                    grade=1,
                    onset=day(0),
                    attributions=[made],
                ),
            }
            before = site.trial.history().position
            refused = tried(ways[command], field, name)
            assert site.trial.history().position == before or not refused


def with_an_odd_field(value: T) -> Iterator[tuple[str, str, T]]:
    """Give copies of a value, each with one field that its class would have refused."""
    names = [field.name for field in attrs.fields(type(value))]  # type: ignore[arg-type]  # of an attrs class
    for field in names:
        for name, odd in odd_for(field):
            copied = object.__new__(type(value))
            for other in names:
                object.__setattr__(copied, other, getattr(value, other))
            object.__setattr__(copied, field, odd)
            yield field, name, copied


def test_a_value_that_was_made_past_its_class_is_refused_as_well() -> None:
    site = Site()
    entry = site.treat("S001")
    history = site.trial.history()
    decision, rationale = Decision.escalate(to=2), "the committee wants more"
    ways: list[tuple[object, Callable[[Any], object]]] = [
        (nct06245746(), lambda one: site.trials.register(one, by=INVESTIGATOR)),
        (nct06245746(), lambda one: site.desk.amend(one, effective_on=day(0), summary="x")),
        (decision, lambda one: site.desk.decide_escalation(on=day(0), decided=one, rationale=rationale)),
        (Dose(amount=1, unit="mg"), lambda one: site.desk.infuse("S001", level=1, started_at=day(0), dose=one)),
        (entry, lambda one: site.desk.correct(one, reason=REASON, fraction="0.5")),
        (INVESTIGATOR, site.trial.acting),
        (EndpointRules(), lambda one: history.endpoints(on=day(0), rules=one)),
        (OPEN, history.what_if),
    ]
    for value, way in ways:
        for field, name, odd in with_an_odd_field(value):
            before = site.trial.history().position
            refused = tried(partial(way, odd), field, name)
            assert site.trial.history().position == before or not refused, f"{field}={name} was refused and recorded"


def test_a_history_answers_it_or_says_why_not() -> None:
    site = Site()
    site.treat("S001")
    history = site.trial.history()
    known = {"on": site.today, "endpoint": "S9", "stream": OPEN.trial, "later": history, "drafts": [], "position": 0}
    known |= {"protocol": OPEN}
    methods = [name for name, _ in inspect.getmembers(History, callable) if not name.startswith("_")]
    assert len(methods) >= 12
    for method in methods:
        ask = getattr(history, method)
        for argument in parameters(ask):
            for name, value in odd_for(argument, to=method):
                tried(partial(ask, **(needed(ask, known) | {argument: value})), argument, f"{name}")
    for argument in parameters(Asked):
        for name, value in odd_for(argument):
            tried(partial(history.trail, asked=Asked(**{argument: value})), argument, name)  # type: ignore[arg-type]  # what it is about


def test_a_log_takes_it_or_says_why_not(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with Trials.open(f"sqlite:///{path}") as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)
        before = trial.history().position
        ways: dict[str, Callable[[Any], object]] = {
            "known_at": lambda value: trial.history(known_at=value),
            "user": trial.acting,
            "trial": trials.trial,
            "protocol": lambda value: trials.register(value, by=INVESTIGATOR),
            "by": lambda value: trials.register(OPEN, by=value),
            "command_id": lambda value: trials.register(OPEN, by=INVESTIGATOR, command_id=value),
            "recorder": Trials,
        }
        for argument, way in ways.items():
            for name, value in odd_for(argument):
                tried(partial(way, value), argument, name)
        assert trial.history().position == before
        with read_log(path) as log:
            for name, value in odd_for("known_at"):
                tried(partial(log[OPEN.trial].history, known_at=value), "known_at", name)  # type: ignore[arg-type]  # what it is about


@pytest.mark.parametrize("argument", [name for name in parameters(Trials.open) if name != "cls"])
def test_a_log_is_opened_with_it_or_not(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def opened(value: object) -> None:
        given: dict[str, Any] = {"address": "memory:"} | {argument: value}
        Trials.open(**given).close()

    for name, value in odd_for(argument):
        tried(partial(opened, value), argument, name)


PUBLIC = {
    name: value
    for name in dir(trialdomain)
    if callable(value := getattr(trialdomain, name))
    and str(getattr(value, "__module__", "")).split(".")[1:2] in [[layer] for layer in LAYERS]
    and not (isinstance(value, type) and issubclass(value, BaseException))
    and not isinstance(value, type(trialdomain.Role))  # of an enumeration, Python says what is none of it
}


@pytest.mark.parametrize("public", PUBLIC)
def test_every_public_function_and_value_takes_it_or_says_why_not(
    public: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    call: Any = PUBLIC[public]
    known: dict[str, object] = dict.fromkeys(parameters(call), 1) | {
        "analyte": "ANC",
        "unit": "10^9/L",
        "collected_at": day(0),
        "measured_at": day(0),
        "sign": "temperature",
        "folder": tmp_path,
        "log": tmp_path / "new.db",
        "file": tmp_path / "no.jsonl",
        "criterion": "E1",
        "name": "WBC",
        "recorder": None,
    }
    allowed = ValueError if isinstance(call, type) else TrialError  # what a value refuses is one, as with every class
    for argument in parameters(call):
        for name, value in odd_for(argument, to=public):
            tried(partial(call, **(needed(call, known) | {argument: value})), argument, name, allowed=allowed)


def test_the_public_names_were_found() -> None:
    assert {"Trials", "lab", "vital_sign", "restore", "read_log", "import_sdtm", "Dose", "ClinicalTime"} <= set(PUBLIC)
    assert len(COMMANDS) >= 30
