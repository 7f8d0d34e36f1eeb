"""Reading the files of an untrusted audit bundle: a folder or a zip file, with any content under any name.

Only regular files are opened: reading a pipe could wait forever, a device may never end, a link leads elsewhere.
"""

import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_IFMT, S_IFREG, S_ISREG
from typing import BinaryIO

import attrs

from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.exchange.bundle import (
    CHECKPOINT,
    EVENTS,
    LARGEST_MANIFEST,
    MANIFEST,
    PROOFS,
    BundleFile,
    KeyTwice,
    described,
    read_manifest,
)
from trialdomain.storage.own_folder import OwnFolder
from trialdomain.storage.plain_files import DatabaseNotRead, refuse_database
from trialdomain.values.given.filename import unread
from trialdomain.values.given.plural import how_many, singular_or
from trialdomain.verification.defect import shortened

_BLOCK = 1 << 20
_MOST_NAMED = 100
"""The most listed files that the manifest does not name; and the most files of one name that are unpacked."""
_MOST_TIMES = 200
"""The highest accepted compression ratio; a real bundle has a ratio of about 10."""
_ALLOWED = 64 * 1024
"""Bytes that a file may have at any compression ratio."""
_UNIX_MODE = 16
"""The bit offset of the Unix mode in the attributes of a zip entry."""
_NO_FILE = "is not a regular file"
_OURS = {EVENTS, PROOFS, CHECKPOINT}
"""The files that are unpacked whatever size the manifest says: that size may have been changed."""
_PLAIN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_NONBLOCK"))
"""The flags for opening a file: without waiting, where the system supports that."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""The flag for not following a link, where the system supports that."""


class MemberUnreadable(InputInvalid):
    """A file of a bundle cannot be read; the message has its name in the bundle."""

    code = "member-unreadable"


@attrs.frozen
class Member:
    """One file of a bundle: the path to read it from, or why it cannot be read."""

    path: Path | None
    why: str = ""
    too_large: bool = False
    """Whether it was not unpacked, because it is larger than any file of a real bundle."""


@attrs.frozen
class Unpacked:
    """The files of a bundle, by their names in it."""

    place: Path
    """The path of the bundle, as the caller named it."""
    members: Mapping[str, Member]
    wrong: Sequence[str] = ()
    """The faults of the zip file itself, in sentences."""

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a file.

        Raises:
            MemberUnreadable: it is missing, is not a regular file, or cannot be read.
        """
        member = self.members.get(name, Member(None, "is missing"))
        if member.path is None:
            raise MemberUnreadable(f"{name} {member.why}")
        try:
            with open_regular(member.path) as file:
                yield file
        except OSError as error:
            raise MemberUnreadable(f"{name} cannot be read: {error.strerror or error}") from None

    def read(self, name: str, *, most: int) -> bytes:
        """Read a small file.

        Raises:
            MemberUnreadable: it cannot be read, or has more than ``most`` bytes.
        """
        with self.opened(name) as file:
            found = file.read(most + 1)
        if len(found) > most:
            raise MemberUnreadable(f"{name} has more than {most} bytes, more than any file of that name can have")
        return found

    def described(self, name: str, said: BundleFile) -> BundleFile:
        """Describe a file as a manifest does; where its size differs from the manifest's, without its hash.

        Raises:
            MemberUnreadable: the file cannot be read.
        """
        with self.opened(name) as file:
            size = os.fstat(file.fileno()).st_size
            return described(file) if size == said.bytes else BundleFile(bytes=size, sha256="")


def open_regular(path: Path, *, linked: bool = False) -> BinaryIO:
    """Open a regular file for reading, and nothing else.

    Args:
        path: the file.
        linked: follow a link; only for a path that the caller named, not for one from a bundle.

    Raises:
        OSError: it is not a regular file, or cannot be read.
    """
    if not S_ISREG((path.stat() if linked else path.lstat()).st_mode):
        raise OSError(_NO_FILE)
    try:
        refuse_database(path)
    except DatabaseNotRead as error:
        raise OSError(f"it is {error.what}") from None
    file = os.fdopen(os.open(path, _PLAIN if linked else _PLAIN | _NO_LINK), "rb")
    if not S_ISREG(os.fstat(file.fileno()).st_mode):  # it was replaced between the two calls
        file.close()
        raise OSError(_NO_FILE)
    return file


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Yield the files of a bundle; those of a zip file are unpacked, and removed at the end.

    Raises:
        LogUnusable: the folder cannot be listed, or the file is not a zip file.
    """
    if path.is_dir():
        yield _of_folder(path)
        return
    with OwnFolder() as folder:
        try:
            with open_regular(path, linked=True) as file, zipfile.ZipFile(file) as packed:
                found = _Unpacking(path, packed, folder.path).run()
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise LogUnusable(f"{path} cannot be unpacked: {_said(error)}; ask for the bundle again") from None
        yield found


