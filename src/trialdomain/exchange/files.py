"""File input and output: read small files, and create new files atomically."""

import errno
import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, TextIO, cast

from trialdomain.errors import InputInvalid
from trialdomain.exchange.lines import GZIP_HEADER
from trialdomain.storage.plain_files import open_plain, refuse_beside, refuse_log_as_output
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.given.filename import is_no_file, named, unread

STANDARD_OUTPUT = Path("-")
"""The path that means standard output."""
_STREAMS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTORS = ("/dev/fd/", "/proc/self/fd/")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
"""The error numbers of file systems without hard links."""


def read_file(path: Path, *, most: int) -> bytes:
    """Read a small file, plain or gzip.

    Raises:
        InputInvalid: it cannot be read, or has more than ``most`` bytes.
    """
    if is_no_file(named(path)):
        raise InputInvalid(f"{path} is a folder or a device: name a file")
    try:
        with open_plain(path) as file:
            if file.peek(2)[:2] == GZIP_HEADER:
                with gzip.GzipFile(fileobj=file) as packed:
                    found = packed.read(most + 1)
            else:
                found = file.read(most + 1)
    except (EOFError, zlib.error) as error:
        raise InputInvalid(f"{path} cannot be read: the compressed file breaks off ({error}); get it again") from None
    except OSError as error:
        raise InputInvalid(unread(path, error)) from None
    if len(found) > most:
        raise InputInvalid(f"{path} has more than {most} bytes, and cannot be what is asked for")
    return found


def write_text(path: Path, text: str, *, log: Path | PostgresAddress | None = None) -> None:
    """Write a text to a new file, as :func:`writing` does.

    Raises:
        InputInvalid: the file exists already, or cannot be created.
    """
    with writing(path, log=log) as file:
        file.write(text.encode())


@contextmanager
def writing_text(path: Path, *, log: Path | PostgresAddress | None = None) -> Iterator[TextIO]:
    """Open a new text file, as :func:`writing` does, without conversion of line ends."""
    with writing(path, log=log) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()  # flushes the buffer, and leaves the binary file open


@contextmanager
def writing(path: Path, *, log: Path | PostgresAddress | None = None) -> Iterator[BinaryIO]:
    """Create a file atomically: write a temporary file, then link it to its name. A ``.gz`` file is compressed.

    Standard output (``-``, ``/dev/stdout``), pipes and devices are written to directly.

    Args:
        path: the file to create.
        log: the log that is read; standard output must not be redirected into it.

    Raises:
        InputInvalid: the file exists already, or cannot be created.
        NameTaken: the name would be a part of a log.
        BrokenPipeError: the reader of the pipe has closed it.
    """
    try:
        with _opened(named(path), log) as file:
            if path.suffix.lower() != ".gz":
                yield file
                return
            with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                yield cast("BinaryIO", packed)
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        raise InputInvalid(f"{path} cannot be written: {why}: correct that, or name another place") from None


@contextmanager
def _opened(path: Path, log: Path | PostgresAddress | None) -> Iterator[BinaryIO]:
    descriptor = _descriptor(path)
    if descriptor is not None:
        if log is not None:
            refuse_log_as_output(descriptor, log)
        sys.stdout.flush()
        with os.fdopen(os.dup(descriptor), "wb") as file:
            yield file
    elif is_no_file(path):
        with path.open("wb") as file:
            yield file
    else:
        with _new_file(path) as file:
            yield file


def is_standard_output(path: Path) -> bool:
    """Return whether a path means the standard output of the command."""
    return _descriptor(path) == _STREAMS["-"]


def _descriptor(path: Path) -> int | None:
    """Return the file descriptor that a path means; None for a file path."""
    text = str(path)
    for before in _DESCRIPTORS:
        number = text.removeprefix(before)
        if number != text and number.isascii() and number.isdigit() and len(number) < 10:  # noqa: PLR2004 - as many as any system has
            return int(number)
    return _STREAMS.get(text)


@contextmanager
def _new_file(path: Path) -> Iterator[BinaryIO]:
    if os.path.lexists(path):
        raise InputInvalid(f"{path} exists already: choose another name")
    refuse_beside(path)
    part = path.with_name(f".{token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        give_name(part, path)
    finally:
        part.unlink(missing_ok=True)


def give_name(made: Path, target: Path) -> None:
    """Link a finished file to its name. Unlike a rename, this never replaces a file that was created meanwhile.

    Raises:
        OSError: the name is taken, or the link fails.
    """
    try:
        os.link(made, target)
    except OSError as error:
        if error.errno not in _NO_LINKS or os.path.lexists(target):
            raise
        made.rename(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
