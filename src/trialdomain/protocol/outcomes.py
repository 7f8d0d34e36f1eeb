"""The outcomes of the registry: 3 primary and 13 secondary ones, in its words, and what each means here.

Source: NCT06245746. It gives windows and units, and hardly a definition: the definitions are defaults of this library,
and every number in them is a parameter of the protocol.
"""

from collections.abc import Callable, Mapping, Sequence

import attrs

from trialdomain.protocol import meanings
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.in_short import in_short
from trialdomain.values.word import Word


class OutcomeId(Word):
    """The number of an outcome: P for primary, S for secondary, in the order of the registry."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"
    S5 = "S5"
    S6 = "S6"
    S7 = "S7"
    S8 = "S8"
    S9 = "S9"
    S10 = "S10"
    S11 = "S11"
    S12 = "S12"
    S13 = "S13"


class Kind(Word):
    """What kind of number an outcome is, and so how it is summarized."""

    INCIDENCE = "incidence"
    """Whether it happened: n/N with an exact interval."""
    DURATION = "duration"
    """Days of illness."""
    TIME = "time"
    """Days to a recovery, which death or the end of observation may prevent."""
    DOSE = "dose"
    """A dose level of the trial, and no value of a participant."""


@attrs.frozen(kw_only=True)
class OutcomeDefinition:
    """One outcome: what the registry says, and what is made of it."""

    __repr__ = in_short

    id: OutcomeId
    title: str
    registry: str
    """The registry's own words."""
    time_frame: str
    """The registry's own words."""
    kind: Kind
    meaning: Callable[[TrialProtocol], str]
    """The definition, with the numbers of a protocol."""
    parameters: tuple[str, ...]
    """The parameters of the protocol that it depends on, by their names in a TOML file."""
    presets: tuple[str, ...] = ()
    """The names by which published variants are chosen."""
    sources: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    """What this library decides without a published default."""

    def values(self, protocol: TrialProtocol) -> Mapping[str, object]:
        """Give each parameter by its name, as a protocol has it."""
        found: dict[str, object] = {}
        for name in self.parameters:
            value: object = protocol
            for part in name.split("."):
                value = getattr(value, part, None)
            found[name] = value
        return found


_CHEMOTHERAPY = "From the start of chemotherapy to up to 42 days"
_PERCENT = "To investigate the efficacy characteristics, percentages will be calculated."
_DAYS = "To investigate the efficacy characteristics, the duration will be measured in days."
_TIME = "To investigate the efficacy characteristics, time will be measured in days."
_FRAME = ("endpoints.anchor", "endpoints.window_days")
_MEASURED = ("endpoints.max_gap_days", "endpoints.baseline_days")
_OBSERVED = (
    "the analysis set: chemotherapy started and infused; whoever had no chemotherapy is outside it, and listed",
    (
        "what ends the observation: death, withdrawal from follow-up, the last contact when lost, the end of "
        "follow-up, the data cut-off, and the day before the next cycle, a relapse or a new anti-leukemic therapy"
    ),
)
_COUNTED = (
    "the daily value is the lowest of the day; nothing is imputed; consecutive means measured values on different days",
    'a result such as "< 5" decides where its bound does; a result without a unit is not used, and listed',
    "blood, serum and plasma count; a result of another specimen counts for nothing",
)
_REPORTED = (
    "an event that ended and came back has an episode for each time, and began anew when it came back",
    "episodes are whole days, both ends inclusive, clipped to the observation, and united where they overlap",
    "an episode that is recovered and has no end date has no duration: it is counted beside",
    "an episode under way at the start is prevalent: it counts for nothing; whoever has only such ones is out of n/N",
)
_CTCAE = "CTCAE v5.0 (NCI, 27 November 2017)"
_CIBMTR = "CIBMTR forms manual, recovery of neutrophils and platelets"
_REGISTRY = "NCT06245746"


_FEVER = tuple(
    f"endpoints.febrile_neutropenia.{name}"
    for name in (
        *("source", "anc_below", "temperature_above", "sustained_from", "sustained_over_minutes", "inclusive"),
        *("sustained_gap_hours", "pairing_hours", "pairing_before_hours", "axillary_offset", "reported_min_grade"),
    )
)
_PAIRING = (
    (
        "the count paired with a temperature: the nearest one, of two equally near the lower; where one has no time, "
        "whole days count"
    ),
    "a temperature taken under the arm counts as it is; the site is kept",
    "derived days and reported events that share a day are one episode",
)


def _recovers(field: str) -> tuple[str, ...]:
    names = ("threshold", "recovered_from", "consecutive", "anchor", "transfusion_free_days")
    return (
        *_FRAME,
        *_MEASURED,
        "endpoints.confirm_after_window",
        "endpoints.death",
        *(f"endpoints.{field}.{n}" for n in names),
    )


