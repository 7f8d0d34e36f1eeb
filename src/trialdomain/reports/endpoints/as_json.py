"""The JSON of values, summaries and endpoints, shared by several reports."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from trialdomain.projections.endpoints.value import Detail, Value
from trialdomain.protocol.endpoints.describing import meaning_of
from trialdomain.reports.endpoints.statistics import Curve, Spread
from trialdomain.reports.endpoints.summaries import (
    DoseSummary,
    DurationSummary,
    Endpoints,
    EndpointSummary,
    IncidenceSummary,
    Share,
    Summary,
    TimeSummary,
)
from trialdomain.reports.json import Json

_DIGITS = 6
"""The number of decimal places of a float in JSON."""


def endpoints_json(endpoints: Endpoints, codes: Iterable[str]) -> dict[str, Json]:
    """Return the endpoints by code: for each participant, each dose level, and the whole trial."""
    return {
        code: {
            "title": summary.endpoint.title,
            "definition": meaning_of(summary.endpoint, endpoints.protocol),
            "participants": {value.subject: value_json(value) for value in endpoints.values(code)},
            **by_level_json(summary),
        }
        for code, summary in ((code, endpoints.summaries[code]) for code in codes)
    }


def by_level_json(summary: EndpointSummary) -> dict[str, Json]:
    """Return the JSON of an endpoint by dose level, of participants without one, and overall."""
    return {
        "levels": {str(level): summary_json(found) for level, found in summary.levels.items()},
        "unassigned": None if summary.unassigned is None else summary_json(summary.unassigned),
        "overall": summary_json(summary.overall),
    }


def value_json(value: Value) -> dict[str, Json]:
    """Return the JSON of one value; members that do not apply are null."""
    return {
        "level": value.level,
        "status": value.status.value,
        "value": value.value,
        "because": value.because,
        "days": value.days,
        "on": _day(value.on),
        "first": _day(value.first),
        "last": _day(value.last),
        "ended_by": value.ended_by,
        "episodes": [
            {"first": one.first.isoformat(), "last": one.last.isoformat(), "days": one.days, "ongoing": one.ongoing}
            for one in value.episodes
        ],
        "flags": [flag.value for flag in value.flags],
        "details": {name: _detail_json(detail) for name, detail in value.details.items()},
        "examined": value.examined,
        "evidence": list(value.evidence),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _detail_json(detail: Detail) -> Json:
    match detail:
        case date():
            return detail.isoformat()
        case Decimal():
            return str(detail)
        case tuple():
            return [_detail_json(one) for one in detail]
        case Mapping():
            return {name: _detail_json(one) for name, one in detail.items()}
        case _:
            return detail


def summary_json(summary: Summary) -> dict[str, Json]:
    """Return the JSON of one summary; fractions are rounded to 6 decimals."""
    match summary:
        case IncidenceSummary():
            parts: dict[str, Json] = {name: _share_json(share) for name, share in summary.parts.items()}
            totals: dict[str, Json] = {name: str(total) for name, total in summary.totals.items()}
            return {**_share_json(summary.share), "parts": parts, "totals": totals, **_counted_json(summary)}
        case DurationSummary():
            return {
                **_spread_json(summary.spread),
                "of": summary.of,
                "mean_over_all": _rounded(summary.mean_over_all),
                "ongoing": summary.ongoing,
                "end_unknown": summary.end_unknown,
                **_counted_json(summary),
            }
        case TimeSummary():
            return {
                "at_risk": summary.at_risk,
                "recovered": summary.recovered,
                "died": summary.died,
                "censored": summary.censored,
                "times": _spread_json(summary.spread),
                "from_onset": _spread_json(summary.from_onset),
                "estimator": summary.estimator,
                "estimated_median": summary.curve.median,
                "median_reached": summary.curve.median is not None,
                "recovered_by_window": _rounded(summary.at_window),
                "curve": _curve_json(summary.curve),
                **_counted_json(summary),
            }
        case DoseSummary():
            return _dose_json(summary)


def _share_json(share: Share) -> dict[str, Json]:
    """Return n/N, the fraction, and its exact 95 % interval."""
    interval = share.interval
    return {
        "n": share.n,
        "of": share.of,
        "fraction": _rounded(share.fraction),
        "lower": None if interval is None else _rounded(interval.lower),
        "upper": None if interval is None else _rounded(interval.upper),
    }


def _counted_json(summary: IncidenceSummary | DurationSummary | TimeSummary) -> dict[str, Json]:
    return {
        "statuses": {status.value: number for status, number in summary.counted.statuses.items()},
        "flags": {flag.value: number for flag, number in summary.counted.flags.items()},
        "ended_early": summary.counted.ended_early,
    }


def _spread_json(spread: Spread) -> dict[str, Json]:
    return {
        "number": spread.number,
        "median": _rounded(spread.median),
        "least": spread.least,
        "most": spread.most,
        "mean": _rounded(spread.mean),
    }


def _curve_json(curve: Curve) -> Json:
    return [
        {
            "days": step.days,
            "at_risk": step.at_risk,
            "events": step.events,
            "competing": step.competing,
            "censored": step.censored,
            "incidence": _rounded(step.incidence),
        }
        for step in curve.steps
    ]


def _dose_json(summary: DoseSummary) -> dict[str, Json]:
    mtd = summary.mtd
    return {
        "mtd": None if mtd is None else mtd.level,
        "mtd_status": None if mtd is None else mtd.status.value,
        "tallies": [
            {"level": tally.level, "evaluable": tally.evaluable, "dlts": tally.dlts} for tally in summary.tallies
        ],
        "evidence": list(summary.evidence),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, _DIGITS)
