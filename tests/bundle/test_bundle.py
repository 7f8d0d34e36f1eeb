"""An audit bundle: its export is recorded, it is complete, and it shows that it was not changed since."""

import csv
import json
import shutil
import sqlite3
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from repeating import times
from site_desk import OPEN, REASON, Site, refused

from strangers import holds
from trialdomain import (
    InputInvalid,
    LogCorrupt,
    LogUnusable,
    NotPermitted,
    Role,
    SigningKey,
    TreeSigner,
    User,
    Verified,
    read_log,
    verify,
)
from trialdomain.bundle.writing import BundleExists
from trialdomain.events.trial import TrialExported
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history.explaining import QuestionInvalid
from trialdomain.signing.keys import SignatureMissing
from trialdomain.signing.trees import CheckpointUnfit
from trialdomain.tree.checkpoint import Checkpoint, parse_checkpoint
from trialdomain.tree.note import Note, parse_note
from trialdomain.verification.defect import What

KEY, STRANGER = SigningKey.generate("site.example/signer"), SigningKey.generate("stranger.example")
MONITOR = User(id="monitor", name="Monitor", role=Role.MONITOR, organization="Sponsor")
COORDINATOR = User(id="coordinator", name="Coordinator", role=Role.COORDINATOR, organization="Site")
WHOLE = {
    "README.txt",
    "changes.csv",
    "checkpoint.txt",
    "decisions.json",
    "events.jsonl",
    "findings.json",
    "manifest.json",
    "proofs.jsonl",
    "verifier-keys.txt",
}


def treated(folder: Path) -> Site:
    """A log in a file: three people on level 1, a DLT that was corrected, and a decision."""
    site = Site(address=f"sqlite:///{folder / 'log.db'}")
    site.treat("S001", "S002", "S003")
    event = site.on(5).toxicity("S002")
    site.on(29).assess("S001", "S003")
    site.desk.correct(event, reason=REASON, grade=2)
    site.on(30).assess("S002")
    site.decide()
    return site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return treated(tmp_path)


def exported(site: Site, place: Path, **how: Any) -> Path:  # noqa: ANN401 - as the method takes it
    """A bundle that the monitor takes away, signed."""
    how = {"signer": TreeSigner(KEY, place.with_suffix(".signed"))} | how
    site.trial.acting(MONITOR).export(place, why="inspection 12", **how)
    return place


def export_of(site: Site) -> TrialExported:
    """The one export that was recorded."""
    (found,) = (entry.fact for entry in site.trial.history().entries() if isinstance(entry.fact, TrialExported))
    return found


def lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def found(place: Path, **how: Any) -> list[tuple[What, int | None, str | None]]:  # noqa: ANN401 - as verify takes it
    result: Verified = verify(place, **({"keys": [KEY.verifier]} | how))
    assert result.ok is not bool(result.defects)
    return [(one.what, one.position, one.stream) for one in result.defects]


