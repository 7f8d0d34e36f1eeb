"""Fixtures: a log in a file, and other processes that use it."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from other_programs import consent
from site_desk import INVESTIGATOR, OPEN

from trialdomain import Trials
from trialdomain.desk import Desk
from trialdomain.storage.sqlite.store import SQLiteStore

PROGRAMS = Path(__file__).with_name("programs.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.db"


@pytest.fixture
def log(path: Path) -> Iterator[SQLiteStore]:
    recorder = SQLiteStore(path)
    yield recorder
    recorder.close()


@pytest.fixture
def start() -> Iterator[Callable[[str], Callable[[Path], str]]]:
    """Start a program in a process of its own; it takes a path, does something to the log there, and says what."""
    with ExitStack() as stack:

        def start_one(program: str) -> Callable[[Path], str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, PROGRAMS, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
                )
            )
            stack.callback(process.kill)

            def ask(path: Path) -> str:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
                return process.stdout.readline().rstrip("\n")

            assert ask(Path()) == "ready"
            return ask

        yield start_one


@pytest.fixture
def trials(path: Path) -> Iterator[Trials]:
    with Trials.open(path) as trials:
        consent(trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR), "S001")
        yield trials


@pytest.fixture
def desk(trials: Trials) -> Desk:
    return trials.trial(OPEN.trial).acting(INVESTIGATOR)
