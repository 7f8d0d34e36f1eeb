"""Whatever the library hands out can be pickled and copied, and arrives in another process as what it was."""

import copy
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from class_examples import Examples, HoldsLogError, value_classes
from crossing import echo, entries_of, looked_for, refused_there
from handed_out import KEY, NOW, assert_same, everything
from made_once import Shelf, simulated_log
from repeating import some
from site_desk import Site

from trialdomain import (
    CHECKS,
    ClinicalTime,
    Entry,
    HeadKey,
    Meta,
    Recorded,
    SigningKey,
    TreeSigner,
    TrialError,
    findings,
    read_checks,
    read_log,
)
from trialdomain.aggregates.participant import SubjectUnknown
from trialdomain.checks.check import Audited, Limits
from trialdomain.commands.corrections import NeverCorrected
from trialdomain.storage.store import StoredEntry
from trialdomain.testing import history_of

SPAWN = multiprocessing.get_context("spawn")
STAYS = "an open log stays in the process that opened it, and can be neither pickled nor copied"


def pickled(protocol: int) -> Callable[[object], object]:
    return lambda value: pickle.loads(pickle.dumps(value, protocol))  # noqa: S301 - our own, of this moment


PICKLES = {f"pickle {protocol}": pickled(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)}
WAYS: dict[str, Callable[[object], object]] = {**PICKLES, "copy": copy.copy, "deepcopy": copy.deepcopy}
through_a_pickle = pickled(pickle.DEFAULT_PROTOCOL)


@pytest.fixture(scope="module")
def handed_out(tmp_path_factory: pytest.TempPathFactory, shelf: Shelf) -> dict[str, object]:
    return everything(tmp_path_factory.mktemp("handed_out"), simulated_log(shelf, 25, participants=8))


@pytest.fixture(scope="module")
def examples(handed_out: dict[str, object]) -> Examples:
    return Examples(handed_out)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=SPAWN) as executor:
        yield executor


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.treat("S001", "S002", "S003")
    yield site
    site.trials.close()


class TestEverything:
    @pytest.mark.parametrize("way", [*some(tuple(PICKLES), of="pickles", least=1), "copy", "deepcopy"])
    @pytest.mark.soak
    def test_what_is_handed_out_comes_back_as_it_was(self, handed_out: dict[str, object], way: str) -> None:
        for name, value in handed_out.items():
            assert_same(value, WAYS[way](value), name)

    def test_a_value_of_every_class_comes_back_as_it_was(self, examples: Examples) -> None:
        tried = 0
        for kind in value_classes():
            if kind is SigningKey:
                continue  # which says so: see below
            try:
                value = examples.of(kind)
            except HoldsLogError:
                continue
            tried += 1
            for way in (pickled(0), through_a_pickle, copy.copy, copy.deepcopy):
                assert_same(value, way(value), kind.__qualname__)
        assert tried >= 200, "most of the classes were not found"

    def test_it_crosses_a_process_as_it_was(self, handed_out: dict[str, object], pool: ProcessPoolExecutor) -> None:
        for name, future in [(name, pool.submit(echo, value)) for name, value in handed_out.items()]:
            assert_same(handed_out[name], future.result(), name)

    def test_nor_does_it_matter_how_a_process_is_started(self, handed_out: dict[str, object]) -> None:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
            for name, future in [(name, pool.submit(echo, value)) for name, value in handed_out.items()]:
                assert_same(handed_out[name], future.result(), name)


class TestClinicalTime:
    @pytest.mark.parametrize("text", ["2026", "2026-03", "2026-03-02", "2026-03-02T10:15", "2026-03-02T10:15:30+08:00"])
    @pytest.mark.parametrize("way", WAYS)
    def test_a_copy_says_the_same_and_does_not_change_either(self, text: str, way: str) -> None:
        time = ClinicalTime(text)
        back = WAYS[way](time)
        assert isinstance(back, ClinicalTime)
        assert (back, back.text, back.first, back.last, back.at) == (time, time.text, time.first, time.last, time.at)
        assert hash(back) == hash(time)
        with pytest.raises(AttributeError, match="a clinical time does not change"):
            back.text = "2027"


class TestEntries:
    def test_an_entry_that_was_read_equals_the_one_that_was_made(self, site: Site) -> None:
        for entry in site.trial.history().entries():
            made = Recorded(
                trial=entry.trial,
                position=entry.position,
                stream=entry.stream,
                version=entry.version,
                meta=entry.meta,
                fact=entry.fact,
            )
            assert not isinstance(entry.envelope, Meta)
            for one, other in ((entry, made), (made, entry)):
                for back in (through_a_pickle(one), copy.copy(one), copy.deepcopy(one)):
                    assert back == one == other
                    assert hash(back) == hash(one) == hash(other)

    def test_entries_come_out_of_a_process_that_has_a_log(self, tmp_path: Path, pool: ProcessPoolExecutor) -> None:
        site = Site(address=f"sqlite:///{tmp_path / 'log.db'}")
        site.treat("S001")
        recorded = list(site.trial.history().entries())
        there = pool.submit(entries_of, tmp_path / "log.db").result()
        assert there == recorded
        assert {*there} == {*recorded}
        site.trials.close()

    def test_a_command_takes_an_entry_that_was_away(self, site: Site, pool: ProcessPoolExecutor) -> None:
        event = site.toxicity("S001")
        away = pool.submit(echo, event).result()
        site.desk.correct(away, reason="transcription: source document 12", grade=2)
        assert site.trial.history().escalation(on=site.today) is not None

    def test_a_stored_entry_is_one_still(self, handed_out: dict[str, object]) -> None:
        stored = handed_out["stored"]
        assert isinstance(stored, list)
        back = through_a_pickle(stored)
        assert back == stored
        assert isinstance(stored[0], StoredEntry)
        assert isinstance(back, list)
        assert [(one.trial, one.position, hash(one)) for one in back] == [
            (one.trial, one.position, hash(one)) for one in stored
        ]


