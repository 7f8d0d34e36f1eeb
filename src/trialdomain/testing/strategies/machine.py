"""A state machine over the desk: Hypothesis tries acts of every kind, wrong ones too, and checks the invariants."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import ClassVar

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule
from typing_extensions import override

from trialdomain.designs.notation import Outcome, Treated
from trialdomain.desk import Desk
from trialdomain.errors import CommandRefused, InputInvalid
from trialdomain.events.participant import Infused
from trialdomain.events.trial import NotEstablished
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.conducting import Leaving, correction, infuse, leaving, recorded, void
from trialdomain.testing.invariants import (
    InvariantBroken,
    a_dlt_more_is_never_bolder,
    a_final_closing_stays,
    check_recorded,
    known_at_replay_equals_what_was_answered,
    views_equal_replay,
)
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.testing.outcomes import facts_of_outcome
from trialdomain.testing.restated import REASON
from trialdomain.testing.whole_trial import Act, WholeTrial
from trialdomain.values.clinical.decision import Action, Decision
from trialdomain.values.clinical.level import Label

_ENDPOINTS_EVERY = 8
"""The endpoints, which take long, are remembered after every eighth act that was recorded."""
_whom = st.integers(0, 5)
"""Which of the participants, counted round from the last one."""
_which = st.integers(0, 11)
_outcomes = st.sampled_from([Outcome(letter) for letter in "NTXP"])


class TrialMachine(RuleBasedStateMachine):
    """Acts at the desk of one trial, in any order; the desk refuses what breaks a rule, and then records nothing.

    The invariants are checked after each act that recorded something; the views, and whether a replay as known at each
    moment gives what was answered then, at the end. A subclass can add rules and ``@invariant`` methods of its own,
    which read ``self.trial``. ``trial_machine(protocol)`` makes a machine for a protocol; pytest runs its ``TestCase``.
    """

    protocol: ClassVar[TrialProtocol]
    amendments: ClassVar[Sequence[TrialProtocol]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.trial = WholeTrial(self.protocol)
        self._people = 0
        self._amended = 0

    def _try(self, do: Callable[[Desk], object], *, subject: str | None = None) -> bool:
        """Do something at the desk; say whether it was accepted."""
        return self._act(Act(on=self.trial.today, subject=subject, do=lambda site: do(site.desk())))

    def _act(self, act: Act | None) -> bool:
        if act is None:
            return False
        before = self.trial.history.position
        refused = self.trial.act(act)
        history = self.trial.history
        after = history.position
        if refused is None:
            if after > before:
                check_recorded(history, since=before, on=self.trial.today)
                self.trial.remember(endpoints=len(self.trial.answered) % _ENDPOINTS_EVERY == _ENDPOINTS_EVERY - 1)
            return True
        if not isinstance(refused, CommandRefused | InputInvalid):
            raise refused
        if after != before:
            why = f"an act was refused ({refused.code}), and recorded {after - before} entries"
            raise InvariantBroken("what is refused records nothing", why, [after])
        return False

    def _one(self, number: int) -> str:
        """Return the code of a participant, counted round from the last one; of nobody yet, an unknown one."""
        return f"S{self._people - number % self._people:03}" if self._people else "S000"

    def _label(self, number: int) -> Label:
        labels = self.trial.site.protocol.labels
        return labels[number % len(labels)]

    @rule(days=st.integers(1, 30))
    def wait(self, days: int) -> None:
        """Let some days pass."""
        self.trial.site.move_to_day(self.trial.today + timedelta(days=days))

    @rule(answered=st.sampled_from([True, True, False]))
    def screen(self, *, answered: bool) -> None:
        """Screen a new participant, with an answer to every criterion or with none."""
        self._people += 1
        subject, site = self._one(0), self.trial.site
        findings, attestations = site.answers() if answered else ((), ())
        place = next((one.id for one in site.protocol.sites), None)
        today = self.trial.today
        if self._try(
            lambda desk: desk.consent(subject, signed_on=today, form_version="1", age=site.age(), site=place),
            subject=subject,
        ):
            self._try(
                lambda desk: desk.screen(subject, on=today, findings=findings, attestations=attestations),
                subject=subject,
            )

    @rule(outcomes=st.lists(_outcomes, min_size=1, max_size=3), days=st.sampled_from([45, 0]))
    def treat(self, outcomes: Sequence[Outcome], days: int) -> None:
        """Screen, enroll and infuse new participants on one day; record their outcomes, and decide, some days later."""
        day = self.trial.today
        for _ in outcomes:
            self.screen(answered=True)
            subject = self._one(0)
            if self._try(partial(_enroll, subject=subject, on=day), subject=subject):
                self.infuse(0, 0, 0)
        if days:
            self.wait(days)
        for number, outcome in enumerate(reversed(outcomes)):
            self.observe(number, outcome)
        self.decide(0)

    @rule(whom=_whom, level=st.none() | _which, deviation=st.sampled_from([None, None, "it has happened"]))
    def enroll(self, whom: int, level: int | None, deviation: str | None) -> None:
        """Enroll somebody at the level in turn, or at another one."""
        label = None if level is None else self._label(level)
        subject, today = self._one(whom), self.trial.today
        self._try(lambda desk: desk.enroll(subject, on=today, level=label, deviation=deviation), subject=subject)

    @rule(whom=_whom, level=_which)
    def reassign(self, whom: int, level: int) -> None:
        """Move somebody to a level before the infusion."""
        subject, today, to = self._one(whom), self.trial.today, self._label(level)
        self._try(lambda desk: desk.reassign(subject, to_level=to, on=today, why="its level was closed"))

    @rule(whom=_whom, level=st.sampled_from([0, 0, 0, 1, 2]), before=st.sampled_from([0, 0, 0, 2]))
    def infuse(self, whom: int, level: int, before: int) -> None:
        """Infuse somebody at the assigned level, or at another one; today, or some days before today."""
        subject, site = self._one(whom), self.trial.site
        assigned = site.participant(subject).assigned_level
        labels = site.protocol.labels
        label = labels[(labels.index(assigned) + level) % len(labels)] if assigned in labels else labels[0]
        if assigned is not None and not level:
            self._prepare(subject)
        if before:
            self._infuse_as(subject, label, before=before)
        else:
            self._act(Act(on=self.trial.today, subject=subject, do=lambda site: infuse(site, subject, label)))

    def _infuse_as(self, subject: str, label: Label, *, before: int) -> None:
        given, day = self.trial.site.dose_of(label), self.trial.today - timedelta(days=before)
        self._try(
            lambda desk: desk.infuse(
                subject,
                level=label,
                dose=given.dose,
                body_weight_kg=given.body_weight_kg,
                bsa_m2=given.bsa_m2,
                started_at=day,
            ),
            subject=subject,
        )

    def _prepare(self, subject: str) -> None:
        """Record what the criteria of later gates read; the desk may refuse it, as of somebody who died."""

        def do(site: MadeUpSite) -> object:
            site.prepare(subject, Infused, desk=site.desk())
            return None

        self.trial.act(Act(on=self.trial.today, subject=subject, do=do))

    @rule(whom=_whom)
    def infuse_another_amount(self, whom: int) -> None:
        """Infuse an amount of no level, as a deviation."""
        subject, site = self._one(whom), self.trial.site
        label = site.participant(subject).assigned_level or self._label(0)
        given = site.dose_of(label)
        if given.dose is not None:
            amount = attrs.evolve(given.dose, amount=given.dose.amount * 1000)
            self._try(
                lambda desk: desk.infuse(
                    subject,
                    level=label,
                    dose=amount,
                    body_weight_kg=given.body_weight_kg,
                    bsa_m2=given.bsa_m2,
                    started_at=self.trial.today,
                    deviation="the pump was set wrongly",
                ),
                subject=subject,
            )

    @rule(whom=_whom, outcome=_outcomes)
    def observe(self, whom: int, outcome: Outcome) -> None:
        """Record what gives somebody an outcome; a day that lies in the future is refused."""
        subject = self._one(whom)
        infusion = self.trial.site.participant(subject).infusion
        if infusion is not None:
            self._observe(subject, outcome, since=infusion.started_at.first)

    def _observe(self, subject: str, outcome: Outcome, *, since: date) -> None:
        protocol = self.trial.site.protocol
        if protocol.dlt is not None:
            for day, fact in facts_of_outcome(Treated(1, outcome), since, protocol):
                self._act(attrs.evolve(recorded(subject, fact, day), on=self.trial.today))

    @rule(whom=_whom, grade=st.integers(1, 5), after=st.integers(0, 20))
    def follow_up(self, whom: int, grade: int, after: int) -> None:
        """Follow up an event of somebody, with another grade."""
        subject = self._one(whom)
        for event in self.trial.site.participant(subject).events.values():
            on = event.onset.first + timedelta(days=after)
            self._try(partial(_follow_up, subject=subject, event=event.event, on=on, grade=grade), subject=subject)

    @rule(whom=_whom, how=st.sampled_from(Leaving), before=st.integers(0, 3))
    def leave(self, whom: int, how: Leaving, before: int) -> None:
        """Let somebody leave, or die, today or some days ago."""
        left = self.trial.today - timedelta(days=before)
        self._act(attrs.evolve(leaving(self._one(whom), how, left), on=self.trial.today))

    @rule(whom=_whom, number=_which)
    def correct(self, whom: int, number: int) -> None:
        """Correct an entry of somebody."""
        self._act(correction(self.trial.site, subject=self._one(whom), number=number))

    @rule(whom=_whom, number=_which)
    def void(self, whom: int, number: int) -> None:
        """Void an entry of somebody."""
        self._act(void(self.trial.site, subject=self._one(whom), number=number))

    @rule(before=st.integers(0, 30))
    def void_any(self, before: int) -> None:
        """Void an entry of any stream, such as a decision, counted from the last one."""
        latest = list(self.trial.history.entries_after(0))
        if before < len(latest):
            self._try(lambda desk: desk.void(latest[before], reason=REASON))
            self.trial.site.protocol = self.trial.history.protocol(on=self.trial.today)

    @rule(before=st.sampled_from([0, 0, 1, 10]))
    def decide(self, before: int) -> None:
        """Record the decision that the design recommends, for today or an earlier day."""
        day = self.trial.today - timedelta(days=before)
        self._try(lambda desk: desk.decide_escalation(on=day))

    @rule(action=st.sampled_from(Action), level=_which, rationale=st.sampled_from([None, "the committee asked for it"]))
    def decide_otherwise(self, action: Action, level: int, rationale: str | None) -> None:
        """Record a decision of people: a more cautious one, or one that is refused."""
        decided = Decision(action=action, level=None if action is Action.STOP else self._label(level))
        self._try(lambda desk: desk.decide_escalation(on=self.trial.today, decided=decided, rationale=rationale))

    @rule(what=st.sampled_from(["suspend", "suspend infusion", "resume", "resume", "close"]))
    def govern(self, what: str) -> None:
        """Suspend, resume or close recruitment."""
        on, why = self.trial.today, "the committee asked for it"
        match what:
            case "resume":
                self._try(lambda desk: desk.resume_recruitment(on=on, why=why))
            case "close":
                self._try(lambda desk: desk.close(on=on, why=why))
            case _:
                self._try(lambda desk: desk.suspend_recruitment(on=on, why=why, infusion=what != "suspend"))

    @rule(level=_which, mtd=st.booleans())
    def conclude(self, level: int, *, mtd: bool) -> None:
        """Declare an MTD or none, and recommend a dose."""
        label, on = self._label(level), self.trial.today
        if mtd:
            self._try(lambda desk: desk.declare_mtd(level=label, on=on))
        else:
            self._try(lambda desk: desk.declare_no_mtd(why=NotEstablished.STOPPED, on=on))
        self._try(lambda desk: desk.recommend_dose(level=label, purpose="phase II", rationale="seen so far", on=on))

    @rule(which=_which, reopens=st.none() | _which)
    def amend(self, which: int, reopens: int | None) -> None:
        """Bring an amendment into force; one that reopens a level, or leaves all as it is, where none is given."""
        self._amended += 1
        known = self.amendments or [self.trial.site.protocol]
        protocol = attrs.evolve(known[which % len(known)], version=f"amended {self._amended}")
        levels = () if reopens is None else (self._label(reopens),)
        today = self.trial.today
        if self._try(lambda desk: desk.amend(protocol, effective_on=today, summary="a change", reopens=levels)):
            self.trial.site.protocol = protocol

    @override
    def teardown(self) -> None:
        """Compare the views, and everything that was answered, with a replay of the log; and close the log."""
        try:
            a_final_closing_stays(self.trial.history, on=self.trial.today)
            a_dlt_more_is_never_bolder(self.trial.history, on=self.trial.today)
            views_equal_replay(self.trial.history, on=self.trial.today)
            handle = self.trial.site.trial
            known_at_replay_equals_what_was_answered(
                self.trial.history,
                self.trial.answered,
                known_at=lambda position: handle.history(known_at=position),
            )
        finally:
            self.trial.site.close()


def _enroll(desk: Desk, *, subject: str, on: date) -> object:
    return desk.enroll(subject, on=on)


def _follow_up(desk: Desk, *, subject: str, event: str, on: date, grade: int) -> object:
    return desk.follow_up_adverse_event(subject, event=event, on=on, grade=grade)


def trial_machine(protocol: TrialProtocol, *, amendments: Sequence[TrialProtocol] = ()) -> type[TrialMachine]:
    """Make a state machine for a protocol.

    Args:
        protocol: the protocol.
        amendments: the protocols that an amendment may bring into force; each gets a version of its own. By default an
            amendment changes nothing but the levels that it reopens.

    >>> from trialdomain import nct06245746
    >>> TestMyTrial = trial_machine(nct06245746()).TestCase  # pytest runs it
    """
    return type("TrialMachine", (TrialMachine,), {"protocol": protocol, "amendments": tuple(amendments)})
