"""The codes of what we say: CLINICAL facts as FHIR terminology, one row each.

A *part* is one Observation that a record gives: a cuff's record gives its pressure and,
beside it, its pulse.
"""

from msgspec import Struct

from portal.fhir.resources import CodeableConcept, Coding, concept
from vitals.codes import Flag, Kind

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
MDC = "urn:iso:std:iso:11073:10101"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
PROFILE = "http://hl7.org/fhir/StructureDefinition/"
COINCIDENT = (
    "http://hl7.org/fhir/uv/phd/StructureDefinition/CoincidentTimeStampReference"
)

# Names that are only unique within this installation.
SUBJECTS = "urn:vitals:patient"
DEVICES = "urn:vitals:device"
OBSERVATIONS = "urn:vitals:observation"
ALERTS = "urn:vitals:alert"
QUALITY = "urn:vitals:quality"
CONDITIONS = "urn:vitals:condition"
DECISIONS = "urn:vitals:decision"


class Part(Struct, frozen=True, kw_only=True):
    """One Observation that records of a kind give."""

    kind: Kind
    field: str  # of the record
    category: str
    code: CodeableConcept
    unit: str = ""  # for people
    ucum: str = ""
    profile: tuple[str, ...] = ()


def _code(display: str, *codings: tuple[str, str, str]) -> CodeableConcept:
    return CodeableConcept(tuple(Coding(*coding) for coding in codings), display)


_PULSE = (LOINC, "8867-4", "Heart rate")

PARTS = {
    "hr": Part(
        kind=Kind.HEART_RATE,
        field="hr",
        category="vital-signs",
        code=_code("Heart rate", _PULSE),
        unit="/min",
        ucum="/min",
        profile=(f"{PROFILE}heartrate",),
    ),
    # In milliseconds, which no vital sign may have: neither category nor profile.
    "rr": Part(
        kind=Kind.HEART_RATE,
        field="rr",
        category="procedure",
        code=_code("RR intervals", (LOINC, "8637-1", "R-R interval by EKG")),
        unit="ms",
        ucum="ms",
    ),
    "bp": Part(
        kind=Kind.BLOOD_PRESSURE,
        field="sys",
        category="vital-signs",
        code=_code(
            "Blood pressure",
            (LOINC, "85354-9", "Blood pressure panel with all children optional"),
            (MDC, "150020", "MDC_PRESS_BLD_NONINV"),
        ),
        unit="mmHg",
        ucum="mm[Hg]",
        profile=(f"{PROFILE}bp",),
    ),
    "pr": Part(
        kind=Kind.BLOOD_PRESSURE,
        field="pulse",
        category="vital-signs",
        code=_code("Pulse", _PULSE, (MDC, "149546", "MDC_PULS_RATE_NON_INV")),
        unit="/min",
        ucum="/min",
        profile=(f"{PROFILE}heartrate",),
    ),
    "bt": Part(
        kind=Kind.BODY_TEMPERATURE,
        field="temp",
        category="vital-signs",
        code=_code(
            "Body temperature",
            (LOINC, "8310-5", "Body temperature"),
            (MDC, "150364", "MDC_TEMP_BODY"),
        ),
        unit="°C",
        ucum="Cel",
        profile=(f"{PROFILE}bodytemp",),
    ),
    "ox": Part(
        kind=Kind.OXYGEN_SATURATION,
        field="spo2",
        category="vital-signs",
        code=_code(
            "Oxygen saturation",
            (LOINC, "2708-6", "Oxygen saturation in Arterial blood"),
            (
                LOINC,
                "59408-5",
                "Oxygen saturation in Arterial blood by Pulse oximetry",
            ),
            (MDC, "150456", "MDC_PULS_OXIM_SAT_O2"),
        ),
        unit="%",
        ucum="%",
        profile=(f"{PROFILE}oxygensat",),
    ),
    "op": Part(
        kind=Kind.OXYGEN_SATURATION,
        field="pulse",
        category="vital-signs",
        code=_code("Pulse", _PULSE, (MDC, "149530", "MDC_PULS_OXIM_PULS_RATE")),
        unit="/min",
        ucum="/min",
        profile=(f"{PROFILE}heartrate",),
    ),
    "gl": Part(
        kind=Kind.GLUCOSE,
        field="glucose",
        category="laboratory",
        code=_code("Glucose", (LOINC, "15074-8", "Glucose [Moles/volume] in Blood")),
        unit="mmol/L",
        ucum="mmol/L",
    ),
}
OF_KIND = {k: [n for n, p in PARTS.items() if p.kind is k] for k in Kind}

