"""Findings: for each check, a log with a finding, and a twin without one.

The twins differ only in the subject of the check. Conduct that a use case refuses is recorded as a deviation or as a
correction. Entries that no use case writes are put into the log directly, as another system or an intruder could.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, TypeAlias

import attrs
import pytest
from catalogue import ROWS
from made_once import SimulatedLog, seeds
from site_desk import OPEN, REASON, RELATED, Site, day, judged
from typing_extensions import override

import trialdomain.checks
from trialdomain import (
    CHECKS,
    Action,
    AuditedCase,
    AuditFinding,
    Boin,
    Check,
    ClinicalTime,
    Decision,
    Dose,
    DoseLevel,
    Draft,
    Entry,
    Findings,
    History,
    Imported,
    Limits,
    Outcome,
    Relatedness,
    RollingSix,
    Scale,
    Seriousness,
    Severity,
    WithdrawalScope,
    findings,
    lab,
    nct06245746,
    read_checks,
    read_log,
)
from trialdomain.checks.run import CheckUnusable
from trialdomain.checks.trail import looks_like
from trialdomain.events.cohort import (
    CohortExpanded,
    CohortOpened,
    DltAttributed,
    EnrollmentStopped,
    EscalationDecided,
    MemberAssessed,
    MemberInfused,
    Release,
    SlotFilled,
    SlotReleased,
)
from trialdomain.events.participant import (
    AdverseEventReported,
    Consented,
    Died,
    Infused,
    LostToFollowUp,
    WindowResult,
)
from trialdomain.events.trial import RecruitmentResumed, RecruitmentSuspended, TrialRegistered
from trialdomain.projections.dlt_counts import DltCounts
from trialdomain.protocol.conduct_rules import Sentinel, Stagger
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule, ExpectedToxicity
from trialdomain.protocol.made_up import eligible
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.text import FreeText

_STREAMS = {
    "trial": "NCT06245746",
    "access": "NCT06245746/access",
    "cohort": "NCT06245746/cohort/1",
    "participant": "NCT06245746/participant/S001",
}
_WHY = "it had happened before anybody could say so"
Maker: TypeAlias = Callable[[], "Site | History"]


def history_of(made: "Site | History") -> History:
    return made.trial.history() if isinstance(made, Site) else made


def found_in(made: "Site | History", check: str, *, now: datetime | None = None) -> list[AuditFinding]:
    site = isinstance(made, Site)
    moment = made.now + timedelta(days=1) if isinstance(made, Site) else datetime(2030, 1, 1, tzinfo=UTC)
    found = findings(history_of(made), on=None if site else day(20), now=now or moment).found
    return [one for one in found if one.check == check]


def rewritten(site: Site, edit: Callable[[Any], Any | None]) -> History:
    """Give the log as somebody would have written it by other means: facts edited, or left out for None."""
    drafts = []
    for entry in sorted(site.trial.history().entries(), key=lambda e: e.position):
        fact = edit(entry.fact)
        if fact is not None:
            meta = entry.meta
            drafts.append(Draft(stream=entry.stream, fact=fact, corrects=meta.corrects, deviation=meta.deviation))
    return History.of(drafts)


def edited(kind: type, **changes: object) -> Callable[[Any], Any]:
    return lambda fact: attrs.evolve(fact, **changes) if isinstance(fact, kind) else fact  # type: ignore[misc]  # of a fact


def without(kind: type) -> Callable[[Any], Any | None]:
    return lambda fact: None if isinstance(fact, kind) else fact


def three(protocol: TrialProtocol = OPEN) -> Site:
    site = Site(protocol)
    site.treat("S001", "S002", "S003")
    return site


def decided() -> Site:
    site = three()
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    return site


def recommended(level: int) -> Site:
    """A level is recommended on day 30, and 2 DLTs close level 2 on day 31."""
    site = decided()
    site.treat("S004", "S005", "S006", level=2)
    site.on(30).assess("S004", "S005", "S006")
    site.desk.recommend_dose(level=level, purpose="phase II", rationale="no DLT in six", on=site.today)
    for subject in ("S004", "S005"):
        site.on(31).toxicity(subject, onset=day(20))
    return site


def recommended_above_the_mtd(first: Label, second: Label) -> Site:
    """The second level is recommended; later DLTs close it, and the first one is declared the MTD."""
    levels = tuple(DoseLevel(level=place, label=label) for place, label in enumerate((first, second), start=1))
    site = Site(attrs.evolve(OPEN, levels=levels))
    for names, label, number in (("S001 S002 S003", first, 15), ("S004 S005 S006", second, 30)):
        site.treat(*names.split(), level=label)
        site.on(number).assess(*names.split())
        if label == first:
            site.decide()
    site.desk.recommend_dose(level=second, purpose="phase II", rationale="no DLT in six", on=site.today)
    for subject in ("S004", "S005"):
        site.on(31).toxicity(subject, onset=day(20))
    site.decide()
    site.treat("S007", "S008", "S009", level=first)
    site.on(46).assess("S007", "S008", "S009")
    site.decide()
    site.desk.declare_mtd(level=first, on=site.today)
    return site


def with_dlt() -> Site:
    site = three()
    site.on(3).toxicity("S001")
    return site


def decided_on_late_event(*, onset: int) -> Site:
    site = decided()
    site.on(20).toxicity("S001", onset=day(onset))
    return site


def consent_on(number: int) -> Site:
    site = three()
    consent = next(e for e in site.trial.history().entries() if isinstance(e.fact, Consented))
    site.on(9).desk.correct(consent, signed_on=day(number), form_version="1.1", reason=REASON)
    return site


def infused_on(enrolled: int, infused: int) -> Site:
    site = Site()
    site.on(enrolled).treat("S001")
    site.on(9).desk.correct(site.infusion("S001"), started_at=day(infused), lot="L1", reason=REASON)
    return site


def infused_at(level: int) -> Site:
    site = Site()
    site.desk.correct(site.treat("S001"), level=level, lot="L1", reason=REASON)
    return site


def infused_with(amount: str) -> Site:
    doses = [Dose(amount=Decimal(n), unit="ug") for n in (100, 200, 400)]
    levels = tuple(DoseLevel(level=at, dose=dose) for at, dose in enumerate(doses, start=1))
    site = Site(attrs.evolve(OPEN, levels=levels))
    site.admit("S001")
    given = Dose(amount=Decimal(amount), unit="ug")
    site.desk.infuse("S001", level=1, dose=given, started_at=day(0), deviation=None if amount == "110" else _WHY)
    return site


def infused_by_weight(weight: str | None) -> Site:
    """100 ug/kg at level 1, and 7,000 ug given; the desk refuses it without the weight."""
    doses = [Dose(amount=Decimal(n), unit="ug/kg") for n in (100, 200, 400)]
    levels = tuple(DoseLevel(level=at, dose=dose) for at, dose in enumerate(doses, start=1))
    site = Site(attrs.evolve(OPEN, levels=levels))
    site.admit("S001")
    dose, why = Dose(amount=7000, unit="ug"), _WHY if weight is None else None
    site.desk.infuse("S001", level=1, dose=dose, body_weight_kg=weight, started_at=day(0), deviation=why)
    return site


def sized(**body: str) -> Site:
    site = Site()
    site.admit("S001")
    infusion: dict[str, Any] = {"level": 1, "started_at": day(0), **body}
    site.desk.infuse("S001", **infusion)
    return site


def registered_again(amount: str) -> Site:
    """Correct the amount of level 1, 100 ug, in the registration."""
    site = infused_with("110")
    registered = next(e for e in site.trial.history().entries() if isinstance(e.fact, TrialRegistered))
    doses = [Dose(amount=Decimal(n), unit="ug") for n in (amount, 200, 400)]
    levels = tuple(DoseLevel(level=at, dose=dose) for at, dose in enumerate(doses, start=1))
    site.desk.correct(registered, protocol=attrs.evolve(OPEN, levels=levels, title="as signed"), reason=REASON)
    return site


def infused_twice(administrations: int) -> Site:
    design = OPEN.design if administrations == 1 else None
    site = Site(attrs.evolve(OPEN, administrations=administrations, design=design, levels=OPEN.levels[:1]))
    site.treat("S001")
    site.on(1).desk.infuse("S001", level=1, started_at=day(1), deviation=None if administrations > 1 else _WHY)
    return site


def infused_and_withdrew(infused: int, withdrew: int) -> Site:
    site = Site()
    site.admit("S001")
    site.on(withdrew).desk.withdraw("S001", on=day(withdrew), scope=WithdrawalScope.TREATMENT)
    site.on(9).desk.infuse("S001", level=1, started_at=day(infused), deviation=_WHY)
    return site


def died_and_observed(died: int, observed: int) -> Site:
    site = Site()
    site.treat("S001")
    site.on(9).desk.record_death("S001", on=day(died))
    results = [lab("ANC", "1", "10*9/L", collected_at=day(observed).isoformat())]
    site.desk.record_labs("S001", results, deviation=_WHY if observed > died else None)
    return site


def died_of_event(ended: int) -> Site:
    site = Site()
    site.treat("S001")
    site.on(9).desk.report_adverse_event(
        "S001", event="AE1", term="Fever", grade=4, onset=day(1), ended=day(5), outcome=Outcome.FATAL
    )
    death = next(e for e in site.trial.history().entries() if isinstance(e.fact, Died))
    if ended != 5:
        site.desk.correct(death, on=day(ended), reason=REASON)
    return site


def enrolled_beyond(people: int) -> Site:
    site = Site()
    for number in range(1, people + 1):
        site.screened(f"S{number:03}")
        site.desk.enroll(f"S{number:03}", on=day(0), level=1, deviation=_WHY if number > 3 else None)
    return site


def infused_after_closing(infused: int) -> Site:
    site = Site()
    site.treat("S001", "S002")
    site.admit("S003")
    site.on(3).toxicity("S001")
    site.toxicity("S002")
    site.on(5).desk.infuse("S003", level=1, started_at=day(infused), deviation=_WHY)
    return site


def first_at_level_2(number: int) -> Site:
    site = three()
    site.on(number)
    if number >= 15:
        site.assess("S001", "S002", "S003")
        site.decide()
    site.screened("S004")
    why = None if number >= 15 else _WHY
    site.desk.enroll("S004", on=day(number), level=2, deviation=why)
    site.desk.infuse("S004", level=2, started_at=day(number), deviation=why)
    return site


def up_with_one_pending(design: DesignSpec, *, people: int = 6, dlt: int = 0) -> Site:
    """One at level 2, on day 15, when all but one of level 1 are known."""
    site = Site(attrs.evolve(OPEN, design=design))
    level_1 = [f"S{at:03}" for at in range(1, people + 1)]
    for at in range(0, people, 3):
        site.treat(*level_1[at : at + 3])
    site.on(15)
    for subject in level_1[:dlt]:
        site.toxicity(subject, onset=day(5))
    site.assess(*level_1[dlt:-1])
    ordered = site.state().decision.action is Action.ESCALATE
    if ordered:
        site.decide()
    site.screened("S101")
    why = None if ordered else _WHY
    site.desk.enroll("S101", on=site.today, level=2, deviation=why)
    site.desk.infuse("S101", level=2, started_at=site.today, deviation=why)
    return site


def up_again_with_one_pending() -> Site:
    """BOIN, 0.30: level 2 has 2 of 3 and goes down; at level 1 one of six is pending: 0 and 1 of 6 go up."""
    site = three(attrs.evolve(OPEN, design=Boin(target=Decimal("0.3"))))
    site.on(15).assess("S001", "S002", "S003")
    site.decide()
    site.treat("S004", "S005", "S006", level=2)
    for subject in ("S004", "S005"):
        site.toxicity(subject)
    site.on(30).assess("S006")
    site.decide()
    site.treat("S007", "S008", "S009")
    site.on(45).assess("S007", "S008")
    site.decide()
    site.treat("S101", level=2)
    return site


def after_sentinel(number: int) -> Site:
    """The sentinel of day 0 is observed for 7 days, and the next is infused on a day on which the sentinel is seen."""
    site = Site(attrs.evolve(OPEN, stagger=Stagger(sentinel=Sentinel(observation_days=7))))
    site.treat("S001")
    site.on(number).admit("S002")
    site.desk.record_vital_signs("S001", [site.temperature("36.8", on=site.today)])
    deviation = None if number >= 7 else _WHY
    site.desk.infuse("S002", level=1, started_at=site.today, deviation=deviation)
    return site


def staggered(number: int) -> Site:
    site = Site(attrs.evolve(OPEN, stagger=Stagger(first_to_second_days=7)))
    site.treat("S001")
    site.on(number).admit("S002")
    why = _WHY if number < 7 else None
    site.desk.infuse("S002", level=1, started_at=day(number), deviation=why)
    return site


def infused_while_suspended(infused: int) -> Site:
    site = Site()
    site.admit("S001")
    site.on(1).desk.suspend_recruitment(on=day(1), why="a recall of the lot", infusion=True)
    site.on(4).desk.resume_recruitment(on=day(4), why="another lot came")
    site.on(5).desk.infuse("S001", level=1, started_at=day(infused))
    return site


def resumed_on(number: int) -> Site:
    site = Site()
    site.on(4).desk.suspend_recruitment(on=day(4), why="a recall of the lot")
    site.on(6).desk.resume_recruitment(on=day(6), why="another lot came")
    [resumed] = [e for e in site.trial.history().entries() if isinstance(e.fact, RecruitmentResumed)]
    site.desk.correct(resumed, on=day(number), reason=REASON)
    return site


def enrolled_after_closure(enrolled: int) -> Site:
    site = Site()
    site.screened("S001")
    site.on(3).desk.close(on=day(3), why="the target is reached")
    site.on(4).desk.enroll("S001", on=day(enrolled), deviation=_WHY)
    return site


def infused_of_target(target: int) -> Site:
    return three(attrs.evolve(OPEN, target_recruitment=target))


def infused_without_rule(target: int) -> Site:
    site = Site(attrs.evolve(OPEN, dlt=None, design=None, target_recruitment=target))
    for subject in ("S001", "S002", "S003"):
        site.screened(subject)
        site.desk.enroll(subject, on=day(0), level=1)
        site.desk.infuse(subject, level=1, started_at=day(0))
    return site


def window_over(*, assessed: bool) -> Site:
    site = Site()
    site.treat("S001")
    site.on(15)
    if assessed:
        site.assess("S001")
    site.treat("S002")  # so that the last day of the log is day 15
    return site


def not_assessed_related(*, judgement: Relatedness) -> Site:
    site = Site()
    site.treat("S001")
    site.on(15).toxicity("S001", onset=day(3), attributions=judged(judgement))
    site.assess("S001")
    return site


def event(**changes: object) -> History:
    site = Site()
    site.treat("S001")
    site.toxicity("S001", attributions=judged(Relatedness.UNRELATED))
    return rewritten(site, edited(AdverseEventReported, **changes))


def measured(analyte: str, value: str, unit: str | None = "10*9/L", *, specimen: str | None = None) -> Site:
    site = Site()
    site.treat("S001")
    site.desk.record_labs("S001", [lab(analyte, value, unit, collected_at=site.today, specimen=specimen)])
    return site


def warm(value: str) -> Site:
    site = Site()
    site.treat("S001")
    site.desk.record_vital_signs("S001", [site.temperature(value, site.today)])
    return site


def screened_before_consent(*, voided: bool) -> Site:
    site = Site()
    site.screened("S001")
    consent = next(e for e in site.trial.history().entries() if isinstance(e.fact, Consented))
    if voided:
        site.desk.void(consent, reason="signed by somebody else")
    else:
        site.on(4).desk.correct(consent, signed_on=day(3), reason=REASON)
        site.on(5).desk.enroll("S001", on=day(5))
    return site


def above_a_closed_level(number: int) -> Site:
    """Two DLTs at level 2 on day 20; somebody is infused at level 3, which was never opened."""
    site = decided()
    site.treat("S004", "S005", level=2)
    site.screened("S006")

    def treat() -> None:
        site.on(number).desk.enroll("S006", on=day(number), level=3, deviation=_WHY)
        site.desk.infuse("S006", level=3, started_at=day(number), deviation=_WHY)

    if number < 20:
        treat()
    site.on(20).toxicity("S004")
    site.toxicity("S005")
    if number >= 20:
        treat()
    return site


def second_climb(*, assessed: bool) -> Site:
    """Level 2, back to level 1 because of a late DLT there, and up again."""
    site = decided()
    site.treat("S004", level=2)
    site.on(16).toxicity("S001", onset=day(5))
    site.desk.decide_escalation(on=site.today)
    site.on(17).treat("S005", "S006", "S007")
    site.on(40)
    if assessed:
        site.assess("S005", "S006", "S007")
    site.assess("S004")
    why = None if assessed else _WHY
    site.screened("S008")
    if assessed:
        site.decide()
    site.desk.enroll("S008", on=day(40), level=2, deviation=why)
    site.desk.infuse("S008", level=2, started_at=day(40), deviation=why)
    return site


def counting_cytopenias(number: int) -> Site:
    """Nobody is evaluable before day 42 by this rule: who goes up on day 15 goes up early."""
    site = three(attrs.evolve(OPEN, dlt=DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5")))))
    site.on(15).assess("S001", "S002", "S003")
    for subject in ("S001", "S002", "S003"):
        site.desk.record_labs(subject, [lab("ANC", "0.5", "10*9/L", collected_at=day(15))])
    site.on(number)
    why = _WHY if number <= 42 else None
    if why is None:
        site.decide()
    site.screened("S004")
    site.desk.enroll("S004", on=day(number), level=2, deviation=why)
    site.desk.infuse("S004", level=2, started_at=day(number), deviation=why)
    return site


def low_count_and_nothing_after(*, day_over: bool) -> Site:
    site = three(attrs.evolve(OPEN, dlt=DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5"), beyond_day=28))))
    site.on(15).assess("S001", "S002", "S003")
    for subject, value in (("S001", "0.4"), ("S002", "0.5"), ("S003", "0.5")):
        site.desk.record_labs(subject, [lab("ANC", value, "10*9/L", collected_at=day(15))])
    number = 29 if day_over else 28
    site.on(number).desk.record_labs("S002", [lab("ANC", "0.5", "10*9/L", collected_at=day(number))])
    return site


def withdrew_on(when: str) -> Site:
    """Of February nobody asks whether the window of March was seen."""
    site = three()
    site.on(40).assess("S001", "S002", "S003")
    site.desk.withdraw("S001", on=when, scope=WithdrawalScope.FOLLOW_UP)
    return site


def onset_corrected(number: int) -> Site:
    """The event was followed up on day 6."""
    site = three()
    report = site.on(20).toxicity("S001", onset=day(5), attributions=judged(Relatedness.UNRELATED))
    site.desk.follow_up_adverse_event("S001", event="AE1", on=day(6), grade=2)
    site.desk.correct(report, onset=day(number), reason=REASON)
    site.assess("S001", "S002", "S003")
    return site


def died_and_was_infused(hour: int) -> Site:
    site = Site()
    site.admit("S001")
    site.on(1).desk.record_death("S001", on=f"{day(1)}T08:00+08:00")
    why = _WHY if hour > 8 else None
    site.on(2).desk.infuse("S001", level=1, started_at=f"{day(1)}T{hour:02}:00+08:00", deviation=why or _WHY)
    return site


def without_stop(*, edit: bool) -> History:
    site = three()
    site.on(3).toxicity("S001")
    site.toxicity("S002")
    return rewritten(site, without(EnrollmentStopped) if edit else lambda fact: fact)


def expanded_by(*, decision: bool) -> History:
    site = three()
    site.on(3).toxicity("S001")
    site.on(15).assess("S002", "S003")
    if decision:
        site.decide()
        return site.trial.history()
    forged = Draft(stream="NCT06245746/cohort/1", fact=CohortExpanded(slots=6, why=FreeText.of("more slots")))
    entries = sorted(site.trial.history().entries(), key=lambda e: e.position)
    return History.of([*(Draft(stream=e.stream, fact=e.fact) for e in entries), forged])


def recorded_after(days: int) -> Site:
    site = Site()
    site.treat("S001")
    site.on(days).toxicity("S001", onset=day(0), attributions=judged(Relatedness.UNRELATED))
    return site


def corrected_times(times: int) -> Site:
    site = Site()
    entry = site.treat("S001")
    for number in range(times):
        entry = site.desk.correct(entry, lot=f"L{number}", reason=REASON)[0]
    return site


def with_reason(text: str) -> Site:
    site = Site()
    site.desk.correct(site.treat("S001"), lot="L1", reason=text)
    return site


def clock_set(back: timedelta) -> Site:
    site = Site()
    site.treat("S001")
    site.now -= back
    site.desk.record_labs("S001", [lab("ANC", "1", "10*9/L", collected_at=day(0).isoformat())])
    return site


def clock_forward(days: int) -> Site:
    site = Site()
    site.treat("S001")
    site.on(days).assess("S001")
    return site


def filled() -> TrialProtocol:
    doses = [Dose(amount=Decimal(n), unit="ug") for n in (100, 200, 400)]
    rule = DltRule(
        min_grade=3,
        expected_with_chemotherapy=(ExpectedToxicity(term="Anemia", up_to_grade=4),),
        cytopenia=CytopeniaRule(anc_below=Decimal("0.5")),
    )
    return attrs.evolve(nct06245746(doses=doses), criteria=(), dlt=rule, stagger=Stagger(first_to_second_days=7))


def criteria(*, answered: bool) -> Site:
    protocol = nct06245746()
    site = Site(protocol)
    site.desk.consent("S001", signed_on=day(0), form_version="1", age=40)
    known, attested = answers(protocol) if answered else ((), ())
    site.desk.screen("S001", on=day(0), findings=known, attestations=attested)
    site.desk.enroll("S001", on=day(0), deviation=None if answered else _WHY)
    return site


def answers(protocol: TrialProtocol) -> tuple[Sequence[Any], Sequence[Any]]:
    return eligible(protocol, on=day(0))


def dlt_withdrawn(*, voided: bool) -> Site:
    """Two DLTs close level 1; one of them was somebody else's, which lifts that; then the third is infused."""
    site = Site()
    site.treat("S001", "S002")
    site.admit("S003")
    site.on(3).toxicity("S001")
    event = site.toxicity("S002")
    if voided:
        site.on(4).desk.void(event, reason="recorded under the wrong subject")
    site.on(5).desk.infuse("S003", level=1, started_at=day(5), deviation=None if voided else _WHY)
    return site


