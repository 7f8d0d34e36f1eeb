"""One row for every kind of fact: an example, a correction of it, and values that its validation refuses.

Run as a program, it writes missing golden files; it never overwrites one.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from inspect import cleandoc
from pathlib import Path
from typing import Any

import attrs
import msgspec

from trialdomain.designs.three_plus_three.reasons import Code
from trialdomain.events import access, cohort, participant, trial
from trialdomain.events.basis import Basis
from trialdomain.events.recorded import Fact, Meta
from trialdomain.events.registry import NAMES
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.storage.codec import encode, schema
from trialdomain.values.clinical.decision import Action, Because, Decision, FinalClosing, Forecast
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason, Standing
from trialdomain.values.clinical.screening import Attestation, CriterionAssessment, CriterionStatus, Finding, Gate
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.clinical.toxicity import Agent, Assessor, Attribution, Outcome, Relatedness, Seriousness
from trialdomain.values.clinical.treatment import BloodProduct, Intent, MedicationClass
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.role import Role

GOLDEN = Path(__file__).parents[1] / "golden"
META = Meta(recorded_at=datetime(2026, 3, 2, 8, 30, 15, 250_000, tzinfo=UTC), user="u1", command="c1", part=1, parts=1)


@attrs.frozen
class Row:
    """What the table says of one kind of fact."""

    example: Fact
    change: Mapping[str, Any]
    """Fields of a correction, as a caller gives them; empty for kinds that are never corrected."""
    malformed: Mapping[str, object]
    """Fields, as JSON, each of which alone makes the stored fact unreadable."""
    voidable: bool = True


def day(text: str) -> ClinicalTime:
    return ClinicalTime(text)


def words(text: str) -> FreeText:
    return FreeText(plain=text)


BASIS = Basis(
    design="3+3/1",
    protocol_version="registry",
    tallies=(Tally(level=1, evaluable=3, dlts=1, most_held=3), Tally(level=2), Tally(level=3)),
    last_level=1,
    final_closings=(FinalClosing(level=3, cause="decided on 2026-03-10"),),
    slots=((3,), (), ()),
    position=35,
    on=date(2026, 3, 19),
)
DECISION = Decision(
    action=Action.EXPAND,
    level=1,
    slots=6,
    closed_levels=(3,),
    because=Because(code=Code.ONE_DLT, text="level 1 has 1 DLT in 3 evaluable: it goes on up to 6"),
    forecast=Forecast(least={"none": 1, "1": 5, "2": 11, "3": 12}, most=15, exceeds_target=("2", "3")),
)
RELATED = Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.POSSIBLY)
PENDING = Standing(evaluation=Evaluation.PENDING, reason=EvaluationReason.WINDOW_OPEN)
SPO2 = Finding(name="spo2", number=Decimal(97), unit="%", on=day("2026-03-02"))

_ROWS = [
    Row(
        trial.TrialRegistered(protocol=nct06245746(roles=())),
        {"protocol": nct06245746(version="2", roles=())},
        {"protocol": {}},
        voidable=False,
    ),
    Row(
        trial.ProtocolAmended(
            protocol=nct06245746(version="2", roles=()),
            effective_on=date(2026, 3, 2),
            summary=words("level 2"),
            reopens=(2,),
        ),
        {"summary": "level 2 is reopened after review"},
        {"effective_on": "2026-13-01", "summary": {"plain": " "}, "reopens": ["2 "]},
    ),
    Row(
        trial.RecruitmentSuspended(on=day("2026-03-02"), why=words("related death"), infusion=True),
        {"infusion": False},
        {"on": "yesterday", "why": {}, "infusion": "yes"},
    ),
    Row(
        trial.RecruitmentResumed(on=day("2026-03-02"), why=words("committee of 2 March")),
        {"why": "committee of 1 March"},
        {"on": "2026-02-30", "why": {"plain": "a", "sealed": "b"}},
    ),
    Row(
        trial.TrialClosed(on=day("2026-03-02"), why=words("recruitment ended")), {"on": "2026-03-01"}, {"on": 20260302}
    ),
    Row(
        trial.MtdDeclared(level=2, bounded_above=True, basis=BASIS),
        {"bounded_above": False},
        {"level": "two levels", "bounded_above": None, "basis": None},
    ),
    Row(
        trial.MtdNotEstablished(why=trial.NotEstablished.RECRUITMENT_ENDED, basis=BASIS, candidate=1),
        {"candidate": None},
        {"why": "because", "candidate": "01"},
    ),
    Row(
        trial.DoseRecommended(level=1, purpose="phase II", rationale=words("no DLT in three"), basis=BASIS),
        {"purpose": "phase Ib"},
        {"level": 1.5, "purpose": " ", "rationale": {}, "basis": None},
    ),
    Row(
        trial.UserRegistered(user="u2", name="A. Investigator", role=Role.INVESTIGATOR, organization="Site 1"),
        {"organization": "Site 2"},
        {"user": "a b", "name": "", "role": "king"},
    ),
    Row(trial.SoftwareChanged(version="0.0.9"), {"version": "0.0.8"}, {"version": ""}),
    Row(
        trial.TrialExported(what="whole log", why=words("inspection"), root="ab" * 32),
        {"what": "levels 1 and 2"},
        {"root": "ab", "what": "\u0007"},
    ),
    Row(trial.TrialEntryVoided(version=2), {}, {"version": 0}, voidable=False),
    Row(
        access.AccessRefused(use_case="enroll", role=Role.MONITOR, why="monitors do not enroll"),
        {},
        {"use_case": "", "role": None},
        voidable=False,
    ),
    Row(
        cohort.CohortOpened(level=2, dose=Dose(amount=Decimal("2.5"), unit="10*6{cells}/kg"), slots=3),
        {"slots": 4},
        {"level": 1.5, "slots": 0, "dose": {"amount": "NaN", "unit": "mg"}},
    ),
    Row(cohort.CohortExpanded(slots=6, why=words("1 DLT in 3")), {"slots": 5}, {"slots": -1}),
    Row(cohort.SlotFilled(subject="S001"), {"subject": "S002"}, {"subject": ""}),
    Row(
        cohort.SlotReleased(subject="S001", why=cohort.Release.NOT_EVALUABLE),
        {"why": cohort.Release.REASSIGNED},
        {"why": "gone"},
    ),
    Row(
        cohort.MemberInfused(subject="S001", on=day("2026-03-02"), standing=PENDING),
        {"on": "2026-03-01"},
        {"on": "2026-3-2", "standing": {"evaluation": "pending"}},
    ),
    Row(
        cohort.DltAttributed(subject="S001", event="AE1", onset=day("2026-03-02")),
        {"onset": "2026-03-01"},
        {"event": None, "laboratory": [4], "onset": ""},
    ),
    Row(cohort.DltRevoked(subject="S001", why="judged unrelated"), {"why": "voided"}, {"why": ""}),
    Row(
        cohort.MemberAssessed(
            subject="S001", standing=Standing(evaluation=Evaluation.EVALUABLE, reason=EvaluationReason.DLT)
        ),
        {"subject": "S002"},
        {"standing": None},
    ),
    Row(
        cohort.EnrollmentStopped(cause=cohort.Stop.CLOSED_BY_DESIGN),
        {"cause": cohort.Stop.DECISION},
        {"cause": "closed by design"},
    ),
    Row(cohort.EnrollmentResumed(cause=cohort.Stop.CLOSED_BY_DESIGN), {"cause": cohort.Stop.DECISION}, {"cause": 1}),
    Row(
        cohort.EscalationDecided(
            recommended=DECISION, decided=Decision.enroll(level=1), basis=BASIS, by="u1", rationale=words("one by one")
        ),
        {"rationale": "one at a time, as the committee asked"},
        {"recommended": {"action": "jump"}, "by": "", "basis": {}},
    ),
    Row(cohort.CohortEntryVoided(version=1), {}, {"version": "1"}, voidable=False),
    Row(
        participant.Consented(
            signed_on=day("2026-03-01"),
            signer=participant.Signer.GUARDIAN,
            form_version="1.0",
            protocol_version="registry",
            age=42,
        ),
        {"age": 43},
        {"signed_on": "01.03.2026", "signer": "friend", "age": -1, "form_version": " "},
    ),
    Row(
        participant.Screened(
            on=day("2026-03-02"),
            findings=(SPO2,),
            attestations=(Attestation(criterion="E1", answer=False, comment=words("none seen")),),
            assessment=(CriterionAssessment(criterion="I7a", status=CriterionStatus.MET, why="97 % is 95 % or more"),),
        ),
        {"on": "2026-03-01"},
        {"findings": [{"name": "spo2"}], "attestations": [{"criterion": "E1"}], "imported": "maybe"},
    ),
    Row(
        participant.ScreenFailed(on=day("2026-03-02"), why=words("LVEF 40 %")),
        {"why": "LVEF 44 %"},
        {"why": {"plain": ""}},
    ),
    Row(
        participant.CriteriaAnswered(gate=Gate.INFUSION, on=day("2026-03-02"), findings=(SPO2,)),
        {"gate": Gate.CHEMOTHERAPY},
        {"gate": "door", "findings": [{"name": "spo2", "yes": True, "words": "yes"}]},
    ),
    Row(participant.Enrolled(on=day("2026-03-02"), level=1), {"level": 2}, {"level": "1", "on": None}),
    Row(
        participant.LevelReassigned(on=day("2026-03-02"), from_level=2, to_level=1, why=words("level 2 closed")),
        {"to_level": 3},
        {"from_level": "a/b", "to_level": 1.5},
    ),
    Row(
        participant.ChemotherapyStarted(on=day("2026-03-02"), regimen="HiDAC", cycle=2, ecog=1),
        {"cycle": 1},
        {"ecog": 6, "cycle": 0, "regimen": ""},
    ),
    Row(
        participant.ChemotherapyGiven(
            regimen="HiDAC", cycle=2, agents=("cytarabine",), started_on=day("2026-03-01"), ended_on=day("2026-03-02")
        ),
        {"agents": ["cytarabine", "idarubicin"]},
        {"ended_on": "2026-02-28", "agents": [1]},
    ),
    Row(
        participant.Infused(
            level=1,
            dose=Dose(amount=Decimal("2.50"), unit="10*9"),
            body_weight_kg=Decimal("61.5"),
            started_at=day("2026-03-02T09:00+08:00"),
            ended_at=day("2026-03-02T09:30+08:00"),
            fraction=Decimal("1.0"),
            lot="L7",
        ),
        {"lot": "L8"},
        {
            "level": 10000,
            "fraction": "-1",
            "ended_at": "2026-03-02T08:00+08:00",
            "body_weight_kg": "1E+99",
            "bsa_m2": "0",
            "dose": {"amount": "1.2.3", "unit": "mg"},
        },
    ),
    Row(
        participant.LabRecorded(
            analyte="ANC",
            value=Decimal("0.40"),
            comparator=participant.Comparator.BELOW,
            unit="10*9/L",
            collected_at=day("2026-03-02"),
            lower_limit=Decimal("1.8"),
            upper_limit=Decimal("6.3"),
            laboratory="central",
        ),
        {"value": "0.5", "unit": "10^9/L"},
        {"value": "NaN", "unit": "furlong", "comparator": "~", "analyte": ""},
    ),
    Row(
        participant.VitalSignRecorded(
            sign=participant.VitalSign.TEMPERATURE,
            value=Decimal("38.4"),
            unit="Cel",
            measured_at=day("2026-03-02T07:00+08:00"),
            site=participant.BodySite.AXILLARY,
        ),
        {"value": "38.3"},
        {"value": "Infinity", "sign": "mood", "unit": None, "measured_at": "2026-03-02T25:00Z"},
    ),
    Row(
        participant.AdverseEventReported(
            event="AE1",
            term="Fever",
            ctcae_code="10016558",
            grade=3,
            attributions=(RELATED,),
            serious=True,
            seriousness=(Seriousness.HOSPITALIZATION,),
            expected=False,
            onset=day("2026-03-02"),
            ended=day("2026-03"),
            outcome=Outcome.RECOVERING,
            aware_on=day("2026-03-02"),
        ),
        {"grade": 2},
        {"grade": 6, "ended": "2026-02", "term": "", "attributions": [{"agent": "infusion"}]},
    ),
    Row(
        participant.AdverseEventFollowedUp(
            event="AE1", on=day("2026-03-02"), grade=4, attributions=(RELATED,), outcome=Outcome.NOT_RECOVERED
        ),
        {"grade": 3},
        {"grade": 0, "on": None},
    ),
    Row(
        participant.DltWindowAssessed(
            on=day("2026-03-02"), by="u1", result=participant.WindowResult.NO_DLT, missed=words("day 7")
        ),
        {"missed": "days 7 and 8"},
        {"result": "fine", "by": ""},
    ),
    Row(
        participant.Transfused(on=day("2026-03-02"), product=BloodProduct.PLATELETS, units=Decimal(1)),
        {"units": 2},
        {"units": "-1", "product": "water"},
    ),
    Row(
        participant.AntiInfectiveGiven(
            agent="meropenem",
            atc_code="J01DH02",
            route="intravenous",
            intent=Intent.TREATMENT,
            started_on=day("2026-03-01"),
            ended_on=day("2026-03-02"),
        ),
        {"ended_on": None},
        {"ended_on": "2026-02-01", "intent": "hope"},
    ),
    Row(
        participant.ConcomitantMedicationGiven(
            agent="filgrastim",
            medication_class=MedicationClass.G_CSF,
            route="subcutaneous",
            started_on=day("2026-03-02"),
        ),
        {"route": "intravenous"},
        {"medication_class": "sugar", "ended_on": "2025"},
    ),
    Row(participant.Relapsed(on=day("2026-03-02")), {"on": "2026-03-01"}, {"on": "2026-00"}),
    Row(
        participant.NewTherapyStarted(on=day("2026-03-02"), kind="venetoclax"),
        {"on": "2026-03-01"},
        {"kind": "\u0000"},
    ),
    Row(
        participant.Withdrew(
            on=day("2026-03-02"),
            scope=participant.WithdrawalScope.FOLLOW_UP,
            last_contact=day("2026-03-01"),
            why=words("moved away"),
        ),
        {"scope": participant.WithdrawalScope.TREATMENT},
        {"scope": "all"},
    ),
    Row(
        participant.LostToFollowUp(on=day("2026-03-02"), last_contact=day("2026-03-01")),
        {"last_contact": "2026-02-28"},
        {"last_contact": "2026-03-03"},
    ),
    Row(participant.Died(on=day("2026-03-02"), event="AE1"), {"event": None}, {"event": "", "on": "soon"}),
    Row(participant.CompletedFollowUp(on=day("2026-03-02")), {"on": "2026-03-01"}, {"on": ["2026"]}),
    Row(participant.ParticipantEntryVoided(version=2), {}, {"version": -1}, voidable=False),
]
ROWS: dict[str, Row] = {NAMES[type(row.example)]: row for row in _ROWS}


def golden(name: str) -> Path:
    return GOLDEN / f"{name}.json"


def golden_schema(name: str) -> Path:
    return GOLDEN / "schemas" / f"{name}.json"


def schema_text(name: str) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_dedented(schema(name)), order="sorted"), indent=1) + b"\n"


def _dedented(part: Any) -> Any:  # noqa: ANN401 - any JSON
    """Take the indentation off descriptions: they are docstrings, which Python dedents by itself from 3.13 on."""
    if isinstance(part, list):
        return [_dedented(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: cleandoc(one) if key == "description" and isinstance(one, str) else _dedented(one)
        for key, one in part.items()
    }


def write_missing() -> None:
    for name, row in ROWS.items():
        if not golden(name).exists():
            golden(name).write_bytes(encode(row.example, META)[1] + b"\n")
        if not golden_schema(name).exists():
            golden_schema(name).write_bytes(schema_text(name))


if __name__ == "__main__":
    write_missing()
