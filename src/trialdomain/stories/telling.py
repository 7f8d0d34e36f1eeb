"""Tell a story: conduct its trial in memory, line by line, and compare what comes with what is expected."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import attrs

from trialdomain.commands.runner import User
from trialdomain.desk import Desk
from trialdomain.errors import TrialError
from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    ChemotherapyStarted,
    ConcomitantMedicationGiven,
    Consented,
    Infused,
    LabRecorded,
    VitalSignRecorded,
)
from trialdomain.events.recorded import Entry
from trialdomain.stories.expectations import Failed, Told, check_expectation
from trialdomain.stories.faults import StoryMalformed, instead
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
from trialdomain.stories.vocabulary import VERBS
from trialdomain.testing.acts import record
from trialdomain.testing.made_up_site import EVENING, FIRST_DAY, INVESTIGATOR, MadeUpSite
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.screening import Attestation, Finding, Gate
from trialdomain.values.clinical.toxicity import Attribution
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import folded
from trialdomain.values.ids import participant_stream, trial_stream
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.use_case import UseCase

T = TypeVar("T")
_WITH_ROUTE = {AntiInfectiveGiven, ConcomitantMedicationGiven}
_SEVERAL = {LabRecorded, VitalSignRecorded}
"""The kinds of which one command records several."""


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
    with MadeUpSite(protocol, by=users[registering] if registering else first, moment=start) as site:
        site.user = first
        teller = _Teller(story, users, folder or Path(), Told(site))
        for number, line in enumerate(story.lines, start=1):
            failed = teller.tell(line)
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

    @property
    def site(self) -> MadeUpSite:
        return self.told.site

    def tell(self, line: Line) -> Failed | None:
        """Tell one line; return how it failed, if it did."""
        if line.moment is not None:
            self._move(line, line.moment)
        match line.item:
            case Acts() | Correction() | Voiding():
                return self._act(line)
            case expected:
                self._check_endpoint(line, expected)
                return check_expectation(expected, self.told, known=line.known)

    def _check_endpoint(self, line: Line, expected: object) -> None:
        """Refuse an endpoint that the protocol does not have: it may be a slip in another word."""
        if not isinstance(expected, EndpointExpected):
            return
        known = [one.id for one in self.site.protocol.endpoints.derived]
        if expected.endpoint not in known:
            hint = instead(expected.endpoint, ["level", "next", "mtd", "findings", "nothing", *known])
            raise self._fault(
                line, f"nothing can be expected of {expected.endpoint!r}: {hint}", line.column + len("expect ")
            )

    def _move(self, line: Line, moment: Moment) -> None:
        zone = self.site.protocol.site_zone
        if moment.day is not None:
            target = datetime.combine(moment.day, moment.clock or EVENING, zone)
        else:
            target = self.site.now.astimezone(zone) + timedelta(days=moment.days, hours=moment.hours)
        try:
            self.site.move_to(target)
        except ValueError as error:
            raise StoryMalformed(line=line.number, column=1, why=str(error), file=self.story.file) from None

    def _act(self, line: Line) -> Failed | None:
        """Record what a line says; a refusal is a failure, unless the line expects it."""
        before = self.site.history.position
        try:
            for _ in self._recorded(line):
                pass
        except StoryMalformed:
            raise
        except TrialError as error:
            self._note(line, before)
            return _of_refusal(line, error)
        self._note(line, before)
        if line.refused is not None:
            kinds = [type(entry.fact).__name__ for entry in self.told.last]
            return Failed(
                expected=f"a refusal with the code {line.refused}",
                came=f"it was accepted, and recorded {', '.join(kinds) or 'nothing'}",
                ends=True,
            )
        return None

    def _note(self, line: Line, before: int) -> None:
        """Remember which line recorded which entries."""
        self.told.last = list(self.site.history.entries_after(before))[::-1]
        for entry in self.told.last:
            self.told.line_of[entry.position] = line

    def _recorded(self, line: Line) -> Iterator[Sequence[Entry]]:
        desk = self.site.desk(self._user(line))
        match line.item:
            case Acts(subjects=subjects) as acts if subjects:
                for subject in subjects:
                    yield from self._of_subject(desk, subject, acts)
            case Acts() as acts:
                yield self._of_trial(line, desk, acts)
            case Correction() as correction:
                entry = self._entry(line, correction.entry)
                yield desk.correct(entry, reason=correction.because, **_changes(entry, correction))
            case Voiding() as voiding:
                yield desk.void(self._entry(line, voiding.entry), reason=voiding.because)
            case _:
                return

    def _user(self, line: Line) -> User | None:
        if line.by is None:
            return None
        if line.by not in self.users:
            known = instead(line.by, self.users) if self.users else 'name it above: user ID "Name" ROLE "Organization"'
            raise self._fault(line, f"there is no user {line.by!r}: {known}")
        return self.users[line.by]

    def _fault(self, line: Line, why: str, column: int | None = None) -> StoryMalformed:
        return StoryMalformed(line=line.number, column=column or line.column, why=why, file=self.story.file)

    def _of_subject(self, desk: Desk, subject: str, acts: Acts) -> Iterator[Sequence[Entry]]:
        """Record the phrases of one subject; results that follow one another are recorded together."""

        def together(phrase: Phrase) -> object:
            several = phrase.verb.kind in _SEVERAL
            return (phrase.verb.kind, phrase.deviation) if several else phrase.column

        for _, group in groupby(acts.phrases, key=together):
            phrases = list(group)
            kind = phrases[0].verb.kind
            if not self.story.strict:
                self.site.prepare(subject, kind, desk=desk)
            fields = [self._fields(subject, phrase) for phrase in phrases]
            yield record(desk, subject, kind, fields, deviation=phrases[0].deviation)

    def _fields(self, subject: str, phrase: Phrase) -> dict[str, Any]:
        """Return the fields of a fact, with what the story leaves unsaid."""
        fields, verb = dict(phrase.fields), phrase.verb
        if verb.happened is not None and verb.happened not in fields:
            fields[verb.happened] = phrase.on or self._today(phrase)
        if phrase.attributions:
            fields["attributions"] = phrase.attributions
        if verb.answers:
            fields |= self._answered(phrase.answers, fields.get("gate"))
        if not self.story.strict:
            self._fill(subject, verb.kind, fields)
        return fields

    def _today(self, phrase: Phrase) -> ClinicalTime:
        """Return the day of the line, with the time of day if the story says it."""
        day = self.site.today.isoformat()
        return ClinicalTime(day if phrase.at is None else f"{day}T{phrase.at}")

    def _answered(self, said: Answers, gate: Gate | None) -> dict[str, Any]:
        """Return the answers to criteria: made-up ones that meet all of them, changed as the story says."""
        findings: Sequence[Finding] = ()
        attestations: Sequence[Attestation] = ()
        if said.eligible or said.attested or not (self.story.strict or (said.said and gate is not None)):
            findings, attestations = self.site.answers()
        if said.attested and not said.eligible:
            findings = ()
        without = {folded(name) for name in said.without}
        return {
            "findings": _replaced(findings, said.findings, lambda one: folded(one.name), without),
            "attestations": _replaced(attestations, said.attestations, lambda one: folded(one.criterion), without),
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

    def _of_trial(self, line: Line, desk: Desk, acts: Acts) -> Sequence[Entry]:
        [phrase] = acts.phrases
        fields = dict(phrase.fields)
        on = phrase.on or ClinicalTime.of(self.site.today)
        match phrase.verb.name:
            case "decide":
                return self._decide(desk, acts.deciding or Deciding(), fields, on)
            case "amend":
                return self._amend(line, desk, acts.amending or Amending(), fields, on)
            case "attempt":
                return self._attempt(line, desk, fields["use_case"])
            case "export":
                with TemporaryDirectory() as folder:
                    desk.export(Path(folder) / "bundle", why=fields["why"])
                return ()
            case name if name in _WITH_A_TIME:
                return _WITH_A_TIME[name](desk)(on=on, **fields)
            case name:
                return _WITH_A_DAY[name](desk)(on=on.first, **fields)

    def _attempt(self, line: Line, desk: Desk, name: str) -> Sequence[Entry]:
        """Ask for the permission of a use case, and do nothing with it."""
        known = {one.value: one for one in UseCase}
        if name not in known:
            raise self._fault(line, f"there is no use case {name!r}: {instead(name, known)}")
        return desk._runner.run(known[name], ("attempt",), lambda _: [], None)  # noqa: SLF001 - there is no act to record

    def _decide(self, desk: Desk, said: Deciding, fields: Mapping[str, Any], on: ClinicalTime) -> Sequence[Entry]:
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
        return desk.decide_escalation(on=on.first, decided=decided, **fields)

    def _amend(
        self, line: Line, desk: Desk, said: Amending, fields: Mapping[str, Any], on: ClinicalTime
    ) -> Sequence[Entry]:
        protocol = protocol_told(self.story, self.folder, amending=said, before=self.site.protocol, line=line.number)
        recorded = desk.amend(
            protocol,
            effective_on=on.first,
            summary=fields.get("summary", "an amendment"),
            reopens=fields.get("reopens", ()),
        )
        self.site.protocol = protocol
        return recorded

    def _entry(self, line: Line, meant: Reference) -> Entry:
        """Find the entry that a correction or a void means."""
        kind = next(verb.kind for verb in VERBS if verb.noun == meant.noun)
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
            raise self._fault(line, f"there is no {what} of {meant.subject or 'the trial'} yet", meant.column)
        if meant.number is None and len(firsts) > 1:
            raise self._fault(
                line, f"there are {len(firsts)}: write '{what} 1' to '{what} {len(firsts)}'", meant.column
            )
        number = meant.number or 1
        if number > len(firsts):
            raise self._fault(line, f"there are {len(firsts)} of these, and no number {number}", meant.column)
        return _latest(firsts[number - 1], entries)

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


def _replaced(made_up: Sequence[T], said: Sequence[T], name: Callable[[T], str], without: Collection[str]) -> list[T]:
    """Put what a story says in the place of what was made up; the rest of it comes after."""
    own = {name(one): one for one in said}
    kept = [own.pop(name(one), one) for one in made_up if name(one) not in without]
    return [*kept, *own.values()]


def _latest(entry: Entry, entries: Sequence[Entry]) -> Entry:
    """Return the last correction of an entry; the entry itself if there is none."""
    while True:
        found = next((e for e in entries if e.stream == entry.stream and e.meta.corrects == entry.version), None)
        if found is None:
            return entry
        entry = found


def _changes(entry: Entry, correction: Correction) -> dict[str, Any]:
    """Return the changed fields of a correction; a judgement takes the place of the one by the same assessor."""
    changes = dict(correction.changes)
    if "seriousness" in changes:
        changes["serious"] = bool(changes["seriousness"])
        changes["seriousness"] = changes["seriousness"] or ()
    if correction.attributions:
        before: Sequence[Attribution] = getattr(entry.fact, "attributions", ())
        judged = {(one.agent, one.assessor) for one in correction.attributions}
        kept = [one for one in before if (one.agent, one.assessor) not in judged]
        changes["attributions"] = (*kept, *correction.attributions)
    return changes


def _of_refusal(line: Line, error: TrialError) -> Failed | None:
    """Compare a refusal with the one that a line expects."""
    codes = [error.code, *(one.code for one in getattr(error, "reasons", ()) if isinstance(one, TrialError))]
    if line.refused in codes:
        return None
    came = f"it was refused ({error.code}): {error}"
    if line.refused is None:
        return Failed(expected="that it is accepted", came=came, ends=True)
    return Failed(expected=f"a refusal with the code {line.refused}", came=came, ends=True)
