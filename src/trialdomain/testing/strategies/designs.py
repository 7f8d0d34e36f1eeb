"""Strategies for the parameters of escalation designs."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from trialdomain.protocol.designs import DESIGNS, DesignSpec, StateAnswer, StateRow, TableRow, TableWord

_TARGETS = [Decimal(number) / 100 for number in (30, 25, 20, 33, 15, 10)]
_MARGINS = [Decimal("0.05"), Decimal("0.03")]
_MORE_CAUTIOUS = [StateRow(enrolled=n, dlt=0, pending=1, answer=StateAnswer.HOLD) for n in (6, 5, 4)]
"""States in which a protocol may wait where the published table of rolling six goes on (Frankel 2020, Table 2)."""
_TENTHS = 10


def designs(*, levels: int = 3) -> st.SearchStrategy[DesignSpec]:
    """Generate the parameters of every design, all of them valid for a protocol; the simplest is 3+3.

    Designs that read a table at whole cohorts have a limit of at most 30 evaluable participants, so that their tables
    are short and their trials end (**choice**).

    Args:
        levels: the number of dose levels, of which ``start_level`` is one.
    """
    return st.one_of(*(made(levels) for made in MADE.values()))


@st.composite
def _made(draw: st.DrawFn, name: str, parameters: Callable[[st.DrawFn], Mapping[str, Any]], levels: int) -> DesignSpec:
    return DESIGNS[name](start_level=draw(st.integers(1, levels)), **parameters(draw))


def _three_plus_three(draw: st.DrawFn) -> Mapping[str, Any]:
    variant = {"most_dlts_in_six": [1, 2], "evaluable_for_mtd": [6, 3]}
    return {name: draw(st.sampled_from(values)) for name, values in variant.items()}


def _rolling_six(draw: st.DrawFn) -> Mapping[str, Any]:
    return {"table": tuple(draw(st.lists(st.sampled_from(_MORE_CAUTIOUS), unique=True)))}


def _cohorts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the parameters of a design that reads a table at whole cohorts."""
    size = draw(st.sampled_from([3, 1, 2]))
    early = draw(st.none() | st.integers(1, 4))
    return {
        "cohort_size": size,
        "max_n": size * draw(st.integers(1, 10)),
        "n_earlystop": None if early is None else size * early,
    }


def _interval(draw: st.DrawFn) -> dict[str, Any]:
    return {**_cohorts(draw), "target": draw(st.sampled_from(_TARGETS))}


def _boin(draw: st.DrawFn) -> Mapping[str, Any]:
    flags = {name: draw(st.booleans()) for name in ("extra_safety", "bound_mtd")}
    return {**_interval(draw), **flags}


def _with_margins(low: str, high: str) -> Callable[[st.DrawFn], Mapping[str, Any]]:
    def drawn(draw: st.DrawFn) -> Mapping[str, Any]:
        return {**_interval(draw), low: draw(st.sampled_from(_MARGINS)), high: draw(st.sampled_from(_MARGINS))}

    return drawn


def _table(draw: st.DrawFn) -> Mapping[str, Any]:
    """Draw a table that answers by bounds of the rate of DLTs, with rows for every number or for whole cohorts."""
    cohorts = _cohorts(draw)
    size: int = cohorts["cohort_size"]
    bounds: list[int] = sorted(draw(st.tuples(*[st.integers(1, _TENTHS)] * 3)))
    most, every = size * draw(st.integers(1, 4)), draw(st.booleans())

    words: list[TableWord] = list(TableWord)

    def word(n: int, dlt: int) -> TableWord:
        passed = sum(dlt * _TENTHS >= bound * n for bound in bounds)
        return words[passed]

    sizes = range(1, most + 1) if every else range(size, most + 1, size)
    rows = tuple(TableRow(n=n, dlt=dlt, decision=word(n, dlt)) for n in sizes for dlt in range(n + 1))
    return {**cohorts, "rows": rows, "target": draw(st.none() | st.sampled_from(_TARGETS))}


_PARAMETERS: Mapping[str, Callable[[st.DrawFn], Mapping[str, Any]]] = {
    "three-plus-three": _three_plus_three,
    "rolling-six": _rolling_six,
    "table": _table,
    "boin": _boin,
    "keyboard": _with_margins("margin_low", "margin_high"),
    "mtpi-2": _with_margins("epsilon_1", "epsilon_2"),
    "i3+3": _with_margins("epsilon_1", "epsilon_2"),
}


def _maker(name: str) -> Callable[[int], st.SearchStrategy[DesignSpec]]:
    return lambda levels: _made(name, _PARAMETERS[name], levels)


MADE: Mapping[str, Callable[[int], st.SearchStrategy[DesignSpec]]] = {name: _maker(name) for name in _PARAMETERS}
"""By the name of a design: makes the strategy for its parameters, for a number of levels."""
