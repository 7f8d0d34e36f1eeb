"""A dose per kg or per m2: the level of an amount is the amount divided by the weight or body surface, exactly.

The protocols: 1, 3 and 10 million cells per kg; 100, 200 and 400 mg per m2; ``dose_tolerance`` 0.10. By hand, for
70 kg at level 1: 70 kg x 10^6 = 70,000,000 cells; 0.9 of it are 63,000,000 and 1.1 of it 77,000,000.
"""

from decimal import Decimal
from typing import Any

import attrs
import pytest
from site_desk import DAY0, OPEN, REASON, Site, refused

from trialdomain import Dose, DoseLevel, TrialProtocol, findings
from trialdomain.aggregates.infusions import BodySizeMissing, DoseNotOfLevel
from trialdomain.aggregates.trial import AmendmentUnusable
from trialdomain.commands.coercion import FactMalformed
from trialdomain.events.cohort import MemberInfused, SlotReleased
from trialdomain.events.participant import Infused
from trialdomain.rules.dose_received import level_of_amount
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime


def ladder(*amounts: str, unit: str, tolerance: str = "0.10", version: str = "registry") -> TrialProtocol:
    levels = tuple(
        DoseLevel(level=at, dose=Dose(amount=amount, unit=unit)) for at, amount in enumerate(amounts, start=1)
    )
    return attrs.evolve(OPEN, levels=levels, dose_tolerance=Decimal(tolerance), version=version)


BY_WEIGHT = ladder("1", "3", "10", unit="10*6{cells}/kg")
BY_SURFACE = ladder("100", "200", "400", unit="mg/m2")
BY_THIRDS = ladder("0.3", "1", "3", unit="mg/kg")
EXACT = ladder("0.3", "1", "3", unit="mg/kg", tolerance="0")
IN_ALL = ladder("100", "200", "400", unit="mg")


def level(protocol: TrialProtocol, amount: str, unit: str, *, named: int = 1, **body: str) -> Label | None:
    """Find the level of an amount."""
    size: dict[str, Any] = {name: Decimal(value) for name, value in body.items()}
    dose = Dose(amount=amount, unit=unit)
    return level_of_amount(Infused(level=named, dose=dose, started_at=ClinicalTime("2026-03-02"), **size), protocol)


