"""The demo's story: who wears what, and what happens to them in the first minute."""

from pathlib import Path
from typing import Literal

from vitals.config import (
    Alerts,
    Config,
    Gateway,
    Mqtt,
    Portal,
    Store,
    Wearable,
)
from vitals.detection import Dsp, Pressure
from vitals.model import Limit
from vitals.simulation import Course, Sim, SimPerson, SimWearable

# Seconds since the start of the simulation.  The story tells itself once.
ANNA = (Course(at_s=8, for_s=22, state="racing"),)
BEN = (
    Course(at_s=20, for_s=16, state="hypertension"),
    Course(at_s=40, for_s=12, state="off_body"),
)

# So short that the story fits a minute; a patient's real limits persist for longer.
QUICK = Dsp(
    limits={
        "heart_rate": Limit(low=40, high=120, hold_s=5),
        "systolic": Limit(low=90, hold_s=0),
    },
    pressure=Pressure(again_s=5, wait_s=10),
    off_body_s=5,
    silence_s={"heart_rate": 15},
)

Worn = tuple[Literal["strap", "cuff", "thermometer"], str, float]

FEW: tuple[Worn, ...] = (
    ("strap", "p-anna", 1),
    ("thermometer", "p-anna", 10),
    ("strap", "p-ben", 1),
    ("cuff", "p-ben", 12),
)


def write(  # noqa: PLR0913 - the demo's options
    data: Path,
    mqtt: Mqtt,
    wearables: int,
    *,
    rr: str = "",
    ledger: str = "",
    speed: float = 1.0,
    port: int = 8000,
) -> Config:
    """Write the configuration of a demo."""
    more = wearables - len(FEW)
    crowd: tuple[Worn, ...] = tuple(
        ("strap", f"p-{number:03d}", 1) for number in range(1, more + 1)
    )
    cast = FEW[: min(wearables, len(FEW))] + crowd
    return Config(
        data=str(data),
        mqtt=mqtt,
        gateway=Gateway(
            name="gw-demo",
            group_ms=0,  # nothing wears out here, and every millisecond shows
            wearables=tuple(
                Wearable(device=device(n, kind), subject=subject, address=address(n))
                for n, (kind, subject, _) in enumerate(cast, 1)
            ),
        ),
        sim=Sim(
            port=0,
            people=_people(cast),
            wearables=tuple(
                SimWearable(
                    kind=kind,
                    address=address(n),
                    person=subject,
                    name=device(n, kind),
                    every_s=every_s,
                    rr=rr if n == 1 else "",
                )
                for n, (kind, subject, every_s) in enumerate(cast, 1)
            ),
            ledger=ledger,
            speed=speed,
        ),
        store=Store(commit_s=0),  # as with the gateway's group_ms
        dsp=QUICK,
        alerts=Alerts(),
        portal=Portal(port=port),
    )


def device(number: int, kind: str) -> str:
    """Name a wearable."""
    return f"{kind}-{number}"


def address(number: int) -> str:
    """Give a wearable a static random address (the two highest bits are set)."""
    return f"C0:00:00:00:{number >> 8:02X}:{number & 255:02X}"


def subjects(settings: Config) -> list[str]:
    """Give the demo's patients, in order of appearance."""
    return list(
        dict.fromkeys(s for w in settings.gateway.wearables for s in w.subjects)
    )


def _people(cast: tuple[Worn, ...]) -> tuple[SimPerson, ...]:
    courses = {"p-anna": ANNA, "p-ben": BEN}
    names = dict.fromkeys(subject for _, subject, _ in cast)
    return tuple(SimPerson(name=n, course=courses.get(n, ())) for n in names)
