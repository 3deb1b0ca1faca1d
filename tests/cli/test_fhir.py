"""Records into a hospital's FHIR server: one on loopback with conditional create."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

import pytest

from ingest.store import open_store
from portal.fhir.bundles import transaction
from vitals import BloodPressure, HeartRate, Reading, config
from vitals.__main__ import main

T = 1_795_300_000_000
READINGS = [
    *(
        Reading("p-1", "strap-1", HeartRate(t=T + n * 1000, hr=70.0, rr=(850.0,)))
        for n in range(130)
    ),
    Reading(
        "p-1", "cuff-1", BloodPressure(t=T, sys=128.0, dia=82.0, device_t=T - 60_000)
    ),
    Reading("p-2", "cuff-1", BloodPressure(t=T, sys=150.0, dia=99.0)),
]


class Hospital(BaseHTTPRequestHandler):
    """A server that creates what it does not have, and resolves references."""

    def do_POST(self):
        server, length = self.server, int(self.headers["content-length"])
        if server.down:
            server.down -= 1
            self.answer(503, {"resourceType": "OperationOutcome", "issue": [BUSY]})
            return
        bundle = json.loads(self.rfile.read(length))
        assert bundle["type"] == "transaction"
        assert self.headers["content-type"] == "application/fhir+json"
        server.tokens.add(self.headers.get("authorization"))
        urls, entries = {}, []
        for entry in bundle["entry"]:
            resource, request = entry["resource"], entry["request"]
            asked = parse_qs(request["ifNoneExist"])["identifier"][0]
            system, _, value = asked.partition("|")
            assert {"system": system, "value": value} in resource["identifier"]
            key = request["url"], unquote(asked)
            known = key in server.resources
            if not known:
                server.resources[key] = f"{request['url']}/{len(server.resources)}"
                server.bodies[key] = resource
            urls[entry["fullUrl"]] = server.resources[key]
            for name in references(resource):
                assert name in urls or name.startswith(("Patient/", "#")), name
            entries.append({"response": {"status": "200" if known else "201 Created"}})
        self.answer(200, {"resourceType": "Bundle", "entry": entries})

    def answer(self, status, body):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


BUSY = {"severity": "error", "code": "transient", "diagnostics": "come back later"}


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("reference"), str):
            yield node["reference"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


@pytest.fixture
def hospital():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hospital)
    server.resources, server.bodies, server.tokens, server.down = {}, {}, set(), 0
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/fhir"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    store = open_store(config.Store(), folder)
    store.write(READINGS)
    store.close()
    return folder


def push(data, *options):
    return main(["fhir", "push", "--data", str(data), "--patient", "p-1", *options])


def kinds(hospital):
    found = [kind for kind, _ in hospital.resources]
    return {kind: found.count(kind) for kind in found}


def test_d2_a_push_may_be_repeated_and_creates_everything_once(data, hospital, capsys):
    assert push(data, "--url", hospital.url) == 0
    wanted = {"Patient": 1, "Device": 2, "Observation": 261}
    assert kinds(hospital) == wanted
    # The patient, and the strap, are named in every transaction.
    assert capsys.readouterr().out == "264 resources created, 2 were there already\n"
    assert push(data, "--url", hospital.url) == 0
    assert kinds(hospital) == wanted
    assert capsys.readouterr().out.startswith("0 resources created, 266 were")


def test_d10_a_measurement_that_came_by_another_gateway_is_not_created_again(
    data, hospital, tmp_path
):
    assert push(data, "--url", hospital.url, "--kind", "blood_pressure") == 0
    store = open_store(config.Store(), tmp_path / "other")
    again = BloodPressure(
        t=T + 7, gateway="gw-2", seq=3, sys=128.0, dia=82.0, device_t=T - 60_000
    )
    store.write([Reading("p-1", "cuff-1", again)])
    store.close()
    assert push(tmp_path / "other", "--url", hospital.url) == 0
    assert kinds(hospital)["Observation"] == 1


def test_what_came_by_two_gateways_is_one_entry_of_a_transaction():
    twice = [
        Reading(
            "p-1",
            "cuff-1",
            BloodPressure(
                t=T + n, gateway=f"gw-{n}", seq=3, sys=128.0, dia=82.0, device_t=T
            ),
        )
        for n in (1, 2)
    ]
    urls = [entry.full_url for entry in transaction(twice).entry]
    assert len(urls) == len(set(urls)) == 3


def test_only_what_is_asked_for_is_sent_to_the_patient_that_is_there(
    data, hospital, tmp_path
):
    secret = tmp_path / "token"
    secret.write_text("hush\n")
    options = ["--as", "Patient/mrn-7", "--token-file", str(secret)]
    options += ["--kind", "heart_rate", "--from", "2026-11-21T22:26:41Z"]
    options += ["--to", "2026-11-21T22:26:43Z"]
    assert push(data, "--url", hospital.url, *options) == 0
    assert kinds(hospital) == {"Device": 1, "Observation": 4}
    assert hospital.tokens == {"Bearer hush"}
    bodies = hospital.bodies.values()
    whose = [body.get("subject") or body["patient"] for body in bodies]
    assert whose == [{"reference": "Patient/mrn-7"}] * 5
    assert not [body for body in bodies if "id" in body]


def test_a_server_that_refuses_is_named_with_its_reason(data, hospital, capsys):
    hospital.down = 1
    assert push(data, "--url", hospital.url) == 1
    assert capsys.readouterr().err.endswith("answers 503: come back later\n")
    assert push(data, "--url", hospital.url) == 0
    for url, why in (
        ("http://127.0.0.1:9/", "refused"),
        ("ftp://x", "https://"),
    ):
        assert push(data, "--url", url) == 1
        assert why in capsys.readouterr().err


def test_a_token_does_not_go_over_plain_http(data, tmp_path, capsys):
    secret = tmp_path / "token"
    secret.write_text("hush\n")
    url = ["--url", "http://ehr.example/fhir", "--token-file", str(secret)]
    assert push(data, *url) == 1
    assert "only sent over https" in capsys.readouterr().err


def test_a_dry_run_prints_what_would_be_sent(data, capsys):
    assert push(data, "--dry-run") == 0
    bundles = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(bundles) == 2
    assert "p-2" not in str(bundles)
    (first, *_) = bundles[0]["entry"]
    assert first["fullUrl"].startswith("urn:uuid:")
    assert first["request"]["ifNoneExist"] == "identifier=urn%3Avitals%3Apatient%7Cp-1"


def test_an_export_in_fhir_is_ndjson_of_everybody(data, capsys):
    assert main(["export", "--data", str(data), "--format", "fhir"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    types = [one["resourceType"] for one in found]
    counts = {kind: types.count(kind) for kind in types}
    assert counts == {"Patient": 2, "Device": 3, "Observation": 262}
    assert types[:2] == ["Patient", "Device"]
