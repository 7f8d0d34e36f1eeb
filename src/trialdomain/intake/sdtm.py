"""The import of a study in SDTM files: each row is one command, with the row's name as its id and its source."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from trialdomain.commands.access import Permit
from trialdomain.commands.clock import Clock, utc_now
from trialdomain.commands.coercion import check_callable, checked, expect
from trialdomain.commands.runner import User
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Source
from trialdomain.exchange.sdtm.listing import Listing
from trialdomain.exchange.sdtm.study import EVENT_ID, RowRead, Study
from trialdomain.exchange.sdtm.terms import Terms
from trialdomain.intake.batch import Batch, Happened
from trialdomain.intake.new_log import (
    folder_beside,
    give_name,
    log_target,
    put,
    refuse_existing,
    refuse_present,
    refuse_recorded,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.scale import Scale, scale_of
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import how_many
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.role import Role

SYSTEM = "SDTM"
"""The source system of every imported entry. The source record is the domain, the subject and the row number."""
IMPORTER = User(id="import-sdtm", name="trialdomain import-sdtm", role=Role.SOFTWARE, organization="trialdomain")
"""The user who imports, where the caller names none."""


@attrs.frozen(kw_only=True)
class FileImported:
    """The counts of the rows of one file: ``read`` is the sum of ``recorded`` and ``listed``."""

    file: str
    read: int
    recorded: int
    listed: int
    columns_without_field: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Imported:
    """The result of an import."""

    trial: str
    log: Path | str
    """The file; or the address of the database, without user and password."""
    entries: int
    """The number of entries in the log: the recorded rows, the registration, and the cohort facts that follow."""
    files: tuple[FileImported, ...]
    unrecorded: Path | None
    """The file that lists the rows that were not recorded; None where there are none."""
    reasons: Mapping[str, int]
    """The reasons why rows were not recorded, each with the number of rows."""
    words: Mapping[str, Mapping[str, int]]
    """By column: the unknown words, each with the number of rows that are listed for it."""
    absent: tuple[str, ...]
    """Sentences about data that the study lacks, and about what remains unknown without them."""
    arms: Mapping[str, Label]
    """The dose level of each arm."""
    remarks: Mapping[str, int]
    """Remarks on values of rows that were left out, converted or assumed, each with the number of rows."""
    findings: Mapping[str, int]
    """Contradictions within the study, each with the number of rows; the entries name them as well."""
    remarked: Path | None
    """The file that lists the rows with a remark or a finding; None where there are none."""
    deviations: Mapping[str, int]
    """The rules of conduct that entries break: the name of the rule's error, with the number of entries."""

    @property
    def read(self) -> int:
        """The number of rows that were read."""
        return sum(file.read for file in self.files)

    @property
    def recorded(self) -> int:
        """The number of rows that were recorded."""
        return sum(file.recorded for file in self.files)

    @property
    def listed(self) -> int:
        """The number of rows that were not recorded."""
        return sum(file.listed for file in self.files)


