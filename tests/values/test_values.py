"""The values in facts."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialdomain import ClinicalTime
from trialdomain.errors import InputInvalid
from trialdomain.values.calendar import as_day
from trialdomain.values.clinical.ctcae import known_term
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.clinical.unit import convert, ucum
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import CodeInvalid, check_id, cohort_stream, level_of, participant_stream, subject_of
from trialdomain.values.reason import ReasonMissing, check_reason


class TestClinicalTime:
    @pytest.mark.parametrize(
        ("text", "first", "last"),
        [
            ("2026", date(2026, 1, 1), date(2026, 12, 31)),
            ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
            ("2026-03-02", date(2026, 3, 2), date(2026, 3, 2)),
            ("2026-03-02T23:30+08:00", date(2026, 3, 2), date(2026, 3, 2)),
            ("2026-03-02T23:30:15Z", date(2026, 3, 2), date(2026, 3, 2)),
            ("2026-03-02T23:30", date(2026, 3, 2), date(2026, 3, 2)),
        ],
    )
    def test_the_days_that_it_allows(self, text: str, first: date, last: date) -> None:
        when = ClinicalTime(text)
        assert (when.first, when.last, str(when)) == (first, last, text)
        assert when.day == (first if first == last else None)

    @pytest.mark.parametrize(
        "text",
        ["", "26", "2026-3", "2026-02-30", "2026-13", "2026-03-02 10:00", "2026-03-02T24:00Z", "2026-03-02T10", "0000"],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"is not a clinical time|is not in the calendar"):
            ClinicalTime(text)

    def test_it_is_made_of_what_a_caller_has(self) -> None:
        assert ClinicalTime.of(date(2026, 3, 2)).text == "2026-03-02"
        assert ClinicalTime.of(datetime(2026, 3, 2, 8, 30, tzinfo=UTC)).text == "2026-03-02T08:30:00+00:00"
        assert ClinicalTime.of("2026") == ClinicalTime("2026")
        assert ClinicalTime.of(ClinicalTime("2026")) == ClinicalTime("2026")

    @pytest.mark.parametrize("when", [datetime(2026, 3, 2), datetime(2026, 3, 2, 0, 0, 0, 5, tzinfo=UTC)])  # noqa: DTZ001 - refused
    def test_a_time_has_an_offset_and_whole_seconds(self, when: datetime) -> None:
        with pytest.raises(ValueError, match="must have an offset, and no fraction"):
            ClinicalTime.of(when)

    def test_it_does_not_change(self) -> None:
        with pytest.raises(AttributeError, match="does not change"):
            ClinicalTime("2026").text = "2027"

    @pytest.mark.parametrize(
        ("one", "other", "precedes"),
        [
            ("2026-03-01", "2026-03-02", True),
            ("2026-03-02", "2026-03-02", False),
            ("2026-03", "2026-03-02", False),
            ("2026-02", "2026-03", True),
            ("2026-03-02T09:00+08:00", "2026-03-02T09:01+08:00", True),
            ("2026-03-02T09:30+08:00", "2026-03-02T02:00Z", True),
            ("2026-03-02T09:00", "2026-03-02T10:00Z", False),  # one of them has no zone, so the times say nothing
            ("2026-03-02T09:00Z", "2026-03-02", False),
        ],
    )
    def test_what_is_known_to_lie_before_what(self, one: str, other: str, precedes: bool) -> None:
        assert ClinicalTime(one).precedes(ClinicalTime(other)) is precedes

    @given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
    def test_every_date_comes_back(self, day: date) -> None:
        assert ClinicalTime(ClinicalTime.of(day).text).day == day

    @pytest.mark.parametrize(
        "text", ["0001", "0001-01-01", "1899-12-31", "2200", "2200-01", "9999-12-31", "9999-12-31T23:59-14:00"]
    )
    def test_a_year_that_no_trial_has_is_refused(self, text: str) -> None:
        with pytest.raises(InputInvalid, match=f"^{text[:40]} lies outside the years 1900 to 2199: correct the year$"):
            ClinicalTime(text)

    @pytest.mark.parametrize(
        ("text", "hours", "there"),
        [("2199-12-31T23:59-12:00", 14, "2200-01-02T01:59"), ("1900-01-01T00:00+14:00", -12, "1899-12-30T22:00")],
    )
    def test_another_zone_leads_into_no_other_year(self, text: str, hours: int, there: str) -> None:
        with pytest.raises(InputInvalid, match=f"^{there}.* lies outside the years 1900 to 2199"):
            ClinicalTime(text).in_zone(timezone(timedelta(hours=hours)))


class TestDays:
    @pytest.mark.parametrize("given", [date(1900, 1, 1), date(2199, 12, 31)])
    def test_one_that_a_trial_can_have(self, given: date) -> None:
        assert as_day(given) == as_day(given.isoformat()) == given

    @pytest.mark.parametrize("given", [date.min, date(1899, 12, 31), date(2200, 1, 1), date.max])
    def test_one_that_no_trial_has(self, given: date) -> None:
        for one in (given, given.isoformat()):
            with pytest.raises(InputInvalid, match=f"^{given} lies outside the years 1900 to 2199: correct the year$"):
                as_day(one)


class TestUnits:
    @pytest.mark.parametrize(
        ("spelling", "code"),
        [
            ("10^9/L", "10*9/L"),
            ("THOU/uL", "10*3/uL"),
            ("g/dL", "g/dL"),
            ("\u00b0C", "Cel"),
            ("NO UNITS", "1"),
            ("%", "%"),
        ],
    )
    def test_common_spellings(self, spelling: str, code: str) -> None:
        assert ucum(spelling) == code

    @pytest.mark.parametrize(
        ("spelling", "code"),
        [
            *((spelling, "10*3/uL") for spelling in ("K/mcL", "k/uL", "K/\u00b5L", "10^3/\u00b5L", "10^3/\u03bcL")),
            *((spelling, "10*3/uL") for spelling in ("x10^3/uL", "X10E3/uL", "10**3/uL", "10e3/ul", "thou/uL")),
            *((spelling, "10*9/L") for spelling in ("\u00d710\u2079/L", "10E+9/L", "10^6/mL")),
            *((spelling, "10*3/uL") for spelling in ("10\u00b3/\u00b5L", "THOU/MM3", "K/MCL", "10^3/mm\u00b3")),
            *((spelling, "/uL") for spelling in ("CELLS/MCL", "#/uL", "cells/mm\u00b3")),
            *((spelling, "g/dL") for spelling in ("g%", "gm/dL", "g/100 mL")),
            *(("CELSIUS", "Cel"), ("Fahrenheit", "[degF]"), ("BPM", "/min")),
            *((spelling, "10*3/uL") for spelling in ("10^3/mm3", "10^3/mm^3", "THOUSAND/uL", "x 10^3 / uL", "K/cumm")),
            *((spelling, "10*9/L") for spelling in ("10**9/L", "X10E9/L", "x10^9/l", "10 ^9/L", "10^9 cells/L")),
            *((spelling, "10*12/L") for spelling in ("10**12/L", "10E12/L", "x10^12/L")),
            *((spelling, "/uL") for spelling in ("/\u00b5L", "cells/mcL", "CELLS/uL", "cells/uL")),
            *((spelling, "/mm3") for spelling in ("cells/mm3", "/mm3")),
            ("10*6/uL", "10*6/uL"),
            ("Million/uL", "10*6/uL"),
            ("g/dl", "g/dL"),
            ("mg/dl", "mg/dL"),
            ("U/l", "U/L"),
            ("iu/l", "[iU]/L"),
            ("umol/l", "umol/L"),
            ("mcmol/L", "umol/L"),
            ("\u03bcmol/l", "umol/L"),
            ("mmol/l", "mmol/L"),
            ("degC", "Cel"),
            ("BEATS/MIN", "/min"),
            ("Beats/min", "/min"),
            ("mmhg", "mm[Hg]"),
            ("ml", "mL"),
        ],
    )
    def test_spellings_that_mean_one_unit(self, spelling: str, code: str) -> None:
        if code == "/mm3":
            assert convert(Decimal(1), spelling, to="/uL") == 1  # a cubic millimeter is a microliter
        else:
            assert ucum(spelling) == code

    @pytest.mark.parametrize(
        "spelling", ["MMOL/L", "MG/DL", "mMol/L", "MEQ/L", "PG", "Mg", "ML", "UMOL/L/L", "Pmol/L", "x" * 5000]
    )
    def test_where_a_prefix_is_at_stake_case_matters(self, spelling: str) -> None:
        with pytest.raises(ValueError, match="is not known"):
            ucum(spelling)

    def test_grams_and_giga_stay_apart(self) -> None:
        assert (ucum("g/L"), ucum("G/L")) == ("g/L", "10*9/L")

    @pytest.mark.parametrize("spelling", ["", "furlong", "10*9", "G/DL"])
    def test_an_unknown_unit_is_refused(self, spelling: str) -> None:
        with pytest.raises(ValueError, match="is not known: write it in UCUM"):
            ucum(spelling)

    @pytest.mark.parametrize(
        ("value", "unit", "to", "converted"),
        [
            ("0.5", "10*9/L", "/uL", Fraction(500)),
            ("500", "10*3/uL", "10*9/L", Fraction(500)),
            ("8.0", "g/dL", "g/L", Fraction(80)),
            ("101", "[degF]", "Cel", Fraction(345, 9)),
            ("98.6", "[degF]", "Cel", Fraction(37)),
            ("45", "%", "1", Fraction(45, 100)),
        ],
    )
    def test_conversion_is_exact(self, value: str, unit: str, to: str, converted: Fraction) -> None:
        assert convert(Decimal(value), unit, to=to) == converted

    def test_nothing_is_converted_between_quantities(self) -> None:
        with pytest.raises(ValueError, match=r"g/L measures mass concentration .*, and mmol/L measures substance"):
            convert(Decimal(80), "g/L", to="mmol/L")


class TestCtcae:
    def test_a_term_has_only_its_grades(self) -> None:
        # CTCAE v5.0: febrile neutropenia starts at 3, bacteremia is only 2.
        febrile, bacteremia = known_term("FEBRILE NEUTROPENIA"), known_term(" Bacteremia ")
        assert febrile
        assert bacteremia
        assert (sorted(febrile.grades), febrile.code, febrile.infection) == ([3, 4, 5], "10016288", False)
        assert (sorted(bacteremia.grades), bacteremia.infection) == ([2], True)

    def test_another_version_is_not_in_the_table(self) -> None:
        assert known_term("Bacteremia", version="6.0") is None

    def test_the_groups_have_the_published_numbers_of_terms(self) -> None:
        from trialdomain.values.clinical import ctcae  # noqa: PLC0415 - the table itself

        table = ctcae._table().values()  # noqa: SLF001 - as above
        assert sum(term.bleeding for term in table) == 46
        assert sum(term.infection for term in table) == 88


class TestTexts:
    @pytest.mark.parametrize("text", ["", " ", "\t\n", "a\x00b", "\x7f", "\ud800", "x" * 10_001])
    def test_a_free_text_is_words(self, text: str) -> None:
        with pytest.raises(ValueError, match="plain must"):
            FreeText.of(text)

    def test_newline_tab_and_every_script_are_words(self) -> None:
        assert FreeText.of("a\tb\nc \u4e2d\u6587 \U0001f600").plain

    def test_it_is_plain_or_sealed(self) -> None:
        for both in ({}, {"plain": "a", "sealed": "b"}):
            with pytest.raises(ValueError, match="either plain or sealed"):
                FreeText(**both)

    @pytest.mark.parametrize("reason", ["transcription: slip 88", "laboratory called back", "抄写错误"])
    def test_a_reason_that_says_something(self, reason: str) -> None:
        assert check_reason(reason) == reason

    @pytest.mark.shows("AT-05", "K-25")
    @pytest.mark.parametrize(
        "reason", ["", "..", "Updated!", "DATA CORRECTION", "\u200bfix\u200b", "1234", "a" * 3_000]
    )
    def test_one_that_does_not(self, reason: str) -> None:
        with pytest.raises(ReasonMissing):
            check_reason(reason)


class TestNumbers:
    @pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-1", "1E+31", "1E-31", "1234567890123456"])
    def test_one_validator_refuses_what_is_no_measurement(self, amount: str) -> None:
        with pytest.raises(ValueError, match="amount must"):
            Dose(amount=Decimal(amount), unit="mg")

    def test_fifteen_digits_are_accepted(self) -> None:
        assert Dose(amount=Decimal("123456789.012345"), unit="mg").unit == "mg"


class TestCodes:
    @pytest.mark.parametrize("code", ["S001", "01-701-1015", "a.b_c", "9"])
    def test_letters_digits_dots_dashes_underscores(self, code: str) -> None:
        assert check_id("subject", code) == code

    @pytest.mark.parametrize("code", ["", "a b", "a/b", "-a", ".", "\u0661", "a" * 65, "a\n"])
    def test_anything_else(self, code: str) -> None:
        with pytest.raises(CodeInvalid, match="not a valid subject code"):
            check_id("subject", code)

    def test_streams_name_their_owner(self) -> None:
        assert subject_of(participant_stream("T", "S.1")) == "S.1"
        assert level_of(cohort_stream("T", 12)) == 12
        assert (subject_of("T"), level_of("T"), subject_of("T/access"), level_of("T/participant/S1")) == (None,) * 4


class TestDosesByTheBody:
    @pytest.mark.parametrize(
        ("unit", "per", "text"),
        [
            ("10^8 {cells}/kg", None, "1 10*8{cells}/kg"),
            ("10*8{cells}", "kg", "1 10*8{cells}/kg"),
            ("mg/m2", "m2", "1 mg/m2"),
            ("MBq", None, "1 MBq"),
        ],
    )
    def test_it_is_written_with_what_it_is_divided_by(self, unit: str, per: str | None, text: str) -> None:
        assert str(Dose(amount=1, unit=unit, per=per)) == text

    def test_one_form_is_kept(self) -> None:
        dose = Dose(amount=1, unit="10^8 {cells}/kg")
        assert (dose.unit, dose.per) == ("10*8{cells}", DosePer.KG)
        assert dose == Dose(amount=1, unit="10*8.{cells}", per="kg") == attrs.evolve(dose)
        assert hash(dose) == hash(Dose(amount=1, unit="10*8{cells}/kg"))

    def test_a_division_that_contradicts_the_unit_is_refused(self) -> None:
        with pytest.raises(ValueError, match="unit 'mg/kg' is per kg, but per is m2: leave out one of them"):
            Dose(amount=1, unit="mg/kg", per="m2")

    @pytest.mark.parametrize("per", ["lb", "", 1, "KG"])
    def test_only_the_body_divides(self, per: Any) -> None:  # noqa: ANN401 - what it is about
        with pytest.raises(ValueError, match="per must be one of kg, m2"):
            Dose(amount=1, unit="mg", per=per)

    def test_amounts_are_converted_exactly(self) -> None:
        assert Dose(amount="1", unit="10*8{cells}").amount_in(Dose(amount=0, unit="{cells}")) == 100_000_000
        assert Dose(amount="1", unit="mg").amount_in(Dose(amount=0, unit="Ci")) is None
        assert Dose(amount="1", unit="MBq").amount_in(Dose(amount=0, unit="mCi")) == Fraction(1, 37)


@pytest.mark.parametrize("make", [lambda: Dose(amount=Decimal(1), unit="mg"), lambda: FreeText.of("a")])
def test_values_do_not_change(make: Callable[[], Dose | FreeText]) -> None:
    value = make()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(value, attrs.fields(type(value))[0].name, "other")
