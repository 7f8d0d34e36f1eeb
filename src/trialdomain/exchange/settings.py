"""Settings of a protocol, such as ``dlt.min_grade=4``: single parameters, named as in its TOML file."""

import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.exchange.toml import protocol_from_table, protocol_to_table
from trialdomain.protocol.presets.endpoints import PRESETS, endpoint_rules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.values.given.text import short

_PART = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)((?:\[[1-9][0-9]{0,5}\])*)")
_NUMBER = re.compile(r"\[([0-9]+)\]")
_DESIGN = "design"
_NAME = (_DESIGN, "name")
Step: TypeAlias = str | int
"""The name of a parameter, or the number of an item of a list, from 1."""


class SettingInvalid(InputInvalid):
    """A setting has no name or no value, or names a parameter that the protocol does not have."""

    code = "setting-invalid"


@attrs.frozen
class Setting:
    """A parameter of a protocol, and the value that it is given."""

    text: str
    """The setting as it was given."""
    path: tuple[Step, ...]
    value: Any


def read_setting(text: str) -> Setting:
    """Read a setting: a path of names and numbers, an equals sign, and a TOML value; a bare word is a text.

    >>> read_setting("dlt.min_grade=4").path, read_setting("levels[2].label = 1a").value
    (('dlt', 'min_grade'), '1a')

    Raises:
        SettingInvalid: it has no name, or no value.
    """
    name, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise SettingInvalid(f"{text[:60]!r} sets nothing: write NAME=VALUE, such as dlt.min_grade=4")
    return Setting(text.strip(), tuple(_steps(name.strip())), _value(value.strip()))


def _steps(name: str) -> Iterable[Step]:
    for part in name.split("."):
        found = _PART.fullmatch(part)
        if found is None:
            raise SettingInvalid(
                f"{name[:60]!r} names no parameter: write its path as in a protocol file, such as dlt.min_grade or "
                f"dlt.criteria[1].min_grade"
            )
        yield found[1]
        yield from map(int, _NUMBER.findall(found[2]))


def _value(text: str) -> Any:
    """Read a value as TOML has it; a text that is no TOML value, such as a bare word, stands for itself."""
    try:
        found = tomllib.loads(f"value = {text}", parse_float=Decimal)
    except tomllib.TOMLDecodeError:
        return text
    except (ValueError, ArithmeticError, RecursionError):
        raise SettingInvalid(f"{short(text)!r} is no value of a parameter: it is too large, or too deep") from None
    if found.keys() != {"value"}:
        raise SettingInvalid(f"{short(text)!r} has several lines: set one parameter at a time")
    return found["value"]


def protocol_with(protocol: TrialProtocol, settings: Iterable[Setting]) -> TrialProtocol:
    """Return a protocol with some parameters set, each as if its TOML file said so.

    A design of another name begins with its own defaults. ``endpoints.platelets=25`` selects a published variant.

    Raises:
        SettingInvalid: the protocol has no such parameter.
        ProtocolInvalid: the resulting protocol is invalid; the error names every fault.
    """
    table, variants = protocol_to_table(protocol), {}
    for setting in sorted(_each_once(settings), key=lambda one: one.path != _NAME):  # the name of the design first
        match setting.path, setting.value:
            case ("endpoints", str(name)), str() | int() | Decimal() if name in PRESETS:
                variants[name] = setting.value
            case ("design", "name"), name if not isinstance(own := table.get(_DESIGN), dict) or own.get("name") != name:
                table[_DESIGN] = {"name": name}
            case _:
                _set(table, setting)
    made = protocol_from_table(table)
    return attrs.evolve(made, endpoints=endpoint_rules(made.endpoints, **variants)) if variants else made


def _each_once(settings: Iterable[Setting]) -> list[Setting]:
    """Refuse a parameter that is set twice."""
    found: dict[tuple[Step, ...], Setting] = {}
    for setting in settings:
        if setting.path in found:
            raise SettingInvalid(f"{found[setting.path].text} and {setting.text} set one parameter: choose one")
        found[setting.path] = setting
    return list(found.values())


def _set(table: dict[str, Any], setting: Setting) -> None:
    place: Any = table
    for at, step in enumerate(setting.path[:-1]):
        _check_step(place, step, setting)
        place = place.setdefault(step, {}) if isinstance(step, str) else place[step - 1]
        if not isinstance(place, dict | list):
            whole = f"{_named(setting.path[: at + 1])} is {place!s:.40}"
            raise SettingInvalid(f"{setting.text}: {whole}, which has no parts: set it as a whole")
    last = setting.path[-1]
    _check_step(place, last, setting)
    place[last if isinstance(last, str) else last - 1] = setting.value


def _check_step(place: Any, step: Step, setting: Setting) -> None:
    """Refuse a number of a table, a name of a list, or an item that a list does not have."""
    if isinstance(place, list) and (not isinstance(step, int) or step > len(place)):
        items = f"the items [1] to [{len(place)}]: name one of them" if place else "no items: set it as a whole"
        raise SettingInvalid(f"{setting.text}: the list has {items}")
    if isinstance(place, dict) and not isinstance(step, str):
        raise SettingInvalid(f"{setting.text}: [{step}] is for an item of a list: name a parameter")


def _named(path: tuple[Step, ...]) -> str:
    return "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path).removeprefix(".")
