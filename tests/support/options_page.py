"""Every option of every command, from the parser: the generated end of the page of the commands.

Run this file to write it into ``docs/reference/commands.md``; a test compares the page with it.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from trialdomain.cli.run import _parser

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
FROM_HERE = "\n## Every option, command by command\n"
"""From here on the page is written from the code."""
_HEAD = """
What `trialdomain COMMAND --help` prints, as a table. Names come before options; an option that may be repeated is named
each time. Every command has `--help`, and `trialdomain --version` prints the version.
"""


def page() -> str:
    """Give the page: what stands above by hand, and the options."""
    by_hand, _, _ = PAGE.read_text(encoding="utf-8").partition(FROM_HERE)
    return by_hand + FROM_HERE + _HEAD + "".join(_tables())


def commands() -> dict[str, argparse.ArgumentParser]:
    """Give the parser of each command."""
    return dict(_commands(_parser(), ()))


def _commands(parser: argparse.ArgumentParser, name: tuple[str, ...]) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the parser of each command, and of each question that a command has."""
    subparsers = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no other way to ask
    if not subparsers:
        yield " ".join(name), parser
    for action in subparsers:
        for word, inner in action.choices.items():
            yield from _commands(inner, (*name, word))


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield what can be given to a command, but ``--help``."""
    yield from (action for action in parser._actions if not isinstance(action, argparse._HelpAction))  # noqa: SLF001 - as above


def _tables() -> Iterator[str]:
    for name, parser in commands().items():
        yield f"\n### `trialdomain {name}`\n\n{' '.join((parser.description or '').split())}\n"
        found = list(options(parser))
        if found:
            yield "\n| | |\n|---|---|\n"
        for action in found:
            needed = " (required)" if action.required and action.option_strings else ""
            yield f"| `{_shown(action)}` | {_cell(action.help or '')}{needed} |\n"


def _shown(action: argparse.Action) -> str:
    metavar = action.metavar or (action.dest if not action.option_strings else None)
    values = " ".join(metavar) if isinstance(metavar, tuple) else metavar
    if action.nargs == 0 or (values is None and action.const is not None):
        values = None
    elif values is None and action.choices is not None:
        values = "{" + ",".join(map(str, action.choices)) + "}"
    words = [", ".join(action.option_strings), values or ""]
    return " ".join(word for word in words if word)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").replace("%%", "%").split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
