"""The vocabulary of the house: what is measured, and in what words."""

from vitals.codes import SITES, Flag, Kind, Metric
from vitals.errors import ConfigError, MalformedData, Unavailable, VitalsError
from vitals.model import (
    Alert,
    AlertCommand,
    Anomaly,
    Battery,
    BloodPressure,
    BodyTemperature,
    Committed,
    DeviceStatus,
    GatewayStatus,
    Glucose,
    HeartRate,
    Instant,
    Limit,
    OxygenSaturation,
    Plan,
    Priority,
    Reading,
    Record,
    State,
)

__version__ = "0.1.0"

__all__ = [
    "SITES",
    "Alert",
    "AlertCommand",
    "Anomaly",
    "Battery",
    "BloodPressure",
    "BodyTemperature",
    "Committed",
    "ConfigError",
    "DeviceStatus",
    "Flag",
    "GatewayStatus",
    "Glucose",
    "HeartRate",
    "Instant",
    "Kind",
    "Limit",
    "MalformedData",
    "Metric",
    "OxygenSaturation",
    "Plan",
    "Priority",
    "Reading",
    "Record",
    "State",
    "Unavailable",
    "VitalsError",
]
