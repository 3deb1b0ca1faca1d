import asyncio
import json
import socket

import pytest
from bleak import BleakClient, BleakScanner

from firmware_sim import service
from firmware_sim.service import simulation
from gateway.bumble import BumbleClient, BumbleScanner, Central
from vitals.errors import ConfigError, Unavailable
from vitals.gatt import battery, blood_pressure, health_thermometer, heart_rate
from vitals.gatt.heart_rate import HeartRateMeasurement
from vitals.metrics import Metrics

CLOCK = lambda: 1_700_000_000_000  # noqa: E731


async def subscribe(client, characteristic, **options):
    values = asyncio.Queue()
    await client.start_notify(
        characteristic, lambda _, v: values.put_nowait(bytes(v)), **options
    )
    return values


def drained(values):
    return [values.get_nowait() for _ in range(values.qsize())]


def as_recorded(got, recorded):
    """Whether every interval is there once, in order, to the nearest 1/1024 s."""
    return len(got) == len(recorded) and all(
        abs(rr - ms * 1.024) <= 0.5 for rr, ms in zip(got, recorded, strict=True)
    )


def test_a_recorded_heart_waits_for_its_subscriber_and_arrives_whole(
    jump, house, home, tmp_path
):
    recorded = [round(400 + 500 * (n * 73 % 311) / 311, 3) for n in range(3000)]
    path = tmp_path / "rr.txt"
    path.write_text("".join(f"{ms}\n" for ms in recorded))

    async def main():
        async with house(home(("strap", {"rr": str(path)}))) as h:
            await asyncio.sleep(500)  # nobody listens yet
            client = await h.client()
            got = []
            for _ in range(4):
                await client.connect()
                values = await subscribe(client, heart_rate.MEASUREMENT)
                await asyncio.sleep(300.3)
                await client.stop_notify(heart_rate.MEASUREMENT)
                await asyncio.sleep(100)  # nobody listens
                got += drained(values)
                await client.disconnect()
                await asyncio.sleep(100)
            async with client:
                values = await subscribe(client, heart_rate.MEASUREMENT)
                await asyncio.sleep(3000)
                got += drained(values)
            return [
                rr for v in got for rr in HeartRateMeasurement.parse(v).rr_intervals
            ]

    got = jump(main())
    assert as_recorded(got, recorded)
    # The controls: one lost, one doubled, two swapped, one off by a tick.
    assert not as_recorded(got[:-1], recorded)
    assert not as_recorded(got[:9] + got[8:], recorded)
    assert not as_recorded([got[1], got[0], *got[2:]], recorded)
    assert not as_recorded([got[0] + 1, *got[1:]], recorded)


def test_everything_sent_is_in_the_ledger_before_it_arrives(
    jump, house, home, tmp_path
):
    path = tmp_path / "ledger.jsonl"
    config = home(
        ("strap", {"name": "hr-1"}),
        ("cuff", {"every_s": 5}),
        ("thermometer", {}),
        ledger=str(path),
    )
    streams = (
        heart_rate.MEASUREMENT,
        blood_pressure.MEASUREMENT,
        health_thermometer.MEASUREMENT,
    )

    def lines():
        return [json.loads(line) for line in path.read_text().splitlines()]

    async def main():
        async with house(config) as h:
            got = []

            def take(characteristic):
                def callback(_, value):
                    short = characteristic[4:8]
                    got.append((short, bytes(value).hex()))
                    assert got[-1] in [
                        (x["characteristic"], x["value"]) for x in lines()
                    ]

                return callback

            clients = [await h.client(n) for n in range(3)]
            for client, stream in zip(clients, streams, strict=True):
                await client.connect()
                level = await client.read_gatt_char(battery.LEVEL)
                got.append(("2a19", level.hex()))
                await client.start_notify(stream, take(stream))
            await asyncio.sleep(60)
            await h.sim.stop()
            await asyncio.sleep(60)
            for client in clients:
                assert client.is_connected
                await client.disconnect()
            return got, h.sent

    got, sent = jump(main())
    said = [(line["characteristic"], line["value"]) for line in lines()]
    assert sorted(said) == sorted(got)
    assert sent == len(got) > 70
    first = lines()[0]
    assert first["device"] == "hr-1"
    assert first["address"] == "C0:00:00:00:00:01"
    assert first["t"] == CLOCK()


