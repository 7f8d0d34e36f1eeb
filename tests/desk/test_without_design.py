"""A trial whose protocol has no escalation design: no level is opened, closed or decided; the rest works as usual."""

from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, Site, day, refused

from trialdomain import Dose, DoseLevel, Outcome, WithdrawalScope
from trialdomain.aggregates.infusions import DoseNotOfLevel, StaggerNotKept
from trialdomain.aggregates.trial import RecruitmentIsFull, RecruitmentIsSuspended
from trialdomain.commands.guards import DesignAbsent
from trialdomain.desk.enrollment import LevelNotNamed
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason

NO_DESIGN = attrs.evolve(OPEN, design=None)
NEITHER = attrs.evolve(NO_DESIGN, dlt=None)
EITHER = pytest.mark.parametrize("protocol", [NO_DESIGN, NEITHER], ids=["with a DLT rule", "without one"])


def enrolled(site: Site, subject: str, level: int) -> None:
    site.screened(subject)
    site.desk.enroll(subject, level=level, on=site.today)


def infused(site: Site, subject: str, level: int) -> None:
    enrolled(site, subject, level)
    site.desk.infuse(subject, level=level, started_at=site.today)


@EITHER
class TestEither:
    def test_nothing_is_opened(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        assert not [e for e in site.trial.history().entries() if "/cohort/" in e.stream]

    def test_any_level_may_be_named_and_one_has_to_be(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        infused(site, "S001", 3)
        site.screened("S002")
        refused(site, LevelNotNamed, lambda: site.desk.enroll("S002", on=day(0)), "name the level")

    def test_slots_are_the_designs(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        for number in range(5):
            enrolled(site, f"S{number:03}", 2)
        assert site.trial.history().flow(on=day(0)).levels[1].enrolled == 5

    def test_somebody_is_reassigned(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        enrolled(site, "S001", 2)
        site.desk.reassign("S001", to_level=1, on=day(0), why="supply")
        assert [level.enrolled for level in site.trial.history().flow(on=day(0)).levels] == [1, 0, 0]

    def test_nothing_is_decided(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        refused(site, DesignAbsent, site.decide, "no escalation design")

    def test_the_limit_on_how_many_are_infused_holds(self, protocol: TrialProtocol) -> None:
        site = Site(attrs.evolve(protocol, max_infused=1))
        infused(site, "S001", 1)
        site.screened("S002")
        refused(site, RecruitmentIsFull, lambda: site.desk.enroll("S002", level=1, on=day(0)), "1")

    def test_the_stagger_holds(self, protocol: TrialProtocol) -> None:
        site = Site(attrs.evolve(protocol, stagger=Stagger(between_days=7)))
        infused(site, "S001", 1)
        site.on(6)
        enrolled(site, "S002", 1)
        refused(site, StaggerNotKept, lambda: site.desk.infuse("S002", level=1, started_at=day(6)), str(day(7)))

    def test_the_stagger_holds_for_what_is_recorded_late(self, protocol: TrialProtocol) -> None:
        site = Site(attrs.evolve(protocol, stagger=Stagger(between_days=7)))
        enrolled(site, "S001", 1)
        site.on(6)
        infused(site, "S002", 1)
        refused(site, StaggerNotKept, lambda: site.desk.infuse("S001", level=1, started_at=day(1)), str(day(8)))

    def test_the_stagger_is_between_participants(self, protocol: TrialProtocol) -> None:
        site = Site(attrs.evolve(protocol, administrations=2, stagger=Stagger(between_days=7)))
        infused(site, "S001", 1)
        site.on(1).desk.infuse("S001", level=1, started_at=day(1))
        site.on(7)
        infused(site, "S002", 1)
        site.on(8).desk.infuse("S002", level=1, started_at=day(8))

    def test_an_amount_of_another_level_needs_a_deviation(self, protocol: TrialProtocol) -> None:
        doses = [Dose(amount=Decimal(20 * level), unit="mg") for level in (1, 2)]
        site = Site(
            attrs.evolve(protocol, levels=(DoseLevel(level=1, dose=doses[0]), DoseLevel(level=2, dose=doses[1])))
        )
        enrolled(site, "S001", 1)
        refused(
            site,
            DoseNotOfLevel,
            lambda: site.desk.infuse("S001", level=1, dose=doses[1], started_at=day(0)),
            "belongs to level 2",
        )

    def test_a_related_death_suspends(self, protocol: TrialProtocol) -> None:
        site = Site(protocol)
        infused(site, "S001", 1)
        site.on(2).toxicity("S001", grade=5, outcome=Outcome.FATAL)
        site.screened("S002")
        refused(site, RecruitmentIsSuspended, lambda: site.desk.enroll("S002", level=1, on=day(2)), "suspended")


def test_dlts_are_counted_and_close_no_level() -> None:
    site = Site(NO_DESIGN)
    for subject, level in (("S001", 1), ("S002", 1), ("S003", 1)):
        infused(site, subject, level)
    enrolled(site, "S004", 3)
    for subject in ("S001", "S002"):
        site.on(2).toxicity(subject)
    assert [(tally.dlts, tally.enrolled) for tally in site.trial.history().dlt_counts(on=day(2)).tallies] == [
        (2, 0),
        (0, 0),
        (0, 1),
    ]
    assert not [e for e in site.trial.history().entries() if type(e.fact).__name__ == "EnrollmentStopped"]
    site.check()


def test_slots_that_nobody_counted_are_settled_by_the_amendment_that_brings_a_rule() -> None:
    site = Site(NEITHER)
    for subject in ("S001", "S002", "S003"):
        enrolled(site, subject, 1)
    enrolled(site, "S004", 2)
    site.desk.infuse("S001", level=1, started_at=site.today)
    site.on(2).desk.withdraw("S002", on=day(2), scope=WithdrawalScope.FOLLOW_UP)
    site.desk.record_death("S003", on=day(2))
    site.desk.reassign("S004", to_level=1, on=day(2), why="supply of level 1")
    position = site.trial.history().position
    site.desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(2), summary="a design")
    settled = [e for e in site.trial.history().entries() if "/cohort/" in e.stream and e.position > position]
    assert [(e.stream[-1], type(e.fact).__name__, getattr(e.fact, "subject", None)) for e in settled] == [
        ("1", "MemberInfused", "S001"),
        ("1", "SlotReleased", "S001"),
        ("1", "SlotReleased", "S002"),
        ("1", "SlotReleased", "S003"),
        ("1", "SlotFilled", "S004"),
        ("2", "SlotReleased", "S004"),
    ]
    site.check()


def test_who_was_infused_before_there_was_a_rule_is_not_evaluable() -> None:
    site = Site(NEITHER)
    infused(site, "S001", 1)
    site.on(3).desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(3), summary="a design")
    member = site.member("S001")
    assert (member.standing.evaluation, member.standing.reason) == (Evaluation.NOT_EVALUABLE, EvaluationReason.NO_RULE)
    assert site.trial.history().dlt_counts(on=day(3)).tallies[0].treated == 1
    site.check()
