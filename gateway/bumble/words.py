"""How bleak writes what Bumble has objects for."""

from bleak.uuids import normalize_uuid_str
from bumble import core, hci


def uuid_text(uuid: core.UUID) -> str:
    """Give a UUID as bleak writes it."""
    return normalize_uuid_str(uuid.to_hex_str("-"))


def address_text(address: hci.Address) -> str:
    """Give an address as bleak writes it, without its type."""
    return str(address).partition("/")[0]
