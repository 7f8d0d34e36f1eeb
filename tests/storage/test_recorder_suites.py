"""The test suites of the ``eventsourcing`` library for recorders, on SQLite, in memory and on PostgreSQL."""

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)
from postgres_server import Server
from typing_extensions import override

from trialdomain.storage.postgres.address import postgres_address
from trialdomain.storage.postgres.store import PostgresStore
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore


class InMemory:
    """A recorder of its own for each test."""

    def new_originator_id(self) -> str:
        return str(uuid4())

    def path(self) -> str:
        return MEMORY

    def create_recorder(self) -> SQLiteStore:
        recorder = SQLiteStore(self.path())
        self.addCleanup(recorder.close)  # type: ignore[attr-defined]  # of the test case that this is mixed into
        return recorder


class InFile(InMemory):
    @override
    def path(self) -> str:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)  # type: ignore[attr-defined]  # as above
        return str(Path(folder.name) / "trial.db")


class InPostgres(InMemory):
    server: Server

    @pytest.fixture(autouse=True)
    def running(self, server: Server) -> None:
        self.server = server

    @override
    def create_recorder(self) -> PostgresStore:  # type: ignore[override]  # another store
        address = postgres_address(self.server.new_log())
        assert address is not None
        recorder = PostgresStore(address)
        self.addCleanup(recorder.close)  # type: ignore[attr-defined]  # as above
        return recorder


class TestApplicationRecorderInMemory(InMemory, ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_subscription(self) -> None:
        self.optional_test_insert_subscribe()


class TestApplicationRecorderInFile(InFile, ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_subscription(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingInMemory(InMemory, NonInterleavingNotificationIDsBaseCase):
    pass


class TestNonInterleavingInFile(InFile, NonInterleavingNotificationIDsBaseCase):
    pass


class TestApplicationRecorderInPostgres(InPostgres, ApplicationRecorderTestCase[ApplicationRecorder]):
    def test_subscription(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingInPostgres(InPostgres, NonInterleavingNotificationIDsBaseCase):
    pass
