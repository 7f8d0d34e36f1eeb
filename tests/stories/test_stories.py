"""Stories: each of this folder passes, uses the whole vocabulary, and is written by a log as it was told."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import attrs
import pytest
from cli_runs import run
from made_once import SimulatedLog, seeds
from told_stories import facts_of, told

from trialdomain import Trials, nct06245746
from trialdomain.errors import LogUnusable
from trialdomain.events.registry import NAMES
from trialdomain.stories.checking import check_story
from trialdomain.stories.faults import StoryMalformed
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.story import Acts, Correction, Expected, FollowsExpected, Line, Voiding
from trialdomain.stories.vocabulary import BEYOND_VERBS, FOLLOWS, VERBS, Verb
from trialdomain.stories.writing import StoryUnwritable, story_of
from trialdomain.testing.made_up_site import INVESTIGATOR

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.story"))
EACH = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
START = "protocol NCT06245746\n2026-03-02  S001 infused\n"


@EACH
def test_each_passes(path: Path) -> None:
    outcome = check_story(path)
    assert ["\n".join(failure.sentences) for failure in outcome.failures] == []
    assert outcome.told == len(outcome.story.lines) > 0


@EACH
def test_the_log_of_each_is_written_as_a_story_with_the_same_facts(path: Path) -> None:
    text, first = told(parse_story(path.read_text("utf-8"), file=path.name), FOLDER)
    again, second = told(parse_story(text), FOLDER)
    assert second == first
    assert again == text


@pytest.mark.soak
def test_the_log_of_a_simulated_trial_is_written_as_a_story_that_passes(
    simulated: Callable[[int], SimulatedLog],
) -> None:
    for seed in seeds():
        with simulated(seed).history() as history:
            text, first = story_of(history), facts_of(history.entries())
        _, second = told(parse_story(text), FOLDER)
        assert second == first


def lines() -> list[Line]:
    return [line for path in FILES for line in parse_story(path.read_text("utf-8")).lines]


def test_there_is_a_verb_for_every_kind_of_fact() -> None:
    said = [verb.kind for verb in VERBS] + [kind for kinds in BEYOND_VERBS.values() for kind in kinds]
    assert len(said) == len(set(said))
    derived = set(NAMES) - set(said)
    assert {NAMES[kind].split(".")[0] for kind in derived} <= {"cohort", "trial"}
    assert set(FOLLOWS.values()) == set(NAMES)
    assert {NAMES[kind] for kind in derived if NAMES[kind].startswith("trial")} == {
        "trial.user-registered.v1",
        "trial.software-changed.v1",
    }


def test_the_stories_use_every_verb_and_every_kind_of_expectation() -> None:
    used = lines()
    assert len(FILES) >= 30
    verbs = {phrase.verb.name for line in used if isinstance(line.item, Acts) for phrase in line.item.phrases}
    assert verbs == {verb.name for verb in VERBS}
    kinds = {type(line.item) for line in used}
    assert kinds == {Acts, Correction, Voiding, *get_args(Expected)}
    assert any(line.refused for line in used)
    assert any(line.known for line in used)
    assert any(line.by for line in used)
    follows = {line.item.name for line in used if isinstance(line.item, FollowsExpected)}
    assert {"DLT attributed", "DLT revoked", "level opened", "level expanded", "level closed", "slot filled"} <= follows


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_example_of_a_verb_is_read(verb: Verb) -> None:
    [line] = parse_story(f"{START.splitlines()[0]}\n2026-03-02 {verb.example}\n").lines
    assert isinstance(line.item, Acts)
    assert line.item.phrases[0].verb is verb


def fault_of(text: str) -> StoryMalformed:
    with pytest.raises(StoryMalformed) as refused:
        check_story(text)
    return refused.value


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        # the column is counted by hand, from 1; 12 spaces stand before each line
        ("S001 enroled at level 1", 18, "'enroled' is no verb of a story: did you mean 'enrolled'?"),
        ("S001 window assesed: no DLT", 18, "'window' is no verb of a story: did you mean 'window assessed'?"),
        ("S001 window assessed: no DTL", 35, "the result cannot be 'no': write 'no-dlt', 'dlt' or 'not-evaluable'"),
        ("S001 lab ANC low 10*9/L", 26, "the value must be a number, got 'low'"),
        ('S001 event E1 "Fever" grad 3', 35, "'grad' cannot be read here: did you mean 'grade'?"),
        ('S001 event E1 "Fever" grade three', 41, "the value of 'grade' must be a whole number, got 'three'"),
        ('S001 event E1 "Fever', 27, 'a text begins with ", and no " ends it'),
        ('S001 event E1 "Fever" grade 3 grade 2', 43, "'grade' is said twice"),
        (
            'S001 event E1 "Fever" grade 3, infusion likly',
            53,
            "the relatedness cannot be 'likly': did you mean 'likely'?",
        ),
        ("S001 event E1", 26, "the term is missing: the line ends"),
        ("decide exspand level 1", 20, "the decision cannot be 'exspand': did you mean 'expand'?"),
        ("expect levle 1: 3 treated", 20, "nothing can be expected of 'levle': did you mean 'level'?"),
        ("expect level 1: 3 treeted", 31, "a count of what? did you mean 'treated'?"),
        ("expect mtd: establised", 25, "the state of the MTD cannot be 'establised': did you mean 'established'?"),
        ("so DTL attributed", 20, "no such fact follows from others: did you mean 'DLT attributed'?"),
        ('void lba 1 of S001 because "x"', 18, "'lba' is no kind of entry: did you mean 'lab'?"),
        ('correct E1 of S001 grad to 2 because "x"', 32, "an entry of 'event' has no 'grad': did you mean 'grade'?"),
        ("correct E1 of S001 grade to 2", 42, "the reason is missing: write because and the reason in quotation marks"),
        ("S001 infused on tomorrow", 29, "the day on which it happened must be a date such as 2026-03-02"),
        ("S001 reassigned to level 1", 39, "'reassigned' needs 'because', and its \"text\""),
        ("S001 infused, infsed", 27, "'infsed' cannot be read here: did you mean 'infused'?"),
        ("S001", 13, "'S001' did what?"),
        ('suspend recrutment because "x"', 13, "'suspend' is no act of a story: did you mean 'suspend recruitment'?"),
    ],
)
def test_a_fault_has_its_line_its_column_and_the_nearest_word(line: str, column: int, words: str) -> None:
    fault = fault_of(f"{START}            {line}\n")
    assert (fault.line, fault.column) == (3, column)
    assert words in fault.why


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "the story has no line 'protocol ...'"),
        ("2026-03-02 S001 infused\n", 1, "a story begins with its protocol"),
        ("protocol NCT0624574\n2026-03-02 S001 infused\n", 1, "did you mean 'NCT06245746'?"),
        ("protocol\n", 1, "the protocol is missing"),
        ("protocol NCT06245746\n| levls = 3\n2026-03-02 S001 infused\n", 2, "levls"),
        ("protocol NCT06245746\nS001 infused\n", 2, "a line begins with its date"),
        ("protocol NCT06245746\n    S001 infused\n", 2, "the first line of a story begins with its date"),
        (f"{START}2026-03-01 S001 relapsed\n", 3, "is before"),
        (f"{START}2026-02-30 S001 relapsed\n", 3, "is no day of the calendar"),
        (f"{START}+2 weeks S001 relapsed\n", 3, "write days or hours"),
        (f"{START}   S001 relapsed by max\n", 3, "there is no user 'max'"),
        (f'{START}   void lab 1 of S001 because "wrong tube"\n', 3, "there is no lab of S001 in the lines above"),
        (f"{START}   attempt amand by x\n", 3, "there is no user 'x'"),
        ('user a "A" boss "Site"\nprotocol NCT06245746\n', 1, "the role cannot be 'boss'"),
    ],
)
def test_a_story_that_cannot_be_told_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    fault = fault_of(text)
    assert fault.line == line
    assert words in fault.why


def failures_of(text: str) -> list[str]:
    return ["\n".join(failure.sentences) for failure in check_story(text, file="x.story").failures]


def test_a_failed_expectation_shows_what_was_expected_what_came_and_the_lines_that_made_it_so() -> None:
    [failure] = failures_of(
        "protocol NCT06245746\n"
        "2026-03-02  S001, S002 infused\n"
        '2026-03-09  S002 event E1 "Fever" grade 3, infusion likely\n'
        "            expect level 1: 2 DLTs in 2 evaluable\n"
    )
    assert failure.splitlines() == [
        "x.story, line 4: expect level 1: 2 DLTs in 2 evaluable",
        "  expected: level 1: 2 DLTs in 2 evaluable",
        "  came: level 1: 2 treated, 1 DLT in 1 evaluable, 1 pending, 0 not evaluable",
        "    S001: the window is not over",
        (
            '    S002: had a dose-limiting toxicity; E1 "Fever" is a DLT: grade 3 on 2026-03-09, '
            "in the window from 2026-03-02 to 2026-03-16"
        ),
        "  what made it so:",
        "    line 2: 2026-03-02  S001, S002 infused",
        '    line 3: 2026-03-09  S002 event E1 "Fever" grade 3, infusion likely',
        "  if what came is right, write: expect level 1: 1 DLT in 1 evaluable",
    ]


@pytest.mark.parametrize(
    ("line", "expected", "came"),
    [
        ("expect next: escalate to level 2", "next: escalate level 2", "next: enroll level 1"),
        ("expect next: enroll, because of the moon", "because of the moon", "next: enroll level 1"),
        ("expect mtd: established level 1", "mtd: established level 1", "mtd: open"),
        ("expect P2 S001: yes", "P2 S001: yes", "P2 S001: not observed"),
        ("expect findings: window", "findings: window", "findings: none"),
        ("expect nothing", "nothing", "S001 infused"),
        ("so level closed", "so level closed", "S001 member infused at level 1"),
        ("S002 infused at level 2", "that it is accepted", "it was refused (level-not-assigned)"),
        ("S002 consented   refused: not-eligible", "a refusal with the code not-eligible", "it was accepted"),
        (
            "S001 enrolled at level 2  refused: not-eligible",
            "the code not-eligible",
            "it was refused (already-enrolled)",
        ),
        ("expect level 9: 1 treated", "level 9", "the protocol has the levels 1, 2, 3"),
    ],
)
def test_every_kind_of_expectation_can_fail(line: str, expected: str, came: str) -> None:
    [failure] = failures_of(f"{START}            {line}\n")
    _, wanted, found, *_ = failure.splitlines()
    assert expected in wanted
    assert came in found


def test_a_story_goes_on_after_a_failed_expectation_and_ends_at_a_failed_act() -> None:
    failures = failures_of(
        f"{START}            expect mtd: established level 1\n            expect mtd: none tolerated\n"
        "            S002 infused at level 2\n            expect mtd: established level 1\n"
    )
    assert [failure.partition("\n")[0] for failure in failures] == [
        "x.story, line 3: expect mtd: established level 1",
        "x.story, line 4: expect mtd: none tolerated",
        "x.story, line 5: S002 infused at level 2",
    ]


def test_a_user_with_another_name_later_on_has_no_words() -> None:
    with Trials.open("memory:") as trials:
        trial = trials.register(nct06245746(), by=INVESTIGATOR)
        other = attrs.evolve(INVESTIGATOR, name="Another name")
        trial.acting(other).consent("S001", signed_on="2026-03-02", form_version="1", age=50)
        why = "user investigator has another name, role or organization from here on, and a story names one"
        with pytest.raises(StoryUnwritable, match=why) as refused:
            story_of(trial.history())
    assert refused.value.position > 1


class TestCommands:
    def test_stories_of_a_folder_are_checked(self) -> None:
        done = run(FOLDER, "check", ".")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(rf"{len(FILES)} stories passed, 0 failed; \d+ lines told\n", done.stdout)

    def test_failures_and_faults_are_found(self, tmp_path: Path) -> None:
        (tmp_path / "a.story").write_text(f"{START}            expect mtd: none tolerated\n", "utf-8")
        (tmp_path / "b.story").write_text(f"{START}            S001 relapst\n", "utf-8")
        done = run(tmp_path, "check", ".", "--json")
        answer = json.loads(done.stdout)
        assert (done.returncode, answer["passed"]) == (1, False)
        first, second = answer["stories"]
        assert [(one["line"], one["expected"], one["came"]) for one in first["failures"]] == [
            (3, "mtd: none tolerated", "mtd: open")
        ]
        assert (second["fault"]["line"], second["fault"]["column"]) == (3, 18)
        text = run(tmp_path, "check", "a.story", "b.story").stdout
        assert "b.story, line 3, column 18: 'relapst' is no verb of a story: did you mean 'relapsed'?" in text
        assert text.endswith("0 stories passed, 2 failed; 2 lines told\n")

    def test_what_is_no_story_is_refused_in_a_sentence(self, tmp_path: Path) -> None:
        for words in (["."], ["none.story"]):
            done = run(tmp_path, "check", *words)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith("trialdomain: ")

    def test_a_log_is_written_as_a_story_that_passes(
        self, tmp_path: Path, simulated: Callable[[int], SimulatedLog]
    ) -> None:
        simulated(25).copied_to(tmp_path / "log.db")
        assert run(tmp_path, "story", "log.db", "--out", "trial.story", "--known-at", "60").returncode == 0
        assert run(tmp_path, "check", "trial.story").returncode == 0
        assert run(tmp_path, "story", "log.db", "--out", "trial.story").returncode == 2


def test_pytest_collects_stories(tmp_path: Path) -> None:
    (tmp_path / "good.story").write_text(f"{START}            expect mtd: open\n", "utf-8")
    (tmp_path / "bad.story").write_text(f"{START}            expect mtd: none tolerated\n", "utf-8")
    (tmp_path / "wrong.story").write_text(f"{START}            S001 relapst\n", "utf-8")
    plugin = "trialdomain.stories.pytest_plugin"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:trialdomain-stories", "-p", plugin, "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "2 failed" in done.stdout
    assert "came: mtd: open" in done.stdout
    assert "did you mean 'relapsed'?" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.story").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LogUnusable, match="is not UTF-8 at byte 1"):
        check_story(tmp_path / "x.story")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        # A hint that reverses the judgement is worse than none.
        ('S001 event E1 "Fever" grade 3, infusion related', "write 'unrelated', 'unlikely', 'possibly', 'likely'"),
        ("S001 window assessed: one DLT", "write 'no-dlt', 'dlt' or 'not-evaluable'"),
        ("S001 and S002 infused", "write a comma between subjects"),
        ("S001 S002 infused", "write a comma between subjects"),
        ("S001; S002 infused", "write a comma between subjects"),
        ('void E1 because "x"', "'E1' of whom? write an event by its id, such as 'E1 of S002'"),
    ],
)
def test_a_fault_never_hints_at_the_opposite_and_says_what_joins_words(line: str, why: str) -> None:
    with pytest.raises(StoryMalformed) as fault:
        parse_story(f"protocol NCT06245746\n2026-03-02  S001 infused\n            {line}\n")
    assert why in fault.value.why


def test_dashes_of_a_word_processor_are_no_hyphens() -> None:
    with pytest.raises(StoryMalformed, match=r"not '2026\u201303\u201302' \(these are dashes, not hyphens\)"):
        parse_story("protocol NCT06245746\n2026\u201303\u201302  S001 infused\n")


@pytest.mark.parametrize(
    "line",
    [
        "S001 enrolled at level 2, refused: already-enrolled",
        'void event E1 of S001, because "another participant"',
        'correct event E1 of S001 grade to 2, because "read again"',
    ],
)
def test_a_comma_before_the_end_of_a_line_makes_no_difference(line: str) -> None:
    past = '2026-03-02  S001 infused\n            S001 event E1 "Fever" grade 1'
    assert check_story(f"protocol NCT06245746\n{past}\n            {line}\n").passed


def test_a_log_as_a_story_ends_with_what_is_expected_so_that_another_rule_makes_it_fail() -> None:
    text, _ = told(
        parse_story(
            f"{START}            S002, S003 infused\n"
            '2026-03-09  S002 event E1 "Fever" grade 2, infusion likely\n'
            "2026-03-16  S001, S003 window assessed: no DLT\n"
        ),
        FOLDER,
    )
    # By hand: any related event counts in this trial, so S002 has the one DLT in three, and 3+3 expands to six slots.
    assert text.splitlines()[-3:] == [
        "            expect level 1: 3 treated, 1 DLT in 3 evaluable, 0 pending, 0 not evaluable",
        "            expect next: expand level 1 to 6 slots",
        "            expect mtd: open",
    ]
    assert check_story(text).passed
    stricter = re.sub(r"^protocol .*$", r"\g<0>\n| [dlt]\n| min_grade = 3", text, count=1, flags=re.MULTILINE)
    failed = [failure.line.text for failure in check_story(stricter).failures]
    assert failed[0].startswith("expect level 1: 3 treated, 1 DLT")


def test_a_subject_that_looks_like_a_range_is_written_in_quotation_marks() -> None:
    text, _ = told(parse_story('protocol NCT06245746\n2026-03-02  "S001-S003" infused\n'), FOLDER)
    assert '"S001-S003" infused' in text
    assert check_story(text).passed


@pytest.mark.parametrize("because", ["1 DLTs in 3 evaluable", "1 dlt in 3", "one-dlt"])
def test_a_reason_is_compared_by_its_words_or_by_its_code(because: str) -> None:
    past = '2026-03-02  S001, S002, S003 infused\n2026-03-09  S002 event E1 "Fever" grade 3, infusion likely\n'
    assessed = "2026-03-16  S001, S003 window assessed: no DLT\n"
    expected = f"            expect next: expand level 1, because {because}\n"
    assert check_story(f"protocol NCT06245746\n{past}{assessed}{expected}").passed


@pytest.mark.parametrize("because", ["11 DLTs in 3 evaluable", "1 DLT in 33", "2 DLTs in 3 evaluable"])
def test_a_number_that_only_begins_or_ends_alike_is_no_part_of_a_reason(because: str) -> None:
    past = '2026-03-02  S001, S002, S003 infused\n2026-03-09  S002 event E1 "Fever" grade 3, infusion likely\n'
    assessed = "2026-03-16  S001, S003 window assessed: no DLT\n"
    expected = f"            expect next: expand level 1, because {because}\n"
    assert not check_story(f"protocol NCT06245746\n{past}{assessed}{expected}").passed
