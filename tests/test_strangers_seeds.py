"""What fuzzers found, kept: it is read again as far as it leads, and nothing but an error of this library comes out."""

from pathlib import Path

import pytest

from strangers import ENTRIES

SEEDS = sorted(path for path in (Path(__file__).parent / "strangers").glob("*/*") if path.is_file())


@pytest.mark.shows("K-22")
@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_seed_ends_in_an_answer_or_a_refusal(seed: Path, tmp_path: Path) -> None:
    ENTRIES[seed.parent.name](seed.read_bytes(), tmp_path)


def test_every_way_in_has_seeds() -> None:
    assert {path.parent.name for path in SEEDS} == set(ENTRIES)
