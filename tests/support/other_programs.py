"""A log of one participant in a file, and changes of it by other programs."""

import os
import subprocess
import sys
from pathlib import Path

from site_desk import OPEN, day

from trialdomain import read_log
from trialdomain.desk import Desk

ANOTHER = """
import sys
from pathlib import Path
from site_desk import INVESTIGATOR, OPEN, day
from trialdomain import Trials
with Trials.open(Path(sys.argv[1])) as trials:
    trials.trial(OPEN.trial).acting(INVESTIGATOR).consent(sys.argv[2], signed_on=day(0), form_version="1")
"""


def consent(desk: Desk, subject: str) -> None:
    desk.consent(subject, signed_on=day(0), form_version="1")


READS = """
import sys
from pathlib import Path
from other_programs import subjects
from trialdomain import verify
assert verify(Path(sys.argv[1])).ok
print(*subjects(Path(sys.argv[1])))
"""


def another_program_records(path: Path, subject: str) -> None:
    """Open, record, and close, as another process."""
    _run(ANOTHER, path, subject)


def another_program_reads(path: Path) -> set[str]:
    """Say who is in the log for another process, which also finds nothing wrong with it."""
    return set(_run(READS, path).split())


def _run(script: str, *arguments: object) -> str:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        check=True,
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ).stdout


def subjects(path: Path) -> set[str]:
    """Say who is in the log."""
    with read_log(path) as log:
        streams = {entry.stream for entry in log[OPEN.trial].history().entries()}
    return {stream.rpartition("/")[2] for stream in streams if "/participant/" in stream}
