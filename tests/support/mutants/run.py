"""Let cosmic-ray change the code, one place after another, and see whether the tests notice: ``make mutants``.

Run as ``python -m mutants.run [MODULE or FOLDER ...]``, such as ``designs/closing limits``. All work is done in
``.mutants``: copies of the project, sessions, traces. What is done there is not done again, until the module changes; a
mutant that survived meets the tests again once they have changed. A run of everything writes ``docs/mutants.md``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

from mutants.page import PAGE, page
from mutants.scope import FIRST, FOLDERS, PACKAGE, ROOT, files_of_tests, modules, path_of, trace_name
from mutants.session import Figures, figures, forget_survivors, leave_out, left_out, sample, seconds, survivors, total
from mutants.tested import ARGUMENTS

WORK = ROOT / ".mutants"
TRACES = WORK / "traces"
COPIED = (
    "src",
    "tests",
    "docs",
    "examples",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "pyproject.toml",
)
CONFIG = """\
[cosmic-ray]
module-path = {path}
timeout = 600.0
excluded-modules = []
test-command = {command}
distributor.name = "local"
"""


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    """Try the mutants of the chosen modules, and print what became of them."""
    parser = argparse.ArgumentParser(description="try the mutants of cosmic-ray on the tests")
    parser.add_argument("modules", nargs="*", default=FOLDERS, help="modules or folders, such as designs/closing")
    parser.add_argument("--jobs", type=int, default=1, help="how many modules to try at once")
    parser.add_argument("--every", type=int, default=1, help="try a sample only: every so many mutants")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long the tests that run first may take")
    parser.add_argument("--again", action="store_true", help="let what has survived meet the tests again")
    parser.add_argument("--report", action="store_true", help="try nothing, and print what is known")
    asked = parser.parse_args(arguments)
    chosen = chosen_modules(asked.modules)
    if not asked.report:
        WORK.mkdir(exist_ok=True)
        share()
        trees = [copied(WORK / f"tree-{number}") for number in range(asked.jobs)]
        trace(trees)
        prepare(chosen, trees[0], every=asked.every, again=asked.again)
        try_all(chosen, trees, seconds=asked.seconds)
    report(chosen)


def chosen_modules(names: Iterable[str]) -> list[str]:
    """Give the modules that some names mean."""
    found = {name: [one for one in modules() if one == name or one.startswith(f"{name}/")] for name in names}
    if unknown := [name for name, meant in found.items() if not meant]:
        sys.exit(f"{unknown[0]} is no module of {', '.join(FOLDERS)}: give one such as designs/closing")
    return sorted({one for meant in found.values() for one in meant})


def share() -> None:
    """Let the copies find the published data where the project does, beside it; without, some tests are skipped."""
    if (ROOT.parent / "shared").is_dir() and not (WORK / "shared").exists():
        (WORK / "shared").symlink_to(ROOT.parent / "shared")


def copied(tree: Path) -> Path:
    """Copy what has changed of the project, so that no mutant is ever in the files that people work on."""
    sources = {name: ROOT / name for name in _files_of(ROOT)}
    for name in _files_of(tree):
        if name not in sources:
            (tree / name).unlink()
    for name, source in sources.items():
        if not (tree / name).exists() or (tree / name).read_bytes() != source.read_bytes():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, tree / name)
    compiled = [sys.executable, "-m", "pytest", *ARGUMENTS, "--collect-only", *files_of_tests()]
    variables = {name: value for name, value in environment(tree).items() if name != "PYTHONDONTWRITEBYTECODE"}
    if subprocess.run(compiled, cwd=tree, env=variables, stdout=subprocess.DEVNULL, check=False).returncode:
        sys.exit(f"the tests cannot be collected in {tree}: see 'pytest --collect-only' there")
    return tree


def _files_of(folder: Path) -> Iterator[str]:
    for name in COPIED:
        one = folder / name
        for path in [one] if one.is_file() else one.rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                yield path.relative_to(folder).as_posix()


def environment(tree: Path) -> dict[str, str]:
    """Give the variables of a process that runs the tests of a tree."""
    path = os.pathsep.join((str(tree / "src"), str(tree / "tests" / "support")))
    return os.environ | {"PYTHONPATH": path, "PYTHONHASHSEED": "0"}


def digest(paths: Iterable[Path]) -> str:
    """Give one digest of some files."""
    found = sha256()
    for path in sorted(paths):
        found.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def trace(trees: Sequence[Path]) -> None:
    """Find which tests run which statement, for the files of tests that have changed since."""
    source = digest(path for folder in FOLDERS for path in (ROOT / PACKAGE / folder).rglob("*.py"))
    keys = {file: f"{source} {digest([ROOT / file])}" for file in files_of_tests()}
    known_at = WORK / "traces.json"
    known = json.loads(known_at.read_text()) if known_at.exists() else {}
    stale = [file for file, key in keys.items() if known.get(file) != key]
    for path in set(TRACES.glob("*.json")) - {TRACES / trace_name(file) for file in keys}:
        path.unlink()
    if not stale:
        return
    TRACES.mkdir(exist_ok=True)
    say(f"tracing {len(stale)} files of tests without a mutant: this takes up to 10 minutes")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "mutants.tracing", str(TRACES), *stale[number :: len(trees)]],
            cwd=tree,
            env=environment(tree),
            stdout=(WORK / f"tracing-{number}.log").open("w"),
            stderr=subprocess.STDOUT,
        )
        for number, tree in enumerate(trees)
        if stale[number :: len(trees)]
    ]
    ended = [process.wait() for process in started]
    if any(ended):
        sys.exit(f"the tests do not pass without a mutant: see {WORK}/tracing-*.log")
    known_at.write_text(json.dumps(keys))


def prepare(chosen: Sequence[str], tree: Path, *, every: int, again: bool) -> None:
    """Let cosmic-ray find the mutants of each module, unless its session has them."""
    traces = {file: json.loads((TRACES / trace_name(file)).read_text())["lines"] for file in files_of_tests()}
    for module in chosen:
        run_it = [ROOT / file for file, lines in traces.items() if module in lines]
        tests = digest(run_it or [ROOT / file for file in FIRST[module]])
        at, session = _key_of(module), _session_of(module)
        source = (ROOT / path_of(module)).read_text("utf-8")
        key = {"source": sha256(source.encode()).hexdigest(), "tests": tests}
        known = json.loads(at.read_text()) if at.exists() and session.exists() else {}
        if known.get("source") != key["source"]:
            session.unlink(missing_ok=True)
            _config(module, "false")
            _cosmic_ray("init", module, tree)
            leave_out(session, source)
        elif again or known["tests"] != tests:
            forget_survivors(session)
        sample(session, every)
        at.write_text(json.dumps(key))


def try_all(chosen: Sequence[str], trees: Sequence[Path], *, seconds: float) -> None:
    """Try the mutants that are pending, the module with fewest of them first."""
    pending = {module: figures(module, _session_of(module)).pending for module in chosen}
    queue = SimpleQueue[Path]()
    for tree in trees:
        queue.put(tree)
    total, done, began = sum(pending.values()), 0, monotonic()

    def one(module: str) -> str:
        tree = queue.get()
        try:
            try_module(module, tree, seconds)
        finally:
            queue.put(tree)
        return module

    with ThreadPoolExecutor(len(trees)) as pool:
        order = sorted((module for module in chosen if pending[module]), key=lambda module: pending[module])
        for ended in as_completed([pool.submit(one, module) for module in order]):
            module = ended.result()
            done += pending[module]
            minutes = (monotonic() - began) / 60
            say(f"{_row(figures(module, _session_of(module)))}  {done} of {total}, {minutes:.0f} min")


def try_module(module: str, tree: Path, seconds: float) -> None:
    """Try the pending mutants of one module in one tree."""
    shutil.copy(ROOT / path_of(module), tree / path_of(module))
    for cached in (tree / path_of(module).parent / "__pycache__").glob(f"{path_of(module).stem}.*.pyc"):
        cached.unlink()
    with warm(module, tree, seconds) as address:
        ask = tree / "tests" / "support" / "mutants" / "ask.py"
        _config(module, f"{sys.executable} -I -S {ask} {address}")
        _cosmic_ray("exec", module, tree)


@contextmanager
def warm(module: str, tree: Path, seconds: float) -> Iterator[Path]:
    """Start the process that forks for each mutant."""
    traces = sorted(TRACES.glob("*.json"))
    with tempfile.TemporaryDirectory() as folder, _log_of(module).open("w") as log:
        address = Path(folder) / "socket"
        process = subprocess.Popen(
            [sys.executable, "-m", "mutants.warm", module, str(address), str(seconds), *map(str, traces)],
            cwd=tree,
            env=environment(tree),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            said = process.stdout.readline().strip() if process.stdout is not None else ""
            if said != "ready":
                raise RuntimeError(f"{module}: {said or 'the warm process ended'}: see {_log_of(module)}")
            yield address
        finally:
            process.terminate()
            process.wait()


def report(chosen: Sequence[str]) -> None:
    """Print a table of the modules, and write the survivors to a file."""
    known = [figures(module, _session_of(module)) for module in chosen if _session_of(module).exists()]
    say(f"{'module':36} mutants killed survived timed out percent")
    for folder in FOLDERS:
        of_it = [one for one in known if one.module.startswith(f"{folder}/")]
        for one in of_it:
            say(_row(one))
        if of_it:
            say(_row(total(folder, of_it)))
    say(_row(total("all", known)))
    living = [one for figure in known for one in survivors(figure.module, _session_of(figure.module))]
    lines = (f"{s.module}:{s.line} {s.operator}\n    - {s.before}\n    + {s.after}\n" for s in living)
    (WORK / "survivors.txt").write_text("".join(lines))
    say(f"the survivors are in {WORK / 'survivors.txt'}")
    if len(known) == len(modules()) and not any(one.pending for one in known):
        hours = sum(seconds(_session_of(module)) for module in chosen) / 3600
        made = (
            f"Made on {datetime.now(UTC):%Y-%m-%d}. One after another, the tests took {hours:.1f} hours; two processes "
            f"take about half of that."
        )
        skipped = sum((left_out(_session_of(module)) for module in chosen), Counter())
        PAGE.write_text(page(known, living, skipped, made=made), "utf-8")
        say(f"the page is {PAGE}")


def _row(of: Figures) -> str:
    pending = f" {of.pending} pending" if of.pending else ""
    return f"{of.module:36} {of.tried:7} {of.killed:6} {of.survived:8} {of.timed_out:9} {of.percent:7.1f}{pending}"


def _cosmic_ray(act: str, module: str, tree: Path) -> None:
    program = Path(sys.executable).with_name("cosmic-ray")
    subprocess.run([program, act, _config_of(module), _session_of(module)], cwd=tree, check=True)


def _config(module: str, command: str) -> None:
    text = CONFIG.format(path=json.dumps(str(path_of(module))), command=json.dumps(command))
    _config_of(module).write_text(text)


def _session_of(module: str) -> Path:
    return WORK / f"{module.replace('/', '.')}.sqlite"


def _config_of(module: str) -> Path:
    return _session_of(module).with_suffix(".toml")


def _key_of(module: str) -> Path:
    return _session_of(module).with_suffix(".json")


def _log_of(module: str) -> Path:
    return _session_of(module).with_suffix(".log")


if __name__ == "__main__":
    main(sys.argv[1:])
