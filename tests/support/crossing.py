"""Functions that a test runs in another process; a spawned process can import them from here."""

from importlib import import_module
from pathlib import Path
from typing import TypeVar

from error_examples import examples_of
from handed_out import NOW
from site_desk import Site

from trialdomain import CHECKS, Entry, Findings, findings, read_checks, read_log
from trialdomain.testing import history_of

T = TypeVar("T")


def refuse(module: str, name: str, number: int) -> None:
    """Raise one of the examples of an error, made over there."""
    kind = getattr(import_module(module), name)
    raise examples_of(kind)[number][0]


def echo(value: T) -> T:
    """Give a value back as it arrived."""
    return value


def refused_there() -> None:
    """Ask for what a rule refuses, in a log that is opened over there."""
    site = Site()
    try:
        site.desk.enroll("S009", on=site.today)
    finally:
        site.trials.close()


def looked_for(checks: Path) -> Findings:
    """Look over there for findings with the checks of a file."""
    history, on = history_of("1NNT")
    return findings(history, on=on, checks=[*CHECKS, *read_checks(checks)], now=NOW)


def entries_of(log: Path) -> list[Entry]:
    """Read over there the entries of a log."""
    with read_log(log) as read:
        return [entry for trial in read.values() for entry in trial.history().entries()]
