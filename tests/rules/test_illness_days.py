"""The days of an illness within the observation, and illnesses that share a day. Day 0 is 2026-03-02."""

from datetime import UTC, date, datetime, timedelta

import attrs
import pytest

from trialdomain import ClinicalTime, Outcome
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.rules.adverse_event import AdverseEvent
from trialdomain.rules.illness import Illness, reported, total_days, united
from trialdomain.rules.observation import EndedBy, Observation

DAY0 = date(2026, 3, 2)
META = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)


def day(number: int) -> date:
    return DAY0 + timedelta(days=number)


FRAME = Observation(
    start=day(0),
    window_last=day(42),
    end=day(42),
    ended_by=EndedBy.WINDOW,
    ended_position=None,
    confirmed_until=day(49),
    opened_by=(),
    infusion_first=False,
    imputed=False,
)


def event(
    onset: int | str, ended: int | None = None, *, grade: int = 3, outcome: Outcome | None = None
) -> AdverseEvent:
    """Tell an event by its report (entry 4) and, where it ended, by a follow-up that says so (entry 9)."""
    began = ClinicalTime(onset) if isinstance(onset, str) else ClinicalTime.of(day(onset))
    report = AdverseEventReported(event="AE1", term="Pneumonia", grade=grade, onset=began)
    follow_ups = []
    if ended is not None or outcome is not None:
        over = None if ended is None else ClinicalTime.of(day(ended))
        on = over or ClinicalTime.of(day(20))
        later = AdverseEventFollowedUp(event="AE1", on=on, ended=over, outcome=outcome)
        follow_ups = [Recorded(trial="T", position=9, stream="s", version=9, meta=META, fact=later)]
    return AdverseEvent.of(Recorded(trial="T", position=4, stream="s", version=4, meta=META, fact=report), follow_ups)


def within(told: AdverseEvent, *, min_grade: int = 1) -> list[Illness]:
    return list(reported([told], FRAME, belongs=lambda _, __: True, min_grade=min_grade))


class TestAReportedOne:
    @pytest.mark.parametrize(
        ("onset", "ended", "first", "last", "prevalent", "ongoing"),
        [
            (5, 9, 5, 9, False, False),
            (0, 0, 0, 0, False, False),
            (-3, 2, 0, 2, True, False),
            (-3, 0, 0, 0, True, False),  # to the first day
            (42, 42, 42, 42, False, False),
            (40, 42, 40, 42, False, False),
            (40, 43, 40, 42, False, True),
            (5, None, 5, 42, False, True),
        ],
    )
    def test_the_part_within_the_observation(
        self, onset: int, ended: int | None, first: int, last: int, *, prevalent: bool, ongoing: bool
    ) -> None:
        (found,) = within(event(onset, ended))
        assert (found.first, found.last) == (day(first), day(last))
        assert (found.prevalent, found.ongoing, found.days) == (prevalent, ongoing, last - first + 1)

    @pytest.mark.parametrize(("onset", "ended"), [(-5, -1), (43, 50)])
    def test_none_before_and_after_it(self, onset: int, ended: int) -> None:
        assert within(event(onset, ended)) == []

    @pytest.mark.parametrize(("least", "number"), [(3, 1), (4, 0)])
    def test_of_the_grade_that_is_asked_or_a_higher_one(self, least: int, number: int) -> None:
        assert len(within(event(5, 9), min_grade=least)) == number

    @pytest.mark.parametrize(
        ("onset", "rests_on"),
        [
            (5, (4,)),  # the report alone says when it began
            (0, (4,)),
            (-1, (4, 9)),  # that it lasted into the observation rests on its end as well
            ("2026-03", (4, 9)),
        ],
    )
    def test_the_entries_of_its_first_day(self, onset: int | str, rests_on: tuple[int, ...]) -> None:
        (found,) = within(event(onset, 9))
        assert (found.onset_evidence, found.evidence) == (rests_on, (4, 9))
        assert found.imputed is isinstance(onset, str)

    def test_the_first_statement_of_the_grade_is_the_one_it_rests_on(self) -> None:
        """Reported at grade 1, and followed up at grade 3 (entry 6) and at grade 4 (entry 7)."""
        told = event(5, grade=1)
        later = [
            Recorded(
                trial="T",
                position=position,
                stream="s",
                version=position,
                meta=META,
                fact=AdverseEventFollowedUp(event="AE1", on=ClinicalTime.of(day(position)), grade=grade),
            )
            for position, grade in ((6, 3), (7, 4))
        ]
        (found,) = within(AdverseEvent.of(told.report, later), min_grade=3)
        assert found.onset_evidence == (4, 6)

    def test_one_of_which_only_the_recovery_is_known_counts_for_its_first_day(self) -> None:
        (found,) = within(event(5, outcome=Outcome.RECOVERED))
        assert (found.first, found.last, found.end_unknown, found.ongoing) == (day(5), day(5), True, False)


