"""A database with a computed column, or a huge value, takes no more memory than a real log."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from repeating import in_full, some
from site_desk import INVESTIGATOR, OPEN, day
from tampering import appended, loosened, state_of, tampered

from trialdomain import Trials, read_log, verify
from trialdomain.__main__ import main
from trialdomain.storage.bounds import TooMuchToRead, TooMuchToRecord
from trialdomain.storage.sqlite.schema import SCHEMA
from trialdomain.verification.defect import What

MOST_KILOBYTES = 300_000
"""Of memory, for each command."""
MOST_SAID = 4_000
"""Characters that are said about it."""
SUPPORT = Path(__file__).parents[1] / "support"
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


@pytest.mark.parametrize("attack", some(tuple(ATTACKS), of="attacks", least=1))
@pytest.mark.soak
def test_no_command_takes_more_memory_than_a_log_does(tmp_path: Path, attack: str) -> None:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("S001", signed_on=day(0), form_version="1")
    rewritten(path, ATTACKS[attack])
    for command, given in some(tuple(COMMANDS.items()), of=attack, least=2):
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


MEASURED_EACH = """
import io, json, sys, traceback
from contextlib import redirect_stdout, redirect_stderr
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from site_desk import INVESTIGATOR, OPEN, day
from trialdomain import HeadKey, SigningKey, Trials, TrialError
from trialdomain.__main__ import main
from trialdomain.storage.sqlite.store import SQLiteStore

log = Path(sys.argv[2])

def consent(heads=None):
    with Trials.open(log, heads=heads) as trials:
        if heads is not None:
            trials.trial(OPEN.trial).begin_signed_heads()
        desk = trials.trial(OPEN.trial).acting(INVESTIGATOR)
        desk.consent("S002", signed_on=day(0), form_version="1", command_id="c4" if heads is None else "c5")

def casebook():
    with Trials.open(log) as trials:
        trials.trial(OPEN.trial).acting(INVESTIGATOR).decide_escalation(on=day(0))

def followed():
    recorder, last = SQLiteStore(log, readonly=True), 0
    try:
        for _ in recorder.trials():
            while found := recorder.select_notifications(last, 500, inclusive_of_start=False):
                last = found[-1].id
            recorder.select_events(OPEN.trial + "/participant/S001")
    finally:
        recorder.close()

