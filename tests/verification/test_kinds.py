"""Values of the wrong type, in each column: a command refuses them with one sentence, and ``verify`` names them."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from repeating import some
from site_desk import INVESTIGATOR, OPEN, day
from tampering import loosened

from trialdomain import HeadKey, SigningKey, Trials, read_log, verify
from trialdomain.__main__ import main as command_line
from trialdomain.errors import LogCorrupt, TrialError
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command
from trialdomain.verification.verify import TrialAbsent

TRIAL = OPEN.trial
PERSON = f"{TRIAL}/participant/S001"
WRITER = SigningKey.generate("site.example/writer")
MOST_SAID = 2_000
VALUES = {
    "a blob": "x'00ff'",
    "a fraction": "1.5",
    "nothing": "NULL",
    "a text": "'one'",
    "a text that is no Unicode": "CAST(x'ff41' AS TEXT)",
    "a negative number": "-1",
    "the largest number": "9223372036854775807",
    "the smallest number": "-9223372036854775808",
}
PLACES = {
    **{("entries", column): "position = 4" for column in ("trial", "position", "stream", "version", "name", "state")},
    ("entries", "leaf"): "position = 4",
    **{("commands", column): "command = 'c4'" for column in ("trial", "command", "request", "first", "last")},
    **{("checkpoints", column): "true" for column in ("trial", "size", "note")},
    **{("heads", column): "true" for column in ("trial", "size", "note")},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of signed heads, with a checkpoint, whose tables take values of any kind."""
    path = tmp_path_factory.mktemp("recorded") / "log.db"
    with Trials.open(path, heads=HeadKey(WRITER)) as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)
        desk = trial.acting(INVESTIGATOR)
        desk.consent("S001", signed_on=day(0), form_version="1", command_id="c3")
        desk.give_chemotherapy("S001", regimen="R", agents=["A"], started_on=day(0), command_id="c4")
        desk.give_chemotherapy("S001", regimen="R", agents=["B"], started_on=day(0), command_id="c5")
        note = trial.tree.head()
        trial._store.keep_note(TRIAL, note.size, note.text)  # noqa: SLF001 - as it is kept
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        for (name,) in attacker.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            attacker.execute(f"DROP TRIGGER {name}")
        loosened(attacker)
    return path


def asked(path: Path) -> Iterator[Callable[[], object]]:
    """Yield every way to read a log."""

    def history() -> None:
        with read_log(path) as log:
            for trial in log.values():
                told = trial.history()
                list(told.entries())
                told.answers(on="2026-06-01")
                list(told.trail())
                trial.history(known_at=told.position)

    def recorder() -> None:
        log = SQLiteStore(path, readonly=True)
        try:
            for ask in (
                log.trials,
                lambda: log.head(TRIAL),
                lambda: log.version(PERSON),
                lambda: log.notes(TRIAL),
                lambda: list(log.leaves(TRIAL, until=6)),
                lambda: list(log.in_log_order(TRIAL)),
                lambda: list(log.latest_first(TRIAL, until=6)),
                lambda: list(log.streams(TRIAL, until=6)),
                lambda: log.stream(PERSON, until=6),
                lambda: log.select_events(PERSON),
                lambda: log.select_notifications(0, 10),
                log.max_notification_id,
                lambda: log.recorded_before(TRIAL, Command(id="c4", request=bytes(32))),
            ):
                refused_or_not(ask)
        finally:
            log.close()

    def written(heads: HeadKey | None) -> None:
        with Trials.open(path, heads=heads) as trials:
            desk = trials.trial(TRIAL).acting(INVESTIGATOR)
            for command in ("c4", "c9"):
                given = partial(desk.give_chemotherapy, "S001", regimen="R", agents=["A"], started_on=day(0))
                refused_or_not(partial(given, command_id=command))
            if heads is not None:
                trials.trial(TRIAL).begin_signed_heads()

    yield history
    yield recorder
    yield lambda: written(None)
    yield lambda: written(HeadKey(WRITER))
    for arguments in (
        ["replay"],
        ["audit"],
        ["export", "OUT"],
        ["prove", "1"],
        ["bundle", "OUT", "--user", "u1", "--why", "an inspection at the site"],
    ):
        command, *rest = arguments
        out = [str(path.with_name(f"{command}.out")) if one == "OUT" else one for one in rest]
        yield partial(command_line, [command, str(path), *out])


def refused_or_not(ask: Callable[[], object]) -> None:
    """Ask, and take a refusal for an answer, if it is a sentence."""
    said = ""
    try:
        ask()
    except TrialError as error:
        said = str(error)
    assert len(said) < MOST_SAID


@pytest.mark.parametrize(("place", "value"), some(tuple(product(PLACES, VALUES)), of="kinds", least=54))
@pytest.mark.soak
def test_a_value_of_another_kind_is_refused_in_a_sentence_or_named(
    recorded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: tuple[str, str], value: str
) -> None:
    (table, column), where = place, PLACES[place]
    path = Path(shutil.copy(recorded, tmp_path / "log.db"))
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        attacker.execute("PRAGMA ignore_check_constraints = ON")
        try:
            attacker.execute(f"UPDATE {table} SET {column} = {VALUES[value]} WHERE {where}")
        except sqlite3.IntegrityError:
            pytest.skip("a key is never NULL")
    for keys in (None, [WRITER.verifier]):
        try:
            assert not verify(path, keys=keys).ok
        except TrialAbsent:
            pytest.fail("the log has a trial")
    for number, ask in enumerate(asked(path)):
        refused_or_not(ask)
        said = capsys.readouterr()
        assert "Traceback" not in said.err, number
    assert not verify(path).ok


@pytest.mark.parametrize("value", [one for one in VALUES if "Unicode" not in one])
@pytest.mark.parametrize("column", ["request", "first", "last"])
def test_a_repetition_does_not_go_by_a_row_that_no_command_has(
    recorded: Path, tmp_path: Path, column: str, value: str
) -> None:
    path = Path(shutil.copy(recorded, tmp_path / "log.db"))
    with closing(sqlite3.connect(path, isolation_level=None)) as attacker:
        attacker.execute(f"UPDATE commands SET {column} = {VALUES[value]} WHERE command = 'c4'")
    log = SQLiteStore(path, readonly=True)
    try:
        with closing(sqlite3.connect(path)) as asking:
            [(request,)] = asking.execute("SELECT request FROM commands WHERE command = 'c4'").fetchall()
        given = Command(id="c4", request=request if isinstance(request, bytes) else bytes(32))
        if column == "request" and isinstance(request, bytes):
            assert log.recorded_before(TRIAL, given) is not None
        else:
            with pytest.raises(LogCorrupt, match="c4"):
                log.recorded_before(TRIAL, given)
    finally:
        log.close()
