"""What if: a recorded trial judged by another protocol, compared with what its own protocol answers."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import date
from itertools import takewhile
from typing import Any

import attrs

from trialdomain.events.recorded import Recorded
from trialdomain.history.answers import Answers
from trialdomain.history.difference import ValueChange, changed_values, is_recommendation
from trialdomain.history.since import EVALUATION, Since, Tracing
from trialdomain.projections.casebook import Streams
from trialdomain.projections.decisions import StreamsInMemory
from trialdomain.projections.dlt_counts import DltCounts, Member, stands
from trialdomain.projections.endpoints.value import Value, told
from trialdomain.projections.other_protocol import DecisionOtherwise, VersionOtherwise
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import participant_stream, subject_of
from trialdomain.values.progress import Progress, counted


@attrs.frozen(kw_only=True)
class MemberOtherwise:
    """A participant whose level, evaluation or DLT would be another."""

    __repr__ = in_short

    subject: str
    recorded: Member | None
    """By the recorded protocol; None for a participant who holds no slot and was not infused."""
    other: Member | None
    since: Since

    @property
    def evidence(self) -> tuple[int, ...]:
        """The positions of the entries that either evaluation depends on, and of the one that made them differ."""
        return _together(self.since, self.recorded, self.other)


@attrs.frozen(kw_only=True)
class TallyOtherwise:
    """A dose level whose counts would be others."""

    __repr__ = in_short

    level: Label
    recorded: Tally | None
    """None if the recorded protocol has no such level, or counts no DLTs."""
    other: Tally | None
    participants: tuple[MemberOtherwise, ...]
    """The participants who make the difference."""


@attrs.frozen(kw_only=True)
class ValueOtherwise:
    """An endpoint of a participant that would have another value."""

    __repr__ = in_short

    endpoint: str
    subject: str
    recorded: Value | None
    """None if the recorded protocol does not derive the endpoint."""
    other: Value | None
    since: Since

    @property
    def evidence(self) -> tuple[int, ...]:
        """The positions of the entries that either value depends on, and of the one that made them differ."""
        return _together(self.since, self.recorded, self.other)


@attrs.frozen(kw_only=True)
class WhatIf:
    """The answers of a trial that would differ under another protocol, as known at one moment.

    The trial is not conducted anew: its participants, doses and decisions are those that were recorded.
    """

    __repr__ = in_short

    trial: str
    position: int
    """The last known position."""
    on: date
    """The day for which windows are judged."""
    versions: tuple[VersionOtherwise, ...]
    """Each recorded version of the protocol, with the one that takes its place, and the parameters that differ."""
    answers: tuple[Answers, Answers]
    """Every answer, by the recorded protocol and by the other one."""
    participants: tuple[MemberOtherwise, ...]
    tallies: tuple[TallyOtherwise, ...]
    decisions: tuple[DecisionOtherwise, ...]
    """Every recorded decision about the dose up to the day, in the order of the log; see ``differs``."""
    values: tuple[ValueOtherwise, ...]
    """The endpoints of participants that would have another value."""
    changed: tuple[ValueChange, ...]
    """Every derived value that would differ, by its path in the JSON of ``replay``."""

    entries: tuple[Recorded[Any], ...]
    """The entries that the evaluations of ``participants`` depend on, in the order of the log."""

    @property
    def recommendations(self) -> tuple[ValueChange, ...]:
        """The changed values that are recommendations of the design or the MTD."""
        return tuple(change for change in self.changed if is_recommendation(change.path))


def _together(since: Since, *answers: Member | Value | None) -> tuple[int, ...]:
    positions = {position for one in answers if one is not None for position in one.evidence}
    return tuple(sorted(positions if since.entry is None else positions | {since.entry.position}))


def _members(recorded: DltCounts, other: DltCounts) -> Iterator[tuple[str, Member | None, Member | None]]:
    """Yield each participant whose level, evaluation or DLT differs between two counts, with both evaluations."""
    before, after = (_by_subject(counts) for counts in (recorded, other))
    for subject in sorted({*before, *after}):
        old, new = before.get(subject), after.get(subject)
        if (old and stands(old)) != (new and stands(new)):
            yield subject, old, new


def _tallies(recorded: DltCounts, other: DltCounts, members: Sequence[MemberOtherwise]) -> Iterator[TallyOtherwise]:
    """Yield each level whose counts differ, with the participants who make the difference."""
    before, after = ({tally.level: tally for tally in counts.tallies} for counts in (recorded, other))
    for level in dict.fromkeys((*before, *after)):
        old, new = before.get(level), after.get(level)
        if _counted(old) != _counted(new):
            here = tuple(m for m in members if level in {one.level for one in (m.recorded, m.other) if one is not None})
            yield TallyOtherwise(level=level, recorded=old, other=new, participants=here)


def _differing_values(recorded: Answers, other: Answers) -> Iterator[tuple[str, str, Value | None, Value | None]]:
    """Yield each endpoint of a participant whose value differs, with both values."""
    before, after = ({(v.endpoint, v.subject): v for v in _values(answers)} for answers in (recorded, other))
    for endpoint, subject in dict.fromkeys((*before, *after)):
        old, new = before.get((endpoint, subject)), after.get((endpoint, subject))
        if (old and told(old)) != (new and told(new)):
            yield endpoint, subject, old, new


def _by_subject(counts: DltCounts) -> dict[str, Member]:
    return {member.subject: member for member in (*counts.members, *counts.unassigned)}


def _values(answers: Answers) -> Iterator[Value]:
    return (value for values in answers.endpoints.found.values.values() for value in values)


def _counted(tally: Tally | None) -> Hashable:
    if tally is None:
        return None
    return tally.enrolled, tally.evaluable, tally.dlts, tally.pending, tally.not_evaluable


def compare(
    answers: tuple[Answers, Answers],
    versions: Sequence[VersionOtherwise],
    decisions: Sequence[DecisionOtherwise],
    tracing: Tracing,
    *,
    position: int,
    progress: Progress,
) -> WhatIf:
    """Compare every answer of a trial with that under another protocol.

    Args:
        answers: every answer, by the recorded protocol and by the other one.
        versions: each recorded version of the protocol, with the one that takes its place.
        decisions: the recorded decisions, as the other protocol answers at them.
        tracing: the search for the moments from which answers differ.
        position: the last known position.
        progress: called with the name of the work, the amount done, and the total.
    """
    before, after = (one.dlt_counts for one in answers)
    of_members, of_values = list(_members(before, after)), list(_differing_values(*answers))
    wanted: dict[str, set[str]] = {subject: {EVALUATION} for subject, _, _ in of_members}
    for endpoint, subject, _, _ in of_values:
        wanted.setdefault(subject, set()).add(endpoint)
    searched = counted(progress, "searching since when", len(wanted))
    since = {}
    for subject, codes in wanted.items():
        since[subject] = tracing.search(subject, codes)
        searched(1)
    members = tuple(
        MemberOtherwise(subject=subject, recorded=old, other=new, since=since[subject][EVALUATION])
        for subject, old, new in of_members
    )
    return WhatIf(
        trial=tracing.trial,
        position=position,
        on=tracing.on,
        versions=tuple(versions),
        answers=answers,
        participants=members,
        tallies=tuple(_tallies(before, after, members)),
        decisions=tuple(one for one in decisions if one.entry.fact.basis.on <= tracing.on),
        values=tuple(
            ValueOtherwise(endpoint=endpoint, subject=subject, recorded=old, other=new, since=since[subject][endpoint])
            for endpoint, subject, old, new in of_values
        ),
        changed=changed_values(*answers),
        entries=tuple(sorted(_evidence(tracing, members), key=lambda entry: entry.position)),
    )


def _evidence(tracing: Tracing, members: Iterable[MemberOtherwise]) -> Iterator[Recorded[Any]]:
    for member in members:
        entries = tracing.read(participant_stream(tracing.trial, member.subject))
        yield from (entry for entry in entries if entry.position in member.evidence)


def of_trial(streams: Streams) -> StreamsInMemory:
    """Return the streams of the trial and of its cohorts, which come before those of participants."""
    first = takewhile(lambda one: subject_of(one[0]) is None, streams)
    return [(stream, list(entries)) for stream, entries in first]
