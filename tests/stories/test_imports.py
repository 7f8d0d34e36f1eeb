"""A log that begins with an import is written as a story, and told again it has the same facts in the same order."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sdtm_files import Rows, event, lab, row, study, write
from told_stories import facts_of, told, told_again

from trialdomain import Trials, import_sdtm, nct06245746, read_log
from trialdomain.events.recorded import Source
from trialdomain.history import History
from trialdomain.stories.checking import check_story
from trialdomain.stories.faults import StoryMalformed
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.writing import story_of
from trialdomain.testing.made_up_site import INVESTIGATOR


def every_fact() -> Rows:
    """Give a study with every kind of fact that an import makes, and with what it finds fault with."""
    rows = study()
    rows["dm"][0]["RFPENDTC"] = "2013-06-01"
    rows["ae"] += [
        event("P-1", 2, AESEV="SEVERE", AESER="Y", AESHOSP="Y", AEOUT="RECOVERED/RESOLVED", AEENDTC="2013-03-09"),
        event("P-1", 3, AESER="Y", AEDECOD="FEVER", AEOUT="NOT RECOVERED/NOT RESOLVED", AEENDTC="2013-03-10"),
        event("P-1", 4, AESER="N", AEDECOD="CHILLS", AESHOSP="Y", AESTDTC="2013-03-08"),
        event("P-1", 5, AESER="", AEDECOD="SWEATS", AESLIFE="Y", AESTDTC="2013-03-08"),
        event("P-2", 2, AESER="", AEDECOD="NAUSEA", AESPID="E02", AESTDTC="2013-03-06", AEENDTC="2013-03-07"),
        event("P-2", 3, AESEV="MODERATE", AEDECOD="NAUSEA", AESPID="E02", AESTDTC="2013-03-07", AEREL=""),
        event("P-4", 1, AESEV="SEVERE", AESER="Y", AESDTH="Y", AEOUT="FATAL", AEDECOD="SEPSIS", AEENDTC="2013-04-02"),
    ]
    rows["lb"] += [
        lab("P-1", 2, LBTESTCD="PLT", LBORRES="<5", LBORNRLO="150", LBORNRHI="400", LBORRESU="THOU/uL"),
        lab("P-4", 1, LBTESTCD="PH", LBORRES="7.4", LBORRESU="NO UNITS", LBDTC="2013-03"),
    ]
    rows["ds"] += [
        row("ds", "P-1", DSSEQ="2", DSDECOD="COMPLETED", DSTERM="PROTOCOL COMPLETED", DSSTDTC="2013-06-01"),
        row("ds", "P-2", DSSEQ="2", DSDECOD="WITHDRAWAL BY SUBJECT", DSTERM="MOVED AWAY", DSSTDTC="2013-05-01"),
    ]
    return rows


def imported(tmp_path: Path, rows: Rows, **given: object) -> Path:
    import_sdtm(
        write(tmp_path / "study", rows),
        tmp_path / "log.db",
        clock=lambda: datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        **given,  # type: ignore[arg-type]  # each test gives what the import takes
    )
    return tmp_path / "log.db"


@pytest.mark.parametrize("rows", [study, every_fact])
@pytest.mark.parametrize("with_rule", [False, True], ids=["derived protocol", "with a rule for DLTs"])
def test_an_imported_log_is_told_again(tmp_path: Path, rows: Callable[[], Rows], *, with_rule: bool) -> None:
    given = {"protocol": nct06245746()} if with_rule else {}
    with read_log(imported(tmp_path, rows(), **given)) as log:
        history = log[next(iter(log))].history()
        first, second = told_again(history)
        assert second == first
        assert sources(history) == {"SDTM"}


def sources(history: History) -> set[str]:
    return {entry.meta.source.system for entry in history.entries() if entry.meta.source is not None}


def test_what_is_recorded_after_an_import_is_told_too(tmp_path: Path) -> None:
    path = imported(tmp_path, every_fact())
    with Trials.open(path) as trials:
        desk = trials.trial("STUDY1").acting(INVESTIGATOR)
        with read_log(path) as log:
            entries = list(log["STUDY1"].history().entries())
        event = next(entry for entry in entries if type(entry.fact).__name__ == "AdverseEventReported")
        desk.correct(event, grade=2, reason="the severity was entered wrongly")
        desk.void(next(entry for entry in entries if type(entry.fact).__name__ == "LabRecorded"), reason="wrong tube")
    with read_log(path) as log:
        history = log["STUDY1"].history()
        text = story_of(history)
        assert facts_of(history.entries()) == told(parse_story(text), tmp_path)[1]
    assert 'correct event 1 of P-1 grade to 2 because "the severity was entered wrongly"' in text


STORY = """imported from "EDC"
user edc "The import" software "Site"
protocol
| trial = "T1"
| title = "A made-up trial"
| version = "1"
| levels = [{ level = 1 }]
2026-03-02  S001 screened imported as enrolled on 2025-01-07 record "dm/1"
            S001 enrolled at level 1 on 2025-01-08, infused at level 1 on 2025-01-08 record "ex/1"
            S001 event E1 "Fever" grade 2 on 2025-01-09, infusion likely, serious unknown record "ae/1"
"""


def test_a_story_can_begin_with_an_import() -> None:
    outcome = check_story(f"{STORY}            expect P1: 1 of 1 infused\n            so S001 adverse event reported\n")
    assert outcome.failures == ()


def test_an_import_names_the_rules_that_a_record_breaks() -> None:
    text, facts = told(parse_story(STORY), Path())
    deviations = [one[-1] for one in facts if one[-1] is not None]
    assert len(deviations) >= 1
    assert all(one.startswith("as imported: ") for one in deviations)
    assert told(parse_story(text), Path())[1] == facts


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('S001 relapsed record "x/1"', "the records of S001 follow one another"),
        ('S002, S003 relapsed record "x/1"', "a record is of one subject"),
        ('S002 relapsed record "ae/1"', "record 'ae/1' is in line 10 already"),
        ('S001 event E2 "Fever" grade 2 serious unknown', "'serious unknown' cannot be said here"),
        ('S001 reassigned to level 1 from level 1 because "a slip"', "'from level' cannot be said here"),
    ],
)
def test_a_record_that_cannot_be_added_is_refused(line: str, why: str) -> None:
    with pytest.raises(StoryMalformed, match=why) as refused:
        check_story(f"{STORY}            expect P1: 1 of 1\n            {line}\n")
    assert refused.value.line == 12


def test_a_record_needs_an_import() -> None:
    with pytest.raises(StoryMalformed, match="write 'imported from \"SYSTEM\"' above the protocol"):
        check_story('protocol NCT06245746\n2026-03-02  S001 relapsed record "x/1"\n')


def test_the_origin_of_a_record_is_kept(tmp_path: Path) -> None:
    with read_log(imported(tmp_path, study())) as log:
        history = log["STUDY1"].history()
        text = story_of(history)
        first = {entry.meta.source for entry in history.entries()} - {None}
    assert Source(system="SDTM", record="EX/P-4/1") in first
    assert text.count(' record "') == len(first)
