"""What an audit of a large log costs: verification, the history of one participant, and any moment.

The peer of the verification is the limit: reading every row and hashing its state once, and nothing else. Answers about
one participant are compared with reading the whole trial, which is what a log without streams would have to do.
"""

import sqlite3
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from measuring import Measured, alternating, timed
from trialdomain import verify
from trialdomain.history import LoggedTrial, read_log
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.storage.sqlite import SQLiteRecorder

ENTRIES_OF_EACH = 121
"""About so many entries has a participant who is simulated in bulk."""
TRIAL = "SIM-0001"


def audit(path: Path, *, entries: int) -> list[Measured]:
    """Measure on a log of about so many entries, made at this path."""
    recorder = SQLiteRecorder(path)
    size = simulate_in_bulk(recorder, seed=1, trial=TRIAL, participants=max(1, entries // ENTRIES_OF_EACH))
    recorder.close()
    with read_log(path) as log:
        trial = log[TRIAL]
        whole = trial.history()
        moment = next(iter(whole.trail("S000001"))).entry.meta.recorded_at + timedelta(seconds=1)
        middle = size // 2
        verifying, limit, history, at_position, at_time, reading = alternating(
            lambda: timed(lambda: _right(path), size),
            lambda: timed(lambda: _hashed(path), size),
            lambda: timed(lambda: sum(len(told.changes) for told in trial.history().trail("S000001"))),
            lambda: timed(lambda: _told(trial, known_at=middle)),
            lambda: timed(lambda: trial.history(known_at=moment)),
            lambda: timed(lambda: sum(1 for _ in whole.entries())),
        )
    many = f"{size:,} entries"
    return [
        Measured(what="verify an entry", ours=verifying, peer=limit, against="the limit", expected=0.25),
        Measured(what=f"history of 1 in {many}", ours=history, peer=reading, against="reading it all", expected=50),
        Measured(what=f"as of {middle:,}, of 1", ours=at_position, peer=reading, against="reading it all", expected=50),
        Measured(what="as of a time", ours=at_time, peer=reading, against="reading it all", expected=50),
    ]


def _right(path: Path) -> None:
    if not verify(path).ok:
        raise AssertionError("the log of this benchmark is not whole")


def _hashed(path: Path) -> None:
    connection = sqlite3.connect(path)
    for (state,) in connection.execute("SELECT state FROM entries"):
        sha256(state).digest()
    connection.close()


def _told(trial: LoggedTrial, *, known_at: int) -> int:
    return sum(1 for _ in trial.history(known_at=known_at).trail("S000001"))
