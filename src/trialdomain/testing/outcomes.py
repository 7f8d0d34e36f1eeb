"""Whole histories from outcomes notation: ``1NNN 2NTP`` as the facts of a trial that came to it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from trialdomain.designs.outcomes import Outcome, Treated, parse_outcomes
from trialdomain.events.participant import (
    AdverseEventReported,
    Consented,
    DltWindowAssessed,
    Enrolled,
    Infused,
    Screened,
    Signer,
    WindowResult,
    WithdrawalScope,
    Withdrew,
)
from trialdomain.events.recorded import Draft
from trialdomain.events.trial import TrialRegistered
from trialdomain.history import History
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import participant_stream, trial_stream
from trialdomain.values.toxicity import Agent, Assessor, Attribution, Relatedness

FIRST_DAY = date(2026, 3, 2)
_RELATED = Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.LIKELY)


def history_of(outcomes: str, *, protocol: TrialProtocol | None = None) -> tuple[History, date]:
    """Build the history of a trial that came to some outcomes, and the day on which all windows are over.

    One subject is infused a day, in the order of the notation. ``N`` is assessed on day 14, ``T`` has a related event
    on day 2, ``X`` withdraws from follow-up on day 3, and nothing more is known of ``P``.
    """
    used = protocol or nct06245746()
    treated = parse_outcomes(outcomes, levels=len(used.levels))
    drafts = [Draft(stream=trial_stream(used.trial), fact=TrialRegistered(protocol=used))]
    history = History.of([*drafts, *outcomes_of(treated, protocol=used)])
    return history, FIRST_DAY + timedelta(days=len(treated) + (0 if used.dlt is None else used.dlt.window_days) + 1)


def outcomes_of(treated: tuple[Treated, ...], *, protocol: TrialProtocol) -> Iterator[Draft[Any]]:
    """Yield the facts of each subject, the first of them from ``FIRST_DAY`` on."""
    for number, one in enumerate(treated):
        day = FIRST_DAY + timedelta(days=number)
        for fact in _facts(one, day, protocol):
            yield Draft(stream=participant_stream(protocol.trial, f"S{number + 1:03}"), fact=fact)


def _facts(one: Treated, day: date, protocol: TrialProtocol) -> Iterator[Any]:
    infused = ClinicalTime.of(day)
    yield Consented(signed_on=infused, signer=Signer.PARTICIPANT, form_version="1", protocol_version=protocol.version)
    yield Screened(on=infused)
    yield Enrolled(on=infused, level=one.level)
    yield Infused(level=one.level, started_at=infused)
    window = 0 if protocol.dlt is None else protocol.dlt.window_days
    match one.outcome:
        case Outcome.NO_DLT:
            last = ClinicalTime.of(day + timedelta(days=window))
            yield DltWindowAssessed(on=last, by="test", result=WindowResult.NO_DLT)
        case Outcome.DLT:
            onset = ClinicalTime.of(day + timedelta(days=min(2, window)))
            yield AdverseEventReported(event="AE1", term="Fever", grade=3, onset=onset, attributions=(_RELATED,))
        case Outcome.NOT_EVALUABLE:
            last = ClinicalTime.of(day + timedelta(days=min(3, window - 1)))  # the last day of the window was not seen
            yield Withdrew(on=last, scope=WithdrawalScope.FOLLOW_UP)
        case Outcome.PENDING:
            pass
