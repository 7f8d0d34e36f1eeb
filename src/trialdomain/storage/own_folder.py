"""A temporary folder that belongs to the process that made it."""

import os
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Self
from weakref import finalize


class OwnFolder:
    """Makes a temporary folder, and removes it at the end; a child process of a fork leaves it alone.

    ``tempfile.TemporaryDirectory`` would remove the folder in a child process too, while the parent still uses it.

    Args:
        beside: the folder to make it in; by default, the system's folder of temporary files.
        prefix: the beginning of its name.

    Raises:
        OSError: the folder cannot be made.
    """

    def __init__(self, *, beside: Path | None = None, prefix: str = "trialdomain-") -> None:
        self.path = Path(mkdtemp(dir=beside, prefix=prefix))
        self._remove = finalize(self, _remove, self.path, os.getpid())

    def cleanup(self) -> None:
        """Remove the folder and its contents; a second call does nothing."""
        self._remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cleanup()


def _remove(path: Path, process: int) -> None:
    if os.getpid() == process:
        rmtree(path, ignore_errors=True)
