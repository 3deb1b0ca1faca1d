"""Whose a reading is: the pure rule, against a plain reading of its sentence."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.assignment import OPEN, Assignment, Occasion, occasion, whose
from vitals import BloodPressure, BodyTemperature

people = st.sampled_from([None, "p-1", "p-2", "p-3"])
slots = st.sampled_from([None, 1, 2])
times = st.integers(0, 20)


@st.composite
def assignments(draw, most=8):
    made = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["check_in", "assign", "slot"]),
                slots,
                people,
                times,
                times,
            ),
            max_size=most,
        )
    )
    return [
        Assignment(n, what, slot, subject, min(a, b), max(a, b))
        for n, (what, slot, subject, a, b) in enumerate(made, 1)
    ]


def one_of(said, reading):
    [found] = whose(said, [reading])
    return found


def alone(said, reading):
    """Look through all that was said, for one reading: the slow twin."""
    if not reading.sure:
        owners = {
            one.subject
            for one in said
            if one.what == "slot" and one.slot == reading.slot
        }
        return owners.pop() if len(owners) == 1 else None
    begun = [one for one in said if one.since <= reading.t]
    checked_in = [one for one in begun if one.what == "check_in"]
    last = max(checked_in, key=lambda one: (one.since, one.id), default=None)
    covering = [
        one
        for one in begun
        if (one is last or one.what != "check_in")
        and one.slot in (None, reading.slot)
        and reading.t < one.until
    ]
    newest = max(covering, key=lambda one: (one.what == "assign", one.id), default=None)
    return newest.subject if newest else None


occasions = st.builds(Occasion, times, st.booleans() | st.just(True), slots)


@given(assignments(24), st.lists(occasions), st.randoms())
def test_a14_many_readings_are_each_whose_they_are_alone(made, readings, dice):
    shuffled = dice.sample(made, len(made))
    assert whose(shuffled, readings) == [alone(made, one) for one in readings]


@given(assignments(), times, slots, st.randoms())
def test_a14_the_latest_word_on_a_time_holds_and_a_hands_before_all(
    made, t, slot, dice
):
    expected, last = None, None
    for one in made:  # in the order in which they were made
        begun = one.what == "check_in" and one.since <= t
        if begun and (last is None or one.since >= last.since):
            last = one
    for only in (("check_in", "slot"), ("assign",)):
        for one in made:
            if one.what == "check_in" and one is not last:
                continue  # somebody else has checked in since
            fits = one.slot is None or one.slot == slot
            if one.what in only and fits and one.since <= t < one.until:
                expected = one
    shuffled = dice.sample(made, len(made))
    found = one_of(shuffled, Occasion(t, True, slot))
    assert found == (expected.subject if expected else None)


def test_a14_a_check_in_ends_when_the_next_person_checks_in_whoever_is_heard_first():
    anna = Assignment(1, "check_in", None, "p-1", 0, 30)
    bob = Assignment(2, "check_in", None, "p-2", 5, 15)
    heard_late = Assignment(3, "check_in", None, "p-1", 0, 30)
    for said in ([anna, bob], [bob, heard_late]):
        assert one_of(said, Occasion(4, True)) == "p-1"
        assert one_of(said, Occasion(6, True)) == "p-2"
        assert one_of(said, Occasion(20, True)) is None


def test_a14_of_check_ins_that_began_together_the_one_made_last_holds():
    anna = Assignment(1, "check_in", None, "p-1", 0, 30)
    bob = Assignment(2, "check_in", None, "p-2", 0, 15)
    for said in ([anna, bob], [bob, anna]):
        assert one_of(said, Occasion(0, True)) == "p-2"
        assert one_of(said, Occasion(20, True)) is None
    assert one_of([anna], Occasion(20, True)) == "p-1"  # control


def test_a14_a_reading_whose_time_is_not_known_is_never_guessed_into_a_check_in():
    anna = Assignment(1, "check_in", None, "p-1", 0, OPEN)
    assert one_of([anna], Occasion(5, True)) == "p-1"  # control
    assert one_of([anna], Occasion(5, False)) is None


def test_a14_without_its_time_a_reading_is_its_slots_if_that_had_one_person_ever():
    one = Assignment(1, "slot", 1, "p-1", 0, OPEN)
    two = Assignment(2, "slot", 2, "p-2", 0, OPEN)
    later = Assignment(3, "slot", 1, "p-3", 100, OPEN)
    assert one_of([one, two], Occasion(5, False, 1)) == "p-1"
    assert one_of([one, two, later], Occasion(5, False, 1)) is None
    assert one_of([one, two, later], Occasion(5, True, 1)) == "p-1"
    assert one_of([one, two, later], Occasion(100, True, 1)) == "p-3"
    assert one_of([one, two], Occasion(5, True, 3)) is None
    assert one_of([one, two], Occasion(5, True, None)) is None


def test_a_slot_that_the_device_does_not_know_is_none():
    known = BloodPressure(t=5, sys=120, dia=80, user=1)
    assert occasion(known) == Occasion(5, True, 1)
    unknown = BloodPressure(t=5, sys=120, dia=80, user=255, q=("clock_unsynced",))
    assert occasion(unknown) == Occasion(5, False, None)
    assert occasion(BodyTemperature(t=5, temp=37)) == Occasion(5, True, None)
