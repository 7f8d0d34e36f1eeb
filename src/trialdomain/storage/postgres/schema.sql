-- The tables, functions and triggers of a log of trialdomain in PostgreSQL.
--
-- "@" stands for the schema, quoted. Every name is qualified, so that nothing depends on a session's search_path.
--
-- An append takes the advisory lock of the log in shared mode, and locks the row of its trial in heads. So appends to
-- different trials run side by side, and who holds the advisory lock alone has the log alone. Lock, read and write are
-- separate statements: under READ COMMITTED, each sees what was committed before it began, and so what the lock has
-- waited for.
--
-- The identity column gives the order of insertion. It is no order of commits, and nothing follows it: notification ids
-- are given to entries after their commit, in the table "numbered".

CREATE TABLE @.trialdomain_log (
    schema_version integer NOT NULL
);
INSERT INTO @.trialdomain_log VALUES (1);

CREATE TABLE @.heads (
    trial text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL CHECK (size >= 0),
    note text
) WITH (fillfactor = 50);

CREATE TABLE @.entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    trial text COLLATE "C" NOT NULL CHECK (trial = split_part(stream, '/', 1)),
    position bigint NOT NULL CHECK (position > 0),
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL CHECK (version >= 0),
    name text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    leaf bytea NOT NULL CHECK (octet_length(leaf) = 32),
    CONSTRAINT entries_by_stream UNIQUE (stream, version),
    CONSTRAINT entries_by_position UNIQUE (trial, position)
);

CREATE TABLE @.commands (
    trial text COLLATE "C" NOT NULL,
    command text COLLATE "C" NOT NULL,
    request bytea NOT NULL,
    first bigint,
    last bigint,
    PRIMARY KEY (trial, command)
);

CREATE TABLE @.checkpoints (
    trial text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    note text NOT NULL
);
CREATE INDEX checkpoints_by_size ON @.checkpoints (trial, size);

CREATE TABLE @.numbered (
    id bigint PRIMARY KEY,
    trial text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT numbered_by_position UNIQUE (trial, position)
);

CREATE TABLE @.cursors (
    follower text COLLATE "C" NOT NULL,
    trial text COLLATE "C" NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    PRIMARY KEY (follower, trial)
);

CREATE FUNCTION @.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'TD003';
END $$;

CREATE FUNCTION @.refuse_gaps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added WHERE position > 1 AND NOT EXISTS (
            SELECT FROM @.entries AS earlier WHERE earlier.trial = added.trial AND earlier.position = added.position - 1
        ) OR version > 1 AND NOT EXISTS (
            SELECT FROM @.entries AS earlier WHERE earlier.stream = added.stream AND earlier.version = added.version - 1
        )
    ) THEN
        RAISE EXCEPTION 'entries are only appended, without gaps' USING ERRCODE = 'TD003';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION @.refuse_going_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.trial <> OLD.trial OR NEW.size < OLD.size THEN
        RAISE EXCEPTION 'a head never goes back' USING ERRCODE = 'TD003';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER entries_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON @.entries
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_change();
CREATE TRIGGER entries_in_order AFTER INSERT ON @.entries REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_gaps();
CREATE TRIGGER commands_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON @.commands
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_change();
CREATE TRIGGER checkpoints_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON @.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_change();
CREATE TRIGGER numbered_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON @.numbered
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_change();
CREATE TRIGGER heads_only_grow BEFORE UPDATE ON @.heads
    FOR EACH ROW EXECUTE FUNCTION @.refuse_going_back();
CREATE TRIGGER heads_no_delete BEFORE DELETE OR TRUNCATE ON @.heads
    FOR EACH STATEMENT EXECUTE FUNCTION @.refuse_change();

