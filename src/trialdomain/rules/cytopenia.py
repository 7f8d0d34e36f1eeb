"""Whether a cytopenia lasts beyond its day, so that it is dose-limiting (a parameter of the protocol; default none).

It lasts when the latest count on or before the day is below the threshold, and the first count after it is still below
(**choice**: the registry has no such rule). Its onset is the date of that first count after the day.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

import attrs

from trialdomain.events.participant import Infused, LabRecorded
from trialdomain.events.recorded import Recorded
from trialdomain.protocol.trial_protocol import CytopeniaRule
from trialdomain.rules.counts import is_below, read_as
from trialdomain.values.analyte import Count
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.unit import scale

_UNIT = "10*9/L"


@attrs.frozen(kw_only=True)
class Cytopenia:
    """A cytopenia that lasted, and the two counts that show it."""

    analyte: str
    onset: ClinicalTime
    entries: tuple[Recorded[LabRecorded], Recorded[LabRecorded]]


def last_day(infusion: Infused, rule: CytopeniaRule) -> date:
    """Give the day beyond which a cytopenia must not last."""
    return infusion.started_at.first + timedelta(days=rule.beyond_day)


def cytopenias(labs: Sequence[Recorded[LabRecorded]], *, infusion: Infused, rule: CytopeniaRule) -> Iterator[Cytopenia]:
    """Yield the neutropenia and the thrombocytopenia that lasted, if any did."""
    for analyte, count, threshold in (
        ("ANC", Count.NEUTROPHILS, rule.anc_below),
        ("PLT", Count.PLATELETS, rule.platelets_below),
    ):
        if threshold is not None:
            counts = [lab for lab in labs if read_as(lab.fact) is count]
            yield from _lasting(analyte, threshold, counts, infusion, last_day(infusion, rule))


def _lasting(
    analyte: str, threshold: Decimal, counts: Sequence[Recorded[LabRecorded]], infusion: Infused, day: date
) -> Iterator[Cytopenia]:
    start = infusion.started_at.first
    dated = sorted(
        (entry for entry in counts if entry.fact.collected_at.day and entry.fact.collected_at.first >= start),
        key=lambda entry: (entry.fact.collected_at.first, entry.position),
    )
    before = [entry for entry in dated if entry.fact.collected_at.first <= day]
    after = [entry for entry in dated if entry.fact.collected_at.first > day]
    if before and after and _below(before[-1].fact, threshold) and _below(after[0].fact, threshold):
        yield Cytopenia(analyte=analyte, onset=after[0].fact.collected_at, entries=(before[-1], after[0]))


def _below(lab: LabRecorded, threshold: Decimal) -> bool:
    """Say whether a count is known to be below; one without a unit, or bounded from below alone, is not."""
    factor = None if lab.unit is None else scale(lab.unit, to=_UNIT)
    return factor is not None and is_below(lab.value * factor, lab.comparator, threshold) is True
