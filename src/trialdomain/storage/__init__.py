"""Storing entries: the store, and the codec of the bytes that are hashed. Only this package uses ``eventsourcing``."""
