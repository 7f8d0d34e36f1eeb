"""What is to be known of a path that a caller names: what it is, whether a file can have it, and what stands there."""

import errno
import os
from pathlib import Path, PurePath
from stat import S_ISREG

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short

_NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP}
"""What the operating system says of a name that no file can have, or that leads round in a circle."""
_NEXT = {
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "check the name",
    errno.EACCES: "allow reading it, or name another",
    errno.EPERM: "allow reading it, or name another",
    errno.EISDIR: "name a file",
    errno.EIO: "check the disk",
}
"""What to do next, by what the operating system says of a file that cannot be read."""
_LONGEST = 4_096
"""Characters: no system opens a longer one."""


class PathInvalid(InputInvalid):
    """A file is asked for, and what was given cannot be the path of one."""

    code = "path-invalid"

    def __init__(self, *, what: str, given: object) -> None:
        super().__init__(
            f"{what} is {short(given)!r}, a value of type {type(given).__name__}: give a path, as a text or a Path"
        )
        self.what, self.given = what, given


class NameUnusable(InputInvalid, LogUnusable):
    """No file can have the name that was given, or links lead from it to itself."""

    code = "name-unusable"

    def __init__(self, *, path: str, why: str) -> None:
        super().__init__(f"{path[:200]!r} cannot be read or made: {why}; choose another name")
        self.path, self.why = path, why


def as_path(what: str, given: object) -> Path:
    """Take the path of a file, as a ``Path`` or as its text.

    Raises:
        PathInvalid: it is neither, or longer than any path.
    """
    if is_a(given, PurePath):
        path: Path | None = Path(PurePath.__str__(given))
    else:
        path = Path(plain(given)) if is_a(given, str) else None
    if path is None or len(str(path)) > _LONGEST:
        raise PathInvalid(what=what, given=given)
    return path


def named(given: "str | os.PathLike[str]", *, what: str = "the file") -> Path:
    """Take a path from a caller, whatever stands there: every path from outside comes through here.

    Args:
        given: the path.
        what: what to call it in an error.

    Raises:
        PathInvalid: it is no path.
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
    return path  # what else there may be to say of it, whoever opens it says


def is_no_file(path: Path) -> bool:
    """Return whether a folder, a pipe or a device stands there, by one look: at a second, it may be gone."""
    try:
        return not S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def unread(path: "str | os.PathLike[str]", error: OSError) -> str:
    """Say that a file cannot be read, why, and what to do next.

    >>> unread("trial.db", FileNotFoundError(errno.ENOENT, "No such file or directory"))
    'trial.db cannot be read: No such file or directory; check the name'
    """
    return f"{path} cannot be read: {error.strerror or error}; {next_after(error)}"


def next_after(error: OSError) -> str:
    """Return what to do about a file that cannot be read."""
    return _NEXT.get(error.errno or 0, "check the name and the disk")


def why_unusable(error: OSError | ValueError) -> str:
    """Return the reason of an error that opening, making or looking at a file raised.

    The operating system words its own errors. For a name that no file can have Python raises a ``ValueError``, and
    words it anew from version to version.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeError):
        return "its name has characters that no file name can have"
    return "embedded null byte"
