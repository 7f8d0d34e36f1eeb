"""Test tools for the rules of a trial: given-when-then scenarios, and histories from outcomes notation."""

from trialdomain.protocol.made_up import eligible
from trialdomain.testing.given import Given, Taken, given
from trialdomain.testing.given_trial import GivenTrial, PastImpossible, TakenTrial, given_trial, like
from trialdomain.testing.outcomes import OutcomesUnreachable, history_of, outcomes_of
from trialdomain.testing.patient import Patient

__all__ = [
    "Given",
    "GivenTrial",
    "OutcomesUnreachable",
    "PastImpossible",
    "Patient",
    "Taken",
    "TakenTrial",
    "eligible",
    "given",
    "given_trial",
    "history_of",
    "like",
    "outcomes_of",
]
