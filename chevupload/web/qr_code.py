"""QR codes of links, made here, so that no other site learns of them."""

from __future__ import annotations

import io


def qr_code(url: str) -> bytes:
    """Return the QR code of ``url`` as SVG: black on white in every theme, since not all readers can invert."""
    import segno  # noqa: PLC0415 - loaded with the first QR code

    file = io.BytesIO()
    code = segno.make(url, error="m", micro=False)
    code.save(file, kind="svg", xmldecl=False, omitsize=True, light="#fff", svgclass=None, lineclass=None)
    return file.getvalue()
