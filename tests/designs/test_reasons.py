"""Every reason of a decision as a whole sentence, with its code.

The counts were read by hand from the notation; docs/explanation/three-plus-three.md has the rule of each line.
"""

from datetime import date

import attrs
import pytest

from trialdomain import (
    Action,
    Decision,
    FinalClosing,
    Mtd,
    MtdStatus,
    Situation,
    Tally,
    ThreePlusThree,
    decide,
    design_of,
    parse_outcomes,
    situation_of,
)
from trialdomain.designs.three_plus_three.reasons import Code
from trialdomain.errors import CommandRefused
from trialdomain.events.basis import Basis
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, NotEstablished
from trialdomain.limits.caution import LessCautious, RationaleMissing, against_deciding
from trialdomain.limits.conclusion import MtdNotGiven, against_conclusion
from trialdomain.values.clinical.decision import Awaited, Because

BASIS = Basis(
    design="3+3/1",
    protocol_version="1",
    tallies=(Tally(level=1, evaluable=6, dlts=2),),
    last_level=1,
    final_closings=(),
    slots=(),
    position=9,
    on=date(2026, 3, 20),
)


def declared(level: int, *, bounded: bool) -> MtdDeclared:
    return MtdDeclared(level=level, bounded_above=bounded, basis=BASIS)


def not_established(reason: NotEstablished, *, candidate: int | None = None) -> MtdNotEstablished:
    return MtdNotEstablished(why=reason, candidate=candidate, basis=BASIS)


def why(outcomes: str, *, levels: int = 3) -> tuple[Action, Because | None]:
    decision = decide(situation_of(parse_outcomes(outcomes, levels=levels), levels=levels))
    return decision.action, decision.because


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ("1NNN", "level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody yet"),
        ("1NNNN", "level 1 is tolerated: 0 DLTs in 4 evaluable; level 2 has nobody yet"),
        ("1NNNNN", "level 1 is tolerated: 0 DLTs in 5 evaluable; level 2 has nobody yet"),
        ("1NNTNNN", "level 1 is tolerated: 1 DLT in 6 evaluable; level 2 has nobody yet"),
        ("1NNNNNNT", "level 1 is tolerated: 1 DLT in 7 evaluable; level 2 has nobody yet"),
        ("1NNNX", "level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody yet"),
        ("1NNN 2NNTNNN", "level 2 is tolerated: 1 DLT in 6 evaluable; level 3 has nobody yet"),
        # Back to a level that was visited before: its tally goes on.
        (
            "1NNN 2N 1N",
            (
                "level 1 is tolerated: 0 DLTs in 4 evaluable; level 2 has 0 DLTs in 1 evaluable: "
                "it needs at least 3 evaluable"
            ),
        ),
        (
            "1NNN 2X 1N",
            (
                "level 1 is tolerated: 0 DLTs in 4 evaluable; level 2 has 0 DLTs in 0 evaluable: "
                "it needs at least 3 evaluable"
            ),
        ),
        (
            "1NNN 2NNT 1N",
            "level 1 is tolerated: 0 DLTs in 4 evaluable; level 2 has 1 DLT in 3 evaluable: it goes on up to 6",
        ),
        # 1 DLT at level 1 came late and is resolved by 6; level 2 was passed before, so the step rests on both.
        (
            "1NNNT 2NNN 1NN",
            (
                "level 1 is tolerated: 1 DLT in 6 evaluable; level 2 is tolerated: 0 DLTs in 3 evaluable; "
                "level 3 has nobody yet"
            ),
        ),
        (
            "1NNN 2NNN 3TT 1N",
            (
                "level 1 is tolerated: 0 DLTs in 4 evaluable; level 2 is the highest that is not closed, "
                "with 0 DLTs in 3 evaluable: 6 must be evaluable before it may be the MTD"
            ),
        ),
    ],
)
def test_an_escalation_names_the_level_that_is_left(outcomes: str, text: str) -> None:
    assert why(outcomes) == (Action.ESCALATE, Because(code=Code.LEVEL_TOLERATED, text=text))


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        (
            "1NNN 2TT",
            (
                "level 2 is closed by 2 DLTs; level 1 is the highest that is not closed, with 0 DLTs in 3 evaluable: "
                "6 must be evaluable before it may be the MTD"
            ),
        ),
        (
            "1NNN 2NNN 3NTTT",
            (
                "level 3 is closed by 3 DLTs; level 2 is the highest that is not closed, with 0 DLTs in 3 evaluable: "
                "6 must be evaluable before it may be the MTD"
            ),
        ),
        # Level 2 closes late, while level 3 was treated last: it is level 2 that closes both.
        (
            "1NNN 2NNTT 3N",
            (
                "level 2 is closed by 2 DLTs; level 1 is the highest that is not closed, with 0 DLTs in 3 evaluable: "
                "6 must be evaluable before it may be the MTD"
            ),
        ),
        ("1NNNT 2TT", "level 2 is closed by 2 DLTs; level 1 has 1 DLT in 4 evaluable: it goes on up to 6"),
        ("1NN 2TT", "level 2 is closed by 2 DLTs; level 1 has 0 DLTs in 2 evaluable: it needs at least 3 evaluable"),
    ],
)
def test_a_de_escalation_names_the_level_closed_and_by_what(outcomes: str, text: str) -> None:
    assert why(outcomes) == (Action.DE_ESCALATE, Because(code=Code.LEVEL_CLOSED, text=text))


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ("1NNNT 2NNN", "level 1 is not yet tolerated: 1 DLT in 4 evaluable; it goes on up to 6"),
        ("1NNN 2NNNT 3N", "level 2 is not yet tolerated: 1 DLT in 4 evaluable; it goes on up to 6"),
        ("1NXX 2N", "level 1 is not yet tolerated: 0 DLTs in 1 evaluable; it needs at least 3 evaluable"),
        # Level 3 is closed, but level 2 was treated last: it is the outcomes of level 1 that bring enrollment back.
        ("1NNNT 3TT 2NNN", "level 1 is not yet tolerated: 1 DLT in 4 evaluable; it goes on up to 6"),
    ],
)
def test_a_de_escalation_without_a_closing_names_the_lower_level(outcomes: str, text: str) -> None:
    assert why(outcomes) == (Action.DE_ESCALATE, Because(code=Code.LOWER_LEVEL_IN_TURN, text=text))


