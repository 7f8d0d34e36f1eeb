"""Arguments of callers: read once, from any collection; compared by content alone; refused in one sentence."""

import inspect
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, Inexact, localcontext
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pytest
from attrs import evolve
from site_desk import DAY0, INVESTIGATOR, OPEN, REASON, RELATED, Site, day
from typing_extensions import override

from trialdomain import (
    Agent,
    Assessor,
    Attribution,
    Dose,
    Finding,
    InputInvalid,
    LabRecorded,
    Relatedness,
    Seriousness,
    TrialError,
    Trials,
    User,
    lab,
    nct06245746,
)
from trialdomain.commands.coercion import FactMalformed
from trialdomain.desk import Desk
from trialdomain.events.participant import AdverseEventReported, Signer
from trialdomain.storage.errors import CommandReused
from trialdomain.storage.request import RequestUnreadable, fingerprint
from trialdomain.values.clinical.toxicity import Outcome
from trialdomain.values.clinical_time import When
from trialdomain.values.given.chosen import WordUnknown

NOTHING: Any = None
RESULTS = [lab("ANC", value, "10^9/L", collected_at=day(1)) for value in ("0.4", "0.2", "0.9")]


class Once:
    """Something that can be iterated, and is neither a list nor an iterator."""

    def __iter__(self) -> Iterator[LabRecorded]:
        return iter(RESULTS)


WAYS: dict[str, Callable[[], Iterable[LabRecorded]]] = {
    "list": lambda: list(RESULTS),
    "tuple": lambda: tuple(RESULTS),
    "generator": lambda: (one for one in RESULTS),
    "iterator": lambda: iter(RESULTS),
    "map": lambda: map(evolve, RESULTS),
    "chain": lambda: itertools.chain(RESULTS[:1], RESULTS[1:]),
    "values": dict(enumerate(RESULTS)).values,
    "iterable": Once,
}


@pytest.fixture
def site() -> Site:
    site = Site()
    site.treat("S001")
    return site


class TestOnce:
    @pytest.mark.parametrize("way", WAYS)
    def test_all_of_it_is_recorded_though_somebody_else_comes_in_between(self, site: Site, way: str) -> None:
        other, acted = site.trial.acting(INVESTIGATOR), False

        def between() -> datetime:
            nonlocal acted
            if not acted:
                acted = True
                other.record_relapse("S001", on=day(0))
            return site.clock()

        desk = Trials(site.trials._store, clock=between).trial(OPEN.trial).acting(INVESTIGATOR)  # noqa: SLF001
        site.on(2)
        entries = desk.record_labs("S001", WAYS[way](), command_id=None)
        assert [entry.fact for entry in entries] == RESULTS
        assert acted

    @pytest.mark.parametrize(("first", "second"), list(itertools.product(WAYS, ["generator", "list", "values"])))
    def test_the_same_in_another_form_is_a_repetition(self, site: Site, first: str, second: str) -> None:
        site.on(2)
        one = site.desk.record_labs("S001", WAYS[first](), command_id="c1")
        assert site.desk.record_labs("S001", WAYS[second](), command_id="c1") == one

    @pytest.mark.parametrize("way", WAYS)
    def test_another_content_in_the_same_form_is_none(self, site: Site, way: str) -> None:
        site.on(2)
        site.desk.record_labs("S001", WAYS[way](), command_id="c1")
        other = (lab("ANC", "7.1", "10^9/L", collected_at=day(1)) for _ in range(3))
        with pytest.raises(CommandReused):
            site.desk.record_labs("S001", other, command_id="c1")

    def test_a_list_that_changes_meanwhile_is_what_it_was(self, site: Site) -> None:
        site.on(2)
        given = list(RESULTS)

        def emptied() -> datetime:
            given.clear()
            return site.clock()

        desk = Trials(site.trials._store, clock=emptied).trial(OPEN.trial).acting(INVESTIGATOR)  # noqa: SLF001
        assert len(desk.record_labs("S001", given)) == 3

    def test_so_is_whatever_else_takes_several_values(self, site: Site) -> None:
        (event, *_) = site.desk.report_adverse_event(
            "S001",
            event="AE1",
            term="Fever",
            grade=3,
            onset=site.today,
            attributions=(one for one in RELATED),
            serious=(one for one in [Seriousness.HOSPITALIZATION]),
        )
        assert isinstance(event.fact, AdverseEventReported)
        assert event.fact.attributions == RELATED
        assert event.fact.seriousness == (Seriousness.HOSPITALIZATION,)
        (corrected, *_) = site.desk.correct(event, attributions=iter(()), reason=REASON, command_id="c2")
        assert corrected == site.desk.correct(event, attributions=[], reason=REASON, command_id="c2")[0]
        no_criterion = site.desk.report_adverse_event(
            "S001", event="AE2", term="Fever", grade=1, onset=site.today, serious=iter(())
        )
        assert isinstance(no_criterion[0].fact, AdverseEventReported)
        assert not no_criterion[0].fact.serious
        given = site.desk.give_chemotherapy(
            "S001", regimen="HiDAC", agents=(one for one in ["cytarabine", "idarubicin"]), started_on=site.today
        )
        assert getattr(given[0].fact, "agents", None) == ("cytarabine", "idarubicin")


