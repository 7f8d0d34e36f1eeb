"""Writing an audit bundle: a folder or a zip file with a log, the reports that follow from it, and its proofs.

``events.jsonl`` is the record. Every other file follows from it, or shows that it is complete and unchanged.
"""

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

import attrs

from trialdomain.checks.report import findings_report
from trialdomain.checks.run import Findings, findings
from trialdomain.errors import InputInvalid
from trialdomain.exchange.bundle import (
    CHANGES,
    CHECKPOINT,
    DECISIONS,
    EVENTS,
    FINDINGS,
    FORMAT,
    KEYS,
    MANIFEST,
    PROOFS,
    README,
    BundleFile,
    Exporter,
    Manifest,
    described,
    write_manifest,
    write_proof,
)
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.exchange.lines import write_entry
from trialdomain.history import History
from trialdomain.history.explaining import QuestionInvalid
from trialdomain.history.log import history_of
from trialdomain.reports.escalation.decisions import decision_audit_report
from trialdomain.reports.trail import write_trail
from trialdomain.signing.keys import VerifierKey, signers
from trialdomain.signing.trees import TrialTree
from trialdomain.storage.leaves import with_leaves
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.storage.store import LogReader
from trialdomain.tree.checkpoint import Checkpoint, as_base64, origin_of
from trialdomain.tree.note import Note
from trialdomain.tree.proofs import InclusionProofs
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import n_entries
from trialdomain.values.ids import participant_stream
from trialdomain.values.progress import Progress, counted, ignore_progress
from trialdomain.verification.bundle.manifest import stated
from trialdomain.version import __version__


class BundleExists(InputInvalid):
    """A file or folder with the name of the bundle exists already, or the bundle cannot be written there."""

    code = "bundle-exists"


@attrs.frozen(kw_only=True)
class Handover:
    """The scope of a bundle: which entries, for whom and why."""

    size: int
    """The number of entries, from the first, and of the leaves of the tree."""
    at: datetime
    participants: tuple[str, ...] = ()
    """The participants whose entries it has; empty for the whole log."""
    why: str | None = None
    by: Exporter | None = None
    recorded: int | None = None
    """The position of the entry that records the export."""


def check_participants(history: History, participants: Sequence[str]) -> tuple[str, ...]:
    """Remove repeated participants.

    Raises:
        QuestionInvalid: nothing was recorded of a participant.
    """
    for subject in participants:
        if next(history.entries_of(participant_stream(history.trial, subject)), None) is None:
            raise QuestionInvalid(f"nothing was recorded of participant {subject[:40]!r}: correct the code")
    return tuple(dict.fromkeys(participants))


def head_of(tree: TrialTree, note: Note | None, keys: Sequence[VerifierKey], *, size: int | None = None) -> Checkpoint:
    """Return the head of the tree of a bundle: that of a signed checkpoint, or the present one.

    Args:
        tree: the tree of the log.
        note: the signed checkpoint; None to use the unsigned present head.
        keys: the trusted keys; one of them must have signed the checkpoint.
        size: the number of entries of the present head.

    Raises:
        CheckpointUnfit: the note is not a checkpoint of this log.
        SignatureMissing: no trusted key has signed it.
    """
    if note is None:
        return tree.head(size)
    signers(note, keys)
    return tree.fitting(note)


