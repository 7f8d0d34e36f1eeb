"""The views of a log: built, kept up to date by a follower, and rebuilt beside the ones that are being read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic, sleep

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.history.following import POLL_SECONDS
from trialdomain.storage.errors import StoreFailed
from trialdomain.storage.store import LogReader
from trialdomain.storage.view_tables import Generation, Table, Tracked, ViewTables
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.values.progress import Progress, ignore_progress
from trialdomain.values.word import Word
from trialdomain.views.follower import Follower, rebuild
from trialdomain.views.making import Maker
from trialdomain.views.standard import STANDARD_VIEWS
from trialdomain.views.table_view import BoundView, TableView

_PATIENCE_SECONDS = 60.0
"""How long a follower waits for a server that does not answer."""


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
        live, tracked = dict[str, Generation](), dict[tuple[str, int, str], Tracked]()
        if self._log.has_views():
            with self._opened(make=False) as tables:
                live = {one.view: one for one in tables.generations() if one.live}
                tracked = {(one.view, one.generation, one.trial): one for one in tables.tracked()}
        # After the positions, which another process may move: they are never ahead of the log.
        heads, maker = dict(sorted(self._log.heads().items())), Maker(self._log)
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
        return at is None or maker.has(one.trial, at.position, at.leaf, head=one.head)

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
            rebuild(self._log, tables, {name: self._views[name] for name in wanted}, progress)

    def catch_up(self) -> int:
        """Bring every view up to the end of the log; build those that were never built.

        Returns:
            The number of entries that were taken: those of the view that was furthest behind.
        """
        with self._opened(make=True) as tables:
            follower = Follower(self._log, tables, self._views)
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
                    follower = Follower(self._log, tables, self._views)
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
            Follower(self._log, tables, self._views).round()
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
