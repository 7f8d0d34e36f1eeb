"""Signed heads: only a head of a trusted key is accepted, no head is a checkpoint, and no covered entry is in doubt."""

import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from cli_runs import answer, done, refused
from site_desk import INVESTIGATOR, OPEN
from tampering import appended, rows, state_of, tampered

from trialdomain import HeadKey, KeyKind, SigningKey, TreeSigner, Trials, TrialTree, Verified, verify
from trialdomain.errors import InputInvalid
from trialdomain.exchange.lines import write_entry
from trialdomain.signing.keys import VerifierKey, signers, write_keys
from trialdomain.signing.proofs import check_inclusion
from trialdomain.signing.signer import SigningRefused
from trialdomain.storage.heads import HeadAhead, HeadKeyMissing, HeadNotSigned
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.tree.checkpoint import (
    Checkpoint,
    Head,
    InclusionProof,
    SigningRequest,
    parse_checkpoint,
    parse_head,
    parse_request,
)
from trialdomain.tree.note import Note, NoteMalformed, parse_note
from trialdomain.verification.defect import What

TRIAL = OPEN.trial
SIGNER, WRITER = SigningKey.generate("site.example/signer"), SigningKey.generate("site.example/writer")
STRANGER = SigningKey.generate("stranger.example")
SECOND = SigningKey.generate("sponsor.example/second", KeyKind.COSIGNER)
NEVER = datetime(2026, 1, 1, tzinfo=UTC)
COVERED = 9
"""So many entries are under an older checkpoint, or an older head, where a test has one."""


@attrs.frozen
class Logged:
    """A log, and what its signer and its writer can say of it."""

    path: Path
    size: int

    def checkpoint(self, size: int | None = None, key: SigningKey = SIGNER) -> Note:
        """Sign the tree over the first entries as a checkpoint."""
        recorder = SQLiteStore(self.path, readonly=True)
        text = TrialTree(recorder, TRIAL).head(size or self.size).text
        recorder.close()
        return Note(text, (key.sign(text, at=NEVER),))

    def head(self, size: int | None = None, key: SigningKey = WRITER) -> str:
        """Sign it as a head."""
        checkpoint = parse_checkpoint(self.checkpoint(size).text)
        return HeadKey(key).sign(TRIAL, checkpoint.size, checkpoint.root)

    def kept(self) -> str:
        """Give what stands in the place of the head."""
        [(note,)] = rows(self.path, "SELECT note FROM heads WHERE trial = ?", TRIAL)
        return str(note)

    def verified(self, *keys: SigningKey, outside: int | None = None, required: bool = False) -> Verified:
        """Verify it with some keys, and a checkpoint of the signer that was kept elsewhere."""
        notes = [] if outside is None else [("kept", str(self.checkpoint(outside)).encode())]
        public: list[VerifierKey] = [key.verifier for key in keys]
        return verify(self.path, checkpoints=notes, keys=public or None, heads_required=required)

    def forge(self, subject: str = "S777") -> int:
        """Append an entry without any key."""
        with tampered(self.path) as connection:
            fact = {
                "form_version": "1",
                "protocol_version": OPEN.version,
                "signed_on": "2026-03-02",
                "signer": "participant",
            }
            return appended(
                connection,
                f"{TRIAL}/participant/{subject}",
                "participant.consented.v1",
                state_of(fact, command=f"forged-{subject}"),
                command=f"forged-{subject}",
            )

    def consent(self, subject: str, heads: SigningKey | None = None) -> int:
        """Record a consent as a service does; give its position."""
        with Trials.open(self.path, heads=None if heads is None else HeadKey(heads)) as trials:
            desk = trials.trial(TRIAL).acting(INVESTIGATOR)
            return desk.consent(subject, signed_on="2026-03-02", form_version="1")[-1].position


def recorded(path: Path, heads: SigningKey | None) -> Logged:
    with Trials.open(path, heads=None if heads is None else HeadKey(heads)) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        for number in range(12):
            desk.consent(f"S{number:03}", signed_on="2026-03-02", form_version="1")
        return Logged(path, trials.trial(TRIAL).tree.size)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Logged]:
    folder = tmp_path_factory.mktemp("logs")
    return {"signed": recorded(folder / "signed.db", WRITER), "plain": recorded(folder / "plain.db", None)}


