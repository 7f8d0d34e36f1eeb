"""The base class of the endpoints of a protocol."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs

from trialdomain.protocol.faults import unless
from trialdomain.values.given.text import has_visible
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.word import Word


class Kind(Word):
    """The kind of value of an endpoint, which determines its summary."""

    INCIDENCE = "incidence"
    """Whether an event happened: n/N with an exact interval."""
    DURATION = "duration"
    """Days of illness."""
    TIME = "time"
    """Days to a recovery, which death or the end of observation may prevent."""
    DOSE = "dose"
    """A dose level of the trial, not a value of a participant."""


def is_texts(given: object) -> bool:
    """Return whether a value is a tuple of texts, none of them blank."""
    return isinstance(given, tuple) and all(has_visible(one) for one in given)


class Endpoint:
    """One endpoint of a protocol: the base of one class for each family.

    In a stored protocol and in a protocol file, ``family`` selects the class. A parameter without a value takes the
    shared value of the protocol (``EndpointRules``).
    """

    __slots__ = ()

    kind: ClassVar[Kind]

    @property
    def id(self) -> str:
        """The number or code of the endpoint in the protocol, such as ``S9``."""
        raise NotImplementedError

    @property
    def family(self) -> str:
        """The name of the family in protocol files."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """The title in tables."""
        raise NotImplementedError

    @property
    def wording(self) -> str:
        """The definition in the words of the protocol or of its registry entry; empty if there is none."""
        raise NotImplementedError

    @property
    def time_frame(self) -> str:
        """The time frame, in the words of the protocol or of its registry entry."""
        raise NotImplementedError

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources of the definition."""
        raise NotImplementedError

    @property
    def places(self) -> Mapping[str, str]:
        """By parameter of this endpoint: the parameter of ``EndpointRules`` that it overrides."""
        return {}

    @property
    def own(self) -> Mapping[str, object]:
        """The values that override parameters of ``EndpointRules``, by their names there."""
        given = {place: getattr(self, name) for name, place in self.places.items()}
        return {place: value for place, value in given.items() if value is not None}

    def faults(self) -> Iterator[str | None]:
        """Yield the faults of the endpoint that do not depend on other parameters."""
        try:
            check_id("endpoint", self.id)
        except CodeInvalid as error:
            yield str(error)
            return
        texts = {"title": self.title, "wording": self.wording, "time_frame": self.time_frame}
        for name, text in texts.items():
            found: object = text
            yield unless(isinstance(found, str), f"endpoint {self.id}: {name} must be a text")
        yield unless(is_texts(self.sources), f"endpoint {self.id}: sources must be a tuple of texts")
        given: object = self.title
        yield unless(not isinstance(given, str) or has_visible(given), f"endpoint {self.id} has a blank title")


@attrs.frozen(kw_only=True)
class Described(Endpoint):
    """An endpoint with code, title, wording and sources."""

    id: str
    """The number or code of the endpoint in the protocol, such as ``S9``."""
    title: str
    """What tables call it."""
    wording: str = ""
    """The words of the protocol, or of its registry entry."""
    time_frame: str = ""
    """The time frame, in the words of the protocol or of its registry entry."""
    sources: tuple[str, ...] = ()
    """Where the definition comes from."""
