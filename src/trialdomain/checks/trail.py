"""Checks of the audit trail: clock jumps, late entries, many changes by one user, personal data in texts."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any, cast, get_args, get_type_hints

import attrs
from typing_extensions import override

from trialdomain.checks.check import Audited, AuditFinding, Check, Severity
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import target_version
from trialdomain.events.happened import getter_of
from trialdomain.events.participant import (
    AntiInfectiveGiven,
    ChemotherapyGiven,
    ConcomitantMedicationGiven,
    CriteriaAnswered,
    LabRecorded,
    Screened,
    VitalSignRecorded,
)
from trialdomain.events.recorded import Entry
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.values.calendar import site_day
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import how_many, n_entries
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import subject_of


class ClockJumped(Check):
    """The clock that dates the entries went back, stood still, jumped forward, or is ahead.

    A clock that went back appears as one that stands still, because an entry is never dated before the last entry that
    its writer had read. Two users who record at the same time may be some milliseconds out of order.
    """

    id = "clock"
    title = "a clock that jumped"
    severity = Severity.MINOR
    requirement = "AT-27 (EMA guideline on computerised systems, 4.5)"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._times: list[tuple[int, float, int]] = []
        """For each entry: its position, its time, and the hash of its command (0 for an imported entry)."""
        self._site_day = _site_day(audited)

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        envelope, position = entry.envelope, entry.position
        self._times.append(
            (position, envelope.recorded_at.timestamp(), 0 if envelope.source else hash(envelope.command))
        )
        if subject_of(entry.stream) is not None:
            when = _latest(entry.fact)
            if when is not None and when.first > self._site_day(envelope.recorded_at):
                yield self.found(
                    f"position {position} was recorded on {self._site_day(envelope.recorded_at)}, before it happened: "
                    f"{when}",
                    evidence=[position],
                    subject=subject_of(entry.stream),
                    severity=Severity.MAJOR,
                )

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        times, now = sorted(self._times), self.audited.now.timestamp()
        ahead = [(position, at) for position, at, _ in times if at > now]
        if ahead:
            many = how_many(len(ahead), "entry was", "entries were")
            sentence = f"{many} recorded later than now, the last at {_shown(max(at for _, at in ahead))}"
            yield self.found(sentence, evidence=(ahead[0][0], ahead[-1][0]), severity=Severity.MAJOR)
        still: list[int] = []
        for (before, since, earlier), (position, at, later) in pairwise(times):
            stands = at == since and earlier != 0 != later
            if stands and earlier != later:
                still += [position] if still else [before, position]
            elif not stands:
                yield from self._stood_still(still, since)
                still = []
                yield from self._leapt(before, since, position, at)
        if times:
            yield from self._stood_still(still, times[-1][1])

    def _leapt(self, before: int, since: float, position: int, at: float) -> Iterator[AuditFinding]:
        limits = self.audited.limits
        if since - at > limits.seconds_back:
            sentence = f"position {position} was recorded at {_shown(at)}, and position {before} at {_shown(since)}"
            yield self.found(sentence, evidence=(before, position), severity=Severity.MAJOR)
        elif at - since > limits.silent_days * 86_400:
            days = int((at - since) // 86_400)
            sentence = (
                f"nothing was recorded for {how_many(days, 'day')} before position {position}, or the clock "
                "jumped forward"
            )
            yield self.found(sentence, evidence=(before, position))

    def _stood_still(self, positions: list[int], at: float) -> Iterator[AuditFinding]:
        if positions:
            many, when = len(positions), _shown(at)
            sentence = (
                f"{many} commands were recorded at the very same time, {when}: the clock went back, or stood still"
            )
            yield self.found(sentence, evidence=positions)


def _latest(fact: Any) -> ClinicalTime | None:  # noqa: ANN401 - any fact of a participant
    """Return the latest day in a fact."""
    days = [when for name in _dated(cast("Hashable", type(fact))) if (when := getattr(fact, name)) is not None]
    return days[0] if len(days) == 1 else max(days, key=lambda when: when.first, default=None)


@cache
def _dated(kind: Hashable) -> tuple[str, ...]:
    """Return the names of the fields of a kind of fact that hold a day or a time."""
    hints = get_type_hints(cast("type", kind))
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", kind))
    return tuple(field.name for field in fields if ClinicalTime in {hints[field.name], *get_args(hints[field.name])})


def _shown(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")


def _site_day(audited: Audited) -> Callable[[datetime], date]:
    """Return a function from a time to the day at the site. It caches the last time: one command has one time."""
    zone = audited.history.zone
    return lru_cache(maxsize=16)(lambda moment: site_day(moment, zone))


class RecordedLate(Check):
    """An event was recorded long after it happened. Imported entries are exempt: their time is that of the import."""

    id = "late-entry"
    title = "recorded long after it happened"
    severity = Severity.MINOR
    requirement = "contemporaneous records (ALCOA; EMA guideline on computerised systems, 4.5)"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._late: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._site_day = _site_day(audited)

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        subject, envelope = subject_of(entry.stream), entry.envelope
        if subject is None or envelope.corrects is not None or envelope.source is not None:
            return ()
        when = _known_by(entry.fact)
        if when is not None:
            days = (self._site_day(envelope.recorded_at) - when.last).days
            if days > self.audited.limits.late_days:
                self._late[subject].append((entry.position, days))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for subject, late in sorted(self._late.items()):
            most = max(days for _, days in late)
            entries = how_many(len(late), "entry was", "entries were")
            yield self.found(
                f"{entries} recorded of {subject} more than {how_many(self.audited.limits.late_days, 'day')} after "
                f"what they tell, up to {how_many(most, 'day')}",
                evidence=[position for position, _ in late],
                subject=subject,
            )


def _known_by(fact: Any) -> ClinicalTime | None:  # noqa: ANN401 - any fact of a participant
    """Return the time from which a fact could be recorded completely: for a course its end; None while ongoing."""
    if isinstance(fact, ChemotherapyGiven | AntiInfectiveGiven | ConcomitantMedicationGiven):
        return fact.ended_on
    return getter_of(type(fact))(fact)


class ManyChanges(Check):
    """One user corrected or voided many entries, their own or those of other users."""

    id = "many-changes"
    title = "many changes by one user"
    severity = Severity.MINOR
    requirement = "audit trails are reviewed for patterns of change (EMA guideline on computerised systems, 6.2.2)"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._recorded: Counter[str] = Counter()
        self._changes: dict[str, list[int]] = defaultdict(list)

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        if isinstance(entry.fact, AccessRefused):
            return ()  # the system records refusals about a user; the user did not write them
        user = entry.envelope.user
        self._recorded[user] += 1
        if target_version(entry) is not None:
            self._changes[user].append(entry.position)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        limits = self.audited.limits
        for user, changes in sorted(self._changes.items()):
            if len(changes) >= limits.changes and len(changes) * 100 >= limits.changes_percent * self._recorded[user]:
                yield self.found(
                    f"{len(changes)} of the {n_entries(self._recorded[user])} of user {user} are corrections and voids",
                    evidence=changes,
                )


class PersonalDataInText(Check):
    """A text looks as if it contains an identity number, a telephone number or an address: subjects are codes.

    The finding names the field and the position. It does not repeat the text.
    """

    id = "identity"
    title = "a text that may name somebody"
    requirement = "subjects are codes (ICH E6(R3) 2.12; GDPR article 5(1)(c))"

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        for field, text in _texts(entry):
            for what in looks_like(text):
                yield self.found(
                    f"{field} of position {entry.position} looks as if it held {what}",
                    evidence=[entry.position],
                    subject=subject_of(entry.stream),
                )


_CODES = {
    *("atc_code", "ctcae_code", "event", "form_version", "linked_to", "lot", "protocol_version"),
    *("regimen_code", "root", "subject", "unit", "user", "version"),
    *("level", "from_level", "to_level", "candidate"),
}
"""Text fields that hold a code, not free text of a user."""


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    envelope, fact = entry.envelope, entry.fact
    if envelope.reason is not None:
        yield "the reason", envelope.reason
    if envelope.deviation is not None:
        yield "the deviation", envelope.deviation
    for name in _worded(cast("Hashable", type(fact))):
        value = getattr(fact, name)
        for part in value if isinstance(value, tuple) else (value,):
            text = part.plain if isinstance(part, FreeText) else part
            if text is not None:
                yield f"{name!r}", text
    if isinstance(fact, Screened | CriteriaAnswered):
        yield from _answers(fact)


def _answers(fact: Screened | CriteriaAnswered) -> Iterator[tuple[str, str]]:
    for attestation in fact.attestations:
        if attestation.comment is not None and attestation.comment.plain is not None:
            yield f"the comment on {attestation.criterion}", attestation.comment.plain
    for finding in fact.findings:
        if finding.words is not None:
            yield f"the finding {finding.name}", finding.words


@cache
def _worded(kind: Hashable) -> tuple[str, ...]:
    """Return the free-text fields of a kind of fact; results and vital signs, most of a log, have none."""
    if not isinstance(kind, type) or kind in {LabRecorded, VitalSignRecorded, AccessRefused}:
        return ("why",) if kind is AccessRefused else ()
    hints = get_type_hints(kind)
    worded = {FreeText, str}
    return tuple(
        field.name
        for field in attrs.fields(kind)
        if field.name not in _CODES and worded & {hints[field.name], *get_args(hints[field.name])}
    )


_GAP = r"[ .\-]?"
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "a resident identity number": re.compile(r"(?<!\d)\d{6}[ -]?\d{8}[ -]?\d{3}[\dXx](?![\dXx])"),
    "a social security number": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "a telephone number": re.compile(
        rf"(?<![\d+])(?:(?:\+|00)?86{_GAP})?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}(?!\d)"  # a Chinese mobile number
        r"|(?<!\d)(?:0\d{2,3}[ -]?|\(0\d{2,3}\) ?)\d{7,8}(?!\d)"  # a Chinese land line
        r"|(?<!\d)\+\d{1,3}(?:[ .\-()]{0,2}\d){7,12}(?!\d)"  # an international number
        r"|(?<!\d)(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4}(?!\d)"  # a North American number
    ),
    "an e-mail address": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
}


def looks_like(text: str) -> Iterator[str]:
    """Yield the kinds of personal identifiers that a text seems to contain.

    >>> list(looks_like("call +86 138 0013 8000")), list(looks_like("slip 88 of 2026-03-02, 1200 mL"))
    (['a telephone number'], [])
    """
    shown = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    for what, pattern in _PATTERNS.items():
        found = pattern.finditer(shown)
        if any(what != "a resident identity number" or _is_resident(one[0]) for one in found):
            yield what


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def _is_resident(number: str) -> bool:
    """Return whether 18 characters are a Chinese resident identity number, by the check digit (GB 11643-1999)."""
    digits = [one for one in number if one not in " -"]
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits, strict=False))
    return _CHECKS[total % 11] == digits[-1].upper()
