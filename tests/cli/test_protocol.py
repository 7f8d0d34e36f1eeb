"""``trialdomain protocol check``: every fault of a file at once."""

import json
from pathlib import Path

import pytest
from cli_runs import run

GOOD = 'trial = "T1"\ntitle = "A trial"\nversion = "2"\nlevels = [{level = 1}, {level = 2, label = "1a"}]\n'
BAD = (
    'trial = "T 1"\ntitle = "\u200b"\nversion = "1"\ntally_by = "given"\nmax_infused = "ten"\n'
    'levels = [{level = 1, dose = {amount = 5, unit = "foo"}}]\n'
    '[dlt]\nwindow_days = -1\nrelated = ["unrelated", "maybe"]\n'
)
FAULTS = {
    "'T 1' is not a valid trial code: use up to 64 letters, digits, dots, dashes and underscores, no names",
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


def test_a_file_that_is_not_there_is_unusable(tmp_path: Path) -> None:
    done = run(tmp_path, "protocol", "check", "nowhere.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trialdomain: nowhere.toml cannot be read")