def bound(entry: dict[str, Any], state: bytes) -> bytes:
    """What the leaf of a line is hashed of, as the bundle's README tells whoever has no software of ours."""
    told = {
        "format": "trialdomain-leaf/1",
        "state_sha256": sha256(state).hexdigest(),
        "stream": entry["stream"],
        "topic": entry["name"],
        "version": entry["version"],
    }
    return json.dumps(told, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.shows("AT-09", "AT-40")
def test_it_has_the_log_as_it_was_and_says_who_took_it_away(site: Site, tmp_path: Path) -> None:
    size, root = site.trial.tree.size, site.trial.tree.head().root
    plain = BytesIO()
    with read_log(tmp_path / "log.db") as log:
        write_jsonl(log.reader, site.trial.trial, plain)

    place = exported(site, tmp_path / "bundle")

    assert {file.name for file in place.iterdir()} == WHOLE
    assert (place / "events.jsonl").read_bytes() == plain.getvalue()
    manifest = json.loads((place / "manifest.json").read_bytes())
    assert (manifest["trial"], manifest["size"], manifest["entries"]) == (site.trial.trial, size, size)
    assert (manifest["root"], manifest["participants"]) == (b64encode(root).decode(), None)
    assert manifest["by"] == {"user": "monitor", "name": "Monitor", "role": "monitor", "organization": "Sponsor"}
    assert manifest["files"].keys() == WHOLE - {"manifest.json"}
    for name, said in manifest["files"].items():
        data = (place / name).read_bytes()
        assert said == {"bytes": len(data), "sha256": sha256(data).hexdigest()}

    entry = next(one for one in site.trial.history().entries() if isinstance(one.fact, TrialExported))
    assert (entry.position, entry.meta.user) == (manifest["recorded"], "monitor")
    fact = export_of(site)
    assert (fact.root, fact.why.plain) == (b64encode(root).decode(), "inspection 12")
    assert fact.what == f"audit bundle of positions 1 to {size}"
    told = [(one.who.name, [c.field for c in one.changes]) for one in site.trial.history().trail("trial") if one.who]
    assert ("Monitor", ["what", "why", "root"]) in told


def test_what_follows_from_the_log_is_in_it(site: Site, tmp_path: Path) -> None:
    place = exported(site, tmp_path / "bundle")
    entries = lines(place / "events.jsonl")[:-1]
    with (place / "changes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    leaves = {entry["position"]: entry["leaf"] for entry in entries}
    assert {int(row["position"]): row["leaf"] for row in rows} == leaves
    grade = next(row for row in rows if row["act"] == "corrected" and row["field"] == "grade")
    assert (grade["old"], grade["new"], grade["reason"], grade["user"]) == ("3", "2", REASON, "investigator")
    decisions = json.loads((place / "decisions.json").read_bytes())
    assert [one["follows"] for one in decisions] == [True]
    findings = json.loads((place / "findings.json").read_bytes())
    assert findings["known_at"] == len(entries)


@pytest.mark.shows("AT-40")
def test_each_proof_leads_from_its_entry_to_the_root_by_an_independent_implementation(
    site: Site, tmp_path: Path
) -> None:
    place = exported(site, tmp_path / "bundle")
    oracle = InmemoryTree(algorithm="sha256")
    for entry, line in zip(
        lines(place / "events.jsonl"), (place / "events.jsonl").read_bytes().splitlines(), strict=True
    ):
        if "leaf" in entry:
            state = line.partition(b',"state":')[2].removesuffix(b"}")
            written = bound(entry, state)
            assert sha256(b"\0" + written).hexdigest() == entry["leaf"]
            oracle.append_entry(written)
    head = parse_checkpoint(parse_note((place / "checkpoint.txt").read_bytes()).text)
    assert oracle.get_root() == head.root
    proofs = lines(place / "proofs.jsonl")
    assert [one["position"] for one in proofs] == list(range(1, head.size + 1))
    for proof in proofs:
        path = oracle.prove_inclusion(proof["position"], head.size).path
        assert [b64decode(one) for one in proof["hashes"]] == path[1:]


def test_the_signed_head_is_kept_with_the_log_and_later_ones_extend_it(site: Site, tmp_path: Path) -> None:
    size = site.trial.tree.size
    signer = TreeSigner(KEY, tmp_path / "signed")
    exported(site, tmp_path / "first", signer=signer)
    exported(site, tmp_path / "second.zip", signer=signer)
    assert found(tmp_path / "first") == found(tmp_path / "second.zip") == []
    result = verify(tmp_path / "log.db", keys=[KEY.verifier])
    # Two entries are recorded beside the first export: who the monitor is, and the export.
    assert [one.size for one in result.trials[0].compared] == [size + 2, size]
    assert result.ok


def test_one_that_was_signed_before_ends_where_it_does(site: Site, tmp_path: Path) -> None:
    size = site.trial.tree.size
    note = site.trial.tree.signed_by(TreeSigner(KEY, tmp_path / "signed"))
    site.on(31).treat("S004")
    place = exported(site, tmp_path / "bundle", signer=None, note=note, keys=[KEY.verifier])
    assert [one.size for one in verify(place, keys=[KEY.verifier]).trials] == [size]
    assert parse_note((place / "checkpoint.txt").read_bytes()) == note
    assert "S004" not in (place / "changes.csv").read_text("utf-8")

    (tmp_path / "other").mkdir()
    other = treated(tmp_path / "other")
    monitor = other.trial.acting(MONITOR)
    refused(
        other,
        CheckpointUnfit,
        lambda: monitor.export(tmp_path / "no", why="inspection", note=note, keys=[KEY.verifier]),
        "do not have the root",
    )
    refused(
        site,
        SignatureMissing,
        lambda: site.desk.export(tmp_path / "no", why="inspection", note=note, keys=[STRANGER.verifier]),
        "but must be signed by one of",
    )
    assert not (tmp_path / "no").exists()


def test_without_a_signature_it_says_so_and_nobody_is_trusted(site: Site, tmp_path: Path) -> None:
    place = exported(site, tmp_path / "bundle", signer=None)
    assert {file.name for file in place.iterdir()} == WHOLE - {"verifier-keys.txt"}
    assert "The checkpoint is not signed" in (place / "README.txt").read_text("utf-8")
    assert found(place, keys=None) == []
    assert [what for what, *_ in found(place)] == [What.BAD_SIGNATURE]


@pytest.mark.shows("AT-09")
def test_whoever_may_not_export_gets_nothing_and_that_is_recorded(tmp_path: Path) -> None:
    site = treated(tmp_path)
    before = site.trial.history().position
    with pytest.raises(NotPermitted, match="export"):
        site.trial.acting(COORDINATOR).export(tmp_path / "bundle", why="for myself")
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("log.db")) == []
    after = site.trial.history()
    assert after.position == before + 1
    assert [one.entry.stream for one in after.trail("access")] == [f"{site.trial.trial}/access"]


ASKED: dict[str, Callable[[Site, Path], dict[str, Any]]] = {
    "nothing": lambda _, __: {},
    "somebody who takes part": lambda _, __: {"participants": ["S001"]},
    "somebody of whom nothing is recorded": lambda _, __: {"participants": ["S999"]},
    "a place that is taken": lambda _, folder: {"place": folder / "taken"},
    "a place that cannot be made": lambda _, folder: {"place": folder / "no" / "bundle"},
    "a checkpoint that fits": lambda site, folder: {
        "note": site.trial.tree.signed_by(TreeSigner(KEY, folder / "fits")),
        "keys": [KEY.verifier],
    },
    "a checkpoint of a longer log": lambda site, _: {"note": head_note(site, 10_000), "keys": [KEY.verifier]},
    "a checkpoint of another log": lambda site, _: {"note": head_note(site, 3), "keys": [KEY.verifier]},
    "a checkpoint that nobody trusted has signed": lambda site, _: {"note": head_note(site, 3), "keys": []},
}


def head_note(site: Site, size: int) -> Note:
    """A signed head that the log never had."""
    text = Checkpoint(f"trialdomain/{site.trial.trial}", size, bytes(32)).text
    return Note(text, (KEY.sign(text, at=site.now),))


class TestWithoutTheRight:
    @pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED.keys())
    def test_whatever_is_asked_the_answer_is_one_and_tells_nothing_of_the_log(
        self, site: Site, tmp_path: Path, asked: Callable[[Site, Path], dict[str, Any]]
    ) -> None:
        (tmp_path / "taken").mkdir()
        how: dict[str, Any] = {"place": tmp_path / "bundle", "why": "for myself"} | asked(site, tmp_path)
        before, files = site.trial.history().position, sorted(path.name for path in tmp_path.iterdir())
        with pytest.raises(NotPermitted) as refusal:
            site.trial.acting(COORDINATOR).export(**how)
        version = OPEN.version
        assert str(refusal.value) == (
            f"coordinator may not use export: protocol version {version} does not grant it to the role coordinator; "
            "ask a user whose role has it, or amend the protocol's roles"
        )
        after = site.trial.history()
        assert after.position == before + 1
        [refused] = after.trail("access")
        assert (refused.entry.position, refused.entry.meta.user) == (after.position, "coordinator")
        assert sorted(path.name for path in tmp_path.iterdir()) == files

    @pytest.mark.parametrize("malformed", [{"why": " "}, {"participants": "S001"}, {"participants": ["S001", 7]}])
    def test_what_is_malformed_is_refused_before_and_records_nothing(
        self, site: Site, tmp_path: Path, malformed: dict[str, Any]
    ) -> None:
        how: dict[str, Any] = {"place": tmp_path / "bundle", "why": "for myself"} | malformed
        refused(site, InputInvalid, lambda: site.trial.acting(COORDINATOR).export(**how), "participants|text|why|blank")


