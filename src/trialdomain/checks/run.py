"""Run all checks in one pass over a log."""

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

import attrs
from typing_extensions import override

from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check, Limits, Severity
from trialdomain.checks.conduct import (
    AfterLeaving,
    BeforeEnrollment,
    BodySizeUnknown,
    ConsentUndocumented,
    CriteriaUndocumented,
    DeathDates,
    DeviationRecorded,
    ObservedAfterDeath,
    OutsideLevel,
    Twice,
)
from trialdomain.checks.counts import DecisionOvertaken, DecisionUnfounded, Reconciliation
from trialdomain.checks.doses import DoseRedefined
from trialdomain.checks.halts import RecruitmentExceeded, WhileHalted
from trialdomain.checks.levels import EscalatedEarly, StaggerKept, WindowOpen
from trialdomain.checks.protocol import Silence, TableAltered
from trialdomain.checks.recommended import RecommendedOvertaken
from trialdomain.checks.recorded import ImprobableValue, ScaleWithoutTable, UncheckedTerm, UnreadResult
from trialdomain.checks.safety import (
    CriterionNotSerious,
    EndedNotRecovered,
    EndUnknown,
    FatalNotSerious,
    FollowedUpBeforeOnset,
    SeriousWithoutCriterion,
)
from trialdomain.checks.sentinels import SentinelKept
from trialdomain.checks.slots import ClosedLevel, SlotsExceeded
from trialdomain.checks.trail import ClockJumped, ManyChanges, PersonalDataInText, RecordedLate
from trialdomain.errors import InputInvalid, TrialError
from trialdomain.events.entries import current_entries
from trialdomain.events.recorded import Entry
from trialdomain.history import History
from trialdomain.projections.casebook import case_of
from trialdomain.projections.dlt_counts import DltPart, count
from trialdomain.storage.plain_files import refuse_database
from trialdomain.values.calendar import as_day
from trialdomain.values.given.filename import named
from trialdomain.values.given.in_short import in_short
from trialdomain.values.ids import subject_of, trial_stream

CHECKS: tuple[type[Check], ...] = (
    Reconciliation,
    DecisionUnfounded,
    DecisionOvertaken,
    RecommendedOvertaken,
    ConsentUndocumented,
    CriteriaUndocumented,
    BeforeEnrollment,
    OutsideLevel,
    BodySizeUnknown,
    DoseRedefined,
    Twice,
    AfterLeaving,
    ObservedAfterDeath,
    DeathDates,
    DeviationRecorded,
    SlotsExceeded,
    ClosedLevel,
    EscalatedEarly,
    StaggerKept,
    SentinelKept,
    WhileHalted,
    RecruitmentExceeded,
    WindowOpen,
    CriterionNotSerious,
    FatalNotSerious,
    SeriousWithoutCriterion,
    EndedNotRecovered,
    FollowedUpBeforeOnset,
    EndUnknown,
    ImprobableValue,
    UncheckedTerm,
    ScaleWithoutTable,
    UnreadResult,
    ClockJumped,
    RecordedLate,
    ManyChanges,
    PersonalDataInText,
    TableAltered,
    Silence,
)
"""Every check of this library."""
_SEVERITIES = list(Severity)


class CheckUnusable(InputInvalid):
    """A user-defined check cannot be loaded, or has failed."""

    code = "check-unusable"


@attrs.frozen(kw_only=True)
class Findings:
    """The findings of an audit of a log."""

    __repr__ = in_short

    trial: str
    known_at: int
    """The log position up to which the log was read."""
    on: date
    checks: tuple[type[Check], ...]
    """The checks that were run."""
    source: str | None = None
    """The reference to the protocol document, from ``TrialProtocol.source``."""
    found: tuple[AuditFinding, ...]
    """The most severe first; within one severity in the order of the checks."""

    @property
    def ok(self) -> bool:
        """Whether there is no finding more severe than a note; a note is not a fault."""
        return all(one.severity is Severity.NOTE for one in self.found)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the description of each check, so that the reader does not need the code of user-defined checks."""
        checks = tuple(_Named.of(check) for check in self.checks)
        said = {one.name: getattr(self, one.name) for one in attrs.fields(Findings) if one.name != "checks"}
        return _found, (checks, said)

    def __copy__(self) -> Self:
        """Return the same one: nothing in it changes."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return the same one: nothing in it changes."""
        return self


