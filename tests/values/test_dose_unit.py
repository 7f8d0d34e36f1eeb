"""The unit of a dose: what is one, in which form it is kept, and what is refused with the nearest unit.

The expected codes follow the grammar of UCUM (ucum.org, sections 2 and 3: prefixes, annotations in braces, ``10*`` as
the number ten, ``.`` for a product, ``/`` for a division); the factors are those of the SI prefixes (BIPM, SI brochure,
table 7), and 1 Ci = 3.7 x 10^10 Bq (table 8).
"""

from fractions import Fraction
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialdomain.values.clinical.dose_unit import DosePer, dose_unit, nearest

SPELLINGS = [
    ("mg", "mg", None),
    (" mg ", "mg", None),
    ("ug", "ug", None),
    ("\u00b5g", "ug", None),
    ("\u03bcg", "ug", None),
    ("mcg", "ug", None),
    ("ml", "mL", None),
    ("MBq", "MBq", None),
    ("mCi", "mCi", None),
    ("[iU]", "[iU]", None),
    ("IU", "[iU]", None),
    ("M[iU]", "M[iU]", None),
    ("kIU", "k[iU]", None),
    ("U", "U", None),
    ("[arb'U]", "[arb'U]", None),
    ("[PFU]", "[PFU]", None),
    ("{cells}", "{cells}", None),
    ("{vector_genomes}", "{vector_genomes}", None),
    ("{vector genomes}", "{vector_genomes}", None),
    ("{CD34+}", "{CD34+}", None),
    ("ug{protein}", "ug{protein}", None),
    ("10*8", "10*8", None),
    ("10^8", "10*8", None),
    ("10**8", "10*8", None),
    ("10\u2078", "10*8", None),
    ("x10^8", "10*8", None),
    ("10*0", "1", None),
    ("1", "1", None),
    ("1{cells}", "{cells}", None),
    ("10*9/kg", "10*9", DosePer.KG),
    ("10*8{cells}", "10*8{cells}", None),
    ("10*8.{cells}", "10*8{cells}", None),
    ("10^8 {cells}", "10*8{cells}", None),
    ("10*0{cells}", "{cells}", None),
    ("10*6.[iU]", "10*6.[iU]", None),
    ("10*6 IU", "10*6.[iU]", None),
    ("10*-3.mg", "10*-3.mg", None),
    ("mg/kg", "mg", DosePer.KG),
    ("mg / kg", "mg", DosePer.KG),
    ("{cells}/kg", "{cells}", DosePer.KG),
    ("10^6 {cells}/kg", "10*6{cells}", DosePer.KG),
    ("mg/m2", "mg", DosePer.M2),
    ("mg/m^2", "mg", DosePer.M2),
    ("mg/m\u00b2", "mg", DosePer.M2),
]


@pytest.mark.parametrize(("spelling", "code", "per"), SPELLINGS)
def test_a_spelling_has_one_normal_form(spelling: str, code: str, per: DosePer | None) -> None:
    assert (dose_unit(spelling).code, dose_unit(spelling).per) == (code, per)


@pytest.mark.parametrize(
    ("larger", "smaller", "times"),
    [
        ("g", "mg", "1000"),
        ("kg", "g", "1000"),
        ("mg", "ug", "1000"),
        ("GBq", "MBq", "1000"),
        ("MBq", "kBq", "1000"),
        ("Ci", "Bq", "37000000000"),
        ("mCi", "MBq", "37"),
        ("mmol", "umol", "1000"),
        ("L", "mL", "1000"),
        ("M[iU]", "[iU]", "1000000"),
        ("10*6.[iU]", "M[iU]", "1"),
        ("10*8{cells}", "{cells}", "100000000"),
        ("10*9", "10*6", "1000"),
        ("mg{protein}", "ug{protein}", "1000"),
        ("10*-3.g", "mg", "1"),
    ],
)
def test_units_of_one_kind_have_an_exact_factor(larger: str, smaller: str, times: str) -> None:
    one, other = dose_unit(larger), dose_unit(smaller)
    assert one.kind == other.kind
    assert one.factor / other.factor == Fraction(times)


def test_every_kind_is_another() -> None:
    kinds = ["mg", "mmol", "mL", "MBq", "U", "[iU]", "[arb'U]", "[PFU]", "10*9", "{cells}", "{particles}"]
    kinds += ["mg{protein}", "[iU]{anti-Xa}", "[TCID_50]"]
    assert len({dose_unit(one).kind for one in kinds}) == len(kinds)


def test_the_words_of_an_annotation_are_compared_in_any_case() -> None:
    assert dose_unit("{Cells}").kind == dose_unit("10*6{cells}").kind


