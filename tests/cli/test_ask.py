"""``endpoints``, ``explain`` and ``review`` as they are called: what they print, write, and refuse."""

import csv
import json
import subprocess
from collections.abc import Callable, Sequence
from errno import ENOSPC
from functools import cache
from pathlib import Path

import pytest
from cli_runs import run as run_in
from made_once import SimulatedLog

from trialdomain.errors import InputInvalid
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import read_log
from trialdomain.reports.endpoints.files import write_endpoints


@cache
def run(*arguments: object, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return run_in(cwd or Path.cwd(), *arguments)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, simulated: Callable[[int], SimulatedLog]) -> Path:
    """A simulated trial, exported."""
    folder = tmp_path_factory.mktemp("asked")
    path = simulated(25).copied_to(folder / "trial.db")
    with read_log(path) as read, (folder / "trial.jsonl").open("wb") as file:
        write_jsonl(read.reader, simulated(25).trial, file)
    return path


def rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class TestEndpoints:
    def test_every_surface_gives_the_same(self, log: Path, tmp_path: Path) -> None:
        """The library, ``replay``, ``endpoints`` and the files: one value, one place that derives it."""
        endpoints = json.loads(run("endpoints", log, "--json").stdout)
        replay = json.loads(run("replay", log, "--json").stdout)
        assert replay["endpoints"] == endpoints["endpoints"]
        assert run("endpoints", log, "--csv", tmp_path / "out").returncode == 0
        with read_log(log) as read:
            (trial,) = read.values()
            history = trial.history()
            outcomes = history.endpoints(on=history.last_day())
        written = rows(tmp_path / "out" / "participants.csv")
        assert len(written) == sum(len(values) for values in outcomes.found.values.values())
        for row in written:
            value = outcomes.value(row["endpoint"], row["subject"])
            answer = endpoints["endpoints"][row["endpoint"]]["participants"][row["subject"]]
            assert (row["status"], answer["status"]) == (value.status.value, value.status.value)
            assert row["value"] == ("" if value.value is None else str(int(value.value)))
            assert answer["value"] == value.value
            assert row["evidence"].split() == [str(position) for position in value.evidence]

    def test_an_export_gives_the_same(self, log: Path) -> None:
        exported = run("endpoints", log.with_suffix(".jsonl"), "--json")
        assert json.loads(exported.stdout) == json.loads(run("endpoints", log, "--json").stdout)

    def test_files_that_a_statistician_loads_without_editing(self, log: Path, tmp_path: Path) -> None:
        run("endpoints", log, "--csv", tmp_path / "out")
        dictionary = rows(tmp_path / "out" / "dictionary.csv")
        for name in ("participants.csv", "summaries.csv"):
            written = rows(tmp_path / "out" / name)
            described = {row["column"]: row["type"] for row in dictionary if row["file"] == name}
            assert list(written[0]) == list(described)
            assert all(len(column) <= 32 and column.islower() and column.isidentifier() for column in described)
            for row in written:
                for column, kind in described.items():
                    assert_is(kind, row[column])

    def test_one_row_for_each_summary(self, log: Path, tmp_path: Path) -> None:
        run("endpoints", log, "--csv", tmp_path / "out")
        written = rows(tmp_path / "out" / "summaries.csv")
        keys = [(row["endpoint"], row["group"], row["level"], row["part"]) for row in written]
        assert len(keys) == len(set(keys))
        assert {outcome for outcome, *_ in keys} == {f"S{number}" for number in range(1, 14)} | {"P1", "P2", "P3"}

    def test_it_writes_into_a_new_folder_alone(self, log: Path, tmp_path: Path) -> None:
        (tmp_path / "kept.txt").write_text("x")
        refused = run("endpoints", log, "--csv", tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "exists already: name a new folder" in refused.stderr
        assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]

    def test_it_writes_all_files_or_none(self, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last of the three files cannot be moved into place: the folder is full, or not writable any more."""
        move = Path.rename

        def failing(self: Path, target: Path) -> Path:
            if self.name == "dictionary.csv":
                raise OSError(ENOSPC, "No space left on device")
            return move(self, target)

        monkeypatch.setattr(Path, "rename", failing)
        with read_log(log) as read:
            history = next(iter(read.values())).history()
            found = history.endpoints(on=history.last_day())
            with pytest.raises(InputInvalid, match="No space left on device"):
                write_endpoints(found, tmp_path / "out", trial=history.trial, known_at=1, on=history.last_day())
        assert list((tmp_path / "out").iterdir()) == []

    def test_a_published_variant_instead_of_the_protocols(self, log: Path) -> None:
        usual = json.loads(run("endpoints", log, "--json").stdout)["endpoints"]["S7"]
        other = json.loads(run("endpoints", log, "--json", "--with", "anc-recovery=1.0").stdout)["endpoints"]["S7"]
        assert usual["definition"] != other["definition"]
        assert usual["overall"]["times"]["median"] < other["overall"]["times"]["median"]

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("--with", "platelets=30"), "platelets has no variant '30': there are 50, 25, 20"),
            (("--with", "color=red"), "there is no preset 'color'"),
            (("--with", "platelets"), "expected NAME=VARIANT"),
            (("--endpoint", "S14"), "the protocol has no endpoint 'S14': ask for one of P1, P2"),
            (("--csv", "x", "--json"), "choose one"),
        ],
    )
    def test_what_cannot_be_asked_gets_one_sentence(
        self, log: Path, arguments: Sequence[str], sentence: str, tmp_path: Path
    ) -> None:
        refused = run("endpoints", log, *arguments, cwd=tmp_path)
        assert refused.returncode == 2
        assert sentence in refused.stderr
        assert refused.stderr.count("\n") == 1

    def test_tables_for_people(self, log: Path) -> None:
        found = run("endpoints", log)
        assert (found.returncode, found.stderr) == (0, "")
        for words in ("Severe thrombocytopenia, incidence", "Days to recovery", "Maximum tolerated dose"):
            assert words in found.stdout
        assert "S001" in run("endpoints", log, "--endpoint", "s9").stdout


def assert_is(kind: str, text: str) -> None:
    """Hold a cell against the type that the dictionary gives its column."""
    if not text:
        return
    match kind:
        case "integer":
            int(text)
        case "number":
            float(text)
        case "date":
            year, month, day = text.split("-")
            assert (len(year), len(month), len(day)) == (4, 2, 2)
        case _:
            assert kind == "text"


class TestExplain:
    def test_a_value_with_its_definition_and_entries(self, log: Path) -> None:
        found = json.loads(run("explain", log, "S9", "S001", "--json").stdout)
        assert (found["endpoint"], found["subject"], found["value"]["status"]) == ("S9", "S001", "observed")
        assert found["parameters"]["endpoints.platelets.threshold"] == "50"
        assert "CIBMTR forms manual" in found["sources"][0]
        cited = found["rests_on"]
        assert [one["position"] for one in cited] == found["value"]["evidence"]
        assert {one["stream"] for one in cited} == {"SIM-0001/participant/S001"}
        assert all(one["name"] and one["role"] and one["organization"] and one["recorded_at"] for one in cited)
        assert any(one["what"].startswith("PLT ") for one in cited)

    def test_an_absence_with_what_was_looked_at(self, log: Path) -> None:
        everybody = json.loads(run("endpoints", log, "--json").stdout)["endpoints"]["S4"]["participants"]
        subject = next(name for name, value in everybody.items() if value["value"] is False and value["examined"])
        found = json.loads(run("explain", log, "S4", subject, "--json").stdout)
        assert found["value"]["value"] is False
        assert len(found["looked_at"]) == found["value"]["examined"] > 0
        printed = run("explain", log, "S4", subject).stdout
        assert "Looked at" in printed
        assert "Definition: At least one adverse event" in printed

    def test_a_whole_endpoint_names_everybody_behind_it(self, log: Path) -> None:
        found = json.loads(run("explain", log, "S8", "--json").stdout)
        counted = [one for one in found["participants"].values() if one["status"] == "observed"]
        assert len(counted) == found["overall"]["of"]
        assert sum(one["value"] for one in counted) == found["overall"]["n"]

    def test_the_mtd_rests_on_entries_too(self, log: Path) -> None:
        found = json.loads(run("explain", log, "p3", "--json").stdout)
        assert [one["position"] for one in found["rests_on"]] == found["overall"]["evidence"] != []

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [(("S9", "S999"), "there is no S9 of 'S999'"), (("X1",), "the protocol has no endpoint 'X1'")],
    )
    def test_nobody_and_nothing(self, log: Path, arguments: Sequence[str], sentence: str) -> None:
        refused = run("explain", log, *arguments)
        assert refused.returncode == 2
        assert sentence in refused.stderr


class TestReview:
    def test_what_a_committee_reads_first(self, log: Path) -> None:
        found = json.loads(run("review", log, "--json").stdout)
        one = found["participants"]["S002"]
        assert (one["level"], one["evaluation"], one["reason"]) == (1, "evaluable", "dlt")
        assert [narrative["subject"] for narrative in found["narratives"]] == ["S002", "S015", "S018"]
        assert found["safety"] == json.loads(run("replay", log, "--json").stdout)["safety"]
        printed = run("review", log)
        assert printed.returncode == 0
        assert "DLT: S002 was infused at dose level 1" in printed.stdout
