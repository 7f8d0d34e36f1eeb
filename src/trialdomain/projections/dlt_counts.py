"""DLT counts: the DLT evaluation of every participant, and the tally of every dose level."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import cached_property
from operator import attrgetter
from typing import Any

import attrs

from trialdomain.events.cohort import SlotReleased
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    ChemotherapyGiven,
    ChemotherapyStarted,
    CompletedFollowUp,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LabRecorded,
    LevelReassigned,
    LostToFollowUp,
    NewTherapyStarted,
    Relapsed,
    Transfused,
    Withdrew,
)
from trialdomain.events.recorded import EntryRef, Recorded
from trialdomain.limits.sentinel import Noted
from trialdomain.projections.casebook import Case, Casebook
from trialdomain.projections.view import EVERY_KIND
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.cytopenia import Cytopenia, cytopenias, first_lasted
from trialdomain.rules.dlt import Found, Qualifying, Window, first_dlt, judge, judged_unrelated
from trialdomain.rules.dose_received import level_received
from trialdomain.rules.evaluability import Course, Judgement, SetAside, judge_course, why_words
from trialdomain.rules.observation import Beginning, EndedBy, beginnings_of, following_cycles, starts_of
from trialdomain.values.clinical.decision import Awaited
from trialdomain.values.clinical.evaluation import NOT_INFUSED, Evaluation, EvaluationFlag, EvaluationReason, Standing
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import Scale, beside
from trialdomain.values.clinical.tally import Tally, most_held
from trialdomain.values.clinical.toxicity import Agent
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import subject_of

_COUNTED = (
    AdverseEventFollowedUp,
    AdverseEventReported,
    CompletedFollowUp,
    Died,
    DltWindowAssessed,
    Enrolled,
    Infused,
    LevelReassigned,
    LostToFollowUp,
    Withdrew,
)
"""The kinds of facts that can change a count under any protocol."""
_FOR_CYTOPENIAS = (
    ChemotherapyGiven,
    ChemotherapyStarted,
    LabRecorded,
    NewTherapyStarted,
    Relapsed,
    Transfused,
)

"""The further kinds that can do so if the protocol counts cytopenias: blood counts, and what raises or ends them."""


@attrs.frozen(kw_only=True)
class Dlt:
    """The dose-limiting toxicity of a participant: the first one that counts."""

    event: str | None
    """The adverse event; None for a cytopenia."""
    laboratory: tuple[int, ...] = ()
    """For a cytopenia: the versions, in the participant's stream, of the blood counts that show it."""
    term: str
    grade: int | None
    """The grade on the day of the onset; None for a cytopenia."""
    scale: Scale | None = None
    """The scale of the grade, where it is not the protocol's."""
    onset: ClinicalTime
    uncertain: bool
    """Whether the onset is a partial date: the DLT counts until the date is completed."""
    row: int | None = None
    """The number, from 1, of the row of ``dlt.criteria`` that decides; None for a rule of one grade, or a fixed day."""
    because: str | None = None
    """That row in words."""
    known_on: date
    """The day from which it could be known to count: the onset, or the day on which it had lasted long enough."""


@attrs.frozen(kw_only=True)
class Contact:
    """The contacts with a participant, for the rule about sentinels."""

    last: date
    """The day of the latest entry."""
    endings: tuple[Noted, ...]
    """Everything that ends the observation: a departure, a completed follow-up, a death."""


