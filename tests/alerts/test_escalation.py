from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from alerts import roster
from alerts.cases import Case
from alerts.desk import Desk
from vitals.config import Alerts
from vitals.staff import Person, Returned, Shift, Step, Times

NOW = 1_700_000_000_000  # Tuesday 2023-11-14 22:13:20 UTC
MINUTE = 60_000
NURSE = Person(name="anna")
DOCTOR = Person(name="dr-li", role="doctor")
PEOPLE = NURSE, DOCTOR


def staffed(*people, team=(), **settings):
    made = roster.of(Alerts(people=people or PEOPLE, **settings))
    return replace(made, teams={"p-7": team})


def desk_of(*people, **settings):
    return Desk({}, roster=staffed(*people, **settings))


def through(desk, until, since=NOW, step=1000):
    """Let the time pass; give (seconds, why, whom) of all who were told."""
    told = []
    for now in range(since, until + 1, step):
        changes = desk.tick(now)
        told += [((now - NOW) / 1000, c.why, c.to) for c in changes if c.to]
    return told


def test_c5_nobody_acknowledges_and_one_after_another_is_told(racing):
    desk = desk_of()
    [opened] = desk.observe(racing(), NOW)
    assert (opened.why, opened.to) == ("opened", ("anna",))
    assert opened.alert.escalation == {
        "step": 1, "told": ["anna"], "next": ["dr-li"], "next_at": NOW + 5 * MINUTE
    }  # fmt: skip
    assert through(desk, NOW + 16 * MINUTE) == [
        (300, "escalate", ("dr-li",)),
        (600, "escalate", ("anna",)),  # and from the beginning
        (900, "escalate", ("dr-li",)),
    ]


def test_c5_an_acknowledgement_ends_the_chain_and_who_was_told_hears_of_it(
    racing, says
):
    desk = desk_of()
    desk.observe(racing(), NOW)
    through(desk, NOW + 5 * MINUTE)
    [seen] = desk.command("a-1", says("acknowledge", 301), NOW + 301_000)
    assert seen.to == ("anna", "dr-li")
    assert seen.alert.escalation == {"step": 2, "told": ["anna", "dr-li"]}
    assert through(desk, NOW + 59 * MINUTE, NOW + 301_000) == []
    [over] = desk.observe(racing(3600, over=True), NOW + 3_600_000)
    assert over.to == ("anna", "dr-li")  # C16: the all-clear


def test_c6_what_was_acknowledged_and_lasts_is_told_anew(racing, says):
    desk = desk_of(acknowledged_s=Times(high=1200))
    desk.observe(racing(), NOW)
    desk.command("a-1", says("acknowledge", 60), NOW + MINUTE)
    assert through(desk, NOW + 26 * MINUTE) == [
        (1260, "expire", ("anna",)),
        (1560, "escalate", ("dr-li",)),
    ]
    assert desk.open()[0].acknowledged_by is None


def test_low_priority_is_told_once(racing):
    desk = desk_of()
    [opened] = desk.observe(racing(condition="heart_rate_unusual"), NOW)
    assert opened.to == ("anna",)
    assert through(desk, NOW + 24 * 60 * MINUTE, step=MINUTE) == []


@pytest.mark.parametrize(
    ("afterwards", "told"),
    [
        ("stop", []),
        ("once", [(300, "unseen", ("dr-li",))]),
        ("until_seen", [
            (300, "unseen", ("dr-li",)),
            (600, "unseen", ("anna",)),
            (900, "unseen", ("dr-li",)),
        ]),
    ],
)  # fmt: skip
def test_what_is_over_and_unseen_is_told_on_as_far_as_is_configured(
    racing, says, afterwards, told
):
    desk = desk_of(returned=Returned(high=afterwards))
    desk.observe(racing(), NOW)
    [over] = desk.observe(racing(120, over=True), NOW + 2 * MINUTE)
    assert (over.why, over.to) == ("returned", ("anna",))
    assert ("next_at" in over.alert.escalation) == (afterwards != "stop")
    assert through(desk, NOW + 16 * MINUTE, NOW + 2 * MINUTE) == told
    assert desk.open()[0].state == "returned_unacknowledged"
    [seen] = desk.command("a-1", says("acknowledge", 961), NOW + 961_000)
    assert seen.alert.state == "normal"
    assert through(desk, NOW + 60 * MINUTE, NOW + 961_000) == []


