"""A temporary folder that belongs to the process that made it."""

import os
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Self
from weakref import finalize


class OwnFolder:
    """Makes a temporary folder, and removes it in the end; a process that was forked meanwhile leaves it alone.

    ``tempfile.TemporaryDirectory`` removes its folder from a child process as well, under the hands of the parent.

    Args:
        beside: the folder to make it in; by default, where the system has temporary files.
        prefix: how its name begins.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, *, beside: Path | None = None, prefix: str = "trialdomain-") -> None:
        self.path = Path(mkdtemp(dir=beside, prefix=prefix))
        self._remove = finalize(self, _remove, self.path, os.getpid())

    def cleanup(self) -> None:
        """Remove it with all that is in it; a second call does nothing."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cleanup()


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        rmtree(path, ignore_errors=True)
