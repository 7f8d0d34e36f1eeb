"""The default endpoints of a protocol: those of NCT06245746, without the wording of the registry entry.

P is primary and S secondary, in the order of the registry entry. The sources are those of the definitions.
"""

from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import (
    AntiInfectiveRate,
    CountRecovery,
    DltIncidence,
    EventDuration,
    EventGroup,
    EventIncidence,
    FebrileNeutropeniaDuration,
    FebrileNeutropeniaIncidence,
    LowCount,
    MaximumToleratedDose,
    SafetyIncidence,
    TransfusionRate,
)
from trialdomain.values.clinical.analyte import Count

_CTCAE = "CTCAE v5.0 (NCI, 27 November 2017)"
_CIBMTR = "CIBMTR forms manual, recovery of neutrophils and platelets"
_GRADE_3 = (f"{_CTCAE}: grade 3",)
_BLEEDING = (_CTCAE, "TOPPS (preset topps: grade 2 or more)")

STANDARD_ENDPOINTS: tuple[Endpoint, ...] = (
    SafetyIncidence(id="P1", title="Adverse events and serious adverse events"),
    DltIncidence(id="P2", title="Dose-limiting toxicity"),
    MaximumToleratedDose(id="P3", title="Maximum tolerated dose"),
    FebrileNeutropeniaIncidence(
        id="S1",
        title="Febrile neutropenia, incidence",
        sources=(_CTCAE, "IDSA guideline 2002 (preset idsa)"),
    ),
    FebrileNeutropeniaDuration(id="S2", title="Febrile neutropenia, duration", sources=(_CTCAE,)),
    EventDuration(
        id="S3",
        title="Infection, duration",
        group=EventGroup.INFECTION,
        sources=(_CTCAE, "pharmaverse/admiral, event durations"),
    ),
    EventIncidence(id="S4", title="Infection, incidence", group=EventGroup.INFECTION, sources=(_CTCAE,)),
    EventIncidence(id="S5", title="Bleeding, incidence", group=EventGroup.BLEEDING, sources=_BLEEDING),
    TransfusionRate(id="S6", title="Blood transfusion, application rate"),
    CountRecovery(
        id="S7",
        title="Time to absolute neutrophil count recovery",
        count=Count.NEUTROPHILS,
        sources=(_CIBMTR, "Ciftciler 2020 (from the start of chemotherapy)", "Heil 1997 (preset 1.0)"),
    ),
    LowCount(id="S8", title="Severe thrombocytopenia, incidence", count=Count.PLATELETS, sources=_GRADE_3),
    CountRecovery(
        id="S9",
        title="Time to severe thrombocytopenia recovery",
        count=Count.PLATELETS,
        sources=(_CIBMTR, "ICAHT (EHA/EBMT 2023)"),
    ),
    LowCount(id="S10", title="Severe anemia, incidence", count=Count.HEMOGLOBIN, sources=_GRADE_3),
    CountRecovery(id="S11", title="Time to severe anemia recovery", count=Count.HEMOGLOBIN, sources=(_CTCAE,)),
    AntiInfectiveRate(id="S12", title="Anti-infective agents, application rate", sources=("WHO ATC classification",)),
    EventDuration(id="S13", title="Bleeding, duration", group=EventGroup.BLEEDING, sources=_BLEEDING),
)
