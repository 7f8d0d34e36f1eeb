"""The protocol: parameters, validation with all faults at once, and the round trip through TOML."""

from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from catalogue import META

from trialdomain import Dose, DoseLevel, LogUnusable, TrialProtocol, nct06245746
from trialdomain.events.trial import TrialRegistered
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml, read_protocol
from trialdomain.protocol.conduct_rules import EvaluableRule, Stagger
from trialdomain.protocol.criteria import Answer, Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule, ExpectedToxicity
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia, Recovery
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.storage.codec import StateMalformed, decode, encode
from trialdomain.values.clinical.screening import Gate


class TestThePreset:
    def test_is_the_registered_trial(self) -> None:
        # NCT06245746: three escalation dose levels, target recruitment 9, one site in Wuhan.
        protocol = nct06245746()
        assert (protocol.trial, len(protocol.levels), protocol.target_recruitment) == ("NCT06245746", 3, 9)
        assert protocol.zone == "Asia/Shanghai"

    def test_invents_no_dose(self) -> None:
        assert {level.dose for level in nct06245746().levels} == {None}
        doses = [Dose(amount=Decimal(n), unit="10*9") for n in (1, 2, 4)]
        assert [level.dose for level in nct06245746(doses=doses).levels] == doses
        with pytest.raises(ProtocolInvalid, match="has 3 dose levels, but 1 dose was given"):
            nct06245746(doses=doses[:1])

    def test_has_9_inclusion_and_25_exclusion_items_in_40_atomic_criteria(self) -> None:
        criteria = nct06245746().criteria
        ids = [criterion.id for criterion in criteria]
        items = {id_.rstrip("abcd12") if id_.startswith(("I7", "I8", "E12a", "E12b")) else id_ for id_ in ids}
        assert len(ids) == len(set(ids)) == 40
        assert sum(criterion.kind is CriterionKind.INCLUSION for criterion in criteria) == 14
        assert len({id_ for id_ in items if id_.startswith("I")}) == 9
        assert ids[14:] == [*(f"E{n}" for n in range(1, 12)), "E12a", "E12b", *(f"E{n}" for n in range(13, 26))]

    def test_judges_performance_status_at_chemotherapy_and_cell_division_at_the_infusion(self) -> None:
        later = {c.id: c.gate for c in nct06245746().criteria if c.gate is not Gate.SCREENING}
        assert later == {"I5": Gate.CHEMOTHERAPY, "E15": Gate.INFUSION}

    def test_machine_evaluable_and_attested_criteria_are_those_of_the_analysis(self) -> None:
        by_answer = {answer: [c.id for c in nct06245746().criteria if c.answer is answer] for answer in Answer}
        assert by_answer[Answer.FACTS] == [
            "I1",
            "I3",
            "I4",
            "I5",
            "I7a",
            "I7b",
            "I7c1",
            "I7c2",
            "I7d",
            "I8a",
            "I8b",
            "E22",
        ]
        attested = "I6 I9 E1 E3 E5 E6 E7 E8 E14 E16 E17 E19 E20 E23 E24 E25"
        assert by_answer[Answer.ATTESTATION] == attested.split()


def dose_of(text: str) -> Dose:
    amount, _, unit = text.partition(" ")
    return Dose(amount=amount, unit=unit)


