"""Interrupts, clocks and hooks that record, forks: a log in PostgreSQL stays usable, and nothing is lost."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from threading import Event, Thread, get_ident
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import attrs
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from lines import SOON, at_line, in_time
from other_programs import consent
from postgres_server import Server, connected
from repeating import in_full, times
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import LogUnusable, NotPermitted, TrialError, Trials, verify
from trialdomain.desk import Desk
from trialdomain.events.access import AccessRefused
from trialdomain.storage.errors import LogOfAnotherProcess, StoreFailed
from trialdomain.storage.postgres.address import postgres_address
from trialdomain.storage.postgres.schema import LOCK_SPACE
from trialdomain.storage.postgres.store import PostgresStore
from trialdomain.storage.store import Command, Sealed

TRIAL = OPEN.trial
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Stop(BaseException):
    """What a time limit raises: no error that anybody expects."""


def stop() -> None:
    raise Stop


def record(desk: Desk, command: str) -> int:
    """Record something; the same again gives the same."""
    return desk.consent(command, signed_on=day(0), form_version="1", command_id=command)[-1].position


def subjects(address: str) -> set[str]:
    with Trials.open(address) as trials:
        entries = list(trials.trial(TRIAL).history().entries())
        assert trials.trial(TRIAL).tree.head().size == len(entries)
    return {entry.stream.rpartition("/")[2] for entry in entries if "/participant/" in entry.stream}


class TestInterrupts:
    @pytest.mark.soak
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_at_moments_by_chance_as_a_timer_gives_them(self, server: Server, seed: int) -> None:
        address, chance, rounds = server.new_log(), Random(seed), times(4_000)  # noqa: S311 - moments, no secret
        before = signal.signal(signal.SIGALRM, lambda *_: stop())
        interrupts = 0
        with Trials.open(address) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            try:
                for number in range(rounds):
                    try:
                        signal.setitimer(signal.ITIMER_REAL, chance.random() * 0.008)
                        record(desk, f"X{number}")
                        signal.setitimer(signal.ITIMER_REAL, 0)
                    except Stop:
                        interrupts += 1
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    started = monotonic()
                    record(desk, f"X{number}")
                    assert monotonic() - started < SOON
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            assert interrupts > rounds / 10
        assert subjects(address) == {f"X{number}" for number in range(rounds)}

    @pytest.mark.soak
    def test_at_every_line_of_a_command_in_turn(self, server: Server) -> None:
        address = server.new_log()
        with Trials.open(address) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            step = 100 // times(100, least=20)
            number, reached = 1 - step, True
            while reached:
                number += step
                with suppress(Stop), at_line(number, stop) as line:
                    record(desk, f"C{number}")
                reached = line.reached
                found: list[int] = []
                command = f"C{number}"
                assert in_time(lambda command=command, found=found: found.append(record(desk, command)))  # type: ignore[misc]  # called at once
                assert found, f"line {number}: the next command failed"
            assert number > 100
        assert len(subjects(address)) == (number - 1) // step + 1


class TestWithinACommand:
    """A clock, a hook or a signal handler records while a command of its thread runs."""

    @pytest.mark.soak
    def test_a_handler_records_at_some_line(self, server: Server) -> None:
        address, acknowledged, refused = server.new_log(), set[str](), 0
        with Trials.open(address) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            step = 100 // times(100, least=20)
            number, reached = 1 - step, True
            while reached:
                number += step

                def act(subject: str = f"H{number}") -> None:
                    nonlocal refused
                    try:
                        consent(desk, subject)
                        acknowledged.add(subject)
                    except StoreFailed as error:
                        assert "this thread is recording another command" in str(error)  # noqa: PT017 - in a handler
                        refused += 1

                with at_line(number, act) as line:
                    consent(desk, f"C{number}")
                acknowledged.add(f"C{number}")
                reached = line.reached
            assert number > 100
        assert subjects(address) == acknowledged
        assert refused < number / step / 2

    def test_a_clock_records(self, server: Server) -> None:
        address, asked = server.new_log(), list[int]()
        desks: list[Desk] = []

        def clock() -> datetime:
            now = datetime.now(UTC)
            if desks:
                desk = desks.pop()
                asked.append(1)
                consent(desk, f"CLOCK{len(asked)}")
                desks.append(desk)
            return now

        with Trials.open(address, clock=clock) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            desks.append(desk)
            consent(desk, "S001")
            desks.clear()
            recorded = [entry.meta.recorded_at for entry in trials.trial(TRIAL).history().entries()]
        assert recorded == sorted(recorded)
        assert subjects(address) == {"S001", *(f"CLOCK{number}" for number in range(1, len(asked) + 1))}

    def test_a_hook_records_while_a_refusal_is_recorded(self, server: Server) -> None:
        address = server.new_log()
        hooked: list[Desk] = []

        def permit(asked: object) -> str | None:
            if getattr(asked, "user", "") != "somebody":
                return None
            for desk in hooked:
                consent(desk, "HOOK")
            hooked.clear()
            return "not today"

        with Trials.open(address, permit=permit) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            other = trial.acting(attrs.evolve(INVESTIGATOR, id="somebody"))
            hooked.append(trial.acting(INVESTIGATOR))
            with pytest.raises(NotPermitted):
                consent(other, "REFUSED")
            refusals = [one for one in trial.history().entries() if isinstance(one.fact, AccessRefused)]
        assert len(refusals) == 1
        assert subjects(address) == {"HOOK"}


@pytest.mark.processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestForks:
    def in_child(self, act: Callable[[], object]) -> int:
        """Do something in a child process; give its exit status, 99 where it hangs."""
        child = os.fork()
        if child == 0:
            status = 97
            try:
                signal.signal(signal.SIGALRM, lambda *_: os._exit(99))
                signal.alarm(20)
                act()
                status = 0
            finally:
                os._exit(status)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_every_use_is_refused_and_closing_touches_nothing(self, server: Server) -> None:
        address = server.new_log()
        with Trials.open(address) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            desk, history = trial.acting(INVESTIGATOR), trial.history()
            consent(desk, "S001")
            uses: list[Callable[[], object]] = [
                lambda: consent(desk, "CHILD"),
                trial.history,
                lambda: list(history.entries()),
                lambda: trials.trial(TRIAL),
                trial.tree.head,
            ]

            def child() -> None:
                for use in uses:
                    with pytest.raises(LogOfAnotherProcess, match="was opened by the parent of this process"):
                        use()
                trials.close()
                with Trials.open(address) as own:
                    consent(own.trial(TRIAL).acting(INVESTIGATOR), "OWN")

            assert self.in_child(child) == 0
            consent(desk, "S002")
        assert subjects(address) == {"S001", "OWN", "S002"}

    def test_a_fork_while_a_thread_records_leaves_no_child_waiting(self, server: Server) -> None:
        address, stopped, recorded = server.new_log(), Event(), 0
        with Trials.open(address) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)

            def go_on() -> None:
                nonlocal recorded
                while not stopped.is_set():
                    consent(desk, f"T{recorded}")
                    recorded += 1

            thread = Thread(target=go_on)
            thread.start()
            try:
                for number in range(5):

                    def child(number: int = number) -> None:
                        with pytest.raises(LogOfAnotherProcess):
                            consent(desk, "CHILD")
                        with Trials.open(address) as own:
                            consent(own.trial(TRIAL).acting(INVESTIGATOR), f"C{number}")

                    assert self.in_child(child) == 0
            finally:
                stopped.set()
                thread.join()
        assert subjects(address) == {*(f"T{n}" for n in range(recorded)), *(f"C{n}" for n in range(5))}


@pytest.mark.soak
def test_threads_that_use_one_open_log(server: Server) -> None:
    address, errors = server.new_log(), list[TrialError]()
    with Trials.open(address) as trials:
        trials.register(OPEN, by=INVESTIGATOR)

        def work(name: int) -> None:
            desk = trials.trial(TRIAL).acting(INVESTIGATOR)
            for number in range(times(200)):
                try:
                    consent(desk, f"T{name}-{number}")
                except TrialError as error:
                    errors.append(error)

        threads = [Thread(target=work, args=(name,)) for name in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(subjects(address)) == 16 * times(200)


@pytest.mark.parametrize("seconds", [0.05, 0.6])
def test_what_was_known_at_a_moment_stays_so(server: Server, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A writer is stopped after it told its time: a reader of the present waits for it, or the time is told anew."""
    told, asked = Event(), PostgresStore._ask  # noqa: SLF001 - the moment between telling and sending
    with Trials.open(server.new_log()) as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)

        def stopped(self: PostgresStore, call: Any, connection: Any) -> object:  # noqa: ANN401 - handed on as they are
            if not told.is_set():
                told.set()
                sleep(seconds)
            return asked(self, call, connection)

        monkeypatch.setattr(PostgresStore, "_ask", stopped)
        writer = Thread(target=consent, args=(trial.acting(INVESTIGATOR), "S001"))
        writer.start()
        told.wait()
        moment = datetime.now(UTC)
        before = trial.history(known_at=moment).position
        writer.join()
        assert trial.history(known_at=moment).position == before
        assert trial.history().position == 5


