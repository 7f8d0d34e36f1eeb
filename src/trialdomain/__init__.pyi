from trialdomain.checks.check import Audited as Audited
from trialdomain.checks.check import AuditedCase as AuditedCase
from trialdomain.checks.check import AuditFinding as AuditFinding
from trialdomain.checks.check import Check as Check
from trialdomain.checks.check import Limits as Limits
from trialdomain.checks.check import Severity as Severity
from trialdomain.checks.run import CHECKS as CHECKS
from trialdomain.checks.run import Findings as Findings
from trialdomain.checks.run import findings as findings
from trialdomain.checks.run import read_checks as read_checks
from trialdomain.commands.access import AccessRequest as AccessRequest
from trialdomain.commands.access import NotPermitted as NotPermitted
from trialdomain.commands.runner import InTheFuture as InTheFuture
from trialdomain.commands.runner import User as User
from trialdomain.designs.design import DecisionTable as DecisionTable
from trialdomain.designs.design import Design as Design
from trialdomain.designs.notation import OutcomesMalformed as OutcomesMalformed
from trialdomain.designs.notation import parse_outcomes as parse_outcomes
from trialdomain.designs.notation import situation_of as situation_of
from trialdomain.designs.registry import DesignUnknown as DesignUnknown
from trialdomain.designs.registry import decide as decide
from trialdomain.designs.registry import design_of as design_of
from trialdomain.designs.situation import Situation as Situation
from trialdomain.desk import Desk as Desk
from trialdomain.desk.observed import lab as lab
from trialdomain.desk.observed import vital_sign as vital_sign
from trialdomain.desk.outbox import Outbox as Outbox
from trialdomain.desk.trials import TrialHandle as TrialHandle
from trialdomain.desk.trials import Trials as Trials
from trialdomain.errors import CommandRefused as CommandRefused
from trialdomain.errors import Conflict as Conflict
from trialdomain.errors import InputInvalid as InputInvalid
from trialdomain.errors import LogCorrupt as LogCorrupt
from trialdomain.errors import LogUnusable as LogUnusable
from trialdomain.errors import TrialError as TrialError
from trialdomain.events.participant import BodySite as BodySite
from trialdomain.events.participant import Comparator as Comparator
from trialdomain.events.participant import LabRecorded as LabRecorded
from trialdomain.events.participant import Signer as Signer
from trialdomain.events.participant import VitalSign as VitalSign
from trialdomain.events.participant import WindowResult as WindowResult
from trialdomain.events.participant import WithdrawalScope as WithdrawalScope
from trialdomain.events.recorded import Draft as Draft
from trialdomain.events.recorded import Entry as Entry
from trialdomain.events.recorded import Meta as Meta
from trialdomain.events.recorded import Recorded as Recorded
from trialdomain.events.recorded import Source as Source
from trialdomain.exchange.bundle import Manifest as Manifest
from trialdomain.exchange.sdtm.terms import Terms as Terms
from trialdomain.exchange.toml import protocol_to_toml as protocol_to_toml
from trialdomain.exchange.toml import read_protocol as read_protocol
from trialdomain.history import Answers as Answers
from trialdomain.history import History as History
from trialdomain.history import read_log as read_log
from trialdomain.history.what_if import WhatIf as WhatIf
from trialdomain.intake.backup import backup as backup
from trialdomain.intake.restore import Restored as Restored
from trialdomain.intake.restore import restore as restore
from trialdomain.intake.sdtm import Imported as Imported
from trialdomain.intake.sdtm import import_sdtm as import_sdtm
from trialdomain.operating.characteristics import Characteristics as Characteristics
from trialdomain.operating.characteristics import characteristics as characteristics
from trialdomain.operating.ending import Ending as Ending
from trialdomain.operating.paths import CohortOutcome as CohortOutcome
from trialdomain.operating.paths import EndingPaths as EndingPaths
from trialdomain.operating.paths import Paths as Paths
from trialdomain.operating.paths import TrialPath as TrialPath
from trialdomain.operating.paths import paths as paths
from trialdomain.projections.decisions import DecisionAudit as DecisionAudit
from trialdomain.projections.endpoints.value import Flag as Flag
from trialdomain.projections.endpoints.value import Status as Status
from trialdomain.projections.endpoints.value import Value as Value
from trialdomain.projections.review import Review as Review
from trialdomain.protocol.conduct_rules import EvaluableRule as EvaluableRule
from trialdomain.protocol.conduct_rules import Grant as Grant
from trialdomain.protocol.designs import Boin as Boin
from trialdomain.protocol.designs import DesignSpec as DesignSpec
from trialdomain.protocol.designs import I3Plus3 as I3Plus3
from trialdomain.protocol.designs import Keyboard as Keyboard
from trialdomain.protocol.designs import Mtpi2 as Mtpi2
from trialdomain.protocol.designs import RollingSix as RollingSix
from trialdomain.protocol.designs import StateAnswer as StateAnswer
from trialdomain.protocol.designs import StateRow as StateRow
from trialdomain.protocol.designs import TableBounds as TableBounds
from trialdomain.protocol.designs import TableDesign as TableDesign
from trialdomain.protocol.designs import TableRow as TableRow
from trialdomain.protocol.designs import TableWord as TableWord
from trialdomain.protocol.designs import ThreePlusThree as ThreePlusThree
from trialdomain.protocol.dlt_rule import DltRule as DltRule
from trialdomain.protocol.dose_level import DoseLevel as DoseLevel
from trialdomain.protocol.endpoints.endpoint import Endpoint as Endpoint
from trialdomain.protocol.endpoints.families import AntiInfectiveRate as AntiInfectiveRate
from trialdomain.protocol.endpoints.families import CountRecovery as CountRecovery
from trialdomain.protocol.endpoints.families import DltIncidence as DltIncidence
from trialdomain.protocol.endpoints.families import EventDuration as EventDuration
from trialdomain.protocol.endpoints.families import EventGroup as EventGroup
from trialdomain.protocol.endpoints.families import EventIncidence as EventIncidence
from trialdomain.protocol.endpoints.families import FebrileNeutropeniaDuration as FebrileNeutropeniaDuration
from trialdomain.protocol.endpoints.families import FebrileNeutropeniaIncidence as FebrileNeutropeniaIncidence
from trialdomain.protocol.endpoints.families import LowCount as LowCount
from trialdomain.protocol.endpoints.families import MaximumToleratedDose as MaximumToleratedDose
from trialdomain.protocol.endpoints.families import SafetyIncidence as SafetyIncidence
from trialdomain.protocol.endpoints.families import TransfusionRate as TransfusionRate
from trialdomain.protocol.endpoints.parts import Anchor as Anchor
from trialdomain.protocol.endpoints.parts import DeathAs as DeathAs
from trialdomain.protocol.endpoints.parts import EventSource as EventSource
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia as FebrileNeutropenia
from trialdomain.protocol.endpoints.parts import IntentCounted as IntentCounted
from trialdomain.protocol.endpoints.parts import Recovery as Recovery
from trialdomain.protocol.endpoints.parts import RecoveryAnchor as RecoveryAnchor
from trialdomain.protocol.endpoints.rules import EndpointRules as EndpointRules
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS as STANDARD_ENDPOINTS
from trialdomain.protocol.presets.endpoints import endpoint_rules as endpoint_rules
from trialdomain.protocol.presets.nct06245746 import nct06245746 as nct06245746
from trialdomain.protocol.presets.roles import USUAL_ROLES as USUAL_ROLES
from trialdomain.protocol.trial_protocol import TrialProtocol as TrialProtocol
from trialdomain.reports.endpoints.explanation import Explanation as Explanation
from trialdomain.reports.endpoints.summaries import Endpoints as Endpoints
from trialdomain.signing.keys import KeyKind as KeyKind
from trialdomain.signing.keys import SigningKey as SigningKey
from trialdomain.signing.keys import VerifierKey as VerifierKey
from trialdomain.signing.keys import read_keys as read_keys
from trialdomain.signing.keys import read_signing_key as read_signing_key
from trialdomain.signing.keys import write_keys as write_keys
from trialdomain.signing.proofs import check_inclusion as check_inclusion
from trialdomain.signing.signer import HeadKey as HeadKey
from trialdomain.signing.signer import TreeSigner as TreeSigner
from trialdomain.signing.trees import TrialTree as TrialTree
from trialdomain.stories.checking import check_story as check_story
from trialdomain.stories.writing import story_of as story_of
from trialdomain.values.clinical.analyte import Count as Count
from trialdomain.values.clinical.decision import Action as Action
from trialdomain.values.clinical.decision import Decision as Decision
from trialdomain.values.clinical.decision import FinalClosing as FinalClosing
from trialdomain.values.clinical.decision import Forecast as Forecast
from trialdomain.values.clinical.decision import Mtd as Mtd
from trialdomain.values.clinical.decision import MtdStatus as MtdStatus
from trialdomain.values.clinical.dose import Dose as Dose
from trialdomain.values.clinical.scale import Scale as Scale
from trialdomain.values.clinical.screening import Attestation as Attestation
from trialdomain.values.clinical.screening import Finding as Finding
from trialdomain.values.clinical.screening import Gate as Gate
from trialdomain.values.clinical.tally import Tally as Tally
from trialdomain.values.clinical.toxicity import Agent as Agent
from trialdomain.values.clinical.toxicity import Assessor as Assessor
from trialdomain.values.clinical.toxicity import Attribution as Attribution
from trialdomain.values.clinical.toxicity import Outcome as Outcome
from trialdomain.values.clinical.toxicity import Relatedness as Relatedness
from trialdomain.values.clinical.toxicity import Seriousness as Seriousness
from trialdomain.values.clinical.treatment import BloodProduct as BloodProduct
from trialdomain.values.clinical.treatment import Intent as Intent
from trialdomain.values.clinical.treatment import MedicationClass as MedicationClass
from trialdomain.values.clinical_time import ClinicalTime as ClinicalTime
from trialdomain.values.role import Role as Role
from trialdomain.values.use_case import UseCase as UseCase
from trialdomain.verification.defect import Defect as Defect
from trialdomain.verification.verify import Verified as Verified
from trialdomain.verification.verify import VerifiedTrial as VerifiedTrial
from trialdomain.verification.verify import verify as verify
from trialdomain.version import __version__ as __version__

