"""A sentinel is observed: the first participant of a level, before the next one is infused there.

The rule is ``Sentinel(observation_days, requires = ["observed", "no-dlt"])``; when the sentinel has a DLT
or leaves, the next waits until people decide. Here the observation has 7 elapsed days: S001 is infused at level 1 on
day 0 (2 March 2026), so the next infusion at level 1 is on day 7 (9 March) at the earliest, as it would be with
``first_to_second_days = 7``.
"""

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from blocks import lines_of
from site_desk import DAY0, OPEN, REASON, Site, day, judged, refused

from trialdomain import (
    Action,
    Decision,
    Draft,
    History,
    Relatedness,
    TrialProtocol,
    WithdrawalScope,
    findings,
    nct06245746,
)
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.aggregates.infusions import SentinelNotCleared
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.participant import Infused
from trialdomain.events.recorded import Source
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.limits.sentinel import Noted, Taken, Watched, hold_of
from trialdomain.projections.escalation import LimitCode
from trialdomain.protocol.conduct_rules import Sentinel, SentinelRequirement, Stagger
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.reports.escalation.state import escalation_report
from trialdomain.simulate.site import simulated_under
from trialdomain.simulate.trials import simulated_trial
from trialdomain.storage.codec import decode, encode

OBSERVED, NO_DLT = SentinelRequirement.OBSERVED, SentinelRequirement.NO_DLT
END = "2026-03-09"
WHY = "the committee agreed by telephone"


def under(*requires: SentinelRequirement, days: int = 7, **others: int) -> TrialProtocol:
    rule = Sentinel(observation_days=days, requires=requires or (OBSERVED, NO_DLT))
    return attrs.evolve(OPEN, stagger=Stagger(sentinel=rule, **others))


def begun(*requires: SentinelRequirement, **others: int) -> Site:
    """Give a site whose sentinel S001 was infused on day 0, and where S002 is enrolled."""
    site = Site(under(*requires, **others))
    site.treat("S001")
    site.admit("S002")
    return site


def see(site: Site, number: int, subject: str = "S001") -> None:
    """Record a contact of that day."""
    site.desk.record_vital_signs(subject, [site.temperature("36.8", on=day(number))])


def infuse(site: Site, subject: str = "S002", *, on: int | None = None, level: int = 1) -> Callable[[], object]:
    when = site.today if on is None else day(on)
    return lambda: site.desk.infuse(subject, level=level, started_at=when)


def said(site: Site) -> tuple[Action, str | None, str | None]:
    """Give the action of the escalation state, its code and its sentence."""
    decision = site.state().decision
    because = decision.because
    return decision.action, None if because is None else because.code, None if because is None else because.text


