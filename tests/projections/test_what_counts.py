"""The entries that endpoints read: names, specimens, undecided results, and ends without a recorded date."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import permutations
from random import Random

import pytest

from trialdomain import Flag, Outcome, Status, lab
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported, Died
from trialdomain.reports.endpoints.summaries import DurationSummary
from trialdomain.testing.patient import T0, Patient, at

AFEBRILE_HOURS = 48


def followed_up(patient: Patient, day: int, event: str = "AE1") -> Patient:
    """Record that somebody has recovered from an event, and not when."""
    return patient.add(AdverseEventFollowedUp, event=event, on=at(day), outcome=Outcome.RECOVERED)


class TestNamesAndSpecimens:
    @pytest.mark.parametrize("name", ["Neutrophils", "anc", "Absolute neutrophil count", "751-8", "NEUT"])
    def test_a_usual_name_is_read_as_the_count(self, name: str) -> None:
        """0.2 on day 5, then 0.6 daily from day 9: recovered on day 9 (three consecutive values)."""
        patient = Patient()
        values = {0: "2", 5: "0.2", 9: "0.6", 10: "0.6", 11: "0.6"}
        patient.facts += [lab(name, value, "10^9/L", collected_at=at(day)) for day, value in values.items()]
        assert patient.value("S7").value == 9

    @pytest.mark.parametrize(
        ("analyte", "value", "unit", "specimen"),
        [
            ("LEUK", "2", "/uL", "CEREBROSPINAL FLUID"),
            ("LEUK", "25", "/uL", "URINE"),
            ("NEUT", "0", "/uL", "CEREBROSPINAL FLUID"),
            ("HGB", "0.3", "mg/dL", "URINE"),
            ("PLAT", "1", "10*9/L", "bone marrow"),
        ],
    )
    def test_another_specimen_counts_for_nothing(self, analyte: str, value: str, unit: str, specimen: str) -> None:
        patient = Patient()
        for name, usual in (("NEUT", "4.0"), ("LEUK", "6.0"), ("HGB", "130"), ("PLAT", "200")):
            of = "g/L" if name == "HGB" else "10*9/L"
            patient.facts += [lab(name, usual, of, collected_at=at(one), specimen="BLOOD") for one in range(43)]
        patient.temperature(10, "38.9", "08:00")
        before = [patient.value(outcome) for outcome in ("S1", "S7", "S8", "S10")]
        patient.facts.append(lab(analyte, value, unit, collected_at=at(10), specimen=specimen))
        assert [patient.value(outcome) for outcome in ("S1", "S7", "S8", "S10")] == before
        assert [one.value for one in before] == [False, None, False, False]
        patient.facts.append(lab(analyte, value, unit, collected_at=at(10), specimen="SERUM"))
        assert [patient.value(outcome) for outcome in ("S1", "S7", "S8", "S10")] != before


class TestWhatABoundLeavesOpen:
    def test_it_interrupts_a_run_and_is_flagged(self) -> None:
        """Of 0.2, 0.6, < 1, 0.6, 0.6 on days 5 to 9 no three that follow one another are shown to be 0.5."""
        patient = Patient().counts("ANC", {5: "0.2", 6: "0.6", 7: "< 1", 8: "0.6", 9: "0.6"})
        assert patient.value("S7").status is Status.CENSORED
        found = patient.counts("ANC", {10: "0.6"}).value("S7")
        assert (found.value, found.flags) == (8, (Flag.UNDECIDED,))

    def test_where_it_decides_there_is_nothing_to_flag(self) -> None:
        found = Patient().counts("ANC", {5: "0.2", 6: "0.6", 7: ">= 0.5", 8: "0.6"}).value("S7")
        assert (found.value, found.flags) == (6, ())

    def test_leukocytes_that_are_not_low_are_no_value_of_neutrophils(self) -> None:
        patient = Patient().counts("ANC", {5: "0.2", 6: "0.6", 8: "0.6", 9: "0.6"}).counts("WBC", {7: "2.0"})
        assert (patient.value("S7").value, patient.value("S7").flags) == (6, ())

    def test_random_courses_against_another_reading(self) -> None:
        random = Random(7)  # noqa: S311 - made-up courses, no secret
        for _ in range(60):
            days = sorted(random.sample(range(1, 41), random.randint(4, 20)))
            values = {
                one: random.choice(["0.2", "0.6", "0.6", "0.7", "< 1", "> 0.3", "< 0.4", ">= 0.5"]) for one in days
            }
            found = Patient().counts("ANC", values).value("S7")
            assert found.value == first_recovery(values), values


RESULTS = ("0.2", "0.6", "0.6", "0.7", "< 1", "> 0.3", "< 0.4", ">= 0.5")
_LOW, _ENOUGH = {"0.2", "< 0.4"}, {"0.6", "0.7", ">= 0.5"}


def first_recovery(values: dict[int, str]) -> int | None:
    """Look at every three neighbours in turn."""
    below = [day for day, value in values.items() if value in _LOW]
    later = [(day, value) for day, value in values.items() if below and day > below[0]]
    for three in zip(later, later[1:], later[2:], strict=False):
        (first, _), (second, _), (third, _) = three
        if all(value in _ENOUGH for _, value in three) and second - first <= 7 and third - second <= 7:
            return first
    return None


class TestFebrileNeutropeniaEnds:
    """S2: the day before the first count of 1.0, by its time; or 48 hours with every temperature lower."""

    def febrile(self) -> Patient:
        """Fever on day 10 at 09:00 with a count of 0.2 an hour before, and lower temperatures on the days after."""
        patient = Patient().count_at("ANC", "0.2", 10, "08:00").temperature(10, "39", "09:00")
        return patient.temperature(11, "37", "09:00").temperature(12, "37", "06:00")

    @pytest.mark.parametrize("other", ["1.2", "1.3"])
    def test_by_the_time_of_the_count_whatever_the_order_of_recording(self, other: str) -> None:
        """07:00 of day 12 is 46 hours after the fever, before 48 had passed: days 10 and 11."""
        for order in permutations([(other, "07:00"), ("1.2", "10:00")]):
            patient = self.febrile()
            for value, clock in order:
                patient.count_at("ANC", value, 12, clock)
            assert patient.value("S2").value == 2

    def test_after_48_hours_the_last_day_of_fever_was_the_last(self) -> None:
        assert self.febrile().count_at("ANC", "1.2", 12, "10:00").value("S2").value == 1  # 49 hours

    def test_a_lower_count_of_the_same_day_changes_nothing(self) -> None:
        patient = self.febrile().count_at("ANC", "1.2", 12, "07:00").count_at("ANC", "0.3", 12, "05:00")
        assert patient.value("S2").value == 2

    def test_a_count_without_a_time_is_the_end_of_its_day(self) -> None:
        """The end of day 11 is 39 hours after the fever of day 10, and the end of day 12 is 38 after that of day 11."""
        patient = self.febrile().counts("ANC", {11: "1.2"})
        assert (patient.value("S2").value, patient.value("S2").flags) == (1, ())
        patient = self.febrile().temperature(11, "39", "10:00").counts("ANC", {12: "1.2"})
        assert patient.value("S2").value == 2  # to the day before

    def test_so_it_is_for_a_fever_of_that_day_without_a_time(self) -> None:
        """Back at the end of day 10, on which it was also low: the fever of day 12, with a low count, is another."""
        patient = Patient().counts("ANC", {10: "0.2", 12: "0.2"}).counts("ANC", {10: "1.2"})
        assert patient.temperature(10, "39").temperature(12, "39").value("S2").value == 2

    def test_no_temperature_for_48_hours_ends_it_and_is_flagged(self) -> None:
        patient = Patient().counts("ANC", dict.fromkeys(range(43), "0.2")).temperature(10, "39", "09:00")
        assert (patient.value("S2").value, patient.value("S2").flags) == (1, (Flag.NO_TEMPERATURE,))
        patient.temperature(11, "37", "09:00")
        assert (patient.value("S2").value, patient.value("S2").flags) == (1, ())

    def test_leukocytes_that_stand_in_are_flagged(self) -> None:
        patient = Patient().counts("WBC", dict.fromkeys(range(43), "0.2")).temperature(10, "39", "09:00")
        assert Flag.FROM_LEUKOCYTES in patient.value("S1").flags
        assert Flag.FROM_LEUKOCYTES in patient.value("S2").flags

    def test_random_courses_against_another_reading(self) -> None:
        random = Random(2)  # noqa: S311 - made-up courses, no secret
        for _ in range(80):
            hours = sorted(random.sample(range(5 * 24, 16 * 24), random.randint(3, 14)))
            temperatures = [(hour, random.random() < 0.6) for hour in hours]
            hours = random.sample(range(5 * 24, 17 * 24), random.randint(2, 10))
            counts = [(hour, random.random() < 0.4) for hour in hours]
            patient = Patient()
            for hour, fever in random.sample(temperatures, len(temperatures)):
                patient.temperature(hour // 24, "39" if fever else "37", f"{hour % 24:02}:00")
            for hour, high in counts:
                patient.count_at("ANC", "1.2" if high else "0.2", hour // 24, f"{hour % 24:02}:00")
            found, days = patient.value("S2"), febrile_days(temperatures, sorted(counts))
            assert (found.value or 0) == len(days), (temperatures, sorted(counts))
            if days:
                assert found.on == T0 + timedelta(days=min(days))


def febrile_days(temperatures: Sequence[tuple[int, bool]], counts: Sequence[tuple[int, bool]]) -> set[int]:
    """Go through the fevers with a low count by the hour: each opens an episode, or belongs to the one before."""
    fevers = [hour for hour, fever in temperatures if fever]
    left = [hour for hour in fevers if _low(hour, counts)]
    days: set[int] = set()
    while left:
        start = left[0]
        back = next((hour for hour, high in counts if high and hour > start), None)
        until = 43 if back is None else max(back // 24, start // 24 + 1)  # the first day that is none of it any more
        last_warm = last_low = start
        for hour in fevers:
            if hour > start and hour - last_warm < AFEBRILE_HOURS:
                last_warm = hour
                if hour in left and hour // 24 < until:
                    last_low = hour
            elif hour > start:
                break
        since = last_warm_after(last_low, fevers)
        cool = (43 * 24 if back is None else back) - since >= AFEBRILE_HOURS
        end = last_low // 24 if cool else until - 1
        days |= set(range(start // 24, end + 1))
        left = [hour for hour in left if hour > last_low]
    return days


def last_warm_after(hour: int, fevers: Sequence[int]) -> int:
    """Follow fevers from one on until the next is 48 hours away."""
    for other in fevers:
        if other > hour and other - hour >= AFEBRILE_HOURS:
            return hour
        hour = max(hour, other)
    return hour


def _low(hour: int, counts: Sequence[tuple[int, bool]]) -> bool:
    """Say whether the count that goes with a fever is low: the nearest in 24 hours, else the latest in 48 before."""
    near = [(abs(hour - at), high) for at, high in counts if abs(hour - at) <= 24]
    before = [(hour - at, high) for at, high in counts if 0 <= hour - at <= AFEBRILE_HOURS]
    found = near or before
    return bool(found) and not min(found)[1]


class TestAnEndThatNobodyRecorded:
    @pytest.mark.parametrize(("term", "incidence", "duration"), [("Sepsis", "S4", "S3"), ("Epistaxis", "S5", "S13")])
    def test_it_happened_and_has_no_duration(self, term: str, incidence: str, duration: str) -> None:
        patient = followed_up(Patient().event(term, 10), 20)
        assert (patient.value(incidence).value, patient.value(duration).status) == (True, Status.END_UNKNOWN)
        assert patient.value(duration).value is None
        of = patient.history().endpoints(on=date(2026, 6, 1)).summary(duration).overall
        assert isinstance(of, DurationSummary)
        assert (of.end_unknown, of.spread.number, of.of, of.mean_over_all) == (1, 0, 0, None)

    def test_not_recovered_goes_on(self) -> None:
        found = Patient().event("Sepsis", 10).value("S3")
        assert (found.value, found.flags) == (33, (Flag.ONGOING,))  # days 10 to 42

    def test_with_another_that_has_an_end_the_whole_is_not_known(self) -> None:
        patient = followed_up(Patient().event("Sepsis", 10, 12).event("Lung infection", 20), 25, "AE2")
        assert (patient.value("S4").value, patient.value("S3").status) == (True, Status.END_UNKNOWN)

    def test_recovered_before_the_start_is_no_episode(self) -> None:
        patient = followed_up(Patient().event("Sepsis", -10), -3)
        assert (patient.value("S4").value, patient.value("S3").status) == (False, Status.NO_EPISODE)

    def test_of_febrile_neutropenia(self) -> None:
        patient = Patient().add(
            AdverseEventReported,
            event="AE1",
            term="Febrile neutropenia",
            grade=3,
            onset=at(10),
            outcome=Outcome.RECOVERED,
        )
        assert (patient.value("S1").value, patient.value("S2").status) == (True, Status.END_UNKNOWN)


class TestAnEventThatCameBack:
    """From the day after its end it was over: each time it lasted is an episode of its own."""

    def patient(self, term: str, first: int, last: int | None) -> Patient:
        ended = None if last is None else at(last)
        return Patient().add(AdverseEventReported, event="AE1", term=term, grade=3, onset=at(first), ended=ended)

    def again(self, patient: Patient, on: int, ended: int | None = None) -> Patient:
        return patient.add(
            AdverseEventFollowedUp, event="AE1", on=at(on), grade=3, ended=None if ended is None else at(ended)
        )

    @pytest.mark.parametrize(("term", "incidence", "duration"), [("Sepsis", "S4", "S3"), ("Hematuria", "S5", "S13")])
    def test_the_days_between_are_none_of_it(self, term: str, incidence: str, duration: str) -> None:
        """Days 2 to 5 are 4, and days 10 to 12 are 3; without a second end days 10 to 42 are 33."""
        found = self.again(self.patient(term, 2, 5), 10, 12).value(duration)
        assert (found.value, found.details["longest"], found.flags) == (7, 4, ())
        found = self.again(self.patient(term, 2, 5), 10).value(duration)
        assert (found.value, found.flags) == (37, (Flag.ONGOING,))
        assert self.again(self.patient(term, 2, 5), 10).value(incidence).on == T0 + timedelta(2)

    @pytest.mark.parametrize(("term", "incidence", "duration"), [("Sepsis", "S4", "S3"), ("Hematuria", "S5", "S13")])
    def test_one_that_was_over_before_the_start_began_anew_when_it_came_back(
        self, term: str, incidence: str, duration: str
    ) -> None:
        patient = self.again(self.patient(term, -10, -5), 10)
        assert (patient.value(incidence).value, patient.value(incidence).on) == (True, T0 + timedelta(10))
        assert (patient.value(duration).value, patient.value(duration).flags) == (33, (Flag.ONGOING,))
        assert self.again(self.patient(term, -10, -5), 10, 12).value(duration).value == 3

    def test_what_had_ended_it_before_is_part_of_the_evidence(self) -> None:
        """The trial's registration is 1; consent, enrollment, chemotherapy, infusion and the report are 2 to 6."""
        patient = self.patient("Sepsis", -10, None).add(AdverseEventFollowedUp, event="AE1", on=at(-5), ended=at(-5))
        assert {6, 7, 8} <= set(self.again(patient, 10, 12).value("S3").evidence)

    def test_a_follow_up_without_a_grade_or_of_the_day_of_the_end_is_no_return(self) -> None:
        patient = self.patient("Sepsis", 2, 5).add(AdverseEventFollowedUp, event="AE1", on=at(8))
        assert patient.value("S3").value == 4
        assert self.again(self.patient("Sepsis", 2, 5), 5).value("S3").value == 4

    def test_nor_is_a_death_after_the_end(self) -> None:
        patient = self.patient("Sepsis", 2, 5).add(Died, on=at(10), event="AE1")
        assert patient.value("S3").value == 4

    def test_recovered_the_first_time_says_nothing_of_the_second(self) -> None:
        patient = followed_up(self.patient("Sepsis", 2, 5), 5)
        assert (self.again(patient, 10).value("S3").value, patient.value("S3").flags) == (37, (Flag.ONGOING,))
        assert followed_up(patient, 20).value("S3").status is Status.END_UNKNOWN

    def test_of_febrile_neutropenia(self) -> None:
        assert self.again(self.patient("Febrile neutropenia", 2, 5), 10, 12).value("S2").value == 7
