"""``trialdomain demo``: a whole made-up trial, recorded, exported, and replayed from both."""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from trialdomain.audit.verify import verify
from trialdomain.cli.answers import print_answers
from trialdomain.cli.output import print_table, progress_bar, require_tables
from trialdomain.cli.parser import Parser, whole_number
from trialdomain.errors import LogCorrupt
from trialdomain.exchange.jsonl import write_jsonl
from trialdomain.history import read_log
from trialdomain.reports.story import observed_line, story_table
from trialdomain.simulate.trials import DEMO_SEED, MOST_PARTICIPANTS, simulated_trial
from trialdomain.tree.checkpoint import as_base64

_MOST_SEEDS = 2**31


def add_demo(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="record and replay a made-up trial",
        description="Simulate a whole NCT06245746 trial, record it through the public API, and replay it.",
    )
    parser.add_argument(
        "--seed", metavar="N", type=whole_number(least=0, most=_MOST_SEEDS), default=DEMO_SEED, help="another trial"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    require_tables()
    seed: int = arguments.seed
    with TemporaryDirectory() as folder, progress_bar() as progress:
        database, lines = Path(folder) / "trial.db", Path(folder) / "trial.jsonl"
        address = f"sqlite:///{database}"

        def enrolled(people: int) -> None:
            progress("simulating", people, MOST_PARTICIPANTS)

        with simulated_trial(address, seed=seed, progress=enrolled) as simulated:
            name, on = simulated.trial.trial, simulated.last_day
        with read_log(database) as log, lines.open("wb") as file:
            size = write_jsonl(log.recorder, name, file)
            history = log[name].history()
            story, observed = story_table(history.entries()), observed_line(history.entries())
            answers = history.answers(on=on)
            decisions = list(history.decisions())
        verified = verify(database)
        with read_log(lines) as log:
            again = log[name].history().answers(on=on)
    if again != answers:
        raise LogCorrupt("the replay of the export differs from the replay of the database: report this as a bug")
    if not verified.ok:
        raise LogCorrupt("verification finds that the log was changed: report this as a bug")
    print(f"Simulated data: a made-up trial under the protocol of {name} (seed {seed}); nobody in it is a person.")
    print(f"{size} entries, recorded through the public API into SQLite, replayed from there and from the JSONL export")
    print(f"with equal answers. Windows judged for {on}.")
    taken = sum(audit.ok for audit in decisions)
    print(f"Verified: nothing is wrong with the log, its root is {as_base64(verified.trials[0].root)}.")
    print(f"Audited: of {len(decisions)} decisions {taken} follow from what was known, and would be taken today.")
    print(observed)
    print_table(story)
    print_answers(answers)
    return 0
