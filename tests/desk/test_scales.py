"""Every grade says by which scale: events on ASTCT 2019, CTCAE 4.03 and FDA 2007, conducted through the desk.

The protocol of these tests grades by CTCAE 4.03. The table of the library is of CTCAE 5.0: there bacteremia has grade 2
alone, so grade 1 is refused on that scale and accepted on any other.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs
import pytest
from catalogue import META
from site_desk import OPEN, REASON, RELATED, Site, day, refused

from trialdomain import Entry, Scale, Severity, findings
from trialdomain.aggregates.participant import GradeNotInTerm
from trialdomain.checks.check import AuditFinding
from trialdomain.commands.coercion import FactMalformed
from trialdomain.events.participant import AdverseEventReported
from trialdomain.events.recorded import Recorded
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.reports.escalation.state import dlt_report
from trialdomain.reports.facts import fact_words
from trialdomain.reports.review import narrative_text, review_report
from trialdomain.reports.safety import safety_report
from trialdomain.rules.adverse_event import AdverseEvent, joined_events
from trialdomain.storage.codec import decode, encode
from trialdomain.storage.errors import CommandReused
from trialdomain.testing import history_of
from trialdomain.values.clinical.scale import CTCAE_5_0, ScaleUnknown, scale_of
from trialdomain.values.clinical_time import ClinicalTime

TOML = """
trial = "CART-1"
title = "Cells, three levels"
version = "1"
zone = "Europe/Berlin"
grading = "CTCAE v4.03"
levels = [{level = 1}, {level = 2}, {level = 3}]

