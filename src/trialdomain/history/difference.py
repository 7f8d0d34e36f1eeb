"""What became known between two moments: which entries, which derived values, which recommendations."""

from collections.abc import Iterator
from datetime import date

import attrs

from trialdomain.history.answers import Answers, answers_report
from trialdomain.projections.trail import TrailEntry
from trialdomain.reports.json import Json
from trialdomain.values.given.in_short import in_short

_NOT_VALUES = {"evidence", "examined", "definition", "note"}
"""What an answer rests on is no answer; entries stand in the list of entries."""
_RECOMMENDED = ("action", "level", "mtd", "mtd_status", "bounded_above", "closed_levels", "because")


@attrs.frozen(kw_only=True)
class ValueChange:
    """One derived value that is another now."""

    path: str
    """Where it stands in the JSON of ``replay``, such as ``endpoints.S9.participants.S001.value``."""
    old: Json
    new: Json


@attrs.frozen(kw_only=True)
class Diff:
    """What two looks at a trial differ in."""

    __repr__ = in_short

    trial: str
    earlier: int
    """The position as of which the first look was."""
    later: int
    on_earlier: date
    on_later: date
    entries: tuple[TrailEntry, ...]
    """Those that the later look has and the earlier has not, in the order of their positions."""
    changed: tuple[ValueChange, ...]
    """Every derived value that is another now."""

    @property
    def recommendations(self) -> tuple[ValueChange, ...]:
        """Of the derived values, what the design recommends, and the MTD."""
        return tuple(one for one in self.changed if _is_recommendation(one.path))


def changed_values(before: Answers, after: Answers) -> tuple[ValueChange, ...]:
    """Compare every single value of two answers."""
    old, new = (dict(_leaves((), answers_report(answers).json)) for answers in (before, after))
    return tuple(
        ValueChange(path=path, old=old.get(path), new=new.get(path))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    )


def _leaves(place: tuple[str, ...], value: Json) -> Iterator[tuple[str, Json]]:
    """Yield every single value under its path; what stands in a list, by whom or what it is about."""
    if isinstance(value, dict):
        for name, one in value.items():
            if _is_by_code(place) or name not in _NOT_VALUES:
                yield from _leaves((*place, name), one)
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        *before, last = place
        for number, one in enumerate(value, start=1):
            yield from _leaves((*before, f"{last}[{_named(one) or number}]"), one)
    else:
        yield ".".join(place), value


def _is_by_code(place: tuple[str, ...]) -> bool:
    """Say whether names here are codes of endpoints or of participants, which may be any word."""
    return place == ("endpoints",) or (len(place) == _OF_PARTICIPANTS and (place[0], place[2]) == _BY_SUBJECT)


_BY_SUBJECT = ("endpoints", "participants")
_OF_PARTICIPANTS = 3


def _named(value: Json) -> str | None:
    if not isinstance(value, dict):
        return None
    named = [str(value[name]) for name in ("subject", "event", "level", "term", "days") if value.get(name) is not None]
    return " ".join(named) or None


def _is_recommendation(path: str) -> bool:
    section, _, rest = path.partition(".")
    return section == "escalation" and rest.partition(".")[0].partition("[")[0] in _RECOMMENDED