def opened_with(slots: int) -> Site:
    site = three()
    opened = next(e for e in site.trial.history().entries() if isinstance(e.fact, CohortOpened))
    if slots != 3:
        site.desk.correct(opened, slots=slots, reason=REASON)
    return site


def decided_for(level: int) -> History:
    """Level 2 was opened by a decision; another level's opening names the same decision."""
    drafts = [
        Draft(
            stream=e.stream.replace("cohort/2", f"cohort/{level}") if isinstance(e.fact, CohortOpened) else e.stream,
            fact=attrs.evolve(e.fact, level=level)
            if isinstance(e.fact, CohortOpened) and e.fact.level != 1
            else e.fact,
            caused_by=e.meta.caused_by,
        )
        for e in sorted(decided().trial.history().entries(), key=lambda e: e.position)
    ]
    return History.of(drafts)


def died_and_recovered(ended: int) -> Site:
    site = Site()
    site.treat("S001")
    site.toxicity("S001", attributions=judged(Relatedness.UNRELATED))
    site.on(9).desk.record_death("S001", on=day(5))
    site.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), ended=day(ended), outcome=Outcome.RECOVERED)
    return site


def died_at_grade_5(died: int) -> Site:
    site = Site()
    site.treat("S001")
    site.on(9).desk.report_adverse_event("S001", event="AE1", term="Fever", grade=5, onset=day(4))
    death = next(e for e in site.trial.history().entries() if isinstance(e.fact, Died))
    if died != 4:
        site.desk.correct(death, on=day(died), reason=REASON)
    return site


