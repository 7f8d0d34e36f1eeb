"""Differences between two moments of a trial: entries, derived values and recommendations."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

import attrs

from trialdomain.history.answers import Answers, answers_report
from trialdomain.projections.trail import TrailEntry
from trialdomain.reports.json import Json
from trialdomain.values.given.in_short import in_short

_NOT_VALUES = {"evidence", "examined", "definition", "note"}
"""JSON members that are evidence or explanation, not values; the list of entries shows new evidence."""
_RECOMMENDED = (
    "action",
    "level",
    "slots",
    "mtd",
    "mtd_status",
    "bounded_above",
    "closed_levels",
    "because",
    "recommended_doses",
)


@attrs.frozen(kw_only=True)
class ValueChange:
    """One derived value that changed."""

    path: str
    """The path of the value in the JSON of ``replay``, such as ``endpoints.S9.participants.S001.value``."""
    old: Json
    new: Json


@attrs.frozen(kw_only=True)
class Diff:
    """The differences between an earlier and a later state of knowledge of a trial."""

    __repr__ = in_short

    trial: str
    earlier: int
    """The position of the earlier moment."""
    later: int
    on_earlier: date
    on_later: date
    entries: tuple[TrailEntry, ...]
    """The entries that are new at the later moment, in the order of their positions."""
    changed: tuple[ValueChange, ...]
    """Every derived value that changed."""

    @property
    def recommendations(self) -> tuple[ValueChange, ...]:
        """The changed values that are recommendations of the design, the MTD, or doses that people recommended."""
        return tuple(change for change in self.changed if is_recommendation(change.path))


def changed_values(before: Answers, after: Answers) -> tuple[ValueChange, ...]:
    """Compare all values in the JSON of two answers."""
    old, new = (dict(_leaves((), answers_report(answers).json)) for answers in (before, after))
    return tuple(
        ValueChange(path=path, old=old.get(path), new=new.get(path))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    )


def _leaves(path: tuple[str, ...], value: Json) -> Iterator[tuple[str, Json]]:
    """Yield every value with its path; items of a list are named by their subject, event, level, term or period."""
    if isinstance(value, dict):
        for name, member in value.items():
            if _has_codes(path) or name not in _NOT_VALUES:
                yield from _leaves((*path, name), member)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        *before, last = path
        for name, item in zip(_item_names(value), value, strict=True):
            yield from _leaves((*before, f"{last}[{name}]"), item)
    else:
        yield ".".join(path), value


def _has_codes(path: tuple[str, ...]) -> bool:
    """Return whether the keys at this path are codes of endpoints or participants, which may be any word."""
    return path == _ENDPOINTS or (path[-1:] == _PARTICIPANTS and path != (*_ENDPOINTS, *_PARTICIPANTS))


_ENDPOINTS = ("endpoints",)
_PARTICIPANTS = ("participants",)
"""Under this key, in every answer; below ``endpoints`` it may be the code of an endpoint."""


def _item_names(items: Sequence[Json]) -> Iterator[str]:
    """Name each item of a list; items of the same name, such as two episodes of 3 days, are numbered."""
    names = [_item_name(item) or str(number) for number, item in enumerate(items, start=1)]
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if names.count(name) == 1 else f"{name} #{seen[name]}"


def _item_name(value: Json) -> str | None:
    if not isinstance(value, dict):
        return None
    named = [str(value[name]) for name in ("subject", "event", "level", "term", "days") if value.get(name) is not None]
    return " ".join(named) or None


def is_recommendation(path: str) -> bool:
    """Return whether a path leads to a recommendation of the design, the MTD, or a dose that people recommended."""
    section, _, rest = path.partition(".")
    return section == "escalation" and rest.partition(".")[0].partition("[")[0] in _RECOMMENDED
