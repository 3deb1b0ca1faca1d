"""What the tables of the configuration are made of."""

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0, le=1e9)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Address = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]
Days = Annotated[float, Meta(ge=0, le=36_500)]
Slot = Annotated[int, Meta(ge=0, le=254)]  # 255: the device does not know who it was
Port = Annotated[int, Meta(ge=0, le=65535)]
Url = Annotated[str, Meta(pattern=r"^(https?://[^\s?#]*[^\s?#/])?$")]
Passkey = Annotated[str, Meta(pattern=r"^([0-9]{6})?$")]
Irk = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{32})?$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""


def zone_known(name: str) -> bool:
    """Tell whether a time zone is known here."""
    from zoneinfo import ZoneInfo  # 0.2 MB, which a gateway need not have

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def plain(error: str) -> str:
    """Say msgspec's words in ours: `gateway.nmae: unknown key`."""
    what, _, where = error.replace("`key` in ", "").partition(" - at `$.")
    if "`key` in " in error:
        what = f"a user slot of the device is a number from 0 to 254: {what}"
    where = where.rstrip("`")
    if "matching regex '^[a-z0-9_-]" in what:
        what = "takes 1 to 64 of a-z, 0-9, _ and -"
    if "matching regex '^([0-9A-Fa-f]{2}" in what:
        what = "takes an address such as C0:00:00:00:00:01"
    if "matching regex '^([0-9]{6}" in what:
        what = "takes six digits, in quotes"
    if "matching regex '^([0-9A-Fa-f]{32" in what:
        what = "takes 32 hexadecimal digits"
    if "matching regex '^(https" in what:
        what = (
            "takes an address such as https://vitals.clinic.example, without a last /"
        )
    if what.startswith("Object contains unknown field"):
        key = what.split("`")[1]
        return f"{f'{where}.{key}' if where else key}: unknown key"
    return f"{where}: {what}" if where else what