class TestLevelOfAnAmount:
    @pytest.mark.parametrize(
        ("amount", "unit", "weight", "found"),
        [
            ("70000000", "{cells}", "70", 1),
            ("63000000", "{cells}", "70", 1),  # 0.9 x 70 x 10^6, the lower end
            ("62999999", "{cells}", "70", None),
            ("77000000", "{cells}", "70", 1),  # 1.1 x 70 x 10^6, the upper end
            ("77000001", "{cells}", "70", None),
            ("63", "10*6{cells}", "70", 1),
            ("0.77", "10*8{cells}", "70", 1),
            ("0.77000001", "10*8{cells}", "70", None),
            ("55350000", "{cells}", "61.5", 1),  # 0.9 x 61.5 x 10^6
            ("55349999", "{cells}", "61.5", None),
            ("189", "10*6{cells}", "70", 2),  # 0.9 x 70 x 3 x 10^6
            ("231", "10*6{cells}", "70", 2),  # 1.1 x 70 x 3 x 10^6
            ("231.0001", "10*6{cells}", "70", None),
            ("700", "10*6{cells}", "70", 3),
            ("70", "10*6{Cells}", "70", 1),
        ],
    )
    def test_by_weight(self, amount: str, unit: str, weight: str, found: int | None) -> None:
        assert level(BY_WEIGHT, amount, unit, body_weight_kg=weight) == found

    @pytest.mark.parametrize(
        ("amount", "unit", "surface", "found"),
        [
            ("173", "mg", "1.73", 1),
            ("155.7", "mg", "1.73", 1),  # 0.9 x 1.73 x 100
            ("155.6999", "mg", "1.73", None),
            ("190.3", "mg", "1.73", 1),  # 1.1 x 1.73 x 100
            ("190.3001", "mg", "1.73", None),
            ("0.1903", "g", "1.73", 1),
            ("346000", "ug", "1.73", 2),
        ],
    )
    def test_by_body_surface(self, amount: str, unit: str, surface: str, found: int | None) -> None:
        assert level(BY_SURFACE, amount, unit, bsa_m2=surface) == found

    def test_no_quotient_is_rounded(self) -> None:
        # 1.1 x 0.3 mg/kg x 60 kg = 19.8 mg; 20 mg / 60 kg is a third of a milligram, above 0.33.
        assert level(BY_THIRDS, "19.8", "mg", body_weight_kg="60") == 1
        assert level(BY_THIRDS, "19.8000000000001", "mg", body_weight_kg="60") is None
        assert level(BY_THIRDS, "20", "mg", body_weight_kg="60") is None
        # 0.3 mg/kg x 73.3 kg = 21.99 mg, without any tolerance.
        assert level(EXACT, "21.99", "mg", body_weight_kg="73.3") == 1
        assert level(EXACT, "21.9900000000001", "mg", body_weight_kg="73.3") is None

    @pytest.mark.parametrize("unit", ["{particles}", "mg", "10*6"])
    def test_a_unit_of_another_kind_belongs_to_none(self, unit: str) -> None:
        assert level(BY_WEIGHT, "70000000", unit, body_weight_kg="70") is None
        assert level(BY_WEIGHT, "70000000", unit) is None  # whatever the weight is

    def test_without_the_size_the_named_level_counts(self) -> None:
        assert level(BY_WEIGHT, "700", "10*6{cells}") == 1
        assert level(BY_WEIGHT, "700", "10*6{cells}", bsa_m2="1.8") == 1
        assert level(BY_SURFACE, "700", "mg", named=2, body_weight_kg="70") == 2

    def test_an_amount_that_was_written_per_kg_is_compared_as_it_is(self) -> None:
        assert level(BY_WEIGHT, "3.3", "10*6{cells}/kg") == 2
        assert level(BY_WEIGHT, "3.3000001", "10*6{cells}/kg") is None
        # 1.5 mg/kg x 70 kg = 105 mg; 105 mg / 1.73 m2 = 60.7 mg/m2.
        assert level(IN_ALL, "1.5", "mg/kg", body_weight_kg="70") == 1
        assert level(IN_ALL, "1.5", "mg/kg", named=2) == 2
        assert level(BY_SURFACE, "1.5", "mg/kg", body_weight_kg="70", bsa_m2="1.73") is None
        assert level(BY_SURFACE, "2.5", "mg/kg", body_weight_kg="70", bsa_m2="1.75") == 1  # 175 mg / 1.75 m2

    @pytest.mark.parametrize(
        ("unit", "amount", "other"),
        [
            ("mg", "110", "0.11 g"),
            ("MBq", "90", "90000 kBq"),
            ("GBq", "0.11", "110 MBq"),
            ("{cells}", "90", "9 10*1{cells}"),
        ],
    )
    def test_an_amount_in_all_is_compared_across_prefixes(self, unit: str, amount: str, other: str) -> None:
        base = {"GBq": "0.1"}.get(unit, "100")
        protocol = ladder(base, "1000", "10000", unit=unit)
        number, _, another = other.partition(" ")
        assert level(protocol, amount, unit) == level(protocol, number, another) == 1


def admitted(protocol: TrialProtocol = BY_WEIGHT) -> Site:
    site = Site(protocol)
    site.admit("S001")
    return site


def given(site: Site, subject: str = "S001", *, amount: str = "70", at: int = 1, **more: Any) -> None:  # noqa: ANN401 - whatever infuse takes
    site.desk.infuse(subject, level=at, started_at=site.today, dose=Dose(amount=amount, unit="10*6{cells}"), **more)


