"""What every command that asks a log has in common: which log, which trial, which moment, which day."""

import argparse
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import cast

from trialdomain.errors import InputInvalid
from trialdomain.events.happened import happened
from trialdomain.events.participant import ParticipantFact
from trialdomain.history import History, KnownAt, Log, LoggedTrial, read_log
from trialdomain.history.moments import day_or_time
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.presets.endpoints import PRESETS, endpoint_rules
from trialdomain.values.calendar import site_day
from trialdomain.values.given.filename import named
from trialdomain.values.given.text import short
from trialdomain.values.ids import subject_of, trial_stream

DAY_OR_TIME = "a day such as 2026-03-02, or a time with its offset such as 2026-03-02T10:15+08:00"
_MOMENT = "a position, a day (its end at the site), or a time with its offset"


class TrialNotNamed(InputInvalid):
    """A log holds several trials, or not the one that was named."""

    code = "trial-not-named"


def add_log(parser: argparse.ArgumentParser) -> None:
    """Add which log, and which of its trials."""
    parser.add_argument("log", metavar="LOG", type=named, help="a SQLite file, or an exported JSONL file")
    parser.add_argument("--trial", metavar="ID", help="which trial, where the log holds more than one")


def add_moment(parser: argparse.ArgumentParser) -> None:
    """Add for which day, and as known when."""
    add_day(parser)
    add_known_at(parser)


def add_day(parser: argparse.ArgumentParser) -> None:
    """Add for which day."""
    parser.add_argument("--on", metavar="DATE", type=_day, help="the day for which windows are judged")


def add_two_moments(parser: argparse.ArgumentParser) -> None:
    """Add between which moments."""
    parser.add_argument("earlier", metavar="EARLIER", type=_moment, help=_MOMENT)
    parser.add_argument("later", metavar="LATER", type=_moment, nargs="?", help="the same; left out: now")


def add_known_at(parser: argparse.ArgumentParser) -> None:
    """Add as known when."""
    parser.add_argument("--known-at", metavar="MOMENT", type=_moment, help=f"{_MOMENT}: what was known then")


def add_variants(parser: argparse.ArgumentParser) -> None:
    """Add other definitions of the endpoints than those of the protocol."""
    parser.add_argument(
        "--with",
        dest="variants",
        metavar="NAME=VARIANT",
        action="append",
        default=[],
        type=_variant,
        help=f"a published variant instead of the protocol's definition, such as platelets=25; of {', '.join(PRESETS)}",
    )


@contextmanager
def asked(arguments: argparse.Namespace) -> Iterator[tuple[History, date]]:
    """Open the log, and give the trial as it was known, and the day: by default that of the last entry."""
    with asked_history(arguments) as history:
        yield history, arguments.on or history.last_day()


def day_lines(history: History, arguments: argparse.Namespace) -> Iterator[str]:
    """Say so where the day that was asked for lies before the first fact, or after the last entry."""
    on: date | None = arguments.on
    if on is None:
        return
    registered = next(iter(history.entries_of(trial_stream(history.trial))), None)
    last = history.last_day()
    if on > last:
        yield f"{on} lies after the last entry, of {last}: nothing was recorded since"
    elif registered is not None and on < site_day(registered.meta.recorded_at, history.zone):
        facts = (
            cast("ParticipantFact", entry.fact) for entry in history.entries() if subject_of(entry.stream) is not None
        )
        first = min((when.first for fact in facts if (when := happened(fact)) is not None), default=None)
        if first is not None and on < first:
            yield f"{on} lies before the first fact, of {first}: nothing had happened yet"


@contextmanager
def asked_history(arguments: argparse.Namespace) -> Iterator[History]:
    """Open the log, and give the trial as it was known."""
    known_at: KnownAt | None = arguments.known_at
    with read_log(arguments.log) as log:
        yield as_known(chosen_trial(log, arguments.trial, path=arguments.log), known_at)


def heading(history: History) -> str:
    """Name the trial and the position as of which it is looked at."""
    return f"Trial {history.trial}, as known at position {history.position}"


def as_known(trial: LoggedTrial, known_at: KnownAt | None) -> History:
    """Look at a trial as it was known; say so where that is not the very position that was asked for."""
    history = trial.history(known_at=known_at)
    if isinstance(known_at, int) and history.position != known_at:
        print(
            f"trialdomain: position {known_at} stands inside a command, which is known whole or not at all: this is "
            f"what was known at position {history.position}",
            file=sys.stderr,
        )
    return history


def rules_asked(arguments: argparse.Namespace, history: History, on: date) -> EndpointRules | None:
    """Give the definitions of the protocol with the variants that were asked for; None without any."""
    if not arguments.variants:
        return None
    try:
        return endpoint_rules(history.casebook(on=on).protocol.endpoints, **dict(arguments.variants))
    except ProtocolInvalid as error:
        raise InputInvalid("; ".join(error.faults)) from None


def chosen_trial(log: Log, named: str | None, *, path: Path) -> LoggedTrial:
    """Find the trial that was named, or the only one.

    Args:
        log: the open log.
        named: the trial; None for the only one.
        path: what the log was opened by, for the sentence of a refusal.

    Raises:
        TrialNotNamed: the log holds several, or not the one that was named.
    """
    trials = list(log)
    if named is None and len(trials) == 1:
        return log[trials[0]]
    if named in trials:
        return log[named]
    if not trials:
        raise TrialNotNamed(f"{path} is a log, and holds no trial yet: register one in it, or name another log")
    shown = ", ".join(trials[:20]) + (", ..." if len(trials) > 20 else "")  # noqa: PLR2004 - enough for one line
    if named is None:
        raise TrialNotNamed(f"{path} holds {shown}: name one with --trial")
    what_next = f"leave --trial out, or name {shown}" if len(trials) == 1 else f"name one of {shown}"
    raise TrialNotNamed(f"--trial {short(named)}: {path} has no such trial; {what_next}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day such as 2026-03-02, got {text[:40]!r}") from None


def listed_ids(ids: Collection[str]) -> str:
    """List the users whom a trial knows, as many as a sentence takes."""
    shown = sorted(ids)
    return ", ".join(shown[:20]) + (", ..." if len(shown) > 20 else "")  # noqa: PLR2004 - enough for one line


def moment_given(text: str) -> date | datetime | None:
    """Read a day, or a time with its offset; None of anything else."""
    found = day_or_time(text)
    return None if isinstance(found, datetime) and found.tzinfo is None else found


def _moment(text: str) -> KnownAt:
    if text.isascii() and text.isdecimal() and len(text) < 16:  # noqa: PLR2004 - as JSON's integers
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
