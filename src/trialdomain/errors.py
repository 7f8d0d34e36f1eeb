"""The roots of every error that this library raises on purpose.

An error is named after what was refused. It carries its fields for programs and one sentence for people: what,
against what, and what next. An error with values of its own stands where it is raised.
"""


class TrialError(Exception):
    """Anything that this library refuses; its text is one sentence."""


class InputInvalid(TrialError):
    """A text or a value from outside cannot be read; nothing was done with any of it."""
