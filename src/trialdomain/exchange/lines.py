"""The single lines of an exported log: an entry, or the size and root at the end of a trial."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping

import msgspec

from trialdomain.errors import LogCorrupt
from trialdomain.storage.store import StoredEntry
from trialdomain.tree.checkpoint import as_base64
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.ids import trial_of

LONGEST_LINE = 8 * 1024 * 1024
GZIP_HEADER = b"\x1f\x8b"


class LineUnreadable(LogCorrupt):
    """A line is neither an exported entry nor the last line of a trial."""

    code = "line-unreadable"


class LineReformatted(LineUnreadable):
    """An entry has the same content, but in a different JSON form than its canonical one."""

    code = "line-reformatted"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One entry as it is in its line, not validated yet."""

    position: int
    stream: str
    version: int
    name: str
    leaf: str
    state: msgspec.Raw


class Last(msgspec.Struct, forbid_unknown_fields=True):
    """The last line of a trial."""

    trial: str
    size: int
    root: str
    """The root in base64; earlier versions wrote it in hex."""


class _Either(msgspec.Struct):
    position: int | None = None
    trial: str | None = None


_LINE = msgspec.json.Decoder(Line)
_LAST = msgspec.json.Decoder(Last)
_EITHER = msgspec.json.Decoder(_Either)
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_ROOT = re.compile(r"[A-Za-z0-9+/]{43}=")
"""32 bytes in base64."""


def parse(line: bytes) -> Line | Last:
    """Decode a line as an entry or as a last line, by its keys.

    Raises:
        LineUnreadable: it is neither an entry nor the last line of a trial, or it has a duplicate key.
    """
    try:
        is_last = _EITHER.decode(line).trial is not None
        read = _LAST.decode(line) if is_last else _LINE.decode(line)
        if line != (write_last(read) if isinstance(read, Last) else _written(read)):
            refuse_duplicate_keys(line)  # a line in our own form has no duplicate key, so it is not parsed again
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LineUnreadable(str(error)[:400]) from None
    return read


def read_entry(line: bytes) -> tuple[StoredEntry, bytes]:
    """Decode one exported entry that matches its leaf, and return both. The state is not decoded: it may be newer.

    Raises:
        LineReformatted: its state or its leaf was written in another form.
        LineUnreadable: it is not an entry, or was altered.
    """
    read = parse(line)
    if isinstance(read, Last):
        raise LineUnreadable(f"the line ends trial {read.trial[:70]!r}, and is not an entry")
    return fitting(read)


def fitting(read: Line) -> tuple[StoredEntry, bytes]:
    """Return the entry of a line, and its leaf.

    Raises:
        LineReformatted: its state or its leaf has the same content in another form.
        LineUnreadable: the entry does not match its leaf.
    """
    state, leaf = bytes(read.state), leaf_of(read)
    if leaf.hex() != read.leaf:
        if (form := other_form(read, leaf)) is not None:
            raise LineReformatted(f"position {read.position} was reformatted: {form}, with the same content")
        raise LineUnreadable(f"position {read.position} does not fit its leaf: it was altered")
    trial = trial_of(read.stream)
    return StoredEntry(read.stream, read.version, read.name, state, trial, read.position), leaf


def leaf_of(read: Line) -> bytes:
    """Compute the leaf of the entry of a line.

    Raises:
        LineUnreadable: its stream or its name is not valid Unicode.
    """
    try:
        return leaf_hash(stream=read.stream, version=read.version, topic=read.name, state=bytes(read.state))
    except UnicodeEncodeError as error:
        raise LineUnreadable(f"a name in it is not valid Unicode: {error.reason}") from None


def other_form(read: Line, leaf: bytes) -> str | None:
    """Return what is written in another form, if the content matches the leaf; None if it does not match.

    Args:
        read: the line.
        leaf: the leaf computed from the line as it is written.
    """
    beside = read_hash(read.leaf)
    if beside == leaf:
        return "its leaf is written in another form"
    state = None if beside is None else canonical(bytes(read.state))
    if state is None:
        return None
    same = leaf_hash(stream=read.stream, version=read.version, topic=read.name, state=state) == beside
    return "its state is written in another form" if same else None


def read_hash(text: str) -> bytes | None:
    """Decode a hash in hex, also in capitals or with spaces around it; None for any other text."""
    plain = text.strip()
    return bytes.fromhex(plain) if _HASH.fullmatch(plain) else None


def read_root(text: str) -> bytes | None:
    """Decode the root of a tree: base64, as in checkpoints, or hex, as in earlier versions; None for any other text.

    >>> read_root("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=") == read_root("00" * 32) == bytes(32)
    True
    """
    plain = text.strip()
    return b64decode(plain) if _ROOT.fullmatch(plain) else read_hash(plain)


def is_other_form(text: str, root: bytes) -> bool:
    """Return whether a root is written in a form that no version of this library writes."""
    return text not in {as_base64(root), root.hex()}


def write_entry(entry: StoredEntry, leaf: bytes) -> bytes:
    """Encode an entry as a line."""
    head = {
        "position": entry.position,
        "stream": entry.originator_id,
        "version": entry.originator_version,
        "name": entry.topic,
        "leaf": leaf.hex(),
    }
    return _with_state(head, entry.state)


def write_last(last: Last) -> bytes:
    """Encode the last line of a trial."""
    return msgspec.json.encode(last) + b"\n"


def _written(read: Line) -> bytes:
    head = {name: getattr(read, name) for name in ("position", "stream", "version", "name", "leaf")}
    return _with_state(head, bytes(read.state))


def _with_state(head: Mapping[str, object], state: bytes) -> bytes:
    return msgspec.json.encode(head)[:-1] + b',"state":' + state + b"}\n"


def canonical(state: bytes) -> bytes | None:
    """Return the canonical form of a state that was written in another form; None if it has none."""
    try:
        read = json.loads(state, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_once)
        return json.dumps(read, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return None


def refuse_duplicate_keys(given: bytes) -> None:
    """Refuse JSON with a duplicate key, at any depth: some parsers take the first value, others the last.

    Raises:
        ValueError: it has a duplicate key, or is not JSON.
        RecursionError: it is nested too deep.
    """
    json.loads(given, object_pairs_hook=_once)


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is not a valid number in a state")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"it has a duplicate key: {name[:40]!r}")
        found[name] = value
    return found
