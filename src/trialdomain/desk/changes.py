"""Corrections and voids of recorded entries."""

from collections.abc import Sequence

from trialdomain.commands.coercion import converted_fields
from trialdomain.commands.corrections import correct, needed_for, site_of, void
from trialdomain.commands.snapshot import Drafts, Snapshot
from trialdomain.desk.acts import Acts
from trialdomain.errors import InputInvalid
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.ids import kind_of, subject_of, trial_of
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase

_MOST_ENTRIES = 2**63
"""The most entries of a log: SQLite counts no further."""


class Changes(Acts):
    """Corrections and voids: a new entry restates or withdraws an earlier one, with a reason; no entry is edited."""

    def correct(
        self, entry: Entry, *, reason: str, command_id: str | None = None, **changes: object
    ) -> Sequence[Entry]:
        """Restate a current entry with some fields changed: ``correct(entry, grade=3, reason="...")``.

        Raises:
            EntryNotCurrent: the entry was corrected or voided before.
            ReasonMissing: the reason is blank, or a filler word.
            FactMalformed: the restated fact is impossible.
        """
        entry, reason = _one_entry(entry), check_reason(reason)
        changes = converted_fields(type(entry.fact), changes)

        def decide(snapshot: Snapshot) -> Drafts:
            today = self._runner.today(snapshot)
            drafts = correct(snapshot, entry, changes, reason=reason, on=today)
            for draft in drafts[:1]:
                self._runner.refuse_future(snapshot, draft.fact, site_of(snapshot, draft.stream))
            return drafts

        return self._runner.run(
            UseCase.CORRECT,
            (entry.ref, reason, sorted(changes.items())),
            decide,
            command_id,
            about=self._subject(entry),
            also=lambda snapshot: needed_for(snapshot, entry),
        )

    def void(
        self,
        entry: Entry,
        *,
        reason: str,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Withdraw a current entry that was made in error, together with the entries that it corrected.

        A void cannot be voided: record the fact again. Voiding an adverse event voids its follow-ups.

        Raises:
            EntryNotCurrent: the entry was corrected or voided before.
            ReasonMissing: the reason is blank, or a filler word.
        """
        entry, reason = _one_entry(entry), check_reason(reason)

        def decide(snapshot: Snapshot) -> Drafts:
            return void(snapshot, entry, reason=reason, on=self._runner.today(snapshot))

        return self._runner.run(
            UseCase.VOID,
            (entry.ref, reason),
            decide,
            command_id,
            about=self._subject(entry),
            also=lambda snapshot: needed_for(snapshot, entry),
        )

    def _subject(self, entry: Entry) -> str | None:
        """Return the participant that an entry of this trial concerns."""
        return subject_of(entry.stream) if trial_of(entry.stream) == self._runner.trial else None


def _one_entry(given: object) -> Entry:
    """Copy an entry into a plain one, so that a subclass cannot change its answers.

    A caller may pass a list by mistake, since every command returns several entries.

    Raises:
        InputInvalid: the argument is no entry, or none that a log can have.
    """
    if not is_a(given, Recorded):
        raise InputInvalid(f"a {type(given).__name__} is not an entry: pass one of those that a command returned")
    trial, stream = plain(given.trial), plain(given.stream)
    if not is_a(stream, str) or kind_of(stream) is None or not is_a(trial, str) or kind_of(trial) != "trial":
        raise InputInvalid("the entry is of no stream that a log has: pass one of those that a command returned")
    position, version = plain(given.position), plain(given.version)
    placed = all(is_a(number, int) and 0 < number < _MOST_ENTRIES for number in (position, version))
    if not placed or type(given.fact) not in NAMES:
        raise InputInvalid("the entry has a place, or a fact, that no log has: pass one that a command returned")
    return Recorded(
        trial=trial, position=position, stream=stream, version=version, meta=given.envelope, fact=given.fact
    )
