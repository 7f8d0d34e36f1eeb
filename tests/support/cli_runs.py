"""Runs of the command line, each in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def run(folder: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "trialdomain", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


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
