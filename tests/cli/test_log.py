"""The commands that read a log: what they print, and how they refuse what is none."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest
from cli_runs import run_bytes
from site_desk import Site, day


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[bytes]":
    return run_bytes(Path.cwd(), *arguments)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("log") / "trial.db"
    site = Site(address=f"sqlite:///{path}")
    site.treat("S001", "S002", "S003")
    site.on(3).toxicity("S002")
    site.on(14).assess("S001", "S003")
    site.trials.close()
    return path


@pytest.fixture(scope="module")
def exported(log: Path) -> Path:
    path = log.with_name("trial.jsonl")
    done = run("export", log, path)
    assert (done.returncode, done.stderr) == (0, b"")
    return path


def test_replay_answers_with_its_documented_fields(log: Path) -> None:
    answer = json.loads(run("replay", log, "--json").stdout)
    assert (answer["trial"], answer["on"]) == ("NCT06245746", day(14).isoformat())
    assert answer["escalation"]["action"] == "expand"
    level = answer["dlt"]["levels"][0]
    assert {key: value for key, value in level.items() if key != "participants"} == {
        "level": 1,
        "enrolled": 0,
        "treated": 3,
        "evaluable": 3,
        "pending": 0,
        "not_evaluable": 0,
        "dlts": 1,
    }
    assert level["participants"]["S002"]["dlt"] == {
        "event": "AE1",
        "term": "Fever",
        "grade": 3,
        "onset": day(3).isoformat(),
    }
    assert answer["known_at"] >= max(answer["escalation"]["evidence"])


def test_the_export_replays_to_the_same_answer(log: Path, exported: Path) -> None:
    assert run("replay", exported, "--json").stdout == run("replay", log, "--json").stdout
    packed = exported.with_suffix(".gz")
    packed.write_bytes(gzip.compress(exported.read_bytes()))
    assert run("replay", packed, "--json").stdout == run("replay", log, "--json").stdout


def test_people_get_tables(log: Path) -> None:
    done = run("replay", log)
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "Trial NCT06245746, as known at position" in text
    assert "Next: expand level 1 to 6 slots" in text
    assert "Fever, grade 3, 2026-03-05" in text


def test_what_was_known_at_a_moment(log: Path) -> None:
    now = json.loads(run("replay", log, "--json").stdout)
    event = now["dlt"]["levels"][0]["participants"]["S002"]["evidence"][-1]
    then = json.loads(run("replay", log, "--json", "--known-at", str(event - 1)).stdout)
    assert (then["known_at"], then["dlt"]["levels"][0]["dlts"]) == (event - 1, 0)
    timed = json.loads(run("replay", log, "--json", "--known-at", f"{day(2)}T12:00+08:00").stdout)
    assert timed["known_at"] == event - 1


def test_windows_for_another_day(log: Path) -> None:
    answer = json.loads(run("replay", log, "--json", "--on", day(13).isoformat()).stdout)
    assert answer["dlt"]["levels"][0]["pending"] == 2


def test_an_export_writes_over_nothing(log: Path, exported: Path) -> None:
    before = exported.read_bytes()
    done = run("export", log, exported)
    assert done.returncode == 2
    assert b"exists already: choose another name" in done.stderr
    assert exported.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["replay", "nowhere.db"], "nowhere.db cannot be read: No such file or directory"),
        (["replay", "{log}", "--trial", "T9"], "has no such trial; leave --trial out, or name NCT06245746"),
        (["replay", "{log}", "--on", "someday"], "expected a day such as 2026-03-02, got 'someday'"),
        (
            ["replay", "{log}", "--known-at", "soon"],
            "expected a position, a day such as 2026-03-02, or a time with its",
        ),
        (["replay", "{log}", "--known-at", "99999"], "position 99999 is not in the log of trial NCT06245746"),
        (["replay", "{log}", "--known-at", "1", "--on", "2027-01-01"], "nothing was known of trial NCT06245746 at 1"),
        (["export", "{log}", "/nowhere/at/all"], "/nowhere/at/all cannot be written: No such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(log: Path, arguments: list[str], sentence: str) -> None:
    done = run(*(argument.replace("{log}", str(log)) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith("trialdomain: ")
    assert done.stderr.count(b"\n") == 1
    assert sentence in done.stderr.decode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: [b"not a log\n"],
        lambda _: [],
        lambda lines: lines[:-1],
        lambda lines: lines[:5] + lines[6:],
        lambda lines: [*lines[:5], lines[5].replace(b"S001", b"S009"), *lines[6:]],
        lambda lines: [*lines[:5], lines[5][:40], *lines[6:]],
        lambda lines: [lines[0].replace(b"trial.registered.v1", b"trial.registered.v9"), *lines[1:]],
        lambda lines: [b"[" * 200_000 + b"\n", *lines],
        lambda lines: [lines[0].replace(b'"position":1', b'"position":' + b"9" * 5_000), *lines[1:]],
        lambda _: [b"\x00\xff" * 1_000],
    ],
)
def test_a_damaged_file_is_refused_with_its_line(exported: Path, tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(b"".join(damage(exported.read_bytes().splitlines(keepends=True))))
    done = run("replay", damaged, "--json")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"damaged.jsonl, line " in done.stderr
    assert len(done.stderr) < 1_000


def documented(command: str) -> object:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text()
    section = page.partition(f"## The JSON of `{command}`")[2]
    return json.loads(section.partition("```json\n")[2].partition("```")[0])


def differences(said: object, given: object, path: str) -> list[str]:
    """Name each key that one of the two has and the other has not; of subjects and such the first stands for all."""
    if isinstance(said, list) and isinstance(given, list) and said and given:
        return differences(said[0], given[0], f"{path}[]")
    if not (isinstance(said, dict) and isinstance(given, dict) and said and given):
        return []
    if path.rpartition(".")[2] in BY_NAME:
        return differences(next(iter(said.values())), next(iter(given.values())), f"{path}.*")
    some = path.endswith(".endpoints")  # the reference shows one outcome of each kind
    unlike = [f"{path}.{key}" for key in sorted(said.keys() - given.keys() if some else said.keys() ^ given.keys())]
    return unlike + [
        one for key in said.keys() & given.keys() for one in differences(said[key], given[key], f"{path}.{key}")
    ]


BY_NAME = {"participants", "reasons", "grades", "relatedness", "least"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [("replay", ["--json"]), ("decide", ["1NNN 2NNT 3TT", "--levels", "3", "--json"])],
)
def test_the_json_has_the_fields_that_the_reference_names(log: Path, command: str, arguments: list[str]) -> None:
    answer = json.loads(run(command, *([log] if command == "replay" else []), *arguments).stdout)
    assert differences(documented(command), answer, command) == []
