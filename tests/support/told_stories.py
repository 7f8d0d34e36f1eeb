"""Tell a story for a test, and give its log as a story and as facts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trialdomain.events.recorded import Entry
from trialdomain.events.trial import SoftwareChanged, TrialExported
from trialdomain.history import History
from trialdomain.stories.parsing import parse_story
from trialdomain.stories.story import Story
from trialdomain.stories.telling import tell
from trialdomain.stories.writing import story_of


def facts_of(entries: Iterator[Entry]) -> list[tuple[Any, ...]]:
    """Give the facts of a log in their order, but for what a log gives itself: a version, and a root."""
    recorded = sorted(entries, key=lambda entry: entry.position)
    own = (SoftwareChanged, TrialExported)
    return [
        (e.stream, type(e.fact) if isinstance(e.fact, own) else e.fact, e.meta.user, e.meta.corrects, e.meta.deviation)
        for e in recorded
    ]


def told(story: Story, folder: Path) -> tuple[str, list[tuple[Any, ...]]]:
    """Tell a story that passes; give its log as a story, and its facts."""
    for state, line, failed in tell(story, folder=folder):
        assert failed is None, (line.text, failed)
        if line is story.lines[-1]:
            history = state.site.history
            return story_of(history), facts_of(history.entries())
    raise AssertionError("a story has a line")


def told_again(history: History) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Write a log as a story, and tell it; give the facts of the log, and those of the story."""
    _, second = told(parse_story(story_of(history)), Path())
    return facts_of(history.entries()), second
