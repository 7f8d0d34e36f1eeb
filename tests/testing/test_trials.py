"""Whole trials that Hypothesis makes: each is one that the desk accepts, and holds every invariant."""

from hypothesis import given, settings
from repeating import times

from trialdomain import nct06245746
from trialdomain.testing import WholeTrial, no_slot_twice, nobody_infused_without_eligibility, trials


@settings(max_examples=times(200, least=5))
@given(trial=trials(nct06245746()))
def test_the_preset_holds_the_invariants(trial: WholeTrial) -> None:
    nobody_infused_without_eligibility(trial.history)
    no_slot_twice(trial.history)
