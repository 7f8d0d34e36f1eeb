"""The report of how far the views of a log have come."""

from collections.abc import Iterable, Iterator

from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table
from trialdomain.values.given.plural import n_entries
from trialdomain.views.views import State, ViewStatus

_NEXT = {
    State.SET_ASIDE: "correct what is wrong, and retry or rebuild the views that were set aside",
    State.NOT_BUILT: "rebuild or follow the views that were never built",
    State.OUTDATED: "rebuild the views that were made with other columns, or of another log",
    State.BEHIND: "follow the log to bring the views up to date",
}


def views_report(place: object, found: Iterable[ViewStatus], *, tables: str) -> Report:
    """Report how far each view has come in each trial.

    Args:
        place: the name of the log.
        found: the views.
        tables: where the tables are.
    """
    views = list(found)

    def blocks() -> Iterator[Block]:
        if not views:
            yield Lines(["The log has no trial yet."])
            return
        yield Table(
            title="Views",
            columns=("View", "Trials", "Current", "Behind", "Most entries behind", "Set aside", "Not built"),
            rows=tuple(_row(name, [one for one in views if one.view == name]) for name in _names(views)),
        )
        for one in views:
            if one.why is not None:
                yield Lines([f"{one.view} of {one.trial} at position {one.failed_at}: {one.why}"])
        states = {one.state for one in views}
        if states == {State.CURRENT}:
            yield Lines([f"Every view is at the end of the log. The tables are in {tables}."])
        for state, told in _NEXT.items():
            if state in states:
                lag = max(one.lag for one in views)
                yield Lines([f"{told} ({n_entries(lag)} behind)" if state is State.BEHIND else told])

    return Report(
        title=f"Views of {place}",
        blocks=blocks,
        json=lambda: {
            "log": str(place),
            "views": [
                {
                    "view": one.view,
                    "trial": one.trial,
                    "state": one.state.value,
                    "generation": one.generation,
                    "position": one.position,
                    "head": one.head,
                    "lag": one.lag,
                    "failed_at": one.failed_at,
                    "why": one.why,
                }
                for one in views
            ],
        },
    )


def _names(views: Iterable[ViewStatus]) -> list[str]:
    return list(dict.fromkeys(one.view for one in views))


def _row(name: str, views: list[ViewStatus]) -> tuple[str, ...]:
    def number(*states: State) -> str:
        return str(sum(one.state in states for one in views))

    return (
        name,
        str(len(views)),
        number(State.CURRENT),
        number(State.BEHIND),
        str(max(one.lag for one in views)),
        number(State.SET_ASIDE),
        number(State.NOT_BUILT, State.OUTDATED),
    )
