"""``trialdomain history``: the audit trail, with what was recorded, changed or withdrawn, by whom, when and why."""

import argparse
import re
from collections.abc import Iterator
from datetime import date, datetime
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

from trialdomain.cli.asking import DAY_OR_TIME, add_known_at, add_log, asked_history, heading, listed_ids, moment_given
from trialdomain.cli.output import print_report, progress_bar, say_written
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.cli.places import NEW_FILE
from trialdomain.errors import InputInvalid
from trialdomain.exchange.files import writing_text
from trialdomain.history import History
from trialdomain.history.moments import as_moment
from trialdomain.projections.people import People
from trialdomain.projections.trail import Asked
from trialdomain.reports.trail import trail_report, write_trail
from trialdomain.tree.proofs import LARGEST_SIZE
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import how_many
from trialdomain.values.ids import access_stream, trial_stream
from trialdomain.values.progress import counted

_NUMBER = re.compile(r"\[\d+\]")
"""An index in the path of a field."""


def add_history(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "history",
        help="show the audit trail: who recorded or changed what, when, and why",
        description="Show every entry about a subject, field by field: what it set, changed or withdrew, the user and "
        "their role, the time at the site, and the reason.",
    )
    add_log(parser)
    parser.add_argument(
        "subject",
        metavar="SUBJECT",
        nargs="?",
        help="a participant; or 'trial', 'cohort/1' or 'access'; by default everything",
    )
    add_known_at(parser)
    parser.add_argument(
        "--entry",
        metavar="N",
        type=whole_number(least=1, most=LARGEST_SIZE),
        help="show only the entry at this position",
    )
    parser.add_argument("--field", metavar="F", help="show only this field, such as grade or attributions")
    parser.add_argument("--by", metavar="USER", help="show only entries recorded by the user with this id")
    parser.add_argument(
        "--between",
        metavar=("T1", "T2"),
        nargs=2,
        type=_moment,
        help="show only entries recorded between these moments, both inclusive: days at the site, or times with their "
        "offset",
    )
    parser.add_argument("--why", metavar="WORDS", help="show only entries with these words in the reason")
    parser.add_argument("--changed", action="store_true", help="show only corrections and voids")
    parser.add_argument("--csv", metavar="FILE", type=named, help=f"write a row for each field into {NEW_FILE}")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    file: Path | None = arguments.csv
    if file is not None and arguments.json:
        raise InputInvalid("--csv and --json cannot be combined: choose one")
    with asked_history(arguments) as history:
        asked = _asked(arguments)
        _check_filters(asked, history)
        if file is None and not arguments.json:
            _show(history, arguments.subject, asked)
            return 0
        with progress_bar() as progress:
            read = counted(progress, "reading", history.position)
            trail = history.trail(arguments.subject, asked=asked, progress=read)
            if file is None:
                report = trail_report(trail, history.zone).under(
                    heading(history),
                    trial=history.trial,
                    known_at=history.position,
                    subject=arguments.subject,
                    zone=str(history.zone),
                )
                print_report(report, as_json=True)
            else:
                with writing_text(file, log=arguments.log) as opened:
                    rows = write_trail(trail, opened, history.zone)
                say_written(f"{how_many(rows, 'row')} in {file}", file)
    return 0


def _show(history: History, subject: str | None, asked: Asked) -> None:
    """Print each entry as soon as it is read, because a log may be long."""
    trail = history.trail(subject, asked=asked)
    first = next(trail, None)  # raises an error for an unknown subject before the heading is printed
    remarks = _no_such_field(history, subject, asked) if first is None else ()
    about = f"{heading(history)}: {'everything' if subject is None else subject}, in the zone {history.zone}"
    report = trail_report(chain([] if first is None else [first], trail), history.zone)
    print_report(report.under(about, *remarks), as_json=False, headed=True)


def _no_such_field(history: History, subject: str | None, asked: Asked) -> Iterator[str]:
    """Yield a remark if no entry has a field of this name, with the most similar name of a field."""
    if asked.field is None:
        return
    paths = {one.field for item in history.trail(subject) for one in item.changes}
    fields = {_NUMBER.sub("", path) for path in paths} | paths
    wanted = _NUMBER.sub("", asked.field)
    if any(path == wanted or path.startswith(f"{wanted}.") for path in fields):
        return
    near = get_close_matches(wanted, sorted({_NUMBER.sub("", path) for path in paths}), 1)
    yield f"No entry has a field {asked.field[:40]!r}" + (f"; the most similar is {near[0]}." if near else ".")


def _check_filters(asked: Asked, history: History) -> None:
    """Refuse impossible filters, because an empty answer would look as if no user had recorded anything."""
    backwards = (
        asked.since is not None
        and asked.until is not None
        and as_moment(asked.since, history.zone, begins=True) > as_moment(asked.until, history.zone)
    )
    if backwards:
        raise InputInvalid("--between: the second moment is before the first: swap them")
    if asked.position is not None and asked.position > history.position:
        raise InputInvalid(
            f"--entry {asked.position}: the log of {history.trial} has positions 1 to {history.position}: "
            f"name one of them"
        )
    if asked.by is not None:
        people = People(history.entries_of(trial_stream(history.trial)))
        refused = {entry.envelope.user for entry in history.entries_of(access_stream(history.trial))}
        if asked.by not in people.ids | refused:
            known = listed_ids(people.ids | refused)
            raise InputInvalid(f"--by {asked.by[:40]}: the trial has no user with this id: name one of {known}")


def _asked(arguments: argparse.Namespace) -> Asked:
    since, until = arguments.between or (None, None)
    return Asked(
        position=arguments.entry,
        field=arguments.field,
        by=arguments.by,
        since=since,
        until=until,
        why=arguments.why,
        changed=arguments.changed,
    )


def _moment(text: str) -> date | datetime:
    found = moment_given(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected {DAY_OR_TIME}, got {text[:40]!r}")
    return found
