"""A link as a QR code, drawn as SVG without any style of its own."""

import io

import segno


def svg(text: str, label: str) -> str:
    """Draw a text; black on white, also where the page is dark."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=4,
        light="#fff", svgclass="qr", lineclass=None, title=label,
    )  # fmt: skip
    return out.getvalue().decode()