class TestContent:
    def test_the_criteria_of_seriousness_are_a_set_whatever_they_come_in(self, site: Site) -> None:
        criteria = [Seriousness.LIFE_THREATENING, Seriousness.HOSPITALIZATION, Seriousness.DISABILITY]

        def report(serious: Iterable[object]) -> object:
            return site.desk.report_adverse_event(
                "S001",
                event="AE1",
                term="Fever",
                grade=3,
                onset=day(0),
                serious=serious,  # type: ignore[arg-type]  # words, and sets
                command_id="c1",
            )

        first = report(criteria)
        for order in itertools.permutations(criteria):
            assert report(order) == report(set(order)) == report([one.value for one in order]) == first
        assert report([*criteria, *criteria]) == first

    def test_a_number_is_the_same_however_many_zeros_it_is_written_with(self, site: Site) -> None:
        first = site.desk.infuse(
            "S001", level=1, started_at=site.today, fraction="0.5", deviation="a part", command_id="c"
        )
        again = site.desk.infuse(
            "S001", level=1, started_at=site.today, fraction="0.50", deviation="a part", command_id="c"
        )
        assert again == first

    def test_it_is_the_same_in_every_process(self) -> None:
        script = (
            "from trialdomain.storage.request import fingerprint; from trialdomain import Seriousness, lab;"
            "print(fingerprint({'b', 'a', 'c'}, frozenset(Seriousness), {'y': 1, 'x': {2, 3}},"
            " lab('ANC', '0.4', '10^9/L', collected_at='2026-03-03')).hex())"
        )
        said = {
            subprocess.run(
                [sys.executable, "-c", script],
                check=True,
                capture_output=True,
                env=os.environ | {"PYTHONHASHSEED": seed},
            ).stdout
            for seed in ("0", "1", "2", "3")
        }
        assert len(said) == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("1", 1),
            (True, 1),
            (None, "None"),
            (["a", "b"], ["b", "a"]),
            ([["a"], "b"], ["a", "b"]),
            (Decimal("0.5"), "0.5"),
            (Dose(amount=Decimal(1), unit="mg"), Dose(amount=Decimal(1), unit="ug")),
            (Seriousness.DISABILITY, "disability"),
            ({"a": 1}, {"a": 2}),
        ],
    )
    def test_what_differs_is_told_apart(self, one: object, other: object) -> None:
        assert fingerprint(one) != fingerprint(other)

    @pytest.mark.parametrize(
        "given", [object(), (x for x in "a"), iter([1]), uuid4(), int, len, [object()], {"a": iter(())}]
    )
    def test_what_has_no_content_is_refused(self, given: object) -> None:
        with pytest.raises(RequestUnreadable, match="which no fact can hold"):
            fingerprint(given)

    def test_nor_has_what_holds_itself(self) -> None:
        given: list[object] = []
        given.append(given)
        with pytest.raises(RequestUnreadable):
            fingerprint(given)


