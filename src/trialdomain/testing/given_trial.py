"""Given-when-then for a whole trial: every act goes through the desk, with its permissions, rules and cohorts."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from inspect import signature
from typing import Any, Self, TypeAlias

import attrs
from typing_extensions import override

from trialdomain.aggregates.cohort import LevelNotOpen, NoFreeSlot
from trialdomain.aggregates.infusions import SentinelNotCleared, StaggerNotKept
from trialdomain.commands.guards import LevelNotInTurn, NobodyInTurn
from trialdomain.commands.runner import User
from trialdomain.designs.notation import parse_outcomes
from trialdomain.designs.registry import design_of
from trialdomain.desk import Desk
from trialdomain.desk.observed import vital_sign
from trialdomain.errors import TrialError
from trialdomain.events.entries import changes
from trialdomain.events.participant import Infused, LabRecorded, VitalSign, VitalSignRecorded
from trialdomain.events.recorded import Entry, Fact
from trialdomain.history import History
from trialdomain.protocol.presets.nct06245746 import nct06245746
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.testing.acts import ACTS, record
from trialdomain.testing.made_up_site import INVESTIGATOR, MadeUpSite
from trialdomain.testing.outcomes import check_outcomes, facts_of_outcome
from trialdomain.values.clinical.level import Label
from trialdomain.values.given.in_short import in_short

Past: TypeAlias = str | Callable[[Desk], object] | None
_LONGEST_WAIT = 400
"""The most days that a fixture waits for the days between infusions, or for a sentinel."""


class PastImpossible(AssertionError):
    """A past that no trial can have: the desk refuses one of its acts."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code, why)
        self.code, self.why = code, why

    @override
    def __str__(self) -> str:
        """Say what was refused, by which rule."""
        return f"no trial has this past: {self.why}"

    @classmethod
    def of(cls, error: TrialError, done: str) -> "PastImpossible":
        """Make it of a refusal at the desk."""
        return cls(error.code, f"{done} was refused ({error.code}): {error}")


@attrs.frozen
class Like:
    """A fact of a kind with some fields; the others are not compared."""

    kind: type
    fields: dict[str, object]


def like(kind: type, **fields: object) -> Like:
    """Expect a fact of a kind, and compare only the named fields: ``like(EscalationDecided, rationale=None)``."""
    return Like(kind, fields)


def given_trial(past: Past = None, *, protocol: TrialProtocol | None = None, by: User = INVESTIGATOR) -> "GivenTrial":
    """Conduct a past through the desk, in memory, from 2 March 2026 on.

    What a test leaves unsaid is made up as the protocol asks for it: consents, answers to criteria, doses, the acts
    before an infusion. Participants are ``S001``, ``S002``, ... in the order of the notation.

    Args:
        past: outcomes such as ``"1NNN 2NT"``, with the decisions that the design recommends between the levels; or a
            function that records acts at the desk; None for a trial that was only registered.
        protocol: the protocol; by default that of NCT06245746.
        by: the user who acts.

    Raises:
        PastImpossible: the rules do not allow the past; the message names the rule.
        OutcomesMalformed: the text is not a sequence of outcomes of this protocol.
        OutcomesUnreachable: the protocol gives no such outcome.

    >>> taken = given_trial("1NNN").when(lambda desk: desk.enroll("S009", on="2026-03-20"))
    >>> taken.refused("subject-unknown").entries
    []
    """
    __tracebackhide__ = True
    site = MadeUpSite(protocol or nct06245746(), by=by)
    if isinstance(past, str):
        _conduct(site, past)
    elif past is not None:
        try:
            past(site.desk())
        except TrialError as error:
            raise PastImpossible.of(error, "an act of it") from None
    return GivenTrial(site)


@attrs.define
class GivenTrial:
    """A trial with its past, and a clock that the test moves."""

    __repr__ = in_short

    site: MadeUpSite
    _user: User | None = None

    @property
    def today(self) -> date:
        """The day at the site."""
        return self.site.today

    @property
    def history(self) -> History:
        """The trial as it is known now."""
        return self.site.history

    def on(self, day: date | str) -> Self:
        """Move the clock to the evening of a day."""
        self.site.move_to_day(date.fromisoformat(day) if isinstance(day, str) else day)
        return self

    def after(self, *, days: int) -> Self:
        """Move the clock on by some days."""
        return self.on(self.today + timedelta(days=days))

    def acting(self, user: User) -> Self:
        """Let another user act."""
        self._user = user
        return self

    def when(self, act: Callable[[Desk], object]) -> "TakenTrial":
        """Do something at the desk; if it is refused, keep the refusal for ``refused``.

        The past goes on: what is recorded is in the history of the next ``when``, too. Make another past for another
        case.
        """
        __tracebackhide__ = True
        before = self.site.history.position
        error: TrialError | None = None
        try:
            act(self.site.desk(self._user))
        except TrialError as refusal:
            error = refusal.with_traceback(None)  # its frames would keep the trial open
        recorded = list(self.site.history.entries_after(before))[::-1]
        return TakenTrial(self.site, recorded, error)


