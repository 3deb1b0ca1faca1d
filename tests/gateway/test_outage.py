"""The broker goes away and comes back: nothing lost, and the living come first."""

import re

import pytest

from benchmarks import outbox
from vitals import broker

RECORDS = 20_000


@pytest.mark.slow
@pytest.mark.skipif(broker.find_mosquitto() is None, reason="needs mosquitto")
def test_a9_an_outage_loses_nothing_and_live_readings_do_not_wait_for_its_backlog():
    figures = outbox.measure(RECORDS)
    assert figures["left"] == figures["gaps"] == figures["dropped"] == 0
    assert figures["stored"] == figures["rows"] > RECORDS + figures["live_records"]
    assert figures["drained_per_s"] >= 200  # 2,000 on a machine that does nothing else
    drained_ms = 1000 * RECORDS / figures["drained_per_s"]
    # Not the longest: whatever stands still for a second holds up a few.
    assert figures["live_publish_p50_ms"] < max(500, drained_ms / 4)
    assert figures["rss_most_mb"] < figures["rss_before_mb"] * 1.1
    # What docs/outbox.md computes with, for a week and for any number of days.
    said = figures["octets_per_record_by_the_docs"]
    assert figures["octets_per_record"] == pytest.approx(said, rel=0.05)
    assert figures["days_of_ten_in_1024_mb"] > 7


def test_the_weeks_and_days_in_the_docs_follow_from_what_a_record_takes():
    text = outbox.DOCS.read_text()
    octets, day = outbox.documented(), outbox.DAY_S * outbox.WEARABLES
    for what, records in {"a day": day, "a week": 7 * day}.items():
        [(count, mb)] = re.findall(rf"{what} \| ([\d,]+) records, (\d+) MB", text)
        assert int(count.replace(",", "")) == records
        assert int(mb) == pytest.approx(records * octets / (1 << 20), abs=3)
    [days] = re.findall(r"in `keep_mb = 1024` \| (\d+) days", text)
    assert int(days) == round((1 << 30) / octets / day)
    assert f"1,048,576 / ({octets} " in text
