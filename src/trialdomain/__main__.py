"""The entry point of the command line; it imports the commands inside ``try``, to catch an interruption there."""

import sys
from collections.abc import Sequence

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 success, 1 findings, 2 unusable input, 130 interrupted."""
    try:
        from trialdomain.cli.run import run  # noqa: PLC0415 - the import takes half a second, and Control-C may interrupt it

        return run(arguments)
    except KeyboardInterrupt:
        print("trialdomain: interrupted", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
