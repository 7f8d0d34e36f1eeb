"""``trialdomain views``: the views of a log as tables, for people with SQL, R or a spreadsheet."""

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager

from trialdomain.cli.log_address import log_named
from trialdomain.cli.output import print_lines, print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.storage.open_store import open_store
from trialdomain.values.given.plural import how_many
from trialdomain.views.status_report import views_report
from trialdomain.views.views import State, Views

_LOG = "a SQLite file, or postgresql://USER@HOST/DATABASE"
_WHERE = (
    "The tables of a SQLite log are in a file beside it, trial-views.db for trial.db; those of a log in PostgreSQL are "
    "in a schema beside it, with _views after the name of its own."
)


def add_views(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command with its subcommands to the command line."""
    parser = commands.add_parser(
        "views",
        help="keep tables of a log for SQL, R or a spreadsheet",
        description=f"Keep tables of participants, dose levels, DLTs, adverse events, endpoint values and more, made "
        f"from a log. {_WHERE} The log is only read.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser(
        "status",
        help="say how far each view has come",
        description="Say how far each view has come in each trial; the exit status is 1 if a view was set aside.",
    )
    rebuild = actions.add_parser(
        "rebuild",
        help="build views anew beside those that are being read",
        description="Build views anew from the whole log, beside those that are being read, and let the new ones take "
        "their place.",
    )
    retry = actions.add_parser(
        "retry",
        help="try again the views that were set aside",
        description="Try again the views that could not take an entry and were set aside, and bring every view up to "
        "date.",
    )
    follow = actions.add_parser(
        "follow",
        help="keep the views up to date until it is stopped",
        description="Build what was never built, and keep every view up to date, five times a second, until it is "
        "stopped (Ctrl-C). It may be killed at any time, and goes on where it was.",
    )
    for action, run in ((status, _status), (rebuild, _rebuild), (retry, _retry), (follow, _follow)):
        action.add_argument("log", metavar="LOG", type=log_named, help=_LOG)
        action.set_defaults(run=run)
    for action in (rebuild, retry):
        action.add_argument(
            "--view", metavar="NAME", action="append", default=[], help="only this view; repeat for more"
        )
    retry.add_argument("--trial", metavar="ID", help="only the views of this trial")
    follow.add_argument("--once", action="store_true", help="stop when every view is up to date")
    follow.set_defaults(json=False)
    for action in (status, rebuild, retry):
        action.add_argument("--json", action="store_true", help="answer in JSON")


def _status(arguments: argparse.Namespace) -> int:
    with _views(arguments) as views:
        return _say(arguments, views)


def _rebuild(arguments: argparse.Namespace) -> int:
    with _views(arguments) as views, progress_bar() as progress:
        views.rebuild(*arguments.view, progress=progress)
        return _say(arguments, views)


def _retry(arguments: argparse.Namespace) -> int:
    with _views(arguments) as views:
        tried = views.retry(*arguments.view, trial=arguments.trial)
        if not arguments.json:
            print_lines([f"{how_many(tried, 'view')} tried again" if tried else "no view was set aside"])
        return _say(arguments, views)


def _follow(arguments: argparse.Namespace) -> int:
    with _views(arguments) as views:
        if arguments.once:
            views.catch_up()
            return _say(arguments, views, only_if_set_aside=True)
        print_lines([f"following {arguments.log}: stop with Ctrl-C"])
        try:
            views.follow()
        except KeyboardInterrupt:
            print_lines(["stopped"])
    return 0


@contextmanager
def _views(arguments: argparse.Namespace) -> Iterator[Views]:
    with closing(open_store(arguments.log, readonly=True)) as log:
        yield Views(log)


def _say(arguments: argparse.Namespace, views: Views, *, only_if_set_aside: bool = False) -> int:
    """Print how far the views have come; return 1 if one was set aside."""
    found = views.status()
    is_set_aside = any(one.state is State.SET_ASIDE for one in found)
    if is_set_aside or not only_if_set_aside:
        print_report(views_report(arguments.log, found, tables=views.place), as_json=arguments.json)
    return int(is_set_aside)
