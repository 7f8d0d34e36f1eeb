"""Simulated trials under other protocols than the preset: each ends, and is told again as a story."""

from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from site_desk import OPEN

from trialdomain import read_log, story_of
from trialdomain.events.participant import AdverseEventReported, Consented
from trialdomain.events.trial import MtdDeclared, MtdNotEstablished
from trialdomain.exchange.toml import read_protocol
from trialdomain.protocol.dlt_rule import CytopeniaRule, DltRule
from trialdomain.protocol.trial_protocol import TrialProtocol
from trialdomain.simulate.site import SimulationEndless, simulated_under
from trialdomain.simulate.trials import simulate
from trialdomain.values.clinical.toxicity import Relatedness

FILES = sorted((Path(__file__).parents[2] / "examples" / "protocols").glob("*.toml"))


def facts_under(protocol: TrialProtocol, tmp_path: Path, *, participants: int = 8) -> list[object]:
    simulate(tmp_path / "log.db", seed=2, participants=participants, protocol_of=simulated_under(protocol))
    with read_log(tmp_path / "log.db") as log:
        history = log[next(iter(log))].history()
        assert story_of(history).startswith("strict\n")
        return [entry.fact for entry in history.entries()]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_trial_under_each_example_ends(path: Path, tmp_path: Path) -> None:
    protocol = read_protocol(path)
    facts = facts_under(protocol, tmp_path)
    assert any(isinstance(fact, MtdDeclared | MtdNotEstablished) for fact in facts)
    sites = {fact.site for fact in facts if isinstance(fact, Consented)}
    named: set[str | None] = {site.id for site in protocol.sites}
    assert sites == (named or {None})


def test_an_event_that_is_meant_to_limit_the_dose_does(tmp_path: Path) -> None:
    rule = DltRule(min_grade=4, related=(Relatedness.DEFINITELY,))
    facts = facts_under(attrs.evolve(OPEN, dlt=rule), tmp_path, participants=12)
    meant = [fact for fact in facts if isinstance(fact, AdverseEventReported) and fact.event == "DLT"]
    assert meant
    assert all(fact.grade == 4 for fact in meant if fact.term != "Infusion related reaction")
    assert {one.relatedness for fact in meant for one in fact.attributions if one.agent.value == "infusion"} == {
        Relatedness.DEFINITELY
    }


def test_a_trial_that_cannot_end_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trialdomain.simulate.site._LONGEST", 120)
    protocol = attrs.evolve(OPEN, dlt=DltRule(cytopenia=CytopeniaRule(platelets_below=Decimal(999_999), beyond_day=90)))
    with pytest.raises(SimulationEndless, match=r"after 120 days the outcomes of S"):
        facts_under(protocol, tmp_path)
