"""Read a story: lines of plain text, by the vocabulary.

The grammar is on the page "Stories" of the documentation. A fault names its line, its column and the nearest word.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, time
from itertools import takewhile
from typing import Any, TypeVar

import attrs

from trialdomain.commands.runner import User
from trialdomain.errors import TrialError
from trialdomain.stories.answers import read_attestation, read_finding
from trialdomain.stories.correcting import read_because, read_correction, read_reference
from trialdomain.stories.expecting import read_expected, read_follows
from trialdomain.stories.faults import StoryMalformed, instead, nearest_of, shown
from trialdomain.stories.story import (
    Acts,
    Amending,
    Answers,
    Correction,
    Deciding,
    Item,
    Line,
    Moment,
    Phrase,
    Story,
    Told,
    Voiding,
)
from trialdomain.stories.tokens import Reader, Token, is_range, tokens_of
from trialdomain.stories.values import (
    TEXT,
    WHEN,
    WHOLE,
    read_attribution,
    read_level,
    read_word,
    reads_attribution,
)
from trialdomain.stories.vocabulary import VERBS, Slot, Verb
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.toxicity import Attribution
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.role import Role

T = TypeVar("T")
_LONGEST_FIRST = sorted(VERBS, key=lambda verb: -len(verb.head))
_OF_TRIAL = tuple(verb for verb in _LONGEST_FIRST if verb.of_trial)
_OF_SUBJECT = tuple(verb for verb in _LONGEST_FIRST if not verb.of_trial)
_STARTERS = ("expect", "so", "correct", "void")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = re.compile(r"\d{2}:\d{2}(?::\d{2})?", re.ASCII)
_PLUS = re.compile(r"\+(\d{1,5})", re.ASCII)
_ACTIONS = {one.value: one for one in Action}
_ROLES = {one.value: one for one in Role}
_NUMBER = re.compile(r"\d+", re.ASCII)
_LIKE_A_DATE = re.compile(r"\d+[-./\u2010-\u2015]\d+[-./\u2010-\u2015]\d+\.?", re.ASCII)
"""A date in another order, or with other signs: a word processor writes dashes."""
_MOST_LINES = 200_000


def parse_story(text: str, *, file: str = "") -> Story:
    """Read a story.

    Args:
        text: the story.
        file: the name of its file, for faults and for files that it names.

    Raises:
        StoryMalformed: a line cannot be read; it names the line, the column and the nearest word.
    """
    try:
        return _Parser(text.removeprefix("\ufeff").splitlines(), file).story()
    except StoryMalformed as fault:
        raise StoryMalformed(line=fault.line, column=fault.column, why=fault.why, file=file) from None


@attrs.define
class _Parser:
    rows: list[str]
    file: str
    at: int = 0
    """The number of the row that was read last."""

    def story(self) -> Story:
        if len(self.rows) > _MOST_LINES:
            raise StoryMalformed(line=_MOST_LINES, column=1, why=f"a story has at most {_MOST_LINES} lines")
        strict, imported, users, told = False, None, list[User](), None
        lines: list[Line] = []
        for reader, indented in self._rows():
            if not indented and reader.skip("strict"):
                self._end(reader)
                strict = True
            elif not indented and told is None and reader.skip("imported", "from"):
                imported = TEXT.read(reader, "the system")
                self._end(reader)
            elif not indented and reader.skip("user"):
                users.append(_user(reader))
                self._end(reader)
            elif not indented and told is None and reader.skip("protocol"):
                told = self._protocol(reader)
            elif told is not None and not indented and reader.has("protocol"):
                raise reader.fault(f"the protocol is named in line {told.line}: a later version of it is an 'amend'")
            elif told is None:
                why = "a story begins with its protocol: write 'protocol NCT06245746', or 'protocol FILE.toml'"
                raise reader.fault(why)
            else:
                lines.append(self._line(reader, indented=indented, first=not lines))
        if told is None:
            raise StoryMalformed(line=max(1, len(self.rows)), column=1, why="the story has no line 'protocol ...'")
        return Story(
            file=self.file, protocol=told, strict=strict, imported=imported, users=tuple(users), lines=tuple(lines)
        )

    def _rows(self) -> Iterator[tuple[Reader, bool]]:
        """Yield the rows that say something, and whether each is indented."""
        while self.at < len(self.rows):
            row = self.rows[self.at]
            self.at += 1
            tokens = tokens_of(row, line=self.at)
            if tokens:
                yield Reader(tokens, self.at, len(row) + 1), row[:1].isspace()

    def _toml(self) -> str:
        """Take the rows below that begin with ``|``: a protocol, or changes of one, in TOML."""
        block = list(takewhile(lambda row: row.lstrip().startswith("|"), self.rows[self.at :]))
        self.at += len(block)
        return "".join(f"{row.lstrip()[1:].removeprefix(' ')}\n" for row in block)

    def _protocol(self, reader: Reader) -> Told:
        line = self.at
        column = reader.column
        name = None if reader.next is None or reader.has("by") else reader.take("the protocol").text
        by = reader.take("the id of the user").text if reader.skip("by") else None
        self._end(reader)
        text = self._toml()
        if name is None and not text:
            raise reader.fault("the protocol is missing: name it, or write it below, each line after a |")
        return Told(name=name, by=by, text=text, line=line, column=column)

    def _line(self, reader: Reader, *, indented: bool, first: bool) -> Line:
        row = self.at
        moment = None if indented else _moment(reader)
        if moment is None and first:
            raise reader.fault("the first line of a story begins with its date, such as 2026-03-02")
        column = reader.column
        item = self._item(reader)
        tail = _tail(reader, item)
        self._end(reader)
        if isinstance(item, Correction) and item.amending is not None:
            item = attrs.evolve(item, amending=Amending(text=self._toml()))
        return Line(
            number=row,
            text=self.rows[row - 1].strip(),
            moment=moment,
            item=item,
            column=column,
            **tail,
        )

    def _item(self, reader: Reader) -> Item:
        if reader.skip("expect"):
            return read_expected(reader)
        if reader.skip("so"):
            return read_follows(reader)
        if reader.skip("correct"):
            return read_correction(reader)
        if reader.skip("void"):
            return Voiding(entry=read_reference(reader), because=read_because(reader))
        verb = _verb(reader, _OF_TRIAL)
        if verb is None:
            return _acts(reader)
        column = reader.column
        reader.at += len(verb.head)
        deciding = _deciding(reader) if verb.name == "decide" else None
        amending = Amending(file=_file(reader)) if verb.name == "amend" else None
        phrase = _phrase(reader, verb, column)
        if amending is not None and amending.file is None:
            amending = Amending(text=self._toml())
        return Acts(phrases=(phrase,), deciding=deciding, amending=amending)

    def _end(self, reader: Reader) -> None:
        token = reader.next
        if token is not None:
            raise reader.fault(f"nothing can follow here, but {shown(token.text)} comes")


def _user(reader: Reader) -> User:
    """Read ``user ID "Name" ROLE "Organization"``."""
    id_, name = reader.take("the id of the user").text, TEXT.read(reader, "the name of the user")
    role, token = read_word(reader, _ROLES, "the role"), reader.next
    organization = TEXT.read(reader, "the organization")
    try:
        return User(id=id_, name=name, role=role, organization=organization)
    except (TrialError, ValueError) as error:
        raise reader.fault(str(error), token=token) from None


def _moment(reader: Reader) -> Moment:
    """Read the date at the start of a line, with its time, or ``+3 days``."""
    token = reader.take("the date")
    if token.text.startswith("+") and not _PLUS.fullmatch(token.text):
        why = "write the number right after the +, and then the unit: '+3 days' or '+2 hours'"
        raise reader.fault(f"{why}, not {shown(token.text)}", token=token)
    plus = _PLUS.fullmatch(token.text)
    if plus is not None:
        unit = reader.take("days or hours")
        if not unit.is_word("day", "days", "hour", "hours"):
            raise reader.fault(f"write days or hours, not {shown(unit.text)}", token=unit)
        number = int(plus[1])
        return Moment(days=number) if unit.is_word("day", "days") else Moment(hours=number)
    if _LIKE_A_DATE.fullmatch(token.text) and not _DATE.fullmatch(token.text):
        dashes = " (these are dashes, not hyphens)" if re.search("[\u2010-\u2015]", token.text) else ""
        why = f"write the date as year, month and day with hyphens, such as 2026-03-02, not {shown(token.text)}{dashes}"
        raise reader.fault(why, token=token)
    if not _DATE.fullmatch(token.text) or token.quoted:
        why = "a line begins with its date, such as 2026-03-02, with '+3 days', or with spaces on the same day"
        raise reader.fault(f"{why}, not with {shown(token.text)}", token=token)
    day = _of_calendar(reader, token, date.fromisoformat, "is no day of the calendar")
    clock = reader.next
    if clock is None or not _CLOCK.fullmatch(clock.text):
        return Moment(day=day)
    reader.at += 1
    return Moment(day=day, clock=_of_calendar(reader, clock, time.fromisoformat, "is no time of a day"))


def _of_calendar(reader: Reader, token: Token, read: Callable[[str], T], why: str) -> T:
    try:
        return read(token.text)
    except ValueError:
        raise reader.fault(f"{shown(token.text)} {why}", token=token) from None


def _verb(reader: Reader, among: Sequence[Verb]) -> Verb | None:
    """Find the verb whose words come next, among verbs of which those with the most words are first."""
    return next((verb for verb in among if reader.has(*verb.head)), None)


_AT_THE_END = ("by", "refused", "record")
"""The words that may end a line; a comma before them makes no difference."""


def _acts(reader: Reader) -> Acts:
    """Read the subjects, and what they did."""
    subjects, verb = _subjects(reader)
    phrases: list[Phrase] = []
    following: Verb | None = verb
    while following is not None:
        column = reader.column
        reader.at += len(following.head)
        phrases.append(_phrase(reader, following, column))
        following = None
        if reader.skip_mark(","):
            following = _verb(reader, _OF_SUBJECT)
            if following is None and not any(map(reader.has, _AT_THE_END)):
                raise _no_clause(reader, phrases[-1].verb, also=[one.name for one in _OF_SUBJECT])
    return Acts(subjects=tuple(subjects), phrases=tuple(phrases))


def _subjects(reader: Reader) -> tuple[list[str], Verb]:
    """Read the subjects of a line, and find the first verb."""
    first = reader.next
    subjects = [_subject(reader, "a subject, or an act")]
    while (verb := _verb(reader, _OF_SUBJECT)) is None:
        if not reader.skip_mark(","):
            _check_subjects(reader, subjects)
            raise _no_verb(reader, first, subjects, [*_STARTERS, *(one.name for one in _OF_TRIAL)])
        if _verb(reader, _OF_SUBJECT) is None:
            subjects.append(_subject(reader, "another subject"))
    return subjects, verb


def _subject(reader: Reader, what: str) -> str:
    token = reader.take(what)
    if is_range(token.text) and not token.quoted:
        why = f"{shown(token.text)} is one subject here: write each with a comma, such as 'S001, S002, S003'"
        raise reader.fault(f"{why}; or in quotation marks, if it is one", token=token)
    return token.text


def _check_subjects(reader: Reader, subjects: Sequence[str]) -> None:
    """Refuse subjects that are joined by "and", a semicolon or a space, and not by a comma."""
    joined = reader.has("and") or (subjects[-1].endswith(";") and _SUBJECT.fullmatch(subjects[-1][:-1]))
    beside = reader.next is not None and _SUBJECT.fullmatch(reader.next.text) and _SUBJECT.fullmatch(subjects[-1])
    if joined or beside:
        raise reader.fault("write a comma between subjects, such as 'S001, S002 infused'")


_SUBJECT = re.compile(r"[A-Za-z]+-?\d+")
"""What looks like the code of a subject, such as S001."""


def _no_verb(reader: Reader, first: Token | None, subjects: Sequence[str], starts: Sequence[str]) -> StoryMalformed:
    """Make the fault of a line whose act is unknown: of the subject's verb, or of the first word itself."""
    token = reader.next
    if token is None:
        given = subjects[-1]
        return reader.fault(f"{shown(given)} did what? {instead(given, starts)}", token=first)
    started = _tries(reader.tokens[:3])
    hint = nearest_of(started, starts)
    if hint.startswith("did you mean") and len(subjects) == 1:
        return reader.fault(f"{shown(started[-1])} is no act of a story: {hint}", token=first)
    hint = nearest_of(_tries(reader.tokens[reader.at : reader.at + 3]), [v.name for v in VERBS if not v.of_trial])
    return reader.fault(f"{shown(token.text)} is no verb of a story: {hint}")


