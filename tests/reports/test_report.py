"""What a report is, for every renderer: a title, blocks and JSON, each made when it is asked for."""

import ast
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from blocks import json_of, lines_of, tables_of
from made_once import SimulatedLog
from site_desk import OPEN, Site

import trialdomain
from trialdomain import ClinicalTime, Dose, History, read_log
from trialdomain.checks.report import findings_report
from trialdomain.checks.run import findings
from trialdomain.cli.output import print_report
from trialdomain.events.cohort import MemberAssessed
from trialdomain.events.participant import Infused
from trialdomain.history import answers_report, diff_report
from trialdomain.reports.endpoints.explanation import explanation_report
from trialdomain.reports.endpoints.report import endpoint_report, endpoints_report
from trialdomain.reports.escalation.decisions import decisions_report
from trialdomain.reports.escalation.design import state_report
from trialdomain.reports.escalation.state import escalation_report
from trialdomain.reports.facts import fact_words
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Listing, Report
from trialdomain.reports.review import review_report
from trialdomain.reports.table import Column, Table
from trialdomain.reports.trail import trail_report
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason, Standing

PACKAGE = Path(trialdomain.__file__).parent


REPORTS: dict[str, Callable[[History], Report]] = {
    "answers": lambda history: answers_report(history.answers(on=history.last_day())),
    "decisions": lambda history: decisions_report(list(history.decisions()), history.zone),
    "endpoint": lambda history: endpoint_report(
        (found := history.endpoints(on=history.last_day(), only=["S9"])), found.summary("S9").endpoint
    ),
    "endpoints": lambda history: endpoints_report(history.endpoints(on=history.last_day())),
    "explanation": lambda history: explanation_report(history.explain("S9", on=history.last_day())),
    "findings": lambda history: findings_report(findings(history)),
    "review": lambda history: review_report(history.review(on=history.last_day())),
    "trail": lambda history: trail_report(list(history.trail("S001")), history.zone),
}
"""Every report about a trial, by what it reports."""


@pytest.mark.parametrize("name", REPORTS)
def test_every_report_has_a_title_blocks_and_json_of_plain_values(demonstrated: SimulatedLog, name: str) -> None:
    with read_log(demonstrated.path) as log:
        report = REPORTS[name](log[demonstrated.trial].history())
        assert report.title
        assert json.loads(json.dumps(json_of(report))) == json_of(report)
        assert lines_of(report)
        for table in tables_of(report):
            assert table.rows
            assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_difference_is_reported_in_short_or_field_by_field(demonstrated: SimulatedLog) -> None:
    with read_log(demonstrated.path) as log:
        trial = log[demonstrated.trial]
        later = trial.history()
        found = trial.history(known_at=later.position - 30).diff(later)
    assert len(found.entries) == 30
    shown = {}
    for fields in (False, True):
        report = diff_report(found, later.zone, fields=fields)
        (listing,) = (block for block in report.blocks if isinstance(block, Listing))
        shown[fields] = list(listing.rows)
        assert report.json == diff_report(found, later.zone).json
    assert [row[0] for row in shown[False]] == [str(told.entry.position) for told in found.entries]
    assert len(shown[True]) == sum(max(1, len(told.changes)) for told in found.entries)


def test_each_part_is_made_when_it_is_asked_for() -> None:
    asked: list[str] = []

    def blocks() -> list[Block]:
        asked.append("blocks")
        return [Lines(["a sentence"])]

    def members() -> dict[str, Json]:
        asked.append("json")
        return {"a": 1}

    report = Report(title="A title", blocks=blocks, json=members).under("Another", "a remark", trial="T1")
    assert (report.title, asked) == ("Another", [])
    assert (report.json, asked) == ({"trial": "T1", "a": 1}, ["json"])
    assert (lines_of(report), asked) == (["a remark", "a sentence"], ["json", "blocks"])


def test_a_trial_without_an_answer_has_no_json_of_it() -> None:
    report = escalation_report(None)
    assert report.json is None
    assert report.under("T", trial="T1").json == {"trial": "T1"}
    assert lines_of(report) == ["no escalation in this protocol"]


