"""Dose-escalation trials recorded as immutable events, and every answer rebuilt from them.

Where to begin; ``help(trialdomain.Trials)``, for example, has the details:

- ``decide(situation_of(parse_outcomes("1NNN 2NNT", levels=3), levels=3))``: the decision of 3+3, without a log.
- ``paths``, ``characteristics``: every path of a design, and its exact operating characteristics, without a log.
- ``Trials.open("trial.db")``: a log; register a protocol, and record facts at the ``Desk`` as a ``User``.
- ``nct06245746()``: the protocol of NCT06245746, a ``TrialProtocol``; ``DltRule`` and ``DoseLevel`` are parts of it.
- ``History``: a trial as it was known; ask it for ``escalation``, ``dlt_counts``, ``endpoints`` or ``answers``.
- ``read_log``, ``restore``, ``import_sdtm``: read a log, restore an export, or import a study.
- ``verify``, ``findings``: detect changes of a log, and check a trial as an inspector would.
- ``TrialError``: the base of every error; each has a ``code``.
- ``Action``, ``Relatedness``, ``Status`` and other enumerations: a member equals its word, and prints as its word.
- ``trialdomain.testing``: facts and histories for tests of your own rules.

``from trialdomain import *`` imports every public name; ``dir(trialdomain)`` lists them. Each name is imported at its
first use, so that ``import trialdomain`` is fast; the types of the names are in ``__init__.pyi``.
"""

from importlib import import_module

_HOMES = {
    "commands.access": ("AccessRequest", "NotPermitted"),
    "commands.runner": ("InTheFuture", "User"),
    "desk": ("Desk",),
    "intake.sdtm": ("Imported", "import_sdtm"),
    "desk.observed": ("lab", "vital_sign"),
    "intake.backup": ("backup",),
    "intake.restore": ("Restored", "restore"),
    "desk.outbox": ("Outbox",),
    "desk.trials": ("TrialHandle", "Trials"),
    "verification.defect": ("Defect",),
    "checks.check": ("AuditFinding", "AuditedCase", "Audited", "Check", "Limits", "Severity"),
    "checks.run": ("CHECKS", "Findings", "findings", "read_checks"),
    "signing.keys": ("KeyKind", "SigningKey", "VerifierKey", "read_keys", "read_signing_key", "write_keys"),
    "signing.proofs": ("check_inclusion",),
    "signing.signer": ("HeadKey", "TreeSigner"),
    "signing.trees": ("TrialTree",),
    "stories.checking": ("check_story",),
    "stories.writing": ("story_of",),
    "verification.verify": ("Verified", "VerifiedTrial", "verify"),
    "designs.notation": ("OutcomesMalformed", "parse_outcomes", "situation_of"),
    "designs.design": ("DecisionTable", "Design"),
    "designs.registry": ("DesignUnknown", "decide", "design_of"),
    "designs.situation": ("Situation",),
    "operating.characteristics": ("Characteristics", "characteristics"),
    "operating.ending": ("Ending",),
    "operating.paths": ("CohortOutcome", "EndingPaths", "Paths", "TrialPath", "paths"),
    "errors": ("CommandRefused", "Conflict", "InputInvalid", "LogCorrupt", "LogUnusable", "TrialError"),
    "events.participant": (
        "BodySite",
        "Comparator",
        "LabRecorded",
        "Signer",
        "VitalSign",
        "WindowResult",
        "WithdrawalScope",
    ),
    "events.recorded": ("Draft", "Entry", "Meta", "Recorded", "Source"),
    "exchange.bundle": ("Manifest",),
    "exchange.sdtm.terms": ("Terms",),
    "exchange.toml": ("protocol_to_toml", "read_protocol"),
    "history": ("Answers", "History", "read_log"),
    "history.what_if": ("WhatIf",),
    "projections.decisions": ("DecisionAudit",),
    "projections.endpoints.value": ("Flag", "Status", "Value"),
    "projections.review": ("Review",),
    "protocol.designs": (
        "Boin",
        "DesignSpec",
        "I3Plus3",
        "Keyboard",
        "Mtpi2",
        "RollingSix",
        "StateAnswer",
        "StateRow",
        "TableBounds",
        "TableDesign",
        "TableRow",
        "TableWord",
        "ThreePlusThree",
    ),
    "protocol.endpoints.endpoint": ("Endpoint",),
    "protocol.endpoints.families": (
        "AntiInfectiveRate",
        "CountRecovery",
        "DltIncidence",
        "EventDuration",
        "EventGroup",
        "EventIncidence",
        "FebrileNeutropeniaDuration",
        "FebrileNeutropeniaIncidence",
        "LowCount",
        "MaximumToleratedDose",
        "SafetyIncidence",
        "TransfusionRate",
    ),
    "protocol.endpoints.parts": (
        "Anchor",
        "DeathAs",
        "EventSource",
        "FebrileNeutropenia",
        "IntentCounted",
        "Recovery",
        "RecoveryAnchor",
    ),
    "protocol.endpoints.rules": ("EndpointRules",),
    "protocol.endpoints.standard": ("STANDARD_ENDPOINTS",),
    "protocol.presets.endpoints": ("endpoint_rules",),
    "protocol.presets.nct06245746": ("nct06245746",),
    "protocol.presets.roles": ("USUAL_ROLES",),
    "protocol.conduct_rules": ("EvaluableRule", "Grant"),
    "protocol.dlt_rule": ("DltRule",),
    "protocol.dose_level": ("DoseLevel",),
    "protocol.trial_protocol": ("TrialProtocol",),
    "reports.endpoints.explanation": ("Explanation",),
    "reports.endpoints.summaries": ("Endpoints",),
    "values.clinical_time": ("ClinicalTime",),
    "values.clinical.analyte": ("Count",),
    "values.clinical.decision": ("Action", "Decision", "FinalClosing", "Forecast", "Mtd", "MtdStatus"),
    "values.clinical.dose": ("Dose",),
    "values.role": ("Role",),
    "values.clinical.scale": ("Scale",),
    "values.clinical.screening": ("Attestation", "Finding", "Gate"),
    "values.clinical.tally": ("Tally",),
    "values.clinical.treatment": ("BloodProduct", "Intent", "MedicationClass"),
    "values.clinical.toxicity": ("Agent", "Assessor", "Attribution", "Outcome", "Relatedness", "Seriousness"),
    "values.use_case": ("UseCase",),
    "version": ("__version__",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF.keys() - {"__version__"})  # noqa: PLE0605 - the table above is the only list of the names
"""The names of ``from trialdomain import *``: every public name except ``__version__``, which the caller may define."""


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'trialdomain' has no attribute {name!r}")
    value = getattr(import_module(f"trialdomain.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(_HOME_OF)