def import_sdtm(
    folder: str | Path,
    log: str | Path,
    *,
    lists: str | Path | None = None,
    protocol: TrialProtocol | None = None,
    zone: str | None = None,
    grading: Scale | str | None = None,
    terms: Terms | str | None = None,
    event_id: str = EVENT_ID,
    strict: bool = False,
    by: User = IMPORTER,
    clock: Clock = utc_now,
    permit: Permit | None = None,
    progress: Progress = ignore_progress,
) -> Imported:
    """Import a study in SDTM files into a new log. The log appears complete, or not at all.

    Args:
        folder: the folder with dm and any of ds, ex, ae, lb and vs, each as CSV, Dataset-JSON or XPT.
        log: the file to make; or ``postgresql://USER@HOST/DATABASE``, where the schema must be empty. Rows that were
            not recorded are listed beside the file, in ``LOG.unrecorded.csv``. Values that were left out, converted or
            assumed, and contradictions, are listed in ``LOG.remarks.csv``.
        lists: for a log in a database, which needs it: the beginning of the names of these two lists.
        protocol: the protocol; by default one is derived from the arms, without criteria, DLT rule and design.
        zone: the IANA zone of the site, where the protocol does not name it; without one, times count as written.
        grading: the scale of the toxicity grades (AETOXGR), such as "CTCAE 4.03", where no protocol names it. SDTM
            files do not; by default it is CTCAE 5.0, and ``Imported.absent`` says so. A severity in words (AESEV) is on
            a scale of its own, SDTM severity.
        terms: the meanings of a sponsor's own words, as ``Terms`` or as the text of a TOML file.
        event_id: the column of ae that joins the lines of one adverse event.
        strict: whether to refuse the first row that breaks the standard, instead of listing it.
        by: the user who imports.
        clock: returns the recording time of entries.
        permit: the access hook of the embedding service; None where the protocol's table alone decides.
        progress: called with the name of the step, the work done, and the total.

    Raises:
        StudyUnusable: the study as a whole cannot be read: there is no dm, or no column of the subject.
        RowMalformed: a row is of another study, or is no text; or it breaks the standard, and the import is strict.
        TermsInvalid: the terms cannot be read.
        ProtocolUnfit: the protocol does not fit the study, or grades by another scale.
        ScaleUnknown: the grading is almost a known scale, or names none.
        NotPermitted: the user may not import a trial.
        LogUnusable: the log or a list exists, or cannot be made; or the database cannot be reached.
        InputInvalid: the log is in a database, and ``lists`` is missing; or it is a file, and ``lists`` is given.
    """
    target, source = log_target(log), named(folder, what="the study")
    beginning = _beginning_of_lists(target, lists)
    check_callable(clock=clock, progress=progress)
    if permit is not None:
        check_callable(permit=permit)
    if protocol is not None:
        protocol = checked("an import", protocol, TrialProtocol)
    if zone is not None:
        zone = expect("an import's zone", zone, str)
    event_id, strict = expect("an import's event_id", event_id, str), expect("an import's strict", strict, bool)
    meant = None if terms is None else _meant(terms)
    scale = None if grading is None else scale_of(grading)
    paths = [beginning.parent / f"{beginning.name}.{name}.csv" for name in ("unrecorded", "remarks")]
    if isinstance(target, Path):
        refuse_existing(target, beside=paths)
    else:
        refuse_present(paths)
        refuse_recorded(target)
    with ExitStack() as stack:
        beside = stack.enter_context(folder_beside(beginning))
        study = stack.enter_context(Study(source, terms=meant, event_id=event_id, strict=strict, progress=progress))
        made = beside / "log"
        with (
            Listing(beside / "unrecorded.csv", why="reason") as unrecorded,
            Listing(beside / "remarks.csv", why="remark") as remarked,
        ):
            importer = _Importer(
                study,
                _fitting(study, protocol, zone, scale),
                made,
                given=protocol is not None,
                assumed=protocol is None and scale is None and study.has_toxicity_grades,
                by=by,
                clock=clock,
                permit=permit,
            )
            imported = importer.run(unrecorded, remarked, progress)
        given: list[Path] = []
        try:
            for listing, path in zip((unrecorded, remarked), paths, strict=True):
                if listing.rows:
                    give_name(listing.path, path)
                    given.append(path)
            put(made, target, progress=progress)
        except BaseException:
            for path in given:
                path.unlink(missing_ok=True)
            raise
    of_rows, of_remarks = ((path if path in given else None) for path in paths)
    return attrs.evolve(
        imported, log=target if isinstance(target, Path) else str(target), unrecorded=of_rows, remarked=of_remarks
    )


def _beginning_of_lists(target: Path | PostgresAddress, lists: str | Path | None) -> Path:
    """Return the beginning of the names of the lists: the log itself, where that is a file.

    Raises:
        InputInvalid: the log is in a database, and the lists have no place; or they have two.
        NameUnusable: no file can have such a name.
    """
    if isinstance(target, Path):
        if lists is not None:
            raise InputInvalid(f"lists is for a log in a database, and {target} is a file: leave it out")
        return target
    if lists is None:
        raise InputInvalid(
            f"{target} is a database, and rows that cannot be recorded are listed in files: give the beginning of "
            f"their names as lists"
        )
    beginning = named(lists, what="the beginning of the names of the lists")
    if not beginning.name:
        raise InputInvalid(f"{str(beginning)!r} cannot be the beginning of a file name: give another as lists")
    return beginning


def _meant(terms: Terms | str) -> Terms:
    """Validate terms, or parse them from the text of a TOML file."""
    if isinstance(terms, Terms):
        return checked("an import", terms, Terms)
    return Terms.from_toml(expect("an import's terms", terms, str))


class ProtocolUnfit(InputInvalid):
    """A protocol does not fit the study that is imported under it."""

    code = "protocol-unfit"


