"""One of several processes that record in the same trial at once, with several threads and random commands.

``python concurrent_run.py LOG JOURNAL SEED SECONDS THREADS``. The journal has JSON lines: for each command, one line
before it, and one with its result. So every command can be executed again by itself.
"""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from threading import Lock, Thread
from time import monotonic
from typing import Any, TypeAlias

import attrs
from site_desk import INVESTIGATOR, OPEN, REASON, RELATED, judged

from trialdomain import Decision, Dose, DoseLevel, Entry, TrialError, Trials, lab
from trialdomain.desk import Desk
from trialdomain.desk.observed import vital_sign
from trialdomain.events.participant import VitalSign, WithdrawalScope
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.values.clinical.decision import Action
from trialdomain.values.clinical.toxicity import Relatedness
from trialdomain.values.ids import participant_stream

Given: TypeAlias = Mapping[str, Any]
SUBJECTS = [f"S{number:03}" for number in range(1, 13)]
DAYS = 40
"""How far back the days lie on which things are said to have happened."""
UNRELATED = judged(Relatedness.UNRELATED)
BROKEN = "it has happened, as the ward's book of that day says"
AMOUNTS = ("10", "20", "40")
PROTOCOL = attrs.evolve(
    OPEN,
    trial="RACE-1",
    zone=None,
    levels=tuple(
        DoseLevel(level=number, dose=Dose(amount=Decimal(amount), unit="mg"))
        for number, amount in enumerate(AMOUNTS, start=1)
    ),
    stagger=Stagger(first_to_second_days=2, between_days=1),
    max_infused=11,
)
"""With a stagger, a limit on infusions, and amounts, so that one of no level can be given."""


def begin(address: str) -> None:
    """Register the trial, and screen most of the people who come up later, so that there is something to decide."""
    first = (datetime.now(UTC) - timedelta(days=DAYS)).date()
    with Trials.open(address) as trials:
        desk = trials.register(PROTOCOL, by=INVESTIGATOR).acting(INVESTIGATOR)
        for subject in SUBJECTS[:-3]:
            desk.consent(subject, signed_on=first, form_version="1")
            desk.screen(subject, on=first)


def perform(desk: Desk, act: str, given: Given, command: str, entry: Entry | None) -> object:
    """Do what a line of the journal says."""
    return ACTS[act](desk, given, command, entry)


def _infuse(desk: Desk, given: Given, command: str, _: Entry | None) -> object:
    return desk.infuse(
        given["subject"],
        level=given["level"],
        started_at=given["on"],
        dose=Dose(amount=Decimal(given["amount"]), unit="mg"),
        deviation=given["deviation"],
        command_id=command,
    )


def _correct(desk: Desk, given: Given, command: str, entry: Entry | None) -> object:
    assert entry is not None
    return desk.correct(entry, reason=REASON, command_id=command, **given["changes"])


def _void(desk: Desk, _: Given, command: str, entry: Entry | None) -> object:
    assert entry is not None
    return desk.void(entry, reason=REASON, command_id=command)


def _decide(desk: Desk, given: Given, command: str, _: Entry | None) -> object:
    decided = {None: None, "wait": Decision.wait(level=1), "stop": Decision(action=Action.STOP)}[given["decided"]]
    rationale = None if decided is None else "the committee wants to see more"
    return desk.decide_escalation(on=given["on"], decided=decided, rationale=rationale, command_id=command)


ACTS: dict[str, Callable[[Desk, Given, str, Entry | None], object]] = {
    "consent": lambda d, g, c, _: d.consent(g["subject"], signed_on=g["on"], form_version="1", age=40, command_id=c),
    "screen": lambda d, g, c, _: d.screen(g["subject"], on=g["on"], command_id=c),
    "enroll": lambda d, g, c, _: d.enroll(
        g["subject"], on=g["on"], level=g["level"], deviation=g["deviation"], command_id=c
    ),
    "reassign": lambda d, g, c, _: d.reassign(
        g["subject"], to_level=g["level"], on=g["on"], why="the level in turn", command_id=c
    ),
    "infuse": _infuse,
    "labs": lambda d, g, c, _: d.record_labs(
        g["subject"],
        (lab("ANC", value, "10^9/L", collected_at=g["on"]) for value in g["values"]),
        command_id=c,
    ),
    "temperature": lambda d, g, c, _: d.record_vital_signs(
        g["subject"], [vital_sign(VitalSign.TEMPERATURE, g["value"], "Cel", measured_at=g["on"])], command_id=c
    ),
    "report": lambda d, g, c, _: d.report_adverse_event(
        g["subject"],
        event=g["event"],
        term="Fever",
        grade=g["grade"],
        onset=g["on"],
        attributions=RELATED if g["related"] else UNRELATED,
        command_id=c,
    ),
    "follow-up": lambda d, g, c, _: d.follow_up_adverse_event(
        g["subject"], event=g["event"], on=g["on"], grade=g["grade"], command_id=c
    ),
    "assess": lambda d, g, c, _: d.assess_dlt_window(g["subject"], on=g["on"], command_id=c),
    "withdraw": lambda d, g, c, _: d.withdraw(g["subject"], on=g["on"], scope=WithdrawalScope.FOLLOW_UP, command_id=c),
    "die": lambda d, g, c, _: d.record_death(g["subject"], on=g["on"], command_id=c),
    "relapse": lambda d, g, c, _: d.record_relapse(g["subject"], on=g["on"], command_id=c),
    "decide": _decide,
    "suspend": lambda d, g, c, _: d.suspend_recruitment(on=g["on"], why="a question", command_id=c),
    "resume": lambda d, g, c, _: d.resume_recruitment(on=g["on"], why="it was answered", command_id=c),
    "amend": lambda d, g, c, _: d.amend(
        attrs.evolve(PROTOCOL, version=g["version"]), effective_on=g["on"], summary="as before", command_id=c
    ),
    "correct": _correct,
    "void": _void,
}
OFTEN = {
    "consent": 2,
    "screen": 2,
    "enroll": 10,
    "reassign": 3,
    "infuse": 10,
    "labs": 12,
    "temperature": 6,
    "report": 9,
    "follow-up": 7,
    "assess": 10,
    "withdraw": 2,
    "die": 1,
    "relapse": 2,
    "decide": 9,
    "suspend": 1,
    "resume": 2,
    "amend": 1,
    "correct": 12,
    "void": 4,
}
"""How often each act is chosen, against the others."""


