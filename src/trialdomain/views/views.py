"""The views of a log: built, kept up to date by a follower, and rebuilt beside the ones that are being read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import TypeAlias

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.history.following import POLL_SECONDS
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.store import LogReader
from trialdomain.storage.view_tables import Moved, RebuildOvertaken, Replaced, Table, Tracked, ViewsUnusable, ViewTables
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.values.progress import Progress, counted, ignore_progress
from trialdomain.values.word import Word
from trialdomain.views.making import Failure, Maker
from trialdomain.views.standard import STANDARD_VIEWS
from trialdomain.views.table_view import BoundView, TableView

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
_PATIENCE_SECONDS = 60.0
"""How long a follower waits for a server that does not answer."""


Bound: TypeAlias = Mapping[str, BoundView]
"""Views by name, with their tables."""


class State(Word):
    """The state of a view in a trial."""

    CURRENT = "current"
    BEHIND = "behind"
    SET_ASIDE = "set-aside"
    """It could not take an entry: retry it, or rebuild it."""
    NOT_BUILT = "not-built"
    OUTDATED = "outdated"
    """It was made with other columns, or of another log: rebuild it."""


@attrs.frozen(kw_only=True)
class ViewStatus:
    """How far a view has come in one trial."""

    view: str
    trial: str
    state: State
    generation: int | None
    position: int
    head: int
    """The last position of the trial."""
    failed_at: int | None = None
    """The position of the entry that the view could not take."""
    why: str | None = None

    @property
    def lag(self) -> int:
        """How many entries the view is behind."""
        return max(0, self.head - self.position)


class Views:
    """The views of a log as tables: of this library, and your own. Made by :meth:`trialdomain.Trials.views`.

    In SQLite they are in a file beside the log; in PostgreSQL, in a schema beside it. The log is only read.

    Args:
        log: an open log.
        own: further views, of your own classes.
    """

    def __init__(self, log: LogReader, own: Sequence[TableView] = ()) -> None:
        self._log = log
        self.place = "no place yet"
        """Where the tables are, once they were opened."""
        self._views: dict[str, BoundView] = {}
        for view in (*STANDARD_VIEWS, *own):
            bound = BoundView(view)
            name = bound.table.name
            if name in self._views:
                raise InputInvalid(f"there are two views with the name {name}: give each a name of its own")
            self._views[name] = bound

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables, with their columns and comments."""
        return tuple(view.table for view in self._views.values())

    def status(self) -> list[ViewStatus]:
        """Return how far each view has come in each trial.

        Raises:
            ViewsUnusable: the place of the views is taken by something else.
        """
        heads, maker = dict(sorted(self._log.heads().items())), Maker(self._log)
        if not self._log.has_views():
            return [
                self._status(name, trial, head, None, None) for name in self._views for trial, head in heads.items()
            ]
        with self._opened(make=False) as tables:
            live = {one.view: one for one in tables.generations() if one.live}
            tracked = {(one.view, one.generation, one.trial): one for one in tables.tracked()}
        found = []
        for name in self._views:
            generation = live.get(name)
            number = None if generation is None else generation.number
            for trial, head in heads.items():
                at = None if number is None else tracked.get((name, number, trial))
                found.append(
                    self._status(name, trial, head, number, at, None if generation is None else generation.definition)
                )
        others = {one for _, _, one in tracked} - heads.keys()
        found += [
            self._status(name, trial, 0, generation.number, at, generation.definition)
            for trial in sorted(others)
            for name, generation in live.items()
            if name in self._views and (at := tracked.get((name, generation.number, trial))) is not None
        ]
        return [
            one if self._is_of_log(maker, one, tracked) else attrs.evolve(one, state=State.OUTDATED) for one in found
        ]

    def _is_of_log(self, maker: Maker, one: ViewStatus, tracked: Mapping[tuple[str, int, str], Tracked]) -> bool:
        """Say whether the rows of a view are of the trial that the log has."""
        at = None if one.generation is None else tracked.get((one.view, one.generation, one.trial))
        return at is None or maker.is_at(at, one.head)

    def rebuild(self, *names: str, progress: Progress = ignore_progress) -> None:
        """Build views anew beside those that are being read, and let the new ones take their place.

        Readers see the old rows until then. A rebuild that is interrupted leaves them as they are.

        Args:
            names: the views; all, if none is named.
            progress: a callback with the name of the work, the entries read, and the total.

        Raises:
            InputInvalid: there is no such view.
            ViewsUnusable: another rebuild of a view began meanwhile, or readers keep a view busy for a minute.
        """
        wanted = self._named(names)
        with self._opened(make=True) as tables:
            _rebuild(self._log, tables, {name: self._views[name] for name in wanted}, progress)

    def catch_up(self) -> int:
        """Bring every view up to the end of the log; build those that were never built.

        Returns:
            The number of entries that were taken: those of the view that was furthest behind.
        """
        with self._opened(make=True) as tables:
            follower = _Follower(self._log, tables, self._views)
            follower.build_missing()
            return follower.round()

    def follow(self, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Keep every view up to date, five times a second, until the log is closed.

        Several processes may follow one log: each step of a view in a trial is made by one of them.

        Args:
            stop: called after each look; return True to stop.

        Raises:
            StoreClosed: the log was closed meanwhile.
            StoreFailed: the server did not answer for a minute.
        """
        until = monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with self._opened(make=True) as tables:
                    follower = _Follower(self._log, tables, self._views)
                    follower.build_missing()
                    while True:
                        taken = follower.round()
                        until = monotonic() + _PATIENCE_SECONDS
                        if stop():
                            return
                        if not taken:
                            sleep(POLL_SECONDS)
            except StoreFailed:
                if monotonic() > until:
                    raise
                sleep(POLL_SECONDS)

    def retry(self, *names: str, trial: str | None = None) -> int:
        """Try again the views that were set aside, and bring them up to date.

        Args:
            names: the views; all, if none is named.
            trial: only those of a trial.

        Returns:
            The number of pairs of a view and a trial that were tried.
        """
        wanted = self._named(names)
        if trial is not None and trial not in self._log.trials():
            raise InputInvalid(
                f"the log has no trial {short(trial)!r}: name one of {', '.join(self._log.trials()) or 'none'}"
            )
        with self._opened(make=True) as tables:
            cleared = tables.clear(wanted, trial)
            _Follower(self._log, tables, self._views).round()
        return cleared

    def _named(self, names: Sequence[str]) -> list[str]:
        for name in names:
            if not is_a(name, str) or name not in self._views:
                raise InputInvalid(f"there is no view {short(name)!r}: name one of {', '.join(self._views)}")
        return list(names) or list(self._views)

    @contextmanager
    def _opened(self, *, make: bool) -> Iterator[ViewTables]:
        tables = self._log.view_tables(make=make)
        self.place = tables.place
        try:
            yield tables
        finally:
            tables.close()

    def _status(  # noqa: PLR0917 - the parts of one answer
        self,
        view: str,
        trial: str,
        head: int,
        number: int | None,
        at: Tracked | None,
        definition: str | None = None,
    ) -> ViewStatus:
        position = 0 if at is None else at.position
        if number is None:
            state = State.NOT_BUILT
        elif definition != self._views[view].table.definition:
            state = State.OUTDATED
        elif at is not None and at.failed_at is not None:
            state = State.SET_ASIDE
        else:
            state = State.CURRENT if position >= head else State.BEHIND
        return ViewStatus(
            view=view,
            trial=trial,
            state=state,
            generation=number,
            position=position,
            head=head,
            failed_at=None if at is None else at.failed_at,
            why=None if at is None else at.why,
        )


def _rebuild(log: LogReader, tables: ViewTables, views: Bound, progress: Progress) -> None:
    """Build views beside those that are being read, and let them take their place."""
    numbers = {name: tables.begin(view.table) for name, view in views.items()}
    building = _Follower(log, tables, views, numbers)
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
    heads, maker = log.heads(), Maker(log)
    live = {(one.view, one.number) for one in tables.generations() if one.live}
    return {
        one.view
        for one in tables.tracked()
        if (one.view, one.generation) in live and not maker.is_at(one, heads.get(one.trial, 0))
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


class _Follower:
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
        self._log, self._tables, self._known, self._numbers = log, tables, views, numbers
        self._maker = Maker(log)
        self._at: dict[str, dict[str, Tracked]] | None = None
        """By trial and view: the position."""
        self._live: dict[str, int] = {}
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
                _rebuild(self._log, self._tables, missing, ignore_progress)

    def _missing(self) -> Bound:
        live = {one.view: one.definition for one in self._tables.generations() if one.live}
        return {name: view for name, view in self._known.items() if live.get(name) != view.table.definition}

    def build(self, trial: str, until: int, count: Callable[[int], None]) -> None:
        """Build the rows of a trial in generations that nobody reads yet."""
        numbers = self._numbers or {}
        views = {name: self._known[name] for name in numbers}

        def add(rows: Mapping[str, list[tuple[str, tuple[object, ...]]]]) -> None:
            for name, some in rows.items():
                self._tables.add(views[name].table, numbers[name], trial, some)

        def counting(more: int) -> None:
            self._beat(numbers)
            count(more)

        made = self._maker.all_rows(views, trial, until, add=add, count=counting)
        self._moved(trial, numbers, list(views), before=0, after=until, made=made, units=())

    def _beat(self, numbers: Mapping[str, int]) -> None:
        """Say now and then that generations are still being built."""
        now = monotonic()
        if now - self._beaten > _BEAT_SECONDS:
            self._beaten = now
            self._tables.beat(numbers)

    def round(self) -> int:
        """Take what the log has now; return the number of entries of the view that was furthest behind."""
        heads = self._log.heads()
        at = self._positions()
        taken = 0
        if at.keys() - heads.keys():
            gone = ", ".join(sorted(at.keys() - heads.keys()))
            raise ViewsUnusable(
                f"{self._tables.place}: the views have rows of trial {gone}, which the log does not have: it is "
                f"another log, or was changed since; verify the log, and rebuild the views"
            )
        for trial, head in sorted(heads.items()):
            behind: dict[tuple[int, bytes], list[str]] = {}
            for name in self._live:
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
                    if one.live and one.view in self._known and one.definition == self._known[one.view].table.definition
                }
            self._live, self._at, self._refreshed = dict(numbers), {}, now
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
            views = {name: self._known[name] for name in names}
            if at == 0:
                made, units = self._maker.all_rows(views, trial, until), None
            else:
                made, units = self._maker.changed_rows(views, trial, at, until)
            names = self._moved(trial, self._live, names, before=at, after=until, made=made, units=units)
            at = until
        return head - position

    def _check_same(self, trial: str, position: int, leaf: bytes, head: int) -> None:
        """Refuse to go on with rows of another log."""
        if position > head or (position and self._maker.leaf(trial, position) != leaf):
            raise ViewsUnusable(
                f"{self._tables.place}: the views were made of position {position} of another log of trial {trial}, or "
                f"the log was changed since: verify the log, and rebuild the views"
            )

    def _moved(
        self,
        trial: str,
        numbers: Mapping[str, int],
        names: Sequence[str],
        *,
        before: int,
        after: int,
        made: Mapping[str, "list[tuple[str, tuple[object, ...]]] | Failure"],
        units: Sequence[str] | None,
    ) -> list[str]:
        """Write what was made; set aside the views that could not be made; return those that were moved."""
        leaf = self._maker.leaf(trial, after)
        good = [
            Replaced(table=self._known[name].table, generation=numbers[name], units=units, rows=rows)
            for name in names
            if not isinstance(rows := made[name], Failure)
        ]
        step = Moved(trial=trial, before=before, after=after, leaf=leaf, changes=good)
        moved = self._tables.move(step) if good else []
        self._remember(trial, numbers, moved, after, leaf)
        for name in names:
            failure = made[name]
            if isinstance(failure, Failure):
                self._set_aside(trial, numbers, name, before, failure)
        if len(moved) < len(names):
            self._at = None  # another worker has moved a view, or one was set aside: read the positions again
        return moved

    def _set_aside(self, trial: str, numbers: Mapping[str, int], name: str, before: int, failure: Failure) -> None:
        """Bring a view to the last command before the entry that it cannot take, and set it aside there."""
        view = {name: self._known[name]}
        until = max(before, self._maker.whole_before(trial, failure.position))
        units: Sequence[str] | None = ()
        rows: list[tuple[str, tuple[object, ...]]] = []
        if until > before:
            if before == 0:
                made, units = self._maker.all_rows(view, trial, until), None
            else:
                made, units = self._maker.changed_rows(view, trial, before, until)
            found = made[name]
            if isinstance(found, Failure):  # an earlier entry is to blame
                self._set_aside(trial, numbers, name, before, found)
                return
            rows = found
        elif before == 0:
            units = None
        change = Replaced(table=view[name].table, generation=numbers[name], units=units, rows=rows)
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

    def _remember(
        self, trial: str, numbers: Mapping[str, int], names: Sequence[str], position: int, leaf: bytes
    ) -> None:
        if self._at is None:
            return
        for name in names:
            self._at.setdefault(trial, {})[name] = Tracked(
                view=name, generation=numbers[name], trial=trial, position=position, leaf=leaf
            )
