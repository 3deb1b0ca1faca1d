"""One antenna of the virtual radio: Bumble's controller with its gaps closed.

`firmware_sim.air` lists the gaps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from bumble import hci, ll
from bumble.controller import Connection, Controller, LegacyAdvertiser
from bumble.core import PhysicalTransport

import firmware_sim.quiet  # noqa: F401

if TYPE_CHECKING:
    from firmware_sim.air import Air

SUPERVISION_S = 1.0  # silence after which both ends give a link up
RSSI = -60  # dBm
UNIT_S = 0.625e-3  # of advertising intervals
ADV_DELAY_S = 0.01  # Core 5.3 vol 6 part B 4.4.2.2.1: at random from 0 to this
DATA_LENGTH = 251  # octets in a packet, with the data length extension
NOTIFICATION = b"\x04\x00\x1b"  # L2CAP's channel of ATT, and the opcode
REPORT = hci.HCI_LE_Advertising_Report_Event
ACTIVE = hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING
NO_CONNECTION = hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR


class Radio(Controller):  # type: ignore[misc]
    """A Bluetooth LE controller: honest about RSSI, scan responses and lost links.

    Attributes
    ----------
    rssi
        At which others hear it, dBm.
    loss
        By which it hears others worse, dB.
    fading
        The share of its advertisements that nobody hears.
    on_loss
        Is told of every notified value that left here and arrived nowhere.
    """

    fading, loss = 0.0, 0.0
    hung = False  # it answers its host nothing, and hears nobody
    on_loss: Callable[[bytes], None] | None = None
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

    def die(self, supervision_s: float = SUPERVISION_S) -> None:
        """Lose power: our links are gone at once, the other ends notice later."""
        self.on_air = False
        loop, reason = asyncio.get_running_loop(), hci.HCI_CONNECTION_TIMEOUT_ERROR
        for mine in list(self.le_connections.values()):
            if theirs := self._other_end(mine):
                gone = theirs.controller.on_le_disconnected
                loop.call_later(supervision_s, _if_there, gone, theirs, reason)
            self.on_le_disconnected(mine, reason)

    def hang(self) -> None:
        """Hang, as firmware does; the host hears of nothing, not even of lost links."""
        self.hung = True
        self.vanish()

    def recover(self) -> None:
        """Answer again."""
        self.hung = False
        self.appear()

    def on_packet(self, packet: bytes) -> None:
        """Take a packet of the host."""
        if not self.hung:
            super().on_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Say something to the host."""
        if not self.hung:
            super().send_hci_packet(packet)

    def lose(self, data: bytes) -> None:
        """Take note that a packet of ours arrived nowhere."""
        if self.on_loss and data[2:5] == NOTIFICATION:
            self.on_loss(data[7:])

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
        heard = sender.rssi - self.loss + self.link.dice.gauss(0, 2)
        rssi = max(-127, min(20, round(heard)))
        address = packet.advertiser_address
        if self.le_scan_enable:
            self._report(REPORT.EventType.ADV_IND, address, packet.data, rssi)
            if self.le_scan_type == ACTIVE:
                response = advertiser.scan_response_data
                self._report(REPORT.EventType.SCAN_RSP, address, response, rssi)
        wanted = self.pending_le_connection
        if wanted and wanted.peer_address == address:
            self.create_le_connection(address)

    def on_link_acl_data(
        self, source: hci.Address, transport: PhysicalTransport, data: bytes
    ) -> None:
        """Take data, unless its link has just ended: then the sender has lost it."""
        if source in self.le_connections:
            super().on_link_acl_data(source, transport, data)
        elif sender := self.link.find_le_controller(source):
            sender.lose(data)

    def on_hci_acl_data_packet(self, packet: hci.HCI_AclDataPacket) -> None:
        """Send data, unless its link has just ended."""
        if self.find_connection_by_handle(packet.connection_handle):
            super().on_hci_acl_data_packet(packet)
        else:
            self.lose(packet.data)

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

    def on_hci_reset_command(
        self, command: hci.HCI_Command
    ) -> hci.HCI_ReturnParameters:
        """Be as new (Core 7.3.2): peers lose their links, the host hears of none."""
        for mine in list(self.le_connections.values()):
            if theirs := self._other_end(mine):
                reason = hci.HCI_CONNECTION_TIMEOUT_ERROR
                theirs.controller.on_le_disconnected(theirs, reason)
        self.le_connections.clear()
        self.pending_le_connection, self.le_scan_enable = None, False
        self.le_legacy_advertiser.stop()
        return super().on_hci_reset_command(command)

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


def _if_there(
    gone: Callable[[Connection, int], None], link: Connection, reason: int
) -> None:
    """End one side of a link, if it has not ended otherwise."""
    if link in link.controller.le_connections.values():
        gone(link, reason)


def _soon(call: Callable[..., None], *arguments: object) -> None:
    """Call in the next turn, as a radio never answers in the same breath."""
    asyncio.get_running_loop().call_soon(call, *arguments)
