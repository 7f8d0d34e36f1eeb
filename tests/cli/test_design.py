"""``design``, ``decide --design`` and ``simulate --design``: a design in a file, asked on paper and in a log."""

import json
from pathlib import Path

import pytest
from cli_runs import answer, done, refused, run, run_bytes

ROLLING_SIX = 'levels = 4\n[design]\nname = "rolling-six"\n'
BY_TABLE = """
levels = 3
[design]
name = "table"
target = 0.3
n_earlystop = 9
rows = [[3, 0, "escalate"], [3, 1, "stay"], [3, 2, "de-escalate"], [3, 3, "eliminate"]]
"""

INTERVAL = {
    "boin.toml": 'levels = 3\n[design]\nname = "boin"\ntarget = 0.3\nmax_n = 18\nextra_safety = true\n',
    "keyboard.toml": 'levels = 5\n[design]\nname = "keyboard"\ntarget = 0.2\n',
    "mtpi-2.toml": 'levels = 3\n[design]\nname = "mtpi-2"\ntarget = 0.3\nmax_n = 15\n',
    "i3+3.toml": 'levels = 3\n[design]\nname = "i3+3"\ntarget = 0.25\nmax_n = 18\nn_earlystop = 9\n',
}
VARIANT = 'levels = 3\n[design]\nname = "three-plus-three"\nstart_level = 2\nmost_dlts_in_six = 2\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in INTERVAL.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "variant.toml").write_text(VARIANT)
    (tmp_path / "r6.toml").write_text(ROLLING_SIX)
    (tmp_path / "table.toml").write_text(BY_TABLE)
    (tmp_path / "3+3.toml").write_text('levels = 3\ndesign = {name = "three-plus-three"}\n')
    return tmp_path


class TestTable:
    def test_a_table_comes_back_as_csv(self, folder: Path) -> None:
        done(folder, "design", "table", "table.toml", "--csv", "t.csv")
        text = (folder / "t.csv").read_text()
        assert text.splitlines() == ["n,dlt,decision", "3,0,escalate", "3,1,stay", "3,2,de-escalate", "3,3,eliminate"]
        (folder / "again.toml").write_text('levels = 3\n[design]\nname = "table"\nfile = "t.csv"\n')
        assert done(folder, "design", "table", "again.toml", "--csv", "-") == text

    def test_that_of_3_plus_3_is_the_published_one(self, folder: Path) -> None:
        # Storer 1989: 0 of 3 up, 1 of 3 three more, 2 close; with 6, at most 1 goes up.
        rows = answer(folder, "design", "table", "3+3.toml", "--max-n", 6)["rows"]
        found = {(row["n"], row["dlt"]): row["decision"] for row in rows}
        assert [found[3, dlt] for dlt in range(4)] == ["escalate", "stay", "eliminate", "eliminate"]
        assert [found[6, dlt] for dlt in range(3)] == ["escalate", "escalate", "eliminate"]

    def test_a_file_of_three_lines_has_the_table_of_an_interval_design(self, folder: Path) -> None:
        found = answer(folder, "design", "table", "keyboard.toml")
        rows = {(row["n"], row["dlt"]): row["decision"] for row in found["rows"]}
        assert len(rows) == sum(n + 1 for n in range(1, 61))
        assert rows[1, 1] == "eliminate"  # P(p > 0.2 | 1 of 1) = 0.96
        assert found["findings"] == []  # with cohorts of 3
        assert len(answer(folder, "design", "table", "keyboard.toml", "--max-n", 3)["rows"]) == 9

    def test_a_large_table_is_shown_by_its_bounds(self, folder: Path) -> None:
        lines = done(folder, "design", "table", "boin.toml").splitlines()
        # Printed by the software of BOIN for a target of 0.30, at 6 evaluable: 1, 3, 4.
        assert ["6", "1", "DLT", "3", "DLTs", "4", "DLTs"] in [line.split() for line in lines]
        assert ["1", "0", "DLTs", "1", "DLT", "never"] in [line.split() for line in lines]

    def test_a_first_dlt_that_ends_the_trial_is_a_finding(self, folder: Path) -> None:
        (folder / "one.toml").write_text(INTERVAL["keyboard.toml"] + "cohort_size = 1\n")
        (finding,) = answer(folder, "design", "table", "one.toml")["findings"]
        assert finding.startswith(
            "1 DLT in 1 evaluable eliminates a level: at level 1, a single DLT in the first cohort"
        )
        assert f"note: {finding}" in " ".join(done(folder, "design", "table", "one.toml").split())
        finished = run(folder, "design", "table", "one.toml", "--csv", "one.csv")
        assert (finished.returncode, finished.stderr) == (0, f"note: {finding}\n")

    def test_an_interval_design_is_its_own_table_too(self, folder: Path) -> None:
        done(folder, "design", "table", "mtpi-2.toml", "--csv", "own.csv")
        (folder / "own.toml").write_text('levels = 3\n[design]\nname = "table"\nfile = "own.csv"\nmax_n = 15\n')
        for outcomes in ("1NNN 2NNT", "1NNN 2NTT", "1TTT", "1NNN 2NNN 3NTT 2NNT", "1NNP"):
            one = answer(folder, "decide", outcomes, "--design", "mtpi-2.toml")
            other = answer(folder, "decide", outcomes, "--design", "own.toml")
            assert [one[name] for name in ("action", "level", "slots", "closed_levels")] == [
                other[name] for name in ("action", "level", "slots", "closed_levels")
            ]

    def test_people_get_a_grid(self, folder: Path) -> None:
        lines = done(folder, "design", "table", "table.toml").splitlines()
        assert lines[0] == "What the design table decides, by evaluable participants and DLTs at the level"
        assert lines[3].split() == ["3", "escalate", "stay", "de-escalate", "eliminate"]


