"""A protocol file that is wrong: every fault at once, none that only follows from another (protocols.md).

The expected faults are written by hand, from what each file says.
"""

from pathlib import Path

import pytest
from site_desk import INVESTIGATOR

from trialdomain import Trials
from trialdomain.commands.access import TableLocksOut, UseCaseUnknown
from trialdomain.exchange.toml import protocol_from_toml, read_design
from trialdomain.protocol.conduct_rules import Grant
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.role import Role

HEAD = 'trial = "T1"\ntitle = "A trial"\nversion = "1"\n'
LEVELS = "levels = [{level = 1}, {level = 2}]\n"
DAYS = "must be a whole number of at least 1, and at most 36500"


def faults(text: str) -> set[str]:
    with pytest.raises(ProtocolInvalid) as refused:
        protocol_from_toml(text)
    assert len(set(refused.value.faults)) == len(refused.value.faults)
    return set(refused.value.faults)


def criterion(code: str, tests: str = "", **other: str) -> str:
    fields = {"kind": "inclusion", "meaning": "a criterion", "answer": "facts"} | other
    lines = "".join(f'{name} = "{value}"\n' for name, value in fields.items())
    return f'[[criteria]]\nid = "{code}"\n{lines}tests = [{tests}]\n'


AGE = '{finding = "age", comparison = "at-least", number = 18}'


