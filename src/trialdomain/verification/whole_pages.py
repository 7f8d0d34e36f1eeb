"""Checking a page of entries at once: their places, leaves and states. It finds a fault, but does not name it."""

from trialdomain.verification.entries_check import follow
from trialdomain.verification.leaf_columns import Leaves
from trialdomain.verification.readable import all_readable
from trialdomain.verification.source import Columns

NO_ENTRY_HAS = (TypeError, ValueError, LookupError, AttributeError)
"""The errors that values raise which STRICT tables would refuse, or which replace a state that is too large."""


class WholePages:
    """Checks pages of the entries of one trial.

    Args:
        trial: the code of the trial.
        read_from: the position from which on states are decoded.
    """

    def __init__(self, trial: str, read_from: int) -> None:
        self._leaves, self._read_from = Leaves(trial), read_from

    def leaves(self, columns: Columns, *, after: int) -> list[bytes] | None:
        """Compute the leaves of a page of entries; return None where one of the entries has a fault.

        Args:
            columns: the page.
            after: the position before the first that is due.
        """
        positions, states, leaves, streams, names, versions = columns
        if set(map(type, versions)) != {int}:
            return None
        try:
            computed = self._leaves.of(streams, versions, names, states)
        except NO_ENTRY_HAS:
            return None
        if tuple(computed) != tuple(leaves) or not follow(positions, after=after):
            return None
        if positions[-1] >= self._read_from and not all_readable(names, states):
            return None
        return computed