__all__ = [
    "CHECKS",
    "STANDARD_ENDPOINTS",
    "USUAL_ROLES",
    "AccessRequest",
    "Action",
    "Agent",
    "Anchor",
    "Answers",
    "AntiInfectiveRate",
    "Assessor",
    "Attestation",
    "Attribution",
    "AuditFinding",
    "Audited",
    "AuditedCase",
    "BloodProduct",
    "BodySite",
    "Boin",
    "Characteristics",
    "Check",
    "ClinicalTime",
    "CohortOutcome",
    "CommandRefused",
    "Comparator",
    "Conflict",
    "Count",
    "CountRecovery",
    "DeathAs",
    "Decision",
    "DecisionAudit",
    "DecisionTable",
    "Defect",
    "Design",
    "DesignSpec",
    "DesignUnknown",
    "Desk",
    "DltIncidence",
    "DltRule",
    "Dose",
    "DoseLevel",
    "Draft",
    "Ending",
    "EndingPaths",
    "Endpoint",
    "EndpointRules",
    "Endpoints",
    "Entry",
    "EvaluableRule",
    "EventDuration",
    "EventGroup",
    "EventIncidence",
    "EventSource",
    "Explanation",
    "FebrileNeutropenia",
    "FebrileNeutropeniaDuration",
    "FebrileNeutropeniaIncidence",
    "FinalClosing",
    "Finding",
    "Findings",
    "Flag",
    "Forecast",
    "Gate",
    "Grant",
    "HeadKey",
    "History",
    "I3Plus3",
    "Imported",
    "InTheFuture",
    "InputInvalid",
    "Intent",
    "IntentCounted",
    "KeyKind",
    "Keyboard",
    "LabRecorded",
    "Limits",
    "LogCorrupt",
    "LogUnusable",
    "LowCount",
    "Manifest",
    "MaximumToleratedDose",
    "MedicationClass",
    "Meta",
    "Mtd",
    "MtdStatus",
    "Mtpi2",
    "NotPermitted",
    "Outbox",
    "Outcome",
    "OutcomesMalformed",
    "Paths",
    "Recorded",
    "Recovery",
    "RecoveryAnchor",
    "Relatedness",
    "Restored",
    "Review",
    "Role",
    "RollingSix",
    "SafetyIncidence",
    "Scale",
    "Seriousness",
    "Severity",
    "Signer",
    "SigningKey",
    "Situation",
    "Source",
    "StateAnswer",
    "StateRow",
    "Status",
    "TableBounds",
    "TableDesign",
    "TableRow",
    "TableWord",
    "Tally",
    "Terms",
    "ThreePlusThree",
    "TransfusionRate",
    "TreeSigner",
    "TrialError",
    "TrialHandle",
    "TrialPath",
    "TrialProtocol",
    "TrialTree",
    "Trials",
    "UseCase",
    "User",
    "Value",
    "Verified",
    "VerifiedTrial",
    "VerifierKey",
    "VitalSign",
    "WhatIf",
    "WindowResult",
    "WithdrawalScope",
    "backup",
    "characteristics",
    "check_inclusion",
    "check_story",
    "decide",
    "design_of",
    "endpoint_rules",
    "findings",
    "import_sdtm",
    "lab",
    "nct06245746",
    "parse_outcomes",
    "paths",
    "protocol_to_toml",
    "read_checks",
    "read_keys",
    "read_log",
    "read_protocol",
    "read_signing_key",
    "restore",
    "situation_of",
    "story_of",
    "verify",
    "vital_sign",
    "write_keys",
]
