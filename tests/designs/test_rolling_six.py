"""Rolling six: every state of the published table, and the walk around it.

Source of the states: Frankel et al. 2020, JAMA Netw Open 3(5):e204787, Table 2, the columns of "Rolling 6" as printed:
enrolled (from, to), evaluable (from, to), DLTs, and the dose level for the next patient.
"""

import json
from contextlib import nullcontext
from pathlib import Path

import attrs
import pytest

from trialdomain import (
    Action,
    Decision,
    Mtd,
    MtdStatus,
    RollingSix,
    Situation,
    StateAnswer,
    StateRow,
    TableWord,
    Tally,
    decide,
    nct06245746,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.rolling_six.design import RollingSixDesign
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.testing import history_of
from trialdomain.values.clinical.decision import Awaited

SAME, HOLD, UP, DOWN = StateAnswer.SAME, StateAnswer.HOLD, StateAnswer.ESCALATE, StateAnswer.DE_ESCALATE
PUBLISHED = (
    ((1, 5), (0, 0), 0, SAME),
    ((6, 6), (0, 0), 0, HOLD),
    ((1, 5), (1, 1), 0, SAME),
    ((6, 6), (1, 1), 0, HOLD),
    ((2, 5), (2, 2), 0, SAME),
    ((6, 6), (2, 2), 0, HOLD),
    ((3, 3), (3, 3), 0, UP),
    ((4, 5), (3, 3), 0, SAME),
    ((6, 6), (3, 3), 0, HOLD),
    ((4, 4), (4, 4), 0, UP),
    ((5, 5), (4, 4), 0, SAME),
    ((6, 6), (4, 4), 0, HOLD),
    ((5, 5), (5, 5), 0, UP),
    ((6, 6), (5, 5), 0, UP),
    ((6, 6), (6, 6), 0, UP),
    ((1, 5), (1, 5), 1, SAME),
    ((6, 6), (1, 5), 1, HOLD),
    ((6, 6), (6, 6), 1, UP),
)
"""With 2 DLTs or more every row says de-escalate. The row of 6 evaluable is printed for 1 DLT, and holds for none."""
DESIGN = RollingSixDesign(RollingSix())


def printed(enrolled: int, dlt: int, pending: int) -> StateAnswer:
    if dlt >= 2:
        return DOWN
    evaluable = enrolled - pending
    (found,) = (
        answer
        for (fewest, most), (least, largest), dlts, answer in PUBLISHED
        if fewest <= enrolled <= most and least <= evaluable <= largest and dlts == dlt
    )
    return found


def test_every_state_has_the_published_answer() -> None:
    states = [(n, dlt, p) for n in range(1, 7) for dlt in range(n + 1) for p in range(n - dlt + 1)]
    assert len(states) == 83
    for state in states:
        assert DESIGN.state(*state) is printed(*state), state


def test_published_cases(shared: Path) -> None:
    cases = json.loads((shared / "escalation" / "designs.json").read_text("utf-8"))["rolling_six"]["cases"]
    assert cases
    for case in cases:
        assert DESIGN.state(case["enrolled"], case["dlt"], case["pending"]).value == case["frankel"]


def test_seven_are_judged_as_six() -> None:
    assert DESIGN.state(7, 1, 0) is UP
    assert DESIGN.state(7, 0, 2) is DESIGN.state(6, 0, 2) is HOLD


def after(outcomes: str, *, levels: int = 3, design: RollingSix | None = None) -> Decision:
    situation = situation_of(parse_outcomes(outcomes, levels=levels), levels=levels)
    return decide(situation, design=design or RollingSix())


@pytest.mark.parametrize(
    ("outcomes", "decision", "code"),
    [
        ("", Decision.enroll(level=1), "treat-on"),
        ("1PPPPP", Decision.enroll(level=1), "treat-on"),
        ("1PPPPPP", Decision.wait(level=1), "slots-full"),
        ("1NNN", Decision.escalate(to=2), "level-tolerated"),
        ("1NNNP", Decision.enroll(level=1), "treat-on"),
        ("1NNNNNP", Decision.escalate(to=2), "level-tolerated"),
        ("1NNNNNP 2P", Decision.enroll(level=2), "treat-on"),
        # an outcome pending below holds the next escalation, and no treatment at the level
        ("1NNNNNP 2NNN", Decision.wait(level=3), "outcomes-pending"),
        ("1NTNNNP", Decision.wait(level=1), "slots-full"),
        ("1NTNNNN", Decision.escalate(to=2), "level-tolerated"),
        ("1NNN 2NT", Decision.enroll(level=2), "treat-on"),
        ("1NNN 2TT", Decision.de_escalate(to=1), "level-closed"),
        ("1NNN 2TT 1NNN", Decision.established(1, bounded_above=True), "mtd-reached"),
        ("1NNN 2TT 1NNP", Decision.wait(level=1), "slots-full"),
        ("1NNN 2NNN 3NNN", Decision.enroll(level=3), "six-at-highest"),
        ("1NNN 2NNN 3NNNNNN", Decision.established(3, bounded_above=False), "mtd-reached"),
        ("1NNN 2NNNNNP 3NNNNNN", Decision.wait(level=3), "outcomes-pending"),
        ("1TT", Decision.none_tolerated(), "none-tolerated"),
        # an X leaves the count: level 1 has 2 evaluable, and is gone back to; then up again to where people were
        ("1NNX 2NN", Decision.de_escalate(to=1), "too-few-below"),
        ("1NNX 2NN 1N", Decision.escalate(to=2), "level-tolerated"),
        ("1NNX 2NNN 1N", Decision.escalate(to=3), "level-tolerated"),
        # ... and over what was done there, but not past an outcome that is pending below it
        ("1NNXXX 2NNN 1NNNP", Decision.wait(level=3), "outcomes-pending"),
        # 2 evaluable and 1 pending may still become 3
        ("1NNP 2N", Decision.enroll(level=2), "treat-on"),
        # the highest open level may have more than 6, and is the MTD as with 6
        ("1NNN 2NNN 3NNNNNNN", Decision.established(3, bounded_above=False), "mtd-reached"),
        ("1NNN 2TT 1NNNN", Decision.established(1, bounded_above=True), "mtd-reached"),
        # a late DLT at a level below closes it, and all above
        ("1NNTT 2NN", Decision.none_tolerated(), "none-tolerated"),
    ],
)
def test_the_walk(outcomes: str, decision: Decision, code: str) -> None:
    found = after(outcomes)
    assert found.bare == decision
    assert found.because is not None
    assert found.because.code == f"rolling-six/{code}"


def test_reasons_are_sentences() -> None:
    def said(outcomes: str) -> str:
        because = after(outcomes).because
        return "" if because is None else because.text

    assert said("1NNP") == "level 1 has 0 DLTs in 2 evaluable, and 1 not known yet: up to 6 are treated there"
    assert said("1NNN") == "level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody yet"
    assert said("1NNN 2TT") == (
        "level 2 is closed by 2 DLTs; level 1 is the highest that is not closed, with 0 DLTs in 3 evaluable"
    )
    assert said("1NNNNNP 2NNN") == "1 outcome is pending at open levels: the next escalation waits for it"
    assert said("1NNN 2TT 1NNN") == (
        "level 1 is the highest level not closed (level 2 is closed by 2 DLTs), with 0 DLTs in 6 evaluable: "
        "it is the MTD"
    )


def test_somebody_who_holds_a_slot_and_is_not_infused_counts_as_pending() -> None:
    three = Situation(tallies=(Tally(level=1, evaluable=3, enrolled=1), Tally(level=2)), last_level=1)
    assert decide(three, design=RollingSix()).bare == Decision.enroll(level=1)


def test_a_protocol_may_have_rows_of_its_own() -> None:
    """The table that the package labja uses escalates where one of 4 is pending without a DLT."""
    own = RollingSix(table=(StateRow(enrolled=4, dlt=0, pending=1, answer=UP),))
    assert after("1NNNP", design=own).bare == Decision.escalate(to=2)
    assert after("1NNNPP", design=own).bare == Decision.enroll(level=1)


def test_the_first_level_is_the_protocols() -> None:
    second = RollingSix(start_level=2)
    assert after("", design=second).bare == Decision.enroll(level=2)
    # nobody was treated at level 1: it is no level with too few
    down = Situation(tallies=(Tally(level=1), Tally(level=2, evaluable=2, dlts=2)), last_level=2)
    assert decide(down, design=second).bare == Decision.de_escalate(to=1)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (StateRow(enrolled=7, dlt=0, pending=0, answer=HOLD), "is not a state"),
        (StateRow(enrolled=2, dlt=1, pending=2, answer=HOLD), "is not a state"),
        (StateRow(enrolled=3, dlt=2, pending=0, answer=UP), "must be de-escalate: 2 DLTs close a level"),
        (StateRow(enrolled=3, dlt=1, pending=0, answer=DOWN), "cannot be de-escalate: 2 DLTs close a level"),
        (StateRow(enrolled=2, dlt=0, pending=0, answer=HOLD), "cannot be hold: nothing would end the wait"),
        (StateRow(enrolled=6, dlt=1, pending=0, answer=SAME), "cannot be same: every slot is taken"),
        (StateRow(enrolled=3, dlt=0, pending=0, answer=SAME), None),
        (
            StateRow(enrolled=4, dlt=1, pending=1, answer=UP),
            "escalates at 4 enrolled with 1 DLT and 1 pending",
        ),
        (StateRow(enrolled=2, dlt=0, pending=0, answer=UP), "cannot be escalate: fewer than 3 are enrolled"),
        # The published table treats on at 4 enrolled with 1 pending: with 2 pending, less is known.
        (
            StateRow(enrolled=4, dlt=0, pending=2, answer=UP),
            "escalates at 4 enrolled with 0 DLT and 2 pending, and not with 1 pending",
        ),
    ],
)
def test_a_row_that_cannot_be_is_refused(row: StateRow, fault: str | None) -> None:
    with nullcontext() if fault is None else pytest.raises(ProtocolInvalid, match=fault):
        assert RollingSix(table=(row,)).table == (row,)


