"""The README's table, made from `benchmarks/results.json`."""

import json
from pathlib import Path

from benchmarks.results import PATH

README = Path(__file__).parent.parent / "README.md"
FAULTS = {
    "link_lost": "all links lost for 2 s",
    "daemon_restarted": "bluetoothd killed, restarted at once",
    "daemon_away": "bluetoothd killed, back after 10 s",
    "daemon_hung": "bluetoothd stopped for 6 s",
    "adapter_unplugged": "adapter unplugged for 5 s",
    "powered_off": "adapter powered off and left so",
    "powered_off_and_on": "adapter powered off, on after 2 s",
    "controller_frozen": "controller frozen",
}
BEGIN, END = "<!-- figures: made by `make bench` -->", "<!-- end of figures -->"


def rows(found):
    """Give (what, figure) for everything that has been measured."""
    for part in PARTS:
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


def _burden(found):
    for name, one in found.get("burden", {}).items():
        what = f"calls a patient-day, {SIDES[name]}, {one['patient_days']:g} days"
        yield (
            f"{what}: all / of them reminders",
            slashed(one, "calls_per_patient_day", "reminders_per_patient_day"),
        )
        if share := one.get("sepsis_called_pct"):
            yield "sepsis onsets there that somebody was called for", f"{share} %"


SIDES = {
    "hospital": "intensive care (CinC 2019 B)",
    "home": "home (Welltory)",
    "quiet_week": "100 quiet people",
}


def _stage(found):
    if stage := found.get("dsp_stage"):
        what = f"the stage, {stage['patients']} patients over MQTT: records/s, cores"
        burst = stage["burst"]
        yield what, f"{burst['records_per_s']}/s on {burst['cpu_of_a_core']} of a core"
        pace = stage["pace"]
        what = f"at {pace['offered_per_s']}/s: message in to anomaly out, p50 / p99"
        yield what, slashed(pace, "p50_ms", "p99_ms", unit=" ms")
    if not (speed := found.get("dsp_speed")):
        return
    ns, times = speed["ns"], speed["times_as_long"]
    beats = [f"{ns[f'beat_{n}']['best']:g}" for n in (1, 10_000)]
    yield "a whole beat, 1 / 10,000 patients, best round", f"{' / '.join(beats)} ns"
    vital = [f"{ns[f'vital_{n}']['best']:g}" for n in (1, 10_000)]
    yield "a vital sign's value, 1 / 10,000 patients", f"{' / '.join(vital)} ns"
    for name, words in RIVALS.items():
        yield f"{words}: times as long as ours", f"{times[name]:g}"


RIVALS = {
    "river_by_vital": "river's mean, variance and Page-Hinkley of a value",
    "numpy_by_beat": "numpy's RMSSD, SDNN and pNN50 at a beat, to our whole beat",
    "neurokit_by_hrv": "NeuroKit's HRV of 300 beats",
    "neurokit_by_repair": "NeuroKit's correction of intervals",
}


def _kills(found):
    if kills := found.get("kills"):
        what = f"{kills['kills']} SIGKILLs of stages: records / lost / doubled"
        yield what, slashed(kills, "records", "lost", "doubled")


def _alerts(found):
    if alerts := found.get("alerts"):
        told, lie = alerts["delivery"], alerts["open"]
        what = f"{told['rate_per_s']} alerts/s: anomaly to first delivery, p50 / p99"
        yield what, slashed(told, "p50_ms", "p99_ms", unit=" ms")
        what = f"{lie['open']} open alerts: memory / a tick with nothing due"
        yield what, f"{lie['mb']} MB / {lie['idle_tick_us']} us"
        yield "the same, all due at once: decided", f"{lie['escalation_ms']} ms"
    if kills := found.get("alert_kills"):
        what = (
            f"{kills['kills']} SIGKILLs of the alert engine, {kills['refused_pct']} %"
            " of messages refused: alerts / lost / keys with differing messages"
        )
        yield what, slashed(kills, "alerts", "lost", "differing")


def _power(found):
    if power := found.get("power"):
        cuts, calls = power["power_cuts"], power["kill_at_every_call"]
        shots = power["kill_at_random"]
        what = "power cuts of the outbox: images / with a confirmed reading lost"
        yield what, slashed(cuts, "images", "images_with_losses")
        for name, words in CONTROLS.items():
            yield f"the same, {words}", slashed(power[name], *cuts)
        yield "kills at every call on the disk / with a loss", slashed(calls, *calls)
        yield "kills at random moments / with a loss", slashed(shots, *shots)


CONTROLS = {
    "control_synchronous_normal": "control with `synchronous=NORMAL`",
    "control_confirming_first": "control that confirms first",
}


