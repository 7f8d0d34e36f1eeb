"""``trialdomain demo``: simulate, record and export a trial, and replay it from the log and the export."""

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from trialdomain.cli.output import print_lines, print_report, print_table, progress_bar
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.errors import LogCorrupt
from trialdomain.events.recorded import Recorded
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import Answers, answers_report, read_log
from trialdomain.projections.decisions import DecisionAudit
from trialdomain.reports.escalation.decision import mtd_words
from trialdomain.reports.escalation.path import path_table
from trialdomain.reports.story import observed_line, story_table
from trialdomain.simulate.trials import DEMO_SEED, MOST_PARTICIPANTS, simulated_trial
from trialdomain.tree.checkpoint import as_base64
from trialdomain.values.given.plural import how_many, n_entries, singular_or
from trialdomain.verification.verify import Verified, verify

_MOST_SEEDS = 2**31
_NEXT = (
    ("trialdomain demo --full", "the course of the trial, and every answer"),
    ("trialdomain simulate sim.db", "such a trial in a log of your own; then:"),
    ("trialdomain replay sim.db", "every answer, rebuilt from the log"),
    ("trialdomain review sim.db", "the safety review for a committee"),
    ("trialdomain history sim.db S001", "who recorded and changed what, and why"),
    ("trialdomain audit sim.db", "the findings of all checks"),
    ("the tutorial", "in the repository: a trial in Python"),
)


@attrs.frozen(kw_only=True)
class _Demonstrated:
    """The simulated trial with its answers, the audit of its decisions, and its verification."""

    trial: str
    seed: int
    on: date
    entries: Sequence[Recorded[Any]]
    answers: Answers
    decisions: Sequence[DecisionAudit]
    verified: Verified


def add_demo(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="record and replay a made-up trial",
        description="Simulate a whole trial under the protocol of NCT06245746, record it through the public API, and "
        "replay it.",
    )
    parser.add_argument(
        "--seed",
        metavar="N",
        type=whole_number(least=0, most=_MOST_SEEDS),
        default=DEMO_SEED,
        help="the seed of the simulation, for another trial",
    )
    parser.add_argument("--full", action="store_true", help="show the course of the trial and every answer about it")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    demo = _demonstrated(arguments.seed)
    print_lines(_done(demo))
    state = demo.answers.escalation
    if state is not None:
        print_table(path_table(state))
        print_lines([f"MTD: {mtd_words(state.decision.mtd)}"])
        if state.decision.because is not None:
            print_lines([f"Because: {state.decision.because.text}"])
    if arguments.full:
        root = as_base64(demo.verified.trials[0].root)
        print_lines(["", f"The root of the log is {root}.", observed_line(demo.entries), ""])
        print_table(story_table(demo.entries))
        print_report(answers_report(demo.answers), as_json=False)
    else:
        widest = max(len(command) for command, _ in _NEXT)
        print_lines(["", "Where to look next"])
        print_lines(f"  {command:{widest}}  {what}" for command, what in _NEXT)
    return 0


def _demonstrated(seed: int) -> _Demonstrated:
    with TemporaryDirectory() as folder, progress_bar() as progress:
        database, lines = Path(folder) / "trial.db", Path(folder) / "trial.jsonl"

        def enrolled(people: int) -> None:
            progress("simulating", people, MOST_PARTICIPANTS)

        with simulated_trial(f"sqlite:///{database}", seed=seed, progress=enrolled) as simulated:
            name, on = simulated.trial.trial, simulated.last_day
        with read_log(database) as log, lines.open("wb") as file:
            write_jsonl(log.reader, name, file)
            history = log[name].history()
            entries, answers = list(history.entries()), history.answers(on=on)
            decisions = list(history.decisions())
        verified = verify(database)
        with read_log(lines) as log:
            again = log[name].history().answers(on=on)
    if again != answers:
        raise LogCorrupt("the replay of the export differs from the replay of the database: report this as a bug")
    if not verified.ok:
        raise LogCorrupt("verification finds that the log was changed: report this as a bug")
    return _Demonstrated(
        trial=name, seed=seed, on=on, entries=entries, answers=answers, decisions=decisions, verified=verified
    )


def _done(demo: _Demonstrated) -> Iterator[str]:
    flow, tallies = demo.answers.flow, demo.answers.dlt_counts.tallies
    failures = how_many(flow.screen_failures, "screen failure")
    dlts = how_many(sum(tally.dlts for tally in tallies), "DLT")
    evaluable = sum(tally.evaluable for tally in tallies)
    taken, audited = sum(audit.ok for audit in demo.decisions), len(demo.decisions)
    yield f"Simulated data: a made-up trial under the protocol of {demo.trial} (seed {demo.seed})."
    yield "No real participants are in it."
    yield ""
    yield "What was done"
    yield f"  {flow.screened} screened, {failures}, {flow.overall.infused} infused; {dlts} in {evaluable} evaluable"
    yield f"  Recorded: {n_entries(len(demo.entries))} through the public API, in SQLite"
    yield f"  Replayed: from SQLite and JSONL, with equal answers for the day {demo.on}"
    yield "  Verified: nothing is wrong with the log"
    follow = singular_or(taken, "follows", "follow")
    declared = any(isinstance(entry.fact, MtdDeclared | MtdNotEstablished) for entry in demo.entries)
    which = " (the last is of the MTD)" if declared else ""
    yield f"  Audited: {taken} of {how_many(audited, 'decision')}{which} {follow} from what was known"
    yield ""