@pytest.mark.parametrize(
    ("spelling", "hint"),
    [
        ("cells", "write {cells}"),
        ("cell", "write {cells}"),
        ("Cells", "write {cells}"),
        ("cells/kg", "write {cells}/kg"),
        ("10^8 cells", "write 10*8{cells}"),
        ("10*8cells", "write 10*8{cells}"),
        ("10*6 cells/KG", "write 10*6{cells}/kg"),
        ("{cells/kg}", "write {cells}/kg"),
        ("particles", "write {particles}"),
        ("vector genomes", "write {vector_genomes}"),
        ("vg", "write {vector_genomes}"),
        ("PFU", "write [PFU]"),
        ("MG", "write mg"),
        ("MG/KG", "write mg/kg"),
        ("mbq", "write MBq"),
        ("tablets", "write {tablets}"),
        ("TABLET", "write {tablets}"),
        ("gm", "write g"),
        (".mg", "write mg"),
    ],
)
def test_the_nearest_unit_is_named(spelling: str, hint: str) -> None:
    with pytest.raises(ValueError, match=r"no unit of a dose") as refused:
        dose_unit(spelling)
    assert str(refused.value) == f"unit {spelling!r} is no unit of a dose: {hint}"


@pytest.mark.parametrize(
    "spelling",
    [
        "foo",
        "%",
        "",
        " ",
        "mg.mL",
        "mg/",
        "/kg",
        "mg.",
        "10*8..mg",
        "10",
        "1 mg",
        "10 mg",
        "10*",
        "10*99",
        "10*8.10*8",
        "mg/kg/m2",
        "{}",
        "{ }",
        "{a}{b}",
        "{a}mg",
        "{a",
        "a}",
        "{\u00e4}",
        "{" + "a" * 41 + "}",
        "units",
        "miu",  # milli or mega
        "k[PFU]",  # not metric in UCUM
        "mg{a/b}",
        "x" * 10_000,
    ],
)
def test_what_is_none_is_refused(spelling: str) -> None:
    with pytest.raises(ValueError, match=r"is no unit of a dose: .*UCUM, such as mg, MBq, \[iU\], 10\*8\{cells\}"):
        dose_unit(spelling)


@pytest.mark.parametrize("spelling", ["mg/mL", "mg/d", "mg/kg.d", "mg/lb"])
def test_only_the_body_divides_a_dose(spelling: str) -> None:
    with pytest.raises(ValueError, match="a dose is divided by kg or m2 only"):
        dose_unit(spelling)


def test_a_unit_is_its_own_nearest_form() -> None:
    assert nearest("foo") is None
    assert nearest("cells") == "{cells}"


ATOMS = ["mg", "g", "kg", "ug", "ng", "mol", "mmol", "L", "mL", "MBq", "GBq", "U", "kU", "[iU]", "M[iU]", "[arb'U]"]
NOTES = st.text(ascii_letters + digits + "_+-.^*", min_size=1, max_size=40).map("{{{}}}".format)


@st.composite
def units(draw: st.DrawFn) -> str:
    """Make units in their normal form: a power of ten, a unit, an annotation, each or none, and a division."""
    power = draw(st.one_of(st.just(""), st.integers(-30, 30).filter(bool).map("10*{}".format)))
    atom, note = draw(st.sampled_from(["", *ATOMS])), draw(st.one_of(st.just(""), NOTES))
    per = draw(st.sampled_from(["", "/kg", "/m2"]))
    return ((f"{power}.{atom}" if power and atom else power + atom) + note or "1") + per


@given(units())
def test_a_normal_form_comes_back(code: str) -> None:
    read = dose_unit(code)
    assert str(read) == code
    assert dose_unit(str(read)) == read


@given(units())
def test_common_spellings_of_it_mean_the_same(code: str) -> None:
    read = dose_unit(code)
    head, brace, rest = code.partition("{")  # an annotation keeps its characters
    for other in (head.replace("10*", "10^"), head.replace("/", " / "), head.replace("10*", "10 * ")):
        assert dose_unit(f" {other}{brace}{rest}\t") == read


def why_not(text: str) -> str | None:
    """Say why a text is no unit; None if it is one."""
    try:
        dose_unit(text)
    except ValueError as refused:
        return str(refused)
    return None


@given(st.one_of(st.text(max_size=30), st.text("10*^{}./ gmMkKcelsIU[]-2", max_size=12)))
def test_any_text_is_read_or_refused_with_one_sentence(text: str) -> None:
    why = why_not(text)
    if why is None:
        assert dose_unit(str(dose_unit(text))) == dose_unit(text)
        return
    assert "is no unit of a dose: " in why
    assert "\n" not in why
    near = nearest(text)
    assert near is None or str(dose_unit(near)) == near
