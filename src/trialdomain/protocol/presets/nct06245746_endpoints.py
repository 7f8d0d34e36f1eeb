"""The endpoints of NCT06245746 in the words of the registry entry: 3 primary and 13 secondary ones.

The entry has windows and units, but hardly any definitions: the definitions are defaults of this library.
"""

from collections.abc import Iterator

import attrs

from trialdomain.protocol.endpoints.endpoint import Described
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS

REGISTRY = "NCT06245746"
_CHEMOTHERAPY = "From the start of chemotherapy to up to 42 days"
_PERCENT = "To investigate the efficacy characteristics, percentages will be calculated."
_DAYS = "To investigate the efficacy characteristics, the duration will be measured in days."
_TIME = "To investigate the efficacy characteristics, time will be measured in days."
_WORDS = {
    "P1": "Incidence of Adverse Events (AEs) and Serious Adverse Events (SAEs)",
    "P2": "During the DLT observation period, the subject has an adverse event that is reasonably related to "
    "UCMSC-Exo infusion (possibly, likely or definitely related).",
    "P3": "During the dose-escalation, the highest dose of dose-limiting toxicity for subjects no more than 1/6 in the "
    "dose group of at least 6 evaluable subjects of the study drug.",
    "S1": f"Incidence of febrile neutropenia. {_PERCENT}",
    "S2": f"Duration of febrile neutropenia. {_DAYS}",
    "S3": f"Duration of infection. {_DAYS}",
    "S4": f"Incidence of infection. {_PERCENT}",
    "S5": f"Incidence of bleeding. {_PERCENT}",
    "S6": f"Application rate of blood transfusion. {_PERCENT}",
    "S7": f"Time to absolute neutrophil count recovery. {_TIME}",
    "S8": f"Incidence of severe thrombocytopenia. {_PERCENT}",
    "S9": f"Time to severe thrombocytopenia recovery. {_TIME}",
    "S10": f"Incidence of severe anemia. {_PERCENT}",
    "S11": f"Time to severe anemia recovery. {_TIME}",
    "S12": f"Application rate of anti-infective agents. {_PERCENT}",
    "S13": f"Duration of bleeding. {_DAYS}",
}
_TIME_FRAMES = {
    "P1": "From the day that UCMSC-Exo is infused to up to 28 days (short-term safety follow-up) and 1 year (long-term "
    "safety follow-up)",
    "P2": "From the day that UCMSC-Exo is infused to up to 14 days",
    "P3": "From the day that UCMSC-Exo is infused to up to 14 days",
}
_SOURCES = {
    "P1": (REGISTRY,),
    "P2": (REGISTRY,),
    "P3": (REGISTRY, "Storer 1989"),
    "S6": (REGISTRY,),
    "S12": (REGISTRY, "WHO ATC classification"),
}


def _registered() -> Iterator[Described]:
    for one in STANDARD_ENDPOINTS:
        if isinstance(one, Described):
            yield attrs.evolve(
                one,
                wording=_WORDS[one.id],
                time_frame=_TIME_FRAMES.get(one.id, _CHEMOTHERAPY),
                sources=_SOURCES.get(one.id, one.sources),
            )


REGISTERED_ENDPOINTS = tuple(_registered())
