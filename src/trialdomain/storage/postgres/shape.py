"""The check that the tables, functions and triggers of a log are as they were made."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

import psycopg

from trialdomain.storage.errors import TablesChanged
from trialdomain.storage.postgres.schema import TABLES

Shape: TypeAlias = dict[str, tuple[str, str]]
"""By kind and name of an object, such as ``index entries_pkey``: the table that it belongs to, and its definition."""

# Each query has a row for each object: its kind and name, its table, and its definition. What differs between the
# versions of PostgreSQL, such as the constraints that NOT NULL makes in version 18, is left out.
_COLUMNS = """
SELECT 'column ' || c.relname || '.' || a.attname, c.relname::text, concat_ws(' ', format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attcollation <> t.typcollation THEN 'COLLATE ' || a.attcollation::regcollation END,
    CASE WHEN a.attnotnull THEN 'NOT NULL' END,
    CASE WHEN a.attidentity <> '' THEN 'IDENTITY ' || a.attidentity::text END,
    CASE WHEN a.attgenerated <> '' THEN 'GENERATED' END, pg_get_expr(d.adbin, d.adrelid),
    CASE WHEN a.attstorage <> t.typstorage OR a.attcompression <> '' THEN 'STORED OTHERWISE' END)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
    AND a.attnum > 0 AND NOT a.attisdropped
