"""A level that a decision table eliminates stays closed, whoever is treated there afterwards.

BOIN with a target of 0.30 eliminates at 3 of 3, and at 4 of 6 (Liu and Yuan 2015, as its software prints it). Three are
infused at level 1 on day 0 and assessed on day 15; three are infused at level 2 on day 15, and all of them have a DLT.
"""

from decimal import Decimal

import attrs
import pytest
from site_desk import OPEN, REASON, Site, kinds, refused

from trialdomain import Action, Boin, Entry, Keyboard, Situation, Tally, TrialProtocol, decide
from trialdomain.commands.guards import LevelNotInTurn
from trialdomain.events.participant import AdverseEventReported
from trialdomain.protocol.designs import DesignSpec
from trialdomain.values.ids import participant_stream

BOIN = Boin(target=Decimal("0.3"), max_n=30)
MISTAKE = "it was given by mistake"


def protocol(design: DesignSpec) -> TrialProtocol:
    return attrs.evolve(OPEN, design=design)


def eliminated(design: DesignSpec = BOIN) -> Site:
    site = Site(protocol(design))
    site.treat("S1", "S2", "S3")
    site.on(15).assess("S1", "S2", "S3")
    site.decide()
    site.treat("S4", "S5", "S6", level=2)
    for subject in ("S4", "S5", "S6"):
        site.toxicity(subject)
    return site


def closed(site: Site) -> tuple[object, ...]:
    return site.state().decision.closed_levels


class TestOneMoreAtTheLevel:
    @pytest.mark.parametrize("infused", [False, True])
    def test_it_stays_closed(self, *, infused: bool) -> None:
        site = eliminated()
        assert closed(site) == (2, 3)
        site.screened("S7")
        entries = site.desk.enroll("S7", on=site.today, level=2, deviation=MISTAKE)
        assert "EnrollmentResumed" not in kinds(entries)
        if infused:
            site.desk.infuse("S7", level=2, started_at=site.today, deviation=MISTAKE)
            site.on(30).assess("S7")
        found = site.state().decision
        assert (found.action, found.level, found.closed_levels) == (Action.DE_ESCALATE, 1, (2, 3))

    def test_an_infusion_there_needs_a_deviation(self) -> None:
        site = eliminated()
        site.screened("S7")
        site.desk.enroll("S7", on=site.today, level=2, deviation=MISTAKE)
        refused(
            site,
            LevelNotInTurn,
            lambda: site.desk.infuse("S7", level=2, started_at=site.today),
            "level 2 is closed, and level 1 is in turn",
        )

    def test_three_more_at_the_level_do_not_open_it(self) -> None:
        """3 of 6 would only de-escalate."""
        site = eliminated()
        for subject in ("S7", "S8", "S9"):
            site.screened(subject)
            site.desk.enroll(subject, on=site.today, level=2, deviation=MISTAKE)
            site.desk.infuse(subject, level=2, started_at=site.today, deviation=MISTAKE)
        site.on(30).assess("S7", "S8", "S9")
        assert site.state().counts.tallies[1].evaluable == 6
        assert closed(site) == (2, 3)

    def test_a_dlt_that_is_revoked_opens_it_until_people_have_decided(self) -> None:
        site = eliminated()
        site.screened("S7")
        site.desk.enroll("S7", on=site.today, level=2, deviation=MISTAKE)
        entries = site.desk.void(reported(site, "S6"), reason=REASON)
        assert "EnrollmentResumed" in kinds(entries)
        assert closed(site) == ()
        assert site.state().decision.action is Action.WAIT  # S6 is pending: a DLT would eliminate again

    def test_a_level_that_nobody_opened(self) -> None:
        """Four are infused at level 2 by mistake, three of them with a DLT: the fourth does not open it again."""
        site = Site(protocol(BOIN))
        for subject in ("S1", "S2", "S3", "S4"):
            site.screened(subject)
            site.desk.enroll(subject, on=site.today, level=2, deviation=MISTAKE)
            why = None if subject in {"S2", "S3"} else MISTAKE  # these two fill the cohort of the level treated last
            site.desk.infuse(subject, level=2, started_at=site.today, deviation=why)
        for subject in ("S1", "S2", "S3"):
            site.toxicity(subject)
        assert site.state().counts.tallies[1].dlts == 3
        assert closed(site) == (2, 3)

    def test_the_reason_says_so_where_the_counts_alone_would_not_eliminate(self) -> None:
        """Of 5, BOIN eliminates from 4 DLTs on."""
        site = eliminated()
        for subject in ("S7", "S8"):
            site.screened(subject)
            site.desk.enroll(subject, on=site.today, level=2, deviation=MISTAKE)
            site.desk.infuse(subject, level=2, started_at=site.today, deviation=MISTAKE)
        site.on(30).assess("S7", "S8")
        because = site.state().decision.because
        assert because is not None
        assert because.text == (
            "level 2 has 3 DLTs in 5 evaluable, and was eliminated before, which more outcomes do not lift; "
            "level 1 is the highest that is not"
        )


