"""What is mutated, and which tests ought to kill the mutants of each module."""

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGE = Path("src") / "trialdomain"
FOLDERS = ("designs", "rules", "limits", "aggregates")

_DESK = ("tests/desk/test_life_cycle.py", "tests/desk/test_onsets_and_endings.py", "tests/commands/test_runner.py")
_DLT = (
    "tests/desk/test_dlt_rows.py",
    "tests/rules/test_worsening.py",
    "tests/desk/test_onsets_and_endings.py",
    "tests/projections/test_what_counts.py",
)
_3_PLUS_3 = (
    "tests/designs/test_words.py",
    "tests/designs/test_three_plus_three.py",
    "tests/designs/test_variants.py",
    "tests/designs/test_reasons.py",
    "tests/reports/test_protocol_in_words.py",
)
_TABLE = (
    "tests/designs/test_words.py",
    "tests/designs/test_by_table.py",
    "tests/designs/test_interval.py",
    "tests/desk/test_eliminated_levels.py",
    "tests/reports/test_protocol_in_words.py",
)
_SIX = ("tests/designs/test_rolling_six.py", "tests/designs/test_reasons.py", "tests/reports/test_protocol_in_words.py")
_EVERY = ("tests/designs/test_every_design.py", "tests/designs/test_three_plus_three.py")
_ENDPOINTS = ("tests/projections/test_endpoints.py", "tests/projections/test_what_counts.py")

FIRST: Mapping[str, tuple[str, ...]] = {
    "aggregates/cohort": (
        "tests/aggregates/test_cohort.py",
        "tests/desk/test_regressions.py",
        "tests/commands/test_dlt_settlement.py",
        *_DESK,
    ),
    "aggregates/deviation": _DESK,
    "aggregates/infusions": (
        "tests/aggregates/test_infusions.py",
        "tests/desk/test_dose_by_body.py",
        "tests/desk/test_without_design.py",
        *_DESK,
    ),
    "aggregates/participant": ("tests/aggregates/test_participant.py", "tests/desk/test_regressions.py", *_DESK),
    "aggregates/trial": (
        "tests/aggregates/test_trial.py",
        "tests/desk/test_dose_kept.py",
        "tests/desk/test_recommended_dose.py",
        *_DESK,
    ),
    "designs/by_table/design": _TABLE,
    "designs/by_table/reasons": _TABLE,
    "designs/by_table/walk": _TABLE,
    "designs/by_table/words": _TABLE,
    "designs/closing": ("tests/designs/test_rolling_six.py", *_EVERY),
    "designs/design": _EVERY,
    "designs/notation": ("tests/designs/test_notation.py", "tests/designs/test_variants.py"),
    "designs/registry": ("tests/designs/test_registry.py", "tests/designs/test_interval.py", *_EVERY),
    "designs/rolling_six/design": _SIX,
    "designs/rolling_six/reasons": _SIX,
    "designs/rolling_six/states": _SIX,
    "designs/rolling_six/words": _SIX,
    "designs/selection": ("tests/designs/test_interval.py", *_EVERY),
    "designs/situation": (
        "tests/designs/test_registry.py",
        "tests/designs/test_notation.py",
        "tests/desk/test_eliminated_levels.py",
        *_EVERY,
    ),
    "designs/three_plus_three/design": ("tests/desk/test_recommended_dose.py", *_3_PLUS_3),
    "designs/three_plus_three/forecast": ("tests/designs/test_forecast.py", *_3_PLUS_3),
    "designs/three_plus_three/reasons": _3_PLUS_3,
    "designs/three_plus_three/walk": _3_PLUS_3,
    "designs/three_plus_three/words": _3_PLUS_3,
    "designs/wording": ("tests/designs/test_reasons.py", *_EVERY),
    "limits/caution": (
        "tests/limits/test_caution.py",
        "tests/designs/test_reasons.py",
        "tests/commands/test_runner.py",
    ),
    "limits/conclusion": (
        "tests/limits/test_conclusion.py",
        "tests/designs/test_reasons.py",
        "tests/commands/test_runner.py",
    ),
    "limits/recommendation": ("tests/desk/test_recommended_dose.py",),
    "limits/sentinel": ("tests/limits/test_sentinel_hold.py", "tests/desk/test_sentinel.py"),
    "limits/stagger": (
        "tests/aggregates/test_infusions.py",
        "tests/desk/test_sentinel.py",
        "tests/commands/test_dlt_settlement.py",
    ),
    "rules/adverse_event": ("tests/rules/test_adverse_event.py", "tests/projections/test_review.py", *_DLT),
    "rules/counts": (
        "tests/rules/test_counts.py",
        "tests/projections/test_counts_recovery.py",
        "tests/rules/test_cytopenia.py",
        *_ENDPOINTS,
    ),
    "rules/cytopenia": ("tests/rules/test_cytopenia.py", *_DLT),
    "rules/dlt": (
        "tests/rules/test_adverse_event.py",
        "tests/projections/test_review.py",
        "tests/protocol/test_dlt_criteria.py",
        *_DLT,
    ),
    "rules/dose_kept": ("tests/desk/test_dose_kept.py",),
    "rules/dose_received": ("tests/desk/test_dose_by_body.py", "tests/desk/test_dose_kept.py"),
    "rules/eligibility": ("tests/rules/test_eligibility.py", "tests/commands/test_runner.py"),
    "rules/evaluability": ("tests/rules/test_evaluability.py", *_DLT),
    "rules/expedited": ("tests/projections/test_review.py", "tests/projections/test_safety.py"),
    "rules/fever": ("tests/projections/test_illness.py", *_ENDPOINTS),
    "rules/illness": ("tests/rules/test_illness_days.py", "tests/projections/test_illness.py", *_ENDPOINTS),
    "rules/known_facts": ("tests/rules/test_eligibility.py", "tests/projections/test_flow.py"),
    "rules/observation": (
        "tests/rules/test_observation_days.py",
        "tests/projections/test_observation.py",
        "tests/rules/test_cytopenia.py",
        *_ENDPOINTS,
    ),
    "rules/recovery": ("tests/projections/test_counts_recovery.py", *_ENDPOINTS),
}
"""The tests of a module: they run first. A mutant that they let live meets every test of ``WIDER`` that runs it."""

