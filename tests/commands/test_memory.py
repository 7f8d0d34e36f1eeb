"""What a process remembers of a trial: the same as a full replay, and no more of the log is read than is new."""

import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import attrs
import concurrent_run
import pytest
from concurrent_run import AMOUNTS, DAYS, PROTOCOL, Actor
from repeating import times
from site_desk import INVESTIGATOR, OPEN, RELATED, judged
from typing_extensions import override

from trialdomain import Desk, Dose, Trials, lab
from trialdomain.aggregates.trial import TrialUnknown
from trialdomain.commands.memory import Counted, Memory
from trialdomain.commands.snapshot import Snapshot
from trialdomain.events.cohort import CohortExpanded, Release, SlotReleased
from trialdomain.events.participant import AdverseEventReported
from trialdomain.events.recorded import EntryRef, Fact
from trialdomain.protocol.conduct_rules import Sentinel, Stagger
from trialdomain.protocol.dlt_criteria import DltCompanion, DltCriterion
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.storage.mapper import stored_of
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.storage.store import Row, Sealed
from trialdomain.values.clinical.toxicity import Relatedness
from trialdomain.values.given.text import FreeText
from trialdomain.values.ids import participant_stream, subject_of

TRIAL = PROTOCOL.trial
RUN = Path(concurrent_run.__file__)


def refuse_differences(store: SQLiteStore, memory: Memory, on: date) -> None:
    """Compare what is remembered with everything read anew, at the same position."""
    snapshot = Snapshot(TRIAL, store, memory)
    known, cohorts = snapshot.counted(on=on), snapshot.cohorts()
    whole = Counted.of(snapshot.casebook(on=on), on=on)
    assert known.counts == whole.counts
    assert known.deaths == whole.deaths
    assert [part.causes for part in known.parts if part.causes] == [part.causes for part in whole.parts if part.causes]
    for name in ("protocol", "versions", "decisions", "recommended_doses", "halts", "releases", "reopened", "places"):
        assert getattr(known.book, name) == getattr(whole.book, name), name
    for level, record in whole.book.records.items():
        assert list(known.book.cohorts[level]) == list(record.entries)
        assert (known.book.records[level].held, known.book.records[level].opened) == (record.held, record.opened)
    fresh = Snapshot(TRIAL, store)
    assert fresh.position != snapshot.position or fresh.cohorts() == cohorts


def some_day(chance: Random) -> date:
    """Choose today, a day on which the acts happened, or one when windows have ended."""
    return datetime.now(UTC).date() + timedelta(days=chance.choice([0, 0, 1, chance.randrange(-DAYS, DAYS)]))