def _tries(tokens: Sequence[Token]) -> list[str]:
    """Return the next words joined, fewer and fewer of them: a name may have several."""
    coming = [one.text for one in takewhile(lambda one: not one.mark, tokens)]
    return [" ".join(coming[:count]) for count in range(len(coming), 0, -1)]


def _phrase(reader: Reader, verb: Verb, column: int) -> Phrase:
    """Read the values of a verb: first those with a place, then those with a keyword, in any order."""
    fields: dict[str, Any] = {}
    for slot in (slot for slot in verb.slots if slot.placed):
        reader.skip_mark(":")
        if verb.name == "lab" and slot.field == "value" and reader.next is not None:
            _comparator(reader, verb, fields)
        _check_id(reader, slot)
        fields[slot.field] = slot.kind.read(reader, f"the {' '.join(slot.keyword)}")
    found = _Clauses(verb, fields)
    while found.take(reader):
        pass
    for slot in verb.slots:
        if slot.required and slot.field not in found.fields:
            if reader.next is not None and not reader.next.mark and not reader.has("by") and not reader.has("refused"):
                raise _no_clause(reader, verb)
            raise reader.fault(f"{verb.name!r} needs {' '.join(slot.keyword)!r}, and its {slot.kind.form}")
    return Phrase(
        verb=verb,
        fields=found.fields,
        on=found.on,
        at=found.at,
        attributions=tuple(found.attributions),
        answers=found.answers,
        deviation=found.deviation,
        column=column,
    )


