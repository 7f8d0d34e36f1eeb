"""Tell a story: conduct its trial in memory, line by line, and compare what comes with what is expected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.runner import User
from trialdomain.desk import Desk
from trialdomain.errors import TrialError
from trialdomain.events.entries import VOIDS
from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyStarted,
    ConcomitantMedicationGiven,
    Consented,
    Infused,
)
from trialdomain.events.recorded import Entry, Envelope, Fact
from trialdomain.storage.mapper import decoded_once
from trialdomain.stories.correcting import changes_of, protocol_of, replaced
from trialdomain.stories.expectations import Failed, Told, check_expectation, followed_words
from trialdomain.stories.expecting import endpoint_hint
from trialdomain.stories.faults import StoryMalformed, instead
from trialdomain.stories.importing import ImportedSite, Records
from trialdomain.stories.protocols import protocol_told
from trialdomain.stories.story import (
    Acts,
    Amending,
    Answers,
    Correction,
    Deciding,
    EndpointExpected,
    Line,
    Moment,
    Phrase,
    Reference,
    Story,
    Voiding,
)
from trialdomain.stories.values import SERIOUS, Serious
from trialdomain.stories.vocabulary import NOUNS, SEVERAL
from trialdomain.testing.acts import record
from trialdomain.testing.made_up_site import EVENING, FIRST_DAY, INVESTIGATOR, MadeUpSite
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.screening import Attestation, Finding
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import folded
from trialdomain.values.ids import participant_stream, subject_of, trial_stream
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.use_case import UseCase

_WITH_ROUTE = {AntiInfectiveGiven, ConcomitantMedicationGiven}


def tell(
    story: Story, *, folder: Path | None = None, progress: Progress = ignore_progress
) -> Iterator[tuple[Told, Line, Failed | None]]:
    """Tell a story, and yield each line with its failure, if there is one; end at the first failure of an act.

    Args:
        story: the story.
        folder: the folder of the files that it names; by default the current one.
        progress: called with the number of lines told so far.

    Raises:
        StoryMalformed: the protocol, or a user that a line names, cannot be used.
    """
    protocol = protocol_told(story, folder or Path())
    users = {user.id: user for user in story.users}
    first = story.users[0] if story.users else INVESTIGATOR
    start = _first_moment(story, protocol.site_zone)
    registering = story.protocol.by
    if registering is not None and registering not in users:
        why = f"there is no user {registering!r}: name it above"
        raise StoryMalformed(line=story.protocol.line, column=1, why=why, file=story.file)
    made_up = MadeUpSite if story.imported is None else ImportedSite
    with made_up(protocol, by=users[registering] if registering else first, moment=start) as site:
        site.user = first
        records = Records(story, site.batch) if isinstance(site, ImportedSite) else None
        teller = _Teller(story, users, folder or Path(), Told(site), records, position=site.history.position)
        following = [*story.lines[1:], None]
        for number, (line, after) in enumerate(zip(story.lines, following, strict=False), start=1):
            with decoded_once(teller.kept):
                failed = teller.tell(line, after)
            yield teller.told, line, failed
            progress("telling", number, len(story.lines))
            if failed is not None and failed.ends:
                return


def _first_moment(story: Story, zone: Any) -> datetime:  # noqa: ANN401 - any time zone
    """Return when the trial is registered: a moment before the first line."""
    moment = story.lines[0].moment if story.lines else None
    if moment is None or moment.day is None:
        return datetime.combine(FIRST_DAY, EVENING, zone)
    return datetime.combine(moment.day, moment.clock or EVENING, zone) - timedelta(minutes=1)


@attrs.define
class _Teller:
    story: Story
    users: Mapping[str, User]
    folder: Path
    told: Told
    records: Records | None = None
    """What an import adds; None if the trial does not begin with one."""
    doing: str = ""
    """Which of several acts of a line is being recorded."""
    position: int = 0
    """That of the last entry of the lines before."""
    kept: dict[tuple[str, bytes], tuple[Fact, Envelope]] = attrs.Factory(dict)
    """The entries that were decoded, by their stored name and state: every act reads the log in memory again."""

    @property
    def site(self) -> MadeUpSite:
        return self.told.site

    def tell(self, line: Line, following: Line | None) -> Failed | None:
        """Tell one line; return how it failed, if it did. The line after it says whether its records are complete."""
        if line.moment is not None:
            self._move(line, line.moment)
        self._check_given(line)
        match line.item:
            case Acts() as acts if line.record is not None:
                return self._import(line, line.record, acts, following)
            case Acts() | Correction() | Voiding():
                return self._act(line)
            case expected:
                self._check_endpoint(line, expected)
                return check_expectation(expected, self.told, known=line.known)

    def _check_endpoint(self, line: Line, expected: object) -> None:
        """Refuse an endpoint that the protocol does not have: it may be a slip in another word."""
        if not isinstance(expected, EndpointExpected):
            return
        known = self.site.protocol.endpoints.derived
        if any(subject_of(stream) == expected.endpoint for stream, _ in self.site.history.streams()):
            why = f"{expected.endpoint} is a participant: write 'expect ENDPOINT {expected.endpoint}: VALUE'"
            raise self._fault(line, f"{why}, or the counts of a level, 'expect level 1: 3 treated'", expected.column)
        if expected.endpoint not in {one.id for one in known}:
            hint = endpoint_hint(expected.endpoint, known)
            raise self._fault(line, f"nothing can be expected of {expected.endpoint!r}: {hint}", expected.column)

    def _move(self, line: Line, moment: Moment) -> None:
        zone = self.site.protocol.site_zone
        if moment.day is not None:
            target = datetime.combine(moment.day, moment.clock or EVENING, zone)
        else:
            target = self.site.now.astimezone(zone) + timedelta(days=moment.days, hours=moment.hours)
        try:
            self.site.move_to(target)
        except ValueError:
            why = (
                f"{target:%Y-%m-%d} is before {self.site.today}, the day of the lines above: "
                f"lines stand in the order of their recording; say when it happened after 'on'"
            )
            raise StoryMalformed(line=line.number, column=1, why=why, file=self.story.file) from None

    def _act(self, line: Line) -> Failed | None:
        """Record what a line says; a refusal is a failure, unless the line expects it."""
        self.doing = ""
        try:
            self._record(line)
        except StoryMalformed:
            raise
        except TrialError as error:
            self._note(lambda _: line)
            return _of_refusal(line, error, self.doing)
        self._note(lambda _: line)
        if line.refused is not None:
            return Failed(
                expected=f"a refusal with the code {line.refused}",
                came=f"it was accepted: {followed_words(self.told.last)}",
                instead=f"if that is right, take 'refused: {line.refused}' away",
                ends=True,
            )
        return None

    def _check_given(self, line: Line) -> None:
        """Refuse what follows from other things at a desk, and is said of corrected or imported entries alone."""
        if line.record is not None or not isinstance(line.item, Acts):
            return
        for phrase in line.item.phrases:
            words = [
                " ".join(slot.keyword) for slot in phrase.verb.slots if slot.field in phrase.fields and not slot.given
            ]
            serious = phrase.fields.get("seriousness")
            if isinstance(serious, Serious) and serious.known is not bool(serious.criteria):
                words.append(f"serious {SERIOUS.write(serious)}")
            if words:
                why = f"{words[0]!r} cannot be said here, but in a correction, or of an imported record"
                if words[0].startswith("serious"):
                    why += "; name the criterion, such as 'serious hospitalization'"
                raise self._fault(line, why, phrase.column)

    def _import(self, line: Line, record: str, acts: Acts, following: Line | None) -> Failed | None:
        """Keep a record; add those of one subject together, once the last one was told."""
        if self.records is None:
            raise self._fault(line, "a record is of an import: write 'imported from \"SYSTEM\"' above the protocol")
        why = self.records.against(record, acts)
        if why is not None:
            raise self._fault(line, why)
        self.told.last = ()
        try:
            if self.records.add(line, record, acts, [self._imported(one) for one in acts.phrases], following):
                lines = self.records.lines
                self._note(lambda entry: lines[entry.meta.command])
        except TrialError as error:
            return _of_refusal(line, error, acts.subjects[0])
        return None

    def _imported(self, phrase: Phrase) -> dict[str, Any]:
        """Return the fields of an imported fact: nothing is made up, and nothing follows from others."""
        verb = phrase.verb
        fields = {slot.field: slot.usual for slot in verb.slots if slot.usual is not None} | self._said(phrase)
        if verb.answers:
            fields |= self._answered(phrase.answers)
        if verb.kind is AdverseEventReported:
            fields.setdefault("scale", self.site.protocol.grading)
        serious = fields.get("seriousness")
        if isinstance(serious, Serious):
            fields |= {"serious": serious.known, "seriousness": serious.criteria}
        return fields

    def _said(self, phrase: Phrase) -> dict[str, Any]:
        """Return the fields that a phrase says, with the day of the line, if it says no other."""
        fields, happened = dict(phrase.fields), phrase.verb.happened
        if happened is not None:
            fields.setdefault(happened, phrase.on or self._today(phrase))
        if phrase.attributions:
            fields["attributions"] = phrase.attributions
        return fields

    def _note(self, line_of: Callable[[Entry], Line]) -> None:
        """Remember which line recorded which entries."""
        history = self.site.history
        self.told.last = list(history.entries_after(self.position))[::-1]
        self.position = history.position
        for entry in self.told.last:
            self.told.line_of[entry.position] = line_of(entry)

    def _record(self, line: Line) -> None:
        desk = self.site.desk(self._user(line))
        match line.item:
            case Acts(subjects=subjects) as acts if subjects:
                for subject in subjects:
                    self._of_subject(desk, subject, acts)
            case Acts() as acts:
                self._of_trial(line, desk, acts)
            case Correction() as correction:
                entry = self._entry(line, correction.entry)
                changes = self._changes(line, entry, correction)
                desk.correct(entry, reason=correction.because, **changes)
                if "protocol" in changes and protocol_of(entry) == self.site.protocol:
                    self.site.protocol = changes["protocol"]
            case Voiding() as voiding:
                desk.void(self._entry(line, voiding.entry), reason=voiding.because)
            case _:
                return

    def _changes(self, line: Line, entry: Entry, correction: Correction) -> dict[str, Any]:
        """Return the changed fields of an entry; a protocol is changed by the lines below."""
        changes = changes_of(entry, correction)
        if correction.amending is not None:
            changes["protocol"] = protocol_told(
                self.story, self.folder, amending=correction.amending, before=protocol_of(entry), at=line
            )
        return changes

    def _user(self, line: Line) -> User | None:
        if line.by is None:
            return None
        if line.by not in self.users:
            known = instead(line.by, self.users) if self.users else 'name it above: user ID "Name" ROLE "Organization"'
            raise self._fault(line, f"there is no user {line.by!r}: {known}", line.by_column)
        return self.users[line.by]

    def _fault(self, line: Line, why: str, column: int | None = None) -> StoryMalformed:
        return StoryMalformed(line=line.number, column=column or line.column, why=why, file=self.story.file)

    def _of_subject(self, desk: Desk, subject: str, acts: Acts) -> None:
        """Record the phrases of one subject; results that follow one another are recorded together."""

        def together(phrase: Phrase) -> object:
            several = phrase.verb.kind in SEVERAL
            return (phrase.verb.kind, phrase.deviation) if several else phrase.column

        several = len(acts.subjects) + len(acts.phrases) > 2  # noqa: PLR2004 - one subject, one verb
        for _, group in groupby(acts.phrases, key=together):
            phrases = list(group)
            kind = phrases[0].verb.kind
            self.doing = f"{subject}, before {phrases[0].verb.name!r}" if several else ""
            if not self.story.strict:
                self.site.prepare(subject, kind, desk=desk)
            self.doing = f"{subject} {phrases[0].verb.name}" if several else ""
            fields = [self._fields(subject, phrase) for phrase in phrases]
            record(desk, subject, kind, fields, deviation=phrases[0].deviation)

    def _fields(self, subject: str, phrase: Phrase) -> dict[str, Any]:
        """Return the fields of a fact, with what the story leaves unsaid."""
        fields, verb = self._said(phrase), phrase.verb
        if isinstance(serious := fields.get("seriousness"), Serious):
            fields["seriousness"] = serious.criteria
        if verb.answers:
            said = phrase.answers
            unsaid = not (self.story.strict or (said.said and "gate" in fields))
            fields |= self._answered(attrs.evolve(said, eligible=True) if unsaid else said)
        if not self.story.strict:
            self._fill(subject, verb.kind, fields)
        return fields

    def _today(self, phrase: Phrase) -> ClinicalTime:
        """Return the day of the line, with the time of day if the story says it."""
        day = self.site.today.isoformat()
        return ClinicalTime(day if phrase.at is None else f"{day}T{phrase.at}")

    def _answered(self, said: Answers) -> dict[str, Any]:
        """Return the answers to criteria: made-up ones that meet all of them, changed as the story says."""
        findings: Sequence[Finding] = ()
        attestations: Sequence[Attestation] = ()
        if said.eligible or said.attested:
            findings, attestations = self.site.answers()
        if said.attested and not said.eligible:
            findings = ()
        without = [folded(name) for name in said.without]
        return {
            "findings": replaced(findings, said.findings, without),
            "attestations": replaced(attestations, said.attestations, without),
        }

    def _fill(self, subject: str, kind: type, fields: dict[str, Any]) -> None:
        """Make up what the story leaves unsaid."""
        if kind is Consented:
            fields.setdefault("form_version", "1")
            if "age" not in fields and (age := self.site.age()) is not None:
                fields["age"] = age
            if self.site.protocol.sites:
                fields.setdefault("site", self.site.protocol.sites[0].id)
        elif kind is ChemotherapyStarted:
            fields.setdefault("regimen", "made up")
        elif kind in _WITH_ROUTE:
            fields.setdefault("route", "intravenous")
        elif kind is Infused:
            level = fields.setdefault("level", self.site.participant(subject).assigned_level)
            if level is not None and self.site.protocol.has_level(level) and "dose" not in fields:
                given = self.site.dose_of(level)
                if given.dose is not None:
                    fields["dose"] = given.dose
                    fields.setdefault("body_weight_kg", given.body_weight_kg)
                    fields.setdefault("bsa_m2", given.bsa_m2)

    def _of_trial(self, line: Line, desk: Desk, acts: Acts) -> None:
        [phrase] = acts.phrases
        fields = dict(phrase.fields)
        on = phrase.on or ClinicalTime.of(self.site.today)
        match phrase.verb.name:
            case "decide":
                self._decide(desk, acts.deciding or Deciding(), fields, on)
            case "amend":
                self._amend(line, desk, acts.amending or Amending(), fields, on)
            case "attempt":
                self._attempt(line, desk, fields["use_case"])
            case "export":
                with TemporaryDirectory() as folder:
                    desk.export(Path(folder) / "bundle", why=fields["why"])
            case name if name in _WITH_A_TIME:
                _WITH_A_TIME[name](desk)(on=on, **fields)
            case name:
                _WITH_A_DAY[name](desk)(on=on.first, **fields)

    def _attempt(self, line: Line, desk: Desk, name: str) -> None:
        """Ask for the permission of a use case, and do nothing with it."""
        known = {one.value: one for one in UseCase}
        if name not in known:
            raise self._fault(line, f"there is no use case {name!r}: {instead(name, known)}")
        desk._runner.run(known[name], ("attempt",), lambda _: [], None)  # noqa: SLF001 - there is no act to record

    def _decide(self, desk: Desk, said: Deciding, fields: Mapping[str, Any], on: ClinicalTime) -> None:
        """Record a decision: of people, where the story says another one than the rule recommends."""
        state = self.site.history.escalation(on=on.first)
        recommended = None if state is None else state.to_decide
        decided = None
        if said.action is not None and (
            recommended is None
            or (said.action, said.level) != (recommended.action, recommended.level)
            or said.slots not in {None, recommended.slots}
        ):
            decided = Decision(action=said.action, level=said.level, slots=said.slots)
        desk.decide_escalation(on=on.first, decided=decided, **fields)

    def _amend(self, line: Line, desk: Desk, said: Amending, fields: Mapping[str, Any], on: ClinicalTime) -> None:
        protocol = protocol_told(self.story, self.folder, amending=said, before=self.site.protocol, at=line)
        desk.amend(
            protocol,
            effective_on=on.first,
            summary=fields.get("summary", "an amendment"),
            reopens=fields.get("reopens", ()),
        )
        self.site.protocol = protocol

    def _entry(self, line: Line, meant: Reference) -> Entry:
        """Find the entry that a correction or a void means."""
        kind = NOUNS[meant.noun]
        if meant.subject is None:
            streams = [trial_stream(self.site.trial.trial), *self._cohorts()]
        else:
            streams = [participant_stream(self.site.trial.trial, meant.subject)]
        entries = [entry for stream in streams for entry in self.site.history.entries_of(stream)]
        firsts = [
            e for e in sorted(entries, key=lambda e: e.position) if isinstance(e.fact, kind) and not e.meta.corrects
        ]
        if meant.event is not None:
            firsts = [e for e in firsts if isinstance(e.fact, AdverseEventReported) and e.fact.event == meant.event]
        what = meant.event or meant.noun
        if not firsts:
            raise self._fault(line, self._why_no_entry(meant, entries), meant.column)
        if meant.number is None and len(firsts) > 1:
            raise self._fault(
                line, f"there are {len(firsts)}: write '{what} 1' to '{what} {len(firsts)}'", meant.column
            )
        number = meant.number or 1
        if number > len(firsts):
            why = f"there is no {what} {number} of {meant.subject or 'the trial'}: the last one is {what} {len(firsts)}"
            raise self._fault(line, why, meant.column)
        found = _latest(firsts[number - 1], entries)
        voided = next((e for e in entries if _voids(e, found)), None)
        if voided is not None and line.refused is None:
            by = self.told.line_of.get(voided.position)
            where = "before" if by is None else f"in line {by.number}"
            why = f"{what} of {meant.subject or 'the trial'} was voided {where}: take this line away, or name another"
            raise self._fault(line, why, meant.column)
        return found

    def _why_no_entry(self, meant: Reference, entries: Sequence[Entry]) -> str:
        """Say that no line above recorded what is meant, and what would be near."""
        why = f"there is no {meant.event or meant.noun} of {meant.subject or 'the trial'} in the lines above"
        if meant.event is None:
            return why
        known = {
            entry.fact.event: subject_of(entry.stream)
            for entry in reversed(list(self.site.history.entries()))
            if isinstance(entry.fact, AdverseEventReported)
        }
        if meant.event in known:
            return f"{why}: {meant.event} is of {known[meant.event]}"
        own = [entry.fact.event for entry in entries if isinstance(entry.fact, AdverseEventReported)]
        return f"{why}: {instead(meant.event, own)}" if own else why

    def _cohorts(self) -> Iterator[str]:
        yield from (stream for stream, _ in self.site.history.streams() if "/cohort/" in stream)


_WITH_A_TIME: Mapping[str, Callable[[Desk], Callable[..., Sequence[Entry]]]] = {
    "suspend recruitment": lambda desk: desk.suspend_recruitment,
    "resume recruitment": lambda desk: desk.resume_recruitment,
    "close recruitment": lambda desk: desk.close,
}
_WITH_A_DAY: Mapping[str, Callable[[Desk], Callable[..., Sequence[Entry]]]] = {
    "declare mtd": lambda desk: desk.declare_mtd,
    "declare no mtd": lambda desk: desk.declare_no_mtd,
    "recommend": lambda desk: desk.recommend_dose,
}
"""By verb: the use case. Decisions are of a day, for which windows are judged."""


def _latest(entry: Entry, entries: Sequence[Entry]) -> Entry:
    """Return the last correction of an entry; the entry itself if there is none."""
    while True:
        found = next((e for e in entries if e.stream == entry.stream and e.meta.corrects == entry.version), None)
        if found is None:
            return entry
        entry = found


def _voids(entry: Entry, other: Entry) -> bool:
    return isinstance(entry.fact, VOIDS) and (entry.stream, entry.fact.version) == (other.stream, other.version)


def _of_refusal(line: Line, error: TrialError, doing: str) -> Failed | None:
    """Compare a refusal with the one that a line expects."""
    codes = [error.code, *(one.code for one in getattr(error, "reasons", ()) if isinstance(one, TrialError))]
    if line.refused in codes:
        return None
    end, why = f"end the line with refused: {error.code}", str(error)
    meant = f"if the refusal is right, {end}"
    if isinstance(error, FactMalformed):  # most often a slip of the writer, and seldom what a story tests
        meant, why = f"mend the line; if the refusal is what it tests, {end}", error.why
    came = f"{f'{doing}: ' if doing else ''}it was refused ({error.code}): {why}"
    if line.refused is None:
        return Failed(expected="that it is accepted", came=came, instead=meant, ends=True)
    return Failed(expected=f"a refusal with the code {line.refused}", came=came, instead=meant, ends=True)
