"""Tables of participants: who they are, their adverse events, and their laboratory values."""

from collections.abc import Iterable

from trialdomain.events.participant import Comparator, Consented, LabRecorded
from trialdomain.projections.flow import Status, disposition_of
from trialdomain.projections.safety import listed
from trialdomain.storage.view_tables import Column, Kind
from trialdomain.values.clinical.toxicity import Outcome, Relatedness
from trialdomain.views.columns import (
    PARTICIPANT,
    RESTS_ON,
    first_day,
    label,
    rests_on,
    words,
    written,
)
from trialdomain.views.known import LAST_DAY, KnownParticipant
from trialdomain.views.table_view import Row, TableView

_LEVEL = Column("level", Kind.TEXT, "The label of the dose level received; before the infusion, of the assigned level.")


def _participant_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return the row of a participant; none where every entry was withdrawn."""
    case = participant.case()
    found = disposition_of(case, participant.trial.book())
    if found is None:
        return
    infusion = case.first_infusion
    consents = case.of(Consented)
    yield {
        "participant": found.subject,
        "level": label(found.level),
        "site": consents[-1].fact.site if consents else None,
        "status": found.status,
        "consented": found.consented,
        "screenings": found.screenings,
        "failed_screenings": found.failed_screenings,
        "enrolled": found.enrolled,
        "administrations": found.administrations,
        "infused_at": None if infusion is None else written(infusion.fact.started_at),
        "infused_on": None if infusion is None else first_day(infusion.fact.started_at),
        "withdrew_from_treatment": found.withdrew_from_treatment,
        **rests_on(found.evidence or [case.entries[-1].position]),
    }


PARTICIPANT_TABLE = TableView(
    name="participant",
    comment="One row is one participant, with every current entry, whatever its date.",
    columns=(
        PARTICIPANT,
        _LEVEL,
        Column("site", Kind.TEXT, "The code of the site, where the protocol has several."),
        Column(
            "status",
            Kind.TEXT,
            "The furthest stage that the participant reached, or why the observation ended.",
            words=words(Status),
            required=True,
        ),
        Column("consented", Kind.BOOLEAN, "Whether a consent is recorded.", required=True),
        Column("screenings", Kind.INTEGER, "The number of screenings.", required=True),
        Column("failed_screenings", Kind.INTEGER, "The number of screenings that failed.", required=True),
        Column("enrolled", Kind.BOOLEAN, "Whether the participant was enrolled.", required=True),
        Column("administrations", Kind.INTEGER, "The number of administrations of the study drug.", required=True),
        Column("infused_at", Kind.TEXT, "The start of the first administration, as recorded."),
        Column("infused_on", Kind.DATE, "The day of the first administration."),
        Column(
            "withdrew_from_treatment", Kind.TEXT, "The reason for withdrawing from treatment; empty if none is known."
        ),
        *RESTS_ON,
    ),
    of_participant=_participant_of_participant,
)


def _adverse_event_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return a row for each event."""
    exposure, protocol = participant.exposure(), participant.trial.book().protocol
    for event, counted in zip(participant.case().adverse_events, exposure.events, strict=True):
        found = listed(exposure, counted, protocol, on=LAST_DAY)
        report = event.report.fact
        follow_ups = reversed(event.follow_ups)
        ended = next((one.fact.ended for one in follow_ups if one.fact.ended is not None), report.ended)
        yield {
            "participant": participant.subject,
            "event": found.event,
            "level": label(found.level),
            "term": found.term,
            "ctcae_code": report.ctcae_code,
            "scale": str(event.scale),
            "grade": found.highest_grade,
            "serious": found.serious,
            "fatal": found.fatal,
            "expected": report.expected,
            "relatedness": found.relatedness,
            "onset": written(event.onset),
            "onset_day": first_day(event.onset),
            "ended": written(ended),
            "outcome": event.outcome,
            "counts_from": found.since,
            "day": found.day,
            **rests_on((*found.evidence, *(entry.position for entry in event.follow_ups))),
        }


