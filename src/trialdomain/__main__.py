"""The command line's entry point: it imports the commands where an interruption of that is caught."""

import sys
from collections.abc import Sequence

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: 0 is fine, 1 is findings, 2 is unusable input, 130 is interrupted."""
    try:
        from trialdomain.cli.run import run  # noqa: PLC0415 - it takes half a second, in which Control-C may come

        return run(arguments)
    except KeyboardInterrupt:
        print("trialdomain: interrupted", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
