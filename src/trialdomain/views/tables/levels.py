"""Tables of dose levels: cohorts, counts, DLT evaluations, and decisions."""

from collections.abc import Iterable
from datetime import timedelta

from trialdomain.events.cohort import CohortOpened, Stop
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.escalation import closed_levels
from trialdomain.storage.view_tables import Column, Kind
from trialdomain.values.clinical.decision import Action, MtdStatus
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason
from trialdomain.values.ids import level_of
from trialdomain.views.columns import (
    COHORT,
    DAYS,
    LEVEL,
    PARTICIPANT,
    RESTS_ON,
    amount,
    first_day,
    label,
    rests_on,
    unit,
    words,
    written,
)
from trialdomain.views.known import KnownParticipant, KnownTrial, Span
from trialdomain.views.table_view import Row, TableView


def _cohort_of_trial(trial: KnownTrial) -> Iterable[Row]:
    """Return a row for each cohort."""
    for level, record in trial.record.cohorts.items():
        opening = next((entry for entry in record.entries if isinstance(entry.fact, CohortOpened)), None)
        cohort = trial.cohorts.get(level)
        if opening is None or cohort is None:
            continue
        yield {
            "cohort": label(level),
            "level": label(level),
            "dose_amount": amount(opening.fact.dose),
            "dose_unit": unit(opening.fact.dose),
            "opened_at": opening.envelope.recorded_at,
            "slots": cohort.slots,
            "slots_used": cohort.occupied,
            "stopped": cohort.stopped,
            **rests_on(entry.position for entry in record.entries),
        }


COHORT_TABLE = TableView(
    name="cohort",
    comment="One row is one cohort: a dose level that was opened, with its slots.",
    columns=(
        COHORT,
        LEVEL,
        Column("dose_amount", Kind.NUMBER, "The dose of the level when it was opened, in the unit of the row."),
        Column("dose_unit", Kind.TEXT, "The unit of the dose (UCUM), with what it is divided by."),
        Column("opened_at", Kind.TIME, "When the opening was recorded.", required=True),
        Column("slots", Kind.INTEGER, "The number of slots that were opened.", required=True),
        Column("slots_used", Kind.INTEGER, "The number of slots in use.", required=True),
        Column(
            "stopped", Kind.TEXT, "Why enrollment is stopped at the level; empty while it is not.", words=words(Stop)
        ),
        *RESTS_ON,
    ),
    of_trial=_cohort_of_trial,
)


def _level_standing_of_trial(trial: KnownTrial) -> Iterable[Row]:
    """Return the rows of each level; none if the protocol has no DLT rule."""
    rows: dict[str, list[Row]] = {}
    for span in trial.counts():
        book = trial.book(span.first)
        closed = closed_levels(span.value, book) if span.value.tallies else ()
        for tally in span.value.tallies:
            members = [one for one in span.value.members if one.level == tally.level]
            record = trial.record.cohorts.get(tally.level)
            opened = () if record is None else record.opened
            positions = {position for one in members for position in one.evidence} | {e.position for e in opened}
            row = {
                "level": label(tally.level),
                "place": tally.place,
                "dose_amount": amount(tally.dose),
                "dose_unit": unit(tally.dose),
                "enrolled": tally.enrolled,
                "evaluable": tally.evaluable,
                "dlts": tally.dlts,
                "pending": tally.pending,
                "not_evaluable": tally.not_evaluable,
                "most_held": tally.most_held,
                "closed": tally.level in closed,
                **rests_on(positions),
            }
            _add(rows.setdefault(str(tally.level), []), row, span)
    for of_level in rows.values():
        yield from of_level


LEVEL_STANDING_TABLE = TableView(
    name="level_standing",
    comment=(
        "One row is the counts of one dose level on the days from from_day to to_day, by what is known now. The first "
        "day is that of the last entry of the trial or its cohorts; for an earlier day, ask what was known then."
    ),
    columns=(
        LEVEL,
        Column("place", Kind.INTEGER, "The place of the level in the order of escalation, from 1.", required=True),
        Column("dose_amount", Kind.NUMBER, "The dose of the level by the protocol in force, in the unit of the row."),
        Column("dose_unit", Kind.TEXT, "The unit of the dose (UCUM), with what it is divided by."),
        Column("enrolled", Kind.INTEGER, "Participants who hold a slot and are not infused yet.", required=True),
        Column("evaluable", Kind.INTEGER, "Participants who are evaluable for DLT.", required=True),
        Column("dlts", Kind.INTEGER, "Evaluable participants with a DLT.", required=True),
        Column("pending", Kind.INTEGER, "Infused participants whose evaluation is not known yet.", required=True),
        Column("not_evaluable", Kind.INTEGER, "Infused participants who are not evaluable.", required=True),
        Column("most_held", Kind.INTEGER, "The peak number of slots held at the same time.", required=True),
        Column("closed", Kind.BOOLEAN, "Whether the level is closed, by the design or by a decision.", required=True),
        *DAYS,
        *RESTS_ON,
    ),
    of_trial=_level_standing_of_trial,
)


def _dlt_assessment_of_participant(participant: KnownParticipant) -> Iterable[Row]:
    """Return the rows of a participant."""
    rows: list[Row] = []
    for span in participant.members():
        member = span.value
        if member is not None:
            _add(rows, _dlt_assessment_row(member), span)
    return rows


