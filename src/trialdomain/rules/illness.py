"""Episodes of illness within the observation: whole days, both ends inclusive, merged where they overlap."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date

import attrs

from trialdomain.rules.adverse_event import AdverseEvent, Lasted
from trialdomain.rules.observation import Observation
from trialdomain.values.clinical.ctcae import CtcaeTerm, term_of


@attrs.frozen(kw_only=True)
class Illness:
    """One episode, clipped to the observation."""

    first: date
    last: date
    prevalent: bool
    """Whether it had begun before the observation; no endpoint then counts it."""
    ongoing: bool
    """Whether it had not ended when the observation ended."""
    imputed: bool
    """Whether a partial date was completed with a day."""
    end_unknown: bool = False
    """Whether it is recovered on an unknown day. It then has no duration, and ``last`` is its first day."""
    from_leukocytes: bool = False
    """Whether leukocytes were used for neutrophils."""
    unmeasured: bool = False
    """Whether it ended only because no temperature was measured any more."""
    onset_evidence: tuple[int, ...]
    """The positions of the entries that determine its first day."""
    evidence: tuple[int, ...]
    """The positions of those entries, and of the ones that ended it."""

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1


def reported(
    events: Iterable[AdverseEvent],
    frame: Observation,
    *,
    belongs: Callable[[str, CtcaeTerm | None], bool],
    min_grade: int,
) -> Iterator[Illness]:
    """Yield the episodes of adverse events of some terms that reached a grade by the end of the observation.

    An event that ended and came back has one episode for each time. A term is recognized by its CTCAE code or by its
    name, in any version of CTCAE.
    """
    for event in events:
        term = term_of(event.term, code=event.report.fact.ctcae_code)
        if not belongs(event.term, term):
            continue
        for lasted in event.lasted():
            yield from _within(lasted, event.report.position, frame, min_grade)


def _within(lasted: Lasted, report: int, frame: Observation, min_grade: int) -> Iterator[Illness]:
    """Yield the part of one period of an event that lies in the observation, if any.

    Args:
        lasted: the period.
        report: the position of the report of the event.
        frame: the days of the observation.
        min_grade: the grade that it must have reached by the end of the observation.
    """
    began, ended, over = lasted.began, lasted.ended, lasted.known_over
    first = frame.onset(began)
    unsure = began.day is None or first < frame.start  # then the first day also depends on the end
    high = [graded for graded in lasted.grades if graded.grade >= min_grade and graded.on.first <= frame.end]
    if not high or first > frame.end or (over is not None and over.last < frame.start):
        return
    since = max(first, frame.start)
    rests_on = {report, high[0].position, *lasted.returned_by, *(lasted.ended_by if unsure else ())}
    yield Illness(
        first=since,
        last=since if lasted.end_unknown else frame.end if ended is None else max(since, min(ended.last, frame.end)),
        prevalent=first < frame.start,
        ongoing=not lasted.end_unknown and (ended is None or ended.last > frame.end),
        end_unknown=lasted.end_unknown,
        imputed=began.day is None or (ended is not None and ended.day is None),
        onset_evidence=tuple(sorted(rests_on)),
        evidence=tuple(sorted({*rests_on, *lasted.ended_by})),
    )


def united(episodes: Iterable[Illness]) -> list[Illness]:
    """Merge episodes that share a day; the result begins with the first, and is prevalent where any of them is."""
    joined: list[Illness] = []
    for episode in sorted(episodes, key=lambda one: (one.first, not one.prevalent, one.evidence)):
        if joined and episode.first <= joined[-1].last:
            joined[-1] = _join(joined[-1], episode)
        else:
            joined.append(episode)
    return joined


def _join(one: Illness, other: Illness) -> Illness:
    return Illness(
        first=one.first,
        last=max(one.last, other.last),
        prevalent=one.prevalent or other.prevalent,
        ongoing=one.ongoing or other.ongoing,
        end_unknown=(one.end_unknown or other.end_unknown) and not (one.ongoing or other.ongoing),
        from_leukocytes=one.from_leukocytes or other.from_leukocytes,
        unmeasured=(one if one.last >= other.last else other).unmeasured,
        imputed=one.imputed or other.imputed,
        onset_evidence=one.onset_evidence,
        evidence=tuple(sorted({*one.evidence, *other.evidence})),
    )


def total_days(episodes: Sequence[Illness]) -> int:
    """Count the days of disjoint episodes."""
    return sum(episode.days for episode in episodes)
