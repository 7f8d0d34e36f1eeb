"""The recorder interface of the ``eventsourcing`` library for any store; it passes the library's test suites.

Notification ids count across all trials of the store. They are not positions.
"""

from abc import abstractmethod
from collections.abc import Sequence
from threading import Event
from typing import NoReturn
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, ListenNotifySubscription, Notification
from typing_extensions import override

from trialdomain.storage.store import PlacedNotification, StoredEntry

_POLL_SECONDS = 0.2


class StoreRecorder(ApplicationRecorder):
    """Implements the reading methods of a recorder with those of a store; the store itself inserts."""

    @abstractmethod
    def of_stream(
        self, stream: str, *, after: int | None, until: int | None, limit: int | None, descending: bool
    ) -> list[StoredEntry]:
        """Read some versions of one stream."""

    @abstractmethod
    def recorded_from(
        self, first: int, *, until: int | None, limit: int, names: Sequence[str]
    ) -> list[PlacedNotification]:
        """Read across all streams in the order of recording."""

    @abstractmethod
    def last_id(self) -> int | None:
        """Return the notification id of the last recorded entry; None when there is none."""

    @abstractmethod
    def listen(self, event: Event) -> None:
        """Set the event after every append of this process."""

    @abstractmethod
    def unlisten(self, event: Event) -> None:
        """Stop setting the event."""

    @abstractmethod
    def follow(self, *, after: int | None = None, names: Sequence[str] = ()) -> "LogSubscription":
        """Follow the log from a notification id on."""

    @override
    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled or copied; so an object that holds an open log, such as a desk, is refused too."""
        raise TypeError(
            "an open log stays in the process that opened it, and can be neither pickled nor copied: "
            "hand over its address, and open it there; or hand over entries and answers"
        )

    @override
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEntry]:
        """Read one stream."""
        return self.of_stream(str(originator_id), after=gt, until=lte, limit=limit, descending=desc)

    @override
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Read across all streams in the order of recording."""
        return self.recorded_from((start or 0) + (not inclusive_of_start), until=stop, limit=limit, names=topics)

    @override
    def max_notification_id(self) -> int | None:
        """Return the notification id of the last recorded entry; None when there is none."""
        return self.last_id()

    @override
    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """Follow the log, including the entries of other processes."""
        return self.follow(after=gt, names=topics)


class LogSubscription(ListenNotifySubscription[StoreRecorder]):
    """Follows a log: entries of this process arrive at once, those of other processes within a fraction of a second."""

    def __init__(self, recorder: StoreRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder=recorder, gt=gt, topics=topics)
        self._recorder.listen(self._has_been_notified)

    @override
    def stop(self) -> None:
        super().stop()
        self._recorder.unlisten(self._has_been_notified)

    @override
    def _loop_on_pull(self) -> None:
        try:
            self._pull()
            while not self._has_been_stopped:
                self._has_been_notified.wait(_POLL_SECONDS)
                self._pull()
        except BaseException as error:  # noqa: BLE001 - hand the error to the iterating thread, as the base class does
            self._thread_error = self._thread_error or error
            self.stop()
