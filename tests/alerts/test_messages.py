from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts import sheets
from alerts.messages import Offer, Reader, message, trial
from alerts.wording import WHY, WORDS
from vitals.links import case_number
from vitals.model import Alert

NOW = 1_795_300_000_000  # 2026-11-21T22:26:40Z
SHANGHAI, UTC = ZoneInfo("Asia/Shanghai"), ZoneInfo("UTC")
VALUES = [[NOW - 20_000 + n * 1000, 140.0 + n] for n in range(9)]
ALERT = Alert(
    id="e1",
    subject="p-7",
    condition="heart_rate_high",
    kind="physiological",
    priority="high",
    state="unacknowledged",
    since=NOW - 240_000,
    t=NOW,
    value=152.4,
    unit="/min",
    evidence={
        "device": "strap-1",
        "limit": 131.0,
        "baseline": 68.2,
        "values": VALUES,
        "quality": 0.98,
        "text": "Heart rate 152 /min, at or above 131 for 240 s.",
        "text_zh": "心率 152 次/分,已持续 240 秒。",
    },
)
OFFER = Offer(
    open="https://v.example/alerts/e1",
    acknowledge="https://v.example/l/AAA",
    snooze="https://v.example/l/SSS",
    minutes=15,
)
CLINICIAN = Reader(zone=UTC)


def written(alert=ALERT, why="opened", offer=OFFER, **reader):
    sheet = message(alert, why, replace(CLINICIAN, **reader), offer, NOW)
    return sheet, f"{sheet.title}\n{sheets.text(sheet)}"


def test_c24_a_clinician_reads_everything_that_a_decision_needs():
    sheet, text = written()
    assert sheet.title == ("New alert, high priority · p-7 · Heart rate high 152 /min")
    for line in (
        "Heart rate 152 /min, at or above 131 for 240 s.",  # what
        "Since: 22:22:40 UTC (4 min)",
        "Worst value: 152 /min",
        "Limit: 131 /min",
        "Usual: 68 /min",
        "Latest: 143 144 145 146 147 148 /min, rising",
        "How sure: high (98 %)",
        "Quality: 98 % of the readings are good",
        "Last reading: 22:26:28 UTC (12 s ago)",
        "Device: strap-1",
        "What to do: Call the patient",
        "Acknowledge: https://v.example/l/AAA",
        "Snooze 15 min: https://v.example/l/SSS",
        "Open in vitals: https://v.example/alerts/e1",
        f"Case {case_number('e1')}",
    ):
        assert line in text


def test_d17_the_same_in_chinese_by_the_readers_clock():
    sheet, text = written(language="zh", zone=SHANGHAI)
    assert sheet.title == "新警报,高优先级 · p-7 · 心率偏高 152 /min"
    for line in (
        "心率 152 次/分,已持续 240 秒。",
        "开始时间:06:22:40(已持续4 分钟)",
        "最近数值:143 144 145 146 147 148 /min,上升",
        "可信度:高(98%)",
        "最近读数:06:26:28(12 秒前)",
        "处理建议:请联系患者",
        "确认:https://v.example/l/AAA",
        "暂停 15 分钟:https://v.example/l/SSS",
    ):
        assert line in text


def test_confidence_is_how_sure_and_quality_is_its_own():
    _, text = written(replace(ALERT, evidence=ALERT.evidence | {"confidence": 0.75}))
    assert "How sure: moderate (75 %)" in text
    assert "Quality: 98 %" in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("audience", ["clinician", "patient", "family"])
@pytest.mark.parametrize("why", WHY)
def test_a_link_message_says_nothing_of_whom_nor_what(language, audience, why):
    sheet, text = written(why=why, language=language, audience=audience, content="link")
    everything = text + sheets.html(sheet)
    for secret in ("p-7", "152", "131", "eart", "心", "strap", "/min", "22:2"):
        assert secret not in everything
    assert case_number("e1") in sheet.title
    assert "https://v.example/l/AAA" in text


def test_without_an_address_a_link_message_says_where_to_look():
    _, text = written(content="link", offer=Offer())
    assert "http" not in text
    assert "Look for the case in vitals." in text


def test_c23_a_patient_reads_what_it_means_and_what_to_do_and_decides_nothing():
    pressure = replace(
        ALERT, condition="systolic_high", value=182.0, unit="mm[Hg]", evidence={}
    )
    sheet, text = written(pressure, audience="patient")
    assert sheet.title == "Blood pressure high"
    assert "Sit down, rest for five minutes and measure again." in text
    assert "Your care team has been told." in text
    assert "no emergency service" in text
    assert "/l/" not in text
    assert "p-7" not in text
    _, chinese = written(pressure, audience="patient", language="zh")
    assert "请坐下休息五分钟后再测一次" in chinese
    assert "120" in chinese


