"""What ingest tells gateways releases what is stored of theirs, and nothing else."""

from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.flight import Flight
from gateway.notification import Row
from ingest.ledger import open_ledger
from ingest.numbers import Numbered, parted
from ingest.teller import RANGES, Teller, Word, committed
from vitals import wire
from vitals.model import Withdrawn

PEOPLE = ("p-1", "p-2", "p-3", "p-4")

# Whose the gateway's records are, in order of their numbers; in which order they come
# to ingest; and in between what somebody says who is not the gateway.
lives = st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=25).flatmap(
    lambda whose: st.tuples(
        st.just(whose),
        st.permutations(range(len(whose))),
        st.lists(
            st.tuples(
                st.integers(0, len(whose)),  # after so many
                st.sampled_from((*PEOPLE, "p-evil")),
                st.integers(1, len(whose) + 5),
            ),
            max_size=15,
        ),
        st.integers(1, 5),  # records in a batch
    )
)


def words(teller):
    return [wire.read(wire.Committed, m.payload) for m in teller._messages()]


def play(folder, life, hear):
    """Play a life; give what of the gateway's was released, and when too early."""
    whose, order, lies, size = life
    ledger, flight = open_ledger(folder), Flight()
    teller = Teller(None, ledger)
    topics = [wire.of(subject, "cuff", "blood_pressure") for subject in whose]
    rows = [Row(n + 1, "cuff", n + 1, topics[n], b"{}") for n in range(len(whose))]
    flight.depart(rows, 0.0)
    stored, released, early = set(), set(), set()
    by_time = defaultdict(list)
    for after, subject, seq in lies:
        # A false record of the right person is the gateway's own, for all we know.
        if seq > len(whose) or whose[seq - 1] != subject:
            by_time[after].append(Numbered("gw-1", "cuff", seq, subject))

    def keep(claims):
        teller.tell(ledger.keep(parted(claims)).granted)
        if len(released) % 3 == 0:
            teller.greet(["gw-1"])
        for word in words(teller):
            landed = set(hear(flight, word))
            early.update(landed - stored)
            released.update(landed)

    for begin in range(0, len(order), size):
        for after in range(begin, begin + size):
            keep(by_time[after])
        batch = order[begin : begin + size]
        stored.update(n + 1 for n in batch)
        keep([Numbered("gw-1", "cuff", n + 1, whose[n]) for n in batch])
    ledger.close()
    return released, early


@given(lives)
@settings(max_examples=150, deadline=None)
def test_a14_no_record_of_a_shared_device_stays_and_none_goes_before_it_is_stored(
    tmp_path_factory, life
):
    folder = tmp_path_factory.mktemp("ledger")
    released, early = play(folder, life, Flight.hear)
    assert released == set(range(1, len(life[0]) + 1))
    assert early == set()


def test_a_control_that_goes_by_numbers_alone_lets_a_record_go_too_early(tmp_path):
    def by_numbers(flight, word):
        return [n for d, ranges in word.devices.items() for n in flight.land(d, ranges)]

    life = ["p-1", "p-2"], [0, 1], [(1, "p-evil", 2)], 1
    assert play(tmp_path / "a", life, by_numbers)[1] == {2}
    assert play(tmp_path / "b", life, Flight.hear) == ({1, 2}, set())


def test_a14_what_is_withdrawn_of_a_shared_device_is_told_of_everybody(tmp_path, beat):
    ledger = open_ledger(tmp_path)
    teller = Teller(None, ledger)
    teller.withdrew([beat(1), beat(2, subject="p-2"), beat(9, device="strap-2")])
    (message,) = teller._messages()
    assert message.topic == wire.gateway_topic("gw-1", "withdrawn")
    told = wire.read(Withdrawn, message.payload)
    assert told.devices == {"strap-1": [(1, 2)], "strap-2": [(9, 9)]}
    ledger.close()


def test_long_promises_are_cut():
    some = {f"d-{n}": [(i, i) for i in range(1, 801, 2)] for n in range(6)}
    some["long"] = [(i, i) for i in range(1, 5001, 2)]
    found, whose, sizes = defaultdict(list), defaultdict(list), []
    told = [Word(device, ranges, {"p-1": ranges}) for device, ranges in some.items()]
    told.append(Word("old", [(1, 9)], None))
    told.append(Word("cuff", [(1, 9)], {"p-1": some["d-1"], "p-2": some["long"]}))
    for message in committed("gw-1", told):
        word = wire.read(wire.Committed, message.payload)
        sizes.append(sum(map(len, word.devices.values())))
        sizes += [sum(map(len, parts.values())) for parts in word.subjects.values()]
        for device, part in word.devices.items():
            found[device] += part
            assert (device in word.subjects) == (device != "old")
        for device, parts in word.subjects.items():
            for subject, part in parts.items():
                whose[device, subject] += part
    assert found == some | {"old": [(1, 9)], "cuff": [(1, 9)]}
    expected = {(device, "p-1"): ranges for device, ranges in some.items()}
    expected |= {("cuff", "p-1"): some["d-1"], ("cuff", "p-2"): some["long"]}
    assert whose == expected
    assert max(sizes) <= RANGES
