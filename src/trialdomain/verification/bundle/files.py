"""The files of an audit bundle from somebody else: a folder, or a zip file, in which anything may stand under any name.

What is no regular file is never opened: a pipe would be waited for, a device may never end, a link leads elsewhere.
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
from trialdomain.verification.defect import shown

_BLOCK = 1 << 20
_MOST_NAMED = 100
"""Files that no manifest names and that are named all the same; and how often one name is looked at."""
_MOST_TIMES = 200
"""A bundle of ours is packed to a tenth of its size or so."""
_ALLOWED = 64 * 1024
"""Bytes that a file may have however small it was packed."""
_UNIX_MODE = 16
"""By how many bits the attributes of Unix stand above the others in a zip file."""
_NO_FILE = "is no file"
_OURS = {EVENTS, PROOFS, CHECKPOINT}
"""What is looked at whatever the manifest says: how much it says of them may be what was changed."""
_PLAIN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_NONBLOCK"))
"""How a file is opened: where the system can, without waiting."""
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""And without following a link."""


class MemberUnreadable(InputInvalid):
    """A file of a bundle cannot be read; the sentence names it as the bundle does."""

    code = "member-unreadable"


@attrs.frozen
class Member:
    """One file of a bundle: where it can be read, or why it cannot."""

    path: Path | None
    why: str = ""
    too_large: bool = False
    """Whether it was left packed, for it holds more than any file of ours."""


@attrs.frozen
class Unpacked:
    """The files of a bundle, each under the name that it has there."""

    place: Path
    """The bundle, as whoever asks has named it."""
    members: Mapping[str, Member]
    wrong: Sequence[str] = ()
    """What is wrong with how they are packed, in sentences."""

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Open a file.

        Raises:
            MemberUnreadable: it is not there, is no regular file, or cannot be read.
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
        """Read a file of a few bytes.

        Raises:
            MemberUnreadable: it cannot be read, or is longer.
        """
        with self.opened(name) as file:
            found = file.read(most + 1)
        if len(found) > most:
            raise MemberUnreadable(f"{name} has more than {most} bytes, and cannot be what it is called")
        return found

    def described(self, name: str, said: BundleFile) -> BundleFile:
        """Say of a file what a manifest would; of one of another size than it says, only that.

        Raises:
            MemberUnreadable: it cannot be read.
        """
        with self.opened(name) as file:
            size = os.fstat(file.fileno()).st_size
            return described(file) if size == said.bytes else BundleFile(bytes=size, sha256="")


def open_regular(path: Path, *, linked: bool = False) -> BinaryIO:
    """Open a file for reading, if it is a regular one; nothing else is opened.

    Args:
        path: the file.
        linked: follow a link, where it is a path that the caller has named, and not one from a stranger.

    Raises:
        OSError: it is something else, or cannot be read.
    """
    if not S_ISREG((path.stat() if linked else path.lstat()).st_mode):
        raise OSError(_NO_FILE)
    try:
        refuse_database(path)
    except DatabaseNotRead as error:
        raise OSError(f"it is {error.what}") from None
    file = os.fdopen(os.open(path, _PLAIN if linked else _PLAIN | _NO_LINK), "rb")
    if not S_ISREG(os.fstat(file.fileno()).st_mode):  # it was exchanged between the two calls
        file.close()
        raise OSError(_NO_FILE)
    return file


@contextmanager
def unpacked(path: Path) -> Iterator[Unpacked]:
    """Give the files of a bundle; those of a zip file are there until the end.

    Raises:
        LogUnusable: the folder cannot be listed, or the zip file is none.
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
    """A zip file on its way into a folder, in which each file has a number for its name."""

    def __init__(self, path: Path, packed: zipfile.ZipFile, folder: Path) -> None:
        self._path, self._packed, self._folder = path, packed, folder
        self._left = _MOST_TIMES * path.stat().st_size + _ALLOWED
        """Bytes that all of them may have together."""
        self._number = 0
        self._infos: dict[str, list[zipfile.ZipInfo]] = {}
        for info in packed.infolist():
            self._infos.setdefault(info.filename, []).append(info)
        self._wrong: list[str] = []

    def run(self) -> Unpacked:
        """Unpack what the manifest names, and name the rest.

        Raises:
            OSError: there is no place for it.
        """
        manifest = self._chosen(MANIFEST, LARGEST_MANIFEST, _is_manifest)
        members = {MANIFEST: manifest}
        said = _said_of_files(manifest)
        for name in self._infos.keys() & (_OURS if said is None else {*_OURS, *said}):
            file = None if said is None else said.get(name)
            size = self._left if file is None or name in _OURS else max(0, file.bytes)
            members[name] = self._chosen(name, size, _is(file))
        others = sorted(self._infos.keys() - members.keys())
        members |= {name: Member(None, "is left packed") for name in others[:_MOST_NAMED]}
        if len(others) > _MOST_NAMED:
            more = len(others) - _MOST_NAMED
            they_were = singular_or(more, "it was", "they were")
            files = how_many(more, "more file is", "more files are")
            self._wrong.append(f"{files} not in the manifest: {they_were} added")
        return Unpacked(self._path, dict(sorted(members.items())), tuple(self._wrong))

    def _chosen(self, name: str, size: int, right: Callable[[Path], bool]) -> Member:
        """Unpack a file; of several of one name, the first that is right, or else the last, as most programs do."""
        infos = self._infos.get(name, [])
        if len(infos) > 1:
            self._wrong.append(
                f"{shown(name)} is packed {len(infos)} times: programs differ in which of them they take"
            )
        found = Member(None, "is missing")
        for info in (*infos[: _MOST_NAMED - 1], *infos[_MOST_NAMED - 1 :][-1:]):
            found = self._one(info, size)
            if found.path is not None and right(found.path):
                break
        return found

    def _one(self, info: zipfile.ZipInfo, size: int) -> Member:
        """Unpack one file, and one byte more of it than it may have."""
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
                        why = f"holds more than {_MOST_TIMES} times its own size, and is none of ours"
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
            if error.errno is not None:  # of the disk; what is wrong with compressed bytes has no number
                raise
            raise _Broken(_said(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever a decompressor says of bytes from a stranger
            raise _Broken(_said(error)) from None


class _Broken(Exception):
    """What is packed cannot be unpacked."""


def _said_of_files(manifest: Member) -> Mapping[str, BundleFile] | None:
    """Give what a manifest says of files; None for one that cannot be read, which is told where it is checked."""
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
    """Ask whether a file is what a manifest says of it; any is, where that says nothing."""

    def right(path: Path) -> bool:
        with open_regular(path) as file:
            return said is None or described(file) == said

    return right


def _said(error: Exception) -> str:
    """Give the words of an error, without the path of a file that is gone when somebody reads it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)[:200] or type(error).__name__
