"""A log of an older schema version is read as it is, and brought forward when it is opened for writing."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from other_programs import consent
from site_desk import INVESTIGATOR, OPEN

from trialdomain import LogUnusable, Trials, read_log, verify
from trialdomain.storage.sqlite.schema import SCHEMA_VERSION, schema_of

SCHEMA_2 = Path(__file__).parents[1] / "golden" / "sqlite-schema-2.sql"
"""The schema of version 2, as it was released."""
TRIAL = OPEN.trial


@pytest.fixture
def old(path: Path, tmp_path: Path) -> Path:
    """A log of version 2: its tables, made by its own schema, with the rows of a log of today."""
    newer = tmp_path / "newer.db"
    with Trials.open(newer) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(SCHEMA_2.read_text(encoding="utf-8"))
        connection.execute("ATTACH ? AS newer", [str(newer)])
        for table in ("entries", "commands", "checkpoints", "heads"):
            connection.execute(f"INSERT INTO {table} SELECT * FROM newer.{table}")
        connection.execute("DETACH newer")
        connection.execute(f"PRAGMA application_id = {0x7472646D}")
        connection.execute("PRAGMA user_version = 2")
        connection.execute("PRAGMA journal_mode = WAL")
    return path


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def root(path: Path) -> bytes:
    [trial] = verify(path).trials
    return trial.root


def test_the_schema_of_version_2_is_what_was_released() -> None:
    assert schema_of(2).strip() == SCHEMA_2.read_text(encoding="utf-8").strip()


def test_it_is_read_and_verified_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    with read_log(old) as log:
        assert log[TRIAL].history().position == 5
        assert len(list(log.follow(wait=False))) == 5
    assert verify(old).defects == ()
    assert (old.read_bytes(), version_of(old)) == (before, 2)


def test_it_is_brought_forward_when_it_is_opened_for_writing(old: Path) -> None:
    before = root(old)
    with Trials.open(old) as trials:
        assert version_of(old) == SCHEMA_VERSION == 3
        assert root(old) == before
        assert trials.outbox("billing").deliver(lambda _: None, wait=False) == 5
        consent(trials.trial(TRIAL).acting(INVESTIGATOR), "S002")
    assert verify(old).defects == ()
    with Trials.open(old) as trials:
        assert trials.outbox("billing").positions == {TRIAL: 5}


def test_several_programs_may_bring_it_forward_at_once(old: Path) -> None:
    script = (
        "import sys; from trialdomain import Trials\n"
        "with Trials.open(sys.argv[1]) as trials: print(trials.outbox('o').deliver(lambda _: None, wait=False))"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, old], stdout=subprocess.PIPE, encoding="utf-8")
        for _ in range(4)
    ]
    assert all(one.wait() == 0 for one in started)
    for one in started:
        assert one.stdout is not None
        one.stdout.close()
    assert version_of(old) == 3
    assert verify(old).ok


def test_a_table_of_somebody_else_with_the_name_of_a_new_one_stays(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE cursors (mine)")
        connection.commit()
    with pytest.raises(LogUnusable, match="cannot be brought to 3: table cursors already exists"):
        Trials.open(old)
    assert version_of(old) == 2
    with read_log(old) as log:
        assert log[TRIAL].history().position == 5
