"""The inputs for untrusted bytes: each of them alone, with all the code that processes it.

The seeds in ``tests/strangers`` and the fuzzers use these functions. For any input, they suppress only errors of this
library.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trialdomain import SigningKey, TrialError, read_log, verify
from trialdomain.events.recorded import opened
from trialdomain.exchange.jsonl import read_jsonl, write_jsonl
from trialdomain.exchange.lines import read_entry, write_entry
from trialdomain.history import History, Log
from trialdomain.signing.keys import KeyKind, VerifierKey, signers
from trialdomain.signing.proofs import check_inclusion
from trialdomain.signing.signer import HeadKey, TreeSigner
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.codec import encode, unpack
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Command, Sealed, StoredEntry
from trialdomain.tree.checkpoint import parse_checkpoint, parse_proof, parse_request
from trialdomain.tree.leaf import leaf_hash
from trialdomain.tree.note import Note, parse_note
from trialdomain.verification.judged_notes import read_held

GOLDEN = Path(__file__).parents[1] / "golden"
TRIAL = "T1"
LOG_KEY = SigningKey("log.example/a", KeyKind.LOG, bytes([1]) * 32)
WITNESS_KEY = SigningKey("w.example", KeyKind.COSIGNER, bytes([2]) * 32)
_KEYS = [LOG_KEY.verifier, WITNESS_KEY.verifier]
_STREAMS = {"trial": "T1", "access": "T1/access", "cohort": "T1/cohort/1", "participant": "T1/participant/S-001"}
_FIRST = (
    "trial.registered.v1",
    "trial.user-registered.v1",
    "participant.consented.v1",
    "participant.screened.v1",
    "participant.enrolled.v1",
    "cohort.opened.v1",
    "cohort.slot-filled.v1",
    "participant.infused.v1",
    "cohort.member-infused.v1",
)
_KEY_OF = {"entries": "name", "commands": "command", "checkpoints": "trial", "heads": "trial"}
_AT = datetime(2026, 3, 5, tzinfo=UTC)


def holds(read: Callable[[], object]) -> None:
    """Hold that nothing but an error of this library is raised, and that its text can be printed."""
    try:
        read()
    except TrialError as error:
        str(error).encode()


def codec(given: bytes, _: Path) -> None:
    """Read a state: its stored name is the first line."""
    name, _newline, state = given.partition(b"\n")
    for strict in (False, True):
        holds(lambda strict=strict: _comes_back(name.decode(errors="replace"), state, strict=strict))  # type: ignore[misc]  # bound now


def _comes_back(name: str, state: bytes, *, strict: bool) -> None:
    fact, envelope = unpack(name, state, strict=strict)
    meta = opened(envelope)
    again, envelope = unpack(*encode(fact, meta), strict=True)
    assert (again, opened(envelope)) == (fact, meta)


def note(given: bytes, _: Path) -> None:
    """Read a note, a checkpoint or a key."""
    text = given.decode(errors="surrogateescape")
    holds(lambda: signers(parse_note(given), _KEYS))
    holds(lambda: parse_checkpoint(text).trial)
    holds(lambda: parse_checkpoint(parse_note(given).text).trial)
    holds(lambda: VerifierKey.parse(text).id)
    holds(lambda: SigningKey.parse(text).verifier.id)
    holds(lambda: HeadKey(LOG_KEY, trusted=_KEYS).signed(text, TRIAL, 3, bytes(32)))
    holds(lambda: read_held("x", given, outside=True))
    holds(lambda: parse_note(given).signed(LOG_KEY.sign(parse_note(given).text, at=_AT)))


def proof(given: bytes, folder: Path) -> None:
    """Read a proof, a request for a signature, or an entry that is to be proved."""
    line, shown = _proved()
    holds(lambda: parse_proof(given))
    holds(lambda: check_inclusion(line, given, _KEYS))
    holds(lambda: check_inclusion(given, shown, _KEYS))
    holds(lambda: read_entry(given))
    with TemporaryDirectory(dir=folder) as state:
        signer = TreeSigner(LOG_KEY, Path(state) / "log")
        witness = TreeSigner(WITNESS_KEY, Path(state) / "witness", trusted=_KEYS[:1])
        holds(lambda: parse_note(str(signer.sign(parse_request(given))).encode()))
        holds(lambda: witness.sign(parse_request(given)))


def jsonl(given: bytes, folder: Path) -> None:
    """Read an exported file, plain or gzip."""
    path = folder / "log.jsonl"
    path.write_bytes(given)
    holds(lambda: verify(path))
    holds(lambda: verify(path, keys=_KEYS, checkpoints=[("kept", _proved()[1])], trial=TRIAL))
    with closing(SQLiteStore(MEMORY)) as recorder:
        holds(lambda: read_jsonl(path, recorder))
    holds(lambda: read_whole(path))


def db(given: bytes, folder: Path) -> None:
    """Read a database with changes, one a line.

    ``[table, key, column, value]`` sets a value in the row of a stored name (entries), a command (commands) or a trial;
    a column ``state.fact.on`` is that part of a state, and ``*`` is the whole row, which is removed. ``{"hex": ...}``
    is a blob, and ``{"text": ...}`` a text of any bytes. ``["bytes", offset, hex]`` writes into the file, and
    ``["cut", size]`` cuts it off.
    """
    path = folder / "log.db"
    path.write_bytes(golden_log())
    changes = [change for change in map(_json, given.splitlines()) if isinstance(change, list)]
    with loosened(path) as connection:
        for change in changes:
            with suppress(sqlite3.Error, ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError):
                _change(connection, *change)
    for change in changes:
        with suppress(ValueError, TypeError, IndexError, OverflowError):
            _overwrite(path, *change)
    holds(lambda: verify(path, keys=_KEYS, heads_required=True))
    holds(lambda: read_whole(path))
    for beside in folder.glob("log.db*"):
        beside.unlink()


ENTRIES: Mapping[str, Callable[[bytes, Path], None]] = {
    "codec": codec,
    "note": note,
    "proof": proof,
    "jsonl": jsonl,
    "db": db,
}


def read_whole(path: Path) -> None:
    """Ask a log for everything."""
    with read_log(path) as log:
        for trial in list(log)[:3]:
            holds(lambda trial=trial: _ask(log[trial].history()))  # type: ignore[misc]  # bound now
            for moment in (30, _AT):
                holds(lambda trial=trial, moment=moment: log[trial].history(known_at=moment).answers(on="2026-03-02"))  # type: ignore[misc]  # bound now
            holds(lambda trial=trial: write_jsonl(log.reader, trial, BytesIO()))  # type: ignore[misc]  # bound now
            holds(lambda trial=trial: _prove(log, trial))  # type: ignore[misc]  # bound now


def _ask(history: History) -> None:
    holds(lambda: list(map(repr, history.entries())))
    holds(lambda: list(map(repr, history.trail())))
    holds(lambda: history.answers(on=date.max))
    days = {date(2026, 6, 1), date(2199, 12, 31)}
    with suppress(TrialError):
        days.add(history.last_day())
    for day in sorted(days):
        holds(lambda day=day: history.answers(on=day))  # type: ignore[misc]  # bound now
        holds(lambda day=day: history.review(on=day))  # type: ignore[misc]  # bound now
        holds(lambda day=day: history.reconciliation(on=day))  # type: ignore[misc]  # bound now
    holds(lambda: history.explain("S9", on="2026-06-01"))


def _prove(log: Log, trial: str) -> None:
    tree = TrialTree(log.reader, trial)
    tree.inclusion(1, parse_note(str(_signed(tree)).encode()))


def _signed(tree: TrialTree) -> Note:
    text = tree.head().text
    return Note(text, (LOG_KEY.sign(text, at=_AT),))


@cache
def _proved() -> tuple[bytes, bytes]:
    """Give an entry and its proof."""
    name, state = golden_entries()[0][1:]
    line = write_entry(
        StoredEntry(TRIAL, 1, name, state, TRIAL, 1), leaf_hash(stream=TRIAL, version=1, topic=name, state=state)
    )
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        path.write_bytes(golden_log())
        with closing(SQLiteStore(path, readonly=True)) as recorder:
            tree = TrialTree(recorder, TRIAL)
            return line, str(tree.inclusion(1, _signed(tree))).encode()


def golden_entries() -> list[tuple[str, str, bytes]]:
    """Give one entry of every stored name: its stream, its name and its state."""
    states = {path.stem: path.read_bytes().strip() for path in GOLDEN.rglob("*.json") if path.parent.name != "schemas"}
    names = [*_FIRST, *sorted(states.keys() - set(_FIRST), key=lambda name: ("voided" in name, name))]
    return [(_STREAMS[name.partition(".")[0]], name, _alone(states[name], f"c{at}")) for at, name in enumerate(names)]


def _alone(state: bytes, command: str) -> bytes:
    """Make an entry the only one of its command, and no correction."""
    read = json.loads(state)
    read["meta"] |= {"command": command, "part": 1, "parts": 1}
    read["meta"].pop("corrects", None)
    return written(read)


def written(state: object) -> bytes:
    """Write a state in its canonical form."""
    return json.dumps(state, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(errors="surrogatepass")


@cache
def golden_log() -> bytes:
    """Make a database with an entry of every stored name, a checkpoint and a signed head."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        with closing(SQLiteStore(path)) as recorder:
            versions = dict.fromkeys(_STREAMS.values(), 0)
            for number, (stream, name, state) in enumerate(golden_entries()):
                versions[stream] += 1
                command = Command(id=f"c{number}", request=sha256(name.encode()).digest())
                event = StoredEntry(stream, versions[stream], name, state, TRIAL, number + 1)
                recorder.append(TRIAL, [Sealed(command, [event])])
            head = _signed(TrialTree(recorder, TRIAL))
            recorder.keep_note(TRIAL, sum(versions.values()), str(head))
        with closing(SQLiteStore(path, signer=HeadKey(LOG_KEY))) as recorder:
            recorder.begin_signing(TRIAL)
        return path.read_bytes()