def _night(found):
    if night := found.get("night"):
        worn = f"{night['wearables']} wearables, {night['faults']} faults"
        length = f"{night['hours']:g} hours of {worn}"
        lost = slashed(night, "readings", "readings_lost", "readings_doubled")
        yield f"{length}: readings indicated / lost / doubled", lost
        names = "stream_frames", "stream_lost_on_air", "stream_lost_by_gateway"
        yield "their streams: frames / lost on the air / by us", slashed(night, *names)
        seconds = slashed(night, "recovery_p50_s", "recovery_p99_s", unit=" s")
        yield "from back in reach to subscribed, p50 / p99", seconds


def _gateways(found):
    doors = {"gateway": "", "gateway_bluez": " through BlueZ"}
    for door, words in doors.items():
        for count, one in found.get(door, {}).items():
            worn = f"{count} straps{words}"
            figures = f"{one['rss_mb']} MB / {one['cpu_percent']} %"
            yield f"gateway process, {worn}: memory / CPU", figures
            drift = f"{one['rss_drift_percent']} % in {one['seconds']} s"
            yield f"its memory's largest change, {worn}", drift
            lost = slashed(one, "sent", "lost_before_disk")
            yield f"its records sent / lost, {worn}", lost
            latency = slashed(one, "publish_p50_ms", "publish_p99_ms", unit=" ms")
            yield f"its notification to publish, p50 / p99, {worn}", latency
            if rival := one.get("theengs_import_rss_mb"):
                yield f"{one['theengs']}, only imported: memory", f"{rival} MB"


def _recovery(found):
    if measured := found.get("bluez_recovery"):
        for name, one in measured["faults"].items():
            what = f"real BlueZ, {FAULTS[name]}: recovered after that, median / worst"
            times = "after_its_end_s", "worst_after_its_end_s"
            yield what, slashed(one, *times, unit=" s")


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
            what + "age of any strap's newest record, most while draining / afterwards",
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


def _week(found):
    if week := found.get("outbox_week"):
        what = "a week of ten straps without the broker: records / dropped / left"
        yield what, slashed(week, "records", "dropped", "left")
        sizes = slashed(week, "file_mb", "file_mb_by_the_docs", unit=" MB")
        yield "its disk use, measured / as computed in the docs", sizes
        yield "that week drains at", f"{week['drained_per_s']} records/s"


def _fuzz(found):
    if fuzz := found.get("fuzz"):
        for name in ("damaged", "invented", "flags_and_lengths"):
            tried = sum(one.get(name, 0) for one in fuzz.values())
            words = f"{name.replace('_', ' ')}, all {len(fuzz)} decoders"
            wrong = sum(one["wrong"] for one in fuzz.values())
            yield f"{words}: values judged / decoders wrong", f"{tried} / {wrong}"


def _duels(found):
    for claim, duel in found.get("duels", {}).items():
        yield claim, f"{duel['us']} µs, {duel['ratio']} times as fast"


def _pages(found):
    if not (pages := found.get("pages")):
        return
    for name, what in (("ours", "trends page"), ("echarts", "the same with ECharts")):
        figures = slashed(pages[name], "kB", "ready_ms")
        yield f"{what}, slow phone: kB / ready in ms", figures


def _portal(found):
    if not (portal := found.get("portal")):
        return
    trend, events, resumed = portal["trend"], portal["events"], portal["resumed"]
    what = (
        f"trend of {trend['days']} days at 1 Hz, {trend['clients']} clients: p50 / p95"
    )
    yield what, slashed(trend, "p50_ms", "p95_ms", unit=" ms")
    asked = f"{trend['cpu_ms']} / {trend['again']['cpu_ms']} ms"
    yield "its server's time for each, new / unchanged", asked
    cost, ward = portal["pages"]["cpu_ms"], portal["pages"]["patients"]
    what = f"a page's server time: Today / worklist of {ward} patients"
    yield what, slashed(cost, "today", "worklist", unit=" ms")
    what = f"live event to one of {events['clients']}: ours / FastAPI's SSE"
    yield what, slashed(events["us_sending"], "ours", "fastapi", unit=" µs")
    what = f"events lost / sent over {resumed['reconnects']} reconnections"
    yield what, slashed(resumed, "lost", "sent")


PARTS = (
    _demo,
    _heart,
    _detectors,
    _burden,
    _stage,
    _kills,
    _alerts,
    _power,
    _night,
    _gateways,
    _recovery,
    _outbox,
    _week,
    _ingest,
    _store,
    _pages,
    _portal,
    _fuzz,
    _duels,
)


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