@attrs.frozen(kw_only=True)
class Member:
    """A participant who holds a slot or was infused, with their DLT evaluation."""

    subject: str
    level: Label | None
    """The level received; before the infusion, the assigned level; None for an amount that belongs to no level."""
    standing: Standing
    dlt: Dlt | None
    infused_on: ClinicalTime | None
    window_last: date | None
    """The last day of the observation window."""
    held_from: int
    """The position of the entry by which the participant took the slot."""
    infused_by: int | None
    """The position of the infusion."""
    evidence: tuple[int, ...]
    """The positions of the log entries that this evaluation depends on."""
    flags: tuple[EvaluationFlag, ...] = ()
    """Flags for the reader of this evaluation."""
    aside: SetAside | None = None
    """An assessment of the window that does not count."""
    contact: Contact | None = None
    """The contacts since the infusion; None if the protocol has no rule about sentinels."""
    open_until: date | None = None
    """For a toxicity or a cytopenia that may still last too long: the last day on which that is open."""

    @property
    def why(self) -> str:
        """The reason for the evaluation, in words."""
        return why_words(self.standing, self.aside)

    # What a design is told of a participant is computed once: a process keeps the members of a large trial.

    @cached_property
    def awaited(self) -> Awaited | None:
        """The outcome that is awaited; None for a participant who is not pending at a level.

        It may be known on the first day after the window, and after what still lasts.
        """
        if self.level is None or self.standing.evaluation is not Evaluation.PENDING:
            return None
        days = [day for day in (self.window_last, self.open_until) if day is not None]
        until = max(days) + timedelta(days=1) if self.window_last else None
        return Awaited(level=self.level, subject=self.subject, until=until)

    @cached_property
    def outcome(self) -> tuple[Label, bool | None] | None:
        """The level, and whether there was a DLT (None while that is pending); None for who gives no outcome."""
        if self.level is None or self.standing.evaluation not in {Evaluation.EVALUABLE, Evaluation.PENDING}:
            return None
        return self.level, None if self.standing.evaluation is Evaluation.PENDING else self.dlt is not None

    @cached_property
    def infusion_order(self) -> tuple[date, int]:
        """A sort key: the day of the infusion; of two on one day, the one recorded last comes last."""
        return (self.infused_on.first if self.infused_on else date.max, self.infused_by or 0)


@attrs.frozen(kw_only=True)
class DltCounts:
    """The tally of every level, and the members that were counted."""

    __repr__ = in_short

    tallies: tuple[Tally, ...]
    members: tuple[Member, ...]
    """In the order in which they took their slots."""
    unassigned: tuple[Member, ...] = ()
    """Participants infused with an amount that belongs to no level: they are in no tally."""

    @cached_property
    def by_infusion(self) -> tuple[Member, ...]:
        """The members in the order of their infusions; those who are not infused yet come last."""
        return tuple(sorted(self.members, key=attrgetter("infusion_order")))

    @cached_property
    def awaited(self) -> tuple[Awaited, ...]:
        """The outcomes that are awaited, in the order of the slots."""
        return tuple([awaited for member in self.members if (awaited := member.awaited) is not None])

    @cached_property
    def outcomes(self) -> tuple[tuple[Label, bool | None], ...]:
        """The outcomes of the members who give one, in the order of the infusions."""
        return tuple([outcome for member in self.by_infusion if (outcome := member.outcome) is not None])


@attrs.frozen
class DltPart:
    """The contribution of one participant to the counts."""

    member: Member | None
    """The participant, before released slots are subtracted."""
    causes: frozenset[EntryRef] = frozenset()
    """The participant's current entries that caused the release of a slot."""
    turns: tuple[date, ...] = ()
    """The days after each of which time alone may change the member."""


