"""What the use cases share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.runner import Conduct, User
from trialdomain.commands.settlement import may_change_counts, settle
from trialdomain.commands.snapshot import Drafts, View, drafts_in
from trialdomain.errors import InputInvalid
from trialdomain.events.participant import ParticipantFact
from trialdomain.events.recorded import Entry
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.request import in_order
from trialdomain.values.given.plain import plain
from trialdomain.values.given.text import short
from trialdomain.values.ids import check_id, participant_stream
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase

F = TypeVar("F", bound=ParticipantFact)


@attrs.frozen
class Acts:
    """One user in one trial."""

    _conduct: Conduct

    @property
    def user(self) -> User:
        """Who acts."""
        return self._conduct.user

    def _record(
        self,
        use_case: UseCase,
        subject: str,
        facts: Sequence[F],
        act: Callable[[Participant, F, str | None], Sequence[ParticipantFact]],
        *,
        deviation: str | None,
        command_id: str | None,
    ) -> Sequence[Entry]:
        """Record facts of a participant in one commit, and what the cohorts learn from them."""
        deviation, subject = check_deviation(deviation), check_id("subject", subject)

        def decide(view: View) -> Drafts:
            participant = view.participant(subject)
            accepted = [done for fact in facts for done in act(participant, view.localized(fact), deviation)]
            return self._of(subject, accepted, view, deviation=deviation)

        return self._conduct.run(use_case, (subject, in_order(facts), deviation), decide, command_id, about=subject)

    def _of(
        self, subject: str, facts: Sequence[ParticipantFact], view: View, *, deviation: str | None = None
    ) -> Drafts:
        """Put facts into a participant's stream, and into the cohorts' what follows from them."""
        drafts = self._only_of(subject, facts, view, deviation=deviation)
        if not may_change_counts(facts, view.protocols):
            return drafts
        return drafts + settle(view, drafts, about={subject}, on=self._conduct.today(view))

    def _only_of(self, subject: str, facts: Sequence[Any], view: View, *, deviation: str | None = None) -> Drafts:
        for fact in facts:
            self._conduct.refuse_future(view, fact)
        return drafts_in(participant_stream(self._conduct.trial, subject), facts, deviation=deviation)


def check_level(protocol: TrialProtocol, level: int) -> int:
    """Take a dose level that the protocol has.

    Raises:
        LevelUnknown: there is no such level.
    """
    given: object = plain(level)  # whatever a caller gave
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= len(protocol.levels):
        raise LevelUnknown(level=given, levels=len(protocol.levels))
    return given


class LevelUnknown(InputInvalid):
    """A dose level is named that the protocol does not have."""

    code = "level-unknown"

    def __init__(self, *, level: object, levels: int) -> None:
        super().__init__(f"there is no dose level {short(level)}: the protocol has {levels}; correct the level")
        self.level, self.levels = level, levels


def check_deviation(given: str | None) -> str | None:
    """Accept the explanation of a deviation, if there is one.

    Raises:
        ReasonMissing: it says nothing.
    """
    return None if given is None else check_reason(given)
