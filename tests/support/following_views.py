"""A process that keeps the views of a log up to date until a test kills it: ``following_views.py ADDRESS``."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from subprocess import Popen

from trialdomain.storage.open_store import open_store
from trialdomain.views.views import Views


@contextmanager
def follower(address: str) -> Iterator["Popen[bytes]"]:
    """Run such a process while a block lasts, and kill it then."""
    with Popen([sys.executable, __file__, address]) as process:
        try:
            yield process
        finally:
            process.kill()


def main() -> None:
    """Follow the log, which is only read."""
    with closing(open_store(sys.argv[1], readonly=True)) as log:
        Views(log).follow()


if __name__ == "__main__":
    main()