class TestKinds:
    @pytest.mark.parametrize("given", [uuid4(), 0, 7, b"c1", ["c1"], "", "a b", object(), True, Decimal(1)])
    def test_a_command_id_is_a_code(self, site: Site, given: object) -> None:
        before = site.trial.history().position
        with pytest.raises(InputInvalid, match="is not a valid command code"):
            site.desk.record_relapse("S001", on=day(0), command_id=given)  # type: ignore[arg-type]  # what it is about
        ids = Trials(site.trials._store, clock=site.clock, new_id=lambda: given)  # type: ignore[arg-type, return-value]  # noqa: SLF001 - the same log
        desk = ids.trial(OPEN.trial).acting(INVESTIGATOR)
        with pytest.raises(InputInvalid, match="is not a valid command code"):
            desk.record_relapse("S001", on=day(0))
        assert site.trial.history().position == before

    def test_a_user_is_asked_once_who_that_is(self, site: Site) -> None:
        class Two(User):
            """Says something else the second time."""

            @override
            def __getattribute__(self, name: str) -> object:
                if name == "id":
                    Two.asked += 1
                    return "investigator" if Two.asked == 1 else "somebody-else"
                return super().__getattribute__(name)

            asked = 0

        user = Two(id="x", name="Investigator", role=INVESTIGATOR.role, organization="Site")
        Two.asked = 0
        entries = site.trial.acting(user).record_relapse("S001", on=day(0))
        assert len({entry.meta.user for entry in entries}) == 1

    def test_numbers_of_values_are_decimals_whole_numbers_or_texts(self) -> None:
        assert Dose(amount="1.50", unit="mg") == Dose(amount=Decimal("1.5"), unit="mg")
        assert Dose(amount=1, unit="mg").amount == Decimal(1)
        assert Finding(name="WBC", number=3).number == Decimal(3)
        for given in (1.5, None, True, b"1", "one", object()):
            with pytest.raises(ValueError, match=r"amount|is not a number"):
                Dose(amount=given, unit="mg")  # type: ignore[arg-type]  # what it is about

    def test_a_whole_number_that_json_readers_disagree_about_is_refused(self, site: Site) -> None:
        with pytest.raises(FactMalformed):
            site.desk.consent("S002", signed_on=day(0), form_version="1", age=151)
        with pytest.raises(InputInvalid, match="larger than 9007199254740991"):
            site.desk.start_chemotherapy("S001", on=day(0), regimen="HiDAC", cycle=2**53)


JUNK: list[object] = [
    None,
    0,
    -1,
    1.5,
    float("nan"),
    True,
    b"x",
    "",
    "x" * 5_000,
    "\ud800",
    [],
    {},
    object(),
    uuid4(),
    Decimal("NaN"),
    Decimal(1),
    {1, 2},
    int,
    datetime(2026, 3, 1),  # noqa: DTZ001 - it is what is tried
    datetime(2026, 3, 1, tzinfo=UTC),
    date(1, 1, 1),
    10**30,
    [None],
    [[1]],
    {"a": object()},
    ZeroDivisionError(),
    "2026-13-45",
    "S001/..",
    range(3),
]