def copied(log: Logged, folder: Path) -> Logged:
    return attrs.evolve(log, path=Path(shutil.copy(log.path, folder / log.path.name)))


@pytest.fixture
def signed(logs: dict[str, Logged], tmp_path: Path) -> Logged:
    """A log of signed heads."""
    return copied(logs["signed"], tmp_path)


@pytest.fixture
def plain(logs: dict[str, Logged], tmp_path: Path) -> Logged:
    """A log without."""
    return copied(logs["plain"], tmp_path)


def told(verified: Verified) -> list[tuple[What, int | None]]:
    return [(one.what, one.position) for one in verified.defects]


def notices(verified: Verified) -> tuple[str, ...]:
    return verified.trials[0].notices


class TestAHeadThatNoGivenKeySigned:
    def test_it_is_one_notice_and_accuses_no_entry(self, signed: Logged) -> None:
        verified = signed.verified(SIGNER, outside=signed.size)
        assert (verified.total, verified.ok, verified.trials[0].uncovered) == (0, True, 0)
        [notice] = notices(verified)
        assert "is not signed by a trusted key, and was not checked" in notice

    def test_where_one_is_required_it_is_one_defect_of_the_head(self, signed: Logged) -> None:
        verified = signed.verified(SIGNER, outside=signed.size, required=True)
        assert told(verified) == [(What.UNSIGNED, None)]
        assert signed.verified(SIGNER, WRITER, outside=signed.size, required=True).ok
        assert signed.verified(WRITER, required=True).ok

    def test_the_key_of_the_writer_believes_it_without_a_word(self, signed: Logged) -> None:
        verified = signed.verified(SIGNER, WRITER, outside=COVERED)
        assert (verified.ok, notices(verified), verified.trials[0].uncovered) == (True, (), 0)

    def test_people_and_programs_are_told_it_once(self, signed: Logged, tmp_path: Path) -> None:
        write_keys(SIGNER, tmp_path / "s.key", tmp_path / "s.pub")
        (tmp_path / "note").write_text(str(signed.checkpoint()))
        shown = done(tmp_path, "verify", signed.path, "--checkpoint", "note", "--key", "s.pub")
        assert shown.count("signed head") == 1
        assert "checkpoints cover every entry\nNothing is wrong.\n" in shown
        found = answer(tmp_path, "verify", signed.path, "--checkpoint", "note", "--key", "s.pub")
        assert (found["ok"], len(found["trials"][0]["notices"])) == (True, 1)

    def test_an_entry_that_was_forged_with_a_head_of_its_own_is_the_newest_under_nothing(self, signed: Logged) -> None:
        """The head in the log covers it, and is signed by a key of the forger's."""
        forged = signed.forge()
        with tampered(signed.path) as connection:
            note = attrs.evolve(signed, size=forged).head(key=STRANGER)
            connection.execute("UPDATE heads SET size = ?, note = ?", (forged, note))
        verified = signed.verified(SIGNER, WRITER, outside=signed.size)
        assert (verified.ok, verified.trials[0].uncovered, len(notices(verified))) == (True, 1, 1)
        assert told(signed.verified(SIGNER, WRITER, outside=signed.size, required=True)) == [(What.UNSIGNED, None)]

    def test_of_a_cosigners_key_no_head_is_believed(self, signed: Logged) -> None:
        text = parse_note(signed.kept().encode()).text
        cosigned = str(Note(text, (SECOND.sign(text, at=NEVER),)))
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET note = ?", [cosigned])
        assert signers(parse_note(cosigned.encode()), [SECOND.verifier])
        assert told(signed.verified(SECOND, SIGNER, outside=signed.size, required=True)) == [(What.UNSIGNED, None)]
        assert HeadKey(WRITER, trusted=[SECOND.verifier]).size_of(cosigned, TRIAL) is None


