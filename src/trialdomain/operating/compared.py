"""Trials whose answer by the pure rule was compared with the answer of the engine, which reads events."""

import attrs

from trialdomain.designs.notation import Treated
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.given.in_short import in_short


@attrs.frozen
class AskedTrial:
    """A trial with the answer of the pure rule."""

    __repr__ = in_short

    groups: tuple[tuple[Treated, ...], ...]
    """The participants in the order of infusion; those of a group are infused before any of their outcomes is known."""
    decision: Decision
    """The answer of the rule when every outcome is known."""

    @property
    def outcomes(self) -> str:
        """The trial in outcomes notation."""
        return " ".join(f"{group[0].level}{''.join(one.outcome for one in group)}" for group in self.groups)


@attrs.frozen
class Difference:
    """A trial for which the two answers differ."""

    outcomes: str
    """The trial in outcomes notation."""
    rule: Decision
    """The answer of the pure rule."""
    engine: Decision
    """The answer that was rebuilt from events."""


@attrs.frozen(kw_only=True)
class Compared:
    """How the two answers compare: the action, the level, the MTD and the closed levels."""

    __repr__ = in_short

    through: str
    """Where the events came from: ``"replay"`` (built as facts), or ``"desk"`` (recorded as commands)."""
    trials: int
    """The number of trials that were compared."""
    differing: tuple[Difference, ...] = ()

    @property
    def agree(self) -> bool:
        """Whether every answer is the same."""
        return not self.differing


def same_answer(one: Decision, other: Decision) -> bool:
    """Say whether two decisions have the same action, level, MTD and closed levels."""
    return (one.bare, one.closed_levels) == (other.bare, other.closed_levels)
