"""Reasons from outside the design: DLTs at an amount of no level, and days between infusions; their recording."""

from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, REASON, Site, day

from trialdomain import Dose, Draft, History, nct06245746
from trialdomain.designs.three_plus_three.reasons import Code
from trialdomain.events.cohort import EscalationDecided
from trialdomain.projections.escalation import LimitCode
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.values.clinical.decision import Action, Awaited, Because, Mtd

DOSES = [Dose(amount=Decimal(amount), unit="mg") for amount in (10, 20, 40)]


def amiss(*subjects: str, evaluable: int = 3, levels: int = 3) -> Site:
    """Three people without a DLT at level 1; others had one at an amount that is of no level."""
    protocol = nct06245746(doses=DOSES)
    site = Site(attrs.evolve(protocol, criteria=(), levels=protocol.levels[:levels]))
    whole = [f"S{number:03}" for number in range(1, evaluable + 1)]
    for subject in (*subjects, *whole):
        site.admit(subject)
        site.desk.infuse(subject, level=1, started_at=site.today, dose=DOSES[0])
        if subject in subjects:
            site.desk.correct(site.infusion(subject), dose=attrs.evolve(DOSES[0], amount=Decimal(15)), reason=REASON)
            site.toxicity(subject, onset=site.today)
        if subject == "S003" and evaluable > 3:
            site.on(14).assess("S001", "S002", "S003")
            site.decide()
    site.on(30).assess(*whole)
    return site


@pytest.mark.parametrize(
    ("subjects", "text"),
    [
        (
            ["S101"],
            "a DLT at an amount that belongs to no level (S101): escalation waits until a decision names it",
        ),
        (
            ["S101", "S102"],
            ("2 DLTs at amounts that belong to no level (S101, S102): escalation waits until a decision names them"),
        ),
    ],
)
def test_escalation_waits_for_a_decision_that_names_dlts_of_no_level(subjects: list[str], text: str) -> None:
    decision = amiss(*subjects).state().decision
    assert (decision.action, decision.level) == (Action.WAIT, 2)
    assert decision.because == Because(code=LimitCode.UNASSIGNED_DLT, text=text)


def test_so_does_an_mtd() -> None:
    site = amiss("S101", evaluable=3, levels=1)
    site.decide()  # 3 more slots, and S101 is named
    for subject in ("S004", "S005", "S006"):
        site.admit(subject)
        site.desk.infuse(subject, level=1, started_at=site.today, dose=DOSES[0])
    site.desk.correct(site.infusion("S006"), dose=attrs.evolve(DOSES[0], amount=Decimal(15)), reason=REASON)
    site.toxicity("S006", onset=site.today)
    site.admit("S007")
    site.desk.infuse("S007", level=1, started_at=site.today, dose=DOSES[0])
    site.on(60).assess("S004", "S005", "S007")
    decision = site.state().decision
    assert (decision.action, decision.level, decision.mtd) == (Action.WAIT, 1, Mtd())
    assert decision.because == Because(
        code=LimitCode.UNASSIGNED_DLT,
        text="a DLT at an amount that belongs to no level (S006): the MTD waits until a decision names it",
    )


def test_the_days_between_infusions_name_the_level_and_the_day() -> None:
    site = Site(attrs.evolve(OPEN, stagger=Stagger(first_to_second_days=7)))
    site.treat("S001")
    decision = site.on(6).state().decision
    assert decision.because == Because(
        code=LimitCode.STAGGERED,
        text="the next infusion at level 1 is not before 2026-03-09: wait until then",  # 2 March and 7 days
    )
    assert decision.waiting_for == (Awaited(level=1, subject="S001", until=day(7)),)


class TestTheRecord:
    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.treat("S001", "S002", "S003")
        site.on(15).assess("S001", "S002", "S003")
        site.decide()
        return site

    def test_the_reason_is_stored_with_the_decision(self, site: Site) -> None:
        [decided] = [e.fact for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided)]
        assert decided.recommended.because == Because(
            code=Code.LEVEL_TOLERATED, text="level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody yet"
        )

    def test_an_escalation_with_the_reason_of_an_older_log_is_read_and_rests_on_the_same(self, site: Site) -> None:
        older = Because(
            code=Code.COHORT_INCOMPLETE, text="level 2 has 0 DLTs in 0 evaluable: it needs at least 3 evaluable"
        )
        drafts = [
            Draft(stream=e.stream, fact=_with(e.fact, older), caused_by=e.meta.caused_by)
            for e in sorted(site.trial.history().entries(), key=lambda e: e.position)
        ]
        history = History.of(drafts)  # every fact goes through its stored form
        [audit] = history.decisions()
        assert audit.ok
        assert isinstance(audit.entry.fact, EscalationDecided)
        assert audit.entry.fact.recommended.because == older


def _with(fact: object, because: Because) -> object:
    if not isinstance(fact, EscalationDecided):
        return fact
    return attrs.evolve(
        fact,
        decided=attrs.evolve(fact.decided, because=because),
        recommended=attrs.evolve(fact.recommended, because=because),
    )
