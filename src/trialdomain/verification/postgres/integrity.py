"""Checks of what PostgreSQL keeps beside the values: constraints, indexes, counters, and the sizes in heads.

A superuser can change rows while a constraint or an index is switched off in the catalog. So nothing that the catalog
says about the rows is believed: each constraint is evaluated here again, and each index is compared with its table.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from trialdomain.values.given.plural import how_many, n_entries, singular_or
from trialdomain.verification.defect import Defect, What, of_row, shortened

_BROKEN = """
SELECT count(*) FILTER (WHERE octet_length(leaf) <> 32), count(*) FILTER (WHERE position <= 0),
    count(*) FILTER (WHERE version < 0), count(*) FILTER (WHERE trial <> split_part(stream, '/', 1)),
    count(*) FILTER (WHERE num_nulls(id, trial, position, stream, version, name, state, leaf) > 0)
FROM ONLY @.entries
"""
_CONSTRAINTS = (
    "its leaf must have 32 bytes",
    "its position must be above 0",
    "its version must not be below 0",
    "its stream must be of its trial",
    "it must have a value in each column",
)
_FOREIGN = """
SELECT CASE WHEN octet_length(trial) <= 4096 THEN trial END, position,
    CASE WHEN octet_length(stream) <= 4096 THEN stream END, version
FROM ONLY @.entries WHERE trial <> split_part(stream, '/', 1) LIMIT 1000
"""
_INDEXES = {
    "entries_by_stream": ("stream", "version"),
    "entries_by_position": ("trial", "position"),
}
_BY_INDEX = """
SELECT count(*), coalesce(sum(hashtextextended({text}, {number})), 0),
    count(*) FILTER (WHERE ({text}, {number}) <= (earlier_text, earlier))
FROM (
    SELECT {text}, {number}, lag({text}) OVER by_index AS earlier_text, lag({number}) OVER by_index AS earlier
    FROM ONLY @.entries WINDOW by_index AS (ORDER BY {text}, {number})
) AS in_order
"""
_BY_TABLE = "SELECT count(*), coalesce(sum(hashtextextended({text}, {number})), 0) FROM ONLY @.entries"
_AVOIDED = {
    True: ("enable_seqscan", "enable_bitmapscan", "enable_sort"),
    False: ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
}
"""By whether an index is to be read: the ways of reading that the server must avoid."""
_SIZES = """
SELECT coalesce(h.trial, e.trial), h.many, h.size, e.last
FROM (
    SELECT trial, count(*) AS many, max(size) AS size FROM ONLY @.heads WHERE octet_length(trial) <= 200 GROUP BY trial
) AS h
FULL JOIN (
    SELECT trial, max(position) AS last FROM ONLY @.entries WHERE octet_length(trial) <= 200 GROUP BY trial
) AS e ON h.trial = e.trial
WHERE h.size IS DISTINCT FROM coalesce(e.last, 0) OR h.many <> 1 ORDER BY 1 LIMIT 1000
"""
_COUNTER = """
SELECT s.last_value, s.max_value, (SELECT max(id) FROM ONLY @.entries)
FROM pg_catalog.pg_sequences AS s
JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname
JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = s.sequencename
WHERE s.schemaname = %s AND s.sequencename = 'entries_id_seq'
    AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT, USAGE')
"""
"""A counter that gave out no number yet has no last value; a role without the right sees none either."""
_NUMBERED = """
SELECT count(*), count(*) FILTER (WHERE id <> nth), count(*) FILTER (WHERE position <> nth_of_trial),
    count(*) FILTER (WHERE NOT EXISTS (
        SELECT FROM ONLY @.entries AS e WHERE e.trial = given.trial AND e.position = given.position
    ))
