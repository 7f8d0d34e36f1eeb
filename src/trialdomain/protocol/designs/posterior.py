"""The posterior of a DLT rate under a uniform prior, in exact fractions.

Source: with Beta(1, 1) and y DLTs in n evaluable the posterior is Beta(y + 1, n - y + 1), and the probability that the
rate is above x is that of at most y successes in n + 1 trials with the chance x (Abramowitz and Stegun 1964, 26.5.24).
"""

from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from math import comb


@lru_cache(maxsize=2_048)
def probability_above(rate: Fraction, evaluable: int) -> tuple[Fraction, ...]:
    """Return the probability that the DLT rate is above a number, for 0 to ``evaluable`` DLTs.

    >>> probability_above(Fraction(1, 5), 1)  # one DLT in one evaluable: 1 - 0.2 ** 2
    (Fraction(16, 25), Fraction(24, 25))
    """
    above, whole = rate.as_integer_ratio()
    trials = evaluable + 1
    terms = (comb(trials, hits) * above**hits * (whole - above) ** (trials - hits) for hits in range(trials))
    return tuple(Fraction(total, whole**trials) for total in accumulate(terms))


@lru_cache(maxsize=2_048)
def strongest_keys(low: Fraction, high: Fraction, evaluable: int) -> tuple[int, ...]:
    """Return for 0 to ``evaluable`` DLTs where the strongest key is: -1 below the target key, 0 there, 1 above it.

    The keys have the width of the target key, from ``low`` to ``high``, on both sides of it. The two end keys may be
    narrower; their probabilities are raised in proportion, so a key is judged by its mean density (Guo et al. 2017, and
    the R package Keyboard). Of equally strong keys the highest counts, as in that package.

    The density has one peak, so the mean densities of the keys rise and then fall. Therefore the strongest key is above
    the target key if the next key above is as strong, and below it if the next key below is stronger.
    """
    width = high - low
    edges = (max(Fraction(0), low - width), low, high, min(Fraction(1), high + width))
    above = [probability_above(edge, evaluable) for edge in edges]
    found = []
    for dlts in range(evaluable + 1):
        below, target, over = (
            (lower[dlts] - upper[dlts]) / (end - start)
            for (lower, upper), (start, end) in zip(pairwise(above), pairwise(edges), strict=True)
        )
        found.append(1 if over >= target else -1 if below > target else 0)
    return tuple(found)
