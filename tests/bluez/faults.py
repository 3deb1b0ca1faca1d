"""What happens to a real Bluetooth stack, and how it ends.

Each fault is done to a house in which everybody speaks.  The gateway is left alone.
"""

import asyncio
import time

AWAY_S = 5.0  # several tries of the gateway's
HUNG_S = 6.0


async def link_lost(house):
    """All wearables walk out of range, and back."""
    for wearable in house.sim.wearables:
        wearable.radio.vanish()
    await asyncio.sleep(2)
    for wearable in house.sim.wearables:
        wearable.radio.appear()


async def daemon_restarted(house):
    """Bluetoothd is killed, and started at once, as systemd does."""
    await house.vm.order("killall -9 bluetoothd; daemon")


async def daemon_away(house):
    """Bluetoothd is killed, and started after a while."""
    await house.vm.order("killall -9 bluetoothd")
    await asyncio.sleep(AWAY_S)
    await house.vm.order("daemon")


async def daemon_hung(house):
    """Bluetoothd stops answering, for a while."""
    await house.vm.order("killall -STOP bluetoothd")
    await asyncio.sleep(HUNG_S)
    await house.vm.order("killall -CONT bluetoothd")


async def adapter_unplugged(house):
    """The adapter is pulled out, and plugged in after a while."""
    house.adapter.pull()
    await house.vm.order("killall btattach")
    await asyncio.sleep(5)
    house.adapter.plug()
    await house.vm.order("adapter")


async def powered_off_and_on(house):
    """Somebody switches the adapter off, and on again."""
    await house.vm.order("bluetoothctl power off")
    await asyncio.sleep(2)
    await house.vm.order("bluetoothctl power on")


async def powered_off(house):
    """Somebody switches the adapter off, and leaves."""
    await house.vm.order("bluetoothctl power off")


async def controller_frozen(house):
    """The adapter's firmware hangs: it answers nothing but a reset."""
    house.adapter.freeze()


FAULTS = {
    fault.__name__: fault
    for fault in (
        *(link_lost, daemon_restarted, daemon_away, daemon_hung),
        *(adapter_unplugged, powered_off_and_on, powered_off, controller_frozen),
    )
}


async def recover(house, fault):
    """Do a fault; give the seconds from its begin, and from its end, to the recovery.

    Recovered is when every wearable has given two more records after the fault's end.
    """
    begin = time.monotonic()
    await fault(house)
    end = time.monotonic()
    await house.everybody_speaks()
    now = time.monotonic()
    return now - begin, now - end
