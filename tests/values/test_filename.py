"""Refused file names: every function that takes a path gives the same message, on every Python version."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import pytest
from cli_runs import refused
from repeating import some
from site_desk import OPEN, Site

from trialdomain import (
    SigningKey,
    TreeSigner,
    Trials,
    import_sdtm,
    read_checks,
    read_keys,
    read_log,
    read_signing_key,
    restore,
    verify,
    write_keys,
)
from trialdomain.errors import TrialError
from trialdomain.exchange.toml import read_protocol
from trialdomain.values.given.filename import why_unusable

MOST_SAID = 8_000


@pytest.mark.parametrize("look", [Path.stat, Path.lstat, Path.open, Path.mkdir, Path.read_bytes])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a\x00b", "embedded null byte"),
        ("a\ud800b", "its name has characters that no file name can have"),
        ("a/b", "No such file or directory"),
        ("a" * 300, "File name too long"),
    ],
)
def test_whatever_looks_at_it_the_reason_is_the_same(
    tmp_path: Path, look: Callable[[Path], object], name: str, words: str
) -> None:
    try:
        look(tmp_path / name)
    except (OSError, ValueError) as error:
        said = why_unusable(error)
    else:
        said = "nothing"
    assert said == words


@pytest.mark.parametrize(
    "read",
    [read_log, read_signing_key, lambda path: import_sdtm(path, path.with_name("log.db"))],
    ids=["log", "key", "sdtm"],
)
def test_a_path_with_a_nul_is_one_sentence(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(TrialError, match=r"a.x00b.* cannot be read or made: embedded null byte"):
        read(tmp_path / "a\x00b")


NAMES = {
    "a NUL": "a\x00b",
    "half a character": "a\ud800b",
    "too many characters": "a" * 300,
    "too many folders": "a/" * 3_000 + "b",
    "a circle of links": "circle",
    "a name below one": "circle/below",
}
KEY = SigningKey.generate("site.example/signer")
LIBRARY: dict[str, Callable[[Path], object]] = {
    "open": Trials.open,
    "open by address": lambda path: Trials.open(f"sqlite:///{path}"),
    "read_log": read_log,
    "verify": verify,
    "restore a file": lambda path: restore(path, path.parents[-2] / "new.db"),
    "restore into": lambda path: restore(Path(__file__), path),
    "import a folder": lambda path: import_sdtm(path, Path(__file__).with_name("new.db")),
    "import into": lambda path: import_sdtm(Path(__file__).parent, path),
    "read_keys": read_keys,
    "read_signing_key": read_signing_key,
    "write_keys": lambda path: write_keys(KEY, path, path.with_name("new.pub")),
    "write the public key": lambda path: write_keys(KEY, Path(__file__).with_name("new.key"), path),
    "what was signed": lambda path: TreeSigner(KEY, path).last("site.example/log"),
    "read_protocol": read_protocol,
    "read_checks": read_checks,
}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site with a trial, in a folder with a link to itself."""
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    return Site(OPEN, address=f"sqlite:///{tmp_path / 'log.db'}")


@pytest.mark.parametrize("take", LIBRARY.values(), ids=LIBRARY.keys())
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_whatever_takes_a_path_refuses_it_in_one_sentence(
    site: Site, tmp_path: Path, name: str, take: Callable[[Path], object]
) -> None:
    before = {*tmp_path.iterdir(), *Path(__file__).parent.iterdir()}
    with pytest.raises(TrialError) as refused:
        take(tmp_path / name)
    assert len(str(refused.value)) < MOST_SAID
    assert {*tmp_path.iterdir(), *Path(__file__).parent.iterdir()} == before
    assert site.trial.history().position > 0


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_nor_is_a_bundle_recorded_that_cannot_be_written(site: Site, tmp_path: Path, name: str) -> None:
    position = site.trial.history().position
    with pytest.raises(TrialError):
        site.desk.export(tmp_path / name, why="an inspection at the site")
    assert site.trial.history().position == position


COMMANDS = [
    ["replay", "PATH"],
    ["verify", "PATH"],
    ["verify", "LOG", "--key", "PATH"],
    ["history", "LOG", "--csv", "PATH"],
    ["export", "LOG", "PATH"],
    ["endpoints", "LOG", "--csv", "PATH"],
    ["bundle", "LOG", "PATH", "--user", "investigator", "--why", "an inspection at the site"],
    ["bundle", "PATH", "OUT"],
    ["checkpoint", "LOG", "--request", "--out", "PATH"],
    ["checkpoint", "PATH", "--request"],
    ["keygen", "PATH"],
    ["restore", "PATH", "OUT"],
    ["import-sdtm", "PATH", "OUT"],
    ["simulate", "PATH", "--participants", "3"],
    ["audit", "LOG", "--checks", "PATH"],
    ["sign", "PATH", "--key", "PATH"],
    ["check-proof", "PATH", "PATH", "--key", "PATH"],
]


@pytest.mark.parametrize(("command", "name"), some(tuple(product(COMMANDS, NAMES.values())), of="names", least=34))
@pytest.mark.soak
def test_nor_does_a_command_that_takes_one(site: Site, tmp_path: Path, command: Sequence[str], name: str) -> None:
    paths = {"PATH": tmp_path / name, "LOG": tmp_path / "log.db", "OUT": tmp_path / "out"}
    said = refused(tmp_path, *(str(paths.get(one, one)) for one in command))
    assert said.startswith("trialdomain: ")
    assert site.trial.history().position > 0
