"""Whatever the detectors say, they say it in plain words, in English and in Chinese."""

import re

import pytest

from dsp import sentences
from dsp.limits import SIGNALS
from dsp.sentences import Excess
from dsp.ward import Ward
from vitals import BloodPressure, HeartRate, Limit, Reading
from vitals.codes import Kind
from vitals.detection import Dsp
from vitals.model import Battery

T0 = 1_700_000_000_000
QUICK = Dsp(limits={"heart_rate": Limit(high=130, hold_s=5)}, off_body_s=5)


def story():
    """A heart that races, a strap that is lost, a battery and a cuff."""
    ward, said = Ward(QUICK), []
    for s in range(900):
        hr = 150 if 850 < s < 870 else 70 if s < 700 else 125
        off = ("off_body",) if 880 < s < 890 else ()
        record = HeartRate(t=T0 + s * 1000, hr=None if off else hr, q=off)
        said += ward.observe([Reading("p-7", "strap", record)], record.t)
    for k, level in enumerate((15, 5, 90)):
        record = Battery(t=T0 + (900 + k) * 1000, level=level)
        said += ward.observe([Reading("p-7", "strap", record)], record.t)
    for k, q in enumerate(((), ("motion",), ())):
        record = BloodPressure(t=T0 + (960 + 90 * k) * 1000, sys=190, dia=95, q=q)
        said += ward.observe([Reading("p-7", "cuff", record)], record.t)
    return said + ward.tick(T0 + 9_000_000)


def test_d17_every_anomaly_has_a_sentence_in_both_tongues():
    said = story()
    assert {
        "limit",
        "baseline",
        "off_body",
        "silent",
        "battery",
        "crisis",
        "cuff",
    } <= {a.detector for a in said}
    for anomaly in said:
        text, chinese = anomaly.evidence["text"], anomaly.evidence["text_zh"]
        assert text[0].isalnum()
        assert text.endswith(".")
        assert chinese.endswith("。")
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert not re.search(r"[\u4e00-\u9fff]", text)
        assert not re.search(r"nan|None", text + chinese)
        assert "quality" in anomaly.evidence or anomaly.kind == "technical"


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("high", [False, True, None])
def test_every_signal_has_a_name_in_both(high, over):
    for signal in SIGNALS:
        english, chinese = sentences.strayed(Excess(signal.metric, high, 1, 2, 3), over)
        assert english.startswith(sentences.METRICS[signal.metric][0])
        assert chinese.startswith(sentences.METRICS[signal.metric][1])


def test_every_kind_has_a_name_in_both():
    for kind in Kind:
        assert kind.replace("_", " ") in sentences.unheard("x", kind, 1, False)[0]
