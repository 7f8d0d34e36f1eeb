"""Where a command writes: standard output, a compressed file, a device; whole or not at all, and never a log."""

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runs import answer, done, refused
from made_once import SimulatedLog

from trialdomain import InputInvalid
from trialdomain.exchange.files import writing

LOG = "log.db"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, simulated: Callable[[int], SimulatedLog]) -> Path:
    folder = tmp_path_factory.mktemp("written")
    simulated(25).copied_to(folder / LOG)
    done(folder, "keygen", "signer")
    done(folder, "checkpoint", LOG, "--key", "signer.key", "--out", "note")
    done(folder, "export", LOG, "log.jsonl")
    done(folder, "history", LOG, "S001", "--csv", "S001.csv")
    done(folder, "prove", LOG, 3, "--out", "proof")
    return folder


WRITERS = {
    "export": (("export", LOG), "log.jsonl"),
    "history": (("history", LOG, "S001", "--csv"), "S001.csv"),
    "prove": (("prove", LOG, 3, "--out"), "proof"),
    "checkpoint": (("checkpoint", LOG, "--key", "signer.key", "--out"), "note"),
}


@pytest.mark.parametrize("command", WRITERS)
class TestOneFile:
    def test_a_dash_is_standard_output_and_nothing_else_is_printed(self, site: Path, command: str) -> None:
        arguments, same = WRITERS[command]
        for name in ("-", "/dev/stdout", "/dev/fd/1"):
            assert done(site, *arguments, name) == (site / same).read_text()
        assert not (site / "-").exists()

    def test_a_name_that_ends_in_gz_is_compressed_the_same_twice(
        self, site: Path, command: str, tmp_path: Path
    ) -> None:
        arguments, same = WRITERS[command]
        packed = [tmp_path / name for name in ("a.gz", "b.GZ")]
        for path in packed:
            done(site, *arguments, path)
        assert gzip.decompress(packed[0].read_bytes()) == (site / same).read_bytes()
        assert packed[0].read_bytes() == packed[1].read_bytes()
        assert sorted(tmp_path.iterdir()) == packed

    def test_a_pipe_is_written_to(self, site: Path, command: str, tmp_path: Path) -> None:
        arguments, same = WRITERS[command]
        words = " ".join(map(str, arguments))
        shell = f"'{sys.executable}' -m trialdomain {words} >(cat > '{tmp_path}/copied') && sleep 0.5"
        subprocess.run(["bash", "-c", shell], cwd=site, check=True, capture_output=True)
        assert (tmp_path / "copied").read_text() == (site / same).read_text()

    def test_a_file_that_is_there_stays_as_it_was(self, site: Path, command: str) -> None:
        arguments, same = WRITERS[command]
        before = (site / same).read_bytes()
        assert f"{same} exists already: choose another name" in refused(site, *arguments, same)
        assert (site / same).read_bytes() == before

    @pytest.mark.parametrize("name", [LOG, f"{LOG}-wal", f"{LOG}-shm", f"{LOG}-journal", f"./{LOG}-wal"])
    def test_it_is_never_the_log_or_a_part_of_it(self, site: Path, command: str, name: str) -> None:
        arguments, _ = WRITERS[command]
        before, files = (site / LOG).read_bytes(), sorted(site.iterdir())
        assert "choose another name" in refused(site, *arguments, name)
        assert (site / LOG).read_bytes() == before
        assert set(site.iterdir()) <= {*files, site / f"{LOG}-wal", site / f"{LOG}-shm"}


def half_of_it(path: Path, error: BaseException) -> None:
    with writing(path) as file:
        file.write(b"half of it")
        raise error


