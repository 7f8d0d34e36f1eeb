"""The sentinel limit: the first participant of a level is observed before the next one is infused there.

Days are counted as for the days between
infusions: with 7 days of observation, a sentinel infused on day 0 is followed on day 7 at the earliest.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

import attrs

from trialdomain.protocol.conduct_rules import Sentinel, SentinelRequirement
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.level import Label

_TREATS = {Action.ENROLL, Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE}


@attrs.frozen(kw_only=True)
class Noted:
    """A DLT of a sentinel, or an end of their observation."""

    day: date
    """The earliest possible day: a partial date holds the next infusion rather than not (**choice**)."""
    known_by: int | None
    """The position at which it became known to the log; None if that is not recorded."""
    words: str
    """What it is, to follow the name of the sentinel."""


@attrs.frozen(kw_only=True)
class Watched:
    """The sentinel of a level, as known on a day."""

    subject: str
    level: Label
    infused_on: date
    last_contact: date
    """The day of the latest entry about them."""
    endings: tuple[Noted, ...] = ()
    """Everything that ends their observation, whenever that is."""
    dlt: Noted | None = None


@attrs.frozen(kw_only=True)
class Taken:
    """A decision of people about the dose."""

    on: date
    place: int
    """The position of its first recording."""
    decided: Decision


@attrs.frozen(kw_only=True)
class Hold:
    """The reason why the next infusion at a level waits for its sentinel."""

    level: Label
    sentinel: str
    until: date
    """The first day on which the observation is over."""
    for_people: bool
    """Whether it lasts until people decide to treat at the level; otherwise it ends with the observation."""
    why: str


def observed_until(infused_on: date, rule: Sentinel) -> date:
    """Return the day on which the observation of a sentinel is over: the next infusion is not before it.

    >>> observed_until(date(2026, 3, 2), Sentinel(observation_days=7))
    datetime.date(2026, 3, 9)
    """
    return infused_on + timedelta(days=rule.observation_days)


def observed_words(sentinel: str, level: Label, rule: Sentinel, *, until: date) -> str:
    """Phrase why the next infusion at a level waits while its sentinel is observed."""
    return (
        f"{sentinel}, the sentinel of level {level}, is observed for {rule.observation_days} days: the next infusion "
        f"there is not before {until}"
    )


def hold_of(watched: Watched, rule: Sentinel, taken: Sequence[Taken], *, on: date) -> Hold | None:
    """Say whether, and why, the next infusion at a level waits for its sentinel; None if it does not.

    A decision of people never shortens the days of observation; it replaces the last contact at their end (**choice**).

    Args:
        watched: the sentinel.
        rule: the parameters of the protocol.
        taken: the decisions of people.
        on: the day of the next infusion.
    """
    until = observed_until(watched.infused_on, rule)
    troubles = list(_troubles(watched, rule, until=until))
    open_ones = [one for one in troubles if not _is_decided(one, watched.level, taken, on=on)]
    name = f"{watched.subject}, the sentinel of level {watched.level},"
    why = None
    if open_ones:
        why = f"{name} {open_ones[0].words}: the next infusion there waits until people decide to treat at the level"
    elif on < until:
        why = observed_words(watched.subject, watched.level, rule, until=until)
    elif SentinelRequirement.OBSERVED in rule.requires and watched.last_contact < until and not troubles:
        why = (
            f"{name} was not seen on {until} or later, when the observation is over: the next infusion there waits "
            f"until a contact is recorded, or that they left"
        )
    if why is None:
        return None
    return Hold(level=watched.level, sentinel=watched.subject, until=until, for_people=bool(open_ones), why=why)


def _troubles(watched: Watched, rule: Sentinel, *, until: date) -> Iterator[Noted]:
    """Yield what only people can judge: a DLT, on any day (**choice**), and an end before the observation is over."""
    if SentinelRequirement.NO_DLT in rule.requires and watched.dlt is not None:
        yield watched.dlt
    if SentinelRequirement.OBSERVED in rule.requires:
        yield from (one for one in watched.endings if one.day < until)


def _is_decided(trouble: Noted, level: Label, taken: Iterable[Taken], *, on: date) -> bool:
    """Say whether people, who knew of it, decided on its day or later to treat at the level."""
    return trouble.known_by is not None and any(
        one.place > trouble.known_by
        and trouble.day <= one.on <= on
        and one.decided.action in _TREATS
        and one.decided.level == level
        for one in taken
    )
