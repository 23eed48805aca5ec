"""Takes the pictures of the documentation: ``python -m tests.browser.screenshots docs/pages``.

Names of scenes behind the folder take the pictures of these alone. Each page in each state, on a phone and on a screen,
light and dark, as WebP, so that they stay small.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.browser.chromium import started
from tests.browser.scenes import SCENES, sites

WIDTHS = (375, 1280)
SCHEMES = ("light", "dark")
MAX_HEIGHT = 1_800
"""Of a picture, in pixels: what is longer, such as the page about the API, is cut off here."""


def main() -> None:
    """Take every picture into the folder that is named."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or SCENES
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work, sites(Path(work)) as served, started() as browser:
        for width in WIDTHS:
            for scheme in SCHEMES:
                context = browser.new_context(viewport={"width": width, "height": 700}, color_scheme=scheme)
                for name in names:
                    page = context.new_page()
                    SCENES[name](served.stage(page))
                    page.evaluate("document.activeElement.blur()")
                    shot = Image.open(io.BytesIO(page.screenshot(full_page=True)), formats=["PNG"]).convert("RGB")
                    shot = shot.crop((0, 0, width, min(shot.height, MAX_HEIGHT)))
                    path = folder / f"{name.replace('_', '-')}-{width}-{scheme}.webp"
                    shot.save(path, "WEBP", quality=60, method=6)
                    print(path, path.stat().st_size)
                    page.close()
                context.close()


if __name__ == "__main__":
    main()