@pytest.mark.parametrize(
    ("outcomes", "action", "code", "text"),
    [
        ("", "enroll", "cohort-incomplete", "level 1 has nobody yet: it needs at least 3 evaluable"),
        ("1P", "enroll", "cohort-incomplete", "level 1 has 0 DLTs in 0 evaluable: it needs at least 3 evaluable"),
        ("1T", "enroll", "cohort-incomplete", "level 1 has 1 DLT in 1 evaluable: it needs at least 3 evaluable"),
        ("1NN", "enroll", "cohort-incomplete", "level 1 has 0 DLTs in 2 evaluable: it needs at least 3 evaluable"),
        ("1NNN 2N", "enroll", "cohort-incomplete", "level 2 has 0 DLTs in 1 evaluable: it needs at least 3 evaluable"),
        ("1NNPX", "expand", "cohort-incomplete", "level 1 has 0 DLTs in 2 evaluable: it needs at least 3 evaluable"),
        ("1NNT", "expand", "one-dlt", "level 1 has 1 DLT in 3 evaluable: it goes on up to 6"),
        ("1NNTN", "enroll", "one-dlt", "level 1 has 1 DLT in 4 evaluable: it goes on up to 6"),
        ("1NNN 2NNTNN", "enroll", "one-dlt", "level 2 has 1 DLT in 5 evaluable: it goes on up to 6"),
        (
            "1NNN 2NNN 3NNN",
            "expand",
            "six-at-highest",
            (
                "level 3 is the highest that is not closed, with 0 DLTs in 3 evaluable: "
                "6 must be evaluable before it may be the MTD"
            ),
        ),
        (
            "1NNN 2TT 1NN",
            "enroll",
            "six-at-highest",
            (
                "level 1 is the highest that is not closed, with 0 DLTs in 5 evaluable: "
                "6 must be evaluable before it may be the MTD"
            ),
        ),
    ],
)
def test_treating_on_names_the_level_treated(outcomes: str, action: str, code: str, text: str) -> None:
    assert why(outcomes) == (action, Because(code=Code(f"3+3/{code}"), text=text))


@pytest.mark.parametrize(
    ("outcomes", "code", "text"),
    [
        (
            "1NNNP",
            "outcomes-pending",
            "1 outcome is pending at an open level: escalation and an MTD wait for it",
        ),
        (
            "1NNNP 2NNNP",
            "outcomes-pending",
            "2 outcomes are pending at open levels: escalation and an MTD wait for every one of them",
        ),
        ("1NNP", "slots-full", "every slot of level 1 is taken; 1 outcome is not known yet: wait for it"),
        ("1PPP", "slots-full", "every slot of level 1 is taken; 3 outcomes are not known yet: wait for them"),
        ("1NNN 2NNTPPP", "slots-full", "every slot of level 2 is taken; 3 outcomes are not known yet: wait for them"),
    ],
)
def test_waiting_says_for_how_many_outcomes(outcomes: str, code: str, text: str) -> None:
    assert why(outcomes) == (Action.WAIT, Because(code=Code(f"3+3/{code}"), text=text))