works = [(name, lambda given=given: main(given)) for name, given in json.loads(sys.argv[3]).items()]
works += [("consent", consent), ("casebook", casebook), ("followed", followed)]
works += [("heads", lambda: consent(HeadKey(SigningKey.generate("site.example/writer"))))]
for name, work in works:
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured anew
    said = ""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()) as errors:
        try:
            work()
        except TrialError as error:
            said = str(error)
        except Exception as error:
            said = "Traceback " + repr(error)[:300]
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(json.dumps([name, int(lines["VmHWM"].split()[0]), (errors.getvalue() + said)[:100_000]]), flush=True)
"""
MEGABYTES = f"printf('%.*c', {4_000_000}, 'x')"
PERSON = f"{OPEN.trial}/participant/S001"


def rows_of(attacker: sqlite3.Connection, **changed: str) -> None:
    """Append 90 rows; ``:number`` is the number of each."""
    values = {
        "trial": f"'{OPEN.trial}'",
        "position": "100 + :number",
        "stream": f"'{OPEN.trial}/participant/X' || :number",
        "version": "1",
        "name": "'participant.relapsed.v1'",
        "state": "x'7b7d'",
        "leaf": "zeroblob(32)",
    } | changed
    attacker.execute("PRAGMA ignore_check_constraints = ON")
    query = f"INSERT INTO entries ({', '.join(values)}) VALUES ({', '.join(values.values())})"
    attacker.execute("BEGIN")
    attacker.executemany(query, [{"number": number} for number in range(90)])
    attacker.execute("COMMIT")


def beside(table: str, values: str) -> Callable[[sqlite3.Connection], None]:
    """Add 90 rows to a table beside the entries; ``:number`` is the number of each."""

    def change(attacker: sqlite3.Connection) -> None:
        query = f"INSERT INTO {table} VALUES ({values})"
        attacker.execute("BEGIN")
        attacker.executemany(query, [{"number": number} for number in range(90)])
        attacker.execute("COMMIT")

    return change


def untyped(attacker: sqlite3.Connection, table: str, *values: str) -> None:
    """Add rows with values that no column takes: to the entries, with a column and its value; to others, whole rows."""
    loosened(attacker)
    if table == "entries":
        column, value = values
        rows_of(attacker, **{column: value})
    else:
        beside(table, *values)(attacker)


def that_can_be_read(stream: str) -> Callable[[sqlite3.Connection], None]:
    """Append large entries that say what an entry can say, with leaves that fit."""

    def change(attacker: sqlite3.Connection) -> None:
        agents = [f"{number:04}{'x' * 9_000}" for number in range(400)]
        state = state_of({"agents": agents, "regimen": "R", "started_on": "2026-03-02"}, command="forged")
        attacker.execute("BEGIN")
        for number in range(90):
            name = "participant.chemotherapy-given.v1"
            appended(attacker, stream.format(number), name, state, command=f"forged-{number}")
        attacker.execute("COMMIT")

    return change


LARGE = {
    "streams": lambda attacker: rows_of(attacker, stream=f"'{OPEN.trial}/participant/X' || :number || {MEGABYTES}"),
    "names": lambda attacker: rows_of(attacker, name=MEGABYTES),
    "leaves": lambda attacker: rows_of(attacker, leaf="zeroblob(4000000)"),
    "trials": lambda attacker: rows_of(attacker, trial=f":number || {MEGABYTES}"),
    "states of one participant": lambda attacker: rows_of(
        attacker, stream=f"'{PERSON}'", version="10 + :number", state="zeroblob(4000000)"
    ),
    "names of one participant's": lambda attacker: rows_of(
        attacker, stream=f"'{PERSON}'", version="10 + :number", name=MEGABYTES
    ),
    "entries of one participant that can be read": that_can_be_read(PERSON),
    "entries of many participants that can be read": that_can_be_read(f"{OPEN.trial}/participant/Y{{}}"),
    "states of the trial": lambda attacker: rows_of(
        attacker, stream=f"'{OPEN.trial}'", version="10 + :number", state="zeroblob(4000000)"
    ),
    "all at once": lambda attacker: rows_of(
        attacker,
        stream=f"'{OPEN.trial}/participant/X' || :number || {MEGABYTES}",
        name=MEGABYTES,
        state="zeroblob(4000000)",
        leaf="zeroblob(4000000)",
    ),
    "commands": beside("commands", f"'{OPEN.trial}', :number || {MEGABYTES}, zeroblob(32), 1, 1"),
    "requests": beside("commands", f"'{OPEN.trial}', 'c' || :number, zeroblob(4000000), 1, 1"),
    "trials of commands": beside("commands", f":number || {MEGABYTES}, 'c', zeroblob(32), 1, 1"),
    "notes": beside("checkpoints", f"'{OPEN.trial}', 2, :number || {MEGABYTES}"),
    "versions": lambda attacker: untyped(attacker, "entries", "version", f":number || {MEGABYTES}"),
    "positions": lambda attacker: untyped(attacker, "entries", "position", f":number || {MEGABYTES}"),
    "positions of commands": lambda attacker: untyped(
        attacker, "commands", f"'{OPEN.trial}', 'c' || :number, zeroblob(32), {MEGABYTES}, {MEGABYTES}"
    ),
    "sizes of notes": lambda attacker: untyped(attacker, "checkpoints", f"'{OPEN.trial}', :number || {MEGABYTES}, 'x'"),
    "trials of heads": beside("heads", f":number || {MEGABYTES}, 2, 'x'"),
}


@pytest.mark.parametrize("column", some(tuple(LARGE), of="columns", least=1))
@pytest.mark.soak
def test_nor_where_many_values_are_as_long_as_an_entry_may_be(tmp_path: Path, column: str) -> None:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("S001", signed_on=day(0), form_version="1")
    rewritten(path, LARGE[column])
    given = {
        name: [{"LOG": str(path), "OUT": str(tmp_path / name)}.get(one, one) for one in command]
        for name, command in some(tuple(COMMANDS.items()), of=column, least=3)
    }
    try:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED_EACH, str(SUPPORT), str(path), json.dumps(given)],
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
    finally:
        for file in tmp_path.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(given) + 4, done.stderr[-2_000:]
    for name, most, said in found:
        assert most < MOST_KILOBYTES, (name, most)
        assert "Traceback" not in said, (name, said)
        assert len(said) < MOST_SAID, (name, said[:MOST_SAID])


@pytest.mark.skipif(not in_full(), reason="it takes as long as a hundred others: make soak has it")
@pytest.mark.soak
def test_nor_do_an_export_and_a_bundle_of_such_entries(tmp_path: Path) -> None:
    path, bundle, lines = tmp_path / "log.db", tmp_path / "bundle", tmp_path / "events.jsonl"
    with Trials.open(path) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        desk.consent("S001", signed_on=day(0), form_version="1")
        desk.export(bundle, why="an inspection at the site")
    rewritten(path, that_can_be_read(PERSON))
    try:
        assert main(["export", str(path), str(lines)]) == 0
        shutil.copy(lines, bundle / "events.jsonl")
        found = sha256(lines.read_bytes()).hexdigest()
        manifest = json.loads((bundle / "manifest.json").read_bytes())
        manifest["files"]["events.jsonl"] = {"bytes": lines.stat().st_size, "sha256": found}
        (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        commands = (
            ["verify", lines],
            ["replay", lines],
            ["restore", lines, tmp_path / "new.db"],
            ["verify", bundle],
        )
        for command in some(commands, of="an export and a bundle", least=1):
            done = subprocess.run(
                [sys.executable, "-c", MEASURED, *map(str, command)],
                capture_output=True,
                encoding="utf-8",
                timeout=120,
                check=False,
            )
            status, most = map(int, done.stderr.splitlines()[-1].split())
            assert (status in {1, 2}, most < MOST_KILOBYTES) == (True, True), (command, most, done.stderr)
            assert "Traceback" not in done.stderr
    finally:
        shutil.rmtree(bundle)
        for file in tmp_path.iterdir():
            file.unlink()


SCHEMAS = {
    "views": lambda attacker: with_views(attacker, 120, f"SELECT '{'x' * 4_000_000}'"),
    "views of many parts": lambda attacker: with_views(attacker, 5, f"SELECT 1 IN ({'1,' * 1_900_000}1)"),
    "names of views": lambda attacker: with_views(attacker, 120, "SELECT 1", name="x" * 4_000_000),
}


def with_views(attacker: sqlite3.Connection, number: int, query: str, *, name: str = "v") -> None:
    for one in range(number):
        attacker.execute(f'CREATE VIEW "{name}{one}" AS {query}')


@pytest.mark.parametrize("schema", some(tuple(SCHEMAS), of="schemas", least=1))
@pytest.mark.soak
def test_a_schema_takes_no_more_memory_either_and_every_entry_is_verified(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("S001", signed_on=day(0), form_version="1")
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        SCHEMAS[schema](attacker)
    try:
        done = {
            command: subprocess.run(
                [sys.executable, "-c", MEASURED, command, str(path), "--json"],
                capture_output=True,
                encoding="utf-8",
                timeout=120,
                check=False,
            )
            for command in ("verify", "replay", *some(("audit",), of="schemas", least=0))
        }
    finally:
        path.unlink()
    for command, run in done.items():
        status, most = map(int, run.stderr.splitlines()[-1].split())
        assert (status in {1, 2}, most < MOST_KILOBYTES) == (True, True), (command, most, run.stderr)
        assert "Traceback" not in run.stderr
    assert "is damaged: string or blob too big" not in done["replay"].stderr
    told = json.loads(done["verify"].stdout)
    assert {one["what"] for one in told["defects"]} == {"schema"}
    assert [one["size"] for one in told["trials"]] == [5]


def test_a_trial_that_nobody_reads_for_its_large_entries_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with Trials.open(path) as trials:
        trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("S001", signed_on=day(0), form_version="1")
    with tampered(path) as connection:
        agents = [f"{number:04}{'x' * 9_000}" for number in range(400)]
        for number in range(10):
            state = state_of({"agents": agents, "regimen": "R", "started_on": "2026-03-02"}, command=f"forged-{number}")
            appended(connection, PERSON, "participant.chemotherapy-given.v1", state, command=f"forged-{number}")
    with read_log(path) as log, pytest.raises(TooMuchToRead):
        log[OPEN.trial].history().answers(on=day(0))
    [defect] = verify(path).defects
    assert (defect.what, defect.position) == (What.UNREADABLE, None)
    assert "large entries" in defect.why


def test_what_could_not_be_read_again_is_not_recorded(tmp_path: Path) -> None:
    agents = [f"{number:04}{'x' * 9_000}" for number in range(400)]
    with Trials.open(tmp_path / "log.db") as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)
        desk = trial.acting(INVESTIGATOR)
        desk.consent("S001", signed_on=day(0), form_version="1")
        for number in range(9):
            desk.give_chemotherapy("S001", regimen=f"R{number}", agents=agents, started_on=day(0))
        with pytest.raises(TooMuchToRecord, match="more than 32 MB together, and could not be read again"):
            desk.give_chemotherapy("S001", regimen="R9", agents=agents, started_on=day(0))
        desk.consent("S002", signed_on=day(0), form_version="1")
        assert sum(1 for _ in trial.history().entries()) == trial.history().position
    assert verify(tmp_path / "log.db").ok


def test_a_log_of_any_size_that_entries_have_is_opened(tmp_path: Path) -> None:
    with Trials.open(tmp_path / "log.db") as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        agents = [f"{number:04}{'x' * 9_000}" for number in range(400)]
        desk.consent("S001", signed_on=day(0), form_version="1")
        (given,) = desk.give_chemotherapy("S001", regimen="R", agents=agents, started_on=day(0))
        assert getattr(given.fact, "agents", None) == tuple(agents)
