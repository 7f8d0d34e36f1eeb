"""Every command takes the address of a log in PostgreSQL where it takes a file, and says the same of both."""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import pytest
from made_once import SimulatedLog
from options_page import commands, options
from postgres_server import Server
from sdtm_files import changed, event, study, write
from view_rows import all_rows

from trialdomain import InputInvalid, SigningKey, TrialTree, import_sdtm, read_log, write_keys
from trialdomain.__main__ import main
from trialdomain.cli.log_address import log_named
from trialdomain.cli.places import new_log
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.postgres.address import postgres_address
from trialdomain.storage.store import LogReader

READS: Mapping[str, Sequence[str]] = {
    "replay": ["LOG", "LOG --json", "LOG --known-at 300 --json"],
    "endpoints": ["LOG", "LOG --json", "LOG --endpoint S9 --json", "LOG --csv OUT"],
    "explain": ["LOG S9", "LOG S9 --json", "LOG S9 S001 --json", "LOG S99"],
    "review": ["LOG", "LOG --json"],
    "history": ["LOG S001", "LOG S001 --json", "LOG --changed", "LOG --csv OUT", "LOG S999"],
    "diff": ["LOG 100 300", "LOG 100 300 --json"],
    "what-if": ["LOG --set dlt.min_grade=4", "LOG --set dlt.min_grade=4 --json"],
    "audit": ["LOG", "LOG --json", "LOG --decisions", "LOG --decisions --json"],
    "protocol show": ["LOG", "LOG --json"],
    "story": ["LOG", "LOG --out OUT"],
    "export": ["LOG OUT", "LOG -"],
    "bundle": ["LOG OUT --user investigator --why word", "LOG OUT"],
    "checkpoint": ["LOG --request", "LOG --key KEY --signed SIGNED", "LOG --keep NOTE --trusted PUB"],
    "prove": ["LOG 7 --checkpoint NOTE", "LOG 7"],
    "verify": ["LOG", "LOG --json"],
}
"""By command: arguments with which it reads a log, and is run on a file and on an address."""
APART = {"info", "backup", "views status", "views rebuild", "views retry", "views follow"}
"""The commands whose answer names the kind of store, or is a file of SQLite; ``TestCare`` runs them."""
MAKES = {"restore", "import-sdtm", "simulate"}
"""The commands that make a new log."""
TIME = re.compile(r"(?<=exported )\S+")
"""The time of an export, in the words of a bundle."""


def test_no_command_that_takes_a_log_is_left_out_here() -> None:
    arguments = [(name, one) for name, parser in commands().items() for one in options(parser)]
    taking = {name for name, one in arguments if one.type in {log_named, new_log}}
    named_so = {name for name, one in arguments if "LOG" in {one.metavar, one.dest.upper()}}
    assert taking == READS.keys() | MAKES | APART
    assert named_so <= taking, "a command has a LOG of another type, and would refuse an address"


@attrs.frozen
class Both:
    """One trial in a file and in PostgreSQL, and what the commands need."""

    file: str
    address: str
    folder: Path
    server: Server


