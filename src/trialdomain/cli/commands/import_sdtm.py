"""``trialdomain import-sdtm``: a study in SDTM files, brought into a log."""

import argparse

from trialdomain.cli.output import print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import new_log
from trialdomain.exchange.sdtm.study import EVENT_ID
from trialdomain.exchange.sdtm.terms import read_terms
from trialdomain.exchange.toml import read_protocol
from trialdomain.intake.report import import_report
from trialdomain.intake.sdtm import import_sdtm
from trialdomain.values.given.filename import named

_FINDINGS = 1


def add_import_sdtm(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "import-sdtm",
        help="bring a study in SDTM files into a new log",
        description="Bring a study in SDTM files into a new log: dm, and as many as there are of ds, ex, ae, lb and "
        "vs, each as CSV (.csv), Dataset-JSON 1.1 (.json, .ndjson) or SAS transport file version 5 (.xpt). A row that "
        "no fact can hold is listed in LOG.unrecorded.csv with its reason, and the exit status is 1; what was left "
        "out, converted or assumed, and what contradicts itself, stands in LOG.remarks.csv. The exit status is 2, and "
        "nothing is made, where the study as a whole cannot be read: no dm, no USUBJID, two studies, bytes that are no "
        "text.",
    )
    parser.add_argument("folder", metavar="DIR", type=named, help="the folder with dm.csv, ds.csv, ... or dm.xpt, ...")
    parser.add_argument("log", metavar="LOG", type=new_log, help="the SQLite file to make; it must not exist")
    parser.add_argument(
        "--protocol", metavar="FILE", type=named, help="the protocol, in TOML; by default it is derived from the arms"
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="the site's zone, such as America/New_York; by default it is unknown"
    )
    parser.add_argument(
        "--terms",
        metavar="FILE",
        type=named,
        help="what the sponsor's own words mean, in TOML",
    )
    parser.add_argument(
        "--event-id",
        metavar="COLUMN",
        default=EVENT_ID,
        help=f"the column of ae that joins the lines of one event; by default {EVENT_ID}",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse the first row that breaks the standard, and a study that lacks a file or a column",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    protocol = None if arguments.protocol is None else read_protocol(arguments.protocol)
    with progress_bar() as progress:
        imported = import_sdtm(
            arguments.folder,
            arguments.log,
            protocol=protocol,
            zone=arguments.zone,
            terms=None if arguments.terms is None else read_terms(arguments.terms),
            event_id=arguments.event_id,
            strict=arguments.strict,
            progress=progress,
        )
    print_report(import_report(imported), as_json=arguments.json)
    return _FINDINGS if imported.listed else 0
