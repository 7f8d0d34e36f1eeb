"""The table of facts: each kind recorded, corrected, voided, golden, round trip, and refused when malformed."""

import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import attrs
import msgspec
import pytest
from catalogue import GOLDEN, META, ROWS, Row, golden, golden_schema, schema_text

from trialdomain import Role, TrialProtocol, Trials, User, nct06245746
from trialdomain.commands.corrections import NeverCorrected
from trialdomain.commands.snapshot import Snapshot
from trialdomain.desk import Desk
from trialdomain.events.entries import VOIDS, EntryNotCurrent, current_entries
from trialdomain.events.happened import getter_of
from trialdomain.events.participant import Infused, ParticipantEntryVoided, ParticipantFact
from trialdomain.events.recorded import Draft, Entry, EntryRef, Fact, Meta, Source
from trialdomain.events.registry import NAMES
from trialdomain.events.trial import TrialRegistered
from trialdomain.storage.codec import _LEFT_OUT, _PER, StateMalformed, decode, encode
from trialdomain.values.clinical.dose import Dose
from trialdomain.values.clinical_time import ClinicalTime
from trialdomain.values.use_case import UseCase

REASON = "transcription: source document 12"
TRIAL = "NCT06245746"
STREAMS = {
    "trial": TRIAL,
    "access": f"{TRIAL}/access",
    "cohort": f"{TRIAL}/cohort/1",
    "participant": f"{TRIAL}/participant/S001",
}
EVERY_KIND = pytest.mark.parametrize("name", sorted(NAMES.values()))


def test_every_kind_has_its_row() -> None:
    assert sorted(ROWS) == sorted(NAMES.values())


@EVERY_KIND
def test_a_name_is_ours_and_carries_its_version(name: str) -> None:
    assert re.fullmatch(r"(trial|access|cohort|participant)\.[a-z-]+\.v[1-9][0-9]*", name)


class Site:
    """A trial with one participant who consented, was screened and enrolled, and a way to record any fact."""

    def __init__(self) -> None:
        self.trials = Trials.open("memory:", clock=lambda: datetime(2026, 3, 20, 8, tzinfo=UTC))
        sponsor = User(id="u1", name="Sponsor", role=Role.SPONSOR, organization="Sponsor")
        self.trial = self.trials.register(attrs.evolve(nct06245746(roles=()), criteria=()), by=sponsor)
        self.desk: Desk = self.trial.acting(sponsor)
        self.desk.consent("S001", signed_on="2026-03-01", form_version="1")
        self.desk.screen("S001", on="2026-03-01")
        self.desk.enroll("S001", on="2026-03-01")

    def record(self, name: str, row: Row) -> Entry:
        draft = Draft(stream=STREAMS[name.partition(".")[0]], fact=row.example)
        runner = self.desk._runner  # noqa: SLF001 - the table records kinds for which no use case exists
        (entry,) = runner.run(UseCase.CORRECT, name, lambda snapshot: _read(snapshot, draft), None)
        return entry

    def stream(self, entry: Entry) -> list[Entry]:
        return [other for other in self.trial.history().entries() if other.stream == entry.stream]


def _read(snapshot: Snapshot, draft: Draft[Fact]) -> list[Draft[Fact]]:
    snapshot.entries(draft.stream)
    return [draft]


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.trials.close()


@EVERY_KIND
def test_recorded(site: Site, name: str) -> None:
    row = ROWS[name]
    entry = site.record(name, row)
    assert entry.fact == row.example
    assert site.stream(entry)[-1] == entry


@EVERY_KIND
def test_corrected(site: Site, name: str) -> None:
    row = ROWS[name]
    if name == "participant.adverse-event-followed-up.v1":
        site.record("participant.adverse-event-reported.v1", ROWS["participant.adverse-event-reported.v1"])
    entry = site.record(name, row)
    if not row.change:
        with pytest.raises((EntryNotCurrent, NeverCorrected)):
            site.desk.correct(entry, reason=REASON)
        return
    recorded = site.desk.correct(entry, reason=REASON, **row.change)
    (corrected,) = [other for other in recorded if other.meta.corrects == entry.version]
    assert corrected.meta.reason == REASON
    stream = site.stream(entry)
    assert entry in stream
    assert corrected in stream
    current = current_entries(stream)
    assert entry not in current
    assert corrected in current
    with pytest.raises(EntryNotCurrent):
        site.desk.correct(entry, reason=REASON, **row.change)
    assert site.desk.correct(corrected, reason=REASON, **row.change) == []


@EVERY_KIND
def test_voided(site: Site, name: str) -> None:
    row = ROWS[name]
    entry = site.record(name, row)
    if not row.voidable:
        with pytest.raises((EntryNotCurrent, NeverCorrected)):
            site.desk.void(entry, reason=REASON)
        return
    (void,) = [other for other in site.desk.void(entry, reason=REASON) if isinstance(other.fact, VOIDS)]
    assert void.meta.reason == REASON
    stream = site.stream(entry)
    assert entry in stream
    assert [other for other in current_entries(stream) if other in (entry, void)] == []
    for again in (entry, void):
        with pytest.raises(EntryNotCurrent):
            site.desk.void(again, reason=REASON)


