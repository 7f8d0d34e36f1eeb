"""A process that keeps the views of a log up to date until a test kills it: ``following_views.py ADDRESS``."""

import sys
from contextlib import closing
from subprocess import Popen

from trialdomain.storage.open_store import open_store
from trialdomain.views.views import Views


def follower(address: str) -> "Popen[bytes]":
    """Start such a process."""
    return Popen([sys.executable, __file__, address])


def main() -> None:
    """Follow the log, which is only read."""
    with closing(open_store(sys.argv[1], readonly=True)) as log:
        Views(log).follow()


if __name__ == "__main__":
    main()
