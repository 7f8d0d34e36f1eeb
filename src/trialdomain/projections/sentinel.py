"""The sentinel of a level: whether the next infusion there waits for them."""

from collections.abc import Iterable
from datetime import date

from trialdomain.events.cohort import DltAttributed, DltRevoked
from trialdomain.limits.sentinel import Hold, Noted, Taken, Watched, hold_of
from trialdomain.projections.casebook import Casebook
from trialdomain.projections.dlt_counts import Dlt, Member
from trialdomain.values.clinical.level import Label


def sentinel_hold(
    members: Iterable[Member], book: Casebook, *, level: Label | None, on: date, before: str | None = None
) -> Hold | None:
    """Say why the next infusion at a level waits for its sentinel; None if it does not, or there is no such rule.

    Args:
        members: the participants, with their contacts, as known on the day.
        book: the casebook of that day.
        level: the level; None for none.
        on: the day of the next infusion.
        before: a participant who is never their own sentinel: the one to be infused.
    """
    rule = book.protocol.stagger.sentinel
    if rule is None or level is None:
        return None
    first = sentinel_of(members, level, before=before)
    watched = None if first is None else _watched(first, book, level)
    return None if watched is None else hold_of(watched, rule, taken_in(book), on=on)


def sentinel_of(members: Iterable[Member], level: Label, *, before: str | None = None) -> Member | None:
    """Return the first participant infused at a level; of several on one day, the one recorded first."""
    infused = [
        (one.infused_on.first, one.infused_by or 0, one)
        for one in members
        if one.level == level and one.infused_on is not None and one.subject != before
    ]
    return min(infused, key=lambda one: one[:2])[2] if infused else None


def taken_in(book: Casebook) -> list[Taken]:
    """Return the decisions of people about the dose."""
    return [
        Taken(on=entry.fact.basis.on, place=book.places[entry.position], decided=entry.fact.decided)
        for entry in book.decisions
    ]


def noted_dlt(dlt: Dlt | None, subject: str, level: Label, book: Casebook) -> Noted | None:
    """Return the DLT of a sentinel; it is known from the entry by which the cohort of the level recorded it."""
    if dlt is None:
        return None
    known_by: int | None = None
    for entry in book.cohorts.get(level, ()):
        match entry.fact:
            case DltAttributed(subject=whose) if whose == subject:
                known_by = book.places[entry.position]
            case DltRevoked(subject=whose) if whose == subject:
                known_by = None
            case _:
                pass
    return Noted(day=dlt.onset.first, known_by=known_by, words=f"had a DLT ({dlt.term}, onset {dlt.onset})")


def _watched(member: Member, book: Casebook, level: Label) -> Watched | None:
    if member.infused_on is None or member.contact is None:
        return None
    return Watched(
        subject=member.subject,
        level=level,
        infused_on=member.infused_on.first,
        last_contact=member.contact.last,
        endings=member.contact.endings,
        dlt=noted_dlt(member.dlt, member.subject, level, book),
    )
