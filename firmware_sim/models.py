"""The catalogue: which firmware a wearable of the configuration has."""

from firmware_sim.cuff import Cuff, Make, StoringCuff
from firmware_sim.current_time import CurrentTimeService, DeviceClock
from firmware_sim.firmware import Firmware
from firmware_sim.glucose import GlucoseMeter
from firmware_sim.housing import Housing
from firmware_sim.oximeter import ContinuousPart, Finger, oximeter
from firmware_sim.physiology import Heart
from firmware_sim.strap import LyingStrap, Strap
from firmware_sim.thermometer import Thermometer, patch
from vitals.clock import Clock
from vitals.codes import SITES
from vitals.simulation import SimWearable

EVERY_S = {
    "strap": 1.0,
    "polar": 1.0,
    "watch": 1.0,
    "oximeter": 1.0,
    "cuff": 60.0,
    "thermometer": 10.0,
    "patch": 10.0,
    "glucose": 3600.0,
}
"""Seconds between measurements where the configuration says nothing."""


def make(wearable: SimWearable, heart: Heart, clock: Clock) -> Firmware:
    """Make a wearable's firmware.

    Parameters
    ----------
    wearable
        What the configuration says of it.
    heart
        What it hears; its person wears it.
    clock
        The true time.
    """
    own = DeviceClock(clock, wearable.clock_off_s)
    firmware = _measuring(wearable, heart, own)
    if wearable.current_time == "none":
        return firmware
    service = CurrentTimeService(own, wearable.current_time)
    return Housing(firmware.model, firmware, service)


def _measuring(wearable: SimWearable, heart: Heart, clock: DeviceClock) -> Firmware:
    """Make what measures."""
    person, every_s = heart.person, wearable.every_s or EVERY_S[wearable.kind]
    match wearable.kind:
        case "strap":
            return Strap(heart.person, heart, every_s, wearable.contact)
        case "polar":
            return LyingStrap(heart.person, heart, every_s, wearable.lie)
        case "cuff":
            return _cuff(wearable, heart, clock)
        case "thermometer":
            site = SITES.index(wearable.site) + 1
            return Thermometer(person, clock, every_s, site)
        case "patch":
            return patch(person, clock, every_s)
        case "oximeter":
            return oximeter(person, clock, every_s)
        case "glucose":
            stored, molar = wearable.stored, wearable.molar
            return GlucoseMeter(person, clock, every_s, stored, molar)
        case "watch":
            pulse = Strap(heart.person, heart, every_s)
            return Housing("Watch 1", pulse, ContinuousPart(Finger(person), every_s))


def _cuff(wearable: SimWearable, heart: Heart, clock: DeviceClock) -> Firmware:
    """Make a cuff: one that stores, if it holds readings or hides between them."""
    every_s = wearable.every_s or EVERY_S["cuff"]
    made = Make(
        kpa=wearable.kpa,
        users=wearable.users,
        status=wearable.status,
        stored=wearable.stored,
        window_s=wearable.window_s,
    )
    stores = wearable.stored or wearable.window_s
    kind = StoringCuff if stores else Cuff
    return kind(heart.person, clock, every_s, made)
