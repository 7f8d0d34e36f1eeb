"""The tables of a log in PostgreSQL against their owner: triggers, rules and functions that were added or changed."""

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

import pytest
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from postgres_server import Server

from trialdomain.errors import LogCorrupt, LogUnusable
from trialdomain.storage.errors import EntriesNotKept, TablesChanged
from trialdomain.storage.open_store import open_store
from trialdomain.storage.store import Command, Sealed, Store

TABLES = ("entries", "commands", "heads", "checkpoints", "numbered")


@pytest.fixture
def schema(server: Server) -> str:
    return server.new_schema()


@pytest.fixture
def store(server: Server, schema: str) -> Iterator[Store]:
    """A log with a trial of two entries, open for writing."""
    opened = open_store(server.address(schema))
    record(opened, 1, 2)
    yield opened
    opened.close()


def record(store: Store, *versions: int) -> None:
    events = [StoredEvent("T1", version, "fact.v1", b'{"n":%d}' % version) for version in versions]
    command = Command(id=f"c{versions[0]}", request=sha256(b"request").digest())
    store.append("T1", [Sealed(command, events)])


def contents(server: Server, schema: str) -> list[object]:
    return [server.sql(f"SELECT * FROM {table} ORDER BY 1, 2", schema=schema) for table in TABLES]


def trigger(table: str, body: str, *, when: str = "BEFORE INSERT") -> str:
    """Add a trigger for each row."""
    return (
        f"CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
        f"CREATE TRIGGER more {when} ON {table} FOR EACH ROW EXECUTE FUNCTION more()"
    )


def deferred(table: str, body: str) -> str:
    """Add a trigger that runs when the transaction is committed."""
    return (
        trigger(table, body, when="AFTER INSERT")
        .replace("CREATE TRIGGER more AFTER INSERT ON", "CREATE CONSTRAINT TRIGGER more AFTER INSERT ON")
        .replace("FOR EACH ROW", "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW")
    )


FREE = "SET LOCAL session_replication_role = replica;"
"""The owner's trigger switches the others off."""
FOREIGN = {
    "a trigger that drops entries": trigger("entries", "RETURN NULL;"),
    "a trigger that drops one entry of two": trigger(
        "entries", "IF NEW.version = 4 THEN RETURN NULL; END IF; RETURN NEW;"
    ),
    "a trigger that changes a state": trigger("entries", "NEW.state = 'x'; RETURN NEW;"),
    "a trigger that changes a leaf": trigger("entries", "NEW.leaf = sha256('x'); RETURN NEW;"),
    "a trigger that changes a name": trigger("entries", "NEW.name = 'other.v1'; RETURN NEW;"),
    "a trigger that changes an entry afterwards": trigger(
        "entries", f"{FREE} UPDATE @.entries SET state = 'x' WHERE id = NEW.id; RETURN NULL;", when="AFTER INSERT"
    ),
    "a trigger that removes an entry afterwards": trigger(
        "entries", f"{FREE} DELETE FROM @.entries WHERE version = 4; RETURN NULL;", when="AFTER INSERT"
    ),
    "a trigger that adds an entry": trigger(
        "entries",
        f"{FREE} INSERT INTO @.entries (trial, position, stream, version, name, state, leaf)"
        " VALUES ('T1', NEW.position + 10, 'T1', NEW.version + 10, 'fact.v1', 'x', sha256('x')); RETURN NULL;",
        when="AFTER INSERT",
    ),
    "a trigger that changes an entry at the commit": deferred(
        "entries", f"{FREE} UPDATE @.entries SET state = 'x' WHERE id = NEW.id; RETURN NULL;"
    ),
    "a trigger that removes an entry at the commit": deferred(
        "entries", f"{FREE} DELETE FROM @.entries WHERE id = NEW.id; RETURN NULL;"
    ),
    "a trigger that drops commands": trigger("commands", "RETURN NULL;"),
    "a trigger that changes a command": trigger("commands", "NEW.request = 'x'; RETURN NEW;"),
    "a trigger that changes the positions of a command": trigger("commands", "NEW.last = NEW.first; RETURN NEW;"),
    "a trigger that removes a command at the commit": deferred(
        "commands", f"{FREE} DELETE FROM @.commands WHERE command = NEW.command; RETURN NULL;"
    ),
    "a trigger that holds the head": trigger("heads", "RETURN NULL;", when="BEFORE UPDATE"),
    "a trigger that changes the head": trigger("heads", "NEW.size = NEW.size + 1; RETURN NEW;", when="BEFORE UPDATE"),
    "a trigger of entries that changes the head": deferred(
        "entries", f"{FREE} UPDATE @.heads SET size = 7; RETURN NULL;"
    ),
    "a rule that drops entries": "CREATE RULE more AS ON INSERT TO entries DO INSTEAD NOTHING",
    "a rule that drops commands": "CREATE RULE more AS ON INSERT TO commands DO INSTEAD NOTHING",
    "a rule that holds the head": "CREATE RULE more AS ON UPDATE TO heads DO INSTEAD NOTHING",
}
added = pytest.mark.parametrize("statements", FOREIGN.values(), ids=FOREIGN.keys())