def sensible(site: Site) -> Mapping[str, object]:
    """Give an argument for each name that a use case has."""
    today = site.today
    (entry, *_) = site.desk.report_adverse_event("S001", event="AE1", term="Fever", grade=1, onset=today)
    return {
        "subject": "S001",
        "on": today,
        "why": "because of a question",
        "purpose": "phase II",
        "rationale": "no DLT in three",
        "signed_on": today,
        "form_version": "1",
        "level": 1,
        "to_level": 1,
        "gate": "infusion",
        "regimen": "HiDAC",
        "agents": ["cytarabine"],
        "started_on": today,
        "started_at": today,
        "results": [lab("ANC", "1", "10^9/L", collected_at=today)],
        "signs": [],
        "product": "platelets",
        "agent": "x",
        "route": "oral",
        "kind": "y",
        "event": "AE9",
        "term": "Fever",
        "grade": 1,
        "onset": today,
        "scope": "treatment",
        "last_contact": today,
        "protocol": nct06245746(),
        "effective_on": today,
        "summary": "in other words",
        "reason": REASON,
        "entry": entry,
        "place": "/nowhere/at/all",
    }


NOT_TRIED = {"self", "place", "progress", "signer"}


def use_cases() -> list[tuple[str, str]]:
    """Name each argument of each use case."""
    methods = inspect.getmembers(Desk, inspect.isfunction)
    return [
        (name, argument)
        for name, method in methods
        if not name.startswith("_")
        for argument, parameter in inspect.signature(method).parameters.items()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
        and argument not in {"self", "place", "progress", "signer"}
    ]


def refusal(act: Callable[[], object]) -> TrialError | None:
    try:
        act()
    except TrialError as error:
        return error
    return None


@pytest.mark.parametrize("use_case", sorted({name for name, _ in use_cases()}))
def test_whatever_is_given_is_recorded_or_refused_in_one_sentence(use_case: str) -> None:
    site = Site()
    site.treat("S001")
    known = sensible(site)
    method = getattr(site.desk, use_case)
    parameters = inspect.signature(method).parameters
    needed = {name: known[name] for name, one in parameters.items() if name in known and one.default is one.empty}
    for argument in (argument for name, argument in use_cases() if name == use_case):
        for number, junk in enumerate([*JUNK, iter([1]), (x for x in "a")]):
            before = site.trial.history().position
            error = refusal(lambda junk=junk, argument=argument: method(**(needed | {argument: junk})))  # type: ignore[misc]  # called at once
            if error is not None:
                assert "\n" not in str(error), (argument, number)
                assert site.trial.history().position == before, (argument, number)


def test_a_study_of_facts_of_another_kind_is_refused(site: Site, tmp_path: Path) -> None:
    assert tmp_path.is_dir()
    for given in (RESULTS[0], "ANC", [RESULTS[0], "ANC"], 5, None, {"a": RESULTS[0]}, [1]):
        with pytest.raises(FactMalformed, match="laboratory results cannot be recorded"):
            site.desk.record_labs("S001", given)  # type: ignore[arg-type]  # what it is about