@contextmanager
def bundle_at(place: str | Path) -> Iterator[Path]:
    """Yield a temporary folder for a bundle; when it is complete, rename it, or pack it where the name ends in .zip.

    Raises:
        BundleExists: the name exists already, or cannot be written.
    """
    place = named(place)
    if place.exists() or place.is_symlink():
        raise BundleExists(f"{place} exists already: choose another name")
    refuse_beside(place)
    try:
        part = Path(mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    except OSError as error:
        raise BundleExists(f"{place} cannot be written: {error.strerror}: name another") from None
    try:
        yield part
        part.chmod(0o755)
        if place.suffix == ".zip":
            _pack(part, place)
        else:
            part.rename(place)
    except OSError as error:
        raise BundleExists(
            f"{place} cannot be written: {error.strerror}: correct that, or name another place"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_bundle(
    folder: Path,
    log: LogReader,
    trial: str,
    handover: Handover,
    *,
    note: Note | None = None,
    keys: Sequence[VerifierKey] = (),
    progress: Progress = ignore_progress,
) -> Manifest:
    """Write every file of a bundle into a folder.

    Args:
        folder: an empty folder.
        log: the log with the entries.
        trial: the trial to export.
        handover: which entries, for whom and why.
        note: the signed checkpoint of the tree; None to write an unsigned one.
        keys: the public keys that have signed it.
        progress: a progress callback.

    Raises:
        LogCorrupt: an entry does not fit its leaf, or is missing.
    """
    size, participants = handover.size, handover.participants
    proofs = InclusionProofs(leaf for _, leaf in with_leaves(log, trial, until=size))
    head = Checkpoint(origin_of(trial), size, proofs.root)
    history = history_of(log, trial, known_at=size)
    positions = _write_events(folder / EVENTS, log, trial, handover, progress)
    with (folder / PROOFS).open("wb") as file:
        for done, position in enumerate(positions, start=1):
            file.write(write_proof(position, proofs.of(position - 1)))
            progress("proving", done, len(positions))
    with (folder / CHANGES).open("w", encoding="utf-8", newline="") as text:
        trails = (history.trail(subject) for subject in participants or (None,))
        told = (one for trail in trails for one in trail)
        write_trail(told, text, history.zone, leaf=lambda position: proofs.leaf(position - 1).hex())
    found = _of(
        findings(history, now=handover.at, progress=counted(progress, "looking for findings", size)), participants
    )
    _write_json(folder / FINDINGS, findings_report(found).json)
    if not participants:
        audits = history.decisions(progress=lambda done, total: progress("decisions", done, total))
        _write_json(folder / DECISIONS, [decision_audit_report(audit, history.zone).json for audit in audits])
    (folder / CHECKPOINT).write_text(head.text if note is None else str(note), encoding="utf-8")
    if keys:
        (folder / KEYS).write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    (folder / README).write_text(_readme(trial, head, handover, signed=note is not None), encoding="utf-8")
    follows = stated(history)
    manifest = Manifest(
        format=FORMAT,
        trial=trial,
        size=size,
        root=as_base64(proofs.root),
        participants=list(participants) or None,
        entries=len(positions),
        on=follows.on,
        zone=follows.zone,
        protocol=follows.protocol,
        software=follows.software,
        written_with=__version__,
        at=handover.at.isoformat(),
        why=handover.why,
        by=handover.by,
        recorded=handover.recorded,
        files={file.name: _described(file) for file in sorted(folder.iterdir())},
    )
    (folder / MANIFEST).write_bytes(write_manifest(manifest))
    return manifest


def _write_events(file: Path, log: LogReader, trial: str, handover: Handover, progress: Progress) -> Sequence[int]:
    """Write the entries as lines of an export; return their positions."""
    with file.open("wb") as opened:
        if not handover.participants:
            return range(1, write_jsonl(log, trial, opened, until=handover.size, progress=progress) + 1)
        streams = {participant_stream(trial, subject) for subject in handover.participants}
        positions = []
        for entry, leaf in with_leaves(log, trial, until=handover.size):
            if entry.originator_id in streams:
                opened.write(write_entry(entry, leaf))
                positions.append(entry.position)
        return positions


def _of(found: Findings, participants: Sequence[str]) -> Findings:
    """Keep only the findings about the named participants; all findings, where none are named."""
    if not participants:
        return found
    return attrs.evolve(found, found=tuple(one for one in found.found if one.subject in participants))


def _write_json(file: Path, told: object) -> None:
    with file.open("w", encoding="utf-8") as opened:
        json.dump(told, opened, indent=1, ensure_ascii=False)
        opened.write("\n")


def _described(path: Path) -> BundleFile:
    with path.open("rb") as file:
        return described(file)


def _pack(folder: Path, place: Path) -> None:
    part = folder.with_name(f"{folder.name}.zip")
    try:
        with zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED) as packed:
            for file in sorted(folder.iterdir()):
                packed.write(file, file.name)
        os.link(part, place)  # unlike a rename, a link never replaces another file
    finally:
        part.unlink(missing_ok=True)


def _readme(trial: str, head: Checkpoint, handover: Handover, *, signed: bool) -> str:
    of = "" if not handover.participants else f", of which this bundle has those of {', '.join(handover.participants)}"
    decisions = "" if handover.participants else f"\n{DECISIONS:<18}every decision about the dose, checked again"
    whole = (
        "This bundle cannot show that the last entries of these participants were not left out: compare it with a\n"
        "whole bundle of the same tree.\n"
        if handover.participants
        else ""
    )
    keys = (
        f"{KEYS} names the keys that have signed. Trust them only if you also have them from another source.\n"
        if signed
        else "The checkpoint is not signed: compare its size and root with those from another source.\n"
    )
    return f"""\
Audit bundle of trial {trial}: its first {n_entries(head.size)}{of}

{EVENTS:<18}the entries as they are recorded, one per line: this is the record
{PROOFS:<18}for each entry, a proof that it is in the tree (RFC 6962)
{CHECKPOINT:<18}the size and the root of the tree (C2SP tlog-checkpoint)
{CHANGES:<18}every field that was set, changed or withdrawn, by whom, when and why
{FINDINGS:<18}what an inspector would ask about{decisions}
{MANIFEST:<18}what is in the bundle, who exported it and why; the SHA-256 of every file

{keys}{whole}
With trialdomain
    trialdomain verify FOLDER --key KEYS        check that everything is as it was signed
    trialdomain replay FOLDER/{EVENTS}     every answer, from the entries alone (of a whole bundle)

Without trialdomain
    leaf      SHA-256 of a zero byte and of the canonical JSON (RFC 8785) of
              {{"format":"trialdomain-leaf/1","state_sha256":...,"stream":...,"topic":...,"version":...}},
              where state_sha256 is the SHA-256, in hex, of the bytes of "state" in the line, topic is its "name",
              and stream and version are those of the line
    root      RFC 6962, section 2.1, over all leaves in the order of positions; a node is the SHA-256 of a byte 1 and
              of the two below it. A root is written in base64, in {MANIFEST}, in {CHECKPOINT} and in the last line of
              {EVENTS}; leaves, and the SHA-256 of files, in hexadecimal
    proof     RFC 9162, section 2.1.3.2: the index of a leaf is its position minus one
    signature openssl pkeyutl -verify -pubin -keyform DER -inkey PUBLIC -rawin -in TEXT -sigfile SIGNATURE
              where TEXT is the checkpoint up to the empty line, and SIGNATURE what follows the first four bytes of
              the decoded line
"""
