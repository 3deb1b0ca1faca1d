"""What BlueZ tells of a device that it hears: Device1's properties."""

from uuid import UUID

from bumble import core
from bumble.core import AdvertisingData
from bumble.device import Advertisement
from dbus_fast import Variant

from firmware_sim.bluez.objects import Props

SERVICES = (
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


def address(advertisement: Advertisement) -> str:
    """Give the advertiser's address without its type."""
    return str(advertisement.address).partition("/")[0]


def stranger(advertisement: Advertisement, adapter: str) -> Props:
    """Give the properties of a device that was never heard before."""
    public = advertisement.address.is_public
    not_yet = "Paired", "Bonded", "Trusted", "Blocked", "Connected", "ServicesResolved"
    return {
        "Adapter": Variant("o", adapter),
        "Address": Variant("s", address(advertisement)),
        "AddressType": Variant("s", "public" if public else "random"),
        "Alias": Variant("s", address(advertisement).replace(":", "-")),
        "UUIDs": Variant("as", []),
        **dict.fromkeys(not_yet, Variant("b", False)),
    }


def said(advertisement: Advertisement) -> Props:
    """Give the properties that an advertisement or a scan response tells."""
    data = advertisement.data
    props = {"RSSI": Variant("n", advertisement.rssi)}
    name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
    if name := name or data.get(AdvertisingData.SHORTENED_LOCAL_NAME):
        props |= dict.fromkeys(("Name", "Alias"), Variant("s", name))
    if uuids := [full(uuid) for kind in SERVICES for uuid in data.get(kind) or ()]:
        props["UUIDs"] = Variant("as", uuids)
    if (power := data.get(AdvertisingData.TX_POWER_LEVEL)) is not None:
        props["TxPower"] = Variant("n", power)
    if makers := data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA):
        octets = {company: Variant("ay", value) for company, value in makers}
        props["ManufacturerData"] = Variant("a{qv}", octets)
    return props


def full(uuid: core.UUID) -> str:
    """Give a UUID as BlueZ writes it."""
    return str(UUID(bytes=uuid.to_bytes(force_128=True)[::-1]))
