"""Rules of conduct guard intentions; what has happened all the same is recorded as a deviation."""

from collections.abc import Iterable

from trialdomain.errors import CommandRefused


class DeviationNotNeeded(CommandRefused):
    """A deviation is explained where no rule is broken."""

    code = "deviation-not-needed"

    def __init__(self) -> None:
        super().__init__("no rule of conduct is broken: leave the deviation out")


def allow(breaches: Iterable[CommandRefused], deviation: str | None) -> None:
    """Refuse what breaks a rule of conduct, unless it is recorded as a deviation.

    Raises:
        CommandRefused: the first rule that is broken, where no deviation explains it.
        DeviationNotNeeded: a deviation is explained, and nothing is broken.
    """
    first = next(iter(breaches), None)
    if first is not None and deviation is None:
        raise first
    if first is None and deviation is not None:
        raise DeviationNotNeeded
