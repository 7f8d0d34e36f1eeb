"""``new-protocol``: the project is green as it is written, and nothing of anybody is overwritten."""

import sys
from pathlib import Path
from subprocess import run as run_process

import pytest
from cli_runs import done, refused

from trialdomain import read_protocol
from trialdomain.cli.starter import FILES

pytestmark = pytest.mark.processes


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_tests_of_a_new_project_pass(tmp_path: Path) -> None:
    said = done(tmp_path, "new-protocol", "mine", "--trial", "MINE-1")
    assert said.startswith("mine has a protocol of trial MINE-1, 2 stories and 2 tests.\nNext: cd mine, then pytest")
    mine = tmp_path / "mine"
    assert files_of(mine) == set(FILES)
    tested = run_process(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=mine,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (tested.returncode, tested.stdout.splitlines()[-1].split(" in ")[0]) == (0, "4 passed"), tested.stdout


def test_every_file_speaks_of_the_trial_that_is_named(tmp_path: Path) -> None:
    done(tmp_path, "new-protocol", "mine", "--trial", "Own_7.a")
    texts = {name: (tmp_path / "mine" / name).read_text("utf-8") for name in FILES}
    assert read_protocol(tmp_path / "mine" / "protocol.toml").trial == "Own_7.a"
    assert 'name = "own-7-a"' in texts["pyproject.toml"]
    assert not [name for name, text in texts.items() if "MY-TRIAL" in text.upper()]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    done(tmp_path, "new-protocol", ".")
    assert files_of(tmp_path) == set(FILES)


def test_the_folders_above_are_made(tmp_path: Path) -> None:
    done(tmp_path, "new-protocol", "a/b/c")
    assert files_of(tmp_path / "a" / "b" / "c") == set(FILES)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("full",), "full has files already: name a new or an empty folder"),
        (("full/file",), "full/file is no folder: name a new or an empty folder"),
        (("full/file/x",), "full/file/x cannot be written: Not a directory: name another folder"),
        (("new", "--trial", "a b"), "argument --trial: 'a b' is not a valid trial code"),
    ],
)
def test_what_is_there_stays_as_it_is(tmp_path: Path, given: tuple[str, ...], why: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    assert why in refused(tmp_path, "new-protocol", *given)
    assert files_of(tmp_path) == {"full/file"}
    assert (tmp_path / "full" / "file").read_text() == "mine"
