"""Our mapper with the event store and the subscriptions of the ``eventsourcing`` library, on our recorder."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from eventsourcing.persistence import EventStore, IntegrityError, StoredEvent

from trialdomain.errors import LogCorrupt
from trialdomain.events.cohort import SlotFilled
from trialdomain.events.recorded import Entry, Fact, Meta, Recorded
from trialdomain.events.trial import SoftwareChanged
from trialdomain.storage.mapper import EntryMalformed, EntryMapper, entry_of
from trialdomain.storage.sqlite import MEMORY, SQLiteRecorder

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
def recorder() -> Iterator[SQLiteRecorder]:
    recorder = SQLiteRecorder(MEMORY)
    yield recorder
    recorder.close()


class TestEventStore:
    def test_what_is_put_is_got_again_as_it_was(self, recorder: SQLiteRecorder) -> None:
        store = EventStore(EntryMapper(), recorder)
        recordings = store.put(ENTRIES)
        assert [recording.notification.id for recording in recordings] == [1, 2, 3, 4]
        assert [recording.domain_event for recording in recordings] == ENTRIES
        assert list(store.get("T1")) == [ENTRIES[0], ENTRIES[3]]
        assert list(store.get("T1", gt=1)) == list(store.get("T1", desc=True, limit=1)) == [ENTRIES[3]]
        assert list(store.get("T1/cohort/1")) == [ENTRIES[1]]

    def test_the_state_is_canonical_json(self, recorder: SQLiteRecorder) -> None:
        EventStore(EntryMapper(), recorder).put(ENTRIES[:1])
        [stored] = recorder.select_events("T1")
        assert stored.topic == "trial.software-changed.v1"
        assert stored.state == (
            b'{"fact":{"version":"0.1.0"},"meta":{"command":"c1","part":1,"parts":1,'
            b'"recorded_at":"2026-03-02T01:00:01Z","user":"sponsor"}}'
        )

    def test_what_is_put_twice_is_refused_as_the_library_promises(self, recorder: SQLiteRecorder) -> None:
        store = EventStore(EntryMapper(), recorder)
        store.put(ENTRIES)
        with pytest.raises(IntegrityError):
            store.put(ENTRIES[:1])

    def test_nothing_but_an_entry_is_put(self, recorder: SQLiteRecorder) -> None:
        class Other:
            originator_id = "T1"
            originator_version = 1

        with pytest.raises(TypeError, match="a log holds entries, not Other"):
            EventStore(EntryMapper(), recorder).put([Other()])


class TestSubscription:
    def test_whoever_follows_the_log_gets_entries_in_the_order_of_recording(self, recorder: SQLiteRecorder) -> None:
        store = EventStore(EntryMapper(), recorder)
        store.put(ENTRIES[:2])
        with recorder.subscribe() as subscription:
            followed = map(EntryMapper().to_domain_event, subscription)
            assert [next(followed), next(followed)] == ENTRIES[:2]
            store.put(ENTRIES[2:])
            assert [next(followed), next(followed)] == ENTRIES[2:]

    def test_it_may_begin_later_and_follow_some_names_alone(self, recorder: SQLiteRecorder) -> None:
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
    def test_what_cannot_be_read_is_named_by_its_place(self, recorder: SQLiteRecorder, name: str, state: bytes) -> None:
        recorder.insert_events([StoredEvent("T1", 1, "any.v1", b"{}"), StoredEvent("T1/cohort/1", 1, name, state)])
        [stored] = recorder.select_events("T1/cohort/1")
        with pytest.raises(LogCorrupt) as caught:
            entry_of(stored)
        assert isinstance(caught.value, EntryMalformed)
        assert str(caught.value).startswith("position 2 of trial T1 (stream T1/cohort/1, version 1): ")
        assert name in str(caught.value)
