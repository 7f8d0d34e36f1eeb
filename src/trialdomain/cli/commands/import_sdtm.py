"""``trialdomain import-sdtm``: import a study in SDTM files into a new log."""

import argparse

from trialdomain.cli.output import print_report, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import NEW_LOG, new_log, several_files
from trialdomain.errors import InputInvalid
from trialdomain.exchange.sdtm.study import EVENT_ID
from trialdomain.exchange.sdtm.terms import read_terms
from trialdomain.exchange.toml import read_protocol
from trialdomain.intake.report import import_report
from trialdomain.intake.sdtm import import_sdtm
from trialdomain.storage.postgres.address import PostgresAddress
from trialdomain.values.given.filename import named

_FINDINGS = 1


def add_import_sdtm(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "import-sdtm",
        help="import a study in SDTM files into a new log",
        description="Import a study in SDTM files into a new log: dm, and any of ds, ex, ae, lb and vs, each as CSV "
        "(.csv), Dataset-JSON 1.1 (.json, .ndjson) or SAS transport file version 5 (.xpt). Rows that "
        "cannot be recorded as a fact are listed in LOG.unrecorded.csv with the reason, and the exit "
        "status is 1. Values that were left out, converted or assumed, and contradictions, are listed in "
        "LOG.remarks.csv; for a log in PostgreSQL, in PREFIX.unrecorded.csv and PREFIX.remarks.csv. If the "
        "study as a whole cannot be read (no dm, no USUBJID, two studies, bytes that are not text), no log is "
        "made, and the exit status is 2.",
    )
    parser.add_argument("folder", metavar="DIR", type=named, help="the folder with dm.csv, ds.csv, ... or dm.xpt, ...")
    parser.add_argument("log", metavar="LOG", type=new_log, help=NEW_LOG)
    parser.add_argument(
        "--lists",
        metavar="PREFIX",
        type=several_files,
        help="for a log in PostgreSQL, which needs it: the beginning of the names of the lists",
    )
    parser.add_argument(
        "--protocol",
        metavar="FILE",
        type=named,
        help="the protocol as a TOML file; by default it is derived from the arms",
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="the time zone of the site, such as America/New_York; by default it is unknown"
    )
    parser.add_argument(
        "--grading",
        metavar="SCALE",
        help='the scale of the toxicity grades (AETOXGR), such as "CTCAE 4.03"; by default that of the protocol, else '
        "CTCAE 5.0",
    )
    parser.add_argument(
        "--terms",
        metavar="FILE",
        type=named,
        help="a TOML file with the meanings of the sponsor's own terms",
    )
    parser.add_argument(
        "--event-id",
        metavar="COLUMN",
        default=EVENT_ID,
        help=f"the column of ae that is equal in all lines of one event; by default {EVENT_ID}",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first row that breaks the standard, and refuse a study without a file or a column",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if isinstance(arguments.log, PostgresAddress) and arguments.lists is None:
        raise InputInvalid(
            "rows that cannot be recorded are listed in files, and a log in PostgreSQL has none beside it: name the "
            "beginning of their names with --lists"
        )
    if not isinstance(arguments.log, PostgresAddress) and arguments.lists is not None:
        raise InputInvalid("--lists is for a log in PostgreSQL; those of a file are beside it: leave --lists out")
    protocol = None if arguments.protocol is None else read_protocol(arguments.protocol)
    with progress_bar() as progress:
        imported = import_sdtm(
            arguments.folder,
            arguments.log,
            lists=arguments.lists,
            protocol=protocol,
            zone=arguments.zone,
            grading=arguments.grading,
            terms=None if arguments.terms is None else read_terms(arguments.terms),
            event_id=arguments.event_id,
            strict=arguments.strict,
            progress=progress,
        )
    print_report(import_report(imported), as_json=arguments.json)
    return _FINDINGS if imported.listed else 0
