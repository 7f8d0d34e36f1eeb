"""Operating characteristics as a report: by level, the sample size, and every number with its exact fraction."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

from trialdomain.operating.characteristics import Characteristics
from trialdomain.operating.compared import Compared
from trialdomain.operating.ending import NONE_TOLERATED, NOT_ESTABLISHED
from trialdomain.operating.simulated import Estimate, Simulated
from trialdomain.reports.json import Json
from trialdomain.reports.operating.comparison import comparison_json, comparison_lines
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.reports.table import Table

_LONGEST = 13_000
"""The most bits of a numerator or a denominator that is written out: about 3,900 digits."""
_SIZES_SHOWN = 40
"""The most sample sizes in the table."""


def characteristics_report(
    found: Characteristics,
    *,
    one_at_a_time: Characteristics | None = None,
    drawn: Simulated | None = None,
    compared: Sequence[Compared] = (),
) -> Report:
    """Report operating characteristics.

    Args:
        found: the exact characteristics.
        one_at_a_time: those of the same design with each outcome known before the next participant, if computed.
        drawn: simulated trials to set beside them.
        compared: comparisons of simulated trials with the answers of the engine.
    """
    title = f"Operating characteristics of the design {found.spec.known_as}"
    return Report(
        title=title,
        blocks=lambda: _blocks(found, title, one_at_a_time, drawn, compared),
        json=lambda: _json(found, one_at_a_time, drawn, compared),
    )


def _blocks(
    found: Characteristics,
    title: str,
    one_at_a_time: Characteristics | None,
    drawn: Simulated | None,
    compared: Sequence[Compared],
) -> Iterator[Block]:
    yield _by_level(found, title, drawn)
    yield Lines(_sentences(found, one_at_a_time, drawn))
    if compared:
        yield Lines(comparison_lines(compared))
    if len(found.sizes) <= _SIZES_SHOWN:
        yield Table(
            title="Sample size, in infused participants",
            columns=("infused", "probability"),
            rows=tuple((str(size), _shown(chance)) for size, chance in found.sizes.items()),
        )


def _by_level(found: Characteristics, title: str, drawn: Simulated | None) -> Table:
    columns = ["level", "true rate", "selected", "infused", "DLTs"]
    columns += [] if drawn is None else ["selected, simulated", "infused, simulated", "DLTs, simulated"]
    rows = []
    for at, level in enumerate(found.ladder):
        name = str(level.label)
        row = [name, str(found.true[at]), *map(_shown, (found.p_select[name], found.infused[at], found.dlts[at]))]
        if drawn is not None:
            row += map(_estimated, (drawn.p_select[name], drawn.infused[at], drawn.dlts[at]))
        rows.append(tuple(row))
    return Table(title=title, columns=tuple(columns), rows=tuple(rows), turns=True)


def _sentences(found: Characteristics, one_at_a_time: Characteristics | None, drawn: Simulated | None) -> Iterator[str]:
    for ending in (NONE_TOLERATED, NOT_ESTABLISHED):
        if ending.name in found.p_select:
            beside = _beside(None if drawn is None else drawn.p_select[ending.name])
            yield f"{ending.words}: probability {_shown(found.p_select[ending.name])}{beside}"
    beside = _beside(None if drawn is None else drawn.expected_infused)
    yield f"expected sample size: {_shown(found.expected_infused)} infused{beside}"
    if found.not_evaluable:
        yield f"of them evaluable: {_shown(found.expected_evaluable)}"
    beside = _beside(None if drawn is None else drawn.expected_dlt)
    yield f"expected with DLT: {_shown(found.expected_dlt)}{beside}"
    if one_at_a_time is not None:
        yield (
            f"one at a time, closing a level at its second DLT: {_shown(one_at_a_time.expected_infused)} infused, "
            f"{_shown(one_at_a_time.expected_dlt)} with DLT"
        )
    if found.beyond:
        yield f"more than {max(found.sizes, default=0)} infused: probability {_shown(found.beyond)}"
    if drawn is not None:
        yield f"simulated: {drawn.trials} trials with the seed {drawn.seed}; in brackets the standard error"


def _shown(number: Fraction) -> str:
    return f"{float(number):.6f}"


def _estimated(one: Estimate) -> str:
    error = "" if one.standard_error is None else f" ({one.standard_error:.4f})"
    return f"{one.value:.4f}{error}"


def _beside(one: Estimate | None) -> str:
    return "" if one is None else f"; simulated {_estimated(one)}"


def _json(
    found: Characteristics,
    one_at_a_time: Characteristics | None,
    drawn: Simulated | None,
    compared: Sequence[Compared],
) -> dict[str, Json]:
    sizes = {str(size): chance for size, chance in found.sizes.items()}
    return {
        "design": found.spec.known_as,
        "num_doses": len(found.ladder),
        "true_p": _numbers(found.true),
        "true_p_exact": _fractions(found.true),
        "not_evaluable": _fraction(found.not_evaluable),
        "cap_infused": found.cap,
        "sequential": found.sequential,
        "n_paths": found.paths,
        "p_select": _named(found.p_select),
        "exact": {name: _fraction(chance) for name, chance in found.p_select.items()},
        **_totals(found),
        "expected_n_per_dose": _numbers(found.infused),
        "expected_n_by_level": _numbers(found.infused),
        "expected_n_per_dose_exact": _fractions(found.infused),
        "expected_evaluable_per_dose": _numbers(found.evaluable),
        "expected_evaluable_per_dose_exact": _fractions(found.evaluable),
        "expected_dlt_per_dose": _numbers(found.dlts),
        "expected_dlt_by_level": _numbers(found.dlts),
        "expected_dlt_per_dose_exact": _fractions(found.dlts),
        "sample_size_distribution": _named(sizes),
        "n_distribution": _named(sizes),
        "sample_size_distribution_exact": {size: _fraction(chance) for size, chance in sizes.items()},
        "p_beyond_distribution": float(found.beyond),
        "p_more_than_9": float(found.more_than_registered),
        "closing_a_dose_at_its_second_dlt": None if one_at_a_time is None else _totals(one_at_a_time),
        "simulated": None if drawn is None else {**_drawn_json(drawn), **comparison_json(compared)},
    }


def _totals(found: Characteristics) -> dict[str, Json]:
    return {
        "expected_n": float(found.expected_infused),
        "expected_n_exact": _fraction(found.expected_infused),
        "expected_infused": float(found.expected_infused),
        "expected_evaluable": float(found.expected_evaluable),
        "expected_evaluable_exact": _fraction(found.expected_evaluable),
        "expected_dlt": float(found.expected_dlt),
        "expected_dlt_exact": _fraction(found.expected_dlt),
    }


def _drawn_json(drawn: Simulated) -> dict[str, Json]:
    return {
        "seed": drawn.seed,
        "trials": drawn.trials,
        "p_select": {name: _estimate(one) for name, one in drawn.p_select.items()},
        "expected_n": _estimate(drawn.expected_infused),
        "expected_n_per_dose": [_estimate(one) for one in drawn.infused],
        "expected_dlt": _estimate(drawn.expected_dlt),
        "expected_dlt_per_dose": [_estimate(one) for one in drawn.dlts],
    }


def _estimate(one: Estimate) -> dict[str, Json]:
    return {"value": one.value, "standard_error": one.standard_error}


def _numbers(given: Sequence[Fraction]) -> list[Json]:
    return [float(one) for one in given]


def _fractions(given: Sequence[Fraction]) -> list[Json]:
    return [_fraction(one) for one in given]


def _named(given: Mapping[str, Fraction]) -> dict[str, Json]:
    return {name: float(chance) for name, chance in given.items()}


def _fraction(given: Fraction) -> str | None:
    """Write a fraction, such as ``1/6``; None where it has more than about 3,900 digits."""
    longest = max(given.numerator.bit_length(), given.denominator.bit_length())
    return str(given) if longest <= _LONGEST else None