LOW = DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5")))
VARIANTS: dict[str, TrialProtocol] = {
    "as it is": PROTOCOL,
    "counts after the window": attrs.evolve(PROTOCOL, dlt=LOW),
    "a sentinel": attrs.evolve(PROTOCOL, stagger=Stagger(sentinel=Sentinel(observation_days=7))),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_it_is_a_full_replay_after_any_history(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two desks with a memory of their own act in turn, and a third one looks: at any day, before or after."""
    monkeypatch.setattr(concurrent_run, "PROTOCOL", VARIANTS[name])
    for seed in range(times(40, least=3)):
        chance, path = Random(f"{name}-{seed}"), tmp_path / f"{seed}.db"  # noqa: S311 - the same each time, no secret
        concurrent_run.begin(str(path))
        with ExitStack() as opened:
            trials = [opened.enter_context(Trials.open(path)) for _ in range(2)]
            actors = [Actor(one, chance, f"{at}", lambda _: None) for at, one in enumerate(trials)]
            store, memory = SQLiteStore(path, readonly=True), Memory()
            opened.callback(store.close)
            for number in range(60):
                chance.choice(actors).act(number)
                if chance.random() < 0.7:  # else several entries come at once
                    refuse_differences(store, memory, some_day(chance))


@pytest.mark.processes
def test_it_is_a_full_replay_while_other_processes_record(tmp_path: Path) -> None:
    path, chance = tmp_path / "log.db", Random(18)  # noqa: S311 - no secret
    concurrent_run.begin(str(path))
    seconds = str(max(3, times(40)))
    with ExitStack() as opened:
        others = [
            opened.enter_context(
                subprocess.Popen([sys.executable, RUN, path, tmp_path / f"{seed}.jsonl", seed, seconds, "2"])
            )
            for seed in ("1", "2")
        ]
        store, memory, looked = SQLiteStore(path, readonly=True), Memory(), 0
        opened.callback(store.close)
        while any(other.poll() is None for other in others):
            refuse_differences(store, memory, some_day(chance))
            looked += 1
        assert [other.wait() for other in others] == [0, 0]
    assert looked > 3


LASTING = attrs.evolve(
    PROTOCOL,
    dlt=DltRule(
        criteria=(
            DltCriterion(terms=("Nausea",), min_grade=3, longer_than_days=7),
            DltCriterion(terms=("Vomiting",), min_grade=3, together_with=DltCompanion(terms=("Fever",), min_grade=2)),
            DltCriterion(anc_below=Decimal("0.5"), longer_than_days=10),
        )
    ),
)


@pytest.mark.parametrize("protocol", [LASTING, VARIANTS["counts after the window"]], ids=["rows", "a fixed day"])
def test_it_is_a_full_replay_on_each_day_after_an_infusion(tmp_path: Path, protocol: TrialProtocol) -> None:
    """The window ends, then what may still last too long does: it is counted on each day, forwards and backwards."""
    path = tmp_path / "log.db"
    now = datetime.combine(EARLIER + timedelta(days=60), NOW.time(), UTC)
    with Trials.open(path, clock=lambda: now) as trials, ExitStack() as opened:
        desk = trials.register(protocol, by=INVESTIGATOR).acting(INVESTIGATOR)
        for subject in ("S001", "S002"):
            desk.consent(subject, signed_on=EARLIER, form_version="1")
            desk.screen(subject, on=EARLIER)
            desk.start_chemotherapy(subject, on=EARLIER, regimen="7+3")
            dose = Dose(amount=Decimal(AMOUNTS[0]), unit="mg")
            desk.infuse(subject, level=1, started_at=EARLIER, dose=dose, deviation="more than slots, for this test")
        desk.assess_dlt_window("S001", on="2026-03-17")
        onset = EARLIER + timedelta(days=12)
        desk.report_adverse_event("S001", event="E1", term="Nausea", grade=3, onset=onset, attributions=RELATED)
        desk.record_labs("S002", [lab("ANC", "0.2", "10*9/L", collected_at=EARLIER + timedelta(days=12))])
        store, memory = SQLiteStore(path, readonly=True), Memory()
        opened.callback(store.close)
        days = [EARLIER + timedelta(days=number) for number in range(-1, 59)]
        reasons = set()
        for on in (*days, *reversed(days)):
            refuse_differences(store, memory, on)
            counted = Snapshot(TRIAL, store, memory).counted(on=on)
            reasons |= {member.standing.reason for member in counted.counts.members}
    assert len(reasons) >= 3


class Counting(SQLiteStore):
    """A store that counts which streams are read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.read_streams: list[str] = []

    @override
    def stream(self, stream: str, *, until: int) -> list[Row]:
        self.read_streams.append(stream)
        return super().stream(stream, until=until)

    @override
    def streams(self, trial: str, *, until: int, leave_out: Collection[str] = ()) -> Iterator[tuple[str, list[Row]]]:
        for stream, rows in super().streams(trial, until=until, leave_out=leave_out):
            self.read_streams.append(stream)
            yield stream, rows

    @property
    def people(self) -> set[str]:
        """The participants who were read."""
        return {found for stream in self.read_streams if (found := subject_of(stream))}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Counting]:
    opened = Counting(tmp_path / "counted.db")
    yield opened
    opened.close()


NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
WHY = FreeText.of("for this test")
EARLIER = date(2026, 3, 2)


@pytest.fixture
def trials(store: Counting) -> Trials:
    """A trial with 6 participants, infused on one day."""
    found = Trials(store, clock=lambda: NOW)
    desk = found.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
    for number in range(1, 7):
        subject = f"S{number:03}"
        desk.consent(subject, signed_on=EARLIER, form_version="1")
        desk.screen(subject, on=EARLIER)
        desk.start_chemotherapy(subject, on=EARLIER, regimen="7+3")
        desk.infuse(subject, level=1, started_at=EARLIER, deviation="more people than slots, for this test")
    return found


class TestWhatIsRead:
    """A command reads what is new, the participant it is about, and nobody else."""

    @pytest.mark.parametrize(
        ("act", "about"),
        [
            (lambda desk: desk.assess_dlt_window("S002", on="2026-03-16"), {"S002"}),
            (
                lambda desk: desk.report_adverse_event(
                    "S003", event="E1", term="Fever", grade=3, onset="2026-03-05", attributions=RELATED
                ),
                {"S003"},
            ),
            (lambda desk: desk.decide_escalation(on="2026-03-20"), set()),
        ],
    )
    def test_a_command_reads_one_participant(
        self, store: Counting, trials: Trials, act: Callable[..., object], about: set[str]
    ) -> None:
        desk = trials.trial(OPEN.trial).acting(INVESTIGATOR)
        desk.assess_dlt_window("S001", on="2026-03-16")
        store.read_streams.clear()
        assert act(desk)
        assert about <= store.people <= {*about, "S001"}  # whoever the command before was about is read anew
        assert not any("/cohort/" in stream for stream in store.read_streams)

    def test_results_of_others_are_not_read(self, store: Counting, trials: Trials) -> None:
        desk = trials.trial(OPEN.trial).acting(INVESTIGATOR)
        desk.assess_dlt_window("S001", on="2026-03-16")
        desk.record_labs("S004", [lab("ANC", "1.5", "10*9/L", collected_at="2026-03-10")])
        store.read_streams.clear()
        desk.assess_dlt_window("S002", on="2026-03-16")
        assert store.people == {"S001", "S002"}


class TestWhatChangesIt:
    """A desk with another memory acts, and the first one counts again."""

    @pytest.fixture
    def desk(self, trials: Trials) -> Desk:
        return trials.trial(OPEN.trial).acting(INVESTIGATOR)

    @pytest.fixture
    def counted(self, store: Counting) -> Callable[..., Counted]:
        memory = Memory()

        def counted(on: date = TODAY) -> Counted:
            return Snapshot(OPEN.trial, store, memory).counted(on=on)

        assert counted().counts.tallies[0].dlts == 0
        counted.memory = memory  # type: ignore[attr-defined]  # for the test of cohorts
        return counted

    def test_an_amendment_that_is_in_force_on_the_day_of_the_infusion(
        self, desk: Desk, counted: Callable[..., Counted]
    ) -> None:
        """Grade 3 is a DLT by the protocol; by a version of the day before the infusion, only grade 4 is."""
        desk.report_adverse_event("S001", event="E1", term="Fever", grade=3, onset="2026-03-05", attributions=RELATED)
        assert counted().counts.tallies[0].dlts == 1
        grade_4 = attrs.evolve(OPEN, version="2", dlt=DltRule(min_grade=4))
        desk.amend(grade_4, effective_on="2026-03-01", summary="grade 4")
        assert counted().counts.tallies[0].dlts == 0

    def test_the_day_from_which_an_amendment_is_in_force(self, desk: Desk, counted: Callable[..., Counted]) -> None:
        """A death that is possibly related counts as related up to 9 March, and then no more."""
        desk.report_adverse_event("S001", event="E1", term="Fever", grade=5, onset="2026-03-05", attributions=RELATED)
        assert OPEN.dlt is not None
        definitely = attrs.evolve(OPEN, version="2", dlt=attrs.evolve(OPEN.dlt, related=(Relatedness.DEFINITELY,)))
        desk.amend(definitely, effective_on="2026-03-10", summary="definitely related")
        for day, died in ((9, {"S001"}), (10, set()), (20, set()), (9, {"S001"})):
            assert counted(date(2026, 3, day)).deaths == died

    @pytest.mark.parametrize("because", [True, False])
    def test_a_release_that_is_recorded_alone(
        self, desk: Desk, store: Counting, counted: Callable[..., Counted], *, because: bool
    ) -> None:
        """As another writer may record it: S007 is enrolled, and then their slot is released.

        It is recorded as a consequence of their enrollment, or of nothing: then no participant's stream has changed.
        """
        desk.consent("S007", signed_on=EARLIER, form_version="1")
        desk.screen("S007", on=EARLIER)
        enrolled, *_ = desk.enroll("S007", on=EARLIER, level=1, deviation="more people than slots, for this test")
        assert len(counted().counts.members) == 7
        cause = EntryRef(enrolled.stream, enrolled.version)
        released = SlotReleased(subject="S007", why=Release.WITHDRAWN)
        stream = f"{OPEN.trial}/cohort/1"
        meta = attrs.evolve(enrolled.meta, caused_by=cause if because else None)
        event = stored_of(stream, store.version(stream) + 1, released, meta)
        store.append(OPEN.trial, [Sealed(None, [event])])
        assert len(counted().counts.members) == 6

    def test_slots_that_are_opened_alone_where_more_are_held(
        self, desk: Desk, store: Counting, counted: Callable[..., Counted]
    ) -> None:
        """Six people hold slots of level 1, where three were opened; then 9 are opened, as a consequence of nothing.

        On the day before all infusions, the level has no member, and ``most_held`` is what the cohort recorded: at most
        the opened slots, so 3, and then 6.
        """
        consented, *_ = desk.consent("S007", signed_on=EARLIER, form_version="1")
        before = EARLIER - timedelta(days=1)
        assert counted(before).counts.tallies[0].most_held == 3
        stream, expanded = f"{OPEN.trial}/cohort/1", CohortExpanded(slots=9, why=FreeText.of("a larger cohort"))
        event = stored_of(stream, store.version(stream) + 1, expanded, consented.meta)
        store.append(OPEN.trial, [Sealed(None, [event])])
        assert counted(before).counts.tallies[0].most_held == 6

    def test_several_participants_before_it_counts_again(
        self, desk: Desk, store: Counting, counted: Callable[..., Counted]
    ) -> None:
        for subject in ("S001", "S002"):
            desk.report_adverse_event(
                subject, event="E1", term="Fever", grade=3, onset="2026-03-05", attributions=RELATED
            )
            Snapshot(OPEN.trial, store, counted.memory).cohorts()  # type: ignore[attr-defined]  # reads, and does not count
        assert counted().counts.tallies[0].dlts == 2


class TestAnOlderSnapshot:
    def test_it_counts_what_it_had_and_leaves_what_is_newer(self, store: Counting, trials: Trials) -> None:
        """A slow thread counts after others have gone on, further than the memory goes back."""
        desk, memory = trials.trial(OPEN.trial).acting(INVESTIGATOR), Memory()
        Snapshot(OPEN.trial, store, memory).counted(on=TODAY)
        slow = Snapshot(OPEN.trial, store, memory)
        for number in range(1, 7):
            desk.report_adverse_event(
                f"S{number:03}", event="E1", term="Fever", grade=3, onset="2026-03-05", attributions=RELATED
            )
            assert Snapshot(OPEN.trial, store, memory).counted(on=TODAY).counts.tallies[0].dlts == number
        assert slow.counted(on=TODAY).counts.tallies[0].dlts == 0
        store.read_streams.clear()
        assert Snapshot(OPEN.trial, store, memory).counted(on=TODAY).counts.tallies[0].dlts == 6
        assert store.people == set()

    def test_it_is_read_anew_once_nothing_so_old_is_known(self, store: Counting, trials: Trials) -> None:
        desk, memory = trials.trial(OPEN.trial).acting(INVESTIGATOR), Memory()
        slow = Snapshot(OPEN.trial, store, memory)
        desk.report_adverse_event("S001", event="E1", term="Fever", grade=3, onset="2026-03-05", attributions=RELATED)
        assert Snapshot(OPEN.trial, store, memory).counted(on=TODAY).counts.tallies[0].dlts == 1
        assert slow.counted(on=TODAY).counts.tallies[0].dlts == 0
        store.read_streams.clear()
        assert Snapshot(OPEN.trial, store, memory).counted(on=TODAY).counts.tallies[0].dlts == 1
        assert store.people == set()


def test_an_unknown_trial_is_unknown(store: Counting) -> None:
    for ask in (Snapshot.cohorts, lambda snapshot: snapshot.counted(on=TODAY)):
        with pytest.raises(TrialUnknown):
            ask(Snapshot("NOBODY", store))


@pytest.mark.usefixtures("trials")
def test_a_casebook_without_participants_says_so(store: Counting) -> None:
    with pytest.raises(LookupError, match="are not kept"):
        list(Snapshot(OPEN.trial, store).counted(on=TODAY).book.cases)


class TestWhatIsNotKept:
    def test_entries_that_were_rolled_back(self, store: Counting, trials: Trials) -> None:
        """A DLT of S003, and an event of S005, are written, counted in their transaction, and rolled back.

        Then S004 has an event without a DLT, and that of S005 comes again, at the same position as before.
        """
        desk, memory, on = trials.trial(OPEN.trial).acting(INVESTIGATOR), Memory(), TODAY
        reported, *_ = desk.report_adverse_event(
            "S002", event="E1", term="Fever", grade=4, onset="2026-03-05", attributions=RELATED
        )
        assert isinstance(reported.fact, AdverseEventReported)
        no_dlt = attrs.evolve(reported.fact, attributions=judged(Relatedness.UNRELATED))
        before, cohort = store.head(OPEN.trial), f"{OPEN.trial}/cohort/1"

        def dlts() -> int:
            snapshot = Snapshot(OPEN.trial, store, memory, committed=not store.in_transaction)
            return snapshot.counted(on=on).counts.tallies[0].dlts

        def event(subject: str, fact: Fact) -> Sealed:
            stream = participant_stream(OPEN.trial, subject)
            return Sealed(None, [stored_of(stream, store.version(stream) + 1, fact, reported.meta)])

        def work() -> None:
            opened = stored_of(cohort, store.version(cohort) + 1, CohortExpanded(slots=9, why=WHY), reported.meta)
            store.append(
                OPEN.trial, [Sealed(None, [opened]), event("S003", reported.fact), event("S005", no_dlt)], within=True
            )
            assert dlts() == 2
            assert Snapshot(OPEN.trial, store, memory, committed=False).cohorts()[1].slots == 9
            raise KeyboardInterrupt

        assert dlts() == 1
        snapshot = Snapshot(OPEN.trial, store, memory)
        before_it = snapshot.cohorts(), snapshot.counted(on=TODAY).book.records[1].held
        with pytest.raises(KeyboardInterrupt):
            store.alone(work)
        assert store.head(OPEN.trial) == before
        store.append(OPEN.trial, [event("S004", no_dlt), event("S006", no_dlt), event("S005", no_dlt)])
        assert dlts() == 1
        snapshot = Snapshot(OPEN.trial, store, memory)
        assert (snapshot.cohorts(), snapshot.counted(on=TODAY).book.records[1].held) == before_it

    def test_a_log_with_other_entries_at_the_same_positions(self, tmp_path: Path) -> None:
        memory = Memory()
        for subject in ("S001", "S002"):
            path = tmp_path / f"{subject}.db"
            with Trials.open(path, clock=lambda: NOW) as opened:
                desk = opened.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
                desk.consent(subject, signed_on=EARLIER, form_version="1")
                desk.screen(subject, on=EARLIER)
                desk.enroll(subject, on=EARLIER)
            log = SQLiteStore(path, readonly=True)
            counted = Snapshot(OPEN.trial, log, memory).counted(on=TODAY)
            log.close()
            assert [member.subject for member in counted.counts.members] == [subject]

    def test_what_was_known_when_a_command_was_interrupted(
        self, store: Counting, trials: Trials, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        handle = trials.trial(OPEN.trial)
        handle.acting(INVESTIGATOR).assess_dlt_window("S001", on="2026-03-16")

        def interrupted(*_: object, **__: object) -> None:
            raise MemoryError

        with monkeypatch.context() as patched:
            patched.setattr(Snapshot, "counted", interrupted)
            with pytest.raises(MemoryError):
                handle.acting(INVESTIGATOR).assess_dlt_window("S002", on="2026-03-16")
        store.read_streams.clear()
        handle.acting(INVESTIGATOR).assess_dlt_window("S002", on="2026-03-16")
        assert store.people == {f"S{number:03}" for number in range(1, 7)}  # everybody is read anew


@pytest.mark.usefixtures("trials")
def test_nobody_is_read_again_for_a_day_on_which_nothing_ends(store: Counting) -> None:
    """Infused on 2 March; the window of 14 days ends on 16 March, both inclusive."""
    memory = Memory()
    for on in (date(2026, 3, 15), date(2026, 3, 16), date(2026, 3, 17), date(2026, 3, 30)):
        Snapshot(OPEN.trial, store, memory).counted(on=on)
    store.read_streams.clear()
    for on in (date(2026, 3, 31), date(2026, 6, 1), date(2026, 3, 16)):
        Snapshot(OPEN.trial, store, memory).counted(on=on)
    assert store.people == set()
