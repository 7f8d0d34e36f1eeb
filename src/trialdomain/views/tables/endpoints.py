"""The table of endpoint values."""

from collections.abc import Iterable

from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.rules.observation import EndedBy
from trialdomain.storage.view_tables import Column, Kind
from trialdomain.views.columns import DAYS, PARTICIPANT, RESTS_ON, label, rests_on, words
from trialdomain.views.known import KnownParticipant
from trialdomain.views.table_view import Row, TableView

_FLAGS = ", ".join(words(Flag))


def _endpoint_value_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return the rows of every endpoint."""
    for _, span in participant.endpoint_spans(endpoint_row):
        yield {**span.value, "from_day": span.first, "to_day": span.last}


ENDPOINT_VALUE_TABLE = TableView(
    name="endpoint_value",
    comment=(
        "One row is the value of one endpoint of one participant, with any day from from_day to to_day as the data "
        "cut-off, by what is known now. The first day is that of the participant's last entry."
    ),
    columns=(
        PARTICIPANT,
        Column("endpoint", Kind.TEXT, "The code of the endpoint in the protocol.", required=True),
        Column("level", Kind.TEXT, "The label of the dose level received; empty if it is none."),
        Column(
            "status", Kind.TEXT, "Whether there is a value, or why there is none.", words=words(Status), required=True
        ),
        Column("happened", Kind.BOOLEAN, "For an incidence: whether it happened."),
        Column("number", Kind.INTEGER, "For a duration or a time: the number of days."),
        Column("because", Kind.TEXT, "A code for the reason why there is no value."),
        Column(
            "days",
            Kind.INTEGER,
            "For a time: elapsed days to recovery, to death, or to the last day without recovery. Empty where the "
            "time is censored by the cut-off: then that day is the cut-off.",
        ),
        Column("on_day", Kind.DATE, "The day of the onset, recovery, death or censoring; empty as for days."),
        Column("first_day", Kind.DATE, "Day 0 of the observation."),
        Column(
            "last_day", Kind.DATE, "The last day of the observation; empty where it goes on: then it is the cut-off."
        ),
        Column("ended_by", Kind.TEXT, "The reason for the end of the observation."),
        Column("flags", Kind.TEXT, f"Notes for the reader, with spaces between: {_FLAGS}."),
        *DAYS,
        *RESTS_ON,
    ),
    of_participant=_endpoint_value_of_participant,
)


def endpoint_row(value: Value) -> Row:
    """Return what the table shows of a value, without the days for which it holds."""
    goes_on = value.ended_by == EndedBy.CUT_OFF
    censored = goes_on and value.status is Status.CENSORED and value.on == value.last
    is_days = isinstance(value.value, int) and not isinstance(value.value, bool)
    return {
        "participant": value.subject,
        "endpoint": value.endpoint,
        "level": label(value.level),
        "status": value.status,
        "happened": value.value if isinstance(value.value, bool) else None,
        "number": value.value if is_days else None,
        "because": value.because,
        "days": None if censored else value.days,
        "on_day": None if censored else value.on,
        "first_day": value.first,
        "last_day": None if goes_on else value.last,
        "ended_by": value.ended_by,
        "flags": " ".join(value.flags) or None,
        **rests_on(value.evidence),
    }
