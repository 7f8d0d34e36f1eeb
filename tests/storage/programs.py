"""The programs of other processes; tests start them by name, and send each a path on its standard input."""

import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from eventsourcing.persistence import StoredEvent

from trialdomain.storage.errors import StoreFailed, StreamMoved
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command, ReadSet, Sealed

NOBODY = 65534
APPENDS = 50
OPEN: list[SQLiteStore] = []


def say(text: object) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def events(stream: str, *versions: int, state: bytes = b"{}") -> list[StoredEvent]:
    return [StoredEvent(stream, version, "fact.v1", state) for version in versions]


def command(number: int) -> Command:
    return Command(id=f"{os.getpid()}-{number}", request=sha256(str(number).encode()).digest())


def version(log: SQLiteStore, stream: str) -> int:
    return len(log.select_events(stream))


def open_and_append(path: Path) -> str:
    """Open, append one entry, close."""
    log = SQLiteStore(path)
    log.insert_events(events(f"T1/participant/{os.getpid()}", version(log, f"T1/participant/{os.getpid()}") + 1))
    log.close()
    return "appended"


def append_and_stay(path: Path) -> str:
    """Open, append one entry, and stay open."""
    log = SQLiteStore(path)
    OPEN.append(log)
    log.insert_events(events("T1", version(log, "T1") + 1))
    return "open"


def append_and_die(path: Path) -> str:
    """Append a command of three entries, so large that the file must grow, and be gone."""
    log = SQLiteStore(path)
    large = events("T1", 1, 2, 3, state=b"x" * 10_000)
    say(list(log.append("T1", [Sealed(command(1), large)], read=ReadSet(versions={"T1": 0})).positions))
    os._exit(9)


def append_until_killed(path: Path) -> str:
    """Append commands of three entries without end; say each last position once it is acknowledged."""
    log = SQLiteStore(path)
    for number in count():
        first = 3 * number + 1
        say(
            log.append(
                "T1", [Sealed(command(number), events("T1", first, first + 1, first + 2))], read=ReadSet(versions={})
            ).positions[-1]
        )
    raise AssertionError("unreachable")


def contend(path: Path) -> str:
    """Append many pairs to a stream of all processes and one of this alone, each decided on what was read."""
    log = SQLiteStore(path)
    shared, own, moved = "T1/cohort/1", f"T1/participant/{os.getpid()}", 0
    for number in range(1, APPENDS + 1):
        while True:
            read = version(log, shared)
            pair = [*events(shared, read + 1), *events(own, number)]
            try:
                log.append(
                    "T1", [Sealed(command(number), pair)], read=ReadSet(versions={shared: read, own: number - 1})
                )
            except StreamMoved:
                moved += 1
            else:
                break
    log.close()
    return f"{own} {moved}"


def fill_the_disk(path: Path) -> str:
    """Append under a limit on the size of files until it fails; raise the limit, and append again."""
    log = SQLiteStore(path)
    big, attempted = b"x" * 100_000, 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    with suppress(StoreFailed):
        while True:
            attempted += 1
            log.insert_events(events("T1", attempted, state=big))
    kept = log.head("T1")
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.insert_events(events("T1", kept + 1, state=big))
    log.close()
    return f"{attempted} {kept} {log_again(path)}"


def become_nobody() -> None:
    """Give up the rights of root, once all is imported: the interpreter may stand where nobody else may read."""
    if os.geteuid() != 0:
        return
    with TemporaryDirectory() as folder:
        own = Path(folder) / "log.db"
        for readonly in (False, True):
            log = SQLiteStore(own, readonly=readonly)
            if not readonly:
                log.insert_events(events("T1", 1))
            assert [len(rows) for _, rows in log.streams("T1", until=1)] == [1]
            log.close()
    os.seteuid(NOBODY)


def read_without_rights(path: Path) -> str:
    """Read as somebody who may write neither the file nor its folder; the second time, read on."""
    become_nobody()
    try:
        if not OPEN:
            OPEN.append(SQLiteStore(path, readonly=True))
        return f"{OPEN[0].head('T1')} {sum(len(rows) for _, rows in OPEN[0].streams('T1', until=100))}"
    except Exception as error:  # noqa: BLE001 - the test sees what it was
        return f"{type(error).__name__}: {error}"


def write_without_rights(path: Path) -> str:
    """Open for writing as somebody who may write neither the file nor its folder."""
    become_nobody()
    try:
        SQLiteStore(path)
    except Exception as error:  # noqa: BLE001 - the test sees what it was
        return f"{type(error).__name__}: {error}"
    return "opened"


def log_again(path: Path) -> int:
    log = SQLiteStore(path, readonly=True)
    head = log.head("T1")
    log.close()
    return head


def main() -> None:
    program: Callable[[Path], str] = globals()[sys.argv[1].replace("-", "_")]
    sys.stdin.readline()
    say("ready")
    for line in sys.stdin:
        say(program(Path(line.rstrip("\n"))))


if __name__ == "__main__":
    main()