def test_fewer_pending_may_not_be_more_cautious() -> None:
    rows = (
        StateRow(enrolled=5, dlt=0, pending=1, answer=SAME),
        StateRow(enrolled=5, dlt=0, pending=2, answer=UP),
        StateRow(enrolled=5, dlt=0, pending=0, answer=SAME),
    )
    with pytest.raises(ProtocolInvalid) as refused:
        RollingSix(table=rows)
    assert refused.value.faults == (
        "design.table escalates at 5 enrolled with 0 DLT and 2 pending, and not with 1 pending",
    )


def test_a_trial_cannot_begin_above_its_levels() -> None:
    with pytest.raises(ProtocolInvalid, match="start_level is 4, and there are 3 levels"):
        attrs.evolve(nct06245746(), design=RollingSix(start_level=4))


def test_a_log_under_rolling_six() -> None:
    history, on = history_of("1NNNN 2NNNT", protocol=attrs.evolve(nct06245746(), design=RollingSix()))
    state = history.escalation(on=on)
    assert state is not None
    assert (state.decision.action, state.decision.level, state.decision.slots) == (Action.ENROLL, 2, 6)
    assert state.spec.identity == "rolling-six/1"


def test_an_mtd_needs_six() -> None:
    assert DESIGN.select([Tally(level=1, evaluable=6, dlts=1)], ()) == Mtd.established(1, bounded_above=False)
    assert DESIGN.select([Tally(level=1, evaluable=5)], ()).status is MtdStatus.OPEN


