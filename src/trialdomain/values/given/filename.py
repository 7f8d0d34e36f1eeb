"""Validate a path from a caller: its type, whether a file can have this name, and whether it is a regular file."""

import errno
import os
from pathlib import Path, PurePath
from stat import S_ISREG

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

_NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP}
"""The error numbers for a name that no file can have, or for a loop of symbolic links."""
_NEXT = {
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "check the name",
    errno.EACCES: "allow reading it, or name another",
    errno.EPERM: "allow reading it, or name another",
    errno.EISDIR: "name a file",
    errno.EIO: "check the disk",
}
"""By the error number for a file that cannot be read: the advice what to do next."""
_LONGEST = 4_096
"""The most characters of a path; no system opens a longer one."""


class PathInvalid(InputInvalid):
    """A parameter takes the path of a file, and the caller passed something else."""

    code = "path-invalid"

    def __init__(self, *, what: str, given: object) -> None:
        super().__init__(
            f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a path, as a text or a Path"
        )
        self.what, self.given = what, given


class NameUnusable(InputInvalid, LogUnusable):
    """No file can have this name, or it is a loop of symbolic links."""

    code = "name-unusable"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path[:200]!r} cannot be read or made: {why}; choose another name")
        self.path, self.why = path, why


def as_path(what: str, given: object) -> Path:
    """Convert a ``Path``, or its text, to a path.

    Raises:
        PathInvalid: it is neither, or too long.
    """
    if is_a(given, PurePath):
        path: Path | None = Path(PurePath.__str__(given))
    else:
        path = Path(plain(given)) if is_a(given, str) else None
    if path is None or len(str(path)) > _LONGEST:
        raise PathInvalid(what=what, given=given)
    return path


def named(given: "str | os.PathLike[str]", *, what: str = "the file") -> Path:
    """Validate a path from a caller; the file need not exist. All paths from callers pass through this function.

    Args:
        given: the path.
        what: the name of the parameter, for the error message.

    Raises:
        PathInvalid: it is not a path.
        NameUnusable: no file can have such a name.
    """
    path = as_path(what, given)
    try:
        path.stat()
    except ValueError as error:
        raise NameUnusable(path=str(path), why=why_unusable(error)) from None
    except OSError as error:
        if error.errno in _NO_NAME:
            raise NameUnusable(path=str(path), why=why_unusable(error)) from None
    return path  # other errors are raised by the code that opens the file


def is_no_file(path: Path) -> bool:
    """Return whether the path is a folder, a pipe or a device, with one ``stat``: the file may change between two."""
    try:
        return not S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def unread(path: "str | os.PathLike[str]", error: OSError) -> str:
    """Return an error message for a file that cannot be read: the reason, and what to do next.

    >>> unread("trial.db", FileNotFoundError(errno.ENOENT, "No such file or directory"))
    'trial.db cannot be read: No such file or directory; check the name'
    """
    return f"{path} cannot be read: {error.strerror or error}; {next_after(error)}"


def next_after(error: OSError) -> str:
    """Return the advice for a file that cannot be read."""
    return _NEXT.get(error.errno or 0, "check the name and the disk")


def why_unusable(error: OSError | ValueError) -> str:
    """Return the reason of an error that was raised when opening, creating or examining a file.

    The text of an ``OSError`` comes from the operating system. For a name that no file can have, Python raises a
    ``ValueError`` whose text changes from version to version, so it is replaced.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeError):
        return "its name has characters that no file name can have"
    return "embedded null byte"
