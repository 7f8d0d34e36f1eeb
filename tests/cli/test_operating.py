"""``paths`` and ``characteristics``: a design examined on the command line."""

import csv
from io import StringIO
from pathlib import Path

import pytest
from cli_runs import answer, done, refused

BOIN = 'levels = 3\n[design]\nname = "boin"\ntarget = 0.3\nmax_n = 12\n'
UNLIMITED = 'levels = 3\n[design]\nname = "boin"\ntarget = 0.3\n'
FROM_2 = 'levels = 2\n[design]\nname = "three-plus-three"\nstart_level = 2\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"boin": BOIN, "unlimited": UNLIMITED, "from-2": FROM_2}.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


class TestPaths:
    def test_the_paths_of_3_levels(self, folder: Path) -> None:
        found = answer(folder, "paths", "--levels", 3)
        assert (found["levels"], found["paths"], list(found["endings"])) == (3, 154, ["none", "1", "2", "3"])
        assert found["endings"]["none"] == {"paths": 43, "smallest": 3, "largest": 18}

    def test_the_tree_is_printed_and_shortened(self, folder: Path) -> None:
        lines = done(folder, "paths", "--levels", 3).splitlines()
        assert "  level 2: 0/3" in lines
        assert lines[-1] == "These are the first 60 lines: --all shows every line, --csv writes a row for each path"
        assert len(done(folder, "paths", "--levels", 3, "--all").splitlines()) > 154

    def test_a_row_for_each_path(self, folder: Path) -> None:
        rows = list(csv.DictReader(StringIO(done(folder, "paths", "--levels", 2, "--csv", "-"))))
        assert len(rows) == 46
        assert rows[0] == {
            "path": "1",
            "outcomes": "1NNN 2NNN 2NNN",
            "cohorts": "3",
            "participants": "9",
            "dlts": "0",
            "ending": "mtd",
            "level": "2",
        }

    def test_files_are_written_beside_the_answer(self, folder: Path) -> None:
        text = done(folder, "paths", "--levels", 2, "--csv", "p.csv", "--picture", "p.svg")
        assert text.splitlines()[-2:] == ["written: p.csv", "written: p.svg"]
        assert (folder / "p.svg").read_text().startswith("<svg ")
        assert len((folder / "p.csv").read_text().splitlines()) == 47
        assert "p.csv exists already" in refused(folder, "paths", "--levels", 2, "--csv", "p.csv")

    def test_one_answer_at_most_goes_to_standard_output(self, folder: Path) -> None:
        told = refused(folder, "paths", "--levels", 2, "--csv", "-", "--json")
        assert "only one answer can go to standard output" in told

    def test_the_engine_is_compared_with_the_rule(self, folder: Path) -> None:
        found = answer(folder, "paths", "--design", "from-2.toml", "--replay", "--desk", 2)
        assert found["replay"] == {"trials": found["paths"], "agree": True, "differing": []}
        assert found["desk"] == {"trials": 2, "agree": True, "differing": []}

    def test_a_design_without_a_limit_is_refused(self, folder: Path) -> None:
        told = refused(folder, "paths", "--design", "unlimited.toml")
        assert "the design boin has no limit: give max_n in [design]" in told

    def test_levels_or_a_design(self, folder: Path) -> None:
        assert "one of the arguments --levels --design is required" in refused(folder, "paths")
        assert "not allowed with" in refused(folder, "paths", "--levels", 3, "--design", "boin.toml")


