"""Exact operating characteristics: how a design behaves where the true DLT rates are known.

Every probability is an exact fraction. A participant who is infused gives no outcome with the probability
``not_evaluable``, and is replaced at the same level; else a DLT with the rate of the level.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import factorial, lcm, prod
from typing import TypeAlias

import attrs

from trialdomain.errors import InputInvalid
from trialdomain.operating.ending import NOT_ESTABLISHED, ending_of, endings_of
from trialdomain.operating.flow import Branch, Flow, Limits, flow
from trialdomain.operating.paths import EachCountOnce, number_of
from trialdomain.operating.walk import Walk, ladder_of
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.values.given.in_short import in_short
from trialdomain.values.given.plain import is_a, plain
from trialdomain.values.given.text import short
from trialdomain.values.number import is_bounded
from trialdomain.values.progress import Progress, ignore_progress

Probability: TypeAlias = Fraction | Decimal | int | str
"""A probability as a caller gives it: ``"0.1"``, ``"1/6"``, a decimal or a fraction. A binary float is not exact."""
MOST_INFUSED = 999
"""The largest limit on infused participants."""
_LONGEST = 200
"""The infused participants up to which the distribution of the sample size is listed if there is no limit on them."""
_LEAST = Fraction(1, 10**15)
"""The distribution is not continued where no more than this probability is left."""
_MOST_DIGITS = 15
_REGISTERED = 9
"""The target recruitment of NCT06245746, in infused participants."""


class CharacteristicsInvalid(InputInvalid, ValueError):
    """A true rate, another probability or a limit is none for which characteristics can be computed."""

    code = "characteristics-invalid"

    def __init__(self, *, why: str) -> None:
        super().__init__(why)
        self.why = why


@attrs.frozen(kw_only=True)
class Characteristics:
    """The exact operating characteristics of a design.

    Probabilities and expected numbers are exact fractions; ``float`` converts one. Expected numbers are in participants
    per trial. Lists by level begin at level 1.
    """

    __repr__ = in_short

    spec: DesignSpec
    ladder: Sequence[DoseLevel]
    """The dose levels, in the order of escalation."""
    true: tuple[Fraction, ...]
    """The true DLT rate of each level, among evaluable participants."""
    not_evaluable: Fraction
    """The probability that an infused participant gives no outcome."""
    cap: int | None
    """The most infused participants; None for no limit."""
    sequential: bool
    """Whether participants are treated one at a time, each outcome known before the next."""
    paths: int | None
    """The number of paths, as ``paths`` counts them; None one at a time, or where participants may be replaced."""
    p_select: Mapping[str, Fraction]
    """The probability of each ending: ``"none"``, and each level as the MTD by its label.

    ``"not_established"`` is among them where a limit on infused participants, or the design, makes it possible.
    """
    infused: tuple[Fraction, ...]
    """The expected number of infused participants at each level."""
    evaluable: tuple[Fraction, ...]
    """The expected number of evaluable participants at each level."""
    dlts: tuple[Fraction, ...]
    """The expected number of participants with a DLT at each level."""
    sizes: Mapping[int, Fraction]
    """The distribution of the number of infused participants; numbers of probability 0 are left out."""
    beyond: Fraction
    """The probability of more infused participants than ``sizes`` lists; 0 unless replacements have no limit."""

    @property
    def expected_infused(self) -> Fraction:
        """The expected number of infused participants, which is the sample size."""
        return sum(self.infused, start=Fraction(0))

    @property
    def expected_evaluable(self) -> Fraction:
        """The expected number of evaluable participants."""
        return sum(self.evaluable, start=Fraction(0))

    @property
    def expected_dlt(self) -> Fraction:
        """The expected number of participants with a DLT."""
        return sum(self.dlts, start=Fraction(0))

    @property
    def more_than_registered(self) -> Fraction:
        """The probability of more than 9 infused participants, the target recruitment of NCT06245746."""
        return 1 - sum((weight for size, weight in self.sizes.items() if size <= _REGISTERED), start=Fraction(0))


@attrs.frozen(kw_only=True)
class Scenario:
    """A design, the truth about its levels, and how the trial is conducted."""

    spec: DesignSpec
    ladder: Sequence[DoseLevel]
    true: tuple[Fraction, ...]
    not_evaluable: Fraction
    cap: int | None
    sequential: bool

    @property
    def walk(self) -> Walk:
        """The states of the trial."""
        return Walk(self.spec, self.ladder, self.sequential)


def scenario(
    design: DesignSpec,
    *,
    true: Iterable[Probability],
    not_evaluable: Probability = 0,
    cap: int | None = None,
    sequential: bool = False,
    of_protocol: Sequence[DoseLevel] | None = None,
) -> Scenario:
    """Read the arguments of ``characteristics``, which has the same.

    Raises:
        CharacteristicsInvalid: a probability or the cap is none, or their number is not that of the levels.
        LevelsUnfit: the number of levels is none that a protocol can have.
    """
    given = [true] if isinstance(true, str | int | Decimal | Fraction) else list(true)
    rates = tuple(_probability(f"the true rate of level {at}", one) for at, one in enumerate(given, start=1))
    lost = _probability("not_evaluable", not_evaluable)
    if of_protocol is not None and len(of_protocol) != len(rates):
        why = f"{len(rates)} true rates were given for {len(of_protocol)} levels: give one for each, from level 1"
        raise CharacteristicsInvalid(why=why)
    if cap is not None and (type(cap) is not int or not 1 <= cap <= MOST_INFUSED):
        why = f"cap must be a whole number from 1 to {MOST_INFUSED} of infused participants, got {short(cap)}"
        raise CharacteristicsInvalid(why=why)
    if lost == 1 and cap is None:
        why = "with not_evaluable 1 no infused participant gives an outcome, and no trial ends: give a cap as well"
        raise CharacteristicsInvalid(why=why)
    ladder = ladder_of(len(rates) if of_protocol is None else of_protocol)
    return Scenario(spec=design, ladder=ladder, true=rates, not_evaluable=lost, cap=cap, sequential=sequential)


def characteristics(
    design: DesignSpec,
    *,
    true: Iterable[Probability],
    not_evaluable: Probability = 0,
    cap: int | None = None,
    sequential: bool = False,
    of_protocol: Sequence[DoseLevel] | None = None,
) -> Characteristics:
    """Compute exactly how a design behaves where the true DLT rates are known, by the pure rule.

    Participants are infused in whole cohorts, and replacements of one together (**choice**); the rule is asked when all
    their outcomes are known. A replacement is infused only while the rule still treats at the level. Of rolling six, a
    cohort is all free slots of a level, up to 6 at once (**choice**).

    Args:
        design: the parameters of the design, such as ``ThreePlusThree()``.
        true: the true DLT rate of each level, from level 1: probabilities from 0 to 1, such as ``"0.1"`` or ``"1/6"``.
        not_evaluable: the probability that an infused participant gives no outcome, and is replaced.
        cap: the most infused participants, 1 to 999. An answer that is reached with the last of them counts; else the
            MTD is not established. No whole cohort is begun that would exceed it.
        sequential: whether participants are treated one at a time, each outcome known before the next.
        of_protocol: the levels of a protocol, for their labels; by default a label is the place.

    Raises:
        CharacteristicsInvalid: a probability or the cap is none, or their number is not that of the levels.
        DesignEndless: the parameters set no limit on the participants, as an interval design without ``max_n``.
        DesignUnknown: the class of the parameters belongs to no design of this library.
        LevelsUnfit: the levels are none that a protocol can have, or do not fit the design.
        StatesTooMany: the trial can reach more than 300,000 different situations.

    >>> from trialdomain.protocol.designs import ThreePlusThree
    >>> found = characteristics(ThreePlusThree(), true=["1/10", "3/10"])
    >>> round(float(found.p_select["1"]), 10), round(float(found.expected_infused), 9)
    (0.5135712964, 9.846776019)
    """
    asked = scenario(
        design,
        true=true,
        not_evaluable=not_evaluable,
        cap=cap,
        sequential=sequential,
        of_protocol=of_protocol,
    )
    return characteristics_of(asked)


def characteristics_of(asked: Scenario, *, progress: Progress = ignore_progress) -> Characteristics:
    """Compute the characteristics of a scenario; see ``characteristics``."""
    walk, branches = asked.walk, _Chances.of_scenario(asked)
    endless = asked.cap is None and asked.not_evaluable > 0
    limits = Limits(counting=not endless, cap=asked.cap, progress=progress)
    found = flow(walk, branches, limits)
    counted = flow(walk, branches, Limits(longest=_LONGEST, least=_LEAST, progress=progress)) if endless else found
    infused, kept = _by_level(found, asked), 1 - asked.not_evaluable
    whole = not asked.sequential and not asked.not_evaluable
    return Characteristics(
        spec=asked.spec,
        ladder=asked.ladder,
        true=asked.true,
        not_evaluable=asked.not_evaluable,
        cap=asked.cap,
        sequential=asked.sequential,
        paths=number_of(flow(walk, EachCountOnce(), limits)) if whole else None,
        p_select=_selected(found, asked),
        infused=infused,
        evaluable=tuple(n * kept for n in infused),
        dlts=tuple(n * kept * rate for n, rate in zip(infused, asked.true, strict=True)),
        sizes=_sizes(counted),
        beyond=counted.left,
    )


@attrs.define
class _Chances:
    """The outcomes of a group with their probabilities: of each participant evaluable or not, a DLT or none."""

    scale: int
    _lost: int
    """The weight of a participant who is not evaluable."""
    _known: Sequence[tuple[int, int]]
    """By level: the weights of a participant without a DLT, and with one."""
    _made: dict[tuple[int, int], Sequence[Branch]] = attrs.field(factory=dict)

    @classmethod
    def of_scenario(cls, asked: Scenario) -> "_Chances":
        """Find the common denominator of the probabilities of one participant."""
        lost, kept = asked.not_evaluable, 1 - asked.not_evaluable
        known = [(kept * (1 - rate), kept * rate) for rate in asked.true]
        scale = lcm(lost.denominator, *(chance.denominator for pair in known for chance in pair))
        return cls(scale, int(lost * scale), [(int(without * scale), int(dlt * scale)) for without, dlt in known])

    def of(self, place: int, size: int) -> Sequence[Branch]:
        """Return the outcomes of a group at the level with a place."""
        if (place, size) not in self._made:
            chances = (self._lost, *self._known[place - 1])
            self._made[place, size] = [
                Branch(known, dlts, weight)
                for known in range(size + 1)
                for dlts in range(known + 1)
                if (weight := _weight((size - known, known - dlts, dlts), chances))
            ]
        return self._made[place, size]


def _weight(counts: Sequence[int], chances: Sequence[int]) -> int:
    """Return the multinomial weight of the numbers without outcome, without a DLT and with one, in whole numbers."""
    ways = factorial(sum(counts)) // prod(map(factorial, counts))
    return ways * int(prod(chance**count for chance, count in zip(chances, counts, strict=True)))


def _by_level(found: Flow, asked: Scenario) -> tuple[Fraction, ...]:
    """Return the expected number of infused participants at each level."""
    return tuple(
        sum((weight * size for (at, size), weight in found.groups.items() if at == level.level), Fraction(0))
        for level in asked.ladder
    )


def _selected(found: Flow, asked: Scenario) -> Mapping[str, Fraction]:
    chances = dict.fromkeys((ending.name for ending in endings_of(asked.ladder)), Fraction(0))
    for (mtd, _), weight in found.ended.items():
        chances[ending_of(mtd).name] += weight
    if asked.cap is None and not chances[NOT_ESTABLISHED.name]:
        del chances[NOT_ESTABLISHED.name]
    return chances


def _sizes(found: Flow) -> Mapping[int, Fraction]:
    sizes: dict[int, Fraction] = {}
    for (_, infused), weight in found.ended.items():
        sizes[infused] = sizes.get(infused, Fraction(0)) + weight
    return dict(sorted(sizes.items()))


def _probability(what: str, given: object) -> Fraction:
    """Read a probability.

    Raises:
        CharacteristicsInvalid: it is no number, not from 0 to 1, or has more than 15 digits.
    """
    found = _fraction(given)
    if found is None or not 0 <= found <= 1:
        why = f"{what} must be from 0 to 1, as a decimal or a fraction such as 0.25 or 1/6, got {short(given)}"
        raise CharacteristicsInvalid(why=why)
    return found


def _fraction(given: object) -> Fraction | None:
    value: object = plain(given)
    if isinstance(value, bool) or not isinstance(value, Fraction | Decimal | int | str):
        return None
    if is_a(value, str):
        above, slash, below = str(value).strip().partition("/")
        if slash:
            parts = [part.strip() for part in (above, below)]
            whole = all(part.isascii() and part.isdigit() and len(part) <= _MOST_DIGITS for part in parts)
            return Fraction(int(parts[0]), int(parts[1])) if whole and int(parts[1]) else None
        try:
            value = Decimal(str(value))
        except InvalidOperation:
            return None
    if isinstance(value, Decimal):
        return Fraction(value) if is_bounded(value) else None
    assert isinstance(value, Fraction | int)  # noqa: S101 - the other kinds returned above
    return Fraction(value)
