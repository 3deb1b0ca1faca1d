"""The whole gateway and wearables of every kind, in time that jumps.

Real ATT over the simulated radio on one side, the bus in memory on the other, the
outbox on disk between.  Names say which row of the table of gateways they show.
"""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager

import pytest

import gateway.service
from firmware_sim.service import simulation
from gateway.bumble import Central
from tests.warp import run as warped
from vitals import wire
from vitals.bus import MemoryBus
from vitals.codes import Flag
from vitals.config import Gateway, Wearable
from vitals.gatt import blood_pressure, glucose, health_thermometer, pulse_oximeter
from vitals.gatt.blood_pressure import BloodPressureMeasurement
from vitals.gatt.glucose import GlucoseMeasurement
from vitals.gatt.health_thermometer import TemperatureMeasurement
from vitals.gatt.numbers import Special
from vitals.gatt.pulse_oximeter import SpotCheck
from vitals.gatt.record_access import CONTROL_POINT
from vitals.metrics import Metrics
from vitals.model import Battery, Committed, DeviceStatus
from vitals.simulation import Course, Sim, SimFault, SimPerson, SimWearable

BEGIN = 1_800_000_000_000
ADDRESS = "C0:00:00:00:02:01"


class House:
    """One wearable, its gateway, and a store that commits at once (or does not)."""

    def __init__(self, sim, bus, metrics, commits):
        self.sim, self.bus, self.metrics, self.commits = sim, bus, metrics, commits
        self.records = []  # in order of arrival
        self._inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES)

    @property
    def peripheral(self):
        return self.sim.wearables[0]

    @property
    def firmware(self):
        return self.peripheral.firmware.parts[0]

    def of(self, kind):
        return [r.record for r in self.records if r.kind == kind]

    async def run(self):
        while True:
            for delivery in await self._inbox.take():
                self.records += wire.unpack(delivery.message)
                delivery.ack()
            if self.commits:
                await self.commit()

    async def commit(self):
        last = max((r.record.seq for r in self.records), default=0)
        word = Committed({"it": [(1, last)]}) if last else Committed({})
        topic = wire.gateway_topic("gw-1", "committed")
        await self.bus.publish(wire.Message(topic, wire.encode(word)))


@asynccontextmanager
async def a_house(folder, kind, course=(), commits=True, delete=False, **options):
    loop, metrics, bus = asyncio.get_running_loop(), Metrics(), MemoryBus()
    began = loop.time()

    def clock():
        return BEGIN + round(1000 * (loop.time() - began))

    person = SimPerson(name="pat", course=tuple(Course(**c) for c in course))
    it = SimWearable(kind=kind, address=ADDRESS, person="pat", **options)
    box = Gateway(
        adapter="air",
        delete_stored=delete,
        wearables=(Wearable(device="it", subject="p-1", address=ADDRESS),),
    )
    ledger = str(folder / "ledger.jsonl")
    sim = Sim(people=(person,), wearables=(it,), ledger=ledger)
    async with simulation(sim, metrics, clock) as running:
        central = await Central.plug("air", running.air.host("gateway"))
        house = House(running, bus, metrics, commits)
        service = gateway.service.run(bus, box, folder, metrics, clock)
        tasks = [asyncio.ensure_future(c) for c in (house.run(), service)]
        try:
            yield house
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await central.close()
            assert not [r for r in results if isinstance(r, Exception)]


TIMELY_OR_LATE = {((), False), ((Flag.LATE,), True)}


def is_late(record):
    return record.received - record.t > 600_000


@pytest.fixture
def live(tmp_path):
    """Live with one wearable for a while; give its house."""

    def go(kind, seconds, **options):
        async def main():
            async with a_house(tmp_path, kind, **options) as house:
                await asyncio.sleep(seconds)
                await house.sim.stop()
                await asyncio.sleep(5)
            return house

        return warped(main(), 1e5)

    return go


def whole(records):
    """Whether the numbers have neither gaps nor repetitions."""
    numbers = sorted(record.seq for record in records)
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


