"""Whatever the OpenAPI document allows or forbids is answered as it says."""

from unittest import SkipTest

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from vitals import wire
from vitals.model import StageStatus
from vitals.wire import Message

schemathesis = pytest.importorskip("schemathesis")
from schemathesis.specs.openapi import checks  # noqa: E402

ENDLESS = {"/api/v1/events"}
CHECKS = (
    schemathesis.checks.not_a_server_error,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
)
WHO = (None, "wang", "dr.chen", "root")


def complaints(place, document, who, each):
    """Give what was answered otherwise than documented, and how often was asked."""
    alive = wire.encode(StageStatus(online=True, t=place.clock()))
    place.board.take(Message(wire.stage_topic("alerts"), alive))
    schema = schemathesis.openapi.from_dict(document)
    schema.app = place.app
    asked, found = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue
        for mode in schemathesis.GenerationMode:
            # One operation ends the session that asks.
            token = place.people.issue_token(who, 86_400) if who else ""
            headers = {"Authorization": f"Bearer {token}"} if who else {}

            @settings(
                max_examples=each,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case):
                nonlocal asked
                asked += 1
                case.headers.pop("Authorization", None)
                case.call_and_validate(headers=headers, checks=CHECKS)  # noqa: B023

            try:
                ask()
            except (SkipTest, Unsatisfiable):  # nothing in it can be wrong
                continue
            except BaseExceptionGroup as failures:
                found += [f"{operation.label}: {f}" for f in failures.exceptions]
    return found, asked


@pytest.mark.slow
@pytest.mark.parametrize("who", WHO)
def test_no_request_breaks_the_api_or_its_document(place, who):
    found, asked = complaints(place, place.app.openapi(), who, 2)
    assert not found, "\n".join(found)
    assert asked > 100


@pytest.mark.soak
@pytest.mark.parametrize("who", WHO)
def test_no_request_of_very_many_breaks_the_api_or_its_document(place, who):
    found, asked = complaints(place, place.app.openapi(), who, 200)
    assert not found, "\n".join(found)
    assert asked > 5000


@pytest.mark.slow
def test_an_answer_that_is_not_documented_is_found(place):
    document = place.app.openapi()
    path = "/api/v1/people"
    document = document | {"paths": {path: document["paths"][path]}}
    assert complaints(place, document, None, 2)[0] == []
    del document["paths"][path]["get"]["responses"]["401"]
    assert "401" in complaints(place, document, None, 2)[0][0]