FROM (
    SELECT id, trial, position, row_number() OVER (ORDER BY id) AS nth,
        row_number() OVER (PARTITION BY trial ORDER BY id) AS nth_of_trial
    FROM ONLY @.numbered
) AS given
"""


class Integrity:
    """Checks the tables of a log.

    Args:
        ask: reads all rows of a query; ``@`` in it stands for the schema.
        tables: the tables that can be read.
        schema: the name of the log's schema.
    """

    def __init__(self, ask: Callable[..., list[Any]], tables: Collection[str], schema: str) -> None:
        self._ask, self._tables, self._schema = ask, tables, schema

    def number(self) -> int:
        """Return the number of entries, by the table and not by an index."""
        return int(self._read_by("SELECT count(*) FROM ONLY @.entries", index=False)[0][0])

    def defects(self) -> Iterator[Defect]:
        """Yield the defects of the table of entries, and of the sizes in the table of heads."""
        yield from self._broken()
        yield from self._indexes()
        if "heads" in self._tables:
            yield from self._sizes()
        for counter, most, highest in self._ask(_COUNTER, self._schema):
            if highest is not None and (counter or 0) < highest:
                at = "at its beginning" if counter is None else f"at {counter}"
                why = (
                    f"the counter of row numbers is {at}, but the last row has number {highest}: it was set back, and "
                    f"the next appends would fail"
                )
                yield Defect(what=What.STRUCTURE, why=why)
            elif counter is not None and counter > most // 2:  # no log has given out as many
                why = (
                    f"the counter of row numbers is at {counter}, near its end, but the last row has number "
                    f"{highest or 0}: it was set forward, and appends would fail"
                )
                yield Defect(what=What.STRUCTURE, why=why)

    def _broken(self) -> Iterator[Defect]:
        """Evaluate the constraints of the table of entries."""
        (found,) = self._ask(_BROKEN)
        for many, must in zip(found, _CONSTRAINTS, strict=True):
            if many:
                rows, are = how_many(many, "row"), singular_or(many, "does", "do")
                why = f"{rows} of entries {are} not fit a constraint of the table: {must}"
                yield Defect(what=What.STRUCTURE, why=why)
        if found[3]:
            why = "the entry is stored under trial {}, but its stream is of another trial"
            for trial, *place in self._ask(_FOREIGN):
                named = shortened(trial)
                yield of_row(What.MISPLACED, why.format(named), (place[0], place[1], place[2]), trial=named)

    def _indexes(self) -> Iterator[Defect]:
        """Compare each index of entries with its table, because whoever reads by an index sees what it has."""
        for index, (text, number) in _INDEXES.items():
            ((many, total, wrong),) = self._read_by(_BY_INDEX.format(text=text, number=number), index=True)
            ((of_table, total_of_table),) = self._read_by(_BY_TABLE.format(text=text, number=number), index=False)
            if (many, total) != (of_table, total_of_table):
                why = f"the index {index} has other entries than its table: it was not kept with it"
                yield Defect(what=What.STRUCTURE, why=why)
            elif wrong:
                why = f"the index {index} is out of order, or has a {text} and {number} twice"
                yield Defect(what=What.STRUCTURE, why=why)

    def _read_by(self, query: str, *, index: bool) -> list[Any]:
        """Ask the server in one way of reading."""
        for name in _AVOIDED[index]:
            self._ask("SELECT pg_catalog.set_config(%s, 'off', true)", name)
        found = self._ask(query)
        for name in _AVOIDED[index]:
            self._ask("SELECT pg_catalog.set_config(%s, 'on', true)", name)
        return found

    def _sizes(self) -> Iterator[Defect]:
        """Compare the table of heads with the entries: its row says how many a trial has."""
        for trial, many, size, last in self._ask(_SIZES):
            if many is None:
                why = "the table of heads has no row of the trial: it was removed, or the entries were added"
            elif many > 1:
                why = f"the table of heads has {many} rows of the trial"
            else:
                why = (
                    f"the table of heads says that the trial has {n_entries(size)}, but they end at position "
                    f"{last or 0}: entries were removed or added, or the row was changed"
                )
            yield Defect(what=What.STRUCTURE, why=why, trial=shortened(trial))

    def numbering(self) -> str | None:
        """Check the notification ids: from 1, each once, in the order of positions within a trial.

        Returns:
            What is wrong with them; None where nothing is.
        """
        if "numbered" not in self._tables:
            return None
        ((number, not_next, out_of_order, of_none),) = self._ask(_NUMBERED)
        if not_next:
            return (
                f"the notification ids of the table numbered, {number} in all, do not run from 1, each once: rows were "
                f"removed or added"
            )
        if of_none:
            return (
                f"the table numbered gives {how_many(of_none, 'notification id')} to entries that the log does not have"
            )
        if out_of_order:
            return "the table numbered has the entries of a trial out of their order, or not all of the first ones"
        return None
