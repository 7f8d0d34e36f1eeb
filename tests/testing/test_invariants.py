"""Every invariant and every relation is seen to fail: each of a trial that is broken in the way that it names."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs
import pytest

from trialdomain import Action, Decision, Entry, History, Meta, Situation, TrialError, nct06245746
from trialdomain.designs.notation import Outcome
from trialdomain.designs.three_plus_three.design import ThreePlusThreeDesign
from trialdomain.events.cohort import EnrollmentStopped, EscalationDecided, SlotFilled, SlotReleased, Stop
from trialdomain.events.participant import CriteriaAnswered, Enrolled, Infused, Screened, WithdrawalScope, Withdrew
from trialdomain.events.recorded import Fact, Recorded
from trialdomain.history.sources import Kept
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing import (
    INVARIANTS,
    Act,
    Course,
    InvariantBroken,
    WholeTrial,
    a_correction_undone_changes_nothing,
    a_dlt_more_is_never_bolder,
    a_final_closing_stays,
    a_replaced_participant_changes_nothing,
    check_invariants,
    check_relations,
    conduct,
    known_at_replay_equals_what_was_answered,
    no_dose_above_an_open_level,
    no_slot_twice,
    nobody_infused_without_eligibility,
    the_order_within_a_day_changes_nothing,
    views_equal_replay,
)
from trialdomain.testing.replay import Replay
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.ids import cohort_stream, participant_stream

OPEN = attrs.evolve(nct06245746(), criteria=())
N, T, X = Course(), Course(outcome=Outcome.DLT), Course(outcome=Outcome.NOT_EVALUABLE)
Change = Callable[[Sequence[Entry]], Sequence[Entry]]


def doctored(history: History, change: Change) -> History:
    """Read a history whose entries were changed by other means than the desk."""
    entries = change(Replay.of(history).entries)
    kept = Kept([attrs.evolve(entry, position=at, meta=entry.meta) for at, entry in enumerate(entries, start=1)])
    return History(history.trial, len(entries), kept.streams, kept.stream, kept.latest_first, history.zone)


def without(kind: type, subject: str = "S001") -> Change:
    """Leave out the entries of a kind, of one participant."""
    stream = participant_stream(OPEN.trial, subject)
    return lambda entries: [e for e in entries if not (isinstance(e.fact, kind) and e.stream == stream)]


def with_one_more(stream: str, fact: Fact, *, at: int | None = None) -> Change:
    """Put in an entry, as a command of its own; by default the last one."""

    def change(entries: Sequence[Entry]) -> Sequence[Entry]:
        place = len(entries) if at is None else at
        meta = attrs.evolve(entries[-1].meta, command="doctored", part=1, parts=1)
        version = 1 + max((one.version for one in entries[:place] if one.stream == stream), default=0)
        one: Entry = Recorded(trial=OPEN.trial, position=1, stream=stream, version=version, meta=meta, fact=fact)
        return [*entries[:place], one, *entries[place:]]

    return change


def with_fields(kind: type, **fields: Any) -> Change:  # noqa: ANN401 - fields of any fact
    """Change fields of the last entry of a kind."""

    def change(entries: Sequence[Entry]) -> Sequence[Entry]:
        last = max(at for at, entry in enumerate(entries) if isinstance(entry.fact, kind))
        fact: Any = entries[last].fact
        return [
            attrs.evolve(e, fact=attrs.evolve(fact, **fields), meta=e.meta) if at == last else e
            for at, e in enumerate(entries)
        ]

    return change


def broken(invariant: Callable[[History], None], history: History) -> str:
    """Return the sentence of a broken invariant, which names the entries."""
    with pytest.raises(InvariantBroken) as caught:
        invariant(history)
    return str(caught.value)


@pytest.fixture(scope="module")
def three() -> Iterator[WholeTrial]:
    """Give a trial under the whole preset with three people at level 1, which was then left for level 2."""
    trial = conduct(nct06245746(), [N, N, N, N])
    yield trial
    trial.site.close()


@pytest.fixture(scope="module")
def closed() -> Iterator[WholeTrial]:
    """Give a trial that closed level 2 by a decision, and went back to level 1."""
    trial = conduct(OPEN, [N, N, N, T, T, N, N])
    yield trial
    trial.site.close()


def test_a_trial_of_the_desk_holds_every_invariant(three: WholeTrial, closed: WholeTrial) -> None:
    for trial in (three, closed):
        check_invariants(trial)
        assert len(trial.answered) > 1
        for invariant in INVARIANTS.values():
            invariant(trial.history)


class TestEligibility:
    @pytest.mark.parametrize(
        ("kind", "said"),
        [
            (Screened, "S001 was enrolled without a screening, with criterion I2 not-answered"),
            (Enrolled, "S001 was infused without an enrollment"),
            (CriteriaAnswered, "S001 was infused with criterion E15 not-answered"),
        ],
    )
    def test_an_entry_that_was_left_out(self, three: WholeTrial, kind: type, said: str) -> None:
        told = broken(nobody_infused_without_eligibility, doctored(three.history, without(kind)))
        assert told.startswith(f"nobody infused without eligibility: {said}")
        assert "(position " in told

    def test_an_infusion_after_a_withdrawal(self, three: WholeTrial) -> None:
        left = Withdrew(on=ClinicalTime("2026-02-28"), scope=WithdrawalScope.TREATMENT)
        change = with_one_more(participant_stream(OPEN.trial, "S001"), left, at=6)
        assert "S001 was enrolled after a withdrawal" in broken(
            nobody_infused_without_eligibility, doctored(three.history, change)
        )


class TestSlots:
    def test_a_slot_that_is_taken_twice(self, three: WholeTrial) -> None:
        change = with_one_more(cohort_stream(OPEN.trial, 1), SlotFilled(subject="S009"))
        told = broken(no_slot_twice, doctored(three.history, change))
        assert told.startswith("no slot twice: S009 took a slot at level 1, where 4 people then used 3 slots (position")

    def test_a_participant_with_two_slots(self, three: WholeTrial) -> None:
        change = with_one_more(cohort_stream(OPEN.trial, 2), SlotFilled(subject="S001"))
        told = broken(no_slot_twice, doctored(three.history, change))
        assert told.startswith("no slot twice: S001 took a slot at level 2, and holds one at level 1 (position")


class TestDoses:
    def test_a_level_that_nobody_opened(self, three: WholeTrial) -> None:
        told = broken(no_dose_above_an_open_level, doctored(three.history, with_fields(Infused, level=3)))
        assert told.startswith("no dose above an open level: S004 was infused at level 3, which no decision had opened")

    def test_a_level_that_was_closed(self, three: WholeTrial) -> None:
        [last] = [e for e in three.history.entries() if isinstance(e.fact, Infused) and e.fact.level == 2]
        stop = EnrollmentStopped(cause=Stop.DECISION)
        change = with_one_more(cohort_stream(OPEN.trial, 1), stop, at=last.position - 1)
        told = broken(no_dose_above_an_open_level, doctored(three.history, change))
        assert told.startswith("no dose above an open level: S004 was infused at level 2, and level 1 was closed")

    def test_a_level_above_the_one_in_turn(self, closed: WholeTrial) -> None:
        def change(entries: Sequence[Entry]) -> Sequence[Entry]:
            halted = EnrollmentStopped
            return with_fields(Infused, level=2)([e for e in entries if not isinstance(e.fact, halted)])

        told = broken(no_dose_above_an_open_level, doctored(closed.history, change))
        assert told.startswith("no dose above an open level: S007 was infused at level 2, and level 1 was in turn")


class TestClosings:
    def test_a_later_decision_that_opens_the_level(self, closed: WholeTrial) -> None:
        decisions = [e.fact for e in closed.history.entries() if isinstance(e.fact, EscalationDecided)]
        [shut] = [one for one in decisions if one.recommended.closed_levels]
        again = attrs.evolve(shut, recommended=Decision.enroll(level=2))
        change = with_one_more(cohort_stream(OPEN.trial, 1), again)
        told = broken(a_final_closing_stays, doctored(closed.history, change))
        assert told.startswith("a final closing stays: level 2 was closed by a decision, and the decision at position")
        assert "leaves it open: enroll at level 2" in told

    def test_a_design_that_forgets_it(self, closed: WholeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
        decide = ThreePlusThreeDesign.decide
        forgetful = lambda self, situation: attrs.evolve(decide(self, situation), closed_levels=())  # noqa: E731 - short
        monkeypatch.setattr(ThreePlusThreeDesign, "decide", forgetful)
        assert "and the answer of now leaves it open" in broken(a_final_closing_stays, closed.history)


class TestBoldness:
    def test_a_design_that_goes_up_after_two_dlts(self, three: WholeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
        decide = ThreePlusThreeDesign.decide

        def bold(self: ThreePlusThreeDesign, situation: Situation) -> Decision:
            found = decide(self, situation)
            two = any(tally.dlts for tally in situation.tallies)
            return attrs.evolve(found, action=Action.ESCALATE, level=3) if two else found

        monkeypatch.setattr(ThreePlusThreeDesign, "decide", bold)
        told = broken(a_dlt_more_is_never_bolder, three.history)
        assert told.startswith("a DLT more is never bolder: with a DLT more at level 1, ")
        assert told.endswith("level 3 is higher")

    def test_a_design_that_opens_what_was_closed(self, closed: WholeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
        decide = ThreePlusThreeDesign.decide

        def lenient(self: ThreePlusThreeDesign, situation: Situation) -> Decision:
            found = decide(self, situation)
            return found if situation.tallies[0].dlts == 0 else attrs.evolve(found, closed_levels=())

        monkeypatch.setattr(ThreePlusThreeDesign, "decide", lenient)
        assert broken(a_dlt_more_is_never_bolder, closed.history).endswith("level 2 is open again")


class TestViews:
    def test_a_cohort_that_differs_from_the_casebook(self, three: WholeTrial) -> None:
        change = with_one_more(cohort_stream(OPEN.trial, 3), SlotFilled(subject="S001"))
        told = broken(views_equal_replay, doctored(three.history, change))
        assert (
            told
            == "views equal replay: at level 3 the slot of S001 is held by the cohort, and not held by the casebook"
        )

    def test_a_decision_that_the_design_did_not_give(self, three: WholeTrial) -> None:
        change = with_fields(EscalationDecided, recommended=Decision.expand(level=1))
        told = broken(views_equal_replay, doctored(three.history, change))
        assert told.startswith(
            "views equal replay: a decision recorded expand at level 1, and replay gives escalate at"
        )

    def test_a_view_that_reads_too_little(self, three: WholeTrial, monkeypatch: pytest.MonkeyPatch) -> None:
        flow = History.flow
        monkeypatch.setattr(History, "flow", lambda self, *, on: attrs.evolve(flow(self, on=on), screened=99))
        told = broken(views_equal_replay, three.history)
        assert told == "views equal replay: flow alone is not what all answers together say"


class TestKnownAt:
    def test_an_answer_that_was_another_one(self, three: WholeTrial) -> None:
        then = three.answered[0]
        other = attrs.evolve(then, tallies=(attrs.evolve(then.tallies[0], pending=9), *then.tallies[1:]))
        with pytest.raises(
            InvariantBroken, match=r"known-at replay equals what was answered then: as known at position"
        ):
            known_at_replay_equals_what_was_answered(three.history, [then, other])
        known_at_replay_equals_what_was_answered(three.history, [then])

    def test_an_entry_that_was_put_in_before(self, closed: WholeTrial) -> None:
        change = without(Infused, "S002")
        with pytest.raises(InvariantBroken, match="level 1 was "):
            known_at_replay_equals_what_was_answered(doctored(closed.history, change), closed.answered)


class TestRelations:
    def test_a_trial_of_the_desk_holds_each(self) -> None:
        trial = conduct(OPEN, [T, N, X, N, N])
        check_relations(trial)
        for which in (1, 3, 5):
            a_correction_undone_changes_nothing(trial, which=which)
        trial.site.close()

    def test_the_order_within_a_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A site that records only one report a day loses that of whoever comes second."""
        trial = conduct(OPEN, [T, T, N])
        act = WholeTrial.act

        def only_one(self: WholeTrial, one: Act) -> TrialError | None:
            same = [other for other in self.acts if other.observes and other.on == one.on]
            return None if one.observes and same else act(self, one)

        monkeypatch.setattr(WholeTrial, "act", only_one)
        with pytest.raises(InvariantBroken, match="the order within a day changes nothing: level 1 is "):
            the_order_within_a_day_changes_nothing(trial)
        trial.site.close()

    def test_a_replaced_participant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A design that counts everybody who was treated takes somebody who is not evaluable for one without a DLT."""
        trial = conduct(OPEN, [N, N])
        decide = ThreePlusThreeDesign.decide

        def counting(self: ThreePlusThreeDesign, situation: Situation) -> Decision:
            found = decide(self, situation)
            return Decision.escalate(to=2) if situation.tallies[0].treated >= 3 else found

        monkeypatch.setattr(ThreePlusThreeDesign, "decide", counting)
        with pytest.raises(
            InvariantBroken, match=r"a replaced participant changes nothing \(1NN and 1XNN\): answer is "
        ):
            a_replaced_participant_changes_nothing(trial.history)
        trial.site.close()

    def test_a_correction_undone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A way back that is refused leaves a trial that nobody can repair."""
        trial = conduct(OPEN, [T])
        act, done = WholeTrial.act, list[Act]()

        def once(self: WholeTrial, one: Act) -> TrialError | None:
            done.append(one)
            return act(self, one) if len(done) == 1 else None

        monkeypatch.setattr(WholeTrial, "act", once)
        with pytest.raises(InvariantBroken, match=r"a correction undone changes nothing .*level 1 is"):
            a_correction_undone_changes_nothing(trial)
        trial.site.close()


def test_what_is_intended_alone_is_judged(three: WholeTrial) -> None:
    """An enrollment with a deviation has broken a rule, and says so: it is a finding, and breaks no invariant."""

    def change(entries: Sequence[Entry]) -> Sequence[Entry]:
        meta: Callable[[Entry], Meta] = lambda e: attrs.evolve(e.meta, deviation="it was an emergency")  # noqa: E731 - short
        stream = participant_stream(OPEN.trial, "S001")
        left = without(Screened)(entries)
        return [attrs.evolve(e, meta=meta(e)) if e.stream == stream else e for e in left]

    nobody_infused_without_eligibility(doctored(three.history, change))


def test_the_protocol_without_a_design_is_asked_for_no_level() -> None:
    plain: TrialProtocol = attrs.evolve(OPEN, design=None)
    trial = conduct(plain, [N, T, N])
    check_invariants(trial)
    check_relations(trial)
    assert not any(isinstance(entry.fact, SlotReleased) for entry in trial.history.entries())
    trial.site.close()