class TestAtTheDesk:
    def test_a_first_cohort(self) -> None:
        site = Site(BY_WEIGHT)
        for subject, weight in (("S001", "70"), ("S002", "61.5"), ("S003", 82)):
            site.admit(subject)
            given(site, subject, amount=str(weight), body_weight_kg=weight)  # 10^6 cells for each kg
        site.on(14).assess("S001", "S002", "S003")
        assert site.state().decision.action is Action.ESCALATE
        site.decide()
        site.admit("S004")
        with pytest.raises(DoseNotOfLevel, match="the amount per kg belongs to level 1, but level 2 is meant"):
            given(site, "S004", amount="70", at=2, body_weight_kg="70")
        given(site, "S004", amount="210", at=2, body_weight_kg="70")
        tallies = site.trial.history().dlt_counts(on=site.today).tallies
        assert [(tally.evaluable, tally.pending) for tally in tallies] == [(3, 0), (0, 1), (0, 0)]
        site.check()
        doses = {one.subject: str(one.dose) for one in site.trial.history().review(on=site.today).participants}
        assert doses == {
            "S001": "70 10*6{cells}",
            "S002": "61.5 10*6{cells}",
            "S003": "82 10*6{cells}",
            "S004": "210 10*6{cells}",
        }

    def test_by_body_surface(self) -> None:
        site = admitted(BY_SURFACE)
        site.desk.infuse("S001", level=1, started_at=DAY0, dose=Dose(amount=173, unit="mg"), bsa_m2="1.73")
        assert site.member("S001").level == 1
        assert [one for one in findings(site.trial.history()).found if one.check in {"level", "body-size"}] == []

    def test_without_the_weight_it_is_refused(self) -> None:
        site = admitted()
        sentence = (
            "the dose of level 1 is per kg, and the body weight is not recorded: give it with the infusion "
            r"\(body_weight_kg\)"
        )
        refused(site, BodySizeMissing, lambda: given(site), f"^{sentence}$")
        refused(site, BodySizeMissing, lambda: given(site, bsa_m2="1.8"), "the body weight is not recorded")
        refused(site, BodySizeMissing, lambda: site.desk.infuse("S001", level=1, started_at=DAY0), "body weight is not")

    def test_without_the_surface_it_is_refused(self) -> None:
        site = admitted(BY_SURFACE)
        dose = Dose(amount=173, unit="mg")
        refused(
            site,
            BodySizeMissing,
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0, dose=dose, body_weight_kg=70),
            r"per m2, and the body surface is not recorded: give it with the infusion \(bsa_m2\)",
        )

    def test_what_has_happened_is_recorded_and_found(self) -> None:
        site = admitted()
        given(site, deviation="the scales were broken, and nobody weighed them")
        assert site.member("S001").level == 1
        [found] = [one for one in findings(site.trial.history()).found if one.check == "body-size"]
        assert "the dose of level 1 is per kg, and the body weight is not recorded" in found.sentence
        assert found.evidence == (site.infusion("S001").position,)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"body_weight_kg": 0}, "value 0 kg cannot be: body-weight is from 0.1 to 700 kg"),
            ({"body_weight_kg": "-70"}, "body_weight_kg must be at least 0"),
            ({"body_weight_kg": "701"}, "value 701 kg cannot be"),
            ({"body_weight_kg": 70, "bsa_m2": 0}, "value 0 m2 cannot be: body surface is from 0.02 to 7.5 m2"),
            ({"body_weight_kg": 70, "bsa_m2": "-1.8"}, "bsa_m2 must be at least 0"),
            ({"body_weight_kg": 70, "bsa_m2": 173}, "value 173 m2 cannot be"),
            ({"body_weight_kg": 70.5}, "binary float"),
        ],
    )
    def test_a_size_that_cannot_be_is_refused(self, body: dict[str, Any], words: str) -> None:
        site = admitted()
        refused(site, FactMalformed, lambda: given(site, **body), words)

    def test_a_correction_to_a_size_that_cannot_be_is_refused(self) -> None:
        site = admitted()
        given(site, body_weight_kg=70)
        infusion = site.infusion("S001")
        refused(site, FactMalformed, lambda: site.desk.correct(infusion, body_weight_kg=0, reason=REASON), "cannot be")
        refused(site, FactMalformed, lambda: site.desk.correct(infusion, bsa_m2=0, reason=REASON), "cannot be")

    def test_an_amount_per_kg_is_no_amount_in_all(self) -> None:
        site = admitted()
        dose = Dose(amount=1, unit="10*6{cells}/kg")
        refused(
            site,
            FactMalformed,
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0, dose=dose, body_weight_kg=70),
            r"dose 1 10\*6\{cells\}/kg is per kg: give the amount that was infused in all, and body_weight_kg",
        )

    def test_a_unit_of_another_kind_is_refused_with_both_units(self) -> None:
        site = admitted()
        dose = Dose(amount=70, unit="10*6{particles}")
        refused(
            site,
            DoseNotOfLevel,
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0, dose=dose, body_weight_kg=70),
            r"^the amount belongs to no dose level \(its unit is 10\*6\{particles\}, and the dose of level 1 is in "
            r"10\*6\{cells\}, another kind of unit\), but level 1 is meant: correct one of them$",
        )

    def test_an_amount_of_no_level_is_refused_with_what_to_correct(self) -> None:
        site = admitted()
        refused(
            site,
            DoseNotOfLevel,
            lambda: given(site, amount="78", body_weight_kg=70),
            "^the amount per kg belongs to no dose level, but level 1 is meant: "
            "correct the amount, the body weight or the level$",
        )

    @pytest.mark.parametrize(("unit", "hint"), [("cells", r"write \{cells\}"), ("foo", "write it in UCUM")])
    def test_a_unit_that_is_none_is_refused(self, unit: str, hint: str) -> None:
        site = admitted()
        dose: Any = {"amount": "70", "unit": unit}
        refused(
            site,
            FactMalformed,
            lambda: site.desk.infuse("S001", level=1, started_at=DAY0, dose=dose, body_weight_kg=70),
            f"unit '{unit}' is no unit of a dose: {hint}",
        )

    def test_a_dose_in_all_needs_no_size(self) -> None:
        site = admitted(IN_ALL)
        site.desk.infuse("S001", level=1, started_at=DAY0, dose=Dose(amount=100, unit="mg"))
        assert [one for one in findings(site.trial.history()).found if one.check == "body-size"] == []

    def test_a_level_keeps_what_its_dose_is_divided_by(self) -> None:
        site = admitted(IN_ALL)
        site.desk.infuse("S001", level=1, started_at=DAY0, dose=Dose(amount=100, unit="mg"))
        changed = ladder("100", "200", "400", unit="mg/m2", version="2")
        refused(
            site,
            AmendmentUnusable,
            lambda: site.desk.amend(changed, effective_on=site.today, summary="by body surface"),
            "level 1 would be 100 mg/m2, but a participant was infused at it while it was 100 mg",
        )


