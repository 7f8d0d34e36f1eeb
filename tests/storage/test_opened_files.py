"""Only SQLite opens a file that may be a log in use: a plain ``open`` and ``close`` drops the locks of the process.

An audit hook sees each file that Python opens. Every function with a path as an argument gets the path of a log that
this process has open, and of the files that SQLite keeps beside it. A file is identified by its device and inode.
"""

import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from site_desk import INVESTIGATOR, OPEN, REASON, day

import trialdomain
from trialdomain import (
    SigningKey,
    TreeSigner,
    TrialError,
    Trials,
    backup,
    check_story,
    import_sdtm,
    read_checks,
    read_keys,
    read_log,
    read_signing_key,
    restore,
    verify,
    write_keys,
)
from trialdomain.__main__ import main
from trialdomain.exchange.toml import read_protocol

TRIAL = OPEN.trial


class Opened:
    """Sees what is opened by other means than SQLite's."""

    def __init__(self) -> None:
        self._watched: set[tuple[int, int]] = set()
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    @contextmanager
    def watching(self, *paths: Path) -> Iterator[None]:
        self._watched, self.seen = {(status.st_dev, status.st_ino) for status in map(os.stat, paths)}, []
        try:
            yield
        finally:
            self._watched = set()

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event != "open" or not self._watched or not isinstance(arguments[0], str | bytes):
            return
        path, _, flags = arguments
        only_new = isinstance(flags, int) and flags & os.O_EXCL  # which the system refuses where there is a file
        if not only_new:
            with suppress(OSError):
                status = os.stat(path)  # type: ignore[arg-type]  # noqa: PTH116 - bytes as well
                if (status.st_dev, status.st_ino) in self._watched:
                    self.seen.append(f"{arguments[0]!r}")


OPENED = Opened()


