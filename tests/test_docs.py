"""Everything that README and docs show is executed, and prints what they say."""

import ast
import doctest
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from enum import Enum
from fnmatch import fnmatchcase
from operator import attrgetter
from pathlib import Path
from types import ModuleType

import attrs
import audit_trail_page
import criteria_page
import errors_page
import findings_page
import history_page
import names_page
import protocol_page
import pytest
import stories_page
import views_page
from endpoint_pages import BY_HAND, CODES, path_of
from endpoint_pages import page as endpoint_page
from error_examples import RETIRED
from event_catalogue import PAGE
from event_catalogue import page as event_page
from made_once import Shelf, SimulatedLog, first_command, in_shell

import trialdomain
from trialdomain import CHECKS, DoseLevel, History, Limits, TrialProtocol, nct06245746
from trialdomain.exchange.toml import protocol_from_toml

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def line_of(page: Path, found: re.Match[str]) -> int:
    return page.read_text()[: found.start()].count("\n") + 1


FOLLOWED = ROOT / "docs" / "how-to" / "write-your-own-protocol.md"
"""A page whose blocks build on one another: a test follows it as a whole."""
TUTORIAL_OF_TESTS = ROOT / "docs" / "test-your-protocol.md"
"""As above; the first line of a file in it is a comment with its name."""
STORIES = ROOT / "docs" / "reference" / "stories.md"
"""As above: its story is a file that its command checks."""


def blocks(language: str) -> list[object]:
    """Give the blocks in a language that stand by themselves."""
    return [
        pytest.param(
            found["text"], id=f"{page.relative_to(ROOT)}:{page.read_text()[: found.start()].count(chr(10)) + 1}"
        )
        for page in PAGES
        if page not in {FOLLOWED, STORIES, TUTORIAL_OF_TESTS}
        for found in BLOCK.finditer(page.read_text())
        if found["language"] == language
    ]


