"""Benchmark of views as tables: a rebuild of every table, against a replay that computes every answer."""

from contextlib import closing
from pathlib import Path

from measuring import Measured, alternating, timed
from trialdomain.history import history_of
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.storage.open_store import open_store
from trialdomain.views import Views

TRIAL = "SIM-0001"
PARTICIPANTS = 300


def views(address: str | Path) -> list[Measured]:
    """Make a log at an address, and measure there."""
    with closing(open_store(address)) as log:
        simulate_in_bulk(log, seed=1, trial=TRIAL, participants=PARTICIPANTS)
        history = history_of(log, TRIAL)
        on, size, tables = history.last_day(), log.head(TRIAL), Views(log)
        rebuilding, replaying = alternating(
            lambda: timed(tables.rebuild, size), lambda: timed(lambda: history.answers(on=on), size)
        )
    return [Measured(what="rebuild all views", ours=rebuilding, peer=replaying, against="replay", expected=0.5)]
