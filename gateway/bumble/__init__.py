"""A bleak backend on Bumble's host stack: gateway and radio without BlueZ.

    BleakScanner(backend=BumbleScanner, bluez={"adapter": "tcp-client:127.0.0.1:6402"})
    BleakClient(device, backend=BumbleClient, bluez={"adapter": ...})

The adapter is a Bumble transport: "tcp-client:HOST:PORT" (the simulation's radio),
"usb:0", "serial:/dev/ttyACM0", or any name that a host of this process was plugged in
under with `Central.plug`.  All scanners and clients of one adapter share one `Central`.
`bluez={"bonds": path}` names the file of its bonds, and `BleakClient(pairing=...)` says
whom a link is made to: only such a client pairs by itself, when a value needs it.

**Confirmed means stored.**  bleak hands keyword arguments of `start_notify` that it
does not know to the backend (its BlueZ backend ignores them), so:

    await client.start_notify(characteristic, callback, confirm_after=stored)

where `async def stored(value: bytearray) -> None` returns once the value is safe.  An
indication's confirmation is sent to the wearable when it has returned, and never if it
raised or the link was lost meanwhile: the wearable then keeps the value and sends it
again.  `callback` has been called before.  A notification has no confirmation, and
`confirm_after` changes nothing for it.

What Bumble does not forgive, and where it is dealt with:

- A cancelled request's late answer is given to the next request: `exchange` shields.
- A lost link cancels the requests under way, which looks like our own cancellation:
  `exchange` tells the two apart.
- A cancelled `connect_le` leaves the controller connecting: `Central.dial` never does.
- One connection attempt at a time, and an absent peer would hold it: it is heard first.
- Who has given us its resolving key is listened for, without end, under a private
  address: `bonds.Resolver` tells who it is, and it is dialled as it was heard.
- A bond is filed under the address that the peer claims: `Bonds.keep`.
- An exception in a subscriber keeps back the confirmation: callbacks run on their own.
- It is heavy to import, and formats logs that are off: `lean`.
"""

# ruff: noqa: E402

from gateway.bumble import lean

# Every module of the package is imported through this file, so before any loads Bumble:
lean.postpone_cryptography()

from gateway.bumble.central import Central
from gateway.bumble.client import BumbleClient
from gateway.bumble.scanner import BumbleScanner

lean.hush()

__all__ = ["BumbleClient", "BumbleScanner", "Central"]
