"""Closing a store while other threads use it: the recorder of ``eventsourcing`` crashed the interpreter here."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier, Thread

import pytest
from eventsourcing.persistence import StoredEvent

from trialdomain.errors import LogUnusable
from trialdomain.storage.errors import StoreClosed
from trialdomain.storage.sqlite.gate import Gate, Visit
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore

ROUNDS = 40
READERS = 4


def event(version: int) -> StoredEvent:
    return StoredEvent("T1", version, "fact.v1", b"{}")


def work_until_closed(act: Callable[[int], object], ready: Barrier) -> int:
    """Repeat an act, at least once before all are ready; give how often it was done."""
    act(1)
    ready.wait()
    done = 1
    try:
        while True:
            act(done + 1)
            done += 1
    except StoreClosed:
        return done


@pytest.mark.parametrize("where", ["file", "memory"])
class TestClosing:
    def test_it_waits_for_readers_and_writers_and_loses_nothing_of_theirs(self, tmp_path: Path, where: str) -> None:
        with ThreadPoolExecutor(READERS + 1) as pool:
            for number in range(ROUNDS):
                path = tmp_path / f"{number}.db" if where == "file" else MEMORY
                log = SQLiteStore(path)
                ready = Barrier(READERS + 2)

                def write(version: int, log: SQLiteStore = log) -> None:
                    log.insert_events([event(version)])

                def read(_: int, log: SQLiteStore = log) -> None:
                    positions = [entry.position for entry in log.in_log_order("T1")]
                    assert positions == list(range(1, len(positions) + 1))

                writing: Future[int] = pool.submit(work_until_closed, write, ready)
                reading = [pool.submit(work_until_closed, read, ready) for _ in range(READERS)]
                ready.wait()
                log.close()
                assert all(reader.result() >= 1 for reader in reading)
                if where == "file":
                    again = SQLiteStore(path, readonly=True)
                    assert again.head("T1") == writing.result()
                    again.close()

    def test_afterwards_every_use_is_refused(self, path: Path, where: str) -> None:
        log = SQLiteStore(path if where == "file" else MEMORY)
        log.insert_events([event(1)])
        begun = log.in_log_order("T1")
        log.close()
        uses: list[Callable[[], object]] = [
            lambda: log.head("T1"),
            lambda: log.insert_events([event(2)]),
            lambda: log.select_events("T1"),
            lambda: log.select_notifications(None, 1),
            log.max_notification_id,
            log.trials,
            lambda: list(begun),
        ]
        for use in uses:
            with pytest.raises(StoreClosed, match="the log is closed: open it again"):
                use()

    def test_a_second_close_does_nothing(self, path: Path, where: str) -> None:
        log = SQLiteStore(path if where == "file" else MEMORY)
        log.close()
        log.close()
        with pytest.raises(LogUnusable):
            log.head("T1")

    def test_a_subscription_ends_with_the_store(self, path: Path, where: str) -> None:
        log = SQLiteStore(path if where == "file" else MEMORY)
        log.insert_events([event(1)])
        with log.subscribe() as subscription:
            assert next(subscription).originator_version == 1
            log.close()
            with pytest.raises(StoreClosed):
                next(subscription)


@contextmanager
def inside(visit: Visit) -> Iterator[None]:
    with visit.stay, visit:
        yield


def enter_again_and_again(gate: Gate) -> None:
    while True:
        with inside(gate.together()):
            pass


class TestGate:
    def test_readers_are_inside_together_and_beside_a_writer(self) -> None:
        gate = Gate()
        with inside(gate.together()), inside(gate.together()), inside(gate.alone()):
            pass
        assert gate.close()

    def test_writers_take_turns(self) -> None:
        gate = Gate()
        came: list[str] = []

        def write() -> None:
            with inside(gate.alone()):
                came.append("second")

        with inside(gate.alone()):
            second = Thread(target=write)
            second.start()
            second.join(0.05)
            came.append("first")
        second.join()
        assert came == ["first", "second"]

    def test_a_writer_who_waits_is_turned_away_when_it_closes(self) -> None:
        gate = Gate()

        def write() -> None:
            with inside(gate.alone()):
                pass

        with ThreadPoolExecutor(2) as pool:
            with inside(gate.alone()):
                waiting = pool.submit(write)
                closing = pool.submit(gate.close)
                with pytest.raises(StoreClosed):
                    enter_again_and_again(gate)
            assert isinstance(waiting.exception(), StoreClosed)
            assert closing.result()

    def test_whoever_fails_inside_has_left_as_well(self) -> None:
        gate = Gate()
        for way in (gate.together, gate.alone):
            with pytest.raises(ZeroDivisionError), inside(way()):
                raise ZeroDivisionError
        assert gate.close()

    @pytest.mark.parametrize("way", [Gate.together, Gate.alone])
    def test_whoever_was_interrupted_while_leaving_has_left(
        self, monkeypatch: pytest.MonkeyPatch, way: Callable[[Gate], Visit]
    ) -> None:
        gate, kept = Gate(), []

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(Gate, "leave", interrupted)
            try:
                with inside(way(gate)):
                    pass
            except KeyboardInterrupt as interrupt:
                kept.append(interrupt)  # with every frame that it came through
        with ThreadPoolExecutor(1) as pool:
            pool.submit(enter_once, gate).result(timeout=2)
            assert pool.submit(gate.close).result(timeout=2)


def enter_once(gate: Gate) -> None:
    with inside(gate.alone()):
        pass
