"""The trail itself: clocks that jump, entries made late, many changes by one user, texts that name somebody."""

import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import cast, get_args, get_type_hints

import attrs
from typing_extensions import override

from trialdomain.audit.findings.check import Audited, AuditFinding, Check, Severity
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import VOIDS
from trialdomain.events.happened import getter_of
from trialdomain.events.participant import CriteriaAnswered, LabRecorded, Screened, VitalSignRecorded
from trialdomain.events.recorded import Entry
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.values.ids import subject_of
from trialdomain.values.text import FreeText


class ClockJumped(Check):
    """The clock that entries were recorded by went back, stood still, jumped forward, or is ahead.

    A clock that went back shows as one that stands still: this library records nothing before what it recorded last.
    """

    id = "clock"
    title = "a clock that jumped"
    severity = Severity.MINOR
    requirement = "AT-27 (EMA guideline on computerised systems, 4.5)"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        positions = audited.history.position + 1
        self._times = array("d", bytes(8 * positions))
        self._commands = array("q", bytes(8 * positions))
        self._site_day = _site_day(audited)

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        envelope, position = entry.envelope, entry.position
        if 0 < position < len(self._times):
            self._times[position] = envelope.recorded_at.timestamp()
            self._commands[position] = 0 if envelope.source else hash(envelope.command)
        if subject_of(entry.stream) is not None:
            when = getter_of(type(entry.fact))(entry.fact)  # type: ignore[arg-type]  # of a participant's stream
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
        times, now = self._times, self.audited.now.timestamp()
        still: list[int] = []
        ahead = [position for position in range(1, len(times)) if times[position] > now]
        if ahead:
            sentence = f"{len(ahead)} entries were recorded later than now, the last at {_shown(max(times))}"
            yield self.found(sentence, evidence=(ahead[0], ahead[-1]), severity=Severity.MAJOR)
        for position in range(2, len(times)):
            since = times[position] - times[position - 1]
            stands = since == 0 and 0 not in self._commands[position - 1 : position + 1]
            if stands and self._commands[position] != self._commands[position - 1]:
                still.append(position)
            elif not stands:
                yield from self._stood_still(still)
                still = []
                yield from self._leapt(position, since)
        yield from self._stood_still(still)

    def _leapt(self, position: int, since: float) -> Iterator[AuditFinding]:
        before, at = self._times[position - 1], self._times[position]
        if before == 0 or at == 0:
            return  # a position that the log does not have is for verify
        if since < 0:
            sentence = f"position {position} was recorded at {_shown(at)}, and the one before at {_shown(before)}"
            yield self.found(sentence, evidence=(position - 1, position), severity=Severity.MAJOR)
        elif since > self.audited.limits.silent_days * 86_400:
            days = int(since // 86_400)
            sentence = f"nothing was recorded for {days} days before position {position}, or the clock jumped forward"
            yield self.found(sentence, evidence=(position - 1, position))

    def _stood_still(self, positions: list[int]) -> Iterator[AuditFinding]:
        if positions:
            at, many = _shown(self._times[positions[0]]), len(positions) + 1
            sentence = f"{many} commands were recorded at the very same time, {at}: the clock went back, or stood still"
            yield self.found(sentence, evidence=(positions[0] - 1, *positions))


def _shown(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="seconds")


def _site_day(audited: Audited) -> Callable[[datetime], date]:
    """Give the day at the site; the entries of one command have one time."""
    zone = audited.history.zone
    return lru_cache(maxsize=16)(lambda moment: moment.astimezone(zone).date())


class RecordedLate(Check):
    """What happened was recorded long after; what another system recorded came when it was imported."""

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
        when = getter_of(type(entry.fact))(entry.fact)  # type: ignore[arg-type]  # of a participant's stream
        if when is not None:
            days = (self._site_day(envelope.recorded_at) - when.last).days
            if days > self.audited.limits.late_days:
                self._late[subject].append((entry.position, days))
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for subject, late in sorted(self._late.items()):
            most = max(days for _, days in late)
            entries = "1 entry was" if len(late) == 1 else f"{len(late)} entries were"
            yield self.found(
                f"{entries} recorded of {subject} more than {self.audited.limits.late_days} days after what they tell, "
                f"up to {most} days",
                evidence=[position for position, _ in late],
                subject=subject,
            )


class ManyChanges(Check):
    """One user changed much of what they, or others, had recorded."""

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
        user = entry.envelope.user
        self._recorded[user] += 1
        if entry.envelope.corrects is not None or isinstance(entry.fact, VOIDS):
            self._changes[user].append(entry.position)
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        limits = self.audited.limits
        for user, changes in sorted(self._changes.items()):
            if len(changes) >= limits.changes and len(changes) * 100 >= limits.changes_percent * self._recorded[user]:
                yield self.found(
                    f"{len(changes)} of the {self._recorded[user]} entries of user {user} are corrections and voids",
                    evidence=changes,
                )


class NamesSomebody(Check):
    """A text looks as if it held an identity number, a telephone number or an address: subjects are codes.

    The finding says where, and not what: it does not hand the text on.
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
    *("atc_code", "ctcae_code", "ctcae_version", "event", "form_version", "linked_to", "lot", "protocol_version"),
    *("regimen_code", "root", "subject", "unit", "user", "version"),
}
"""Fields of a text that is a code, and no words of somebody's own."""


def _texts(entry: Entry) -> Iterator[tuple[str, str]]:
    envelope, fact = entry.envelope, entry.fact
    if envelope.reason is not None:
        yield "the reason", envelope.reason
    if envelope.deviation is not None:
        yield "the deviation", envelope.deviation
    for name in _worded(cast("Hashable", type(fact))):
        value = getattr(fact, name)
        text = value.plain if isinstance(value, FreeText) else value
        if text is not None:
            yield f"{name!r}", text
    if isinstance(fact, Screened | CriteriaAnswered):
        for attestation in fact.attestations:
            if attestation.comment is not None and attestation.comment.plain is not None:
                yield f"the comment on {attestation.criterion}", attestation.comment.plain
        for finding in fact.findings:
            if finding.words is not None:
                yield f"the finding {finding.name}", finding.words


@cache
def _worded(kind: Hashable) -> tuple[str, ...]:
    """Name the fields of a kind of facts that hold words; results and vital signs, most of a log, hold none."""
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
    "a resident identity number": re.compile(r"(?<!\d)\d{17}[\dXx](?![\dXx])"),
    "a social security number": re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),
    "a telephone number": re.compile(
        rf"(?<![\d+])(?:(?:\+|00)?86{_GAP})?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}(?!\d)"  # a Chinese mobile number
        r"|(?<!\d)0\d{2,3}[ -]\d{7,8}(?!\d)"  # a Chinese land line
        r"|(?<!\d)\+\d{1,3}(?:[ .\-()]{0,2}\d){7,12}(?!\d)"  # an international number
        r"|(?<!\d)(?:\(\d{3}\) ?|\d{3}[-.])\d{3}[-.]\d{4}(?!\d)"  # a North American number
    ),
    "an e-mail address": re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"),
}


def looks_like(text: str) -> Iterator[str]:
    """Say what of somebody's identity a text looks as if it held.

    >>> list(looks_like("call +86 138 0013 8000")), list(looks_like("slip 88 of 2026-03-02, 1200 mL"))
    (['a telephone number'], [])
    """
    shown = unicodedata.normalize("NFKC", text)
    for what, pattern in _PATTERNS.items():
        found = pattern.finditer(shown)
        if any(what != "a resident identity number" or _is_resident(one[0]) for one in found):
            yield what


_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def _is_resident(number: str) -> bool:
    """Say whether 18 characters are a resident identity number of China, by its check digit (GB 11643-1999)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return _CHECKS[total % 11] == number[-1].upper()
