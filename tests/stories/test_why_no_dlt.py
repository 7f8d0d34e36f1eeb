"""A failed count says of each event why it is a DLT or none. Each reason is read off the protocol by hand."""

import pytest

from trialdomain.stories.checking import check_story

PRESET = "protocol NCT06245746\n| [dlt]\n| min_grade = 3\n"
"""Grade 3 or more, related to the infusion, from day 0 to day 14; a worsening counts."""
TABLE = """protocol NCT06245746
| dlt = { min_grade = "none", criteria = [
|     { terms = ["Alopecia"], never = true },
|     { terms = ["Nausea"], min_grade = 3, longer_than_days = 3 },
|     { terms = ["Vomiting"], min_grade = 3, together_with = { terms = ["Fever"], min_grade = 2 } },
| ] }
"""
EXPECTED = """protocol NCT06245746
| dlt.min_grade = 3
| [[dlt.expected_with_chemotherapy]]
| term = "Nausea"
| up_to_grade = 3
"""
INFUSED = "2026-03-02  S001 infused\n"
LATER = "2026-03-25  "


def why(story: str, *, wrong: str = "9 not evaluable") -> str:
    """Return what a story says of S001 after a count that cannot be."""
    outcome = check_story(f"{story}            expect level 1: {wrong}\n")
    (failure,) = outcome.failures
    (each,) = failure.failed.each
    return each.removeprefix("S001: ")


REASONS = {
    "a DLT": (
        PRESET + INFUSED + '2026-03-09  S001 event E1 "Fever" grade 3, infusion likely\n',
        'E1 "Fever" is a DLT: grade 3 on 2026-03-09, in the window from 2026-03-02 to 2026-03-16',
    ),
    "a grade too low": (
        PRESET + INFUSED + '2026-03-09  S001 event E1 "Fever" grade 2, infusion likely\n',
        'E1 "Fever" is no DLT: grade 2 was the highest since the infusion, and only grade 3 or more counts',
    ),
    "unrelated": (
        PRESET + INFUSED + '2026-03-09  S001 event E1 "Fever" grade 3, infusion unlikely\n',
        'E1 "Fever" is no DLT: its relatedness to the infusion is unlikely',
    ),
    "not judged": (
        PRESET + INFUSED + '2026-03-09  S001 event E1 "Fever" grade 3\n',
        'E1 "Fever" is a DLT once it is judged related to the infusion, which nobody has judged',
    ),
    "after the window": (
        PRESET + INFUSED + LATER + 'S001 event E1 "Fever" grade 3 on 2026-03-17, infusion likely\n',
        'E1 "Fever" is no DLT: grade 3 was reached on 2026-03-17, after the window, which ended on 2026-03-16',
    ),
    "before the infusion": (
        PRESET + INFUSED + LATER + 'S001 event E1 "Fever" grade 3 on 2026-03-01, infusion possibly\n',
        'E1 "Fever" is no DLT: it began on 2026-03-01, before the infusion on 2026-03-02, and became no worse since',
    ),
    "worse since the infusion": (
        PRESET
        + INFUSED
        + '2026-03-09  S001 event E1 "Fever" grade 1 on 2026-03-01, infusion likely, follow-up of E1: grade 3\n',
        'E1 "Fever" is a DLT: grade 3 on 2026-03-09, in the window from 2026-03-02 to 2026-03-16',
    ),
    "a worsening that the protocol does not count": (
        "protocol NCT06245746\n| [dlt]\n| worsening = false\n"
        + INFUSED
        + '2026-03-09  S001 event E1 "Fever" grade 1 on 2026-03-01, infusion likely, follow-up of E1: grade 3\n',
        (
            'E1 "Fever" is no DLT: it began on 2026-03-01, before the infusion on 2026-03-02, and the protocol counts '
            "no worsening of such an event"
        ),
    ),
    "expected": (
        EXPECTED + INFUSED + '2026-03-09  S001 event E1 "Nausea" grade 3, infusion likely\n',
        (
            'E1 "Nausea" is no DLT: grade 3 was the highest since the infusion, and up to grade 3 it is expected with '
            "the chemotherapy"
        ),
    ),
    "never": (
        TABLE + INFUSED + '2026-03-09  S001 event E1 "Alopecia" grade 2, infusion likely\n',
        'E1 "Alopecia" is no DLT: grade 2 was the highest since the infusion: Alopecia of any grade never counts',
    ),
    "no row": (
        TABLE + INFUSED + '2026-03-09  S001 event E1 "Headache" grade 3, infusion likely\n',
        'E1 "Headache" is no DLT: grade 3 was the highest since the infusion, and no grade counts',
    ),
    "too short": (
        TABLE
        + INFUSED
        + '2026-03-10  S001 event E1 "Nausea" grade 3 on 2026-03-05 ended 2026-03-07, infusion likely\n',
        'E1 "Nausea" is no DLT: it did not last long enough (Nausea of grade 3 or more for longer than 3 days)',
    ),
    "long enough": (
        TABLE
        + INFUSED
        + '2026-03-10  S001 event E1 "Nausea" grade 3 on 2026-03-05 ended 2026-03-09, infusion likely\n',
        (
            'E1 "Nausea" is a DLT: grade 3 on 2026-03-05, in the window from 2026-03-02 to 2026-03-16, by row 2: '
            "Nausea of grade 3 or more for longer than 3 days"
        ),
    ),
    "may last": (
        TABLE + INFUSED + '2026-03-06  S001 event E1 "Nausea" grade 3 on 2026-03-05, infusion likely\n',
        'E1 "Nausea" is no DLT yet: it may last after 2026-03-08 (Nausea of grade 3 or more for longer than 3 days)',
    ),
    "nothing beside it": (
        TABLE + INFUSED + '2026-03-06  S001 event E1 "Vomiting" grade 3 on 2026-03-05, infusion likely\n',
        (
            'E1 "Vomiting" is no DLT: what has to be beside it was not, on any day of the window (Vomiting of grade 3 '
            "or more together with Fever of grade 2 or more)"
        ),
    ),
}


@pytest.mark.parametrize("name", REASONS)
def test_a_failed_count_says_why_an_event_is_a_dlt_or_none(name: str) -> None:
    story, expected = REASONS[name]
    assert why(story).partition("; ")[2] == expected


def test_those_that_count_come_first_and_of_many_three_are_shown() -> None:
    events = "".join(
        f'            S001 event E{number} "Fever" grade {3 if number == 5 else 1}, infusion likely\n'
        for number in range(1, 6)
    )
    _, *said = why(f"{PRESET}{INFUSED}{events}").split("; ")
    assert said[0].startswith('E5 "Fever" is a DLT')
    assert [one.partition(" ")[0] for one in said[1:3]] == ["E1", "E2"]
    assert said[3:] == ["2 further events"]