def test_by_default_what_is_high_and_over_goes_to_the_next_once_and_medium_waits(
    racing,
):
    desk = desk_of()
    desk.observe(racing(), NOW)
    fever = {"id": "t-1", "subject": "p-8", "condition": "body_temperature_high"}
    desk.observe(racing(**fever), NOW)
    for news in (racing(120, over=True), racing(120, over=True, **fever)):
        desk.observe(news, NOW + 2 * MINUTE)
    assert through(desk, NOW + 24 * 60 * MINUTE, step=MINUTE) == [
        (300, "unseen", ("dr-li",))
    ]


def test_who_acknowledges_in_time_keeps_the_next_from_being_told(racing, says):
    desk = desk_of()
    desk.observe(racing(), NOW)
    desk.observe(racing(120, over=True), NOW + 2 * MINUTE)
    desk.command("a-1", says("acknowledge", 200), NOW + 200_000)
    assert through(desk, NOW + 16 * MINUTE, NOW + 200_000) == []


def test_what_is_over_before_anybody_was_told_is_told_when_somebody_wakes(racing):
    asleep = Person(name="anna", quiet=(22 * 60, 6 * 60))
    desk = desk_of(asleep, escalation=(Step(priority="medium", roles=("nurse",)),))
    fever = {"id": "t-1", "condition": "body_temperature_high"}
    assert desk.observe(racing(**fever), NOW)[0].to == ()
    [over] = desk.observe(racing(120, over=True, **fever), NOW + 2 * MINUTE)
    assert over.to == ()
    told = through(desk, NOW + 24 * 60 * MINUTE, step=MINUTE)
    assert [(why, to) for _, why, to in told] == [("unseen", ("anna",))]


def test_what_was_over_before_we_heard_of_it_goes_to_the_next_as_well(racing):
    desk = desk_of()
    [opened] = desk.observe(racing(60, over=True), NOW + MINUTE)
    assert (opened.why, opened.to) == ("opened", ("anna",))
    assert through(desk, NOW + 30 * MINUTE, NOW + MINUTE) == [
        (360, "unseen", ("dr-li",))
    ]


def test_what_comes_back_before_the_next_is_told_calls_from_the_beginning(racing):
    desk = desk_of()
    desk.observe(racing(), NOW)
    desk.observe(racing(120, over=True), NOW + 2 * MINUTE)
    [again] = desk.observe(racing(180, begin=180, id="a-2"), NOW + 3 * MINUTE)
    assert (again.why, again.to) == ("alarm", ("anna",))
    assert through(desk, NOW + 8 * MINUTE, NOW + 3 * MINUTE) == [
        (480, "escalate", ("dr-li",))
    ]


def test_what_is_over_and_handed_over_gives_its_new_owner_their_time(racing, says):
    desk = desk_of()
    desk.observe(racing(), NOW)
    desk.observe(racing(120, over=True), NOW + 2 * MINUTE)
    word = says("handover", 240, to="ben")
    [handed] = desk.command("a-1", word, NOW + 4 * MINUTE)
    assert handed.to == ("ben",)
    assert through(desk, NOW + 30 * MINUTE, NOW + 4 * MINUTE) == [
        (540, "unseen", ("dr-li",))
    ]


def test_a_restart_remembers_that_what_is_over_goes_to_the_next(racing):
    desk = desk_of()
    desk.observe(racing(), NOW)
    [over] = desk.observe(racing(120, over=True), NOW + 2 * MINUTE)
    again = Desk({}, [over.case], staffed())
    assert through(again, NOW + 30 * MINUTE, NOW + 2 * MINUTE) == [
        (300, "unseen", ("dr-li",))
    ]


