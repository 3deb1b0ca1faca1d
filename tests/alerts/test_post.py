import pytest
from msgspec import json
from msgspec.structs import replace

from alerts import calls, roster
from alerts.channels import ALL_CLEAR, CALLS, SEEN
from alerts.desk import Desk
from alerts.outbox import Outbox
from alerts.post import Post
from alerts.register import Register
from alerts.wording import WHY
from vitals.config import Alerts
from vitals.model import Alert
from vitals.staff import Person

NOW = 1_700_000_000_000
ALL = CALLS | ALL_CLEAR | SEEN
HEARS = {"log": CALLS, "webhook": ALL, "sms": ALL, "mail": ALL}
PEOPLE = (
    Person(name="anna", channels=("sms", "mail")),
    Person(name="dr-li", role="doctor", channels=("mail",)),
)


@pytest.fixture
def office(database):
    """A desk with two people, and what its book puts into the outbox."""
    desk = Desk({}, roster=roster.of(Alerts(people=PEOPLE)))
    own = {person.name: person.channels for person in PEOPLE}
    register = Register(database, Post(HEARS, own))

    def write(*changes, now=NOW):
        register.commit(changes, now)
        rows = database.rows(
            "SELECT channel, recipient, alert, why FROM deliveries"
            " WHERE created = ? ORDER BY channel, recipient, alert",
            (now,),
        )
        return [tuple(row) for row in rows]

    return desk, write


def test_the_house_hears_of_all_and_people_by_their_own_ways(office, racing):
    desk, write = office
    assert write(*desk.observe(racing(), NOW)) == [
        ("log", "", "a-1", "opened"),
        ("mail", "anna", "a-1", "opened"),
        ("sms", "anna", "a-1", "opened"),
        ("webhook", "", "a-1", "opened"),
    ]
    [step] = desk.tick(NOW + 300_000)
    assert write(step, now=NOW + 300_000) == [
        ("log", "", "a-1", "escalate"),
        ("mail", "dr-li", "a-1", "escalate"),
        ("webhook", "", "a-1", "escalate"),
    ]


def test_a_handover_reaches_the_one_it_is_handed_to(office, racing, says):
    desk, write = office
    desk.observe(racing(), NOW)
    [handed] = desk.command("a-1", says("handover", 1, to="dr-li"), NOW)
    assert ("mail", "dr-li", "a-1", "handover") in write(handed)


def test_a_handover_to_who_has_no_way_of_their_own_is_told_by_the_house(
    office, racing, says
):
    desk, write = office
    desk.observe(racing(), NOW)
    [handed] = desk.command("a-1", says("handover", 2, to="a-stranger"), NOW)
    assert ("webhook", "a-stranger", "a-1", "handover") in write(handed, now=NOW + 1)


def test_whatever_calls_people_is_told_them_and_has_words():
    for event in calls.ANEW | {"escalate"}:
        assert event in CALLS, event
        assert event in WHY, event


def test_c14_what_begins_together_is_one_message_with_the_most_urgent_first(
    office, racing, database
):
    desk, write = office
    fever = racing(id="a-2", condition="body_temperature_high", value=39.5)
    other = racing(id="a-3", subject="p-8")
    changes = [c for a in (fever, racing(), other) for c in desk.observe(a, NOW)]
    told = [row for row in write(*changes) if row[0] == "sms"]
    assert told == [("sms", "anna", "a-1", "opened"), ("sms", "anna", "a-3", "opened")]
    first, _ = Outbox(database).due("sms", NOW, 9)
    assert (first.key, first.to) == ("a-1-1.anna", "anna")
    alert = json.decode(first.body, type=Alert)
    assert alert.evidence["together"] == [
        {"id": "a-2", "condition": "body_temperature_high", "priority": "medium"}
    ]
    assert len(Outbox(database).due("webhook", NOW, 9)) == 3  # machines hear of each


def test_who_has_no_way_of_their_own_is_told_by_the_house_s(office, racing):
    post = Post(HEARS, {"anna": (), "dr-li": ("mail",)})
    desk, _ = office
    [opened] = desk.observe(racing(), NOW)
    told = {(letter.channel, letter.to) for letter in post.letters([(opened, 1)])}
    assert told == {("log", ""), ("webhook", ""), ("sms", "")}


def test_where_every_way_is_somebody_s_own_all_are_used_for_who_has_none(
    office, racing
):
    post = Post({"log": CALLS, "mail": ALL}, {"anna": (), "dr-li": ("mail",)})
    desk, _ = office
    [opened] = desk.observe(racing(), NOW)
    told = {(letter.channel, letter.to) for letter in post.letters([(opened, 1)])}
    assert told == {("log", ""), ("mail", "anna")}


def test_the_whole_house_is_told_by_all_ways(racing):
    desk = Desk({}, roster=roster.of(Alerts(people=(PEOPLE[1],), escalation=())))
    post = Post(HEARS, {"anna": ("sms", "mail")})
    [opened] = Desk({}).observe(racing(), NOW)
    assert opened.to == ("",)
    assert {letter.channel for letter in post.letters([(opened, 1)])} == set(HEARS)
    assert desk.observe(racing(), NOW)[0].to == ("dr-li",)


@pytest.mark.parametrize("to", ["", "anna"])
def test_family_hears_of_no_other_patient_even_when_the_whole_house_is_told(racing, to):
    own, about = {"mum": ("mums",), "son": ("sons",)}, {"sons": "p-7"}
    hears = {"log": CALLS, "mums": ALL, "sons": ALL}
    post = Post(hears, own, about, family=own)
    [opened] = Desk({}).observe(racing(), NOW)
    told = {(n.channel, n.to) for n in post.letters([(replace(opened, to=(to,)), 1)])}
    assert told == {("log", ""), ("sons", to)}
    assert post.instead(to, "opened", "p-8") == []
    others = Post(hears, own, about)  # negative control: were they no family
    assert others.instead(to, "opened", "p-8") == [("mums", "")]


def test_family_is_told_what_is_for_them(racing):
    post = Post({"mums": ALL}, {"mum": ("mums",)}, family={"mum"})
    [opened] = Desk({}).observe(racing(), NOW)
    letters = post.letters([(replace(opened, to=("mum", "anna")), 1)])
    assert [(letter.channel, letter.to) for letter in letters] == [("mums", "mum")]


def test_a_channel_that_one_of_the_staff_reads_too_is_no_family_s(racing):
    own = {"mum": ("desk",), "anna": ("desk",)}
    post = Post({"desk": ALL}, own, family={"mum"})
    [opened] = Desk({}).observe(racing(), NOW)
    assert [n.to for n in post.letters([(replace(opened, to=("",)), 1)])] == [""]
