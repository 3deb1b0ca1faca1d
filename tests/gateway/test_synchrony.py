from pathlib import Path

import pytest

from gateway.policy import policy
from gateway.synchrony import Synchrony, disciplined, for_adapter
from vitals import ConfigError, config

Y2024, Y2026 = 1_704_067_200_000, 1_767_225_600_000


def test_a_clock_before_2025_or_that_nobody_disciplines_is_not_believed():
    assert not Synchrony(lambda: True)(Y2024)
    assert not Synchrony(lambda: False)(Y2026)
    assert Synchrony(lambda: True)(Y2026)


def test_once_right_a_clock_stays_right():
    answers = iter([False, True])
    synchrony = Synchrony(lambda: next(answers))
    assert [synchrony(Y2026) for _ in range(4)] == [False, True, True, True]


def test_the_kernel_has_an_answer():
    assert disciplined() in (True, False)


@pytest.mark.parametrize("adapter", ["", "hci0", "usb:0", "serial:/dev/ttyACM0"])
def test_a_real_adapter_asks_the_kernel(adapter):
    assert isinstance(for_adapter(adapter), Synchrony)


def test_a_simulation_needs_no_judge():
    assert for_adapter("tcp-client:127.0.0.1:6402")(Y2024)


def test_an_unknown_zone_is_one_clear_line():
    with pytest.raises(ConfigError, match="Europe/Atlantis: no such zone"):
        policy(config.Gateway(time_zone="Europe/Atlantis"))
    if Path("/usr/share/zoneinfo/Asia/Shanghai").exists():
        settings = config.Gateway(time_zone="Asia/Shanghai")
        assert str(policy(settings).zone) == "Asia/Shanghai"
