"""What the doctor finds on this machine, how it prints it, and what it masks."""

import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from ingest.dead import malformed
from ingest.ledger import open_ledger
from vitals import Instant, config
from vitals.cli.doctor import finding, machine, share, store
from vitals.cli.doctor.finding import layout, problem, warning
from vitals.config import Alerts, Config, Gateway, Mqtt, Portal, Store, Wearable
from vitals.wire import Message

ROOT = Path(__file__).parent.parent.parent
NOON = 1_763_726_400_000  # 2025-11-21T12:00Z


def doctor(*arguments, **environment):
    command = [sys.executable, "-m", "vitals", "doctor", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=180,
        cwd=ROOT,
        env=os.environ | environment,
    )


# -- the machine -----------------------------------------------------------------------


def test_an_old_python_and_a_32_bit_one_are_problems():
    assert machine.python((3, 9, 2)).level == "PROBLEM"
    assert machine.python((3, 11, 2)).level == "ok"
    assert "64-bit" in machine.python((3, 13, 5), 2**31 - 1).text


def test_a_missing_package_is_a_problem_with_its_remedy():
    found = machine.packages(["bleak", "no-such-package"])
    assert found.level == "PROBLEM"
    assert "no-such-package" in found.text
    assert "pip install" in found.text
    assert "msgspec" in machine.packages().text


def test_a_data_folder_that_is_a_file_is_a_problem(tmp_path):
    place = tmp_path / "data"
    place.write_text("a file")
    assert machine.data(place).level == "PROBLEM"
    assert machine.data(place / "below").level == "PROBLEM"


def test_a_data_folder_is_not_made_by_looking(tmp_path):
    place = tmp_path / "a" / "b"
    assert machine.data(place).level == "ok"
    assert not place.exists()


def test_a_data_folder_that_we_may_not_write_is_a_problem(tmp_path):
    """Root may write anywhere, so somebody else looks."""
    place = tmp_path / "data"
    place.mkdir(mode=0o755)
    place.chmod(0o555)
    if os.geteuid() != 0:
        assert machine.data(place).level == "PROBLEM"
        return
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & 0o001:  # pytest's own: for root's eyes only
            folder.chmod(0o755)
    os.setresuid(65534, 65534, 0)
    try:
        found = machine.data(place)
    finally:
        os.setresuid(0, 0, 0)
    assert found.level == "PROBLEM"
    assert "may not write there" in found.text


def test_a_database_that_others_may_read_is_a_problem(tmp_path):
    tmp_path.chmod(0o755)
    records = tmp_path / "store.db"
    records.touch(mode=0o600)
    assert machine.data(tmp_path).level == "ok"
    records.chmod(0o644)
    found = machine.data(tmp_path)
    assert found.level == "PROBLEM"
    assert f"chmod -R go= {tmp_path}" in found.text
    tmp_path.chmod(0o700)  # nobody comes as far as the file
    assert machine.data(tmp_path).level == "ok"


