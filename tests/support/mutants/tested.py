"""Run chosen tests in this process, in their given order, as ``make test`` would; used by ``tracing`` and ``warm``."""

import os
import sys
from collections.abc import Sequence

import pytest
from hypothesis import Phase, settings

ARGUMENTS = (
    "-q",
    "--no-header",
    "--tb=line",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "-p",
    "no:trialdomain-stories",
    "-m",
    "not processes",
    "-W",
    "ignore::pytest.PytestAssertRewriteWarning",  # hypothesis is imported before pytest starts
)


class Reproducible:
    """Let hypothesis try the same examples in each run, and not search for a smaller one after it failed."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Change the profile of the project, which ``conftest`` has loaded."""
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutants", settings(), derandomize=True, database=None, phases=phases)
        settings.load_profile("mutants")


class Chosen:
    """Run only the chosen tests, in the order in which they were chosen."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: order for order, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the others out."""
        items[:] = sorted((i for i in items if i.nodeid in self._order), key=lambda i: self._order[i.nodeid])


def run(tests: Sequence[str]) -> int:
    """Run tests until one fails; give the exit status of pytest."""
    files = sorted({test.split("::")[0] for test in tests})
    return int(pytest.main([*ARGUMENTS, "-x", *files], plugins=[Reproducible(), Chosen(tests)]))


def isolate() -> None:
    """Make what a run depends on the same each time; call this before anything of the project is imported."""
    sys.dont_write_bytecode = True
    os.environ["COLUMNS"] = "200"
