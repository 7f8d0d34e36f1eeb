"""The lines of an exported log, each by itself: an entry, or the size and root at the end of a trial."""

import json
from collections.abc import Mapping

import msgspec

from trialdomain.errors import LogCorrupt
from trialdomain.storage.stored import StoredEntry
from trialdomain.tree.leaf import leaf_hash
from trialdomain.values.ids import trial_of

LONGEST_LINE = 8 * 1024 * 1024
GZIP_HEADER = b"\x1f\x8b"


class LineUnreadable(LogCorrupt):
    """A line is neither an exported entry nor the last line of a trial."""

    code = "line-unreadable"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One entry, as its line has it; nothing of it is checked yet."""

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


class _Either(msgspec.Struct):
    position: int | None = None
    trial: str | None = None


_LINE = msgspec.json.Decoder(Line)
_LAST = msgspec.json.Decoder(Last)
_EITHER = msgspec.json.Decoder(_Either)


def parse(line: bytes) -> Line | Last:
    """Read a line as what it says it is.

    Raises:
        LineUnreadable: it is neither an entry nor the last line of a trial, or a key stands in it twice.
    """
    try:
        is_last = _EITHER.decode(line).trial is not None
        read = _LAST.decode(line) if is_last else _LINE.decode(line)
        if line != (write_last(read) if isinstance(read, Last) else _written(read)):
            json.loads(line, object_pairs_hook=_once)  # in our own form, no key stands twice
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise LineUnreadable(str(error)[:400]) from None
    return read


def read_entry(line: bytes) -> tuple[StoredEntry, bytes]:
    """Read one exported entry that fits its leaf, whatever its state says, also of a newer version; give its leaf too.

    Raises:
        LineUnreadable: it is no entry, or was altered.
    """
    read = parse(line)
    if isinstance(read, Last):
        raise LineUnreadable(f"the line ends trial {read.trial[:70]!r}, and is no entry")
    return fitting(read)


def fitting(read: Line) -> tuple[StoredEntry, bytes]:
    """Give the entry of a line, and its leaf.

    Raises:
        LineUnreadable: the entry does not fit its leaf.
    """
    state = bytes(read.state)
    try:
        leaf = leaf_hash(stream=read.stream, version=read.version, topic=read.name, state=state)
    except UnicodeEncodeError as error:
        raise LineUnreadable(f"a name in it is no Unicode: {error.reason}") from None
    if leaf.hex() != read.leaf:
        raise LineUnreadable(f"position {read.position} does not fit its leaf: it was altered")
    trial = trial_of(read.stream)
    return StoredEntry(read.stream, read.version, read.name, state, trial, read.position), leaf


def write_entry(entry: StoredEntry, leaf: bytes) -> bytes:
    """Write the line of an entry."""
    head = {
        "position": entry.position,
        "stream": entry.originator_id,
        "version": entry.originator_version,
        "name": entry.topic,
        "leaf": leaf.hex(),
    }
    return _with_state(head, entry.state)


def write_last(last: Last) -> bytes:
    """Write the last line of a trial."""
    return msgspec.json.encode(last) + b"\n"


def _written(read: Line) -> bytes:
    head = {name: getattr(read, name) for name in ("position", "stream", "version", "name", "leaf")}
    return _with_state(head, bytes(read.state))


def _with_state(head: Mapping[str, object], state: bytes) -> bytes:
    return msgspec.json.encode(head)[:-1] + b',"state":' + state + b"}\n"


def canonical(state: bytes) -> bytes | None:
    """Give the canonical form of a state that was written in another; None for what has none."""
    try:
        read = json.loads(state, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_once)
        return json.dumps(read, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    except (ValueError, RecursionError):
        return None


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is none of a state's numbers")


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in it")
    return found
