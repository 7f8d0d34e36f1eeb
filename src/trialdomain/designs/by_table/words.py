"""The designs with a decision table in words, as a protocol describes them."""

from collections.abc import Iterator

from trialdomain.designs.by_table.walk import Rules
from trialdomain.designs.design import DesignWords
from trialdomain.designs.wording import ENDS_WITHOUT, REPLACED
from trialdomain.protocol.designs import IntervalSpec, TableDesign
from trialdomain.values.given.plural import how_many, singular_or


def in_words(spec: TableDesign | IntervalSpec, rules: Rules) -> DesignWords:
    """Describe a design: how its table came about, when it is read, and when the trial ends."""
    return DesignWords(going=tuple(_going(spec)), ends=tuple(_ends(spec, rules)))


def _going(spec: TableDesign | IntervalSpec) -> Iterator[str]:
    size = spec.cohort_size
    if isinstance(spec, IntervalSpec):
        yield f"the target rate of DLTs is {spec.target}"
        yield spec.rule_in_words
        yield (
            f"a level with at least {spec.elimination_min_n} evaluable is eliminated, with all above it, where the "
            f"probability that its rate is above {spec.target} is above {spec.elimination_cutoff} (uniform prior)"
        )
    yield (
        f"a cohort has {how_many(size, 'participant')}; the decision is read once "
        f"{singular_or(size, 'it has', 'all of them have')} an outcome"
    )
    yield REPLACED
    yield "up at the highest level that is not closed, and down at the lowest level, mean that the trial stays"
    yield "while outcomes are pending, the next cohort begins only where every possible outcome gives the same answer"
    yield "a level is eliminated as soon as every completion of its cohort eliminates it, and is never opened again"
    yield f"the MTD: {spec.mtd_means[0].lower()}{spec.mtd_means[1:]}"


def _ends(spec: TableDesign | IntervalSpec, rules: Rules) -> Iterator[str]:
    if spec.max_n is not None:
        yield f"{spec.max_n} participants are evaluable in all; the last cohort is cut to fit"
    at_level = min(rules.n_earlystop, rules.most)
    yield f"{at_level} or more are evaluable at the level treated last, and the answer is to stay there"
    if spec.max_n is None or rules.most < spec.max_n:
        yield f"{rules.most} are evaluable at the level to go to, where the table ends"
    if any(rules.stop):
        yield (
            f"the lowest level has too many DLTs by the rule of extra safety: no level is tolerated ({_extra(rules)})"
        )
    yield ENDS_WITHOUT


def _extra(rules: Rules) -> str:
    """List the fewest DLTs that end the trial by extra safety, for the first numbers of whole cohorts."""
    sizes = [n for n in range(rules.cohort_size, rules.most + 1, rules.cohort_size) if rules.stop[n - 1] <= n]
    return ", ".join(f"{rules.stop[n - 1]} of {n}" for n in sizes[:_SHOWN]) + (", ..." if len(sizes) > _SHOWN else "")


_SHOWN = 4
"""The most numbers of participants in a list of examples."""
