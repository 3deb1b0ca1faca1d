"""A record as FHIR has it: codes, units, times, what is missing and why."""

from hypothesis import given
from msgspec import json
from msgspec.structs import replace

from gateway.decode import Circumstance, decode
from portal.fhir import terms
from portal.fhir.identity import ID, place, record_id, subject_of
from portal.fhir.observations import identifier, observations
from portal.fhir.resources import encode
from tests import strategies
from vitals.codes import Flag
from vitals.gatt import blood_pressure
from vitals.model import (
    BloodPressure,
    BodyTemperature,
    HeartRate,
    OxygenSaturation,
    Reading,
)

T = 1_795_300_000_007
NAN_FRAME = bytes.fromhex("16ff07ff07ff07e80706170e230aff070000")
UCUM_OF_VITAL_SIGNS = {"%", "Cel", "mm[Hg]", "/min"}  # of them that we use
R4 = "http://hl7.org/fhir/StructureDefinition/"


def shown(record, device="d-1"):
    """Give the Observations of a record by part, as JSON."""
    reading = Reading("p-1", device, record)
    found = [json.decode(encode(one)) for one in observations(reading)]
    return {one["id"].partition("-")[0]: one for one in found}


def codes(concept):
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def test_d1_a_heart_rate_is_in_beats_per_minute_by_ucum():
    found = shown(HeartRate(t=T, received=T + 100, gateway="gw", seq=7, hr=72.0))["hr"]
    assert found["meta"]["profile"] == [f"{R4}heartrate"]
    assert codes(found["code"]) == {("http://loinc.org", "8867-4")}
    assert found["valueQuantity"] == {
        "value": 72,
        "unit": "/min",
        "system": "http://unitsofmeasure.org",
        "code": "/min",
    }
    assert found["effectiveDateTime"] == "2026-11-21T22:26:40.007Z"
    assert found["issued"] == "2026-11-21T22:26:40.107Z"
    assert found["subject"] == {"reference": "Patient/p-1"}
    assert "dataAbsentReason" not in found


def test_d1_a_blood_pressure_is_a_panel_without_a_value_of_its_own():
    record = BloodPressure(t=T, sys=128.0, dia=82.5, map=97.0, pulse=71.0)
    found = shown(record)
    panel = found["bp"]
    assert panel["meta"]["profile"] == [f"{R4}bp"]
    assert ("http://loinc.org", "85354-9") in codes(panel["code"])
    assert not [key for key in panel if key.startswith("value")]
    values = {
        c["code"]["coding"][0]["code"]: c["valueQuantity"] for c in panel["component"]
    }
    assert {k: v["value"] for k, v in values.items()} == {
        "8480-6": 128,
        "8462-4": 82.5,
        "8478-0": 97,
    }
    assert {v["code"] for v in values.values()} == {"mm[Hg]"}


def test_the_pulse_of_a_cuff_is_a_heart_rate_of_its_own():
    found = shown(BloodPressure(t=T, sys=128.0, dia=82.0, pulse=71.0))["pr"]
    assert ("http://loinc.org", "8867-4") in codes(found["code"])
    assert ("urn:iso:std:iso:11073:10101", "149546") in codes(found["code"])
    assert found["valueQuantity"]["code"] == "/min"
    assert "pr" not in shown(BloodPressure(t=T, sys=128.0, dia=82.0))


def test_rr_intervals_are_no_vital_sign():
    found = shown(HeartRate(t=T, hr=72.0, rr=(812.5, 790.0)))["rr"]
    assert "profile" not in found["meta"]
    assert found["category"][0]["coding"][0]["code"] == "procedure"
    data = found["valueSampledData"]
    assert (data["data"], data["origin"]["code"]) == ("812.5 790", "ms")
    assert data["period"] == 801.25


def test_every_vital_sign_has_a_unit_that_vital_signs_may_have():
    for name, part in terms.PARTS.items():
        vital = part.category == "vital-signs"
        assert (part.ucum in UCUM_OF_VITAL_SIGNS) == vital, name
        assert bool(part.profile) == vital, name


def test_a_temperature_says_where_it_was_taken():
    found = shown(BodyTemperature(t=T, temp=37.2, site="armpit"))["bt"]
    assert codes(found["bodySite"]) == {
        ("http://snomed.info/sct", "422543003"),
        ("urn:iso:std:iso:11073:10101", "188452"),
    }
    assert found["valueQuantity"]["code"] == "Cel"
    assert "bodySite" not in shown(BodyTemperature(t=T, temp=37.2))["bt"]


def test_an_oxygen_saturation_has_both_codes_that_hospitals_ask_for():
    found = shown(OxygenSaturation(t=T, spo2=97.0, pulse=70.0))
    loinc = {c for s, c in codes(found["ox"]["code"]) if s == "http://loinc.org"}
    assert loinc == {"2708-6", "59408-5"}
    assert found["op"]["valueQuantity"]["value"] == 70


