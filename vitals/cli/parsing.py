"""What the parsers of all commands share."""

import argparse
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias

Parsers: TypeAlias = "argparse._SubParsersAction[Parser]"


class Help(argparse.HelpFormatter):
    """Help for 80 columns, however wide the terminal.

    To ask it, argparse imports `shutil` and with it the compressors, whether help is
    wanted or not: 0.5 MB of a gateway's memory.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class Parser(argparse.ArgumentParser):
    """A parser with our help; so are those of its commands."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - argparse's
        super().__init__(formatter_class=Help, **options)


def data_folder(command: argparse.ArgumentParser, what: str) -> None:
    """Let a command be told where the data lies."""
    command.add_argument("--data", metavar="DIR", help=what)
    config_file(command)


def config_file(command: "argparse._ActionsContainer") -> None:
    """Let a command be told its configuration."""
    command.add_argument(
        "--config",
        metavar="FILE",
        default="vitals.toml",
        help="default: vitals.toml; deploy/vitals.toml is the documented sample",
    )


def later(module: str, function: str = "main") -> Callable[[argparse.Namespace], int]:
    """Import a command's module when it runs."""

    def command(chosen: argparse.Namespace) -> int:
        found = getattr(import_module(f"vitals.cli.{module}"), function)
        try:
            return int(found(chosen) or 0)
        except ImportError as error:
            from vitals.cli.stages import missing

            raise missing(error) from error

    return command