@EVERY_KIND
def test_golden_file_is_what_is_written_and_is_read(name: str) -> None:
    row = ROWS[name]
    stored = golden(name).read_bytes().removesuffix(b"\n")
    assert encode(row.example, META) == (name, stored)
    assert decode(name, stored, strict=True) == (row.example, META)


@EVERY_KIND
def test_canonical_form_is_sorted_and_has_no_white_space(name: str) -> None:
    stored = golden(name).read_bytes().removesuffix(b"\n")
    assert msgspec.json.encode(msgspec.json.decode(stored), order="sorted") == stored


@EVERY_KIND
def test_schema_is_the_one_of_this_version(name: str) -> None:
    # A shape that changes needs a new version, an upcast and a golden file of its own.
    assert golden_schema(name).read_bytes() == schema_text(name)


@EVERY_KIND
def test_refused_when_a_field_is_malformed(name: str) -> None:
    row = ROWS[name]
    assert row.malformed
    for field, value in row.malformed.items():
        with pytest.raises(StateMalformed):
            decode(name, altered(name, {field: value}))


@EVERY_KIND
def test_refused_with_an_unknown_or_a_missing_key(name: str) -> None:
    with pytest.raises(StateMalformed, match="canonical"):
        decode(name, altered(name, {"invented": 1}), strict=True)
    state = msgspec.json.decode(golden(name).read_bytes())
    del state["fact"][min(ROWS[name].malformed)]
    with pytest.raises(StateMalformed):
        decode(name, msgspec.json.encode(state, order="sorted"), strict=True)


def altered(name: str, fields: dict[str, object]) -> bytes:
    state = msgspec.json.decode(golden(name).read_bytes())
    return msgspec.json.encode(state | {"fact": state["fact"] | fields}, order="sorted")


class TestEnvelope:
    FULL = Meta(
        recorded_at=datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
        user="u1",
        command="c1",
        part=2,
        parts=3,
        caused_by=EntryRef("T/participant/S1", 4),
        corrects=3,
        reason=REASON,
        deviation="given minutes after the level closed",
        source=Source(system="EDC", record="AE/1015/1"),
    )

    def test_everything_in_it_comes_back(self) -> None:
        name, state = encode(ROWS["participant.relapsed.v1"].example, self.FULL)
        assert decode(name, state, strict=True)[1] == self.FULL

    def test_what_is_absent_is_not_stored(self) -> None:
        _, state = encode(ROWS["participant.relapsed.v1"].example, META)
        assert sorted(msgspec.json.decode(state)["meta"]) == ["command", "part", "parts", "recorded_at", "user"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("recorded_at", "2026-03-02T08:30:00"), ("recorded_at", None), ("user", 7), ("invented", 1), ("part", "1")],
    )
    def test_a_malformed_one_is_refused(self, field: str, value: object) -> None:
        name, state = encode(ROWS["participant.relapsed.v1"].example, META)
        wire = msgspec.json.decode(state)
        wire["meta"][field] = value
        with pytest.raises(StateMalformed):
            decode(name, msgspec.json.encode(wire))


