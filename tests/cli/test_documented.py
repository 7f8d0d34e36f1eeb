"""The page of the commands against what commands take and answer: every option, and every member of every JSON."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import endpoint_pages
import options_page
import pytest
from cli_runs import run, run_bytes
from made_once import SimulatedLog
from sdtm_files import study, write

from trialdomain import ClinicalTime
from trialdomain.verification.defect import What

PAGE = options_page.PAGE.read_text(encoding="utf-8")
NAMED_BY_DATA = {
    *("reasons", "statuses", "flags", "least", "files", "columns_without_field", "parameters", "old", "new"),
    *("ended", "grades"),
}
"""Members whose own members are words of the data: reasons, statuses, names of files."""
SECTIONS = {
    "simulate": ("simulate` and `restore",),
    "restore": ("simulate` and `restore",),
    "backup": ("simulate` and `restore",),
    "info": ("JSON of `info`",),
    "views status": ("JSON of `views`",),
    "views rebuild": ("JSON of `views`",),
    "views retry": ("JSON of `views`",),
    "replay": ("replay`", "decide`"),
    "endpoints": ("endpoints`, `explain` and `review", "replay`"),
    "explain": ("endpoints`, `explain` and `review", "replay`"),
    "review": ("endpoints`, `explain` and `review", "replay`"),
    "history": ("history` and `diff",),
    "diff": ("history` and `diff",),
    "what-if": ("JSON of `what-if`", "replay`", "audit`", "decide`"),
    "verify": ("verify`",),
    "check-proof": ("verify`",),
    "audit": ("audit`", "decide`", "replay`"),
    "bundle": ("bundle`",),
    "import-sdtm": ("import-sdtm`",),
    "decide": ("decide`",),
    "design table": ("design`",),
    "paths": ("paths` and `characteristics",),
    "characteristics": ("paths` and `characteristics",),
    "protocol check": ("protocol`",),
    "check": ("JSON of `check`",),
    "protocol show": ("protocol`",),
    "design mtd": ("design`",),
    "design state": ("design`",),
}


def section(of: str) -> str:
    """Give the text under a heading that has these words."""
    [found] = (part for part in re.split(r"^## ", PAGE, flags=re.MULTILINE) if of in part.partition("\n")[0])
    return found


def test_the_options_are_what_the_parser_has() -> None:
    assert options_page.page() == PAGE, "run 'make docs'"


@pytest.mark.parametrize("command", options_page.commands())
def test_the_table_at_the_head_names_every_command_and_option(command: str) -> None:
    rows = "".join(re.findall(rf"^\| `trialdomain {command}(?![\w-])([^`]*)`", PAGE, flags=re.MULTILINE))
    assert rows, "the table at the head of the page has no line for it"
    named = set(re.findall(r"--[a-z-]+", rows))
    options = options_page.options(options_page.commands()[command])
    above = {"--trial"} - named  # where it names a trial of a log, it stands above the table
    own = {name for option in options for name in option.option_strings} - above
    assert named <= own
    assert "[...]" in rows or named == own


@pytest.mark.parametrize("command", options_page.commands())
def test_every_option_and_every_command_is_on_the_page(command: str) -> None:
    assert f"`trialdomain {command} " in PAGE or f"`trialdomain {command}`" in PAGE
    own = re.split(r"^### ", PAGE.partition(options_page.FROM_HERE)[2], flags=re.MULTILINE)
    [text] = (part for part in own if part.startswith(f"`trialdomain {command}`"))
    for action in options_page.options(options_page.commands()[command]):
        for option in action.option_strings or [str(action.metavar)]:
            assert option in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, simulated: Callable[[int], SimulatedLog]) -> Path:
    """Give a folder with a log, an export of it, a bundle, keys and a proof; and what was altered."""
    place = tmp_path_factory.mktemp("documented")
    simulated(25).copied_to(place / "log.db")
    for command in (
        "keygen signer --name site-1.example/signer",
        "export log.db log.jsonl",
        "checkpoint log.db --key signer.key --out note.txt",
        "prove log.db 3 --out proof.txt",
    ):
        assert run(place, *command.split()).returncode == 0
    lines = (place / "log.jsonl").read_bytes().splitlines(keepends=True)
    (place / "entry.json").write_bytes(lines[2])
    altered = lines[2].replace(b'"user":"', b'"user":"x', 1)
    (place / "altered-entry.json").write_bytes(altered)
    (place / "altered.jsonl").write_bytes(b"".join([*lines[:2], altered, *lines[3:]]))
    write(place / "sdtm", study())
    (place / "failing.story").write_text("protocol NCT06245746\n2026-03-02 S001 infused\n expect mtd: none tolerated\n")
    (place / "malformed.story").write_text("protocol NCT06245746\n2026-03-02 S001 infusd\n")
    (place / "r6.toml").write_text('levels = 1\ndesign = {name = "rolling-six"}\n')
    return place


ASKED: dict[str, tuple[str, ...]] = {
    "simulate": ("simulate new.db --participants 3",),
    "replay": ("replay log.db",),
    "endpoints": ("endpoints log.db", "endpoints log.db --endpoint S9"),
    "explain": ("explain log.db S9 S001", "explain log.db S9", "explain log.db P3"),
    "review": ("review log.db",),
    "history": ("history log.db", "history log.db S001"),
    "diff": ("diff log.db 1000",),
    "what-if": ("what-if log.db --set dlt.min_grade=4",),
    "audit": ("audit log.db", "audit log.db --decisions"),
    "bundle": ("bundle log.jsonl bundle --key signer.key",),
    "verify": ("verify log.db --checkpoint note.txt --key signer.pub", "verify altered.jsonl", "verify bundle"),
    "check-proof": (
        "check-proof proof.txt entry.json --key signer.pub",
        "check-proof proof.txt altered-entry.json --key signer.pub",
    ),
    "restore": ("restore log.jsonl restored.db",),
    "backup": ("backup log.db backup.db",),
    "info": ("info log.db", "info log.jsonl"),
    "views status": ("views status log.db",),
    "views rebuild": ("views rebuild log.db",),
    "views retry": ("views retry log.db",),
    "import-sdtm": ("import-sdtm sdtm imported.db",),
    "decide": ("decide 1NNP --levels 3 --target 9",),
    "design table": ("design table r6.toml",),
    "design mtd": ("design mtd r6.toml --tallies 0/6",),
    "design state": ("design state r6.toml --enrolled 3 --dlt 0 --pending 1",),
    "paths": ("paths --design r6.toml --replay --desk 1",),
    "characteristics": ("characteristics --true 0.1,0.3 --simulate 3",),
    "protocol check": ("protocol check r6.toml",),
    "check": ("check failing.story malformed.story",),
    "protocol show": ("protocol show log.db",),
}


@pytest.fixture(scope="module")
def answers(folder: Path) -> dict[str, list[Any]]:
    """Give what every command with ``--json`` answers."""
    found: dict[str, list[Any]] = {}
    for command, asked in ASKED.items():
        for words in asked:
            done = run(folder, *words.split(), "--json")
            assert done.returncode in {0, 1}, done.stderr
            found.setdefault(command, []).append(json.loads(done.stdout))
    return found


def test_every_command_with_json_is_asked() -> None:
    with_json = {
        name
        for name, parser in options_page.commands().items()
        if any("--json" in action.option_strings for action in options_page.options(parser))
    }
    assert ASKED.keys() == SECTIONS.keys() == with_json


def members(answer: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield every member with the names that lead to it, but those that data have named."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            own = (*path, name)
            if path and path[-1] in NAMED_BY_DATA and "sha256" not in answer:
                yield from members(value, (*path, "*"))
                continue
            if re.fullmatch(r"[a-z][a-z0-9_]*", name):
                yield own, value
            yield from members(value, own)
    elif isinstance(answer, list):
        for one in answer:
            yield from members(one, path)


@pytest.mark.parametrize("command", ASKED)
def test_every_member_of_an_answer_is_on_the_page(command: str, answers: dict[str, list[Any]]) -> None:
    text = "".join(map(section, SECTIONS[command]))
    named = {
        path
        for answer in answers[command]
        for path, _ in members(answer)
        if not {"details", "parts", "totals"} & set(path[:-1])
    }
    assert {path for path in named if f'"{path[-1]}"' not in text and f"`{path[-1]}`" not in text} == set()


def test_details_parts_and_totals_are_on_the_page_of_their_endpoint(answers: dict[str, list[Any]]) -> None:
    [answer] = answers["replay"]
    seen = 0
    for code in endpoint_pages.CODES:
        found = answer["endpoints"][code]
        text = endpoint_pages.path_of(code).read_text("utf-8")
        groups = [found["overall"], *found["levels"].values()]
        beside = [("details", one["details"]) for one in found["participants"].values()]
        beside += [(name, group.get(name, {})) for group in groups for name in ("parts", "totals")]
        for name, values in beside:
            for member in values:
                seen += 1
                generic = re.sub(r"days_\d+", "days_N", re.sub(r"within_\d+_days", "within_N_days", member))
                assert f"| `{name}` | `{generic}` |" in text, (code, member)
    assert seen


def test_every_status_of_a_value_is_on_the_page_of_its_endpoint(answers: dict[str, list[Any]]) -> None:
    [answer] = answers["replay"]
    for code in endpoint_pages.CODES:
        text = endpoint_pages.path_of(code).read_text("utf-8")
        offered = set(re.findall(r"`([a-z-]+)`", text.partition("Instead of a value")[2].partition("\n")[0]))
        statuses = {one["status"] for one in answer["endpoints"][code]["participants"].values()}
        assert statuses <= offered | {"observed"}, code
        assert ("prevalent" in offered) == (code in {"S1", "S2", "S3", "S4", "S5", "S8", "S10", "S13"})


DAYS = re.compile(r"\d{4}(-\d\d){0,2}(T.*)?")


def test_every_day_and_every_time_has_the_form_that_the_page_says(answers: dict[str, list[Any]]) -> None:
    rows = [line.split("|")[1:3] for line in section("Days and times").splitlines() if line.startswith("| ")][1:]
    named = [set(re.findall(r"`([a-z_0-9]+)`", names)) - {"review", "delayed_toxicity"} for _, names in rows]
    day, clinical, time, _ = named
    times = 0
    for command, found in answers.items():
        for path, value in (one for answer in found for one in members(answer)):
            values = value if isinstance(value, list) else [value]
            for text in values:
                if not (isinstance(text, str) and DAYS.fullmatch(text)) or path[-1] in {"old", "new"} | {"choices"}:
                    continue
                times += 1
                name = path[-1]
                if name in time:
                    assert datetime.fromisoformat(text).tzinfo is not None
                elif name in clinical:
                    assert str(ClinicalTime(text)) == text
                else:
                    assert name in day, (command, path, text)
                    date.fromisoformat(text)
    assert times > len(answers)


def test_an_infusion_has_a_time_where_one_is_known(answers: dict[str, list[Any]]) -> None:
    [answer] = answers["replay"]
    people = answer["dlt"]["levels"][0]["participants"].values()
    assert all("T" in one["infused_on"] for one in people if one["infused_on"] is not None)


def test_every_kind_of_defect_is_on_the_page() -> None:
    assert [one.value for one in What if f"`{one.value}`" not in section("verify`")] == []


def test_sequences_from_standard_input_are_answered_line_by_line(tmp_path: Path) -> None:
    done = run_bytes(tmp_path, "decide", "-", "--levels", "3", stdin=b"1NNN\n1Q\n")
    answer, error = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, answer["action"], list(error)) == (2, "escalate", ["error"])
    assert '`{"error": "..."}`' in section("decide`")