PLANTED: dict[str, Callable[[Logged], tuple[int, str]]] = {
    "a public checkpoint": lambda log: (log.size, str(log.checkpoint())),
    "an older public checkpoint": lambda log: (COVERED, str(log.checkpoint(COVERED))),
    "the head, signed by a stranger": lambda log: (log.size, log.head(key=STRANGER)),
    "an older head, signed by a stranger": lambda log: (COVERED, log.head(COVERED, key=STRANGER)),
    "a head of another root": lambda log: (log.size, HeadKey(STRANGER).sign(TRIAL, log.size, bytes(32))),
    "a head of more entries": lambda _: (2**62, HeadKey(STRANGER).sign(TRIAL, 2**62, bytes(32))),
    "a head of nothing": lambda _: (0, HeadKey(STRANGER).sign(TRIAL, 0, bytes(32))),
    "a head of another trial": lambda log: (log.size, HeadKey(STRANGER).sign("T2", log.size, bytes(32))),
    "a head with another size in its row": lambda log: (log.size - 1, log.head(key=STRANGER)),
    "something else": lambda _: (5, "x"),
    "nothing": lambda _: (0, ""),
}
planted = pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED.keys())


class TestAPlantedHead:
    @planted
    @pytest.mark.parametrize("keys", [(), (SIGNER,), (SIGNER, WRITER)], ids=["no key", "signer", "both"])
    def test_it_accuses_no_entry(self, plain: Logged, plant: Callable[[Logged], tuple[int, str]], keys: object) -> None:
        with tampered(plain.path) as connection:
            connection.execute("INSERT INTO heads VALUES (?, ?, ?)", (TRIAL, *plant(plain)))
        for outside in (plain.size, COVERED):
            verified = plain.verified(*keys, outside=outside)  # type: ignore[misc]  # a tuple of keys
            assert {one.position for one in verified.defects} <= {None}
            assert verified.total + len(notices(verified)) == 1  # it is named, once
            assert not any("rewritten" in one.why or "appended" in one.why for one in verified.defects)

    @planted
    def test_it_stops_no_writer_of_a_log_without_heads(
        self, plain: Logged, plant: Callable[[Logged], tuple[int, str]]
    ) -> None:
        with tampered(plain.path) as connection:
            connection.execute("INSERT INTO heads VALUES (?, ?, ?)", (TRIAL, *plant(plain)))
        assert plain.consent("S100") == plain.size + 1
        assert plain.consent("S101") == plain.size + 2

    @planted
    def test_whoever_begins_to_sign_heads_puts_the_right_one_in_its_place(
        self, plain: Logged, plant: Callable[[Logged], tuple[int, str]]
    ) -> None:
        with tampered(plain.path) as connection:
            connection.execute("INSERT INTO heads VALUES (?, ?, ?)", (TRIAL, *plant(plain)))
        with pytest.raises(HeadNotSigned, match="begin_signed_heads"):
            plain.consent("S100", WRITER)
        with Trials.open(plain.path, heads=HeadKey(WRITER)) as trials:
            trials.trial(TRIAL).begin_signed_heads()
        assert plain.consent("S100", WRITER) == plain.size + 1
        assert plain.verified(WRITER, required=True).ok
        with pytest.raises(sqlite3.IntegrityError, match="a head never goes back"):
            rows(plain.path, "UPDATE heads SET size = 1")

    @planted
    def test_it_keeps_no_new_trial_from_its_first_head(
        self, plain: Logged, tmp_path: Path, plant: Callable[[Logged], tuple[int, str]]
    ) -> None:
        path = tmp_path / "new.db"
        SQLiteStore(path).close()
        with tampered(path) as connection:
            connection.execute("INSERT INTO heads VALUES (?, ?, ?)", (TRIAL, *plant(plain)))
        assert recorded(path, WRITER).verified(WRITER, required=True).ok


