"""``trialdomain decide``: the decision of a design after a sequence of outcomes."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import attrs

from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.designs.notation import parse_outcomes, situation_of
from trialdomain.designs.registry import decide, design_of, situation_after
from trialdomain.designs.situation import Situation
from trialdomain.errors import InputInvalid
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS, DesignSpec
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.reports.escalation.decision import decision_report
from trialdomain.reports.report import Report
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.given.filename import named

_LONGEST_LINE = 65_536
_MOST_PARTICIPANTS = 9_999


def add_decide(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "decide",
        help="show the decision of 3+3 or another design after a sequence of outcomes",
        description="Show the next step, the MTD and the forecast after a sequence of outcomes.",
        epilog="OUTCOMES lists groups in the order of treatment; a group is a level and one letter for each subject: "
        "N no DLT, T DLT, P pending, X not evaluable. '1NNN 2NNT' is three subjects at level 1 and three at level 2. "
        "A group names a level by its place, from the lowest upwards; the answer names it by its label, which a whole "
        "protocol may give.",
    )
    parser.too_many = "put quotes around the sequence, as in '1NNN 2NNT'"
    parser.add_argument(
        "outcomes",
        metavar="OUTCOMES",
        help="the outcomes, such as '1NNN 2NNT'; '-' reads one sequence per line of standard input",
    )
    design = parser.add_mutually_exclusive_group(required=True)
    design.add_argument(
        "--levels", metavar="N", type=whole_number(least=1, most=MOST_LEVELS), help="the number of dose levels, for 3+3"
    )
    design.add_argument(
        "--design", metavar="FILE", type=named, help="a TOML file with levels = 5 and [design], or a whole protocol"
    )
    parser.add_argument(
        "--target",
        metavar="N",
        type=whole_number(least=0, most=_MOST_PARTICIPANTS),
        help="the target recruitment in infused participants; warns if it is too small",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON; always with '-'")
    parser.set_defaults(run=_run)


@attrs.frozen
class _Question:
    """The design and the parameters of the trial that the command line names."""

    spec: DesignSpec
    levels: int
    start_level: int | None
    of_protocol: Sequence[DoseLevel] | None
    target: int | None

    def answer(self, text: str) -> tuple[Situation, Decision]:
        labels = [level.label for level in self.of_protocol or ()]
        outcomes = parse_outcomes(text, levels=self.levels, start_level=self.start_level, labels=labels)
        situation = (
            situation_of(outcomes, levels=self.levels)
            if self.start_level is None
            else situation_after(outcomes, levels=self.levels, design=self.spec, of_protocol=self.of_protocol)
        )
        return situation, decide(situation, design=self.spec, target=self.target)

    def report(self, situation: Situation, decision: Decision) -> Report:
        return decision_report(situation.tallies, decision, forecasts=design_of(self.spec).forecasts)


def _question(arguments: argparse.Namespace) -> _Question:
    if arguments.design is None:
        return _Question(DEFAULT_DESIGN, arguments.levels, None, None, arguments.target)
    from trialdomain.exchange.toml import read_design  # noqa: PLC0415 - a slow import that only --design needs

    file = read_design(arguments.design)
    of_protocol = None if file.protocol is None else file.protocol.levels
    return _Question(file.spec, file.levels, design_of(file.spec).start_level(), of_protocol, arguments.target)


def _run(arguments: argparse.Namespace) -> int:
    question = _question(arguments)
    if arguments.outcomes == "-":
        return _answer_lines(sys.stdin.buffer, question)
    situation, decision = question.answer(arguments.outcomes)
    print_report(question.report(situation, decision), as_json=arguments.json)
    return 0


def _answer_lines(stream: BinaryIO, question: _Question) -> int:
    status = 0
    for line in _lines(stream):
        try:
            answer = question.report(*question.answer(_text(line))).json
        except InputInvalid as error:
            answer, status = {"error": str(error)}, 2
        print(json.dumps(answer), flush=True)
    return status


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each line; truncate a line that is too long to one byte over the limit."""
    while line := stream.readline(_LONGEST_LINE + 1):
        rest = line
        while len(rest) > _LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST_LINE + 1)
        yield line


def _text(line: bytes) -> str:
    if len(line) > _LONGEST_LINE:
        raise InputInvalid(f"the line is longer than {_LONGEST_LINE} bytes: give one sequence per line")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputInvalid(f"byte {error.start + 1} of the line is not UTF-8: write the sequence in ASCII") from None
