"""The report of the safety review."""

from collections.abc import Iterator
from datetime import date

from trialdomain.projections.review import (
    Delayed,
    Narrative,
    NotAssessed,
    Open,
    Reaction,
    Review,
    Reviewed,
)
from trialdomain.reports.escalation.recommended import recommended_json, recommended_lines
from trialdomain.reports.escalation.state import dlt_report, row_json
from trialdomain.reports.grades import grade_text, highest_json, highest_text, scale_json
from trialdomain.reports.halts import halts_json, halts_lines
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.safety import incidence_tables, safety_report
from trialdomain.reports.table import Column, Table
from trialdomain.rules.evaluability import why_words
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.toxicity import Relatedness, Seriousness

_OPEN = {
    Open.RELATEDNESS: "relatedness to the infusion",
    Open.SERIOUSNESS: "whether an event is serious",
    Open.EXPECTEDNESS: "whether a serious event was expected",
    Open.WINDOW: "the observation window, which is over",
    Open.DEATH: "a death that no adverse event explains",
    Open.DLT: "a DLT found at the assessment that no adverse event explains",
    Open.ENDING: "whether the last day of the window was seen: a date is partial",
    Open.CYTOPENIA: "whether a cytopenia lasted: no count shows it",
    Open.DURATION: "how long an event lasted: no entry shows it",
    Open.AWARENESS: "when the sponsor became aware of a serious reaction",
    Open.TERM: "the grade: this library's part of CTCAE lacks the term",
}


def review_report(review: Review) -> Report:
    """Report the safety review: participants, DLTs, due dates, and data that are not assessed."""

    def blocks() -> Iterator[Block]:
        yield Lines(_lines(review))
        yield from _tables(review)

    return Report(title="Safety review", blocks=blocks, json=lambda: _json(review))


def _json(review: Review) -> dict[str, Json]:
    return {
        "on": review.on.isoformat(),
        "participants": {reviewed.subject: _reviewed_json(reviewed) for reviewed in review.participants},
        "narratives": [_narrative_json(narrative) for narrative in review.narratives],
        "reactions": [_reaction_json(reaction) for reaction in review.reactions],
        "delayed_toxicity": [_delayed_json(delayed) for delayed in review.delayed],
        "not_assessed": [_missing_json(missing) for missing in review.not_assessed],
        "halts": halts_json(review.halts),
        "recommended_doses": recommended_json(review.recommended_doses),
        "dlt": dlt_report(review.counts).json,
        "safety": safety_report(review.safety).json,
    }


def _reviewed_json(reviewed: Reviewed) -> Json:
    return {
        "level": reviewed.level,
        "dose": _dose(reviewed.dose) or None,
        "lot": reviewed.lot,
        "chemotherapy": [str(when) for when in reviewed.chemotherapy],
        "infusions": [str(when) for when in reviewed.infusions],
        "evaluation": reviewed.standing.evaluation.value,
        "reason": reviewed.standing.reason.value,
        "dlt": None if reviewed.dlt is None else reviewed.dlt.term,
        "assessed_by": list(reviewed.assessed_by),
        "window_last": None if reviewed.window_last is None else reviewed.window_last.isoformat(),
        "days_left": reviewed.days_left,
        "last_contact": reviewed.last_contact.isoformat(),
        "highest_grade": reviewed.highest_grade,
        **highest_json(reviewed.highest_by_scale),
        "serious_events": [
            {
                "event": event.event,
                "term": event.term,
                "highest_grade": event.highest_grade,
                **scale_json(event.scale),
                "onset": str(event.onset),
                "criteria": _criteria(event.criteria),
                "evidence": [event.position],
            }
            for event in reviewed.serious
        ],
        "death": None if reviewed.death is None else str(reviewed.death),
        "deviations": [{"why": found.why, "evidence": [found.position]} for found in reviewed.deviations],
    }


def _criteria(criteria: tuple[Seriousness, ...]) -> list[Json]:
    return [criterion.value for criterion in criteria]


def _dose(dose: Dose | None) -> str:
    return "" if dose is None else str(dose)


def _narrative_json(narrative: Narrative) -> Json:
    return {
        "subject": narrative.subject,
        "level": narrative.level,
        "term": narrative.dlt.term,
        **scale_json(narrative.dlt.scale),
        "event": narrative.dlt.event,
        "onset": str(narrative.dlt.onset),
        "day": narrative.day,
        **row_json(narrative.dlt),
        "text": narrative_text(narrative),
        "evidence": list(narrative.evidence),
    }


