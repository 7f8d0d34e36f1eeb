"""The state machine of the desk on protocols of every kind, and what it says of a desk that is broken."""

from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from repeating import times

from trialdomain import (
    Boin,
    DesignSpec,
    DoseLevel,
    RollingSix,
    TableDesign,
    TableRow,
    TableWord,
    TrialProtocol,
    nct06245746,
)
from trialdomain.aggregates.cohort import Cohort
from trialdomain.aggregates.participant import Participant, SubjectUnknown
from trialdomain.desk.ending import Ending
from trialdomain.desk.trials import TrialHandle
from trialdomain.events.participant import Infused
from trialdomain.exchange.toml import read_protocol
from trialdomain.history import History, KnownAt
from trialdomain.history.sources import Kept
from trialdomain.testing import InvariantBroken, TrialMachine, trial_machine
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.testing.replay import Replay

EXAMPLES = Path(__file__).parents[2] / "examples" / "protocols"
OPEN = attrs.evolve(nct06245746(), criteria=())
LONGER = attrs.evolve(OPEN, levels=(*OPEN.levels, DoseLevel(level=4)), target_recruitment=20)


def under(design: DesignSpec) -> TrialProtocol:
    return attrs.evolve(OPEN, design=design)


TABLE = TableDesign(
    rows=tuple(
        TableRow(n=n, dlt=dlt, decision=TableWord("escalate" if dlt == 0 else "stay" if dlt * 3 <= n else "eliminate"))
        for n in (3, 6, 9)
        for dlt in range(n + 1)
    ),
    target=Decimal("0.25"),
)
MACHINES: dict[str, type[TrialMachine]] = {
    "NCT06245746": trial_machine(nct06245746()),
    "two levels": trial_machine(attrs.evolve(OPEN, levels=OPEN.levels[:2])),
    "rolling six": trial_machine(under(RollingSix())),
    "BOIN": trial_machine(under(Boin(target=Decimal("0.3"), max_n=18))),
    "a table": trial_machine(under(TABLE)),
    "a level -1": trial_machine(read_protocol(EXAMPLES / "level-minus-one.toml")),
    "doses per kg and a sentinel": trial_machine(read_protocol(EXAMPLES / "per-kg-with-sentinel.toml")),
    "two sites": trial_machine(read_protocol(EXAMPLES / "two-sites.toml")),
    "rows of DLTs": trial_machine(read_protocol(EXAMPLES / "dlt-table.toml")),
    "amendments": trial_machine(OPEN, amendments=[LONGER, attrs.evolve(LONGER, max_infused=6), OPEN]),
    "no design": trial_machine(under(RollingSix()), amendments=[attrs.evolve(OPEN, design=None), OPEN]),
}


def run(machine: type[TrialMachine], *, examples: int, shrinks: bool = True) -> None:
    phases = [Phase.generate, *([Phase.shrink] if shrinks else [])]
    steps = settings(max_examples=examples, stateful_step_count=20, phases=phases)
    run_state_machine_as_test(machine, settings=steps)


@pytest.mark.soak
@pytest.mark.parametrize("name", MACHINES)
def test_the_desk_holds_every_invariant(name: str) -> None:
    run(MACHINES[name], examples=times(40, least=1))


class TestABrokenDesk:
    """A fault is found within few examples, and is named."""

    def test_that_fills_slots_beyond_their_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Cohort, "against_filling", lambda _: ())
        for rule in ("against_slots", "against_enrollment_at"):
            monkeypatch.setattr(f"trialdomain.desk.enrollment.{rule}", lambda *_: ())
        with pytest.raises(InvariantBroken, match=r"no slot twice: .* took a slot at level 1, where 4 people"):
            run(trial_machine(OPEN), examples=200, shrinks=False)

    def test_that_infuses_whoever_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Participant, "_against_infusion", lambda *_: ())
        monkeypatch.setattr(Participant, "_against_enrollment", lambda *_: ())
        monkeypatch.setattr(MadeUpSite, "answers", lambda _: ((), ()))  # and nobody has answered any criterion
        with pytest.raises(InvariantBroken, match="nobody infused without eligibility: "):
            run(trial_machine(nct06245746()), examples=200, shrinks=False)

    def test_that_treats_at_any_level(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for rule in ("against_slots", "against_enrollment_at"):
            monkeypatch.setattr(f"trialdomain.desk.enrollment.{rule}", lambda *_: ())
        monkeypatch.setattr("trialdomain.desk.treatment.against_infusion_at", lambda *_: ())
        monkeypatch.setattr(Cohort, "against_filling", lambda _: ())
        monkeypatch.setattr(Participant, "_against_infusion", lambda *_: ())
        with pytest.raises(
            InvariantBroken, match=r"^(no dose above an open level|nobody infused without eligibility|no slot twice): "
        ):
            run(trial_machine(OPEN), examples=200, shrinks=False)

    def test_that_records_what_it_refuses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        withdraw = Ending.withdraw

        @wraps(withdraw)
        def leaky(self: Ending, subject: str, **fields: Any) -> None:  # noqa: ANN401 - the fields of a withdrawal
            withdraw(self, subject, **fields)
            raise SubjectUnknown(subject=subject, act="a withdrawal")

        monkeypatch.setattr(Ending, "withdraw", leaky)
        with pytest.raises(InvariantBroken, match="what is refused records nothing: an act was refused"):
            run(trial_machine(OPEN), examples=200, shrinks=False)

    def test_that_answers_otherwise_later(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A replay by which nobody was infused gives other answers than the trial gave then."""
        known = TrialHandle.history

        def without_infusions(self: TrialHandle, *, known_at: KnownAt | None = None) -> History:
            found = known(self, known_at=known_at)
            if known_at is None:
                return found
            kept = Kept([entry for entry in Replay.of(found).entries if not isinstance(entry.fact, Infused)])
            return attrs.evolve(found, streams=kept.streams, stream=kept.stream)

        monkeypatch.setattr(TrialHandle, "history", without_infusions)
        with pytest.raises(
            InvariantBroken, match="known-at replay equals what was answered then: as known at position"
        ):
            run(trial_machine(OPEN), examples=200, shrinks=False)


def test_a_machine_has_rules_of_its_own_as_well() -> None:
    class Mine(trial_machine(OPEN)):  # type: ignore[misc]  # a class that is made at run time
        @invariant()
        def nobody_is_treated(self) -> None:
            assert not any(isinstance(entry.fact, Infused) for entry in self.trial.history.entries())

    with pytest.raises(AssertionError):
        run(Mine, examples=100, shrinks=False)
