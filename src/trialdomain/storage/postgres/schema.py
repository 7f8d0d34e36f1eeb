"""The schema of a log in PostgreSQL: its tables, functions and triggers, and its version."""

from importlib.resources import files

SCHEMA_VERSION = 1
OLDEST_SERVER = 140000
"""The number of the oldest version of PostgreSQL that a log can be kept in: 14."""
LOCK_SPACE = 0x7472646D
"""The first key of the advisory lock of a log: ``trdm`` in ASCII. The second key is the number of its table of entries,
which no other log in the database has."""
TABLES = ("trialdomain_log", "heads", "entries", "commands", "checkpoints", "numbered", "cursors")


def schema_in(quoted: str) -> str:
    """Return the statements that make a log in a schema; its name must be quoted."""
    return files(__package__).joinpath("schema.sql").read_text(encoding="utf-8").replace("@", quoted)
