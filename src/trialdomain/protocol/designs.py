"""The escalation designs that a protocol can name, with their parameters as data.

What a design decides stands in ``trialdomain.designs``; here is what is stored, and what a protocol file gives:
``[design]``, its ``name``, and its parameters.
"""

from typing import ClassVar, Literal, TypeAlias

import attrs
from typing_extensions import TypeIs, override

from trialdomain.protocol.faults import at_least, refuse, unless
from trialdomain.values.number import whole_number
from trialdomain.values.word import Word


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

    def unfit(self, levels: int) -> str | None:  # noqa: ARG002 - a design asks it of its own parameters
        """Say why the parameters cannot be those of a protocol with so many levels; None where they can."""
        return None


@attrs.frozen(kw_only=True)
class ThreePlusThree(DesignSpec):
    """3+3 in which 6 must be evaluable before a dose may be the MTD (NCT06245746; Storer 1989)."""

    known_as = "3+3"
    revision = 1

    name: Literal["three-plus-three"] = "three-plus-three"


class StateAnswer(Word):
    """What rolling six does at one level, in the words of its tables."""

    SAME = "same"
    """Treat the next participant at this level."""
    HOLD = "hold"
    """Treat nobody until an outcome is known."""
    ESCALATE = "escalate"
    DE_ESCALATE = "de-escalate"


@attrs.frozen(kw_only=True)
class StateRow:
    """What rolling six does in one state of a level."""

    enrolled: int = attrs.field(validator=whole_number(least=1))
    """Who holds a slot there, infused or not, and was not replaced: 1 to 6."""
    dlt: int = attrs.field(validator=whole_number(least=0))
    pending: int = attrs.field(validator=whole_number(least=0))
    """Of those enrolled, whose outcome is not known yet."""
    answer: StateAnswer


@attrs.frozen(kw_only=True)
class RollingSix(DesignSpec):
    """Rolling six: up to 6 at a level at once, by who is enrolled, had a DLT or is pending (Skolnik 2008)."""

    known_as = "rolling-six"
    revision = 1

    name: Literal["rolling-six"] = "rolling-six"
    start_level: int = 1
    table: tuple[StateRow, ...] = ()
    """Rows in which this protocol differs from the published table (Frankel 2020, Table 2)."""

    def __attrs_post_init__(self) -> None:
        """Refuse rows that are none, and a table that would treat on after two DLTs."""
        states = [(row.enrolled, row.dlt, row.pending) for row in self.table]
        refuse(
            (
                at_least("design.start_level", self.start_level, 1),
                *(_state_fault(row) for row in self.table),
                unless(len(set(states)) == len(states), "design.table has two rows for one state"),
            )
        )

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return _start_fault(self.start_level, levels)


def _start_fault(start_level: int, levels: int) -> str | None:
    return unless(start_level <= levels, f"design.start_level is {start_level}, and there are {levels} levels")


def _state_fault(row: StateRow) -> str | None:
    shown = f"design.table: {row.enrolled} enrolled with {row.dlt} DLT and {row.pending} pending"
    if row.enrolled > ROLLING_SIX or row.dlt + row.pending > row.enrolled:
        return f"{shown} is no state: at most {ROLLING_SIX} are enrolled, and DLT and pending are among them"
    if row.dlt >= CLOSING_DLTS and row.answer is not StateAnswer.DE_ESCALATE:
        return f"{shown} must be de-escalate: {CLOSING_DLTS} DLTs close a level"
    return None


ROLLING_SIX = 6
"""The most who hold a slot at a level at once (Skolnik 2008)."""
CLOSING_DLTS = 2
"""DLTs that close a level, whatever its size (Storer 1989; Skolnik 2008)."""
KnownSpec: TypeAlias = ThreePlusThree | RollingSix
"""Every design that there is: one that is added here and not in ``design_of`` is an error of the type checker."""
DESIGNS: dict[str, type[KnownSpec]] = {
    str(attrs.fields_dict(kind)["name"].default): kind for kind in (ThreePlusThree, RollingSix)
}
"""By name: the class of its parameters."""
DEFAULT_DESIGN: DesignSpec = ThreePlusThree()
"""The design of a protocol that names none (NCT06245746)."""


def is_known(spec: DesignSpec) -> TypeIs[KnownSpec]:
    """Say whether the parameters are those of a design of this library."""
    return type(spec) in DESIGNS.values()
