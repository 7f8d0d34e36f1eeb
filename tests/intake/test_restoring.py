"""A restored export is the same log as the exported one."""

from datetime import timedelta
from pathlib import Path

import pytest
from site_desk import INVESTIGATOR, Site

from trialdomain import LogUnusable, Trials, read_log, restore, verify
from trialdomain.exchange.jsonl import LineCorrupt, write_jsonl
from trialdomain.storage.errors import CommandRestored
from trialdomain.storage.sqlite.store import SQLiteStore


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(address=f"sqlite:///{tmp_path / 'log.db'}")
    site.treat("S001", "S002", "S003")
    site.desk.consent("S004", signed_on=site.today, form_version="1", command_id="of-a-caller")
    return site


@pytest.fixture
def exported(site: Site, tmp_path: Path) -> Path:
    path = tmp_path / "log.jsonl"
    recorder = SQLiteStore(tmp_path / "log.db", readonly=True)
    with path.open("wb") as file:
        write_jsonl(recorder, site.trial.trial, file)
    recorder.close()
    return path


@pytest.mark.shows("AT-24")
def test_it_has_the_same_root_the_same_bytes_and_the_same_answers(site: Site, exported: Path, tmp_path: Path) -> None:
    [restored] = restore(exported, tmp_path / "copy.db")
    before, after = verify(tmp_path / "log.db"), verify(tmp_path / "copy.db")
    assert (after.ok, after.trials[0].root, restored.root) == (True, before.trials[0].root, before.trials[0].root)
    recorder = SQLiteStore(tmp_path / "copy.db", readonly=True)
    with (tmp_path / "again.jsonl").open("wb") as file:
        assert write_jsonl(recorder, site.trial.trial, file) == restored.entries
    recorder.close()
    assert (tmp_path / "again.jsonl").read_bytes() == exported.read_bytes()
    with read_log(tmp_path / "copy.db") as log:
        history = log[site.trial.trial].history()
        assert history.answers(on=site.today) == site.trial.history().answers(on=site.today)


def test_recording_goes_on_where_it_stopped(site: Site, exported: Path, tmp_path: Path) -> None:
    restore(exported, tmp_path / "copy.db")
    site.now += timedelta(hours=1)
    with Trials.open(tmp_path / "copy.db", clock=site.clock) as trials:
        desk = trials.trial(site.trial.trial).acting(INVESTIGATOR)
        desk.consent("S005", signed_on=site.today, form_version="1")
        with pytest.raises(CommandRestored, match="was recorded before the log was restored: look at positions"):
            desk.consent("S006", signed_on=site.today, form_version="1", command_id="of-a-caller")
    assert verify(tmp_path / "copy.db").ok


def test_a_file_that_was_changed_makes_no_log(exported: Path, tmp_path: Path) -> None:
    exported.write_bytes(exported.read_bytes().replace(b"S002", b"S009"))
    with pytest.raises(LineCorrupt, match="does not fit its leaf"):
        restore(exported, tmp_path / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == []


def test_a_log_that_is_there_is_left_as_it_is(exported: Path, tmp_path: Path) -> None:
    before = (tmp_path / "log.db").read_bytes()
    with pytest.raises(LogUnusable, match="exists already"):
        restore(exported, tmp_path / "log.db")
    assert (tmp_path / "log.db").read_bytes() == before
