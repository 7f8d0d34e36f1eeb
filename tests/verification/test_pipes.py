"""A pipe, a device or a folder in the place of a file: no program waits for it, and no real file is removed for it."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

import pytest
from site_desk import OPEN, Site

from trialdomain import SigningKey, TreeSigner, Trials, read_keys, read_log, read_signing_key, verify
from trialdomain.checks.run import read_checks
from trialdomain.errors import LogUnusable, TrialError
from trialdomain.exchange.toml import read_protocol

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
SECONDS = 10
KEY = SigningKey.generate("site.example/signer")


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        pytest.fail("it waits for somebody to write into a pipe")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    Site(OPEN, address=f"sqlite:///{tmp_path / 'log.db'}").trials.close()
    return tmp_path / "log.db"


READ: dict[str, Callable[[Path], object]] = {
    "verify": verify,
    "keys": read_keys,
    "a signing key": read_signing_key,
    "a protocol": read_protocol,
    "checks": read_checks,
    "what was signed": lambda path: TreeSigner(KEY, path).last("site.example/log"),
}


@pytest.mark.parametrize("linked", [False, True], ids=["itself", "behind a link"])
@pytest.mark.parametrize("read", READ.values(), ids=READ.keys())
def test_a_pipe_is_refused_and_not_waited_for(pipe: Path, read: Callable[[Path], object], *, linked: bool) -> None:
    if linked:
        pipe.with_name("link").symlink_to(pipe)
    with pytest.raises(TrialError):
        read(pipe.with_name("link") if linked else pipe)


def test_a_device_that_never_ends_is_no_protocol() -> None:
    with pytest.raises(LogUnusable, match="device"):
        read_protocol("/dev/zero")


@pytest.mark.parametrize("what", ["wal", "shm", "journal"])
@pytest.mark.parametrize("linked", [False, True], ids=["itself", "behind a link"])
def test_one_beside_a_log_is_named_and_nobody_is_told_to_remove_a_real_one(
    log: Path, what: str, *, linked: bool
) -> None:
    os.mkfifo(log.with_name(f"{log.name}-{what}"))
    named = log.with_name("link.db") if linked else log
    if linked:
        named.symlink_to(log)
    uses: tuple[Callable[[Path], object], ...] = (verify, read_log, Trials.open)
    for use in uses:
        with pytest.raises(LogUnusable, match=rf"log.db-{what} is a folder, a pipe or a device") as refused:
            use(named)
        assert "remove" not in str(refused.value)


def test_a_write_ahead_log_that_is_gone_at_a_second_look_is_nothing_wrong(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(log)) as writer:  # its last connection moves it into the log, and removes it
        writer.execute("SELECT count(*) FROM entries").fetchone()
        looks: list[Path] = []
        real = Path.stat

        def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
            if path.name.endswith("-wal"):
                looks.append(path)
                if len(looks) > 1:
                    raise FileNotFoundError(path)
            return real(path, follow_symlinks=follow_symlinks)

        log.with_name(f"{log.name}-wal").touch()
        monkeypatch.setattr(Path, "stat", stat)
        assert verify(log).ok
    assert looks


def test_a_signer_waits_for_nobody_where_its_file_may_not_be_looked_at(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogUnusable, match="Not a directory; check the name"):
        TreeSigner(KEY, tmp_path / "file" / "signed").last("site.example/log")
