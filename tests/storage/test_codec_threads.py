"""Threads that are the first to decode: msgspec builds what it knows of a class then, and must not be met half-way."""

import subprocess
import sys
from pathlib import Path

import pytest
from repeating import times

pytestmark = [pytest.mark.processes, pytest.mark.soak]
GOLDEN = Path(__file__).parents[1] / "golden"
# Each child of a fork has the imported modules, and has decoded nothing yet.
FORKS = """
import os, sys
from pathlib import Path
from random import Random
from threading import Barrier, Thread
from trialdomain.storage.codec import unpack

states = [(path.stem, path.read_bytes().strip()) for path in sorted(Path(sys.argv[1]).glob("*.json"))]

def decode(number, together):
    mine = Random(number).sample(states, len(states))
    mine.sort(key=lambda named: not named[0].startswith("trial."))
    together.wait()
    for name, state in mine:
        unpack(name, state)

ended = []
for round in range(int(sys.argv[2])):
    child = os.fork()
    if not child:
        sys.setswitchinterval(1e-7)
        together = Barrier(4)
        threads = [Thread(target=decode, args=(number, together)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os._exit(0)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(*ended)
"""


def test_no_thread_crashes_the_process() -> None:
    rounds = times(300, least=15)
    ran = subprocess.run(
        [sys.executable, "-c", FORKS, GOLDEN, str(rounds)], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert ran.stdout.split() == ["0"] * rounds
