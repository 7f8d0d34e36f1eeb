"""What a command costs in a trial of 1,000 participants, against one of 10: it reads no more of the log than is new."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import attrs

from measuring import Measured, timed
from trialdomain import (
    Agent,
    Assessor,
    Attribution,
    Desk,
    Entry,
    Relatedness,
    Role,
    Trials,
    User,
    lab,
    nct06245746,
)

PROTOCOL = attrs.evolve(nct06245746(), criteria=())
USER = User(id="investigator", name="Investigator", role=Role.INVESTIGATOR, organization="Site")
FIRST = date(2026, 3, 2)
FEW, MANY = 10, 1_000
RESULTS, EVENTS = 50, 5
A_DAY = 3
"""The participants who are infused on one day."""
WINDOW = timedelta(days=14)
TIMES = 21
UNRELATED = (Attribution(agent=Agent.INFUSION, assessor=Assessor.INVESTIGATOR, relatedness=Relatedness.UNLIKELY),)
MORE_MS = 2.0
"""Milliseconds that a command may take longer in the large trial, if that is more than twice the time."""
OF_A_BENCHMARK = "more people than a level takes, all with results and events"


class LargeTrial:
    """A trial that is recorded through the desk, day by day: an assessment follows when a window is over."""

    def __init__(self, path: Path, participants: int) -> None:
        self.now = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=12)
        self.trials = Trials.open(path, clock=lambda: self.now)
        self.desk: Desk = self.trials.register(PROTOCOL, by=USER).acting(USER)
        self.seconds: list[float] = []
        """Of each participant in their order: the time to record all that is known of them."""
        self.infused: list[date] = []
        self.number = count()
        for at in range(participants):
            self.now += timedelta(days=at % A_DAY == 0)
            self.seconds.append(timed(partial(self._person, at)))
            self.infused.append(self._today)

    @property
    def _today(self) -> date:
        return self.now.date()

    def _person(self, at: int) -> None:
        subject, day = _subject(at), self._today
        desk = self.desk
        desk.consent(subject, signed_on=day, form_version="1")
        desk.screen(subject, on=day)
        desk.start_chemotherapy(subject, on=day, regimen="cytarabine")
        desk.infuse(subject, level=1, started_at=day, deviation=OF_A_BENCHMARK)
        desk.record_labs(
            subject, [lab("ANC", "1.5", "10*9/L", collected_at=day - timedelta(days=days)) for days in range(RESULTS)]
        )
        for event in range(EVENTS):
            self._report(subject, f"AE{event}")
        over = [one for one, infused in enumerate(self.infused) if infused == day - WINDOW]
        for one in over:
            desk.assess_dlt_window(_subject(one), on=day)

    def _report(self, subject: str, event: str) -> Entry:
        reported, *_ = self.desk.report_adverse_event(
            subject, event=event, term="Nausea", grade=1, onset=self._today, attributions=UNRELATED
        )
        return reported

    def report(self) -> float:
        """Report an event of somebody; return the seconds."""
        number = next(self.number)
        return timed(lambda: self._report(_subject(number % len(self.infused)), f"later {number}"))

    def correct(self) -> float:
        """Correct an event of somebody."""
        number = next(self.number)
        entry = self._report(_subject(number % len(self.infused)), f"later {number}")
        return timed(lambda: self.desk.correct(entry, grade=2, reason="transcription: source document 12"))

    def assess(self) -> float:
        """Assess the window of somebody once more, on another day."""
        number = next(self.number)
        self.now += timedelta(days=1)
        subject = _subject(number % len(self.infused))
        return timed(lambda: self.desk.assess_dlt_window(subject, on=self._today))

    def decide(self) -> float:
        """Record a decision about the dose, as the design recommends it, after something new is known of somebody."""
        self.now += timedelta(days=1)
        self.report()
        return timed(lambda: self.desk.decide_escalation(on=self._today))


def _subject(at: int) -> str:
    return f"S{at + 1:04}"


ACTS: dict[str, Callable[[LargeTrial], float]] = {
    "report an event": LargeTrial.report,
    "correct an event": LargeTrial.correct,
    "assess a window": LargeTrial.assess,
    "decide about the dose": LargeTrial.decide,
}


def commands(folder: Path) -> list[Measured]:
    """Measure commands in a small and in a large trial, in turn; and how long the participants took to record."""
    few, many = LargeTrial(folder / "few.db", FEW), LargeTrial(folder / "many.db", MANY)
    try:
        many.now += WINDOW
        few.now = many.now
        for trial in (few, many):
            for at in range(len(trial.infused)):
                trial.desk.assess_dlt_window(_subject(at), on=trial.infused[at] + WINDOW)
        found = [_compared(what, act, few, many) for what, act in ACTS.items()]
    finally:
        few.trials.close()
        many.trials.close()
    return [*found, _linear(many.seconds)]


def _compared(what: str, act: Callable[[LargeTrial], float], few: LargeTrial, many: LargeTrial) -> Measured:
    rounds = [(act(few), act(many)) for _ in range(TIMES)]
    small, large = (median(seconds) for seconds in zip(*rounds, strict=True))
    allowed = max(2 * small, small + MORE_MS / 1_000)
    return Measured(
        what=f"{what}, of {MANY:,}", ours=large, peer=small, against=f"of {FEW}", expected=round(small / allowed, 2)
    )


def _linear(seconds: Sequence[float]) -> Measured:
    tenth = MANY // 10
    return Measured(
        what=f"record a participant, of the last {tenth}",
        ours=median(seconds[-tenth:]),
        peer=median(seconds[:tenth]),
        against=f"the first {tenth}",
        expected=0.5,
    )
