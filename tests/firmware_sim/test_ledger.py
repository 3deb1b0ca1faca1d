import json

from firmware_sim.ledger import Ledger, read
from vitals.metrics import Metrics

STRAP = "strap-1", "C0:00:00:00:00:01", "2a37"


def written(path, acts, fates=True):
    metrics = Metrics()
    with Ledger(metrics, lambda: 5, str(path), fates) as ledger:
        acts(ledger)
    return read(path.read_text().splitlines()), metrics.counters


def test_every_value_says_what_became_of_it(tmp_path):
    def acts(ledger):
        ledger.sent(*STRAP, b"\x01")
        ledger.sent(*STRAP, b"\x02", fate="lost")
        ledger.sent(*STRAP, b"\x03", fate="doubled")
        ledger.sent(*STRAP, b"\x04", fate="garbled", heard="ff")
        ledger.sent(*STRAP, b"\x05")
        ledger.became(STRAP[1], b"\x05", "lost")
        ledger.became(STRAP[1], b"\x03", "lost")
        ledger.sent(*STRAP, b"\x06")
        ledger.became(STRAP[1], b"\x06", "retried")

    entries, counters = written(tmp_path / "ledger", acts)
    assert [(e.fate, e.frames, e.retried) for e in entries] == [
        ("sent", 1, 0),
        ("lost", 0, 0),
        ("doubled", 1, 0),  # one of the two frames arrived
        ("garbled", 1, 0),
        ("lost", 0, 0),
        ("sent", 1, 1),
    ]
    assert entries[3].heard == b"\xff"
    assert (entries[0].device, entries[0].characteristic) == ("strap-1", "2a37")
    assert counters["sim_sent_total"] == 6
    assert counters["sim_lost_total"] == 3
    assert counters["sim_retried_total"] == 1


def test_what_turns_out_later_is_about_the_latest_of_equal_values(tmp_path):
    def acts(ledger):
        for _ in range(3):
            ledger.sent(*STRAP, b"\x07")
        ledger.became(STRAP[1], b"\x07", "lost")

    entries, _ = written(tmp_path / "ledger", acts)
    assert [e.frames for e in entries] == [1, 1, 0]


def test_without_faults_a_line_is_a_value(tmp_path):
    def acts(ledger):
        ledger.sent(*STRAP, b"\x01")
        ledger.became(STRAP[1], b"\x01", "lost")

    path = tmp_path / "ledger"
    _, counters = written(path, acts, fates=False)
    [line] = path.read_text().splitlines()
    assert json.loads(line)["value"] == "01"
    assert counters["sim_lost_total"] == 1


def test_a_simulation_that_starts_again_goes_on_in_the_same_ledger(tmp_path):
    def acts(ledger):
        ledger.sent(*STRAP, b"\x01")
        ledger.became(STRAP[1], b"\x01", "lost")

    written(tmp_path / "ledger", acts)
    entries, _ = written(
        tmp_path / "ledger", lambda ledger: ledger.sent(*STRAP, b"\x02")
    )
    assert [(e.value, e.frames) for e in entries] == [(b"\x01", 0), (b"\x02", 1)]
