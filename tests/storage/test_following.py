"""Followers of a log, on both stores: every entry once, in the order of its trial, from any process."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from threading import Thread, Timer
from time import sleep

import attrs
import many_writers
import pytest
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
