"""Checks of dose levels across protocol versions: a level whose dose was redefined."""

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
from trialdomain.values.clinical.level import Label


@attrs.frozen
class _InUse:
    subject: str
    level: Label
    day: date
    position: int
    """The position at which the infusion was first recorded."""
    evidence: int
    """The position of the current entry of the infusion."""


@attrs.frozen
class _InForce:
    protocol: TrialProtocol
    since: int
    """The position of the entry that brought it into force, by an amendment, a correction or a void."""


class DoseRedefined(Check):
    """A level has a different dose now than when a participant was infused at it.

    The desk refuses such an amendment. It can still happen by a correction or a void, by an infusion that was recorded
    after the amendment, or by an entry of other software. A redefinition that was undone is not a finding.
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
        for one in case.case.ever(Infused):  # also after the day of the audit, because the log has it
            day = one.fact.started_at.first
            in_force = self.audited.book.in_force_on(day)
            for level in sorted(levels_of(one.fact, in_force), key=in_force.in_order):
                since = case.case.since(one)
                self._in_use.append(_InUse(case.case.subject, level, day, since, one.position))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        history = list(_in_force_by_log(self._trial))
        if not history:
            return
        now = history[-1].protocol
        changed: dict[tuple[Label, Dose | None], list[_InUse]] = {}
        for one in self._in_use:
            was = self._first_dose(one, history)
            if not keeps(was, dose_in(now, one.level)):
                changed.setdefault((one.level, was), []).append(one)
        for (level, was), found in sorted(changed.items(), key=lambda item: now.in_order(item[0][0])):
            yield self._redefined(level, was, found, history)

    def _first_dose(self, one: _InUse, history: Sequence[_InForce]) -> Dose | None:
        """Return the level's dose at the infusion: by the version of its day, or by the log when it was recorded."""
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
        self, level: Label, was: Dose | None, found: Sequence[_InUse], history: Sequence[_InForce]
    ) -> AuditFinding:
        first, now = min(found, key=lambda one: (one.day, one.position)), history[-1]
        people = len({one.subject for one in found})
        others = "" if people == 1 else f", the first of {people},"
        becomes = "is gone" if not now.protocol.has_level(level) else f"is {dose_words(dose_in(now.protocol, level))}"
        return self.found(
            f"level {level} was {dose_words(was)} when {first.subject}{others} was infused at it on {first.day}, and "
            f"{becomes} by version {now.protocol.version} of the protocol",
            evidence=[*(one.evidence for one in found), _changed_at(level, was, history)],
            subject=first.subject if people == 1 else None,
        )


def _changed_at(level: Label, was: Dose | None, history: Sequence[_InForce]) -> int:
    """Return the position of the first entry since which the level has never had its old dose."""
    position = history[-1].since
    for known in reversed(history):
        if keeps(was, dose_in(known.protocol, level)):
            break
        position = known.since
    return position


def _in_force_by_log(trial: Sequence[Entry]) -> Iterator[_InForce]:
    """Yield the version in force after each entry that can change it, computed from the log up to that entry."""
    for number, entry in enumerate(trial, start=1):
        brings = [
            e.fact for e in current_entries(trial[:number]) if isinstance(e.fact, TrialRegistered | ProtocolAmended)
        ]
        if brings:
            yield _InForce(brings[-1].protocol, entry.position)
