"""Benchmarks on PostgreSQL: ``bench.py --postgres``, against plain ``eventsourcing`` on the same server.

The server is the one of the tests. It runs with fsync, in the system's folder of temporary files. This library stores a
leaf, a command and the read set's check with each entry; the peer stores none of them.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter

import attrs

from measuring import Measured, alternating, timed
from plain import PlainParticipant, result
from trialdomain import Meta
from trialdomain.history import history_of
from trialdomain.storage.mapper import entries_of, stored_of
from trialdomain.storage.open_store import open_store
from trialdomain.storage.store import Sealed
from trialdomain.values.ids import participant_stream
from views import views
from writers import NOW, SIDES, a_result, plain_on

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from postgres_server import Server, running

APPENDS = 200
WRITERS = 4
DELAYED = {"commit_delay": "2000", "commit_siblings": "0"}
"""Every commit waits 2 ms for others to join it: as on a disk that is that slow."""
PEOPLE, EACH = 6, 1_000
_SAVED_AT_ONCE = 50


@contextmanager
def writers(side: str, address: str, number: int) -> Iterator[Sequence["subprocess.Popen[str]"]]:
    """Start writers, each in a trial of its own.

    They open the log one after the other: the peer changes its tables when it opens them, and fails where two do.
    """
    with ExitStack() as stack:
        found = []
        for writer in range(number):
            process = subprocess.Popen(  # noqa: S603 - this interpreter, and a script of ours
                [sys.executable, Path(__file__).with_name("writers.py"), side, address, str(writer), str(APPENDS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            found.append(stack.enter_context(process))
            answer(process)
        yield found


def answer(process: "subprocess.Popen[str]") -> None:
    """Wait for the next line of a writer."""
    if process.stdout is None or not process.stdout.readline():
        raise RuntimeError("a writer has failed")


def together(processes: Sequence["subprocess.Popen[str]"]) -> float:
    """Let writers append at once; return the seconds for one entry of all of them."""
    start = perf_counter()
    for process in processes:
        if process.stdin is not None:
            process.stdin.write("go\n")
            process.stdin.flush()
    for process in processes:
        answer(process)
    return (perf_counter() - start) / (APPENDS * len(processes))


def one_writer(server: Server) -> Measured:
    """Append with one writer."""
    acts = [SIDES[side](server.new_log(), "0", APPENDS) for side in ("OURS", "PLAIN")]
    mine, peer = alternating(*(lambda work=work: timed(work, APPENDS) for work, _ in acts))
    for _, close in acts:
        close()
    return Measured(what="append, 1 writer", ours=mine, peer=peer, against="plain", expected=1.5)


def several_writers(server: Server, *, what: str, expected: float) -> Measured:
    """Append with four writers, each in a trial of its own."""
    own, other = server.new_log(), server.new_log()
    open_store(own).close()  # the tables are there before several writers look
    plain_on(other).close()
    with writers("OURS", own, WRITERS) as mine, writers("PLAIN", other, WRITERS) as theirs:
        together(mine)
        together(theirs)
        found, peer = alternating(lambda: together(mine), lambda: together(theirs))
    return Measured(what=what, ours=found, peer=peer, against="plain", expected=expected)


def reading(server: Server) -> list[Measured]:
    """Read and decode all entries, and replay them into every projection."""
    application, store = plain_on(server.new_log()), open_store(server.new_log())
    known = []
    for number in range(PEOPLE):
        person = PlainParticipant(trial="T", subject=f"S{number:03}")
        stream = participant_stream("T", f"S{number:03}")
        for one in range(EACH):
            person.record_lab(**result(one))
            if one % _SAVED_AT_ONCE == 0:
                application.save(person)  # the peer sends all events of a save before it reads an answer
        application.save(person)
        known.append(person.id)
        meta = Meta(recorded_at=NOW, user="investigator", command="c", part=1, parts=1)
        store.append("T", [Sealed(None, [stored_of(stream, one + 1, a_result(one), meta) for one in range(EACH)])])
    size, plain_size = PEOPLE * EACH, PEOPLE * (EACH + 1)

    def read() -> None:
        for stream, rows in store.streams("T", until=size):
            for _ in entries_of(stream, rows):
                pass

    mine, peer = alternating(
        lambda: timed(read, size),
        lambda: timed(lambda: [sum(1 for _ in application.events.get(one)) for one in known], plain_size),
    )
    application.close()
    store.close()
    return [Measured(what="read and decode", ours=mine, peer=peer, against="plain", expected=2)]


def replaying(address: str) -> list[Measured]:
    """Rebuild the views of a log in PostgreSQL, and replay it, against the same log read alone."""
    found = views(address)
    store = open_store(address)
    history = history_of(store, store.trials()[0])
    on, size = history.last_day(), history.position
    replay, read = alternating(
        lambda: timed(lambda: history.answers(on=on), size),
        lambda: timed(lambda: sum(1 for _ in history.entries()), size),
    )
    store.close()
    return [
        *found,
        Measured(what="replay into all projections", ours=replay, peer=read, against="reading", expected=0.2),
    ]


def postgres() -> list[Measured]:
    """Run the benchmarks on PostgreSQL."""
    found: list[Measured] = []
    for settings, label, expected in (({}, "append, 4 writers", 2), (DELAYED, "the same, commits of 2 ms", 3)):
        with running(settings) as server:
            if server is None:
                raise SystemExit("no programs of PostgreSQL were found: install the requirements, or PostgreSQL")
            if not settings:
                found += [one_writer(server), *reading(server), *replaying(server.new_log())]
            found.append(several_writers(server, what=label, expected=expected))
    return [attrs.evolve(one, what=f"PostgreSQL: {one.what}") for one in found]
