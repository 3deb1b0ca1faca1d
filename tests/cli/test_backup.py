"""What `vitals backup` copies under load fits together, and can be put back."""

import json
import shutil
import sqlite3
import threading

import pytest

from ingest.ledger import open_ledger
from ingest.sqlite import SqliteStore
from ingest.store import open_store
from vitals import HeartRate, Reading, config
from vitals.__main__ import main

NOON = 1_763_726_400_000


def beat(seq):
    record = HeartRate(t=NOON + seq * 1000, gateway="gw-1", seq=seq, hr=60 + seq % 40)
    return Reading("p-1", "strap-1", record)


class Ingest:
    """Writes records and then their promises, on and on, like the stage."""

    def __init__(self, data):
        self.data, self.over, self.last = data, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        store, ledger = open_store(config.Store(), self.data), open_ledger(self.data)
        while not self.over.is_set():
            seqs = range(self.last + 1, self.last + 21)
            store.write([beat(seq) for seq in seqs])
            ledger.add("gw-1", "strap-1", seqs, "p-1")
            self.last = seqs[-1]
        store.close()
        ledger.close()

    def __enter__(self):
        self.thread.start()
        while self.last < 100:
            self.over.wait(0.01)
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


def missing(data):
    """Give the numbers promised and not in the store; None: it cannot be read."""
    try:
        ledger, store = open_ledger(data), open_store(config.Store(), data)
        [(first, last)] = ledger.ranges("gw-1")["strap-1"]
        stored = {r.record.seq for r in store.export()}
        store.close()
        ledger.close()
    except Exception:
        return None
    return set(range(first, last + 1)) - stored


def restored(folder, data):
    assert main(["restore", str(folder), "--data", str(data)]) == 0
    return data


def test_backups_under_load_hold_everything_that_was_promised(tmp_path, capsys):
    with Ingest(tmp_path / "data") as ingest:
        for number in range(8):
            before = ingest.last
            folder = tmp_path / f"backup-{number}"
            assert main(["backup", str(folder), "--data", str(ingest.data)]) == 0
            data = restored(folder, tmp_path / f"restored-{number}")
            assert missing(data) == set()
            store = SqliteStore(data / "store.db")
            assert store.count() >= before
            store.close()
    assert "ledger.db, store.db" in capsys.readouterr().out


def test_a_control_that_copies_the_files_as_they_lie_does_not(tmp_path):
    found = []
    with Ingest(tmp_path / "data") as ingest:
        for number in range(8):
            folder = tmp_path / f"copy-{number}"
            folder.mkdir()
            for name in ("store.db", "ledger.db"):
                shutil.copy(ingest.data / name, folder / name)
                before = ingest.last
                while ingest.last < before + 40:
                    ingest.over.wait(0.001)
            shutil.copy(ingest.data / "ledger.db-wal", folder / "ledger.db-wal")
            found.append(missing(folder))
    assert any(lost is None or lost for lost in found)


def everything(data):
    data.mkdir()
    for name in ("gateway.db", "ledger.db", "alerts.db", "people.db", "store.db"):
        db = sqlite3.connect(data / name)
        db.execute("CREATE TABLE one (x)")
        db.execute("INSERT INTO one VALUES (?)", (name,))
        db.commit()
        db.close()
    (data / "dsp.npz").write_bytes(b"the detectors")
    (data / "bonds-1.json").write_bytes(b"{}")
    return data


def said(data, name):
    db = sqlite3.connect(data / name)
    [[found]] = db.execute("SELECT x FROM one")
    db.close()
    return found


def test_everything_beside_the_store_comes_along(tmp_path):
    data = everything(tmp_path / "data")
    assert main(["backup", str(tmp_path / "backup"), "--data", str(data)]) == 0
    manifest = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    order = list(manifest["files"])
    assert order[:3] == ["gateway.db", "dsp.npz", "ledger.db"]
    assert order[-1] == "store.db"
    assert len(order) == 7
    new = restored(tmp_path / "backup", tmp_path / "new")
    databases = [name for name in order if name.endswith(".db")]
    assert [said(new, name) for name in databases] == databases
    assert (new / "bonds-1.json").read_bytes() == b"{}"
    assert (new / "dsp.npz").read_bytes() == b"the detectors"


def test_what_was_there_is_set_aside(tmp_path, capsys):
    data = everything(tmp_path / "data")
    main(["backup", str(tmp_path / "backup"), "--data", str(data)])
    shutil.copy(data / "people.db", data / "later.db")
    (data / "mosquitto.db").write_bytes(b"not ours")
    restored(tmp_path / "backup", data)
    (aside,) = data.glob("before-restore-*")
    assert said(aside, "people.db") == said(data, "people.db") == "people.db"
    assert (aside / "later.db").exists()
    assert not (data / "later.db").exists()
    assert (data / "mosquitto.db").exists()
    assert str(aside) in capsys.readouterr().out


def complaint(capsys, *arguments):
    assert main(list(map(str, arguments))) == 1
    found = capsys.readouterr().err
    assert found.count("\n") == 1
    return found


def test_a_store_in_use_is_not_pulled_away(tmp_path, capsys):
    data = tmp_path / "data"
    store = open_store(config.Store(), data)
    store.write([beat(1)])
    main(["backup", str(tmp_path / "backup"), "--data", str(data)])
    told = complaint(capsys, "restore", tmp_path / "backup", "--data", data)
    assert "stop vitals first" in told
    assert store.write([beat(2)]).new == 1
    store.close()
    restored(tmp_path / "backup", data)


@pytest.mark.parametrize("harm", ["changed", "missing", "no manifest", "elsewhere"])
def test_a_backup_that_is_not_whole_is_refused_before_anything_is_touched(
    tmp_path, capsys, harm
):
    data, folder = everything(tmp_path / "data"), tmp_path / "backup"
    main(["backup", str(folder), "--data", str(data)])
    if harm == "changed":
        content = bytearray((folder / "store.db").read_bytes())
        content[-1] ^= 1
        (folder / "store.db").write_bytes(content)
    elif harm == "missing":
        (folder / "store.db").unlink()
    elif harm == "no manifest":
        (folder / "manifest.json").unlink()
    else:
        text = (folder / "manifest.json").read_text()
        (folder / "manifest.json").write_text(text.replace("people.db", "../x.db"))
    before = sorted(data.iterdir())
    complaint(capsys, "restore", folder, "--data", data)
    assert sorted(data.iterdir()) == before


def test_a_damaged_database_makes_no_backup(tmp_path, capsys):
    data = everything(tmp_path / "data")
    (data / "people.db").write_bytes(b"not a database, but long enough" * 500)
    told = complaint(capsys, "backup", tmp_path / "backup", "--data", data)
    assert "people.db" in told
    assert not (tmp_path / "backup").exists()
    assert list(tmp_path.iterdir()) == [data]


def test_a_folder_that_is_there_is_left_alone(tmp_path, capsys):
    data = everything(tmp_path / "data")
    assert "already" in complaint(capsys, "backup", tmp_path, "--data", data)
    told = complaint(capsys, "backup", tmp_path / "b", "--data", tmp_path / "nothing")
    assert "nothing to back up" in told
