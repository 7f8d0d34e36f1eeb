"""``trialdomain protocol``: every fault of a file at once, and a protocol in words."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
from cli_runs import run
from site_desk import INVESTIGATOR

from trialdomain import Trials
from trialdomain.exchange.toml import protocol_from_toml

GOOD = 'trial = "T1"\ntitle = "A trial"\nversion = "2"\nlevels = [{level = 1}, {level = 2, label = "1a"}]\n'
BAD = (
    'trial = "T 1"\ntitle = "\u200b"\nversion = "1"\ntally_by = "given"\nmax_infused = "ten"\n'
    'levels = [{level = 1, dose = {amount = 5, unit = "foo"}}]\n'
    '[dlt]\nwindow_days = -1\nrelated = ["unrelated", "maybe"]\n'
)
FAULTS = {
    "trial: 'T 1' is not a valid trial code: use up to 64 letters, digits, dots, dashes and underscores, no names",
    "title has no visible character",
    "tally_by must be one of received, assigned, got the text 'given'",
    "max_infused must be a whole number, got the text 'ten'",
    "levels[1].dose: unit 'foo' is no unit of a dose: write it in UCUM, such as mg, MBq, [iU], 10*8{cells} or mg/kg",
    "dlt: dlt.window_days must be a whole number of at least 0, and at most 36500, got -1",
    (
        "dlt: dlt.related cannot name unrelated: an event that the infusion did not cause is no toxicity of it; name "
        "those that count, such as possibly, likely and definitely"
    ),
    (
        "dlt.related[2] must be one of unrelated, unlikely, possibly, likely, definitely, not-assessed, got the text "
        "'maybe'"
    ),
}
"""Written by hand: one for each line of the file that is wrong, two for ``related``."""


def written(folder: Path, text: str) -> Path:
    (folder / "p.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_valid_one_is_named(tmp_path: Path) -> None:
    done = run(written(tmp_path, GOOD), "protocol", "check", "p.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "p.toml: a valid protocol of trial T1, version 2, with 2 dose levels\n"


def test_a_byte_order_mark_is_read_past(tmp_path: Path) -> None:
    assert run(written(tmp_path, "\ufeff" + GOOD), "protocol", "check", "p.toml").returncode == 0


def test_every_fault_is_listed_once(tmp_path: Path) -> None:
    done = run(written(tmp_path, BAD), "protocol", "check", "p.toml", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 1
    assert (answer["file"], answer["ok"], answer["trial"], answer["version"]) == ("p.toml", False, None, None)
    assert sorted(answer["faults"]) == sorted(FAULTS)


def test_people_read_one_line_for_each(tmp_path: Path) -> None:
    done = run(written(tmp_path, BAD), "protocol", "check", "p.toml")
    first, *others = done.stdout.splitlines()
    assert first == "p.toml: the protocol has 8 faults"
    assert {line.removeprefix("- ") for line in others} == FAULTS


@pytest.mark.parametrize("text", ["=", 'trial = "T1'])
def test_a_file_that_is_not_toml_is_one_fault(tmp_path: Path, text: str) -> None:
    done = run(written(tmp_path, text), "protocol", "check", "p.toml")
    assert done.returncode == 1
    assert "it is not TOML" in done.stdout


@pytest.mark.parametrize("raw", [GOOD.encode("utf-16"), bytes(range(256))])
def test_a_file_that_is_not_utf_8_is_one_fault(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "p.toml").write_bytes(raw)
    done = run(tmp_path, "protocol", "check", "p.toml", "--json")
    answer = json.loads(done.stdout)
    at = 1 if raw[:1] == b"\xff" else 129  # UTF-16 begins with its byte order mark; 0x80 is the first byte beyond ASCII
    assert (done.returncode, answer["ok"]) == (1, False)
    assert answer["faults"] == [f"it is not UTF-8 at byte {at}: write the protocol as TOML, in UTF-8"]
    in_words = run(tmp_path, "protocol", "check", "p.toml")
    assert (in_words.returncode, in_words.stderr) == (1, "")
    assert in_words.stdout == f"p.toml: the protocol has 1 fault\n- {answer['faults'][0]}\n"


def test_a_file_that_is_too_long_is_one_fault(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_bytes(b"#" * ((1 << 24) + 1))
    done = run(tmp_path, "protocol", "check", "p.toml", "--json")
    (fault,) = json.loads(done.stdout)["faults"]
    assert done.returncode == 1
    assert fault == "it has more than 16777216 bytes, and cannot be a protocol: name another file"


def test_a_folder_is_unusable(tmp_path: Path) -> None:
    done = run(tmp_path, "protocol", "check", ".", "--json")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_file_that_is_not_there_is_unusable(tmp_path: Path) -> None:
    done = run(tmp_path, "protocol", "check", "nowhere.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trialdomain: nowhere.toml cannot be read")


SECTIONS = [
    "How it doses",
    "Who takes part",
    "What a DLT is",
    "Who is evaluable",
    "How it escalates",
    "When it stops",
    "What is derived",
    "Where it is silent",
]


def test_a_file_is_shown_in_sections(tmp_path: Path) -> None:
    done = run(written(tmp_path, GOOD), "protocol", "show", "p.toml")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Protocol of trial T1, version 2: A trial"
    assert [before for before, line in pairwise(lines[1:]) if line.startswith("- ") and before[:2] != "- "] == SECTIONS
    assert "- 2 dose levels, from the lowest: 1, 1a." in lines


def test_programs_get_the_same_sentences(tmp_path: Path) -> None:
    folder = written(tmp_path, GOOD)
    answer = json.loads(run(folder, "protocol", "show", "p.toml", "--json").stdout)
    assert {name: answer[name] for name in ("trial", "version", "title", "source")} == {
        "trial": "T1",
        "version": "2",
        "title": "A trial",
        "source": None,
    }
    assert [section["title"] for section in answer["sections"]] == SECTIONS
    printed = run(folder, "protocol", "show", "p.toml").stdout
    assert all(f"- {told}\n" in printed for section in answer["sections"] for told in section["sentences"])


def test_the_protocol_of_a_log_is_the_one_in_force(tmp_path: Path) -> None:
    first = protocol_from_toml(GOOD)
    with Trials.open(str(tmp_path / "log.db"), clock=lambda: datetime(2026, 3, 2, tzinfo=UTC)) as trials:
        desk = trials.register(first, by=INVESTIGATOR).acting(INVESTIGATOR)
    with Trials.open(str(tmp_path / "log.db"), clock=lambda: datetime(2026, 3, 9, tzinfo=UTC)) as trials:
        desk = trials.trial("T1").acting(INVESTIGATOR)
        desk.amend(
            attrs.evolve(first, version="3", max_infused=12), effective_on="2026-03-09", summary="at most 12 infused"
        )
    assert run(tmp_path, "export", "log.db", "log.jsonl.gz").returncode == 0
    for log in ("log.db", "log.jsonl.gz"):
        now = run(tmp_path, "protocol", "show", log).stdout
        assert now.startswith("Protocol of trial T1, version 3: A trial, in force on 2026-03-09\n")
        assert "- At most 12 participants are infused.\n" in now
        before = run(tmp_path, "protocol", "show", log, "--on", "2026-03-08").stdout
        assert before.startswith("Protocol of trial T1, version 2: A trial, in force on 2026-03-08\n")
        assert "At most" not in before


def test_a_moment_of_a_file_is_refused(tmp_path: Path) -> None:
    done = run(written(tmp_path, GOOD), "protocol", "show", "p.toml", "--on", "2026-03-08", "--trial", "T1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "trialdomain: p.toml is no log: leave --trial and --on out, or name a log\n"


@pytest.mark.parametrize(("name", "text"), [("p.toml", BAD), ("p.toml", "="), ("p.jsonl", "{}\n"), ("none.db", None)])
def test_what_cannot_be_shown_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, "utf-8")
    done = run(tmp_path, "protocol", "show", name)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trialdomain: ")
    assert "Traceback" not in done.stderr