def is_bundle(path: Path) -> bool:
    """Say whether a path is a bundle: a folder with a manifest, or a zip file with one."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    try:
        with open_regular(path, linked=True) as file:
            if not zipfile.is_zipfile(file):
                return False
            with zipfile.ZipFile(file) as packed:
                return MANIFEST in packed.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def _of_folder(path: Path) -> Unpacked:
    try:
        there = sorted(path.iterdir())
        members = {one.name: Member(one) if S_ISREG(one.lstat().st_mode) else Member(None, _NO_FILE) for one in there}
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None
    return Unpacked(path, members)


class _Unpacking:
    """Unpacks a zip file into a folder, where each file gets a number as its name."""

    def __init__(self, path: Path, packed: zipfile.ZipFile, folder: Path) -> None:
        self._path, self._packed, self._folder = path, packed, folder
        self._left = _MOST_TIMES * path.stat().st_size + _ALLOWED
        """Bytes that may still be unpacked."""
        self._number = 0
        self._infos: dict[str, list[zipfile.ZipInfo]] = {}
        for info in packed.infolist():
            self._infos.setdefault(info.filename, []).append(info)
        self._wrong: list[str] = []

    def run(self) -> Unpacked:
        """Unpack the files that the manifest names, and list the others.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        manifest = self._chosen(MANIFEST, LARGEST_MANIFEST, _is_manifest)
        members = {MANIFEST: manifest}
        said = _said_of_files(manifest)
        for name in self._infos.keys() & (_OURS if said is None else {*_OURS, *said}):
            file = None if said is None else said.get(name)
            size = self._left if file is None or name in _OURS else max(0, file.bytes)
            members[name] = self._chosen(name, size, _is(file))
        others = sorted(self._infos.keys() - members.keys())
        members |= {name: Member(None, "was not unpacked") for name in others[:_MOST_NAMED]}
        if len(others) > _MOST_NAMED:
            more = len(others) - _MOST_NAMED
            they_were = singular_or(more, "it was", "they were")
            files = how_many(more, "more file is", "more files are")
            self._wrong.append(f"{files} not in the manifest: {they_were} added")
        return Unpacked(self._path, dict(sorted(members.items())), tuple(self._wrong))

    def _chosen(self, name: str, size: int, right: Callable[[Path], bool]) -> Member:
        """Unpack a file; of several with one name, the first that fits the manifest, else the last, as usual."""
        infos = self._infos.get(name, [])
        if len(infos) > 1:
            self._wrong.append(
                f"{shortened(name)} is {len(infos)} times in the zip file: programs differ in which of them they take"
            )
        found = Member(None, "is missing")
        for info in (*infos[: _MOST_NAMED - 1], *infos[_MOST_NAMED - 1 :][-1:]):
            found = self._one(info, size)
            if found.path is not None and right(found.path):
                break
        return found

    def _one(self, info: zipfile.ZipInfo, size: int) -> Member:
        """Unpack one file, up to one byte more than its expected size."""
        if info.is_dir() or S_IFMT(info.external_attr >> _UNIX_MODE) not in {0, S_IFREG}:
            return Member(None, _NO_FILE)
        most = min(_MOST_TIMES * info.compress_size + _ALLOWED, self._left)
        self._number += 1
        place, written = self._folder / str(self._number), 0
        with place.open("xb") as file:
            try:
                for block in self._blocks(info):
                    wanted = block[: size + 1 - written]
                    if written + len(wanted) > most:
                        why = f"unpacks to more than {_MOST_TIMES} times its own size, as no file of a bundle does"
                        return Member(None, why, too_large=True)
                    file.write(wanted)
                    written += len(wanted)
                    if written > size:
                        break
            except _Broken as error:
                return Member(None, f"cannot be unpacked: {error}")
            finally:
                self._left -= written
        return Member(place)

    def _blocks(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        try:
            with self._packed.open(info) as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            if error.errno is not None:  # an error of the disk; errors in compressed bytes have no number
                raise
            raise _Broken(_said(error)) from None
        except Exception as error:  # noqa: BLE001 - decompressors raise many types for untrusted bytes
            raise _Broken(_said(error)) from None


class _Broken(Exception):
    """A file in the zip file cannot be unpacked."""


def _said_of_files(manifest: Member) -> Mapping[str, BundleFile] | None:
    """Return the files in a manifest; None where it cannot be read, which is checked elsewhere."""
    if manifest.path is None:
        return None
    try:
        return read_manifest(manifest.path.read_bytes()).files
    except KeyTwice as error:
        return error.manifest.files
    except InputInvalid:
        return None


def _is_manifest(path: Path) -> bool:
    return _said_of_files(Member(path)) is not None


def _is(said: BundleFile | None) -> Callable[[Path], bool]:
    """Return a test whether a file fits its description in the manifest; without a description, every file does."""

    def right(path: Path) -> bool:
        with open_regular(path) as file:
            return said is None or described(file) == said

    return right


def _said(error: Exception) -> str:
    """Return the message of an error without its path: the unpacked file is removed before the user reads it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:200] or type(error).__name__