def _reaction_json(reaction: Reaction) -> Json:
    return {
        "subject": reaction.subject,
        "level": reaction.level,
        "event": reaction.event,
        "term": reaction.term,
        "highest_grade": reaction.highest_grade,
        **scale_json(reaction.scale),
        "relatedness": reaction.relatedness.value,
        "expected": reaction.expected,
        "criteria": _criteria(reaction.criteria),
        "aware_on": reaction.aware_on.isoformat(),
        "awareness_recorded": reaction.awareness_recorded,
        "dangerous_since": None if reaction.dangerous_since is None else reaction.dangerous_since.isoformat(),
        "danger_recorded": reaction.danger_recorded,
        "complete_by": None if reaction.complete_by is None else reaction.complete_by.isoformat(),
        "due_in_7_days": None if reaction.due_in_7_days is None else reaction.due_in_7_days.isoformat(),
        "due_in_15_days": reaction.due_in_15_days.isoformat(),
        "evidence": list(reaction.positions),
    }


def _delayed_json(delayed: Delayed) -> Json:
    return {
        "subject": delayed.subject,
        "level": delayed.level,
        "event": delayed.event,
        "term": delayed.term,
        "grade": delayed.grade,
        **scale_json(delayed.scale),
        "on": str(delayed.on),
        "day": delayed.day,
        "relatedness": delayed.relatedness.value,
        "evidence": list(delayed.positions),
    }


def _missing_json(missing: NotAssessed) -> Json:
    return {
        "subject": missing.subject,
        "what": missing.what.value,
        "event": missing.event,
        "evidence": [] if missing.position is None else [missing.position],
    }


def narrative_text(narrative: Narrative) -> str:
    """Write the narrative of one DLT in sentences."""
    dose = f" ({_dose(narrative.dose)})" if narrative.dose is not None else ""
    level = "an amount of no dose level" if narrative.level is None else f"dose level {narrative.level}"
    grade = "" if narrative.dlt.grade is None else f", grade {grade_text(narrative.dlt.grade, narrative.dlt.scale)}"
    onset = f"{narrative.dlt.onset}{' (a partial date)' if narrative.dlt.uncertain else ''}"
    sentences = [
        f"{narrative.subject} was infused at {level}{dose} on {narrative.infused_at}.",
        f"{narrative.dlt.term}{grade}, had its onset on {onset}, day {narrative.day} after the infusion.",
    ]
    if narrative.dlt.because is not None:
        sentences.append(f"It counts by row {narrative.dlt.row} of the DLT rule: {narrative.dlt.because}.")
    grades = dict.fromkeys(f"{graded.grade} from {graded.on}" for graded in narrative.grades)
    if len(grades) > 1:
        sentences.append("Grades: " + ", ".join(grades) + ".")
    sentences += (
        f"The {judged.assessor.value} judged it {_related(judged.relatedness)} to the infusion (entry "
        f"{judged.position})."
        for judged in narrative.judgements
    )
    if narrative.criteria:
        sentences.append("Serious: " + ", ".join(criterion.value for criterion in narrative.criteria) + ".")
    ended = "" if narrative.ended is None else f", ended {narrative.ended}"
    sentences.append(f"Outcome: {narrative.outcome.value if narrative.outcome else 'not recorded'}{ended}.")
    return " ".join(sentences)


def _related(relatedness: Relatedness) -> str:
    match relatedness:
        case Relatedness.NOT_ASSESSED:
            return "not assessable as related"
        case Relatedness.UNRELATED:
            return "unrelated"
        case _:
            return f"{relatedness.value} related"


def _lines(review: Review) -> Iterator[str]:
    yield f"Safety review, windows judged for {review.on}"
    yield from halts_lines(review.halts)
    for narrative in review.narratives:
        yield f"DLT: {narrative_text(narrative)}"
    unexplained = [missing.subject for missing in review.not_assessed if missing.what is Open.DLT]
    if unexplained:
        yield f"DLT found at an assessment, and no adverse event explains it: {', '.join(unexplained)}"
    if not review.counts.tallies:
        yield "The protocol has no DLT rule: no participant was judged by one."
    elif not review.narratives and not unexplained:
        yield "No DLT."
    if not review.reactions:
        yield "No suspected unexpected serious reaction."
    if not all(reaction.awareness_recorded and reaction.danger_recorded for reaction in review.reactions):
        yield (
            "A day of awareness with ? was not recorded in full: it is the earliest possible day, or the day of "
            "recording"
        )
    if review.counts.tallies and not review.delayed:
        yield "No delayed toxicity."
    if not review.not_assessed:
        yield "Everything is assessed."
    yield from recommended_lines(review.recommended_doses)