class TestMtd:
    def test_the_level_nearest_to_the_target(self, folder: Path) -> None:
        # By hand: (0 + 0.05)/3.1 = 0.016129..., (1 + 0.05)/3.1 = 0.338709...; 0.34 is nearer to 0.30.
        found = answer(folder, "design", "mtd", "table.toml", "--tallies", "0/3 1/3 0/0")
        assert found == {"mtd": 2, "mtd_status": "established", "estimates": [0.016129032258, 0.338709677419, None]}

    def test_of_3_plus_3(self, folder: Path) -> None:
        assert done(folder, "design", "mtd", "3+3.toml", "--tallies", "0/3 1/6 2/3") == (
            "MTD: level 2; a level above it is closed\n"
        )

    def test_estimates_are_of_all_tried_levels(self, folder: Path) -> None:
        # By hand, with Beta(0.05, 0.05): 0.05/3.1, 3.05/3.1 (eliminated, and estimated all the same); untried: null.
        found = answer(folder, "design", "mtd", "i3+3.toml", "--tallies", "0/3 3/3 0/0")
        assert found == {"mtd": 1, "mtd_status": "established", "estimates": [0.016129032258, 0.983870967742, None]}
        safe = answer(folder, "design", "mtd", "boin.toml", "--tallies", "2/3 0/3 0/0")
        assert (safe["mtd"], safe["mtd_status"]) == (None, "none-tolerated")  # P(p > 0.3 | 2 of 3) = 0.916 > 0.90

    def test_counts_beyond_the_table(self, folder: Path) -> None:
        told = refused(folder, "design", "mtd", "mtpi-2.toml", "--tallies", "0/16 0/0 0/0")
        assert "level 1 has 16 participants" in told
        assert "the decision table ends at 15: give a larger max_n" in told

    @pytest.mark.parametrize(
        ("tallies", "sentence"),
        [
            ("3/1 0/3 0/0", "tally 1, '3/1': more DLTs than evaluable; the order is DLT/evaluable"),
            ("0/3 1/3", "2 tallies for 3 levels: give one for each level, 0/0 if no participant was treated"),
            ("0/3 x 0/0", "tally 2, 'x': expected DLT/evaluable, such as 1/6"),
        ],
    )
    def test_what_is_no_row_of_tallies(self, folder: Path, tallies: str, sentence: str) -> None:
        assert sentence in refused(folder, "design", "mtd", "table.toml", "--tallies", tallies)


