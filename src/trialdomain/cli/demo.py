"""``trialdomain demo``: a made-up trial, recorded, exported, and replayed from both."""

import argparse
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from trialdomain.cli.output import print_lines, print_table
from trialdomain.cli.parser import Parser
from trialdomain.errors import LogCorrupt
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import read_log
from trialdomain.reports.escalation import escalation_lines, escalation_tables
from trialdomain.simulate import simulated_trial

_FIRST_DAY = date(2026, 3, 2)


def add_demo(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "demo", help="record and replay a made-up trial", description="Record a made-up trial, and replay it."
    )
    parser.set_defaults(run=_run)


def _run(_: argparse.Namespace) -> int:
    with TemporaryDirectory() as folder:
        database, lines = Path(folder) / "trial.db", Path(folder) / "trial.jsonl"
        with simulated_trial(f"sqlite:///{database}", first=_FIRST_DAY) as (trial, on):
            name = trial.trial
        with read_log(database) as log, lines.open("wb") as file:
            size = write_jsonl(log.recorder, name, file)
            state = log[name].history().escalation(on=on)
        with read_log(lines) as log:
            again = log[name].history().escalation(on=on)
    if state is None or again != state:
        raise LogCorrupt("the replay of the export differs from the replay of the database: report this as a bug")
    print(f"Simulated data: {name}, {size} entries, replayed from SQLite and from its JSONL export with equal answers.")
    print(f"Windows judged for {on}.")
    for table in escalation_tables(state):
        print_table(table)
    print_lines(escalation_lines(state))
    return 0