def test_a_full_disk_is_a_problem(tmp_path):
    """A small real one, where we may mount it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    mounted = (
        shutil.which("mount")
        and not subprocess.run(mount, capture_output=True).returncode
    )
    if not mounted:
        pytest.skip("no small disk can be mounted here")
    try:
        found = machine.room(disk / "data")
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert found.level == "PROBLEM"
    assert "make room" in found.text
    assert machine.room(tmp_path).level in ("ok", "warning")


def test_a_broken_database_is_a_problem(tmp_path):
    path = tmp_path / "store.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE record(id INTEGER PRIMARY KEY, payload BLOB)")
        rows = ((bytes(200),) for _ in range(2000))
        db.executemany("INSERT INTO record(payload) VALUES (?)", rows)
    db.close()
    assert [one.level for one in machine.databases(tmp_path)] == ["ok"]
    with path.open("r+b") as file:
        file.seek(40_000)
        file.write(random.Random(7).randbytes(20_000))
    (tmp_path / "alerts.db").write_bytes(b"this is no database" * 100)
    sick = list(machine.databases(tmp_path))
    assert [one.level for one in sick] == ["PROBLEM", "PROBLEM"]
    assert sick[0].text.startswith("alerts.db: file is not a database")
    assert sick[1].text.startswith("store.db: ")
    assert all("backup" in one.text and "\n" not in one.text for one in sick)


def test_an_impossible_clock_is_a_problem_and_one_nobody_sets_a_warning():
    assert machine.clock(0, None).level == "PROBLEM"
    assert machine.clock(NOON, False).level == "warning"
    assert machine.clock(NOON, True).text == "2025-11-21 12:00:00 UTC, synchronised"
    assert machine.clock(NOON, None).level == "ok"


def test_a_secret_that_others_may_read_is_a_problem(tmp_path):
    word = tmp_path / "word"
    settings = Config(mqtt=Mqtt(username="gw", password_file=str(word)))
    [missing] = machine.secrets(settings)
    assert missing.level == "PROBLEM"
    assert "mqtt.password_file" in missing.text
    word.write_text("hunter2")
    word.chmod(0o644)
    [loose] = machine.secrets(settings)
    assert "chmod 600" in loose.text
    word.chmod(0o600)
    assert [one.level for one in machine.secrets(settings)] == ["ok"]


def test_every_bad_secret_is_told_not_just_the_first(tmp_path):
    word = tmp_path / "word"
    word.touch(0o644)
    word.chmod(0o644)
    settings = Config(
        mqtt=Mqtt(password_file=str(word)),
        store=Store(authorization_file=str(tmp_path / "nowhere")),
        gateway=Gateway(
            wearables=(
                Wearable(
                    device="cuff",
                    address="C0:00:00:00:00:01",
                    subject="p-7",
                    passkey_file=str(tmp_path / "gone"),
                ),
            )
        ),
    )
    loose, missing, unpaired = machine.secrets(settings)
    assert "gateway.wearables[0].passkey_file" in unpaired.text
    assert "mqtt.password_file: others may read it" in loose.text
    assert "store.authorization_file" in missing.text


def test_a_secret_may_be_one_of_systemds_credentials(tmp_path, monkeypatch):
    (tmp_path / "vitals-mqtt-password").write_text("hunter2\n")
    with pytest.raises(config.ConfigError):
        config.secret("vitals-mqtt-password")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert config.secret("vitals-mqtt-password") == "hunter2"
    assert config.located("/etc/word") == "/etc/word"
    assert config.located("") == ""


# -- the portal's port -----------------------------------------------------------------


def test_a_free_port_and_one_that_something_else_has_are_told_apart():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        port = busy.getsockname()[1]
        busy.listen()
        (found,) = store.port(Portal(port=port))
        assert found.level == "PROBLEM"
        assert "portal.port" in found.text
    (found,) = store.port(Portal(port=port))
    assert found.level == "ok"


class Alive(BaseHTTPRequestHandler):
    """Answers as the portal's /healthz does."""

    def do_GET(self):
        body = b'{"status":"alive","checks":{}}' if self.path == "/healthz" else b"{}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_a_port_that_the_portal_serves_is_well():
    with HTTPServer(("127.0.0.1", 0), Alive) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        (found,) = store.port(Portal(port=server.server_port))
        server.shutdown()
        serving.join()
    assert found.level == "ok"
    assert found.text.startswith("served at http://127.0.0.1:")


def test_a_host_that_is_not_ours_is_a_problem():
    (found,) = store.port(Portal(host="192.0.2.1"))
    assert found.level == "PROBLEM"
    assert "portal.host" in found.text


# -- how it is printed -----------------------------------------------------------------


def test_rows_are_aligned_and_fit_80_columns():
    long = "what is wrong, and why it matters; " * 6
    rows = layout([problem("data folder", long), warning("clock", "short")])
    lines = rows.splitlines()
    assert all(len(line) <= 80 for line in lines)
    starts = {re.match(r"(\S.{13}\S+\s+|\s+)", line).end() for line in lines}
    assert starts == {finding.NAMES + finding.LEVELS}
    assert " ".join(line[22:] for line in lines[:-1]) == long.strip()


def test_the_whole_doctor_tells_and_exits_with_1(tmp_path):
    data = tmp_path / "data"
    path = tmp_path / "vitals.toml"
    path.write_text(f'data = "{data}"\n[mqtt]\nport = 1\n[portal]\nport = 0')
    done = doctor("--config", path, "--seconds", 1)
    assert done.returncode == 1, done
    assert not done.stderr
    names = re.findall(r"^(\S.{13})(ok|warning|PROBLEM)", done.stdout, re.M)
    rows = {name.strip(): level for name, level in names}
    wanted = "python packages configuration secrets databases clock broker store"
    assert set(wanted.split()) <= set(rows)
    assert rows["broker"] == "PROBLEM"
    long = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert all(" " not in line[22:] for line in long)  # a path stays in one piece
    assert not data.exists()  # it only looks


