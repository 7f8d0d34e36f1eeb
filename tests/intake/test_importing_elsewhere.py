"""Studies of other sponsors, whose files differ from those of CDISCPILOT01."""

import csv
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from sdtm_files import Rows, changed, columns, event, lab, row, study, with_row, write
from transport_files import transport

from trialdomain import DltRule, Imported, Terms, findings, import_sdtm, nct06245746, read_log
from trialdomain.checks.safety import CriterionNotSerious
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    CompletedFollowUp,
    Consented,
    Died,
    Enrolled,
    ImportedScreening,
    Infused,
    LabRecorded,
    LostToFollowUp,
    Screened,
    ScreenFailed,
    VitalSignRecorded,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Entry
from trialdomain.exchange.sdtm.rows import escaped, unescaped
from trialdomain.exchange.sdtm.staging import RowMalformed, StudyUnusable
from trialdomain.exchange.sdtm.terms import TermsInvalid
from trialdomain.intake.sdtm import ProtocolUnfit
from trialdomain.projections.flow import Status
from trialdomain.projections.review.answer import Open
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.endpoints.summaries import IncidenceSummary
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.toxicity import Relatedness
from trialdomain.values.clinical_time import ClinicalTime

DAY = "2024-03-01"


def brought(tmp_path: Path, rows: Rows, **more: Any) -> Imported:  # noqa: ANN401 - whatever an import takes
    """Import a study."""
    return import_sdtm(write(tmp_path / "study", rows), tmp_path / "log.db", **more)


def entries(tmp_path: Path) -> list[Entry]:
    with read_log(tmp_path / "log.db") as opened:
        return list(opened[next(iter(opened))].history().entries())


def facts(tmp_path: Path, subject: str, *kinds: type) -> list[Any]:
    return [e.fact for e in entries(tmp_path) if e.stream.endswith(f"/{subject}") and isinstance(e.fact, kinds)]


def deviations(tmp_path: Path) -> list[str]:
    return [entry.meta.deviation for entry in entries(tmp_path) if entry.meta.deviation]


def listed(done: Imported) -> list[tuple[str, str]]:
    if done.unrecorded is None:
        return []
    with done.unrecorded.open(newline="") as file:
        return [(one["record"], one["reason"]) for one in csv.DictReader(file)]


def single_arm() -> Rows:
    """One arm of two people, who were dosed on 2024-01-10; no row of ds says that they were enrolled."""
    rows: Rows = {domain: [] for domain in study()}
    for subject in ("S-1", "S-2"):
        rows["dm"].append(row("dm", subject, AGE="50", AGEU="YEARS", ARM="UCMSC-Exo", DMDTC="2024-01-02"))
        rows["ex"].append(row("ex", subject, EXSEQ="1", EXDOSE="1e+08", EXDOSU="cells", EXSTDTC="2024-01-10"))
    return rows


def disposed(*dispositions: dict[str, str]) -> Rows:
    """Give the single-arm study with dispositions of S-1."""
    rows = single_arm()
    rows["ds"] = [
        row("ds", "S-1", DSSEQ=str(number), **{"DSCAT": "DISPOSITION EVENT", "DSSCAT": ""} | one)
        | {"DSSCAT": one.get("DSSCAT", "")}
        for number, one in enumerate(dispositions, start=1)
    ]
    return rows