# -- A2, A3, A4: standard wearables --------------------------------------------------


def test_a2_every_flag_of_a_cuff_arrives(live):
    status = (
        blood_pressure.BODY_MOVEMENT
        | blood_pressure.CUFF_TOO_LOOSE
        | blood_pressure.IRREGULAR_PULSE
        | blood_pressure.IMPROPER_POSITION
    )
    house = live("cuff", 100, every_s=10, status=status, users=(1, 2, 255))
    records = house.of("blood_pressure")
    assert len(records) >= 8
    assert {frozenset(r.q) for r in records} == {
        frozenset(
            {Flag.MOTION, Flag.CUFF_LOOSE, Flag.IRREGULAR_PULSE, Flag.BAD_POSITION}
        )
    }
    assert [r.user for r in records[:4]] == [1, 2, 255, 1]
    assert all(r.pulse and r.map and r.device_t for r in records)


def test_a2_a_cuff_in_kilopascals_says_the_same_as_one_in_millimetres(live):
    house = live("cuff", 100, every_s=10, kpa=True)
    records = house.of("blood_pressure")
    assert len(records) >= 8
    assert all(100 < r.sys < 140 and 60 < r.dia < 95 and r.q == () for r in records)


@pytest.mark.parametrize("site", ["ear", "mouth", "tympanum"])
def test_a3_a_thermometers_site_is_kept(live, site):
    house = live("thermometer", 30, every_s=5, site=site)
    records = house.of("body_temperature")
    assert {r.site for r in records} == {site}
    assert all(36 < r.temp < 38 for r in records)


def test_a3_a_patch_gives_measurements_with_its_site_and_no_intermediate_values(live):
    house = live("patch", 100, every_s=10)
    records = house.of("body_temperature")
    assert 9 <= len(records) <= 12  # one a measurement; a hundred intermediate values
    assert {r.site for r in records} == {"armpit"}
    assert min(r.temp for r in records) > 36  # intermediate ones are up to 2.5 colder


SPECIALS = {
    Special.NAN: Flag.NOT_A_NUMBER,
    Special.NRES: Flag.NOT_AT_THIS_RESOLUTION,
    Special.POSITIVE_INFINITY: Flag.POSITIVE_INFINITY,
    Special.NEGATIVE_INFINITY: Flag.NEGATIVE_INFINITY,
    Special.RESERVED: Flag.RESERVED,
}
SAYINGS = {
    "blood_pressure": ("cuff", lambda n: BloodPressureMeasurement(n, n, n), "sys"),
    "body_temperature": ("thermometer", TemperatureMeasurement, "temp"),
    "oxygen_saturation": ("oximeter", lambda n: SpotCheck(n, n), "spo2"),
}


@pytest.mark.parametrize("kind", SAYINGS)
def test_a4_what_is_no_number_arrives_as_no_value_with_its_reason(tmp_path, kind):
    wearable, say, field = SAYINGS[kind]

    async def main():
        async with a_house(tmp_path, wearable, every_s=1) as house:
            parts = house.peripheral.firmware.parts
            said = iter([say(special).build() for special in SPECIALS])
            for part in parts:
                part.measure = lambda *_: []
            told = next(part for part in parts if part.indicates)
            told.measure = lambda *_: [v for v in [next(said, None)] if v]
            told.every_s = 1
            await asyncio.sleep(20)
        return house.of(kind)

    records = warped(main())
    assert [getattr(r, field) for r in records] == [None] * 5
    assert [r.q for r in records] == [(flag,) for flag in SPECIALS.values()]


def test_a4_a_meters_memory_may_hold_records_without_a_number(live):
    faults = (SimFault(kind="nan", probability=0.5),)
    records = live("glucose", 60, stored=40, faults=faults).of("glucose")
    assert len(records) == 40
    assert 5 < sum(record.glucose is None for record in records) < 35
    for record in records:
        assert (record.glucose is None) == (Flag.NOT_A_NUMBER in record.q)


