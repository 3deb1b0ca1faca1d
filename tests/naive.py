"""Every characteristic read slowly, straight from the tables: the oracle of the fuzz.

The tables are those of the GATT Specification Supplement (fields, bits, order) and of
IEEE 11073-20601 (numbers).  Nothing here is shared with `vitals.gatt` or
`gateway.decode` but the names of the fields, so that one mistake is not made twice.
"""

from datetime import UTC, datetime
from fractions import Fraction
from functools import cache

SPECIALS = {-1: "NAN", 0: "NRES", -2: "POSITIVE_INFINITY", 2: "NEGATIVE_INFINITY"}
SPECIALS[1] = "RESERVED"
EVERYTHING = -1  # octets of a field that runs to the end


def little(octets):
    return int.from_bytes(octets, "little")


@cache
def decimal(bits, octets):
    """A number of IEEE 11073: a mantissa of so many bits, its exponent above."""
    raw, half = little(octets), 1 << (bits - 1)
    mantissa, exponent = raw % (2 * half), raw >> bits
    if exponent == 0 and (name := SPECIALS.get(mantissa - half)):
        return name
    width = 8 * len(octets) - bits
    exponent -= (exponent >> (width - 1)) << width
    mantissa -= 2 * half if mantissa >= half else 0
    return float(mantissa * Fraction(10) ** exponent)


def sfloat(octets):
    return decimal(12, octets)


def stamp(octets):
    return (little(octets[:2]), *octets[2:])


def pairs(octets):
    return tuple(little(octets[n : n + 2]) for n in range(0, len(octets), 2))


