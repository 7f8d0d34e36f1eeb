"""A plugin for pytest, which collects ``*.story`` files: each is one test.

pytest loads it by itself where this library is installed; ``-p no:trialdomain-stories`` leaves it out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

if TYPE_CHECKING:
    from trialdomain.stories.checking import Outcome


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "StoryFile | None":
    """Collect a story."""
    if file_path.suffix == ".story":
        found: StoryFile = StoryFile.from_parent(parent, path=file_path)
        return found
    return None


class StoryFile(pytest.File):
    """A file with one story."""

    @override
    def collect(self) -> Iterator[pytest.Item]:
        """Yield the story."""
        yield StoryItem.from_parent(self, name="story")


class _StoryFailed(Exception):
    """A story failed; the message has the lines of every failure."""


class StoryItem(pytest.Item):
    """One story as a test."""

    @override
    def runtest(self) -> None:
        """Tell the story."""
        from trialdomain.stories.checking import check_story  # noqa: PLC0415 - pytest loads this module in every run

        outcome: Outcome = check_story(self.path)
        if not outcome.passed:
            raise _StoryFailed("\n".join(line for failure in outcome.failures for line in failure.sentences))

    @override
    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *args: Any, **named: Any) -> Any:
        """Show the failures of a story, or why it cannot be read, without a traceback."""
        from trialdomain.errors import TrialError  # noqa: PLC0415 - as above
        from trialdomain.stories.faults import StoryMalformed  # noqa: PLC0415 - as above

        if isinstance(excinfo.value, StoryMalformed):
            return "\n".join(excinfo.value.sentences)
        if isinstance(excinfo.value, _StoryFailed | TrialError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, *args, **named)

    @override
    def reportinfo(self) -> tuple[Path, None, str]:
        """Name the file."""
        return self.path, None, self.path.name