def test_a1_a_strap_is_connected_to_and_each_of_its_values_is_a_record(live):
    house = live("strap", 60)
    rates = house.of("heart_rate")
    assert len(rates) >= 55
    assert whole([*rates, *house.of("battery")])
    assert all(40 < record.hr < 120 for record in rates)
    beats_ms = sum(rr for record in rates for rr in record.rr)
    assert beats_ms == pytest.approx(rates[-1].t - rates[0].t, abs=2500)


def test_a5_frames_that_the_air_lost_are_counted_in_the_status(tmp_path):
    async def main():
        faults = (SimFault(kind="lost", at_s=60, for_s=900, probability=0.1),)
        async with a_house(tmp_path, "strap", faults=faults) as house:
            told = house.bus.subscribe(wire.of("p-1", "it", "status"))
            await asyncio.sleep(1000)
        return [wire.read(DeviceStatus, d.message.payload) for d in await told.take()]

    last = warped(main(), 1e5)[-1]
    entries = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    lost = sum(entry.get("fate") == "lost" for entry in entries)
    assert lost > 60
    assert last.lost_frames == lost
    assert last.dropped == ()


def test_a16_signal_and_link_statistics_are_published(tmp_path):
    async def main():
        faults = (SimFault(kind="drop", at_s=60, for_s=20, every_s=100),)
        async with a_house(tmp_path, "strap", faults=faults) as house:
            told = house.bus.subscribe(wire.of("p-1", "it", "status"))
            await asyncio.sleep(240)
        return [wire.read(DeviceStatus, d.message.payload) for d in await told.take()]

    said = warped(main(), 1e5)
    assert {status.connected for status in said} == {True, False}
    assert said[-1].reconnects == 2
    assert -100 < said[-1].rssi < -20
    assert said[-1].malformed == 0


def test_a_pulse_oximeter_gives_a_stream_and_spot_checks(live):
    off = [{"at_s": 60, "for_s": 30, "state": "off_body"}]
    house = live("oximeter", 200, course=off)
    records = house.of("oxygen_saturation")
    assert whole([r.record for r in house.records])
    spots = [r for r in records if r.device_t]
    assert len(spots) >= 2
    assert all(95 <= r.spo2 <= 100 and 50 < r.pulse < 100 for r in spots)
    removed = [r for r in records if Flag.OFF_BODY in r.q]
    assert 28 <= len(removed) <= 31
    assert all(r.spo2 is None and r.pulse is None for r in removed)
    searching = [r for r in records if r.q == (Flag.ARTEFACT,)]
    assert searching
    assert all(r.spo2 is None for r in searching)


def test_a_watch_is_several_wearables_at_once(live):
    house = live("watch", 30, current_time="write")
    counts = Counter(reading.kind for reading in house.records)
    assert counts["heart_rate"] > 25
    assert counts["oxygen_saturation"] > 20
    assert counts["battery"] == 1
    assert whole([r.record for r in house.records])


@pytest.mark.parametrize("lie", ["frozen", "random"])
def test_a_strap_that_lies_off_the_body_is_caught_by_its_missing_beats(live, lie):
    off = [{"at_s": 60, "for_s": 120, "state": "off_body"}]
    house = live("polar", 240, course=off, lie=lie)
    records = house.of("heart_rate")
    lies = [r for r in records if 72_000 <= r.t - BEGIN <= 178_000]
    assert all(r.hr is not None and Flag.ARTEFACT in r.q for r in lies)
    frozen = sum(Flag.FROZEN in r.q for r in lies)
    assert frozen > 50 if lie == "frozen" else frozen == 0
    honest = [r for r in records if not 60_000 <= r.t - BEGIN <= 185_000]
    assert {r.q for r in honest} == {()}


def test_a_strap_without_a_contact_bit_says_zero_and_that_is_no_asystole(live):
    off = [{"at_s": 20, "for_s": 20, "state": "off_body"}]
    records = live("strap", 60, course=off, contact=False).of("heart_rate")
    removed = [r for r in records if r.hr is None]
    assert 18 <= len(removed) <= 21
    assert {r.q for r in removed} == {(Flag.OFF_BODY,)}


