"""Shared read-only fixtures: created once, also if tests run in several processes at once."""

import fcntl
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
from repeating import some

from trialdomain import History, TrialProtocol, read_log
from trialdomain.simulate.site import simulated_protocol
from trialdomain.simulate.trials import DEMO_SEED, MOST_PARTICIPANTS, simulated_trial

T = TypeVar("T")


def seeds() -> list[int]:
    """Give the seeds of the simulated trials that rules are tried on; a test that goes through them is marked ``soak``.

    It is a function, since ``--rounds`` is not known yet when ``conftest`` imports this module.
    """
    return some(range(6), of="simulated trials", least=1)


class Shelf:
    """A folder for what is made once; all processes of one session of pytest have the same."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        own = factory.getbasetemp()
        self._folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made-once"
        self._folder.mkdir(exist_ok=True)

    def __call__(self, name: str, make: Callable[[Path], T]) -> T:
        """Give what was made under a name; whoever comes first makes it, in a folder of its own, and others wait."""
        folder, made = self._folder / name, self._folder / f"{name}.pickle"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of whoever failed
                folder.mkdir()
                made.write_bytes(pickle.dumps(make(folder)))
        found: T = pickle.loads(made.read_bytes())  # noqa: S301 - written above
        return found


@attrs.frozen
class SimulatedLog:
    """The closed log of a trial that ``trialdomain simulate`` makes of a seed. To write to it, copy it."""

    path: Path
    trial: str
    last_day: date

    @contextmanager
    def history(self) -> Iterator[History]:
        with read_log(self.path) as log:
            yield log[self.trial].history()

    def copied_to(self, path: Path) -> Path:
        return Path(shutil.copy(self.path, path))


def simulated_log(shelf: Shelf, seed: int, *, participants: int = MOST_PARTICIPANTS) -> SimulatedLog:
    """Give the log of a seed, as ``trialdomain simulate`` writes it."""
    return _simulated(shelf, seed, simulated_protocol("SIM-0001"), participants)


def demonstrated_log(shelf: Shelf) -> SimulatedLog:
    """Give the log that ``trialdomain demo`` makes and tells of."""
    return _simulated(shelf, DEMO_SEED, simulated_protocol(), MOST_PARTICIPANTS)


def _simulated(shelf: Shelf, seed: int, protocol: TrialProtocol, participants: int) -> SimulatedLog:
    def make(folder: Path) -> SimulatedLog:
        path = folder / "log.db"
        with simulated_trial(f"sqlite:///{path}", seed=seed, protocol=protocol, participants=participants) as done:
            return SimulatedLog(path, done.trial.trial, done.last_day)

    return shelf(f"simulated-{protocol.trial}-{seed}-{participants}", make)


def in_shell(folder: Path, command: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a command as somebody types it, with the installed scripts at hand; nobody says how wide a line is."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("COLUMNS", None)  # which pytest-xdist sets
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, check=False)


@attrs.frozen
class FirstCommand:
    """What a command does in an empty folder. To go on from there, copy the folder."""

    folder: Path
    done: "subprocess.CompletedProcess[bytes]"


def first_command(shelf: Shelf, command: str) -> FirstCommand:
    """Give what a command does first of all."""
    name = f"command-{sha256(command.encode()).hexdigest()}"
    return shelf(name, lambda folder: FirstCommand(folder, in_shell(folder, command)))
