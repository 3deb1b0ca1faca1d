"""The GATT server of a wearable: a firmware's values as Bumble's services."""

import struct
from collections.abc import Callable

from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

from firmware_sim.firmware import Firmware, Refused
from vitals.gatt import battery, device_information
from vitals.gatt.device_information import build_text

Permissions = Characteristic.Permissions
NONE = Characteristic.Properties(0)
READ, WRITE = Characteristic.Properties.READ, Characteristic.Properties.WRITE
NOTIFY, INDICATE = Characteristic.Properties.NOTIFY, Characteristic.Properties.INDICATE
DISCOVERABLE = b"\x06"  # LE General Discoverable, no BR/EDR
LONGEST_NAME = 29  # octets, in one scan response


class Server:
    """What a wearable offers: its own service, Battery and Device Information.

    Attributes
    ----------
    measurement, battery
        The characteristics that change by themselves.
    """

    def __init__(
        self, device: Device, firmware: Firmware, level: Callable[[], bytes]
    ) -> None:
        self.firmware = firmware
        stream = INDICATE if firmware.indicates else NOTIFY
        self.measurement = _characteristic(firmware.measurement, stream)
        self.battery = _characteristic(
            battery.LEVEL, READ | NOTIFY, CharacteristicValue(read=lambda _: level())
        )
        device.add_service(
            _service(firmware.service, self.measurement, *self._attributes())
        )
        device.add_service(_service(battery.SERVICE, self.battery))
        name = str(device.name)
        device.add_service(_information(firmware.model, name))
        device.advertising_data = _advertisement(firmware.service)
        device.scan_response_data = _scan_response(name)
        device.keystore = MemoryKeyStore()  # Bumble's own choice is a file
        device.pairing_config_factory = _just_works

    def _attributes(self) -> list[Characteristic]:
        """Make the characteristics of the main service that are read or written."""
        properties = dict.fromkeys(self.firmware.values(), READ)
        for uuid in self.firmware.writable:
            properties[uuid] = properties.get(uuid, NONE) | WRITE
        return [self._attribute(uuid, p) for uuid, p in properties.items()]

    def _attribute(
        self, uuid: str, properties: Characteristic.Properties
    ) -> Characteristic:
        """Make a characteristic that asks the firmware."""

        def read(_: Connection) -> bytes:
            return self.firmware.values()[uuid]

        def write(_: Connection, value: bytes) -> None:
            try:
                self.firmware.write(uuid, value)
            except Refused as error:
                raise ATT_Error(error.code) from error

        value = CharacteristicValue(read=read, write=write)
        return _characteristic(uuid, properties, value)


def _characteristic(
    uuid: str,
    properties: Characteristic.Properties,
    value: CharacteristicValue | bytes = b"",
) -> Characteristic:
    """Make a characteristic; nothing here needs an encrypted link."""
    readable = Permissions.READABLE if properties & READ else Permissions(0)
    writable = Permissions.WRITEABLE if properties & WRITE else Permissions(0)
    return Characteristic(_short(uuid), properties, readable | writable, value)


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


def _advertisement(service: str) -> bytes:
    """Say that we can be connected to, and what for."""
    kind = AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS
    flags = AdvertisingData.FLAGS, DISCOVERABLE
    number = struct.pack("<H", int(service[4:8], 16))
    return bytes(AdvertisingData([flags, (kind, number)]))


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


def _just_works(_: Connection) -> PairingConfig:
    """Pair with anybody: a wearable has neither keys nor a display."""
    return PairingConfig(
        sc=True,
        mitm=False,
        bonding=True,
        delegate=PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT),
        identity_address_type=PairingConfig.AddressType.RANDOM,
    )