def enrolled_without_slot(*, filled: bool) -> History:
    site = Site()
    site.admit("S001")
    return rewritten(site, (lambda f: f) if filled else without(SlotFilled))


def dlt_from(onset: int) -> History:
    moved = ClinicalTime(day(onset).isoformat())
    return rewritten(with_dlt(), edited(DltAttributed, onset=moved))


def infusion_told(number: int) -> History:
    """The infusion was on day 0, and on day 1 as it was first recorded."""
    site = Site()
    site.on(1).treat("S001")
    site.desk.correct(site.infusion("S001"), started_at=day(0), reason=REASON)
    return rewritten(site, edited(MemberInfused, on=ClinicalTime(day(number).isoformat())))


def given_back(why: Release, *, lost: bool) -> History:
    """S001 was lost on day 4, with no DLT by then: not evaluable. Without the loss, nobody may give the slot back."""
    site = three()
    site.on(4).desk.lose_to_follow_up("S001", on=day(4), last_contact=day(4))
    drop = () if lost else (LostToFollowUp, MemberAssessed)
    return rewritten(site, lambda fact: None if isinstance(fact, drop) else edited(SlotReleased, why=why)(fact))


def related_death(*, suspends: bool) -> History:
    site = three()
    site.on(4).toxicity("S001", grade=5, outcome=Outcome.FATAL)
    drafts = [
        Draft(stream=e.stream, fact=e.fact, caused_by=e.meta.caused_by)
        for e in sorted(site.trial.history().entries(), key=lambda e: e.position)
        if suspends or not isinstance(e.fact, RecruitmentSuspended)
    ]
    return History.of(drafts)


