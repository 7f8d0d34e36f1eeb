"""The read API: every answer about a trial, as it was known at one moment."""

from trialdomain.history.answers import Answers, answers_report
from trialdomain.history.difference import Diff, ValueChange
from trialdomain.history.difference_report import diff_report
from trialdomain.history.explaining import QuestionInvalid, endpoint_of
from trialdomain.history.history import History
from trialdomain.history.log import Log, LoggedTrial, history_of, is_log, read_log
from trialdomain.history.moments import KnownAt, MomentInvalid

__all__ = [
    "Answers",
    "Diff",
    "History",
    "KnownAt",
    "Log",
    "LoggedTrial",
    "MomentInvalid",
    "QuestionInvalid",
    "ValueChange",
    "answers_report",
    "diff_report",
    "endpoint_of",
    "history_of",
    "is_log",
    "read_log",
]
