"""The 13 secondary outcomes of one participant: pure functions of their current entries and the protocol."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import attrs

from trialdomain.events.participant import (
    AntiInfectiveGiven,
    BloodProduct,
    ChemotherapyGiven,
    ChemotherapyStarted,
    ConcomitantMedicationGiven,
    Infused,
    Intent,
    LabRecorded,
    MedicationClass,
    NewTherapyStarted,
    Relapsed,
    ScreenFailed,
    Transfused,
    VitalSignRecorded,
    Withdrew,
)
from trialdomain.events.recorded import Recorded
from trialdomain.projections.casebook import Case
from trialdomain.projections.endpoints.value import Detail, Episode, Flag, Status, Value
from trialdomain.protocol.endpoint_rules import DeathAs, EndpointRules, EventSource, IntentCounted, Recovery
from trialdomain.protocol.outcomes import SECONDARY, OutcomeId
from trialdomain.rules.counts import EMPTY, Series, read_counts
from trialdomain.rules.fever import Temperature, derived, temperatures
from trialdomain.rules.illness import Illness, reported, total_days, united
from trialdomain.rules.observation import EndedBy, Observation, Outside, endings_of, observe, starts_of
from trialdomain.rules.recovery import CountCourse, Given, Seen, course_of
from trialdomain.values.analyte import Count
from trialdomain.values.clinical_time import ClinicalTime

_FEBRILE_NEUTROPENIA = "Febrile neutropenia"


@attrs.frozen(kw_only=True)
class ParticipantValues:
    """The secondary outcomes of one participant, and what was looked at for them."""

    values: tuple[Value, ...]
    looked_at: Mapping[OutcomeId, Sequence[Recorded[Any]]]


def observation_of(case: Case, rules: EndpointRules, *, on: date) -> Observation | Outside:
    """Frame the observation of one participant, as of a day; or say why there is none."""
    return observe(
        infusion=case.first_infusion,
        starts=starts_of(case.of(ChemotherapyStarted), case.of(ChemotherapyGiven)),
        endings=endings_of(
            death=case.death,
            left=case.endings,
            relapses=case.of(Relapsed),
            therapies=case.of(NewTherapyStarted),
        ),
        left=bool(case.of(ScreenFailed) or case.endings or case.death or case.refuses_treatment),
        rules=rules,
        on=on,
    )


def participant_values(case: Case, rules: EndpointRules, *, level: int | None, on: date) -> ParticipantValues:
    """Derive the 13 secondary outcomes of one participant, as of a day."""
    frame = observation_of(case, rules, on=on)
    if isinstance(frame, Outside):
        status = Status.NOT_OBSERVED if frame is Outside.NOTHING_BEGUN else Status.OUTSIDE
        said = [
            *case.of(ScreenFailed),
            *case.of(Infused)[:1],
            *case.of(Withdrew),
            *([case.death] if case.death else []),
        ]
        opened = tuple(sorted({entry.position for entry in said}))
        return ParticipantValues(
            values=tuple(
                Value(
                    outcome=outcome,
                    subject=case.subject,
                    level=level,
                    status=status,
                    because=frame.value,
                    evidence=opened,
                )
                for outcome in SECONDARY
            ),
            looked_at={},
        )
    return _Read(case, rules, frame, level).all()


@attrs.frozen
class _Read:
    """One participant, read once for all outcomes."""

    case: Case
    rules: EndpointRules
    frame: Observation
    level: int | None

    def all(self) -> ParticipantValues:
        frame, rules = self.frame, self.rules
        back = max(rules.baseline_days, 1)
        first = frame.start - timedelta(days=back)
        counts = read_counts(self.case.of(LabRecorded), first=first, last=frame.confirmed_until, rules=rules)
        looked: dict[OutcomeId, Sequence[Recorded[Any]]] = {}
        values: dict[OutcomeId, Value] = {}
        for found, entries in (
            *self._fever(counts, first),
            *self._illnesses(),
            self._transfusions(),
            *self._count(counts, Count.NEUTROPHILS, rules.neutrophils, None, OutcomeId.S7),
            *self._count(counts, Count.PLATELETS, rules.platelets, OutcomeId.S8, OutcomeId.S9),
            *self._count(counts, Count.HEMOGLOBIN, rules.hemoglobin, OutcomeId.S10, OutcomeId.S11),
            self._anti_infectives(),
        ):
            values[found.outcome], looked[found.outcome] = found, entries
        return ParticipantValues(values=tuple(values[outcome] for outcome in SECONDARY), looked_at=looked)

    def _value(
        self,
        outcome: OutcomeId,
        status: Status,
        *,
        evidence: Iterable[int] = (),
        flags: Iterable[Flag | None] = (),
        examined: int = 0,
        **fields: Any,  # noqa: ANN401 - the fields of a value, which its class checks
    ) -> Value:
        frame = self.frame
        own = [Flag.INFUSION_FIRST if frame.infusion_first else None, Flag.IMPUTED_DATE if frame.imputed else None]
        found = {flag for flag in (*own, *flags) if flag is not None}
        return Value(
            outcome=outcome,
            subject=self.case.subject,
            level=self.level,
            status=status,
            first=frame.start,
            last=frame.end,
            ended_by=frame.ended_by.value,
            flags=tuple(flag for flag in Flag if flag in found),
            examined=examined,
            evidence=tuple(sorted({*frame.opened_by, *evidence})),
            **fields,
        )

    @property
    def _ended(self) -> tuple[int, ...]:
        """The entry that ended the observation: an absence rests on it."""
        return () if self.frame.ended_position is None else (self.frame.ended_position,)

    # Febrile neutropenia

    def _fever(self, counts: Mapping[Count, Series], first: date) -> Iterator[tuple[Value, Sequence[Recorded[Any]]]]:
        rule, frame = self.rules.febrile_neutropenia, self.frame
        signs = self.case.of(VitalSignRecorded)
        readings = temperatures(signs, first=first, last=frame.end, rule=rule)
        neutrophils, leukocytes = counts[Count.NEUTROPHILS], counts[Count.LEUKOCYTES]
        found: list[Illness] = []
        events = self.case.adverse_events
        if rule.source is not EventSource.DERIVED:
            found += reported(
                events, frame, belongs=lambda term: term.term == _FEBRILE_NEUTROPENIA, min_grade=rule.reported_min_grade
            )
        if rule.source is not EventSource.REPORTED:
            found += derived(readings, neutrophils, leukocytes, rule=rule, rules=self.rules, frame=frame)
        episodes = [one for one in united(found) if one.last >= frame.start]
        underivable = self._underivable(readings, neutrophils)
        entries = [*(event.report for event in events), *(one.entry for one in readings), *neutrophils.examined]
        unseen = underivable if rule.source is EventSource.DERIVED else None
        flags = [Flag.NOT_DERIVED if underivable and rule.source is EventSource.EITHER else None]
        yield self._incidence(OutcomeId.S1, episodes, len(entries), flags=flags, unseen=unseen), entries
        yield self._duration(OutcomeId.S2, episodes, len(entries), flags=flags, unseen=unseen), entries

    def _underivable(self, readings: Sequence[Temperature], neutrophils: Series) -> str | None:
        """Say why no day could be derived; None where a fever would have shown, or neutrophils were never low."""
        rule, frame, longest = self.rules.febrile_neutropenia, self.frame, self.rules.max_gap_days
        high = [day.on for day in neutrophils.days if frame.holds(day.on) and day.reaches(rule.anc_below) is not None]
        low = any(frame.holds(day.on) and day.below(rule.anc_below) is not None for day in neutrophils.days)
        if high and not low and _without_gap(high, frame, longest):
            return None
        if not high and not low:
            return Seen.NOT_MEASURED.value
        warm = [one.on for one in readings if frame.holds(one.on)]
        if not warm:
            return Seen.NOT_MEASURED.value
        return None if _without_gap(warm, frame, longest) else Seen.GAP.value

    # Illness that was reported

    def _illnesses(self) -> Iterator[tuple[Value, Sequence[Recorded[Any]]]]:
        rules, events = self.rules, self.case.adverse_events
        entries = [event.report for event in events]
        for incidence, duration, belongs, grade in (
            (OutcomeId.S4, OutcomeId.S3, lambda term: term.infection, rules.infection_min_grade),
            (OutcomeId.S5, OutcomeId.S13, lambda term: term.bleeding, rules.bleeding_min_grade),
        ):
            found = sorted(
                reported(events, self.frame, belongs=belongs, min_grade=grade),
                key=lambda one: (one.first, one.evidence),
            )
            yield self._incidence(incidence, found, len(entries)), entries
            yield self._duration(duration, found, len(entries)), entries

    def _incidence(
        self,
        outcome: OutcomeId,
        episodes: Sequence[Illness],
        examined: int,
        *,
        flags: Iterable[Flag | None] = (),
        unseen: str | None = None,
    ) -> Value:
        """Say whether anything began in the observation."""
        began = [one for one in episodes if not one.prevalent]
        before = [one for one in episodes if one.prevalent]
        if began:
            first = began[0]
            marks = [Flag.IMPUTED_DATE if first.imputed else None, Flag.PREVALENT if before else None]
            return self._value(
                outcome,
                Status.OBSERVED,
                value=True,
                on=first.first,
                evidence=first.onset_evidence,
                flags=marks,
                examined=examined,
            )
        if before and not self.rules.include_prevalent:
            return self._value(
                outcome, Status.PREVALENT, evidence=before[0].onset_evidence, flags=flags, examined=examined
            )
        if unseen is not None:
            return self._value(outcome, Status.NOT_OBSERVED, because=unseen, evidence=self._ended, examined=examined)
        marks = [*flags, Flag.PREVALENT if before else None]
        return self._absent(outcome, Status.OBSERVED, value=False, flags=marks, examined=examined)

    def _absent(self, outcome: OutcomeId, status: Status, **fields: Any) -> Value:  # noqa: ANN401 - as in _value
        """Say that something did not happen; of an observation that never began, that nothing is known."""
        if self.frame.end < self.frame.start:
            because = self.frame.ended_by.value
            return self._value(outcome, Status.NOT_OBSERVED, because=because, evidence=self._ended)
        return self._value(outcome, status, evidence=self._ended, **fields)

    def _duration(
        self,
        outcome: OutcomeId,
        episodes: Sequence[Illness],
        examined: int,
        *,
        flags: Iterable[Flag | None] = (),
        unseen: str | None = None,
    ) -> Value:
        """Add up the days of what began in the observation."""
        began = united(one for one in episodes if not one.prevalent)
        before = [one for one in episodes if one.prevalent]
        if not began:
            if before:
                return self._value(
                    outcome, Status.PREVALENT, evidence=before[0].onset_evidence, flags=flags, examined=examined
                )
            if unseen is not None:
                return self._value(
                    outcome, Status.NOT_OBSERVED, because=unseen, evidence=self._ended, examined=examined
                )
            return self._absent(outcome, Status.NO_EPISODE, flags=flags, examined=examined)
        ongoing = any(one.ongoing for one in began)
        marks = [
            Flag.IMPUTED_DATE if any(one.imputed for one in began) else None,
            Flag.ONGOING if ongoing else None,
            Flag.PREVALENT if before else None,
        ]
        return self._value(
            outcome,
            Status.OBSERVED,
            value=total_days(began),
            on=began[0].first,
            evidence=[*(self._ended if ongoing else ()), *(position for one in began for position in one.evidence)],
            flags=marks,
            examined=examined,
            episodes=tuple(Episode(first=one.first, last=one.last, ongoing=one.ongoing) for one in began),
            details={"longest": max(one.days for one in began)},
        )

    # What was given

    def _transfusions(self) -> tuple[Value, Sequence[Recorded[Any]]]:
        entries = self.case.of(Transfused)
        units: dict[BloodProduct, Decimal] = {BloodProduct.RED_CELLS: Decimal(0), BloodProduct.PLATELETS: Decimal(0)}
        first: dict[BloodProduct, Recorded[Transfused]] = {}
        flags = set()
        for entry in sorted(entries, key=lambda one: (self.frame.onset(one.fact.on), one.position)):
            product = entry.fact.product
            if product in units and self.frame.holds(self.frame.onset(entry.fact.on)):
                units[product] += entry.fact.units
                first.setdefault(product, entry)
                if entry.fact.on.day is None:
                    flags.add(Flag.IMPUTED_DATE)
        details: dict[str, Detail] = {
            "red_cells": BloodProduct.RED_CELLS in first,
            "platelets": BloodProduct.PLATELETS in first,
            "red_cell_units": units[BloodProduct.RED_CELLS],
            "platelet_units": units[BloodProduct.PLATELETS],
        }
        if not first:
            absent = self._absent(OutcomeId.S6, Status.OBSERVED, value=False, details=details, examined=len(entries))
            return absent, entries
        earliest = min(first.values(), key=lambda one: (self.frame.onset(one.fact.on), one.position))
        value = self._value(
            OutcomeId.S6,
            Status.OBSERVED,
            value=True,
            on=self.frame.onset(earliest.fact.on),
            evidence=[earliest.position],
            flags=flags,
            examined=len(entries),
            details=details,
        )
        return value, entries

    def _anti_infectives(self) -> tuple[Value, Sequence[Recorded[Any]]]:
        rules = self.rules
        entries = self.case.of(AntiInfectiveGiven)
        given = [entry for entry in entries if self._under_way(entry.fact.started_on, entry.fact.ended_on)]
        systemic = [entry for entry in given if entry.fact.route.strip().casefold() not in rules.local_routes]
        coded = [entry for entry in systemic if entry.fact.atc_code is not None]
        counted = [entry for entry in coded if _is_of(entry.fact.atc_code, rules.anti_infective_classes)]
        treatment = [entry for entry in counted if entry.fact.intent is Intent.TREATMENT]
        headline = counted if rules.anti_infective_intent is IntentCounted.ANY else treatment
        details: dict[str, Detail] = {
            "any": bool(counted),
            "treatment": bool(treatment),
            "agents": tuple(sorted({entry.fact.agent for entry in headline})),
        }
        unclassified = len(systemic) > len(coded)
        flags = [Flag.NOT_CLASSIFIED if unclassified else None]
        if headline:
            first = min(headline, key=lambda one: (self.frame.onset(one.fact.started_on), one.position))
            imputed = any(
                when is not None and when.day is None for when in (first.fact.started_on, first.fact.ended_on)
            )
            value = self._value(
                OutcomeId.S12,
                Status.OBSERVED,
                value=True,
                on=max(self.frame.onset(first.fact.started_on), self.frame.start),
                evidence=[first.position],
                flags=[*flags, Flag.IMPUTED_DATE if imputed else None],
                examined=len(entries),
                details=details,
            )
        elif unclassified:
            named = [entry.position for entry in systemic if entry.fact.atc_code is None]
            value = self._value(
                OutcomeId.S12,
                Status.NOT_OBSERVED,
                because=Flag.NOT_CLASSIFIED.value,
                evidence=named,
                flags=flags,
                examined=len(entries),
                details=details,
            )
        else:
            value = self._absent(OutcomeId.S12, Status.OBSERVED, value=False, details=details, examined=len(entries))
        return value, entries

    def _under_way(self, started: ClinicalTime, ended: ClinicalTime | None) -> bool:
        """Say whether a course has any day in the observation; without an end it goes on."""
        frame = self.frame
        return frame.onset(started) <= frame.end and (ended is None or ended.last >= frame.start)

    def _confounded(self, kind: MedicationClass) -> bool:
        return any(
            entry.fact.medication_class is kind and self._under_way(entry.fact.started_on, entry.fact.ended_on)
            for entry in self.case.of(ConcomitantMedicationGiven)
        )

    # Blood counts

    def _count(
        self, counts: Mapping[Count, Series], count: Count, rule: Recovery, incidence: OutcomeId | None, time: OutcomeId
    ) -> Iterator[tuple[Value, Sequence[Recorded[Any]]]]:
        series = counts.get(count, EMPTY)
        product = {Count.PLATELETS: BloodProduct.PLATELETS, Count.HEMOGLOBIN: BloodProduct.RED_CELLS}.get(count)
        given = [
            Given(self.frame.onset(entry.fact.on), entry.position)
            for entry in self.case.of(Transfused)
            if entry.fact.product is product
        ]
        course = course_of(series.days, given, rule=rule, frame=self.frame, rules=self.rules)
        flags = [Flag.UNUSED_RESULTS if series.unused else None]
        details: dict[str, Detail] = {"unused": tuple(series.unused)} if series.unused else {}
        if incidence is not None:
            yield self._severe(incidence, course, series, flags, details), series.examined
        yield self._recovery(time, course, series, flags, details), series.examined

    def _severe(
        self,
        outcome: OutcomeId,
        course: CountCourse,
        series: Series,
        flags: Sequence[Flag | None],
        details: dict[str, Detail],
    ) -> Value:
        """Say whether a count was severe in the observation."""
        examined = len(series.examined)
        if course.baseline is not None and not self.rules.include_prevalent:
            positions = [course.baseline.entry.position]
            return self._value(
                outcome, Status.PREVALENT, evidence=positions, flags=flags, examined=examined, details=details
            )
        marks = [*flags, Flag.PREVALENT if course.baseline is not None else None]
        if course.first_below is not None:
            step = course.first_below
            return self._value(
                outcome,
                Status.OBSERVED,
                value=True,
                on=step.on,
                evidence=[step.entry.position],
                flags=marks,
                examined=examined,
                details=details,
            )
        if course.seen is not Seen.WHOLE:
            return self._unseen(outcome, course, examined, marks, details)
        return self._absent(outcome, Status.OBSERVED, value=False, flags=marks, examined=examined, details=details)

    def _unseen(
        self,
        outcome: OutcomeId,
        course: CountCourse,
        examined: int,
        flags: Sequence[Flag | None],
        details: Mapping[str, Detail],
    ) -> Value:
        """Say that a count was not followed closely enough to know."""
        gap: Mapping[str, Detail] = {} if course.gap is None else {"gap": course.gap}
        return self._value(
            outcome,
            Status.NOT_OBSERVED,
            because=course.seen.value,
            evidence=[*course.around_gap, *self._ended],
            flags=flags,
            examined=examined,
            details={**details, **gap},
        )

    def _recovery(
        self,
        outcome: OutcomeId,
        course: CountCourse,
        series: Series,
        flags: Sequence[Flag | None],
        details: dict[str, Detail],
    ) -> Value:
        """Give the days to recovery."""
        examined = len(series.examined)
        if course.anchor is None:
            if course.seen is not Seen.WHOLE:
                return self._unseen(outcome, course, examined, flags, details)
            return self._absent(outcome, Status.NOT_AT_RISK, flags=flags, examined=examined, details=details)
        confounder = {OutcomeId.S7: Flag.G_CSF, OutcomeId.S9: Flag.TPO_RECEPTOR_AGONIST}.get(outcome)
        episodes = tuple(Episode(first=one.first.on, last=one.last, ongoing=one.ongoing) for one in course.episodes)
        anchor, recovered, frame = course.anchor, course.recovered, self.frame
        marks = [
            *flags,
            confounder if confounder is not None and self._confounded(_CONFOUNDING[confounder]) else None,
            Flag.PREVALENT if course.baseline is not None else None,
            Flag.FROM_LEUKOCYTES if anchor.derived else None,
        ]
        details = {
            **details,
            "severe_on": (course.first_below or anchor).on,
            "longest": max((one.days for one in course.episodes), default=0),
        }
        if recovered is not None:
            first = recovered.run[0].on
            fell = course.fell_again
            return self._value(
                outcome,
                Status.OBSERVED,
                value=frame.day(first),
                days=frame.day(first),
                on=first,
                episodes=episodes,
                evidence=[
                    anchor.entry.position,
                    *recovered.held_back,
                    *(step.entry.position for step in recovered.run),
                ],
                flags=[*marks, Flag.FELL_AGAIN if fell is not None else None],
                examined=examined,
                details={
                    **details,
                    "from_onset": (first - (course.first_below or anchor).on).days,
                    "confirmed_on": recovered.run[-1].on,
                    **({} if fell is None else {"fell_again_on": fell.on}),
                },
            )
        competing = frame.ended_by is EndedBy.DEATH and self.rules.death is DeathAs.COMPETING
        last = frame.end if competing else course.censored_on
        return self._value(
            outcome,
            Status.DIED if competing else Status.CENSORED,
            because=frame.ended_by.value,
            days=max(frame.day(last), 0),
            on=last,
            episodes=episodes,
            evidence=[anchor.entry.position, *self._ended],
            flags=[*marks, Flag.UNCONFIRMED if course.unconfirmed else None],
            examined=examined,
            details=details,
        )


_CONFOUNDING = {
    Flag.G_CSF: MedicationClass.G_CSF,
    Flag.TPO_RECEPTOR_AGONIST: MedicationClass.TPO_RECEPTOR_AGONIST,
}


def _without_gap(days: Sequence[date], frame: Observation, longest: int) -> bool:
    points = [frame.start, *sorted(set(days)), frame.end]
    return all((other - one).days <= longest for one, other in pairwise(points))


def _is_of(code: str | None, classes: Sequence[str]) -> bool:
    return code is not None and any(code.strip().upper().startswith(one) for one in classes)