def test_participants_that_can_be_given_only_once_are_those_that_are_handed_out(site: Site, tmp_path: Path) -> None:
    subjects, keys = iter(["S002", "S003", "S002"]), iter([KEY.verifier])
    note = site.trial.tree.signed_by(TreeSigner(KEY, tmp_path / "signed"))
    site.trial.acting(MONITOR).export(
        tmp_path / "bundle", why="inspection", participants=subjects, note=note, keys=keys
    )
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_bytes())["participants"] == ["S002", "S003"]
    assert (tmp_path / "bundle" / "verifier-keys.txt").read_text("utf-8") == f"{KEY.verifier}\n"
    streams = {line["stream"] for line in lines(tmp_path / "bundle" / "events.jsonl")}
    assert streams == {f"{site.trial.trial}/participant/{subject}" for subject in ("S002", "S003")}


def test_a_place_that_is_taken_or_cannot_be_written_is_refused_and_nothing_recorded(site: Site, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    for place, words in ((tmp_path / "taken", "exists already"), (tmp_path / "no" / "bundle", "No such file")):
        refused(site, BundleExists, lambda place=place: site.desk.export(place, why="inspection"), words)  # type: ignore[misc]
    refused(
        site,
        QuestionInvalid,
        lambda: site.desk.export(tmp_path / "bundle", why="inspection", participants=["S009"]),
        "nothing was recorded of participant 'S009'",
    )
    refused(
        site,
        InputInvalid,
        lambda: site.desk.export(
            tmp_path / "bundle",
            why="inspection",
            signer=TreeSigner(KEY, tmp_path / "signed"),
            note=parse_note(b"a\n\n\xe2\x80\x94 k AAAAAAA=\n"),
        ),
        "pass one of them",
    )
    refused(site, InputInvalid, lambda: site.desk.export(tmp_path / "bundle", why=" "), "why")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("bundle", ".bundle"))]


