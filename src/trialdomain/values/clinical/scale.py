"""The scale by which an adverse event is graded.

Sources: Common Terminology Criteria for Adverse Events 5.0 (NCI, 27 November 2017) and 4.03 (NCI, 14 June 2010), with
grades 1 to 5; the ASTCT consensus grading of cytokine release syndrome and of neurotoxicity (Lee 2019, Biology of Blood
and Marrow Transplantation 25:625), with grades 1 to 5; the FDA toxicity grading scale for healthy volunteers in vaccine
trials (Guidance for Industry, September 2007), with grades 1 to 4; and the severity of SDTM (AESEV), whose words are no
grades: an import maps mild, moderate and severe to 1, 2 and 3, a sponsor's further words as told, and a death to 5.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import lru_cache

import attrs
from attrs.validators import optional
from typing_extensions import override

from trialdomain.errors import InputInvalid
from trialdomain.values.clinical.toxicity import GRADES
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import folded, short
from trialdomain.values.number import whole_number

_MOST_CHARACTERS = 80
_LONGEST = 2 * _MOST_CHARACTERS
"""The most characters of a text with a name, a version and grades."""
_NEAR = 0.75
"""The minimum similarity of two texts (difflib): one or two letters of a short one may differ."""
_VERSION = re.compile(r"(?i)\bv(?:ersion|ers?)?\.?\s*(?=\d)")
_GLUED = re.compile(r"(?i)(?<=[a-z])v(?=\d)")
_GRADED = re.compile(
    r"(?i)(?P<scale>.*?)[\s,]*\(?\bgrades?\s+(?P<lowest>\d{1,3})\s*(?:to|-)\s*(?P<highest>\d{1,3})\s*\)?"
)
_LONG_NAME = "common terminology criteria for adverse events"


def _one_line(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    given: object = value
    if type(given) is not str or not given.strip() or not given.isprintable() or len(given) > _MOST_CHARACTERS:
        raise ValueError(
            f"{attribute.name} of a scale must be a text of 1 to {_MOST_CHARACTERS} characters on one line"
        )


_GRADE = optional(whole_number(least=GRADES[0], most=GRADES[-1]))


@attrs.frozen(kw_only=True)
class Scale:
    """A scale of grades, such as CTCAE 5.0; it may be one that this library does not know.

    A grade lies between 1 and 5 on every scale, and grade 5 is death on every scale that has it (**choice**). A log
    keeps all four fields with each event, so that it says what its grades mean.

    Raises:
        ValueError: a field is impossible; or only one of the two grades is known.

    >>> print(Scale(name="WHO", version="1979", lowest=1, highest=4))
    WHO 1979
    """

    name: str = attrs.field(validator=_one_line)
    version: str | None = attrs.field(default=None, validator=optional(_one_line))
    lowest: int | None = attrs.field(default=None, validator=_GRADE)
    highest: int | None = attrs.field(default=None, validator=_GRADE)
    """None where the grades are not known: any grade from 1 to 5 is then accepted."""

    def __attrs_post_init__(self) -> None:
        """Refuse grades of which one is missing, or that are in the wrong order."""
        if (self.lowest is None) != (self.highest is None):
            raise ValueError("a scale names its lowest and its highest grade, or neither")
        if self.lowest is not None and self.highest is not None and self.lowest > self.highest:
            raise ValueError(f"the lowest grade of a scale, {self.lowest}, is above its highest, {self.highest}")

    @override
    def __str__(self) -> str:
        """Return the name and the version."""
        return self.name if self.version is None else f"{self.name} {self.version}"

    @override
    def __repr__(self) -> str:
        """Return the class and the text: a protocol shows it among many fields."""
        return f"<Scale: {self.text!r}>"

    @property
    def text(self) -> str:
        """The text from which :func:`scale_of` makes the same scale: with the grades, if the library does not know it.

        >>> Scale(name="WHO", version="1979", lowest=1, highest=4).text
        'WHO 1979, grades 1 to 4'
        """
        if self in KNOWN_SCALES or self.lowest is None:
            return str(self)
        return f"{self}, {self.grades_text}"

    @property
    def grades(self) -> range:
        """The grades of the scale; from 1 to 5 where they are not known."""
        return range(self.lowest or GRADES[0], (self.highest or GRADES[-1]) + 1)

    @property
    def grades_text(self) -> str:
        """The grades in words: ``grades 1 to 4``."""
        return f"grades {self.grades[0]} to {self.grades[-1]}"


def _known(name: str, version: str | None, *, highest: int) -> Scale:
    return Scale(name=name, version=version, lowest=1, highest=highest)


CTCAE_5_0 = _known("CTCAE", "5.0", highest=5)
"""The default: the scale of the term table of this library (``ctcae.py``)."""
CTCAE_4_03 = _known("CTCAE", "4.03", highest=5)
ASTCT_2019 = _known("ASTCT", "2019", highest=5)
FDA_2007 = _known("FDA", "2007", highest=4)
SDTM_SEVERITY = _known("SDTM severity", None, highest=5)
KNOWN_SCALES = (CTCAE_5_0, CTCAE_4_03, ASTCT_2019, FDA_2007, SDTM_SEVERITY)
"""The scales that this library knows. SDTM severity has terms of a dictionary of its own, and no grades of a term."""
_FURTHER_WORDS = {
    "CTCAE": {"nci"},
    "ASTCT": {"consensus", "grading", "criteria", "crs", "icans"},
    "FDA": {"us", "guidance", "vaccine", "vaccines", "toxicity", "grading", "scale"},
}
"""By name: the words that may stand beside it and change nothing."""


def beside(scale: Scale, grading: Scale) -> Scale | None:
    """Return the scale of a grade where an answer has to name it; None where it is the protocol's."""
    return None if scale == grading else scale


