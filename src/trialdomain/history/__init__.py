"""The one read face: every answer about a trial, as it was known at one moment."""

from trialdomain.history.explaining import QuestionInvalid, outcome_of
from trialdomain.history.history import Answers, History, MomentInvalid
from trialdomain.history.log import KnownAt, Log, LoggedTrial, history_of, read_log

__all__ = [
    "Answers",
    "History",
    "KnownAt",
    "Log",
    "LoggedTrial",
    "MomentInvalid",
    "QuestionInvalid",
    "history_of",
    "outcome_of",
    "read_log",
]