def test_a_family_reads_of_whom_and_is_not_told_that_it_is_they():
    sheet, text = written(audience="family")
    assert sheet.title == "p-7 · Heart rate high"
    assert "Your heart" not in text
    assert "Please see how they are." in text


def test_c16_the_all_clear_asks_for_nothing_in_a_hurry():
    over = replace(ALERT, state="normal", acknowledged_by="dr-li")
    sheet, text = written(over, why="returned", offer=Offer(open=OFFER.open))
    assert sheet.title.startswith("Over, ")
    assert "Nothing has to be done in a hurry." in text
    assert "Seen by: dr-li" in text
    _, home = written(over, why="returned", audience="patient")
    assert "This is over." in home


def test_a_last_reading_that_nobody_knows_is_said_to_be_unknown():
    _, text = written(replace(ALERT, evidence={}))
    assert "Last reading: not known" in text
    assert "Latest" not in text
    assert "How sure" not in text


def test_alerts_that_are_told_together_are_named():
    others = [{"id": "e2", "condition": "oxygen_saturation_low", "priority": "high"}]
    found = ALERT.evidence | {"together": [*others, "?", {}]}
    _, text = written(replace(ALERT, evidence=found))
    assert "At the same time: Oxygen low" in text


def test_times_are_by_the_readers_clock_also_in_the_night_when_it_goes_back():
    twice = 1_792_888_200_000  # 2026-10-25T00:30Z, an hour before the change
    reader = replace(CLINICIAN, zone=ZoneInfo("Europe/Berlin"))
    for t, shown in (
        (twice - 3_600_000, "01:30:00"),
        (twice, "02:30:00 CEST"),
        (twice + 3_600_000, "02:30:00 CET"),
    ):
        old = replace(ALERT, since=t, evidence={})
        sheet = message(old, "opened", reader, OFFER, t + 240_000)
        assert ("Since", f"{shown} (4 min)") in sheet.facts


def test_an_old_reading_is_said_to_be_old():
    old = ALERT.evidence | {"values": [[NOW - 3 * 86_400_000, 150.0]]}
    _, text = written(replace(ALERT, evidence=old))
    assert "Last reading: 2026-11-18 22:26 UTC (3 days ago)" in text


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([150, 149, 140, 131, 130, 130], "falling"),
        ([150, 150, 151, 150, 150, 151], "steady"),
        ([130, 131, 140, 150, 150, 151], "rising"),
    ],
)
def test_the_trend_is_the_last_third_against_the_first(values, trend):
    found = ALERT.evidence | {
        "values": [[NOW - 9 + n, v] for n, v in enumerate(values)]
    }
    _, text = written(replace(ALERT, evidence=found))
    assert f"/min, {trend}" in text


def test_d17_both_languages_say_every_text_with_the_same_gaps():
    for key, (english, chinese) in WORDS.items():
        gaps = [
            {g for g in ("{n}", "{time}", "{age}", "{name}") if g in text}
            for text in (english, chinese)
        ]
        assert gaps[0] == gaps[1], key


def test_a_test_message_says_that_it_is_one_and_of_nobody():
    for language, word in (("en", "This is a test."), ("zh", "测试消息")):
        sheet = trial("ward-mail", language)
        assert "ward-mail" in sheet.title
        assert word in sheets.text(sheet)


class Outline(HTMLParser):
    """What a mail reader would load or run."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.words, self.open = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [v for k, v in attributes if k in ("href", "src")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_html_says_what_the_text_says_and_loads_nothing():
    sheet, _ = written()
    outline = Outline()
    outline.feed(sheets.html(sheet))
    assert outline.open == []
    assert set(outline.links) == {OFFER.open, OFFER.acknowledge, OFFER.snooze}
    assert not {"script", "img", "link", "iframe"} & set(outline.tags)
    said = " ".join(outline.words)
    for _, value in sheet.facts:
        assert value in said
    assert sheet.lead in said
    assert sheet.advice in said


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)
)
evidence = st.dictionaries(
    st.sampled_from(
        ["text", "text_zh", "values", "quality", "confidence", "limit", "baseline",
         "received", "device", "late", "together"]
    ),
    st.one_of(scalars, st.lists(st.one_of(scalars, st.lists(scalars)))),
)  # fmt: skip


@given(
    st.text(max_size=30),
    evidence,
    st.sampled_from(["en", "zh"]),
    st.sampled_from(["clinician", "patient", "family"]),
    st.none() | st.floats(),
)
def test_whatever_a_detector_says_can_be_told_and_breaks_no_page(
    condition, found, language, audience, value
):
    alert = replace(ALERT, condition=condition, evidence=found, value=value)
    sheet, _ = written(alert, language=language, audience=audience)
    outline = Outline()
    outline.feed(sheets.html(sheet))
    assert outline.open == []
    assert set(outline.tags) <= {
        "html", "head", "meta", "title", "body", "div", "h1", "p", "span", "b", "a",
    }  # fmt: skip
