"""All of one patient goes, byte by byte, and nothing of anybody else."""

import getpass
import shutil
import sqlite3
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from alerts.database import Database
from alerts.desk import Desk
from alerts.history import AlertHistory
from alerts.ledger import Entry as Changed
from alerts.post import Post
from alerts.register import Register
from dsp.snapshot import Snapshot
from dsp.ward import Ward
from gateway.notification import Notification
from gateway.outbox import Outbox
from ingest.dead import malformed
from ingest.ledger import Ledger
from ingest.store import open_history, open_store
from portal.audit import Entry
from portal.fhir.subscribers import Subscribers
from portal.fhir.subscriptions import Subscription
from portal.notes import Note, Notes
from portal.people import People
from portal.plan_log import Change
from tests.cli.test_export import exported
from vitals import (
    BloodPressure,
    BodyTemperature,
    HeartRate,
    Metric,
    Reading,
    config,
    wire,
)
from vitals.__main__ import main
from vitals.cli import erase as command
from vitals.cli.doctor.machine import ledger
from vitals.cli.shelves import Order, shelves
from vitals.model import AlertCommand, Anomaly, Limit, Plan
from vitals.wire import Message

T0 = 1_700_000_000_000
OURS, OTHER = "p-7", "p-8"
NAMES = {OURS: "Wang Xiaoming", OTHER: "Zhao Yun"}
LOGINS = {OURS: "xiaoming.w", OTHER: "yun.z"}
# No two are alike, and none is a number that anything else may hold.
VALUES = {OURS: (71.328125, 36.90625), OTHER: (72.171875, 37.84375)}
NOT_SOUGHT = "log-ins that it deleted then are not looked for"
WORDS = {OURS: "dizzy after the lychees", OTHER: "tired since the ferry"}


def telltales(subject):
    """Give the bytes that only this person can have left."""
    rate, heat = VALUES[subject]
    texts = NAMES[subject], LOGINS[subject], WORDS[subject], str(rate), str(heat)
    return [text.encode() for text in texts]


def standing(data, subject):
    """Give the files and telltales of a person, wherever they are under `data`."""
    return {
        (path.name.removesuffix("-wal"), word)
        for path in data.rglob("*")
        if path.is_file()
        for word in telltales(subject)
        if word in path.read_bytes()
    }


def readings(subject):
    rate, heat = VALUES[subject]
    beats = [HeartRate(t=T0 + n * 1000, hr=rate, rr=(812.5,)) for n in range(2000)]
    rare = [BodyTemperature(t=T0, temp=heat), BloodPressure(t=T0, sys=181.0, dia=99.0)]
    return [Reading(subject, "strap", record) for record in [*beats, *rare]]


def keep_records(data, subject):
    """Keep records, one that was entered in error, and a dead letter."""
    store = open_store(config.Store(), data)
    found = readings(subject)
    for place in range(0, len(found), 200):
        store.write(found[place : place + 200])
    store.withdraw(found[10:11])
    store.close()
    ledger = Ledger(data / "ledger.db")
    word = f'{{"hr": "{WORDS[subject]}"}}'.encode()
    topic = wire.of(subject, "strap", "heart_rate")
    ledger.keep({}, [malformed(Message(topic, word), "no number")], T0)
    ledger.close()
    ward = Ward(config.Dsp())
    if (data / "dsp.npz").exists():
        ward = Snapshot(data / "dsp.npz").read(config.Dsp())
    ward.plan(subject, Plan(by=LOGINS[subject]))
    ward.observe(found, T0)
    Snapshot(data / "dsp.npz").write(ward.save())


def keep_outbox(data):
    """Leave in the gateway's file what was committed, and is gone."""
    outbox = Outbox(data / "gateway.db", "gw-1")
    for subject in NAMES:
        outbox.add([Notification(one, "2a37", b"") for one in readings(subject)[:300]])
    outbox.close()
    with closing(sqlite3.connect(data / "gateway.db")) as db, db:
        db.execute("PRAGMA secure_delete = OFF")  # Debian's SQLite has it on
        db.execute("DELETE FROM record")


