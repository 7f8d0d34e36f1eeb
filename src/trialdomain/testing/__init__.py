"""Test tools for the rules of a trial: scenarios, histories from outcomes notation, whole trials, and invariants.

Strategies and the state machine (``facts``, ``designs``, ``protocols``, ``courses``, ``trials``, ``clinical_times``,
``trial_machine``, ``TrialMachine``) need Hypothesis, and are imported at their first use: install
``trialdomain[testing]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from trialdomain.protocol.made_up import eligible
from trialdomain.testing.answered import Answered
from trialdomain.testing.conducting import Course, Leaving, conduct
from trialdomain.testing.given import Given, Taken, given
from trialdomain.testing.given_trial import GivenTrial, PastImpossible, TakenTrial, given_trial, like
from trialdomain.testing.invariants import (
    INVARIANTS,
    InvariantBroken,
    a_dlt_more_is_never_bolder,
    a_final_closing_stays,
    check_invariants,
    known_at_replay_equals_what_was_answered,
    no_dose_above_an_open_level,
    no_slot_twice,
    nobody_infused_without_eligibility,
    views_equal_replay,
)
from trialdomain.testing.metamorphic import (
    a_correction_undone_changes_nothing,
    a_replaced_participant_changes_nothing,
    check_relations,
    the_order_within_a_day_changes_nothing,
)
from trialdomain.testing.outcomes import OutcomesUnreachable, history_of, outcomes_of
from trialdomain.testing.patient import Patient
from trialdomain.testing.table_views import TablesDiffer, tables_equal_replay
from trialdomain.testing.whole_trial import Act, WholeTrial

if TYPE_CHECKING:
    from trialdomain.testing.strategies import (
        TrialMachine,
        clinical_times,
        courses,
        designs,
        facts,
        protocols,
        trial_machine,
        trials,
    )

_OF_HYPOTHESIS = frozenset(
    {"TrialMachine", "clinical_times", "courses", "designs", "facts", "protocols", "trial_machine", "trials"}
)
"""The names that need Hypothesis."""

__all__ = [
    "INVARIANTS",
    "Act",
    "Answered",
    "Course",
    "Given",
    "GivenTrial",
    "InvariantBroken",
    "Leaving",
    "OutcomesUnreachable",
    "PastImpossible",
    "Patient",
    "TablesDiffer",
    "Taken",
    "TakenTrial",
    "TrialMachine",
    "WholeTrial",
    "a_correction_undone_changes_nothing",
    "a_dlt_more_is_never_bolder",
    "a_final_closing_stays",
    "a_replaced_participant_changes_nothing",
    "check_invariants",
    "check_relations",
    "clinical_times",
    "conduct",
    "courses",
    "designs",
    "eligible",
    "facts",
    "given",
    "given_trial",
    "history_of",
    "known_at_replay_equals_what_was_answered",
    "like",
    "no_dose_above_an_open_level",
    "no_slot_twice",
    "nobody_infused_without_eligibility",
    "outcomes_of",
    "protocols",
    "tables_equal_replay",
    "the_order_within_a_day_changes_nothing",
    "trial_machine",
    "trials",
    "views_equal_replay",
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