def test_a_log_that_was_altered_is_not_handed_out(site: Site, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET name = 'participant.died.v1' WHERE position = 7")
        connection.commit()
    monitor, before = site.trial.acting(MONITOR), site.trial.tree.size
    with pytest.raises(LogCorrupt, match="position 7 of trial"):
        monitor.export(tmp_path / "bundle", why="inspection 12")
    assert site.trial.tree.size == before
    assert not list(tmp_path.glob("*bundle*"))


# What is filtered.


def of_one(site: Site, place: Path) -> Path:
    return exported(site, place, participants=["S002"])


def test_one_that_is_filtered_has_the_entries_of_one_person_each_proven(site: Site, tmp_path: Path) -> None:
    stream = f"{site.trial.trial}/participant/S002"
    recorded = [entry.position for entry in site.trial.history().entries_of(stream)]
    place = of_one(site, tmp_path / "bundle")
    assert {file.name for file in place.iterdir()} == WHOLE - {"decisions.json"}
    assert [entry["position"] for entry in lines(place / "events.jsonl")] == recorded
    assert {entry["stream"] for entry in lines(place / "events.jsonl")} == {stream}
    with (place / "changes.csv").open(encoding="utf-8", newline="") as file:
        assert {row["subject"] for row in csv.DictReader(file)} == {"S002"}
    assert all(one["subject"] == "S002" for one in json.loads((place / "findings.json").read_bytes())["findings"])
    result = verify(place, keys=[KEY.verifier])
    assert result.ok
    assert result.bundle is not None
    assert (result.bundle.participants, result.bundle.entries) == (["S002"], len(recorded))
    assert result.trials[0].compared[0].signed[0].key == KEY.verifier
    assert export_of(site).what.endswith("those of S002")


# What an attacker does to one; the manifest is written anew each time, so that the hashes of the files fit.


def rewritten(place: Path, **changes: Any) -> None:  # noqa: ANN401 - whatever JSON has
    """Let the manifest say of every file what is there."""
    manifest = json.loads((place / "manifest.json").read_bytes()) | changes
    manifest["files"] = {
        file.name: {"bytes": file.stat().st_size, "sha256": sha256(file.read_bytes()).hexdigest()}
        for file in place.iterdir()
        if file.name != "manifest.json"
    }
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def edit(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def run(place: Path) -> None:
        file = place / name
        file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))

    return run


