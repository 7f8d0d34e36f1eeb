"""The read set of a decision, compared with the whole record: the skipped entries must change no answer."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from made_once import SimulatedLog, seeds
from site_desk import OPEN, REASON, RELATED, Site, day

from trialdomain import BloodProduct, Entry, lab
from trialdomain.aggregates.participant import PASSED_OVER, Participant
from trialdomain.commands.snapshot import Snapshot
from trialdomain.events.entries import current_entries
from trialdomain.events.recorded import Recorded
from trialdomain.projections.dlt_counts import dlt_counts
from trialdomain.projections.escalation import escalation
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.rules.known_facts import known_of
from trialdomain.storage.mapper import entries_of
from trialdomain.storage.sqlite.store import SQLiteStore
from trialdomain.values.clinical.screening import Gate
from trialdomain.values.ids import subject_of

NOT_COMPARED = {"facts", "left_out"}


def whole(stream: str, recorder: SQLiteStore, head: int, like: Participant) -> Participant:
    participant = Participant(like.subject, like.protocol)
    entries: Iterator[Recorded[Any]] = entries_of(stream, recorder.stream(stream, until=head))
    for entry in current_entries(entries):
        participant.apply(entry)
    return participant


@pytest.mark.parametrize("seed", [*seeds(), 25])
@pytest.mark.soak
def test_a_participant_is_the_same_with_and_without_results(
    seed: int, simulated: Callable[[int], SimulatedLog]
) -> None:
    done = simulated(seed)
    with done.history() as history:
        trial, on = done.trial, done.last_day
        recorder = SQLiteStore(done.path, readonly=True)
        snapshot = Snapshot(trial, recorder)
        streams = [stream for stream, _ in recorder.streams(trial, until=snapshot.position) if subject_of(stream)]
        assert streams
        for stream in streams:
            lean = snapshot.participant(subject_of(stream) or "")
            full = whole(stream, recorder, snapshot.position, lean)
            assert lean.protocol is not None
            for field in attrs.fields(Participant):
                if field.name not in NOT_COMPARED:
                    assert getattr(lean, field.name) == getattr(full, field.name)
            assert [fact for fact in full.facts if type(fact) not in PASSED_OVER] == lean.facts
            for gate in Gate:
                known = [known_of(one.facts, lean.protocol, gate=gate, on=on) for one in (lean, full)]
                assert known[0] == known[1]
        assert dlt_counts(snapshot.casebook(on=on), on=on) == history.dlt_counts(on=on)
        assert escalation(snapshot.casebook(on=on), on=on) == history.escalation(on=on)
        recorder.close()


def test_counts_read_results_where_cytopenias_count() -> None:
    rule = DltRule(cytopenia=CytopeniaRule(anc_below=Decimal("0.5")))
    site = Site(attrs.evolve(OPEN, dlt=rule))
    site.treat("S001")
    for number in (10, 20, 30, 40, 43):
        result = lab("ANC", "0.1", "10*9/L", collected_at=day(number))
        site.on(number).desk.record_labs("S001", [result])
    assert site.dlts() == 1
    site.check()


class TestTheSameTwice:
    @pytest.fixture
    def site(self) -> Site:
        site = Site()
        site.treat("S001")
        return site

    def results(self, site: Site, value: str = "0.4") -> "list[Entry]":
        return list(site.desk.record_labs("S001", [lab("ANC", value, "10*9/L", collected_at=day(0))]))

    def test_the_same_result_is_recorded_once(self, site: Site) -> None:
        assert len(self.results(site)) == 1
        assert self.results(site) == []
        assert len(self.results(site, "0.5")) == 1

    def test_the_same_in_other_digits_is_the_same(self, site: Site) -> None:
        self.results(site)
        assert self.results(site, "0.40") == []

    def test_what_was_corrected_or_voided_may_be_recorded_anew(self, site: Site) -> None:
        (first,) = self.results(site)
        (corrected, *_) = site.desk.correct(first, value="0.7", reason=REASON)
        assert self.results(site, "0.7") == []
        assert len(self.results(site)) == 1
        site.desk.void(corrected, reason=REASON)
        assert len(self.results(site, "0.7")) == 1

    def test_so_with_every_kind_that_is_passed_over(self, site: Site) -> None:
        def transfuse() -> int:
            return len(site.desk.transfuse("S001", on=day(0), product=BloodProduct.PLATELETS))

        def give() -> int:
            return len(site.desk.give_anti_infective("S001", agent="meropenem", route="iv", started_on=day(0)))

        def measure() -> int:
            return len(site.desk.record_vital_signs("S001", [site.temperature("38.5", day(0))]))

        for act in (transfuse, give, measure):
            assert (act(), act()) == (1, 0)

    def test_what_is_read_is_told_apart_as_well(self, site: Site) -> None:
        def report() -> int:
            return len(
                site.desk.report_adverse_event(
                    "S001", event="AE1", term="Fever", grade=1, onset=day(0), attributions=RELATED
                )
            )

        assert (report() > 0, report()) == (True, 0)
