"""The follower that moves views along a log, and the rebuild beside the views that are being read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic, sleep

from trialdomain.history.following import POLL_SECONDS
from trialdomain.storage.store import LogReader
from trialdomain.storage.view_tables import Moved, RebuildOvertaken, Replaced, Tracked, ViewsUnusable, ViewTables
from trialdomain.values.progress import Progress, counted, ignore_progress
from trialdomain.views.making import Bound, Failure, Maker, Rows

_AT_ONCE = 1_000
"""The most entries that are taken in one transaction by a view that is being read."""
_SWAP_SECONDS = 60.0
"""How long a new generation is offered while readers keep the view busy."""
_SWAP_PAUSE_SECONDS = 0.2
_LOOK_SECONDS = 30.0
"""How often the time of the last look is stored while nothing happens."""
_REFRESH_SECONDS = 5.0
"""How often the positions of the views are read again, which another process may have changed."""
_BEAT_SECONDS, _BUILDER_SECONDS = 1.0, 10.0
"""How often a builder is heard of, and after which silence another one takes over."""


def rebuild(log: LogReader, tables: ViewTables, views: Bound, progress: Progress) -> None:
    """Build views beside those that are being read, and let them take their place."""
    numbers = {name: tables.begin(view.table) for name, view in views.items()}
    building = Follower(log, tables, views, numbers)
    heads = log.heads()
    count = counted(progress, "building views", sum(heads.values()))
    for trial, head in sorted(heads.items()):
        building.build(trial, head, count)
    until = monotonic() + _SWAP_SECONDS
    stale = _of_another_log(log, tables)
    left, stuck = dict(numbers), list[str]()
    while left:
        building.round()  # what was recorded meanwhile
        for name, why in _fallen_behind(tables, left, stale).items():
            del left[name]
            stuck.append(why)
        left = {
            name: number
            for name, number in left.items()
            if not tables.swap(views[name].table, number, anyway=name in stale)
        }
        if left and monotonic() > until:
            raise ViewsUnusable(
                f"{tables.place}: readers keep {', '.join(left)} busy, and the new rows could not take the place "
                f"of the old ones: end their transactions, and rebuild again"
            )
        if left:
            tables.beat(left)
            sleep(_SWAP_PAUSE_SECONDS)
    if stuck:
        raise ViewsUnusable(f"{'; '.join(stuck)}: the rows that were there before stay; verify the log")


def _of_another_log(log: LogReader, tables: ViewTables) -> set[str]:
    """Name the live views with rows of a trial that the log does not have, or of other entries."""
    live = {(one.view, one.number) for one in tables.generations() if one.live}
    tracked = [one for one in tables.tracked() if (one.view, one.generation) in live]
    heads, maker = log.heads(), Maker(log)  # after the positions: the views are never ahead of the log
    return {
        one.view for one in tracked if not maker.has(one.trial, one.position, one.leaf, head=heads.get(one.trial, 0))
    }


def _fallen_behind(tables: ViewTables, numbers: Mapping[str, int], stale: set[str]) -> dict[str, str]:
    """Say of the new generations that cannot take an entry which the live one has taken why that is."""
    live = {(one.view, one.number) for one in tables.generations() if one.live}
    tracked = tables.tracked()
    before = {(one.view, one.trial): one.position for one in tracked if (one.view, one.generation) in live}
    return {
        one.view: f"{one.view} of {one.trial} cannot take the entry at position {one.failed_at} any more: {one.why}"
        for one in tracked
        if numbers.get(one.view) == one.generation
        and one.view not in stale
        and one.failed_at is not None
        and one.position < before.get((one.view, one.trial), 0)
    }


class Follower:
    """Moves generations of views along the log.

    Args:
        log: the log.
        tables: the tables of its views.
        views: the views, by name.
        numbers: by view, the generation to move; None for the live ones, whichever they are.
    """

    def __init__(
        self, log: LogReader, tables: ViewTables, views: Bound, numbers: Mapping[str, int] | None = None
    ) -> None:
        self._log, self._tables, self._views, self._numbers = log, tables, views, numbers
        self._maker = Maker(log)
        self._at: dict[str, dict[str, Tracked]] | None = None
        """By trial and view: the position."""
        self._moving = dict(numbers or {})
        """By view: the generation that is moved."""
        self._refreshed = self._looked = -_LOOK_SECONDS
        self._beaten = monotonic()

    def build_missing(self) -> None:
        """Build the views that have no generation with the present columns, unless another program builds them."""
        while missing := self._missing():
            found = self._tables.generations()
            if any(one.view in missing and not one.live and one.idle_seconds < _BUILDER_SECONDS for one in found):
                sleep(POLL_SECONDS)
                continue
            with suppress(RebuildOvertaken):
                rebuild(self._log, self._tables, missing, ignore_progress)

    def _missing(self) -> Bound:
        live = {one.view: one.definition for one in self._tables.generations() if one.live}
        return {name: view for name, view in self._views.items() if live.get(name) != view.table.definition}

    def build(self, trial: str, until: int, count: Callable[[int], None]) -> None:
        """Build the rows of a trial in generations that nobody reads yet."""
        views = {name: self._views[name] for name in self._moving}

        def add(rows: Mapping[str, Rows]) -> None:
            for name, some in rows.items():
                self._tables.add(views[name].table, self._moving[name], trial, some)

        def counting(more: int) -> None:
            self._beat()
            count(more)

        made = self._maker.all_rows(views, trial, until, add=add, count=counting)
        self._moved(trial, list(views), before=0, after=until, made=made, units=())

    def _beat(self) -> None:
        """Say now and then that generations are still being built."""
        now = monotonic()
        if now - self._beaten > _BEAT_SECONDS:
            self._beaten = now
            self._tables.beat(self._moving)

    def round(self) -> int:
        """Take what the log has now; return the number of entries of the view that was furthest behind."""
        at = self._positions()
        # After the positions, which another process may move: they are never ahead of the log.
        heads = self._log.heads()
        taken = 0
        if at.keys() - heads.keys():
            gone = ", ".join(sorted(at.keys() - heads.keys()))
            raise ViewsUnusable(
                f"{self._tables.place}: the views have rows of trial {gone}, which the log does not have: it is "
                f"another log, or was changed since; verify the log, and rebuild the views"
            )
        for trial, head in sorted(heads.items()):
            behind: dict[tuple[int, bytes], list[str]] = {}
            for name in self._moving:
                tracked = at.get(trial, {}).get(name)
                if tracked is None or tracked.failed_at is None:
                    place = (0, b"") if tracked is None else (tracked.position, tracked.leaf)
                    behind.setdefault(place, []).append(name)
            for (position, leaf), names in sorted(behind.items()):
                if position != head:
                    taken = max(taken, self._advance(trial, names, position, leaf, head))
        now = monotonic()
        if now - self._looked > (1.0 if taken else _LOOK_SECONDS):
            self._looked = now
            self._tables.looked(datetime.now(UTC), heads)
        return taken

    def _positions(self) -> dict[str, dict[str, Tracked]]:
        """Return the positions, by trial and view; read them again where another process may have changed them."""
        now = monotonic()
        if self._at is None or now - self._refreshed > _REFRESH_SECONDS:
            generations = self._tables.generations()
            numbers = self._numbers
            if numbers is None:
                numbers = {
                    one.view: one.number
                    for one in generations
                    if one.live and one.view in self._views and one.definition == self._views[one.view].table.definition
                }
            self._moving, self._at, self._refreshed = dict(numbers), {}, now
            for one in self._tables.tracked():
                if numbers.get(one.view) == one.generation:
                    self._at.setdefault(one.trial, {})[one.view] = one
        return self._at

    def _advance(self, trial: str, names: Sequence[str], position: int, leaf: bytes, head: int) -> int:
        """Move views that are at one position to the head of the trial; return the number of entries."""
        at = position
        self._check_same(trial, at, leaf, head)
        while at < head and names:
            until = head if at == 0 else self._maker.whole_command(trial, min(head, at + _AT_ONCE), head)
            views = {name: self._views[name] for name in names}
            if at == 0:
                made, units = self._maker.all_rows(views, trial, until), None
            else:
                made, units = self._maker.changed_rows(views, trial, at, until)
            names = self._moved(trial, names, before=at, after=until, made=made, units=units)
            at = until
        return head - position

    def _check_same(self, trial: str, position: int, leaf: bytes, head: int) -> None:
        """Refuse to go on with rows of another log."""
        if not self._maker.has(trial, position, leaf, head=head):
            raise ViewsUnusable(
                f"{self._tables.place}: the views were made of position {position} of another log of trial {trial}, or "
                f"the log was changed since: verify the log, and rebuild the views"
            )

    def _moved(
        self,
        trial: str,
        names: Sequence[str],
        *,
        before: int,
        after: int,
        made: Mapping[str, Rows | Failure],
        units: Sequence[str] | None,
    ) -> list[str]:
        """Write what was made; set aside the views that could not be made; return those that were moved."""
        leaf = self._maker.leaf(trial, after)
        good = [
            Replaced(table=self._views[name].table, generation=self._moving[name], units=units, rows=rows)
            for name in names
            if not isinstance(rows := made[name], Failure)
        ]
        step = Moved(trial=trial, before=before, after=after, leaf=leaf, changes=good)
        moved = self._tables.move(step) if good else []
        self._remember(trial, moved, after, leaf)
        for name in names:
            failure = made[name]
            if isinstance(failure, Failure):
                self._set_aside(trial, name, before, failure)
        if len(moved) < len(names):
            self._at = None  # another worker has moved a view, or one was set aside: read the positions again
        return moved

    def _set_aside(self, trial: str, name: str, before: int, failure: Failure) -> None:
        """Bring a view to the last command before the entry that it cannot take, and set it aside there."""
        view = {name: self._views[name]}
        until = max(before, self._maker.whole_before(trial, failure.position))
        units: Sequence[str] | None = ()
        rows: Rows = []
        if until > before:
            if before == 0:
                made, units = self._maker.all_rows(view, trial, until), None
            else:
                made, units = self._maker.changed_rows(view, trial, before, until)
            found = made[name]
            if isinstance(found, Failure):  # an earlier entry is to blame
                self._set_aside(trial, name, before, found)
                return
            rows = found
        elif before == 0:
            units = None
        change = Replaced(table=view[name].table, generation=self._moving[name], units=units, rows=rows)
        self._tables.move(
            Moved(
                trial=trial,
                before=before,
                after=until,
                leaf=self._maker.leaf(trial, until),
                changes=[change],
                failed_at=failure.position,
                why=failure.why,
            )
        )

    def _remember(self, trial: str, names: Sequence[str], position: int, leaf: bytes) -> None:
        if self._at is None:
            return
        for name in names:
            self._at.setdefault(trial, {})[name] = Tracked(
                view=name, generation=self._moving[name], trial=trial, position=position, leaf=leaf
            )