class DltCountsView:
    """The view of the DLT counts: a part for each participant, and the tallies of all levels."""

    def reads(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
        """Return the kinds of facts that can change an answer under any of the given protocol versions.

        With a sentinel, each kind can: any entry is a contact.
        """
        known = list(versions)
        return EVERY_KIND if any(protocol.stagger.sentinel for protocol in known) else self.counted(known)

    def counted(self, versions: Iterable[TrialProtocol]) -> frozenset[type[Any]]:
        """Return the kinds of facts that can change a count under any of the given protocol versions."""
        lasting = any(protocol.counts_cytopenias for protocol in versions)
        return frozenset((*_COUNTED, *_FOR_CYTOPENIAS) if lasting else _COUNTED)

    def part(self, case: Case, book: Casebook, on: date) -> DltPart:
        """Read one participant."""
        return dlt_part_of(case, book, on=on)

    def whole(self, parts: Sequence[DltPart], book: Casebook, on: date) -> DltCounts:  # noqa: ARG002 - as every view
        """Count."""
        return count(parts, book)


DLT_COUNTS = DltCountsView()


def dlt_counts(book: Casebook, *, on: date) -> DltCounts:
    """Count DLTs, with the observation windows as they are on a day."""
    return count([dlt_part_of(case, book, on=on) for case in book.cases], book)


def dlt_part_of(case: Case, book: Casebook, *, on: date) -> DltPart:
    """Compute the part of one participant. Released slots are subtracted later, when every case has been read."""
    found = (entry.envelope.caused_by for _, entry in book.releases)
    causes = {cause for cause in found if cause is not None and cause.stream == case.stream}
    member, turns = _evaluated(case, book, on=on)
    return DltPart(member, frozenset(cause for cause in causes if case.stands(cause)), turns)


@attrs.frozen
class CountBasis:
    """All that a count takes from the trial and its cohorts: where two are equal, they count the same parts alike."""

    __repr__ = in_short

    protocol: TrialProtocol
    releases: Sequence[tuple[Label, Recorded[SlotReleased]]]
    held: Mapping[Label, int]
    """The result of ``held_by_record``."""

    @classmethod
    def of(cls, book: Casebook) -> "CountBasis":
        """Take it from a casebook, with the streams of the trial and of its cohorts."""
        return cls(book.protocol, book.releases, held_by_record(book))

    def count(self, dlt_parts: Sequence[DltPart]) -> DltCounts:
        """Count the parts of all participants; empty if the protocol has no DLT rule."""
        if self.protocol.dlt is None:
            return DltCounts(tallies=(), members=())
        members = _members(dlt_parts, self.releases)
        at = defaultdict[Label | None, list[Member]](list)
        for member in members:
            at[member.level].append(member)
        unassigned = at[None]
        return DltCounts(
            tallies=tuple(_tally(level, at[level.label], self.held[level.label]) for level in self.protocol.levels),
            members=tuple(member for member in members if member.level is not None) if unassigned else tuple(members),
            unassigned=tuple(unassigned),
        )


def count(dlt_parts: Sequence[DltPart], book: Casebook) -> DltCounts:
    """Count the parts of all participants; empty if the protocol has no DLT rule.

    Args:
        dlt_parts: one for each participant.
        book: the casebook, with the streams of the trial and of its cohorts.
    """
    return CountBasis.of(book).count(dlt_parts)


def members_of(dlt_parts: Sequence[DltPart], book: Casebook) -> list[Member]:
    """Return the participants who were infused or hold a slot, in the order in which they took it."""
    return _members(dlt_parts, book.releases)


def _members(dlt_parts: Sequence[DltPart], releases: Sequence[tuple[Label, Recorded[SlotReleased]]]) -> list[Member]:
    standing = frozenset[EntryRef]().union(*(dlt_part.causes for dlt_part in dlt_parts if dlt_part.causes))
    released: dict[tuple[Label, str], int] = {}
    for level, entry in releases:
        cause = entry.envelope.caused_by
        if cause is None or subject_of(cause.stream) is None or cause in standing:
            released[level, entry.fact.subject] = entry.position
    found = [
        member
        for dlt_part in dlt_parts
        if (member := dlt_part.member) is not None
        and (member.infused_by is not None or not _gave_back(member, released))
    ]
    return sorted(found, key=attrgetter("held_from"))


def _gave_back(member: Member, released: Mapping[tuple[Label, str], int]) -> bool:
    """Return whether a participant who was not infused gave back the slot that they took last."""
    return member.level is not None and released.get((member.level, member.subject), 0) > member.held_from


def stands(member: Member) -> Hashable:
    """Return what two protocols can judge differently in a participant: the level, the evaluation, and the DLT.

    The evidence, and the reason in words, are left out.
    """
    dlt = member.dlt
    shown = dlt and (dlt.event, dlt.laboratory, dlt.term, dlt.grade, dlt.onset)
    return member.level, member.standing.evaluation, shown


def member_of(case: Case, book: Casebook, *, on: date) -> Member | None:
    """Evaluate one participant; None for a participant who neither took a slot nor was infused."""
    return _evaluated(case, book, on=on)[0]


def _evaluated(case: Case, book: Casebook, *, on: date) -> tuple[Member | None, tuple[date, ...]]:
    """Evaluate one participant; return also the days after which time alone may change the evaluation."""
    infusion = case.first_infusion
    if infusion is None:
        return _waiting(case), ()
    protocol = book.in_force_on(infusion.fact.started_at.first)
    found = _found(case, protocol)
    events = [one.counted for one in found if one.counted is not None]
    again = _treated_again(case, protocol)
    counts = _cytopenias(case, protocol, again)
    judgement = _judged(case, found, counts, again, protocol, on=on)
    dlt, lasted = first_dlt(events), first_lasted(counts)
    level = level_received(infusion.fact, protocol)
    standing = judgement.standing
    if level is None and standing.evaluation is not Evaluation.NOT_EVALUABLE:
        standing = Standing(evaluation=Evaluation.NOT_EVALUABLE, reason=EvaluationReason.NO_LEVEL)
    member = Member(
        subject=case.subject,
        level=level,
        standing=standing,
        dlt=_dlt(dlt, book) if dlt else _cytopenia(lasted) if lasted else None,
        infused_on=infusion.fact.started_at,
        window_last=Window.of(infusion.fact, protocol.dlt).last if protocol.dlt else None,
        held_from=min(case.since(infusion), case.assignment.since if case.assignment else case.since(infusion)),
        infused_by=case.since(infusion),
        evidence=judgement.evidence,
        flags=judgement.flags,
        aside=judgement.aside if standing == judgement.standing else None,
        contact=_contact(case) if any(known.stagger.sentinel for _, known in book.versions) else None,
        open_until=judgement.open_until if standing == judgement.standing else None,
    )
    return member, judgement.turns


def _contact(case: Case) -> Contact:
    since = {entry.position: case.since(entry) for entry in case.entries}
    endings = [(seen.on.first, seen.position, f"{_ENDED[by]} {seen.on}") for by, seen in case.endings]
    endings += [(death.fact.on.first, death.position, f"died on {death.fact.on}") for death in case.deaths]
    return Contact(
        last=case.last_day,
        endings=tuple(
            Noted(day=day, known_by=since[position], words=words) for day, position, words in sorted(endings)
        ),
    )


_ENDED = {
    EndedBy.WITHDREW: "left, and was last seen on",
    EndedBy.LOST: "was lost to follow-up, and was last seen on",
    EndedBy.COMPLETED: "completed the follow-up on",
}


def _waiting(case: Case) -> Member | None:
    """Return a participant who holds a slot and waits for the infusion; None once they left or died."""
    if case.assignment is None or case.death or case.left or case.refuses_treatment:
        return None
    assigned = case.assignment
    return Member(
        subject=case.subject,
        level=assigned.level,
        standing=NOT_INFUSED,
        dlt=None,
        infused_on=None,
        window_last=None,
        held_from=assigned.since,
        infused_by=None,
        evidence=(assigned.position,),
    )


def _found(case: Case, protocol: TrialProtocol) -> list[Found]:
    first, rule = case.first_infusion, protocol.dlt
    if first is None or rule is None:
        return []
    events, deaths = case.joined_events, case.deaths
    return [judge(event, infusion=first.fact, rule=rule, deaths=deaths, others=events) for event in events]


def _treated_again(case: Case, protocol: TrialProtocol) -> list[Beginning]:
    """Return the events since the infusion that change blood counts: the next cycle, a relapse, a new therapy."""
    first = case.first_infusion
    if first is None or not protocol.counts_cytopenias:
        return []
    infused = first.fact.started_at.first
    starts = starts_of(case.of(ChemotherapyStarted), case.of(ChemotherapyGiven))
    others = beginnings_of(relapses=case.of(Relapsed), therapies=case.of(NewTherapyStarted))
    cycles = following_cycles(starts, infused)
    return [one for one in (*cycles, *others) if one.when.last >= infused]


def _cytopenias(case: Case, protocol: TrialProtocol, again: Sequence[Beginning]) -> list[Cytopenia]:
    first, rule = case.first_infusion, protocol.dlt
    if first is None or rule is None or not protocol.counts_cytopenias:
        return []
    infused = first.fact.started_at.first
    return cytopenias(
        case.of(LabRecorded),
        infusion=first.fact,
        rule=rule,
        endpoints=protocol.endpoints,
        until=min((one.before(infused).on for one in again), default=None),
        transfusions=case.of(Transfused),
    )


def _judged(
    case: Case,
    found: Sequence[Found],
    counts: Sequence[Cytopenia],
    again: Sequence[Beginning],
    protocol: TrialProtocol,
    *,
    on: date,
) -> Judgement:
    infusion, rule = case.first_infusion, protocol.dlt
    if infusion is None:
        return Judgement(NOT_INFUSED)
    if rule is None:
        return judge_course(Course(infusion=infusion, events=()), protocol, on=on)
    deaths = case.deaths
    unrelated = [
        position
        for event in case.joined_events
        for position in judged_unrelated(
            event, infusion=infusion.fact, rule=rule, deaths=deaths, others=case.joined_events
        )
    ]
    ended = {seen.position for _, seen in case.endings} | {death.position for death in deaths}
    course = Course(
        infusion=infusion,
        events=[one.counted for one in found if one.counted is not None],
        may_last=[one.may_last for one in found if one.may_last is not None],
        short=tuple(position for one in found for position in one.short),
        cytopenias=counts,
        observation_ended=tuple(sorted(ended)),
        counts_ended=tuple(sorted(ended | {one.position for one in again})),
        assessments=case.window_assessments,
        deaths=deaths,
        explained=_explained(case, rule),
        unrelated=tuple(unrelated),
        departures=case.departures,
    )
    return judge_course(course, protocol, on=on)


def _explained(case: Case, rule: DltRule) -> tuple[int, ...]:
    """Return the entries of the first fatal event, whenever it began, and of its judgement; empty if there is none."""
    for event in case.joined_events:
        if event.fatal:
            judged = event.judged(Agent.INFUSION, related=rule.related)
            return (event.report.position, *judged.positions)
    return ()


def _dlt(event: Qualifying, book: Casebook) -> Dlt:
    return Dlt(
        event=event.event.event,
        term=event.event.term,
        grade=event.graded.grade,
        scale=beside(event.event.scale, book.protocol.grading),
        onset=event.onset,
        uncertain=event.uncertain,
        row=event.row,
        because=event.because,
        known_on=event.known_on,
    )


def _cytopenia(found: Cytopenia) -> Dlt:
    shown_on = found.entries[-1].fact.collected_at
    return Dlt(
        event=None,
        laboratory=tuple(entry.version for entry in found.entries),
        term=found.words,
        grade=None,
        onset=found.onset or shown_on,
        uncertain=False,
        row=found.row,
        because=found.because,
        known_on=shown_on.first,
    )


def _tally(level: DoseLevel, members: Sequence[Member], held: int) -> Tally:
    """Count the members of a level."""
    evaluations = [member.standing.evaluation for member in members]
    count, gone = evaluations.count, Evaluation.NOT_EVALUABLE
    return Tally(
        level=level.label,
        place=level.level,
        dose=level.dose,
        enrolled=count(Evaluation.NOT_INFUSED),
        evaluable=count(Evaluation.EVALUABLE),
        dlts=len(members) - [member.dlt for member in members].count(None),
        pending=count(Evaluation.PENDING),
        not_evaluable=count(gone),
        most_held=max(most_held([one is gone for one in evaluations]), held),
    )


def held_by_record(book: Casebook) -> dict[Label, int]:
    """Return, by level, the peak number of slots in use at the same time, as the cohorts recorded it."""
    return {label: book.records[label].held if label in book.records else 0 for label in book.protocol.labels}