LABELS = """
trial = "T1"
title = "a level -1"
version = "1"
levels = [
    {level = 1, label = -1, dose = {amount = 5, unit = "mg"}},
    {level = 2, label = 1, dose = {amount = 10, unit = "mg"}},
    {level = 3, label = 2, dose = {amount = 20, unit = "mg"}},
]
[design]
name = "three-plus-three"
start_level = 2
"""


class TestLabels:
    """A level has a place, from the lowest upwards, and a label: the second level here has the label 1, and 10 mg."""

    @pytest.fixture
    def folder(self, folder: Path) -> Path:
        (folder / "labels.toml").write_text(LABELS)
        return folder

    def test_tallies_are_of_places_and_the_answer_is_a_label(self, folder: Path) -> None:
        # 3+3: 0 of 6 below a level with 2 DLTs is the MTD (Storer 1989).
        mtd = ("design", "mtd", "labels.toml", "--tallies", "0/0 0/6 2/3")
        found = answer(folder, *mtd)
        assert (found["mtd"], found["estimates"][0]) == (1, None)
        assert [round(one, 3) for one in found["estimates"][1:]] == [0.008, 0.661]  # 0.05/6.1 and 2.05/3.1
        assert done(folder, *mtd) == "MTD: level 1 (10 mg); a level above it is closed\n"
        asked = answer(folder, "decide", "2NNNNNN 3TTN", "--design", "labels.toml")
        assert (asked["action"], asked["mtd"]) == ("stop", 1)

    def test_counts_beyond_the_table_name_the_label(self, folder: Path) -> None:
        text = LABELS.replace('name = "three-plus-three"', 'name = "boin"\ntarget = 0.3\nmax_n = 6')
        (folder / "interval.toml").write_text(text)
        told = refused(folder, "design", "mtd", "interval.toml", "--tallies", "0/7 0/0 0/0")
        assert "level -1 has 7 participants" in told

    def test_a_sequence_names_places(self, folder: Path) -> None:
        by_place = (
            "a group names a level by its place, from the lowest upwards: place 1 has the label -1, place 2 has the "
            "label 1, place 3 has the label 2"
        )
        told = refused(folder, "decide", "1NNN", "--design", "labels.toml")
        assert f"group 1, '1NNN': the design begins at level 2: begin there ({by_place})" in told
        assert "place 3 has the label 2" in refused(folder, "decide", "2N 4N", "--design", "labels.toml")

    def test_a_design_without_labels_is_told_nothing_of_them(self, folder: Path) -> None:
        told = refused(folder, "decide", "1NNN", "--design", "variant.toml")
        assert "the design begins at level 2: begin there" in told
        assert "label" not in told


class TestState:
    def test_a_state_of_rolling_six(self, folder: Path) -> None:
        state = ("design", "state", "r6.toml", "--enrolled", 6, "--dlt", 0, "--pending", 1)
        assert answer(folder, *state) == {"answer": "escalate"}
        assert done(folder, *state) == "escalate\n"

    def test_another_design_has_none(self, folder: Path) -> None:
        told = refused(folder, "design", "state", "3+3.toml", "--enrolled", 3, "--dlt", 0, "--pending", 0)
        assert "the design 3+3 has no table of states" in told

    def test_a_state_that_cannot_be(self, folder: Path) -> None:
        told = refused(folder, "design", "state", "r6.toml", "--enrolled", 2, "--dlt", 2, "--pending", 1)
        assert "2 enrolled cannot have 2 with DLT and 1 pending among them" in told


