"""Paths and simulated trials, whose answer by the pure rule is compared with that of the engine."""

from collections.abc import Sequence
from fractions import Fraction

import attrs
import pytest
from repeating import some, times
from walked import DESIGNS

from trialdomain import Decision, DoseLevel, ThreePlusThree, TrialProtocol, nct06245746, paths
from trialdomain.operating.characteristics import scenario
from trialdomain.operating.compared import AskedTrial, Compared, Difference
from trialdomain.operating.simulated import simulated
from trialdomain.protocol.designs import DesignSpec
from trialdomain.reports.operating.comparison import comparison_json, comparison_lines
from trialdomain.testing.conducted import compare_at_desk, compare_by_replay, protocol_with

RATES = (Fraction(1, 5), Fraction(3, 10), Fraction(2, 5))


def protocol_of(spec: DesignSpec, levels: int) -> TrialProtocol:
    ladder = tuple(DoseLevel(level=place) for place in range(1, levels + 1))
    return attrs.evolve(nct06245746(), design=spec, levels=ladder)


def asked_of(spec: DesignSpec, levels: int) -> Sequence[AskedTrial]:
    found = paths(spec, levels)
    return [found.asked(path) for path in found]


@pytest.mark.parametrize(("levels", "number"), [(2, 46), (3, 154)])
def test_every_path_of_3_plus_3_is_answered_by_replay_as_by_the_rule(levels: int, number: int) -> None:
    every = asked_of(ThreePlusThree(), levels)
    found = compare_by_replay(every, protocol=protocol_of(ThreePlusThree(), levels))
    assert found == Compared(through="replay", trials=number)


@pytest.mark.soak
@pytest.mark.parametrize("name", DESIGNS)
def test_paths_of_each_design_are_answered_by_replay_as_by_the_rule(name: str) -> None:
    spec, levels = DESIGNS[name]
    chosen = some(asked_of(spec, levels), of=name, least=20)
    found = compare_by_replay(chosen, protocol=protocol_of(spec, levels))
    assert found == Compared(through="replay", trials=len(chosen))


@pytest.mark.soak
@pytest.mark.parametrize("levels", [2, 3])
def test_paths_of_3_plus_3_are_answered_at_the_desk_as_by_the_rule(levels: int) -> None:
    every = asked_of(ThreePlusThree(), levels)
    number = times(20, least=4)
    chosen = [every[at * len(every) // number] for at in range(number)]
    found = compare_at_desk(chosen, protocol=protocol_with(protocol_of(ThreePlusThree(), levels)))
    assert found == Compared(through="desk", trials=number)


@pytest.mark.soak
@pytest.mark.parametrize("sequential", [False, True])
@pytest.mark.parametrize("name", DESIGNS)
def test_simulated_trials_with_replacements_are_answered_at_the_desk_as_by_the_rule(
    name: str, sequential: bool
) -> None:
    spec, levels = DESIGNS[name]
    number = times(20, least=1)
    asked = scenario(spec, true=RATES[:levels], not_evaluable="1/4", sequential=sequential)
    sample = simulated(asked, trials=number, sample=number, seed=len(name)).sample
    found = compare_at_desk((one.asked for one in sample), protocol=protocol_with(protocol_of(spec, levels)))
    assert found == Compared(through="desk", trials=number)


def test_a_cohort_that_the_rule_interrupts_is_completed_as_a_deviation() -> None:
    # BOIN with 2 DLTs in 3, and 2 more in the second cohort: 4 in 6 eliminate level 1 before the last is treated.
    spec, levels = DESIGNS["BOIN"]
    [one] = [one for one in asked_of(spec, levels) if one.outcomes == "1NNT 1TTT"]
    assert compare_at_desk([one], protocol=protocol_with(protocol_of(spec, levels))).agree


class TestDiffering:
    """A comparison is worth something only if it finds a wrong answer."""

    @pytest.fixture
    def wrong(self) -> AskedTrial:
        right = asked_of(ThreePlusThree(), 2)[0]
        return attrs.evolve(right, decision=Decision.escalate(to=2))

    def test_a_wrong_answer_is_found_by_replay_and_at_the_desk(self, wrong: AskedTrial) -> None:
        protocol = protocol_of(ThreePlusThree(), 2)
        for found in (
            compare_by_replay([wrong], protocol=protocol),
            compare_at_desk([wrong], protocol=protocol_with(protocol)),
        ):
            [difference] = found.differing
            assert not found.agree
            assert (difference.outcomes, difference.engine.mtd.level) == ("1NNN 2NNN 2NNN", 2)

    def test_it_is_reported(self, wrong: AskedTrial) -> None:
        right = asked_of(ThreePlusThree(), 2)[0].decision
        found = Compared(through="replay", trials=3, differing=(Difference(wrong.outcomes, wrong.decision, right),))
        first, second = comparison_lines([found])
        assert first == "3 trials rebuilt from facts: 1 differs from the rule"
        assert "1NNN 2NNN 2NNN: the rule says escalate level 2, MTD" in second
        assert comparison_json([found])["replay"] == {"trials": 3, "agree": False, "differing": ["1NNN 2NNN 2NNN"]}