[dlt]
min_grade = 3
"""
CRS = "Cytokine release syndrome"


def site() -> Site:
    begun = Site(protocol_from_toml(TOML))
    begun.treat("S001")
    return begun.on(5)


def report(site: Site, event: str, term: str, grade: int, **more: Any) -> AdverseEventReported:  # noqa: ANN401 - as the desk
    entry = reported(site, event, term, grade, **more)
    assert isinstance(entry.fact, AdverseEventReported)
    return entry.fact


def reported(site: Site, event: str, term: str, grade: int, **more: Any) -> Entry:  # noqa: ANN401 - as the desk
    given = {"onset": day(3), "attributions": RELATED, **more}
    return site.desk.report_adverse_event("S001", event=event, term=term, grade=grade, **given)[0]


class TestTheProtocol:
    def test_its_scale_is_ctcae_5_0_unless_it_names_another(self) -> None:
        assert str(OPEN.grading) == "CTCAE 5.0"
        assert str(protocol_from_toml(TOML).grading) == "CTCAE 4.03"
        assert attrs.evolve(OPEN, grading="ctcae v4.03").grading == protocol_from_toml(TOML).grading

    @pytest.mark.parametrize("grading", ["CTCAE 4.03", "WHO 1979", "WHO 1979, grades 1 to 4"])
    def test_a_file_keeps_it(self, grading: str) -> None:
        protocol = attrs.evolve(OPEN, grading=grading)
        assert f'grading = "{grading}"' in protocol_to_toml(protocol)
        assert protocol_from_toml(protocol_to_toml(protocol)) == protocol

    @pytest.mark.parametrize("given", ['"CTCEA 4.03"', '"none"', "4.03", "{name = 4}", "[]"])
    def test_a_file_with_none_is_refused_beside_its_other_faults(self, given: str) -> None:
        text = TOML.replace('"CTCAE v4.03"', given).replace("min_grade = 3", "min_grade = 9")
        with pytest.raises(ProtocolInvalid) as invalid:
            protocol_from_toml(text)
        first, second = sorted(invalid.value.faults)
        assert first.startswith("dlt: dlt.min_grade must be from 1 to 5")
        assert second.startswith("grading: ")

    def test_a_dlt_that_no_grade_of_the_scale_reaches_is_a_fault(self) -> None:
        with pytest.raises(ProtocolInvalid, match=r"dlt\.min_grade is 5, but grading FDA 2007 has grades 1 to 4"):
            protocol_from_toml(TOML.replace("CTCAE v4.03", "FDA 2007").replace("min_grade = 3", "min_grade = 5"))


class TestReporting:
    def test_an_event_is_on_the_scale_of_the_protocol(self) -> None:
        fact = report(site(), "AE1", "bacteremia", 1)
        assert (str(fact.scale), fact.term, fact.ctcae_code, fact.unchecked) == (
            "CTCAE 4.03",
            "bacteremia",
            None,
            False,
        )

    @pytest.mark.parametrize("scale", ["astct v2019", "ASTCT 2019", Scale(name="ASTCT", version="2019")])
    def test_or_on_its_own(self, scale: Scale | str) -> None:
        fact = report(site(), "AE1", CRS, 1, scale=scale)
        assert (str(fact.scale), fact.ctcae_code, fact.unchecked) == ("ASTCT 2019", None, False)

    def test_on_ctcae_5_0_the_term_is_looked_up(self) -> None:
        begun = site()
        fact = report(begun, "AE1", "fever", 1, scale="CTCAE 5.0")
        assert (fact.scale, fact.term, fact.ctcae_code, fact.unchecked) == (CTCAE_5_0, "Fever", "10016558", False)
        assert report(begun, "AE2", "Blue spots", 1, scale="CTCAE 5.0").unchecked
        why = "Bacteremia has no grade 1 in CTCAE 5.0: it has 2"
        refused(begun, FactMalformed, lambda: report(begun, "AE3", "bacteremia", 1, scale="CTCAE 5.0"), why)

    def test_a_protocol_by_ctcae_5_0_refuses_as_ever(self) -> None:
        begun = Site()
        begun.treat("S001")
        why = "Bacteremia has no grade 1 in CTCAE 5.0: it has 2"
        refused(begun, FactMalformed, lambda: report(begun, "AE1", "bacteremia", 1), why)

    def test_a_grade_beyond_the_scale_is_refused(self) -> None:
        begun, why = site(), "FDA 2007 has no grade 5: it has grades 1 to 4"
        refused(begun, FactMalformed, lambda: report(begun, "AE1", "Erythema", 5, scale="FDA 2007"), why)
        why = "WHO 1979 has no grade 5: it has grades 1 to 4"
        refused(begun, FactMalformed, lambda: report(begun, "AE1", "Fever", 5, scale="WHO 1979, grades 1 to 4"), why)

    def test_a_slip_in_the_name_of_the_scale_is_refused(self) -> None:
        begun = site()
        refused(begun, ScaleUnknown, lambda: report(begun, "AE1", CRS, 1, scale="ASTC 2019"), "nearest .* ASTCT 2019")

    def test_the_log_says_what_the_grade_means(self) -> None:
        entry = reported(site(), "AE1", CRS, 3, scale="ASTCT 2019")
        name, state = encode(entry.fact, entry.envelope)
        assert b'"scale":{"highest":5,"lowest":1,"name":"ASTCT","version":"2019"}' in state
        assert decode(name, state, strict=True)[0] == entry.fact

    def test_a_repeated_request_without_a_scale_is_the_same_one_after_an_amendment(self) -> None:
        begun = site()
        first = reported(begun, "AE1", CRS, 3, command_id="c1")
        amended = attrs.evolve(protocol_from_toml(TOML), version="2", grading="CTCAE 5.0")
        begun.desk.amend(amended, effective_on=day(5), summary="a newer CTCAE")
        assert reported(begun, "AE1", CRS, 3, command_id="c1") == first
        with pytest.raises(CommandReused):
            reported(begun, "AE1", CRS, 3, command_id="c1", scale="CTCAE 4.03")
        assert str(report(begun, "AE2", "Fever", 1).scale) == "CTCAE 5.0"  # the protocol in force now


class TestFollowingUp:
    def test_a_follow_up_is_on_the_scale_of_its_event(self) -> None:
        begun = site()
        report(begun, "AE1", "Erythema", 2, scale="FDA 2007")
        begun.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), grade=4)
        why = "event AE1: FDA 2007 has no grade 5: it has grades 1 to 4"
        follow_up = begun.desk.follow_up_adverse_event
        refused(begun, GradeNotInTerm, lambda: follow_up("S001", event="AE1", on=day(5), grade=5), why)

    def test_the_table_is_not_asked_of_another_scale(self) -> None:
        begun = site()
        report(begun, "AE1", "bacteremia", 2)
        begun.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), grade=3)
        report(begun, "AE2", "bacteremia", 2, scale="CTCAE 5.0")
        follow_up = begun.desk.follow_up_adverse_event
        why = "Bacteremia has no grade 3 in CTCAE 5.0"
        refused(begun, GradeNotInTerm, lambda: follow_up("S001", event="AE2", on=day(4), grade=3), why)


class TestCorrecting:
    def test_the_scale_of_an_event_is_corrected_as_any_field(self) -> None:
        begun = site()
        entry = reported(begun, "AE1", "Fever", 3, scale="CTCAE 5.0")
        to_own = begun.desk.correct(entry, scale="FDA 2007 vaccine scale", reason=REASON)[0]
        assert isinstance(to_own.fact, AdverseEventReported)
        assert (str(to_own.fact.scale), to_own.fact.ctcae_code) == ("FDA 2007", None)
        back = begun.desk.correct(to_own, scale="CTCAE v5.0", reason=REASON)[0]
        assert back.fact == entry.fact
        trail = [change for one in begun.trial.history().trail("S001") for change in one.changes]
        assert [(change.old, change.new) for change in trail if change.field == "scale"] == [
            (None, "CTCAE 5.0"),
            ("CTCAE 5.0", "FDA 2007"),
            ("FDA 2007", "CTCAE 5.0"),
        ]

    def test_a_scale_that_a_caller_made_is_read_as_its_text(self) -> None:
        begun = site()
        entry = reported(begun, "AE1", "Fever", 3)
        made = Scale(name="CTCAE", version="5.1")
        refused(begun, ScaleUnknown, lambda: begun.desk.correct(entry, scale=made, reason=REASON), "nearest")
        fatal = reported(begun, "AE2", "Fever", 5)
        made = Scale(name="fda", version="2007")
        why = "FDA 2007 has no grade 5: it has grades 1 to 4"
        refused(begun, FactMalformed, lambda: begun.desk.correct(fatal, scale=made, reason=REASON), why)
        for given in (None, 5):
            act = partial(begun.desk.correct, entry, scale=given, reason=REASON)
            refused(begun, FactMalformed, act, "scale must be a Scale, got")
        corrected = begun.desk.correct(entry, scale=Scale(name="ctcae", version="v5"), reason=REASON)[0]
        assert isinstance(corrected.fact, AdverseEventReported)
        assert (corrected.fact.scale, corrected.fact.ctcae_code) == (CTCAE_5_0, "10016558")

    def test_a_scale_without_the_grade_is_refused(self) -> None:
        begun = site()
        entry = reported(begun, "AE1", "Fever", 2)
        begun.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), grade=5)
        why = "is at grade 5 by the follow-up of 2026-03-06, but FDA 2007 has grades 1 to 4"
        refused(begun, FactMalformed, lambda: begun.desk.correct(entry, scale="FDA 2007", reason=REASON), why)
        refused(begun, FactMalformed, lambda: begun.desk.correct(entry, scale="FDAA 2007", reason=REASON), "nearest")

    def test_a_follow_up_is_not_corrected_beyond_the_scale(self) -> None:
        begun = site()
        report(begun, "AE1", "Erythema", 2, scale="FDA 2007")
        entry = begun.desk.follow_up_adverse_event("S001", event="AE1", on=day(4), grade=3)[0]
        why = "is at grade 5 by the follow-up of 2026-03-06, but FDA 2007 has grades 1 to 4"
        refused(begun, FactMalformed, lambda: begun.desk.correct(entry, grade=5, reason=REASON), why)


def mixed() -> Site:
    """S001: fever 1 and 2 by the protocol's CTCAE 4.03, a serious CRS 3 by ASTCT 2019. S002: fever 3 by FDA 2007."""
    begun = site()
    report(begun, "AE1", "Fever", 1)
    report(begun, "AE2", "Fever", 2)
    report(begun, "AE3", CRS, 3, scale="ASTCT 2019", serious=["hospitalization"])
    begun.on(6).treat("S002")
    begun.on(9).desk.report_adverse_event(
        "S002", event="AE1", term="Fever", grade=3, onset=day(8), attributions=RELATED, scale="FDA 2007"
    )
    return begun