@attrs.frozen
class _Named:
    """A check in a pickle: the module and name of its class, and its description."""

    module: str
    name: str
    id: str
    title: str
    severity: Severity
    requirement: str

    @classmethod
    def of(cls, check: type[Check]) -> Self:
        said = (check.id, check.title, check.severity, check.requirement)
        return cls(check.__module__, check.__qualname__, *said)


def _found(checks: Sequence[_Named], said: dict[str, Any]) -> Findings:
    return Findings(checks=tuple(map(_check, checks)), **said)


@lru_cache(maxsize=256)
def _check(named: _Named) -> type[Check]:
    """Return the class of a check; if it cannot be imported, a substitute with its description that finds nothing."""
    try:
        known: object = attrgetter(named.name)(import_module(named.module))
    except (ImportError, AttributeError):
        known = None
    if isinstance(known, type) and issubclass(known, Check):
        return known
    said = {"id": named.id, "title": named.title, "severity": named.severity, "requirement": named.requirement}
    return type(named.name, (Check,), {"__module__": named.module, **said})


def findings(
    history: History,
    *,
    on: date | str | None = None,
    checks: Sequence[type[Check]] = CHECKS,
    least: Severity = Severity.NOTE,
    limits: Limits | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Findings:
    """Audit a log: collect what an inspector would ask about.

    Memory use is one participant at a time, plus 16 bytes for each entry.

    Args:
        history: the trial, as known at a position.
        on: the day for which windows are judged; by default that of the last entry.
        checks: the checks to run; add your own to :data:`CHECKS`.
        least: the lowest severity to report.
        limits: the thresholds of the checks.
        now: the time of the audit, with an offset; by default the time of the machine.
        progress: called with the number of entries of each stream after it was read.

    Raises:
        CheckUnusable: a check raised an exception.
    """
    checks = _usable(checks)
    day = history.last_day() if on is None else as_day(on)
    trial = current_entries(history.entries_of(trial_stream(history.trial)))
    book = history.casebook(on=day)
    audited = Audited(
        history=history, on=day, now=now or datetime.now(UTC), book=book, trial=trial, limits=limits or Limits()
    )
    run = _Run([_made(check, audited) for check in checks])
    dlt_parts: list[DltPart] = []
    for stream, entries in history.streams():
        recorded = list(entries)
        run.entries(recorded)
        if subject_of(stream) is not None:
            case = AuditedCase(case_of(stream, recorded, on=day), audited)
            dlt_parts.append(case.dlt_part)
            run.call(run.of_case, "case", case)
        progress(len(recorded))
    run.call(run.checks, "end", count(dlt_parts, book))
    order = {check.id: at for at, check in enumerate(checks)}
    found = [one for one in run.found if _SEVERITIES.index(one.severity) <= _SEVERITIES.index(least)]
    found.sort(key=lambda one: (_SEVERITIES.index(one.severity), order.get(one.check, len(order)), one.evidence))
    return Findings(
        trial=history.trial,
        known_at=history.position,
        on=day,
        checks=tuple(checks),
        source=book.protocol.source,
        found=tuple(found),
    )


class _Run:
    def __init__(self, checks: Sequence[Check]) -> None:
        self.checks = checks
        self.of_case = [check for check in checks if type(check).case is not Check.case]
        self._of_entry = [check for check in checks if type(check).entry is not Check.entry]
        self.found: list[AuditFinding] = []

    def entries(self, entries: Sequence[Entry]) -> None:
        """Pass every entry to the checks that override ``entry``."""
        for check in self._of_entry:
            look, found = check.entry, self.found
            with _named(check.id):
                for entry in entries:
                    if (told := look(entry)) != ():  # as most entries answer most checks
                        found += _require_findings(check, told)

    def call(self, checks: Iterable[Check], method: str, given: object) -> None:
        """Call one method of several checks with an argument."""
        for check in checks:
            with _named(check.id):
                self.found += _require_findings(check, getattr(check, method)(given))


@contextmanager
def _named(check: object) -> Iterator[None]:
    """Convert an exception of a check into ``CheckUnusable`` with the name of the check: it may be user-defined."""
    try:
        yield
    except TrialError:
        raise
    except (Exception, SystemExit) as error:
        raise CheckUnusable(
            f"check {check} failed: {type(error).__name__}: {error}; fix the check, or leave it out"
        ) from error


def _require_findings(check: Check, found: Iterable[object]) -> Iterator[AuditFinding]:
    """Yield the findings after validating that each is a finding and carries the id of its check."""
    for one in found:
        if not isinstance(one, AuditFinding):
            raise CheckUnusable(
                f"check {check.id} found {str(one)[:40]!r}, which is not a finding: make it with self.found(...)"
            )
        for name, right, expected in (
            ("sentence", isinstance(one.sentence, str), "a text"),
            ("subject", one.subject is None or isinstance(one.subject, str), "a participant's code, or None"),
            ("severity", isinstance(one.severity, Severity), "a Severity"),
            ("evidence", all(type(position) is int for position in one.evidence), "positions, whole numbers"),
            ("check", one.check == check.id, f"{check.id!r}, its own id"),
        ):
            if not right:
                given = str(getattr(one, name))[:40]
                raise CheckUnusable(f"check {check.id} made a finding whose {name} is {given!r}: give {expected}")
        yield one


def _usable(checks: Sequence[type[Check]]) -> tuple[type[Check], ...]:
    """Return each check once; refuse anything that is not a check, and two checks with one id."""
    once = tuple(dict.fromkeys(checks))
    for one in once:
        if lacking := _lacking(one):
            raise CheckUnusable(f"{getattr(one, '__name__', str(one))[:40]!r} {lacking}")
    ids = [one.id for one in once]
    for name in ids:
        if ids.count(name) > 1:
            raise CheckUnusable(f"two checks have the id {name!r}: give one of them another")
    return once


def _made(check: type[Check], audited: Audited) -> Check:
    with _named(getattr(check, "id", check)):
        return check(audited)


def read_checks(path: str | Path) -> tuple[type[Check], ...]:
    """Load user-defined checks from the list ``CHECKS`` of a Python file. The file is executed.

    Raises:
        CheckUnusable: the file is not a Python file, fails, or has no valid list ``CHECKS``.
    """
    path = named(path)
    refuse_database(path)
    spec = importlib.util.spec_from_file_location(f"trialdomain_checks_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise CheckUnusable(f"{path} is not a Python file: pass a Python file with a list CHECKS")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and similar libraries look up the names of a module here
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[spec.name]
        raise CheckUnusable(f"{path} failed: {type(error).__name__}: {error}; fix the file") from error
    checks: Any = getattr(module, "CHECKS", None)
    if not isinstance(checks, list | tuple):
        raise CheckUnusable(f"{path} has no list CHECKS: define it, with subclasses of trialdomain.Check")
    for one in checks:
        if lacking := _lacking(one):
            raise CheckUnusable(f"{path}: {getattr(one, '__name__', str(one))[:40]!r} in CHECKS {lacking}")
    return tuple(checks)


def _lacking(one: object) -> str | None:
    """Return the reason why an object is not a valid check; None if it is valid."""
    if not (isinstance(one, type) and issubclass(one, Check)):
        return "is not a check: use a subclass of trialdomain.Check"
    texts = [name for name in ("id", "title", "requirement") if not isinstance(getattr(one, name, None), str)]
    if texts:
        return f"lacks {', '.join(texts)}: give each as a text"
    severity: object = one.severity
    return None if isinstance(severity, Severity) else "has an invalid severity: use a member of Severity"