WIDER = (
    "tests/aggregates",
    "tests/limits",
    "tests/designs",
    "tests/rules",
    "tests/desk",
    "tests/operating",
    "tests/projections",
    "tests/protocol",
    "tests/commands",
    "tests/events",
    "tests/reports",
    "tests/stories",
    "tests/values",
    "tests/test_history.py",
    "tests/test_testing.py",
    "tests/test_given_trial.py",
)
"""The tests that run in one process and hold a rule."""

LEFT_OUT = (
    "tests/commands/test_meanwhile.py",
    "tests/commands/test_races.py",
    "tests/commands/test_snapshot.py",
    "tests/projections/test_pilot_outcomes.py",
    "tests/test_given_trial.py::test_a_failure_shows_the_line_of_the_test_and_no_line_of_the_library",
)
"""Tests of ``WIDER`` that run threads, wait, or take long; none holds a rule of these packages that others do not."""

SHARED_LOGS = frozenset({"simulated", "demonstrated", "imported_pilot"})
"""Fixtures that record a whole trial, for all tests of a session; the fork of a mutant would record it each time."""


def modules() -> tuple[str, ...]:
    """Name every module of the four packages, as ``designs/closing``; an ``__init__`` has no code here."""
    package = ROOT / PACKAGE
    files = (path for folder in FOLDERS for path in (package / folder).rglob("*.py") if path.stem != "__init__")
    return tuple(sorted(path.relative_to(package).with_suffix("").as_posix() for path in files))


def path_of(module: str) -> Path:
    """Give the file of a module, from the root of the project."""
    return PACKAGE / f"{module}.py"


def files_of_tests() -> tuple[str, ...]:
    """Name every file of tests that mutants meet."""
    named = [ROOT / name for name in WIDER]
    paths = (path for one in named for path in ([one] if one.is_file() else one.rglob("test_*.py")))
    names = (path.relative_to(ROOT).as_posix() for path in paths)
    return tuple(sorted(name for name in names if name not in LEFT_OUT))


def trace_name(file: str) -> str:
    """Give the name of the trace of a file of tests."""
    return file.replace("/", ".") + ".json"
