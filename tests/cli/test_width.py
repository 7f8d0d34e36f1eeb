"""Every command that draws, at the widths that people have: no line is longer, no word broken, nothing missing."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runs import done, run
from made_once import SimulatedLog
from repeating import some

LOG, FILE = "log.db", "log.jsonl"
WIDE = 20_000
WITHOUT_VALUES = {"deviations", "line", "old"}
"""Headings of columns that are empty in every row: where such a column has no place, nothing is said of it."""
COMMANDS = (
    ("demo",),
    ("demo", "--full"),
    ("replay", LOG),
    ("endpoints", LOG),
    ("endpoints", LOG, "--endpoint", "S9"),
    ("explain", LOG, "S9", "S001"),
    ("explain", LOG, "S4", "S001"),
    ("explain", LOG, "P1"),
    ("review", LOG),
    ("decide", "1NNT 1NNN 2NTX", "--levels", "3"),
    ("history", LOG, "S001"),
    ("history", LOG, "trial"),
    ("diff", LOG, "1700"),
    ("audit", LOG),
    ("audit", LOG, "--decisions"),
    ("verify", LOG),
    ("verify", "altered.jsonl"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, simulated: Callable[[int], SimulatedLog]) -> Path:
    folder = tmp_path_factory.mktemp("width")
    simulated(25).copied_to(folder / LOG)
    done(folder, "export", LOG, FILE)
    lines = (folder / FILE).read_text().splitlines(keepends=True)
    lines[400] = lines[400].replace('\\"recorded_at\\":\\"2026', '\\"recorded_at\\":\\"2027')
    (folder / "altered.jsonl").write_text("".join(lines[:300] + lines[310:]))
    return folder


def printed(
    site: Path, arguments: tuple[str, ...], columns: int, *, demonstrated: SimulatedLog | None = None
) -> list[str]:
    finished = run(site, *arguments, columns=columns, demonstrated=demonstrated)
    assert finished.returncode in {0, 1}, finished.stderr
    return finished.stdout.splitlines()


def words(lines: list[str]) -> set[str]:
    """Give the words of a text, as a heading, a list or a row has them; a rule is none."""
    found = {word.strip(":;") for line in lines for word in line.split()}
    return {word for word in found if word.strip("-")}


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.soak
def test_no_line_is_longer_and_every_word_is_whole_and_there(
    site: Path, demonstrated: SimulatedLog, arguments: tuple[str, ...]
) -> None:
    wide = words(printed(site, arguments, WIDE, demonstrated=demonstrated))
    for columns in (80, *some((100, 140), of="widths", least=0)):
        narrow = printed(site, arguments, columns, demonstrated=demonstrated)
        assert [line for line in narrow if len(line) > columns] == []
        assert wide - WITHOUT_VALUES <= words(narrow) <= wide


@pytest.mark.parametrize("arguments", [("replay", LOG), ("history", LOG, "S001")], ids=" ".join)
def test_a_terminal_says_itself_how_wide_it_is(site: Path, arguments: tuple[str, ...]) -> None:
    assert on_a_terminal(site, arguments, columns=80) == printed(site, arguments, 80)
    assert on_a_terminal(site, arguments, columns=117) == printed(site, arguments, 117)


def test_where_nobody_says_a_table_has_140_columns_and_a_sentence_is_one_line(site: Path) -> None:
    table = done(site, "history", LOG, "S001").splitlines()
    assert 120 < max(map(len, table)) <= 140
    assert "decided on 2026-05-25), with 0 DLTs in 6 evaluable: it is the MTD" in done(site, "replay", LOG)


def test_a_date_a_percentage_and_an_interval_stand_on_one_line(site: Path) -> None:
    text = "\n".join(printed(site, ("replay", LOG), 80))
    # By hand from the JSON of seed 25: 16 infused, of whom 15 had an event; 15 of 16 are 93.75 %.
    assert re.search(r"any +6 \(100\.0\) \[21\] +6 \(100\.0\) \[22\] +3 \(75\.0\) \[7\] +15 \(93\.8\) \[50\]", text)
    assert "[70, 100]" in text
    assert not re.search(r"\d{4}-\d{2}-$|\(\d+\.$|\[\d+,$", text, re.MULTILINE)


def on_a_terminal(folder: Path, arguments: tuple[str, ...], *, columns: int) -> list[str]:
    """Run a command as in a terminal of so many columns, and give what it wrote."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    size = (
        f"import fcntl, struct, termios; fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, {columns}, 0, 0))"
    )
    program = f"{size}; from trialdomain.__main__ import main; main({list(arguments)!r})"
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, env=environment, stdout=theirs, stderr=subprocess.DEVNULL
    ):
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # what Linux says once nobody has the other end open
            pass
    os.close(ours)
    return written.decode().replace("\r\n", "\n").splitlines()


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    done(folder, "simulate", "big.db", "--bulk", "--participants", 90)
    return folder


class TestLongTables:
    def test_the_first_rows_do_not_wait_for_the_last_and_a_closed_pipe_ends_quietly(self, long: Path) -> None:
        command = [sys.executable, "-m", "trialdomain", "history", "big.db"]
        with subprocess.Popen(command, cwd=long, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = [process.stdout.readline() for _ in range(6)]
            assert process.poll() is None  # it has not ended: there is far more than a pipe takes
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0
        assert first[5].split()[0] == b"1"  # the first position

    def test_all_of_it_is_told_and_counted(self, long: Path) -> None:
        lines = done(long, "history", "big.db").splitlines()
        size = int(done(long, "verify", "big.db").partition(": ")[2].split()[0])
        assert lines[-1] == f"{size} entries"
        assert len(lines) > size > 3_000