def highest_by_scale(graded: Iterable[tuple[Scale, int]], grading: Scale) -> tuple[tuple[Scale, int], ...]:
    """Return the highest grade on each scale, the protocol's scale first; empty if every grade is by that one.

    >>> crs = (ASTCT_2019, 2), (ASTCT_2019, 3)
    >>> [(str(scale), grade) for scale, grade in highest_by_scale([*crs, (CTCAE_5_0, 1)], CTCAE_5_0)]
    [('CTCAE 5.0', 1), ('ASTCT 2019', 3)]
    """
    highest: dict[Scale, int] = {}
    for scale, grade in graded:
        highest[scale] = max(grade, highest.get(scale, 0))
    return () if not highest.keys() - {grading} else tuple(sorted(highest.items(), key=lambda one: one[0] != grading))


class ScaleUnknown(InputInvalid, ValueError):
    """A caller named no scale: the text is almost that of a known scale, or the value is none."""

    code = "scale-unknown"

    def __init__(self, *, given: object, why: str) -> None:
        super().__init__(f"{short(given, _MOST_CHARACTERS)!r} is not taken as a scale of grades: {why}")
        self.given, self.why = given, why


def scale_of(given: Scale | str) -> Scale:
    """Return the scale that a text names: a known one in any of its spellings, or another one.

    The text of another scale is its name, its version and, if they are known, its grades: "WHO 1979, grades 1 to 4". A
    text that is almost that of a known scale needs the grades, since it may be a typing error.

    Raises:
        ScaleUnknown: the text is almost that of a known scale and has no grades, or the value is no scale.

    >>> print(scale_of("ctcae v4.03"), "-", scale_of("FDA 2007 vaccine scale").grades_text)
    CTCAE 4.03 - grades 1 to 4
    >>> scale_of("CTCAE 3.0, grades 1 to 5").version
    '3.0'
    """
    if is_a(given, Scale):
        return _same(given)
    found = plain(given)
    if not is_a(found, str):
        raise ScaleUnknown(given=given, why=f"give a text, such as {CTCAE_5_0.text!r}")
    if len(found) > _LONGEST:
        raise ScaleUnknown(given=found, why=f"it has more than {_LONGEST} characters: shorten the name")
    return _named(found)


