"""``trialdomain check`` and ``story``: check stories, and write a log as a story."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from trialdomain.cli.asking import add_known_at, add_log, asked_history
from trialdomain.cli.output import print_report, progress_bar, say_written
from trialdomain.cli.parser import Parser
from trialdomain.cli.places import NEW_FILE
from trialdomain.errors import InputInvalid
from trialdomain.exchange.files import write_text
from trialdomain.stories.checking import check_story
from trialdomain.stories.faults import StoryMalformed
from trialdomain.stories.report import Checked, Fault, stories_report
from trialdomain.stories.writing import story_of
from trialdomain.values.given.filename import named
from trialdomain.values.progress import Progress

_SUFFIX = ".story"


def add_check(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``check`` to the command line."""
    parser = commands.add_parser(
        "check",
        help="check stories: tests of a protocol in plain text",
        description="Tell stories, and compare what comes with what they expect.",
    )
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", type=named, help=f"a story, or a folder of files that end in {_SUFFIX}"
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=_check)


def add_story(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add ``story`` to the command line."""
    parser = commands.add_parser(
        "story",
        help="write a log as a story",
        description="Write a trial of a log as a story that passes: told again, it records the same facts, and answers "
        "the same.",
    )
    add_log(parser)
    add_known_at(parser)
    parser.add_argument("--out", metavar="FILE", type=named, help=f"write it into {NEW_FILE}; by default it is printed")
    parser.set_defaults(run=_story)


def _check(arguments: argparse.Namespace) -> int:
    files = list(_files(arguments.paths))
    if not files:
        raise InputInvalid(f"there is no file that ends in {_SUFFIX}: name a story, or a folder with stories")
    with progress_bar() as progress:
        checked = [_checked(file, progress) for file in files]
    print_report(stories_report(checked), as_json=arguments.json)
    return 0 if all(one.passed for one in checked) else 1


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the stories: each named file, and those of a folder in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(path.rglob(f"*{_SUFFIX}"))
        else:
            yield path


def _checked(file: Path, progress: Progress) -> Checked:
    try:
        outcome = check_story(file, progress=lambda _, done, total: progress(file.name, done, total))
    except StoryMalformed as fault:
        return Checked(file=str(file), fault=Fault.of(fault))
    return Checked(file=str(file), outcome=outcome)


def _story(arguments: argparse.Namespace) -> int:
    with asked_history(arguments) as history, progress_bar() as progress:
        text = story_of(history, progress=progress)
    if arguments.out is None:
        print(text, end="")
        return 0
    write_text(arguments.out, text, log=arguments.log)
    say_written(f"the story of trial {history.trial} is in {arguments.out}", arguments.out)
    return 0