def _check_id(reader: Reader, slot: Slot) -> None:
    """Refuse a term where the id of the event stands, such as ``event "Fever" grade 3``."""
    one, two = [*reader.tokens[reader.at : reader.at + 2], None, None][:2]
    if slot.field == "event" and slot.placed and one is not None and one.quoted and (two is None or not two.quoted):
        why = f"the id of the event is missing: write it before the term, such as 'event E1 \"{one.text}\"'"
        raise reader.fault(why, token=one)


def _comparator(reader: Reader, verb: Verb, fields: dict[str, Any]) -> None:
    """Read the sign of a result such as ``< 0.1``."""
    slot = verb.slot("comparator")
    if slot is not None and reader.next is not None and reader.next.text in {"<", "<=", ">", ">="}:
        fields["comparator"] = slot.kind.read(reader, "the comparator")


@attrs.define
class _Clauses:
    """The values with a keyword of one phrase."""

    verb: Verb
    fields: dict[str, Any]
    on: ClinicalTime | None = None
    at: str | None = None
    attributions: list[Attribution] = attrs.Factory(list)
    answers: Answers = attrs.Factory(Answers)
    deviation: str | None = None

    def take(self, reader: Reader) -> bool:
        """Take one more value, after a comma or not; say whether there was one."""
        before = reader.at
        reader.skip_mark(",", ":")
        if self._take(reader):
            return True
        reader.at = before
        return False

    def _take(self, reader: Reader) -> bool:
        if self.verb.judges and reads_attribution(reader):
            self.attributions.append(read_attribution(reader))
            return True
        if self.verb.answers and self._answer(reader):
            return True
        for slot in sorted(self.verb.slots, key=lambda one: -len(one.keyword)):
            if reader.has(*slot.keyword) and not slot.placed:
                self._set(reader, slot)
                return True
        if reader.has("on"):
            token = reader.take("on")
            if self.on is not None:
                raise reader.fault("'on' is said twice", token=token)
            self.on = WHEN.read(reader, "the day on which it happened")
            return True
        if reader.has("at"):
            self._at(reader)
            return True
        if reader.skip("deviation"):
            self.deviation = TEXT.read(reader, "the deviation")
            return True
        return False

    def _at(self, reader: Reader) -> None:
        """Read a time on the day of the line: ``at 08:30``."""
        reader.at += 1
        token = reader.take("the time, such as 08:30")
        if not _CLOCK.fullmatch(token.text):
            raise reader.fault(f"write a time such as 08:30, not {shown(token.text)}", token=token)
        if self.on is not None or self.at is not None:
            raise reader.fault("the day, or the time, is said twice", token=token)
        self.at = token.text

    def _set(self, reader: Reader, slot: Slot) -> None:
        name, token = " ".join(slot.keyword), reader.next
        reader.at += len(slot.keyword)
        if slot.field in self.fields:
            raise reader.fault(f"{name!r} is said twice", token=token)
        self.fields[slot.field] = slot.kind.read(reader, f"the value of {name!r}")

    def _answer(self, reader: Reader) -> bool:
        """Take one answer to a criterion."""
        answers = self.answers
        if reader.skip("eligible"):
            self.answers = attrs.evolve(answers, eligible=True)
        elif reader.skip("finding"):
            self.answers = attrs.evolve(answers, findings=(*answers.findings, read_finding(reader)))
        elif reader.skip("attested", "all"):
            self.answers = attrs.evolve(answers, attested=True)
        elif reader.skip("attested"):
            self.answers = attrs.evolve(answers, attestations=(*answers.attestations, read_attestation(reader)))
        elif reader.skip("without"):
            name = reader.take("the name of a finding, or the id of a criterion").text
            self.answers = attrs.evolve(answers, without=(*answers.without, name))
        else:
            return False
        return True


