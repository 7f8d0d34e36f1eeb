"""Following a log: every entry once, in the order of its trial, from any process.

A follower has a position for each trial. Positions have no gaps, and an append makes all its entries visible at once.
So the next entry of a trial is the one after the last, or there is none yet. One number over all trials would not do: a
number that a transaction gets before its commit becomes visible in another order, and what comes late is lost.
"""

from collections.abc import Iterator, Mapping
from time import sleep

from trialdomain.errors import InputInvalid, LogCorrupt
from trialdomain.events.recorded import Entry
from trialdomain.storage.errors import LogMoved
from trialdomain.storage.mapper import entry_of
from trialdomain.storage.store import LogReader
from trialdomain.values.given.plain import is_a
from trialdomain.values.given.text import short
from trialdomain.values.ids import check_id

POLL_SECONDS = 0.2
"""How long a follower that has everything waits before it looks again."""
_AT_ONCE = 1_000
"""The most entries of one trial before the others have their turn."""


def follow(
    reader: LogReader, *, after: Mapping[str, int] | None = None, trial: str | None = None, wait: bool = True
) -> Iterator[Entry]:
    """Yield the entries of a log, each once, in the order of its trial.

    See :meth:`trialdomain.Trials.follow`.
    """
    seen = _checked(after)
    only = None if trial is None else check_id("trial", trial)
    return _entries(reader, seen, only, wait=wait)


def _checked(after: Mapping[str, int] | None) -> dict[str, int]:
    given: object = {} if after is None else after
    if not isinstance(given, Mapping):
        raise InputInvalid(f"after is {short(given)!r}: pass the last position that was seen, by trial")
    seen: dict[str, int] = {}
    for trial, position in given.items():
        if not is_a(position, int) or isinstance(position, bool) or position < 0:
            raise InputInvalid(
                f"after names position {short(position)} of trial {short(trial)}: a position is a whole number from 0"
            )
        seen[check_id("trial", trial)] = position
    return seen


def _entries(reader: LogReader, seen: dict[str, int], only: str | None, *, wait: bool) -> Iterator[Entry]:
    while True:
        found, heads = False, _heads(reader, only)
        for trial, last in seen.items():
            head = heads.get(trial, 0)
            if head < last and only in {None, trial}:
                why = f"trial {trial} ends at {head}, but this follower has seen {last}: an older copy is in its place"
                raise LogMoved(path="the log", why=why)
        for trial, head in sorted(heads.items()):
            last = seen.get(trial, 0)
            for stored in reader.in_log_order(trial, after=last, until=min(head, last + _AT_ONCE)):
                if stored.position != last + 1:
                    raise LogCorrupt(f"position {last + 1} of trial {trial} is missing: verify the log")
                entry = entry_of(stored)
                last = seen[trial] = stored.position
                found = True
                yield entry
        if not found:
            if not wait:
                return
            sleep(POLL_SECONDS)


def _heads(reader: LogReader, only: str | None) -> Mapping[str, int]:
    return reader.heads() if only is None else {only: reader.head(only)}
