"""The README's table, made from `benchmarks/results.json`."""

import json
from pathlib import Path

from benchmarks.results import PATH

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"


def rows(found):
    """Give (what, figure) for everything that has been measured."""
    for part in (_demo, _heart, _kills, _gateways, _outbox, _ingest, _store, _duels):
        yield from part(found)


def slashed(one, *names, unit=""):
    return " / ".join(str(one[name]) for name in names) + unit


def _demo(found):
    if demo := found.get("demo"):
        counts = ("sent", "stored", "lost", "duplicates")
        yield f"demo, 60 s: {' / '.join(counts)}", slashed(demo, *counts)
        for place, latency in demo["latency_ms"].items():
            what = f"from notification to {place}, p50 / p99"
            yield what, slashed(latency, "p50", "p99", unit=" ms")


def _heart(found):
    if heart := found.get("recorded_heart"):
        what = f"recorded heart {heart['record']}: intervals stored / largest error"
        yield what, slashed(heart, "intervals", "largest_error_ms", unit=" ms")


def _kills(found):
    if kills := found.get("kills"):
        what = f"{kills['kills']} SIGKILLs of stages: records / lost / doubled"
        yield what, slashed(kills, "records", "lost", "doubled")


def _gateways(found):
    doors = {"gateway": "", "gateway_bluez": " through BlueZ"}
    for door, words in doors.items():
        for count, one in found.get(door, {}).items():
            figures = f"{one['rss_mb']} MB / {one['cpu_percent']} %"
            yield f"gateway process, {count} straps{words}: memory / CPU", figures
            lost = slashed(one, "sent", "lost_before_disk")
            yield f"its records sent / lost, {count} straps{words}", lost
            latency = slashed(one, "publish_p50_ms", "publish_p99_ms", unit=" ms")
            yield f"its notification to publish, {count} straps{words}", latency


def _outbox(found):
    if outbox := found.get("outbox"):
        drained = f"{outbox['drained_per_s']} records/s"
        yield f"a backlog of {outbox['records']} records drains at", drained
        yield (
            "the longest that a live reading waits meanwhile",
            (f"{outbox['live_publish_max_ms']} ms"),
        )


def _ingest(found):
    for part in (_write, _path, _poison, _ingest_kills, _outage):
        yield from part(found)


def _write(found):
    if write := found.get("ingest_write"):
        what = "decoded records into influxd: share of prebuilt / of batched Points"
        yield what, slashed(write, "of_prebuilt", "of_points", unit=" times")


def _path(found):
    names = {"single": "single records", "batch_50": "batches of 50"}
    for part, words in names.items():
        if path := found.get("ingest_path", {}).get(part):
            rates = slashed(path["records_per_s"], "ours", "plain", unit=" records/s")
            yield f"MQTT into influxd, {words}: ours / plain paho", rates
            spent = slashed(path["own_us_per_record"], "ours", "plain", unit=" µs")
            yield f"CPU time of ingest for a record, {words}: ours / plain paho", spent


def _poison(found):
    if poison := found.get("ingest_poison"):
        what = f"{poison['hostile']} hostile messages among {poison['good']}: "
        what += "stored / buried of / throughput of without"
        names = "stored", "buried", "to_be_buried", "throughput_of_without"
        yield what, slashed(poison, *names)


def _ingest_kills(found):
    if kills := found.get("ingest_kills"):
        cases = {"": kills, ", forgetting on PUBACK": kills["control"]}
        for words, one in cases.items():
            what = f"{one['kills']} SIGKILLs of gateway, broker, ingest, influxd{words}"
            figures = slashed(one, "confirmed", "lost", "doubled")
            yield f"{what}: confirmed / lost / doubled", figures


def _outage(found):
    if outage := found.get("ingest_outage"):
        what = f"influxd away for {outage['away_s']:.0f} s: "
        sizes = slashed(outage, "rss_before_mb", "rss_most_mb", unit=" MB")
        yield what + "memory of ingest before / most", sizes
        ends = slashed(outage, "confirmed", "stored", "lost", "doubled")
        yield what + "confirmed / stored / lost / doubled", ends
        yield what + "drained", f"{outage['drained_per_s']} records/s"
        yield what + "live records are stored again", f"{outage['live_again_s']} s"
        ages = slashed(outage["live_age_s"], "while_draining_most", "afterwards_p50")
        yield (
            what + "age of the newest record, most while draining / afterwards",
            (f"{ages} s"),
        )


def _store(found):
    store = found.get("store", {})
    if trend := store.get("trend"):
        what = f"trend of {trend['records']} records to {trend['points']} points"
        yield f"{what}, SQLite, p95", f"{trend['sqlite_p95_ms']} ms"
        ratio = f"{trend['influx_p50_ms']} ms, {trend['influx_ratio']} times as fast"
        yield f"{what}, InfluxDB's rollups, against its own GROUP BY", ratio
    if live := store.get("live"):
        what = "written to the disk for a record, SQLite, 100 wearables at 1 Hz"
        yield what, f"{live['octets_per_record']} octets"
        backup = live["backup"]
        what = (
            f"{backup['backups']} backups under that load: records promised / missing"
        )
        yield what, slashed(backup, "promised", "missing")


def _duels(found):
    for claim, duel in found.get("duels", {}).items():
        yield claim, f"{duel['us']} µs, {duel['ratio']} times as fast"


def write():
    """Put the table into the README."""
    found = json.loads(PATH.read_text())
    lines = ["| measured | figure |", "| --- | --- |"]
    lines += [f"| {what} | {figure} |" for what, figure in rows(found)]
    lines += ["", f"Measured on {found['machine']}, two shared cores: read the ratios."]
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    table = "\n".join(lines)
    README.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{tail}")


if __name__ == "__main__":
    write()
