"""Faults at work on the real radio, heard through bleak; time jumps."""

import asyncio
from itertools import pairwise

import pytest
from bleak.exc import BleakError

from firmware_sim.ledger import read
from gateway.bumble import BumbleScanner
from vitals.gatt import battery, blood_pressure, health_thermometer, heart_rate
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.simulation import SimFault


@pytest.fixture
def worn(home, tmp_path):
    """A wearable with faults, and the ledger of what became of its values."""

    def make(kind, *faults, **options):
        made = tuple(SimFault(**fault) for fault in faults)
        path = tmp_path / "ledger"
        config = home((kind, {"faults": made, **options}), ledger=str(path))
        return config, lambda code: [
            entry
            for entry in read(path.read_text().splitlines())
            if entry.characteristic == code
        ]

    return make


async def listen(client, characteristic, **options):
    got = []
    await client.start_notify(
        characteristic,
        lambda _, v: got.append((asyncio.get_running_loop().time(), bytes(v))),
        **options,
    )
    return got


async def hear(h, seconds, characteristic=heart_rate.MEASUREMENT):
    """Listen with a gateway that connects again and again; give when and what."""
    got, loop = [], asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        gone = asyncio.Event()
        try:
            client = await h.client(
                timeout=5.0, disconnected_callback=lambda _, g=gone: g.set()
            )
            async with client:
                await client.start_notify(
                    characteristic, lambda _, v: got.append((loop.time(), bytes(v)))
                )
                async with asyncio.timeout(max(0, end - loop.time())):
                    await gone.wait()
        except (BleakError, TimeoutError, AttributeError):
            await asyncio.sleep(0.1)
    return got


def ticking():
    """Give the right time, which does not stand still."""
    return 1_700_000_000_000 + round(1000 * asyncio.get_running_loop().time())


def frames(entries):
    return [entry.heard for entry in entries for _ in range(entry.frames)]


def test_a17_what_is_lost_doubled_garbled_or_late_is_in_the_ledger_to_the_frame(
    jump, house, worn
):
    config, ledger = worn(
        "strap",
        {"kind": "lost", "probability": 0.2},
        {"kind": "doubled", "probability": 0.2},
        {"kind": "garbled", "probability": 0.2},
        {"kind": "late", "probability": 0.2, "amount": 2.5},
    )

    async def main():
        async with house(config) as h, await h.client() as client:
            got = await listen(client, heart_rate.MEASUREMENT)
            await asyncio.sleep(600)
            await h.sim.stop()
            await asyncio.sleep(10)
            return [value for _, value in got], h.metrics.counters

    got, counters = jump(main())
    entries = ledger("2a37")
    fates = {entry.fate for entry in entries}
    assert fates == {"sent", "lost", "doubled", "garbled", "late"}
    assert got == frames(entries)
    assert len(entries) == pytest.approx(600, abs=3)
    assert (
        len(got)
        == len(entries) - counters["sim_lost_total"] + counters["sim_doubled_total"]
    )
    # The controls: a frame less, a frame more, two in another order.
    assert got[1:] != frames(entries)
    assert [*got, got[-1]] != frames(entries)
    assert [got[1], got[0], *got[2:]] != frames(entries)


def test_what_leaves_while_the_link_breaks_is_lost_and_the_ledger_knows(
    jump, house, worn
):
    config, ledger = worn(
        "strap", {"kind": "drop", "at_s": 20, "for_s": 5, "every_s": 30}, every_s=0.1
    )

    async def main():
        async with house(config) as h:
            return await hear(h, 290)

    got = [value for _, value in jump(main())]
    entries = ledger("2a37")
    lost = [entry for entry in entries if entry.fate == "lost"]
    assert got == frames(entries)
    assert 9 * 5 < len(lost) < 10 * 12  # a second of values for each of nine drops
    assert len(entries) == len(got) + len(lost)


@pytest.mark.parametrize("kind", ["drop", "radio_gone"])
def test_out_of_reach_nothing_is_heard_and_afterwards_everything_again(
    jump, house, worn, kind
):
    config, _ = worn("strap", {"kind": kind, "at_s": 30, "for_s": 20})

    async def main():
        async with house(config) as h:
            return [when for when, _ in await hear(h, 80)]

    times = jump(main())
    assert not [t for t in times if 31.2 < t < 50]
    assert len([t for t in times if t < 30]) > 25
    assert len([t for t in times if t > 52]) > 20


def test_silent_is_cured_by_a_new_link_and_mute_is_not(jump, house, worn):
    async def said(config, connect_at):
        async with house(config) as h:
            client = await h.client()
            async with client:
                await listen(client, heart_rate.MEASUREMENT)
                await asyncio.sleep(connect_at - asyncio.get_running_loop().time())
            async with client:
                got = await listen(client, heart_rate.MEASUREMENT)
                await asyncio.sleep(20)
                assert client.is_connected
            return len(got)

    silent, _ = worn("strap", {"kind": "silent", "at_s": 10, "for_s": 100})
    mute, _ = worn("strap", {"kind": "mute", "at_s": 10, "for_s": 100})
    assert jump(said(silent, 30)) > 15
    assert jump(said(mute, 30)) == 0


