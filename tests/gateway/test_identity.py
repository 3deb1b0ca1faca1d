"""Who may be listened to: bonds, passkeys, private addresses, adapters.

The whole gateway and simulated wearables, in time that jumps.  Names say which row of
the table of gateways they show.
"""

import asyncio
import json
import stat
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from bumble.core import ProtocolError

import gateway.service
from firmware_sim.identity import irk
from firmware_sim.service import simulation
from gateway.bumble import Central
from gateway.identity import Identities, _encrypt, _expand, resolvable
from tests.warp import run as warped
from vitals import wire
from vitals.bus import MemoryBus
from vitals.config import Gateway, Wearable
from vitals.metrics import Metrics
from vitals.simulation import Sim, SimPerson, SimWearable

BEGIN = 1_800_000_000_000
ADDRESS, OTHER = "C0:00:00:00:02:01", "C0:00:00:00:02:02"


PLAIN = "00112233445566778899aabbccddeeff"
CIPHER = "69c4e0d86a7b0430d8cdb78070b4c55a"


class Box:
    """A gateway, and what it has published.

    It publishes again what nobody commits for ten seconds of our time, which a slow
    machine takes: the same record of the same number is no other.
    """

    def __init__(self, bus, metrics):
        self.metrics, self.readings, self._kept = metrics, [], {}
        self._inbox = bus.subscribe(*wire.READINGS, *wire.BATCHES)

    async def run(self):
        while True:
            for delivery in await self._inbox.take():
                for reading in wire.unpack(delivery.message):
                    self._keep(reading)
                delivery.ack()

    def _keep(self, reading):
        number = reading.device, reading.record.seq
        if self._kept.get(number) != reading:
            self._kept[number] = reading
            self.readings.append(reading)

    def of(self, device="it", kind=None):
        found = (r for r in self.readings if r.device == device)
        return [r.record for r in found if kind in (None, r.kind)]

    def count(self, name):
        return self.metrics.counters[f"gateway_{name}_total"]


def worn(device="it", address=ADDRESS, **options):
    return Wearable(device=device, subject="p-1", address=address, **options)


def simulated(kind="strap", address=ADDRESS, **options):
    return SimWearable(kind=kind, address=address, person="pat", **options)


def clock():
    return BEGIN + round(1000 * asyncio.get_running_loop().time())


@asynccontextmanager
async def air(*wearables, **options):
    sim = Sim(people=(SimPerson(name="pat"),), wearables=wearables, **options)
    async with simulation(sim, Metrics(), clock) as running:
        yield running


@asynccontextmanager
async def box(sim, folder, *wearables, name="gw-1", adapters=("air",)):
    """A gateway with adapters of its own in a simulation's air, and a new outbox."""
    metrics, bus = Metrics(), MemoryBus()
    settings = Gateway(name=name, adapter=adapters, wearables=wearables)
    folder.mkdir(exist_ok=True)
    data = Path(tempfile.mkdtemp(dir=folder))
    async with AsyncExitStack() as stack:
        for place, adapter in enumerate(adapters, 1):
            host = sim.air.host(f"{name} {adapter}")
            bonds = folder / f"bonds-{place}.json"
            central = await Central.plug(adapter, host, bonds=bonds)
            stack.push_async_callback(central.close)
        built = Box(bus, metrics)
        service = gateway.service.run(bus, settings, data, metrics, clock)
        tasks = [asyncio.ensure_future(c) for c in (built.run(), service)]
        try:
            yield built
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert not [r for r in results if isinstance(r, Exception)]


@pytest.fixture
def live(tmp_path):
    """Live with one wearable and one gateway for a while; give the gateway's box."""

    def go(wearable, seconds=20, **options):
        async def main():
            async with air(wearable) as sim, box(sim, tmp_path, worn(**options)) as it:
                await asyncio.sleep(seconds)
                it.links = [len(w.device.connections) for w in sim.wearables]
            return it

        return warped(main(), 1e5)

    return go


def links(records):
    return {record.link for record in records}


# -- A18: pairing and bonding, headless ----------------------------------------------


def test_a18_a_strap_that_wants_no_bond_is_heard_over_an_open_link(live):
    it = live(simulated())
    assert links(it.of()) == {"open"}
    assert it.count("pairings_failed") == 0


