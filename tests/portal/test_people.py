import sqlite3

import pytest

from portal import accounts as accounts_module
from portal.people import Change, People
from vitals.errors import ConfigError, Unavailable
from vitals.model import Limit, Plan

PASSWORD = "correct horse battery"


class Clock:
    now = 1_000_000_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def people(tmp_path):
    found = People(tmp_path / "people.db", Clock())
    yield found
    found.close()


def test_nobody_may_log_in_before_somebody_was_added(people):
    assert list(people.list()) == []
    for name, password in (("admin", "admin"), ("root", ""), ("", "")):
        assert people.authenticate(name, password) is None


def test_a_patient_logs_in_and_sees_themselves_alone(people):
    people.add("wang", PASSWORD, "patient", "p-1")
    person = people.authenticate("wang", PASSWORD)
    assert (person.role, person.subjects) == ("patient", frozenset({"p-1"}))
    assert people.authenticate("wang", PASSWORD + "!") is None


def test_d12_a_clinician_sees_whom_they_are_assigned_and_no_more(people):
    people.add("wang", PASSWORD, "patient", "p-1")
    people.add("li", PASSWORD, "patient", "p-2")
    people.add("chen", PASSWORD, "clinician", subjects=["p-7"])
    assert people.authenticate("chen", PASSWORD).subjects == {"p-7"}
    people.assign_all("chen")
    people.unassign("chen", "p-7")
    assert people.authenticate("chen", PASSWORD).subjects == {"p-1", "p-2"}


def test_a_patients_clinicians_are_known_and_nobody_elses(people):
    people.add("wang", PASSWORD, "patient", "p-1")
    people.add("zhou", PASSWORD, "clinician", subjects=["p-1", "p-2"])
    people.add("chen", PASSWORD, "clinician", subjects=["p-1"])
    people.add("root", PASSWORD, "admin")
    found = people.carers(["p-1", "p-2", "p-3"])
    assert found == {"p-1": ["chen", "zhou"], "p-2": ["zhou"], "p-3": []}


@pytest.mark.parametrize(
    ("name", "password", "role", "subject", "subjects", "says"),
    [
        ("wang", PASSWORD, "patient", "p-1", (), "exists already"),
        ("new", "short", "clinician", None, (), "10 to 256"),
        ("new", "x" * 257, "clinician", None, (), "10 to 256"),
        ("new", PASSWORD, "visitor", None, (), "no role"),
        ("new", PASSWORD, "patient", None, (), "exactly one subject"),
        ("new", PASSWORD, "patient", "p-1", ("p-2",), "exactly one subject"),
        ("new", PASSWORD, "patient", "P 1", (), "a-z, 0-9"),
        ("new", PASSWORD, "patient", "house", (), "'house' is reserved"),
        ("new", PASSWORD, "clinician", "p-1", (), "only a patient"),
        ("new", PASSWORD, "admin", None, ("p-1",), "only a clinician"),
        ("a b", PASSWORD, "admin", None, (), "user name"),
        ("", PASSWORD, "admin", None, (), "user name"),
    ],
)
def test_a_user_who_cannot_be_is_one_clear_line(
    people, name, password, role, subject, subjects, says
):
    people.add("wang", PASSWORD, "patient", "p-1")
    with pytest.raises(ConfigError, match=says) as error:
        people.add(name, password, role, subject, subjects)
    assert "\n" not in str(error.value)
    assert [p.name for p in people.list()] == ["wang"]


def test_an_unknown_user_is_one_clear_line(people):
    for attempt in (
        lambda: people.passwd("nobody", PASSWORD),
        lambda: people.assign("nobody", ["p-1"]),
    ):
        with pytest.raises(ConfigError, match="no user 'nobody'"):
            attempt()


def test_a_place_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot keep the users"):
        People(tmp_path / "file" / "people.db")


def test_a_token_ends_when_it_expires_is_revoked_or_the_password_changes(people):
    people.add("wang", PASSWORD, "patient", "p-1")
    brief, long, third = (people.issue_token("wang", s) for s in (60, 600, 600))
    assert people.person_of(brief).name == "wang"
    people._clock.now += 61_000
    assert people.person_of(brief) is None
    people.revoke(long)
    assert people.person_of(long) is None
    assert people.person_of(third).name == "wang"
    people.passwd("wang", PASSWORD + " new")
    assert people.person_of(third) is None
    assert people.authenticate("wang", PASSWORD) is None
    assert people.person_of("") is people.person_of("made up") is None


def test_the_file_lets_nobody_in(people, tmp_path):
    people.add("wang", PASSWORD, "patient", "p-1")
    token = people.issue_token("wang")
    people.close()
    kept = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"wang" in kept  # the search would find it
    assert PASSWORD.encode() not in kept
    assert token.encode() not in kept
    assert (tmp_path / "people.db").stat().st_mode & 0o077 == 0


def test_five_failures_start_a_pause_that_grows_and_success_forgives(people):
    people.add("wang", PASSWORD, "patient", "p-1")
    pauses = []
    for _ in range(8):
        people._clock.now += int(people.pause_s("wang") * 1000)
        assert people.authenticate("wang", "wrong password") is None
        pauses.append(people.pause_s("wang"))
    assert pauses == [0, 0, 0, 0, 1, 2, 4, 8]
    assert people.authenticate("wang", PASSWORD) is None  # not even with the right one
    people._clock.now += 8000
    assert people.authenticate("wang", PASSWORD).name == "wang"
    assert people.pause_s("wang") == 0


def test_an_unknown_name_waits_like_a_known_one(people):
    for _ in range(5):
        people.authenticate("nobody", "wrong password")
    assert people.pause_s("nobody") == 1


def test_an_unknown_name_takes_as_long_as_a_known_one(people, monkeypatch):
    people.add("wang", PASSWORD, "patient", "p-1")
    verified = []
    real = accounts_module.passwords.matches

    def counted(password, stored):
        verified.append(stored)
        return real(password, stored)

    monkeypatch.setattr(accounts_module.passwords, "matches", counted)
    people.authenticate("wang", "wrong password")
    people.authenticate("nobody", "wrong password")
    assert len(verified) == 2  # argon2 runs either way, against something
    assert verified[1] is None


def test_c11_the_log_of_limits_can_only_grow(people, tmp_path):
    old, new = Plan(), Plan(limits={"heart_rate": Limit(45, 120, 60)}, by="chen", t=5)
    people.log_plan(Change("p-1", "chen", 5, old, new, "because"))
    assert list(people.changes("p-1")) == [
        Change("p-1", "chen", 5, old, new, "because")
    ]
    assert people.plan("p-1") == new
    assert people.plans() == {"p-1": new}
    other = sqlite3.connect(tmp_path / "people.db")
    for statement in ("DELETE FROM plans", "UPDATE plans SET why = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="kept for ever"):
            other.execute(statement)
    other.close()
