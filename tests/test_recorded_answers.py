"""Answers that stay what they were when the code is rearranged: on simulated trials, a real one and bare outcomes."""

import json
from collections.abc import Callable

import pytest
from made_once import SimulatedLog, seeds
from recorded_answers import QUESTIONS, RECORDED, answers, digest, of_outcomes
from repeating import some

from trialdomain import Imported

WERE = json.loads(RECORDED.read_text("utf-8"))


def test_what_is_decided_after_outcomes() -> None:
    assert {name: digest(value) for name, value in of_outcomes()} == WERE["outcomes"]


@pytest.mark.parametrize("seed", [*seeds(), 25])
@pytest.mark.soak
def test_every_answer_about_a_simulated_trial(seed: int, simulated: Callable[[int], SimulatedLog]) -> None:
    assert {name: digest(value) for name, value in answers(simulated(seed).path)} == WERE[f"seed {seed}"]


@pytest.mark.soak
def test_every_answer_about_a_real_trial(imported_pilot: Imported) -> None:
    asked = some(tuple(QUESTIONS), of="questions", least=1)
    were = {name: value for name, value in WERE["pilot"].items() if name.split()[0] in asked}
    assert {name: digest(value) for name, value in answers(imported_pilot.log, asked)} == were