@pytest.mark.parametrize("kind", ["strap", "cuff", "thermometer", "watch"])
def test_a18_what_wants_encryption_is_paired_just_works(live, kind):
    it = live(simulated(kind, every_s=5, security="encrypted"), 30)
    assert len(it.of()) > 3
    assert links(it.of()) == {"bonded"}


def test_a18_a_passkey_of_the_configuration_is_typed_by_nobody(live):
    it = live(simulated(security="passkey", passkey="012345"), passkey="012345")
    assert len(it.of()) > 10
    assert links(it.of()) == {"bonded"}


def test_a18_a_passkey_may_stand_in_a_file_of_its_own(live, tmp_path):
    file = tmp_path / "passkey"
    file.write_text("012345\n")
    wearable = simulated(security="passkey", passkey="012345")
    assert len(live(wearable, passkey_file=str(file)).of()) > 10


@pytest.mark.parametrize("configured", ["999999", ""], ids=["wrong", "none"])
def test_a18_without_the_right_passkey_there_is_no_record(live, caplog, configured):
    wearable = simulated(security="passkey", passkey="012345")
    it = live(wearable, 120, passkey=configured)
    assert it.of() == []
    tries = it.count("pairings_failed")
    assert 3 <= tries <= 8  # 1, 2, 5, 15, 60 s apart
    lines = [
        r.getMessage() for r in caplog.records if "pairing failed" in r.msg % r.args
    ]
    assert len(lines) == tries
    assert all(line.startswith("it: pairing failed") for line in lines)
    print(lines[0])


def test_a18_a_wrong_passkey_keeps_no_other_wearable_waiting(tmp_path):
    async def main():
        locked = simulated(address=OTHER, security="passkey", passkey="012345")
        mine = worn(), worn("locked", OTHER, passkey="999999")
        async with air(simulated(), locked) as sim, box(sim, tmp_path, *mine) as it:
            await asyncio.sleep(60)
        return it

    it = warped(main(), 1e5)
    assert len(it.of("it", "heart_rate")) >= 57
    assert it.of("locked") == []


def test_a18_who_does_not_ask_for_the_configured_passkey_is_somebody_else(live):
    for security in ("open", "encrypted"):
        it = live(simulated(security=security), passkey="012345")
        assert it.of() == []
        assert it.count("pairings_failed") > 1


def test_a18_a_bond_survives_restarts_of_both_and_nobody_else_can_read_it(tmp_path):
    bonds, pairings = str(tmp_path / "wearables.json"), []

    async def life():
        secured = simulated(security="passkey", passkey="012345")
        async with air(secured, bonds=bonds) as sim:
            device = sim.wearables[0].device
            device.on(
                "connection",
                lambda link: link.on("pairing", lambda *_: pairings.append(1)),
            )
            async with box(sim, tmp_path / "gw", worn(passkey="012345")) as it:
                await asyncio.sleep(20)
        return it

    for _ in range(3):
        assert links(warped(life(), 1e5).of()) == {"bonded"}
    assert pairings == [1]
    file = tmp_path / "gw" / "bonds-1.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(json.loads(file.read_text())["bonds"]) == [ADDRESS]


def test_a18_without_its_file_of_bonds_a_wearable_pairs_anew(tmp_path):
    """The control of the test above: it is the files that keep the bond."""

    async def life():
        secured = simulated(security="passkey", passkey="012345")
        async with air(secured) as sim:
            async with box(sim, tmp_path, worn(passkey="012345")) as it:
                await asyncio.sleep(20)
        return it

    first, second = (warped(life(), 1e5) for _ in range(2))
    assert len(first.of()) > 10
    assert links(second.of()) == {"bonded"}  # the passkey tells who it is
    assert second.count("pairings_failed") == 1


# -- Who pretends --------------------------------------------------------------------


def test_a18_one_with_the_same_name_is_never_joined(tmp_path):
    async def main():
        true = simulated(name="Polar H10")
        false = simulated(address=OTHER, name="Polar H10")
        async with air(false, true) as sim, box(sim, tmp_path, worn()) as it:
            sim.wearables[1].radio.vanish()  # only the false one is heard
            await asyncio.sleep(30)
            assert it.of() == []
            sim.wearables[1].radio.appear()
            await asyncio.sleep(30)
            assert sim.wearables[0].device.connections == {}
        return it

    assert len(warped(main(), 1e5).of()) > 20


