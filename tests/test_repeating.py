"""One rule for every test that repeats itself (``repeating.py``)."""

import pytest
import repeating
from repeating import times


@pytest.mark.parametrize(
    ("per_cent", "full", "least", "expected"),
    [
        (5, 200, 1, 10),
        (5, 100, 1, 5),
        (5, 150, 20, 20),
        (100, 150, 20, 150),
        (100, 1, 1, 1),
        (1, 50, 1, 1),
        (1_000, 200, 1, 2_000),
    ],
)
def test_a_percentage_of_the_full_number_and_never_none(
    monkeypatch: pytest.MonkeyPatch, per_cent: int, full: int, least: int, expected: int
) -> None:
    monkeypatch.setattr(repeating, "_per_cent", per_cent)
    assert times(full, least=least) == expected


def test_the_option_says_it(pytestconfig: pytest.Config) -> None:
    assert times(100) == max(1, pytestconfig.getoption("rounds"))


def test_a_percentage_that_comes_after_something_was_repeated_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "_per_cent", 5)
    times(200)
    with pytest.raises(RuntimeError, match="ask for it in a function"):
        repeating.use(100)
    repeating.use(5)