def without_consent(*, voided: bool) -> Site:
    site = Site()
    [consent] = [e for e in site.desk.consent("S001", signed_on=day(0), form_version="1") if e.stream.endswith("S001")]
    results = [lab("ANC", "1", "10*9/L", collected_at=day(0).isoformat())]
    site.desk.record_labs("S001", results)
    if voided:
        site.desk.void(consent, reason="signed by somebody else")
    return site


def ends_in_the_future(ended: int) -> History:
    site = three()
    site.toxicity("S001", attributions=judged(Relatedness.UNRELATED))
    return rewritten(site, edited(AdverseEventReported, ended=ClinicalTime(day(ended).isoformat())))


CASES: list[tuple[str, Maker, Maker]] = [
    ("closed-level", lambda: dlt_withdrawn(voided=False), lambda: dlt_withdrawn(voided=True)),
    ("slots", lambda: opened_with(9), lambda: opened_with(3)),
    ("slots", lambda: decided_for(3), lambda: decided_for(2)),
    ("after-death", lambda: died_and_recovered(6), lambda: died_and_recovered(5)),
    ("death-dates", lambda: died_at_grade_5(8), lambda: died_at_grade_5(4)),
    ("reconciliation", lambda: enrolled_without_slot(filled=False), lambda: enrolled_without_slot(filled=True)),
    ("reconciliation", lambda: dlt_from(1), lambda: dlt_from(3)),
    ("reconciliation", lambda: infusion_told(2), lambda: infusion_told(1)),
    (
        "slots",
        lambda: given_back(Release.NOT_EVALUABLE, lost=False),
        lambda: given_back(Release.NOT_EVALUABLE, lost=True),
    ),
    ("slots", lambda: given_back(Release.REASSIGNED, lost=True), lambda: given_back(Release.NOT_EVALUABLE, lost=True)),
    ("suspension", lambda: resumed_on(3), lambda: resumed_on(4)),
    ("suspension", lambda: related_death(suspends=False), lambda: related_death(suspends=True)),
    ("consent", lambda: without_consent(voided=True), lambda: without_consent(voided=False)),
    (
        "reconciliation",
        lambda: rewritten(with_dlt(), without(DltAttributed)),
        lambda: rewritten(with_dlt(), lambda f: f),
    ),
    (
        "decision",
        lambda: rewritten(decided(), edited(EscalationDecided, decided=Decision.escalate(to=3))),
        decided,
    ),
    ("recommended-dose", lambda: recommended(2), lambda: recommended(1)),
    ("overtaken", lambda: decided_on_late_event(onset=14), lambda: decided_on_late_event(onset=15)),
    ("consent", lambda: consent_on(1), lambda: consent_on(0)),
    ("consent", lambda: rewritten(three(), without(Consented)), lambda: rewritten(three(), lambda f: f)),
    ("consent", lambda: screened_before_consent(voided=True), lambda: consent_on(0)),
    ("consent", lambda: screened_before_consent(voided=False), lambda: consent_on(0)),
    ("closed-level", lambda: above_a_closed_level(21), lambda: above_a_closed_level(19)),
    ("sequence", lambda: second_climb(assessed=False), lambda: second_climb(assessed=True)),
    ("sequence", lambda: counting_cytopenias(42), lambda: counting_cytopenias(43)),
    ("after-death", lambda: died_and_was_infused(11), lambda: died_and_was_infused(7)),
    ("reconciliation", lambda: without_stop(edit=True), lambda: without_stop(edit=False)),
    ("slots", lambda: expanded_by(decision=False), lambda: expanded_by(decision=True)),
    ("recruitment", lambda: infused_without_rule(2), lambda: infused_without_rule(3)),
    ("criteria", lambda: criteria(answered=False), lambda: criteria(answered=True)),
    ("before-enrollment", lambda: infused_on(2, 1), lambda: infused_on(2, 3)),
    ("level", lambda: infused_at(2), lambda: infused_at(1)),
    ("level", lambda: infused_with("111"), lambda: infused_with("110")),
    ("dose-redefined", lambda: registered_again("101"), lambda: registered_again("100")),
    ("twice", lambda: infused_twice(1), lambda: infused_twice(2)),
    ("after-leaving", lambda: infused_and_withdrew(6, 5), lambda: infused_and_withdrew(4, 5)),
    ("after-death", lambda: died_and_observed(5, 6), lambda: died_and_observed(5, 5)),
    ("death-dates", lambda: died_of_event(6), lambda: died_of_event(5)),
    ("deviation", lambda: infused_twice(1), lambda: infused_twice(2)),
    ("slots", lambda: enrolled_beyond(4), lambda: enrolled_beyond(3)),
    ("closed-level", lambda: infused_after_closing(4), lambda: infused_after_closing(2)),
    ("sequence", lambda: first_at_level_2(13), lambda: first_at_level_2(15)),
    ("stagger", lambda: staggered(6), lambda: staggered(7)),
    ("sentinel", lambda: after_sentinel(6), lambda: after_sentinel(7)),
    ("suspension", lambda: infused_while_suspended(3), lambda: infused_while_suspended(5)),
    ("suspension", lambda: enrolled_after_closure(4), lambda: enrolled_after_closure(3)),
    ("recruitment", lambda: infused_of_target(2), lambda: infused_of_target(3)),
    ("window", lambda: window_over(assessed=False), lambda: window_over(assessed=True)),
    ("window", lambda: low_count_and_nothing_after(day_over=True), lambda: low_count_and_nothing_after(day_over=False)),
    ("window", lambda: withdrew_on("2026-03"), lambda: withdrew_on("2026-02")),
    ("follow-up-order", lambda: onset_corrected(7), lambda: onset_corrected(6)),
    (
        "window",
        lambda: not_assessed_related(judgement=Relatedness.NOT_ASSESSED),
        lambda: not_assessed_related(judgement=Relatedness.UNRELATED),
    ),
    (
        "serious-criterion",
        lambda: event(seriousness=(Seriousness.HOSPITALIZATION,)),
        lambda: event(seriousness=(Seriousness.HOSPITALIZATION,), serious=True),
    ),
    (
        "fatal-not-serious",
        lambda: event(outcome=Outcome.FATAL),
        lambda: event(outcome=Outcome.FATAL, serious=True, seriousness=(Seriousness.DEATH,)),
    ),
    (
        "serious-without-criterion",
        lambda: event(serious=True, grade_mapped=True),
        lambda: event(serious=True, grade_mapped=True, seriousness=(Seriousness.DISABILITY,)),
    ),
    (
        "ended-not-recovered",
        lambda: event(ended=ClinicalTime("2026-03-04"), outcome=Outcome.NOT_RECOVERED),
        lambda: event(ended=ClinicalTime("2026-03-04"), outcome=Outcome.RECOVERED),
    ),
    (
        "end-unknown",
        lambda: event(outcome=Outcome.RECOVERED),
        lambda: event(outcome=Outcome.RECOVERED, ended=ClinicalTime("2026-03-04")),
    ),
    ("unchecked-term", lambda: event(term="Feverr", ctcae_code=None), lambda: event(term="fever")),
    ("body-size", lambda: infused_by_weight(None), lambda: infused_by_weight("70")),
    (
        "scale-without-table",
        lambda: event(scale=Scale(name="ASTCT", version="2019"), ctcae_code=None),
        lambda: event(term="fever"),
    ),
    ("improbable-value", lambda: measured("ANC", "400"), lambda: measured("ANC", "40")),
    ("improbable-value", lambda: warm("43.5"), lambda: warm("42.5")),
    ("improbable-value", lambda: sized(body_weight_kg="301"), lambda: sized(body_weight_kg="300")),
    ("improbable-value", lambda: sized(bsa_m2="4.6"), lambda: sized(bsa_m2="4.5")),
    ("unread-result", lambda: measured("Neutrophilz", "4"), lambda: measured("Neutrophils", "4")),
    ("unread-result", lambda: measured("Alanin", "4"), lambda: measured("ALT", "4")),
    ("unread-result", lambda: measured("ANC", "0.4", "kg"), lambda: measured("ANC", "0.4", "10*3/uL")),
    ("unread-result", lambda: measured("ANC", "0.4", None), lambda: measured("ALT", "0.4", None)),
    ("unread-result", lambda: measured("Hemoglobin", "9", "10*9/L"), lambda: measured("Hemoglobin", "9", "g/dL")),
    (
        "unread-result",
        lambda: measured("ANC", "4", specimen="BLOD"),
        lambda: measured("ANC", "4", specimen="CEREBROSPINAL FLUID"),
    ),
    ("clock", lambda: clock_set(timedelta(hours=1)), lambda: clock_set(timedelta(0))),
    ("clock", lambda: clock_forward(365), lambda: clock_forward(20)),
    ("late-entry", lambda: recorded_after(31), lambda: recorded_after(30)),
    ("many-changes", lambda: corrected_times(10), lambda: corrected_times(9)),
    ("identity", lambda: with_reason("told by telephone: 138 0013 8000"), lambda: with_reason("told by the ward")),
    ("silence", lambda: Site(OPEN), lambda: Site(filled())),
    ("decision-table", lambda: bolder(2), lambda: bolder(1)),
]