@pytest.mark.parametrize("security", ["open", "encrypted"])
def test_a18_the_address_without_the_bond_gives_no_record(tmp_path, security, caplog):
    """It has the address and the name, and would even pair; the bond it has not."""

    async def life(wearable):
        async with air(wearable) as sim, box(sim, tmp_path, worn()) as it:
            await asyncio.sleep(60)
        return it

    assert links(warped(life(simulated(security="encrypted")), 1e5).of()) == {"bonded"}
    it = warped(life(simulated(security=security)), 1e5)
    assert it.of() == []
    assert it.count("pairings_failed") > 1
    assert "does not have the key of our bond" in caplog.text


def test_a18_the_address_without_a_bond_is_believed_where_none_was_made(live):
    """The control of the test above: over an open link there is no telling."""
    assert links(live(simulated()).of()) == {"open"}


def test_a18_a_wearable_cannot_take_another_ones_bond(tmp_path):
    """It pairs, and says that it is the other one; the bond is filed as its own."""

    async def main():
        both = [simulated(address=a, security="encrypted") for a in (ADDRESS, OTHER)]
        async with air(*both) as sim:
            liar = sim.wearables[1]
            liar.radio.vanish()
            mine = worn(), worn("other", OTHER)
            async with box(sim, tmp_path, *mine) as it:
                await asyncio.sleep(10)
                before = bonds(tmp_path)
                liar.device.static_address = sim.wearables[0].device.static_address
                liar.radio.appear()
                await asyncio.sleep(10)
                after = bonds(tmp_path)
        assert before == {ADDRESS: after[ADDRESS]}
        assert after.keys() == {ADDRESS, OTHER}
        return it

    assert len(warped(main(), 1e5).of("other")) > 5


def bonds(folder):
    return json.loads((folder / "bonds-1.json").read_text())["bonds"]


def test_a18_who_begins_to_pair_with_us_is_refused(tmp_path):
    refusals = []

    async def main():
        async with air(simulated()) as sim, box(sim, tmp_path, worn()) as it:
            await asyncio.sleep(5)
            device = sim.wearables[0].device
            (link,) = device.connections.values()
            try:
                await device.smp_manager.pair(link)
            except ProtocolError as error:
                refusals.append(error)
            await asyncio.sleep(5)
        return it

    assert links(warped(main(), 1e5).of()) == {"open"}
    assert len(refusals) == 1
    assert not (tmp_path / "bonds-1.json").exists()


# -- A19: private addresses ----------------------------------------------------------


def test_a19_the_sample_of_the_specification_is_resolved():
    """Core 5.3 vol 3 part H appendix D.7: IRK, prand and hash."""
    key = bytes.fromhex("ec0234a357c8ad05341010a60a397d9b")[::-1]
    known = Identities({ADDRESS: key})
    assert known.of("70:81:94:0D:FB:AA") == ADDRESS
    assert known.of("70:81:94:0D:FB:AB") == "70:81:94:0D:FB:AB"
    assert known.of(OTHER) == OTHER


def test_a19_aes_is_that_of_the_standard():
    """FIPS 197 appendix C.1."""
    key, block = bytes(range(16)), bytes.fromhex(PLAIN)
    assert _encrypt(_expand(key), block).hex() == CIPHER


def hiding(**options):
    return simulated(private_s=30, **options)


def test_a19_one_that_hides_is_found_by_its_key_and_stays_one_stream(tmp_path):
    seen = set()

    async def main():
        key = irk(1, ADDRESS).hex()
        async with air(hiding()) as sim, box(sim, tmp_path, worn(irk=key)) as it:
            wearable = sim.wearables[0]
            for _ in range(6):
                await asyncio.sleep(40)
                seen.add(str(wearable.device.random_address))
                wearable.radio.drop_links()
            await asyncio.sleep(10)
        return it

    it = warped(main(), 1e5)
    assert len(seen) >= 6
    assert all(map(resolvable, seen))
    records = it.of("it", "heart_rate")
    assert len(records) > 200
    assert {r.device for r in it.readings} == {"it"}
    numbers = sorted(record.seq for record in it.of())
    assert numbers == list(range(1, len(numbers) + 1))


def test_a19_without_its_key_one_that_hides_is_nobody(tmp_path):
    async def main():
        async with air(hiding()) as sim, box(sim, tmp_path, worn()) as it:
            await asyncio.sleep(60)
            assert sim.wearables[0].device.connections == {}
        return it

    assert warped(main(), 1e5).of() == []