class TestDecide:
    def test_a_design_of_a_file_is_asked(self, folder: Path) -> None:
        assert answer(folder, "decide", "1NNNNNP", "--design", "r6.toml")["action"] == "escalate"
        assert answer(folder, "decide", "1NNNNNP", "--levels", 4)["action"] == "wait"  # of 3+3
        found = answer(folder, "decide", "1NTTT", "--design", "table.toml")
        assert (found["level"], found["mtd_status"], found["closed_levels"]) == (None, "none-tolerated", [1, 2, 3])

    def test_an_interval_design_of_a_file(self, folder: Path) -> None:
        found = answer(folder, "decide", "1NNN 2NNT", "--design", "keyboard.toml")
        # By hand: P(p in 0.15 to 0.25 | 1 of 3) is below P(p in 0.25 to 0.35 | 1 of 3), so the strongest key is above.
        assert (found["action"], found["level"], found["slots"], found["closed_levels"]) == ("de-escalate", 1, 6, [])
        assert found["because"]["code"] == "keyboard/de-escalate"
        stays = answer(folder, "decide", "1NNT", "--design", "boin.toml")
        assert (stays["action"], stays["level"], stays["slots"]) == ("expand", 1, 6)
        closed = answer(folder, "decide", "1NNN 2TTT", "--design", "i3+3.toml")
        assert (closed["action"], closed["level"], closed["closed_levels"]) == ("de-escalate", 1, [2, 3])
        stop = answer(folder, "decide", "1TTT", "--design", "i3+3.toml")
        assert (stop["action"], stop["level"], stop["closed_levels"]) == ("stop", None, [1, 2, 3])

    def test_counts_beyond_the_table(self, folder: Path) -> None:
        assert "ends at 60" in refused(folder, "decide", "1" + "N" * 61, "--design", "keyboard.toml")

    def test_a_variant_of_3_plus_3(self, folder: Path) -> None:
        assert answer(folder, "decide", "2NNT 2NNT", "--design", "variant.toml")["level"] == 3
        assert "the design begins at level 2" in refused(folder, "decide", "1NNN", "--design", "variant.toml")

    def test_one_sequence_a_line(self, folder: Path) -> None:
        finished = run_bytes(folder, "decide", "-", "--design", "r6.toml", stdin=b"1NNN\n1NNN 3N\n2NNN\n")
        first, second, third = (json.loads(line) for line in finished.stdout.splitlines())
        assert (finished.returncode, first["action"]) == (2, "escalate")
        assert "level 3 is more than one above level 1" in second["error"]
        assert "the design begins at level 1" in third["error"]

    def test_levels_are_of_the_file(self, folder: Path) -> None:
        assert "not allowed with argument" in refused(folder, "decide", "1N", "--design", "r6.toml", "--levels", 2)

    def test_a_whole_protocol_will_do(self, folder: Path) -> None:
        (folder / "protocol.toml").write_text(
            'trial = "T1"\ntitle = "T"\nversion = "1"\nlevels = [{level = 1}, {level = 2}]\n'
            '[design]\nname = "rolling-six"\nstart_level = 2\n'
        )
        assert answer(folder, "decide", "", "--design", "protocol.toml")["level"] == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'levels = 3\n[design]\nname = "crm"\n',
            "design.name: is 'crm': name one of three-plus-three, ",
        ),
        (
            'levels = 3\n[design]\nname = "boin"\ntarget = 30\n',
            "design: design.target must be between 0 and 1 with at most 15 digits, got 30",
        ),
        ('levels = 3\n[design]\nname = "boin"\n', "design.target: is missing"),
        ('levels = 3\n[design]\nname = "boin"\ntarget = 0.3\nsaf = 1.6\n', "design.saf must be between 0 and 1"),
        ('levels = 2\n[design]\nname = "i3+3"\ntarget = 0.3\nstart_level = 3\n', "start_level is 3, and there are 2"),
        (
            'levels = 2\n[design]\nname = "i3+3"\ntarget = 0.3\nmargin_low = 0.1\n',
            "design.margin_low: there is no such",
        ),
        ("levels = 3\n", "design: expected a table [design] with a name"),
        ('levels = 3\nseed = 1\n[design]\nname = "rolling-six"\n', "seed: there is no such parameter beside levels"),
        ('levels = 0\n[design]\nname = "rolling-six"\n', "levels: expected a whole number from 1 to 20"),
        ('levels = 2\n[design]\nname = "rolling-six"\nstart_level = 3\n', "start_level is 3, and there are 2 levels"),
        ('levels = 2\n[design]\nname = "rolling-six"\nsize = 3\n', "design.size: there is no such parameter"),
        ('levels = 2\n[design]\nname = "table"\nfile = "no.csv"\n', "design.file: "),
        ('levels = 2\n[design]\nname = "table"\nfile = 3\n', "design.file: expected the name of a CSV file"),
        ('levels = 2\n[design]\nname = "table"\nrows = [[3, 0]]\n', "rows[1]: expected [evaluable, DLTs, decision]"),
        (
            'levels = 2\n[design]\nname = "table"\nrows = [[3, 0, "up"]]\n',
            "rows[1].decision must be one of escalate, stay, de-escalate, eliminate, got the text 'up'",
        ),
        (
            'levels = 2\n[design]\nname = "table"\nrows = [[3, 0, "stay"]]\n',
            "has no row for 1, 2, 3 DLT in 3",
        ),
        (
            'trial = "T1"\ntitle = "T"\nversion = "1"\ndesign = "none"\nlevels = [{level = 1}]\n',
            "design: the protocol has none",
        ),
    ],
)
def test_a_file_that_is_no_design_is_refused_in_a_sentence(folder: Path, text: str, fault: str) -> None:
    (folder / "wrong.toml").write_text(text)
    assert fault in refused(folder, "design", "table", "wrong.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("n,dlt\n3,0\n", "line 1 of the decision table: expected the header n,dlt,decision, got 'n,dlt'"),
        ("n,dlt,decision\n3,0,escalate\n3,x,stay\n", "line 3 of the decision table: expected two whole numbers"),
        ("n,dlt,decision\r3,0,up\r", "line 2 of the decision table: expected two whole numbers"),
        (f"n,dlt,decision\n{'9' * 5_000},0,stay\n", "line 2 of the decision table: expected two whole numbers"),
        (f"n,dlt,decision\n3,0,{'x' * 140_000}\n", "of the decision table: field larger than field limit"),
        ("n,dlt,decision\n99,0,stay\n", "has 99 evaluable, and a table has at most 60 at a level"),
        ("n,dlt,decision\n3,0,up\n", "one of escalate, stay, de-escalate, eliminate, got '3,0,up'"),
    ],
)
def test_a_csv_that_is_no_table_is_refused_in_a_sentence(folder: Path, text: str, fault: str) -> None:
    (folder / "t.csv").write_text(text)
    (folder / "wrong.toml").write_text('levels = 3\n[design]\nname = "table"\nfile = "t.csv"\n')
    assert fault in refused(folder, "design", "table", "wrong.toml")


