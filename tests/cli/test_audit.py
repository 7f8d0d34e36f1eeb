"""The commands of an audit: keys, checkpoints, proofs, verification, history, differences."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from cli_runs import answer, done, refused, run
from made_once import SimulatedLog

from trialdomain.history import read_log

LOG = "log.db"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, simulated: Callable[[int], SimulatedLog]) -> Path:
    """A simulated trial, the keys of a signer and of a second party, and a checkpoint that both have signed."""
    folder = tmp_path_factory.mktemp("site")
    simulated(25).copied_to(folder / LOG)
    done(folder, "keygen", "signer", "--name", "site-1.example/signer")
    done(folder, "keygen", "second", "--cosigner")
    done(folder, "checkpoint", LOG, "--key", "signer.key", "--out", "checkpoint")
    request = done(folder, "checkpoint", LOG, "--request", "--note", "checkpoint", "--from", 0)
    (folder / "request").write_text(request)
    done(folder, "sign", "request", "--key", "second.key", "--trusted", "signer.pub", "--out", "cosigned")
    done(folder, "checkpoint", LOG, "--keep", "cosigned", "--trusted", "second.pub")
    done(folder, "export", LOG, "log.jsonl")
    return folder


class TestSigning:
    def test_both_signatures_stand_below_the_head(self, site: Path) -> None:
        note = (site / "cosigned").read_text().splitlines()
        head = answer(site, "verify", LOG, "--key", "second.pub")["trials"][0]
        assert note[:3] == ["trialdomain/SIM-0001", str(head["size"]), head["root"]]
        assert [line.split()[1] for line in note[4:]] == ["site-1.example/signer", "second"]

    def test_a_signer_on_another_machine_is_asked_and_asked_again(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "a.key").write_text((site / "signer.key").read_text())
        request = tmp_path / "request"
        request.write_text(done(site, "checkpoint", LOG, "--request", "--from", 0))
        note = done(tmp_path, "sign", "request", "--key", "a.key")
        assert note.startswith("trialdomain/SIM-0001\n")
        assert "ask again from" in refused(tmp_path, "sign", "request", "--key", "a.key")

    def test_an_export_can_be_signed_and_keeps_nothing(self, site: Path) -> None:
        signed = done(site, "checkpoint", "log.jsonl", "--key", "signer.key")
        assert signed == (site / "checkpoint").read_text()
        assert "cannot store notes" in refused(
            site, "checkpoint", "log.jsonl", "--keep", "cosigned", "--trusted", "second.pub"
        )

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["keygen", "signer"], "signer.key cannot be made: File exists"),
            (["keygen", "k", "--name", "a b"], "cannot be the name of a key"),
            (["checkpoint", LOG], "one of the arguments --key --request --keep is required"),
            (
                ["checkpoint", LOG, "--key", "second.key"],
                "a cosigner signs only notes that the key of a log has signed",
            ),
            (["checkpoint", LOG, "--key", "signer.pub"], "a private key begins with PRIVATE+KEY"),
            (["checkpoint", LOG, "--key", "none.key"], "none.key cannot be read: No such file"),
            (["checkpoint", LOG, "--key", "signer.key", "--from", "5"], "--from needs --request"),
            (["checkpoint", LOG, "--keep", "cosigned"], "--keep needs --trusted"),
            (["checkpoint", LOG, "--keep", "request", "--trusted", "second.pub"], "but must be signed by one of"),
            (["checkpoint", LOG, "--key", "signer.key", "--signed", LOG], "is not the file of a signer"),
            (["checkpoint", LOG, "--key", "signer.key", "--out", "checkpoint"], "exists already: choose another name"),
            (["sign", "checkpoint", "--key", "signer.key"], "begins with 'old SIZE'"),
            (["sign", "request", "--key", "second.key"], "name that key as trusted"),
            (["prove", LOG, "99999999"], "it covers positions 1 to 2051"),
            (["prove", LOG, "0"], "expected a whole number from 1"),
            (["verify", LOG, "--key", "signer.key"], "is a private key: name the public one"),
            (["verify", LOG, "--checkpoint", "signer.pub"], "signer.pub: a signed note has an empty line"),
            (["verify", "none.db"], "none.db cannot be read"),
            (["verify", LOG, "--trial", "T9"], "the log has nothing of trial 'T9': it has SIM-0001"),
        ],
    )
    def test_what_cannot_be_gets_one_sentence(self, site: Path, arguments: list[str], why: str) -> None:
        assert why in refused(site, *arguments)


class TestProofs:
    def test_an_entry_is_shown_without_its_log(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "proof").write_text(done(site, "prove", LOG, 57))
        lines = (site / "log.jsonl").read_text().splitlines(keepends=True)
        (tmp_path / "entry").write_text(lines[56])
        shown = answer(tmp_path, "check-proof", "proof", "entry", "--key", site / "signer.pub")
        expected = json.loads(lines[56])
        assert {name: shown[name] for name in ("position", "stream", "version", "name")} == {
            name: expected[name] for name in ("position", "stream", "version", "name")
        }
        assert "is in the tree of" in done(tmp_path, "check-proof", "proof", "entry", "--key", site / "second.pub")
        (tmp_path / "last").write_text(lines[-1])
        assert "and is not an entry" in refused(tmp_path, "check-proof", "proof", "last", "--key", site / "signer.pub")

    def test_what_a_proof_does_not_show_is_a_finding_and_no_unusable_input(self, site: Path, tmp_path: Path) -> None:
        (tmp_path / "proof").write_text(done(site, "prove", LOG, 57))
        lines = (site / "log.jsonl").read_text().splitlines(keepends=True)
        done(tmp_path, "keygen", "stranger")
        for line, key, why in (
            (lines[57], site / "signer.pub", "the entry says position 58"),
            (lines[56].replace('"version":', '"version":1'), site / "signer.pub", "does not fit its leaf"),
            (lines[56].replace('"recorded_at":"20', '"recorded_at":"21'), site / "signer.pub", "it was altered"),
            (lines[56], "stranger.pub", "but must be signed by one of"),
        ):
            (tmp_path / "entry").write_text(line)
            finished = run(tmp_path, "check-proof", "proof", "entry", "--key", key)
            assert (finished.returncode, finished.stderr) == (1, "")
            assert finished.stdout.startswith("Not proven: ")
            assert why in finished.stdout
            answered = run(tmp_path, "check-proof", "proof", "entry", "--key", key, "--json")
            told = json.loads(answered.stdout)
            assert (answered.returncode, told["shown"], why in told["why"]) == (1, False, True)


class TestVerify:
    def test_people_and_programs_are_told_the_same(self, site: Path) -> None:
        told = done(site, "verify", LOG, "--checkpoint", "cosigned", "--key", "signer.pub", "--key", "second.pub")
        assert "checkpoints cover every entry\nNothing is wrong.\n" in told
        assert "signed by site-1.example/signer, second at 2" in told
        found = answer(site, "verify", "log.jsonl", "--checkpoint", "cosigned", "--key", "second.pub")
        assert (found["ok"], found["total"], found["defects"], found["signatures_checked"]) == (True, 0, [], True)
        assert [one["name"] for one in found["trials"][0]["checkpoints"][0]["signed"]] == ["second"]

    @pytest.mark.shows("K-27")
    def test_what_is_wrong_is_a_table_and_the_status_is_1_and_no_terminal_is_commanded(
        self, site: Path, tmp_path: Path
    ) -> None:
        text = (site / "log.jsonl").read_text().replace("SIM-0001/participant/S002", "SIM-0001/participant/\\u001b[2J")
        (tmp_path / "a.jsonl").write_text(text)
        finished = run(tmp_path, "verify", "a.jsonl")
        assert finished.returncode == 1
        assert "things are wrong" in finished.stdout
        assert "\x1b" not in finished.stdout
        assert "altered" in finished.stdout
        assert run(tmp_path, "verify", "a.jsonl", "--json").returncode == 1


class TestHistory:
    @pytest.mark.shows("AT-40", "AT-42", "AT-43")
    def test_a_correction_is_shown_to_people_marked(self, site: Path) -> None:
        entries = answer(site, "history", LOG, "--why", "transcription")["entries"]
        [one] = [entry for entry in entries if entry["act"] == "corrected"]
        subject, position = one["subject"], one["position"]
        table = done(site, "history", LOG, subject, "--entry", position)
        [change] = one["changes"]
        assert f"{change['field']}*" in table
        assert str(change["old"]) in table
        assert str(change["new"]) in table
        assert answer(site, "history", LOG, subject, "--entry", position)["entries"] == [one]
        assert one in answer(site, "history", LOG, subject, "--field", change["field"], "--by", one["user"])["entries"]

    @pytest.mark.shows("AT-40")
    def test_everything_is_one_row_a_field_in_a_new_file(self, site: Path, tmp_path: Path) -> None:
        told = done(site, "history", LOG, "--csv", tmp_path / "changes.csv")
        rows = (tmp_path / "changes.csv").read_text().count("\n") - 1
        assert told.startswith(f"{rows} rows in ")
        everything = answer(site, "history", LOG)["entries"]
        assert sum(len(entry["changes"]) for entry in everything) == rows
        assert "exists already" in refused(site, "history", LOG, "--csv", tmp_path / "changes.csv")

    @pytest.mark.shows("AT-42")
    def test_between_two_days_at_the_site_both_belong_to_it(self, site: Path) -> None:
        everything = answer(site, "history", LOG, "S001")["entries"]
        days = sorted({entry["recorded_at_site"][:10] for entry in everything})
        for first, last in ((days[0], days[0]), (days[1], days[3])):
            found = answer(site, "history", LOG, "S001", "--between", first, last)["entries"]
            assert found == [entry for entry in everything if first <= entry["recorded_at_site"][:10] <= last]
        moment = everything[3]["recorded_at"]
        found = answer(site, "history", LOG, "S001", "--between", moment, moment)["entries"]
        assert {entry["recorded_at"] for entry in found} == {moment}

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["S999"], "the log has no entries of 'S999'"),
            (["S001", "--between", "2026-03-02", "yesterday"], "expected a day such as 2026-03-02"),
            (["S001", "--between", "0001-01-01", "2026-03-02"], "0001-01-01 lies outside the years 1900 to 2199"),
            (["S001", "--between", "2026-03-02", "9999-12-31"], "9999-12-31 lies outside the years 1900 to 2199"),
            (["S001", "--between", "2026-03-02T10:00", "2026-03-03"], "expected a day such as"),
            (["S001", "--csv", "x", "--json"], "choose one"),
            (["S001", "--known-at", "0"], "position 0 is not in the log"),
        ],
    )
    def test_what_cannot_be_asked_gets_one_sentence(self, site: Path, arguments: list[str], why: str) -> None:
        assert why in refused(site, "history", LOG, *arguments)


class TestDiff:
    @pytest.mark.shows("AT-48")
    def test_the_entries_between_and_what_they_changed(self, site: Path) -> None:
        found = answer(site, "diff", LOG, 90, 110)
        assert [entry["position"] for entry in found["entries"]] == list(range(91, 111))
        assert all(one["old"] != one["new"] for one in found["changed"])
        assert {one["path"] for one in found["recommendations"]} <= {one["path"] for one in found["changed"]}
        assert "20 entries were recorded" in done(site, "diff", LOG, 90, 110)
        assert answer(site, "diff", "log.jsonl", 90, 110) == found
        whole = answer(site, "diff", LOG, 90)
        assert whole["later"] == answer(site, "history", LOG, "trial")["known_at"]
        assert "the earlier one first" in refused(site, "diff", LOG, 110, 90)


class TestWordsBeside:
    """What is said beside an answer, so that nobody takes it for another one."""

    def test_a_position_inside_a_command_is_answered_before_it_and_said_so(self, site: Path) -> None:
        with read_log(site / LOG) as log:
            entries = sorted(next(iter(log.values())).history().entries(), key=lambda e: e.position)
        inside = next(e for e in entries if e.meta.part < e.meta.parts and e.position > 10)
        before = inside.position - inside.meta.part
        finished = run(site, "history", LOG, "--known-at", inside.position, "--json")
        assert finished.returncode == 0
        assert json.loads(finished.stdout)["known_at"] == before
        assert finished.stderr == (
            f"trialdomain: position {inside.position} is inside a command, and a command is recorded as a whole: "
            f"this is what was known at position {before}, before the command\n"
        )
        assert f"at position {before}" in run(site, "diff", LOG, 5, inside.position).stderr

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (["--by", "nobody"], "--by nobody: the trial has no user with this id: name one of investigator"),
            (["--entry", "999999"], "--entry 999999: the log of SIM-0001 has positions 1 to "),
            (["--between", "2026-03-05", "2026-03-03"], "the second moment is before the first"),
        ],
    )
    def test_a_question_that_nothing_can_answer_is_refused(self, site: Path, arguments: list[str], why: str) -> None:
        assert why in refused(site, "history", LOG, *arguments)

    def test_the_table_has_the_id_by_which_entries_are_asked_for(self, site: Path) -> None:
        told = done(site, "history", LOG, "--by", "investigator", "--entry", 12)
        assert "investigator" in told
        assert "No entries match what you asked for." in done(site, "history", LOG, "--field", "nosuch", "--entry", 12)

    def test_a_proof_of_a_position_that_is_not_there(self, site: Path) -> None:
        assert "position 999999 is not under the checkpoint: it covers positions 1 to" in refused(
            site, "prove", LOG, 999999
        )

    def test_an_audit_of_a_log_that_was_altered_says_so(self, site: Path, tmp_path: Path) -> None:
        altered = tmp_path / "altered.db"
        altered.write_bytes((site / LOG).read_bytes())
        with closing(sqlite3.connect(altered)) as connection:
            connection.execute("DROP TRIGGER entries_no_update")
            connection.execute("UPDATE entries SET state = replace(state, 'ANC', 'PLT') WHERE state LIKE '%\"ANC\"%'")
            connection.execute("UPDATE entries SET state = CAST(state AS BLOB)")
            connection.commit()
        for more in ([], ["--decisions"]):
            audited = run(tmp_path, "audit", "altered.db", *more)
            assert audited.returncode == 1
            assert "wrong with the log itself" in audited.stderr

    def test_options_before_a_subject(self, site: Path) -> None:
        assert "arguments come before options" in refused(site, "history", LOG, "--by", "investigator", "S001")