class TestSpellings:
    """The same request in other words: each pair is one request, under one command id."""

    def test_days_and_times_as_texts_or_objects(self, site: Site) -> None:
        at, text = datetime(2026, 3, 1, 9, 30, tzinfo=UTC), "2026-03-01T09:30:00+00:00"
        pairs: tuple[tuple[When, When], ...] = ((at, text), (date(2026, 3, 1), "2026-03-01"))
        signers: tuple[Any, Any] = ("participant", Signer.PARTICIPANT)
        for when in pairs:
            name = f"N{type(when[0]).__name__}"
            entries = [
                site.desk.consent(name, signed_on=one, form_version="1", signer=signer, command_id=f"c-{name}")
                for one, signer in zip(when, signers, strict=True)
            ]
            assert entries[0] == entries[1] != []
            site.desk.screen(name, on=date(2026, 3, 1), command_id=f"s-{name}")
            enrolled = [site.desk.enroll(name, on=one, command_id=f"e-{name}") for one in when]
            assert enrolled[0] == enrolled[1] != []

    def test_words_and_orders_of_a_correction(self, site: Site) -> None:
        (event, *_) = site.desk.report_adverse_event("S001", event="AE1", term="Fever", grade=3, onset=day(0))
        both = [Seriousness.DISABILITY, Seriousness.HOSPITALIZATION]
        first = site.desk.correct(
            event, outcome=Outcome.RECOVERED, seriousness=both, serious=True, reason=REASON, command_id="c1"
        )
        again = site.desk.correct(
            event, outcome="recovered", seriousness=set(both), serious=True, reason=REASON, command_id="c1"
        )
        assert again == first != []

    def test_orders_of_what_has_none(self, site: Site) -> None:
        for given in (["a", "b"], {"a", "b"}, ("b", "a"), iter(["b", "a"])):
            entries = site.desk.give_chemotherapy(
                "S001", regimen="R", agents=given, started_on=site.today, command_id="c1"
            )
            assert len(entries) == 1
        one = site.desk.record_labs("S001", RESULTS[:0], command_id="c2")
        assert one == []

    def test_numbers_under_any_decimal_context(self, site: Site) -> None:
        site.on(2)
        with localcontext(prec=3) as context:
            context.traps[Inexact] = True
            first = site.desk.record_labs("S001", [lab("ANC", "1.2341", "10^9/L", collected_at=day(1))], command_id="c")
        again = site.desk.record_labs("S001", [lab("ANC", "1.23410", "10^9/L", collected_at=day(1))], command_id="c")
        assert again == first != []
        other = [lab("ANC", "1.2309", "10^9/L", collected_at=day(1))]
        with localcontext(prec=3), pytest.raises(CommandReused):
            site.desk.record_labs("S001", other, command_id="c")
        assert fingerprint(Decimal("-0")) == fingerprint(Decimal("0.00"))


@pytest.mark.parametrize("given", [b"filgrastim", bytearray(b"x"), memoryview(b"x"), float("nan"), Signer])
def test_what_json_would_write_as_something_else_is_refused(site: Site, given: object) -> None:
    before = site.trial.history().position
    acts: list[Callable[[], object]] = [
        lambda: site.desk.give_medication("S001", agent=given, route="oral", started_on=site.today),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.give_chemotherapy("S001", regimen="R", agents=[given], started_on=site.today),  # type: ignore[list-item]  # what it is about
        lambda: site.desk.give_chemotherapy("S001", regimen="R", agents=given, started_on=site.today),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.consent("S009", signed_on=site.today, form_version="1", age=given),  # type: ignore[arg-type]  # what it is about
    ]
    for act in acts:
        with pytest.raises(InputInvalid):
            act()
    assert site.trial.history().position == before


@pytest.mark.parametrize("given", [pytest.param(10**5000, id="digits"), None, object(), "\ud800", "a\nb", []])
def test_whatever_is_named_is_refused_in_one_line(site: Site, given: object) -> None:
    acts: list[Callable[[], object]] = [
        lambda: site.trials.trial(given),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.record_relapse(given, on=day(0)),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.record_relapse("S001", on=day(0), command_id=given if given is not None else 0),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.enroll("S001", on=day(0), level=given if given is not None else 0),  # type: ignore[arg-type]  # what it is about
        lambda: site.desk.decide_escalation(on=given),  # type: ignore[arg-type]  # what it is about
    ]
    for act in acts:
        with pytest.raises(InputInvalid) as caught:
            act()
        assert "\n" not in str(caught.value)
    for name in ("clock", "new_id", "permit"):
        with pytest.raises(InputInvalid, match=f"{name} is '1', which cannot be called"):
            Trials.open("memory:", **{name: 1})  # type: ignore[arg-type]  # what it is about


