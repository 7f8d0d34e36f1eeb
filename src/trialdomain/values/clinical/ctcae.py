"""The CTCAE terms that this library has, each with its possible grades.

Source: Common Terminology Criteria for Adverse Events v5.0, NCI, 27 November 2017. A term that is not in the table is
accepted with any grade from 1 to 5, and marked as unchecked. The table says nothing about events on another scale.
"""

from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files

import attrs

from trialdomain.values.clinical.scale import CTCAE_5_0, SDTM_SEVERITY, Scale
from trialdomain.values.given.text import folded

CTCAE_5 = "5.0"
_NEAR = 0.75
"""The minimum similarity of two terms (difflib): one or two letters of a short term may differ."""


@attrs.frozen
class CtcaeTerm:
    """One term of the table."""

    term: str
    code: str
    """The code of the MedDRA lowest level term in CTCAE."""
    organ_class: str
    grades: frozenset[int]
    bleeding: bool
    """Whether the term names a bleeding: a group of this library's own (**choice**)."""
    infection: bool
    """Whether the term belongs to the class "Infections and infestations"."""


def known_term(term: str, *, version: str = CTCAE_5) -> CtcaeTerm | None:
    """Look up a term, ignoring case; None if the table lacks the term, or is of another CTCAE version.

    >>> sorted(known_term("febrile neutropenia").grades)
    [3, 4, 5]
    """
    return _table().get(folded(term)) if version == CTCAE_5 else None


def term_on(scale: Scale, term: str) -> CtcaeTerm | None:
    """Look up the term of an event on a scale; None on every scale but CTCAE 5.0, which the table is of.

    >>> term_on(CTCAE_5_0, "fever").code, term_on(Scale(name="ASTCT", version="2019"), "fever")
    ('10016558', None)
    """
    return known_term(term) if scale == CTCAE_5_0 else None


def lacks(scale: Scale, term: str) -> bool:
    """Say whether the table should have the term of an event on a scale, and lacks it.

    It should have the terms of CTCAE 5.0, and those of SDTM severity: that has no terms of its own, so an endpoint
    finds its events by the table alone (**choice**). Of any other scale it is not asked.

    >>> lacks(CTCAE_5_0, "Feverr"), lacks(Scale(name="ASTCT", version="2019"), "Feverr")
    (True, False)
    """
    return scale in {CTCAE_5_0, SDTM_SEVERITY} and known_term(term) is None


def term_of(term: str, *, code: str | None = None) -> CtcaeTerm | None:
    """Look up a term by its code or its name, for reports by any version of CTCAE.

    >>> term_of("sepsis").infection, term_of("Nosebleed", code="10015090").term
    (True, 'Epistaxis')
    """
    return _by_code().get(code or "") or _table().get(folded(term))


@lru_cache(maxsize=1_024)
def nearest_terms(term: str) -> tuple[str, ...]:
    """Return up to three terms of the table whose spelling is most similar to a term that it lacks.

    >>> nearest_terms("Feverr")
    ('Fever',)
    """
    found = get_close_matches(folded(term), _table(), n=3, cutoff=_NEAR)
    return tuple(_table()[key].term for key in found)


def all_terms() -> tuple[CtcaeTerm, ...]:
    """Return every term of the table, in the order of the table."""
    return tuple(_table().values())


@cache
def _by_code() -> dict[str, CtcaeTerm]:
    return {one.code: one for one in _table().values()}


@cache
def _table() -> dict[str, CtcaeTerm]:
    text = files("trialdomain.values.clinical").joinpath("ctcae_5_0.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {
        folded(term): CtcaeTerm(term, code, organ, frozenset(map(int, grades)), "b" in groups, "i" in groups)
        for term, code, organ, grades, groups in rows
    }
