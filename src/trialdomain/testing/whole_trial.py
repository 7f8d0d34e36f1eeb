"""A whole trial that was conducted at the desk, in memory: its acts one after another, and its log."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeAlias

import attrs
from typing_extensions import override

from trialdomain.errors import TrialError
from trialdomain.events.recorded import Entry
from trialdomain.history import History
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.answered import Answered
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.values.given.plural import how_many

Do: TypeAlias = Callable[[MadeUpSite], object]


@attrs.frozen(kw_only=True)
class Act:
    """One act at a made-up site, which another site with the same past can repeat."""

    on: date
    """The day on which it is recorded."""
    subject: str | None = None
    """The participant that it is about; None for an act about the trial."""
    told: str = ""
    """The act in words; empty for one that the list of acts leaves out."""
    do: Do = attrs.field(eq=False, repr=False)
    observes: bool = True
    """Whether it records what happened to a participant who is infused. Such acts of different participants on one day
    can change places; acts that take a slot, treat, or decide, cannot."""


class WholeTrial:
    """A trial with its log, the acts that were accepted, and the answers that it gave on the way.

    Args:
        protocol: the protocol to register.
    """

    def __init__(self, protocol: TrialProtocol) -> None:
        self.site = MadeUpSite(protocol)
        self.protocol = protocol
        """The protocol as it was registered."""
        self.acts: list[Act] = []
        """Every act that was accepted, in the order of recording."""
        self.refused: list[tuple[Act, TrialError]] = []
        """Every act that the desk refused."""
        self.answered: list[Answered] = []
        """The answers that were remembered, each as it was known then."""

    @property
    def history(self) -> History:
        """The trial as it is known now."""
        return self.site.history

    @property
    def today(self) -> date:
        """The day at the site."""
        return self.site.today

    @property
    def subjects(self) -> tuple[str, ...]:
        """The participants of whom an act was accepted, in the order of their first one."""
        return tuple(dict.fromkeys(act.subject for act in self.acts if act.subject is not None))

    def act(self, act: Act) -> TrialError | None:
        """Do an act on its day, or today if the day is over; return the error if the desk refuses it."""
        self.site.move_to_day(max(act.on, self.today))
        try:
            act.do(self.site)
        except TrialError as error:
            refusal: TrialError = error.with_traceback(None)  # its frames would keep the trial open
            self.refused.append((act, refusal))
            return refusal
        self.acts.append(attrs.evolve(act, on=self.today))
        return None

    def remember(self, *, endpoints: bool = True) -> Answered:
        """Keep the answers of now, for a comparison with a replay later; the endpoints too, which take longer."""
        answered = Answered.of(self.history, on=self.today, endpoints=endpoints)
        self.answered.append(answered)
        return answered

    def repeated(self, acts: Sequence[Act]) -> "WholeTrial":
        """Conduct another trial under the same protocol by these acts; what the desk refuses is left out."""
        again = WholeTrial(self.protocol)
        for act in acts:
            again.act(act)
        again.site.move_to_day(max(self.today, again.today))
        return again

    @override
    def __repr__(self) -> str:
        told = [f"  {act.on}  {act.told}" for act in self.acts if act.told]
        design = "no design" if self.protocol.design is None else self.protocol.design.identity
        people = how_many(len(self.subjects), "participant")
        return "\n".join([f"a trial under {self.protocol.trial} ({design}) with {people}:", *told])


def entry_of(site: MadeUpSite, subject: str, version: int) -> Entry:
    """Return an entry of a participant of a site by its version."""
    return site.entries_of(subject)[version - 1]
