"""Synonyms of laboratory tests, and the specimens that count as blood.

Sources: CDISC controlled terminology (LBTESTCD, LBSPEC); LOINC (Regenstrief Institute), the codes of counts per volume
and of hemoglobin in blood; the usual names and abbreviations of laboratories. The comparison of names ignores case,
white space and underscores. The text of an entry is stored as it was given.
"""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache

from trialdomain.values.given.text import folded
from trialdomain.values.word import Word


class Count(Word):
    """A blood count that a rule reads."""

    NEUTROPHILS = "neutrophils"
    PLATELETS = "platelets"
    HEMOGLOBIN = "hemoglobin"
    LEUKOCYTES = "leukocytes"


_COUNTS: Mapping[Count, tuple[str, ...]] = {
    Count.NEUTROPHILS: (
        *("ANC", "NEUT", "NEUT#", "NEU", "NEU#", "Neutrophil", "Neutrophils", "Neutrophil count", "Neutrophils count"),
        *("Absolute neutrophil count", "Absolute neutrophils", "Neutrophils absolute", "Neutrophils, absolute"),
        *("Neutrophils (absolute)", "Neutrophils #", "Neutrophil granulocytes", "Neutrophilic granulocytes"),
        *("751-8", "753-4", "26499-4"),
    ),
    Count.PLATELETS: (
        *("PLT", "PLAT", "PLT#", "Platelet", "Platelets", "Platelet count", "Platelets count"),
        *("Thrombocyte", "Thrombocytes", "Thrombocyte count", "777-3", "778-1", "26515-7"),
    ),
    Count.HEMOGLOBIN: (
        *("HGB", "HB", "Hemoglobin", "Haemoglobin", "718-7", "20509-6", "30313-1", "30350-3", "59260-0"),
    ),
    Count.LEUKOCYTES: (
        *("WBC", "LEUK", "WBC#", "WBC count", "WCC", "White blood cell", "White blood cells", "White cell count"),
        *("White blood cell count", "White cells", "White blood count", "Leukocyte", "Leukocytes", "Leukocyte count"),
        *("Leucocyte", "Leucocytes", "Leucocyte count", "6690-2", "804-5", "26464-8"),
    ),
}
"""The names of each count: short codes, SDTM's LBTESTCD, the usual names, LOINC."""

_OF_CRITERIA: Mapping[str, tuple[str, ...]] = {
    "alt": (
        *("ALT", "ALAT", "GPT", "SGPT", "Alanine aminotransferase", "Alanine transaminase"),
        *("1742-6", "1743-4", "1744-2"),
    ),
    "ast": (
        *("AST", "ASAT", "GOT", "SGOT", "Aspartate aminotransferase", "Aspartate transaminase", "1920-8", "30239-8"),
    ),
    "bilirubin": ("BILI", "TBIL", "Bilirubin", "Total bilirubin", "Bilirubin total", "1975-2", "14631-6"),
    "creatinine": ("CREAT", "CREA", "Creatinine", "Serum creatinine", "2160-0", "14682-9"),
    "spo2": ("SPO2", "OXYSAT", "Oxygen saturation", "O2 saturation", "2708-6", "59408-5"),
    "lvef": ("LVEF", "Left ventricular ejection fraction", "10230-1"),
}
"""By the finding name in the preset's criteria: the synonyms of the finding."""

_FRACTIONS: tuple[str, ...] = (
    *("HCT", "Hematocrit", "Haematocrit", "4544-3", "20570-8", "NEUTLE", "Neutrophils/Leukocytes", "770-8", "26511-6"),
    *("NEUT%", "Neutrophils %", "Neutrophils (%)", "LYMLE", "Lymphocytes/Leukocytes", "MONOLE"),
    *("Monocytes/Leukocytes", "EOSLE", "Eosinophils/Leukocytes", "BASOLE", "Basophils/Leukocytes", "BLASTLE"),
    *("Blasts/Leukocytes", "RETIRBC", "Reticulocytes/Erythrocytes", "HBA1C", "Hemoglobin A1C", "SpO2", "OXYSAT"),
    *("Oxygen saturation", "O2 saturation", "2708-6", "59408-5", "LVEF", "TSAT", "Transferrin saturation"),
)
"""Tests that measure a fraction of a total: no result is above 100 %."""

_SIGNED: tuple[str, ...] = ("BASEXCS", "BE", "Base excess", "ANIONG", "Anion gap", "OSMGAP", "Osmolality gap")
"""Tests of differences and balances, whose results may be below zero."""