def _same(given: Scale) -> Scale:
    """Return a scale that a caller made, as if its text had been given."""
    try:
        return _named(given.text if given.lowest is None else f"{given}, {given.grades_text}")
    except (AttributeError, TypeError):
        raise ScaleUnknown(given=type(given).__name__, why=f"give a text, such as {CTCAE_5_0.text!r}") from None


@lru_cache(maxsize=256)
def _named(text: str) -> Scale:
    graded = _GRADED.fullmatch(text.strip())
    title = (text if graded is None else graded["scale"]).strip()
    known = next((one for one in KNOWN_SCALES if _is_spelling(title, one)), None)
    if graded is None:
        near = () if known is not None else tuple(_near(title))
        if near:
            raise ScaleUnknown(given=text, why=_did_you_mean(title, near))
        return known or _made(text, title)
    grades = int(graded["lowest"]), int(graded["highest"])
    if known is not None and grades != (known.lowest, known.highest):
        raise ScaleUnknown(given=text, why=f"{known} has {known.grades_text}; leave the grades out")
    return known or _made(text, title, *grades)


def _made(text: str, title: str, lowest: int | None = None, highest: int | None = None) -> Scale:
    words = _unversioned(title).split()
    version = words.pop() if len(words) > 1 and any(letter.isdigit() for letter in words[-1]) else None
    try:
        return Scale(name=" ".join(words), version=version, lowest=lowest, highest=highest)
    except ValueError as error:
        raise ScaleUnknown(given=text, why=_why(error)) from None


def _why(error: ValueError) -> str:
    """Return the sentence of a validator; attrs adds the attribute and the value to it."""
    return str(error.args[0]) if error.args else str(error)


def _unversioned(title: str) -> str:
    """Remove the letter or the word for a version: "CTCAE v5.0" is "CTCAE 5.0"."""
    return _VERSION.sub("", _GLUED.sub(" ", title))


def _parts(title: str) -> tuple[set[str], list[str]]:
    """Return the words and the numbers of a text, folded; 5.0 and 5 are the same number."""
    plainly = _unversioned(folded(title).replace("_", " ")).replace(_LONG_NAME, "ctcae")
    found = re.findall(r"[^\W\d_]+|\d+(?:\.\d+)*", plainly)
    numbers = [one.removesuffix(".0") for one in found if one[0].isdigit()]
    return {one for one in found if not one[0].isdigit()}, numbers


def _is_spelling(title: str, scale: Scale) -> bool:
    words, numbers = _parts(title)
    needed, version = _parts(str(scale))
    return numbers == version and needed <= words <= needed | _FURTHER_WORDS.get(scale.name, set())


def _near(title: str) -> Iterator[Scale]:
    """Yield the known scales with a similar text, then those of the same or a similar name."""
    words, numbers = _parts(title)
    spelled = {_in_order(*_parts(str(one))): one for one in KNOWN_SCALES}
    close = get_close_matches(_in_order(words, numbers), spelled, n=3, cutoff=_NEAR)
    yield from dict.fromkeys(
        [*(spelled[one] for one in close), *(one for one in KNOWN_SCALES if _is_named(words, _parts(one.name)[0]))]
    )


def _is_named(words: set[str], name: set[str]) -> bool:
    """Say whether words have the name of a scale among them, or a part of it, or are similar to it."""
    similar = get_close_matches(_in_order(words), [_in_order(name)], cutoff=_NEAR)
    return name <= words or bool(words and words < name) or bool(similar)


def _in_order(words: set[str], numbers: Sequence[str] = ()) -> str:
    return " ".join([*sorted(words), *numbers])


def _did_you_mean(title: str, near: Sequence[Scale]) -> str:
    return (
        f"the nearest that this library knows is {' or '.join(map(str, near))}; write that, or name the grades of "
        f"yours: '{short(title)}, grades 1 to 5'"
    )