def reported(site: Site, subject: str) -> Entry:
    stream = participant_stream(site.trial.trial, subject)
    entries = site.trial.history().entries()
    return next(e for e in entries if e.stream == stream and isinstance(e.fact, AdverseEventReported))


def test_places_that_are_taken_elsewhere_do_not_lift_it() -> None:
    """BOIN with a target of 0.20 and 8 in all: 2 of 2 eliminate level 2, whatever a third would be.

    P(p > 0.2 | 2 of 3) = 1 - P(at least 3 of 4 with 0.2) = 1 - 0.0272 = 0.9728, above 0.95. Afterwards three are
    treated at level 1, and no place is left for that third; of 2 alone BOIN eliminates nothing.
    """
    boin = Boin(target=Decimal("0.2"), max_n=8)
    tallies = (Tally(level=1, evaluable=6), Tally(level=2, evaluable=2, dlts=2), Tally(level=3))
    order = ((1, False), (1, False), (1, False), (2, True), (2, True), (1, False), (1, False), (1, False))
    found = decide(Situation(tallies=tallies, last_level=1, in_order=order), design=boin)
    assert (found.action, found.closed_levels) == (Action.STOP, (2, 3))


def test_somebody_beyond_the_number_of_the_trial_does_not_lift_it() -> None:
    """Keyboard with a target of 0.20 and 7 in all: the last cohort has 1 slot, and 1 of 1 eliminates level 3.

    P(p > 0.2 | 1 of 1) = 1 - 0.2**2 = 0.96, above 0.95. An eighth is infused there by mistake, without a DLT; of 2,
    P(p > 0.2 | 1 of 2) = 1 - (3 x 0.2**2 - 2 x 0.2**3) = 0.896.
    """
    keyboard = Keyboard(target=Decimal("0.2"), max_n=7)
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=3), Tally(level=3, evaluable=2, dlts=1))
    order = (*[(1, False)] * 3, *[(2, False)] * 3, (3, True), (3, False))
    found = decide(Situation(tallies=tallies, last_level=3, in_order=order), design=keyboard)
    assert (found.action, found.closed_levels) == (Action.STOP, (3,))


def test_nor_do_they_make_the_cohort_smaller() -> None:
    """Keyboard with a target of 0.20 and 6 in all: a seventh is infused at level 2, by mistake, and has a DLT.

    2 of 4 eliminate nothing: P(p > 0.2) = 1 - 0.0579 = 0.942 by Beta(3, 3); 2 of 3 would, by 0.9728.
    """
    keyboard = Keyboard(target=Decimal("0.2"), max_n=6)
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=4, dlts=2), Tally(level=3))
    order = (*[(1, False)] * 3, (2, False), (2, False), (2, True), (2, True))
    found = decide(Situation(tallies=tallies, last_level=2, in_order=order), design=keyboard)
    assert (found.action, found.closed_levels) == (Action.STOP, ())


@pytest.mark.parametrize(("evaluable", "dlts"), [(5, 3), (6, 4), (13, 5)])
def test_without_an_order_all_dlts_count_in_the_slots_that_people_opened(evaluable: int, dlts: int) -> None:
    """More than 3 in 3 slots, of which 3 or more had a DLT: nobody knows which, and 3 of 3 eliminate."""
    tallies = (Tally(level=1, evaluable=3), Tally(level=2, evaluable=evaluable, dlts=dlts))
    found = decide(Situation(tallies=tallies, last_level=2, slots=((3,), (3,))), design=BOIN)
    assert (found.action, found.closed_levels) == (Action.DE_ESCALATE, (2,))