@contextmanager
def loosened(path: Path) -> Iterator[sqlite3.Connection]:
    """Write to a log past its triggers, types and constraints; its schema is ours again afterwards."""
    with closing(sqlite3.connect(path)) as connection:
        schema = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        for kind, name, _ in schema:
            if kind == "trigger":
                connection.execute(f"DROP TRIGGER {name}")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(replace(sql, ' STRICT', ''), 'NOT NULL', '') WHERE type = 'table'"
        )
        connection.commit()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield connection
        connection.execute("PRAGMA writable_schema = ON")
        for _, name, sql in schema:
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql, name))
        connection.commit()
    with closing(sqlite3.connect(path)) as connection:
        for kind, _, sql in schema:
            if kind == "trigger":
                connection.execute(sql)
        connection.commit()


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _change(connection: sqlite3.Connection, table: str, key: str, column: str, *new: Any) -> None:  # noqa: ANN401 - anything
    row = f"rowid IN (SELECT rowid FROM {table} WHERE {_KEY_OF[table]} = ? LIMIT 1)"
    if table != "entries":  # tables without a rowid
        row = f"{_KEY_OF[table]} = ?"
    if column == "*":
        connection.execute(f"DELETE FROM {table} WHERE {row}", (key,))
        return
    [value] = new
    column, *inner = column.split(".")
    if inner:
        state = json.loads(connection.execute(f"SELECT state FROM {table} WHERE {row}", (key,)).fetchone()[0])
        part = state
        for name in inner[:-1]:
            part = part[int(name) if isinstance(part, list) else name]
        part[int(inner[-1]) if isinstance(part, list) else inner[-1]] = value
        value = written(state)
    elif isinstance(value, dict):
        [(kind, text)] = value.items()
        value = bytes.fromhex(text)
        if kind == "text":
            connection.execute(f"UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE {row}", (value, key))
            return
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {row}", (value, key))


def _overwrite(path: Path, what: str, at: int, new: str = "") -> None:
    content = path.read_bytes()
    if what == "cut" and at >= 0:
        path.write_bytes(content[:at])
    elif what == "bytes" and 0 <= at < len(content):
        path.write_bytes(content[:at] + bytes.fromhex(new) + content[at + len(new) // 2 :])
