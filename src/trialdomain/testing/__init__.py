"""Test tools for the rules of a trial: given-when-then scenarios, and histories from outcomes notation."""

from trialdomain.protocol.made_up import eligible
from trialdomain.testing.given import Given, Taken, given
from trialdomain.testing.outcomes import OutcomesUnreachable, history_of, outcomes_of
from trialdomain.testing.patient import Patient

__all__ = ["Given", "OutcomesUnreachable", "Patient", "Taken", "eligible", "given", "history_of", "outcomes_of"]
