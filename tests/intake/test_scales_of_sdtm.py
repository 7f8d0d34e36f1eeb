"""The scale of imported grades: AETOXGR is by the grading of the protocol, and words of severity are none of it.

SDTMIG: AETOXGR is a grade of a standard scale, which stands in the metadata of a study and not in its files. AESEV is
mild, moderate or severe, whatever the scale.
"""

from pathlib import Path
from typing import Any

import attrs
import pytest
from sdtm_files import Rows, columns, event, study, write

from trialdomain import DltRule, Imported, import_sdtm, nct06245746, read_log
from trialdomain.events.participant import AdverseEventFollowedUp, AdverseEventReported
from trialdomain.events.trial import TrialRegistered
from trialdomain.intake.sdtm import ProtocolUnfit
from trialdomain.values.clinical.scale import ScaleUnknown
from trialdomain.values.clinical_time import ClinicalTime

UNDER = attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(min_grade=3))
ASSUMED = "The files do not name the scale of the toxicity grades (AETOXGR): they are taken as grades of CTCAE 5.0"


def lines(*of_each: dict[str, str], toxicity: tuple[str, ...] | None = None) -> Rows:
    """Give a study with lines of ae of P-1, who was dosed on 2013-03-01."""
    rows = study()
    rows["ae"] = [event("P-1", number, **line) for number, line in enumerate(of_each, start=1)]
    return rows if toxicity is None else columns(rows, "ae", AETOXGR=toxicity)


def brought(tmp_path: Path, rows: Rows, **more: Any) -> Imported:  # noqa: ANN401 - whatever an import takes
    tmp_path.mkdir(exist_ok=True)
    return import_sdtm(write(tmp_path / "study", rows), tmp_path / "log.db", **more)


def told(tmp_path: Path) -> list[tuple[str, int, bool]]:
    """Give the scale, the grade and the mark of each report of P-1."""
    with read_log(tmp_path / "log.db") as log:
        history = log[next(iter(log))].history()
        facts = [entry.fact for entry in history.entries() if entry.stream.endswith("/P-1")]
    return [(str(one.scale), one.grade, one.grade_mapped) for one in facts if isinstance(one, AdverseEventReported)]


def grading(tmp_path: Path) -> str:
    with read_log(tmp_path / "log.db") as log:
        facts = [entry.fact for entry in log[next(iter(log))].history().entries()]
    return next(str(one.protocol.grading) for one in facts if isinstance(one, TrialRegistered))


