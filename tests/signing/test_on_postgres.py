"""Signed heads, checkpoints and proofs of a trial at the desk, on a file and on PostgreSQL alike."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from cli_runs import answer, done, refused
from logs_kept import BOTH, Kept
from site_desk import INVESTIGATOR, OPEN

from trialdomain import HeadKey, SigningKey, TreeSigner, Trials, read_log
from trialdomain.signing.keys import signers, write_keys
from trialdomain.storage.heads import HeadAhead, HeadKeyMissing, HeadNotSigned
from trialdomain.tree.checkpoint import parse_head
from trialdomain.tree.note import parse_note

TRIAL = OPEN.trial
WRITER, SIGNER = SigningKey.generate("site.example/writer"), SigningKey.generate("site.example/signer")
STRANGER = SigningKey.generate("stranger.example")
ENTRIES = 10
"""The entries of the trial: its registration with the first level, and six consents."""


@pytest.fixture(params=BOTH)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """A log of signed heads."""
    place = Kept.of(request.param, tmp_path, request.getfixturevalue("server") if request.param == "postgres" else None)
    with Trials.open(place.address, heads=HeadKey(WRITER)) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        for number in range(6):
            desk.consent(f"S{number:03}", signed_on="2026-03-02", form_version="1")
        assert trials.trial(TRIAL).tree.size == ENTRIES
    return place


def consent(kept: Kept, subject: str, key: SigningKey | None = None) -> int:
    """Record a consent as a service does; give its position."""
    with Trials.open(kept.address, heads=None if key is None else HeadKey(key)) as trials:
        desk = trials.trial(TRIAL).acting(INVESTIGATOR)
        return desk.consent(subject, signed_on="2026-03-02", form_version="1")[-1].position


def head(kept: Kept) -> tuple[int, str]:
    """Read the row of the head."""
    [(size, note)] = kept.execute("SELECT size, note FROM heads")
    return int(size), str(note)


def older(kept: Kept, size: int, key: SigningKey) -> str:
    """Sign the head of the tree over the first entries."""
    with Trials.open(kept.address) as trials:
        return HeadKey(key).sign(TRIAL, size, trials.trial(TRIAL).tree.head(size).root)


class TestHeads:
    def test_each_append_signs_the_head(self, kept: Kept) -> None:
        for number in range(1, 4):
            assert consent(kept, f"S1{number}", WRITER) == ENTRIES + number
            size, text = head(kept)
            note = parse_note(text.encode())
            assert signers(note, [WRITER.verifier])
            with Trials.open(kept.address) as trials:
                root = trials.trial(TRIAL).tree.head().root
            assert (size, parse_head(note.text).size, parse_head(note.text).root) == (size, ENTRIES + number, root)

    def test_without_the_key_nothing_is_recorded(self, kept: Kept) -> None:
        with pytest.raises(HeadKeyMissing):
            consent(kept, "S100")
        with pytest.raises(HeadNotSigned, match="the head is not signed by a key that this writer trusts"):
            consent(kept, "S100", STRANGER)
        assert head(kept)[0] == ENTRIES

    def test_they_are_begun_on_a_log_without_them(self, tmp_path: Path, kept: Kept) -> None:
        place = Kept.of("postgres" if kept.server else "file", tmp_path / "x", kept.server)
        (tmp_path / "x").mkdir()
        with Trials.open(place.address) as trials:
            trials.register(OPEN, by=INVESTIGATOR)
            with pytest.raises(HeadKeyMissing):
                trials.trial(TRIAL).begin_signed_heads()
        with pytest.raises(HeadNotSigned, match="begin_signed_heads"):
            consent(place, "S100", WRITER)
        with Trials.open(place.address, heads=HeadKey(WRITER)) as trials:
            note = trials.trial(TRIAL).begin_signed_heads()
            assert HeadKey(WRITER).size_of(note, TRIAL) == trials.trial(TRIAL).tree.size
        consent(place, "S100", WRITER)
        with pytest.raises(HeadKeyMissing):
            consent(place, "S101")

    WRONG: Mapping[str, tuple[Callable[[Kept], str], str]] = {
        "none": (lambda _: "NULL", "none is kept"),
        "an older one": (lambda kept: quoted(older(kept, 7, WRITER)), "the head covers 7 entries"),
        "a stranger's": (lambda kept: quoted(older(kept, ENTRIES, STRANGER)), "not signed by a key that this writer"),
        "one of more": (lambda _: quoted(HeadKey(WRITER).sign(TRIAL, 99, bytes(32))), "the head has 99 entries"),
        "no head at all": (lambda _: "'x'", "a checkpoint, or another text, is stored as the head"),
    }
    """By what another program has put in the place of the head: the text, in SQL, and words of the refusal."""

    @pytest.mark.parametrize("what", WRONG)
    def test_with_another_head_in_its_place_nobody_goes_on(self, kept: Kept, what: str) -> None:
        put, words = self.WRONG[what]
        if what == "none" and kept.server is None:
            kept.tampered("DELETE FROM heads")  # there, a trial without a signed head has no row
        else:
            kept.tampered(f"UPDATE heads SET note = {put(kept)}")
        with pytest.raises(HeadNotSigned, match=words):
            consent(kept, "S100", WRITER)
        with pytest.raises(HeadKeyMissing):
            consent(kept, "S100")
        with Trials.open(kept.address, heads=HeadKey(WRITER)) as trials:
            if what == "one of more":
                with pytest.raises(HeadAhead):
                    trials.trial(TRIAL).begin_signed_heads()
                return
            trials.trial(TRIAL).begin_signed_heads()
        assert consent(kept, "S100", WRITER) == ENTRIES + 1

    def test_a_restored_copy_has_none_and_begins_its_own(self, kept: Kept, tmp_path: Path) -> None:
        done(tmp_path, "export", kept.named, "log.jsonl")
        copy = Kept.of("postgres" if kept.server else "file", tmp_path / "x", kept.server)
        (tmp_path / "x").mkdir()
        done(tmp_path, "restore", "log.jsonl", copy.named)
        consent(copy, "S100")
        with Trials.open(copy.address, heads=HeadKey(WRITER)) as trials:
            trials.trial(TRIAL).begin_signed_heads()
        consent(copy, "S101", WRITER)
        with pytest.raises(HeadKeyMissing):
            consent(copy, "S102")


def quoted(text: str) -> str:
    """Write a text in SQL."""
    return f"'{text}'"


class TestCheckpointsAndProofs:
    def test_the_commands_sign_keep_prove_and_check(self, kept: Kept, tmp_path: Path) -> None:
        for name, key in (("signer", SIGNER), ("stranger", STRANGER)):
            write_keys(key, tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
        done(tmp_path, "checkpoint", kept.named, "--key", "signer.key", "--out", "first")
        consent(kept, "S100", WRITER)
        done(tmp_path, "checkpoint", kept.named, "--request", "--out", "request")
        assert (tmp_path / "request").read_text().startswith(f"old {ENTRIES}\n")  # the log keeps the first note
        done(tmp_path, "sign", "request", "--key", "signer.key", "--out", "second")
        told = done(tmp_path, "checkpoint", kept.named, "--keep", "second", "--trusted", "signer.pub")
        assert f"stores the checkpoint of {ENTRIES + 1} entries, signed by site.example/signer" in told
        stranger = refused(tmp_path, "checkpoint", kept.named, "--keep", "second", "--trusted", "stranger.pub")
        assert "is signed by site.example/signer, but must be signed by one of: stranger.example" in stranger
        with read_log(kept.named) as log:
            notes = log.reader.notes(TRIAL)
        assert notes == [
            (ENTRIES, (tmp_path / "first").read_text()),
            (ENTRIES + 1, (tmp_path / "second").read_text()),
        ]
        done(tmp_path, "export", kept.named, "log.jsonl")
        line = (tmp_path / "log.jsonl").read_text().splitlines()[6]
        (tmp_path / "entry").write_text(f"{line}\n")
        done(tmp_path, "prove", kept.named, 7, "--out", "proof")
        shown = answer(tmp_path, "check-proof", "proof", "entry", "--key", "signer.pub")
        assert (shown["shown"], shown["position"], shown["size"]) == (True, 7, ENTRIES + 1)
        assert json.loads(line)["stream"] == shown["stream"]

    def test_a_bundle_is_signed_and_its_export_covered_by_the_head(self, kept: Kept, tmp_path: Path) -> None:
        for name, key in (("signer", SIGNER), ("writer", WRITER)):
            write_keys(key, tmp_path / f"{name}.key", tmp_path / f"{name}.pub")
        asked = ["bundle", kept.named, "out", "--user", "investigator", "--why", "inspection", "--key", "signer.key"]
        assert f"the heads of trial {TRIAL} are signed: open the log with the key" in refused(tmp_path, *asked)
        done(tmp_path, *asked, "--head-key", "writer.key")
        assert "signed by site.example/signer" in done(tmp_path, "verify", "out", "--key", "signer.pub")
        size, note = head(kept)
        assert (size, parse_head(parse_note(note.encode()).text).size) == (ENTRIES + 1, ENTRIES + 1)

    def test_a_signer_keeps_what_it_signed(self, kept: Kept, tmp_path: Path) -> None:
        with Trials.open(kept.address, heads=HeadKey(WRITER)) as trials:
            tree = trials.trial(TRIAL).tree
            note = tree.signed_by(TreeSigner(SIGNER, tmp_path / "signed"))
            assert [one.key for one in tree.keep(note, [SIGNER.verifier])] == [SIGNER.verifier]
            assert tree.inclusion(3, note).index == 2
        with read_log(kept.named) as log:
            assert log.reader.notes(TRIAL) == [(ENTRIES, str(note))]
