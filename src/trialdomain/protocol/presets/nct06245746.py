"""The preset: UCMSC-Exo in acute myeloid leukemia, as registered (NCT06245746, Wuhan Union Hospital).

The registry lists 9 inclusion and 25 exclusion items; split into atomic criteria they are 40. Details that it leaves
open are choices and parameters: windows in days or calendar months (the boundary day passes), the day of judgement.
"""

from collections.abc import Sequence
from decimal import Decimal

from trialdomain.protocol.conduct_rules import Grant
from trialdomain.protocol.criteria import Answer, Comparison, Criterion, CriterionKind, FactTest
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.presets.nct06245746_endpoints import REGISTERED_ENDPOINTS, REGISTRY
from trialdomain.protocol.presets.roles import USUAL_ROLES
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.given.plural import how_many

_LEVELS = 3
_TARGET_RECRUITMENT = 9


def _at_least(finding: str, number: str, unit: str | None = None) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.AT_LEAST, number=Decimal(number), unit=unit)


def _at_most(finding: str, number: str, unit: str | None = None) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.AT_MOST, number=Decimal(number), unit=unit)


def _at_most_times_upper_limit(finding: str, factor: str) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.AT_MOST_TIMES_UPPER_LIMIT, number=Decimal(factor))


def _is(finding: str, *words: str) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.IS, words=words)


def _is_so(finding: str) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.IS_SO)


def _within_months(finding: str, months: int) -> FactTest:
    return FactTest(finding=finding, comparison=Comparison.WITHIN_MONTHS, number=Decimal(months))


def _inclusion(
    id_: str,
    meaning: str,
    *tests: FactTest,
    answer: Answer = Answer.FACTS,
    gate: Gate = Gate.SCREENING,
    expires: bool = False,
) -> Criterion:
    return Criterion(
        id=id_, kind=CriterionKind.INCLUSION, meaning=meaning, answer=answer, gate=gate, tests=tests, expires=expires
    )


def _exclusion(
    id_: str,
    meaning: str,
    *tests: FactTest,
    answer: Answer = Answer.EITHER,
    gate: Gate = Gate.SCREENING,
    applies_to: str | None = None,
    comment_required: bool = False,
    contradicts: str | None = None,
) -> Criterion:
    return Criterion(
        id=id_,
        kind=CriterionKind.EXCLUSION,
        meaning=meaning,
        answer=answer if tests else Answer.ATTESTATION,
        gate=gate,
        tests=tests,
        applies_to=applies_to,
        comment_required=comment_required,
        contradicts=contradicts,
    )


