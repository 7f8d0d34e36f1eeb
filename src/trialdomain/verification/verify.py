"""The function ``verify``: finds what was changed, removed or added in a log since it was recorded.

It reads a database row by row with plain ``sqlite3`` or ``psycopg``, and an exported file line by line. It needs only
public keys. ``docs/explanation/tamper-evidence.md`` says what it cannot find.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import attrs

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.exchange.bundle import Manifest
from trialdomain.exchange.lines import canonical
from trialdomain.signing.keys import VerifierKey
from trialdomain.storage.open_store import NO_LIBPQ, NO_PSYCOPG, postgres_in, refuse_other_address
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.storage.sqlite.file import is_database
from trialdomain.values.collector import garbage_collector_paused
from trialdomain.values.given.filename import is_no_file, named
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.plural import n_entries
from trialdomain.values.given.text import short
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.verification.bundle.check import BundleCheck
from trialdomain.verification.bundle.files import MemberUnreadable, Unpacked, is_bundle, unpacked
from trialdomain.verification.defect import Defect, Defects, What, shortened
from trialdomain.verification.entries_check import EntriesCheck
from trialdomain.verification.exported import Exported
from trialdomain.verification.heads_check import HeadsCheck, KeptHead
from trialdomain.verification.helpers import Helper, helpers_for
from trialdomain.verification.judged_notes import Compared, NoteToCheck, Tree, VerifiedNote, compare, judge, read_held
from trialdomain.verification.log_check import LogCheck
from trialdomain.verification.source import LogSource, SourceBroken
from trialdomain.verification.sqlite.source import sqlite_source


@attrs.frozen(kw_only=True)
class VerifiedTrial:
    """The result of verifying one trial."""

    trial: str
    size: int
    """The number of positions of the log."""
    root: bytes
    """The root over the stored leaves."""
    compared: tuple[Compared, ...]
    """The notes that were compared with the log."""
    uncovered: int
    """The number of the newest entries that no accepted note covers."""
    notices: tuple[str, ...] = ()
    """Facts to know that are not defects: a head that was not accepted, or a note about later entries."""


@attrs.frozen(kw_only=True)
class Verified:
    """The result of a verification."""

    __repr__ = in_short

    trials: tuple[VerifiedTrial, ...]
    defects: tuple[Defect, ...]
    """The defects; the first 1,000 of each kind in each trial."""
    total: int
    """The number of all defects."""
    signatures_checked: bool
    """Whether the caller named trusted keys; without them a note is compared, but may be forged."""
    bundle: Manifest | None = None
    """The manifest of an audit bundle; None for a log."""

    @property
    def ok(self) -> bool:
        """Whether there is no defect."""
        return not self.total


class TrialAbsent(InputInvalid):
    """A log has no entry, command or note of the named trial, or of any trial."""

    code = "trial-absent"


def verify(
    log: str | Path | PostgresAddress,
    *,
    checkpoints: Iterable[tuple[str, bytes]] = (),
    keys: Sequence[VerifierKey] | None = None,
    trial: str | None = None,
    heads_required: bool = False,
    processes: int | None = None,
    progress: Progress = ignore_progress,
) -> Verified:
    """Verify a log in SQLite or PostgreSQL, an exported JSONL file, plain or gzip, or an audit bundle.

    Args:
        log: the file or the folder of a bundle, or ``postgresql://USER@HOST/DATABASE``.
        checkpoints: notes that were kept elsewhere, each with its name for a defect.
        keys: the trusted keys; with them, each trial must have a note that one of them has signed.
        trial: verify only this trial; by default, all trials of the log.
        heads_required: whether a head, which a writer signs with every append, must cover the newest entry.
        processes: the number of processes that read a log in SQLite, at most 4; by default one, or one for each core if
            the log has at least 100,000 entries. Any other log is read by one process.
        progress: a progress callback; it counts the entries.

    Raises:
        AddressUnknown: it is the address of another kind of server.
        InputInvalid: the number of processes is none.
        LogUnusable: the file or the server cannot be read, or has no log.
        NoteMalformed: a checkpoint cannot be read.
        TrialAbsent: the log has nothing of the named trial; or it has no trial, and no other defect.
    """
    if processes is not None and (not is_a(processes, int) or processes < 1):
        raise InputInvalid(f"{short(processes)!r} is no number of processes: pass a whole number from 1, or nothing")
    place = _place(log)
    outside = [judge(read_held(where, given, outside=True), keys) for where, given in checkpoints]
    run = _Run(outside, keys, trial, heads_required=heads_required, processes=processes, progress=progress)
    if isinstance(place, PostgresAddress):
        run.stored(place, _postgres_source(place), disk="the disk of the server", rest="log")
    elif is_database(place):  # first, because only SQLite may open a database
        run.stored(place, sqlite_source(place), disk="the disk", rest="file")
    elif is_bundle(place):
        with unpacked(place) as bundle, garbage_collector_paused():
            run.bundled(bundle)
    elif is_no_file(place):
        raise LogUnusable(
            f"{place} is a folder or a device: name a SQLite file, an exported JSONL file, or an audit bundle"
        )
    else:
        with garbage_collector_paused():
            run.exported(place)
    return run.result()


_NO_LOG_HAS = (TypeError, ValueError, LookupError, ArithmeticError)
"""The errors that values of a forged file raise, where the checks do not name them one by one."""


def _place(log: str | Path | PostgresAddress) -> Path | PostgresAddress:
    """Tell the address of a log in PostgreSQL from a path.

    Raises:
        AddressUnknown: it is the address of another kind of server.
    """
    server = postgres_in(log)
    if server is not None:
        return server
    refuse_other_address(log)
    return named(cast("str | Path", log))


def _postgres_source(address: PostgresAddress) -> AbstractContextManager[LogSource]:
    """Return the source for a log in PostgreSQL.

    Raises:
        LogUnusable: psycopg, or the library that it needs, is not installed.
    """
    try:
        from trialdomain.verification.postgres.source import postgres_source  # noqa: PLC0415 - it needs the extra
    except ModuleNotFoundError:
        raise LogUnusable(NO_PSYCOPG) from None
    except ImportError:
        raise LogUnusable(NO_LIBPQ) from None
    return postgres_source(address)


class _Run:
    """The state of one verification."""

    def __init__(
        self,
        outside: Sequence[VerifiedNote],
        keys: Sequence[VerifierKey] | None,
        trial: str | None,
        *,
        heads_required: bool,
        processes: int | None,
        progress: Progress,
    ) -> None:
        self._outside, self._keys, self._only = outside, keys, trial
        self._heads_required, self._processes, self._progress = heads_required, processes, progress
        self._defects = Defects()
        self._trials: list[VerifiedTrial] = []
        self._read = 0
        self._bundle: Manifest | None = None
        self._began = False

    def stored(
        self, place: Path | PostgresAddress, opening: AbstractContextManager[LogSource], *, disk: str, rest: str
    ) -> None:
        """Verify a database.

        Args:
            place: its name in an error.
            opening: opens it.
            disk: what to check where it cannot be read.
            rest: the name of what is damaged.

        Raises:
            LogUnusable: it cannot be read at all.
        """
        try:
            with opening as source, garbage_collector_paused():
                self._source(place, source)
        except (SourceBroken, *_NO_LOG_HAS) as error:
            if not self._began:
                raise LogUnusable(f"{place} cannot be read: {error}; check {disk}, or restore an export") from None
            why = f"the rest of the {rest} cannot be read: {error}"
            self._defects.add(Defect(what=What.DAMAGED, why=why))

    def _source(self, place: Path | PostgresAddress, source: LogSource) -> None:
        for defect in source.schema():
            self._defects.add(defect)
        self._began = True
        if source.readable:  # else no trial can be checked
            self._rows(place, source)

    def _rows(self, place: Path | PostgresAddress, source: LogSource) -> None:
        """Verify the rows of the tables."""
        trials = [(shortened(code), code) for code in source.trials()]
        total = source.number()
        with source.structure_meanwhile() as structure:
            with helpers_for(source.elsewhere, total, self._processes) as helpers:
                for trial, code in trials:
                    if self._only in {None, trial}:
                        self._trial(trial, code, source, total, helpers)
            for defect in structure():
                if not self._defects.knows(defect):
                    self._defects.add(defect)
        if self._only is None and self._read != total:
            why = f"the log has {n_entries(total)}, but {self._read} could be read by their trial and position"
            self._defects.add(Defect(what=What.STRUCTURE, why=why))
        gone = any(one.what is What.MISSING for one in self._defects.listed)  # then a defect says it already
        if not gone and (why_not := source.numbering()) is not None:
            self._defects.add(Defect(what=What.STRUCTURE, why=why_not))
        if self._only is None:
            for defect in source.misfiled(entries=self._read != total):
                self._defects.add(defect)
        self._absent([trial for trial, _ in trials])
        if not trials and not self._defects.total:
            raise TrialAbsent(
                f"{place} has no trial: nothing was recorded in it, or everything was removed; name another log, or a "
                f"checkpoint that was kept elsewhere"
            )

    def _trial(self, trial: str, code: bytes, source: LogSource, total: int, helpers: Sequence[Helper]) -> None:
        """Verify one trial of a database; ``total`` is the number of entries of all trials."""
        before = self._defects.total
        log = LogCheck(source, code, self._defects)
        kept = [judge(one, self._keys) for one in log.notes()]
        check = EntriesCheck(trial, self._sizes(trial, kept), self._defects, read=True)
        for number in log.entries(check, total, helpers):
            self._count(number, total)
        check.end()
        self._compare(check, kept, source.head(code))
        if check.size and self._defects.total == before:  # else the trial has defects already
            log.registration()

    def bundled(self, bundle: Unpacked) -> None:
        """Verify an audit bundle."""
        try:
            check = BundleCheck(bundle, self._defects, self._keys)
            self._bundle = check.manifest
            if check.readable and check.whole:
                self.exported(bundle.place, check)
            else:
                if check.readable:
                    self._filtered(check)
                if check.trial is not None:
                    self._absent([check.trial])
            check.end()
        except MemberUnreadable as error:  # a file that was readable at first
            self._defects.add(Defect(what=What.DAMAGED, why=str(error)))

    def _filtered(self, check: BundleCheck) -> None:
        """Verify a bundle that is filtered to some participants: older trees cannot be computed from it."""
        total = 0 if check.manifest is None else check.manifest.entries
        found = check.of_some(lambda number: self._count(number, total))
        if found is None:
            return
        tree, held = found
        others = [one for one in self._of(tree.trial) if one.size != tree.size]
        self._compare_bundle(tree, held, others)

    def _compare_bundle(self, tree: Tree, held: Sequence[NoteToCheck], incomparable: Sequence[VerifiedNote]) -> None:
        """Compare a bundle with its own note, and with those other notes that can be compared.

        A bundle has the first entries of its log, and no proof about another tree. So a later note with more entries is
        not a defect.
        """
        self._outside = [one for one in self._outside if one not in incomparable]
        self._compare(tree, [judge(one, self._keys) for one in held], None)
        compared = compare(incomparable, tree, self._defects, comparable=False)
        later = (one for one in incomparable if one.size > tree.size and one.wrong is None)
        notices = (
            f"{one.where} is of {n_entries(one.size)}, but the bundle of the first {tree.size}: they cannot be "
            f"compared, and the bundle does not have what was recorded since"
            for one in later
        )
        last = self._trials[-1]
        self._trials[-1] = attrs.evolve(last, compared=(*last.compared, *compared), notices=(*last.notices, *notices))

    def exported(self, path: Path, bundle: BundleCheck | None = None) -> None:
        """Verify an exported file, or the one of a whole bundle, with the further checks of the bundle."""
        exported = Exported(path, self._defects) if bundle is None else bundle.exported()
        trials = []
        for trial in exported.trials():
            trials.append(trial)
            defects = self._defects if self._only in {None, trial} else Defects()
            sizes = [*self._sizes(trial, ()), *([] if bundle is None else bundle.sizes)]
            check = EntriesCheck(trial, sizes, defects, canonical=canonical)
            for number in exported.check_entries(check, defects):
                self._count(number, self._read + number)
            if self._only not in {None, trial}:
                continue
            if bundle is None:
                self._compare(check, [], None)
            else:
                held, end = bundle.of_whole(check), max([check.size, *bundle.sizes])
                self._compare_bundle(check, held, [one for one in self._of(trial) if one.size > end])
        if not trials and bundle is not None and bundle.trial is not None:
            trials.append(bundle.trial)  # a defect says already that it has no entries
        self._absent(trials)

    def result(self) -> Verified:
        """Return the result."""
        return Verified(
            trials=tuple(self._trials),
            defects=tuple(self._defects.listed),
            total=self._defects.total,
            signatures_checked=self._keys is not None,
            bundle=self._bundle,
        )

    def _sizes(self, trial: str, kept: Sequence[VerifiedNote]) -> list[int]:
        return [one.size for one in (*kept, *self._of(trial))]

    def _of(self, trial: str) -> list[VerifiedNote]:
        """Return the notes about a trial that were kept elsewhere."""
        return [one for one in self._outside if one.trial == trial]

    def _compare(self, check: Tree, kept: Sequence[VerifiedNote], head: KeptHead | None) -> None:
        compared = tuple(compare([*kept, *self._of(check.trial)], check, self._defects))
        accepted = [one for one in compared if one.fits and (one.signed or self._keys is None)]
        if self._keys is not None and check.size and not any(one.signed for one in compared):
            why = "no note about the log is signed by a trusted key"
            self._defects.add(Defect(what=What.BAD_SIGNATURE, why=why, trial=check.trial))
        covered = max((one.size for one in accepted), default=0)
        heads = HeadsCheck(check, head, compared, self._defects, keys_given=self._keys is not None)
        self._trials.append(
            VerifiedTrial(
                trial=check.trial,
                size=check.size,
                root=check.root(),
                compared=compared,
                uncovered=max(0, check.size - covered),
                notices=tuple(heads.run(required=self._heads_required)),
            )
        )

    def _absent(self, trials: Sequence[str]) -> None:
        """Name the trials of which there are notes, but no entries."""
        if self._only is not None and self._only not in trials:
            known = ", ".join(trials[:20]) or "none"
            raise TrialAbsent(f"the log has nothing of trial {self._only[:70]!r}: it has {known}")
        for one in self._outside:
            trial, origin = one.trial, one.origin
            if self._only is not None and trial != self._only:
                why = f"{one.where} is a checkpoint of {origin}, but trial {self._only} is verified"
                self._defects.add(Defect(what=What.BAD_CHECKPOINT, why=why))
            elif trial not in trials:
                why = f"{one.where} is a checkpoint of {origin}, of which the log has nothing"
                what = What.BAD_CHECKPOINT if trial is None or len(trials) == 1 else What.TRUNCATED
                self._defects.add(Defect(what=what, why=why, trial=trial))

    def _count(self, number: int, total: int) -> None:
        self._read += number
        self._progress("verifying", self._read, max(total, self._read))
