"""Large simulated trials for load tests and benchmarks; their logs are valid.

They contain no decisions: their protocol has the DLT rule of NCT06245746 but no escalation design. So a trial may have
any number of participants.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import attrs

from trialdomain.events.participant import (
    ChemotherapyStarted,
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
from trialdomain.intake.batch import Batch, Happened
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.simulate.course import INFUSED_AT, OBSERVED_DAYS, USUAL, Chances, Course, at_site, draw_course
from trialdomain.simulate.site import FIRST_DAY, INVESTIGATOR, simulated_protocol
from trialdomain.storage.store import Store
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical_time import ClinicalTime

_SPREAD_DAYS = 365
"""The number of days over which the starts of chemotherapy are spread."""


def simulate_in_bulk(
    store: Store,
    *,
    seed: int,
    trial: str,
    participants: int,
    chances: Chances = USUAL,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Record one trial with many participants, and return the number of its entries.

    Args:
        store: the log.
        seed: the seed of the random generator.
        trial: the trial's code.
        participants: the number of participants.
        chances: the probabilities of events.
        progress: called with the number of participants recorded so far.
    """
    chance = Random(seed)  # noqa: S311 - a simulation, no secret
    protocol = attrs.evolve(simulated_protocol(trial), design=None, criteria=())
    now = datetime.combine(FIRST_DAY + timedelta(days=_SPREAD_DAYS + OBSERVED_DAYS), time(), tzinfo=UTC)
    batch = Batch(store, protocol, by=INVESTIGATOR, clock=lambda: now, how="simulated")
    for number in range(1, participants + 1):
        subject = f"S{number:06}"
        start = FIRST_DAY + timedelta(days=chance.randrange(_SPREAD_DAYS))
        place = chance.randint(1, len(protocol.levels))
        course = draw_course(chance, start=start, place=place, chances=chances)
        happened = _happened(course, start=start, level=protocol.labels[place - 1], protocol=protocol)
        batch.add(subject, [attrs.evolve(one, command=f"{subject}-{at}") for at, one in enumerate(happened, start=1)])
        progress(number)
    batch.finish()
    return batch.position


def _happened(course: Course, *, start: date, level: Label, protocol: TrialProtocol) -> Iterator[Happened]:
    """Yield the commands of a course, from the consent on; the observations of one day form one command."""
    began, infused = ClinicalTime.of(start), start + timedelta(days=course.infusion_day)
    consented = Consented(
        signed_on=began, signer=Signer.PARTICIPANT, form_version="1.0", protocol_version=protocol.version, age=42
    )
    for fact in (
        consented,
        Screened(on=began),
        Enrolled(on=began, level=level),
        ChemotherapyStarted(on=began, regimen="high-dose cytarabine", ecog=1),
        Infused(level=level, started_at=at_site(infused, INFUSED_AT), lot="simulated"),
    ):
        yield Happened(command="", facts=[fact])
    for _, facts in course.observed:
        yield Happened(command="", facts=facts)
    if course.leaves_day is not None:
        left = ClinicalTime.of(infused + timedelta(days=course.leaves_day))
        yield Happened(command="", facts=[Withdrew(on=left, scope=WithdrawalScope.FOLLOW_UP)])
    elif course.dlt_day is None and protocol.dlt is not None:
        over = ClinicalTime.of(infused + timedelta(days=protocol.dlt.window_days))
        assessed = DltWindowAssessed(on=over, by=INVESTIGATOR.id, result=WindowResult.NO_DLT)
        yield Happened(command="", facts=[assessed])
