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
from trialdomain.application.access import Permit
from trialdomain.application.clock import Clock, told
from trialdomain.application.conduct import Conduct, User
from trialdomain.application.desk.enrollment import register_trial
from trialdomain.application.settlement import may_change_counts, member_now, why_gone
from trialdomain.application.view import uncounted
from trialdomain.errors import CommandRefused, Conflict
from trialdomain.events.participant import Enrolled, Infused, LabRecorded, ParticipantFact
from trialdomain.events.recorded import EntryRef, Meta, Recorded, Source
from trialdomain.projections.casebook import Case, by_stream, case_of, read_casebook
from trialdomain.projections.dlt_counts import member_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.mapper import StoredEvent, stored_of
from trialdomain.storage.sqlite import Command, SQLiteRecorder
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
        recorder: the log.
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
        recorder: SQLiteRecorder,
        protocol: TrialProtocol,
        *,
        by: User,
        clock: Clock,
        how: str,
        permit: Permit | None = None,
    ) -> None:
        self._recorder, self._protocol, self._user, self._clock, self._how = recorder, protocol, by, clock, how
        self._trial = protocol.trial
        self._versions: Counter[str] = Counter()
        self._cohorts = {level.level: Cohort(level.level) for level in protocol.levels}
        self._recorded_at = told(clock)
        self._uncounted = uncounted([protocol])
        self._infused: dict[int, list[date]] = {}
        """By level: the days on which somebody was infused for the first time."""
        self._spoiled = False
        self._pending: list[tuple[Command, Sequence[StoredEvent]]] = []
        self.position = 0
        """Of the last entry."""
        self.deviations: Counter[str] = Counter()
        """The rules of conduct that entries break, by the names of their errors."""
        self.today = site_day(self._recorded_at, protocol.site_zone)
        """At the site."""
        conduct = Conduct(self._trial, by, recorder, clock, lambda: _REGISTRATION, permit)
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
        self._appended = self._recorder.append_commands(self._trial, self._pending)
        self._pending = []

    def _commands(self, subject: str, commands: Sequence[Happened]) -> Iterator[tuple[Command, list[StoredEvent]]]:
        participant = Participant(subject, self._protocol)
        stream = participant_stream(self._trial, subject)
        settling = self._settling(commands)
        counted: list[Recorded[Any]] = []
        for number, one in enumerate(commands):
            self._recorded_at = max(self._recorded_at, told(self._clock))
            recorded: list[Recorded[Any]] = []
            for fact in one.facts:
                entry = self._placed(stream, fact, one, part=len(recorded) + 1)
                said = [sentence for place, sentence in one.findings if place == len(recorded)]
                if said:
                    entry = _deviating(entry, f"as {self._how}: {'; '.join(said)}")
                if type(fact) not in PASSED_OVER or participant.died_on is not None:
                    deviation = self._deviation(participant, fact)
                    if deviation is not None:
                        entry = _deviating(entry, deviation)
                    participant.apply(entry)
                recorded.append(entry)
                if type(fact) not in self._uncounted:
                    counted.append(entry)
            if number in settling:
                case = case_of(stream, counted, on=self.today)
                recorded += self._learned(case, one, after=recorded)
            if len(recorded) > len(one.facts):
                whole = len(recorded)
                recorded = [attrs.evolve(e, meta=attrs.evolve(e.meta, parts=whole)) for e in recorded]
            stored = [stored_of(e.stream, e.version, e.fact, e.meta, made_here=True) for e in recorded]
            request = sha256(b"".join(event.state for event in stored)).digest()
            yield Command(id=one.command, request=request), stored

    def _settling(self, commands: Sequence[Happened]) -> set[int]:
        """Say after which commands cohorts may have to learn something; of laboratory results, after the last."""
        if self._protocol.dlt is None:
            return set()
        may = [number for number, one in enumerate(commands) if may_change_counts(one.facts, [self._protocol])]
        labs = [number for number in may if all(isinstance(fact, LabRecorded) for fact in commands[number].facts)]
        return set(may) - set(labs[:-1])

    def _deviation(self, participant: Participant, fact: ParticipantFact) -> str | None:
        """Say which rules of conduct a fact breaks, and count them."""
        breaches = [*participant.against(fact), *self._against(participant, fact)]
        if not breaches:
            return None
        self.deviations.update(type(breach).__name__ for breach in breaches)
        return f"as {self._how}: {'; '.join(map(str, breaches))}"

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

    def _learned(self, case: Case, one: Happened, *, after: Sequence[Recorded[Any]]) -> list[Recorded[Any]]:
        """Tell the cohorts what a command has changed."""
        member = member_of(case, self._book, on=self.today)
        levels = {} if member is None else {member.subject: member.level}
        learned: list[Recorded[Any]] = []
        for level, cohort in self._cohorts.items():
            facts = cohort.settle(
                {member.subject: member_now(member)} if member is not None and member.level == level else {},
                about=[case.subject],
                gone={case.subject: why_gone(case.subject, levels)},
                closed=False,
            )
            for fact in facts:
                part = len(after) + len(learned) + 1
                stream = cohort_stream(self._trial, level)
                learned.append(self._placed(stream, fact, one, part=part, caused_by=after[0].ref))
                cohort.apply(learned[-1])
        return learned

    def _placed(
        self,
        stream: str,
        fact: Any,  # noqa: ANN401 - of a participant or a cohort
        command: Happened,
        *,
        part: int,
        caused_by: EntryRef | None = None,
    ) -> Recorded[Any]:
        """Give a fact the next place in its stream and its trial."""
        self.position += 1
        self._versions[stream] += 1
        meta = Meta(
            recorded_at=self._recorded_at,
            user=self._user.id,
            command=command.command,
            part=part,
            parts=len(command.facts),
            caused_by=caused_by,
            source=command.source if caused_by is None else None,
        )
        return Recorded(
            trial=self._trial,
            position=self.position,
            stream=stream,
            version=self._versions[stream],
            meta=meta,
            fact=fact,
        )


def _deviating(entry: Recorded[Any], deviation: str) -> Recorded[Any]:
    """Say of an entry that it deviates; what was said before stays."""
    said = deviation if entry.meta.deviation is None else f"{entry.meta.deviation}; {deviation}"
    return attrs.evolve(entry, meta=attrs.evolve(entry.meta, deviation=said))
