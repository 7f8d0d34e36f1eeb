"""``trialdomain new-protocol``: a new protocol's own project, with its tests."""

import argparse
import os
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

from trialdomain.cli.output import print_lines
from trialdomain.cli.parser import Parser
from trialdomain.cli.starter import TRIAL, project_files
from trialdomain.errors import InputInvalid
from trialdomain.storage.plain_files import refuse_beside
from trialdomain.values.given.filename import named
from trialdomain.values.ids import CodeInvalid, check_id


def add_new_protocol(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "new-protocol",
        help="write a small project: a protocol, stories, a property test",
        description="Write a small project of your own: a protocol in TOML, stories, and a property test. All tests "
        "pass as written; change the protocol, and see which fail.",
    )
    parser.add_argument("folder", metavar="DIR", type=named, help="a new or empty folder")
    parser.add_argument("--trial", metavar="ID", type=_code, default=TRIAL, help=f"the code of the trial ({TRIAL})")
    parser.set_defaults(run=_run)


def _code(text: str) -> str:
    try:
        return check_id("trial", text)
    except CodeInvalid as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    try:
        _write(folder, project_files(arguments.trial))
    except OSError as error:
        raise InputInvalid(f"{folder} cannot be written: {error.strerror}: name another folder") from None
    print_lines(
        [
            f"{folder} has a protocol of trial {arguments.trial}, 2 stories and 2 tests.",
            f"Next: cd {folder}, then pytest (it needs the extra testing: pip install 'trialdomain[testing]')",
        ]
    )
    return 0


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write all files, or none: into a folder beside it, which gets the name when it is complete."""
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise InputInvalid(f"{folder} has files already: name a new or an empty folder")
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputInvalid(f"{folder} is no folder: name a new or an empty folder")
    whole = folder.resolve()
    refuse_beside(whole)
    part = whole.with_name(f".{token_hex(8)}.part")
    try:
        for path, text in texts.items():
            file = part / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        if whole.is_dir():  # it may be the folder in which the user stands, so it stays, and is filled
            for one in part.iterdir():
                one.rename(whole / one.name)
        else:
            part.rename(whole)
    finally:
        rmtree(part, ignore_errors=True)
