"""The cytopenia rules: a cytopenia that lasts is dose-limiting (parameters of the protocol; default none).

The registry (NCT06245746) has no such rule: every sentence is a **choice**. Each of the two analytes is judged on its
own, by the lowest value of a day, in 10*9/L. Counts are used from the infusion to the day before the next cycle of
chemotherapy, a relapse or a new therapy.

A cytopenia beyond a fixed day (``dlt.cytopenia``):

- it lasts where the last count up to the day is low or missing, and the first one after the day is low;
- it does not last where the last count up to the day, or the first one after it, is at or above the threshold;
- otherwise it is not shown: a missing count is never a good one.

A cytopenia longer than some days (a row of ``dlt.criteria`` with a threshold). A spell begins on the date of the first
low count in the window, whatever came before the infusion, and ends on the date of the first count at or above:

- it lasts where the spell, to its end or to its last low count, has more elapsed days than the row allows;
- it does not last where every spell that began in the window ended within these days, or none began;
- it is not shown where a spell has no end yet, or where no count of the window decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import attrs

from trialdomain.events.participant import Infused, Transfused
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.rules.counts import Day, Lab, read_counts
from trialdomain.values.clinical.analyte import UNITS, Count
from trialdomain.values.clinical.evaluation import EvaluationFlag
from trialdomain.values.clinical.treatment import BloodProduct
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.given.plural import how_many
from trialdomain.values.word import Word


class Lasting(Word):
    """Whether a cytopenia of one analyte lasted, by its counts."""

    LASTED = "lasted"
    NOT = "not"
    NOT_SHOWN = "not-shown"


@attrs.frozen(kw_only=True)
class Cytopenia:
    """The judgment of one analyte, and the counts behind it."""

    analyte: str
    lasting: Lasting
    entries: tuple[Lab, ...]
    """The deciding counts, in the order of days: of a fixed day, the last one up to it and the first one after it; of a
    spell, its first low count, and the count that ended it or was the last low one."""
    open_until: date
    """The last day on which counts may still change the judgment."""
    onset: ClinicalTime | None = None
    """The date of the count that dates a cytopenia that lasted: the first one after the day, or the first low one."""
    flags: tuple[EvaluationFlag, ...] = ()
    row: int | None = None
    """The number, from 1, of the row of ``dlt.criteria``; None for the fixed day."""
    words: str
    """The cytopenia in words."""
    because: str | None = None
    """The row in words."""


def first_lasted(found: Iterable[Cytopenia]) -> Cytopenia | None:
    """Return the cytopenia that counts as a DLT, if one lasted."""
    return next((one for one in found if one.lasting is Lasting.LASTED), None)


def last_day(infusion: Infused, rule: CytopeniaRule) -> date:
    """Return the day beyond which a cytopenia must not last."""
    return infusion.started_at.first + timedelta(days=rule.beyond_day)


_ANALYTES = {Count.NEUTROPHILS: "ANC", Count.PLATELETS: "PLT"}


def cytopenias(
    labs: Sequence[Lab],
    *,
    infusion: Infused,
    rule: DltRule,
    endpoints: EndpointRules,
    until: date | None = None,
    transfusions: Sequence[Recorded[Transfused]] = (),
) -> list[Cytopenia]:
    """Judge each analyte for which the protocol has a threshold: by the fixed day, then by each row of the criteria.

    Args:
        labs: the current results of one participant, in any order.
        infusion: the first infusion.
        rule: the DLT rule, with the thresholds, in 10*9/L, and the days.
        endpoints: the protocol's definitions for counts: ``max_gap_days`` and the days free of transfusions.
        until: the last day whose counts are used: the day before the next cycle, relapse or new therapy, if any.
        transfusions: the transfusions of any product.
    """
    start = infusion.started_at
    since = [lab for lab in labs if not lab.fact.collected_at.precedes(start)]
    read = read_counts(since, first=start.first, last=until or date.max, rules=endpoints)
    measured = {count: [day for day in read[count].days if day.derived is None] for count in _ANALYTES}
    platelets = [one.fact.on for one in transfusions if one.fact.product is BloodProduct.PLATELETS]
    given = {Count.NEUTROPHILS: [], Count.PLATELETS: platelets}
    reach = timedelta(days=endpoints.platelets.transfusion_free_days)
    found = [*_of_fixed_day(measured, infusion, rule.cytopenia, endpoints), *_of_rows(measured, infusion, rule)]
    return [
        attrs.evolve(judged, flags=(*judged.flags, *_transfused(judged, given[count], reach)))
        for count, judged in found
    ]


def _of_fixed_day(
    measured: Mapping[Count, Sequence[Day]], infusion: Infused, rule: CytopeniaRule | None, endpoints: EndpointRules
) -> Iterator[tuple[Count, Cytopenia]]:
    if rule is None:
        return
    for count, threshold in ((Count.NEUTROPHILS, rule.anc_below), (Count.PLATELETS, rule.platelets_below)):
        if threshold is not None:
            yield count, _judged(count, measured[count], threshold, last_day(infusion, rule), endpoints)


def _of_rows(
    measured: Mapping[Count, Sequence[Day]], infusion: Infused, rule: DltRule
) -> Iterator[tuple[Count, Cytopenia]]:
    window_last = infusion.started_at.first + timedelta(days=rule.window_days)
    for number, row in rule.count_rows:
        for count, threshold in row.thresholds.items():
            judged = _spell(count, measured[count], threshold, row.longer_than_days or 0, window_last)
            yield count, attrs.evolve(judged, row=number, because=row.words)


def _judged(count: Count, days: Sequence[Day], threshold: Decimal, limit: date, endpoints: EndpointRules) -> Cytopenia:
    """Judge an analyte by a fixed day."""
    judgment = partial(
        Cytopenia,
        analyte=_ANALYTES[count],
        open_until=limit,
        words=f"{_ANALYTES[count]} below the threshold beyond its day",
    )
    before = next((day for day in reversed(days) if day.on <= limit), None)
    after = next((day for day in days if day.on > limit), None)
    if before is not None and (enough := before.reaches(threshold)) is not None:
        return judgment(lasting=Lasting.NOT, entries=(enough,))
    if after is not None and (enough := after.reaches(threshold)) is not None:
        late = (after.on - limit).days > endpoints.max_gap_days
        flags = (EvaluationFlag.LATE_COUNT,) if late else ()
        return judgment(lasting=Lasting.NOT, entries=(enough,), flags=flags)
    shown = () if before is None else (before.below(threshold) or before.entry,)
    if after is not None and (low := after.below(threshold)) is not None:
        return judgment(lasting=Lasting.LASTED, entries=(*shown, low), onset=low.fact.collected_at)
    unclear = () if after is None else (after.entry,)
    return judgment(lasting=Lasting.NOT_SHOWN, entries=(*shown, *unclear))


def _spell(count: Count, days: Sequence[Day], threshold: Decimal, longer_than: int, window_last: date) -> Cytopenia:
    """Judge an analyte by the longest spell below a threshold that began in the window.

    A count that a bound such as "< 1" leaves open neither begins nor ends a spell.
    """
    judgment = partial(
        Cytopenia,
        analyte=_ANALYTES[count],
        words=f"{_ANALYTES[count]} below {threshold} {UNITS[count]} for longer than {how_many(longer_than, 'day')}",
    )
    began: tuple[date, Lab] | None = None
    last_low: Lab | None = None
    shown: tuple[Lab, ...] = ()
    for day in days:
        low, enough = day.judged(threshold)
        if began is None:
            if day.on > window_last:
                break
            if low is not None:
                began, last_low = (day.on, low), low
            elif enough is not None and not shown:
                shown = (enough,)
            continue
        decides = low or enough
        if decides is not None and (day.on - began[0]).days > longer_than:
            onset = began[1].fact.collected_at
            return judgment(lasting=Lasting.LASTED, entries=(began[1], decides), onset=onset, open_until=window_last)
        if enough is not None:
            shown, began = (began[1], enough), None
        last_low = low or last_low
    if began is not None:
        entries = (began[1],) if last_low is None or last_low is began[1] else (began[1], last_low)
        until = max(window_last, began[0] + timedelta(days=longer_than))
        return judgment(lasting=Lasting.NOT_SHOWN, entries=entries, open_until=until)
    lasting = Lasting.NOT if shown else Lasting.NOT_SHOWN
    return judgment(lasting=lasting, entries=shown, open_until=window_last)


def _transfused(found: Cytopenia, given: Sequence[ClinicalTime], reach: timedelta) -> Iterator[EvaluationFlag]:
    """Yield the flag where a transfusion of platelets may have raised the count that shows no cytopenia."""
    if found.lasting is Lasting.NOT:
        counted = found.entries[-1].fact.collected_at.first
        if any(when.first <= counted and counted - when.last <= reach for when in given):
            yield EvaluationFlag.TRANSFUSED
