"""Corrections restate and voids withdraw an entry, both with a reason; no entry is edited."""

from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from site_desk import DAY0, OPEN, REASON, Site, day, kinds, refused

from trialdomain.commands.coercion import FactMalformed
from trialdomain.commands.runner import InTheFuture
from trialdomain.events.entries import EntryNotCurrent, changes, current_entries
from trialdomain.events.participant import AdverseEventReported, Consented, Relapsed
from trialdomain.values.clinical.evaluation import Evaluation
from trialdomain.values.clinical.toxicity import Seriousness
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.reason import ReasonMissing


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.treat("S001")
    made.on(9)
    yield made
    made.check()
    made.trials.close()


def test_old_and_new_values_are_computed_from_the_two_entries(site: Site) -> None:
    event = site.toxicity("S001", grade=2)
    corrected = site.desk.correct(event, grade=3, term="Nausea", reason=REASON)[0]
    assert isinstance(event.fact, AdverseEventReported)
    assert isinstance(corrected.fact, AdverseEventReported)
    found = {change.field: (change.old, change.new) for change in changes(event.fact, corrected.fact)}
    assert found == {
        "grade": (2, 3),
        "term": ("Fever", "Nausea"),
        "ctcae_code": ("10016558", None),  # the code goes with the term, and Nausea is outside the table
        "unchecked": (False, True),
    }


def test_a_correction_may_itself_be_corrected_but_not_what_it_replaced(site: Site) -> None:
    event = site.toxicity("S001", grade=1)
    second = site.desk.correct(event, grade=2, reason=REASON)[0]
    third = site.desk.correct(second, grade=3, reason=REASON)[0]
    for old in (event, second):
        with pytest.raises(EntryNotCurrent, match="is not current: correct or void the entry that replaced it"):
            site.desk.correct(old, grade=1, reason=REASON)
    assert third.meta.corrects == second.version


def test_a_void_ends_the_whole_chain(site: Site) -> None:
    event = site.toxicity("S001", grade=1)
    second = site.desk.correct(event, grade=2, reason=REASON)[0]
    site.desk.void(second, reason=REASON)
    stream = [entry for entry in site.trial.history().entries() if entry.stream == event.stream]
    assert not [entry for entry in current_entries(stream) if isinstance(entry.fact, AdverseEventReported)]
    assert event in stream
    assert second in stream


def test_what_was_voided_is_recorded_anew(site: Site) -> None:
    event = site.toxicity("S001")
    site.desk.void(event, reason=REASON)
    again = site.toxicity("S001")
    assert again.version > event.version


def test_the_same_again_records_nothing(site: Site) -> None:
    event = site.toxicity("S001", grade=2)
    assert site.desk.correct(event, grade=2, reason=REASON) == []


@pytest.mark.parametrize(
    "reason", ["", "   ", ".", "updated", "Correction.", "\u200b\u200b\u200b", "fix", "n/a", "-- x --"]
)
def test_a_reason_that_says_nothing_is_refused(site: Site, reason: str) -> None:
    event = site.toxicity("S001")
    before = site.trial.history().position
    with pytest.raises(ReasonMissing, match="says nothing: say what was wrong"):
        site.desk.correct(event, grade=2, reason=reason)
    with pytest.raises(ReasonMissing, match="says nothing: say what was wrong"):
        site.desk.void(event, reason=reason)
    assert site.trial.history().position == before


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("grade", 9, "grade"),
        ("onset", "03/02/2026", "is not a clinical time"),
        ("onset", "2026-02-30", "not in the calendar"),
        ("ended", "2026-01-01", "ended 2026-01-01 lies before onset"),
        ("colour", "red", "it has no field 'colour', but event, term"),
        ("term", "", "not blank"),
    ],
)
def test_a_malformed_correction_is_refused(site: Site, field: str, value: object, why: str) -> None:
    event = site.toxicity("S001")
    with pytest.raises(FactMalformed, match=why):
        site.desk.correct(event, reason=REASON, command_id=None, **{field: value})


def test_a_date_in_the_future_is_refused(site: Site) -> None:
    event = site.toxicity("S001")
    with pytest.raises(InTheFuture, match=r"lies in the future: it is 2026-03-11 at the site"):
        site.desk.correct(event, onset=day(30), reason=REASON)


def test_conduct_that_a_correction_shows_out_of_order_is_recorded(site: Site) -> None:
    infusion = site.infusion("S001")
    corrected = site.desk.correct(infusion, started_at="2026-01-15", reason=REASON)
    assert kinds(corrected) == ["Infused"]
    member = site.member("S001")
    assert member.infused_on == ClinicalTime("2026-01-15")


def test_follow_ups_are_not_cut_off_from_their_event(site: Site) -> None:
    event = site.toxicity("S001", "AE1")
    site.desk.follow_up_adverse_event("S001", event="AE1", on=site.today, grade=4)
    with pytest.raises(FactMalformed, match="follow-ups name event AE1: void it, and record it again"):
        site.desk.correct(event, event="AE2", reason=REASON)


def test_other_entries_are_corrected_in_the_same_way(site: Site) -> None:
    relapse = site.desk.record_relapse("S001", on=day(8))[0]
    corrected = site.desk.correct(relapse, on=day(7), reason=REASON)[0]
    assert corrected.fact == Relapsed(on=ClinicalTime.of(day(7)))
    opened = next(e for e in site.trial.history().entries() if e.stream.endswith("/cohort/1"))
    assert site.desk.correct(opened, slots=4, reason=REASON)[0].meta.corrects == opened.version