_UNREAD: tuple[str, ...] = (
    *_FRACTIONS,
    *_SIGNED,
    *("RBC", "Erythrocytes", "Red blood cells", "Red blood cell count", "MCV", "MCH", "MCHC", "RDW", "MPV"),
    *("RETI", "Reticulocytes", "LYM", "LYMPH", "Lymphocytes", "MONO", "Monocytes", "EOS", "Eosinophils"),
    *("BASO", "Basophils", "BLAST", "Blasts", "NEUTB", "Neutrophils, band form", "NEUTSG", "Neutrophils, segmented"),
    *("BLASTBM", "Myeloblasts", "MYBLA", "PROMYEL", "Promyelocytes", "MYCY", "Myelocytes", "METAMY", "Metamyelocytes"),
    *("ANISO", "Anisocytes", "MACROCY", "Macrocytes", "MICROCY", "Microcytes", "POIKILO", "Poikilocytes"),
    *("POLYCHR", "Polychromasia", "HYPOCHR", "Hypochromia", "NRBC", "Nucleated erythrocytes", "ESR"),
    *("ALB", "Albumin", "ALP", "Alkaline phosphatase", "GGT", "Gamma glutamyl transferase", "LDH"),
    *("Lactate dehydrogenase", "BILDIR", "Direct bilirubin", "BILIND", "Indirect bilirubin", "PROT", "Protein"),
    *("Total protein", "BUN", "Blood urea nitrogen", "UREA", "Urea", "UREAN", "Urea nitrogen", "URATE", "Urate"),
    *("Uric acid", "CREATCLR", "Creatinine clearance", "EGFR", "GFR", "GFRE", "CYSTATC", "Cystatin C"),
    *("SODIUM", "Sodium", "NA", "K", "Potassium", "CL", "Chloride", "CA", "Calcium", "CAION", "Ionized calcium"),
    *("PHOS", "Phosphate", "MG", "Magnesium", "BICARB", "Bicarbonate", "CO2", "Carbon dioxide", "GLUC", "Glucose"),
    *("CHOL", "Cholesterol", "TRIG", "Triglycerides", "HDL", "LDL", "VLDL", "CK", "Creatine kinase", "CKMB", "CPK"),
    *("TROPONI", "TROPONIT", "Troponin I", "Troponin T", "BNP", "BNPPRO", "NT-proBNP", "AMYLASE", "Amylase"),
    *("LIPASE", "Lipase", "CRP", "C reactive protein", "C-reactive protein", "PCT", "Procalcitonin", "FERRITIN"),
    *("Ferritin", "IRON", "Iron", "TIBC", "TRANSFER", "Transferrin", "LACTICAC", "Lactate", "Lactic acid", "AMMONIA"),
    *("Ammonia", "PT", "Prothrombin time", "INR", "APTT", "aPTT", "Activated partial thromboplastin time", "TT"),
    *("FIBRINO", "Fibrinogen", "FIB", "DDIMER", "D-dimer", "ANTHRM", "Antithrombin", "TSH", "Thyrotropin", "T3", "T4"),
    *("T3FR", "T4FR", "CORTISOL", "Cortisol", "HCG", "Choriogonadotropin", "VITB12", "Vitamin B12", "FOLATE", "Folate"),
    *("VITD", "Vitamin D", "IGA", "IGG", "IGM", "IL6", "Interleukin 6", "TNF", "COLOR", "Color", "CLARITY"),
    *("KETONES", "Ketones", "PH", "SPGRAV", "Specific gravity", "UROBIL", "Urobilinogen", "OCCBLD", "Occult blood"),
    *("NITRITE", "Nitrite", "LEUKASE", "Leukocyte esterase", "CASTS", "BACT", "HBSAG", "HBSAB", "HBCAB", "HCAB"),
    *("HIV12AB", "RPR", "PO2", "PCO2", "PAO2", "PACO2", "HAPTOG", "Haptoglobin", "OSMLTY", "Osmolality"),
)
"""Known tests that no endpoint reads."""

_BLOOD = frozenset(
    {
        *("blood", "whole blood", "serum", "plasma", "serum or plasma", "serum/plasma", "plasma or serum"),
        *("peripheral blood", "venous blood", "capillary blood", "arterial blood", "blood venous", "blood arterial"),
        *("blood capillary", "blood, venous", "blood, arterial", "blood, capillary"),
    }
)
"""The specimens that count as blood, in the words of SDTM's LBSPEC and the usual ones."""

