"""Corrections and voids of what was recorded."""

from collections.abc import Sequence

from trialdomain.application.coercion import restated
from trialdomain.application.conduct import refuse_future
from trialdomain.application.corrections import correct, needed_for, void
from trialdomain.application.desk.acts import Acts
from trialdomain.application.view import Drafts, View
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.values.ids import LONGEST_STREAM, subject_of, trial_of
from trialdomain.values.use_case import UseCase


class Changes(Acts):
    """Nothing is edited: an entry is restated or withdrawn, with a reason."""

    def correct(
        self, entry: Entry, *, reason: str, command_id: str | None = None, **changes: object
    ) -> Sequence[Entry]:
        """Restate a current entry with the fields that are given changed: ``correct(entry, grade=3, reason="...")``.

        Raises:
            EntryNotCurrent: the entry was corrected or voided before.
            ReasonMissing: the reason says nothing.
            FactMalformed: the restated fact cannot be so.
        """
        _one_entry(entry)
        changes = restated(type(entry.fact), changes)

        def decide(view: View) -> Drafts:
            today = self._conduct.today(view)
            drafts = correct(view, entry, changes, reason=reason, on=today)
            for draft in drafts[:1]:
                refuse_future(draft.fact, today)
            return drafts

        return self._conduct.run(
            UseCase.CORRECT,
            (entry.ref, reason, sorted(changes.items())),
            decide,
            command_id,
            about=self._subject(entry),
            also=lambda view: needed_for(view, entry),
        )

    def void(
        self,
        entry: Entry,
        *,
        reason: str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Withdraw a current entry that was made in error, with everything that it corrected.

        A void cannot be voided: record anew. Voiding an adverse event voids its follow-ups.

        Raises:
            EntryNotCurrent: the entry was corrected or voided before.
            ReasonMissing: the reason says nothing.
        """
        _one_entry(entry)

        def decide(view: View) -> Drafts:
            return void(view, entry, reason=reason, on=self._conduct.today(view))

        return self._conduct.run(
            UseCase.VOID,
            (entry.ref, reason),
            decide,
            command_id,
            about=self._subject(entry),
            also=lambda view: needed_for(view, entry),
        )

    def _subject(self, entry: Entry) -> str | None:
        """Name whom an entry of this trial is about."""
        return subject_of(entry.stream) if trial_of(entry.stream) == self._conduct.trial else None


def _one_entry(given: object) -> None:
    """Refuse what is no entry: every command returns several."""
    if not isinstance(given, Recorded):
        raise InputInvalid(f"a {type(given).__name__} is no entry: give one of those that a command returned")
    if not given.stream.isprintable() or len(given.stream) > LONGEST_STREAM:
        raise InputInvalid("the entry is of no stream that a log has: give one of those that a command returned")
