"""Scale: ``make scale`` compares a SQLite log of ten million entries with one of ten thousand, entry by entry.

The logs have participants with a thousand results each. A replay computes every answer, in a process of its own, so
that its peak memory is its own. The files are on a disk, because they do not fit into memory.
"""

import argparse
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory, gettempdir
from time import perf_counter

import attrs

from plain import PlainParticipant, opened, result
from trialdomain import Meta, Role, Trials, User, nct06245746
from trialdomain.history import read_log
from trialdomain.storage.mapper import stored_of
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command, ReadSet, Sealed
from trialdomain.values.ids import participant_stream
from writers import NOW, a_result

PROTOCOL = attrs.evolve(nct06245746(), criteria=())
USER = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
EACH = 1_000
"""The results of each participant."""
SMALL = 10_000
APPENDS = 300
ROUNDS = 5
MOST_MEMORY_MB = 300
REPLAY, APPEND = 1.15, 1.6
"""How much longer an entry may take in the large log."""


def make(path: Path, entries: int) -> None:
    """Make a log with about that many entries."""
    with Trials.open(path, clock=lambda: NOW) as trials:
        trials.register(PROTOCOL, by=USER)
    store = SQLiteStore(path)
    meta = Meta(recorded_at=NOW + timedelta(seconds=1), user=USER.id, command="c", part=1, parts=1)
    facts = [a_result(number) for number in range(EACH)]
    for number in range(entries // EACH):
        stream = participant_stream(PROTOCOL.trial, f"S{number:06}")
        sealed = Sealed(None, [stored_of(stream, at, fact, meta) for at, fact in enumerate(facts, start=1)])
        store.append(PROTOCOL.trial, [sealed])
        _say(f"writing {path.name}", (number + 1) * EACH, entries)
    store.close()


def replay(path: Path) -> tuple[float, float]:
    """Replay a log in a process of its own; return the seconds for an entry, and its peak memory in MB."""
    done = subprocess.run(  # noqa: S603 - this interpreter, and this script
        [sys.executable, __file__, "--replay", path], capture_output=True, check=True, encoding="utf-8"
    )
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def _replay(path: Path) -> None:
    from resource import RUSAGE_SELF, getrusage  # noqa: PLC0415 - Windows has none

    with read_log(path) as log:
        history = log[PROTOCOL.trial].history()
        start = perf_counter()
        history.answers(on=history.last_day())
        seconds = (perf_counter() - start) / history.position
    sys.stdout.write(f"{seconds} {getrusage(RUSAGE_SELF).ru_maxrss / 1024}\n")


def append(path: Path) -> Generator[float, None, None]:
    """Append results one by one, each in its own commit; yield the seconds for an entry, again and again."""
    store = SQLiteStore(path)
    stream = participant_stream(PROTOCOL.trial, "S-new")
    done, fact = 0, a_result(1)
    try:
        while True:
            start = perf_counter()
            for _ in range(APPENDS):
                meta = Meta(recorded_at=NOW, user=USER.id, command=f"n{done}", part=1, parts=1)
                sealed = Sealed(Command(id=f"n{done}", request=bytes(32)), [stored_of(stream, done + 1, fact, meta)])
                store.append(PROTOCOL.trial, [sealed], read=ReadSet(versions={stream: done}))
                done += 1
            yield (perf_counter() - start) / APPENDS
    finally:
        store.close()


def plain_bytes(path: Path) -> float:
    """Return the bytes on the disk for an entry of the peer, which stores the same information."""
    application = opened(str(path))
    for number in range(SMALL // EACH):
        person = PlainParticipant(trial=PROTOCOL.trial, subject=f"S{number:06}")
        for one in range(EACH):
            person.record_lab(**result(one))
        application.save(person)
    application.close()
    return path.stat().st_size / SMALL


def run(folder: Path, entries: int) -> bool:
    """Measure and print; say whether every figure is within its bound."""
    small, large = folder / "small.db", folder / "large.db"
    make(small, SMALL)
    make(large, entries)
    appending = append(small), append(large)
    both = [[next(one) for one in appending] for _ in range(ROUNDS)]
    of_small, of_large = (median(times) for times in zip(*both, strict=True))
    for one in appending:
        one.close()
    seconds = median(replay(small)[0] for _ in range(ROUNDS))
    large_seconds, memory = replay(large)
    size, peer = large.stat().st_size / entries, plain_bytes(folder / "plain.db")
    found = [
        (
            f"replay an entry of {entries:,}",
            large_seconds / seconds,
            REPLAY,
            f"x of {SMALL:,} ({seconds * 1e6:.1f} us)",
        ),
        (f"append to {entries:,}", of_large / of_small, APPEND, f"x of {SMALL:,} ({of_small * 1e6:.1f} us)"),
        ("peak memory of the replay", memory, MOST_MEMORY_MB, " MB"),
    ]
    for what, figure, most, unit in found:
        print(f"{what:34} {figure:8.2f}{unit}  (at most {most})")
    print(f"bytes for an entry on the disk     {size:8.0f}  (plain eventsourcing {peer:.0f})")
    return all(figure <= most for _, figure, most, _ in found)


def _say(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty() and done % (100 * EACH) == 0:
        sys.stderr.write(f"\r{what}: {done:,} of {total:,}")
        sys.stderr.flush()


def main() -> int:
    """Run, and exit with 1 where a figure is outside its bound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=10_000_000, help="the entries of the large log")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()), help="where there are 8 GB for 10,000,000")
    parser.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.replay is not None:
        _replay(given.replay)
        return 0
    start = datetime.now(UTC)
    with TemporaryDirectory(dir=given.folder) as folder:
        right = run(Path(folder), given.entries)
    print(f"measured in {(datetime.now(UTC) - start).seconds // 60} minutes")
    return int(not right)


if __name__ == "__main__":
    sys.exit(main())
