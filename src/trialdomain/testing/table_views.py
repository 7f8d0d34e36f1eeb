"""A test of views as tables: made step by step, they have the rows of a replay."""

from collections.abc import Iterable, Sequence

from trialdomain.desk.trials import Trials
from trialdomain.errors import InputInvalid
from trialdomain.storage.store import LogReader
from trialdomain.storage.view_tables import Cells
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.views.making import Failure, Maker, Rows
from trialdomain.views.standard import STANDARD_VIEWS
from trialdomain.views.table_view import BoundView, TableView

_STEPS = 4
"""The number of steps in which a trial is taken, by default."""


class TablesDiffer(AssertionError):
    """A view has other rows when it is made step by step than when it is made at once."""


def tables_equal_replay(trials: Trials, trial: str, *own: TableView, steps: int = _STEPS) -> None:
    """Assert that views have the same rows when they follow a trial step by step as when they are made at once.

    Args:
        trials: an open log, also in memory.
        trial: the code of the trial.
        own: your own views; without any, those of this library.
        steps: the number of steps, of equal numbers of entries.

    Raises:
        TablesDiffer: a view cannot be made, or its rows differ.
        InputInvalid: the log has no such trial, or no view is given.
    """
    if not is_a(trials, Trials) or not is_a(steps, int) or steps < 1:
        raise InputInvalid(
            f"{short(trials)!r} in {short(steps)!r} steps: pass an open log, and a number of steps from 1"
        )
    equal_in(trials.trial(trial).reader, trial, own or STANDARD_VIEWS, steps)


def equal_in(log: LogReader, trial: str, views: Sequence[TableView], steps: int) -> None:
    """Assert it of a trial in a store; see :func:`tables_equal_replay`."""
    bound = {one.table.name: one for one in map(BoundView, views)}
    head, maker = log.head(trial), Maker(log)
    kept: dict[str, list[tuple[str, Cells]]] = {name: [] for name in bound}
    at = 0
    for step in range(1, steps + 1):
        until = maker.whole_command(trial, max(1, head * step // steps), head)
        if until <= at:
            continue
        made, units = (
            (maker.all_rows(bound, trial, until), None) if at == 0 else maker.changed_rows(bound, trial, at, until)
        )
        for name, rows in made.items():
            left = [] if units is None else [row for row in kept[name] if row[0] not in units]
            kept[name] = [*left, *_rows(name, rows)]
        at = until
    for name, rows in Maker(log).all_rows(bound, trial, head).items():
        at_once, by_step = sorted(map(repr, _rows(name, rows))), sorted(map(repr, kept[name]))
        if at_once != by_step:
            missing, extra = _first(at_once, by_step), _first(by_step, at_once)
            raise TablesDiffer(
                f"view {name} has other rows step by step than at once: missing {missing}, too many {extra}: its rows "
                f"must follow from what its function is given alone"
            )


def _rows(name: str, rows: Rows | Failure) -> Rows:
    if isinstance(rows, Failure):
        raise TablesDiffer(f"view {name} cannot take the entry at position {rows.position}: {rows.why}")
    return rows


def _first(some: Sequence[str], others: Iterable[str]) -> str:
    """Show the first of some rows that is not among others."""
    known = set(others)
    return next((row for row in some if row not in known), "none")