def _tables(review: Review) -> Iterator[Table]:
    yield Table(
        title="Participants: treatment",
        columns=(
            *("participant", "level", "amount", Column("lot", keep=-2), Column("chemotherapy from", keep=-1)),
            *("infused on", "last contact", "died"),
        ),
        rows=tuple(_treatment_row(reviewed) for reviewed in review.participants),
    )
    yield Table(
        title="Participants: safety",
        columns=(
            *("participant", Column("DLT evaluation", least=18), Column("assessed by", keep=-1), "days left"),
            *("highest grade", Column("serious", least=12), Column("deviations", least=16, keep=-1)),
        ),
        rows=tuple(_safety_row(reviewed) for reviewed in review.participants),
    )
    if review.reactions:
        yield Table(
            title="Suspected unexpected serious reactions",
            columns=(
                *("participant", Column("event", least=12), "grade", "related", Column("expected", keep=-1)),
                *(Column("criteria", least=16, keep=-2), Column("aware", keep=-1), "due in 15 days"),
                *(Column("aware of danger", keep=-1), "due in 7 days", Column("complete by", keep=-1)),
            ),
            rows=tuple(_reaction_row(reaction) for reaction in review.reactions),
        )
    if review.delayed:
        yield Table(
            title="Delayed toxicity: would have been dose-limiting within the window",
            columns=("participant", "level", "event", "grade", "on", "day", "related"),
            rows=tuple(
                (
                    delayed.subject,
                    _level(delayed.level),
                    delayed.term,
                    grade_text(delayed.grade, delayed.scale),
                    str(delayed.on),
                    str(delayed.day),
                    delayed.relatedness.value,
                )
                for delayed in review.delayed
            ),
        )
    if review.not_assessed:
        yield Table(
            title="Not assessed",
            columns=("participant", "what", "event", "entry"),
            rows=tuple(
                (
                    missing.subject,
                    _OPEN[missing.what],
                    missing.event or "",
                    "" if missing.position is None else str(missing.position),
                )
                for missing in review.not_assessed
            ),
        )
    yield from incidence_tables(review.safety)


def _level(level: Label | None) -> str:
    return "" if level is None else str(level)


def _treatment_row(reviewed: Reviewed) -> tuple[str, ...]:
    return (
        reviewed.subject,
        _level(reviewed.level),
        _dose(reviewed.dose),
        reviewed.lot or "",
        " ".join(when.date_text for when in reviewed.chemotherapy),
        " ".join(when.date_text for when in reviewed.infusions),
        reviewed.last_contact.isoformat(),
        "" if reviewed.death is None else str(reviewed.death),
    )


def _safety_row(reviewed: Reviewed) -> tuple[str, ...]:
    return (
        reviewed.subject,
        "DLT: " + reviewed.dlt.term if reviewed.dlt is not None else why_words(reviewed.standing, reviewed.aside),
        ", ".join(reviewed.assessed_by),
        "" if reviewed.days_left is None else str(reviewed.days_left),
        highest_text(reviewed.highest_grade, reviewed.highest_by_scale),
        ", ".join(event.term for event in reviewed.serious),
        "; ".join(found.why for found in reviewed.deviations),
    )


def _reaction_row(reaction: Reaction) -> tuple[str, ...]:
    return (
        reaction.subject,
        reaction.term,
        grade_text(reaction.highest_grade, reaction.scale),
        reaction.relatedness.value,
        "not assessed" if reaction.expected is None else "no",
        ", ".join(criterion.value for criterion in reaction.criteria),
        _known(reaction.aware_on, recorded=reaction.awareness_recorded),
        reaction.due_in_15_days.isoformat(),
        _known(reaction.dangerous_since, recorded=reaction.danger_recorded),
        "" if reaction.due_in_7_days is None else reaction.due_in_7_days.isoformat(),
        "" if reaction.complete_by is None else reaction.complete_by.isoformat(),
    )


def _known(day: date | None, *, recorded: bool) -> str:
    if day is None:
        return ""
    return day.isoformat() if recorded else f"{day} ?"
