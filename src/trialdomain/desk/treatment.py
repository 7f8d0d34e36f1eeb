"""Chemotherapy and the infusion."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.coercion import FactMalformed, make
from trialdomain.commands.guards import against_dose, against_infusion_at, escalation_state
from trialdomain.commands.settlement import settle
from trialdomain.commands.snapshot import Drafts, Snapshot
from trialdomain.desk.acts import Acts, check_deviation, check_level
from trialdomain.events.participant import ChemotherapyGiven, ChemotherapyStarted, Infused
from trialdomain.events.recorded import Entry
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.dose_unit import DosePer
from trialdomain.values.clinical.level import Label, as_label
from trialdomain.values.clinical_time import When
from trialdomain.values.ids import check_id
from trialdomain.values.use_case import UseCase


class Treatment(Acts):
    """Treatment of participants by the protocol."""

    def start_chemotherapy(
        self,
        subject: str,
        *,
        on: When,
        regimen: str,
        cycle: int = 1,
        ecog: int | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record the start of a cycle of chemotherapy; ``ecog`` is the performance status on that day."""
        fact = make(ChemotherapyStarted, on=on, regimen=regimen, cycle=cycle, ecog=ecog)
        return self._record(
            UseCase.START_CHEMOTHERAPY, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def give_chemotherapy(
        self,
        subject: str,
        *,
        regimen: str,
        agents: Iterable[str],
        started_on: When,
        ended_on: When | None = None,
        cycle: int = 1,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a cycle of chemotherapy as it was given."""
        fact = make(
            ChemotherapyGiven,
            regimen=regimen,
            cycle=cycle,
            agents=agents,
            started_on=started_on,
            ended_on=ended_on,
        )
        return self._record(
            UseCase.GIVE_CHEMOTHERAPY, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def infuse(
        self,
        subject: str,
        *,
        level: Label,
        started_at: When,
        ended_at: When | None = None,
        dose: Dose | None = None,
        body_weight_kg: Decimal | int | str | None = None,
        bsa_m2: Decimal | int | str | None = None,
        fraction: Decimal | int | str = 1,
        route: str = "intravenous",
        lot: str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record an infusion of the assigned level.

        Args:
            subject: the participant's code.
            level: the dose level that was meant.
            started_at: when it started, at least the day.
            ended_at: when it ended.
            dose: the amount that was given in all, when it is known.
            body_weight_kg: the body weight in kg, where the dose is by weight.
            bsa_m2: the body surface area in m2, where the dose is by body surface.
            fraction: the fraction of the infusion that was given; 1 is all of it.
            route: how it was given.
            lot: the lot of the study drug.
            deviation: why it was given against a rule, where that has happened.
            command_id: an id by which a repeated request is recognized.

        Raises:
            LevelNotAssigned: the level is not the assigned one.
            LevelNotInTurn: the level is closed, or another one is in turn.
            AlreadyInfused: the participant was infused as often as the protocol allows.
            NotEligible: a criterion of chemotherapy or of the infusion day is unmet or unanswered.
            StaggerNotKept: the previous participant was infused too recently.
            DoseNotOfLevel: the amount, divided by the weight or the body surface, does not belong to the level.
            BodySizeMissing: the dose of the level is by weight or body surface, which is not given.
            FactMalformed: a value is impossible, such as a weight of 0, or the amount is per kg or per m2.
            SentinelNotCleared: the first participant of the level is still observed, or people have to decide.
        """
        fact = make(
            Infused,
            level=as_label(level),
            dose=dose,
            body_weight_kg=body_weight_kg,
            bsa_m2=bsa_m2,
            started_at=started_at,
            ended_at=ended_at,
            fraction=fraction,
            route=route,
            lot=lot,
        )
        _refuse_divided(fact)
        subject, deviation = check_id("subject", subject), check_deviation(deviation)

        def decide(snapshot: Snapshot) -> Drafts:
            check_level(snapshot.protocol, fact.level)
            design = snapshot.protocol.design is not None
            today = self._runner.today(snapshot)
            state = escalation_state(snapshot, on=today) if design else None
            participant = snapshot.participant(subject)
            given = snapshot.localized(fact, participant.site)
            facts = participant.infuse(
                given,
                also=chain(
                    snapshot.trial.against_infusion(),
                    against_infusion_at(snapshot, state, subject, given) if state else (),
                    against_dose(snapshot, subject, given, on=today),
                ),
                deviation=deviation,
            )
            drafts = self._only_of(subject, facts, snapshot, deviation=deviation)
            return drafts + settle(snapshot, drafts, about={subject}, on=self._runner.today(snapshot))

        return self._runner.run(UseCase.INFUSE, (subject, fact, deviation), decide, command_id, about=subject)


def _refuse_divided(fact: Infused) -> None:
    """Refuse an amount per kg or per m2: an infusion is an amount in all.

    Raises:
        FactMalformed: it is such an amount.
    """
    if fact.dose is not None and fact.dose.per is not None:
        size = "body_weight_kg" if fact.dose.per is DosePer.KG else "bsa_m2"
        why = f"dose {fact.dose} is per {fact.dose.per}: give the amount that was infused in all, and {size}"
        raise FactMalformed(kind=Infused.__name__, why=why)
