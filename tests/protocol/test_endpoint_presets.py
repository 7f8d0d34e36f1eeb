"""Published variants of endpoint definitions by name, in Python and in TOML."""

from decimal import Decimal

import attrs
import pytest

from trialdomain import EndpointRules, Recovery, endpoint_rules
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.endpoints.describing import describe
from trialdomain.protocol.endpoints.parts import DeathAs, IntentCounted
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.presets.endpoints import PRESETS
from trialdomain.protocol.presets.nct06245746 import nct06245746

HEAD = 'trial = "T"\ntitle = "a trial"\nversion = "1"\nlevels = [{level = 1}]\n'


class TestByName:
    def test_each_sets_what_it_names_and_nothing_else(self) -> None:
        rules = endpoint_rules(anc_recovery="1.0", fn="idsa", platelets=25, bleeding="topps", death="censor")
        usual = EndpointRules()
        assert rules == attrs.evolve(
            usual,
            neutrophils=attrs.evolve(usual.neutrophils, threshold=Decimal("1.0")),
            febrile_neutropenia=attrs.evolve(usual.febrile_neutropenia, anc_below=Decimal("0.5"), inclusive=True),
            platelets=attrs.evolve(usual.platelets, threshold=Decimal(25)),
            bleeding_min_grade=2,
            death=DeathAs.CENSOR,
        )

    def test_the_first_variant_of_each_is_the_default(self) -> None:
        assert endpoint_rules(
            **{name: next(iter(variants)) for name, variants in PRESETS.items()} | {"fn_source": "either"}
        ) == (EndpointRules())

    def test_a_number_may_be_written_as_one(self) -> None:
        assert endpoint_rules(platelets=20) == endpoint_rules(platelets="20.0") == endpoint_rules(platelets=Decimal(20))

    def test_every_fault_is_named_at_once(self) -> None:
        with pytest.raises(ProtocolInvalid) as refused:
            endpoint_rules(platelets=30, color="red")
        assert refused.value.faults == (
            "platelets has no variant '30': there are 50, 25, 20",
            f"there is no preset 'color': there are {', '.join(PRESETS)}",
        )

    def test_every_variant_sets_parameters_that_some_endpoint_names(self) -> None:
        protocol = nct06245746()
        named = {name for one in protocol.endpoints.derived for name in describe(one, protocol).parameters}
        sets = {f"endpoints.{path}" for variants in PRESETS.values() for one in variants.values() for path in one.sets}
        assert sets - named == set()

    def test_every_parameter_that_an_endpoint_names_is_there(self) -> None:
        protocol = nct06245746()
        for one in protocol.endpoints.derived:
            for name, said in describe(one, protocol).parameters.items():
                value: object = protocol
                for part in name.split("."):
                    value = getattr(value, part)
                assert value == said


class TestInToml:
    def test_by_their_names(self) -> None:
        text = f'{HEAD}[endpoints]\nanc_recovery = "1.0"\nfn = "idsa"\nplatelets = 25\nintent = "treatment"\n'
        chosen = endpoint_rules(anc_recovery="1.0", fn="idsa", platelets=25, intent=IntentCounted.TREATMENT.value)
        assert protocol_from_toml(text).endpoints == chosen

    def test_a_number_given_beside_a_variant_wins(self) -> None:
        text = f'{HEAD}[endpoints]\nfn = "idsa"\n[endpoints.febrile_neutropenia]\nanc_below = 0.2\n'
        found = protocol_from_toml(text).endpoints.febrile_neutropenia
        assert (found.anc_below, found.inclusive) == (Decimal("0.2"), True)

    def test_a_table_that_gives_a_part_leaves_the_rest_at_its_default(self) -> None:
        text = f"{HEAD}[endpoints.platelets]\nthreshold = 25\n"
        assert protocol_from_toml(text).endpoints.platelets == Recovery(threshold=Decimal(25), transfusion_free_days=7)

    def test_there_and_back(self) -> None:
        rules = endpoint_rules(fn="idsa", platelets=20, prevalent="include", anchor="infusion")
        protocol = attrs.evolve(nct06245746(), endpoints=attrs.evolve(rules, hemoglobin_mmol=None))
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    @pytest.mark.parametrize(
        ("line", "fault"),
        [
            ('fn = "idso"', "endpoints: fn has no variant 'idso': there are ctcae, idsa"),
            ("platelets = 30", "endpoints: platelets has no variant '30': there are 50, 25, 20"),
            ("hemoglobin_mmol = 4.3", "endpoints: hemoglobin_mmol 4.3 is not the threshold of 80 g/L"),
            ("neutrophils = {threshold = 1.0, recovered_from = 0.5}", "recovered_from must be a number of at least"),
            ("safety_days = []", "safety_days must name some days"),
            ("safety_days = [28, 28]", "each larger than the one before"),
            ("bleeding_min_grade = 6", "bleeding_min_grade must be a grade from 1 to 5"),
        ],
    )
    def test_a_fault_is_named_with_its_place(self, line: str, fault: str) -> None:
        with pytest.raises(ProtocolInvalid, match=fault.replace("(", r"\(")):
            protocol_from_toml(f"{HEAD}[endpoints]\n{line}\n")


def test_every_endpoint_has_the_registrys_words() -> None:
    derived = nct06245746().endpoints.derived
    assert all(one.wording for one in derived)
    assert [one.id for one in derived] == ["P1", "P2", "P3", *(f"S{number}" for number in range(1, 14))]
    secondary = [one for one in derived if one.id.startswith("S")]
    assert {one.time_frame for one in secondary} == {"From the start of chemotherapy to up to 42 days"}
