"""An outbox: a follower whose cursor is kept in the log itself, for messages to other systems."""

from collections.abc import Callable, Mapping
from time import sleep

import attrs

from trialdomain.commands.coercion import check_callable
from trialdomain.errors import InputInvalid, LogCorrupt
from trialdomain.events.recorded import Entry
from trialdomain.history.following import POLL_SECONDS, follow
from trialdomain.storage.store import Store
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short

_MOST_AT_ONCE = 100
"""The most entries that are sent again after a process was killed."""


@attrs.frozen
class Outbox:
    """Hands every entry of a log to a function **at least once**, in the order of its trial.

    The log keeps, for the name of the outbox, the last position of each trial that was delivered. So a new process goes
    on where the last one stopped. A process that is killed between a delivery and the next time that the cursor is
    stored delivers some entries again; so do two processes that deliver under one name. ``(entry.trial,
    entry.position)`` is the id of the message: a receiver passes over a position that is not greater than the last one
    it has seen of the trial.

    Made by :meth:`trialdomain.Trials.outbox`.
    """

    name: str
    _store: Store = attrs.field(repr=False)

    @property
    def positions(self) -> dict[str, int]:
        """By trial, the last position that was delivered."""
        return self._store.cursors(self.name)

    def deliver(
        self,
        send: Callable[[Entry], object],
        *,
        trial: str | None = None,
        wait: bool = True,
        at_once: int = _MOST_AT_ONCE,
    ) -> int:
        """Hand the entries that were not delivered yet to a function, one by one; return their number.

        An exception of the function ends the delivery. What was handed over before it is not delivered again.

        Args:
            send: takes one entry; when it returns, the entry is delivered.
            trial: deliver only this trial.
            wait: deliver what is recorded from now on as well, until the log is closed; False to stop at its end.
            at_once: store the cursor after so many entries, and when there are no more; with 1, fewest come twice.

        Raises:
            LogMoved: the log ends before a position that was delivered.
            EntryMalformed: an entry cannot be read.
            StoreClosed: the log was closed meanwhile.
        """
        check_callable(send=send)
        if not is_a(at_once, int) or isinstance(at_once, bool) or at_once < 1:
            raise InputInvalid(f"at_once is {short(at_once)}: pass a whole number from 1")
        delivered = 0
        while True:
            found = self._round(send, trial, at_once)
            delivered += found
            if not found:
                if not wait:
                    return delivered
                sleep(POLL_SECONDS)

    def _round(self, send: Callable[[Entry], object], trial: str | None, at_once: int) -> int:
        """Deliver what the log has now; return the number of entries."""
        stored = self.positions
        done, number = dict(stored), 0
        try:
            for number, entry in enumerate(follow(self._store, after=stored, trial=trial, wait=False), start=1):
                send(entry)
                done[entry.trial] = entry.position
                if number % at_once == 0:
                    self._keep(stored, done)
        finally:
            self._keep(stored, done)
        return number

    def _keep(self, stored: dict[str, int], done: Mapping[str, int]) -> None:
        """Store the cursors that have moved; where another process has moved one, its position stays."""
        for trial, position in done.items():
            before = stored.get(trial, 0)
            if position > before:
                moved = self._store.move_cursor(self.name, trial, position, before=before)
                if not moved and self.positions.get(trial, 0) == before:
                    raise LogCorrupt(
                        f"the position of outbox {self.name} in trial {trial} stays at {before}: something "
                        f"keeps it from being stored, such as a trigger; verify the log"
                    )
                stored[trial] = position
