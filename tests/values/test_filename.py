"""Why a path cannot be a file's, in the same words on every version of Python."""

from collections.abc import Callable
from pathlib import Path

import pytest

from trialdomain import import_sdtm, read_log, read_signing_key
from trialdomain.errors import TrialError
from trialdomain.values.filename import why_unusable


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
    with pytest.raises(TrialError, match=r"a.x00b.* cannot be read: embedded null byte"):
        read(tmp_path / "a\x00b")
