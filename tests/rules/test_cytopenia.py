"""A cytopenia that lasts beyond its day, where the protocol asks for it."""

from decimal import Decimal

import attrs
import pytest
from site_desk import REASON, Site, day, kinds

from trialdomain import Comparator, lab, nct06245746
from trialdomain.protocol.trial_protocol import CytopeniaRule, DltRule
from trialdomain.values.evaluation import Evaluation, EvaluationReason

RULE = CytopeniaRule(anc_below=Decimal("0.5"), platelets_below=Decimal(20), beyond_day=28)


@pytest.fixture
def site() -> Site:
    made = Site(attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(cytopenia=RULE)))
    made.treat("S001")
    return made


def counts(site: Site, *values: tuple[int, str], analyte: str = "ANC", unit: str = "10*9/L") -> list[str]:
    results = [lab(analyte, value, unit, collected_at=day(number)) for number, value in values]
    return kinds(site.on(60).desk.record_labs("S001", results))


def test_below_on_its_day_and_after_it_is_a_dlt_attributed_to_the_laboratory_entries(site: Site) -> None:
    assert counts(site, (10, "0.1"), (28, "0.4"), (29, "0.3")) == [
        "LabRecorded",
        "LabRecorded",
        "LabRecorded",
        "MemberAssessed",
        "DltAttributed",
    ]
    dlt = site.member("S001").dlt
    assert dlt
    assert (dlt.event, dlt.onset.day, len(dlt.laboratory)) == (None, day(29), 2)
    site.check()


@pytest.mark.parametrize(
    "values",
    [
        [(28, "0.5"), (29, "0.4")],  # recovered on its day
        [(28, "0.4"), (29, "0.5")],  # recovered at the first look after it
        [(28, "0.4")],  # nobody looked after it
        [(29, "0.4"), (30, "0.3")],  # nobody looked before it
        [(-3, "0.1"), (29, "0.4")],  # before the infusion
    ],
)
def test_anything_else_is_none(site: Site, values: list[tuple[int, str]]) -> None:
    counts(site, *values)
    assert site.member("S001").dlt is None


def test_platelets_have_their_own_threshold_and_units_are_converted(site: Site) -> None:
    counts(site, (28, "19000"), (30, "19999"), analyte="PLT", unit="/uL")
    assert site.dlts() == 1


@pytest.mark.parametrize(
    ("comparator", "value", "lasts"),
    [(Comparator.BELOW, "0.5", True), (Comparator.AT_MOST, "0.5", False), (Comparator.ABOVE, "0.1", False)],
)
def test_a_bounded_result_counts_where_its_bound_decides(
    site: Site,
    comparator: Comparator,
    value: str,
    lasts: bool,
) -> None:
    results = [lab("ANC", value, "10*9/L", collected_at=day(number), comparator=comparator) for number in (28, 29)]
    site.on(60).desk.record_labs("S001", results)
    assert site.dlts() == lasts


def test_a_count_corrected_revokes_it(site: Site) -> None:
    site.on(60)
    entries = site.desk.record_labs("S001", [lab("ANC", "0.4", "10*9/L", collected_at=day(n)) for n in (28, 29)])
    assert kinds(site.desk.correct(entries[1], value="4.0", reason=REASON)) == [
        "LabRecorded",
        "DltRevoked",
        "MemberAssessed",
    ]
    site.check()


def test_nobody_is_evaluable_before_its_day_is_over(site: Site) -> None:
    site.on(28).assess("S001")
    assert site.member("S001").standing.reason is EvaluationReason.CYTOPENIA_OPEN
    assert site.on(29).evaluation("S001") is Evaluation.EVALUABLE
