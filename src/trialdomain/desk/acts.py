"""The base class of the desk's parts, and checks that several use cases share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs

from trialdomain.aggregates.participant import Participant
from trialdomain.commands.runner import CommandRunner, User
from trialdomain.commands.settlement import may_change_counts, settle
from trialdomain.commands.snapshot import Drafts, Snapshot, drafts_in
from trialdomain.errors import InputInvalid
from trialdomain.events.participant import Consented, ParticipantFact
from trialdomain.events.recorded import Entry
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.request import in_order
from trialdomain.values.clinical.level import Label, as_label, is_label, listed_levels
from trialdomain.values.given.plain import plain
from trialdomain.values.given.text import short
from trialdomain.values.ids import check_id, participant_stream
from trialdomain.values.reason import check_reason
from trialdomain.values.use_case import UseCase

F = TypeVar("F", bound=ParticipantFact)


@attrs.frozen
class Acts:
    """The acts of one user in one trial."""

    _runner: CommandRunner

    @property
    def user(self) -> User:
        """The user who acts."""
        return self._runner.user

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
        """Record facts of a participant, and the cohort facts that follow from them, in one commit."""
        deviation, subject = check_deviation(deviation), check_id("subject", subject)

        def decide(snapshot: Snapshot) -> Drafts:
            participant = snapshot.participant(subject)
            accepted = [
                done
                for fact in facts
                for done in act(participant, snapshot.localized(fact, participant.site), deviation)
            ]
            return self._of(subject, accepted, snapshot, deviation=deviation)

        return self._runner.run(use_case, (subject, in_order(facts), deviation), decide, command_id, about=subject)

    def _of(
        self, subject: str, facts: Sequence[ParticipantFact], snapshot: Snapshot, *, deviation: str | None = None
    ) -> Drafts:
        """Draft facts of a participant, and the cohort facts that follow from them."""
        drafts = self._only_of(subject, facts, snapshot, deviation=deviation)
        if not may_change_counts(facts, snapshot.protocols):
            return drafts
        return drafts + settle(snapshot, drafts, about={subject}, on=self._runner.today(snapshot))

    def _only_of(
        self, subject: str, facts: Sequence[Any], snapshot: Snapshot, *, deviation: str | None = None
    ) -> Drafts:
        for fact in facts:
            self._runner.refuse_future(snapshot, fact, _site_of(snapshot, subject, fact))
        return drafts_in(participant_stream(self._runner.trial, subject), facts, deviation=deviation)


def _site_of(snapshot: Snapshot, subject: str, fact: ParticipantFact) -> str | None:
    """Return the participant's site: as a consent says, or as it was recorded before."""
    if not snapshot.protocol.sites:
        return None
    return fact.site if isinstance(fact, Consented) else snapshot.participant(subject).site


def check_site(protocol: TrialProtocol, site: str | None) -> str | None:
    """Check the site of a consent; None is the only site, if the protocol has one.

    Raises:
        SiteUnknown: the protocol does not have the site, or has several and none is named.
    """
    known = [one.id for one in protocol.sites]
    given = plain(site)
    if given is None and len(known) == 1:
        return known[0]
    if given is None and not known:
        return None
    if given not in known:
        raise SiteUnknown(site=given, sites=known)
    return check_id("site", given)


class SiteUnknown(InputInvalid):
    """The site of a consent is not one of the protocol, or is not named where there are several."""

    code = "site-unknown"

    def __init__(self, *, site: object, sites: Sequence[str]) -> None:
        known = ", ".join(sites)
        if site is None:
            why = f"the protocol has the sites {known}: name the participant's with site="
        else:
            has = f"the sites {known}" if sites else "no sites"
            why = f"there is no site {short(site)}: the protocol has {has}; correct the site"
        super().__init__(why)
        self.site, self.sites = site, sites


def check_level(protocol: TrialProtocol, level: Label) -> Label:
    """Check a dose level, and return its label as a plain value.

    Raises:
        LevelUnknown: the protocol has no such level.
    """
    given: Any = as_label(level)  # a caller may pass any type
    if not is_label(given) or not protocol.has_level(given):
        raise LevelUnknown(level=given, levels=protocol.labels)
    label: Label = given
    return label


class LevelUnknown(InputInvalid):
    """The protocol does not have this dose level."""

    code = "level-unknown"

    def __init__(self, *, level: object, levels: Sequence[Label]) -> None:
        super().__init__(
            f"there is no dose level {short(level)}: the protocol has {listed_levels(levels)}; correct the level"
        )
        self.level, self.levels = level, levels


def check_deviation(given: str | None) -> str | None:
    """Check the explanation of a deviation; None stays None.

    Raises:
        ReasonMissing: the explanation is blank, or a filler word.
    """
    return None if given is None else check_reason(given)
