"""The codec: converts entries to the bytes that are stored and hashed, and back.

A state is RFC 8785 canonical JSON: ``{"fact":{...},"meta":{...}}`` with sorted keys, decimals and times as strings, and
no binary floats. So an export can carry it as nested JSON, ``jq -cS`` gives back the hashed bytes, and a log can be
verified without this software. The codec decodes only known stored names; it never resolves a name to a module.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from types import NoneType
from typing import Annotated, Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from trialdomain.errors import InputInvalid, LogCorrupt
from trialdomain.events.cohort import CohortOpened, EscalationDecided
from trialdomain.events.participant import Infused, LabRecorded
from trialdomain.events.recorded import EntryRef, Envelope, Fact, Meta, Source, opened
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import (
    DoseRecommended,
    MtdDeclared,
    MtdNotEstablished,
    ProtocolAmended,
    TrialRegistered,
)
from trialdomain.protocol.designs import DESIGNS, DesignSpec
from trialdomain.protocol.endpoints.endpoint import Endpoint
from trialdomain.protocol.endpoints.families import FAMILIES
from trialdomain.storage.upcasts import UPCASTS
from trialdomain.values.calendar import FIRST_YEAR, LAST_YEAR
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.chosen import wrong_kind

T = TypeVar("T")
F = TypeVar("F")
_LARGEST_INTEGER = 2**53 - 1
_LONG_NUMBER = re.compile(rb"[:,\[]-?[0-9]{16}")
"""Finds a whole number with at least 16 digits, or a text that looks like one."""
LARGEST_STATE = 4 * 1024 * 1024
"""Bytes: the largest state of a fact."""


class StateMalformed(LogCorrupt):
    """An entry's stored name or state cannot be read."""

    code = "state-malformed"

    def __init__(self, *, name: str, why: str) -> None:
        super().__init__(f"an entry named {str(name)[:80]!r} cannot be read: {why[:400]}")
        self.name, self.why = name, why


class _Meta(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """The envelope in its stored form; a field without a value is not stored."""

    recorded_at: Annotated[datetime, msgspec.Meta(tz=True)]
    user: str
    command: str
    part: int
    parts: int
    caused_by: EntryRef | None = None
    corrects: int | None = None
    reason: str | None = None
    deviation: str | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        """Refuse a part that its command does not have, and a year that no trial has; runs for every entry."""
        if not (1 <= self.part <= self.parts and FIRST_YEAR <= self.recorded_at.year <= LAST_YEAR):
            raise ValueError(f"no command recorded a part {self.part} of {self.parts} at {self.recorded_at}")


class _State(msgspec.Struct, Generic[T], frozen=True, forbid_unknown_fields=True, gc=False):
    fact: T
    meta: _Meta


def _encode_other(value: object) -> str:
    if isinstance(value, ClinicalTime):
        return value.text
    raise TypeError(f"{type(value).__name__} has no stored form")


def _decode_other(kind: type, value: object) -> object:
    if kind is ClinicalTime and isinstance(value, str):
        return _clinical_time(value)
    if kind is DesignSpec:
        return _design(value)
    if kind is Endpoint:
        return _endpoint(value)
    raise TypeError(f"{kind.__name__} has no stored form")


def _design(value: object) -> DesignSpec:
    """Read the parameters of a design; its name selects the class, because msgspec reads no union of attrs classes."""
    if isinstance(value, str):
        raise ValueError(f"the design {value!r} is a text, as unreleased versions wrote it: record the trial again")  # noqa: TRY004 - the value is stored
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in DESIGNS:
        raise ValueError(f"a design is one of {', '.join(DESIGNS)}, got {str(name)[:80]!r}")
    return msgspec.convert(value, DESIGNS[name])


def _endpoint(value: object) -> Endpoint:
    """Read an endpoint; its family selects the class."""
    family = value.get("family") if isinstance(value, dict) else None
    if not isinstance(family, str) or family not in FAMILIES:
        raise ValueError(f"an endpoint is of one of {', '.join(FAMILIES)}, got {str(family)[:80]!r}")
    return msgspec.convert(value, FAMILIES[family])


_clinical_time = lru_cache(maxsize=4_096)(ClinicalTime)
"""A cache of times: they are immutable, and the facts of one visit have the same time."""
_ENCODER = msgspec.json.Encoder(enc_hook=_encode_other, order="sorted", decimal_format="string")
# msgspec builds what it knows of a class when it first meets the class, and another thread that meets it meanwhile
# crashes the process. So every class that is decoded is met here, under the lock of the import.
_SELECTED_BY_NAME = [msgspec.json.Decoder(kind) for kind in (*DESIGNS.values(), *FAMILIES.values())]
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(_State[kind], dec_hook=_decode_other)  # type: ignore[valid-type]  # a class made at run time
    for kind, name in NAMES.items()
}