CATEGORIES = {
    "vital-signs": concept(CATEGORY, "vital-signs", "Vital Signs"),
    "procedure": concept(CATEGORY, "procedure", "Procedure"),
    "laboratory": concept(CATEGORY, "laboratory", "Laboratory"),
}

COMPONENTS = {  # of the panel of blood pressure, by field
    "sys": _code(
        "Systolic",
        (LOINC, "8480-6", "Systolic blood pressure"),
        (MDC, "150021", "MDC_PRESS_BLD_NONINV_SYS"),
    ),
    "dia": _code(
        "Diastolic",
        (LOINC, "8462-4", "Diastolic blood pressure"),
        (MDC, "150022", "MDC_PRESS_BLD_NONINV_DIA"),
    ),
    "map": _code(
        "Mean",
        (LOINC, "8478-0", "Mean blood pressure"),
        (MDC, "150023", "MDC_PRESS_BLD_NONINV_MEAN"),
    ),
}


def _absent(code: str, display: str) -> CodeableConcept:
    return concept(ABSENT, code, display)


UNKNOWN = _absent("unknown", "Unknown")
_ERROR = _absent("error", "Error")
REASONS = {  # why there is no number: the first that a record names
    Flag.NOT_A_NUMBER: _absent("not-a-number", "Not a Number (NaN)"),
    Flag.POSITIVE_INFINITY: _absent("positive-infinity", "Positive Infinity (PINF)"),
    Flag.NEGATIVE_INFINITY: _absent("negative-infinity", "Negative Infinity (NINF)"),
    Flag.NOT_AT_THIS_RESOLUTION: UNKNOWN,
    Flag.RESERVED: _ERROR,
    Flag.OUT_OF_RANGE: _ERROR,
    Flag.OFF_BODY: _absent("not-performed", "Not Performed"),
    Flag.ARTEFACT: _ERROR,
    Flag.IMPLAUSIBLE: _ERROR,
    Flag.FROZEN: _ERROR,
    Flag.MOTION: _ERROR,
    Flag.CUFF_LOOSE: _ERROR,
    Flag.BAD_POSITION: _ERROR,
}

FAILED = concept(INTERPRETATION, "QCF", "Quality control failure")
DOUBTFUL = frozenset(  # a number beside one of these is not to be relied upon
    {
        Flag.OFF_BODY, Flag.ARTEFACT, Flag.IMPLAUSIBLE, Flag.FROZEN, Flag.MOTION,
        Flag.CUFF_LOOSE, Flag.BAD_POSITION,
    }
)  # fmt: skip

_SITES = {  # SNOMED CT, IEEE 11073; None: that system has no code for it here
    "armpit": (("422543003", "Axilla"), ("188452", "MDC_TEMP_AXILLA")),
    "body": (None, None),
    "ear": (("117590005", "Ear"), ("188428", "MDC_TEMP_EAR")),
    "finger": (("7569003", "Finger"), ("188432", "MDC_TEMP_FINGER")),
    "gi": (None, ("188456", "MDC_TEMP_GIT")),
    "mouth": (("74262004", "Mouth"), ("188424", "MDC_TEMP_ORAL")),
    "rectum": (("34402009", "Rectum"), ("188420", "MDC_TEMP_RECT")),
    "toe": (("29707007", "Toe"), ("188448", "MDC_TEMP_TOE")),
    "tympanum": (None, ("150392", "MDC_TEMP_TYMP")),
}


def _site(name: str, *codes: tuple[str, str] | None) -> CodeableConcept:
    pairs = zip((SNOMED, MDC), codes, strict=True)
    found = (Coding(system, *code) for system, code in pairs if code)
    return CodeableConcept(tuple(found), name)


SITES = {name: _site(name, *codes) for name, codes in _SITES.items()}

CLOCK = concept(MDC, "67975", "MDC_ATTR_TIME_ABS", "Time of the device's clock")
SEVERITY = {"high": "high", "medium": "moderate", "low": "low"}
