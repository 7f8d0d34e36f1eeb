"""Benchmarks of the audit of a large log: verification, the history of one participant, and past moments.

The peers of the verification are lower limits: reading every row and hashing its state once, and nothing else; and
reading every row, with the three hashes that a leaf (its state, and the leaf) and a tree (a node) take. Answers
about one participant are compared with reading the whole trial, as a log without streams would have to do.
"""

import os
import sqlite3
from collections.abc import Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from measuring import Measured, alternating, timed
from trialdomain import Agent, Assessor, Attribution, Relatedness, TrialHandle, findings, verify
from trialdomain.history import LoggedTrial, read_log
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.simulate.site import INVESTIGATOR
from trialdomain.simulate.trials import simulated_trial
from trialdomain.storage.sqlite.store import SQLiteStore

ENTRIES_OF_EACH = 121
"""The approximate number of entries of a participant simulated in bulk."""
TRIAL = "SIM-0001"
SEED = 25
LATE_EVENTS = 4
_PAGE = 512
_REST = bytes(150)
"""As many bytes as a leaf has beside the hash of its state."""


def audit(path: Path, *, entries: int) -> list[Measured]:
    """Make a log of about this number of entries at a path, and measure on it."""
    recorder = SQLiteStore(path)
    size = simulate_in_bulk(recorder, seed=1, trial=TRIAL, participants=max(1, entries // ENTRIES_OF_EACH))
    recorder.close()
    with read_log(path) as log:
        trial = log[TRIAL]
        whole = trial.history()
        moment = next(iter(whole.trail("S000001"))).entry.meta.recorded_at + timedelta(seconds=1)
        middle = size // 2
        verifying, alone, together, limit, hashes, history, at_position, at_time, finding, reading = alternating(
            lambda: timed(lambda: _right(path, processes=1), size),
            lambda: timed(lambda: _on_one_core(path), size),
            lambda: timed(lambda: _right(path), size),
            lambda: timed(lambda: _hashed(path), size),
            lambda: timed(lambda: _in_a_tree(path), size),
            lambda: timed(lambda: sum(len(told.changes) for told in trial.history().trail("S000001"))),
            lambda: timed(lambda: _told(trial, known_at=middle)),
            lambda: timed(lambda: trial.history(known_at=moment)),
            lambda: timed(lambda: _found(trial)),
            lambda: timed(lambda: sum(1 for _ in whole.entries())),
        )
    many, cores = f"{size:,} entries", len(os.sched_getaffinity(0))
    return [
        Measured(what="verify an entry", ours=verifying, peer=limit, against="one hash", expected=0.2),
        Measured(what="verify an entry", ours=verifying, peer=hashes, against="the hashes of a tree", expected=0.35),
        Measured(what=f"verify on {cores} cores", ours=together, peer=alone, against="one core", expected=1.6),
        Measured(what=f"history of 1 in {many}", ours=history, peer=reading, against="reading it all", expected=50),
        Measured(what=f"as of {middle:,}, of 1", ours=at_position, peer=reading, against="reading it all", expected=50),
        Measured(what="as of a time", ours=at_time, peer=reading, against="reading it all", expected=50),
        Measured(what="28 checks of it", ours=finding, peer=reading, against="reading it all", expected=0.1),
    ]


def audit_decisions() -> list[Measured]:
    """Measure the audit of the decisions of a trial, with DLTs that were reported after all decisions.

    The peer only derives two states for each decision: at its position, and today, each from the whole log. The audit
    also names the entries that change the answer, and proves that no smaller set does.
    """
    with simulated_trial("memory:", seed=SEED) as simulated:
        trial, on = simulated.trial, simulated.last_day
        members = [m for m in trial.history().dlt_counts(on=on).members if m.infused_on and m.dlt is None]
        desk = trial.acting(INVESTIGATOR)
        for member in members[:LATE_EVENTS]:
            attribution = Attribution(
                agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.POSSIBLY
            )
            desk.report_adverse_event(
                member.subject,
                event="LATE",
                term="Fever",
                grade=3,
                onset=member.infused_on or on,
                attributions=[attribution],
            )
        audits = list(trial.history().decisions())
        if all(one.same_answer for one in audits):
            raise AssertionError("the late events of this benchmark change no answer")
        moments = [(one.entry.position, one.entry.fact.basis.on) for one in audits]
        auditing, asking = alternating(
            lambda: timed(lambda: list(trial.history().decisions()), len(audits)),
            lambda: timed(lambda: _asked_twice(trial, moments), len(moments)),
        )
    return [
        Measured(what="audit a decision", ours=auditing, peer=asking, against="asking it twice", expected=2.0),
    ]


def _asked_twice(trial: TrialHandle, moments: Sequence[tuple[int, date]]) -> None:
    for position, on in moments:
        for history in (trial.history(known_at=position), trial.history()):
            if history.escalation(on=on) is None:
                raise AssertionError("the trial of this benchmark has a design")


def _found(trial: LoggedTrial) -> None:
    if not findings(trial.history()).found:
        raise AssertionError("this benchmark records a whole trial in one day, so late entries should be found")


def _right(path: Path, *, processes: int | None = None) -> None:
    if not verify(path, processes=processes).ok:
        raise AssertionError("the log of this benchmark has defects")


def _on_one_core(path: Path) -> None:
    """Verify on one core; SQLite's own check is on a thread that is started there, and stays there."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        _right(path, processes=1)
    finally:
        os.sched_setaffinity(0, cores)


def _hashed(path: Path) -> None:
    connection = sqlite3.connect(path)
    for (state,) in connection.execute("SELECT state FROM entries"):
        sha256(state).digest()
    connection.close()


def _in_a_tree(path: Path) -> None:
    """Read every entry whole, in the order of positions, and hash its state, its leaf, and the nodes above it."""
    connection = sqlite3.connect(path)
    query = "SELECT position, stream, version, name, state, leaf FROM entries WHERE trial = ? ORDER BY position"
    cursor, sha = connection.execute(query, [TRIAL]), sha256
    above: list[bytes] = []
    while rows := cursor.fetchmany(_PAGE):
        nodes = [sha(sha(state).digest() + _REST).digest() for *_, state, _ in rows]
        while len(nodes) > 1:
            nodes = [sha(b"\x01" + one + other).digest() for one, other in zip(nodes[::2], nodes[1::2], strict=False)]
        above += nodes
    connection.close()


def _told(trial: LoggedTrial, *, known_at: int) -> int:
    return sum(1 for _ in trial.history(known_at=known_at).trail("S000001"))
