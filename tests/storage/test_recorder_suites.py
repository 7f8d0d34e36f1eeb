"""The test suites of the ``eventsourcing`` library for recorders, on the SQLite store: in a file and in memory."""

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)
from typing_extensions import override

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
