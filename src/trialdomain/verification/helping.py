"""A helper of a verification: the process that ``helpers.py`` starts.

It reads lines of JSON: the log, then portions. It answers each portion with the subtrees of its leaves, or with null
where it is not clean. It ends with its input: also where the verification was killed, unless a fork of it lives on.
"""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from trialdomain.values.collector import garbage_collector_paused
from trialdomain.verification.helpers import READY
from trialdomain.verification.portions import PortionsCheck, portion_of
from trialdomain.verification.source import LogSource
from trialdomain.verification.sqlite.source import sqlite_source


def main() -> None:
    """Answer each portion of the input."""
    log = json.loads(sys.stdin.buffer.readline())
    with sqlite_source(Path(log["path"])) as source, garbage_collector_paused():
        if source.elsewhere is None or list(source.elsewhere["file"]) != log["file"]:
            sys.exit("another file is at the path of the log by now")
        _answer(READY)
        _help(source)
    os._exit(0)  # the log is closed; Python would only free its memory, while the verification waits


def _help(source: LogSource) -> None:
    with ExitStack() as closing:
        trial, check = None, None
        for line in sys.stdin.buffer:
            portion = portion_of(json.loads(line))
            if check is None or portion.trial != trial:
                closing.close()  # the rows of the trial before
                trial, check = portion.trial, PortionsCheck(source, portion.trial, portion.read_from)
                closing.callback(check.close)
            clean = check.clean(portion)
            _answer(None if clean is None else clean.written())


def _answer(answer: object) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()
