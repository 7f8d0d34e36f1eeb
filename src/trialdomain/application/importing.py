"""Bringing in a trial that was recorded elsewhere: each row is one command, named after it, with the row as source."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import attrs

from trialdomain.application.access import Permit
from trialdomain.application.batch import Batch, Happened
from trialdomain.application.clock import Clock, utc_now
from trialdomain.application.coercion import again, check_callable, expect
from trialdomain.application.conduct import InTheFuture, User, refuse_future
from trialdomain.application.new_log import folder_beside, give_name, refuse_existing
from trialdomain.errors import InputInvalid
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Source
from trialdomain.exchange.sdtm.study import RowRead, Study
from trialdomain.exchange.sdtm.unrecorded import Unrecorded
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.sqlite import SQLiteRecorder
from trialdomain.values.filename import as_path, named
from trialdomain.values.plural import how_many
from trialdomain.values.progress import Progress, unheard
from trialdomain.values.role import Role

SYSTEM = "SDTM"
"""The source of every imported entry; its record is the domain, the subject and the number of a row."""
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


def import_sdtm(
    folder: str | Path,
    log: str | Path,
    *,
    protocol: TrialProtocol | None = None,
    zone: str | None = None,
    by: User = IMPORTER,
    clock: Clock = utc_now,
    permit: Permit | None = None,
    progress: Progress = unheard,
) -> Imported:
    """Import a study in SDTM files into a new log; it is there whole, or not at all.

    Args:
        folder: holds ``dm.csv``, ``ds.csv``, ``ex.csv``, ``ae.csv``, ``lb.csv`` and ``vs.csv``.
        log: the file to make. What is not recorded is listed beside it, in ``LOG.unrecorded.csv``.
        protocol: the trial's; by default one that is derived from the arms, without criteria, DLT rule and design.
        zone: the IANA zone of the site, where the protocol does not name it; without one, times count as they stand.
        by: who imports.
        clock: gives the time that entries are recorded at.
        permit: how the embedding service decides who may import; None where the protocol's table alone does.
        progress: told what is being done, how much of it is done, and how much there is.

    Raises:
        StudyUnusable: a file or a column is missing, or the arms have no order.
        RowMalformed: a row cannot be; it is named by file and line.
        ProtocolUnfit: the protocol does not fit the study.
        NotPermitted: the user may not import a trial.
        LogUnusable: the log exists, or cannot be made.
    """
    target, source = as_path("the log", log), named(folder, what="the study")
    check_callable(clock=clock, progress=progress)
    if permit is not None:
        check_callable(permit=permit)
    if protocol is not None:
        protocol = again("an import", protocol, TrialProtocol)
    if zone is not None:
        zone = expect("an import's zone", zone, str)
    listing = target.parent / f"{target.name}.unrecorded.csv"
    refuse_existing(target, beside=[listing])
    with folder_beside(target) as beside, Study(source, progress=progress) as study:
        made = beside / "log"
        with Unrecorded(beside / "unrecorded.csv") as unrecorded:
            importer = _Importer(study, _fitting(study, protocol, zone), made, by=by, clock=clock, permit=permit)
            imported = importer.run(unrecorded, progress)
        if unrecorded.rows:
            give_name(unrecorded.path, listing)
        try:
            give_name(made, target)
        except BaseException:
            listing.unlink(missing_ok=True)
            raise
    return attrs.evolve(imported, log=target, unrecorded=listing if imported.listed else None)


class ProtocolUnfit(InputInvalid):
    """A protocol does not fit the study that is imported under it."""

    code = "protocol-unfit"


def _fitting(study: Study, protocol: TrialProtocol | None, zone: str | None) -> TrialProtocol:
    if protocol is None:
        return study.protocol(zone=zone)
    if len(protocol.levels) < len(study.arms):
        raise ProtocolUnfit(
            f"the study has {how_many(len(study.arms), 'arm')}, and the protocol "
            f"{how_many(len(protocol.levels), 'dose level')}: "
            f"give one with a level for each arm"
        )
    if zone is None or zone == protocol.zone:
        return protocol
    if protocol.zone is not None:
        raise ProtocolUnfit(f"the protocol's zone is {protocol.zone}, not {zone}: leave one of them out")
    return attrs.evolve(protocol, zone=zone)


class _Importer:
    """One import on its way into a log that nobody else has."""

    def __init__(
        self, study: Study, protocol: TrialProtocol, log: Path, *, by: User, clock: Clock, permit: Permit | None
    ) -> None:
        self._study, self._protocol = study, protocol
        self._recorder = SQLiteRecorder(log)
        try:
            self._batch = Batch(self._recorder, protocol, by=by, clock=clock, how="imported", permit=permit)
        except BaseException:
            self._recorder.close()
            raise

    def run(self, unrecorded: Unrecorded, progress: Progress) -> Imported:
        """Record every subject, and say what became of every row."""
        recorded: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        done, total = 0, sum(self._study.counts.values())
        try:
            for subject, rows in self._study.subjects(zone=self._protocol.zone):
                self._batch.add(subject, [self._happened(one, one.fact) for one in rows if one.fact is not None])
                for one in rows:
                    if one.fact is None:
                        reasons[one.reason] += 1
                        unrecorded.add(one.row, one.reason)
                    else:
                        recorded[one.row.domain.file] += 1
                done += len(rows)
                progress("recording", done, total)
            self._batch.finish()
        finally:
            self._recorder.close()
        return Imported(
            trial=self._protocol.trial,
            log=Path(),
            entries=self._batch.position,
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
            deviations=dict(self._batch.deviations.most_common()),
        )

    def _happened(self, one: RowRead, fact: ParticipantFact) -> Happened:
        """Make a command of a row, named after it."""
        try:
            refuse_future(fact, self._batch.today)
        except InTheFuture as error:
            raise one.row.malformed(str(error)) from None
        source = Source(system=SYSTEM, record=one.row.record)
        return Happened(command=one.row.record, facts=[fact], source=source)
