"""Verification of a SQLite log: raw rows, read with plain ``sqlite3``, independently of the store."""
