"""Bringing in a trial that was recorded elsewhere: what happened is recorded, nothing is decided.

Each row of the source is one command, named after it, with the row as its source. A rule of conduct that a fact breaks
does not keep it out: the entry says so, as a deviation. Where the protocol has a DLT rule, cohorts learn what follows,
as they always do; but no level is closed and no decision recorded, for nobody took one here.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import Participant
from trialdomain.application.conduct import Clock, InTheFuture, User, refuse_future
from trialdomain.application.questions import against_amount, against_number, against_stagger
from trialdomain.application.settlement import may_change_counts, member_now
from trialdomain.application.trials import Trials
from trialdomain.errors import CommandRefused, InputInvalid, LogUnusable
from trialdomain.events.participant import Enrolled, Infused, LabRecorded, ParticipantFact
from trialdomain.events.recorded import Draft, EntryRef, Meta, Recorded, Source
from trialdomain.exchange.sdtm.study import Progress, RowRead, Study
from trialdomain.exchange.sdtm.unrecorded import Unrecorded
from trialdomain.projections.casebook import Case, Casebook, by_stream, case_of, read_casebook
from trialdomain.projections.dlt_counts import member_of
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.codec import fingerprint, utc
from trialdomain.storage.mapper import StoredEvent, stored_of
from trialdomain.storage.sqlite import MEMORY, Command, SQLiteRecorder
from trialdomain.values.ids import cohort_stream, level_of, participant_stream
from trialdomain.values.role import Role

SYSTEM = "SDTM"
"""The source of every imported entry; its record is the domain, the subject and the number of a row."""
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""What file systems say that have no links."""
IMPORTER = User(id="import-sdtm", name="trialdomain import-sdtm", role=Role.SOFTWARE, organization="trialdomain")
"""Who imports, where nobody is named."""


@attrs.frozen(kw_only=True)
class FileImported:
    """What became of the rows of one file: ``read`` is ``recorded`` and ``listed``."""

    file: str
    read: int
    recorded: int
    listed: int
    columns_without_field: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Imported:
    """What an import came to."""

    trial: str
    log: Path
    entries: int
    """Of the log: the rows that were recorded, the registration, and what cohorts learned."""
    files: tuple[FileImported, ...]
    unrecorded: Path | None
    """Where the rows that were not recorded are listed; None where there are none."""
    reasons: Mapping[str, int]
    """Why rows were not recorded, each with the number of rows."""
    deviations: Mapping[str, int]
    """The rules of conduct that entries break, by the name of the rule's error, each with the number of entries."""

    @property
    def read(self) -> int:
        """The rows that were read."""
        return sum(file.read for file in self.files)

    @property
    def recorded(self) -> int:
        """The rows that were recorded."""
        return sum(file.recorded for file in self.files)

    @property
    def listed(self) -> int:
        """The rows that were not."""
        return sum(file.listed for file in self.files)


def _now() -> datetime:
    return datetime.now(UTC)


def import_sdtm(
    folder: str | Path,
    log: str | Path,
    *,
    protocol: TrialProtocol | None = None,
    zone: str | None = None,
    by: User = IMPORTER,
    clock: Clock = _now,
    progress: Progress = lambda *_: None,
) -> Imported:
    """Import a study in SDTM files into a new log; it is there whole, or not at all.

    Args:
        folder: holds ``dm.csv``, ``ds.csv``, ``ex.csv``, ``ae.csv``, ``lb.csv`` and ``vs.csv``.
        log: the file to make. What is not recorded is listed beside it, in ``LOG.unrecorded.csv``.
        protocol: the trial's; by default one that is derived from the arms, without criteria, DLT rule and design.
        zone: the IANA zone of the site, where the protocol does not name it; without one, times count as they stand.
        by: who imports.
        clock: gives the time that entries are recorded at.
        progress: told what is being done, how much of it is done, and how much there is.

    Raises:
        StudyUnusable: a file or a column is missing, or the arms have no order.
        RowMalformed: a row cannot be; it is named by file and line.
        ProtocolUnfit: the protocol does not fit the study.
        LogUnusable: the log exists, or cannot be made.
    """
    target = Path(log)
    if not target.name or "\0" in str(target) or target.name == MEMORY:
        raise LogUnusable(f"{str(log)!r} cannot be a log: name a file")
    listing = target.with_name(f"{target.name}.unrecorded.csv")
    journals = [target.with_name(f"{target.name}-{what}") for what in ("wal", "shm", "journal")]
    for path in (target, listing, *journals):  # SQLite would take a journal that is left over for the log's own
        if os.path.lexists(path):
            raise LogUnusable(f"{path} exists already: it was left as it is; remove it, or choose another name")
    with _beside(target) as folder_beside, Study(Path(folder), progress=progress) as study:
        made = folder_beside / "log"
        with Unrecorded(folder_beside / "unrecorded.csv") as unrecorded:
            importer = _Importer(study, _fitting(study, protocol, zone), made, by, clock)
            imported = importer.run(unrecorded, progress)
        if unrecorded.rows:
            _name(unrecorded.path, listing)
        try:
            _name(made, target)
        except BaseException:
            listing.unlink(missing_ok=True)
            raise
    return attrs.evolve(imported, log=target, unrecorded=listing if imported.listed else None)


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """Make a folder beside a file that does not exist yet, and remove it in the end."""
    try:
        beside = TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None
    with beside as name:
        yield Path(name)