class TestCharacteristics:
    def test_3_plus_3(self, folder: Path) -> None:
        # The case "two doses 10/30%".
        found = answer(folder, "characteristics", "--true", "0.1,3/10")
        assert found["p_select"] == pytest.approx({"none": 0.1056883879, "1": 0.5135712964, "2": 0.3807403157})
        assert found["expected_n_per_dose"] == pytest.approx([4.997077275, 4.849698744])
        assert (found["n_paths"], found["true_p_exact"]) == (46, ["1/10", "3/10"])
        closing = found["closing_a_dose_at_its_second_dlt"]
        assert [closing["expected_n"], closing["expected_dlt"]] == pytest.approx([9.328868337, 1.8161844309])

    def test_one_at_a_time_with_replacements_and_a_limit(self, folder: Path) -> None:
        # The data of three_plus_three_one_at_a_time, the case with replacements.
        options = ("--not-evaluable", "1/5", "--cap", 30, "--sequential")
        found = answer(folder, "characteristics", "--true", "1/10,1/5,2/5", *options)
        assert found["p_select"] == pytest.approx(
            {
                "none": 0.100633950866,
                "1": 0.294240404453,
                "2": 0.455257197646,
                "3": 0.149761629551,
                "not_established": 0.000106817484,
            },
            abs=1e-9,
        )
        sizes = [found[name] for name in ("expected_infused", "expected_evaluable", "expected_dlt")]
        assert sizes == pytest.approx([14.647266480236, 11.717813184189, 2.458513809696])
        assert found["closing_a_dose_at_its_second_dlt"] is None

    def test_boin(self, folder: Path) -> None:
        # The data of boin_characteristics, 4 cohorts of 3.
        found = answer(folder, "characteristics", "--true", "0.05,0.15,0.3", "--design", "boin.toml")
        expected = {"none": 0.000210766451, "1": 0.027923145372, "2": 0.375235638265, "3": 0.596630449912}
        assert found["p_select"] == pytest.approx(expected, abs=1e-9)
        assert found["n_distribution"]["12"] == pytest.approx(0.999789381547)

    def test_simulated_trials_stand_beside(self, folder: Path) -> None:
        found = answer(folder, "characteristics", "--true", "0.1,0.3", "--simulate", 50, "--seed", 3)
        drawn = found["simulated"]
        assert (drawn["trials"], drawn["seed"]) == (50, 3)
        assert drawn["desk"] == {"trials": 5, "agree": True, "differing": []}
        assert drawn["p_select"]["1"]["standard_error"] > 0
        assert (
            drawn == answer(folder, "characteristics", "--true", "0.1,0.3", "--simulate", 50, "--seed", 3)["simulated"]
        )

    def test_for_people(self, folder: Path) -> None:
        text = done(
            folder, "characteristics", "--true", "0.1,0.3", "--not-evaluable", "0.1", "--sequential", "--simulate", 2
        )
        assert "none tolerated: probability 0.105688" in text
        assert "of them evaluable: 9.328868" in text  # as with nobody to replace, above
        assert "2 trials recorded through the desk: the answer of the engine is that of the rule" in text

    def test_a_number_of_participants_without_an_upper_limit_is_cut_off_and_says_so(self, folder: Path) -> None:
        text = done(folder, "characteristics", "--true", "0.1,0.3", "--not-evaluable", "0.9")
        assert "more than 200 infused: probability" in text

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (("--true", "0.1,1.2"), "the true rate of level 2 must be from 0 to 1"),
            (("--true", ""), "the true rate of level 1 must be from 0 to 1"),
            (("--true", "0.1", "--not-evaluable", "x"), "not_evaluable must be from 0 to 1"),
            (("--true", "0.1", "--not-evaluable", "1"), "no trial ends: give a cap as well"),
            (("--true", "0.1", "--cap", 0), "expected a whole number from 1 to 999"),
            (("--true", "0.1,0.2", "--design", "boin.toml"), "--true has 2 rates for 3 levels"),
            (("--true", "0.1,0.2,0.3", "--design", "unlimited.toml"), "give max_n in [design]"),
            (("--true", ",".join(["0.1"] * 21)), "expected a number from 1 to 20, got 21"),
            ((), "the following arguments are required: --true"),
        ],
    )
    def test_refusals(self, folder: Path, options: tuple[object, ...], told: str) -> None:
        assert told in refused(folder, "characteristics", *options)


def test_a_whole_protocol_is_taken(folder: Path) -> None:
    protocol = Path(__file__).parents[2] / "examples" / "protocols"
    found = answer(folder, "paths", "--design", protocol / "level-minus-one.toml")
    assert "-1" in found["endings"]