@pytest.mark.parametrize(("first", "second"), [(1, 2), (1, "1a"), ("B", "A"), (2, "1a")])
def test_a_recommended_level_above_the_mtd_is_found_by_its_place(first: Label, second: Label) -> None:
    told = [one.sentence for one in found_in(recommended_above_the_mtd(first, second), "recommended-dose")]
    assert told == [
        f"level {second} was recommended for phase II on 2026-04-01, and is closed",
        f"level {second} was recommended for phase II on 2026-04-01, and the MTD was declared as level {first}",
    ]


def bolder(most: int) -> Site:
    """BOIN with a stored table that escalates with up to some DLTs in 6."""
    made = Boin(target=Decimal("0.3"), max_n=9)
    escalate = tuple(most if n == 6 else limit for n, limit in enumerate(made.bounds.escalate, start=1))
    return Site(attrs.evolve(OPEN, design=attrs.evolve(made, table=attrs.evolve(made.bounds, escalate=escalate))))


class TestChecks:
    @pytest.mark.shows("AT-28")
    @pytest.mark.parametrize(("check", "fires", "twin"), CASES, ids=[case[0] for case in CASES])
    def test_a_check_finds_what_it_is_for_and_nothing_in_a_twin(self, check: str, fires: Maker, twin: Maker) -> None:
        found = found_in(fires(), check)
        assert found
        assert all(one.sentence and one.requirement and one.evidence for one in found)
        assert found_in(twin(), check) == []

    def test_every_check_of_the_library_is_run(self) -> None:
        modules = {f"trialdomain.checks.{module.name}" for module in iter_modules(trialdomain.checks.__path__)}
        for name in modules:
            import_module(name)

        def below(check: type[Check]) -> Iterator[type[Check]]:
            for one in check.__subclasses__():
                yield from ([one] if one.__module__ in modules and "id" in vars(one) else [])
                yield from below(one)

        assert set(below(Check)) == set(CHECKS)

    def test_every_check_has_its_case(self) -> None:
        assert {case[0] for case in CASES} == {check.id for check in CHECKS}
        assert len({check.id for check in CHECKS}) == len(CHECKS)

    @pytest.mark.parametrize("seed", seeds())
    @pytest.mark.soak
    def test_a_simulated_trial_that_keeps_every_rule_has_nothing_but_silences(
        self, seed: int, simulated: Callable[[int], SimulatedLog]
    ) -> None:
        with simulated(seed).history() as history:
            found = findings(history, now=datetime(2040, 1, 1, tzinfo=UTC))
        # Nausea, fatigue and the like are made up as well: terms that the table of this library does not have.
        usual = {"silence", "recruitment", "late-entry", "window", "clock", "unchecked-term"}
        assert {one.check for one in found.found} <= usual

    def test_every_kind_of_fact_can_be_looked_at(self) -> None:
        """Each example of the catalogue of facts, in a log of its own: checks find something or nothing, and go on."""
        for name, row in ROWS.items():
            stream = _STREAMS[name.partition(".")[0]]
            first = Draft(stream="NCT06245746", fact=TrialRegistered(protocol=OPEN))
            history = History.of([first, Draft(stream=stream, fact=row.example)])
            found = findings(history, on=day(60), now=datetime(2030, 1, 1, tzinfo=UTC)).found
            assert all(isinstance(one, AuditFinding) for one in found), name

    def test_a_deviation_stays_one_when_something_else_of_the_entry_is_corrected(self) -> None:
        site = infused_twice(1)
        second = [e for e in site.trial.history().entries() if isinstance(e.fact, Infused)][-1]
        corrected = site.desk.correct(second, lot="L2", reason=REASON)[0]
        [found] = found_in(site, "deviation")
        assert (found.sentence, found.evidence) == (_WHY, (corrected.position,))

    def test_an_infusion_before_the_enrollment_is_not_one_too_many(self) -> None:
        site = infused_on(2, 1)
        assert found_in(site, "before-enrollment")
        assert found_in(site, "twice") == []

    def test_a_consent_of_a_later_day_is_late_and_not_missing(self) -> None:
        site = consent_on(3)
        found = findings(site.trial.history(), on=day(2), now=site.now + timedelta(days=1)).found
        [late] = [one for one in found if one.check == "consent"]
        assert "signed on 2026-03-05, after" in late.sentence

    @pytest.mark.parametrize("since", ["stands", "was corrected to wait"])
    def test_more_slots_than_the_design_gives_are_found_whatever_became_of_the_decision(self, since: str) -> None:
        """3+3 gives 6 where 1 of 3 had a DLT; 9 were opened for the decision."""
        site = three()
        site.on(3).toxicity("S001")
        site.on(15).assess("S002", "S003")
        site.decide()
        if since == "was corrected to wait":
            decision = next(e for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided))
            site.desk.correct(decision, decided=Decision.wait(level=1), rationale="to be safe", reason=REASON)
        drafts = [
            Draft(
                stream=entry.stream,
                fact=attrs.evolve(entry.fact, slots=9) if isinstance(entry.fact, CohortExpanded) else entry.fact,
                corrects=entry.meta.corrects,
                caused_by=entry.meta.caused_by,
            )
            for entry in sorted(site.trial.history().entries(), key=lambda e: e.position)
        ]
        told = [one.sentence for one in found_in(History.of(drafts), "slots")]
        assert told == ["level 1 was given 9 slots, and the design gives 6"]

    def test_slots_of_a_level_whose_opening_was_corrected_are_still_given_by_the_decision(self) -> None:
        site = decided()
        opened = [e for e in site.trial.history().entries() if isinstance(e.fact, CohortOpened)][-1]
        site.desk.correct(opened, dose=Dose(amount=Decimal(5), unit="ug"), reason=REASON)
        assert found_in(site, "slots") == []
        decision = next(e for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided))
        site.desk.void(decision, reason="not the decision of the committee")
        cohort = site.trial.history().casebook(on=site.today).cohorts[2]
        assert [type(e.fact).__name__ for e in cohort] == []

    def test_a_day_in_the_future_is_found_wherever_a_fact_has_it(self) -> None:
        late = found_in(ends_in_the_future(40), "clock")
        assert any("before it happened: 2026-04-11" in one.sentence for one in late)
        assert not any("before it happened" in one.sentence for one in found_in(three(), "clock"))

    def test_evidence_is_of_the_entries_behind_it(self) -> None:
        site = infused_while_suspended(3)
        [found] = found_in(site, "suspension")
        entries = {e.position: type(e.fact).__name__ for e in site.trial.history().entries()}
        assert [entries[position] for position in found.evidence] == ["RecruitmentSuspended", "Infused"]
        assert (found.subject, found.severity) == ("S001", Severity.CRITICAL)
        assert found.sentence == "S001 was infused on 2026-03-05, and infusion was suspended since 2026-03-03"

    def test_a_text_that_may_name_somebody_is_not_handed_on(self) -> None:
        [found] = found_in(with_reason("told by telephone: 138 0013 8000"), "identity")
        assert "138" not in found.sentence
        assert "looks as if it held a telephone number" in found.sentence

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("11010519491231002X", "a resident identity number"),  # the example of GB 11643-1999
            (
                "".join(chr(ord(one) + 0xFEE0) for one in "11010519491231002X"),
                "a resident identity number",
            ),  # full width
            ("+86-13800138000", "a telephone number"),
            ("010-62345678", "a telephone number"),
            ("(027)85726114", "a telephone number"),
            ("02785726114", "a telephone number"),
            ("212 555 1234", "a telephone number"),
            ("138\u200b0013\u200b8000", "a telephone number"),
            ("110105 19491231 002X", "a resident identity number"),
            ("(212) 555-0123", "a telephone number"),
            ("+44 20 7946 0018", "a telephone number"),
            ("078-05-1120", "a social security number"),
            ("mail li.wei@example.org", "an e-mail address"),
        ],
    )
    def test_what_looks_like_an_identity(self, text: str, what: str) -> None:
        assert list(looks_like(text)) == [what]

    @pytest.mark.parametrize(
        "text",
        [
            "source document 12 of 2026-03-02T10:15+08:00",
            "110105194912310021 is a batch: the check digit is wrong",
            "1200 mL, then 3-4-5, platelets 150000000000",
            "version 1.2.3-4567",
            "transcription: laboratory slip 88",
        ],
    )
    def test_what_does_not(self, text: str) -> None:
        assert list(looks_like(text)) == []


