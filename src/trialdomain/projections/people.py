"""Who acted, with the name, role and organization that they had then, and under which protocol and software."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, SoftwareChanged, TrialRegistered, UserRegistered

T = TypeVar("T")


class People:
    """What a trial's own stream says of its users, as of any position.

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
        """The ids of everybody who was ever introduced."""
        return frozenset(self._users)

    def known(self, user: str, *, at: int) -> UserRegistered | None:
        """Say who a user was at a position; None for somebody of whom nothing was recorded by then."""
        return _last(self._users.get(user, []), at)

    def software(self, *, at: int) -> str | None:
        """Give the version of the library that recorded a position."""
        return _last(self._software, at)

    def protocol(self, *, at: int) -> str | None:
        """Give the version of the protocol that had been recorded last at a position."""
        return _last(self._protocols, at)


def _last(recorded: Sequence[tuple[int, T]], at: int) -> T | None:
    """Give what was recorded last; who registers a trial, and with what, is recorded right after the registration."""
    if at == 1:
        return recorded[0][1] if recorded else None
    return next((found for position, found in reversed(recorded) if position <= at), None)
