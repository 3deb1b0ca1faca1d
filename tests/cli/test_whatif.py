"""What other limits would have given, from the store's own records."""

import argparse
import asyncio
import json

import msgspec
import pytest

from ingest.store import open_store
from vitals import ConfigError, HeartRate, Reading, config, wire
from vitals.__main__ import main
from vitals.bus import MemoryBus
from vitals.cli import dry_run, whatif
from vitals.clock import now
from vitals.detection import Dsp
from vitals.model import Answer, Limit, Night, Plan, WhatIf
from vitals.wire import Message

HOUR = 3_600_000


def heart(begin, minutes, hr):
    """A strap's word, each ten seconds."""
    times = range(begin, begin + minutes * 60_000, 10_000)
    return [
        Reading("p-7", "strap", HeartRate(t=t, hr=hr, received=t + 5)) for t in times
    ]


@pytest.fixture
def data(tmp_path):
    """Two days: a heart of 70, and at four times of 125, once of 140."""
    begin = now() - 48 * HOUR + 20 * 60_000
    store = open_store(config.Store(), tmp_path)
    for hour in range(47):
        hr = {5: 125.0, 15: 125.0, 25: 140.0, 35: 125.0, 45: 125.0}.get(hour, 70.0)
        store.write(heart(begin + hour * HOUR, 5, hr))
        store.write(heart(begin + hour * HOUR + 5 * 60_000, 5, 70.0))
    store.close()
    return tmp_path


def limits(folder, text):
    path = folder / "new.toml"
    path.write_text(text)
    return path


@pytest.fixture
def asked(data, capsys):
    """Ask for two days under a file's limits; give what is printed."""

    def ask(text, *more, patient="p-7"):
        path = limits(data, text)
        words = "--patient", patient, "--limits", path, "--days", "2", "--data", data
        code = main(["whatif", *map(str, words), *more])
        return code, capsys.readouterr()

    return ask


def test_stricter_limits_would_have_called_more_often(asked):
    _, said = asked("[limits.heart_rate]\nhigh = 120\nhold_s = 60\n", "--json")
    found = json.loads(said.out)
    assert found["now"]["by_condition"]["heart_rate_high"] == 1
    assert found["new"]["by_condition"]["heart_rate_high"] == 5
    assert found["records"] == 47 * 60


def test_laxer_limits_would_have_called_less(asked):
    _, said = asked("[limits.heart_rate]\nhigh = 160\n", "--json")
    found = json.loads(said.out)
    assert "heart_rate_high" not in found["new"]["by_condition"]


def test_the_same_limits_give_the_same_alerts(asked):
    found = json.loads(asked("", "--json")[1].out)
    assert found["now"] == found["new"]


def test_a_demo_s_data_is_asked_under_the_demo_s_own_limits(tmp_path):
    chosen = argparse.Namespace(data=str(tmp_path), config="vitals.toml")
    settings, whence = whatif.settings_of(chosen, tmp_path)
    assert settings == config.Config()
    assert whence.startswith(f"the defaults: {tmp_path} has none")
    mine = Dsp(limits={"heart_rate": Limit(high=120)})
    demo = {"url": "x", "users": [], "dsp": msgspec.to_builtins(mine)}
    (tmp_path / "demo.json").write_text(json.dumps(demo))
    settings, whence = whatif.settings_of(chosen, tmp_path)
    assert settings.dsp == mine
    assert whence == f"those of the demo in {tmp_path}"
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(ConfigError, match=r"demo\.json"):
        whatif.settings_of(chosen, tmp_path)


def test_it_is_a_table_for_people(asked):
    lines = asked("[limits.heart_rate]\nhigh = 120\n")[1].out.splitlines()
    assert lines[0] == "p-7: 2 days, 2,820 records"
    assert [line.split() for line in lines if "heart_rate_high" in line] == [
        ["heart_rate_high", "1", "5"]
    ]


def test_a_limit_on_nothing_we_know_is_refused(asked):
    code, said = asked("[limits.mood]\nhigh = 3\n")
    assert code == 1
    [line] = said.err.splitlines()
    assert "limits.mood: one of heart_rate, systolic" in line


def test_nobody_s_records_are_said_to_be_none(asked):
    code, said = asked("", patient="p-8")
    assert code == 1
    assert said.err.splitlines()[-1].endswith("no records of p-8 in these days")


@pytest.mark.slow
def test_whoever_asks_on_the_bus_is_answered(data, run, beside):
    async def main():
        bus = MemoryBus()
        inbox = bus.subscribe(wire.stage_topic("dsp", "answer"))
        async with beside(dry_run.serve(bus, ("--data", str(data)))):
            await asyncio.sleep(0.05)
            for subject, high in (("p-7", 120), ("p-8", 120)):
                limits = {"heart_rate": Limit(high=high)}
                asked = WhatIf(
                    id=f"q-{subject}", subject=subject, limits=limits, days=2
                )
                topic = wire.stage_topic("dsp", "whatif")
                await bus.publish(Message(topic, wire.encode(asked)))
            await bus.publish(Message(topic, b"garbage"))
            answers = [await inbox.take(1) for _ in range(2)]
        good, bad = (wire.read(Answer, one.message.payload) for [one] in answers)
        assert (good.id, good.ok) == ("q-p-7", True)
        assert json.loads(good.text)["new"]["by_condition"]["heart_rate_high"] == 5
        assert (bad.id, bad.ok) == ("q-p-8", False)
        assert bad.text == "no records of p-8 in these days"

    run(main())


def test_what_a_file_does_not_name_stays():
    plan = Plan(limits={"pulse": Limit(high=99)}, off=("baseline",), t=5)
    new = whatif.Proposal(limits={"heart_rate": Limit(high=120)}, night=Night(begin=60))
    assert new.over(plan) == Plan(
        limits={"pulse": Limit(high=99), "heart_rate": Limit(high=120)},
        night=Night(begin=60),
        off=("baseline",),
        t=5,
    )