class TestClock:
    @pytest.mark.shows("AT-27", "K-24")
    def test_a_clock_set_back_an_hour_keeps_the_order_and_is_found(self) -> None:
        site = clock_set(timedelta(hours=1))
        entries = sorted(site.trial.history().entries(), key=lambda e: e.position)
        times = [e.meta.recorded_at for e in entries]
        assert times == sorted(times)
        [found] = found_in(site, "clock")
        assert found.sentence.startswith("2 commands were recorded at the very same time")
        assert found.evidence == (entries[-2].position, entries[-1].position)

    @pytest.mark.shows("AT-27", "K-24")
    def test_a_clock_a_year_ahead_is_found_at_once_and_after_it_is_set_right(self) -> None:
        site = Site()
        site.treat("S001")
        right, before = site.now, site.trial.history().position
        site.now += timedelta(days=365)
        site.toxicity("S001", onset=day(1))
        last, at = site.trial.history().position, site.now.isoformat()  # the clock was asked for the last time then
        assert [one.sentence for one in found_in(site, "clock", now=right)] == [
            f"{last - before} entries were recorded later than now, the last at {at}",
            f"nothing was recorded for 365 days before position {before + 1}, or the clock jumped forward",
        ]
        site.now = right
        site.toxicity("S001", "AE2", onset=day(0))
        _, still = (one.sentence for one in found_in(site, "clock", now=right + timedelta(days=400)))
        assert still == f"2 commands were recorded at the very same time, {at}: the clock went back, or stood still"

    @pytest.mark.shows("K-24")
    def test_an_hour_that_comes_twice_is_nothing_to_a_clock_in_utc(self) -> None:
        site = Site(attrs.evolve(OPEN, zone="Europe/Berlin"))
        site.treat("S001")
        site.now = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time
        site.desk.assess_dlt_window("S001", on=day(15))
        site.now = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 once more
        site.toxicity("S001", onset="2026-10-25")
        limits = Limits(silent_days=400)
        found = findings(site.trial.history(), now=site.now + timedelta(days=1), limits=limits).found
        assert [one for one in found if one.check == "clock"] == []

    def test_times_that_go_back_in_a_log_of_other_means(self) -> None:
        site = three()
        history = site.trial.history()
        entries = sorted(history.entries(), key=lambda e: e.position)
        moved = [
            attrs.evolve(e, meta=attrs.evolve(e.meta, recorded_at=e.meta.recorded_at - timedelta(days=1)))
            if e is entries[-1]
            else e
            for e in entries
        ]
        streams = sorted({e.stream for e in moved})
        told = attrs.evolve(
            history,
            streams=lambda leave_out=(): (
                (stream, [e for e in moved if e.stream == stream and type(e.fact) not in leave_out])
                for stream in streams
            ),
        )
        found = [one.sentence for one in findings(told, now=site.now).found if one.check == "clock"]
        assert any(one.startswith(f"position {entries[-1].position} was recorded at") for one in found)


