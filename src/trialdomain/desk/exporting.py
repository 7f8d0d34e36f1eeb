"""The export of an audit bundle, which is a recorded act."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from trialdomain.bundle.writing import Handover, bundle_at, check_participants, head_of, write_bundle
from trialdomain.commands.coercion import check_callable, checked_list, expect, make
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.desk.acts import Acts
from trialdomain.errors import InputInvalid
from trialdomain.events.trial import TrialExported
from trialdomain.exchange.bundle import Exporter, Manifest
from trialdomain.history.log import history_of
from trialdomain.signing.keys import VerifierKey
from trialdomain.signing.signer import TreeSigner
from trialdomain.signing.trees import TrialTree
from trialdomain.tree.checkpoint import Checkpoint, as_base64
from trialdomain.tree.merkle import HASH_BYTES
from trialdomain.tree.note import Note
from trialdomain.values.given.filename import named
from trialdomain.values.given.plain import plain
from trialdomain.values.ids import trial_stream
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.use_case import UseCase

_MOST_NAMED = 10


class Exporting(Acts):
    """Exports of a trial."""

    def export(
        self,
        place: str | Path,
        *,
        why: str,
        participants: Iterable[str] = (),
        signer: TreeSigner | None = None,
        note: Note | None = None,
        keys: Iterable[VerifierKey] = (),
        progress: Progress = ignore_progress,
    ) -> Manifest:
        """Write an audit bundle, and record its export: who, why, what, and the root of its tree.

        Access is checked before the log is read. The export is recorded before any file is written. If the bundle
        cannot be written to its end, the entry stays and the files are removed.

        Args:
            place: a folder to make, or a zip file, where the name ends in .zip.
            why: the recipient and the purpose.
            participants: the participants whose entries to export; all entries by default.
            signer: signs the head of the exported tree; the signed note is kept with the log as well.
            note: instead of a signer, a checkpoint of this log that was signed before; the bundle then ends at it.
            keys: with ``note``, the public keys, one of which has signed it.
            progress: called with the progress of the work.

        Raises:
            InputInvalid: the request is malformed, or ``why`` gives no reason; this is checked before the log is read.
            NotPermitted: the user may not export; the refusal is recorded.
            BundleExists: the place is taken, or cannot be written.
            QuestionInvalid: the log has no entry of one of the participants.
            CheckpointUnfit: the note is not a checkpoint of this log.
            SignatureMissing: none of the trusted keys has signed the note.
            SigningRefused: the log does not extend the one that the signer signed before.
            LogCorrupt: an entry does not fit its leaf, or is missing.
        """
        folder_or_zip = named(place, what="the place of a bundle")
        check_callable(progress=progress)
        if signer is not None and note is not None:
            raise InputInvalid(
                "the caller passed a signer and a note, but a bundle has one checkpoint: pass one of them"
            )
        if signer is not None:
            expect("a signer", signer, TreeSigner)
        asked_for, trusted = checked_list("participants", participants, str), checked_list("keys", keys, VerifierKey)
        if note is not None:
            expect("a note", note, Note)
        nothing = as_base64(bytes(HASH_BYTES))
        make(TrialExported, what="audit bundle", why=why, root=nothing)  # refuses a malformed request early
        runner = self._runner
        tree = TrialTree(runner.store, runner.trial)
        with ExitStack() as stack:
            handed: list[_Handed] = []
            folder: list[Path] = []

            def decide(snapshot: Snapshot) -> Drafts:
                chosen = check_participants(
                    history_of(runner.store, runner.trial, known_at=snapshot.position), asked_for
                )
                head = head_of(tree, note, trusted, size=snapshot.name_position())
                fact = make(TrialExported, what=_what(head, chosen), why=why, root=as_base64(head.root))
                if not folder:  # make the folder once, also when the decision is repeated
                    folder.append(stack.enter_context(bundle_at(folder_or_zip)))
                handed[:] = [_Handed(chosen, head, fact)]
                return drafts_in(trial_stream(runner.trial), [fact])

            recorded = runner.run(UseCase.EXPORT, (str(folder_or_zip), plain(why), asked_for), decide, None)[-1]
            [export] = handed
            if signer is not None:
                note, trusted = tree.signed_by(signer, size=export.head.size), (signer.key.verifier,)
                tree.keep(note, trusted)
            user = runner.user
            handover = Handover(
                size=export.head.size,
                at=recorded.meta.recorded_at,
                participants=export.participants,
                why=export.fact.why.plain,
                by=Exporter(user=user.id, name=user.name, role=user.role.value, organization=user.organization),
                recorded=recorded.position,
            )
            return write_bundle(
                folder[0], runner.store, runner.trial, handover, note=note, keys=trusted, progress=progress
            )


@attrs.frozen
class _Handed:
    """The content of an export."""

    participants: tuple[str, ...]
    head: Checkpoint
    fact: TrialExported


def _what(head: Checkpoint, participants: Sequence[str]) -> str:
    more = f" and {len(participants) - _MOST_NAMED} more" if len(participants) > _MOST_NAMED else ""
    of = f", those of {', '.join(participants[:_MOST_NAMED])}{more}" if participants else ""
    return f"audit bundle of positions 1 to {head.size}{of}"
