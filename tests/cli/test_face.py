"""What somebody sees who comes for the first time: the demo, plain words, days, an audit, the bare package."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_runs import answer, done, refused, run
from made_once import SimulatedLog
from site_desk import Site, day

from trialdomain import nct06245746

ROOT = Path(__file__).parents[2]
LOG = "log.db"
MANY = "entries|rows|people|participants|failures|decisions|findings|notes|DLTs|days"
ONE = re.compile(rf"(?<![\d.,/%-])\b1 (?:\w+ )?(?:{MANY})\b")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial with one of everything: one participant, infused on day 0, with one DLT on day 3."""
    folder = tmp_path_factory.mktemp("one")
    site = Site(address=f"sqlite:///{folder / LOG}")
    site.treat("S001")
    site.on(3).toxicity("S001")
    site.trials.close()
    return folder


class TestTheDemo:
    def test_the_readme_begins_with_its_first_screen_of_at_most_30_lines(
        self, demonstrated: SimulatedLog, tmp_path: Path
    ) -> None:
        screen = run(tmp_path, "demo", columns=80, demonstrated=demonstrated).stdout
        shown = re.search(
            r"^```console\n\$ trialdomain demo\n(.*?)^```$", readme := read_me(), re.MULTILINE | re.DOTALL
        )
        assert shown is not None
        assert shown[1] == screen
        assert screen.count("\n") <= 30
        assert readme[: shown.start()].count("\n") < 15

    def test_it_draws_the_path_that_the_json_tells(
        self, simulated: Callable[[int], SimulatedLog], demonstrated: SimulatedLog, tmp_path: Path
    ) -> None:
        # By hand from the decisions of seed 25: 1 (three, one DLT), 1 (three more), 2 (three), 3 (four: one not
        # evaluable, two DLTs), 2 (three more); the MTD is level 2.
        screen = run(tmp_path, "demo", columns=80, demonstrated=demonstrated).stdout.splitlines()
        levels = [line.split()[2:] for line in screen if line.startswith("level ")]
        assert levels == [["-xox"], ["ooo", "ooo"], ["oxo", "ooo"]]
        counts = answer(simulated(25).path.parent, "replay", simulated(25).path)["dlt"]["levels"]
        assert [level["dlts"] for level in counts] == [1, 0, 2]
        assert any(line.startswith("MTD: level 2") for line in screen)


class TestPlainWords:
    def test_one_of_something_is_singular(self, one: Path) -> None:
        commands = (("replay", LOG), ("review", LOG), ("audit", LOG), ("history", LOG, "--entry", 1), ("verify", LOG))
        for command in commands:
            text = run(one, *command).stdout
            assert ONE.findall(text) == [], command
        assert "Participant flow: 1 person" in done(one, "replay", LOG)
        assert done(one, "history", LOG, "--entry", 1).endswith("\n1 entry\n")

    def test_nothing_that_matches_is_said_in_plain_words(self, one: Path) -> None:
        assert done(one, "history", LOG, "--field", "nosuch").endswith("No entries match what you asked for.\n")


def test_a_day_is_a_moment(one: Path) -> None:
    first, last = answer(one, "replay", LOG, "--known-at", day(0)), answer(one, "replay", LOG, "--known-at", day(3))
    assert first["known_at"] < last["known_at"] == answer(one, "replay", LOG)["known_at"]
    found = answer(one, "diff", LOG, day(0), day(3))
    assert (found["earlier"], found["later"]) == (first["known_at"], last["known_at"])
    assert "expected a position, a day such as" in refused(one, "diff", LOG, "2026-06-31")