class TestAHeadIsNoCheckpoint:
    @pytest.mark.shows("K-06")
    def test_a_checkpoint_in_the_place_of_the_head_covers_no_forged_entry(self, signed: Logged, tmp_path: Path) -> None:
        forged = signed.forge()
        assert told(signed.verified(WRITER, SIGNER)) == [(What.UNSIGNED, forged)]
        recorder = SQLiteStore(signed.path)  # the signer signs any log that extends what it signed
        tree = TrialTree(recorder, TRIAL)
        note = tree.signed_by(TreeSigner(SIGNER, tmp_path / "signed"))
        tree.keep(note, [SIGNER.verifier])
        recorder.close()
        for required in (False, True):
            [defect] = signed.verified(WRITER, SIGNER, required=required).defects
            assert (defect.what, defect.position) == (What.UNSIGNED, None)
            assert f"only a checkpoint covers positions {forged} to {forged}" in defect.why
        rows_changed = "UPDATE heads SET size = ?, note = ?"
        with tampered(signed.path) as connection:  # which the triggers would let pass
            connection.execute(rows_changed, (forged, str(note)))
        for required, expected in ((False, set[What]()), (True, {What.UNSIGNED})):
            verified = signed.verified(WRITER, SIGNER, required=required)
            assert {one.what for one in verified.defects} == {What.BAD_CHECKPOINT, *expected}
            [defect, *_] = verified.defects
            assert "it is a checkpoint of 'trialdomain/" in defect.why
        for key in (WRITER, SIGNER, None):
            with pytest.raises((HeadNotSigned, HeadKeyMissing)):
                signed.consent("S100", key)
        with (
            Trials.open(signed.path, heads=HeadKey(WRITER, trusted=[SIGNER.verifier])) as trials,
            pytest.raises(HeadNotSigned, match="a checkpoint, or another text, is stored as the head"),
        ):
            trials.trial(TRIAL).acting(INVESTIGATOR).consent("S100", signed_on="2026-03-02", form_version="1")

    def test_with_one_key_for_both_the_one_is_still_not_the_other(self, signed: Logged) -> None:
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET note = ?", [str(signed.checkpoint(key=WRITER))])
            connection.execute(
                "INSERT INTO checkpoints VALUES (?, ?, ?)", (TRIAL, signed.size, signed.head(key=WRITER))
            )
        verified = signed.verified(WRITER)
        assert {one.what for one in verified.defects} == {What.BAD_CHECKPOINT, What.BAD_SIGNATURE}
        whys = [one.why for one in verified.defects]
        assert any("it is a checkpoint of" in why for why in whys)
        assert any("it is a head that a writer signs with every append" in why for why in whys)

    def test_the_two_texts_are_read_by_the_one_reader_alone(self) -> None:
        head, checkpoint = Head("T1", 3, bytes(32)), Checkpoint("trialdomain/T1", 3, bytes(32))
        assert (parse_head(head.text), parse_checkpoint(checkpoint.text)) == (head, checkpoint)
        with pytest.raises(NoteMalformed, match="not a checkpoint"):
            parse_checkpoint(head.text)
        with pytest.raises(NoteMalformed, match="not the head of a writer"):
            parse_head(checkpoint.text)
        for other in (
            f"{head.text}more\n",
            head.text[:-1],
            head.text.replace("\n3\n", "\n03\n"),
            "trialdomain-head/\n",
        ):
            with pytest.raises(NoteMalformed):
                parse_head(other)
            with pytest.raises(NoteMalformed):
                parse_checkpoint(other)

    def test_whoever_signs_checkpoints_signs_no_head(self, signed: Logged, tmp_path: Path) -> None:
        note = parse_note(signed.kept().encode())
        head = parse_head(note.text)
        asked = Checkpoint(head.origin, head.size, head.root)
        for signer in (
            TreeSigner(SIGNER, tmp_path / "one"),
            TreeSigner(SECOND, tmp_path / "two", trusted=[WRITER.verifier]),
        ):
            for request in (SigningRequest(0, (), asked), SigningRequest(0, (), asked, note)):
                with pytest.raises(SigningRefused, match="is the head of a writer"):
                    signer.sign(request)
        write_keys(SIGNER, tmp_path / "k.key", tmp_path / "k.pub")
        for text in (f"old 0\n\n{note.text}", f"old 0\n\n{note}"):
            with pytest.raises(NoteMalformed, match="and not a checkpoint"):
                parse_request(text.encode())
            (tmp_path / "request").write_text(text)
            assert "a head that a writer signs" in refused(tmp_path, "sign", "request", "--key", "k.key")

    def test_a_head_proves_nothing_and_is_kept_nowhere_else(self, signed: Logged, tmp_path: Path) -> None:
        note = parse_note(signed.kept().encode())
        (tmp_path / "note").write_text(str(note))
        write_keys(WRITER, tmp_path / "w.key", tmp_path / "w.pub")
        recorder = SQLiteStore(signed.path)
        tree = TrialTree(recorder, TRIAL)
        for refusing in (
            lambda: tree.inclusion(3, note),
            lambda: tree.request(note=note),
            lambda: tree.keep(note, [WRITER.verifier]),
        ):
            with pytest.raises(NoteMalformed, match="and not a checkpoint"):
                refusing()
        proof = attrs.evolve(tree.inclusion(3, signed.checkpoint()), checkpoint=note)
        entry, leaf = list(with_leaves(recorder, TRIAL, until=3))[2]
        recorder.close()
        assert isinstance(proof, InclusionProof)
        with pytest.raises(InputInvalid, match="and not a checkpoint"):
            check_inclusion(write_entry(entry, leaf), str(proof).encode(), [WRITER.verifier])
        for arguments in (
            ["prove", signed.path, 3, "--checkpoint", "note"],
            ["checkpoint", signed.path, "--keep", "note", "--trusted", "w.pub"],
            ["checkpoint", signed.path, "--request", "--note", "note"],
            ["verify", signed.path, "--checkpoint", "note", "--key", "w.pub"],
        ):
            assert "and not a checkpoint" in refused(tmp_path, *arguments)

    def test_a_head_among_the_checkpoints_is_named_as_what_it_is(self, signed: Logged) -> None:
        with tampered(signed.path) as connection:
            connection.execute("INSERT INTO checkpoints SELECT * FROM heads")
        [defect] = signed.verified(WRITER).defects
        assert (defect.what, defect.position) == (What.BAD_CHECKPOINT, None)
        assert "it is a head that a writer signs with every append" in defect.why

    def test_the_head_of_a_log_from_before_is_begun_anew(self, signed: Logged) -> None:
        """Then a head had the text of a checkpoint, and nothing remembered that heads were begun."""
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET note = ?", [str(signed.checkpoint(key=WRITER))])
            connection.execute("DELETE FROM commands WHERE command = 'heads begun'")
        with pytest.raises(HeadNotSigned, match=r"a checkpoint, or another text.*begin_signed_heads"):
            signed.consent("S100", WRITER)
        with Trials.open(signed.path, heads=HeadKey(WRITER)) as trials:
            trials.trial(TRIAL).begin_signed_heads()
        signed.consent("S100", WRITER)
        assert signed.verified(WRITER, required=True).ok
        with pytest.raises(HeadKeyMissing):
            signed.consent("S101")


