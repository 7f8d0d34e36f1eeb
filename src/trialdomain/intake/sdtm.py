"""Bringing in a trial that was recorded elsewhere: each row is one command, named after it, with the row as source."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from trialdomain.commands.access import Permit
from trialdomain.commands.clock import Clock, utc_now
from trialdomain.commands.coercion import again, check_callable, expect
from trialdomain.commands.runner import User
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Source
from trialdomain.exchange.sdtm.listing import Listing
from trialdomain.exchange.sdtm.study import EVENT_ID, RowRead, Study
from trialdomain.exchange.sdtm.terms import Terms
from trialdomain.intake.batch import Batch, Happened
from trialdomain.intake.new_log import folder_beside, give_name, refuse_existing
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.open_store import open_store
from trialdomain.values.given.filename import as_path, named
from trialdomain.values.given.plural import how_many
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
    words: Mapping[str, Mapping[str, int]]
    """By column: the words that have no meaning, each with the number of rows that are listed for it."""
    absent: tuple[str, ...]
    """What the study does not have, and what is not known without it, in sentences."""
    arms: Mapping[str, int]
    """The dose level of each arm."""
    remarks: Mapping[str, int]
    """What of rows was left out, converted or assumed, each with the number of rows."""
    findings: Mapping[str, int]
    """What the study contradicts itself in, each with the number of rows; the entries say so as well."""
    remarked: Path | None
    """Where the rows with a remark or a finding are listed; None where there are none."""
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
    terms: Terms | str | None = None,
    event_id: str = EVENT_ID,
    strict: bool = False,
    by: User = IMPORTER,
    clock: Clock = utc_now,
    permit: Permit | None = None,
    progress: Progress = unheard,
) -> Imported:
    """Import a study in SDTM files into a new log; it is there whole, or not at all.

    Args:
        folder: holds dm, and as many as there are of ds, ex, ae, lb and vs, each as CSV, Dataset-JSON or XPT.
        log: the file to make. What is not recorded is listed beside it, in ``LOG.unrecorded.csv``, and what was left
            out, converted, assumed or found to contradict itself in ``LOG.remarks.csv``.
        protocol: the trial's; by default one that is derived from the arms, without criteria, DLT rule and design.
        zone: the IANA zone of the site, where the protocol does not name it; without one, times count as they stand.
        terms: what a sponsor's own words mean, as ``Terms`` or as the text of a TOML file.
        event_id: the column of ae that joins the lines of one adverse event.
        strict: whether to refuse the first row that breaks the standard, where it would be listed otherwise.
        by: who imports.
        clock: gives the time that entries are recorded at.
        permit: how the embedding service decides who may import; None where the protocol's table alone does.
        progress: told what is being done, how much of it is done, and how much there is.

    Raises:
        StudyUnusable: the study as a whole cannot be read: there is no dm, or no column of the subject.
        RowMalformed: a row is of another study, or no text; or it breaks the standard, and the import is strict.
        TermsInvalid: the terms cannot be understood.
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
    event_id, strict = expect("an import's event_id", event_id, str), expect("an import's strict", strict, bool)
    meant = None if terms is None else _meant(terms)
    lists = [target.parent / f"{target.name}.{name}.csv" for name in ("unrecorded", "remarks")]
    refuse_existing(target, beside=lists)
    with ExitStack() as stack:
        beside = stack.enter_context(folder_beside(target))
        study = stack.enter_context(Study(source, terms=meant, event_id=event_id, strict=strict, progress=progress))
        made = beside / "log"
        with (
            Listing(beside / "unrecorded.csv", why="reason") as unrecorded,
            Listing(beside / "remarks.csv", why="remark") as remarked,
        ):
            importer = _Importer(
                study,
                _fitting(study, protocol, zone),
                made,
                given=protocol is not None,
                by=by,
                clock=clock,
                permit=permit,
            )
            imported = importer.run(unrecorded, remarked, progress)
        given: list[Path] = []
        try:
            for listing, path in zip((unrecorded, remarked), lists, strict=True):
                if listing.rows:
                    give_name(listing.path, path)
                    given.append(path)
            give_name(made, target)
        except BaseException:
            for path in given:
                path.unlink(missing_ok=True)
            raise
    of_rows, of_remarks = ((path if path in given else None) for path in lists)
    return attrs.evolve(imported, log=target, unrecorded=of_rows, remarked=of_remarks)


