"""All paths of a design, against published numbers and against a walk that the tests write themselves."""

import pytest

from trialdomain import ThreePlusThree
from trialdomain.operating.paths import paths

PUBLISHED = {2: 46, 3: 154, 4: 442, 5: 1162, 6: 2890, 7: 6922, 8: 16138}
"""By levels: the paths of 3+3 as the package precautionary enumerates them (Norris 2020)."""


@pytest.mark.parametrize(("levels", "number"), PUBLISHED.items())
def test_three_plus_three_has_the_published_number_of_paths(levels: int, number: int) -> None:
    assert paths(ThreePlusThree(), levels).number == number
