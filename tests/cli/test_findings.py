"""``trialdomain audit``: findings, and decisions looked at again, as people and programs read them."""

import json
from pathlib import Path

import attrs
import pytest
from cli_runs import done, refused, run
from site_desk import OPEN, Site, day

from trialdomain.protocol.conduct_rules import Stagger

LOG = "log.db"


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decision to go up, and a DLT that was reported after it."""
    folder = tmp_path_factory.mktemp("late")
    site = Site(attrs.evolve(OPEN, stagger=Stagger(between_days=0)), address=f"sqlite:///{folder / LOG}")
    site.treat("S001", "S002", "S003")
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    site.on(20).toxicity("S001", onset=day(5))
    site.trials.close()
    return folder


class TestFindings:
    def test_people_read_them_by_check_and_the_exit_status_is_1(self, late: Path) -> None:
        finished = run(late, "audit", LOG)
        assert (finished.returncode, finished.stderr) == (1, "")
        assert "overtaken: a decision whose answer is another today" in finished.stdout
        assert finished.stdout.rstrip().endswith("6 findings: 1 critical, 5 notes")

    def test_programs_read_every_check_with_its_findings(self, late: Path) -> None:
        finished = run(late, "audit", LOG, "--json")
        answer = json.loads(finished.stdout)
        assert (finished.returncode, answer["ok"], answer["on"]) == (1, False, "2026-03-22")
        assert {check["id"]: check["findings"] for check in answer["checks"] if check["findings"]} == {
            "overtaken": 1,
            "silence": 5,
        }
        first = answer["findings"][0]
        assert (first["check"], first["severity"], first["subject"]) == ("overtaken", "critical", None)
        assert first["requirement"]
        assert len(first["evidence"]) == 2  # the decision and the report

    def test_nothing_found_is_0(self, late: Path) -> None:
        assert done(late, "audit", LOG, "--only", "stagger").rstrip().endswith("Nothing was found.")
        done(late, "audit", LOG, "--known-at", 28, "--severity", "minor")  # before the report

    def test_an_export_is_audited_as_well(self, late: Path) -> None:
        done(late, "export", LOG, "log.jsonl")
        assert run(late, "audit", "log.jsonl", "--json").stdout == run(late, "audit", LOG, "--json").stdout

    def test_checks_of_your_own(self, late: Path) -> None:
        (late / "mine.py").write_text(
            "from trialdomain import Check\n"
            "class Mine(Check):\n"
            "    id, title, requirement = 'mine', 'something of mine', 'procedure 3'\n"
            "    def case(self, case):\n"
            "        yield self.found('seen', subject=case.case.subject)\n"
            "CHECKS = [Mine]\n"
        )
        finished = run(late, "audit", LOG, "--checks", "mine.py", "--only", "mine", "--json")
        assert [one["subject"] for one in json.loads(finished.stdout)["findings"]] == ["S001", "S002", "S003"]

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--only", "nothing"], "there is no check 'nothing': name one of"),
            (["--severity", "grave"], "invalid choice: 'grave'"),
            (["--checks", "nowhere.py"], "nowhere.py is not a Python file"),
            (["--decisions", "--only", "clock"], "--decisions audits only decisions"),
            (["--decisions", "--severity", "major"], "--decisions audits only decisions"),
        ],
    )
    def test_what_cannot_be_asked(self, late: Path, arguments: list[str], words: str) -> None:
        assert words in refused(late, "audit", LOG, *arguments)


class TestDecisions:
    def test_people_read_what_changed_the_answer(self, late: Path) -> None:
        finished = run(late, "audit", LOG, "--decisions")
        assert (finished.returncode, finished.stderr) == (1, "")
        lines = finished.stdout.splitlines()
        assert "As known then, at position 28 for 2026-03-17: escalate to level 2 (level 1: 0/3)" in lines[2]
        assert "It follows" in lines[3]
        assert "With the data of that day as known today: expand level 1 to 6 slots" in lines[4]
        assert any("Smallest change of the answer: position 31" in line for line in lines)

    def test_programs_read_it(self, late: Path) -> None:
        answer = json.loads(run(late, "audit", LOG, "--decisions", "--json").stdout)
        [decision] = answer["decisions"]
        assert (decision["follows"], decision["same_answer"], decision["allowed_today"]) == (True, False, False)
        assert (decision["then"]["action"], decision["today"]["action"]) == ("escalate", "expand")
        changing = [[one["position"] for one in decision["changing"]]]
        assert decision["smallest"] == decision["sufficient"] == {"sets": changing, "proven": True}

    def test_as_it_was_known_before_the_report_the_answer_was_the_same(self, late: Path) -> None:
        answer = json.loads(done(late, "audit", LOG, "--decisions", "--known-at", 30, "--json"))
        assert answer["ok"]

    def test_no_decision(self, late: Path) -> None:
        assert "Nothing was decided." in done(late, "audit", LOG, "--decisions", "--known-at", 5)