class TestDosesInTheLog:
    """What a dose is divided by, and a body surface, are stored only where they are set."""

    def stored(self, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever an infusion has
        fact = Infused(level=1, started_at=ClinicalTime("2026-03-02"), **more)
        name, state = encode(fact, META)
        assert decode(name, state, strict=True) == (fact, META)
        written: dict[str, Any] = msgspec.json.decode(state)["fact"]
        return written

    def test_a_dose_in_all_has_no_division(self) -> None:
        written = self.stored(dose=Dose(amount=1, unit="mg"))
        assert written["dose"] == {"amount": "1", "unit": "mg"}
        assert sorted(written) == [
            "body_weight_kg",
            "dose",
            "ended_at",
            "fraction",
            "level",
            "lot",
            "route",
            "started_at",
        ]

    def test_one_by_the_body_has_it(self) -> None:
        written = self.stored(dose=Dose(amount=1, unit="10^6{cells}/kg"), bsa_m2=Decimal("1.73"))
        assert (written["dose"], written["bsa_m2"]) == ({"amount": "1", "per": "kg", "unit": "10*6{cells}"}, "1.73")

    @pytest.mark.parametrize("unit", ["mg", "mg/m2"])
    def test_the_levels_of_a_protocol_have_it_as_well(self, unit: str) -> None:
        doses = [Dose(amount=amount, unit=unit) for amount in (1, 2, 3)]
        fact = TrialRegistered(protocol=nct06245746(doses=doses))
        name, state = encode(fact, META)
        assert decode(name, state, strict=True) == (fact, META)
        levels = msgspec.json.decode(state)["fact"]["protocol"]["levels"]
        assert [level["dose"].get("per", "none") for level in levels] == ["none" if unit == "mg" else "m2"] * 3

    def test_no_kind_of_fact_stores_an_empty_one(self) -> None:
        with_doses = {name for name in NAMES.values() if b'"DosePer"' in schema_text(name)}
        left_out = {NAMES[kind] for kind, fields in _LEFT_OUT.items() if _PER in fields}
        assert with_doses == left_out

    @pytest.mark.parametrize("unit", ["cells", "10^6{cells}", "mg/kg"])
    def test_another_form_of_the_unit_is_not_canonical(self, unit: str) -> None:
        with pytest.raises(StateMalformed):
            decode(
                "participant.infused.v1",
                altered("participant.infused.v1", {"dose": {"amount": "1", "unit": unit}}),
                strict=True,
            )


class TestEarlierShapes:
    """Two kinds as the prototype wrote them; each is read in the present shape, and its bytes stay as they are."""

    def test_an_infusion_whose_amount_and_unit_stood_apart(self) -> None:
        stored = (GOLDEN / "v0" / "participant.infused.v0.json").read_bytes().removesuffix(b"\n")
        fact, meta = decode("participant.infused.v0", stored, strict=True)
        assert fact == ROWS["participant.infused.v1"].example
        assert meta == META

    def test_an_adverse_event_whose_relatedness_was_one_word(self) -> None:
        stored = (GOLDEN / "v0" / "participant.adverse-event-reported.v0.json").read_bytes().removesuffix(b"\n")
        fact, _ = decode("participant.adverse-event-reported.v0", stored, strict=True)
        assert fact == ROWS["participant.adverse-event-reported.v1"].example

    def test_a_malformed_one_is_refused(self) -> None:
        for state in (b"{}", b"[]", b'{"fact":{},"meta":{}}', b'{"fact":[],"meta":{}}'):
            with pytest.raises(StateMalformed):
                decode("participant.adverse-event-reported.v0", state)

    def test_strict_reading_holds_them_to_their_own_form(self) -> None:
        stored = (GOLDEN / "v0" / "participant.infused.v0.json").read_bytes()
        with pytest.raises(StateMalformed, match="canonical"):
            decode("participant.infused.v0", stored.replace(b":", b": ", 1), strict=True)


def test_no_golden_file_of_a_released_version_is_changed() -> None:
    """From the first tagged version on, a golden file is never edited: a new version adds a file."""
    root = Path(__file__).parents[2]
    tags = subprocess.run(["git", "tag", "--merged"], cwd=root, capture_output=True, check=False).stdout.split()
    for tag in tags:
        changed = subprocess.run(
            ["git", "diff", "--name-only", "--diff-filter=MDR", tag.decode(), "--", "tests/golden"],
            cwd=root,
            capture_output=True,
            check=True,
        )
        assert changed.stdout == b"", f"golden files differ from those of {tag.decode()}"


@pytest.mark.parametrize("kind", get_args(ParticipantFact), ids=lambda kind: kind.__name__)
def test_every_fact_of_a_participant_says_when_it_happened(kind: type[Any]) -> None:
    fields = {field.name: field for field in attrs.fields(kind)}
    times = [
        name for name, field in fields.items() if "ClinicalTime" in str(field.type) and "None" not in str(field.type)
    ]
    if kind is ParticipantEntryVoided:
        assert times == []
    else:
        example = SimpleNamespace(**{name: name for name in fields})
        assert getter_of(kind)(example) == times[0]


def test_a_fact_that_does_not_say_when_it_happened_is_refused() -> None:
    @attrs.frozen
    class Undated:
        somewhen: ClinicalTime

    with pytest.raises(TypeError, match="Undated needs one field named 'on'"):
        getter_of(Undated)


@EVERY_KIND
def test_every_reference_of_a_schema_is_in_it(name: str) -> None:
    text = schema_text(name).decode()
    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) <= msgspec.json.decode(text).get("$defs", {}).keys()


class TestUnreleasedProtocols:
    """A protocol of an unreleased version is refused: what it does not have would get a default that nobody chose."""

    @pytest.mark.parametrize("name", ["trial.registered.v1", "trial.protocol-amended.v1"])
    @pytest.mark.parametrize("parameter", sorted(field.name for field in attrs.fields(TrialProtocol)))
    def test_every_parameter_must_be_there(self, name: str, parameter: str) -> None:
        stored = msgspec.json.decode(golden(name).read_bytes())
        del stored["fact"]["protocol"][parameter]
        with pytest.raises(
            StateMalformed, match=r"cannot be read: (its protocol is not in canonical form|Object missing)"
        ):
            decode(name, msgspec.json.encode(stored, order="sorted"))

    def test_the_sentence_says_what_to_do(self) -> None:
        stored = msgspec.json.decode(golden("trial.registered.v1").read_bytes())
        for added in ("findings", "grading", "sites"):
            del stored["fact"]["protocol"][added]
        with pytest.raises(StateMalformed) as refused:
            decode("trial.registered.v1", msgspec.json.encode(stored, order="sorted"))
        assert str(refused.value) == (
            "an entry named 'trial.registered.v1' cannot be read: its protocol is not in canonical form with exactly "
            "the parameters of this version: an unreleased version of trialdomain wrote it (record the trial again), "
            "or it was altered (verify the log)"
        )
