"""The end of observation."""

from collections.abc import Sequence

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.coercion import make
from trialdomain.desk.acts import Acts
from trialdomain.events.participant import CompletedFollowUp, Died, LostToFollowUp, WithdrawalScope, Withdrew
from trialdomain.events.recorded import Entry
from trialdomain.values.clinical_time import When
from trialdomain.values.use_case import UseCase


class Ending(Acts):
    """Withdrawal, loss to follow-up, death, completion."""

    def withdraw(
        self,
        subject: str,
        *,
        on: When,
        scope: WithdrawalScope,
        last_contact: When | None = None,
        why: str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a withdrawal; only one from follow-up, or from the use of data, ends observation."""
        fact = make(Withdrew, on=on, scope=scope, last_contact=last_contact, why=why)
        return self._record(
            UseCase.WITHDRAW, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def lose_to_follow_up(
        self,
        subject: str,
        *,
        on: When,
        last_contact: When,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that the site can no longer reach the participant."""
        fact = make(LostToFollowUp, on=on, last_contact=last_contact)
        return self._record(
            UseCase.LOSE_TO_FOLLOW_UP, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )

    def record_death(
        self,
        subject: str,
        *,
        on: When,
        event: str | None = None,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record a death, with the adverse event that caused it, if any."""
        return self._record(
            UseCase.RECORD_DEATH,
            subject,
            [make(Died, on=on, event=event)],
            Participant.die,
            deviation=deviation,
            command_id=command_id,
        )

    def complete_follow_up(
        self,
        subject: str,
        *,
        on: When,
        deviation: str | None = None,
        command_id: str | None = None,
    ) -> Sequence[Entry]:
        """Record that the participant was observed to the planned end."""
        fact = make(CompletedFollowUp, on=on)
        return self._record(
            UseCase.COMPLETE_FOLLOW_UP, subject, [fact], Participant.observe, deviation=deviation, command_id=command_id
        )
