"""Made-up trials: whole, valid, and the same for the same seed."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from cli_runs import run_bytes
from made_once import SimulatedLog, seeds

from trialdomain import Dose, LogUnusable, nct06245746, read_log
from trialdomain.__main__ import main
from trialdomain.events.cohort import EscalationDecided
from trialdomain.events.participant import (
    AntiInfectiveGiven,
    Infused,
    LabRecorded,
    Transfused,
    VitalSign,
    VitalSignRecorded,
)
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished, TrialRegistered
from trialdomain.simulate.trials import DEMO_SEED, simulate, simulated_trial
from trialdomain.storage.mapper import entries_of
from trialdomain.values.clinical.decision import Action, MtdStatus


def run(*arguments: object) -> "subprocess.CompletedProcess[bytes]":
    return run_bytes(Path.cwd(), *arguments)


@pytest.mark.parametrize("seed", seeds())
@pytest.mark.soak
def test_every_trial_comes_to_an_end_that_its_record_bears_out(
    seed: int, simulated: Callable[[int], SimulatedLog]
) -> None:
    done = simulated(seed)
    with done.history() as history:
        entries = list(history.entries())
        answers = history.answers(on=done.last_day)
        assert history.reconciliation(on=done.last_day) == ()
        assert answers.escalation is not None
        mtd = answers.escalation.decision.mtd
        concluded = [entry.fact for entry in entries if isinstance(entry.fact, MtdDeclared | MtdNotEstablished)]
        assert len(concluded) == 1
        if mtd.status is MtdStatus.ESTABLISHED:
            assert isinstance(concluded[0], MtdDeclared)
            assert concluded[0].level == mtd.level
        else:
            assert mtd.status is MtdStatus.NONE_TOLERATED
            assert isinstance(concluded[0], MtdNotEstablished)
        assert [tally.pending + tally.enrolled for tally in answers.dlt_counts.tallies] == [0, 0, 0]
        assert {entry.meta.deviation for entry in entries} == {None}


@pytest.mark.parametrize(("per", "received"), [("kg", "1000"), ("m2", "10")])
def test_a_dose_by_the_body_is_given_for_an_invented_body(per: str, received: str) -> None:
    doses = [Dose(amount=amount, unit="mg", per=per) for amount in (10, 20, 40)]
    with simulated_trial("memory:", seed=9, participants=2, protocol=nct06245746(doses=doses)) as done:
        entries = list(done.trial.history().entries())
        assert done.trial.history().reconciliation(on=done.last_day) == ()
    given = [entry.fact for entry in entries if isinstance(entry.fact, Infused)]
    assert [str(fact.dose) for fact in given] == [f"{received} mg"] * 2  # 10 mg for each of 100 kg, or for 1 m2
    assert {entry.meta.deviation for entry in entries} == {None}


def test_recruitment_that_ends_early_establishes_nothing() -> None:
    with simulated_trial("memory:", seed=9, participants=4) as done:
        history = done.trial.history()
        facts = [entry.fact for entry in history.entries()]
    assert sum(isinstance(fact, Infused) for fact in facts) == 4
    assert [fact.why.value for fact in facts if isinstance(fact, MtdNotEstablished)] == ["recruitment-ended"]


def test_laboratory_values_come_every_other_day(simulated: Callable[[int], SimulatedLog]) -> None:
    with simulated(DEMO_SEED).history() as history:
        labs = [entry for entry in history.entries() if isinstance(entry.fact, LabRecorded)]
    first = labs[0].stream
    days = sorted({e.fact.collected_at.first for e in labs if e.stream == first and isinstance(e.fact, LabRecorded)})
    assert {later - earlier for earlier, later in pairwise(days)} == {timedelta(days=2)}
    assert (days[-1] - days[0]).days == 42


class TestSeeds:
    def bytes_of(self, path: Path) -> list[bytes]:
        with read_log(path) as log:
            (name,) = log
            return [entry.state for entry in log.reader.in_log_order(name)]

    @pytest.mark.parametrize("bulk", [False, True], ids=["conducted", "in bulk"])
    def test_the_same_seed_gives_the_same_log(self, tmp_path: Path, bulk: bool) -> None:
        for name in ("a.db", "b.db"):
            simulate(tmp_path / name, seed=2, participants=3, bulk=bulk)
        simulate(tmp_path / "c.db", seed=3, participants=3, bulk=bulk)
        same, again, other = (self.bytes_of(tmp_path / name) for name in ("a.db", "b.db", "c.db"))
        assert same == again
        assert same != other


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bulk") / "log.db"
    simulate(path, seed=1, trials=2, participants=40, bulk=True)
    return path


class TestBulk:
    def test_the_log_is_read_strictly_and_both_sides_agree(self, log: Path) -> None:
        with read_log(log) as opened:
            for name in opened:
                head = opened.reader.head(name)
                for stream, rows in opened.reader.streams(name, until=head):
                    assert len(list(entries_of(stream, rows, strict=True))) == len(rows)
                history = opened[name].history()
                on = history.last_day()
                assert history.reconciliation(on=on) == ()
                tallies = history.dlt_counts(on=on).tallies
                assert sum(tally.treated for tally in tallies) == 40
                assert sum(tally.dlts for tally in tallies) > 0

    def test_it_says_that_it_is_simulated(self, log: Path) -> None:
        with read_log(log) as opened:
            for name in opened:
                (registered,) = [
                    e.fact for e in opened[name].history().entries() if isinstance(e.fact, TrialRegistered)
                ]
                assert registered.protocol.title.startswith("Simulated: ")

    @pytest.mark.processes
    def test_an_export_of_it_is_taken_back(self, log: Path, tmp_path: Path) -> None:
        done = run("export", log, tmp_path / "log.jsonl", "--trial", "SIM-0002")
        assert done.returncode == 0
        with read_log(tmp_path / "log.jsonl") as copy, read_log(log) as opened:
            answers = [one["SIM-0002"].history().answers(on="2027-05-01") for one in (copy, opened)]
        assert answers[0] == answers[1]


@pytest.mark.processes
class TestCommand:
    def test_simulate_writes_the_trials_that_were_asked_for(self, tmp_path: Path) -> None:
        done = run("simulate", tmp_path / "log.db", "--seed", 5, "--trials", 2, "--participants", 3, "--json")
        answer = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (0, b"")
        assert [(one["trial"], one["seed"]) for one in answer["trials"]] == [("SIM-0001", 5), ("SIM-0002", 6)]
        with read_log(tmp_path / "log.db") as log:
            assert sum(log[name].history().position for name in log) == answer["entries"]
        assert run("simulate", tmp_path / "log.db").returncode == 2

    def test_people_get_a_table_and_the_speed(self, tmp_path: Path) -> None:
        done = run("simulate", tmp_path / "log.db", "--bulk", "--participants", 20)
        assert (done.returncode, done.stderr) == (0, b"")
        assert "entries are in" in done.stdout.decode()

    def test_a_log_that_exists_is_left_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / "log.db").write_text("mine")
        with pytest.raises(LogUnusable, match="exists already"):
            simulate(tmp_path / "log.db", seed=1)
        assert (tmp_path / "log.db").read_text() == "mine"


@pytest.fixture(scope="module")
def told(demonstrated: SimulatedLog) -> str:
    done = run_bytes(Path.cwd(), "demo", "--full", demonstrated=demonstrated)
    assert (done.returncode, done.stderr) == (0, b"")
    return " ".join(done.stdout.decode().split())


@pytest.mark.processes
class TestDemo:
    def test_it_says_that_its_data_are_simulated(self, told: str) -> None:
        assert told.startswith("Simulated data: a made-up trial under the protocol of NCT06245746")

    @pytest.mark.parametrize(
        "words",
        [
            "screen failure: left ventricular ejection fraction too low",
            "DLT: ",
            "not evaluable: the slot is free again",
            "expand level 1 to 6 slots",
            "de-escalate to level 2",
            "MTD declared: level 2",
            "courses of anti-infectives",
            "transfusions",
            "from SQLite and JSONL, with equal answers for the day",
            "At any time after the infusion: participants (%) with adverse events [events]",
        ],
    )
    def test_it_shows_what_a_trial_goes_through(self, told: str, words: str) -> None:
        assert words in told

    def test_its_trial_has_all_of_it(self, simulated: Callable[[int], SimulatedLog]) -> None:
        with simulated(DEMO_SEED).history() as history:
            entries = list(history.entries())
        decided = [e.fact.decided.action for e in entries if isinstance(e.fact, EscalationDecided)]
        assert {Action.EXPAND, Action.ESCALATE, Action.DE_ESCALATE, Action.STOP} <= set(decided)
        kinds = Counter(type(entry.fact) for entry in entries)
        assert kinds[Transfused] > 0
        assert kinds[AntiInfectiveGiven] > 0
        signs = [e.fact for e in entries if isinstance(e.fact, VitalSignRecorded)]
        assert any(sign.sign is VitalSign.TEMPERATURE and sign.value > 38 for sign in signs)

    def test_its_correction_is_told_with_both_values(self, told: str) -> None:
        found = re.search(r"correction: value ([0-9.]+) is ([0-9.]+) \(transcription", told)
        assert found is not None
        assert Decimal(found[2]) - Decimal(found[1]) == 1  # the simulated site always copies one too few

    def test_another_seed_is_another_trial(self) -> None:
        with patch(
            "trialdomain.cli.commands.demo.simulated_trial", side_effect=LogUnusable("as far as this test")
        ) as asked:
            assert main(["demo", "--seed", "29"]) == 2
        assert asked.call_args.kwargs["seed"] == 29