@pytest.mark.parametrize(
    ("enrolled", "pending", "text"),
    [
        (1, 0, "every slot of level 1 is taken; 1 participant is not infused yet: wait for the infusion"),
        (3, 0, "every slot of level 1 is taken; 3 participants are not infused yet: wait for them"),
        (
            1,
            1,
            (
                "every slot of level 1 is taken; 1 participant is not infused yet and 1 outcome is not known yet: "
                "wait for them"
            ),
        ),
        (
            2,
            1,
            (
                "every slot of level 1 is taken; 2 participants are not infused yet and 1 outcome is not known yet: "
                "wait for them"
            ),
        ),
        (
            1,
            2,
            (
                "every slot of level 1 is taken; 1 participant is not infused yet and 2 outcomes are not known yet: "
                "wait for them"
            ),
        ),
    ],
)
def test_waiting_for_a_slot_tells_enrolled_people_from_pending_outcomes(enrolled: int, pending: int, text: str) -> None:
    tally = Tally(level=1, enrolled=enrolled, pending=pending, evaluable=3 - enrolled - pending, most_held=3)
    awaited = tuple(Awaited(level=1, subject=f"S{number}") for number in range(pending))
    decision = decide(Situation(tallies=(tally, Tally(level=2)), last_level=1, awaited=awaited))
    assert (decision.action, decision.level) == (Action.WAIT, 1)
    assert decision.because == Because(code=Code.SLOTS_FULL, text=text)


def test_an_escalation_to_people_who_are_enrolled_already_says_so() -> None:
    tallies = (Tally(level=1, evaluable=3, most_held=3), Tally(level=2, enrolled=1, most_held=1))
    text = "level 1 is tolerated: 0 DLTs in 3 evaluable; level 2 has nobody infused yet"
    assert decide(Situation(tallies=tallies, last_level=1)).because == Because(code=Code.LEVEL_TOLERATED, text=text)


@pytest.mark.parametrize(
    ("outcomes", "code", "text"),
    [
        ("1TT", "none-tolerated", "level 1 is closed by 2 DLTs: no level is left open, none is tolerated"),
        ("1NTTT 2N", "none-tolerated", "level 1 is closed by 3 DLTs: no level is left open, none is tolerated"),
        (
            "1NNN 2NNN 3NNNNNT",
            "mtd-reached",
            "level 3 is the highest dose level, with 1 DLT in 6 evaluable: it is the MTD",
        ),
        (
            "1NNN 2TT 1NNN",
            "mtd-reached",
            (
                "level 1 is the highest level not closed (level 2 is closed by 2 DLTs), with 0 DLTs in 6 evaluable: "
                "it is the MTD"
            ),
        ),
        (
            "1NNN 2NNNNNNT 3NTTT",
            "mtd-reached",
            (
                "level 2 is the highest level not closed (level 3 is closed by 3 DLTs), with 1 DLT in 7 evaluable: "
                "it is the MTD"
            ),
        ),
    ],
)
def test_stopping_says_what_is_closed_and_what_the_mtd_rests_on(outcomes: str, code: str, text: str) -> None:
    assert why(outcomes) == (Action.STOP, Because(code=Code(f"3+3/{code}"), text=text))


class TestAClosingThatPeopleMadeFinal:
    """The DLT was revoked since; the closing stands, and is the reason."""

    CLOSED = "level 2 is closed for good: decided on 2026-03-20"

    def closed(self, outcomes: str, level: int = 2) -> Decision:
        situation = situation_of(parse_outcomes(outcomes, levels=3), levels=3)
        final = FinalClosing(level=level, cause="decided on 2026-03-20")
        return decide(attrs.evolve(situation, final_closings=(FinalClosing(level=3, cause="another"), final)))

    def test_a_de_escalation(self) -> None:
        assert self.closed("1NNN 2TN").because == Because(
            code=Code.LEVEL_CLOSED,
            text=f"{self.CLOSED}; level 1 is the highest that is not closed, with 0 DLTs in 3 evaluable: "
            "6 must be evaluable before it may be the MTD",
        )

    def test_an_mtd(self) -> None:
        assert self.closed("1NNN 2TN 1NNN").because == Because(
            code=Code.MTD_REACHED,
            text=f"level 1 is the highest level not closed ({self.CLOSED}), with 0 DLTs in 6 evaluable: it is the MTD",
        )

    def test_none_tolerated(self) -> None:
        assert self.closed("1N", level=1).because == Because(
            code=Code.NONE_TOLERATED,
            text="level 1 is closed for good: decided on 2026-03-20: no level is left open, none is tolerated",
        )


