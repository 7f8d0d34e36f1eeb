"""The rules that a protocol leaves open: its audit notes them, and its description lists them."""

from collections.abc import Iterator

import attrs

from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.ctcae import known_term, nearest_terms
from trialdomain.values.given.text import either, short
from trialdomain.values.word import Word

_CHOSEN = (
    "dlt.window_days",
    "dlt.related",
    "dlt.worsening",
    "evaluable.min_fraction",
    "evaluable.requires_assessment",
    "tally_by",
    "grading",
    "endpoints.anchor",
    "endpoints.window_days",
    "endpoints.safety_days",
)
"""The parameters whose default another protocol may well replace, by their path in a protocol file."""


def kept_defaults(protocol: TrialProtocol) -> Iterator[str]:
    """Yield one clause with the parameters that have the default of this library; a protocol may say the same."""
    kept = [f"{path} = {_shown(value)}" for path in _kept(protocol) if (value := _at(protocol, path)) is not None]
    if kept:
        yield f"these are defaults of this library; check that the protocol says the same: {', '.join(kept)}"


def _kept(protocol: TrialProtocol) -> Iterator[str]:
    """Yield the paths of the parameters with their default that matter for this protocol."""
    with_doses = any(level.dose is not None for level in protocol.levels)
    expiring = any(one.expires for one in protocol.criteria)
    further = (("dose_tolerance", with_doses), ("screening_validity_days", expiring))
    for path in (*_CHOSEN, *(name for name, matters in further if matters)):
        *table, name = path.split(".")
        of = _at(protocol, ".".join(table)) if table else protocol
        kind = type(of)
        if attrs.has(kind) and getattr(of, name) == attrs.fields_dict(kind)[name].default:
            yield path


def _at(of: object, path: str) -> object:
    for name in path.split("."):
        of = getattr(of, name, None)
    return of


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return either(_shown(one) for one in value).replace(" or ", " and ")
    if isinstance(value, bool):
        return str(value).lower()
    return value.value if isinstance(value, Word) else str(value)


def silences(protocol: TrialProtocol) -> Iterator[str]:
    """Yield the rules that a protocol leaves open."""
    if any(level.dose is None for level in protocol.levels):
        yield "the dose levels have no amounts: an infusion is believed to be of the level that was meant"
    if protocol.zone is None and not protocol.sites:
        yield "the site has no time zone: a time without an offset counts as it stands"
    if protocol.design is not None and protocol.stagger == Stagger():
        yield "no days lie between infusions at a level (stagger 0)"
    if protocol.stopping.related_grade_5 is False:
        yield "a death related to the infusion suspends nothing"
    rule = protocol.dlt
    if rule is None:
        return
    if any(row.of_any_event and row.at_once and row.min_grade == 1 for row in rule.rows):
        yield "no grade is too low for a DLT: any related grade counts, grade 1 included"
    if not rule.expected_with_chemotherapy and not any(row.never for row in rule.rows):
        yield "no toxicity is named that chemotherapy is expected to cause: each counts as any other event does"
    yield from _terms_that_may_be_misspelt(rule)
    if not protocol.counts_cytopenias:
        yield "no laboratory count makes a DLT by itself: a cytopenia counts only as a reported adverse event"


def _terms_that_may_be_misspelt(rule: DltRule) -> Iterator[str]:
    """Yield the terms of the rows that are in no table here, and nearly are."""
    for number, row in enumerate(rule.criteria, start=1):
        for term in (*row.terms, *(() if row.together_with is None else row.together_with.terms)):
            near = () if known_term(term) is not None else nearest_terms(term)
            if near:
                yield (
                    f"row {number} of the DLT rule names {short(term, 80)!r}, which this library's part of CTCAE lacks "
                    f"(the nearest: {', '.join(near)}): only an event of this very term fits it"
                )
