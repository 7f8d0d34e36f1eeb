"""What the library hands out fits a screen where it is printed: 20 lines of 80 columns, for a trial with 16 people."""

from collections.abc import Iterator

import attrs
import pytest
from class_examples import Examples, HoldsLogError, value_classes
from handed_out import answers_of, everything, parts_of
from made_once import Shelf, simulated_log

from trialdomain import Answers, Decision, DecisionAudit, Endpoints, Explanation, History, Review, TrialProtocol
from trialdomain.projections.escalation import Escalation
from trialdomain.projections.flow import Flow
from trialdomain.projections.safety import Safety
from trialdomain.testing import history_of
from trialdomain.values.given.in_short import MOST, in_short

SCREEN = 20 * 80


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> dict[type, list[object]]:
    """Give every instance of a class of ours, by its class, in all that the library hands out."""
    handed_out = everything(tmp_path_factory.mktemp("handed_out"), simulated_log(shelf, 25, participants=8))
    with simulated_log(shelf, 25).history() as history:
        answers = answers_of(history)
    found: dict[type, list[object]] = {}
    for value in within([handed_out, answers]):
        if attrs.has(type(value)) and type(value).__module__.startswith("trialdomain."):
            found.setdefault(type(value), []).append(value)
    examples = Examples([handed_out, answers])
    for kind in value_classes():
        if attrs.has(kind) and kind not in found:
            try:
                found[kind] = [examples.of(kind)]
            except HoldsLogError:  # an open log, and the desk at it, are no answers
                continue
    return found


def within(values: object) -> Iterator[object]:
    waiting, seen = [values], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen.add(id(value))
            yield value
            waiting += [part for _, part in parts_of(value)]


def test_every_answer_fits_a_screen(met: dict[type, list[object]]) -> None:
    assert {Answers, Escalation, DecisionAudit, Explanation, Flow, History, Endpoints, Review, Safety} <= met.keys()
    public = {kind: found for kind, found in met.items() if not kind.__name__.startswith("_")}
    longest = {kind: max(len(repr(one)) for one in found) for kind, found in public.items()}
    assert {kind.__qualname__: length for kind, length in longest.items() if length > SCREEN} == {}


def test_so_does_every_answer_about_twice_as_many_people() -> None:
    history, on = history_of("1NNTNNN 2NNTNNN 3NNNNNN 1NPX 2NPX 3NPX")
    whole = {name: len(repr(answer)) for name, answer in answers_of(history).items() if attrs.has(type(answer))}
    assert {name: length for name, length in whole.items() if length > SCREEN} == {}
    assert len(repr(history.escalation(on=on))) <= SCREEN


def test_an_answer_shows_what_is_asked_for_first() -> None:
    history, on = history_of("1NNN 2NNTNNN 3NN")
    state = history.escalation(on=on)
    assert state is not None
    assert repr(state).startswith(
        "Escalation(protocol=<TrialProtocol>, decision=Decision(action=<Action.ENROLL: 'enroll'>"
    )
    assert "level 3 has 0 DLTs in 2 evaluable: it needs at least 3 evaluable" in repr(state)
    assert "members=<11 of Member>" in repr(state.counts)
    assert repr(history) == f"History(trial='NCT06245746', position={history.position}, zone={history.zone!r})"


def test_a_short_value_is_whole() -> None:
    assert repr(Decision.escalate(to=2)) == (
        "Decision(action=<Action.ESCALATE: 'escalate'>, level=2, slots=None, mtd=Mtd(status=<MtdStatus.OPEN: 'open'>, "
        "level=None, bounded_above=None), closed_levels=(), waiting_for=(), because=None, forecast=None)"
    )


@attrs.frozen
class Sample:
    __repr__ = in_short

    text: str
    numbers: tuple[int, ...] = ()
    by_name: dict[str, int] = attrs.field(factory=dict)
    protocol: TrialProtocol | None = None
    _own: int = 1
    hidden: int = attrs.field(default=2, repr=False)


def test_what_does_not_fit_is_told_by_its_class_or_its_number() -> None:
    assert (
        repr(Sample("a", (1, 2), {"one": 1})) == "Sample(text='a', numbers=(1, 2), by_name={'one': 1}, protocol=None)"
    )
    many = Sample("a" * 2_000, tuple(range(6)), {str(n): n for n in range(9)})
    assert repr(many) == f"Sample(text='{'a' * 59}..., numbers=<6 of int>, by_name=<9 of int>, protocol=None)"
    assert len(repr(Sample("a" * 1_400))) <= MOST
    assert "a" * 1_400 in repr(Sample("a" * 1_400))
