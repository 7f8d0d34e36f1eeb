"""Handing a log to others, which is an act of its own."""

from collections.abc import Sequence
from pathlib import Path

from trialdomain.application.coercion import make
from trialdomain.application.desk.acts import Acts
from trialdomain.application.view import Drafts, View, drafts_in
from trialdomain.audit.bundle import Handover, bundle_at, check_participants, head_of, write_bundle
from trialdomain.audit.keys import VerifierKey
from trialdomain.audit.signing import TreeSigner
from trialdomain.audit.trees import TrialTree
from trialdomain.errors import InputInvalid
from trialdomain.events.trial import TrialExported
from trialdomain.exchange.bundle import Exporter, Manifest
from trialdomain.history.log import history_of
from trialdomain.tree.checkpoint import Checkpoint
from trialdomain.tree.note import Note
from trialdomain.values.ids import trial_stream
from trialdomain.values.progress import Progress, unheard
from trialdomain.values.use_case import UseCase

_MOST_NAMED = 10


class Exporting(Acts):
    """What leaves the log."""

    def export(
        self,
        place: str | Path,
        *,
        why: str,
        participants: Sequence[str] = (),
        signer: TreeSigner | None = None,
        note: Note | None = None,
        keys: Sequence[VerifierKey] = (),
        progress: Progress = unheard,
    ) -> Manifest:
        """Write an audit bundle, and record that it was handed out: who, why, what, and the root of its tree.

        That it was is recorded before anything is written. A bundle that could not be written to its end leaves that
        entry and nothing else.

        Args:
            place: a folder to make, or a zip file, where the name ends in .zip.
            why: for whom and what for.
            participants: only their entries; everything by default.
            signer: signs the head of the tree that is handed out; the note is kept with the log as well.
            note: instead of it, a checkpoint of this log that was signed before: then the bundle ends where it does.
            keys: with ``note``, the public keys of which one has signed it.
            progress: told how far it has come.

        Raises:
            NotPermitted: the user may not; that is recorded.
            BundleExists: the place is taken, or cannot be written.
            QuestionInvalid: nothing was recorded of one of the participants.
            CheckpointUnfit: the note is not one of this log.
            SignatureMissing: nobody who is trusted has signed it.
            SigningRefused: the log does not extend what the signer has signed before.
            LogCorrupt: an entry does not fit its leaf, or is missing.
        """
        if signer is not None and note is not None:
            raise InputInvalid("a signer and a note were both given: a bundle has one checkpoint, choose")
        conduct = self._conduct
        tree = TrialTree(conduct.recorder, conduct.trial)
        chosen = check_participants(history_of(conduct.recorder, conduct.trial), participants)
        head = head_of(tree, note, keys)
        with bundle_at(place) as folder:
            fact = make(TrialExported, what=_what(head, chosen), why=why, root=head.root.hex())

            def decide(_: View) -> Drafts:
                return drafts_in(trial_stream(conduct.trial), [fact])

            recorded = conduct.run(UseCase.EXPORT, fact, decide, None)[-1]
            if signer is not None:
                note, keys = tree.signed_by(signer, size=head.size), [signer.key.verifier]
                tree.keep(note, keys)
            user = conduct.user
            handover = Handover(
                size=head.size,
                at=recorded.meta.recorded_at,
                participants=chosen,
                why=fact.why.plain,
                by=Exporter(user=user.id, name=user.name, role=user.role.value, organization=user.organization),
                recorded=recorded.position,
            )
            return write_bundle(
                folder, conduct.recorder, conduct.trial, handover, note=note, keys=keys, progress=progress
            )


def _what(head: Checkpoint, participants: Sequence[str]) -> str:
    more = f" and {len(participants) - _MOST_NAMED} more" if len(participants) > _MOST_NAMED else ""
    of = f", those of {', '.join(participants[:_MOST_NAMED])}{more}" if participants else ""
    return f"audit bundle of positions 1 to {head.size}{of}"
