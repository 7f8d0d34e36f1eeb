"""Deviations: rules of conduct guard intentions, and an act that broke a rule is recorded with an explanation."""

from collections.abc import Iterable

from trialdomain.errors import CommandRefused


class DeviationNotNeeded(CommandRefused):
    """The caller explained a deviation, but no rule is broken."""

    code = "deviation-not-needed"

    def __init__(self) -> None:
        super().__init__("no rule of conduct is broken: leave the deviation out")


def allow(breaches: Iterable[CommandRefused], deviation: str | None) -> None:
    """Refuse an act that breaks a rule of conduct, unless a deviation explains it.

    Raises:
        CommandRefused: the first broken rule, where no deviation explains it.
        DeviationNotNeeded: a deviation is explained, but no rule is broken.
    """
    first = next(iter(breaches), None)
    if first is not None and deviation is None:
        raise first
    if first is None and deviation is not None:
        raise DeviationNotNeeded