# -- A13: stored readings ------------------------------------------------------------


def cutting(house, at):
    """Break the link after `at` records of the first dump; give what was reported."""
    meter, radio, reported = house.firmware, house.peripheral.radio, []
    answers = meter.answers

    def cut():
        for characteristic, value in answers():
            if characteristic != CONTROL_POINT:
                if len(reported) == at:
                    radio.vanish(0.3)
                    asyncio.get_running_loop().call_later(2, radio.appear)
                reported.append(value)
            yield characteristic, value

    meter.answers = cut
    return reported


@pytest.mark.parametrize("at", range(0, 50, 7))
def test_a13_a_dump_that_the_link_cuts_gives_each_record_once(tmp_path, at):
    assert_dump_survives(tmp_path, at)


@pytest.mark.slow
@pytest.mark.parametrize("at", range(50))
def test_a13_a_dump_cut_at_every_record_gives_each_record_once(tmp_path, at):
    assert_dump_survives(tmp_path, at)


def assert_dump_survives(folder, at):
    async def main():
        async with a_house(folder, "glucose", stored=50, every_s=100_000) as house:
            meter = house.firmware
            reported = cutting(house, at)
            await asyncio.sleep(50)
            return house, meter, reported

    house, meter, reported = warped(main())
    records = house.of("glucose")
    assert len(reported) > 50  # the control: some were indeed reported twice
    stamps = [r.device_t for r in sorted(records, key=lambda r: r.seq)]
    expected = [GlucoseMeasurement.parse(v).base.instant() for v in _kept(meter)]
    assert stamps == expected  # each once, oldest first
    assert whole([r.record for r in house.records])
    assert all(2 < r.glucose < 10 for r in records)
    assert {r.q for r in records} <= {(), (Flag.LATE,)}


def _kept(meter):
    return [value for _, value in sorted(meter.records.items())]


@pytest.mark.parametrize("molar", [False, True])
def test_a_glucose_meters_units_are_one(live, molar):
    house = live("glucose", 100, stored=5, every_s=50_000, molar=molar)
    values = [r.glucose for r in house.of("glucose")]
    assert len(values) == 6
    assert all(3 < value < 9 for value in values)


def test_a13_new_records_of_a_meter_that_stays_connected_are_fetched_too(live):
    house = live("glucose", 600, stored=3, every_s=100)
    records = house.of("glucose")
    assert len(records) == 3 + 6
    assert len({r.device_t for r in records}) == len(records)


def test_a13_a_meter_asked_again_after_a_restart_gives_no_second_row(tmp_path):
    seen = []
    for _ in range(2):

        async def main():
            async with a_house(
                tmp_path, "glucose", stored=20, every_s=100_000, commits=False
            ) as house:
                await asyncio.sleep(20)
            return house

        house = warped(main())
        assert house.metrics.counters["gateway_dumps_total"] >= 1
        seen.append({r.seq: r.device_t for r in house.of("glucose")})
    assert len(seen[0]) == 20
    assert seen[1] == seen[0]  # published again, numbered as before, none added


@pytest.mark.parametrize("commits", [True, False])
def test_a_meter_forgets_only_what_ingest_has_committed(tmp_path, commits):
    async def main():
        async with a_house(
            tmp_path, "glucose", stored=9, every_s=1e5, commits=commits, delete=True
        ) as house:
            meter = house.firmware
            await asyncio.sleep(200)
            early = len(meter.records)
            await house.commit()
            await asyncio.sleep(70)
            return early, len(meter.records), len(house.of("glucose"))

    early, late, got = warped(main())
    assert early == (0 if commits else 10)
    assert (late, got) == (0, 10)


def test_by_default_a_meter_keeps_what_it_has(live):
    house = live("glucose", 200, stored=9, every_s=1e5)
    assert len(house.firmware.records) == 10
    assert house.metrics.counters["gateway_deletions_total"] == 0