@pytest.mark.parametrize("text", blocks("python"))
def test_python_runs(text: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", text], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("page", [page for page in PAGES if "```pycon" in page.read_text()], ids=lambda page: page.name)
def test_sessions_print_what_is_shown(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\n".join(found["text"] for found in BLOCK.finditer(page.read_text()) if found["language"] == "pycon")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    told: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    runner.run(test, out=told.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(told)
    assert runner.tries > 0


@pytest.mark.parametrize("code", CODES)
def test_the_page_of_an_endpoint_is_what_the_code_says_and_has_an_example(code: str) -> None:
    text = path_of(code).read_text()
    assert text == endpoint_page(code), "run 'make docs'"
    assert "```pycon" in text.partition(BY_HAND)[2]


def test_the_event_catalogue_is_what_the_code_says() -> None:
    assert PAGE.read_text() == event_page(), "run 'make docs'"


def test_every_requirement_and_attack_is_shown_by_a_test_and_the_page_says_which() -> None:
    known = audit_trail_page.REQUIREMENTS.keys() | audit_trail_page.ATTACKS.keys()
    assert audit_trail_page.shown().keys() == known - audit_trail_page.NOT_YET
    assert audit_trail_page.PAGE.read_text() == audit_trail_page.page(), "run 'make docs'"


def test_every_check_of_the_audit_is_listed() -> None:
    assert findings_page.PAGE.read_text() == findings_page.page(), "run 'make docs'"


@pytest.mark.parametrize(
    "page",
    [criteria_page, errors_page, history_page, names_page, protocol_page, stories_page, views_page],
    ids=lambda page: str(page.__name__),
)
def test_a_page_that_is_written_from_the_code_is_what_the_code_says(page: ModuleType) -> None:
    assert page.PAGE.read_text("utf-8") == page.page(), "run 'make docs'"


def test_every_public_name_is_listed_with_what_it_is() -> None:
    rows = [line for line in names_page.page().splitlines() if line.startswith("| `")]
    named = {row.split("`")[1]: row.split("|")[2].strip() for row in rows}
    assert named.keys() == set(trialdomain.__all__)
    assert [name for name, told in named.items() if not told] == []


def test_every_error_is_listed_by_its_code() -> None:
    codes = (ROOT / "tests" / "error_codes.txt").read_text("utf-8").split()
    rows = errors_page.page().partition("## By code")[2].splitlines()
    assert sorted(row.split("`")[1] for row in rows if row.startswith("| `")) == sorted(set(codes) - RETIRED)


def test_every_member_of_a_history_and_every_code_is_explained_and_used_in_an_example() -> None:
    text = (ROOT / "docs" / "reference" / "history.md").read_text("utf-8")
    assert history_page.members() == sorted(name for name in dir(History) if not name.startswith("_"))
    assert history_page.because_codes() <= history_page.explained()
    example = next(found["text"] for found in BLOCK.finditer(text) if found["language"] == "python")
    for name in ("answers", "casebook", "diff", "entries", "entries_of", "flow", "streams", "zone"):
        assert f".{name}" in example


def test_every_criterion_and_every_finding_that_one_reads_is_listed() -> None:
    page = criteria_page.page()
    criteria = nct06245746().criteria
    assert (len(criteria), len(criteria_page.finding_names())) == (40, 32)
    assert all(f"| `{one.id}` |" in page for one in criteria)
    assert all(f"| `{name}` |" in page for name in criteria_page.finding_names())


def test_the_files_of_protocols_that_are_shown_are_protocols() -> None:
    text = protocol_page.page()
    [changes, preset] = (found["text"] for found in BLOCK.finditer(text) if found["language"] == "toml")
    shown, whole = protocol_from_toml(preset), nct06245746()
    endpoints = attrs.evolve(whole.endpoints, derived=whole.endpoints.derived[:2])
    assert attrs.evolve(shown, criteria=(), roles=()) == attrs.evolve(whole, criteria=(), roles=(), endpoints=endpoints)
    changed = protocol_from_toml(f'trial = "T"\ntitle = "t"\nversion = "1"\nlevels = [{{level = 1}}]\n{changes}')
    standard = [one.id for one in whole.endpoints.derived if one.id != "S5"]
    assert [one.id for one in changed.endpoints.derived] == [*standard, "S9-20", "N1"]
    assert all(f"| `{field.name}` |" in text for field in attrs.fields(TrialProtocol))


def shown_default(value: object) -> str:
    """Write a default as a table of parameters does."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case tuple():
            return ", ".join(map(shown_default, value)) or "empty"
        case _:
            return str(value)


def test_the_defaults_on_the_page_of_conduct_are_those_of_a_new_protocol() -> None:
    new = TrialProtocol(trial="T1", title="An example", version="1", levels=(DoseLevel(level=1),))
    text = (ROOT / "docs" / "explanation" / "conduct.md").read_text("utf-8").partition("\n## The protocol\n")[2]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    assert rows
    for names, default, *_ in rows:
        found = [attrgetter(name)(new) for name in re.findall(r"`([\w.]+)`", names)]
        shown = ", ".join(shown_default(value) if value != () else "empty" for value in found)
        expected = shown.replace("empty", "none") if "none" in default else shown
        assert default == expected or default.startswith("["), names


def test_a_default_of_the_catalogue_is_what_a_file_of_a_protocol_would_have() -> None:
    assert re.findall(r"\| `[^`|]*\b[A-Z]\w+\.[A-Z_]+\b[^`|]*` \|", event_page()) == []
    assert '`["possibly", "likely", "definitely"]`' in event_page()


def test_every_limit_of_a_finding_is_listed_with_the_check_that_it_is_of() -> None:
    text = findings_page.page()
    for field in attrs.fields(Limits):
        assert f"| `{field.name}` | {field.default} | `" in text
    of = re.findall(r"\| `\w+` \| \d+ \| `([a-z-]+)`", text)
    assert set(of) <= {check.id for check in CHECKS}


def test_every_fault_that_was_found_names_a_test_that_there_is() -> None:
    tests: dict[str, set[str]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                tests.setdefault(node.name, set()).add(path.relative_to(ROOT).as_posix())
    lines = (ROOT / "docs" / "regressions.md").read_text("utf-8").splitlines()
    for row in [line for line in lines if line.startswith("| ")][1:]:
        held = row.rstrip(" |").rpartition(" | ")[2]
        files = re.findall(r"`(tests/[\w/]+\.py)`", held) or ["tests/desk/test_regressions.py"]
        assert all((ROOT / file).exists() for file in files), row
        for name in re.findall(r"`((?:test_|Test)\w+)`", held):
            assert tests.get(name, set()) & set(files), f"{name} stands in {tests.get(name)}: {row}"


def test_nothing_that_is_printed_points_to_a_page_that_a_wheel_has_not() -> None:
    written = ROOT / "src" / "trialdomain" / "cli" / "starter" / "__init__.py"  # it names a page that it writes
    for path in set((ROOT / "src").rglob("*.py")) - {written}:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            for part in [] if docstring else ast.iter_child_nodes(node):
                told = part.value if isinstance(part, ast.Constant) else None
                assert not (isinstance(told, str) and ".md" in told), f"{path.name}: {told}"


def prints(done: subprocess.CompletedProcess[bytes], shown: str) -> None:
    """Hold that a command printed what is shown, where "..." stands for anything."""
    printed = done.stdout.decode() + done.stderr.decode()
    pattern = re.sub(r"[][*?]", lambda special: f"[{special[0]}]", shown).replace("...", "*")
    assert fnmatchcase(" ".join(printed.split()), " ".join(pattern.split())), printed


def test_a_protocol_is_written_from_an_empty_file_to_a_first_cohort(tmp_path: Path) -> None:
    followed = []
    for found in BLOCK.finditer(FOLLOWED.read_text("utf-8")):
        followed.append(found["language"])
        match found["language"]:
            case "toml":
                with (tmp_path / "own.toml").open("a", encoding="utf-8") as file:
                    file.write(f"{found['text']}\n")
            case "console":
                for session in re.split(r"^\$ ", found["text"], flags=re.MULTILINE)[1:]:
                    command, _, shown = session.partition("\n")
                    prints(in_shell(tmp_path, command), shown)
            case "python":
                run = [sys.executable, "-W", "error", "-c", found["text"]]
                done = subprocess.run(run, cwd=tmp_path, capture_output=True, check=False, text=True)
                assert (done.returncode, done.stdout) == (0, "3 evaluable, 0 DLTs\nescalate B\n"), done.stderr
            case other:
                pytest.fail(f"nobody can follow a block of {other}")
    assert {"toml", "console", "python"} == set(followed)
    assert followed[-1] == "console"


def test_a_protocol_is_tested_from_an_empty_folder_to_a_property(tmp_path: Path) -> None:
    followed = []
    for found in BLOCK.finditer(TUTORIAL_OF_TESTS.read_text("utf-8")):
        followed.append(found["language"])
        if found["language"] == "console":
            for session in re.split(r"^\$ ", found["text"], flags=re.MULTILINE)[1:]:
                command, _, shown = session.partition("\n")
                prints(in_shell(tmp_path, command), shown)
        else:
            name = found["text"].partition("\n")[0].removeprefix("# ")
            (tmp_path / name).write_text(found["text"], encoding="utf-8")
    assert {"story", "python", "console"} == set(followed)
    assert followed[-1] == "console"


def test_the_property_test_of_15_lines_is_one_that_passes() -> None:
    page = ROOT / "docs" / "how-to" / "property-tests.md"
    text = next(found["text"] for found in BLOCK.finditer(page.read_text("utf-8")) if found["language"] == "python")
    assert len(text.splitlines()) <= 15
    program: dict[str, Callable[[], None]] = {}
    exec(text, program)  # noqa: S102 - it is the page
    program["test_every_trial_keeps_the_rules"]()


def test_the_trial_that_a_property_test_found_is_the_one_that_is_shown() -> None:
    text = (ROOT / "docs" / "how-to" / "property-tests.md").read_text("utf-8")
    [found] = (block["text"] for block in BLOCK.finditer(text) if block["language"] == "text")
    shown = [line.removeprefix("E").strip() for line in found.splitlines()[2:-1]]
    [session] = re.findall(r">>> print\(trial\)\n(.*?)\n>>>", text, re.DOTALL)
    assert [line.strip() for line in session.splitlines()[1:]] == [line.rstrip(",") for line in shown]


def test_the_story_that_is_shown_passes(tmp_path: Path) -> None:
    found = {block["language"]: block["text"] for block in BLOCK.finditer(STORIES.read_text("utf-8"))}
    (tmp_path / "first.story").write_text(found["story"], "utf-8")
    command, _, shown = found["console"].removeprefix("$ ").partition("\n")
    prints(in_shell(tmp_path, command), shown)


@pytest.mark.parametrize("text", blocks("console"))
def test_commands_print_what_is_shown(text: str, tmp_path: Path, shelf: Shelf) -> None:
    for number, session in enumerate(re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]):
        command, _, shown = session.partition("\n")
        if number:
            done = in_shell(tmp_path, command)
        else:  # several pages begin with the same command
            first = first_command(shelf, command)
            shutil.copytree(first.folder, tmp_path, dirs_exist_ok=True)
            done = first.done
        prints(done, shown)


@pytest.fixture
def recipes(tmp_path: Path) -> dict[str, Path]:
    """Give what the page of the log says to do without this software, as files."""
    text = (ROOT / "docs" / "explanation" / "the-log.md").read_text()
    found = {found["language"]: found["text"] for found in BLOCK.finditer(text)}
    paths = {language: tmp_path / f"recipe.{language}" for language in ("sh", "py")}
    for language, path in paths.items():
        path.write_text(found[language])
    return paths


def ran(*command: str | Path) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.returncode, done.stdout + done.stderr


def one_more(line: str) -> str:
    """Change the state of a line, as whoever wants to change a record would."""
    return line.replace('"user":"', '"user":"x', 1)


def test_every_leaf_and_the_root_of_an_export_are_checked_without_this_software(
    simulated: Callable[[int], SimulatedLog], recipes: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "trial.jsonl"
    assert in_shell(tmp_path, f"trialdomain export {simulated(25).path} trial.jsonl").returncode == 0
    lines = path.read_text("utf-8").splitlines(keepends=True)
    root = json.loads(lines[-1])["root"]
    assert ran(sys.executable, recipes["py"], path) == (0, f"every leaf fits, and the root is {root}\n")
    path.write_text("".join([*lines[:-2], one_more(lines[-2]), lines[-1]]), "utf-8")
    status, told = ran(sys.executable, recipes["py"], path)
    assert (status, told) == (1, f"position {len(lines) - 1} does not fit its leaf\n")
    path.write_text("".join([*lines[:-2], lines[-1]]), "utf-8")
    status, told = ran(sys.executable, recipes["py"], path)
    assert (status, "the last line has another" in told) == (1, True)


@pytest.mark.skipif(shutil.which("jq") is None or shutil.which("sha256sum") is None, reason="no jq, or no sha256sum")
def test_every_leaf_of_an_export_is_checked_with_jq(recipes: dict[str, Path], tmp_path: Path) -> None:
    program = next(text for text in re.findall(BLOCK, (ROOT / "README.md").read_text()) if "Trials.open" in text[1])[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert in_shell(tmp_path, "trialdomain export trial.db trial.jsonl").returncode == 0
    path = tmp_path / "trial.jsonl"
    assert ran("bash", recipes["sh"], path) == (0, "every leaf fits\n")
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join([*lines[:5], one_more(lines[5]), *lines[6:]]), "utf-8")
    status, told = ran("bash", recipes["sh"], path)
    assert (status, told.startswith('does not fit its leaf: {"position":6,')) == (1, True)


def test_every_page_that_is_linked_exists() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def anchors(page: Path) -> set[str]:
    """Give the anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = (re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in plain}


def test_every_heading_that_is_linked_exists() -> None:
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", text):
            linked = page if not target else page.parent / target
            assert anchor in anchors(linked), f"{page.relative_to(ROOT)} links to {target}#{anchor}"


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)", index.read_text("utf-8"))}
    there = {page for page in PAGES if page.parent.name not in {"adr", "endpoints"}} - {index, ROOT / "README.md"}
    assert {page.relative_to(ROOT) for page in there - linked} == set()


def test_every_decision_stands_under_its_own_number() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(len(numbers))]


def test_no_page_records_into_the_log_of_another() -> None:
    """Whoever follows several pages in one directory would be refused: a trial is registered once in a log."""
    names: dict[str, Path] = {}
    for page in PAGES:
        for name in set(re.findall(r"Trials\.open\(\"([^\"]+)\"", page.read_text())) - {"memory:"}:
            assert not name.startswith("sqlite:"), f"{page.name}: write the address as the other pages do"
            if page.name != "desk.md":  # which shows a call, and is no program
                assert names.setdefault(name, page) == page, f"{name} is recorded into by {page.name} as well"


def test_a_page_that_makes_a_log_says_so_where_it_starts_anew() -> None:
    for page in PAGES:
        for found in BLOCK.finditer(page.read_text()):
            if re.match(r"\$ trialdomain (simulate|import-sdtm) ", found["text"]):
                before = " ".join(page.read_text()[: found.start()].split())
                assert before.endswith("In a new directory:"), f"{page.name}:{line_of(page, found)}"
