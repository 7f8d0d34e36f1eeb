"""A small file system of its own, to fill up or to make read-only."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest


class SmallVolume:
    """A mounted file system in memory.

    Args:
        path: where it is mounted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, leave: int = 0) -> None:
        """Fill it up with a file, but for some bytes."""
        status = os.statvfs(self.path)
        free = status.f_bavail * status.f_frsize - leave
        with self._filler.open("ab") as filler:
            os.posix_fallocate(filler.fileno(), filler.tell(), free)

    def free(self) -> None:
        """Remove the file that fills it."""
        self._filler.unlink()

    def make_readonly(self) -> None:
        """Let nobody write to it any more; no file may be open for writing."""
        subprocess.run(["mount", "-o", "remount,ro", self.path], check=True)


@contextmanager
def small_volume(megabytes: int) -> Iterator[SmallVolume]:
    """Mount a small file system while a block lasts; skip the test where this user may not."""
    folder = Path(mkdtemp(prefix="vol-", dir="/tmp"))
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=False, capture_output=True
        )
        if mounted.returncode:
            pytest.skip("this user may mount no file system")
        try:
            yield SmallVolume(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
    finally:
        rmtree(folder, ignore_errors=True)
