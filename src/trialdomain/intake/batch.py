"""Recording what has happened already, one participant after another, into a log that nobody else has.

Nothing is decided. A rule of conduct that a fact breaks does not keep it out: the entry says so, as a deviation. Where
the protocol has a DLT rule, cohorts learn what follows, as they always do; but no level is closed, for nobody took a
decision. Memory follows one participant, and what waits for one transaction.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import attrs

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.infusions import against_amount, against_number, against_stagger
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.commands.access import Permit
from trialdomain.commands.clock import Clock, told
from trialdomain.commands.runner import Conduct, User
from trialdomain.commands.sealing import sealed, stored
from trialdomain.commands.settlement import cohorts_learn, may_change_counts
from trialdomain.commands.snapshot import drafts_in, uncounted
from trialdomain.desk.enrollment import register_trial
from trialdomain.errors import CommandRefused, Conflict
from trialdomain.events.participant import Enrolled, Infused, ParticipantFact
from trialdomain.events.recorded import Draft, Recorded, Source
from trialdomain.projections.casebook import by_stream, case_of, read_casebook
from trialdomain.projections.dlt_counts import member_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.store import Command, Sealed, Store
from trialdomain.values.calendar import site_day
from trialdomain.values.ids import cohort_stream, level_of, participant_stream
from trialdomain.values.use_case import UseCase

_REGISTRATION = "register"
"""The id of the first command: what is recorded is the same each time."""
_ENTRIES_AT_ONCE = 2_000
"""Appended in one transaction: each waits for the disk once."""


@attrs.frozen(kw_only=True)
class Happened:
    """What one command records of a participant."""

    command: str
    facts: Sequence[ParticipantFact]
    source: Source | None = None
    findings: Sequence[tuple[int, str]] = ()
    """What contradicts a fact, by its place from 0, where it comes from: its entry says so, as a deviation."""


class BatchSpoiled(Conflict):
    """A participant could not be added whole, so that nothing more can be."""

    code = "batch-spoiled"

    def __init__(self) -> None:
        super().__init__("a participant was added in part: begin again with a new log")


class Batch:
    """A trial on its way into a log, which registers it first.

    Args:
        store: the log.
        protocol: the trial's.
        by: who records.
        clock: gives the time that entries are recorded at.
        how: how it came here, in one word, such as "imported".
        permit: how the embedding service decides who may; None where the protocol's table alone does.

    Raises:
        NotPermitted: the user may not import a trial.
    """

    def __init__(
        self,
        store: Store,
        protocol: TrialProtocol,
        *,
        by: User,
        clock: Clock,
        how: str,
        permit: Permit | None = None,
    ) -> None:
        self._store, self._protocol, self._user, self._clock, self._how = store, protocol, by, clock, how
        self._trial = protocol.trial
        self._versions: Counter[str] = Counter()
        self._cohorts = {level.level: Cohort(level.level) for level in protocol.levels}
        self._recorded_at = told(clock)
        self._uncounted = uncounted([protocol])
        self._infused: dict[int, list[date]] = {}
        """By level: the days on which somebody was infused for the first time."""
        self._spoiled = False
        self._pending: list[Sealed] = []
        self.position = 0
        """Of the last entry."""
        self.deviations: Counter[str] = Counter()
        """The rules of conduct that entries break, by the names of their errors."""
        self.today = site_day(self._recorded_at, protocol.site_zone)
        """At the site."""
        conduct = Conduct(self._trial, by, store, clock, lambda: _REGISTRATION, permit)
        entries: list[Recorded[Any]] = list(register_trial(conduct, protocol, use_case=UseCase.IMPORT, command_id=None))
        for entry in entries:
            self._versions[entry.stream] = entry.version
            self.position = max(self.position, entry.position)
            if (level := level_of(entry.stream)) is not None:
                self._cohorts[level].apply(entry)
        self._appended = self.position
        self._book = read_casebook(lambda: by_stream(entries), on=self.today)

    @property
    def moment(self) -> datetime:
        """The time at which the last entries are recorded."""
        return self._recorded_at

    def add(self, subject: str, commands: Sequence[Happened]) -> None:
        """Record everything about one participant, once; it is in the log after ``finish`` at the latest."""
        if self._spoiled:
            raise BatchSpoiled
        self._spoiled = True  # until it is whole
        self._pending += list(self._commands(subject, commands))
        self._spoiled = False
        if self.position - self._appended >= _ENTRIES_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Append what was added and is not in the log yet."""
        if self._spoiled:
            raise BatchSpoiled
        self._store.append(self._trial, self._pending)
        self._appended, self._pending = self.position, []

    def _commands(self, subject: str, commands: Sequence[Happened]) -> Iterator[Sealed]:
        """Seal everything about one participant, command by command; the last one settles what cohorts learn."""
        participant, counted = Participant(subject, self._protocol), list[Recorded[Any]]()
        for number, one in enumerate(commands, start=1):
            self._recorded_at = max(self._recorded_at, told(self._clock))
            entries = self._told(participant, one)
            counted += [entry for entry in entries if type(entry.fact) not in self._uncounted]
            if number == len(commands) and self._settles(counted):
                entries = self._settled(subject, one, entries, counted)
            self._take(entries)
            events = stored(entries, made_here=True)
            request = sha256(b"".join(event.state for event in events)).digest()
            yield Sealed(Command(id=one.command, request=request), events)

    def _told(self, participant: Participant, one: Happened) -> list[Recorded[Any]]:
        """Seal the facts of a command; each entry says by which rules, and by which findings, it deviates."""
        stream = participant_stream(self._trial, participant.subject)
        entries = self._sealed(one, [Draft(stream=stream, fact=fact, source=one.source) for fact in one.facts])
        for place, entry in enumerate(entries):
            said = [sentence for at, sentence in one.findings if at == place]
            deviations = [f"as {self._how}: {'; '.join(said)}"] if said else []
            if type(entry.fact) not in PASSED_OVER or participant.died_on is not None:
                deviations += self._deviation(participant, entry.fact)
                participant.apply(entry)
            if deviations:
                entries[place] = attrs.evolve(entry, meta=attrs.evolve(entry.meta, deviation="; ".join(deviations)))
        return entries

    def _sealed(self, one: Happened, drafts: Sequence[Draft[Any]]) -> list[Recorded[Any]]:
        return sealed(
            drafts,
            trial=self._trial,
            user=self._user.id,
            command=one.command,
            recorded_at=self._recorded_at,
            versions=self._versions,
            after=self.position,
        )

    def _settles(self, counted: Sequence[Recorded[Any]]) -> bool:
        """Say whether cohorts may have to learn something from a participant; without a DLT rule they know nothing."""
        return self._protocol.dlt is not None and may_change_counts([one.fact for one in counted], [self._protocol])

    def _settled(
        self, subject: str, one: Happened, entries: Sequence[Recorded[Any]], counted: Sequence[Recorded[Any]]
    ) -> list[Recorded[Any]]:
        """Seal a command again with what cohorts learn of the participant; no level is closed, for nobody decided."""
        case = case_of(participant_stream(self._trial, subject), counted, on=self.today)
        member = member_of(case, self._book, on=self.today)
        drafts = [_draft_of(entry) for entry in entries]
        learned = cohorts_learn(self._cohorts, [] if member is None else [member], about={subject}, closed=())
        for level, facts in learned:
            drafts += drafts_in(cohort_stream(self._trial, level), facts, caused_by=entries[0].ref)
        return self._sealed(one, drafts)

    def _take(self, entries: Sequence[Recorded[Any]]) -> None:
        """Go on from sealed entries: cohorts know them, and the next ones come after them."""
        for entry in entries:
            self._versions[entry.stream] = entry.version
            self.position = entry.position
            if (level := level_of(entry.stream)) is not None:
                self._cohorts[level].apply(entry)

    def _deviation(self, participant: Participant, fact: ParticipantFact) -> list[str]:
        """Say which rules of conduct a fact breaks, and count them."""
        breaches = [*participant.against(fact), *self._against(participant, fact)]
        self.deviations.update(type(breach).__name__ for breach in breaches)
        return [f"as {self._how}: {'; '.join(map(str, breaches))}"] if breaches else []

    def _against(self, participant: Participant, fact: ParticipantFact) -> Iterator[CommandRefused]:
        """Yield the rules of the trial that a fact breaks, as far as the participants before tell.

        What the design would have said on that day is not asked: nobody can have decided by it.
        """
        match fact:
            case Enrolled(level=level) if self._protocol.design is not None:
                yield from self._cohorts[level].against_filling()
            case Infused():
                yield from against_amount(fact, self._protocol)
                if participant.infusion is None:
                    days = self._infused.setdefault(fact.level, [])
                    yield from against_stagger(fact, days, self._protocol)
                    yield from against_number(sum(map(len, self._infused.values())), self._protocol)
                    days.append(fact.started_at.first)
            case _:
                pass


def _draft_of(entry: Recorded[Any]) -> Draft[Any]:
    meta = entry.meta
    return Draft(stream=entry.stream, fact=entry.fact, source=meta.source, deviation=meta.deviation)
