"""The front door: `vitals COMMAND`.  Each command is a module of `vitals.cli`."""

import logging
import sys

from vitals.cli import parser
from vitals.errors import VitalsError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; give the exit code: 0, or 1 with one line on stderr."""
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        return int(chosen.command(chosen) or 0)
    except VitalsError as error:
        print(f"vitals: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # the reader of our output has had enough
        sys.stderr.close()
        return 0


if __name__ == "__main__":
    sys.exit(main())
