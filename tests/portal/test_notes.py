import asyncio
import os
import signal
import sqlite3
import subprocess
import sys

import pytest

from portal.notes import Note, Notes
from portal.times import rfc3339

HOUR = 3_600_000


def note(t, text="dizzy", **fields):
    whole = {"subject": "p-1", "about": "symptom", "by": "wang", "written": t + 5}
    return Note(t=t, text=text, **(whole | fields))


@pytest.fixture
def notes(tmp_path):
    found = Notes(tmp_path / "notes.db")
    yield found
    found.close()


def test_notes_are_paged_newest_first_and_only_of_their_subject(notes):
    for t in (1, 2, 2, 3, 4):
        notes.add(note(t, f"n{len(notes.of('p-1', 0, 9)[0])}"))
    notes.add(note(2, subject="p-2"))
    first, more = notes.of("p-1", 1, 4, None, 2)
    rest, end = notes.of("p-1", 1, 4, more, 2)
    assert [n.text for n in [*first, *rest]] == ["n3", "n2", "n1", "n0"]
    assert end is None
    with pytest.raises(ValueError, match="x"):
        notes.of("p-1", 0, 9, "x")


def test_the_same_note_again_is_one(notes):
    for _ in range(3):
        notes.add(note(5))
    assert len(notes.of("p-1", 0, 9)[0]) == 1


def test_notes_are_never_changed(notes, tmp_path):
    notes.add(note(5))
    other = sqlite3.connect(tmp_path / "notes.db")
    for change in ("DELETE FROM notes", "UPDATE notes SET text=''"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            other.execute(change)
    other.close()


def test_what_a_note_said_before_stays_beside_its_correction(notes, tmp_path):
    first = notes.add(note(5, "dizy"))
    for text, t in (("dizzy", 20), ("dizzy", 21), ("dizzy at noon", 30)):
        notes.correct(notes.find("p-1", first.id), text, t)
    [found] = notes.of("p-1", 0, 9)[0]
    assert (found.text, found.written) == ("dizzy at noon", 30)
    said = [(one.text, one.written) for one in found.earlier]
    assert said == [("dizy", 10), ("dizzy", 20)]
    assert notes.find("p-1", first.id) == found
    assert notes.find("p-2", first.id) is None
    other = sqlite3.connect(tmp_path / "notes.db")
    for change in ("DELETE FROM corrections", "UPDATE corrections SET text=''"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            other.execute(change)
    other.close()


@pytest.mark.parametrize("kept", [True, False])
def test_a_note_that_was_acknowledged_survives_a_kill(tmp_path, kept):
    add = "found.add(note)" if kept else "found._db.execute(INSERT)"  # the control
    script = f"""
import os, signal, sys
from pathlib import Path
from portal.notes import Note, Notes
INSERT = "INSERT INTO notes VALUES (1, 'p-1', 1, 'other', 'x', 'wang', 1)"
found = Notes(Path(sys.argv[1]))
note = Note(subject="p-1", t=1, about="other", text="x", by="wang", written=1)
{add}
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = tmp_path / "notes.db"
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=os.getcwd())
    assert done.returncode == -signal.SIGKILL
    found = Notes(path)
    assert len(found.of("p-1", 0, 9)[0]) == kept
    found.close()


def test_a_patient_writes_and_who_may_read_them_reads(place):
    async def main():
        path = "/api/v1/patients/p-1/notes"
        async with place.open(), place.client("wang") as wang:
            body = {"about": "medicine", "text": " beta-blocker "}
            answer = await wang.post(path, json=body)
            assert answer.status_code == 201
            assert answer.json()["text"] == "beta-blocker"
            for wrong in (
                {**body, "t": rfc3339(place.clock() + HOUR)},
                {**body, "text": "  "},
                {**body, "about": "nonsense"},
                {**body, "text": "x" * 1001},
            ):
                assert (await wang.post(path, json=wrong)).status_code == 422
            assert (await wang.get(f"{path}?cursor=x.y")).status_code == 422
            async with place.client("dr.chen") as chen:
                items = (await chen.get(path)).json()["items"]
                assert [item["by"] for item in items] == ["wang"]
                assert (await chen.post(path, json=body)).status_code == 201
            for stranger in ("li", "dr.zhou", "root"):
                async with place.client(stranger) as other:
                    assert (await other.get(path)).status_code == 404
                    assert (await other.post(path, json=body)).status_code == 404

    asyncio.run(main())


def test_the_form_takes_a_time_of_the_patients_place(place):
    async def main():
        async with place.open():
            await place.tell()  # Asia/Shanghai
            cookies = {"vitals_session": place.people.issue_token("wang")}
            async with place.client(cookies=cookies) as client:
                client.headers.update(
                    {"Accept": "text/html", "Origin": "http://portal"}
                )
                path = "/patients/p-1/notes"
                form = {"about": "symptom", "text": "<b>dizzy", "when": ""}
                assert (await client.post(path, data=form)).status_code == 303
                form["when"] = "2026-11-21T08:30"
                assert (await client.post(path, data=form)).status_code == 303
                text = (await client.get(path)).text
                assert "&lt;b&gt;dizzy" in text
                assert "21 Nov 08:30" in text
                for wrong in ("2026-11-31T08:30", "2020-01-01T00:00", "x"):
                    form["when"] = wrong
                    assert (await client.post(path, data=form)).status_code == 422
            found, _ = place.notes.of("p-1", 0, 1 << 62)
            assert rfc3339(found[1].t) == "2026-11-21T00:30:00.000Z"

    asyncio.run(main())


def test_a_clinician_corrects_their_own_note_and_the_page_says_so(place):
    async def main():
        path = "/api/v1/patients/p-1/notes"
        place.people.assign("dr.zhou", ["p-1"])
        body = {"about": "medicine", "text": "5 mg"}
        async with place.open(), place.client("dr.chen") as chen:
            [mine, theirs] = [
                (await client.post(path, json=body)).json()["id"]
                for client in (chen, place.client("wang"))
            ]
            right = {"text": " 2.5 mg "}
            for who, which, status in (
                ("dr.zhou", mine, 403),
                ("wang", theirs, 403),
                ("dr.chen", theirs, 403),
                ("dr.chen", 99, 404),
                ("li", mine, 404),
            ):
                async with place.client(who) as other:
                    answer = await other.post(f"{path}/{which}/corrections", json=right)
                    assert answer.status_code == status, who
            blank = await chen.post(f"{path}/{mine}/corrections", json={"text": " "})
            assert blank.status_code == 422
            answer = await chen.post(f"{path}/{mine}/corrections", json=right)
            assert answer.status_code == 201
            assert answer.json()["text"] == "2.5 mg"
            assert [one["text"] for one in answer.json()["earlier"]] == ["5 mg"]
            chen.headers.update({"Accept": "text/html", "Origin": "http://portal"})
            chen.cookies["vitals_session"] = place.people.issue_token("dr.chen")
            page = f"/patients/p-1/notes/{mine}/correct"
            assert (await chen.post(page, data={"text": "2 mg"})).status_code == 303
            text = (await chen.get("/patients/p-1/notes")).text
            assert "<s>5 mg</s>" in text
            assert "<s>2.5 mg</s>" in text
            assert "corrected 21 Nov 22:26" in text
            assert text.count("Save the correction") == 1
            place.clock.now += 1  # the report is of what was
            assert "corrected" in (await chen.get("/patients/p-1/visit")).text

    asyncio.run(main())