@attrs.frozen
class TakenTrial:
    """What an act recorded, or how it was refused."""

    __repr__ = in_short

    site: MadeUpSite
    _recorded: Sequence[Entry]
    error: TrialError | None
    _expected: bool = False
    """Whether a test has asserted the refusal."""

    @property
    def entries(self) -> Sequence[Entry]:
        """The entries that the act recorded.

        Raises:
            TrialError: the act was refused, and no ``refused`` expects it.
        """
        self._raise_unexpected()
        return self._recorded

    @property
    def history(self) -> History:
        """The trial after the act.

        Raises:
            TrialError: the act was refused, and no ``refused`` expects it.
        """
        self._raise_unexpected()
        return self.site.history

    def _raise_unexpected(self) -> None:
        """Raise the refusal again: a test that goes on would assert something about an act that was never done."""
        __tracebackhide__ = True
        if self.error is not None and not self._expected:
            raise self.error.with_traceback(None)

    def then(self, *expected: Fact | Like) -> Self:
        """Assert the facts that were recorded, in their order: those of the act, and those that follow from it.

        Raises:
            AssertionError: the number, the kinds or the fields differ; the message names every difference, and has the
                history with a line for each entry.
            TrialError: the act was refused; the refusal is raised again.
        """
        __tracebackhide__ = True
        self._raise_unexpected()
        found = [entry.fact for entry in self.entries]
        kinds = [one.kind if isinstance(one, Like) else type(one) for one in expected]
        if [type(fact) for fact in found] != kinds:
            wanted, got = (", ".join(kind.__name__ for kind in some) or "none" for some in (kinds, map(type, found)))
            raise AssertionError(f"expected the facts {wanted}, got {got}\n{self._lines()}")
        differences = [
            line
            for number, (fact, wanted) in enumerate(zip(found, expected, strict=True), start=1)
            for line in _differences(number, fact, wanted)
        ]
        if differences:
            raise AssertionError("\n".join([*differences, self._lines()]))
        return self

    def nothing(self) -> Self:
        """Assert that the act was accepted, and recorded nothing."""
        __tracebackhide__ = True
        return self.then()

    def refused(self, by: str | type[TrialError], **fields: object) -> Self:
        """Assert that the act was refused, by the code or the class of the error, with some of its fields.

        Raises:
            AssertionError: it was accepted, or refused otherwise.
        """
        __tracebackhide__ = True
        wanted = by if isinstance(by, str) else by.__name__
        if self.error is None:
            kinds = ", ".join(type(entry.fact).__name__ for entry in self._recorded) or "nothing"
            raise AssertionError(f"expected a refusal, {wanted}, but it was accepted: {kinds}\n{self._lines()}")
        code = self.error.code
        if not (code == by if isinstance(by, str) else isinstance(self.error, by)):
            raise AssertionError(f"expected a refusal, {wanted}, got {code}: {self.error}\n{self._lines()}")
        wrong = [
            f"{code}.{name}: expected {value!r}, got {getattr(self.error, name, 'no such field')!r}"
            for name, value in fields.items()
            if getattr(self.error, name, None) != value
        ]
        if wrong:
            raise AssertionError("\n".join(wrong))
        return attrs.evolve(self, expected=True)

    def _lines(self) -> str:
        """Write the history with one line for each entry."""
        entries = sorted(self.site.history.entries(), key=lambda entry: entry.position)
        told = [
            f"  {e.position:3} {e.meta.recorded_at:%Y-%m-%d} {_about(e.stream)}{type(e.fact).__name__}" for e in entries
        ]
        return "\n".join(["the history:", *told])


def _about(stream: str) -> str:
    """Name the participant or the level of a stream."""
    _, _, part = stream.partition("/")
    kind, _, name = part.partition("/")
    return "" if not part else f"level {name} " if kind == "cohort" else f"{name or kind} "


