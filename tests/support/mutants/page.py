"""``docs/mutants.md``: the figures of every module, what is not tried, and the survivors with their reasons."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from mutants.scope import FIRST, FOLDERS, ROOT
from mutants.session import Figures, Survivor, total

PAGE = ROOT / "docs" / "mutants.md"
REASONS = Path(__file__).with_name("survivors.toml")
TEMPLATE = Path(__file__).with_name("page_template.md")
_NAMES = {
    "AddNot": "condition negated",
    "NumberReplacer": "number",
    "RemoveDecorator": "decorator removed",
    "ZeroIterationForLoop": "loop without a round",
}


@attrs.frozen
class Group:
    """Survivors with one reason."""

    title: str
    reason: str
    survivors: Sequence[Survivor]


def page(figures: Sequence[Figures], living: Sequence[Survivor], skipped: Mapping[str, int], *, made: str) -> str:
    """Write the page.

    Args:
        figures: what became of the mutants of each module.
        living: the mutants that survived.
        skipped: how many mutants are not tried, by the reason.
        made: when the figures were made, and how long that took.
    """
    everything = total("all", figures)
    counts = {name.replace(" ", "_"): number for name, number in skipped.items()}
    put_off = counts.pop("sample", 0)
    not_tried = sum(counts.values())
    if put_off:
        share = 100 * everything.tried / (everything.tried + put_off)
        made += (
            f" They are of a sample: {everything.tried} of {everything.tried + put_off} mutants ({share:.0f} %), taken "
            f"at equal distances from each module."
        )
    return TEMPLATE.read_text("utf-8").format_map(
        Counter(counts)
        | {"found": everything.tried + put_off + not_tried, "skipped": not_tried, "made": made}
        | {"figures": "".join(_figures(figures, everything)), "survivors": "".join(_survivors(living))}
    )


def _figures(figures: Sequence[Figures], everything: Figures) -> Iterator[str]:
    yield "| package | mutants | killed | timed out | survived | killed, % |\n|---|---|---|---|---|---|\n"
    yield from (f"| `{name}` {_cells(total(name, _of(name, figures)))}\n" for name in FOLDERS)
    yield f"| all {_cells(everything)}\n\n"
    yield "| module | tests that run first, in `tests/` | mutants | killed | timed out | survived | killed, % |\n"
    yield "|---|---|---|---|---|---|---|\n"
    yield from (f"| `{one.module}` | {_tests(one.module)} {_cells(one)}\n" for one in figures)


def _of(folder: str, figures: Sequence[Figures]) -> list[Figures]:
    return [one for one in figures if one.module.startswith(f"{folder}/")]


def _cells(of: Figures) -> str:
    return (
        f"| {of.tried} | {of.killed} | {of.timed_out} | {of.survived} | {f'{of.percent:.1f}' if of.tried else 'none'} |"
    )


def _tests(module: str) -> str:
    return ", ".join(f"`{test.removeprefix('tests/').removesuffix('.py')}`" for test in FIRST[module])


def _survivors(living: Sequence[Survivor]) -> Iterator[str]:
    yield f"\n## Survivors\n\n{len(living)} mutants survive.\n"
    for group in grouped(living):
        yield f"\n### {group.title}\n\n{group.reason}\n\n| module | change | was | survives as |\n|---|---|---|---|\n"
        for one in group.survivors:
            kind = _NAMES.get(one.operator, "operator" if "Operator" in one.operator else "word")
            yield f"| `{one.module}` | {kind} | {_code(one.before)} | {_code(one.after)} |\n"


def grouped(living: Sequence[Survivor]) -> list[Group]:
    """Put each survivor into the first group of ``survivors.toml`` that has it; the last group has the others."""
    left, groups = list(living), list[Group]()
    for entry in tomllib.loads(REASONS.read_text("utf-8"))["group"]:
        patterns = [(module, re.compile(pattern)) for module, pattern in entry["mutants"]]
        found = [one for one in left if any(one.module == m and p.search(_change(one)) for m, p in patterns)]
        left = [one for one in left if one not in found]
        if found:
            groups.append(Group(entry["title"], entry["reason"].strip(), found))
    if left:
        groups.append(Group("Not killed yet", "Each is a test that is missing, or belongs in a group above.", left))
    return groups


def _change(one: Survivor) -> str:
    return f"{one.before} => {one.after}"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""
