"""Compare what a story expects with what the log of its trial answers."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import zip_longest
from typing import assert_never

import attrs

from trialdomain.checks.check import Severity
from trialdomain.checks.run import CHECKS, findings
from trialdomain.errors import TrialError
from trialdomain.events.cohort import CohortFact
from trialdomain.events.recorded import Entry
from trialdomain.history import History
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.dlt_reasons import JudgedEvent, judged_events
from trialdomain.projections.escalation import Escalation
from trialdomain.protocol.endpoints.families import DltIncidence
from trialdomain.reports.endpoints.summaries import DoseSummary, Endpoints, EndpointSummary
from trialdomain.reports.halts import halts_words
from trialdomain.stories.endpoint_words import (
    has_form,
    holds,
    mtd_in_words,
    parts_of_summary,
    parts_of_value,
    value_in_words,
)
from trialdomain.stories.faults import instead
from trialdomain.stories.story import (
    EndpointExpected,
    Expected,
    FindingsExpected,
    FollowsExpected,
    Line,
    MtdExpected,
    NextExpected,
    NothingExpected,
    TallyExpected,
)
from trialdomain.stories.vocabulary import FOLLOWS
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.values.clinical.decision import Decision, Mtd
from trialdomain.values.clinical.level import Label, as_label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import subject_of

MOST_LINES = 3
"""The most lines of a story that a failure shows as the reason of what came."""


@attrs.frozen(kw_only=True)
class Failed:
    """How a line failed."""

    expected: str
    came: str
    each: tuple[str, ...] = ()
    """How participants are counted, and why each of their events is a DLT or none; a line for all who are alike."""
    because: tuple[Line, ...] = ()
    """The lines that made it so, at most three, in their order."""
    instead: str = ""
    """What to do next."""
    ends: bool = False
    """Whether the story cannot go on: an act was not recorded as it was told."""


@attrs.define
class Told:
    """What the lines of a story recorded so far, which an expectation looks at."""

    site: MadeUpSite
    line_of: dict[int, Line] = attrs.Factory(dict)
    """By position of an entry: the line that recorded it."""
    last: Sequence[Entry] = ()
    """What the last act recorded."""


def check_expectation(expected: Expected, told: Told, *, known: date | None = None) -> Failed | None:
    """Compare an expectation with the log; return how it failed, if it did."""
    try:
        history = told.site.history if known is None else told.site.trial.history(known_at=known)
        failed = _checked(expected, told, history, known or told.site.today)
    except TrialError as error:
        return Failed(expected=_words(expected), came=f"the log has no answer: {error}")
    return failed


def _words(expected: Expected) -> str:
    return type(expected).__name__.removesuffix("Expected").lower()


def _checked(expected: Expected, told: Told, history: History, on: date) -> Failed | None:
    match expected:
        case TallyExpected():
            return _tally(expected, told, history, on)
        case NextExpected():
            return _next(expected, told, history, on)
        case MtdExpected():
            return _mtd(expected, told, history, on)
        case EndpointExpected():
            return _endpoint(expected, told, history, on)
        case FindingsExpected():
            return _findings(expected, told, history, on)
        case NothingExpected():
            came = followed_words(told.last)
            return Failed(expected="that the last act recorded nothing", came=came) if told.last else None
        case FollowsExpected():
            return _follows(expected, told)
        case _:
            assert_never(expected)


_COUNTS = {
    "treated": "treated",
    "dlts": "DLT",
    "evaluable": "evaluable",
    "pending": "pending",
    "not_evaluable": "not evaluable",
}


def tally_words(tally: Tally) -> str:
    """Write the counts of a level as an expectation has them."""
    return (
        f"level {tally.level}: {tally.treated} treated, {how_many(tally.dlts, 'DLT')} in {tally.evaluable} evaluable, "
        f"{tally.pending} pending, {tally.not_evaluable} not evaluable"
    )


def _tally(expected: TallyExpected, told: Told, history: History, on: date) -> Failed | None:
    counts = history.dlt_counts(on=on)
    tally = next((one for one in counts.tallies if one.level == expected.level), None)
    if tally is None:
        known = ", ".join(str(one.level) for one in counts.tallies)
        return Failed(expected=f"level {expected.level}", came=f"the protocol has the levels {known}")
    asked = {name: getattr(expected, name) for name in _COUNTS if getattr(expected, name) is not None}
    wrong = {name: number for name, number in asked.items() if getattr(tally, name) != number}
    if not wrong:
        return None
    members = [member for member in counts.members if member.level == expected.level]
    foremost = sorted(members, key=lambda one: (not any(_counts(one, name) for name in wrong), -max(one.evidence)))
    evidence = [one.evidence for one in foremost]
    if "treated" in wrong:
        evidence = [(one.infused_by,) for one in foremost if one.infused_by is not None]
    counted, right = _numbers(wrong), _numbers({name: getattr(tally, name) for name in asked})
    return Failed(
        expected=f"level {expected.level}: {counted}",
        came=tally_words(tally),
        each=_each_in_words(members, history, on),
        because=_lines(told, evidence),
        instead=_if_right(f"expect level {expected.level}: {right}"),
    )


_MOST_EVENTS = 3
"""The most events of a participant that a failure shows."""
_MOST_WAYS = 12
"""The most lines of participants that a failure shows, those with events first."""


def _each_in_words(members: Sequence[Member], history: History, on: date) -> tuple[str, ...]:
    """Write how each participant is counted, and why each of their events is a DLT or none; the same once for all."""
    if not members:
        return ()
    book, asked = history.casebook(on=on), {member.subject for member in members}
    judged = {case.subject: judged_events(case, book) for case in book.cases if case.subject in asked}
    ways: dict[str, list[str]] = {}
    for member in members:
        why = "; ".join([member.why, *_events(judged[member.subject])])
        ways.setdefault(why, []).append(member.subject)
    foremost = set(sorted(ways, key=lambda why: not any(judged[one] for one in ways[why]))[:_MOST_WAYS])
    left = sum(len(subjects) for why, subjects in ways.items() if why not in foremost)
    more = [how_many(left, "further participant")] if left else []
    return (*(f"{', '.join(subjects)}: {why}" for why, subjects in ways.items() if why in foremost), *more)


def _events(judged: Sequence[JudgedEvent]) -> list[str]:
    """Write why events are DLTs or none, those that count first."""
    ordered = sorted(judged, key=lambda one: not one.counts)
    more = len(ordered) - _MOST_EVENTS
    beyond = [f"{more} further events" if more > 1 else "1 further event"] if more > 0 else []
    return [*(one.why for one in ordered[:_MOST_EVENTS]), *beyond]


def _if_right(line: str) -> str:
    return f"if what came is right, write: {line}"


def _numbers(counts: Mapping[str, int]) -> str:
    """Write counts as an expectation has them: ``3 treated, 1 DLT in 2 evaluable``."""
    said = [
        how_many(number, "DLT") if name == "dlts" else f"{number} {_COUNTS[name]}" for name, number in counts.items()
    ]
    between = " in " if "evaluable" in counts else ", "
    return ", ".join(said).replace("DLT, ", f"DLT{between}").replace("DLTs, ", f"DLTs{between}")


def _counts(member: Member, name: str) -> bool:
    """Return whether a participant is one of a count of their level."""
    match name:
        case "dlts":
            return member.dlt is not None
        case "treated":
            return member.infused_by is not None
        case _:
            return member.standing.evaluation.value == name.replace("_", "-")


def _lines(told: Told, evidence: Sequence[Sequence[int]]) -> tuple[Line, ...]:
    """Return lines that recorded some entries: the last one of each participant, then the one before, and so on.

    Args:
        told: what was told.
        evidence: the positions of entries by participant, of the most important one first.
    """
    lines = {line.number: line for line in told.line_of.values()}
    of_each = [
        sorted({told.line_of[one].number for one in positions if one in told.line_of}, reverse=True)
        for positions in evidence
    ]
    ordered = dict.fromkeys(one for turn in zip_longest(*of_each) for one in turn if one is not None)
    return tuple(lines[number] for number in sorted(list(ordered)[:MOST_LINES]))


def decision_words(decision: Decision) -> str:
    """Write a decision as an expectation has it."""
    level = "" if decision.level is None else f" level {decision.level}"
    slots = "" if decision.slots is None else f" to {decision.slots} slots"
    because = "" if decision.because is None else f", because {decision.because.text}"
    return f"{decision.action.value}{level}{slots}{because}"


def _next(expected: NextExpected, told: Told, history: History, on: date) -> Failed | None:
    state = history.escalation(on=on)
    if state is None:
        return Failed(expected=f"next: {expected.action.value}", came="the protocol has no design")
    decision = state.decision
    level = expected.level in {None, decision.level}
    slots = expected.slots in {None, decision.slots}
    if decision.action is expected.action and level and slots and _is_because(expected.because, decision):
        return None
    wanted = Decision(action=expected.action, level=expected.level, slots=expected.slots)
    because = "" if expected.because is None else f", because {expected.because}"
    line = attrs.evolve(decision, slots=decision.slots if expected.slots else None, because=None)
    return Failed(
        expected=f"next: {decision_words(wanted)}{because}",
        came=f"next: {decision_words(decision)}{halts_words(state.halts)}",
        each=_each_in_words(_decisive(state, expected.level), history, on),
        because=_lines(told, _behind(state)),
        instead=_if_right(f"expect next: {decision_words(line)}"),
    )


def _decisive(state: Escalation, asked: Label | None) -> Sequence[Member]:
    """Return the participants of the levels that a decision is about: those of its reason, and the one asked for."""
    levels = _named(state) | {str(level) for level in (asked, state.decision.level) if level is not None}
    return [member for member in state.counts.members if str(member.level) in levels]


def _behind(state: Escalation) -> list[Sequence[int]]:
    """Return the entries behind a decision, by participant: first of the levels that its reason names."""
    named = _named(state)
    members = sorted(
        state.counts.members, key=lambda one: (str(one.level) not in named, one.dlt is None, -max(one.evidence))
    )
    return [member.evidence for member in members]


def _named(state: Escalation) -> set[str]:
    """Return the levels that the reason of a decision names."""
    because = state.decision.because
    return set() if because is None else set(re.findall(r"\blevel ([\w.-]+)", because.text))


def _is_because(expected: str | None, decision: Decision) -> bool:
    """Say whether the reason of a decision has some words in it, or has them as its code."""
    if expected is None:
        return True
    if decision.because is None:
        return False
    return f" {_plain(expected)} " in f" {_plain(decision.because.text)} " or expected in {
        decision.because.code,
        decision.because.reason,
    }


def _plain(text: str) -> str:
    """Return the words of a text alone: without case, without signs, and ``DLT`` for ``DLTs``."""
    words = "".join(one if one.isalnum() else " " for one in text.casefold()).split()
    return " ".join(one.removesuffix("s") if len(one) > _SHORT else one for one in words)


_SHORT = 3
"""Words of so few letters are no plural: ``is``, ``has``."""


def _mtd(expected: MtdExpected, told: Told, history: History, on: date) -> Failed | None:
    state = history.escalation(on=on)
    mtd = Mtd() if state is None else state.decision.mtd
    if mtd.status is expected.status and expected.level in {None, mtd.level}:
        return None
    return Failed(
        expected=f"mtd: {mtd_in_words(Mtd(status=expected.status, level=expected.level))}",
        came=f"mtd: {mtd_in_words(mtd)}",
        each=() if state is None else _each_in_words(_decisive(state, expected.level), history, on),
        because=() if state is None else _lines(told, _behind(state)),
        instead=_if_right(f"expect mtd: {mtd_in_words(mtd)}"),
    )


def _endpoint(expected: EndpointExpected, told: Told, history: History, on: date) -> Failed | None:
    endpoints = history.endpoints(on=on, only=[expected.endpoint])
    summary = endpoints.summary(expected.endpoint)
    values = [one for one in endpoints.values(expected.endpoint) if expected.subject in {None, one.subject}]
    of_trial = expected.subject is None or isinstance(summary.overall, DoseSummary)
    parts = list(parts_of_summary(summary) if of_trial else [part for one in values for part in parts_of_value(one)])
    name = " ".join([expected.endpoint, *([] if expected.subject is None else [expected.subject])])
    wanted = f"{name}: {', '.join(expected.parts)}"
    why = _why_no_value(expected, endpoints, summary)
    if why is not None:
        return Failed(expected=wanted, came=why)
    wrong = [said for said in expected.parts if not holds(said, parts)]
    if not wrong:
        return None
    evidence: list[Sequence[int]] = [
        one.evidence for one in sorted(values, key=lambda one: (not one.value, -max(one.evidence, default=0)))
    ]
    if isinstance(summary.overall, DoseSummary):
        evidence = [summary.overall.evidence]
    members: Sequence[Member] = []
    if isinstance(summary.endpoint, DltIncidence):
        members = [one for one in history.dlt_counts(on=on).members if expected.subject in {None, one.subject}]
    strange = [said for said in wrong if not has_form(said, parts, of_trial=of_trial)]
    shown = ", ".join(part.words for part in parts)
    because = values[0].because if values and not of_trial else None
    return Failed(
        expected=wanted,
        came=f"{name}: {value_in_words(parts, beside=wrong)}{'' if because is None else f' ({_spaced(because)})'}",
        each=_each_in_words(members, history, on),
        because=_lines(told, evidence),
        instead=f"{strange[0]!r} is no part of this value; its parts are: {shown}"
        if strange
        else _if_right(f"expect {name}: {value_in_words(parts, beside=wrong)}"),
    )


def _why_no_value(expected: EndpointExpected, endpoints: Endpoints, summary: EndpointSummary) -> str | None:
    """Say why an endpoint has no value of a participant, or of the whole trial; None if it has one."""
    code, subject = expected.endpoint, expected.subject
    if isinstance(summary.overall, DoseSummary):
        if summary.overall.mtd is None:
            return f"{code} has no value: the protocol has no design, which would give the MTD"
        if subject is not None:
            return f"{code} is of the whole trial, and has no value of a participant: write 'expect {code}: ...'"
    elif code not in endpoints.found.values:
        return f"{code} has no value: the protocol has no rule for dose-limiting toxicities"
    elif subject is not None and all(one.subject != subject for one in endpoints.values(code)):
        return (
            f"there is no participant {subject!r}: {instead(subject, [one.subject for one in endpoints.values(code)])}"
        )
    return None


def _spaced(code: str) -> str:
    return code.replace("-", " ")


def _findings(expected: FindingsExpected, told: Told, history: History, on: date) -> Failed | None:
    found = [one for one in findings(history, on=on, now=told.site.now).found if one.severity is not Severity.NOTE]
    ids = {one.check for one in found}
    if ids == set(expected.ids):
        return None
    came = "; ".join(dict.fromkeys(f"{one.check}: {one.sentence}" for one in found)) or "none"
    known = [check.id for check in CHECKS]
    strange = next((one for one in expected.ids if one not in known), None)
    evidence = [one.evidence for one in found if one.check not in expected.ids]
    return Failed(
        expected=f"findings: {', '.join(expected.ids) or 'none'}",
        came=f"findings: {came}",
        because=_lines(told, evidence),
        instead=_if_right(f"expect findings: {', '.join(sorted(ids)) or 'none'}")
        if strange is None
        else f"there is no finding {strange!r}: {instead(strange, known)}",
    )


def _follows(expected: FollowsExpected, told: Told) -> Failed | None:
    kind = FOLLOWS[expected.name]
    for entry in told.last:
        subject, level = _subject_of(entry), _level_of(entry)
        if isinstance(entry.fact, kind) and expected.subject in {None, subject} and expected.level in {None, level}:
            return None
    named = "" if expected.subject is None else f"{expected.subject} "
    at = "" if expected.level is None else f" at level {expected.level}"
    return Failed(expected=f"so {named}{expected.name}{at}", came=followed_words(told.last))


def _subject_of(entry: Entry) -> str | None:
    """Return the participant that an entry is about."""
    named: str | None = getattr(entry.fact, "subject", None)
    return named or subject_of(entry.stream)


def _level_of(entry: Entry) -> object:
    """Return the label of the level whose cohort an entry is about."""
    if not isinstance(entry.fact, CohortFact):
        return None
    return as_label(entry.stream.rpartition("/")[2])


def followed_words(entries: Sequence[Entry]) -> str:
    """Write what an act recorded, as lines with ``so`` have it: each kind once, with its participants before it."""
    names = {kind: name for name, kind in FOLLOWS.items()}
    found: dict[tuple[str, object], list[str]] = {}
    for entry in entries:
        subject = _subject_of(entry)
        found.setdefault((names[type(entry.fact)], _level_of(entry)), []).extend([] if subject is None else [subject])
    said = [
        f"{', '.join(dict.fromkeys(subjects))} {name}{'' if level is None else f' at level {level}'}".strip()
        for (name, level), subjects in found.items()
    ]
    return "; ".join(said) or "nothing was recorded"