def test_a13_a_cuffs_stored_readings_come_oldest_first_each_once(live):
    house = live("cuff", 200, stored=30, every_s=60)
    records = sorted(house.of("blood_pressure"), key=lambda r: r.seq)
    stamps = [r.device_t for r in records]
    assert len(records) == 30 + 4
    assert stamps == sorted(set(stamps))
    assert [r.t for r in records] == stamps
    assert {(r.q, is_late(r)) for r in records} == TIMELY_OR_LATE


@pytest.mark.parametrize("at", [0, 1, 5, 29])
def test_a13_a_cuff_cut_off_while_it_tells_gives_each_reading_once(tmp_path, at):
    async def main():
        async with a_house(tmp_path, "cuff", stored=30, every_s=1e5) as house:
            breaking(house, at)
            await asyncio.sleep(60)
            return house

    house = warped(main())
    stamps = [r.device_t for r in house.of("blood_pressure")]
    assert len(stamps) == len(set(stamps)) == 31
    assert house.metrics.counters["gateway_connections_total"] == 2


def breaking(house, at):
    """Break the link when the cuff indicates for the `at`-th time."""
    transmitter, radio = house.peripheral._transmitter, house.peripheral.radio
    indicate, count = transmitter.indicate, iter(range(1000))

    async def broken(*arguments):
        if next(count) == at:
            radio.vanish(0.3)
            asyncio.get_running_loop().call_later(2, radio.appear)
        await indicate(*arguments)

    transmitter.indicate = broken


def test_a13_a_reading_whose_confirmation_was_lost_is_no_second_row(live):
    lost = (SimFault(kind="unconfirmed", probability=0.3),)
    house = live("cuff", 2000, stored=30, every_s=1e5, faults=lost)
    stamps = [r.device_t for r in house.of("blood_pressure")]
    assert len(stamps) == len(set(stamps)) == 31
    assert house.metrics.counters["gateway_repeated_total"] > 3  # the control


# -- A12: clocks ---------------------------------------------------------------------

HOUR = 3600


@pytest.mark.parametrize("off_s", [-3 * HOUR, 90, 5 * HOUR, -400 * 86_400])
def test_a12_a_wrong_clock_is_read_set_and_read_back_and_both_times_kept(live, off_s):
    house = live(
        "cuff", 200, stored=20, every_s=60, clock_off_s=off_s, current_time="write"
    )
    records = sorted(house.of("blood_pressure"), key=lambda r: r.seq)
    assert len(records) == 24
    for n, record in enumerate(records[:20]):
        true = BEGIN - (20 - n) * 60_000
        assert abs(record.t - true) <= 2000
        assert record.device_t - record.t == pytest.approx(1000 * off_s, abs=2000)
    assert {(r.q, is_late(r)) for r in records} == TIMELY_OR_LATE
    assert all(r.received - r.t < 5000 for r in records[20:])
    assert records[-1].device_t == pytest.approx(records[-1].t, abs=2000)  # it was set
    assert house.metrics.counters["gateway_clocks_set_total"] == 1


def test_a12_a_clock_that_is_right_is_not_touched(live):
    house = live("cuff", 100, stored=3, every_s=60, current_time="write")
    assert house.peripheral.firmware.parts[1].clock.sets == 0


def test_a12_a_clock_that_says_done_and_stays_wrong_is_found_out(live):
    house = live(
        "cuff", 300, stored=5, every_s=60, clock_off_s=7200, current_time="ignore"
    )
    assert house.metrics.counters["gateway_clocks_stubborn_total"] >= 1
    assert house.metrics.counters["gateway_clocks_set_total"] == 0
    for record in house.of("blood_pressure"):  # the time is right all the same
        assert record.device_t - record.t == pytest.approx(7_200_000, abs=2000)
        assert record.q == ()


def test_a12_a_clock_that_can_only_be_read_corrects_the_stamps(live):
    house = live(
        "cuff", 100, stored=5, every_s=60, clock_off_s=-9000, current_time="read"
    )
    for record in house.of("blood_pressure"):
        assert record.device_t - record.t == pytest.approx(-9_000_000, abs=2000)


