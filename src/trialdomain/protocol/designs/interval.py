"""The parameters of the interval designs: BOIN, Keyboard, mTPI-2, i3+3.

Each class has the rule of its design at one level, which makes the decision table (``TableBounds``) once. Probabilities
are exact fractions. The boundaries of BOIN are logarithms: decimals with 60 digits, and a rate that is closer than
10**-30 to a boundary counts as equal to it.
"""

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

import attrs
from typing_extensions import override

from trialdomain.protocol.designs.bounds import TableBounds, bounds_of
from trialdomain.protocol.designs.posterior import probability_above, strongest_keys
from trialdomain.protocol.designs.spec import DesignSpec, optional_number_fault, rate_fault, start_fault
from trialdomain.protocol.designs.table import MOST_IN_TABLE, TableWord
from trialdomain.protocol.faults import LONGEST_DAYS, at_least, refuse, unless
from trialdomain.protocol.in_part import Check, faults_of, having
from trialdomain.values.number import is_bounded

MOST_IN_INTERVAL = 200
"""The largest ``max_n`` of an interval design: its table has a row for each number up to it."""
_EXTRA_SAFETY_FROM = 3
"""The evaluable participants at level 1 from which the extra safety rule applies (R package BOIN 2.7.2)."""
_EXACT = Context(prec=60)
_TOLERANCE = Fraction(1, 10**30)
_BOUNDS = {
    "escalate": "it escalates with at most",
    "de_escalate": "it de-escalates from",
    "eliminate": "it eliminates from",
    "stop": "it ends the trial at level 1 from",
}
_BESIDE_THE_TABLE = {"name", "cohort_size", "start_level", "n_earlystop", "bound_mtd", "table"}
"""The fields on which the decision table does not depend."""