class TestCorrections:
    """70 million cells: 1 million per kg for 70 kg; 2.8 million for 25 kg, which is level 2; 1.4 million for 50 kg."""

    def test_of_the_weight_moves_to_another_level_in_the_same_transaction(self) -> None:
        site = admitted()
        given(site, body_weight_kg=70)
        site.on(3).toxicity("S001")
        assert [site.dlts(level) for level in (1, 2, 3)] == [1, 0, 0]
        recorded = site.desk.correct(site.infusion("S001"), body_weight_kg=25, reason=REASON)
        assert [site.dlts(level) for level in (1, 2, 3)] == [0, 1, 0]
        assert len({entry.meta.command for entry in recorded}) == 1
        moved = [(type(entry.fact), entry.stream[-1]) for entry in recorded]
        assert (MemberInfused, "2") in moved
        assert any(isinstance(entry.fact, SlotReleased) and entry.stream[-1] == "1" for entry in recorded)
        site.check()
        back = next(entry for entry in recorded if isinstance(entry.fact, Infused))
        site.desk.correct(back, body_weight_kg=70, reason=REASON)
        assert [site.dlts(level) for level in (1, 2, 3)] == [1, 0, 0]
        site.check()

    def test_of_the_weight_leaves_no_level(self) -> None:
        site = admitted()
        given(site, body_weight_kg=70)
        recorded = site.desk.correct(site.infusion("S001"), body_weight_kg=50, reason=REASON)
        assert any(entry.stream.endswith("/cohort/1") for entry in recorded)
        member = site.member("S001")
        assert (member.level, member.standing.reason) == (None, EvaluationReason.NO_LEVEL)
        assert site.evaluation("S001") is Evaluation.NOT_EVALUABLE
        site.check()

    def test_of_the_amount_as_well(self) -> None:
        site = admitted()
        given(site, body_weight_kg=70)
        site.desk.correct(site.infusion("S001"), dose=Dose(amount=210, unit="10*6{cells}"), reason=REASON)
        assert site.member("S001").level == 2
        site.check()
