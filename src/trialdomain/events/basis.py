"""The basis of a decision about the trial."""

from datetime import date

import attrs
from attrs.validators import ge

from trialdomain.values.calendar import day_of_a_trial
from trialdomain.values.clinical.decision import FinalClosing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import plain_text


@attrs.frozen(kw_only=True)
class Basis:
    """The basis of a decision, from which the audit can take the decision again."""

    __repr__ = in_short

    design: str = attrs.field(validator=plain_text)
    """The design and its revision; the protocol in force has its parameters."""
    protocol_version: str = attrs.field(validator=plain_text)
    tallies: tuple[Tally, ...]
    last_level: Label | None
    final_closings: tuple[FinalClosing, ...]
    slots: tuple[tuple[int, ...], ...]
    """By level, the numbers of slots that had been opened, in order, up to ``position``."""
    position: int = attrs.field(validator=ge(1))
    """The last position of the trial that the decision had read."""
    on: date = attrs.field(validator=day_of_a_trial)
    """The calendar day for which observation windows were judged."""
    unassigned: tuple[str, ...] = ()
    """Participants whose dose belongs to no level; the decision must name them."""