@pytest.mark.parametrize(
    ("levels", "closed", "mtd"),
    [
        ([(6, 0, 0), (6, 1, 0), (6, 0, 0)], (), Mtd.established(3, bounded_above=False)),
        ([(6, 0, 0), (6, 1, 0), (2, 2, 0)], (), Mtd.established(2, bounded_above=True)),  # 2 DLTs close level 3
        ([(6, 0, 0), (6, 1, 0), (3, 0, 0)], (3,), Mtd.established(2, bounded_above=True)),
        ([(3, 0, 0), (6, 1, 0)], (), Mtd.established(2, bounded_above=False)),  # 3 below are enough
        ([(2, 0, 0), (6, 1, 0)], (), Mtd()),  # too few below
        ([(3, 0, 0), (2, 0, 0), (6, 1, 0)], (), Mtd()),  # too few at any level below, not only at the lowest
        ([(0, 0, 0), (6, 1, 0)], (), Mtd.established(2, bounded_above=False)),  # nobody was treated below
        ([(7, 1, 0)], (), Mtd.established(1, bounded_above=False)),  # 1/7 is less than one sixth
        ([(6, 0, 0), (5, 0, 0)], (), Mtd()),
        ([(3, 0, 1), (6, 1, 0)], (), Mtd()),  # an outcome is pending
        ([(2, 2, 0), (0, 0, 0)], (), Mtd(status=MtdStatus.NONE_TOLERATED)),
        ([(6, 0, 0), (6, 0, 0)], (1,), Mtd(status=MtdStatus.NONE_TOLERATED)),
        ([(12, 2, 0)], (), Mtd(status=MtdStatus.NONE_TOLERATED)),  # 2 DLTs close a level of any size
    ],
)
def test_the_highest_open_level_is_selected(
    levels: list[tuple[int, int, int]], closed: tuple[int, ...], mtd: Mtd
) -> None:
    tallies = [
        Tally(level=place, evaluable=evaluable, dlts=dlts, pending=pending)
        for place, (evaluable, dlts, pending) in enumerate(levels, start=1)
    ]
    assert DESIGN.select(tallies, closed) == mtd


