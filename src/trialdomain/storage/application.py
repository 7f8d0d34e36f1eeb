"""A log as the subscriptions of ``eventsourcing`` take it."""

import attrs

from trialdomain.storage.mapper import EntryMapper
from trialdomain.storage.recorder import StoreRecorder


@attrs.frozen
class LogApplication:
    """What ``eventsourcing`` asks of an application that a subscription follows: a name, a recorder and a mapper.

    ``ApplicationSubscription(trials.application)`` yields each entry with its notification id, over all trials of the
    log. Its topics are the stored names of the facts, such as ``participant.infused.v1``.

    Made by :attr:`trialdomain.Trials.application`.
    """

    recorder: StoreRecorder = attrs.field(repr=False)
    name: str = "trialdomain"
    """The name under which a view stores the notification id that it has dealt with. It never changes."""
    mapper: EntryMapper = attrs.field(repr=False, factory=EntryMapper)
