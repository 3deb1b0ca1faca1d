"""The README's table, made from `benchmarks/results.json`."""

import json
from pathlib import Path

from benchmarks.results import PATH

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"


def rows(found):
    """Give (what, figure) for everything that has been measured."""
    for part in (_demo, _heart, _detectors, _kills, _gateways, _outbox, _duels):
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


def _detectors(found):
    if not (found := found.get("detectors")):
        return
    for name, place in (("afdb", "AFDB"), ("mitdb", "MITDB")):
        beats = found[f"{name}_beats"]
        what = f"fibrillation by RR alone, {place}, per beat: Se / Sp"
        yield what, slashed(beats, "se", "sp", unit=" %")
        alarms = found[f"{name}_episodes_30"]
        what = f"its episodes, {place}, 30 s hold: found / false per 24 h"
        yield what, f"{alarms['found_pct']} % / {alarms['false_per_24h']}"
    yield "short noisy records (CinC 2017): F1", found["noise"]["cinc2017_f1_af"]
    yield (
        "ectopic beats, MITDB: Se / Sp",
        slashed(found["ectopics"], "ectopic_se", "sp", unit=" %"),
    )
    worse = found["deterioration_device"]
    what = "decline (CinC 2019 B), untrained: found at 0.25 / 0.5 false a day"
    yield what, slashed(worse, "se_at_0.25", "se_at_0.5", unit=" %")


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
