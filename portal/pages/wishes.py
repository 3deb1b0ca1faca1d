"""In which language and units a browser wants its pages; it keeps that in a cookie."""

from dataclasses import dataclass
from typing import Literal, get_args

from fastapi import Request, Response

from portal.texts import Texts
from portal.units import PRESSURES, TEMPERATURES, Pressure, Temperature, Units

COOKIE = "vitals_view"
YEAR_S = 365 * 86_400
Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES: dict[Language, str] = {"en": "English", "zh": "中文"}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was chosen in one browser."""

    language: Language = "en"
    pressure: Pressure = "mmHg"
    temperature: Temperature = "C"

    def texts(self) -> Texts:
        """Give the words and units."""
        return Texts(self.language, Units(self.pressure, self.temperature))


def wishes(request: Request) -> Wishes:
    """Read the cookie, whatever is in it; without one the browser's language counts."""
    language, pressure, temperature, *_ = [
        *request.cookies.get(COOKIE, "").split("."), "", "", "",
    ]  # fmt: skip
    default = Wishes(_preferred(request.headers.get("accept-language", "")))
    return Wishes(
        language if language in LANGUAGES else default.language,
        pressure if pressure in PRESSURES else default.pressure,
        temperature if temperature in TEMPERATURES else default.temperature,
    )


def keep(response: Response, request: Request, chosen: Wishes) -> None:
    """Have the browser remember."""
    response.set_cookie(
        COOKIE,
        f"{chosen.language}.{chosen.pressure}.{chosen.temperature}",
        max_age=YEAR_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def _preferred(header: str) -> Language:
    """Give the first of a browser's languages that we speak.

    >>> _preferred("de, zh-CN;q=0.9, en;q=0.8"), _preferred("")
    ('zh', 'en')
    """
    for part in header.split(","):
        tag = part.strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return "en"