CREATE FUNCTION @.recorded_at(state bytea) RETURNS timestamptz LANGUAGE sql STABLE
    RETURN (convert_from(state, 'UTF8')::jsonb #>> '{meta,recorded_at}')::timestamptz;

-- The plans of its statements are kept by a session, and may have been made while the tables were empty: then reading a
-- whole table seems cheapest, and stays so while it grows. So it never does. Most appends have one short state: no query
-- adds up the long ones then.
CREATE FUNCTION @.append(
    of_trial text, of_streams text[], of_versions bigint[], of_names text[], of_states bytea[], of_leaves bytea[],
    command_ids text[], requests bytea[], firsts bigint[], lasts bigint[],
    read_streams text[], read_versions bigint[], read_position bigint, passed_over text[],
    at_least bigint, told_until timestamptz, head_size bigint, head_before text, head_note text, begun_request bytea,
    OUT outcome text, OUT at_head bigint, OUT told_now timestamptz,
    OUT found_stream text, OUT found_version bigint,
    OUT found_request bytea, OUT found_first bigint, OUT found_last bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
SET lock_timeout = '30s' AS $$
DECLARE
    kept_note text;
    is_fit boolean;
    is_begun boolean;
    is_kept boolean := false;
    kept bigint;
    there bigint;
    added bigint := cardinality(of_streams);
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'appends need READ COMMITTED' USING ERRCODE = 'TD004';
    END IF;
    PERFORM pg_advisory_xact_lock_shared(1953653869, '@.entries'::regclass::oid::int);
    SELECT heads.size, heads.note INTO at_head, kept_note FROM @.heads WHERE heads.trial = of_trial FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO @.heads (trial, size) VALUES (of_trial, 0) ON CONFLICT DO NOTHING;
        SELECT heads.size, heads.note INTO at_head, kept_note FROM @.heads WHERE heads.trial = of_trial FOR UPDATE;
    END IF;
    told_now := clock_timestamp();

    IF cardinality(command_ids) = 1 THEN
        SELECT request, first, last INTO found_request, found_first, found_last
            FROM @.commands WHERE commands.trial = of_trial AND commands.command = command_ids[1];
        IF FOUND THEN
            outcome := 'recorded';
            RETURN;
        END IF;
    END IF;

    IF at_head < at_least THEN
        outcome := 'older';
        RETURN;
    END IF;
    SELECT (at_head = 0 OR EXISTS (SELECT FROM @.entries WHERE entries.trial = of_trial AND entries.position = at_head))
            AND NOT EXISTS (SELECT FROM @.entries WHERE entries.trial = of_trial AND entries.position = at_head + 1),
        EXISTS (SELECT FROM @.commands WHERE commands.trial = of_trial AND commands.command = 'heads begun')
        INTO is_fit, is_begun;
    IF NOT is_fit THEN
        outcome := 'unfit';
        RETURN;
    END IF;
    IF head_note IS NULL AND is_begun AND added > 0 THEN
        outcome := 'unsigned';
        RETURN;
    END IF;

    IF cardinality(read_streams) > 0 THEN
        SELECT asked.stream, now_at.version INTO found_stream, found_version
            FROM unnest(read_streams, read_versions) AS asked (stream, version),
            LATERAL (
                SELECT coalesce(max(entries.version), 0) AS version FROM @.entries WHERE entries.stream = asked.stream
            ) AS now_at
            WHERE now_at.version <> asked.version LIMIT 1;
        IF FOUND THEN
            outcome := 'moved';
            RETURN;
        END IF;
    END IF;
    IF read_position > at_head THEN
        outcome := 'ahead';
        RETURN;
    ELSIF read_position < at_head THEN
        SELECT entries.stream, entries.version INTO found_stream, found_version FROM @.entries
            WHERE entries.trial = of_trial AND entries.position > read_position AND entries.name <> ALL (passed_over)
            ORDER BY entries.position LIMIT 1;
        IF FOUND THEN
            outcome := 'moved';
            RETURN;
        END IF;
    END IF;

    IF head_note IS NOT NULL AND (head_size <> at_head OR head_before IS DISTINCT FROM kept_note) THEN
        outcome := 'signed-before';
        RETURN;
    END IF;
    IF told_until IS NOT NULL AND added > 0 THEN
        IF told_now > told_until OR told_until > told_now + interval '0.3 s' THEN  -- late, or the clock was set back
            outcome := 'late';
            RETURN;
        END IF;
        IF at_head > 0 AND @.recorded_at(of_states[1]) < (
            SELECT @.recorded_at(entries.state) FROM @.entries
                WHERE entries.trial = of_trial AND entries.position = at_head
        ) THEN
            outcome := 'early';
            RETURN;
        END IF;
    END IF;

    IF added = 1 THEN
        INSERT INTO @.entries (trial, position, stream, version, name, state, leaf)
            VALUES (of_trial, at_head + 1, of_streams[1], of_versions[1], of_names[1], of_states[1], of_leaves[1]);
    ELSIF added > 1 THEN
        INSERT INTO @.entries (trial, position, stream, version, name, state, leaf)
            SELECT of_trial, at_head + given.number, given.stream, given.version, given.name, given.state, given.leaf
            FROM unnest(of_streams, of_versions, of_names, of_states, of_leaves) WITH ORDINALITY
                AS given (stream, version, name, state, leaf, number)
            ORDER BY given.number;
    END IF;
    IF cardinality(command_ids) > 0 AND (octet_length(of_states[1]) > 4096 OR added > 1) THEN
        IF EXISTS (SELECT FROM unnest(of_states) AS state WHERE octet_length(state) > 4096)
            AND (
                SELECT coalesce(sum(octet_length(entries.state)), 0) FROM @.entries
                    WHERE entries.trial = of_trial AND octet_length(entries.state) > 4096
            ) > 33554432 THEN
            RAISE EXCEPTION 'too much' USING ERRCODE = 'TD001';
        END IF;
    END IF;
    IF cardinality(command_ids) = 1 THEN
        INSERT INTO @.commands (trial, command, request, first, last)
            VALUES (of_trial, command_ids[1], requests[1], at_head + firsts[1], at_head + lasts[1]);
    ELSE
        INSERT INTO @.commands (trial, command, request, first, last)
            SELECT of_trial, given.command, given.request, at_head + given.first, at_head + given.last
            FROM unnest(command_ids, requests, firsts, lasts) AS given (command, request, first, last);
    END IF;
    IF head_note IS NOT NULL AND NOT is_begun THEN
        INSERT INTO @.commands (trial, command, request, first, last)
            VALUES (of_trial, 'heads begun', begun_request, 1, 0);
    END IF;
    IF added > 0 OR head_note IS NOT NULL THEN
        UPDATE @.heads SET size = at_head + added, note = coalesce(head_note, note) WHERE heads.trial = of_trial;
    END IF;

    -- A trigger or a rule of another program may have changed what was written. Those that wait for the commit run now.
    SET CONSTRAINTS ALL IMMEDIATE;
    IF added = 1 AND cardinality(command_ids) = 1 AND head_note IS NULL THEN  -- most appends: one query
        is_kept := EXISTS (
            SELECT FROM @.entries WHERE entries.trial = of_trial AND entries.position = at_head + 1
                AND entries.stream = of_streams[1] AND entries.version = of_versions[1] AND entries.name = of_names[1]
                AND entries.state = of_states[1] AND entries.leaf = of_leaves[1]
        ) AND NOT EXISTS (
            SELECT FROM @.entries WHERE entries.trial = of_trial AND entries.position > at_head + 1
        ) AND EXISTS (
            SELECT FROM @.commands WHERE commands.trial = of_trial AND commands.command = command_ids[1]
                AND commands.request = requests[1] AND commands.first = at_head + firsts[1]
                AND commands.last = at_head + lasts[1]
        ) AND EXISTS (
            SELECT FROM @.heads WHERE heads.trial = of_trial AND heads.size = at_head + 1
                AND heads.note IS NOT DISTINCT FROM kept_note
        );
    END IF;
    IF is_kept THEN
        outcome := 'appended';
        RETURN;
    END IF;
    SELECT count(*), count(*) FILTER (
        WHERE entries.stream = given.stream AND entries.version = given.version AND entries.name = given.name
            AND entries.state = given.state AND entries.leaf = given.leaf
    ) INTO there, kept
        FROM @.entries
        LEFT JOIN unnest(of_streams, of_versions, of_names, of_states, of_leaves) WITH ORDINALITY
            AS given (stream, version, name, state, leaf, number) ON entries.position = at_head + given.number
        WHERE entries.trial = of_trial AND entries.position > at_head;
    IF kept <> added OR there <> added THEN
        RAISE EXCEPTION 'an entry' USING ERRCODE = 'TD002';
    END IF;
    IF cardinality(command_ids) > 0 AND EXISTS (
        SELECT FROM unnest(command_ids, requests, firsts, lasts) AS given (command, request, first, last)
            WHERE NOT EXISTS (
                SELECT FROM @.commands WHERE commands.trial = of_trial AND commands.command = given.command
                    AND commands.request = given.request AND commands.first IS NOT DISTINCT FROM at_head + given.first
                    AND commands.last IS NOT DISTINCT FROM at_head + given.last
            )
    ) THEN
        RAISE EXCEPTION 'a command' USING ERRCODE = 'TD002';
    END IF;
    IF head_note IS NOT NULL AND NOT EXISTS (
        SELECT FROM @.commands WHERE commands.trial = of_trial AND commands.command = 'heads begun'
    ) THEN
        RAISE EXCEPTION 'the command that begins to sign heads' USING ERRCODE = 'TD002';
    END IF;
    IF NOT EXISTS (
        SELECT FROM @.heads WHERE heads.trial = of_trial AND heads.size = at_head + added
            AND heads.note IS NOT DISTINCT FROM coalesce(head_note, kept_note)
    ) THEN
        RAISE EXCEPTION 'the head' USING ERRCODE = 'TD002';
    END IF;
    outcome := 'appended';
END $$;

CREATE FUNCTION @.keep_checkpoint(of_trial text, of_size bigint, of_note text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', '30s', true);
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    PERFORM pg_advisory_xact_lock(1953653869, '@.checkpoints'::regclass::oid::int);
    IF EXISTS (
        SELECT FROM @.checkpoints WHERE checkpoints.trial = of_trial AND checkpoints.size = of_size
            AND checkpoints.note = of_note
    ) THEN
        RETURN;
    END IF;
    INSERT INTO @.checkpoints (trial, size, note) VALUES (of_trial, of_size, of_note);
    SET CONSTRAINTS ALL IMMEDIATE;
    IF NOT EXISTS (
        SELECT FROM @.checkpoints WHERE checkpoints.trial = of_trial AND checkpoints.size = of_size
            AND checkpoints.note = of_note
    ) THEN
        RAISE EXCEPTION 'the checkpoint' USING ERRCODE = 'TD002';
    END IF;
END $$;

CREATE FUNCTION @.give_numbers() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    highest bigint;
BEGIN
    PERFORM set_config('lock_timeout', '30s', true);
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'notification ids need READ COMMITTED' USING ERRCODE = 'TD004';
    END IF;
    PERFORM pg_advisory_xact_lock(1953653869, '@.numbered'::regclass::oid::int);
    SELECT coalesce(max(numbered.id), 0) INTO highest FROM @.numbered;
    INSERT INTO @.numbered (id, trial, position)
        SELECT highest + row_number() OVER (ORDER BY new.earliest, new.position), new.trial, new.position
        FROM (
            SELECT entries.trial, entries.position, min(entries.id) OVER (PARTITION BY entries.trial) AS earliest
            FROM @.heads,
            LATERAL (
                SELECT coalesce(max(numbered.position), 0) AS position FROM @.numbered
                    WHERE numbered.trial = heads.trial
            ) AS done
            JOIN @.entries ON entries.position > done.position
            WHERE heads.size > done.position AND entries.trial = heads.trial
        ) AS new;
    SELECT max(numbered.id) INTO highest FROM @.numbered;
    RETURN highest;
END $$;

CREATE FUNCTION @.move_cursor(of_follower text, of_trial text, to_position bigint, before bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO @.cursors (follower, trial, position) VALUES (of_follower, of_trial, 0) ON CONFLICT DO NOTHING;
    UPDATE @.cursors SET position = to_position
        WHERE cursors.follower = of_follower AND cursors.trial = of_trial AND cursors.position = before;
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION @.append, @.keep_checkpoint, @.give_numbers, @.move_cursor, @.recorded_at FROM PUBLIC;
