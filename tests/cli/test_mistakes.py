"""What somebody is told who makes a slip: what is wrong, in which file, and what to do next."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest
from cli_runs import answer, done, refused
from site_desk import Site, day

from trialdomain import Trials, read_log
from trialdomain.history.moments import MomentInvalid

LOG = "log.db"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One participant, infused on day 0 at 06:00 UTC, 14:00 in Shanghai, by a clock that goes on."""
    folder = tmp_path_factory.mktemp("mistakes")
    site = Site(address=f"sqlite:///{folder / LOG}")
    site.treat("S001")
    site.on(3).toxicity("S001")
    site.trials.close()
    return folder


class TestBeforeAnythingWasKnown:
    """Registering a trial is one command: the trial, its first user and so on; before it ends nothing is known."""

    @pytest.mark.parametrize("moment", ["1", "2026-03-01", "2026-03-02T13:59+08:00"])
    def test_the_first_moment_that_can_be_asked_about_is_named(self, folder: Path, moment: str) -> None:
        with read_log(folder / LOG) as log:
            first = next(iter(sorted(log["NCT06245746"].history().entries(), key=lambda one: one.position)))
        sentence = refused(folder, "replay", LOG, "--known-at", moment)
        position, when = first.meta.parts, "2026-03-02T14:00:02+08:00"
        assert f"its first command ends at position {position}, and was recorded at {when}" in sentence
        for next_one in (str(position), when, "2026-03-02"):
            assert answer(folder, "replay", LOG, "--known-at", next_one)["known_at"] >= position

    def test_the_library_says_the_same(self, folder: Path) -> None:
        with read_log(folder / LOG) as log, pytest.raises(MomentInvalid, match="its first command ends at position"):
            log["NCT06245746"].history(known_at="2026-03-01")


class TestMomentsAsText:
    @pytest.mark.parametrize("text", ["2026-03-02", "2026-03-02T15:00+08:00", "2026-03-02T07:00:00Z"])
    def test_the_text_of_a_day_and_of_a_time_is_taken_as_they_are(self, folder: Path, text: str) -> None:
        """All was recorded at 06:00 UTC of day 0, within the first minute, and the event on day 3."""
        with read_log(folder / LOG) as log:
            trial = log["NCT06245746"]
            found, last = trial.history(known_at=text).position, trial.history().position
            assert found == trial.history(known_at=day(0)).position < last

    @pytest.mark.parametrize("text", ["soon", "", "2026-13-01", "1", "2026-03-02 at noon"])
    def test_any_other_text_is_refused_with_an_example(self, folder: Path, text: str) -> None:
        with read_log(folder / LOG) as log, pytest.raises(MomentInvalid, match="such as 2026-03-02"):
            log["NCT06245746"].history(known_at=text)

    def test_a_time_without_an_offset_is_refused_as_that(self, folder: Path) -> None:
        with read_log(folder / LOG) as log, pytest.raises(MomentInvalid, match="has no offset"):
            log["NCT06245746"].history(known_at="2026-03-02T15:00")


class TestWhatIsNoLog:
    @pytest.fixture(params=["table.csv", "sheet.xlsx", "empty.jsonl", "other.json", "notes.txt.gz"])
    def other(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        path = tmp_path / str(request.param)
        match path.suffix:
            case ".csv":
                path.write_text("subject,test,result\nS001,ANC,0.4\n")
            case ".xlsx":
                with zipfile.ZipFile(path, "w") as packed:
                    packed.writestr("xl/workbook.xml", "<workbook/>")
            case ".jsonl":
                path.touch()
            case ".json":
                path.write_text(json.dumps({"name": "somebody else's", "entries": [1, 2]}))
            case _:
                path.write_bytes(gzip.compress(b"not a log\n"))
        return path

    @pytest.mark.parametrize("command", ["replay", "history", "endpoints"])
    def test_it_is_called_no_log_and_not_a_damaged_one(self, other: Path, command: str) -> None:
        sentence = refused(other.parent, command, other.name)
        assert f"{other.name}, line 1: this is not a log of this library" in sentence
        assert "name a SQLite file, or an exported JSONL file" in sentence
        assert "export the log again" not in sentence

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "study").mkdir()
        assert "study cannot be read: Is a directory; name a file" in refused(tmp_path, "replay", "study")

    def test_an_export_that_was_damaged_is_called_so(self, folder: Path, tmp_path: Path) -> None:
        whole = tmp_path / "whole.jsonl"
        done(folder, "export", LOG, whole)
        lines = whole.read_bytes().splitlines(keepends=True)
        for name, found in {
            "first-line-gone-bad.jsonl": [b"garbage\n", *lines],
            "first-line-cut.jsonl": [lines[0][:60] + b"\n", *lines[1:]],
        }.items():
            (tmp_path / name).write_bytes(b"".join(found))
            assert f"{name}, line 1: " in refused(tmp_path, "replay", name)

    def test_a_log_without_a_trial_is_named_with_the_next_step(self, tmp_path: Path) -> None:
        Trials.open(tmp_path / "zero.db").close()
        for command in (["replay", "zero.db"], ["replay", "zero.db", "--trial", "T1"], ["export", "zero.db", "x"]):
            assert "zero.db is a log without a trial: register a trial" in refused(tmp_path, *command)


