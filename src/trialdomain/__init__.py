"""Dose-escalation trials recorded as immutable events, and every answer rebuilt from them."""

from trialdomain.designs.outcomes import OutcomesMalformed, parse_outcomes, situation_of
from trialdomain.designs.situation import FinalClosing, Situation
from trialdomain.designs.three_plus_three import decide
from trialdomain.errors import InputInvalid, TrialError
from trialdomain.values.decision import Action, Decision, Forecast, Mtd, MtdStatus
from trialdomain.values.tally import Tally
from trialdomain.version import __version__

__all__ = [
    "Action",
    "Decision",
    "FinalClosing",
    "Forecast",
    "InputInvalid",
    "Mtd",
    "MtdStatus",
    "OutcomesMalformed",
    "Situation",
    "Tally",
    "TrialError",
    "__version__",
    "decide",
    "parse_outcomes",
    "situation_of",
]
