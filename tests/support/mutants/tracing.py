"""Which tests run which statement of the mutated packages, and how long each test takes.

Run as ``python -m mutants.tracing FOLDER FILE...`` in the folder of a tree. All tests must pass. Each statement of the
packages notes its line when it runs: the modules are compiled with one more call before each statement.
"""

import ast
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from importlib.abc import PathEntryFinder
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from mutants.scope import FOLDERS, LEFT_OUT, PACKAGE, SHARED_LOGS, trace_name
from mutants.tested import ARGUMENTS, Reproducible, isolate
from typing_extensions import override

HITS: set[tuple[str, int]] = set()
"""The file and first line of each statement that has run since the test began."""


class Noting(ast.NodeTransformer):
    """Add a call that notes the statement, before each statement."""

    def __init__(self, path: str) -> None:
        self._path = path

    @override
    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Change each list of statements, the inner ones first."""
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                docstring = name == "body" and not isinstance(node, ast.match_case) and self._documented(node)
                setattr(node, name, self._noted(statements, after=int(docstring)))
        return node

    @staticmethod
    def _documented(node: ast.AST) -> bool:
        kinds = ast.FunctionDef | ast.ClassDef | ast.Module
        return isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None

    def _noted(self, statements: list[ast.stmt], *, after: int) -> list[ast.stmt]:
        noted = statements[:after]
        for statement in statements[after:]:
            note = ast.parse(f"__hits__.add(({self._path!r}, {statement.lineno}))").body[0]
            noted += [ast.fix_missing_locations(ast.copy_location(note, statement)), statement]
        return noted


class NotingLoader(SourceFileLoader):
    """Import a module with its notes; no bytecode of it is read or written."""

    @override
    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self.get_data(self.path))
        return compile(Noting(self.path).visit(tree), self.path, "exec", dont_inherit=True)

    @override
    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__hits__"] = HITS
        super().exec_module(module)


def note(folders: list[Path]) -> None:
    """Let every module of some folders be imported with its notes."""
    make: Callable[[str], PathEntryFinder] = FileFinder.path_hook((NotingLoader, [".py"]))

    def hook(path: str) -> PathEntryFinder:
        if not any(Path(path).is_relative_to(folder) for folder in folders):
            raise ImportError(path)
        return make(path)

    sys.path_hooks.insert(0, hook)


@cache
def _caches(_: int) -> Sequence[Callable[[], None]]:
    """Give what clears each cache of the library; it is found anew once more modules are imported."""
    loaded = [module for name, module in sys.modules.items() if name.startswith("trialdomain")]
    clears = (getattr(value, "cache_clear", None) for module in loaded for value in vars(module).values())
    return [clear for clear in clears if callable(clear)]


class Tracer:
    """Note what each test runs, and what it takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.hits: dict[str, set[tuple[str, int]]] = {}

    def pytest_runtest_logstart(self) -> None:
        """Forget what ran before the test, and what it has left in caches: each test runs what it asks for."""
        for cached in _caches(len(sys.modules)):
            cached()
        HITS.clear()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Keep what the test has run."""
        self.hits[nodeid] = set(HITS)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up the seconds of a test."""
        self.seconds[report.nodeid] += report.duration

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what takes too long."""
        items[:] = [item for item in items if not (item.nodeid.startswith(LEFT_OUT) or _shares(item))]


def _shares(item: pytest.Item) -> bool:
    return not SHARED_LOGS.isdisjoint(getattr(item, "fixturenames", ()))


def main(results: str, *files: str) -> int:
    """Trace the tests of some files; write a trace of each file into a folder; give the exit status of pytest."""
    isolate()
    package = Path.cwd() / PACKAGE
    note([package / folder for folder in FOLDERS])
    tracer = Tracer()
    status = int(pytest.main([*ARGUMENTS, *files], plugins=[Reproducible(), tracer]))
    for file in files if status == 0 else ():
        tests = sorted(test for test in tracer.hits if test.split("::")[0] == file)
        lines: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for number, test in enumerate(tests):
            for path, line in tracer.hits[test]:
                lines[Path(path).relative_to(package).with_suffix("").as_posix()][line].append(number)
        seconds = [round(tracer.seconds[test], 4) for test in tests]
        trace = {"tests": tests, "seconds": seconds, "lines": lines}
        (Path(results) / trace_name(file)).write_text(json.dumps(trace))
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
