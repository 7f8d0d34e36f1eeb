"""Strategies for protocols."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import strategies as st

from trialdomain.protocol.conduct_rules import EvaluableRule, Sentinel, SentinelRequirement, Stagger, Stopping
from trialdomain.protocol.criteria import Criterion
from trialdomain.protocol.designs import DesignSpec
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule, ExpectedToxicity
from trialdomain.protocol.dose_level import DoseLevel
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.sites import Site
from trialdomain.protocol.trial_protocol import TallyBy, TrialProtocol
from trialdomain.testing.strategies.designs import designs
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical.level import Label
from trialdomain.values.clinical.toxicity import Relatedness

_MOST_LEVELS = 5
_RELATED = (Relatedness.UNLIKELY, Relatedness.POSSIBLY, Relatedness.LIKELY, Relatedness.DEFINITELY)
_UNITS = ("mg", "mg/m2", "mg/kg", "10*6{cells}/kg", "[iU]")
_ZONES = (None, "UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York")
_SITES = (Site(id="B", zone="Europe/Berlin"), Site(id="S", zone="Australia/Sydney"))
_CRITERIA = tuple(one for one in nct06245746().criteria if one.contradicts is None)
"""The criteria of the preset: of every gate, and answered in every way."""
_ROWS: tuple[tuple[DltCriterion, ...], ...] = (
    (),
    (DltCriterion(terms=("Fatigue",), never=True),),
    (DltCriterion(terms=("Nausea", "Vomiting"), min_grade=3, longer_than_days=2),),
    (DltCriterion(category="Infections and infestations", min_grade=3),),
    (
        DltCriterion(
            terms=("Alanine aminotransferase increased",),
            min_grade=3,
            together_with=DltCompanion(terms=("Blood bilirubin increased",), min_grade=2),
        ),
    ),
    (DltCriterion(anc_below=Decimal("0.5"), longer_than_days=7),),
)


def protocols(
    *,
    levels: int | None = None,
    design: st.SearchStrategy[DesignSpec | None] | None = None,
    criteria: bool = True,
) -> st.SearchStrategy[TrialProtocol]:
    """Generate valid protocols; the simplest has one level without a dose, 3+3, and a DLT rule for every event.

    Args:
        levels: the number of dose levels; by default 1 to 5.
        design: a strategy for the design; by default every design. ``st.none()`` gives protocols without one.
        criteria: whether a protocol may have criteria of eligibility, which make a trial slower.
    """
    return _protocols(levels, design, criteria=criteria)


@st.composite
def _protocols(
    draw: st.DrawFn, levels: int | None, design: st.SearchStrategy[DesignSpec | None] | None, *, criteria: bool
) -> TrialProtocol:
    number = draw(st.integers(1, _MOST_LEVELS)) if levels is None else levels
    chosen = draw(designs(levels=number) if design is None else design)
    return TrialProtocol(
        trial="MADE-UP",
        title="A made-up trial",
        version="1",
        levels=_levels(draw, number),
        design=chosen,
        dlt=_dlt_rule(draw),
        stagger=_stagger(draw, watched=chosen is not None),
        evaluable=EvaluableRule(
            min_fraction=draw(st.sampled_from([Decimal(1), Decimal("0.75")])), requires_assessment=draw(st.booleans())
        ),
        stopping=Stopping(related_grade_5=draw(st.booleans())),
        criteria=_criteria(draw) if criteria else (),
        tally_by=draw(st.sampled_from(TallyBy)),
        sites=draw(st.sampled_from([(), _SITES])),
        zone=draw(st.sampled_from(_ZONES)),
        target_recruitment=draw(st.none() | st.integers(1, 30)),
        max_infused=draw(st.none() | st.integers(1, 30)),
        screening_validity_days=draw(st.integers(0, 60)),
    )


def _levels(draw: st.DrawFn, number: int) -> tuple[DoseLevel, ...]:
    unit = draw(st.none() | st.sampled_from(_UNITS))
    first, factor = draw(st.integers(1, 50)), draw(st.sampled_from([Decimal(2), Decimal("1.5")]))
    return tuple(
        DoseLevel(
            level=place,
            label=label,
            dose=None if unit is None else Dose(amount=first * factor ** (place - 1), unit=unit),
        )
        for place, label in enumerate(_labels(draw, number), start=1)
    )


def _labels(draw: st.DrawFn, number: int) -> Sequence[Label]:
    named: Sequence[Sequence[Label]] = [
        range(1, number + 1),
        [-1, *range(1, number)],
        [f"DL-{place}" for place in range(number)],
        [1, *(f"1{letter}" for letter in "abcdefghijklmnopqrs"[: number - 1])],
    ]
    return draw(st.sampled_from(named))


def _dlt_rule(draw: st.DrawFn) -> DltRule:
    rows = draw(st.sampled_from(_ROWS))
    return DltRule(
        min_grade=draw(st.sampled_from([1, 2, 3, 4])),
        criteria=rows,
        window_days=draw(st.integers(1, 42)),
        related=_RELATED[draw(st.sampled_from([1, 0, 2, 3])) :],
        worsening=draw(st.booleans()),
        expected_with_chemotherapy=draw(
            st.just(()) | st.just((ExpectedToxicity(term="Febrile neutropenia", up_to_grade=3),))
        ),
        cytopenia=draw(st.none() | st.builds(CytopeniaRule, anc_below=st.just(Decimal("0.5")), beyond_day=_late_days)),
    )


_late_days = st.integers(14, 42)


def _stagger(draw: st.DrawFn, *, watched: bool) -> Stagger:
    requires = st.sampled_from([tuple(SentinelRequirement), *((one,) for one in SentinelRequirement)])
    sentinel = st.builds(Sentinel, observation_days=st.integers(1, 14), requires=requires)
    return Stagger(
        first_to_second_days=draw(st.integers(0, 7)),
        between_days=draw(st.integers(0, 7)),
        sentinel=draw(st.none() | sentinel) if watched else None,
    )


def _criteria(draw: st.DrawFn) -> tuple[Criterion, ...]:
    return tuple(draw(st.lists(st.sampled_from(_CRITERIA), max_size=4, unique_by=lambda one: one.id)))