class TestAnswers:
    """A grade that is not on the protocol's scale is never shown without its own."""

    def test_a_dlt_counts_by_the_grade_on_its_own_scale(self) -> None:
        members = mixed().trial.history().dlt_counts(on=day(9)).members
        assert [(m.subject, m.dlt and (m.dlt.term, m.dlt.grade, str(m.dlt.scale))) for m in members] == [
            ("S001", (CRS, 3, "ASTCT 2019")),
            ("S002", ("Fever", 3, "FDA 2007")),
        ]
        crs_2 = site()
        report(crs_2, "AE1", CRS, 2, scale="ASTCT 2019")  # below min_grade 3
        assert crs_2.trial.history().dlt_counts(on=day(9)).members[0].dlt is None

    def test_the_dlt_counts_name_it(self) -> None:
        found = dlt_report(mixed().trial.history().dlt_counts(on=day(9)))
        answer: Any = found.json
        assert answer["levels"][0]["participants"]["S001"]["dlt"] == {
            "event": "AE3",
            "term": CRS,
            "grade": 3,
            "scale": "ASTCT 2019",
            "onset": str(day(3)),
        }
        assert "grade 3 (ASTCT 2019)" in shown(found.blocks)

    def test_the_review_names_it(self) -> None:
        review = mixed().trial.history().review(on=day(9))
        texts = [narrative_text(one) for one in review.narratives]
        assert f"{CRS}, grade 3 (ASTCT 2019), had its onset" in texts[0]
        assert "Fever, grade 3 (FDA 2007), had its onset" in texts[1]
        found: Any = review_report(review).json
        assert [one["scale"] for one in found["narratives"]] == ["ASTCT 2019", "FDA 2007"]
        of_first = found["participants"]["S001"]
        assert of_first["highest_by_scale"] == {"CTCAE 4.03": 2, "ASTCT 2019": 3}
        assert of_first["serious_events"][0]["scale"] == "ASTCT 2019"
        assert found["reactions"][0]["scale"] == "ASTCT 2019"
        assert "2 (CTCAE 4.03), 3 (ASTCT 2019)" in shown(review_report(review).blocks)

    def test_so_does_delayed_toxicity(self) -> None:
        begun = site().on(20)
        report(begun, "AE1", "Fever", 3, onset=day(16))
        report(begun, "AE2", CRS, 4, onset=day(17), scale="ASTCT 2019")
        found = review_report(begun.trial.history().review(on=day(20)))
        answer: Any = found.json
        assert [(one["grade"], one.get("scale")) for one in answer["delayed_toxicity"]] == [
            (3, None),
            (4, "ASTCT 2019"),
        ]
        assert "'4 (ASTCT 2019)'" in shown(found.blocks)

    def test_no_term_on_another_scale_is_waiting_to_be_checked(self) -> None:
        begun = mixed()
        report(begun, "AE4", "Blue spots", 1, scale="WHO 1979")
        assert {one.what.value for one in begun.trial.history().review(on=day(9)).not_assessed}.isdisjoint(
            {"term-not-checked"}
        )
        assert found_in(begun, "unchecked-term") == []
        report(begun, "AE5", "Blue spots", 1, scale="CTCAE 5.0")
        assert [one.event for one in begun.trial.history().review(on=day(9)).not_assessed if one.event == "AE5"]
        assert len(found_in(begun, "unchecked-term")) == 1

    def test_a_note_says_that_there_is_no_table(self) -> None:
        begun = mixed()
        report(begun, "AE4", "Blue spots", 1, scale="WHO 1979")
        found = found_in(begun, "scale-without-table")
        table, grades = "which this library has no table of", "a grade was checked against the grades"
        of_it, accepted = "of the scale, not against its term", "from 1 to 5 was accepted"
        assert sorted(one.sentence for one in found) == [
            f"1 adverse event is graded by ASTCT 2019, {table}: {grades} 1 to 5 {of_it}",
            f"1 adverse event is graded by FDA 2007, {table}: {grades} 1 to 4 {of_it}",
            f"1 adverse event is graded by WHO 1979, {table}: its grades are not known, so any {accepted}",
            f"2 adverse events are graded by CTCAE 4.03, {table}: {grades} 1 to 5 {of_it}",
        ]
        assert {(one.severity, len(one.evidence)) for one in found} == {(Severity.NOTE, 1), (Severity.NOTE, 2)}

    def test_a_table_of_grades_says_by_which_scales_they_are(self) -> None:
        summary = mixed().trial.history().safety(on=day(9))
        text = shown(safety_report(summary).blocks)
        found: Any = safety_report(summary).json
        assert "[events]; grades by CTCAE 4.03, ASTCT 2019, FDA 2007" in text
        assert "The protocol grades by CTCAE 4.03; 1 event by ASTCT 2019, 1 event by FDA 2007" in text
        overall = found["periods"][0]["overall"]
        # S001: 1 and 2 by CTCAE 4.03, 3 by ASTCT 2019; S002: 3 by FDA 2007. Each counts once, with the worst event.
        assert overall["grades"] == {
            "1": {"participants": 0, "events": 1},
            "2": {"participants": 0, "events": 1},
            "3": {"participants": 2, "events": 2},
        }
        assert overall["grades_by_scale"] == {
            "CTCAE 4.03": {"1": {"participants": 0, "events": 1}, "2": {"participants": 1, "events": 1}},
            "ASTCT 2019": {"3": {"participants": 1, "events": 1}},
            "FDA 2007": {"3": {"participants": 1, "events": 1}},
        }
        assert {one["term"]: one.get("highest_by_scale") for one in overall["terms"]} == {
            "Fever": {"CTCAE 4.03": 2, "FDA 2007": 3},
            CRS: {"ASTCT 2019": 3},
        }
        assert [one.get("scale") for one in found["events"]] == [None, None, "ASTCT 2019", "FDA 2007"]

    def test_the_trail_and_the_lists_of_evidence_name_it(self) -> None:
        begun = mixed()
        entries = [e.fact for e in begun.trial.history().entries() if isinstance(e.fact, AdverseEventReported)]
        assert "grade 3 (ASTCT 2019), onset" in fact_words(entries[2])
        assert "grade 1 (CTCAE 4.03), onset" in fact_words(entries[0])

    def test_events_on_the_scale_of_the_protocol_are_shown_as_ever(self) -> None:
        begun = site()
        report(begun, "AE1", "Fever", 3)
        history = begun.trial.history()
        texts = (
            shown(safety_report(history.safety(on=day(9))).blocks),
            shown(review_report(history.review(on=day(9))).blocks),
            str(safety_report(history.safety(on=day(9))).json),
            str(review_report(history.review(on=day(9))).json),
        )
        named = "[events]; grades by CTCAE 4.03"  # the title of the tables alone: it is not what a reader would expect
        assert [text.count(named) for text in texts] == [3, 3, 0, 0]
        assert not any("CTCAE" in text.replace(named, "") or "scale" in text for text in texts)

    def test_so_are_those_of_a_protocol_by_ctcae_5_0(self) -> None:
        begun = Site()
        begun.treat("S001")
        begun.toxicity("S001")
        history = begun.trial.history()
        texts = (
            shown(safety_report(history.safety(on=day(9))).blocks),
            shown(review_report(history.review(on=day(9))).blocks),
            str(safety_report(history.safety(on=day(9))).json),
            str(review_report(history.review(on=day(9))).json),
        )
        assert not any("CTCAE" in text or "scale" in text for text in texts)


