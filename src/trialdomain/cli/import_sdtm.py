"""``trialdomain import-sdtm``: a study in SDTM files, brought into a log."""

import argparse
import json
from collections.abc import Iterator

from trialdomain.application.importing import Imported, import_sdtm
from trialdomain.cli.output import print_lines, print_table, progress_bar
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import new_log
from trialdomain.exchange.toml import read_protocol
from trialdomain.reports.json import Json
from trialdomain.reports.table import Table
from trialdomain.values.filename import named
from trialdomain.values.plural import how_many, n_entries, singular_or

_FINDINGS = 1


def add_import_sdtm(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "import-sdtm",
        help="bring a study in SDTM files into a new log",
        description="Bring a study in SDTM files (dm, ds, ex, ae, lb, vs as CSV) into a new log. Rows that have no "
        "fact are listed in LOG.unrecorded.csv, each with its reason; the exit status is then 1.",
    )
    parser.add_argument("folder", metavar="DIR", type=named, help="the folder with dm.csv, ds.csv, ...")
    parser.add_argument("log", metavar="LOG", type=new_log, help="the SQLite file to make; it must not exist")
    parser.add_argument(
        "--protocol", metavar="FILE", type=named, help="the protocol, in TOML; by default it is derived from the arms"
    )
    parser.add_argument(
        "--zone", metavar="ZONE", help="the site's zone, such as America/New_York; by default it is unknown"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    protocol = None if arguments.protocol is None else read_protocol(arguments.protocol)
    with progress_bar() as progress:
        imported = import_sdtm(
            arguments.folder, arguments.log, protocol=protocol, zone=arguments.zone, progress=progress
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
    for reason, rows in imported.reasons.items():
        yield f"Not recorded: {how_many(rows, 'row')}, {reason}"
    if imported.unrecorded is not None:
        yield f"Those rows are listed in {imported.unrecorded}"
    for file in imported.files:
        if file.columns_without_field:
            yield f"Columns of {file.file} that have no field: {', '.join(file.columns_without_field)}"
    for rule, entries in imported.deviations.items():
        many = how_many(entries, "entry breaks", "entries break")
        yield f"Deviations: {many} a rule of conduct ({rule})"
