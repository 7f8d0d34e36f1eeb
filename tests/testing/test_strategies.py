"""Strategies make what is valid, all kinds of it, and comes back from a log and from a file."""

import subprocess
import sys
from pathlib import Path

import pytest
from catalogue import META
from hypothesis import HealthCheck, Phase, given, settings
from repeating import in_full, times

from trialdomain import DesignSpec, TrialProtocol, design_of
from trialdomain.events.recorded import Fact
from trialdomain.events.registry import NAMES
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.designs import DESIGNS
from trialdomain.storage.codec import decode, encode
from trialdomain.testing import designs, facts, protocols
from trialdomain.testing.strategies.designs import MADE


@pytest.mark.parametrize("kind", NAMES, ids=lambda kind: str(kind.__name__))
def test_every_kind_of_fact_is_made_and_comes_back_from_a_log(kind: type[Fact]) -> None:
    @settings(max_examples=times(200, least=5))
    @given(fact=facts(kind))
    def test(fact: Fact) -> None:
        assert type(fact) is kind
        name, state = encode(fact, META)
        assert decode(name, state, strict=True)[0] == fact

    test()


@pytest.mark.soak
def test_facts_of_no_named_kind_are_of_every_kind() -> None:
    seen = set()

    @settings(
        max_examples=times(2_000, least=200), phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow]
    )
    @given(fact=facts())
    def test(fact: Fact) -> None:
        seen.add(type(fact))

    test()
    assert len(seen) > len(NAMES) // 2
    assert not in_full() or seen == set(NAMES)


@given(fact=facts([next(iter(NAMES)), list(NAMES)[-1]]))
@settings(max_examples=times(100, least=5))
def test_facts_of_some_kinds_are_of_no_other(fact: Fact) -> None:
    assert type(fact) in {next(iter(NAMES)), list(NAMES)[-1]}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_is_made_with_parameters_that_it_accepts(name: str) -> None:
    @settings(max_examples=times(500, least=10))
    @given(spec=MADE[name](3))
    def test(spec: DesignSpec) -> None:
        assert type(spec) is DESIGNS[name]
        assert spec.unfit(3) is None
        assert design_of(spec).start_level() <= 3

    test()


@settings(max_examples=times(500, least=10))
@given(spec=designs(levels=2))
def test_a_design_fits_the_number_of_levels(spec: DesignSpec) -> None:
    assert spec.unfit(2) is None


@settings(max_examples=times(500, least=10))
@given(protocol=protocols())
def test_a_protocol_comes_back_from_its_file(protocol: TrialProtocol) -> None:
    assert protocol_from_toml(protocol_to_toml(protocol)) == protocol


@pytest.mark.processes
def test_without_hypothesis_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "hypothesis.py").write_text("raise ModuleNotFoundError(\"No module\", name='hypothesis')\n")
    program = "from trialdomain.testing import check_invariants, given_trial; from trialdomain.testing import trials"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {program}"],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: strategies need Hypothesis, which is not installed: install trialdomain[testing]"
    )


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import trialdomain.testing as package  # noqa: PLC0415 - the module itself is asked

    with pytest.raises(AttributeError, match="has no attribute 'invented'"):
        package.invented  # noqa: B018 - asking for it is the test
    assert all(hasattr(package, name) for name in package.__all__)
