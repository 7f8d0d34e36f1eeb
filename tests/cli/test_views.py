"""``trialdomain views``: what it says, its exit status, and what it refuses."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from signal import SIGINT
from time import monotonic, sleep

import pytest
from other_programs import consent
from site_desk import INVESTIGATOR, OPEN

from trialdomain import Trials
from trialdomain.cli.run import run as main


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
    return path


def damage(log: Path) -> None:
    """Change the state of the last entry, as who owns the file can."""
    with closing(sqlite3.connect(log)) as file, file:
        file.execute("DROP TRIGGER entries_no_update")
        file.execute("UPDATE entries SET state = x'7b7d' WHERE position = 5")


def test_a_view_that_was_set_aside_is_named_with_its_entry_and_the_status_is_1(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    damage(log)
    assert main(["views", "rebuild", str(log)]) == 1
    said = capsys.readouterr().out
    assert "participant of NCT06245746 at position 5: position 5 of trial NCT06245746" in said
    assert "correct what is wrong, and retry or rebuild the views that were set aside" in said
    assert main(["views", "status", str(log), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert {(one["state"], one["position"], one["failed_at"]) for one in answer["views"]} == {("set-aside", 4, 5)}
    assert main(["views", "retry", str(log), "--view", "cohort"]) == 1
    assert capsys.readouterr().out.startswith("1 view tried again")
    assert main(["views", "follow", str(log), "--once"]) == 1
    assert "participant of NCT06245746 at position 5" in capsys.readouterr().out


def test_nothing_stays_beside_the_tables(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["rebuild"], ["status"], ["retry"], ["follow", "--once"], ["status"]):
        assert main(["views", words[0], str(log), *words[1:]]) == 0
        assert sorted(path.name for path in log.parent.iterdir()) == ["log-views.db", "log.db"]
    capsys.readouterr()


def test_before_the_first_rebuild_it_says_what_to_do(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["views", "status", str(log)]) == 0
    assert "rebuild or follow the views that were never built" in capsys.readouterr().out
    assert not log.with_name("log-views.db").exists()


def test_a_log_without_a_trial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Trials.open(tmp_path / "log.db").close()
    assert main(["views", "rebuild", str(tmp_path / "log.db")]) == 0
    assert capsys.readouterr().out == "The log has no trial yet.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rebuild", "LOG", "--view", "nix"], "there is no view 'nix': name one of participant, cohort"),
        (["retry", "LOG", "--view", "about"], "there is no view 'about': name one of participant"),
        (["status", "NONE"], "there is no log at"),
        (["rebuild", "EXPORT"], "not a log"),
        (["follow", "mysql://li@server/db"], "is not an address of a log"),
        (["reuild", "LOG"], "did you mean rebuild?"),
        ([], "the following arguments are required: ACTION"),
    ],
)
def test_what_it_refuses(
    words: list[str], said: str, log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = tmp_path / "log.jsonl"
    assert main(["export", str(log), str(export)]) == 0
    capsys.readouterr()
    names = {"LOG": str(log), "NONE": str(tmp_path / "none.db"), "EXPORT": str(export)}
    before = sorted(path.name for path in tmp_path.iterdir())
    assert main(["views", *(names.get(word, word) for word in words)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_place_that_is_taken(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.with_name("log-views.db").mkdir()
    assert main(["views", "rebuild", str(log)]) == 2
    told = capsys.readouterr().err
    assert "log-views.db" in told
    assert "check the file, and try again" in told


AS_IN_A_TERMINAL = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from trialdomain.cli.run import run; sys.exit(run(sys.argv[1:]))"
)
"""A shell that runs the tests in the background makes its programs ignore Ctrl-C."""


def test_following_is_stopped_by_ctrl_c(log: Path) -> None:
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "views", "follow", str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
        until = monotonic() + 30
        while not log.with_name("log-views.db").exists():
            assert monotonic() < until
            sleep(0.05)
        sleep(1)
        process.send_signal(SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out.splitlines()[-1], err) == (0, "stopped", "")