_RECOVERED = (
    *_OBSERVED,
    *_COUNTED,
    "the first value of the run lies in the window; the others may follow it, up to the longest gap after the window",
    "whoever was severe before the start alone is at risk, and recovers from then",
    "a run that is under way at the end is no recovery: the time is censored on the last date before it",
    "never below: not at risk, if the count was measured from start to end without a gap longer than allowed",
    "never below, and with a longer gap: not observed",
    "once below: at risk, whatever gap follows; without a recovery the time is censored when the observation ends",
    "where the last result is longer before that end than allowed, the answer names its day",
)

OUTCOMES: Mapping[OutcomeId, OutcomeDefinition] = {
    one.id: one
    for one in (
        OutcomeDefinition(
            id=OutcomeId.P1,
            title="Adverse events and serious adverse events",
            registry="Incidence of Adverse Events (AEs) and Serious Adverse Events (SAEs)",
            time_frame="From the day that UCMSC-Exo is infused to up to 28 days (short-term safety follow-up) and "
            "1 year (long-term safety follow-up)",
            kind=Kind.INCIDENCE,
            meaning=meanings.adverse_events,
            parameters=("endpoints.safety_days",),
            sources=(_REGISTRY,),
            choices=(
                "1 year is 365 days",
                "whoever had no serious event, and one of which nobody said whether it was, is in no share of those",
                "an event from before the infusion counts once it is worse than its lowest grade since then",
                "a resolved event is at grade 0 from the day after its end",
                "a partial date counts as the earliest day that it allows, not before the infusion",
            ),
        ),
        OutcomeDefinition(
            id=OutcomeId.P2,
            title="Dose-limiting toxicity",
            registry="During the DLT observation period, the subject has an adverse event that is reasonably related "
            "to UCMSC-Exo infusion (possibly, likely or definitely related).",
            time_frame="From the day that UCMSC-Exo is infused to up to 14 days",
            kind=Kind.INCIDENCE,
            meaning=meanings.dlt,
            parameters=("dlt.min_grade", "dlt.window_days", "dlt.related", "dlt.worsening", "evaluable.min_fraction"),
            sources=(_REGISTRY,),
            choices=(
                "evaluable is whoever had a DLT, or the whole infusion and the whole window, assessed",
                "whoever left in the window without a DLT, or had an amount of no dose level, is not evaluable",
            ),
        ),
        OutcomeDefinition(
            id=OutcomeId.P3,
            title="Maximum tolerated dose",
            registry="During the dose-escalation, the highest dose of dose-limiting toxicity for subjects no more than "
            "1/6 in the dose group of at least 6 evaluable subjects of the study drug.",
            time_frame="From the day that UCMSC-Exo is infused to up to 14 days",
            kind=Kind.DOSE,
            meaning=meanings.mtd,
            parameters=("design",),
            sources=(_REGISTRY, "Storer 1989"),
            choices=(
                "3 at a level, 6 where one of them has a DLT; two DLTs close a level and all above it",
                "no MTD is found with fewer than 6 evaluable participants at its level",
            ),
        ),
        OutcomeDefinition(
            id=OutcomeId.S1,
            title="Febrile neutropenia, incidence",
            registry=f"Incidence of febrile neutropenia. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.febrile_neutropenia,
            parameters=(*_FRAME, *_FEVER),
            presets=("fn", "fn_source"),
            sources=(_CTCAE, "IDSA guideline 2002 (preset idsa)"),
            choices=(*_OBSERVED, *_PAIRING),
        ),
        OutcomeDefinition(
            id=OutcomeId.S2,
            title="Febrile neutropenia, duration",
            registry=f"Duration of febrile neutropenia. {_DAYS}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.DURATION,
            meaning=meanings.fever_days,
            parameters=(*_FRAME, *_FEVER, "endpoints.febrile_neutropenia.afebrile_hours"),
            presets=("fn", "fn_source"),
            sources=(_CTCAE,),
            choices=(
                *_OBSERVED,
                *_PAIRING,
                "when an episode is over: a count is taken by its time, and one without a time is the end of its day",
                "48 hours without any temperature end an episode, flagged",
                "an episode that is recovered and has no end date has no duration: it is counted beside",
            ),
        ),
        OutcomeDefinition(
            id=OutcomeId.S3,
            title="Infection, duration",
            registry=f"Duration of infection. {_DAYS}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.DURATION,
            meaning=meanings.GroupDays('of the CTCAE class "Infections and infestations"', "infection_min_grade"),
            parameters=(*_FRAME, "endpoints.infection_min_grade"),
            sources=(_CTCAE, "pharmaverse/admiral, event durations"),
            choices=(*_OBSERVED, *_REPORTED),
        ),
        OutcomeDefinition(
            id=OutcomeId.S4,
            title="Infection, incidence",
            registry=f"Incidence of infection. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.GroupIncidence('of the CTCAE class "Infections and infestations"', "infection_min_grade"),
            parameters=(*_FRAME, "endpoints.infection_min_grade"),
            sources=(_CTCAE,),
            choices=(*_OBSERVED, *_REPORTED, "febrile neutropenia itself is no infection"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S5,
            title="Bleeding, incidence",
            registry=f"Incidence of bleeding. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.GroupIncidence("that names a bleeding (46 CTCAE terms)", "bleeding_min_grade"),
            parameters=(*_FRAME, "endpoints.bleeding_min_grade"),
            presets=("bleeding",),
            sources=(_CTCAE, "TOPPS (preset topps: grade 2 or more)"),
            choices=(*_OBSERVED, *_REPORTED, "which terms name a bleeding"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S6,
            title="Blood transfusion, application rate",
            registry=f"Application rate of blood transfusion. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.transfusion,
            parameters=_FRAME,
            sources=(_REGISTRY,),
            choices=(*_OBSERVED, "plasma and other products do not count"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S7,
            title="Time to absolute neutrophil count recovery",
            registry=f"Time to absolute neutrophil count recovery. {_TIME}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.TIME,
            meaning=meanings.Recovers("neutrophils", "neutrophils", "10*9/L"),
            parameters=_recovers("neutrophils"),
            presets=("anc_recovery", "anc_anchor", "death"),
            sources=(_CIBMTR, "Ciftciler 2020 (from the start of chemotherapy)", "Heil 1997 (preset 1.0)"),
            choices=(*_RECOVERED, "leukocytes below the threshold stand in for neutrophils on a day without"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S8,
            title="Severe thrombocytopenia, incidence",
            registry=f"Incidence of severe thrombocytopenia. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.Severe("platelet count", "platelets", "10*9/L"),
            parameters=(*_FRAME, *_MEASURED, "endpoints.platelets.threshold", "endpoints.include_prevalent"),
            presets=("platelets", "prevalent"),
            sources=(f"{_CTCAE}: grade 3",),
            choices=(*_OBSERVED, *_COUNTED, "whoever was severe before the start is prevalent, and out of n/N"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S9,
            title="Time to severe thrombocytopenia recovery",
            registry=f"Time to severe thrombocytopenia recovery. {_TIME}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.TIME,
            meaning=meanings.Recovers("platelets", "platelets", "10*9/L", "platelets"),
            parameters=_recovers("platelets"),
            presets=("platelets", "platelet_anchor", "death"),
            sources=(_CIBMTR, "ICAHT (EHA/EBMT 2023)"),
            choices=_RECOVERED,
        ),
        OutcomeDefinition(
            id=OutcomeId.S10,
            title="Severe anemia, incidence",
            registry=f"Incidence of severe anemia. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.Severe("hemoglobin", "hemoglobin", "g/L"),
            parameters=(
                *_FRAME,
                *_MEASURED,
                *("endpoints.hemoglobin.threshold", "endpoints.hemoglobin_mmol", "endpoints.include_prevalent"),
            ),
            presets=("prevalent",),
            sources=(f"{_CTCAE}: grade 3",),
            choices=(*_OBSERVED, *_COUNTED, "whoever was severe before the start is prevalent, and out of n/N"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S11,
            title="Time to severe anemia recovery",
            registry=f"Time to severe anemia recovery. {_TIME}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.TIME,
            meaning=meanings.Recovers("hemoglobin", "hemoglobin", "g/L", "red cells"),
            parameters=(*_recovers("hemoglobin"), "endpoints.hemoglobin_mmol"),
            presets=("hemoglobin_anchor", "death"),
            sources=(_CTCAE,),
            choices=(*_RECOVERED, "the rule of platelets, by analogy"),
        ),
        OutcomeDefinition(
            id=OutcomeId.S12,
            title="Anti-infective agents, application rate",
            registry=f"Application rate of anti-infective agents. {_PERCENT}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.INCIDENCE,
            meaning=meanings.anti_infective,
            parameters=(
                *_FRAME,
                *("endpoints.anti_infective_classes", "endpoints.local_routes", "endpoints.anti_infective_intent"),
            ),
            presets=("intent",),
            sources=(_REGISTRY, "WHO ATC classification"),
            choices=(
                *_OBSERVED,
                "any intent counts, prophylaxis too: the registry says no less",
                "which classes are anti-infective, and which routes are local",
                "an agent without an ATC code is not counted, and listed",
            ),
        ),
        OutcomeDefinition(
            id=OutcomeId.S13,
            title="Bleeding, duration",
            registry=f"Duration of bleeding. {_DAYS}",
            time_frame=_CHEMOTHERAPY,
            kind=Kind.DURATION,
            meaning=meanings.GroupDays("that names a bleeding (46 CTCAE terms)", "bleeding_min_grade"),
            parameters=(*_FRAME, "endpoints.bleeding_min_grade"),
            presets=("bleeding",),
            sources=(_CTCAE, "TOPPS (preset topps: grade 2 or more)"),
            choices=(*_OBSERVED, *_REPORTED, "which terms name a bleeding"),
        ),
    )
}
SECONDARY: Sequence[OutcomeId] = [one for one in OutcomeId if one.value.startswith("S")]