class TestFaults:
    def test_every_fault_of_a_protocol_is_named_at_once(self) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            TrialProtocol(
                trial="a b",
                title=" ",
                version="",
                levels=(DoseLevel(level=1), DoseLevel(level=3, dose=Dose(amount=Decimal(1), unit="mg"))),
                zone="Mars/Olympus",
                target_recruitment=0,
                max_infused=-1,
                administrations=0,
                open_levels_max=2,
                screening_validity_days=-1,
                dose_tolerance=Decimal(2),
                dlt=None,
            )
        assert len(refused.value.faults) == 13
        assert str(refused.value).startswith("the protocol has 13 faults: ")

    @pytest.mark.parametrize(
        ("make", "faults"),
        [
            (lambda: DltRule(min_grade=0, window_days=-1, related=()), 3),
            (lambda: EvaluableRule(min_fraction=Decimal("1.1")), 1),
            (lambda: Stagger(first_to_second_days=-1, between_days=-2), 2),
            (lambda: CytopeniaRule(beyond_day=-1), 2),
            (lambda: ExpectedToxicity(term="", up_to_grade=6), 2),
            (lambda: EndpointRules(window_days=0, max_gap_days=0, infection_min_grade=6), 3),
            (lambda: FactTest(finding="", comparison=Comparison.AT_LEAST), 2),
            (lambda: Criterion(id="X", kind=CriterionKind.INCLUSION, meaning="x", answer=Answer.FACTS), 1),
            # Days and numbers with which no window, and no value, could be computed.
            (lambda: DltRule(window_days=10**9), 1),
            (lambda: Stagger(first_to_second_days=10**9, between_days=10**9), 2),
            (
                lambda: EndpointRules(window_days=10**9, safety_days=(10**9,), max_gap_days=10**9, baseline_days=10**9),
                4,
            ),
            (lambda: FebrileNeutropenia(pairing_hours=10**9, temperature_above=Decimal("9E+999999")), 2),
            (lambda: FebrileNeutropenia(axillary_offset=Decimal("1E-999999")), 1),
            (lambda: Recovery(threshold=Decimal("1E-999999")), 1),
            (lambda: CytopeniaRule(anc_below=Decimal("1E-999999")), 1),
            (lambda: EvaluableRule(min_fraction=Decimal("1E-999999")), 1),
            (lambda: FactTest(finding="x", comparison=Comparison.AT_LEAST, number=Decimal("1E-999999")), 1),
            (lambda: FactTest(finding="x", comparison=Comparison.WITHIN_DAYS, number=Decimal(36_501)), 1),
            (lambda: FactTest(finding="x", comparison=Comparison.NOT_WITHIN_DAYS, number=Decimal(-1)), 1),
            (lambda: FactTest(finding="x", comparison=Comparison.WITHIN_MONTHS, number=Decimal(1_201)), 1),
        ],
    )
    def test_every_part_names_its_own(self, make: object, faults: int) -> None:
        assert callable(make)
        with pytest.raises(ProtocolInvalid) as refused:
            make()
        assert len(refused.value.faults) == faults

    @pytest.mark.parametrize(("number", "said"), [(2, "2"), (3, "3"), (None, "none")])
    def test_a_design_with_administrations_other_than_1_is_refused(self, number: int | None, said: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            attrs.evolve(nct06245746(), administrations=number)
        assert refused.value.faults == (
            (
                f"administrations must be 1 where there is a design, got {said}: its rules for a first infusion "
                f"(stagger, level in turn, slot, window) would be applied to each one; leave out the design, or infuse "
                f"once"
            ),
        )

    @pytest.mark.parametrize("number", [0, -1, True])
    def test_a_number_of_administrations_that_is_none_is_one_fault(self, number: int) -> None:
        with pytest.raises(ProtocolInvalid, match="administrations must be a whole number of at least 1") as refused:
            attrs.evolve(nct06245746(), administrations=number)
        assert len(refused.value.faults) == 1

    @pytest.mark.parametrize("number", [1, 2, 36, None])
    def test_without_a_design_any_number_of_administrations_is_taken(self, number: int | None) -> None:
        bare = attrs.evolve(nct06245746(), administrations=number, design=None)
        assert protocol_from_toml(protocol_to_toml(bare)) == bare

    @pytest.mark.parametrize("line", ["administrations = 2", 'administrations = "none"'])
    def test_so_it_is_where_a_file_is_read(self, line: str) -> None:
        text = protocol_to_toml(nct06245746()).replace("administrations = 1", line)
        assert line in text
        with pytest.raises(ProtocolInvalid, match="administrations must be 1 where there is a design"):
            protocol_from_toml(text)

    def test_so_it_is_where_an_entry_is_read(self) -> None:
        name, state = encode(TrialRegistered(protocol=nct06245746()), META)
        stored = state.replace(b'"administrations":1', b'"administrations":2')
        assert stored != state
        with pytest.raises(StateMalformed, match="administrations must be 1 where there is a design"):
            decode(name, stored)

    @pytest.mark.parametrize(
        ("amounts", "fault"),
        [((1, 1, 2), "must rise"), ((3, 2, 1), "must rise")],
    )
    def test_doses_rise(self, amounts: tuple[int, ...], fault: str) -> None:
        with pytest.raises(ProtocolInvalid, match=fault):
            nct06245746(doses=[Dose(amount=Decimal(n), unit="mg") for n in amounts])

    @pytest.mark.parametrize(
        ("doses", "fault"),
        [
            (("1 mg", "2 mg/kg", "3 mg"), "must all be in all, or all per kg, or all per m2"),
            (("1 mg/kg", "2 mg/m2", "3 mg/kg"), "must all be in all, or all per kg, or all per m2"),
            (("1 mg", "2 mL", "3 mg"), "units of different kinds, which cannot be compared"),
            (("1 {cells}", "2 {particles}", "3 {cells}"), "units of different kinds, which cannot be compared"),
            (("1 10*6{cells}", "10 10*5{cells}", "1 10*7{cells}"), "must rise from level to level"),
            (("1 g", "2 mg", "3 mg"), "must rise from level to level"),
        ],
    )
    def test_doses_are_compared(self, doses: tuple[str, ...], fault: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            nct06245746(doses=[dose_of(one) for one in doses])
        [found] = refused.value.faults
        assert fault in found

    @pytest.mark.parametrize(
        ("tolerance", "said"),
        [
            # 10 mg is 20 (1 - t) mg at t = 1/2; 20 mg is 60 (1 - t) mg at t = 2/3.
            (
                "0.9",
                ("level 1 (10 mg) could belong to level 2 (20 mg)", "level 2 (20 mg) could belong to level 3 (60 mg)"),
            ),
            ("0.5", ("level 1 (10 mg) could belong to level 2 (20 mg)",)),
            ("0.49", ()),
        ],
    )
    def test_the_dose_of_a_level_belongs_to_no_other(self, tolerance: str, said: tuple[str, ...]) -> None:
        levels = ", ".join(
            f'{{level = {level}, dose = {{amount = {amount}, unit = "mg"}}}}'
            for level, amount in ((1, 10), (2, 20), (3, 60))
        )
        text = f'trial = "T"\ntitle = "t"\nversion = "1"\ndose_tolerance = {tolerance}\nlevels = [{levels}]\n'
        found: tuple[str, ...] = ()
        try:
            protocol_from_toml(text)
        except ProtocolInvalid as refused:
            found = refused.faults
        assert found == tuple(
            f"dose_tolerance is {tolerance}, so that the dose of {both}: "
            f"it must be below {'1/2' if 'level 1' in both else '2/3'}"
            for both in said
        )

    def test_numbers_of_levels_rise_with_their_places(self) -> None:
        def of(*labels: int | str) -> TrialProtocol:
            levels = tuple(DoseLevel(level=place, label=label) for place, label in enumerate(labels, start=1))
            return TrialProtocol(trial="T", title="t", version="1", levels=levels)

        assert of(-2, -1, 1, "1a", 2).labels == (-2, -1, 1, "1a", 2)
        assert of("B", "A").labels == ("B", "A")
        with pytest.raises(ProtocolInvalid) as refused:
            of(2, "x", 1, 4, 3)
        assert refused.value.faults == (
            (
                "level 1 is above level 2 in the order of escalation, and a reader takes 2 for the higher dose: "
                "give the levels numbers that rise, or names such as 2a"
            ),
            (
                "level 3 is above level 4 in the order of escalation, and a reader takes 4 for the higher dose: "
                "give the levels numbers that rise, or names such as 4a"
            ),
        )

    def test_doses_in_units_of_one_kind_are_taken(self) -> None:
        doses = [dose_of(one) for one in ("1 10*6{cells}/kg", "3 10*6{cells}/kg", "1 10*7{cells}/kg")]
        protocol = nct06245746(doses=doses)
        assert [str(level.dose) for level in protocol.levels] == [str(dose) for dose in doses]

    def test_criteria_stand_once(self) -> None:
        criteria = nct06245746().criteria
        with pytest.raises(ProtocolInvalid, match="criterion I1 is listed 2 times"):
            attrs.evolve(nct06245746(), criteria=(*criteria, criteria[0]))


SUCH_AS = "write it in UCUM, such as mg, MBq, [iU], 10*8{cells} or mg/kg"
ONE_LEVEL = """
trial = "T1"
title = "By weight"
version = "1"
levels = [{{level = 1, dose = {{{}}}}}]
"""


def with_criteria(*tests: tuple[str, str, int | None]) -> str:
    """Give a protocol file with criteria C1, C2, ... about the age, each with a kind, a comparison and a number."""
    text = 'trial = "T"\ntitle = "T"\nversion = "1"\nlevels = [{level = 1}]\n'
    for number, (kind, comparison, limit) in enumerate(tests, start=1):
        value = "" if limit is None else f", number = {limit}"
        text += (
            f'[[criteria]]\nid = "C{number}"\nkind = "{kind}"\nmeaning = "a criterion"\nanswer = "facts"\n'
            f'tests = [{{finding = "age", comparison = "{comparison}"{value}}}]\n'
        )
    return text


class TestToml:
    def test_the_preset_comes_back_with_every_number_as_it_stood(self) -> None:
        protocol = nct06245746(doses=[Dose(amount=Decimal(n), unit="mg") for n in ("0.10", "1.0", "2")])
        text = protocol_to_toml(protocol)
        assert protocol_from_toml(text) == protocol
        assert protocol_to_toml(protocol_from_toml(text)) == text
        assert str(protocol_from_toml(text).dose_tolerance) == "0.10"

    @pytest.mark.parametrize(
        "dose",
        [
            'amount = 100000000, unit = "{cells}", per = "kg"',
            'amount = 100000000, unit = "{cells}/kg"',
            'amount = 100000000, unit = "{cells}/kg", per = "kg"',
            'amount = 100000000, unit = " {cells} / kg"',
        ],
    )
    def test_a_dose_per_kg_has_one_form(self, dose: str) -> None:
        protocol = protocol_from_toml(ONE_LEVEL.format(dose))
        given = protocol.level(1).dose
        assert given is not None
        assert (str(given.amount), given.unit, given.per) == ("100000000", "{cells}", "kg")
        assert 'dose = { amount = 100000000, unit = "{cells}", per = "kg" }' in protocol_to_toml(protocol)
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    @pytest.mark.parametrize(
        ("dose", "fault"),
        [
            ('amount = 1, unit = "cells"', "levels[1].dose: unit 'cells' is no unit of a dose: write {cells}"),
            (
                'amount = 1, unit = "cells", per = "kg"',
                "levels[1].dose: unit 'cells' is no unit of a dose: write {cells}",
            ),
            (
                'amount = 1, unit = "foo"',
                f"levels[1].dose: unit 'foo' is no unit of a dose: {SUCH_AS}",
            ),
            (
                'amount = 1, unit = "mg/kg", per = "m2"',
                "levels[1].dose: unit 'mg/kg' is per kg, but per is m2: leave out one of them",
            ),
            ("amount = 1", "levels[1].dose.unit: is missing"),
        ],
    )
    def test_a_unit_that_is_none_is_refused_in_its_place(self, dose: str, fault: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(ONE_LEVEL.format(dose))
        assert refused.value.faults == (fault,)

    def test_a_body_that_is_none_is_refused(self) -> None:
        with pytest.raises(ProtocolInvalid, match=r"levels\[1\]\.dose\.per must be one of kg, m2, got the text 'lb'"):
            protocol_from_toml(ONE_LEVEL.format('amount = 1, unit = "mg", per = "lb"'))

    @pytest.mark.parametrize(
        ("first", "second", "fault"),
        [
            (("inclusion", "at-least", 18), ("inclusion", "at-most", 17), "age >= 18 and age <= 17"),
            (("inclusion", "at-least", 18), ("exclusion", "at-least", 18), "age >= 18 and age < 18"),
            (("exclusion", "at-most", 60), ("exclusion", "at-least", 60), "age > 60 and age < 60"),
            (("inclusion", "is-so", None), ("exclusion", "is-so", None), "age yes and age no"),
            (("inclusion", "is-so", None), ("inclusion", "is-not-so", None), "age yes and age no"),
        ],
    )
    def test_criteria_that_nobody_can_meet_are_refused(
        self, first: tuple[str, str, int | None], second: tuple[str, str, int | None], fault: str
    ) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(with_criteria(first, second))
        assert refused.value.faults == (f"criteria C1 and C2 contradict each other: {fault} cannot both be",)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("inclusion", "at-least", 18), ("inclusion", "at-most", 18)),
            (("inclusion", "at-least", 18), ("exclusion", "at-least", 61)),
            (("inclusion", "at-least", 18), ("inclusion", "at-least", 21)),
            (("inclusion", "is-so", None), ("exclusion", "is-not-so", None)),
        ],
    )
    def test_criteria_that_somebody_can_meet_are_taken(
        self, first: tuple[str, str, int | None], second: tuple[str, str, int | None]
    ) -> None:
        assert len(protocol_from_toml(with_criteria(first, second)).criteria) == 2

    @pytest.mark.parametrize(
        ("finding", "named", "meant"),
        [
            ("agee", "", " (did you mean age?)"),
            ("stored_cd34", "", ""),
            ("stored_cd43", 'findings = ["stored_cd34"]', " (did you mean stored_cd34?)"),
        ],
    )
    def test_a_finding_that_does_not_exist_is_refused(self, finding: str, named: str, meant: str) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(
                f"{named}\n" + with_criteria(("inclusion", "at-least", 18)).replace('"age"', f'"{finding}"')
            )
        [fault] = refused.value.faults
        assert fault == (
            f"criterion C1 tests '{finding}', which is no finding that this library knows{meant}: "
            "correct the name, or list it in findings"
        )

    @pytest.mark.parametrize(
        ("finding", "named"),
        [("age", ""), ("SGPT", ""), ("Karnofsky", ""), ("LDH", ""), ("stored cd34", 'findings = ["stored_CD34"]')],
    )
    def test_a_finding_that_is_known_or_named_is_taken(self, finding: str, named: str) -> None:
        text = with_criteria(("inclusion", "at-least", 18)).replace('"age"', f'"{finding}"')
        assert len(protocol_from_toml(f"{named}\n{text}").criteria) == 1

    def test_a_window_longer_than_the_observation_is_refused(self) -> None:
        protocol = nct06245746()
        assert attrs.evolve(protocol, dlt=DltRule(window_days=365)).dlt == DltRule(window_days=365)
        with pytest.raises(ProtocolInvalid, match=r"dlt\.window_days is 366, and participants are observed for 365"):
            attrs.evolve(protocol, dlt=DltRule(window_days=366))

    def test_what_is_taken_away_stays_away(self) -> None:
        bare = attrs.evolve(nct06245746(), administrations=None, design=None, dlt=None, zone=None)
        assert protocol_from_toml(protocol_to_toml(bare)) == bare

    def test_a_file_gives_only_what_differs_from_the_defaults(self, tmp_path: Path) -> None:
        path = tmp_path / "protocol.toml"
        path.write_text(
            'trial = "T1"\ntitle = "A trial"\nversion = "1"\nlevels = [{level = 1}, {level = 2}]\n'
            "[dlt]\nmin_grade = 3\n[stagger]\nbetween_days = 2\n"
        )
        protocol = read_protocol(path)
        assert protocol.dlt == DltRule(min_grade=3)
        assert protocol.stagger == Stagger(between_days=2)
        assert protocol.evaluable == EvaluableRule()

    def test_every_fault_is_named_with_its_place(self) -> None:
        text = (
            'trial = "a b"\nversion = 3\nfoo = 1\nlevels = [{level = 1}, {level = 3}]\ndesign = "CRM"\n'
            "[dlt]\nmin_grade = 9\nwindow_days = -1\nrelated = ['possibly', 'perhaps']\n"
            "[evaluable]\nmin_fraction = 1.5\n"
            "[[criteria]]\nid = 'X'\n"
        )
        with pytest.raises(ProtocolInvalid) as refused:
            protocol_from_toml(text)
        for fault in (
            "foo: there is no such parameter",
            "title: is missing",
            "version must be a text, got the number 3",
            'design: expected a table [design] with a name, such as name = "three-plus-three", or "none", got str',
            (
                "dlt.related[2] must be one of unrelated, unlikely, possibly, likely, definitely, not-assessed, "
                "got the text 'perhaps'"
            ),
            "dlt: dlt.min_grade must be from 1 to 5, got 9",
            "dlt: dlt.window_days must be a whole number of at least 0, and at most 36500, got -1",
            "evaluable: evaluable.min_fraction must be from 0 to 1, got 1.5",
            "criteria[1].kind: is missing",
        ):
            assert fault in refused.value.faults
        assert any("'a b' is not a valid trial code" in fault for fault in refused.value.faults)
        assert any("without a gap, got [1, 3]" in fault for fault in refused.value.faults)

    @pytest.mark.parametrize("text", ["=", "a = 1\na = 2", "x = " + "[" * 5_000, "trial = 1979-05-27", "levels = 3"])
    def test_what_is_no_protocol_is_refused(self, text: str) -> None:
        with pytest.raises(ProtocolInvalid):
            protocol_from_toml(text)

    def test_a_file_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(LogUnusable, match="No such file"):
            read_protocol(tmp_path / "nowhere.toml")
        (tmp_path / "latin.toml").write_bytes(b"title = '\xe9'")
        with pytest.raises(ProtocolInvalid, match="it is not UTF-8 at byte 10"):
            read_protocol(tmp_path / "latin.toml")
