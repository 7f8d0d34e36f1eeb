"""What is the path of a file, and why one cannot be, in words that are the same on every version of Python."""

import os
from pathlib import Path, PurePath

from trialdomain.errors import InputInvalid
from trialdomain.values.plain import is_a, plain
from trialdomain.values.text import short

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


def as_named_path(what: str, given: object) -> Path:
    """Take the path of a file, and refuse what no file can be called.

    Raises:
        PathInvalid: it is none, or no file can have it.
    """
    path = as_path(what, given)
    if not is_nameable(path):
        raise PathInvalid(what=what, given=given)
    return path


def is_nameable(path: Path) -> bool:
    """Say whether a file can be called so: in characters that the system has, and none of them NUL."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeError:
        return False


def why_unusable(error: OSError | ValueError) -> str:
    """Give the reason of an error that opening, making or looking at a file raised.

    The operating system words its own errors. For a name that no file can have Python raises a ``ValueError``, and
    words it anew from version to version.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeError):
        return "its name has characters that no file name can have"
    return "embedded null byte"