class TestTheDays:
    def test_no_second_infusion_before_the_observation_is_over(self) -> None:
        site = begun()
        why = f"S001, the sentinel of level 1, is observed for 7 days: the next infusion there is not before {END}"
        site.on(6)
        assert said(site) == (Action.WAIT, LimitCode.SENTINEL_OBSERVED, why)
        [awaited] = site.state().decision.waiting_for
        assert (awaited.level, awaited.subject, awaited.until) == (1, "S001", day(7))
        assert site.state().not_before == day(7)
        refused(site, SentinelNotCleared, infuse(site), why)

    def test_on_the_day_on_which_it_is_over_once_the_sentinel_was_seen(self) -> None:
        site = begun()
        see(site.on(7), 7)
        assert said(site)[0] is Action.ENROLL
        infuse(site)()
        assert site.member("S002").infused_on is not None

    def test_the_days_between_infusions_hold_as_well_and_the_later_day_is_named(self) -> None:
        site = begun(first_to_second_days=10)
        see(site.on(7), 7)
        assert said(site)[1:] == (
            LimitCode.STAGGERED,
            "the next infusion at level 1 is not before 2026-03-12: wait until then",
        )
        assert site.state().not_before == day(10)

    def test_the_third_waits_too_if_the_second_was_given_against_the_rule(self) -> None:
        site = begun()
        site.on(2).desk.infuse("S002", level=1, started_at=day(2), deviation="the bag would have expired")
        site.admit("S003")
        refused(site, SentinelNotCleared, infuse(site, "S003"), "the sentinel of level 1, is observed for 7 days")
        see(site.on(7), 7)
        infuse(site, "S003")()

    def test_somebody_can_be_enrolled_while_the_sentinel_is_observed(self) -> None:
        site = begun()
        site.on(3).admit("S003")
        assert site.member("S003").level == 1

    def test_an_infusion_that_is_recorded_late_is_judged_by_its_day(self) -> None:
        site = begun()
        see(site.on(9), 9)
        refused(site, SentinelNotCleared, infuse(site, on=3), f"is not before {END}")
        refused(site, SentinelNotCleared, infuse(site, on=8), f"was not seen on {END} or later")
        infuse(site, on=9)()

    def test_whoever_was_infused_earlier_and_is_recorded_later_is_the_sentinel(self) -> None:
        """S002 was infused on day 5, and recorded first; S001 on day 0: level 1 waits from day 0 to day 7."""
        site = Site(under())
        site.admit("S001")
        site.admit("S002")
        site.on(5).desk.infuse("S002", level=1, started_at=day(5))
        refused(
            site,
            SentinelNotCleared,
            infuse(site, "S001", on=0),
            f"S001, the sentinel of level 1, is observed for 7 days: the next infusion there is not before {END}",
        )

    def test_each_level_has_its_own_sentinel(self) -> None:
        site = begun()
        see(site.on(7), 7)
        infuse(site)()
        site.treat("S003")
        site.on(21).assess("S001", "S002", "S003")
        site.decide()
        site.treat("S004", level=2)
        site.admit("S005")
        refused(site, SentinelNotCleared, infuse(site, "S005", level=2), "S004, the sentinel of level 2, is observed")
        see(site.on(28), 28, "S004")
        infuse(site, "S005", level=2)()

    def test_a_void_makes_the_next_one_the_sentinel(self) -> None:
        site = begun()
        site.on(1).desk.infuse("S002", level=1, started_at=day(1), deviation="S001 was not infused after all")
        site.desk.void(site.infusion("S001"), reason="the infusion of somebody else")
        site.admit("S003")
        see(site.on(7), 7, "S002")
        refused(site, SentinelNotCleared, infuse(site, "S003"), "S002, the sentinel of level 1, is observed")
        see(site.on(8), 8, "S002")
        infuse(site, "S003")()