_OTHER_SPECIMENS = frozenset(
    {
        *("urine", "cerebrospinal fluid", "csf", "bone marrow", "bone marrow aspirate", "stool", "feces", "sputum"),
        *("saliva", "swab", "swabbed material", "sweat", "tissue", "skin", "hair", "ascites fluid", "ascitic fluid"),
        *("pleural fluid", "peritoneal fluid", "pericardial fluid", "synovial fluid", "bile", "lymph node"),
        *("bronchoalveolar lavage fluid", "lavage fluid", "cord blood", "umbilical cord blood", "dialysis fluid"),
    }
)
"""Known specimens whose results no endpoint reads."""

UNITS: Mapping[Count, str] = {
    Count.NEUTROPHILS: "10*9/L",
    Count.PLATELETS: "10*9/L",
    Count.HEMOGLOBIN: "g/L",
    Count.LEUKOCYTES: "10*9/L",
}
"""By count: the unit in which it is compared with thresholds."""


def _key(name: str) -> str:
    return folded(name.replace("_", " "))


@cache
def _counts() -> Mapping[str, Count]:
    return {_key(name): count for count, names in _COUNTS.items() for name in names}


@cache
def _criteria() -> Mapping[str, str]:
    return {_key(name): word for word, names in _OF_CRITERIA.items() for name in (word, *names)}


@cache
def _known() -> Mapping[str, str]:
    """Return all known names by their comparison key."""
    read = [name for names in (*_COUNTS.values(), *_OF_CRITERIA.values()) for name in names]
    return {_key(name): name for name in (*_UNREAD, *read)}


_FOLDED_FRACTIONS = frozenset(map(_key, _FRACTIONS))
_FOLDED_SIGNED = frozenset(map(_key, _SIGNED))


@lru_cache(maxsize=4_096)
def count_of(analyte: str) -> Count | None:
    """Return the blood count that a test name means; None for another test. See also :func:`is_blood`.

    >>> count_of("Neutrophils"), count_of("777-3"), count_of("ALT")
    (<Count.NEUTROPHILS: 'neutrophils'>, <Count.PLATELETS: 'platelets'>, None)
    """
    return _counts().get(_key(analyte))


@lru_cache(maxsize=4_096)
def finding_name(name: str) -> str:
    """Normalize the name of a finding for criteria: a synonym becomes the name that the preset uses.

    >>> finding_name("SGPT"), finding_name("Last_trial")
    ('alt', 'last trial')
    """
    key = _key(name)
    return _criteria().get(key, key)


def is_known(analyte: str) -> bool:
    """Return whether a laboratory test is known, even if no endpoint reads it."""
    return _key(analyte) in _known()


def known_names() -> Collection[str]:
    """Return the names of all known laboratory tests."""
    return _known().values()


def is_fraction(analyte: str) -> bool:
    """Return whether a test measures a fraction of a total, so that no result is above 100 %."""
    return _key(analyte) in _FOLDED_FRACTIONS


def is_signed(analyte: str) -> bool:
    """Return whether a test may have a result below zero."""
    return _key(analyte) in _FOLDED_SIGNED


@lru_cache(maxsize=4_096)
def nearest(analyte: str) -> str | None:
    """Return the known name that is most similar to an unknown one; None if none is similar.

    >>> nearest("Neutrophilz"), nearest("Zzz")
    ('Neutrophil', None)
    """
    found = get_close_matches(_key(analyte), _known(), n=1, cutoff=0.6)
    return _known()[found[0]] if found else None


@lru_cache(maxsize=256)
def is_blood(specimen: str | None) -> bool:
    """Return whether a specimen is blood, serum or plasma; a specimen that was not recorded counts as blood.

    >>> is_blood(None), is_blood("SERUM"), is_blood("CEREBROSPINAL FLUID")
    (True, True, False)
    """
    return specimen is None or folded(specimen) in _BLOOD


def is_known_specimen(specimen: str) -> bool:
    """Return whether a specimen is known, blood or not."""
    return is_blood(specimen) or folded(specimen) in _OTHER_SPECIMENS


def names() -> Mapping[str, tuple[str, ...]]:
    """Return the tests that endpoints and criteria read, with all their names, for the documentation."""
    return {**{count.value: names for count, names in _COUNTS.items()}, **_OF_CRITERIA}


def specimens() -> tuple[Sequence[str], Sequence[str]]:
    """Return the specimens that are read, and the other known specimens, for the documentation."""
    return sorted(_BLOOD), sorted(_OTHER_SPECIMENS)
