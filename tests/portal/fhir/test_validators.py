"""Two validators that somebody else wrote, on everything that we emit."""

import asyncio
import copy
import json
import subprocess
from pathlib import Path
from shutil import which

import pytest

from portal.fhir.bundles import transaction
from portal.fhir.resources import encode
from portal.fhir.subscriptions import Subscription, notification, shown
from portal.people import Change
from tests.portal.test_service import served
from vitals.codes import SITES, Flag
from vitals.model import (
    BloodPressure,
    BodyTemperature,
    DeviceStatus,
    Glucose,
    HeartRate,
    Limit,
    OxygenSaturation,
    Plan,
)
from vitals.wire import of

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[2] / "validators"
INSTALLED = Path(__file__).parents[3] / ".cache" / "validators"
PYROFILE = INSTALLED / "pyrofile" / "bin" / "python"
PROFILES = {
    "http://hl7.org/fhir/StructureDefinition/heartrate",
    "http://hl7.org/fhir/StructureDefinition/bodytemp",
    "http://hl7.org/fhir/StructureDefinition/oxygensat",
    "http://hl7.org/fhir/us/core/StructureDefinition/us-core-blood-pressure",
}
MISTAKEN = {  # pyrofile knows extensions of a primitive at the top of a resource only
    "Subscription.channel._payload: Unknown element Subscription.channel._payload"
}
QUESTIONS = (
    "Patient",
    "Device",
    "Observation?_count=1000",
    "Observation?_count=3&_sort=date",
    "Observation/$lastn?patient=p-1&category=vital-signs",
    "DetectedIssue",
    "AuditEvent",
    "Medication",
    "metadata",
)


@pytest.fixture
def pyrofile():
    if not PYROFILE.exists():
        pytest.skip("no pyrofile-validator: sh tests/validators/install.sh")

    def run(*arguments, text=""):
        command = [PYROFILE, HERE / "pyrofile_check.py", *arguments]
        return said(command, text)

    return run


@pytest.fixture
def medplum():
    if not which("node") or not (INSTALLED / "node_modules").exists():
        pytest.skip("no Node, or no Medplum: sh tests/validators/install.sh")
    return lambda text: said(["node", HERE / "medplum.mjs", INSTALLED], text)


def said(command, text):
    """Run a validator; give its lines."""
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def records(now):
    """Every kind of record, every flag, every site; values and lacks of them."""
    yield "strap-1", HeartRate(t=now, gateway="gw", seq=1, hr=61.0, rr=(980.5, 991.0))
    for n, flag in enumerate(Flag):
        q, t = (flag.value,), now - 1000 * (n + 1)
        yield "strap-1", HeartRate(t=t, hr=None, q=q)
        yield (
            "cuff-1",
            BloodPressure(t=t, sys=None, dia=None, q=q, device_t=t - 360_000),
        )
        yield "cuff-2", BloodPressure(t=t, sys=128.5, dia=82.0, pulse=70.0, q=q)
        yield "ox-1", OxygenSaturation(t=t, spo2=None, pulse=66.0, q=q)
    for n, site in enumerate((None, *SITES)):
        yield "patch-1", BodyTemperature(t=now - n, temp=37.25, site=site)
    yield "ox-1", OxygenSaturation(t=now, spo2=97.0)
    yield "cuff-1", BloodPressure(t=now, sys=128.0, dia=82.0, map=97.0, user=1)
    yield "meter-1", Glucose(t=now, glucose=5.4)
    yield "meter-1", Glucose(t=now - 1, glucose=None, q=("out_of_range",))


async def everything(place, story):
    """Give all that the portal can say of a patient with all kinds of records."""
    readings = [
        story.reading("p-1", record, device) for device, record in records(story.NOW)
    ]
    place.store.write(readings)
    plan = Plan(limits={"heart_rate": Limit(45, 120)})
    place.people.log_plan(Change("p-1", "dr.chen", story.NOW, Plan(), plan, "usual"))
    facts = {"manufacturer": "Acme", "model": "S", "serial": "7", "firmware": "1.2"}
    status = DeviceStatus(
        t=story.NOW, connected=True, name="Strap", battery=80, information=facts
    )
    asked = Subscription(
        id="s-1",
        owner="dr.chen",
        base="http://portal/fhir",
        endpoint="https://ehr.example/in",
        subject="p-1",
        reason="ward 7",
        end=story.NOW,
    )
    found = [
        json.loads(encode(transaction(readings))),
        shown(asked),
        notification(asked, 0, "", story.NOW),
        notification(asked, 3, "e1", story.NOW),
    ]
    async with place.open(), place.client("dr.chen") as client:
        await place.say(status, of("p-1", "strap-1", "status"), retain=True)
        await story.until(lambda: place.board.devices("p-1"))
        await place.raise_alert()
        await place.say_acknowledged("e1")
        for question in QUESTIONS:
            found.append((await client.get(f"/fhir/{question}")).json())
        for entry in found[6]["entry"][:3]:
            url = f"{entry['fullUrl']}/_history"
            found.append((await client.get(url)).json())
    parts = [e["resource"] for one in found for e in one.get("entry", ())]
    return [*found, *parts]


@pytest.fixture
def emitted(place, story):
    return asyncio.run(everything(place, story))


def lines(resources):
    return "".join(json.dumps(one) + "\n" for one in resources)


def first(resources, profile):
    """Give a copy of the first resource with a value that claims a profile."""
    return copy.deepcopy(
        next(
            one
            for one in resources
            if "valueQuantity" in one
            and f"http://hl7.org/fhir/StructureDefinition/{profile}"
            in one["meta"].get("profile", ())
        )
    )


def test_d1_pyrofile_finds_nothing_wrong_with_anything_we_emit(emitted, pyrofile):
    types = {one["resourceType"] for one in emitted}
    assert types >= {"CapabilityStatement", "OperationOutcome", "Bundle", "Device"}
    spoilt = first(emitted, "heartrate") | {"status": "finall"}
    *findings, control = pyrofile("resources", text=lines([*emitted, spoilt]))
    wrong = [
        (one["resourceType"], one.get("id"), found)
        for one, found in zip(emitted, findings, strict=True)
        if set(found) - MISTAKEN
    ]
    assert not wrong
    assert control, "it does not find what is wrong"


def test_d1_medplum_finds_nothing_wrong_by_the_profiles(emitted, medplum):
    uncategorised = first(emitted, "heartrate")
    del uncategorised["category"]
    findings = medplum(lines([*emitted, uncategorised]))
    *answers, control = findings
    assert not [
        (one["resourceType"], one.get("id"), answer["wrong"])
        for one, answer in zip(emitted, answers, strict=True)
        if answer["wrong"] or not answer["known"]
    ]
    assert {answer["held"] for answer in answers} == {None, *PROFILES}
    assert control["wrong"], "it does not find what is wrong"


def test_pyrofiles_tests_of_a_fhir_server_pass(new_place, story, pyrofile):
    now = new_place.clock()
    record = BloodPressure(t=now - 9000, sys=128.0, dia=82.0)
    new_place.store.write([story.reading("p-1", record, "cuff-1")])

    async def main():
        async with served(new_place) as (url, _), new_place.client("wang") as client:
            page = (await client.get("/fhir/Observation")).json()
            name = page["entry"][0]["resource"]["id"]
            token = new_place.people.issue_token("wang")
            return await asyncio.to_thread(
                pyrofile, "api", f"{url}/fhir", token, "Observation", name
            )

    results = asyncio.run(main())
    assert len(results) == 8
    assert not [one for one in results if one[1] != "PASS"]
