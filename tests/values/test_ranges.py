"""The possible ranges of measured values in every unit, and the synonyms of laboratory tests."""

from decimal import Decimal

import pytest
import results_page

from trialdomain import Comparator, Finding, VitalSign, lab, vital_sign
from trialdomain.commands.coercion import FactMalformed
from trialdomain.values.clinical.analyte import Count, count_of, is_blood, is_known, nearest
from trialdomain.values.clinical.ranges import VITAL_SIGNS, ValueImpossible

DAY = "2026-03-02"


def test_the_page_says_what_the_code_has() -> None:
    assert results_page.PAGE.read_text(encoding="utf-8") == results_page.page()


class TestVitalSigns:
    def test_each_has_its_limits(self) -> None:
        assert set(VITAL_SIGNS) == {sign.value for sign in VitalSign}

    @pytest.mark.parametrize(
        ("sign", "value", "unit", "possible"),
        [
            (VitalSign.TEMPERATURE, "20", "Cel", True),
            (VitalSign.TEMPERATURE, "19.9", "Cel", False),
            (VitalSign.TEMPERATURE, "50", "Cel", True),
            (VitalSign.TEMPERATURE, "50.1", "Cel", False),
            (VitalSign.TEMPERATURE, "-300", "Cel", False),
            (VitalSign.TEMPERATURE, "68", "[degF]", True),  # (68 - 32) * 5 / 9 = 20
            (VitalSign.TEMPERATURE, "67.99", "[degF]", False),
            (VitalSign.TEMPERATURE, "122", "[degF]", True),  # (122 - 32) * 5 / 9 = 50
            (VitalSign.TEMPERATURE, "122.01", "[degF]", False),
            (VitalSign.OXYGEN_SATURATION, "940", "%", False),
            (VitalSign.OXYGEN_SATURATION, "-1", "%", False),
            (VitalSign.OXYGEN_SATURATION, "100", "%", True),
            (VitalSign.OXYGEN_SATURATION, "0", "%", True),
            (VitalSign.OXYGEN_SATURATION, "0.94", "1", True),
            (VitalSign.OXYGEN_SATURATION, "1.01", "1", False),
            (VitalSign.HEART_RATE, "-1", "/min", False),
            (VitalSign.BODY_WEIGHT, "0", "kg", False),
            (VitalSign.BODY_WEIGHT, "70000", "g", True),
            (VitalSign.BODY_HEIGHT, "1.7", "m", True),
            (VitalSign.BODY_HEIGHT, "17", "m", False),
            (VitalSign.TEMPERATURE, "38", "%", False),  # no temperature at all
        ],
    )
    def test_what_cannot_be_is_refused_in_every_unit(
        self, sign: VitalSign, value: str, unit: str, possible: bool
    ) -> None:
        if possible:
            assert vital_sign(sign, value, unit, measured_at=DAY).value == Decimal(value)
        else:
            with pytest.raises(FactMalformed, match=r"cannot be|measures no"):
                vital_sign(sign, value, unit, measured_at=DAY)


