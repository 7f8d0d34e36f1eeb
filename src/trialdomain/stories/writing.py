"""Write a log as a story: told again, it records the same facts in the same order, equal but for ids and times."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import TypeAlias

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.entries import VOIDS
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    CriteriaAnswered,
    LabRecorded,
    Screened,
)
from trialdomain.events.recorded import Entry, Fact
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    TrialExported,
    TrialRegistered,
    UserRegistered,
)
from trialdomain.history import History
from trialdomain.protocol.made_up import eligible
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.stories.answers import write_attestation, write_finding
from trialdomain.stories.correcting import key_of, protocol_of, replaced, write_changes
from trialdomain.stories.endpoint_words import mtd_in_words
from trialdomain.stories.expectations import decision_words, tally_words
from trialdomain.stories.protocols import PRESETS, as_told
from trialdomain.stories.tokens import bare_or_quoted, is_range, quoted
from trialdomain.stories.values import SCALE, SERIOUS, Serious, serious_of, write_attribution, write_level, write_text
from trialdomain.stories.vocabulary import BY_KIND, NOUN_OF, SEVERAL, VERBS, Slot, Verb
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import subject_of
from trialdomain.values.progress import Progress, ignore_progress

_AT_A_DESK = {"assessment", "basis", "serious"}
"""Fields without words, which follow at a desk from the others."""
_COLUMN = 12
"""The width of the dates."""


class StoryUnwritable(InputInvalid):
    """An entry of a log says what no line of a story can say."""

    code = "story-unwritable"

    def __init__(self, *, position: int, why: str) -> None:
        super().__init__(f"position {position} cannot be written as a story: {why}")
        self.position, self.why = position, why


def story_of(history: History, *, progress: Progress = ignore_progress) -> str:
    """Write a trial as a story that passes: what was recorded, and at the end what is expected of it.

    The last lines are the counts of each level with participants, the next action and the MTD, on the day of the last
    entry. So a change of the protocol, or of the library, that changes the answer makes the story fail.

    Args:
        history: the trial, conducted at a desk, or begun with an import.
        progress: called with the number of entries written so far.

    Raises:
        StoryUnwritable: an entry says what no line can say.
    """
    entries = sorted(history.entries(), key=lambda entry: entry.position)
    registered = next((entry.fact for entry in entries if isinstance(entry.fact, TrialRegistered)), None)
    if registered is None:
        raise InputInvalid("the history registers no trial, so there is no story of it")
    writer = _Writer(entries, registered.protocol)
    lines = [*writer.lines(progress), *_expected(history, writer.now)]
    return "".join(f"{line}\n" for line in lines)


def _expected(history: History, last: datetime | None) -> Iterator[str]:
    """Write what a trial answers on the day of its last line."""
    if last is None:
        return
    counts, state = history.dlt_counts(on=last.date()), history.escalation(on=last.date())
    said = [tally_words(tally) for tally in counts.tallies if tally.occupied or tally.treated]
    if state is not None:
        said.append(f"next: {decision_words(attrs.evolve(state.decision, because=None))}")
        said.append(f"mtd: {mtd_in_words(state.decision.mtd)}")
    yield from (f"{'':<{_COLUMN}}expect {one}" for one in said)


_Answers: TypeAlias = tuple[Sequence[Finding | Attestation], Sequence[Finding | Attestation]]
"""Findings and attestations."""


@attrs.define
class _Writer:
    entries: Sequence[Entry]
    protocol: TrialProtocol
    """The version that is in force where the writer is."""
    first_user: str = ""
    now: datetime | None = None
    """When the last line was recorded, at the site."""

    def lines(self, progress: Progress) -> Iterator[str]:
        self.first_user = self._most_active()
        yield "strict"
        yield from self._imported()
        yield from self._users()
        yield from self._begin(self.entries[0])
        for _, command in groupby(self.entries, key=lambda entry: (entry.meta.command, entry.meta.parts)):
            recorded = list(command)
            yield from self._command(recorded)
            progress("writing", recorded[-1].position, len(self.entries))

    def _imported(self) -> Iterator[str]:
        """Name the system from which the records of an import come."""
        systems = {
            one.meta.source.system: one.position for one in reversed(self.entries) if one.meta.source is not None
        }
        yield from (f"imported from {quoted(system)}" for system in list(systems)[:1])
        if len(systems) > 1:
            others = " and ".join(sorted(systems))
            raise StoryUnwritable(position=max(systems.values()), why=f"a story has one import, not of {others}")

    def _most_active(self) -> str:
        """Return the user with the most commands, who acts where a line names none."""
        commands = {(entry.meta.user, entry.meta.command) for entry in self.entries}
        return Counter(user for user, _ in sorted(commands)).most_common(1)[0][0]

    def _users(self) -> Iterator[str]:
        users = {e.meta.user: _refused(e.fact) for e in self.entries if isinstance(e.fact, AccessRefused)}
        registered: dict[str, str] = {}
        for e in self.entries:
            if isinstance(e.fact, UserRegistered) and e.meta.corrects is None:
                said = f"{quoted(e.fact.name)} {e.fact.role.value} {quoted(e.fact.organization)}"
                if registered.setdefault(e.fact.user, said) != said:
                    why = (
                        f"user {e.fact.user} has another name, role or organization from here on, and a story names one"
                    )
                    raise StoryUnwritable(position=e.position, why=why)
        users |= registered
        for id_ in sorted(users, key=lambda one: one != self.first_user):
            yield f"user {bare_or_quoted(id_)} {users[id_]}"

    def _begin(self, registered: Entry) -> Iterator[str]:
        name, base = next(iter(PRESETS.items()))
        text = as_told(self.protocol, base)
        changed = text != as_told(self.protocol, None)
        by = "" if registered.meta.user == self.first_user else f" by {bare_or_quoted(registered.meta.user)}"
        yield f"protocol{f' {name}' if changed else ''}{by}"
        yield from _barred(text)
        self.now = self._at_site(registered).replace(second=0, microsecond=0) - timedelta(minutes=1)
        yield ""

    def _at_site(self, entry: Entry) -> datetime:
        return entry.meta.recorded_at.astimezone(self.protocol.site_zone)

    def _command(self, recorded: Sequence[Entry]) -> Iterator[str]:
        """Write one command: what people recorded; what follows from it is recorded when the story is told."""
        act = next((entry for entry in recorded if self._is_act(entry)), None)
        if act is None:
            return
        head = self._head(act)
        said, below = self._said(act, recorded)
        by = "" if act.meta.user == self.first_user else f" by {bare_or_quoted(act.meta.user)}"
        refused = " refused: not-permitted" if isinstance(act.fact, AccessRefused) else ""
        record = "" if act.meta.source is None else f" record {quoted(act.meta.source.record)}"
        yield f"{head:<{_COLUMN}}{said}{by}{refused}{record}"
        yield from below

    def _is_act(self, entry: Entry) -> bool:
        return type(entry.fact) in BY_KIND or isinstance(entry.fact, VOIDS) or entry.meta.corrects is not None

    def _head(self, entry: Entry) -> str:
        """Write when a line was recorded: nothing, if it was in the minute of the line before."""
        at, before = self._minute(entry), self.now
        if before is not None and at < before:
            at = before
        same = before is not None and at.date() == before.date()
        near = before is not None and at - before < timedelta(minutes=1)
        self.now = at
        if same and near:
            return ""
        clock = at.time().replace(microsecond=0)
        return f"{at.date()} {_clock(clock)}  "

    def _minute(self, entry: Entry) -> datetime:
        """Return the minute in which an entry was recorded; the second, where something happened in that minute."""
        at = self._at_site(entry).replace(microsecond=0)
        minute = at.replace(second=0)
        times = [
            value.at
            for value in attrs.asdict(entry.fact, recurse=False).values()
            if isinstance(value, ClinicalTime) and value.at is not None and value.at.tzinfo is not None
        ]
        return at if any(one > minute for one in times) else minute

    def _said(self, act: Entry, recorded: Sequence[Entry]) -> tuple[str, Iterator[str]]:
        """Write what an act says, and the lines below it."""
        subject = subject_of(act.stream)
        if act.meta.corrects is not None:
            return self._correction(act), self._corrected_protocol(act)
        if isinstance(act.fact, VOIDS):
            return f"void {self._reference(act, act.fact.version)} because {write_text(act.meta.reason)}", iter(())
        if subject is not None:
            same = [e for e in recorded if type(e.fact) is type(act.fact) and not e.meta.corrects]
            facts = same if isinstance(act.fact, SEVERAL) else [act]
            if act.meta.source is not None:
                facts = [entry for entry in recorded if entry.stream == act.stream]
            return f"{_subject(subject)} {', '.join(self._phrase(entry) for entry in facts)}", iter(())
        if isinstance(act.fact, ProtocolAmended):
            text = as_told(act.fact.protocol, self.protocol)
            self.protocol = act.fact.protocol
            return self._of_trial(act), _barred(text)
        return self._of_trial(act), iter(())

    def _of_trial(self, act: Entry) -> str:
        fact = act.fact
        match fact:
            case EscalationDecided():
                decided = fact.decided
                level = "" if decided.level is None else f" level {write_level(decided.level)}"
                slots = "" if decided.slots is None else f" to {decided.slots} slots"
                return f"decide {decided.action.value}{level}{slots}{self._clauses(act, BY_KIND[type(fact)])}"
            case AccessRefused():
                return f"attempt {fact.use_case}"
            case _:
                return self._phrase(act)

    def _phrase(self, entry: Entry) -> str:
        """Write a verb with its values."""
        verb, fact = BY_KIND[type(entry.fact)], entry.fact
        unsaid = [
            field.name
            for field in attrs.fields(type(fact))
            if verb.slot(field.name) is None
            and field.name not in {verb.happened, *_AT_A_DESK, *_OF_KIND.get(type(fact), ())}
            and getattr(fact, field.name) != field.default
        ]
        if unsaid:
            raise StoryUnwritable(position=entry.position, why=f"no line says {unsaid[0]} of {verb.name!r}")
        placed = [self._placed(fact, slot) for slot in verb.slots if slot.placed]
        colon = ":" if verb.name in {"window assessed", "declare no mtd"} else ""
        head = f"{verb.name}{colon}"
        return f"{' '.join([head, *placed])}{self._clauses(entry, verb)}"

    def _placed(self, fact: Fact, slot: Slot) -> str:
        sign = getattr(fact, "comparator", None) if isinstance(fact, LabRecorded) and slot.field == "value" else None
        written = slot.kind.write(getattr(fact, slot.field))
        return written if sign is None else f"{sign.value} {written}"

    def _clauses(self, entry: Entry, verb: Verb) -> str:
        fact = entry.fact
        imported = entry.meta.source is not None
        said = [*self._values(fact, verb, imported=imported), *self._judgements(fact), *self._answers(fact)]
        on = self._happened(fact, verb, imported=imported)
        if on is not None:
            said.append(on)
        if entry.meta.deviation is not None:
            said.append(f"deviation {write_text(entry.meta.deviation)}")
        return "".join(f" {one}" for one in said)

    def _values(self, fact: Fact, verb: Verb, *, imported: bool) -> Iterator[str]:
        for slot in verb.slots:
            value = getattr(fact, slot.field)
            default = attrs.fields_dict(type(fact))[slot.field].default
            if slot.placed or slot.field in {"comparator", verb.happened} or not (slot.given or imported):
                continue
            if slot.kind is SERIOUS:
                serious = serious_of(fact)
                if serious != Serious(attrs.fields_dict(type(fact))["serious"].default):
                    yield f"serious {SERIOUS.write(serious)}"
                continue
            if slot.kind is SCALE:
                if value != self.protocol.grading:
                    yield f"scale {SCALE.write(value)}"
            elif value not in (None, ()) and value != slot.usual and (value != default or slot.required):
                yield f"{' '.join(slot.keyword)} {slot.kind.write(value)}"

    def _judgements(self, fact: Fact) -> Iterator[str]:
        if isinstance(fact, AdverseEventReported | AdverseEventFollowedUp):
            yield from map(write_attribution, fact.attributions)

    def _answers(self, fact: Fact) -> Iterator[str]:
        """Write the answers of a screening: eligible, but for some, where that is shorter than all of them."""
        if not isinstance(fact, Screened | CriteriaAnswered):
            return
        fitting: _Answers = eligible(self.protocol, on=self._today())
        given: _Answers = fact.findings, fact.attestations
        if given == ((), tuple(fitting[1])) and fact.attestations:
            yield "attested all"
            return
        differ = [one for made_up, own in zip(fitting, given, strict=True) for one in own if one not in made_up]
        answered = {key_of(one) for own in given for one in own}
        without = [one for made_up in fitting for one in made_up if key_of(one) not in answered]
        as_told = tuple(
            replaced(made_up, [one for one in differ if one in own], list(map(key_of, without)))
            for made_up, own in zip(fitting, given, strict=True)
        )
        if len(differ) + len(without) < len(answered) and as_told == given:
            yield "eligible"
            yield from (f"without {bare_or_quoted(_name_of(one))}" for one in without)
        else:
            differ = [*fact.findings, *fact.attestations]
        for one in differ:
            yield write_attestation(one) if isinstance(one, Attestation) else write_finding(one)

    def _today(self) -> date:
        assert self.now is not None  # noqa: S101 - set before the first line
        return self.now.date()

    def _happened(self, fact: Fact, verb: Verb, *, imported: bool) -> str | None:
        """Write when it happened, where that is not the day of the line: its day, or its time on that day."""
        if isinstance(fact, EscalationDecided | MtdDeclared | MtdNotEstablished | DoseRecommended):
            on: object = fact.basis.on
        elif isinstance(fact, ProtocolAmended):
            on = fact.effective_on
        elif verb.happened is None:
            return None
        else:
            on = getattr(fact, verb.happened)
        text, today = str(on), self._today()
        if text == today.isoformat():
            return None
        day, _, clock = text.partition("T")
        short = re.match(r"\d{2}:\d{2}(:\d{2})?", clock)
        if short and day == today.isoformat() and not imported:
            local = ClinicalTime(f"{day}T{short[0]}")
            if text in {local.text, local.at_site(self.protocol.site_zone).text}:
                return f"at {short[0]}"
        return f"on {text}"

    def _reference(self, act: Entry, version: int) -> str:
        """Name the entry that a correction or a void is about."""
        of_stream = [entry for entry in self.entries if entry.stream == act.stream]
        meant = next(entry for entry in of_stream if entry.version == version)
        while meant.meta.corrects is not None:
            before = meant.meta.corrects
            meant = next(entry for entry in of_stream if entry.version == before)
        subject = subject_of(act.stream)
        among = of_stream if subject is not None else self.entries
        same = [
            one
            for one in among
            if type(one.fact) is type(meant.fact) and not one.meta.corrects and one.position < act.position
        ]
        of = "" if subject is None else f" of {_subject(subject)}"
        return f"{NOUN_OF[type(meant.fact)]} {same.index(meant) + 1}{of}"

    def _correction(self, act: Entry) -> str:
        before = self._before(act)
        said = list(write_changes(before, act))
        if isinstance(act.fact, TrialRegistered | ProtocolAmended) and act.fact.protocol != protocol_of(before):
            said.append("protocol")
        return f"correct {self._reference(act, before.version)} {', '.join(said)} because {write_text(act.meta.reason)}"

    def _before(self, act: Entry) -> Entry:
        """Return the entry that another one corrects."""
        return next(e for e in self.entries if e.stream == act.stream and e.version == act.meta.corrects)

    def _corrected_protocol(self, act: Entry) -> Iterator[str]:
        """Write the lines below a correction of a protocol."""
        before = protocol_of(self._before(act))
        after = protocol_of(act)
        if after is not None and after != before:
            if before == self.protocol:
                self.protocol = after
            yield from _barred(as_told(after, before))


_OF_KIND: Mapping[type, tuple[str, ...]] = {
    Screened: ("findings", "attestations"),
    CriteriaAnswered: ("findings", "attestations"),
    AdverseEventReported: ("attributions",),
    AdverseEventFollowedUp: ("attributions",),
    EscalationDecided: ("recommended", "decided"),
    MtdDeclared: ("bounded_above",),
    ProtocolAmended: ("protocol", "effective_on"),
    TrialExported: ("what", "root"),
    AccessRefused: ("role", "why"),
}
"""By kind: the fields that are written in a way of their own."""


def _refused(fact: AccessRefused) -> str:
    """Write a user of whom only refusals are known: their name and organization stand before the reason."""
    name, _, organization = fact.why.partition(":")[0].rpartition(", ")
    return f"{quoted(name)} {fact.role.value} {quoted(organization)}"


def _barred(text: str) -> Iterator[str]:
    return (f"| {line}".rstrip() for line in text.splitlines())


def _clock(clock: time) -> str:
    return clock.isoformat("minutes" if not clock.second else "seconds")


def _subject(subject: str) -> str:
    words = {"expect", "so", "correct", "void", "attempt", *(verb.head[0] for verb in VERBS)}
    return quoted(subject) if subject.casefold() in words or is_range(subject) else bare_or_quoted(subject)


def _name_of(one: Finding | Attestation) -> str:
    return one.name if isinstance(one, Finding) else one.criterion
