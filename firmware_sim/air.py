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
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable

from bumble import core, hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport.common import AsyncPipeSink, StreamPacketSink, StreamPacketSource

import firmware_sim.quiet  # noqa: F401
from vitals.metrics import Metrics

LOG = logging.getLogger(__name__)
SUPERVISION_S = 1.0  # silence after which both ends give a link up
RSSI = -60  # dBm
UNIT_S = 0.625e-3  # of advertising intervals
ADV_DELAY_S = 0.01  # Core 5.3 vol 6 part B 4.4.2.2.1: at random from 0 to this
DATA_LENGTH = 251  # octets in a packet, with the data length extension
REPORT = hci.HCI_LE_Advertising_Report_Event
ACTIVE = hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING
NOBODY = hci.Address("00:00:00:00:00:00")  # Bumble's default public address
NO_CONNECTION = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR


class Air(LocalLink):  # type: ignore[misc]
    """The medium that all radios share."""

    def __init__(self, seed: int = 1, metrics: Metrics | None = None) -> None:
        super().__init__()
        self.metrics = metrics or Metrics()
        self.dice = random.Random(seed)
        self.centrals: set[Radio] = set()
        self.ports: set[_Port] = set()
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
        server = await loop.create_server(lambda: _Port(self), host, port)
        self._servers.append(server)
        return server

    def close(self) -> None:
        """Fall silent: no server, no HCI connection, no link, no advertisement."""
        for server in self._servers:
            server.close()
        for port in list(self.ports):
            port.transport.close()
        for radio in list(self.controllers):
            radio.unplug()

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
            _soon(peer.on_link_acl_data, link.self_address, transport, data)

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
            _soon(peer.on_ll_control_pdu, sender_address, packet)

    def send_advertising_pdu(self, sender: Radio, packet: ll.AdvertisingPdu) -> None:
        """Carry an advertisement to who listens, a connect request to its peer."""
        if not sender.on_air:
            return
        if isinstance(packet, ll.ConnectInd):
            # At once: the second central of this turn finds the advertiser gone.
            peer = self._owners[packet.advertiser_address]
            peer.on_ll_advertising_pdu(packet)
            return
        for central in self.centrals:
            if central is not sender and central.listens:
                _soon(central.hear, sender, packet)


