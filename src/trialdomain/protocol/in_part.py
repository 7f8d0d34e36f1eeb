"""What could be read of a protocol where some of it could not: the rest is checked all the same."""

from typing import TypeVar

T = TypeVar("T")


class InPart(tuple[T, ...]):
    """The values of a list that could be read, where others could not. Such a list counts as not empty.

    It stands in no protocol: a protocol with a value that cannot be read is refused.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        """Return True: something stands in the file, although it could not be read."""
        return True


def is_complete(values: tuple[object, ...]) -> bool:
    """Return whether every value of a list could be read."""
    return not isinstance(values, InPart)
