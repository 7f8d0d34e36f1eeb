"""One of several processes that record in several trials of one log: ``many_writers.py ADDRESS NAME SECONDS``."""

import sys
from random import Random
from subprocess import Popen
from time import monotonic

import attrs
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import Trials

TRIALS = ("T-1", "T-2", "T-3")


def begin(address: str) -> None:
    """Register the trials."""
    with Trials.open(address) as trials:
        for trial in TRIALS:
            trials.register(attrs.evolve(OPEN, trial=trial), by=INVESTIGATOR)


def writer(address: str, name: str, seconds: float) -> "Popen[bytes]":
    """Start such a process."""
    return Popen([sys.executable, __file__, address, name, str(seconds)])


def main() -> None:
    """Record consents and screenings, in a trial by chance, until the time is over."""
    address, name, seconds = sys.argv[1:]
    until, chance, number = monotonic() + float(seconds), Random(name), 0  # noqa: S311 - no secret
    with Trials.open(address) as trials:
        desks = [trials.trial(trial).acting(INVESTIGATOR) for trial in TRIALS]
        while monotonic() < until:
            desk, subject = chance.choice(desks), f"{name}-{number}"
            desk.consent(subject, signed_on=day(0), form_version="1")
            desk.screen(subject, on=day(0))
            number += 1


if __name__ == "__main__":
    main()
