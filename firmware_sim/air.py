"""A virtual radio: Bumble's link and controller with their gaps closed.

`Air` is the medium and `Radio` one antenna in it.  A host attaches in this process
with `Air.host()`, or from anywhere through `Air.serve()`: HCI over TCP, one controller
per connection, as a Bluetooth dongle would be.

Gaps of bumble 0.0.236 that are closed here; tests/firmware_sim/test_air.py holds each:

- RSSI is a constant: here, a path loss per radio, with jitter.
- A scan response repeats the advertisement: here, what the advertiser put there.
- Create Connection Cancel does nothing, and the host waits for ever: here, it ends.
- Two centrals may both win one peripheral: here, the first does.
- The source of data is always the random address: here, the connection's own.
- The advertising interval is read as ms instead of 0.625 ms, and never jittered.
- Every packet is offered to every controller: here, one look-up.
- Nothing is ever out of range: here, `Radio.vanish` and `Radio.appear`.
- A reset adapter keeps its links and goes on scanning: here, it is as new.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from bumble import core, hci, ll
from bumble.core import PhysicalTransport
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

import firmware_sim.quiet  # noqa: F401
from firmware_sim.radio import RSSI, SUPERVISION_S, Radio
from vitals.metrics import Metrics

__all__ = ["SUPERVISION_S", "Air", "Port", "Radio"]

LOG = logging.getLogger(__name__)
NOBODY = hci.Address("00:00:00:00:00:00")  # Bumble's default public address


class Air(LocalLink):  # type: ignore[misc]
    """The medium that all radios share.

    Attributes
    ----------
    latency_s
        From one end of a link to the other.
    shut
        Whether adapters over TCP are pulled out as soon as they are plugged in.
    """

    latency_s = 0.0
    shut = False

    def __init__(self, seed: int = 1, metrics: Metrics | None = None) -> None:
        super().__init__()
        self.metrics = metrics or Metrics()
        self.dice = random.Random(seed)
        self.centrals: set[Radio] = set()
        self.ports: set[Port] = set()
        self._servers: list[asyncio.Server] = []
        self._owners: dict[hci.Address, Radio] = {}

    def host(self, name: str, rssi: int = RSSI) -> Host:
        """Attach a host of this process; `host.hci_sink.sink` is its `Radio`."""
        radio = Radio(name, self, rssi)
        return Host(radio, AsyncPipeSink(radio))

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Speak HCI over TCP; every connection gets a controller of its own.

        Raises
        ------
        OSError
            The port is taken.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Port(self), host, port)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Fall silent: no server, no HCI connection, no link, no advertisement."""
        for server in self._servers:
            server.close()
        self.unplug()
        for radio in list(self.controllers):
            radio.unplug()

    def unplug(self) -> None:
        """Pull all adapters over TCP out."""
        for port in list(self.ports):
            port.transport.close()

    def remove(self, radio: Radio) -> None:
        """Forget a radio that was unplugged."""
        self.controllers.discard(radio)
        self.centrals.discard(radio)
        self._owners = {a: r for a, r in self._owners.items() if r is not radio}

    # What Bumble's controller calls.

    def on_address_changed(self, radio: Radio) -> None:
        """Note a radio's new random address; its links keep the one they began with."""
        for address in [a for a in radio.addresses if a not in radio.linked_addresses]:
            self._owners.pop(address, None)
            radio.addresses.discard(address)
        radio.addresses |= {radio.random_address, radio.public_address} - {NOBODY}
        self._owners |= dict.fromkeys(radio.addresses, radio)

    def find_le_controller(self, address: hci.Address) -> Radio | None:
        """Give the radio that answers to an address."""
        return self._owners.get(address)

    def send_acl_data(
        self,
        sender: Radio,
        destination: hci.Address,
        transport: PhysicalTransport,
        data: bytes,
    ) -> None:
        """Carry data between two radios that hear each other."""
        link = sender.le_connections.get(destination)
        peer = self._owners.get(destination)
        if link and peer and sender.on_air and peer.on_air:
            self._carry(peer.on_link_acl_data, link.self_address, transport, data)
        else:
            sender.lose(data)

    def send_ll_control_pdu(
        self,
        sender_address: hci.Address,
        receiver_address: hci.Address,
        packet: ll.ControlPdu,
    ) -> None:
        """Carry link-layer control; what is out of range hears nothing."""
        sender = self._owners.get(sender_address)
        peer = self._owners.get(receiver_address)
        if peer and peer.on_air and (sender is None or sender.on_air):
            self._carry(peer.on_ll_control_pdu, sender_address, packet)

    def _carry(self, call: Callable[..., None], *arguments: object) -> None:
        """Take something to the other end of a link, in order."""
        loop = asyncio.get_running_loop()
        if self.latency_s:
            loop.call_later(self.latency_s, call, *arguments)
        else:
            loop.call_soon(call, *arguments)

    def send_advertising_pdu(self, sender: Radio, packet: ll.AdvertisingPdu) -> None:
        """Carry an advertisement to who listens, a connect request to its peer."""
        if not sender.on_air:
            return
        if isinstance(packet, ll.ConnectInd):
            # At once: the second central of this turn finds the advertiser gone.
            peer = self._owners[packet.advertiser_address]
            peer.on_ll_advertising_pdu(packet)
            return
        if sender.fading and self.dice.random() < sender.fading:
            return
        for central in self.centrals:
            if central is not sender and central.listens:
                _soon(central.hear, sender, packet)


class Port(StreamPacketSource):  # type: ignore[misc]
    """One HCI connection over TCP: a controller that lives as long as it does."""

    def __init__(self, air: Air) -> None:
        super().__init__()
        self.air = air

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Plug a radio in."""
        self.transport = transport
        self.air.ports.add(self)
        self.peer = str(transport.get_extra_info("peername"))
        self.radio = self.controller()
        self.radio.set_packet_sink(StreamPacketSink(transport))
        self.set_packet_sink(self)
        if self.air.shut:
            transport.close()

    def controller(self) -> Radio:
        """Make the controller that answers here."""
        return Radio(self.peer, self.air)

    def connection_lost(self, error: Exception | None) -> None:
        """Pull it out: its links break."""
        self.air.ports.discard(self)
        self.radio.unplug()

    def data_received(self, data: bytes) -> None:
        """Take octets; what does not even begin like HCI is refused."""
        try:
            self.parser.feed_data(data)
        except core.InvalidPacketError as error:
            self._refuse(error)

    def on_packet(self, packet: bytes) -> None:
        """Take a packet that has a packet's shape."""
        if self.transport.is_closing():
            return
        try:
            self.radio.on_packet(packet)
        except Exception as error:  # Bumble raises whatever its parser trips over
            self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        """Hang up on who does not speak HCI."""
        if not self.transport.is_closing():
            self.air.metrics.count("sim_malformed_total")
            LOG.warning("%s does not speak HCI: %s; hung up", self.peer, error)
            self.transport.close()


def _soon(call: Callable[..., None], *arguments: object) -> None:
    """Call in the next turn, as a radio never answers in the same breath."""
    asyncio.get_running_loop().call_soon(call, *arguments)
