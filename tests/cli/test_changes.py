"""``diff`` and ``history --changed``: what changed, before everything else that was recorded."""

from pathlib import Path

import attrs
import pytest
from cli_runs import answer, done
from site_desk import REASON, RELATED, Site, day, judged

from trialdomain import Relatedness


@attrs.frozen
class Changed:
    """A log of three participants at level 1, in which a relatedness was corrected and a temperature voided."""

    folder: Path
    before: int
    """The position before the correction: 0 DLTs in 3 evaluable, so 3+3 escalates."""
    corrected: int
    voided: int


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    folder = tmp_path_factory.mktemp("changes")
    site = Site(address=str(folder / "log.db"))
    site.treat("S001", "S002", "S003")
    event = site.on(5).toxicity("S001", attributions=judged(Relatedness.UNRELATED))
    site.on(16).assess("S001", "S002", "S003")
    before = site.trial.history().position
    site.on(17)
    correction = site.desk.correct(event, attributions=RELATED, reason=REASON)[0]
    [fever] = site.desk.record_vital_signs("S002", [site.temperature("38.1", day(16))])
    void = site.desk.void(fever, reason="the temperature of another participant")[0]
    site.trials.close()
    return Changed(folder, before, correction.position, void.position)


class TestDiff:
    def test_recommendations_stand_first_then_values_then_a_line_for_each_entry(self, changed: Changed) -> None:
        # 1 DLT in 3 evaluable: 3+3 expands level 1 (Storer 1989).
        text = done(changed.folder, "diff", "log.db", changed.before)
        recommended, rest = text.split("Derived values that changed\n")
        values, entries = rest.split("were recorded\n")
        assert recommended.splitlines()[1] == "Recommendations that changed"
        assert any(line.split() == ["escalation.action", "escalate", "expand"] for line in recommended.splitlines())
        assert any(line.split() == ["escalation.slots", "3", "6"] for line in recommended.splitlines())
        assert any(line.split() == ["dlt.levels[1].dlts", "0", "1"] for line in values.splitlines())
        assert "escalation.action" not in values
        found = answer(changed.folder, "diff", "log.db", changed.before)
        shown = [line.split()[0] for line in entries.splitlines() if line[:8].strip().isdecimal()]
        assert shown == [str(entry["position"]) for entry in found["entries"]]
        assert text.splitlines()[-1] == f"{len(shown)} entries, {len(found['changed'])} derived values."

    def test_a_line_says_which_field_of_an_entry_was_corrected(self, changed: Changed) -> None:
        text = " ".join(done(changed.folder, "diff", "log.db", changed.before).split())
        assert "corrects position 23: attributions[1].relatedness" in text
        assert "unrelated to possibly" in text

    def test_fields_are_shown_where_they_are_asked_for(self, changed: Changed) -> None:
        text = done(changed.folder, "diff", "log.db", changed.before, "--fields")
        assert "relatedness*" in text
        assert "relatedness*" not in done(changed.folder, "diff", "log.db", changed.before)

    def test_the_json_is_the_same_with_and_without_fields(self, changed: Changed) -> None:
        asked = ("diff", "log.db", changed.before)
        assert answer(changed.folder, *asked, "--fields") == answer(changed.folder, *asked)


class TestHistory:
    def test_corrections_and_voids_alone(self, changed: Changed) -> None:
        found = answer(changed.folder, "history", "log.db", "--changed")["entries"]
        by_act = {entry["position"]: entry["act"] for entry in found}
        assert by_act == {changed.corrected: "corrected", changed.voided: "voided"}

    def test_of_one_participant(self, changed: Changed) -> None:
        found = answer(changed.folder, "history", "log.db", "S002", "--changed")["entries"]
        assert [entry["position"] for entry in found] == [changed.voided]
        assert "No entries match" in done(changed.folder, "history", "log.db", "S003", "--changed")

    def test_with_another_condition_both_hold(self, changed: Changed) -> None:
        found = answer(changed.folder, "history", "log.db", "--changed", "--why", "another participant")["entries"]
        assert [entry["position"] for entry in found] == [changed.voided]
