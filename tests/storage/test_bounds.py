"""A database with a computed column, or a huge value, takes no more memory than a log does."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import Trials
from trialdomain.storage.schema import SCHEMA

MOST_KILOBYTES = 300_000
"""Of memory, for each command."""
pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say it there"),
]
COLUMNS = "trial, position, stream, version, name, state, leaf"
COMMANDS = {
    "replay": ["replay", "LOG", "--json"],
    "audit": ["audit", "LOG", "--json"],
    "decisions": ["audit", "LOG", "--decisions", "--json"],
    "history": ["history", "LOG", "--json"],
    "export": ["export", "LOG", "OUT"],
    "review": ["review", "LOG", "--json"],
    "verify": ["verify", "LOG", "--json"],
    "prove": ["prove", "LOG", "1"],
    "checkpoint": ["checkpoint", "LOG", "--request"],
    "bundle": ["bundle", "LOG", "OUT", "--user", "u1", "--why", "an inspection at the site"],
}
MEASURED = """
import sys
from pathlib import Path
from trialdomain.__main__ import main
status = main(sys.argv[1:])
lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(status, lines["VmHWM"].split()[0], file=sys.stderr)  # of this program alone: rusage counts who started it as well
"""


def rewritten(path: Path, change: Callable[[sqlite3.Connection], None]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        triggers = attacker.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            attacker.execute(f"DROP TRIGGER {name}")
        change(attacker)


def computed(column: str, expression: str) -> Callable[[sqlite3.Connection], None]:
    """Make a column of the table of entries a computed one."""

    def change(attacker: sqlite3.Connection) -> None:
        table = SCHEMA.partition(";")[0].replace(" STRICT", "")
        lines = [
            f"    {column} AS ({expression}){',' * line.endswith(',')}"
            if line.strip().startswith(f"{column} ")
            else line
            for line in table.splitlines()
        ]
        others = ", ".join(name for name in COLUMNS.split(", ") if name != column)
        attacker.execute("ALTER TABLE entries RENAME TO old")
        attacker.executescript("\n".join(lines))
        attacker.execute(f"INSERT INTO entries ({others}) SELECT {others} FROM old")
        attacker.execute("DROP TABLE old")

    return change


def huge(column: str) -> Callable[[sqlite3.Connection], None]:
    """Put half a gigabyte into one row; nothing of it is text that means anything."""

    def change(attacker: sqlite3.Connection) -> None:
        value = "zeroblob(500000000)" if column == "state" else "CAST(zeroblob(500000000) AS TEXT)"
        attacker.execute("PRAGMA ignore_check_constraints = ON")
        attacker.execute(f"UPDATE entries SET {column} = {value} WHERE position = 4")

    return change


def many(attacker: sqlite3.Connection) -> None:
    """Append states of 4 MB each, one of which alone is within bounds."""
    for number in range(120):
        attacker.execute(
            "INSERT INTO entries (trial, position, stream, version, name, state, leaf) SELECT trial, 100 + ?, ?, 1,"
            " 'participant.relapsed.v1', zeroblob(4000000), zeroblob(32) FROM entries WHERE position = 1",
            (number, f"{OPEN.trial}/participant/X{number}"),
        )


ATTACKS = {
    "a computed state": computed("state", "zeroblob(900000000)"),
    "a computed name": computed("name", "hex(zeroblob(400000000))"),
    "a computed leaf": computed("leaf", "zeroblob(900000000)"),
    "a huge state": huge("state"),
    "a huge name": huge("name"),
    "many large states": many,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_command_takes_more_memory_than_a_log_does(tmp_path: Path, attack: str) -> None:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("S001", signed_on=day(0), form_version="1")
    rewritten(path, ATTACKS[attack])
    for command, given in COMMANDS.items():
        arguments = [{"LOG": str(path), "OUT": str(tmp_path / command)}.get(one, one) for one in given]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *arguments],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        status, most = map(int, done.stderr.splitlines()[-1].split())
        assert most < MOST_KILOBYTES, (command, most)
        assert status in {0, 1, 2}, (command, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_log_of_any_size_that_entries_have_is_opened(tmp_path: Path) -> None:
    with Trials.open(tmp_path / "log.db") as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        agents = [f"{number:04}{'x' * 9_000}" for number in range(400)]
        desk.consent("S001", signed_on=day(0), form_version="1")
        (given,) = desk.give_chemotherapy("S001", regimen="R", agents=agents, started_on=day(0))
        assert getattr(given.fact, "agents", None) == tuple(agents)