@added
def test_what_is_not_kept_as_it_was_written_is_not_recorded(
    server: Server, schema: str, store: Store, statements: str
) -> None:
    server.sql(statements.replace("@", schema), schema=schema)
    before = contents(server, schema)
    with pytest.raises(
        EntriesNotKept, match=r"is not kept as it was inserted: .*; nothing was recorded; verify the log"
    ):
        record(store, 3, 4)
    assert contents(server, schema) == before
    remove = "DROP FUNCTION more CASCADE" if "more()" in statements else f"DROP RULE more ON {statements.split()[7]}"
    server.sql(remove, schema=schema)
    with closing(open_store(server.address(schema))) as again:  # a session may keep the plan with a rule
        record(again, 3, 4)
        assert again.head("T1") == 4


@added
def test_a_log_with_it_is_not_opened_for_writing(server: Server, schema: str, store: Store, statements: str) -> None:
    assert store.head("T1") == 2
    server.sql(statements.replace("@", schema), schema=schema)
    with pytest.raises(
        TablesChanged, match=r"the (trigger|rule|constraint) more was added .*; nothing was recorded; verify the log"
    ):
        open_store(server.address(schema))
    reading = open_store(server.address(schema), readonly=True)
    assert reading.head("T1") == 2
    reading.close()


@pytest.mark.parametrize(
    "statements",
    [trigger("checkpoints", "RETURN NULL;"), trigger("checkpoints", "NEW.note = 'other'; RETURN NEW;")],
)
def test_a_checkpoint_that_is_not_kept_is_refused(server: Server, schema: str, store: Store, statements: str) -> None:
    server.sql(statements, schema=schema)
    with pytest.raises(EntriesNotKept, match="the checkpoint of trial T1 is not kept"):
        store.keep_note("T1", 2, "a note")
    assert store.notes("T1") == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP FUNCTION append",
        "ALTER TABLE entries RENAME TO others",
        "ALTER TABLE heads DROP size",
        "ALTER TABLE commands RENAME TO others",
    ],
)
def test_a_log_whose_tables_are_gone_meanwhile_is_refused_in_a_sentence(
    server: Server, schema: str, store: Store, statement: str
) -> None:
    server.sql(statement, schema=schema)
    with pytest.raises(LogUnusable, match="verify the log"):
        record(store, 3, 4)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET trial = 'T2'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_owner_too_changes_nothing_by_mistake(
    server: Server, schema: str, store: Store, table: str, statement: str
) -> None:
    store.keep_note("T1", 2, "a note")
    server.sql("SELECT give_numbers()", schema=schema)
    before = contents(server, schema)
    with pytest.raises(Exception, match=r"never changed or removed|never goes back"):
        server.sql(statement.format(table), schema=schema)
    assert contents(server, schema) == before


@pytest.mark.usefixtures("store")
def test_a_size_that_does_not_fit_the_entries_is_refused(server: Server, schema: str) -> None:
    for size in (1, 3):
        server.sql(f"SET session_replication_role = replica; UPDATE heads SET size = {size}", schema=schema)
        with (
            closing(open_store(server.address(schema))) as other,
            pytest.raises(LogCorrupt, match=f"says {size} entr(y|ies), and its entries end elsewhere: verify the log"),
        ):
            record(other, 3, 4)
    assert server.sql("SELECT count(*) FROM entries", schema=schema) == [(2,)]


def test_a_state_that_is_too_long_is_not_passed_over_by_a_subscription(
    server: Server, schema: str, store: Store
) -> None:
    server.sql(
        "ALTER TABLE entries DISABLE TRIGGER entries_no_change;"
        "UPDATE entries SET state = convert_to(repeat('x', 5000000), 'UTF8') WHERE position = 1;"
        "ALTER TABLE entries ENABLE TRIGGER entries_no_change",
        schema=schema,
    )
    assert isinstance(store, ApplicationRecorder)
    with pytest.raises(LogCorrupt, match="position 1 of trial T1 has a state that is longer than that of any entry"):
        store.select_notifications(1, 10)
