"""What every test may ask for, and one condition: the package under test is the one in ``src``, as installed."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from made_once import Shelf, SimulatedLog, demonstrated_log, simulated_log
from open_logs import DATABASES
from postgres_server import NO_SERVER, Server, running
from recorded_answers import imported_at
from repeating import DEFAULT, times, use
from site_desk import SITES

import trialdomain
from trialdomain import Imported, import_sdtm

ROOT = Path(__file__).parents[1]
COMMAND_LINE = ROOT / "tests" / "cli"
SHARED = ROOT.parent / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let ``make soak`` repeat more often than ``make test``."""
    parser.addoption(
        "--rounds",
        type=int,
        default=DEFAULT,
        metavar="PERCENT",
        help=f"how much of its rounds a test that repeats itself runs: {DEFAULT} by default, 100 is in full",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say how often tests repeat themselves, before they are imported."""
    use(config.getoption("rounds"))
    examples = times(1_000, least=100)
    settings.register_profile("project", deadline=None, derandomize=True, print_blob=True, max_examples=examples)
    settings.load_profile("project")


def pytest_report_header() -> str:
    """Say what runs the tests, and how often those that repeat themselves do so."""
    return f"trialdomain {trialdomain.__version__} on {sys.executable}; of every 100 rounds, {times(100)} are run"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts processes and shows it: the tests of the command line, and those that ask for ``start``."""
    for item in items:
        if COMMAND_LINE in item.path.parents or "start" in getattr(item, "fixturenames", ()):
            item.add_marker("processes")


def pytest_sessionstart() -> None:
    """Stop when the installed package is not what stands in ``src``."""
    installed, source = Path(trialdomain.__file__).parent, ROOT / "src" / "trialdomain"
    if installed == source:
        return
    files = {path.relative_to(source) for path in source.rglob("*.py")}
    stale = [name for name in sorted(files) if _bytes(installed / name) != _bytes(source / name)]
    if stale:
        pytest.exit(f"the installed trialdomain differs from src in {stale[0]}: run 'make test'", returncode=2)


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end that the tests of PostgreSQL did not run, where they did not."""
    if any(NO_SERVER in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.write_line(f"NOT TESTED ON POSTGRESQL: {NO_SERVER}", yellow=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """Hold that the fixtures which many tests share close every log in the end."""
    yield
    assert DATABASES.left() == [], "a fixture has not closed what was opened there"


@pytest.fixture(autouse=True)
def nothing_is_left_open(nothing_stays_open: None) -> Iterator[None]:  # noqa: ARG001 - it begins before this one
    """Close every site that a test began, and hold that the test has closed every other log."""
    databases, sites = len(DATABASES), len(SITES)
    yield
    while len(SITES) > sites:
        SITES.pop().trials.close()
    assert DATABASES.left(databases) == [], "the test has not closed what was opened there"


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Where that is which many tests read and nobody changes."""
    return Shelf(tmp_path_factory)


@pytest.fixture(scope="session")
def simulated(shelf: Shelf) -> Callable[[int], SimulatedLog]:
    """Give the log of a simulated trial by its seed, for all tests that only read it."""
    return partial(simulated_log, shelf)


@pytest.fixture(scope="session")
def demonstrated(shelf: Shelf) -> SimulatedLog:
    """The log of the demo, for all tests that have the demo tell of it."""
    return demonstrated_log(shelf)


@pytest.fixture(scope="session")
def imported_pilot(shared: Path, shelf: Shelf) -> Imported:
    """CDISCPILOT01, a real trial that nobody here wrote, imported once for all tests that only read it."""
    return shelf("pilot", lambda folder: import_sdtm(shared / "sdtm", folder / "log.db", clock=imported_at))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real and published data; a test that needs it is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no data at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for the whole session; without its programs, the tests that need it are skipped."""
    with running() as found:
        if found is None:
            pytest.skip(NO_SERVER)
        yield found
