"""``trialdomain paths`` and ``trialdomain characteristics``: a design examined without a trial."""

import argparse
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import attrs

from trialdomain.cli.output import print_lines, print_report, progress_bar
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.cli.places import NEW_FILE
from trialdomain.designs.registry import design_of
from trialdomain.errors import InputInvalid
from trialdomain.exchange.files import is_standard_output, write_text, writing_text
from trialdomain.exchange.paths_csv import write_paths
from trialdomain.exchange.paths_picture import picture_of
from trialdomain.exchange.toml import DesignFile, read_design
from trialdomain.operating.characteristics import MOST_INFUSED, Scenario, characteristics_of, scenario
from trialdomain.operating.compared import AskedTrial, Compared
from trialdomain.operating.paths import Paths, paths
from trialdomain.operating.simulated import Simulated, simulated
from trialdomain.protocol.designs import DEFAULT_DESIGN, MOST_LEVELS
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.operating.characteristics import characteristics_report
from trialdomain.reports.operating.paths import paths_report
from trialdomain.values.given.filename import named
from trialdomain.values.progress import counted

_FILE = "a TOML file with levels = 5 and [design], or a whole protocol"
_MOST_TRIALS, _MOST_SEEDS = 9_999_999, 2**31
_THROUGH_THE_ENGINE = 5
"""How many simulated trials are recorded through the desk as well."""


def add_paths(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "paths",
        help="enumerate every path of a design",
        description="Enumerate every path of a design: each sequence of DLT counts of whole cohorts, and what it ends "
        "with.",
    )
    design = parser.add_mutually_exclusive_group(required=True)
    design.add_argument(
        "--levels", metavar="N", type=whole_number(least=1, most=MOST_LEVELS), help="the number of dose levels, for 3+3"
    )
    design.add_argument("--design", metavar="FILE", type=named, help=_FILE)
    parser.add_argument("--all", action="store_true", help="show every line of the tree")
    parser.add_argument(
        "--replay", action="store_true", help="compare the answer at the end of each path with that rebuilt from events"
    )
    parser.add_argument(
        "--desk",
        metavar="N",
        type=whole_number(least=1, most=_MOST_TRIALS),
        help="record N of the paths through the desk, in memory, and compare their answers",
    )
    parser.add_argument("--csv", metavar="FILE", type=named, help=f"write a row for each path into {NEW_FILE}")
    parser.add_argument(
        "--picture", metavar="FILE", type=named, help="draw the tree into a new SVG file; for 2 or 3 levels"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_paths)


def add_characteristics(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "characteristics",
        help="compute the exact operating characteristics of a design",
        description="Compute exactly how a design behaves where the true DLT rates are known: the level that it "
        "selects, the participants and the DLTs.",
    )
    parser.add_argument(
        "--true",
        metavar="RATES",
        required=True,
        help="the true DLT rate of each level from level 1, such as 0.1,0.15,0.25 or 1/10,3/20,1/4",
    )
    parser.add_argument("--design", metavar="FILE", type=named, help=f"another design than 3+3: {_FILE}")
    parser.add_argument(
        "--not-evaluable",
        metavar="P",
        default="0",
        help="the probability that an infused participant gives no outcome, and is replaced",
    )
    parser.add_argument(
        "--cap",
        metavar="N",
        type=whole_number(least=1, most=MOST_INFUSED),
        help="the most infused participants; the MTD is not established if the trial needs more",
    )
    parser.add_argument(
        "--sequential", action="store_true", help="treat one at a time, each outcome known before the next"
    )
    parser.add_argument(
        "--simulate",
        metavar="N",
        type=whole_number(least=1, most=_MOST_TRIALS),
        help="draw N trials at random beside it, with standard errors; a few also go through the whole engine",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_number(least=0, most=_MOST_SEEDS),
        default=1,
        help="the seed of the simulated trials",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_characteristics)


