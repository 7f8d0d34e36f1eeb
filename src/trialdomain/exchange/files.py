"""Small files: keys, notes, proofs."""

from pathlib import Path

from trialdomain.errors import InputInvalid
from trialdomain.storage.plain_files import open_plain
from trialdomain.values.filename import is_no_file, named


def read_file(path: Path, *, most: int) -> bytes:
    """Read a file of a few bytes.

    Raises:
        InputInvalid: it cannot be read, or is longer.
    """
    if is_no_file(named(path)):
        raise InputInvalid(f"{path} is a folder or a device: name a file")
    try:
        with open_plain(path) as file:
            found = file.read(most + 1)
    except OSError as error:
        raise InputInvalid(f"{path} cannot be read: {error.strerror}; check the name") from None
    if len(found) > most:
        raise InputInvalid(f"{path} has more than {most} bytes, and cannot be what is asked for")
    return found


def write_text(path: Path, text: str) -> None:
    """Write a file that does not exist yet.

    Raises:
        InputInvalid: it does, or cannot be made.
    """
    try:
        with named(path).open("xb") as file:
            file.write(text.encode())
    except OSError as error:
        raise InputInvalid(f"{path} cannot be written: {error.strerror}; free the place, or name another") from None
