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
