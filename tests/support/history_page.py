"""Reading: the answers of a history, and all their words, generated from the code.

Run this file to write the end of ``docs/reference/history.md``; a test compares the page with it.
"""

import ast
import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path

from names_page import first_sentence

from trialdomain import Flag, History, Status
from trialdomain.rules.observation import EndedBy, Outside
from trialdomain.rules.recovery import Coverage
from trialdomain.values.clinical.evaluation import Evaluation, EvaluationReason

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "history.md"
FROM_HERE = "\n## Every member of `History`\n"
"""From here on the page is written from the code."""
_STATUSES: Mapping[Status, str] = {
    Status.OBSERVED: "There is a value.",
    Status.NOT_OBSERVED: "Not measured, or with a gap; or nothing had begun, or it was over before it began.",
    Status.OUTSIDE: "Not in the analysis set: no chemotherapy, not infused, or left before either.",
}
"""Of those that say nothing in the code."""
_ENDED: Mapping[EndedBy, str] = {
    EndedBy.DEATH: "the participant died",
    EndedBy.WINDOW: "the last day of the window",
    EndedBy.RELAPSE: "a relapse on the next day",
    EndedBy.NEW_THERAPY: "a new anti-leukemic therapy from the next day on",
    EndedBy.NEXT_CYCLE: "the next cycle of chemotherapy from the next day on",
    EndedBy.WITHDREW: "a withdrawal from follow-up or of data",
    EndedBy.LOST: "the last contact of somebody who was lost",
    EndedBy.COMPLETED: "the end of follow-up",
    EndedBy.CUT_OFF: "the data cut-off, which is `on`",
}
_WHY_NONE: Mapping[str, str] = {
    "a code of `ended_by`, below": "of `censored`, `died` and `not-observed`: what ended the observation",
    Coverage.NOT_MEASURED.value: "of `not-observed`: no result in the observation",
    Coverage.GAP.value: "of `not-observed`: too long a time without a result; `details` has the `gap`",
    Outside.NOTHING_BEGUN.value: "of `not-observed`: neither chemotherapy nor the infusion yet",
    Outside.LEFT_BEFORE.value: "of `outside-analysis-set`: failed the screening, left or died before either",
    Outside.NOT_INFUSED.value: "of `outside-analysis-set`: chemotherapy, and no infusion",
    Outside.NO_CHEMOTHERAPY.value: "of `outside-analysis-set`: infused, and no chemotherapy",
    Flag.NOT_CLASSIFIED.value: "of `not-observed` in S12: only agents without an ATC code were given",
}


def page() -> str:
    """Give the page: what stands above by hand, and the words."""
    by_hand, _, _ = PAGE.read_text(encoding="utf-8").partition(FROM_HERE)
    return by_hand + FROM_HERE + "\n" + "".join(_sections())


def members() -> list[str]:
    """Give the public members of a history."""
    return sorted(name for name in dir(History) if not name.startswith("_"))


def _sections() -> Iterator[str]:
    yield "| member | |\n|---|---|\n"
    said = _member_docs(History)
    for name in members():
        member = inspect.getattr_static(History, name)
        called = f"{name}(...)" if inspect.isfunction(member) or isinstance(member, classmethod) else name
        told = first_sentence(getattr(History, name)) if called != name else said.get(name, "The trial's code.")
        yield f"| `{called}` | {told} |\n"
    yield "\n## Statuses of a value\n\n| status | |\n|---|---|\n"
    statuses = _member_docs(Status)
    yield from (f"| `{one.value}` | {statuses.get(one.name) or _STATUSES[one]} |\n" for one in Status)
    yield "\n## Flags of a value\n\n| flag | |\n|---|---|\n"
    flags = _member_docs(Flag)
    yield from (f"| `{one.value}` | {flags[one.name]} |\n" for one in Flag)
    yield "\n## `because`: why there is no value\n\n"
    yield "Of S1 to S13; of P1 `not-infused` alone, and of P2 a reason below.\n\n"
    yield "| code | |\n|---|---|\n"
    yield from (f"| {code if ' ' in code else f'`{code}`'} | {meaning} |\n" for code, meaning in _WHY_NONE.items())
    yield "\n## `ended_by`: why the observation ended\n\n| code | |\n|---|---|\n"
    yield from (f"| `{one.value}` | {_ENDED[one]} |\n" for one in EndedBy)
    yield "\n## `evaluation` and `reason`: who counts for the decision\n\n"
    yield f"`evaluation` is {', '.join(f'`{one.value}`' for one in Evaluation)}.\n\n| reason | |\n|---|---|\n"
    yield from (f"| `{one.value}` | {one.words} |\n" for one in EvaluationReason)


def because_codes() -> set[str]:
    """Give every code that says why there is no value."""
    return {one.value for kind in (EndedBy, Outside) for one in kind} | {
        Coverage.NOT_MEASURED.value,
        Coverage.GAP.value,
    }


def explained() -> set[str]:
    """Give every such code that the page explains."""
    return {one.value for one in _ENDED} | set(_WHY_NONE)


def _member_docs(kind: type[Enum] | type[History]) -> dict[str, str]:
    """Read the strings that stand under the members or the fields of a class."""
    (node,) = ast.parse(inspect.getsource(kind)).body
    said: dict[str, str] = {}
    for field, text in pairwise(node.body if isinstance(node, ast.ClassDef) else []):
        if not (isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        target = field.targets[0] if isinstance(field, ast.Assign) else getattr(field, "target", None)
        if isinstance(target, ast.Name):
            said[target.id] = " ".join(str(text.value.value).replace("``", "`").split())
    return said


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
