"""The names of findings that criteria can test, beside those of laboratory tests and those that a protocol names.

A criterion that tests a name that nobody records would keep everybody out of the trial: a slip in a name is refused.
"""

from collections.abc import Collection
from difflib import get_close_matches
from functools import cache

from trialdomain.values.clinical.analyte import finding_name, is_known, known_names

_OTHERS = (
    *("age", "consent", "ecog", "cell_division_inhibitor"),
    *("sex", "diagnosis", "is_apl", "aml_type", "classification", "remission", "planned_phase"),
    *("regimen_contains_cytarabine", "last_anticancer_therapy", "last_immunosuppressant", "last_transplantation"),
    *("last_other_malignancy", "last_trial", "worst_unresolved_toxicity", "radiation_sternum", "radiation_pelvis"),
    *("hbv_active", "hcv_active", "hiv", "syphilis", "pregnant", "breast_feeding"),
    *("karnofsky", "lansky", "life_expectancy", "prior_lines", "measurable_disease", "stage", "histology"),
    *("height", "weight", "bmi", "bsa", "temperature", "heart_rate", "respiratory_rate", "systolic_blood_pressure"),
    *("diastolic_blood_pressure", "qtc", "qtcf", "bone_marrow_blasts", "allergy"),
)
"""Findings without a laboratory test: the preset's, and the usual ones of phase I protocols."""


def is_finding(name: str, *, named: Collection[str] = ()) -> bool:
    """Return whether criteria can test a finding: this library knows it, or the protocol names it.

    >>> is_finding("Karnofsky"), is_finding("SGPT"), is_finding("agee"), is_finding("agee", named=["agee"])
    (True, True, False, True)
    """
    return finding_name(name) in _keys() or is_known(name) or finding_name(name) in set(map(finding_name, named))


def nearest_finding(name: str, *, named: Collection[str] = ()) -> str | None:
    """Return the finding whose name is most similar to an unknown one; None if none is similar.

    >>> nearest_finding("agee"), nearest_finding("zzz")
    ('age', None)
    """
    spelled = {finding_name(one): one for one in (*known_names(), *named, *_OTHERS)}
    found = get_close_matches(finding_name(name), spelled, n=1, cutoff=0.7)
    return spelled[found[0]] if found else None


@cache
def _keys() -> frozenset[str]:
    return frozenset(map(finding_name, _OTHERS))