class TestAudit:
    @pytest.fixture
    def untouched(self, tmp_path: Path) -> Path:
        """A log of the preset with its registration alone."""
        Site(nct06245746(), address=f"sqlite:///{tmp_path / LOG}").trials.close()
        return tmp_path

    def test_notes_alone_are_no_fault(self, untouched: Path) -> None:
        found = answer(untouched, "audit", LOG)
        assert {one["severity"] for one in found["findings"]} == {"note"}
        assert (found["ok"], found["defects"]) == (True, 0)
        assert run(untouched, "audit", LOG, "--severity", "note").returncode == 1
        assert run(untouched, "audit", LOG, "--severity", "minor").returncode == 0

    @pytest.mark.parametrize("more", [(), ("--decisions",), ("--only", "stagger")])
    def test_a_log_that_was_altered_is_never_ok(self, one: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
        exported = done(one, "export", LOG, "-")
        (tmp_path / "altered.jsonl").write_text(exported)
        intact = run(tmp_path, "audit", "altered.jsonl", *more, "--json")
        assert json.loads(intact.stdout)["defects"] == 0
        altered = alter(one, tmp_path)
        told = run(tmp_path, "audit", altered, *more, "--json")
        found = json.loads(told.stdout)
        defects = json.loads(run(tmp_path, "verify", altered, "--json").stdout)["total"]
        assert (told.returncode, found["ok"], found["defects"]) == (1, False, defects)
        assert defects >= 1
        people = run(tmp_path, "audit", altered, *more)
        assert people.returncode == 1
        assert "wrong with the log itself" in people.stdout
        assert "Nothing was found." not in people.stdout


def alter(one: Path, folder: Path) -> str:
    """Change a byte of an entry in a copy of the log, as somebody with a database tool would."""
    program = (
        "import shutil, sqlite3, sys; path = shutil.copy(sys.argv[1], 'altered.db'); c = sqlite3.connect(path); "
        "c.execute('DROP TRIGGER entries_no_update'); "
        "c.execute(\"UPDATE entries SET state = CAST(replace(CAST(state AS TEXT), 'Fever', 'Cough') AS BLOB)\"); "
        "c.commit()"
    )
    subprocess.run([sys.executable, "-c", program, str(one / LOG)], cwd=folder, check=True)
    return "altered.db"


class TestWithoutTheExtra:
    @pytest.mark.parametrize(
        "command",
        [f"replay {LOG}", f"review {LOG}", f"verify {LOG}", f"history {LOG}", "decide 1NNN --levels 3"],
    )
    def test_people_get_the_same_tables(self, one: Path, command: str) -> None:
        program = (
            "import sys; sys.modules['rich'] = None; "
            "from trialdomain.__main__ import main; sys.exit(main(sys.argv[1:]))"
        )
        bare = subprocess.run(
            [sys.executable, "-c", program, *command.split()],
            cwd=one,
            env=os.environ | {"COLUMNS": "80"},
            capture_output=True,
            check=False,
            text=True,
        )
        assert (bare.returncode, bare.stderr) == (0, "")
        assert bare.stdout == run(one, *command.split(), columns=80).stdout


def read_me() -> str:
    return (ROOT / "README.md").read_text()


class TestTheReadme:
    def test_its_programs_have_the_types_that_they_say(self, tmp_path: Path) -> None:
        programs = re.findall(r"^```python\n(.*?)^```$", read_me(), re.MULTILINE | re.DOTALL)
        files = [tmp_path / f"program{number}.py" for number in range(len(programs))]
        for file, program in zip(files, programs, strict=True):
            file.write_text(program)
        check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", *map(str, files)]
        checked = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False, text=True)
        assert checked.returncode == 0, checked.stdout
        assert len(files) >= 2


class TestTheLocks:
    @staticmethod
    def locked(name: str) -> dict[str, set[str]]:
        text = (ROOT / "requirements" / name).read_text()
        blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
        return {block.split()[0]: set(re.findall(r"sha256:[0-9a-f]{64}", block)) for block in blocks}

    def test_the_demo_has_the_same_packages_as_the_tests_and_none_of_their_tools(self) -> None:
        demo, dev = self.locked("demo.txt"), self.locked("dev.txt")
        assert demo.items() <= dev.items()
        assert all(demo.values())
        tools = {"pytest", "hypothesis", "mypy", "ruff", "import-linter", "pymerkle", "scipy", "numpy", "build"}
        assert {one.partition("==")[0] for one in demo} & tools == set()

    def test_no_lock_names_where_packages_come_from(self) -> None:
        for name in ("demo.txt", "dev.txt"):
            assert not re.search(
                r"https?:|file:|--(extra-)?index|--find-links", (ROOT / "requirements" / name).read_text()
            )
