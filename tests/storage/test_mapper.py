"""The mapper, with the event store and the subscriptions of the ``eventsourcing`` library."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from eventsourcing.persistence import EventStore, IntegrityError, StoredEvent

from trialdomain.errors import InputInvalid, LogCorrupt
from trialdomain.events.cohort import SlotFilled
from trialdomain.events.participant import Relapsed
from trialdomain.events.recorded import Entry, Fact, Meta, Recorded
from trialdomain.events.trial import SoftwareChanged
from trialdomain.storage.mapper import EntryMalformed, EntryMapper, StreamUnknown, entries_of, entry_of, stored_of
from trialdomain.storage.sqlite.store import MEMORY, SQLiteStore

GOLDEN = Path(__file__).parents[1] / "golden"
META = Meta(recorded_at=datetime(2026, 3, 2, 1, 0, 1, tzinfo=UTC), user="sponsor", command="c1", part=1, parts=1)


def entry(stream: str, version: int, position: int, fact: Fact) -> Entry:
    trial = stream.partition("/")[0]
    return Recorded(trial=trial, position=position, stream=stream, version=version, meta=META, fact=fact)


ENTRIES = [
    entry("T1", 1, 1, SoftwareChanged(version="0.1.0")),
    entry("T1/cohort/1", 1, 2, SlotFilled(subject="S001")),
    entry("T2", 1, 1, SoftwareChanged(version="0.1.0")),
    entry("T1", 2, 3, SoftwareChanged(version="0.2.0")),
]


@pytest.fixture
def recorder() -> Iterator[SQLiteStore]:
    recorder = SQLiteStore(MEMORY)
    yield recorder
    recorder.close()


class TestEventStore:
    def test_what_is_put_is_got_again_as_it_was(self, recorder: SQLiteStore) -> None:
        store = EventStore(EntryMapper(), recorder)
        recordings = store.put(ENTRIES)
        assert [recording.notification.id for recording in recordings] == [1, 2, 3, 4]
        assert [recording.domain_event for recording in recordings] == ENTRIES
        assert list(store.get("T1")) == [ENTRIES[0], ENTRIES[3]]
        assert list(store.get("T1", gt=1)) == list(store.get("T1", desc=True, limit=1)) == [ENTRIES[3]]
        assert list(store.get("T1/cohort/1")) == [ENTRIES[1]]

    def test_the_state_is_canonical_json(self, recorder: SQLiteStore) -> None:
        EventStore(EntryMapper(), recorder).put(ENTRIES[:1])
        [stored] = recorder.select_events("T1")
        assert stored.topic == "trial.software-changed.v1"
        assert stored.state == (
            b'{"fact":{"version":"0.1.0"},"meta":{"command":"c1","part":1,"parts":1,'
            b'"recorded_at":"2026-03-02T01:00:01Z","user":"sponsor"}}'
        )

    def test_what_is_put_twice_is_refused_as_the_library_promises(self, recorder: SQLiteStore) -> None:
        store = EventStore(EntryMapper(), recorder)
        store.put(ENTRIES)
        with pytest.raises(IntegrityError):
            store.put(ENTRIES[:1])

    def test_nothing_but_an_entry_is_put(self, recorder: SQLiteStore) -> None:
        class Other:
            originator_id = "T1"
            originator_version = 1

        with pytest.raises(TypeError, match="a log holds entries, not Other"):
            EventStore(EntryMapper(), recorder).put([Other()])


class TestSubscription:
    def test_whoever_follows_the_log_gets_entries_in_the_order_of_recording(self, recorder: SQLiteStore) -> None:
        store = EventStore(EntryMapper(), recorder)
        store.put(ENTRIES[:2])
        with recorder.subscribe() as subscription:
            followed = map(EntryMapper().to_domain_event, subscription)
            assert [next(followed), next(followed)] == ENTRIES[:2]
            store.put(ENTRIES[2:])
            assert [next(followed), next(followed)] == ENTRIES[2:]

    def test_it_may_begin_later_and_follow_some_names_alone(self, recorder: SQLiteStore) -> None:
        EventStore(EntryMapper(), recorder).put(ENTRIES)
        with recorder.subscribe(gt=1, topics=["trial.software-changed.v1"]) as subscription:
            assert [next(subscription).originator_id, next(subscription).originator_id] == ["T2", "T1"]


class TestRefusing:
    def test_an_event_without_a_position_is_no_entry(self) -> None:
        with pytest.raises(TypeError, match="has no position"):
            EntryMapper().to_domain_event(StoredEvent("T1", 1, "trial.software-changed.v1", b"{}"))

    @pytest.mark.parametrize(
        ("name", "state"), [("invented.v1", b"{}"), ("os:system", b"{}"), ("trial.software-changed.v1", b"{}")]
    )
    def test_what_cannot_be_read_is_named_by_its_place(self, recorder: SQLiteStore, name: str, state: bytes) -> None:
        recorder.insert_events([StoredEvent("T1", 1, "any.v1", b"{}"), StoredEvent("T1/cohort/1", 1, name, state)])
        [stored] = recorder.select_events("T1/cohort/1")
        with pytest.raises(LogCorrupt) as caught:
            entry_of(stored)
        assert isinstance(caught.value, EntryMalformed)
        assert str(caught.value).startswith("position 2 of trial T1 (stream T1/cohort/1, version 1): ")
        assert name in str(caught.value)

    @pytest.mark.parametrize("stream", ["T1", "T1/cohort/1", "T1/participant/S001", "T1/access"])
    @pytest.mark.parametrize(
        "kind", ["trial.software-changed.v1", "cohort.slot-filled.v1", "participant.relapsed.v1", "access.refused.v1"]
    )
    def test_a_stream_takes_facts_of_its_own_kind_alone(self, recorder: SQLiteStore, stream: str, kind: str) -> None:
        about = {"T1": "trial", "T1/cohort/1": "cohort", "T1/participant/S001": "participant", "T1/access": "access"}
        recorder.insert_events([StoredEvent(stream, 1, kind, GOLDEN.joinpath(f"{kind}.json").read_bytes().strip())])
        [stored] = recorder.select_events(stream)
        if kind.startswith(about[stream]):
            assert entry_of(stored).stream == stream
            return
        for leave_out in ((), (Relapsed,)):
            with pytest.raises(EntryMalformed) as caught:
                list(entries_of(stream, recorder.stream(stream, until=1), leave_out=leave_out))
            assert str(caught.value) == (
                f"position 1 of trial T1 (stream {stream}, version 1): an entry named {kind!r} cannot be read: "
                f"stream {stream} takes no {kind}; verify the log"
            )

    @pytest.mark.parametrize(
        "stream",
        ["T1/cohort/a b", "T1/cohort/01", "T1/cohort/10000", "T1/cohort/\u0663", "T1/zzz", "T1/", "T1/access/1", ""],
    )
    def test_a_stream_that_no_trial_has_is_refused(self, recorder: SQLiteStore, stream: str) -> None:
        state = GOLDEN.joinpath("cohort.opened.v1.json").read_bytes().strip()
        recorder.insert_events([StoredEvent(stream, 1, "cohort.opened.v1", state)])
        [stored] = recorder.select_events(stream)
        with pytest.raises(StreamUnknown, match=r"^position 1 is in stream '.*', which no trial has: a stream is"):
            entry_of(stored)

    @pytest.mark.parametrize(
        ("old", "new", "why"),
        [
            ('"part":1', '"part":2', "no command recorded a part 2 of 1 at 2026-03-02 01:00:01"),
            ('"part":1', '"part":0', "no command recorded a part 0 of 1"),
            ('"part":1', '"part":-1', "no command recorded a part -1 of 1"),
            ('"part":1', f'"part":{10**30}', f"no command recorded a part {10**30} of 1"),
            ("2026-03-02T", "9999-12-31T", "part 1 of 1 at 9999-12-31 01:00:01"),
            ("2026-03-02T", "0001-01-01T", "part 1 of 1 at 0001-01-01 01:00:01"),
        ],
    )
    def test_an_envelope_that_no_command_wrote_is_refused(
        self, recorder: SQLiteStore, old: str, new: str, why: str
    ) -> None:
        EventStore(EntryMapper(), recorder).put(ENTRIES[:1])
        [stored] = recorder.select_events("T1")
        recorder.insert_events(
            [StoredEvent("T9", 1, stored.topic, stored.state.decode().replace(old, new, 1).encode())]
        )
        with pytest.raises(EntryMalformed) as caught:
            entry_of(recorder.select_events("T9")[0])
        assert why in str(caught.value)

    def test_nor_is_it_written(self, recorder: SQLiteStore) -> None:
        late = attrs.evolve(META, recorded_at=datetime(2200, 1, 1, tzinfo=UTC))
        for meta in (late, attrs.evolve(META, part=2)):
            with pytest.raises(InputInvalid, match="SoftwareChanged cannot be recorded: no command recorded a part"):
                stored_of("T1", 1, SoftwareChanged(version="0.1.0"), meta)
        assert recorder.trials() == []
