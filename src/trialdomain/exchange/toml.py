"""A protocol as TOML, for people to write and to keep beside their code.

A file has only the parameters that differ from the defaults. Numbers are read exactly as written. An invalid file is
refused with all its faults at once, each with its place.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
import msgspec
import tomli_w

from trialdomain.errors import LogUnusable, TrialError
from trialdomain.exchange.decision_table import rows_from_csv
from trialdomain.protocol.designs import DESIGNS, MOST_LEVELS, DesignSpec, IntervalSpec, TableRow
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import FAMILIES
from trialdomain.protocol.endpoints.parts import FebrileNeutropenia
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.endpoints.standard import STANDARD_ENDPOINTS
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.in_part import InPart, checks_of, faults_of, is_whole, part_of
from trialdomain.protocol.presets.endpoints import PRESETS, endpoint_rules
from trialdomain.protocol.role_table import table_faults
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.plain_files import open_plain
from trialdomain.values.clinical.scale import CTCAE_5_0, Scale, ScaleUnknown, scale_of
from trialdomain.values.given.chosen import wrong_kind
from trialdomain.values.given.filename import is_no_file, named, unread
from trialdomain.values.word import Word

_MOST_BYTES = 1 << 24
"""The most bytes of a protocol file; a protocol of ours has 30 kB."""
_NONE = "none"
"""The word that unsets a parameter with a default, because TOML has no null."""


def read_protocol(path: str | Path) -> TrialProtocol:
    """Read a protocol from a TOML file.

    Raises:
        ProtocolInvalid: it names every fault at once; a file that is no text in UTF-8 has that one.
        LogUnusable: the file cannot be read.
    """
    return protocol_from_toml(_text_of(path), folder=Path(path).parent)


def _text_of(path: str | Path) -> str:
    try:
        found = named(path)
        if is_no_file(found):
            raise LogUnusable(f"{path} is a folder, a pipe or a device: name the file with the protocol")
        with open_plain(found) as file:
            read = file.read(_MOST_BYTES + 1)
        if len(read) > _MOST_BYTES:
            raise ProtocolInvalid(
                [f"it has more than {_MOST_BYTES} bytes, and cannot be a protocol: name another file"]
            )
        text = read.decode("utf-8-sig")
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None
    except UnicodeDecodeError as error:
        raise ProtocolInvalid(
            [f"it is not UTF-8 at byte {error.start + 1}: write the protocol as TOML, in UTF-8"]
        ) from None
    return text


def protocol_from_toml(text: str, *, folder: Path | None = None) -> TrialProtocol:
    """Read a protocol from TOML.

    Args:
        text: the protocol.
        folder: the folder of the files that the protocol names; by default the current one.

    Raises:
        ProtocolInvalid: it names every fault at once.
    """
    return protocol_from_table(_table(text), folder=folder)


@attrs.frozen
class DesignFile:
    """A design, and the number of dose levels."""

    spec: DesignSpec
    levels: int
    protocol: TrialProtocol | None
    """The protocol, if the file is a complete protocol."""


def read_design(path: str | Path) -> DesignFile:
    """Read a design from a TOML file: ``levels = 5`` and ``[design]``, or a complete protocol.

    Raises:
        ProtocolInvalid: it names every fault at once, or has no design.
        LogUnusable: the file cannot be read.
    """
    table, folder = _table(_text_of(path)), Path(path).parent
    levels = table.get("levels")
    if isinstance(levels, list):
        protocol = protocol_from_table(table, folder=folder)
        if protocol.design is None:
            raise ProtocolInvalid(["design: the protocol has none: name one in [design]"])
        return DesignFile(protocol.design, len(protocol.levels), protocol)
    faults = [f"{name}: there is no such parameter beside levels and [design]" for name in table.keys() - _OF_A_DESIGN]
    spec = _read_design(_with_rows(table.get("design"), folder, faults), "design", faults)
    if not isinstance(levels, int) or isinstance(levels, bool) or not 1 <= levels <= MOST_LEVELS:
        faults.append(f"levels: expected a whole number from 1 to {MOST_LEVELS}, or the levels of a protocol")
    elif isinstance(spec, DesignSpec):
        faults += faults_of([partial(spec.unfit, levels)])
    if faults or not isinstance(spec, DesignSpec) or not isinstance(levels, int):
        raise ProtocolInvalid(faults)
    return DesignFile(spec, levels, None)


_OF_A_DESIGN = {"levels", "design"}


def _table(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ProtocolInvalid([f"it is not TOML: {error}"]) from None
    except ArithmeticError:
        raise ProtocolInvalid(["it has a number with an exponent that no parameter has: correct it"]) from None


def protocol_from_table(table: dict[str, Any], *, folder: Path | None = None) -> TrialProtocol:
    """Read a protocol from the table of its TOML.

    Args:
        table: the table, with decimals for fractions.
        folder: the folder of the files that the protocol names; by default the current one.

    Raises:
        ProtocolInvalid: it names every fault at once.
    """
    faults: list[str] = []
    if "design" in table:
        table = table | {"design": _with_rows(table["design"], folder, faults)}
    protocol = _read(TrialProtocol, table, "", faults)
    if isinstance(protocol, TrialProtocol):
        faults += faults_of([lambda: table_faults(protocol.roles)])
    if faults or not isinstance(protocol, TrialProtocol):
        raise ProtocolInvalid(faults)
    return protocol


_TOLD: Any = object()
"""A value that cannot be read, of which the fault is told already."""


def _with_rows(design: Any, folder: Path | None, faults: list[str]) -> Any:
    """Read the rows of a decision table from the CSV file that the design names, or from short lists.

    A protocol holds the rows, not the name of the file.
    """
    if not isinstance(design, dict) or design.get("name") != _BY_TABLE:
        return design
    found = {name: value for name, value in design.items() if name != "file"}
    if "file" in design:
        if "rows" in design:
            faults.append("design: rows and file are both given: choose one")
        found["rows"] = _rows_of_file(design["file"], folder, faults)
    rows = found.get("rows")
    if isinstance(rows, list):
        found["rows"] = [_as_table(row, f"design.rows[{at}]", faults) for at, row in enumerate(rows, start=1)]
    return found


def _rows_of_file(file: Any, folder: Path | None, faults: list[str]) -> Any:
    if not isinstance(file, str) or not file.strip():
        faults.append("design.file: expected the name of a CSV file beside this one")
        return _TOLD
    try:
        return rows_from_csv(_text_of((folder or Path()) / file))
    except ProtocolInvalid as error:
        faults += [f"design.file: {file}: {fault}" for fault in error.faults]
    except TrialError as error:
        faults.append(f"design.file: {error}")
    return _TOLD


def _as_table(row: Any, place: str, faults: list[str]) -> Any:
    """Convert a row such as ``[3, 0, "escalate"]`` into a table with the names of its values."""
    if not isinstance(row, list):
        return row
    if len(row) != len(_ROW):
        faults.append(f'{place}: expected [evaluable, DLTs, decision], such as [3, 0, "escalate"]')
        return _TOLD
    return dict(zip(_ROW, row, strict=True))


_BY_TABLE = "table"
_ROW = ("n", "dlt", "decision")


def protocol_to_toml(protocol: TrialProtocol) -> str:
    """Encode a protocol as TOML with exact numbers; parameters that are not set are left out."""
    return tomli_w.dumps(protocol_to_table(protocol))


def protocol_to_table(protocol: TrialProtocol) -> dict[str, Any]:
    """Return the table that the TOML of a protocol has."""
    table: dict[str, Any] = _written(protocol)
    return table


def _written(value: Any) -> Any:
    if isinstance(value, TableRow):
        return [value.n, value.dlt, value.decision.value]
    if isinstance(value, Endpoint):
        return {name: inner for name, inner in _fields_written(value).items() if inner not in ("", [])}
    if isinstance(value, Scale):
        return value.text
    if isinstance(value, DltCriterion | DltCompanion):
        return {name: inner for name, inner in _fields_written(value).items() if inner not in ([], False)}
    if attrs.has(type(value)):
        return _fields_written(value)
    if isinstance(value, tuple):
        return [_written(inner) for inner in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else value
    return value if isinstance(value, bool | int | str) else msgspec.to_builtins(value)


def _fields_written(value: Any) -> dict[str, Any]:
    derived = value.derived if isinstance(value, DesignSpec) else ()
    fields = {
        field.name: getattr(value, field.name) for field in attrs.fields(type(value)) if field.name not in derived
    }
    unset = {field.name for field in attrs.fields(type(value)) if field.default is None}
    return {
        name: _NONE if inner is None else _written(inner)
        for name, inner in fields.items()
        if inner is not None or name not in unset
    }


def _read(kind: Any, value: Any, place: str, faults: list[str], base: Any = None) -> Any:
    """Convert a value to a type. Add each fault to the list and continue, so that all faults are found.

    Args:
        kind: the type to convert to.
        value: the value in the file.
        place: the path of the value, for the faults.
        faults: the faults found so far.
        base: the default: a table with some of the fields keeps the other fields of the default.
    """
    if get_origin(kind) in {Union, UnionType}:
        if value == _NONE and NoneType in get_args(kind):
            return None
        kind = Union[tuple(one for one in get_args(kind) if one is not NoneType)]  # noqa: UP007 - of what remains
    if kind is DesignSpec:
        return _read_design(value, place, faults)
    if kind == tuple[Endpoint, ...]:
        return _read_endpoints(value, place, faults, base)
    if kind is Scale:
        return _read_scale(value, place, faults)
    if attrs.has(kind):
        return _read_class(kind, value, place, faults, base)
    if get_origin(kind) is tuple:
        return _read_array(get_args(kind)[0], value, place, faults)
    return _converted(kind, value, place, faults)


def _converted(kind: Any, value: Any, place: str, faults: list[str]) -> Any:
    given = value
    if kind is Decimal and isinstance(value, int | str) and not isinstance(value, bool):
        value = str(value)
    try:
        return msgspec.convert(value, kind, strict=not isinstance(value, Decimal) or kind is Decimal)
    except msgspec.ValidationError as error:
        faults.append(wrong_kind(place, kind, given) if _is_named(kind) else f"{place or 'it'}: {error}")
    except ValueError as error:
        faults.append(f"{place or 'it'}: {error}")
    return None


def _is_named(kind: Any) -> bool:
    """Return whether a type has a name in plain words: a word of a list, a text, a number."""
    return kind in {bool, int, str, Decimal} or (isinstance(kind, type) and issubclass(kind, Word))


def _read_scale(value: Any, place: str, faults: list[str]) -> Any:
    """Read a scale from its text, such as ``"CTCAE 4.03"``."""
    if value == _NONE:
        faults.append(f"{place}: a grade always has a scale: name it, or leave {place} out for {CTCAE_5_0}")
        return None
    try:
        return scale_of(value)
    except ScaleUnknown as error:
        faults.append(f"{place}: {error}")
        return None


def _read_array(kind: Any, value: Any, place: str, faults: list[str]) -> Any:
    if not isinstance(value, list):
        if value is not _TOLD:
            faults.append(f"{place}: expected an array, got {type(value).__name__}")
        return None
    read = [_read(kind, inner, f"{place}[{at}]", faults) for at, inner in enumerate(value, start=1)]
    found = [one for one in read if one is not None]
    return tuple(found) if len(found) == len(read) else InPart(found)


def _read_design(value: Any, place: str, faults: list[str]) -> Any:
    """Read the parameters of the design that ``name`` selects."""
    if not isinstance(value, dict):
        such = next(iter(DESIGNS))
        faults.append(
            f'{place}: expected a table [{place}] with a name, such as name = "{such}", or "{_NONE}", '
            f"got {type(value).__name__}"
        )
        return None
    name = value.get("name")
    kind = DESIGNS.get(name) if isinstance(name, str) else None
    if kind is None:
        given = "is missing" if name is None else f"is {name!r}"
        faults.append(f"{_at(place, 'name')}: {given}: name one of {', '.join(DESIGNS)}")
        return None
    made = _read_class(kind, value, place, faults, None)
    table = value.get("table")
    if isinstance(made, IntervalSpec) and isinstance(table, dict) and table.get("made_for") != made.bounds.made_for:
        faults.append(
            f"{_at(place, 'table.made_for')}: this table was made for {str(table.get('made_for'))[:80]!r}, and the "
            f"parameters are {made.bounds.made_for!r}: leave out [{place}.table], which is made from them, or use the "
            f"design table with rows of your own"
        )
        return None
    return made


def _read_endpoints(value: Any, place: str, faults: list[str], shared: Any) -> tuple[Endpoint, ...]:
    """Read the endpoints that a protocol derives: an array lists all of them, a table changes the standard ones.

    In a table, each key is the code of an endpoint. ``"none"`` removes the endpoint. A table with a ``family`` defines
    a new one. A table without a ``family`` changes the standard endpoint of that code. ``shared`` is the protocol's
    rule of febrile neutropenia; an endpoint may override some of its fields.
    """
    if isinstance(value, list):
        each = [_read_endpoint(one, None, f"{place}[{at}]", faults, shared) for at, one in enumerate(value, start=1)]
        return tuple(one for one in each if one is not None)
    if not isinstance(value, dict):
        faults.append(f"{place}: expected a table [{place}.ID] for each endpoint, got {type(value).__name__}")
        return ()
    found: dict[str, Endpoint] = {one.id: one for one in STANDARD_ENDPOINTS}
    known: dict[str, str] = {one.casefold(): one for one in found}
    for written, given in value.items():
        code: str = known.get(written.casefold()) or written
        at = f"{place}.{written}"
        standard = found.get(code)
        if given == _NONE:
            if standard is None:
                faults.append(f"{at}: there is no such endpoint to leave out: there are {', '.join(found)}")
            found.pop(code, None)
            continue
        if isinstance(given, dict) and "id" in given:
            faults.append(f"{at}.id: the name of the table is the code: leave it out")
            continue
        inner = {"id": written if standard is None else code, **given} if isinstance(given, dict) else given
        if (read := _read_endpoint(inner, standard, at, faults, shared)) is not None:
            found[code] = read
    return tuple(found.values())


def _read_endpoint(
    value: Any, standard: Endpoint | None, place: str, faults: list[str], shared: Any
) -> Endpoint | None:
    """Read one endpoint: its family selects the class; without a family, it changes the standard endpoint."""
    if not isinstance(value, dict):
        faults.append(f'{place}: expected a table with a family, or "{_NONE}", got {type(value).__name__}')
        return None
    family = value.get("family", None if standard is None else standard.family)
    kind = FAMILIES.get(family) if isinstance(family, str) else None
    if kind is None:
        given = "is missing" if family is None else f"is {family!r}"
        faults.append(f"{_at(place, 'family')}: {given}: name one of {', '.join(FAMILIES)}")
        return None
    base = standard if standard is not None and type(standard) is kind else None
    read: Endpoint | None = _read_class(kind, value, place, faults, base, parts={"rule": shared})
    return read


def _read_class(
    kind: Any, value: Any, place: str, faults: list[str], base: Any, *, parts: Mapping[str, Any] = MappingProxyType({})
) -> Any:
    if not isinstance(value, dict):
        if value is not _TOLD:
            faults.append(f"{place or 'it'}: expected a table, got {type(value).__name__}")
        return part_of(kind, {}, [])
    if kind is EndpointRules:
        value, base = _with_presets(value, place, faults)
    hints = get_type_hints(kind)
    fields = {field.name: field for field in attrs.fields(kind)}
    before = len(faults)
    unknown = [name for name in value if name not in fields]
    faults += [f"{_at(place, name)}: there is no such parameter{_nearest(name, fields)}" for name in unknown]
    given: dict[str, Any] = {} if base is None else {name: getattr(base, name) for name in fields}
    if kind is DltRule and "criteria" in value:
        given.pop("min_grade", None)  # the rows replace the default row of a grade alone
    unread = _misspelt(kind, unknown, [name for name in fields if name not in value])
    for name, field in sorted(
        fields.items(), key=lambda one: one[0] == "derived"
    ):  # "derived" last: it uses the shared rule
        if name in value:
            so_far = len(faults)
            default = parts.get(name) or (_default(field) if base is None else getattr(base, name))
            if hints[name] == tuple[Endpoint, ...]:
                default = _shared(given)
            given[name] = _read(hints[name], value[name], _at(place, name), faults, default)
            if given[name] is None and (len(faults) > so_far or value[name] is _TOLD):
                unread.add(name)
        elif field.default is attrs.NOTHING and base is None:
            faults.append(f"{_at(place, name)}: is missing")
            unread.add(name)
    read = {name: one for name, one in given.items() if name not in unread}
    whole = len(faults) == before and not unread and is_whole(tuple(read.values()))
    found, made = _made(kind, read) if whole else _made_in_part(kind, read, unread)
    faults += [f"{place}: {fault}" if place else fault for fault in found]
    return made


def _nearest(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name.lower(), known, 1)
    return f": did you mean {near[0]}?" if near else ""


def _misspelt(kind: Any, unknown: Sequence[str], absent: Sequence[str]) -> set[str]:
    """Return the parameters that an unknown name may mean: their defaults are not what the file says.

    In a row of the DLT rule it may mean any of them, since a row without terms and category is about every event.
    """
    if unknown and kind in {DltCriterion, DltCompanion}:
        return set(absent)
    return {near for name in unknown for near in get_close_matches(name.lower(), absent, len(absent) or 1)}


def _shared(given: Mapping[str, Any]) -> FebrileNeutropenia:
    """Return the rule of febrile neutropenia that the endpoints share; the default if it cannot be read."""
    rule = given.get("febrile_neutropenia")
    return rule if isinstance(rule, FebrileNeutropenia) and is_whole(rule) else FebrileNeutropenia()


def _made(kind: Any, read: dict[str, Any]) -> tuple[Sequence[str], Any]:
    """Make an object, and return its faults; one with a fault is made in part."""
    found: list[str] = []
    try:
        return (), kind(**read)
    except ProtocolInvalid as error:
        return error.faults, part_of(kind, _defaults(kind) | read, [])
    except (ValueError, TypeError, ArithmeticError) as error:
        part = part_of(kind, _defaults(kind) | read, found)
        return found or [str(error)], part


def _made_in_part(kind: Any, read: dict[str, Any], unread: set[str]) -> tuple[Sequence[str], Any]:
    """Make an object of the fields that could be read, and return the faults of these."""
    defaults = {name: one for name, one in _defaults(kind).items() if name not in unread}
    found: list[str] = []
    part = part_of(kind, defaults | read, found)
    return [*found, *(faults_of(checks_of(part)) if hasattr(kind, "checks") else _own_faults(kind, read))], part


def _own_faults(kind: Any, read: Mapping[str, Any]) -> Sequence[str]:
    """Return the faults of a class without separate checks, with its defaults for what could not be read."""
    if not hasattr(kind, "__attrs_post_init__"):
        return ()
    try:
        kind(**{name: one for name, one in read.items() if is_whole(one)})
    except ProtocolInvalid as error:
        return error.faults
    except (ValueError, TypeError, ArithmeticError):
        pass  # of a field that could not be read
    return ()


def _defaults(kind: Any) -> dict[str, Any]:
    """Return the defaults of the fields that have one."""
    found = {field.name: field.default for field in attrs.fields(kind) if field.default is not attrs.NOTHING}
    return {name: one.factory() if hasattr(one, "factory") else one for name, one in found.items()}


def _default(field: Any) -> Any:
    """Return the default of a field, if it is an attrs class; otherwise None."""
    factory = getattr(field.default, "factory", None)
    made = field.default if factory is None else factory()
    return made if attrs.has(type(made)) else None


def _with_presets(value: dict[str, Any], place: str, faults: list[str]) -> tuple[dict[str, Any], EndpointRules]:
    """Separate the presets that a table of endpoints selects by name, and return the rest with the resulting rules."""
    chosen = {name: one for name, one in value.items() if name in PRESETS and not isinstance(one, dict)}
    try:
        base = endpoint_rules(**chosen)
    except ProtocolInvalid as error:
        faults += [f"{place}: {fault}" for fault in error.faults]
        base = EndpointRules()
    return {name: one for name, one in value.items() if name not in chosen}, base


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
