"""Every word that a page says, in one place per language.

A language is complete or it is not offered: a test compares the keys.
"""

from vitals import phrases
from vitals.codes import Flag, Kind, Metric
from vitals.model import Priority, State

ENGLISH = {
    "emergency": "This page is not an emergency service.",
    "emergency.call": "If you feel unwell, call your emergency number:"
    " 120, 112 or 911.",
    "log_in": "Log in",
    "log_in.lead": "Vital signs from home, for you and your care team.",
    "log_out": "Log out",
    "name": "Name",
    "password": "Password",
    "hello.morning": "Good morning",
    "hello.day": "Good afternoon",
    "hello.evening": "Good evening",
    "today": "Today",
    "worklist": "Worklist",
    "patients": "Patients",
    "patient": "Patient",
    "back": "Back to the worklist",
    "alerts": "Alerts",
    "alerts.none": "No open alerts",
    "alerts.calm": "Nothing needs your attention.",
    "alerts.unseen": "Waiting for you",
    "alerts.seen": "In care",
    "alerts.past": "Earlier",
    "open": "open",
    "unseen": "unseen",
    "devices": "Devices",
    "devices.none": "No device has reported yet.",
    "connected": "connected",
    "away": "not connected",
    "off_body": "not worn",
    "worn": "worn",
    "battery_level": "battery",
    "readings.none": "No readings yet. They appear here by themselves.",
    "no_value": "no value",
    "stale": "old reading",
    "acknowledge": "Acknowledge",
    "snooze": "Snooze 15 min",
    "comment": "Comment (optional)",
    "more": "More",
    "handover": "Hand over",
    "handover.to": "Hand over to…",
    "false_alarm": "False alarm",
    "for": "for",
    "since": "since",
    "until": "until",
    "seen_by": "seen by",
    "care_team_told": "Your care team has been told.",
    "care_team_seen": "Your care team has seen this.",
    "gateways.away": "gateway without contact",
    "fleet": "Gateways",
    "fleet.none": "No gateway has reported yet.",
    "fleet.nobody": "None of your patients' wearables is read here.",
    "fleet.online": "online",
    "fleet.last_word": "last word",
    "fleet.last_reading": "last reading",
    "fleet.no_reading": "no reading yet",
    "fleet.signal": "signal",
    "fleet.waiting": "{n} readings of unknown persons",
    "fleet.reconnects": "{n} reconnections",
    "fleet.malformed": "{n} malformed",
    "fleet.lost_frames": "{n} frames lost on the air",
    "fleet.lost": "{n} readings lost",
    "fleet.ahead": "clock {time} ahead",
    "fleet.behind": "clock {time} behind",
    "fleet.complete": "lost",
    "fleet.complete.of": "{lost} of {given}",
    "fleet.count.queued": "queued",
    "fleet.count.waiting": "unassigned",
    "fleet.count.dropped": "dropped",
    "fleet.count.malformed": "malformed",
    "fleet.count.adapter_resets": "radio resets",
    "live.off": "Not live at the moment. What you see may be old; trying again…",
    "blind.bus": "The message broker is away. New alerts may be missing here.",
    "blind.book": "The open alerts could not be read yet. Alerts may be missing here.",
    "blind.engine": "A part that watches or alerts is silent. Alerts may be missing.",
    "blind.alerts": "Whether there are open alerts is not known at the moment.",
    "alert.new": "The list of alerts has changed",
    "chart.none": "No readings in this time.",
    "chart.lowest": "lowest",
    "chart.mean": "mean",
    "chart.highest": "highest",
    "chart.limit": "limit",
    "chart.times": "Times in",
    "span": "Time span",
    "span.1h": "1 hour",
    "span.24h": "24 hours",
    "span.7d": "7 days",
    "span.30d": "30 days",
    "trend.rising": "rising",
    "trend.falling": "falling",
    "trend.steady": "steady",
    "ago.now": "just now",
    "ago.ahead": "from a clock that is wrong",
    "ago.minutes": "{n} min ago",
    "ago.hours": "{n} h ago",
    "ago.days": "{n} days ago",
    "error.404": "We cannot find this page",
    "error.401": "Please log in",
    "error.other": "That did not work",
    "error.home": "Go to the start page",
    "admin": "Accounts",
    "admin.lead": "Accounts are kept on the command line:"
    " vitals user add, list, passwd.",
    "skip": "Skip to the content",
    # kinds and metrics
    Kind.HEART_RATE: "Heart rate",
    Kind.BLOOD_PRESSURE: "Blood pressure",
    Kind.BODY_TEMPERATURE: "Temperature",
    Kind.OXYGEN_SATURATION: "Oxygen",
    Kind.GLUCOSE: "Glucose",
    Kind.BATTERY: "Battery",
    **{f"metric.{m.value}": m.value.replace("_", " ").capitalize() for m in Metric},
    # how we are to read a value
    f"flag.{Flag.OFF_BODY}": "not worn",
    f"flag.{Flag.ARTEFACT}": "disturbed",
    f"flag.{Flag.IMPLAUSIBLE}": "implausible",
    f"flag.{Flag.FROZEN}": "unchanged for long",
    f"flag.{Flag.MOTION}": "measured while moving",
    f"flag.{Flag.CUFF_LOOSE}": "cuff too loose",
    f"flag.{Flag.BAD_POSITION}": "arm not at heart height",
    f"flag.{Flag.IRREGULAR_PULSE}": "irregular pulse",
    f"flag.{Flag.NOT_A_NUMBER}": "no value",
    f"flag.{Flag.NOT_AT_THIS_RESOLUTION}": "no value",
    f"flag.{Flag.POSITIVE_INFINITY}": "too high to measure",
    f"flag.{Flag.NEGATIVE_INFINITY}": "too low to measure",
    f"flag.{Flag.RESERVED}": "no value",
    f"flag.{Flag.OUT_OF_RANGE}": "out of the device's range",
    f"flag.{Flag.CLOCK_UNSYNCED}": "time uncertain",
    f"flag.{Flag.LATE}": "arrived late",
    # ISA-18.2 states and IEC 60601-1-8 priorities
    "state.unacknowledged": "new",
    "state.acknowledged": "acknowledged",
    "state.returned_unacknowledged": "over, not yet seen",
    "state.shelved": "snoozed",
    "state.suppressed": "suppressed",
    "state.out_of_service": "out of service",
    "state.normal": "closed",
    "priority.high": "High",
    "priority.medium": "Medium",
    "priority.low": "Low",
    # what a condition is called, and what it means: the messages say the same
    **phrases.ENGLISH,
    # evidence
    "evidence.late": "late:",
    "evidence.limit": "limit",
    "evidence.hold_s": "held for",
    "evidence.values": "latest",
    "evidence.device": "device",
    "evidence.baseline": "usual",
    "evidence.quality": "quality",
    "evidence.false_alarm": "false alarm, says",
}

LANGUAGES: dict[str, dict[str, str]] = {"en": {str(k): v for k, v in ENGLISH.items()}}

PRIORITIES: tuple[Priority, ...] = ("high", "medium", "low")
STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]


class Texts:
    """The words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = LANGUAGES[language]

    def __call__(self, key: str, **values: object) -> str:
        """Give a text; a missing key is a bug."""
        return self._words[str(key)].format(**values)

    def get(self, key: str, otherwise: str) -> str:
        """Give a text that may be missing, because its key came from outside."""
        return self._words.get(key, otherwise)
