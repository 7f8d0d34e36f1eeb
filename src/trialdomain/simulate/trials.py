"""Simulate complete trials into a log: conducted by a site, or in bulk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count as count_from
from pathlib import Path
from random import Random

import attrs

from trialdomain.desk.trials import TrialHandle, Trials
from trialdomain.intake.new_log import new_log
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.simulate.bulk import simulate_in_bulk
from trialdomain.simulate.course import USUAL, Chances
from trialdomain.simulate.site import FIRST_DAY, SPONSOR, SimulatedClock, SimulationEndless, Site, simulated_protocol
from trialdomain.storage.open_store import open_store
from trialdomain.storage.postgres.address import PostgresAddress

MOST_PARTICIPANTS = 36
"""3+3 with three levels never needs more than 18 evaluable participants; the rest are replacements."""
IN_BULK = 1_000
"""The default number of participants of a bulk trial."""
DEMO_SEED = 25
"""A trial with screen failures, DLTs, a replacement, a correction, an expansion and a de-escalation."""


@attrs.frozen(kw_only=True)
class Simulated:
    """One simulated trial in its log."""

    trial: TrialHandle
    last_day: date
    """The day on which the trial ended."""


@contextmanager
def simulated_trial(
    address: str,
    *,
    seed: int,
    protocol: TrialProtocol | None = None,
    participants: int = MOST_PARTICIPANTS,
    chances: Chances = USUAL,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Simulated]:
    """Conduct a complete trial day by day, through the public API, into a log; the same seed gives the same trial.

    Args:
        address: the address of the log, as for ``Trials.open``.
        seed: the seed of the random generator.
        protocol: the protocol; by default NCT06245746, with a title that says that it is simulated.
        participants: the maximum number of enrolled participants.
        chances: the probabilities of events.
        progress: called with the number of people enrolled so far.

    Raises:
        SimulationEndless: the design has no limit on the participants.
    """
    clock = SimulatedClock(FIRST_DAY)
    used = protocol or simulated_protocol()
    endless = None if used.design is None else used.design.endless
    if endless is not None:
        raise SimulationEndless(why=endless)
    with Trials.open(address, clock=clock, new_id=_ids(used.trial)) as trials:
        trial = trials.register(used, by=SPONSOR)
        site = Site(trial, clock, used, Random(seed), chances, participants)  # noqa: S311 - a simulation, no secret
        yield Simulated(trial=trial, last_day=site.run(progress))


@attrs.frozen(kw_only=True)
class Written:
    """A summary of one simulated trial that was written into a log."""

    trial: str
    seed: int
    entries: int


def simulate(
    target: Path | PostgresAddress,
    *,
    seed: int,
    trials: int = 1,
    participants: int | None = None,
    bulk: bool = False,
    protocol_of: Callable[[str], TrialProtocol] = simulated_protocol,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Written]:
    """Write simulated trials into a new log, which is created atomically.

    Args:
        target: the file to create, or the address of a database with an empty schema.
        seed: the seed of the first trial; each further trial has the next number.
        trials: the number of trials.
        participants: the maximum number of enrolled participants of each trial; in bulk, the exact number.
        bulk: whether to write trials without decisions, which is much faster.
        protocol_of: returns the protocol for a trial code; by default NCT06245746. In bulk it is always the default.
        progress: called with the number of people so far.

    Raises:
        LogUnusable: the file exists, or cannot be created.
        SimulationEndless: the design has no limit on the participants.
    """
    written: list[Written] = []
    before = 0

    def count(people: int) -> None:
        progress(before + people)

    with new_log(target) as path:
        for number in range(trials):
            code, one = f"SIM-{number + 1:04}", seed + number
            if bulk:
                people = IN_BULK if participants is None else participants
                entries = _in_bulk(path, trial=code, seed=one, participants=people, progress=count)
            else:
                people = MOST_PARTICIPANTS if participants is None else participants
                protocol = protocol_of(code)
                with simulated_trial(
                    f"sqlite:///{path}", seed=one, protocol=protocol, participants=people, progress=count
                ) as done:
                    entries = done.trial.history().position
            written.append(Written(trial=code, seed=one, entries=entries))
            before += people
    return written


def _in_bulk(path: Path, *, trial: str, seed: int, participants: int, progress: Callable[[int], None]) -> int:
    store = open_store(path)
    try:
        return simulate_in_bulk(store, seed=seed, trial=trial, participants=participants, progress=progress)
    finally:
        store.close()


def _ids(trial: str) -> Callable[[], str]:
    """Return a generator of consecutive command ids, so that the same seed gives the same log."""
    numbers = count_from(1)
    return lambda: f"{trial}-{next(numbers)}"
