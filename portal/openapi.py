"""The OpenAPI document: FastAPI's, with the schemas of what we really send."""

from typing import Any

import msgspec
from fastapi import FastAPI

from portal import people_views, views
from portal.problems import MEDIA_TYPE
from portal.routes.answers import WHY
from portal.routes.deliveries import DeliveryList

DESCRIPTION = """
Vital signs of patients at home: newest values, trends, raw records, alerts.

**This is no emergency service.** Log in with `POST /api/v1/token` and send the token
as `Authorization: Bearer …`. Times are RFC 3339 UTC with milliseconds, in and out.
Lists are `{"items": […], "next": cursor or null}`. Errors are RFC 9457 problem
details. You see yourself, the patients assigned to you, and of others what they
share with you; everybody else does not exist (404).
"""


NOUNS = (*views.NOUNS, *people_views.NOUNS)
UNREADABLE = "The body is not what its content type says"


def install(app: FastAPI) -> None:
    """Let the application describe itself with our nouns."""
    framework = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _ours(framework())
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _ours(document: dict[str, Any]) -> dict[str, Any]:
    """Add our structs, and let every 422 be the problem that it is."""
    template = "#/components/schemas/{name}"
    _, schemas = msgspec.json.schema_components(
        (*NOUNS, DeliveryList), ref_template=template
    )
    known = document.setdefault("components", {}).setdefault("schemas", {})
    known.update(schemas)
    for unused in ("HTTPValidationError", "ValidationError"):
        known.pop(unused, None)
    for path in document["paths"].values():
        for operation in path.values():
            if "requestBody" in operation:
                operation["responses"].setdefault("400", {"description": UNREADABLE})
                operation["responses"].setdefault("413", {"description": WHY[413]})
            _problems(operation["responses"])
    return document


def _problems(responses: dict[str, Any]) -> None:
    """Replace the framework's own error schema by ours."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    for status, response in responses.items():
        if status.startswith("4"):
            response["content"] = {MEDIA_TYPE: {"schema": schema}}