def both(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def run(place: Path) -> None:
        for name in ("events.jsonl", "proofs.jsonl"):
            edit(name, change)(place)

    return run


def relabelled(at: int) -> Callable[[list[bytes]], list[bytes]]:
    """Another grade in an entry, with the leaf that fits it."""

    def change(given: list[bytes]) -> list[bytes]:
        line = json.loads(given[at])
        state = given[at].partition(b',"state":')[2].removesuffix(b"}\n").replace(b'"S002"', b'"S00X"', 1)
        state = state.replace(b'"user":"investigator"', b'"user":"somebody"')
        leaf = sha256(b"\0" + bound(line, state)).hexdigest()
        head = {key: line[key] for key in ("position", "stream", "version", "name")} | {"leaf": leaf}
        made = json.dumps(head, separators=(",", ":")).encode()[:-1] + b',"state":' + state + b"}\n"
        return [*given[:at], made, *given[at + 1 :]]

    return change


S2 = 2
"""The line of the bundle of one person that is attacked, from 0."""


@pytest.mark.parametrize(
    ("attack", "expected"),
    [
        (edit("events.jsonl", relabelled(S2)), {What.ALTERED}),
        (edit("events.jsonl", lambda e: [line.replace(b"investigator", b"somebody") for line in e]), {What.ALTERED}),
        (edit("proofs.jsonl", lambda p: [*p[:S2], p[S2 + 1], p[S2], *p[S2 + 2 :]]), {What.BUNDLE}),
        (edit("proofs.jsonl", lambda p: p[:-1]), {What.BUNDLE}),
        (edit("proofs.jsonl", lambda p: [*p, p[-1]]), {What.BUNDLE}),
        (edit("proofs.jsonl", lambda p: [*p[:S2], b"{}\n", *p[S2 + 1 :]]), {What.BUNDLE}),
        (both(lambda given: [*given[:S2], *given[S2 + 1 :]]), {What.MISSING}),
        (both(lambda given: [*given[:S2], given[S2 + 1], given[S2], *given[S2 + 2 :]]), {What.REORDERED, What.BUNDLE}),
        (both(lambda given: [*given[: S2 + 1], *given[S2:]]), {What.REORDERED, What.BUNDLE}),
        (both(lambda _: []), {What.MISSING}),
    ],
)
def test_an_entry_of_one_person_cannot_be_changed_left_out_or_moved(
    site: Site, tmp_path: Path, attack: Callable[[Path], None], expected: set[What]
) -> None:
    place = of_one(site, tmp_path / "bundle")
    attack(place)
    rewritten(place)
    assert {what for what, *_ in found(place)} == expected


def test_an_entry_of_somebody_else_does_not_belong_though_it_is_proven(site: Site, tmp_path: Path) -> None:
    whole, one = exported(site, tmp_path / "whole"), tmp_path / "one"
    shutil.copytree(whole, one)
    events = lines(whole / "events.jsonl")[:-1]
    chosen = [at for at, e in enumerate(events) if e["stream"].endswith(("/S002", "/S003"))]
    for name in ("events.jsonl", "proofs.jsonl"):
        edit(name, lambda given: [given[at] for at in chosen])(one)
    (one / "decisions.json").unlink()
    rewritten(one, participants=["S002"], entries=len(chosen))
    others = [events[at] for at in chosen if events[at]["stream"].endswith("/S003")]
    assert found(one) == [(What.MISPLACED, e["position"], e["stream"]) for e in others]
    rewritten(one, participants=["S002", "S003"], entries=len(chosen))
    assert found(one) == []
    rewritten(one, participants=["S002", "S003", "S009"], entries=len(chosen))
    assert found(one) == [(What.MISSING, None, f"{site.trial.trial}/participant/S009")]


def test_what_is_gone_from_the_end_of_one_person_is_a_blind_spot_and_listed(site: Site, tmp_path: Path) -> None:
    place = of_one(site, tmp_path / "bundle")
    number = len(lines(place / "events.jsonl"))
    both(lambda given: given[:-1])(place)
    rewritten(place, entries=number - 1)
    assert found(place) == []
    page = (Path(__file__).parents[2] / "docs/explanation/tamper-evidence.md").read_text("utf-8")
    assert "entries removed at the end of a participant's entries" in page


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m | {"root": "00" * 32}, {What.BUNDLE}),
        (lambda m: m | {"root": "zz"}, {What.BUNDLE}),
        (lambda m: m | {"trial": "T2"}, {What.BUNDLE}),
        (lambda m: m | {"entries": 3}, {What.BUNDLE}),
        (lambda m: m | {"format": "trialdomain-bundle/2"}, {What.BUNDLE}),
        (lambda m: m | {"more": 1}, {What.BUNDLE}),
        (lambda m: m | {"files": {}}, {What.BUNDLE}),
    ],
)
def test_a_manifest_that_says_something_else(
    site: Site, tmp_path: Path, change: Callable[[dict[str, Any]], dict[str, Any]], expected: set[What]
) -> None:
    place = exported(site, tmp_path / "bundle")
    manifest = change(json.loads((place / "manifest.json").read_bytes()))
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert {what for what, *_ in found(place)} == expected


