"""Explanations of endpoint values: the definition, and the evidence with its users and recording times."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from trialdomain.events.recorded import Recorded
from trialdomain.projections.endpoints.value import Status, Value
from trialdomain.projections.people import People
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.endpoints.describing import Description
from trialdomain.reports.endpoints.as_json import by_level_json, value_json
from trialdomain.reports.endpoints.report import participants_table, summary_lines, value_words
from trialdomain.reports.endpoints.summaries import EndpointSummary
from trialdomain.reports.facts import fact_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Cited:
    """An entry that an explanation cites, and the user who recorded it, as known at that time."""

    position: int
    stream: str
    version: int
    words: str
    recorded_at: datetime
    user: str
    name: str | None
    role: str | None
    organization: str | None
    reason: str | None
    corrects: int | None
    source: str | None


@attrs.frozen(kw_only=True)
class Explanation:
    """One endpoint of one participant or of the trial, with its definition and evidence."""

    __repr__ = in_short

    definition: Description
    """The definition of the endpoint in the protocol."""
    subject: str | None
    """None for the whole trial."""
    value: Value | None
    """The value of the participant; None for the whole trial."""
    summary: EndpointSummary | None
    """The summary for the trial; None for one participant."""
    values: tuple[Value, ...]
    """The values that the summary is computed from."""
    rests_on: tuple[Cited, ...]
    looked_at: tuple[Cited, ...]
    """For one participant: every entry that the derivation examined."""
    known_at: int
    on: date


def cite(entries: Iterable[Recorded[Any]], trial: Iterable[Recorded[Any]]) -> Iterator[Cited]:
    """Cite entries with their users.

    Args:
        entries: the entries to cite.
        trial: the stream of the trial, which holds the name, role and organization of each user at each position.
    """
    people = People(trial)
    for entry in entries:
        meta = entry.meta
        who = people.known(meta.user, at=entry.position)
        yield Cited(
            position=entry.position,
            stream=entry.stream,
            version=entry.version,
            words=fact_words(entry.fact),
            recorded_at=meta.recorded_at,
            user=meta.user,
            name=None if who is None else who.name,
            role=None if who is None else who.role.value,
            organization=None if who is None else who.organization,
            reason=meta.reason,
            corrects=meta.corrects,
            source=None if meta.source is None else f"{meta.source.system} {meta.source.record}",
        )


def is_absence(value: Value) -> bool:
    """Return whether a value reports the absence of an event, so that the examined entries matter."""
    return value.status is not Status.OBSERVED or value.value is False


def explanation_report(found: Explanation) -> Report:
    """Report an explanation: the value, its definition, and the entries that it rests on."""
    endpoint = found.definition.endpoint

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(found))
        yield from _tables(found)

    return Report(
        title=f"{endpoint.id} {endpoint.title}, as known at position {found.known_at}, judged for {found.on}",
        blocks=blocks,
        json=lambda: _json(found),
    )


def _json(found: Explanation) -> dict[str, Json]:
    endpoint = found.definition.endpoint
    return {
        "endpoint": endpoint.id,
        "title": endpoint.title,
        "family": endpoint.family,
        "wording": endpoint.wording or None,
        "time_frame": endpoint.time_frame or None,
        "definition": found.definition.meaning,
        "parameters": {name: _plain(value) for name, value in found.definition.parameters.items()},
        "sources": list(endpoint.sources),
        "choices": list(found.definition.choices),
        "known_at": found.known_at,
        "on": found.on.isoformat(),
        "subject": found.subject,
        "value": None if found.value is None else value_json(found.value),
        **(_NO_SUMMARY if found.summary is None else by_level_json(found.summary)),
        "participants": {value.subject: value_json(value) for value in found.values},
        "rests_on": [_cited_json(cited) for cited in found.rests_on],
        "looked_at": [_cited_json(cited) for cited in found.looked_at],
    }


_NO_SUMMARY: Mapping[str, Json] = {"levels": None, "unassigned": None, "overall": None}
"""For one participant: the members of :func:`by_level_json`."""


def _cited_json(cited: Cited) -> Json:
    return {
        "position": cited.position,
        "stream": cited.stream,
        "version": cited.version,
        "what": cited.words,
        "recorded_at": cited.recorded_at.isoformat(),
        "user": cited.user,
        "name": cited.name,
        "role": cited.role,
        "organization": cited.organization,
        "reason": cited.reason,
        "corrects": cited.corrects,
        "source": cited.source,
    }


def _plain(value: object) -> Json:
    match value:
        case Enum():
            return str(value.value)
        case Decimal():
            return str(value)
        case tuple():
            return [_plain(item) for item in value]
        case bool() | int() | str() | None:
            return value
        case DesignSpec():
            return value.known_as
        case _:
            return str(value)


def _lines(found: Explanation) -> Iterator[str]:
    definition, endpoint = found.definition, found.definition.endpoint
    if found.value is not None:
        yield f"{found.subject}: {_sentence(found.value)}"
    if found.summary is not None:
        yield from summary_lines(found.summary)
    yield ""
    wording = [text for text in (endpoint.wording, endpoint.time_frame and f"({endpoint.time_frame})") if text]
    if wording:
        yield f"In the protocol's words: {' '.join(wording)}"
    yield f"Definition: {definition.meaning}"
    yield f"Sources: {'; '.join(endpoint.sources) or 'the protocol alone'}"
    parameters = [f"{name} = {_detail_text(value)}" for name, value in definition.parameters.items()]
    if parameters:
        yield f"Parameters: {', '.join(parameters)}"
    for choice in definition.choices:
        yield f"Choice: {choice}"


def _detail_text(value: object) -> str:
    plain = _plain(value)
    if isinstance(plain, list):
        return "[" + ", ".join(map(str, plain)) + "]"
    return "none" if plain is None else str(plain).lower() if isinstance(plain, bool) else str(plain)


def _sentence(value: Value) -> str:
    parts = [value_words(value)]
    if value.on is not None and value.status is not Status.OUTSIDE:
        parts.append(f"on {value.on}")
    if value.first is not None:
        ended = "" if value.ended_by is None else f", ended by: {value.ended_by.replace('-', ' ')}"
        parts.append(f"observed from {value.first} to {value.last}{ended}")
    notes = [flag.value.replace("-", " ") for flag in value.flags]
    if notes:
        parts.append(f"notes: {', '.join(notes)}")
    parts += _details(value)
    return "; ".join(parts)


def _details(value: Value) -> Iterator[str]:
    """Yield the details of a value that fit in the sentence."""
    for name, detail in value.details.items():
        label = name.replace("_", " ")
        if isinstance(detail, Mapping):
            inner = ", ".join(
                f"{key.replace('_', ' ')} {_detail_text(inner_value)}" for key, inner_value in detail.items()
            )
            yield f"{label}: {inner}"
        elif not isinstance(detail, tuple) and detail is not None:
            yield f"{label} {_detail_text(detail)}"


_MOST_SHOWN = 40


def _tables(found: Explanation) -> Iterator[Table]:
    if found.values:
        yield participants_table(found.definition.endpoint, found.values)
        return
    yield _entries("Rests on", found.rests_on)
    if found.value is not None and is_absence(found.value) and found.looked_at:
        first = found.looked_at[:_MOST_SHOWN]
        left = len(found.looked_at) - len(first)
        yield _entries(f"Looked at{f' (and {left} more; --json has all)' if left else ''}", first)


def _entries(title: str, cited: Sequence[Cited]) -> Table:
    return Table(
        title=title,
        columns=(
            *("entry", Column("stream", keep=-2), Column("version", keep=-2), Column("what", least=24, keep=1)),
            *("recorded (UTC)", Column("by", least=16), Column("note", least=12, keep=-1)),
        ),
        rows=tuple(
            (
                str(entry.position),
                entry.stream,
                str(entry.version),
                entry.words,
                entry.recorded_at.strftime("%Y-%m-%d %H:%M:%S"),
                _who(entry),
                _note(entry),
            )
            for entry in cited
        ),
    )


def _who(cited: Cited) -> str:
    return cited.user if cited.name is None else f"{cited.name}, {cited.role}, {cited.organization}"


def _note(cited: Cited) -> str:
    corrected = "" if cited.corrects is None else f"corrects version {cited.corrects}: {cited.reason}"
    return "; ".join(part for part in (corrected, cited.source or "") if part)
