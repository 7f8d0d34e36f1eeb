"""Single parameters of a protocol, named as in its TOML file."""

from decimal import Decimal

import pytest

from trialdomain import Boin, Relatedness, ThreePlusThree, TrialProtocol, nct06245746
from trialdomain.exchange.settings import SettingInvalid, protocol_with, read_setting
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.faults import ProtocolInvalid


def with_(*settings: str, protocol: TrialProtocol | None = None) -> TrialProtocol:
    return protocol_with(protocol or nct06245746(), map(read_setting, settings))


def test_a_number_a_text_a_list_and_a_table() -> None:
    assert with_("dlt.min_grade=4").dlt.min_grade == 4  # type: ignore[union-attr]  # this protocol has a rule
    assert with_("title = a longer window").title == "a longer window"
    assert with_('dlt.related=["definitely"]').dlt.related == (Relatedness.DEFINITELY,)  # type: ignore[union-attr]  # as above
    assert with_("dose_tolerance=0.25").dose_tolerance == Decimal("0.25")
    assert with_("evaluable={requires_assessment = false}").evaluable.requires_assessment is False
    assert with_("levels[2].label=1a").labels == (1, "1a", 3)


def test_it_is_what_a_file_that_says_so_gives() -> None:
    text = protocol_to_toml(nct06245746())
    assert "window_days = 14" in text.partition("[dlt]")[2].partition("\n[")[0]
    file = text.replace("window_days = 14", "window_days = 21", 1)
    assert with_("dlt.window_days=21") == protocol_from_toml(file)


def test_a_design_of_another_name_begins_with_its_own_defaults() -> None:
    assert with_("design.name=boin", "design.target=0.3").design == Boin(target=Decimal("0.3"))
    assert with_("design.most_dlts_in_six=2").design == ThreePlusThree(most_dlts_in_six=2)
    boin = with_("design.name=boin", "design.target=0.25")
    assert with_("design.target=0.3", protocol=boin).design == Boin(target=Decimal("0.3"))


def test_a_published_variant_of_an_endpoint() -> None:
    rules = with_("endpoints.platelets=25").endpoints
    assert rules.platelets.threshold == 25
    assert rules.derived == nct06245746().endpoints.derived


def test_the_order_of_settings_makes_no_difference() -> None:
    named, sized, target = "design.name=boin", "design.cohort_size=1", "design.target=0.25"
    expected = Boin(target=Decimal("0.25"), cohort_size=1)
    assert with_(sized, named, target).design == with_(named, target, sized).design == expected
    with pytest.raises(ProtocolInvalid, match=r"design.colour: there is no such parameter"):
        with_("design.colour=1", named, target)


def test_a_parameter_is_set_once() -> None:
    with pytest.raises(SettingInvalid, match=r"dlt.min_grade=4 and dlt.min_grade=3 set one parameter: choose one"):
        with_("dlt.min_grade=4", "dlt.min_grade=3")


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("dlt.min_grade", "'dlt.min_grade' sets nothing: write NAME=VALUE"),
        ("dlt.min_grade=", "sets nothing"),
        ("=4", "'' names no parameter"),
        ("dlt..min_grade=4", "names no parameter"),
        ("[1]=4", "names no parameter"),
        ("levels[0].label=4", "names no parameter"),
        ("levels[4].label=4", r"the list has the items \[1\] to \[3\]"),
        ("levels.label=4", r"the list has the items \[1\] to \[3\]"),
        ("dlt[1]=4", r"\[1\] is for an item of a list"),
        ("dlt.min_grade.x=4", "dlt.min_grade is 1, which has no parts"),
        ("dlt.criteria[1].min_grade=4", "the list has no items: set it as a whole"),
        ("dlt.min_grade=1e99999999999999999999", "is no value of a parameter: it is too large, or too deep"),
        (f"dlt.min_grade={'9' * 5000}", "is no value of a parameter"),
        (f"dlt.min_grade={'[' * 3000}", "is no value of a parameter"),
        ("dlt.min_grade=4\nfoo=5", "has several lines: set one parameter at a time"),
    ],
)
def test_a_setting_without_a_place_is_refused(setting: str, why: str) -> None:
    with pytest.raises(SettingInvalid, match=why):
        with_(setting)


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("dlt.min_grad=4", "dlt.min_grad: there is no such parameter: did you mean min_grade?"),
        ("dlt.min_grade=9", "min_grade must be from 1 to 5"),
        ("dlt.min_grade=severe", "dlt.min_grade must be a whole number, got the text 'severe'"),
        ("design=boin", r"expected a table \[design\] with a name"),
        ("design.name=bion", "name one of three-plus-three"),
        ("endpoints.platelets=24", "platelets has no variant '24'"),
    ],
)
def test_a_protocol_with_a_fault_is_refused_with_its_place(setting: str, why: str) -> None:
    with pytest.raises(ProtocolInvalid, match=why):
        with_(setting)
