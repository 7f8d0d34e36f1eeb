"""Outcomes notation: ``1NNN 2NNT``, a level and then one letter for each subject, in the order of treatment.

This is the notation of the dose-escalation literature and its software, with two letters added. ``N`` is no DLT, ``T``
a DLT, ``P`` pending, ``X`` not evaluable.
"""

import re
from collections.abc import Iterator, Sequence

import attrs

from trialdomain.designs.situation import Situation
from trialdomain.errors import InputInvalid
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.clinical.decision import Awaited
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally, most_held
from trialdomain.values.word import Word

_GROUP = re.compile(r"(?P<level>[1-9][0-9]{0,2})(?P<letters>[NTPX]+)", re.ASCII)
_LETTERS = "NTPX"
_SHOWN = 20
"""The number of characters of a bad group that an error quotes."""


class OutcomesMalformed(InputInvalid):
    """The text is no possible sequence of outcomes of this trial."""

    code = "outcomes-malformed"

    def __init__(self, *, at: int, group: str, why: str) -> None:
        shown = group if len(group) <= _SHOWN else group[:_SHOWN] + "..."
        super().__init__(f"group {at}, {shown!r}: {why}")
        self.at, self.group, self.why = at, group, why


class Outcome(Word):
    """The outcome of one treated subject."""

    NO_DLT = "N"
    DLT = "T"
    PENDING = "P"
    NOT_EVALUABLE = "X"


@attrs.frozen
class Treated:
    """One treated subject in the notation."""

    level: int
    """The place of the level in the order of escalation, from 1."""
    outcome: Outcome


def parse_outcomes(
    text: str, *, levels: int, start_level: int | None = None, labels: Sequence[Label] = ()
) -> tuple[Treated, ...]:
    """Parse a sequence of outcomes; the empty text is the empty sequence.

    Args:
        text: the sequence.
        levels: the number of dose levels.
        start_level: the level of the first group; then each group is at most one level above the highest before it.
            None accepts groups in any order, as a count of participants by level.
        labels: the labels of the levels of a protocol, in order, for the sentences of errors: a group names a level by
            its place, from the lowest upwards.

    Raises:
        OutcomesMalformed: a group is not a level and letters, or its level is above the protocol's, or no subject
            was treated at the level below it.

    >>> [(treated.level, treated.outcome.value) for treated in parse_outcomes("1NT", levels=3)]
    [(1, 'N'), (1, 'T')]
    """
    try:
        treated = tuple(_read(text, levels=levels))
        if start_level is not None:
            _check_order(text, start_level)
            return treated
    except OutcomesMalformed as error:
        raise OutcomesMalformed(at=error.at, group=error.group, why=error.why + _by_place(labels)) from None
    visited = {one.level for one in treated}
    for level in sorted(visited):
        if level > 1 and level - 1 not in visited:
            at, group = next((at, group) for at, group in _groups(text) if group.rstrip(_LETTERS) == str(level))
            raise OutcomesMalformed(
                at=at,
                group=group,
                why=f"level {level} has outcomes, but level {level - 1} has none: add that level's outcomes",
            )
    return treated


def _check_order(text: str, start_level: int) -> None:
    """Refuse a sequence that begins at another level, or skips a level at which no subject was treated."""
    highest = start_level
    for at, group in _groups(text):
        level = int(group.rstrip(_LETTERS))
        if at == 1 and level != start_level:
            raise OutcomesMalformed(at=at, group=group, why=f"the design begins at level {start_level}: begin there")
        if level > highest + 1:
            raise OutcomesMalformed(
                at=at, group=group, why=f"level {level} is more than one above level {highest}, the highest before it"
            )
        highest = max(highest, level)


def _by_place(labels: Sequence[Label]) -> str:
    """Say that a group names a place, and name the labels that differ from it; nothing where none does."""
    differing = [(place, label) for place, label in enumerate(labels, start=1) if label != place]
    if not differing:
        return ""
    told = ", ".join(f"place {place} has the label {label}" for place, label in differing)
    return f" (a group names a level by its place, from the lowest upwards: {told})"


def _groups(text: str) -> Iterator[tuple[int, str]]:
    return enumerate(text.split(), start=1)


def _read(text: str, *, levels: int) -> Iterator[Treated]:
    for at, group in _groups(text):
        found = _GROUP.fullmatch(group)
        if found is None:
            raise OutcomesMalformed(
                at=at, group=group, why="expected a level and then N, T, P or X for each subject, such as 1NNT"
            )
        level = int(found["level"])
        if level > levels:
            raise OutcomesMalformed(
                at=at, group=group, why=f"level {level} is above the {levels} of this protocol: correct the level"
            )
        for letter in found["letters"]:
            yield Treated(level, Outcome(letter))


def situation_of(
    treated: tuple[Treated, ...], *, levels: int, of_protocol: Sequence[DoseLevel] | None = None
) -> Situation:
    """Count a sequence of outcomes by level.

    Args:
        treated: the sequence, which names each level by its place.
        levels: the number of dose levels.
        of_protocol: the levels of a protocol, for their labels and doses; by default a label is the place.
    """
    ladder = of_protocol or [DoseLevel(level=place) for place in range(1, levels + 1)]
    by_level = [(level, [one.outcome for one in treated if one.level == level.level]) for level in ladder]
    return Situation(
        tallies=tuple(_tally(level, outcomes) for level, outcomes in by_level),
        last_level=ladder[treated[-1].level - 1].label if treated else None,
        awaited=tuple(
            Awaited(level=level.label, subject=subject)
            for level, outcomes in by_level
            for subject, outcome in enumerate(outcomes, start=1)
            if outcome is Outcome.PENDING
        ),
    )


def _tally(level: DoseLevel, outcomes: list[Outcome]) -> Tally:
    dlts = outcomes.count(Outcome.DLT)
    return Tally(
        level=level.label,
        place=level.level,
        dose=level.dose,
        evaluable=dlts + outcomes.count(Outcome.NO_DLT),
        dlts=dlts,
        pending=outcomes.count(Outcome.PENDING),
        not_evaluable=outcomes.count(Outcome.NOT_EVALUABLE),
        most_held=most_held(outcome is Outcome.NOT_EVALUABLE for outcome in outcomes),
    )
