"""Which laboratory codes mean the same count: a short code of a hospital, or the one of SDTM (LBTESTCD)."""

from collections.abc import Mapping

from trialdomain.values.word import Word


class Count(Word):
    """A blood count that a rule reads."""

    NEUTROPHILS = "neutrophils"
    PLATELETS = "platelets"
    HEMOGLOBIN = "hemoglobin"
    LEUKOCYTES = "leukocytes"


CODES: Mapping[str, Count] = {
    "ANC": Count.NEUTROPHILS,
    "NEUT": Count.NEUTROPHILS,
    "PLT": Count.PLATELETS,
    "PLAT": Count.PLATELETS,
    "HGB": Count.HEMOGLOBIN,
    "HB": Count.HEMOGLOBIN,
    "WBC": Count.LEUKOCYTES,
    "LEUK": Count.LEUKOCYTES,
}
"""By the code of a result; every other code is another test."""
UNITS: Mapping[Count, str] = {
    Count.NEUTROPHILS: "10*9/L",
    Count.PLATELETS: "10*9/L",
    Count.HEMOGLOBIN: "g/L",
    Count.LEUKOCYTES: "10*9/L",
}
"""The unit in which each is judged."""