class TestAHeadThatWasTakenAway:
    def test_one_that_was_removed_is_missed_by_everybody(self, signed: Logged) -> None:
        with tampered(signed.path) as connection:
            connection.execute("DELETE FROM heads")
        for keys in ((), (SIGNER,), (SIGNER, WRITER)):
            for required in (False, True):
                verified = signed.verified(*keys, outside=signed.size, required=required)
                assert told(verified) == [(What.UNSIGNED, None)]
                assert "it was removed, or that row of the commands was added" in verified.defects[0].why
        with pytest.raises(HeadKeyMissing):
            signed.consent("S100")
        with pytest.raises(HeadNotSigned, match="none is kept"):
            signed.consent("S100", WRITER)

    @planted
    def test_one_that_was_exchanged_lets_nobody_go_on(
        self, signed: Logged, plant: Callable[[Logged], tuple[int, str]]
    ) -> None:
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET size = ?, note = ?", plant(signed))
        with pytest.raises(HeadKeyMissing):
            signed.consent("S100")
        with pytest.raises(HeadNotSigned):
            signed.consent("S100", WRITER)
        for keys in ((SIGNER,), (SIGNER, WRITER)):
            verified = signed.verified(*keys, outside=signed.size)
            assert {one.position for one in verified.defects} <= {None}
            assert verified.total + len(notices(verified)) == 1
            assert not signed.verified(*keys, outside=signed.size, required=True).ok

    def test_an_older_head_put_back_accuses_no_entry_under_a_checkpoint(self, signed: Logged) -> None:
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET size = ?, note = ?", (COVERED, signed.head(COVERED)))
        for required in (False, True):
            [defect] = signed.verified(SIGNER, WRITER, outside=signed.size, required=required).defects
            assert (defect.what, defect.position) == (What.UNSIGNED, None)
            assert "an older head was put back, or" in defect.why
        named = signed.verified(SIGNER, WRITER, outside=signed.size - 2)
        newest = [(What.UNSIGNED, signed.size - 1), (What.UNSIGNED, signed.size)]
        assert told(named) == [(What.UNSIGNED, None), *newest]
        assert all("or an older head was put back" in one.why for one in named.defects[1:])

    def test_without_any_key_the_first_entry_after_the_head_is_named_and_no_other(self, signed: Logged) -> None:
        """The head may be anybody's; a checkpoint that was kept elsewhere is what whoever kept it stands by."""
        with tampered(signed.path) as connection:
            connection.execute("UPDATE heads SET size = ?, note = ?", (COVERED, signed.head(COVERED, key=STRANGER)))
        [first] = signed.verified().defects
        assert (first.position, f"the first of {signed.size - COVERED}" in first.why) == (COVERED + 1, True)
        assert told(signed.verified(outside=signed.size)) == [(What.UNSIGNED, None)]
        assert told(signed.verified(outside=signed.size - 1)) == [(What.UNSIGNED, None), (What.UNSIGNED, signed.size)]

    def test_what_is_left_of_a_log_that_was_cut_off_is_not_signed_anew(self, signed: Logged) -> None:
        with tampered(signed.path) as connection:
            connection.execute("DELETE FROM entries WHERE position = ?", [signed.size])
            connection.execute("DELETE FROM commands WHERE last = ?", [signed.size])
        with Trials.open(signed.path, heads=HeadKey(WRITER)) as trials:
            with pytest.raises(HeadAhead, match=f"has {signed.size} entries, and the log has {signed.size - 1}"):
                trials.trial(TRIAL).begin_signed_heads()
            with pytest.raises(HeadNotSigned, match="some of them are gone"):
                trials.trial(TRIAL).acting(INVESTIGATOR).consent("S9", signed_on="2026-03-02", form_version="1")
        assert told(signed.verified(WRITER)) == [(What.TRUNCATED, None)]

    def test_a_trial_that_was_removed_whole_is_not_begun_anew(self, signed: Logged) -> None:
        for also in ("SELECT 1", "DELETE FROM heads"):
            with tampered(signed.path) as connection:
                connection.execute("DELETE FROM entries")
                connection.execute("DELETE FROM commands WHERE command != 'heads begun'")
                connection.execute(also)
            with Trials.open(signed.path, heads=HeadKey(WRITER)) as trials, pytest.raises(HeadNotSigned):
                trials.register(OPEN, by=INVESTIGATOR)
            with Trials.open(signed.path) as trials, pytest.raises(HeadKeyMissing):
                trials.register(OPEN, by=INVESTIGATOR)