def keep_alerts(data, subject):
    """Keep an alert that somebody has remarked on, and one that is open."""
    database, desk = Database(data), Desk({})
    register = Register(database, Post({}))
    rate, _ = VALUES[subject]
    for name in ("a", "b"):
        racing = Anomaly(
            id=f"{name}-{subject}", subject=subject, detector="limit", value=rate,
            condition=f"heart_rate_{name}", kind="physiological", begin=T0, t=T0,
            evidence={"text": WORDS[subject]},
        )  # fmt: skip
        register.commit(desk.observe(racing, T0), T0)
    said = AlertCommand(
        action="acknowledge", by="chen", t=T0, comment=f"{NAMES[subject]} is well"
    )
    register.commit(desk.command(f"a-{subject}", said, T0), T0)
    about = f"{subject}/strap"
    out = Changed(t=T0, by="chen", what="out_of_service", about=about, why="washed")
    register.commit([out], T0)
    with database.transaction() as db:
        body = WORDS[subject].encode()
        db.execute(
            "INSERT INTO deliveries (alert, version, channel, recipient, why, body,"
            " created, due) VALUES (?, 1, 'mail', '', 'opened', ?, 0, 0)",
            (f"b-{subject}", body),
        )
    database.close()


def keep_people(data, subject):
    notes = Notes(data / "notes.db")
    said = {"subject": subject, "t": T0, "by": LOGINS[subject], "written": T0}
    first = Note(about="symptom", text="dizy", **said)
    notes.add(first)
    [kept], _ = notes.of(subject, 0, 1 << 60)
    notes.correct(kept, WORDS[subject], T0 + 1)
    notes.close()
    people = People(data / "people.db")
    people.add(LOGINS[subject], None, "patient", subject)
    people.add(f"sister-of-{subject}", None, "family")
    if not people.find("chen"):
        people.add("chen", None, "doctor")
    people.assign("chen", [subject])
    people.tokens.open(LOGINS[subject])
    people.links.make("password", LOGINS[subject])
    _, code = people.grants.invite(subject, "sister", ["heart_rate"], 7)
    people.grants.accept(code, f"sister-of-{subject}")
    people.names.give(subject, NAMES[subject])
    strict = Plan(limits={"heart_rate": Limit(high=VALUES[subject][0])})
    change = Change(subject, "chen", T0, Plan(), strict, WORDS[subject])
    people.log_plan(change)
    people.audit.append(Entry(T0, "chen", "doctor", "read", subject, "GET /"))
    people.close()
    with closing(Subscribers(data / "subscriptions.db")) as subscribers:
        told = Subscription(
            id=f"s-{subject}", owner=LOGINS[subject], base="", endpoint="", reason="?"
        )  # to all whom they may see
        subscribers.add(told, T0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder with everything of two people; it is copied."""
    data = tmp_path_factory.mktemp("filled") / "data"
    for subject in (OURS, OTHER):
        for keep in (keep_records, keep_alerts, keep_people):
            keep(data, subject)
    keep_outbox(data)
    exports = data / "exports" / "job"
    exports.mkdir(parents=True)
    for subject in (OURS, OTHER):
        (exports / f"{subject}.ndjson").write_text(f'{{"reference": "{subject}"}}')
    return data


@pytest.fixture
def data(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "data")


def erase(data, *words, subject=OURS):
    return main(["patient", "erase", subject, "--data", str(data), *words])


def kept(data, subject, capsys):
    """Give all that is kept of a person, by the rooms' own words."""
    people, alerts = People(data / "people.db"), AlertHistory(data)
    notes, history = Notes(data / "notes.db"), open_history(config.Store(), data)
    found, _ = alerts.alerts("all", [subject])
    hour = T0, T0 + 3_600_000, 60
    try:
        return {
            "records": [t for t in exported(capsys, data).splitlines() if subject in t],
            "trend": history.trend(subject, Metric.HEART_RATE, *hour),
            "latest": history.latest(subject),
            "alerts": [
                (a, alerts.events(a.id), alerts.deliveries(a.id)) for a in found
            ],
            "notes": notes.of(subject, 0, 1 << 60),
            "person": (people.names.of(subject), people.changes(subject)),
            "sharing": (people.grants.of(subject), people.carers([subject])),
            "logins": people.logins(subject),
            "detectors": Snapshot(data / "dsp.npz").knows(subject),
        }
    finally:
        for one in (people, alerts, notes, history):
            one.close()


def audited(data, subject=OURS):
    """Give the audit log's lines of a person, oldest first, and whether it is whole."""
    people = People(data / "people.db")
    try:
        assert people.audit.broken() is None
        return [entry for _, entry in people.audit.entries(subject)][::-1]
    finally:
        people.close()


def test_d15_no_byte_of_a_person_is_left_and_all_of_another_is(data, capsys):
    before = standing(data, OURS)
    assert {word for _, word in before} == set(telltales(OURS))  # the search can see
    places = "store.db", "ledger.db", "alerts.db", "notes.db", "people.db", "names.db"
    more = "gateway.db", "dsp.npz", "subscriptions.db"
    assert {name for name, _ in before} >= {*places, *more}
    others, theirs = kept(data, OTHER, capsys), standing(data, OTHER)
    assert erase(data, "--yes") == 0
    assert "a name still stands" not in capsys.readouterr().out
    assert standing(data, OURS) == set()
    assert kept(data, OTHER, capsys) == others
    gone = {one for one in theirs if one[0] == "gateway.db"}  # it was deleted before
    assert standing(data, OTHER) == theirs - gone
    assert [path.name for path in data.glob("exports/*/*")] == [f"{OTHER}.ndjson"]


def test_to_delete_alone_would_leave_bytes_behind(data):
    order = Order(
        subject=OURS, data=data, store=config.Store(), by="us", now=T0,
        logins=(LOGINS[OURS],),
    )  # fmt: skip
    with ExitStack() as files:
        for shelf in shelves(order, files):
            shelf.empty()
    assert standing(data, OURS)


def test_d15_the_logs_stay_whole_and_say_who_erased_whom_without_a_name(data, capsys):
    assert erase(data, "--yes") == 0
    *_, begun, done = lines = audited(data)
    assert [line.what for line in lines[:-2]] == ["GET /"]
    assert (begun.deed, begun.who, begun.role) == ("erase", getpass.getuser(), "shell")
    assert (done.deed, done.what) == ("erase", "everything is erased")
    assert list(ledger(data)) == []  # the doctor finds nothing wrong with it
    alerts = AlertHistory(data)
    told = {
        alert.id: (alert, alerts.events(alert.id))
        for alert in alerts.alerts("all", [OURS])[0]
    }
    alerts.close()
    seen, events = told["a-p-7"]
    assert (seen.condition, seen.since, seen.acknowledged_by) == (
        "heart_rate_a", T0, "chen",
    )  # fmt: skip
    assert (seen.state, seen.value, seen.evidence, seen.comment) == (
        "normal", None, {}, None,
    )  # fmt: skip
    said = [(event.what, event.by, event.comment) for event in events]
    assert said[1] == ("acknowledge", "chen", "")
    assert said[-1] == ("erased", getpass.getuser(), "")
    database = Database(data)
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        database.rows("UPDATE events SET comment = 'x'")
    database.close()
    for file, table in (("notes.db", "notes"), ("people.db", "plans")):
        with closing(sqlite3.connect(data / file)) as db:
            with pytest.raises(sqlite3.IntegrityError):
                db.execute(f"DELETE FROM {table}")


def test_d15_nothing_is_changed_by_looking_at_what_would_go(data, capsys):
    before = kept(data, OURS, capsys), standing(data, OURS), audited(data)
    assert erase(data) == 0
    said = capsys.readouterr().out
    for line in (
        "2,001 records (store.db)",
        "1 readings entered in error (store.db)",
        "1 dead letters (ledger.db)",
        "1 subscriptions (subscriptions.db)",
        "2 logins (people.db)",
        "1 grants (people.db)",
        "1 plans (people.db)",
        "2 alerts (alerts.db)",
        "1 remarks on them (alerts.db)",
        "1 messages not told yet (alerts.db)",
        "1 notes (notes.db)",
        "1 memory of the detectors (dsp.npz)",
        "1 files of FHIR's bulk export (exports)",
        "1 name (names.db)",
        "3 events of alerts (alerts.db)",
        "1 lines of the chained ledger (alerts.db)",
        "1 of these with a reason in somebody's words (alerts.db)",
        "1 lines of the audit log (audit.db)",
        "nothing was changed; export first",
    ):
        assert line in said
    assert (kept(data, OURS, capsys), standing(data, OURS), audited(data)) == before


@pytest.mark.parametrize("place", [0, 1, 4])
def test_d15_whoever_was_interrupted_begins_again(data, place, capsys):
    order = Order(
        subject=OURS, data=data, store=config.Store(), by="us", now=T0,
        logins=(LOGINS[OURS],),
    )  # fmt: skip
    with ExitStack() as files:
        for shelf in list(shelves(order, files))[: place + 1]:
            shelf.empty()
    assert erase(data, "--yes") == 0
    assert standing(data, OURS) == set()
    assert NOT_SOUGHT not in capsys.readouterr().out
    assert erase(data, "--yes") == 0  # and once more does no harm
    assert NOT_SOUGHT in capsys.readouterr().out  # nobody knows them any more
    assert [line.what for line in audited(data)[-2:]] == [
        "everything is to be erased",
        "everything is erased",
    ]


def test_whom_nobody_knows_is_one_clear_line(data, capsys):
    assert erase(data, "--yes", subject="p-77") == 1
    assert "nothing is kept of p-77" in capsys.readouterr().err
    assert audited(data, "p-77") == []


@pytest.mark.parametrize("subject", ["*", "p-*", "p-?", "[o-p]-7", "P-7", "", "house"])
def test_who_is_to_go_is_one_patient_and_no_pattern(data, capsys, subject):
    before = {whose: (standing(data, whose), audited(data, whose)) for whose in NAMES}
    assert erase(data, "--yes", subject=subject) == 1
    told = capsys.readouterr().err
    assert "house is no patient" in told or "use 1 to 64 of a-z" in told
    for whose, was in before.items():
        assert (standing(data, whose), audited(data, whose)) == was


@pytest.mark.parametrize(("subject", "known"), [("p-7", "p-7"), ("p_7", "p.7")])
def test_exports_go_in_which_they_are_named_and_not_half_of_another(
    data, subject, known
):
    exports = data / "exports" / "job"
    shutil.rmtree(exports)
    exports.mkdir()
    for name in (known, f"{known}7", f"x{known}", f"{known}-x", f"{known}.x"):
        body = f'{{"reference":"Patient/{name}"}}'
        (exports / f"{name}.ndjson").write_text(body)
    assert erase(data, "--yes", subject=subject) == 0
    left = {path.name.removesuffix(".ndjson") for path in exports.iterdir()}
    assert left == {f"{known}7", f"x{known}", f"{known}-x", f"{known}.x"}


def test_a_file_that_has_gone_meanwhile_holds_nothing(tmp_path):
    path = tmp_path / "dsp.new"
    path.write_bytes(b"Wang Xiaoming")
    assert command._holds(path, b"Xiao")
    path.unlink()
    assert not command._holds(path, b"Xiao")


def test_what_is_written_anew_is_copied_where_room_was_measured(tmp_path):
    folder, copies = tmp_path / "the patient's", set()
    folder.mkdir()
    with closing(sqlite3.connect(folder / "a.db", isolation_level=None)) as db:
        db.execute("CREATE TABLE a AS SELECT randomblob(4000000)")

        def look():
            handles = Path("/proc/self/fd").iterdir()
            copies.update(str(h.readlink().parent) for h in handles if is_copy(h))

        db.set_progress_handler(look, 10)
        db.execute("VACUUM")
        assert str(folder) not in copies  # the search can see
        assert copies
        copies.clear()
        command._vacuum(db, folder)
        assert copies == {str(folder)}


def is_copy(handle):
    """Tell whether an open file is one of SQLite's temporary ones."""
    with suppress(OSError):  # it is closed again
        return handle.readlink().name.startswith("etilqs_")
    return False


def test_a_name_that_stands_in_the_audit_log_is_told_of(data, capsys):
    people = People(data / "people.db")
    people.audit.append(Entry(T0, LOGINS[OURS], "patient", "read", OURS, "GET /"))
    people.close()
    assert erase(data) == 0
    assert "1 lines of it in which they are named" in capsys.readouterr().out
    assert erase(data, "--yes") == 0
    told = capsys.readouterr().out
    assert f"a name still stands in {data / 'audit.db'}" in told
    assert {name for name, _ in standing(data, OURS)} == {"audit.db"}
    assert len(audited(data)) == 4


def test_what_a_gateway_still_has_of_them_is_told(data, capsys):
    with closing(Outbox(data / "gateway.db", "gw-1")) as outbox:
        some = [Notification(one, "2a37", b"") for one in readings(OURS)[:3]]
        outbox.add(some)
    assert erase(data, "--yes") == 0
    told = "3 records that ingest has not committed (gateway.db)"
    assert told in capsys.readouterr().out
    assert {name for name, _ in standing(data, OURS)} == {"gateway.db"}


def test_a_folder_in_which_somebody_works_is_left_alone(data, capsys):
    before = standing(data, OURS)
    with closing(Database(data)) as database, database.transaction():
        assert erase(data, "--yes") == 1
    assert "is in use: stop vitals first" in capsys.readouterr().err
    assert standing(data, OURS) == before


def test_a_family_member_of_two_and_a_carer_keep_their_login(data):
    people = People(data / "people.db")
    _, code = people.grants.invite(OTHER, "cousin", ["heart_rate"], 7)
    people.grants.accept(code, f"sister-of-{OURS}")
    assert list(people.logins(OURS)) == [LOGINS[OURS]]
    people.close()
    assert erase(data, "--yes") == 0
    people = People(data / "people.db")
    left = {person.name for person in people.list()}
    assert left == {"chen", LOGINS[OTHER], f"sister-of-{OURS}", f"sister-of-{OTHER}"}
    assert people.find("chen").subjects == {OTHER}
    people.close()
