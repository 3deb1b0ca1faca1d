"""`vitals user` and `vitals audit`, at the terminal."""

import io
import re
import sqlite3
import subprocess
import sys

import pytest

from portal.people import People
from vitals import VitalsError
from vitals.cli import parser

WORD = "correct horse battery"


@pytest.fixture
def vitals(tmp_path, monkeypatch, capsys):
    toml = tmp_path / "vitals.toml"
    toml.write_text(f'data = "{tmp_path}"')

    def run(command, *arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        chosen = parser().parse_args([command, "--config", str(toml), *arguments])
        chosen.command(chosen)
        return capsys.readouterr().out

    return run


@pytest.fixture
def people(tmp_path):
    found = People(tmp_path / "people.db")
    yield found
    found.close()


def test_a_person_is_added_changed_and_removed(vitals, people):
    vitals("user", "add", "wu", "--role", "nurse", "--patients", "p-1", stdin=WORD)
    assert people.accounts.find("wu").subjects == {"p-1"}
    vitals("user", "change", "wu", "--patients", "p-2", "p-3")
    assert people.accounts.find("wu").subjects == {"p-2", "p-3"}
    vitals("user", "role", "wu", "doctor")
    assert people.accounts.find("wu").role == "doctor"
    assert people.accounts.find("wu").subjects == {"p-2", "p-3"}
    assert "doctor" in vitals("user", "list")
    vitals("user", "remove", "wu")
    assert people.accounts.find("wu") is None
    done = [entry.what for _, entry in people.audit.entries()]
    assert done[::-1] == [
        "add wu as nurse", "wu cares for p-2 p-3", "wu is doctor now", "remove wu"
    ]  # fmt: skip


def test_the_last_administrator_cannot_be_removed(vitals, people):
    vitals("user", "add", "root", "--role", "admin", stdin=WORD)
    with pytest.raises(VitalsError, match="last administrator"):
        vitals("user", "remove", "root")
    with pytest.raises(VitalsError, match="last administrator"):
        vitals("user", "role", "root", "nurse")
    assert people.accounts.find("root").role == "admin"


def test_a_link_sets_up_or_gives_a_new_password(vitals, people):
    path = vitals("user", "link").split()[-1]
    assert people.links.peek("setup", path.removeprefix("/setup/")) == ""
    vitals("user", "add", "root", "--role", "admin", stdin=WORD)
    path = vitals("user", "link", "root").split()[-1]
    assert people.links.take("password", path.removeprefix("/password/")) == "root"
    with pytest.raises(VitalsError, match="there is an administrator"):
        vitals("user", "link")


def test_the_audit_log_is_checked_against_what_was_kept(vitals, people, tmp_path):
    vitals("user", "add", "root", "--role", "admin", stdin=WORD)
    kept = vitals("audit").split()[-1]
    vitals("user", "add", "wu", "--role", "nurse", stdin=WORD)
    assert "2 lines" in vitals("audit", "--kept", kept)
    assert "2 lines" in vitals("audit", "--data", str(tmp_path))
    with pytest.raises(VitalsError, match=r"holds no people\.db"):
        vitals("audit", "--data", str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
    db = sqlite3.connect(tmp_path / "audit.db")
    with db:
        db.execute("DROP TRIGGER log_stays")
        db.execute("UPDATE log SET what = 'nothing' WHERE id = 2")
    db.close()
    with pytest.raises(VitalsError, match="from line 2"):
        vitals("audit")
    with pytest.raises(VitalsError, match="LINES:HASH"):
        vitals("audit", "--kept", "x")


@pytest.mark.slow
def test_the_first_start_prints_one_link_and_later_starts_none(tmp_path, people):
    toml = tmp_path / "vitals.toml"
    toml.write_text(f'data = "{tmp_path}"\n[portal]\nport = 0\n[mqtt]\nport = 1\n')

    def start():
        command = [sys.executable, "-m", "vitals", "run", "portal"]
        process = subprocess.Popen(
            [*command, "--config", str(toml), "--log", "INFO"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        for line in process.stderr:
            if "the page is at" in line:
                break
        process.terminate()
        return process.communicate(timeout=60)[0]

    [code] = re.findall(r"/setup/([\w-]+)", start())
    assert people.links.peek("setup", code) == ""
    people.add("root", WORD, "admin")
    assert "/setup/" not in start()