ADVERSE_EVENT_TABLE = TableView(
    name="adverse_event",
    comment="One row is one reported adverse event of a participant, with its follow-ups.",
    columns=(
        PARTICIPANT,
        Column("event", Kind.TEXT, "The code of the event within the participant.", required=True),
        Column("level", Kind.TEXT, "The label of the dose level received; none before an infusion."),
        Column("term", Kind.TEXT, "The reported term.", required=True),
        Column("ctcae_code", Kind.TEXT, "The code of the term in CTCAE 5.0."),
        Column("scale", Kind.TEXT, "The scale of the grade.", required=True),
        Column(
            "grade",
            Kind.INTEGER,
            "The highest grade since the infusion; for an event that does not follow an infusion, the highest grade.",
            required=True,
        ),
        Column("serious", Kind.BOOLEAN, "Whether it is serious; empty where that was not recorded."),
        Column("fatal", Kind.BOOLEAN, "Whether it led to death.", required=True),
        Column("expected", Kind.BOOLEAN, "Whether it was expected; empty where that was not recorded."),
        Column("relatedness", Kind.TEXT, "The relatedness to the infusion.", words=words(Relatedness), required=True),
        Column("onset", Kind.TEXT, "The onset as recorded, which may be a partial date.", required=True),
        Column("onset_day", Kind.DATE, "The earliest day that the onset allows.", required=True),
        Column("ended", Kind.TEXT, "The end as recorded in the report or the last follow-up."),
        Column("outcome", Kind.TEXT, "The outcome (SDTM AEOUT).", words=words(Outcome)),
        Column("counts_from", Kind.DATE, "The day from which it counts after the infusion; empty if it does not."),
        Column("day", Kind.INTEGER, "That day, in elapsed days from the infusion (day 0)."),
        *RESTS_ON,
    ),
    of_participant=_adverse_event_of_participant,
)


def _laboratory_value_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return a row for each result."""
    for entry in participant.case().of(LabRecorded):
        fact, position = entry.fact, entry.position
        yield {
            "participant": participant.subject,
            "analyte": fact.analyte,
            "value": fact.value,
            "comparator": fact.comparator,
            "unit": fact.unit,
            "collected": fact.collected_at.text,
            "collected_day": fact.collected_at.first,
            "lower_limit": fact.lower_limit,
            "upper_limit": fact.upper_limit,
            "laboratory": fact.laboratory,
            "specimen": fact.specimen,
            "evidence": (position,),
            "known_at_position": position,
        }


LABORATORY_VALUE_TABLE = TableView(
    name="laboratory_value",
    comment="One row is one laboratory result of a participant, as the laboratory reported it.",
    columns=(
        PARTICIPANT,
        Column("analyte", Kind.TEXT, "The name or the code of what was measured, as recorded.", required=True),
        Column("value", Kind.NUMBER, "The value, in the unit of the row.", required=True),
        Column(
            "comparator",
            Kind.TEXT,
            "The bound in a result such as '< 5'; empty for an exact value.",
            words=words(Comparator),
        ),
        Column("unit", Kind.TEXT, "The unit (UCUM); empty where the laboratory gave none."),
        Column("collected", Kind.TEXT, "When the specimen was collected, as recorded.", required=True),
        Column("collected_day", Kind.DATE, "The earliest day that this allows.", required=True),
        Column("lower_limit", Kind.NUMBER, "The lower limit of normal, in the unit of the row."),
        Column("upper_limit", Kind.NUMBER, "The upper limit of normal, in the unit of the row."),
        Column("laboratory", Kind.TEXT, "The laboratory."),
        Column("specimen", Kind.TEXT, "The specimen (SDTM LBSPEC); empty for blood, serum or plasma."),
        *RESTS_ON,
    ),
    of_participant=_laboratory_value_of_participant,
)
