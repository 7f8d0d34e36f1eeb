"""Runs of the command line, each in its own process.

The process is forked from one that has imported the library already: an import takes half a second, in each of some
two hundred runs. ``tests/test_docs.py`` runs the installed script, as a shell does.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from pkgutil import iter_modules
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from made_once import SimulatedLog

import trialdomain.cli
from trialdomain import Trials
from trialdomain.simulate.trials import Simulated

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "trialdomain.__main__",
        *(module.name for module in iter_modules(trialdomain.cli.__path__, "trialdomain.cli.")),
        "rich.progress",
        "scipy.special",
    ]
)
_STREAMS = ("stdin", "stdout", "stderr")


def run_bytes(
    folder: Path,
    *arguments: object,
    stdin: bytes = b"",
    columns: int | None = None,
    demonstrated: SimulatedLog | None = None,
) -> CompletedProcess[bytes]:
    """Run a command in a folder, and read what it wrote as bytes.

    Args:
        folder: where the command is run.
        arguments: of the command.
        stdin: what it reads.
        columns: how wide a line is; by default nobody says so.
        demonstrated: the trial that the demo tells of, instead of simulating one, which takes it many seconds.
    """
    given = [str(argument) for argument in arguments]
    with TemporaryDirectory() as name:
        streams = [Path(name, stream) for stream in _STREAMS]
        streams[0].write_bytes(stdin)
        process = _FORKS.Process(target=_main, args=(folder, given, streams, columns, demonstrated))
        process.start()
        process.join()
        status = process.exitcode
        process.close()
        assert status is not None
        return CompletedProcess(given, status, *(stream.read_bytes() for stream in streams[1:]))


def _main(
    folder: Path, given: Sequence[str], streams: Sequence[Path], columns: int | None, demonstrated: SimulatedLog | None
) -> None:
    """Be ``python -m trialdomain`` in a process that was just forked."""
    os.chdir(folder)
    os.environ.pop("COLUMNS", None)
    if columns is not None:
        os.environ["COLUMNS"] = str(columns)
    for number, (stream, flags) in enumerate(zip(streams, (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2), strict=True)):
        opened = os.open(stream, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - multiprocessing gave an empty one
    sys.argv = ["trialdomain", *given]
    if demonstrated is not None:
        patch("trialdomain.cli.commands.demo.simulated_trial", _told_of(demonstrated)).start()
    from trialdomain.__main__ import main  # noqa: PLC0415 - imported already where this process came from

    sys.exit(main())


def _told_of(demonstrated: SimulatedLog) -> Any:  # noqa: ANN401 - what patch() takes
    @contextmanager
    def simulated_trial(address: str, **_: object) -> Iterator[Simulated]:
        with Trials.open(demonstrated.copied_to(Path(address.removeprefix("sqlite:///")))) as trials:
            yield Simulated(trial=trials.trial(demonstrated.trial), last_day=demonstrated.last_day)

    return simulated_trial


def run(
    folder: Path, *arguments: object, columns: int | None = None, demonstrated: SimulatedLog | None = None
) -> CompletedProcess[str]:
    """Run a command in a folder, and read what it wrote as text."""
    done = run_bytes(folder, *arguments, columns=columns, demonstrated=demonstrated)
    return CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def done(folder: Path, *arguments: object) -> str:
    finished = run(folder, *arguments)
    assert (finished.returncode, finished.stderr) == (0, "")
    return finished.stdout


def answer(folder: Path, *arguments: object) -> Any:  # noqa: ANN401 - as JSON has it
    return json.loads(done(folder, *arguments, "--json"))


def refused(folder: Path, *arguments: object) -> str:
    finished = run(folder, *arguments)
    assert (finished.returncode, finished.stdout, finished.stderr.count("\n")) == (2, "", 1)
    return finished.stderr
