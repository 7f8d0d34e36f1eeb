"""``trialdomain history``: what was recorded, changed and withdrawn, by whom, when, and why."""

import argparse
import json
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path

from trialdomain.cli.asking import add_known_at, add_log, asked_history
from trialdomain.cli.output import print_lines, print_table, progress_bar, require_tables
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.errors import InputInvalid
from trialdomain.history import History
from trialdomain.projections.people import People
from trialdomain.projections.trail import Asked
from trialdomain.reports.trail import trail_json, trail_table, write_trail
from trialdomain.tree.proofs import LARGEST_SIZE
from trialdomain.values.calendar import as_day
from trialdomain.values.filename import named
from trialdomain.values.ids import access_stream, trial_stream
from trialdomain.values.progress import counted


def add_history(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "history",
        help="show who recorded and changed what, when, and why",
        description="Show every entry about somebody, field by field: what it set, changed or withdrew, who did it and "
        "as what, when in UTC and at the site, and why.",
    )
    add_log(parser)
    parser.add_argument(
        "subject",
        metavar="SUBJECT",
        nargs="?",
        help="a participant; or 'trial', 'cohort/1' or 'access'; left out: everything",
    )
    add_known_at(parser)
    parser.add_argument(
        "--entry", metavar="N", type=whole_number(least=1, most=LARGEST_SIZE), help="the entry at this position alone"
    )
    parser.add_argument("--field", metavar="F", help="this field alone, such as grade or attributions")
    parser.add_argument("--by", metavar="USER", help="what this user recorded, by id")
    parser.add_argument(
        "--between",
        metavar=("T1", "T2"),
        nargs=2,
        type=_moment,
        help="recorded then, both inclusive: days at the site, or times with their offset",
    )
    parser.add_argument("--why", metavar="WORDS", help="where these words stand in the reason")
    parser.add_argument("--csv", metavar="FILE", type=named, help="write a row for each field into a new file")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    file: Path | None = arguments.csv
    if file is not None and arguments.json:
        raise InputInvalid("--csv and --json were both asked for: choose one")
    if file is None and not arguments.json:
        require_tables()
    with asked_history(arguments) as history, progress_bar() as progress:
        zone = history.zone
        asked = _asked(arguments, zone)
        _require_askable(asked, history)
        trail = history.trail(arguments.subject, asked=asked, progress=counted(progress, "reading", history.position))
        if file is not None:
            try:
                with file.open("x", encoding="utf-8", newline="") as opened:
                    rows = write_trail(trail, opened, zone)
            except OSError as error:
                raise InputInvalid(f"{file} cannot be written: {error.strerror}: name another") from None
            print(f"{rows} rows in {file}")
            return 0
        if arguments.json:
            entries = [trail_json(told, zone) for told in trail]
            answer = {"trial": history.trial, "known_at": history.position, "subject": arguments.subject}
            print(json.dumps({**answer, "zone": str(zone), "entries": entries}))
            return 0
        told = list(trail)
        of = "everything" if arguments.subject is None else arguments.subject
        print(f"Trial {history.trial}, as known at position {history.position}: {of}, in the zone {zone}")
        if told:
            print_table(trail_table(told, zone, title=f"{len(told)} entries"))
        else:
            print_lines(["No entry is as asked for."])
    return 0


def _require_askable(asked: Asked, history: History) -> None:
    """Refuse to look for what the trial cannot have: an answer without entries would read as if nobody had acted."""
    if asked.since is not None and asked.until is not None and asked.since > asked.until:
        raise InputInvalid("--between: the second is before the first; exchange them")
    if asked.position is not None and asked.position > history.position:
        raise InputInvalid(
            f"--entry {asked.position}: the log of {history.trial} has positions 1 to {history.position}"
        )
    if asked.by is not None:
        people = People(history.entries_of(trial_stream(history.trial)))
        refused = {entry.envelope.user for entry in history.entries_of(access_stream(history.trial))}
        if asked.by not in people.ids | refused:
            known = ", ".join(sorted(people.ids | refused)[:20])
            raise InputInvalid(f"--by {asked.by[:40]}: the trial knows no user of that id; there are {known}")


def _asked(arguments: argparse.Namespace, zone: tzinfo) -> Asked:
    since, until = arguments.between or (None, None)
    return Asked(
        position=arguments.entry,
        field=arguments.field,
        by=arguments.by,
        since=_begin(since, zone),
        until=_end(until, zone),
        why=arguments.why,
    )


def _begin(moment: date | datetime | None, zone: tzinfo) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime.combine(as_day(moment), time(), tzinfo=zone).astimezone(UTC)


def _end(moment: date | datetime | None, zone: tzinfo) -> datetime | None:
    """Give the last moment of a day, or a moment as it is."""
    if moment is None or isinstance(moment, datetime):
        return moment
    following = datetime.combine(as_day(moment) + timedelta(days=1), time(), tzinfo=zone)
    return following.astimezone(UTC) - timedelta(microseconds=1)


def _moment(text: str) -> date | datetime:
    try:
        if len(text) <= len("2026-03-02"):
            return date.fromisoformat(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-03-02, or a time such as 2026-03-02T10:15+08:00, got {text[:40]!r}"
        )
    return found
