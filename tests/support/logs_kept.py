"""A place where a log is kept, a file or a schema of a PostgreSQL server, for tests that hold for both."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
from postgres_server import Server

BOTH = ("file", "postgres")
"""The kinds of places."""


@attrs.frozen
class Kept:
    """A place for one log."""

    path: Path
    """Its file, where it is one."""
    server: Server | None
    schema: str = ""

    @classmethod
    def of(cls, kind: str, folder: Path, server: Server | None) -> "Kept":
        """Make an empty place; the server is that of the kind ``postgres``."""
        if kind == "file":
            return cls(folder / "log.db", None)
        assert server is not None
        return cls(folder / "none", server, server.new_schema())

    @property
    def address(self) -> str:
        """The address of the log."""
        return f"sqlite:///{self.path}" if self.server is None else self.server.address(self.schema)

    @property
    def named(self) -> str:
        """The log as a command of the command line takes it."""
        return str(self.path) if self.server is None else self.server.address(self.schema)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Execute statements as another program may, and return the rows of the last one."""
        if self.server is not None:
            return self.server.sql(";".join(statements), schema=self.schema)
        found: list[tuple[Any, ...]] = []
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                found = connection.execute(statement).fetchall()
            connection.commit()
        return found

    def tampered(self, *statements: str) -> None:
        """Execute statements without the triggers of the log, which are as before then."""
        if self.server is not None:
            self.execute("SET session_replication_role = replica", *statements)
            return
        triggers = self.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        self.execute(*(f"DROP TRIGGER {name}" for name, _ in triggers), *statements, *(made for _, made in triggers))
