"""Summaries of endpoints, by dose level and overall: n/N with exact intervals, medians and ranges, curves."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import attrs

from trialdomain.projections.endpoints.treatment import product_name, units_name
from trialdomain.projections.endpoints.trial import EndpointValues
from trialdomain.projections.endpoints.value import Flag, Status, Value
from trialdomain.protocol.endpoints.endpoint import Endpoint, Kind
from trialdomain.protocol.endpoints.families import AntiInfectiveRate, SafetyIncidence, TransfusionRate
from trialdomain.protocol.endpoints.parts import DeathAs
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.reports.endpoints.statistics import (
    NO_SCIPY,
    Curve,
    Ending,
    Interval,
    Spread,
    cumulative_incidence,
    exact_interval,
    has_scipy,
)
from trialdomain.rules.observation import EndedBy
from trialdomain.values.clinical.decision import Mtd
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Share:
    """A proportion n/N with its exact 95 % interval."""

    n: int
    of: int
    interval: Interval | None
    """None if N is 0 or SciPy is not installed."""

    @classmethod
    def count(cls, values: Iterable[bool | None]) -> "Share":
        """Count the participants with the event among those with a known value."""
        found = [value for value in values if value is not None]
        return cls(n=sum(found), of=len(found), interval=exact_interval(sum(found), len(found)))

    @property
    def fraction(self) -> float | None:
        """n/N; None if N is 0."""
        return self.n / self.of if self.of else None


@attrs.frozen(kw_only=True)
class Counted:
    """The number of participants of each status and of each flag, whether the summary counts them or not."""

    statuses: Mapping[Status, int]
    flags: Mapping[Flag, int]
    ended_early: int
    """The number of observed participants whose observation ended before the window did."""


@attrs.frozen(kw_only=True)
class IncidenceSummary:
    """The summary of an endpoint that happens or not."""

    share: Share
    parts: Mapping[str, Share]
    """Further proportions of the endpoint: by product, for treatment alone, by period."""
    totals: Mapping[str, Decimal]
    """Sums that are not proportions: units given, events, participants who completed a period."""
    counted: Counted


@attrs.frozen(kw_only=True)
class DurationSummary:
    """The summary of days of illness."""

    spread: Spread
    """The days of the participants with an episode."""
    of: int
    """The number of participants with or without an episode."""
    mean_over_all: float | None
    """The mean days, with 0 for participants without an episode."""
    ongoing: int
    end_unknown: int
    """Participants whose episode is recovered without an end date; the numbers above exclude them."""
    counted: Counted


@attrs.frozen(kw_only=True)
class TimeSummary:
    """The summary of days to recovery, among the participants at risk."""

    at_risk: int
    recovered: int
    died: int
    censored: int
    spread: Spread
    """The times of the participants who recovered."""
    from_onset: Spread
    """The same, from the first severe value."""
    estimator: str
    curve: Curve
    at_window: float | None
    """The estimated probability of recovery by the last day of the window; None if no participant was at risk."""
    counted: Counted


@attrs.frozen(kw_only=True)
class DoseSummary:
    """The summary of the maximum tolerated dose."""

    mtd: Mtd | None
    tallies: tuple[Tally, ...]
    evidence: tuple[int, ...]


Summary: TypeAlias = IncidenceSummary | DurationSummary | TimeSummary | DoseSummary


@attrs.frozen(kw_only=True)
class EndpointSummary:
    """One endpoint, by dose level and overall."""

    __repr__ = in_short

    endpoint: Endpoint
    levels: Mapping[Label, Summary]
    unassigned: Summary | None
    """Participants infused with an amount of no dose level; None if there are none."""
    overall: Summary

    def groups(self) -> Iterator[tuple[str, Label | None, Summary]]:
        """Yield each summary with its group: ``level`` and its number, ``unassigned``, ``overall``."""
        yield from (("level", level, summary) for level, summary in self.levels.items())
        if self.unassigned is not None:
            yield "unassigned", None, self.unassigned
        yield "overall", None, self.overall


@attrs.frozen(kw_only=True)
class Endpoints:
    """Every endpoint of a trial: the values of all participants, and their summaries."""

    __repr__ = in_short

    found: EndpointValues
    summaries: Mapping[str, EndpointSummary]
    """The summaries by the code of the endpoint, in the order of the protocol."""
    note: str | None
    """A note that exact intervals are missing; None if SciPy is installed."""

    @property
    def protocol(self) -> TrialProtocol:
        """The protocol whose definitions were used."""
        return self.found.protocol

    def value(self, endpoint: str, subject: str) -> Value:
        """Return the value of one endpoint for one participant.

        Raises:
            KeyError: the protocol has no such endpoint, or the trial has no such participant.
        """
        return self.found.of(endpoint, subject)

    def values(self, endpoint: str) -> tuple[Value, ...]:
        """Return the values of one endpoint; empty if it is defined for the whole trial only, or has no rule."""
        return self.found.values.get(endpoint, ())

    def summary(self, endpoint: str) -> EndpointSummary:
        """Return the summary of one endpoint, by dose level and overall.

        Raises:
            KeyError: the protocol has no such endpoint.
        """
        return self.summaries[endpoint]


def summarize(found: EndpointValues) -> Endpoints:
    """Summarize every endpoint."""
    summaries = {one.id: _summarized(found, one) for one in found.protocol.endpoints.derived}
    return Endpoints(found=found, summaries=summaries, note=None if has_scipy() else NO_SCIPY)


def _summarized(found: EndpointValues, endpoint: Endpoint) -> EndpointSummary:
    rules = found.protocol.endpoints.of(endpoint)
    if endpoint.kind is Kind.DOSE:
        whole = DoseSummary(mtd=found.mtd, tallies=found.tallies, evidence=found.mtd_evidence)
        levels: dict[Label, Summary] = {
            tally.level: DoseSummary(mtd=None, tallies=(tally,), evidence=()) for tally in found.tallies
        }
        return EndpointSummary(endpoint=endpoint, levels=levels, unassigned=None, overall=whole)
    values = found.values.get(endpoint.id, ())
    unassigned = [value for value in values if value.level is None and value.first is not None]

    def summary(some: Sequence[Value]) -> Summary:
        return _SUMMARIES[endpoint.kind](endpoint, some, rules)

    return EndpointSummary(
        endpoint=endpoint,
        levels={label: summary([value for value in values if value.level == label]) for label in found.protocol.labels},
        unassigned=summary(unassigned) if unassigned else None,
        overall=summary(values),
    )


def _counted(values: Sequence[Value]) -> Counted:
    statuses = Counter(value.status for value in values)
    flags = Counter(flag for value in values for flag in value.flags)
    return Counted(
        statuses={status: statuses[status] for status in Status if statuses[status]},
        flags={flag: flags[flag] for flag in Flag if flags[flag]},
        ended_early=sum(value.ended_by not in {None, EndedBy.WINDOW.value} for value in values),
    )


def _incidence(endpoint: Endpoint, values: Sequence[Value], rules: EndpointRules) -> IncidenceSummary:
    observed = [value for value in values if value.status is Status.OBSERVED]
    return IncidenceSummary(
        share=Share.count(bool(value.value) for value in observed),
        parts={name: Share.count(map(has, observed)) for name, has in _parts(endpoint, rules)},
        totals={name: sum(map(number, observed), Decimal(0)) for name, number in _totals(endpoint, rules)},
        counted=_counted(values),
    )


def _detail(*path: str) -> Callable[[Value], Any]:
    """Return a function that reads a detail of a value; a path with several names reads a nested detail."""

    def read(value: Value) -> Any:  # noqa: ANN401 - the table below knows what each is
        detail: Any = value.details
        for name in path:
            detail = detail[name]
        return detail

    return read


def _parts(endpoint: Endpoint, rules: EndpointRules) -> Iterator[tuple[str, Callable[[Value], bool | None]]]:
    match endpoint:
        case TransfusionRate():
            yield from ((name, _detail(name)) for name in map(product_name, endpoint.products))
        case AntiInfectiveRate():
            yield from ((name, _detail(name)) for name in ("any", "treatment"))
        case SafetyIncidence():
            for days in rules.safety_days:
                for name in ("any", "serious"):
                    yield f"{name}_within_{days}_days", _detail(f"days_{days}", name)
        case _:
            return


def _totals(endpoint: Endpoint, rules: EndpointRules) -> Iterator[tuple[str, Callable[[Value], Decimal]]]:
    match endpoint:
        case TransfusionRate():
            yield from ((name, _detail(name)) for name in map(units_name, endpoint.products))
        case SafetyIncidence():
            for days in rules.safety_days:
                for name in ("events", "serious_events", "completed"):
                    yield f"{name}_within_{days}_days", _detail(f"days_{days}", name)
        case _:
            return


def _duration(_: Endpoint, values: Sequence[Value], __: EndpointRules) -> DurationSummary:
    lasted = [_days(value) for value in values if value.status is Status.OBSERVED]
    none = sum(value.status is Status.NO_EPISODE for value in values)
    return DurationSummary(
        spread=Spread.of(lasted),
        of=len(lasted) + none,
        mean_over_all=sum(lasted) / (len(lasted) + none) if lasted or none else None,
        ongoing=sum(Flag.ONGOING in value.flags for value in values),
        end_unknown=sum(value.status is Status.END_UNKNOWN for value in values),
        counted=_counted(values),
    )


def _days(value: Value) -> int:
    return int(value.value or 0)


_ENDINGS = {Status.OBSERVED: Ending.EVENT, Status.DIED: Ending.COMPETING, Status.CENSORED: Ending.CENSORED}


def _time(_: Endpoint, values: Sequence[Value], rules: EndpointRules) -> TimeSummary:
    times = [(value.days, _ENDINGS[value.status]) for value in values if value.days is not None]
    of = Counter(ending for _, ending in times)
    recovered = [value for value in values if value.status is Status.OBSERVED]
    curve = cumulative_incidence(times)
    return TimeSummary(
        at_risk=len(times),
        recovered=of[Ending.EVENT],
        died=of[Ending.COMPETING],
        censored=of[Ending.CENSORED],
        spread=Spread.of(map(_days, recovered)),
        from_onset=Spread.of(map(_detail("from_onset"), recovered)),
        estimator="Aalen-Johansen" if rules.death is DeathAs.COMPETING else "Kaplan-Meier",
        curve=curve,
        at_window=curve.at(rules.window_days) if times else None,
        counted=_counted(values),
    )


_SUMMARIES: Mapping[Kind, Callable[[Endpoint, Sequence[Value], EndpointRules], Summary]] = {
    Kind.INCIDENCE: _incidence,
    Kind.DURATION: _duration,
    Kind.TIME: _time,
}