def test_none_tolerated_names_the_level_that_is_closed_lowest() -> None:
    found = after("1NTT 2TTT")
    assert found.because is not None
    assert found.because.text == "level 1 is closed by 2 DLTs: no level is left open, none is tolerated"


def test_the_reason_of_a_lower_level_names_the_closed_one_and_the_highest_open_one() -> None:
    found = decide(situation_of(parse_outcomes("1NNN 2NNN 3TT", levels=4), levels=4), design=RollingSix())
    assert (found.action, found.level, found.closed_levels) == (Action.DE_ESCALATE, 2, (3, 4))
    assert found.because is not None
    assert found.because.text == (
        "level 3 is closed by 2 DLTs; level 2 is the highest that is not closed, with 0 DLTs in 3 evaluable"
    )


def test_the_table_where_every_outcome_is_known() -> None:
    """0 in 3 to 6 and 1 in 6 escalate, as printed; 2 DLTs close; anything else treats on."""
    table = DESIGN.table(9)
    assert table.whole == (3, 4, 5, 6)
    words = {(row.n, row.dlt): row.decision for row in table.rows}
    up = {(3, 0), (4, 0), (5, 0), (6, 0), (6, 1)}
    states = [(n, dlts) for n in range(1, 7) for dlts in range(n + 1)]
    stay = {state for state in states if state[1] < 2} - up
    assert {state for state, word in words.items() if word is TableWord.ESCALATE} == up
    assert {state for state, word in words.items() if word is TableWord.STAY} == stay
    assert {state for state, word in words.items() if word is TableWord.ELIMINATE} == set(states) - up - stay