class Actor:
    """One thread: chooses by chance, and tells what it does."""

    def __init__(self, trials: Trials, chance: Random, name: str, tell: Callable[[object], None]) -> None:
        self._trial = trials.trial(PROTOCOL.trial)
        self._desk, self._chance, self._name, self._tell = self._trial.acting(INVESTIGATOR), chance, name, tell
        self._today = datetime.now(UTC).date()

    def act(self, number: int) -> None:
        """Do one thing."""
        [act] = self._chance.choices(list(OFTEN), list(OFTEN.values()))
        entry = self._entry(act) if act in {"correct", "void"} else None
        if act in {"correct", "void"} and entry is None:
            return
        given = self._given(act, entry)
        command = f"{self._name}-{number}"
        ref = None if entry is None else [entry.stream, entry.version]
        before = self._trial.history().position
        self._tell({"command": command, "act": act, "given": given, "entry": ref, "before": before})
        try:
            perform(self._desk, act, given, command, entry)
        except TrialError as error:
            after = self._trial.history().position
            self._tell({"command": command, "refused": error.code, "text": str(error), "after": after})
        else:
            self._tell({"command": command, "refused": None})

    def _on(self) -> str:
        return (self._today - timedelta(days=self._chance.randrange(DAYS))).isoformat()

    def _given(self, act: str, entry: Entry | None) -> Given:
        chance = self._chance
        level = chance.choice([1, 1, 1, 2, 3])
        return {
            "subject": chance.choice(SUBJECTS),
            "on": self._today.isoformat() if act == "decide" and chance.random() < 0.8 else self._on(),
            "level": level if act in {"reassign", "infuse"} or chance.random() < 0.2 else None,
            "deviation": BROKEN if chance.random() < 0.4 else None,
            "amount": chance.choice([AMOUNTS[level - 1]] * 5 + ["15"]),
            "values": [str(chance.randrange(1, 90) / 10) for _ in range(3)],
            "value": str(chance.randrange(360, 400) / 10),
            "event": chance.choice(["AE1", "AE2"]),
            "grade": chance.choice([1, 2, 3, 4]),
            "related": chance.random() < 0.5,
            "decided": chance.choice([None, None, None, "wait", "stop"]),
            "version": f"{self._name}.{chance.randrange(10**6)}",
            "changes": {} if entry is None else self._changes(entry),
        }

    def _changes(self, entry: Entry) -> dict[str, Any]:
        for name in ("started_at", "onset", "on"):
            if hasattr(entry.fact, name):
                return {name: self._on()}
        return {"grade": self._chance.choice([1, 2, 3, 4])} if hasattr(entry.fact, "grade") else {}

    def _entry(self, act: str) -> Entry | None:
        """Choose an entry of somebody, or at times a decision."""
        history = self._trial.history()
        stream = participant_stream(PROTOCOL.trial, self._chance.choice(SUBJECTS))
        if act == "void" and self._chance.random() < 0.3:
            stream = f"{PROTOCOL.trial}/cohort/1"
        entries = list(history.entries_of(stream))
        return self._chance.choice(entries) if entries else None


def main(address: str, journal: str, seed: str, seconds: str, threads: str) -> None:
    until, lock = monotonic() + float(seconds), Lock()
    with Trials.open(address) as trials, Path(journal).open("a", encoding="utf-8") as told:

        def tell(line: object) -> None:
            with lock:
                told.write(f"{json.dumps(line)}\n")
                told.flush()

        def run(number: int) -> None:
            actor, done = Actor(trials, Random(f"{seed}-{number}"), f"{seed}-{number}", tell), 0  # noqa: S311
            while monotonic() < until:
                actor.act(done)
                done += 1

        actors = [Thread(target=run, args=(number,)) for number in range(int(threads))]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
