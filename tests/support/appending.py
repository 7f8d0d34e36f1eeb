"""A process that records results endlessly and reports the acknowledged ones, until a test kills it."""

import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from time import time_ns

import attrs

from trialdomain import HeadKey, Role, Trials, User, lab, nct06245746, read_signing_key

PROTOCOL = attrs.evolve(nct06245746(), criteria=())
USER = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
RESULTS = 3
"""Recorded by one command: all or none."""


def begin(path: Path, key: Path) -> None:
    """Make the log, with two participants."""
    with Trials.open(path, heads=HeadKey(read_signing_key(key))) as trials:
        desk = trials.register(PROTOCOL, by=USER).acting(USER)
        for subject in ("S001", "S002"):
            desk.consent(subject, signed_on="2026-03-02", form_version="1")


def main() -> None:
    """Record, and print the command and the positions of each one that was acknowledged."""
    path, key, subject, name = sys.argv[1:]
    with Trials.open(Path(path), heads=HeadKey(read_signing_key(Path(key)))) as trials:
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