"""
_TABLES = """
SELECT CASE c.relkind WHEN 'r' THEN 'table ' WHEN 'S' THEN 'sequence ' WHEN 'v' THEN 'view ' ELSE 'relation ' END
    || c.relname, CASE WHEN c.relkind = 'r' THEN c.relname ELSE '' END,
    concat_ws(' ', c.relkind::text, c.relpersistence::text, CASE WHEN c.relrowsecurity THEN 'row security' END,
    CASE WHEN c.relforcerowsecurity THEN 'FORCED' END,
    CASE WHEN c.relkind = 'r' AND a.amname <> 'heap' THEN 'kept by ' || a.amname END, CASE WHEN EXISTS (
        SELECT FROM pg_inherits i WHERE i.inhparent = c.oid OR i.inhrelid = c.oid
    ) AND c.relkind = 'r' THEN 'inherits' END,
    seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
FROM pg_class c LEFT JOIN pg_am a ON a.oid = c.relam LEFT JOIN pg_sequence s ON s.seqrelid = c.oid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
"""
_INDEXES = """
SELECT 'index ' || c.relname, i.indrelid::regclass::text, concat_ws(' ', pg_get_indexdef(c.oid),
    CASE WHEN NOT i.indisvalid OR NOT i.indisready OR NOT i.indislive THEN 'INVALID' END)
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
_CONSTRAINTS = """
SELECT 'constraint ' || conname, conrelid::regclass::text,
    pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END
FROM pg_constraint WHERE connamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND contype <> 'n'
"""
_TRIGGERS = """
SELECT 'trigger ' || t.tgname, c.relname::text,
    pg_get_triggerdef(t.oid) || CASE t.tgenabled WHEN 'O' THEN '' ELSE ' DISABLED' END
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND (NOT t.tgisinternal OR t.tgconstraint = 0)
"""
_RULES = """
SELECT 'rule ' || r.rulename, c.relname::text, pg_get_ruledef(r.oid)
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND c.relkind = 'r'
"""
_POLICIES = """
SELECT 'policy ' || p.polname, c.relname::text, p.polcmd::text
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
_STATISTICS = """
SELECT 'statistics ' || s.stxname, c.relname::text, pg_get_statisticsobjdef(s.oid)
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
_FUNCTIONS = """
SELECT 'function ' || proname || CASE WHEN prokind = 'f' THEN '' ELSE ' of kind ' || prokind::text END, '',
    concat_ws(' ', pg_get_function_arguments(p.oid), 'RETURNS', pg_get_function_result(p.oid),
    'LANGUAGE', l.lanname, p.provolatile::text, CASE WHEN proisstrict THEN 'STRICT' END,
    CASE WHEN prosecdef THEN 'SECURITY DEFINER' END, array_to_string(proconfig, ', '),
    CASE WHEN prosqlbody IS NULL THEN prosrc ELSE pg_get_function_sqlbody(p.oid) END)
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) ORDER BY p.oid
"""
_TYPES = """
SELECT 'type ' || typname, '', typtype::text FROM pg_type
WHERE typnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND typrelid = 0 AND typcategory <> 'A'
"""
_OPERATORS = """
SELECT 'operator ' || oprname, '', o.oid::regoperator::text FROM pg_operator o
WHERE oprnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
_COLLATIONS = """
SELECT 'collation ' || collname, '', collprovider::text FROM pg_collation
WHERE collnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
_OTHERS = """
SELECT kind || ' ' || name, '', '' FROM (
    SELECT 'text search configuration', cfgname, cfgnamespace FROM pg_ts_config UNION ALL
    SELECT 'text search dictionary', dictname, dictnamespace FROM pg_ts_dict UNION ALL
    SELECT 'text search parser', prsname, prsnamespace FROM pg_ts_parser UNION ALL
    SELECT 'text search template', tmplname, tmplnamespace FROM pg_ts_template UNION ALL
    SELECT 'conversion', conname, connamespace FROM pg_conversion UNION ALL
    SELECT 'operator family', opfname, opfnamespace FROM pg_opfamily UNION ALL
    SELECT 'operator class', opcname, opcnamespace FROM pg_opclass
) AS of_a_schema (kind, name, namespace)
WHERE namespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
"""
"""The other kinds of objects that a schema can have."""
_ALL = (
    _TABLES,
    _COLUMNS,
    _INDEXES,
    _CONSTRAINTS,
    _TRIGGERS,
    _RULES,
    _POLICIES,
    _STATISTICS,
    _FUNCTIONS,
    _TYPES,
    _OPERATORS,
    _COLLATIONS,
    _OTHERS,
)


def shape_of(connection: psycopg.Connection[Any], schema: str) -> Shape:
    """Describe what is in a schema, with the schema's name before every name in it."""
    found: Shape = {}
    with connection.transaction():
        connection.execute("SET LOCAL search_path = ''")  # then every name is written with its schema
        connection.execute("SET LOCAL quote_all_identifiers = off")
        for query in _ALL:
            for name, table, told in connection.execute(query.encode(), (schema,)):
                before = f"{found[str(name)][1]}; and " if str(name) in found else ""
                found[str(name)] = str(table).rpartition(".")[2], before + str(told)
    return found


@cache
def made() -> Shape:
    """Return the shape of a new log; ``@`` stands for the name of its schema."""
    text = files(__package__).joinpath("shape.json").read_text(encoding="utf-8")
    return {name: (table, told) for name, (table, told) in json.loads(text).items()}


def differences(found: Shape, quoted: str, *, of_tables: bool = False) -> Iterator[str]:
    """Say, in words, what is missing from a schema, was changed in it, or was added to it.

    Args:
        found: the shape of the schema.
        quoted: the name of the schema, as the server writes it in SQL.
        of_tables: leave out what was added without changing a table of the log, such as another table.
    """
    expected = {name: (table, told.replace("@.", f"{quoted}.")) for name, (table, told) in made().items()}
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield f"the {name} is missing from the database"
        elif name not in expected:
            if not of_tables or found[name][0] in TABLES:
                yield f"the {name} was added to the database, and no log has it"
        elif found[name] != expected[name]:
            yield f"the {name} of the database was changed"


def refuse_changed(connection: psycopg.Connection[Any], schema: str, quoted: str, place: str) -> None:
    """Refuse to write to a log that is not as it was made.

    Raises:
        TablesChanged: something is missing or was changed, or a table of the log has something more.
    """
    for why in differences(shape_of(connection, schema), quoted, of_tables=True):
        raise TablesChanged(path=place, why=why)