def test_an_unconfirmed_indication_is_sent_again_to_the_next_subscriber(
    jump, house, home
):
    async def main():
        async with house(home(("cuff", {"every_s": 20}))) as h:
            lost = []

            async def never(value):
                lost.append(bytes(value))
                await asyncio.Event().wait()

            client = await h.client()
            await client.connect()
            await client.start_notify(
                blood_pressure.MEASUREMENT, lambda *_: None, confirm_after=never
            )
            await asyncio.sleep(5)
            h.radio().vanish(0.3)
            await asyncio.sleep(1)
            h.radio().appear()
            async with client:
                values = await subscribe(client, blood_pressure.MEASUREMENT)
                await asyncio.sleep(2)
                got = drained(values)
            assert len(lost) == 1
            assert got[0] == lost[0]
            assert h.sent == len(got)
            assert h.metrics.counters["sim_retried_total"] == 1

    jump(main())


def test_half_a_minute_without_confirmation_ends_the_link(jump, house, home):
    async def main():
        async with house(home(("cuff", {}))) as h:
            gone = asyncio.Event()

            async def fails(value):
                await asyncio.Event().wait()

            client = await h.client(disconnected_callback=lambda _: gone.set())
            await client.connect()
            began = asyncio.get_running_loop().time()
            await client.start_notify(
                blood_pressure.MEASUREMENT, lambda *_: None, confirm_after=fails
            )
            await gone.wait()
            assert 30 <= asyncio.get_running_loop().time() - began < 33

    jump(main())


def test_stopping_waits_for_what_is_on_its_way(jump, house, home):
    async def main():
        async with house(home(("thermometer", {}))) as h:
            stored = []

            async def slowly(value):
                await asyncio.sleep(3)
                stored.append(bytes(value))

            client = await h.client()
            await client.connect()
            await client.start_notify(
                health_thermometer.MEASUREMENT, lambda *_: None, confirm_after=slowly
            )
            await asyncio.sleep(1.5)  # one is under way
            await h.sim.stop()
            assert len(stored) == h.sent == 1
            await asyncio.sleep(100)
            assert len(stored) == 1
            await client.disconnect()

    jump(main())


def test_who_goes_away_loses_the_link_and_sends_nothing_meanwhile(jump, house, home):
    course = [{"at_s": 30, "for_s": 20, "state": "gone"}]

    async def main():
        async with house(home(("strap", {}), course=course)) as h:
            gone = asyncio.Event()
            client = await h.client(disconnected_callback=lambda _: gone.set())
            await client.connect()
            values = await subscribe(client, heart_rate.MEASUREMENT)
            await gone.wait()
            assert asyncio.get_running_loop().time() == pytest.approx(31, abs=0.5)
            assert h.sent == values.qsize() > 20
            await asyncio.sleep(25)
            async with client:
                values = await subscribe(client, heart_rate.MEASUREMENT)
                await asyncio.sleep(5)
                assert values.qsize() > 2

    jump(main())


def test_the_battery_runs_down_and_says_so(jump, house, home):
    async def main():
        async with (
            house(home(("thermometer", {}))) as h,
            await h.client() as client,
        ):
            (before,) = await client.read_gatt_char(battery.LEVEL)
            values = await subscribe(client, battery.LEVEL)
            await asyncio.sleep(2 * 3600)
            assert [v[0] for v in drained(values)] == [before - 1, before - 2]

    jump(main())


def test_speed_makes_everything_faster(jump, house, home):
    async def main():
        async with (
            house(home(("strap", {}), speed=10.0)) as h,
            await h.client() as client,
        ):
            values = await subscribe(client, heart_rate.MEASUREMENT)
            await asyncio.sleep(10)
            got = [HeartRateMeasurement.parse(v) for v in drained(values)]
        assert 95 <= len(got) <= 101
        assert 55 < sum(m.rate for m in got) / len(got) < 80

    jump(main())


def test_wearables_do_not_all_speak_at_once(jump, house, home):
    async def main():
        async with house(home(*[("strap", {})] * 10)) as h:
            return {w._phase() for w in h.sim.wearables}

    assert len(jump(main())) == 10