KINDS = {  # octets, and what they say
    "uint8": (1, little),
    "uint16": (2, little),
    "uint24": (3, little),
    "uint40": (5, little),
    "sint8": (1, lambda o: int.from_bytes(o, "little", signed=True)),
    "sint16": (2, lambda o: int.from_bytes(o, "little", signed=True)),
    "sfloat": (2, sfloat),
    "float": (4, lambda o: decimal(24, o)),
    "stamp": (7, stamp),
    "two sfloats": (4, lambda o: (sfloat(o[:2]), sfloat(o[2:]))),
    "id, sfloat": (3, lambda o: (o[0], sfloat(o[1:]))),
    "uint16, uint8": (3, lambda o: (little(o[:2]), o[2])),
    "low nibble, high nibble": (1, lambda o: (o[0] & 15, o[0] >> 4)),
    "uint16s": (EVERYTHING, pairs),
    "octets": (EVERYTHING, bytes),
}
# Octets of the flags, their reserved bits; of each field the bit, its name, its kind.
# Bit ~0 announces by not being set.
FLAGGED = {
    "HeartRateMeasurement": (1, {5, 6, 7}, [
        (~0, "rate", "uint8"), (0, "rate", "uint16"), (3, "energy", "uint16"),
        (4, "rr_intervals", "uint16s")]),
    "BloodPressureMeasurement": (1, {5, 6, 7}, [
        (None, "systolic", "sfloat"), (None, "diastolic", "sfloat"),
        (None, "mean", "sfloat"), (1, "stamp", "stamp"), (2, "pulse", "sfloat"),
        (3, "user", "uint8"), (4, "status", "uint16")]),
    "TemperatureMeasurement": (1, {3, 4, 5, 6, 7}, [
        (None, "value", "float"), (1, "stamp", "stamp"), (2, "site", "uint8")]),
    "SpotCheck": (1, {5, 6, 7}, [
        (None, "spo2", "sfloat"), (None, "pulse", "sfloat"), (0, "stamp", "stamp"),
        (1, "status", "uint16"), (2, "sensor", "uint24"), (3, "amplitude", "sfloat")]),
    "Continuous": (1, {5, 6, 7}, [
        (None, "spo2", "sfloat"), (None, "pulse", "sfloat"), (0, "fast", "two sfloats"),
        (1, "slow", "two sfloats"), (2, "status", "uint16"), (3, "sensor", "uint24"),
        (4, "amplitude", "sfloat")]),
    "GlucoseMeasurement": (1, {5, 6, 7}, [
        (None, "sequence", "uint16"), (None, "base", "stamp"), (0, "offset", "sint16"),
        (1, "concentration", "sfloat"),
        (1, "sample place", "low nibble, high nibble"), (3, "status", "uint16")]),
    "GlucoseContext": (1, set(), [
        (None, "sequence", "uint16"), (7, "", "uint8"),
        (0, "carbohydrate", "id, sfloat"), (1, "meal", "uint8"),
        (2, "tester health", "low nibble, high nibble"),
        (3, "exercise", "uint16, uint8"), (4, "medication", "id, sfloat"),
        (6, "hba1c", "sfloat")]),
    "PlxFeatures": (2, set(), [(0, "status", "uint16"), (1, "sensor", "uint24")]),
}  # fmt: skip
PLAIN = {
    "BloodPressureFeature": [("features", "uint16")],
    "TemperatureType": [("site", "uint8")],
    "MeasurementInterval": [("seconds", "uint16")],
    "GlucoseFeature": [("features", "uint16")],
    "BatteryLevel": [("level", "uint8")],
    "DateTime": [("year month day hours minutes seconds", "stamp")],
    "CurrentTime": [
        ("stamp", "stamp"),
        ("day_of_week", "uint8"),
        ("fractions256", "uint8"),
        ("adjust_reason", "uint8"),
    ],
    "LocalTimeInformation": [("time_zone", "sint8"), ("daylight", "uint8")],
    "RecordAccess": [
        ("op_code", "uint8"),
        ("operator", "uint8"),
        ("operand", "octets"),
    ],
    "SystemId": [("manufacturer", "uint40"), ("organisation", "uint24")],
}
BITS = {  # fields that are bits of the flags
    "HeartRateMeasurement": lambda f: {
        "contact": bool(f & 2) if f & 4 else None,
    },
    "BloodPressureMeasurement": lambda f: {"kpa": bool(f & 1)},
    "TemperatureMeasurement": lambda f: {"fahrenheit": bool(f & 1)},
    "SpotCheck": lambda f: {"clock_set": not f & 16},
    "GlucoseMeasurement": lambda f: {"molar": bool(f & 4), "context": bool(f & 16)},
    "GlucoseContext": lambda f: {"litres": bool(f & 32)},
    "PlxFeatures": lambda f: {"features": f},
}
ABSENT = {"rr_intervals": (), "sample": 0, "place": 0}  # else None


def read(name, data):
    """Give a structure's fields by name, or None if the data are malformed."""
    if name in PLAIN:
        fields = [(None, field, kind) for field, kind in PLAIN[name]]
        said, rest = _fields(fields, 0, data)
        whole = rest == b"" and not (name == "BatteryLevel" and said["level"] > 100)
        return said if whole else None
    octets, reserved, fields = FLAGGED[name]
    if len(data) < octets:
        return None
    flags = little(data[:octets])
    said, rest = _fields(fields, flags, data[octets:])
    future = any(flags >> bit & 1 for bit in reserved)
    if rest is None or (rest and not future):
        return None
    return said | (BITS[name](flags) if name in BITS else {})


def _fields(fields, flags, rest):
    """Give what the fields say, and the octets behind; None if some are missing."""
    said = {}
    for bit, names, kind in fields:
        there = bit is None or (flags >> bit & 1 if bit >= 0 else not flags >> ~bit & 1)
        octets, meaning = KINDS[kind]
        octets = len(rest) if octets == EVERYTHING else octets
        if not there:
            for name in names.split():
                said.setdefault(name, ABSENT.get(name))
            continue
        if len(rest) < octets or (kind == "uint16s" and octets % 2):
            return said, None
        value, rest = meaning(rest[:octets]), rest[octets:]
        several = names.split()
        said.update(
            zip(several, value, strict=True)
            if len(several) > 1
            else dict.fromkeys(several, value)
        )
    return said, rest