def test_that_heads_were_begun_is_no_command_that_anybody_can_give(plain: Logged) -> None:
    with Trials.open(plain.path) as trials:
        desk = trials.trial(TRIAL).acting(INVESTIGATOR)
        with pytest.raises(InputInvalid, match="is not a valid command code"):
            desk.consent("S100", signed_on="2026-03-02", form_version="1", command_id="heads begun")


def test_a_restored_copy_has_no_heads_and_begins_its_own(signed: Logged, tmp_path: Path) -> None:
    done(tmp_path, "export", signed.path, "log.jsonl")
    done(tmp_path, "restore", "log.jsonl", "copy.db")
    copy = attrs.evolve(signed, path=tmp_path / "copy.db")
    copy.consent("S100")
    with Trials.open(copy.path, heads=HeadKey(WRITER)) as trials:
        trials.trial(TRIAL).begin_signed_heads()
    copy.consent("S101", WRITER)
    with pytest.raises(HeadKeyMissing):
        copy.consent("S102")


def test_in_memory_heads_are_begun_as_well() -> None:
    with Trials.open("memory:", heads=HeadKey(WRITER)) as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)
        trial.acting(INVESTIGATOR).consent("S1", signed_on="2026-03-02", form_version="1")
        assert HeadKey(WRITER).size_of(trial.begin_signed_heads(), TRIAL) == trial.tree.size
