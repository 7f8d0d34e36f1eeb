"""Arguments that the commands on a log share: the log, the trial, the moment and the day."""

import argparse
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import cast

from trialdomain.cli.log_address import log_named
from trialdomain.errors import InputInvalid
from trialdomain.events.happened import happened
from trialdomain.events.participant import ParticipantFact
from trialdomain.history import History, KnownAt, Log, LoggedTrial, read_log
from trialdomain.history.moments import day_or_time
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.presets.endpoints import PRESETS, endpoint_rules
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.calendar import site_day
from trialdomain.values.given.text import short
from trialdomain.values.ids import subject_of, trial_stream

DAY_OR_TIME = "a day such as 2026-03-02, or a time with its offset such as 2026-03-02T10:15+08:00"
_MOST_LISTED = 20
"""The number of trials or users in an error message."""
_MOMENT = "a position, a day (its end at the site), or a time with its offset"


class TrialNotNamed(InputInvalid):
    """The command must name a trial: the log holds several, or does not hold the named one."""

    code = "trial-not-named"


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add the arguments for the log and the trial."""
    parser.add_argument(
        "log",
        metavar="LOG",
        type=log_named,
        help="a SQLite file, an exported JSONL file, or postgresql://USER@HOST/DATABASE",
    )
    parser.add_argument("--trial", metavar="ID", help="the trial, if the log holds more than one")


def add_moment(parser: argparse.ArgumentParser) -> None:
    """Add the options for the day of judgement and the known moment."""
    add_day(parser)
    add_known_at(parser)


def add_day(parser: argparse.ArgumentParser) -> None:
    """Add the option for the day of judgement."""
    parser.add_argument("--on", metavar="DATE", type=_day, help="the day for which windows are judged")


def add_two_moments(parser: argparse.ArgumentParser) -> None:
    """Add the two moments of a comparison."""
    parser.add_argument("earlier", metavar="EARLIER", type=_moment, help=_MOMENT)
    parser.add_argument(
        "later", metavar="LATER", type=_moment, nargs="?", help="the later moment, in the same form; by default now"
    )


def add_known_at(parser: argparse.ArgumentParser) -> None:
    """Add the option for the known moment."""
    parser.add_argument(
        "--known-at", metavar="MOMENT", type=_moment, help=f"answer with what was known at this moment: {_MOMENT}"
    )


def add_variants(parser: argparse.ArgumentParser) -> None:
    """Add the option for published variants of the endpoint definitions."""
    parser.add_argument(
        "--with",
        dest="variants",
        metavar="NAME=VARIANT",
        action="append",
        default=[],
        type=_variant,
        help=f"use a published variant instead of the definition of the protocol, such as platelets=25; "
        f"NAME is one of {', '.join(PRESETS)}",
    )


@contextmanager
def asked(arguments: argparse.Namespace) -> Iterator[tuple[History, date]]:
    """Open the log; yield the trial as known at the moment, and the day of judgement.

    The default day is the day of the last entry.
    """
    with asked_history(arguments) as history:
        yield history, arguments.on or history.last_day()


def day_lines(history: History, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield a remark if the day of judgement is before the first fact or after the last entry."""
    on: date | None = arguments.on
    if on is None:
        return
    registered = next(iter(history.entries_of(trial_stream(history.trial))), None)
    last = history.last_day()
    if on > last:
        yield f"{on} is after the day of the last entry, {last}: the log has no data for the days between"
    elif registered is not None and on < site_day(registered.meta.recorded_at, history.zone):
        facts = (
            cast("ParticipantFact", entry.fact) for entry in history.entries() if subject_of(entry.stream) is not None
        )
        first = min((when.first for fact in facts if (when := happened(fact)) is not None), default=None)
        if first is not None and on < first:
            yield f"{on} is before the day of the first fact, {first}: the trial has no data up to that day"


@contextmanager
def asked_history(arguments: argparse.Namespace) -> Iterator[History]:
    """Open the log; yield the trial as known at the moment."""
    known_at: KnownAt | None = arguments.known_at
    with read_log(arguments.log) as log:
        yield as_known(chosen_trial(log, arguments.trial, path=arguments.log), known_at)


def heading(history: History) -> str:
    """Return a heading with the trial and its last known position."""
    return f"Trial {history.trial}, as known at position {history.position}"


def as_known(trial: LoggedTrial, known_at: KnownAt | None) -> History:
    """Return the trial as known at a moment; print a message if the position differs from the requested one."""
    history = trial.history(known_at=known_at)
    if isinstance(known_at, int) and history.position != known_at:
        print(
            f"trialdomain: position {known_at} is inside a command, and a command is recorded as a whole: this is "
            f"what was known at position {history.position}, before the command",
            file=sys.stderr,
        )
    return history


def rules_asked(arguments: argparse.Namespace, history: History, on: date) -> EndpointRules | None:
    """Return the endpoint definitions of the protocol with the requested variants; None if there are no variants."""
    if not arguments.variants:
        return None
    try:
        return endpoint_rules(history.casebook(on=on).protocol.endpoints, **dict(arguments.variants))
    except ProtocolInvalid as error:
        raise InputInvalid("; ".join(error.faults)) from None


def chosen_trial(log: Log, named: str | None, *, path: Path | PostgresAddress) -> LoggedTrial:
    """Find the named trial, or the only trial of the log.

    Args:
        log: the open log.
        named: the code of the trial; None for the only trial.
        path: the path or the address of the log, for error messages.

    Raises:
        TrialNotNamed: the log holds several trials, or does not hold the named one.
    """
    trials = list(log)
    if named is None and len(trials) == 1:
        return log[trials[0]]
    if named in trials:
        return log[named]
    if not trials:
        raise TrialNotNamed(f"{path} is a log without a trial: register a trial in it, or name another log")
    codes = _listed(trials)
    if named is None:
        raise TrialNotNamed(f"{path} holds the trials {codes}: name one with --trial")
    what_next = f"leave --trial out, or name {codes}" if len(trials) == 1 else f"name one of {codes}"
    raise TrialNotNamed(f"--trial {short(named)}: {path} has no such trial; {what_next}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day such as 2026-03-02, got {text[:40]!r}") from None


def listed_ids(ids: Collection[str]) -> str:
    """List the ids of the users of a trial, at most 20, for an error message."""
    return _listed(sorted(ids))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")


def moment_given(text: str) -> date | datetime | None:
    """Parse a day or a time with its offset; return None for any other text."""
    found = day_or_time(text)
    return None if isinstance(found, datetime) and found.tzinfo is None else found


def _moment(text: str) -> KnownAt:
    if text.isascii() and text.isdecimal() and len(text) < 16:  # noqa: PLR2004 - the digits of the largest JSON integer
        return int(text)
    found = moment_given(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a position, {DAY_OR_TIME}, got {text[:40]!r}")
    return found


def _variant(text: str) -> tuple[str, str]:
    name, equals, variant = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VARIANT such as platelets=25, got {text[:40]!r}")
    return name.strip().replace("-", "_"), variant.strip()
