"""The escalation designs that a protocol can name, with their parameters as data.

What a design decides stands in ``trialdomain.designs``; here is what is stored, and what a protocol file gives:
``[design]``, its ``name``, and its parameters.
"""

from typing import ClassVar, Literal, TypeAlias

import attrs
from typing_extensions import TypeIs


class DesignSpec:
    """The parameters of an escalation design: the base of one class for each design.

    In a stored protocol and in a protocol file the ``name`` says which class it is.
    """

    __slots__ = ()

    known_as: ClassVar[str]
    """How the literature calls it: it stands before each code of its reasons (``3+3/one-dlt``)."""
    revision: ClassVar[int]
    """It rises when the same outcomes would be answered otherwise."""

    @property
    def identity(self) -> str:
        """The design and its revision, as the basis of a decision records them (``3+3/1``)."""
        return f"{self.known_as}/{self.revision}"


@attrs.frozen(kw_only=True)
class ThreePlusThree(DesignSpec):
    """3+3 in which 6 must be evaluable before a dose may be the MTD (NCT06245746; Storer 1989)."""

    known_as = "3+3"
    revision = 1

    name: Literal["three-plus-three"] = "three-plus-three"


KnownSpec: TypeAlias = ThreePlusThree
"""Every design that there is: one that is added here and not in ``design_of`` is an error of the type checker."""
DESIGNS: dict[str, type[KnownSpec]] = {str(attrs.fields_dict(kind)["name"].default): kind for kind in (ThreePlusThree,)}
"""By name: the class of its parameters."""


DEFAULT_DESIGN: DesignSpec = ThreePlusThree()
"""The design of a protocol that names none (NCT06245746)."""


def is_known(spec: DesignSpec) -> TypeIs[KnownSpec]:
    """Say whether the parameters are those of a design of this library."""
    return type(spec) in DESIGNS.values()