def test_a_file_that_was_changed_added_or_removed_is_named(site: Site, tmp_path: Path) -> None:
    place = exported(site, tmp_path / "bundle")
    (place / "changes.csv").write_text("nothing", "utf-8")
    (place / "decisions.json").unlink()
    (place / "extra").touch()
    (place / "README.txt").unlink()
    (place / "README.txt").mkdir()
    result = verify(place, keys=[KEY.verifier])
    assert [one.why for one in result.defects] == [
        "README.txt is not a regular file",
        "changes.csv does not have the size and hash of the manifest: it was changed",
        "decisions.json is missing",
        "extra is not in the manifest: it was added",
    ]


def test_a_whole_one_that_lacks_entries_or_was_signed_by_somebody_else(site: Site, tmp_path: Path) -> None:
    place = exported(site, tmp_path / "bundle")
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    both(lambda given: [*given[:4], *given[5:]])(copy)
    rewritten(copy)
    assert (What.MISSING, 5, lines(place / "events.jsonl")[4]["stream"]) in found(copy)
    assert {what for what, *_ in found(place, keys=[STRANGER.verifier])} == {What.BAD_SIGNATURE}
    text = parse_note((place / "checkpoint.txt").read_bytes()).text
    (place / "checkpoint.txt").write_text(text.replace(site.trial.trial, "T2"), "utf-8")
    rewritten(place)
    assert {what for what, *_ in found(place)} == {What.BAD_CHECKPOINT, What.BAD_SIGNATURE}


# Zip files.


def packed(folder: Path, place: Path, *more: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as file:
        for one in sorted(folder.iterdir()):
            file.write(one, one.name)
        for name, data in more:
            file.writestr(name, data)
    return place


def test_a_zip_file_is_the_same_bundle(site: Site, tmp_path: Path) -> None:
    place = exported(site, tmp_path / "bundle.zip")
    with zipfile.ZipFile(place) as file:
        assert set(file.namelist()) == WHOLE
        file.extractall(tmp_path / "folder")
    assert found(place) == found(tmp_path / "folder") == []


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.shows("K-22")
def test_a_zip_file_from_a_stranger(site: Site, tmp_path: Path) -> None:
    folder = exported(site, tmp_path / "bundle")
    outside = packed(folder, tmp_path / "outside.zip", ("../outside.txt", b"x"), ("/etc/outside", b"x"))
    assert [what for what, *_ in found(outside)] == [What.BUNDLE, What.BUNDLE]
    assert not (tmp_path.parent / "outside.txt").exists()
    twice = packed(folder, tmp_path / "twice.zip", ("events.jsonl", b"x"), ("manifest.json", b"{}"))
    assert {what for what, *_ in found(twice)} == {What.BUNDLE}
    bomb = packed(folder, tmp_path / "bomb.zip", ("changes.txt", bytes(64 * 1024 * 1024)))
    assert [what for what, *_ in found(bomb)] == [What.BUNDLE]
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["changes.txt"] = {"bytes": 2**62, "sha256": "00" * 32}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    bomb = packed(folder, tmp_path / "bomb.zip", ("changes.txt", bytes(256 * 1024 * 1024)))
    with pytest.raises(LogUnusable, match="200 times its own size"):
        verify(bomb)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(outside.read_bytes()[:5_000])
    with pytest.raises(LogUnusable):
        verify(cut)


@pytest.mark.shows("K-22")
@settings(max_examples=times(600, least=60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_from_strangers(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp() / "strangers-bundle"
    if not folder.exists():
        site = treated(tmp_path_factory.mktemp("log"))
        exported(site, folder, participants=["S002"])
    place = tmp_path_factory.mktemp("nearly") / "bundle"
    shutil.copytree(folder, place)
    for _ in range(data.draw(st.integers(1, 3))):
        file = place / data.draw(st.sampled_from(["manifest.json", "proofs.jsonl", "events.jsonl", "checkpoint.txt"]))
        given = file.read_bytes()
        start = data.draw(st.integers(0, len(given)))
        end = min(len(given), start + data.draw(st.integers(0, 12)))
        file.write_bytes(given[:start] + data.draw(st.binary(max_size=8)) + given[end:])
    holds(lambda: verify(place, keys=[KEY.verifier]))
    shutil.rmtree(place)