def test_without_a_repetition_medium_is_told_anew_as_late_as_what_was_seen(racing):
    fever = {"id": "t-1", "condition": "body_temperature_high"}
    hour = 60 * MINUTE
    desk = desk_of(repeat_s=Times(high=300), acknowledged_s=Times(medium=43_200))
    desk.observe(racing(**fever), NOW)
    assert through(desk, NOW + 24 * hour, step=MINUTE) == [
        (1800, "escalate", ("dr-li",)),
        (1800 + 43_200, "escalate", ("anna",)),
        (1800 + 43_200 + 1800, "escalate", ("dr-li",)),
    ]
    never = desk_of(repeat_s=Times(high=300), acknowledged_s=Times())
    never.observe(racing(**fever), NOW)
    assert len(through(never, NOW + 24 * hour, step=MINUTE)) == 1


def test_a_rise_begins_the_chain_again_and_all_who_were_told_hear_of_it(racing):
    desk = desk_of()
    desk.observe(racing(), NOW)
    through(desk, NOW + 5 * MINUTE)
    [risen] = desk.observe(racing(360, value=190), NOW + 6 * MINUTE)
    assert (risen.why, risen.to) == ("rise", ("anna", "dr-li"))
    assert through(desk, NOW + 11 * MINUTE, NOW + 6 * MINUTE) == [
        (660, "escalate", ("dr-li",))
    ]


def test_all_steps_that_were_missed_in_the_dark_are_taken_at_once(racing):
    desk = desk_of()
    [opened] = desk.observe(racing(), NOW)
    again = Desk({}, [opened.case], staffed())
    assert [c.to for c in again.tick(NOW + 60 * MINUTE)] == [("dr-li",)]
    assert through(again, NOW + 65 * MINUTE, NOW + 60 * MINUTE)[0][2] == ("anna",)


def test_the_book_of_the_version_before_calls_somebody_for_what_is_open(racing):
    [opened] = Desk({}).observe(racing(), NOW)
    old = Case(alert=opened.alert, device="", told=150, live={"limit/": "a-1"})
    [change] = Desk({}, [old], staffed()).tick(NOW + 1000)
    assert (change.why, change.to) == ("escalate", ("anna",))


def test_the_care_team_comes_first_then_all_who_work_here(racing):
    ben = Person(name="ben")
    shift = Shift(person="ben", begin=8 * 60, end=20 * 60)
    desk = desk_of(NURSE, ben, DOCTOR, team=["ben"], shifts=(shift,))
    day = NOW - 8 * 60 * MINUTE
    assert desk.observe(racing(), day)[0].to == ("ben",)
    desk = desk_of(NURSE, ben, DOCTOR, team=["ben"], shifts=(shift,))
    assert desk.observe(racing(), NOW)[0].to == ("anna",)


def test_nobody_on_call_is_the_whole_house(racing):
    shift = Shift(person="anna", begin=8 * 60, end=20 * 60)
    desk = desk_of(NURSE, DOCTOR, shifts=(shift,))
    [opened] = desk.observe(racing(), NOW)
    assert opened.to == ("",)
    assert opened.alert.escalation["told"] == ["house"]


def test_the_family_hears_of_nobody_but_their_own(racing):
    steps = (Step(priority="high", roles=("family",)),)
    for team, to in (((), ("",)), (("mei",), ("mei",))):
        mei = Person(name="mei", role="family")
        desk = desk_of(mei, escalation=steps, team=team)
        assert desk.observe(racing(), NOW)[0].to == to


