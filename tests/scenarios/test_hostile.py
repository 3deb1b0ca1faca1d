"""Peripherals that answer with garbage, whatever the gateway asks, disturb nobody."""

from collections import Counter
from functools import partial

import pytest
from bumble.att import Opcode
from bumble.device import Device
from msgspec.structs import replace

from benchmarks import night
from firmware_sim.scenario import Scenario
from gateway.bumble.guard import GuardedDevice
from tests import warp
from vitals.simulation import Sim, SimFault, SimPerson, SimWearable

UNTIL_S, FOR_S = 240.0, 420.0
CONTROL_S = 60.0  # without a guard the first answers are enough
REQUESTS = (  # all that the gateway asks, and what it hears unasked
    Opcode.ATT_EXCHANGE_MTU_REQUEST,
    Opcode.ATT_READ_BY_GROUP_TYPE_REQUEST,  # services
    Opcode.ATT_READ_BY_TYPE_REQUEST,  # characteristics
    Opcode.ATT_FIND_INFORMATION_REQUEST,  # descriptors
    Opcode.ATT_READ_REQUEST,
    Opcode.ATT_WRITE_REQUEST,  # subscribing, and the control point
    Opcode.ATT_HANDLE_VALUE_NOTIFICATION,
)
CONFIRMED = Opcode.ATT_HANDLE_VALUE_CONFIRMATION
METER = "glucose", {"every_s": 60.0, "stored": 50}
CALM = ("strap", {}), ("cuff", {"every_s": 20.0}), ("thermometer", {}), METER


def wearable(n, kind, **options):
    address = f"C0:00:00:00:02:{n:02X}"
    name = f"{kind}-{n}"
    return SimWearable(kind=kind, name=name, person="pat", address=address, **options)


def hostile(amount=None):
    return (SimFault(kind="hostile", for_s=UNTIL_S, amount=amount),)


def scenario(for_s):
    """Four calm wearables among eleven hostile ones, who then calm down."""
    calm = [wearable(n, kind, **options) for n, (kind, options) in enumerate(CALM, 1)]
    angry = [
        wearable(n, "strap", faults=hostile(int(op)))
        for n, op in enumerate(REQUESTS, 10)
    ]
    angry += [
        wearable(n, kind, faults=hostile(), **options)
        for n, (kind, options) in enumerate(CALM, 20)
    ]
    people = (SimPerson(name="pat"),)
    sim = Sim(people=people, wearables=(*calm, *angry), port=0)
    return Scenario(about="garbage", for_s=for_s, sim=sim), calm, angry


def garbage(folder, for_s=FOR_S):
    """Live among them; give what was lived, the calm, the angry, what was garbled."""
    everybody, calm, angry = scenario(for_s)
    asked = Counter()

    def look(running):
        for one in running.wearables:
            server = one.device.gatt_server
            server.on_gatt_pdu = partial(_count, asked, one.name, server.on_gatt_pdu)

    lived = warp.run(night.live(everybody, folder, look))
    return lived, everybody, calm, angry, asked


def _count(asked, name, serve, link, pdu):
    asked[name, pdu.op_code] += 1
    serve(link, pdu)


@pytest.fixture
def errors(caplog):
    """What Bumble, the loop or the gateway had to swallow."""
    return lambda: [r for r in caplog.records if r.levelname == "ERROR"]


@pytest.mark.slow
def test_garbage_at_every_att_request_never_disturbs_the_others(tmp_path, errors):
    lived, everybody, calm, angry, asked = garbage(tmp_path)
    others = replace(everybody, sim=replace(everybody.sim, wearables=tuple(calm)))
    found = night.compare(others, lived.store, lived.lines)
    assert found["stream_lost_by_gateway"] == found["stream_invented"] == 0
    assert found["stream_gaps"] == found["stream_gaps_shown"] == 0
    assert found["stream_values"] == pytest.approx(FOR_S, abs=5)
    assert found["readings"] > 100
    assert found["readings_lost"] == found["readings_doubled"] == 0
    assert {op for _, op in asked} == {*REQUESTS[:-1], CONFIRMED}
    for op, one in zip(REQUESTS[:-1], angry, strict=False):
        assert asked[one.name, op] > 3, (one.name, op)  # it was really asked
    assert lived.metrics.counters["gateway_attendant_failures_total"] == 0
    assert not errors()
    back = night.BEGIN + 1000 * (UNTIL_S + 60)
    for one in angry:
        said = lived.store.records[one.name].values()
        assert any(r.received > back for r in said), one.name


@pytest.mark.slow
def test_without_the_guard_garbage_would_be_noticed(tmp_path, monkeypatch, errors):
    monkeypatch.setattr(GuardedDevice, "on_gatt_pdu", Device.on_gatt_pdu)
    garbage(tmp_path, CONTROL_S)
    assert errors()
