"""Every number and choice of the desk that a clinician may argue with, as data.

The marks are CLINICAL's: SEEN in a source, MEM from memory, OURS an engineering choice.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from vitals.model import Alert, Anomaly, Priority

# condition (the first match counts), priority, why
PRIORITIES: tuple[tuple[str, Priority, str], ...] = (
    ("heart_rate_high", "high", "NEWS2: 131 and above alone scores 3 (SEEN)"),
    ("heart_rate_low", "high", "NEWS2: 40 and below alone scores 3 (SEEN)"),
    ("pulse_high", "high", "as heart_rate_high, counted by a cuff"),
    ("pulse_low", "high", "as heart_rate_low, counted by a cuff"),
    ("systolic_high", "high", "hypertensive crisis, heart.org (SEEN)"),
    ("diastolic_high", "high", "hypertensive crisis, heart.org (SEEN)"),
    ("blood_pressure_crisis", "high", "180/120 twice, or not again, heart.org (SEEN)"),
    ("blood_pressure_crisis_pending", "low", "one reading: measure again (SEEN)"),
    ("exercise_pressure_high", "high", "stop the session, PMC10847087 (SEEN)"),
    ("exercise_hypotension", "high", "stop the session, PMC10847087 (SEEN)"),
    ("exercise_start_pressure_high", "medium", "do not start the session (SEEN); OURS"),
    ("orthostatic_hypotension", "medium", "20/10 on standing up (MEM); OURS"),
    ("fever", "low", "by site; the limit at 38.5 is medium (OURS)"),
    ("systolic_low", "medium", "NEWS2: 100 and below scores 2 (SEEN); OURS"),
    ("oxygen_saturation_low", "high", "NEWS2: 91 and below alone scores 3 (SEEN)"),
    ("glucose_low", "high", "hypoglycaemia harms within minutes (MEM)"),
    ("body_temperature_high", "medium", "NEWS2: 39.1 and above scores 2 (SEEN)"),
    ("body_temperature_low", "medium", "NEWS2: 35.0 and below scores 3 (SEEN); OURS"),
    ("session_limit", "high", "beyond it exercise is to be stopped, ACSM (SEEN)"),
    ("session_signal_lost", "medium", "who cannot be heard should stop, ACSM (SEEN)"),
    ("session_summary", "low", "a notice, over when it is told (OURS)"),
    ("heart_rate_recovery_slow", "low", "12 and less in a minute is abnormal (MEM)"),
    ("*_forecast_*", "low", "nothing has happened yet (OURS)"),
    ("*ing_fast", "low", "within the limits (OURS)"),
    ("*_unusual", "low", "unlike this person, within the limits (OURS)"),
    ("measurement_missed", "low", "the patient mends it by measuring (OURS)"),
    ("measurement_unusable", "low", "the patient mends it by repeating it (OURS)"),
    ("*battery_critical", "medium", "battery 10 % and below (OURS)"),
    ("*battery*", "low", "battery 20 % and below (OURS)"),
    ("*off_body", "low", "the patient mends it by putting it on (OURS)"),
    ("stage_silent", "high", "nobody detects or stores anything (OURS)"),
    ("*silent", "low", "whoever takes a strap off is not ill (OURS)"),
    ("delivery_failing", "medium", "alerts do not reach who should act (OURS)"),
    ("ledger_cut", "medium", "who is told may have been changed unseen (OURS)"),
    ("test_alarm", "low", "nobody is ill (OURS)"),
    ("gateway_*", "medium", "all its wearables are silent with it (OURS)"),
    ("device_*", "low", "technical (OURS)"),
)
# condition, what its evidence says, priority instead, why
BY_EVIDENCE: tuple[tuple[str, str, Priority, str], ...] = (
    ("device_silent", "expected", "medium", "the plan counts on it (OURS)"),
)
OTHERWISE: dict[str, Priority] = {"physiological": "medium", "technical": "low"}

RANK: dict[Priority, int] = {"low": 0, "medium": 1, "high": 2}

# The kinds and priorities that stay until somebody has seen them (OURS, CLINICAL 5).
LATCHING = frozenset([("physiological", "high"), ("physiological", "medium")])

# priority: minutes of a snooze that names none, and the longest one (OURS)
SNOOZE_MINUTES: dict[Priority, tuple[int, int]] = {
    "high": (15, 30),
    "medium": (60, 120),
    "low": (120, 480),
}

# metric: how far beyond what people know of is much worse, in its unit (OURS)
WORSE_BY: dict[str, float] = {
    "heart_rate": 20,
    "pulse": 20,
    "systolic": 20,
    "diastolic": 10,
    "mean_arterial_pressure": 15,
    "body_temperature": 1,
    "oxygen_saturation": 4,
    "glucose": 3,
    "blood_pressure_crisis": 20,  # of its systolic
    "decline": 2,  # points
}

LATE_MS = 15 * 60_000  # older evidence is recorded and wakes nobody (OURS)
# After the clock was set right, what was stamped before still comes in (OURS).
STEPPED_MS = 60_000

# What came late and is still heard this long afterwards, by our own clock, is no old
# story: the gateway's clock is slow, or its link.  It is told after all (OURS).
STILL_MS = 60_000
UNENDED_MS = 24 * 3_600_000  # that we wait for more of what came late (OURS)

# An acknowledgement expires while an alert is heard of, and so long afterwards (OURS):
# a cuff that is not used again leaves its last word standing for weeks.
STALE_MS = 24 * 3_600_000

# What begins together for one patient within this time is told together (OURS).
TOGETHER_MS = 3000

# An alert of the first kind mutes those of the second about one cause (CLINICAL 5).
INHIBITS = {"gateway_offline": ("device_silent",)}
DOWN_MS = 10_000  # without a gateway, before it counts as down (OURS)
BACK_MS = 30_000  # that its devices get to be found again once it is back (OURS)
# Maintenance of a device has an end, at most so far away (OURS).
SERVICE_MS = 7 * 24 * 3_600_000

# A technical alert that nothing was heard of for this long closes when somebody sees
# it: the device may never speak again.  It opens again when it is heard of (OURS).
ABANDONED_MS = 3_600_000


def priority(anomaly: Anomaly, own: Mapping[str, Priority]) -> Priority:
    """Give the priority of a condition: the operator's own, else the table's.

    One reading that no second has confirmed yet asks for it, and calls nobody.
    """
    if anomaly.evidence.get("confirmed") is False:
        return "low"
    return own.get(anomaly.condition) or _usual(anomaly)


def _usual(anomaly: Anomaly) -> Priority:
    """Give the priority by the tables."""
    condition = anomaly.condition
    for pattern, key, found, _ in BY_EVIDENCE:
        if fnmatchcase(condition, pattern) and anomaly.evidence.get(key) is True:
            return found
    for pattern, found, _ in PRIORITIES:
        if fnmatchcase(condition, pattern):
            return found
    return OTHERWISE[anomaly.kind]


def latches(alert: Alert) -> bool:
    """Tell whether the alert stays after its anomaly is over, until it is seen."""
    return (alert.kind, alert.priority) in LATCHING


def snooze_ms(priority: Priority, minutes: int | None) -> int:
    """Give the length of a snooze; never longer than asked, never beyond the bound."""
    usual, longest = SNOOZE_MINUTES[priority]
    return min(minutes or usual, longest) * 60_000


def much_worse(condition: str, told: float | None, value: float | None) -> bool:
    """Tell whether a value has moved far beyond the one that people know of.

    >>> much_worse("systolic_high", 182, 205), much_worse("systolic_low", 88, 95)
    (True, False)
    >>> much_worse("heart_rate_unusual", 100, 75)  # unusual is so both ways
    True
    """
    metric, _, direction = condition.rpartition("_")
    step = WORSE_BY.get(condition, WORSE_BY.get(metric))
    if step is None or told is None or value is None:
        return False
    further = {"low": told - value, "unusual": abs(value - told)}
    return further.get(direction, value - told) >= step