class TestWhatStays:
    def test_whatever_holds_a_log_says_so(self, tmp_path: Path) -> None:
        site = Site(address=f"sqlite:///{tmp_path / 'log.db'}")
        site.treat("S001")
        history = site.trial.history()
        book = history.casebook(on=site.today)
        audited = Audited(history=history, on=site.today, now=NOW, book=book, trial=(), limits=Limits())
        with read_log(tmp_path / "log.db") as log:
            holders = (site.trials, site.trial, site.desk, site.trial.tree, history, book, audited, log)
            for held in (*holders, log[site.trial.trial], log[site.trial.trial].history(), log.reader):
                for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                    with pytest.raises(TypeError, match=STAYS):
                        pickle.dumps(held, protocol)
            for held in (site.trials, site.trial, site.desk, log):
                with pytest.raises(TypeError, match=STAYS):
                    copy.deepcopy(held)
            assert len(log) == 1  # and it goes on
        site.treat("S002")
        site.trials.close()

    def test_it_cannot_be_handed_to_a_process(self, site: Site, pool: ProcessPoolExecutor) -> None:
        with pytest.raises(TypeError, match=STAYS):
            pool.submit(echo, site.desk).result()
        assert pool.submit(echo, 3).result() == 3

    def test_a_copied_history_is_the_same_look(self, site: Site) -> None:
        history = site.trial.history()
        for way in (copy.copy, copy.deepcopy):
            assert way(history).answers(on=site.today) == history.answers(on=site.today)

    def test_a_history_of_facts_goes_anywhere(self, pool: ProcessPoolExecutor) -> None:
        history, on = history_of("1NNT 1NN")
        for back in (through_a_pickle(history), copy.deepcopy(history), pool.submit(echo, history).result()):
            assert isinstance(back, type(history))
            assert back.answers(on=on) == history.answers(on=on)
            assert back.last_day() == history.last_day()

    def test_a_private_key_stays_out_of_a_pickle(self, tmp_path: Path) -> None:
        for held in (KEY, HeadKey(KEY), TreeSigner(KEY, tmp_path / "signed")):
            with pytest.raises(TypeError, match=r"the private key site\.example/signer is not pickled: read it"):
                pickle.dumps(held)
        for way in (copy.copy, copy.deepcopy):
            assert (way(KEY), way(KEY).secret) == (KEY, KEY.secret)


CHECK = """
from trialdomain import Check, Severity

class OfOurOwn(Check):
    id = "of-our-own"
    title = "a check of a site"
    requirement = "SOP 12"
    severity = Severity.MINOR

    def end(self, counts):
        yield self.found("seen")

CHECKS = [OfOurOwn]
"""


class TestFindings:
    def test_a_check_of_a_file_need_not_be_at_hand_where_its_findings_arrive(
        self, tmp_path: Path, pool: ProcessPoolExecutor
    ) -> None:
        (tmp_path / "ours.py").write_text(CHECK)
        there = pool.submit(looked_for, tmp_path / "ours.py").result()
        assert there.checks[:-1] == CHECKS
        ours = there.checks[-1]
        assert (ours.__name__, ours.id, ours.title, ours.requirement) == (
            "OfOurOwn",
            "of-our-own",
            "a check of a site",
            "SOP 12",
        )
        assert "seen" in [one.sentence for one in there.found]
        assert through_a_pickle(there) == there

    def test_where_it_is_at_hand_it_is_the_same(self, tmp_path: Path) -> None:
        (tmp_path / "here.py").write_text(CHECK)
        history, on = history_of("1NNT")
        found = findings(history, on=on, checks=read_checks(tmp_path / "here.py"), now=NOW)
        for back in (through_a_pickle(found), copy.copy(found), copy.deepcopy(found)):
            assert back == found


class TestRefusals:
    def test_a_refused_command_leaves_a_worker_as_what_it_is(self, pool: ProcessPoolExecutor) -> None:
        for future in [pool.submit(refused_there) for _ in range(5)]:
            with pytest.raises(SubjectUnknown) as refused:
                future.result()
            assert refused.value.fields == {"subject": "S009", "act": "an enrollment"}
            assert refused.value.code == "subject-unknown"

    def test_an_entry_in_a_refusal_comes_along(self, site: Site) -> None:
        entry: Entry = next(site.trial.history().entries())
        error = NeverCorrected(entry=entry, act="voided")
        for way in WAYS.values():
            back = way(error)
            assert isinstance(back, TrialError)
            assert (str(back), back.fields) == (str(error), {"entry": entry, "act": "voided"})
