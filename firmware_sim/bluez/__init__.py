"""BlueZ without a Bluetooth adapter: `org.bluez` on a D-Bus, in front of the radio.

A program that speaks to BlueZ, such as bleak's own backend, runs unmodified against the
simulated wearables: point DBUS_SYSTEM_BUS_ADDRESS at a private dbus-daemon, and run

    python -m firmware_sim.bluez unix:path=PATH tcp-client:127.0.0.1:6402

What real BlueZ 5.66 does, measured on one, and what is copied here:

- Even Just Works pairing needs somebody to ask: without an agent it is refused.
- Reading a protected value pairs by itself, and without an agent it never returns.
- Who pairs is known by its identity address, under the path that it was met under.
- A device that is bonded, and has lost the key, is hung up on.
- A device that is neither connected nor bonded is forgotten 30 s after the scan.
- Only what changed of an advertisement is signalled, but every notification is.

Not copied: passive scans (AdvertisementMonitor), AcquireNotify and AcquireWrite, the
two seconds that a disconnection takes, the hiding of services 0x1800 and 0x1801.
"""