class InUse:
    """A log that is open, under several names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log.db"
        self.trials = Trials.open(self.log)
        desk = self.trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        desk.consent("S001", signed_on=day(0), form_version="1")
        self.link, self.hard = folder / "link.jsonl", folder / "hard.txt"
        self.link.symlink_to(self.log)
        self.hard.hardlink_to(self.log)
        self.wal, self.shm = folder / "log.db-wal", folder / "log.db-shm"

    @property
    def names(self) -> list[Path]:
        return [self.log, self.link, self.hard, self.wal, self.shm]


@pytest.fixture
def in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InUse]:
    monkeypatch.setattr("trialdomain.storage.sqlite.place._NEW_LOG_SECONDS", 0)  # the second name stays
    made = InUse(tmp_path)
    yield made
    made.trials.close()


def _study(in_use: InUse, path: Path) -> Path:
    folder = in_use.folder / f"study-{path.name}"
    folder.mkdir()
    for name in ("dm", "ds", "ex", "ae", "lb", "vs"):
        (folder / f"{name}.csv").symlink_to(path)
    return folder


def _bundle(in_use: InUse, path: Path) -> Path:
    desk = in_use.trials.trial(TRIAL).acting(INVESTIGATOR)
    folder = in_use.folder / f"bundle-{path.name}"
    desk.export(folder, why=REASON)
    for file in folder.iterdir():
        if file.name != "manifest.json":
            file.unlink()
            file.symlink_to(path)
    return folder


def _bundle_of_a_manifest(in_use: InUse, path: Path) -> Path:
    folder = in_use.folder / f"manifest-{path.name}"
    folder.mkdir()
    (folder / "manifest.json").symlink_to(path)
    return folder


USES: dict[str, Callable[[InUse, Path], object]] = {
    "verify": lambda _, path: verify(path),
    "verify a bundle": lambda one, path: verify(_bundle(one, path)),
    "verify a manifest": lambda one, path: verify(_bundle_of_a_manifest(one, path)),
    "read_log": lambda _, path: read_log(path).close(),
    "restore": lambda one, path: restore(path, one.folder / f"restored-{path.name}"),
    "backup": lambda one, path: backup(path, one.folder / f"backup-{path.name}"),
    "backup over it": lambda one, path: backup(one.log, path),
    "restore over it": lambda one, path: restore(one.folder / "none.jsonl", path),
    "import_sdtm": lambda one, path: import_sdtm(_study(one, path), one.folder / f"imported-{path.name}"),
    "import_sdtm over it": lambda one, path: import_sdtm(one.folder, path),
    "Trials.open": lambda _, path: Trials.open(path).close(),
    "Desk.export": lambda one, path: one.trials.trial(TRIAL).acting(INVESTIGATOR).export(path, why=REASON),
    "read_checks": lambda _, path: read_checks(path),
    "read_keys": lambda _, path: read_keys(path),
    "read_signing_key": lambda _, path: read_signing_key(path),
    "check_story": lambda _, path: check_story(path),
    "read_protocol": lambda _, path: read_protocol(path),
    "write_keys": lambda one, path: write_keys(SigningKey.generate("a"), path, one.folder / "a.pub"),
    "write_keys, public": lambda one, path: write_keys(SigningKey.generate("a"), one.folder / f"{path.name}.key", path),
    "TreeSigner": lambda one, path: one.trials.trial(TRIAL).tree.signed_by(
        TreeSigner(SigningKey.generate("a"), path), size=1
    ),
}
COMMANDS = {
    "check": ["check", "{}"],
    "replay": ["replay", "{}"],
    "export": ["export", "{}", "{new}"],
    "export over it": ["export", "{log}", "{}"],
    "verify": ["verify", "{}"],
    "verify --key": ["verify", "{log}", "--key", "{}"],
    "verify --checkpoint": ["verify", "{log}", "--checkpoint", "{}"],
    "audit": ["audit", "{}"],
    "audit --decisions": ["audit", "{}", "--decisions"],
    "audit --checks": ["audit", "{log}", "--checks", "{}"],
    "history": ["history", "{}"],
    "history --csv": ["history", "{log}", "--csv", "{}"],
    "diff": ["diff", "{}", "1"],
    "explain": ["explain", "{}", "P2"],
    "endpoints": ["endpoints", "{}"],
    "review": ["review", "{}"],
    "restore": ["restore", "{}", "{new}"],
    "backup": ["backup", "{}", "{new}"],
    "backup over it": ["backup", "{log}", "{}"],
    "info": ["info", "{}"],
    "views rebuild": ["views", "rebuild", "{}"],
    "views status": ["views", "status", "{}"],
    "views follow": ["views", "follow", "{}", "--once"],
    "bundle": ["bundle", "{}", "{new}", "--user", "u", "--why", REASON],
    "bundle over it": ["bundle", "{log}", "{}", "--user", "u", "--why", REASON],
    "bundle --key": ["bundle", "{log}", "{new}", "--user", "u", "--why", REASON, "--key", "{}"],
    "checkpoint": ["checkpoint", "{}", "--request"],
    "checkpoint --key": ["checkpoint", "{log}", "--key", "{}"],
    "checkpoint --keep": ["checkpoint", "{log}", "--keep", "{}", "--trusted", "{}"],
    "sign": ["sign", "{}", "--key", "{}"],
    "prove": ["prove", "{}", "1"],
    "prove --checkpoint": ["prove", "{log}", "1", "--checkpoint", "{}"],
    "check-proof": ["check-proof", "{}", "{}", "--key", "{}"],
    "import-sdtm --protocol": ["import-sdtm", "{folder}", "{new}", "--protocol", "{}"],
}


@pytest.mark.parametrize("use", USES)
def test_no_public_call_with_a_path_opens_a_log_in_use(in_use: InUse, use: str) -> None:
    for path in in_use.names:
        with OPENED.watching(in_use.log, in_use.wal, in_use.shm), suppress(TrialError):
            USES[use](in_use, path)
        assert OPENED.seen == [], path.name
    in_use.trials.trial(TRIAL).acting(INVESTIGATOR).consent("S002", signed_on=day(0), form_version="1")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_within_the_process_opens_a_log_in_use(
    in_use: InUse, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, path in enumerate(in_use.names):
        known = {"log": in_use.log, "folder": in_use.folder, "new": in_use.folder / f"new{number}"}
        given = [part.format(path, **known) for part in COMMANDS[command]]
        with OPENED.watching(in_use.log, in_use.wal, in_use.shm):
            status = main(given)
        assert OPENED.seen == [], path.name
        assert status in {0, 1, 2}
        assert "Traceback" not in capsys.readouterr().err
    in_use.trials.trial(TRIAL).acting(INVESTIGATOR).consent("S002", signed_on=day(0), form_version="1")


def test_every_public_call_that_takes_a_path_is_asked() -> None:
    found = set()
    for name in dir(trialdomain):
        thing = getattr(trialdomain, name)
        members = inspect.getmembers(thing, inspect.isroutine) if inspect.isclass(thing) else []
        called = [(name, thing), *((f"{name}.{method}", one) for method, one in members if not method.startswith("_"))]
        for called_as, one in called:
            with suppress(ValueError, TypeError):
                parameters = inspect.signature(one).parameters.values()
                if any("Path" in str(parameter.annotation) for parameter in parameters):
                    found.add(called_as)
    assert found - {"Imported", "Paths", "Paths.asked"} == {
        use.partition(",")[0].partition(" over it")[0].partition(" a ")[0] for use in USES
    }


def test_the_hook_sees_what_is_opened(in_use: InUse) -> None:
    with OPENED.watching(in_use.log):
        shutil.copy(in_use.log, in_use.folder / "copy.db")
    assert OPENED.seen
    in_use.trials.close()
