"""The tables of a SQLite log, its application id, and the statements that write it."""

APPLICATION_ID = 0x7472646D
"""``trdm`` in ASCII, in the header of every log: it tells a log from any other SQLite file."""
SCHEMA_VERSION = 3
WITH_CURSORS = 3
"""The first version that has the table of cursors."""
OLDEST_VERSION = 2
"""The oldest version that is read as it is, and brought forward when it is opened for writing."""

# The CHECK on trial keeps a stream's name and its trial together. AUTOINCREMENT gives out each rowid, which is the
# notification id, only once. Without recursive_triggers, REPLACE does not fire the delete triggers; so the insert
# trigger refuses a row that would replace another. The table of heads has one row for each trial, the newest head: its
# tree covers the entries of all heads before.
_VERSION_2 = """
CREATE TABLE entries (
    rowid INTEGER PRIMARY KEY AUTOINCREMENT CHECK (rowid > 0),
    trial TEXT NOT NULL CHECK (trial = substr(stream, 1, instr(stream || '/', '/') - 1)),
    position INTEGER NOT NULL,
    stream TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    state BLOB NOT NULL,
    leaf BLOB NOT NULL CHECK (length(leaf) = 32)
) STRICT;
CREATE UNIQUE INDEX entries_by_stream ON entries (stream, version);
CREATE UNIQUE INDEX entries_by_position ON entries (trial, position);

CREATE TABLE commands (
    trial TEXT NOT NULL,
    command TEXT NOT NULL,
    request BLOB NOT NULL,
    first INTEGER,
    last INTEGER,
    PRIMARY KEY (trial, command)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints (
    trial TEXT NOT NULL,
    size INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (trial, size, note)
) STRICT, WITHOUT ROWID;

CREATE TABLE heads (
    trial TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    note TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed or removed'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed or removed'); END;
CREATE TRIGGER entries_in_order BEFORE INSERT ON entries
WHEN NEW.position != 1 + coalesce((SELECT max(position) FROM entries WHERE trial = NEW.trial), 0)
  OR coalesce(
    NEW.version != (SELECT max(version) + 1 FROM entries WHERE stream = NEW.stream), NEW.version NOT IN (0, 1)
  )
  OR EXISTS (SELECT 1 FROM entries WHERE rowid = NEW.rowid)
BEGIN SELECT RAISE(ABORT, 'entries are only appended, without gaps'); END;

CREATE TRIGGER commands_no_update BEFORE UPDATE ON commands
BEGIN SELECT RAISE(ABORT, 'commands are never changed'); END;
CREATE TRIGGER commands_no_delete BEFORE DELETE ON commands
BEGIN SELECT RAISE(ABORT, 'commands are never removed'); END;
CREATE TRIGGER commands_no_replace BEFORE INSERT ON commands
WHEN EXISTS (SELECT 1 FROM commands WHERE trial = NEW.trial AND command = NEW.command)
BEGIN SELECT RAISE(ABORT, 'a command is recorded once'); END;

CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never changed'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are never removed'); END;

CREATE TRIGGER heads_only_grow BEFORE UPDATE ON heads
WHEN NEW.trial != OLD.trial OR NEW.size < OLD.size
BEGIN SELECT RAISE(ABORT, 'a head never goes back'); END;
CREATE TRIGGER heads_no_delete BEFORE DELETE ON heads
BEGIN SELECT RAISE(ABORT, 'heads are never removed'); END;
"""

_TO_VERSION_3 = """
CREATE TABLE cursors (
    follower TEXT NOT NULL,
    trial TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    PRIMARY KEY (follower, trial)
) STRICT, WITHOUT ROWID;
"""
STEPS = {2: _TO_VERSION_3}
"""By version: the statements that bring a log of it to the next version. No step changes a table that has entries."""
SCHEMA = _VERSION_2 + _TO_VERSION_3


def schema_of(version: int) -> str:
    """Return the schema of a version from the oldest one on."""
    return _VERSION_2 + "".join(statements for before, statements in STEPS.items() if before < version)


# The only statements that write these tables. shape.py compiles each of them to find the triggers that it fires: a
# trigger may fire on one column of one statement.
INSERT_ENTRY = "INSERT INTO entries (trial, position, stream, version, name, state, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)"
INSERT_COMMAND = "INSERT INTO commands (trial, command, request, first, last) VALUES (?, ?, ?, ?, ?)"
INSERT_CHECKPOINT = "INSERT OR IGNORE INTO checkpoints (trial, size, note) VALUES (?, ?, ?)"
PUT_HEAD = (
    "INSERT INTO heads (trial, size, note) VALUES (?, ?, ?)"
    " ON CONFLICT (trial) DO UPDATE SET size = excluded.size, note = excluded.note"
)
REPLACE_HEAD = "INSERT OR REPLACE INTO heads (trial, size, note) VALUES (?, ?, ?)"
PUT_CURSOR = (
    "INSERT INTO cursors (follower, trial, position) VALUES (?, ?, ?)"
    " ON CONFLICT (follower, trial) DO UPDATE SET position = excluded.position"
)
WRITES = {
    "entries": (INSERT_ENTRY,),
    "commands": (INSERT_COMMAND,),
    "checkpoints": (INSERT_CHECKPOINT,),
    "heads": (PUT_HEAD, REPLACE_HEAD),
    "cursors": (PUT_CURSOR,),
}
"""By table: the statements that write it."""
