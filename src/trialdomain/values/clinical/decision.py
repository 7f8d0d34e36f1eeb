"""The answer of an escalation design: the next action, the MTD, and the participants still needed."""

from collections.abc import Mapping
from datetime import date

import attrs
from attrs.validators import optional

from trialdomain.values.clinical.level import Label, as_label, level_label
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.text import plain_text
from trialdomain.values.number import whole_number
from trialdomain.values.word import Word


class Action(Word):
    """The next action in the trial."""

    ENROLL = "enroll"
    EXPAND = "expand"
    ESCALATE = "escalate"
    DE_ESCALATE = "de-escalate"
    WAIT = "wait"
    STOP = "stop"


class MtdStatus(Word):
    """The state of the search for the maximum tolerated dose."""

    OPEN = "open"
    ESTABLISHED = "established"
    NONE_TOLERATED = "none-tolerated"
    NOT_ESTABLISHED = "not-established"


SLOTS_FULL = "slots-full"
"""A reason to wait, in every design: all slots of the level in turn are taken, and an outcome there is pending."""
OUTCOMES_PENDING = "outcomes-pending"
"""A reason to wait, in every design: no participant is treated until pending outcomes are known."""


@attrs.frozen(kw_only=True)
class Because:
    """The reason of a decision: a code for programs, and a sentence for people."""

    code: str = attrs.field(converter=str, validator=plain_text)
    """The code. A reason of a design has the design's name as a prefix (``3+3/one-dlt``); that of a limit has none."""
    text: str

    @property
    def reason(self) -> str:
        """The code without the name of the design."""
        return self.code.rpartition("/")[2]


@attrs.frozen(kw_only=True)
class Mtd:
    """The answer to "what is the MTD", kept apart from the level to treat next."""

    status: MtdStatus = MtdStatus.OPEN
    level: Label | None = attrs.field(default=None, converter=as_label)
    bounded_above: bool | None = None
    """Whether a closed level is above an established MTD; if not, a higher dose might be tolerated too."""

    @classmethod
    def established(cls, level: Label, *, bounded_above: bool) -> "Mtd":
        """Create an MTD: the highest dose with DLT in no more than 1/6 of at least 6 evaluable participants."""
        return cls(status=MtdStatus.ESTABLISHED, level=level, bounded_above=bounded_above)


@attrs.frozen(kw_only=True)
class FinalClosing:
    """A closing that a decision recorded: it remains in force even if earlier data are revised."""

    level: Label = attrs.field(converter=as_label, validator=level_label)
    """The lowest closed level; all levels above it are closed too."""
    cause: str


@attrs.frozen(kw_only=True)
class Awaited:
    """A participant whose outcome is pending."""

    level: Label
    subject: int | str
    """The subject's code; in outcomes notation, the number of the subject within the level, from 1."""
    until: date | None = None
    """The day after the observation window, if it is known."""


@attrs.frozen(kw_only=True)
class Forecast:
    """The number of evaluable participants that each result of the trial still needs, treated one at a time.

    The results are ``"none"`` (no level is tolerated) and each level as the MTD. Participants whose outcome is pending
    count as needed.
    """

    least: Mapping[str, int | None]
    """By result: the smallest number; 0 if the result is reached, None if it is no longer possible."""
    most: int
    """The largest number until the design stops."""
    exceeds_target: tuple[str, ...] | None = None
    """The results that need more infusions than the target recruitment has left; None without a target."""


@attrs.frozen(kw_only=True)
class Decision:
    """The next action and the MTD, with the reason for both.

    ``bare`` removes the explanation, so that a test can state a decision briefly:

    >>> Decision.escalate(to=2)
    Decision(action=<Action.ESCALATE: 'escalate'>, level=2, ...)
    """

    __repr__ = in_short

    action: Action
    level: Label | None = attrs.field(default=None, converter=as_label)
    """The level in turn: the level to treat next, now or after waiting; None once the design stops."""
    slots: int | None = attrs.field(default=None, validator=optional(whole_number(least=1)))
    """The number of slots at that level; None if no level is in turn, or if the decision names no number."""
    mtd: Mtd = Mtd()
    closed_levels: tuple[Label, ...] = ()
    waiting_for: tuple[Awaited, ...] = ()
    because: Because | None = None
    forecast: Forecast | None = None

    @classmethod
    def enroll(cls, *, level: Label) -> "Decision":
        """Treat another participant at the level that was treated last."""
        return cls(action=Action.ENROLL, level=level)

    @classmethod
    def expand(cls, *, level: Label) -> "Decision":
        """Open more slots at a full level."""
        return cls(action=Action.EXPAND, level=level)

    @classmethod
    def escalate(cls, *, to: Label) -> "Decision":
        """Go up to a level, new or visited before."""
        return cls(action=Action.ESCALATE, level=to)

    @classmethod
    def de_escalate(cls, *, to: Label) -> "Decision":
        """Go back down to a level, and continue its tally."""
        return cls(action=Action.DE_ESCALATE, level=to)

    @classmethod
    def wait(cls, *, level: Label) -> "Decision":
        """Treat no participant until an outcome is known; ``level`` is the level currently in turn."""
        return cls(action=Action.WAIT, level=level)

    @classmethod
    def established(cls, level: Label, *, bounded_above: bool) -> "Decision":
        """Stop: this is the MTD."""
        return cls(action=Action.STOP, mtd=Mtd.established(level, bounded_above=bounded_above))

    @classmethod
    def none_tolerated(cls) -> "Decision":
        """Stop: no level is left open."""
        return cls(action=Action.STOP, mtd=Mtd(status=MtdStatus.NONE_TOLERATED))

    @property
    def bare(self) -> "Decision":
        """The decision without slots, closed levels, names, reason and forecast."""
        return Decision(action=self.action, level=self.level, mtd=self.mtd)