class TestPrinted:
    def test_a_blank_line_stands_between_sections_and_never_two(self, capsys: pytest.CaptureFixture[str]) -> None:
        table = Table(title="Table", columns=("a",), rows=(("1",),))

        def section(*blocks: Block) -> Report:
            return Report(title="Section", blocks=lambda: blocks, json=dict)

        whole = section(section(Lines(["one"])), section(Lines(["two"]), table), section(Lines(["three"])))
        print_report(whole, as_json=False)
        assert capsys.readouterr().out == "one\n\ntwo\nTable\na\n-\n1\n\nthree\n"

    def test_programs_get_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_report(state_report("escalate"), as_json=True, headed=True)
        assert capsys.readouterr().out == '{"answer": "escalate"}\n'

    def test_people_get_the_title_where_it_heads_an_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        print_report(state_report("escalate").under("Heading"), as_json=False, headed=True)
        assert capsys.readouterr().out == "Heading\nescalate\n"

    def test_the_rows_of_a_listing_are_printed_before_the_last_is_read(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        printed: list[str] = []

        def rows() -> Iterator[tuple[str, ...]]:
            for number in range(300):
                if number == 250:
                    printed.append(capsys.readouterr().out)
                yield (str(number),)

        listing = Listing(title="Rows", columns=(Column("n"),), rows=rows())
        print_report(Report(title="T", blocks=lambda: [listing], json=dict), as_json=False)
        assert "\n 0\n 1\n" in printed[0]
        assert "299" in capsys.readouterr().out


SHARED = {"COLUMNS", "Column", "Lines", "Report", "Table", "write_endpoints", "write_trail"}
"""What the command line takes from the rooms of reports beside reports: the blocks it makes itself, and files."""
WORDS = {"mtd_words", "observed_line", "path_table", "story_table"}
"""What the demonstration puts together itself."""


def test_the_command_line_knows_reports_and_no_way_to_show_an_answer() -> None:
    taken = {
        name.name
        for file in (PACKAGE / "cli" / "commands").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("trialdomain.reports")
        for name in node.names
    }
    assert "endpoints_report" in taken
    assert {name for name in taken if not name.endswith("_report")} <= SHARED | WORDS


def test_an_mtd_endpoint_without_a_design_says_why_it_has_none() -> None:
    site = Site(attrs.evolve(OPEN, design=None))
    found = site.trial.history().endpoints(on=site.today, only=["P3"])
    report = endpoint_report(found, found.summary("P3").endpoint)
    assert "The protocol has no escalation design, which would give the MTD" in lines_of(report)


def test_an_explanation_names_a_design_as_people_do() -> None:
    site = Site()
    report = explanation_report(site.trial.history().explain("P3", on=site.today))
    assert "Parameters: design = 3+3" in lines_of(report)


def test_the_line_of_an_evaluation_has_its_reason() -> None:
    standing = Standing(evaluation=Evaluation.PENDING, reason=EvaluationReason.WINDOW_OPEN)
    fact = MemberAssessed(subject="S001", standing=standing)
    assert fact_words(fact) == "member assessed, subject S001, pending, window-open"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "infused at level 1, started 2026-03-02"),
        ({"dose": Dose(amount=70, unit="10*6{cells}")}, "infused at level 1, 70 10*6{cells}, started 2026-03-02"),
        (
            {"dose": Dose(amount=70, unit="10*6{cells}"), "body_weight_kg": Decimal(70)},
            "infused at level 1, 70 10*6{cells} for 70 kg, started 2026-03-02",
        ),
        (
            {"dose": Dose(amount=173, unit="mg"), "bsa_m2": Decimal("1.73")},
            "infused at level 1, 173 mg for 1.73 m2, started 2026-03-02",
        ),
    ],
)
def test_the_line_of_an_infusion_has_what_its_level_rests_on(given: dict[str, Any], words: str) -> None:
    assert fact_words(Infused(level=1, started_at=ClinicalTime("2026-03-02"), **given)) == words
