"""A signer signs no tree that does not extend the tree that it signed before."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from eventsourcing.persistence import StoredEvent
from logs_kept import BOTH, Kept
from tampering import rows

from trialdomain import HeadKey, KeyKind, SigningKey, TreeSigner, TrialTree
from trialdomain.errors import InputInvalid, LogCorrupt, LogUnusable, TrialError
from trialdomain.signing.keys import SignatureMissing, SignatureWrong, signers
from trialdomain.signing.signer import SigningRefused
from trialdomain.signing.trees import CheckpointUnfit
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.heads import HeadKeyMissing, HeadNotSigned
from trialdomain.storage.leaves import LeafDiffers
from trialdomain.storage.postgres.address import postgres_address
from trialdomain.storage.postgres.store import PostgresStore
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore
from trialdomain.storage.store import Command, Sealed
from trialdomain.tree.checkpoint import (
    Checkpoint,
    Head,
    SigningRequest,
    origin_of,
    parse_checkpoint,
    parse_head,
    parse_request,
)
from trialdomain.tree.merkle import EMPTY_ROOT, root
from trialdomain.tree.note import Note, NoteMalformed, parse_note
from trialdomain.tree.proofs import ProofInvalid, check_consistency, consistency_proof

KEY = SigningKey.generate("site.example/signer")
SECOND = SigningKey.generate("sponsor.example/second", KeyKind.COSIGNER)
WHEN = datetime(2026, 3, 2, 8, 30, 15, tzinfo=UTC)
LEAVES = [sha256(bytes([0, number])).digest() for number in range(40)]
OTHERS = [*LEAVES[:9], bytes(32), *LEAVES[10:]]
"""The tenth was rewritten."""


def request(size: int, *, old: int = 0, leaves: list[bytes] = LEAVES, origin: str = "trialdomain/T1") -> SigningRequest:
    checkpoint = Checkpoint(origin, size, root(leaves[:size]))
    return SigningRequest(old, tuple(consistency_proof(leaves, old, size)), checkpoint)


@pytest.fixture
def signer(tmp_path: Path) -> TreeSigner:
    return TreeSigner(KEY, tmp_path / "signed", clock=lambda: WHEN)


class TestSigner:
    def test_it_signs_what_extends_what_it_signed_also_after_it_was_started_anew(
        self, signer: TreeSigner, tmp_path: Path
    ) -> None:
        assert signer.last("trialdomain/T1") is None
        for old, size in ((0, 0), (0, 5), (5, 5), (5, 8), (8, 40)):
            again = TreeSigner(KEY, tmp_path / "signed")
            note = again.sign(parse_request(str(request(size, old=old)).encode()))
            assert note.text == Checkpoint("trialdomain/T1", size, root(LEAVES[:size])).text
            assert [one.key for one in signers(note, [KEY.verifier])] == [KEY.verifier]
            assert signer.last("trialdomain/T1") == parse_checkpoint(note.text)

    @pytest.mark.shows("K-13")
    def test_a_log_that_was_rewritten_gets_no_signature(self, signer: TreeSigner) -> None:
        signer.sign(request(20))
        for asked in (
            request(20, old=20, leaves=OTHERS),
            request(30, old=20, leaves=OTHERS),
            SigningRequest(20, request(30, old=20).proof, request(30, leaves=OTHERS).checkpoint),
            SigningRequest(20, (), request(30).checkpoint),
            SigningRequest(20, (*request(30, old=20).proof, bytes(32)), request(30).checkpoint),
        ):
            with pytest.raises(SigningRefused, match="is not signed: "):
                signer.sign(asked)
        with pytest.raises(SigningRefused, match="had 20 entries when it was signed last, but has 19 now"):
            signer.sign(request(19, old=19))
        with pytest.raises(SigningRefused, match="ask again from 20"):
            signer.sign(request(30))
        assert signer.sign(request(30, old=20)).text == request(30).checkpoint.text

    def test_a_signer_who_knows_nothing_of_a_log_takes_no_proof_from_its_middle(self, signer: TreeSigner) -> None:
        with pytest.raises(SigningRefused, match="this key has signed nothing of trialdomain/T1 yet: ask again from 0"):
            signer.sign(request(30, old=20))

    def test_signatures_of_anybody_are_not_handed_on_and_disable_no_signer(self, signer: TreeSigner) -> None:
        asked = request(5)
        anybody = [SigningKey.generate(f"k{number}").sign(asked.checkpoint.text, at=WHEN) for number in range(64)]
        note = signer.sign(SigningRequest(0, (), asked.checkpoint, Note(asked.checkpoint.text, tuple(anybody))))
        assert [line.name for line in note.signatures] == [KEY.name]
        assert signer.sign(request(8, old=5)).text == request(8).checkpoint.text

    def test_a_first_request_is_checked_as_well(self, signer: TreeSigner) -> None:
        with pytest.raises(SigningRefused, match="the SHA-256 of no bytes"):
            signer.sign(SigningRequest(0, (), Checkpoint("trialdomain/T1", 0, bytes(32))))
        with pytest.raises(SigningRefused, match="there is nothing to prove"):
            signer.sign(SigningRequest(0, (bytes(32),), request(5).checkpoint))
        with pytest.raises(SigningRefused, match="the signed note of another tree"):
            signer.sign(SigningRequest(0, (), request(5).checkpoint, Note(request(8).checkpoint.text, ())))

    def test_no_name_of_a_log_makes_a_checkpoint_of_another(self, signer: TreeSigner, tmp_path: Path) -> None:
        """Whoever can write to a database can file entries under any name, and have its head signed."""
        signed = signer.sign(request(20))
        rest = signed.text.removeprefix("trialdomain/")
        for name in (rest + "x", f"T1\n40\n{rest.splitlines()[2]}\nx", "T1\n", "", "T" * 300):
            origin = origin_of(name) if name else ""
            with pytest.raises(SigningRefused, match="cannot be the name of a log"):
                signer.sign(SigningRequest(0, (), Checkpoint(origin, 5, root(LEAVES[:5]))))
        evil = f"T1\n40\n{rest.splitlines()[2]}\nx"
        recorder = SQLiteStore(tmp_path / "evil.db")
        recorder.insert_events(events(evil, 1))
        with pytest.raises(SigningRefused, match="cannot be the name of a log"):
            TrialTree(recorder, evil).signed_by(signer)
        recorder.close()
        writing = SQLiteStore(tmp_path / "heads.db", signer=HeadKey(WRITER))
        with pytest.raises(SigningRefused, match="cannot be the name of a trial"):
            writing.insert_events(events(evil, 1))
        assert writing.head(evil) == 0
        writing.close()

    def test_logs_are_kept_apart(self, signer: TreeSigner) -> None:
        signer.sign(request(20))
        signer.sign(request(5, origin="trialdomain/T2", leaves=OTHERS))
        assert [one.size for trial in ("T1", "T2") if (one := signer.last(origin_of(trial)))] == [20, 5]

    def test_of_two_who_ask_at_once_for_trees_that_part_one_is_refused(
        self, signer: TreeSigner, tmp_path: Path
    ) -> None:
        signer.sign(request(5))

        def ask(leaves: list[bytes]) -> str:
            try:
                return TreeSigner(KEY, tmp_path / "signed").sign(request(30, old=5, leaves=leaves)).text
            except SigningRefused as error:
                return str(error)

        with ThreadPoolExecutor(8) as pool:
            answers = set(pool.map(ask, [LEAVES, OTHERS] * 20))
        given = {request(30, leaves=leaves).checkpoint.text for leaves in (LEAVES, OTHERS)}
        assert len(answers & given) == 1

    def test_what_is_signed_is_on_the_disk_before_the_signature_is_given(
        self, signer: TreeSigner, tmp_path: Path
    ) -> None:
        signer.sign(request(5))
        with closing(sqlite3.connect(tmp_path / "signed", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFailed, match="database is locked"):
                signer.sign(request(8, old=5))
        assert signer.sign(request(7, old=5)).text == request(7).checkpoint.text

    @pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0" + b"x" * 5_000, None])
    def test_a_file_of_something_else_is_left_as_it_is(self, tmp_path: Path, content: bytes | None) -> None:
        file = tmp_path / "other"
        if content is None:
            with closing(sqlite3.connect(file)) as database:
                database.execute("CREATE TABLE t (a)")
            content = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(LogUnusable):
            TreeSigner(KEY, file).sign(request(5))
        assert file.read_bytes() == content
        with pytest.raises(TrialError):
            TreeSigner(KEY, tmp_path).sign(request(5))
        with pytest.raises(TrialError):
            TreeSigner(KEY, tmp_path / "none" / "signed").sign(request(5))


class TestCosigner:
    def test_a_second_party_signs_what_the_log_has_signed_with_the_time(
        self, signer: TreeSigner, tmp_path: Path
    ) -> None:
        second = TreeSigner(SECOND, tmp_path / "second", trusted=[KEY.verifier], clock=lambda: WHEN)
        note = signer.sign(request(5))
        cosigned = second.sign(SigningRequest(0, (), parse_checkpoint(note.text), note))
        both = signers(parse_note(str(cosigned).encode()), [KEY.verifier, SECOND.verifier])
        assert [(one.key.name, one.at) for one in both] == [("site.example/signer", None), (SECOND.name, WHEN)]

    def test_it_signs_nothing_that_nobody_signed_before(self, signer: TreeSigner, tmp_path: Path) -> None:
        second = TreeSigner(SECOND, tmp_path / "second", trusted=[KEY.verifier])
        with pytest.raises(SignatureMissing, match="is signed by no key"):
            second.sign(request(5))
        note = signer.sign(request(5))
        stranger = Note(note.text, (SigningKey.generate("stranger").sign(note.text, at=WHEN),))
        with pytest.raises(SignatureMissing, match="is signed by stranger"):
            second.sign(SigningRequest(0, (), parse_checkpoint(note.text), stranger))
        other = request(5, leaves=OTHERS[5:])
        with pytest.raises(SignatureWrong):
            second.sign(SigningRequest(0, (), other.checkpoint, Note(other.checkpoint.text, note.signatures)))
        with pytest.raises(SigningRefused, match="name that key as trusted"):
            TreeSigner(SECOND, tmp_path / "second").sign(SigningRequest(0, (), parse_checkpoint(note.text), note))
        assert second.last("trialdomain/T1") is None

    @pytest.mark.shows("K-12", "K-15")
    def test_with_a_stolen_key_a_second_history_gets_no_second_cosignature(
        self, signer: TreeSigner, tmp_path: Path
    ) -> None:
        second = TreeSigner(SECOND, tmp_path / "second", trusted=[KEY.verifier])
        first = signer.sign(request(20))
        second.sign(SigningRequest(0, (), parse_checkpoint(first.text), first))
        thief = TreeSigner(KEY, tmp_path / "elsewhere")
        forged = thief.sign(request(20, leaves=OTHERS))
        assert signers(forged, [KEY.verifier])  # the key alone does not tell
        with pytest.raises(SigningRefused, match="two trees of 20 leaves have different roots"):
            second.sign(SigningRequest(20, (), parse_checkpoint(forged.text), forged))


def events(stream: str, *versions: int) -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", b'{"meta":{"command":"c"}}') for version in versions]


@pytest.fixture
def recorder() -> Iterator[SQLiteStore]:
    with closing(SQLiteStore(MEMORY)) as recorder:
        recorder.insert_events(events("T1", *range(1, 21)))
        yield recorder


@pytest.fixture(params=BOTH)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    """An empty place for a log."""
    return Kept.of(request.param, tmp_path, request.getfixturevalue("server") if request.param == "postgres" else None)


def open_recorder(kept: Kept, signer: HeadKey | None = None) -> SQLiteStore | PostgresStore:
    address = postgres_address(kept.address)
    return SQLiteStore(kept.path, signer=signer) if address is None else PostgresStore(address, signer=signer)


class TestTrees:
    def test_heads_and_proofs_are_those_of_the_leaves(self, recorder: SQLiteStore) -> None:
        tree = TrialTree(recorder, "T1")
        leaves = list(recorder.leaves("T1", until=20))
        assert tree.head() == Checkpoint("trialdomain/T1", 20, root(leaves))
        assert tree.head(0) == Checkpoint("trialdomain/T1", 0, EMPTY_ROOT)
        assert tree.head(7).root == root(leaves[:7])
        check_consistency(7, root(leaves[:7]), 20, root(leaves), tree.consistency(7))
        with pytest.raises(InputInvalid, match="has 20 entries: it never had a tree of 21"):
            tree.head(21)
        with pytest.raises(ProofInvalid, match="some are missing"):
            tree.request(old=21)

    def test_a_checkpoint_of_another_log_or_another_tree_is_not_kept(
        self, recorder: SQLiteStore, signer: TreeSigner
    ) -> None:
        tree, leaves = TrialTree(recorder, "T1"), list(recorder.leaves("T1", until=20))
        signed = tree.signed_by(signer)
        tree.keep(signed, [KEY.verifier])
        assert recorder.notes("T1") == [(20, str(signed))]
        for wrong, why in (
            (request(20, origin="trialdomain/T2", leaves=leaves), "the checkpoint is of 'trialdomain/T2'"),
            (request(21, leaves=[*leaves, bytes(32)]), "has 21 entries, but the log has 20: entries are missing"),
            (request(20), "the first 20 entries do not have the root"),
        ):
            note = Note(wrong.checkpoint.text, (KEY.sign(wrong.checkpoint.text, at=WHEN),))
            with pytest.raises(CheckpointUnfit, match=why):
                tree.keep(note, [KEY.verifier])
        with pytest.raises(NoteMalformed):
            tree.keep(Note(signed.text, ()), [KEY.verifier])
        with pytest.raises(SignatureMissing):
            tree.keep(Note(signed.text, (SECOND.sign(signed.text, at=WHEN),)), [KEY.verifier])
        assert len(recorder.notes("T1")) == 1

    def test_an_entry_that_was_altered_gets_no_signature(self, kept: Kept, signer: TreeSigner) -> None:
        recorder = open_recorder(kept)
        recorder.insert_events(events("T1", 1, 2, 3))
        kept.tampered("UPDATE entries SET state = leaf WHERE position = 2")
        with pytest.raises(LeafDiffers, match="position 2"):
            TrialTree(recorder, "T1").signed_by(signer)
        assert signer.last("trialdomain/T1") is None
        recorder.close()


def command(number: int) -> Command:
    return Command(id=f"c{number}", request=bytes(32))


WRITER = SigningKey.generate("site.example/writer")


class TestHeads:
    def test_every_way_to_append_signs_the_head_in_the_same_transaction(self, kept: Kept) -> None:
        log = open_recorder(kept, HeadKey(WRITER))

        def head(trial: str = "T1") -> Head:
            [(size, text)] = kept.execute(f"SELECT size, note FROM heads WHERE trial = '{trial}'")
            note = parse_note(text.encode())
            assert signers(note, [WRITER.verifier])
            assert parse_head(note.text).size == size
            return parse_head(note.text)

        def of_tree(size: int, trial: str = "T1") -> Head:
            return Head(trial, size, TrialTree(log, trial).head(size).root)

        log.append("T1", [Sealed(command(1), events("T1", 1, 2))])
        assert head() == of_tree(2)
        log.append("T1", [Sealed(command(2), events("T1", 3)), Sealed(command(3), events("T1", 4, 5))])
        assert head() == of_tree(5)
        log.insert_events([*events("T1", 6), *events("T2", 1), *events("T1", 7)])
        assert (head(), head("T2")) == (of_tree(7), of_tree(1, "T2"))
        log.close()

    @pytest.mark.shows("K-06")
    @pytest.mark.parametrize("restarted", [True, False])
    def test_an_entry_that_was_forged_is_never_taken_over(self, kept: Kept, *, restarted: bool) -> None:
        log = open_recorder(kept, HeadKey(WRITER))
        log.insert_events(events("T1", 1, 2))
        kept.execute(
            "INSERT INTO entries (trial, position, stream, version, name, state, leaf)"
            " SELECT trial, 3, stream, 3, name, state, leaf FROM entries WHERE position = 2"
        )
        if kept.server is not None:  # there, the row has the size of every trial, whose heads are signed or not
            with pytest.raises(LogCorrupt, match="in the table of heads says 2 entries, and its entries end elsewhere"):
                log.insert_events(events("T1", 4))
            kept.execute("UPDATE heads SET size = 3")
        if restarted:
            log.close()
            log = open_recorder(kept, HeadKey(WRITER))
        with pytest.raises(HeadNotSigned, match="covers the 3 entries of trial T1"):
            log.insert_events(events("T1", 4))
        assert log.head("T1") == 3
        log.close()

    def test_who_has_no_key_cannot_append_where_heads_are_signed(self, kept: Kept) -> None:
        log = open_recorder(kept, HeadKey(WRITER))
        log.insert_events(events("T1", 1))
        log.close()
        for version, other in enumerate((None, HeadKey(SigningKey.generate("site.example/writer"))), start=1):
            log = open_recorder(kept, other)
            with pytest.raises(HeadKeyMissing if other is None else HeadNotSigned):
                log.insert_events(events("T1", 2))
            log.insert_events(events(f"T2-{version}", 1))  # whose heads nobody signed
            log.close()

    def test_two_writers_trust_each_other_when_they_are_told(self, kept: Kept) -> None:
        other = SigningKey.generate("site.example/other")
        one = open_recorder(kept, HeadKey(WRITER, trusted=[other.verifier]))
        two = open_recorder(kept, HeadKey(other, trusted=[WRITER.verifier]))
        for number in range(1, 11):
            (one if number % 2 else two).insert_events(events("T1", number))
        assert one.head("T1") == 10
        one.close()
        two.close()

    def test_signing_begins_later_when_somebody_says_so(self, kept: Kept) -> None:
        plain = open_recorder(kept)
        plain.insert_events(events("T1", 1))
        with pytest.raises(HeadKeyMissing):
            plain.begin_signing("T1")
        plain.close()
        log = open_recorder(kept, HeadKey(WRITER))
        with pytest.raises(HeadNotSigned):
            log.insert_events(events("T1", 2))
        assert signers(parse_note(log.begin_signing("T1").encode()), [WRITER.verifier])
        log.insert_events(events("T1", 2))
        log.close()

    def test_what_fails_to_commit_leaves_no_head_and_the_next_one_fits(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = SQLiteStore(tmp_path / "log.db", signer=HeadKey(WRITER))
        log.append("T1", [Sealed(command(1), events("T1", 1))])
        with monkeypatch.context() as patched:
            patched.setattr(
                "trialdomain.storage.sqlite.inserted.INSERT_COMMAND", "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?)"
            )
            with pytest.raises(TrialError):
                log.append("T1", [Sealed(command(2), events("T1", 2))])
        log.append("T1", [Sealed(command(2), events("T1", 2))])
        [(text,)] = rows(tmp_path / "log.db", "SELECT note FROM heads")
        assert parse_head(parse_note(text.encode()).text) == Head("T1", 2, TrialTree(log, "T1").head(2).root)
        log.close()

    def test_what_a_trigger_of_somebody_else_swallows_is_not_acknowledged(self, tmp_path: Path) -> None:
        path = tmp_path / "log.db"
        log = SQLiteStore(path)
        with closing(sqlite3.connect(path)) as attacker:
            attacker.execute("CREATE TRIGGER evil BEFORE INSERT ON entries BEGIN SELECT RAISE(IGNORE); END")
        for append in (
            lambda: log.insert_events(events("T1", 1)),
            lambda: log.append("T1", [Sealed(command(1), events("T1", 1))]),
            lambda: log.append("T1", [Sealed(command(1), events("T1", 1)), Sealed(command(2), events("T1", 2))]),
        ):
            with pytest.raises(LogCorrupt, match="the log was tampered with; verify it"):
                append()
        log.close()

    def test_a_cosigner_signs_no_heads(self) -> None:
        with pytest.raises(SigningRefused, match="is the key of a cosigner"):
            HeadKey(SECOND)
