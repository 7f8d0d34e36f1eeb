"""``trialdomain decide``: what a design answers to a sequence of outcomes."""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

import attrs

from trialdomain.cli.output import print_report
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.designs.notation import parse_outcomes, situation_of
from trialdomain.designs.registry import decide, design_of, situation_after
from trialdomain.designs.situation import Situation
from trialdomain.errors import InputInvalid
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS, DesignSpec
from trialdomain.reports.decision import decision_report
from trialdomain.reports.report import Report
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.given.filename import named

_LONGEST_LINE = 65_536
_MOST_PARTICIPANTS = 9_999


def add_decide(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "decide",
        help="what 3+3, or another design, answers to a sequence of outcomes",
        description="Say what to do next, what the MTD is and what is still needed, after a sequence of outcomes.",
        epilog="OUTCOMES is a level and then one letter for each subject, group by group, in the order of treatment: "
        "N no DLT, T DLT, P pending, X not evaluable. '1NNN 2NNT' is three subjects at level 1 and three at level 2.",
    )
    parser.too_many = "put quotes around the sequence, as in '1NNN 2NNT'"
    parser.add_argument("outcomes", metavar="OUTCOMES", help="such as '1NNN 2NNT'; '-' reads one sequence per line")
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument(
        "--levels", metavar="N", type=whole_number(least=1, most=MOST_LEVELS), help="dose levels, for 3+3"
    )
    asked.add_argument(
        "--design", metavar="FILE", type=named, help="a TOML file with levels = 5 and [design], or a whole protocol"
    )
    parser.add_argument(
        "--target",
        metavar="N",
        type=whole_number(least=0, most=_MOST_PARTICIPANTS),
        help="target recruitment, in infused participants, for a warning when it cannot suffice",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON; with '-' that is always so")
    parser.set_defaults(run=_run)


@attrs.frozen
class _Asked:
    """Which design is asked, and what is said of the trial."""

    spec: DesignSpec
    levels: int
    start_level: int | None
    target: int | None

    def answer(self, text: str) -> tuple[Situation, Decision]:
        outcomes = parse_outcomes(text, levels=self.levels, start_level=self.start_level)
        situation = (
            situation_of(outcomes, levels=self.levels)
            if self.start_level is None
            else situation_after(outcomes, levels=self.levels, design=self.spec)
        )
        return situation, decide(situation, design=self.spec, target=self.target)

    def report(self, situation: Situation, decision: Decision) -> Report:
        return decision_report(situation.tallies, decision, forecasts=design_of(self.spec).forecasts)


def _asked(arguments: argparse.Namespace) -> _Asked:
    if arguments.design is None:
        return _Asked(DEFAULT_DESIGN, arguments.levels, None, arguments.target)
    from trialdomain.exchange.toml import read_design  # noqa: PLC0415 - it takes longer than all the rest

    file = read_design(arguments.design)
    return _Asked(file.spec, file.levels, design_of(file.spec).start_level(), arguments.target)


def _run(arguments: argparse.Namespace) -> int:
    asked = _asked(arguments)
    if arguments.outcomes == "-":
        return _answer_lines(sys.stdin.buffer, asked)
    situation, decision = asked.answer(arguments.outcomes)
    print_report(asked.report(situation, decision), as_json=arguments.json)
    return 0


def _answer_lines(stream: BinaryIO, asked: _Asked) -> int:
    status = 0
    for line in _lines(stream):
        try:
            answer = asked.report(*asked.answer(_text(line))).json
        except InputInvalid as error:
            answer, status = {"error": str(error)}, 2
        print(json.dumps(answer), flush=True)
    return status


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Yield each line; of one that is too long, enough to be refused."""
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
