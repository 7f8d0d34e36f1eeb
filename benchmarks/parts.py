"""What one answer costs, against every answer at once: an answer reads no more of the log than it needs."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from measuring import Measured, alternating, timed
from trialdomain import History
from trialdomain.history import read_log
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.simulate.trials import simulated_trial
from trialdomain.storage.sqlite.store import SQLiteStore

TRIAL = "SIM-0001"
SEED = 25
PARTICIPANTS = 200
ASKED_OF_MANY: dict[str, Callable[[History, date], object]] = {
    "flow": lambda history, on: history.flow(on=on),
    "safety": lambda history, on: history.safety(on=on),
    "endpoint S9": lambda history, on: history.endpoints(on=on, only=["S9"]),
    "endpoint P1": lambda history, on: history.endpoints(on=on, only=["P1"]),
    "every endpoint": lambda history, on: history.endpoints(on=on),
}
ASKED_OF_A_TRIAL: dict[str, Callable[[History, date], object]] = {
    "DLT counts": lambda history, on: history.dlt_counts(on=on),
    "escalation": lambda history, on: history.escalation(on=on),
}


def parts(path: Path) -> list[Measured]:
    """Measure answers about many participants, in a log made at this path, and about the dose in a whole trial."""
    recorder = SQLiteStore(path)
    simulate_in_bulk(recorder, seed=1, trial=TRIAL, participants=PARTICIPANTS)
    recorder.close()
    with read_log(path) as log:
        found = _measured(log[TRIAL].history(), ASKED_OF_MANY)
    with simulated_trial("memory:", seed=SEED) as simulated:
        return found + _measured(simulated.trial.history(), ASKED_OF_A_TRIAL)


def _measured(history: History, asked: dict[str, Callable[[History, date], object]]) -> list[Measured]:
    on = history.last_day()

    def side(ask: Callable[[History, date], object]) -> Callable[[], float]:
        return lambda: timed(lambda: ask(history, on))

    whole, *each = alternating(side(lambda history, on: history.answers(on=on)), *map(side, asked.values()))
    return [
        Measured(what=f"ask for {name}", ours=seconds, peer=whole, against="every answer", expected=_EXPECTED[name])
        for name, seconds in zip(asked, each, strict=True)
    ]


_EXPECTED = dict.fromkeys((*ASKED_OF_MANY, *ASKED_OF_A_TRIAL), 2.0) | {"every endpoint": 1.0}
"""Every endpoint is most of all answers; each of the others is a part of them."""
