"""A trial whose levels have labels gives the answers of the same trial with numbers, but for the labels."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_runs import run

from trialdomain import Dose, DoseLevel, TrialProtocol
from trialdomain.simulate.site import simulated_protocol
from trialdomain.simulate.trials import simulate
from trialdomain.values.clinical.level import Label

NAMED = ("low", "mid-1", "high")


def under(labels: tuple[Label, ...]) -> Callable[[str], TrialProtocol]:
    levels = tuple(
        DoseLevel(level=place, label=label, dose=Dose(amount=Decimal(10 * place), unit="mg"))
        for place, label in enumerate(labels, start=1)
    )
    return lambda trial: attrs.evolve(simulated_protocol(trial), levels=levels)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("labels")
    simulate(folder / "numbered.db", seed=4, protocol_of=under((1, 2, 3)))
    simulate(folder / "named.db", seed=4, protocol_of=under(NAMED))
    return folder / "numbered.db", folder / "named.db"


def numbered(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    """Give the answer with numbers for the labels: as values, as keys, and in sentences."""
    if isinstance(answer, list):
        return [numbered(one) for one in answer]
    if isinstance(answer, dict):
        return {numbered_text(key): numbered(one) for key, one in answer.items()}
    if not isinstance(answer, str):
        return answer
    return NAMED.index(answer) + 1 if answer in NAMED else numbered_text(answer)


def numbered_text(text: str) -> str:
    if text in NAMED:
        return str(NAMED.index(text) + 1)
    for number, label in enumerate(NAMED, start=1):
        text = text.replace(f"level {label}", f"level {number}").replace(f"cohort/{label}", f"cohort/{number}")
    return text


def without_hashes(answer: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(answer, list):
        return [without_hashes(one) for one in answer]
    if isinstance(answer, dict):
        return {key: without_hashes(one) for key, one in answer.items() if key not in {"root", "recorded_at"}}
    return answer


@pytest.mark.parametrize("command", ["replay", "endpoints", "review", "audit", "explain"])
def test_every_answer_is_the_same(logs: tuple[Path, Path], command: str) -> None:
    further = ["P2"] if command == "explain" else []
    one, other = (run(log.parent, command, log.name, *further, "--json") for log in logs)
    assert one.returncode == other.returncode
    assert other.stderr.replace("named.db", "numbered.db") == one.stderr
    found, wanted = json.loads(other.stdout), json.loads(one.stdout)
    assert found != wanted or command == "audit"  # its findings here name no level
    assert without_hashes(numbered(found)) == without_hashes(wanted)


@pytest.mark.parametrize("command", ["replay", "endpoints", "review", "audit", "verify"])
def test_every_command_prints_it(logs: tuple[Path, Path], command: str) -> None:
    shown = run(logs[1].parent, command, logs[1].name)
    assert shown.returncode in {0, 1}, shown.stderr
    assert "level mid-1" in shown.stdout or command in {"verify", "audit"}