_PER = b'"per":null,'
_LEFT_OUT: Mapping[type, tuple[bytes, ...]] = {
    LabRecorded: (b'"specimen":null,',),
    Infused: (b'"bsa_m2":null,', _PER),
    CohortOpened: (_PER,),
    TrialRegistered: (_PER,),
    ProtocolAmended: (_PER,),
    EscalationDecided: (_PER,),
    MtdDeclared: (_PER,),
    MtdNotEstablished: (_PER,),
    DoseRecommended: (_PER,),
}
"""By kind of fact: the bytes of the fields that were added to its stored shape, where such a field is empty.

The encoder leaves these bytes out, so that the states from before the addition keep their bytes. A text cannot contain
these bytes, because JSON escapes its quotation marks.
"""


_WHOLE = frozenset(NAMES[kind] for kind in (TrialRegistered, ProtocolAmended))
"""The stored names whose states are always read strictly.

A missing parameter of a protocol would silently get its default of today. So a protocol in the form of an unreleased
version is refused; a later form gets a name of its own, and an upcast.
"""


def encode(fact: Fact, meta: Envelope) -> tuple[str, bytes]:
    """Encode an entry; return its stored name and its state."""
    return NAMES[type(fact)], _written(_State(fact, on_the_wire(meta)))


def _written(state: "_State[Any]") -> bytes:
    found = _ENCODER.encode(state)
    for left_out in _LEFT_OUT.get(type(state.fact), ()):
        found = found.replace(left_out, b"")
    return found


def on_the_wire(meta: Envelope) -> "_Meta":
    """Convert an envelope into its stored form."""
    return _Meta(
        meta.recorded_at,
        meta.user,
        meta.command,
        meta.part,
        meta.parts,
        meta.caused_by,
        meta.corrects,
        meta.reason,
        meta.deviation,
        meta.source,
    )


class FactUnstorable(InputInvalid):
    """A fact holds a value that its stored form cannot have: a number for a word, or text that is not Unicode."""

    code = "fact-unstorable"

    def __init__(self, *, kind: str, why: str) -> None:
        super().__init__(f"{kind} cannot be recorded: {why[:400]}")
        self.kind, self.why = kind, why