class TestRowsOfOneEvent:
    """Rows that another system links are one event, if they are on one scale."""

    @staticmethod
    def rows(*scales: str) -> list[AdverseEvent]:
        facts = [
            AdverseEventReported(
                event=f"AE{number}",
                term="Fever",
                grade=2,
                scale=scale_of(scale),
                onset=ClinicalTime.of(day(number)),
                linked_to="E1",
            )
            for number, scale in enumerate(scales, start=1)
        ]
        return [
            AdverseEvent(Recorded(trial="T", position=n, stream="T/participant/S", version=n, meta=META, fact=fact))
            for n, fact in enumerate(facts, start=1)
        ]

    def test_grades_of_two_scales_are_not_joined(self) -> None:
        assert len(joined_events(self.rows("CTCAE 4.03", "CTCAE 4.03"))) == 1
        assert len(joined_events(self.rows("CTCAE 4.03", "FDA 2007"))) == 2


def found_in(site: Site, check: str) -> Sequence[AuditFinding]:
    found = findings(site.trial.history(), now=datetime(2030, 1, 1, tzinfo=UTC)).found
    return [one for one in found if one.check == check]


def shown(blocks: Iterable[object]) -> str:
    return str(list(blocks))


def test_outcomes_of_a_protocol_are_on_its_scale() -> None:
    protocol = attrs.evolve(protocol_from_toml(TOML), grading="FDA 2007")
    history, on = history_of("1NTN", protocol=protocol)
    assert [str(e.fact.scale) for e in history.entries() if isinstance(e.fact, AdverseEventReported)] == ["FDA 2007"]
    assert history.dlt_counts(on=on).tallies[0].dlts == 1