class Radio(Controller):  # type: ignore[misc]
    """A Bluetooth LE controller: honest about RSSI, scan responses and lost links."""

    le_acl_data_packet_length = DATA_LENGTH
    supported_max_tx_octets = supported_max_rx_octets = DATA_LENGTH
    # Wearables of our kind speak Bluetooth 4.2, and Bumble's extended advertising
    # mistakes the event type of scan responses.
    le_features = Controller.le_features & ~(
        hci.LeFeatureMask.LE_EXTENDED_ADVERTISING
        | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )

    pending_le_connection: hci.HCI_LE_Create_Connection_Command | None = None

    def __init__(self, name: str, air: Air, rssi: int = RSSI) -> None:
        self.addresses: set[hci.Address] = set()
        self.rssi, self.on_air = rssi, True
        self._dropping: asyncio.TimerHandle | None = None
        super().__init__(name, link=air)
        self.le_legacy_advertiser = _Advertiser(self)

    @property
    def linked_addresses(self) -> set[hci.Address]:
        """Our own addresses that a link uses."""
        return {link.self_address for link in self.le_connections.values()}

    @property
    def listens(self) -> bool:
        """Whether an advertisement means anything to us now."""
        return self.on_air and bool(self.le_scan_enable or self.pending_le_connection)

    # Physics.

    def vanish(self, supervision_s: float = SUPERVISION_S) -> None:
        """Walk out of range: nothing is heard, then both ends give their links up."""
        self.on_air = False
        loop = asyncio.get_running_loop()
        self._dropping = loop.call_later(supervision_s, self.drop_links)

    def appear(self) -> None:
        """Walk back into range."""
        self.on_air = True
        if self._dropping:
            self._dropping.cancel()

    def drop_links(self) -> None:
        """End all links as a supervision timeout does."""
        reason = hci.HCI_CONNECTION_TIMEOUT_ERROR
        for mine in list(self.le_connections.values()):
            if theirs := self._other_end(mine):
                theirs.controller.on_le_disconnected(theirs, reason)
            self.on_le_disconnected(mine, reason)

    def unplug(self) -> None:
        """Take the radio out of its socket."""
        self.appear()
        self.le_legacy_advertiser.stop()
        self.drop_links()
        self.link.remove(self)

    def _other_end(self, mine: Connection) -> Connection | None:
        """Find the peer's side of a link."""
        peer = self.link.find_le_controller(mine.peer_address)
        return peer.le_connections.get(mine.self_address) if peer else None

    # Link layer.

    def hear(self, sender: Radio, packet: ll.AdvertisingPdu) -> None:
        """Take one advertisement: report it, connect to it, or both."""
        advertiser = sender.le_legacy_advertiser
        if not (advertiser.enabled and sender.on_air and self.on_air):
            return
        rssi = max(-127, min(20, round(sender.rssi + self.link.dice.gauss(0, 2))))
        address = packet.advertiser_address
        if self.le_scan_enable:
            self._report(REPORT.EventType.ADV_IND, address, packet.data, rssi)
            if self.le_scan_type == ACTIVE:
                response = advertiser.scan_response_data
                self._report(REPORT.EventType.SCAN_RSP, address, response, rssi)
        wanted = self.pending_le_connection
        if wanted and wanted.peer_address == address:
            self.create_le_connection(address)

    def on_ll_control_pdu(self, source: hci.Address, packet: ll.ControlPdu) -> None:
        """Take link-layer control, unless its link has just ended."""
        if source in self.le_connections:
            super().on_ll_control_pdu(source, packet)

    def _report(self, kind: int, address: hci.Address, data: bytes, rssi: int) -> None:
        """Tell the host of an advertisement."""
        report = REPORT.Report(
            event_type=kind,
            address_type=address.address_type,
            address=address,
            data=data,
            rssi=rssi,
        )
        self.send_hci_packet(REPORT([report]))

    # HCI commands that Bumble's controller lacks, or answers wrongly.

    def on_hci_le_set_scan_enable_command(
        self, command: hci.HCI_Command
    ) -> hci.HCI_ReturnParameters:
        """Scan; from now on advertisements are offered to us."""
        self.link.centrals.add(self)
        return super().on_hci_le_set_scan_enable_command(command)

    def on_hci_le_create_connection_command(self, command: hci.HCI_Command) -> None:
        """Connect; from now on advertisements are offered to us."""
        self.link.centrals.add(self)
        super().on_hci_le_create_connection_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, command: hci.HCI_Command
    ) -> hci.HCI_ReturnParameters:
        """Stop connecting, and say so with a Connection Complete (Core 7.8.13)."""
        wanted = self.pending_le_connection
        self.pending_le_connection = None
        if not wanted:
            code = hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR
            return hci.HCI_StatusReturnParameters(code)
        cancelled = hci.HCI_LE_Connection_Complete_Event(
            status=NO_CONNECTION,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=wanted.peer_address_type,
            peer_address=wanted.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        _soon(self.send_hci_packet, cancelled)  # after the command's own reply
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_read_rssi_command(
        self, command: hci.HCI_Command
    ) -> hci.HCI_ReturnParameters:
        """Answer with the peer's path loss."""
        link = self.find_le_connection_by_handle(command.handle)
        peer = self.link.find_le_controller(link.peer_address) if link else None
        return hci.HCI_Read_RSSI_ReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS if peer else NO_CONNECTION,
            handle=command.handle,
            rssi=peer.rssi if peer else 127,
        )


class _Advertiser(LegacyAdvertiser):  # type: ignore[misc]
    """Advertises in the units and with the jitter of the specification."""

    def _on_timer_fired(self) -> None:
        self.send_advertising_data()
        jitter = self.controller.link.dice.random() * ADV_DELAY_S
        pause = self.advertising_interval_min * UNIT_S + jitter
        loop = asyncio.get_running_loop()
        self.timer_handle = loop.call_later(pause, self._on_timer_fired)


class _Port(StreamPacketSource):  # type: ignore[misc]
    """One HCI connection over TCP: a controller that lives as long as it does."""

    def __init__(self, air: Air) -> None:
        super().__init__()
        self.air = air

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Plug a radio in."""
        self.transport = transport
        self.air.ports.add(self)
        self.peer = str(transport.get_extra_info("peername"))
        self.radio = Radio(self.peer, self.air)
        self.radio.set_packet_sink(StreamPacketSink(transport))
        self.set_packet_sink(self)

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
