"""A message's parts, as plain text and as simple HTML that any mail reader shows."""

from html import escape

from msgspec import Struct

from vitals.model import Priority
from vitals.phrases import Language

_COLOURS: dict[Priority, str] = {
    "high": "#b3261e",
    "medium": "#8a5a00",
    "low": "#3f6212",
}
_COLON: dict[Language, str] = {"en": ":", "zh": ":"}
_NAMES = "116px"  # a fact's name, and the space behind it
_FONT = "font-family:system-ui,'PingFang SC','Microsoft YaHei',Arial,sans-serif"


class Sheet(Struct, frozen=True, kw_only=True):
    """One message: what a reader sees, in this order."""

    title: str
    lead: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # name, value
    advice_label: str = ""
    advice: str = ""
    links: tuple[tuple[str, str], ...] = ()  # name, address
    footer: str = ""
    priority: Priority = "low"
    language: Language = "en"


def text(sheet: Sheet) -> str:
    """Write everything below the title as plain text."""
    colon = _COLON[sheet.language] + (" " if sheet.language == "en" else "")
    facts = [f"{label}{colon}{value}" for label, value in sheet.facts]
    advice = colon.join(filter(None, (sheet.advice_label, sheet.advice)))
    links = [f"{label}{colon}{address}" for label, address in sheet.links]
    blocks = ([sheet.lead], facts, [advice], links, [sheet.footer])
    written = ("\n".join(filter(None, block)) for block in blocks)
    return "\n\n".join(filter(None, written))


def html(sheet: Sheet) -> str:
    """Write everything as HTML that loads nothing from elsewhere.

    Each thing stands in a block of its own, and each address is written out, so that
    it also reads well where the tags are taken away.
    """
    parts = (
        _open(sheet),
        _paragraph(sheet.lead, "margin:0 0 16px;font-size:17px"),
        *(_fact(fact, sheet.language) for fact in sheet.facts),
        _advice(sheet),
        *map(_button, sheet.links),
        *(_address(link, sheet.language) for link in sheet.links),
        _paragraph(sheet.footer, "margin:20px 0 0;color:#5f6368;font-size:13px"),
        "</div></body></html>",
    )
    return "\n".join(filter(None, parts))


def _open(sheet: Sheet) -> str:
    """Begin the page, with its title in the colour of its priority."""
    title, colour = escape(sheet.title), _COLOURS[sheet.priority]
    language = "zh-CN" if sheet.language == "zh" else "en"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title></head>"
        f'<body style="margin:0;padding:16px;background:#f4f5f7;{_FONT};color:#1f2328">'
        '<div style="max-width:560px;margin:0 auto;padding:20px;background:#fff;'
        f'border-top:6px solid {colour};border-radius:8px">\n'
        f'<h1 style="margin:0 0 12px;font-size:20px;color:{colour}">{title}</h1>'
    )


def _paragraph(words: str, style: str) -> str:
    return f'<p style="{style}">{escape(words)}</p>' if words else ""


def _fact(fact: tuple[str, str], language: Language) -> str:
    """Give name and value side by side."""
    label, value = (escape(part) for part in fact)
    name = "display:inline-block;width:112px;text-indent:0;color:#5f6368"
    row = f"padding:3px 0 3px {_NAMES};text-indent:-{_NAMES};font-size:15px"
    colon = _COLON[language]
    return (
        f'<div style="{row}"><span style="{name}">{label}{colon}</span> '
        f"<b>{value}</b></div>"
    )


def _advice(sheet: Sheet) -> str:
    """Give what to do, set apart."""
    if not sheet.advice:
        return ""
    label = sheet.advice_label and sheet.advice_label + _COLON[sheet.language]
    style = "margin:16px 0;padding:12px;background:#f4f5f7;border-radius:6px"
    return f'<p style="{style}"><b>{escape(label)}</b> {escape(sheet.advice)}</p>'


def _button(link: tuple[str, str]) -> str:
    """Give an address as something that a thumb can hit."""
    label, address = link
    style = (
        "display:block;padding:14px 18px;color:#fff;background:#0b57d0;"
        "border-radius:6px;text-align:center;text-decoration:none"
    )
    anchor = f'<a href="{escape(address)}" style="{style}">{escape(label)}</a>'
    return f'<div style="margin:0 0 8px">{anchor}</div>'


def _address(link: tuple[str, str], language: Language) -> str:
    """Write an address out, for readers that show no buttons."""
    label, address = link
    style = "margin:8px 0 0;color:#5f6368;font-size:12px;word-break:break-all"
    return _paragraph(f"{label}{_COLON[language]} {address}", style)
