"""The criteria of the preset, and the findings that they read, generated from the code.

Run this file to write ``docs/reference/criteria.md``; a test compares the page with it.
"""

from collections.abc import Iterator
from pathlib import Path

from trialdomain import Gate, nct06245746
from trialdomain.protocol.criteria import Answer, Comparison, Criterion, FactTest

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "criteria.md"
_GATES = {
    Gate.SCREENING: "At the screening",
    Gate.CHEMOTHERAPY: "On the day on which chemotherapy starts",
    Gate.INFUSION: "On the day of the infusion",
}
_ANSWERS = {Answer.FACTS: "findings", Answer.ATTESTATION: "attestation", Answer.EITHER: "findings, else attestation"}
_FROM_THE_RECORD = {
    "age": "`consent(age=...)`",
    "consent": "`consent(signed_on=...)`",
    "ecog": "`start_chemotherapy(ecog=...)`",
    "cell_division_inhibitor": "`give_medication` of class `cell-division-inhibitor` on that day",
}
"""Findings that the record itself answers."""
_HEAD = """# The criteria of NCT06245746, and the findings that they read

The preset has the 9 inclusion and 25 exclusion items of the registry as 40 atomic criteria; written from the code.
[How they are judged](../explanation/conduct.md#criteria): a missing answer is never a met one, and every bound is
inclusive.

A criterion is answered by a `Finding`, a recorded fact that is compared, or by an `Attestation`, somebody's yes or
no to whether **what the criterion says is so**: of an exclusion, True excludes. Answers for the screening go into
`desk.screen(findings=..., attestations=...)`, later ones into `desk.answer_criteria(gate=...)`.

```python
from trialdomain import Attestation, Finding, Gate, Role, Trials, User, nct06245746
from trialdomain.aggregates.participant import NotEligible

user = User(id="li", name="Li Na", role=Role.INVESTIGATOR, organization="Site 1")
day = "2026-03-02"
with Trials.open("memory:") as trials:
    desk = trials.register(nct06245746(), by=user).acting(user)
    desk.consent("S001", signed_on=day, form_version="1.0", age=42)
    desk.screen(
        "S001",
        on=day,
        findings=[
            Finding(name="sex", words="F"),
            Finding(name="spo2", number="97", unit="%", on=day),
            Finding(name="alt", number="32", unit="U/L", upper_limit="40", on=day),
            Finding(name="last_anticancer_therapy", date="2026-01-20"),
            Finding(name="is_apl", yes=False),
        ],
        attestations=[Attestation(criterion="I6", answer=True), Attestation(criterion="E1", answer=False)],
    )
    try:
        desk.enroll("S001", on=day)
    except NotEligible as refused:
        open_ids = {one.criterion for one in refused.reasons}
        assert "I6" not in open_ids and "I7a" not in open_ids  # answered above
        assert "I7b" in open_ids  # no finding `lvef` yet
```
"""
_FINDINGS = """
## The findings

Each is given as `Finding(name=..., ...)` with exactly one of `yes`, `words`, `number` (with its `unit`, and
`upper_limit` where the criterion compares with it) and `date`; `on` is when it was observed. A number in another
unit of the same quantity is converted.

| finding | give | read by | |
|---|---|---|---|
"""


def page() -> str:
    """Write the page."""
    criteria = nct06245746().criteria
    return _HEAD + "".join(_gate(gate, criteria) for gate in Gate) + _FINDINGS + "".join(_findings(criteria))


def _gate(gate: Gate, criteria: tuple[Criterion, ...]) -> str:
    own = [one for one in criteria if one.gate is gate]
    rows = "".join(
        f"| `{one.id}` | {one.kind.value} | {one.meaning}{_only(one)} | {_ANSWERS[one.answer]} | {_tests(one)} |\n"
        for one in own
    )
    head = "| id | | what it says | answered by | compares |\n|---|---|---|---|---|\n"
    return f"\n## {_GATES[gate]}: {len(own)}\n\n{head}{rows}"


def _only(one: Criterion) -> str:
    said = [
        "" if one.applies_to is None else f"only sex {one.applies_to}",
        "a laboratory value, valid so many days as `screening_validity_days` says" if one.expires else "",
        "an attestation that excludes needs a comment" if one.comment_required else "",
        "" if one.contradicts is None else f"contradicts {one.contradicts}",
    ]
    told = "; ".join(text for text in said if text)
    return f" ({told})" if told else ""


def _tests(one: Criterion) -> str:
    return "; ".join(f"`{test.finding}` {test.in_words}" for test in one.tests)


def _findings(criteria: tuple[Criterion, ...]) -> Iterator[str]:
    found: dict[str, list[tuple[Criterion, FactTest]]] = {}
    for criterion in criteria:
        for test in criterion.tests:
            found.setdefault(test.finding, []).append((criterion, test))
    for name, read in sorted(found.items()):
        by = ", ".join(dict.fromkeys(f"`{criterion.id}`" for criterion, _ in read))
        given = " or ".join(dict.fromkeys(_kind(test) for _, test in read))
        also = f"the record answers it by {_FROM_THE_RECORD[name]}" if name in _FROM_THE_RECORD else ""
        yield f"| `{name}` | {given} | {by} | {also} |\n"


def _kind(test: FactTest) -> str:
    match test.comparison:
        case Comparison.IS:
            return f"`words`: {' or '.join(test.words)}; others are not what the criterion says"
        case Comparison.IS_SO | Comparison.IS_NOT_SO:
            return "`yes`: True or False"
        case Comparison.WITHIN_DAYS | Comparison.NOT_WITHIN_DAYS | Comparison.WITHIN_MONTHS:
            return "`date`"
        case Comparison.AT_MOST_TIMES_UPPER_LIMIT:
            return "`number`, `unit` and `upper_limit`"
        case _:
            return "`number`" if test.unit is None else f"`number` in {test.unit}"


def finding_names() -> set[str]:
    """Give the names of all findings that the preset reads."""
    return {test.finding for criterion in nct06245746().criteria for test in criterion.tests}


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