def _meant(terms: Terms | str) -> Terms:
    """Take terms, or read them from the text of a file."""
    if isinstance(terms, Terms):
        return again("an import", terms, Terms)
    return Terms.from_toml(expect("an import's terms", terms, str))


class ProtocolUnfit(InputInvalid):
    """A protocol does not fit the study that is imported under it."""

    code = "protocol-unfit"


def _fitting(study: Study, protocol: TrialProtocol | None, zone: str | None) -> TrialProtocol:
    if protocol is None:
        return study.protocol(zone=zone)
    needed = max(study.levels(protocol).values(), default=0)
    if len(protocol.levels) < needed:
        raise ProtocolUnfit(
            f"the study has {how_many(len(study.arms), 'arm')}, and the protocol "
            f"{how_many(len(protocol.levels), 'dose level')}: "
            f"give one with a level for each arm, or name the level of each under [arms] of the terms"
        )
    if zone is None or zone == protocol.zone:
        return protocol
    if protocol.zone is not None:
        raise ProtocolUnfit(f"the protocol's zone is {protocol.zone}, not {zone}: leave one of them out")
    return attrs.evolve(protocol, zone=zone)


class _Importer:
    """One import on its way into a log that nobody else has."""

    def __init__(
        self,
        study: Study,
        protocol: TrialProtocol,
        log: Path,
        *,
        given: bool,
        by: User,
        clock: Clock,
        permit: Permit | None,
    ) -> None:
        self._study, self._protocol, self._given = study, protocol, given
        self._store = open_store(log)
        try:
            self._batch = Batch(self._store, protocol, by=by, clock=clock, how="imported", permit=permit)
        except BaseException:
            self._store.close()
            raise

    def run(self, unrecorded: Listing, remarked: Listing, progress: Progress) -> Imported:
        """Record every subject, and say what became of every row."""
        told = _Told(unrecorded, remarked)
        total = sum(self._study.counts.values())
        levels = self._study.levels(self._protocol if self._given else None)
        try:
            told.tell(self._study.unfit())
            zone, now = self._protocol.zone, self._batch.moment.astimezone(self._protocol.site_zone)
            for subject, rows in self._study.subjects(zone=zone, now=now, levels=levels):
                self._batch.add(subject, [_happened(one) for one in rows if one.facts])
                told.tell(rows)
                progress("recording", told.rows, total)
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
                    recorded=read - told.listed[file],
                    listed=told.listed[file],
                    columns_without_field=self._study.columns_without_field[file],
                )
                for file, read in self._study.counts.items()
            ),
            unrecorded=None,
            reasons=dict(told.reasons.most_common()),
            words={column: dict(words.most_common()) for column, words in told.words.items()},
            absent=tuple(self._study.absent),
            arms={arm.shown: levels[arm.name] for arm in self._study.arms},
            remarks=dict(told.remarks.most_common()),
            findings=dict(told.findings.most_common()),
            remarked=None,
            deviations=dict(self._batch.deviations.most_common()),
        )


class _Told:
    """What is said of rows: counted, and listed."""

    def __init__(self, unrecorded: Listing, remarked: Listing) -> None:
        self._unrecorded, self._remarked = unrecorded, remarked
        self.rows = 0
        self.listed: Counter[str] = Counter()
        """By file: the rows that are not recorded."""
        self.reasons: Counter[str] = Counter()
        self.words: dict[str, Counter[str]] = {}
        self.remarks: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()

    def tell(self, rows: Iterable[RowRead]) -> None:
        """Count rows, and list what is to be said of them."""
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
    """Make a command of a row, named after it."""
    source = Source(system=SYSTEM, record=one.row.record)
    places = {type(fact): place for place, fact in enumerate(one.facts)}
    said = dict.fromkeys((0 if found.of is None else places.get(found.of, 0), found.sentence) for found in one.findings)
    return Happened(command=one.row.record, facts=one.facts, source=source, findings=tuple(said))
