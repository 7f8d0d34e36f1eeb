"""One writer of the benchmarks on PostgreSQL: a process that appends results one by one, each in its own commit.

``writers.py OURS|PLAIN ADDRESS WRITER COUNT``. It prints ``ready``, waits for a line, appends, and prints its seconds.
"""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from urllib.parse import parse_qs, urlsplit

from plain import PlainParticipant, PlainTrials, result
from trialdomain import LabRecorded, Meta, lab
from trialdomain.storage.mapper import stored_of
from trialdomain.storage.open_store import open_store
from trialdomain.storage.store import Command, ReadSet, Sealed
from trialdomain.values.ids import participant_stream

NOW = datetime(2026, 3, 30, 6, tzinfo=UTC)
Act = Callable[[], None]


def a_result(number: int) -> LabRecorded:
    """Make the result that the peer records under the same number."""
    given = result(number)
    return lab(
        given["analyte"],
        given["value"],
        given["unit"],
        collected_at=given["collected_at"],
        lower_limit=given["lower_limit"],
        upper_limit=given["upper_limit"],
        laboratory=given["laboratory"],
    )


def plain_on(address: str) -> PlainTrials:
    """Open the peer in the schema of an address."""
    parts = urlsplit(address)
    given = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return PlainTrials(
        env={
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": parts.path.removeprefix("/"),
            "POSTGRES_HOST": given["host"],
            "POSTGRES_PORT": "5432",
            "POSTGRES_USER": parts.username or "",
            "POSTGRES_PASSWORD": "none",
            "POSTGRES_SCHEMA": given["options"].rpartition("=")[2],
        }
    )


def ours(address: str, writer: str, count: int) -> tuple[Act, Act]:
    """Return an act that appends results, with leaf, read set and command, and one that closes the log."""
    store = open_store(address)
    trial = f"T{writer}"
    stream = participant_stream(trial, "S001")
    facts = [a_result(number) for number in range(count)]
    done = len(store.stream(stream, until=2**62))

    def work() -> None:
        nonlocal done
        for fact in facts:
            name = f"command-{done}"
            meta = Meta(recorded_at=NOW, user="investigator", command=name, part=1, parts=1)
            sealed = Sealed(Command(id=name, request=bytes(32)), [stored_of(stream, done + 1, fact, meta)])
            store.append(trial, [sealed], read=ReadSet(versions={trial: 0, stream: done}))
            done += 1

    return work, store.close


def plain(address: str, writer: str, count: int) -> tuple[Act, Act]:
    """Return the same for the peer, which has none of the three."""
    application = plain_on(address)
    person = PlainParticipant(trial=f"T{writer}", subject="S001")
    application.save(person)
    given = [result(number) for number in range(count)]

    def work() -> None:
        for arguments in given:
            person.record_lab(**arguments)
            application.save(person)

    return work, application.close


SIDES = {"OURS": ours, "PLAIN": plain}


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Append when a line comes."""
    side, address, writer, count = sys.argv[1:]
    work, close = SIDES[side](address, writer, int(count))
    tell("ready")
    for _ in sys.stdin:
        start = perf_counter()
        work()
        tell(str(perf_counter() - start))
    close()


if __name__ == "__main__":
    os.environ.pop("POSTGRES_ENABLE_DB_FUNCTIONS", None)  # off, the peer takes the lock that its readers need
    main()