class TestAFaultHidesNoOther:
    def test_of_an_interval_design(self) -> None:
        text = '[design]\nname = "boin"\ntarget = 1.5\nsaf = 2\ntox = 0.5\ncohort_size = 0\nmax_n = 999\nfoo = 1\n'
        assert faults(HEAD + LEVELS + text + "start_level = 9\nextra_safety_offset = 0.99\n") == {
            "design.foo: there is no such parameter",
            "design: design.target must be between 0 and 1 with at most 15 digits, got 1.5",
            "design: design.saf must be between 0 and 1 with at most 15 digits, got 2",
            "design: design.tox is a multiple of the target and must be above 1, such as 1.4, got 0.5",
            f"design: design.cohort_size {DAYS}, got 0",
            "design: design.max_n must be at most 200, got 999",
            "design: design.extra_safety_offset must be between 0 and 0.95 with at most 15 digits, got 0.99",
            "design.start_level is 9, and there are 2 levels",
        }

    @pytest.mark.parametrize(
        ("name", "low", "high"),
        [
            ("keyboard", "margin_low", "margin_high"),
            ("mtpi-2", "epsilon_1", "epsilon_2"),
            ("i3+3", "epsilon_1", "epsilon_2"),
        ],
    )
    def test_of_the_ends_of_an_interval(self, name: str, low: str, high: str) -> None:
        text = f'[design]\nname = "{name}"\ntarget = 0.3\n{low} = 0.5\n{high} = 0.9\ncohort_size = 0\n'
        assert faults(HEAD + LEVELS + text) == {
            f"design: design.cohort_size {DAYS}, got 0",
            f"design: design.{low} must be between 0 and 0.3 with at most 15 digits, got 0.5",
            f"design: design.{high} must be between 0 and 0.7 with at most 15 digits, got 0.9",
        }

    def test_of_a_row_of_a_table(self) -> None:
        text = (
            '[design]\nname = "table"\ncohort_size = 0\n'
            'rows = [[3, 0, "stay"], [3, 1, "up"], [3, 2], [3, 3, "escalate"], [3, 4, "stay"]]\n'
        )
        found = faults(HEAD + LEVELS + text)
        assert {fault for fault in found if "must be one of" in fault} == {
            "design.rows[2].decision must be one of escalate, stay, de-escalate, eliminate, got the text 'up'"
        }
        assert {fault for fault in found if "must be one of" not in fault} == {
            'design.rows[3]: expected [evaluable, DLTs, decision], such as [3, 0, "escalate"]',
            f"design: design.cohort_size {DAYS}, got 0",
            "design: design.rows says escalate at 3/3, and stay at 0/3",
            "design: design.rows has more DLTs than evaluable participants in a row for 3",
        }

    def test_of_a_file_with_a_table(self) -> None:
        text = '[design]\nname = "table"\nfile = ""\nstart_level = 5\ntarget = 3\n'
        assert faults(HEAD + LEVELS + text) == {
            "design.file: expected the name of a CSV file beside this one",
            "design: design.target must be between 0 and 1 with at most 15 digits, got 3",
            "design.start_level is 5, and there are 2 levels",
        }

    def test_of_a_state_of_rolling_six(self) -> None:
        text = (
            '[design]\nname = "rolling-six"\ntable = [{enrolled = 9, dlt = 0, pending = 0, answer = "up"}, '
            '{enrolled = 2, dlt = 0, pending = 0, answer = "escalate"}]\n'
        )
        assert faults(HEAD + LEVELS + text) == {
            "design.table[1].answer must be one of same, hold, escalate, de-escalate, got the text 'up'",
            (
                "design: design.table: 9 enrolled with 0 DLT and 0 pending is not a state: at most 6 are enrolled, and "
                "DLT and pending are among them"
            ),
            "design: design.table: 2 enrolled with 0 DLT and 0 pending cannot be escalate: fewer than 3 are enrolled",
        }

    def test_of_a_lowest_grade(self) -> None:
        row = '[[dlt.criteria]]\nterms = ["Nausea"]\nmin_grade = 3\n'
        assert faults(f"{HEAD}{LEVELS}[dlt]\nmin_grade = 9\n{row}{row}") == {
            "dlt: dlt.min_grade must be from 1 to 5, got 9",
            (
                "dlt: dlt.criteria[2] is never reached for 'Nausea': dlt.criteria[1] decides first, on Nausea of grade "
                "3 or more: leave one of them out, or put dlt.criteria[2] before it"
            ),
        }

    def test_of_a_row_between_two_others(self) -> None:
        row = '[[dlt.criteria]]\nterms = ["Nausea"]\nmin_grade = 3\n'
        bad = '[[dlt.criteria]]\nterms = ["Fever"]\nnever = "no"\n'
        assert faults(HEAD + LEVELS + row + bad + row) == {
            "dlt.criteria[2].never must be True or False, got the text 'no'",
            (
                "dlt: dlt.criteria[3] is never reached for 'Nausea': dlt.criteria[1] decides first, on Nausea of grade "
                "3 or more: leave one of them out, or put dlt.criteria[3] before it"
            ),
        }

    def test_of_criteria(self) -> None:
        wrong = '{finding = "agee", comparison = "at-least", number = 18}, {finding = "age", comparison = "above"}'
        text = (
            criterion("I1", wrong)
            + criterion("I1", AGE, kind="in", meaning=" ", contradicts="Z")
            + criterion("I2", AGE)
            + criterion("I3", AGE.replace("least", "most").replace("18", "17"))
        )
        found = faults(HEAD + LEVELS + text)
        words = {fault for fault in found if "must be one of" in fault}
        assert {fault.split(" must")[0] for fault in words} == {"criteria[1].tests[2].comparison", "criteria[2].kind"}
        assert found - words == {
            "criteria[2]: criterion I1 has no meaning",
            (
                "criterion I1 tests 'agee', which is no finding that this library knows (did you mean age?): correct "
                "the name, or list it in findings"
            ),
            "criterion I1 contradicts an unknown one",
            "criteria I2 and I3 contradict each other: age >= 18 and age <= 17 cannot both be",
            "criterion I1 is listed 2 times",
        }

    def test_of_sites(self) -> None:
        text = 'sites = [{id = "A", zone = "Europe/Berlin"}, {id = "A", zone = "Mars/X"}, {zone = "UT"}, {id = "B"}]\n'
        assert faults(HEAD + LEVELS + text) == {
            "sites[3].id: is missing",
            "sites[4].zone: is missing",
            "site A: zone 'Mars/X' is not in the IANA time zone database",
            "sites[3]: zone 'UT' is not in the IANA time zone database",
            "site A is listed 2 times",
        }

    def test_of_levels(self) -> None:
        levels = (
            'levels = [{level = 1, dose = {amount = 10, unit = "mg"}}, {level = 3}, {level = 2, label = "a", '
            'dose = {amount = 9, unit = "foo"}}, {level = 4, label = 1, dose = {amount = 5, unit = "mg"}}]\n'
        )
        assert faults(HEAD + levels) == {
            (
                "levels[3].dose: unit 'foo' is no unit of a dose: write it in UCUM, such as mg, MBq, [iU], 10*8{cells} "
                "or mg/kg"
            ),
            "levels must be numbered from 1 to at most 20 without a gap, got [1, 3, 2, 4]",
            "the label 1 is that of 2 levels: give each level its own",
            "some levels have a dose, and others none",
            "the doses must rise from level to level",
        }

    def test_of_a_role(self) -> None:
        text = '[[roles]]\nrole = "doctor"\nuse_cases = ["infuse", "infus"]\n'
        found = faults(HEAD + LEVELS + text)
        assert {fault.split(" must")[0] for fault in found} == {"roles[1].role", "roles[1].use_cases"}


