"""Values of endpoints in stories: of a participant and of the whole trial, with the parts that are counted by hand."""

import pytest

from trialdomain.reports.endpoints.statistics import Spread
from trialdomain.stories.checking import check_story
from trialdomain.stories.endpoint_words import plain

# Day 0 is the start of chemotherapy, 2026-03-02. Neutrophils are below 0.5 on 2026-03-10; the first of three that are
# at least 0.5 comes on day 10 (2026-03-12) in S001, on day 16 (2026-03-18) in S002, and never in S003, last seen on
# day 20. So 2 of 3 recovered: median (10 + 16) / 2 = 13 days. The cumulative incidence is 1/3 from day 10 and 2/3
# from day 16 on, so the estimated median is 16 days. Infections: 5 days in S001, 3 days in S002, none in S003: median
# 4, mean 8/3 = 2.7. Each had an event from the infusion on; that of S001 is grade 3, and related, on day 3: 1 of 1
# evaluable with a DLT.
TRIAL = """protocol NCT06245746
| dlt = { min_grade = 3 }
2026-03-02  S001, S002, S003 enrolled, started chemotherapy regimen "cytarabine" ecog 1, infused
2026-03-22  S001, S002, S003 lab ANC 0.4 10*9/L on 2026-03-10
            S001 lab ANC 0.6 10*9/L on 2026-03-12, lab ANC 0.7 10*9/L on 2026-03-13, lab ANC 0.8 10*9/L on 2026-03-14
            S002 lab ANC 0.6 10*9/L on 2026-03-18, lab ANC 0.7 10*9/L on 2026-03-19, lab ANC 0.8 10*9/L on 2026-03-20
            S003 lab ANC 0.3 10*9/L on 2026-03-16, lab ANC 0.2 10*9/L on 2026-03-22
            S001 event E1 "Lung infection" grade 3 on 2026-03-05 ended 2026-03-09, infusion likely
            S002 event E1 "Lung infection" grade 2 on 2026-03-06 ended 2026-03-08, infusion unrelated
            S003 transfused red cells units 2 on 2026-03-07
"""


def failures_of(line: str, trial: str = TRIAL) -> list[str]:
    outcome = check_story(f"{trial}            {line}\n")
    return ["\n".join(failure.sentences[1:3]) for failure in outcome.failures]


@pytest.mark.parametrize(
    "line",
    [
        "expect P1: 2 of 3 infused",
        "expect P1: 2 of 3 any within 28 days, 0 of 3 serious within 28 days, 2 events within 28 days",
        "expect P2: 1 of 1 evaluable, 2 pending",
        "expect P2: 1/1",
        "expect P2: 2 not observed",
        "expect P3: open",
        "expect S3: 2 of 3, median 4 days, range 3 to 5 days, mean 2.7 days, 0 ongoing, 0 end unknown",
        "expect S4: 2 of 3 evaluable, 67 %",
        "expect S4: 2/3, 67%",
        "expect S6: 1 of 3, 1 of 3 red cells, 0 of 3 platelets, 2 red cell units",
        "expect S7: 2 of 3 at risk, median 13 days, range 10 to 16 days, estimated median 16 days, 1 censored",
        "expect S7: 0 died",
        "expect S9: nobody at risk",
        "expect S9: 0 of 0, 3 not observed",
        "expect S13: 0 of 3",
        "expect S7 S001: 10 days",
        "expect S7 S001: 10",
        "expect S7 S001: observed",
        "expect S7 S003: censored",
        "expect S7 S003: not by day 20",
        "expect S9 S001: not observed",
        "expect S9 S001: not-observed",
        "expect S13 S001: no episode",
        "expect S4: 0 of 3   known 2026-03-02",
    ],
)
def test_a_value_is_read_as_it_is_written_and_in_other_plain_words(line: str) -> None:
    assert failures_of(line) == []


@pytest.mark.parametrize(
    ("line", "came"),
    [
        ("expect P2: 1 of 3", "P2: 1 of 1 evaluable, 2 pending"),
        ("expect S3: mean 3 days", "S3: 2 of 3 evaluable, median 4 days, range 3 to 5 days"),
        ("expect S4: 3 of 3", "S4: 2 of 3 evaluable"),
        ("expect S4: 66 %", "S4: 2 of 3 evaluable, 67 %"),
        ("expect S7: 1 died", "S7: 2 of 3 at risk, median 13 days, range 10 to 16 days, estimated median 16 days"),
        ("expect S7: not reached", "estimated median 16 days"),
        ("expect S11: median 3 days", "S11: nobody at risk, 3 not observed"),
        ("expect P3: established level 1", "P3: open"),
        ("expect S7 S003: 20 days", "S7 S003: censored (cut off)"),
        ("expect S4 S001: no", "S4 S001: yes"),
        ("expect P3 S001: open", "P3 is of the whole trial, and has no value of a participant: write 'expect P3: ...'"),
        ("expect S4 S01: yes", "there is no participant 'S01': did you mean 'S001'?"),
    ],
)
def test_a_value_that_differs_is_shown_as_it_would_be_written(line: str, came: str) -> None:
    [failure] = failures_of(line)
    wanted, found = failure.splitlines()
    assert wanted == f"  expected: {line.removeprefix('expect ')}"
    assert came in found


@pytest.mark.parametrize(
    ("parameters", "line", "why"),
    [
        ('design = "none"', "expect P3: open", "P3 has no value: the protocol has no design, which would give the MTD"),
        ('dlt = "none"', "expect P2: 0 of 0", "P2 has no value: the protocol has no rule for dose-limiting toxicities"),
        ('dlt = "none"', "expect P2 S001: no", "P2 has no value: the protocol has no rule"),
    ],
)
def test_what_has_no_value_under_the_protocol_is_said(parameters: str, line: str, why: str) -> None:
    needs = '| dlt = "none"\n' if "design" in parameters else '| design = "none"\n'
    [failure] = failures_of(line, f"protocol NCT06245746\n| {parameters}\n{needs}2026-03-02  S001 consented\n")
    assert why in failure


def test_words_are_compared_without_regard_to_their_form() -> None:
    assert plain("2/3") == plain("2 of 3")
    assert plain("67%") == plain("67 %")
    assert plain("Not-Observed") == plain("not observed")
    assert plain("1 day") == plain("1 days")
    assert plain("12 of 3") != plain("1 of 3")


def test_a_median_between_two_days_is_written_as_the_report_has_it() -> None:
    assert f"{Spread.of([12, 13]).median:g}" == "12.5"
