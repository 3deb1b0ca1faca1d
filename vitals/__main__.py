"""The front door: `vitals COMMAND`.  Each command is a module of `vitals.cli`."""

import logging
import os
import sys

from vitals.cli import parser
from vitals.errors import VitalsError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; give the exit code: 0, or 1 with one line on stderr."""
    chosen = parser().parse_args(arguments)
    os.umask(0o077)  # what we write is a patient's, or a secret
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        return int(chosen.command(chosen) or 0)
    except VitalsError as error:
        print(f"vitals: {error}", file=sys.stderr)
        return 1
    except UnicodeDecodeError as error:
        print(f"vitals: not a text in UTF-8: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("vitals: stopped; nothing more was done", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has had enough
        sys.stderr.close()
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"vitals: {where}{error.strerror or error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