class TestPilot:
    def test_the_seriousness_of_cdiscpilot01(self, imported_pilot: Imported) -> None:
        """As counted in the CSV files: AESER against its criteria, AEOUT and AEENDTC.

        36 lines have a criterion and AESER = N; of 31 events. Each of the 250 lines that have an end and are not
        recovered is followed by another line of its event: none of the events has ended.
        """
        with read_log(imported_pilot.log) as log:
            found = findings(log["CDISCPILOT01"].history()).found
        told = [one.check for one in found]
        assert told.count("serious-criterion") == 31
        assert told.count("fatal-not-serious") == 3
        assert told.count("ended-not-recovered") == 0


class TestNoFalseAlarms:
    """What keeps the rules, or is not known to break them."""

    def critical(self, site: Site) -> list[str]:
        found = findings(site.trial.history(), now=site.now + timedelta(days=1), least=Severity.MAJOR).found
        return [one.check for one in found]

    def test_partial_dates_that_allow_it(self) -> None:
        site = Site()
        site.on(10).screened("S001")
        site.desk.enroll("S001", on="2026-03")
        site.on(11).desk.infuse("S001", level=1, started_at=day(11))
        site.on(12).desk.withdraw("S001", on="2026-03", scope=WithdrawalScope.TREATMENT)
        assert self.critical(site) == []

    def test_a_new_consent_judges_nothing_that_was_done_before(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(3).desk.amend(
            attrs.evolve(nct06245746(), version="2"), effective_on=day(3), summary="every criterion is asked"
        )
        site.desk.consent("S001", signed_on=day(3), form_version="2")
        assert self.critical(site) == []

    def test_an_event_reported_after_an_assessed_window_is_no_early_escalation(self) -> None:
        site = decided()
        site.treat("S004", level=2)
        site.on(20).toxicity("S001", onset=day(10), attributions=())
        assert "sequence" not in self.critical(site)

    @pytest.mark.parametrize(
        "made",
        [
            lambda: up_with_one_pending(RollingSix()),  # Frankel 2020, Table 2: (6, 0, 1) escalates
            up_again_with_one_pending,
        ],
    )
    def test_an_escalation_that_the_design_ordered_is_none_too_early(self, made: Callable[[], Site]) -> None:
        site = made()
        assert site.member("S101").level == 2
        assert found_in(site, "sequence") == []

    @pytest.mark.parametrize(
        ("design", "people", "dlt"),
        [
            (RollingSix(), 6, 1),  # (6, 1, 1) holds
            (Boin(target=Decimal("0.3")), 3, 0),  # 0 of 3 escalate, 1 of 3 stays
        ],
    )
    def test_one_that_the_design_did_not_order_is_found(self, design: DesignSpec, people: int, dlt: int) -> None:
        site = up_with_one_pending(design, people=people, dlt=dlt)
        site.on(40).assess(f"S{people:03}")  # what becomes known later changes nothing
        (one,) = found_in(site, "sequence")
        assert one.subject == "S101"
        assert f"the outcome of S{people:03} at level 1 was not known" in one.sentence

    def test_times_of_other_zones(self) -> None:
        site = Site()
        site.on(1).desk.consent("S001", signed_on=f"{day(0)}T20:00Z", form_version="1")
        site.desk.screen("S001", on=f"{day(0)}T20:30Z")
        site.desk.enroll("S001", on=f"{day(0)}T21:00Z")
        assert self.critical(site) == []

    def test_a_dose_of_no_level_gives_the_slot_back(self) -> None:
        site = infused_with("150")
        assert [e.fact.why for e in site.trial.history().entries() if isinstance(e.fact, SlotReleased)] == [
            Release.NOT_EVALUABLE
        ]
        assert found_in(site, "slots") == []

    @pytest.mark.parametrize("number", [0, 5])
    def test_a_day_that_is_asked_about_is_no_difference_between_cohorts_and_participants(self, number: int) -> None:
        site = three()
        site.on(10).toxicity("S001")
        found = findings(site.trial.history(), on=day(number), now=site.now).found
        assert [one for one in found if one.check == "reconciliation"] == []

    def test_two_who_record_at_once(self) -> None:
        site = three()
        history = site.trial.history()
        entries = sorted(history.entries(), key=lambda e: e.position)
        last = attrs.evolve(entries[-1].meta, recorded_at=entries[-1].meta.recorded_at - timedelta(seconds=3))
        moved = [*entries[:-1], attrs.evolve(entries[-1], meta=last)]
        streams = {e.stream: [one for one in moved if one.stream == e.stream] for e in moved}
        told = attrs.evolve(history, streams=lambda leave_out=(): sorted(streams.items()))  # noqa: ARG005 - none here
        assert [one for one in findings(told, now=site.now).found if one.check == "clock"] == []


class Unblinded(Check):
    """A check of somebody's own: a regimen that names the study drug."""

    id = "unblinded"
    title = "a lot that names the arm"
    requirement = "our procedure 12"

    def __init__(self, audited: Any) -> None:  # noqa: ANN401 - as any check is given it
        super().__init__(audited)
        self.seen = 0

    @override
    def entry(self, entry: Entry) -> Iterable[AuditFinding]:
        self.seen += 1
        if isinstance(entry.fact, TrialRegistered):
            yield self.found("the registration", evidence=[entry.position])

    @override
    def case(self, case: AuditedCase) -> Iterable[AuditFinding]:
        if case.member is not None:
            yield self.found(case.member.subject, subject=case.case.subject, severity=Severity.NOTE)

    @override
    def end(self, counts: DltCounts) -> Iterable[AuditFinding]:
        yield self.found(f"{self.seen} entries, {counts.tallies[0].treated} treated, as of {self.audited.on}")


class TestOwnChecks:
    def test_a_check_sees_entries_participants_and_the_end(self) -> None:
        site = three()
        found = findings(site.trial.history(), checks=[Unblinded]).found
        position = site.trial.history().position
        assert [(one.severity, one.sentence, one.subject) for one in found] == [
            (Severity.MAJOR, f"{position} entries, 3 treated, as of 2026-03-02", None),
            (Severity.MAJOR, "the registration", None),
            *((Severity.NOTE, subject, subject) for subject in ("S001", "S002", "S003")),
        ]

    def test_the_least_severity_that_counts(self) -> None:
        found = findings(three().trial.history(), checks=[Unblinded], least=Severity.MAJOR)
        assert len(found.found) == 2
        assert isinstance(found, Findings)

    @pytest.mark.parametrize("method", ["entry", "case", "end", "__init__"])
    def test_one_that_fails_is_named(self, method: str) -> None:
        def fail(*_: object) -> None:
            raise KeyError("dose")

        broken = type("Broken", (Unblinded,), {method: fail, "id": "broken"})
        with pytest.raises(
            CheckUnusable, match="check broken failed: KeyError: 'dose'; fix the check, or leave it out"
        ):
            findings(three().trial.history(), checks=[broken])

    @pytest.mark.parametrize("given", ["a sentence", {"check": "mine"}])
    def test_what_is_no_finding_is_refused(self, given: object) -> None:
        wrong = type("Wrong", (Unblinded,), {"end": lambda *_: [given], "id": "wrong"})
        with pytest.raises(CheckUnusable, match="is not a finding: make it with self"):
            findings(three().trial.history(), checks=[wrong])

    def test_one_check_twice_is_one_and_two_of_one_id_are_refused(self) -> None:
        history = three().trial.history()
        assert findings(history, checks=[Unblinded, Unblinded]) == findings(history, checks=[Unblinded])
        other = type("Other", (Unblinded,), {})
        with pytest.raises(CheckUnusable, match="two checks have the id 'unblinded'"):
            findings(history, checks=[Unblinded, other])
        with pytest.raises(CheckUnusable, match="'consent' is not a check"):
            findings(history, checks=["consent"])  # type: ignore[list-item]  # as somebody might

    @pytest.mark.parametrize(
        ("made", "words"),
        [
            (lambda check: check.found(5), "whose sentence is '5'"),
            (lambda check: check.found("x", evidence=[Decimal(1)]), "whose evidence is"),
            (lambda check: check.found("x", subject=5), "whose subject is '5'"),
            (lambda check: check.found("x", severity="major"), "whose severity is 'major'"),
            (lambda check: attrs.evolve(check.found("x"), check="other"), "whose check is 'other': give 'mine'"),
            (lambda check: check.found("x", evidence=[1, "12"]), "failed: TypeError"),
        ],
    )
    @pytest.mark.parametrize("method", ["entry", "case", "end"])
    def test_a_finding_that_is_none_is_refused_with_a_sentence(
        self, made: Callable[[Check], AuditFinding], words: str, method: str
    ) -> None:
        names = {"id": "mine", "title": "mine", "requirement": "mine", method: lambda self, _: [made(self)]}
        with pytest.raises(CheckUnusable, match=words):
            findings(three().trial.history(), checks=[type("Mine", (Check,), names)])

    def test_a_severity_that_is_none_is_refused(self) -> None:
        names = {"id": "mine", "title": "mine", "requirement": "mine", "severity": "major"}
        with pytest.raises(CheckUnusable, match="'Mine' has an invalid severity"):
            findings(three().trial.history(), checks=[type("Mine", (Check,), names)])

    def test_a_file_may_have_dataclasses(self, tmp_path: Path) -> None:
        file = tmp_path / "classes.py"
        file.write_text(
            "from dataclasses import dataclass\n"
            "from trialdomain import Check\n"
            "@dataclass\n"
            "class Limit:\n"
            "    most: 'int'\n"
            "class Mine(Check):\n"
            "    id, title, requirement = 'mine', 'mine', 'mine'\n"
            "CHECKS = [Mine]\n"
        )
        assert [check.id for check in read_checks(file)] == ["mine"]

    def test_they_are_read_from_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "mine.py"
        file.write_text(
            "from trialdomain import Check\n"
            "class Mine(Check):\n"
            "    id, title, requirement = 'mine', 'something of mine', 'procedure 3'\n"
            "    def end(self, counts):\n"
            "        yield self.found('it is so')\n"
            "CHECKS = [Mine]\n"
        )
        [mine] = read_checks(file)
        assert [one.sentence for one in findings(three().trial.history(), checks=[mine]).found] == ["it is so"]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (None, "is not a Python file"),
            ("1 / 0", "failed: ZeroDivisionError: division by zero; fix the file"),
            ("def (", "failed: SyntaxError"),
            ("", "has no list CHECKS"),
            ("CHECKS = [int]", "in CHECKS is not a check"),
            ("from trialdomain import Check\nCHECKS = [Check]", "lacks id, title, requirement"),
        ],
    )
    def test_a_file_that_is_none(self, tmp_path: Path, text: str | None, words: str) -> None:
        file = tmp_path / "mine.py"
        if text is not None:
            file.write_text(text)
        with pytest.raises(CheckUnusable, match=words):
            read_checks(file)


