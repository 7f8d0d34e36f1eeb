"""Replay ignores a foreign table, and counts the entries themselves, not the numbers in an entry of a cohort."""

import sqlite3
from pathlib import Path

import pytest
from site_desk import Site, day

from trialdomain import findings, read_log, verify


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    site = Site(address=f"sqlite:///{path}")
    site.treat("S001", "S002", "S003")
    site.on(3).toxicity("S001")
    site.trials.close()
    return path


@pytest.mark.shows("K-19")
@pytest.mark.parametrize(
    ("table", "columns", "row"),
    [
        ("snapshots", "originator_id, originator_version, topic, state", ("NCT06245746/cohort/1", 9, "Cohort", "{}")),
        ("dlt_counts", "trial, level, evaluable, dlts", ("NCT06245746", 1, 3, 0)),
        ("tracking", "application_name, notification_id", ("trialdomain", 1)),
    ],
)
def test_a_table_beside_the_log_is_ignored_by_replay_and_named_by_verify(
    log: Path, table: str, columns: str, row: tuple[object, ...]
) -> None:
    with read_log(log) as before:
        answers = before["NCT06245746"].history().answers(on=day(3))
    connection = sqlite3.connect(log)
    with connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    connection.close()
    with read_log(log) as after:
        assert after["NCT06245746"].history().answers(on=day(3)) == answers
    assert answers.dlt_counts.tallies[0].dlts == 1
    found = verify(log)
    assert not found.ok
    assert any(table in one.why for one in found.defects)


@pytest.mark.shows("K-19")
def test_what_a_cohort_was_told_is_not_what_is_counted(log: Path) -> None:
    """The cohort's entry is rewritten with its leaf: the counts stay, and the difference is found."""
    connection = sqlite3.connect(log)
    with connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        changed = connection.execute(
            "UPDATE entries SET state = CAST(replace(CAST(state AS TEXT), 'S001', 'S002') AS BLOB)"
            " WHERE name = 'cohort.dlt-attributed.v1'"
        ).rowcount
    connection.close()
    assert changed == 1
    with read_log(log) as after:
        history = after["NCT06245746"].history()
        member = next(one for one in history.dlt_counts(on=day(3)).members if one.dlt)
        assert member.subject == "S001"
        told = [one for one in findings(history).found if one.check == "reconciliation"]
    assert {one.subject for one in told} == {"S001", "S002"}
    assert not verify(log).ok
