"""Strategies for whole trials that are conducted through the desk."""

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from trialdomain.designs.notation import Outcome
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.conducting import Course, Leaving, conduct
from trialdomain.testing.whole_trial import WholeTrial

_MOST = 9
"""The most participants of a trial, by default: it is the target recruitment of NCT06245746."""


def courses(
    *,
    outcomes: str = "NTX",
    late: bool = False,
    corrected: bool = False,
    voided: bool = False,
    withdrawn: bool = False,
) -> st.SearchStrategy[Course]:
    """Generate the course of one participant; the simplest is infused at once, and has no DLT.

    Args:
        outcomes: the outcomes, in notation; ``P``, which stays pending, holds most designs for ever.
        late: whether outcomes may be recorded up to 20 days later than they happened.
        corrected: whether an entry may be corrected after the outcome.
        voided: whether an entry may be voided after the outcome.
        withdrawn: whether the participant may leave, before the infusion or later, or die.
    """
    return st.builds(
        Course,
        outcome=st.sampled_from([Outcome(letter) for letter in outcomes]),
        after=st.integers(0, 7),
        late=st.integers(0, 20) if late else st.just(0),
        leaves=st.none() | st.sampled_from(Leaving) if withdrawn else st.none(),
        leaves_after=st.integers(0, 30) if withdrawn else st.just(0),
        corrected=st.none() | st.integers(0, 11) if corrected else st.none(),
        voided=st.none() | st.integers(0, 4) if voided else st.none(),
    )


def trials(
    protocol: TrialProtocol | st.SearchStrategy[TrialProtocol] | None = None,
    *,
    most: int = _MOST,
    outcomes: str = "NTX",
    late: bool = False,
    corrected: bool = False,
    voided: bool = False,
    withdrawn: bool = False,
) -> st.SearchStrategy[WholeTrial]:
    """Generate whole trials that are conducted through the desk, with its permissions, rules and cohorts.

    A trial is conducted when the test first asks it for something, which takes about a tenth of a second: switch off
    the deadline of Hypothesis, ``settings(deadline=None)``. A failing example is printed as its acts, one line each.
    The trial is in memory, and its desk can go on: ``trial.site.desk()``.

    Args:
        protocol: the protocol, or a strategy for protocols; by default that of NCT06245746.
        most: the most participants.
        outcomes: the outcomes of participants, in notation.
        late: whether outcomes may be recorded later than they happened.
        corrected: whether entries may be corrected.
        voided: whether entries may be voided.
        withdrawn: whether participants may leave or die.
    """
    used = nct06245746() if protocol is None else protocol
    protocols = used if isinstance(used, st.SearchStrategy) else st.just(used)
    one = courses(outcomes=outcomes, late=late, corrected=corrected, voided=voided, withdrawn=withdrawn)
    return _conducted(protocols, st.lists(one, max_size=most))


@st.composite  # and not st.builds, which would print the arguments instead of the trial
def _conducted(
    draw: st.DrawFn, protocols: st.SearchStrategy[TrialProtocol], lists: st.SearchStrategy[list[Course]]
) -> WholeTrial:
    return _ConductedLater(partial(conduct, draw(protocols), draw(lists)))


class _ConductedLater(WholeTrial):
    """A trial that is conducted when it is first asked for something.

    Hypothesis refuses a test whose arguments take long to generate. So the test itself conducts the trial.
    """

    def __init__(self, conducted: Callable[[], WholeTrial]) -> None:
        self._conducted = conducted

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a trial has
        """Conduct the trial; Python calls this for an attribute that is not there yet."""
        if name.startswith("__") or "site" in vars(self):
            raise AttributeError(name)
        vars(self).update(vars(self._conducted()))
        return getattr(self, name)
