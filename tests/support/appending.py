"""A process that records results endlessly and reports the acknowledged ones, until a test kills it."""

import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen
from time import time_ns

import attrs

from trialdomain import HeadKey, Role, Trials, User, lab, nct06245746, read_signing_key

PROTOCOL = attrs.evolve(nct06245746(), criteria=())
USER = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
RESULTS = 3
"""Recorded by one command: all or none."""


def begin(address: str, key: Path) -> None:
    """Make the log, with two participants."""
    with Trials.open(address, heads=HeadKey(read_signing_key(key))) as trials:
        desk = trials.register(PROTOCOL, by=USER).acting(USER)
        for subject in ("S001", "S002"):
            desk.consent(subject, signed_on="2026-03-02", form_version="1")


def appender(address: str, key: Path, subject: str, name: str) -> "Popen[str]":
    """Start such a process."""
    return Popen([sys.executable, __file__, address, key, subject, name], stdout=PIPE, encoding="utf-8")


def acknowledged(process: "Popen[str]") -> dict[str, tuple[int, int]]:
    """Read what a process that is no more has said, but for a line that it was killed in."""
    assert process.stdout is not None
    lines = process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {command: (int(first), int(last)) for command, first, last in whole}


def main() -> None:
    """Record, and print the command and the positions of each one that was acknowledged."""
    address, key, subject, name = sys.argv[1:]
    with Trials.open(address, heads=HeadKey(read_signing_key(Path(key)))) as trials:
        desk = trials.trial(PROTOCOL.trial).acting(USER)
        for number in count():
            when = datetime.now(UTC).isoformat(timespec="seconds")
            values = (time_ns() % 10**14 for _ in range(RESULTS))  # no two alike, or nothing would be recorded
            results = [lab("ANC", value, "10*9/L", collected_at=when) for value in values]
            recorded = desk.record_labs(subject, results, command_id=f"{name}-{number}")
            sys.stdout.write(f"{name}-{number} {recorded[0].position} {recorded[-1].position}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
