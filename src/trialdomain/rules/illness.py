"""Episodes of illness: whole days, both ends inclusive, within the observation, united where they overlap."""

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
    """Whether it was under way before the observation began: it then counts for nothing."""
    ongoing: bool
    """Whether it was under way when the observation ended."""
    imputed: bool
    """Whether the day of a partial date was completed for this."""
    end_unknown: bool = False
    """Whether it is recovered, and nobody recorded when: it then has no duration, and ``last`` is its first day."""
    from_leukocytes: bool = False
    """Whether leukocytes stood in for neutrophils."""
    unmeasured: bool = False
    """Whether it was over because nobody measured a temperature any more."""
    onset_evidence: tuple[int, ...]
    """The positions of the entries without which it would not have begun when it did."""
    evidence: tuple[int, ...]
    """Those, and the ones that ended it."""

    @property
    def days(self) -> int:
        """How long it lasted."""
        return (self.last - self.first).days + 1


def reported(
    events: Iterable[AdverseEvent],
    frame: Observation,
    *,
    belongs: Callable[[str, CtcaeTerm | None], bool],
    min_grade: int,
) -> Iterator[Illness]:
    """Yield the episodes of reported adverse events of some terms, as high as a grade by the end of observation.

    An event that ended and came back has an episode for each time. A term is recognized by its CTCAE code or by its
    name, in whatever version of CTCAE it was reported.
    """
    for event in events:
        term = term_of(event.term, code=event.report.fact.ctcae_code)
        if not belongs(event.term, term):
            continue
        for lasted in event.lasted():
            yield from _within(lasted, event.report.position, frame, min_grade)


def _within(lasted: Lasted, report: int, frame: Observation, min_grade: int) -> Iterator[Illness]:
    """Yield what of one event, or of its return, lies in the observation; nothing where it has no part in it.

    Args:
        lasted: from when to when.
        report: the position of the report of the event.
        frame: the days of the observation.
        min_grade: the grade that it must have reached by their end.
    """
    began, ended, over = lasted.began, lasted.ended, lasted.known_over
    first = frame.onset(began)
    unsure = began.day is None or first < frame.start  # then it also rests on when it ended
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
    """Join episodes that share a day; what was joined began when the first did, and is prevalent where any was."""
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
    """Count the days of episodes that share none."""
    return sum(episode.days for episode in episodes)
