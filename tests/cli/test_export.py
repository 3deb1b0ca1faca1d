"""Records out of a store and into another."""

import csv
import io

import pytest

from ingest.lines import lines
from ingest.store import open_history, open_store
from tests.ingest import first_version
from tests.ingest.conftest import (
    beat,
    influxd,  # noqa: F401
)
from vitals import BloodPressure, HeartRate, Metric, Reading, config
from vitals.__main__ import main

RECORDS = [
    *(beat(seq) for seq in range(1, 30)),
    Reading("p-2", "cuff", BloodPressure(t=5, sys=None, dia=80.5, q=("reserved",))),
    Reading("p-2", "strap", HeartRate(t=6, hr=60.0, q=("=cmd()", "a"), link="open")),
]


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    store = open_store(config.Store(), folder)
    store.write(RECORDS)
    store.close()
    return folder


def exported(capsys, data, *options):
    capsys.readouterr()
    assert main(["export", "--data", str(data), *options]) == 0
    return capsys.readouterr().out


def test_a_table_has_a_column_for_every_field(data, capsys):
    rows = list(csv.DictReader(io.StringIO(exported(capsys, data, "--format", "csv"))))
    assert len(rows) == len(RECORDS)
    by_device = {row["device"]: row for row in rows}
    assert by_device["cuff"]["dia"] == "80.5"
    assert by_device["cuff"]["sys"] == by_device["cuff"]["hr"] == ""
    assert by_device["strap-1"]["rr"] == "812.5 790.25"
    assert by_device["strap"]["q"].startswith("'=")  # no formula


def test_line_protocol_is_what_ingest_writes(data, capsys):
    found = exported(capsys, data, "--format", "line").splitlines()
    expected = [line for r in RECORDS for line in lines(r).splitlines()]
    assert sorted(found) == sorted(expected)


def test_d10_what_was_exported_is_imported_once(data, capsys, tmp_path):
    out = exported(capsys, data)
    (tmp_path / "out").write_text(out)
    new = tmp_path / "new"
    for _ in range(2):
        assert main(["import", str(tmp_path / "out"), "--data", str(new)]) == 0
    assert exported(capsys, new) == out
    assert len(out.splitlines()) == len(RECORDS)


def test_d10_two_sites_merge_in_any_order_and_nothing_is_there_twice(capsys, tmp_path):
    village = [*(beat(seq) for seq in range(1, 30)), RECORDS[-2]]
    region = [*(beat(seq) for seq in range(20, 50)), RECORDS[-1]]
    for name, records in ("village", village), ("region", region):
        store = open_store(config.Store(), tmp_path / name)
        store.write(records)
        store.close()
        (tmp_path / f"{name}.jsonl").write_text(exported(capsys, tmp_path / name))
    for home, guest in ("village", "region"), ("region", "village"):
        words = ["import", str(tmp_path / f"{guest}.jsonl")]
        assert main([*words, "--data", str(tmp_path / home)]) == 0
    merged = [
        exported(capsys, tmp_path / n).splitlines() for n in ("village", "region")
    ]
    assert sorted(merged[0]) == sorted(merged[1])
    assert len(set(merged[0])) == len(merged[0]) == 49 + 2


NO_RECORDS = {
    "not JSON": b"?",
    "a list": b"[]",
    "no kind": b'{"subject": 1}',
    "an odd subject": b'{"subject":"p 1","device":"d","kind":"glucose"}',
    "not UTF-8": b'{"subject":"p-1\xff"}',
    "brackets, thousands deep": b"[" * 100_000,
}


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize("what", NO_RECORDS)
def test_a_line_that_is_no_record_is_named_and_those_before_it_are_stored(
    data, capsys, tmp_path, monkeypatch, what, piped
):
    good = exported(capsys, data).splitlines()
    lines = [*(line.encode() for line in good[:2]), NO_RECORDS[what]]
    name, new = tmp_path / "out", tmp_path / "n"
    name.write_bytes(b"\n".join([*lines, good[2].encode(), b""]))
    if piped:
        stdin = io.TextIOWrapper(io.BytesIO(name.read_bytes()))
        monkeypatch.setattr("sys.stdin", stdin)
        name = "-"
    assert main(["import", str(name), "--data", str(new)]) == 1
    told = capsys.readouterr().err
    assert f"{name}, line 3: " in told
    assert ("2 so far" if piped else "2 of 4") in told
    assert exported(capsys, new).splitlines() == good[:2]


@pytest.mark.slow
@pytest.mark.parametrize("old", [False, True])
def test_a_store_moves_into_influxdb_whole(request, tmp_path, capsys, old):
    url = request.getfixturevalue("influxd").url
    readings = [beat(seq, t=beat(1).record.t + seq * 900) for seq in range(1, 5000)]
    readings += RECORDS[-2:]
    data = tmp_path / "data"
    data.mkdir()
    if old:
        first_version.write(data / "store.db", readings)
    else:
        store = open_store(config.Store(), data)
        store.write(readings)
        store.close()
    toml = tmp_path / "vitals.toml"
    toml.write_text(
        f'data = "{data}"\n[store]\nkind = "influx"\nurl = "{url}"\n'
        f'database = "moved {old}"\n'
    )
    for _ in range(2):
        assert main(["migrate", "--config", str(toml)]) == 0
    told = capsys.readouterr()
    assert "5,001 of 5,001" in told.err
    settings = config.load(toml).store
    before, after = open_history(config.Store(), data), open_history(settings, data)
    key = lambda r: (r.record.t, repr(r))  # noqa: E731
    assert sorted(before.export(), key=key) == sorted(after.export(), key=key)
    t = readings[0].record.t
    for points in (10, 400):
        for metric in (Metric.HEART_RATE, Metric.RR_INTERVAL):
            asked = "p-1", metric, t - 90_000, t + 86_400_000, points
            ours, theirs = before.trend(*asked), after.trend(*asked)
            assert [(p.t, p.n, p.min, p.max) for p in ours] == [
                (p.t, p.n, p.min, p.max) for p in theirs
            ]
            assert ours
    before.close()
    after.close()


def test_a_migration_wants_to_know_whereto(data, capsys, tmp_path):
    (tmp_path / "vitals.toml").write_text(f'data = "{data}"\n')
    assert main(["migrate", "--config", str(tmp_path / "vitals.toml")]) == 1
    assert "store.kind" in capsys.readouterr().err
