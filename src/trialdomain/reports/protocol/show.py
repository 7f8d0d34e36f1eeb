"""The report of a protocol in words: how it doses, what a DLT is, how it escalates, where it is silent."""

from collections.abc import Iterable, Iterator

import attrs

from trialdomain.protocol.endpoints.describing import meaning_of
from trialdomain.protocol.silences import kept_defaults, silences
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.json import Json
from trialdomain.reports.protocol.dosing import dosing
from trialdomain.reports.protocol.escalation import ending, going
from trialdomain.reports.protocol.outcomes import evaluability, participation, toxicity
from trialdomain.reports.report import Block, Lines, Report


def _as_sentences(clauses: Iterable[str]) -> tuple[str, ...]:
    return tuple(
        f"{clause[0].upper()}{clause[1:]}" if clause.endswith(".") else f"{clause[0].upper()}{clause[1:]}."
        for clause in clauses
    )


@attrs.frozen
class Section:
    """One question about a protocol, with its answer in sentences."""

    title: str
    sentences: tuple[str, ...] = attrs.field(converter=_as_sentences)


def protocol_in_words(protocol: TrialProtocol) -> tuple[Section, ...]:
    """Describe a protocol in sentences, as its rules apply it.

    Each sentence is made from the parameters; the decisions of the design are asked from the design itself.
    """
    rules = protocol.endpoints
    derived = [f"{one.id}, {one.title}: {meaning_of(one, protocol)}" for one in rules.derived]
    return (
        Section("How it doses", dosing(protocol)),
        Section("Who takes part", participation(protocol)),
        Section("What a DLT is", toxicity(protocol)),
        Section("Who is evaluable", evaluability(protocol)),
        Section("How it escalates", going(protocol)),
        Section("When it stops", ending(protocol)),
        Section("What is derived", derived or ["no endpoint is derived"]),
        Section("Where it is silent", [*silences(protocol), *kept_defaults(protocol)] or ["nothing is left open"]),
    )


def protocol_show_report(protocol: TrialProtocol) -> Report:
    """Report a protocol in words, one section for each question."""
    title = f"Protocol of trial {protocol.trial}, version {protocol.version}: {protocol.title}"
    sections = protocol_in_words(protocol)

    def blocks() -> Iterator[Block]:
        for section in sections:
            yield Lines(["", section.title, *(f"- {sentence}" for sentence in section.sentences)])

    return Report(title=title, blocks=blocks, json=lambda: _json(protocol, sections))


def _json(protocol: TrialProtocol, sections: Iterable[Section]) -> dict[str, Json]:
    return {
        "trial": protocol.trial,
        "version": protocol.version,
        "title": protocol.title,
        "source": protocol.source,
        "sections": [{"title": one.title, "sentences": list(one.sentences)} for one in sections],
    }
