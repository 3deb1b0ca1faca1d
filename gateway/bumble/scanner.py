"""bleak's scanner, and advertisements in bleak's words."""

from functools import partial
from pathlib import Path
from typing import Any

from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bumble.core import AdvertisingData
from bumble.device import Advertisement

from gateway.bumble.central import Central
from gateway.bumble.words import uuid_text

SERVICE_UUIDS = (
    AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)


class BumbleScanner(BaseBleakScanner):
    """bleak's scanner on a `Central`."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        *_: object,
        bluez: dict[str, Any] | None = None,
        **__: object,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._bonds: Path | None = (bluez or {}).get("bonds")
        self._adapter = str((bluez or {}).get("adapter") or "")
        self._scan: Any = None

    async def start(self) -> None:
        """Scan, actively: names are in scan responses."""
        self.seen_devices = {}
        central = await Central.get(self._adapter, self._bonds)
        self._scan = central.scan(partial(self._on_advertisement, central))
        await self._scan.__aenter__()

    async def stop(self) -> None:
        """Scan no more."""
        scan, self._scan = self._scan, None
        if scan:
            await scan.__aexit__(None, None, None)

    def _on_advertisement(self, central: Central, advertisement: Advertisement) -> None:
        """Say it in bleak's words; a packet adds to what earlier ones said."""
        address = central.name(advertisement.address)
        _, before = self.seen_devices.get(address, (None, None))
        said = _advertised(advertisement, before)
        if not self.is_allowed_uuid(said.service_uuids):
            return
        name = said.local_name or address.replace(":", "-")
        details = {"adapter": self._adapter}
        device = self.create_or_update_device(address, address, name, details, said)
        self.call_detection_callbacks(device, said)


def _advertised(
    advertisement: Advertisement, before: AdvertisementData | None
) -> AdvertisementData:
    """Give an advertisement in bleak's words, completed by what was said before."""
    data = advertisement.data
    uuids = [uuid_text(uuid) for kind in SERVICE_UUIDS for uuid in data.get(kind) or ()]
    name = data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
    name = name or data.get(AdvertisingData.SHORTENED_LOCAL_NAME)
    if before:
        name, uuids = name or before.local_name, uuids or before.service_uuids
    makers = data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
    services = data.get_all(AdvertisingData.SERVICE_DATA_16_BIT_UUID)
    return AdvertisementData(
        local_name=name,
        manufacturer_data=dict(makers),
        service_data={uuid_text(uuid): octets for uuid, octets in services},
        service_uuids=uuids,
        tx_power=data.get(AdvertisingData.TX_POWER_LEVEL),
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )
