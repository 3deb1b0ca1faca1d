"""Everything of one patient, in one folder, and nothing of anybody else."""

import json
import stat

import pytest

from alerts.database import Database
from alerts.desk import Desk
from alerts.post import Post
from alerts.register import Register
from ingest.store import open_store
from portal.audit import Entry
from portal.notes import Note, Notes
from portal.people import People
from portal.plan_log import Change
from tests.cli.test_export import exported
from vitals import HeartRate, Reading, config
from vitals.__main__ import main
from vitals.model import Anomaly, Limit, Plan

T0 = 1_700_000_000_000
BEATS, PLANS = 1_500, 101  # more than a page
OURS, OTHER = "p-7", "p-8"


def fill(data, subject):
    """Keep something of everything."""
    store = open_store(config.Store(), data)
    store.write(
        [
            Reading(subject, "strap", HeartRate(t=T0 + n * 1000, hr=60.0 + n % 9))
            for n in range(BEATS)
        ]
    )
    store.close()
    database = Database(data)
    racing = Anomaly(
        id=f"a-{subject}", subject=subject, detector="limit", value=150.0,
        condition="heart_rate_high", kind="physiological", begin=T0, t=T0,
    )  # fmt: skip
    Register(database, Post({})).commit(Desk({}).observe(racing, T0), T0)
    database.close()
    notes = Notes(data / "notes.db")
    text = f"dizzy, says {subject}"
    notes.add(
        Note(subject=subject, t=T0, about="symptom", text=text, by=subject, written=T0)
    )
    notes.close()
    people = People(data / "people.db")
    people.names.give(subject, f"Wang {subject}")
    strict = Plan(limits={"heart_rate": Limit(high=120)})
    for n in range(PLANS if subject == OURS else 1):
        people.log_plan(Change(subject, "chen", T0 + n, Plan(), strict, "new pill"))
    people.audit.append(Entry(T0, "chen", "doctor", "read", subject, "GET /"))
    people.close()


@pytest.fixture
def data(tmp_path):
    for subject in (OURS, OTHER):
        fill(tmp_path / "data", subject)
    return tmp_path / "data"


def read(folder):
    return {
        path.name: [json.loads(text) for text in path.read_text().splitlines()]
        for path in folder.iterdir()
    }


def test_d15_everything_of_one_patient_is_in_one_folder(data, tmp_path, capsys):
    words = ["patient", "export", OURS, str(tmp_path / "out"), "--data", str(data)]
    assert main(words) == 0
    found = read(tmp_path / "out")
    assert {name: len(lines) for name, lines in found.items()} == {
        "person.jsonl": 1,
        "records.jsonl": BEATS,
        "alerts.jsonl": 1,
        "notes.jsonl": 1,
        "plans.jsonl": PLANS,
        "looks.jsonl": 1,
    }
    assert found["person.jsonl"][0]["name"] == "Wang p-7"
    [told] = found["alerts.jsonl"]
    assert told["alert"]["condition"] == "heart_rate_high"
    assert [event["what"] for event in told["events"]] == ["opened"]
    assert found["notes.jsonl"][0]["text"] == "dizzy, says p-7"
    assert found["plans.jsonl"][0]["why"] == "new pill"
    assert OTHER not in str(found)
    people = People(data / "people.db")
    [(_, taken), _] = people.audit.entries(OURS)
    people.close()
    assert (taken.role, taken.what) == ("shell", "everything, into files")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()]
    assert set(modes) == {0o600}


def test_d15_its_records_can_be_imported_elsewhere(data, tmp_path, capsys):
    out, new = tmp_path / "out", tmp_path / "new"
    main(["patient", "export", OURS, str(out), "--data", str(data)])
    assert main(["import", str(out / "records.jsonl"), "--data", str(new)]) == 0
    assert sorted(exported(capsys, new).splitlines()) == sorted(
        text for text in exported(capsys, data).splitlines() if f'"{OURS}"' in text
    )


def test_nobody_and_a_folder_that_is_there_are_one_clear_line(data, tmp_path, capsys):
    words = ["patient", "export", "p-9", str(tmp_path / "out"), "--data", str(data)]
    assert main(words) == 1
    assert "nothing is kept of p-9" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
    words = ["patient", "export", OURS, str(data), "--data", str(data)]
    assert main(words) == 1
    assert "is there already" in capsys.readouterr().err
