"""Chemotherapy and the infusion."""

from collections.abc import Sequence
from decimal import Decimal

from trialdomain.aggregates.participant import Participant
from trialdomain.application.coercion import FactMalformed, make
from trialdomain.application.desk.acts import Acts
from trialdomain.events.participant import ChemotherapyGiven, ChemotherapyStarted, Infused
from trialdomain.events.recorded import Entry
from trialdomain.values.clinical_time import When
from trialdomain.values.dose import Dose


class Treatment(Acts):
    """What participants are given by the protocol."""

    def start_chemotherapy(
        self,
        subject: str,
        *,
        on: When,
        regimen: str,
        cycle: int = 1,
        ecog: int | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record the start of a cycle of chemotherapy; ``ecog`` is the performance status on that day."""
        fact = make(ChemotherapyStarted, on=on, regimen=regimen, cycle=cycle, ecog=ecog)
        return self._record("start-chemotherapy", subject, [fact], Participant.observe, command_id)

    def give_chemotherapy(
        self,
        subject: str,
        *,
        regimen: str,
        agents: Sequence[str],
        started_on: When,
        ended_on: When | None = None,
        cycle: int = 1,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a cycle of chemotherapy as it was given."""
        fact = make(
            ChemotherapyGiven,
            regimen=regimen,
            cycle=cycle,
            agents=tuple(agents),
            started_on=started_on,
            ended_on=ended_on,
        )
        return self._record("give-chemotherapy", subject, [fact], Participant.observe, command_id)

    def infuse(
        self,
        subject: str,
        *,
        level: int,
        started_at: When,
        ended_at: When | None = None,
        dose: Dose | None = None,
        body_weight_kg: Decimal | None = None,
        fraction: Decimal | int | str = 1,
        route: str = "intravenous",
        lot: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record an infusion of the assigned level; ``fraction`` is how much of it was given, 1 is all of it.

        Raises:
            LevelNotAssigned: another level than the assigned one.
            AlreadyInfused: the participant was infused before.
        """
        fact = make(
            Infused,
            level=level,
            dose=dose,
            body_weight_kg=body_weight_kg,
            started_at=started_at,
            ended_at=ended_at,
            fraction=fraction,
            route=route,
            lot=lot,
        )
        if fact.started_at.day is None:
            raise FactMalformed(kind="Infused", why=f"{fact.started_at} is no day, and the window starts on the day")
        return self._record("infuse", subject, [fact], Participant.infuse, command_id)