def _dlt_assessment_row(member: Member) -> Row:
    dlt = member.dlt
    return {
        "participant": member.subject,
        "level": label(member.level),
        "evaluation": member.standing.evaluation,
        "reason": member.standing.reason,
        "why": member.why,
        "dlt": dlt is not None,
        "event": dlt and dlt.event,
        "term": dlt and dlt.term,
        "grade": dlt and dlt.grade,
        "onset": dlt and written(dlt.onset),
        "infused_on": first_day(member.infused_on),
        "window_last_day": member.window_last,
        **rests_on(member.evidence),
    }


DLT_ASSESSMENT_TABLE = TableView(
    name="dlt_assessment",
    comment=(
        "One row is the DLT evaluation of one participant on the days from from_day to to_day, by what is known now. "
        "The first day is that of the participant's last entry. Who neither holds a slot nor was infused has no row; "
        "without a DLT rule, nobody has."
    ),
    columns=(
        PARTICIPANT,
        Column("level", Kind.TEXT, "The level received; before the infusion, the assigned level; empty if it is none."),
        Column("evaluation", Kind.TEXT, "Whether the participant counts.", words=words(Evaluation), required=True),
        Column("reason", Kind.TEXT, "The reason for it.", words=words(EvaluationReason), required=True),
        Column("why", Kind.TEXT, "The reason in words.", required=True),
        Column("dlt", Kind.BOOLEAN, "Whether the participant had a DLT.", required=True),
        Column("event", Kind.TEXT, "The code of the adverse event that is the DLT; empty for a cytopenia."),
        Column("term", Kind.TEXT, "The term of the DLT."),
        Column("grade", Kind.INTEGER, "The grade of the DLT on the day of the onset; empty for a cytopenia."),
        Column("onset", Kind.TEXT, "The onset of the DLT as recorded, which may be a partial date."),
        Column("infused_on", Kind.DATE, "The day of the first infusion."),
        Column("window_last_day", Kind.DATE, "The last day of the observation window."),
        *DAYS,
        *RESTS_ON,
    ),
    of_participant=_dlt_assessment_of_participant,
)


def _escalation_decision_of_trial(trial: KnownTrial) -> Iterable[Row]:
    """Return a row for each decision."""
    for entry in trial.record.decisions:
        fact = entry.fact
        because = fact.recommended.because
        yield {
            "cohort": label(level_of(entry.stream)),
            "level": label(fact.decided.level),
            "decided_on": fact.basis.on,
            "recommended_action": fact.recommended.action,
            "recommended_level": label(fact.recommended.level),
            "action": fact.decided.action,
            "mtd_status": fact.decided.mtd.status,
            "mtd_level": label(fact.decided.mtd.level),
            "because_code": because and because.code,
            "because": because and because.text,
            "rationale": None if fact.rationale is None else fact.rationale.plain or "(sealed)",
            "decided_by": fact.by,
            "protocol_version": fact.basis.protocol_version,
            "recorded_by": entry.envelope.user,
            "recorded_at": entry.envelope.recorded_at,
            "basis_position": fact.basis.position,
            **rests_on([entry.position]),
        }


ESCALATION_DECISION_TABLE = TableView(
    name="escalation_decision",
    comment="One row is one escalation decision that people took, with what the design recommended then.",
    columns=(
        COHORT,
        Column("level", Kind.TEXT, "The label of the level that was decided: the level in turn; empty after a stop."),
        Column("decided_on", Kind.DATE, "The day for which it was decided.", required=True),
        Column("recommended_action", Kind.TEXT, "What the design recommended.", words=words(Action), required=True),
        Column("recommended_level", Kind.TEXT, "The label of the level that the design recommended."),
        Column("action", Kind.TEXT, "What people decided.", words=words(Action), required=True),
        Column("mtd_status", Kind.TEXT, "The MTD by the decision.", words=words(MtdStatus), required=True),
        Column("mtd_level", Kind.TEXT, "The label of the level that is the MTD."),
        Column("because_code", Kind.TEXT, "The reason of the recommendation, as a code."),
        Column("because", Kind.TEXT, "The reason of the recommendation, in words."),
        Column("rationale", Kind.TEXT, "Why people decided otherwise than recommended."),
        Column("decided_by", Kind.TEXT, "Who decided, as stated.", required=True),
        Column("protocol_version", Kind.TEXT, "The version of the protocol in force.", required=True),
        Column("recorded_by", Kind.TEXT, "The id of the user who recorded it.", required=True),
        Column("recorded_at", Kind.TIME, "When it was recorded.", required=True),
        Column("basis_position", Kind.INTEGER, "The last position that the decision had read.", required=True),
        *RESTS_ON,
    ),
    of_trial=_escalation_decision_of_trial,
)


def _add(rows: list[Row], row: Row, span: Span[object]) -> None:
    """Add a row for the days of a span; extend the row before it, if it is the same."""
    before = rows[-1] if rows else {}
    follows = before.get("to_day") == span.first - timedelta(days=1)
    if follows and {**before, "from_day": None, "to_day": None} == {**row, "from_day": None, "to_day": None}:
        rows[-1] = {**before, "to_day": span.last}
    else:
        rows.append({**row, "from_day": span.first, "to_day": span.last})