@attrs.frozen(kw_only=True)
class IntervalSpec(DesignSpec):
    """The parameters that every interval design has."""

    target: Decimal
    """The target DLT rate, between 0 and 1."""
    cohort_size: int = 3
    start_level: int = 1
    elimination_cutoff: Decimal = Decimal("0.95")
    """A level is eliminated if the probability that its DLT rate is above the target is above this number."""
    elimination_min_n: int = 3
    """The evaluable participants that a level needs before it can be eliminated."""
    max_n: int | None = None
    """The number of evaluable participants in total after which the trial stops; None for no limit."""
    n_earlystop: int | None = None
    """The number of evaluable participants at a level at which the trial stops if the answer is stay; None for no
    limit."""
    table: TableBounds | None = attrs.field(default=None, repr=False)
    """The decision table, up to ``max_n``, or else 60, at a level. It is made once, from the parameters, and stored."""

    def __attrs_post_init__(self) -> None:
        """Refuse invalid parameters; make the table, unless there is one that was made for these parameters."""
        refuse(faults_of(self.checks()))
        if self.table is None or self.table.made_for != self._made_for:
            object.__setattr__(self, "table", self._made())
        refuse(self._table_faults())

    @property
    def bounds(self) -> TableBounds:
        """The decision table."""
        assert self.table is not None  # noqa: S101 - made with the object
        return self.table

    @property
    @override
    def mtd_means(self) -> str:
        """Return the definition with the target rate."""
        return (
            f"The dose level whose estimated rate of DLTs is nearest to {self.target}, among those that were tried and "
            f"are not eliminated, once the design {self.known_as} ({self.identity}) has come to its end"
        )

    @property
    @override
    def derived(self) -> frozenset[str]:
        """Return the name of the table, if these parameters give the same one today."""
        return frozenset() if self.altered else frozenset({"table"})

    @property
    @override
    def altered(self) -> str | None:
        """Name the first bound of the table that the parameters do not give."""
        made = self._made()
        for name, words in _BOUNDS.items():
            for n, (stored, given) in enumerate(zip(getattr(self.bounds, name), getattr(made, name), strict=True), 1):
                if stored != given:
                    return (
                        f"the stored decision table is not that of its parameters: with {n} evaluable, {words} "
                        f"{stored} DLTs, and the parameters give {given}"
                    )
        return None

    @property
    @override
    def most_at_level(self) -> int:
        """The largest number of evaluable participants in the table."""
        return self.bounds.most

    @property
    @override
    def endless(self) -> str | None:
        """Ask for a limit on the participants."""
        return unless(self.max_n is not None, f"the design {self.known_as} has no limit: give max_n in [design]")

    @property
    def mtd_below(self) -> Fraction | None:
        """The number below which the estimated DLT rate of the MTD must be; None for no such limit."""
        return None

    @override
    def unfit(self, levels: int) -> str | None:
        """Say that the trial would begin above its highest level."""
        return start_fault(self.start_level, levels)

    def words(self, evaluable: int) -> Sequence[TableWord]:
        """Return the decisions of the rule for 0 to ``evaluable`` DLTs, without elimination."""
        raise NotImplementedError

    @property
    def rule_in_words(self) -> str:
        """The rule at one level as a clause, without elimination."""
        raise NotImplementedError

    def stop(self, evaluable: int) -> int | None:  # noqa: ARG002 - for subclasses to override
        """Return the fewest DLTs at level 1 with which extra safety ends the trial; None where no number does."""
        return None

    @property
    def _most(self) -> int:
        return MOST_IN_TABLE if self.max_n is None else self.max_n

    @property
    def _made_for(self) -> str:
        """Write the parameters of the table that differ from their defaults; a number has one spelling.

        A parameter that a later version adds, with a default, leaves the text as it was, and so the stored table.
        """
        fields = [field for field in attrs.fields(type(self)) if field.name not in _BESIDE_THE_TABLE]
        given = (
            (field.name, getattr(self, field.name)) for field in fields if getattr(self, field.name) != field.default
        )
        told = (f"{name}={Fraction(value) if isinstance(value, Decimal) else value}" for name, value in given)
        return f"{self.known_as} {' '.join(told)}"

    def _table_faults(self) -> Iterator[str | None]:
        """Yield a fault where the table has not the bounds, or more bounds, than the parameters ask for."""
        yield unless(self.bounds.most == self._most, f"design.table must have bounds up to {self._most} evaluable")
        stops = any(self.stop(n) is not None for n in range(1, self._most + 1))
        yield unless(
            bool(self.bounds.stop) or not stops,
            "design.table has no bounds to stop, and extra_safety needs them: leave out [design.table], which is made "
            "from the parameters",
        )
        yield unless(
            stops or not self.bounds.stop,
            "design.table has bounds to stop, and no extra_safety: leave them out, or give extra_safety = true",
        )

    def _made(self) -> TableBounds:
        numbers = range(1, self._most + 1)
        stop = [self.stop(n) for n in numbers]
        return bounds_of(
            [self._with_elimination(n) for n in numbers],
            made_for=self._made_for,
            stop=stop if any(one is not None for one in stop) else None,
        )

    def _with_elimination(self, evaluable: int) -> Sequence[TableWord]:
        words = self.words(evaluable)
        if evaluable < self.elimination_min_n:
            return words
        out = _fewest_above(self.target, self.elimination_cutoff, evaluable)
        return [*words[:out], *[TableWord.ELIMINATE] * (evaluable + 1 - out)]

    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (
            lambda: rate_fault("design.target", self.target),
            lambda: rate_fault("design.elimination_cutoff", self.elimination_cutoff),
            lambda: at_least("design.start_level", self.start_level, 1),
            lambda: at_least("design.elimination_min_n", self.elimination_min_n, 1),
            lambda: optional_number_fault("design.n_earlystop", self.n_earlystop),
            lambda: at_least("design.cohort_size", self.cohort_size, 1),
            lambda: optional_number_fault("design.max_n", self.max_n),
            lambda: _too_many_fault(self.max_n),
        )


