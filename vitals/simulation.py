"""The configuration of simulated wearables, people and their radio."""

from math import inf
from typing import Annotated, Literal

from msgspec import Meta

from vitals.model import Name
from vitals.sections import Passkey, Port, Positive, Section


class Course(Section, frozen=True):
    """Something that happens to a simulated person."""

    at_s: float  # since the start of the simulation
    for_s: float
    state: Literal[
        "activity",
        "exercise",
        "racing",
        "bradycardia",
        "fibrillation",
        "hypertension",
        "fever",
        "off_body",
        "gone",
    ]
    ramp_s: Positive | None = None  # to set in, and to wear off; None: the state's own


class SimPerson(Section, frozen=True):
    """A simulated person: seeded, resting unless the course says otherwise."""

    name: Name
    course: tuple[Course, ...] = ()


class SimFault(Section, frozen=True):
    """Something that goes wrong with a simulated wearable: `vitals sim --list`."""

    kind: Literal[
        "drop", "radio_gone", "weak_signal", "silent", "mute", "hostile", "battery",
        "lost", "late", "doubled", "garbled", "unconfirmed", "nan", "reserved",
        "zero", "frozen", "random", "rr_fill", "ectopic", "missed_beat", "clock_off",
        "clock_reset", "clock_jump",
    ]  # fmt: skip
    at_s: float = 0.0  # since the start of the simulation
    for_s: Positive = inf
    every_s: Positive | None = None  # it comes again, counted from its beginning
    probability: Annotated[float, Meta(gt=0, le=1)] = 1.0  # that it strikes a value
    amount: float | None = None  # s or dB; None: the kind's own


class SimWearable(Section, frozen=True):
    """A simulated wearable on a simulated person."""

    kind: Literal[
        "strap",
        "polar",
        "cuff",
        "thermometer",
        "patch",
        "oximeter",
        "glucose",
        "watch",
    ]
    address: str
    person: Name
    name: str = ""  # in the scan response; "" = made from kind and address
    every_s: Positive | None = None  # None: its kind's own
    rr: str = ""  # a file of RR intervals in ms, one a line: the strap beats them
    contact: bool = True  # strap: it can tell whether it is worn
    lie: Literal["frozen", "random"] = "frozen"  # polar: what it says off the body
    kpa: bool = False  # cuff
    users: tuple[Annotated[int, Meta(ge=0, le=255)], ...] = (1,)  # cuff: slots, in turn
    status: Annotated[int, Meta(ge=0, le=0xFFFF)] = 0  # cuff: bits it always sets
    site: Literal[
        "armpit",
        "body",
        "ear",
        "finger",
        "gi",
        "mouth",
        "rectum",
        "toe",
        "tympanum",
    ] = "armpit"  # thermometer
    molar: bool = False  # glucose: mol/L; else kg/L
    stored: Annotated[int, Meta(ge=0, le=65_535)] = (
        0  # cuff, glucose: readings it holds
    )
    window_s: Positive | None = None  # cuff: found only for so long after a reading
    clock_off_s: Annotated[float, Meta(ge=-4e9, le=4e9)] = 0.0
    # Its Current Time Service: it lets itself be read, be set, or only pretends to.
    current_time: Literal["none", "read", "write", "ignore"] = "none"
    # What its values need: nothing, an encrypted link, or one that a passkey made.
    security: Literal["open", "encrypted", "passkey"] = "open"
    passkey: Passkey = ""  # that it shows
    private_s: Positive | None = None  # it hides, and changes its address so often
    faults: tuple[SimFault, ...] = ()


class Sim(Section, frozen=True):
    """The simulated radio and what is on it."""

    host: str = "127.0.0.1"  # Host Controller Interface over TCP, for the gateway
    port: Port = 6402
    seed: int = 1
    speed: Positive = 1.0
    hour: Annotated[float, Meta(ge=0, lt=24)] = 8.0  # of the day when it begins
    ledger: str = ""  # a file that is told every value handed to the radio
    bonds: str = ""  # a file that keeps the wearables' bonds; "" forgets them
    faults: tuple[SimFault, ...] = ()  # of the gateways' adapters: radio_gone, mute
    people: tuple[SimPerson, ...] = ()
    wearables: tuple[SimWearable, ...] = ()