class TestAlone:
    """The transaction that holds the lock of the log, and what a signal handler or a swallowed error does to it."""

    @pytest.mark.soak
    @pytest.mark.parametrize("records", [False, True], ids=["reads", "records"])
    def test_a_handler_at_real_moments_uses_the_log(self, server: Server, *, records: bool) -> None:
        """Each refusal is recorded under the lock; the timer also strikes while a statement waits for its answer."""
        address, acknowledged, called = server.new_log(), set[str](), list[int]()
        permit = lambda asked: None if asked.user == INVESTIGATOR.id else "not today"  # noqa: E731 - asked by name
        with Trials.open(address, permit=permit) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            desk, other = trial.acting(INVESTIGATOR), trial.acting(attrs.evolve(INVESTIGATOR, id="somebody-else"))

            def handle(*_: object) -> None:
                called.append(1)
                with suppress(StoreFailed):
                    if records:
                        consent(desk, f"H{len(called)}")
                        acknowledged.add(f"H{len(called)}")
                    else:
                        trials.trial(TRIAL)
                signal.setitimer(signal.ITIMER_REAL, chance.random() * 0.006)

            chance, rounds = Random(5), times(1_000, least=60)  # noqa: S311 - moments, no secret
            before = signal.signal(signal.SIGALRM, handle)
            started = monotonic()
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            try:
                for _ in range(rounds):
                    with pytest.raises(NotPermitted):
                        consent(other, "REFUSED")
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            assert monotonic() - started < SOON + rounds / 10
            assert len(called) > rounds / 10
            refused = [one for one in trial.history().entries() if isinstance(one.fact, AccessRefused)]
        assert len(refused) == rounds
        assert subjects(address) == acknowledged

    def test_an_error_in_a_read_does_not_take_what_was_appended(self, server: Server) -> None:
        address = postgres_address(server.new_log())
        assert address is not None
        store = PostgresStore(address)

        def work() -> None:
            store.append("T1", [Sealed(Command(id="c1", request=bytes(32)), [event(1)])], within=True)
            with suppress(TrialError):
                store._all("SELECT 1 / 0")  # noqa: SLF001 - a read that fails

        store.alone(work)
        assert store.head("T1") == 1
        store.close()

    def test_a_transaction_that_the_server_has_rolled_back_is_run_again(self, server: Server) -> None:
        address = postgres_address(server.new_log())
        assert address is not None
        store, attempts = PostgresStore(address), list[int]()

        def work() -> None:
            attempts.append(1)
            store.append("T1", [Sealed(Command(id="c1", request=bytes(32)), [event(1)])], within=True)
            if len(attempts) == 1:
                with suppress(psycopg.Error):
                    store._connections._own[get_ident()].connection.execute("SELECT 1 / 0")  # noqa: SLF001 - past the guard

        store.alone(work)
        assert (len(attempts), store.head("T1")) == (2, 1)
        store.close()


