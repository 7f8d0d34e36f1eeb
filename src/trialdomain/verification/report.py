"""The reports of a verification and of the manifest of an audit bundle."""

from collections.abc import Iterator
from pathlib import Path

from trialdomain.exchange.bundle import Manifest, manifest_json
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.signing.keys import Signed
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.tree.checkpoint import as_base64
from trialdomain.values.given.plural import how_many, n_entries
from trialdomain.verification.defect import Defect
from trialdomain.verification.judged_notes import Compared
from trialdomain.verification.verify import Verified, VerifiedTrial


def verified_report(log: Path | PostgresAddress, found: Verified, *, outside: bool) -> Report:
    """Report whether a log was changed, with every defect.

    Args:
        log: the path of the file, as the user wrote it, or the address of the log.
        found: the result of the verification.
        outside: whether the user named a checkpoint that is kept outside the log.
    """

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(found, outside=outside))
        if found.defects:
            yield _table(found)

    return Report(title=f"Verification of {log}", blocks=blocks, json=lambda: _json(log, found))


def bundle_report(place: Path, manifest: Manifest) -> Report:
    """Report the content of a bundle, and who exported it.

    Args:
        place: the path of the bundle.
        manifest: the manifest of the bundle.
    """
    return Report(
        title=f"Audit bundle of trial {manifest.trial}",
        blocks=lambda: [Lines(_bundle_lines(manifest))],
        json=lambda: {"bundle": str(place), **manifest_json(manifest)},
    )


def _json(log: Path | PostgresAddress, found: Verified) -> dict[str, Json]:
    return {
        "log": str(log),
        "ok": found.ok,
        "signatures_checked": found.signatures_checked,
        "bundle": None if found.bundle is None else _manifest_json(found.bundle),
        "trials": [
            {
                "trial": one.trial,
                "size": one.size,
                "root": as_base64(one.root),
                "uncovered": one.uncovered,
                "checkpoints": [_compared_json(note) for note in one.compared],
                "notices": list(one.notices),
            }
            for one in found.trials
        ],
        "total": found.total,
        "defects": [_defect_json(one) for one in found.defects],
    }


def _manifest_json(manifest: Manifest) -> Json:
    return {
        "entries": manifest.entries,
        "participants": None if manifest.participants is None else [*manifest.participants],
        "at": manifest.at,
        "by": None if manifest.by is None else manifest.by.user,
        "why": manifest.why,
        "recorded": manifest.recorded,
    }


def _compared_json(note: Compared) -> Json:
    return {
        "where": note.where,
        "size": note.size,
        "root": as_base64(note.root),
        "signed": signed_json(note.signed),
        "fits": note.fits,
        "but": note.but or None,
        "head": note.head,
        "outside": note.outside,
    }


def _defect_json(defect: Defect) -> Json:
    return {
        "what": defect.what.value,
        "trial": defect.trial,
        "position": defect.position,
        "stream": defect.stream,
        "version": defect.version,
        "line": defect.line,
        "why": defect.why,
    }


def _lines(found: Verified, *, outside: bool) -> Iterator[str]:
    if found.bundle is not None:
        yield from _bundle_lines(found.bundle)
    for trial in found.trials:
        yield f"Trial {trial.trial}: {n_entries(trial.size)}, root {as_base64(trial.root)}"
        for note in trial.compared:
            if not (note.head and trial.notices):  # the notices describe the head
                yield f"  {_comparison(note, checked=found.signatures_checked)}"
        yield from (f"  {notice}" for notice in trial.notices)
        yield f"  {_covered(trial)}"
    if not found.signatures_checked:
        yield "Signatures were not checked: name the public keys that you trust with --key"
    if not outside:
        yield (
            "No checkpoint from outside the log was given. Without one, a user who can write to the log could have "
            "rewritten all of it, or removed its newest entries: name one with --checkpoint"
        )
    more = "" if found.total == len(found.defects) else f", of which {how_many(len(found.defects), 'is', 'are')} named"
    yield "Nothing is wrong." if found.ok else f"{wrong_words(found)}{more}:"


def wrong_words(found: Verified) -> str:
    """Return the number of defects in words."""
    return how_many(found.total, "thing is wrong", "things are wrong")


def _bundle_lines(manifest: Manifest) -> Iterator[str]:
    participants = ", ".join(manifest.participants or ())
    filtered = "" if manifest.participants is None else f" of {manifest.size}, those of {participants}"
    entries = n_entries(manifest.entries)
    yield f"Audit bundle of trial {manifest.trial}: {entries}{filtered}"
    by = manifest.by
    who = "" if by is None else f" by {by.name}, {by.role}, {by.organization}"
    why = "" if manifest.why is None else f": {manifest.why}"
    yield f"  exported {manifest.at}{who}{why}"
    if manifest.recorded is None:
        yield "  the export was not recorded: it was made from an exported file, or with the right to read only"
    if manifest.participants is not None:
        yield (
            "  the bundle cannot show that the newest entries of a participant are complete: compare with a bundle of "
            "the whole trial"
        )


def _comparison(note: Compared, *, checked: bool) -> str:
    fits = {True: note.but or "the log begins with it", False: "the log does not fit it", None: "cannot be compared"}[
        note.fits
    ]
    if not checked:
        return f"{note.where}: {fits}"
    return f"{note.where}: {fits}, {signed_by(note.signed)}"


def signed_by(signed: tuple[Signed, ...]) -> str:
    """List the trusted keys that signed a note, with the times that the signatures have."""
    signers = (
        f"{signature.key.name} at {signature.at:%Y-%m-%d %H:%M:%S} UTC" if signature.at else signature.key.name
        for signature in signed
    )
    return f"signed by {', '.join(signers)}" if signed else "not signed by a trusted key"


def signed_json(signed: tuple[Signed, ...]) -> list[Json]:
    """Return the trusted keys that signed a note as JSON."""
    return [
        {"name": signature.key.name, "at": signature.at.isoformat() if signature.at else None} for signature in signed
    ]


def _covered(trial: VerifiedTrial) -> str:
    if not trial.uncovered:
        return "checkpoints cover every entry"
    if trial.uncovered == trial.size and any(note.fits is False for note in trial.compared):
        return "no checkpoint that fits covers an entry: the log was rewritten; compare it with an older copy"
    if trial.uncovered == trial.size:
        return (
            "no checkpoint (a signed copy of the root) covers an entry: a change of an entry together with its hash "
            "cannot be detected; make one with 'trialdomain checkpoint', and keep it outside the log"
        )
    newest = "newest entry" if trial.uncovered == 1 else f"{trial.uncovered} newest entries"
    return f"no checkpoint covers the {newest} yet"


def _table(found: Verified) -> Table:
    return Table(
        title="What is wrong",
        columns=(
            *("what", Column("trial", keep=-1), "position", Column("stream", keep=-1), Column("version", keep=-1)),
            *(Column("line", keep=-1), Column("why", least=30, keep=1)),
        ),
        rows=tuple(
            (
                defect.what.value,
                defect.trial or "",
                *(
                    "" if value is None else str(value)
                    for value in (defect.position, defect.stream, defect.version, defect.line)
                ),
                defect.why,
            )
            for defect in found.defects
        ),
    )
