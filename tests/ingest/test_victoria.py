"""VictoriaMetrics takes our records by either of InfluxDB's write paths."""

import json
import urllib.parse
import urllib.request

import pytest

from ingest.store import open_store
from vitals import config

pytestmark = pytest.mark.slow


def values(url, name):
    """Give what it has of a metric, by device: [(ms, value), ...]."""
    match = urllib.parse.quote(f'{{__name__="{name}"}}')
    address = f"{url}/api/v1/export?match[]={match}"
    urllib.request.urlopen(f"{url}/internal/force_flush").close()
    rows = map(json.loads, urllib.request.urlopen(address).read().splitlines())
    return {
        row["metric"]["device"]: list(
            zip(row["timestamps"], row["values"], strict=True)
        )
        for row in rows
    }


@pytest.mark.parametrize("organisation", ["", "clinic"])
def test_what_was_written_is_there(victoria, tmp_path, beat, organisation):
    device = f"strap-{organisation or 'plain'}"
    readings = [beat(seq, device=device) for seq in range(1, 500)]
    settings = config.Store(kind="influx", url=victoria, organisation=organisation)
    store = open_store(settings, tmp_path)
    assert store.write(readings).new == len(readings)
    store.write(readings[::-1])
    # Its answers are no InfluxQL; that is told once, and rolls nothing.
    store.tend(4_000_000_000_000)
    store.close()
    expected = [(r.record.t, r.record.hr) for r in readings]
    assert sorted(set(values(victoria, "heart_rate_hr")[device])) == expected
    assert values(victoria, "trend_hour_n") == {}
