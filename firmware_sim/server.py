"""The GATT server of a wearable: a firmware's values as Bumble's services."""

import struct
from collections.abc import Callable

from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CCCD,
)
from bumble.gatt import Characteristic, CharacteristicValue, Service

from firmware_sim.firmware import Firmware, Refused
from firmware_sim.identity import WearableDevice
from vitals.gatt import battery, device_information
from vitals.gatt.device_information import build_text

Permissions = Characteristic.Permissions
NONE = Characteristic.Properties(0)
WRITE_NOT_PERMITTED = 0x03  # ATT error
READ, WRITE = Characteristic.Properties.READ, Characteristic.Properties.WRITE
NOTIFY, INDICATE = Characteristic.Properties.NOTIFY, Characteristic.Properties.INDICATE
DISCOVERABLE = b"\x06"  # LE General Discoverable, no BR/EDR
LONGEST_NAME = 29  # octets, in one scan response


class Server:
    """What a wearable offers: its own services, Battery and Device Information.

    Attributes
    ----------
    streams
        The characteristics that speak by themselves, and the part that each is of.
    battery
        The battery level.
    characteristics
        Those of the wearable's own services, by UUID.
    """

    def __init__(
        self,
        device: WearableDevice,
        firmware: Firmware,
        level: Callable[[], bytes],
        written: Callable[[Firmware, Connection], None],
    ) -> None:
        self.firmware, self._written = firmware, written
        self.streams: list[tuple[Firmware, Characteristic]] = []
        self.characteristics: dict[str, Characteristic] = {}
        self.battery = _characteristic(
            battery.LEVEL, READ | NOTIFY, CharacteristicValue(read=lambda _: level())
        )
        services: dict[str, list[Characteristic]] = {}
        for part in firmware.parts:
            services.setdefault(part.service, []).extend(self._attributes(part))
        for service, characteristics in services.items():
            device.add_service(_service(service, *characteristics))
        device.add_service(_service(battery.SERVICE, self.battery))
        name = str(device.name)
        device.add_service(_information(firmware.model, name))
        device.advertising_data = _advertisement(*services)
        device.scan_response_data = _scan_response(name)
        for service, characteristics in services.items():
            _guard(device, service, *characteristics)
        _guard(device, battery.SERVICE, self.battery)

    def _attributes(self, part: Firmware) -> list[Characteristic]:
        """Make a part's characteristics: the one that streams, and the others."""
        made = [self._attribute(part, u, p) for u, p in _properties(part).items()]
        if part.measurement:
            stream = INDICATE if part.indicates else NOTIFY
            measurement = _characteristic(part.measurement, stream)
            self.streams.append((part, measurement))
            self.characteristics[part.measurement] = measurement
            made.insert(0, measurement)
        return made

    def _attribute(
        self, part: Firmware, uuid: str, properties: Characteristic.Properties
    ) -> Characteristic:
        """Make a characteristic that asks the firmware."""

        def read(_: Connection) -> bytes:
            return part.values()[uuid]

        def write(link: Connection, value: bytes) -> None:
            if not properties & WRITE:  # Bumble does not look
                raise ATT_Error(WRITE_NOT_PERMITTED)
            try:
                part.write(uuid, value)
            except Refused as error:
                raise ATT_Error(error.code) from error
            self._written(part, link)

        value = CharacteristicValue(read=read, write=write)
        made = _characteristic(uuid, properties, value)
        self.characteristics[uuid] = made
        return made


def _properties(part: Firmware) -> dict[str, Characteristic.Properties]:
    """Give what can be done with a part's characteristics, the stream left out."""
    properties = dict.fromkeys(part.values(), READ)
    for uuid in part.writable:
        properties[uuid] = properties.get(uuid, NONE) | WRITE
    for uuid in part.control_points:
        properties[uuid] = WRITE | INDICATE
    for uuid in part.companions:
        properties[uuid] = NOTIFY
    return properties


def _characteristic(
    uuid: str,
    properties: Characteristic.Properties,
    value: CharacteristicValue | bytes = b"",
) -> Characteristic:
    """Make a characteristic that anybody may use."""
    readable = Permissions.READABLE if properties & READ else Permissions(0)
    writable = Permissions.WRITEABLE if properties & WRITE else Permissions(0)
    return Characteristic(_short(uuid), properties, readable | writable, value)


def _guard(
    device: WearableDevice, service: str, *characteristics: Characteristic
) -> None:
    """Let values be read, written and subscribed to only over what they need."""
    for characteristic in characteristics:
        characteristic.permissions |= device.guard
        of = _short(service), characteristic.uuid, CCCD
        if subscription := device.gatt_server.get_descriptor_attribute(*of):
            subscription.permissions |= device.guard


def _service(uuid: str, *characteristics: Characteristic) -> Service:
    """Make a primary service."""
    return Service(_short(uuid), list(characteristics))


def _information(model: str, serial: str) -> Service:
    """Make the Device Information service."""
    texts = {
        device_information.MANUFACTURER: "Vitals simulation",
        device_information.MODEL: model,
        device_information.SERIAL: serial,
        device_information.FIRMWARE: "1.0.0",
    }
    return _service(
        device_information.SERVICE,
        *(_characteristic(u, READ, build_text(text)) for u, text in texts.items()),
    )


def _advertisement(*services: str) -> bytes:
    """Say that we can be connected to, and what for."""
    kind = AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
    flags = AdvertisingData.FLAGS, DISCOVERABLE
    numbers = struct.pack(f"<{len(services)}H", *(int(s[4:8], 16) for s in services))
    return bytes(AdvertisingData([flags, (kind, numbers)]))


def _scan_response(name: str) -> bytes:
    """Say our name, as much of it as fits."""
    octets = name.encode()
    whole = len(octets) <= LONGEST_NAME
    complete, short = (
        AdvertisingData.COMPLETE_LOCAL_NAME,
        AdvertisingData.SHORTENED_LOCAL_NAME,
    )
    said = octets[:LONGEST_NAME].decode(errors="ignore").encode()
    return bytes(AdvertisingData([(complete if whole else short, said)]))


def _short(uuid: str) -> UUID:
    """Give the 16-bit form of an assigned UUID, which is what goes over the air."""
    return UUID.from_16_bits(int(uuid[4:8], 16))
