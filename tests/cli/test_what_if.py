"""``what-if``: what people and programs read, and what is refused."""

from pathlib import Path

import attrs
import pytest
from cli_runs import answer, done, refused
from site_desk import OPEN, Site

from trialdomain import nct06245746
from trialdomain.exchange.toml import protocol_to_toml
from trialdomain.protocol.conduct_rules import EvaluableRule


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a log of 3 participants at level 1, S002 with a related event of grade 3 on day 5: 3+3 expands."""
    place = tmp_path_factory.mktemp("what-if")
    assert OPEN.dlt is not None
    rule = attrs.evolve(OPEN.dlt, min_grade=3)
    protocol = attrs.evolve(OPEN, dlt=rule, evaluable=EvaluableRule(requires_assessment=False))
    site = Site(protocol, address=str(place / "log.db"))
    site.treat("S001", "S002", "S003")
    site.on(5).toxicity("S002", grade=3)
    site.on(20).decide()
    site.trials.close()
    (place / "strict.toml").write_text(protocol_to_toml(attrs.evolve(protocol, dlt=attrs.evolve(rule, min_grade=4))))
    (place / "boin.toml").write_text('levels = 3\ndesign = {name = "boin", target = 0.3}\n')
    (place / "boin5.toml").write_text('levels = 5\ndesign = {name = "boin", target = 0.3}\n')
    return place


def words(text: str) -> str:
    return " ".join(text.split())


class TestForPeople:
    def test_parameters_participants_levels_decisions_and_endpoints(self, folder: Path) -> None:
        text = words(done(folder, "what-if", "log.db", "--set", "dlt.min_grade=4"))
        assert "dlt.min_grade 3 4" in text
        assert "S002 evaluable at level 1" in text
        assert "1 1 DLT in 3 evaluable 0 DLTs in 3 evaluable S002" in text
        assert "expand level 1 to 6 slots" in text
        assert "escalate to level 2 (level 1: 0/3)" in text
        assert "P2 S002 yes no 2026-03-07" in text
        parts = ("1 participant", "1 dose level", "1 of 1 decision", "2 summaries of endpoints")
        assert f"{', '.join(parts)} and 1 endpoint of a participant would differ." in text

    def test_a_protocol_file_and_a_setting_say_the_same(self, folder: Path) -> None:
        by_setting = done(folder, "what-if", "log.db", "--set", "dlt.min_grade=4")
        assert done(folder, "what-if", "log.db", "--protocol", "strict.toml") == by_setting

    def test_the_same_outcomes_under_boin(self, folder: Path) -> None:
        # 1 in 3: 3+3 expands level 1, and BOIN stays there (0.236 < 1/3 < 0.358): another design, the same answer.
        text = words(done(folder, "what-if", "log.db", "--design", "boin.toml"))
        assert "design.name three-plus-three boin" in text
        parts = ("0 participants", "0 dose levels", "0 of 1 decision", "0 summaries of endpoints")
        assert f"{', '.join(parts)} and 0 endpoints of participants would differ." in text

    def test_the_same_rules_differ_in_nothing(self, folder: Path) -> None:
        text = done(folder, "what-if", "log.db", "--set", "dlt.min_grade=3")
        assert text.endswith("The other protocol is the recorded one: nothing differs.\n")


class TestForPrograms:
    def test_everything_with_its_entries(self, folder: Path) -> None:
        found = answer(folder, "what-if", "log.db", "--set", "dlt.min_grade=4")
        [parameter] = found["parameters"]
        assert (parameter["parameter"], parameter["recorded"], parameter["what_if"]) == ("dlt.min_grade", 3, 4)
        [member] = found["participants"]
        assert (member["subject"], member["since"]["on"]) == ("S002", "2026-03-07")
        assert member["recorded"]["dlt"]["event"] == "AE1"
        assert member["what_if"]["dlt"] is None
        assert member["since"]["entry"] in member["entries"]
        [level] = found["levels"]
        assert (level["recorded"]["dlts"], level["what_if"]["dlts"]) == (1, 0)
        [decision] = found["decisions"]
        assert (decision["recorded"]["action"], decision["what_if"]["action"]) == ("expand", "escalate")
        assert decision["decided"]["action"] == "expand"
        assert decision["differs"] is True
        assert found["recommendation"]["what_if"]["level"] == 2

    def test_at_an_earlier_moment(self, folder: Path) -> None:
        found = answer(folder, "what-if", "log.db", "--set", "dlt.min_grade=4", "--known-at", "2026-03-06")
        assert (found["participants"], found["decisions"]) == ([], [])

    def test_nothing_is_written(self, folder: Path) -> None:
        before = (folder / "log.db").read_bytes()
        answer(folder, "what-if", "log.db", "--set", "dlt.min_grade=4")
        assert (folder / "log.db").read_bytes() == before
        assert not list(folder.glob("log.db-*"))


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("given", "why"),
        [
            ((), "what-if needs other rules: give --protocol FILE, --design FILE or --set NAME=VALUE"),
            (("--set", "dlt.min_grade"), "argument --set: 'dlt.min_grade' sets nothing"),
            (("--set", "dlt.min_grad=4"), "did you mean min_grade?"),
            (("--set", "levels[4].label=x"), "the list has the items [1] to [3]"),
            (("--design", "boin5.toml"), "boin5.toml is for 5 levels, and version registry of the protocol has 3"),
            (("--protocol", "none.toml"), "none.toml"),
            (("--set", "dlt=none"), "a design needs a dlt rule to count by"),
        ],
    )
    def test_in_one_sentence(self, folder: Path, given: tuple[str, ...], why: str) -> None:
        assert why in refused(folder, "what-if", "log.db", *given)

    def test_a_protocol_without_a_level_that_was_opened(self, folder: Path) -> None:
        other = nct06245746()
        levels = tuple(attrs.evolve(level, label=level.level + 10) for level in other.levels)
        (folder / "eleven.toml").write_text(protocol_to_toml(attrs.evolve(other, levels=levels)))
        assert "entries of level 1, and the other protocol has levels 11, 12, 13" in refused(
            folder, "what-if", "log.db", "--protocol", "eleven.toml"
        )
