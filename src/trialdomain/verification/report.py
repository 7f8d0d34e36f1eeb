"""The report of a verification, and of what a bundle says about itself."""

from collections.abc import Iterator
from pathlib import Path

from trialdomain.exchange.bundle import Manifest, manifest_json
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Column, Table
from trialdomain.signing.keys import Signed
from trialdomain.tree.checkpoint import as_base64
from trialdomain.values.given.plural import how_many, n_entries
from trialdomain.verification.defect import Defect
from trialdomain.verification.judged_notes import Compared
from trialdomain.verification.verify import Verified, VerifiedTrial


def verified_report(log: Path, found: Verified, *, outside: bool) -> Report:
    """Report whether a log was changed, and what is wrong with it.

    Args:
        log: the file, as the user named it.
        found: what verification found.
        outside: whether the user named a checkpoint that is kept elsewhere.
    """

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(found, outside=outside))
        if found.defects:
            yield _table(found)

    return Report(title=f"Verification of {log}", blocks=blocks, json=lambda: _json(log, found))


def bundle_report(place: Path, manifest: Manifest) -> Report:
    """Report what is in a bundle, and who exported it.

    Args:
        place: where the bundle is.
        manifest: what the bundle says about itself.
    """
    return Report(
        title=f"Audit bundle of trial {manifest.trial}",
        blocks=lambda: [Lines(_bundle_lines(manifest))],
        json=lambda: {"bundle": str(place), **manifest_json(manifest)},
    )


def _json(log: Path, found: Verified) -> dict[str, Json]:
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


def _defect_json(one: Defect) -> Json:
    return {
        "what": one.what.value,
        "trial": one.trial,
        "position": one.position,
        "stream": one.stream,
        "version": one.version,
        "line": one.line,
        "why": one.why,
    }


def _lines(found: Verified, *, outside: bool) -> Iterator[str]:
    if found.bundle is not None:
        yield from _bundle_lines(found.bundle)
    for one in found.trials:
        yield f"Trial {one.trial}: {n_entries(one.size)}, root {as_base64(one.root)}"
        for note in one.compared:
            if not (note.head and one.notices):  # which say it of the head
                yield f"  {_held_against(note, checked=found.signatures_checked)}"
        yield from (f"  {notice}" for notice in one.notices)
        yield f"  {_covered(one)}"
    if not found.signatures_checked:
        yield "Signatures were not checked: name the public keys that you trust with --key"
    if not outside:
        yield (
            "No checkpoint from elsewhere was given: whoever can write to the log could have rewritten it whole, "
            "or cut off its end; name one with --checkpoint"
        )
    more = "" if found.total == len(found.defects) else f", of which {how_many(len(found.defects), 'is', 'are')} named"
    yield "Nothing is wrong." if found.ok else f"{wrong_words(found)}{more}:"


def wrong_words(found: Verified) -> str:
    """Say how much is wrong."""
    return how_many(found.total, "thing is wrong", "things are wrong")


def _bundle_lines(manifest: Manifest) -> Iterator[str]:
    of = ", ".join(manifest.participants or ())
    filtered = "" if manifest.participants is None else f" of {manifest.size}, those of {of}"
    entries = n_entries(manifest.entries)
    yield f"Audit bundle of trial {manifest.trial}: {entries}{filtered}"
    by = manifest.by
    who = "" if by is None else f" by {by.name}, {by.role}, {by.organization}"
    why = "" if manifest.why is None else f": {manifest.why}"
    yield f"  exported {manifest.at}{who}{why}"
    if manifest.recorded is None:
        yield "  nothing was recorded of the export: it was made from a file"
    if manifest.participants is not None:
        yield "  that nothing is left out at the end of a participant's is not shown: compare with a whole bundle"


def _held_against(note: Compared, *, checked: bool) -> str:
    fits = {True: note.but or "the log begins with it", False: "the log does not fit it", None: "cannot be compared"}[
        note.fits
    ]
    if not checked:
        return f"{note.where}: {fits}"
    return f"{note.where}: {fits}, {signed_by(note.signed)}"


def signed_by(signed: tuple[Signed, ...]) -> str:
    """Say who has signed a note, and when, where their signatures say so."""
    said = (f"{one.key.name} at {one.at:%Y-%m-%d %H:%M:%S} UTC" if one.at else one.key.name for one in signed)
    return f"signed by {', '.join(said)}" if signed else "signed by nobody who is trusted"


def signed_json(signed: tuple[Signed, ...]) -> list[Json]:
    """Say the same to programs."""
    return [{"name": one.key.name, "at": one.at.isoformat() if one.at else None} for one in signed]


def _covered(one: VerifiedTrial) -> str:
    if not one.uncovered:
        return "every entry is under a checkpoint"
    if one.uncovered == one.size and any(note.fits is False for note in one.compared):
        return "no entry is under a checkpoint that fits: something was rewritten, and an older copy shows what"
    if one.uncovered == one.size:
        return (
            "no entry is under a checkpoint (a signed copy of the root): whoever changes an entry and its hash is "
            "not found out; make one with 'trialdomain checkpoint', and keep it elsewhere"
        )
    newest = "newest entry is" if one.uncovered == 1 else f"{one.uncovered} newest entries are"
    return f"the {newest} under no checkpoint yet"


def _table(found: Verified) -> Table:
    return Table(
        title="What is wrong",
        columns=(
            *("what", Column("trial", keep=-1), "position", Column("stream", keep=-1), Column("version", keep=-1)),
            *(Column("line", keep=-1), Column("why", least=30, keep=1)),
        ),
        rows=tuple(
            (
                one.what.value,
                one.trial or "",
                *("" if value is None else str(value) for value in (one.position, one.stream, one.version, one.line)),
                one.why,
            )
            for one in found.defects
        ),
    )
