"""The package as it is installed: typed, versioned, and light to import."""

import ast
import doctest
import inspect
import json
import pydoc
import re
import subprocess
import sys
from importlib import import_module, metadata
from importlib.resources import files
from pathlib import Path
from pkgutil import walk_packages
from types import FunctionType

import pytest

import trialdomain


def test_it_is_installed_as_a_typed_package() -> None:
    assert files("trialdomain").joinpath("py.typed").is_file()


def test_the_version_is_the_distributions() -> None:
    assert metadata.version("trialdomain") == trialdomain.__version__


def test_the_version_to_cite_is_the_packages() -> None:
    citation = (Path(__file__).parents[1] / "CITATION.cff").read_text("utf-8")
    assert re.findall("^version: (.*)$", citation, re.MULTILINE) == [trialdomain.__version__]


def test_the_public_names_exist_and_have_their_types() -> None:
    names = dir(trialdomain)
    assert [name for name in names if not hasattr(trialdomain, name)] == []
    stub = files("trialdomain").joinpath("__init__.pyi").read_text()
    assert sorted(re.findall(r" as (\w+)$", stub, re.MULTILINE)) == names
    listed: list[str] = ast.literal_eval(stub[stub.index("[\n", stub.index("\n__all__ = ")) :])
    assert sorted(listed) == trialdomain.__all__


def test_everything_that_is_public_is_imported_at_once_but_the_version() -> None:
    mine: dict[str, object] = {"__version__": "of my own"}
    exec("from trialdomain import *", mine)  # noqa: S102 - as a program has it in its first line
    names = set(dir(trialdomain)) - {"__version__"}
    assert set(trialdomain.__all__) == names == {name for name in mine if not name.startswith("__")}
    assert [name for name in names if mine[name] is not getattr(trialdomain, name)] == []
    assert mine["__version__"] == "of my own"


def test_help_can_show_every_public_class() -> None:
    """From Python 3.13 on, pydoc asks every method for its module, and what attrs makes for slots has none."""
    classes = [one for name in trialdomain.__all__ if isinstance(one := getattr(trialdomain, name), type)]
    found = [method for kind in classes for base in kind.__mro__ for method in vars(base).values()]
    methods = [method for method in found if isinstance(method, FunctionType)]
    assert [method for method in methods if not getattr(method, "__module__", None)] == []


def test_help_begins_with_where_to_begin_on_one_screen() -> None:
    first = pydoc.plain(pydoc.render_doc(trialdomain)).splitlines()[:30]
    said = set(re.findall(r"[A-Za-z_0-9]+", " ".join(first)))
    assert {
        "Trials",
        "Desk",
        "History",
        "decide",
        "nct06245746",
        "read_log",
        "verify",
        "findings",
        "TrialError",
    } <= said


def test_what_help_names_is_there() -> None:
    text = trialdomain.__doc__ or ""
    named = {name for one in re.findall(r"``([^`]+)``", text) for name in re.findall(r"\b[A-Z][A-Za-z]+\b", one)}
    assert named - {"NNN", "NNT"} <= set(trialdomain.__all__)
    assert re.findall(r"``(\w+\(situation.*)``", text) == [
        'decide(situation_of(parse_outcomes("1NNN 2NNT", levels=3), levels=3))'
    ]


def test_every_public_class_and_function_has_its_help() -> None:
    public = {name: getattr(trialdomain, name) for name in trialdomain.__all__}
    asked = {name for name, value in public.items() if inspect.isclass(value) or inspect.isfunction(value)}
    assert len(asked) > 100
    assert [name for name in sorted(asked) if not (public[name].__doc__ or "").strip()] == []


@pytest.mark.processes
def test_whoever_checks_types_sees_the_same_names(tmp_path: Path) -> None:
    lines = [f"reveal_type({name})" for name in trialdomain.__all__]
    (tmp_path / "program.py").write_text("\n".join(["from trialdomain import *", *lines]))
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False, text=True)
    assert done.stdout.count("Revealed type is") == len(lines)
    assert re.findall(r"error: .*", done.stdout) == []


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'invented'"):
        trialdomain.invented  # type: ignore[attr-defined]  # noqa: B018 - asking for it is the test


@pytest.mark.processes
def test_importing_it_loads_nothing_heavy() -> None:
    listing = "import json, sys, trialdomain; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert loaded.isdisjoint({"rich", "scipy", "numpy", "argparse", "psycopg"})


@pytest.mark.processes
def test_a_user_who_checks_types_sees_ours(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("from trialdomain import decide\nreveal_type(decide)\n")
    check = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "program.py"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, check=False)
    assert b"-> trialdomain.values.clinical.decision.Decision" in done.stdout
    assert done.returncode == 0


def test_examples_in_docstrings_are_true() -> None:
    modules = [name for _, name, _ in walk_packages(trialdomain.__path__, "trialdomain.") if "__main__" not in name]
    results = [doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS) for name in modules]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 4


def test_no_public_name_is_the_name_of_a_module() -> None:
    """A module that was imported would take the place of the function or the class."""
    modules = {path.stem for path in Path(trialdomain.__file__).parent.iterdir()}
    assert not modules & set(trialdomain.__all__)