@attrs.frozen(kw_only=True)
class Boin(IntervalSpec):
    """BOIN: the rate of DLTs at the level is compared with two boundaries (Liu and Yuan 2015, J R Stat Soc C 64:507).

    Extra safety and the limit on the MTD are those of the R package BOIN 2.7.2.
    """

    known_as = "boin"
    revision = 1

    name: Literal["boin"] = "boin"
    saf: Decimal = Decimal("0.6")
    """The highest DLT rate that is deemed too low, as a multiple of the target, below 1."""
    tox: Decimal = Decimal("1.4")
    """The lowest DLT rate that is deemed too high, as a multiple of the target, above 1."""
    extra_safety: bool = False
    """Whether level 1 ends the trial, with no MTD, at a lower cutoff than that of an elimination."""
    extra_safety_offset: Decimal = Decimal("0.05")
    """The difference between the two cutoffs."""
    bound_mtd: bool = False
    """Whether the estimated DLT rate of the MTD must be below the boundary of de-escalation."""

    @property
    def boundaries(self) -> tuple[Fraction, Fraction]:
        """The boundaries of escalation and de-escalation (lambda_e and lambda_d), with 60 digits."""
        low, target, high = self._rates
        return _boundary(low, target), _boundary(target, high)

    @property
    @override
    def mtd_below(self) -> Fraction | None:
        """Return the boundary of de-escalation; an estimate closer than 10**-30 to it is not below it."""
        return self.boundaries[1] - _TOLERANCE if self.bound_mtd else None

    @property
    @override
    def rule_in_words(self) -> str:
        """Name the boundaries, which are rounded here alone."""
        low, high = self.boundaries
        return (
            f"up at an observed rate of at most {float(low):.4f}, down at one of {float(high):.4f} or more, else stay"
        )

    @property
    @override
    def mtd_means(self) -> str:
        """Return the definition with the target rate, and with the limit on the MTD, if there is one."""
        means = super().mtd_means
        if not self.bound_mtd:
            return means
        below = f"{float(self.boundaries[1]):.4f}"
        return f"{means}; only a level whose estimated rate is below {below}, else none is tolerated"

    @override
    def words(self, evaluable: int) -> Sequence[TableWord]:
        """Escalate at or below the lower boundary, de-escalate at or above the higher one."""
        low, high = self.boundaries
        return [
            TableWord.ESCALATE
            if Fraction(dlts, evaluable) <= low + _TOLERANCE
            else TableWord.DE_ESCALATE
            if Fraction(dlts, evaluable) >= high - _TOLERANCE
            else TableWord.STAY
            for dlts in range(evaluable + 1)
        ]

    @override
    def stop(self, evaluable: int) -> int | None:
        """Return the fewest DLTs whose posterior probability is above the cutoff less the offset."""
        if not self.extra_safety or evaluable < _EXTRA_SAFETY_FROM:
            return None
        return _fewest_above(self.target, self.elimination_cutoff - self.extra_safety_offset, evaluable)

    @property
    def _rates(self) -> tuple[Decimal, Decimal, Decimal]:
        return self.target * self.saf, self.target, self.target * self.tox

    @override
    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (
            *super().checks(),
            lambda: rate_fault("design.saf", self.saf),
            lambda: _tox_fault(self.tox),
            lambda: _toxic_rate_fault(self.tox, self.target),
            lambda: rate_fault("design.extra_safety_offset", self.extra_safety_offset, below=self._cutoff),
        )

    @property
    def _cutoff(self) -> Decimal:
        """The cutoff of an elimination, or 1 where there is no valid one."""
        cutoffs = [one.elimination_cutoff for one in having([self], "elimination_cutoff")]
        return next((cutoff for cutoff in cutoffs if rate_fault("", cutoff) is None), Decimal(1))


@attrs.frozen(kw_only=True)
class _KeySpec(IntervalSpec):
    """The parameters of the designs that choose the strongest of several keys."""

    @property
    def _margin_names(self) -> tuple[str, str]:
        """The names of the distances from the target to the lower and the higher edge of the target key."""
        raise NotImplementedError

    @property
    def _margins(self) -> tuple[Decimal, Decimal]:
        """The distances from the target to the two edges of the target key."""
        low, high = (getattr(self, name) for name in self._margin_names)
        return low, high

    @property
    @override
    def rule_in_words(self) -> str:
        """Name the target interval."""
        below, above = self._margins
        return (
            f"stay where a rate from {self.target - below} to {self.target + above} is more likely than one in any "
            f"interval of the same width beside it, up where one below it is, down where one above it is"
        )

    @override
    def words(self, evaluable: int) -> Sequence[TableWord]:
        """Escalate where the strongest key is below the target key, de-escalate where it is above."""
        below, above = self._margins
        target = Fraction(self.target)
        keys = strongest_keys(target - Fraction(below), target + Fraction(above), evaluable)
        return [_BY_KEY[key] for key in keys]

    @override
    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (*super().checks(), *_margin_checks(self, *self._margin_names))


@attrs.frozen(kw_only=True)
class Keyboard(_KeySpec):
    """Keyboard: the strongest of keys as wide as the target key decides (Yan et al. 2017, Clin Cancer Res 23:3994)."""

    known_as = "keyboard"
    revision = 1

    name: Literal["keyboard"] = "keyboard"
    elimination_min_n: int = 1
    """The evaluable participants that a level needs before it can be eliminated."""
    margin_low: Decimal = Decimal("0.05")
    """The distance from the target down to the lower edge of the target key."""
    margin_high: Decimal = Decimal("0.05")
    """The distance from the target up to the higher edge of the target key."""

    @property
    @override
    def _margin_names(self) -> tuple[str, str]:
        return "margin_low", "margin_high"


@attrs.frozen(kw_only=True)
class Mtpi2(_KeySpec):
    """mTPI-2: the interval with the highest mean posterior density decides (Guo et al. 2017).

    With the same numbers its table is that of Keyboard. Source: Guo, Wang, Yang, Lynn and Ji 2017, Contemp Clin Trials
    58:23.
    """

    known_as = "mtpi-2"
    revision = 1

    name: Literal["mtpi-2"] = "mtpi-2"
    elimination_min_n: int = 1
    """The evaluable participants that a level needs before it can be eliminated."""
    epsilon_1: Decimal = Decimal("0.05")
    """The distance from the target down to the lower end of the equivalence interval."""
    epsilon_2: Decimal = Decimal("0.05")
    """The distance from the target up to the higher end of the equivalence interval."""

    @property
    @override
    def _margin_names(self) -> tuple[str, str]:
        return "epsilon_1", "epsilon_2"


