"""``trialdomain bundle``: a log for an inspector."""

import json
import os
from pathlib import Path

import pytest
from cli_runs import answer, done, refused, run

from trialdomain.__main__ import main
from trialdomain.events.trial import TrialExported
from trialdomain.history import read_log


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    done(folder, "simulate", "trial.db", "--participants", "6")
    done(folder, "keygen", "signer", "--name", "site.example/signer")
    return folder


def exports(log: Path) -> list[TrialExported]:
    with read_log(log) as opened:
        entries = next(iter(opened.values())).history().entries()
        return [entry.fact for entry in entries if isinstance(entry.fact, TrialExported)]


@pytest.mark.shows("AT-09")
def test_somebody_whom_the_trial_knows_takes_it_away_and_the_log_says_so(simulated: Path) -> None:
    before = len(exports(simulated / "trial.db"))
    why = ("--user", "investigator", "--why", "inspection 12")
    told = done(simulated, "bundle", "trial.db", "whole.zip", *why, "--key", "signer.key")
    assert "by Simulated investigator, investigator, Simulated: inspection 12" in told
    assert "The bundle is in whole.zip, recorded at position " in told
    assert [fact.why.plain for fact in exports(simulated / "trial.db")[before:]] == ["inspection 12"]
    shown = done(simulated, "verify", "whole.zip", "--key", "signer.pub")
    assert "checkpoint.txt: the log begins with it, signed by site.example/signer" in shown
    assert shown.endswith("Nothing is wrong.\n")
    assert json.loads(done(simulated, "verify", "whole.zip", "--json"))["bundle"]["by"] == "investigator"


def test_somebody_new_is_introduced_and_one_participant_is_enough(simulated: Path) -> None:
    who = ("--user", "mo", "--name", "Mo Yan", "--role", "monitor", "--organization", "Contract research")
    given = answer(simulated, "bundle", "trial.db", "one", *who, "--why", "source data", "--participant", "S001")
    assert (given["bundle"], given["participants"], given["by"]["name"]) == ("one", ["S001"], "Mo Yan")
    shown = run(simulated, "verify", "one")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"{given['entries']} entries of {given['size']}, those of S001" in shown.stdout
    (simulated / "one" / "changes.csv").write_text("", "utf-8")
    changed = run(simulated, "verify", "one")
    assert changed.returncode == 1
    assert "changes.csv does not have the size and hash of the manifest" in changed.stdout


def test_of_a_file_nothing_is_recorded_and_it_says_so(simulated: Path) -> None:
    done(simulated, "export", "trial.db", "trial.jsonl")
    before = (simulated / "trial.jsonl").read_bytes()
    told = done(simulated, "bundle", "trial.jsonl", "of-a-file")
    assert "the export was not recorded" in told
    assert "its tree is not signed" in told
    assert json.loads((simulated / "of-a-file" / "manifest.json").read_bytes())["recorded"] is None
    assert (simulated / "trial.jsonl").read_bytes() == before
    assert "the export cannot be recorded in" in refused(simulated, "bundle", "trial.jsonl", "x", "--user", "mo")
    assert "'n/a' says nothing" in refused(simulated, "bundle", "trial.jsonl", "x", "--why", "n/a")


def test_of_a_log_that_cannot_be_written_nothing_is_recorded_either(
    simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # nothing is read-only to a superuser
    assert main(["bundle", str(simulated / "trial.db"), str(tmp_path / "bundle"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recorded"] is None


def test_what_is_missing_or_wrong_is_one_sentence(simulated: Path) -> None:
    why = ("--user", "investigator", "--why", "inspection 12")
    assert "name the user and the reason" in refused(simulated, "bundle", "trial.db", "x")
    assert "'n/a' says nothing" in refused(
        simulated, "bundle", "trial.db", "x", "--user", "investigator", "--why", "n/a"
    )
    assert "has no user with the id 'nobody'" in refused(
        simulated, "bundle", "trial.db", "x", "--user", "nobody", "--why", "w"
    )
    assert "participant 'S999'" in refused(simulated, "bundle", "trial.db", "x", *why, "--participant", "S999")
    assert "--checkpoint needs --trusted" in refused(simulated, "bundle", "trial.db", "x", *why, "--checkpoint", "y")
    assert "--signed needs --key" in refused(simulated, "bundle", "trial.db", "x", *why, "--signed", "y")
    assert "exists already" in refused(simulated, "bundle", "trial.db", "trial.db", *why)
    (simulated / "empty").mkdir()
    assert "a folder or a device" in refused(simulated, "verify", "empty")
    assert not list(simulated.glob("x*"))
    assert not list(simulated.glob(".x*"))
