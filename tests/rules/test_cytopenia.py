"""A cytopenia that lasts beyond its last allowed day, where the protocol counts it."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from site_desk import REASON, Site, day, kinds

from trialdomain import ClinicalTime, Comparator, EndpointRules, WithdrawalScope, findings, lab, nct06245746
from trialdomain.events.participant import Infused
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.dlt_criteria import DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.rules.cytopenia import Lasting, cytopenias
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason
from trialdomain.values.clinical.treatment import BloodProduct

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
        [(29, "0.5"), (30, "0.3")],  # nobody looked before it, and the first look after it is good
        [(-3, "0.1"), (28, "0.5"), (29, "0.4")],  # before the infusion
        [],
    ],
)
def test_anything_else_is_no_dlt(site: Site, values: list[tuple[int, str]]) -> None:
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
    for analyte, value in (("ANC", "0.5"), ("PLT", "20")):
        site.desk.record_labs("S001", [lab(analyte, value, "10*9/L", collected_at=day(28))])
    assert site.member("S001").standing.reason is EvaluationReason.CYTOPENIA_OPEN
    assert site.on(29).evaluation("S001") is Evaluation.EVALUABLE
    site.check()


ANC_ALONE = CytopeniaRule(anc_below=Decimal("0.5"), beyond_day=42)
GOOD, LOW, OPEN_BOUND = "0.5", "0.49", "< 1"


def treated(rule: CytopeniaRule = ANC_ALONE) -> Site:
    site = Site(attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(cytopenia=rule)))
    site.treat("S001")
    site.on(15).assess("S001")
    return site


def measured(site: Site, values: dict[int, str], analyte: str = "ANC") -> None:
    for number, text in values.items():
        bound, _, value = text.rpartition(" ")
        comparator = Comparator(bound) if bound else None
        result = lab(analyte, value, "10*9/L", collected_at=day(number), comparator=comparator)
        site.on(number).desk.record_labs("S001", [result])


@pytest.mark.parametrize(
    ("values", "answer", "onset", "flagged"),
    [
        ({}, "pending", None, False),
        ({28: LOW}, "pending", None, False),
        ({28: OPEN_BOUND}, "pending", None, False),
        ({28: LOW, 44: OPEN_BOUND}, "pending", None, False),
        ({28: GOOD}, "evaluable", None, False),
        ({28: GOOD, 43: LOW}, "evaluable", None, False),  # the last count up to the day shows it
        ({20: GOOD, 28: LOW}, "pending", None, False),
        ({28: LOW, 43: LOW}, "evaluable", 43, False),
        ({43: LOW}, "evaluable", 43, False),  # missing up to the day, and low after it
        ({28: OPEN_BOUND, 60: LOW, 61: GOOD}, "evaluable", 60, False),
        ({28: LOW, 43: GOOD}, "evaluable", None, False),
        ({49: GOOD}, "evaluable", None, False),  # 7 days after the day
        ({50: GOOD}, "evaluable", None, True),  # 8 days: flagged
        ({28: LOW, 50: GOOD}, "evaluable", None, True),
    ],
)
def test_counts_show_it_or_nobody_is_evaluable(
    values: dict[int, str], answer: str, onset: int | None, flagged: bool
) -> None:
    site = treated()
    measured(site, values)
    member = site.on(70).member("S001")
    assert member.standing.evaluation.value == answer
    assert (None if member.dlt is None else member.dlt.onset.day) == (None if onset is None else day(onset))
    assert (EvaluationFlag.LATE_COUNT in member.flags) is flagged
    found = [one.check for one in findings(site.trial.history(), on=site.today).found]
    assert ("window" in found) is (answer == "pending")
    site.check()


def test_each_analyte_is_judged_by_itself() -> None:
    both = CytopeniaRule(anc_below=Decimal("0.5"), platelets_below=Decimal(20), beyond_day=42)
    site = treated(both)
    measured(site, {28: GOOD})
    assert site.on(43).member("S001").standing.reason is EvaluationReason.CYTOPENIA_NOT_SHOWN
    measured(site, {43: "20"}, "PLT")
    assert site.evaluation("S001") is Evaluation.EVALUABLE
    measured(site, {44: "1"}, "PLT")
    assert site.evaluation("S001") is Evaluation.EVALUABLE
    site.check()


def test_the_lowest_value_of_a_day_counts_in_whichever_order_they_were_recorded() -> None:
    for values in (("0.6", "0.4"), ("0.4", "0.6")):
        site = treated()
        results = [lab("ANC", value, "10*9/L", collected_at=day(42)) for value in values]
        site.on(42).desk.record_labs("S001", results)
        measured(site, {43: LOW})
        assert site.dlts() == 1


def test_a_count_of_the_infusion_day_from_before_the_infusion_is_not_used() -> None:
    site = Site(attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(cytopenia=ANC_ALONE)))
    site.admit("S001")
    site.desk.infuse("S001", level=1, started_at=f"{day(0)}T10:00+08:00")
    site.on(1).desk.record_labs("S001", [lab("ANC", "4", "10*9/L", collected_at=f"{day(0)}T09:00+08:00")])
    site.on(15).assess("S001")
    assert site.on(43).member("S001").standing.reason is EvaluationReason.CYTOPENIA_NOT_SHOWN


@pytest.mark.parametrize(
    "ends",
    [
        lambda site: site.desk.record_relapse("S001", on=day(40)),
        lambda site: site.desk.start_new_therapy("S001", on=day(40), kind="azacitidine"),
        lambda site: site.desk.start_chemotherapy("S001", on=day(40), regimen="FLAG", cycle=2, ecog=1),
        lambda site: site.desk.withdraw("S001", on=day(40), scope=WithdrawalScope.FOLLOW_UP),
        lambda site: site.desk.lose_to_follow_up("S001", on=day(40), last_contact=day(40)),
        lambda site: site.desk.complete_follow_up("S001", on=day(40)),
        lambda site: site.desk.record_death("S001", on=day(40)),
    ],
)
def test_once_nothing_more_can_come_they_are_not_evaluable_and_replaced(ends: Callable[[Site], object]) -> None:
    site = Site(attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(cytopenia=ANC_ALONE)))
    site.desk.consent("S001", signed_on=day(0), form_version="1")
    site.desk.screen("S001", on=day(0))
    site.desk.enroll("S001", on=day(0))
    site.desk.start_chemotherapy("S001", on=day(0), regimen="cytarabine", cycle=1, ecog=1)
    site.desk.infuse("S001", level=1, started_at=day(0))
    site.on(15).assess("S001")
    measured(site, {28: LOW})
    site.on(40)
    ends(site)
    member = site.member("S001")
    assert (member.standing.evaluation, member.standing.reason) == (
        Evaluation.NOT_EVALUABLE,
        EvaluationReason.CYTOPENIA_NOT_SHOWN,
    )
    site.on(43).check()
    assert site.state().decision.level == 1
    assert "window" not in [one.check for one in findings(site.trial.history(), on=site.today).found]


def test_counts_from_a_relapse_on_are_not_used() -> None:
    site = treated()
    measured(site, {28: GOOD, 41: LOW})
    site.desk.record_relapse("S001", on=day(41))
    assert site.on(43).evaluation("S001") is Evaluation.EVALUABLE
    measured(site, {43: LOW})
    assert site.dlts() == 0
    site.check()


def test_transfused_platelets_count_as_measured_and_are_flagged() -> None:
    for transfused, flagged in ((35, True), (40, True), (42, True), (34, False), (43, False)):
        site = treated(CytopeniaRule(platelets_below=Decimal(20), beyond_day=42))
        measured(site, {42: "20"}, "PLT")
        site.on(43).desk.transfuse("S001", on=day(transfused), product=BloodProduct.PLATELETS)
        member = site.member("S001")
        assert member.standing.evaluation is Evaluation.EVALUABLE
        assert (EvaluationFlag.TRANSFUSED in member.flags) is flagged
        value = site.trial.history().endpoints(on=site.today).value("P2", "S001")
        assert ("transfused" in [flag.value for flag in value.flags]) is flagged
        site.check()


def test_a_transfusion_before_the_count_that_ends_a_spell_is_flagged() -> None:
    rule = DltRule(min_grade=3, criteria=(DltCriterion(platelets_below=Decimal(20), longer_than_days=7),))
    for transfused, flagged in ((2, True), (5, True), (7, True), (8, False)):
        site = Site(attrs.evolve(nct06245746(), criteria=(), dlt=rule))
        site.treat("S001")
        measured(site, {3: "10", 7: "60"}, "PLT")
        site.on(15).assess("S001")
        site.desk.transfuse("S001", on=day(transfused), product=BloodProduct.PLATELETS)
        member = site.member("S001")
        assert member.standing.evaluation is Evaluation.EVALUABLE
        assert (EvaluationFlag.TRANSFUSED in member.flags) is flagged, transfused


def test_three_without_a_count_after_the_day_do_not_escalate() -> None:
    site = Site(attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(cytopenia=ANC_ALONE)))
    site.treat("S001", "S002", "S003")
    for subject in ("S001", "S002", "S003"):
        site.on(28).desk.record_labs(subject, [lab("ANC", "0.1", "10*9/L", collected_at=day(28))])
    site.assess("S001", "S002", "S003")
    assert site.on(43).state().decision.action is Action.WAIT


ROW = DltRule(min_grade=3, criteria=(DltCriterion(anc_below=Decimal("0.5"), longer_than_days=7),))


@pytest.mark.parametrize(
    ("values", "lasting", "entries", "open_until"),
    [
        ({3: LOW}, Lasting.NOT_SHOWN, [3], 14),  # open to the end of the window, since 3 + 7 comes before it
        ({9: LOW}, Lasting.NOT_SHOWN, [9], 16),  # 9 + 7
        ({3: LOW, 5: LOW}, Lasting.NOT_SHOWN, [3, 5], 14),  # the first low count, and the last one
        ({3: LOW, 5: LOW, 7: OPEN_BOUND}, Lasting.NOT_SHOWN, [3, 5], 14),
        ({3: LOW, 5: LOW, 7: GOOD}, Lasting.NOT, [3, 7], 14),  # the first low count, and the one that ended it
        ({3: GOOD, 5: GOOD}, Lasting.NOT, [3], 14),
        ({3: LOW, 5: LOW, 11: LOW}, Lasting.LASTED, [3, 11], 14),  # 8 days
        ({3: LOW, 5: GOOD, 7: LOW, 15: GOOD}, Lasting.LASTED, [7, 15], 14),
    ],
)
def test_a_spell_names_the_counts_that_it_rests_on(
    values: dict[int, str], lasting: Lasting, entries: list[int], open_until: int
) -> None:
    infused = Infused(level=1, started_at=ClinicalTime.of(day(0)))
    meta = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
    labs = []
    for number, text in values.items():
        bound, _, value = text.rpartition(" ")
        fact = lab("ANC", value, "10*9/L", collected_at=day(number), comparator=Comparator(bound) if bound else None)
        labs.append(Recorded(trial="T", position=number, stream="s", version=number, meta=meta, fact=fact))
    (found,) = cytopenias(labs, infusion=infused, rule=ROW, endpoints=EndpointRules())
    assert (found.lasting, [entry.position for entry in found.entries]) == (lasting, entries)
    assert found.open_until == day(open_until)
