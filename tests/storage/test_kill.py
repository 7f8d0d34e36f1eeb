"""Two processes append to one log and are killed at random moments: no acknowledged append is lost, or half there.

``make test`` kills 5 times, ``make soak`` 100 times.
"""

import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

import appending
import pytest
from repeating import times

from trialdomain import SigningKey, read_log, verify, write_keys


@pytest.mark.soak
@pytest.mark.processes
@pytest.mark.shows("AT-26", "K-29")
def test_whatever_was_acknowledged_is_there_whole_and_under_the_tree(tmp_path: Path) -> None:
    rounds = times(100)
    chance, path, secret = Random(29), tmp_path / "log.db", tmp_path / "w.key"  # noqa: S311 - moments, no secret
    key = SigningKey.generate("writer")
    write_keys(key, secret, tmp_path / "w.pub")
    appending.begin(str(path), secret)
    told: dict[str, tuple[int, int]] = {}
    for number in range(rounds):
        processes = [
            appending.appender(str(path), secret, subject, f"r{number}-{subject}") for subject in ("S001", "S002")
        ]
        try:
            for process in processes:  # both have recorded something
                assert process.stdout is not None
                command, first, last = process.stdout.readline().split()
                told[command] = int(first), int(last)
            with pytest.raises(subprocess.TimeoutExpired):
                processes[0].wait(chance.random() / 4)
            for process in chance.sample(processes, 2):
                process.send_signal(signal.SIGKILL)
                process.wait()
        finally:
            for process in processes:
                process.kill()
        for process in processes:
            told |= appending.acknowledged(process)
        verified = verify(path, keys=[key.verifier], heads_required=True)
        assert verified.defects == (), f"round {number}"
        with closing(sqlite3.connect(path)) as plain:
            commands = {
                one: (first, last) for one, first, last in plain.execute("SELECT command, first, last FROM commands")
            }
            [(size,)] = plain.execute("SELECT max(position) FROM entries")
        assert told.items() <= commands.items()
        assert sorted(at for first, last in commands.values() for at in range(first, last + 1)) == list(
            range(1, size + 1)
        )
    with read_log(path) as log:
        entries = list(log[appending.PROTOCOL.trial].history().entries())
    parts = Counter(entry.meta.command for entry in entries)
    assert all(parts[entry.meta.command] == entry.meta.parts for entry in entries)
    assert all(parts[command] == appending.RESULTS for command in told)
    assert len(told) >= 2 * rounds
