from trialdomain.application.access import AccessRequest as AccessRequest
from trialdomain.application.access import NotPermitted as NotPermitted
from trialdomain.application.conduct import InTheFuture as InTheFuture
from trialdomain.application.conduct import User as User
from trialdomain.application.desk import Desk as Desk
from trialdomain.application.importing import Imported as Imported
from trialdomain.application.importing import import_sdtm as import_sdtm
from trialdomain.application.observed import lab as lab
from trialdomain.application.observed import vital_sign as vital_sign
from trialdomain.application.restoring import Restored as Restored
from trialdomain.application.restoring import restore as restore
from trialdomain.application.trials import TrialHandle as TrialHandle
from trialdomain.application.trials import Trials as Trials
from trialdomain.audit.defect import Defect as Defect
from trialdomain.audit.findings.check import Audited as Audited
from trialdomain.audit.findings.check import AuditedCase as AuditedCase
from trialdomain.audit.findings.check import AuditFinding as AuditFinding
from trialdomain.audit.findings.check import Check as Check
from trialdomain.audit.findings.check import Limits as Limits
from trialdomain.audit.findings.check import Severity as Severity
from trialdomain.audit.findings.run import CHECKS as CHECKS
from trialdomain.audit.findings.run import Findings as Findings
from trialdomain.audit.findings.run import findings as findings
from trialdomain.audit.findings.run import read_checks as read_checks
from trialdomain.audit.keys import KeyKind as KeyKind
from trialdomain.audit.keys import SigningKey as SigningKey
from trialdomain.audit.keys import VerifierKey as VerifierKey
from trialdomain.audit.keys import read_keys as read_keys
from trialdomain.audit.keys import read_signing_key as read_signing_key
from trialdomain.audit.keys import write_keys as write_keys
from trialdomain.audit.proving import check_inclusion as check_inclusion
from trialdomain.audit.signing import HeadKey as HeadKey
from trialdomain.audit.signing import TreeSigner as TreeSigner
from trialdomain.audit.trees import TrialTree as TrialTree
from trialdomain.audit.verify import Verified as Verified
from trialdomain.audit.verify import VerifiedTrial as VerifiedTrial
from trialdomain.audit.verify import verify as verify
from trialdomain.designs.design import DecisionTable as DecisionTable
from trialdomain.designs.design import Design as Design
from trialdomain.designs.notation import OutcomesMalformed as OutcomesMalformed
from trialdomain.designs.notation import parse_outcomes as parse_outcomes
from trialdomain.designs.notation import situation_of as situation_of
from trialdomain.designs.registry import DesignUnknown as DesignUnknown
from trialdomain.designs.registry import decide as decide
from trialdomain.designs.registry import design_of as design_of
from trialdomain.designs.situation import Situation as Situation
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
from trialdomain.history import Answers as Answers
from trialdomain.history import History as History
from trialdomain.history import read_log as read_log
from trialdomain.projections.decisions import DecisionAudit as DecisionAudit
from trialdomain.projections.endpoints.value import Flag as Flag
from trialdomain.projections.endpoints.value import Status as Status
from trialdomain.projections.endpoints.value import Value as Value
from trialdomain.projections.review import Review as Review
from trialdomain.protocol.designs import DesignSpec as DesignSpec
from trialdomain.protocol.designs import RollingSix as RollingSix
from trialdomain.protocol.designs import StateAnswer as StateAnswer
from trialdomain.protocol.designs import StateRow as StateRow
from trialdomain.protocol.designs import TableDesign as TableDesign
from trialdomain.protocol.designs import TableRow as TableRow
from trialdomain.protocol.designs import TableWord as TableWord
from trialdomain.protocol.designs import ThreePlusThree as ThreePlusThree
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
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia as FebrileNeutropenia
from trialdomain.protocol.endpoints.parts import Recovery as Recovery
from trialdomain.protocol.endpoints.rules import EndpointRules as EndpointRules
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS as STANDARD_ENDPOINTS
from trialdomain.protocol.presets.endpoints import endpoint_rules as endpoint_rules
from trialdomain.protocol.presets.nct06245746 import nct06245746 as nct06245746
from trialdomain.protocol.presets.roles import USUAL_ROLES as USUAL_ROLES
from trialdomain.protocol.trial_protocol import DltRule as DltRule
from trialdomain.protocol.trial_protocol import DoseLevel as DoseLevel
from trialdomain.protocol.trial_protocol import EvaluableRule as EvaluableRule
from trialdomain.protocol.trial_protocol import Grant as Grant
from trialdomain.protocol.trial_protocol import TrialProtocol as TrialProtocol
from trialdomain.reports.explanation import Explanation as Explanation
from trialdomain.reports.summaries import Endpoints as Endpoints
from trialdomain.values.clinical_time import ClinicalTime as ClinicalTime
from trialdomain.values.decision import Action as Action
from trialdomain.values.decision import Decision as Decision
from trialdomain.values.decision import FinalClosing as FinalClosing
from trialdomain.values.decision import Forecast as Forecast
from trialdomain.values.decision import Mtd as Mtd
from trialdomain.values.decision import MtdStatus as MtdStatus
from trialdomain.values.dose import Dose as Dose
from trialdomain.values.role import Role as Role
from trialdomain.values.screening import Attestation as Attestation
from trialdomain.values.screening import Finding as Finding
from trialdomain.values.screening import Gate as Gate
from trialdomain.values.tally import Tally as Tally
from trialdomain.values.toxicity import Agent as Agent
from trialdomain.values.toxicity import Assessor as Assessor
from trialdomain.values.toxicity import Attribution as Attribution
from trialdomain.values.toxicity import Outcome as Outcome
from trialdomain.values.toxicity import Relatedness as Relatedness
from trialdomain.values.toxicity import Seriousness as Seriousness
from trialdomain.values.treatment import BloodProduct as BloodProduct
from trialdomain.values.treatment import Intent as Intent
from trialdomain.values.treatment import MedicationClass as MedicationClass
from trialdomain.values.use_case import UseCase as UseCase
from trialdomain.version import __version__ as __version__

__all__ = [
    "CHECKS",
    "STANDARD_ENDPOINTS",
    "USUAL_ROLES",
    "AccessRequest",
    "Action",
    "Agent",
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
    "Check",
    "ClinicalTime",
    "CommandRefused",
    "Comparator",
    "Conflict",
    "CountRecovery",
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
    "Endpoint",
    "EndpointRules",
    "Endpoints",
    "Entry",
    "EvaluableRule",
    "EventDuration",
    "EventGroup",
    "EventIncidence",
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
    "Imported",
    "InTheFuture",
    "InputInvalid",
    "Intent",
    "KeyKind",
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
    "NotPermitted",
    "Outcome",
    "OutcomesMalformed",
    "Recorded",
    "Recovery",
    "Relatedness",
    "Restored",
    "Review",
    "Role",
    "RollingSix",
    "SafetyIncidence",
    "Seriousness",
    "Severity",
    "Signer",
    "SigningKey",
    "Situation",
    "Source",
    "StateAnswer",
    "StateRow",
    "Status",
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
    "WindowResult",
    "WithdrawalScope",
    "check_inclusion",
    "decide",
    "design_of",
    "endpoint_rules",
    "findings",
    "import_sdtm",
    "lab",
    "nct06245746",
    "parse_outcomes",
    "read_checks",
    "read_keys",
    "read_log",
    "read_signing_key",
    "restore",
    "situation_of",
    "verify",
    "vital_sign",
    "write_keys",
]
