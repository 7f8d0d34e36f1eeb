"""Times of callers are copied once into plain ones, so later answers of a zone or a class change nothing."""

import os
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from unittest.mock import Mock

import pytest
from site_desk import INVESTIGATOR, OPEN, Site, day
from typing_extensions import override

from trialdomain import InputInvalid, TrialError, Trials, lab, read_log
from trialdomain.commands.clock import ClockUnusable
from trialdomain.history import History, MomentInvalid
from trialdomain.projections.trail import Asked
from trialdomain.values.clinical_time import ClinicalTime

MOMENT = (2026, 3, 2, 6, 0, 1)


class Zone(tzinfo):
    """Answers with each of some offsets in turn, and raises those that are errors; then the last one for ever."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.asked = list(answers), 0

    @override
    def utcoffset(self, when: datetime | None) -> timedelta | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[return-value]  # whatever it is

    @override
    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    @override
    def tzname(self, when: datetime | None) -> str | None:
        return None


class Naive(datetime):
    """Is naive once it is put into another zone."""

    @override
    def astimezone(self, tz: tzinfo | None = None) -> "Naive":
        return Naive(*MOMENT)


class Text(datetime):
    """Is a text once it is put into another zone, or written."""

    @override
    def astimezone(self, tz: tzinfo | None = None) -> "Text":
        return "2026-03-02"  # type: ignore[return-value]  # what it is about

    @override
    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        return "1066-10-14"

    @override
    def utcoffset(self) -> timedelta | None:
        return timedelta(0)

    @property
    @override
    def year(self) -> int:
        raise ZeroDivisionError

    @override
    def __gt__(self, other: object) -> bool:
        raise ZeroDivisionError


HOUR = timedelta(hours=1)
GOOD: dict[str, Callable[[], datetime]] = {
    "a class whose time in another zone is naive": lambda: Naive(*MOMENT, tzinfo=UTC),
    "a class whose time is written as a text": lambda: Text(*MOMENT, tzinfo=UTC),
    "a zone that answers once, and then raises": lambda: datetime(*MOMENT, tzinfo=Zone(timedelta(0), KeyError("no"))),
    "a zone that answers once, and then not": lambda: datetime(*MOMENT, tzinfo=Zone(timedelta(0), None)),
    "a zone that answers once, and then otherwise": lambda: datetime(*MOMENT, tzinfo=Zone(timedelta(0), 5 * HOUR)),
    "a zone that answers once, and then with nonsense": lambda: datetime(*MOMENT, tzinfo=Zone(timedelta(0), "1")),
}
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "a class that forgets its offset": (lambda: Text(*MOMENT), "so it is not a moment"),
    "a zone that raises": (lambda: datetime(*MOMENT, tzinfo=Zone(KeyError("no"))), "whose zone gives no offset"),
    "a zone that gives none": (lambda: datetime(*MOMENT, tzinfo=Zone(None)), "so it is not a moment"),
    "a zone of more than a day": (lambda: datetime(*MOMENT, tzinfo=Zone(25 * HOUR)), "whose zone gives no offset"),
    "a zone of less than a day": (lambda: datetime(*MOMENT, tzinfo=Zone(-24 * HOUR)), "whose zone gives no offset"),
    "a zone of a number": (lambda: datetime(*MOMENT, tzinfo=Zone(3600)), "whose zone gives no offset"),
    "before the calendar": (
        lambda: datetime.min.replace(tzinfo=timezone(HOUR)),
        r"'0001-01-01 00:00:00\+01:00', which in UTC lies outside the years 1 to 9999",
    ),
    "after the calendar": (
        lambda: datetime.max.replace(tzinfo=timezone(-HOUR)),
        "which in UTC lies outside the years 1 to 9999",
    ),
    "a stand-in": (lambda: Mock(spec=datetime), "is not a datetime with an offset, so it is not a moment"),
    "a text": (lambda: "2026-03-02T06:00Z", "is not a datetime with an offset, so it is not a moment"),
    "a day": (lambda: date(2026, 3, 2), "is not a datetime with an offset, so it is not a moment"),
}


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "log.db"
    with Trials.open(path, clock=lambda: datetime(*MOMENT, tzinfo=UTC)) as trials:
        trials.register(OPEN, by=INVESTIGATOR)
    return path


class TestTheClock:
    @pytest.mark.parametrize("name", GOOD)
    def test_a_moment_is_recorded_as_it_was_when_it_was_told(self, recorded: Path, name: str) -> None:
        with Trials.open(recorded, clock=GOOD[name]) as trials:
            entries = trials.trial(OPEN.trial).acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
            trials.trial(OPEN.trial).acting(INVESTIGATOR).screen("A", on=day(0))
            assert entries[0].meta.recorded_at == datetime(*MOMENT, tzinfo=UTC)
            assert type(entries[0].meta.recorded_at) is datetime
            assert {entry.meta.recorded_at for entry in trials.trial(OPEN.trial).history().entries()} == {
                datetime(*MOMENT, tzinfo=UTC)
            }

    @pytest.mark.parametrize("name", BAD)
    def test_what_is_no_moment_is_refused_and_nothing_is_recorded(self, recorded: Path, name: str) -> None:
        give, words = BAD[name]
        with Trials.open(recorded, clock=give) as trials:  # type: ignore[arg-type]  # what it is about
            trial = trials.trial(OPEN.trial)
            before = trial.history().position
            with pytest.raises(ClockUnusable, match=f"{words}.*: nothing was recorded; pass a clock such as") as told:
                trial.acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
            assert len(str(told.value)) < 250
            assert str(told.value).isprintable()
            assert trial.history().position == before

    def test_one_that_fails_under_the_write_lock_leaves_nothing(self, recorded: Path) -> None:
        for give, _ in BAD.values():
            told: list[object] = [datetime(*MOMENT, tzinfo=UTC), give()]
            with Trials.open(recorded, clock=lambda told=told: told.pop(0)) as trials:  # type: ignore[misc]  # called at once
                trial = trials.trial(OPEN.trial)
                before = trial.history().position
                with pytest.raises(ClockUnusable):
                    trial.acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
                assert trial.history().position == before
        with Trials.open(recorded) as trials:
            assert trials.trial(OPEN.trial).acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")

    def test_of_one_that_stands_still_a_moment_means_all_that_is_recorded_by_now(self) -> None:
        moment = datetime(*MOMENT, tzinfo=UTC)
        now = [moment]
        with Trials.open("memory:", clock=lambda: now[0]) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            first = trial.history().position
            assert trial.history(known_at=moment).position == first
            now[0] = moment - 5 * HOUR
            trial.acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
            assert trial.history(known_at=moment).position == first + 1
            assert trial.history(known_at=first).position == first

    @pytest.mark.processes
    @pytest.mark.parametrize(("asked", "again"), [(1, "opened"), (2, "LogAbandoned")], ids=["before it", "under it"])
    def test_a_fork_in_it_leaves_the_child_another_log_or_none(self, recorded: Path, asked: int, again: str) -> None:
        """The first time it is asked without the write lock, the second time under it."""
        reading, writing = os.pipe()
        times = 0

        def forks() -> datetime:
            nonlocal times
            times += 1
            if times == asked and os.fork() == 0:
                try:
                    Trials.open(recorded).close()
                    os.write(writing, b"opened")
                except TrialError as error:
                    os.write(writing, type(error).__name__.encode())
                finally:
                    os._exit(0)
            return datetime(*MOMENT, tzinfo=UTC)

        with Trials.open(recorded, clock=forks) as trials, warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads at any fork
            assert trials.trial(OPEN.trial).acting(INVESTIGATOR).consent("A", signed_on=day(0), form_version="1")
        os.wait()
        os.close(writing)
        with os.fdopen(reading) as told:
            assert told.read() == again


class TestTheMoment:
    """``known_at`` and the times of an audit trail."""

    @pytest.mark.parametrize("name", GOOD)
    def test_it_is_asked_once(self, recorded: Path, name: str) -> None:
        with read_log(recorded) as log:
            history = log[OPEN.trial].history(known_at=GOOD[name]())
            assert history.position == log[OPEN.trial].history().position
            assert list(history.decisions()) == []
            assert history.last_day() == day(0)
            told = [*history.trail(asked=Asked(since=GOOD[name](), until=GOOD[name]()))]
            assert [one.entry for one in told] == [*history.entries()]

    @pytest.mark.parametrize("name", [name for name in BAD if name not in {"before the calendar", "a day", "a text"}])
    def test_what_is_none_is_refused(self, recorded: Path, name: str) -> None:
        with read_log(recorded) as log:
            give, _ = BAD[name]
            with pytest.raises(MomentInvalid, match=r"has no offset|is not a moment|is a time wh") as refused:
                log[OPEN.trial].history(known_at=give())  # type: ignore[arg-type]  # what it is about
            assert len(str(refused.value)) < 250
            for asked in ({"since": give()}, {"until": give()}):
                with pytest.raises(InputInvalid):
                    list(log[OPEN.trial].history().trail(asked=Asked(**asked)))  # type: ignore[arg-type]  # what it is about


class TestTimesOfFacts:
    @pytest.mark.parametrize("name", GOOD)
    def test_they_are_taken_as_they_were(self, name: str) -> None:
        site = Site()
        (entry, *_) = site.desk.consent("A", signed_on=GOOD[name](), form_version="1")
        assert getattr(entry.fact, "signed_on", None) == ClinicalTime("2026-03-02T14:00:01+08:00")
        assert lab("ANC", 1, "10^9/L", collected_at=GOOD[name]()).collected_at.text == "2026-03-02T06:00:01+00:00"

    @pytest.mark.parametrize("name", [name for name in BAD if name not in {"a text", "a day"}])
    def test_what_is_none_is_refused(self, name: str) -> None:
        site = Site()
        before = site.trial.history().position
        with pytest.raises(InputInvalid) as refused:
            site.desk.consent("A", signed_on=BAD[name][0](), form_version="1")  # type: ignore[arg-type]  # what it is about
        assert len(str(refused.value)) < 250
        assert site.trial.history().position == before

    def test_a_day_and_a_text_of_another_class_are_what_they_hold(self) -> None:
        class Day(date):
            @override
            def isoformat(self) -> str:
                return "no day"

            @override
            def __lt__(self, other: object) -> bool:
                raise ZeroDivisionError

            __gt__ = __le__ = __ge__ = __lt__

        class Words(str):
            __slots__ = ()

            @override
            def __eq__(self, other: object) -> bool:
                return True

            @override
            def __hash__(self) -> int:
                return hash("2026-03-01")

        site = Site()
        (entry, *_) = site.desk.consent("A", signed_on=Day(2026, 3, 1), form_version="1")
        assert getattr(entry.fact, "signed_on", None) == ClinicalTime("2026-03-01")
        assert ClinicalTime(Words("2026-02-28")) == ClinicalTime("2026-02-28")
        assert type(ClinicalTime(Words("2026-02-28")).text) is str
        assert isinstance(site.trial.history(), History)
        assert site.trial.history().flow(on=Day(2026, 3, 2)) == site.trial.history().flow(on="2026-03-02")