def _no_clause(reader: Reader, verb: Verb, *, also: Sequence[str] = ()) -> StoryMalformed:
    """Make the fault of a word that is neither a value of a verb nor what may follow it."""
    token = reader.next
    if token is None:
        return reader.fault("the line ends after a comma: take it away, or write what follows")
    keywords = [" ".join(slot.keyword) for slot in verb.slots if slot.given and not slot.placed]
    further = ["on"]
    further += ["infusion", "chemotherapy", "disease"] if verb.judges else []
    also = [*also, *(["(sponsor)", "(investigator)"] if verb.judges else [])]
    further += ["eligible", "finding", "attested", "without"] if verb.answers else []
    known = [*keywords, *further, "deviation", "by", "refused", "record", *also]
    hint = instead(token.text, known)
    if not hint.startswith("did you mean"):
        hint = f"after {verb.name!r} may follow {', '.join([*keywords, *further, 'deviation', 'by'])}"
    return reader.fault(f"{shown(token.text)} cannot be read here: {hint}")


def _tail(reader: Reader, item: Item) -> dict[str, Any]:
    """Read what may end a line: the user, the expected refusal, the record, or the day until which the log is read."""
    found: dict[str, Any] = {}
    acting = isinstance(item, Acts | Correction | Voiding)
    reader.skip_mark(",")
    if acting and reader.skip("by"):
        found["by_column"] = reader.column
        found["by"] = reader.take("the id of the user").text
    if acting and reader.skip("refused"):
        reader.skip_mark(":")
        found["refused"] = reader.take("the code of the refusal, such as no-free-slot").text
    if isinstance(item, Acts) and item.subjects and reader.skip("record"):
        found["record"] = TEXT.read(reader, "the name of the record")
    if not acting and reader.skip("known"):
        found["known"] = WHEN.read(reader, "the day").first
    if isinstance(item, Acts) and reader.next is not None:
        raise _no_clause(reader, item.phrases[-1].verb)
    return found


def _deciding(reader: Reader) -> Deciding:
    """Read what people decide: an action, the level, the number of slots."""
    action = level = slots = None
    token = reader.next
    if token is not None and not token.mark and not token.is_word("because", "by", "on", "refused"):
        action = read_word(reader, _ACTIONS, "the decision")
        reader.skip("to")
        if reader.skip("level"):
            level = read_level(reader, "the level")
        if reader.skip("to"):
            slots = WHOLE.read(reader, "the number of slots")
            reader.skip("slots")
    return Deciding(action=action, level=level, slots=slots)


def _file(reader: Reader) -> str | None:
    token = reader.next
    if token is None or token.mark or token.is_word("because", "reopens", "by"):
        return None
    return reader.take("the file of the protocol").text
