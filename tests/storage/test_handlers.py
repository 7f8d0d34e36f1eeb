"""A signal handler uses the same log, at every line of a command: every append that returns is recorded."""

from contextlib import suppress
from pathlib import Path

import attrs
import pytest
from lines import at_line, in_time
from repeating import times
from site_desk import INVESTIGATOR, OPEN, day

from trialdomain import LogUnusable, NotPermitted, TrialError, Trials, read_log, verify
from trialdomain.desk import Desk
from trialdomain.events.access import AccessRefused
from trialdomain.storage.errors import StoreFailed

STEP = 100 // times(100, least=4)
"""Every so many lines, in a log that is made anew for each."""
EACH = 100 // times(100, least=30)
"""Every so many lines, in one log."""


def consent(desk: Desk, subject: str) -> None:
    desk.consent(subject, signed_on=day(0), form_version="1")


def subjects(path: Path) -> set[str]:
    with read_log(path) as log:
        streams = {entry.stream for entry in log[OPEN.trial].history().entries()}
    return {stream.rpartition("/")[2] for stream in streams if "/participant/" in stream}


@pytest.mark.soak
def test_whatever_it_records_is_there_or_was_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    acknowledged, refused = set(), 0
    with Trials.open(path) as trials:
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        number, reached = 1 - EACH, True
        while reached:
            number += EACH

            def act(subject: str = f"H{number}") -> None:
                nonlocal refused
                try:
                    consent(desk, subject)
                    acknowledged.add(subject)
                except StoreFailed as error:
                    assert "this thread is recording another command" in str(error)  # noqa: PT017 - in a handler
                    refused += 1

            with at_line(number, act) as line:
                consent(desk, f"C{number}")
            acknowledged.add(f"C{number}")
            reached = line.reached
    assert number > 100
    assert refused < number / 2
    assert subjects(path) == acknowledged
    assert verify(path).ok


@pytest.mark.soak
def test_whatever_two_of_them_record_is_there_or_was_refused(tmp_path: Path) -> None:
    pairs, number, one_reached = 0, 1, True
    while one_reached:
        path = tmp_path / f"{number}.db"
        acknowledged: set[str] = set()
        one_reached, again, two_reached = False, 1, True
        with Trials.open(path) as trials:
            desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
            while two_reached:
                done = f"C{again}"

                def act(acknowledged: set[str] = acknowledged, desk: Desk = desk) -> None:
                    subject = f"H{len(acknowledged)}"
                    with suppress(StoreFailed):
                        consent(desk, subject)
                        acknowledged.add(subject)

                with at_line(number, act, again=again) as line:
                    consent(desk, done)
                acknowledged.add(done)
                two_reached = line.reached
                one_reached |= two_reached
                pairs += two_reached
                again += 3 * max(STEP, 3)
        assert subjects(path) == acknowledged, f"line {number}"
        assert verify(path).ok
        number += max(STEP, 3)
    assert pairs > 50


@pytest.mark.soak
def test_whatever_it_records_while_a_command_is_refused_hides_no_refusal(tmp_path: Path) -> None:
    number, reached = 1 - STEP, True
    while reached:
        number += STEP
        path = tmp_path / f"{number}.db"
        acknowledged: set[str] = set()
        permit = lambda asked: None if asked.user == INVESTIGATOR.id else "not today"  # noqa: E731 - asked by name
        with Trials.open(path, permit=permit) as trials:
            trial = trials.register(OPEN, by=INVESTIGATOR)
            desk, other = trial.acting(INVESTIGATOR), trial.acting(attrs.evolve(INVESTIGATOR, id="somebody-else"))

            def act(desk: Desk = desk, acknowledged: set[str] = acknowledged) -> None:
                with suppress(StoreFailed):
                    consent(desk, "HANDLER")
                    acknowledged.add("HANDLER")

            with at_line(number, act) as line, pytest.raises(NotPermitted):
                consent(other, "REFUSED")
            reached = line.reached
            refused = [one for one in trial.history().entries() if isinstance(one.fact, AccessRefused)]
        assert len(refused) == 1, f"line {number}"
        assert subjects(path) == acknowledged, f"line {number}"
    assert number > 100


@pytest.mark.soak
def test_what_it_reads_is_there_too(tmp_path: Path) -> None:
    with Trials.open(tmp_path / "log.db") as trials:
        trial = trials.register(OPEN, by=INVESTIGATOR)
        desk = trial.acting(INVESTIGATOR)
        number, reached = 1 - EACH, True
        while reached:
            number += EACH
            found: list[int] = []
            before = trial.history().position
            with at_line(number, lambda found=found: found.append(trial.history().position)) as line:  # type: ignore[misc]  # called at once
                consent(desk, f"C{number}")
            reached = line.reached
            assert not reached or found[0] in {before, before + 1}
        assert number > 100


@pytest.mark.parametrize("where", ["file", "memory"])
@pytest.mark.soak
def test_one_that_closes_the_log_and_ends_the_program_does_so(tmp_path: Path, where: str) -> None:
    number, ended = 1 - STEP, True
    while ended:
        number += STEP
        path = tmp_path / f"{number}.db"
        trials = Trials.open(path if where == "file" else "memory:")
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)

        def act(trials: Trials = trials) -> None:
            trials.close()
            raise SystemExit

        ended = False
        with at_line(number, act) as line:
            try:
                consent(desk, "S001")
            except SystemExit:
                ended = True
            except TrialError as error:
                pytest.fail(f"line {number}: {error} took the place of the end")
        assert ended or not line.reached
        assert in_time(trials.close), f"line {number}"
        if where == "file":
            with Trials.open(path) as again:
                with suppress(TrialError):  # recorded before
                    consent(again.trial(OPEN.trial).acting(INVESTIGATOR), "S001")
                assert again.trial(OPEN.trial).history().position
    assert number > 100


@pytest.mark.soak
def test_one_that_closes_the_log_and_goes_on_leaves_a_command_that_is_refused_or_recorded(tmp_path: Path) -> None:
    number, reached = 1 - STEP, True
    while reached:
        number += STEP
        path = tmp_path / f"{number}.db"
        trials = Trials.open(path)
        desk = trials.register(OPEN, by=INVESTIGATOR).acting(INVESTIGATOR)
        recorded = False
        with at_line(number, trials.close) as line, suppress(LogUnusable):
            consent(desk, "S001")
            recorded = True
        reached = line.reached
        trials.close()
        assert subjects(path) >= ({"S001"} if recorded else set()), f"line {number}"
    assert number > 100
