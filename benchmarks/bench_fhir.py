"""Writing a heart rate as a FHIR Observation, against fhir.resources (pydantic)."""

import json
import re

from fhir.resources.R4B.observation import Observation

from benchmarks.duel import Duel
from portal.fhir.observations import observations
from portal.fhir.resources import encode
from vitals import HeartRate, Reading

READING = Reading(
    "p-1",
    "strap-1",
    HeartRate(
        t=1_795_300_000_007, received=1_795_300_000_107, gateway="gw", seq=7, hr=72.0
    ),
)
OURS = next(observations(READING))
FIELDS = json.loads(encode(OURS))
RIVAL = Observation.model_validate(FIELDS)


def same(a, b):
    """Tell whether two texts say the same; the rival writes times with microseconds."""
    return json.loads(a) == json.loads(re.sub(r"(\.\d{3})000Z", r"\1Z", b))


DUELS = [
    Duel(
        "write a FHIR Observation, against fhir.resources",
        lambda: encode(OURS),
        lambda: RIVAL.model_dump_json(),
        same,
    ),
    Duel(
        "make and write a FHIR Observation, against fhir.resources",
        lambda: encode(next(observations(READING))),
        lambda: Observation.model_validate(FIELDS).model_dump_json(),
        same,
    ),
]
