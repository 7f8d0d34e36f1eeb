"""The command as a person or a program meets it: a process with text in and text out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_runs import run_bytes


def run(*arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return run_bytes(Path.cwd(), *arguments, stdin=stdin)


def test_json_has_every_field() -> None:
    done = run("decide", "1NNN 2NNT", "--levels", "3", "--json")
    assert done.returncode == 0
    answer = json.loads(done.stdout)
    because = answer.pop("because")
    assert because["code"] == "3+3/one-dlt"
    assert because["text"] == "level 2 has 1 DLT in 3 evaluable: it goes on up to 6"
    assert answer == {
        "action": "expand",
        "level": 2,
        "slots": 6,
        "mtd": None,
        "mtd_status": "open",
        "bounded_above": None,
        "closed_levels": [],
        "waiting_for": [],
        # By hand. None: T at 2, T T at 1. 1: T at 2, N N N at 1. 2: N N N there, T T at 3. 3: N N N at 2, 6 at 3.
        # The most: 3 at level 2, and 6 at level 3; level 2 then has 6 and 1 DLT, and nobody is treated below again.
        "forecast": {"least": {"none": 3, "1": 4, "2": 5, "3": 9}, "most": 9, "exceeds_target": None},
    }


def test_waiting_names_subjects_by_level_and_number() -> None:
    answer = json.loads(run("decide", "1NPP", "--levels", "3", "--json").stdout)
    assert answer["action"] == "wait"
    assert answer["waiting_for"] == [{"level": 1, "subject": 2}, {"level": 1, "subject": 3}]


def test_an_mtd_is_an_answer_of_its_own() -> None:
    answer = json.loads(run("decide", "1NNN 2TT 1NNN", "--levels", "2", "--json").stdout)
    assert (answer["action"], answer["level"]) == ("stop", None)
    assert (answer["mtd"], answer["mtd_status"], answer["bounded_above"]) == (1, "established", True)


def test_the_target_warns() -> None:
    answer = json.loads(run("decide", "", "--levels", "3", "--target", "9", "--json").stdout)
    assert answer["forecast"]["exceeds_target"] == ["2", "3"]


def test_people_get_a_table_and_sentences() -> None:
    done = run("decide", "1NNN 2TTP", "--levels", "3", "--target", "6")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert [line.split() for line in text.splitlines() if "open" in line or "closed" in line][:3] == [
        ["1", "3", "3", "0", "0", "0", "open"],
        ["2", "3", "2", "2", "1", "0", "closed"],
        ["3", "0", "0", "0", "0", "0", "closed"],
    ]
    assert "Next: de-escalate to level 1" in text
    assert "MTD: open" in text


class TestLines:
    def test_each_line_is_answered_in_its_place(self) -> None:
        done = run("decide", "-", "--levels", "3", stdin=b"1NNN\n\nnonsense\n1NTT\r\n")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert [answer.get("action") for answer in answers] == ["escalate", "enroll", None, "stop"]
        assert answers[2] == {
            "error": "group 1, 'nonsense': expected a level and then N, T, P or X for each subject, such as 1NNT"
        }
        assert done.returncode == 2
        assert done.stderr == b""

    def test_without_a_bad_line_the_status_is_0(self) -> None:
        assert run("decide", "-", "--levels", "3", stdin=b"1NNN").returncode == 0

    def test_no_line_has_no_answer(self) -> None:
        done = run("decide", "-", "--levels", "3", stdin=b"")
        assert (done.returncode, done.stdout) == (0, b"")

    @pytest.mark.parametrize(
        ("line", "why"),
        [
            (b"1N\xff", "byte 3 of the line is not UTF-8"),
            (b"1" + b"N" * 200_000, "the line is longer than 65536 bytes"),
        ],
    )
    def test_bytes_that_are_no_sequence_cost_one_line(self, line: bytes, why: str) -> None:
        done = run("decide", "-", "--levels", "3", stdin=line + b"\n1NNN\n")
        first, second = (json.loads(answer) for answer in done.stdout.splitlines())
        assert why in first["error"]
        assert second["action"] == "escalate"
        assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["decide", "4N", "--levels", "3"],
            "group 1, '4N': level 4 is above the 3 of this protocol: correct the level",
        ),
        (["decide", "1N"], "one of the arguments --levels --design is required: see 'trialdomain decide --help'"),
        (["decide", "1N", "--levels", "0"], "argument --levels: expected a whole number from 1 to 20, got '0'"),
        (["decide", "1N", "--levels", "9" * 5000], "from 1 to 20, got '99999999999999999999...'"),
        ([], "the following arguments are required: COMMAND"),
        (["invent"], "invalid choice: 'invent'"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(arguments: list[str], sentence: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith("trialdomain: ")
    assert done.stderr.count(b"\n") == 1
    assert sentence in done.stderr.decode()


def test_a_reader_who_leaves_early_hears_no_complaint() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "trialdomain", "decide", "-", "--levels", "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        process.stdin.write(b"1NNN\n" * 100)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize(
    ("outcomes", "statuses"),
    [
        ("", ["open", "not reached", "not reached"]),  # level 1 is in turn from the start
        ("1NNN", ["open", "not reached", "not reached"]),  # level 2 opens by the decision that comes next
        ("1NNN 2N", ["open", "open", "not reached"]),
        ("1NNN 2TT", ["open", "closed", "closed"]),  # two DLTs close a level, and those above it
    ],
)
def test_a_level_where_nobody_was_is_not_reached(outcomes: str, statuses: list[str]) -> None:
    text = run("decide", outcomes, "--levels", "3").stdout.decode()
    rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines() if re.match(r" *[123] ", line)]
    assert [row[-1] for row in rows] == statuses
