"""Hindsight: what the design would have answered about an earlier day, with some of what was recorded since.

Known today of that day is

- whatever a participant's record says of it: an event that began by then, a death, an assessment, a result, whenever it
  was recorded; of a follow-up dated later, how it judges relatedness, for that is a judgement on the event itself;
- corrections and voids of what was known then;
- an amendment that took effect before that day.

What people did later is not: later decisions, and what followed from this one. An enrollment, a reassignment or an
infusion that was recorded after the decision and happened on its day, without a time before it, is taken to have
followed from it; so is an amendment that took effect on its day.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from trialdomain.events.entries import VOIDS, current
from trialdomain.events.happened import happened
from trialdomain.events.participant import AdverseEventFollowedUp, Enrolled, Infused, LevelReassigned
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import ProtocolAmended, TrialClosed
from trialdomain.projections.casebook import Casebook, Streams, case_of_current, read_casebook
from trialdomain.projections.dlt_counts import Seat, count, seat_of
from trialdomain.projections.escalation import Escalation, escalation_of
from trialdomain.values.ids import subject_of

Positions = frozenset[int]
NONE: Positions = frozenset()


@attrs.frozen
class Moment:
    """When a decision was taken."""

    position: int
    """The last position that had been read for it."""
    on: date
    """The day for which windows were judged."""
    recorded_at: datetime
    """When it was recorded, in the zone of the site."""


@attrs.frozen
class Seen:
    """What the design answers to some of the entries."""

    state: Escalation | None
    """None where no design was in force."""
    recruitment_ended: bool


@attrs.frozen
class _Stream:
    """One stream, as known then, and what is known of that day since."""

    name: str
    before: Sequence[Recorded[Any]]
    since: Mapping[int, Recorded[Any]]
    """By position: each stands for itself, whatever it corrects was recorded between."""

    def with_(self, chosen: Collection[int]) -> list[Recorded[Any]]:
        """Give what was known then, and some of what is known since."""
        return [*self.before, *(entry for position, entry in self.since.items() if position in chosen)]


class Hindsight:
    """One moment of a trial, from today.

    Args:
        streams: every stream of the trial, whole, with the facts that can change a count.
        moment: when it was.
    """

    def __init__(self, streams: Iterable[tuple[str, Sequence[Recorded[Any]]]], moment: Moment) -> None:
        whole = list(streams)
        split = [_split(stream, entries, moment) for stream, entries in whole]
        self._moment = moment
        self._entries = {e.position: e for _, entries in whole for e in entries if e.position > moment.position}
        self._of_trial = [one for one in split if subject_of(one.name) is None]
        self._of_people = {one.name: one for one in split if subject_of(one.name) is not None}
        self.of_trial = tuple(position for one in self._of_trial for position in one.since)
        """The later entries of the trial and its cohorts that count."""
        self.of_people = {name: tuple(one.since) for name, one in self._of_people.items() if one.since}
        """The later entries of each participant that count, by stream."""
        self._books: dict[Positions, tuple[Casebook, bool]] = {}
        self._seats: dict[tuple[str, Positions, Positions], Seat] = {}

    @property
    def later(self) -> Positions:
        """Every later entry that counts."""
        return frozenset(self.of_trial).union(*self.of_people.values())

    def entry(self, position: int) -> Recorded[Any]:
        """Give one of the later entries, as it was recorded."""
        return self._entries[position]

    def seen(self, chosen: Positions = NONE) -> Seen:
        """Ask the design about what was known then, and some of the later entries."""
        of_trial = chosen.intersection(self.of_trial)
        book, ended = self._book(of_trial)
        seats = [self.seat(name, chosen.intersection(one.since), of_trial) for name, one in self._of_people.items()]
        return Seen(escalation_of(count(seats, book), book, on=self._moment.on), ended)

    def seat(self, stream: str, chosen: Positions, of_trial: Positions = NONE) -> Seat:
        """Read one participant with some of their later entries, under some of the trial's."""
        key = (stream, chosen, of_trial)
        if key not in self._seats:
            book, _ = self._book(of_trial)
            known = current(self._of_people[stream].with_(chosen))
            judged = [_judgement(entry) for entry in known.entries if self._only_judges(entry)]
            case = case_of_current(stream, known, on=self._moment.on, also=judged)
            self._seats[key] = seat_of(case, book, on=self._moment.on)
        return self._seats[key]

    def _book(self, of_trial: Positions) -> tuple[Casebook, bool]:
        if of_trial not in self._books:
            streams: Streams = [(one.name, one.with_(of_trial)) for one in self._of_trial]
            ended = any(isinstance(e.fact, TrialClosed) for _, found in streams for e in current(found).entries)
            self._books[of_trial] = read_casebook(lambda: streams, on=self._moment.on), ended
        return self._books[of_trial]

    def _only_judges(self, entry: Recorded[Any]) -> bool:
        later = entry.position > self._moment.position and isinstance(entry.fact, AdverseEventFollowedUp)
        return later and entry.fact.on.first > self._moment.on


def _judgement(entry: Recorded[AdverseEventFollowedUp]) -> Recorded[AdverseEventFollowedUp]:
    """Keep of a follow-up how it judges: what else it says is so from its day on."""
    fact = entry.fact
    judged = AdverseEventFollowedUp(event=fact.event, on=fact.on, attributions=fact.attributions)
    return attrs.evolve(entry, fact=judged)


def _split(stream: str, entries: Sequence[Recorded[Any]], moment: Moment) -> _Stream:
    """Tell what was known then from what is known since; of a chain of corrections, only its last counts."""
    before = [entry for entry in entries if entry.position <= moment.position]
    if len(before) == len(entries):
        return _Stream(stream, before, {})
    first: dict[int, Recorded[Any]] = {}
    last_known: dict[int, int] = {}  # by the version of a chain's first entry: its last version as known then
    for entry in entries:
        corrected = entry.envelope.corrects
        first[entry.version] = entry if corrected is None else first.get(corrected, entry)
        if entry.position <= moment.position:
            last_known[first[entry.version].version] = entry.version
    standing = {entry.version for entry in current(list(entries)).entries}
    since = dict[int, Recorded[Any]]()
    for entry in (entry for entry in entries if entry.position > moment.position):
        voids = isinstance(entry.fact, VOIDS)
        if not voids and entry.version not in standing:
            continue
        begun = first.get(entry.fact.version) if voids else first[entry.version]
        known = None if begun is None else last_known.get(begun.version)
        if voids and known is not None:
            since[entry.position] = attrs.evolve(entry, fact=attrs.evolve(entry.fact, version=known))
        elif not voids and (known is not None or _tells(entry, moment)):
            since[entry.position] = attrs.evolve(entry, meta=attrs.evolve(entry.meta, corrects=known))
    return _Stream(stream, before, since)


def _tells(entry: Recorded[Any], moment: Moment) -> bool:
    """Say whether an entry that was first recorded later tells of that day, and does not follow from the decision."""
    fact, on = entry.fact, moment.on
    if subject_of(entry.stream) is None:
        return isinstance(fact, ProtocolAmended) and fact.effective_on < on
    if isinstance(fact, AdverseEventFollowedUp) and fact.attributions:
        return True
    when = happened(fact)
    if when is None or when.first > on:
        return False
    if not isinstance(fact, Enrolled | LevelReassigned | Infused) or when.day != on:
        return True
    timed = when.at is not None and when.at.tzinfo is not None and moment.recorded_at.date() == on
    return timed and when.at is not None and when.at < moment.recorded_at
