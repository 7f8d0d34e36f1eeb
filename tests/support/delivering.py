"""A process that delivers the entries of a log, and prints the id of each message, until a test kills it.

``delivering.py ADDRESS AT_ONCE``
"""

import sys
from subprocess import PIPE, Popen

from trialdomain import Entry, Trials


def deliverer(address: str, at_once: int) -> "Popen[str]":
    """Start such a process."""
    return Popen([sys.executable, __file__, address, str(at_once)], stdout=PIPE, encoding="utf-8")


def send(entry: Entry) -> None:
    """Print the id of a message."""
    sys.stdout.write(f"{entry.trial} {entry.position}\n")
    sys.stdout.flush()


def main() -> None:
    """Deliver everything, and go on."""
    address, at_once = sys.argv[1:]
    with Trials.open(address) as trials:
        trials.outbox("receiver").deliver(send, at_once=int(at_once))


if __name__ == "__main__":
    main()
