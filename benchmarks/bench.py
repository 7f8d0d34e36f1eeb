"""Benchmarks of this library as ratios measured in one run: ``make bench``.

The peers are plain ``eventsourcing`` with the same information (``plain.py``), and a lower limit. The limit is a scan
of the SQLite table that decodes the same classes and does nothing else. The rounds of the peers alternate, so that
load on the machine affects all of them; the median round of each counts.
"""

import argparse
import json
import sqlite3
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from uuid import UUID

import attrs

from auditing import audit, audit_decisions
from commands import commands
from measuring import ROUNDS, Measured, alternating, timed
from parts import parts
from plain import PlainParticipant, PlainTrials, opened, result
from trialdomain import Desk, HeadKey, Meta, Role, SigningKey, TrialHandle, Trials, User, nct06245746
from trialdomain.commands.snapshot import Snapshot
from trialdomain.history import history_of
from trialdomain.storage.codec import state_decoder
from trialdomain.storage.mapper import stored_of
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Command, ReadSet, Sealed
from trialdomain.values.ids import participant_stream
from views import views
from writers import a_result

PROTOCOL = attrs.evolve(nct06245746(), criteria=())
USER = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
NOW = datetime(2026, 3, 30, 6, tzinfo=UTC)
DAY = date(2026, 3, 2)
OF_A_BENCHMARK = "more people than a level takes, all with outcomes to derive"
APPENDS = 200
USES = 100
PEOPLE, EACH = 12, 1_000
_MEMORY = Path("/dev/shm")  # noqa: S108 - the benchmark makes its own folder in it
_WHERE = _MEMORY if _MEMORY.is_dir() else Path(gettempdir())
"""A folder in memory, if there is one: the time of disk writes is the same for all peers and hides the differences."""


