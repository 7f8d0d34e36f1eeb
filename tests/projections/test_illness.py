"""Febrile neutropenia, infections, bleeding, transfusions and anti-infectives, on cases computed by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from trialdomain import BloodProduct, BodySite, EndpointRules, Flag, Intent, Status, endpoint_rules, lab
from trialdomain.desk.observed import vital_sign
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    LabRecorded,
    Transfused,
    VitalSign,
    VitalSignRecorded,
)
from trialdomain.events.recorded import Meta, Recorded
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia
from trialdomain.rules.fever import temperatures
from trialdomain.testing.patient import T0, Patient, at

LOW = dict.fromkeys(range(43), "0.2")
"""Neutrophils, every day."""


def low() -> Patient:
    return Patient().counts("ANC", LOW)


class TestAFever:
    @pytest.mark.parametrize(
        ("value", "unit", "febrile"),
        [("38.3", "Cel", False), ("38.4", "Cel", True), ("100.94", "[degF]", False), ("100.95", "[degF]", True)],
    )
    def test_one_temperature_above_38_3(self, value: str, unit: str, febrile: bool) -> None:
        assert low().temperature(10, value, "08:00", unit=unit).value("S1").value is febrile

    @pytest.mark.parametrize(
        ("readings", "febrile"),
        [
            ([("38.0", "08:00"), ("38.0", "09:01")], True),
            ([("38.0", "08:00"), ("38.0", "09:00")], False),  # not more than an hour
            ([("38.0", "08:00"), ("37.9", "08:30"), ("38.0", "09:01")], False),  # one between was lower
            ([("38.0", "08:00"), ("38.0", "20:00")], True),  # 12 hours apart
            ([("38.0", "08:00"), ("38.0", "20:01")], False),  # longer
            ([("38.0", ""), ("38.2", "")], False),  # without times
            ([("38.0", "08:00")], False),
        ],
    )
    def test_or_38_0_for_more_than_an_hour(self, readings: list[tuple[str, str]], febrile: bool) -> None:
        patient = low()
        for value, clock in readings:
            patient.temperature(10, value, clock)
        assert patient.value("S1").value is febrile

    def test_the_preset_of_idsa_takes_the_limits_themselves_and_half_the_neutrophils(self) -> None:
        idsa = endpoint_rules(fn="idsa")
        assert Patient(idsa).counts("ANC", LOW).temperature(10, "38.3", "08:00").value("S1").value is True
        hour = Patient(idsa).counts("ANC", LOW).temperature(10, "38.0", "08:00").temperature(10, "38.0", "09:00")
        assert hour.value("S1").value is True
        more = dict.fromkeys(range(43), "0.5")
        assert Patient(idsa).counts("ANC", more).temperature(10, "39", "08:00").value("S1").value is False

        short = Patient(idsa).counts("ANC", LOW).temperature(10, "38.0", "08:00").temperature(10, "38.0", "08:59")
        assert short.value("S1").value is False

    def test_under_the_arm_a_protocol_may_add_to_it(self) -> None:
        rules = EndpointRules()
        fever = attrs.evolve(rules.febrile_neutropenia, axillary_offset=Decimal("0.5"))
        patient = Patient(attrs.evolve(rules, febrile_neutropenia=fever)).counts("ANC", LOW)
        assert patient.temperature(10, "37.8", "08:00", site=BodySite.AXILLARY).value("S1").value is False
        assert patient.temperature(11, "37.9", "08:00", site=BodySite.AXILLARY).value("S1").value is True


class TestTheCountThatGoesWithIt:
    """A fever of 39 on day 10 at 12:00; neutrophils by day and hour."""

    @pytest.mark.parametrize(
        ("counts", "febrile"),
        [
            ([("0.9", 10, "06:00"), ("1.5", 10, "19:00")], True),  # 6 hours before is nearer than 7 after
            ([("0.9", 10, "05:00"), ("1.5", 10, "18:00")], False),
            ([("0.9", 11, "12:00")], True),  # 24 hours after
            ([("0.9", 11, "12:01")], False),
            ([("0.9", 8, "12:00")], True),  # 48 hours before
            ([("0.9", 8, "11:59")], False),
            ([("0.9", 8, "12:00"), ("1.5", 9, "11:00")], False),  # the latest before it
            ([("1.0", 10, "12:00")], False),  # exactly at the threshold
            ([("0.9", 9, "")], True),  # a day without a time: one day before
            ([("0.9", 7, "")], False),
        ],
    )
    def test_is_the_nearest_within_a_day_else_the_latest_of_two_days_before(
        self, counts: list[tuple[str, int, str]], febrile: bool
    ) -> None:
        patient = Patient().temperature(10, "39", "12:00")
        for value, day, clock in counts:
            patient.count_at("ANC", value, day, clock)
        assert patient.value("S1").value is febrile

    def test_a_protocol_that_pairs_within_an_hour_does_not_look_further_ahead(self) -> None:
        rules = EndpointRules()
        fever = attrs.evolve(rules.febrile_neutropenia, pairing_hours=1)
        for clock, febrile in (("13:00", True), ("13:01", False), ("20:00", False)):
            patient = Patient(attrs.evolve(rules, febrile_neutropenia=fever)).temperature(10, "39", "12:00")
            assert patient.count_at("ANC", "0.2", 10, clock).value("S1").value is febrile

    @pytest.mark.parametrize(("clock", "febrile"), [("11:00", True), ("07:00", True), ("06:59", False)])
    def test_the_latest_before_it_may_be_of_any_hour_of_the_time_that_the_protocol_gives(
        self, clock: str, *, febrile: bool
    ) -> None:
        """Within an hour on either side there is none; the five hours before the fever of 12:00 begin at 07:00."""
        rules = EndpointRules()
        fever = attrs.evolve(rules.febrile_neutropenia, pairing_hours=0, pairing_before_hours=5)
        patient = Patient(attrs.evolve(rules, febrile_neutropenia=fever)).temperature(10, "39", "12:00")
        assert patient.count_at("ANC", "0.2", 10, clock).value("S1").value is febrile

    @pytest.mark.parametrize(
        ("fever", "count", "before", "febrile"),
        [
            # 11:00 on the 13th and 10:30 on the 14th, both in UTC: 23 hours 30 minutes after it, three dates later
            ("2026-03-12T23:00-12:00", "2026-03-15T00:30+14:00", 24, True),
            ("2026-03-12T23:00-12:00", "2026-03-15T01:01+14:00", 24, False),
            # 10:30 on the 14th and 10:30 on the 12th, both in UTC: 48 hours before it, four dates earlier
            ("2026-03-15T00:30+14:00", "2026-03-11T22:30-12:00", 48, True),
            ("2026-03-15T00:30+14:00", "2026-03-11T22:29-12:00", 48, False),
        ],
    )
    def test_hours_count_and_not_dates_where_offsets_differ(
        self, fever: str, count: str, before: int, *, febrile: bool
    ) -> None:
        rules = EndpointRules()
        paired = attrs.evolve(rules.febrile_neutropenia, pairing_before_hours=before)
        patient = Patient(attrs.evolve(rules, febrile_neutropenia=paired))
        patient.facts.append(vital_sign(VitalSign.TEMPERATURE, "39", "Cel", measured_at=fever))
        patient.facts.append(lab("ANC", "0.2", "10*9/L", collected_at=count))
        assert patient.value("S1").value is febrile

    def test_leukocytes_stand_in_for_it(self) -> None:
        assert Patient().counts("WBC", {10: "0.8"}).temperature(10, "39").value("S1").value is True

    def test_leukocytes_that_are_not_low_say_nothing_of_neutrophils(self) -> None:
        patient = Patient().count_at("ANC", "0.57", 4, "23:45").count_at("WBC", "2.81", 5, "13:45")
        assert patient.temperature(5, "39", "14:45").value("S1").value is True

    def test_nor_do_leukocytes_of_a_day_with_neutrophils(self) -> None:
        patient = Patient().count_at("WBC", "0.9", 14, "06:00").count_at("ANC", "1.10", 14, "20:00")
        assert patient.temperature(14, "39", "08:00").value("S1").value is False


class TestFebrileNeutropeniaAsReported:
    def test_a_reported_event_counts_too(self) -> None:
        found = Patient().event("Febrile neutropenia", 12, 15).value("S1")
        assert (found.value, found.on) == (True, T0 + timedelta(days=12))

    def test_the_source_may_be_one_of_the_two(self) -> None:
        def both(source: str) -> Patient:
            patient = Patient(endpoint_rules(fn_source=source)).counts("ANC", LOW)
            for day in range(43):
                patient.temperature(day, "39" if day == 20 else "36.5", "08:00")
            return patient.event("Febrile neutropenia", 12, 15)

        on = {source: both(source).value("S1").on for source in ("either", "derived", "reported")}
        assert on == {
            "either": T0 + timedelta(days=12),
            "derived": T0 + timedelta(days=20),
            "reported": T0 + timedelta(days=12),
        }

    def test_derived_alone_needs_temperatures_and_counts(self) -> None:
        patient = Patient(endpoint_rules(fn_source="derived"))
        assert patient.value("S1").status is Status.NOT_OBSERVED
        assert patient.counts("ANC", LOW).value("S1").status is Status.NOT_OBSERVED

    def test_or_neutrophils_that_were_never_low(self) -> None:
        patient = Patient(endpoint_rules(fn_source="derived")).counts("ANC", dict.fromkeys(range(43), "3"))
        assert patient.value("S1").value is False

    def test_with_nothing_to_derive_it_from_reports_alone_speak_and_that_is_flagged(self) -> None:
        found = Patient().value("S1")
        assert (found.value, found.flags) == (False, (Flag.NOT_DERIVED,))


class TestTheReadings:
    """Which vital signs are read, of days 2 to 4."""

    @pytest.mark.parametrize(
        ("sign", "value", "unit", "measured_at", "read"),
        [
            (VitalSign.TEMPERATURE, "39", "Cel", at(1), False),
            (VitalSign.TEMPERATURE, "39", "Cel", at(2), True),
            (VitalSign.TEMPERATURE, "39", "Cel", at(4, "23:59"), True),
            (VitalSign.TEMPERATURE, "39", "Cel", at(5), False),
            (VitalSign.TEMPERATURE, "39", "Cel", "2026-03", False),  # of no day
            (VitalSign.OXYGEN_SATURATION, "95", "%", at(3), False),
        ],
    )
    def test_temperatures_with_a_day_from_the_first_to_the_last(
        self, sign: VitalSign, value: str, unit: str, measured_at: str, *, read: bool
    ) -> None:
        meta = Meta(recorded_at=datetime(2026, 9, 1, tzinfo=UTC), user="u", command="c", part=1, parts=1)
        fact = vital_sign(sign, value, unit, measured_at=measured_at)
        entry = Recorded(trial="T", position=1, stream="s", version=1, meta=meta, fact=fact)
        first, last = T0 + timedelta(days=2), T0 + timedelta(days=4)
        for days in ((first, last), (date(2026, 3, 1), last)) if measured_at == "2026-03" else ((first, last),):
            found = temperatures([entry], first=days[0], last=days[1], rule=FebrileNeutropenia())
            assert [one.entry for one in found] == ([entry] if read else [])

    def test_of_two_of_one_moment_the_warm_one_that_was_recorded_first_is_of_the_run(self) -> None:
        """38.0 twice at 08:00 and once at 09:01: the evidence has the first and the third of the three."""
        patient = low()
        for clock in ("08:00", "08:00", "09:01"):
            patient.temperature(10, "38.0", clock)
        read = [one.position for one in patient.history().entries() if isinstance(one.fact, VitalSignRecorded)]
        named = patient.value("S1").evidence
        assert [position in named for position in read] == [True, False, True]

    def test_a_first_day_rests_on_its_first_reading(self) -> None:
        one_day, two_days = low().temperature(10, "39", "08:00"), low().temperature(10, "39", "08:00")
        two_days.temperature(11, "39", "08:00")
        assert two_days.value("S1").evidence == one_day.value("S1").evidence

    @pytest.mark.parametrize("offset", ["", "+08:00"])
    def test_times_without_an_offset_are_compared_among_themselves(self, offset: str) -> None:
        """Other systems may give them: 38.0 at 08:00 and at 09:01 are an hour and a minute apart."""
        patient = low()
        for clock in ("08:00", "09:01"):
            measured = f"{at(10)}T{clock}{offset}"
            patient.facts.append(vital_sign(VitalSign.TEMPERATURE, "38.0", "Cel", measured_at=measured))
        assert patient.value("S1").value is True


class TestHowLongFebrileNeutropeniaLasts:
    def test_to_the_last_day_before_two_days_without_fever(self) -> None:
        patient = low()
        for day in range(43):
            patient.temperature(day, "39" if day in {10, 11, 13} else "36.5", "08:00")
        found = patient.value("S2")
        assert (found.value, found.details["longest"]) == (2 + 1, 2)  # 48 hours lie between day 11 and day 13

    def test_less_than_two_days_between_join_it(self) -> None:
        patient = low()
        for day, clock in ((10, "08:00"), (12, "07:59")):
            patient.temperature(day, "39", clock)
        found = patient.temperature(20, "36.5", "08:00").value("S2")
        assert (found.value, found.details["longest"]) == (3, 3)

    def test_to_the_day_before_the_neutrophils_are_back(self) -> None:
        counts = {day: "0.2" if day < 12 else "1.0" for day in range(43)}
        patient = Patient().counts("ANC", counts)
        for day in (10, 11, 12, 13):
            patient.temperature(day, "39", "01:00")
        assert patient.value("S2").value == 2

    def test_also_where_it_was_only_warm_until_then(self) -> None:
        """39 on day 12, 38.1 on days 13 and 14, neutrophils back on day 15: no 48 hours without fever came first."""
        patient = Patient().counts("ANC", {12: "0.3", 13: "0.3", 14: "0.3", 15: "1.9"})
        for day, value in ((12, "39"), (13, "38.1"), (14, "38.1")):
            patient.temperature(day, value, "08:00")
        assert (patient.value("S2", on=14).value, patient.value("S2").value) == (3, 3)

    def test_it_goes_on_where_the_observation_ends_before_two_days_without_fever(self) -> None:
        patient = low().temperature(10, "39", "08:00")
        assert (patient.value("S2", on=11).value, patient.value("S2", on=11).flags) == (2, (Flag.ONGOING,))
        # Nobody measured a temperature in the 48 hours: that ends it, and is said.
        assert (patient.value("S2", on=12).value, patient.value("S2", on=12).flags) == (1, (Flag.NO_TEMPERATURE,))

    def test_reported_and_derived_days_are_united(self) -> None:
        patient = low().temperature(10, "39", "08:00").event("Febrile neutropenia", 9, 11)
        assert patient.value("S2").value == 3

    def test_under_way_at_the_start_it_is_prevalent(self) -> None:
        patient = Patient().counts("ANC", {-1: "0.2", **LOW})
        patient.temperature(-1, "39", "08:00").temperature(0, "39", "08:00")
        assert patient.value("S1").status is Status.PREVALENT
        assert patient.value("S2").status is Status.PREVALENT

    @pytest.mark.parametrize(
        ("fevers", "total", "longest"),
        [
            ({10, 12}, 3, 3),  # from late on day 10 to early on day 12 it may be little more than a day
            ({10, 13}, 2, 1),  # from late on day 10 to early on day 13 it is at least two days
        ],
    )
    def test_without_times_by_the_days_that_surely_lie_between(
        self, fevers: set[int], total: int, longest: int
    ) -> None:
        patient = low()
        for day in range(43):
            patient.temperature(day, "39" if day in fevers else "36.5")
        found = patient.value("S2")
        assert (found.value, found.details["longest"]) == (total, longest)

    def test_neutrophils_that_came_back_on_its_first_day_end_it_there(self) -> None:
        """Fever on days 10 and 11; neutrophils were 2.0 in the evening of day 10, and low again on day 11."""
        patient = Patient().count_at("ANC", "0.3", 10, "07:00").count_at("ANC", "2.0", 10, "20:00")
        patient.count_at("ANC", "0.3", 11, "07:00")
        patient.temperature(10, "39", "08:00").temperature(11, "39", "08:00")
        found = patient.value("S2", on=11)
        assert (found.value, found.details["longest"]) == (2, 1)

    def test_neutrophils_that_are_back_on_the_last_day_of_the_window_end_it_the_day_before(self) -> None:
        patient = Patient().counts("ANC", {40: "0.2", 41: "0.2", 42: "1.0"})
        patient.temperature(41, "39", "20:00").temperature(42, "38.1", "08:00")
        found = patient.value("S2")
        assert (found.value, Flag.ONGOING in found.flags) == (1, False)

    def test_48_hours_by_the_clock_end_it_before_a_count_that_comes_just_then(self) -> None:
        """Warm at 08:00 on day 12; neutrophils are back at 08:00 on day 14: 48 hours had passed by then."""
        patient = Patient().count_at("ANC", "0.3", 12, "07:00").temperature(12, "39", "08:00")
        patient.count_at("ANC", "2", 14, "08:00").temperature(13, "36.5", "08:00")
        assert patient.value("S2").value == 1
        sooner = Patient().count_at("ANC", "0.3", 12, "07:00").temperature(12, "39", "08:00")
        sooner.count_at("ANC", "2", 14, "07:59").temperature(13, "36.5", "08:00")
        assert sooner.value("S2").value == 2  # to the day before the neutrophils were back

    @pytest.mark.parametrize(("clock", "days", "ongoing"), [("07:59", 4, True), ("08:00", 1, False)])
    def test_a_warm_reading_within_48_hours_puts_off_its_end_and_one_at_their_end_does_not(
        self, clock: str, days: int, *, ongoing: bool
    ) -> None:
        """Fever on day 10 and warm on day 12; on day 13 fewer than 48 hours have passed since that."""
        found = low().temperature(10, "39", "08:00").temperature(12, "38.1", clock).value("S2", on=13)
        assert (found.value, Flag.ONGOING in found.flags) == (days, ongoing)

    @pytest.mark.parametrize(("clock", "flags"), [("08:00", ()), ("08:01", (Flag.NO_TEMPERATURE,))])
    def test_a_temperature_at_the_end_of_the_48_hours_was_measured_within_them(
        self, clock: str, flags: tuple[Flag, ...]
    ) -> None:
        found = low().temperature(10, "39", "08:00").temperature(12, "36.5", clock).value("S2", on=20)
        assert (found.value, found.flags) == (1, flags)

    def test_nobody_measured_it_since_it_was_last_warm(self) -> None:
        """Fever on day 10, warm on day 11, and nothing since: nobody knows how it was in the 48 hours after that."""
        found = low().temperature(10, "39", "08:00").temperature(11, "38.1", "08:00").value("S2", on=20)
        assert (found.value, found.flags) == (1, (Flag.NO_TEMPERATURE,))

    @pytest.mark.parametrize(("on", "days", "flag"), [(11, 2, Flag.ONGOING), (12, 1, Flag.NO_TEMPERATURE)])
    def test_without_a_time_two_days_are_48_hours(self, on: int, days: int, flag: Flag) -> None:
        found = low().temperature(10, "39").value("S2", on=on)
        assert (found.value, found.flags) == (days, (flag,))

    def test_two_readings_of_one_day_without_times_may_be_of_one_hour(self) -> None:
        """12 hours without fever end it here; the reading of that day may have come within them."""
        rules = EndpointRules()
        fever = attrs.evolve(rules.febrile_neutropenia, afebrile_hours=12)
        patient = Patient(attrs.evolve(rules, febrile_neutropenia=fever)).counts("ANC", LOW)
        assert patient.temperature(10, "39").temperature(10, "36.5").value("S2").flags == ()

    def test_between_two_readings_of_one_day_there_is_no_less_than_no_time(self) -> None:
        """Where no hour without fever is asked, it is over with its reading; a warm one of that day is none of it."""
        rules = EndpointRules()
        fever = attrs.evolve(rules.febrile_neutropenia, afebrile_hours=0)
        patient = Patient(attrs.evolve(rules, febrile_neutropenia=fever)).counts("ANC", LOW)
        patient.temperature(10, "39").temperature(10, "38.1")
        read = [one.position for one in patient.history().entries() if isinstance(one.fact, VitalSignRecorded)]
        assert [position in patient.value("S2").evidence for position in read] == [True, False]

    @pytest.mark.parametrize(("clock", "days", "ongoing"), [("00:00", 1, False), ("00:01", 2, True)])
    def test_48_hours_may_end_with_the_last_day_of_the_observation(
        self, clock: str, days: int, *, ongoing: bool
    ) -> None:
        """Midnight of day 10, and the end of day 11: 48 hours."""
        found = low().temperature(10, "39", clock).value("S2", on=11)
        assert (found.value, Flag.ONGOING in found.flags) == (days, ongoing)

    @pytest.mark.parametrize(("clock", "days"), [("00:00", 1), ("00:01", 2)])
    def test_or_with_the_day_of_a_count_without_a_time(self, clock: str, days: int) -> None:
        """Fever on day 9, warm at midnight of day 10, neutrophils back some time on day 11, by its end at the latest.

        With 48 hours without fever, it ended on day 9; with a minute less, the day before neutrophils were back.
        """
        patient = Patient().counts("ANC", {9: "0.3", 11: "2"}).temperature(9, "39", "08:00")
        assert patient.temperature(10, "38.1", clock).value("S2").value == days

    def test_a_count_of_the_very_moment_does_not_end_it(self) -> None:
        """At 08:00 on day 10 neutrophils were 0.3 and 2.0, the lower one counts; nothing ended it before day 11."""
        patient = Patient().count_at("ANC", "0.3", 10, "08:00").count_at("ANC", "2.0", 10, "08:00")
        patient.count_at("ANC", "0.3", 11, "08:00")
        found = patient.temperature(10, "39", "08:00").temperature(11, "39", "08:00").value("S2", on=11)
        assert (found.value, found.details["longest"]) == (2, 2)

    @pytest.mark.parametrize("back", [9, 10])
    def test_a_count_with_a_time_ends_no_fever_without_one_that_may_have_come_later(self, back: int) -> None:
        """Neutrophils were back at 20:00 on day 9 or 10, and low in the mornings: days 10 and 11 are one fever."""
        patient = Patient().count_at("ANC", "2.0", back, "20:00")
        for number in (10, 11):
            patient.count_at("ANC", "0.3", number, "07:00").temperature(number, "39")
        found = patient.value("S2", on=11)
        assert (found.value, found.details["longest"]) == (2, 2)

    def test_a_fever_later_on_the_day_on_which_it_ended_begins_another_one(self) -> None:
        """Neutrophils 2.0 at 20:00 end the fever of the morning; that of 21:00 goes on, and both share day 10."""
        patient = Patient()
        for value, number, clock in (("0.3", 10, "07:00"), ("2.0", 10, "20:00"), ("0.3", 10, "20:45")):
            patient.count_at("ANC", value, number, clock)
        patient.count_at("ANC", "0.3", 11, "07:00")
        patient.temperature(10, "39", "08:00").temperature(10, "39", "21:00").temperature(11, "39", "08:00")
        found = patient.value("S2", on=11)
        assert (found.value, found.details["longest"]) == (2, 2)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (at(12, "09:00"), at(12)),  # without a time: the end of the day
            (f"{at(12)}T09:00+08:00", f"{at(12)}T08:00+00:00"),  # 01:00 and 08:00 in UTC
        ],
    )
    def test_the_count_that_ends_it_is_the_first_one(self, first: str, second: str) -> None:
        """Fever on day 10, neutrophils back twice on day 12, whichever was recorded first."""
        for order in ((first, second), (second, first)):
            patient = Patient().count_at("ANC", "0.3", 10, "07:00").temperature(10, "39", "08:00")
            patient.temperature(12, "38.1", "00:30")
            for one in order:
                patient.facts.append(lab("ANC", "2", "10*9/L", collected_at=one))
            history = patient.history()
            named = {
                entry.fact.collected_at.text
                for entry in history.entries()
                if isinstance(entry.fact, LabRecorded) and entry.position in patient.value("S2").evidence
            }
            assert first in named
            assert second not in named

    @pytest.mark.parametrize(("back", "days"), [(13, 1), (14, 1), (15, 1)])
    def test_a_count_without_a_time_counts_as_taken_at_the_end_of_its_day(self, back: int, days: int) -> None:
        """Warm at 08:00 on day 12: by the end of day 14 it is 64 hours, by the end of day 13 only 40."""
        patient = Patient().counts("ANC", {12: "0.3", back: "2"}).temperature(12, "39", "08:00")
        assert patient.temperature(13, "36.5", "08:00").value("S2").value == days

    def test_whichever_comes_first_by_the_hour(self) -> None:
        """Warm until 23:00 on day 2; neutrophils are back 31 hours later: that is before 48 hours have passed."""
        patient = Patient().count_at("ANC", "0.3", 1, "08:00").temperature(1, "39", "10:00")
        patient.temperature(2, "38.1", "23:00").count_at("ANC", "2", 4, "06:00")
        assert patient.value("S2").value == 3

    def test_a_fever_on_the_day_on_which_neutrophils_come_back_is_one_of_its_own(self) -> None:
        patient = Patient().temperature(-1, "39", "21:00").count_at("ANC", "0.3", -1, "20:00")
        patient.temperature(0, "39", "05:00").count_at("ANC", "2.0", 0, "20:00")
        found = patient.value("S1")
        assert (found.value, found.on, found.flags) == (True, T0, ())

    @pytest.mark.parametrize("days", [0, 1, 7])
    def test_the_days_of_a_baseline_do_not_bound_it(self, days: int) -> None:
        rules = attrs.evolve(EndpointRules(), baseline_days=days)
        late = Patient(rules).count_at("ANC", "0.3", -2, "10:00").temperature(0, "39", "09:00")
        assert late.value("S1").value is True
        under_way = Patient(rules).temperature(-1, "39", "09:00").temperature(0, "39", "09:00")
        under_way.count_at("ANC", "0.3", 0, "06:00").count_at("ANC", "2", 3, "06:00")
        assert under_way.value("S1").status is Status.PREVALENT

    def test_nor_does_what_may_confirm_a_recovery(self) -> None:
        rules = attrs.evolve(EndpointRules(), confirm_after_window=False)
        patient = Patient(rules).temperature(42, "39", "21:00").count_at("ANC", "0.3", 43, "08:00")
        assert patient.value("S1").value is True

    def test_a_fever_over_several_readings_rests_on_all_of_them(self) -> None:
        """18:00, 23:00 and 08:00 are at most 12 hours apart; the first and the last are not."""
        patient = Patient().count_at("ANC", "0.3", 11, "07:00")
        patient.temperature(10, "38.0", "18:00").temperature(10, "38.0", "23:00").temperature(11, "38.0", "08:00")
        found = patient.value("S1")
        assert (found.value, found.flags) == (True, ())
        assert len(found.evidence) == 2 + 3 + 1  # start and infusion, three temperatures, one count


class TestInfectionsAndBleeding:
    def test_days_are_inclusive_and_united(self) -> None:
        patient = (
            Patient().event("Sepsis", 5, 8, grade=4).event("Lung infection", 7, 10).event("Skin infection", 20, 20)
        )
        assert (patient.value("S4").value, patient.value("S3").value) == (True, 7)
        assert patient.value("S3").details["longest"] == 6

    def test_clipped_to_the_window_and_flagged_where_it_goes_on(self) -> None:
        found = Patient().event("Lung infection", 40).value("S3")
        assert (found.value, found.flags) == (3, (Flag.ONGOING,))
        assert Patient().event("Lung infection", 40, 42).value("S3").flags == ()

    def test_an_onset_after_the_window_does_not_count(self) -> None:
        assert Patient().event("Lung infection", 43).value("S4").value is False
        assert Patient().event("Lung infection", 42).value("S4").value is True

    def test_under_way_at_the_start_is_prevalent(self) -> None:
        patient = Patient().event("Lung infection", -5, 3)
        assert (patient.value("S4").status, patient.value("S3").status) == (Status.PREVALENT, Status.PREVALENT)
        patient.event("Sepsis", 10, 12, grade=4)
        assert (patient.value("S4").value, patient.value("S3").value) == (True, 3)

    def test_a_protocol_may_include_it(self) -> None:
        patient = Patient(endpoint_rules(prevalent="include")).event("Lung infection", -5, 3)
        assert (patient.value("S4").value, patient.value("S3").value) == (True, 4)
        assert patient.value("S4").flags == (Flag.PREVALENT,)

    def test_over_before_the_start_it_is_nothing(self) -> None:
        patient = Patient().event("Lung infection", -5, -1)
        assert (patient.value("S4").value, patient.value("S3").status) == (False, Status.NO_EPISODE)

    def test_an_end_before_the_onset_which_other_systems_give_is_the_day_of_the_onset(self) -> None:
        patient = Patient().event("Sepsis", 20, grade=4).event("Lung infection", 5, 8)
        patient.add(AdverseEventFollowedUp, event="AE1", on=at(25), ended=at(10))
        assert patient.value("S3").value == 5

    def test_febrile_neutropenia_is_no_infection(self) -> None:
        assert Patient().event("Febrile neutropenia", 10).value("S4").value is False

    def test_bleeding_is_a_group_of_terms(self) -> None:
        patient = Patient().event("Epistaxis", 10, 11, grade=1)
        assert (patient.value("S5").value, patient.value("S13").value, patient.value("S4").value) == (True, 2, False)
        assert Patient(endpoint_rules(bleeding="topps")).event("Epistaxis", 10, 11, grade=1).value("S5").value is False

    def test_a_grade_that_came_later_counts(self) -> None:
        patient = Patient(endpoint_rules(bleeding="topps")).event("Epistaxis", 10, grade=1)
        patient.add(AdverseEventFollowedUp, event="AE1", on=at(12), grade=2, ended=at(13))
        assert (patient.value("S5").value, patient.value("S13").value) == (True, 4)

    def test_a_partial_onset_that_covers_the_start_begins_with_it(self) -> None:
        found = Patient().event("Sepsis", "2026-03", 3, grade=4).value("S3")
        assert (found.value, found.flags) == (4, (Flag.IMPUTED_DATE,))

    def test_a_partial_end_is_the_latest_day_it_allows(self) -> None:
        assert Patient().event("Sepsis", 10, "2026-03", grade=4).value("S3").value == 20  # 12 to 31 March


class TestTransfusions:
    def test_red_cells_and_platelets_in_the_window(self) -> None:
        patient = Patient().transfused(5, 9, units="2").transfused(42, product=BloodProduct.RED_CELLS)
        found = patient.transfused(43, product=BloodProduct.RED_CELLS).value("S6")
        assert (found.value, found.on) == (True, T0 + timedelta(days=5))
        assert found.details == {
            "red_cells": True,
            "platelets": True,
            "red_cell_units": Decimal(1),
            "platelet_units": Decimal(4),
        }

    def test_plasma_is_none_of_them(self) -> None:
        assert Patient().transfused(5, product=BloodProduct.PLASMA).value("S6").value is False

    def test_before_and_after_the_window_is_outside(self) -> None:
        assert Patient().transfused(-1, 43).value("S6").value is False

    def test_a_partial_day_is_the_earliest_and_flagged(self) -> None:
        patient = Patient().add(Transfused, on="2026-03", product=BloodProduct.PLATELETS, units="1")
        found = patient.value("S6")
        assert (found.value, found.on, found.flags) == (True, T0, (Flag.IMPUTED_DATE,))


class TestAntiInfectives:
    @pytest.mark.parametrize("code", ["J01DH02", "J02AC03", "J04AB02", "J05AB01", "P01BD04", "j01dh02"])
    def test_the_classes_that_count(self, code: str) -> None:
        assert Patient().anti_infective(5, 9, code).value("S12").value is True

    @pytest.mark.parametrize("code", ["J06BA02", "J07BB02", "D06AX09", "A07AA09"])
    def test_and_others_that_do_not(self, code: str) -> None:
        assert Patient().anti_infective(5, 9, code).value("S12").value is False

    @pytest.mark.parametrize(
        ("first", "last", "counts"),
        [(-5, -1, False), (-5, 0, True), (-5, None, True), (42, 50, True), (43, 50, False)],
    )
    def test_any_day_in_the_window(self, first: int, last: int | None, counts: bool) -> None:
        assert Patient().anti_infective(first, last).value("S12").value is counts

    def test_local_routes_do_not_count(self) -> None:
        assert Patient().anti_infective(5, 9, route="Topical").value("S12").value is False
        assert Patient().anti_infective(5, 9, route="oral").value("S12").value is True

    @pytest.mark.parametrize("route", ["eye  drops", "Eye Drops "])
    def test_a_local_route_of_a_protocol_is_compared_whatever_its_capitals_and_blanks(self, route: str) -> None:
        rules = attrs.evolve(EndpointRules(), local_routes=("Eye drops",))
        assert Patient(rules).anti_infective(5, 9, route=route).value("S12").value is False

    def test_any_intent_counts_and_treatment_stands_beside_it(self) -> None:
        patient = Patient().anti_infective(5, 9, intent=Intent.PROPHYLAXIS)
        assert (patient.value("S12").value, patient.value("S12").details["treatment"]) == (True, False)

    def test_a_protocol_may_count_treatment_alone(self) -> None:
        patient = Patient(endpoint_rules(intent="treatment")).anti_infective(5, 9, intent=Intent.PROPHYLAXIS)
        assert patient.value("S12").value is False

    def test_without_a_code_nobody_can_tell(self) -> None:
        found = Patient().anti_infective(5, 9, None).value("S12")
        assert (found.status, found.flags) == (Status.NOT_OBSERVED, (Flag.NOT_CLASSIFIED,))
        treated = Patient(endpoint_rules(intent="treatment"))
        assert treated.anti_infective(5, 9, None, intent=Intent.PROPHYLAXIS).value("S12").value is False
        both = Patient().anti_infective(5, 9, None).anti_infective(6, 9).value("S12")
        assert (both.value, both.flags) == (True, (Flag.NOT_CLASSIFIED,))
