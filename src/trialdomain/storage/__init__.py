"""Where entries are kept: the only home of ``eventsourcing``, and of the bytes that are hashed."""