def _name(made: Path, target: Path) -> None:
    """Give a file that is whole its name; unlike a renaming, never over a file that somebody made meanwhile."""
    try:
        try:
            os.link(made, target)
        except OSError as error:
            if error.errno not in _NO_LINKS or os.path.lexists(target):
                raise
            made.rename(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LogUnusable(f"{target} cannot be made: {error.strerror}; check its folder, or name another") from None


class ProtocolUnfit(InputInvalid):
    """A protocol does not fit the study that is imported under it."""


def _fitting(study: Study, protocol: TrialProtocol | None, zone: str | None) -> TrialProtocol:
    if protocol is None:
        return study.protocol(zone=zone)
    if len(protocol.levels) < len(study.arms):
        raise ProtocolUnfit(
            f"the study has {len(study.arms)} arms, and the protocol {len(protocol.levels)} dose levels: "
            f"give one with a level for each arm"
        )
    if zone is None or zone == protocol.zone:
        return protocol
    if protocol.zone is not None:
        raise ProtocolUnfit(f"the protocol's zone is {protocol.zone}, not {zone}: leave one of them out")
    return attrs.evolve(protocol, zone=zone)


class _Importer:
    """One import on its way into a log that nobody else has."""

    def __init__(self, study: Study, protocol: TrialProtocol, log: Path, by: User, clock: Clock) -> None:
        self._study, self._protocol, self._user = study, protocol, by
        self._recorder = SQLiteRecorder(log)
        self._desk = Trials(self._recorder, clock=clock)
        self._trial = protocol.trial
        self._versions: Counter[str] = Counter()
        self._position = 0
        self._cohorts = {level.level: Cohort(level.level) for level in protocol.levels}
        self._clock, self._recorded_at = clock, utc(clock())
        zone = ZoneInfo(protocol.zone) if protocol.zone else UTC
        self._today = self._recorded_at.astimezone(zone).date()
        self._deviations: Counter[str] = Counter()
        self._infused: dict[int, list[date]] = {}
        """By level: the days on which somebody was infused for the first time."""

    def run(self, unrecorded: Unrecorded, progress: Progress) -> Imported:
        """Record every subject, and say what became of every row."""
        recorded: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        done, total = 0, sum(self._study.counts.values())
        try:
            book = self._register()
            for subject, rows in self._study.subjects(zone=self._protocol.zone):
                self._recorder.append_commands(self._trial, list(self._record(subject, rows, book)))
                for one in rows:
                    if one.fact is None:
                        reasons[one.reason] += 1
                        unrecorded.add(one.row, one.reason)
                    else:
                        recorded[one.row.domain.file] += 1
                done += len(rows)
                progress("recording", done, total)
        finally:
            self._recorder.close()
        return Imported(
            trial=self._trial,
            log=Path(),
            entries=self._position,
            files=tuple(
                FileImported(
                    file=file,
                    read=read,
                    recorded=recorded[file],
                    listed=read - recorded[file],
                    columns_without_field=self._study.columns_without_field[file],
                )
                for file, read in self._study.counts.items()
            ),
            unrecorded=None,
            reasons=dict(reasons.most_common()),
            deviations=dict(self._deviations.most_common()),
        )

    def _register(self) -> Casebook:
        """Register the trial, and give the book of what every case is judged by."""
        handle = self._desk.register(self._protocol, by=self._user)
        entries = list(handle.history().entries())
        for entry in entries:
            self._take(entry)
        return read_casebook(lambda: by_stream(entries), on=self._today)

    def _take(self, entry: Recorded[Any]) -> None:
        self._versions[entry.stream] = entry.version
        self._position = max(self._position, entry.position)
        if (level := level_of(entry.stream)) is not None:
            self._cohorts[level].apply(entry)

    def _record(
        self, subject: str, rows: Sequence[RowRead], book: Casebook
    ) -> Iterator[tuple[Command, Sequence[StoredEvent]]]:
        """Make a command of each row that has a fact, with what the cohorts learn from it."""
        participant = Participant(subject, self._protocol)
        stream = participant_stream(self._trial, subject)
        settling = self._settling(rows)
        entries: list[Recorded[Any]] = []
        for number, one in enumerate(rows):
            if one.fact is None:
                continue
            try:
                refuse_future(one.fact, self._today)
            except InTheFuture as error:
                raise one.row.malformed(str(error)) from None
            deviation = self._deviation(participant, one.fact)
            source = Source(system=SYSTEM, record=one.row.record)
            drafts: list[Draft[Any]] = [Draft(stream=stream, fact=one.fact, deviation=deviation, source=source)]
            self._recorded_at = max(self._recorded_at, utc(self._clock()))
            entries.append(self._placed(drafts[0], command=one.row.record))
            participant.apply(entries[-1])
            if number in settling:
                case = case_of(stream, entries, on=self._today)
                drafts += self._learned(case, book, caused_by=entries[-1].ref)
            placed = [entries[-1], *(self._placed(draft, command=one.row.record) for draft in drafts[1:])]
            sealed = [
                attrs.evolve(entry, meta=attrs.evolve(entry.meta, part=part, parts=len(placed)))
                for part, entry in enumerate(placed, start=1)
            ]
            for entry in placed[1:]:
                self._cohorts[level_of(entry.stream) or 0].apply(entry)
            request = fingerprint("import-sdtm", self._user.id, one.fact)
            yield (
                Command(id=one.row.record, request=request),
                [stored_of(entry.stream, entry.version, entry.fact, entry.meta) for entry in sealed],
            )

    def _settling(self, rows: Sequence[RowRead]) -> set[int]:
        """Say after which rows cohorts may have to learn something; of laboratory results, after the last."""
        if self._protocol.dlt is None:
            return set()
        facts = [(number, one.fact) for number, one in enumerate(rows) if one.fact is not None]
        may = [(number, fact) for number, fact in facts if may_change_counts([fact], [self._protocol])]
        labs = [number for number, fact in may if isinstance(fact, LabRecorded)]
        return {number for number, _ in may} - set(labs[:-1])

    def _deviation(self, participant: Participant, fact: ParticipantFact) -> str | None:
        """Say which rules of conduct a fact breaks, and count them."""
        breaches = [*participant.against(fact), *self._against(participant, fact)]
        self._deviations.update(type(breach).__name__ for breach in breaches)
        return f"as imported: {'; '.join(map(str, breaches))}" if breaches else None

    def _against(self, participant: Participant, fact: ParticipantFact) -> Iterator[CommandRefused]:
        """Yield the rules of the trial that a fact breaks, as far as the subjects that were read before tell.

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

    def _learned(self, case: Case, book: Casebook, *, caused_by: EntryRef) -> list[Draft[Any]]:
        member = member_of(case, book, on=self._today)
        return [
            Draft(stream=cohort_stream(self._trial, level), fact=fact, caused_by=caused_by)
            for level, cohort in self._cohorts.items()
            for fact in cohort.settle(
                {member.subject: member_now(member)} if member is not None and member.level == level else {},
                about=[case.subject],
                gone={},
                closed=False,
                final=False,
            )
        ]

    def _placed(self, draft: Draft[Any], *, command: str) -> Recorded[Any]:
        """Give a draft the next place in its stream and its trial."""
        self._position += 1
        self._versions[draft.stream] += 1
        meta = Meta(
            recorded_at=self._recorded_at,
            user=self._user.id,
            command=command,
            part=1,
            parts=1,
            caused_by=draft.caused_by,
            deviation=draft.deviation,
            source=draft.source,
        )
        return Recorded(
            trial=self._trial,
            position=self._position,
            stream=draft.stream,
            version=self._versions[draft.stream],
            meta=meta,
            fact=draft.fact,
        )