@pytest.fixture(scope="module")
def both(simulated: Callable[[int], SimulatedLog], server: Server, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("both")
    exported, file, address = folder / "all.jsonl", folder / "file.db", server.new_log()
    original = str(simulated(25).path)
    assert main(["export", original, str(exported)]) == 0
    assert main(["restore", str(exported), str(file)]) == 0
    assert main(["restore", str(exported), address]) == 0
    key = SigningKey.generate("signer")
    write_keys(key, folder / "signer.key", folder / "signer.pub")
    assert main(["checkpoint", str(exported), "--key", str(folder / "signer.key"), "--out", str(folder / "note")]) == 0
    return Both(str(file), address, folder, server)


def fresh_file(both: Both, folder: Path) -> str:
    """Copy the log into a file that a command may write to."""
    return str(shutil.copy(both.file, folder / "fresh.db"))


def fresh(both: Both) -> str:
    """Copy the log into a schema that a command may write to."""
    address = both.server.new_log()
    assert main(["restore", str(both.folder / "all.jsonl"), address]) == 0
    return address


def of_reader(server: Server, address: str) -> str:
    """Return the address of the log for a role that may read it, and no more."""
    schema, role = schema_of(address), f"reader_{schema_of(address)}"
    server.sql(
        f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    )
    return server.address(schema, user=role)


def schema_of(address: str) -> str:
    return address.rpartition("search_path%3D")[2]


@attrs.frozen
class Told:
    """What a run of a command comes to, with the name of the log, and of its output, taken out."""

    status: int
    out: str
    err: str
    files: Mapping[str, bytes]


def told(log: str, words: str, both: Both, out: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Run a command; the capital words in it stand for the log and the files of the module."""
    given = {
        "LOG": log,
        "OUT": str(out / "out"),
        "KEY": str(both.folder / "signer.key"),
        "SIGNED": str(out / "signed"),
        "NOTE": str(both.folder / "note"),
        "PUB": str(both.folder / "signer.pub"),
    }
    capsys.readouterr()
    status = main([given.get(word, word) for word in words.split()])
    printed = capsys.readouterr()
    shown = str(postgres_address(log) or log)
    texts = [TIME.sub("TIME", text.replace(shown, "LOG").replace(str(out), "FOLDER")) for text in printed]
    files = {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    files.pop("signed", None)  # a database of the signer, which has no log in it
    return Told(status, texts[0], texts[1], files)


ASKED = [f"{command} {arguments}" for command, rows in READS.items() for arguments in rows if command != "bundle"]


@pytest.mark.parametrize("words", ASKED)
def test_it_says_the_same_of_a_file_and_of_an_address(
    words: str, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    of_file = told(both.file, words, both, tmp_path / "a", capsys)
    assert told(both.address, words, both, tmp_path / "b", capsys) == of_file
    assert of_file.status in {0, 1} or of_file.err.count("\n") == 1


def lines(of: str, folder: Path, name: str) -> bytes:
    """Export a log, and return the lines."""
    assert main(["export", of, str(folder / name)]) == 0
    return (folder / name).read_bytes()


class TestABundle:
    def test_of_the_same_checkpoint_has_the_same_files(
        self, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The export is recorded, and the recording has a time; so both bundles end at a checkpoint before it."""
        found = []
        for name, log in (("a", fresh_file(both, tmp_path)), ("b", fresh(both))):
            (tmp_path / name).mkdir()
            words = "bundle LOG OUT --user investigator --why inspection --checkpoint NOTE --trusted PUB"
            found.append(told(log, words, both, tmp_path / name, capsys))
        of_file, of_address = found
        assert (of_file.status, of_file.err) == (0, "")
        assert attrs.evolve(of_address, files={}) == attrs.evolve(of_file, files={})
        manifests = [json.loads(one.files["out/manifest.json"]) for one in found]
        assert of_address.files.keys() == of_file.files.keys() >= {"out/events.jsonl", "out/proofs.jsonl"}
        assert {name for name in of_file.files if of_file.files[name] != of_address.files[name]} == {
            "out/manifest.json"
        }
        assert {name for name in manifests[0] if manifests[0][name] != manifests[1][name]} == {"at"}

    def test_a_log_that_can_be_written_records_it(self, both: Both, tmp_path: Path) -> None:
        address = fresh(both)
        size = len(lines(address, tmp_path, "before").splitlines())
        bundle = ["bundle", address, str(tmp_path / "out"), "--user", "investigator", "--why", "inspection"]
        assert main(bundle) == 0
        *_, recorded, _ = lines(address, tmp_path, "after").splitlines()
        assert json.loads(recorded)["name"] == "trial.exported.v1"
        assert json.loads(recorded)["position"] == size

    def test_a_role_that_only_reads_records_nothing(
        self, both: Both, tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str]
    ) -> None:
        address = of_reader(server, both.address)
        before = lines(address, tmp_path, "before")
        assert main(["bundle", address, str(tmp_path / "out")]) == 0
        assert "the export was not recorded" in capsys.readouterr().out
        assert json.loads((tmp_path / "out" / "manifest.json").read_bytes())["recorded"] is None
        assert lines(address, tmp_path, "after") == before


def tables(server: Server, address: str) -> int:
    """Count what is in the schema of an address."""
    [(number,)] = server.sql(f"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema_of(address)}'::regnamespace")
    return int(str(number))


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that is refused, and return its one sentence."""
    capsys.readouterr()
    assert main(list(words)) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err


class TestMakingALog:
    def test_a_restored_one_has_the_same_bytes_and_the_same_root(
        self, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        address = both.server.new_log()
        capsys.readouterr()
        assert main(["restore", str(both.folder / "all.jsonl"), address, "--json"]) == 0
        restored = json.loads(capsys.readouterr().out)
        exported = (both.folder / "all.jsonl").read_bytes()
        assert lines(address, tmp_path, "again") == exported
        last = json.loads(exported.splitlines()[-1])
        assert restored == {
            "log": str(postgres_address(address)),
            "trials": [{"trial": last["trial"], "entries": last["size"], "root": last["root"]}],
        }

    def test_a_second_one_is_refused_and_leaves_the_first(
        self, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str], simulated: Callable[[int], SimulatedLog]
    ) -> None:
        before = lines(both.address, tmp_path, "before")
        other = tmp_path / "other.jsonl"
        assert main(["export", str(simulated(0).path), str(other)]) == 0
        assert "has a log already: it was left as it is" in refusal(capsys, "restore", str(other), both.address)
        assert "has a log already" in refusal(capsys, "simulate", both.address)
        assert lines(both.address, tmp_path, "after") == before

    def test_a_damaged_export_makes_nothing(
        self, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        damaged, address = tmp_path / "damaged.jsonl", both.server.new_log()
        damaged.write_bytes((both.folder / "all.jsonl").read_bytes().replace(b"S002", b"S009", 1))
        assert "does not fit its leaf" in refusal(capsys, "restore", str(damaged), address)
        assert tables(both.server, address) == 0

    def test_an_imported_study_is_the_same_as_in_a_file(
        self, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rows = changed("dm", 1, AGE="old")
        rows["ae"].append(event("P-9", 1))
        folder, address = write(tmp_path / "study", rows), server.new_log()
        file = tmp_path / "file.db"
        lists = tmp_path / "lists"

        def imported(*words: str) -> dict[str, object]:
            capsys.readouterr()
            assert main(["import-sdtm", str(folder), *words, "--json"]) == 1
            found: dict[str, object] = json.loads(capsys.readouterr().out)
            return found

        of_file, of_address = imported(str(file)), imported(address, "--lists", str(lists))
        assert of_address.pop("log") == str(postgres_address(address))
        assert of_address.pop("unrecorded") == f"{lists}.unrecorded.csv"
        assert of_address.pop("remarked") == f"{lists}.remarks.csv"
        for name in ("unrecorded", "remarks"):
            assert Path(f"{lists}.{name}.csv").read_bytes() == Path(f"{file}.{name}.csv").read_bytes()
        assert of_address == {name: of_file[name] for name in of_address}
        assert facts(address) == facts(str(file))

    def test_an_import_needs_a_place_for_its_lists(
        self, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder, address = write(tmp_path / "study", study()), server.new_log()
        assert "name the beginning of their names with --lists" in refusal(capsys, "import-sdtm", str(folder), address)
        with pytest.raises(InputInvalid, match="give the beginning of their names as lists"):
            import_sdtm(folder, address)
        (tmp_path / "x.remarks.csv").write_text("another's")
        taken = ["import-sdtm", str(folder), address, "--lists", str(tmp_path / "x")]
        assert "x.remarks.csv exists already" in refusal(capsys, *taken)
        assert "leave --lists out" in refusal(capsys, "import-sdtm", str(folder), str(tmp_path / "f"), *taken[-2:])
        assert tables(server, address) == 0

    def test_an_import_that_fails_leaves_no_list(
        self, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder, address = write(tmp_path / "study", study()), server.new_log()

        def failing(*_: object, **__: object) -> None:
            raise StoreFailed("the server is gone")

        monkeypatch.setattr("trialdomain.intake.new_log.copy_log", failing)
        with pytest.raises(StoreFailed):
            import_sdtm(folder, address, lists=tmp_path / "x")
        assert [path.name for path in tmp_path.iterdir()] == ["study"]
        assert tables(server, address) == 0

    @pytest.mark.parametrize("how", [["--participants", "3"], ["--bulk", "--participants", "3", "--trials", "2"]])
    def test_a_simulated_one_is_the_same_as_in_a_file(self, server: Server, tmp_path: Path, how: Sequence[str]) -> None:
        address, file = server.new_log(), tmp_path / "file.db"
        assert main(["simulate", address, *how]) == 0
        assert main(["simulate", str(file), *how]) == 0
        with read_log(address) as of_address, read_log(file) as of_file:
            assert list(of_address) == list(of_file)
            for trial in of_file:
                assert root(of_address.reader, trial) == root(of_file.reader, trial)


def root(log: LogReader, trial: str) -> bytes:
    return TrialTree(log, trial).head().root


def facts(log: str) -> list[tuple[str, int, object]]:
    """Return what was recorded, without the time at which it was."""
    with read_log(log) as opened:
        [trial] = opened.values()
        return [(entry.stream, entry.version, entry.fact) for entry in trial.history().entries()]


class TestCare:
    def test_a_backup_says_the_same_and_is_the_same_log(
        self, both: Both, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = []
        for name, log in (("a", both.file), ("b", both.address)):
            file = tmp_path / f"{name}.db"
            assert main(["backup", log, str(file), "--json"]) == 0
            found.append(json.loads(capsys.readouterr().out.replace(str(file), "FILE")))
            assert main(["backup", log, str(tmp_path / f"{name}2.db")]) == 0
            found.append(capsys.readouterr().out.replace(str(tmp_path / f"{name}2.db"), "FILE"))
        assert found[:2] == found[2:]
        assert lines(str(tmp_path / "a.db"), tmp_path, "1") == lines(str(tmp_path / "b.db"), tmp_path, "2")

    def test_info_names_the_store_and_else_says_the_same(
        self, both: Both, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        asked = []
        for log in (both.file, both.address):
            assert main(["info", log, "--json"]) == 0
            asked.append(json.loads(capsys.readouterr().out))
        own = {"log", "kind", "schema_version", "bytes"}
        assert [one["kind"] for one in asked] == ["SQLite", "PostgreSQL"]
        of_file, of_address = ({name: one[name] for name in one.keys() - own} for one in asked)
        assert of_file == of_address
        assert main(["info", both.address]) == 0
        assert capsys.readouterr().out.startswith("PostgreSQL, schema version 1; ")
        assert main(["info", str(both.folder / "all.jsonl")]) == 0
        assert capsys.readouterr().out.startswith("export; ")

    def test_views_have_the_same_rows_and_say_the_same(self, both: Both, capsys: pytest.CaptureFixture[str]) -> None:
        found = []
        for log in (both.file, both.address):
            assert main(["views", "rebuild", log]) == 0
            said = capsys.readouterr().out
            assert "Every view is at the end of the log" in said
            assert main(["views", "follow", log, "--once"]) == 0
            assert main(["views", "retry", log]) == 0
            assert capsys.readouterr().out.startswith("no view was set aside")
            assert main(["views", "status", log, "--json"]) == 0
            found.append((json.loads(capsys.readouterr().out.replace(log, "LOG"))["views"], all_rows(log)))
        assert found[0] == found[1]
        assert {view: len(rows) > 0 for view, rows in found[0][1].items()} == {
            view: view != "deviation" for view in found[0][1]
        }