def event(version: int) -> StoredEvent:
    return StoredEvent("T1", version, "fact.v1", b"{}")


@pytest.mark.soak
@pytest.mark.processes
@pytest.mark.skipif(not in_full(), reason="it waits for three time limits of 30 seconds: make soak has it")
def test_a_lock_that_somebody_holds_is_not_waited_for_without_end(server: Server) -> None:
    address = postgres_address(server.new_log())
    assert address is not None
    store = PostgresStore(address)
    with connected(address.conninfo) as other:
        for table in ("entries", "checkpoints", "numbered"):
            other.execute(f"SELECT pg_advisory_lock({LOCK_SPACE}, '{table}'::regclass::oid::int)".encode())
        acts: list[Callable[[], object]] = [
            store.wait_for_writers,
            lambda: store.keep_note("T1", 1, "note"),
            store.last_id,
        ]
        for act in acts:
            with pytest.raises(StoreFailed, match="another program holds the log: wait, and try again"):
                act()
    store.close()


def test_few_connections_are_kept(server: Server) -> None:
    address = server.new_log()
    with Trials.open(f"{address}&application_name=few") as trials:
        trials.register(OPEN, by=INVESTIGATOR)
        threads = [Thread(target=consent, args=(trials.trial(TRIAL).acting(INVESTIGATOR), f"T{n}")) for n in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        sleep(0.2)
        [(open_now,)] = server.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'few'")
        assert int(str(open_now)) <= 8
    assert len(subjects(address)) == 30


@pytest.mark.parametrize(
    "name",
    ["entries", "heads", "commands", "given", "added", "new", "s", "e", "A b", "x.y", "größe", "select", "a-b;c"],
)
def test_a_schema_may_have_any_printable_name(server: Server, name: str) -> None:
    server.sql(f'CREATE SCHEMA "{name}"')
    path = quote(f'-csearch_path="{name}"'.replace(" ", "\\ "))
    address = server.address("public").partition("&options")[0] + f"&options={path}"
    for further in ("", quote(" -cquote_all_identifiers=on")):
        with Trials.open(address + further) as trials:
            if not further:
                consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
            assert trials.trial(TRIAL).history().position == 5
        assert verify(address + further).defects == ()


@pytest.mark.parametrize("name", ["a$$b", "a\nb", "a@b", "a%b"])
def test_but_none_with_a_sign_that_would_be_read_as_sql(server: Server, name: str) -> None:
    server.sql(f'CREATE SCHEMA "{name}"')
    address = server.address("public").partition("&options")[0]
    path = quote(f'-csearch_path="{name}"'.replace("\n", "\\\n"))
    with pytest.raises(LogUnusable, match="in its name: choose another"):
        Trials.open(f"{address}&options={path}")
    assert server.sql(
        f"SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = '{name}'"
    ) == [(0,)]
