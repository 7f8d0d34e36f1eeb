"""Checking an audit bundle: its files against the manifest, each entry against the tree, the tree against the notes."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import attrs

from trialdomain.audit.bundle import CHECKPOINT, EVENTS, PROOFS, described
from trialdomain.audit.defect import Defect, Defects, What, shown
from trialdomain.audit.notes import Held
from trialdomain.errors import InputInvalid, LogUnusable
from trialdomain.exchange.bundle import LARGEST_MANIFEST, MANIFEST, BundleMalformed, Manifest, read_manifest, read_proof
from trialdomain.exchange.files import read_file
from trialdomain.exchange.lines import LONGEST_LINE, LineUnreadable, read_entry
from trialdomain.storage.plain_files import refuse_database
from trialdomain.storage.stored import StoredEntry
from trialdomain.tree.checkpoint import Checkpoint, origin_of, parse_checkpoint
from trialdomain.tree.note import MOST_BYTES, Note, NoteMalformed, parse_note
from trialdomain.tree.proofs import ProofInvalid, root_of_inclusion
from trialdomain.values.ids import participant_stream

_LONGEST_PROOF = 8_192
_BLOCK = 1 << 20
_MOST_FILES = 100
_MOST_TIMES = 200
"""A bundle of ours is packed to a tenth of its size or so."""


def is_bundle(path: Path) -> bool:
    """Say whether a path is a bundle: a folder with a manifest, or a zip file with one."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    try:
        refuse_database(path)
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as packed:
            return MANIFEST in packed.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give a bundle as a folder.

    Raises:
        LogUnusable: the file is damaged, or holds more than its manifest says.
    """
    if path.is_dir():
        yield path
        return
    with TemporaryDirectory(prefix="trialdomain-") as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(path) as packed:
                _unpack(packed, folder, most=_MOST_TIMES * path.stat().st_size)
        except (
            OSError,
            ValueError,
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            RuntimeError,
        ) as error:
            raise LogUnusable(f"{path} cannot be unpacked: {error}; ask for the bundle again") from None
        yield folder


def _unpack(packed: zipfile.ZipFile, folder: Path, *, most: int) -> None:
    """Write each file beside the others, whatever folder it names, and no more of it than its manifest says.

    Raises:
        ValueError: they have more bytes than such a file can hold of ours.
    """
    with packed.open(MANIFEST) as file:
        (folder / MANIFEST).write_bytes(file.read(LARGEST_MANIFEST + 1))
    try:
        files = read_manifest(read_file(folder / MANIFEST, most=LARGEST_MANIFEST)).files
    except InputInvalid:
        return  # which is said where the folder is checked
    names = packed.namelist()[:_MOST_FILES]
    names.remove(MANIFEST)  # once: what has its name too is not the one that was read
    for name in names:
        place = folder / Path(name).name
        if Path(name).name != name or place.exists():
            place.with_name(f"{place.name[:100]}, a second time or in a folder").touch()  # which no manifest names
            continue
        with packed.open(name) as file, place.open("xb") as written:
            left = files[name].bytes + 1 if name in files else 1
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                written.write(block)
                left, most = left - len(block), most - len(block)
                if most < 0:
                    raise ValueError(f"it holds more than {_MOST_TIMES} times its own size, and is none of ours")


@attrs.frozen
class BundleTree:
    """The tree to which every entry of a bundle was shown to belong, as far as its manifest says so."""

    manifest: Manifest

    @property
    def trial(self) -> str:
        """Whose it is."""
        return self.manifest.trial

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self.manifest.size

    @property
    def first_gap(self) -> int | None:
        """No entry of a bundle stands for those that are not in it."""
        return None

    def root(self) -> bytes:
        """Give its root."""
        return bytes.fromhex(self.manifest.root)

    def fits(self, root: bytes, size: int) -> bool:
        """Say whether it is the tree of a root and a size."""
        return (root.hex(), size) == (self.manifest.root, self.manifest.size)

    def but(self, root: bytes, size: int) -> str:  # noqa: ARG002 - as of any tree
        """Say nothing: an entry that does not fit its proof is named as such."""
        return ""


class BundleCheck:
    """One bundle.

    Args:
        folder: unpacked.
        defects: takes what is wrong.

    Raises:
        BundleMalformed: its manifest is none.
    """

    def __init__(self, folder: Path, defects: Defects) -> None:
        self._folder, self._defects = folder, defects
        self.manifest = read_manifest(read_file(folder / MANIFEST, most=LARGEST_MANIFEST))
        try:
            self._root = bytes.fromhex(self.manifest.root)
        except ValueError:
            raise BundleMalformed(f"{MANIFEST} names no root: {self.manifest.root[:70]!r}") from None

    @property
    def events(self) -> Path:
        """The entries."""
        return self._folder / EVENTS

    def files(self) -> None:
        """Compare every file with what the manifest says of it."""
        named = self.manifest.files
        there = {path.name: path for path in sorted(self._folder.iterdir()) if path.name != MANIFEST}
        for name in (EVENTS, PROOFS, CHECKPOINT):
            if name not in named:
                self._add(What.BUNDLE, f"{MANIFEST} names no {name}")
        for name in sorted({*named, *there}):
            if name not in there:
                self._add(What.BUNDLE, f"{shown(name)} is missing")
            elif name not in named:
                self._add(What.BUNDLE, f"{shown(name)} is not in the manifest: it was added")
            elif not there[name].is_file() or there[name].is_symlink():
                self._add(What.BUNDLE, f"{shown(name)} is no file")
            elif described(there[name]) != named[name]:
                self._add(What.BUNDLE, f"{shown(name)} is not what the manifest says of it: it was changed")

    def held(self) -> list[Held]:
        """Give the checkpoint of the bundle, signed or not."""
        where = f"the bundle's {CHECKPOINT}"
        try:
            text = read_file(self._folder / CHECKPOINT, most=MOST_BYTES)
            note = parse_note(text) if b"\n\n" in text else Note(text.decode(), ())
            checkpoint = parse_checkpoint(note.text)
        except (NoteMalformed, UnicodeDecodeError, InputInvalid) as error:
            self._add(What.BAD_CHECKPOINT, f"{where} is none: {error}")
            return []
        expected = Checkpoint(origin_of(self.manifest.trial), self.manifest.size, self._root)
        if checkpoint != attrs.evolve(expected, extensions=checkpoint.extensions):
            self._add(What.BAD_CHECKPOINT, f"{where} is of another tree than the manifest")
            return []
        return [Held(where=where, checkpoint=checkpoint, note=note, outside=False)]

    def entries(self, count: Callable[[int], None]) -> None:
        """Show that each entry is in the tree of the manifest, by its proof, and whose it is."""
        manifest, entries = self.manifest, 0
        filtered = None if manifest.participants is None else _Filtered(manifest, self._defects)
        lines = self._lines(EVENTS, LONGEST_LINE)
        for number, (line, proof) in enumerate(zip_longest(lines, self._lines(PROOFS, _LONGEST_PROOF)), start=1):
            if proof is None and filtered is None and number == manifest.size + 1:
                break  # the last line of an export: size and root
            if line is None:
                self._add(What.BUNDLE, f"there are more proofs than entries from line {number} on", line=number)
                break
            entries += 1
            entry = self._proven(line, proof, number)
            if filtered is not None:
                filtered.take(entry, number)
            count(1)
        if entries != manifest.entries:
            self._add(What.MISSING, f"the manifest says {manifest.entries} entries, and {entries} are there")
        if filtered is not None:
            filtered.end()

    def _proven(self, line: bytes, proof: bytes | None, number: int) -> StoredEntry | None:
        """Give an entry that is in the tree; None for one that is not, which is said."""
        try:
            entry, leaf = read_entry(line)
            position, hashes = (entry.position, None) if proof is None else read_proof(proof)
            if hashes is None:
                why = f"position {position} has no proof"
            elif position != entry.position:
                why = f"the proof is of position {position}, and the entry says {entry.position}"
            elif root_of_inclusion(leaf, position - 1, self.manifest.size, hashes) != self._root:
                why = f"position {position} is not in the tree of the manifest: it was altered, or its proof was"
            else:
                return entry
        except (LineUnreadable, BundleMalformed, ProofInvalid) as error:
            why = str(error)
        self._add(What.ALTERED, why, line=number)
        return None

    def _lines(self, name: str, longest: int) -> Iterator[bytes]:
        try:
            with (self._folder / name).open("rb") as file:
                yield from _bounded(file, longest)
        except OSError as error:
            self._add(What.BUNDLE, f"{name} cannot be read: {error.strerror}")

    def _add(self, what: What, why: str, **where: object) -> None:
        self._defects.add(Defect(what=what, why=why, trial=self.manifest.trial, **where))  # type: ignore[arg-type]  # as named


class _Filtered:
    """The entries of some participants so far, in the order of their positions and versions."""

    def __init__(self, manifest: Manifest, defects: Defects) -> None:
        self._trial, self._defects = manifest.trial, defects
        self._streams = {participant_stream(manifest.trial, one) for one in manifest.participants or ()}
        self._versions: dict[str, int] = {}
        self._position = self._unknown = 0

    def take(self, entry: StoredEntry | None, line: int) -> None:
        """Take the next entry; None for one that is not to be believed, and may be of anybody."""
        if entry is None:
            self._unknown += 1
            return
        stream, version = str(entry.originator_id), entry.originator_version
        due = self._versions.get(stream, 0) + 1
        if stream not in self._streams:
            self._add(What.MISPLACED, "the entry is of nobody to whom the bundle is filtered", entry, line)
        elif entry.position <= self._position:
            self._add(What.REORDERED, f"position {entry.position} comes after {self._position}", entry, line)
        elif not due <= version <= due + self._unknown:
            self._add(What.MISSING, f"version {due} of the stream is missing", entry, line)
        self._position = max(self._position, entry.position)
        self._versions[stream] = max(version, due - 1)

    def end(self) -> None:
        """Say of whom nothing is there; it may be what is not to be believed."""
        absent = () if self._unknown else sorted(self._streams - self._versions.keys())
        for stream in absent:
            why = "nothing of the participant is there"
            self._defects.add(Defect(what=What.MISSING, why=why, trial=self._trial, stream=stream))

    def _add(self, what: What, why: str, entry: StoredEntry, line: int) -> None:
        self._defects.add(
            Defect(
                what=what,
                why=why,
                trial=self._trial,
                position=entry.position,
                stream=str(entry.originator_id),
                version=entry.originator_version,
                line=line,
            )
        )


def _bounded(file: BinaryIO, longest: int) -> Iterator[bytes]:
    while line := file.readline(longest + 1):
        yield line
        if len(line) > longest:
            return
