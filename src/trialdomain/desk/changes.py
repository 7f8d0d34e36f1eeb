"""Corrections and voids of what was recorded."""

from collections.abc import Sequence

from trialdomain.commands.coercion import restated
from trialdomain.commands.corrections import correct, needed_for, void
from trialdomain.commands.snapshot import Drafts, View
from trialdomain.desk.acts import Acts
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.ids import kind_of, subject_of, trial_of
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase

_MOST_ENTRIES = 2**63
"""Of a log: SQLite counts no further."""


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
        entry, reason = _one_entry(entry), check_reason(reason)
        changes = restated(type(entry.fact), changes)

        def decide(view: View) -> Drafts:
            today = self._conduct.today(view)
            drafts = correct(view, entry, changes, reason=reason, on=today)
            for draft in drafts[:1]:
                self._conduct.refuse_future(view, draft.fact)
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
        entry, reason = _one_entry(entry), check_reason(reason)

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


def _one_entry(given: object) -> Entry:
    """Take an entry, whatever its class makes of it; every command returns several.

    Raises:
        InputInvalid: it is none, or none that a log can have.
    """
    if not is_a(given, Recorded):
        raise InputInvalid(f"a {type(given).__name__} is no entry: give one of those that a command returned")
    trial, stream = plain(given.trial), plain(given.stream)
    if not is_a(stream, str) or kind_of(stream) is None or not is_a(trial, str) or kind_of(trial) != "trial":
        raise InputInvalid("the entry is of no stream that a log has: give one of those that a command returned")
    position, version = plain(given.position), plain(given.version)
    placed = all(is_a(number, int) and 0 < number < _MOST_ENTRIES for number in (position, version))
    if not placed or type(given.fact) not in NAMES:
        raise InputInvalid("the entry has no place, or no fact, that a log has: give one that a command returned")
    return Recorded(
        trial=trial, position=position, stream=stream, version=version, meta=given.envelope, fact=given.fact
    )