class TestResults:
    @pytest.mark.parametrize(
        ("analyte", "value", "unit", "comparator", "possible"),
        [
            ("ANC", "-1", "10*9/L", None, False),
            ("ANC", "-1", None, None, False),  # without a unit it counts for nothing, and cannot be all the same
            ("PLT", "-5", "10*3/uL", None, False),
            ("HGB", "-3", "mmol/L", None, False),
            ("ALT", "-20", "U/L", None, False),
            ("ANC", "0", "10*9/L", None, True),
            ("ANC", "1", "10*9/L", Comparator.BELOW, True),
            ("ANC", "-1", "10*9/L", Comparator.BELOW, False),
            ("ANC", "-1", "10*9/L", Comparator.ABOVE, False),
            ("ANC", "0", "10*9/L", Comparator.BELOW, False),  # nothing is below 0
            ("ANC", "0", "10*9/L", Comparator.AT_MOST, True),
            ("ANC", "0", "10*9/L", Comparator.ABOVE, True),
            ("HCT", "101", "%", None, False),
            ("HCT", "100", "%", Comparator.ABOVE, False),  # nothing is above 100 %
            ("Neutrophils/Leukocytes", "1.2", "1", None, False),
            ("Prothrombin activity", "120", "%", None, True),  # of a normal plasma, and so no part of a whole
            ("pH", "7.4", "[pH]", None, True),
            ("pH", "15", "[pH]", None, False),
            ("pH", "-1", "[pH]", None, False),
            ("Base excess", "-3", "mmol/L", None, True),  # a difference
            ("Something", "-3", None, None, True),  # nobody knows what it is
        ],
    )
    def test_no_concentration_is_below_zero(
        self, analyte: str, value: str, unit: str | None, comparator: Comparator | None, possible: bool
    ) -> None:
        if possible:
            assert lab(analyte, value, unit, collected_at=DAY, comparator=comparator).value == Decimal(value)
        else:
            with pytest.raises(FactMalformed, match="cannot be"):
                lab(analyte, value, unit, collected_at=DAY, comparator=comparator)

    def test_nor_is_a_limit_of_its_reference_range(self) -> None:
        with pytest.raises(FactMalformed, match="reference limit -1 cannot be"):
            lab("ALT", "20", "U/L", collected_at=DAY, lower_limit="-1")


class TestAnswersToCriteria:
    @pytest.mark.parametrize(
        ("name", "number", "unit"),
        [
            ("spo2", "940", "%"),
            ("SpO2", "940", "%"),
            ("oxygen saturation", "1.1", "1"),
            ("lvef", "101", "%"),
            ("age", "400", None),
            ("age", "40.5", None),
            ("ecog", "6", None),
            ("ecog", "1.5", None),
        ],
    )
    def test_what_cannot_be_is_no_answer(self, name: str, number: str, unit: str | None) -> None:
        with pytest.raises(ValueImpossible, match="cannot be"):
            Finding(name=name, number=Decimal(number), unit=unit)

    def test_an_upper_limit_is_not_below_zero(self) -> None:
        with pytest.raises(ValueError, match="upper_limit must be at least 0"):
            Finding(name="alt", number=Decimal(1), upper_limit=Decimal(-1))


class TestNames:
    @pytest.mark.parametrize(
        ("count", "names"),
        [
            (Count.NEUTROPHILS, "ANC|anc|NEUT|Neutrophils|neutrophil count|Absolute Neutrophil Count|751-8|26499-4"),
            (Count.PLATELETS, "PLT|PLAT|Platelets|platelet_count|Thrombocytes|777-3|26515-7"),
            (Count.HEMOGLOBIN, "HGB|Hb|hemoglobin|Haemoglobin|718-7"),
            (Count.LEUKOCYTES, "WBC|LEUK|Leukocytes|leucocytes|White blood cells| wbc  count |6690-2|26464-8"),
            (None, "NEUTLE|Neutrophils/Leukocytes|770-8|Neutrophils %|HBA1C|ALT|Neutrophilz|Neutrophils, band form"),
        ],
    )
    def test_the_usual_ones_are_understood_in_any_case(self, count: Count | None, names: str) -> None:
        assert {name: count_of(name) for name in names.split("|")} == dict.fromkeys(names.split("|"), count)

    def test_a_slip_has_a_nearest_name_and_a_test_that_nothing_reads_is_known(self) -> None:
        assert (is_known("Neutrophilz"), nearest("Neutrophilz")) == (False, "Neutrophil")
        assert all(map(is_known, ("ALT", "creatinine", "Uric acid", "NEUTLE", "Ddimer")))

    @pytest.mark.parametrize(
        ("specimen", "blood"),
        [
            *((one, True) for one in (None, "BLOOD", "serum", "Plasma", "SERUM OR PLASMA", "Whole  blood")),
            *((one, False) for one in ("URINE", "CEREBROSPINAL FLUID", "BONE MARROW", "CORD BLOOD", "BLOD")),
        ],
    )
    def test_blood_serum_and_plasma_are_blood(self, specimen: str | None, blood: bool) -> None:
        assert is_blood(specimen) is blood
