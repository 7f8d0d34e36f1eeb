"""Concurrent commands in one thread: each is recorded as if it had run alone, at a time of its own.

Reading the clock triggers the other command, between a decision and its append; the tests try every reading. The
expected result is the answer of the rule at the position before the entry (docs/explanation/three-plus-three.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from threading import Event, Thread, get_ident
from time import monotonic

import attrs
import pytest
from site_desk import DAY0, INVESTIGATOR, OPEN, REASON, Site, day

from trialdomain import Dose, DoseLevel, TrialError, TrialProtocol, Trials, lab, read_log
from trialdomain.aggregates.cohort import NoFreeSlot
from trialdomain.commands.clock import ClockUnusable
from trialdomain.desk import Desk
from trialdomain.events.cohort import EscalationDecided
from trialdomain.protocol.conduct_rules import Stagger
from trialdomain.storage.errors import StoreClosed
from trialdomain.values.calendar import YearInvalid
from trialdomain.values.clinical.decision import Action

WITH_AMOUNTS = attrs.evolve(
    OPEN,
    levels=tuple(
        DoseLevel(level=number, dose=Dose(amount=Decimal(amount), unit="mg"))
        for number, amount in enumerate(("10", "20", "40"), start=1)
    ),
)
OF_NO_LEVEL = Dose(amount=Decimal(15), unit="mg")
BROKEN = "it has happened, as the ward's book says"


class Meanwhile:
    """A clock that lets somebody else act, once, at one of the looks at it."""

    def __init__(self, looks: int) -> None:
        self.now = datetime.combine(day(30), time(6), tzinfo=UTC)
        self.act: Callable[[], object] | None = None
        self.looks = looks

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        if self.act is not None:
            self.looks -= 1
            if self.looks < 0:
                self.finish()
        return self.now

    def finish(self) -> None:
        """Let the other one act, who has not yet."""
        act, self.act = self.act, None
        if act is not None:
            act()


@pytest.fixture(params=range(4))
def clock(request: pytest.FixtureRequest) -> Meanwhile:
    return Meanwhile(request.param)


def site_with(protocol: TrialProtocol, clock: Meanwhile) -> Site:
    site = Site(protocol)
    site.now = clock.now
    site.trials = Trials(site.trials._store, clock=clock)  # noqa: SLF001 - the same log, another clock
    site.trial = site.trials.trial(protocol.trial)
    site.desk = site.trial.acting(INVESTIGATOR)
    return site


def ready(site: Site, *subjects: str, on: int = 0) -> None:
    """Consent, screen and enroll people on a day."""
    for subject in subjects:
        site.desk.consent(subject, signed_on=day(on), form_version="1")
        site.desk.screen(subject, on=day(on))
        site.desk.enroll(subject, on=day(on))


def attempted(act: Callable[[], object]) -> str:
    try:
        act()
    except TrialError as error:
        return error.code
    return "done"


class TestWhatADecisionRestsOn:
    def test_the_day_of_an_infusion_that_is_corrected(self, clock: Meanwhile) -> None:
        site = site_with(attrs.evolve(OPEN, stagger=Stagger(first_to_second_days=7)), clock)
        ready(site, "A", "B")
        (infused, *_) = site.desk.infuse("A", level=1, started_at=day(1))
        clock.act = lambda: site.desk.correct(infused, started_at=day(8), reason=REASON)
        done = attempted(lambda: site.desk.infuse("B", level=1, started_at=day(8)))
        first = clock.act is None  # the correction came before
        clock.finish()
        if first:
            assert done == "stagger-not-kept"
        assert clock.looks < 0 or done == "done"

    def test_how_many_were_infused(self, clock: Meanwhile) -> None:
        site = site_with(attrs.evolve(OPEN, max_infused=2), clock)
        ready(site, "A")
        site.desk.infuse("A", level=1, started_at=day(1))
        for subject in ("X", "Y"):
            site.desk.consent(subject, signed_on=day(0), form_version="1")
            site.desk.screen(subject, on=day(0))
        done: list[str] = []

        def enroll(subject: str) -> None:
            done.append(attempted(lambda: site.desk.enroll(subject, on=day(1))))

        clock.act = lambda: enroll("Y")
        enroll("X")
        clock.finish()
        assert sorted(done) == ["done", "recruitment-is-full"]

    def test_an_infusion_at_an_amount_of_no_level(self, clock: Meanwhile) -> None:
        site = site_with(WITH_AMOUNTS, clock)
        ready(site, "A", "B", "C")
        site.desk.consent("X", signed_on=day(0), form_version="1")
        site.toxicity("X", onset=day(2))
        for subject in ("A", "B", "C"):
            site.desk.infuse(subject, level=1, started_at=day(1), dose=Dose(amount=Decimal(10), unit="mg"))
            site.desk.assess_dlt_window(subject, on=day(16))
        clock.act = lambda: site.desk.infuse("X", level=1, started_at=day(1), dose=OF_NO_LEVEL, deviation=BROKEN)
        site.desk.decide_escalation(on=day(30))
        came_first = clock.act is None
        clock.finish()
        entries = site.trial.history().entries()
        [decided] = [entry for entry in entries if isinstance(entry.fact, EscalationDecided)]
        before = site.trial.history(known_at=decided.position - 1).escalation(on=day(30))
        assert before is not None
        assert isinstance(decided.fact, EscalationDecided)
        assert decided.fact.recommended.bare == before.decision.bare
        assert decided.fact.basis.unassigned == before.unassigned
        if came_first:  # escalation waits until a decision names the DLT at an amount of no level
            assert decided.fact.recommended.action is Action.WAIT

    def test_the_day_on_which_somebody_was_infused_last(self, clock: Meanwhile) -> None:
        site = site_with(OPEN, clock)
        ready(site, "A", "B")
        (infused, *_) = site.desk.infuse("A", level=1, started_at=day(1))
        site.desk.infuse("B", level=1, started_at=day(3))
        clock.act = lambda: site.desk.correct(infused, started_at=day(9), reason=REASON)
        site.desk.decide_escalation(on=day(30))
        clock.finish()
        [decided] = [e for e in site.trial.history().entries() if isinstance(e.fact, EscalationDecided)]
        assert isinstance(decided.fact, EscalationDecided)
        before = site.trial.history(known_at=decided.position - 1).escalation(on=day(30))
        assert before is not None
        assert decided.fact.basis.last_level == before.situation.last_level
        assert decided.fact.basis.position == decided.position - 1

    def test_a_participant_who_was_not_there_yet(self, clock: Meanwhile) -> None:
        site = site_with(attrs.evolve(OPEN, max_infused=1), clock)
        site.desk.consent("A", signed_on=day(0), form_version="1")
        site.desk.screen("A", on=day(0))
        done: list[str] = []

        def another() -> None:
            site.desk.consent("NEW", signed_on=day(0), form_version="1")
            site.desk.screen("NEW", on=day(0))
            done.append(attempted(lambda: site.desk.enroll("NEW", on=day(0))))

        clock.act = another
        done.append(attempted(lambda: site.desk.enroll("A", on=day(0))))
        clock.finish()
        assert sorted(done) == ["done", "recruitment-is-full"]

    def test_what_changes_no_count_takes_the_ground_from_nothing(self, clock: Meanwhile) -> None:
        site = site_with(OPEN, clock)
        ready(site, "A", "B")
        looks = 0

        def labs() -> None:
            nonlocal looks
            looks += 1
            site.desk.record_labs("B", [lab("ANC", "0.4", "10^9/L", collected_at=day(1))])

        clock.act = labs
        site.desk.infuse("A", level=1, started_at=day(1))
        clock.finish()
        assert looks == 1


class TestTimes:
    def test_the_day_ends_while_something_is_decided(self) -> None:
        protocol = attrs.evolve(OPEN, zone="Asia/Shanghai")
        now = datetime(2026, 3, 20, 15, 59, 59, tzinfo=UTC)  # a second to midnight at the site
        with Trials.open("memory:", clock=lambda: now) as trials:
            desk = trials.register(protocol, by=INVESTIGATOR).acting(INVESTIGATOR)
            desk.consent("A", signed_on=day(0), form_version="1")
            looks = 0

            def passing() -> datetime:
                nonlocal looks
                looks += 1
                return now + timedelta(seconds=2 * (looks - 1))

            late = Trials(trials._store, clock=passing).trial(protocol.trial)  # noqa: SLF001 - the same log
            state = late.acting(INVESTIGATOR).decide_escalation(on="2026-03-20")[0]
            assert looks == 4  # decided on the 20th, told on the 21st, and so decided again
            assert state.meta.recorded_at == now + timedelta(seconds=6)

    def test_they_never_fall_where_a_clock_goes_back_between_two_programs(self, tmp_path: Path) -> None:
        path, start = tmp_path / "log.db", datetime.combine(DAY0, time(6), tzinfo=UTC)
        with Trials.open(path, clock=lambda: start) as one:
            one.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
        with Trials.open(path, clock=lambda: start - timedelta(hours=1)) as two:
            (entry,) = two.trial(OPEN.trial).acting(INVESTIGATOR).consent("B", signed_on=day(0), form_version="1")
        assert entry.meta.recorded_at == start

    def test_a_moment_that_is_past_has_one_answer_though_a_writer_is_held_up(self, tmp_path: Path) -> None:
        path, now = tmp_path / "log.db", datetime.combine(DAY0, time(6), tzinfo=UTC)
        asked, looks, held = Event(), 0, False

        def clock() -> datetime:
            nonlocal looks, held
            looks += 1
            if looks == 2 and get_ident() == writer.ident:  # under the write lock
                held = True
                asked.wait(0.5)
            return now

        with Trials.open(path, clock=lambda: now) as trials:
            trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
            now += timedelta(seconds=10)
            slow = Trials(trials._store, clock=clock)  # noqa: SLF001 - the same log, another clock
            desk = slow.trial(OPEN.trial).acting(INVESTIGATOR)
            writer = Thread(target=lambda: desk.consent("LATE", signed_on=day(0), form_version="1"))
            writer.start()
            while not held:
                pass
            with read_log(path) as log:
                moment = now + timedelta(seconds=1)
                first = log[OPEN.trial].history(known_at=moment).position
                asked.set()
                writer.join()
                assert log[OPEN.trial].history(known_at=moment).position == first

    @pytest.mark.parametrize(
        "given",
        [datetime(2026, 3, 2, 6), datetime.now().date(), "2026-03-02T06:00Z", None, 0],  # noqa: DTZ001, DTZ005 - they are what is refused
    )
    def test_a_clock_that_gives_no_moment_is_refused(self, given: object) -> None:
        with Trials.open("memory:") as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            naive = Trials(trials._store, clock=lambda: given)  # type: ignore[arg-type, return-value]  # noqa: SLF001
            desk = naive.trial(OPEN.trial).acting(INVESTIGATOR)
            before = trial.history().position
            with pytest.raises(ClockUnusable, match="so it is not a moment: nothing was recorded"):
                desk.consent("A", signed_on=day(0), form_version="1")
            with pytest.raises(ClockUnusable):
                desk.decide_escalation(on=day(0))
            assert trial.history().position == before

    @pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", None])
    @pytest.mark.parametrize(
        "moment", [datetime(2199, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(1900, 1, 1, tzinfo=UTC)]
    )
    def test_the_first_and_the_last_moment_of_the_years_of_a_trial(self, zone: str | None, moment: datetime) -> None:
        with Trials.open("memory:", clock=lambda: moment) as trials:
            trial = trials.register(attrs.evolve(OPEN, zone=zone), by=INVESTIGATOR)
            trial.acting(INVESTIGATOR).consent("A", signed_on="1900", form_version="1")
            history = trial.history(known_at=moment)
            assert history.answers(on=history.last_day()).flow is not None
            assert list(history.decisions()) == []
            beyond = Trials(trials._store, clock=lambda: datetime(2200, 1, 1, tzinfo=UTC))  # noqa: SLF001
            with pytest.raises(YearInvalid):
                beyond.trial(OPEN.trial).acting(INVESTIGATOR).consent("B", signed_on="1900", form_version="1")


class TestNobodyStarves:
    def test_an_amendment_beside_others_who_never_stop(self) -> None:
        """Whatever is tried without the write lock meets somebody; under it, nobody can come in between."""
        tries = 0
        with Trials.open("memory:") as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            other = trial.acting(INVESTIGATOR)

            def interfering() -> datetime:
                nonlocal tries
                tries += 1
                if tries < 50:
                    other.consent(f"S{tries}", signed_on=day(0), form_version="1")
                return datetime.now(UTC)

            desk = Trials(trials._store, clock=interfering).trial(OPEN.trial).acting(INVESTIGATOR)  # noqa: SLF001
            desk.amend(attrs.evolve(OPEN, version="2"), effective_on=day(0), summary="nothing else")
            assert trial.history().escalation(on=day(0)) is not None
            assert len({e.stream for e in trial.history().entries()}) == 2 + tries

    @pytest.mark.soak
    def test_sixteen_threads_have_their_turns_alike(self, tmp_path: Path) -> None:
        counts, longest = [0] * 16, [0.0] * 16
        with Trials.open(tmp_path / "log.db") as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            until = monotonic() + 4

            def record(number: int) -> None:
                desk = trial.acting(INVESTIGATOR)
                while (started := monotonic()) < until:
                    desk.consent(f"S{number}-{counts[number]}", signed_on=day(0), form_version="1")
                    counts[number] += 1
                    longest[number] = max(longest[number], monotonic() - started)

            threads = [Thread(target=record, args=(number,)) for number in range(16)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert min(counts) > median(counts) / 2
        assert trial.trial == OPEN.trial


class TestHooks:
    """A clock or a hook that records something itself: that stays, whatever comes of the rest."""

    @pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError, ValueError])
    @pytest.mark.parametrize("where", ["file", "memory"])
    def test_what_was_acknowledged_under_the_lock_stays(
        self, tmp_path: Path, failure: type[BaseException], where: str
    ) -> None:
        path, looks = tmp_path / "log.db", 0
        with Trials.open(path if where == "file" else "memory:") as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            other = trial.acting(INVESTIGATOR)

            def clock() -> datetime:
                nonlocal looks
                looks += 1
                if looks == 2:  # under the write lock
                    other.consent("HOOK", signed_on=day(0), form_version="1")
                    raise failure
                return datetime.now(UTC)

            desk = Trials(trials._store, clock=clock).trial(OPEN.trial).acting(INVESTIGATOR)  # noqa: SLF001
            with pytest.raises(failure):
                desk.consent("LOST", signed_on=day(0), form_version="1")
            other.consent("NEXT", signed_on=day(0), form_version="1")
            subjects = {e.stream.rpartition("/")[2] for e in trial.history().entries() if "/participant/" in e.stream}
            assert subjects == {"HOOK", "NEXT"}

    def test_a_permit_that_records_in_the_stream_that_is_decided_on(self) -> None:
        asked = 0

        def permit(_: object) -> None:
            nonlocal asked
            asked += 1
            other.report_adverse_event("A", event=f"AE{asked}", term="Fever", grade=1, onset=day(0))

        with Trials.open("memory:") as trials:
            other = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            other.consent("A", signed_on=day(0), form_version="1")
            desk = Trials(trials._store, permit=permit).trial(OPEN.trial).acting(INVESTIGATOR)  # noqa: SLF001
            assert desk.record_relapse("A", on=day(0))

    def test_a_log_that_is_closed_right_after_a_command_keeps_nobody_from_hearing_of_it(self, tmp_path: Path) -> None:
        for number in range(20):
            heard: list[str] = []
            trials = Trials.open(tmp_path / f"{number}.db")
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)

            def record(desk: Desk = desk, heard: list[str] = heard) -> None:
                try:
                    for one in range(1_000):
                        desk.consent(f"S{one}", signed_on=day(0), form_version="1")
                        heard.append(f"S{one}")
                except StoreClosed:
                    pass

            thread = Thread(target=record)
            thread.start()
            while len(heard) < 3:
                pass
            trials.close()
            thread.join()
            with read_log(tmp_path / f"{number}.db") as log:
                streams = {entry.stream for entry in log[OPEN.trial].history().entries()}
            assert {f"{OPEN.trial}/participant/{one}" for one in heard} == {s for s in streams if "/participant/" in s}


class TestSlots:
    def test_somebody_who_left_before_a_late_enrollment_takes_no_slot(self) -> None:
        for leave in ("withdraw", "die"):
            site = Site()
            for subject in ("A", "B", "C", "D"):
                site.screened(subject)
            site.on(8)
            if leave == "withdraw":
                site.desk.withdraw("A", on=day(8), scope="follow-up")  # type: ignore[arg-type]  # its word
            else:
                site.desk.record_death("A", on=day(8))
            site.desk.enroll("A", on=day(1))
            for subject in ("B", "C", "D"):
                site.desk.enroll(subject, on=day(8))
            site.check()
            assert site.state().counts.tallies[0].occupied == 3

    def test_somebody_enrolled_again_by_deviation_holds_one_slot(self) -> None:
        site = Site(attrs.evolve(OPEN, design=OPEN.design))
        site.treat("A", "B", "C")
        site.on(14).assess("A", "B", "C")
        site.decide()
        site.admit("D")
        site.desk.enroll("D", on=day(14), level=1, deviation=BROKEN)
        site.check()
        tallies = site.state().counts.tallies
        assert [tally.occupied for tally in tallies] == [4, 0, 0]

    def test_the_last_slot_is_not_filled_by_two(self, clock: Meanwhile) -> None:
        site = site_with(OPEN, clock)
        ready(site, "A", "B")
        for subject in ("C", "D"):
            site.desk.consent(subject, signed_on=day(0), form_version="1")
            site.desk.screen(subject, on=day(0))
        done: list[str] = []

        def enroll(subject: str) -> None:
            done.append(attempted(lambda: site.desk.enroll(subject, on=day(0))))

        clock.act = lambda: enroll("D")
        enroll("C")
        clock.finish()
        assert sorted(done) == ["done", NoFreeSlot.code]
