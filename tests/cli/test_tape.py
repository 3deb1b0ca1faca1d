"""What is recorded and replayed gives the same anomalies, to the bit."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec import json as msgspec_json

import dsp.service
from vitals import BloodPressure, HeartRate, Reading, broker, wire
from vitals.clock import now
from vitals.detection import Dsp
from vitals.metrics import Metrics
from vitals.model import Limit
from vitals.mqtt import MqttBus
from vitals.wire import Message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not broker.find_mosquitto(), reason="apt install mosquitto"),
]
LEAST = 9  # anomalies of the story
ROOT = Path(__file__).parent.parent.parent
LIMITS = Dsp(limits={"heart_rate": Limit(high=120, hold_s=5)})


@contextlib.contextmanager
def vitals(*arguments):
    """Run a command beside a block; it has ended by the end of that."""
    command = [sys.executable, "-m", "vitals", *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


PRESSURES = {20: ("arm", 88), 40: ("wrist", 192), 110: ("wrist", 190), 120: ("arm", 86)}


def story():
    """A heart that races twice, a crisis and a low pressure, each measured again."""
    start = now() - 600_000
    for n in range(300):
        racing = 60 <= n < 90 or 150 <= n < 200
        t = start + n * 1000
        rate = 150 + n % 7 if racing else 70 + n % 5
        record = HeartRate(t=t, received=t, gateway="gw-1", seq=n + 1, hr=rate)
        yield wire.pack(Reading("p-7", "strap-1", record))
        if n in PRESSURES:
            cuff, pressure = PRESSURES[n]
            taken = BloodPressure(t=t, received=t, sys=pressure, dia=60)
            yield wire.pack(Reading("p-7", cuff, taken))


async def recorded(folder, feed):
    """Run a broker and dsp, record what passes while `feed` publishes."""
    folder.mkdir()
    async with broker.embedded(folder / "broker") as (mqtt, _):
        toml = folder / "vitals.toml"
        toml.write_text(f"[mqtt]\nport = {mqtt.port}\n")
        tape = folder / "tape.jsonl"
        async with MqttBus(mqtt, "dsp") as bus, MqttBus(mqtt) as other:
            stage = asyncio.create_task(
                dsp.service.run(bus, LIMITS, folder, Metrics(), now)
            )
            with vitals("record", tape, "--config", toml) as recorder:
                assert "recording" in await asyncio.to_thread(recorder.stderr.readline)
                await hearing(other, tape)
                await feed(other, toml)
                end = time.monotonic() + 60
                while len(anomalies(tape)) < LEAST and time.monotonic() < end:
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.5)
                recorder.send_signal(signal.SIGINT)
                assert "recorded" in await asyncio.to_thread(recorder.stderr.read)
                assert recorder.wait() == 0
            stage.cancel()
            await asyncio.gather(stage, return_exceptions=True)
    return tape


async def hearing(bus, tape):
    """Wait until the recorder hears; what it asked the broker for is under way."""
    async with asyncio.timeout(60):
        while not tape.stat().st_size:
            await bus.publish(Message(wire.gateway_topic("gw-1", "test"), b"{}"))
            await asyncio.sleep(0.05)


def anomalies(tape):
    lines = map(json.loads, tape.read_text().splitlines() if tape.exists() else ())
    return [line["payload"] for line in lines if line["topic"].endswith("/anomaly")]


def test_a_replay_gives_the_same_anomalies_to_the_bit(tmp_path):
    async def live(bus, _):
        for message in story():
            await bus.publish(message)

    async def again(_, toml):
        with vitals("replay", first, "--config", toml) as replay:
            said = await asyncio.to_thread(replay.stderr.read)
            assert "replayed 304 messages" in said
            assert replay.wait() == 0

    first = asyncio.run(recorded(tmp_path / "first", live))
    second = asyncio.run(recorded(tmp_path / "second", again))
    assert len(anomalies(first)) >= LEAST
    said = {json.loads(one)["condition"] for one in anomalies(first)}
    assert said > {"heart_rate_high", "blood_pressure_crisis", "systolic_low"}
    assert anomalies(first) == anomalies(second)
    line = msgspec_json.decode(first.read_text().splitlines()[0])
    assert set(line) == {"t", "topic", "payload", "retain"}