class TestScales:
    def test_words_are_a_severity(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines({"AESEV": "SEVERE"}))
        assert told(tmp_path) == [("SDTM severity", 3, True)]
        assert grading(tmp_path) == "SDTM severity"  # the files have no other
        assert ASSUMED not in done.absent

    def test_a_toxicity_grade_is_taken_as_ctcae_5_0_and_the_import_says_so(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines({"AESEV": "SEVERE"}, {"AESEV": "MILD"}, toxicity=("4", "")))
        assert told(tmp_path) == [("CTCAE 5.0", 4, False), ("SDTM severity", 1, True)]
        assert grading(tmp_path) == "CTCAE 5.0"
        assert ASSUMED in done.absent

    def test_a_study_without_events_names_no_scale_of_words(self, tmp_path: Path) -> None:
        brought(tmp_path, {domain: rows for domain, rows in study().items() if domain != "ae"})
        assert grading(tmp_path) == "CTCAE 5.0"

    def test_or_as_the_caller_says(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines({"AESEV": ""}, toxicity=("4",)), grading="CTCAE v4.03")
        assert told(tmp_path) == [("CTCAE 4.03", 4, False)]
        assert grading(tmp_path) == "CTCAE 4.03"
        assert not any("AETOXGR" in one for one in done.absent)

    def test_or_as_the_protocol_says(self, tmp_path: Path) -> None:
        brought(tmp_path, lines({"AESEV": ""}, toxicity=("2",)), protocol=attrs.evolve(UNDER, grading="FDA 2007"))
        assert told(tmp_path) == [("FDA 2007", 2, False)]

    def test_the_two_agree_or_nothing_is_imported(self, tmp_path: Path) -> None:
        with pytest.raises(ProtocolUnfit, match=r"the protocol grades by CTCAE 5\.0, not by ASTCT 2019"):
            brought(tmp_path, lines({}), protocol=UNDER, grading="ASTCT 2019")
        with pytest.raises(ScaleUnknown, match=r"nearest .* CTCAE 5\.0"):
            brought(tmp_path, lines({}), grading="CTCEA 5.0")
        assert not (tmp_path / "log.db").exists()
        assert brought(tmp_path, lines({}), protocol=UNDER, grading="ctcae v5").entries

    def test_a_grade_that_the_scale_lacks_is_listed(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines({"AESEV": ""}, toxicity=("5",)), grading="FDA 2007")
        assert "AETOXGR is '5', which is not a grade from 1 to 4" in done.reasons

    def test_the_term_is_looked_up_on_ctcae_5_0_alone(self, tmp_path: Path) -> None:
        bacteremia = {"AEDECOD": "Bacteremia", "AESEV": ""}  # CTCAE 5.0: grade 2 alone
        done = brought(tmp_path / "a", lines(bacteremia, toxicity=("1",)))
        assert list(done.findings) == ["Bacteremia has no grade 1 in CTCAE 5.0"]
        done = brought(tmp_path / "b", lines(bacteremia, toxicity=("1",)), grading="CTCAE 4.03")
        assert list(done.findings) == []
        assert (told(tmp_path / "a"), told(tmp_path / "b")) == ([("CTCAE 5.0", 1, True)], [("CTCAE 4.03", 1, False)])

    @pytest.mark.parametrize(
        ("scale", "toxicity", "of_death"),
        [
            ("CTCAE 5.0", "5", "CTCAE 5.0"),
            ("CTCAE 5.0", "3", "CTCAE 5.0"),  # grade 5 of CTCAE is death
            ("CTCAE 5.0", "", "SDTM severity"),
            ("FDA 2007", "4", "SDTM severity"),  # which has no grade 5
        ],
    )
    def test_a_death_is_on_a_scale_that_has_it(self, tmp_path: Path, scale: str, toxicity: str, of_death: str) -> None:
        brought(tmp_path, lines({"AESEV": "MILD", "AEOUT": "FATAL"}, toxicity=(toxicity,)), grading=scale)
        assert [(one, grade) for one, grade, _ in told(tmp_path)] == [(of_death, 5)]


class TestLinesOfOneEvent:
    FIRST = {"AESPID": "E1", "AESEV": "", "AESTDTC": "2013-03-05", "AEENDTC": "2013-03-11"}  # noqa: RUF012
    THEN = {"AESPID": "E1", "AESTDTC": "2013-03-11", "AEENDTC": "2013-03-20"}  # noqa: RUF012

    def test_of_two_scales_are_an_event_each(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines(self.FIRST, self.THEN | {"AESEV": "MILD"}, toxicity=("3", "")))
        assert told(tmp_path) == [("CTCAE 5.0", 3, False), ("SDTM severity", 1, True)]
        [remark] = [one for one in done.remarks if "are graded by" in one]
        assert remark.startswith(
            "lines of one event are graded by CTCAE 5.0 and SDTM severity: those of each scale are"
        )
        with read_log(tmp_path / "log.db") as log:
            assert log["STUDY1"].history().safety(on=ClinicalTime("2014-01-01").first).distinct_events == 2

    def test_a_death_joins_the_lines_before_it(self, tmp_path: Path) -> None:
        done = brought(tmp_path, lines(self.FIRST, self.THEN | {"AESEV": "", "AEOUT": "FATAL"}, toxicity=("3", "")))
        assert told(tmp_path) == [("CTCAE 5.0", 3, False)]
        with read_log(tmp_path / "log.db") as log:
            facts = [entry.fact for entry in log["STUDY1"].history().entries()]
        assert [one.grade for one in facts if isinstance(one, AdverseEventFollowedUp)] == [5]
        assert not any("are graded by" in one for one in done.remarks)