class TestWhatAFieldMustBe:
    """One plain sentence: which field, what it must be, what was given; of an enumeration all its words."""

    SENTENCES: ClassVar = {
        "a text for a number": (
            lambda desk: desk.consent("S9", signed_on=DAY0, form_version="1", age="42"),
            "Consented cannot be recorded: age must be a whole number or None, got the text '42'",
        ),
        "a number for a day": (
            lambda desk: desk.consent("S9", signed_on=20260302, form_version="1"),
            (
                "Consented cannot be recorded: signed_on must be a day or a time such as '2026-03-02', "
                "got the number 20260302"
            ),
        ),
        "a day written otherwise": (
            lambda desk: desk.consent("S9", signed_on="02.03.2026", form_version="1"),
            (
                "Consented cannot be recorded: signed_on: '02.03.2026' is not a clinical time: write 2026, 2026-03, "
                "2026-03-02, or 2026-03-02T10:15+08:00"
            ),
        ),
        "a label that no level can have": (
            lambda desk: desk.infuse("S001", level="1/2", started_at=DAY0),
            (
                "Infused cannot be recorded: level 1/2 is not the label of a level: use a whole number, or up to 20 "
                "letters, digits, dots, dashes, pluses and underscores, a letter among them"
            ),
        ),
        "a grade that CTCAE has not": (
            lambda desk: desk.report_adverse_event("S001", event="A", term="Fever", grade=6, onset=DAY0),
            "AdverseEventReported cannot be recorded: grade must be a whole number from 1 to 5, got 6",
        ),
        "a performance status that ECOG has not": (
            lambda desk: desk.start_chemotherapy("S001", on=DAY0, regimen="x", ecog=6),
            "ChemotherapyStarted cannot be recorded: ecog must be a whole number from 0 to 5, got 6",
        ),
        "a word of no enumeration": (
            lambda desk: desk.answer_criteria("S001", gate="nogate", on=DAY0),
            (
                "CriteriaAnswered cannot be recorded: gate must be one of screening, chemotherapy, infusion, "
                "got the text 'nogate'"
            ),
        ),
        "a word with a slip": (
            lambda desk: desk.answer_criteria("S001", gate="Infusio", on=DAY0),
            (
                "CriteriaAnswered cannot be recorded: gate must be one of screening, chemotherapy, infusion, "
                "got the text 'Infusio'; the nearest is infusion"
            ),
        ),
        "a value for a part": (
            lambda desk: desk.infuse("S001", level=1, started_at=DAY0, dose="5"),
            "Infused cannot be recorded: dose must be a Dose or None, got the text '5'",
        ),
    }

    @pytest.mark.parametrize(("act", "sentence"), SENTENCES.values(), ids=SENTENCES.keys())
    def test_the_sentence_names_the_field_and_both(self, act: Callable[[Any], object], sentence: str) -> None:
        with pytest.raises(FactMalformed) as refused:
            act(Site().desk)
        assert str(refused.value) == sentence

    @pytest.mark.parametrize(
        ("make", "sentence"),
        [
            (
                lambda: User(id="li", name="Li Na", role="boss", organization="Site 1"),
                (
                    "role must be one of investigator, coordinator, data-manager, monitor, safety-committee, sponsor, "
                    "software, got the text 'boss'"
                ),
            ),
            (
                lambda: Attribution(agent="drug", assessor="sponsor", relatedness="likely"),
                "agent must be one of infusion, chemotherapy, disease, got the text 'drug'",
            ),
            (
                lambda: Attribution(agent="infusion", assessor="sponsor", relatedness="maybe"),
                (
                    "relatedness must be one of unrelated, unlikely, possibly, likely, definitely, not-assessed, "
                    "got the text 'maybe'"
                ),
            ),
            (
                lambda: Attribution(agent="infusion", assessor=NOTHING, relatedness="likely"),
                "assessor must be one of investigator, sponsor, got None",
            ),
        ],
    )
    def test_a_word_that_is_none_is_refused_where_it_is_given(self, make: Callable[[], object], sentence: str) -> None:
        with pytest.raises(WordUnknown) as refused:
            make()
        assert str(refused.value) == sentence

    def test_a_word_may_be_given_as_its_text(self) -> None:
        given = Attribution(agent="infusion", assessor="sponsor", relatedness="likely")
        assert given == Attribution(agent=Agent.INFUSION, assessor=Assessor.SPONSOR, relatedness=Relatedness.LIKELY)
        assert type(given.agent) is Agent