# What a record must say.  A number is (exactly, give or take).

DAY_MS = 86_400_000
YEAR_2100 = 4_102_444_800_000
OVERRUN = (0x7FFF, -0x8000)
SITES = "armpit", "body", "ear", "finger", "gi", "mouth", "rectum", "toe", "tympanum"


def values(name, said, received):
    """Give what the record of a structure says, field by field."""
    return RECORDS[name](said, received)


def _number(value, scale=1, within=0):
    if isinstance(value, str) or value is None:
        return None
    return Fraction(value) * scale, within


def _heart_rate(said, received):
    off = said["contact"] is False or said["rate"] == 0
    rr = tuple(interval / 1.024 for interval in said["rr_intervals"])
    return {
        "hr": None if off else _number(said["rate"]),
        "rr": [_number(one, within=Fraction(1, 10**9)) for one in rr],
        "energy": _number(said["energy"]),
        "t": received,
    }


def _blood_pressure(said, received):
    kpa = (Fraction("7.50062"), Fraction("0.0500001")) if said["kpa"] else (1, 0)
    return {
        "sys": _number(said["systolic"], *kpa),
        "dia": _number(said["diastolic"], *kpa),
        "map": _number(said["mean"], *kpa),
        "pulse": _number(said["pulse"]),
        "user": _number(said["user"]),
        **_times(said["stamp"], received),
    }


def _temperature(said, received):
    value, exact = said["value"], _number(said["value"])
    if said["fahrenheit"] and exact:
        exact = (Fraction(value) - 32) * 5 / 9, Fraction("0.00050001")
    site = said["site"]
    return {
        "temp": exact,
        "site": SITES[site - 1] if site and site <= len(SITES) else None,
        **_times(said["stamp"], received),
    }


def _saturation(said, received):
    status, sensor = said["status"] or 0, said["sensor"] or 0
    # Demonstration, testing, calibrating, unavailable, invalid; off or out of order.
    void = status & 0b1011_1100 << 8 or sensor & (1 << 1 | 1 << 11 | 0b11 << 14)
    found = {
        "spo2": None if void else _number(said["spo2"]),
        "pulse": None if void else _number(said["pulse"]),
    }
    return found | {"t": received}


def _spot_check(said, received):
    times = _times(said["stamp"], received, said["clock_set"])
    return _saturation(said, received) | times


def _glucose(said, received):
    status, offset = said["status"] or 0, said["offset"] or 0
    control = said["sample"] == 10 or said["place"] == 4
    beyond = status & (1 << 5 | 1 << 6)
    scale = 1000 if said["molar"] else Fraction(10**6) / Fraction("180.156")
    value = _number(said["concentration"], scale, Fraction("0.00050001"))
    minutes = 0 if offset in OVERRUN else offset
    right = offset not in OVERRUN and not status & 1 << 11
    return {
        "glucose": None if control or beyond else value,
        **_times(said["base"], received, right, minutes * 60_000),
    }


def _battery(said, received):
    return {"level": _number(said["level"]), "t": received}


def _times(shown, received, trusted=True, more_ms=0):
    """A stamp counts unless it is of the future, a year old, or not to be trusted."""
    try:
        at = datetime(*shown, tzinfo=UTC) if shown and shown[0] >= 1582 else None
    except ValueError:
        at = None
    ms = round(at.timestamp() * 1000) if at else None
    if ms is None or not 0 <= ms <= YEAR_2100:
        return {"t": received, "device_t": None}
    ms += more_ms
    near = received - 365 * DAY_MS < ms <= received + 60_000
    t = min(ms, received) if near and trusted else received
    return {"t": t, "device_t": ms}


RECORDS = {
    "HeartRateMeasurement": _heart_rate,
    "BloodPressureMeasurement": _blood_pressure,
    "TemperatureMeasurement": _temperature,
    "SpotCheck": _spot_check,
    "Continuous": _saturation,
    "GlucoseMeasurement": _glucose,
    "BatteryLevel": _battery,
}
