"""What every endpoint of a protocol has, whatever its family."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs

from trialdomain.protocol.faults import unless
from trialdomain.values.ids import CodeInvalid, check_id
from trialdomain.values.word import Word


class Kind(Word):
    """What kind of number an endpoint is, and so how it is summarized."""

    INCIDENCE = "incidence"
    """Whether it happened: n/N with an exact interval."""
    DURATION = "duration"
    """Days of illness."""
    TIME = "time"
    """Days to a recovery, which death or the end of observation may prevent."""
    DOSE = "dose"
    """A dose level of the trial, and no value of a participant."""


def is_texts(given: object) -> bool:
    """Return whether something is a tuple of texts, none of them blank."""
    return isinstance(given, tuple) and all(isinstance(one, str) and one.strip() for one in given)


class Endpoint:
    """One endpoint of a protocol: the base of one class for each family.

    In a stored protocol and in a protocol file ``family`` says which class it is. A parameter of a family that is not
    given is the one that the protocol has for all its endpoints (``EndpointRules``).
    """

    __slots__ = ()

    kind: ClassVar[Kind]

    @property
    def id(self) -> str:
        """The number or code by which the protocol calls it, such as ``S9``."""
        raise NotImplementedError

    @property
    def family(self) -> str:
        """What is derived, as protocol files call it."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What tables call it."""
        raise NotImplementedError

    @property
    def wording(self) -> str:
        """The words of the protocol or of its registry entry; empty where they are not given."""
        raise NotImplementedError

    @property
    def time_frame(self) -> str:
        """The time frame, in the words of the protocol or of its registry entry."""
        raise NotImplementedError

    @property
    def sources(self) -> tuple[str, ...]:
        """Where the definition comes from."""
        raise NotImplementedError

    @property
    def places(self) -> Mapping[str, str]:
        """The parameter of ``EndpointRules`` that each parameter of this endpoint takes the place of, where given."""
        return {}

    @property
    def own(self) -> Mapping[str, object]:
        """What takes the place of parameters of ``EndpointRules``, by their names there."""
        given = {place: getattr(self, name) for name, place in self.places.items()}
        return {place: value for place, value in given.items() if value is not None}

    def faults(self) -> Iterator[str | None]:
        """Name what is wrong with it by itself."""
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
        yield unless(not isinstance(given, str) or bool(given.strip()), f"endpoint {self.id} has a blank title")


@attrs.frozen(kw_only=True)
class Described(Endpoint):
    """What an endpoint is called, and where that comes from."""

    id: str
    """The number or code by which the protocol calls it, such as ``S9``."""
    title: str
    """What tables call it."""
    wording: str = ""
    """The words of the protocol, or of its registry entry."""
    time_frame: str = ""
    """In the same words."""
    sources: tuple[str, ...] = ()
    """Where the definition comes from."""