def test_a_cuff_that_read_nothing_is_not_a_number_all_the_way():
    here = Circumstance(received=T)
    record = decode(blood_pressure.MEASUREMENT, NAN_FRAME, here)
    found = shown(record)["bp"]
    reasons = [c["dataAbsentReason"] for c in found["component"]]
    assert len(reasons) == 2
    for reason in (*reasons, found["dataAbsentReason"]):
        assert codes(reason) == {(terms.ABSENT, "not-a-number")}
    assert not [c for c in found["component"] if "valueQuantity" in c]
    assert "2047" not in str(found)


def test_what_is_missing_says_why():
    off = shown(HeartRate(t=T, hr=None, q=("off_body",)))["hr"]
    assert codes(off["dataAbsentReason"]) == {(terms.ABSENT, "not-performed")}
    silent = shown(HeartRate(t=T, hr=None))["hr"]
    assert codes(silent["dataAbsentReason"]) == {(terms.ABSENT, "unknown")}
    half = shown(BloodPressure(t=T, sys=128.0, dia=None, q=("reserved",)))["bp"]
    assert "dataAbsentReason" not in half
    assert codes(half["component"][1]["dataAbsentReason"]) == {(terms.ABSENT, "error")}


def test_a_number_under_doubt_says_so_and_keeps_its_flags():
    found = shown(BloodPressure(t=T, sys=128.0, dia=82.0, q=("motion", "late")))["bp"]
    assert codes(found["interpretation"][0]) == {(terms.INTERPRETATION, "QCF")}
    assert [tag["code"] for tag in found["meta"]["tag"]] == ["motion", "late"]
    good = shown(BloodPressure(t=T, sys=128.0, dia=82.0, q=("late",)))["bp"]
    assert "interpretation" not in good


def test_d2_both_times_are_kept():
    record = BloodPressure(t=T, sys=128.0, dia=82.0, device_t=T - 360_000)
    found = shown(record)["bp"]
    assert found["effectiveDateTime"] == "2026-11-21T22:26:40.007Z"
    (clock,) = found["contained"]
    assert clock["valueDateTime"] == "2026-11-21T22:20:40.007Z"
    assert clock["effectiveDateTime"] == found["effectiveDateTime"]
    assert found["extension"][0]["valueReference"] == {"reference": f"#{clock['id']}"}
    without = shown(BloodPressure(t=T, sys=128.0, dia=82.0))["bp"]
    assert not {"contained", "extension"} & without.keys()


def test_d2_the_same_measurement_sent_again_has_the_same_identifier():
    first = BloodPressure(
        t=T, gateway="gw-1", seq=4, sys=128.0, dia=82.0, device_t=T - 9000
    )
    # Another gateway, another number, and a clock that was corrected otherwise.
    again = replace(first, t=T + 5, gateway="gw-2", seq=9)
    other = replace(first, device_t=T - 8000)
    names = [
        identifier("bp", Reading("p-1", "cuff-1", record)).value
        for record in (first, again, other)
    ]
    assert names[0] == names[1] != names[2]


def test_the_id_of_a_record_is_its_own():
    record = HeartRate(t=T, gateway="gw-1", seq=4, hr=72.0)
    base = Reading("p-1", "strap-1", record)
    others = [
        Reading("p-2", "strap-1", record),
        Reading("p-1", "strap-2", record),
        Reading("p-1", "strap-1", replace(record, seq=5)),
        Reading("p-1", "strap-1", replace(record, gateway="gw-2")),
        Reading("p-1", "strap-1", replace(record, gateway=None, seq=None)),
        Reading("p-1", "strap-1", replace(record, gateway=None, seq=None, hr=73.0)),
    ]
    assert len({record_id(reading) for reading in (base, *others)}) == 7
    # What a store may say otherwise on another day does not change it.
    assert record_id(Reading("p-1", "strap-1", replace(record, hr=73.0))) == record_id(
        base
    )


@given(strategies.readings)
def test_whatever_was_stored_can_be_written(reading):
    known = set()
    for one in observations(reading):
        known.add(one.id)
        assert ID.fullmatch(one.id)
        assert place(one.id).t == reading.record.t
        written = json.decode(encode(one))
        assert subject_of(written["subject"]["reference"][8:]) == reading.subject
        if one.value_quantity is None and one.value_sampled_data is None:
            assert one.component or one.data_absent_reason
    assert len(known) == len(list(observations(reading)))


def test_every_flag_that_can_leave_a_value_out_has_a_reason():
    harmless = {Flag.IRREGULAR_PULSE, Flag.CLOCK_UNSYNCED, Flag.LATE}
    assert set(Flag) == set(terms.REASONS) | harmless
