"""A new kind must be decided wherever kinds are listed: each test here fails for a kind that somebody forgot."""

from typing import Any, get_args

import pytest

from trialdomain.commands.access import needed_to_change
from trialdomain.commands.memory import uncounted
from trialdomain.events import participant, trial
from trialdomain.events.access import AccessRefused
from trialdomain.events.cohort import CohortFact
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.trial import TrialFact
from trialdomain.history.history import SAYS_NOTHING
from trialdomain.projections.deaths import RELATED_DEATHS
from trialdomain.projections.endpoints.value import Status
from trialdomain.protocol.endpoints.endpoint import Kind
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.reports.endpoints import files, report, summaries

OBSERVATIONS = {
    participant.AdverseEventFollowedUp,
    participant.AdverseEventReported,
    participant.AntiInfectiveGiven,
    participant.ChemotherapyGiven,
    participant.ChemotherapyStarted,
    participant.CompletedFollowUp,
    participant.ConcomitantMedicationGiven,
    participant.Consented,
    participant.CriteriaAnswered,
    participant.Died,
    participant.Enrolled,
    participant.Infused,
    participant.LabRecorded,
    participant.LevelReassigned,
    participant.LostToFollowUp,
    participant.NewTherapyStarted,
    participant.ParticipantEntryVoided,
    participant.Relapsed,
    participant.Screened,
    participant.ScreenFailed,
    participant.Transfused,
    participant.VitalSignRecorded,
    participant.Withdrew,
}
"""Facts of participants that anybody may correct whose role may correct; they decide and assess nothing."""
ABOUT_THE_TRIAL = {
    trial.TrialRegistered,
    trial.ProtocolAmended,
    trial.RecruitmentSuspended,
    trial.RecruitmentResumed,
    trial.TrialClosed,
    trial.MtdDeclared,
    trial.MtdNotEstablished,
    trial.DoseRecommended,
    trial.TrialEntryVoided,
}
"""Facts of the trial's own stream whose day is a day on which something is known about the trial."""


@pytest.mark.parametrize("kind", get_args(ParticipantFact), ids=lambda kind: kind.__name__)
def test_a_kind_is_an_observation_or_its_change_needs_a_use_case(kind: type[Any]) -> None:
    assert (kind in OBSERVATIONS) is not bool(needed_to_change(object.__new__(kind)))


@pytest.mark.parametrize("kind", [*get_args(TrialFact), *get_args(CohortFact)], ids=lambda kind: kind.__name__)
def test_a_change_of_the_trial_or_a_cohort_needs_a_use_case(kind: type[Any]) -> None:
    assert needed_to_change(object.__new__(kind))


def test_a_fact_of_the_trial_is_about_the_trial_or_says_nothing_about_it() -> None:
    assert ABOUT_THE_TRIAL | {*SAYS_NOTHING} == {*get_args(TrialFact), AccessRefused}
    assert not ABOUT_THE_TRIAL & {*SAYS_NOTHING}


def test_a_command_reads_what_makes_a_death_related() -> None:
    protocol = nct06245746()
    assert not RELATED_DEATHS.reads([protocol]) & uncounted([protocol])


def test_each_kind_of_endpoint_has_a_summary_and_a_table() -> None:
    assert {*summaries._SUMMARIES, Kind.DOSE} == {*Kind}  # noqa: SLF001 - the list that must be whole
    assert {*report._TITLES, Kind.DOSE} == {*Kind}  # noqa: SLF001 - the list that must be whole


def test_each_status_is_a_value_or_is_counted_with_its_reason() -> None:
    in_the_numbers = {Status.OBSERVED, Status.NO_EPISODE, Status.CENSORED, Status.DIED}
    assert {*files._WITHOUT_VALUE} | in_the_numbers == {*Status}  # noqa: SLF001 - the list that must be whole
    assert {*report._WHY, Status.OUTSIDE} | in_the_numbers == {*Status}  # noqa: SLF001 - OUTSIDE is in no table but of DLTs
