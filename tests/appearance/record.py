"""Writes into ``expected.json`` what the browser shows of each case: ``python -m tests.appearance.record``.

A HEIC, which no browser shows, is decoded by libheif's program, and shown as a PNG with the same code points.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from typing import Any

from PIL import Image

from tests.appearance.cases import CASES, FILES, RECORD, Case
from tests.appearance.looks import look, on_white, square_look
from tests.appearance.make import code, png
from tests.browser.chromium import started
from tests.browser.drawing import draw


def _shown(page: Any, case: Case) -> dict[str, Any]:
    name, content = case.name, case.content
    if case.code is not None:
        with tempfile.TemporaryDirectory() as folder:
            name = f"{folder}/picture.png"
            subprocess.run(["heif-convert", str(FILES / case.name), name], check=True, stdout=subprocess.DEVNULL)
            with Image.open(name) as decoded:
                content = png(decoded.convert("RGB"), code(*case.code))
    drawn = draw(page, name, content)
    picture = on_white(drawn.image) if case.is_film else drawn.image
    looks = {"whole": look(picture), "square": square_look(picture)}
    return {"size": picture.size, "seconds": int(drawn.seconds), **looks}


def main() -> None:
    """Write them all."""
    with started() as browser:
        page = browser.new_page()
        shown = {case.name: _shown(page, case) for case in CASES}
    lines = [f"{json.dumps(name)}: {json.dumps(seen)}" for name, seen in shown.items()]
    RECORD.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
