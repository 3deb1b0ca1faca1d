"""What the tables of the configuration are made of."""

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[float, Meta(gt=0, le=1e9)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Address = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$")]
Days = Annotated[float, Meta(ge=0, le=36_500)]
Slot = Annotated[int, Meta(ge=0, le=254)]  # 255: the device does not know who it was
Port = Annotated[int, Meta(ge=0, le=65535)]
Passkey = Annotated[str, Meta(pattern=r"^([0-9]{6})?$")]
Irk = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{32})?$")]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""
