import pytest
from dbus_fast import Message

from gateway.adapter import left_over, power_cycle
from gateway.agent import Agent


@pytest.mark.parametrize(
    "call", [lambda: power_cycle("hci0"), lambda: left_over("", [])]
)
def test_without_a_bus_the_adapter_cannot_be_helped_and_that_is_said(
    run, tmp_path, monkeypatch, call
):
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")

    async def main():
        with pytest.raises(OSError, match="No such file"):
            await call()

    run(main())


@pytest.mark.parametrize(
    ("name", "owner", "deaths"),
    [("org.bluez", "", 1), ("org.bluez", ":1.7", 0), ("org.other", "", 0)],
)
def test_a7_that_bluez_has_died_is_noticed_at_once(name, owner, deaths):
    died = []
    where = "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged"
    signal = Message.new_signal(*where, "sss", [name, ":1.3", owner])
    assert Agent(died=lambda: died.append(1)).answer(signal) is None
    assert len(died) == deaths