def _fitting(study: Study, protocol: TrialProtocol | None, zone: str | None, grading: Scale | None) -> TrialProtocol:
    if protocol is None:
        return study.protocol(zone=zone, grading=grading)
    if grading not in {None, protocol.grading}:
        raise ProtocolUnfit(f"the protocol grades by {protocol.grading}, not by {grading}: leave one of them out")
    needed = max(study.levels(protocol).values(), default=0)
    if len(protocol.levels) < needed:
        raise ProtocolUnfit(
            f"the study has {how_many(len(study.arms), 'arm')}, and the protocol "
            f"{how_many(len(protocol.levels), 'dose level')}: "
            f"pass one with a level for each arm, or name the level of each under [arms] of the terms"
        )
    if zone is None or zone == protocol.zone:
        return protocol
    if protocol.zone is not None:
        raise ProtocolUnfit(f"the protocol's zone is {protocol.zone}, not {zone}: leave one of them out")
    return attrs.evolve(protocol, zone=zone)


_ASSUMED = "The files do not name the scale of the toxicity grades (AETOXGR): they are taken as grades of {scale}"


class _Importer:
    """One import into a log that no other process has open."""

    def __init__(
        self,
        study: Study,
        protocol: TrialProtocol,
        log: Path,
        *,
        given: bool,
        assumed: bool,
        by: User,
        clock: Clock,
        permit: Permit | None,
    ) -> None:
        self._study, self._protocol, self._given = study, protocol, given
        self._assumed = (_ASSUMED.format(scale=protocol.grading),) if assumed else ()
        self._store = open_store(log)
        try:
            self._batch = Batch(self._store, protocol, by=by, clock=clock, how="imported", permit=permit)
        except BaseException:
            self._store.close()
            raise

    def run(self, unrecorded: Listing, remarked: Listing, progress: Progress) -> Imported:
        """Record every subject, and return the result with the counts of all rows."""
        report = _RowReport(unrecorded, remarked)
        total = sum(self._study.counts.values())
        places = self._study.levels(self._protocol if self._given else None)
        levels = {arm: self._protocol.labels[place - 1] for arm, place in places.items()}
        try:
            report.add(self._study.unfit())
            now = self._batch.moment.astimezone(self._protocol.site_zone)
            for subject, rows in self._study.subjects(protocol=self._protocol, now=now, levels=levels):
                self._batch.add(subject, [_happened(one) for one in rows if one.facts])
                report.add(rows)
                progress("recording", report.rows, total)
            self._batch.finish()
        finally:
            self._store.close()
        return Imported(
            trial=self._protocol.trial,
            log=Path(),
            entries=self._batch.position,
            files=tuple(
                FileImported(
                    file=file,
                    read=read,
                    recorded=read - report.listed[file],
                    listed=report.listed[file],
                    columns_without_field=self._study.columns_without_field[file],
                )
                for file, read in self._study.counts.items()
            ),
            unrecorded=None,
            reasons=dict(report.reasons.most_common()),
            words={column: dict(words.most_common()) for column, words in report.words.items()},
            absent=(*self._study.absent, *self._assumed),
            arms={arm.shown: levels[arm.name] for arm in self._study.arms},
            remarks=dict(report.remarks.most_common()),
            findings=dict(report.findings.most_common()),
            remarked=None,
            deviations=dict(self._batch.deviations.most_common()),
        )


class _RowReport:
    """Counts and lists of reasons, remarks and findings about rows."""

    def __init__(self, unrecorded: Listing, remarked: Listing) -> None:
        self._unrecorded, self._remarked = unrecorded, remarked
        self.rows = 0
        self.listed: Counter[str] = Counter()
        """By file: the number of rows that are not recorded."""
        self.reasons: Counter[str] = Counter()
        self.words: dict[str, Counter[str]] = {}
        self.remarks: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()

    def add(self, rows: Iterable[RowRead]) -> None:
        """Count rows, and list their reasons, remarks and findings."""
        for one in rows:
            self.rows += 1
            if one.reason:
                self.listed[one.row.file] += 1
                self.reasons[one.reason] += 1
                self._unrecorded.add(one.row, one.reason)
            if one.word is not None:
                column, word = one.word
                self.words.setdefault(column, Counter())[word] += 1
            self._remark(one, one.remarks, self.remarks)
            self._remark(one, [found.sentence for found in one.findings], self.findings)

    def _remark(self, one: RowRead, said: Sequence[str], counted: Counter[str]) -> None:
        for text in dict.fromkeys(said):
            counted[text] += 1
            self._remarked.add(one.row, text)


def _happened(one: RowRead) -> Happened:
    """Make the command of a row, with the row's name as its id."""
    source = Source(system=SYSTEM, record=one.row.record)
    places = {type(fact): place for place, fact in enumerate(one.facts)}
    said = dict.fromkeys((0 if found.of is None else places.get(found.of, 0), found.sentence) for found in one.findings)
    return Happened(command=one.row.record, facts=one.facts, source=source, findings=tuple(said))
