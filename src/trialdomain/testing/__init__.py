"""Test tools for the rules of a trial: scenarios, histories from outcomes notation, whole trials, and invariants.

``courses`` and ``trials`` need Hypothesis, and are imported at their first use: install ``trialdomain[testing]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from trialdomain.protocol.made_up import eligible
from trialdomain.testing.conducting import Course, Leaving, conduct
from trialdomain.testing.given import Given, Taken, given
from trialdomain.testing.given_trial import GivenTrial, PastImpossible, TakenTrial, given_trial, like
from trialdomain.testing.invariants import (
    InvariantBroken,
    no_slot_twice,
    nobody_infused_without_eligibility,
)
from trialdomain.testing.outcomes import OutcomesUnreachable, history_of, outcomes_of
from trialdomain.testing.patient import Patient
from trialdomain.testing.whole_trial import Act, WholeTrial

if TYPE_CHECKING:
    from trialdomain.testing.strategies import courses, trials

_OF_HYPOTHESIS = frozenset({"courses", "trials"})
"""The names that need Hypothesis."""

__all__ = [
    "Act",
    "Course",
    "Given",
    "GivenTrial",
    "InvariantBroken",
    "Leaving",
    "OutcomesUnreachable",
    "PastImpossible",
    "Patient",
    "Taken",
    "TakenTrial",
    "WholeTrial",
    "conduct",
    "courses",
    "eligible",
    "given",
    "given_trial",
    "history_of",
    "like",
    "no_slot_twice",
    "nobody_infused_without_eligibility",
    "outcomes_of",
    "trials",
]


def __getattr__(name: str) -> object:
    """Import a name that needs Hypothesis.

    Raises:
        ModuleNotFoundError: Hypothesis is not installed.
        AttributeError: there is no such name.
    """
    if name not in _OF_HYPOTHESIS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.strategies"), name)
