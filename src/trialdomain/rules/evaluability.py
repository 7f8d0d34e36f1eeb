"""Whether a participant counts for the decision: evaluable, pending, or not evaluable.

The registry (NCT06245746) says "evaluable" and leaves it undefined; the definition is a **choice**, and a parameter of
the protocol. The lines below are the table of docs/explanation/dlt-and-corrections.md, in the same order.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import cached_property

import attrs

from trialdomain.events.participant import Died, DltWindowAssessed, Infused, WindowResult
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.trial_protocol import DltRule, TrialProtocol
from trialdomain.rules.cytopenia import Cytopenia, Lasting, first_lasted, last_day
from trialdomain.rules.dlt import Qualifying, Window, first_dlt
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationFlag, EvaluationReason, Standing
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.in_short import in_short


@attrs.frozen
class SetAside:
    """An assessment of the window that was recorded, and does not make its participant evaluable."""

    on: ClinicalTime
    result: WindowResult
    position: int
    last: date
    """The last day of the window, which it has to cover."""

    @property
    def words(self) -> str:
        """Say of which day it is, and why it does not count."""
        if self.result is WindowResult.NOT_EVALUABLE:
            return f"the assessment of {self.on} says not evaluable, and no entry says that they left before its end"
        covers = "is not known to cover" if self.on.last >= self.last else "does not cover"
        return f"the assessment of {self.on} {covers} {self.last}, the last day of the window"


def why_words(standing: Standing, aside: SetAside | None) -> str:
    """Say why somebody stands where they do, and which assessment does not count."""
    return standing.reason.words if aside is None else f"{standing.reason.words}; {aside.words}"


@attrs.frozen
class Judgement:
    """A standing, the positions of the entries without which it would differ, and what a reader should know of it."""

    standing: Standing
    evidence: tuple[int, ...] = ()
    flags: tuple[EvaluationFlag, ...] = ()
    aside: SetAside | None = None
    """Of somebody whose window is open or not assessed: the latest assessment, which does not count."""


@attrs.frozen
class LastSeen:
    """The day after which a participant was no longer observed, and the entry that says so."""

    on: ClinicalTime
    position: int
    known_on: ClinicalTime | None = None
    """When they withdrew or were given up as lost: a last contact that is known only in part was not after it."""

    @property
    def last(self) -> date:
        """The latest day that it allows."""
        known = self.known_on
        return min(self.on.last, known.last) if known is not None and known.last >= self.on.first else self.on.last


@attrs.frozen(kw_only=True)
class Course:
    """What decides whether one participant is evaluable."""

    __repr__ = in_short

    infusion: Recorded[Infused]
    """The first one, which opens the window."""
    events: Sequence[Qualifying]
    """The adverse events that qualify, or would once their relatedness is assessed."""
    cytopenias: Sequence[Cytopenia] = ()
    """What the counts say of each analyte for which the protocol has a threshold."""
    counts_ended: tuple[int, ...] = ()
    """The positions of what lets no further count come: they left, died, or were treated anew."""
    assessments: Sequence[Recorded[DltWindowAssessed]] = ()
    deaths: Sequence[Recorded[Died]] = ()
    explained: tuple[int, ...] = ()
    """The positions of the adverse events behind a death, and of what judged them."""
    unrelated: tuple[int, ...] = ()
    """The positions of the judgements without which an event would be a DLT."""
    departures: Sequence[LastSeen] = ()
    """When they withdrew from follow-up or were last seen, each entry by itself; who completed the follow-up did not
    leave."""


@attrs.frozen(slots=False)
class _Asked:
    """One course on one day, with what its lines ask for; each answer is the positions of the entries behind it."""

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
        """The event, or the counts, that are the first DLT."""
        dlt, lasted = first_dlt(self.course.events), first_lasted(self.course.cytopenias)
        if dlt is not None:
            return dlt.evidence
        return () if lasted is None else tuple(entry.position for entry in lasted.entries)

    @cached_property
    def unassessed(self) -> tuple[int, ...]:
        """Events that would qualify, and that nobody has judged."""
        return tuple(position for event in self.course.events for position in event.evidence)

    @cached_property
    def died(self) -> tuple[int, ...]:
        """A death that is known to have come in the window."""
        return tuple(death.position for death in self.course.deaths if death.fact.on.last <= self.last)[:1]

    @cached_property
    def left(self) -> tuple[int, ...]:
        """What says for certain that they were not seen on the last day of the window."""
        return tuple(seen.position for seen in self.course.departures if seen.last < self.last)[:1]

    @cached_property
    def uncertain(self) -> tuple[int, ...]:
        """What leaves open whether they were seen on the last day of the window, or died in it."""
        left = [one.position for one in self.course.departures if one.on.first < self.last <= one.last]
        died = [one.position for one in self.course.deaths if one.fact.on.first <= self.last < one.fact.on.last]
        return (*left, *died)

    @property
    def whole(self) -> bool:
        """Whether the whole infusion was given."""
        return self.course.infusion.fact.fraction >= self.protocol.evaluable.min_fraction

    @cached_property
    def latest(self) -> Recorded[DltWindowAssessed] | None:
        """The assessment of the latest day, and of one day the one recorded last."""
        ordered = sorted(self.course.assessments, key=lambda entry: entry.fact.on.first)
        return ordered[-1] if ordered else None

    def latest_found(self, result: WindowResult) -> tuple[int, ...]:
        """The latest assessment, where this is its result."""
        return (self.latest.position,) if self.latest is not None and self.latest.fact.result is result else ()

    @cached_property
    def covering(self) -> tuple[int, ...]:
        """An assessment that covers the last day of the window and found no DLT, unless a later one takes it back."""
        if self.latest_found(WindowResult.NOT_EVALUABLE):
            return ()
        return tuple(
            entry.position
            for entry in self.course.assessments
            if entry.fact.on.first >= self.last and entry.fact.result is WindowResult.NO_DLT
        )[:1]

    @property
    def aside(self) -> SetAside | None:
        """The latest assessment, of somebody whom no assessment makes evaluable."""
        if self.latest is None:
            return None
        fact = self.latest.fact
        return SetAside(fact.on, fact.result, self.latest.position, self.last)

    @cached_property
    def counts_open(self) -> bool:
        """Whether the day beyond which a cytopenia must not last is not over."""
        cytopenia = self.rule.cytopenia
        return cytopenia is not None and self.on <= last_day(self.course.infusion.fact, cytopenia)

    @cached_property
    def counts_show(self) -> tuple[int, ...]:
        """The counts that say that no cytopenia lasted."""
        return tuple(entry.position for one in self.course.cytopenias for entry in one.entries)

    @cached_property
    def not_shown(self) -> bool:
        """Whether the counts of any analyte leave open whether a cytopenia lasted."""
        return any(one.lasting is Lasting.NOT_SHOWN for one in self.course.cytopenias)


_Fits = Callable[[_Asked], tuple[int, ...] | None]


def _when(holds: object, *positions: int) -> tuple[int, ...] | None:
    """Give what a line rests on beside the infusion, where it fits; None where it does not."""
    return positions if holds else None


@attrs.frozen
class Line:
    """One line of the table: where it fits, and no line before it does, it is the answer."""

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
    """Say where an infused participant stands on a calendar day at the site."""
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
    )


def _flags(course: Course, reason: EvaluationReason) -> tuple[EvaluationFlag, ...]:
    """Say what a reader should know: of the first DLT its date, of an evaluable course without one its counts."""
    match reason:
        case EvaluationReason.DLT:
            dlt = first_dlt(course.events)
            return (EvaluationFlag.PARTIAL_ONSET,) if dlt is not None and dlt.uncertain else ()
        case EvaluationReason.ENDING_UNCERTAIN | EvaluationReason.ASSESSED_NOT_EVALUABLE:
            return (EvaluationFlag.PARTIAL_ENDING,)
        case EvaluationReason.WINDOW_ASSESSED | EvaluationReason.WINDOW_OVER:
            found = {flag for one in course.cytopenias for flag in one.flags}
            return tuple(flag for flag in EvaluationFlag if flag in found)
        case _:
            return ()