_KNOWN_AS = {
    "r6.toml": "rolling-six",
    "table.toml": "table",
    "boin.toml": "boin",
    "mtpi-2.toml": "mtpi-2",
    "i3+3.toml": "i3+3",
    "variant.toml": "3+3",
}


@pytest.mark.parametrize("file", _KNOWN_AS)
def test_a_simulated_trial_under_a_design_keeps_every_rule(folder: Path, file: str) -> None:
    done(folder, "simulate", "log.db", "--design", file, "--seed", 3, "--participants", 9)
    decisions = answer(folder, "audit", "log.db", "--decisions")
    assert decisions["decisions"]
    assert decisions["ok"]
    found = json.loads(run(folder, "audit", "log.db", "--json").stdout)["findings"]  # minor ones end with status 1
    usual = {"silence", "recruitment", "late-entry", "window", "clock", "unchecked-term"}
    assert {one["check"] for one in found} <= usual
    assert {one["basis"]["design"] for one in decisions["decisions"]} == {f"{_KNOWN_AS[file]}/1"}
    assert run(folder, "verify", "log.db").returncode == 0


def test_a_simulation_asks_for_a_limit(folder: Path) -> None:
    told = refused(folder, "simulate", "log.db", "--design", "keyboard.toml")
    assert "a simulated trial might not end: the design keyboard has no limit: give max_n in [design]" in told
    assert not (folder / "log.db").exists()


def test_in_bulk_nothing_is_decided(folder: Path) -> None:
    assert "trials in bulk have no decisions" in refused(folder, "simulate", "log.db", "--bulk", "--design", "r6.toml")