def illness(first: int, last: int, position: int, **more: bool) -> Illness:
    told: dict[str, bool] = {"prevalent": False, "ongoing": False, "imputed": False} | more
    return Illness(first=day(first), last=day(last), onset_evidence=(position,), evidence=(position,), **told)


class TestUnited:
    def test_those_that_share_a_day_are_one(self) -> None:
        found = united([illness(6, 9, 3), illness(0, 1, 1), illness(5, 6, 2), illness(10, 12, 4)])
        assert [(one.first, one.last, one.evidence) for one in found] == [
            (day(0), day(1), (1,)),
            (day(5), day(9), (2, 3)),
            (day(10), day(12), (4,)),  # the day after: another one
        ]
        assert total_days(found) == 2 + 5 + 3

    def test_one_within_another_shortens_nothing(self) -> None:
        (found,) = united([illness(0, 9, 1), illness(3, 5, 2)])
        assert (found.first, found.last, found.onset_evidence) == (day(0), day(9), (1,))

    def test_of_two_that_begin_on_one_day_the_one_under_way_before_it_is_the_first(self) -> None:
        """That it was under way is what the joined one rests on, whichever of the two was reported first."""
        (found,) = united([illness(0, 4, 1), illness(0, 5, 2, prevalent=True)])
        assert (found.prevalent, found.onset_evidence) == (True, (2,))

    @pytest.mark.parametrize("flag", ["prevalent", "ongoing", "imputed", "from_leukocytes"])
    def test_what_is_so_of_one_of_them_is_so_of_both(self, flag: str) -> None:
        for one, other in ((True, False), (False, True)):
            (found,) = united([illness(0, 4, 1, **{flag: one}), illness(3, 5, 2, **{flag: other})])
            assert getattr(found, flag) is True
        (neither,) = united([illness(0, 4, 1), illness(3, 5, 2)])
        assert getattr(neither, flag) is False

    @pytest.mark.parametrize(
        ("first", "second", "unmeasured"),
        [(5, 4, True), (5, 5, True), (4, 5, False)],  # the one that ends later says how it ended
    )
    def test_whether_the_end_was_measured_is_that_of_the_later_end(
        self, first: int, second: int, *, unmeasured: bool
    ) -> None:
        (found,) = united([illness(0, first, 1, unmeasured=True), illness(3, second, 2)])
        assert found.unmeasured is unmeasured

    @pytest.mark.parametrize(("ongoing", "unknown"), [(True, False), (False, True)])
    def test_an_unknown_end_is_known_to_be_none_while_the_other_goes_on(self, *, ongoing: bool, unknown: bool) -> None:
        (found,) = united([illness(0, 4, 1, end_unknown=True), illness(3, 5, 2, ongoing=ongoing)])
        assert found.end_unknown is unknown
        assert attrs.evolve(found, end_unknown=False).ongoing is ongoing