def _differences(number: int, found: Fact, wanted: Fact | Like) -> Sequence[str]:
    """Name the fields that differ."""
    named = f"fact {number}, {type(found).__name__}"
    if isinstance(wanted, Like):
        had = {name: getattr(found, name, "no such field") for name in wanted.fields}
        return [
            f"{named}.{name}: expected {value!r}, got {had[name]!r}"
            for name, value in wanted.fields.items()
            if had[name] != value
        ]
    return [f"{named}.{one.field}: expected {one.old!r}, got {one.new!r}" for one in changes(wanted, found)]


def _conduct(site: MadeUpSite, notation: str) -> None:
    """Conduct a trial with these outcomes, with the decisions that the design recommends where a slot is needed."""
    __tracebackhide__ = True
    protocol = site.protocol
    start = 1 if protocol.design is None else design_of(protocol.design).start_level()
    treated = parse_outcomes(notation, levels=len(protocol.levels), start_level=start)
    waiting: list[tuple[date, str, Any]] = []
    level = start
    for number, one in enumerate(treated, start=1):
        subject, label = f"S{number:03}", protocol.levels[one.level - 1].label
        if one.level != level:
            _decide_after(site, waiting)
        level = one.level
        try:
            day = _infused(site, subject, label)
        except NEEDS_A_DECISION:  # the level is full, or another one is in turn, by what is known so far
            _decide_after(site, waiting)
            try:
                day = _infused(site, subject, label)
            except TrialError as error:
                raise PastImpossible.of(error, f"the infusion of {subject} at level {label}") from None
        except TrialError as error:
            raise PastImpossible.of(error, f"the infusion of {subject} at level {label}") from None
        waiting += [(when, subject, fact) for when, fact in facts_of_outcome(one, day, protocol)]
    _observe(site, waiting)
    check_outcomes(site.history, treated, on=site.today)


NEEDS_A_DECISION = (NoFreeSlot, LevelNotOpen, LevelNotInTurn, NobodyInTurn, SentinelNotCleared)
"""The refusals of an enrollment or an infusion after which outcomes, or a decision of people, can help."""


def _decide_after(site: MadeUpSite, waiting: list[tuple[date, str, Any]]) -> None:
    """Record the outcomes that wait, and the decision that the design recommends then."""
    __tracebackhide__ = True
    _observe(site, waiting)
    waiting.clear()
    try:
        site.desk().decide_escalation(on=site.today)
    except TrialError as error:
        raise PastImpossible.of(error, "the decision") from None


def _infused(site: MadeUpSite, subject: str, label: Label) -> date:
    """Infuse a participant on the first day on which the rules between participants allow it; return the day."""
    desk, given, seen = site.desk(), site.dose_of(label), set[str]()
    for _ in range(_LONGEST_WAIT):
        try:
            site.prepare(subject, Infused, desk=desk)
            desk.infuse(
                subject,
                level=label,
                dose=given.dose,
                body_weight_kg=given.body_weight_kg,
                bsa_m2=given.bsa_m2,
                started_at=site.today,
            )
        except StaggerNotKept as wait:
            site.move_to_day(wait.until)
        except SentinelNotCleared as wait:
            if site.today >= wait.until and wait.sentinel in seen:
                raise  # people have to decide
            site.move_to_day(max(wait.until, site.today))
            temperature = vital_sign(VitalSign.TEMPERATURE, "36.8", "Cel", measured_at=site.today)
            desk.record_vital_signs(wait.sentinel, [temperature])
            seen.add(wait.sentinel)
        else:
            return site.today
    raise AssertionError(f"{subject} waits for an infusion longer than {_LONGEST_WAIT} days")


def _observe(site: MadeUpSite, waiting: Sequence[tuple[date, str, Any]]) -> None:
    """Record outcomes, each on its day, in the order of the days."""
    __tracebackhide__ = True
    for day, subject, fact in sorted(waiting, key=lambda one: (one[0], one[1])):
        site.move_to_day(max(day, site.today))
        try:
            record(site.desk(), subject, type(fact), [fields_of(fact, site.desk())])
        except TrialError as error:
            raise PastImpossible.of(error, f"{type(fact).__name__} of {subject}") from None


def fields_of(fact: Any, desk: Desk) -> dict[str, Any]:  # noqa: ANN401 - a fact of any kind
    """Return the fields of a fact that its use case takes."""
    given = {name: value for name, value in attrs.asdict(fact, recurse=False).items() if value is not None}
    if isinstance(fact, LabRecorded | VitalSignRecorded):
        return given
    taken = signature(ACTS[type(fact)](desk)).parameters
    return {name: value for name, value in given.items() if name in taken or name == "seriousness"}