class TestFilesThatAreMissing:
    @pytest.mark.parametrize(
        "command",
        [
            ["replay", "gone"],
            ["verify", "gone"],
            ["history", "gone"],
            ["audit", "gone"],
            ["verify", LOG, "--key", "gone"],
            ["verify", LOG, "--checkpoint", "gone"],
            ["checkpoint", LOG, "--key", "gone"],
        ],
        ids=" ".join,
    )
    def test_the_sentence_names_it_once_and_says_to_check_the_name(self, folder: Path, command: list[str]) -> None:
        sentence = refused(folder, *command)
        assert sentence.count("gone") == 1
        assert "cannot be read: No such file or directory" in sentence
        assert "check the name" in sentence
        assert "disk" not in sentence


class TestTrialsThatAreMissing:
    def test_the_sentence_names_the_log_and_what_to_give(self, folder: Path) -> None:
        assert refused(folder, "replay", LOG, "--trial", "FOO") == (
            "trialdomain: --trial FOO: log.db has no such trial; leave --trial out, or name NCT06245746\n"
        )


class TestWordsThatNoCommandKnows:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (
                ["decide", "1NNN", "2NNT", "--levels", "3"],
                "extra argument (put quotes around the sequence, as in '1NNN 2NNT'): see 'trialdomain decide --help'\n",
            ),
            (
                ["replay", LOG, "--know-at", "3"],
                "there is no option --know-at; did you mean --known-at? See 'trialdomain replay --help'\n",
            ),
            (["audit", LOG, "--decision=yes"], "argument --decisions: ignored explicit argument 'yes'"),
            (["history", LOG, "--zzz"], "there is no option --zzz: see 'trialdomain history --help'\n"),
            (["repaly", LOG], "; did you mean replay? See 'trialdomain --help'\n"),
            (["bundle", LOG, "x", "--role", "moniter"], "; did you mean monitor? See 'trialdomain bundle --help'\n"),
        ],
        ids=lambda words: " ".join(words) if isinstance(words, list) else "",
    )
    def test_the_nearest_is_named_with_the_help_of_that_command(
        self, folder: Path, words: list[str], sentence: str
    ) -> None:
        assert sentence in refused(folder, *words)


class TestWhoHandsOut:
    def test_the_example_of_a_reason_is_one_of_handing_out(self, folder: Path) -> None:
        sentence = refused(folder, "bundle", LOG, "x", "--why", "x", "--user", "investigator")
        assert "the reason 'x' says nothing: say why it is done, such as 'inspection of " in sentence
        assert "laboratory" not in sentence

    def test_the_users_whom_the_trial_knows_are_named(self, folder: Path) -> None:
        sentence = refused(folder, "bundle", LOG, "x", "--why", "inspection of May", "--user", "nobody")
        assert "no user with the id 'nobody': name one of investigator, or give --name" in sentence


class TestDaysWithoutAFact:
    """All was recorded from day 0, the day of the consent, to day 3."""

    @pytest.mark.parametrize("command", [["replay"], ["review"], ["endpoints"], ["explain", "S1"]], ids=" ".join)
    def test_a_day_before_the_first_fact_or_after_the_last_entry_is_said(
        self, folder: Path, command: list[str]
    ) -> None:
        asked = [command[0], LOG, *command[1:], "--on"]
        assert f"2020-01-01 is before the day of the first fact, {day(0)}: the trial" in done(
            folder, *asked, "2020-01-01"
        )
        assert f"2030-01-01 is after the day of the last entry, {day(3)}: the log" in done(folder, *asked, "2030-01-01")
        for known in (day(0), day(3)):
            assert " lies " not in done(folder, *asked, known)

    def test_facts_from_before_the_log_was_begun_count(self, tmp_path: Path) -> None:
        """Recorded late: the log begins on day 40, and the consent is of day 0."""
        site = Site(address=f"sqlite:///{tmp_path / LOG}")
        site.on(40).desk.consent("S001", signed_on=day(0), form_version="1")
        site.trials.close()
        assert " lies " not in done(tmp_path, "replay", LOG, "--on", day(0))
        assert "is before the day of the first fact" in done(tmp_path, "replay", LOG, "--on", day(-1))


class TestFieldsThatNoEntryHas:
    def test_the_nearest_is_named(self, folder: Path) -> None:
        shown = done(folder, "history", LOG, "--field", "grad")
        said = "No entry has a field 'grad'; the most similar is grade.\n"
        assert shown.endswith(f"{said}No entries match what you asked for.\n")

    @pytest.mark.parametrize("field", ["grade", "attributions", "attributions[1]", "attributions[1].relatedness"])
    def test_nothing_is_said_of_one_that_other_entries_have(self, folder: Path, field: str) -> None:
        shown = done(folder, "history", LOG, "--field", field, "--entry", 1)
        assert "has a field" not in shown
        assert shown.endswith("No entries match what you asked for.\n")
