"""Relations between two trials that must have the same answers: metamorphic tests of a whole trial.

Each relation makes a second trial of a first one, and raises :class:`InvariantBroken` with what they answer otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby

import attrs

from trialdomain.designs.notation import OutcomesMalformed
from trialdomain.events.cohort import SlotReleased
from trialdomain.history import History
from trialdomain.projections.dlt_counts import Member
from trialdomain.projections.endpoints.value import Value
from trialdomain.testing.answered import words_of
from trialdomain.testing.invariants import InvariantBroken
from trialdomain.testing.made_up_site import MadeUpSite
from trialdomain.testing.outcomes import OutcomesUnreachable, history_of
from trialdomain.testing.restated import REASON, Restated, restatements
from trialdomain.testing.whole_trial import Act, WholeTrial, entry_of
from trialdomain.values.clinical.decision import Decision
from trialdomain.values.clinical.evaluation import Evaluation

_LETTERS = {Evaluation.EVALUABLE: "N", Evaluation.PENDING: "P", Evaluation.NOT_EVALUABLE: "X"}


def the_order_within_a_day_changes_nothing(trial: WholeTrial) -> None:
    """Assert that a trial answers the same if what different people reported on one day is recorded in another order.

    The trial is conducted again by its acts, with the participants of each day in the opposite order. An act that takes
    a slot, infuses or decides keeps its place, since who comes first may have the last slot; so do the acts about one
    participant among themselves.

    Raises:
        InvariantBroken: an act is refused then, or an answer differs.
    """
    name, acts = "the order within a day changes nothing", list(_in_another_order(trial.acts))
    if acts == trial.acts:
        return
    again = trial.repeated(acts)
    for act, error in again.refused:
        raise InvariantBroken(name, f"in another order, {act.told or act.subject} is refused ({error.code}): {error}")
    _compare(name, _answers(trial.history, trial.today), _answers(again.history, trial.today))


def _in_another_order(acts: Sequence[Act]) -> Iterator[Act]:
    """Yield the acts with the observing ones of a day by participant, the last participant first."""
    for (_, observes), together in groupby(acts, key=lambda act: (act.on, act.observes)):
        run = list(together)
        yield from sorted(run, key=lambda act: act.subject or "", reverse=True) if observes else run


def a_replaced_participant_changes_nothing(history: History, *, on: date | None = None) -> None:
    """Assert that the answer is the same if somebody who was not evaluable had been treated before an evaluable one.

    The outcomes of the trial are written in notation, and ``X`` is put before each ``N`` in turn. Both sequences become
    histories of facts under the protocol (``history_of``), without decisions; their tallies, their closed levels and
    their answers before any wait for days or for a sentinel are compared. A trial that the notation cannot write, such
    as one whose first infusion was voided, is not compared.

    Source: participants who are not evaluable are replaced at their level (Storer 1989; Skolnik et al. 2008).

    Args:
        history: the trial.
        on: the day for which windows are judged; by default that of the last entry.

    Raises:
        InvariantBroken: an answer differs.
    """
    day = history.last_day() if on is None else on
    protocol = history.protocol(on=day)
    treated = [member for member in history.dlt_counts(on=day).members if member.infused_on is not None]
    treated.sort(key=lambda member: (member.infused_on.first if member.infused_on else day, member.infused_by or 0))
    letters = [(protocol.place(member.level), _letter(member)) for member in treated if member.level is not None]
    try:
        before = _in_notation(history_of(_written(letters), protocol=protocol))
    except (OutcomesMalformed, OutcomesUnreachable):
        return
    for at, (place, letter) in enumerate(letters):
        if letter == "N":
            replaced = _written([*letters[:at], (place, "X"), *letters[at:]])
            after = _in_notation(history_of(replaced, protocol=protocol))
            _compare(f"a replaced participant changes nothing ({_written(letters)} and {replaced})", before, after)


def _letter(member: Member) -> str:
    return "T" if member.dlt is not None else _LETTERS[member.standing.evaluation]


def _written(letters: Sequence[tuple[int, str]]) -> str:
    groups = ((place, "".join(letter for _, letter in of)) for place, of in groupby(letters, key=lambda one: one[0]))
    return " ".join(f"{place}{letters}" for place, letters in groups)


def _in_notation(found: tuple[History, date]) -> Mapping[str, object]:
    history, on = found
    state = history.escalation(on=on)
    counts = history.dlt_counts(on=on)
    told: dict[str, object] = {f"level {one.level}": (one.evaluable, one.dlts, one.pending) for one in counts.tallies}
    if state is not None:
        told |= {"answer": state.unheld.bare, "closed levels": state.unheld.closed_levels}
    return told


def a_correction_undone_changes_nothing(trial: WholeTrial, *, which: int = 0) -> None:
    """Assert that a trial answers the same after an entry was corrected, and corrected back.

    Both corrections are recorded in the trial. The answer of the design, which reads the slots, is not compared where
    the first correction released one: it stays released.

    Args:
        trial: the trial.
        which: which of the possible corrections of its participants, counted round.

    Raises:
        InvariantBroken: the second correction is refused, or an answer differs.
    """
    name = "a correction undone changes nothing"
    possible = [(subject, one) for subject in trial.subjects for one in restatements(trial.site.entries_of(subject))]
    if not possible:
        return
    subject, chosen = possible[which % len(possible)]
    history, entry = trial.history, entry_of(trial.site, subject, chosen.version)
    before = _answers(history, trial.today)
    old = {field: getattr(entry.fact, field) for field in chosen.changes}
    if trial.act(_correction(trial.today, subject, chosen)) is not None:
        return
    corrected = [one.version for one in trial.site.entries_of(subject) if one.envelope.corrects == chosen.version]
    if not corrected:  # the fact was so already
        return
    back = Restated(version=corrected[0], changes=old, told="corrected back")
    refused = trial.act(_correction(trial.today, subject, back))
    told = f"{subject}, {chosen.told}"
    if refused is not None:
        raise InvariantBroken(name, f"{told}: the correction back is refused ({refused.code}): {refused}")
    after = _answers(trial.history, trial.today)
    released = any(isinstance(one.fact, SlotReleased) for one in trial.history.entries_after(history.position))
    kept = [key for key in before if not (released and key in {"answer", "slots"})]
    _compare(f"{name} ({told})", {key: before[key] for key in kept}, {key: after.get(key) for key in kept})


def _correction(on: date, subject: str, chosen: Restated) -> Act:
    def do(site: MadeUpSite) -> object:
        return site.desk().correct(entry_of(site, subject, chosen.version), reason=REASON, **chosen.changes)

    return Act(on=on, subject=subject, told=f"{subject}: {chosen.told}", do=do)


def _answers(history: History, on: date) -> Mapping[str, object]:
    """Return the answers that do not name positions: counts, the answer of the design, and the endpoints."""
    answers = history.answers(on=on)
    told: dict[str, object] = {
        f"level {one.level}": (one.evaluable, one.dlts, one.pending, one.not_evaluable)
        for one in answers.dlt_counts.tallies
    }
    if answers.escalation is not None:
        decision = answers.escalation.decision
        told |= {"answer": decision.bare, "slots": decision.slots, "closed levels": decision.closed_levels}
    for endpoint in answers.endpoints.protocol.endpoints.derived:
        for value in answers.endpoints.values(endpoint.id):
            told[f"{value.endpoint} of {value.subject}"] = attrs.evolve(value, evidence=(), examined=0)
    return told


def _compare(name: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            raise InvariantBroken(name, f"{key} is {_shown(before.get(key))}, and {_shown(after.get(key))}")


def _shown(value: object) -> str:
    if isinstance(value, Decision):
        return words_of(value)
    if isinstance(value, Value):
        known = f"{value.status.value} {'' if value.value is None else value.value}".rstrip()
        return f"{known} ({value.because})" if value.because else known
    return str(value)


def check_relations(trial: WholeTrial, *, which: int = 0) -> None:
    """Assert every metamorphic relation of a trial; ``which`` chooses the correction that is undone.

    Raises:
        InvariantBroken: the trial breaks one.
    """
    the_order_within_a_day_changes_nothing(trial)
    a_replaced_participant_changes_nothing(trial.history, on=trial.today)
    a_correction_undone_changes_nothing(trial, which=which)
