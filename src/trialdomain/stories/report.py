"""The report of stories that were checked."""

from collections.abc import Iterator, Sequence

import attrs

from trialdomain.reports.json import Json
from trialdomain.reports.report import Block, Lines, Report
from trialdomain.stories.checking import Failure, Outcome
from trialdomain.stories.faults import StoryMalformed
from trialdomain.values.given.plural import how_many, singular_or


@attrs.frozen(kw_only=True)
class Fault:
    """Why a story cannot be read."""

    line: int
    column: int
    why: str
    sentences: tuple[str, ...]
    """The fault with its file, its line and its column, and the line itself with a mark."""

    @classmethod
    def of(cls, fault: StoryMalformed) -> "Fault":
        """Take the fault of an error."""
        return cls(line=fault.line, column=fault.column, why=fault.why, sentences=fault.sentences)


@attrs.frozen(kw_only=True)
class Checked:
    """One story that was checked: its outcome, or the fault for which it cannot be read."""

    file: str
    outcome: Outcome | None = None
    fault: Fault | None = None

    @property
    def passed(self) -> bool:
        """Whether the story was read, and passed."""
        return self.outcome is not None and self.outcome.passed


def stories_report(checked: Sequence[Checked]) -> Report:
    """Report which stories passed, and every failure with its line."""
    failed = sum(not one.passed for one in checked)
    told = sum(one.outcome.told for one in checked if one.outcome is not None)
    passed = how_many(len(checked) - failed, "story", "stories")
    title = f"{passed} passed, {failed} failed; {told} {singular_or(told, 'line')} told"

    def blocks() -> Iterator[Block]:
        for one in checked:
            if one.fault is not None:
                yield Lines(one.fault.sentences)
            elif one.outcome is not None:
                yield from (Lines(failure.sentences) for failure in one.outcome.failures)
        yield Lines([title])

    return Report(
        title=title, blocks=blocks, json=lambda: {"passed": not failed, "stories": [_json(one) for one in checked]}
    )


def _json(one: Checked) -> dict[str, Json]:
    failures = [] if one.outcome is None else [_failure(failure) for failure in one.outcome.failures]
    fault: Json = None
    if one.fault is not None:
        fault = {"line": one.fault.line, "column": one.fault.column, "why": one.fault.why}
    return {
        "file": one.file,
        "passed": one.passed,
        "lines": 0 if one.outcome is None else one.outcome.told,
        "failures": list(failures),
        "fault": fault,
    }


def _failure(failure: Failure) -> dict[str, Json]:
    return {
        "line": failure.line.number,
        "text": failure.line.text,
        "expected": failure.failed.expected,
        "came": failure.failed.came,
        "each": list(failure.failed.each),
        "because": [{"line": line.number, "text": line.text} for line in failure.failed.because],
    }
