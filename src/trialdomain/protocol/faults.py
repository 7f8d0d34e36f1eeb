"""Refuse a protocol with all its faults at once."""

from collections.abc import Iterable

from trialdomain.errors import InputInvalid
from trialdomain.values.given.plural import how_many


class ProtocolInvalid(InputInvalid, ValueError):
    """A protocol, or a part of one, is invalid; ``faults`` lists all reasons."""

    code = "protocol-invalid"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        super().__init__(f"the protocol has {how_many(count, 'fault')}: {'; '.join(self.faults)}")


LONGEST_DAYS = 36_500
"""The largest accepted number: a hundred years in days, and more than any count in a trial."""


def refuse(faults: Iterable[str | None]) -> None:
    """Raise if there is any fault; skip None.

    Raises:
        ProtocolInvalid: there are faults; it lists all of them.
    """
    found = [fault for fault in faults if fault is not None]
    if found:
        raise ProtocolInvalid(found)


def at_least(name: str, value: object, least: int) -> str | None:
    """Return a fault for a value that is too small, too large for any trial, or not a number."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LONGEST_DAYS:
        return f"{name} must be a whole number of at least {least}, and at most {LONGEST_DAYS}, got {value!r}"
    return None


def unless(holds: bool, fault: str) -> str | None:  # noqa: FBT001 - it reads as the sentence that it makes
    """Return the fault unless the condition holds."""
    return None if holds else fault
