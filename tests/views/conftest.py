"""Fixtures: the address of a new log on either store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import NO_SERVER, Server, running


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "SQLite":
        return str(tmp_path / "log.db")
    server: Server = request.getfixturevalue("server")
    return server.new_log()


@pytest.fixture(scope="session")
def own_server() -> Iterator[Server]:
    """A server that only tests of this folder use, to be started again."""
    with running() as found:
        if found is None:
            pytest.skip(NO_SERVER)
        yield found
