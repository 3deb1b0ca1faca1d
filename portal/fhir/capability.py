"""What this server can do, in FHIR's and in SMART's words.  Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from portal.fhir.shelves import Shelf
from vitals import __version__

Json = dict[str, Any]
DATE = "2026-11-26"  # when this statement was last changed
PROFILES = {
    "Observation": [
        f"http://hl7.org/fhir/StructureDefinition/{name}"
        for name in ("heartrate", "bp", "bodytemp", "oxygensat")
    ]
}
OPERATIONS = {
    "Observation": [
        ("lastn", "http://hl7.org/fhir/OperationDefinition/Observation-lastn")
    ],
    "Patient": [
        (
            "export",
            "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
        )
    ],
}
_TEXT = (
    "Log in by POST /api/v1/token and send the token as `Authorization: Bearer`. You"
    " see yourself, or the patients who are assigned to you; others do not exist."
)
SCOPES = [
    f"{level}/{kind}.rs"
    for level in ("patient", "user")
    for kind in ("Patient", "Observation", "Device", "DetectedIssue", "AuditEvent")
]


def statement(base: str, shelves: Mapping[str, Shelf], more: Iterable[Json]) -> Json:
    """Give the CapabilityStatement; `more` are resources that are not on a shelf."""
    resources = [_resource(name, shelf) for name, shelf in shelves.items()]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Vitals", "version": __version__},
        "implementation": {
            "description": "Vital signs of patients at home; no emergency service",
            "url": base,
        },
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": False, "description": _TEXT},
                "resource": [*resources, *more],
            }
        ],
    }


def smart(origin: str) -> Json:
    """Give the SMART configuration: what there is of it."""
    return {
        "issuer": f"{origin}/fhir",
        "token_endpoint": f"{origin}/api/v1/token",
        "grant_types_supported": ["password"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": SCOPES,
        "response_types_supported": [],
        "capabilities": ["permission-patient", "permission-user"],
    }


def _resource(name: str, shelf: Shelf) -> Json:
    found: Json = {
        "type": name,
        "interaction": [
            {"code": code}
            for code in ("read", "vread", "history-instance", "search-type")
        ],
        "versioning": "versioned",
        "readHistory": False,
        "searchParam": [
            {"name": parameter, "type": kind}
            for parameter, kind in {"_id": "token", **shelf.parameters}.items()
            if parameter != "_sort"
        ],
    }
    if profiles := PROFILES.get(name):
        found["supportedProfile"] = profiles
    if operations := OPERATIONS.get(name):
        found["operation"] = [
            {"name": operation, "definition": url} for operation, url in operations
        ]
    return found
