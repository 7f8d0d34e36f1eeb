"""A request or its answer is lost, the server is restarted in the middle: the retry recognizes itself."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

import psycopg
import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from lossy_proxy import LossyProxy
from other_programs import consent
from postgres_server import NO_SERVER, Server, running
from server_fronts import running_front
from site_desk import INVESTIGATOR, OPEN

from trialdomain import Trials
from trialdomain.desk import Desk
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres import connections
from trialdomain.storage.postgres.store import PostgresStore
from trialdomain.storage.store import Appended, Command, Sealed, Store

TRIAL = OPEN.trial
BEGUN = 4
"""The entries of a trial that was registered."""
SUBJECTS = ("S001", "S002", "S003")
APPEND = b"participant.consented.v1"
"""What the request of an append has, and no other: the text of its statement was sent when it was prepared."""


@pytest.fixture
def proxy(server: Server) -> Iterator[LossyProxy]:
    with running_front(LossyProxy, server) as proxy:
        yield proxy


@pytest.fixture
def trials(server: Server, proxy: LossyProxy) -> Iterator[Trials]:
    with Trials.open(proxy.address(server.new_schema())) as trials:
        yield trials


@pytest.fixture
def desk(trials: Trials) -> Desk:
    return trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)


@pytest.fixture
def store(server: Server, proxy: LossyProxy) -> Iterator[Store]:
    opened = open_store(proxy.address(server.new_schema()))
    yield opened
    opened.close()


def sealed(*versions: int) -> Sealed:
    events = [StoredEvent("T1", version, "fact.v1", b"{}") for version in versions]
    return Sealed(Command(id=f"c{versions[0]}", request=sha256(b"request").digest()), events)


def size(trials: Trials) -> int:
    return trials.trial(TRIAL).history().position


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_command_is_sent_again_and_recorded_once(trials: Trials, desk: Desk, proxy: LossyProxy, what: str) -> None:
    proxy.lose(what, mark=APPEND)
    first = desk.consent("S001", signed_on="2026-03-02", form_version="1", command_id="one")
    assert proxy.lost.is_set()
    assert [entry.position for entry in first] == [BEGUN + 1]
    again = desk.consent("S001", signed_on="2026-03-02", form_version="1", command_id="one")
    assert list(again) == list(first)
    assert size(trials) == BEGUN + 1


@pytest.mark.parametrize("what", ["request", "answer"])
def test_so_is_a_command_without_an_id_of_its_own(trials: Trials, desk: Desk, proxy: LossyProxy, what: str) -> None:
    proxy.lose(what, mark=APPEND)
    consent(desk, "S001")
    assert proxy.lost.is_set()
    assert size(trials) == BEGUN + 1


@pytest.mark.parametrize("mark", [b"BEGIN", b"pg_advisory_xact_lock", b".append(", b"fact.v1", b"COMMIT\0"])
@pytest.mark.parametrize("what", ["request", "answer"])
def test_so_is_one_under_the_lock_of_the_log(store: Store, proxy: LossyProxy, what: str, mark: bytes) -> None:
    attempts: list[int] = []

    def work() -> Appended:
        attempts.append(1)
        return store.append("T1", [sealed(1, 2)], within=True)

    store.head("T1")
    proxy.lose(what, mark=mark)
    done = store.alone(work)
    assert proxy.lost.is_set()
    assert list(done.positions) == [1, 2]
    assert done.repeated is (mark == b"COMMIT\0" and what == "answer")
    assert len(attempts) == (1 if mark in {b"BEGIN", b"pg_advisory_xact_lock"} else 2)
    assert store.head("T1") == 2


@pytest.mark.parametrize("what", ["request", "answer"])
def test_entries_without_a_command_are_not_sent_again_and_the_error_says_so(
    store: PostgresStore, proxy: LossyProxy, what: str
) -> None:
    store.head("T1")
    proxy.lose(what, mark=b"COMMIT\0")
    with pytest.raises(OperationalError, match="read the log to see whether the entries were recorded"):
        store.insert_events([StoredEvent("T1", 1, "fact.v1", b"{}")])
    assert store.head("T1") == (1 if what == "answer" else 0)


@pytest.mark.parametrize("what", ["request", "answer"])
def test_a_read_is_repeated(store: Store, proxy: LossyProxy, what: str) -> None:
    store.append("T1", [sealed(1, 2)])
    proxy.lose(what, mark=b"max(position)")
    assert store.head("T1") == 2
    assert proxy.lost.is_set()


class Restarting:
    """A clock that restarts the server, the first time that it is asked after it was told to."""

    def __init__(self, server: Server) -> None:
        self._server, self.how = server, "none"

    def __call__(self) -> datetime:
        how, self.how = self.how, "none"
        if how != "none":
            self._server.kill() if how == "kill" else self._server.stop()
            self._server.start()
        return datetime.now(UTC)


@pytest.mark.processes
@pytest.mark.parametrize("how", ["kill", "restart"])
def test_the_server_is_restarted_in_the_middle_of_a_command(how: str) -> None:
    with running() as server:
        if server is None:
            pytest.skip(NO_SERVER)
        clock = Restarting(server)
        with Trials.open(server.new_log(), clock=clock) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            clock.how = how
            consent(desk, "S001")
            assert clock.how == "none"
            assert size(trials) == BEGUN + 1


@pytest.mark.processes
def test_a_server_that_is_gone_is_said_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_PATIENCE_SECONDS", 1.0)
    with running() as server:
        if server is None:
            pytest.skip(NO_SERVER)
        with Trials.open(server.new_log()) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            server.stop()
            with pytest.raises(StoreFailed, match="and try again with the same command id"):
                consent(desk, "S001")
            with pytest.raises(StoreFailed, match="the server does not answer"):
                trials.trial(TRIAL).history()
            server.start()
            consent(desk, "S001")
            assert size(trials) == BEGUN + 1


class TestRoundTrips:
    """What a command asks the server: nothing that this process knows, or that the append compares anyway."""

    @pytest.mark.parametrize(("command_id", "expected"), [(None, 3), ("by-the-caller", 4)])
    def test_of_a_command_of_a_process_that_knows_the_trial(
        self, server: Server, monkeypatch: pytest.MonkeyPatch, command_id: str | None, expected: int
    ) -> None:
        """The new entries, the participant, and the append; and whether the caller's id was recorded before.

        On a busy machine an append may come late and be sent again, but hardly each time.
        """
        asked: list[object] = []
        execute = psycopg.Cursor.execute

        def noted(self: psycopg.Cursor[object], query: bytes, *values: object, **options: object) -> object:
            asked.append(query)
            return execute(self, query, *values, **options)  # type: ignore[call-overload]  # as it was given

        with Trials.open(server.new_log()) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            for subject in SUBJECTS:
                consent(desk, subject)
            monkeypatch.setattr(psycopg.Cursor, "execute", noted)
            counts = []
            for subject in SUBJECTS:
                asked.clear()
                desk.screen(subject, on="2026-03-02", command_id=command_id and f"{command_id}-{subject}")
                counts.append(len(asked))
            assert min(counts) == expected

    def test_a_time_before_the_last_entry_is_told_again(self, server: Server) -> None:
        """Another process, whose clock is ahead, records between the decision and the append."""
        early, late = datetime(2026, 3, 5, 9, tzinfo=UTC), datetime(2026, 3, 5, 9, 0, 5, tzinfo=UTC)
        address, looks = server.new_log(), list[str]()

        def clock() -> datetime:
            if looks:
                looks.pop()
                if not looks:
                    consent(there, "S002")
            return early

        with Trials.open(address, clock=clock) as behind, Trials.open(address, clock=lambda: late) as ahead:
            here = behind.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            consent(here, "S001")
            there = ahead.trial(TRIAL).acting(INVESTIGATOR)
            looks += ["of the append", "of the decision"]
            consent(here, "S003")
            entries = list(behind.trial(TRIAL).history().entries())
        assert [entry.stream.rpartition("/")[2] for entry in entries[-2:]] == ["S002", "S003"]
        assert [entry.meta.recorded_at for entry in entries[-2:]] == [late, late]
