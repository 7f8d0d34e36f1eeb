"""The page of mutants has every module; what is not tried is no mutant, changes nothing, or is a copy."""

import json
import re
from pathlib import Path

import pytest
from mutants.impact import Impact, changed_line
from mutants.operators import Mutation, Source, excluded
from mutants.page import PAGE, grouped
from mutants.scope import FIRST, FOLDERS, ROOT, files_of_tests, modules, trace_name
from mutants.session import Survivor
from mutants.warm import unaffected

RULE = """\
@attrs.frozen(kw_only=True)
class Rule:
    most: int | None = attrs.field(repr=False)

    @cache
    def closes(self, *, dlts: int) -> int | None:
        if not dlts:
            return None
        if dlts >= 2 and self.open | {1}:
            return dlts - 1
        return (dlts if dlts < 2 else 0)
"""


class TestThePage:
    def test_it_has_the_modules_of_the_four_packages(self) -> None:
        rows = re.findall(r"^\| `((?:\w+/)+\w+)` \| `.*(?:\d+\.\d|none) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
        assert tuple(rows) == modules()

    def test_every_module_has_tests_that_run_first_and_exist(self) -> None:
        assert tuple(sorted(FIRST)) == modules()
        assert {test for tests in FIRST.values() for test in tests} <= set(files_of_tests())

    def test_a_package_itself_has_no_code(self) -> None:
        package = ROOT / "src" / "trialdomain"
        inits = [path for folder in FOLDERS for path in (package / folder).rglob("__init__.py")]
        assert [path for path in inits if not re.fullmatch(r'"""[^"]*"""\n', path.read_text("utf-8"))] == []

    def test_a_survivor_is_in_the_group_of_its_reason_and_another_in_none(self) -> None:
        known = Survivor("limits/stagger", 18, "ReplaceComparisonOperator_Gt_NotEq", "len(days) > 1", "len(days) != 1")
        other = Survivor("limits/stagger", 18, "NumberReplacer", "len(days) > 1", "len(days) > 2")
        assert [group.survivors for group in grouped([known, other])] == [[known], [other]]


@pytest.mark.parametrize(
    ("operator", "line", "text", "why"),
    [
        ("ReplaceComparisonOperator_GtE_Gt", 9, ">=", None),
        ("ReplaceComparisonOperator_GtE_Lt", 9, ">=", None),
        ("ReplaceComparisonOperator_GtE_IsNot", 9, ">=", "replacement"),
        ("ReplaceBinaryOperator_Sub_Add", 10, "- 1", None),
        ("ReplaceBinaryOperator_Sub_Mul", 10, "- 1", "replacement"),
        ("ReplaceBinaryOperator_BitOr_BitAnd", 9, "| {", None),
        ("ReplaceBinaryOperator_BitOr_BitAnd", 3, "|", "no calculation"),
        ("ReplaceBinaryOperator_BitOr_BitAnd", 6, "|", "no calculation"),
        ("ReplaceBinaryOperator_Mul_Div", 6, "*", "no calculation"),
        ("ReplaceUnaryOperator_Delete_Not", 7, "not", None),
        ("AddNot", 7, "not", "copy"),
        ("AddNot", 9, "dlts", "copy"),
        ("AddNot", 11, "dlts <", "copy"),
        ("ReplaceAndWithOr", 9, "and", None),
        ("NumberReplacer", 9, "2", None),
        ("RemoveDecorator", 1, "@", None),
        ("RemoveDecorator", 5, "@", "decorator"),
        ("ReplaceTrueWithFalse", 1, "True", "option"),
        ("ReplaceFalseWithTrue", 3, "False", "option"),
    ],
)
def test_what_is_not_tried(operator: str, line: int, text: str, why: str | None) -> None:
    column = RULE.splitlines()[line - 1].index(text)
    assert excluded(Mutation(f"core/{operator}", (line, column)), Source(RULE)) == why


class TestWhichTestsAMutantMeets:
    SOURCE = "MOST = 2\n\ndef closed(dlts):\n    if dlts >= MOST:\n        return True\n    return False\n"
    HERE, THERE = FIRST["designs/closing"][0], "tests/rules/test_other.py"

    @pytest.fixture
    def impact(self, tmp_path: Path) -> Impact:
        traces = {
            self.HERE: (["long", "short", "longer"], [0.3, 0.1, 3.0], {"4": [0, 1], "5": [0], "6": [1, 2]}),
            self.THERE: (["other", "hour"], [0.01, 3600.0], {"4": [0, 1], "5": [0, 1]}),
        }
        for file, (names, seconds, lines) in traces.items():
            tests = [f"{file}::{name}" for name in names]
            trace = {"tests": tests, "seconds": seconds, "lines": {"designs/closing": lines}}
            (tmp_path / trace_name(file)).write_text(json.dumps(trace))
        return Impact("designs/closing", sorted(tmp_path.iterdir()), self.SOURCE, seconds=2.0)

    def met(self, impact: Impact, line: int) -> list[list[str]]:
        return [[test.split("::")[1] for test in one.tests] for one in impact.rounds(line)]

    def test_those_that_run_its_statement_the_short_ones_first_and_its_own_before_others(self, impact: Impact) -> None:
        assert self.met(impact, 4) == [["short", "long"], ["other"]]

    def test_one_that_nobody_of_its_own_runs_meets_the_others(self, impact: Impact) -> None:
        assert self.met(impact, 5) == [["long"], ["other"]]

    def test_one_of_its_own_that_did_not_fit_comes_last(self, impact: Impact) -> None:
        assert self.met(impact, 6) == [["short"], ["longer"]]

    def test_a_constant_and_the_head_of_a_function_meet_all(self, impact: Impact) -> None:
        assert self.met(impact, 1) == self.met(impact, 3) == [["short", "long"], ["other"], ["longer"]]

    def test_who_has_killed_comes_first(self, impact: Impact) -> None:
        impact.killed_by(f"{self.HERE}::long")
        assert self.met(impact, 4) == [["long", "short"], ["other"]]

    def test_the_changed_line_is_the_first_that_differs(self) -> None:
        assert changed_line(self.SOURCE, self.SOURCE.replace(">=", ">")) == 4
        assert changed_line(self.SOURCE, self.SOURCE.replace("MOST = 2\n", "")) == 1
        assert changed_line(self.SOURCE, self.SOURCE) == 0


def test_what_is_imported_once_depends_on_no_mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    warm = unaffected("rules/dlt")
    assert {"trialdomain.values.ids", "trialdomain.designs.registry"} <= set(warm)
    assert not {"trialdomain.rules.dlt", "trialdomain.projections.dlt_counts", "trialdomain.desk"} & set(warm)