class Bench:
    """Two stores with the same content, and the measurements on them."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ours.db"
        self.trials = Trials.open(f"sqlite:///{self.path}", clock=lambda: NOW)
        self.trial: TrialHandle = self.trials.register(PROTOCOL, by=USER)
        self.desk: Desk = self.trial.acting(USER)
        self.recorder = SQLiteStore(self.path)
        self.signing = SQLiteStore(folder / "signed.db", signer=HeadKey(SigningKey.generate("benchmark/writer")))
        self.plain: PlainTrials = opened(str(folder / "plain.db"))
        self.number = 0

    def close(self) -> None:
        """Close all stores."""
        self.recorder.close()
        self.signing.close()
        self.trials.close()
        self.plain.close()

    def person(self, subject: str, events: int) -> UUID:
        """Record a participant with a number of results in the window of the endpoints, in both stores."""
        self.desk.consent(subject, signed_on=DAY, form_version="1")
        self.desk.screen(subject, on=DAY)
        self.desk.start_chemotherapy(subject, on=DAY, regimen="cytarabine")
        self.desk.infuse(subject, level=1, started_at=DAY, deviation=OF_A_BENCHMARK)
        self.desk.record_labs(subject, [a_result(number) for number in range(events)])
        person = PlainParticipant(trial=PROTOCOL.trial, subject=subject)
        for number in range(events):
            person.record_lab(**result(number))
        self.plain.save(person)
        return person.id

    def append(self) -> list[Measured]:
        """Append entries one by one, each in its own commit; this library also stores leaf, read set and command.

        The second measurement also signs the head of the tree in every commit.
        """
        stream, trial = participant_stream("A", "S001"), "A"
        person = PlainParticipant(trial=trial, subject="S001")
        self.plain.save(person)

        def ours(recorder: SQLiteStore) -> float:
            done = len(recorder.stream(stream, until=2**62))
            facts = [a_result(number) for number in range(APPENDS)]

            def work() -> None:
                for number, fact in enumerate(facts, start=done):
                    name = f"command-{number}"
                    meta = Meta(recorded_at=NOW, user=USER.id, command=name, part=1, parts=1)
                    stored = stored_of(stream, number + 1, fact, meta)
                    command = Command(id=name, request=bytes(32))
                    recorder.append(
                        trial, [Sealed(command, [stored])], read=ReadSet(versions={trial: 0, stream: number})
                    )

            return timed(work, APPENDS)

        def plain() -> float:
            given = [result(number) for number in range(APPENDS)]

            def work() -> None:
                for arguments in given:
                    person.record_lab(**arguments)
                    self.plain.save(person)

            return timed(work, APPENDS)

        mine, signed, peer = alternating(lambda: ours(self.recorder), lambda: ours(self.signing), plain)
        return [
            Measured(what="append one entry", ours=mine, peer=peer, against="plain", expected=1.2),
            Measured(what="append and sign the head", ours=signed, peer=peer, against="plain", expected=0.6),
        ]

    def use_case(self) -> Measured:
        """Record one more result of a participant with 100 entries."""
        ids = {f"U{number:03}": self.person(f"U{number:03}", 100) for number in range(ROUNDS)}
        subjects, others = iter(ids), iter(ids.values())

        def ours() -> float:
            subject = next(subjects)
            facts = [[a_result(1_000 + number)] for number in range(USES)]
            return timed(lambda: [self.desk.record_labs(subject, one) for one in facts], USES)

        def plain() -> float:
            known, given = next(others), [result(1_000 + number) for number in range(USES)]

            def work() -> None:
                for arguments in given:
                    person: PlainParticipant = self.plain.repository.get(known)
                    person.record_lab(**arguments)
                    self.plain.save(person)

            return timed(work, USES)

        mine, peer = alternating(ours, plain)
        return Measured(what="use case on 100 entries", ours=mine, peer=peer, against="plain", expected=4)

    def load(self, known: UUID) -> Measured:
        """Load a participant with 1,000 entries; this library also loads the state of the trial."""
        mine, peer = alternating(
            lambda: timed(lambda: Snapshot(PROTOCOL.trial, self.recorder).participant("S000")),
            lambda: timed(lambda: self.plain.repository.get(known)),
        )
        return Measured(what="load 1,000 entries", ours=mine, peer=peer, against="plain", expected=6)

    def reading(self, known: Sequence[UUID]) -> list[Measured]:
        """Read all entries, and replay them into every projection."""
        head = self.recorder.head(PROTOCOL.trial)
        history = history_of(self.recorder, PROTOCOL.trial)
        values = [value for of_one in history.endpoints(on=NOW.date()).found.values.values() for value in of_one]
        if not any(value.value is True and value.evidence for value in values):
            raise AssertionError("no participant in this benchmark has an endpoint to derive")
        others = len(known) * (EACH + 1)

        def plain() -> float:
            store = self.plain.events
            return timed(lambda: [sum(1 for _ in store.get(one)) for one in known], others)

        def limit() -> float:
            connection = sqlite3.connect(self.path)
            query = "SELECT name, state FROM entries WHERE trial = ? ORDER BY stream, version"

            def work() -> None:
                for name, state in connection.execute(query, [PROTOCOL.trial]):
                    state_decoder(name).decode(state)

            seconds = timed(work, head)
            connection.close()
            return seconds

        read, replay, plain_read, least = alternating(
            lambda: timed(lambda: sum(1 for _ in history.entries()), head),
            lambda: timed(lambda: history.answers(on=NOW.date()), head),
            plain,
            limit,
        )
        replaying = "replay into all projections"
        return [
            Measured(what="read an entry", ours=read, peer=plain_read, against="plain", expected=2.5),
            Measured(what=replaying, ours=replay, peer=plain_read, against="plain reading alone", expected=2),
            Measured(what=replaying, ours=replay, peer=least, against="the limit", expected=0.5),
        ]


def run(where: Path, *, entries: int) -> list[Measured]:
    """Run all benchmarks."""
    with TemporaryDirectory(dir=where) as folder:
        bench = Bench(Path(folder))
        try:
            known = [bench.person(f"S{number:03}", EACH) for number in range(PEOPLE)]
            read = bench.reading(known)
            load = bench.load(known[0])
            found = [*bench.append(), bench.use_case(), load, *read]
        finally:
            bench.close()
        return [
            *found,
            *parts(Path(folder) / "parts.db"),
            *views(Path(folder) / "views.db"),
            *commands(Path(folder)),
            *audit_decisions(),
            *audit(Path(folder) / "large.db", entries=entries),
        ]


def main() -> int:
    """Print the measurements; exit with 1 if a ratio is below the expected ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--folder", type=Path, default=_WHERE, help="the folder for the stores (default: %(default)s)")
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="the number of entries in the audited log (default: a million)"
    )
    parser.add_argument(
        "--postgres", action="store_true", help="measure on PostgreSQL instead, with the server of the tests"
    )
    given = parser.parse_args()
    if given.postgres:
        from postgres import postgres  # noqa: PLC0415 - it needs the programs of PostgreSQL

        found = postgres()
    else:
        found = run(given.folder, entries=given.entries)
    if given.json:
        print(json.dumps([attrs.asdict(one) | {"ratio": round(one.ratio, 2)} for one in found]))
    else:
        print(f"median of {ROUNDS} alternating rounds in {given.folder}; microseconds for one unit of work")
        for one in found:
            short = " <- below the expected ratio" if one.ratio < one.expected else ""
            print(
                f"{one.what:38} {one.ours * 1e6:10.1f}  {one.against:20} {one.peer * 1e6:10.1f}"
                f"   {one.ratio:5.2f}x (expected {one.expected}x){short}"
            )
    return int(any(one.ratio < one.expected for one in found))


if __name__ == "__main__":
    sys.exit(main())