@pytest.mark.parametrize(
    ("wearable", "says"),
    [
        ({"address": "00:11:22:33:44:55"}, r"wearables\.0\.address: .* static"),
        ({"address": "C0:11:22:33:44"}, "static"),
        ({"address": "C0:11:22:33:44:GG"}, "static"),
        ({"person": "nobody"}, r"wearables\.0\.person: nobody in sim\.people"),
        ({"rr": "no/such/file"}, "no/such/file: cannot read"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_its_path(
    jump, house, home, wearable, says
):
    async def main():
        async with house(home(("strap", wearable))):
            pass

    with pytest.raises(ConfigError, match=says):
        jump(main())


def test_two_wearables_cannot_share_an_address(jump, house, home):
    async def main():
        same = {"address": "C0:00:00:00:00:01"}
        async with house(home(("strap", same), ("cuff", same))):
            pass

    with pytest.raises(ConfigError, match=r"wearables\.1\.address: .* twice"):
        jump(main())


def test_only_a_strap_plays_recordings(jump, house, home, tmp_path):
    async def main():
        async with house(home(("cuff", {"rr": str(tmp_path / "rr")}))):
            pass

    with pytest.raises(ConfigError, match="a cuff has no RR"):
        jump(main())


def test_a_busy_port_is_one_clear_refusal(run, home):
    async def main():
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            async with simulation(home(("strap", {})), Metrics(), CLOCK) as sim:
                with pytest.raises(Unavailable, match=f"{port} is in use; .* sim.port"):
                    await sim.serve("127.0.0.1", port)

    run(main())


def test_a_ledger_that_cannot_be_opened_is_refused(jump, home, tmp_path):
    async def main():
        config = home(("strap", {}), ledger=str(tmp_path / "no" / "ledger"))
        async with simulation(config, Metrics(), CLOCK):
            pass

    with pytest.raises(Unavailable, match=r"sim\.ledger"):
        jump(main())


def test_garbage_at_the_port_disturbs_nobody(run, home, caplog):
    async def main():
        metrics = Metrics()
        async with simulation(home(("strap", {})), metrics, CLOCK) as sim:
            port = await sim.serve("127.0.0.1", 0)
            for garbage in (
                b"GET / HTTP/1.1\r\n\r\n",
                b"\x01\xff\xff\x00",
                b"\x04" * 999,
            ):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(garbage)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
            adapter = f"tcp-client:127.0.0.1:{port}"
            device = await BleakScanner.find_device_by_address(
                sim.wearables[0].address,
                backend=BumbleScanner,
                bluez={"adapter": adapter},
            )
            assert device
            await (await Central.get(adapter)).close()
            # The second is an unknown command, which HCI has an answer for.
            assert metrics.counters["sim_malformed_total"] == 2
            await asyncio.sleep(0.05)
            assert len(sim.air.controllers) == 1

    run(main())
    assert sum("does not speak HCI" in r.message for r in caplog.records) == 2
    caplog.clear()


def test_run_serves_until_cancelled_and_tells_its_port(run, home, beside):
    async def main():
        metrics = Metrics()
        async with beside(service.run(home(("strap", {})), metrics, CLOCK)):
            while not (port := metrics.gauges.get("sim_port")):
                await asyncio.sleep(0.01)
            _, writer = await asyncio.open_connection("127.0.0.1", int(port))
            writer.close()

    run(main())


@pytest.mark.slow
@pytest.mark.parametrize("count", [20, 100])
def test_a_crowd_is_heard_through_tcp_and_nothing_is_lost(run, home, count):
    async def main():
        config = home(*[("strap", {})] * count)
        metrics = Metrics()
        got = []
        async with simulation(config, metrics, CLOCK) as sim:
            port = await sim.serve("127.0.0.1", 0)
            adapter = f"tcp-client:127.0.0.1:{port}"

            async def listen(address):
                client = BleakClient(
                    address,
                    timeout=40,
                    backend=BumbleClient,
                    bluez={"adapter": adapter},
                )
                await client.connect()
                await client.start_notify(
                    heart_rate.MEASUREMENT, lambda _, v: got.append(bytes(v))
                )
                return client

            clients = await asyncio.gather(*(listen(w.address) for w in sim.wearables))
            await asyncio.sleep(4)
            await sim.stop()
            await asyncio.sleep(0.2)
            assert len(got) == metrics.counters["sim_sent_total"] >= 3 * count
            for client in clients:
                await client.disconnect()
            await (await Central.get(adapter)).close()

    run(main())