def test_high_priority_breaks_quiet_hours_and_the_rest_waits_for_their_end(racing):
    asleep = Person(name="anna", quiet=(22 * 60, 6 * 60))
    desk = desk_of(asleep, escalation=(Step(priority="medium", roles=("nurse",)),))
    assert desk.observe(racing(), NOW)[0].to == ("anna",)
    fever = {"id": "t-1", "condition": "body_temperature_high"}
    [held] = desk.observe(racing(subject="p-8", **fever), NOW)
    assert held.to == ()
    six = datetime(2023, 11, 15, 6, tzinfo=UTC).timestamp() * 1000
    assert held.alert.escalation["next_at"] == six
    told = [t for t in through(desk, int(six) + MINUTE) if t[0] >= (six - NOW) / 1000]
    assert ((six - NOW) // 1000 + 1) - told[0][0] in (0, 1)


def test_an_awake_doctor_is_told_although_the_nurse_sleeps(racing):
    asleep = Person(name="anna", quiet=(22 * 60, 6 * 60))
    desk = desk_of(asleep, DOCTOR)
    fever = {"id": "t-1", "condition": "body_temperature_high"}
    assert desk.observe(racing(**fever), NOW)[0].to == ()
    assert through(desk, NOW + 31 * MINUTE) == [(1800, "escalate", ("dr-li",))]


def test_what_begins_together_is_held_for_a_moment_and_told_together(racing):
    desk = desk_of()
    desk.observe(racing(), NOW)
    [held] = desk.observe(racing(1, id="a-2", condition="pulse_high"), NOW + 1000)
    assert held.to == ()
    assert held.alert.escalation["next_at"] == NOW + 3000
    assert through(desk, NOW + 3000) == [(3, "escalate", ("anna",))]


def test_what_is_more_urgent_is_not_held(racing):
    desk = desk_of()
    desk.observe(racing(condition="body_temperature_high"), NOW)
    [opened] = desk.observe(racing(1, id="a-2"), NOW + 1000)
    assert opened.to == ("anna",)


def test_an_alert_that_is_handed_over_gives_its_new_owner_their_time(racing, says):
    desk = desk_of()
    desk.observe(racing(), NOW)
    word = says("handover", 240, to="ben")
    [handed] = desk.command("a-1", word, NOW + 4 * MINUTE)
    assert handed.to == ("ben",)
    assert through(desk, NOW + 9 * MINUTE) == [(540, "escalate", ("dr-li",))]


def test_c13_a_shift_is_handed_over_in_one_action(racing, says):
    desk = desk_of(NURSE, Person(name="ben"), DOCTOR)
    ids = [f"a-{n}" for n in range(4)]
    for n, i in enumerate(ids[:3]):
        desk.observe(racing(id=i, subject=f"p-{n}"), NOW)
    desk.command("a-1", says("acknowledge", 1, by="anna"), NOW + 1000)
    desk.command("a-2", says("acknowledge", 1, by="dr-li"), NOW + 1000)
    relief = roster.Relief(person="anna", to="ben", since=NOW, until=NOW + 60 * MINUTE)
    desk.staff(replace(staffed(NURSE, DOCTOR), reliefs=[relief]))
    word = says("relieve", 2, by="anna", to="ben")
    handed = desk.relieve(word, NOW + 2000)
    assert desk.relieve(word, NOW + 2000) == []  # the bus may repeat itself
    assert {c.alert.id: c.to for c in handed} == dict.fromkeys(ids[:3], ("ben",))
    assert desk.observe(racing(9, id="a-3", subject="p-9"), NOW + 9000)[0].to == (
        "ben",
    )
    late = Desk({}, roster=replace(staffed(NURSE, DOCTOR), reliefs=[relief]))
    t = NOW + 60 * MINUTE
    assert late.observe(racing(3600, id="a-3"), t)[0].to == ("anna",)


def test_who_stands_in_does_so_also_by_a_clock_that_was_set_back(racing):
    first = roster.Relief(person="anna", to="ben", since=NOW, until=NOW + 60 * MINUTE)
    latest = replace(first, to="cid", since=NOW + 1)
    people = replace(staffed(NURSE, DOCTOR), reliefs=[first, latest])
    desk = Desk({}, roster=people)
    assert desk.observe(racing(-3600), NOW - 60 * MINUTE)[0].to == ("cid",)


@pytest.mark.parametrize("priority", ["high", "medium", "low"])
def test_a_priority_without_a_step_reaches_all_who_work_here(racing, priority):
    desk = Desk({"heart_rate_high": priority}, roster=staffed(escalation=()))
    assert desk.observe(racing(), NOW)[0].to == ("anna", "dr-li")
