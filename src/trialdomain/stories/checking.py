"""Check stories: tell each, and say in sentences what failed."""

from pathlib import Path

import attrs

from trialdomain.errors import LogUnusable
from trialdomain.storage.plain_files import open_plain
from trialdomain.stories.expectations import Failed
from trialdomain.stories.faults import StoryMalformed
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.story import Line, Story
from trialdomain.stories.telling import tell
from trialdomain.values.given.filename import is_no_file, unread
from trialdomain.values.given.in_short import in_short
from trialdomain.values.progress import Progress, ignore_progress

_MOST_BYTES = 1 << 26
"""The most bytes of a story; that of a simulated trial has 200 kB."""


@attrs.frozen(kw_only=True)
class Failure:
    """One line of a story that failed."""

    __repr__ = in_short

    file: str
    line: Line
    failed: Failed

    @property
    def sentences(self) -> tuple[str, ...]:
        """The failure in lines: the line, what was expected, what came of whom, what made it so, what to do."""
        place = f"{self.file}, line {self.line.number}" if self.file else f"line {self.line.number}"
        because = [f"  line {one.number}: {one.text}" for one in self.failed.because]
        return (
            f"{place}: {self.line.text}",
            f"  expected: {self.failed.expected}",
            f"  came: {self.failed.came}",
            *(f"    {one}" for one in self.failed.each),
            *(["  what made it so:", *(f"  {one}" for one in because)] if because else []),
            *([f"  {self.failed.instead}"] if self.failed.instead else []),
        )


@attrs.frozen(kw_only=True)
class Outcome:
    """The result of a story: the number of its lines and expectations, and what failed."""

    __repr__ = in_short

    story: Story
    told: int
    """The number of lines that were told."""
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """Whether every line was told, and every expectation holds."""
        return not self.failures


def check_story(
    given: str | Path, *, file: str = "", folder: Path | None = None, progress: Progress = ignore_progress
) -> Outcome:
    """Tell a story, and compare what comes with what it expects.

    Args:
        given: the path of a ``*.story`` file, or the story itself as a text.
        file: the name of a story that is given as a text, for failures.
        folder: the folder of the files that it names; by default that of the story.
        progress: called with the number of lines told so far.

    Raises:
        StoryMalformed: a line cannot be read, or its protocol is invalid.
        LogUnusable: the file cannot be read.
    """
    if isinstance(given, Path):
        file, text = str(given), read_text(given)
        folder = folder or given.parent
    else:
        text = given
    failures, told = [], 0
    try:
        story = parse_story(text, file=file)
        for _, line, failed in tell(story, folder=folder, progress=progress):
            told += 1
            if failed is not None:
                failures.append(Failure(file=file, line=line, failed=failed))
    except StoryMalformed as fault:
        raise fault.within(text) from None
    return Outcome(story=story, told=told, failures=tuple(failures))


def read_text(path: Path) -> str:
    """Read the text of a story.

    Raises:
        LogUnusable: the file cannot be read, or is no text.
    """
    if is_no_file(path):
        raise LogUnusable(f"{path} is a folder, a pipe or a device: name the file with the story")
    try:
        with open_plain(path) as file:
            read = file.read(_MOST_BYTES + 1)
        if len(read) > _MOST_BYTES:
            raise LogUnusable(f"{path} has more than {_MOST_BYTES} bytes, and cannot be a story: name another file")
        return read.decode("utf-8-sig")
    except OSError as error:
        raise LogUnusable(unread(path, error)) from None
    except UnicodeDecodeError as error:
        raise LogUnusable(f"{path} is not UTF-8 at byte {error.start + 1}: save the story as text") from None