def test_a_related_event_is_judged_in_the_window() -> None:
    site = Site()
    site.treat("S001")
    site.on(15).toxicity("S001", onset=day(3), attributions=RELATED)
    assert found_in(site, "window") == []


class TestWhatNothingReads:
    def test_42_results_under_a_name_with_a_slip_are_one_finding_with_the_nearest_name(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(50).desk.record_labs(
            "S001", [lab("Neutrophilz", "1", "10*9/L", collected_at=day(number)) for number in range(42)]
        )
        (one,) = [found for found in findings(site.trial.history()).found if found.check == "unread-result"]
        assert "42 results under 'Neutrophilz'" in one.sentence
        assert "'Neutrophil'" in one.sentence
        assert (len(one.evidence), one.subject, one.severity) == (42, "S001", Severity.MINOR)

    def test_a_term_with_a_slip_names_the_nearest(self) -> None:
        (one,) = found_in(event(term="Feverr", ctcae_code=None), "unchecked-term")
        assert "the nearest: Fever" in one.sentence
        assert one.severity is Severity.MINOR


class TestAnAssessmentThatDoesNotCount:
    """The window of an infusion on day 0 ends on day 14, and an assessment must cover that day."""

    @staticmethod
    def found(site: Site) -> str:
        site.on(20).screened("S002")
        (one,) = found_in(site, "window")
        member = site.member("S001")
        assert member.standing.evaluation is Evaluation.PENDING
        assert member.aside is not None
        assert member.aside.position in one.evidence
        return one.sentence

    @pytest.mark.parametrize("number", [1, 13])
    def test_one_before_the_last_day_is_named_with_its_day(self, number: int) -> None:
        site = Site()
        site.treat("S001")
        site.on(number).assess("S001")
        assert self.found(site) == (
            f"the window of S001 ended on {day(14)}: the window is over and not assessed; "
            f"the assessment of {day(number)} does not cover {day(14)}, the last day of the window"
        )

    def test_one_of_a_month_may_have_come_before_it(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(16).desk.assess_dlt_window("S001", on="2026-03")
        assert "the assessment of 2026-03 is not known to cover 2026-03-16" in self.found(site)

    def test_while_the_window_is_open_it_is_named_as_well(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(5).assess("S001")
        assert site.member("S001").why == (
            f"the window is not over; the assessment of {day(5)} does not cover {day(14)}, the last day of the window"
        )

    def test_one_that_covers_the_last_day_counts_and_nothing_is_said(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(5).assess("S001")
        site.on(14).assess("S001")
        site.on(20).screened("S002")
        member = site.member("S001")
        assert (member.standing.evaluation, member.aside) == (Evaluation.EVALUABLE, None)
        assert found_in(site, "window") == []

    def test_without_one_nothing_is_named(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(20).screened("S002")
        (one,) = found_in(site, "window")
        assert one.sentence == f"the window of S001 ended on {day(14)}: the window is over and not assessed"

    def test_not_evaluable_without_a_departure_is_named(self) -> None:
        site = Site()
        site.treat("S001")
        site.on(15).desk.assess_dlt_window("S001", on=day(15), result=WindowResult.NOT_EVALUABLE, why="moved away")
        assert f"the assessment of {day(15)} says not evaluable" in self.found(site)
