"""The course of one simulated participant: drawn at random from a seed, before anything is recorded.

Blood counts fall after chemotherapy and recover. The numbers are invented and only plausible. Days are counted from the
start of chemotherapy unless a docstring says "from the infusion".
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import attrs

from trialdomain.events.participant import (
    AdverseEventReported,
    AntiInfectiveGiven,
    BodySite,
    LabRecorded,
    ParticipantFact,
    Transfused,
    VitalSign,
    VitalSignRecorded,
)
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.ctcae import known_term
from trialdomain.values.clinical.toxicity import FATAL_GRADE, Agent, Assessor, Attribution, Relatedness
from trialdomain.values.clinical.treatment import BloodProduct, Intent
from trialdomain.values.clinical_time import ClinicalTime

OBSERVED_DAYS = 42
"""From the start of chemotherapy, as the windowed endpoints ask."""
BETWEEN_LABS = 2
"""The days with laboratory values: every other day."""
INFUSED_AT = "10:00"
_SITE_OFFSET = "+08:00"
DLT = "DLT"
"""The id of the event that is meant to limit the dose."""
_DLTS = (("Infusion related reaction", 3), ("Alanine aminotransferase increased", 3), ("Cytokine release syndrome", 2))
_OTHERS = (("Nausea", 1), ("Nausea", 2), ("Fatigue", 1), ("Headache", 1), ("Mucositis oral", 2), ("Diarrhea", 2))
_INFECTIONS = (("Lung infection", 3), ("Upper respiratory infection", 2), ("Catheter related infection", 3))
_BLEEDINGS = (("Epistaxis", 1), ("Oral hemorrhage", 1), ("Bruising", 1))
_CURVES = {  # by analyte: unit, lower and upper limit, at the start, at the lowest, and the decimals of a result
    "ANC": ("10*9/L", Decimal("1.8"), Decimal("6.3"), 3.6, 0.08, 2),
    "WBC": ("10*9/L", Decimal("3.5"), Decimal("9.5"), 5.4, 0.3, 2),
    "PLT": ("10*9/L", Decimal(125), Decimal(350), 190.0, 14.0, 0),
    "HGB": ("g/L", Decimal(115), Decimal(150), 112.0, 71.0, 0),
}
_TRANSFUSE_BELOW = {
    "PLT": (Decimal(20), BloodProduct.PLATELETS, Decimal(1)),
    "HGB": (Decimal(75), BloodProduct.RED_CELLS, Decimal(2)),
}


@attrs.frozen(kw_only=True)
class Chances:
    """The probabilities of events."""

    screen_failure: float = 0.25
    dlt: tuple[float, ...] = (0.10, 0.25, 0.45)
    """By dose level; the last one counts for all levels above."""
    leaves: float = 0.10
    """The participant withdraws from follow-up within the observation window, and is replaced."""
    fever: float = 0.25
    """For each day with low neutrophils."""
    infection: float = 0.3
    bleeding: float = 0.3


USUAL = Chances()


@attrs.frozen(kw_only=True)
class Course:
    """The course of one participant at one dose level."""

    infusion_day: int
    """From the start of chemotherapy."""
    dlt_day: int | None
    """From the infusion."""
    leaves_day: int | None
    """From the infusion."""
    observed: tuple[tuple[int, tuple[ParticipantFact, ...]], ...]
    """The observations of each day from the start of chemotherapy; the results of one day are grouped."""


def draw_course(chance: Random, *, start: date, place: int, chances: Chances) -> Course:
    """Draw a course for a participant whose chemotherapy starts on a day, at the level with this place."""
    infusion_day = chance.randint(1, 4)
    odds = chances.dlt[min(place, len(chances.dlt)) - 1]
    dlt_day = chance.randint(1, 12) if chance.random() < odds else None
    leaves_day = chance.randint(3, 12) if dlt_day is None and chance.random() < chances.leaves else None
    last = OBSERVED_DAYS if leaves_day is None else infusion_day + leaves_day - 1
    by_day: dict[int, list[ParticipantFact]] = {}
    if dlt_day is not None:
        by_day[infusion_day + dlt_day] = [_dlt(chance, _on(start, infusion_day + dlt_day))]
    for day, fact in (
        *_counts_and_what_follows(chance, start, chances),
        *_other_events(chance, start, infusion_day),
        *_illnesses(start, infusion_day, chances),
    ):
        by_day.setdefault(day, []).append(fact)
    observed = ((day, tuple(facts)) for day, facts in sorted(by_day.items()) if day <= last)
    return Course(infusion_day=infusion_day, dlt_day=dlt_day, leaves_day=leaves_day, observed=tuple(observed))


def as_limiting(event: AdverseEventReported, protocol: TrialProtocol) -> AdverseEventReported:
    """Give an event the lowest grade and the relatedness that limit the dose by a protocol, where there are such.

    An event that limits it already is returned as it is.
    """
    rule = protocol.dlt
    if rule is None:
        return event
    rows = {grade: rule.row_of(event.term, grade) for grade in range(event.grade, FATAL_GRADE)}
    grades = [grade for grade, found in rows.items() if found is not None and found[1].at_once]
    judged = tuple(
        attrs.evolve(one, relatedness=rule.related[0])
        if one.agent is Agent.INFUSION and one.relatedness not in rule.related
        else one
        for one in event.attributions
    )
    return attrs.evolve(event, grade=grades[0] if grades else event.grade, attributions=judged)


def _dlt(chance: Random, onset: ClinicalTime) -> AdverseEventReported:
    term, grade = chance.choice(_DLTS)
    return _event(DLT, term, grade, onset, infusion=Relatedness.POSSIBLY, chemotherapy=Relatedness.UNLIKELY)


def _other_events(chance: Random, start: date, infusion_day: int) -> Iterator[tuple[int, ParticipantFact]]:
    """Yield the adverse events that chemotherapy causes, not the infusion."""
    for number in range(chance.randint(1, 3)):
        term, grade = chance.choice(_OTHERS)
        day = chance.randint(1, 30)
        yield (
            day,
            _event(
                f"AE{number + 1}",
                term,
                grade,
                _on(start, day),
                infusion=Relatedness.UNLIKELY if day >= infusion_day else Relatedness.UNRELATED,
                chemotherapy=Relatedness.LIKELY,
                ended=_on(start, day + chance.randint(1, 5)),
            ),
        )


def _illnesses(start: date, infusion_day: int, chances: Chances) -> Iterator[tuple[int, ParticipantFact]]:
    """Yield an infection and a bleeding while counts are low.

    They have their own random generator, so that they do not change the other draws.
    """
    chance = Random(f"illness {start} {infusion_day}")  # noqa: S311 - made-up people
    for name, odds, terms, longest in (
        ("INF", chances.infection, _INFECTIONS, 10),
        ("BLD", chances.bleeding, _BLEEDINGS, 3),
    ):
        if chance.random() < odds:
            day = chance.randint(10, 20)
            term, grade = chance.choice(terms)
            over = _on(start, day + chance.randint(0, longest))
            judged = {"infusion": Relatedness.UNLIKELY, "chemotherapy": Relatedness.LIKELY}
            yield day, _event(name, term, grade, _on(start, day), **judged, ended=over)


def _counts_and_what_follows(chance: Random, start: date, chances: Chances) -> Iterator[tuple[int, ParticipantFact]]:
    """Yield laboratory values every other day, and the resulting fevers, infections and transfusions."""
    lowest_day, back_day = chance.randint(10, 14), chance.randint(22, 34)
    febrile = False
    for day in range(0, OBSERVED_DAYS + 1, BETWEEN_LABS):
        neutropenic, morning = False, at_site(start + timedelta(days=day), "08:30")
        for analyte in _CURVES:
            result = _result(chance, analyte, day=day, collected_at=morning, lowest_day=lowest_day, back_day=back_day)
            yield day, result
            neutropenic |= analyte == "ANC" and result.value < Decimal("0.5")
            threshold = _TRANSFUSE_BELOW.get(analyte)
            if threshold is not None and result.value < threshold[0]:
                yield day, Transfused(on=_on(start, day), product=threshold[1], units=threshold[2])
        fever = neutropenic and chance.random() < chances.fever
        yield day, _temperature(chance, day, start, fever=fever)
        if fever and not febrile:
            febrile = True
            yield from _febrile_neutropenia(day, start)


def _febrile_neutropenia(day: int, start: date) -> Iterator[tuple[int, ParticipantFact]]:
    on, over = _on(start, day), _on(start, day + 7)
    yield (
        day,
        _event(
            "FN",
            "Febrile neutropenia",
            3,
            on,
            infusion=Relatedness.UNLIKELY,
            chemotherapy=Relatedness.DEFINITELY,
            ended=over,
        ),
    )
    yield (
        day,
        AntiInfectiveGiven(
            agent="meropenem",
            atc_code="J01DH02",
            route="intravenous",
            intent=Intent.TREATMENT,
            started_on=on,
            ended_on=over,
        ),
    )


def _result(
    chance: Random, analyte: str, *, day: int, collected_at: ClinicalTime, lowest_day: int, back_day: int
) -> LabRecorded:
    unit, lower, upper, usual, lowest, decimals = _CURVES[analyte]
    if day <= lowest_day:
        depth = day / lowest_day
    else:
        depth = max(0.0, 1 - max(0, day - lowest_day - 4) / (back_day - lowest_day))
    value = (usual + (lowest - usual) * depth) * chance.uniform(0.92, 1.08)
    return LabRecorded(
        analyte=analyte,
        value=Decimal(f"{value:.{decimals}f}"),
        unit=unit,
        collected_at=collected_at,
        lower_limit=lower,
        upper_limit=upper,
        laboratory="simulated",
    )


def _temperature(chance: Random, day: int, start: date, *, fever: bool) -> VitalSignRecorded:
    value = chance.uniform(38.4, 39.6) if fever else chance.uniform(36.2, 37.2)
    return VitalSignRecorded(
        sign=VitalSign.TEMPERATURE,
        value=Decimal(f"{value:.1f}"),
        unit="Cel",
        measured_at=at_site(start + timedelta(days=day), "08:00"),
        site=BodySite.TYMPANIC,
    )


def _event(
    event: str,
    term: str,
    grade: int,
    onset: ClinicalTime,
    *,
    infusion: Relatedness,
    chemotherapy: Relatedness,
    ended: ClinicalTime | None = None,
) -> AdverseEventReported:
    judged = ((Agent.INFUSION, infusion), (Agent.CHEMOTHERAPY, chemotherapy))
    return AdverseEventReported(
        event=event,
        term=term,
        unchecked=known_term(term) is None,
        grade=grade,
        attributions=tuple(
            Attribution(agent=agent, assessor=Assessor.INVESTIGATOR, relatedness=relatedness)
            for agent, relatedness in judged
        ),
        onset=onset,
        ended=ended,
    )


def _on(start: date, day: int) -> ClinicalTime:
    return ClinicalTime.of(start + timedelta(days=day))


def at_site(day: date, time: str) -> ClinicalTime:
    """Return a time of a day on the site's clock."""
    return ClinicalTime(f"{day}T{time}{_SITE_OFFSET}")
