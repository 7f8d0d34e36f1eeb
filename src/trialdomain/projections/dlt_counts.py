"""DLT counts: where every participant stands, and the tally of every level."""

from collections.abc import Sequence
from datetime import date

import attrs

from trialdomain.projections.casebook import Case, Casebook
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dlt import Qualifying, Window, qualifying
from trialdomain.rules.dose_received import level_received
from trialdomain.rules.evaluability import standing
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.evaluation import Evaluation, Standing
from trialdomain.values.tally import Tally, most_held


@attrs.frozen(kw_only=True)
class Dlt:
    """The dose-limiting toxicity of a participant: the first of their events that counts."""

    event: str
    term: str
    grade: int
    onset: ClinicalTime
    uncertain: bool
    """Whether the onset is partial: it counts until the date is completed."""


@attrs.frozen(kw_only=True)
class Member:
    """A participant at a level, and where they stand."""

    subject: str
    level: int
    """The level received; before the infusion, the one assigned."""
    standing: Standing
    dlt: Dlt | None
    infused_on: ClinicalTime | None
    window_last: date | None
    """The last day of the observation window."""
    held_from: int
    """The position of the entry by which they took a slot."""
    evidence: tuple[int, ...]
    """The positions of the entries without which this would differ."""


@attrs.frozen(kw_only=True)
class DltCounts:
    """Every level's tally, and every member behind it."""

    tallies: tuple[Tally, ...]
    members: tuple[Member, ...]
    """In the order in which they took their slots."""
    unassigned: tuple[Member, ...] = ()
    """Infused with an amount that belongs to no level: they are in no tally."""


def dlt_counts(book: Casebook, *, on: date) -> DltCounts:
    """Count, for the windows as they are on a day."""
    members = sorted(
        (m for case in book.cases if (m := member_of(case, book.protocol, on=on))), key=lambda m: m.held_from
    )
    return DltCounts(
        tallies=tuple(_tally(level.level, members) for level in book.protocol.levels),
        members=tuple(member for member in members if member.level),
        unassigned=tuple(member for member in members if not member.level),
    )


def member_of(case: Case, protocol: TrialProtocol, *, on: date) -> Member | None:
    """Say where a participant stands; None for somebody who neither holds a slot nor was infused."""
    first = case.first_infusion
    infusion = None if first is None else first.fact
    if infusion is None and not case.enrollments:
        return None
    events = _qualifying(case, protocol)
    dlts = sorted((event for event in events if event.assessed), key=lambda event: event.onset.first)
    assessments = case.window_assessments
    enrollment = case.enrollments[-1] if case.enrollments else None
    level = level_received(infusion, protocol) if infusion else enrollment.fact.level if enrollment else None
    held = [entry.position for entry in (first, enrollment) if entry]
    return Member(
        subject=case.subject,
        level=level or 0,
        standing=standing(
            infusion=infusion,
            events=events,
            assessments=[entry.fact for entry in assessments],
            protocol=protocol,
            on=on,
        ),
        dlt=_dlt(dlts[0]) if dlts else None,
        infused_on=infusion.started_at if infusion else None,
        window_last=Window.of(infusion, protocol.dlt).last if infusion and protocol.dlt else None,
        held_from=min(held),
        evidence=tuple(sorted({*held, *_evidence(events, dlts), *(() if dlts else (e.position for e in assessments))})),
    )


def _qualifying(case: Case, protocol: TrialProtocol) -> list[Qualifying]:
    first, rule = case.first_infusion, protocol.dlt
    if first is None or rule is None:
        return []
    judged = (qualifying(event, infusion=first.fact, rule=rule) for event in case.adverse_events)
    return [event for event in judged if event]


def _evidence(events: Sequence[Qualifying], dlts: Sequence[Qualifying]) -> list[int]:
    """Name what a standing rests on: the first DLT alone, or everything that still may become one."""
    return [position for event in (dlts[:1] or events) for position in event.event.positions]


def _dlt(event: Qualifying) -> Dlt:
    report = event.event.report.fact
    return Dlt(event=report.event, term=report.term, grade=report.grade, onset=event.onset, uncertain=event.uncertain)


def _tally(level: int, members: Sequence[Member]) -> Tally:
    at_level = [member for member in members if member.level == level]
    count = [member.standing.evaluation for member in at_level].count
    return Tally(
        level=level,
        enrolled=count(Evaluation.NOT_INFUSED),
        evaluable=count(Evaluation.EVALUABLE),
        dlts=sum(member.dlt is not None for member in at_level),
        pending=count(Evaluation.PENDING),
        not_evaluable=count(Evaluation.NOT_EVALUABLE),
        most_held=most_held(m.standing.evaluation is Evaluation.NOT_EVALUABLE for m in at_level),
    )
