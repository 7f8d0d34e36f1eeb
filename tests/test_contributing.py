"""CONTRIBUTING names every part of the library, and tests and targets that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CODE = re.findall(r"`([^`\n]+)`", TEXT)


@pytest.mark.parametrize("part", sorted((ROOT / "src" / "trialdomain").iterdir()), ids=lambda part: part.name)
def test_every_part_has_its_tests_where_it_says(part: Path) -> None:
    if part.suffix in {".pyi", ".typed"} or part.name == "__pycache__":
        return
    name = f"{part.name}/" if part.is_dir() else part.name
    assert name in CODE or (ROOT / "tests" / part.name).is_dir()


def test_every_path_exists() -> None:
    paths = [code for code in CODE if re.fullmatch(r"[\w.-]+/[\w./-]*", code) and "X" not in code]
    assert len(paths) > 30
    parents = (ROOT, ROOT / "src" / "trialdomain")
    assert [path for path in paths if not any((parent / path).exists() for parent in parents)] == []


def test_every_target_can_be_made() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {code.split()[1] for code in CODE if code.startswith("make ")}
    assert named >= {"check", "test", "unit", "soak", "test-all"}
    assert named <= targets
