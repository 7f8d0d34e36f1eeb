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
from trialdomain.reports.escalation import dlt_report
from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.safety import incidence_tables, safety_report
from trialdomain.reports.table import Column, Table
from trialdomain.rules.evaluability import why_words
from trialdomain.values.clinical.dose import Dose
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
        "participants": {one.subject: _reviewed_json(one) for one in review.participants},
        "narratives": [_narrative_json(one) for one in review.narratives],
        "reactions": [_reaction_json(one) for one in review.reactions],
        "delayed_toxicity": [_delayed_json(one) for one in review.delayed],
        "not_assessed": [_missing_json(one) for one in review.not_assessed],
        "dlt": dlt_report(review.counts).json,
        "safety": safety_report(review.safety).json,
    }


def _reviewed_json(one: Reviewed) -> Json:
    return {
        "level": one.level,
        "dose": _dose(one.dose) or None,
        "lot": one.lot,
        "chemotherapy": [str(when) for when in one.chemotherapy],
        "infusions": [str(when) for when in one.infusions],
        "evaluation": one.standing.evaluation.value,
        "reason": one.standing.reason.value,
        "dlt": None if one.dlt is None else one.dlt.term,
        "assessed_by": list(one.assessed_by),
        "window_last": None if one.window_last is None else one.window_last.isoformat(),
        "days_left": one.days_left,
        "last_contact": one.last_contact.isoformat(),
        "highest_grade": one.highest_grade,
        "serious_events": [
            {
                "event": event.event,
                "term": event.term,
                "highest_grade": event.highest_grade,
                "onset": str(event.onset),
                "criteria": _criteria(event.criteria),
                "evidence": [event.position],
            }
            for event in one.serious
        ],
        "death": None if one.death is None else str(one.death),
        "deviations": [{"why": found.why, "evidence": [found.position]} for found in one.deviations],
    }


def _criteria(criteria: tuple[Seriousness, ...]) -> list[Json]:
    return [one.value for one in criteria]


def _dose(dose: Dose | None) -> str:
    return "" if dose is None else str(dose)


def _narrative_json(one: Narrative) -> Json:
    return {
        "subject": one.subject,
        "level": one.level,
        "term": one.dlt.term,
        "event": one.dlt.event,
        "onset": str(one.dlt.onset),
        "day": one.day,
        "text": narrative_text(one),
        "evidence": list(one.evidence),
    }


def _reaction_json(one: Reaction) -> Json:
    return {
        "subject": one.subject,
        "level": one.level,
        "event": one.event,
        "term": one.term,
        "highest_grade": one.highest_grade,
        "relatedness": one.relatedness.value,
        "expected": one.expected,
        "criteria": _criteria(one.criteria),
        "aware_on": one.aware_on.isoformat(),
        "awareness_recorded": one.awareness_recorded,
        "dangerous_since": None if one.dangerous_since is None else one.dangerous_since.isoformat(),
        "danger_recorded": one.danger_recorded,
        "complete_by": None if one.complete_by is None else one.complete_by.isoformat(),
        "due_in_7_days": None if one.due_in_7_days is None else one.due_in_7_days.isoformat(),
        "due_in_15_days": one.due_in_15_days.isoformat(),
        "evidence": list(one.positions),
    }


def _delayed_json(one: Delayed) -> Json:
    return {
        "subject": one.subject,
        "level": one.level,
        "event": one.event,
        "term": one.term,
        "grade": one.grade,
        "on": str(one.on),
        "day": one.day,
        "relatedness": one.relatedness.value,
        "evidence": list(one.positions),
    }


def _missing_json(one: NotAssessed) -> Json:
    return {
        "subject": one.subject,
        "what": one.what.value,
        "event": one.event,
        "evidence": [] if one.position is None else [one.position],
    }


