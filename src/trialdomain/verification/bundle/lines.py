"""Reading the lines of a bundle's entries and proofs, from untrusted files."""

from collections.abc import Iterator
from typing import BinaryIO

from trialdomain.exchange.bundle import EVENTS, PROOFS, BundleMalformed, read_proof
from trialdomain.exchange.lines import (
    GZIP_HEADER,
    LONGEST_LINE,
    Last,
    Line,
    LineUnreadable,
    leaf_of,
    other_form,
    parse,
    read_hash,
)
from trialdomain.storage.store import StoredEntry
from trialdomain.values.ids import LONGEST_STREAM, trial_of
from trialdomain.verification.bundle.files import Unpacked
from trialdomain.verification.bundle.found import Broken, FoundEntry, FoundProof

LONGEST_PROOF = 8_192
_MOST_BROKEN = 10_000
"""The most unreadable lines, before reading stops."""
_END_BYTES = 4_096
"""Bytes at the end of a file that are read for the last line of a trial, which has about a tenth of them."""


def proof_lines(bundle: Unpacked) -> Iterator[FoundProof | Broken]:
    """Read the proofs.

    Raises:
        MemberUnreadable: the file cannot be read.
    """
    broken = 0
    for number, line in _lines(bundle, PROOFS, LONGEST_PROOF):
        try:
            position, hashes = read_proof(line)
        except BundleMalformed as error:
            yield Broken(number, str(error))
            broken += 1
            if broken > _MOST_BROKEN:
                return
        else:
            yield FoundProof(number, position, hashes)


def read_lines(bundle: Unpacked) -> Iterator[tuple[int, Line | Last | Broken]]:
    """Read the lines of the file of entries, each with its number.

    Raises:
        MemberUnreadable: the file cannot be read.
    """
    broken = 0
    for number, line in _lines(bundle, EVENTS, LONGEST_LINE):
        try:
            read = parse(line)
            if isinstance(read, Line) and max(len(read.stream), len(read.name)) > LONGEST_STREAM:
                raise LineUnreadable(f"its stream or its name has more than {LONGEST_STREAM} characters")  # noqa: TRY301
        except LineUnreadable as error:
            yield number, Broken(number, f"the line is not an exported entry: {error}")
            broken += 1
            if broken > _MOST_BROKEN:
                return
        else:
            yield number, read


def found_entry(number: int, read: Line) -> FoundEntry:
    """Return the place and the leaves of an entry, for comparison with its proof.

    Raises:
        LineUnreadable: its stream or its name is not Unicode.
    """
    leaf, beside = leaf_of(read), read_hash(read.leaf)
    fits = leaf == beside or other_form(read, leaf) is not None
    leaves = tuple(dict.fromkeys(one for one in (beside, leaf) if one is not None))
    return FoundEntry(number, read.position, read.stream, read.version, leaves, fits)


def whole_entries(bundle: Unpacked, trial: str) -> Iterator[FoundEntry]:
    """Read the entries of a trial, and skip all other lines: the check of the file as an export names them."""
    for number, read in read_lines(bundle):
        if isinstance(read, Line) and trial_of(read.stream) == trial:
            try:
                yield found_entry(number, read)
            except LineUnreadable:
                continue


def stored_entries(bundle: Unpacked, trial: str) -> Iterator[StoredEntry]:
    """Read the entries of a trial in their stored form."""
    for _, read in read_lines(bundle):
        if isinstance(read, Line) and trial_of(read.stream) == trial:
            yield StoredEntry(read.stream, read.version, read.name, bytes(read.state), trial, read.position)


def last_entry(bundle: Unpacked, trial: str) -> StoredEntry | None:
    """Return the last entry of a trial; None where it has none."""
    last = None
    for last in stored_entries(bundle, trial):  # noqa: B007 - only one is kept
        pass
    return last


def first_entries(bundle: Unpacked, number: int) -> list[Line]:
    """Return the first ``number`` entries."""
    found: list[Line] = []
    for _, read in read_lines(bundle):
        if isinstance(read, Line):
            found.append(read)
        if len(found) == number:
            break
    return found


def ends_a_trial(bundle: Unpacked) -> bool:
    """Say whether the file of entries ends with the size and the root of a trial, as a whole log does.

    Raises:
        MemberUnreadable: the file cannot be read.
    """
    with bundle.opened(EVENTS) as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _END_BYTES))
        line = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        return isinstance(parse(line), Last)
    except LineUnreadable:
        return False


def is_packed(bundle: Unpacked, name: str) -> bool:
    """Say whether a file is compressed with gzip; no file of a real bundle is.

    Raises:
        MemberUnreadable: the file cannot be read.
    """
    with bundle.opened(name) as file:
        return file.read(2) == GZIP_HEADER


def _lines(bundle: Unpacked, name: str, longest: int) -> Iterator[tuple[int, bytes]]:
    """Yield lines with their numbers; a line that is too long becomes an empty one."""
    with bundle.opened(name) as file:
        number = 0
        while line := file.readline(longest + 1):
            number += 1
            if len(line) > longest:
                _pass_over(file, line)
                line = b""  # it will be reported as unreadable
            yield number, line


def _pass_over(file: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(_END_BYTES)
