"""The import of a study in SDTM files: rows that are recorded, rows that are listed, and refusals."""

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import pytest
from cli_runs import run_bytes
from repeating import in_full
from sdtm_files import Rows, changed, event, lab, row, study, with_row, write
from site_desk import OPEN

from trialdomain import (
    Answers,
    DltRule,
    InputInvalid,
    LogUnusable,
    Trials,
    User,
    findings,
    import_sdtm,
    nct06245746,
    read_log,
    verify,
)
from trialdomain.checks.safety import CriterionNotSerious
from trialdomain.events.cohort import MemberInfused
from trialdomain.events.participant import (
    AdverseEventFollowedUp,
    AdverseEventReported,
    BodySite,
    Comparator,
    Died,
    Enrolled,
    ImportedScreening,
    Infused,
    LabRecorded,
    LostToFollowUp,
    Screened,
    VitalSignRecorded,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Entry, Source
from trialdomain.exchange.sdtm.staging import RowMalformed, StudyUnusable
from trialdomain.exchange.sdtm.study import Study
from trialdomain.intake.batch import Batch, BatchSpoiled, Happened
from trialdomain.intake.sdtm import IMPORTER, Imported, ProtocolUnfit
from trialdomain.protocol.conduct_rules import Sentinel, Stagger
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.storage.mapper import entry_of
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.toxicity import Outcome, Relatedness, Seriousness
from trialdomain.values.clinical.unit import convert
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.role import Role

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
_LEVELS = tuple(
    DoseLevel(level=level, dose=Dose(amount=Decimal(amount), unit="mg")) for level, amount in ((1, 0), (2, 5), (3, 9))
)


def imported(
    tmp_path: Path,
    rows: Rows | None = None,
    *,
    protocol: TrialProtocol | None = None,
    zone: str | None = None,
    strict: bool = False,
    progress: Progress = ignore_progress,
) -> Imported:
    folder = write(tmp_path / "study", study() if rows is None else rows)
    return import_sdtm(
        folder,
        tmp_path / "log.db",
        clock=lambda: NOW,
        protocol=protocol,
        zone=zone,
        strict=strict,
        progress=progress,
    )


def entries(tmp_path: Path, log: str = "log.db") -> list[Entry]:
    with read_log(tmp_path / log) as opened:
        return list(opened[next(iter(opened))].history().entries())


def facts(tmp_path: Path, subject: str, kind: type) -> list[Any]:
    return [e.fact for e in entries(tmp_path) if e.stream.endswith(f"/{subject}") and isinstance(e.fact, kind)]


def left_nothing(tmp_path: Path) -> bool:
    return [path.name for path in tmp_path.iterdir()] == ["study"]


class TestRows:
    def test_what_is_read_is_recorded_or_listed(self, tmp_path: Path) -> None:
        done = imported(tmp_path)
        assert {file.file: (file.read, file.recorded, file.listed) for file in done.files} == {
            "dm.csv": (4, 4, 0),
            "ds.csv": (4, 4, 0),
            "ex.csv": (3, 3, 0),
            "ae.csv": (2, 2, 0),
            "lb.csv": (3, 2, 1),
            "vs.csv": (1, 1, 0),
        }
        assert (done.read, done.recorded, done.listed) == (17, 16, 1)
        assert done.entries == len(entries(tmp_path)) == 3 + 16  # registered, who, with which software

    def test_rows_that_are_not_recorded_are_listed_with_their_reason(self, tmp_path: Path) -> None:
        done = imported(tmp_path)
        assert done.unrecorded == tmp_path / "log.db.unrecorded.csv"
        with done.unrecorded.open(newline="") as file:
            listed = list(csv.DictReader(file))
        assert [(one["file"], one["line"], one["record"], one["reason"]) for one in listed] == [
            ("lb.csv", "4", "LB/P-2/2", "the result 'N' is not a number")
        ]
        assert listed[0]["row"] == "STUDY1,LB,P-2,2,COLOR,N,NO UNITS,,,2013-03-04T08:30"

    def test_without_such_rows_there_is_no_list(self, tmp_path: Path) -> None:
        rows = study()
        rows["lb"].pop()
        assert imported(tmp_path, rows).unrecorded is None
        assert sorted(path.name for path in tmp_path.iterdir()) == ["log.db", "study"]

    def test_columns_that_have_no_field_are_named(self, tmp_path: Path) -> None:
        named = {file.file: file.columns_without_field for file in imported(tmp_path).files}
        assert named["dm.csv"] == ("SEX",)
        assert named["ex.csv"] == ()

    @pytest.mark.shows("AT-11")
    def test_each_entry_names_its_row_and_is_a_command_of_its_own(self, tmp_path: Path) -> None:
        imported(tmp_path)
        of_person = [e for e in entries(tmp_path) if e.stream.endswith("/P-1")]
        assert [e.meta.source for e in of_person] == [
            Source(system="SDTM", record=record)
            for record in ("DM/P-1", "DS/P-1/1", "EX/P-1/1", "AE/P-1/1", "LB/P-1/1", "VS/P-1/1")
        ]
        assert all(e.meta.source and e.meta.command == e.meta.source.record for e in of_person)
        assert {(e.meta.part, e.meta.parts) for e in of_person} == {(1, 1)}

    @pytest.mark.parametrize(("line_end", "encoding"), [("\r\n", "utf-8"), ("\n", "utf-8-sig"), ("\r", "utf-8")])
    def test_line_ends_and_a_byte_order_mark_change_nothing(self, tmp_path: Path, line_end: str, encoding: str) -> None:
        write(tmp_path / "other", study(), line_end=line_end, encoding=encoding)
        assert import_sdtm(tmp_path / "other", tmp_path / "other.db", clock=lambda: NOW).recorded == 16
        imported(tmp_path)
        assert [e.fact for e in entries(tmp_path, "other.db")] == [e.fact for e in entries(tmp_path)]

    def test_the_log_goes_on_like_any_other(self, tmp_path: Path) -> None:
        imported(tmp_path)
        with Trials.open(f"sqlite:///{tmp_path / 'log.db'}") as trials:
            person = User(id="li", name="Li Na", role=Role.INVESTIGATOR, organization="Site 1")
            desk = trials.trial("STUDY1").acting(person)
            desk.report_adverse_event("P-4", event="2", term="Nausea", grade=1, onset="2013-03-09")
            assert trials.trial("STUDY1").history().safety(on="2026-03-02").reported.events == 3

    @pytest.mark.processes
    def test_the_exported_log_is_whole(self, tmp_path: Path) -> None:
        imported(tmp_path)
        answers = []
        for log in ("log.db", "log.jsonl"):
            if log == "log.jsonl":
                assert run_bytes(tmp_path, "export", "log.db", log).returncode == 0
            with read_log(tmp_path / log) as opened:
                answers.append(opened["STUDY1"].history().answers(on="2026-03-02"))
        assert answers[0] == answers[1]
        for log in ("log.db", "log.jsonl"):
            verified = verify(tmp_path / log)
            assert [one.why for one in verified.defects] == []
            assert [one.trial for one in verified.trials] == ["STUDY1"]


class TestFacts:
    def test_a_screening_as_the_other_system_has_it(self, tmp_path: Path) -> None:
        imported(tmp_path)
        (enrolled,), (failed,) = facts(tmp_path, "P-1", Screened), facts(tmp_path, "P-3", Screened)
        assert (enrolled.on.text, enrolled.imported) == ("2013-02-20", ImportedScreening.ENROLLED)
        assert [(finding.name, finding.number) for finding in enrolled.findings] == [("age", Decimal(61))]
        assert failed.imported is ImportedScreening.SCREEN_FAILURE
        assert enrolled.assessment == ()

    def test_levels_are_the_arms_by_their_highest_dose(self, tmp_path: Path) -> None:
        imported(tmp_path)
        assert facts(tmp_path, "P-2", Enrolled)[0].level == 1
        (off_arm,) = facts(tmp_path, "P-1", Infused)  # half the dose of the arm: the arm's level, the amount as given
        assert (off_arm.level, off_arm.dose.amount, off_arm.dose.unit) == (2, Decimal("2.5"), "mg")
        assert (off_arm.route, off_arm.ended_at) == ("ORAL", None)

    @pytest.mark.parametrize(
        ("decode", "term", "why"),
        [
            ("ADVERSE EVENT", "ADVERSE EVENT", "ADVERSE EVENT"),
            ("WITHDRAWAL BY SUBJECT", "MOVED AWAY", "WITHDRAWAL BY SUBJECT: MOVED AWAY"),
            ("STUDY TERMINATED BY SPONSOR", "", "STUDY TERMINATED BY SPONSOR"),
        ],
    )
    def test_a_withdrawal_is_from_treatment(self, tmp_path: Path, decode: str, term: str, why: str) -> None:
        more = row("ds", "P-1", DSSEQ="2", DSDECOD=decode, DSTERM=term, DSSTDTC="2013-04-01")
        imported(tmp_path, with_row("ds", more))
        (withdrew,) = facts(tmp_path, "P-1", Withdrew)
        assert (withdrew.scope, withdrew.why.plain) == (WithdrawalScope.TREATMENT, why)

    @pytest.mark.parametrize(
        ("participation", "contact"),
        [("2013-03-20", "2013-03-20"), ("2013-04-02", "2013-04-01"), ("", "2013-04-01")],
    )
    def test_who_is_lost_was_last_seen_when_participation_ended(
        self, tmp_path: Path, participation: str, contact: str
    ) -> None:
        rows = changed("dm", 0, RFPENDTC=participation)
        rows["ds"].append(row("ds", "P-1", DSSEQ="2", DSDECOD="LOST TO FOLLOW-UP", DSSTDTC="2013-04-01"))
        imported(tmp_path, rows)
        assert facts(tmp_path, "P-1", LostToFollowUp)[0].last_contact.text == contact

    @pytest.mark.parametrize(("severity", "grade"), [("MILD", 1), ("MODERATE", 2), ("SEVERE", 3)])
    def test_severity_in_words_is_mapped_to_a_grade(self, tmp_path: Path, severity: str, grade: int) -> None:
        imported(tmp_path, changed("ae", 0, AESEV=severity, AESPID="E07"))
        (reported,) = facts(tmp_path, "P-1", AdverseEventReported)
        assert (reported.grade, reported.grade_mapped, reported.event, reported.linked_to) == (grade, True, "1", "E07")

    def test_a_mapped_grade_may_be_one_that_the_term_lacks(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("ae", 0, AEDECOD="Febrile neutropenia", AESEV="MILD"))
        assert facts(tmp_path, "P-1", AdverseEventReported)[0].grade == 1

    @pytest.mark.parametrize("cells", [{"AESDTH": "Y"}, {"AEOUT": "FATAL"}])
    def test_a_fatal_event_is_of_grade_5_and_brings_the_death(self, tmp_path: Path, cells: dict[str, str]) -> None:
        imported(tmp_path, changed("ae", 0, **cells))
        (reported,) = facts(tmp_path, "P-1", AdverseEventReported)
        assert (reported.grade, reported.serious) == (5, False)
        assert reported.outcome is (Outcome.FATAL if "AEOUT" in cells else None)
        assert facts(tmp_path, "P-1", Died) == [Died(on=reported.onset, event="1")]
        assert len(entries(tmp_path)) == 20

    def test_serious_without_a_criterion_is_taken_as_given(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("ae", 0, AESER="Y", AESHOSP="U"))
        (reported,) = facts(tmp_path, "P-1", AdverseEventReported)
        assert (reported.serious, reported.seriousness) == (True, ())

    def test_an_amount_that_is_blank_is_not_known(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("ex", 1, EXDOSE=""))
        (given,) = facts(tmp_path, "P-1", Infused)
        assert (given.level, given.dose) == (2, None)

    def test_a_screening_of_which_the_study_says_nothing_more(self, tmp_path: Path) -> None:
        rows = study()
        rows["dm"].append(row("dm", "P-5", ARM="", DMDTC="2013-02-20"))
        imported(tmp_path, rows)
        assert facts(tmp_path, "P-5", Screened)[0].imported is None

    def test_the_order_in_a_file_changes_nothing(self, tmp_path: Path) -> None:
        rows = with_row("ae", event("P-1", 2, AESTDTC="2013-03-04"))
        imported(tmp_path, rows)
        turned = {domain: [*reversed(of_domain)] for domain, of_domain in rows.items()}
        turned["dm"] = rows["dm"]
        import_sdtm(write(tmp_path / "turned", turned), tmp_path / "turned.db", clock=lambda: NOW)
        assert [e.fact for e in entries(tmp_path, "turned.db")] == [e.fact for e in entries(tmp_path)]

    def test_seriousness_is_taken_as_given(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("ae", 0, AESHOSP="Y", AESCAN="Y"))
        (reported,) = facts(tmp_path, "P-1", AdverseEventReported)
        assert not reported.serious
        assert reported.seriousness == (Seriousness.HOSPITALIZATION, Seriousness.OTHER)

    @pytest.mark.parametrize(
        ("word", "relatedness"),
        [
            ("PROBABLE", Relatedness.LIKELY),
            ("POSSIBLE", Relatedness.POSSIBLY),
            ("REMOTE", Relatedness.UNLIKELY),
            ("NONE", Relatedness.UNRELATED),
        ],
    )
    def test_relatedness(self, tmp_path: Path, word: str, relatedness: Relatedness) -> None:
        imported(tmp_path, changed("ae", 0, AEREL=word))
        (attribution,) = facts(tmp_path, "P-1", AdverseEventReported)[0].attributions
        assert attribution.relatedness is relatedness

    def test_nobody_judged_what_is_blank(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("ae", 0, AEREL=""))
        assert facts(tmp_path, "P-1", AdverseEventReported)[0].attributions == ()

    def test_a_partial_date_is_kept(self, tmp_path: Path) -> None:
        imported(tmp_path)
        assert facts(tmp_path, "P-2", AdverseEventReported)[0].onset.text == "2013-02"

    @pytest.mark.parametrize(
        ("result", "comparator", "value"),
        [
            ("<0.2", Comparator.BELOW, "0.2"),
            (">= 40", Comparator.AT_LEAST, "40"),
            (".5", None, "0.5"),
        ],
    )
    def test_a_result_with_a_comparator(
        self, tmp_path: Path, result: str, comparator: Comparator | None, value: str
    ) -> None:
        imported(tmp_path, changed("lb", 1, LBORRES=result, LBORNRLO="1.0", LBORNRHI="9"))
        (found,) = facts(tmp_path, "P-1", LabRecorded)
        assert (found.comparator, found.value) == (comparator, Decimal(value))
        assert (found.lower_limit, found.upper_limit) == (Decimal("1.0"), Decimal(9))

    @pytest.mark.parametrize(
        "row",
        [
            {"LBTESTCD": "ALT", "LBORRESU": "U/L", "LBORRES": "-3"},
            {"LBTESTCD": "NEUT", "LBORRESU": "10^9/L", "LBORRES": "<-1"},
            {"LBTESTCD": "NEUT", "LBORRESU": "10^9/L", "LBORRES": "<0"},
            {"LBTESTCD": "HCT", "LBORRESU": "%", "LBORRES": "101"},
            {"LBTESTCD": "PH", "LBORRESU": "NO UNITS", "LBORRES": "15"},
        ],
    )
    def test_a_result_that_cannot_be_is_listed_and_keeps_nothing_else_out(
        self, tmp_path: Path, row: dict[str, str]
    ) -> None:
        found = imported(tmp_path, changed("lb", 1, **row))
        (why,) = (reason for reason in found.reasons if "cannot be" in reason)
        assert (found.reasons[why], facts(tmp_path, "P-1", LabRecorded)) == (1, [])

    def test_a_difference_may_be_below_zero(self, tmp_path: Path) -> None:
        imported(tmp_path, changed("lb", 1, LBTESTCD="BASEXCS", LBORRES="-3", LBORNRLO="-2", LBORNRHI="2"))
        (found,) = facts(tmp_path, "P-1", LabRecorded)
        assert (found.value, found.lower_limit) == (Decimal(-3), Decimal(-2))

    @pytest.mark.parametrize(
        ("analyte", "spelling", "unit"),
        [
            ("WBC", "THOU/uL", "10*3/uL"),
            ("RBC", "MILL/uL", "10*6/uL"),
            ("K", "mEq/L", "meq/L"),
            ("INR", "FRACTION", "1"),
            ("SPGRAV", "NO UNITS", "1"),
            ("PH", "NO UNITS", "[pH]"),
            ("BASOLE", "%", "%"),
            ("ANC", "", None),
        ],
    )
    def test_units_as_sdtm_spells_them(self, tmp_path: Path, analyte: str, spelling: str, unit: str | None) -> None:
        imported(tmp_path, changed("lb", 1, LBTESTCD=analyte, LBORRESU=spelling))
        assert facts(tmp_path, "P-1", LabRecorded)[0].unit == unit

    def test_a_temperature_is_kept_as_written_and_converted_exactly(self, tmp_path: Path) -> None:
        imported(tmp_path)
        (found,) = facts(tmp_path, "P-1", VitalSignRecorded)
        assert (found.value, found.unit, found.site) == (Decimal("98.6"), "[degF]", BodySite.TYMPANIC)
        assert convert(found.value, found.unit, to="Cel") == Fraction(37)

    def test_times_are_local_and_stand_as_they_are_where_no_zone_is_named(self, tmp_path: Path) -> None:
        imported(tmp_path)
        assert facts(tmp_path, "P-1", LabRecorded)[0].collected_at.text == "2013-03-04T08:30"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("2013-03-04T08:30", "2013-03-04T08:30-05:00"),
            ("2013-07-04T08:30:15", "2013-07-04T08:30:15-04:00"),
            ("2013-03-04", "2013-03-04"),
            ("2013-03-04T08:30Z", "2013-03-04T03:30-05:00"),
        ],
    )
    def test_the_zone_of_the_site_gives_times_their_offset(self, tmp_path: Path, given: str, expected: str) -> None:
        imported(tmp_path, changed("lb", 1, LBDTC=given), zone="America/New_York")
        assert facts(tmp_path, "P-1", LabRecorded)[0].collected_at.text == expected


