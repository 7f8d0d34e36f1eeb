"""Which tests can tell a changed line of a module: those that run its statement, the likeliest and shortest first."""

import ast
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
from mutants.scope import FIRST

AT_ONCE = 300
"""The most tests of the first round, which imports few test files."""
STARTING = 0.01
"""Seconds that pytest needs for each test, besides what it takes."""
LAST = 5
"""How many times as long as the first round the last one may take: its own tests that did not fit."""
FILES = 12
"""The most files of the second round: those of the likeliest tests."""


@attrs.frozen
class Round:
    """Tests that run in one process, and the seconds that they took in the trace."""

    tests: Sequence[str]
    seconds: float


class Impact:
    """What the traces say of one module."""

    def __init__(self, module: str, traces: Iterable[Path], source: str, *, seconds: float) -> None:
        self._module, self._source, self._longest = module, source, seconds
        self._seconds: dict[str, float] = {}
        self._lines: dict[int, set[str]] = defaultdict(set)
        self._killed: Counter[str] = Counter()
        self._worth: dict[str, float] = defaultdict(float)
        """What a test is worth by the second: it runs statements of the module that few tests run, such as refusals."""
        for path in traces:
            trace = json.loads(path.read_text())
            tests = trace["tests"]
            self._seconds |= dict(zip(tests, trace["seconds"], strict=True))
            for line, numbers in trace["lines"].get(module, {}).items():
                self._lines[int(line)] |= {tests[number] for number in numbers}
        for tests in self._lines.values():
            for test in tests:
                self._worth[test] += 1 / len(tests) / (self._seconds[test] + STARTING)

    def rounds(self, changed: int) -> Iterator[Round]:
        """Give the tests for a change of one line, in rounds; the next round follows if the one before has passed."""
        tests = set[str]().union(*(self._lines[line] for line in self._statement(changed)))
        if not tests:  # it runs at import: a constant, or a table
            tests = set[str]().union(*self._lines.values())
        if not tests:  # so does every other line: a module of classes
            tests = {test for test in self._seconds if test.startswith(FIRST[self._module])}
        ordered = self._ordered(tests)
        likely = [test for test in ordered if test.startswith(FIRST[self._module])]
        first = self._within(likely[:AT_ONCE], self._longest)
        others = [test for test in ordered if test not in set(first)]
        files = set(list(dict.fromkeys(map(_file, others)))[:FILES])
        rest = self._within([test for test in others if _file(test) in files], self._longest / 3)
        met = {*first, *rest}
        last = self._within([test for test in likely if test not in met], LAST * self._longest)
        for group in (first, rest, last):
            if group:
                yield Round(group, sum(self._seconds[test] for test in group))

    def _ordered(self, tests: Iterable[str]) -> list[str]:
        """Put those that have killed first, then those of the module's own file, then the likeliest.

        Each further case of a function is less likely.
        """
        own = FIRST[self._module][0]
        turn, worth = Counter[str](), dict[str, float]()
        for test in sorted(tests, key=lambda test: (-self._worth[test], test)):
            function = test.partition("[")[0]
            turn[function] += 1
            worth[test] = self._worth[test] / turn[function]
        return sorted(worth, key=lambda test: (-self._killed[test], not test.startswith(own), -worth[test], test))

    def killed_by(self, test: str) -> None:
        """Let a test that has killed a mutant run sooner."""
        self._killed[test] += 1

    def _within(self, tests: Sequence[str], longest: float) -> Sequence[str]:
        """Give the tests of a round: in their order, those that still fit its seconds."""
        left, chosen = longest, list[str]()
        for test in tests:
            if (takes := self._seconds[test] + STARTING) <= left:
                chosen.append(test)
                left -= takes
        return chosen

    def _statement(self, line: int) -> Iterable[int]:
        """Give the first line of the innermost statement; of the head of a function or class, that of each in it."""
        found: ast.stmt | None = None
        for node in ast.walk(ast.parse(self._source)):
            if isinstance(node, ast.stmt) and _first(node) <= line <= (node.end_lineno or 0):
                found = node  # walked from the outside inwards
        if isinstance(found, ast.FunctionDef | ast.ClassDef):
            return [node.lineno for node in ast.walk(found) if isinstance(node, ast.stmt) and node is not found]
        return [] if found is None else [found.lineno]


def _file(test: str) -> str:
    return test.split("::", maxsplit=1)[0]


def _first(node: ast.stmt) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def changed_line(before: str, after: str) -> int:
    """Give the first line, from 1, in which two sources differ; 0 if they are equal."""
    lines = zip(before.splitlines(), [*after.splitlines(), ""], strict=False)
    return next((number for number, (one, other) in enumerate(lines, 1) if one != other), 0)