def test_a12_stamps_from_before_a_reset_tell_nothing_and_nothing_is_made_up(tmp_path):
    async def main():
        async with a_house(
            tmp_path, "cuff", stored=4, every_s=60, current_time="read"
        ) as house:
            clock = house.peripheral.firmware.parts[1].clock
            clock.set(946_684_800_000)  # a new battery: it shows the year 2000
            await asyncio.sleep(150)
            return house

    house = warped(main())
    records = sorted(house.of("blood_pressure"), key=lambda r: r.seq)
    for record in records[:4]:
        assert record.q == (Flag.CLOCK_UNSYNCED,)
        assert record.t == record.received
        assert BEGIN - 5 * 60_000 < record.device_t < BEGIN
    for record in records[4:]:  # its new timeline is known
        assert record.q == ()
        assert record.received - record.t < 5000
        assert record.device_t < 946_684_800_000 + 200_000


def test_a12_readings_left_over_from_before_we_set_the_clock_are_of_their_time(
    tmp_path,
):
    """The link is lost between setting the clock and the last of the old readings."""

    async def main():
        async with a_house(
            tmp_path, "cuff", every_s=1e5, clock_off_s=-7200, current_time="write"
        ) as house:
            await asyncio.sleep(20)  # set
            cuff, radio = house.firmware, house.peripheral.radio
            old = cuff._measured(0, BEGIN - 7200_000 - 60_000).build()
            radio.vanish(0.3)
            await asyncio.sleep(2)
            house.peripheral._streams[0].unconfirmed.append(old)
            radio.appear()
            await asyncio.sleep(20)
            return house

    house = warped(main())
    stamp = BEGIN - 7200_000 - 60_000
    [old] = [r for r in house.of("blood_pressure") if r.device_t == stamp]
    assert old.t == pytest.approx(BEGIN - 60_000, abs=2000)


# -- A21: cuffs that show up only after a measurement --------------------------------


def test_a21_a_cuff_that_can_be_found_for_ten_seconds_is_read_each_time(live):
    house = live("cuff", 3000, every_s=600, window_s=10)
    records = house.of("blood_pressure")
    assert len(records) == 5
    assert len({r.device_t for r in records}) == 5
    assert all(r.received - r.t < 10_000 for r in records)


def test_a21_between_measurements_the_cuff_is_off_the_air(tmp_path):
    async def main():
        async with a_house(tmp_path, "cuff", every_s=600, window_s=10) as house:
            await asyncio.sleep(300)
            off = not house.peripheral.device.is_advertising
            alone = not house.peripheral.device.connections
            return off, alone, len(house.of("blood_pressure"))

    assert warped(main()) == (True, True, 1)


def test_a21_a_reading_whose_window_was_missed_comes_with_the_next(tmp_path):
    async def main():
        async with a_house(tmp_path, "cuff", every_s=600, window_s=10) as house:
            await asyncio.sleep(300)
            house.peripheral.radio.vanish(0.3)
            await asyncio.sleep(600)  # a measurement, and nobody hears it
            house.peripheral.radio.appear()
            await asyncio.sleep(600)
            return house

    house = warped(main())
    records = sorted(house.of("blood_pressure"), key=lambda r: r.seq)
    assert len(records) == 3
    assert [r.t for r in records] == sorted(r.t for r in records)
    assert records[1].received - records[1].t > 590_000


def test_all_wearables_tell_their_battery(live):
    for kind in ("strap", "cuff", "patch", "oximeter", "glucose"):
        house = live(kind, 15, every_s=5)
        assert [r for r in house.records if isinstance(r.record, Battery)]


def test_the_characteristics_are_those_of_the_services():
    short = {
        pulse_oximeter.SPOT_CHECK: "2a5e",
        glucose.MEASUREMENT: "2a18",
        health_thermometer.INTERMEDIATE: "2a1e",
    }
    assert all(uuid[4:8] == number for uuid, number in short.items())
