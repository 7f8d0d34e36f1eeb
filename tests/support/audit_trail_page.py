"""The requirements of the audit trail, and the attacks on it, each with the tests that carry its id.

Run this file to write ``docs/reference/audit-trail.md``; a test compares the page with it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "audit-trail.md"

REQUIREMENTS = {
    "AT-01": (
        "every creation, change and removal is an entry, the first and “set to unknown” among them",
        "21 CFR 11.10(e); EMA 2023 6.2.1; ICH E6(R3) 4.2.2",
    ),
    "AT-02": ("who: id, name, role, organization; software named as such", "EMA 6.2.1; FDA 2024 Q12"),
    "AT-03": ("what: subject, entry, field; by field, not by page", "EMA 6.2.1"),
    "AT-04": ("old and new value, computed from the log", "EMA 6.2.1; FDA 2024 Q12"),
    "AT-05": (
        "why: a reason on every change; words that say nothing are refused wherever people say why",
        "ICH E6(R3) 4.2.2, 4.2.4",
    ),
    "AT-06": ("when: set by the system, in UTC; apart from when it happened", "EMA 4.5, 6.2.1"),
    "AT-07": ("the site's time zone beside UTC", "Part 11 preamble 101"),
    "AT-08": ("earlier values are never obscured", "21 CFR 11.10(e)"),
    "AT-09": ("decisions too: eligibility, DLT, escalation, suspension, export", "ICH E6(R3) 4.2.2"),
    "AT-11": ("imports: system, time of transfer, id of the record", "FDA 2024 Q20, Q22"),
    "AT-15": ("protocol and software version of each entry; old versions stay readable", "21 CFR 11.10(a), (k)"),
    "AT-20": ("nothing turns the trail off", "ICH E6(R3) 4.2.2(b)"),
    "AT-21": ("an altered record is discerned, and named", "21 CFR 11.10(a)"),
    "AT-22": ("no caller sets the recording time or the sequence", "21 CFR 11.10(e)"),
    "AT-24": ("a restored copy verifies to the same root", "EMA 6.10"),
    "AT-26": ("what was acknowledged survives a kill; a batch is all or nothing", "21 CFR 11.10(c)"),
    "AT-27": ("a clock that jumps is flagged; order never depends on it", "EMA 4.5"),
    "AT-28": (
        "sequence checks: no infusion before enrollment, no escalation before the window closes",
        "21 CFR 11.10(f)",
    ),
    "AT-40": ("copies for people and for programs, whole", "21 CFR 11.10(b)"),
    "AT-41": ("sortable", "EMA 6.2.1"),
    "AT-42": ("filtered by who, what, when, why and subject", "EMA 6.2.1"),
    "AT-43": ("changed values are marked in print", "EMA 6.2.1"),
    "AT-45": ("people who were screened and not enrolled are in it", "EMA A6.8"),
    "AT-48": ("what was known at a time can be rebuilt, and twice the same", "MHRA 6.9"),
}
ATTACKS = {
    "K-01": "a byte of a state is edited",
    "K-02": "a stored name is changed",
    "K-03": "states are swapped or copied between streams",
    "K-04": "a tail is deleted",
    "K-05": "a middle or a whole stream is deleted; or an event with its leaf, and the rest renumbered",
    "K-06": "an event is inserted; or appended, forged, with a right leaf",
    "K-07": "leaves are reordered",
    "K-08": "events and leaves are truncated",
    "K-09": "and the last checkpoint with them",
    "K-10": "everything is rewritten, and computed anew",
    "K-11": "it is signed with another key",
    "K-12": "it is signed with a stolen key",
    "K-13": "a signer is asked to sign a rewritten log",
    "K-14": "a note is mutated",
    "K-15": "a store is forked, or last week's backup restored",
    "K-16": "a checkpoint of another trial, or an oversized note",
    "K-18": "an interior node is offered as a leaf; a hash of 33 bytes",
    "K-19": "a snapshot, a projection's table or a tracking row is poisoned",
    "K-20": "the hook is switched off by flag, environment or database function",
    "K-21": "a stored name that nobody knows",
    "K-22": "duplicate keys, NaN, extra keys, deep JSON, a long integer, a compressed bomb",
    "K-23": "a caller passes a recording time or a sequence",
    "K-24": "a clock goes back an hour, forward a year, through a change of daylight time",
    "K-25": "a reason that is blank, invisible or filler",
    "K-27": "formulas in CSV; bidirectional overrides; escapes for a terminal",
    "K-29": "a kill while appending; a full disk; a file that is read-only or locked",
    "K-30": "an older shape is read by an upcast, then verified",
}
NOT_YET: frozenset[str] = frozenset()
"""What no test shows so far."""

_HEAD = """# The audit trail: requirements, attacks, and the tests that bear their ids

trialdomain supports these requirements, with tests; whether a system complies is for whoever runs it to show.
Procedures, training, identity checks, the keeping of keys and of checkpoints are duties of the organization.
[What tamper evidence cannot show](../explanation/tamper-evidence.md#what-this-cannot-show) stands on a page of its own.
Signatures of people on records (AT-60 to AT-62, K-26) and pages in HTML are not offered yet. The numbers are those of
a longer list: what else is missing here are duties of the organization, or of the service around this library.
"""


def page() -> str:
    """Write the page."""
    found = shown()
    parts = [_HEAD, "\n## Requirements\n\n| id | requirement | source | tests |\n|---|---|---|---|\n"]
    parts += [
        f"| {one} | {what} | {source} | {_links(found.get(one, []))} |\n"
        for one, (what, source) in REQUIREMENTS.items()
    ]
    parts.append("\n## Attacks\n\n| id | what is done | tests |\n|---|---|---|\n")
    parts += [f"| {one} | {what} | {_links(found.get(one, []))} |\n" for one, what in ATTACKS.items()]
    return "".join(parts)


def shown() -> dict[str, list[tuple[Path, int, str]]]:
    """Find by id every test that bears it: its file, its line and its name."""
    found: dict[str, list[tuple[Path, int, str]]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for one in _ids(node):
                    found.setdefault(one, []).append((path, node.lineno, node.name))
    return found


def _ids(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def _links(tests: list[tuple[Path, int, str]]) -> str:
    by_file: dict[Path, list[str]] = {}
    for path, _, name in tests:
        by_file.setdefault(path, []).append(name)
    return (
        "; ".join(
            f"[{path.name}](../../{path.relative_to(ROOT)}): {', '.join(names)}" for path, names in by_file.items()
        )
        or "not yet"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