class TestFiles:
    def test_all_but_dm_may_be_absent_and_that_is_said(self, tmp_path: Path) -> None:
        rows = study()
        done = brought(tmp_path, {"dm": rows["dm"]})
        assert (done.read, done.recorded, done.listed) == (4, 4, 0)
        assert [one.partition(":")[0] for one in done.absent[:5]] == [
            "There is no ds",
            "There is no ex",
            "There is no ae",
            "There is no lb",
            "There is no vs",
        ]

    def test_names_are_read_in_any_case(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        for name in ("dm", "ae", "lb"):
            text = (folder / f"{name}.csv").read_text()
            head, rest = text.split("\n", 1)
            (folder / f"{name}.csv").unlink()
            (folder / f"{name.upper()}.CSV").write_text(f"{head.lower()}\n{rest}")
        done = import_sdtm(folder, tmp_path / "log.db")
        assert [one.file for one in done.files] == ["DM.CSV", "ds.csv", "ex.csv", "AE.CSV", "LB.CSV", "vs.csv"]
        assert (done.read, done.recorded, done.listed) == (17, 16, 1)

    def test_a_file_that_is_there_twice_is_refused(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        (folder / "DM.csv").write_text("USUBJID\n")
        with pytest.raises(StudyUnusable, match=r"has dm more than once: DM\.csv, dm\.csv"):
            import_sdtm(folder, tmp_path / "log.db")

    def test_columns_that_are_not_read_may_have_one_name_or_none(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        for name, ends in (("dm", ",X,X"), ("vs", ",,")):
            lines = (folder / f"{name}.csv").read_text().splitlines()
            (folder / f"{name}.csv").write_text("".join(f"{line}{ends}\n" for line in lines))
        done = import_sdtm(folder, tmp_path / "log.db")
        assert (done.read, done.recorded, done.listed) == (17, 16, 1)
        assert [one.columns_without_field for one in done.files if one.file in {"dm.csv", "vs.csv"}] == [
            ("SEX", "X"),
            (),
        ]

    @pytest.mark.parametrize("column", ["AGE", "usubjid"])
    def test_a_column_that_is_read_and_stands_twice_is_refused(self, tmp_path: Path, column: str) -> None:
        folder = write(tmp_path / "study", study())
        lines = (folder / "dm.csv").read_text().splitlines()
        (folder / "dm.csv").write_text("".join(f"{line},{column}\n" for line in lines))
        with pytest.raises(RowMalformed, match="is there 2 times"):
            import_sdtm(folder, tmp_path / "log.db")

    def test_a_column_of_event_ids_that_stands_twice_is_refused(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        lines = (folder / "ae.csv").read_text().splitlines()
        (folder / "ae.csv").write_text("".join(f"{line},GROUP,GROUP\n" for line in lines))
        with pytest.raises(StudyUnusable, match="GROUP 2 times"):
            import_sdtm(folder, tmp_path / "log.db", event_id="GROUP")

    def test_the_same_study_as_dataset_json(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        import_sdtm(folder, tmp_path / "log.db")
        as_csv = [entry.fact for entry in entries(tmp_path) if "/participant/" in entry.stream]
        (tmp_path / "log.db").rename(tmp_path / "old.db")
        (tmp_path / "log.db.unrecorded.csv").unlink()
        for path in list(folder.iterdir()):
            head, *rest = list(csv.reader(path.read_text().splitlines()))
            made = {"datasetJSONVersion": "1.1.0", "columns": [{"name": name} for name in head], "rows": rest}
            path.with_suffix(".json").write_text(json.dumps(made))
            path.unlink()
        done = import_sdtm(folder, tmp_path / "log.db")
        assert [entry.fact for entry in entries(tmp_path) if "/participant/" in entry.stream] == as_csv
        assert listed(done) == [("LB/P-2/2", "the result 'N' is not a number")]

    def test_the_same_study_as_transport_files(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        import_sdtm(folder, tmp_path / "log.db")
        as_csv = [entry.fact for entry in entries(tmp_path) if "/participant/" in entry.stream]
        (tmp_path / "log.db").rename(tmp_path / "old.db")
        (tmp_path / "log.db.unrecorded.csv").unlink()
        for path in list(folder.iterdir()):
            head, *rest = list(csv.reader(path.read_text().splitlines()))
            rows = b"".join(cell.encode().ljust(40) for cells in rest for cell in cells)
            path.with_suffix(".xpt").write_bytes(transport([(name, 2, 40) for name in head], rows))
            path.unlink()
        done = import_sdtm(folder, tmp_path / "log.db")
        assert [entry.fact for entry in entries(tmp_path) if "/participant/" in entry.stream] == as_csv
        assert listed(done) == [("LB/P-2/2", "the result 'N' is not a number")]

    @pytest.mark.parametrize(
        ("domain", "column", "unknown"),
        [
            ("dm", "DMDTC", "dm.csv has no column DMDTC: unknown are the days of screening"),
            ("ae", "AEREL", "ae.csv has no column AEREL: unknown are the relatedness of the events"),
            ("ae", "AESER", "ae.csv has no column AESER: unknown are the seriousness of the events"),
            ("ex", "EXROUTE", "ex.csv has no column EXROUTE: unknown are the routes"),
            (
                "lb",
                "LBSEQ",
                "lb.csv has no column LBSEQ: unknown are the numbers of the rows, for which the lines stand",
            ),
        ],
    )
    def test_a_column_may_be_absent_and_that_is_said_once(
        self, tmp_path: Path, domain: str, column: str, unknown: str
    ) -> None:
        rows = study()
        for one in rows[domain]:
            del one[column]
        done = brought(tmp_path, rows)
        assert done.absent.count(unknown) == 1
        assert done.read == 17 == done.recorded + done.listed
        assert done.listed == (5 if column == "DMDTC" else 1)

    def test_without_aesev_the_grade_of_the_file_is_enough(self, tmp_path: Path) -> None:
        rows = columns(study(), "ae", AETOXGR=("4", "1"))
        for one in rows["ae"]:
            del one["AESEV"]
        done = brought(tmp_path, rows)
        assert not [one for one in done.absent if "AESEV" in one]
        assert facts(tmp_path, "P-1", AdverseEventReported)[0].grade == 4

    def test_without_the_keys_a_protocol_names_the_trial(self, tmp_path: Path) -> None:
        rows = study()
        for of_domain in rows.values():
            for one in of_domain:
                del one["STUDYID"], one["DOMAIN"]
        with pytest.raises(StudyUnusable, match="STUDYID names the trial"):
            brought(tmp_path, rows)
        levels = tuple(DoseLevel(level=n, dose=Dose(amount=Decimal(mg), unit="mg")) for n, mg in ((1, 0), (2, 5)))
        assert brought(tmp_path, rows, protocol=attrs.evolve(nct06245746(), levels=levels)).recorded == 16


class TestTerms:
    TERMS = """
        [relatedness]
        "Related" = "possibly"
        "NOT RELATED" = "unrelated"
        [outcome]
        "RESOLVED" = "recovered"
        [severity]
        "LIFE-THREATENING" = 4
        [disposition]
        "GRADUATED" = "completed"
        [arms]
        "Active" = 1
        "Placebo" = 2
    """

    def rows(self) -> Rows:
        rows = study()
        rows["ae"] = [
            event("P-1", 1, AEREL="Related", AEOUT="Resolved", AESEV="Life-Threatening"),
            event("P-2", 1, AEREL="Not Related"),
            event("P-2", 2, AEREL="RELATED"),
        ]
        rows["ds"].append(row("ds", "P-1", DSSEQ="2", DSDECOD="Graduated", DSSTDTC="2013-06-01"))
        return rows

    def test_without_them_words_are_counted_and_their_rows_listed(self, tmp_path: Path) -> None:
        done = brought(tmp_path, self.rows())
        assert done.words == {
            "AEOUT": {"Resolved": 1},
            "AEREL": {"Not Related": 1, "RELATED": 1},
            "DSDECOD": {"Graduated": 1},
        }
        assert (done.recorded, done.listed) == (14, 5)

    @pytest.mark.parametrize("as_given", [str, Terms.from_toml])
    def test_they_say_what_words_mean(self, tmp_path: Path, as_given: Callable[[str], Any]) -> None:
        done = brought(tmp_path, self.rows(), terms=as_given(self.TERMS))
        assert (done.words, done.listed) == ({}, 1)
        (reported,) = facts(tmp_path, "P-1", AdverseEventReported)
        assert (reported.grade, reported.grade_mapped, reported.attributions[0].relatedness) == (
            4,
            True,
            Relatedness.POSSIBLY,
        )
        assert [one.attributions[0].relatedness for one in facts(tmp_path, "P-2", AdverseEventReported)] == [
            Relatedness.UNRELATED,
            Relatedness.POSSIBLY,
        ]
        assert facts(tmp_path, "P-1", CompletedFollowUp)[0].on.text == "2013-06-01"
        assert done.arms == {"Active": 1, "Placebo": 2}
        assert facts(tmp_path, "P-2", Enrolled)[0].level == 2

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("relatedness = [", "are not TOML"),
            ("[words]", "have a table 'words': use relatedness, outcome, severity, disposition, arms"),
            ("relatedness = 1", "relatedness is no table"),
            ('[relatedness]\n"RELATED" = "maybe"', "'RELATED' cannot mean 'maybe': give one of unrelated,"),
            ('[outcome]\n"X" = 1', "cannot mean '1'"),
            ('[severity]\n"X" = 6', "give a grade from 1 to 5"),
            ('[severity]\n"X" = true', "give a grade from 1 to 5"),
            ('[arms]\n"X" = 0', "give a dose level, from 1"),
            ('[disposition]\n"X" = []', "cannot mean"),
            ('[severity]\n"Bad" = 1\n"BAD " = 2', "'BAD ' has two meanings: case does not matter"),
        ],
    )
    def test_what_cannot_be_understood_is_refused(self, tmp_path: Path, text: str, why: str) -> None:
        with pytest.raises(TermsInvalid) as refused:
            brought(tmp_path, study(), terms=text)
        assert why in str(refused.value)
        assert [path.name for path in tmp_path.iterdir()] == ["study"]

    @pytest.mark.parametrize(
        ("terms", "why"),
        [
            ('[arms]\n"Active" = 1', "give arm 'Placebo' no dose level"),
            ('[arms]\n"Active" = 1\n"Placebo" = 3', r"name the levels \[1, 3\]"),
        ],
    )
    def test_every_arm_has_a_level_without_a_gap(self, tmp_path: Path, terms: str, why: str) -> None:
        with pytest.raises(StudyUnusable, match=why):
            brought(tmp_path, study(), terms=terms)

    def test_words_are_compared_without_regard_to_case(self, tmp_path: Path) -> None:
        rows = changed("ae", 0, AESEV="Mild", AEREL="Probable", AEOUT="Recovered/Resolved", AESER="n", AESHOSP="y")
        rows["ds"][0] |= {"DSDECOD": "Randomized", "DSCAT": "Protocol Milestone"}
        rows["vs"][0] |= {"VSTESTCD": "Temp", "VSLOC": "Ear"}
        done = brought(tmp_path, rows)
        assert (done.recorded, done.listed) == (16, 1)


class TestDisposition:
    """The single-arm study: S-1 was dosed on 2024-01-10, and is followed until 2024-06-01."""

    END = {"DSDECOD": "COMPLETED", "EPOCH": "FOLLOW-UP", "DSSTDTC": "2024-06-01"}  # noqa: RUF012 - not changed

    @pytest.mark.parametrize(
        "about",
        [
            {"EPOCH": "TREATMENT"},
            {"EPOCH": "PRODUCT EXPOSURE"},
            {"EPOCH": "Induction Treatment"},
            {"DSSCAT": "STUDY TREATMENT"},
            {"DSSCAT": "STUDY TREATMENT", "EPOCH": "FOLLOW-UP"},
            {"EPOCH": "SCREENING"},
        ],
    )
    @pytest.mark.parametrize("followed", [True, False])
    def test_the_end_of_treatment_does_not_end_observation(
        self, tmp_path: Path, about: dict[str, str], *, followed: bool
    ) -> None:
        ends = [{"DSDECOD": "COMPLETED", "DSSTDTC": "2024-01-10", **about}, *([self.END] if followed else [])]
        done = brought(tmp_path, disposed(*ends))
        assert [fact.on.text for fact in facts(tmp_path, "S-1", CompletedFollowUp)] == ["2024-06-01"] * followed
        assert [record for record, _ in listed(done)] == ["DS/S-1/1"]

    @pytest.mark.parametrize(
        "about", [{"DSSCAT": "STUDY PARTICIPATION", "EPOCH": "TREATMENT"}, {"EPOCH": "FOLLOW-UP"}, {}]
    )
    def test_the_end_of_participation_does(self, tmp_path: Path, about: dict[str, str]) -> None:
        brought(tmp_path, disposed({"DSDECOD": "COMPLETED", "DSSTDTC": "2024-06-01", **about}))
        assert [fact.on.text for fact in facts(tmp_path, "S-1", CompletedFollowUp)] == ["2024-06-01"]

    def test_of_two_epochs_of_follow_up_the_last_ends_it(self, tmp_path: Path) -> None:
        rows = disposed(self.END, {"DSDECOD": "COMPLETED", "EPOCH": "LONG-TERM FOLLOW-UP", "DSSTDTC": "2025-06-01"})
        rows["ds"].append(
            row("ds", "S-2", DSSEQ="1", DSDECOD="COMPLETED", EPOCH="FOLLOW-UP", DSSTDTC="2024-06-01") | {"DSSCAT": ""}
        )
        done = brought(tmp_path, rows)
        assert [fact.on.text for fact in facts(tmp_path, "S-1", CompletedFollowUp)] == ["2025-06-01"]
        assert facts(tmp_path, "S-2", CompletedFollowUp) == []
        assert [record for record, _ in listed(done)] == ["DS/S-1/1", "DS/S-2/1"]

    @pytest.mark.parametrize("about", [{}, {"EPOCH": "FOLLOW-UP"}, {"DSSCAT": "STUDY PARTICIPATION"}])
    @pytest.mark.parametrize(
        "last",
        [
            {"DSDECOD": "COMPLETED", "EPOCH": "FOLLOW-UP"},
            {"DSDECOD": "COMPLETED"},
            {"DSDECOD": "LOST TO FOLLOW-UP", "DSSCAT": "STUDY PARTICIPATION"},
            {"DSDECOD": "WITHDRAWAL BY SUBJECT", "DSSCAT": "STUDY PARTICIPATION"},
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    def test_a_completion_before_the_end_of_the_observation_is_listed(
        self, tmp_path: Path, about: dict[str, str], last: dict[str, str], *, turned: bool
    ) -> None:
        rows = [{"DSDECOD": "COMPLETED", "DSSTDTC": "2024-01-10", **about}, {"DSSTDTC": "2024-06-01", **last}]
        done = brought(tmp_path, disposed(*(reversed(rows) if turned else rows)))
        first, second = ("DS/S-1/2", "DS/S-1/1") if turned else ("DS/S-1/1", "DS/S-1/2")
        assert listed(done) == [(first, f"the observation went on: it ends with {second}")]
        ended = facts(tmp_path, "S-1", CompletedFollowUp, LostToFollowUp, Withdrew)
        assert [fact.on.text for fact in ended] == ["2024-06-01"]

    @pytest.mark.parametrize(
        ("about", "scope"),
        [
            ({"DSSCAT": "STUDY PARTICIPATION"}, WithdrawalScope.FOLLOW_UP),
            ({"DSSCAT": "End of Study"}, WithdrawalScope.FOLLOW_UP),
            ({"EPOCH": "FOLLOW-UP"}, WithdrawalScope.FOLLOW_UP),
            ({"EPOCH": "Post-Treatment"}, WithdrawalScope.FOLLOW_UP),
            ({"EPOCH": "OFF STUDY TREATMENT"}, WithdrawalScope.FOLLOW_UP),
            ({"EPOCH": "END OF STUDY"}, WithdrawalScope.FOLLOW_UP),
            ({"EPOCH": "POST-REMISSION THERAPY"}, WithdrawalScope.TREATMENT),
            ({"EPOCH": "SCREENING"}, WithdrawalScope.TREATMENT),  # of somebody who was enrolled
            ({"DSSCAT": "STUDY TREATMENT"}, WithdrawalScope.TREATMENT),
            ({"EPOCH": "TREATMENT"}, WithdrawalScope.TREATMENT),
            ({}, WithdrawalScope.TREATMENT),
        ],
    )
    @pytest.mark.parametrize("word", ["WITHDRAWAL BY SUBJECT", "PROTOCOL DEVIATION", "PROGRESSIVE DISEASE", "OTHER"])
    def test_who_leaves_leaves_what_the_row_is_about(
        self, tmp_path: Path, about: dict[str, str], scope: WithdrawalScope, word: str
    ) -> None:
        brought(tmp_path, disposed({"DSDECOD": word, "DSSTDTC": "2024-01-15", **about}))
        (left,) = facts(tmp_path, "S-1", Withdrew)
        assert (left.scope, left.on.text, left.why.plain) == (scope, "2024-01-15", word)

    @pytest.mark.parametrize("word", ["WITHDRAWAL BY SUBJECT", "Lost to Follow-up", "OTHER"])
    @pytest.mark.parametrize("about", [{"EPOCH": "Screening"}, {"DSSCAT": "SCREENING"}])
    def test_who_leaves_in_screening_and_was_not_enrolled_failed_it(
        self, tmp_path: Path, word: str, about: dict[str, str]
    ) -> None:
        rows = disposed({"DSDECOD": word, "DSSTDTC": "2024-01-05", **about})
        rows["ex"] = rows["ex"][1:]  # S-1 was not dosed
        brought(tmp_path, rows)
        assert facts(tmp_path, "S-1", Withdrew) == []
        assert [fact.on.text for fact in facts(tmp_path, "S-1", ScreenFailed)] == ["2024-01-05"]
        assert facts(tmp_path, "S-1", Screened)[0].imported is ImportedScreening.SCREEN_FAILURE

    def test_who_failed_the_screening_and_was_dosed_is_a_finding(self, tmp_path: Path) -> None:
        done = brought(tmp_path, disposed({"DSDECOD": "SCREEN FAILURE", "DSSTDTC": "2024-01-05"}))
        assert done.findings["failed the screening, and was enrolled"] == 1
        assert any("failed the screening, and was enrolled" in one for one in deviations(tmp_path))

    @pytest.mark.parametrize(("about", "lost"), [("STUDY PARTICIPATION", True), ("STUDY TREATMENT", False)])
    def test_who_is_lost_to_treatment_is_still_followed(self, tmp_path: Path, about: str, *, lost: bool) -> None:
        brought(tmp_path, disposed({"DSDECOD": "LOST TO FOLLOW-UP", "DSSTDTC": "2024-01-15", "DSSCAT": about}))
        assert bool(facts(tmp_path, "S-1", LostToFollowUp)) is lost
        assert bool(facts(tmp_path, "S-1", Withdrew)) is not lost


def died_of(tmp_path: Path, subject: str = "S-1") -> list[tuple[str, str | None]]:
    return [(fact.on.text, fact.event) for fact in facts(tmp_path, subject, Died)]


class TestDeaths:
    FATAL = {"AEOUT": "FATAL", "AESTDTC": "2024-01-15", "AEENDTC": "2024-01-20"}  # noqa: RUF012 - not changed
    COMPLETED = {"DSDECOD": "COMPLETED", "DSSTDTC": "2024-06-01"}  # noqa: RUF012 - not changed

    def rows(self, *, dm: str = "", ds: dict[str, str] | None = None, ae: dict[str, str] | None = None) -> Rows:
        rows = disposed(*([] if ds is None else [ds]))
        columns(rows, "dm", DTHFL=("Y" if dm else "",), DTHDTC=(dm,))
        if ae is not None:
            rows["ae"].append(event("S-1", 1, **ae))
        return rows

    def test_dm_alone(self, tmp_path: Path) -> None:
        done = brought(tmp_path, self.rows(dm="2024-01-18"))
        assert died_of(tmp_path) == [("2024-01-18", None)]
        assert [one for one in done.findings if "enrolled" not in one] == []
        with read_log(tmp_path / "log.db") as log:
            ended = dict(log["STUDY1"].history().flow(on=DAY).overall.ended)
        assert ended[Status.DIED] == 1

    @pytest.mark.parametrize("category", ["DISPOSITION EVENT", "OTHER EVENT", ""])
    def test_ds_in_whatever_category(self, tmp_path: Path, category: str) -> None:
        ds = {"DSDECOD": "DEATH", "DSCAT": category, "DSSTDTC": "2024-01-18", "DSSCAT": "STUDY TREATMENT"}
        brought(tmp_path, self.rows(dm="2024-01-18", ds=ds))
        assert died_of(tmp_path) == [("2024-01-18", None)]
        assert not [one for one in deviations(tmp_path) if "death" in one]

    @pytest.mark.parametrize("cells", [FATAL, {**FATAL, "AEOUT": "", "AESDTH": "Y"}, {**FATAL, "AESEV": ""}])
    def test_a_fatal_event_alone(self, tmp_path: Path, cells: dict[str, str]) -> None:
        brought(tmp_path, self.rows(ae=cells))
        assert died_of(tmp_path) == [("2024-01-20", "1")]
        assert facts(tmp_path, "S-1", AdverseEventReported)[0].grade == 5

    def test_of_the_lines_of_a_fatal_event_the_last_tells_when(self, tmp_path: Path) -> None:
        rows = self.rows(ae={**self.FATAL, "AESPID": "E1", "AEENDTC": "2024-01-17"})
        rows["ae"].append(event("S-1", 2, **{**self.FATAL, "AESPID": "E1", "AESTDTC": "2024-01-17"}))
        done = brought(tmp_path, rows)
        assert died_of(tmp_path) == [("2024-01-20", "1")]
        assert not [one for one in done.findings if "differ" in one]

    def test_a_fatal_event_needs_no_grade_that_can_be_read(self, tmp_path: Path) -> None:
        brought(tmp_path, columns(self.rows(ae={**self.FATAL, "AESEV": ""}), "ae", AETOXGR=("severe",)))
        assert facts(tmp_path, "S-1", AdverseEventReported)[0].grade == 5

    def test_a_word_for_a_fatal_severity(self, tmp_path: Path) -> None:
        rows = self.rows(ae={"AESEV": "Lethal", "AESTDTC": "2024-01-15", "AEENDTC": "2024-01-16"})
        brought(tmp_path, rows, terms='[severity]\n"LETHAL" = 5')
        assert died_of(tmp_path) == [("2024-01-16", "1")]

    def test_grade_5_alone(self, tmp_path: Path) -> None:
        rows = columns(self.rows(ae={"AESEV": "", "AESTDTC": "2024-01-15"}), "ae", AETOXGR=("5",))
        brought(tmp_path, rows)
        assert died_of(tmp_path) == [("2024-01-15", "1")]
        assert any("no row has a date of the death: its start is taken" in one for one in deviations(tmp_path))

    def test_a_fatal_event_that_no_fact_can_hold_tells_of_the_death_all_the_same(self, tmp_path: Path) -> None:
        done = brought(tmp_path, self.rows(ae={**self.FATAL, "AEREL": "PERHAPS"}))
        assert died_of(tmp_path) == [("2024-01-20", None)]
        assert listed(done) == [("AE/S-1/1", "the relatedness 'PERHAPS' (AEREL) is not known")]

    def test_an_end_before_the_start_of_a_fatal_event_is_no_date_of_the_death(self, tmp_path: Path) -> None:
        done = brought(tmp_path, self.rows(dm="2024-01-20", ae=self.FATAL | {"AEENDTC": "2024-01-02"}))
        assert died_of(tmp_path) == [("2024-01-20", None)]
        assert [record for record, _ in listed(done)] == ["AE/S-1/1"]

    @pytest.mark.parametrize(
        ("dates", "recorded", "with_it"),
        [
            (("2024-01-18", "2024-01-19", "2024-01-20"), "2024-01-18", "DS/S-1/1"),
            (("2024-01", "2024-01-19", "2024-01-20"), "2024-01-19", "DS/S-1/1"),
            (("2024-01-21", "2024-02", "2024-01-20"), "2024-01-20", "DS/S-1/1"),
            (("2024-01-21", "", "2024-01-20"), "2024-01-20", "DM/S-1"),
            (("2024-02", "", ""), "2024-02", "DM/S-1"),
        ],
    )
    def test_of_differing_dates_the_earliest_full_one_is_recorded_once(
        self, tmp_path: Path, dates: tuple[str, str, str], recorded: str, with_it: str
    ) -> None:
        dm, ds, ended = dates
        death = {"DSDECOD": "DEATH", "DSSTDTC": ds} if ds else None
        done = brought(tmp_path, self.rows(dm=dm, ds=death, ae={**self.FATAL, "AEENDTC": ended}))
        (death,) = facts(tmp_path, "S-1", Died)
        (found,) = [entry for entry in entries(tmp_path) if isinstance(entry.fact, Died)]
        assert (death.on.text, found.meta.command) == (recorded, with_it)
        assert bool(found.meta.deviation and "dates of the death differ" in found.meta.deviation) == (ended != "")
        assert any("dates of the death differ" in one for one in done.findings) == (ended != "")

    @pytest.mark.parametrize("more", [{"dm": "2024-01-20"}, {"ae": FATAL}])
    def test_who_died_and_completed_is_a_finding(self, tmp_path: Path, more: dict[str, Any]) -> None:
        done = brought(tmp_path, self.rows(ds=self.COMPLETED, **more))
        assert "completed on 2024-06-01, and died on 2024-01-20" in done.findings
        with read_log(tmp_path / "log.db") as log:
            history = log["STUDY1"].history()
            told = [one.sentence for one in findings(history).found]
            ended = dict(history.flow(on="2024-07-01").overall.ended)
        assert any("completed on 2024-06-01, and died on 2024-01-20" in one for one in told)
        assert ended[Status.DIED] == 1

    def test_a_death_without_a_date_is_a_finding(self, tmp_path: Path) -> None:
        rows = columns(self.rows(), "dm", DTHFL=("Y",))
        done = brought(tmp_path, rows)
        assert died_of(tmp_path) == []
        assert done.findings["a death is reported, but no row has its date"] == 1

    def test_a_death_that_dm_does_not_tell_of_is_a_finding(self, tmp_path: Path) -> None:
        done = brought(tmp_path, self.rows(ds={"DSDECOD": "DEATH", "DSSTDTC": "2024-01-18"}))
        assert "DTHFL is '', and DS/S-1/1 tells of a death" in done.findings


class TestEnrollment:
    def test_a_single_arm_randomizes_nobody(self, tmp_path: Path) -> None:
        done = brought(tmp_path, single_arm())
        assert (done.read, done.recorded, done.listed) == (4, 4, 0)
        marked = [type(entry.fact) for entry in entries(tmp_path) if "assumed" in (entry.meta.deviation or "")]
        assert marked == [Enrolled, Enrolled]
        (enrolled,) = facts(tmp_path, "S-1", Enrolled)
        assert (enrolled.on.text, enrolled.level) == ("2024-01-10", 1)
        (given,) = facts(tmp_path, "S-1", Infused)
        assert given.dose == Dose(amount=Decimal(100_000_000), unit="{cells}")
        assert done.remarks == {"the unit 'cells' is read as {cells} (EXDOSU)": 2}
        assert facts(tmp_path, "S-1", Screened)[0].imported is ImportedScreening.ENROLLED
        assumed = "no row says when the subject was enrolled: the day of the first dose is assumed"
        assert done.findings == {assumed: 2}

    @pytest.mark.parametrize("word", ["ENROLLED", "Enrolled", "ENTERED INTO TRIAL", "RANDOMIZED"])
    def test_a_row_that_says_so_gives_the_day(self, tmp_path: Path, word: str) -> None:
        rows = single_arm()
        rows["ds"] = [
            row("ds", "S-1", DSSEQ="1", DSDECOD=word, DSCAT="PROTOCOL MILESTONE", DSSTDTC="2024-01-05"),
        ]
        done = brought(tmp_path, rows)
        assert [fact.on.text for fact in facts(tmp_path, "S-1", Enrolled)] == ["2024-01-05"]
        assert list(done.findings.values()) == [1]  # S-2 alone is assumed

    def test_of_two_such_rows_the_one_that_randomizes_counts(self, tmp_path: Path) -> None:
        rows = single_arm()
        rows["ds"] = [
            row("ds", "S-1", DSSEQ="1", DSDECOD="ENROLLED", DSSTDTC="2024-01-05"),
            row("ds", "S-1", DSSEQ="2", DSDECOD="RANDOMIZED", DSSTDTC="2024-01-06"),
        ]
        done = brought(tmp_path, rows)
        assert [fact.on.text for fact in facts(tmp_path, "S-1", Enrolled)] == ["2024-01-06"]
        assert listed(done) == [("DS/S-1/1", "the enrollment is recorded with DS/S-1/2")]

    def test_the_actual_arm_stands_in_for_a_planned_one_that_is_none(self, tmp_path: Path) -> None:
        rows = columns(single_arm(), "dm", ACTARM=("UCMSC-Exo", "UCMSC-Exo"))
        rows["dm"][0]["ARM"] = "Not Assigned"
        assert brought(tmp_path, rows).listed == 0

    def test_the_consent_of_dm_is_the_consent(self, tmp_path: Path) -> None:
        rows = columns(single_arm(), "dm", RFICDTC=("2024-01-01",))
        rows["ds"] = [
            row("ds", "S-1", DSSEQ="1", DSDECOD="INFORMED CONSENT OBTAINED", DSCAT="PROTOCOL MILESTONE", DSSTDTC="x")
            | {"DSSTDTC": "2024-01-01"}
        ]
        done = brought(tmp_path, rows)
        (signed,) = facts(tmp_path, "S-1", Consented)
        assert (signed.signed_on.text, signed.form_version) == ("2024-01-01", "not stated")
        assert listed(done) == [("DS/S-1/1", "the consent is recorded with DM/S-1")]
        with read_log(tmp_path / "log.db") as log:
            told = findings(log["STUDY1"].history()).found
        assert {one.subject for one in told if one.check == "consent"} == {"S-2"}

    def test_without_a_day_of_screening_the_consent_is_recorded(self, tmp_path: Path) -> None:
        rows = columns(single_arm(), "dm", RFICDTC=("2024-01-01", "2024-01-01"))
        for one in rows["dm"]:
            del one["DMDTC"]
        done = brought(tmp_path, rows)
        assert done.listed == 0
        assert done.remarks["no screening is recorded: it has no date (DMDTC)"] == 2


def three_arms(*doses: str) -> Rows:
    """Give arms A, B, C with a person each, who received a dose; none where it is blank."""
    rows: Rows = {domain: [] for domain in study()}
    for number, amount in enumerate(doses):
        subject, arm = f"S-{number + 1}", "ABC"[number]
        rows["dm"].append(row("dm", subject, ARM=f"Cohort {arm}", DMDTC="2024-01-02") | {"ARMCD": arm})
        if amount:
            rows["ex"].append(
                row("ex", subject, EXSEQ="1", EXDOSE=amount, EXDOSU="mg", EXSTDTC="2024-01-10", EXENDTC="2024-01-10")
            )
    return rows


def by_weight(*amounts: str) -> TrialProtocol:
    levels = tuple(
        DoseLevel(level=number, dose=Dose(amount=amount, unit="mg/kg"))
        for number, amount in enumerate(amounts, start=1)
    )
    return attrs.evolve(nct06245746(), criteria=(), levels=levels)


class TestUnitsOfDoses:
    @pytest.mark.parametrize(
        ("written", "dose"),
        [
            ("mg", "5 mg"),
            ("IU", "5 [iU]"),
            ("mg/kg", "5 mg/kg"),
            ("mg/m2", "5 mg/m2"),
            ("MG", "5 mg"),
            ("MCG", "5 ug"),
            ("TABLET", "5 {tablets}"),
            ("PFU", "5 [PFU]"),
            ("10^6 cells", "5 10*6{cells}"),
        ],
    )
    def test_a_unit_is_read_in_the_words_of_sdtm(self, tmp_path: Path, written: str, dose: str) -> None:
        rows = three_arms("5", "", "")
        rows["ex"][0] |= {"EXDOSU": written}
        done = brought(tmp_path, rows)
        assert str(facts(tmp_path, "S-1", Infused)[0].dose) == dose
        assert done.listed == 0

    @pytest.mark.parametrize("written", ["foo", "units", "mg/mL", "%"])
    def test_one_that_is_not_known_lists_its_row(self, tmp_path: Path, written: str) -> None:
        rows = three_arms("5", "9", "20")
        rows["ex"][0] |= {"EXDOSU": written}
        done = brought(tmp_path, rows)
        assert listed(done) == [("EX/S-1/1", f"the unit {written!r} is not known")]
        assert facts(tmp_path, "S-1", Infused) == []

    def test_amounts_of_one_day_are_added_across_units(self, tmp_path: Path) -> None:
        rows = three_arms("10", "15", "40")
        rows["ex"].append(row("ex", "S-1", EXSEQ="2", EXDOSE="0.01", EXDOSU="G", EXSTDTC="2024-01-10"))
        brought(tmp_path, rows)
        assert facts(tmp_path, "S-1", Infused)[0].dose == Dose(amount=20, unit="mg")

    def test_an_amount_per_kg_is_not_added_to_one_in_all(self, tmp_path: Path) -> None:
        rows = three_arms("10", "15", "40")
        rows["ex"].append(row("ex", "S-1", EXSEQ="2", EXDOSE="10", EXDOSU="mg/kg", EXSTDTC="2024-01-10"))
        assert (
            "the amounts of one day cannot be added, and are left out (EXDOSE, EXDOSU)"
            in brought(tmp_path, rows).remarks
        )

    def test_amounts_per_kg_find_their_levels(self, tmp_path: Path) -> None:
        rows = three_arms("9", "5", "20")
        for one in rows["ex"]:
            one["EXDOSU"] = "mg/kg"
        done = brought(tmp_path, rows, protocol=by_weight("5", "9", "20"))
        assert done.arms == {"Cohort B": 1, "Cohort A": 2, "Cohort C": 3}
        with read_log(tmp_path / "log.db") as log:
            found = {one.check for one in findings(log["NCT06245746"].history()).found}
        assert not found & {"body-size", "level"}

    def test_amounts_in_all_without_a_weight_are_recorded_and_found(self, tmp_path: Path) -> None:
        done = brought(tmp_path, three_arms("350", "630", "1400"), protocol=by_weight("5", "9", "20"))
        assert done.listed == 0
        assert done.deviations["BodySizeMissing"] == 3
        with read_log(tmp_path / "log.db") as log:
            told = [one for one in findings(log["NCT06245746"].history()).found if one.check == "body-size"]
        assert {one.subject for one in told} == {"S-1", "S-2", "S-3"}
        assert "the dose of level 1 is per kg, and the body weight is not recorded" in told[0].sentence


class TestArms:
    @pytest.mark.parametrize(
        ("doses", "levels"),
        [
            (("9", "5", "20"), {"Cohort B": 1, "Cohort A": 2, "Cohort C": 3}),
            (("5", "5", "1"), {"Cohort C": 1, "Cohort A": 2, "Cohort B": 3}),  # one dose: by their codes
            (("5", "9", ""), {"Cohort A": 1, "Cohort B": 2, "Cohort C": 3}),  # nobody dosed yet: last
            (("", "", ""), {"Cohort A": 1, "Cohort B": 2, "Cohort C": 3}),
        ],
    )
    def test_order(self, tmp_path: Path, doses: tuple[str, ...], levels: dict[str, int]) -> None:
        done = brought(tmp_path, three_arms(*doses))
        assert done.arms == levels
        assert done.listed == 0

    def test_doses_in_other_units_are_compared(self, tmp_path: Path) -> None:
        rows = three_arms("900", "5", "20")
        rows["ex"][1] |= {"EXDOSU": "g"}  # 5,000 mg
        assert brought(tmp_path, rows).arms == {"Cohort C": 1, "Cohort A": 2, "Cohort B": 3}

    def test_the_rows_of_one_day_are_one_administration(self, tmp_path: Path) -> None:
        rows = three_arms("10", "15", "40")
        second = row("ex", "S-1", EXSEQ="2", EXDOSE="10", EXDOSU="mg", EXSTDTC="2024-01-10", EXENDTC="2024-01-11")
        rows["ex"].append(second)
        done = brought(tmp_path, rows)
        (given,) = facts(tmp_path, "S-1", Infused)
        assert given.dose == Dose(amount=Decimal(20), unit="mg")
        assert given.ended_at == ClinicalTime("2024-01-11")
        assert done.arms == {"Cohort B": 1, "Cohort A": 2, "Cohort C": 3}  # 15, 20 and 40 mg
        assert (done.recorded, done.listed) == (7, 0)
        assert done.remarks == {"the rows of one day are one administration, recorded with EX/S-1/1": 1}

    def protocol(self, *amounts: int) -> TrialProtocol:
        levels = tuple(
            DoseLevel(level=number, dose=Dose(amount=Decimal(amount), unit="mg"))
            for number, amount in enumerate(amounts, start=1)
        )
        return attrs.evolve(nct06245746(), criteria=(), levels=levels)

    def test_a_protocol_gives_the_levels_by_its_doses(self, tmp_path: Path) -> None:
        rows = three_arms("9", "20", "9")  # C is an expansion of A
        assert brought(tmp_path, rows, protocol=self.protocol(5, 9, 20)).arms == {
            "Cohort A": 2,
            "Cohort C": 2,
            "Cohort B": 3,
        }

    def test_a_protocol_with_other_doses_takes_them_in_order(self, tmp_path: Path) -> None:
        assert brought(tmp_path, three_arms("9", "5", "20"), protocol=self.protocol(1, 2, 3)).arms == {
            "Cohort B": 1,
            "Cohort A": 2,
            "Cohort C": 3,
        }

    @pytest.mark.parametrize(
        ("doses", "amounts", "levels"),
        [
            (("20", "", ""), (5, 10, 20), {"Cohort A": 3, "Cohort B": 1, "Cohort C": 2}),  # the free levels, by code
            (("10", "", "5"), (5, 10, 20), {"Cohort C": 1, "Cohort A": 2, "Cohort B": 3}),
            (("10", "19", ""), (5, 10, 20), {"Cohort A": 2, "Cohort B": 3, "Cohort C": 1}),  # 19 mg is above 10 mg
            (("4", "10", ""), (5, 10, 20), {"Cohort A": 1, "Cohort B": 2, "Cohort C": 3}),
        ],
    )
    def test_an_arm_with_a_dose_of_the_protocol_has_its_level_whatever_the_others_have(
        self, tmp_path: Path, doses: tuple[str, ...], amounts: tuple[int, ...], levels: dict[str, int]
    ) -> None:
        assert brought(tmp_path, three_arms(*doses), protocol=self.protocol(*amounts)).arms == levels

    def test_an_arm_for_which_no_level_is_free_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProtocolUnfit, match=r"under \[arms\]"):
            brought(tmp_path, three_arms("5", "10", ""), protocol=self.protocol(5, 10))

    @pytest.mark.parametrize(
        "cells",
        [
            {"ARM": "Unplanned Treatment", "ARMCD": "UNPLAN"},
            {"ARM": "Screen Failure", "ARMCD": "SF"},
            {"ARM": "", "ARMCD": "UNPLAN"},
        ],
    )
    def test_what_stands_in_the_place_of_an_arm_is_none(self, tmp_path: Path, cells: dict[str, str]) -> None:
        rows = three_arms("1", "5", "20")
        rows["dm"][0] |= cells
        done = brought(tmp_path, rows)
        assert done.arms == {"Cohort B": 1, "Cohort C": 2}
        assert [record for record, _ in listed(done)] == ["EX/S-1/1"]

    def test_amounts_that_cannot_be_added_are_said(self, tmp_path: Path) -> None:
        rows = three_arms("10", "15", "40")
        rows["ex"].append(row("ex", "S-1", EXSEQ="2", EXDOSE="1", EXDOSU="mL", EXSTDTC="2024-01-10"))
        done = brought(tmp_path, rows)
        assert facts(tmp_path, "S-1", Infused)[0].dose is None
        assert done.remarks["the amounts of one day cannot be added, and are left out (EXDOSE, EXDOSU)"] == 1

    @pytest.mark.parametrize(
        ("text", "amount"), [("351.49999999999994", "351.5"), ("0.3333333333333333", "0.33333333333333")]
    )
    def test_a_computed_amount_is_rounded(self, tmp_path: Path, text: str, amount: str) -> None:
        done = brought(tmp_path, three_arms("0.1", text, "400"))
        assert facts(tmp_path, "S-2", Infused)[0].dose == Dose(amount=Decimal(amount), unit="mg")
        assert done.arms == {"Cohort A": 1, "Cohort B": 2, "Cohort C": 3}
        assert done.remarks == {"the amount is rounded to 15 digits (EXDOSE)": 1}

    @pytest.mark.parametrize("text", ["1e-30", "12345678901234567890", "1e99"])
    def test_an_amount_that_cannot_be_rounded_is_listed(self, tmp_path: Path, text: str) -> None:
        done = brought(tmp_path, three_arms("1", "5", text))
        assert listed(done) == [("EX/S-3/1", f"EXDOSE is {text!r}, which is not a number")]

    def test_a_protocol_with_too_few_levels_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ProtocolUnfit):
            brought(tmp_path, three_arms("9", "5", "20"), protocol=self.protocol(1, 2))


def told(tmp_path: Path, subject: str = "P-1") -> list[Any]:
    return facts(tmp_path, subject, AdverseEventReported, AdverseEventFollowedUp)


def with_lines(*lines: dict[str, str], **more: tuple[str, ...]) -> Rows:
    """Give the study with lines of ae of P-1, who was dosed on 2013-03-01."""
    rows = study()
    rows["ae"] = [event("P-1", number, **line) for number, line in enumerate(lines, start=1)]
    return columns(rows, "ae", **more)


class TestGrades:
    @pytest.mark.parametrize(
        ("severity", "graded", "grade", "contradicts"),
        [
            ("MODERATE", "3", 3, True),
            ("MILD", "4", 4, True),
            ("SEVERE", "4", 4, False),
            ("SEVERE", "3", 3, False),
            ("MILD", "1", 1, False),
            ("SEVERE", "2", 2, True),
            ("", "3", 3, False),
            ("", "GRADE 4", 4, False),
            ("", "3.0", 3, False),
            ("MODERATE", "", 2, False),
            ("MODERATE", "NA", 2, False),
        ],
    )
    def test_the_grade_of_the_file_comes_before_words(
        self, tmp_path: Path, severity: str, graded: str, grade: int, *, contradicts: bool
    ) -> None:
        done = brought(tmp_path, with_lines({"AESEV": severity}, AETOXGR=(graded,)))
        (reported,) = told(tmp_path)
        assert (reported.grade, reported.grade_mapped) == (grade, grade == 2 and severity == "MODERATE")
        assert any(one.startswith("AETOXGR is") for one in done.findings) is contradicts

    @pytest.mark.parametrize("graded", ["", "1", "3"])
    def test_a_fatal_event_beats_both(self, tmp_path: Path, graded: str) -> None:
        done = brought(tmp_path, with_lines({"AESEV": "MILD", "AEOUT": "FATAL"}, AETOXGR=(graded,)))
        assert told(tmp_path)[0].grade == 5
        assert any("and the event is fatal" in one for one in done.findings) is bool(graded)

    def test_a_grade_that_the_term_lacks_is_kept_and_found(self, tmp_path: Path) -> None:
        line = {"AEDECOD": "Febrile neutropenia", "AESEV": ""}
        done = brought(tmp_path, with_lines(line, AETOXGR=("1",)))
        assert (told(tmp_path)[0].grade, told(tmp_path)[0].grade_mapped) == (1, True)
        assert list(done.findings) == ["Febrile neutropenia has no grade 1 in CTCAE 5.0"]

    @pytest.mark.parametrize("graded", ["6", "0", "severe", "2.5"])
    def test_a_grade_that_is_none_is_listed(self, tmp_path: Path, graded: str) -> None:
        done = brought(tmp_path, with_lines({"AESEV": ""}, AETOXGR=(graded,)))
        assert ("AE/P-1/1", f"AETOXGR is {graded!r}, which is not a grade from 1 to 5") in listed(done)

    def test_a_grade_alone_is_a_dlt(self, tmp_path: Path) -> None:
        rule = attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(min_grade=3))
        rows = with_lines({"AESEV": "MODERATE", "AESTDTC": "2013-03-03", "AEREL": "PROBABLE"}, AETOXGR=("3",))
        brought(tmp_path, rows, protocol=rule)
        with read_log(tmp_path / "log.db") as log:
            counts = log["NCT06245746"].history().dlt_counts(on=DAY)
        assert sum(tally.dlts for tally in counts.tallies) == 1

    def test_a_serious_event_needs_no_criterion(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines({"AESEV": "", "AESER": "Y"}, AETOXGR=("3",)))
        assert (told(tmp_path)[0].serious, told(tmp_path)[0].seriousness) == (True, ())


class TestLines:
    """One event over several lines: SEVERE until 11 March, MILD from then on."""

    FIRST = {"AESPID": "E1", "AESEV": "SEVERE", "AESTDTC": "2013-03-05", "AEENDTC": "2013-03-11"}  # noqa: RUF012
    THEN = {"AESPID": "E1", "AESEV": "MILD", "AESTDTC": "2013-03-11", "AEENDTC": "2013-03-20"}  # noqa: RUF012

    @pytest.mark.parametrize("lines", [(FIRST, THEN), (THEN, FIRST)])
    def test_they_are_a_report_and_a_follow_up(self, tmp_path: Path, lines: tuple[dict[str, str], ...]) -> None:
        done = brought(tmp_path, with_lines(*lines))
        report, follow_up = told(tmp_path)
        assert isinstance(report, AdverseEventReported)
        assert (report.grade, report.onset.text, report.ended, report.linked_to) == (3, "2013-03-05", None, "E1")
        assert isinstance(follow_up, AdverseEventFollowedUp)
        assert (follow_up.event, follow_up.on.text, follow_up.grade) == (report.event, "2013-03-11", 1)
        assert follow_up.ended == ClinicalTime("2013-03-20")
        assert (done.recorded, done.listed) == (16, 1)

    def test_where_the_id_alone_agrees_they_stay_apart(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines(self.FIRST, self.THEN | {"AEDECOD": "NAUSEA"}))
        assert [type(one) for one in told(tmp_path)] == [AdverseEventReported] * 2
        with read_log(tmp_path / "log.db") as log:
            assert log["STUDY1"].history().safety(on=DAY).distinct_events == 2

    def test_without_an_id_they_stay_apart(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines(self.FIRST | {"AESPID": ""}, self.THEN | {"AESPID": ""}))
        assert [type(one) for one in told(tmp_path)] == [AdverseEventReported] * 2

    def test_another_column_may_join_them(self, tmp_path: Path) -> None:
        rows = with_lines(self.FIRST | {"AESPID": "1"}, self.THEN | {"AESPID": "2"}, AEGRPID=("X", "X"))
        brought(tmp_path, rows, event_id="AEGRPID")
        assert [type(one) for one in told(tmp_path)] == [AdverseEventReported, AdverseEventFollowedUp]

    def test_a_column_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StudyUnusable, match="ae has no column AEGRPID"):
            brought(tmp_path, study(), event_id="AEGRPID")

    @pytest.mark.parametrize(
        ("starts", "events"), [("2013-03-11", 1), ("2013-03-12", 2), ("2013-03", 1), ("2013-04-01", 2)]
    )
    def test_a_line_after_the_end_of_the_one_before_is_a_new_event(
        self, tmp_path: Path, starts: str, events: int
    ) -> None:
        brought(tmp_path, with_lines(self.FIRST, self.THEN | {"AESTDTC": starts, "AEENDTC": ""}))
        reports = [one for one in told(tmp_path) if isinstance(one, AdverseEventReported)]
        assert len(reports) == events
        assert {one.linked_to for one in reports} == ({"E1"} if events == 1 else {None})
        with read_log(tmp_path / "log.db") as log:
            assert log["STUDY1"].history().safety(on=DAY).distinct_events == events

    def test_lines_of_one_day_give_it_the_highest_grade_and_the_more_related_judgement(self, tmp_path: Path) -> None:
        day = {"AESPID": "E1", "AESTDTC": "2013-03-05"}
        rows = with_lines(
            day | {"AESEV": "MILD", "AEREL": "PROBABLE"}, day | {"AESEV": "SEVERE", "AEREL": "NONE", "AESER": "Y"}
        )
        brought(tmp_path, rows)
        assert [(one.grade, one.attributions[0].relatedness) for one in told(tmp_path)] == [
            (3, Relatedness.LIKELY),
            (3, Relatedness.LIKELY),
        ]
        assert told(tmp_path)[0].serious

    @pytest.mark.parametrize(
        ("words", "counts"),
        [
            (("NONE", "NOT-ASSESSED"), Relatedness.NOT_ASSESSED),
            (("NOT-ASSESSED", "REMOTE"), Relatedness.NOT_ASSESSED),
            (("POSSIBLE", "NOT-ASSESSED"), Relatedness.POSSIBLY),
            (("", "NONE"), Relatedness.UNRELATED),
        ],
    )
    def test_of_judgements_of_one_day_what_nobody_assessed_is_more_than_unlikely(
        self, tmp_path: Path, words: tuple[str, str], counts: Relatedness
    ) -> None:
        """In the order of the assessors: definitely, likely, possibly, not assessed, unlikely, unrelated."""
        day = {"AESPID": "E1", "AESTDTC": "2013-03-05"}
        brought(tmp_path, with_lines(*(day | {"AEREL": word} for word in words)))
        assert [one.attributions[0].relatedness for one in told(tmp_path)] == [counts, counts]

    def test_an_event_that_was_serious_stays_so(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines(self.FIRST | {"AESER": "Y", "AESHOSP": "Y"}, self.THEN | {"AESER": "N"}))
        assert [one.serious for one in told(tmp_path)] == [True, None]

    def test_while_its_last_line_has_no_end_it_is_ongoing(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines(self.FIRST, self.THEN | {"AEENDTC": ""}))
        assert [one.ended for one in told(tmp_path)] == [None, None]


class TestSeriousness:
    @pytest.mark.parametrize(("word", "serious"), [("", None), ("U", None), ("u", None), ("N", False), ("Y", True)])
    def test_what_nobody_said_is_unknown(self, tmp_path: Path, word: str, *, serious: bool | None) -> None:
        brought(tmp_path, with_lines({"AESER": word}))
        assert told(tmp_path)[0].serious is serious
        with read_log(tmp_path / "log.db") as log:
            history = log["STUDY1"].history()
            open_ones = [one.what for one in history.review(on=DAY).not_assessed if one.subject == "P-1"]
            listed_ones = [one.serious for one in history.safety(on=DAY).events]
            outcomes = history.endpoints(on=DAY)
            details = outcomes.value("P1", "P-1").details
            told_of = [one.check for one in findings(history).found]
        assert (Open.SERIOUSNESS in open_ones) is (serious is None)
        assert listed_ones == [serious]
        assert [one["serious"] for one in details.values() if isinstance(one, Mapping)] == [serious, serious]
        assert "fatal-not-serious" not in told_of

    def test_a_criterion_of_an_event_of_which_nobody_said_is_a_finding(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines({"AESER": "", "AESHOSP": "Y"}))
        with read_log(tmp_path / "log.db") as log:
            found = findings(log["STUDY1"].history(), checks=[CriterionNotSerious]).found
        assert [one.sentence for one in found] == [
            "event 1 of P-1, HEADACHE: hospitalization, and nobody said whether it is serious"
        ]

    def test_who_is_not_known_to_have_had_a_serious_event_is_in_no_share(self, tmp_path: Path) -> None:
        brought(tmp_path, with_lines({"AESER": ""}))
        with read_log(tmp_path / "log.db") as log:
            summary = log["STUDY1"].history().endpoints(on=DAY).summary("P1").overall
        assert isinstance(summary, IncidenceSummary)
        assert (summary.parts["any_within_28_days"].n, summary.parts["any_within_28_days"].of) == (1, 3)
        assert (summary.parts["serious_within_28_days"].n, summary.parts["serious_within_28_days"].of) == (0, 2)

    def test_a_later_line_may_say_it(self, tmp_path: Path) -> None:
        lines = ({"AESPID": "E1", "AESER": ""}, {"AESPID": "E1", "AESTDTC": "2013-03-06", "AESER": "N"})
        brought(tmp_path, with_lines(*lines))
        assert [one.serious for one in told(tmp_path)] == [None, False]


class TestCells:
    def lab(self, tmp_path: Path, **cells: str) -> LabRecorded:
        brought(tmp_path, changed("lb", 1, **cells))
        found: LabRecorded = facts(tmp_path, "P-1", LabRecorded)[0]
        return found

    @pytest.mark.parametrize("specimen", ["URINE", "CEREBROSPINAL FLUID", "BLOOD"])
    def test_the_specimen_is_kept(self, tmp_path: Path, specimen: str) -> None:
        brought(tmp_path, columns(study(), "lb", LBSPEC=("", specimen)))
        assert facts(tmp_path, "P-1", LabRecorded)[0].specimen == specimen
        assert facts(tmp_path, "P-2", LabRecorded)[0].specimen is None

    @pytest.mark.parametrize("limit", ["<7", "Negative", "0-5"])
    def test_a_limit_that_is_no_number_leaves_the_result_in(self, tmp_path: Path, limit: str) -> None:
        found = self.lab(tmp_path, LBORRES="150", LBORNRLO="100", LBORNRHI=limit)
        assert (found.value, found.lower_limit, found.upper_limit) == (Decimal(150), Decimal(100), None)
        with (tmp_path / "log.db.remarks.csv").open(newline="") as file:
            (remark,) = csv.DictReader(file)
        assert (remark["file"], remark["line"], remark["record"]) == ("lb.csv", "3", "LB/P-1/1")
        assert remark["remark"] == f"the reference limit {limit!r} (LBORNRHI) is not a number, and is left out"

    @pytest.mark.parametrize(
        ("text", "number"),
        [("1.5E3", "1500"), ("1e+08", "100000000"), ("<2E-1", "0.2"), ("1e5", "100000"), ("+3", "3")],
    )
    def test_exponents_are_numbers(self, tmp_path: Path, text: str, number: str) -> None:
        assert str(self.lab(tmp_path, LBORRES=text).value) == number

    @pytest.mark.parametrize(
        ("text", "time", "remarks"),
        [
            ("2013-03-04T08:30:00.000", "2013-03-04T08:30:00", 0),
            ("2013-03-04T08:30:00.5+01:00", "2013-03-04T08:30:00+01:00", 1),
        ],
    )
    def test_fractions_of_a_second_are_times(self, tmp_path: Path, text: str, time: str, remarks: int) -> None:
        done = brought(tmp_path, changed("lb", 1, LBDTC=text))
        assert facts(tmp_path, "P-1", LabRecorded)[0].collected_at.text == time
        assert sum(done.remarks.values()) == remarks

    def test_a_time_that_the_clocks_skip_is_listed(self, tmp_path: Path) -> None:
        rows = changed("lb", 1, LBDTC="2013-03-10T02:30")  # New York went from 02:00 to 03:00
        done = brought(tmp_path, rows, zone="America/New_York")
        why = "the time 2013-03-10T02:30 (LBDTC) was skipped by the clocks of America/New_York"
        assert ("LB/P-1/1", why) in listed(done)

    @pytest.mark.parametrize(("text", "twice"), [("2013-11-03T01:30", True), ("2013-11-03T02:00", False)])
    def test_a_time_that_they_repeat_has_the_first_offset(self, tmp_path: Path, text: str, *, twice: bool) -> None:
        done = brought(tmp_path, changed("lb", 1, LBDTC=text), zone="America/New_York")
        offset = "-04:00" if twice else "-05:00"
        assert facts(tmp_path, "P-1", LabRecorded)[0].collected_at.text == text + offset
        assert bool(done.remarks) is twice

    @pytest.mark.parametrize(
        ("age", "unit", "years"),
        [
            ("40.5", "YEARS", 40),
            ("61", "years", 61),
            ("61", "", 61),
            ("30", "MONTHS", 2),  # 2 years and 6 months
            ("36", "Months", 3),
            ("104", "WEEKS", 1),  # 728 days: 2 days less than 2 years of 365.25
            ("731", "DAYS", 2),  # 2 years are 730.5 days
            ("730", "DAYS", 1),
            ("20000", "HOURS", 2),  # 833.3 days
        ],
    )
    def test_an_age_is_given_in_completed_years(self, tmp_path: Path, age: str, unit: str, years: int) -> None:
        brought(tmp_path, changed("dm", 0, AGE=age, AGEU=unit))
        assert [one.number for one in facts(tmp_path, "P-1", Screened)[0].findings] == [years]

    @pytest.mark.parametrize("name", ["01/701 15", "S#1", "-1", "0x2F_", "\u4e01-1", "a:b", "A", "0x", "_1", "10x20_/"])
    def test_a_subject_that_no_id_can_name_is_escaped_reversibly(self, tmp_path: Path, name: str) -> None:
        assert unescaped(escaped(name)) == name
        rows = study()
        for of_domain in rows.values():
            for one in of_domain:
                one["USUBJID"] = name if one["USUBJID"] == "P-1" else one["USUBJID"]
        done = brought(tmp_path, rows)
        assert (done.recorded, done.listed) == (16, 1)
        assert facts(tmp_path, escaped(name), Infused)
        assert len(done.remarks) == (escaped(name) != name)

    def test_no_two_subjects_become_one(self) -> None:
        names = ["A/B", "A0x2F_B", "A 2F", "A0x20_2F", "0x300x2F_", "00x2F_", "0/", "0x30_/"]
        assert len({escaped(name) for name in names}) == len(names)

    @pytest.mark.parametrize("name", ["", "x" * 65, "/" * 13])
    def test_a_subject_without_a_usable_name_is_listed(self, tmp_path: Path, name: str) -> None:
        done = brought(tmp_path, with_row("lb", lab(name, 1)))
        assert any(reason.startswith("USUBJID") for _, reason in listed(done))

    def test_a_vital_sign_may_have_an_exponent(self, tmp_path: Path) -> None:
        brought(tmp_path, changed("vs", 0, VSORRES="9.86e1"))
        assert facts(tmp_path, "P-1", VitalSignRecorded)[0].value == Decimal("98.6")


class TestWholeStudies:
    """Files of others in small, each with everything that its kind does differently."""

    def test_phuse_has_no_row_for_randomization(self, tmp_path: Path) -> None:
        """As in the PhUSE release of CDISCPILOT01: ds has dispositions alone, and a newer word for a violation."""
        rows = study()
        rows["ds"] = [
            row("ds", "P-1", DSSEQ="1", DSDECOD="COMPLETED", DSCAT="DISPOSITION EVENT", DSSTDTC="2013-09-01"),
            row("ds", "P-1", DSSEQ="2", DSDECOD="FINAL LAB VISIT", DSCAT="OTHER EVENT", DSSTDTC="2013-09-01"),
            row("ds", "P-2", DSSEQ="1", DSDECOD="PROTOCOL DEVIATION", DSCAT="DISPOSITION EVENT", DSSTDTC="2013-04-01"),
            row("ds", "P-3", DSSEQ="1", DSDECOD="SCREEN FAILURE", DSCAT="DISPOSITION EVENT", DSSTDTC="2013-02-25"),
        ]
        done = brought(tmp_path, rows)
        assert [record for record, _ in listed(done)] == ["DS/P-1/2", "LB/P-2/2"]
        with read_log(tmp_path / "log.db") as log:
            flow = log["STUDY1"].history().flow(on=DAY)
        assert [(level.enrolled, level.infused) for level in flow.levels] == [(1, 1), (2, 2)]
        assert (flow.screen_failures, dict(flow.overall.ended)[Status.COMPLETED]) == (1, 1)

    def test_oncology_has_grades_and_two_words_for_relatedness(self, tmp_path: Path) -> None:
        """A single arm, grades without severity, `Related` and `Not Related`, nobody randomized: one DLT is found."""
        rows = columns(single_arm(), "dm", RFICDTC=("2024-01-01", "2024-01-01"))
        usual = {"AESEV": "", "AESTDTC": "2024-01-12", "AESER": ""}
        rows["ae"] = [
            event("S-1", 1, AEDECOD="Nausea", AEREL="Related", **usual),
            event("S-2", 1, AEDECOD="Diarrhea", AEREL="Not Related", **usual),
        ]
        columns(rows, "ae", AETOXGR=("3", "3"))
        terms = '[relatedness]\n"RELATED" = "possibly"\n"NOT RELATED" = "unrelated"'
        rule = attrs.evolve(nct06245746(), criteria=(), dlt=DltRule(min_grade=3))
        done = brought(tmp_path, rows, terms=terms, protocol=rule)
        assert (done.read, done.recorded, done.listed) == (6, 6, 0)
        with read_log(tmp_path / "log.db") as log:
            history = log["NCT06245746"].history()
            tally, *_ = history.dlt_counts(on=DAY).tallies
            assert (tally.treated, tally.dlts) == (2, 1)
            assert history.reconciliation(on=DAY) == ()

    def test_what_no_fact_can_hold_keeps_nothing_out(self, tmp_path: Path) -> None:
        """Each of these rows alone once refused the study."""
        rows = with_lines(
            {"AEENDTC": "2013-03-01"},
            {"AEENDTC": "NA"},
            {"AEENDTC": "."},
            {"AEENDTC": "2199-01-01"},
            {"AEDECOD": ""},
            {"AEOUT": "Resolved"},
            {"AESER": "maybe"},
            {"AESTDTC": "2013-03-05T08:00:00.000"},
        )
        rows["ex"].append(row("ex", "P-1", EXSEQ="2", EXDOSE="x", EXDOSU="mg", EXSTDTC="2013-03-08"))
        rows["ex"].append(
            row("ex", "P-1", EXSEQ="3", EXDOSE="1", EXDOSU="mg", EXSTDTC="2013-03-09", EXENDTC="2013-03-08")
        )
        done = brought(tmp_path, rows)
        assert [record for record, _ in listed(done)] == [
            "EX/P-1/2",
            "EX/P-1/3",
            *(f"AE/P-1/{number}" for number in range(1, 8)),
            "LB/P-2/2",
        ]
        assert done.read == sum(map(len, rows.values())) == done.recorded + done.listed
