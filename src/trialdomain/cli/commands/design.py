"""``trialdomain design``: the decision table, the MTD and the states of a design, without a trial."""

import argparse
import re
import sys
from pathlib import Path

from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.cli.places import NEW_FILE
from trialdomain.designs.registry import design_of, refuse_beyond_table, state_answer
from trialdomain.designs.selection import isotonic
from trialdomain.errors import InputInvalid
from trialdomain.exchange.decision_table import rows_to_csv
from trialdomain.exchange.files import write_text
from trialdomain.exchange.toml import DesignFile, read_design
from trialdomain.protocol.designs import MOST_IN_INTERVAL
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.reports.escalation.design import decision_table_report, mtd_report, state_report
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.filename import named

_MOST_PEOPLE = 9_999
_FILE = "a TOML file with levels = 5 and [design], or a whole protocol"
_TALLY = re.compile(r"(\d{1,4})/(\d{1,4})", re.ASCII)


class TalliesMalformed(InputInvalid):
    """The text of the tallies cannot be parsed."""

    code = "tallies-malformed"

    def __init__(self, *, at: int, given: str, why: str) -> None:
        super().__init__(f"tally {at}, {given[:20]!r}: {why}")
        self.at, self.given, self.why = at, given, why


class TableAbsent(InputInvalid):
    """The design has no decision table or no table of states."""

    code = "table-absent"

    def __init__(self, *, design: str, what: str) -> None:
        super().__init__(f"the design {design} has no {what}: ask it with 'trialdomain decide --design'")
        self.design, self.what = design, what


def add_design(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command with its subcommands to the command line."""
    parser = commands.add_parser(
        "design",
        help="show the decision table of a design, the MTD from tallies, or a state of rolling six",
        description="Show what the design in a file decides: as a decision table, or for given counts.",
    )
    questions = parser.add_subparsers(title="questions", metavar="QUESTION", required=True)
    _add_table(questions)
    _add_mtd(questions)
    _add_state(questions)


def _add_table(questions: "argparse._SubParsersAction[Parser]") -> None:
    parser = questions.add_parser(
        "table",
        help="print the decision table, as in a protocol",
        description="Print the decision at a level for each number of evaluable participants and DLTs.",
    )
    parser.add_argument("file", metavar="FILE", type=named, help=_FILE)
    parser.add_argument("--csv", metavar="OUT", type=named, help=f"write the table as CSV into {NEW_FILE}")
    parser.add_argument(
        "--max-n",
        metavar="N",
        type=whole_number(least=1, most=MOST_IN_INTERVAL),
        default=MOST_IN_INTERVAL,
        help="the largest number of evaluable participants in the table",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_table)


def _add_mtd(questions: "argparse._SubParsersAction[Parser]") -> None:
    parser = questions.add_parser(
        "mtd",
        help="select the MTD from tallies",
        description="Select the MTD from the DLTs and the evaluable participants at each level. The answer names the "
        "label of a level, which a whole protocol may give; without one the label is the place.",
    )
    parser.add_argument("file", metavar="FILE", type=named, help=_FILE)
    parser.add_argument(
        "--tallies",
        metavar="TALLIES",
        required=True,
        help="the counts DLT/evaluable of each level from the lowest upwards, such as '0/3 1/6 0/0'",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_mtd)


def _add_state(questions: "argparse._SubParsersAction[Parser]") -> None:
    parser = questions.add_parser(
        "state",
        help="show what rolling six does in one state of a level",
        description="Look up one state of a level in the table of a rolling six.",
    )
    parser.add_argument("file", metavar="FILE", type=named, help=_FILE)
    for name, what in (
        ("enrolled", "participants who hold a slot at the level and were not replaced"),
        ("dlt", "those with DLT"),
        ("pending", "those whose outcome is pending"),
    ):
        parser.add_argument(
            f"--{name}", metavar="N", required=True, type=whole_number(least=0, most=_MOST_PEOPLE), help=what
        )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_state)


def _table(arguments: argparse.Namespace) -> int:
    if arguments.csv is not None and arguments.json:
        raise InputInvalid("--csv and --json were both given: choose one")
    file = read_design(arguments.file)
    table = design_of(file.spec).table(arguments.max_n)
    if table is None:
        raise TableAbsent(design=file.spec.known_as, what="decision table")
    csv: Path | None = arguments.csv
    if csv is not None:
        write_text(csv, rows_to_csv(table.rows))
        for finding in table.findings:
            print(f"note: {finding}", file=sys.stderr)
    else:
        print_report(decision_table_report(table, file.spec.known_as), as_json=arguments.json)
    return 0


def _mtd(arguments: argparse.Namespace) -> int:
    file = read_design(arguments.file)
    tallies = _tallies(arguments.tallies, file)
    refuse_beyond_table(file.spec, tallies)
    mtd = design_of(file.spec).select(tallies, ())
    print_report(mtd_report(mtd, isotonic(tallies), tallies), as_json=arguments.json)
    return 0


def _tallies(text: str, file: DesignFile) -> list[Tally]:
    given = text.split()
    if len(given) != file.levels:
        raise InputInvalid(
            f"{len(given)} tallies for {file.levels} levels: give one for each level, 0/0 if no participant was treated"
        )
    levels = file.protocol.levels if file.protocol else [DoseLevel(level=at) for at in range(1, file.levels + 1)]
    tallies = []
    for at, (one, level) in enumerate(zip(given, levels, strict=True), start=1):
        match = _TALLY.fullmatch(one)
        if match is None:
            raise TalliesMalformed(at=at, given=one, why="expected DLT/evaluable, such as 1/6")
        dlt, evaluable = map(int, match.groups())
        if dlt > evaluable:
            raise TalliesMalformed(at=at, given=one, why="more DLTs than evaluable; the order is DLT/evaluable")
        tallies.append(Tally(level=level.label, place=at, dose=level.dose, evaluable=evaluable, dlts=dlt))
    return tallies


def _state(arguments: argparse.Namespace) -> int:
    file = read_design(arguments.file)
    answer = state_answer(file.spec, enrolled=arguments.enrolled, dlt=arguments.dlt, pending=arguments.pending)
    if answer is None:
        raise TableAbsent(design=file.spec.known_as, what="table of states")
    print_report(state_report(answer.value), as_json=arguments.json)
    return 0
