"""The meanings of the words in a study: those of the standard, and a sponsor's own words, from a file.

Source: CDISC Controlled Terminology, codelists AESEV, OUT, NCOMPLT and PROTMLST. AEREL has no codelist: the known words
are those that name one degree of this library's scale, and those of CDISCPILOT01. The comparison of words ignores case.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.exchange.files import read_file
from trialdomain.values.clinical.toxicity import GRADES, Outcome, Relatedness
from trialdomain.values.word import Word

T = TypeVar("T")
_MOST_BYTES = 1024 * 1024


class Disposition(Word):
    """The event in a row of ds."""

    ENROLLED = "enrolled"
    CONSENTED = "consented"
    SCREEN_FAILED = "screen-failed"
    COMPLETED = "completed"
    WITHDREW = "withdrew"
    LOST = "lost-to-follow-up"
    DIED = "died"


_RELATEDNESS: Mapping[str, Relatedness | None] = {
    **{one.value.upper(): one for one in Relatedness},
    "DEFINITE": Relatedness.DEFINITELY,
    "PROBABLE": Relatedness.LIKELY,
    "PROBABLY": Relatedness.LIKELY,
    "POSSIBLE": Relatedness.POSSIBLY,
    "REMOTE": Relatedness.UNLIKELY,
    "NONE": Relatedness.UNRELATED,
    "": None,
}
_OUTCOMES: Mapping[str, Outcome | None] = {
    "RECOVERED/RESOLVED": Outcome.RECOVERED,
    "RECOVERING/RESOLVING": Outcome.RECOVERING,
    "RECOVERED/RESOLVED WITH SEQUELAE": Outcome.RECOVERED_WITH_SEQUELAE,
    "NOT RECOVERED/NOT RESOLVED": Outcome.NOT_RECOVERED,
    "FATAL": Outcome.FATAL,
    "UNKNOWN": Outcome.UNKNOWN,
    "": None,
}
_SEVERITIES = {"MILD": 1, "MODERATE": 2, "SEVERE": 3}
_WITHDRAWALS = (
    *("ADVERSE EVENT", "DISEASE RELAPSE", "FAILURE TO MEET CONTINUATION CRITERIA", "LACK OF EFFICACY"),
    *("NON-COMPLIANCE WITH STUDY DRUG", "OTHER", "PHYSICIAN DECISION", "PREGNANCY", "PROGRESSIVE DISEASE"),
    *("PROTOCOL DEVIATION", "PROTOCOL VIOLATION", "RECOVERY", "SITE TERMINATED BY SPONSOR"),
    *("STUDY TERMINATED BY SPONSOR", "SYMPTOMATIC DETERIORATION", "TECHNICAL PROBLEMS"),
    *("WITHDRAWAL BY PARENT/GUARDIAN", "WITHDRAWAL BY SUBJECT"),
)
_DISPOSITIONS: Mapping[str, Disposition] = {
    **dict.fromkeys(("RANDOMIZED", "ENROLLED", "ENROLLMENT", "ENTERED INTO TRIAL"), Disposition.ENROLLED),
    **dict.fromkeys(("INFORMED CONSENT OBTAINED",), Disposition.CONSENTED),
    **dict.fromkeys(("SCREEN FAILURE",), Disposition.SCREEN_FAILED),
    **dict.fromkeys(("COMPLETED",), Disposition.COMPLETED),
    **dict.fromkeys(("LOST TO FOLLOW-UP",), Disposition.LOST),
    **dict.fromkeys(("DEATH",), Disposition.DIED),
    **dict.fromkeys(_WITHDRAWALS, Disposition.WITHDREW),
}


class TermsInvalid(InputInvalid):
    """A file with the meanings of a sponsor's words is invalid."""

    code = "terms-invalid"


def key_of(word: str) -> str:
    """Normalize a word for comparison: in capitals, without white space around it.

    >>> key_of(" Not Related ")
    'NOT RELATED'
    """
    return word.strip().upper()


@attrs.frozen(kw_only=True)
class Terms:
    """The meanings of words; the words are in capitals."""

    relatedness: Mapping[str, Relatedness | None] = _RELATEDNESS
    outcome: Mapping[str, Outcome | None] = _OUTCOMES
    severity: Mapping[str, int] = _SEVERITIES
    disposition: Mapping[str, Disposition] = _DISPOSITIONS
    arms: Mapping[str, int] = attrs.Factory(dict[str, int])
    """The dose level of each arm; if empty, the levels follow the order of the arms."""

    @classmethod
    def from_toml(cls, text: str) -> "Terms":
        """Read words and their meanings from TOML; words that it does not list keep their default meaning.

        Raises:
            TermsInvalid: the text is not TOML, or has an invalid table or meaning.
        """
        try:
            given = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
            raise TermsInvalid(f"the terms are not TOML: {error}") from None
        strange = sorted(set(given) - set(_MEANINGS))
        if strange:
            raise TermsInvalid(f"the terms have a table {strange[0][:40]!r}: use {', '.join(_MEANINGS)}")
        known = cls()
        return cls(**{name: {**getattr(known, name), **_table(name, words)} for name, words in given.items()})


def _table(name: str, words: object) -> dict[str, Any]:
    if not isinstance(words, dict):
        raise TermsInvalid(f'{name} is no table of the terms: write [{name}], and under it "WORD" = meaning')
    meanings: dict[str, Any] = {}
    for word, given in words.items():
        meaning = _meaning(name, word, given)
        if meanings.setdefault(key_of(word), meaning) != meaning:
            raise TermsInvalid(f"{name}: {word[:40]!r} has two meanings: case does not matter, so keep one of them")
    return meanings


def _meaning(name: str, word: str, given: object) -> object:
    meanings, expected = _MEANINGS[name]
    try:
        return meanings(given)
    except (ValueError, KeyError):
        raise TermsInvalid(f"{name}: {word[:40]!r} cannot mean {str(given)[:40]!r}: give {expected}") from None


def _grade(given: object) -> int:
    if type(given) is not int or given not in GRADES:
        raise ValueError
    return given


def _level(given: object) -> int:
    if type(given) is not int or given < 1:
        raise ValueError
    return given


def _one_of(kind: type[Word]) -> str:
    return "one of " + ", ".join(kind)


_MEANINGS: Mapping[str, tuple[Callable[[Any], object], str]] = {
    "relatedness": (Relatedness, _one_of(Relatedness)),
    "outcome": (Outcome, _one_of(Outcome)),
    "severity": (_grade, "a grade from 1 to 5"),
    "disposition": (Disposition, _one_of(Disposition)),
    "arms": (_level, "a dose level, from 1"),
}


def read_terms(path: Path) -> Terms:
    """Read a file of terms.

    Raises:
        InputInvalid: the file cannot be read.
        TermsInvalid: the file is invalid.
    """
    try:
        return Terms.from_toml(read_file(path, most=_MOST_BYTES).decode())
    except UnicodeDecodeError as error:
        raise TermsInvalid(f"{path} is not UTF-8 at byte {error.start + 1}: write the terms as TOML") from None