class TestProtocol:
    def test_one_is_derived_from_the_arms(self, tmp_path: Path) -> None:
        more = row("ex", "P-1", EXSEQ="2", EXDOSE="5", EXDOSU="mg", EXSTDTC="2013-03-08")
        write(tmp_path / "study", with_row("ex", more))
        with Study(tmp_path / "study") as read:
            derived = read.protocol(zone="Asia/Shanghai")
        assert (derived.trial, derived.zone, derived.administrations) == ("STUDY1", "Asia/Shanghai", 2)
        assert [(level.level, level.dose and level.dose.amount) for level in derived.levels] == [
            (1, Decimal(0)),
            (2, Decimal(5)),
        ]
        assert (derived.criteria, derived.dlt, derived.design) == ((), None, None)

    def test_without_a_design_there_are_no_cohorts_and_no_decision(self, tmp_path: Path) -> None:
        imported(tmp_path)
        assert not [e for e in entries(tmp_path) if "/cohort/" in e.stream]
        with read_log(tmp_path / "log.db") as log:
            answers = log["STUDY1"].history().answers(on="2026-03-02")
        assert answers.escalation is None
        assert (answers.dlt_counts.tallies, answers.dlt_counts.members) == ((), ())

    @pytest.fixture
    def with_rule(self) -> TrialProtocol:
        return attrs.evolve(nct06245746(), criteria=())

    def test_a_rule_attributes_dlts_and_closes_nothing(self, tmp_path: Path, with_rule: TrialProtocol) -> None:
        rows = with_row("ae", event("P-4", 1))
        imported(tmp_path, rows, protocol=with_rule)
        with read_log(tmp_path / "log.db") as log:
            history = log["NCT06245746"].history()
            counts = history.dlt_counts(on="2026-03-02")
            assert [(tally.treated, tally.dlts) for tally in counts.tallies] == [(1, 0), (2, 2), (0, 0)]
            assert history.reconciliation(on="2026-03-02") == ()
        names = Counter(type(e.fact).__name__ for e in entries(tmp_path) if "/cohort/" in e.stream)
        assert names == {
            "CohortOpened": 1,
            "MemberInfused": 3,
            "DltAttributed": 2,
        }

    def test_what_the_cohorts_learn_stands_once_in_the_last_command_of_the_participant(
        self, tmp_path: Path, with_rule: TrialProtocol
    ) -> None:
        imported(tmp_path, protocol=with_rule)
        by_position = sorted(entries(tmp_path), key=lambda e: e.position)
        of_cohorts = [e for e in by_position if "/cohort/" in e.stream and getattr(e.fact, "subject", "") == "P-1"]
        of_themselves = [e for e in by_position if e.stream.endswith("/P-1")]
        assert {e.meta.command for e in of_cohorts} == {of_themselves[-1].meta.command}
        told = [e for e in by_position if e.meta.command == of_themselves[-1].meta.command]
        assert [(e.meta.part, e.meta.parts) for e in told] == [(1, 3), (2, 3), (3, 3)]
        assert {e.meta.caused_by for e in told[1:]} == {told[0].ref}

    def test_a_lasting_cytopenia_counts_once_all_results_are_read(
        self, tmp_path: Path, with_rule: TrialProtocol
    ) -> None:
        from trialdomain.protocol.dlt_rule import CytopeniaRule  # noqa: PLC0415

        rule = attrs.evolve(with_rule, dlt=DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5"))))
        rows = study()
        rows["ae"].clear()
        days = (date(2013, 3, 4) + timedelta(days=7 * number) for number in range(8))
        rows["lb"] += [
            lab("P-4", number, LBTESTCD="ANC", LBORRES="0.1", LBDTC=day.isoformat()) for number, day in enumerate(days)
        ]
        imported(tmp_path, rows, protocol=rule)
        with read_log(tmp_path / "log.db") as log:
            history = log["NCT06245746"].history()
            assert [tally.dlts for tally in history.dlt_counts(on="2026-03-02").tallies] == [0, 1, 0]
            assert history.reconciliation(on="2026-03-02") == ()

    @pytest.mark.parametrize(
        ("changes", "broken"),
        [
            ({"stagger": Stagger(between_days=7)}, {"StaggerNotKept": 1}),
            ({"stagger": Stagger(sentinel=Sentinel(observation_days=7))}, {"SentinelNotCleared": 1}),
            ({"max_infused": 1}, {"RecruitmentIsFull": 2}),
            ({"levels": _LEVELS, "tally_by": TallyBy.ASSIGNED}, {"DoseNotOfLevel": 1}),
        ],
    )
    def test_rules_about_the_whole_trial_are_asked_as_well(
        self, tmp_path: Path, with_rule: TrialProtocol, changes: dict[str, Any], broken: dict[str, int]
    ) -> None:
        done = imported(tmp_path, protocol=attrs.evolve(with_rule, **changes))
        assert done.deviations == {"ConsentMissing": 6, "LevelNotOpen": 2} | broken

    def test_an_amount_off_the_arm_is_a_deviation(self, tmp_path: Path) -> None:
        assert imported(tmp_path).deviations == {"ConsentMissing": 6, "DoseNotOfLevel": 1}

    def test_one_with_too_few_levels_is_refused(self, tmp_path: Path, with_rule: TrialProtocol) -> None:
        with pytest.raises(ProtocolUnfit, match="2 arms, and the protocol 1 dose level:"):
            imported(tmp_path, protocol=attrs.evolve(with_rule, levels=with_rule.levels[:1]))
        assert left_nothing(tmp_path)

    def test_two_zones_are_refused(self, tmp_path: Path, with_rule: TrialProtocol) -> None:
        with pytest.raises(ProtocolUnfit, match="zone is Asia/Shanghai, not Europe/Paris"):
            imported(tmp_path, protocol=attrs.evolve(with_rule, zone="Asia/Shanghai"), zone="Europe/Paris")
        assert left_nothing(tmp_path)

    def test_rules_of_conduct_that_are_broken_are_named(self, tmp_path: Path, with_rule: TrialProtocol) -> None:
        rows = study()
        rows["ds"].append(row("ds", "P-1", DSSEQ="2", DSDECOD="DEATH", DSSTDTC="2013-03-03"))
        done = imported(tmp_path, rows, protocol=with_rule)
        # 3 enrolled and 3 infused without a consent; P-1, by the order of the files the first, takes a slot at level 2,
        # which nobody opened, P-4 as well; the event of 5 March and the result of 4 March come after the death.
        assert done.deviations == {"ConsentMissing": 6, "LevelNotOpen": 2, "AfterDeath": 2}
        (late,) = [e for e in entries(tmp_path) if e.meta.command == "AE/P-1/1" and e.meta.part == 1]
        assert late.meta.deviation is not None
        assert late.meta.deviation.startswith("as imported: P-1 died on 2013-03-03")


MALFORMED: list[tuple[Rows, str, int, str]] = [
    (changed("dm", 1, DMDTC="20/02/2013"), "dm.csv", 3, "is not a clinical time"),
    (changed("dm", 1, DMDTC="2013-02-30"), "dm.csv", 3, "not in the calendar"),
    (changed("dm", 1, AGE="old"), "dm.csv", 3, "AGE is 'old', which is not a number"),
    (changed("dm", 1, AGEU="DECADES"), "dm.csv", 3, "AGEU is 'DECADES'"),
    (changed("dm", 1, USUBJID="P-1"), "dm.csv", 3, "is also in an earlier line"),
    (changed("dm", 1, STUDYID="STUDY2"), "dm.csv", 3, "'STUDY1' was expected"),
    (changed("dm", 1, DOMAIN="AE"), "dm.csv", 3, "'DM' was expected"),
    (changed("dm", 2, USUBJID="Jane Doe"), "ds.csv", 5, "'P-3' has no row in dm.csv"),
    (changed("ds", 0, DSSEQ="one"), "ds.csv", 2, "not a whole number"),
    (changed("ds", 0, DSSEQ="1.5"), "ds.csv", 2, "not a whole number"),
    (changed("ds", 0, DSSTDTC="2027-01-01"), "ds.csv", 2, "lies in the future"),
    (changed("ex", 0, EXDOSE="much"), "ex.csv", 2, "EXDOSE is 'much', which is not a number"),
    (changed("ex", 0, EXDOSE="-5"), "ex.csv", 2, "must be at least 0"),
    (changed("ex", 0, EXDOSE="NaN"), "ex.csv", 2, "which is not a number"),
    (changed("ex", 0, EXDOSU=""), "ex.csv", 2, "not blank"),
    (changed("ex", 0, EXENDTC="2013-02-01"), "ex.csv", 2, "lies before started_at"),
    (changed("ex", 0, USUBJID="P-3"), "ex.csv", 2, "was not randomized"),
    (changed("ae", 0, AESEV="TERRIBLE"), "ae.csv", 2, "only MILD, MODERATE, SEVERE are known"),
    (changed("ae", 0, AEOUT="GONE"), "ae.csv", 2, "AEOUT is 'GONE'"),
    (changed("ae", 0, AESER="yes"), "ae.csv", 2, "AESER is 'yes'"),
    (changed("ae", 0, AEDECOD=" "), "ae.csv", 2, "not blank"),
    (changed("ae", 0, AEENDTC="2013-03-01"), "ae.csv", 2, "lies before onset"),
    (changed("dm", 0, ARM=""), "ds.csv", 2, "the subject has no arm, so there is no dose level"),
    (changed("dm", 3, RFPENDTC="garbage"), "dm.csv", 5, "RFPENDTC: 'garbage' is not a clinical time"),
    (changed("dm", 0, STUDYID=""), "dm.csv", 2, "STUDYID is blank"),
    (changed("vs", 0, VSORRESU="kg"), "vs.csv", 2, "unit kg measures no temperature"),
    (changed("lb", 0, LBTESTCD=""), "lb.csv", 2, "not blank"),
    (with_row("lb", lab("P-9", 1)), "lb.csv", 5, "'P-9' has no row"),
    (with_row("lb", lab("P-2", 1)), "lb.csv", 5, "record LB/P-2/1 is also in an earlier line"),
    (
        with_row("vs", row("vs", "P-1", VSSEQ="2", VSTESTCD="TEMP", VSORRES="37", VSORRESU="C", VSDTC="x")),
        "vs.csv",
        3,
        "x",
    ),
]

LISTED: list[tuple[Rows, str]] = [
    (changed("ds", 3, DSDECOD="FINAL LAB VISIT"), "there is not a fact for the disposition 'FINAL LAB VISIT'"),
    (changed("ds", 3, DSCAT="OTHER EVENT"), "there is not a fact for 'SCREEN FAILURE' in 'OTHER EVENT'"),
    (changed("ds", 3, DSDECOD="COMPLETED", EPOCH="SCREENING"), "there is not a fact for 'COMPLETED' in 'SCREENING'"),
    (
        changed("ds", 3, DSDECOD="INFORMED CONSENT OBTAINED"),
        "a consent needs the versions of its form and of the protocol, and SDTM has neither",
    ),
    (changed("ex", 0, EXSTDTC="2013-03"), "its date 2013-03 (EXSTDTC) names no day"),
    (changed("ae", 0, AEREL="PERHAPS"), "the relatedness 'PERHAPS' (AEREL) is not known"),
    (changed("ae", 0, AESEV=""), "it has no severity (AESEV), so it has no grade"),
    *(
        (
            changed("ae", 0, AESTDTC=text),
            f"its date {text!r} (AESTDTC) leaves out what lies between, or is an interval",
        )
        for text in ("2013---05", "2013-03-05T10", "2013-03-05T-:30", "--03-05", "2013-03-05/2013-03-07")
    ),
    (changed("lb", 0, LBORRES="1" * 5000), f"the result {'1' * 40!r} is not a number"),
    (changed("ae", 0, AESTDTC=""), "it has no date (AESTDTC)"),
    (changed("lb", 0, LBORRES=""), "the result '' is not a number"),
    (changed("lb", 0, LBORRES="1e99"), "the result '1e99' is not a number"),
    (changed("lb", 0, LBORRESU="furlong"), "the unit 'furlong' is not known"),
    (changed("lb", 0, LBDTC=""), "it has no date (LBDTC)"),
    (changed("vs", 0, VSTESTCD="FRMSIZE"), "there is not a fact for the vital sign 'FRMSIZE'"),
    (changed("vs", 0, VSORRES="warm"), "the result 'warm' is not a number"),
    (changed("vs", 0, VSLOC="TOE"), "the site of the body 'TOE' is not known"),
    (changed("vs", 0, VSORRESU=""), "the result has no unit"),
]


_LEFT_OUT = ("AGE is 'old'", "AGEU is 'DECADES'", "RFPENDTC", "'STUDY1' was expected")
"""What costs a cell and no row, or is no row of this study: see the tests of each."""
LISTED_UNLESS_STRICT = [one for one in MALFORMED if not one[-1].startswith(_LEFT_OUT)]


class TestRefusing:
    @pytest.mark.parametrize(("rows", "file", "line", "why"), MALFORMED, ids=[why for *_, why in MALFORMED])
    def test_a_strict_import_names_a_malformed_row_by_file_and_line(
        self, tmp_path: Path, rows: Rows, file: str, line: int, why: str
    ) -> None:
        with pytest.raises(RowMalformed) as refused:
            imported(tmp_path, rows, strict=True)
        assert (refused.value.file, refused.value.line) == (file, line)
        assert why in str(refused.value)
        assert len(str(refused.value)) < 500
        assert left_nothing(tmp_path)

    @pytest.mark.parametrize(
        ("rows", "file", "line", "why"), LISTED_UNLESS_STRICT, ids=[w for *_, w in LISTED_UNLESS_STRICT]
    )
    def test_a_malformed_row_keeps_no_study_out(
        self, tmp_path: Path, rows: Rows, file: str, line: int, why: str
    ) -> None:
        done = imported(tmp_path, rows)
        assert done.unrecorded is not None
        with done.unrecorded.open(newline="") as listing:
            reasons = {(one["file"], int(one["line"])): one["reason"] for one in csv.DictReader(listing)}
        assert why in reasons[file, line]
        assert done.read == sum(map(len, rows.values())) == done.recorded + done.listed
        assert verify(done.log).defects == ()

    @pytest.mark.parametrize(
        ("cells", "remark"),
        [
            ({"AGE": "old"}, "the age 'old' 'YEARS' (AGE, AGEU) is none, and is left out"),
            ({"AGEU": "DECADES"}, "the age '61.0' 'DECADES' (AGE, AGEU) is none, and is left out"),
            ({"AGE": "400"}, "the age '400' 'YEARS' (AGE, AGEU) is none, and is left out"),
            ({"AGE": "-1"}, "the age '-1' 'YEARS' (AGE, AGEU) is none, and is left out"),
        ],
    )
    def test_an_age_that_is_none_is_left_out(self, tmp_path: Path, cells: dict[str, str], remark: str) -> None:
        done = imported(tmp_path, changed("dm", 1, **cells))
        assert done.remarks == {remark: 1}
        assert facts(tmp_path, "P-2", Screened)[0].findings == ()

    def test_an_end_of_participation_that_is_none_is_left_out(self, tmp_path: Path) -> None:
        (remark,) = imported(tmp_path, changed("dm", 3, RFPENDTC="garbage")).remarks
        assert remark.startswith("RFPENDTC is left out: RFPENDTC: 'garbage' is not a clinical time")

    @pytest.mark.parametrize("strict", [False, True])
    def test_two_studies_are_refused(self, tmp_path: Path, strict: bool) -> None:
        with pytest.raises(RowMalformed, match=r"dm\.csv, line 3: STUDYID is 'STUDY2', but 'STUDY1' was expected"):
            imported(tmp_path, changed("dm", 1, STUDYID="STUDY2"), strict=strict)
        assert left_nothing(tmp_path)

    @pytest.mark.parametrize(("rows", "reason"), LISTED, ids=[reason for _, reason in LISTED])
    def test_a_row_that_no_fact_can_hold_is_listed(self, tmp_path: Path, rows: Rows, reason: str) -> None:
        done = imported(tmp_path, rows)
        assert done.reasons[reason] == 1
        assert (done.recorded, done.listed) == (15, 2)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("STUDY1,LB,P-1", "3 cells under 10 columns"),
            ('STUDY1,LB,"P-1', "not CSV"),
            ('STUDY1,LB,"P-1"x,1,WBC,1,THOU/uL,,,2013-03-04', "not CSV"),
            ("STUDY1,LB,P-1\0,1,WBC,1,THOU/uL,,,2013-03-04", "has no row in dm.csv"),
            ("x" * 2_000_000, "longer than"),
        ],
    )
    def test_a_line_that_is_no_row(self, tmp_path: Path, text: str, why: str) -> None:
        folder = write(tmp_path / "study", study())
        with (folder / "lb.csv").open("a") as file:
            file.write(f"{text}\n")
        with pytest.raises(RowMalformed, match=r"lb\.csv, line 5") as refused:
            import_sdtm(folder, tmp_path / "log.db", strict=True)
        assert why in str(refused.value)
        assert left_nothing(tmp_path)
        with (folder / "lb.csv").open("a") as file:
            file.write("STUDY1,LB,P-1,77,WBC,5.5,THOU/uL,,,2013-03-04\n")
        done = import_sdtm(folder, tmp_path / "log.db", clock=lambda: NOW)
        assert done.files[4] == attrs.evolve(done.files[4], read=5, recorded=3, listed=2)
        assert any(why in reason for reason in done.reasons)
        assert Decimal("5.5") in {fact.value for fact in facts(tmp_path, "P-1", LabRecorded)}

    def test_bytes_that_are_no_text(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        (folder / "ae.csv").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(RowMalformed, match=r"ae\.csv, line 1: it is not UTF-8 text"):
            import_sdtm(folder, tmp_path / "log.db")

    def test_a_byte_that_is_no_text_is_named_by_its_line(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        with (folder / "lb.csv").open("ab") as file:
            file.writelines(b"STUDY1,LB,P-1,%d,WBC,1,THOU/uL,,,2013-03-04\n" % number for number in range(10, 500))
            file.write(b"STUDY1,LB,P-1,900,WBC,1,\xb5g/L,,,2013-03-04\n")
            file.write(b"STUDY1,LB,P-1,901,WBC,1,THOU/uL,,,2013-03-04\n")
        with pytest.raises(RowMalformed, match=r"lb\.csv, line 495: it is not UTF-8 text"):
            import_sdtm(folder, tmp_path / "log.db")

    @pytest.mark.parametrize("file", ["dm", "ds", "ex", "ae", "lb", "vs"])
    def test_a_file_that_is_missing(self, tmp_path: Path, file: str) -> None:
        folder = write(tmp_path / "study", study())
        (folder / f"{file}.csv").unlink()
        with pytest.raises(StudyUnusable, match=f"there is no .*{file}.csv"):
            import_sdtm(folder, tmp_path / "log.db", strict=file != "dm")
        assert left_nothing(tmp_path)

    @pytest.mark.parametrize(
        ("file", "column", "strict"),
        [
            ("dm", "ARM", True),
            ("ae", "AEREL", True),
            ("lb", "LBORRES", True),
            ("dm", "USUBJID", False),
            ("vs", "USUBJID", False),
        ],
    )
    def test_a_column_that_is_missing(self, tmp_path: Path, file: str, column: str, strict: bool) -> None:
        rows = study()
        for one in rows[file]:
            del one[column]
        with pytest.raises(StudyUnusable, match=f"{file}.csv has no column {column}"):
            imported(tmp_path, rows, strict=strict)
        assert left_nothing(tmp_path)

    def test_files_without_a_row(self, tmp_path: Path) -> None:
        with pytest.raises(StudyUnusable, match="no subjects to import"):
            imported(tmp_path, {domain: [] for domain in study()})

    @pytest.mark.parametrize("name", ["log.db", "log.db.unrecorded.csv", "log.db-wal", "log.db-shm", "log.db-journal"])
    def test_what_exists_is_left_as_it_is(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("mine")
        with pytest.raises(LogUnusable, match=f"{name} exists already"):
            imported(tmp_path)
        assert (tmp_path / name).read_text() == "mine"

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        write(tmp_path / "study", study())
        with pytest.raises(LogUnusable, match="cannot be made"):
            import_sdtm(tmp_path / "study", tmp_path / "nowhere" / "log.db")

    @pytest.mark.parametrize("log", [".", "", "/", "a\0b", ":memory:"])
    def test_what_no_file_can_be_named(self, tmp_path: Path, log: str) -> None:
        with pytest.raises(LogUnusable, match="cannot be a log"):
            import_sdtm(write(tmp_path / "study", study()), log)

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        (folder / "ae.csv").unlink()
        os.mkfifo(folder / "ae.csv")
        with pytest.raises(StudyUnusable, match="is a folder or a device"):
            import_sdtm(folder, tmp_path / "log.db")

    def test_a_study_whose_name_is_no_code(self, tmp_path: Path) -> None:
        rows = study()
        for of_domain in rows.values():
            for one in of_domain:
                one["STUDYID"] = "A study"
        with pytest.raises(InputInvalid, match="is not a valid trial code"):
            imported(tmp_path, rows)

    def test_a_log_that_somebody_made_meanwhile_is_left_as_it_is(self, tmp_path: Path) -> None:
        def meanwhile(what: str, done: int, total: int) -> None:
            if what == "recording" and done == total:
                (tmp_path / "log.db").write_text("theirs")

        with pytest.raises(LogUnusable, match=r"log.db cannot be made: File exists"):
            imported(tmp_path, progress=meanwhile)
        assert (tmp_path / "log.db").read_text() == "theirs"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["log.db", "study"]


@pytest.mark.processes
class TestCommand:
    def run(self, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
        return run_bytes(Path.cwd(), "import-sdtm", *arguments)

    def test_findings_have_exit_status_1(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "study", study())
        done = self.run(folder, tmp_path / "log.db", "--json")
        answer = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (1, b"")
        assert {key: answer[key] for key in ("trial", "read", "recorded", "listed", "entries")} == {
            "trial": "STUDY1",
            "read": 17,
            "recorded": 16,
            "listed": 1,
            "entries": 19,
        }
        assert answer["files"][4] == {"file": "lb.csv", "read": 3, "recorded": 2, "listed": 1}

    def test_people_get_a_table(self, tmp_path: Path) -> None:
        rows = study()
        rows["lb"].pop()
        done = self.run(write(tmp_path / "study", rows), tmp_path / "log.db")
        assert (done.returncode, done.stderr) == (0, b"")
        assert "Columns of dm.csv without a field in the log: SEX" in done.stdout.decode()

    def test_unusable_input_has_exit_status_2_and_one_sentence(self, tmp_path: Path) -> None:
        done = self.run(write(tmp_path / "study", changed("ae", 0, AESEV="BAD")), tmp_path / "log.db", "--strict")
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().count("\n") == 1
        assert "ae.csv, line 2: AESEV is 'BAD'" in done.stderr.decode()
        assert left_nothing(tmp_path)

    def test_a_protocol_in_a_file(self, tmp_path: Path) -> None:
        from trialdomain.exchange.toml import protocol_to_toml  # noqa: PLC0415

        (tmp_path / "protocol.toml").write_text(protocol_to_toml(nct06245746()))
        folder = write(tmp_path / "study", study())
        done = self.run(folder, tmp_path / "log.db", "--protocol", tmp_path / "protocol.toml", "--json")
        assert json.loads(done.stdout)["trial"] == "NCT06245746"


PEAK = """
import resource, sys
from trialdomain import import_sdtm
import_sdtm(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.processes
def test_memory_follows_one_participant(tmp_path: Path) -> None:
    def peak(people: int) -> int:
        rows = study()
        for number in range(people):
            subject = f"Q-{number}"
            rows["dm"].append(row("dm", subject, AGE="61", AGEU="YEARS", ARM="Active", DMDTC="2013-02-20"))
            rows["lb"] += [lab(subject, at) for at in range(100)]
        folder = write(tmp_path / f"study-{people}", rows)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, folder, tmp_path / f"{people}.db"], capture_output=True, check=True
        )
        return int(done.stdout)

    few, many = peak(20), peak(200)
    assert many <= 1.2 * few


@pytest.fixture(scope="module")
def pilot(shared: Path) -> Path:
    return shared / "sdtm"


@pytest.fixture(scope="module")
def done(imported_pilot: Imported) -> Imported:
    return imported_pilot


@pytest.fixture(scope="module")
def answers(done: Imported) -> Answers:
    with read_log(done.log) as log:
        history = log["CDISCPILOT01"].history()
        return history.answers(on=history.last_day())


@pytest.fixture(scope="module")
def pilot_rows(pilot: Path) -> Rows:
    return {
        file: list(csv.DictReader((pilot / f"{file}.csv").read_text().splitlines()))
        for file in ("dm", "ds", "ex", "ae")
    }


def _by_event(rows: list[dict[str, str]]) -> dict[tuple[str, str], dict[str, int]]:
    """Give, for each event of the file, the highest grade of each of its dates."""
    grades = {"MILD": 1, "MODERATE": 2, "SEVERE": 3}
    found: dict[tuple[str, str], dict[str, int]] = {}
    for one in rows:
        dates = found.setdefault((one["USUBJID"], one["AESPID"]), {})
        grade = 5 if one["AEOUT"] == "FATAL" else grades[one["AESEV"]]
        dates[one["AESTDTC"]] = max(grade, dates.get(one["AESTDTC"], 0))
    return found


class TestRealStudy:
    """CDISCPILOT01: 65,238 rows that nobody here wrote. The expected numbers are counted in the files themselves."""

    def test_every_row_is_recorded_or_listed(self, done: Imported) -> None:
        assert {file.file: (file.read, file.recorded, file.listed) for file in done.files} == {
            "dm.csv": (306, 306, 0),
            "ds.csv": (850, 560, 290),
            "ex.csv": (591, 591, 0),
            "ae.csv": (1191, 1191, 0),
            "lb.csv": (59580, 58706, 874),
            "vs.csv": (2720, 2720, 0),
        }
        assert (done.read, done.recorded + done.listed) == (65238, 65238)

    def test_the_log_holds_what_was_recorded(self, done: Imported) -> None:
        connection = sqlite3.connect(done.log)
        by_name = dict(connection.execute("SELECT name, count(*) FROM entries GROUP BY name").fetchall())
        connection.close()
        assert by_name == {
            "trial.registered.v1": 1,
            "trial.user-registered.v1": 1,
            "trial.software-changed.v1": 1,
            "participant.screened.v1": 306,
            "participant.enrolled.v1": 254,
            "participant.screen-failed.v1": 52,
            "participant.completed-follow-up.v1": 110,
            "participant.withdrew.v1": 92 + 27 + 7 + 6 + 4 + 3,
            "participant.died.v1": 3,
            "participant.lost-to-follow-up.v1": 2,
            "participant.infused.v1": 591,
            "participant.adverse-event-reported.v1": 883,
            "participant.adverse-event-followed-up.v1": 308,
            "participant.lab-recorded.v1": 58706,
            "participant.vital-sign-recorded.v1": 2720,
        }

    def test_particulars(self, done: Imported) -> None:
        with read_log(done.log) as log:
            found = [entry.fact for entry in log["CDISCPILOT01"].history().entries()]
        labs = [fact for fact in found if isinstance(fact, LabRecorded)]
        assert Counter(fact.comparator for fact in labs)[Comparator.BELOW] == 6
        assert {fact.unit for fact in labs if fact.analyte == "PH"} == {"[pH]"}
        told = [fact for fact in found if isinstance(fact, AdverseEventReported | AdverseEventFollowedUp)]
        dates = [fact.onset if isinstance(fact, AdverseEventReported) else fact.on for fact in told]
        assert sum(date.day is None for date in dates) == 26
        assert (sum(fact.serious is True for fact in told), sum(fact.grade == 5 for fact in told)) == (3, 3)
        doses = [fact for fact in found if isinstance(fact, Infused)]
        assert sum(fact.ended_at is None for fact in doses) == 6

    def test_a_criterion_without_seriousness_is_kept(self, done: Imported, pilot_rows: Rows) -> None:
        criteria = ("AESCAN", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESOD")
        rows = [one for one in pilot_rows["ae"] if one["AESER"] == "N" and "Y" in {one[name] for name in criteria}]
        assert len(rows) == 36
        expected = {(one["USUBJID"], one["AESPID"]) for one in rows}
        with read_log(done.log) as log:
            found = findings(log["CDISCPILOT01"].history(), checks=[CriterionNotSerious]).found
        assert len(found) == len(expected)
        assert {one.subject for one in found} == {subject for subject, _ in expected}

    def test_of_differing_dates_of_a_death_the_earliest_is_recorded_and_said(self, done: Imported) -> None:
        """DS and DM say 2014-11-01 of 01-704-1445; the fatal event ended on 2014-10-31."""
        with read_log(done.log) as log:
            found = [
                entry
                for entry in log["CDISCPILOT01"].history().entries()
                if isinstance(entry.fact, Died) and entry.stream.endswith("/01-704-1445")
            ]
        (death,) = found
        assert isinstance(death.fact, Died)
        assert (death.fact.on, death.meta.command) == (ClinicalTime("2014-10-31"), "DS/01-704-1445/3")
        assert death.meta.deviation is not None
        assert "the dates of the death differ: 2014-11-01 (DS/01-704-1445/3)" in death.meta.deviation
        assert [reason.partition(":")[0] for reason in done.findings] == ["the dates of the death differ"]

    def test_the_flow(self, answers: Answers) -> None:
        flow = answers.flow
        assert (flow.people, flow.screened, flow.screen_failures, flow.consented) == (306, 306, 52, 0)
        assert [(level.enrolled, level.infused) for level in flow.levels] == [(86, 86), (84, 84), (84, 84)]
        assert dict(flow.overall.reasons) == {
            "ADVERSE EVENT": 92,
            "WITHDRAWAL BY SUBJECT": 27,
            "STUDY TERMINATED BY SPONSOR": 7,
            "PROTOCOL VIOLATION": 6,
            "LACK OF EFFICACY": 4,
            "PHYSICIAN DECISION": 3,
        }
        ended = {status.value: number for status, number in flow.overall.ended}
        assert (ended["completed"], ended["died"], ended["lost-to-follow-up"]) == (110, 3, 2)

    def test_adverse_events_are_counted_as_participants_and_as_events(self, answers: Answers) -> None:
        safety = answers.safety
        assert (safety.reported.events, safety.distinct_events, safety.reported.participants) == (883, 883, 225)

    @pytest.mark.parametrize("days", [None, 28, 365])
    def test_incidence_is_what_the_files_say(self, answers: Answers, pilot_rows: Rows, days: int | None) -> None:
        arms = {"Placebo": 1, "Xanomeline Low Dose": 2, "Xanomeline High Dose": 3}
        level_of = {one["USUBJID"]: arms.get(one["ARM"]) for one in pilot_rows["dm"]}
        first: dict[str, str] = {}
        for one in pilot_rows["ex"]:
            first[one["USUBJID"]] = min(first.get(one["USUBJID"], "9"), one["EXSTDTC"])
        people: dict[Label | None, set[str]] = {}
        events: Counter[Label | None] = Counter()
        for (subject, _), lines in _by_event(pilot_rows["ae"]).items():
            start, before = first[subject], 0
            for began, grade in sorted(lines.items()):
                if began < start and not start.startswith(began):
                    before = grade
                elif grade > before:  # it began, or became worse, after the first dose
                    began_on = max(f"{began}-01-01"[:10], start)  # as early as the text allows
                    if days is None or (date.fromisoformat(began_on) - date.fromisoformat(start)).days <= days:
                        for level in (level_of[subject], None):
                            people.setdefault(level, set()).add(subject)
                            events[level] += 1
                    break
        period = next(period for period in answers.safety.periods if period.days == days)
        for found in (*period.levels, period.overall):
            assert found.any_event.participants == len(people[found.level])
            assert found.any_event.events == events[found.level]

    def test_incidence_is_what_others_published(self, answers: Answers) -> None:
        """Published reproductions of the study's table 14-5.01 have 65 of 86 and 77 of 84 people with an event."""
        levels = answers.safety.periods[0].levels
        assert [(level.any_event.participants, level.infused) for level in levels[:2]] == [(65, 86), (77, 84)]

    @pytest.mark.skipif(not in_full(), reason="it imports the study once more: make soak has it")
    @pytest.mark.soak
    def test_a_rule_gives_dlts_and_no_decision(self, pilot: Path, tmp_path: Path) -> None:
        done = import_sdtm(pilot, tmp_path / "log.db", protocol=nct06245746())
        with read_log(done.log) as log:
            history = log["NCT06245746"].history()
            counts = history.dlt_counts(on=history.last_day())
            assert [tally.dlts for tally in counts.tallies] == [10, 28, 30]  # placebo, low, high
            assert history.reconciliation(on=history.last_day()) == ()
        connection = sqlite3.connect(done.log)
        names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM entries")}
        connection.close()
        assert not names & {"cohort.escalation-decided.v1", "cohort.enrollment-stopped.v1"}


class TestBatch:
    def test_cohorts_know_participants_at_the_level_that_they_received(self, tmp_path: Path) -> None:
        levels = tuple(
            DoseLevel(level=level, dose=Dose(amount=Decimal(amount), unit="mg"))
            for level, amount in ((1, "2.5"), (2, "5"))
        )
        imported(tmp_path, protocol=attrs.evolve(nct06245746(), criteria=(), levels=levels))
        known = {(e.fact.subject, e.stream[-1]) for e in entries(tmp_path) if isinstance(e.fact, MemberInfused)}
        # P-1, of the arm at 5 mg, received 2.5 mg and counts at level 1; P-2 received 0 mg, which is no level.
        assert ("P-1", "1") in known
        assert not {("P-1", "2"), ("P-2", "1"), ("P-2", "2")} & known
        with read_log(tmp_path / "log.db") as log:
            assert log["NCT06245746"].history().reconciliation(on="2026-03-02") == ()

    def test_recording_times_never_decrease_although_the_clock_does(self) -> None:
        recorder = SQLiteStore(":memory:")
        times = iter([NOW, *(NOW + timedelta(minutes=m) for m in (5, 1, 2, 3, 4, 6, 7, 8, 9))])
        batch = Batch(recorder, OPEN, by=IMPORTER, clock=lambda: next(times), how="tested")
        batch.add("S001", [Happened(command="1", facts=[Screened(on=ClinicalTime("2026-03-01"))])])
        batch.finish()
        recorded = [entry_of(row).meta.recorded_at for row in recorder.in_log_order(OPEN.trial)]
        recorder.close()
        assert recorded == sorted(recorded)

    def test_somebody_added_in_part_spoils_it(self) -> None:
        recorder = SQLiteStore(":memory:")
        batch = Batch(recorder, OPEN, by=IMPORTER, clock=lambda: NOW, how="tested")
        good = Happened(command="1", facts=[Screened(on=ClinicalTime("2026-03-01"))])
        nothing: Any = None
        with pytest.raises(TypeError):
            batch.add("S001", [good, attrs.evolve(good, facts=nothing)])
        with pytest.raises(BatchSpoiled):
            batch.add("S002", [good])
        with pytest.raises(BatchSpoiled):
            batch.finish()
        recorder.close()
