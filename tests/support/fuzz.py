"""Fuzz one of the inputs for untrusted bytes, starting from its seeds.

``pip install atheris``, which is not a dependency of this library, then
``python tests/support/fuzz.py jsonl -max_total_time=300 -timeout=10 -rss_limit_mb=1000``, with ``codec``, ``note``,
``proof``, ``jsonl`` or ``db``; all further arguments go to libFuzzer. After a fix, add the crashing input to the seeds
in ``tests/strangers``, with a name that describes it.
"""

import json
import random
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

atheris = import_module("atheris")
with atheris.instrument_imports(include=["trialdomain"]):
    from strangers import ENTRIES, golden_entries, written

SEEDS = Path(__file__).parents[1] / "strangers"
_NUMBERS = [0, 1, -1, 2, 1000, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, 1.5, 1e308]
_TEXTS = (
    *("", "x", "a" * 70, "é", "\x00", "\ud800", "9" * 30, "1E+999999", "1E-999999", "NaN", "-1", "0.1", "37.5"),
    *("0001-01-01", "9999-12-31", "1900", "2199-12-31", "2026-03", "2026-03-02T09:00", "2026-03-02T24:00Z"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2199-12-31T23:59-14:00", "Asia/Shanghai"),
    *("T1", "T2", "T1/", "T1/access", "T1/cohort/2", "T1/cohort/x", "T1/cohort/01", "T1/participant/S-009"),
    *("10*9/L", "mg", "participant.infused.v0", "nothing.v1"),
)
_BLOBS = [{"hex": ""}, {"hex": "00" * 32}, {"hex": "ff"}, {"text": "ff"}, {"text": "54312fff"}]
_COLUMNS = {
    "entries": ["trial", "position", "stream", "version", "name", "state", "leaf"],
    "commands": ["trial", "command", "request", "first", "last"],
    "checkpoints": ["trial", "size", "note"],
    "heads": ["trial", "size", "note"],
}
_STATES = {name: json.loads(state) for _, name, state in golden_entries()}


def _places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - any JSON
    if path:
        yield path
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from _places(inner, (*path, name))


def _change_json(value: Any, chance: random.Random) -> Any:  # noqa: ANN401 - any JSON
    """Put something else into a place or two, or take one out."""
    for _ in range(chance.choice([1, 1, 2, 3])):
        places = list(_places(value))
        if not places:
            return value
        *above, last = chance.choice(places)
        holder = value
        for name in above:
            holder = holder[name]
        if chance.random() < 0.1:
            del holder[last]
        else:
            other: list[Any] = [None, True, [], {}, [holder[last], holder[last]]]
            holder[last] = chance.choice([chance.choice(_TEXTS), chance.choice(_NUMBERS), chance.choice(other)])
    return value


def _mutate_json_line(line: bytes, most: int, chance: random.Random) -> bytes:
    try:
        return written(_change_json(json.loads(line), chance))
    except ValueError:
        return bytes(atheris.Mutate(line or b"{}", most))


def _new_change(chance: random.Random) -> list[Any]:
    table = chance.choice(["entries"] * 8 + ["commands", "checkpoints", "heads", "bytes"])
    if table == "bytes":
        return ["bytes", chance.randrange(1 << chance.randrange(1, 18)), chance.randbytes(chance.randrange(1, 8)).hex()]
    if table == "entries":
        name = chance.choice(list(_STATES))
        if chance.random() < 0.7:
            inside = ".".join(map(str, chance.choice(list(_places(_STATES[name])))))
            return [table, name, f"state.{inside}", chance.choice([*_TEXTS, *_NUMBERS, None, [], {}])]
        values: list[Any] = [*_NUMBERS, *_TEXTS, *_BLOBS, *_STATES, None]
        return [table, name, chance.choice([*_COLUMNS[table], "*"]), chance.choice(values)]
    key = f"c{chance.randrange(len(_STATES))}" if table == "commands" else "T1"
    return [table, key, chance.choice([*_COLUMNS[table], "*"]), chance.choice([*_NUMBERS, *_TEXTS, *_BLOBS, None])]


def _mutated(way: str, given: bytes, most: int, seed: int) -> bytes:
    """Change JSON as JSON most of the time: bytes at random seldom come past the first line of a parser."""
    chance = random.Random(seed)  # noqa: S311 - it guards nothing
    if way in {"note", "proof"} or chance.random() < 0.2:
        return bytes(atheris.Mutate(given, most))
    if way == "codec" and chance.random() < 0.4:
        name = chance.choice(list(_STATES))
        given = name.encode() + b"\n" + written(_STATES[name])
    lines = given.split(b"\n")
    if way == "db":
        kept = [line for line in lines if line and chance.random() < 0.6]
        lines = [*kept, *(written(_new_change(chance)) for _ in range(chance.choice([1, 1, 2, 3])))]
        return b"\n".join(lines)[:most]
    at = min(1, len(lines) - 1) if way == "codec" else chance.randrange(len(lines))
    lines[at] = _mutate_json_line(lines[at], most, chance)
    return b"\n".join(lines)[:most]


def main(way: str, *options: str) -> None:
    """Fuzz until something is found, or the time is over."""
    with TemporaryDirectory() as folder:
        new = Path(folder) / "found"
        new.mkdir()
        atheris.Setup(
            [sys.argv[0], *options, str(new), str(SEEDS / way)],
            lambda given: ENTRIES[way](given, Path(folder)),
            custom_mutator=lambda given, most, seed: _mutated(way, given, most, seed),
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