class TestObserved:
    def test_a_sentinel_who_was_not_seen_at_the_end_holds_the_next_infusion(self) -> None:
        site = begun()
        see(site.on(7), 6)
        why = (
            f"S001, the sentinel of level 1, was not seen on {END} or later, when the observation is over: the next "
            f"infusion there waits until a contact is recorded, or that they left"
        )
        assert said(site) == (Action.WAIT, LimitCode.SENTINEL_OBSERVED, why)
        refused(site, SentinelNotCleared, infuse(site), why)
        see(site.on(8), 8)
        infuse(site)()

    def test_no_dlt_alone_asks_for_no_contact(self) -> None:
        site = begun(NO_DLT)
        infuse(site.on(7))()

    def test_leaving_before_the_end_waits_for_people_and_their_decision_ends_it(self) -> None:
        site = begun()
        site.on(5).desk.withdraw("S001", on=day(5), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        why = (
            "S001, the sentinel of level 1, left, and was last seen on 2026-03-07: the next infusion there waits until "
            "people decide to treat at the level"
        )
        assert said(site) == (Action.WAIT, LimitCode.SENTINEL_UNDECIDED, why)
        refused(site.on(7), SentinelNotCleared, infuse(site), why)
        [decided] = [e.fact for e in site.decide() if isinstance(e.fact, EscalationDecided)]
        assert (decided.recommended.bare, decided.decided.bare) == (Decision.enroll(level=1), Decision.enroll(level=1))
        assert said(site)[0] is Action.ENROLL
        infuse(site)()

    def test_leaving_on_the_last_day_is_no_leaving_before_the_end(self) -> None:
        site = begun()
        site.on(7).desk.withdraw("S001", on=day(7), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        infuse(site)()

    def test_a_withdrawal_from_treatment_alone_is_no_leaving(self) -> None:
        site = begun()
        site.on(5).desk.withdraw("S001", on=day(5), scope=WithdrawalScope.TREATMENT, why="enough")
        see(site.on(7), 7)
        infuse(site)()

    def test_a_death_before_the_end(self) -> None:
        site = begun()
        site.on(6).desk.record_death("S001", on=day(6))
        refused(site.on(7), SentinelNotCleared, infuse(site), "died on 2026-03-08: the next infusion there waits until")

    def test_a_loss_whose_partial_date_may_lie_before_the_end(self) -> None:
        site = begun()
        site.on(30).desk.lose_to_follow_up("S001", on=day(30), last_contact="2026-03")
        refused(site, SentinelNotCleared, infuse(site), "was lost to follow-up, and was last seen on 2026-03")

    def test_without_observed_leaving_holds_nothing_beyond_the_days(self) -> None:
        site = begun(NO_DLT)
        site.on(5).desk.withdraw("S001", on=day(5), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        refused(site, SentinelNotCleared, infuse(site), f"is not before {END}")
        infuse(site.on(7))()


class TestNoDlt:
    WAITS = (
        "S001, the sentinel of level 1, had a DLT (Fever, onset 2026-03-05): the next infusion there waits until "
        "people decide to treat at the level"
    )

    def test_a_dlt_waits_for_people_and_a_decision_does_not_shorten_the_days(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        assert said(site) == (Action.WAIT, LimitCode.SENTINEL_UNDECIDED, self.WAITS)
        [awaited] = site.state().decision.waiting_for
        assert (awaited.subject, awaited.until) == ("S001", None)
        site.decide()
        assert said(site)[:2] == (Action.WAIT, LimitCode.SENTINEL_OBSERVED)
        refused(site, SentinelNotCleared, infuse(site), f"is not before {END}")
        infuse(site.on(7))()  # the decision stands for the contact

    def test_a_more_cautious_decision_does_not_end_it(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        site.desk.decide_escalation(on=day(3), decided=Decision.wait(level=1), rationale="one more week of follow-up")
        refused(site.on(7), SentinelNotCleared, infuse(site), "waits until people decide to treat at the level")
        site.decide()
        infuse(site)()

    def test_a_decision_that_did_not_know_of_the_dlt_does_not_end_it(self) -> None:
        """Decided on day 8; the DLT of day 3 is reported on day 9."""
        site = begun()
        see(site.on(7), 7)
        infuse(site)()
        site.on(8).decide()
        site.admit("S003")
        site.on(9).toxicity("S001", onset=day(3))
        refused(site, SentinelNotCleared, infuse(site, "S003"), "had a DLT")
        site.decide()
        infuse(site, "S003")()

    def test_with_every_slot_taken_people_decide_to_treat_those_who_hold_one(self) -> None:
        site = begun()
        site.on(2).admit("S003")  # 3 slots are held, and 1 is infused
        assert said(site)[:2] == (Action.WAIT, LimitCode.SENTINEL_OBSERVED)
        site.on(3).toxicity("S001")
        assert said(site) == (Action.WAIT, LimitCode.SENTINEL_UNDECIDED, self.WAITS)
        [decided] = [e.fact for e in site.decide() if isinstance(e.fact, EscalationDecided)]
        assert (decided.decided.bare, decided.decided.slots) == (Decision.enroll(level=1), 3)
        see(site.on(7), 7)
        infuse(site)()
        infuse(site, "S003")()
        [audit] = site.trial.history().decisions()
        assert audit.ok
        site.screened("S004")
        refused(site, NoFreeSlot, lambda: site.desk.enroll("S004", on=day(7)), "3 slots")

    def test_a_dlt_after_the_observation_holds_the_next_one_too(self) -> None:
        site = begun()
        see(site.on(7), 7)
        site.on(10).toxicity("S001")
        refused(site, SentinelNotCleared, infuse(site), "had a DLT")

    def test_a_second_trouble_needs_a_second_decision(self) -> None:
        site = begun()
        site.on(3).desk.withdraw("S001", on=day(3), scope=WithdrawalScope.FOLLOW_UP, why="moved away")
        site.on(4).decide()
        site.on(8).toxicity("S001", onset=day(2))
        refused(site, SentinelNotCleared, infuse(site), "had a DLT")
        site.decide()
        infuse(site)()

    def test_a_revoked_dlt_holds_nothing_any_more(self) -> None:
        site = begun()
        report = site.on(3).toxicity("S001")
        site.desk.correct(report, attributions=judged(Relatedness.UNRELATED), reason=REASON)
        see(site.on(7), 7)
        infuse(site)()

    def test_a_voided_decision_ended_nothing(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        decided = site.decide()[0]
        site.on(7).desk.void(decided, reason="it was meant for another trial")
        refused(site, SentinelNotCleared, infuse(site), "waits until people decide to treat at the level")

    def test_without_no_dlt_a_dlt_holds_nothing_beyond_the_observation(self) -> None:
        site = begun(OBSERVED)
        site.on(3).toxicity("S001")
        see(site.on(7), 7)
        infuse(site)()

    def test_it_may_be_given_all_the_same_with_a_deviation(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        entry = site.desk.infuse("S002", level=1, started_at=day(3), deviation=WHY)[0]
        assert entry.meta.deviation == WHY

    def test_the_decisions_about_a_sentinel_follow_from_what_was_known(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        site.decide()
        infuse(site.on(7))()
        [audit] = site.trial.history().decisions()
        assert audit.ok


class TestPure:
    """The rule itself: an observation of 7 days of a sentinel infused on day 0."""

    RULE = Sentinel(observation_days=7)

    def held(self, on: int, *taken: Taken, last_contact: int = 7, dlt: int | None = None) -> bool:
        noted = None if dlt is None else Noted(day=day(dlt), known_by=20, words="had a DLT")
        watched = Watched(subject="S001", level=1, infused_on=DAY0, last_contact=day(last_contact), dlt=noted)
        return hold_of(watched, self.RULE, taken, on=day(on)) is not None

    def test_the_days(self) -> None:
        assert [self.held(number) for number in (0, 6, 7, 8)] == [True, True, False, False]

    def test_the_contact(self) -> None:
        assert [self.held(9, last_contact=number) for number in (6, 7, 9)] == [True, False, False]

    @pytest.mark.parametrize(
        ("on", "place", "decided", "held"),
        [
            (5, 21, Decision.enroll(level=1), False),
            (5, 19, Decision.enroll(level=1), True),  # recorded before the DLT was known
            (4, 21, Decision.enroll(level=1), True),  # dated before the DLT
            (8, 21, Decision.enroll(level=1), True),  # dated after the infusion
            (5, 21, Decision.expand(level=1), False),
            (5, 21, Decision.de_escalate(to=1), False),
            (5, 21, Decision.enroll(level=2), True),
            (5, 21, Decision.wait(level=1), True),
        ],
    )
    def test_the_decision_after_a_dlt_of_day_5(self, on: int, place: int, decided: Decision, held: bool) -> None:
        assert self.held(7, Taken(on=day(on), place=place, decided=decided), dlt=5) is held


class TestTheProtocol:
    TEXT = """
trial = "T1"
title = "A sentinel"
version = "1"
levels = [{level = 1}, {level = 2}]

[stagger]
between_days = 2

[stagger.sentinel]
observation_days = 7
requires = ["observed", "no-dlt"]
"""

    def test_as_toml(self) -> None:
        protocol = protocol_from_toml(self.TEXT)
        assert protocol.stagger == Stagger(between_days=2, sentinel=Sentinel(observation_days=7))
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol
        only = attrs.evolve(protocol, stagger=Stagger(sentinel=Sentinel(observation_days=3, requires=(NO_DLT,))))
        assert protocol_from_toml(protocol_to_toml(only)) == only

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("observation_days = 7", "observation_days = 0", "stagger.sentinel.observation_days"),
            ('["observed", "no-dlt"]', "[]", "stagger.sentinel.requires names nothing"),
            ('["observed", "no-dlt"]', '["seen"]', "stagger.sentinel.requires"),
            ("[stagger]", 'design = "none"\n[stagger]', "stagger.sentinel needs a design"),
        ],
    )
    def test_a_wrong_one_is_refused(self, old: str, new: str, words: str) -> None:
        with pytest.raises(ProtocolInvalid, match=words):
            protocol_from_toml(self.TEXT.replace(old, new))

    def test_it_is_stored_in_the_log_and_comes_back(self) -> None:
        site = Site(under())
        entry = next(e for e in site.trial.history().entries() if type(e.fact).__name__ == "TrialRegistered")
        name, state = encode(entry.fact, entry.meta)
        assert b'"sentinel":{"observation_days":7,"requires":["observed","no-dlt"]}' in state
        assert decode(name, state)[0] == entry.fact

    def test_the_preset_has_none(self) -> None:
        assert nct06245746().stagger == Stagger()
        assert protocol_from_toml(protocol_to_toml(nct06245746())).stagger.sentinel is None

    def test_the_answer_names_it(self) -> None:
        site = begun()
        site.on(3)
        assert "Waiting for: S001 of level 1 until 2026-03-09" in lines_of(escalation_report(site.state()))


def sentinel_findings(history: History, on: int) -> list[Any]:
    return [one for one in findings(history, on=day(on)).found if one.check == "sentinel"]


class TestFindings:
    def test_an_infusion_during_the_observation(self) -> None:
        site = begun()
        second = site.on(3).desk.infuse("S002", level=1, started_at=day(3), deviation=WHY)[0]
        [found] = sentinel_findings(site.trial.history(), 3)
        assert found.sentence == (
            "S002 was infused on 2026-03-05, but S001, the sentinel of level 1, is observed for 7 days: the next "
            f"infusion there is not before {END}"
        )
        assert found.evidence == tuple(sorted((second.position, site.infusion("S001").position)))

    def test_nothing_where_the_rule_was_kept_and_the_dlt_was_reported_later(self) -> None:
        site = begun()
        see(site.on(7), 7)
        infuse(site)()
        site.on(20).toxicity("S001", onset=day(3))
        assert sentinel_findings(site.trial.history(), 20) == []

    def test_of_an_import_the_dates_count(self) -> None:
        """The same entries as of another system: the DLT of day 3 came before the infusion of day 7."""
        site = begun()
        see(site.on(7), 7)
        infuse(site)()
        site.on(20).toxicity("S001", onset=day(3))
        drafts = [
            Draft(
                stream=e.stream,
                fact=e.fact,
                caused_by=e.meta.caused_by,
                source=Source(system="EDC", record="1") if isinstance(e.fact, Infused) else None,
            )
            for e in sorted(site.trial.history().entries(), key=lambda e: e.position)
        ]
        [found] = sentinel_findings(History.of(drafts), 20)
        assert "had a DLT (Fever, onset 2026-03-05)" in found.sentence

    def test_a_decision_before_the_second_infusion(self) -> None:
        site = begun()
        site.on(3).toxicity("S001")
        site.decide()
        infuse(site.on(7))()
        assert sentinel_findings(site.trial.history(), 7) == []


@pytest.mark.parametrize("seed", range(3))
def test_a_simulated_trial_keeps_it(seed: int) -> None:
    protocol = attrs.evolve(nct06245746(), stagger=Stagger(sentinel=Sentinel(observation_days=9)))
    with simulated_trial("memory:", seed=seed, protocol=simulated_under(protocol)("SIM-0001")) as simulated:
        history = simulated.trial.history()
        found = findings(history, on=simulated.last_day).found
        counts = history.dlt_counts(on=simulated.last_day)
    assert [one.sentence for one in found if one.check == "sentinel"] == []
    for level in {one.level for one in counts.members}:
        days = sorted(one.infused_on.first for one in counts.members if one.level == level and one.infused_on)
        assert all((one - days[0]).days >= 9 for one in days[1:])
