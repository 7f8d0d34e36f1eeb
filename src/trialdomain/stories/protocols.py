"""The protocol of a story: a preset or a file, with changes in TOML; and a protocol as a story has it."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli_w

from trialdomain.errors import TrialError
from trialdomain.exchange.toml import protocol_from_toml, protocol_to_toml, read_protocol
from trialdomain.protocol.faults import ProtocolInvalid
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.stories.faults import StoryMalformed, instead
from trialdomain.stories.story import Amending, Line, Story

PRESETS: Mapping[str, TrialProtocol] = {"NCT06245746": nct06245746()}
"""The protocols that a story names without a file."""


def protocol_told(
    story: Story,
    folder: Path,
    *,
    amending: Amending | None = None,
    before: TrialProtocol | None = None,
    at: Line | None = None,
) -> TrialProtocol:
    """Return the protocol of a story, or the next version of one.

    Args:
        story: the story.
        folder: the folder of the files that it names.
        amending: where the next version stands; changes in TOML are changes of the version before.
        before: the version before, for an amendment.
        at: the line of the amendment.

    Raises:
        StoryMalformed: the protocol is invalid, or cannot be read; it names every fault.
    """
    told = story.protocol
    name, text = (told.name, told.text) if amending is None else (amending.file, amending.text)
    line, column = (told.line, told.column) if at is None else (at.number, at.column)
    try:
        if name is None:
            return protocol_from_toml(text, folder=folder) if before is None else changed(before, text)
        base = PRESETS[name] if name in PRESETS else read_protocol(folder / name)
        return changed(base, text) if text else base
    except ProtocolInvalid as invalid:
        row = _row_of(invalid.faults, text)
        faults = "; ".join(invalid.faults)
        if row:  # the fault names the line of the story, so that one counted from another line would mislead
            faults = re.sub(r" \(at line \d+, column \d+\)", "", faults)
        why = f"the protocol is invalid: {faults}"
        raise StoryMalformed(line=line + row, column=1 if row else column, why=why, file=story.file) from None
    except TrialError as error:
        hint = f"; a file is named from the folder of the story, {folder.resolve()}"
        if name is not None and not name.endswith(".toml"):
            hint = f"; {instead(name, PRESETS)}"
        why = f"{error}{hint}"
    raise StoryMalformed(line=line, column=column, why=why, file=story.file)


def _row_of(faults: Sequence[str], text: str) -> int:
    """Return the number of the row below that has the first fault, by its parameter or its line; 0 if none has it."""
    first = faults[0] if faults and text else ""
    place = re.search(r"at line (\d+)", first)
    if place is not None:
        return int(place[1])
    name = first.partition(":")[0].rpartition(".")[2].partition("[")[0].strip()
    word = re.compile(rf"\b{re.escape(name)}\b")
    rows = (number for number, row in enumerate(text.splitlines(), start=1) if word.search(row))
    return next(rows, 0) if name else 0


def changed(base: TrialProtocol, text: str) -> TrialProtocol:
    """Return a protocol with the parameters of a text in TOML changed, tables one by one.

    Raises:
        ProtocolInvalid: it names every fault at once.
    """
    try:
        changes = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ProtocolInvalid([f"it is not TOML: {error}"]) from None
    return protocol_from_toml(tomli_w.dumps(_merged(_table(base), changes)))


def _table(protocol: TrialProtocol) -> dict[str, Any]:
    return tomllib.loads(protocol_to_toml(protocol), parse_float=Decimal)


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Replace values; a table with another name, such as another design, replaces the whole table."""
    merged = dict(base)
    for name, value in changes.items():
        old = merged.get(name)
        same = (
            isinstance(old, dict) and isinstance(value, dict) and value.get("name", old.get("name")) == old.get("name")
        )
        merged[name] = _merged(old, value) if same and isinstance(old, dict) else value
    return merged


def as_told(protocol: TrialProtocol, base: TrialProtocol | None) -> str:
    """Write a protocol in TOML: as changes of another one where that is possible and shorter, else as a whole.

    Args:
        protocol: the protocol.
        base: the preset, or the version before; None writes the whole protocol.
    """
    whole = protocol_to_toml(protocol)
    if base is None:
        return whole
    changes = _difference(_table(base), _table(protocol))
    text = tomli_w.dumps(changes)
    try:
        fits = changed(base, text) == protocol
    except ProtocolInvalid:
        fits = False
    return text if fits and len(text) < len(whole) else whole


def _difference(base: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in wanted.items():
        old = base.get(name)
        if old == value and str(old) == str(value):
            continue
        found[name] = _difference(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    found |= {name: "none" for name in base if name not in wanted}
    return found
