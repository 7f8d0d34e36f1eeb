"""Dose levels over the versions of the protocol: a level that stands for another dose than it did."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import dropwhile

import attrs
from typing_extensions import override

from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check, Severity
from trialdomain.events.entries import current_entries
from trialdomain.events.participant import Infused
from trialdomain.events.recorded import Entry
from trialdomain.events.trial import ProtocolAmended, TrialEntryVoided, TrialRegistered
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.dose_kept import dose_in, dose_words, first_given, keeps, levels_of
from trialdomain.values.clinical.dose import Dose


@attrs.frozen
class _InUse:
    subject: str
    level: int
    day: date
    position: int
    """Where the infusion was first recorded."""
    evidence: int
    """What says so now."""


@attrs.frozen
class _InForce:
    protocol: TrialProtocol
    since: int
    """The position of the entry that brought it into force, by an amendment, a correction or a void."""


class DoseRedefined(Check):
    """A level has another dose than it had when somebody was infused at it.

    An amendment of that kind is refused at the desk. A log has it all the same by a correction or a void, by an
    infusion that was recorded after the amendment, or because other software wrote it. What was mended since is none.
    """

    id = "dose-redefined"
    title = "another dose for a level at which somebody was infused"
    severity = Severity.CRITICAL
    requirement = "a level keeps its dose: the counts of a level are counts of one dose"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._trial: list[Entry] = []
        self._in_use: list[_InUse] = []

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, TrialRegistered | ProtocolAmended | TrialEntryVoided):
            self._trial.append(entry)
        return ()

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        for one in case.case.ever(Infused):  # whatever day is asked for: the log has it
            day = one.fact.started_at.first
            for level in sorted(levels_of(one.fact, self.audited.book.in_force_on(day))):
                since = case.case.since(one)
                self._in_use.append(_InUse(case.case.subject, level, day, since, one.position))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        history = list(_in_force_by_log(self._trial))
        if not history:
            return
        changed: dict[tuple[int, Dose | None], list[_InUse]] = {}
        for one in self._in_use:
            was = self._first_dose(one, history)
            if not keeps(was, dose_in(history[-1].protocol, one.level)):
                changed.setdefault((one.level, was), []).append(one)
        for (level, was), found in sorted(changed.items(), key=lambda item: item[0][0]):
            yield self._redefined(level, was, found, history)

    def _first_dose(self, one: _InUse, history: Sequence[_InForce]) -> Dose | None:
        """Find what the level stood for: by the version of the day, and by what the log said when it was recorded."""
        by_day = first_given(dose_in(version, one.level) for version in self._versions_from(one.day))
        in_time = [at for at, known in enumerate(history) if known.since < one.position]
        by_log = first_given(dose_in(known.protocol, one.level) for known in history[max(in_time, default=0) :])
        now = dose_in(history[-1].protocol, one.level)
        return by_day if not keeps(by_day, now) else by_log

    def _versions_from(self, day: date) -> Iterator[TrialProtocol]:
        in_force = self.audited.book.in_force_on(day)
        versions = (protocol for _, protocol in self.audited.book.versions)
        return dropwhile(lambda version: version is not in_force, versions)

    def _redefined(
        self, level: int, was: Dose | None, found: Sequence[_InUse], history: Sequence[_InForce]
    ) -> AuditFinding:
        first, now = min(found, key=lambda one: (one.day, one.position)), history[-1]
        people = len({one.subject for one in found})
        others = "" if people == 1 else f", the first of {people},"
        becomes = "is gone" if level > len(now.protocol.levels) else f"is {dose_words(dose_in(now.protocol, level))}"
        return self.found(
            f"level {level} was {dose_words(was)} when {first.subject}{others} was infused at it on {first.day}, and "
            f"{becomes} by version {now.protocol.version} of the protocol",
            evidence=[*(one.evidence for one in found), _changed_at(level, was, history)],
            subject=first.subject if people == 1 else None,
        )


def _changed_at(level: int, was: Dose | None, history: Sequence[_InForce]) -> int:
    """Return the position from which on the level has had its present dose, or one of others than it was."""
    position = history[-1].since
    for known in reversed(history):
        if keeps(was, dose_in(known.protocol, level)):
            break
        position = known.since
    return position


def _in_force_by_log(trial: Sequence[Entry]) -> Iterator[_InForce]:
    """Yield the version in force after each entry that can change it, as the log stood then."""
    for number, entry in enumerate(trial, start=1):
        brings = [
            e.fact for e in current_entries(trial[:number]) if isinstance(e.fact, TrialRegistered | ProtocolAmended)
        ]
        if brings:
            yield _InForce(brings[-1].protocol, entry.position)
