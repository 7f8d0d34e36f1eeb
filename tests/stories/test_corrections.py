"""Every correction that a log can hold has words: of each kind of fact, and of each of its fields."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pytest
from catalogue import ROWS
from told_stories import told, told_again

from trialdomain.commands.coercion import remake
from trialdomain.errors import TrialError
from trialdomain.events.access import AccessRefused
from trialdomain.events.entries import VOIDS, require_current
from trialdomain.events.recorded import Entry, Fact
from trialdomain.events.registry import NAMES
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.stories.expectations import Told
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.telling import tell
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.text import FreeText

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.story"))
KINDS = [kind for kind in NAMES if kind not in {*VOIDS, AccessRefused}]
"""What can be corrected: a void is never current, and a refusal says what the software did."""
TOGETHER: dict[str, dict[str, Any]] = {
    "cohort.dlt-attributed.v1": {"event": None, "laboratory": (3,)},
    "participant.vital-sign-recorded.v1": {"sign": "oxygen-saturation", "value": "95", "unit": "%", "site": None},
    "participant.adverse-event-followed-up.v1": {"serious": True, "seriousness": ["hospitalization"]},
}
"""Fields that are corrected together, since they have to fit each other."""
KEPT = {"participant.consented.v1": ["site"], "participant.adverse-event-followed-up.v1": ["event"]}
"""Fields of which the desk accepts no other value here, where a protocol has one site, and a participant one event."""
STORIES = {"participant.adverse-event-followed-up.v1": "an-event-gets-worse"}
"""The stories of some kinds; by default the first that has it."""


@cache
def kinds_of(path: Path) -> frozenset[type[Fact]]:
    for state in trials_of(path):
        return frozenset(type(entry.fact) for entry in state.site.history.entries())
    raise AssertionError(path)


def trials_of(path: Path) -> Iterator[Told]:
    """Tell a story, and yield its trial, at whose site more can be recorded meanwhile."""
    story = parse_story(path.read_text("utf-8"))
    for state, line, _ in tell(story, folder=FOLDER):
        if line is story.lines[-1]:
            yield state


def others(value: Any, example: Any) -> Iterator[Any]:  # noqa: ANN401 - the value of any field
    """Yield other values of a field, the likeliest first."""
    if isinstance(value, Enum):
        yield from (one for one in type(value) if one is not value)
    elif isinstance(value, tuple) and value:
        yield from (value[1:], value[:-1], (*value[1:], *evolved(value[0])))
    elif isinstance(value, TrialProtocol):
        yield attrs.evolve(value, title="Another title")
    elif type(value) in _OTHERS:
        yield from _OTHERS[type(value)](value)
    else:
        yield from evolved(value)
    yield from (example, None, (), "S001", "2026-03-31", "2026-04-30", Decimal("1.8"), True, (1,), "enrolled", "other")


_OTHERS: dict[type, Callable[[Any], Sequence[Any]]] = {
    bool: lambda value: [not value],
    int: lambda value: [value + 1, value - 1],
    Decimal: lambda value: [value - 1, value / 2, value + 1],
    str: lambda value: ["2", f"{value} b", f"{value}b", "A" * 43 + "="],
    date: lambda value: [value - timedelta(days=1), value + timedelta(days=1)],
    ClinicalTime: lambda value: [ClinicalTime.of(value.first + timedelta(days=days)) for days in (-1, 1, 20)],
    FreeText: lambda _: [FreeText(plain='another reason: "nothing" was known')],
}


def evolved(value: Any) -> Iterator[Any]:  # noqa: ANN401 - a part of any fact
    """Yield a part of a fact with another value of one field, where it can be."""
    fields: Sequence[Any] = attrs.fields(type(value)) if attrs.has(type(value)) else ()
    for field in fields:
        old = getattr(value, field.name)
        for new in others(old, old):
            with suppress(ValueError, TypeError, AttributeError, ArithmeticError):
                yield attrs.evolve(value, **{field.name: new})


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: NAMES[kind])
def test_a_correction_of_every_field_is_told_again(kind: type[Fact]) -> None:
    name = STORIES.get(NAMES[kind])
    for state in trials_of(next(path for path in FILES if kind in kinds_of(path) and name in {None, path.stem})):
        kept = [field.name for field in attrs.fields(kind) if not corrected(state, kind, field.name)]
        if NAMES[kind] in TOGETHER:
            together = TOGETHER[NAMES[kind]]
            assert state.site.desk().correct(last_of(state, kind), reason="another was meant", **together)
            kept = [field for field in kept if field not in together]
        assert kept == KEPT.get(NAMES[kind], [])
        first, second = told_again(state.site.history)
        assert second == first


def corrected(state: Told, kind: type[Fact], field: str) -> bool:
    """Correct one field of the last current entry of a kind; say whether the desk accepted any other value of it."""
    entry = last_of(state, kind)
    row = ROWS[NAMES[kind]]
    likely = [row.change.get(field), *others(getattr(entry.fact, field), getattr(row.example, field))]
    for new in [*likely, state.site.today]:
        try:
            if remake(entry.fact, {field: new}) != entry.fact:
                assert state.site.desk().correct(entry, reason="it was wrong in the source", **{field: new})
                return True
        except (TrialError, ValueError, ArithmeticError):
            continue
    return False


def last_of(state: Told, kind: type[Fact]) -> Entry:
    history = state.site.history
    for entry in sorted(history.entries(), key=lambda one: -one.position):
        if type(entry.fact) is kind:
            try:
                require_current(list(history.entries_of(entry.stream)), stream=entry.stream, version=entry.version)
            except TrialError:
                continue
            return entry
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "line",
    [
        'correct consent of S001 site to B because "the letter names it"',
        'correct follow-up 1 of S001 id to E2 because "of the other event"',
        'correct event 2 of S001 chemotherapy to unlikely (sponsor), disease to nothing because "by the sponsor"',
        'correct event 2 of S001 attributions to nothing, infusion to likely because "judged again"',
        'correct screening of S001 finding age to 61, finding weight to 70 kg, finding age to nothing because "a slip"',
        'correct screening of S001 attested E1 to yes comment "as asked", findings to nothing because "a slip"',
        'correct registration protocol because "a slip"\n| title = "Another title"',
        'correct user-registered field name to "\\"Another name\\"" because "a slip"',
        'correct decision 1 reason to "the board wants it so" because "a slip"',
    ],
)
def test_a_correction_of_a_story_is_written_as_a_correction(line: str) -> None:
    story = parse_story(
        "protocol ../../examples/protocols/two-sites.toml\n"
        "2026-03-02  S001 consented site S\n"
        '            S001 screened finding weight 60 kg, finding age 50, attested E1 no, attested E2 yes comment "x"\n'
        "            S001, S002, S003 infused\n"
        '2026-03-05  S001 event E1 "Fever" grade 1 infusion likely\n'
        '            S001 event E2 "Nausea" grade 1 infusion possibly disease possibly chemotherapy likely\n'
        "            S001 follow-up of E1: grade 2\n"
        "2026-03-20  S001, S002, S003 window assessed: no DLT\n"
        '            decide expand level 1 because "more are wanted"\n'
        f"            {line}\n"
    )
    text, first = told(story, FOLDER)
    assert "            correct " in text
    again, second = told(parse_story(text), FOLDER)
    assert (again, second) == (text, first)
