"""Examples for the OpenAPI document."""

RECORD = {
    "subject": "p-1",
    "device": "strap-1",
    "kind": "heart_rate",
    "t": "2026-11-21T07:30:00.120Z",
    "received": "2026-11-21T07:30:00.131Z",
    "gateway": "gw-1",
    "seq": 812,
    "link": "open",
    "values": {"hr": 72.0, "rr": [832.0], "energy": None},
}
ALERT = {
    "id": "a-7f3c",
    "subject": "p-1",
    "condition": "heart_rate_high",
    "kind": "physiological",
    "priority": "high",
    "state": "unacknowledged",
    "since": "2026-11-21T07:30:00.000Z",
    "t": "2026-11-21T07:31:00.000Z",
    "value": 148.0,
    "unit": "/min",
    "evidence": {"limit": 120.0, "hold_s": 60.0},
    "acknowledged_by": None,
    "comment": None,
    "escalation": {},
}
DEVICE = {
    "subject": "p-1",
    "device": "strap-1",
    "t": "2026-11-21T07:30:00.000Z",
    "connected": True,
    "gateway": "gw-1",
    "name": "Strap 1",
    "battery": 81.0,
    "rssi": -61,
    "last": "2026-11-21T07:30:00.120Z",
    "off_body": False,
    "information": {"manufacturer": "Acme"},
    "malformed": 0,
    "reconnects": 2,
    "lost_frames": 3,
    "dropped": 0,
    "waiting": 0,
    "clock_ahead_ms": None,
}
GATEWAYS = {
    "items": [
        {
            "gateway": "gw-1",
            "online": True,
            "since": "2026-11-21T06:00:00.000Z",
            "t": "2026-11-21T07:30:00.000Z",
            "version": "0.1.0",
            "queued": 1,
            "waiting": 0,
            "dropped": 0,
            "malformed": 0,
            "disk": "",
            "problem": "",
            "adapter_resets": 0,
            "completeness": {"lost": 0, "given": 86400},
            "devices": [DEVICE],
        }
    ],
    "next": None,
}
PATIENT = {
    "subject": "p-1",
    "latest": [RECORD],
    "devices": [DEVICE],
    "adherence": None,
    "completeness": {"lost": 0, "given": 86400},
    "alerts": [ALERT],
}
PATIENTS = {
    "items": [
        {
            "subject": "p-1",
            "latest": "2026-11-21T07:30:00.120Z",
            "open_alerts": 1,
            "priority": "high",
            "name": "Wang Min",
        }
    ],
    "next": None,
}
TREND = {
    "metric": "heart_rate",
    "loinc": "8867-4",
    "unit": "/min",
    "points": [
        {
            "t": "2026-11-21T07:00:00.000Z",
            "min": 66.0,
            "mean": 71.4,
            "max": 79.0,
            "n": 60,
            "quality": 1.0,
        }
    ],
}
LIMITS = {
    "subject": "p-1",
    "limits": {"heart_rate": {"low": 45.0, "high": 120.0, "hold_s": 60.0}},
    "time_zone": "UTC",
    "by": "dr.chen",
    "t": "2026-11-21T07:00:00.000Z",
    "changes": [
        {
            "who": "dr.chen",
            "t": "2026-11-21T07:00:00.000Z",
            "old": {},
            "new": {"heart_rate": {"low": 45.0, "high": 120.0, "hold_s": 60.0}},
            "why": "beta-blocker started",
        }
    ],
}
TOKEN = {
    "access_token": "kX3…",
    "expires_in": 600,
    "token_type": "bearer",
    "refresh_token": "v9Q…",
}
HEALTH = {"status": "ready", "checks": {"broker": "ok", "store": "ok"}}
SESSION = {
    "id": "5f0c2ab91c7e44d0",
    "began": "2026-11-21T07:00:00.000Z",
    "expires": "2026-12-05T07:00:00.000Z",
    "agent": "ward-display/2",
    "current": True,
}
GRANT = {
    "id": "9f12ab04c3d7",
    "subject": "p-1",
    "label": "daughter",
    "holder": "mei",
    "metrics": ["heart_rate", "alerts"],
    "began": "2026-11-21T07:00:00.000Z",
    "expires": "2026-12-21T07:00:00.000Z",
    "revoked": None,
    "link": None,
}
INVITATION = GRANT | {"holder": None, "link": "/invite/kX3…"}
ENTRY = {
    "t": "2026-11-21T07:30:00.000Z",
    "who": "dr.chen",
    "role": "clinician",
    "deed": "read",
    "subject": "p-1",
    "what": "GET /api/v1/patients/{subject}/trends/heart_rate",
}
PERSON = {"name": "dr.chen", "role": "clinician", "subjects": ["p-1"]}
MADE = {"subject": "p-7kq2m9xa", "name": "Wang Min"}
