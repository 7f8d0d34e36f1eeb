"""Everything that README and docs show is executed, and prints what they say."""

import doctest
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import audit_trail_page
import findings_page
import pytest
from event_catalogue import PAGE
from event_catalogue import page as event_page
from made_once import Shelf, first_command, in_shell
from outcome_pages import BY_HAND, path_of
from outcome_pages import page as outcome_page

from trialdomain import OutcomeId

pytestmark = pytest.mark.processes
ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def line_of(page: Path, found: re.Match[str]) -> int:
    return page.read_text()[: found.start()].count("\n") + 1


def blocks(language: str) -> list[object]:
    return [
        pytest.param(
            found["text"], id=f"{page.relative_to(ROOT)}:{page.read_text()[: found.start()].count(chr(10)) + 1}"
        )
        for page in PAGES
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


@pytest.mark.parametrize("outcome", OutcomeId)
def test_the_page_of_an_outcome_is_what_the_code_says_and_has_an_example(outcome: OutcomeId) -> None:
    text = path_of(outcome).read_text()
    assert text == outcome_page(outcome), "run 'make docs'"
    assert "```pycon" in text.partition(BY_HAND)[2]


def test_the_event_catalogue_is_what_the_code_says() -> None:
    assert PAGE.read_text() == event_page(), "run 'make docs'"


def test_every_requirement_and_attack_is_shown_by_a_test_and_the_page_says_which() -> None:
    known = audit_trail_page.REQUIREMENTS.keys() | audit_trail_page.ATTACKS.keys()
    assert audit_trail_page.shown().keys() == known - audit_trail_page.NOT_YET
    assert audit_trail_page.PAGE.read_text() == audit_trail_page.page(), "run 'make docs'"


def test_every_check_of_the_audit_is_listed() -> None:
    assert findings_page.PAGE.read_text() == findings_page.page(), "run 'make docs'"


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
        printed = done.stdout.decode() + done.stderr.decode()
        pattern = re.sub(r"[][*?]", lambda special: f"[{special[0]}]", shown).replace("...", "*")
        assert fnmatchcase(" ".join(printed.split()), " ".join(pattern.split())), printed


def test_every_page_that_is_linked_exists() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_decision_stands_under_its_own_number() -> None:
    numbers = [path.name[:4] for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(len(numbers))]
