"""What one check of the doctor found, and how findings are printed."""

import textwrap
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warning", "PROBLEM"]

WIDTH = 80
NAMES = 14  # columns for the name, and for the level
LEVELS = 8


class Finding(Struct, frozen=True):
    """One row: what was looked at, how it is, and what to do about it."""

    name: str
    level: Level
    text: str


def ok(name: str, text: str) -> Finding:
    """Find nothing wrong."""
    return Finding(name, "ok", text)


def warning(name: str, text: str) -> Finding:
    """Find what the house runs with, but not as well as it should."""
    return Finding(name, "warning", text)


def problem(name: str, text: str) -> Finding:
    """Find what keeps the house from working."""
    return Finding(name, "PROBLEM", text)


def layout(findings: Iterable[Finding], width: int = WIDTH) -> str:
    """Print findings as aligned columns; a long text goes on below itself."""
    return "\n".join(_row(finding, width) for finding in findings)


def _row(finding: Finding, width: int) -> str:
    margin = NAMES + LEVELS
    text = textwrap.wrap(
        finding.text, width - margin, break_long_words=False, break_on_hyphens=False
    )
    first, *more = text or [""]
    head = f"{finding.name:<{NAMES}}{finding.level:<{LEVELS}}{first}"
    return "\n".join([head, *(" " * margin + line for line in more)])
