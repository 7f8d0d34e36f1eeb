"""The same trial in SQLite and in PostgreSQL: the same entries, byte by byte, the same leaves, and the same root."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

import concurrent_run
import pytest
from concurrent_run import PROTOCOL, Actor
from postgres_server import Server
from repeating import times
from site_desk import INVESTIGATOR

from trialdomain import HeadKey, SigningKey, Trials
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.open_store import open_store
from trialdomain.storage.store import StoredEntry

KEY = SigningKey.generate("writer")


@contextmanager
def recorded(address: str, seed: int, begin: datetime, *, signed: bool) -> Iterator[None]:
    """Record the same acts, at the same times and with the same ids, in a log.

    The clock goes on between two acts only. Each store reads it as often as it has to: PostgreSQL asks again for a time
    that came late.
    """
    ids, seconds = count(1), 0
    heads = HeadKey(KEY) if signed else None
    with Trials.open(
        address,
        clock=lambda: begin + timedelta(seconds=seconds),
        new_id=lambda: f"id-{next(ids)}",
        heads=heads,
    ) as trials:
        desk = trials.register(PROTOCOL, by=INVESTIGATOR).acting(INVESTIGATOR)
        for subject in concurrent_run.SUBJECTS[:-3]:
            seconds += 1
            desk.consent(subject, signed_on=begin.date() - timedelta(days=40), form_version="1")
            desk.screen(subject, on=begin.date() - timedelta(days=40))
        actor = Actor(trials, Random(seed), "one", lambda _: None)  # noqa: S311 - the same each time, no secret
        for number in range(60):
            seconds += 1
            actor.act(number)
        yield


@pytest.mark.soak
@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed heads"])
def test_the_same_acts_give_the_same_bytes_and_the_same_root(server: Server, tmp_path: Path, *, signed: bool) -> None:
    for seed in range(times(40, least=2)):
        addresses = [f"sqlite:///{tmp_path / f'{seed}.db'}", server.new_log()]
        begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6)
        found: list[list[StoredEntry]] = []
        others: list[object] = []
        for address in addresses:
            with recorded(address, seed, begin, signed=signed):
                pass
            store = open_store(address, readonly=True)
            entries = list(store.in_log_order(PROTOCOL.trial))
            size = len(entries)
            streams = [
                (stream, [tuple(row) for row in rows]) for stream, rows in store.streams(PROTOCOL.trial, until=size)
            ]
            leaves = list(store.leaves(PROTOCOL.trial, until=size))
            root = TrialTree(store, PROTOCOL.trial).head().root
            found.append(entries)
            others.append((store.trials(), streams, leaves, root))
            store.close()
        assert len(found[0]) > 40
        assert [(one, one.position) for one in found[0]] == [(one, one.position) for one in found[1]]
        assert others[0] == others[1]
