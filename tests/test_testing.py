"""The harness that tests of rules are written in: it must fail when it should."""

import pytest

from trialdomain.aggregates.cohort import Cohort, NoFreeSlot
from trialdomain.aggregates.participant import AlreadyInfused, LevelNotAssigned, Participant
from trialdomain.events.cohort import CohortOpened, SlotFilled, SlotReleased
from trialdomain.events.cohort import Release as Why
from trialdomain.events.participant import Consented, Enrolled, Infused, Signer
from trialdomain.testing import given
from trialdomain.values.clinical_time import ClinicalTime

DAY = ClinicalTime("2026-03-02")
CONSENTED = Consented(signed_on=DAY, signer=Signer.PARTICIPANT, form_version="1", protocol_version="1")
ENROLLED = Enrolled(on=DAY, level=2)
INFUSED = Infused(level=2, started_at=DAY)


class TestInfusing:
    def test_the_assigned_level_is_recorded(self) -> None:
        given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED)).then(INFUSED)

    def test_any_other_level_is_refused(self) -> None:
        given(Participant("S001"), CONSENTED, ENROLLED).when(
            lambda person: person.infuse(Infused(level=3, started_at=DAY))
        ).refused(LevelNotAssigned, assigned=2, given=3)

    def test_the_same_again_is_nothing_and_another_is_refused(self) -> None:
        infused = given(Participant("S001"), CONSENTED, ENROLLED, INFUSED)
        infused.when(lambda person: person.infuse(INFUSED)).then()
        other = Infused(level=2, started_at=DAY, lot="L2")
        infused.when(lambda person: person.infuse(other)).refused(AlreadyInfused)


class TestSlots:
    OPENED = CohortOpened(level=1, dose=None, slots=3)

    def test_a_free_slot_is_filled(self) -> None:
        given(Cohort(1), self.OPENED).when(lambda cohort: cohort.fill_slot("S001")).then(SlotFilled(subject="S001"))

    def test_a_full_cohort_refuses(self) -> None:
        filled = [SlotFilled(subject=f"S{number}") for number in range(3)]
        given(Cohort(1), self.OPENED, *filled).when(lambda cohort: cohort.fill_slot("S9")).refused(NoFreeSlot, slots=3)

    def test_a_slot_given_back_is_free(self) -> None:
        filled = [SlotFilled(subject=f"S{number}") for number in range(3)]
        given(Cohort(1), self.OPENED, *filled, SlotReleased(subject="S1", why=Why.WITHDRAWN)).when(
            lambda cohort: cohort.fill_slot("S9")
        ).then(SlotFilled(subject="S9"))


class TestTheHarness:
    def test_a_difference_names_the_field(self) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(AssertionError, match=r"fact 1, Infused\.lot: expected 'L1', got None"):
            taken.then(Infused(level=2, started_at=DAY, lot="L1"))

    def test_another_number_or_kind_of_facts_is_named(self) -> None:
        taken = given(Participant("S001"), CONSENTED, ENROLLED).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(AssertionError, match="expected the facts none, got Infused"):
            taken.then()
        with pytest.raises(AssertionError, match="expected the facts Enrolled, got Infused"):
            taken.then(ENROLLED)

    def test_a_refusal_that_did_not_come_or_was_another(self) -> None:
        enrolled = given(Participant("S001"), CONSENTED, ENROLLED)
        with pytest.raises(AssertionError, match="expected AlreadyInfused, but it was accepted"):
            enrolled.when(lambda person: person.infuse(INFUSED)).refused(AlreadyInfused)
        wrong = enrolled.when(lambda person: person.infuse(Infused(level=3, started_at=DAY)))
        with pytest.raises(AssertionError, match="expected AlreadyInfused, got LevelNotAssigned"):
            wrong.refused(AlreadyInfused)
        with pytest.raises(AssertionError, match=r"LevelNotAssigned\.given: expected 1, got 3"):
            wrong.refused(LevelNotAssigned, given=1)

    def test_a_refusal_that_nobody_expected_is_raised(self) -> None:
        wrong = given(Participant("S001")).when(lambda person: person.infuse(INFUSED))
        with pytest.raises(Exception, match="has consented"):
            wrong.then(INFUSED)
