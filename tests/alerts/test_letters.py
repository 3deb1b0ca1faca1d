"""What a notice becomes for whom it is for: words, links, and what leaves the house."""

from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from alerts import sheets
from alerts.channels import Notice
from alerts.letters import Writer
from alerts.links import Links
from vitals import links, wire
from vitals.channels import Channel
from vitals.model import Alert
from vitals.staff import Person

NOW = 1_795_300_000_000
KEY = bytes(range(32))
HOUR = 3_600_000
ALERT = Alert(
    id="e1",
    subject="p-7",
    condition="heart_rate_high",
    kind="physiological",
    priority="high",
    state="unacknowledged",
    since=NOW - 60_000,
    t=NOW,
    value=152.0,
    unit="/min",
)
PEOPLE = {
    person.name: person
    for person in (
        Person(
            name="dr-li",
            language="zh",
            time_zone="Asia/Shanghai",
            channels=("mail", "sms"),
        ),
        Person(name="dr-wu", channels=("mail",)),
        Person(name="ann", role="family"),
    )
}


def notice(to="dr-li", alert=ALERT, **more):
    fields = {"version": 1, "channel": "mail", "why": "opened", "attempts": 0} | more
    return Notice(alert=alert.id, body=wire.encode(alert), created=NOW, to=to, **fields)


def written(found, shared=None, url="https://v.example", **channel):
    fields = {"name": found.channel, "url_file": "x", "content": "full"} | channel
    settings = Channel(**fields)
    writer = Writer(settings, shared, PEOPLE, Links(KEY, url, 12), lambda: NOW)
    return writer.write(found)


def deed(address):
    path = urlsplit(address).path
    assert path.startswith("/l/")
    return links.read(KEY, path.removeprefix("/l/"))


def test_a_letter_is_in_the_language_and_by_the_clock_of_whom_it_is_for():
    letter = written(notice())
    assert "心率偏高" in letter.sheet.title
    assert "06:25:40" in sheets.text(letter.sheet)
    letter = written(notice(to=""))
    assert "Heart rate high" in letter.sheet.title
    assert "22:25:40" in sheets.text(letter.sheet)


def test_on_a_shared_channel_all_read_the_language_of_the_channel():
    assert "Heart rate high" in written(notice(), shared=True).sheet.title


def test_the_links_are_signed_for_whom_was_told_and_end():
    letter = written(notice())
    seen, quiet = deed(letter.offer.acknowledge), deed(letter.offer.snooze)
    assert (seen.alert, seen.action, seen.by) == ("e1", "acknowledge", "dr-li")
    assert (quiet.action, quiet.minutes) == ("snooze", 15)
    assert seen.until == quiet.until == NOW + 12 * HOUR
    assert letter.offer.open == "https://v.example/alerts/e1"
    assert letter.offer.acknowledge in sheets.text(letter.sheet)


def test_a_repeated_notice_gives_nobody_more_to_do_and_another_does():
    first = written(notice()).offer
    assert written(notice(attempts=7)).offer == first
    for other in (notice(version=2), notice(to="dr-wu"), notice(channel="sms")):
        assert deed(written(other).offer.acknowledge) != deed(first.acknowledge)


def test_a_group_and_the_whole_house_get_a_link_that_decides_nothing():
    for letter in (written(notice(), shared=True), written(notice(to=""))):
        assert letter.offer.open
        assert (letter.offer.acknowledge, letter.offer.snooze) == ("", "")


def test_a_channel_that_is_not_the_persons_own_offers_them_nothing_unless_it_says():
    """What another channel could not tell may come to a tablet on the ward."""
    ward = notice(channel="ward-tablet")
    assert written(ward).offer.acknowledge == ""
    assert "Heart rate" in written(ward).sheet.title
    assert deed(written(ward, shared=False).offer.acknowledge).by == "dr-li"


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("unacknowledged", (True, True)),
        ("returned_unacknowledged", (True, False)),
        ("acknowledged", (False, False)),
        ("shelved", (False, False)),
        ("normal", (False, False)),
    ],
)
def test_only_what_can_still_be_decided_is_offered(state, offered):
    offer = written(notice(alert=replace(ALERT, state=state))).offer
    assert (bool(offer.acknowledge), bool(offer.snooze)) == offered


def test_without_the_portals_address_there_are_no_links():
    letter = written(notice(), url="")
    assert "http" not in sheets.text(letter.sheet)


def test_family_is_told_as_family_on_any_channel():
    assert "Please see how they are." in sheets.text(written(notice(to="ann")).sheet)


@pytest.mark.parametrize("content", ["link", "full"])
def test_families_and_patients_decide_nothing(content):
    for letter in (
        written(notice(to="ann"), content=content),
        written(notice(), audience="patient", content=content, subject="p-7"),
    ):
        assert (letter.offer.acknowledge, letter.offer.snooze) == ("", "")
        assert "/l/" not in sheets.text(letter.sheet)


@pytest.mark.parametrize("to", ["", "dr-li", "ann"])
def test_by_default_nothing_of_whom_or_what_leaves_the_house(to):
    settings = Channel(name="mail", url_file="x")
    writer = Writer(
        settings, False, PEOPLE, Links(KEY, "https://v.example", 12), lambda: NOW
    )
    letter = writer.write(notice(to=to))
    whole = letter.sheet.title + sheets.text(letter.sheet) + sheets.html(letter.sheet)
    for secret in ("p-7", "152", "eart", "心率", "22:25", "06:25"):
        assert secret not in whole
    assert links.case_number("e1") in whole


def test_negative_control_full_content_does_say_it():
    whole = sheets.text(written(notice(to="")).sheet)
    assert "p-7" in whole
    assert "152" in whole
