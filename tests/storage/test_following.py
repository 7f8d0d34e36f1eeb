"""Followers of a log, on both stores: every entry once, in the order of its trial, from any process."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from threading import Thread, Timer
from time import sleep
from typing import Any, cast

import attrs
import many_writers
import pytest
from delivering import deliverer
from eventsourcing.persistence import Tracking
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import ApplicationSubscription
from many_writers import TRIALS
from other_programs import consent
from postgres_server import Server, connected
from repeating import times
from site_desk import INVESTIGATOR, OPEN

from trialdomain import InputInvalid, Trials
from trialdomain.events.recorded import Entry
from trialdomain.storage.errors import LogMoved, StoreClosed
from trialdomain.storage.open_store import open_store

WRITERS = 6
SECONDS = max(4.0, times(60))


@pytest.fixture(params=["sqlite", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}"
    server: Server = request.getfixturevalue("server")
    return server.new_log()


@pytest.fixture
def trials(address: str) -> Iterator[Trials]:
    with Trials.open(address) as trials:
        for trial in ("B", "A"):
            desk = trials.register(attrs.evolve(OPEN, trial=trial), by=INVESTIGATOR).acting(INVESTIGATOR)
            consent(desk, "S001")
        yield trials


def places(entries: Iterator[Entry]) -> list[tuple[str, int]]:
    return [(entry.trial, entry.position) for entry in entries]


class TestReading:
    def test_every_entry_once_in_the_order_of_its_trial(self, trials: Trials) -> None:
        expected = [(trial, position) for trial in ("A", "B") for position in range(1, 6)]
        assert places(trials.follow(wait=False)) == expected

    def test_after_what_was_seen(self, trials: Trials) -> None:
        assert places(trials.follow(after={"A": 4, "B": 5}, wait=False)) == [("A", 5)]
        assert places(trials.follow(after={"A": 5, "B": 5, "C": 0}, wait=False)) == []

    def test_one_trial_alone_even_before_it_is_registered(self, trials: Trials) -> None:
        assert places(trials.follow(trial="B", after={"A": 3}, wait=False)) == [("B", at) for at in range(1, 6)]
        assert places(trials.follow(trial="C", wait=False)) == []

    def test_entries_are_those_of_the_history(self, trials: Trials) -> None:
        history = trials.trial("A").history()
        found = list(trials.follow(trial="A", wait=False))
        assert sorted(history.entries(), key=lambda entry: entry.position) == found

    def test_it_goes_on_with_what_is_recorded_meanwhile(self, trials: Trials, address: str) -> None:
        following = trials.follow(after={"A": 5, "B": 5})
        with Trials.open(address) as other:
            later = Timer(0.3, consent, (other.trial("B").acting(INVESTIGATOR), "S002"))
            later.start()
            assert places(islice(following, 1)) == [("B", 6)]
            later.join()
        consent(trials.trial("A").acting(INVESTIGATOR), "S003")
        assert places(islice(following, 1)) == [("A", 6)]

    def test_a_log_that_is_closed_ends_it(self, trials: Trials) -> None:
        following = trials.follow(after={"A": 5, "B": 5})
        closing_it = Timer(0.3, trials.close)
        closing_it.start()
        with pytest.raises(StoreClosed):
            next(following)
        closing_it.join()

    def test_a_log_that_ends_before_what_was_seen_is_refused(self, trials: Trials) -> None:
        with pytest.raises(LogMoved, match="trial A ends at 5, but this follower has seen 7: an older copy"):
            next(trials.follow(after={"A": 7}))

    def test_so_is_one_that_lacks_a_whole_trial(self, trials: Trials) -> None:
        with pytest.raises(LogMoved, match="trial C ends at 0, but this follower has seen 3: an older copy"):
            next(trials.follow(after={"A": 5, "B": 5, "C": 3}))

    @pytest.mark.parametrize("after", [{"A": -1}, {"A": "5"}, {"A": True}, {"A": None}, [("A", 1)], {"no code": 1}])
    def test_what_is_no_position_is_refused_at_once(self, trials: Trials, after: object) -> None:
        with pytest.raises(InputInvalid):
            trials.follow(after=after)  # type: ignore[arg-type]  # what a caller without types may pass


@contextmanager
def foreign_transaction(address: str) -> Iterator[None]:
    """Leave transactions of another program open: one that has read, and on PostgreSQL one that has written as well."""
    if address.startswith("sqlite"):
        with closing(sqlite3.connect(address.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM entries").fetchone()
            yield
        return
    with connected(address) as one, connected(address) as two:
        one.execute("CREATE TABLE public.foreign_rows (number integer)")
        one.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        one.execute("SELECT count(*) FROM entries")
        two.execute("BEGIN")
        two.execute("INSERT INTO public.foreign_rows VALUES (1)")
        yield
        two.execute("ROLLBACK")
        one.execute("ROLLBACK")
        one.execute("DROP TABLE public.foreign_rows")


@pytest.mark.processes
@pytest.mark.soak
def test_none_is_missed_none_comes_twice_and_none_out_of_order(address: str) -> None:
    """Six writers record in three trials, with a foreign transaction left open; two followers see the same."""
    many_writers.begin(address)
    seen: list[dict[str, list[int]]] = [defaultdict(list), defaultdict(list)]
    ended: list[str] = []

    def follow(which: int, reader: Trials) -> None:
        try:
            for entry in reader.follow():
                seen[which][entry.trial].append(entry.position)
        except StoreClosed:
            ended.append("closed")

    with ExitStack() as stack:
        readers = [stack.enter_context(Trials.open(address)) for _ in seen]
        followers = [Thread(target=follow, args=pair) for pair in enumerate(readers)]
        for follower in followers:
            follower.start()
        with foreign_transaction(address):
            writers = [many_writers.writer(address, f"W{number}", SECONDS) for number in range(WRITERS)]
            assert [one.wait() for one in writers] == [0] * WRITERS
            store = open_store(address, readonly=True)
            heads = store.heads()
            store.close()
            waited = 0
            while any(len(found[trial]) < heads[trial] for found in seen for trial in TRIALS) and waited < 100:
                sleep(0.1)
                waited += 1
    for follower in followers:
        follower.join()
    assert ended == ["closed", "closed"]
    for found in seen:
        assert found == {trial: list(range(1, heads[trial] + 1)) for trial in TRIALS}
    assert sum(heads.values()) > 100


class TestOutbox:
    def test_it_goes_on_where_it_stopped(self, trials: Trials, address: str) -> None:
        sent: list[tuple[str, int]] = []
        outbox = trials.outbox("billing")
        assert outbox.deliver(lambda entry: sent.append((entry.trial, entry.position)), wait=False) == 10
        assert sent == [(trial, position) for trial in ("A", "B") for position in range(1, 6)]
        consent(trials.trial("B").acting(INVESTIGATOR), "S002")
        with Trials.open(address) as again:
            assert again.outbox("billing").positions == {"A": 5, "B": 5}
            assert again.outbox("billing").deliver(lambda _: None, wait=False) == 1
            assert again.outbox("another").positions == {}
            assert again.outbox("another").deliver(lambda _: None, trial="A", wait=False) == 5
            assert again.outbox("another").positions == {"A": 5}
        assert outbox.deliver(lambda _: None, wait=False) == 0

    def test_an_error_ends_it_and_what_was_sent_before_is_not_sent_again(self, trials: Trials) -> None:
        sent: list[int] = []

        def send(entry: Entry) -> None:
            if len(sent) == 3:
                raise ConnectionError
            sent.append(entry.position)

        with pytest.raises(ConnectionError):
            trials.outbox("billing").deliver(send, trial="A", wait=False)
        assert trials.outbox("billing").positions == {"A": 3}
        trials.outbox("billing").deliver(lambda entry: sent.append(entry.position), trial="A", wait=False)
        assert sent == [1, 2, 3, 4, 5]

    def test_the_cursor_is_stored_now_and_then(self, trials: Trials) -> None:
        outbox, seen = trials.outbox("billing"), list[int]()
        outbox.deliver(lambda _: seen.append(outbox.positions.get("A", 0)), trial="A", wait=False, at_once=2)
        assert seen == [0, 0, 2, 2, 4]

    def test_two_that_deliver_at_once_send_everything_and_end_at_the_last_position(
        self, trials: Trials, address: str
    ) -> None:
        with Trials.open(address) as other:
            sent: list[int] = []

            def send(entry: Entry) -> None:
                if not sent:
                    other.outbox("billing").deliver(lambda one: sent.append(one.position), trial="A", wait=False)
                sent.append(entry.position)

            trials.outbox("billing").deliver(send, trial="A", wait=False, at_once=1)
            assert set(sent) == {1, 2, 3, 4, 5}
            assert trials.outbox("billing").positions == {"A": 5}

    def test_it_delivers_what_comes_until_the_log_is_closed(self, trials: Trials) -> None:
        sent: list[str] = []
        Timer(0.3, consent, (trials.trial("A").acting(INVESTIGATOR), "S002")).start()
        Timer(1.2, trials.close).start()
        with pytest.raises(StoreClosed):
            trials.outbox("billing").deliver(lambda entry: sent.append(entry.stream), at_once=1)
        assert sent[-1] == "A/participant/S002"
        assert len(sent) == 11

    @pytest.mark.parametrize("wrong", [{"at_once": 0}, {"at_once": True}, {"send": None}])
    def test_a_wrong_argument_is_refused(self, trials: Trials, wrong: dict[str, object]) -> None:
        given: dict[str, object] = {"send": print, "wait": False} | wrong
        with pytest.raises(InputInvalid):
            trials.outbox("billing").deliver(**given)  # type: ignore[arg-type]  # what a caller without types may pass
        with pytest.raises(InputInvalid):
            trials.outbox("no code")


@pytest.mark.processes
@pytest.mark.soak
def test_an_outbox_that_is_killed_delivers_everything_at_least_once_and_in_order(address: str) -> None:
    """A receiver that passes over what it has seen takes every entry exactly once, in the order of its trial."""
    many_writers.begin(address)
    chance, received = Random(41), dict.fromkeys(TRIALS, 0)  # noqa: S311 - moments, no secret
    taken, rounds = [0], 0

    def receive(trial: str, position: int) -> None:
        taken[0] += position == received[trial] + 1
        assert position <= received[trial] + 1, "a message came before the one that is before it"
        received[trial] = max(received[trial], position)

    writers = [many_writers.writer(address, f"W{number}", max(3.0, times(60))) for number in range(2)]
    try:
        while rounds < times(100, least=4) or any(one.poll() is None for one in writers):
            with Trials.open(address) as trials:  # so that there is something to deliver, whatever the writers do
                consent(trials.trial(TRIALS[0]).acting(INVESTIGATOR), f"R{rounds}")
            process = deliverer(address, chance.choice([1, 3, 100]))
            assert process.stdout is not None
            first = process.stdout.readline()
            sleep(chance.random() / 4)
            process.kill()
            process.wait()
            lines = [first, *process.stdout.read().splitlines(keepends=True)]
            process.stdout.close()
            for line in lines:
                if line.endswith("\n"):  # else it was killed in this one, which comes again
                    trial, position = line.split()
                    receive(trial, int(position))
            rounds += 1
    finally:
        for one in writers:
            one.kill()
            one.wait()
    with Trials.open(address) as trials:
        trials.outbox("receiver").deliver(lambda entry: receive(entry.trial, entry.position), wait=False)
        heads = {trial: trials.trial(trial).history().position for trial in TRIALS}
        assert trials.outbox("receiver").positions == heads
    assert received == heads
    assert taken == [sum(heads.values())]


class View(POPOTrackingRecorder):
    """A view that counts the facts of each kind, with the notification id of the last one."""

    def __init__(self) -> None:
        super().__init__()
        self.counted = Counter[str]()

    def take(self, entry: Entry, tracking: Tracking) -> None:
        self.insert_tracking(tracking)  # it refuses one that it has had before
        self.counted[type(entry.fact).__name__] += 1


class TestSubscription:
    def test_it_gives_every_entry_with_its_tracking(self, trials: Trials) -> None:
        view = View()
        for number in (10, 1):
            application: Any = trials.application
            with ApplicationSubscription(application, gt=view.max_tracking_id("trialdomain")) as subscription:
                for entry, tracking in islice(subscription, number):
                    view.take(cast("Entry", entry), tracking)
            consent(trials.trial("A").acting(INVESTIGATOR), f"S{number + 100}")
        assert view.counted["Consented"] == 3
        assert view.max_tracking_id("trialdomain") == 11

    def test_its_topics_are_stored_names(self, trials: Trials) -> None:
        application: Any = trials.application
        with ApplicationSubscription(application, topics=["participant.consented.v1"]) as subscription:
            found = [cast("Entry", entry).stream for entry, _ in islice(subscription, 2)]
        assert sorted(found) == ["A/participant/S001", "B/participant/S001"]