@pytest.mark.parametrize(
    ("age_days", "level", "words"),
    [
        (6, "warning", "1 thing in the last week that could not be stored"),
        (8, "ok", "none in the last week"),
    ],
)
def test_what_could_not_be_stored_lately_is_told(tmp_path, age_days, level, words):
    t, day = Instant(NOON), 86_400_000
    assert list(store.letters(tmp_path, t)) == []  # a gateway's machine has no ledger
    ledger = open_ledger(tmp_path)
    dead = malformed(Message("vitals/v1/10/p-1001/strap-1/heart_rate", b"?"), "odd")
    ledger.keep({}, [dead], Instant(t - age_days * day))
    ledger.close()
    (found,) = store.letters(tmp_path, t)
    assert (found.name, found.level) == ("dead letters", level)
    assert words in found.text
    assert "p-1001" not in found.text  # it may be posted
    (tmp_path / "ledger.db").write_bytes(b"no database")
    assert list(store.letters(tmp_path, t)) == []  # `databases` says so


# -- what may be posted ----------------------------------------------------------------

SECRETS = {
    "hunter2-correct-horse",
    "C0:00:00:00:00:07",
    "annas-strap",
    "p-anna-1961",
    "pi-in-the-bedroom",
    "broker.clinic.example",
    "influx.clinic.example",
    "gateway-login",
    "hook.clinic.example",
    "a-token-in-a-path",
    "clinic-organisation",
}


def private(tmp_path):
    word = tmp_path / "word"
    word.write_text("hunter2-correct-horse\n")
    return Config(
        data="/home/anna/vitals",
        mqtt=Mqtt(
            host="broker.clinic.example",
            username="gateway-login",
            password_file=str(word),
        ),
        gateway=Gateway(
            name="pi-in-the-bedroom",
            wearables=(
                Wearable(
                    device="annas-strap",
                    subject="p-anna-1961",
                    address="C0:00:00:00:00:07",
                ),
            ),
        ),
        store=Store(
            kind="influx",
            url="http://influx.clinic.example:8086",
            organisation="clinic-organisation",
        ),
        alerts=Alerts(webhook="https://hook.clinic.example/a-token-in-a-path"),
    )


def test_what_is_shared_names_nobody_and_no_machine(tmp_path):
    settings = private(tmp_path)
    mask = share.Mask([*share.private(settings), *share.machine()])
    text = "; ".join(
        [
            *SECRETS,
            settings.alerts.webhook,
            "cannot read /home/anna/vitals/store.db",
            "dev_C0_00_00_00_00_08 and aa:bb:cc:dd:ee:ff",
            f"on {socket.gethostname()}",
            "at 10.1.2.3 and fe80::1ff:fe23:4567:890a and 2001:db8::7",
            "https://user:pass@store.example/",
            "anna.mueller@clinic.example",
        ]
    )
    shared = mask(text)
    for word in {*SECRETS, socket.gethostname(), "anna", "10.1.2.3", "fe80", "db8"}:
        assert word.lower() not in shared.lower(), word
    for word in ("C0_00", "aa:bb", "user:pass", "mueller"):
        assert word not in shared, word
    assert "<address-1>" in shared
    assert "<subject-1>" in shared
    assert "<device-1>" in shared


def test_masking_leaves_the_advice_alone(tmp_path):
    mask = share.Mask([*share.private(private(tmp_path)), ("pi", "<user>")])
    for text in (
        "not blocked",
        "2025-11-21 12:00:00 UTC, synchronised",
        "nothing listens on 127.0.0.1:1883; start one (apt install mosquitto)",
        "pip install vitals, into its own virtual environment",
        "bleak 3.1.0, paho-mqtt 2.1.0",
    ):
        assert mask(text) == text


def test_the_shared_report_of_a_real_run_names_nobody(tmp_path):
    data = tmp_path / "annas-data"
    path = tmp_path / "vitals.toml"
    path.write_text(f"""
data = "{data}"
[mqtt]
host = "broker.clinic.invalid"
username = "gateway-login"
[gateway]
name = "pi-in-the-bedroom"
adapter = "tcp-client:127.0.0.1:1"
[[gateway.wearables]]
device = "annas-strap"
subject = "p-anna-1961"
address = "C0:00:00:00:00:07"
[portal]
port = 0
""")
    environment = {"USER": "annamueller", "LOGNAME": "annamueller"}
    done = doctor("--config", path, "--seconds", 1, "--share", **environment)
    assert done.returncode == 1, done
    for word in (
        "clinic",
        "gateway-login",
        "bedroom",
        "annas-strap",
        "C0:00",
        "p-anna",
    ):
        assert word not in done.stdout, word
    assert "nobody knows the name <broker>" in " ".join(done.stdout.split())
    open_text = doctor("--config", path, "--seconds", 1).stdout
    assert "broker.clinic.invalid" in open_text  # the control


def test_a_broken_configuration_is_masked_too(tmp_path):
    path = tmp_path / "vitals.toml"
    path.write_text('[gateway]\nname = "ANNA at aa:bb:cc:dd:ee:ff"')
    done = doctor("--config", path, "--share")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("vitals: ")
    assert "aa:bb" not in line
