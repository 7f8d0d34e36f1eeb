"""Endpoints summarized, by dose level and for everybody: n/N with exact intervals, medians and ranges, curves."""

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
from trialdomain.reports.statistics import (
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
from trialdomain.values.clinical.tally import Tally
from trialdomain.values.given.in_short import in_short


@attrs.frozen(kw_only=True)
class Share:
    """How many of how many, with the exact 95 % interval."""

    n: int
    of: int
    interval: Interval | None
    """None of nobody, or where SciPy is not installed."""

    @classmethod
    def count(cls, values: Iterable[bool | None]) -> "Share":
        """Count who had something, of those of whom it is known."""
        found = [value for value in values if value is not None]
        return cls(n=sum(found), of=len(found), interval=exact_interval(sum(found), len(found)))

    @property
    def fraction(self) -> float | None:
        """n/N; None of nobody."""
        return self.n / self.of if self.of else None


@attrs.frozen(kw_only=True)
class Counted:
    """Who is behind a summary, and who is not: how many participants there are of each status, and of each flag."""

    statuses: Mapping[Status, int]
    flags: Mapping[Flag, int]
    ended_early: int
    """Of those with an observation: how many were not observed to the end of the window."""


@attrs.frozen(kw_only=True)
class IncidenceSummary:
    """Of an endpoint that happens or not."""

    share: Share
    parts: Mapping[str, Share]
    """What stands beside it: products, treatment alone, periods."""
    totals: Mapping[str, Decimal]
    """Sums that are no shares: units that were given, events, people who completed a period."""
    counted: Counted


@attrs.frozen(kw_only=True)
class DurationSummary:
    """Of days of illness."""

    spread: Spread
    """Among those with an episode."""
    of: int
    """Those with an episode, and those without."""
    mean_over_all: float | None
    """With 0 for those without an episode."""
    ongoing: int
    end_unknown: int
    """Those with an episode that is recovered, and nobody recorded when: they stand in no number above."""
    counted: Counted


@attrs.frozen(kw_only=True)
class TimeSummary:
    """Of days to a recovery, among those at risk."""

    at_risk: int
    recovered: int
    died: int
    censored: int
    spread: Spread
    """Of the times of those who recovered."""
    from_onset: Spread
    """The same, from the first severe value."""
    estimator: str
    curve: Curve
    at_window: float | None
    """The estimated probability of recovery by the last day of the window; None where nobody was at risk."""
    counted: Counted


@attrs.frozen(kw_only=True)
class DoseSummary:
    """Of the maximum tolerated dose."""

    mtd: Mtd | None
    tallies: tuple[Tally, ...]
    evidence: tuple[int, ...]


Summary: TypeAlias = IncidenceSummary | DurationSummary | TimeSummary | DoseSummary


@attrs.frozen(kw_only=True)
class EndpointSummary:
    """One endpoint, by dose level and for everybody."""

    __repr__ = in_short

    endpoint: Endpoint
    levels: Mapping[int, Summary]
    unassigned: Summary | None
    """Whoever was infused with an amount of no level; None where nobody was."""
    overall: Summary


@attrs.frozen(kw_only=True)
class Endpoints:
    """Every endpoint of a trial: the values of everybody, and their summaries."""

    __repr__ = in_short

    found: EndpointValues
    summaries: Mapping[str, EndpointSummary]
    """By the code of the endpoint, in the protocol's order."""
    note: str | None
    """Why there are no exact intervals, where SciPy is not installed."""

    @property
    def protocol(self) -> TrialProtocol:
        """The protocol whose definitions were used."""
        return self.found.protocol

    def value(self, endpoint: str, subject: str) -> Value:
        """Give one endpoint of one participant.

        Raises:
            KeyError: the protocol has no such endpoint, or nobody of that code is in the trial.
        """
        return self.found.of(endpoint, subject)

    def values(self, endpoint: str) -> tuple[Value, ...]:
        """Give one endpoint of everybody; nothing where it is the trial's, or the protocol has no rule for it."""
        return self.found.values.get(endpoint, ())

    def summary(self, endpoint: str) -> EndpointSummary:
        """Give one endpoint by dose level and for everybody.

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
        levels: dict[int, Summary] = {
            tally.level: DoseSummary(mtd=None, tallies=(tally,), evidence=()) for tally in found.tallies
        }
        return EndpointSummary(endpoint=endpoint, levels=levels, unassigned=None, overall=whole)
    values = found.values.get(endpoint.id, ())
    elsewhere = [value for value in values if value.level is None and value.first is not None]

    def summary(some: Sequence[Value]) -> Summary:
        return _SUMMARIES[endpoint.kind](endpoint, some, rules)

    return EndpointSummary(
        endpoint=endpoint,
        levels={
            level.level: summary([value for value in values if value.level == level.level])
            for level in found.protocol.levels
        },
        unassigned=summary(elsewhere) if elsewhere else None,
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
    """Read a detail of a value, which may stand within another."""

    def read(value: Value) -> Any:  # noqa: ANN401 - the table below knows what each is
        found: Any = value.details
        for name in path:
            found = found[name]
        return found

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
