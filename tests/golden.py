"""Golden vectors as pytest params; each row names who else vouches for its bytes."""

import tomllib
from pathlib import Path

import pytest

from vitals.gatt.numbers import Special


def vectors(name, table="vector"):
    path = Path(__file__).parent / "vectors" / f"{name}.toml"
    rows = tomllib.loads(path.read_text(encoding="utf-8"))[table]
    return [pytest.param(row, id=row["name"]) for row in rows]


def octets(row):
    return bytes.fromhex(row["bytes"])


def number(value):
    """A number as it stands in a vector: 36.6, or the name of a Special."""
    return Special[value] if isinstance(value, str) else value
