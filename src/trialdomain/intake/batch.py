"""Batch recording of past conduct, one participant after another, into a log that no other process has open.

A batch takes no decisions. A fact that breaks a rule of conduct is recorded, and its entry names the deviation. Where
the protocol has a DLT rule, the cohort facts follow as usual. But no level is closed, since no decision was taken.
Memory holds one participant, and the entries that wait for one transaction.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any

import attrs

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.infusions import (
    against_amount,
    against_number,
    against_sentinel_days,
    against_stagger,
)
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.commands.access import Permit
from trialdomain.commands.clock import Clock, read_clock
from trialdomain.commands.memory import uncounted
from trialdomain.commands.runner import CommandRunner, User
from trialdomain.commands.sealing import sealed, stored
from trialdomain.commands.settlement import cohort_updates, may_change_counts
from trialdomain.commands.snapshot import drafts_in
from trialdomain.desk.enrollment import register_trial
from trialdomain.errors import CommandRefused, Conflict
from trialdomain.events.participant import Enrolled, Infused, ParticipantFact
from trialdomain.events.recorded import Draft, Recorded, Source
from trialdomain.projections.casebook import by_stream, case_of, read_casebook
from trialdomain.projections.dlt_counts import member_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.store import Command, Sealed, Store
from trialdomain.values.calendar import site_day
from trialdomain.values.clinical.level import Label
from trialdomain.values.ids import cohort_stream, level_of, participant_stream
from trialdomain.values.use_case import UseCase

_REGISTRATION = "register"
"""The id of the first command; it is fixed, so that the same input always gives the same entries."""
_ENTRIES_AT_ONCE = 2_000
"""The number of entries in one transaction. Each transaction waits for the disk once."""


@attrs.frozen(kw_only=True)
class Happened:
    """The facts that one command records of a participant."""

    command: str
    facts: Sequence[ParticipantFact]
    source: Source | None = None
    findings: Sequence[tuple[int, str]] = ()
    """Contradictions in the source: the index of a fact, from 0, and a sentence that its entry carries as deviation."""
    deviations: Sequence[str | None] | None = None
    """The deviation of each fact, where an earlier import has told it; None judges each by the rules of conduct."""


class BatchSpoiled(Conflict):
    """A participant was added only in part, so the batch accepts no more."""

    code = "batch-spoiled"

    def __init__(self) -> None:
        super().__init__("a participant was added in part: begin again with a new log")


class Batch:
    """The batch recording of one trial. It registers the trial first.

    Args:
        store: the log.
        protocol: the protocol of the trial.
        by: the user who records.
        clock: returns the recording time of entries.
        how: the origin of the trial in one word, such as "imported".
        permit: the access hook of the embedding service; None where the protocol's table alone decides.

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
        self._cohorts: dict[Label, Cohort] = {label: Cohort(label) for label in protocol.labels}
        self._recorded_at = read_clock(clock)
        self._uncounted = uncounted([protocol])
        self._infused: dict[Label, list[tuple[date, str]]] = {}
        """By level: the days of the first infusions, each with its participant."""
        self._spoiled = False
        self._pending: list[Sealed] = []
        self.position = 0
        """The position of the last entry."""
        self.deviations: Counter[str] = Counter()
        """The number of deviations by the name of the error of the rule."""
        runner = CommandRunner(self._trial, by, store, clock, lambda: _REGISTRATION, permit)
        entries: list[Recorded[Any]] = list(register_trial(runner, protocol, use_case=UseCase.IMPORT, command_id=None))
        for entry in entries:
            self._versions[entry.stream] = entry.version
            self.position = max(self.position, entry.position)
            if (level := level_of(entry.stream)) is not None:
                self._cohorts[level].apply(entry)
        self._recorded_at = max(self._recorded_at, *(entry.meta.recorded_at for entry in entries))
        self.today = site_day(self._recorded_at, protocol.site_zone)
        """The day at the site."""
        self._appended = self.position
        self._book = read_casebook(lambda: by_stream(entries), on=self.today)

    @property
    def moment(self) -> datetime:
        """The recording time of the last entries."""
        return self._recorded_at

    def add(self, subject: str, commands: Sequence[Happened]) -> None:
        """Record all facts of one participant; call once per participant. ``finish`` appends them at the latest."""
        if self._spoiled:
            raise BatchSpoiled
        self._spoiled = True  # reset once the participant is complete
        self._pending += list(self._commands(subject, commands))
        self._spoiled = False
        if self.position - self._appended >= _ENTRIES_AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Append the pending entries."""
        if self._spoiled:
            raise BatchSpoiled
        self._store.append(self._trial, self._pending)
        self._appended, self._pending = self.position, []

    def _commands(self, subject: str, commands: Sequence[Happened]) -> Iterator[Sealed]:
        """Seal the commands of one participant; the last one also records the cohort facts that follow."""
        participant, counted = Participant(subject, self._protocol), list[Recorded[Any]]()
        for number, one in enumerate(commands, start=1):
            self._recorded_at = max(self._recorded_at, read_clock(self._clock))
            entries = self._with_deviations(participant, one)
            counted += [entry for entry in entries if type(entry.fact) not in self._uncounted]
            if number == len(commands) and self._settles(counted):
                entries = self._settled(subject, one, entries, counted)
            self._take(entries)
            events = stored(entries, made_here=True)
            request = sha256(b"".join(event.state for event in events)).digest()
            yield Sealed(Command(id=one.command, request=request), events)

    def _with_deviations(self, participant: Participant, one: Happened) -> list[Recorded[Any]]:
        """Seal the facts of a command; each entry names the rules that it breaks, and the findings about it."""
        stream = participant_stream(self._trial, participant.subject)
        entries = self._sealed(one, [Draft(stream=stream, fact=fact, source=one.source) for fact in one.facts])
        for place, entry in enumerate(entries):
            if one.deviations is not None:
                entries[place] = attrs.evolve(entry, meta=attrs.evolve(entry.meta, deviation=one.deviations[place]))
                continue
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
        """Say whether a participant can change a cohort; without a DLT rule, cohorts hold no facts of participants."""
        return self._protocol.dlt is not None and may_change_counts([one.fact for one in counted], [self._protocol])

    def _settled(
        self, subject: str, one: Happened, entries: Sequence[Recorded[Any]], counted: Sequence[Recorded[Any]]
    ) -> list[Recorded[Any]]:
        """Seal a command again with the cohort facts that follow; close no level, since no decision was taken."""
        case = case_of(participant_stream(self._trial, subject), counted, on=self.today)
        member = member_of(case, self._book, on=self.today)
        drafts = [_draft_of(entry) for entry in entries]
        updates = cohort_updates(self._cohorts, [] if member is None else [member], about={subject}, closed=())
        for level, facts in updates:
            drafts += drafts_in(cohort_stream(self._trial, level), facts, caused_by=entries[0].ref)
        return self._sealed(one, drafts)

    def _take(self, entries: Sequence[Recorded[Any]]) -> None:
        """Update positions, versions and cohorts with sealed entries."""
        for entry in entries:
            self._versions[entry.stream] = entry.version
            self.position = entry.position
            if (level := level_of(entry.stream)) is not None:
                self._cohorts[level].apply(entry)

    def _deviation(self, participant: Participant, fact: ParticipantFact) -> list[str]:
        """Describe the rules of conduct that a fact breaks, and count them."""
        breaches = [*participant.against(fact), *self._against(participant, fact)]
        self.deviations.update(type(breach).__name__ for breach in breaches)
        return [f"as {self._how}: {'; '.join(map(str, breaches))}"] if breaches else []

    def _against(self, participant: Participant, fact: ParticipantFact) -> Iterator[CommandRefused]:
        """Yield the rules of the trial that a fact breaks, judged by the participants that were added before.

        The recommendation of the design on that day is not computed, since no decision can have followed it.
        """
        match fact:
            case Enrolled(level=level) if self._protocol.design is not None:
                yield from self._cohorts[level].against_filling()
            case Infused():
                yield from against_amount(fact, self._protocol)
                if participant.infusion is None:
                    others = self._infused.setdefault(fact.level, [])
                    yield from against_stagger(fact, [day for day, _ in others], self._protocol)
                    yield from against_sentinel_days(fact, participant.subject, others, self._protocol)
                    yield from against_number(sum(map(len, self._infused.values())), self._protocol)
                    others.append((fact.started_at.first, participant.subject))
            case _:
                pass


def _draft_of(entry: Recorded[Any]) -> Draft[Any]:
    meta = entry.meta
    return Draft(stream=entry.stream, fact=entry.fact, source=meta.source, deviation=meta.deviation)
