"""A view that reads only the kinds of facts that it names gives the answer that the whole log gives."""

import gc
from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any

import attrs
import pytest
from made_once import SimulatedLog, seeds
from site_desk import OPEN

from trialdomain import History, vital_sign
from trialdomain.events.participant import (
    ChemotherapyGiven,
    CompletedFollowUp,
    ConcomitantMedicationGiven,
    Died,
    Infused,
    LevelReassigned,
    LostToFollowUp,
    NewTherapyStarted,
    ParticipantEntryVoided,
    Relapsed,
    VitalSign,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Draft
from trialdomain.projections.deaths import RELATED_DEATHS
from trialdomain.projections.dlt_counts import DLT_COUNTS
from trialdomain.projections.endpoints.view import EndpointsView
from trialdomain.projections.flow import FLOW
from trialdomain.projections.safety import SAFETY
from trialdomain.projections.view import EVERY_KIND, View, answer, left_out
from trialdomain.protocol.conduct_rules import Sentinel, SentinelRequirement, Stagger
from trialdomain.testing import given_trial
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import subject_of


def a_rare_fact(chance: Random, on: ClinicalTime) -> Any:  # noqa: ANN401 - any fact of a participant
    """Give a fact that a simulated trial seldom or never has."""
    return chance.choice(
        [
            ChemotherapyGiven(regimen="DA", agents=("daunorubicin",), started_on=on),
            CompletedFollowUp(on=on),
            ConcomitantMedicationGiven(agent="filgrastim", route="subcutaneous", started_on=on),
            Died(on=on),
            LevelReassigned(on=on, from_level=1, to_level=2, why=FreeText(plain="a test")),
            LostToFollowUp(on=on, last_contact=on),
            NewTherapyStarted(on=on, kind="transplantation"),
            Relapsed(on=on),
            Withdrew(on=on, scope=WithdrawalScope.FOLLOW_UP),
        ]
    )


def altered(history: History, chance: Random) -> History:
    """Take entries out, add rare facts and voids: shapes of a history that no simulation makes."""
    first = date(2026, 3, 1)
    drafts: list[Draft[Any]] = [
        Draft(stream=entry.stream, fact=entry.fact)
        for entry in sorted(history.entries(), key=lambda entry: entry.position)
        if entry.meta.corrects is None
        and not isinstance(entry.fact, ParticipantEntryVoided)
        and (subject_of(entry.stream) is None or isinstance(entry.fact, Infused) or chance.random() > 0.2)
    ]
    subjects = sorted({draft.stream for draft in drafts if subject_of(draft.stream) is not None})
    for stream in subjects:
        for _ in range(chance.randrange(4)):
            on = ClinicalTime((first + timedelta(days=chance.randrange(120))).isoformat())
            drafts.append(Draft(stream=stream, fact=a_rare_fact(chance, on)))
        if chance.random() < 0.3:
            entries = sum(draft.stream == stream for draft in drafts)
            void = ParticipantEntryVoided(version=chance.randrange(1, entries + 1))
            drafts.append(Draft(stream=stream, fact=void, reason="a test"))
    return History.of(drafts)


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.parametrize("way", range(3))
def test_what_reads_less_answers_the_same(seed: int, way: int, simulated: Callable[[int], SimulatedLog]) -> None:
    chance = Random(f"{seed} {way}")  # noqa: S311 - a test, no secret
    with simulated(seed).history() as recorded:
        whole = recorded if way == 0 else altered(recorded, chance)
        last = date(2026, 9, 1)
        for on in (last, date(2026, 3, 10) + timedelta(days=chance.randrange(90)), date(2026, 3, 3)):
            answers = whole.answers(on=on)
            assert whole.flow(on=on) == answers.flow
            read = whole._read_for(RELATED_DEATHS, on)  # noqa: SLF001 - no answer of a history has it alone
            assert answer(RELATED_DEATHS, read, on) == answer(RELATED_DEATHS, whole.casebook(on=on), on)
            assert whole.safety(on=on) == answers.safety
            assert whole.dlt_counts(on=on) == answers.dlt_counts
            assert whole.escalation(on=on) == answers.escalation
            assert whole.endpoints(on=on) == answers.endpoints
            for one in answers.endpoints.summaries:
                asked = whole.endpoints(on=on, only=[one])
                assert list(asked.summaries) == [one]
                assert asked.summary(one) == answers.endpoints.summary(one)
                assert asked.values(one) == answers.endpoints.values(one)


def test_so_it_does_where_the_protocol_derives_no_dlt_and_no_mtd(demonstrated: SimulatedLog) -> None:
    with demonstrated.history() as history:
        on = demonstrated.last_day
        rules = history.casebook(on=on).protocol.endpoints
        rules = attrs.evolve(rules, derived=tuple(one for one in rules.derived if one.id.startswith("S")))
        assert history.endpoints(on=on, rules=rules) == history.answers(on=on, rules=rules).endpoints
        assert history.endpoints(on=on, only=["P2"]).found.tallies == history.dlt_counts(on=on).tallies


@pytest.mark.parametrize("requires", [tuple(SentinelRequirement), (SentinelRequirement.NO_DLT,)])
def test_a_contact_with_a_sentinel_is_the_same_whatever_else_is_asked(requires: tuple[SentinelRequirement]) -> None:
    """A contact is any entry, also of a kind that no count reads; it stands with the participant in every answer."""
    watched = Stagger(sentinel=Sentinel(observation_days=2, requires=requires))
    given = given_trial("1NN", protocol=attrs.evolve(OPEN, stagger=watched)).after(days=9)
    seen = vital_sign(VitalSign.TEMPERATURE, "36.8", "Cel", measured_at=given.today)
    given.when(lambda desk: desk.record_vital_signs("S001", [seen]))
    alone, together = given.history.dlt_counts(on=given.today), given.history.answers(on=given.today).dlt_counts
    assert [one.contact is not None and one.contact.last for one in alone.members][:1] == [given.today]
    assert alone == together
    del given
    gc.collect()  # the waits of a sentinel are refusals, and a caught one keeps the log open until then


def test_every_kind_of_fact_is_met(demonstrated: SimulatedLog) -> None:
    with demonstrated.history() as history:
        recorded = {type(entry.fact) for entry in history.entries() if subject_of(entry.stream) is not None}
    chance, rare = Random(1), set[type[Any]]()  # noqa: S311 - a test, no secret
    for _ in range(200):
        rare.add(type(a_rare_fact(chance, ClinicalTime("2026-03-02"))))
    assert recorded | rare | {ParticipantEntryVoided} == EVERY_KIND


def test_each_view_leaves_something_out_but_what_was_voided(demonstrated: SimulatedLog) -> None:
    with demonstrated.history() as history:
        protocol = history.casebook(on=demonstrated.last_day).protocol
    views: dict[str, View[Any, Any]] = {
        "counts": DLT_COUNTS,
        "S9": EndpointsView.of(protocol, {"S9"}),
        "S4": EndpointsView.of(protocol, {"S4"}),
    }
    for name, view in views.items():
        unread = left_out(view.reads([protocol]))
        assert unread, name
        assert ParticipantEntryVoided not in unread, name
        assert unread < EVERY_KIND, name
    for view in (FLOW, SAFETY):  # any entry can be the last day on which anything is known of a participant
        assert left_out(view.reads([protocol])) == frozenset()
