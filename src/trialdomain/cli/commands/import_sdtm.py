"""``trialdomain import-sdtm``: a study in SDTM files, brought into a log."""

import argparse
import json
from collections.abc import Iterator

from trialdomain.cli.output import print_lines, print_table, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import new_log
from trialdomain.exchange.sdtm.study import EVENT_ID
from trialdomain.exchange.sdtm.terms import read_terms
from trialdomain.exchange.toml import read_protocol
from trialdomain.intake.sdtm import Imported, import_sdtm
from trialdomain.reports.json import Json
from trialdomain.reports.table import Table
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import how_many, n_entries, singular_or

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
    if arguments.json:
        print(json.dumps(_answer(imported)))
    else:
        print_table(_files(imported))
        print_lines(_lines(imported))
    return _FINDINGS if imported.listed else 0


def _answer(imported: Imported) -> dict[str, Json]:
    return {
        "trial": imported.trial,
        "log": str(imported.log),
        "entries": imported.entries,
        "files": [
            {"file": file.file, "read": file.read, "recorded": file.recorded, "listed": file.listed}
            for file in imported.files
        ],
        "read": imported.read,
        "recorded": imported.recorded,
        "listed": imported.listed,
        "unrecorded": None if imported.unrecorded is None else str(imported.unrecorded),
        "reasons": dict(imported.reasons),
        "words": {column: dict(words) for column, words in imported.words.items()},
        "absent": list(imported.absent),
        "arms": dict(imported.arms),
        "remarked": None if imported.remarked is None else str(imported.remarked),
        "remarks": dict(imported.remarks),
        "findings": dict(imported.findings),
        "columns_without_field": {file.file: list(file.columns_without_field) for file in imported.files},
        "deviations": dict(imported.deviations),
    }


def _files(imported: Imported) -> Table:
    return Table(
        title=f"Trial {imported.trial}: rows",
        columns=("file", "read", "recorded", "listed"),
        rows=(
            *((file.file, *map(str, (file.read, file.recorded, file.listed))) for file in imported.files),
            ("all", *map(str, (imported.read, imported.recorded, imported.listed))),
        ),
    )


def _lines(imported: Imported) -> Iterator[str]:
    are = singular_or(imported.entries, "is", "are")
    yield f"{n_entries(imported.entries)} {are} in {imported.log}"
    for arm, level in imported.arms.items():
        yield f"Arm {arm} is level {level}"
    yield from imported.absent
    for reason, rows in imported.reasons.items():
        yield f"Not recorded: {how_many(rows, 'row')}, {reason}"
    if imported.unrecorded is not None:
        yield f"Those rows are listed in {imported.unrecorded}"
    yield from _remarks(imported)
    for file in imported.files:
        if file.columns_without_field:
            yield f"Columns of {file.file} that have no field: {', '.join(file.columns_without_field)}"
    for rule, entries in imported.deviations.items():
        many = how_many(entries, "entry breaks", "entries break")
        yield f"Deviations: {many} a rule of conduct ({rule})"


def _remarks(imported: Imported) -> Iterator[str]:
    """Yield what is said of single rows and words."""
    for column, words in imported.words.items():
        shown = ", ".join(f"{word!r} ({rows})" for word, rows in words.items())
        yield f"Words of {column} without a meaning: {shown}; say what they mean with --terms"
    for finding, rows in imported.findings.items():
        yield f"Found: {how_many(rows, 'row')}, {finding}"
    for remark, rows in imported.remarks.items():
        yield f"Remarked: {how_many(rows, 'row')}, {remark}"
    if imported.remarked is not None:
        yield f"The rows with a remark or a finding are listed in {imported.remarked}"