@pytest.mark.parametrize(
    ("tally", "decision", "text"),
    [
        (
            Tally(level=1, evaluable=3, enrolled=1),
            Decision.enroll(level=1),
            "level 1 has 0 DLTs in 3 evaluable, and 1 not known yet: up to 6 are treated there",
        ),
        (
            Tally(level=1, evaluable=2, pending=1, enrolled=1),
            Decision.enroll(level=1),
            "level 1 has 0 DLTs in 2 evaluable, and 2 not known yet: up to 6 are treated there",
        ),
        (
            Tally(level=1, evaluable=4, pending=1, enrolled=1),
            Decision.wait(level=1),
            (
                "every slot of level 1 is taken; 1 participant is not infused yet, and 1 outcome is not known yet: "
                "wait for them"
            ),
        ),
        (
            Tally(level=1, evaluable=5, pending=1),
            Decision.escalate(to=2),
            "level 1 is tolerated: 0 DLTs in 5 evaluable; level 2 has nobody yet",
        ),
        (
            Tally(level=1, evaluable=4, dlts=1, pending=1, enrolled=1),
            Decision.wait(level=1),
            (
                "every slot of level 1 is taken; 1 participant is not infused yet, and 1 outcome is not known yet: "
                "wait for them"
            ),
        ),
        (
            Tally(level=1, evaluable=3, pending=1, enrolled=2),
            Decision.wait(level=1),
            (
                "every slot of level 1 is taken; 2 participants are not infused yet, and 1 outcome is not known yet: "
                "wait for them"
            ),
        ),
        (
            Tally(level=1, evaluable=5, dlts=1, pending=1),
            Decision.wait(level=1),
            "every slot of level 1 is taken; 1 outcome is not known yet: wait for it",
        ),
        (
            Tally(level=1, evaluable=4, pending=2),
            Decision.wait(level=1),
            "every slot of level 1 is taken; 2 outcomes are not known yet: wait for them",
        ),
    ],
)
def test_whoever_holds_a_slot_and_is_not_infused_counts_as_pending(tally: Tally, decision: Decision, text: str) -> None:
    """3 of 4 enrolled are evaluable: the same level; with 3 of 3 it would escalate. 4 of 6: hold."""
    awaited = tuple(Awaited(level=1, subject=number) for number in range(1, tally.pending + 1))
    situation = Situation(tallies=(tally, Tally(level=2)), last_level=1, awaited=awaited)
    found = decide(situation, design=RollingSix())
    assert found.bare == decision
    assert found.because is not None
    assert found.because.text == text


def test_nobody_is_treated_beyond_the_slots_of_the_highest_level() -> None:
    """This protocol escalates with 2 of 6 pending; at the highest level 7 hold slots, 5 of them evaluable: wait."""
    design = RollingSix(table=(StateRow(enrolled=6, dlt=0, pending=2, answer=UP),))
    assert after("1NNNNPP", levels=1, design=design).bare == Decision.wait(level=1)
    assert after("1NNNNNPP", levels=1, design=design).bare == Decision.wait(level=1)


def test_a_row_of_a_protocol_counts_them_as_pending_too() -> None:
    """2 evaluable and 1 not infused yet: 3 enrolled, 1 of them pending, where this protocol holds."""
    design = RollingSix(table=(StateRow(enrolled=3, dlt=0, pending=1, answer=HOLD),))
    tallies = (Tally(level=1, evaluable=2, enrolled=1), Tally(level=2))
    assert decide(Situation(tallies=tallies, last_level=1), design=design).bare == Decision.wait(level=1)


@pytest.mark.parametrize(("evaluable", "dlts", "may"), [(6, 1, True), (6, 2, False), (7, 2, False), (12, 2, True)])
def test_a_candidate_has_a_dlt_in_at_most_one_sixth(evaluable: int, dlts: int, *, may: bool) -> None:
    """1/6 and 2/12 are one sixth; 2/6 and 2/7 are more."""
    assert RollingSixDesign(RollingSix()).candidate(Tally(level=1, evaluable=evaluable, dlts=dlts)) is may
