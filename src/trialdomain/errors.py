"""The roots of every error that this library raises on purpose.

An error is named after what was refused. It carries its fields for programs and one sentence for people: what,
against what, and what next. An error with values of its own stands where it is raised.
"""


class TrialError(Exception):
    """Anything that this library refuses; its text is one sentence."""


class InputInvalid(TrialError):
    """A text or a value from outside cannot be read; nothing was done with any of it."""


class CommandRefused(TrialError):
    """A rule of conduct forbids what was asked; nothing was recorded."""


class Conflict(TrialError):
    """Something that a decision read has changed since; nothing was recorded, and the decision may be taken again."""


class LogCorrupt(TrialError):
    """A log, or an entry of it, is not what this library wrote."""


class LogUnusable(TrialError):
    """A file cannot serve as a log; it was not touched."""