def made_of(kind: type[F], values: Mapping[str, object]) -> F:
    """Make a fact, or a part of one, from values: encode and decode them, so that every type and rule is checked.

    Raises:
        FactUnstorable: a value has the wrong type, or a rule refuses it; the message names the field.
    """
    try:
        made: F = msgspec.json.decode(_ENCODER.encode(dict(values)), type=kind, dec_hook=_decode_other)
    except (msgspec.MsgspecError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise FactUnstorable(kind=kind.__name__, why=_said(error, kind, values)) from None
    return made


_AT = re.compile(r"(?P<why>.*) - at `\$\.?(?P<path>[^`]*)`", re.DOTALL)
_STEP = re.compile(r"\.?(\w+)|\[(\d+)\]")
_OF_A_KIND = ("Expected `", "Invalid enum value")


def _said(error: Exception, kind: type, values: Mapping[str, object]) -> str:
    """Explain a decoding error: the field, the type that it must have, and the value that the caller passed."""
    cause = error.__cause__
    if cause is not None and len(cause.args) > 1 and isinstance(cause.args[0], str):
        return cause.args[0]  # attrs adds the attribute and the value to the error of a validator
    at = _AT.fullmatch(str(error))
    if at is None:
        return str(error) or type(error).__name__
    why, path = at["why"], at["path"]
    if path and (why.startswith(_OF_A_KIND) or why.endswith("has no stored form")):
        try:
            return wrong_kind(path, *_at(kind, values, path))
        except Exception:  # noqa: BLE001 - attributes of foreign classes may raise anything
            return f"{path}: {why}"
    return f"{path}: {why}" if path else why


def _at(kind: Any, given: Any, path: str) -> tuple[Any, Any]:
    """Find the type and the passed value of a field by its path, such as ``attributions[0].relatedness``."""
    for name, number in _STEP.findall(path):
        inner = [one for one in (get_args(kind) or (kind,)) if one not in {NoneType, Ellipsis}]
        if number:
            kind, given = inner[0], given[int(number)]
        else:
            kind = get_type_hints(inner[0])[name]
            given = given[name] if isinstance(given, Mapping) else getattr(given, name)
    return kind, given


def decode(name: str, state: bytes, *, strict: bool = False) -> tuple[Fact, Meta]:
    """Decode an entry as :func:`unpack` does, and open its envelope."""
    fact, envelope = unpack(name, state, strict=strict)
    return fact, opened(envelope)


def unpack(name: str, state: bytes, *, strict: bool = False) -> tuple[Fact, Envelope]:
    """Decode an entry; convert one of an earlier shape into the present shape (upcast).

    Args:
        name: the stored name, with its version.
        state: the stored bytes.
        strict: also refuse bytes that are not canonical: unknown or duplicate keys, other spellings of a number. Used
            for a log from another place.

    Raises:
        StateMalformed: the name is unknown, or the state is not a fact of that name.
    """
    try:
        if len(state) > LARGEST_STATE:
            raise ValueError(f"its state has {len(state)} bytes, more than any fact can have")  # noqa: TRY301 - joins the rest
        decoder = _DECODERS.get(name)
        wire, old = (decoder.decode(state), None) if decoder is not None else _upcast(name, state)
        canonical = not (strict or name in _WHOLE) or (_written(wire) if old is None else _ENCODER.encode(old)) == state
        if strict and _LONG_NUMBER.search(state):
            _refuse_large_integers(state)
    except (
        msgspec.MsgspecError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise StateMalformed(name=name, why=str(error) or type(error).__name__) from None
    if not canonical:
        raise StateMalformed(name=name, why=_NOT_WHOLE if name in _WHOLE else _NOT_CANONICAL)
    return wire.fact, wire.meta


_NOT_CANONICAL = "its state is not in canonical form, or has keys that the fact does not have"
_NOT_WHOLE = (
    "its protocol is not in canonical form with exactly the parameters of this version: an unreleased version of "
    "trialdomain wrote it (record the trial again), or it was altered (verify the log)"
)


def _refuse_large_integers(state: bytes) -> None:
    """Refuse a whole number that some readers of JSON would round (RFC 8785 3.2.2.3, RFC 7493 2.2).

    Raises:
        ValueError: the state has such a number.
    """

    def whole(digits: str) -> int:
        if abs(int(digits)) > _LARGEST_INTEGER:
            raise ValueError(f"the whole number {digits[:20]} is larger than {_LARGEST_INTEGER}")
        return 0

    json.loads(state, parse_int=whole)


def state_decoder(name: str) -> "msgspec.json.Decoder[Any]":
    """Return the msgspec decoder of a stored name: the lower bound of the cost of reading an entry."""
    return _DECODERS[name]


def _upcast(name: str, state: bytes) -> tuple[Any, dict[str, Any]]:
    """Decode a state of an earlier shape; return it in the present shape, and as it was stored."""
    if name not in UPCASTS:
        raise ValueError("this version of trialdomain knows no such name; a newer one may")
    old: dict[str, Any] = msgspec.json.decode(state, type=dict[str, Any])
    fact = old["fact"]
    while name in UPCASTS:
        name, upcast = UPCASTS[name]
        fact = upcast(fact)
    return _DECODERS[name].decode(_ENCODER.encode(old | {"fact": fact})), old


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema of the facts of a stored name; tests compare it with golden files."""
    kind = next(kind for kind, known in NAMES.items() if known == name)
    made = msgspec.json.schema(kind, schema_hook=_schema_of_other)
    parts = _parts()
    while missing := [ref for ref in _refs(made) if ref not in made["$defs"]]:
        made["$defs"] |= {ref: parts[ref] for ref in missing}
    return made


def _parts() -> dict[str, Any]:
    """Return the schemas of what designs and endpoints are made of, which msgspec does not see behind their hook."""
    parts: dict[str, Any] = {}
    for kind in (*DESIGNS.values(), *FAMILIES.values()):
        parts |= msgspec.json.schema(kind, schema_hook=_schema_of_other)["$defs"]
    return parts


def _refs(made: object) -> Iterator[str]:
    """Yield the names of the definitions that a schema refers to."""
    if isinstance(made, dict):
        if isinstance(ref := made.get("$ref"), str):
            yield ref.removeprefix("#/$defs/")
        for inner in made.values():
            yield from _refs(inner)
    elif isinstance(made, list):
        for inner in made:
            yield from _refs(inner)


def _schema_of_other(kind: type) -> dict[str, Any]:
    if kind is ClinicalTime:
        return {"type": "string", "title": "ClinicalTime", "description": "ISO 8601, from a year to a second"}
    if kind is DesignSpec:
        designs = [msgspec.json.schema(design)["$defs"][design.__name__] for design in DESIGNS.values()]
        return {"title": "DesignSpec", "description": "a design, by its name", "anyOf": designs}
    if kind is Endpoint:
        families = [msgspec.json.schema(family)["$defs"][family.__name__] for family in FAMILIES.values()]
        return {"title": "Endpoint", "description": "an endpoint, by its family", "anyOf": families}
    raise TypeError(f"{kind.__name__} has no stored form")
