"""Evaluability: whether a participant is evaluable, pending, or not evaluable.

The registry (NCT06245746) says "evaluable" without a definition. The definition is a **choice**, and a parameter of the
protocol. ``LINES`` is the table of docs/explanation/dlt-and-corrections.md, in the same order.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property

import attrs

from trialdomain.events.participant import Died, DltWindowAssessed, Infused, WindowResult
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.dlt_rule import DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.rules.cytopenia import Cytopenia, Lasting, first_lasted
from trialdomain.rules.dlt import MayLast, Qualifying, Window, first_dlt
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason, Standing
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short


@attrs.frozen
class SetAside:
    """A recorded assessment of the window that does not make the participant evaluable."""

    on: ClinicalTime
    result: WindowResult
    position: int
    last: date
    """The last day of the window, which the assessment has to cover."""

    @property
    def words(self) -> str:
        """The day of the assessment, and the reason why it does not count."""
        if self.result is WindowResult.NOT_EVALUABLE:
            return f"the assessment of {self.on} says not evaluable, and no entry says that they left before its end"
        covers = "is not known to cover" if self.on.last >= self.last else "does not cover"
        return f"the assessment of {self.on} {covers} {self.last}, the last day of the window"


def why_words(standing: Standing, aside: SetAside | None) -> str:
    """Return the reason of a standing, with the assessment that does not count, if any."""
    return standing.reason.words if aside is None else f"{standing.reason.words}; {aside.words}"


@attrs.frozen
class Judgement:
    """A standing, the positions of the entries behind it, and flags for the reader."""

    standing: Standing
    evidence: tuple[int, ...] = ()
    flags: tuple[EvaluationFlag, ...] = ()
    aside: SetAside | None = None
    """For a participant whose window is open or not assessed: the latest assessment, which does not count."""
    open_until: date | None = None
    """For a toxicity or a cytopenia that may still last too long: the last day on which that is open."""
    turns: tuple[date, ...] = attrs.field(default=(), eq=False)
    """The last days of the window, and of what may still last too long: time changes the answer only after them."""


@attrs.frozen
class LastSeen:
    """The last day on which a participant was observed, and the position of its entry."""

    on: ClinicalTime
    position: int
    known_on: ClinicalTime | None = None
    """The day of the withdrawal or the loss; it bounds a last contact with a partial date."""

    @property
    def last(self) -> date:
        """The latest possible day."""
        known = self.known_on
        return min(self.on.last, known.last) if known is not None and known.last >= self.on.first else self.on.last


@attrs.frozen(kw_only=True)
class Course:
    """The facts that decide whether one participant is evaluable."""

    __repr__ = in_short

    infusion: Recorded[Infused]
    """The first infusion, which opens the window."""
    events: Sequence[Qualifying]
    """The adverse events that qualify, or would qualify once their relatedness is assessed."""
    cytopenias: Sequence[Cytopenia] = ()
    """The judgment of each analyte for which the protocol has a threshold."""
    may_last: Sequence[MayLast] = ()
    """The events that count if they last longer, where no entry shows yet whether they did."""
    short: tuple[int, ...] = ()
    """The entries that show that events did not last long enough to count."""
    observation_ended: tuple[int, ...] = ()
    """The positions of the entries after which no event is followed up: leaving, completing the follow-up, death."""
    counts_ended: tuple[int, ...] = ()
    """The positions of the entries after which no further count can come: leaving, death, or new treatment."""
    assessments: Sequence[Recorded[DltWindowAssessed]] = ()
    deaths: Sequence[Recorded[Died]] = ()
    explained: tuple[int, ...] = ()
    """The positions of the adverse events that explain a death, and of their judgments."""
    unrelated: tuple[int, ...] = ()
    """The positions of the judgments without which an event would be a DLT."""
    departures: Sequence[LastSeen] = ()
    """The withdrawals from follow-up and the losses, one for each entry; a completed follow-up is no departure."""


@attrs.frozen(slots=False)
class _Asked:
    """One course on one day, with the conditions of ``LINES``; each condition is the positions of its entries."""

    course: Course
    protocol: TrialProtocol
    rule: DltRule
    on: date

    @cached_property
    def last(self) -> date:
        """The last day of the window."""
        return Window.of(self.course.infusion.fact, self.rule).last

    @cached_property
    def dlt(self) -> tuple[int, ...]:
        """The entries of the first DLT: of the event, or of the counts."""
        dlt, lasted = first_dlt(self.course.events), first_lasted(self.course.cytopenias)
        if dlt is not None:
            return dlt.evidence
        return () if lasted is None else tuple(entry.position for entry in lasted.entries)

    @cached_property
    def unassessed(self) -> tuple[int, ...]:
        """The entries of events that would qualify, but whose relatedness is not assessed."""
        return tuple(position for event in self.course.events for position in event.evidence)

    @cached_property
    def died(self) -> tuple[int, ...]:
        """The entry of a death that certainly came in the window."""
        return tuple(death.position for death in self.course.deaths if death.fact.on.last <= self.last)[:1]

    @cached_property
    def left(self) -> tuple[int, ...]:
        """The entry of a departure that certainly came before the last day of the window."""
        return tuple(seen.position for seen in self.course.departures if seen.last < self.last)[:1]

    @cached_property
    def uncertain(self) -> tuple[int, ...]:
        """The entries with partial dates that leave open whether the participant left or died in the window."""
        left = [one.position for one in self.course.departures if one.on.first < self.last <= one.last]
        died = [one.position for one in self.course.deaths if one.fact.on.first <= self.last < one.fact.on.last]
        return (*left, *died)

    @property
    def whole(self) -> bool:
        """Whether enough of the infusion was given, by the protocol."""
        return self.course.infusion.fact.fraction >= self.protocol.evaluable.min_fraction

    @cached_property
    def latest(self) -> Recorded[DltWindowAssessed] | None:
        """The assessment with the latest day; on one day, the one recorded last."""
        ordered = sorted(self.course.assessments, key=lambda entry: entry.fact.on.first)
        return ordered[-1] if ordered else None

    def latest_found(self, result: WindowResult) -> tuple[int, ...]:
        """Return the position of the latest assessment, if it has this result."""
        return (self.latest.position,) if self.latest is not None and self.latest.fact.result is result else ()

    @cached_property
    def covering(self) -> tuple[int, ...]:
        """An assessment of no DLT that covers the last day of the window, unless a later one says not evaluable."""
        if self.latest_found(WindowResult.NOT_EVALUABLE):
            return ()
        return tuple(
            entry.position
            for entry in self.course.assessments
            if entry.fact.on.first >= self.last and entry.fact.result is WindowResult.NO_DLT
        )[:1]

    @property
    def aside(self) -> SetAside | None:
        """The latest assessment, for a participant whom no assessment makes evaluable."""
        if self.latest is None:
            return None
        fact = self.latest.fact
        return SetAside(fact.on, fact.result, self.latest.position, self.last)

    @cached_property
    def counts_open(self) -> bool:
        """Whether counts may still show that a cytopenia lasts too long."""
        return any(self.on <= one.open_until for one in self.course.cytopenias)

    @cached_property
    def counts_show(self) -> tuple[int, ...]:
        """The counts behind the judgments of all analytes, and the entries that show how long events lasted."""
        counts = tuple(entry.position for one in self.course.cytopenias for entry in one.entries)
        return (*counts, *self.course.short)

    @cached_property
    def lasting(self) -> tuple[int, ...]:
        """The entries of events that may last, or may have lasted, longer than a row allows."""
        return tuple(position for one in self.course.may_last for position in one.evidence)

    @property
    def followed_up(self) -> bool:
        """Whether an entry can still show how long such an event lasted."""
        return bool(self.course.may_last) and not self.course.observation_ended

    @property
    def duration_open(self) -> bool:
        """Whether such an event may still become longer than its row allows."""
        return self.followed_up and any(self.on <= one.until for one in self.course.may_last)

    def open_until(self, reason: EvaluationReason) -> date | None:
        """Return the last day on which the answer is open, for the reasons that have one."""
        match reason:
            case EvaluationReason.DURATION_OPEN:
                return max(one.until for one in self.course.may_last)
            case EvaluationReason.CYTOPENIA_OPEN:
                return max(one.open_until for one in self.course.cytopenias)
            case _:
                return None

    @property
    def turns(self) -> tuple[date, ...]:
        """Every day with which a line compares the day that is asked about."""
        lasting = (one.until for one in self.course.may_last)
        return (self.last, *lasting, *(one.open_until for one in self.course.cytopenias))

    @cached_property
    def not_shown(self) -> bool:
        """Whether the counts of an analyte leave open whether a cytopenia lasted."""
        return any(one.lasting is Lasting.NOT_SHOWN for one in self.course.cytopenias)


_Fits = Callable[[_Asked], tuple[int, ...] | None]


def _when(holds: object, *positions: int) -> tuple[int, ...] | None:
    """Return the positions behind a line, besides the infusion, where it fits; None where it does not."""
    return positions if holds else None


@attrs.frozen
class Line:
    """One line of the decision table: the answer where it fits, and no earlier line does."""

    evaluation: Evaluation
    reason: EvaluationReason
    fits: _Fits


LINES = (
    Line(Evaluation.EVALUABLE, EvaluationReason.DLT, lambda a: a.dlt or None),
    Line(Evaluation.PENDING, EvaluationReason.RELATEDNESS_NOT_ASSESSED, lambda a: a.unassessed or None),
    Line(
        Evaluation.PENDING,
        EvaluationReason.DEATH_NOT_EXPLAINED,
        lambda a: _when(a.died and not a.course.explained, *a.died),
    ),
    Line(Evaluation.PENDING, EvaluationReason.DURATION_OPEN, lambda a: _when(a.duration_open, *a.lasting)),
    Line(Evaluation.PENDING, EvaluationReason.DURATION_NOT_SHOWN, lambda a: _when(a.followed_up, *a.lasting)),
    Line(Evaluation.NOT_EVALUABLE, EvaluationReason.INCOMPLETE_INFUSION, lambda a: _when(not a.whole)),
    Line(
        Evaluation.NOT_EVALUABLE,
        EvaluationReason.LEFT,
        lambda a: _when(a.died or a.left, *(a.died or a.left), *(a.course.explained if a.died else ())),
    ),
    Line(
        Evaluation.NOT_EVALUABLE,
        EvaluationReason.ASSESSED_NOT_EVALUABLE,
        lambda a: _when(
            a.uncertain and a.latest_found(WindowResult.NOT_EVALUABLE),
            *a.uncertain,
            *a.latest_found(WindowResult.NOT_EVALUABLE),
        ),
    ),
    Line(
        Evaluation.NOT_EVALUABLE,
        EvaluationReason.CYTOPENIA_NOT_SHOWN,
        lambda a: _when(a.not_shown and a.course.counts_ended, *a.course.counts_ended, *a.counts_show),
    ),
    Line(
        Evaluation.NOT_EVALUABLE,
        EvaluationReason.DURATION_NOT_SHOWN,
        lambda a: _when(a.course.may_last, *a.course.observation_ended, *a.lasting),
    ),
    Line(Evaluation.PENDING, EvaluationReason.ENDING_UNCERTAIN, lambda a: a.uncertain or None),
    Line(Evaluation.PENDING, EvaluationReason.CYTOPENIA_OPEN, lambda a: _when(a.counts_open)),
    Line(Evaluation.PENDING, EvaluationReason.CYTOPENIA_NOT_SHOWN, lambda a: _when(a.not_shown, *a.counts_show)),
    Line(
        Evaluation.PENDING,
        EvaluationReason.DLT_NOT_EXPLAINED,
        lambda a: a.latest_found(WindowResult.DLT) or None,
    ),
    Line(
        Evaluation.EVALUABLE,
        EvaluationReason.WINDOW_ASSESSED,
        lambda a: _when(a.covering, *a.covering, *a.counts_show),
    ),
    Line(Evaluation.PENDING, EvaluationReason.WINDOW_OPEN, lambda a: _when(a.on <= a.last)),
    Line(Evaluation.PENDING, EvaluationReason.NOT_ASSESSED, lambda a: _when(a.protocol.evaluable.requires_assessment)),
    Line(Evaluation.EVALUABLE, EvaluationReason.WINDOW_OVER, lambda a: _when(a.on > a.last, *a.counts_show)),
)
"""The first line that fits is the answer."""
_WITHOUT_ASSESSMENT = {EvaluationReason.WINDOW_OPEN, EvaluationReason.NOT_ASSESSED}
_NO_RULE = Standing(evaluation=Evaluation.NOT_EVALUABLE, reason=EvaluationReason.NO_RULE)


def judge_course(course: Course, protocol: TrialProtocol, *, on: date) -> Judgement:
    """Judge the standing of an infused participant on a calendar day at the site."""
    rule, infusion = protocol.dlt, course.infusion
    if rule is None:
        return Judgement(_NO_RULE, (infusion.position,))
    asked = _Asked(course, protocol, rule, on)
    line, rests_on = next((line, found) for line in LINES if (found := line.fits(asked)) is not None)
    judged = () if line.reason is EvaluationReason.DLT else course.unrelated
    return Judgement(
        Standing(evaluation=line.evaluation, reason=line.reason),
        tuple(sorted({infusion.position, *rests_on, *judged})),
        _flags(course, line.reason),
        asked.aside if line.reason in _WITHOUT_ASSESSMENT else None,
        asked.open_until(line.reason),
        asked.turns,
    )


def _flags(course: Course, reason: EvaluationReason) -> tuple[EvaluationFlag, ...]:
    """Return flags for the reader: on the date of the first DLT, or on the counts of an evaluable participant."""
    match reason:
        case EvaluationReason.DLT:
            dlt = first_dlt(course.events)
            partial = dlt is not None and dlt.uncertain
            longest = dlt is not None and dlt.by_longest
            flags = ((partial, EvaluationFlag.PARTIAL_ONSET), (longest, EvaluationFlag.PARTIAL_DURATION))
            return tuple(flag for holds, flag in flags if holds)
        case EvaluationReason.ENDING_UNCERTAIN | EvaluationReason.ASSESSED_NOT_EVALUABLE:
            return (EvaluationFlag.PARTIAL_ENDING,)
        case EvaluationReason.WINDOW_ASSESSED | EvaluationReason.WINDOW_OVER:
            found = {flag for one in course.cytopenias for flag in one.flags}
            return tuple(flag for flag in EvaluationFlag if flag in found)
        case _:
            return ()
