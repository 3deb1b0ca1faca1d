"""What a peer offers, as bleak's collection of services."""

from collections.abc import Callable

from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bumble import gatt_client
from bumble.device import Peer

from gateway.bumble.words import uuid_text


async def discover(
    peer: Peer, wanted: set[str] | None, room: Callable[[], int]
) -> BleakGATTServiceCollection:
    """Discover everything, or the wanted services.

    Parameters
    ----------
    peer
        Who is asked.
    wanted
        UUIDs of services; None or none of them: all there are.
    room
        Gives the octets that one write without response may carry.
    """
    found = BleakGATTServiceCollection()
    for proxy in await peer.discover_services():
        uuid = uuid_text(proxy.uuid)
        if not wanted or uuid in wanted:
            service = BleakGATTService(proxy, proxy.handle, uuid)
            found.add_service(service)
            for each in await proxy.discover_characteristics():
                properties = list(gatt_char_props_to_strs(each.properties))
                characteristic = BleakGATTCharacteristic(
                    each, each.handle, uuid_text(each.uuid), properties, room, service
                )
                found.add_characteristic(characteristic)
                await _describe(found, characteristic)
    return found


async def _describe(
    found: BleakGATTServiceCollection, characteristic: BleakGATTCharacteristic
) -> None:
    """Add a characteristic's descriptors."""
    proxy: gatt_client.CharacteristicProxy = characteristic.obj
    if proxy.end_group_handle > proxy.handle:
        for each in await proxy.discover_descriptors():
            uuid = uuid_text(each.type)
            descriptor = BleakGATTDescriptor(each, each.handle, uuid, characteristic)
            found.add_descriptor(descriptor)