CRITERIA: tuple[Criterion, ...] = (
    _inclusion("I1", "aged 18 to 60 completed years at consent", _at_least("age", "18"), _at_most("age", "60")),
    _inclusion(
        "I2",
        "acute myeloid leukemia, not M3, by WHO 2022, in first complete remission, about to receive consolidation with "
        "cytarabine or a cytarabine-based regimen",
        _is("diagnosis", "AML"),
        FactTest(finding="is_apl", comparison=Comparison.IS_NOT_SO),
        _is("classification", "WHO 2022"),
        _is("remission", "CR1"),
        _is("planned_phase", "consolidation"),
        _is_so("regimen_contains_cytarabine"),
        answer=Answer.EITHER,
    ),
    _inclusion(
        "I3", "informed consent signed by the participant or legal guardian, before any procedure", _is_so("consent")
    ),
    _inclusion("I4", "male or female", _is("sex", "F", "M")),
    _inclusion(
        "I5",
        "ECOG performance status 0 to 2 by the day chemotherapy starts",
        _at_least("ecog", "0"),
        _at_most("ecog", "2"),
        gate=Gate.CHEMOTHERAPY,
    ),
    _inclusion("I6", "estimated survival of at least 3 months", answer=Answer.ATTESTATION),
    _inclusion("I7a", "oxygen saturation of at least 95 % on room air", _at_least("spo2", "95", "%")),
    _inclusion("I7b", "left ventricular ejection fraction of at least 45 %", _at_least("lvef", "45", "%")),
    _inclusion(
        "I7c1",
        "alanine and aspartate aminotransferase of at most 2.5 times the upper limit of normal",
        _at_most_times_upper_limit("alt", "2.5"),
        _at_most_times_upper_limit("ast", "2.5"),
        expires=True,
    ),
    _inclusion(
        "I7c2",
        "total bilirubin of at most 1.5 times the upper limit of normal",
        _at_most_times_upper_limit("bilirubin", "1.5"),
        expires=True,
    ),
    _inclusion(
        "I7d",
        "creatinine of at most 1.5 times the upper limit of normal",
        _at_most_times_upper_limit("creatinine", "1.5"),
        expires=True,
    ),
    _inclusion(
        "I8a",
        "no anti-cancer therapy of any type within 2 weeks before enrollment",
        FactTest(finding="last_anticancer_therapy", comparison=Comparison.NOT_WITHIN_DAYS, number=Decimal(14)),
    ),
    _inclusion(
        "I8b",
        "toxicities of previous therapy recovered to grade 1 or below, low-grade ones such as alopecia aside",
        _at_most("worst_unresolved_toxicity", "1"),
    ),
    _inclusion(
        "I9",
        "sterilised, post-menopausal, or agrees to contraception during treatment and for 6 months after",
        answer=Answer.ATTESTATION,
    ),
    _exclusion("E1", "central nervous system manifestations of the leukemia at diagnosis"),
    _exclusion("E2", "secondary acute myeloid leukemia", _is("aml_type", "secondary")),
    _exclusion("E3", "myelosuppression from conditions other than anti-cancer therapy"),
    _exclusion(
        "E4", "previous radiation to sternum or pelvis", _is_so("radiation_sternum"), _is_so("radiation_pelvis")
    ),
    _exclusion("E5", "specifically diagnosed and uncontrolled infection at enrollment"),
    _exclusion("E6", "uncontrolled active bleeding at enrollment"),
    _exclusion("E7", "severe comorbidity affecting survival, such as cachexia or severe malnutrition"),
    _exclusion("E8", "estimated survival of at most 48 hours", contradicts="I6"),
    _exclusion("E9", "active hepatitis B or C infection", _is_so("hbv_active"), _is_so("hcv_active")),
    _exclusion("E10", "history of or current HIV infection", _is_so("hiv")),
    _exclusion("E11", "syphilis infection", _is_so("syphilis")),
    _exclusion(
        "E12a", "continuous use of immunosuppressants in the last 6 months", _within_months("last_immunosuppressant", 6)
    ),
    _exclusion("E12b", "organ transplantation in the last 6 months", _within_months("last_transplantation", 6)),
    _exclusion(
        "E13",
        "took part in clinical trials of other drugs within 6 weeks before enrollment",
        FactTest(finding="last_trial", comparison=Comparison.WITHIN_DAYS, number=Decimal(42)),
    ),
    _exclusion("E14", "ever took part in clinical stem cell or exosome research"),
    _exclusion(
        "E15",
        "an agent that inhibits cell division concurrently with the infusion",
        _is_so("cell_division_inhibitor"),
        gate=Gate.INFUSION,
    ),
    _exclusion("E16", "severe allergic constitution, or allergy to the study drug or its components"),
    _exclusion("E17", "contraindication to growth factors, transfusion, or anti-infective agents"),
    _exclusion("E18", "pregnant or breast-feeding", _is_so("pregnant"), _is_so("breast_feeding"), applies_to="F"),
    _exclusion("E19", "mental illness"),
    _exclusion("E20", "drug abuse or addiction"),
    _exclusion(
        "E21", "other than hematological malignancy within 3 years", _within_months("last_other_malignancy", 36)
    ),
    _exclusion(
        "E22",
        "no signed informed consent",
        FactTest(finding="consent", comparison=Comparison.IS_NOT_SO),
        answer=Answer.FACTS,
        contradicts="I3",
    ),
    _exclusion("E23", "poor compliance, unable to complete the study"),
    _exclusion("E24", "may increase risk or interfere with conduct or judgement, in the investigator's opinion"),
    _exclusion("E25", "any other circumstance, in the investigator's opinion", comment_required=True),
)


def nct06245746(
    *, doses: Sequence[Dose] | None = None, version: str = "registry", roles: Sequence[Grant] = USUAL_ROLES
) -> TrialProtocol:
    """Build the protocol of NCT06245746.

    Args:
        doses: the amounts of the three levels, lowest first. The registry has no amounts, so there is no default.
        version: the name of the protocol's version.
        roles: the use cases of each role; empty if the embedding service controls access.

    Raises:
        ProtocolInvalid: the number of doses is not three, or the doses do not increase.
    """
    if doses is not None and len(doses) != _LEVELS:
        raise ProtocolInvalid(
            [f"NCT06245746 has {_LEVELS} dose levels, but {how_many(len(doses), 'dose was', 'doses were')} given"]
        )
    return TrialProtocol(
        trial="NCT06245746",
        title="UCMSC-Exo for Chemotherapy-induced Myelosuppression in Acute Myeloid Leukemia",
        version=version,
        zone="Asia/Shanghai",
        levels=tuple(
            DoseLevel(level=level, dose=None if doses is None else doses[level - 1]) for level in range(1, _LEVELS + 1)
        ),
        target_recruitment=_TARGET_RECRUITMENT,
        source=REGISTRY,
        criteria=CRITERIA,
        endpoints=EndpointRules(derived=REGISTERED_ENDPOINTS),
        roles=tuple(roles),
    )
