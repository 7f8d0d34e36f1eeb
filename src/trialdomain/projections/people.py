"""The users of a trial with their name, role and organization at a position; the protocol and software versions."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, SoftwareChanged, TrialRegistered, UserRegistered

T = TypeVar("T")


class People:
    """The users, software versions and protocol versions in a trial's own stream, as of any position.

    Args:
        entries: the trial's own stream, in the order of its versions.
    """

    def __init__(self, entries: Iterable[Recorded[Any]]) -> None:
        self._users: dict[str, list[tuple[int, UserRegistered]]] = {}
        self._software: list[tuple[int, str]] = []
        self._protocols: list[tuple[int, str]] = []
        for entry in entries:
            match entry.fact:
                case UserRegistered(user=user):
                    self._users.setdefault(user, []).append((entry.position, entry.fact))
                case SoftwareChanged(version=version):
                    self._software.append((entry.position, version))
                case TrialRegistered(protocol=protocol) | ProtocolAmended(protocol=protocol):
                    self._protocols.append((entry.position, protocol.version))
                case _:
                    pass

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all users who were ever registered."""
        return frozenset(self._users)

    def known(self, user: str, *, at: int) -> UserRegistered | None:
        """Return the registration of a user as of a position; None if the user was not registered by then."""
        return _last(self._users.get(user, []), at)

    def software(self, *, at: int) -> str | None:
        """Return the version of the library that recorded the entry at a position."""
        return _last(self._software, at)

    def protocol(self, *, at: int) -> str | None:
        """Return the protocol version that was recorded last, as of a position."""
        return _last(self._protocols, at)


def _last(recorded: Sequence[tuple[int, T]], at: int) -> T | None:
    """Return the value recorded last, as of a position.

    The user and the software of the registration (position 1) are recorded directly after it.
    """
    if at == 1:
        return recorded[0][1] if recorded else None
    return next((found for position, found in reversed(recorded) if position <= at), None)
