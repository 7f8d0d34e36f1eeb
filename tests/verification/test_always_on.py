"""The audit trail cannot be switched off; no caller sets what the system sets; reading changes nothing."""

import inspect
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from site_desk import INVESTIGATOR, OPEN, Site

from trialdomain import Desk, Trials, read_log, verify
from trialdomain.commands.coercion import FactMalformed
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.storage.mapper import StoredEvent
from trialdomain.storage.sqlite.store import SQLiteStore

GOLDEN = Path(__file__).parents[1] / "golden"
USE_CASES = [name for name, _ in inspect.getmembers(Desk, inspect.isfunction) if not name.startswith("_")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.mark.shows("AT-20", "K-20")
def test_no_setting_of_the_environment_reaches_the_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What turns compression, encryption, snapshots and other stores on in eventsourcing, by itself and prefixed."""
    for prefix in ("", "TRIALDOMAIN_", "TRIALS_", "APPLICATION_"):
        for name, value in {
            "COMPRESSOR_TOPIC": "zlib",
            "CIPHER_TOPIC": "eventsourcing.cipher:AESCipher",
            "CIPHER_KEY": "AAAAAAAAAAAAAAAAAAAAAA==",
            "IS_SNAPSHOTTING_ENABLED": "y",
            "PERSISTENCE_MODULE": "eventsourcing.popo",
            "SQLITE_DBNAME": ":memory:",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
        }.items():
            monkeypatch.setenv(f"{prefix}{name}", value)
    site = Site(address=f"sqlite:///{path}")
    site.treat("S001")
    size = site.trial.history().position
    site.trials.close()
    with closing(sqlite3.connect(path)) as plain:
        rows = plain.execute("SELECT state, length(leaf) FROM entries").fetchall()
    assert (len(rows), {length for _, length in rows}) == (size, {32})
    assert all(state.startswith(b'{"fact":{') for state, _ in rows)
    assert verify(path).ok


@pytest.mark.shows("AT-20")
def test_no_use_case_and_no_way_to_open_a_log_has_a_switch_for_it() -> None:
    switches = {"leaf", "leaves", "tree", "audit", "trail", "hash", "log", "record", "dry_run"}
    for act in (Trials.open, Trials.__init__, SQLiteStore.__init__, *(getattr(Desk, name) for name in USE_CASES)):
        assert not switches & inspect.signature(act).parameters.keys()


@pytest.mark.shows("AT-22", "K-23")
@pytest.mark.parametrize("name", USE_CASES)
@pytest.mark.parametrize("field", ["recorded_at", "position", "version", "user", "part", "meta"])
def test_no_caller_says_when_an_entry_was_recorded_where_or_by_whom(name: str, field: str) -> None:
    parameters = inspect.signature(getattr(Desk, name)).parameters
    if name == "correct":  # takes the fields of a fact, of which none is called so
        site = Site()
        site.treat("S001")
        with pytest.raises(FactMalformed, match=f"has no field '{field}'"):
            site.desk.correct(site.infusion("S001"), reason="transcription: slip 88", **{field: 1})  # type: ignore[arg-type]  # as a caller might
    else:
        assert field not in parameters
        assert not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())


def test_a_clock_that_jumps_changes_no_order(path: Path) -> None:
    """Back an hour, forward a year, and through the hour that comes twice."""
    start, twice = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    moments = [
        start,
        start + timedelta(hours=1),
        start,
        twice.replace(fold=1),
        twice,
        start + timedelta(days=365),
        start,
    ]
    now: Callable[[], datetime] = iter([moment for moment in moments for _ in range(10)]).__next__
    with Trials.open(path, clock=now) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        for number in range(20):
            desk.consent(f"S{number:03}", signed_on="2026-03-01", form_version="1")
    with read_log(path) as log:
        entries = sorted(log[OPEN.trial].history().entries(), key=lambda one: one.position)
    times = [entry.meta.recorded_at for entry in entries]
    assert times == sorted(times)
    assert [entry.position for entry in entries] == list(range(1, len(entries) + 1))


@pytest.mark.shows("AT-15", "K-30")
def test_an_older_shape_is_read_in_the_present_one_and_its_root_stays(path: Path, tmp_path: Path) -> None:
    recorder = SQLiteStore(path)
    registered = (GOLDEN / "trial.registered.v1.json").read_bytes().strip()
    stream = "NCT06245746/participant/S001"
    old = [
        StoredEvent(stream, version, name, (GOLDEN / "v0" / f"{name}.json").read_bytes().strip())
        for version, name in enumerate(("participant.infused.v0", "participant.adverse-event-reported.v0"), start=1)
    ]
    recorder.insert_events([StoredEvent("NCT06245746", 1, "trial.registered.v1", registered), *old])
    before = verify(path).trials[0].root
    with (tmp_path / "log.jsonl").open("wb") as file:
        write_jsonl(recorder, "NCT06245746", file)
    recorder.close()
    with read_log(path) as log:
        kinds = [type(entry.fact).__name__ for entry in log["NCT06245746"].history().entries()]
    assert kinds == ["TrialRegistered", "Infused", "AdverseEventReported"]
    assert verify(path).trials[0].root == verify(tmp_path / "log.jsonl").trials[0].root == before
    with read_log(tmp_path / "log.jsonl") as log:
        assert [type(one.fact).__name__ for one in log["NCT06245746"].history().entries()] == kinds
