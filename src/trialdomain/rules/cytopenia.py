"""The cytopenia rule: a cytopenia that lasts beyond a day is dose-limiting (a parameter of the protocol; default none).

The registry (NCT06245746) has no such rule: every sentence is a **choice**. Each of the two analytes is judged on its
own, by the lowest value of a day, in 10*9/L. Counts are used from the infusion to the day before the next cycle of
chemotherapy, a relapse or a new therapy:

- it lasts where the last count up to the day is low or missing, and the first one after the day is low;
- it does not last where the last count up to the day, or the first one after it, is at or above the threshold;
- otherwise it is not shown: a missing count is never a good one.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import attrs

from trialdomain.events.participant import Infused, Transfused
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.endpoints.rules import EndpointRules
from trialdomain.protocol.trial_protocol import CytopeniaRule
from trialdomain.rules.counts import Day, Lab, read_counts
from trialdomain.values.clinical.analyte import Count
from trialdomain.values.clinical.evaluation import EvaluationFlag
from trialdomain.values.clinical.treatment import BloodProduct
from trialdomain.values.clinical_time import ClinicalTime
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
    """The deciding counts, in the order of days: the last one up to the day, and the first one after it."""
    flags: tuple[EvaluationFlag, ...] = ()

    @property
    def onset(self) -> ClinicalTime:
        """The date of the first count after the day; only for a cytopenia that lasted."""
        return self.entries[-1].fact.collected_at


def first_lasted(found: Iterable[Cytopenia]) -> Cytopenia | None:
    """Return the cytopenia that counts as a DLT, if one lasted."""
    return next((one for one in found if one.lasting is Lasting.LASTED), None)


def last_day(infusion: Infused, rule: CytopeniaRule) -> date:
    """Return the day beyond which a cytopenia must not last."""
    return infusion.started_at.first + timedelta(days=rule.beyond_day)


def cytopenias(
    labs: Sequence[Lab],
    *,
    infusion: Infused,
    rule: CytopeniaRule,
    endpoints: EndpointRules,
    until: date | None = None,
    transfusions: Sequence[Recorded[Transfused]] = (),
) -> list[Cytopenia]:
    """Judge each analyte for which the protocol has a threshold.

    Args:
        labs: the current results of one participant, in any order.
        infusion: the first infusion.
        rule: the thresholds, in 10*9/L, and the day.
        endpoints: the protocol's definitions for counts: ``max_gap_days`` and the days free of transfusions.
        until: the last day whose counts are used: the day before the next cycle, relapse or new therapy, if any.
        transfusions: the transfusions of any product.
    """
    start = infusion.started_at
    since = [lab for lab in labs if not lab.fact.collected_at.precedes(start)]
    read = read_counts(since, first=start.first, last=until or date.max, rules=endpoints)
    platelets = [one.fact.on for one in transfusions if one.fact.product is BloodProduct.PLATELETS]
    found = []
    for analyte, count, threshold, given in (
        ("ANC", Count.NEUTROPHILS, rule.anc_below, []),
        ("PLT", Count.PLATELETS, rule.platelets_below, platelets),
    ):
        if threshold is not None:
            days = [day for day in read[count].days if day.derived is None]
            judged = _judged(analyte, days, threshold, last_day(infusion, rule), endpoints)
            reach = timedelta(days=endpoints.platelets.transfusion_free_days)
            found.append(attrs.evolve(judged, flags=(*judged.flags, *_transfused(judged, given, reach))))
    return found


def _judged(analyte: str, days: Sequence[Day], threshold: Decimal, limit: date, endpoints: EndpointRules) -> Cytopenia:
    before = next((day for day in reversed(days) if day.on <= limit), None)
    after = next((day for day in days if day.on > limit), None)
    if before is not None and (enough := before.reaches(threshold)) is not None:
        return Cytopenia(analyte=analyte, lasting=Lasting.NOT, entries=(enough,))
    if after is not None and (enough := after.reaches(threshold)) is not None:
        late = (after.on - limit).days > endpoints.max_gap_days
        flags = (EvaluationFlag.LATE_COUNT,) if late else ()
        return Cytopenia(analyte=analyte, lasting=Lasting.NOT, entries=(enough,), flags=flags)
    shown = () if before is None else (before.below(threshold) or before.entry,)
    if after is not None and (low := after.below(threshold)) is not None:
        return Cytopenia(analyte=analyte, lasting=Lasting.LASTED, entries=(*shown, low))
    unclear = () if after is None else (after.entry,)
    return Cytopenia(analyte=analyte, lasting=Lasting.NOT_SHOWN, entries=(*shown, *unclear))


def _transfused(found: Cytopenia, given: Sequence[ClinicalTime], reach: timedelta) -> Iterator[EvaluationFlag]:
    """Yield the flag where a transfusion of platelets may have raised the count that shows no cytopenia."""
    if found.lasting is Lasting.NOT:
        counted = found.entries[-1].fact.collected_at.first
        if any(when.first <= counted and counted - when.last <= reach for when in given):
            yield EvaluationFlag.TRANSFUSED