class TestAFaultIsToldOnce:
    """None is told that only follows from another."""

    def test_of_a_test_of_a_criterion(self) -> None:
        (fault,) = faults(HEAD + LEVELS + criterion("I1", '{finding = "age", comparison = "above", number = 1}'))
        assert fault.startswith("criteria[1].tests[1].comparison must be one of at-least, at-most")

    def test_of_the_number_of_a_test(self) -> None:
        (fault,) = faults(HEAD + LEVELS + criterion("I1", '{finding = "age", comparison = "at-least", number = "x"}'))
        assert fault == "criteria[1].tests[1].number must be a decimal number such as '0.5', got the text 'x'"

    @pytest.mark.parametrize("endpoints", ["safety_days = [-1, 10]", 'safety_days = "500"', "safety_days = ['x', 10]"])
    def test_of_days_that_cannot_be_read(self, endpoints: str) -> None:
        (fault,) = faults(f"{HEAD}{LEVELS}[dlt]\nwindow_days = 400\n[endpoints]\n{endpoints}\n")
        assert "safety_days" in fault
        assert "observed" not in fault

    def test_of_a_variant_of_the_endpoints(self) -> None:
        text = '[dlt]\nwindow_days = 400\n[endpoints]\nsafety_days = [500]\nanchor = "x"\n'
        assert faults(HEAD + LEVELS + text) == {
            "endpoints: anchor has no variant 'x': there are chemotherapy, infusion"
        }

    def test_of_no_level(self) -> None:
        assert faults(HEAD + "levels = []\n") == {"levels must be numbered from 1 to at most 20 without a gap, got []"}

    def test_of_a_criterion_that_contradicts_itself(self) -> None:
        tests = f'{AGE}, {{finding = "age", comparison = "at-most", number = 17}}'
        assert faults(HEAD + LEVELS + criterion("I1", tests)) == {
            "criterion I1 contradicts itself: age >= 18 and age <= 17 cannot both be"
        }

    def test_of_the_code_of_the_trial(self) -> None:
        (fault,) = faults(HEAD.replace('"T1"', '" "') + LEVELS)
        assert fault.startswith("trial: ' ' is not a valid trial code")

    def test_of_a_design_that_cannot_be_read(self) -> None:
        (fault,) = faults(f'{HEAD}{LEVELS}administrations = 3\ndesign = "boin"\n')
        assert fault.startswith("design: expected a table [design] with a name")

    def test_of_a_scale_that_cannot_be_read(self) -> None:
        (fault,) = faults(f'{HEAD}{LEVELS}grading = "FDA"\n[dlt]\nmin_grade = 5\n')
        assert fault.startswith("grading: ")

    def test_of_a_row_that_may_be_the_one_that_is_lacking(self) -> None:
        rows = '[[1, 0, "escalate"], ["one", 1, "stay"]]'
        assert faults(f'{HEAD}{LEVELS}[design]\nname = "table"\ncohort_size = 1\nrows = {rows}\n') == {
            "design.rows[2].n must be a whole number, got the text 'one'"
        }

    def test_of_a_criterion_whose_code_cannot_be_read(self) -> None:
        text = criterion("I1", AGE, contradicts="I2") + criterion("I2", AGE).replace('id = "I2"', "id = 2")
        assert faults(HEAD + LEVELS + text) == {"criteria[2].id must be a text, got the number 2"}

    def test_of_a_finding_that_cannot_be_read(self) -> None:
        text = 'findings = [1, "b"]\n' + criterion("I1", '{finding = "a", comparison = "is-so"}')
        assert faults(HEAD + LEVELS + text) == {"findings[1] must be a text, got the number 1"}

    def test_of_a_blank_finding(self) -> None:
        text = 'findings = [" "]\n' + criterion("I1", '{finding = "a", comparison = "is-so"}')
        assert faults(HEAD + LEVELS + text) == {"findings names a blank finding"}

    def test_of_a_blank_use_case(self) -> None:
        assert faults(f'{HEAD}{LEVELS}[[roles]]\nrole = "monitor"\nuse_cases = [""]\n') == {
            "roles[1]: role monitor names a blank use case"
        }

    def test_of_a_row_with_a_wrong_threshold(self) -> None:
        text = '[[dlt.criteria]]\nanc_below = "x"\nlonger_than_days = 7\n[[dlt.criteria]]\nmin_grade = 3\n'
        assert faults(HEAD + LEVELS + text) == {
            "dlt.criteria[1].anc_below must be a decimal number such as '0.5', got the text 'x'"
        }

    @pytest.mark.parametrize(
        ("wrong", "named", "hint"), [("term = ['Fever']", "term", ": did you mean terms?"), ("foo = 1", "foo", "")]
    )
    def test_of_an_unknown_parameter_of_a_row(self, wrong: str, named: str, hint: str) -> None:
        text = f"[[dlt.criteria]]\n{wrong}\n[[dlt.criteria]]\nmin_grade = 3\n"
        assert faults(HEAD + LEVELS + text) == {f"dlt.criteria[1].{named}: there is no such parameter{hint}"}

    def test_of_a_misspelt_parameter(self) -> None:
        assert faults(f'{HEAD}{LEVELS}desing = "none"\nadministrations = 3\n') == {
            "desing: there is no such parameter: did you mean design?"
        }

    def test_of_a_level_without_its_place(self) -> None:
        assert faults(HEAD + 'levels = [{label = "a"}, {}]\n') == {
            "levels[1].level: is missing",
            "levels[2].level: is missing",
        }

    def test_of_a_number_of_levels_in_a_file_of_a_design(self, tmp_path: Path) -> None:
        (tmp_path / "d.toml").write_text(
            'levels = 0\n[design]\nname = "boin"\ntarget = 0.3\ncohort_size = 0\n', "utf-8"
        )
        with pytest.raises(ProtocolInvalid) as refused:
            read_design(tmp_path / "d.toml")
        assert set(refused.value.faults) == {
            "levels: expected a whole number from 1 to 20, or the levels of a protocol",
            f"design: design.cohort_size {DAYS}, got 0",
        }