def narrative_text(one: Narrative) -> str:
    """Write the narrative of one DLT in sentences."""
    dose = f" ({_dose(one.dose)})" if one.dose is not None else ""
    level = "an amount of no dose level" if one.level is None else f"dose level {one.level}"
    grade = "" if one.dlt.grade is None else f", grade {one.dlt.grade}"
    partial = " (a partial date)" if one.dlt.uncertain else ""
    sentences = [
        f"{one.subject} was infused at {level}{dose} on {one.infused_at}.",
        f"{one.dlt.term}{grade}, had its onset on {one.dlt.onset}{partial}, day {one.day} after the infusion.",
    ]
    grades = dict.fromkeys(f"{graded.grade} from {graded.on}" for graded in one.grades)
    if len(grades) > 1:
        sentences.append("Grades: " + ", ".join(grades) + ".")
    sentences += (
        f"The {judged.assessor.value} judged it {_related(judged.relatedness)} to the infusion (entry "
        f"{judged.position})."
        for judged in one.judgements
    )
    if one.criteria:
        sentences.append("Serious: " + ", ".join(criterion.value for criterion in one.criteria) + ".")
    ended = "" if one.ended is None else f", ended {one.ended}"
    sentences.append(f"Outcome: {one.outcome.value if one.outcome else 'not recorded'}{ended}.")
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
    for one in review.narratives:
        yield f"DLT: {narrative_text(one)}"
    unexplained = [one.subject for one in review.not_assessed if one.what is Open.DLT]
    if unexplained:
        yield f"DLT found at an assessment, and no adverse event explains it: {', '.join(unexplained)}"
    if not review.counts.tallies:
        yield "The protocol has no DLT rule: no participant was judged by one."
    elif not review.narratives and not unexplained:
        yield "No DLT."
    if not review.reactions:
        yield "No suspected unexpected serious reaction."
    if not all(one.awareness_recorded and one.danger_recorded for one in review.reactions):
        yield (
            "A day of awareness with ? was not recorded in full: it is the earliest possible day, or the day of "
            "recording"
        )
    if review.counts.tallies and not review.delayed:
        yield "No delayed toxicity."
    if not review.not_assessed:
        yield "Everything is assessed."


def _tables(review: Review) -> Iterator[Table]:
    yield Table(
        title="Participants: treatment",
        columns=(
            *("participant", "level", "amount", Column("lot", keep=-2), Column("chemotherapy from", keep=-1)),
            *("infused on", "last contact", "died"),
        ),
        rows=tuple(_treatment_row(one) for one in review.participants),
    )
    yield Table(
        title="Participants: safety",
        columns=(
            *("participant", Column("DLT evaluation", least=18), Column("assessed by", keep=-1), "days left"),
            *("highest grade", Column("serious", least=12), Column("deviations", least=16, keep=-1)),
        ),
        rows=tuple(_safety_row(one) for one in review.participants),
    )
    if review.reactions:
        yield Table(
            title="Suspected unexpected serious reactions",
            columns=(
                *("participant", Column("event", least=12), "grade", "related", Column("expected", keep=-1)),
                *(Column("criteria", least=16, keep=-2), Column("aware", keep=-1), "due in 15 days"),
                *(Column("aware of danger", keep=-1), "due in 7 days", Column("complete by", keep=-1)),
            ),
            rows=tuple(_reaction_row(one) for one in review.reactions),
        )
    if review.delayed:
        yield Table(
            title="Delayed toxicity: would have been dose-limiting within the window",
            columns=("participant", "level", "event", "grade", "on", "day", "related"),
            rows=tuple(
                (
                    one.subject,
                    _level(one.level),
                    one.term,
                    str(one.grade),
                    str(one.on),
                    str(one.day),
                    one.relatedness.value,
                )
                for one in review.delayed
            ),
        )
    if review.not_assessed:
        yield Table(
            title="Not assessed",
            columns=("participant", "what", "event", "entry"),
            rows=tuple(
                (one.subject, _OPEN[one.what], one.event or "", "" if one.position is None else str(one.position))
                for one in review.not_assessed
            ),
        )
    yield from incidence_tables(review.safety)


def _level(level: int | None) -> str:
    return "" if level is None else str(level)


def _treatment_row(one: Reviewed) -> tuple[str, ...]:
    return (
        one.subject,
        _level(one.level),
        _dose(one.dose),
        one.lot or "",
        " ".join(when.date_text for when in one.chemotherapy),
        " ".join(when.date_text for when in one.infusions),
        one.last_contact.isoformat(),
        "" if one.death is None else str(one.death),
    )


def _safety_row(one: Reviewed) -> tuple[str, ...]:
    return (
        one.subject,
        "DLT: " + one.dlt.term if one.dlt is not None else why_words(one.standing, one.aside),
        ", ".join(one.assessed_by),
        "" if one.days_left is None else str(one.days_left),
        "" if one.highest_grade is None else str(one.highest_grade),
        ", ".join(event.term for event in one.serious),
        "; ".join(found.why for found in one.deviations),
    )


def _reaction_row(one: Reaction) -> tuple[str, ...]:
    return (
        one.subject,
        one.term,
        str(one.highest_grade),
        one.relatedness.value,
        "not assessed" if one.expected is None else "no",
        ", ".join(criterion.value for criterion in one.criteria),
        _known(one.aware_on, recorded=one.awareness_recorded),
        one.due_in_15_days.isoformat(),
        _known(one.dangerous_since, recorded=one.danger_recorded),
        "" if one.due_in_7_days is None else one.due_in_7_days.isoformat(),
        "" if one.complete_by is None else one.complete_by.isoformat(),
    )


def _known(day: date | None, *, recorded: bool) -> str:
    if day is None:
        return ""
    return day.isoformat() if recorded else f"{day} ?"