def test_a_voided_consent_leaves_the_rest_in_place(site: Site) -> None:
    consent = next(e for e in site.trial.history().entries() if isinstance(e.fact, Consented))
    site.desk.void(consent, reason=REASON)
    assert site.evaluation("S001") is Evaluation.PENDING


def test_a_level_corrected_into_a_closed_cohort_is_tallied_there_and_never_reopens_it() -> None:
    site = Site()
    site.treat("S001", "S002", "S003")
    site.on(14).assess("S001", "S002", "S003")
    site.decide()
    site.treat("S004", "S005", level=2)
    for subject in ("S004", "S005"):
        site.on(15).toxicity(subject)
    site.decide()
    assert site.state().decision.closed_levels == (2, 3)
    site.desk.correct(site.infusion("S001"), level=2, reason=REASON)
    tallies = site.state().counts.tallies
    assert [(tally.evaluable, tally.dlts) for tally in tallies] == [(2, 0), (3, 2), (0, 0)]
    assert site.state().decision.closed_levels == (2, 3)
    site.check()


def test_an_event_voided_after_escalation_leaves_the_decision_as_it_was_taken() -> None:
    site = Site()
    site.treat("S001", "S002", "S003")
    event = site.on(3).toxicity("S001")
    site.on(14).assess("S002", "S003")
    decided = site.decide()
    known_then = site.trial.history(known_at=decided[0].position - 1).escalation(on=day(14))
    site.on(20).desk.void(event, reason=REASON)
    now = site.state()
    assert [entry.position for entry in now.decided] == [decided[0].position]
    assert known_then
    assert known_then.counts.tallies[0].dlts == 1
    assert now.counts.tallies[0].dlts == 0
    assert site.trial.history(known_at=decided[-1].position).escalation(on=day(14)) is not None
    site.check()


def test_a_correction_equals_having_recorded_it_right() -> None:
    right, wrong = Site(), Site()
    for made in (right, wrong):
        made.treat("S001", "S002", "S003")
        made.on(4)
    right.toxicity("S002", grade=3, onset=day(2))
    mistaken = wrong.toxicity("S002", grade=1, onset="2026-02-20")
    wrong.desk.correct(mistaken, grade=3, onset=day(2), reason=REASON)
    assert right.state().decision == wrong.state().decision
    assert right.state().counts.tallies == wrong.state().counts.tallies
    assert right.member("S002").dlt == wrong.member("S002").dlt


def test_everything_ever_recorded_stays_readable(site: Site) -> None:
    before = list(site.trial.history().entries())
    event = site.toxicity("S001")
    site.desk.void(event, reason=REASON)
    after = list(site.trial.history().entries())
    assert [entry for entry in after if entry in before] == before
    assert site.infusion("S001").fact.started_at.first == DAY0  # type: ignore[union-attr]  # an infusion it is


def test_an_adverse_event_cannot_be_corrected_to_end_before_it_began() -> None:
    site = Site()
    site.treat("S001", "S002", "S003")
    entry = site.toxicity("S001", "AE1", grade=1)
    (followed,) = site.on(9).desk.follow_up_adverse_event("S001", event="AE1", on=day(9), ended=day(9))[:1]
    with pytest.raises(FactMalformed, match="would end on 2026-03-01, before its onset"):
        site.desk.correct(followed, ended="2026-03-01", reason=REASON)
    with pytest.raises(FactMalformed, match="before its onset 2026-03-12"):
        site.on(12).desk.correct(entry, onset="2026-03-12", reason=REASON)


def test_an_amendment_is_not_corrected_past_another_one() -> None:
    """Of the protocols in force on a day, the one recorded last counts everywhere."""
    site = Site()
    second = site.on(3).desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(3), summary="a word")[0]
    third = site.on(5).desk.amend(attrs.evolve(OPEN, version="3"), effective_on=day(5), summary="another")[0]
    refused(
        site,
        FactMalformed,
        lambda: site.desk.correct(third, effective_on=day(2), reason=REASON),
        "version 3 was recorded after version 2, but would take effect before it, on 2026-03-04",
    )
    site.on(9)
    refused(
        site,
        FactMalformed,
        lambda: site.desk.correct(second, effective_on=day(6), reason=REASON),
        "version 3 was recorded after version 2, but would take effect before it, on 2026-03-07",
    )
    site.desk.correct(third, effective_on=day(3), reason=REASON)
    assert site.trial.history().casebook(on=day(4)).protocol.version == "3"


@pytest.mark.parametrize(
    ("criteria", "changes"),
    [((), {"serious": True}), ((Seriousness.HOSPITALIZATION,), {"seriousness": ()})],
)
def test_a_correction_leaves_no_event_serious_without_a_criterion(
    site: Site, criteria: tuple[Seriousness, ...], changes: dict[str, Any]
) -> None:
    """Serious needs at least one criterion (ICH E2A, II.B), at the desk as in the first report."""
    report = site.desk.report_adverse_event("S001", event="AE1", term="Fever", grade=2, onset=day(3), serious=criteria)[
        0
    ]
    refused(site, FactMalformed, lambda: site.desk.correct(report, reason=REASON, **changes), "no criterion says why")
    corrected = site.desk.correct(report, grade=3, reason=REASON)[0].fact
    assert isinstance(corrected, AdverseEventReported)
    assert (corrected.grade, corrected.serious, corrected.seriousness) == (3, bool(criteria), criteria)
