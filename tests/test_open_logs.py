"""A test that leaves a log open is told so itself, on every Python (``open_logs.py`` and ``conftest.py``)."""

import sqlite3
from pathlib import Path

import pytest
from open_logs import DATABASES

from trialdomain.storage.sqlite.store import SQLiteStore


def test_a_connection_that_is_open_is_named_with_the_line_that_made_it_and_closed(tmp_path: Path) -> None:
    since = len(DATABASES)
    connection = sqlite3.connect(tmp_path / "one.db")
    [where] = DATABASES.left(since)
    assert where.startswith("test_open_logs.py:")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    assert len(DATABASES) == since


def test_so_is_one_that_the_library_made(tmp_path: Path) -> None:
    since = len(DATABASES)
    log = SQLiteStore(tmp_path / "log.db")
    left = DATABASES.left(since)
    log.close()
    assert {where.partition(":")[0] for where in left} == {"test_open_logs.py"}


def test_one_that_was_closed_is_not(tmp_path: Path) -> None:
    since = len(DATABASES)
    SQLiteStore(tmp_path / "log.db").close()
    assert len(DATABASES) > since
    assert DATABASES.left(since) == []
