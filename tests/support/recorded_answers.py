"""Answers to simulated trials, to a real one and to outcomes notation, recorded as digests before a refactoring.

``python tests/support/recorded_answers.py`` records them anew. Do so only if an answer is meant to change, and say in
the commit which one and why: ``tests/test_recorded_answers.py`` asserts that all other answers are unchanged.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from trialdomain import import_sdtm
from trialdomain.__main__ import main
from trialdomain.simulate.trials import simulate

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded" / "answers.json"
SHARED = ROOT.parent / "shared" / "data" / "sdtm"
SEEDS = (*range(6), 25)
QUESTIONS = {
    "replay": ("replay",),
    "review": ("review",),
    "audit": ("audit",),
    "decisions": ("audit", "--decisions"),
}
SEQUENCES = 400
"""For each number of levels and each target recruitment."""


def imported_at() -> datetime:
    """Give the time at which the real trial is imported: answers about it are for the day of its last entry."""
    return datetime(2026, 11, 29, 12, tzinfo=UTC)


def answers(log: str | Path, questions: Iterable[str] = tuple(QUESTIONS)) -> Iterator[tuple[str, Any]]:
    """Give each part of each answer about a log, by the name of the question and of the part."""
    for question in questions:
        command, *options = QUESTIONS[question]
        for part, value in asked(command, log, *options, "--json").items():
            if (question, part) != ("audit", "checks"):  # which say what is looked for, and answer nothing
                yield f"{question} {part}", value


def asked(*command: object) -> dict[str, Any]:
    """Ask the command line, and take its JSON."""
    printed = StringIO()
    with redirect_stdout(printed):
        status = main([str(one) for one in command])
    if status not in {0, 1}:
        msg = f"{command} ended with {status}"
        raise RuntimeError(msg)
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def of_outcomes() -> Iterator[tuple[str, Any]]:
    """Give what is decided after sequences of outcomes, among them what no trial by the rule would come to."""
    random = Random(6_245_746)  # noqa: S311 - the same sequences each time, no secret
    for levels in range(1, 6):
        for target in (12, 30):
            lines = "".join(f"{_sequence(random, levels)}\n" for _ in range(SEQUENCES))
            printed = StringIO()
            with patch("sys.stdin", TextIOWrapper(BytesIO(lines.encode()))), redirect_stdout(printed):
                main(["decide", "-", "--levels", str(levels), "--target", str(target)])
            yield f"{levels} levels, target {target}", [json.loads(line) for line in printed.getvalue().splitlines()]


def _sequence(random: Random, levels: int) -> str:
    reached = random.randint(1, levels)
    groups = [*range(1, reached + 1), *(random.randint(1, reached) for _ in range(random.randint(0, 3)))]
    return " ".join(
        f"{level}{''.join(random.choice('NNNNNTPX') for _ in range(random.randint(1, 4)))}" for level in groups
    )


def digest(value: object) -> str:
    """Digest an answer, without what the design calls itself in front of a code, slots, closings and halts."""
    return sha256(json.dumps(_plain(value), sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {
            name: one.rpartition("/")[2] if name == "code" and isinstance(one, str) else _plain(one)
            for name, one in value.items()
            if name not in {"slots", "final_closings", "halts"}
        }
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _record() -> None:
    found = {"outcomes": {name: digest(value) for name, value in of_outcomes()}}
    with TemporaryDirectory() as folder:
        for seed in SEEDS:
            path = Path(folder, f"{seed}.db")
            simulate(path, seed=seed)
            found[f"seed {seed}"] = {name: digest(value) for name, value in answers(path)}
        import_sdtm(SHARED, Path(folder, "pilot.db"), clock=imported_at)
        found["pilot"] = {name: digest(value) for name, value in answers(Path(folder, "pilot.db"))}
    RECORDED.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    _record()