def test_a6_a_link_can_be_connected_and_silent(jump, house, worn):
    config, _ = worn("strap", {"kind": "silent", "at_s": 10, "for_s": 100})

    async def main():
        async with house(config) as h, await h.client() as client:
            got = await listen(client, heart_rate.MEASUREMENT)
            await asyncio.sleep(60)
            assert client.is_connected
            assert await client.read_gatt_char(battery.LEVEL)
            return [when for when, _ in got]

    assert max(jump(main())) < 11


def test_a_lost_confirmation_makes_the_wearable_say_it_again(jump, house, worn):
    config, ledger = worn(
        "thermometer", {"kind": "unconfirmed", "at_s": 15, "for_s": 10}, every_s=10
    )

    async def main():
        async with house(config, ticking) as h:
            stored = []

            async def store(value):
                stored.append(bytes(value))

            client = await h.client()
            for _ in range(2):
                async with client:
                    await client.start_notify(
                        health_thermometer.MEASUREMENT,
                        lambda *_: None,
                        confirm_after=store,
                    )
                    await asyncio.sleep(55)
                    if client.is_connected:
                        await h.sim.stop()
            return stored

    stored = jump(main())
    again = [value for value in set(stored) if stored.count(value) == 2]
    entries = ledger("2a1c")
    assert len(again) == 1
    assert [e.value for e in entries if e.retried] == again
    assert {e.value for e in entries} == set(stored)


def test_a_lost_indication_comes_in_the_end(jump, house, worn):
    config, ledger = worn("cuff", {"kind": "lost", "at_s": 0, "for_s": 20}, every_s=300)

    async def main():
        async with house(config, ticking) as h:
            return await hear(h, 60, blood_pressure.MEASUREMENT)

    got = [value for _, value in jump(main())]
    entries = ledger("2a35")
    assert got == [entry.value for entry in entries]
    assert [entry.retried for entry in entries] == [1, 0]


def test_a_weak_signal_is_weak_and_seldom_heard(jump, house, worn):
    config, _ = worn(
        "strap",
        {"kind": "weak_signal", "at_s": 60, "for_s": 60, "probability": 0.9},
    )

    async def main():
        async with house(config):
            heard = []
            scanner = BumbleScanner(
                lambda _, said: heard.append(
                    (asyncio.get_running_loop().time(), said.rssi)
                ),
                None,
                bluez={"adapter": "air"},
            )
            await scanner.start()
            await asyncio.sleep(180)
            await scanner.stop()
            return heard

    heard = jump(main())
    near = [rssi for t, rssi in heard if t < 60]
    far = [rssi for t, rssi in heard if 60 <= t < 120]
    after = [rssi for t, rssi in heard if t >= 120]
    assert sum(near) / len(near) == pytest.approx(sum(far) / len(far) + 30, abs=2)
    assert len(far) < len(near) / 5
    assert len(after) == pytest.approx(len(near), rel=0.1)


def test_a15_a_dying_battery_says_so_to_the_end(jump, house, worn):
    config, _ = worn("strap", {"kind": "battery", "at_s": 60, "for_s": 600})

    async def main():
        async with house(config) as h:
            gone = asyncio.Event()
            client = await h.client(disconnected_callback=lambda _: gone.set())
            await client.connect()
            levels = await listen(client, battery.LEVEL)
            await gone.wait()
            when = asyncio.get_running_loop().time()
            assert await h.find(timeout=60) is None
            return [value[0] for _, value in levels], when

    levels, when = jump(main())
    assert levels == sorted(levels, reverse=True)
    assert (len(levels), levels[-1] < 10) == (19, True)  # each 30 s
    assert when == pytest.approx(660, abs=3)


def test_a_hostile_peripheral_disturbs_nobody_else(jump, house, home):
    hostile = {"faults": (SimFault(kind="hostile"),)}
    config = home(("strap", hostile), ("strap", {}), ("thermometer", hostile))

    async def main():
        async with house(config) as h:
            calm = await h.client(1)
            failures = 0
            async with calm:
                got = await listen(calm, heart_rate.MEASUREMENT)
                began = asyncio.get_running_loop().time()
                while asyncio.get_running_loop().time() < began + 300:
                    for n in (0, 2):
                        try:
                            async with asyncio.timeout(10):
                                async with await h.client(n, timeout=5.0):
                                    await asyncio.sleep(1)
                        except (BleakError, TimeoutError):
                            failures += 1
                seconds = asyncio.get_running_loop().time() - began
            return failures, [when for when, _ in got], seconds

    failures, times, seconds = jump(main())
    assert failures > 20
    assert len(times) == pytest.approx(seconds, abs=3)
    assert max(b - a for a, b in pairwise(times)) < 1.1


def test_a_lying_strap_lies_over_the_air(jump, house, worn):
    config, ledger = worn("strap", {"kind": "zero", "at_s": 10, "for_s": 10})

    async def main():
        async with house(config) as h, await h.client() as client:
            got = await listen(client, heart_rate.MEASUREMENT)
            await asyncio.sleep(30)
            return [HeartRateMeasurement.parse(v).rate for _, v in got]

    rates = jump(main())
    assert rates.count(0) == 10
    assert [HeartRateMeasurement.parse(e.value).rate for e in ledger("2a37")] == rates