def test_what_fails_halfway_leaves_nothing_behind(site: Path, tmp_path: Path) -> None:
    for name in ("out", "out.gz"):
        with pytest.raises(KeyboardInterrupt):
            half_of_it(tmp_path / name, KeyboardInterrupt())
        with pytest.raises(InputInvalid, match="No space left on device"):
            half_of_it(tmp_path / name, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert list(tmp_path.iterdir()) == []
    for arguments, _ in WRITERS.values():
        assert "No space left on device" in refused(site, *arguments, "/dev/full")


def test_what_was_compressed_is_read_again(site: Path, tmp_path: Path) -> None:
    for name in ("log.jsonl", "note", "proof"):
        with gzip.open(tmp_path / f"{name}.gz", "wb") as file:
            file.write((site / name).read_bytes())
    for replay in (LOG, tmp_path / "log.jsonl.gz"):
        assert answer(site, "verify", replay, "--checkpoint", tmp_path / "note.gz", "--key", "signer.pub")["ok"]
    (tmp_path / "entry").write_text((site / "log.jsonl").read_text().splitlines()[2])
    assert answer(site, "check-proof", tmp_path / "proof.gz", tmp_path / "entry", "--key", "signer.pub")["shown"]
    packed = tmp_path / "proof.gz"
    packed.write_bytes(packed.read_bytes()[:-9])
    assert "compressed file breaks off" in refused(
        site, "check-proof", packed, tmp_path / "entry", "--key", "signer.pub"
    )


@pytest.mark.parametrize("command", [("replay", LOG), ("export", LOG, "-"), ("history", LOG), ("audit", LOG)])
def test_standard_output_that_leads_into_the_log_is_refused(
    site: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    log = Path(shutil.copy(site / LOG, tmp_path))
    before = log.read_bytes()
    shell = f"'{sys.executable}' -m trialdomain {' '.join(command)} >> {LOG}"
    failed = subprocess.run(["bash", "-c", shell], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert (failed.returncode, failed.stderr.count("\n")) == (2, 1)
    assert f"{LOG} is a log, or a part of one, and nothing was written there" in failed.stderr
    assert log.read_bytes() == before


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("endpoints", LOG, "--csv"), "the command writes several files: name a folder"),
        (("bundle", LOG), "the command writes several files: name a folder"),
        (("keygen",), "the command writes several files: name a folder"),
        (("simulate",), "a log is a SQLite file"),
        (("restore", "log.jsonl"), "a log is a SQLite file"),
        (("import-sdtm", "."), "a log is a SQLite file"),
    ],
)
def test_what_is_no_single_file_is_not_written_there(
    site: Path, arguments: tuple[str, ...], why: str, name: str
) -> None:
    files = sorted(site.iterdir())
    assert f"{name!r} is standard output, and {why}" in refused(site, *arguments, name)
    assert sorted(site.iterdir()) == files


@pytest.mark.parametrize("arguments", [("endpoints", LOG, "--csv"), ("bundle", LOG)])
def test_nor_is_a_folder_made_where_sqlite_keeps_a_part_of_the_log(site: Path, arguments: tuple[str, ...]) -> None:
    assert "is a log, or a part of one" in refused(site, *arguments, f"{LOG}-wal")
    assert not (site / f"{LOG}-wal").exists()


def test_a_pipe_that_is_closed_ends_an_export_quietly(site: Path) -> None:
    shell = f"'{sys.executable}' -m trialdomain export {LOG} - | head -1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", shell], cwd=site, check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert json.loads(ended.stdout)["position"] == 1
    assert os.path.lexists(site / LOG)


@pytest.mark.processes
@pytest.mark.parametrize("asked", ["--help", "--version", "decide --help", "decide 1NNN --levels 3"])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_answer_that_cannot_be_written_is_2_also_of_help(asked: str) -> None:
    command = f"{sys.executable} -m trialdomain {asked} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be written" in done.stderr


@pytest.mark.processes
def test_a_closed_stream_is_no_traceback_and_no_message_stands_in_the_answer(site: Path) -> None:
    def asked(words: str) -> tuple[int, str, str]:
        command = f"{sys.executable} -m trialdomain {words}"
        done = subprocess.run(["bash", "-c", command], cwd=site, capture_output=True, check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    status, shown, said = asked("replay log.db >&-")
    assert (status, shown, said.count("\n"), "standard output is closed" in said) == (2, "", 1, True)
    status, shown, said = asked("diff log.db 5 --json 2>&-")  # position 5 stands inside a command, which is said
    assert (status, said, json.loads(shown)["earlier"]) == (0, "", 4)
    assert asked("replay nothing.db 2>&-") == (2, "", "")
    assert asked("decide - --levels 3 <&-") == (0, "", "")


@pytest.mark.processes
def test_an_interruption_while_the_commands_are_imported_is_one_sentence(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'trialdomain.cli.commands.verify':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "from trialdomain.__main__ import main\n"
        "sys.exit(main(['verify', 'log.db']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "trialdomain: interrupted\n")
