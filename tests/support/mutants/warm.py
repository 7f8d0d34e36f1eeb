"""A process that has imported what tests need, but for what a mutant changes, and forks for each mutant.

Run as ``python -m mutants.warm MODULE SOCKET SECONDS TRACE...`` in the folder of a tree. It prints ``ready`` once the
tests that run first pass without a mutant.
"""

import ast
import gc
import os
import re
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from time import monotonic

import pytest
from mutants.impact import Impact, Round, changed_line
from mutants.scope import path_of
from mutants.tested import isolate, run

SLOWER = 5
"""How many times as long as in the trace tests may take before a mutant counts as one that never ends."""
STARTING = 20.0
"""Seconds that a round may take besides its tests: it imports the library and the test files."""
PASSED = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
"""No tests: the mutant changes the table that the tests are made of, and another round may notice it."""
_FAILED = re.compile(r"^FAILED (\S+)", re.MULTILINE)


def imports(source: Path, name: str) -> Iterator[str]:
    """Give every module of this library that a module imports, at its top or later."""
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                raise ValueError(f"{name} has a relative import, which is not followed: write it in full")
            case _:
                pass


def unaffected(module: str) -> list[str]:
    """Name the modules that import the mutated one neither directly nor through others."""
    source = Path("src")
    files = {_dotted(path.relative_to(source)): path for path in (source / "trialdomain").rglob("*.py")}
    needs: Mapping[str, set[str]] = {
        name: {*imports(path, name), *_folders_of(name)} & {*files} for name, path in files.items()
    }
    mutated = _dotted(path_of(module).relative_to(source))
    affected = {mutated} | {name for name, needed in needs.items() if "trialdomain" in needed}  # that has every name
    while found := {name for name, needed in needs.items() if name not in affected and needed & affected}:
        affected |= found
    return sorted(name for name in files if name not in affected | {"trialdomain.__main__"})


def _folders_of(name: str) -> Iterator[str]:
    """Give the packages that are imported before a module: all of them but the first, which imports nothing."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(2, len(parts)))


def _dotted(path: Path) -> str:
    name = ".".join(path.with_suffix("").parts)
    return name.removesuffix(".__init__")


class Warm:
    """Answers whether the tests pass with the module as it is on disk."""

    def __init__(self, module: str, traces: list[Path], *, seconds: float) -> None:
        self._path = path_of(module)
        self._source = self._path.read_text("utf-8")
        self._impact = Impact(module, traces, self._source, seconds=seconds)
        for name in unaffected(module):
            import_module(name)
        if (imported := _dotted(self._path.relative_to("src"))) in sys.modules:
            raise RuntimeError(f"{imported} was imported before it is mutated: warm.imports has missed an import")
        gc.collect()
        gc.freeze()

    def passes(self) -> bool:
        """Say whether the tests that run first pass without a mutant, if any test runs the module."""
        first = next(iter(self._impact.rounds(0)), None)
        return first is None or _forked(first)[0] == 0

    def answer(self) -> str:
        """Say ``killed``, ``survived`` or ``timeout``, and why, of the mutant that is on disk."""
        line = changed_line(self._source, self._path.read_text("utf-8"))
        met, began = 0, monotonic()
        for tests in self._impact.rounds(line):
            status, printed = _forked(tests)
            if status is None:
                return f"timeout in {len(tests.tests)} tests after {monotonic() - began:.1f} s\n{printed}"
            if status not in PASSED:
                for test in _FAILED.findall(printed):
                    self._impact.killed_by(test)
                return f"killed with status {status} after {monotonic() - began:.1f} s\n{printed}"
            met += len(tests.tests)
        return f"survived {met} tests, {monotonic() - began:.1f} s\n"


def _forked(tests: Round) -> tuple[int | None, str]:
    """Run tests in a process of their own; give its exit status, or None when it did not end, and what it printed."""
    with tempfile.TemporaryFile() as printed:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
            status = 70
            try:
                status = run(tests.tests)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        watched = os.pidfd_open(child)
        try:
            ended, _, _ = select.select([watched], [], [], SLOWER * tests.seconds + STARTING)
        except BaseException:  # this process is ended: a mutant that never ends must not outlive it
            os.killpg(child, signal.SIGKILL)
            raise
        finally:
            os.close(watched)
        if not ended:
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        printed.seek(0)
        text = printed.read().decode("utf-8", "replace")[-2000:]
    return (os.waitstatus_to_exitcode(status) if ended else None), text


def main(module: str, address: str, seconds: str, *traces: str) -> None:
    """Serve until this process is ended."""
    isolate()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    warm = Warm(module, [Path(trace) for trace in traces], seconds=float(seconds))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n" if warm.passes() else "the tests fail without a mutant\n")
        sys.stdout.flush()
        while True:
            asked, _ = listening.accept()
            with asked:
                asked.sendall(warm.answer().encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
