"""The check of sentinels: infusions at a level before its first participant had been observed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date

import attrs
from typing_extensions import override

from trialdomain.checks.check import Audited, AuditedCase, AuditFinding, Check
from trialdomain.events.happened import happened
from trialdomain.limits.sentinel import Noted, Watched, hold_of
from trialdomain.projections.dlt_counts import Contact, DltCounts
from trialdomain.projections.sentinel import noted_dlt, taken_in
from trialdomain.values.clinical.level import Label


@attrs.frozen
class _Infusion:
    day: date
    since: int
    """The position at which it was first recorded."""
    subject: str
    position: int
    imported: bool
    contact: Contact
    days: tuple[date, ...]
    """The days of all entries of the participant."""
    dlt: Noted | None

    def seen_on(self, day: date, level: Label, other: "_Infusion") -> Watched:
        """Return what was known of this participant, as the sentinel of a level, on the day of another infusion."""

        def known(noted: Noted) -> bool:
            """Say whether it had happened; and had been recorded, unless the dates of an import are all there is."""
            in_time = other.imported or noted.known_by is None or noted.known_by < other.since
            return noted.day <= day and in_time

        return Watched(
            subject=self.subject,
            level=level,
            infused_on=self.day,
            last_contact=max((one for one in self.days if one <= day), default=self.day),
            endings=tuple(one for one in self.contact.endings if known(one)),
            dlt=self.dlt if self.dlt is not None and known(self.dlt) else None,
        )


class SentinelKept(Check):
    """A participant was infused while the sentinel of the level was observed, or before people had decided.

    A DLT or a departure that was recorded after that infusion is left to the audit of decisions. Of an import, the
    dates count.
    """

    id = "sentinel"
    title = "infused before the sentinel of the level was cleared"
    requirement = "the protocol's stagger.sentinel"

    def __init__(self, audited: Audited) -> None:
        super().__init__(audited)
        self._infused: dict[Label, list[_Infusion]] = defaultdict(list)

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        first, member = case.case.first_infusion, case.member
        if first is None or member is None or member.level is None or member.contact is None:
            return ()
        days = (when.first for entry in case.case.entries if (when := happened(entry.fact)) is not None)
        self._infused[member.level].append(
            _Infusion(
                day=first.fact.started_at.first,
                since=case.case.since(first),
                subject=case.case.subject,
                position=first.position,
                imported=first.envelope.source is not None,
                contact=member.contact,
                days=tuple(sorted(set(days))),
                dlt=noted_dlt(member.dlt, case.case.subject, member.level, self.audited.book),
            )
        )
        return ()

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        for level in sorted(self._infused, key=self.audited.protocol.in_order):
            sentinel, *others = sorted(self._infused[level], key=lambda one: (one.day, one.since))
            for other in others:
                yield from self._too_soon(level, sentinel, other)

    def _too_soon(self, level: Label, sentinel: _Infusion, other: _Infusion) -> Iterator[AuditFinding]:
        rule = self.audited.book.in_force_on(other.day).stagger.sentinel
        if rule is None:
            return
        watched = sentinel.seen_on(other.day, level, other)
        hold = hold_of(watched, rule, taken_in(self.audited.book), on=other.day)
        if hold is not None:
            yield self.found(
                f"{other.subject} was infused on {other.day}, but {hold.why}",
                evidence=[other.position, sentinel.position],
                subject=other.subject,
            )
