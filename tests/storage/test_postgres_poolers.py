"""A pooler hands each transaction of a client to another session of the server, where nothing was prepared."""

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg
import pytest
from other_programs import consent
from pooler import TransactionPooler
from postgres_server import Server
from server_fronts import running_front
from site_desk import INVESTIGATOR, OPEN

from trialdomain import Trials, verify
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres.connections import Connection
from trialdomain.storage.postgres.store import PostgresStore
from trialdomain.values.ids import subject_of

PEOPLE = [f"S{number:03}" for number in range(1, 6)]


@pytest.fixture
def pooler(server: Server) -> Iterator[TransactionPooler]:
    with running_front(TransactionPooler, server) as pooler:
        yield pooler


def prepared(address: str) -> list[str]:
    """Record some consents, and return the statements that are prepared in the session."""

    def asked(connection: Connection) -> list[str]:
        return [text for (text,) in connection.execute("SELECT statement FROM pg_prepared_statements")]

    store = open_store(address)
    assert isinstance(store, PostgresStore)
    with Trials(store) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        for subject in PEOPLE:
            consent(desk, subject)
        return store._connections.read(asked)  # noqa: SLF001 - the session that has recorded


def test_the_append_alone_is_prepared_in_a_session(server: Server) -> None:
    texts = prepared(server.new_log())
    assert texts
    assert all(".append(" in text for text in texts)


def test_nothing_is_prepared_behind_a_pooler(server: Server, pooler: TransactionPooler) -> None:
    assert prepared(pooler.address(server.new_schema())) == []


def test_two_logs_behind_a_pooler_get_their_own_entries(server: Server, pooler: TransactionPooler) -> None:
    schemas = [server.new_schema(), server.new_schema()]
    with ExitStack() as stack:
        opened = [stack.enter_context(Trials.open(pooler.address(schema))) for schema in schemas]
        desks = [trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR) for trials in opened]
        for number, subject in enumerate(PEOPLE):
            consent(desks[number % 2], subject)
        found = [
            [person for entry in trials.trial(OPEN.trial).history().entries() if (person := subject_of(entry.stream))]
            for trials in opened
        ]
    assert found == [["S001", "S003", "S005"], ["S002", "S004"]]
    for schema in schemas:
        assert verify(pooler.address(schema)).ok


def test_the_pooler_takes_turns_and_hides_the_number_of_the_process(server: Server, pooler: TransactionPooler) -> None:
    """As PgBouncer does; else the tests above would show nothing."""
    with psycopg.connect(pooler.address(server.new_schema()), autocommit=True) as connection:
        found = [connection.execute("SELECT pg_backend_pid()").fetchone() for _ in range(4)]
        assert found[0] == found[2] != found[1] == found[3]
        assert (connection.info.backend_pid,) not in found