def test_a19_a_bond_is_key_enough(tmp_path):
    """Met by its key once; then the bond's own key tells who it is."""
    bonds = str(tmp_path / "wearables.json")

    async def life(**known):
        secured = hiding(security="encrypted")
        async with air(secured, bonds=bonds) as sim:
            async with box(sim, tmp_path, worn(**known)) as it:
                await asyncio.sleep(60)
                sim.wearables[0].radio.drop_links()
                await asyncio.sleep(60)
        return it

    first = warped(life(irk=irk(1, ADDRESS).hex()), 1e5)
    second = warped(life(), 1e5)
    for it in first, second:
        assert len(it.of()) > 100
        assert links(it.of()) == {"bonded"}


# -- A8: several adapters, several gateways ------------------------------------------

PAIR = "left", "right"


def holder(sim, n=0):
    """Name the antenna that holds a wearable's link."""
    links_ = list(sim.wearables[n].device.connections.values())
    assert len(links_) <= 1
    owners = (sim.air.find_le_controller(link.peer_address) for link in links_)
    return next((radio.name for radio in owners), None)


def antenna(sim, name):
    return next(radio for radio in sim.air.controllers if radio.name == name)


def test_a8_the_adapter_that_hears_best_takes_it_and_another_takes_over(tmp_path):
    async def main():
        async with air(simulated()) as sim:
            async with box(sim, tmp_path, worn(), adapters=PAIR) as it:
                antenna(sim, "gw-1 left").loss = 30
                await asyncio.sleep(20)
                assert holder(sim) == "gw-1 right"
                antenna(sim, "gw-1 right").vanish()
                await asyncio.sleep(20)
                assert holder(sim) == "gw-1 left"
                antenna(sim, "gw-1 right").appear()
                await asyncio.sleep(20)
                assert holder(sim) == "gw-1 left"  # it is held, so it is not heard
        return it

    it = warped(main(), 1e5)
    numbers = [record.seq for record in it.of()]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    times = sorted(r.t for r in it.of("it", "heart_rate"))
    assert len(set(times)) == len(times) >= 50


def test_a8_an_adapter_that_hangs_is_passed_over(tmp_path):
    async def main():
        async with air(simulated()) as sim:
            async with box(sim, tmp_path, worn(), adapters=PAIR) as it:
                await asyncio.sleep(20)
                dead = holder(sim)
                antenna(sim, dead).hang()
                before = len(it.of())
                await asyncio.sleep(60)
                assert holder(sim) not in (dead, None)
                assert len(it.of()) > before + 20
        return it

    warped(main(), 1e5)


def test_a8_a_wearable_that_one_gateway_holds_is_not_taken_by_another(tmp_path):
    async def main():
        async with air(simulated()) as sim, AsyncExitStack() as stack:
            boxes = [
                await stack.enter_async_context(
                    box(sim, tmp_path / name, worn(), name=name, adapters=(name,))
                )
                for name in ("gw-1", "gw-2")
            ]
            await asyncio.sleep(30)
            first = holder(sim)
            antenna(sim, first).vanish()
            await asyncio.sleep(30)
            assert holder(sim) not in (first, None)
            antenna(sim, first).appear()
            await asyncio.sleep(30)
        return boxes

    boxes = warped(main(), 1e5)
    heard = [r.t for it in boxes for r in it.of("it", "heart_rate")]
    assert all(len(it.of()) > 20 for it in boxes)
    assert len(set(heard)) == len(heard)  # nothing twice
    for it in boxes:
        numbers = sorted(record.seq for record in it.of())
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    "options", [{"security": "encrypted"}, {"security": "passkey", "passkey": "012345"}]
)
def test_a8_a_bonded_wearable_is_bonded_by_each_adapter(tmp_path, options):
    async def main():
        async with air(simulated(**options)) as sim:
            mine = worn(passkey=options.get("passkey", ""))
            async with box(sim, tmp_path, mine, adapters=PAIR) as it:
                for _ in range(3):
                    await asyncio.sleep(20)
                    first = holder(sim)
                    antenna(sim, first).vanish()
                    await asyncio.sleep(20)
                    assert holder(sim) not in (first, None)
                    antenna(sim, first).appear()
        return it

    it = warped(main(), 1e5)
    assert links(it.of()) == {"bonded"}
    assert len(it.of()) > 90
    assert it.count("pairings_failed") == 0