@attrs.frozen(kw_only=True)
class I3Plus3(IntervalSpec):
    """i3+3: the rate of DLTs, with and without one of them, is compared with an interval (Liu et al. 2020).

    Source: Liu, Wang and Ji 2020, J Biopharm Stat 30:294.
    """

    known_as = "i3+3"
    revision = 1

    name: Literal["i3+3"] = "i3+3"
    epsilon_1: Decimal = Decimal("0.05")
    """The distance from the target down to the lower end of the equivalence interval."""
    epsilon_2: Decimal = Decimal("0.05")
    """The distance from the target up to the higher end of the equivalence interval."""

    @property
    @override
    def rule_in_words(self) -> str:
        """Name the interval."""
        low, high = self.target - self.epsilon_1, self.target + self.epsilon_2
        return (
            f"up at an observed rate below {low}, down at one above {high} that would still be at least {low} with one "
            f"DLT less, else stay"
        )

    @override
    def words(self, evaluable: int) -> Sequence[TableWord]:
        """Compare exact fractions with the interval; both of its ends are inside."""
        low, high = Fraction(self.target) - Fraction(self.epsilon_1), Fraction(self.target) + Fraction(self.epsilon_2)
        words = []
        for dlts in range(evaluable + 1):
            rate, one_less = Fraction(dlts, evaluable), Fraction(dlts - 1, evaluable)
            stays = rate <= high or one_less < low
            words.append(TableWord.ESCALATE if rate < low else TableWord.STAY if stays else TableWord.DE_ESCALATE)
        return words

    @override
    def checks(self) -> tuple[Check, ...]:
        """Return the checks of the parameters."""
        return (*super().checks(), *_margin_checks(self, "epsilon_1", "epsilon_2"))


_BY_KEY = {-1: TableWord.ESCALATE, 0: TableWord.STAY, 1: TableWord.DE_ESCALATE}


def _margin_checks(spec: IntervalSpec, low: str, high: str) -> tuple[Check, Check]:
    """Return the checks that the ends of an interval are beyond the target, and within 0 and 1.

    Where there is no valid target, each end must be between 0 and 1.
    """

    def target() -> Decimal | None:
        given = [one.target for one in having([spec], "target")]
        return next((one for one in given if rate_fault("", one) is None), None)

    def below() -> str | None:
        limit = target()
        return rate_fault(f"design.{low}", getattr(spec, low), below=Decimal(1) if limit is None else limit)

    def above() -> str | None:
        limit = target()
        return rate_fault(f"design.{high}", getattr(spec, high), below=Decimal(1) if limit is None else 1 - limit)

    return below, above


def _too_many_fault(max_n: int | None) -> str | None:
    too_many = type(max_n) is int and MOST_IN_INTERVAL < max_n <= LONGEST_DAYS
    return unless(not too_many, f"design.max_n must be at most {MOST_IN_INTERVAL}, got {max_n}")


def _is_tox(tox: object) -> bool:
    return isinstance(tox, Decimal) and is_bounded(tox) and tox > 1


def _tox_fault(tox: object) -> str | None:
    return unless(
        _is_tox(tox), f"design.tox is a multiple of the target and must be above 1, such as 1.4, got {str(tox)[:20]}"
    )


def _toxic_rate_fault(tox: Decimal, target: Decimal) -> str | None:
    if not _is_tox(tox) or rate_fault("", target):
        return None
    return unless(
        tox * target < 1, f"design.tox is {tox} of the target, {tox * target}, and must be below 1: give a lower one"
    )


def _fewest_above(target: Decimal, cutoff: Decimal, evaluable: int) -> int:
    """Return the fewest DLTs that put the rate above the target with a probability above the cutoff, or n + 1."""
    limit = Fraction(cutoff)
    above = probability_above(Fraction(target), evaluable)
    return next((dlts for dlts, chance in enumerate(above) if chance > limit), evaluable + 1)


def _boundary(low: Decimal, high: Decimal) -> Fraction:
    """Return the DLT rate at which two hypotheses about the rate are equally likely (Liu and Yuan 2015, equation 4)."""
    one, exact = Decimal(1), _EXACT
    without = exact.ln(exact.divide(one - low, one - high))
    odds = exact.divide(exact.multiply(high, one - low), exact.multiply(low, one - high))
    return Fraction(exact.divide(without, exact.ln(odds)))
