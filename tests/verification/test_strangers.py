"""Untrusted bytes, as any input: the library answers, or raises one of its own errors, and nothing else."""

import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from repeating import times
from site_desk import Site

from strangers import holds, loosened, read_whole
from trialdomain import SigningKey, verify
from trialdomain.events.registry import NAMES
from trialdomain.exchange.jsonl import read_jsonl, write_jsonl
from trialdomain.exchange.lines import canonical
from trialdomain.signing.keys import VerifierKey, signers
from trialdomain.signing.proofs import check_inclusion
from trialdomain.storage.codec import unpack
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.upcasts import UPCASTS
from trialdomain.tree.checkpoint import parse_checkpoint, parse_proof, parse_request
from trialdomain.tree.note import parse_note
from trialdomain.tree.proofs import check_consistency, root_of_inclusion

ROOT = Path(__file__).parents[1]
STATES = [
    path.read_bytes().strip() for path in sorted((ROOT / "golden").rglob("*.json")) if path.parent.name != "schemas"
]
KEY = SigningKey.generate("k")
NOTE = "trialdomain/T1\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— k AAAAAAA=\n"
TEXTS = [
    NOTE,
    f"c2sp.org/tlog-proof@v1\nindex 1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n{NOTE}",
    f"old 2\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n{NOTE}",
    str(KEY.verifier),
    KEY.secret,
]


@st.composite
def nearly(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """Something of ours with a few bytes taken out, put in, or exchanged; or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    given = draw(st.sampled_from(originals))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(given)))
        end = min(len(given), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.binary(max_size=8), st.sampled_from(_PIECES)))
        given = given[:start] + piece + given[end:]
    return given


_PIECES = [
    b"\n\n",
    b"\xe2\x80\x94 ",
    b"+",
    b"=",
    b"[" * 2_000,
    b'{"a":' * 2_000,
    b"9" * 5_000,
    b"NaN",
    b"-0",
    b"1e999",
    b'"\\ud800"',
    b'"meta":{}',
    b"null",
    b"\x00",
    b"\xff",
]


@pytest.mark.shows("K-14", "K-22")
@given(text=nearly([text.encode() for text in TEXTS]))
@settings(max_examples=times(600))
def test_notes_proofs_requests_and_keys(text: bytes) -> None:
    holds(lambda: signers(parse_note(text), [KEY.verifier]))
    holds(lambda: parse_proof(text))
    holds(lambda: parse_request(text))
    holds(lambda: parse_checkpoint(text.decode(errors="replace")))
    holds(lambda: VerifierKey.parse(text.decode(errors="replace")))
    holds(lambda: SigningKey.parse(text.decode(errors="surrogateescape")))
    holds(lambda: check_inclusion(text, TEXTS[1].encode(), [KEY.verifier]))
    holds(lambda: check_inclusion(b"{}", text, [KEY.verifier]))


@given(
    numbers=st.tuples(st.integers(-2, 2**64), st.integers(-2, 2**64)),
    hashes=st.lists(st.one_of(st.binary(min_size=32, max_size=32), st.binary(max_size=40)), max_size=70),
)
def test_proofs_of_any_hashes(numbers: tuple[int, int], hashes: list[bytes]) -> None:
    old, size = numbers
    holds(lambda: root_of_inclusion(bytes(32), old, size, hashes))
    holds(lambda: check_consistency(old, bytes(32), size, bytes(32), hashes))


@pytest.mark.shows("K-21", "K-22")
@given(state=nearly(STATES), name=st.one_of(st.sampled_from([*NAMES.values(), *UPCASTS]), st.text(max_size=20)))
@example(state=b"[" * 200_000, name="participant.infused.v1")
@example(state=b'{"fact":' * 100_000, name="participant.infused.v0")
@settings(max_examples=times(1_500))
def test_states_of_any_name(state: bytes, name: str) -> None:
    holds(lambda: unpack(name, state))
    holds(lambda: unpack(name, state, strict=True))
    canonical(state)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small log, and its export beside it."""
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    site = Site(address=f"sqlite:///{path}")
    site.treat("S001")
    site.trials.close()
    recorder = SQLiteStore(path, readonly=True)
    with path.with_suffix(".jsonl").open("wb") as file:
        write_jsonl(recorder, site.trial.trial, file)
    recorder.close()
    return path


@pytest.mark.shows("K-22")
@given(data=st.data())
@settings(max_examples=times(150, least=20), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exported_files(data: st.DataObject, recorded: Path, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(data.draw(nearly([recorded.with_suffix(".jsonl").read_bytes()])))
    holds(lambda: verify(path))
    recorder = SQLiteStore(MEMORY)
    holds(lambda: read_jsonl(path, recorder))
    recorder.close()
    holds(lambda: read_whole(path))


COLUMNS = {
    "entries": ["trial", "position", "stream", "version", "name", "state", "leaf"],
    "commands": ["trial", "command", "request", "first", "last"],
}
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.binary(max_size=40),
    st.text(st.characters(codec="utf-8"), max_size=20),
)


@pytest.mark.shows("K-22")
@given(table=st.sampled_from(sorted(COLUMNS)), value=VALUES, data=st.data())
@settings(max_examples=times(150, least=20), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_of_a_database(table: str, value: Any, data: st.DataObject, recorded: Path, tmp_path: Path) -> None:  # noqa: ANN401 - anything
    """Any value in any column of any row, past the types of the tables."""
    path = Path(shutil.copy(recorded, tmp_path / "log.db"))
    column, number = data.draw(st.sampled_from(COLUMNS[table])), data.draw(st.integers(0, 8))
    with loosened(path) as connection:
        key = "rowid" if table == "entries" else "command"
        rows = connection.execute(f"SELECT {key} FROM {table} ORDER BY 1").fetchall()
        with suppress(sqlite3.Error):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, rows[number % len(rows)][0]))
    holds(lambda: verify(path))
    holds(lambda: read_whole(path))