class TestRoles:
    TABLE = '[[roles]]\nrole = "investigator"\nuse_cases = [{}]\n'

    def test_an_unknown_use_case_is_found_before_registration(self) -> None:
        found = faults(HEAD + LEVELS + self.TABLE.format('"amend", "infuze"'))
        (fault,) = found
        assert fault.startswith("roles[1].use_cases must be one of register, consent, ")
        assert fault.endswith("got the text 'infuze'; the nearest is infuse")

    def test_a_table_that_lets_nobody_amend_is_found_before_registration(self) -> None:
        assert faults(HEAD + LEVELS + self.TABLE.format('"infuse"')) == {
            "roles: this table grants 'amend' to no role, so no user could change it again: grant 'amend' to a role"
        }

    def test_a_word_that_may_be_amend_is_one_fault(self) -> None:
        (fault,) = faults(HEAD + LEVELS + self.TABLE.format('"amendd"'))
        assert fault.endswith("the nearest is amend")

    @pytest.mark.parametrize(("names", "kind"), [(("amend", "fly"), UseCaseUnknown), (("infuse",), TableLocksOut)])
    def test_the_desk_asks_the_same(self, names: tuple[str, ...], kind: type[Exception]) -> None:
        plain = protocol_from_toml(HEAD + LEVELS)
        protocol = TrialProtocol(
            trial="T1",
            title="A trial",
            version="1",
            levels=plain.levels,
            roles=(Grant(role=Role.INVESTIGATOR, use_cases=names),),
        )
        with Trials.open("memory:") as trials, pytest.raises(kind):
            trials.register(protocol, by=INVESTIGATOR)