def _paths(arguments: argparse.Namespace) -> int:
    file = DesignFile(DEFAULT_DESIGN, arguments.levels, None)
    if arguments.design is not None:
        file = read_design(arguments.design)
    printed = [one for one in (arguments.csv, arguments.picture) if one is not None and is_standard_output(one)]
    if len(printed) + bool(arguments.json) > 1:
        raise InputInvalid("only one answer can go to standard output: name a file for the others")
    with progress_bar() as progress:
        levels = file.levels if file.protocol is None else file.protocol.levels
        found = paths(file.spec, levels, progress=progress)
    if arguments.picture is not None:
        write_text(arguments.picture, picture_of(found))
    if arguments.csv is not None:
        _write_csv(arguments.csv, found)
    compared = list(_compared_paths(found, file, replay=arguments.replay, desk=arguments.desk))
    if not printed:
        print_report(paths_report(found, every_line=arguments.all, compared=compared), as_json=arguments.json)
        if not arguments.json:
            print_lines(f"written: {one}" for one in (arguments.csv, arguments.picture) if one is not None)
    return _status(compared)


def _write_csv(path: Path, found: Paths) -> None:
    with writing_text(path) as text, progress_bar() as progress:
        write_paths(found, text, progress=counted(progress, "writing", found.number))


def _compared_paths(found: Paths, file: DesignFile, *, replay: bool, desk: int | None) -> Iterator[Compared]:
    """Compare each path by replay, and some of them, spread over all, through the desk."""
    if not replay and desk is None:
        return
    # Slow imports, which only a comparison needs.
    from trialdomain.testing.conducted import compare_at_desk, compare_by_replay, protocol_with  # noqa: PLC0415

    protocol = _protocol(file)
    with progress_bar() as progress:
        if replay:
            count = counted(progress, "replaying", found.number)
            yield compare_by_replay(map(found.asked, found), protocol=protocol, progress=count)
        if desk is not None:
            some = min(desk, found.number)
            chosen = {number * found.number // some for number in range(some)}
            asked = (found.asked(path) for number, path in enumerate(found) if number in chosen)
            count = counted(progress, "recording", some)
            yield compare_at_desk(islice(asked, some), protocol=protocol_with(protocol), progress=count)


def _protocol(file: DesignFile) -> TrialProtocol:
    """Return the protocol of the file, or the protocol of NCT06245746 with the design and the levels of the file."""
    if file.protocol is not None:
        return file.protocol
    levels = tuple(DoseLevel(level=level) for level in range(1, file.levels + 1))
    return attrs.evolve(nct06245746(), design=file.spec, levels=levels)


def _characteristics(arguments: argparse.Namespace) -> int:
    rates = [one.strip() for one in arguments.true.split(",")]
    file = DesignFile(DEFAULT_DESIGN, len(rates), None)
    if arguments.design is not None:
        file = read_design(arguments.design)
    if len(rates) != file.levels:
        raise InputInvalid(f"--true has {len(rates)} rates for {file.levels} levels: give one for each, from level 1")
    asked = scenario(
        file.spec,
        true=rates,
        not_evaluable=arguments.not_evaluable,
        cap=arguments.cap,
        sequential=arguments.sequential,
        of_protocol=None if file.protocol is None else file.protocol.levels,
    )
    one_at_a_time = None
    with progress_bar() as progress:
        found = characteristics_of(asked, progress=progress)
        if design_of(file.spec).forecasts and not asked.sequential:  # such a design may be treated one at a time
            one_at_a_time = characteristics_of(attrs.evolve(asked, sequential=True), progress=progress)
    drawn, compared = None, []
    if arguments.simulate is not None:
        drawn = _simulated(asked, trials=arguments.simulate, seed=arguments.seed)
        compared = [_through_the_engine([one.asked for one in drawn.sample], file)]
    report = characteristics_report(found, one_at_a_time=one_at_a_time, drawn=drawn, compared=compared)
    print_report(report, as_json=arguments.json)
    return _status(compared)


def _simulated(asked: Scenario, *, trials: int, seed: int) -> Simulated:
    with progress_bar() as progress:
        count = counted(progress, "simulating", trials)
        return simulated(asked, trials=trials, seed=seed, sample=_THROUGH_THE_ENGINE, progress=count)


def _through_the_engine(asked: Sequence[AskedTrial], file: DesignFile) -> Compared:
    from trialdomain.testing.conducted import compare_at_desk, protocol_with  # noqa: PLC0415 - slow, as above

    return compare_at_desk(asked, protocol=protocol_with(_protocol(file)))


def _status(compared: Sequence[Compared]) -> int:
    """Return 1, for a finding, if an answer of the engine is not that of the rule."""
    return 0 if all(one.agree for one in compared) else 1
