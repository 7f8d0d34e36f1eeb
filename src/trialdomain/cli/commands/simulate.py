"""``trialdomain simulate``: write simulated trials into a new log."""

import argparse
import json
import time
from collections.abc import Callable

import attrs

from trialdomain.cli.output import print_lines, print_table, progress_bar
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.cli.places import NEW_LOG, new_log
from trialdomain.errors import InputInvalid
from trialdomain.exchange.toml import DesignFile, read_design
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.table import Table
from trialdomain.simulate.site import simulated_protocol, simulated_under
from trialdomain.simulate.trials import IN_BULK, MOST_PARTICIPANTS, simulate
from trialdomain.values.given.filename import named
from trialdomain.values.given.plural import n_entries, singular_or

_MOST_SEEDS, _MOST_TRIALS, _MOST_PARTICIPANTS = 2**31, 9_999, 999_999


def add_simulate(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "simulate",
        help="write simulated trials into a new log",
        description="Write simulated trials under the protocol of NCT06245746 into a new log, day by day through the "
        "public API. With --bulk, trials have no escalation design and any number of participants, and are written "
        "much faster.",
    )
    parser.add_argument("out", metavar="OUT", type=new_log, help=NEW_LOG)
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_number(least=0, most=_MOST_SEEDS),
        default=1,
        help="the seed of the first trial",
    )
    parser.add_argument(
        "--trials", metavar="N", type=whole_number(least=1, most=_MOST_TRIALS), default=1, help="the number of trials"
    )
    parser.add_argument(
        "--participants",
        metavar="N",
        type=whole_number(least=1, most=_MOST_PARTICIPANTS),
        help=f"the maximum enrolled in each trial ({MOST_PARTICIPANTS}); with --bulk, the exact number ({IN_BULK})",
    )
    parser.add_argument(
        "--design",
        metavar="FILE",
        type=named,
        help="use another design: a TOML file with levels = 5 and [design], or a whole protocol",
    )
    parser.add_argument("--bulk", action="store_true", help="write without decisions, thousands of entries at a time")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    trials: int = arguments.trials
    each: int = arguments.participants or (IN_BULK if arguments.bulk else MOST_PARTICIPANTS)
    if arguments.bulk and arguments.design is not None:
        raise InputInvalid(
            "--bulk and --design cannot be combined, because trials in bulk have no decisions: choose one"
        )
    protocol_of = simulated_protocol if arguments.design is None else _under(read_design(arguments.design))
    start = time.perf_counter()
    with progress_bar() as progress:
        written = simulate(
            arguments.out,
            seed=arguments.seed,
            trials=trials,
            participants=each,
            bulk=arguments.bulk,
            protocol_of=protocol_of,
            progress=lambda people: progress("simulating", people, trials * each),
        )
    seconds = time.perf_counter() - start
    entries = sum(trial.entries for trial in written)
    if arguments.json:
        named = [{"trial": trial.trial, "seed": trial.seed, "entries": trial.entries} for trial in written]
        print(json.dumps({"log": str(arguments.out), "entries": entries, "trials": named}))
        return 0
    rows = tuple((trial.trial, str(trial.seed), str(trial.entries)) for trial in written)
    print_table(Table(title="Simulated trials", columns=("trial", "seed", "entries"), rows=rows))
    written_in = f"written in {seconds:.1f} s ({entries / seconds:,.0f}/s)"
    are = singular_or(entries, "is", "are")
    print_lines([f"{n_entries(entries)} {are} in {arguments.out}, {written_in}"])
    return 0


def _under(file: DesignFile) -> Callable[[str], TrialProtocol]:
    """Use the protocol of the file, or the protocol of NCT06245746 with the design and the levels of the file."""
    if file.protocol is not None:
        return simulated_under(file.protocol)
    levels = tuple(DoseLevel(level=level) for level in range(1, file.levels + 1))
    return simulated_under(attrs.evolve(nct06245746(), design=file.spec, levels=levels))
