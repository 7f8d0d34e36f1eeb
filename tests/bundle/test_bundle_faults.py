"""A change of a bundle is named by its place, and puts nothing else in doubt; every defect is reported."""

import base64
import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from site_desk import REASON, Site

from trialdomain import LogUnusable, Role, SigningKey, TreeSigner, User, Verified, VerifierKey, verify
from trialdomain.__main__ import main
from trialdomain.exchange.bundle import BundleMalformed, read_manifest, read_proof, write_proof
from trialdomain.tree.checkpoint import Checkpoint
from trialdomain.tree.note import Note
from trialdomain.verification.defect import What
from trialdomain.verification.order import in_order

KEY = SigningKey.generate("site.example/signer")
MONITOR = User(id="monitor", name="Monitor", role=Role.MONITOR, organization="Sponsor")
BUNDLES = ("whole", "one", "two")
"""Of the whole log, of one participant, and of two."""
EVENTS, PROOFS = "events.jsonl", "proofs.jsonl"
ROOT = Path(__file__).parents[2]

Place: TypeAlias = tuple[int, str, int]
"""Position, stream and version."""
Lines: TypeAlias = list[bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bundles of one log, each signed."""
    folder = tmp_path_factory.mktemp("made")
    site = Site(address=f"sqlite:///{folder / 'log.db'}")
    site.treat("S001", "S002", "S003")
    event = site.on(5).toxicity("S002")
    site.on(29).assess("S001", "S003")
    site.desk.correct(event, reason=REASON, grade=2)
    site.on(30).assess("S002")
    site.decide()
    signer, monitor = TreeSigner(KEY, folder / "signed"), site.trial.acting(MONITOR)
    for name, participants in zip(BUNDLES, ((), ("S002",), ("S001", "S003")), strict=True):
        monitor.export(folder / name, why="inspection 12", participants=participants, signer=signer)
    (folder / "older.txt").write_text(str(note_at(site, 5)), "utf-8")
    site.on(31).treat("S004")
    (folder / "later.txt").write_text(str(note_at(site, site.trial.tree.size)), "utf-8")
    site.trials.close()
    return folder


def note_at(site: Site, size: int) -> Note:
    text = site.trial.tree.head(size).text
    return Note(text, (KEY.sign(text, at=datetime(2026, 1, 1, tzinfo=UTC)),))


@pytest.fixture(params=BUNDLES)
def bundle(request: pytest.FixtureRequest, made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / request.param, tmp_path / request.param))


@pytest.fixture
def whole(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "whole", tmp_path / "whole"))


@pytest.fixture
def one(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "one", tmp_path / "one"))


def lines(bundle: Path, name: str) -> Lines:
    return (bundle / name).read_bytes().splitlines(keepends=True)


def entries(bundle: Path) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, lines(bundle, EVENTS)) if "leaf" in line]


def places(bundle: Path) -> list[Place]:
    return [(entry["position"], entry["stream"], entry["version"]) for entry in entries(bundle)]


def fitted(bundle: Path, **changes: Any) -> Path:  # noqa: ANN401 - whatever JSON has
    """Let the manifest say of every file what is there, as whoever changes a bundle would."""
    manifest = json.loads((bundle / "manifest.json").read_bytes()) | changes
    manifest["files"] = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256(file.read_bytes()).hexdigest()}
        for file in bundle.iterdir()
        if file.name != "manifest.json"
    }
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return bundle


def edited(bundle: Path, name: str, change: Callable[[Lines], Lines]) -> Path:
    (bundle / name).write_bytes(b"".join(change(lines(bundle, name))))
    return fitted(bundle)


def checked(bundle: Path, **how: Any) -> Verified:  # noqa: ANN401 - as verify takes it
    return verify(bundle, **({"keys": [KEY.verifier]} | how))


def found(verified: Verified) -> list[tuple[What, int | None, str | None, int | None]]:
    return [(one.what, one.position, one.stream, one.version) for one in verified.defects]


def packed(folder: Path, place: Path, *more: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
        for one in sorted(folder.iterdir()):
            file.write(one, one.name)
        for name, data in more:
            file.writestr(name, data)
    return place


# One line that was changed.


def dropped(at: int) -> Callable[[Lines], Lines]:
    return lambda given: [*given[:at], *given[at + 1 :]]


def copied(at: int, to: int) -> Callable[[Lines], Lines]:
    return lambda given: [*given[:to], given[at], *given[to:]]


def moved(at: int, to: int) -> Callable[[Lines], Lines]:
    def change(given: Lines) -> Lines:
        rest = [*given[:at], *given[at + 1 :]]
        return [*rest[:to], given[at], *rest[to:]]

    return change


def exchanged(at: int, other: int) -> Callable[[Lines], Lines]:
    def change(given: Lines) -> Lines:
        given = list(given)
        given[at], given[other] = given[other], given[at]
        return given

    return change


def rewritten(at: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Lines], Lines]:
    """Change the keys of one line, and leave a state byte for byte as it is."""

    def run(given: Lines) -> Lines:
        line, state = given[at], given[at].partition(b',"state":')[2]
        head = json.dumps(change(json.loads(line) | ({"state": None} if state else {})), separators=(",", ":"))
        made = head.encode().replace(b'"state":null}', b'"state":' + state) if state else head.encode() + b"\n"
        return [*given[:at], made, *given[at + 1 :]]

    return run


def other_state(at: int, *, leaf: bool) -> Callable[[Lines], Lines]:
    """Let somebody else have recorded an entry, with or without the leaf that fits."""

    def run(given: Lines) -> Lines:
        state = re.sub(rb'"user":"[a-z]+"', b'"user":"somebody"', given[at].partition(b',"state":')[2][:-2])
        entry = json.loads(given[at])
        told = {
            "format": "trialdomain-leaf/1",
            "state_sha256": sha256(state).hexdigest(),
            "stream": entry["stream"],
            "topic": entry["name"],
            "version": entry["version"],
        }
        fits = sha256(b"\0" + json.dumps(told, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
        head = {key: entry[key] for key in ("position", "stream", "version", "name")}
        head["leaf"] = fits if leaf else entry["leaf"]
        line = json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"state":' + state + b"}\n"
        return [*given[:at], line, *given[at + 1 :]]

    return run


def places_of_interest(bundle: Path) -> Sequence[int]:
    """The first lines, one in the middle, and one in which something follows in its stream."""
    number = len(places(bundle))
    return (0, 1, 2, number // 2, number - 2, number - 1)


def other_hash(line: dict[str, Any]) -> dict[str, Any]:
    first = bytearray(base64.b64decode(line["hashes"][0]))
    first[7] ^= 1
    return line | {"hashes": [base64.b64encode(first).decode(), *line["hashes"][1:]]}


class TestOneProof:
    """A line of proofs.jsonl."""

    def test_one_that_is_gone_is_named_by_its_entry_and_no_other(self, bundle: Path) -> None:
        original = lines(bundle, PROOFS)
        for at in places_of_interest(bundle):
            (bundle / PROOFS).write_bytes(b"".join(original))
            result = checked(edited(bundle, PROOFS, dropped(at)))
            assert found(result) == [(What.BUNDLE, *places(bundle)[at])]
            assert result.defects[0].why == f"position {places(bundle)[at][0]} has no proof"

    def test_one_that_stands_twice_out_of_place_or_under_another_position(self, bundle: Path) -> None:
        original, all_places = lines(bundle, PROOFS), places(bundle)
        last = len(original) - 1
        for at, change in (
            (2, copied(2, 3)),
            (2, copied(2, 6)),
            (last, copied(last, 0)),
            (0, copied(0, last)),
            (2, moved(2, 5)),
            (5, moved(5, 1)),
            (last, moved(last, 0)),
            (0, moved(0, last)),
            (3, rewritten(3, lambda line: line | {"position": 10**12})),
            (3, rewritten(3, lambda line: line | {"position": -1})),
            (3, rewritten(3, lambda line: line | {"position": all_places[2][0]})),
            (3, rewritten(3, lambda line: line | {"position": all_places[4][0]})),
            (last, rewritten(last, lambda line: line | {"position": 10**12})),
            (3, lambda given: [*given[:3], b"\n", *given[4:]]),
            (3, lambda given: [*given[:3], b"x" * 10_000 + b"\n", *given[4:]]),
            (3, lambda given: [*given[:3], given[3].replace(b"{", b'{"position":1,'), *given[4:]]),
        ):
            (bundle / PROOFS).write_bytes(b"".join(original))
            assert found(checked(edited(bundle, PROOFS, change))) == [(What.BUNDLE, *all_places[at])]

    def test_those_of_two_entries_that_were_exchanged(self, bundle: Path) -> None:
        original, all_places = lines(bundle, PROOFS), places(bundle)
        hashes = {at: json.loads(original[at])["hashes"] for at in (2, 5)}
        for change in (
            exchanged(2, 5),
            lambda given: rewritten(5, lambda line: line | {"hashes": hashes[2]})(
                rewritten(2, lambda line: line | {"hashes": hashes[5]})(given)
            ),
        ):
            (bundle / PROOFS).write_bytes(b"".join(original))
            named = found(checked(edited(bundle, PROOFS, change)))
            assert sorted(named, key=str) == sorted([(What.BUNDLE, *all_places[at]) for at in (2, 5)], key=str)

    def test_a_block_that_was_moved_is_named_and_not_what_it_was_moved_past(self, bundle: Path) -> None:
        named = found(checked(edited(bundle, PROOFS, lambda given: [*given[4:6], *given[:4], *given[6:]])))
        assert sorted(named, key=str) == sorted([(What.BUNDLE, *place) for place in places(bundle)[4:6]], key=str)

    def test_one_that_leads_elsewhere_is_the_proof_where_the_whole_log_tells(self, whole: Path) -> None:
        result = checked(edited(whole, PROOFS, rewritten(4, other_hash)))
        assert found(result) == [(What.BUNDLE, *places(whole)[4])]
        assert result.defects[0].why == "the proof of position 5 was changed"

    def test_and_the_entry_or_its_proof_where_nothing_else_tells(self, one: Path) -> None:
        result = checked(edited(one, PROOFS, rewritten(4, other_hash)))
        assert found(result) == [(What.ALTERED, *places(one)[4])]
        assert result.defects[0].why.endswith("it was altered, or its proof was")

    @pytest.mark.parametrize("left", [b"", b"\n" * 30, b"{}\n" * 30])
    def test_where_there_is_none_no_entry_is_accused(self, bundle: Path, left: bytes) -> None:
        (bundle / PROOFS).write_bytes(left)
        result = checked(fitted(bundle))
        assert {one.what for one in result.defects} == {What.BUNDLE}
        assert "proofs.jsonl has no proof: nothing shows that the entries are in the tree" in {
            one.why for one in result.defects
        }
        assert {one.position for one in result.defects} == {None}

    def test_those_of_another_tree_accuse_no_entry_of_a_whole_log(self, whole: Path, made: Path) -> None:
        other = lines(made / "whole", PROOFS)
        changed = [rewritten(at, lambda line: line | {"hashes": line["hashes"][::-1]})(other)[at] for at in range(30)]
        (whole / PROOFS).write_bytes(b"".join(changed[: len(places(whole))]))
        result = checked(fitted(whole))
        assert not [one for one in result.defects if one.what is not What.BUNDLE]


class TestOneEntry:
    """A line of events.jsonl."""

    def test_one_that_is_gone_is_named_and_no_other(self, bundle: Path) -> None:
        original, all_places = lines(bundle, EVENTS), places(bundle)
        for at in places_of_interest(bundle):
            place = all_places[at]
            (bundle / EVENTS).write_bytes(b"".join(original))
            named = found(checked(edited(bundle, EVENTS, dropped(at))))
            missing = [one for one in named if one[0] is What.MISSING]
            if any(stream == place[1] and version > place[2] for _, stream, version in all_places):
                assert named == missing == [(What.MISSING, *place)]
            else:  # what comes last in its stream has no version that is known to be missing
                assert missing == [(What.MISSING, place[0], None, None)]
                assert {one[:2] for one in named} <= {(What.MISSING, place[0]), (What.TRUNCATED, None)}

    def test_one_that_is_gone_with_its_proof(self, bundle: Path) -> None:
        whole, place = bundle.name == "whole", places(bundle)[3]
        edited(bundle, PROOFS, dropped(3))
        assert found(checked(edited(bundle, EVENTS, dropped(3)))) == [
            (What.MISSING, place[0] if whole else None, *place[1:])
        ]

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            (copied(4, 5), What.REORDERED),
            (copied(4, 6), What.REORDERED),
            (moved(4, 6), What.REORDERED),
            (moved(4, 0), What.REORDERED),
            (other_state(4, leaf=False), What.ALTERED),
            (rewritten(4, lambda line: line | {"leaf": "00" * 31 + "01"}), What.ALTERED),
            (rewritten(4, lambda line: line | {"leaf": ""}), What.NO_LEAF),
            (rewritten(4, lambda line: line | {"leaf": line["leaf"].upper()}), What.REFORMATTED),
            (lambda given: [*given[:4], given[4].replace(b'"meta":', b'"meta" : '), *given[5:]], What.REFORMATTED),
        ],
    )
    def test_one_that_was_changed_or_moved_is_named_and_no_other(
        self, bundle: Path, change: Callable[[Lines], Lines], what: What
    ) -> None:
        place = places(bundle)[4]
        assert found(checked(edited(bundle, EVENTS, change))) == [(what, *place)]

    def test_one_that_was_changed_with_its_leaf_is_not_in_the_tree(self, bundle: Path) -> None:
        place = places(bundle)[4]
        named = found(checked(edited(bundle, EVENTS, other_state(4, leaf=True))))
        assert [one for one in named if one[1] is not None] == [(What.ALTERED, *place)]
        assert {one[0] for one in named} <= {What.ALTERED, What.REWRITTEN}

    @pytest.mark.parametrize("position", [0, -3, 10**12])
    def test_one_that_says_another_position(self, bundle: Path, position: int) -> None:
        (_, stream, version), number = places(bundle)[4], len(places(bundle))
        for at in (4, number - 1):
            _, stream, version = places(bundle)[at]
            shutil.copytree(bundle, copy := bundle.with_name(f"{bundle.name}-{at}"))
            change = rewritten(at, lambda line: line | {"position": position})
            assert found(checked(edited(copy, EVENTS, change))) == [(What.REORDERED, position, stream, version)]

    def test_a_block_that_was_moved_is_named_and_not_what_it_was_moved_past(self, bundle: Path) -> None:
        all_places = places(bundle)
        named = found(checked(edited(bundle, EVENTS, lambda given: [*given[4:6], *given[:4], *given[6:]])))
        assert sorted(named, key=str) == sorted([(What.REORDERED, *place) for place in all_places[4:6]], key=str)

    def test_the_trial_is_told_by_most_lines_and_not_by_the_first(self, whole: Path) -> None:
        def change(given: Lines) -> Lines:
            return rewritten(0, lambda line: line | {"stream": "T9"})(given)

        named = found(checked(edited(whole, EVENTS, change)))
        assert {one[1] for one in named} == {1}

    @pytest.mark.parametrize("stream", ["T9/participant/S001", "T9", "", "x" * 290])
    @pytest.mark.parametrize("number", [0, 6])
    def test_one_whose_stream_was_changed_to_that_of_another_trial_is_named_once(
        self, whole: Path, number: int, stream: str
    ) -> None:
        position, _, version = places(whole)[number]
        edited(whole, EVENTS, rewritten(number, lambda line: line | {"stream": stream}))
        named = found(checked(whole))
        assert named == [(What.ALTERED, position, stream, version)]
        shutil.copy(whole / EVENTS, whole.parent / "export.jsonl")
        assert found(verify(whole.parent / "export.jsonl")) == named

    def test_one_that_is_too_many_or_left_out_may_be_the_number_that_was_changed(self, one: Path) -> None:
        number = len(places(one))
        for said in (number - 1, number + 1):
            [defect] = checked(fitted(one, entries=said)).defects
            assert (defect.what, defect.position) == (What.BUNDLE, None)
            assert defect.why.startswith(f"manifest.json says {said} entries, but there are {number}")

    def test_a_proof_that_is_left_over_is_of_an_entry_that_is_gone_or_was_added(self, one: Path) -> None:
        position = places(one)[-1][0]
        edited(one, EVENTS, lambda given: given[:-1])
        assert found(checked(one)) == [(What.MISSING, position, None, None)]
        [defect] = checked(fitted(one, entries=len(places(one)))).defects
        assert (defect.what, defect.position) == (What.BUNDLE, position)
        assert defect.why.endswith("the proof was added, or the entry removed")


class TestTheLastLine:
    @pytest.mark.parametrize(
        "change", [{"size": 5}, {"size": 10_000}, {"root": "00" * 32}, {"root": "zz"}, {"trial": "T2"}]
    )
    def test_one_that_was_changed_accuses_no_entry(self, whole: Path, change: dict[str, object]) -> None:
        number = len(lines(whole, EVENTS))
        edited(whole, EVENTS, rewritten(number - 1, lambda line: line | change))
        [defect] = checked(whole).defects
        assert (defect.what, defect.line, defect.position) == (What.BUNDLE, number, None)
        assert defect.why.endswith("it was changed")

    def test_one_that_is_gone(self, whole: Path) -> None:
        [defect] = checked(edited(whole, EVENTS, lambda given: given[:-1])).defects
        assert (defect.what, defect.position) == (What.BUNDLE, None)

    def test_entries_that_are_gone_from_the_end_with_their_proofs_are_named(self, whole: Path) -> None:
        last = places(whole)[-1][0]
        edited(whole, PROOFS, lambda given: given[:-2])
        named = found(checked(edited(whole, EVENTS, lambda given: [*given[:-3], given[-1]])))
        assert [one for one in named if one[0] is not What.TRUNCATED] == [
            (What.MISSING, position, None, None) for position in (last - 1, last)
        ]

    def test_entries_that_are_gone_with_it_are_gone(self, whole: Path) -> None:
        named = found(checked(edited(whole, EVENTS, lambda given: given[:-2])))
        assert {one[0] for one in named} == {What.TRUNCATED, What.MISSING}


# The manifest.


def manifest_of(bundle: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((bundle / "manifest.json").read_bytes())
    return read


def said(bundle: Path, **changes: Any) -> Verified:  # noqa: ANN401 - whatever JSON has
    (bundle / "manifest.json").write_text(json.dumps(manifest_of(bundle) | changes), "utf-8")
    return checked(bundle)


class TestTheManifest:
    def test_it_says_what_follows_from_the_entries(self, whole: Path) -> None:
        manifest = manifest_of(whole)
        states = [json.loads(line)["state"] for line in lines(whole, EVENTS)[:-1]]
        registered = next(state["fact"]["protocol"] for state in states if "protocol" in state["fact"])
        [software] = [entry["state"]["fact"]["version"] for entry in entries(whole) if "software" in entry["name"]]
        assert (manifest["zone"], manifest["protocol"]) == (registered["zone"], registered["version"])
        assert manifest["software"] == software
        # 06:00 UTC on day 30, the last on which anything was recorded of the trial, is 14:00 in Shanghai.
        assert (manifest["on"], manifest["zone"]) == ("2026-04-01", "Asia/Shanghai")

    def test_also_of_a_tree_that_ends_inside_a_command(self, tmp_path: Path) -> None:
        site = Site(address=f"sqlite:///{tmp_path / 'log.db'}")
        site.treat("S001")
        site.on(3).toxicity("S001")
        last = site.trial.tree.size
        for size in range(last - 8, last + 1):
            place = tmp_path / str(size)
            note = note_at(site, size)
            site.desk.export(place, why="inspection 12", note=note, keys=[KEY.verifier])
            assert (checked(place).defects, checked(place).trials[0].size) == ((), size)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("on", "2026-03-31"),
            ("on", "20260401"),
            ("on", "soon"),
            ("zone", "UTC"),
            ("zone", "Nowhere/Else"),
            ("protocol", "7"),
            ("software", "9.9.9"),
            ("software", None),
            ("trial", "T2"),
            ("trial", ""),
            ("size", 5),
            ("size", 10**6),
            ("size", 0),
            ("size", -1),
            ("root", "00" * 32),
            ("root", "zz"),
            ("root", ""),
            ("entries", 3),
            ("entries", 10**6),
            ("participants", []),
            ("participants", ["S002"]),
            ("at", "2026-03-01T00:00:00+00:00"),
            ("at", "yesterday"),
            ("at", "2027-01-01T00:00:00"),
            ("recorded", None),
            ("recorded", 3),
            ("by", None),
            ("by", {"user": "x", "name": "x", "role": "king", "organization": "x"}),
            ("files", {"manifest.json": {"bytes": 1, "sha256": "00" * 32}}),
        ],
    )
    def test_what_it_says_otherwise_is_its_own_fault(self, whole: Path, field: str, value: object) -> None:
        assert value != manifest_of(whole)[field]
        result = said(whole, **{field: value})
        assert {(one.what, one.position) for one in result.defects} == {(What.BUNDLE, None)}
        assert any(one.why.startswith("manifest.json") for one in result.defects)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("trial", "T2"),
            ("size", 5),
            ("size", 10**6),
            ("root", "00" * 32),
            ("root", "zz"),
            ("on", "2026-03-01"),
            ("zone", "Nowhere/Else"),
            ("at", "2026-03-01T00:00:00+00:00"),
            ("recorded", None),
            ("by", None),
            ("participants", None),
            ("participants", ["S002", "S002"]),
            ("participants", ["S002", "../S003"]),
        ],
    )
    def test_also_of_one_that_is_filtered(self, one: Path, field: str, value: object) -> None:
        result = said(one, **{field: value})
        whats = {one.what for one in result.defects}
        assert What.BUNDLE in whats
        assert whats <= {What.BUNDLE, *([What.MISSING] if "../S003" in str(value) else [])}
        assert {one.position for one in result.defects} == {None}

    def test_a_participant_named_twice_or_nobody_is_said(self, one: Path) -> None:
        assert [defect.why for defect in said(one, participants=["S002", "S002"]).defects] == [
            "manifest.json says participant 'S002' 2 times"
        ]
        for name in (EVENTS, PROOFS):
            (one / name).write_bytes(b"")
        whys = [defect.why for defect in checked(fitted(one, participants=[], entries=0)).defects]
        assert (
            "manifest.json says an empty list of participants: write null for the whole log, or name at least one"
            in whys
        )

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('"size": ', '"size": 1, "size": '),
            ('"by": {"user": ', '"by": {"user": "mo", "user": '),
            ('"bytes": ', '"bytes": 1, "bytes": '),
            ('"README.txt": ', '"README.txt": {"bytes": 1, "sha256": "00"}, "README.txt": '),
            ('"participants": ', '"participants": null, "participants": '),
        ],
    )
    def test_a_key_that_stands_twice_at_whatever_depth(self, bundle: Path, old: str, new: str) -> None:
        text = json.dumps(manifest_of(bundle))
        assert old in text
        (bundle / "manifest.json").write_text(text.replace(old, new, 1), "utf-8")
        with pytest.raises(BundleMalformed, match="two ways"):
            read_manifest((bundle / "manifest.json").read_bytes())
        [defect] = checked(bundle).defects
        assert (defect.what, "can be read in two ways: it has a duplicate key" in defect.why) == (What.BUNDLE, True)

    def test_and_in_a_proof(self) -> None:
        line = write_proof(7, [bytes(32)])
        assert read_proof(line) == (7, [bytes(32)])
        for twice in (line.replace(b"{", b'{"position":8,'), line.replace(b"{", b'{"hashes":[],')):
            with pytest.raises(BundleMalformed, match="it has a duplicate key"):
                read_proof(twice)
        with pytest.raises(BundleMalformed, match="base64"):
            read_proof(line.replace(b"AAA=", b"AAB="))

    def test_a_wrong_root_of_it_and_of_the_checkpoint_accuses_no_entry(self, bundle: Path) -> None:
        trial, size = manifest_of(bundle)["trial"], manifest_of(bundle)["size"]
        (bundle / "checkpoint.txt").write_text(Checkpoint(f"trialdomain/{trial}", size, bytes(32)).text, "utf-8")
        result = checked(fitted(bundle, root="00" * 32), keys=None)
        assert result.defects
        assert {one.position for one in result.defects} == {None}
        assert {one.what for one in result.defects} <= {What.BUNDLE, What.BAD_CHECKPOINT}

    @pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", "[" * 100_000, '{"format": 7}'])
    def test_one_that_cannot_be_read_hides_nothing_else(self, bundle: Path, text: str) -> None:
        (bundle / "manifest.json").write_text(text, "utf-8")
        [defect] = checked(bundle).defects
        assert (defect.what, defect.why.startswith("manifest.json is not a manifest")) == (What.BUNDLE, True)
        place = places(bundle)[4]
        (bundle / EVENTS).write_bytes(b"".join(other_state(4, leaf=False)(lines(bundle, EVENTS))))
        assert found(checked(bundle))[1:] == [(What.ALTERED, *place)]

    def test_the_roots_of_an_earlier_version_which_wrote_them_in_hex_are_read(self, whole: Path) -> None:
        manifest = manifest_of(whole)
        in_hex = base64.b64decode(manifest["root"]).hex()
        number = len(lines(whole, EVENTS))
        edited(whole, EVENTS, rewritten(number - 1, lambda line: line | {"root": in_hex}))
        assert checked(fitted(whole, root=in_hex)).ok

    def test_hashes_in_capitals_say_the_same(self, bundle: Path) -> None:
        manifest = manifest_of(bundle)
        files = {name: file | {"sha256": file["sha256"].upper()} for name, file in manifest["files"].items()}
        result = said(bundle, root=base64.b64decode(manifest["root"]).hex().upper(), files=files)
        assert {(one.what, one.position) for one in result.defects} == {(What.REFORMATTED, None)}

    @pytest.mark.parametrize("participants", [["S001"], ["S009"], ["S001", "S009"]])
    def test_other_participants_accuse_no_entry_of_those_who_are_there(
        self, one: Path, participants: list[str]
    ) -> None:
        [defect] = said(one, participants=participants).defects
        assert (defect.what, defect.position) == (What.BUNDLE, None)
        assert defect.why.startswith(f"manifest.json names {', '.join(participants)}, who have no entry")
        assert "and not S002, who have entries" in defect.why

    def test_what_nothing_binds_is_listed(self, whole: Path) -> None:
        by = {"user": "x", "name": "X", "role": "sponsor", "organization": "Y"}
        later = {"at": "2027-01-01T00:00:00+00:00", "recorded": 10**6, "why": "another", "written_with": "7"}
        assert said(whole, by=by, **later).ok
        page = (ROOT / "docs/explanation/tamper-evidence.md").read_text("utf-8")
        assert "who exported, when, why, at which position, and with which version" in " ".join(page.split())

    def test_an_older_checkpoint_from_elsewhere_cannot_be_compared_with_a_filtered_one(
        self, bundle: Path, made: Path
    ) -> None:
        result = checked(bundle, checkpoints=[("older", (made / "older.txt").read_bytes())])
        assert result.ok
        fits = {one.where: one.fits for one in result.trials[0].compared}
        assert fits["older"] is (True if bundle.name == "whole" else None)

    @pytest.mark.parametrize("keys", [[KEY.verifier], None], ids=["key", "no key"])
    def test_a_later_checkpoint_from_elsewhere_says_nothing_of_what_was_handed_out_before_it(
        self, bundle: Path, made: Path, keys: list[VerifierKey] | None
    ) -> None:
        later = (made / "later.txt").read_bytes()
        result = verify(bundle, checkpoints=[("later", later)], keys=keys)
        assert result.ok
        assert {one.where: one.fits for one in result.trials[0].compared}["later"] is None
        [notice] = [one for one in result.trials[0].notices if "later" in one]
        assert "the bundle does not have what was recorded since" in notice

    def test_one_that_nobody_has_signed_is_named_all_the_same(self, bundle: Path, made: Path) -> None:
        later = (made / "later.txt").read_text("utf-8")
        text = later.partition("\n\n")[0] + "\n"
        strange = str(
            Note(text, (SigningKey.generate("else.example").sign(text, at=datetime(2026, 1, 1, tzinfo=UTC)),))
        )
        [defect] = verify(bundle, checkpoints=[("later", strange.encode())], keys=[KEY.verifier]).defects
        assert defect.what is What.BAD_SIGNATURE

    def test_entries_that_were_cut_off_are_missing_whatever_a_later_checkpoint_says(
        self, whole: Path, made: Path
    ) -> None:
        edited(whole, EVENTS, lambda there: there[:-4])
        later = (made / "later.txt").read_bytes()
        whats = {one.what for one in checked(whole, checkpoints=[("later", later)]).defects}
        assert whats & {What.MISSING, What.TRUNCATED}

    def test_an_older_checkpoint_in_the_place_of_its_own(self, bundle: Path, made: Path) -> None:
        shutil.copy(made / "older.txt", bundle / "checkpoint.txt")
        whats = {one.what for one in checked(fitted(bundle)).defects}
        expected = {What.BUNDLE} if bundle.name == "whole" else {What.BAD_CHECKPOINT, What.BAD_SIGNATURE}
        assert whats == expected


# Its files.


def as_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's name has a hundred characters at most
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(before)


def as_link_to_a_pipe(path: Path) -> None:
    os.mkfifo(path.parent.parent / "pipe")
    path.symlink_to("../pipe")


OTHERS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": as_socket,
    "a folder": Path.mkdir,
    "a link to a device that never ends": lambda path: path.symlink_to("/dev/zero"),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to a pipe": as_link_to_a_pipe,
    "a link to the file": lambda path: path.symlink_to(shutil.copy(__file__, path.parent.parent / "file")),
}
NAMES = (EVENTS, PROOFS, "checkpoint.txt", "changes.csv", "README.txt", "verifier-keys.txt")


class TestWhatIsNoFile:
    @pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
    def test_it_is_named_and_never_opened(
        self, whole: Path, one: Path, other: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        really = os.open

        def opened(path: Any, flags: int, *more: Any, **how: Any) -> int:  # noqa: ANN401 - as os.open takes it
            assert Path(path).name not in NAMES or not Path(path).is_symlink()
            return really(path, flags | os.O_NONBLOCK, *more, **how)  # lest this test waits

        monkeypatch.setattr(os, "open", opened)
        for bundle in (whole, one):
            for name in NAMES:
                (bundle / name).rename(kept := bundle.parent / f"kept-{name}")
                other(bundle / name)
                result = checked(bundle)
                assert (What.BUNDLE, f"{name} is not a regular file") in {(d.what, d.why) for d in result.defects}
                assert {d.what for d in result.defects} <= {What.BUNDLE, What.BAD_SIGNATURE}
                assert {d.position for d in result.defects} == {None}
                (bundle / name).rmdir() if (bundle / name).is_dir() else (bundle / name).unlink()
                kept.rename(bundle / name)
                (bundle.parent / "pipe").unlink(missing_ok=True)
            assert checked(bundle).ok

    @pytest.mark.parametrize("bundle", ["whole", "one"], indirect=True)
    def test_pipes_make_nobody_wait(self, bundle: Path) -> None:
        names = (EVENTS, PROOFS, "checkpoint.txt", "changes.csv", "extra")
        for name in names:
            (bundle / name).unlink(missing_ok=True)
            os.mkfifo(bundle / name)
        done = subprocess.run(
            [sys.executable, "-m", "trialdomain", "verify", bundle, "--json"],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (1, b"")
        whys = {one["why"] for one in json.loads(done.stdout)["defects"]}
        assert whys == {f"{name} is not a regular file" for name in names[:-1]} | {
            "extra is not in the manifest: it was added"
        }

    @pytest.mark.parametrize("mode", [0o010644, 0o120777, 0o140755, 0o020666, 0o040755])
    @pytest.mark.parametrize("name", [EVENTS, PROOFS, "changes.csv"])
    def test_nor_in_a_zip_file(self, bundle: Path, name: str, mode: int) -> None:
        (bundle / name).unlink()
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        place = packed(bundle, bundle.with_suffix(".zip"), (info, b"/dev/zero"))
        result = checked(place)
        assert f"{name} is not a regular file" in {one.why for one in result.defects}
        assert {one.position for one in result.defects} == {None}


class TestWhatIsToldAllTheSame:
    """What was found is told also where the rest cannot be read."""

    @pytest.mark.parametrize("content", [b"", b"\n", b"hello\n", b"\x1f\x8b", b"\xff" * 5_000, b'{"trial":"T1"}\n'])
    @pytest.mark.parametrize("form", ["folder", "zip"])
    def test_of_entries_that_are_rubbish(
        self, bundle: Path, content: bytes, form: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (bundle / EVENTS).write_bytes(content)
        (bundle / "changes.csv").write_bytes(b"x")
        place = bundle if form == "folder" else packed(bundle, bundle.with_suffix(".zip"))
        assert main(["verify", str(place), "--json"]) == 1
        answer = json.loads(capsys.readouterr().out)
        whys = {one["why"] for one in answer["defects"]}
        assert "changes.csv does not have the size and hash of the manifest: it was changed" in whys
        assert "events.jsonl does not have the size and hash of the manifest: it was changed" in whys
        assert (answer["ok"], answer["total"]) == (False, len(answer["defects"]))
        assert not any("/" in why for why in whys)

    @pytest.mark.filterwarnings("ignore:Duplicate name")
    def test_of_a_file_that_is_packed_twice_the_right_one_is_read(self, bundle: Path) -> None:
        place = packed(bundle, bundle.with_suffix(".zip"), (EVENTS, b"x"), (PROOFS, b""))
        assert sorted((one.what, one.why) for one in checked(place).defects) == [
            (What.BUNDLE, f"{name} is 2 times in the zip file: programs differ in which of them they take")
            for name in (EVENTS, PROOFS)
        ]

    def test_of_a_file_that_never_ends(self, bundle: Path) -> None:
        (bundle / EVENTS).write_bytes(bytes(16 * 1024 * 1024))
        (bundle / "changes.csv").write_bytes(b"x")
        result = checked(packed(bundle, bundle.with_suffix(".zip")))
        whys = [one.why for one in result.defects if one.what is What.BUNDLE]
        assert "events.jsonl unpacks to more than 200 times its own size, as no file of a bundle does" in whys
        assert "changes.csv does not have the size and hash of the manifest: it was changed" in whys
        assert {one.position for one in result.defects} == {None}

    def test_of_an_unknown_file_that_never_ends_where_something_is_wrong_besides(self, bundle: Path) -> None:
        manifest = manifest_of(bundle)
        manifest["files"]["more.txt"] = {"bytes": 2**62, "sha256": "00" * 32}
        (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
        more = ("more.txt", bytes(64 * 1024 * 1024))
        with pytest.raises(LogUnusable, match=r"whole\.zip|one\.zip|two\.zip"):
            checked(packed(bundle, bundle.with_suffix(".zip"), more))
        (bundle / "README.txt").write_bytes(b"x")
        whys = {one.why for one in checked(packed(bundle, bundle.with_suffix(".zip"), more)).defects}
        assert whys == {
            "README.txt does not have the size and hash of the manifest: it was changed",
            "more.txt unpacks to more than 200 times its own size, as no file of a bundle does",
        }

    def test_of_a_zip_file_with_many_other_files_before_its_own(self, bundle: Path) -> None:
        place = bundle.with_suffix(".zip")
        with zipfile.ZipFile(place, "w") as file:
            for number in range(150):
                file.writestr(f"a{number:03}", b"")
            for one in sorted(bundle.iterdir()):
                file.write(one, one.name)
        result = checked(place)
        assert {one.what for one in result.defects} == {What.BUNDLE}
        assert result.defects[0].why == "50 more files are not in the manifest: they were added"
        assert result.total == 101

    @pytest.mark.parametrize("name", [EVENTS, PROOFS, "checkpoint.txt", "changes.csv"])
    def test_of_a_file_that_cannot_be_unpacked(self, bundle: Path, name: str) -> None:
        place = bundle.with_suffix(".zip")
        with zipfile.ZipFile(place, "w", zipfile.ZIP_STORED) as file:
            for one in sorted(bundle.iterdir()):
                file.write(one, one.name)
        content = (bundle / name).read_bytes()
        place.write_bytes(place.read_bytes().replace(content, content[:-3] + b"???"))
        result = checked(place)
        [unread] = [one.why for one in result.defects if one.why.startswith(name)]
        assert unread == f"{name} cannot be unpacked: Bad CRC-32 for file '{name}'"
        assert {one.what for one in result.defects} <= {What.BUNDLE, What.BAD_SIGNATURE}

    @pytest.mark.parametrize("name", [EVENTS, PROOFS])
    def test_of_a_file_that_is_compressed(self, bundle: Path, name: str) -> None:
        (bundle / name).write_bytes(gzip.compress((bundle / name).read_bytes()))
        [defect] = checked(fitted(bundle)).defects
        assert (defect.what, defect.why) == (
            What.BUNDLE,
            f"{name} is compressed, and was not read: files of a bundle are not compressed",
        )

    def test_of_one_of_a_newer_form_nothing_else_is_judged(self, bundle: Path) -> None:
        (bundle / EVENTS).write_bytes(b"of another form")
        [defect] = said(bundle, format="trialdomain-bundle/2", more=7).defects
        assert "'trialdomain-bundle/2'" in defect.why


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([1, 2, 3], [0, 1, 2]),
        ([2, 1], [1]),
        ([1, 50, 2, 3], [0, 2, 3]),
        ([7, 8, 1, 2, 3, 9], [2, 3, 4, 5]),
        ([3, 2, 1, 4], [1, 3]),
        ([1, None, 2, 2, 3], [0, 2, 4]),
        ([10**12, 10**12], [0]),
        ([0, -5], []),
    ],
)
def test_the_fewest_lines_are_taken_to_stand_out_of_order(positions: list[int | None], expected: list[int]) -> None:
    kept = in_order(positions, after=0)
    assert [number for number in range(len(positions)) if number in kept and positions[number] is not None] == expected


def test_every_kind_of_defect_is_documented() -> None:
    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")
    listed = re.search(r"`what` is one of (.*?)\.", page, flags=re.DOTALL)
    assert listed is not None
    assert sorted(re.findall(r"`([a-z-]+)`", listed[1])) == sorted(what.value for what in What)
