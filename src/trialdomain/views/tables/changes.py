"""Tables of what an inspector asks about: deviations from rules of conduct, and corrections."""

from collections.abc import Iterable, Iterator, Sequence

from trialdomain.events.entries import current_entries
from trialdomain.events.fields import Plain
from trialdomain.events.recorded import Entry, Recorded
from trialdomain.events.registry import NAMES
from trialdomain.projections.people import People
from trialdomain.projections.trail import Act, Asked, trail_of
from trialdomain.storage.view_tables import Column, Kind
from trialdomain.values.ids import level_of, subject_of
from trialdomain.views.columns import RESTS_ON, label, rests_on
from trialdomain.views.known import KnownParticipant, KnownTrial
from trialdomain.views.table_view import Row, TableView

_WHERE = (
    Column("participant", Kind.TEXT, "The code of the participant; empty for the trial and its cohorts."),
    Column("cohort", Kind.TEXT, "The code of the cohort; empty for the trial and its participants."),
    Column("level", Kind.TEXT, "The label of the cohort's dose level."),
    Column("stream", Kind.TEXT, "The stream of the entry.", required=True),
    Column("version", Kind.INTEGER, "The number of the entry in its stream, from 1.", required=True),
    Column("fact", Kind.TEXT, "The stored name of the kind of fact.", required=True),
)
_WHO = (
    Column("recorded_by", Kind.TEXT, "The id of the user who recorded it.", required=True),
    Column("recorded_at", Kind.TIME, "When it was recorded.", required=True),
)
_CHANGED = Asked(changed=True)


def _deviation_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return the rows of a participant; a correction keeps the explanation of the entry that it corrects."""
    case = participant.case()
    for entry in case.entries:
        if entry.envelope.deviation is not None or entry.envelope.corrects is not None:
            explanation = case.deviation_of(entry)
            if explanation is not None:
                yield _deviation(entry, explanation)


def _deviation_of_trial(trial: KnownTrial) -> Iterable[Row]:
    """Return the rows of the trial and its cohorts."""
    for entries in trial.streams.values():
        for entry in current_entries(entries):
            if entry.envelope.deviation is not None:
                yield _deviation(entry, entry.envelope.deviation)


DEVIATION_TABLE = TableView(
    name="deviation",
    comment="One row is one current entry that broke a rule of conduct, with the explanation that was given.",
    columns=(
        *_WHERE,
        Column("explanation", Kind.TEXT, "Why the rule was broken, as stated.", required=True),
        *_WHO,
        *RESTS_ON,
    ),
    of_participant=_deviation_of_participant,
    of_trial=_deviation_of_trial,
)


def _correction_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return the rows of a participant."""
    if len(participant.current.entries) == len(participant.recorded):
        return ()  # each correction and each void makes the current entries fewer
    return _corrections(participant.recorded)


def _correction_of_trial(trial: KnownTrial) -> Iterable[Row]:
    """Return the rows of the trial and its cohorts."""
    for entries in trial.streams.values():
        yield from _corrections(entries)


CORRECTION_TABLE = TableView(
    name="correction",
    comment=(
        "One row is one field that a correction or a void changed, with its old and its new value; an entry that "
        "changed no value has one row without a field."
    ),
    columns=(
        *_WHERE,
        Column("position", Kind.INTEGER, "The position of the correction or the void.", required=True),
        Column("act", Kind.TEXT, "What it did.", words=(Act.CORRECTED.value, Act.VOIDED.value), required=True),
        Column("target", Kind.INTEGER, "The position of the entry that it corrects or voids."),
        Column("field", Kind.TEXT, "The path to the field."),
        Column("old_value", Kind.TEXT, "The value before; empty if none was known."),
        Column("new_value", Kind.TEXT, "The value after; empty if none is known any more."),
        Column("reason", Kind.TEXT, "Why it was changed, as stated."),
        *_WHO,
        *RESTS_ON,
    ),
    of_participant=_correction_of_participant,
    of_trial=_correction_of_trial,
)


def _corrections(recorded: Sequence[Entry]) -> Iterator[Row]:
    for item in trail_of(recorded, _NOBODY, _CHANGED):
        entry = item.entry
        row = {
            **_where(entry),
            "position": entry.position,
            "act": item.act,
            "target": item.target,
            "reason": entry.envelope.reason,
            **_who(entry),
            **rests_on([entry.position, *([] if item.target is None else [item.target])]),
        }
        if not item.changes:
            yield row
        for change in item.changes:
            yield {**row, "field": change.field, "old_value": _shown(change.old), "new_value": _shown(change.new)}


_NOBODY = People(())
"""The rows name users by their ids alone."""


def _deviation(entry: Recorded[object], explanation: str) -> Row:
    return {**_where(entry), "explanation": explanation, **_who(entry), **rests_on([entry.position])}


def _where(entry: Recorded[object]) -> dict[str, object]:
    level = label(level_of(entry.stream))
    return {
        "participant": subject_of(entry.stream),
        "cohort": level,
        "level": level,
        "stream": entry.stream,
        "version": entry.version,
        "fact": NAMES[type(entry.fact)],  # type: ignore[index]  # every fact of a log is in the table
    }


def _who(entry: Recorded[object]) -> dict[str, object]:
    return {"recorded_by": entry.envelope.user, "recorded_at": entry.envelope.recorded_at}


def _shown(value: Plain | None) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
