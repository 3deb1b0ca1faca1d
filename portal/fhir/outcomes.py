"""What went wrong, as FHIR says it."""

from http import HTTPStatus

from portal.fhir.resources import Issue, OperationOutcome, encode

MEDIA_TYPE = "application/fhir+json"
ROOT = "/fhir/"
CODES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    409: "conflict",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    503: "transient",
}


def outcome(status: int, detail: str) -> bytes:
    """Write what went wrong; the code says which kind of thing."""
    code = CODES.get(status, "exception" if status >= 500 else "processing")
    text = detail or HTTPStatus(status).phrase
    issue = Issue(severity="error", code=code, diagnostics=text)
    return encode(OperationOutcome(issue=(issue,)))
