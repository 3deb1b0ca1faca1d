"""The virtual radio as the adapter of a Linux host: HCI over a UART (H4).

    adapter = await attach(air, "/path/of/socket")

The socket is the host's end of the wire: `hci_uart` of a virtual machine listens there.
What a real Linux asks of an adapter that Bumble's hosts do not:

- Between unplugging and plugging in, the wire carries a terminal's echo: here, what is
  no packet is passed over, and half a packet is forgotten after a silence.
- An adapter has a public address.
- Linux hides behind resolvable addresses where the controller can resolve them, which
  Bumble's cannot: here, it does not say that it can.
"""

import asyncio

from bumble import hci

from firmware_sim.air import SUPERVISION_S, Air, Port, Radio

ADDRESS = hci.Address("00:16:3E:00:00:01", hci.Address.PUBLIC_DEVICE_ADDRESS)
GAP_S = 0.1  # of silence on the wire, after which a packet begins anew
RESET = hci.HCI_Reset_Command().op_code


async def attach(air: Air, path: str) -> "Adapter":
    """Be the adapter at the other end of a UART until it closes, or the air does.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_unix_connection(lambda: Uart(air), path)
    return wire.adapter


class Adapter(Radio):
    """A controller that can be unplugged, or hang."""

    le_features = Radio.le_features & ~hci.LeFeatureMask.LL_PRIVACY

    def __init__(self, name: str, air: Air) -> None:
        self._deaf, self._mute = False, False
        super().__init__(name, air)
        self.public_address = ADDRESS
        air.on_address_changed(self)

    def freeze(self) -> None:
        """Hang, as firmware does: answer nothing until the host resets us."""
        self._mute = True
        self.vanish(SUPERVISION_S)

    def pull(self) -> None:
        """Be pulled out of the socket."""
        self._deaf = self._mute = True
        self.on_air = False
        self.drop_links()

    def plug(self) -> None:
        """Be in the socket again, and as new."""
        self._deaf = False
        self._recover()

    def on_packet(self, packet: bytes) -> None:
        """Take a packet of the host."""
        kind, code = packet[0], int.from_bytes(packet[1:3], "little")
        if self._deaf or kind not in (hci.HCI_COMMAND_PACKET, hci.HCI_ACL_DATA_PACKET):
            return
        if self._mute and (kind, code) == (hci.HCI_COMMAND_PACKET, RESET):
            self._recover()
        if not self._mute:
            super().on_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        """Tell the host."""
        if not self._mute:
            super().send_hci_packet(packet)

    def _recover(self) -> None:
        self.drop_links()
        self._mute = False
        self.appear()


class Uart(Port):
    """The wire: it carries more than packets at times."""

    _heard = 0.0

    @property
    def adapter(self) -> Adapter:
        """Who answers here."""
        adapter: Adapter = self.radio
        return adapter

    def controller(self) -> Adapter:
        """Make the adapter."""
        return Adapter("uart", self.air)

    def data_received(self, data: bytes) -> None:
        """Take octets; pass over what is no packet."""
        now = asyncio.get_running_loop().time()
        if now - self._heard > GAP_S:
            self.parser.reset()
        self._heard = now
        super().data_received(data)

    def _refuse(self, error: Exception) -> None:
        """Begin anew; a wire cannot hang up."""
        self.parser.reset()