class TestCaution:
    @pytest.mark.parametrize(
        ("decided", "recommended", "sentence"),
        [
            (
                Decision.escalate(to=2),
                Decision.enroll(level=1),
                "escalate (level 2) was decided, but the rule allows enroll (level 1) at most: decide that, or less",
            ),
            (
                Decision.expand(level=1),
                Decision.wait(level=1),
                "expand (level 1) was decided, but the rule allows wait (level 1) at most: decide that, or less",
            ),
            (
                Decision.established(1, bounded_above=True),
                Decision.de_escalate(to=1),
                (
                    "stop with the MTD at level 1 was decided, but the rule allows de-escalate (level 1) at most: "
                    "decide that, or less"
                ),
            ),
            (
                Decision.enroll(level=1),
                Decision.none_tolerated(),
                (
                    "enroll (level 1) was decided, but the rule allows stop with no level tolerated at most: "
                    "decide that, or less"
                ),
            ),
        ],
    )
    def test_what_the_rule_does_not_allow(self, decided: Decision, recommended: Decision, sentence: str) -> None:
        assert said(decided, recommended) == [(LessCautious, sentence)]

    @pytest.mark.parametrize(
        ("decided", "recommended", "sentence"),
        [
            (
                Decision.wait(level=2),
                Decision.escalate(to=3),
                "wait (level 2) was decided where the rule says escalate (level 3): give the rationale as well",
            ),
            (
                Decision(action=Action.STOP),
                Decision.expand(level=2),
                "stop was decided where the rule says expand (level 2): give the rationale as well",
            ),
            (
                Decision(action=Action.STOP),
                Decision.established(2, bounded_above=False),
                "stop was decided where the rule says stop with the MTD at level 2: give the rationale as well",
            ),
        ],
    )
    def test_what_it_allows_with_a_rationale(self, decided: Decision, recommended: Decision, sentence: str) -> None:
        assert said(decided, recommended) == [(RationaleMissing, sentence)]


def said(decided: Decision, recommended: Decision) -> list[tuple[type[CommandRefused], str]]:
    found = against_deciding(decided, recommended, order=(1, 2, 3), last_level=2, explained=False)
    return [(type(one), str(one)) for one in found]


class TestConclusion:
    @pytest.mark.parametrize(
        ("fact", "mtd", "sentence"),
        [
            (
                declared(2, bounded=True),
                Mtd.established(1, bounded_above=True),
                "level 2 as the MTD cannot be declared: the answer of the design is established",
            ),
            (
                declared(1, bounded=False),
                Mtd.established(1, bounded_above=True),
                (
                    "level 1 as the MTD without a closed level above it cannot be declared: "
                    "the answer of the design is established"
                ),
            ),
            (
                declared(1, bounded=True),
                Mtd.established(1, bounded_above=False),
                (
                    "level 1 as the MTD with a closed level above it cannot be declared: "
                    "the answer of the design is established"
                ),
            ),
            (
                not_established(NotEstablished.NONE_TOLERATED),
                Mtd(),
                "that no level is tolerated cannot be declared: the answer of the design is open",
            ),
            (
                not_established(NotEstablished.RECRUITMENT_ENDED),
                Mtd(),
                "that recruitment has ended, while it goes on, cannot be declared: the answer of the design is open",
            ),
            (
                not_established(NotEstablished.NONE_TOLERATED, candidate=1),
                Mtd(status=MtdStatus.NONE_TOLERATED),
                (
                    "level 1 as a candidate, with 2 DLTs in 6 evaluable, cannot be declared: "
                    "the answer of the design is none-tolerated"
                ),
            ),
        ],
    )
    def test_what_the_design_does_not_give(
        self, fact: MtdDeclared | MtdNotEstablished, mtd: Mtd, sentence: str
    ) -> None:
        found = list(against_conclusion(fact, mtd, design=design_of(ThreePlusThree()), recruitment_ended=False))
        assert [(type(one), str(one)) for one in found] == [(MtdNotGiven, sentence)]


def test_every_code_of_the_pure_rule_stands_in_these_tables_and_has_one_action_or_kind() -> None:
    """An escalation, a de-escalation and treating on share no code: a program can tell them apart by it."""
    codes: dict[str, set[Action]] = {}
    for outcomes in ("", "1NNN", "1NNT", "1NNTN", "1NNNT 2NNN", "1NNN 2TT", "1NNN 2TT 1NN", "1NNNP", "1PPP", "1TT"):
        action, because = why(outcomes)
        assert because is not None
        codes.setdefault(because.code, set()).add(action)
    treats = {Action.ENROLL, Action.EXPAND}
    for actions in codes.values():
        assert len(actions) == 1 or actions <= treats
